"""Odd things to choose from, through the command: levers without effect, a single design, limits that none keeps, objectives that some designs have not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import Result

from salessim.optimisation import optimise
from salessim.scenario.model import Scenario
from tests.crash.studies import ASKED, TEXT
from tests.test_own_measures import cli

IDLE = "  order: {field: stages.sale.steps.settle.priority, choice: [1, 5, 9], assumption: planted}\n"  # the only step of its team
SHORT = ("--trials", "9", "-n", "2", "--final", "8", "--seed", "5", "--quiet", "--workers", "1")


def searched(tmp_path: Path, text: str, *more: str) -> tuple[Result, dict[str, Any]]:
    (tmp_path / "desks.yaml").write_text(text)
    result = cli("optimise", tmp_path / "desks.yaml", "--out", tmp_path / "study", *SHORT, "--json", *more)
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result, json.loads(result.stdout) if result.exit_code in (0, 3) else {}


def test_a_lever_that_changes_nothing_is_named() -> None:
    best = optimise(Scenario.parse(TEXT + IDLE), workers=1, **ASKED)
    assert list(best.idle) == ["order"]
    assert best.idle["order"] >= 1
    (said,) = [c for c in best.cautions() if "changes nothing that is measured" in c]
    assert "'order'" in said
    assert best.settings["order"] == best.today.steps["settle"].priority
    assert optimise(Scenario.parse(TEXT), workers=1, **ASKED).idle == {}


def test_a_lever_that_changes_nothing_is_named_by_the_command(tmp_path: Path) -> None:
    result, _ = searched(tmp_path, TEXT + IDLE, "--objective", "cycle_time")
    assert result.exit_code in (0, 3), result.output
    assert "Lever 'order' changes nothing that is measured" in result.output + (tmp_path / "study" / "report.html").read_text()


ONE = TEXT[: TEXT.index("levers:")] + "levers:\n  desk: {field: teams.desk.size, choice: [2], assumption: planted}\n"


def test_a_space_with_a_single_design_is_refused(tmp_path: Path) -> None:
    result, _ = searched(tmp_path, ONE, "--objective", "cycle_time")
    assert result.exit_code == 2
    assert "there is nothing to choose: each lever ('desk') has the setting of today only; give one of them another setting" in result.stderr


def test_an_objective_that_no_design_has_is_refused(tmp_path: Path) -> None:
    """Nobody ever signs: to leave everything as it is would be no advice."""
    nobody = TEXT.replace(", milestone: won, then: [{done: true}]", ", then: [{lost: no}]")
    result, _ = searched(tmp_path, nobody, "--objective", "cycle_time")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "objective 'cycle_time': none of the 9 designs that were simulated has a cycle time to win" in result.stderr
    assert not (tmp_path / "study" / "best.yaml").exists()


def test_an_objective_that_only_some_designs_have(tmp_path: Path) -> None:
    """Today nobody is there who settles, so nobody signs; with somebody there is a time to compare, but not with today."""
    alone = TEXT.replace("  back: {size: 3,", "  back: {size: 0,")
    result, said = searched(tmp_path, alone, "--objective", "cycle_time")
    assert result.exit_code in (0, 2, 3), result.output
    assert "RuntimeWarning" not in result.output
    if said:
        assert "has no cycle time to win, mean to compare with" in " ".join(said["sentences"])


def test_a_limit_that_no_design_meets_is_named_with_the_gap(tmp_path: Path) -> None:
    result, said = searched(tmp_path, TEXT, "--objective", "cycle_time", "--limit", "cost <= 1000/month")
    assert result.exit_code == 3
    first = said["sentences"][0]
    assert first.startswith("No design that was tried keeps this limit: cost at most 1,000 EUR/month.")
    # Two at 30 EUR and three at 40 EUR an hour, day and night, in a month of 30.4375 days.
    assert f"has cost {(2 * 30 + 3 * 40) * 24 * 30.4375:,.0f}" in first
