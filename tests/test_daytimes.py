"""Hours of arrival by groups of weekdays: found where planted, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from salessim.calibration.arrivals import inflow
from salessim.calibration.daytimes import daytimes
from salessim.errors import ScenarioError
from salessim.experiment import simulate
from salessim.scenario.model import Scenario

WEEK, SATURDAY = np.r_[np.zeros(8), np.ones(10), np.zeros(6)] / 10, np.r_[np.zeros(9), np.ones(3), np.zeros(12)] / 3


def came(seed: int, saturday: np.ndarray, weeks: int = 40, a_day: float = 12.0, together: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Cases of so many weeks, alike from Monday to Friday, at other hours on Saturdays; so many come together."""
    rng = np.random.default_rng(seed)
    days = np.flatnonzero(np.arange(7 * weeks) % 7 < 6)
    number = rng.poisson(a_day / together, len(days))
    day = np.repeat(days, number)
    hour = np.array([rng.choice(24, p=saturday if d % 7 == 5 else WEEK) for d in day])
    return np.repeat(day, together), np.repeat(hour, together)


def test_planted_saturday_mornings_are_found_with_their_hours() -> None:
    for seed in range(10):
        found = daytimes(*came(seed, SATURDAY))
        assert [set(days) - {6} for days, _ in found] == [{0, 1, 2, 3, 4}, {5}]
        assert found[1][1] == pytest.approx(SATURDAY, abs=0.12)
        assert found[0][1] == pytest.approx(WEEK, abs=0.04)


@pytest.mark.parametrize("together", [1, 6])
def test_days_that_are_alike_are_not_parted(together: int) -> None:
    """A hundred logs without any difference; cases that come in sixes are no evidence of six."""
    parted = sum(len(daytimes(*came(seed, WEEK, together=together))) > 1 for seed in range(100))
    assert parted <= 3  # some ten partings are asked for at one in a thousand each: more than three would come once in fifty times


def test_the_inflow_says_them_and_a_simulation_follows() -> None:
    day, hour = came(3, SATURDAY, weeks=60)
    start = pd.Timestamp("2026-01-05", tz="UTC")
    rng = np.random.default_rng(1)
    arrived = pd.Series(start + pd.to_timedelta(day, "D") + pd.to_timedelta(hour * 60 + rng.integers(0, 60, len(hour)), "min")).sort_values(ignore_index=True)
    profile = inflow(arrived, start, start + pd.Timedelta(420, "D")).paragraph(start.date(), 420, past=False)
    assert profile["hours"]["Sat 09:00-10:00"] == pytest.approx(8.0, abs=1.2)  # 24 hours times a third
    scenario = Scenario.parse({
        "clock": {"start": "2026-01-05", "horizon": "60 weeks"}, "teams": {"desk": {"size": 9}}, "segments": {"all": {}},
        "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": profile}},
        "stages": {"lead": {"steps": {"call": {"work": "1 min", "by": "desk", "patience": "none", "then": [{"done": True}]}}}},
    })  # fmt: skip
    born = simulate(scenario, seed=2).frame["enabled"]
    assert len(born) == pytest.approx(len(arrived), rel=4 * len(arrived) ** -0.5)
    saturdays = born[born.dt.day_of_week == 5]
    assert saturdays.dt.hour.isin([9, 10, 11]).mean() > 0.99
    assert len(saturdays) / len(born) == pytest.approx((day % 7 == 5).mean(), abs=0.02)
    other = born[born.dt.day_of_week == 1]
    assert other.dt.hour.isin([9, 10, 11]).mean() == pytest.approx(0.3, abs=0.06)


def written(hours: dict[str, float]) -> Scenario:
    return Scenario.parse({
        "clock": {"start": "2026-01-05", "horizon": "40 weeks"}, "teams": {"desk": {"size": 9}}, "segments": {"all": {}},
        "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "700 per week", "hours": hours}}},
        "stages": {"lead": {"steps": {"call": {"work": "1 min", "by": "desk", "patience": "none", "then": [{"done": True}]}}}},
    })  # fmt: skip


def test_hours_of_some_days_by_hand() -> None:
    """Five of eleven cases on five days from 9 to 10, six on a Saturday: three hours at twice that rate; none on Sundays."""
    born = simulate(written({"Mon-Fri 09:00-10:00": 1, "周六 08:00-11:00": 2}), seed=4).frame["enabled"]
    n = len(born)
    assert n == pytest.approx(28_000, rel=0.02)  # the rate is that of an ordinary week, whatever the profile
    saturday = born.dt.day_of_week == 5
    assert saturday.mean() == pytest.approx(6 / 11, abs=0.015)
    assert set(born[saturday].dt.hour) == {8, 9, 10}
    assert set(born[~saturday].dt.hour) == {9}
    assert not (born.dt.day_of_week == 6).any()


def test_an_hour_of_a_day_is_given_once() -> None:
    with pytest.raises(ScenarioError, match="overlap"):
        written({"09:00-10:00": 1, "Sat 08:00-11:00": 2})
    with pytest.raises(ScenarioError, match="not a weekday"):
        written({"Soon 08:00-11:00": 2})
    written({"Mon-Fri 09:00-10:00": 1, "Sat 08:00-11:00": 2})
