"""Starts of work where only ends are logged: planted work times are found again, or nothing is claimed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim.calibration.clocks import Clock
from salessim.calibration.gaps import Gaps, erlang_c, work
from salessim.calibration.history import seconds
from salessim.calibration.learn import Learner, learner_of
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario
from tests.test_learning import as_exported

MINUTES = 40.0
LAWS: dict[str, Any] = {
    "lognormal": {"law": "lognormal", "mean": "40 min", "cv": 0.8}, "gamma": {"law": "gamma", "mean": "40 min", "shape": 4},
    "triangular": {"law": "triangular", "low": "10 min", "mode": "30 min", "high": "80 min"}, "constant": {"law": "constant", "value": "40 min"},
    "exponential": {"law": "exponential", "mean": "40 min"},
}  # fmt: skip


def process(per_week: float, law: Any, size: int = 3, weeks: int = 40) -> Scenario:
    """Customers who take days between a call and an offer; both are work of one team."""
    return Scenario.parse({
        "salessim": 1, "clock": {"start": "2026-01-05", "horizon": f"{weeks} weeks"},
        "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-12:00, 13:00-17:00"}]}},
        "teams": {"desk": {"size": size, "calendar": "office"}}, "segments": {"all": {}},
        "channels": {"web": {"enters": "ponder", "segments": {"all": 1}, "arrivals": {"rate": f"{per_week} per week"}}},
        "stages": {"lead": {"steps": {
            "ponder": {"customer": {"law": "lognormal", "mean": "5 days", "cv": 0.8}, "then": [{"to": "call"}]},
            "call": {"work": law, "by": "desk", "patience": "none", "then": [{"to": "think", "share": 0.6}, {"lost": "no"}]},
            "think": {"customer": {"law": "exponential", "mean": "5 days"}, "then": [{"to": "offer"}]},
            "offer": {"work": law, "by": "desk", "patience": "none", "then": [{"done": True}]},
        }}},
    })  # fmt: skip


def ends_only(log: EventLog) -> EventLog:
    """What a CRM exports: who finished what when."""
    frame = log.frame[log.frame["step"].isin(["call", "offer"]) & log.frame["ended"].notna()]
    return as_exported(EventLog(frame.sort_values("case", kind="stable").reset_index(drop=True), log.about), enabled=False, started=False)


def busy(share: float, size: int = 3) -> float:
    """Cases a week with which people of 35 hours are so busy, with 1.6 visits of 40 minutes each."""
    return round(share * size * 35 * 60 / MINUTES / 1.6, 1)


@pytest.mark.parametrize(("law", "share"), [("lognormal", 0.5), ("lognormal", 0.85), ("gamma", 0.5), ("gamma", 0.85), ("triangular", 0.85), ("constant", 0.5)])
def test_planted_work_is_found_from_ends(law: str, share: float) -> None:
    log = simulate(process(busy(share), LAWS[law]), seed=4)
    learnt = learner_of(ends_only(log))
    steps = learnt.scenario().steps
    assert set(learnt.starts.found) == {"call", "offer"}
    for name in ("call", "offer"):
        mine = log.frame[(log.frame["step"] == name) & log.frame["ended"].notna()]
        elapsed = (mine["ended"] - mine["enabled"]).dt.total_seconds().mean() / 60  # the naive figure, queue included
        assert steps[name].work is not None
        assert steps[name].work.mean / 6e7 == pytest.approx(MINUTES, rel=0.15)
        assert abs(steps[name].work.mean / 6e7 - MINUTES) < 0.5 * abs(elapsed - MINUTES)
    # Whose hours they are: the load of the team, of which a naive fit (every gap is work) makes 100 %.
    hours = sum(learnt.starts.hours.values())
    assert hours == pytest.approx(_hours(log), rel=0.15)
    assert learnt.facts["Estimated starts"].startswith("100 % of all hours of work rest on starts that are not logged")
    assert any("short ones being missing" in text for text in learnt.assumptions)


def _hours(log: EventLog) -> float:
    """Working hours from the start to the end of all visits."""
    mine = log.frame[log.frame["step"].isin(["call", "offer"]) & log.frame["ended"].notna()]
    clock = Clock({"shifts": [{"days": "Mon-Fri", "hours": "09:00-12:00, 13:00-17:00"}]}, pd.Timestamp(log.about.start), pd.Timestamp(log.about.end), log.about.time_zone)
    return float(np.sum(clock(seconds(mine["ended"])) - clock(seconds(mine["started"])))) / 3600


@pytest.mark.parametrize(
    "scenario",
    [
        process(busy(0.85), LAWS["exponential"]),  # Burke: such ends look alike whatever the work takes
        process(6, {"law": "lognormal", "mean": "10 min", "cv": 0.7}, size=2, weeks=60),  # one visit a day and person
        process(60, {"law": "constant", "value": "1 s"}, size=2),  # no work at all, people take turns
    ],
    ids=["exponential", "seldom busy", "no work"],
)
def test_what_ends_do_not_tell_is_not_invented(scenario: Scenario) -> None:
    learnt = learner_of(ends_only(simulate(scenario, seed=4)))
    assert learnt.starts.found == {}
    assert learnt.log.frame["started"].isna().all()
    assert learnt.scenario().steps["call"].work.mean == 0
    [said] = [text for text in learnt.assumptions if "at most" in text and "Only ends are logged" in text]
    assert all(repr(step) in said for step in learnt.starts.bounds)  # one sentence, however many activities there are
    assert len(learnt.starts.bounds) == 2
    assert learnt.starts.bounds["call"] > scenario.steps["call"].work.mean / 1e6


def test_bulk_entries_by_the_minute_are_no_work() -> None:
    """Offers entered on Wednesdays from 14:00 on, some in each minute: rounding takes the gaps below one away, and nobody works more hours than there are."""
    log = ends_only(simulate(process(busy(0.5), LAWS["gamma"]), seed=4))
    frame, rng = log.frame.copy(), np.random.default_rng(2)
    offers = frame["step"] == "offer"
    day = frame.loc[offers, "ended"].dt.normalize()
    at = day + pd.to_timedelta((2 - day.dt.day_of_week) % 7, unit="D") + pd.Timedelta(hours=14) + pd.to_timedelta(rng.integers(0, 25, offers.sum()), unit="min")
    frame.loc[offers, "ended"] = at.to_numpy()
    frame.loc[offers, "person"] = rng.choice(["desk-1", "desk-2", "desk-3"], offers.sum())
    late = log.about.end - pd.Timedelta(weeks=1)
    frame = frame[frame["ended"] < late].reset_index(drop=True)
    frame["enabled"] = frame[["enabled", "ended"]].min(axis=1)
    learnt = learner_of(EventLog(frame, log.about))
    assert set(learnt.starts.found) <= {"call"}
    assert "offer" in learnt.starts.bounds
    assert "offer" not in learnt.starts.hours


@pytest.fixture(scope="module")
def learnt() -> Learner:
    return learner_of(ends_only(simulate(process(busy(0.7), LAWS["gamma"]), seed=7)))


def test_no_start_is_before_the_case_or_the_person_was_there(learnt: Learner) -> None:
    frame = learnt.log.frame.sort_values(["person", "ended"], kind="stable")
    assert (frame["started"] <= frame["ended"]).all()
    assert (frame["started"] >= frame["enabled"]).all()
    before = frame.groupby("person")["ended"].shift()
    assert (frame["started"] >= before)[before.notna()].all()


def test_estimates_are_flagged_and_drawn(learnt: Learner) -> None:
    law = learnt.data["stages"]["lead"]["steps"]["call"]["work"]
    assert law["assumption"].startswith("starts are not logged: estimated")
    found = next(f for f in learnt.figures if f.what == "work times of call")
    assert found.error >= learnt.starts.found["call"].error
    low, high = found.interval()
    assert low < MINUTES / 60 < high


def test_the_same_ends_give_the_same_starts() -> None:
    log = ends_only(simulate(process(busy(0.7), LAWS["gamma"], weeks=20), seed=7))
    assert learner_of(log).log.frame.equals(learner_of(log).log.frame)


def test_intervals_hold_the_truth_and_exponential_gaps_claim_nothing() -> None:
    """Thirty people half of whose gaps hold idle time: of 60 intervals at 95 % no fewer than 51 hold it (one chance in a thousand)."""
    held, claimed = 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        idle = rng.exponential(4800, 1000) * (rng.random(1000) < 0.5)
        found = work([Gaps(rng.gamma(4, 600, 1000) + idle)])
        held += found is not None and found.interval[0] < 2400 < found.interval[1]
        claimed += work([Gaps(rng.exponential(4800, 1000))]) is not None
    assert held >= 51
    assert claimed == 0


def test_taking_turns_is_no_work() -> None:
    """Two people who take turns at what comes at random: every gap of a person is two of the team's, and none is quiet."""
    rng = np.random.default_rng(1)
    gaps = rng.gamma(2, 1800, 2000)
    assert work([Gaps(gaps)]) is not None
    assert work([Gaps(gaps, quiet=np.zeros(2000, bool))]) is None


def test_erlang_c_is_the_textbook_figure() -> None:
    assert erlang_c(12, 10 / 12) == pytest.approx(0.4494, abs=1e-4)  # 10 Erlang, 12 servers
    assert erlang_c(1, 0.7) == pytest.approx(0.7)


def test_work_is_laid_before_its_end_in_working_time() -> None:
    """Monday to Friday 9 to 17: two hours that end on a Monday at 10 began on Friday at 16; overtime of an hour is work."""
    clock = Clock({"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, pd.Timestamp("2026-03-02", tz="UTC"), pd.Timestamp("2026-03-30", tz="UTC"), "UTC")
    at = [pd.Timestamp(t, tz="UTC").timestamp() for t in ("2026-03-09T10:00", "2026-03-10T18:00", "2026-03-10T18:00", "2026-03-11T12:00")]
    began = clock.before_end(at, [7200.0, 7200.0, 1800.0, 0.0])
    told = [pd.Timestamp(t, unit="s").strftime("%a %H:%M") for t in began]
    assert told == ["Fri 16:00", "Tue 16:00", "Tue 17:30", "Wed 12:00"]
