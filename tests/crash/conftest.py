"""The study that nothing happened to, for all that is compared with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from salessim.scenario.model import Scenario
from tests.crash.studies import TEXT, Counting, searched


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return Scenario.parse(TEXT)


@pytest.fixture(scope="session")
def straight(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What it says, and its folder."""
    folder = tmp_path_factory.mktemp("straight") / "study"
    return searched(scenario, folder), folder


@pytest.fixture(scope="session")
def total(scenario: Scenario) -> int:
    """Replications of the whole study, each once."""
    counting = Counting()
    searched(scenario, None, workers=counting)
    assert len(set(counting.ran)) == len(counting.ran)
    return len(counting.ran)
