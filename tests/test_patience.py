"""How long customers wait: recovered from waits of every ending, and from logs in which customers leave without a word."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from salessim.calibration import calibrate
from salessim.calibration.patience import FOUND, SERVED, TOLD, WAITS, fit, found_gone
from salessim.experiment import simulate
from salessim.scenario.model import Scenario


def waits(patience: Any, seed: int = 1, silent: float = 0.0, unseen: float = 0.0) -> tuple[Any, Any]:
    """Offered waits of a mean of 2 h against patience; a share leaves without a word, the log ends before a share is taken up."""
    rng = np.random.default_rng(seed)
    offered, told = rng.exponential(7200, len(patience)), rng.uniform(size=len(patience)) >= silent
    over = rng.uniform(size=len(patience)) < unseen
    left = patience < offered
    ended = np.select([left & told, over, left], [TOLD, WAITS, FOUND], SERVED)
    wait = np.where(left & told, patience, np.where(over, offered * rng.uniform(size=len(patience)), offered))
    return wait, np.where(over & left & told & (wait < patience), WAITS, ended)


def test_exponential_patience_is_total_wait_over_leavers() -> None:
    wait = np.array([600.0, 1200.0, 1800.0, 2400.0, 3000.0, 3600.0])
    ended = np.array([TOLD, SERVED, TOLD, SERVED, WAITS, SERVED])
    found = fit(wait, ended, np.arange(6))
    assert found is not None
    assert found.mean == pytest.approx(12_600 / 2)
    assert (found.law["law"], found.law["mean"], found.left, found.silent) == ("exponential", "1.75 h", 2, 0.0)


def test_nobody_who_left_teaches_nothing() -> None:
    assert fit([60.0, 70.0], [SERVED, WAITS], [0, 1]) is None


def test_the_em_step_by_hand() -> None:
    """All waits 1 h, a share g found gone: the likelihood is greatest where 1 - exp(-1 / mean) = g."""
    found = fit([3600.0] * 400, [FOUND] * 100 + [SERVED] * 300, np.arange(400))
    assert found is not None
    assert found.mean == pytest.approx(3600 / math.log(4 / 3), rel=1e-6)
    # The information about log(mean) of n such trials is n h^2 (1 - g) / g with h = log(4 / 3), so the error sqrt(g / (1 - g) / n) / h.
    assert found.error == pytest.approx(math.sqrt(1 / 3 / 400) / math.log(4 / 3), rel=1e-3)


@pytest.mark.parametrize(("silent", "unseen"), [(0.0, 0.0), (0.6, 0.0), (1.0, 0.0), (0.6, 0.2)])
def test_exponential_patience_is_recovered(silent: float, unseen: float) -> None:
    errors = []
    for seed in range(20):
        wait, ended = waits(np.random.default_rng(100 + seed).exponential(3 * 3600, 800), seed, silent, unseen)
        found = fit(wait, ended, np.arange(800))
        assert found is not None
        errors.append(math.log(found.mean / (3 * 3600)) / found.error)
    # Twenty standardised errors: mean within three of its standard errors, spread as it should be.
    assert abs(np.mean(errors)) < 3 / math.sqrt(20)
    assert 0.6 < np.std(errors) < 1.45  # chi-square of 19, 99.8 %


def test_weibull_where_the_data_ask_for_it() -> None:
    rng = np.random.default_rng(3)
    wait, ended = waits(2.5 * 3600 * rng.weibull(2.5, 1500))
    found = fit(wait, ended, np.arange(1500))
    assert found is not None
    assert found.law["law"] == "weibull"
    assert found.law["shape"] == pytest.approx(2.5, rel=0.12)
    assert abs(math.log(found.mean / (2.5 * 3600 * math.gamma(1.4)))) < 3 * found.error
    chosen = [fit(*waits(np.random.default_rng(50 + s).exponential(9000, 400), s), np.arange(400)) for s in range(20)]
    assert sum(f is not None and f.law["law"] == "weibull" for f in chosen) <= 7  # one in six shows a gain of one standard error by chance


def process(silent: float, lost: float = 0.0, hours: float = 2.0) -> Scenario:
    """One person who is busy four fifths of the time; customers wait two hours in the mean."""
    call = {"work": {"law": "gamma", "mean": "30 min", "shape": 3}, "by": "desk", "patience": {"law": "exponential", "mean": f"{hours} h"}, "gives_up": {"lost": "gone"},
            "then": [*([{"lost": "gone", "share": lost}] if lost else []), {"lost": "no", "share": 0.3}, {"done": True}]}  # fmt: skip
    if silent:
        call |= {"silent": silent, "attempt": {"law": "gamma", "mean": "5 min", "shape": 3}}
    return Scenario.parse(
        {"salessim": 1, "clock": {"start": "2026-01-05", "horizon": "6 weeks"}, "teams": {"desk": {"size": 1}}, "segments": {"all": {}},
         "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "45 per day"}}}, "stages": {"lead": {"steps": {"call": call}}}}
    )  # fmt: skip


@pytest.mark.parametrize("silent", [0.5, 1.0])
def test_silent_leavers_are_seen_at_the_attempt(silent: float) -> None:
    learnt = calibrate(simulate(process(silent), seed=2), holdout=0)
    step = learnt.scenario.steps["call"]
    assert step.silent == pytest.approx(silent, abs=0.06)
    assert step.attempt is not None
    assert step.attempt.mean / 60e6 == pytest.approx(5, rel=0.1)
    assert step.work is not None
    assert step.work.mean / 60e6 == pytest.approx(30, rel=0.06)  # attempts do not shorten the work
    (figure,) = [f for f in learnt.figures if f.what == "patience at call"]
    low, high = figure.interval(0.999)
    assert low < 2 < high
    assert any("left without a word" in text for text in learnt.assumptions)


def test_a_reason_given_after_talking_is_no_silent_leaving() -> None:
    log = simulate(process(0.0, lost=0.15), seed=2)
    assert not found_gone(log.frame).any()
    assert calibrate(log, holdout=0).scenario.steps["call"].silent == 0
