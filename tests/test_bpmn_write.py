"""BPMN that we write: whole, drawn in full, true to the process, and enough to have the same scenario back."""

from __future__ import annotations

import contextlib
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from salessim.describing.chart import branch_ends
from salessim.errors import ScenarioError
from salessim.exchange import facts
from salessim.exchange.bpmn_write import bpmn, iso_duration
from salessim.exchange.xml import parse_xml
from salessim.modulebench import bench
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario
from salessim.scenario.module_types import library
from salessim.units import DAY, HOUR, MINUTE, SECOND
from tests.models import random_scenario
from tests.test_describe import CHINESE, evil_scenario
from tests.test_pictures import PARALLEL

B = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
WAY = "{http://www.omg.org/spec/DD/20100524/DI}waypoint"
OURS = "{" + facts.OURS + "}"
NODES = {"startEvent", "endEvent", "boundaryEvent", "userTask", "serviceTask", "receiveTask", "exclusiveGateway", "parallelGateway"}
ORDER = ["documentation", "extensionElements", "incoming", "outgoing", "timerEventDefinition", "messageEventDefinition"]
"""The order in which the schema of BPMN 2.0 wants the children of a flow node."""


def scenarios() -> list[Scenario]:
    root = Path(__file__).parent.parent
    files = [root / "scenarios" / "b2b.yaml", *sorted((root / "src/salessim/library/templates").glob("*.yaml"))]
    found = [*map(Scenario.load, files), Scenario.parse(CHINESE), Scenario.parse(PARALLEL), evil_scenario()]
    found += [bench(name) for name in sorted(library())]
    seed, wanted = 0, len(found) + 30
    while len(found) < wanted:
        with contextlib.suppress(ScenarioError):  # some seeds make no valid scenario
            found.append(random_scenario(seed))
        seed += 1
    return found


SCENARIOS = scenarios()
every = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name[:20])


class Read:
    """What a reader sees."""

    def __init__(self, text: str) -> None:
        self.root = ET.fromstring(text)
        self.process = self.root.find(f"{B}process")
        assert self.process is not None
        self.nodes = {e.get("id"): e for e in self.process if e.tag.removeprefix(B) in NODES}
        self.flows = {e.get("id"): e for e in self.process.findall(f"{B}sequenceFlow")}
        self.shapes = {e.get("bpmnElement"): e for e in self.root.iter(f"{DI}BPMNShape")}
        self.edges = {e.get("bpmnElement"): e for e in self.root.iter(f"{DI}BPMNEdge")}

    def ours(self, element: ET.Element, tag: str) -> ET.Element | None:
        return element.find(f"{B}extensionElements/{OURS}{tag}")

    def out(self, node: str) -> list[ET.Element]:
        return [f for f in self.flows.values() if f.get("sourceRef") == node]


@every
def test_every_reference_leads_somewhere_and_everything_is_drawn(scenario: Scenario) -> None:
    read = Read(bpmn(scenario))
    ids = [e.get("id") for e in read.root.iter() if e.get("id")]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", i or "") for i in ids)
    for f in read.flows.values():
        assert f.get("sourceRef") in read.nodes
        assert f.get("targetRef") in read.nodes
    for i, e in read.nodes.items():
        assert [x.text for x in e.findall(f"{B}incoming")] == [k for k, f in read.flows.items() if f.get("targetRef") == i]
        assert [x.text for x in e.findall(f"{B}outgoing")] == [k for k, f in read.flows.items() if f.get("sourceRef") == i]
        tags = [c.tag.removeprefix(B) for c in e]
        assert tags == sorted(tags, key=ORDER.index)
        if e.tag == f"{B}boundaryEvent":
            assert read.nodes[e.get("attachedToRef")].tag.endswith("Task")
        if e.get("default"):
            assert read.flows[e.get("default")].get("sourceRef") == i
    lanes = [r.text for r in read.root.iter(f"{B}flowNodeRef")]
    assert sorted(lanes) == sorted(read.nodes)  # each node in exactly one lane
    drawn = {"pool", *read.nodes, *(e.get("id") for e in read.root.iter(f"{B}lane"))}
    assert set(read.shapes) == drawn
    assert set(read.edges) == set(read.flows)
    kinds = [c.tag.removeprefix(B) for c in read.process if c.tag.startswith(B)]
    first = {k: kinds.index(k) for k in ("extensionElements", "laneSet", "sequenceFlow") if k in kinds}
    assert list(first) == sorted(first, key=lambda k: first[k])


@every
def test_arrows_touch_what_they_connect_and_nodes_keep_apart(scenario: Scenario) -> None:
    read = Read(bpmn(scenario))

    def box(i: str | None) -> tuple[float, ...]:
        bounds = read.shapes[i].find(f"{DC}Bounds")
        assert bounds is not None
        return tuple(float(bounds.get(k) or "nan") for k in ("x", "y", "width", "height"))

    for i, edge in read.edges.items():
        points = [(float(p.get("x") or ""), float(p.get("y") or "")) for p in edge.findall(WAY)]
        assert len(points) >= 2
        for end, point in ((read.flows[i].get("sourceRef"), points[0]), (read.flows[i].get("targetRef"), points[-1])):
            x, y, w, h = box(end)
            assert x - 1 <= point[0] <= x + w + 1
            assert y - 1 <= point[1] <= y + h + 1
            # on the rim, not inside
            assert min(abs(point[0] - x), abs(point[0] - x - w), abs(point[1] - y), abs(point[1] - y - h)) <= 1
        for a, b in pairwise(points):
            assert a[0] == b[0] or a[1] == b[1]
    free = [box(i) for i, e in read.nodes.items() if e.tag != f"{B}boundaryEvent"]
    for n, (x, y, w, h) in enumerate(free):
        for x2, y2, w2, h2 in free[:n]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for lane in read.root.iter(f"{B}lane"):  # whatever belongs to a lane is drawn in it
        x, y, w, h = box(lane.get("id"))
        for ref in lane.findall(f"{B}flowNodeRef"):
            nx, ny, nw, nh = box(ref.text)
            assert x <= nx
            assert nx + nw <= x + w
            assert y <= ny
            assert ny + nh <= y + h


@every
def test_the_same_scenario_comes_back(scenario: Scenario) -> None:
    read = Read(bpmn(scenario))
    assert read.process is not None
    rest = read.ours(read.process, "scenario")
    assert rest is not None
    data: dict[str, Any] = json.loads(rest.text or "")
    for node in read.nodes.values():
        step = read.ours(node, "step")
        if step is not None:
            data["stages"][step.get("stage")]["steps"][step.get("name")] = json.loads(step.text or "")
    assert data == to_data(scenario)
    again = Scenario.parse(data)
    assert again.hash == scenario.hash
    assert list(again.steps) == list(scenario.steps)


@every
def test_the_drawing_says_what_the_routes_say(scenario: Scenario) -> None:
    """Steps, ends and shares read off the drawing alone, for each segment."""
    read = Read(bpmn(scenario))
    name_of = {i: (s.get("name") or "") for i, e in read.nodes.items() if (s := read.ours(e, "step")) is not None}
    join_of = {i: j.get("step") for i, e in read.nodes.items() if (j := read.ours(e, "join")) is not None}
    ends = branch_ends(scenario)

    def goal(i: str | None) -> tuple[str, str]:
        """What a flow leads to, through gateways where ways only meet."""
        assert i is not None
        if i in name_of:
            return "to", name_of[i]
        if i in join_of:
            return "join", join_of[i] or ""
        end = read.ours(read.nodes[i], "end")
        if end is not None:
            outcome = json.loads(end.text or "")
            return ("lost", outcome["lost"]) if "lost" in outcome else ("done", "")
        (onward,) = read.out(i)
        return goal(onward.get("targetRef"))

    starts = {n: i for i, n in name_of.items() if scenario.steps[n].kind != "parallel"} | {n: i for i, n in join_of.items() if n is not None}
    for name, step in scenario.steps.items():
        if step.kind == "parallel":
            fork = next(i for i, n in name_of.items() if n == name)
            assert [goal(f.get("targetRef")) for f in read.out(fork)] == [("to", b) for b in step.parallel or ()]
            if name not in ends.values():
                continue
        flows = read.out(starts[name])
        gateway = read.nodes[flows[0].get("targetRef")]
        if len(step.then) > 1:
            assert len(flows) == 1
            assert gateway.tag == f"{B}exclusiveGateway"
            flows = read.out(gateway.get("id") or "")
        found = sorted((int(r.get("index") or ""), goal(f.get("targetRef")), json.loads(r.text or "").get("share", 1.0), f) for f in flows if (r := read.ours(f, "route")) is not None)
        assert len(found) == len(step.then) == len(flows)
        for (_, where, share, flow), route in zip(found, step.then, strict=True):
            wanted = ("to", route.to) if route.to else ("lost", route.lost) if route.lost else ("join", ends.get(name)) if route.join else ("done", "")
            assert where == wanted
            if not any(r.when for r in step.then):
                for g in scenario.segments:
                    assert (share[g] if isinstance(share, dict) else share) == pytest.approx(step.share_of(route, g) if len(step.then) > 1 else 1.0)
            condition = flow.find(f"{B}conditionExpression")
            assert (condition is not None) == (route.when is not None)
            default = route.rest and any(r.when for r in step.then)  # shares know no default: a case may take any of them
            assert (gateway.get("default") == flow.get("id")) == (default and len(step.then) > 1)


@every
def test_no_parallel_gateway_waits_for_ways_of_which_a_case_takes_one(scenario: Scenario) -> None:
    read = Read(bpmn(scenario))
    for i, e in read.nodes.items():
        if e.tag != f"{B}parallelGateway":
            continue
        coming = sum(f.get("targetRef") == i for f in read.flows.values())
        join = read.ours(e, "join")
        if join is None:
            assert coming <= 1
        else:
            assert coming <= len(scenario.steps[join.get("step") or ""].parallel or ())


def test_kinds_events_and_times_of_b2b(b2b: Path) -> None:
    scenario = Scenario.load(b2b)
    read = Read(bpmn(scenario))
    tags = Counter(e.tag.removeprefix(B) for e in read.nodes.values())
    kinds = Counter(s.kind for s in scenario.steps.values())
    assert (tags["userTask"], tags["serviceTask"], tags["receiveTask"]) == (kinds["work"], kinds["automatic"], kinds["customer"])
    assert tags["startEvent"] == len(scenario.channels) + sum(len(s.spawns) for s in scenario.steps.values())
    assert tags["exclusiveGateway"] == sum(len(s.then) > 1 for s in scenario.steps.values())
    patient = [n for n, s in scenario.steps.items() if s.kind == "work" and s.patience != "none"]
    assert tags["boundaryEvent"] == len(patient)
    events = {e.find(f"{B}timerEventDefinition/{B}timeDuration").text for e in read.nodes.values() if e.tag == f"{B}boundaryEvent"}
    assert events == {"P14DT8H"}  # (6 + 12 + 25) / 3 days
    names = {read.ours(e, "end").text: e.get("name") for e in read.nodes.values() if e.tag == f"{B}endEvent"}
    assert names['{"lost": "to a rival"}'] == "to a rival"
    assert [lane.get("name") for lane in read.root.iter(f"{B}lane")] == [s.title for s in scenario.stages.values()]
    documentation = [e.findtext(f"{B}documentation") or "" for e in read.nodes.values() if e.get("name") == "Answer a new lead"]
    assert "Who: Sales development (skill call)" in documentation[0]


def test_what_else_may_end_a_step_stands_on_its_edge() -> None:
    read = Read(bpmn(Scenario.parse(PARALLEL), "zh"))
    edge = {e.get("name"): e for e in read.nodes.values() if e.tag == f"{B}boundaryEvent"}
    assert set(edge) == {"久等", "约 3 天后"}
    assert edge["约 3 天后"].findtext(f"{B}timerEventDefinition/{B}timeDuration") == "P3D"
    unless = read.ours(edge["约 3 天后"], "unless")
    assert unless is not None
    assert (unless.get("step"), unless.get("index")) == ("z", "0")


@pytest.mark.parametrize(("ticks", "said"), [
    (0, "PT0S"), (SECOND, "PT1S"), (90 * MINUTE, "PT1H30M"), (DAY, "P1D"), (36 * HOUR, "P1DT12H"), (400 * DAY + 61 * SECOND, "P400DT1M1S"), (0.4 * SECOND, "PT0S"),
])  # fmt: skip
def test_times_in_iso_8601(ticks: float, said: str) -> None:
    assert iso_duration(ticks) == said


def test_the_facts_in_the_file_are_those_of_its_drawing(b2b: Path) -> None:
    text = bpmn(Scenario.load(b2b))
    read = Read(text)
    assert read.process is not None
    written = json.loads(read.ours(read.process, "drawing").text)
    process = parse_xml(text.encode(), "x").first("process")
    assert process is not None
    assert facts.edits(written, facts.facts(process, read.root.find(f"{B}collaboration/{B}participant").get("name"))) == []
    assert set(read.nodes) | set(read.flows) <= set(written)
    flow = next(process.all("sequenceFlow"))
    was, flow.attributes["targetRef"] = flow.attributes["targetRef"], "elsewhere"
    assert facts.Edit(flow.attributes["id"], "target", was, "elsewhere") in facts.edits(written, facts.facts(process, None))


def test_the_order_of_the_file_does_not_number_the_elements(b2b: Path) -> None:
    data = to_data(Scenario.load(b2b))
    for stage in data["stages"].values():
        stage["steps"] = dict(reversed(stage["steps"].items()))
    data["channels"] = dict(reversed(data["channels"].items()))
    one, other = Read(bpmn(Scenario.load(b2b))), Read(bpmn(Scenario.parse(data)))
    assert {i: (e.tag, e.get("name")) for i, e in one.nodes.items()} == {i: (e.tag, e.get("name")) for i, e in other.nodes.items()}
    assert {i: (f.get("sourceRef"), f.get("targetRef")) for i, f in one.flows.items()} == {i: (f.get("sourceRef"), f.get("targetRef")) for i, f in other.flows.items()}


@every
def test_titles_lie_apart_and_outside_of_all_boxes(scenario: Scenario) -> None:
    """What stands beside events, gateways and flows covers no other title, no task and no event."""
    read = Read(bpmn(scenario))

    def box(bounds: ET.Element | None) -> tuple[float, float, float, float]:
        assert bounds is not None
        x, y, w, h = (float(bounds.get(k) or "nan") for k in ("x", "y", "width", "height"))
        return x, y, x + w, y + h

    def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
        return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1

    titles = [(str(i), box(found)) for i, e in {**read.shapes, **read.edges}.items() if (found := e.find(f"{DI}BPMNLabel/{DC}Bounds")) is not None]
    events = [(str(i), box(read.shapes[i].find(f"{DC}Bounds"))) for i in read.nodes]
    wrong = [(a, b) for n, (a, place) in enumerate(titles) for b, other in [*titles[:n], *events] if a != b and overlap(place, other)]
    assert len(wrong) <= max(1, 0.03 * len(titles)), wrong
