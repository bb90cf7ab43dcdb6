"""The level of standardisation: nothing at 0, one variant at 1, exact shares and spreads between."""

from __future__ import annotations

import copy
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from salessim.durations import Law
from salessim.errors import ScenarioError
from salessim.experiment import simulate
from salessim.network import build
from salessim.scenario import levers
from salessim.scenario.model import Scenario
from salessim.scenario.standard import narrowed
from salessim.scenario.traffic import visits


def process(level: float | None = None, **more: Any) -> Scenario:
    data: dict[str, Any] = {
        "clock": {"start": "2026-01-05", "horizon": "30 weeks"}, "teams": {"sales": {"size": 50}}, "segments": {"usual": {}, "odd": {}},
        "channels": {"web": {"enters": "ask", "segments": {"usual": 0.7, "odd": 0.3}, "arrivals": {"rate": "40 per week"}}},
        "stages": {"s": {"steps": {
            "ask": {"work": {"law": "lognormal", "mean": "1 h", "cv": 0.8}, "by": "sales", "then": [{"to": "legal", "share": {"odd": 0.6, "default": 0.2}}, {"to": "quote"}]},
            "legal": {"work": "1 h", "by": "sales", "adherence": 0.7, "then": [{"to": "quote"}]},
            "quote": {"work": {"law": "gamma", "mean": "2 h", "cv": 0.5}, "by": "sales", "then": [{"to": "ask", "share": 0.1}, {"to": "decide"}]},
            "decide": {"customer": "3 days", "then": [{"to": "sign", "share": 0.4}, {"to": "quote", "share": 0.2}, {"lost": "no"}]},
            "sign": {"automatic": "1 h", "milestone": "won", "then": [{"done": True}]},
        }}},
    }  # fmt: skip
    if level is not None:
        data["standardisation"] = {"level": level, "assumption": "a test", **more}
    return Scenario.parse(copy.deepcopy(data))


def entropy(scenario: Scenario, until: str = "decide") -> tuple[int, float]:
    """Variants of the way to the first decision, and their entropy in bits."""
    frame = simulate(scenario, seed=3).frame.sort_values(["case", "ended"])
    ways: Counter[tuple[str, ...]] = Counter()
    for _, rows in frame.groupby("case"):
        steps = tuple(rows["step"])
        if until in steps:
            ways[steps[: steps.index(until)]] += 1
    n = sum(ways.values())
    return len(ways), -sum(c / n * math.log2(c / n) for c in ways.values())


def test_level_0_is_the_process_as_observed() -> None:
    assert process(0.0).in_force.steps == process().steps
    assert process(0.0).in_force is not None
    assert simulate(process(0.0), seed=3).to_csv() == simulate(process(), seed=3).to_csv()
    plain = process()
    assert plain.in_force is plain


def test_level_1_is_one_variant_and_the_entropy_falls_on_the_way() -> None:
    found = [entropy(process(level)) for level in (0.0, 0.3, 0.7, 1.0)]
    assert found[0] == entropy(process())
    assert found[-1] == (1, 0.0)
    assert [e for _, e in found] == sorted((e for _, e in found), reverse=True)


def test_side_ways_and_skips_lose_just_their_part() -> None:
    steps = process(0.5, detours=0.6, skips=0.4).in_force.steps
    assert steps["ask"].then[0].share == pytest.approx({"usual": 0.2 * 0.7, "odd": 0.6 * 0.7})  # one way for all: that of most
    assert steps["quote"].then[0].share == pytest.approx({"usual": 0.07, "odd": 0.07})
    assert steps["legal"].adherence == pytest.approx(1 - 0.3 * 0.8)
    assert steps["decide"] == process().steps["decide"]  # what customers decide is theirs


def test_a_standard_opens_no_way_that_a_segment_never_goes() -> None:
    """Large orders are approved, small ones go the light way: one way for all would let large ones pass without approval."""
    data: dict[str, Any] = {
        "clock": {"start": "2026-01-05", "horizon": "20 weeks"}, "teams": {"sales": {"size": 3}}, "segments": {"small": {}, "large": {}},
        "channels": {"web": {"enters": "quote", "segments": {"small": 0.5, "large": 0.5}, "arrivals": {"rate": "50 per week"}}},
        "stages": {"s": {"steps": {
            "quote": {"work": "20 min", "by": "sales", "then": [{"to": "approve", "share": {"small": 0, "large": 0.8}}, {"to": "look twice", "share": {"small": 0, "large": 0.2}}, {"to": "light", "share": {"small": 1, "large": 0}}]},
            "approve": {"work": "10 min", "by": "sales", "core": True, "then": [{"to": "pay"}]},
            "look twice": {"work": "10 min", "by": "sales", "then": [{"to": "approve"}]},
            "light": {"automatic": "1 min", "then": [{"to": "pay"}]},
            "pay": {"automatic": "1 min", "then": [{"to": "big contract", "share": {"small": 0, "large": 1}}, {"done": True}]},
            "big contract": {"automatic": "1 h", "then": [{"done": True}]},
        }}},
        "invariants": ["approve before big contract"], "levers": {"standard": {"field": "standardisation.level", "range": ["0 %", "100 %"]}},
        "standardisation": {"level": 0, "assumption": "a test"},
    }  # fmt: skip
    scenario = Scenario.parse(data)
    for level in (0.5, 1.0):
        design = levers.apply(scenario, {"standard": level})
        shares = [r.share for r in design.in_force.steps["quote"].then]
        assert shares == [pytest.approx({"small": 0, "large": 0.8 + 0.2 * level}), pytest.approx({"small": 0, "large": 0.2 * (1 - level)}), {"small": 1, "large": 0}]
        frame = simulate(design, seed=1).frame
        large = set(frame.loc[frame["step"] == "big contract", "case"])
        assert len(large) > 300
        assert large <= set(frame.loc[frame["step"] == "approve", "case"])


def test_rules_and_core_steps_are_asked_of_the_process_as_it_runs() -> None:
    """A visit that is always skipped today takes place under a standard."""
    data = process(0.0).model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    data["stages"]["s"]["steps"]["legal"]["adherence"] = 0.0
    data["invariants"] = ["never legal after ask"]
    data["levers"] = {"standard": {"field": "standardisation.level", "range": ["0 %", "100 %"]}}
    scenario = Scenario.parse(data)
    with pytest.raises(ScenarioError, match=r'the rule "never legal after ask" is broken by web \(odd\) → ask → legal'):
        levers.apply(scenario, {"standard": 0.5})
    with pytest.raises(ScenarioError, match=r'the rule "never legal after ask" is broken by web \(odd\) → ask → legal'):
        scenario.change({"standardisation.level": 0.5})


def test_work_times_keep_their_mean_and_lose_spread() -> None:
    before, after = process().steps, process(0.6, spread=0.5).in_force.steps
    for name, cv in (("ask", 0.8), ("quote", 0.5)):
        assert after[name].time.mean == pytest.approx(before[name].time.mean)
        assert after[name].time.cv == pytest.approx(cv * 0.7)


@pytest.mark.parametrize(
    "law",
    [
        {"law": "exponential", "mean": "2 h"}, {"law": "erlang", "mean": "2 h", "phases": 3}, {"law": "weibull", "mean": "2 h", "shape": 0.8},
        {"law": "lognormal", "median": "1 h", "p90": "4 h"}, {"law": "uniform", "low": "1 h", "high": "3 h"}, {"law": "triangular", "low": "1 h", "mode": "2 h", "high": "5 h"},
        {"law": "quantiles", "points": {"0 %": "0 min", "50 %": "20 min", "100 %": "60 min"}},
    ],
    ids=lambda law: law["law"],
)  # fmt: skip
@pytest.mark.parametrize("factor", [0.0, 0.25, 0.8])
def test_narrowing_scales_the_standard_deviation_and_keeps_the_mean(law: dict[str, Any], factor: float) -> None:
    adapter: Any = TypeAdapter(Law)
    before = adapter.validate_python(law)
    after = adapter.validate_python(narrowed(before, factor))
    assert after.mean == pytest.approx(before.mean, rel=2e-3)
    p = (np.arange(400_000) + 0.5) / 400_000
    assert after.quantile(p).std() == pytest.approx(factor * before.quantile(p).std(), rel=0.02, abs=1e-6)


def test_unusual_cases_decide_for_us_less_often_by_just_the_factor() -> None:
    """P(win) at a decision with a way back is p / (1 - r); only p is scaled, so the whole is."""
    lossy = process(0.5, detours=0, skips=0, spread=0, unusual={"odd": 0.8}, loss=0.25, decided={"at": "decide", "to": "sign"})
    factor = 1 - 0.25 * 0.5 * 0.8
    for segment, f in (("usual", 1.0), ("odd", factor)):
        assert visits(lossy, "ask", segment)["sign"] == pytest.approx(f * visits(process(), "ask", segment)["sign"], rel=1e-12)
    assert "did not fit the standard" in build(lossy).labels.reasons


def test_stages_and_steps_have_levels_of_their_own() -> None:
    data = process(0.2, detours=1.0).model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    data["stages"]["s"]["standardisation"] = 0.5
    data["stages"]["s"]["steps"]["quote"]["standardisation"] = 1.0
    steps = Scenario.parse(data).in_force.steps
    assert steps["ask"].then[0].share["usual"] == pytest.approx(0.1)
    assert steps["quote"].then[0].share["usual"] == 0.0


def test_the_level_is_a_field_like_any_other() -> None:
    scenario = process(0.0)
    assert scenario.change({"standardisation.level": 1.0}).in_force.steps["quote"].then[0].share == {"usual": 0.0, "odd": 0.0}
    assert scenario.change({"standardisation.level": 1.0}).hash != scenario.hash


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"level": 0.5}, "standardisation: nobody knows in general what a standard changes; add 'source' or 'assumption'"),
        ({"level": 1.5, "assumption": "x"}, "standardisation.level"),
        ({"level": 0.5, "loss": 0.2, "assumption": "x"}, "give 'unusual' and 'decided: {at: STEP, to: STEP}'"),
        ({"level": 0.5, "unusual": {"od": 1}, "assumption": "x"}, "standardisation.unusual.od: there is no segment 'od'; did you mean 'odd'?"),
        ({"level": 0.5, "decided": {"at": "decde", "to": "sign"}, "assumption": "x"}, "standardisation.decided.at: there is no step 'decde'; did you mean 'decide'?"),
        ({"level": 0.5, "decided": {"at": "decide", "to": "ask"}, "assumption": "x"}, "standardisation.decided.to: 0 routes lead from 'decide' to 'ask'"),
    ],
)
def test_figures_without_a_ground_are_refused(given: dict[str, Any], message: str) -> None:
    data = process().model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    data["standardisation"] = given
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(data)
    assert message in str(wrong.value)
    data.pop("standardisation")
    data["stages"]["s"]["standardisation"] = 0.5
    with pytest.raises(ScenarioError, match="it does not say what a standard changes"):
        Scenario.parse(data)


def test_scenarios_that_have_run_can_be_compared() -> None:
    for level in (None, 0.5):
        one, two = process(level), process(level)
        assert one.in_force.hash == two.in_force.hash
        assert one == two
