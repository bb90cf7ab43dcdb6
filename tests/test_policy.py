"""Which way each segment goes, and from which figure on: levers that make a policy."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.experiment import replicate, simulate
from salessim.optimisation.space import space_of
from salessim.scenario.formulas import formula, thresholds, with_threshold
from salessim.scenario.levers import apart, apply, in_words, misfits
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario
from salessim.scenario.paths import plain
from salessim.scenario.uncertain import drawn

TIMELESS = {"automatic": "0 s"}


def process(then: list[Any] | None = None, levers: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    usual = [{"to": "mail", "share": {"small": 0.7, "large": 0.9}}, {"to": "call", "share": {"small": 0.2, "large": 0}}, {"lost": "no fit"}]
    return copy.deepcopy({
        "clock": {"start": "2026-01-05", "horizon": "10 weeks"}, "teams": {"sales": {"size": 50}}, "segments": {"small": {"value": "500 EUR"}, "large": {"value": "9000 EUR"}},
        "channels": {"web": {"enters": "choose", "segments": {"small": 0.5, "large": 0.5}, "arrivals": {"rate": "200 per week"}}},
        "stages": {"s": {"steps": {
            "choose": {**TIMELESS, "then": then or usual}, "mail": {"automatic": "1 day", "then": [{"done": True}]}, "call": {"work": "1 h", "by": "sales", "then": [{"done": True}]},
        }}},
        "levers": levers or {}, **more,
    })  # fmt: skip


SEND = {"small": {"send": "small", "at": "choose", "to": ["mail", "call"]}, "large": {"send": "large", "at": "choose", "to": ["mail", "call"]}}


def ways(scenario: Scenario, segment: str) -> dict[str, float]:
    step = scenario.steps["choose"]
    return {r.to or "lost": step.share_of(r, segment) for r in step.then}


# --- sending a segment one way ----------------------------------------------------------------------------------------


def test_a_segment_goes_one_way_and_what_is_no_choice_keeps_its_share() -> None:
    scenario = Scenario.parse(process(levers=SEND))
    design = apply(scenario, {"small": "call"})
    assert ways(design, "small") == pytest.approx({"mail": 0, "call": 0.9, "lost": 0.1})  # 0.7 + 0.2 together
    assert ways(design, "large") == ways(scenario, "large")
    both = apply(scenario, {"small": "mail", "large": "call"})
    assert ways(both, "small") == pytest.approx({"mail": 0.9, "call": 0, "lost": 0.1})
    assert ways(both, "large") == pytest.approx({"mail": 0, "call": 0.9, "lost": 0.1})


def test_todays_way_is_today_bit_for_bit() -> None:
    scenario = Scenario.parse(process(levers=SEND))
    assert apply(scenario, {"large": "mail"}) is scenario
    assert space_of(scenario).options == {"small": (None, "mail", "call"), "large": ("mail", "call")}  # the small go two ways today
    assert in_words(scenario, {"small": "call", "large": "call"}) == ["large at 'choose': mail → call", "small at 'choose': all → call"]


def test_what_sets_a_design_apart_from_another() -> None:
    scenario = Scenario.parse(process(levers=SEND))
    assert apart(scenario, {"small": "call", "large": "call"}, {"large": "call"}) == ["small at 'choose': all → call"]
    assert apart(scenario, {"large": "mail"}, {"small": "call"}) == ["without “small at 'choose': all → call”"], "what stays as it is is no difference"
    assert apart(scenario, {"small": "call"}, {"small": "call", "large": "mail"}) == []


def test_the_way_that_takes_the_rest_may_be_chosen() -> None:
    then = [{"to": "mail", "share": {"default": 1}}, {"to": "call"}]
    scenario = Scenario.parse(process(then, {"l": {"send": "large", "at": "choose", "to": ["mail", "call"]}}))
    design = apply(scenario, {"l": "call"})
    assert ways(design, "large") == {"mail": 0, "call": 1}
    assert ways(design, "small") == {"mail": 1, "call": 0}
    log = simulate(design, seed=1).frame
    assert set(log.loc[log["segment"] == "large", "step"]) == {"choose", "call"}
    assert set(log.loc[log["segment"] == "small", "step"]) == {"choose", "mail"}


def test_a_module_is_a_way_by_its_name() -> None:
    data = process([{"to": "mail", "share": {"default": 1}}, {"to": "meeting", "share": {"default": 0}}], {"l": {"send": "large", "at": "choose", "to": ["mail", "meeting"]}})
    data["modules"] = {"meeting": {"use": "meeting", "stage": "s", "with": {"host": "sales"}, "connect": {"met": "call"}}}
    scenario = Scenario.parse(data)
    assert list(misfits(scenario)) == []
    design = apply(scenario, {"l": "meeting"})
    assert ways(design, "large") == {"mail": 0, "meeting › agree on a date": 1}


@pytest.mark.parametrize(
    ("lever", "then", "said"),
    [
        ({"send": "smal"}, None, "levers.l.send: there is no segment 'smal'; did you mean 'small'?"),
        ({"at": "chose"}, None, "levers.l.at: there is no step 'chose'; did you mean 'choose'?"),
        ({"to": ["mail", "visit"]}, None, "levers.l.to.1: no ways lead from 'choose' to 'visit'; name one of its ways on: 'call', 'mail'"),
        ({"to": ["mail"]}, None, "levers.l.to"),
        ({"to": ["mail", "mail"]}, None, "levers.l.to: a way stands twice in 'to'; name each once"),
        ({}, [{"to": "mail", "share": 0.5}, {"to": "call"}], "levers.l.to.0: the share of the way to 'mail' does not tell segments apart; write it by segment"),
        ({}, [{"to": "mail", "share": {"default": 0.5}, "factor": "value / 500 EUR"}, {"to": "call"}], "levers.l.at: conditions decide at 'choose', not shares alone"),
        ({}, [{"to": "mail", "share": {"large": 1}}, {"to": "call", "share": {"large": 0}}, {"lost": "x"}], "levers.l.to: no case of 'small' goes any of these ways"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(lever: dict[str, Any], then: list[Any] | None, said: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(process(then, {"l": {**SEND["small"], **lever}}))
    assert str(wrong.value).startswith(said)
    assert "\n" not in str(wrong.value)


def test_a_core_step_sends_nobody_another_way() -> None:
    data = process(levers={"l": SEND["small"]})
    data["stages"]["s"]["steps"]["choose"]["core"] = True
    with pytest.raises(ScenarioError, match="'choose' is a core step, which no lever may touch"):
        Scenario.parse(data)


# --- moving a threshold -----------------------------------------------------------------------------------------------

WHEN = "steps.choose.then.to call.when"


def by_value(when: str = "value > 1000 EUR", **lever: Any) -> dict[str, Any]:
    data = process([{"to": "call", "when": when}, {"to": "mail"}])
    data["segments"] = {"small": {"value": {"law": "uniform", "low": "0 EUR", "high": "10000 EUR"}}, "large": {"value": "9000 EUR"}}
    data["attributes"] = {"score": {"starts": {"law": "uniform", "low": 0, "high": 1}}}
    if lever:
        data["levers"] = {"floor": {"field": f"{WHEN}.threshold", **lever}}
    return data


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("value > 10000 EUR", {"threshold": "10000 EUR"}), ("10 % <= discount and branch == 2", {"threshold": "10 %"}), ("not (5 < score)", {"threshold": 5.0}),
        ("score >= 0.6 or 90 days < age", {"threshold 1": 0.6, "threshold 2": "90 days"}), ("if(visit > 3, 1, 0)", {"threshold": 3.0}), ("value>1_000EUR", {"threshold": "1000EUR"}),
        ("score > 2 * 3", {}), ("1 + 2 > score", {}), ("score > -5", {}), ("score == 3", {}), ("segment == '> 5'", {}), ("score > 2 ^ 2", {}), ("(score > 3) * 2", {"threshold": 3.0}),
    ],
)  # fmt: skip
def test_what_a_formula_is_compared_with(text: str, found: dict[str, Any]) -> None:
    assert thresholds(text) == found
    for name in found:
        moved = with_threshold(text, name, found[name])
        assert formula(moved).code == formula(text).code


def test_a_threshold_is_a_field_like_any_other() -> None:
    scenario = Scenario.parse(by_value())
    assert plain(scenario, f"{WHEN}.threshold") == "1000 EUR"
    moved = scenario.change({f"{WHEN}.threshold": "2500 EUR"})
    assert str(moved.steps["choose"].then[0].when) == "value > 2500 EUR"
    below = simulate(moved, seed=1).frame
    assert below.loc[below["step"] == "mail", "value"].max() <= 2500 < below.loc[below["step"] == "call", "value"].min()
    with pytest.raises(ScenarioError, match="is not a figure that something could be compared with"):
        scenario.change({f"{WHEN}.threshold": "1 EUR or true"})


def test_a_lever_moves_it_and_an_effect_multiplies_it() -> None:
    scenario = Scenario.parse(by_value(range=["500 EUR", "5500 EUR"]))
    assert space_of(scenario).options["floor"] == tuple(500.0 * i for i in range(1, 12))
    design = apply(scenario, {"floor": 4000.0})
    assert str(design.steps["choose"].then[0].when) == "value > 4000 EUR"
    assert apply(scenario, {"floor": 1000.0}) is scenario
    assert in_words(scenario, {"floor": 4000.0}) == [f"{WHEN}.threshold: 1000 EUR → 4000 EUR"]
    doubled = Scenario.parse(by_value() | {"levers": {"e": {"effects": [{"field": f"{WHEN}.threshold", "factor": 2}]}}})
    assert str(apply(doubled, {"e": True}).steps["choose"].then[0].when) == "value > 2000 EUR"
    shares = Scenario.parse(by_value("score >= 0.6", range=["20 %", "80 %"]))
    assert str(apply(shares, {"floor": 0.3}).steps["choose"].then[0].when) == "score >= 30 %"


def test_nobody_knows_the_threshold_exactly() -> None:
    data = by_value()
    data["uncertain"] = {f"{WHEN}.threshold": {"law": "uniform", "low": "500 EUR", "high": "9500 EUR"}}
    scenario = Scenario.parse(data)
    seen = {str(drawn(scenario, 1, r).steps["choose"].then[0].when) for r in range(5)}
    assert len(seen) == 5
    assert replicate(scenario, 3, seed=1).estimate("won").value > 0
    assert Scenario.parse(json.loads(json.dumps(to_data(scenario)))) == scenario


@pytest.mark.parametrize(
    ("when", "lever", "said"),
    [
        ("value > 2 * 500 EUR", {"range": ["1 EUR", "2 EUR"]}, "there is no field 'threshold' in"),
        ("value > 500 EUR and score > 0.5", {"range": ["1 EUR", "2 EUR"]}, "there is no field 'threshold' in '" + WHEN + ".threshold'; did you mean 'threshold 2'?"),
        ("value > 500 EUR", {"range": ["1 h", "2 h"]}, "'500 EUR' is an amount of money where a time belongs"),
        ("value > 500 EUR", {"range": ["900 EUR", "100 EUR"]}, "the range runs from 900 EUR to 100 EUR; put the smaller first"),
        ("value > 500 EUR", {"integer": [1, 5]}, "is '500 EUR', not a whole number"),
    ],
)
def test_thresholds_that_are_none(when: str, lever: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(by_value(when, **lever))
    assert said in str(wrong.value)


def test_the_threshold_of_a_core_step_stays() -> None:
    data = by_value(range=["500 EUR", "5500 EUR"])
    data["stages"]["s"]["steps"]["choose"]["core"] = True
    with pytest.raises(ScenarioError, match="'choose' is a core step, which no lever may touch"):
        Scenario.parse(data)
    data["overrides"] = {"choose": {"reason": "a new floor", "allowed_by": "finance"}}
    assert str(apply(Scenario.parse(data), {"floor": 4000.0}).steps["choose"].then[0].when) == "value > 4000 EUR"
