"""BPMN 2.0 files read into a diagram: one process, with its subprocesses opened out.

What stands in the file is read here, element by element; what it means for a case is `exchange.journey`'s concern.
Elements that only document (data, texts, groups) have no effect; they and every element that is not understood are
named in the remarks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salessim.errors import ScenarioError
from salessim.exchange.diagram import Diagram, Flow, Kind, Node
from salessim.exchange.facts import OURS, edits, facts, meaning, plain
from salessim.exchange.remarks import Level, Remarks
from salessim.exchange.xml import Element

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
MOST_NODES = 2000

_TASKS = {"task", "userTask", "manualTask", "serviceTask", "sendTask", "receiveTask", "scriptTask", "businessRuleTask"}
_GATEWAYS: dict[str, Kind] = {
    "exclusiveGateway": "exclusive", "parallelGateway": "parallel", "inclusiveGateway": "inclusive", "eventBasedGateway": "race", "complexGateway": "exclusive",
}  # fmt: skip
_EVENTS: dict[str, Kind] = {
    "startEvent": "start", "endEvent": "end", "intermediateCatchEvent": "catch", "intermediateThrowEvent": "pass", "boundaryEvent": "boundary",
}  # fmt: skip
_SUBPROCESSES = {"subProcess", "transaction", "adHocSubProcess"}
NO_EFFECT = {
    "documentation", "extensionElements", "laneSet", "sequenceFlow", "dataObject", "dataObjectReference", "dataStoreReference", "textAnnotation", "association",
    "group", "ioSpecification", "property", "monitoring", "auditing", "artifact", "incoming", "outgoing", "correlationSubscription", "resourceRole", "performer",
    "humanPerformer", "potentialOwner", "ioBinding", "supportedInterfaceRef", "standardLoopCharacteristics", "multiInstanceLoopCharacteristics",
}  # fmt: skip
_THROWN = ("error", "escalation", "cancel")
"""Events that leave a subprocess at its edge."""
_DOCUMENTS = {"dataObjectReference", "dataStoreReference", "textAnnotation", "group"}


def read_diagram(root: Element, file: str, remarks: Remarks, process: str | None = None) -> Diagram:
    """The process of a BPMN file.

    Args:
        root: the file's root element.
        file: what messages call the file.
        remarks: takes what is not understood.
        process: identifier or name of the process, where there are several.

    Raises:
        ScenarioError: not BPMN 2.0, no process or several, an element without identifier, a flow that leads nowhere.
    """
    if root.space != BPMN or root.tag != "definitions":
        raise ScenarioError(f"{file}:{root.line}", f"this is <{root.tag}>, not BPMN 2.0", "export the diagram as BPMN 2.0 XML")
    _refuse_twins(root, file)
    chosen = _choose(root, file, process)
    reader = _Reader(root, file, remarks)
    diagram = reader.process(chosen)
    for collaboration in root.all("collaboration"):
        for pool in collaboration.all("participant"):
            if pool.get("processRef") != chosen.get("id"):
                remarks.add("differs", pool.get("id") or f"line {pool.line}", pool.get("name") or "", "participant", "another pool, which is not simulated")
        if flows := list(collaboration.all("messageFlow")):
            named = ", ".join(sorted(repr(f.get("name") or f.get("id")) for f in flows)[:5])
            remarks.add("differs", f"{len(flows)} message flows", named, "messageFlow", "messages between pools are not simulated; an event that waits for one has a time of its own")
    for space, count in sorted(_vendors(root).items()):
        remarks.add("differs", space[:80], "", "vendor extension", f"{count} elements or attributes of it are not read")
    return diagram


_OF_THE_STANDARD = ("http://www.omg.org/spec/", "http://www.w3.org/", OURS)


def _vendors(root: Element) -> Counter[str]:
    """Namespaces that are not of BPMN, and how often something of them stands in the processes; colours are layout."""
    found: Counter[str] = Counter()
    todo = [child for child in root.children if child.tag != "BPMNDiagram"]
    while todo:
        element = todo.pop()
        found.update(s for s in (element.space, *element.foreign) if s and not s.startswith(_OF_THE_STANDARD))
        if not element.space or element.space.startswith(_OF_THE_STANDARD):  # what is in a foreign element belongs to it
            todo += element.children
    return found


def _refuse_twins(root: Element, file: str) -> None:
    """An identifier that two elements have could mean either of them."""
    seen: set[str] = set()
    for element in _within(root):
        ident = element.get("id")
        if element.space == BPMN and ident is not None:
            if ident in seen:
                raise ScenarioError(f"{file}:{element.line}", f"the id {ident!r} is used twice", "give each element its own")
            seen.add(ident)


def _choose(root: Element, file: str, process: str | None) -> Element:
    called = {e.get("calledElement") for p in root.all("process") for e in _within(p) if e.tag == "callActivity"}
    found = [p for p in root.all("process") if any(c.tag in _TASKS | _GATEWAYS.keys() | _EVENTS.keys() | _SUBPROCESSES | {"callActivity"} for c in p.children)]
    found = [p for p in found if p.get("id") not in called] or found
    names = {p.get("id"): _pool(root, p) or p.get("name") for p in found}
    if process is not None:
        found = [p for p in found if process in (p.get("id"), p.get("name"), names[p.get("id")])]
    told = ", ".join(sorted(str(n or i) for i, n in names.items()))
    if not found:
        raise ScenarioError(file, f"there is no process {process!r}" if process else "there is no process with anything in it", f"use one of {told}" if told else "draw one")
    if len(found) > 1:
        raise ScenarioError(file, f"there are {len(found)} processes ({told})", "say 'process: NAME' in the parameters; a scenario is one process")
    return found[0]


def _within(element: Element) -> Iterator[Element]:
    """Everything inside an element, in the order of the file."""
    todo = [element]
    while todo:
        here = todo.pop()
        yield here
        todo += reversed(here.children)


def _pool(root: Element, process: Element) -> str | None:
    pools = [e.get("name") for c in root.all("collaboration") for e in c.all("participant") if e.get("processRef") == process.get("id")]
    return next((name for name in pools if name), None)


class _Reader:
    """Reads one process into one diagram."""

    def __init__(self, root: Element, file: str, remarks: Remarks) -> None:
        self.root, self.file, self.remarks = root, file, remarks
        self.undoing: dict[str, str] = {}
        """Activities that compensate others, which nothing else may lead to."""
        self.called: set[str] = set()
        """Processes of this file that a call activity has brought in."""
        self.links: dict[str, list[tuple[str, str]]] = {}
        """Link events by name: (throw or catch, identifier)."""

    def process(self, element: Element) -> Diagram:
        pool = _pool(self.root, element)
        self.diagram = Diagram(pool or element.get("name") or Path(self.file).stem, f"{self.file}:{element.line}", pool=pool)
        self.diagram.scenario = self.ours(element, "scenario")
        drawing = self.ours(element, "drawing")
        if self.diagram.scenario is not None and drawing and all(isinstance(said, dict) for said in drawing.values()):
            self.diagram.as_written, self.diagram.as_drawn = drawing, facts(element, pool)
            self.diagram.edits = edits(self.diagram.as_written, self.diagram.as_drawn)
        self.inside(element, None, None, {})
        if len(self.diagram.nodes) > MOST_NODES:
            raise ScenarioError(self.diagram.place, f"the process has more than {MOST_NODES} tasks, events and gateways", "take the part that matters")
        self.join_links()
        for flow in self.diagram.flows.values():
            for end, what in ((flow.source, "comes from"), (flow.target, "leads to")):
                if end in self.undoing:
                    raise ScenarioError(self.file, f"the flow {flow.id!r} {what} {self.undoing[end]}, which is for compensation only", "delete the flow, or take the mark of compensation away")
                if end not in self.diagram.nodes:
                    raise ScenarioError(self.file, f"the flow {flow.id!r} {what} {end!r}, which is no task, event or gateway of this process", "draw the flow again")
        self.diagram.connect()
        self.refuse_open_ends()
        return self.diagram

    def identity(self, element: Element) -> str:
        found = element.get("id")
        if found is None:
            raise ScenarioError(f"{self.file}:{element.line}", f"<{element.tag}> has no id", "export the diagram again")
        return found

    def ours(self, element: Element, tag: str) -> Any:
        """The JSON that we wrote into an element's extension, or None."""
        extension = element.first("extensionElements")
        found = extension.first(tag, OURS) if extension is not None else None
        if found is None:
            return None
        try:
            data = json.loads(found.text, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(f"{c} is no number")))
            if not isinstance(data, dict):
                raise ValueError("it is no object")
        except (ValueError, RecursionError) as wrong:
            raise ScenarioError(f"{self.file}:{found.line}", f"the JSON in <salessim:{tag}> cannot be read ({str(wrong)[:80]})", "write it again with 'salessim describe', or remove it") from None
        return data

    # --- containers ------------------------------------------------------------------------------------------------

    def inside(self, element: Element, group: str | None, lane: str | None, caught: dict[str, str]) -> list[Node]:
        """Everything in a process or subprocess; `caught` says where its error ends lead. Returns the nodes added."""
        lanes = dict(_lanes(element))
        added: list[Node] = []
        deferred: list[tuple[Element, str | None]] = []
        for child in element.children:
            if child.space == BPMN and child.tag in _DOCUMENTS:
                text = child.first("text")
                self.remarks.add("differs", child.get("id") or f"line {child.line}", plain(child.get("name") or (text.text if text is not None else ""))[:60], child.tag, "it only documents, and does nothing to a case")
            if child.space != BPMN or child.tag in NO_EFFECT:
                continue
            here = lanes.get(child.get("id") or "", lane)
            if child.tag in _SUBPROCESSES or self.callee(child) is not None:
                deferred.append((child, here))
            elif (node := self.node(child, here, group)) is not None:
                added.append(node)
        known = {child.get("id") for child in element.children}
        for ident, lane_name in lanes.items():
            if ident not in known:
                self.remarks.add("differs", ident, lane_name, "flowNodeRef", "the lane names it, but there is no such element")
        errors = self.error_handlers(element)
        for child, here in deferred:
            if child.tag == "callActivity" and self.callee(child) is None:  # a second call of the same process
                added += [node for node in (self.node(child, here, group),) if node is not None]
                continue
            added += self.subprocess(child, here, group, {**caught, **errors.get(child.get("id") or "", {})})
        for child in element.all("sequenceFlow"):
            self.flow(child)
        return added

    def callee(self, element: Element) -> Element | None:
        """The process of this file that a call activity calls, if it is the first to do so."""
        called = element.get("calledElement") if element.tag == "callActivity" else None
        return next((p for p in self.root.all("process") if called is not None and p.get("id") == called and called not in self.called), None)

    def error_handlers(self, element: Element) -> dict[str, dict[str, str]]:
        """For each activity, which boundary event catches which error, escalation or cancellation ("error:" is any)."""
        found: dict[str, dict[str, str]] = {}
        for child in element.all("boundaryEvent"):
            for word in _THROWN:
                definition = child.first(f"{word}EventDefinition")
                if definition is not None and child.get("attachedToRef") and child.get("cancelActivity") != "false":
                    found.setdefault(str(child.get("attachedToRef")), {})[f"{word}:{definition.get(f'{word}Ref') or ''}"] = str(child.get("id"))
        return found

    def subprocess(self, element: Element, lane: str | None, group: str | None, caught: dict[str, str]) -> list[Node]:
        """Open a subprocess out: its parts take its place, between a way in and a way out."""
        ident = self.identity(element)
        name = element.get("name") or ident
        body = self.callee(element) or element
        if body is not element:
            self.called.add(str(body.get("id")))
        if element.get("triggeredByEvent") == "true":
            self.remark("changed", element, "event subprocess", "it never starts")
            return []
        if element.tag == "adHocSubProcess" or not any(c.space == BPMN and c.tag not in NO_EFFECT for c in body.children):
            kind = "adHocSubProcess" if element.tag == "adHocSubProcess" else "collapsed subprocess"
            self.remark("changed", element, kind, "taken for one step whose time is all of it")
            return [self.put(Node(ident, element.get("name") or "", "task", element.tag, self.place(element), lane=lane, group=group))]
        if element.tag == "transaction":
            self.remark("differs", element, "transaction", "taken for an ordinary subprocess")
        if loop := self.loop(element)[0]:
            self.remark("changed", element, f"{loop} repetition of a subprocess", "done once")
        way_in = self.put(Node(ident, "", "pass", element.tag, self.place(element), group=group))
        # All tokens of a subprocess must have ended before it goes on: an inclusive join.
        way_out = self.put(Node(f"{ident}:out", "", "inclusive", element.tag, self.place(element), group=group, default=element.get("default")))
        parts = self.inside(body, group or name, lane, caught)
        inner = [n for n in parts if n.kind != "boundary"]
        targets = {f.target for f in self.diagram.flows.values()}
        starts = [n for n in inner if n.kind == "start"] or [n for n in inner if n.id not in targets]
        if len(starts) != 1:
            raise ScenarioError(self.place(element), f"the subprocess {name!r} has {len(starts)} starts", "give it exactly one start event")
        for start in (n for n in inner if n.kind == "start"):
            start.kind = "pass"
        self.diagram.link(ident, starts[0].id, f"{ident}:enter")
        sources = {f.source for f in self.diagram.flows.values()}
        for node in inner:
            if node.kind == "end" and node.definition in _THROWN:
                handler = caught.get(f"{node.definition}:{node.error or ''}", caught.get(f"{node.definition}:"))
                if handler is not None:
                    node.kind = "pass"
                    self.diagram.link(node.id, f"{handler}:caught", f"{node.id}:error")
            elif node.kind == "end" or (node.id not in sources and node is not way_out and node.id != ident):
                if node.kind == "end":
                    node.kind = "pass"
                    if node.definition == "terminate":
                        self.remarks.add("differs", node.id, node.name, "terminate in a subprocess", "only its own branch ends there; others that have begun are waited for")
                self.diagram.link(node.id, way_out.id, f"{node.id}:leave")
        self.around(element, [n.id for n in inner if n.kind == "task"])
        return [way_in, *parts, way_out]

    def around(self, element: Element, tasks: list[str]) -> None:
        """Events on the edge of a subprocess: they end its only task, or cannot be expressed."""
        for node in list(self.diagram.nodes.values()):
            if node.kind != "boundary" or node.host != element.get("id"):
                continue
            thrown = any(f.target == f"{node.id}:caught" for f in self.diagram.flows.values())
            if len(tasks) == 1 and not thrown:
                node.host = tasks[0]
                continue
            node.kind = "pass"  # which nothing leads to
            if not thrown:
                self.remarks.add("changed", node.id, node.name, f"boundary {node.definition} of a subprocess", "it never happens, for it could end any of several steps")

    # --- single elements -------------------------------------------------------------------------------------------

    def place(self, element: Element) -> str:
        return f"{self.file}:{element.line}"

    def remark(self, level: Level, element: Element, kind: str, instead: str) -> None:
        self.remarks.add(level, element.get("id") or f"line {element.line}", element.get("name") or "", kind, instead)

    def put(self, node: Node) -> Node:
        self.diagram.nodes[node.id] = node
        return node

    def node(self, element: Element, lane: str | None, group: str | None) -> Node | None:
        """A task, event or gateway; None for what is only remarked on."""
        tag = element.tag
        if tag not in _TASKS and tag not in _GATEWAYS and tag not in _EVENTS and tag != "callActivity":
            self.remark("changed", element, tag, "left out, for it is not known here")
            return None
        ident = self.identity(element)
        kind: Kind = "task" if tag in _TASKS or tag == "callActivity" else _GATEWAYS.get(tag) or _EVENTS[tag]
        node = Node(ident, " ".join((element.get("name") or "").split()), kind, tag, self.place(element), lane=lane, group=group, default=element.get("default"))
        node.step, node.outcome = self.ours(element, "step"), self.ours(element, "end")
        self.recognise(element, node)
        if tag == "callActivity":
            self.remark("changed", element, tag, "the process it calls is elsewhere or stands here already; taken for one step whose time is all of it")
        if tag == "complexGateway":
            self.remark("changed", element, tag, "taken for an exclusive gateway")
        if element.get("isForCompensation") == "true":
            self.remark("changed", element, "compensation", "it never happens")
            self.undoing[ident] = node.label
            return None
        if kind == "race" and element.get("eventGatewayType") == "Parallel":
            self.remark("changed", element, tag, "goes on with the first of its events instead of waiting for all")
        for child in element.children:
            if child.tag in ("resourceRole", "performer", "humanPerformer", "potentialOwner"):
                self.remark("differs", element, child.tag, "not read; people come from lanes and parameters")
        if kind == "race" and element.get("instantiate") == "true":
            raise ScenarioError(node.place, f"{node.label} starts cases by one of several events", "draw one start event for each")
        if kind == "task":
            node.loop, node.repeats = self.loop(element)
        elif tag in _EVENTS:
            self.event(element, node)
        return self.put(node)

    def recognise(self, element: Element, node: Node) -> None:
        """What a node stands for, if we wrote it."""
        word, name, *number = [*meaning(element), "", ""]
        if word == "step" and node.step is not None:
            node.step_name = node.written = name
            extension = element.first("extensionElements")
            told = extension.first("step", OURS) if extension is not None else None
            node.stage = told.get("stage") if told is not None else None
        elif word == "join":
            node.joins = name
        elif word == "channel":
            node.channel = name
        elif word in ("spawn", "gives_up", "unless"):
            node.means = word, name, _whole(number[0], 0) or 0

    def loop(self, element: Element) -> tuple[str | None, int | None]:
        """How an activity is repeated, and how often at most (standard) or exactly."""
        if (standard := element.first("standardLoopCharacteristics")) is not None:
            return "standard", _whole(standard.get("loopMaximum"))
        if (many := element.first("multiInstanceLoopCharacteristics")) is not None:
            count = many.first("loopCardinality")
            return ("sequential" if many.get("isSequential") == "true" else "parallel"), _whole(count.text.strip() if count is not None else None)
        return None, None

    def event(self, element: Element, node: Node) -> None:
        """What an event waits for or tells."""
        definitions = [c for c in element.children if c.space == BPMN and c.tag.endswith("EventDefinition")]
        named = {d.get("id"): d for d in self.root.children if d.tag.endswith("EventDefinition")}
        definitions += [named[r.text.strip()] for r in element.all("eventDefinitionRef") if r.text.strip() in named]
        if len(definitions) > 1:
            node.definition = "multiple"
            self.remark("differs", element, "multiple event", f"{len(definitions)} events in one; it has one time, whichever comes")
        elif definitions:
            node.definition = definitions[0].tag.removesuffix("EventDefinition")
            if node.definition == "timer":
                node.timer = next((" ".join(c.text.split()) for c in definitions[0].children if c.tag in ("timeDuration", "timeCycle", "timeDate") and c.text.strip()), None)
            if node.definition in _THROWN:
                node.error = definitions[0].get(f"{node.definition}Ref")
        node.interrupting = element.get("cancelActivity") != "false"
        node.host = element.get("attachedToRef")
        if node.definition == "link" and node.kind in ("pass", "catch"):
            self.links.setdefault(node.name, []).append((node.kind, node.id))
            node.kind = "pass"
        elif node.kind == "pass" and node.definition == "compensate":
            self.remark("changed", element, "compensation", "nothing is undone; the case passes")
        elif node.kind == "pass" and node.definition not in ("none", "link"):
            self.remark("differs", element, f"{node.definition} thrown", "nobody else is told; the case passes")
        if node.kind == "boundary" and node.definition in _THROWN:
            # Errors of a subprocess come in here by a flow of their own.
            self.put(Node(f"{node.id}:caught", "", "pass", "boundaryEvent", node.place, group=node.group))

    def flow(self, element: Element) -> None:
        ident = self.identity(element)
        source, target = element.get("sourceRef"), element.get("targetRef")
        if source is None or target is None:
            raise ScenarioError(self.place(element), f"the flow {ident!r} has no {'source' if source is None else 'target'}", "connect it at both ends, or delete it")
        if f"{source}:out" in self.diagram.nodes:
            source = f"{source}:out"
        condition = element.first("conditionExpression")
        flow = Flow(ident, plain(element.get("name")), source, target, plain(condition.text) if condition is not None else None, self.ours(element, "route") or {})
        if (means := meaning(element)) and means[0] == "route" and (number := _whole(means[2], 0)) is not None:
            flow.of = means[1], number
        self.diagram.flows[ident] = flow
        if f"{source}:caught" in self.diagram.nodes:
            self.diagram.link(f"{source}:caught", target, f"{ident}:caught")

    def join_links(self) -> None:
        """A link event continues at the link event of the same name."""
        for name, ends in sorted(self.links.items()):
            catches = [i for kind, i in ends if kind == "catch"]
            if len(catches) != 1:
                raise ScenarioError(self.file, f"the link {name!r} leads to {len(catches)} places", "draw exactly one catching link event of that name")
            for kind, ident in ends:
                if kind == "pass":
                    self.diagram.link(ident, catches[0], f"{ident}:link")

    def refuse_open_ends(self) -> None:
        diagram = self.diagram
        for node in sorted(diagram.nodes.values(), key=lambda n: n.id):
            if not diagram.after[node.id] and node.kind in ("exclusive", "inclusive", "parallel", "race", "boundary") and not node.id.endswith(":out") and node.definition != "compensate":
                raise ScenarioError(node.place, f"nothing follows {node.label} ({node.tag})", "draw where the case goes from there")
            if node.kind == "boundary" and node.host not in diagram.nodes:
                raise ScenarioError(node.place, f"{node.label} stands on {node.host!r}, which is not there", "put it on an activity")
            if node.kind == "boundary" and (host := diagram.nodes[str(node.host)]).kind not in ("task", "catch"):
                raise ScenarioError(node.place, f"{node.label} stands on {host.label} ({host.tag}), which is no activity", "put it on an activity")


def _lanes(element: Element) -> Iterator[tuple[str, str]]:
    """(flow node, innermost lane with a name) of a process."""
    todo = [(lane, None) for s in element.all("laneSet") for lane in s.all("lane")]
    while todo:
        lane, outer = todo.pop()
        name: Any = " ".join((lane.get("name") or "").split()) or outer
        inner = [child for s in lane.all("childLaneSet") for child in s.all("lane")]
        if name:
            nested = {r.text.strip() for child in inner for r in child.all("flowNodeRef")}
            for reference in lane.all("flowNodeRef"):
                if reference.text.strip() not in nested:
                    yield reference.text.strip(), name
        todo += [(child, name) for child in inner]


def _whole(text: str | None, least: int = 1) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text) >= least else None
