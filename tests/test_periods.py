"""Times in whole days, waits with a part that runs in plain time, rhythms after one activity: found where planted, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import salessim as ss
from salessim.calibration.clocks import Clock
from salessim.calibration.history import cut
from salessim.calibration.laws import of_points
from salessim.calibration.learn import Learner, learner_of
from salessim.calibration.rhythm import apart
from salessim.calibration.timing import Runs, Waits, runs_on
from salessim.importers.eventlog import WAITING

DAY, HOUR = 86_400.0, 3600.0
TERMS = np.arange(31.0, 61.0, 2.0)
SHARES = np.arange(15, 0, -1) / 120


def all_seen(born: Any, since: Any, until: Any) -> Waits:
    """Waits of which every one has ended in the move in question."""
    every = np.ones(len(born), bool)
    return Waits(born, since, until, every, every)


def tickets(rng: np.random.Generator, n: int, *, least: float = 0.0, terms: Any = TERMS, shares: Any = SHARES) -> Waits:
    """Answered after a while, closed so many times 24 hours after they came in and up to twenty minutes later, but not before a least wait is over."""
    born = np.sort(rng.uniform(0, 400 * DAY, n))
    since = born + rng.gamma(2.0, (10 if least else 2) * DAY, n)
    return all_seen(born, since, np.maximum(since + least * DAY, born + rng.choice(terms, n, p=shares) * DAY) + rng.uniform(0, 1200, n))


def law_of(found: Runs) -> dict[float, float]:
    """Whole days and their shares, less what fewer than one of two hundred have."""
    assert found.ages is not None
    days = np.round(found.ages[0] / DAY + 0.25)  # periods begin at whole days, or half a day before
    share = np.diff(np.append(0.0, found.ages[1]))
    return {d: float(share[days == d].sum()) for d in np.unique(days).tolist() if share[days == d].sum() > 0.005}


@pytest.mark.parametrize("least", [0.0, 15.0])
def test_whole_days_since_the_arrival_come_back(least: float) -> None:
    """Each term has its share; intervals of 99.9 % (a share of 3,000 cases, of which a least wait hides some)."""
    found = runs_on({"answered": tickets(np.random.default_rng(1), 3000, least=least)}, None)["answered"]
    assert found.on == "age"
    assert found.rest is not None
    told = law_of(found)
    assert set(told) == set(TERMS)
    for term, share in zip(TERMS, SHARES, strict=True):
        assert told[term] == pytest.approx(share, abs=3.29 * np.sqrt(share * (1 - share) / (3000 if least == 0 else 2000)))
    # Up to the last half day the number of days has a law, from there on it is the same minutes for all.
    assert np.interp([0.02, 0.98], found.rest[1], found.rest[0]) == pytest.approx([12 * HOUR, 12 * HOUR + 1200], abs=300)
    assert found.least == pytest.approx(max(0.0, least * DAY - 12 * HOUR), abs=1200)


def test_whole_days_since_the_last_visit_come_back() -> None:
    rng = np.random.default_rng(2)
    since = rng.uniform(0, 400 * DAY, 2000)
    found = runs_on({"asked": all_seen(since, since, since + rng.choice(TERMS, 2000, p=SHARES) * DAY + rng.uniform(0, 1200, 2000))}, None)["asked"]
    assert found.on == "elapsed"
    assert found.rest is not None
    assert law_of(found) == pytest.approx(dict(zip(TERMS.tolist(), SHARES.tolist(), strict=True)), abs=0.035)


def test_where_time_is_smooth_there_are_no_whole_days() -> None:
    """At most one in a hundred of contests without a rule, binomial bound at one in a thousand."""
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        born = np.sort(rng.uniform(0, 400 * DAY, 800))
        since = born + rng.gamma(2.0, 8 * DAY, 800)
        until = (since + rng.exponential(20 * DAY, 800), np.maximum(since, born + rng.gamma(20, 2 * DAY, 800)), np.maximum(since + 10 * DAY, born + rng.gamma(9, 3 * DAY, 800)))[seed % 3]
        wrong += runs_on({"state": all_seen(born, since, until)}, None)["state"].rest is not None
    assert special.bdtrc(wrong - 1, 60, 0.01) > 1e-3


def test_a_rule_holds_with_terms_of_its_own_in_a_state() -> None:
    rng = np.random.default_rng(3)
    terms = np.arange(20.0, 30.0)
    usual, urgent, alike = tickets(rng, 1500), tickets(rng, 800, terms=terms, shares=np.full(10, 0.1)), tickets(rng, 300)
    found = runs_on({"usual": usual, "urgent": urgent, "alike": alike}, None)
    assert {f.on for f in found.values()} == {"age"}
    assert set(law_of(found["urgent"])) == set(terms)
    assert {31.0, 33.0, 35.0} <= set(law_of(found["alike"]))


def test_points_are_the_law_itself() -> None:
    """Nothing lies between them: 0.1, 0.6 and 0.3 of the cases."""
    law = of_points(np.array([1.0, 2.0, 30.0]) * DAY, np.array([0.1, 0.7, 1.0]), "data")
    assert isinstance(law, dict)
    assert list(law["points"].values()) == ["1 days", "1 days", "2 days", "2 days", "30 days", "30 days"]
    assert list(law["points"]) == ["0 %", "10 %", "10.01 %", "70 %", "70.01 %", "100 %"]


def closed_by_a_timer(points: dict[str, str], rate: str, closed: Sequence[str] = (), **deadline: str) -> tuple[ss.EventLog, Learner]:
    """The ends of tickets of office hours that a timer closes after they came in, by somebody's name; and what is learnt from them.

    Args:
        points: quantiles of the time after which they are closed.
        rate: of tickets.
        closed: days on which the office is shut.
        deadline: more about how the timer counts.
    """
    truth = {
        "name": "desk", "clock": {"start": "2026-01-05", "horizon": "300 days"}, "segments": {"all": {}}, "teams": {"desk": {"size": 3, "calendar": "office"}, "clerks": {"size": 2, "calendar": "always"}},
        "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "08:00-17:00"}], "closed": list(closed)}},
        "channels": {"in": {"enters": "open", "segments": {"all": 1}, "arrivals": {"rate": rate, "calendar": "office"}}},
        "stages": {"all": {"steps": {
            "open": {"work": "0 min", "by": ["desk"], "patience": "none", "then": [{"to": "think"}]},
            "think": {"customer": {"law": "gamma", "mean": "12 h", "cv": 0.9}, "calendar": "office", "then": [{"to": "answer"}]},
            "answer": {"work": "0 min", "by": ["desk"], "patience": "none", "then": [{"to": "rest"}]},
            "rest": {"customer": {"law": "quantiles", "points": points}, "counts_from": "arrival", **deadline, "then": [{"to": "batch"}]},
            "batch": {"customer": {"law": "uniform", "low": "0 min", "high": "15 min"}, "then": [{"to": "close"}]},
            "close": {"work": "0 min", "by": ["clerks"], "patience": "none", "then": [{"done": True}]},
        }}},
    }  # fmt: skip
    log = ss.simulate(ss.Scenario.parse(truth), seed=4)
    frame = log.frame.sort_values(["case", "enabled"], kind="stable")
    own = frame["step"].isin(["think", "rest", "batch"])
    frame = frame[~own | frame["ended"].isna()]
    frame = frame.assign(step=frame["step"].where(~own, WAITING), started=frame["started"].where(own))  # ends are all that is logged
    real = ss.EventLog(frame.reset_index(drop=True), replace(log.about, enabled_known=False))
    return real, learner_of(cut(real, pd.Timestamp(log.about.end)))


def test_a_timer_that_keeps_the_hour_is_learnt_from_a_simulated_log() -> None:
    """Closed 31, 33 or 44 days after they came in: never at night, and nobody waits for a morning."""
    real, learner = closed_by_a_timer({"0 %": "31 days", "50 %": "31 days", "50.01 %": "33 days", "80 %": "33 days", "80.01 %": "44 days", "100 %": "44 days"}, "60 per week")
    steps = {n: s for stage in learner.data["stages"].values() for n, s in stage["steps"].items()}
    rules = [s for s in steps.values() if s.get("counts_from") == "arrival"]
    assert rules
    assert set(rules[0]["customer"]["points"].values()) >= {"30.5 days", "32.5 days", "43.5 days"}
    assert any(team.endswith("at any hour") for team in steps["close"]["by"])
    again = ss.simulate(learner.over(learner.start.date(), learner.end), seed=1).frame
    told = []
    for found in (real.frame, again):
        closed = found[(found["step"] == "close") & found["ended"].notna()].set_index("case")["ended"]
        hours = closed.dt.hour + closed.dt.minute / 60
        assert hours.between(8, 17.3).mean() > 0.98
        days = (closed - found.groupby("case")["enabled"].min().reindex(closed.index)) / pd.Timedelta(days=1)
        told.append([float(days.mean()), *(float((np.floor(days) == term).mean()) for term in (31, 33, 44))])
    assert np.allclose(told[0], told[1], atol=[0.5, 0.06, 0.06, 0.06]), told


def office(n: int, rng: np.random.Generator) -> tuple[Clock, Any, Any]:
    """A clock of office hours, starts of waits on its days, and the times at which the clock shows something."""
    start, end = (pd.Timestamp(t, tz="UTC") for t in ("2026-01-05", "2027-01-04"))
    clock = Clock({"shifts": [{"days": "Mon-Fri", "hours": "08:00-18:00"}, {"days": "Mon-Fri", "hours": "18:00-20:00", "share": 0.1}]}, start, end, "UTC")
    at = np.arange(start.timestamp(), end.timestamp(), 60.0)
    return clock, np.sort(start.timestamp() + rng.integers(0, 45 * 7, n) // 7 * 7 * DAY + rng.integers(0, 5, n) * DAY + rng.uniform(0, 24, n) * HOUR), at


@pytest.mark.parametrize(("part", "found"), [(0.4, True), (0.0, False)])
def test_what_follows_soon_follows_at_any_hour(part: float, found: bool) -> None:
    """Four in ten go on within five minutes whatever the hour, the others when the clock of the office says so."""
    wrong = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        clock, since, at = office(1500, rng)
        later = np.interp(clock(since) + rng.exponential(12 * HOUR, 1500), clock(at), at)
        until = np.where(rng.random(1500) < part, since + rng.uniform(20, 300, 1500), later)
        wrong += (runs_on({"state": all_seen(since, since, until)}, clock)["state"].soon > 0) != found
    assert wrong <= (0 if found else 1)


@pytest.mark.parametrize("other", [True, False])
def test_an_activity_has_a_rhythm_of_its_own_after_another_one_only_where_it_has(other: bool) -> None:
    """After one activity a batch does it from 22:00 to 24:00, after all others people do from 8:00 to 18:00."""
    rng = np.random.default_rng(7)
    since = rng.uniform(0, 200 * DAY, 3000)
    mine = rng.random(3000) < 0.3
    day = np.floor((since + rng.exponential(DAY, 3000)) / DAY) + 1
    hour = np.where(mine & other, rng.uniform(22, 24, 3000), rng.uniform(8, 18, 3000))
    assert apart(since, day * DAY + hour * HOUR, mine.astype(int), mine, rng.integers(0, 2, 3000)) == other


@pytest.mark.parametrize("part", [0.15, 0.0])
def test_a_second_timer_is_a_law_of_its_own(part: float) -> None:
    """Some are closed 30 days after the answer whatever their age, the others whole days after they came in."""
    rng = np.random.default_rng(8)
    waits = tickets(rng, 3000)
    mine = rng.random(3000) < part
    found = runs_on({"answered": all_seen(waits.born, waits.since, np.where(mine, waits.since + 30 * DAY + rng.uniform(0, 600, 3000), waits.until))}, None)["answered"]
    assert found.on == "age"
    assert found.rest is not None
    assert len(found.fixed) == (1 if part else 0)
    assert all(low < 30 * DAY and high > 30 * DAY + 600 for low, high in found.fixed)
    assert set(law_of(found)) == set(TERMS)  # the others' law is free of them
