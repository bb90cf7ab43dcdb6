"""The hours at which cases come in: one profile for all weekdays, or one for each group of weekdays that surely differ.

A Saturday on which everybody writes in the morning is no short Monday. Weekdays are parted one group after another, each time the
part that gains most, as long as days that were not learnt from are foretold better by it beyond doubt.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np

from salessim.scenario.calendars import DAYS

SURE = 3.09
"""Standard errors by which the finer profile has to be ahead: one in a thousand where both are equally far off (Vuong 1989)."""
PRIOR = 24.0
"""Cases of what the days together show, with which the hours of a group are mixed: one for each hour."""
LEAST = 60
"""Fewer cases teach no hours of their own: of 24, those that matter would have a handful each."""
FEWEST_DAYS = 8
"""Days of a kind from which it is judged, half of them learnt from: the sign of so many differences is told from chance only when all agree."""


def daytimes(day: Any, hour: Any) -> list[tuple[tuple[int, ...], Any]]:
    """Groups of weekdays, each with the share of its cases in every hour.

    Args:
        day: of each case, counted from a Monday, shape [n].
        hour: of each case, 0 to 23.

    Returns:
        Weekdays (Monday is 0) and 24 shares, groups in the order of their first day; one group where nothing surely differs.

    Source:
        Vuong (1989) for the comparison, over days instead of cases, because cases of one day may have come together.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> day = rng.integers(0, 7 * 40, 4000)
        >>> morning = np.where(day % 7 == 5, rng.integers(9, 12, 4000), rng.integers(9, 18, 4000))
        >>> [days for days, _ in daytimes(day, morning)]
        [(0, 1, 2, 3, 4, 6), (5,)]
        >>> [days for days, _ in daytimes(day, rng.integers(9, 18, 4000))]
        [(0, 1, 2, 3, 4, 5, 6)]
    """
    day, hour = np.asarray(day, int), np.asarray(hour, int)
    first = int(day.min()) - int(day.min()) % 7 if len(day) else 0
    counts = np.zeros((int(day.max()) - first + 1 if len(day) else 7, 24))
    np.add.at(counts, (day - first, hour), 1.0)
    weekday, week = np.arange(len(counts)) % 7, np.arange(len(counts)) // 7
    groups: list[tuple[int, ...]] = [tuple(range(7))]
    while True:
        best: tuple[float, tuple[int, ...], tuple[int, ...]] | None = None
        for group in groups:
            for part in _parts(group):
                gain = _gain(counts, weekday, week % 2, group, part)
                if gain is not None and (best is None or gain > best[0]):
                    best = gain, group, part
        if best is None:
            break
        _, group, part = best
        groups[groups.index(group) : groups.index(group) + 1] = [part, tuple(d for d in group if d not in part)]
    return [(group, _shares(counts[np.isin(weekday, group)].sum(axis=0))) for group in sorted(groups)]


def words(found: list[tuple[tuple[int, ...], Any]]) -> dict[str, float]:
    """Profiles in the language of scenarios: each hour as a multiple of the day's mean."""
    result: dict[str, float] = {}
    for days, shares in found:
        prefix = "" if len(found) == 1 else f"{', '.join(DAYS[d] for d in days)} "
        result |= {f"{prefix}{h:02d}:00-{h + 1:02d}:00": round(float(24 * share), 4) for h, share in enumerate(shares)}
    return result


def _parts(group: tuple[int, ...]) -> list[tuple[int, ...]]:
    """What a group may be parted by: a single day, two days next to each other, or those of the week."""
    pairs = [pair for pair in combinations(group, 2) if pair[1] - pair[0] == 1]
    week = tuple(d for d in group if d < 5)
    return [part for part in dict.fromkeys([*((d,) for d in group), *pairs, week]) if 0 < len(part) < len(group)]


def _shares(n: Any) -> Any:
    return n / n.sum() if n.sum() else np.full(24, 1 / 24)


def _gain(counts: Any, weekday: Any, half: Any, group: tuple[int, ...], part: tuple[int, ...]) -> float | None:
    """Log likelihood that days not learnt from gain by parting a group; None where it is not sure, or too little is known."""
    inside, rest = np.isin(weekday, part), np.isin(weekday, group) & ~np.isin(weekday, part)
    gains = []
    for mine in (inside, rest):
        if counts[mine].sum() < LEAST or (counts[mine].sum(axis=1) > 0).sum() < FEWEST_DAYS:
            return None
        for learn in (0, 1):
            together = counts[(inside | rest) & (half == learn)].sum(axis=0) + 1 / 24
            pooled = together / together.sum()
            own = counts[mine & (half == learn)].sum(axis=0) + PRIOR * pooled
            gains.append(counts[mine & (half != learn)] @ np.log(own / own.sum() / pooled))
    each = np.concatenate(gains)
    total = float(each.sum())
    return total if total > SURE * math.sqrt(len(each)) * float(each.std()) and total > 0 else None
