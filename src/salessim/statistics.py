"""Numbers with intervals: every figure that salessim prints passes through here.

Replications are independent, so the intervals over them need no batch means; what is censored at the horizon is
estimated as such. Coverage at the nominal rate is proved by simulation in `tests/test_coverage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval that covers its true value at the stated level."""

    value: float
    low: float
    high: float
    level: float
    n: int
    """Observations or replications behind it."""
    missing: int = 0
    """Replications in which the figure did not exist (no sale, say); they are named, not hidden."""

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.high - self.low) / 2

    def within(self, least: float, most: float) -> Estimate:
        """The interval cut to the values that the figure can have; it covers as often as before. Ends that are not known stay so.

        Example:
            >>> mean_interval([0.0, 0.0, 0.3]).within(0.0, 1.0).low
            0.0
        """
        low, high = (min(max(x, least), most) if math.isfinite(x) else x for x in (self.low, self.high))
        return replace(self, low=low, high=high)


def t_quantile(p: float, degrees: float) -> float:
    """Student's t quantile."""
    return float(special.stdtrit(degrees, p))


def mean_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean of independent replications with Student's t interval.

    Args:
        values: one figure per replication, shape [n]; NaN where the figure does not exist.
        level: confidence level, between 0 and 1.

    Returns:
        The estimate; with fewer than two values the interval is infinite, and says so.

    Example:
        >>> e = mean_interval([1.0, 2.0, 3.0])
        >>> round(e.value, 3), round(e.half_width, 3)
        (2.0, 2.484)
    """
    x = np.asarray(values, float)
    missing = int(np.isnan(x).sum())
    x = x[~np.isnan(x)]
    n = len(x)
    if n == 0 or np.isinf(x).any():  # a figure without bound has no mean
        return Estimate(math.nan, -math.inf, math.inf, level, n, missing)
    mean = float(x.mean())
    if n == 1:
        return Estimate(mean, -math.inf, math.inf, level, 1, missing)
    half = t_quantile(0.5 + level / 2, n - 1) * float(x.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, level, n, missing)


def share_interval(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A share of independent yes-or-no trials with Wilson's interval (1927), which behaves near 0 and 1.

    Example:
        >>> e = share_interval(0, 20)
        >>> e.value, e.low, round(e.high, 3)
        (0.0, 0.0, 0.161)
    """
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, level, 0)
    z = float(special.ndtri(0.5 + level / 2))
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(
        p, 0.0 if successes == 0 else max(0.0, middle - half), 1.0 if successes == n else min(1.0, middle + half), level, n
    )


def exact_share_interval(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A share of independent yes-or-no trials with the exact interval of Clopper and Pearson (1934), which never covers too rarely.

    Each end by itself is wrong with probability (1 - level) / 2 at most, whatever the true share.

    Example:
        >>> e = exact_share_interval(60, 60, 0.9)  # 0.05 ** (1 / 60)
        >>> e.value, round(e.low, 4), e.high
        (1.0, 0.9513, 1.0)
    """
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, level, 0)
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(special.betaincinv(successes + 1, n - successes, 1 - tail))
    return Estimate(successes / n, low, high, level, n)


def ratio_interval(numerators: ArrayLike, denominators: ArrayLike, level: float = 0.95) -> Estimate:
    """A ratio of means over replications (cost per sale), with Fieller's interval (Fieller 1954).

    The value is the sum of the numerators over the sum of the denominators, so a replication without a sale is no
    problem. The interval holds every ratio that a t test of `numerator - ratio x denominator` would not reject; it
    need not be symmetric, and it is infinite where the denominators cannot be told from zero. A jackknife-t interval
    was measured beside it and covers too rarely when the denominators are skewed (see `tests/test_coverage.py`).

    Args:
        numerators, denominators: one pair per replication, shape [n]; a pair with a NaN is left out and counted.
        level: confidence level, between 0 and 1.
    """
    a, b = np.asarray(numerators, float), np.asarray(denominators, float)
    there = ~(np.isnan(a) | np.isnan(b))
    missing = int((~there).sum())
    a, b = a[there], b[there]
    n = len(a)
    if n == 0 or b.sum() == 0:
        return Estimate(math.nan, -math.inf, math.inf, level, n, missing + n)
    ratio = float(a.sum() / b.sum())
    if n == 1:
        return Estimate(ratio, -math.inf, math.inf, level, 1, missing)
    # With r = a - ratio b, whose mean is zero, the ends are ratio + d where d solves
    # d^2 (mean(b)^2 - t^2 var_b) + 2 d t^2 cov_rb - t^2 var_r = 0: no difference of large numbers, exact if r = 0.
    r = a - ratio * b
    if float(np.abs(r).max()) <= 1e-13 * float(np.abs(a).max()):  # the same ratio in every replication
        return Estimate(ratio, ratio, ratio, level, n, missing)
    t2 = t_quantile(0.5 + level / 2, n - 1) ** 2
    var_r, cov_rb, _, var_b = (np.cov(r, b) / n).ravel().tolist()
    q = float(b.mean()) ** 2 - t2 * var_b
    if q <= 0:
        return Estimate(ratio, -math.inf, math.inf, level, n, missing)
    root = math.sqrt((t2 * cov_rb) ** 2 + q * t2 * var_r)
    return Estimate(ratio, ratio + (-t2 * cov_rb - root) / q, ratio + (-t2 * cov_rb + root) / q, level, n, missing)


def quantile_interval(values: ArrayLike, p: float, level: float = 0.95) -> Estimate:
    """A quantile of independent observations with the interval of order statistics (exact, distribution-free).

    The interval runs between the observations whose ranks bracket the binomial probability; with too few
    observations for the level an end is infinite. NaN values are left out and counted.
    """
    x = np.asarray(values, float)
    missing = int(np.isnan(x).sum())
    x = np.sort(x[~np.isnan(x)])
    n = len(x)
    if n == 0:
        return Estimate(math.nan, -math.inf, math.inf, level, 0, missing)
    tail = (1 - level) / 2
    k = np.arange(n + 1)
    below = special.bdtr(k, n, p)  # P(at most k observations lie below the quantile)
    low_rank = int(np.searchsorted(below, tail, side="right"))  # largest l with P(B <= l - 1) <= tail
    high_rank = int(np.searchsorted(below, 1 - tail, side="left")) + 1  # smallest u with P(B <= u - 1) >= 1 - tail
    low = float(x[low_rank - 1]) if low_rank >= 1 else -math.inf
    high = float(x[high_rank - 1]) if high_rank <= n else math.inf
    return Estimate(float(np.quantile(x, p, method="hazen")), low, high, level, n, missing)


@dataclass(frozen=True)
class Difference:
    """B minus A, replication by replication under common random numbers."""

    change: Estimate
    relative: Estimate
    """The change as a share of A's mean (the interval is that of the ratio of means)."""
    variance_reduction: float
    """How many times fewer replications than with independent numbers: (var A + var B) / var(B - A)."""

    @property
    def verdict(self) -> str:
        """"higher", "lower", "the same" (identical in every replication) or "unclear"."""
        if self.change.low == self.change.high == 0.0:
            return "the same"
        return "higher" if self.change.low > 0 else "lower" if self.change.high < 0 else "unclear"


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Difference:
    """The difference of two scenarios from replications with common random numbers.

    Args:
        a, b: one figure per replication in the same order, shape [n]; NaN where it does not exist.
    """
    x, y = np.asarray(a, float), np.asarray(b, float)
    both = ~(np.isnan(x) | np.isnan(y))
    if len(x) and np.array_equal(x, y, equal_nan=True):
        zero = Estimate(0.0, 0.0, 0.0, level, int(both.sum()), int((~both).sum()))
        return Difference(zero, zero, math.inf)
    x, y = x[both], y[both]
    difference = mean_interval(y - x, level)
    change = replace(difference, missing=int((~both).sum()))
    relative = ratio_interval(y - x, x, level) if len(x) and x.sum() != 0 else mean_interval([], level)
    spread = float(np.var(y - x, ddof=1)) if len(x) > 1 else math.nan
    together = float(np.var(x, ddof=1) + np.var(y, ddof=1)) if len(x) > 1 else math.nan
    reduction = math.inf if spread == 0 and together > 0 else together / spread if spread > 0 else math.nan
    return Difference(change, relative, reduction)


def paired_ratio_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Difference:
    """The difference of two ratios of means (cost per sale) from replications with common random numbers.

    The change is that of the ratios themselves, sum over sum, so it is the difference of what `ratio_interval` prints
    for each. Its error is that of the linearised ratios, replication by replication (delta method; Cochran 1977,
    ch. 6), with Student's t. With few replications and very skewed denominators it is somewhat too narrow
    (`tests/test_coverage.py` says by how much).

    Args:
        a, b: (numerator, denominator) of each replication in the same order, shape [n, 2]; NaN is left out.
    """
    x, y = np.asarray(a, float).reshape(-1, 2), np.asarray(b, float).reshape(-1, 2)
    there = ~(np.isnan(x).any(axis=1) | np.isnan(y).any(axis=1))
    missing, x, y = int((~there).sum()), x[there], y[there]
    n = len(x)
    unknown = Estimate(math.nan, -math.inf, math.inf, level, n, missing)
    if n == 0 or x[:, 1].sum() == 0 or y[:, 1].sum() == 0:
        return Difference(unknown, unknown, math.nan)
    before, after = (float(z[:, 0].sum() / z[:, 1].sum()) for z in (x, y))
    if np.array_equal(x, y):
        zero = Estimate(0.0, 0.0, 0.0, level, n, missing)
        return Difference(zero, zero, math.inf)
    # What each replication adds to the error of its ratio; both have mean zero.
    dx, dy = (x[:, 0] - before * x[:, 1]) / x[:, 1].mean(), (y[:, 0] - after * y[:, 1]) / y[:, 1].mean()
    change = replace(_around(after - before, dy - dx, level), missing=missing)
    relative = unknown
    if before != 0:
        relative = replace(_around(after / before - 1, dy / before - after / before**2 * dx, level), missing=missing)
    spread = float(np.var(dy - dx, ddof=1)) if n > 1 else math.nan
    together = float(np.var(dx, ddof=1) + np.var(dy, ddof=1)) if n > 1 else math.nan
    return Difference(change, relative, together / spread if spread > 0 else math.nan)


def contrast(pairs: Sequence[ArrayLike], weights: Sequence[float], level: float = 0.95) -> Estimate:
    """A weighted sum of the figures of several scenarios, from replications with common random numbers.

    Two changes together less each alone, say. Of ratios of means the error is that of the linearised ratios, as in
    `paired_ratio_difference`, of which this is the general form; of plain figures it is Student's t of the sum in each replication.

    Args:
        pairs: (numerator, denominator) of each replication, shape [n, 2] each, in the same order; a replication with a NaN is left out and counted.
        weights: one for each.

    Example:
        >>> import numpy as np
        >>> figures = [np.column_stack([x, np.ones(3)]) for x in ([5.0, 6, 7], [3.0, 4, 5], [4.0, 5, 6], [1.0, 2, 3])]
        >>> e = contrast(figures, (1, -1, -1, 1))
        >>> e.value, e.half_width
        (-1.0, 0.0)
    """
    given = [np.asarray(p, float).reshape(-1, 2) for p in pairs]
    there = ~np.any([np.isnan(p).any(axis=1) for p in given], axis=0)
    missing, given = int((~there).sum()), [p[there] for p in given]
    n = len(given[0])
    if n == 0 or any(p[:, 1].sum() == 0 for p in given):
        return Estimate(math.nan, -math.inf, math.inf, level, n, missing)
    value, errors = 0.0, np.zeros(n)
    for w, p in zip(weights, given, strict=True):
        ratio = float(p[:, 0].sum() / p[:, 1].sum())
        value += w * ratio
        errors += w * (p[:, 0] - ratio * p[:, 1]) / p[:, 1].mean()
    return replace(_around(value, errors, level), missing=missing)


def _around(value: float, errors: Floats, level: float) -> Estimate:
    """A figure with the interval that the errors of its replications give it."""
    half = mean_interval(errors, level).half_width
    return Estimate(value, value - half, value + half, level, len(errors))


def prediction_interval(values: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Between which of the values one more would lie with at least this chance (Wilks 1941); it needs no law.

    With n values the k-th smallest and the k-th largest hold one more with probability (n + 1 - 2k) / (n + 1); k is the
    largest number for which that is enough, and 1 where there are too few.

    Args:
        values: draws of the same law as the one more, shape [n, ...].
        level: the chance wanted.

    Returns:
        (low, high), shape [...]; NaN sorts last.

    Example:
        >>> [float(x) for x in prediction_interval(range(1, 100), 0.9)]
        [5.0, 95.0]
    """
    ordered = np.sort(np.asarray(values, float), axis=0)
    n = len(ordered)
    k = max(1, math.floor((n + 1) * (1 - level) / 2 + 1e-9))
    return ordered[k - 1], ordered[n - k]


def enough(values: ArrayLike, half_width: float, *, relative: bool = False, level: float = 0.95, least: int = 20) -> bool:
    """Whether replications may stop: the interval is as narrow as wanted, and not by luck.

    Stopping the first time the interval is narrow enough covers too rarely, because a low variance by chance stops
    early. So: a first stage of `least`, and the wanted width is tightened by the factor that a small sample's
    variance may be too low (Chow & Robbins 1965 with Starr's 1966 correction 1 - 2/n in place of 1).

    Args:
        values: one figure per replication so far.
        half_width: wanted half-width, in the unit of the figure or, if `relative`, as a share of the mean.
    """
    return precise(mean_interval(values, level), half_width, relative=relative, least=least)


def precise(estimate: Estimate, half_width: float, *, relative: bool = False, least: int = 20) -> bool:
    """Whether a figure is known well enough to stop; see `enough`, which is the same for a plain mean."""
    if estimate.n < least:
        return False
    wanted = half_width * abs(estimate.value) if relative else half_width
    return estimate.half_width <= wanted * (1 - 2 / estimate.n)


@dataclass(frozen=True)
class WarmUp:
    """What MSER-5 proposes to cut off the front of a series."""

    cut: int
    """Observations to delete."""
    statistic: float
    valid: bool
    """False if the cut lies in the second half: the series is too short to tell."""


def mser5(series: ArrayLike) -> WarmUp:
    """The truncation point of White's MSER-5 (White 1997; White, Cobb & Spratt 2000).

    Batches of five; the cut that minimises the marginal standard error of what is left.

    Args:
        series: observations in order of time, shape [n]; with a NaN in it nothing valid can be said.
    """
    x = np.asarray(series, float)
    m = len(x) // 5
    if m < 4 or not np.isfinite(x).all():
        return WarmUp(0, math.nan, False)
    # Around the mean, because the difference of large squares below would lose a small spread.
    batches = (x - x.mean())[: 5 * m].reshape(m, 5).mean(axis=1)
    left = m - np.arange(m)
    total = np.cumsum(batches[::-1])[::-1]
    squares = np.cumsum((batches**2)[::-1])[::-1]
    spread = np.maximum(squares - total**2 / left, 0.0) / left.astype(float) ** 2
    best = int(np.argmin(spread[: m - 3]))  # the last few batches have hardly any spread by chance
    return WarmUp(5 * best, float(spread[best]), best <= m // 2)


def kaplan_meier(times: ArrayLike, observed: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Survival of censored times (Kaplan & Meier 1958) with Greenwood's standard error.

    Args:
        times: time to the event or to the end of observation, shape [n].
        observed: true where the event happened.

    Returns:
        (distinct event times, survival just after each, standard error).
    """
    t, d = np.asarray(times, float), np.asarray(observed, bool)
    at = np.unique(t[d])
    order = np.sort(t)
    risk = len(t) - np.searchsorted(order, at, side="left")
    deaths = np.searchsorted(np.sort(t[d]), at, side="right") - np.searchsorted(np.sort(t[d]), at, side="left")
    survival = np.cumprod(1 - deaths / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(deaths / (risk * (risk - deaths)))
        error = np.where(survival > 0, survival * np.sqrt(greenwood), 0.0)
    return at, np.asarray(survival, float), error


@dataclass(frozen=True)
class Incidence:
    """How often one of several endings has happened by each time (Aalen & Johansen 1978)."""

    time: Floats
    share: Floats

    @property
    def final(self) -> float:
        """The share that ends this way, as far as observation reaches."""
        return float(self.share[-1]) if len(self.share) else 0.0

    def quantile(self, p: float) -> float:
        """The time by which a share p of those that end this way have done so; NaN if none."""
        if not len(self.share) or self.final <= 0:
            return math.nan
        return float(self.time[np.searchsorted(self.share, p * self.final * (1 - 1e-12))])

    @property
    def mean(self) -> float:
        """The mean time of those that end this way, within the reach of observation; NaN if none."""
        if not len(self.share) or self.final <= 0:
            return math.nan
        return float(np.sum(self.time * np.diff(self.share, prepend=0.0)) / self.final)


def incidence(times: ArrayLike, ending: ArrayLike, of: int, entry: ArrayLike | None = None) -> Incidence:
    """Cumulative incidence of one ending among several; cases still open are censored, never dropped.

    Args:
        times: time to the ending or to the end of observation, shape [n].
        ending: 0 where still open, else which ending, shape [n].
        of: the ending that is asked for.
        entry: age at which each is seen first, shape [n]; by default from the beginning. Who is seen late counts among
            those who could end only from then on (left truncation: Keiding 1991), since who ended before was not seen.

    Example:
        >>> incidence([1, 2, 4], [1, 2, 1], of=1, entry=[0, 0, 3]).share.tolist()  # the third says nothing about ages up to 3
        [0.5, 0.5]
    """
    t, e = np.asarray(times, float), np.asarray(ending)
    order = np.argsort(t, kind="stable")
    t, e = t[order], e[order]
    at, first = np.unique(t, return_index=True)
    if len(at) == 0:
        return Incidence(at, at)
    risk = len(t) - first
    if entry is not None:
        since = np.sort(np.where(np.asarray(entry, float) <= 0, -1.0, np.asarray(entry, float)))
        risk = risk - (len(t) - np.searchsorted(since, at, side="left"))
    any_end = np.add.reduceat((e != 0).astype(float), first)
    this_end = np.add.reduceat((e == of).astype(float), first)
    alive = np.concatenate([[1.0], np.cumprod(1 - any_end / risk)[:-1]])
    share = np.cumsum(alive * this_end / risk)
    keep = this_end > 0
    return Incidence(at[keep], share[keep])


def incidence_error(times: ArrayLike, ending: ArrayLike, of: int, until: float = math.inf) -> tuple[float, float]:
    """The share that has ended one way by a time, and its standard error relative to it; cases still open are censored.

    Args:
        times: time to the ending or to the end of observation, shape [n].
        ending: 0 where still open, else which ending, shape [n].
        of: the ending that is asked for.
        until: the time by which it has come.

    Source:
        The variance of Aalen & Johansen's estimate (Gaynor et al. 1993).

    Example:
        >>> share, error = incidence_error([1, 2, 3, 4], [1, 2, 2, 2], of=1)  # without censoring it is binomial
        >>> share, round(share * error, 4)
        (0.25, 0.2165)
    """
    t, e = np.asarray(times, float), np.asarray(ending)
    at = np.unique(t[(e != 0) & (t <= until)])
    risk = len(t) - np.searchsorted(np.sort(t), at, side="left")
    gone = np.searchsorted(at, t[(e == of) & (t <= until)])
    mine = np.bincount(gone, minlength=len(at))
    every = np.bincount(np.searchsorted(at, t[(e != 0) & (t <= until)]), minlength=len(at))
    before = np.concatenate([[1.0], np.cumprod(1 - every / risk)[:-1]]) if len(at) else np.ones(0)
    share = np.cumsum(before * mine / risk)
    if not len(at) or share[-1] <= 0:
        return 0.0, 0.0
    final = float(share[-1])
    later = final - share
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(risk > every, later**2 * every / (risk * (risk - every)), 0.0)
    variance = first + before**2 * (risk - mine) * mine / risk**3 - 2 * later * before * mine / risk**2
    return final, math.sqrt(max(0.0, float(np.sum(variance)))) / final


def incidence_interval(times: ArrayLike, ending: ArrayLike, of: int, until: float = math.inf, level: float = 0.95) -> Estimate:
    """The share that has ended one way by a time, with its interval; cases still open are censored, never dropped.

    The variance is that of Aalen & Johansen's estimate (Gaynor et al. 1993), the interval symmetric on the scale of
    log(-log(1 - share)), so that it stays between 0 and 1. Without ends of any kind it is Wilson's of none.

    Args:
        times: time to the ending or to the end of observation, shape [n].
        ending: 0 where still open, else which ending, shape [n].
        of: the ending that is asked for.
        until: the time by which it has come.

    Example:
        >>> e = incidence_interval([1, 2, 3, 4], [1, 2, 2, 2], of=1)
        >>> e.value, round(e.low, 3), round(e.high, 3)
        (0.25, 0.039, 0.872)
    """
    t = np.asarray(times, float)
    final, relative = incidence_error(t, ending, of, until)
    if final <= 0:
        return share_interval(0, len(t), level)
    if final >= 1 - 1e-12:  # all, but for rounding, of which the logarithms below make noise
        return share_interval(len(t), len(t), level)
    error = relative * final
    width = float(special.ndtri(0.5 + level / 2)) * error / ((1 - final) * -math.log1p(-final))
    low, high = (-math.expm1(math.log1p(-final) * math.exp(s * width)) for s in (-1, 1))
    return Estimate(final, low, high, level, len(t))


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
