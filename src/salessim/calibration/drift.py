"""How the level of arrivals wanders: where it is today, how well that is known, and how far it moves from week to week.

Demand has no level that it keeps: what a forecast of the sixth week rests on is a level that has moved six times since
it was last seen. Weekly numbers are taken as a level and noise around it, and the level as a random walk (the local level
model, which exponential smoothing with a measured constant is). How far the walk goes in a week cannot be
read off few weeks: it is averaged over what the weeks allow, with a prior that holds large moves for rare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

LEAST_WEEKS = 4
"""Fewer say nothing of how a level moves."""
USUAL = 0.1
"""The mean of the prior of the weekly volatility, which is exponential: levels that move by a third in a week are rare."""
_VOLATILITY = np.concatenate([[0.0], np.geomspace(0.004, 1.0, 40)])
_DISPERSION = np.geomspace(0.2, 60.0, 40)


@dataclass(frozen=True)
class Drift:
    """The level on the last day, relative to what was expected."""

    level: float
    error: float
    """Of the level: its standard error relative to it."""
    volatility: float
    """Standard deviation of the relative change from one week to the next."""
    dispersion: float
    """Variance of the number of a week over its mean, the level given."""


def drift(seen: Any, expected: Any) -> Drift | None:
    """Where the level of weekly numbers is and how it moves.

    Args:
        seen: numbers of consecutive weeks, the last one today, shape [n].
        expected: what would be expected of each at a level of 1, shape [n]; weeks without any expectation say nothing.

    Returns:
        None for fewer than `LEAST_WEEKS` weeks or none seen at all.

    Example:
        >>> found = drift([50] * 30 + [80] * 6, [1.0] * 36)
        >>> bool(70 < found.level < 80)
        True

    Source:
        Harvey 1989, 2.3 (local level model, Kalman filter), with the variance of a quasi-Poisson number; the posterior of
        volatility and dispersion on a grid, exponential and log-uniform before.
    """
    y, e = np.asarray(seen, float), np.asarray(expected, float)
    y, e = y[e > 0], e[e > 0]
    if len(y) < LEAST_WEEKS or y.sum() <= 0:
        return None
    usual = y.sum() / e.sum()
    volatility, dispersion = (x.ravel() for x in np.meshgrid(_VOLATILITY, _DISPERSION, indexing="ij"))
    mean = np.full(len(volatility), usual)
    variance = np.full(len(volatility), 1e4 * usual**2)  # nothing is known of the level before the first week
    loglik = np.zeros(len(volatility))
    for i, (rate, size) in enumerate(zip(y / e, e, strict=True)):
        if i:
            variance = variance + (volatility * mean) ** 2
        # Noise at the level of the filter, but never less than at a tenth of the usual one: a week without anybody is no proof of none.
        noise = dispersion * np.maximum(mean, 0.1 * usual) / size
        total = variance + noise
        if i:  # the first week only says where the level begins
            loglik -= 0.5 * (np.log(total) + (rate - mean) ** 2 / total)
        gain = variance / total
        mean, variance = np.maximum(mean + gain * (rate - mean), 1e-3 * usual), variance * (1 - gain)
    width = np.gradient(_VOLATILITY)
    prior = np.repeat(np.log(width) - _VOLATILITY / USUAL, len(_DISPERSION))
    weight = np.exp(loglik + prior - np.max(loglik + prior))
    weight /= weight.sum()
    level = float(weight @ mean)
    spread = float(weight @ (variance + (mean - level) ** 2))
    return Drift(level, math.sqrt(spread) / level, math.sqrt(float(weight @ volatility**2)), float(weight @ dispersion))
