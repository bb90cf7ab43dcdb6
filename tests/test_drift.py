"""Where the level of arrivals is and how it wanders: against walks of known volatility.

Whoever has few weeks gets what the prior says: intervals hold the truth at their rate on average over levels that move
as it holds for usual, more often where nothing moves, less often where much does.
"""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from salessim.calibration.drift import LEAST_WEEKS, drift
from tests.test_inflow import days_of, drawn, flat


def walk(rng: np.random.Generator, weeks: int, mean: float, volatility: float) -> np.ndarray:
    """Levels of mean `mean`, a lognormal step a week."""
    return mean * np.exp(np.cumsum(np.r_[0.0, rng.normal(-(volatility**2) / 2, volatility, weeks - 1)]))


def numbers(rng: np.random.Generator, level: np.ndarray, dispersion: float) -> np.ndarray:
    """Of which the variance is `dispersion` times the mean."""
    return rng.poisson(level if dispersion == 1 else level * rng.gamma(level / (dispersion - 1), (dispersion - 1) / level))


@pytest.mark.parametrize(("mean", "weeks", "volatility", "dispersion"), [(60, 26, 0.0, 1), (60, 26, 0.08, 1), (500, 40, 0.08, 6), (60, 80, 0.2, 6), (3, 30, 0.08, 1), (500, 12, 0.03, 6), (60, 5, 0.08, 6)])
def test_the_coming_weeks_lie_in_their_interval(mean: float, weeks: int, volatility: float, dispersion: float) -> None:
    """Six weeks after each of 150 logs; weeks of one log hang together, so that the error is taken over logs."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(150):
        seen = numbers(rng, walk(rng, weeks + 6, mean, volatility), dispersion)
        found = drift(seen[:weeks], np.ones(weeks))
        assert found is not None
        ahead = found.level * np.exp(rng.normal(-(found.error**2) / 2, found.error, 399)) * np.array([walk(rng, 7, 1.0, found.volatility)[1:] for _ in range(399)]).T
        futures = numbers(rng, np.maximum(ahead, 1e-6), max(1.0001, found.dispersion))
        low, high = np.sort(futures, axis=1)[:, [9, -10]].T
        inside.append(np.mean((low <= seen[weeks:]) & (seen[weeks:] <= high)))
    error = np.std(inside, ddof=1) / math.sqrt(len(inside))
    # Small counts are discrete, and where nothing moves that is not sure: intervals hold somewhat more than they must.
    assert 0.95 - 3 * error < np.mean(inside) < 0.99 + error


def test_volatility_and_dispersion_are_recovered_from_many_weeks() -> None:
    rng = np.random.default_rng(2)
    for volatility, dispersion in ((0.05, 1.0), (0.2, 1.0), (0.1, 8.0)):
        found = [f for _ in range(40) if (f := drift(numbers(rng, walk(rng, 150, 400, volatility), dispersion), np.ones(150))) is not None]
        assert np.mean([f.volatility for f in found]) == pytest.approx(volatility, rel=0.15)
        assert np.mean([f.dispersion for f in found]) == pytest.approx(dispersion, rel=0.2)


def test_the_last_weeks_count_most_where_the_level_moved_and_all_where_it_did_not() -> None:
    moved = drift([50] * 20 + [100] * 4, np.ones(24))
    assert moved is not None
    assert moved.level == pytest.approx(97, abs=4)
    before = drift([100] * 4 + [50] * 20, np.ones(24))
    assert before is not None
    assert before.level == pytest.approx(51, abs=3)
    rng = np.random.default_rng(3)
    still = [f for _ in range(60) if (f := drift(rng.poisson(400, 100), np.ones(100))) is not None]
    error = np.std([f.level for f in still], ddof=1)
    assert 2 * 0.8 < error < 4  # the mean of all hundred weeks has an error of 2, the last week alone one of 20
    assert error < np.mean([f.error for f in still]) * 400 < 2.5 * error  # that the level does not move is not known


def test_weeks_count_by_what_was_expected_of_them() -> None:
    rng = np.random.default_rng(4)
    expected = np.where(np.arange(52) % 4 == 0, 0.2, 1.0)
    found = drift(rng.poisson(300 * expected), expected)
    assert found is not None
    assert abs(found.level - 300) < 3 * found.error * 300
    assert found.dispersion < 2
    again = drift(np.r_[rng.poisson(300 * expected), 0], np.r_[expected, 0.0])  # a week in which nobody could come says nothing
    assert again is not None
    assert again.level == pytest.approx(300, rel=0.1)


def test_few_weeks_say_nothing() -> None:
    assert drift([5] * (LEAST_WEEKS - 1), np.ones(LEAST_WEEKS - 1)) is None
    assert drift([0] * 20, np.ones(20)) is None


def test_a_forecast_begins_with_the_level_of_today() -> None:
    """Thirty weeks of 200, then ten in which 20 fewer come each week: neither the mean of all nor that of the last level."""
    days = days_of(40)
    per_week = np.repeat(np.r_[np.full(30, 200.0), 200 - 15.0 * np.arange(1, 11)], 7)
    found = drawn(days, flat(days, 1.0) * per_week, 5)
    ahead = found.ahead(dt.date(2024, 10, 7), 42)
    level, error = found.today()
    assert float(ahead["rate"].split()[0]) == pytest.approx(level, rel=1e-4)
    assert abs(level - 50) < 3 * error * level
    assert found.levels[-1].per_week > 70
    assert ahead["weekly_volatility"] > 0.03
    assert "the level of today" in ahead["source"]


def test_weeks_ahead_differ_as_the_weeks_before_did() -> None:
    """Days that share a factor within the week vary as weeks by more than days on their own would: variance of a week = mean + cv² · mean²."""
    days = days_of(80)
    rng = np.random.default_rng(6)
    found = drawn(days, flat(days, 300) * np.repeat(rng.gamma(25, 1 / 25, 80), 7), 6)
    assert found.drift is not None
    expected = 1 + 300 / 25
    assert found.drift.dispersion == pytest.approx(expected, rel=0.4)
    of_day = 300 * np.array(list(found.profile["weekdays"].values())) / 7
    told = 1 + found.ahead(dt.date(2025, 7, 14), 42)["daily_cv"] ** 2 * float(np.sum(of_day**2) / of_day.sum())
    assert told == pytest.approx(found.drift.dispersion, rel=0.05)
