"""Modules: put in before anything else looks at a scenario, connected by ports that fit, exchanged without touching the rest."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.experiment import simulate
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario

QUOTING = {
    "description": "A quote is written and checked.",
    "ports": {"in": {"asked": {"at": "write", "carries": "opportunity"}}, "out": {"sent": {"carries": "quote"}, "dropped": {"carries": "opportunity", "otherwise": {"lost": "dropped"}}}},
    "parameters": {"errors": {"default": 0.2, "kind": "share"}, "time": {"default": "2 h", "kind": "time"}, "hurry": {"default": None, "kind": "time"}},
    "needs": {"teams": {"writer": "writes quotes"}},
    "steps": {
        "write": {"title": "Write ($time)", "work": "$time", "by": "$writer", "hold": "$hurry", "then": [{"to": "check"}]},
        "check": {"automatic": "10 min", "then": [{"to": "write", "share": "$errors"}, {"out": "dropped", "share": 0.1}, {"out": "sent"}]},
    },
    "invariants": ["write before check"],
}  # fmt: skip
SIGNING = {
    "ports": {"in": {"ready": {"at": "sign", "carries": ["quote", "contract"]}}, "out": {"signed": {"carries": "contract"}}},
    "steps": {"sign": {"customer": {"law": "exponential", "mean": "3 days"}, "milestone": "won", "then": [{"lost": "expired", "share": 0.2}, {"out": "signed"}]}},
}  # fmt: skip
PAPER = {
    "ports": {"in": {"ready": {"at": "post", "carries": "quote"}}, "out": {"signed": {"carries": "contract"}}},
    "parameters": {"post": {"default": "2 days", "kind": "time"}},
    "steps": {
        "post": {"automatic": "$post", "then": [{"to": "sign"}]},
        "sign": {"customer": {"law": "exponential", "mean": "9 days"}, "milestone": "won", "then": [{"out": "signed"}]},
    },
}  # fmt: skip


def sales() -> dict[str, Any]:
    return copy.deepcopy({
        "clock": {"start": "2026-01-05", "horizon": "20 weeks"}, "teams": {"desk": {"size": 30}, "books": {"size": 30}}, "segments": {"all": {}},
        "channels": {"web": {"enters": "quoting", "segments": {"all": 1}, "arrivals": {"rate": "30 per week"}}},
        "stages": {"quote": {"title": "Quote"}, "contract": {"title": "Contract", "steps": {"book": {"work": {"law": "exponential", "mean": "1 h"}, "by": "books", "then": [{"done": True}]}}}},
        "modules": {
            "quoting": {"use": "quoting type", "stage": "quote", "with": {"writer": "desk"}, "connect": {"sent": "signing"}},
            "signing": {"use": "signing type", "stage": "contract", "connect": {"signed": "book"}},
        },
        "module_types": {"quoting type": QUOTING, "signing type": SIGNING, "paper": PAPER},
    })  # fmt: skip


def refused(data: dict[str, Any]) -> str:
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(data)
    assert "\n" not in str(wrong.value)
    return str(wrong.value)


def test_a_module_becomes_plain_steps() -> None:
    scenario = Scenario.parse(sales())
    assert set(scenario.steps) == {"quoting › write", "quoting › check", "signing › sign", "book"}
    assert scenario.channels["web"].enters == "quoting › write"
    check = scenario.steps["quoting › check"]
    assert [(r.to or r.lost, r.share) for r in check.then] == [("quoting › write", 0.2), ("dropped", 0.1), ("signing › sign", None)]
    assert scenario.steps["quoting › write"].by == ("desk",)
    assert scenario.steps["quoting › write"].title == "Write (2 h)"
    assert scenario.steps["quoting › write"].hold is None  # the parameter is null: the field is left out
    assert scenario.steps["signing › sign"].then[1].to == "book"
    assert scenario.invariants == ("'quoting › write' before 'quoting › check'",)


def test_the_same_process_by_hand_is_the_same_process() -> None:
    by_hand = to_data(Scenario.parse(sales()))
    for part in ("modules", "module_types"):
        by_hand.pop(part)
    flat = Scenario.parse(by_hand)
    assert flat.hash == Scenario.parse(sales()).hash
    assert simulate(flat, seed=1).to_csv() == simulate(Scenario.parse(sales()), seed=1).to_csv()


def test_a_scenario_with_modules_is_read_back_as_it_was(tmp_path: Path) -> None:
    scenario = Scenario.parse(sales())
    scenario.save(tmp_path / "x.yaml")
    again = Scenario.load(tmp_path / "x.yaml")
    assert again == scenario
    assert Scenario.parse(to_data(again)) == scenario


def test_a_step_of_a_module_can_be_changed_and_stays_so() -> None:
    scenario = Scenario.parse(sales()).change({"steps.quoting › write.work": "5 h"})
    assert Scenario.parse(to_data(scenario)).steps["quoting › write"].time.mean == 5 * 3600e6
    # Until the module itself is changed: then it is put in anew.
    assert scenario.change({"modules.quoting.with.errors": 0.3}).steps["quoting › write"].time.mean == 2 * 3600e6


def test_a_parameter_can_be_changed_like_any_field() -> None:
    scenario = Scenario.parse(sales()).change({"modules.quoting.with.errors": "30 %"})
    assert scenario.steps["quoting › check"].then[0].share == 0.3
    assert scenario.channels["web"].enters == "quoting › write"
    assert scenario == Scenario.parse({**sales(), "modules": {**sales()["modules"], "quoting": {**sales()["modules"]["quoting"], "with": {"writer": "desk", "errors": "30 %"}}}})


def rows_of(scenario: Scenario, module: str) -> Any:
    frame = simulate(scenario, seed=7).frame
    return frame[frame["step"].str.startswith(module)].drop(columns=["cost", "outcome"]).sort_values(["case", "step", "visit"]).reset_index(drop=True)


def test_swapping_a_module_leaves_the_draws_of_the_others_bit_for_bit() -> None:
    base = Scenario.parse(sales())
    other = base.change({"modules.signing.use": "paper"})
    assert set(other.steps) == {"quoting › write", "quoting › check", "signing › post", "signing › sign", "book"}
    assert rows_of(base, "quoting").equals(rows_of(other, "quoting"))  # upstream, nobody waits: the same rows
    assert len(rows_of(base, "quoting")) > 500
    # Downstream the cases come later, but each is worked on as long as before: same draws.
    a, b = (simulate(s, seed=7).frame for s in (base, other))
    spent = [f[(f["step"] == "book") & f["ended"].notna()].set_index("case").pipe(lambda f: f["ended"] - f["started"]) for f in (a, b)]
    both = spent[0].index.intersection(spent[1].index)
    assert len(both) > 200
    assert (spent[0][both] == spent[1][both]).all()


def test_changing_the_upstream_module_leaves_the_times_drawn_downstream() -> None:
    base = Scenario.parse(sales())
    other = base.change({"modules.quoting.with.time": "6 h"})
    a, b = (simulate(s, seed=7).frame for s in (base, other))
    signed = [f[(f["step"] == "signing › sign") & f["ended"].notna()].set_index("case").pipe(lambda f: f["ended"] - f["started"]) for f in (a, b)]
    both = signed[0].index.intersection(signed[1].index)
    assert len(both) > 200
    assert (signed[0][both] == signed[1][both]).all()


def test_ports_that_do_not_fit_are_refused() -> None:
    data = sales()
    data["module_types"]["signing type"]["ports"]["in"]["ready"]["carries"] = "contract"
    assert refused(data) == "modules.quoting.connect.sent: it carries a quote, but port 'ready' of 'signing' takes contract; connect ports that carry the same"
    # ... and when a module is exchanged for one that does not take it.
    scenario = Scenario.parse(sales())
    with pytest.raises(ScenarioError, match="it carries a quote, but port 'ready' of 'signing' takes order"):
        scenario.change({"module_types.paper.ports.in.ready.carries": "order", "modules.signing.use": "paper"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["modules"]["quoting"].update(use="quoting typ"), "modules.quoting.use: there is no module type 'quoting typ'; did you mean 'quoting type'?"),
        (lambda d: d["modules"]["quoting"].update(stage="quotes"), "modules.quoting.stage: there is no stage 'quotes'; did you mean 'quote'?"),
        (lambda d: d["modules"]["quoting"].pop("with"), "modules.quoting: nobody has the role 'writer' (writes quotes); name a team: with: {writer: TEAM}"),
        (lambda d: d["modules"]["quoting"]["with"].update(writer="dask"), "modules.quoting.with.writer: there is no team 'dask'; did you mean 'desk'?"),
        (lambda d: d["modules"]["quoting"]["with"].update(erors=1), "modules.quoting.with.erors: there is no parameter 'erors'; did you mean 'errors'?"),
        (lambda d: d["modules"]["quoting"]["with"].update(errors="often"), "modules.quoting.with.errors: 'often' is not a share; write for example '20 %'"),
        (lambda d: d["modules"]["quoting"]["with"].update(time="3"), "modules.quoting.with.time: '3' is not a time; write for example '25 min'"),
        (lambda d: d["modules"]["quoting"].pop("connect"), "modules.quoting: its port 'sent' leads nowhere; say under 'connect'"),
        (lambda d: d["modules"]["quoting"]["connect"].update(sent="sining"), "modules.quoting.connect.sent: there is no step or module 'sining'; did you mean 'signing'?"),
        (lambda d: d["modules"]["quoting"]["connect"].update(send="book"), "modules.quoting.connect.send: there is no way out 'send'; did you mean 'sent'?"),
        (lambda d: d["modules"]["quoting"]["connect"].update(sent="signing.redy"), "modules.quoting.connect.sent: the module 'signing' has no port 'redy' to come in by; did you mean 'ready'?"),
        (lambda d: d["modules"]["quoting"]["connect"].update(sent={"lost": "x", "done": True}), "modules.quoting.connect.sent: it leads to 2 ends at once"),
        (lambda d: d["modules"]["quoting"]["connect"].update(sent="book"), 'modules.signing: nothing leads to its port \'ready\'; send cases there with to: "signing in ready"'),
        (lambda d: d["module_types"]["quoting type"]["steps"]["write"].update(by="$wrtier"), "there is no parameter 'wrtier' (in '$wrtier'); did you mean 'writer'?"),
        (lambda d: d["module_types"]["quoting type"]["steps"]["write"].update(then=[{"to": "chek"}]), "the module type has no step 'chek'; did you mean 'check'?"),
        (lambda d: d["module_types"]["quoting type"]["steps"]["write"].update(then=[{"out": "snt"}]), "the module type has no way out 'snt'; did you mean 'sent'?"),
        (lambda d: d["module_types"]["quoting type"]["steps"]["write"].update(wrk="1 h"), "stages.quote.steps.quoting › write.wrk: there is no field 'wrk' here; did you mean 'work'?"),
        (lambda d: d["module_types"]["quoting type"].update(stepps={}), "module_types.quoting type.stepps: there is no field 'stepps' here"),
        (lambda d: d["module_types"]["quoting type"]["ports"].pop("in"), "module_types.quoting type.ports: 'in' is missing; add it"),
        (lambda d: d["modules"]["quoting"].update(uses="x"), "modules.quoting.uses: there is no field 'uses' here"),
        (lambda d: d.update(modules=[1]), "modules"),
        (lambda d: d.update(module_types="x"), "module_types"),
        (lambda d: d["stages"]["quote"].update(steps={"quoting": {"automatic": "1 h", "then": [{"done": True}]}}), "modules.quoting: 'quoting' is also a step; choose another name"),
        (lambda d: d["module_types"]["quoting type"].update(invariants=["check before write"]), "the rule \"'quoting › check' before 'quoting › write'\" is broken by web (all) → quoting › write"),
        (lambda d: d["channels"]["web"].update(enters="quoting in askd"), "channels.web.enters: the module 'quoting' has no port 'askd' to come in by; did you mean 'asked'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_put_together_is_refused_with_its_place(change: Any, message: str) -> None:
    data = sales()
    change(data)
    assert message in refused(data)


def test_a_way_may_name_the_port_and_a_module_with_several_must_be_told_which() -> None:
    data = sales()
    data["channels"]["web"]["enters"] = "quoting in asked"
    assert Scenario.parse(data).channels["web"].enters == "quoting › write"
    data["module_types"]["quoting type"]["ports"]["in"]["again"] = {"at": "check", "carries": "quote", "optional": True}
    assert Scenario.parse(data).channels["web"].enters == "quoting › write"
    data["channels"]["web"]["enters"] = "quoting"
    assert "channels.web.enters: the module 'quoting' has several ports (again, asked); name one: \"quoting in again\"" in refused(data)


def test_modules_in_files_lie_beside_the_scenario(tmp_path: Path) -> None:
    from salessim.scenario.yaml import dump_yaml

    data = sales()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "quoting.yaml").write_text(dump_yaml(data["module_types"].pop("quoting type")))
    data["modules"]["quoting"]["use"] = "parts/quoting.yaml"
    file = tmp_path / "x.yaml"
    file.write_text(dump_yaml(data))
    scenario = Scenario.load(file)
    assert set(scenario.steps) == {"quoting › write", "quoting › check", "signing › sign", "book"}
    assert Scenario.parse(to_data(scenario)) == scenario  # the file is part of it from now on
    for use, message in (("../quoting.yaml", "lies outside the scenario's folder"), (str(tmp_path / "parts/quoting.yaml"), "lies outside"), ("parts/qoting.yaml", "there is no such module file; there is quoting.yaml beside it")):
        data["modules"]["quoting"]["use"] = use
        file.write_text(dump_yaml(data))
        with pytest.raises(ScenarioError, match=message):
            Scenario.load(file)
    (tmp_path / "parts" / "quoting.yaml").write_text("title: x\nport: {}\n")
    data["modules"]["quoting"]["use"] = "parts/quoting.yaml"
    file.write_text(dump_yaml(data))
    with pytest.raises(ScenarioError, match=r"quoting\.yaml:\d: port"):
        Scenario.load(file)
    with pytest.raises(ScenarioError, match="it is relative to the scenario's file, and there is none"):
        Scenario.parse(data)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    from salessim.scenario.yaml import dump_yaml

    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.yaml").write_text(dump_yaml(QUOTING))
    (tmp_path / "inside" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    data = sales()
    data["modules"]["quoting"]["use"] = "link.yaml"
    (tmp_path / "inside" / "x.yaml").write_text(dump_yaml(data))
    with pytest.raises(ScenarioError, match="lies outside the scenario's folder"):
        Scenario.load(tmp_path / "inside" / "x.yaml")


def test_modules_inside_modules_and_circles() -> None:
    data = sales()
    data["module_types"]["deal"] = {
        "ports": {"in": {"asked": {"at": "quoting", "carries": "opportunity"}}, "out": {"won": {"carries": "contract"}}},
        "needs": {"teams": {"seller": "does all"}}, "parameters": {"errors": {"kind": "share"}},
        "modules": {
            "quoting": {"use": "quoting type", "with": {"writer": "$seller", "errors": "$errors"}, "connect": {"sent": "signing.ready"}},
            "signing": {"use": "signing type", "connect": {"signed": {"out": "won"}}},
        },
    }  # fmt: skip
    data["modules"] = {"deal": {"use": "deal", "stage": "contract", "with": {"seller": "desk", "errors": 0.2}, "connect": {"won": "book"}}}
    data["channels"]["web"]["enters"] = "deal"
    data["stages"].pop("quote")
    scenario = Scenario.parse(data)
    assert set(scenario.steps) == {"deal › quoting › write", "deal › quoting › check", "deal › signing › sign", "book"}
    assert scenario.channels["web"].enters == "deal › quoting › write"
    assert scenario.steps["deal › signing › sign"].then[1].to == "book"
    assert scenario.steps["deal › quoting › check"].then[2].to == "deal › signing › sign"
    assert scenario.change({"modules.deal.with.errors": 0.4}).steps["deal › quoting › check"].then[0].share == 0.4
    data["module_types"]["deal"]["modules"]["signing"]["use"] = "deal"
    data["module_types"]["deal"]["modules"]["signing"]["with"] = {"seller": "desk", "errors": 0.2}
    data["module_types"]["deal"]["modules"]["signing"]["connect"] = {"won": {"out": "won"}}
    data["module_types"]["deal"]["modules"]["quoting"]["connect"]["sent"] = "signing.asked"
    assert "it carries a quote, but port 'asked' of 'signing' takes opportunity" in refused(data)
    data["module_types"]["deal"]["ports"]["in"]["asked"]["carries"] = ["opportunity", "quote"]
    assert "the module types deal → deal include each other in a circle; take one of them out" in refused(data)


def test_the_order_of_declaration_does_not_matter() -> None:
    data = sales()
    data["modules"] = dict(reversed(data["modules"].items()))
    assert Scenario.parse(data).hash == Scenario.parse(sales()).hash
