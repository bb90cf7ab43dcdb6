"""Logs in which cases have come in and nobody has moved on yet, as an early back-test finds them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from salessim.calibration import calibrate
from salessim.errors import LogError
from salessim.experiment import simulate
from salessim.importers import read_log
from salessim.importers.eventlog import WAITING
from salessim.log import EventLog
from tests.test_estimates import TRUTH


def test_nothing_is_learnt_from_cases_that_only_came_in() -> None:
    log = simulate(TRUTH.change({"clock.horizon": "3 weeks"}), seed=1, engine="reference")
    first = log.frame.drop_duplicates("case")
    waiting = first.assign(step=WAITING, team="system", person="", started=first["enabled"], ended=first["ended"].mask(first["ended"].notna()), outcome="open")
    with pytest.raises(LogError, match=f"of {len(first)} cases that had come in by 2026-01-26 none had moved on, so nothing can be learnt; give a longer log, or a later date"):
        calibrate(EventLog(waiting, log.about), holdout=0)


def test_an_activity_that_no_case_was_seen_to_leave_for_good_is_left_at_last(tmp_path: Path) -> None:
    """Sixty calls that end, and four cases, all open, that were only checked, five times each: 16 moves, so one in 18 is taken to end."""
    rows = ["case,activity,start,end,who"]
    for k in range(60):
        day = dt.date(2026, 1, 5) + dt.timedelta(k)
        rows += [f"c{k},call,{day} 09:00,{day} 09:20,ann", f"c{k},won,{day} 10:00,{day} 10:00,ann"]
    for k in range(4):
        rows += [f"x{k},check,{day} 11:{k}0,{day} 11:{k}5,bob" for i in range(5) for day in [dt.date(2026, 2, 2) + dt.timedelta(7 * i)]]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")
    columns = {"case": "case", "activity": "activity", "start": "start", "end": "end", "resource": "who"}
    log, _ = read_log(tmp_path / "log.csv", {"columns": columns, "activities": {"call": {}, "check": {}, "won": {"kind": "event", "ends": "won"}}})
    found = calibrate(log, holdout=0)
    assert "Of 16 moves from 'check' none led to an end, now or later: one in 18 is taken to be one, as if one more had been seen either way." in found.assumptions
    way = next(r for r in found.scenario.steps["check"].then if r.done)
    assert way.share == pytest.approx(1 / 18, abs=1e-4)
