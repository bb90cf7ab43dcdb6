"""On what work times depend: planted effects are recovered with people held equal, and none is seen where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from salessim import Scenario, simulate
from salessim.calibration import calibrate
from salessim.calibration.covariates import LEAST, Effects, effects


def visits(seed: int, n: int = 1200, segment: float = 1.0, power: float = 0.0, people: float = 0.3, crossed: bool = False) -> tuple[Effects, np.ndarray]:
    """Twelve people; where `crossed`, the slow ones mostly serve large customers."""
    rng = np.random.default_rng(seed)
    pace = np.sort(rng.normal(0, people, 12))
    large = rng.random(n) < 0.4
    who = np.where(large, rng.integers(4, 12, n), rng.integers(0, 8, n)) if crossed else rng.integers(0, 12, n)
    value = rng.lognormal(9, 1, n)
    times = rng.lognormal(0, 0.6, n) * np.where(large, segment, 1.0) * (value / np.exp(9)) ** power * np.exp(pace[who])
    found = effects(times, np.where(large, "large", "small"), value, who.astype(str), np.arange(n))
    assert found is not None
    return found, found.of(np.where(large, "large", "small"), value)


def test_planted_effects_are_recovered() -> None:
    found = [visits(seed, segment=1.6, power=0.3)[0] for seed in range(30)]
    assert all(f.segments and f.power for f in found)
    assert np.mean([f.segments["large"] for f in found]) == pytest.approx(1.6, rel=0.03)
    assert np.mean([f.power for f in found]) == pytest.approx(0.3, abs=0.01)
    assert np.mean([f.people for f in found]) == pytest.approx(0.3, rel=0.15)


def test_a_segment_is_not_slow_because_its_people_are() -> None:
    """People differ by half, and who serves large customers is slow: without people in the model the effect would be a factor of 1.6 and more."""
    found = [visits(seed, segment=1.3, people=0.5, crossed=True, n=3000)[0] for seed in range(20)]
    assert np.mean([f.segments.get("large", 1.0) for f in found]) == pytest.approx(1.3, rel=0.05)


def test_nothing_is_seen_where_there_is_nothing() -> None:
    assert sum(visits(seed)[0].any for seed in range(100)) <= 2


def test_factors_are_one_on_average_so_that_the_law_keeps_its_mean() -> None:
    found, factors = visits(3, segment=2.0, power=0.5)
    assert factors.mean() == pytest.approx(1.0)
    assert found.formula(str, "EUR").startswith(f"{found.scale:.4g} * if(segment == 'large', ")


def test_what_only_some_cases_have_is_not_asked() -> None:
    rng = np.random.default_rng(1)
    value = np.where(rng.random(800) < 0.5, rng.lognormal(9, 1, 800), 0.0)
    found = effects(rng.lognormal(0, 0.5, 800) * np.where(value > 9000, 3, 1), np.full(800, "all"), value, np.full(800, "ann"), np.arange(800))
    assert found is not None
    assert not found.any
    assert effects(np.ones(LEAST - 1), np.full(LEAST - 1, "all"), np.ones(LEAST - 1), np.full(LEAST - 1, "ann"), np.arange(LEAST - 1)) is None


TRUTH = """
clock: {start: 2025-01-06, horizon: 40 weeks}
segments: {large: {value: {law: lognormal, mean: 20000 EUR, cv: 0.8}}, small: {value: {law: lognormal, mean: 4000 EUR, cv: 0.8}}}
channels: {web: {enters: offer, segments: {large: 40 %, small: 60 %}, arrivals: {rate: 60 per week}}}
teams: {sales: {size: 6}}
stages:
  quote:
    steps:
      offer: {work: {law: lognormal, mean: 3 h, cv: 0.6}, factor: "if(segment == 'large', 1.5, 1) * clamp(value / 8000 EUR, 0.1, 10) ^ 0.25", by: sales, then: [{done: true}]}
"""


def test_a_learnt_scenario_works_longer_for_whom_people_did() -> None:
    truth = Scenario.parse(TRUTH)
    learnt = calibrate(simulate(truth, seed=1), holdout=0)
    assert any("with people held equal" in fact for fact in learnt.facts.values())

    def means(scenario: Scenario) -> dict[tuple[str, bool], float]:
        frame = simulate(scenario.change({"clock.horizon": "200 weeks"}), seed=2).frame
        frame = frame[frame["ended"].notna() & frame["started"].notna()]
        hours = (frame["ended"] - frame["started"]).dt.total_seconds() / 3600
        return hours.groupby([frame["segment"], frame["value"] > 8000]).mean().to_dict()

    exact, found = means(truth), means(learnt.scenario)
    assert found == pytest.approx(exact, rel=0.08)
    assert exact["large", True] > 1.8 * exact["small", False]
