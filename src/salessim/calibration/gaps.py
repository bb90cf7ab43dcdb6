"""Work times where only ends are logged, from the gaps between what one person finishes.

Between two ends of the same person lies the work on the second, and before it perhaps a time in which nothing was done: the
case was with its customer, or the person did what the log does not show. Of many independent customers who come back whenever
they like the next is there after an exponential time (Palm and Khintchine). Work shows as what such times cannot make: short gaps
are missing, because nobody finishes anything the moment the last thing is done. That is the dead time of a counter, and it is
estimated as such: gap = work + idle, by maximum likelihood. No single gap is taken for work, and a gap that closing time cuts off
is only known to be longer.

What it cannot do follows from Burke (1956): where work is exponential itself, what leaves a queue is a Poisson process whatever the
work takes. Such gaps tell nothing, and neither do those of people who are seldom busy. Then nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import optimize, special

LEAST = 60
"""Fewer gaps than this tell nothing: of a density, six points known to a third."""
BINS = 120
NODES = 96
"""Points of equal share that stand for a law of work."""
SCALES = 20
"""Means of the exponentials that a law without work is mixed of: what lies between two of them is a mixture of its neighbours."""
TURNS = 500
"""Of EM: the log likelihood is then within a tenth of its limit."""
SURE = 10.0
"""Difference of BIC from which evidence is called very strong (Kass and Raftery 1995)."""
KNOWN = math.log(2.5) / 1.96
"""Standard error of the logarithm of a mean that is still told: its interval ends at two and a half times the estimate."""
CVS = (0.08, 2.0)
"""Coefficients of variation of work that are looked at: below one bin it cannot be told, and beyond the density is as good as falling."""


@dataclass(frozen=True)
class Work:
    """What gaps tell of the time of work.

    Args:
        family: "lognormal" or "gamma".
        mean: seconds.
        cv: coefficient of variation.
        at_once: share of the gaps that hold no idle time.
        error: standard error of the mean relative to it, what the model makes of it included.
        count: of gaps.
    """

    family: str
    mean: float
    cv: float
    at_once: float
    error: float
    count: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the mean."""
        return self.mean * math.exp(-1.96 * self.error), self.mean * math.exp(1.96 * self.error)

    def within(self, gaps: Any, at: Any) -> Any:
        """Times of work that gaps may hold, drawn from what the law and the gap leave possible.

        How long nothing was done before is learnt from these gaps, the law of work being given: nothing, or any mixture of exponentials.

        Args:
            gaps: seconds, of one kind, shape [n].
            at: of each, a number from 0 to 1 that says which of the possible times.

        Returns:
            Seconds, no more than the gap.
        """
        gaps, at = np.maximum(np.asarray(gaps, float), 1e-3), np.asarray(at, float)
        if not len(gaps):
            return gaps
        law = FAMILIES[self.family](self.mean, self.cv)
        nodes = law.nodes()
        scales = np.geomspace(self.mean * SHORTEST, 3 * max(self.mean, float(gaps.max())), SCALES)
        edges = np.unique(np.quantile(gaps, np.linspace(0.01, 0.99, BINS)))
        after = -np.expm1(-np.maximum(0.0, edges[:, None, None] - nodes[:, None]) / scales).mean(axis=1)
        parts = np.diff(np.column_stack([law.below(edges), after]), axis=0, prepend=0.0, append=1.0)
        weights, _ = _mixed(parts, np.bincount(np.searchsorted(edges, gaps), minlength=len(edges) + 1))
        grid = np.geomspace(1e-3, 4 * float(max(gaps.max(), nodes[-1])), 2000)
        idle = np.exp(-grid[:, None] / scales) @ (weights[1:] / scales)
        left = gaps[:, None] - nodes
        later = np.where(left > 0, np.interp(left, grid, idle), 0.0) / NODES
        alone = np.interp(gaps, (grid[1:] + grid[:-1]) / 2, np.diff(law.below(grid)) / np.diff(grid), left=0.0, right=0.0)
        run = np.cumsum(np.column_stack([later, weights[0] * alone]), axis=1)
        place = (run < at[:, None] * run[:, -1:]).sum(axis=1)
        return np.where((run[:, -1] <= 0) | (place >= NODES), gaps, np.minimum(gaps, nodes[np.minimum(place, NODES - 1)]))


SHORTEST = 1 / 3
"""Idle times are at least so long on average, in means of work: to the next of shorter ones nobody could keep up."""


@dataclass(frozen=True)
class Gaps:
    """The gaps of people who are about equally busy.

    Args:
        whole: working seconds from an end of a person to the next one, on a case that was there already; shape [n].
        longer: of gaps that closing time cut off, how long they had lasted.
        between: mean working seconds between two ends of a person, whatever the second one was on; that of the gaps by default.
        quiet, quiet_longer: in which of them nobody else of the team finished anything; all by default.
    """

    whole: Any
    longer: Any = ()
    between: float | None = None
    quiet: Any = None
    quiet_longer: Any = None

    @property
    def alone(self) -> Gaps:
        """Those in which nobody else finished anything."""
        whole, longer = np.asarray(self.whole, float), np.asarray(self.longer, float)
        return Gaps(whole if self.quiet is None else whole[self.quiet], longer if self.quiet_longer is None else longer[self.quiet_longer])


def work(gaps: Sequence[Gaps], heads: int = 1) -> Work | None:
    """The law of work in some gaps between what one person finishes.

    How often the next thing is there already is no free parameter where people work off what comes: a case finds a
    person busy as often as people are busy, and who leaves sees what who arrives sees. So the share without idle time
    is 1, or how busy a person is, or the chance that a whole team is busy (Erlang C), or a parameter; Akaike's criterion
    weighs them: the mean is theirs together, and how far they are apart widens its interval.

    Whether there is any work to be seen is asked of quiet gaps, in which no colleague finished anything: who takes turns with
    colleagues has few short gaps, too, though nobody may work at all, but after a turn of one's own alone comes no other.

    Args:
        gaps: of groups of people, for in one team some are busier than others.
        heads: people who work off the same queue.

    Returns:
        None where the gaps do not show any work, or its mean is not known within a factor of two and a half either way.

    Source:
        Jewell (1982) for mixtures of exponentials by EM; Schwarz (1978) for the comparison with no work at all; Wolff (1982)
        for what arrivals see; Buckland, Burnham and Augustin (1997) for what models make of the interval.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> took = rng.gamma(4, 600 / 4, 2000)  # ten minutes
        >>> idle = rng.exponential(1200, 2000) * (rng.random(2000) < 0.5)
        >>> found = work([Gaps(took + idle)])
        >>> abs(found.mean / 600 - 1) < 0.1, found.interval[0] < 600 < found.interval[1]
        (True, True)
        >>> work([Gaps(rng.exponential(1800, 2000))]) is None  # nothing is missing among the short ones
        True
    """
    if not _shows([g.alone for g in gaps]):
        return None
    data = _Binned(gaps)
    ready: list[tuple[float, Callable[[float], Any] | None]] = [(0.0, lambda _: np.ones(len(gaps))), (1.0, lambda m: np.minimum(1.0, m / data.pace)), (2.0, None)]
    if heads > 1:
        ready.append((1.0, lambda m: np.full(len(gaps), erlang_c(heads, min(1.0, m / data.pace_of_all)))))
    found = [f for family in FAMILIES for price, at_once in ready if (f := _fit(data, family, at_once, price)) is not None]
    if not found:
        return None
    likely, best = max(found, key=lambda f: f[0])
    weights = np.exp([f[0] - likely for f in found])
    weights /= weights.sum()
    mean = float(weights @ np.log([f[1].mean for f in found]))
    error = math.sqrt(float(weights @ [(math.log(f[1].mean) - mean) ** 2 + f[1].error**2 for f in found]))
    return replace(best, mean=math.exp(mean), error=error) if error <= KNOWN else None


def _shows(gaps: Sequence[Gaps]) -> bool:
    """Whether gaps surely hold work."""
    if sum(int((np.asarray(g.whole) > 0).sum()) for g in gaps) < LEAST:
        return False
    data = _Binned(gaps)
    kinds: list[Callable[[float], Any] | None] = [lambda _: np.ones(len(gaps)), None]
    likely = max((f[0] for family in FAMILIES for at_once in kinds if (f := _fit(data, family, at_once, 0.0)) is not None), default=-math.inf)
    return 2 * (likely - _without(data)) >= 2 * math.log(data.count) + SURE


def erlang_c(heads: int, busy: float) -> float:
    """The chance that all of a team are busy, who are so busy on average.

    Example:
        >>> round(erlang_c(2, 0.5), 4), round(erlang_c(1, 0.3), 4)
        (0.3333, 0.3)
    """
    blocked = 1.0
    for n in range(1, heads + 1):
        blocked = busy * heads * blocked / (n + busy * heads * blocked)
    return blocked / max(1e-300, 1 - busy * (1 - blocked))


class _Lognormal:
    def __init__(self, mean: float, cv: float) -> None:
        self.sigma = math.sqrt(math.log1p(cv**2))
        self.mu = math.log(mean) - self.sigma**2 / 2

    def nodes(self) -> Any:
        return np.exp(self.mu + self.sigma * special.ndtri(_middles()))

    def below(self, x: Any) -> Any:
        return special.ndtr((np.log(x) - self.mu) / self.sigma)


class _Gamma:
    def __init__(self, mean: float, cv: float) -> None:
        self.shape, self.scale = cv**-2, mean * cv**2

    def nodes(self) -> Any:
        return special.gammaincinv(self.shape, _middles()) * self.scale

    def below(self, x: Any) -> Any:
        return special.gammainc(self.shape, np.asarray(x) / self.scale)


FAMILIES: dict[str, Callable[[float, float], _Lognormal | _Gamma]] = {"lognormal": _Lognormal, "gamma": _Gamma}


@lru_cache(1)
def _middles() -> Any:
    return (np.arange(NODES) + 0.5) / NODES


class _Binned:
    """Gaps in bins of equal width on the logarithmic scale, and of those cut off how many had lasted at least so long; [groups, bins]."""

    def __init__(self, gaps: Sequence[Gaps]) -> None:
        whole, longer = [np.asarray(g.whole, float) for g in gaps], [np.asarray(g.longer, float) for g in gaps]
        whole = [x[x > 0] for x in whole]
        together = np.concatenate(whole)
        self.edges = np.geomspace(max(1.0, float(np.quantile(together, 0.005))) * 0.9, 1.1 * float(together.max()), BINS)
        self.seen = np.array([np.bincount(np.searchsorted(self.edges, x), minlength=BINS + 1) for x in whole], float)
        self.cut = np.array([np.bincount(np.minimum(np.searchsorted(self.edges, x), BINS - 1), minlength=BINS) for x in longer], float)
        self.mean = np.array([(x.sum() + y.sum()) / max(1, len(x)) for x, y in zip(whole, longer, strict=True)])
        self.pace = np.array([m if g.between is None else g.between for m, g in zip(self.mean, gaps, strict=True)])
        self.count, self.usual, self.least = len(together), float(together.mean()), float(np.quantile(together, 0.02))
        sizes = self.seen.sum(axis=1)
        self.pace_of_all = float(sizes.sum() / np.sum(sizes / self.pace))

    def likelihood(self, below: Any) -> float:
        """Log likelihood, given the share of gaps below each edge, [groups, bins]."""
        shares = np.diff(below, axis=1, prepend=0.0, append=1.0)
        return float(np.sum(self.seen * np.log(np.maximum(shares, 1e-12))) + np.sum(self.cut * np.log(np.maximum(1 - below, 1e-12))))


def _without(data: _Binned) -> float:
    """The log likelihood of gaps that hold no work: in each group any mixture of exponentials."""
    scales = np.geomspace(max(1.0, data.least / 4), 10 * data.edges[-1], SCALES)
    below = -np.expm1(-data.edges[:, None] / scales)
    parts = np.concatenate([np.diff(below, axis=0, prepend=0.0, append=1.0), 1 - below])
    return sum(_mixed(parts, np.concatenate([seen, cut]))[1] for seen, cut in zip(data.seen, data.cut, strict=True))


def _mixed(parts: Any, seen: Any) -> tuple[Any, float]:
    """The weights of kinds, given the share of each in each bin, by EM; and the log likelihood."""
    parts = np.maximum(parts, 1e-12)
    weights = np.full(parts.shape[1], 1 / parts.shape[1])
    for _ in range(TURNS):
        weights = weights * ((seen / (parts @ weights)) @ parts) / seen.sum()
    return weights, float(seen @ np.log(parts @ weights))


def _fit(data: _Binned, family: str, ready: Callable[[float], Any] | None, price: float) -> tuple[float, Work] | None:
    """Log likelihood less the price, and what was found, its error that of this model alone.

    The parameters: the logarithms of mean, coefficient of variation, and of idle times as a multiple of what the mean gap leaves
    for them; the logit of the share without any.
    """

    def told(p: Any) -> tuple[float, float, float, Any]:
        mean = math.exp(p[0])
        return mean, float(np.clip(math.exp(p[1]), *CVS)), math.exp(p[2]), np.full(len(data.mean), special.expit(p[3])) if ready is None else ready(mean)

    def behind(p: Any) -> float:
        if not (-3 < p[0] < 25 and abs(p[2]) < 10):
            return 1e12
        mean, cv, factor, at_once = told(p)
        law = FAMILIES[family](mean, cv)
        below = at_once[:, None] * law.below(data.edges)
        if (at_once < 1).any():
            left = np.maximum(0.0, data.edges[:, None] - law.nodes())
            idle = factor * np.maximum(data.mean - mean, SHORTEST * mean) / np.maximum(1 - at_once, 0.01)
            below = below + (1 - at_once)[:, None] * np.array([-np.expm1(-left / scale).mean(axis=1) for scale in idle])
        return -data.likelihood(below)

    free = [0.0] if ready is None else []
    alone = ready is not None and bool((ready(0.5 * data.usual) == 1.0).all())
    starts = [np.array([math.log(m * data.usual), math.log(c), 0.0, *free]) for m in (0.1, 0.25, 0.5, 0.8, 1.0) for c in (0.3, 0.8)]
    begin = sorted(starts, key=behind)[:2]  # two, for the likelihood may have two hills
    corners = np.concatenate([np.zeros((1, len(begin[0]))), np.diag([0.2, 0.3, 0.3, 1.0][: len(begin[0])])])
    found = min((optimize.minimize(behind, b, method="Nelder-Mead", options={"maxfev": 250, "xatol": 1e-3, "fatol": 1e-3, "initial_simplex": b + corners}) for b in begin), key=lambda f: float(f.fun))
    loose = {1} if not CVS[0] < math.exp(found.x[1]) < CVS[1] else set()
    loose |= {2} if alone else set()
    error = _error(behind, found.x, [i for i in range(len(found.x)) if i not in loose])
    if found.fun >= 1e12 or error is None:
        return None
    mean, cv, _, at_once = told(found.x)
    return -float(found.fun) - price, Work(family, mean, cv, float(np.average(at_once, weights=data.seen.sum(axis=1))), error, data.count)


def _error(behind: Callable[[Any], float], at: Any, which: list[int], step: float = 0.03) -> float | None:
    """Standard error of the first parameter by the observed information of some; None where there is no minimum."""
    moves = step * np.eye(len(at))[which]
    here = behind(at)
    information = np.array([[behind(at + a + b) - behind(at + a - b) - behind(at - a + b) + behind(at - a - b) for b in moves] for a in moves]) / (4 * step**2)
    if not np.isfinite(here) or np.abs(information).max() > 1e9 or np.linalg.eigvalsh(information)[0] <= 0:
        return None
    return math.sqrt(float(np.linalg.inv(information)[0, 0]))
