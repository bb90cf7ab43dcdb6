"""Distances between two logs as the field defines them; lower is better, 0 is the same.

The definitions are those of the Tartu group: N. Chapela-Campa, I. Benchekroun, O. Baron, M. Dumas, D. Krass, A. Senderovich,
"Can I trust my simulation model? Measuring the quality of business process simulation models", BPM 2023, and the package
`log-distance-measures` that accompanies it. A log is a set of cases; times are put into bins of an hour (whole hours since the
first stamp, since the case's start, or of the day) and the bins are compared by the first Wasserstein distance, so most
distances are hours. What is added here and is not theirs says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

HOUR = 3600.0
MOST_CIRCADIAN = 23.0
"""What a weekday adds on which one of two logs has events and the other has none."""


MOST_BINS = 1 << 22
"""Hours of nearly five centuries: stamps farther apart are sorted rather than counted."""


def wasserstein(a: Any, b: Any) -> float:
    """Area between two empirical distribution functions (the first Wasserstein distance); NaN if one is empty.

    >>> wasserstein([0.0, 1.0], [2.0, 3.0])
    2.0
    """
    a, b = np.sort(np.asarray(a, float)), np.sort(np.asarray(b, float))
    if not len(a) or not len(b):
        return float("nan")
    at = np.sort(np.concatenate([a, b]), kind="stable")  # merges the two, which are sorted
    gap = np.abs(np.searchsorted(a, at[:-1], side="right") / len(a) - np.searchsorted(b, at[:-1], side="right") / len(b))
    return float(np.sum(gap * np.diff(at)))


def _of_bins(a: Any, b: Any) -> float:
    """The same for whole numbers: with a count for each there is nothing to sort, which takes a tenth of the time in long logs."""
    if not len(a) or not len(b):
        return float("nan")
    least, most = min(a.min(), b.min()), max(a.max(), b.max())
    if not most - least < MOST_BINS:
        return wasserstein(a, b)
    below = [np.cumsum(np.bincount((x - least).astype(np.int64), minlength=int(most - least) + 1)) / len(x) for x in (a, b)]
    return float(np.sum(np.abs(below[0] - below[1])))


def ngrams(case: Any, activity: Any, n: int) -> dict[tuple[int, ...], int]:
    """How often each run of n activities occurs, each case padded with n - 1 blanks at either end.

    Args:
        case: of each visit, the visits of a case together and in order.
        activity: of each visit, a code from 0 on.
        n: at least 2.

    Returns:
        dict[tuple, int]: (codes) -> count; -1 stands for a blank.

    >>> ngrams([7, 7], [0, 1], 2)
    {(-1, 0): 1, (0, 1): 1, (1, -1): 1}
    """
    case, activity = np.asarray(case), np.asarray(activity, np.int64)
    if not len(case):
        return {}
    first = np.concatenate([[True], case[1:] != case[:-1]])
    number = np.cumsum(first) - 1
    # One stretch for all: n - 1 blanks before each case; the blanks before the next case end the one before.
    padded = np.full(len(case) + (n - 1) * (number[-1] + 2), -1, np.int64)
    padded[np.arange(len(case)) + (n - 1) * (number + 1)] = activity
    base = int(activity.max()) + 2  # one number for each run, so that sorting is fast
    runs = np.zeros(len(padded) - n + 1, np.int64)
    for i in range(n):
        runs = base * runs + padded[i : i + len(runs)] + 1
    grams, counts = np.unique(runs[runs > 0], return_counts=True)
    digits = grams[:, None] // base ** np.arange(n - 1, -1, -1) % base - 1
    return {tuple(g): c for g, c in zip(digits.tolist(), counts.tolist(), strict=True)}


def ngram_distance(a: Mapping[Any, float], b: Mapping[Any, float]) -> float:
    """NGD: the sum of absolute differences of the counts of runs of activities, over the sum of both: 0 same, 1 disjoint.

    >>> ngram_distance({"ab": 3, "ac": 1}, {"ab": 1, "ad": 1})
    0.6666666666666666
    """
    total = sum(a.values()) + sum(b.values())
    return sum(abs(a.get(k, 0) - b.get(k, 0)) for k in {*a, *b}) / total if total else float("nan")


def absolute(a: Any, b: Any) -> float:
    """AED and, given the times of arrival, CAR: the distance of two sets of stamps by the hour.

    Args:
        a, b: stamps in seconds on one time axis; the axis may be shifted, so that two periods lie upon each other.

    Returns:
        float: hours.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not len(a) or not len(b):
        return float("nan")
    start = np.floor(min(a.min(), b.min()) / HOUR) * HOUR
    return _of_bins(np.floor((a - start) / HOUR), np.floor((b - start) / HOUR))


def circadian(a: Any, b: Any) -> float:
    """CED: per weekday the distance of the hours of the day, and the mean of the seven.

    A weekday that neither log knows adds 0, one that only one of them knows 23, the most two sets of hours can differ.

    Args:
        a, b: stamps in seconds of local time since 1970.

    Returns:
        float: hours, 0 to 23.
    """
    first, second = (_by_weekday(x) for x in (a, b))
    n, m = first.sum(axis=1), second.sum(axis=1)
    gap = np.abs(np.cumsum(first, axis=1) / np.maximum(n, 1)[:, None] - np.cumsum(second, axis=1) / np.maximum(m, 1)[:, None]).sum(axis=1)
    return float(np.mean(np.where((n > 0) & (m > 0), gap, np.where((n > 0) | (m > 0), MOST_CIRCADIAN, 0.0))))


def _by_weekday(stamps: Any) -> Any:
    """How many stamps there are in each hour of each weekday, shape [7, 24]."""
    stamps = np.asarray(stamps, float)
    hour = np.floor(stamps[~np.isnan(stamps)] / HOUR).astype(np.int64) + 3 * 24  # 1970 began on a Thursday
    return np.bincount(hour % (7 * 24), minlength=7 * 24).reshape(7, 24)


def relative(a: Any, b: Any) -> float:
    """RED: the distance of all stamps counted from the start of their case, by the hour.

    Args:
        a, b: seconds since the start of the stamp's case.

    Returns:
        float: hours.
    """
    return _of_bins(np.floor(np.asarray(a, float) / HOUR), np.floor(np.asarray(b, float) / HOUR))


def cycle_times(a: Any, b: Any) -> float:
    """CTD: the distance of the times from a case's first stamp to its last, in bins of an hour from the shortest on.

    Args:
        a, b: seconds.

    Returns:
        float: hours.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not len(a) or not len(b):
        return float("nan")
    least = min(a.min(), b.min())
    return _of_bins(np.floor((a - least) / HOUR), np.floor((b - least) / HOUR))


def open_cases(born: Any, over: Any, start: float, end: float) -> Any:
    """The open cases in each hour of a window, a case that is open for half of the hour counting half.

    Args:
        born, over: of each case, in seconds; NaN where it is not over.
        start, end: of the window, in seconds.

    Returns:
        Array of float, one for each hour that has begun.
    """
    hours = max(1, int(np.ceil((end - start) / HOUR)))
    since = np.clip((np.asarray(born, float) - start) / HOUR, 0, hours)
    until = np.clip((np.where(np.isnan(over), np.inf, over) - start) / HOUR, 0, hours)
    # Cases that have begun (or ended) by a time t, integrated over t: their difference is the area under the curve.
    return np.diff(_ramps(since, hours) - _ramps(until, hours))


def _ramps(at: Any, hours: int) -> Any:
    """Sum over the points of max(0, t - point), at t = 0 .. hours."""
    at = np.sort(at)
    t = np.arange(hours + 1)
    passed = np.searchsorted(at, t, side="right")
    return passed * t - np.concatenate([[0.0], np.cumsum(at)])[passed]


def work_in_progress(a: Any, b: Any) -> float:
    """WIP: two curves of open cases taken as distributions over time, and their distance.

    Args:
        a, b: open cases in each hour, from the same hour on.

    Returns:
        float: hours; says when there is much open, not how much.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not a.sum() or not b.sum():
        return float("nan")
    size = max(len(a), len(b))
    first, second = (np.cumsum(np.pad(x, (0, size - len(x)))) / x.sum() for x in (a, b))
    return float(np.sum(np.abs(first - second)))


def level_of_work(a: Any, b: Any) -> float:
    """The mean area between two curves of open cases (ours: the distance before does not see the level).

    Args:
        a, b: open cases in each hour of the same window.

    Returns:
        float: cases.
    """
    return float(np.mean(np.abs(np.asarray(a, float) - np.asarray(b, float))))
