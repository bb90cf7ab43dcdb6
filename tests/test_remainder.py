"""Whether those that had not moved when observation ended ever will: planted ones are found, and none where there are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

import salessim as ss
from salessim.calibration.history import cut
from salessim.calibration.learn import learner_of
from salessim.calibration.remainder import LONGEST, remainder

DORMANT = 0.3


def watched(rng: np.random.Generator, times: np.ndarray, over: float) -> tuple[np.ndarray, np.ndarray]:
    """Cases that come in all the time, as known when a log of some length ends."""
    seen_for = rng.uniform(0, over, len(times))
    return np.minimum(times, seen_for), times <= seen_for


LAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "as slow as can be told": lambda rng, n: rng.exponential(LONGEST, n),
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "lognormal": lambda rng, n: rng.lognormal(0.0, 1.5, n),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("count", [200, 2000])
def test_where_all_move_none_are_taken_to_stay(law: str, count: int) -> None:
    """In at most 5 of 100 logs, at the slowest pace of all; binomial bounds at one in a thousand for 300 logs."""
    rng = np.random.default_rng(count)
    wrong = sum(remainder(*watched(rng, LAWS[law](rng, count), 1.0)).stays for _ in range(300))
    assert special.bdtrc(wrong - 1, 300, 0.05) > 1e-3
    if law != "as slow as can be told":
        assert wrong == 0


@pytest.mark.parametrize("over", [60.0, 120.0, 360.0])
def test_the_share_that_stays_does_not_depend_on_when_the_log_ends(over: float) -> None:
    rng = np.random.default_rng(1)
    times = np.where(rng.random(4000) < DORMANT, np.inf, rng.exponential(4.0, 4000))
    found = remainder(*watched(rng, times, over))
    assert found.stays
    assert found.left == pytest.approx(DORMANT, abs=0.03)


def test_few_moves_of_many_cases_say_more_than_many_moves_of_few() -> None:
    """Three won of three thousand: the others are not won as fast as the three were."""
    rng = np.random.default_rng(2)
    times, moved = rng.uniform(0, 200, 3000), np.zeros(3000, bool)
    times[:3], moved[:3] = (5.0, 20.0, 30.0), True
    found = remainder(times, moved)
    assert found.stays
    assert found.left == pytest.approx(1 - 3 / 3000, abs=0.001)


def test_who_still_moves_moves_at_the_pace_seen() -> None:
    """Half of the cases move with a mean of twice the observation: the rest is late, not gone."""
    rng = np.random.default_rng(3)
    slow = rng.random(4000) < 0.5
    found = remainder(*watched(rng, np.where(slow, rng.exponential(200.0, 4000), rng.exponential(2.0, 4000)), 100.0))
    assert not found.stays
    assert found.left == pytest.approx(0.5 * np.exp(-0.5), abs=0.05)
    assert found.late.mean() - 100.0 == pytest.approx(200.0, rel=0.35)


def test_of_a_log_without_open_cases_nothing_is_left() -> None:
    found = remainder(np.random.default_rng(4).exponential(5.0, 4000), np.ones(4000, bool))
    assert (found.left, found.stays) == (0.0, False)


def forgotten(share: str) -> ss.Scenario:
    """Leads are called; some are won, some lost, and a share is never touched again."""
    return ss.Scenario.parse(
        {
            "salessim": 1, "name": "forgotten leads", "clock": {"start": "2026-01-05", "horizon": "40 weeks"},
            "teams": {"sales": {"size": 3}}, "segments": {"all": {}},
            "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "70 per week"}}},
            "stages": {
                "lead": {"steps": {
                    "call": {"work": "20 min", "by": "sales", "then": [{"to": "drawer", "share": share}, {"to": "think", "share": "28 %"}, {"lost": "no need"}]},
                    "drawer": {"customer": "200 years", "then": [{"lost": "nobody"}]},
                    "think": {"customer": {"law": "exponential", "mean": "6 days"}, "then": [{"to": "sign"}]},
                    "sign": {"work": "30 min", "by": "sales", "milestone": "won", "then": [{"done": True}]},
                }}
            },
        }
    )  # fmt: skip


def as_exported(scenario: ss.Scenario, weeks: int) -> ss.EventLog:
    """As a CRM shows it: who waits in the drawer has been called, and no more is known."""
    log = cut(ss.simulate(scenario, seed=4), scenario.clock.start + pd.Timedelta(weeks=weeks))
    frame = log.frame[~log.frame["step"].isin(["drawer", "think"])].sort_values("case", kind="stable").reset_index(drop=True)
    return ss.EventLog(frame, log.about)
