"""Levers by hand arithmetic: which times they change, for which segments and versions, and what money moves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from salessim import simulate
from salessim.describing import describe
from salessim.errors import ScenarioError
from salessim.experiment import replicate
from salessim.network import build
from salessim.scenario.levers import apply
from salessim.scenario.model import Scenario
from salessim.units import HOUR, MINUTE, MONTH
from tests.selling import last, pulled, selling, simple

LOGNORMAL = {"law": "lognormal", "cv": 0.5}
OWN = {"steps.quote.time_by_segment": {"large": {**LOGNORMAL, "mean": "80 min"}}}


def planned(step: str, **changes: Any) -> dict[str, Any]:
    """A version of a step that is planned already, from 2 March on, in which it takes 20 min (large: 50)."""
    form = selling().model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)["stages"]["s"]["steps"][step]
    kind = next(k for k in ("work", "automatic", "customer") if k in form)
    form |= {kind: {**LOGNORMAL, "mean": "20 min"}, "time_by_segment": {"large": {**LOGNORMAL, "mean": "50 min"}}, **changes}
    return {f"steps.{step}.versions": [{"name": "planned", "from": "2026-03-02", "step": form}]}


# --- times by segment and by version -----------------------------------------------------------------------------------


SCALED: list[tuple[dict[str, Any], str, float]] = [
    ({"effects": [{"field": "steps.quote.work", "factor": 0.5}]}, "quote", 0.5),
    ({"effects": [{"field": "steps.quote.work.mean", "set": "15 min"}]}, "quote", 0.5),
    ({"field": "steps.quote.work", "choice": [{**LOGNORMAL, "mean": "15 min"}]}, "quote", 0.5),
    ({"field": "steps.quote.work.mean", "range": ["15 min", "30 min"]}, "quote", 0.5),
    ({"train": "field", "time_factor": 0.8}, "quote", 0.8),
    ({"personalise": "steps.wait.then.to quote.share", "reply_factor": 1, "at": "quote", "work_factor": 1.3}, "quote", 1.3),
    ({"cadence": "wait", "gap_factor": 0.5}, "wait", 0.5),
    ({"integrate": "hand over", "latency_factor": 0.25}, "hand over", 0.25),
]


@pytest.mark.parametrize(("lever", "step", "factor"), SCALED, ids=lambda x: next(iter(x)) if isinstance(x, dict) else None)
def test_what_changes_a_time_changes_it_for_every_segment_and_version(lever: dict[str, Any], step: str, factor: float) -> None:
    setting = 15 * MINUTE if "range" in lever else None
    base = selling({"l": lever}, **{f"steps.{step}.time_by_segment": {"large": {**LOGNORMAL, "mean": "80 min"}}}, **planned(step))
    design = apply(base, {"l": setting if setting is not None else last(base)})
    before, after = base.steps[step], design.steps[step]
    for a, b in ((before, after), (before.versions[0].step, after.versions[0].step)):
        for segment in ("small", "large"):
            assert b.time_in(segment).mean == pytest.approx(factor * a.time_in(segment).mean, rel=1e-6), segment


def test_standards_narrow_the_times_of_all_segments() -> None:
    _, design = pulled({"standardise": ["quote"], "spread_factor": 0.4}, **OWN, **planned("quote"))
    for form in (design.steps["quote"], design.steps["quote"].versions[0].step):
        assert [form.time_in(g).cv for g in ("small", "large")] == pytest.approx([0.2, 0.2])
    with pytest.raises(ScenarioError, match="no 'cv' that could shrink"):
        selling({"l": {"standardise": ["quote"], "spread_factor": 0.4}}, **{"steps.quote.time_by_segment": {"large": "80 min"}})


def test_signing_electronically_mixes_the_times_of_all_versions() -> None:
    _, design = pulled({"sign_electronically": "sign", "fast_share": 0.5, "fast": "10 min"}, **planned("sign"))
    assert design.steps["sign"].versions[0].step.time_in("large").mean == pytest.approx(30 * MINUTE)
    assert design.steps["sign"].versions[0].step.time_in("small").mean == pytest.approx(15 * MINUTE)


def test_merged_steps_keep_the_difference_between_segments() -> None:
    """30 + 30 min for most, 80 + 30 for large ones; one step of 40 min takes 40 x 110 / 60 for these."""
    _, design = pulled({"merge": ["quote", "check"], "time": "40 min"}, **OWN)
    assert design.steps["quote"].time_in("small").mean == pytest.approx(40 * MINUTE)
    assert design.steps["quote"].time_in("large").mean == pytest.approx(40 * MINUTE * 110 / 60)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_system_takes_its_part_of_each_segments_time(engine: Any) -> None:
    """10 min for small cases and 60 for large ones, a fifth of that by the system."""
    base = simple({"automate": "do", "adoption": 1, "time_factor": 0.2}, time_by_segment={"large": "60 min"})
    frame = simulate(apply(base, {"l": True}), seed=2, engine=engine).frame
    done = frame[(frame["step"] == "do") & frame["ended"].notna()]
    took = (done["ended"] - done["started"]).dt.total_seconds() / 60
    assert set(took[done["segment"] == "small"].round(6)) == {2.0}
    assert set(took[done["segment"] == "large"].round(6)) == {12.0}
    assert "large: 12 min" in describe(apply(base, {"l": True}), "markdown")
    with pytest.raises(ScenarioError, match="huge"):
        base.change({"steps.do.automation": {"time": "1 min", "time_by_segment": {"huge": "1 min"}}})
    fixed = apply(simple({"automate": "do", "adoption": 1, "time": "3 min"}, time_by_segment={"large": "60 min"}), {"l": True})
    assert fixed.steps["do"].automation is not None
    assert fixed.steps["do"].automation.time_in("large").mean == 3 * MINUTE


def test_a_system_works_in_every_version() -> None:
    _, design = pulled({"automate": "quote", "adoption": 0.5, "time_factor": 0.1, "failure": 0.2}, **OWN, **planned("quote"))
    form = design.steps["quote"].versions[0].step
    assert form.automation is not None
    assert [form.automation.time_in(g).mean / MINUTE for g in ("small", "large")] == pytest.approx([2, 5])
    assert {r.to for r in form.then} == {"quote by hand 2", "check"}
    assert design.steps["quote by hand 2"].time_in("large").mean == pytest.approx(50 * MINUTE)


# --- failure, errors, costs --------------------------------------------------------------------------------------------


def test_what_a_visit_costs_and_sets_it_does_once_also_if_the_system_fails() -> None:
    """A fee of 8 EUR and one stamp a visit, whether the system does it or a person after it: 80 a week, 6 weeks."""
    lever = {"automate": "do", "adoption": 1, "time": "1 min", "failure": 1}
    base = simple(lever, cost="8 EUR").change({"attributes": {"stamps": {}}, "steps.do.sets": {"stamps": "stamps + 1"}, "teams.desk.cost": None, "teams.field.cost": None, "clock.warm_up": "0 days"})
    design = apply(base, {"l": True})
    for scenario in (base, design):
        results = replicate(scenario, 2, seed=1, engine="reference", workers=1)
        fees = results.values("cost") * (6 * 7 * 24 * HOUR / MONTH) - build(scenario).fixed_cost
        frame = simulate(scenario, seed=1, engine="reference").frame
        visits = (frame[frame["ended"].notna()]["step"] == "do").sum()
        assert fees[0] == pytest.approx(8 * visits)
        assert set(frame[frame["outcome"] == "completed"]["stamps"]) == {1.0}


def test_errors_fall_where_the_system_does_the_work_and_does_not_fail() -> None:
    """Half by the system, a fifth of that by hand after all: errors 1 - 0.4 (1 - 0.3) of today's 10 %."""
    _, design = pulled({"automate": "quote", "adoption": 0.5, "time": "1 min", "failure": 0.2, "errors": "steps.check.then.to quote.share", "error_factor": 0.3})
    assert design.steps["check"].then[0].share == pytest.approx(0.1 * (1 - 0.4 * 0.7))


# --- money that cases carry --------------------------------------------------------------------------------------------


def values(scenario: Scenario) -> dict[str, float]:
    return {name: s.value.mean for name, s in scenario.segments.items() if s.value is not None}


def test_a_discount_is_given_to_those_whose_chances_rise() -> None:
    shares = {"steps.wait.then.to quote.share": {"small": 0.4, "large": 0.3}}
    lever = {"discount": "steps.wait.then.to quote.share.large", "win_factor": 1.2, "value_factor": 0.9}
    base, design = pulled(lever, **shares)
    assert values(design) == pytest.approx({"small": 1000, "large": 8100})
    assert design.steps["wait"].then[0].share == pytest.approx({"small": 0.4, "large": 0.36})
    _, rest = pulled({**lever, "discount": "steps.wait.then.to quote.share.default"}, **{"steps.wait.then.to quote.share": {"large": 0.3, "default": 0.4}})
    assert values(rest) == pytest.approx({"small": 900, "large": 9000})
    _, both = pulled({**lever, "discount": "steps.wait.then.to quote.share"})
    assert values(both) == pytest.approx({"small": 900, "large": 8100})
    assert values(base) == {"small": 1000, "large": 9000}


def test_a_rule_gives_away_nothing_of_those_who_never_ask_for_approval() -> None:
    never = {"steps.legal.core": False, "steps.approve.core": False,
             "steps.legal.then": [{"lost": "refused", "share": 0.1}, {"to": "approve", "share": {"large": 0.9, "small": 0}}, {"to": "sign"}]}  # fmt: skip
    _, design = pulled({"approve_by_rule": "approve", "share": 0.6, "value_factor": 0.98}, **never)
    assert values(design) == pytest.approx({"small": 1000, "large": 8820})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps.check.spawns": [{"kind": "repeat", "to": "quote", "probability": 0.1, "after": "1 day"}]}, "it brings new cases (repeat)"),
        ({"attributes": {"price": {}}, "steps.check.sets": {"price": "9"}, "steps.type in.factor": "1 + price"}, "it sets price, by which other steps go"),
        ({"limits": {"seats": {"size": 5}}, "steps.check.takes": ["seats"], "steps.check.then": [{"to": "hand over"}], "steps.type in.gives_back": ["seats"]}, "it takes or gives back places of seats"),
    ],
)  # fmt: skip
def test_a_step_that_does_more_than_take_time_is_not_removed_in_silence(changes: dict[str, Any], said: str) -> None:
    base = selling({"l": {"remove": "check", "then_to": "hand over"}}, **changes)
    with pytest.raises(ScenarioError) as wrong:
        apply(base, {"l": True})
    assert said in str(wrong.value)


def test_merged_steps_cost_what_both_cost_those_who_came_to_both() -> None:
    """Of 6 EUR and 10 EUR a visit, where 40 % go on to the second: 6 + 0.4 x 10."""
    ways = {"steps.quote.then": [{"to": "check", "share": 0.4}, {"lost": "no"}], "steps.quote.cost": "6 EUR", "steps.check.cost": "10 EUR", "steps.check.then": [{"to": "hand over"}]}
    _, design = pulled({"merge": ["quote", "check"], "time": "40 min"}, **ways)
    assert design.steps["quote"].cost is not None
    assert design.steps["quote"].cost.value == pytest.approx(10)
    with pytest.raises(ScenarioError, match="not the same share of each segment"):
        pulled({"merge": ["quote", "check"], "time": "40 min"}, **(ways | {"steps.quote.then": [{"to": "check", "share": {"small": 0.4, "large": 0.5}}, {"lost": "no"}]}))
    with pytest.raises(ScenarioError, match="what 'check' does beside taking time"):
        pulled({"merge": ["quote", "check"], "time": "40 min"}, **{"attributes": {"price": {}}, "steps.check.sets": {"price": "9"}})


def test_the_cost_of_a_lever_is_the_difference_between_the_runs() -> None:
    """Nothing else differs: revenue to the cent, and cost by 70 EUR a week and 900 EUR once over 18 measured weeks."""
    base, design = pulled({"effects": [{"field": "steps.quote.work", "factor": 1}], "running_cost": "70 EUR/week", "one_off_cost": "900 EUR"})
    before, after = (replicate(s, 2, seed=3, engine="reference", workers=1) for s in (base, design))
    months = 18 * 7 * 24 * HOUR / MONTH
    assert np.array_equal(before.values("revenue"), after.values("revenue"))
    assert (after.values("cost") - before.values("cost")) * months == pytest.approx(18 * 70 + 900)


def test_people_cost_from_the_day_they_join() -> None:
    """2 people from 2 March, after 8 of 20 weeks: 12 weeks of 100 EUR for each, and 300 EUR each once."""
    for lever in ({"joins": "2026-03-02"}, {"rollout": {"from": "2026-03-02"}}):
        base = selling({"l": {"add_staff": "field", "up_to": 2, "running_cost": "100 EUR/week", "one_off_cost": "300 EUR", **lever}})
        design = apply(base, {"l": 2})
        assert build(design).fixed_cost - build(base).fixed_cost == pytest.approx(2 * (12 * 100 + 300))
        assert [(j.count, j.date) for j in design.teams["field"].joining] == [(2, dt.date(2026, 3, 2))]
    with pytest.raises(ScenarioError, match="people join a team, not a share of the cases"):
        selling({"l": {"add_staff": "field", "rollout": {"from": "2026-03-02", "share": 0.5}}})


# --- approval by amount ------------------------------------------------------------------------------------------------


def test_approval_from_an_amount_on_is_a_lever_with_amounts() -> None:
    """Deals above a threshold need approval: a longer way only for them."""
    lever = {"field": "steps.type in.then.to approve.when.threshold", "range": ["500 EUR", "20000 EUR"]}
    ways = {"steps.type in.then": [{"to": "approve", "when": "value > 500 EUR"}, {"to": "sign"}], "steps.approve.core": False, "steps.sign.core": False}
    base = selling({"l": lever}, **ways)
    for floor, approved in ((500.0, {"small", "large"}), (5000.0, {"large"}), (20000.0, set())):
        frame = simulate(apply(base, {"l": floor}), seed=1, engine="reference").frame
        assert set(frame[frame["step"] == "approve"]["segment"]) == approved, floor
