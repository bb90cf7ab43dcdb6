"""Visits that end with their case before anybody begins them: told from work whose start is missing by chance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim.calibration.learn import learner_of
from salessim.calibration.untaken import apart
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario
from tests.test_learning import as_exported, small, step, work

LABEL = "offer (not taken up)"


def desk(cancelled: float) -> Scenario:
    """Cases are called, and some of them cancelled by a system at a quarter past nine, on any day of the week, while the offer waits for people."""
    law = {"law": "exponential", "mean": "40 h"}
    return small({
        "call": step(work(20), {"to": "old", "share": cancelled}, {"to": "think"}),
        "think": step({"customer": law}, {"to": "offer"}),
        "old": step({"customer": law}, {"to": "off"}),
        "off": step({"automatic": "0 min", "posted": {"at": ["09:15"]}}, {"lost": "cancelled"}),
        "offer": step(work(30), {"lost": "declined", "share": 0.3}, {"done": True}),
    })  # fmt: skip


def recorded(log: EventLog) -> EventLog:
    """As a system has it: what is cancelled is an end of the offer without a start, under the name of whoever had the case."""
    off = log.frame["step"] == "off"
    frame = log.frame.assign(started=log.frame["started"].mask(off), step=log.frame["step"].mask(off, "offer"), person=log.frame["person"].mask(off, "people-1"))
    shown = as_exported(EventLog(frame[frame["step"].isin(["call", "offer"])], log.about), enabled=False)
    return EventLog(shown.frame.sort_values("case", kind="stable").reset_index(drop=True), shown.about)


@pytest.fixture(scope="module")
def log() -> EventLog:
    return recorded(simulate(desk(0.2), seed=4))


def local(frame: pd.DataFrame, log: EventLog) -> Any:
    return frame["ended"].dt.tz_convert(log.about.time_zone).dt


def test_what_a_batch_cancels_is_nobodys_work_and_keeps_its_hour(log: EventLog) -> None:
    learner = learner_of(log)
    assert learner.untaken == {LABEL: "offer"}
    assert learner.activity_of[LABEL] == "offer"
    assert len(learner.staff.teams) == 1  # nobody is on duty on Sundays at nine
    frames = pd.concat([simulate(learner.over(log.about.start.date(), pd.Timestamp(log.about.end)), seed=1, replication=r).frame for r in range(3)])
    off, real = frames[frames["step"] == LABEL], log.frame[log.frame["started"].isna()]
    assert (off["person"] == "").all()
    # Some 480 of 2,400 cases: three simulations together are 2.5 standard errors of a difference away in one of eighty.
    assert abs(len(off) / 3 - len(real)) < 2.5 * math.sqrt(len(real) * (1 + 1 / 3)) + 0.02 * len(real)
    assert (local(off, log).hour == 9).mean() > 0.95
    weekend = (local(off, log).day_of_week >= 5).mean()
    assert abs(weekend - (local(real, log).day_of_week >= 5).mean()) < 0.08


def test_starts_that_are_missing_by_chance_are_no_sign(log: EventLog) -> None:
    """A twentieth of all starts is missing, whatever comes of the case: nothing is told apart, in none of twenty logs."""
    whole = recorded(simulate(desk(0.0), seed=4))
    for seed in range(20):
        hidden = np.random.default_rng(seed).random(len(whole.frame)) < 0.05
        partly = EventLog(whole.frame.assign(started=whole.frame["started"].mask(hidden)), whole.about)
        found, names = apart(partly)
        assert not names
        assert found is partly


def test_few_are_not_told_apart_and_logs_that_say_who_gave_up_are_left_alone(log: EventLog) -> None:
    few = log.frame["case"].isin(log.frame.loc[log.frame["started"].isna(), "case"].unique()[4:])
    assert not apart(EventLog(log.frame[~few], log.about))[1]
    said = as_exported(simulate(desk(0.2), seed=4))
    assert apart(said) == (said, {})
