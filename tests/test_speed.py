"""What a late answer costs is recovered with and without something that explains both, and not seen where it is not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from salessim.calibration import calibrate
from salessim.calibration.speed import effect
from salessim.errors import LogError
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario

HALF = 6.0
"""Hours of waiting that halve the chance."""


def process(fades: bool, *, confounded: bool = False) -> Scenario:
    """Answers take hours; with `confounded`, large customers wait longer and buy less, whatever the wait."""
    share: Any = {"small": 0.8, "large": 0.4} if confounded else 0.7
    on: dict[str, Any] = {"to": "decide", "share": share}
    if fades:
        on["fades"] = {"law": "exponential", "half_life": f"{HALF} h"}
    steps = {
        "answer": {"work": {"law": "gamma", "mean": "30 min", "shape": 3}, "by": "desk", "patience": "none", "then": [on, {"lost": "no"}]},
        "decide": {"customer": {"law": "exponential", "mean": "3 days"}, "then": [{"done": True, "share": 0.7}, {"lost": "dear"}]},
    }
    return Scenario.parse(
        {"salessim": 1, "clock": {"start": "2026-01-05", "horizon": "16 weeks"}, "teams": {"desk": {"size": 1}},
         "segments": {"small": {"priority": 1}, "large": {"priority": 2 if confounded else 1}},
         "channels": {"web": {"enters": "answer", "segments": {"small": 0.5, "large": 0.5}, "arrivals": {"rate": "41 per day"}}}, "stages": {"lead": {"steps": steps}}}
    )  # fmt: skip


def log_of(scenario: Scenario, seed: int) -> EventLog:
    log = simulate(scenario, seed=seed)
    return EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)


@pytest.mark.parametrize("confounded", [False, True])
def test_the_slope_is_recovered_whoever_waits(confounded: bool) -> None:
    found = [effect(log_of(process(True, confounded=confounded), seed)) for seed in range(6)]
    errors = [(f.slope * 3600 + math.log(2) / HALF) / (3600 * f.error) for f in found if f is not None]
    assert len(errors) == 6
    assert abs(sum(errors)) < 3 * math.sqrt(6)
    assert all(f is not None and f.sure for f in found)


def test_no_effect_is_seen_where_only_somebody_else_waits() -> None:
    found = [effect(log_of(process(False, confounded=True), seed)) for seed in range(6)]
    assert sum(f is not None and f.sure for f in found) <= 1  # one side of 95 %: more than one of six has a chance of one in a hundred


def test_half_of_the_slope_stands_in_the_scenario_and_the_log_is_met() -> None:
    log = simulate(process(True), seed=1)
    steps = {share: calibrate(log, holdout=0, causal_share=share).scenario.steps["answer"] for share in (0.0, 0.5, 1.0)}
    found = {share: [r.fades for r in step.then if r.fades] for share, step in steps.items()}
    assert found[0.0] == []
    (fades,), (all_of_it,) = found[0.5], found[1.0]
    half, whole = fades.half_life, all_of_it.half_life
    assert half is not None
    assert whole is not None
    assert half / whole == pytest.approx(2, rel=1e-3)
    assert whole / 3600e6 == pytest.approx(HALF, rel=0.3)
    assert "effect" in str(fades.assumption)
    learnt = calibrate(log, holdout=0, causal_share=1.0).scenario
    lost = [(f["outcome"] == "lost: no").sum() / f["case"].nunique() for f in (log.frame, simulate(learnt, seed=4).frame)]
    assert lost[1] == pytest.approx(lost[0], abs=0.06)


def test_a_share_is_a_share() -> None:
    with pytest.raises(LogError, match="causal share: 2 is out of range"):
        calibrate(simulate(process(True), seed=1), causal_share=2)
