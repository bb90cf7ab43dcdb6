"""How well the figures of a learnt scenario are known, and how replications draw what is not.

Every estimate has its interval, how many cases it rests on and the path of its field. Those that are not known well
become `uncertain` values of the scenario, so that results tell ignorance from chance and say what to find out first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

MATTERS = 0.01
"""An estimate whose standard error is below this share of it counts as known."""
MOST = 40
"""Uncertain values at most, those that move most time or most cases first: each is drawn anew in every replication."""
WIDEST = 2.0
"""Of the logarithm: beyond a factor of seven an estimate says nothing, and a law of it would have no mean to speak of."""

LONGEST = 36_500 * 365.25 * 24
"""Hours: the longest time that a scenario takes."""
LONGER = 100.0
"""Times its mean that a law may be long."""
FARTHEST = 8.21
"""Normal quantile of the last draw of 53 bits."""


@dataclass(frozen=True)
class Figure:
    """One estimated figure.

    Args:
        path: of its field in the scenario; None for what is told but stands nowhere.
        what: in words.
        unit: such as "per week" or "h"; empty for shares.
        value: the estimate.
        error: its standard error relative to it: that of its logarithm.
        count: cases, visits or moves that it rests on.
        weight: what depends on it, to choose what is drawn: hours, or cases.
        together: the name of the draw where several fields are one estimate.
        most: the largest value that the field can take.
    """

    path: str | None
    what: str
    unit: str
    value: float
    error: float
    count: int
    weight: float
    together: str | None = None
    most: float = math.inf

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Symmetric on the logarithmic scale, so that it stays above zero."""
        z = float(special.ndtri(0.5 + level / 2))
        return self.value * math.exp(-z * self.error), min(self.most, self.value * math.exp(z * self.error))

    def to_json(self) -> dict[str, Any]:
        """For programs and data frames."""
        low, high = self.interval()
        return {"what": self.what, "unit": self.unit, "value": self.value, "low": low, "high": high, "count": self.count, "path": self.path}


def error_of_mean(times: Any, observed: Any, case: Any) -> float:
    """The relative standard error of the mean of times, some of them censored, that come in clusters.

    With the total time T and the number D of times that ended, T / D estimates the mean of an exponential law; for any
    other law the spread of the times around it counts. Visits of one case are one draw.

    Args:
        times: seconds, shape [n].
        observed: false where only a lower bound is known.
        case: which case each belongs to.

    Source:
        Linearisation of a ratio over clusters (Cochran 1977, 6.3).
    """
    times, observed = np.asarray(times, float), np.asarray(observed, float)
    if observed.sum() < 2 or times.sum() <= 0:
        return WIDEST
    _, cluster = np.unique(np.asarray(case), return_inverse=True)
    ratio = times.sum() / observed.sum()
    residual = np.bincount(cluster, times - ratio * observed)
    n = len(residual)
    spread = math.sqrt(float(np.sum(residual**2)) * n / max(1, n - 1))
    return min(WIDEST, spread / times.sum())


def error_of_share(share: float, count: int, censored: float = 0.0) -> float:
    """The relative standard error of a share; half a case more on either side, so that 0 and 1 are not certain.

    Args:
        share: the estimate.
        count: moves that it rests on.
        censored: the relative standard error where cases that have not moved count as well, if it is known.
    """
    n = max(1, count) / max(share, 1e-9)
    p = (share * n + 0.5) / (n + 1)
    return min(WIDEST, max(censored, math.sqrt((1 - p) / (p * n))))


def uncertain(figures: Iterable[Figure], rest: Mapping[str, float]) -> dict[str, Any]:
    """What a scenario says of figures that are not known well.

    Args:
        figures: with a path; of those that share a draw the first decides.
        rest: path of a share -> share of the way that takes the difference, which cannot fall below zero.
    """
    unsure = [f for f in figures if f.path is not None and f.error >= MATTERS]
    chosen: dict[str, Figure] = {}
    for figure in sorted(unsure, key=lambda f: (-f.weight * f.error, f.path or "")):
        if len(chosen) < MOST or (figure.together or figure.path) in chosen:
            chosen.setdefault(figure.together or figure.path or "", figure)
    result: dict[str, Any] = {}
    for figure in sorted(unsure, key=lambda f: f.path or ""):
        name = figure.together or figure.path or ""
        if name not in chosen or figure.path is None:
            continue
        source = f"data: {figure.count:,}, standard error {100 * figure.error:.2g} %"
        if figure.path in rest:
            entry = _share(figure, rest[figure.path], source)
        else:
            entry = {"factor": {"law": "lognormal", "mean": 1, "sigma": round(_sigma(chosen[name]), 4)}, "source": source}
        result[figure.path] = entry | ({"together": figure.together} if figure.together else {})
    return result


def _sigma(figure: Figure) -> float:
    """Of the logarithm of a factor: the error, as far as no draw makes a time that the language does not take.

    Example:
        >>> [round(_sigma(Figure("x", "", "h", mean, 5.0, 3, 1.0)), 2) for mean in (1.0, 720.0)]
        [1.82, 1.02]
    """
    longest = math.log(LONGEST / (LONGER * figure.value)) / FARTHEST if figure.unit == "h" and figure.value > 0 else WIDEST
    return min(WIDEST, figure.error, max(MATTERS, longest))


def _share(figure: Figure, rest: float, source: str) -> dict[str, Any]:
    """A triangle of the right variance that leaves something for the other ways."""
    half = math.sqrt(6) * figure.error * figure.value
    low, high = max(0.0, figure.value - half), min(figure.value + half, figure.value + 0.9 * rest)
    return {"law": "triangular", **{k: f"{100 * x:.5g} %" for k, x in (("low", low), ("mode", figure.value), ("high", high))}, "source": source}
