"""Hours that a log counts more than once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salessim.calibration.learn import learner_of
from salessim.calibration.overlap import counted_twice, shared, slope
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario


def test_overlapping_hours_are_counted_by_hand() -> None:
    # Ann: 0-4, 1-2 and 3-6 are eight hours in six; Bob: 0-1 and 1-2 are two in two. Of ten hours two are counted twice.
    begun, ended = np.array([0, 1, 3, 0, 1]), np.array([4, 2, 6, 1, 2])
    assert counted_twice(begun, ended, ["ann", "ann", "ann", "bob", "bob"]) == pytest.approx(0.2)
    assert counted_twice([0, 0], [1, 1], ["ann", "ann"]) == 0.5
    assert counted_twice([0, 0], [1, 1], ["ann", "bob"]) == 0
    assert counted_twice([0, 0], [1, 1], ["", ""]) == 0
    assert counted_twice([0, 0.5], [1, np.nan], ["ann", "ann"]) == 0


def chats(at_once: int) -> EventLog:
    """Chats of two people who have so many at a time, and enough to do."""
    log = simulate(Scenario.parse({
        "clock": {"start": "2026-01-05", "horizon": "8 weeks"}, "teams": {"chat": {"size": 2, "concurrency": at_once}}, "segments": {"all": {}},
        "channels": {"web": {"enters": "chat", "segments": {"all": 1}, "arrivals": {"rate": "600 per week"}}},
        "stages": {"lead": {"steps": {"chat": {"work": {"law": "exponential", "mean": "30 min"}, "by": "chat", "patience": "none", "then": [{"done": True}]}}}},
    }), seed=2)  # fmt: skip
    return EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)


def test_a_log_of_several_chats_at_once_is_said_to_be_one() -> None:
    facts = learner_of(chats(3)).facts
    assert "count twice" in facts["Several things at once"]
    assert "Several things at once" not in learner_of(chats(1)).facts


def test_hours_are_shared_by_hand() -> None:
    # Ann: 0-4, 1-2 and 3-6. From 1 to 2 and from 3 to 4 two are open: 0-1 1, 1-2 1/2, 2-3 1, 3-4 1/2 make 3; 1/2; 1/2 + 2.
    found = shared([0, 1, 3, 0], [4, 2, 6, 1], ["ann", "ann", "ann", "bob"])
    assert found.tolist() == pytest.approx([3.0, 0.5, 2.5, 1.0])


def test_chats_at_once_become_concurrency() -> None:
    """Two people with three chats at a time, each as long as it is: the model says so, and its chats are as long."""
    learnt = learner_of(chats(3))
    scenario = learnt.scenario()
    (team,) = scenario.teams.values()
    assert team.concurrency == 3
    assert "however many are open" in learnt.facts["Several things at once"]
    assert scenario.steps["chat"].work.mean / 6e7 == pytest.approx(30, rel=0.05)


def interleaved(per_hour: float, minutes: float, weeks: int = 12) -> tuple[EventLog, float]:
    """One person who takes up everything at once and shares the time among all that is open; a log of it, and the hours really worked."""
    rng = np.random.default_rng(5)
    came = np.cumsum(rng.exponential(3600 / per_hour, int(weeks * 168 * per_hour)))
    left = rng.gamma(2, 60 * minutes / 2, len(came))
    worked, ended, open_, now, i = float(left.sum()), np.zeros(len(came)), [], 0.0, 0
    while i < len(came) or open_:
        nearest = min(open_, key=lambda j: left[j]) if open_ else -1
        finish = now + left[nearest] * len(open_) if open_ else np.inf
        at = min(finish, came[i] if i < len(came) else np.inf)
        for j in open_:
            left[j] -= (at - now) / len(open_)
        now = at
        if at == finish:
            open_.remove(nearest)
            ended[nearest] = at
        else:
            open_.append(i)
            i += 1
    base = simulate(Scenario.parse({
        "clock": {"start": "2026-01-05", "horizon": f"{weeks + 1} weeks"}, "teams": {"desk": {"size": 1}}, "segments": {"all": {}},
        "channels": {"web": {"enters": "task", "segments": {"all": 1}, "arrivals": {"rate": "5 per week"}}},
        "stages": {"lead": {"steps": {"task": {"work": "1 min", "by": "desk", "patience": "none", "then": [{"done": True}]}}}},
    }), seed=2)  # fmt: skip
    start = base.frame["enabled"].min().normalize()
    row = base.frame[base.frame["ended"].notna()].iloc[[0]]
    frame = row.loc[row.index.repeat(len(came))].reset_index(drop=True)
    begin, end = ((start + pd.to_timedelta(x, "s")).as_unit("us") for x in (came, ended))
    frame = frame.assign(case=np.arange(len(came)), enabled=begin, started=begin, ended=end, visit=0)
    frame = frame.astype(base.frame.dtypes.to_dict())
    return EventLog(frame, replace(base.about, end=end.max().to_pydatetime(), enabled_known=True)), worked / 3600


def test_interleaved_work_is_shared() -> None:
    """Half of the person's time is worked, and visits that share it look twice as long: the model has the work."""
    log, hours = interleaved(1.0, 30.0)
    logged = float((log.frame["ended"] - log.frame["started"]).dt.total_seconds().sum()) / 3600
    assert logged > 1.5 * hours
    learnt = learner_of(log)
    scenario = learnt.scenario()
    (team,) = scenario.teams.values()
    assert team.concurrency == 1
    assert "is shared among them" in learnt.facts["Several things at once"]
    (step,) = scenario.steps.values()
    assert step.work.mean / 3.6e9 * len(log.frame) == pytest.approx(hours, rel=0.02)


def test_nobody_is_busy_for_more_than_all_hours() -> None:
    """Visits that are left open all day hold far more hours than there are: shared, they hold those that there are."""
    log, _ = interleaved(1.9, 30.0)
    span = (log.frame["ended"].max() - log.frame["started"].min()).total_seconds() / 3600
    assert float((log.frame["ended"] - log.frame["started"]).dt.total_seconds().sum()) / 3600 > 2 * span
    after = learner_of(log).log.frame
    assert float((after["ended"] - after["started"]).dt.total_seconds().sum()) / 3600 <= span


def test_visits_that_all_overlap_alike_do_not_tell_whether_they_hold_each_other_up() -> None:
    """With two open at every visit there is no second point for a line; with nearly so, its standard error says that there is none."""
    rng = np.random.default_rng(3)
    times = rng.lognormal(8, 0.7, 400)
    assert slope(times, times / 2) is None  # divided by 0 before
    assert slope(times, times / rng.choice([2, 2.001], 400)) is None
    many = rng.choice([1, 2], 400)  # standard error .7 / (.35 x 20) = .1
    assert slope(times, times / many) == pytest.approx(0, abs=0.25)
    assert slope(times * many, times) == pytest.approx(1, abs=0.25)
