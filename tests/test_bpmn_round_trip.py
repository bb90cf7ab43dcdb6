"""What `salessim describe --format bpmn` writes, `salessim import bpmn` reads back; a changed drawing counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from salessim.errors import ScenarioError
from salessim.exchange import import_bpmn
from salessim.exchange.bpmn_write import bpmn
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario
from tests.models import random_scenario


def generated(count: int) -> list[Scenario]:
    """So many random scenarios; seeds that make no valid one are passed over."""
    found: list[Scenario] = []
    for seed in range(10 * count):
        if len(found) < count:
            try:
                found.append(random_scenario(seed))
            except ScenarioError:
                continue
    return found


def redrawn(text: str) -> str:
    """The same file, of which nothing says any more that nobody has touched it."""
    return re.sub(r"<salessim:drawing>.*?</salessim:drawing>", "", text)


@pytest.mark.parametrize("scenario", generated(30), ids=lambda s: s.name)
def test_generated_scenarios_come_back(tmp_path: Path, scenario: Scenario) -> None:
    path = tmp_path / "x.bpmn"
    text = bpmn(scenario)
    for version in (text, redrawn(text)):
        path.write_text(version, encoding="utf-8")
        found = import_bpmn(path)
        assert found.remarks == ()
        assert found.scenario.hash == scenario.hash
    # And by the drawing alone: the same steps lead to the same steps.
    assert to_data(found.scenario)["stages"].keys() == to_data(scenario)["stages"].keys()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_large_example_comes_back(tmp_path: Path, b2b: Path, language: str) -> None:
    scenario = Scenario.load(b2b)
    path = tmp_path / "b2b.bpmn"
    text = bpmn(scenario, language)
    for version in (text, redrawn(text)):
        path.write_text(version, encoding="utf-8")
        found = import_bpmn(path)
        assert found.scenario.hash == scenario.hash
        assert found.remarks == ()


def test_without_our_words_the_drawing_says_who_follows_whom_and_how_often(tmp_path: Path, b2b: Path) -> None:
    scenario = Scenario.load(b2b)
    text = re.sub(r"<salessim:(step|scenario|channel|spawn|gives_up|unless)\b.*?(/>|</salessim:\1>)", "", bpmn(scenario), flags=re.S)
    path = tmp_path / "b2b.bpmn"
    path.write_text(text, encoding="utf-8")
    known = {"segments": {name: {} for name in scenario.segments}, "channels": {}}
    found = import_bpmn(path, known, approximate=True).scenario
    named = {step.title or name: name for name, step in found.steps.items()}
    for step in scenario.steps.values():
        other = found.steps[named[step.title or ""]]
        assert other.kind == step.kind
        for segment in scenario.segments:

            def shares(of: Scenario, step: object, segment: str = segment) -> dict[object, float]:
                result: dict[object, float] = {}
                for route in step.then:
                    goal = (of.steps[route.to].title or route.to) if route.to else ("lost", route.lost) if route.lost else "done"
                    result[goal] = result.get(goal, 0) + step.share_of(route, segment)
                return {goal: share for goal, share in result.items() if share > 0}

            assert shares(found, other) == pytest.approx(shares(scenario, step))


SMALL = """salessim: 1
name: small
clock: {start: 2026-01-05, horizon: 6 weeks}
teams: {sales: {size: 2}}
segments: {all: {}}
channels: {web: {enters: call, segments: {all: 1}, arrivals: {rate: 60 per week}}}
stages:
  lead: {title: First contact, steps: {call: {title: Call, work: 10 min, by: sales, patience: 2 days, then: [{to: offer, share: 40 %, limit: 3}, {lost: no interest}]}}}
  close:
    steps:
      offer: {work: 1 h, by: sales, then: [{to: sign}]}
      sign: {customer: 2 days, unless: [{after: 9 days, lost: expired}], milestone: won, then: [{done: true}]}
"""


def small(tmp_path: Path, change: tuple[str, str]) -> Path:
    text = bpmn(Scenario.parse(SMALL))
    changed = re.sub(*change, text, count=1)
    assert changed != text
    path = tmp_path / "small.bpmn"
    path.write_text(changed, encoding="utf-8")
    return path


def ident(name: str) -> str:
    """The identifier that a step has in the drawing."""
    found = re.search(rf'id="(\w+)"[^>]*><bpmn:documentation>[^<]*</bpmn:documentation><bpmn:extensionElements><salessim:step name="{name}"', bpmn(Scenario.parse(SMALL)))
    assert found
    return found[1]


def test_a_flow_that_somebody_moved_counts(tmp_path: Path) -> None:
    offer, sign = ident("offer"), ident("sign")
    call_to_sign = (rf'(sourceRef="exclusiveGateway_\d+" targetRef=)"{offer}"', rf'\1"{sign}"')
    found = import_bpmn(small(tmp_path, call_to_sign))
    assert [(r.level, r.kind, r.name) for r in found.remarks] == [("differs", "userTask", "offer"), ("taken", "target", "40 %")]
    step = found.scenario.steps["call"]
    assert [(r.to, r.lost) for r in step.then] == [("sign", None), (None, "no interest")]
    assert step.share_of(step.then[0], "all") == pytest.approx(0.4)
    assert step.then[0].limit == 3  # which no drawing shows
    assert found.scenario.steps["offer"].then[0].to == "sign"  # kept, though no case comes to it


def test_a_task_that_somebody_added_is_there(tmp_path: Path) -> None:
    offer, sign = ident("offer"), ident("sign")
    inserted = (rf'(<bpmn:sequenceFlow id="\w+" sourceRef="{offer}" targetRef=)"{sign}"', rf'<bpmn:userTask id="new" name="Check"/><bpmn:sequenceFlow id="n" sourceRef="new" targetRef="{sign}"/>\1"new"')
    found = import_bpmn(small(tmp_path, inserted))
    assert found.scenario.steps["offer"].then[0].to == "Check"
    assert found.scenario.steps["Check"].then[0].to == "sign"
    assert found.scenario.steps["Check"].by == ("staff",)
    assert found.scenario.channels["web"].enters == "call"
    assert {r.level for r in found.remarks} == {"taken", "assumed"}


def test_parameters_are_laid_over_what_we_wrote(tmp_path: Path) -> None:
    path = tmp_path / "small.bpmn"
    path.write_text(bpmn(Scenario.parse(SMALL)), encoding="utf-8")
    found = import_bpmn(path, {"elements": {"Call": {"work": "20 min"}}, "teams": {"sales": {"size": 5}}}).scenario
    assert found.hash == Scenario.parse(SMALL).change({"steps.call.work": "20 min", "teams.sales.size": 5}).hash
