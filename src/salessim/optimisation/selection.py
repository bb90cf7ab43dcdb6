"""Which of some finalists is best, with a stated probability of being right.

The search names the luckiest design; here finalists run on seeds that it never saw, side by side under common random
numbers, and who is surely worse drops out. Only differences between designs matter, and these have small variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from salessim.errors import InputError
from salessim.statistics import t_quantile


@dataclass(frozen=True)
class Selection:
    """The finalist that was selected, and what that took."""

    winner: int
    survivors: tuple[int, ...]
    """Who was still in at the end; the winner alone where the others were told apart."""
    means: tuple[float, ...]
    """Mean of each finalist over what it ran."""
    runs: tuple[int, ...]
    """Replications of each."""
    within: float
    """With the stated confidence the winner is at most so much behind the best finalist: the indifference, or more where replications ran out before."""
    confidence: float
    indifference: float

    @property
    def decided(self) -> bool:
        """Whether the winner is good as it was asked for."""
        return self.within <= self.indifference

    @property
    def replications(self) -> int:
        """Of all finalists together."""
        return sum(self.runs)


def select(
    draw: Callable[[int, range], Any], finalists: int, indifference: float, *, confidence: float = 0.95, first: int = 10, most: int = 400, step: int = 1,
    ahead: Callable[[list[int], range], None] = lambda _, __: None,
) -> Selection:  # fmt: skip
    """Select the finalist of least mean: with probability `confidence` one within `indifference` of the best.

    If replications run out before that is sure, the best so far is selected, and `within` says how far behind it may be. Half
    of the error is kept for that bound, the other half is spent on those who drop out.

    Args:
        draw: (finalist, replications) -> its figures in these replications, less is better, shape [n]. Replication r of all
            finalists may share its random numbers.
        finalists: how many there are.
        indifference: a difference that does not matter, in the unit of the figures.
        confidence: probability of a good selection.
        first: replications before anybody drops out; the variance of each difference comes from them.
        most: replications of each at most.
        step: replications between two looks.
        ahead: told which finalists will be drawn next and for which replications, to run them side by side.

    Raises:
        InputError: a number out of range.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(size=400)
        >>> select(lambda i, r: i + noise[r.start : r.stop], 3, 0.5).winner
        0

    Source:
        Kim and Nelson 2001, procedure KN with c = 1, which allows common random numbers; the bound is that of multiple
        comparisons with the best (Hsu 1984) with Bonferroni's inequality. Figures are taken to be normal.
    """
    if finalists < 1 or not indifference > 0 or not 0.5 <= confidence < 1 or first < 3 or most < first or step < 1:
        raise InputError("selection", "a number is out of range", "give at least one finalist, an indifference above zero, a confidence from 0.5 to below 1, and 3 first replications")
    ahead(list(range(finalists)), range(first))
    figures = [np.asarray(draw(i, range(first)), float) for i in range(finalists)]
    alive = list(range(finalists))
    error = (1 - confidence) / 2
    if finalists > 1:
        eta = ((2 * error / (finalists - 1)) ** (-2 / (first - 1)) - 1) / 2
        h2 = 2 * eta * (first - 1)
        start = np.array(figures)
        variance = np.array([[float(np.var(start[i] - start[j], ddof=1)) for j in range(finalists)] for i in range(finalists)])
    n = first
    within = indifference
    while len(alive) > 1:
        means = np.array([f.mean() if len(f) else np.inf for f in figures])
        room = np.maximum(0.0, h2 * variance / (2 * indifference * n) - indifference / 2)
        alive = [i for i in alive if all(means[i] <= means[j] + room[i, j] for j in alive if j != i)]
        # Beyond the longest of the triangles nobody has room left, so that the best mean is alone.
        if len(alive) > 1 and not (room[np.ix_(alive, alive)] > 0).any():
            break
        if len(alive) > 1 and n + step > most:
            within = max(indifference, _behind([figures[i] for i in alive], error))
            break
        if len(alive) > 1:
            ahead(alive, range(n, n + step))
            for i in alive:
                figures[i] = np.concatenate([figures[i], np.asarray(draw(i, range(n, n + step)), float)])
            n += step
    winner = min(alive, key=lambda i: (float(figures[i].mean()), i))
    return Selection(winner, tuple(alive), tuple(float(f.mean()) for f in figures), tuple(len(f) for f in figures), within, confidence, indifference)


def _behind(figures: list[Any], error: float) -> float:
    """How far the least of some means may be behind the least of the true ones, wrong with probability `error` at most."""
    best = min(figures, key=lambda f: float(f.mean()))
    n = len(best)
    t = t_quantile(1 - error / (len(figures) - 1), n - 1)
    return max(float((best - f).mean() + t * (best - f).std(ddof=1) / math.sqrt(n)) for f in figures if f is not best)
