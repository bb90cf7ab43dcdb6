"""Hours that a log counts more than once."""

from __future__ import annotations

import numpy as np
import pytest

from salessim.calibration.learn import learner_of
from salessim.calibration.overlap import counted_twice
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
