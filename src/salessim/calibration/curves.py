"""Curves that laws are learnt and judged by: distributions of times partly known, and densities in cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from salessim.calibration.laws import POINT_MASS, POINT_WIDTH
from salessim.calibration.memory import PAYS
from salessim.calibration.questions import LEAST_PER_STATE

PER_CELL = 10.0
"""Moves of a cell in which the density of a law is constant: its logarithm is then known to a third."""
MOST_CELLS = 100
EARLY = 0.05
"""A least wait is one that no more moves than this undercut."""
AT_ONCE = 1.0
"""Seconds: what happens at once does so at any pace, and says nothing about it."""
SURE = 3.09
"""Standard errors by which the better law has to be ahead: one in a thousand where both are equally far off (Vuong 1989)."""


def surely(better: Any, worse: Any) -> bool:
    """Whether one law is surely ahead of another, by the log-likelihood of each held-out move, shape [n]."""
    gain = better - worse
    return len(gain) >= LEAST_PER_STATE and float(gain.sum()) > max(PAYS, SURE * math.sqrt(len(gain)) * float(gain.std()))


def reached(exact: Any, weight: Any, before: Any, weight_before: Any) -> tuple[Any, Any]:
    """The distribution of times of which some are known and of others only that they were not later than something.

    Kaplan and Meier's estimate with time reversed, which is Turnbull's where nothing is censored from the right.
    What lies before all that is known counts as 0: whatever it is, it is over.

    Example:
        >>> time, share = reached(np.array([1.0, 3.0]), np.ones(2), np.array([2.0]), np.ones(1))
        >>> time.tolist(), [round(float(x), 3) for x in share]  # the one not later than 2 is the 1
        ([1.0, 3.0], [0.667, 1.0])
    """
    if not len(exact):
        return np.zeros(1), np.ones(1)
    time, place = np.unique(exact, return_inverse=True)
    mass = np.bincount(place, weight, len(time))
    order = np.argsort(before)
    earlier = np.concatenate([[0.0], np.cumsum(weight_before[order])])[np.searchsorted(before[order], time, side="right")]
    risk = np.cumsum(mass) + earlier
    share = np.append(np.cumprod((1 - mass / risk)[::-1])[::-1][1:], 1.0)
    first = float(share[0] * (1 - mass[0] / risk[0]))
    return (time, share) if first < 1e-12 else (np.append(0.0, time), np.append(first, share))


class Cells:
    """A density that is constant in cells of about equal shares, those at points that many times agree in narrow ones.

    Args:
        times: shape [n].
        mass: of each.
        scale: mean wait in the same unit, for the width of the narrowest cell.
        longest: that has to be told.
        point: a cell that is to be one of them, so that laws which both have it tell it in the same width.
        grain: width of the narrowest cell, if not by the scale.
    """

    def __init__(self, times: Any, mass: Any, scale: float, longest: float, point: tuple[float, float] | None = None, grain: float | None = None) -> None:
        grain = max(scale / POINT_WIDTH, 1e-6) if grain is None else grain
        order = np.argsort(times, kind="stable")
        cell, run = np.floor(times[order] / grain), np.cumsum(mass[order])
        count = int(np.clip(run[-1] / PER_CELL, 1, MOST_CELLS))
        cuts = cell[np.minimum(np.searchsorted(run, run[-1] * np.arange(count + 1) / count), len(cell) - 1)]
        points = cuts[1:][np.diff(cuts) == 0]
        self.edges = np.unique(np.concatenate([[0.0], cuts, points + 1, [cuts[-1] + 1, max(2 * cuts[-1], longest / grain) + 2]])) * grain
        if point is not None:
            self.edges = np.unique(np.append(self.edges[(self.edges <= point[0]) | (self.edges >= point[1])], point))
        held = np.bincount(np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.edges) - 2), mass, len(self.edges) - 1) + 0.5
        self.share = held / held.sum()
        self.density = np.log(self.share / np.diff(self.edges))

    def log_density(self, times: Any) -> Any:
        """At some times."""
        return self.density[np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.density) - 1)]

    def below(self, times: Any) -> Any:
        """The share up to some times; never nothing."""
        return np.maximum(np.interp(times, self.edges, np.concatenate([[0.0], np.cumsum(self.share)])), 1e-9)


def least_wait(elapsed: Any) -> float:
    """The wait that many moves take and hardly any undercuts, such as "15 days"; 0 where there is none.

    Args:
        elapsed: seconds, shape [n].

    Example:
        >>> least_wait(np.array([1296000.0] * 10 + [2000000.0, 2500000.0, 3000000.0])) / 86400
        15.0
    """
    times = np.sort(elapsed[elapsed > AT_ONCE])
    if len(times) < LEAST_PER_STATE // 8 or len(times) < (1 - EARLY) * len(elapsed):
        return 0.0
    held = np.searchsorted(times, times + float(times.mean()) / POINT_WIDTH, side="right") - np.arange(len(times))
    points = np.flatnonzero(held >= max(2.0, POINT_MASS * len(times)))
    if not len(points) or points[0] > EARLY * len(times):
        return 0.0
    best = points[points <= EARLY * len(times)]
    first = int(best[np.argmax(held[best])])
    return float(np.median(times[first : first + held[first]]))


__all__ = ["Cells", "least_wait", "reached", "surely"]
