"""Exact figures: published tables and hand arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from salessim.statistics import enough, mean_interval, mser5, paired_difference, quantile_interval, ratio_interval, share_interval
from salessim.survival import incidence, kaplan_meier

SIX_MP = ["6", "6", "6", "6+", "7", "9+", "10", "10+", "11+", "13", "16", "17+", "19+", "20+", "22", "23", "25+", "32+", "32+", "34+", "35+"]


def test_o17_kaplan_meier_of_the_6mp_data() -> None:
    times = [float(x.rstrip("+")) for x in SIX_MP]
    observed = [not x.endswith("+") for x in SIX_MP]
    at, survival, error = kaplan_meier(times, observed)
    assert list(at) == [6, 7, 10, 13, 16, 22, 23]
    assert survival == pytest.approx([0.857143, 0.806723, 0.752941, 0.690196, 0.627451, 0.537815, 0.448179], abs=5e-7)
    assert error == pytest.approx([0.076360, 0.086935, 0.096350, 0.106815, 0.114054, 0.128234, 0.134591], abs=5e-7)
    assert sum(observed) / sum(times) == pytest.approx(0.02506964, abs=5e-9)


def test_mean_of_three_by_hand() -> None:
    e = mean_interval([1, 2, 3])  # t(.975, 2) = 4.302653, s = 1
    assert (e.value, e.n) == (2, 3)
    assert e.half_width == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)


def test_what_does_not_exist_is_counted() -> None:
    e = mean_interval([1.0, math.nan, 3.0])
    assert (e.value, e.n, e.missing) == (2.0, 2, 1)
    assert mean_interval([]).high == math.inf
    assert mean_interval([5.0]).low == -math.inf


def test_wilson_by_hand() -> None:
    # 8 of 10 at 95 %: z = 1.959964; Wilson 1927: (.4901625, .9433178)
    e = share_interval(8, 10)
    assert (e.low, e.high) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))
    assert share_interval(0, 10).low == 0.0
    assert share_interval(10, 10).high == 1.0


def test_ratio_of_a_constant_ratio_is_exact() -> None:
    e = ratio_interval([2, 4, 6], [1, 2, 3])
    assert e.value == pytest.approx(2)
    assert e.half_width == pytest.approx(0, abs=1e-12)


def test_ratio_by_hand() -> None:
    # n = 3, t(.95, 2) = 2.919986; a = 1, 2, 3; b = 1, 2, 1; ratio 6/4 = 1.5; ends solve
    # (mean a - R mean b)^2 = t^2 / 3 (var a - 2 R cov + R^2 var b), with var a = 1, cov = 0, var b = 1/3
    e = ratio_interval([1, 2, 3], [1, 2, 1], 0.9)
    assert e.value == 1.5
    k = 2.919986**2 / 3
    for end in (e.low, e.high):
        assert (2 - end * 4 / 3) ** 2 == pytest.approx(k * (1 + end**2 / 3), rel=1e-6)
    assert e.low < e.value < e.high


def test_ratio_over_what_may_be_nothing_is_unbounded() -> None:
    e = ratio_interval([5, 6, 7], [0, 0, 1])  # mean 1/3, t x standard error 4.3 x 1/3
    assert (e.value, e.low, e.high) == (18, -math.inf, math.inf)
    assert math.isnan(ratio_interval([5, 6], [0, 0]).value)


def test_ratio_over_a_constant_is_the_interval_of_the_mean() -> None:
    e, m = ratio_interval([2, 4, 9], [2, 2, 2]), mean_interval([1, 2, 4.5])
    assert (e.value, e.low, e.high) == (pytest.approx(m.value), pytest.approx(m.low), pytest.approx(m.high))


def test_missing_figures_are_counted_everywhere() -> None:
    e = ratio_interval([2, 4, math.nan, 6], [1, 2, 3, 3])
    assert (e.value, e.n, e.missing) == (2, 3, 1)
    q = quantile_interval([*range(1, 11), math.nan], 0.5)
    assert (q.low, q.high, q.n, q.missing) == (2, 9, 10, 1)
    d = paired_difference([1, math.nan, 3], [2, 3, math.nan])
    assert (d.change.n, d.change.missing) == (1, 2)
    assert not mser5([math.nan, *range(100)]).valid


def test_order_statistics_of_the_median() -> None:
    # n = 10, 95 %: ranks 2 and 9 (P = .978516)
    e = quantile_interval(range(1, 11), 0.5)
    assert (e.low, e.high) == (2, 9)
    assert quantile_interval(range(5), 0.99).high == math.inf


def test_paired_difference_by_hand() -> None:
    d = paired_difference([1, 2, 3, 4], [2, 3, 4, 5.4])
    assert d.change.value == pytest.approx(1.1)
    spread = np.var([1, 1, 1, 1.4], ddof=1)
    assert d.variance_reduction == pytest.approx((np.var([1, 2, 3, 4], ddof=1) + np.var([2, 3, 4, 5.4], ddof=1)) / spread)
    assert d.verdict == "higher"
    assert paired_difference([1, 2], [1, 2]).verdict == "the same"


def test_o27_mser5_cuts_at_the_step() -> None:
    rng = np.random.default_rng(1)
    for step in (100, 200, 300):
        series = rng.normal(0, 1, 1000) + np.where(np.arange(1000) < step, 10, 0)
        found = mser5(series)
        assert abs(found.cut - step) <= 5
        assert found.valid
    assert not mser5(np.concatenate([np.full(700, 10.0), rng.normal(0, 1, 300)])).valid
    assert not mser5([1, 2, 3]).valid


def test_o27_mser5_on_correlated_series_never_keeps_the_bias() -> None:
    """AR(1), .9: the cut is never before the step and mostly at it; a slow wander behind it is sometimes cut as well."""
    rng = np.random.default_rng(3)
    cuts = []
    for _ in range(200):
        x = rng.normal(0, 1, 1000)
        for t in range(1, 1000):
            x[t] += 0.9 * x[t - 1]
        cuts.append(mser5(x + np.where(np.arange(1000) < 250, 50, 0)).cut)
    assert min(cuts) == 250
    assert np.median(cuts) <= 255


def test_mser5_does_not_care_about_the_level() -> None:
    series = np.random.default_rng(4).normal(0, 1, 1000) + np.where(np.arange(1000) < 200, 10, 0)
    low, high = mser5(series), mser5(series + 1e9)  # at 1e9 a spread of squares would be rounding alone
    assert high.cut == low.cut
    assert high.statistic == pytest.approx(low.statistic, rel=1e-4)


def test_competing_endings_by_hand() -> None:
    # n = 4: at 1 a win, at 2 a loss, at 3 censored, at 4 a win.
    # S: 1, 3/4, 1/2, 1/2; wins: 1/4 + 1/2 * 1/1 = 3/4; losses: 3/4 * 1/3 = 1/4
    times, ending = [1, 2, 3, 4], [1, 2, 0, 1]
    wins, losses = incidence(times, ending, 1), incidence(times, ending, 2)
    assert list(wins.share) == pytest.approx([0.25, 0.75])
    assert losses.final == pytest.approx(0.25)
    assert wins.quantile(1 / 3) == 1
    assert wins.quantile(0.5) == 4
    assert wins.mean == pytest.approx((1 * 0.25 + 4 * 0.5) / 0.75)


def test_one_ending_is_one_minus_kaplan_meier() -> None:
    rng = np.random.default_rng(2)
    t, seen = rng.exponential(1, 300), rng.random(300) < 0.6
    at, survival, _ = kaplan_meier(t, seen)
    curve = incidence(t, seen.astype(int), 1)
    assert curve.time == pytest.approx(at)
    assert curve.share == pytest.approx(1 - survival)


def test_stopping_needs_a_first_stage() -> None:
    assert not enough([1.0] * 19, 10)
    assert enough([1.0, 1.1] * 10, 1)
    assert not enough([0.0, 10.0] * 10, 1)
