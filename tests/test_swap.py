"""The lever that swaps a module, and combinations that cannot be."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.scenario import levers
from salessim.scenario.loader import parse, to_data
from salessim.scenario.model import Scenario
from tests.test_modules import sales


def with_levers(**lever: Any) -> dict[str, Any]:
    return sales() | {"levers": {"paper": {"swap": {"module": "signing", "for": "paper", "with": {"post": "1 day"}}, "running_cost": "100 EUR/month"}, **lever}}


def test_a_swap_puts_the_other_module_in_its_place() -> None:
    base = Scenario.parse(with_levers())
    assert levers.apply(base, {"paper": False}) is base
    design = levers.apply(base, {"paper": True})
    assert set(design.steps) == {"quoting › write", "quoting › check", "signing › post", "signing › sign", "book"}
    assert design.steps["quoting › check"].then[2].to == "signing › post"
    assert design.steps["signing › sign"].then[0].to == "book"  # the connection both know stays
    assert design.steps["signing › post"].time.mean == 86400e6
    assert "lever paper" in design.costs
    assert levers.in_words(base, {"paper": True}) == ["swap module 'signing' for 'paper'"]
    assert parse(to_data(design)) == design
    assert list(levers.misfits(base)) == []


def test_other_changes_of_the_design_are_kept() -> None:
    base = Scenario.parse(with_levers(faster={"field": "steps.quoting › write.work", "choice": ["1 h"]}))
    design = levers.apply(base, {"paper": True, "faster": "1 h"})
    assert design.steps["quoting › write"].time.mean == 3600e6
    assert "signing › post" in design.steps


def test_a_lever_on_a_step_of_a_module_that_is_swapped_is_refused_with_it() -> None:
    base = Scenario.parse(with_levers(quick={"field": "steps.signing › sign.customer.mean", "choice": ["1 day"]}))
    with pytest.raises(ScenarioError, match="one takes step 'signing › sign' away, the other changes it"):
        levers.apply(base, {"paper": True, "quick": "1 day"})
    assert "quick" not in levers.apply(base, {"paper": True}).levers


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        ({"module": "signin", "for": "paper"}, "there is no module 'signin'; did you mean 'signing'?"),
        ({"module": "signing", "for": "papr"}, "levers.paper.swap.for: there is no module type 'papr'; did you mean 'paper'?"),
        ({"module": "signing", "for": "paper", "width": 1}, "there is no field 'width' here"),
    ],
)
def test_swaps_of_nothing_are_refused_when_loaded(swap: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(sales() | {"levers": {"paper": {"swap": swap}}})
    assert message in str(wrong.value)


def test_swaps_that_do_not_fit_are_refused_when_the_design_is_formed() -> None:
    data = with_levers()
    data["levers"]["paper"]["swap"]["with"] = {"pst": "1 day"}
    with pytest.raises(ScenarioError, match="there is no parameter 'pst'; did you mean 'post'"):
        levers.apply(Scenario.parse(data), {"paper": True})
    data = with_levers()
    data["module_types"]["paper"]["ports"]["in"]["ready"]["carries"] = "order"
    with pytest.raises(ScenarioError, match="it carries a quote, but port 'ready' of 'signing' takes order"):
        levers.apply(Scenario.parse(data), {"paper": True})
    data = with_levers()
    data["module_types"]["paper"]["ports"]["out"]["lost"] = {"carries": "contract"}
    with pytest.raises(ScenarioError, match="its port 'lost' leads nowhere"):
        levers.apply(Scenario.parse(data), {"paper": True})


def test_a_rule_and_a_core_step_hold_a_module_in_its_place() -> None:
    data = with_levers()
    data["invariants"] = ["signing › sign before book"]
    assert levers.apply(Scenario.parse(data), {"paper": True}).invariants[0] == "signing › sign before book"
    data["module_types"]["paper"]["steps"]["post"]["then"] = [{"to": "sign", "share": 0.9}, {"out": "signed"}]
    with pytest.raises(ScenarioError, match=r"is broken by web \(all\) → quoting › write → quoting › check → signing › post → book"):
        levers.apply(Scenario.parse(data), {"paper": True})
    data = with_levers()
    data["module_types"]["signing type"]["steps"]["sign"]["core"] = True
    with pytest.raises(ScenarioError, match="the core step 'signing › sign' would change"):
        levers.apply(Scenario.parse(data), {"paper": True})


def with_errors(**lever: Any) -> dict[str, Any]:
    data = with_levers(**lever)
    data["modules"]["quoting"]["with"]["errors"] = "20 %"
    return data


def test_a_rule_of_the_user_outlives_a_swap_whatever_its_quotes() -> None:
    """What goes with a module are the rules that it brought, and no other."""
    data = with_errors(slower={"field": "modules.quoting.with.errors", "range": ["5 %", "30 %"]})
    own = "'quoting › write' before every 'quoting › check'"  # in quotes, and about this module only, as the module's own rules are
    data["invariants"] = ["'quoting › write' before book", own]
    base = Scenario.parse(data)
    brought = "'quoting › write' before 'quoting › check'"
    assert base.invariants == ("'quoting › write' before book", own, brought)
    assert base.modules["quoting"].expanded.rules == (brought,)
    assert levers.apply(base, {"slower": 0.1}).invariants == base.invariants
    assert parse(to_data(base)).change({"modules.quoting.with.errors": "9 %"}).invariants == base.invariants
    # The same rule as the module's is the user's where he has written it.
    twice = Scenario.parse({**data, "invariants": [brought]})
    assert twice.invariants == (brought,)
    assert twice.modules["quoting"].expanded.rules == ()
    without = copy.deepcopy(data["module_types"]["quoting type"]) | {"invariants": []}
    design = twice.change({"module_types.bare": without, "modules.quoting.use": "bare"})
    assert design.invariants == (brought,)
    design = base.change({"module_types.bare": without, "modules.quoting.use": "bare"})
    assert design.invariants == ("'quoting › write' before book", own)


def test_swapping_a_module_leaves_levers_on_one_whose_name_ends_the_same() -> None:
    data = with_levers(
        faster={"field": "steps.new signing › sign.customer.mean", "choice": ["1 day"], "title": "signing › sign, but faster"},
        gone={"effects": [{"field": "steps.quoting › check.then.to signing › sign.share", "factor": 0.5}], "title": "x"},
    )
    data["module_types"]["quoting type"]["steps"]["check"]["then"] = [{"to": "write", "share": "$errors"}, {"out": "sent", "share": 0.7}, {"out": "dropped"}]
    data["modules"]["new signing"] = copy.deepcopy(data["modules"]["signing"])
    data["modules"]["signing"]["connect"]["signed"] = "new signing"
    data["uncertain"] = {f"steps.{m} › sign.customer.mean": {"law": "uniform", "low": "1 day", "high": "9 days"} for m in ("signing", "new signing")}
    base = Scenario.parse(data)
    assert {"faster", "gone"} < set(base.levers)
    assert len(base.uncertain) == 2
    design = levers.apply(base, {"paper": True})
    assert set(design.levers) == {"faster"}
    assert list(design.uncertain) == ["steps.new signing › sign.customer.mean"]


@pytest.mark.parametrize("kind", ["figure", "shape", "one lever"])
def test_a_module_that_is_made_anew_loses_no_change_of_its_steps_unsaid(kind: str) -> None:
    more: dict[str, Any] = {
        "errors": {"field": "modules.quoting.with.errors", "range": ["5 %", "30 %"]},
        "quick": {"field": "steps.quoting › write.work", "choice": ["10 min"]} if kind == "figure" else {"remove": "quoting › check"},
    }
    if kind == "one lever":
        more = {"both": {"effects": [{"field": "modules.quoting.with.errors", "set": 0.05}, {"field": "steps.quoting › write.work", "factor": 0.5}]}}
    base = Scenario.parse(with_errors(**more))
    settings = {"both": True} if kind == "one lever" else {"errors": 0.05, "quick": "10 min" if kind == "figure" else True}
    step = "quoting › check" if kind == "shape" else "quoting › write"
    with pytest.raises(ScenarioError, match=f"module 'quoting' is made anew with its parameters, and the change of its step '{step}' would be lost; change the parameters, or the steps") as wrong:
        levers.apply(base, settings)
    assert str(wrong.value).startswith("lever 'both'" if kind == "one lever" else "levers 'errors' and 'quick'")


# --- combinations that cannot be ----------------------------------------------------------------------------------


def flat() -> dict[str, Any]:
    data = to_data(Scenario.parse(sales()))
    return copy.deepcopy({k: v for k, v in data.items() if k not in ("modules", "module_types")})


def test_a_ticket_queue_without_a_service_team_is_refused() -> None:
    data = flat()
    data["teams"]["support"] = {"size": 0}
    data["stages"]["service"] = {"steps": {"ticket": {"work": "1 h", "by": "support", "then": [{"done": True}]}}}
    data["stages"]["contract"]["steps"]["book"]["spawns"] = [{"kind": "ticket", "to": "ticket", "probability": 0.5, "after": "9 days"}]
    with pytest.raises(ScenarioError, match=r"steps.ticket: nobody is in support; give the team a size above 0"):
        parse(data)
    data["stages"]["service"]["steps"]["ticket"]["by"] = "suport"
    with pytest.raises(ScenarioError, match="there is no team 'suport'; did you mean 'support'"):
        parse(data)
    data["stages"]["service"]["steps"]["ticket"].pop("by")
    with pytest.raises(ScenarioError, match="nobody is named; give 'by'"):
        parse(data)


def test_a_lever_on_a_field_that_does_not_exist_is_refused() -> None:
    data = flat() | {"levers": {"x": {"field": "steps.quoting › write.wrok", "choice": ["1 h"]}}}
    with pytest.raises(ScenarioError, match=r"levers.x.field: there is no field 'wrok' in .*did you mean 'work'"):
        parse(data)


def test_a_lever_that_empties_a_team_is_refused_when_the_design_is_formed() -> None:
    base = parse(flat() | {"levers": {"cut": {"field": "teams.books.size", "integer": [0, 30]}}})
    with pytest.raises(ScenarioError, match="nobody is in books"):
        levers.apply(base, {"cut": 0})
