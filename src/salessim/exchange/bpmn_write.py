"""A scenario as BPMN 2.0 with its diagram, for modelling tools, and to come back from there.

The pool is the process and its lanes are the stages. Work is a user task, what a system does a service task, the
customer's own time a receive task; shares stand on the ways out of exclusive gateways, patience and what else may end
a step are timer events on its edge. What BPMN has no words for is written beside it in the namespace
`urn:salessim:1`: each step carries its plain data, the process the rest of the scenario, so that the same scenario
can be read back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from salessim.describing import lines
from salessim.describing.chart import branch_ends, goals, patient, short_share
from salessim.describing.layout import Edge, Layout, Line, Node, Place, Space, lay_out
from salessim.describing.letters import width, wrapped
from salessim.describing.telling import Teller, patience_in
from salessim.describing.words import Language
from salessim.exchange.facts import OURS, facts
from salessim.exchange.xml import parse_xml
from salessim.scenario.loader import to_data
from salessim.units import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step

_TAGS = {"work": "userTask", "automatic": "serviceTask", "customer": "receiveTask"}
_TASK, _EVENT, _GATEWAY = (110.0, 80.0), (36.0, 36.0), (50.0, 50.0)
_ROOM = 88.0
"""Width of the titles of events, gateways and flows."""
_HEADER = 30.0
"""Width of the title of a pool and of a lane."""
_SPACE = Space(row_gap=58.0, track=17.0, exit_step=44.0, margin=24.0, lane_gap=48.0, most_rows=14)


@dataclass
class _Element:
    """A flow node: what is drawn, and what stands in its XML."""

    name: str
    """Its key while the process is put together."""
    tag: str
    title: str
    lane: int
    size: tuple[float, float]
    extension: str = ""
    inside: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    documentation: str = ""
    host: str | None = None
    """The activity on whose edge it stands."""
    ident: str = ""


@dataclass
class _Flow:
    """A sequence flow."""

    source: str
    target: str
    title: str = ""
    extension: str = ""
    condition: str | None = None
    ident: str = ""


def bpmn(scenario: Scenario, language: Language = "en") -> str:
    """The XML of a scenario.

    Args:
        scenario: a scenario that was loaded.
        language: of the words that are not the scenario's own: "en" or "zh".
    """
    return _Process(Teller(scenario, language, own=str, code=str)).xml()


class _Process:
    """The process in the making: elements and flows are collected, numbered, placed and written."""

    def __init__(self, t: Teller) -> None:
        self.t, self.scenario = t, t.scenario
        self.elements: dict[str, _Element] = {}
        self.flows: list[_Flow] = []
        self.ends = branch_ends(self.scenario)
        self.inside = _blocks(self.scenario)
        self.lane = {n: i for i, stage in enumerate(self.scenario.stages.values()) for n in stage.steps}
        self.data = to_data(self.scenario)
        steps = {n: (key, step) for key, stage in self.data["stages"].items() for n, step in stage["steps"].items()}
        starts = self._starts()
        for name, step in self.scenario.steps.items():
            first = next(iter(self.scenario.stages[self.scenario.stage_of(name)].steps)) == name
            # A start stands before the first step of its lane; in front of another it would break the line.
            for start in starts.get(name, ()) if first else ():
                self._add(start)
            self._step(name, step, *steps[name])
        for name, begins in starts.items():
            for start in begins:
                self._add(start)
                self.flows.append(_Flow(start.name, f"step:{name}"))
        self._merge()
        self._number()

    # --- elements ---------------------------------------------------------------------------------------------------

    def _add(self, element: _Element) -> _Element:
        return self.elements.setdefault(element.name, element)

    def _starts(self) -> dict[str, list[_Element]]:
        """Start events by the step they lead to: channels, and cases that other cases bring."""
        found: dict[str, list[_Element]] = {}
        for name, channel in self.scenario.channels.items():
            extension = f"<salessim:channel name={_quoted(name)}/>"
            start = _Element(f"channel:{name}", "startEvent", channel.title or name, self.lane[channel.enters], _EVENT, extension)
            found.setdefault(channel.enters, []).append(start)
        for name, step in self.scenario.steps.items():
            for i, spawn in enumerate(step.spawns):
                extension = f'<salessim:spawn step={_quoted(name)} index="{i}"/>'
                inside = "<bpmn:messageEventDefinition/>"
                start = _Element(f"spawn:{name}:{i}", "startEvent", spawn.title or spawn.kind, self.lane[spawn.to], _EVENT, extension, inside)
                found.setdefault(spawn.to, []).append(start)
        return found

    def _step(self, name: str, step: Step, stage: str, plain: Mapping[str, Any]) -> None:
        """A step with its ways on; where the last branch of a parallel step stands, also what follows that."""
        key, lane = f"step:{name}", self.lane[name]
        last = {self.ends[at]: at for at in self.scenario.steps if at in self.ends}
        extension = f"<salessim:step name={_quoted(name)} stage={_quoted(stage)} kind={_quoted(step.kind)}>{_json(plain)}</salessim:step>"
        told = (f"{label}: {'; '.join(said)}" for label, said in lines.told(self.t, lines.STEP_LINES, name, step))
        documentation = "\n".join(told)
        if step.kind == "parallel":
            fork = _Element(key, "parallelGateway", step.title or name, lane, _GATEWAY, extension, documentation=documentation)
            fork.attributes["gatewayDirection"] = "Diverging"
            self._add(fork)
            self.flows += [_Flow(key, f"step:{b}") for b in step.parallel or ()]
        else:
            self._add(_Element(key, _TAGS[step.kind], step.title or name, lane, _TASK, extension, documentation=documentation))
            self._ways(name, step, key)
            self._edge_events(name, step)
        for split in (n for n, at in last.items() if at == name):
            join = self._add(_Element(f"join:{split}", "parallelGateway", "", lane, _GATEWAY, f"<salessim:join step={_quoted(split)}/>"))
            join.attributes["gatewayDirection"] = "Converging"
            self._ways(split, self.scenario.steps[split], join.name)

    def _ways(self, name: str, step: Step, source: str) -> None:
        """The routes of a step: one flow, or an exclusive gateway with a flow for each."""
        if len(step.then) > 1:
            gateway = self._add(_Element(f"choice:{name}", "exclusiveGateway", "", self.elements[source].lane, _GATEWAY, attributes={"gatewayDirection": "Diverging"}))
            self.flows.append(_Flow(source, gateway.name))
            source = gateway.name
        for i, way in enumerate(step.then):
            target = self._goal(name, way.to, way.lost, join=bool(way.join))
            extension = f'<salessim:route step={_quoted(name)} index="{i}">{_json(self._share(step, way))}</salessim:route>'
            condition = str(getattr(way.when, "text", way.when)) if way.when is not None else None
            # A long condition is cut in the drawing; it stands in the flow's own expression.
            self.flows.append(_Flow(source, target, " ".join(wrapped(short_share(self.t, step, way), _ROOM, 11, 2)), extension, condition))

    def _share(self, step: Step, way: Any) -> dict[str, Any]:
        """The share that a reader of the drawing alone would take; ways with conditions are then alike."""
        if len(step.then) == 1:
            return {}
        if any(r.when is not None for r in step.then):
            return {"share": 1 / len(step.then)}
        shares = {g: step.share_of(way, g) for g in self.scenario.segments}
        return {"share": next(iter(shares.values())) if len(set(shares.values())) == 1 else shares}

    def _goal(self, name: str, to: str | None, lost: str | None, *, join: bool = False) -> str:
        if to is not None:
            return f"step:{to}"
        if join:
            return f"join:{self.ends[name]}"
        # One end for each outcome, stage and branch: long lines to one common end would hide the process.
        block = self.inside.get(name, "")
        if lost is None:
            end = _Element(f"end:{self.lane[name]}:{block}", "endEvent", self.t("goal_done"), self.lane[name], _EVENT, _end({"done": True}))
        else:
            end = _Element(f"lost:{self.lane[name]}:{block}:{lost}", "endEvent", lost, self.lane[name], _EVENT, _end({"lost": lost}))
        return self._add(end).name

    def _edge_events(self, name: str, step: Step) -> None:
        """Timers on the edge of a task: patience, and what else may happen first."""
        if patient(self.scenario, step):
            means = [float(law.mean) for g in self.scenario.segments if (law := patience_in(self.scenario, step, g)) is not None]
            given = step.gives_up
            self._edge_event(name, "gives_up", sum(means) / len(means), self.t("kept_waiting"), f"<salessim:gives_up step={_quoted(name)}/>",
                             given.to if given else None, (given.lost if given else None) or self.t("gave_up"))  # fmt: skip
        for i, end in enumerate(step.unless):
            title = self.t.after(end.after)
            self._edge_event(name, f"unless:{i}", float(end.after.mean), title, f'<salessim:unless step={_quoted(name)} index="{i}"/>', end.to, end.lost)

    def _edge_event(self, name: str, what: str, ticks: float, title: str, extension: str, to: str | None, lost: str | None) -> None:
        inside = f'<bpmn:timerEventDefinition><bpmn:timeDuration xsi:type="bpmn:tFormalExpression">{iso_duration(ticks)}</bpmn:timeDuration></bpmn:timerEventDefinition>'
        event = self._add(_Element(f"edge:{name}:{what}", "boundaryEvent", title, self.lane[name], _EVENT, extension, inside, host=f"step:{name}"))
        self.flows.append(_Flow(event.name, self._goal(name, to, lost)))

    def _merge(self) -> None:
        """Exclusive gateways where several ways of one branch come together before a parallel gateway.

        A parallel gateway waits for all of its incoming flows. A fork may therefore have only one, and a join one of
        each branch; where a case takes one of several ways there, these meet in front of it.
        """
        for name, step in self.scenario.steps.items():
            if step.kind != "parallel":
                continue
            self._meet(f"step:{name}", "", [f for f in self.flows if f.target == f"step:{name}"])
            left = [f for f in self.flows if f.target == f"join:{name}"]
            for branch in step.parallel or ():
                inside = set(_reached(self.scenario, [branch]))
                coming = [f for f in left if f.source.partition(":")[2] in inside]
                left = [f for f in left if f not in coming]
                self._meet(f"join:{name}", branch, coming)

    def _meet(self, target: str, branch: str, flows: list[_Flow]) -> None:
        if len(flows) < 2:
            return
        before = _Element(f"merge:{target}:{branch}", "exclusiveGateway", "", self.elements[target].lane, _GATEWAY, attributes={"gatewayDirection": "Converging"})
        # In reading order it stands just in front of the gateway.
        self.elements = {k: v for name, e in self.elements.items() for k, v in (((before.name, before), (name, e)) if name == target else ((name, e),))}
        for f in flows:
            f.target = before.name
        self.flows.append(_Flow(before.name, target))

    def _number(self) -> None:
        """Identifiers by sorted name, so that the order of the file does not matter."""
        for i, name in enumerate(sorted(self.elements), 1):
            element = self.elements[name]
            element.ident = f"{element.tag}_{i}"
        for i, flow in enumerate(sorted(self.flows, key=lambda f: (f.source, f.target, f.title, f.extension)), 1):
            flow.ident = f"flow_{i}"
        for element in self.elements.values():
            if element.host is not None:
                element.attributes["attachedToRef"] = self.elements[element.host].ident

    # --- the drawing ------------------------------------------------------------------------------------------------

    def _drawn(self) -> Layout:
        """The layout, lanes below each other. Flows of edge events leave from their task.

        Ends stand last in their lane, out of the way; in a lane that is broken into several rows, beside their gateway.
        """
        free = [e for e in self.elements.values() if e.host is None]
        crowd = Counter(e.lane for e in free)
        free.sort(key=lambda e: e.tag == "endEvent" and crowd[e.lane] <= _SPACE.most_rows)
        nodes = [Node(e.name, e.lane, e.size[1], e.size[0], centre=e.size != _TASK, beside=_high(e.title) + 6 if e.title and e.size != _TASK else 0.0) for e in free]
        edges = [Edge(self._from(f), f.target, 16.0 if f.title else 0.0, aside=e.host is not None, room=_wide(e.title) + 44 if e.host else 0.0) for f in self.flows for e in (self.elements[f.source],)]
        # A title on the way to the next element has room between the two.
        gap = max([_SPACE.row_gap, *(_wide(f.title) + 22 for f in self.flows if f.title)])
        return lay_out(nodes, edges, len(self.scenario.stages), replace(_SPACE, row_gap=gap, track=max([_SPACE.track, *(_high(f.title) + 3 for f in self.flows if f.title)]))).turned()

    def _from(self, flow: _Flow) -> str:
        return self.elements[flow.source].host or flow.source

    def xml(self) -> str:
        """The whole file, with the facts of its drawing in it: what differs when it comes back is an edit."""
        process = parse_xml(self._file("{}", []).encode(), "drawing").first("process")
        assert process is not None
        return self._file(_json(facts(process, _clean(self.scenario.name))), self._shapes(self._drawn()))

    def _file(self, drawing: str, shapes: Iterable[str]) -> str:
        rest = {**self.data, "stages": {key: {**stage, "steps": {}} for key, stage in self.data["stages"].items()}}
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI"'
            ' xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI"'
            f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:salessim="{OURS}" id="definitions" targetNamespace="{OURS}" exporter="salessim">',
            f'  <bpmn:collaboration id="collaboration"><bpmn:participant id="pool" name={_quoted(self.scenario.name)} processRef="process"/></bpmn:collaboration>',
            f'  <bpmn:process id="process" name={_quoted(self.scenario.name)} isExecutable="false">',
            f"    <bpmn:documentation>{_text(self.scenario.description)}</bpmn:documentation>" if self.scenario.description else "",
            f'    <bpmn:extensionElements><salessim:scenario>{_json(rest)}</salessim:scenario><salessim:drawing>{drawing}</salessim:drawing></bpmn:extensionElements>',
            *self._lanes(),
            *(self._element(e) for e in self.elements.values()),
            *(self._flow(f) for f in self.flows),
            "  </bpmn:process>",
            '  <bpmndi:BPMNDiagram id="diagram"><bpmndi:BPMNPlane id="plane" bpmnElement="collaboration">',
            *shapes,
            "  </bpmndi:BPMNPlane></bpmndi:BPMNDiagram>",
            "</bpmn:definitions>",
        ]
        return "\n".join(p for p in parts if p) + "\n"

    def _lanes(self) -> Iterable[str]:
        yield '    <bpmn:laneSet id="lanes">'
        for i, (name, stage) in enumerate(self.scenario.stages.items()):
            inside = "".join(f"<bpmn:flowNodeRef>{e.ident}</bpmn:flowNodeRef>" for e in self.elements.values() if e.lane == i)
            yield f'      <bpmn:lane id="lane_{i + 1}" name={_quoted(stage.title or name)}><bpmn:extensionElements><salessim:stage name={_quoted(name)}/></bpmn:extensionElements>{inside}</bpmn:lane>'
        yield "    </bpmn:laneSet>"

    def _element(self, e: _Element) -> str:
        named = f" name={_quoted(e.title)}" if e.title else ""
        attributes = "".join(f" {k}={_quoted(v)}" for k, v in e.attributes.items())
        rest = next((f.ident for f in self.flows if f.source == e.name and self._takes_rest(f)), None) if e.tag == "exclusiveGateway" else None
        default = f' default="{rest}"' if rest else ""
        return "".join([
            f'    <bpmn:{e.tag} id="{e.ident}"{named}{attributes}{default}>',
            f"<bpmn:documentation>{_text(e.documentation)}</bpmn:documentation>" if e.documentation else "",
            f"<bpmn:extensionElements>{e.extension}</bpmn:extensionElements>" if e.extension else "",
            *(f"<bpmn:incoming>{f.ident}</bpmn:incoming>" for f in self.flows if f.target == e.name),
            *(f"<bpmn:outgoing>{f.ident}</bpmn:outgoing>" for f in self.flows if f.source == e.name),
            e.inside,
            f"</bpmn:{e.tag}>",
        ])  # fmt: skip

    def _takes_rest(self, flow: _Flow) -> bool:
        """Whether it is the default: the one without condition where others have one; beside mere shares there is none."""
        name = flow.source.removeprefix("choice:")
        own = [f for f in self.flows if f.source == flow.source]
        return any(f.condition for f in own) and self.scenario.steps[name].then[own.index(flow)].rest

    def _flow(self, f: _Flow) -> str:
        condition = f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression" language="{OURS}">{_text(f.condition)}</bpmn:conditionExpression>' if f.condition else ""
        extension = f"<bpmn:extensionElements>{f.extension}</bpmn:extensionElements>" if f.extension else ""
        named = f" name={_quoted(f.title)}" if f.title else ""
        return f'    <bpmn:sequenceFlow id="{f.ident}"{named} sourceRef="{self.elements[f.source].ident}" targetRef="{self.elements[f.target].ident}">{extension}{condition}</bpmn:sequenceFlow>'

    def _shapes(self, layout: Layout) -> Iterable[str]:
        """Pool, lanes, nodes and arrows; everything is moved right by the titles of pool and lane."""
        shift = 2 * _HEADER
        yield _shape("pool", Place(0, 0, layout.width + shift, layout.height), horizontal=True)
        bounds = [0.0]
        bounds += [below.y - 6 for below in layout.lanes[1:]]  # lines that run between two lanes mostly belong to the upper one
        bounds.append(layout.height)
        for i, (top, bottom) in enumerate(pairwise(bounds)):
            yield _shape(f"lane_{i + 1}", Place(_HEADER, top, layout.width + shift - _HEADER, bottom - top), horizontal=True)
        begins = {f.source: line for f, line in zip(self.flows, layout.lines, strict=True) if self.elements[f.source].host is not None}
        touched = {(name, y) for f, line in zip(self.flows, layout.lines, strict=True) for name, (_, y) in ((f.source, line.points[0]), (f.target, line.points[-1]))}
        for e in self.elements.values():
            if e.host is None:
                p = layout.nodes[e.name]
                box = Place(p.x + shift, p.y, p.width, p.height)
                yield _shape(e.ident, box, _outside(box, e.title, (e.name, p.y) in touched, (e.name, p.y + p.height) in touched) if e.size != _TASK else None)
            else:
                (x, y), (_, towards) = begins[e.name].points[:2]
                yield _shape(e.ident, Place(x + shift - 18, y - 18, 36, 36), _beside(x + shift, y, e.title, towards < y))
        stacked: Counter[str] = Counter()  # titles of ways that rise from one gateway stand above each other
        for f, line in zip(self.flows, layout.lines, strict=True):
            yield _edge(f, line, shift, self.elements[f.source].host is not None, stacked[f.source])
            if f.title and line.points[1][1] < line.points[0][1]:
                stacked[f.source] += round(_high(f.title))


# --- pieces ----------------------------------------------------------------------------------------------------


def _blocks(scenario: Scenario) -> dict[str, str]:
    """For each step inside a branch the parallel step around it, the innermost one."""
    found: dict[str, str] = {}
    for name, split in scenario.steps.items():
        found |= dict.fromkeys(_reached(scenario, split.parallel or ()), name)
    return found


def _reached(scenario: Scenario, starts: Iterable[str]) -> list[str]:
    """The steps to which a case comes from some steps without leaving its branch, these included."""
    found: list[str] = []
    todo = list(starts)
    while todo:
        at = todo.pop()
        if at not in found:
            found.append(at)
            todo += goals(scenario.steps[at])
    return found


def iso_duration(ticks: float) -> str:
    """A time in the notation of ISO 8601, to whole seconds.

    Example:
        >>> iso_duration(90 * MINUTE), iso_duration(36 * HOUR), iso_duration(0)
        ('PT1H30M', 'P1DT12H', 'PT0S')
    """
    left = round(ticks / SECOND)
    days, left = divmod(left, DAY // SECOND)
    hours, left = divmod(left, HOUR // SECOND)
    minutes, seconds = divmod(left, MINUTE // SECOND)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{f'{days}D' if days else ''}{f'T{clock}' if clock or not days else ''}" + ("" if clock or days else "0S")


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n" or (c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) not in (0xFFFE, 0xFFFF)) else "\ufffd" for c in text)


def _text(text: str | None) -> str:
    return escape(_clean(text or ""))


def _quoted(text: str) -> str:
    return quoteattr(_clean(text))


def _json(data: Any) -> str:
    """Plain data as text; what JSON writes in ASCII is also free of what XML cannot hold."""
    return escape(json.dumps(data, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f").translate(_ESCAPED))


_ESCAPED = {c: f"\\u{c:04x}" for c in (0xFFFE, 0xFFFF, *range(0xD800, 0xE000))}


def _end(outcome: dict[str, Any]) -> str:
    return f"<salessim:end>{_json(outcome)}</salessim:end>"


def _bounds(p: Place) -> str:
    return f'<dc:Bounds x="{p.x:.0f}" y="{p.y:.0f}" width="{p.width:.0f}" height="{p.height:.0f}"/>'


def _shape(ident: str, place: Place, label: Place | None = None, *, horizontal: bool = False) -> str:
    extra = ' isHorizontal="true"' if horizontal else ""
    said = f"<bpmndi:BPMNLabel>{_bounds(label)}</bpmndi:BPMNLabel>" if label else ""
    return f'    <bpmndi:BPMNShape id="{ident}_shape" bpmnElement="{ident}"{extra}>{_bounds(place)}{said}</bpmndi:BPMNShape>'


def _rows(title: str) -> list[str]:
    """A title as modellers break it."""
    return wrapped(title, _ROOM, 11, 8)


def _wide(title: str) -> float:
    return max(width(row, 11) for row in _rows(title)) + 2


def _high(title: str) -> float:
    return 14.0 * len(_rows(title))


def _outside(p: Place, title: str, above: bool, below: bool) -> Place | None:
    """Where the title of an event or gateway stands: above it, or where a line comes from there, below it, or else beside the line."""
    if not title:
        return None
    wide, high = _wide(title), _high(title)
    x = p.x + p.width / 2
    if above and below:
        return Place(x + 4, p.y - high - 2, wide, high)
    return Place(x - wide / 2, p.y + p.height + 4 if above else p.y - high - 4, wide, high)


def _beside(x: float, y: float, title: str, up: bool) -> Place:
    """Where the title of an event on the edge of a task stands: to the right of its way out."""
    return Place(x + 20, y - 4 - _high(title) if up else y + 4, _wide(title), _high(title))


def _edge(f: _Flow, line: Line, shift: float, from_edge: bool, taken: float) -> str:
    points = [(x + shift, y) for x, y in line.points]
    if from_edge:  # the arrow begins at the rim of the event
        (x, y), (_, below) = points[0], points[1]
        points[0] = (x, y + 18 if below > y else y - 18)
    said = f"<bpmndi:BPMNLabel>{_bounds(_label(points, f.title, taken))}</bpmndi:BPMNLabel>" if f.title else ""
    bends = "".join(f'<di:waypoint x="{x:.0f}" y="{y:.0f}"/>' for x, y in points)
    return f'    <bpmndi:BPMNEdge id="{f.ident}_edge" bpmnElement="{f.ident}">{bends}{said}</bpmndi:BPMNEdge>'


def _label(points: list[tuple[float, float]], title: str, taken: float) -> Place:
    """Where the title of a flow stands: above its first level stretch, or where it rises, beside its beginning, of which so much is taken."""
    wide, high = _wide(title), _high(title)
    if len(points) == 2 and points[0][0] == points[1][0]:
        return Place(points[0][0] + 4, (points[0][1] + points[1][1] - high) / 2, wide, high)
    if points[1][1] < points[0][1]:
        return Place(points[0][0] + 4, points[0][1] - high - 4 - taken, wide, high)
    (x, y), (x1, _) = points[0:2] if points[0][1] == points[1][1] else points[1:3]
    return Place(x + 4 if x1 >= x else x - 4 - wide, y - high - 2, wide, high)
