"""How far two figures go together, and what share of the variance of one that tells: ranks, straight lines, pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from salessim.statistics import Estimate, Floats


@dataclass(frozen=True)
class Spread:
    """Where the variance of a figure between replications comes from, if some values of the scenario are uncertain."""

    ignorance: Estimate
    """Share of the variance, between 0 and 1, that knowing the uncertain values would take away."""
    low: float
    high: float
    """Between these the long-run figure lies in nine of ten of the worlds that the uncertain values allow."""


def common_share(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Estimate:
    """Share of the variance of two draws that they have in common: the intraclass correlation of pairs.

    Pairs share all uncertain values and nothing else, so that it estimates the share of the variance that is ignorance
    (the closed Sobol index of all uncertain values, by "pick and freeze": Sobol 1993, Janon et al. 2014), with Fisher's
    interval for correlations (Fisher 1925, section 40); cut to 0 ... 1.

    Args:
        first, second: the figure in the two replications of each pair, shape [n]; pairs with a NaN are left out.
        level: confidence level.

    Example:
        >>> common_share([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]).value
        1.0
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    there = ~(np.isnan(a) | np.isnan(b))
    missing = int((~there).sum())
    a, b = a[there], b[there]
    n = len(a)
    if n < 3:
        return Estimate(math.nan, 0.0, 1.0, level, n, missing)
    middle = (a.mean() + b.mean()) / 2
    total = float(((a - middle) ** 2 + (b - middle) ** 2).sum())
    if total == 0:  # always the same: there is nothing to share
        return Estimate(math.nan, 0.0, 1.0, level, n, missing)
    r = float(2 * ((a - middle) * (b - middle)).sum() / total)
    if abs(r) > 1 - 1e-12:
        return Estimate(max(0.0, r), max(0.0, r), max(0.0, r), level, n, missing)
    half = float(special.ndtri(0.5 + level / 2)) / math.sqrt(n - 1.5)
    return Estimate(max(0.0, r), max(0.0, math.tanh(math.atanh(r) - half)), max(0.0, math.tanh(math.atanh(r) + half)), level, n, missing)


def spread(values: ArrayLike, first: ArrayLike, second: ArrayLike) -> Spread:
    """The part of ignorance in the variance of a figure, and the range in which the long-run figure may lie.

    The range takes the figures of the replications and draws them together to their mean until the variance is that
    of ignorance alone: it keeps their skewness and needs no normal law.

    Args:
        values: the figure of every replication, shape [n], each with its own draw of the uncertain values.
        first, second: pairs of replications that share the draw of the uncertain values, shape [m].
    """
    share = common_share(first, second)
    x = np.asarray(values, float)
    x = x[~np.isnan(x)]
    if len(x) < 3 or not math.isfinite(share.value):
        return Spread(share, math.nan, math.nan)
    low, high = np.quantile(x, [0.05, 0.95])
    mean, shrink = float(x.mean()), math.sqrt(share.value)
    return Spread(share, mean + shrink * (float(low) - mean), mean + shrink * (float(high) - mean))


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rank correlation; NaN where one of the two never changes.

    Example:
        >>> rank_correlation([1, 2, 3], [1, 4, 9])
        1.0
    """
    x, y = np.asarray(a, float), np.asarray(b, float)
    there = ~(np.isnan(x) | np.isnan(y))
    if there.sum() < 3:
        return math.nan
    ranks = [_ranks(v[there]) for v in (x, y)]
    deviations = [r - r.mean() for r in ranks]
    scale = math.sqrt(float((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum()))
    return float((deviations[0] * deviations[1]).sum()) / scale if scale else math.nan


def rank_agreement(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Estimate:
    """Spearman's rank correlation with its interval; the interval is not known below four pairs.

    Example:
        >>> found = rank_agreement(range(20), [*range(1, 20), 0])
        >>> round(found.value, 3), found.low < found.value < found.high
        (0.714, True)

    Source:
        Bonett and Wright 2000: Fisher's z with the variance (1 + r^2 / 2) / (n - 3).
    """
    r, n = rank_correlation(a, b), int(np.sum(~(np.isnan(np.asarray(a, float)) | np.isnan(np.asarray(b, float)))))
    if n < 4 or math.isnan(r):
        return Estimate(r, math.nan, math.nan, level, n)
    # At a correlation of 1 the transform has no value: that of the nearest one that n pairs can have instead.
    z = math.atanh(max(-1 + 6 / (n**3 - n), min(1 - 6 / (n**3 - n), r)))
    room = float(special.ndtri(0.5 + level / 2)) * math.sqrt((1 + r * r / 2) / (n - 3))
    return Estimate(r, min(r, math.tanh(z - room)), max(r, math.tanh(z + room)), level, n)


def explained(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Estimate:
    """The share of the variance of one figure that a straight line in another explains: the squared correlation.

    Args:
        a, b: shape [n]; pairs with a NaN are left out.
        level: of the interval.

    Example:
        >>> explained([0, 1, 2, 3], [0, 2, 4, 6]).value
        1.0

    Source:
        The interval is that of Fisher's z (1921), squared.
    """
    x, y = np.asarray(a, float), np.asarray(b, float)
    there = ~(np.isnan(x) | np.isnan(y))
    n = int(there.sum())
    if n < 4 or np.ptp(x[there]) == 0 or np.ptp(y[there]) == 0:
        return Estimate(math.nan, 0.0, 1.0, level, n)
    r = min(1.0, max(-1.0, float(np.corrcoef(x[there], y[there])[0, 1])))
    z, half = math.atanh(min(abs(r), 1 - 1e-12)), float(special.ndtri(0.5 + level / 2)) / math.sqrt(n - 3)
    return Estimate(r * r, max(0.0, math.tanh(z - half)) ** 2, math.tanh(z + half) ** 2, level, n)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[where])
