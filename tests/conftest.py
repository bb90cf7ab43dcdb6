"""Paths that several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# The first example compiles or imports; times are for benchmarks, not for tests.
settings.register_profile("salessim", deadline=None, derandomize=True)
settings.load_profile("salessim")

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def b2b() -> Path:
    return ROOT / "scenarios" / "b2b.yaml"


def real_log(name: str) -> Path:
    """A real log that is not part of the project."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} lies outside the project (shared/data) and is not here")
    return path
