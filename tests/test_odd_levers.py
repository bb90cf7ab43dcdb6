"""Odd things to choose from, through the command: levers without effect, a single design, limits that none keeps, objectives that some designs have not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
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


def test_two_ways_to_write_what_is_there_are_no_choice(tmp_path: Path) -> None:
    twice = TEXT[: TEXT.index("levers:")] + "levers:\n  pay: {field: teams.desk.size, choice: [2, 2], assumption: planted}\n"
    result, _ = searched(tmp_path, twice, "--objective", "cycle_time")
    assert result.exit_code == 2
    assert "there is nothing to choose: each lever ('pay')" in result.stderr


def test_a_process_to_which_nobody_comes(tmp_path: Path) -> None:
    """Nothing is lost and nothing costs time: there is no better design, and theory has nothing to say."""
    result, told = searched(tmp_path, re.sub(r"rate: [^,}]+", "rate: 0 per day", TEXT, count=1), "--objective", "lost_customers")
    assert result.exit_code == 0, result.output
    assert not told["changed"]
    assert told["sentences"][0].startswith("Leave the process as it is")


def test_a_search_that_looks_at_nothing_but_today_recommends_nothing(tmp_path: Path) -> None:
    result, told = searched(tmp_path, TEXT, "--objective", "cycle_time", "--trials", "1")
    assert result.exit_code == 3
    assert told["sentences"][0] == "Nothing can be recommended yet: no design but today's process was looked at."


BAD = [
    (("--limit", "cost <= nan"), "limit cost: 'nan' is not an amount of money; write for example"),
    (("--limit", "cost <= 1e400"), "limit cost: '1e400' is not finite; write a finite number"),
    (("--limit", "head count of nobody <= 3"), "limit 'head count of nobody': there is no team 'nobody'; use one of"),
    (("--limit", "head_count <= 3 EUR"), "is not a number of people; write a number"),
    (("--lever", "dsk"), "lever 'dsk': there is no such lever"),
    (("--method", "magic"), "there is no search method 'magic'; use one of auto"),
    (("--method", "enumeration", "--trials", "2"), "more than 2 trials; give as many trials, or choose another method"),
    (("--robust", "cvar:200%"), "is not a way to judge designs; give 'mean', or 'cvar:20%'"),
    (("--future", "x"), "'x' is not a future; write for example"),
    (("--future", "gone, 100 %: teams.desk.size = 0"), "future 'gone'"),
    (("--budget", "soon"), "--budget: 'soon' is neither a time nor a number of replications; write for example"),
    (("--trial-limit", "0 s"), "--trial-limit: '0 s' is no time; write for example '5 min'"),
    (("--storage", "nonsense"), "--storage: the address cannot be understood; write it as postgresql://"),
    (("--storage", "sqlite:///x.db"), "sqlite is not for several writers; use PostgreSQL"),
    (("--storage", "postgresql://planner@127.0.0.1:1/studies"), "the database cannot be used ("),
    (("--resume",), "there is no study to go on with; check the folder, or leave out --resume"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_what_cannot_be_asked_ends_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result, _ = searched(tmp_path, TEXT, "--objective", "cycle_time", *words)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert said in result.stderr
    assert not (tmp_path / "study" / "best.yaml").exists()
