"""Every interval covers at its nominal rate: 4,000 macro-replications against the binomial 99.9 % band."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from salessim.statistics import (
    Estimate,
    enough,
    mean_interval,
    paired_difference,
    quantile_interval,
    ratio_interval,
    share_interval,
)

MACRO = 4000


def band(level: float, n: int = MACRO) -> tuple[float, float]:
    half = float(special.ndtri(0.9995)) * math.sqrt(level * (1 - level) / n)
    return level - half, level + half


def covered(draw: Callable[[np.random.Generator], Any], make: Callable[[Any], Estimate], exact: float, seed: int = 0, n: int = MACRO) -> float:
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(n):
        e = make(draw(rng))
        hits += e.low <= exact <= e.high
    return hits / n


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_means_of_normal_data(level: float) -> None:
    low, high = band(level)
    assert low <= covered(lambda g: g.normal(3, 2, 8), lambda x: mean_interval(x, level), 3.0) <= high


def test_means_of_skewed_data_under_cover_when_few() -> None:
    """Five replications of lognormal data with cv 1: no t interval covers. Said in the guide; sixty come close."""
    sigma = math.sqrt(math.log(2))
    few = covered(lambda g: g.lognormal(-(sigma**2) / 2, sigma, 5), mean_interval, 1.0)
    many = covered(lambda g: g.lognormal(-(sigma**2) / 2, sigma, 60), mean_interval, 1.0)
    assert 0.84 < few < 0.90
    assert 0.91 < many < band(0.95)[1]


@pytest.mark.parametrize(("p", "n"), [(0.02, 400), (0.5, 50), (0.98, 400)])
def test_shares(p: float, n: int) -> None:
    """Wilson's interval is discrete: averaged over sample sizes it covers at the nominal rate."""
    rng = np.random.default_rng(1)
    hits = 0
    for i in range(MACRO):
        size = n + i % 40
        e = share_interval(int(rng.binomial(size, p)), size)
        hits += e.low <= p <= e.high
    low, high = band(0.95)
    assert low - 0.005 <= hits / MACRO <= high + 0.005


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_ratios_of_replications(level: float) -> None:
    """Cost over sales: sales are Poisson, cost depends on them; thirty replications."""

    def draw(g: np.random.Generator) -> Any:
        sales = g.poisson(12, 30).astype(float)
        return 1000 + 50 * sales + g.gamma(4, 60, 30), sales

    low, high = band(level)
    exact = (1000 + 50 * 12 + 240) / 12
    assert low - 0.004 <= covered(draw, lambda x: ratio_interval(*x, level), exact, seed=2) <= high


def test_quantiles_are_conservative_by_their_discreteness_only() -> None:
    for p, n in ((0.5, 40), (0.9, 120)):
        rate = covered(lambda g, n=n: g.exponential(1, n), lambda x, p=p: quantile_interval(x, p), -math.log(1 - p), seed=3)
        assert band(0.95)[0] <= rate <= 0.985


def test_paired_differences() -> None:
    def draw(g: np.random.Generator) -> Any:
        common = g.normal(0, 5, 20)
        return common + g.normal(10, 1, 20), common + g.normal(9, 1.5, 20)

    low, high = band(0.95)
    assert low <= covered(draw, lambda x: paired_difference(*x).change, -1.0, seed=4) <= high


@pytest.mark.parametrize("wanted", [0.25, 0.12])
def test_stopping_when_precise_enough_still_covers(wanted: float) -> None:
    rng = np.random.default_rng(5)
    hits, macro = 0, 2000
    for _ in range(macro):
        x = list(rng.normal(10, 1, 20))
        while not enough(x, wanted):
            x.extend(rng.normal(10, 1, 10))
        e = mean_interval(x)
        hits += e.low <= 10 <= e.high
    assert hits / macro >= band(0.95, macro)[0]


def test_batch_means_under_cover_where_replications_do_not() -> None:
    """Why there are no batch means here: 5 batches of an AR(1) of 320 steps, nominal 90 % (Law & Kelton's table shows the like)."""
    rng = np.random.default_rng(6)
    phi, n, macro = 0.9, 320, 2000
    noise = rng.normal(0, 1, (macro, n + 200))
    x = np.zeros_like(noise)
    for t in range(1, n + 200):
        x[:, t] = phi * x[:, t - 1] + noise[:, t]
    x = x[:, 200:]
    one_run = np.mean([(e := mean_interval(row.reshape(10, -1).mean(axis=1), 0.9)).low <= 0 <= e.high for row in x])
    replications = np.mean([(e := mean_interval(x[i : i + 10].mean(axis=1), 0.9)).low <= 0 <= e.high for i in range(0, macro, 10)])
    assert one_run < 0.85
    assert abs(replications - 0.9) < 0.08
