"""A few points of a front instead of all: far from each other for people, along it for work that begins or ends there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np


def spread_over(points: Sequence[Any], most: int) -> list[int]:
    """Indices of at most so many points that are far from each other: the best in each column, then again and again the farthest.

    Example:
        >>> spread_over([(0, 10), (1, 9), (5, 5), (10, 0)], 3)
        [0, 2, 3]
    """
    if len(points) <= most:
        return list(range(len(points)))
    x = np.array(points, float)
    x = np.where(np.isfinite(x), x, np.nanmax(np.where(np.isfinite(x), x, np.nan), axis=0))
    width = np.ptp(x, axis=0)
    x = (x - x.min(axis=0)) / np.where(width > 0, width, 1.0)
    chosen = list(dict.fromkeys(int(i) for i in x.argmin(axis=0)))[:most]
    while len(chosen) < most:
        away = np.min(np.abs(x[:, None] - x[None, chosen]).sum(axis=2), axis=1)
        if away.max() == 0:
            break
        chosen.append(int(away.argmax()))
    return sorted(chosen)


def along(points: Sequence[tuple[float, ...]], count: int) -> list[int]:
    """Indices of at most so many points of a front, in its order: of each stretch the one that a weighting of the objectives likes best.

    What no single move improves for some weights is hardly ever beaten; what lies between such points was met by the way, and
    a design that was not met may beat it.

    Args:
        points: objectives of designs that do not beat each other, sorted.
        count: how many at most.

    Example:
        >>> along([(0, 10), (1, 9.9), (2, 5), (3, 4.9), (10, 0)], 3)
        [0, 2, 4]
    """
    if len(points) <= count or count < 1:
        return list(range(len(points)))[: max(0, count)]
    above = _above_hull(points) if len(points[0]) == 2 else [0.0] * len(points)
    edges = [round(i * len(points) / count) for i in range(count + 1)]
    middle = [(a + b - 1) / 2 for a, b in itertools.pairwise(edges)]
    ends = {0: 0, count - 1: len(points) - 1} if count > 1 else {}
    return [ends[k] if k in ends else min(range(a, b), key=lambda i: (above[i], abs(i - middle[k]), i)) for k, (a, b) in enumerate(itertools.pairwise(edges))]


def apart(points: Sequence[Sequence[float]], widths: Sequence[float]) -> list[int]:
    """Indices of the points, the first of them first, that differ from each one taken before by more than a width in some column.

    Example:
        >>> apart([(1.0, 5.0), (1.05, 5.05), (1.0, 6.0)], [0.1, 0.1])
        [0, 2]
    """
    x, chosen = np.array(points, float), list[int]()
    for i in range(len(x)):
        if all((np.abs(x[i] - x[j]) > widths).any() for j in chosen):
            chosen.append(i)
    return chosen


def _above_hull(points: Sequence[tuple[float, ...]]) -> list[float]:
    """By how much each point lies above the lower convex hull of all, in the second objective; sorted by the first.

    Source:
        Andrew 1979, the monotone chain.
    """
    hull: list[int] = []
    for i, (x, y) in enumerate(points):
        while len(hull) > 1:
            (ax, ay), (bx, by) = points[hull[-2]], points[hull[-1]]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            hull.pop()
        hull.append(i)
    level = np.interp([x for x, _ in points], [points[i][0] for i in hull], [points[i][1] for i in hull])
    return [max(0.0, y - float(at)) for (_, y), at in zip(points, level, strict=True)]


__all__ = ["along", "apart", "spread_over"]
