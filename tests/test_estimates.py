"""How well estimates are known: intervals by hand, and their coverage over many logs whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from salessim.calibration import calibrate
from salessim.calibration.estimates import Figure, error_of_mean, error_of_share, uncertain
from salessim.experiment import replicate, simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario
from salessim.survival import incidence_error
from tests.test_calibrate import replace_known


def test_the_error_of_an_exponential_mean_is_one_over_root_n() -> None:
    rng = np.random.default_rng(1)
    t = rng.exponential(10, 40_000)
    assert error_of_mean(t, np.ones(40_000, bool), np.arange(40_000)) == pytest.approx(1 / 200, rel=0.02)
    stop = rng.exponential(10, 40_000)  # half are censored, so half as many ends
    seen = t <= stop
    assert error_of_mean(np.minimum(t, stop), seen, np.arange(40_000)) == pytest.approx(1 / math.sqrt(seen.sum()), rel=0.02)


def test_visits_of_one_case_are_one_draw() -> None:
    t = np.repeat(np.random.default_rng(2).exponential(10, 400), 10)
    alone = error_of_mean(t, np.ones(4000, bool), np.arange(4000))
    assert error_of_mean(t, np.ones(4000, bool), np.repeat(np.arange(400), 10)) == pytest.approx(alone * math.sqrt(10), rel=0.01)


def test_the_error_of_a_share_by_hand() -> None:
    # 30 of 100, half a case more on either side: p = 30.5 / 101, error sqrt((1 - p) / (100 p))
    p = 30.5 / 101
    assert error_of_share(0.3, 30) == pytest.approx(math.sqrt((1 - p) / (100 * p)))
    assert 0 < error_of_share(1.0, 50) < 0.05


@pytest.mark.parametrize("weeks", [26, 6])
def test_the_error_of_a_share_of_competing_ways_covers(weeks: int) -> None:
    """A win after some nine days against an expiry after some eighteen, among 428 cases, a few or many still open: 600 logs."""
    rng = np.random.default_rng(weeks)
    truth = float((rng.exponential(9, 10**6) > 20 * rng.weibull(2.5, 10**6)).mean())
    held = 0
    for _ in range(600):
        won, expired, seen = rng.exponential(9, 428), 20 * rng.weibull(2.5, 428), rng.uniform(0, 7 * weeks, 428)
        time = np.minimum(np.minimum(won, expired), seen)
        ending = np.select([time == seen, time == won], [0, 1], 2)
        (wins, _), (share, error) = (incidence_error(time, ending, i) for i in (1, 2))
        share /= wins + share
        held += abs(math.log(share / truth)) <= 1.959964 * error_of_share(share, int((ending == 2).sum()), error)
    assert abs(held / 600 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 600)


def test_an_interval_by_hand() -> None:
    low, high = Figure(None, "x", "h", 10.0, 0.1, 5, 1.0).interval()
    assert (low, high) == (pytest.approx(10 * math.exp(-0.1959964)), pytest.approx(10 * math.exp(0.1959964)))
    assert Figure(None, "x", "", 0.95, 0.1, 5, 1.0, most=1.0).interval()[1] == 1.0


def test_what_moves_most_is_drawn_and_what_is_one_estimate_is_one_draw() -> None:
    figures = [Figure(f"steps.s{i}.work", "w", "min", 1.0, 0.1, 10, float(i), together="work times of s" if i >= 58 else None) for i in range(60)]
    found = uncertain(figures, {})
    assert set(found) == {f"steps.s{i}.work" for i in range(19, 60)}
    assert [found[f"steps.s{i}.work"]["together"] for i in (58, 59)] == ["work times of s"] * 2
    assert "together" not in found["steps.s19.work"]
    assert uncertain([Figure("steps.s.work", "w", "min", 1.0, 0.001, 10, 1.0)], {}) == {}
    share = uncertain([Figure("steps.s.then.0.share", "w", "", 0.4, 0.1, 60, 1.0)], {"steps.s.then.0.share": 0.05})["steps.s.then.0.share"]
    assert (share["low"], share["mode"], share["high"]) == ("30.202 %", "40 %", "44.5 %")


STEPS: dict[str, Any] = {
    "answer": {"work": {"law": "lognormal", "mean": "40 min", "cv": 1.0}, "by": "desk", "patience": {"law": "exponential", "mean": "12 h"},
               "gives_up": {"lost": "gave up"}, "then": [{"to": "think", "share": 0.6}, {"lost": "no"}]},
    "think": {"customer": {"law": "exponential", "mean": "9 days"}, "then": [{"to": "close", "share": 0.5}, {"lost": "rival"}]},
    "close": {"work": {"law": "gamma", "mean": "90 min", "cv": 0.5}, "by": "desk", "patience": "none", "then": [{"done": True}]},
}  # fmt: skip
TRUTH = Scenario.parse(
    {"salessim": 1, "clock": {"start": "2026-01-05", "horizon": "26 weeks"},
     "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}}, "teams": {"desk": {"size": 1, "calendar": "office"}},
     "segments": {"all": {}}, "channels": {"web": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": "36 per week", "calendar": "office"}}},
     "stages": {"lead": {"steps": STEPS}}}
)  # fmt: skip
KNOWN = {"arrivals of web": 36.0, "work times of answer": 40 / 60, "work times of close": 1.5, "patience at answer": 12.0, "times of think": 9 * 24.0,
         "of answer: lost: no": 0.4, "of think: lost: rival": 0.5}  # fmt: skip


def covered(numbers: range) -> dict[str, float]:
    """Share of logs whose interval holds the truth, by figure."""
    hits = dict.fromkeys(KNOWN, 0)
    for number in numbers:
        log = replace_known(simulate(TRUTH, seed=7, replication=number))
        for figure in calibrate(log, holdout=0).figures:
            if figure.what in KNOWN:
                low, high = figure.interval()
                hits[figure.what] += low <= KNOWN[figure.what] <= high
    return {name: n / len(numbers) for name, n in hits.items()}


def test_intervals_hold_the_truth() -> None:
    """Thirty logs: of 30 tries at .95, 24 or fewer hold once in two thousand times; the slow test asks for the rate itself."""
    assert {name: share for name, share in covered(range(30)).items() if share <= 0.8} == {}


@pytest.mark.slow
def test_intervals_cover_at_their_nominal_rate() -> None:
    found = covered(range(1000))
    assert {name: share for name, share in found.items() if not 0.93 <= share <= 0.97} == {}


def test_a_calibrated_scenario_tells_ignorance_from_chance() -> None:
    log: EventLog = replace_known(simulate(TRUTH, seed=3))
    scenario = calibrate(log, holdout=0, uncertain=True).scenario
    assert "channels.web.arrivals.rate" in scenario.uncertain
    results = replicate(scenario, replications=16, seed=1)
    assert {d.value: d.correlation for d in results.drivers("cycle_time")}["together times of think"] > 0.5  # most of a cycle is the customer's own time
    assert calibrate(log, holdout=0).scenario.uncertain == {}


@pytest.mark.parametrize("mean", ["1 h", "40 days", "2 years"])
def test_of_times_hardly_known_no_draw_is_longer_than_the_language_takes(mean: str) -> None:
    """A way that three cases took, after waits that differ a thousandfold: the widest factor would make millions of years of it."""
    steps = {"wait": {"customer": {"law": "lognormal", "mean": mean, "cv": 3}, "then": [{"done": True}]}}
    plain: dict[str, Any] = {
        "clock": {"start": "2026-01-05", "horizon": "4 weeks"}, "segments": {"all": {}}, "stages": {"lead": {"steps": steps}},
        "channels": {"web": {"enters": "wait", "segments": {"all": 1}, "arrivals": {"rate": "9 per week"}}},
    }  # fmt: skip
    law = Scenario.parse(plain).steps["wait"].customer
    assert law is not None
    drawn = uncertain([Figure("steps.wait.customer", "wait", "h", law.mean / 3.6e9, 8.0, 3, 1.0)], {})
    assert 0.3 < drawn["steps.wait.customer"]["factor"]["sigma"] <= 2
    assert Scenario.parse(plain | {"uncertain": drawn}).uncertain
