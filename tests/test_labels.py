"""Labels of designs on a front: all of a set are right together as often as promised, with and without common random numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from salessim.optimisation.labels import IN, OUT, UNDECIDED, Change, Labels, label
from salessim.optimisation.spread import spread_over
from salessim.statistics import paired_difference
from tests.test_selection import least

STAIRCASE = ((0.0, 4.0), (1.0, 3.0), (2.0, 2.0), (3.0, 1.0), (1.5, 3.2), (2.2, 2.1), (4.0, 1.5), (3.0, 3.0))
"""Four on the front, four truly dominated, of which (2.2, 2.1) only just, by (2, 2)."""
TRUE = (IN,) * 4 + (OUT,) * 4
TIES = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
"""Slippage of fronts: none is better than another, so that whoever is called out is called so wrongly."""


def macro_run(seed: int, means: tuple[tuple[float, ...], ...], *, common: float, sigma: float = 1.0, first: int = 8, tied: float = 0.5) -> Labels:
    """Labels on normal figures whose means are known; a share `common` of the variance is shared by all designs, `tied` of it by the objectives."""
    rng = np.random.default_rng(seed)
    n, d, m = first << 4, len(means), len(means[0])

    def noise(*shape: int) -> np.ndarray:
        return math.sqrt(tied) * rng.normal(size=(*shape, n, 1)) + math.sqrt(1 - tied) * rng.normal(size=(*shape, n, m))

    x = np.array(means)[:, None, :] + sigma * (math.sqrt(common) * noise(1) + math.sqrt(1 - common) * noise(d))

    def look(runs: int, _: object) -> Change:
        def change(i: int, j: int, k: int, level: float) -> tuple[float, float]:
            e = paired_difference(x[j, :runs, k], x[i, :runs, k], level).change
            return e.low, e.high

        return change

    return label(look, d, m, first)


def wrong(found: Labels, true: tuple[str, ...]) -> bool:
    return any(UNDECIDED != said != truth for said, truth in zip(found.labels, true, strict=True))


@pytest.mark.parametrize("common", [0.0, 0.9])
def test_all_labels_of_a_set_are_right_together(common: float) -> None:
    found = [macro_run(seed, STAIRCASE, common=common, sigma=0.5) for seed in range(150)]
    assert np.mean([not wrong(f, TRUE) for f in found]) >= least(0.95, 150)
    decided = np.mean([[said != UNDECIDED for said in f.labels] for f in found])
    assert decided > (0.9 if common else 0.5)


@pytest.mark.parametrize("common", [0.0, 0.9])
def test_of_ties_none_is_called_out(common: float) -> None:
    found = [macro_run(seed, TIES, common=common) for seed in range(150)]
    assert np.mean([OUT not in f.labels for f in found]) >= least(0.95, 150)


@pytest.mark.slow
@pytest.mark.parametrize("common", [0.0, 0.9])
@pytest.mark.parametrize("means", [STAIRCASE, TIES])
def test_labels_over_two_thousand_macro_runs(means: tuple[tuple[float, ...], ...], common: float) -> None:
    true = TRUE if means is STAIRCASE else (IN,) * len(means)
    found = [macro_run(seed, means, common=common, sigma=0.7) for seed in range(2000)]
    assert np.mean([not wrong(f, true) for f in found]) >= least(0.95, 2000)


def exactly(means: tuple[tuple[float, ...], ...]) -> Change:
    return lambda i, j, m, level: (means[i][m] - means[j][m],) * 2


def test_by_hand_and_who_is_out_runs_no_further() -> None:
    found = label(lambda n, _: exactly(STAIRCASE), 8, 2, first=10)
    assert (found.labels, found.runs) == (TRUE, (10,) * 8)
    wide = {10: 0.5, 20: 0.05}

    def look(n: int, _: object) -> Change:
        return lambda i, j, m, level: (STAIRCASE[i][m] - STAIRCASE[j][m] - wide[n], STAIRCASE[i][m] - STAIRCASE[j][m] + wide[n])

    found = label(look, 8, 2, first=10)
    assert (found.labels, found.runs) == (TRUE, (10, 20, 20, 10, 20, 20, 10, 10))  # (3, 1) beats (4, 1.5) and (2, 2) beats (3, 3) by half or more in both; the ends are far from all others


def test_runs_go_where_a_question_is_open_and_no_further_than_paid_for() -> None:
    """Two designs are near each other, the third is far: it is settled at once and does not run on."""
    means = ((0.0, 2.0), (1.0, 1.9), (9.0, 0.0))

    def look(n: int, _: object) -> Change:
        return lambda i, j, m, level: (means[i][m] - means[j][m] - 3.0 / n, means[i][m] - means[j][m] + 3.0 / n)

    found = label(look, 3, 2, first=10)
    assert (found.labels, found.runs) == ((IN, IN, IN), (40, 40, 10))  # 0.1 is told from nothing once 3 / n is below it
    short = label(look, 3, 2, first=10, most=70)
    assert (short.labels, short.runs) == ((IN, UNDECIDED, IN), (20, 20, 10))
    assert sum(short.runs) <= 70


def test_designs_that_are_the_same_in_every_run_share_the_front() -> None:
    assert label(lambda n, _: exactly(((1.0, 2.0), (1.0, 2.0), (1.0, 3.0))), 3, 2, first=5).labels == (IN, IN, OUT)


def test_who_breaks_a_limit_is_out_and_beats_nobody() -> None:
    found = label(lambda n, _: exactly(((0.0, 0.0), (1.0, 2.0), (2.0, 1.0))), 3, 2, first=5, kept=(False, True, True))
    assert found.labels == (OUT, IN, IN)
    assert found.runs[0] == 0
    found = label(lambda n, _: exactly(((0.0, 0.0), (1.0, 2.0), (2.0, 3.0))), 3, 2, first=5, kept=(None, True, True))
    assert found.labels == (UNDECIDED, UNDECIDED, OUT)  # whether the first may beat the second is not known


def test_shown_are_the_ends_and_what_lies_between() -> None:
    line = [(float(i), 20.0 - i) for i in range(21)]
    assert spread_over(line, 5) == [0, 5, 10, 15, 20]
    assert spread_over(line[:3], 5) == [0, 1, 2]
    assert spread_over([(1.0, 1.0)] * 9, 2) == [0]
    assert spread_over([(0.0, 1.0), (1.0, math.inf), (2.0, 0.0), (0.1, 0.9)], 2) == [0, 2]
