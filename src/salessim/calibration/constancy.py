"""Whether the share of cases that go one way wanders, where it is on the last day, and how far it may go from there.

A share that moves is not one that was learnt: its mean over the log says where it was. Decisions are told by the week in which
they fell, and judged given how old they were: where losses are quick and wins slow, a flood of new cases makes the share of wins
among decisions fall without any case being less likely to be won. Cases that have not moved on have decided nothing, and are
in none of the weeks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

LEAST_WEEKS = 6
"""With decisions; fewer hardly tell a level that moves from weeks that differ."""
LEAST_OF_EACH = 20.0
"""Decisions for a way, and for others, from which its weekly numbers are near enough to normal."""
OLDER = 7 * 86_400.0 * 2.0 ** np.arange(-1, 6)
"""Decisions are told apart by their age in seconds: what is decided within half a week is decided in the week in which it came up; then by doubling."""
FALSE = 0.05
"""Among the ways that are said to wander, the share that may not."""
POSITIVE = 3.0
"""Times that a walk must be likelier than weeks that only differ: positive evidence (Kass and Raftery 1995)."""
USUAL, USUAL_NOISE = 0.1, 0.2
"""Means of the exponential priors: of the weekly step of the level, and of what weeks differ by around it, both in logits."""
ANYWHERE = 1.0
"""Standard deviation, in logits, of where the level may be in the first week, relative to its mean over the log."""
_STEP = np.concatenate([[0.0], np.geomspace(0.01, 1.0, 24)])
_NOISE = np.concatenate([[0.0], np.geomspace(0.05, 1.5, 8)])


@dataclass(frozen=True)
class Weeks:
    """Decisions by week and by what else they depend on.

    Args:
        made: decisions, shape [weeks, strata]; the last week ends with the log.
        hits: those of them that went the way in question.
    """

    made: Any
    hits: Any

    @property
    def shares(self) -> Any:
        """Of each stratum, over the whole log."""
        return self.hits.sum(axis=0) / np.maximum(self.made.sum(axis=0), 1)

    def telling(self) -> Weeks:
        """Strata in which both happened, weeks in which anything was decided there."""
        k, n = self.hits.sum(axis=0), self.made.sum(axis=0)
        both = (k > 0) & (k < n)
        first = np.flatnonzero(self.made[:, both].sum(axis=1))
        return Weeks(self.made[:, both][first[0] :], self.hits[:, both][first[0] :]) if len(first) else Weeks(self.made[:0, both], self.hits[:0, both])


@dataclass(frozen=True)
class Level:
    """Where a share is on the last day, relative to its mean over the log, in logits; every stratum is moved alike."""

    now: float
    error: float
    """Its standard error."""
    step: float
    """Standard deviation of how far it moves in a week."""
    odds: float
    """How much more likely the weeks are if the level walks than if only weeks differ."""

    @property
    def walks(self) -> bool:
        """Whether a share that is not constant does more than differ from week to week."""
        return self.odds > POSITIVE

    def spread(self, weeks: float) -> float:
        """Standard deviation of where it is after so many weeks."""
        return math.hypot(self.error, self.step * math.sqrt(weeks))


def parts(age: Any) -> Any:
    """Decisions told apart by their age in seconds, as numbers from 0 to `len(OLDER)`, shape [n]."""
    return np.searchsorted(OLDER, np.asarray(age, float), side="right")


def surely(found: Weeks) -> float:
    """How likely weeks wander as much as these by chance alone.

    Returns:
        The p-value; 1 where too little was decided.

    Example:
        >>> made = np.full((30, 1), 40)
        >>> bool(surely(Weeks(made, np.r_[np.full((15, 1), 8), np.full((15, 1), 16)])) < 1e-4)
        True
        >>> bool(surely(Weeks(made, np.tile([[8], [16]], (15, 1)))) > 0.1)
        True

    Source:
        The locally most powerful test of constancy against a random walk (Nyblom 1989), given how many were decided in each
        stratum and week and how many went the way in each stratum: the covariance is that of the hypergeometric law, the
        tail that of a sum of squares.
    """
    found = found.telling()
    n, k = found.made.sum(axis=0).astype(float), found.hits.sum(axis=0).astype(float)
    if (found.made.sum(axis=1) > 0).sum() < LEAST_WEEKS or k.sum() < LEAST_OF_EACH or (n - k).sum() < LEAST_OF_EACH:
        return 1.0
    share = k / n
    score = (found.hits - found.made * share).sum(axis=1)
    scale = share * (1 - share) / np.maximum(n - 1, 1)
    covariance = np.diag((found.made * n * scale).sum(axis=1)) - (found.made * scale) @ found.made.T
    later = np.triu(np.ones((len(score), len(score))))
    statistic = float(np.sum((later @ score) ** 2))
    weights = np.linalg.eigvalsh(later @ covariance @ later.T)
    return _tail(weights[weights > 1e-3 * weights.max()], statistic)  # the others are less than a hundredth of the sum


def _tail(weights: Any, x: float) -> float:
    """P(sum of weights * squared normals > x) by inversion of the characteristic function (Imhof 1961), to some 0.00005."""
    weights, x = weights / weights.max(), x / weights.max()
    if x > 40:
        return 0.0
    u = np.geomspace(1e-5, 1e4, 8001)
    terms = np.outer(u, weights)
    inside = np.sin(0.5 * np.arctan(terms).sum(axis=1) - 0.5 * x * u) / np.exp(0.25 * np.log1p(terms**2).sum(axis=1))
    return float(min(1.0, max(0.0, 0.5 + np.trapezoid(inside, np.log(u)) / math.pi)))


def discovered(chances: Any) -> Any:
    """Which of many p-values are believed, so that few of those are false, shape [n].

    Source:
        Benjamini and Hochberg 1995.

    Example:
        >>> discovered([0.5, 0.0001, 0.02, 0.9]).tolist()
        [False, True, True, False]
    """
    p = np.asarray(chances, float)
    order = np.sort(p)
    passed = np.flatnonzero(order <= FALSE * np.arange(1, len(p) + 1) / max(1, len(p)))
    return p <= (order[passed[-1]] if len(passed) else -1.0)


def level(found: Weeks) -> Level:
    """Where a share is on the last day and how it moves, averaged over what the weeks allow.

    The logit of the share in each stratum is moved by a level that is a random walk, and by what is the week's own.

    Source:
        Fahrmeir 1992 (posterior mode filter of a dynamic logistic model; West, Harrison and Migon 1985), the likelihood of each
        week by Laplace's approximation; step and noise of the weeks on a grid, with exponential priors.
    """
    found = found.telling()
    step, noise = (x.ravel() for x in np.meshgrid(_STEP, _NOISE, indexing="ij"))
    offset = special.logit(found.shares)
    mean, variance = np.zeros(len(step)), np.full(len(step), ANYWHERE**2)
    loglik = np.zeros(len(step))
    for i, (made, hits) in enumerate(zip(found.made, found.hits, strict=True)):
        variance = variance + step**2 if i else variance
        if not (here := made > 0).any():
            continue
        n, k, at = made[here], hits[here], offset[here]
        whole = variance + noise**2
        eta = mean.copy()
        for _ in range(8):  # Newton's steps to the mode of what the week and the weeks before say
            p = special.expit(at + eta[:, None])
            slope, bend = (k - n * p).sum(axis=1) - (eta - mean) / whole, (n * p * (1 - p)).sum(axis=1) + 1 / whole
            eta = eta + np.clip(slope / bend, -1.0, 1.0)
        p = np.clip(special.expit(at + eta[:, None]), 1e-12, 1 - 1e-12)
        bend = (n * p * (1 - p)).sum(axis=1) + 1 / whole
        loglik += (k * np.log(p) + (n - k) * np.log1p(-p)).sum(axis=1) - 0.5 * (eta - mean) ** 2 / whole - 0.5 * np.log(whole * bend)
        gain = variance / whole
        mean, variance = mean + gain * (eta - mean), variance - gain**2 * (whole - 1 / bend)
    prior = np.add.outer(np.log(np.gradient(_STEP)) - _STEP / USUAL, np.log(np.gradient(_NOISE)) - _NOISE / USUAL_NOISE).ravel()
    weight = np.exp(loglik + prior - np.max(loglik + prior))
    still, before = step == 0, np.exp(prior - prior.max())
    odds = (weight[~still].sum() / before[~still].sum()) / max(1e-300, weight[still].sum() / before[still].sum())
    weight /= weight.sum()
    now = float(weight @ mean)
    return Level(now, math.sqrt(float(weight @ (variance + (mean - now) ** 2))), math.sqrt(float(weight @ step**2)), float(odds))
