"""Times to an event of which some are cut short: what share has got there by when, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from salessim.statistics import Estimate, Floats, share_interval


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
    order = np.argsort(t, kind="stable")  # the fastest here; in which order equal times stand does not matter: their endings are counted together
    return incidence_in_order(t[order], e[order], of, entry)


def incidence_in_order(t: Floats, e: Floats, of: int, entry: ArrayLike | None = None) -> Incidence:
    """As `incidence`, of times that are in order already; those at which each is seen first need not be in the same."""
    if len(t) == 0:
        return Incidence(t, t)
    first = np.flatnonzero(np.concatenate([[True], t[1:] != t[:-1]]))
    at, risk = t[first], len(t) - first
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
