"""Absence told from days without events, and a staffing sheet beside the log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim.calibration.learn import learner_of
from salessim.calibration.presence import away
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario


def days_of(people: int, a_day: float, gone: float, seed: int, days: int = 240) -> tuple[pd.Series, pd.Series]:
    """Events of people on working days, a number of them by chance, none in spells of three days."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2026-01-05", periods=days, tz="UTC")
    at, who = [], []
    for person in range(people):
        there = np.ones(days, bool)
        for first in range(0, days, 3):
            there[first : first + 3] = rng.random() >= gone
        number = np.where(there, rng.poisson(a_day, days), 0)
        at += list(np.repeat(dates, number) + pd.Timedelta(10, "h"))
        who += [f"p{person}"] * int(number.sum())
    return pd.Series(pd.DatetimeIndex(at)), pd.Series(who)


def test_quiet_days_are_no_absence() -> None:
    """Five people with three things a day on average have none on one day in twenty: in none of 40 logs that is absence."""
    assert all(away(*days_of(5, 3.0, 0.0, seed)) is None for seed in range(40))


@pytest.mark.parametrize(("a_day", "gone"), [(2.0, 0.25), (8.0, 0.1), (8.0, 0.25)])
def test_planted_absence_is_found(a_day: float, gone: float) -> None:
    found = [away(*days_of(6, a_day, gone, seed)) for seed in range(8)]
    assert all(f is not None for f in found)
    # 6 people, 80 spells each: their share is known to sqrt(gone (1 - gone) / 480), of eight logs to a third of that.
    error = float(np.sqrt(gone * (1 - gone) / 480 / 8))
    assert np.mean([f.share for f in found if f]) == pytest.approx(gone, abs=4 * error + 0.01)


def office(size: int, absence: dict[str, Any] | None = None) -> EventLog:
    team = {"size": size, "calendar": "office"} | ({"absence": absence} if absence else {})
    scenario = Scenario.parse({
        "clock": {"start": "2026-01-05", "horizon": "52 weeks"}, "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}},
        "teams": {"desk": team}, "segments": {"all": {}},
        "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": f"{size * 50} per week", "calendar": "office"}}},
        "stages": {"lead": {"steps": {"call": {"work": {"law": "exponential", "mean": "30 min"}, "by": "desk", "patience": "none", "then": [{"done": True}]}}}},
    })  # fmt: skip
    log = simulate(scenario, seed=3)
    return EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)


def test_a_staffing_sheet_gives_the_head_count_and_the_log_the_absence() -> None:
    """Six people of whom each is away for a fifth of the time, in spells of four days; a seventh on the sheet never works."""
    log = office(6, {"share": "20 %", "spell": {"law": "exponential", "mean": "4 days"}})
    people = sorted(set(log.frame["person"]) - {""})
    assert len(people) == 6
    roster = dict.fromkeys([*people, "zoe"], "inside sales")
    without, learnt = learner_of(log), learner_of(EventLog(log.frame, replace(log.about, roster=roster)))
    (plain,), (team,) = without.scenario().teams.values(), learnt.scenario().teams.values()
    assert plain.absence is None
    assert "away on" in without.facts["Absence"]
    assert team.size == 7
    assert team.absence is not None
    assert team.absence.share == pytest.approx(0.2, abs=0.06)
    assert "7 on the staffing sheet" in learnt.facts["Staffing sheet"]
    assert "never seen: zoe" in learnt.facts["Staffing sheet"]


def test_people_who_are_always_there_have_no_absence() -> None:
    learnt = learner_of(office(3))
    assert "Absence" not in learnt.facts
    assert "Staffing sheet" not in learnt.facts


def test_a_sheet_of_other_people_changes_nothing() -> None:
    log = office(3)
    learnt = learner_of(EventLog(log.frame, replace(log.about, roster={"yan": "field", "zoe": "field"})))
    assert learnt.scenario().teams == learner_of(log).scenario().teams
