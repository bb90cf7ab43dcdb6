"""A core step is never skipped; only an override, with a reason and a name, lifts that, and everything that shows results says so."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.describing import describe
from salessim.errors import ScenarioError
from salessim.experiment import compare, replicate, simulate
from salessim.optimisation import optimise
from salessim.reporting.page import render
from salessim.results import cautions
from salessim.scenario.levers import apply
from salessim.scenario.loader import to_yaml
from salessim.scenario.model import Scenario
from salessim.scenario.overrides import warnings

SIGNED_OFF = {"approve": {"reason": "pilot of fewer approvals", "allowed_by": "the board"}}
TOLD = "Core step 'approve' is overridden (pilot of fewer approvals; allowed by the board): "


def process(**more: Any) -> dict[str, Any]:
    return copy.deepcopy({
        "name": "contracts", "clock": {"start": "2026-01-05", "horizon": "20 weeks", "warm_up": "2 weeks"},
        "teams": {"sales": {"size": 20, "cost": "40 EUR/hour"}, "managers": {"size": 20, "cost": "90 EUR/hour"}}, "segments": {"small": {}, "large": {}},
        "channels": {"web": {"enters": "offer", "segments": {"small": 0.5, "large": 0.5}, "arrivals": {"rate": "80 per week"}}},
        "stages": {"s": {"steps": {
            "offer": {"work": "1 h", "by": "sales", "then": [{"to": "check"}]},
            "check": {"work": "1 h", "by": "sales", "then": [{"to": "approve"}]},
            "approve": {"work": "2 h", "by": "managers", "core": True, "then": [{"to": "offer", "share": 0.2}, {"to": "sign"}]},
            "sign": {"customer": "2 days", "milestone": "won", "then": [{"done": True}]},
        }}},
        "invariants": ["approve before sign", "check before sign"], **more,
    })  # fmt: skip


def skipping(share: float = 0.3) -> Scenario:
    data = process(overrides=SIGNED_OFF)
    data["stages"]["s"]["steps"]["approve"]["adherence"] = {"small": 1 - share, "large": 1}
    return Scenario.parse(data)


def unapproved(scenario: Scenario) -> float:
    """The share of signatures of small customers without an approval before."""
    log = simulate(scenario, seed=4).frame
    log = log[log["segment"] == "small"]
    signed = set(log.loc[log["step"] == "sign", "case"])
    return 1 - len(signed & set(log.loc[(log["step"] == "approve") & log["ended"].notna(), "case"])) / len(signed)


# --- the step itself --------------------------------------------------------------------------------------------------


def test_nobody_skips_a_core_step() -> None:
    assert unapproved(Scenario.parse(process())) == 0
    data = process()
    data["stages"]["s"]["steps"]["approve"]["adherence"] = 0.7
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(data)
    assert str(wrong.value) == "stages.s.steps.approve: a core step is never skipped; remove 'adherence' or 'core', or say under 'overrides' why and who allows it"


def test_an_override_lets_it_be_skipped_by_just_the_share() -> None:
    """Skipped with 0.3, and anew with 0.2 whether skipped or not: u = 0.3 * (0.8 + 0.2 u) sign without, so u = 0.24 / 0.94."""
    n, u = 80 * 20 / 2, 0.24 / 0.94
    assert abs(unapproved(skipping()) - u) < 3.3 * (u * (1 - u) / n) ** 0.5


def test_an_override_alone_changes_no_run() -> None:
    plain, free = Scenario.parse(process()), Scenario.parse(process(overrides=SIGNED_OFF))
    assert simulate(free, seed=1).to_csv() == simulate(plain, seed=1).to_csv()
    assert free.hash == plain.hash
    assert warnings(plain) == []
    assert warnings(free) == [TOLD + "nobody skips it, but nothing protects it either."]


# --- rules ------------------------------------------------------------------------------------------------------------


def test_a_rule_about_the_step_is_told_as_broken_and_others_are_still_proved() -> None:
    (said,) = warnings(skipping())
    assert said == TOLD + 'up to 30 % of its visits are skipped. The rule "approve before sign" is broken by web (small) → offer → check → approve (skipped) → sign.'
    data = process(overrides=SIGNED_OFF)
    data["stages"]["s"]["steps"]["offer"]["then"] = [{"to": "approve", "share": 0.5}, {"to": "check"}]
    with pytest.raises(ScenarioError, match='the rule "check before sign" is broken by web'):
        Scenario.parse(data)


def test_a_rule_that_rests_on_the_step_by_another_name_is_not_waived() -> None:
    data = process(overrides={"sign": {"reason": "r", "allowed_by": "a"}})
    data["stages"]["s"]["steps"]["sign"]["core"] = True
    data["stages"]["s"]["steps"]["approve"]["then"] = [{"to": "offer", "share": 0.2}, {"to": "sign"}]
    data["invariants"] = ["sign before approve"]
    assert "is broken by" in warnings(Scenario.parse(data))[0]  # names the overridden step
    data["invariants"] = ["won before approve"]
    with pytest.raises(ScenarioError, match='the rule "won before approve" is broken'):
        Scenario.parse(data)


# --- levers -----------------------------------------------------------------------------------------------------------

LEVERS = {"drop": {"remove": "approve", "then_to": "sign", "assumption": "a test"}, "tool": {"automate": "approve", "time": "1 min", "assumption": "a test"}}


def test_levers_may_touch_the_step_only_where_it_is_overridden() -> None:
    with pytest.raises(ScenarioError, match="'approve' is a core step, which no lever may touch"):
        Scenario.parse(process(levers=LEVERS))
    today = Scenario.parse(process(levers=LEVERS, overrides=SIGNED_OFF))
    tool = apply(today, {"tool": True})
    assert warnings(tool) == [TOLD + "nobody skips it, but nothing protects it either."]
    assert unapproved(tool) == 0


def test_what_was_taken_out_stays_on_record(tmp_path: Path) -> None:
    today = Scenario.parse(process(levers=LEVERS, overrides=SIGNED_OFF))
    design = apply(today, {"drop": True})
    assert "approve" not in design.steps
    assert unapproved(design) == 1
    design.save(tmp_path / "best.yaml")
    again = Scenario.load(tmp_path / "best.yaml")
    assert again.overrides["approve"].removed
    assert warnings(again) == [TOLD + 'it has been taken out. The rule "approve before sign" has lost its meaning.']


def test_a_module_with_a_core_step_can_be_swapped_only_with_an_override() -> None:
    data = process(module_types={"quick": {
        "ports": {"in": {"request": {"at": "note", "carries": "any"}}, "out": {"approved": {"carries": "any"}, "returned": {"carries": "any"}}},
        "steps": {"note": {"automatic": "1 min", "then": [{"out": "returned", "share": 0}, {"out": "approved"}]}},
    }})  # fmt: skip
    steps = data["stages"]["s"]["steps"]
    del steps["approve"]
    steps["check"]["then"] = [{"to": "approval"}]
    data["modules"] = {"approval": {"use": "approval-serial", "stage": "s", "with": {"first": "managers", "second": "managers"}, "connect": {"approved": "sign", "returned": "offer"}}}
    data["invariants"], data["levers"] = [], {"quick": {"swap": {"module": "approval", "for": "quick"}, "assumption": "a test"}}
    core = [n for n, s in Scenario.parse(data).steps.items() if s.core]
    assert core
    with pytest.raises(ScenarioError, match="core step"):
        apply(Scenario.parse(data), {"quick": True})
    data["overrides"] = dict.fromkeys(core, SIGNED_OFF["approve"])
    design = apply(Scenario.parse(data), {"quick": True})
    assert [w.rpartition("): ")[2] for w in warnings(design)] == ["it has been taken out."] * len(core)


# --- wherever results are shown ---------------------------------------------------------------------------------------


def test_it_is_told_wherever_results_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Scenario.parse(process()).save("today.yaml")
    skipping().save("free.yaml")

    def run(*words: str) -> Any:
        result = CliRunner().invoke(main, [*words, "--quiet"])
        assert result.exit_code in (0, 1, 3), result.output
        return result

    told = f"note: {TOLD}up to 30 %"
    assert told in run("run", "free.yaml", "-n", "3").stderr
    assert told in run("compare", "today.yaml", "free.yaml", "-n", "3").stderr
    assert told in run("compare", "free.yaml", "today.yaml", "-n", "3").stderr
    assert TOLD not in run("run", "today.yaml", "-n", "3").stderr
    assert any(c.startswith(TOLD) for c in json.loads(run("run", "free.yaml", "-n", "3", "--json").stdout)["cautions"])
    both = json.loads(run("compare", "today.yaml", "free.yaml", "-n", "3", "--json").stdout)["scenarios"]
    assert [any(c.startswith(TOLD) for c in s["cautions"]) for s in both] == [False, True]
    run("check", "today.yaml", "--baseline", "b.json", "--update", "-n", "3")
    assert told in run("check", "free.yaml", "--baseline", "b.json").stderr
    assert json.loads(run("check", "free.yaml", "--baseline", "b.json", "--json").stdout)["cautions"][0].startswith(TOLD)
    run("report", "today.yaml", "free.yaml", "--out", "page.html", "-n", "3")
    assert "is overridden (pilot of fewer approvals; allowed by the board)" in Path("page.html").read_text()


def test_a_recommendation_that_rests_on_it_says_so() -> None:
    today = Scenario.parse(process(levers=LEVERS, overrides=SIGNED_OFF)).change({"teams.managers.size": 2})
    best = optimise(today, objectives=("cycle_time",), levers=["drop"], trials=3, replications=3, final=6, seed=1)
    assert best.settings == {"drop": True}
    assert best.cautions()[0].startswith(TOLD + "it has been taken out.")
    assert "it has been taken out." in render(best.final, best)
    assert to_yaml(best.scenario).count("allowed_by: the board") == 1
    nothing = optimise(today, objectives=("cost",), levers=["drop"], trials=3, replications=3, final=6, seed=1)
    assert not nothing.changed or nothing.settings["drop"]
    assert nothing.cautions()[0].startswith(TOLD)


def test_in_python_and_in_a_description() -> None:
    free = skipping()
    assert cautions(replicate(free, 3, seed=1))[0].startswith(TOLD)
    assert compare(Scenario.parse(process()), free, replications=3, seed=1).results[1].scenario.overrides["approve"].allowed_by == "the board"
    assert "core, but not protected here: pilot of fewer approvals (allowed by the board); optional, done in small 70 %, large 100 % of the cases" in describe(free).replace("\\", "")
    assert "核心，但此处不受保护" in describe(free, language="zh")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"aprove": SIGNED_OFF["approve"]}, "overrides.aprove: there is no step 'aprove'; did you mean 'approve'?"),
        ({"check": SIGNED_OFF["approve"]}, "overrides.check: 'check' is not a core step; take the override out; any lever may change the step"),
        ({"approve": {"reason": "because"}}, "overrides.approve: 'allowed_by' is missing; add it"),
        ({"approve": {"allowed_by": "me"}}, "overrides.approve: 'reason' is missing; add it"),
        ({"approve": {"reason": "  ", "allowed_by": "me"}}, "overrides.approve.reason: ' ': string should have at least 1 character"),
        ({"approve": True}, "overrides.approve"),
    ],
)
def test_an_override_without_a_ground_is_none(override: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(process(overrides=override))
    assert str(wrong.value).startswith(said)
    assert "\n" not in str(wrong.value)


def test_no_lever_may_grant_an_override() -> None:
    lever = {"field": "overrides.approve.reason", "choice": ["x"]}
    with pytest.raises(ScenarioError, match="says nothing about the process"):
        Scenario.parse(process(levers={"grant": lever}, overrides=SIGNED_OFF))
    with pytest.raises(ScenarioError, match="says nothing about the process"):
        Scenario.parse(process(levers={"rules": {"field": "invariants", "choice": [[]]}}))
