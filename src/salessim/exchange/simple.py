"""A diagram made simple before it becomes steps: without what no case comes to, one way out of everything but gateways."""

from __future__ import annotations

from collections.abc import Iterable

from salessim.errors import ScenarioError
from salessim.exchange.diagram import Diagram, Flow, Kind, Node, without
from salessim.exchange.remarks import Remarks
from salessim.exchange.settings import Settings
from salessim.scenario.formulas import formula


def reached(diagram: Diagram, remarks: Remarks) -> tuple[Diagram, list[Node]]:
    """The diagram without what no case comes to, and where cases begin."""
    nodes = diagram.nodes
    starts = sorted((n for n in nodes.values() if n.kind == "start"), key=lambda n: n.id)
    if not starts:
        starts = sorted((n for n in nodes.values() if not diagram.before[n.id] and n.kind not in ("boundary", "end")), key=lambda n: n.id)
        first, starts = [n for n in starts if n.tag != "boundaryEvent"], []
        for node in first:
            remarks.add("differs", node.id, node.name, node.tag, "cases begin here, for nothing leads to it and there is no start event")
            starts.append(Node(f"{node.id}:start", node.name, "start", "startEvent", node.place))
            diagram.add(starts[-1])
            diagram.link(f"{node.id}:start", node.id, f"{node.id}:start:in")
        diagram.connect()
    if not starts:
        raise ScenarioError(diagram.place, "the process has no beginning", "draw a start event")
    found: set[str] = set()
    todo = [n.id for n in starts] + [n.id for n in nodes.values() if n.step is not None]
    hosted: dict[str | None, list[str]] = {}
    for node in nodes.values():
        if node.kind == "boundary":
            hosted.setdefault(node.host, []).append(node.id)
    while todo:
        ident = todo.pop()
        if ident not in found:
            found.add(ident)
            todo += [f.target for f in diagram.after[ident]] + hosted.get(ident, [])
    for node in nodes.values():
        if node.id not in found and node.kind not in ("pass", "inclusive") and not node.id.endswith((":out", ":caught")):
            remarks.add("differs", node.id, node.name, node.tag, "left out, for no case comes to it")
    return without(diagram, found), starts


def read_conditions(diagram: Diagram, settings: Settings, attributes: Iterable[str]) -> None:
    """Take conditions that are formulas about known attributes: "discount > 0.1", also as `${...}` or `=...`."""
    known = set(attributes)
    for flow in diagram.flows.values():
        if not flow.condition or flow.of is not None or flow.route or flow.id in settings.flows or not settings.assumed:
            continue
        text = flow.condition.removeprefix("=").strip()
        text = (text[2:-1] if text[:2] in ("${", "#{") and text.endswith("}") else text).replace("&&", " and ").replace("||", " or ").strip()
        try:
            names = formula(text).names("attribute")
        except ValueError:
            continue
        if names and names <= known:
            flow.route = {"when": text}


def split_gateways(diagram: Diagram, settings: Settings, remarks: Remarks) -> None:
    """Several ways out of a task become a gateway; a gateway that joins and splits becomes two."""
    for node in sorted(diagram.nodes.values(), key=lambda n: n.id):
        flows = diagram.after[node.id]
        way_out = node.id.endswith(":out")
        if node.kind in ("exclusive", "inclusive") and len(flows) == 1 and flows[0].condition:
            remarks.add("differs", flows[0].id, flows[0].name, "condition", f"{flows[0].condition[:60]!r} has no effect, for there is no other way")
        if len(flows) < 2 or node.kind in ("exclusive", "race"):
            continue
        if node.kind in ("parallel", "inclusive") and not way_out:
            if len(diagram.before[node.id]) > 1:
                _move_out(diagram, node, node.kind, flows)
            continue
        conditional = [f for f in flows if f.conditional]
        if conditional:
            for flow in flows:
                if not flow.conditional and flow.id != node.default:
                    settings.flows.setdefault(flow.id, {"share": 1.0})
        _move_out(diagram, node, "inclusive" if conditional else "parallel", flows)
    diagram.connect()


def _move_out(diagram: Diagram, node: Node, kind: Kind, flows: list[Flow]) -> None:
    name = node.name if node.kind == kind or not node.name else f"after {node.name}"
    split = Node(f"{node.id}:split", name, kind, node.tag, node.place, lane=node.lane, group=node.group, default=node.default)
    if node.kind == kind:  # a gateway: what we wrote about it concerns the split
        split.step, split.step_name, split.written, split.stage = node.step, node.step_name, node.written, node.stage
        node.step = node.written = None
    diagram.add(split)
    for flow in flows:
        flow.source = split.id
    diagram.link(node.id, split.id, f"{split.id}:in")


def gateways_in_circles(diagram: Diagram) -> set[str]:
    """Exclusive gateways from which a case may come back without passing anything that takes time."""
    through = {n.id for n in diagram.nodes.values() if n.kind in ("exclusive", "pass")}
    after = {n: [f.target for f in diagram.after[n] if f.target in through] for n in through}
    open_ways = {n: len(targets) for n, targets in after.items()}
    dead = [n for n, count in open_ways.items() if not count]  # no way back from where no way leads on
    while dead:
        here = dead.pop()
        for flow in diagram.before[here]:
            if flow.source in open_ways:
                open_ways[flow.source] -= 1
                if not open_ways[flow.source]:
                    dead.append(flow.source)
    after = {n: [t for t in targets if open_ways[t]] for n, targets in after.items() if open_ways[n]}
    found = set()
    for ident in after:
        todo, seen = list(after[ident]), set[str]()
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += after[here]
        if ident in seen and diagram.nodes[ident].kind == "exclusive":
            found.add(ident)
    return found
