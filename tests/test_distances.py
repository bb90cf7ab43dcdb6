"""Distances between logs: by hand, and by what any distance must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from salessim.calibration import distances as d

HOUR, DAY = 3600.0, 86_400.0
times = st.lists(st.integers(0, 5_000), min_size=1, max_size=40).map(lambda x: np.array(x, float) * HOUR)
cases = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8)
MONDAY = 4 * DAY  # 5 January 1970


def flat(logs: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(len(logs)), [len(x) for x in logs]), np.array([a for x in logs for a in x])


def test_wasserstein_by_hand() -> None:
    assert d.wasserstein([0.0, 1.0], [2.0, 3.0]) == pytest.approx(2.0)
    assert d.wasserstein([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 0.0
    assert d.wasserstein([0.0], [0.0, 4.0]) == 2.0  # half of the mass goes 4
    assert np.isnan(d.wasserstein([], [1.0]))


@given(times, times)
def test_wasserstein_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    assert d.wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("of", [d.absolute, d.circadian, d.relative, d.cycle_times])
@given(a=times, b=times)
def test_a_distance_is_one(of: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray) -> None:
    assert of(a, a) == 0.0
    assert of(a, b) == pytest.approx(of(b, a))
    assert of(a, b) >= 0.0


@given(a=times, hours=st.integers(0, 300))
def test_a_shift_by_d_hours_is_d(a: np.ndarray, hours: int) -> None:
    assert d.absolute(a, a + hours * HOUR) == pytest.approx(hours)
    assert d.relative(a, a + hours * HOUR) == pytest.approx(hours)
    assert d.cycle_times(a, a + hours * HOUR) == pytest.approx(hours)


def test_bins_are_hours() -> None:
    """10:05 and 10:55 fall into one hour, 10:55 and 11:05 into two."""
    at = np.array([10 * HOUR])
    assert d.absolute(at + 300, at + 3300) == 0.0
    assert d.absolute(at + 3300, at + 3900) == 1.0


def test_runs_of_activities_by_hand() -> None:
    """A case a, b has the pairs -a, ab, b- and the triples --a, -ab, ab-, b--."""
    assert d.ngrams([5, 5], [0, 1], 2) == {(-1, 0): 1, (0, 1): 1, (1, -1): 1}
    assert d.ngrams([5, 5], [0, 1], 3) == {(-1, -1, 0): 1, (-1, 0, 1): 1, (0, 1, -1): 1, (1, -1, -1): 1}
    assert d.ngrams([5, 6], [0, 1], 2) == {(-1, 0): 1, (0, -1): 1, (-1, 1): 1, (1, -1): 1}  # nothing leads from case to case
    assert d.ngrams([], [], 2) == {}


@given(cases, st.sampled_from([2, 3]))
def test_every_run_is_counted(logs: list[list[int]], n: int) -> None:
    grams = d.ngrams(*flat(logs), n)
    assert sum(grams.values()) == sum(len(x) + n - 1 for x in logs)
    expected: dict[tuple[int, ...], int] = {}
    for case in logs:
        padded = [-1] * (n - 1) + case + [-1] * (n - 1)
        for i in range(len(padded) - n + 1):
            key = tuple(padded[i : i + n])
            expected[key] = expected.get(key, 0) + 1
    assert grams == expected


def test_ngram_distance_by_hand() -> None:
    """Pairs of one case ab against one case ac: -a in common; ab, b-, ac, c- not: 4 of 6."""
    a, b = d.ngrams([0, 0], [0, 1], 2), d.ngrams([0, 0], [0, 2], 2)
    assert d.ngram_distance(a, b) == pytest.approx(4 / 6)
    assert d.ngram_distance(a, a) == 0.0
    assert d.ngram_distance(a, d.ngrams([0], [3], 2)) == 1.0
    twice = d.ngrams([0, 0, 1, 1], [0, 1, 0, 1], 2)
    assert d.ngram_distance(a, twice) == pytest.approx(3 / 9)  # counts, not shares: twice as many cases are not the same


def test_circadian_by_hand() -> None:
    """On Mondays an hour apart, on Tuesdays only one of the two: (1 + 23) / 7."""
    a = np.array([MONDAY + 9.5 * HOUR, MONDAY + DAY + 9 * HOUR])
    b = np.array([MONDAY + 10.2 * HOUR])
    assert d.circadian(a, b) == pytest.approx((1 + 23) / 7)
    assert d.circadian(a, a + 7 * DAY) == 0.0  # the week does not matter


@given(hours=st.lists(st.integers(0, 167), min_size=1, max_size=30))
def test_circadian_stays_in_its_range(hours: list[int]) -> None:
    a = MONDAY + HOUR * np.array(hours, float)
    assert 0.0 <= d.circadian(a, np.array([MONDAY])) <= 23.0


def test_cycle_times_are_counted_from_the_shortest() -> None:
    """Bins begin with the shortest time of both: 30 min and 80 min are in one bin, 30 min and 100 min are not."""
    assert d.cycle_times(np.array([1800.0]), np.array([4800.0])) == 0.0
    assert d.cycle_times(np.array([1800.0]), np.array([6000.0])) == 1.0


def test_open_cases_by_hand() -> None:
    """Three cases all hour, one for half of it, two for a quarter: 4 (the example of the field's own text)."""
    born = np.array([0.0, 0.0, 0.0, 1800.0, 0.0, 2700.0])
    over = np.array([7200.0, 7200.0, np.nan, 3600.0, 900.0, 3600.0])
    curve = d.open_cases(born, over, 0.0, 7200.0)
    assert curve.tolist() == pytest.approx([4.0, 3.0])


@given(a=times, b=times)
def test_open_cases_add_up_to_the_time_in_process(a: np.ndarray, b: np.ndarray) -> None:
    n = min(len(a), len(b))
    born, over = np.minimum(a[:n], b[:n]), np.maximum(a[:n], b[:n])
    assert d.open_cases(born, over, 0.0, 5_001 * HOUR).sum() == pytest.approx(np.sum(over - born) / HOUR)


def test_work_in_progress_by_hand() -> None:
    """The same curve two hours later is 2 hours away; twice as high it is no distance, but another level."""
    a, b = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    assert d.work_in_progress(a, b) == 2.0
    assert d.work_in_progress(a, 2 * a) == 0.0
    assert d.level_of_work(a, 2 * a) == 0.5
