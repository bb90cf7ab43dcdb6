"""What times run on: rules that count from a case's arrival are found where there are any, and not where there are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

import salessim as ss
from salessim.calibration.clocks import Clock
from salessim.calibration.curves import least_wait
from salessim.calibration.history import cut
from salessim.calibration.laws import POINTS, with_points
from salessim.calibration.learn import learner_of
from salessim.calibration.sample import LocalTime
from salessim.calibration.timing import Runs, Waits, runs_on
from salessim.importers.eventlog import WAITING

DAY = 86_400.0
AGE = Runs("age")
Draw = Callable[[np.random.Generator, int], np.ndarray]
LAWS: dict[str, Draw] = {
    "gamma": lambda rng, n: rng.gamma(4.0, 8 * DAY, n),
    "exponential": lambda rng, n: rng.exponential(20 * DAY, n),
    "lognormal": lambda rng, n: 20 * DAY * np.exp(rng.normal(0, 1, n)),
    "many at once": lambda rng, n: np.where(rng.random(n) < 0.4, 0.0, rng.exponential(5 * DAY, n)),
    "thirty days": lambda rng, n: 30 * DAY + rng.uniform(0, 60, n),
}


def seen(rng: np.random.Generator, law: Draw, n: int, *, from_arrival: bool, over: float = 400.0, before: float = 16.0, rival: float | None = 60.0, least: float = 0.0) -> Waits:
    """Cases that come in for so many days, wait for something else first, and are then waited for; a rival may come first."""
    born = np.sort(rng.uniform(0, over * DAY, n))
    since = born + rng.gamma(2.0, before / 2 * DAY, n)
    until = np.maximum(since + least * DAY, born + law(rng, n)) if from_arrival else since + law(rng, n)
    other = since + rng.exponential(rival * DAY, n) if rival else np.full(n, np.inf)
    chosen, until, now = until < other, np.minimum(until, other), over * DAY
    known, moved = since < now, until <= now
    return Waits(born[known], since[known], np.minimum(until, now)[known], moved[known], (moved & chosen)[known])


def one(waits: Waits, clock: Clock | None = None) -> Runs:
    """Of a move from one state."""
    return runs_on({"state": waits}, clock)["state"]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("before", [1.0, 16.0])
def test_waits_that_count_from_the_step_before_are_taken_as_such(law: str, before: float) -> None:
    """At most one of a hundred contests is won by the age though the wait has its own law; binomial bound at one in a thousand."""
    wrong = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        wrong += one(seen(rng, LAWS[law], (200, 500, 1500)[seed % 3], from_arrival=False, before=before)) == AGE
    assert special.bdtrc(wrong - 1, 100, 0.01) > 1e-3


@pytest.mark.parametrize(("law", "found"), [("gamma", 20), ("lognormal", 18), ("thirty days", 20)])
def test_times_that_count_from_the_arrival_are_found(law: str, found: int) -> None:
    assert sum(one(seen(np.random.default_rng(seed), LAWS[law], 1500, from_arrival=True)) == AGE for seed in range(20)) >= found


def test_the_law_of_the_age_comes_back_though_cases_are_open() -> None:
    """The mean of T, over sixty logs that end while three of ten cases are open."""
    means, open_ = [], []
    for seed in range(60):
        waits = seen(np.random.default_rng(seed), LAWS["gamma"], 1500, from_arrival=True, over=110.0, before=10.0, rival=None)
        open_.append(1 - waits.moved.sum() / 1500)  # those that have not come to the step are open, too
        if (law := one(waits).ages) is not None:
            means.append(float(np.sum(np.diff(np.append(0.0, law[1])) * law[0])) / DAY)
    assert np.mean(open_) == pytest.approx(0.3, abs=0.03)
    assert len(means) >= 54
    assert np.mean(means) == pytest.approx(32.0, rel=0.02)


def test_a_least_wait_is_seen_and_kept() -> None:
    rng = np.random.default_rng(3)
    waits = seen(rng, LAWS["gamma"], 2000, from_arrival=True, before=20.0, rival=None, least=15.0)
    least = least_wait((waits.until - waits.since)[waits.chosen])
    assert least == pytest.approx(15 * DAY)
    found = one(waits)
    assert found == Runs("age", least)
    assert found.ages is not None
    time, share = found.ages
    # Below the age at which the first can be told apart nothing is known; above it, quantiles are those of the law.
    for p in (0.5, 0.75, 0.9):
        assert time[np.searchsorted(share, p)] / DAY == pytest.approx(8 * special.gammaincinv(4.0, p), rel=0.06)
    assert least_wait(rng.exponential(DAY, 2000)) == 0.0
    assert least_wait(np.append(np.full(100, 15 * DAY), rng.uniform(0, 15 * DAY, 100))) == 0.0  # many are earlier


def test_a_rule_of_days_runs_on_through_closed_hours() -> None:
    """Work of office hours, closed after exactly five days: on the clock of these hours that is three days or five."""
    start, end = (pd.Timestamp(t, tz="UTC") for t in ("2026-01-05", "2026-12-28"))
    clock = Clock({"shifts": [{"days": "Mon-Fri", "hours": "08:00-18:00"}]}, start, end, "UTC")
    rng = np.random.default_rng(5)
    born = start.timestamp() + np.arange(0, 49 * 7, 7).repeat(20) * DAY + rng.integers(0, 5, 980) * DAY + rng.uniform(8, 18, 980) * 3600
    since, every = born + rng.uniform(0, 60, 980), np.ones(980, bool)
    assert one(Waits(born, since, since + 5 * DAY, every, every), clock) == Runs("elapsed")
    at = np.arange(start.timestamp(), end.timestamp(), 60.0)
    worked = np.interp(clock(since) + rng.exponential(8 * 3600, 980), clock(at), at)  # eight office hours in the mean
    assert one(Waits(born, since, worked, every, every), clock) == Runs("working")


@pytest.mark.parametrize(("rule", "found"), [("days, then office hours", Runs("elapsed", to_the_day=True)), ("office hours", Runs("working"))])
def test_what_comes_a_number_of_days_later_at_some_hour_of_the_office_is_told_in_days_and_hours(rule: str, found: Runs) -> None:
    start, end = (pd.Timestamp(t, tz="UTC") for t in ("2026-01-05", "2026-12-28"))
    clock = Clock({"shifts": [{"days": "Mon-Sun", "hours": "08:00-18:00"}]}, start, end, "UTC")
    midnight = LocalTime("UTC", start.timestamp(), end.timestamp()).day
    at, every = np.arange(start.timestamp(), end.timestamp(), 60.0), np.ones(800, bool)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        born = start.timestamp() + rng.integers(0, 250, 800) * DAY + rng.uniform(8, 18, 800) * 3600
        since = np.interp(clock(born) + rng.exponential(40 * 3600, 800), clock(at), at)
        until = midnight(since) + rng.choice([7, 14, 21, 30], 800) * DAY + rng.uniform(8, 18, 800) * 3600
        if rule == "office hours":
            until = np.interp(clock(since) + rng.exponential(30 * 3600, 800), clock(at), at)
        assert runs_on({"state": Waits(born, since, until, every, every)}, clock, midnight)["state"] == found


def test_days_and_hours_of_a_move_are_learnt_from_a_simulated_log() -> None:
    """Closed one, two or three weeks after the answer, at any hour of the office: the days come back, and nothing happens at night."""
    weeks = {"0 %": "6.5 days", "33.33 %": "6.5 days", "33.34 %": "13.5 days", "66.66 %": "13.5 days", "66.67 %": "20.5 days", "100 %": "20.5 days"}
    truth = {
        "name": "desk", "clock": {"start": "2026-01-05", "horizon": "240 days"}, "segments": {"all": {}},
        "calendars": {"office": {"shifts": [{"days": "Mon-Sun", "hours": "08:00-18:00"}]}},
        "channels": {"in": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": "8 per day", "hours": {"08:00-18:00": 1}}}},
        "stages": {"all": {"steps": {
            "answer": {"automatic": "1 min", "then": [{"to": "rest"}]},
            "rest": {"customer": {"law": "quantiles", "points": weeks}, "then": [{"to": "hour"}]},
            "hour": {"customer": {"law": "uniform", "low": "0 h", "high": "10 h"}, "calendar": "office", "then": [{"to": "close"}]},
            "close": {"automatic": "1 min", "then": [{"done": True}]},
        }}},
    }  # fmt: skip
    log = ss.simulate(ss.Scenario.parse(truth), seed=4)
    frame = log.frame.sort_values(["case", "enabled"], kind="stable")
    own = frame["step"].isin(["rest", "hour"])
    frame = frame[~own | frame["ended"].isna()]
    real = ss.EventLog(frame.assign(step=frame["step"].where(~own, WAITING)).reset_index(drop=True), log.about)
    learner = learner_of(cut(real, pd.Timestamp(log.about.end)))
    steps = {n: s for stage in learner.data["stages"].values() for n, s in stage["steps"].items()}
    assert any(n.endswith("(hours)") and "calendar" in s for n, s in steps.items())
    again = ss.simulate(learner.over(learner.start.date(), learner.end), seed=1).frame
    told = []
    for found in (real.frame, again):
        closed = found[found["step"].str.startswith("close") & found["ended"].notna()].set_index("case")["ended"]
        days = (closed.dt.normalize() - found.groupby("case")["enabled"].min().reindex(closed.index).dt.normalize()) / pd.Timedelta(days=1)
        hours = closed.dt.hour + closed.dt.minute / 60
        assert hours.between(7.99, 18.1).mean() > 0.99
        told.append((float(days.mean()), float(hours.mean()), float(hours.std())))
    assert np.allclose(told[0], told[1], rtol=0.05), told


def test_points_of_laws_are_seen_where_there_are_some_and_only_there() -> None:
    """Whole days from 30 to 59, each with a thirtieth of six in ten cases, are points; at most one of a hundred smooth laws has any."""
    wrong = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        n = (300, 3000)[seed % 2]
        smooth = np.sort(LAWS[("gamma", "exponential", "lognormal")[seed % 3]](rng, n))
        law = with_points(smooth, np.arange(1, n + 1) / n, "data", n)
        assert isinstance(law, dict)
        wrong += len(law["points"]) > len(POINTS)
    assert special.bdtrc(wrong - 1, 100, 0.01) > 1e-3
    rng = np.random.default_rng(1)
    days = np.where(rng.random(3000) < 0.6, rng.integers(30, 60, 3000) * DAY, rng.uniform(30, 60, 3000) * DAY)
    law = with_points(np.sort(days), np.arange(1, 3001) / 3000, "data", 3000)
    assert isinstance(law, dict)
    assert {f"{d} days" for d in range(30, 60)} <= set(law["points"].values())


def test_a_rule_of_all_states_holds_in_small_ones_but_not_where_another_law_is_surely_better() -> None:
    rng = np.random.default_rng(6)
    large, small, other = (seen(rng, LAWS["gamma"], n, from_arrival=aged) for n, aged in ((3000, True), (60, True), (500, False)))
    assert runs_on({"small": small}, None) == {"small": Runs("elapsed")}
    assert runs_on({"large": large, "small": small, "other": other}, None) == {"large": AGE, "small": AGE, "other": Runs("elapsed")}


def test_a_closing_rule_is_learnt_from_a_simulated_log() -> None:
    """Answered after 12 days in the mean, closed 30 days after opening, but 10 days after the answer at the earliest; a third of the cases is open."""
    truth = {
        "name": "desk", "clock": {"start": "2026-01-05", "horizon": "120 days"}, "segments": {"all": {}},
        "channels": {"in": {"enters": "open", "segments": {"all": 1}, "arrivals": {"rate": "12 per day"}}},
        "stages": {"all": {"steps": {
            "open": {"automatic": "1 min", "then": [{"to": "think"}]},
            "think": {"customer": {"law": "gamma", "mean": "12 days", "cv": 0.7}, "then": [{"to": "answer"}]},
            "answer": {"automatic": "1 min", "then": [{"to": "rest"}]},
            "rest": {"customer": {"law": "uniform", "low": "25 days", "high": "35 days"}, "counts_from": "arrival", "at_least": "10 days", "then": [{"to": "close"}]},
            "close": {"automatic": "1 min", "then": [{"done": True}]},
        }}},
    }  # fmt: skip
    log = ss.simulate(ss.Scenario.parse(truth), seed=4)
    frame = log.frame.sort_values(["case", "enabled"], kind="stable")
    own = frame["step"].isin(["think", "rest"])  # not in a log of what is done; of open cases it is known that they wait
    frame = frame[~own | frame["ended"].isna()]
    real = ss.EventLog(frame.assign(step=frame["step"].where(~own, WAITING)).reset_index(drop=True), log.about)
    learner = learner_of(cut(real, pd.Timestamp(log.about.end)))
    steps = {n: s for stage in learner.data["stages"].values() for n, s in stage["steps"].items()}
    rules = {n: s for n, s in steps.items() if s.get("counts_from") == "arrival"}
    assert rules
    assert all(n.startswith("answer") for n in rules)
    assert all("counts from the case's arrival" in s["customer"]["source"] for s in rules.values())
    assert {s["at_least"] for s in rules.values()} == {"10 days"}
    again = ss.simulate(learner.over(learner.start.date(), learner.end), seed=1).frame

    def closed(frame: pd.DataFrame) -> float:
        """Mean days in process of the cases that are over."""
        ended = frame[frame["outcome"] == "completed"].groupby("case")["ended"].max()
        return float(((ended - frame.groupby("case")["enabled"].min().reindex(ended.index)) / pd.Timedelta(days=1)).mean())

    assert closed(again) == pytest.approx(closed(real.frame), rel=0.03)
