"""How well a score picks the cases that turn out well: the yield of the top of a list, and the curve behind it.

Scores of equal height cannot be told apart, so a list that is cut among them holds the share of good ones that they
have on average; no order of the file ever matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from salessim.records import Floats


def good_in_top(score: ArrayLike, good: ArrayLike) -> Floats:
    """Expected good cases among the best k by score, for k = 0, 1, ..., n.

    Args:
        score: a number per case; the highest come first, shape [n].
        good: whether each turned out well, shape [n].
    """
    s, g = np.asarray(score, float), np.asarray(good, float)
    order = np.argsort(-s, kind="stable")
    s, g = s[order], g[order]
    if len(s) == 0:
        return np.zeros(1)
    first = np.flatnonzero(np.concatenate([[True], s[1:] != s[:-1]]))
    size = np.diff(np.concatenate([first, [len(s)]]))
    mean = np.repeat(np.add.reduceat(g, first) / size, size)
    return np.concatenate([[0.0], np.cumsum(mean)])


def precision_at(score: ArrayLike, good: ArrayLike, k: int) -> float:
    """The share of good cases among the best k by score (all of them, where there are fewer).

    Example:
        >>> precision_at([0.9, 0.8, 0.3, 0.1], [True, False, True, False], 2)
        0.5
    """
    if k < 1:
        raise ValueError(f"k is {k}; give a list of at least one")
    found = good_in_top(score, good)
    k = min(k, len(found) - 1)
    return float(found[k] / k) if k else float("nan")


def lift_curve(score: ArrayLike, good: ArrayLike) -> tuple[Floats, Floats]:
    """For a chart: the share of the list that is worked, and how many times the average share of good ones it holds.

    Returns:
        (share of the list, lift), for lists of 1, 2, ..., n cases; the last lift is 1.

    Example:
        >>> share, lift = lift_curve([3, 2, 1, 0], [True, True, False, False])
        >>> [float(x) for x in lift]
        [2.0, 2.0, 1.3333333333333333, 1.0]
    """
    found = good_in_top(score, good)
    n = len(found) - 1
    count = np.arange(1, n + 1)
    average = found[-1] / n if n else float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return count / max(n, 1), found[1:] / count / average
