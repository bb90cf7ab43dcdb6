"""Working time as arithmetic: calendars as sorted intervals, one binary search per question.

The end of a piece of work is known when it begins: the calendar's cumulative working time at the start plus the
ticks to work, looked up backwards. Intervals are half-open: on duty from the opening to just before the closing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from salessim.jit import inlined

FOREVER = 1 << 61
"""Later than any horizon; durations are at most 2^60, so that sums of two fit."""
ALWAYS = 0
"""Calendar 0 is open for ever."""

Intervals = list[tuple[int, int]]


class Hours(NamedTuple):
    """All calendars, one after the other; calendar c owns the intervals first[c] to last[c] - 1."""

    first: Any
    last: Any
    opens: Any
    closes: Any
    before: Any
    """Working ticks of the calendar before each interval."""


def build_hours(calendars: list[Intervals]) -> Hours:
    """The arrays of some calendars; calendar 0 (ALWAYS) is put before them.

    Args:
        calendars: for each, intervals (opens, closes) in ticks, sorted and apart.
    """
    columns = [_columns(tuple(intervals)) for intervals in calendars]
    ends = np.cumsum([0, *(len(opens) for opens, _, _ in columns)], dtype=np.int64)
    parts = [np.concatenate([np.zeros(0, np.int64), *(c[i] for c in columns)]) for i in range(3)]
    return Hours(np.concatenate([[0], ends[:-1]]), np.concatenate([[0], ends[1:]]), *parts)


def edges_of(intervals: Sequence[tuple[int, int]]) -> tuple[Any, Any]:
    """Openings and closings of some intervals as arrays, not to be changed."""
    return _columns(tuple(intervals))[:2]


@lru_cache(maxsize=512)  # every replication of a scenario with uncertain values asks for the same calendars
def _columns(intervals: tuple[tuple[int, int], ...]) -> tuple[Any, Any, Any]:
    """Openings, closings and the working ticks before each interval."""
    opens, closes = np.array(intervals, np.int64).reshape(-1, 2).T.copy()
    before = np.concatenate([[0], np.cumsum(closes - opens)])[: len(opens)]
    return opens, closes, before


def merged(intervals: Intervals) -> Intervals:
    """The same time as sorted intervals that neither overlap nor touch; empty ones vanish.

    Example:
        >>> merged([(5, 9), (0, 2), (2, 3), (8, 12), (4, 4)])
        [(0, 3), (5, 12)]
    """
    result: Intervals = []
    for start, end in sorted(i for i in intervals if i[1] > i[0]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def intersection(a: Intervals, b: Intervals) -> Intervals:
    """The time that lies in both; each sorted and apart.

    Example:
        >>> intersection([(0, 5), (8, 12)], [(3, 9)])
        [(3, 5), (8, 9)]
    """
    result: Intervals = []
    i = j = 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            result.append((start, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return result


def without(a: Intervals, b: Intervals) -> Intervals:
    """The time that lies in the first but not in the second; each sorted and apart.

    Example:
        >>> without([(0, 5), (8, 12)], [(3, 9), (10, 11)])
        [(0, 3), (9, 10), (11, 12)]
    """
    result: Intervals = []
    j = 0
    for start, end in a:
        while j < len(b) and b[j][1] <= start:
            j += 1
        k = j
        while k < len(b) and b[k][0] < end:
            if b[k][0] > start:
                result.append((start, b[k][0]))
            start = max(start, b[k][1])
            k += 1
        if start < end:
            result.append((start, end))
    return result


@inlined
def interval_at(hours: Hours, calendar: int, time: int) -> int:
    """The last interval of a calendar that opens at or before a time, or first - 1."""
    low, high = hours.first[calendar] - 1, hours.last[calendar]
    while high - low > 1:
        middle = (low + high) >> 1
        if hours.opens[middle] <= time:
            low = middle
        else:
            high = middle
    return low


@inlined
def on_duty(hours: Hours, calendar: int, time: int) -> bool:
    """Whether a time lies in [opens, closes) of some interval."""
    if calendar == ALWAYS:
        return True
    i = interval_at(hours, calendar, time)
    return i >= hours.first[calendar] and time < hours.closes[i]


@inlined
def worked(hours: Hours, calendar: int, time: int) -> int:
    """Working ticks of a calendar in [0, time)."""
    if calendar == ALWAYS:
        return time
    i = interval_at(hours, calendar, time)
    if i < hours.first[calendar]:
        return 0
    return hours.before[i] + min(time, hours.closes[i]) - hours.opens[i]


@inlined
def finish(hours: Hours, calendar: int, start: int, ticks: int) -> int:
    """When `ticks` of working time have passed from `start` on; FOREVER if the calendar does not hold so many.

    Work that finishes exactly at closing ends then, not at the next opening; zero ticks end at once, even off duty.
    """
    if calendar == ALWAYS or ticks == 0:
        return start + ticks
    i = interval_at(hours, calendar, start)
    if i >= hours.first[calendar] and start + ticks <= hours.closes[i]:
        return start + ticks  # the usual case: it fits into the open interval
    target = ticks
    if i >= hours.first[calendar]:
        target += hours.before[i] + min(start, hours.closes[i]) - hours.opens[i]
    # The last interval with fewer than `target` ticks before it.
    low, high = max(i, hours.first[calendar]), hours.last[calendar]
    if low >= high:
        return FOREVER
    while high - low > 1:
        middle = (low + high) >> 1
        if hours.before[middle] < target:
            low = middle
        else:
            high = middle
    end = hours.opens[low] + target - hours.before[low]
    return end if end <= hours.closes[low] else FOREVER
