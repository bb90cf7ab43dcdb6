"""What somebody changes in a drawing of ours: taken over into the scenario, or named; only the layout may change in silence."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.exchange import Imported, import_bpmn
from salessim.exchange.bpmn_write import bpmn
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario

SPACES = {"bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL", "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI", "dc": "http://www.omg.org/spec/DD/20100524/DC", "ours": "urn:salessim:1"}
B, OURS = f"{{{SPACES['bpmn']}}}", f"{{{SPACES['ours']}}}"

SALES = """salessim: 1
name: sales
clock: {start: 2026-01-05, horizon: 6 weeks}
teams: {sales: {size: 2}, legal: {size: 1}}
segments: {small: {}, large: {}}
attributes: {discount: {starts: {law: uniform, low: 0, high: 1}}}
channels:
  web: {title: Web form, enters: call, segments: {small: 1}, arrivals: {rate: 20 per week}}
  fair: {enters: offer, segments: {large: 1}, arrivals: {rate: 2 per week}}
invariants: [offer before every sign]
levers:
  faster call: {automate: call, time: 1 min, assumption: x}
stages:
  lead:
    title: First contact
    steps:
      call: {title: Call, work: 10 min, by: sales, patience: 2 days, then: [{to: offer, share: 40 %, limit: 3}, {to: call, share: 10 %, limit: 5}, {lost: no interest}]}
  close:
    steps:
      offer:
        work: 1 h
        by: sales
        patience: 3 days
        gives_up: {to: call}
        then: [{to: review, when: discount > 0.5}, {to: sign}]
      review: {parallel: [check, ask], then: [{to: sign}]}
      check: {work: 20 min, by: legal, then: [{join: true}]}
      ask: {automatic: 2 h, then: [{join: true}]}
      sign:
        customer: 2 days
        unless: [{after: 9 days, lost: expired}, {after: 30 days, lost: forgotten}]
        milestone: won
        spawns: [{kind: renewal, to: call, probability: 50 %, after: 200 days}]
        then: [{done: true}]
"""
BASE = Scenario.parse(SALES)


class Modeller:
    """A file of ours, open in an editor."""

    def __init__(self, scenario: Scenario = BASE) -> None:
        self.root = ET.fromstring(bpmn(scenario))
        process = self.root.find(f"{B}process")
        assert process is not None
        self.process = process

    def of(self, word: str, name: str, index: str | None = None) -> ET.Element:
        """The element that stands for something: a step, a channel, a route, ..."""
        for element in self.process.iter():
            for told in element.findall(f"{B}extensionElements/{OURS}{word}"):
                if name in (told.get("name"), told.get("step")) and index in (None, told.get("index")):
                    return element
        raise AssertionError((word, name))

    def end(self, name: str) -> ET.Element:
        return next(e for e in self.process.findall(f"{B}endEvent") if e.get("name") == name)

    def out(self, element: ET.Element) -> list[ET.Element]:
        return [f for f in self.process.findall(f"{B}sequenceFlow") if f.get("sourceRef") == element.get("id")]

    def gateway(self, step: str) -> ET.Element:
        """The gateway behind a step."""
        target = self.out(self.of("step", step))[0].get("targetRef")
        return next(e for e in self.process if e.get("id") == target)

    def add(self, tag: str, ident: str, name: str = "", inside: str = "", lane: int | None = None, **attributes: str) -> ET.Element:
        element = ET.SubElement(self.process, f"{B}{tag}", {"id": ident, **({"name": name} if name else {}), **attributes})
        if inside:
            ET.SubElement(element, f"{B}{inside}")
        if lane is not None:
            ET.SubElement(self.lane(lane), f"{B}flowNodeRef").text = ident
        return element

    def lane(self, number: int) -> ET.Element:
        return self.process.findall(f"{B}laneSet/{B}lane")[number]

    def flow(self, source: ET.Element, target: ET.Element, name: str = "") -> ET.Element:
        number = len(self.process.findall(f"{B}sequenceFlow"))
        return self.add("sequenceFlow", f"Flow_{number}", name, sourceRef=source.get("id") or "", targetRef=target.get("id") or "")

    def remove(self, element: ET.Element) -> None:
        """As modellers do: with its flows, events and references."""
        ident = element.get("id")
        self.process.remove(element)
        for e in list(self.process):
            if e.get("attachedToRef") == ident or (e.tag == f"{B}sequenceFlow" and ident in (e.get("sourceRef"), e.get("targetRef"))):
                self.remove(e)
        for lane in self.process.iter(f"{B}lane"):
            for ref in lane.findall(f"{B}flowNodeRef"):
                if ref.text == ident:
                    lane.remove(ref)
        for e in self.process.iter():
            if e.get("default") == ident:
                del e.attrib["default"]

    def insert(self, flow: ET.Element, element: ET.Element) -> None:
        """Put an element into a flow."""
        target = flow.get("targetRef")
        flow.set("targetRef", element.get("id") or "")
        self.flow(element, next(e for e in self.process if e.get("id") == target))

    def back(self, folder: Path, **more: Any) -> Imported:
        path = folder / "edited.bpmn"
        ET.ElementTree(self.root).write(path, encoding="utf-8", xml_declaration=True)
        return import_bpmn(path, **more)


@pytest.fixture
def m() -> Modeller:
    return Modeller()


def told(found: Imported, level: str = "taken") -> set[tuple[str, str]]:
    return {(r.kind, r.instead) for r in found.remarks if r.level == level}


def routes(found: Imported, step: str) -> list[tuple[Any, ...]]:
    """Where the ways of a step lead, and how often for the small."""
    s = found.scenario.steps[step]
    return [(r.to or r.lost or ("done" if r.done else "join"), round(s.share_of(r, "small"), 6)) for r in s.then]


def same_but(found: Imported, **changes: Any) -> bool:
    """Whether the scenario is the old one with some fields changed, and no other."""
    return found.scenario.hash == BASE.change({path.replace("__", "."): value for path, value in changes.items()}).hash


def test_nothing_is_said_about_layout_and_spelling(tmp_path: Path, m: Modeller) -> None:
    m.root.set("{http://camunda.org/schema/modeler/1.0}executionPlatform", "Camunda Cloud")
    for shape in m.root.iter(f"{{{SPACES['bpmndi']}}}BPMNShape"):
        shape.set("{http://bpmn.io/schema/bpmn/biocolor/1.0}fill", "#ff0000")
    for bounds in m.root.iter(f"{{{SPACES['dc']}}}Bounds"):
        bounds.set("x", "17")
    m.process[:] = sorted(m.process, key=lambda e: e.get("id") or "")  # ElementTree has also renamed all prefixes
    for flow in m.process.findall(f"{B}sequenceFlow"):
        flow.set("isImmediate", "true")
    found = m.back(tmp_path)
    assert found.remarks == ()
    assert found.scenario.hash == BASE.hash


def test_names(tmp_path: Path, m: Modeller) -> None:
    m.of("step", "call").set("name", "Ring up")
    m.of("channel", "web").set("name", "Form")
    m.of("spawn", "sign").set("name", "Second contract")
    m.end("expired").set("name", "too late")
    m.lane(1).set("name", "Closing")
    m.root.find(f"{B}collaboration/{B}participant").set("name", "Sales 2")
    found = m.back(tmp_path)
    s = found.scenario
    assert (s.name, s.steps["call"].title, s.channels["web"].title, s.stages["close"].title) == ("Sales 2", "Ring up", "Form", "Closing")
    assert s.steps["sign"].spawns[0].title == "Second contract"
    assert [u.lost for u in s.steps["sign"].unless] == ["too late", "forgotten"]
    assert {r.level for r in found.remarks} == {"taken"}
    assert "was 'Call'" in {r.instead for r in found.remarks}
    assert s.levers.keys() == BASE.levers.keys()  # which name the step


def test_a_new_task_in_a_lane(tmp_path: Path, m: Modeller) -> None:
    m.insert(m.out(m.of("step", "sign"))[0], m.add("serviceTask", "new", "File it", lane=0))
    found = m.back(tmp_path)
    assert found.scenario.steps["sign"].then[0].to == "File it"
    assert found.scenario.steps["File it"].automatic is not None
    assert found.scenario.steps["File it"].automatic.assumption
    assert found.scenario.stage_of("File it") == "lead"
    assert ("serviceTask", "a step") in told(found)
    assert any(r.element == "new" and r.level == "assumed" for r in found.remarks)


def test_a_copied_task_is_a_step_of_its_own(tmp_path: Path, m: Modeller) -> None:
    twin = copy.deepcopy(m.of("step", "offer"))
    twin.set("id", "A_copy")
    twin.set("name", "Second offer")
    m.process.append(twin)
    m.insert(m.out(m.of("step", "sign"))[0], twin)
    found = m.back(tmp_path)
    assert found.scenario.steps["Second offer"].work == BASE.steps["offer"].work
    assert routes(found, "Second offer") == [("done", 1.0)]
    assert found.scenario.steps["offer"].then == BASE.steps["offer"].then
    assert ("userTask", "a copy of 'offer'") in told(found)


def test_a_deleted_way_leaves_its_share_to_the_others(tmp_path: Path, m: Modeller) -> None:
    m.remove(m.of("route", "call", "1"))
    found = m.back(tmp_path)
    assert routes(found, "call") == [("offer", 0.4), ("no interest", 0.6)]
    assert found.scenario.steps["call"].then[0].limit == 3
    assert ("sequenceFlow", "no way any more") in told(found)
    m.remove(m.of("route", "call", "2"))
    assert routes(m.back(tmp_path), "call") == [("offer", 1.0)]


def test_without_the_way_that_takes_the_rest_the_others_share_it(tmp_path: Path, m: Modeller) -> None:
    m.remove(m.of("route", "call", "2"))
    found = m.back(tmp_path)
    assert routes(found, "call") == [("offer", 0.8), ("call", 0.2)]
    assert any(r.level == "assumed" and "so that all sum to 100 %" in r.instead for r in found.remarks)


def test_a_new_way_gets_an_equal_part_or_what_its_name_says(tmp_path: Path) -> None:
    m = Modeller(BASE.change({"invariants": []}))
    new = m.flow(m.gateway("call"), m.of("step", "sign"))
    found = m.back(tmp_path)
    assert routes(found, "call") == [("offer", 0.3), ("call", 0.075), ("no interest", 0.375), ("sign", 0.25)]
    assert any(r.level == "assumed" and "equal part" in r.instead for r in found.remarks)
    new.set("name", "20 %")
    found = m.back(tmp_path)
    assert routes(found, "call") == [("offer", 0.4), ("call", 0.1), ("no interest", 0.3), ("sign", 0.2)]
    assert {r.level for r in found.remarks} == {"taken"}


def test_another_share_in_the_name_of_a_way(tmp_path: Path, m: Modeller) -> None:
    m.of("route", "call", "0").set("name", "70 %")
    found = m.back(tmp_path)
    assert routes(found, "call") == [("offer", 0.7), ("call", 0.1), ("no interest", 0.2)]
    assert found.scenario.steps["call"].then[0].limit == 3
    m.of("route", "call", "0").set("name", "95 %")
    assert routes(m.back(tmp_path), "call") == [("offer", 0.95), ("call", 0.05), ("no interest", 0.0)]
    m.of("route", "call", "0").set("name", "interested")
    found = m.back(tmp_path)
    assert found.scenario.hash == BASE.hash
    assert told(found, "differs") == {("name", "drawn but not taken over: 'interested' instead of '40 %'")}


def test_a_moved_lane(tmp_path: Path, m: Modeller) -> None:
    ident = m.of("step", "offer").get("id")
    ref = next(r for r in m.lane(1).findall(f"{B}flowNodeRef") if r.text == ident)
    m.lane(1).remove(ref)
    m.lane(0).append(ref)
    found = m.back(tmp_path)
    assert found.scenario.stage_of("offer") == "lead"
    assert told(found) == {("lane", "the stage is 'lead' now")}
    lanes = m.process.find(f"{B}laneSet")
    assert lanes is not None
    m.lane(0).remove(ref)
    ET.SubElement(lanes, f"{B}lane", {"id": "lane_x", "name": "Offering: all"}).append(ref)
    found = m.back(tmp_path)
    assert found.scenario.stage_of("offer") == "Offering all"
    assert found.scenario.stages["Offering all"].title == "Offering: all"


def test_a_choice_that_becomes_parallel(tmp_path: Path, m: Modeller) -> None:
    gateway = m.gateway("call")
    gateway.tag = f"{B}parallelGateway"
    with pytest.raises(ScenarioError, match=f"{gateway.get('id')}.* leads back"):
        m.back(tmp_path)  # one of its ways was a loop
    m = Modeller(BASE.change({"invariants": []}))
    gateway, log = m.of("step", "review"), m.add("serviceTask", "log", "Log it")
    assert gateway.tag == f"{B}parallelGateway"  # the split itself; a third branch for it
    m.flow(gateway, log)
    m.flow(log, m.of("join", "review"))
    found = m.back(tmp_path)
    assert found.scenario.steps["review"].parallel == ("check", "ask", "Log it")


def test_a_split_that_becomes_a_choice(tmp_path: Path, m: Modeller) -> None:
    fork, join = m.of("step", "review"), m.of("join", "review")
    fork.tag = join.tag = f"{B}exclusiveGateway"
    found = m.back(tmp_path)
    assert "review" not in found.scenario.steps or found.scenario.steps["review"].kind != "parallel"
    goals = {r.to for s in found.scenario.steps.values() for r in s.then}
    assert {"check", "ask"} <= goals
    assert [r.to for r in found.scenario.steps["check"].then] == ["sign"]
    assert any("is left out" in text for _, text in told(found))


def test_a_new_end_and_a_loss_that_is_none(tmp_path: Path, m: Modeller) -> None:
    m.of("route", "call", "2").set("targetRef", m.add("endEvent", "e9", "Parked").get("id") or "")
    found = m.back(tmp_path)
    assert routes(found, "call") == [("offer", 0.4), ("call", 0.1), ("done", 0.5)]
    assert any(r.level == "assumed" and r.name == "Parked" for r in found.remarks)
    m.add("endEvent", "e10", "Refused", "errorEventDefinition")
    m.of("route", "call", "2").set("targetRef", "e10")
    assert routes(m.back(tmp_path), "call") == [("offer", 0.4), ("call", 0.1), ("Refused", 0.5)]


def test_another_condition(tmp_path: Path, m: Modeller) -> None:
    condition = m.of("route", "offer", "0").find(f"{B}conditionExpression")
    assert condition is not None
    condition.text = "discount > 0.7"
    found = m.back(tmp_path)
    assert found.scenario.steps["offer"].then[0].when.text == "discount > 0.7"
    assert ("condition", "was 'discount > 0.5'") in told(found)
    for odd in ("${price > 3}", "rebate > 0.5", "discount >"):
        condition.text = odd
        with pytest.raises(ScenarioError, match="drawn but not taken over: "):
            m.back(tmp_path)
        found = m.back(tmp_path, approximate=True)
        assert found.scenario.hash == BASE.hash
    m.of("route", "offer", "0").remove(condition)
    found = m.back(tmp_path)
    assert all(r.when is None for r in found.scenario.steps["offer"].then)


def test_events_on_edges(tmp_path: Path, m: Modeller) -> None:
    for text, days in (("P5D", 5), ("PT36H", 1.5)):
        duration = next(m.of("unless", "sign", "0").iter(f"{B}timeDuration"))
        duration.text = text
        found = m.back(tmp_path)
        assert [u.after.mean / 86_400e6 for u in found.scenario.steps["sign"].unless] == [days, 30]
    m = Modeller()
    next(m.of("gives_up", "call").iter(f"{B}timeDuration")).text = "P1D"
    assert same_but(m.back(tmp_path), steps__call__patience="1 day")
    m.remove(m.of("gives_up", "call"))
    assert same_but(m.back(tmp_path), steps__call__patience="none")
    m.remove(m.of("unless", "sign", "0"))
    found = m.back(tmp_path)
    assert [u.lost for u in found.scenario.steps["sign"].unless] == ["forgotten"]
    m.out(m.of("unless", "sign", "1"))[0].set("targetRef", m.of("step", "call").get("id") or "")
    assert [u.to for u in m.back(tmp_path).scenario.steps["sign"].unless] == ["call"]
    m.out(m.of("gives_up", "offer"))[0].set("targetRef", m.end("no interest").get("id") or "")
    assert m.back(tmp_path).scenario.steps["offer"].gives_up.lost == "no interest"
    event = m.of("unless", "sign", "1")
    event.set("cancelActivity", "false")
    with pytest.raises(ScenarioError, match=f"{event.get('id')} .*drawn but not taken over"):
        m.back(tmp_path)


def test_an_event_on_another_edge(tmp_path: Path, m: Modeller) -> None:
    m.of("unless", "sign", "0").set("attachedToRef", m.of("step", "ask").get("id") or "")
    found = m.back(tmp_path)
    assert [u.lost for u in found.scenario.steps["sign"].unless] == ["forgotten"]
    assert [u.lost for u in found.scenario.steps["ask"].unless] == ["expired"]


def test_a_new_event_on_an_edge(tmp_path: Path, m: Modeller) -> None:
    event = m.add("boundaryEvent", "late", "late", attachedToRef=m.of("step", "ask").get("id") or "")
    ET.SubElement(ET.SubElement(event, f"{B}timerEventDefinition"), f"{B}timeDuration").text = "PT3H"
    m.flow(event, m.end("expired"))
    found = m.back(tmp_path)
    assert [(u.after.mean / 3600e6, u.lost) for u in found.scenario.steps["ask"].unless] == [(3, "expired")]


def test_another_kind_of_task(tmp_path: Path, m: Modeller) -> None:
    m.of("step", "offer").tag = f"{B}serviceTask"
    m.of("step", "ask").tag = f"{B}manualTask"
    found = m.back(tmp_path)
    offer, ask = found.scenario.steps["offer"], found.scenario.steps["ask"]
    assert (offer.automatic, ask.work) == (BASE.steps["offer"].work, BASE.steps["ask"].automatic)
    assert [u.to for u in offer.unless] == ["call"]  # its patience, as the drawing says it of a system
    assert ask.by == ("staff",)
    assert any(kind == "tag" and "'by'" in text for kind, text in told(found))


def test_a_condition_that_is_left_alone_and_a_step_that_nobody_reaches(tmp_path: Path, m: Modeller) -> None:
    m.remove(m.of("route", "offer", "1"))
    found = m.back(tmp_path)
    assert [(r.to, r.when) for r in found.scenario.steps["offer"].then] == [("review", None)]
    assert told(found, "differs") == {("condition", "'discount > 0.5' has no effect, for there is no other way")}
    other = Modeller(BASE.change({"invariants": []}))
    other.remove(other.of("route", "offer", "1"))
    ET.SubElement(other.flow(other.gateway("offer"), other.of("step", "ask")), f"{B}conditionExpression").text = "discount > 0.1"
    with pytest.raises(ScenarioError, match="also reached"):
        other.back(tmp_path)  # 'ask' lies in a branch
    m.remove(m.of("route", "offer", "0"))
    m.flow(m.gateway("offer"), m.end("expired"))
    found = m.back(tmp_path)
    assert {r.name for r in found.remarks if r.instead == "no case comes to it; the step is kept"} == {"review"}


def test_repetition(tmp_path: Path, m: Modeller) -> None:
    many = ET.SubElement(m.of("step", "check"), f"{B}multiInstanceLoopCharacteristics", {"isSequential": "true"})
    ET.SubElement(many, f"{B}loopCardinality").text = "3"
    found = m.back(tmp_path)
    assert next((r.to, r.limit) for r in found.scenario.steps["check"].then) == ("check", 2)


def test_channels(tmp_path: Path, m: Modeller) -> None:
    m.out(m.of("channel", "web"))[0].set("targetRef", m.of("step", "offer").get("id") or "")
    m.remove(m.of("channel", "fair"))
    m.flow(m.add("startEvent", "s9", "Phone"), m.of("step", "call"))
    m.out(m.of("spawn", "sign"))[0].set("targetRef", m.of("step", "offer").get("id") or "")
    found = m.back(tmp_path)
    assert {n: c.enters for n, c in found.scenario.channels.items()} == {"web": "offer", "Phone": "call"}
    assert found.scenario.steps["sign"].spawns[0].to == "offer"
    assert any(r.level == "assumed" and r.name == "Phone" for r in found.remarks)
    m.remove(m.of("spawn", "sign"))
    assert m.back(tmp_path).scenario.steps["sign"].spawns == ()


def test_a_step_that_is_gone_takes_along_what_is_about_it(tmp_path: Path, m: Modeller) -> None:
    m.out(m.of("channel", "web"))[0].set("targetRef", m.of("step", "offer").get("id") or "")
    m.out(m.of("spawn", "sign"))[0].set("targetRef", m.of("step", "offer").get("id") or "")
    m.remove(m.of("gives_up", "offer"))
    m.remove(m.of("step", "call"))
    found = m.back(tmp_path)
    assert "call" not in found.scenario.steps
    assert found.scenario.levers == {}
    assert any(r.element == "faster call" and r.kind == "lever" for r in found.remarks)


def test_a_step_that_undoes_others_is_none_of_ours_any_more(tmp_path: Path, m: Modeller) -> None:
    m.of("step", "call").set("isForCompensation", "true")
    with pytest.raises(ScenarioError, match=r"'Call' .* which is for compensation only"):
        m.back(tmp_path)


def test_rules_hold_for_what_is_drawn(tmp_path: Path, m: Modeller) -> None:
    m.of("route", "call", "0").set("targetRef", m.of("step", "sign").get("id") or "")
    with pytest.raises(ScenarioError, match=r"offer.*before.*sign"):
        m.back(tmp_path)
    m.remove(m.of("step", "offer"))
    with pytest.raises(ScenarioError, match="offer"):
        m.back(tmp_path)


@pytest.mark.parametrize(
    ("edit", "level", "what"),
    [
        (lambda m: m.add("textAnnotation", "note", "", "text"), "differs", "textAnnotation"),
        (lambda m: m.add("dataObjectReference", "data", "Order"), "differs", "dataObjectReference"),
        (lambda m: m.of("step", "call").find(f"{B}documentation").__setattr__("text", "call twice"), "differs", "documentation"),
        (lambda m: m.gateway("call").set("name", "Interested?"), "differs", "name"),
        (lambda m: m.of("gives_up", "call").set("name", "after a week"), "differs", "name"),
        (lambda m: m.end("finished").set("name", "Customer lost"), "differs", "name"),
        (lambda m: m.gateway("offer").set("default", m.of("route", "offer", "0").get("id")), "changed", "default"),
        (lambda m: m.of("step", "call").set("{http://camunda.org/schema/1.0/bpmn}assignee", "joe"), "differs", "attributes"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_named(tmp_path: Path, m: Modeller, edit: Callable[[Modeller], Any], level: str, what: str) -> None:
    edit(m)
    found = m.back(tmp_path, approximate=True)
    assert [(r.level, r.kind) for r in found.remarks if r.level in ("differs", "changed") and r.kind != "vendor extension"] == [(level, what)]


def said(m: Modeller, folder: Path) -> bool:
    """Whether the import says anything about the file: in remarks, or by refusing it."""
    try:
        return bool(m.back(folder, approximate=True).remarks)
    except ScenarioError as wrong:
        return "\n" not in str(wrong)


def test_everything_is_said_for_any_fact_that_differs(tmp_path: Path) -> None:
    """No attribute, name or reference of any element can be changed without a remark or a refusal."""
    whole = Modeller()
    count = len(list(whole.process.iter()))
    for n in range(count):
        for key in list(list(whole.process.iter())[n].attrib):
            m = Modeller()
            element = list(m.process.iter())[n]
            if key in ("id", "isExecutable", "gatewayDirection", "language") or element.tag.startswith(OURS) or key.startswith("{"):
                continue
            element.set(key, "else")
            assert said(m, tmp_path), (element.tag, key)


def test_everything_is_said_for_any_text_that_differs(tmp_path: Path) -> None:
    for n, original in enumerate(list(Modeller().process.iter())):
        if not (original.text or "").strip() or original.tag.startswith(OURS) or original.tag in (f"{B}incoming", f"{B}outgoing"):
            continue
        m = Modeller()
        element = list(m.process.iter())[n]
        step = element.tag != f"{B}flowNodeRef" or "Task" in (element.text or "")  # gateways and events belong to no stage
        element.text = "PT77S" if element.tag == f"{B}timeDuration" else "else"
        assert said(m, tmp_path) or not step, (element.tag, original.text)


def test_all_of_it_survives_a_second_trip(tmp_path: Path, m: Modeller) -> None:
    m.of("step", "call").set("name", "Ring up")
    m.insert(m.out(m.of("step", "sign"))[0], m.add("serviceTask", "new", "File it", lane=0))
    once = m.back(tmp_path).scenario
    again = Modeller(once).back(tmp_path)
    assert again.scenario.hash == once.hash
    assert again.remarks == ()
    assert to_data(again.scenario) == to_data(once)
