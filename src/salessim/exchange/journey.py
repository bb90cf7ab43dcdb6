"""From a diagram to the steps of a scenario: what a case does at each element and where it goes from there.

Tasks, events that take time, event-based gateways and blocks of branches become steps; exclusive gateways dissolve
into the shares of the steps before them, and joins into `join`. Where a gateway has to stand alone (conditions, a way
back to itself) it becomes an automatic step that takes no time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Any

from salessim.describing.words import WORDS
from salessim.errors import ScenarioError
from salessim.exchange import inclusive, shares, simple
from salessim.exchange.diagram import Diagram, Flow, Node
from salessim.exchange.names import apart, clean, mark
from salessim.exchange.remarks import Remarks
from salessim.exchange.settings import KINDS, OF_TAG, Settings, assumed, timer
from salessim.exchange.shares import Chance, Goal, Shares
from salessim.exchange.structure import END, Structure
from salessim.units import share as read_share

NO_TIME = "0 s"
DEEPEST = 50
"""Exclusive gateways in a row that dissolve; the next one stands alone."""
_PERCENT = re.compile(r"(?<![\w.,])(\d{1,3}(?:[.,]\d+)?)\s*[%％]")
OWN = ("after", "share", "again", "repeats", "stage", "name")
"""What settings may say of an element that is no field of a step."""


class Journey:
    """The steps of one diagram; `steps`, `attributes`, `teams` and `entries` hold the result."""

    def __init__(self, diagram: Diagram, settings: Settings, remarks: Remarks, attributes: Iterable[str] = ()) -> None:
        """Make the steps; `attributes` are those that conditions in the drawing may speak of."""
        self.settings, self.remarks = settings, remarks
        self.steps: dict[str, dict[str, Any]] = {}
        self.stages: dict[str, str | None] = {}
        """The stage of each step, in the order in which cases come to them; None where nothing says it."""
        self.attributes: dict[str, dict[str, Any]] = {}
        self.teams: dict[str, str] = {}
        """Teams that lanes name, with the lane's own words."""
        self.entries: dict[str, str] = {}
        """Where a case goes from each start event."""
        self.diagram, self.starts = simple.reached(diagram, remarks)
        simple.read_conditions(self.diagram, settings, attributes)
        simple.split_gateways(self.diagram, settings, remarks)
        self._lost = {n.id for n in self.diagram.nodes.values() if n.kind == "end" and "lost" in self.outcome(n, True)}
        self.structure = Structure(self.diagram, self._lost)
        self._round = simple.gateways_in_circles(self.diagram)
        self._names = self._name_all()
        self._block: dict[str, str | None] = {}
        """For each node that became a step, the join of the block it lies in."""
        self._dissolved: dict[tuple[str, str | None], list[Chance]] = {}
        self._depth = 0
        self._todo: deque[tuple[Node, str | None]] = deque()
        for start in self.starts:
            self.entries[start.id] = self._single(self._out(start), None, ("to",))[1]
        self._work()
        for node in sorted((n for n in self.diagram.nodes.values() if n.step is not None), key=lambda n: n.id):
            if node.id not in self._block:
                self._need(node, None)  # a step of ours to which no case comes is still a step
                if self.diagram.edits:
                    self.remarks.add("differs", node.id, node.name, node.tag, "no case comes to it; the step is kept")
                self._work()
        self._lead_spawns()

    def _work(self) -> None:
        while self._todo:
            self._step(*self._todo.popleft())

    def _name_all(self) -> dict[str, str]:
        given = {n.id: n.step_name for n in self.diagram.nodes.values() if n.step_name}
        for ident, fields in self.settings.elements.items():
            if "name" in fields and ident in self.diagram.nodes:
                given[ident] = clean(str(fields["name"]), ident)
        wanted = {n.id: clean(n.name, clean(n.id, "step")) for n in self.diagram.nodes.values() if n.id not in given}
        # Tasks first: a gateway of the same name gets the number.
        tasks = {i: name for i, name in wanted.items() if self.diagram.nodes[i].kind in ("task", "catch")}
        named = {**given, **apart(tasks, given.values())}
        return {**named, **apart({i: name for i, name in wanted.items() if i not in tasks}, named.values())}

    # --- where a case goes -----------------------------------------------------------------------------------------

    def _out(self, node: Node) -> Flow | None:
        """The one way out of a node that is no gateway; None where it ends."""
        flows = self.diagram.after[node.id]
        return flows[0] if flows else None

    def outcome(self, node: Node, in_block: bool) -> dict[str, Any]:
        """How a case ends at an end event."""
        if (said := self.settings.ends.get(node.id) or node.outcome) is not None:
            return said
        if node.definition in ("error", "cancel", "escalation") or (node.definition == "terminate" and in_block):
            return {"lost": clean(node.name, "error")}
        return {"done": True}

    def _ending(self, node: Node | None, join: str | None) -> Goal:
        """The goal of a case at an end event, or where nothing follows."""
        outcome = {"done": True} if node is None else self.outcome(node, join is not None)
        if "lost" in outcome:
            assert node is not None
            if node.definition == "terminate":
                self.remarks.add("differs", node.id, node.name, "terminate inside a branch", "the whole case counts as lost there")
            return "lost", clean(str(outcome["lost"]), "error")
        if node is not None and node.definition == "compensate":
            self.remarks.add("changed", node.id, node.name, "compensation", "nothing is undone; the case ends")
        elif node is not None and node.definition not in ("none", "terminate"):
            self.remarks.add("differs", node.id, node.name, f"{node.definition} thrown", "nobody else is told; the case ends")
        return ("done", "") if join is None else ("join", "")

    def _goals(self, flow: Flow | None, join: str | None) -> list[Chance]:
        """What a case on a flow comes to, and how often; exclusive gateways are dissolved, up to a depth."""
        while True:
            if flow is None:
                if join not in (None, END):
                    raise ScenarioError(self.diagram.place, f"a branch ends before {self.diagram.nodes[str(join)].label}, which waits for it", "lead it there")
                return [({"": 1.0}, self._ending(None, join), False)]
            node = self.diagram.nodes[flow.target]
            if node.id == join:
                return [({"": 1.0}, ("join", ""), False)]
            flows = self.diagram.after[node.id]
            if node.kind == "end":
                goal = self._ending(node, join)
                if goal[0] == "join" and join != END:
                    raise ScenarioError(node.place, f"a branch ends at {node.label} before {self.diagram.nodes[str(join)].label}, which waits for it", "lead it there, or end with an error event")
                return [({"": 1.0}, goal, False)]
            gateway = node.kind in ("exclusive", "parallel", "inclusive")
            if node.kind not in ("pass", "start") and not (gateway and len(flows) < 2 and node.step is None):
                break
            if node.kind == "parallel" and len(self.diagram.before[node.id]) > 1:
                raise ScenarioError(node.place, f"{node.label} waits for several ways of which a case takes only one", "join them with an exclusive gateway")
            flow = self._out(node)
        if node.kind != "exclusive" or self._stands_alone(node) or self._depth >= DEEPEST:
            return [({"": 1.0}, ("to", self._need(node, join)), False)]
        known = self._dissolved.get((node.id, join))
        if known is None:
            self._depth += 1
            known = self._dissolved[node.id, join] = self._all_ways(node, join)
            self._depth -= 1
        return known

    def _all_ways(self, gateway: Node, join: str | None) -> list[Chance]:
        """What cases at an exclusive gateway come to."""
        found: list[Chance] = []
        for way, (share, guessed) in zip(self.diagram.after[gateway.id], self._shares(gateway), strict=True):
            found += [(shares.times(share, s), goal, guessed or g) for s, goal, g in self._goals(way, join)]
        return shares.merged(found)

    def _stands_alone(self, gateway: Node) -> bool:
        return gateway.id in self._round or self._special(gateway)

    def _special(self, gateway: Node) -> bool:
        """Whether its flows have more than shares."""
        return any(set(self._route(f)) - {"share", "source", "assumption"} for f in self.diagram.after[gateway.id])

    def _route(self, flow: Flow) -> dict[str, Any]:
        return {**flow.route, **self.settings.flows.get(flow.id, {})}

    def _shares(self, gateway: Node) -> list[tuple[Shares, bool]]:
        """The shares of an exclusive gateway's flows and whether they are assumed; they sum to one for each segment."""
        flows = self.diagram.after[gateway.id]
        given = [self._said(f, gateway) for f in flows]
        missing = [i for i, g in enumerate(given) if g is None]
        segments = {""}.union(*(g for g in given if g is not None))
        total = {s: sum(shares.at(g, s) for g in given if g is not None) for s in segments}
        whole = {s: t for s, t in total.items() if s or segments == {""}}
        wrong = next((s for s in sorted(whole) if whole[s] > 1 + 1e-3 or (not missing and whole[s] < 1 - 1e-3)), None)
        if wrong is not None:
            who = f" for segment {wrong!r}" if wrong else ""
            raise ScenarioError(gateway.place, f"the shares of the flows out of {gateway.label}{who} sum to {100 * whole[wrong]:.4g} %", "make them sum to 100 %")
        if missing and not self.settings.assumed and len(missing) == len(flows):
            raise ScenarioError(gateway.place, f"nothing says how often a case takes which way at {gateway.label}", "add its probabilities")
        guessed = len(missing) > 1
        if guessed:
            ways = ", ".join(_way_words(flows[i], self.diagram) for i in missing)
            self.remarks.add("assumed", gateway.id, gateway.name, gateway.tag, f"nothing says how often each of {len(missing)} ways ({ways}) is taken; they get equal shares of what is left")
        rest = {s: max(0.0, 1 - t) / max(1, len(missing)) for s, t in total.items()}
        scale = {s: 1 / t if not missing and t > 0 else 1.0 for s, t in total.items()}
        return [({s: shares.at(g, s) * scale[s] for s in segments} if g is not None else rest, g is None and guessed) for g in given]

    def _said(self, flow: Flow, gateway: Node) -> Shares | None:
        """The share of a flow as somebody gave it, or as its name says it ("30 %")."""
        said = self._route(flow).get("share")
        if said is None and flow.id not in self.settings.flows and (found := _PERCENT.search(flow.name)):
            said = f"{found[1].replace(',', '.')} %"
        if said is None:
            return None
        try:
            return {"" if s == "default" else str(s): read_share(v) for s, v in said.items()} if isinstance(said, dict) else {"": read_share(said)}
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            raise ScenarioError(gateway.place, f"the share of the flow {flow.id!r}: {problem}", remedy) from None

    def _routes(self, flow: Flow | None, join: str | None) -> list[dict[str, Any]]:
        """The routes of a step whose way out is a flow."""
        gateway = self._next_gateway(flow)
        if gateway is not None and self._special(gateway) and gateway.id not in self._round and len(self.diagram.before[gateway.id]) == 1:
            return self._special_routes(gateway, join)
        return shares.routes(self._goals(flow, join))

    def _next_gateway(self, flow: Flow | None) -> Node | None:
        """The exclusive gateway that a flow leads to."""
        while flow is not None:
            node = self.diagram.nodes[flow.target]
            if node.kind == "exclusive" and len(self.diagram.after[node.id]) > 1:
                return node
            flow = self._out(node) if node.kind == "pass" else None
        return None

    def _special_routes(self, gateway: Node, join: str | None) -> list[dict[str, Any]]:
        """One route for each flow, with its conditions; the default flow, or the only one without anything, takes the rest."""
        routes = []
        for flow in self.diagram.after[gateway.id]:
            fields = {k: v for k, v in self._route(flow).items() if k not in ("to", "lost", "done", "join")}
            said = self._said(flow, gateway)
            if "share" not in fields and said is not None and "when" not in fields:
                fields["share"] = said[""]
            if flow.id == gateway.default:
                fields = {k: v for k, v in fields.items() if k in ("source", "assumption")}
            routes.append({**shares.as_route(self._single(flow, join, ("to", "lost", "done", "join"))), **fields})
        plain = [r for r in routes if not {"share", "when"} & set(r)]
        if len(plain) > 1:
            raise ScenarioError(gateway.place, f"{len(plain)} flows out of {gateway.label} have neither a share nor a condition", "give all but one of them 'share' or 'when'")
        if not plain and shares.take_rest(routes):
            self.remarks.add("differs", gateway.id, gateway.name, gateway.tag, shares.NONE_FREE)
        return routes

    def _single(self, flow: Flow | None, join: str | None, allowed: Iterable[str]) -> Goal:
        """The one goal of a flow; where it has several, or none of the allowed kind, a step that takes no time."""
        goals = shares.routes(self._goals(flow, join))
        if len(goals) == 1:
            kind = next(k for k in ("to", "lost", "done", "join") if k in goals[0])
            if kind in allowed:
                return kind, "" if kind in ("done", "join") else goals[0][kind]
        gateway = self._next_gateway(flow)
        if gateway is not None:
            return "to", self._need(gateway, join)
        return "to", self._helper(flow, goals)

    def _new_name(self, words: str) -> str:
        """A name for a step that nobody drew."""
        return apart({"": clean(words, "on")}, (*self._names.values(), *self.steps))[""]

    def _helper(self, flow: Flow | None, routes: list[dict[str, Any]]) -> str:
        """A step that takes no time and only leads on."""
        words = self._label(flow) if flow is not None else "end"
        name = self._new_name(words)
        self.steps[name] = {"automatic": NO_TIME, "then": routes}
        self.stages[name] = None
        return name

    def _label(self, flow: Flow) -> str:
        target = self.diagram.nodes[flow.target]
        source = self.diagram.nodes[flow.source]
        return flow.name or (target.name if target.kind != "task" else "") or f"after {source.name or source.id}"

    def _need(self, node: Node, join: str | None) -> str:
        """The name of the step of a node, which will be made."""
        if node.id not in self._block:
            self._block[node.id] = join
            self._todo.append((node, join))
        elif self._block[node.id] != join:
            raise ScenarioError(node.place, f"{node.label} is reached from inside and from outside the branches of a split", "close each split before ways lead elsewhere")
        return self._names[node.id]

    # --- what happens at a node ------------------------------------------------------------------------------------

    def _step(self, node: Node, join: str | None) -> None:
        """Make the step of a node."""
        name = self._names[node.id]
        extra = {k: v for k, v in self.settings.elements.get(node.id, {}).items() if k not in OWN}
        if node.kind in ("parallel", "inclusive"):
            data = self._branches(node, join)
        elif node.kind == "exclusive":
            data = {"automatic": NO_TIME, "then": self._special_routes(node, join) if self._special(node) else shares.routes(self._all_ways(node, join))}
        elif node.kind == "race":
            data = self._race(node, join)
        else:
            data = self._activity(node, join)
        data |= {k: v for k, v in extra.items() if k not in KINDS} if node.kind in ("task", "catch", "race") else extra
        if node.name and node.name != name and "title" not in data:
            data = {"title": node.name[:200], **data}
        self.steps[name] = data
        self.stages[name] = self._stage(node)

    def _stage(self, node: Node) -> str | None:
        """The stage that something says a node belongs to: settings, the lane of a drawing of ours, or a subprocess."""
        said = self.settings.elements.get(node.id, {}).get("stage") or node.stage
        return said or (clean(node.group, "process") if node.group else None)

    def _activity(self, node: Node, join: str | None) -> dict[str, Any]:
        """A task, or an event that a case waits for."""
        said = self.settings.elements.get(node.id, {})
        kind = next((k for k in KINDS if k in said), None) or next((k for k in KINDS if node.step and k in node.step), None)
        if kind is None and node.kind == "catch":
            kind = "automatic" if node.definition == "timer" else "customer"
        kind = kind or OF_TAG.get(node.tag, "work")
        data: dict[str, Any] = {**(node.step or {}), kind: self._time(node, kind)}
        if kind == "work" and not {"by", "skill"} & (set(said) | set(node.step or {})):
            # In a drawing of ours the lanes are stages, and the pool is the process.
            words = (None if self.diagram.scenario else node.lane or self.diagram.pool) or "staff"
            team = clean(words, "staff")
            self.teams[team] = words
            data["by"] = team
        data["then"] = self._ways_on(node, self._out(node), join)
        self._boundaries(node, join, data, kind)
        self._repeat(node, data)
        return data

    def _time(self, node: Node, kind: str) -> Any:
        """How long an element takes: as given, as its timer says, or assumed."""
        said = self.settings.elements.get(node.id, {})
        for found in (said.get(kind), said.get("after"), node.step.get(kind) if node.step else None, timer(node.timer)):
            if found is not None:
                return found
        if not self.settings.assumed:
            raise ScenarioError(node.place, f"nothing says how long {node.label} takes", "add its time")
        law = assumed(kind)
        self.remarks.add("assumed", node.id, node.name, node.tag, f"nothing says how long it takes; {' '.join(f'{k} {v}' for k, v in law.items() if k != 'assumption')} is assumed")
        return law

    def _boundaries(self, node: Node, join: str | None, data: dict[str, Any], kind: str) -> None:
        """Events on the edge of an activity: what may end it early."""
        errors = 0.0
        for event in self.structure.boundaries.get(node.id, []):
            said = self.settings.elements.get(event.id, {})
            what = f"boundary {event.definition}"
            if node.step is not None and event.means is not None and event.means[1] == node.written:
                self._as_drawn(event, join, data)  # the step itself says the rest
                continue
            if not event.interrupting:
                self.remarks.add("changed", event.id, event.name, f"{what} that does not interrupt", "it never happens")
            elif event.definition in ("error", "escalation", "cancel") and (event.definition == "error" or "share" in said):
                if "share" not in said:
                    self.remarks.add("changed", event.id, event.name, what, "it never happens, for nothing says how often; give its 'share'")
                    continue
                share = read_share(said["share"])
                errors += share
                goal = self._single(self._out(event), join, ("to", "lost", "done", "join"))
                data["then"] = [{**shares.as_route(goal), "share": share}, *(shares.scaled(r, 1 - share) for r in data["then"])]
                if errors > 1:
                    raise ScenarioError(event.place, f"the shares of the errors of {node.label} sum to {100 * errors:.4g} %", "give shares below 100 % together")
            elif event.definition in ("escalation", "compensate", "cancel"):
                self.remarks.add("changed", event.id, event.name, what, "it never happens")
            else:
                end = {"after": self._after(event), **shares.as_route(self._single(self._out(event), join, ("to", "lost")))}
                if kind != "work":
                    data.setdefault("unless", []).append(end)
                elif data.get("patience", "none") != "none":
                    self.remarks.add("changed", event.id, event.name, what, "it never happens, for another event of the same task may end its waiting")
                else:
                    data["patience"] = end.pop("after")
                    data["gives_up"] = end
                    self.remarks.add("differs", event.id, event.name, what, "its time runs while the case waits for somebody; work once begun is finished")

    def _after(self, event: Node) -> Any:
        """How long an event takes to come."""
        found = self.settings.elements.get(event.id, {}).get("after") or timer(event.timer)
        return found if found is not None else self._time(event, "customer")

    def _repeat(self, node: Node, data: dict[str, Any]) -> None:
        """An activity that is done several times."""
        if node.loop is None:
            return
        said, name = self.settings.elements.get(node.id, {}), self._names[node.id]
        if node.loop == "standard":
            if "again" not in said:
                self.remarks.add("changed", node.id, node.name, "loop", "done once, for nothing says how often it is repeated; give 'again'")
                return
            share = read_share(said["again"])
            back: dict[str, Any] = {"to": name, "share": share}
            if node.repeats is not None and node.repeats > 1:
                back["limit"] = node.repeats - 1
            if node.repeats != 1:
                on = data["then"] if len(data["then"]) == 1 else [{"to": self._then_step(node, data)}]
                data["then"] = [back, *on]
            return
        count = said.get("repeats", node.repeats)
        if count is None:
            self.remarks.add("changed", node.id, node.name, f"{node.loop} repetition", "done once, for nothing says how often; give 'repeats'")
        elif node.loop == "sequential":
            if int(count) > 1:
                on = data["then"] if len(data["then"]) == 1 else [{"to": self._then_step(node, data)}]
                data["then"] = [{"to": name, "share": 1.0, "limit": int(count) - 1}, *on]
        else:
            each = self._new_name(f"{name} (each)")
            self.steps[each] = {**data, **{k: v for k, v in said.items() if k not in (*OWN, *KINDS)}, "then": [{"join": True}]}
            self.stages[each] = None
            then = data["then"]
            data.clear()
            data |= {"parallel": [each], "count": count, "then": then}

    def _then_step(self, node: Node, data: dict[str, Any]) -> str:
        """A step for the ways on from a repeated activity, whose own routes only say whether it is done again."""
        name = self._new_name(f"after {self._names[node.id]}")
        self.steps[name] = {"automatic": NO_TIME, "then": data["then"]}
        self.stages[name] = None
        return name

    def _race(self, node: Node, join: str | None) -> dict[str, Any]:
        """An event-based gateway: the customer's own time until the first of several events."""
        events = []
        for flow in self.diagram.after[node.id]:
            event = self.diagram.nodes[flow.target]
            if event.kind not in ("catch", "task") or (event.kind == "task" and event.tag != "receiveTask"):
                raise ScenarioError(event.place, f"{event.label} follows the event-based gateway {node.label} but is no event", "put an event that is waited for there")
            if len(self.diagram.before[event.id]) > 1:
                raise ScenarioError(event.place, f"{event.label} is also reached without {node.label}", "draw an event of its own for each")
            events.append(event)
        # What the customer does is the step's own time; what ends the waiting stands beside it.
        first = min(events, key=lambda e: (e.definition == "timer", e.id))
        data = {"customer": self._after(first), "then": self._routes(self._out(first), join)}
        others = [{"after": self._after(e), **shares.as_route(self._single(self._out(e), join, ("to", "lost")))} for e in events if e is not first]
        if others:
            data["unless"] = others
        return data

    # --- branches --------------------------------------------------------------------------------------------------

    def _branches(self, node: Node, join: str | None) -> dict[str, Any]:
        """A parallel or inclusive split and everything up to where its branches have come together."""
        block = self.structure.block(node)
        for ident in sorted(set(self.diagram.nodes) - set(self._names)):  # branches that meet early were gathered under splits of their own
            self._names[ident] = self._new_name(self.diagram.nodes[ident].name or ident)
        entries = [self._single(flow, block.join, ("to",))[1] for flow in block.branches]
        after = self._out(self.diagram.nodes[block.join]) if block.join != END else None
        then = shares.routes([({"": 1.0}, self._ending(None, join), False)]) if block.join == END else self._ways_on(node, after, join)
        if node.kind == "parallel":
            written = (node.step or {}).get("parallel", ())
            return {**(node.step or {}), "parallel": sorted(entries, key=lambda e: written.index(e) if e in written else len(written)), "then": then}
        return self._some_branches(node, list(block.branches), entries, then)

    def _some_branches(self, node: Node, flows: list[Flow], entries: list[str], then: list[dict[str, Any]]) -> dict[str, Any]:
        """An inclusive split: a draw says which branches are taken, and at the beginning of each stands the question."""
        name = self._names[node.id]
        conditions = self._conditions(node, flows)
        pick = mark(f"ways at {name}")
        while pick in self.attributes:
            pick = f"{pick}_"
        draw, taken = None, None
        if not (self.settings.assumed and any(conditions)):
            draw, taken = inclusive.sets(self._chances(node, flows), next((i for i, f in enumerate(flows) if f.id == node.default), None))
        gates = []
        for flow, entry, when in zip(flows, entries, inclusive.questions(conditions, pick, taken), strict=True):
            gate = self._new_name(f"{flow.name or entry}?")
            self.steps[gate] = {"automatic": NO_TIME, "then": [{"to": entry, "when": when}, {"join": True}]}
            self.stages[gate] = None
            gates.append(gate)
        data: dict[str, Any] = {"parallel": gates, "then": then}
        if draw is None:
            return data
        self.attributes[pick] = {"title": f"Which ways are taken at {name}", "starts": 0}
        inner = self._new_name(f"ways of {name}")
        self.steps[inner] = data
        self.stages[inner] = None
        return {"automatic": NO_TIME, "sets": {pick: draw}, "then": [{"to": inner}]}

    def _conditions(self, node: Node, flows: list[Flow]) -> list[str | None]:
        """The formula of each flow that has one."""
        found = [self._route(f).get("when") for f in flows]
        if any(found) and self.settings.assumed:  # a parameter file: who has no condition is the default
            bare = [f for f, c in zip(flows, found, strict=True) if c is None]
            if len(bare) > 1:
                raise ScenarioError(node.place, f"{len(bare)} flows out of {node.label} have no condition, others have", "give all but the default one 'when'")
        return [None if c is None else str(c) for c in found]

    def _chances(self, node: Node, flows: list[Flow]) -> list[float]:
        """How often each way is taken by itself; 0 for the default, which is taken when no other is."""
        chances: list[float] = []
        for flow in flows:
            said = self._said(flow, node)
            if said is None and flow.id != node.default:
                if not self.settings.assumed:
                    raise ScenarioError(node.place, f"nothing says how often a case takes {flow.id!r} at {node.label}", "add its probability")
                self.remarks.add("assumed", node.id, node.name, node.tag, f"nothing says how often the way {_way_words(flow, self.diagram)} is taken; half of the cases take it")
                said = {"": 0.5}
            if said is not None and set(said) != {""}:
                raise ScenarioError(node.place, f"the share of the flow {flow.id!r} differs by segment, which an inclusive gateway cannot do", "use 'when' with segment == 'NAME'")
            chances.append(0.0 if flow.id == node.default else (said or {"": 0.0})[""])
        if sum(0 < p < 1 for p in chances) > inclusive.MOST_WAYS:
            raise ScenarioError(node.place, f"{node.label} has more than {inclusive.MOST_WAYS} ways that may or may not be taken", "use several gateways")
        if not any(chances) and node.default not in {f.id for f in flows}:
            raise ScenarioError(node.place, f"no way out of {node.label} is ever taken", "give one of them a share above zero")
        return chances

    # --- what we wrote ourselves -----------------------------------------------------------------------------------

    def _ways_on(self, node: Node, flow: Flow | None, join: str | None) -> list[dict[str, Any]]:
        """The routes of a step; those that we wrote keep what the drawing does not show of them."""
        written = (node.step or {}).get("then")
        if not isinstance(written, list):
            return self._routes(flow, join)
        gateway = self._next_gateway(flow)
        alone = gateway is None or gateway.id in self._round or len(self.diagram.before[gateway.id]) > 1
        flows = [flow] if gateway is None or alone else self.diagram.after[gateway.id]
        if flow is None or (alone and len(written) > 1):
            return self._routes(flow, join)
        own = {f.id: f.of[1] if f.of is not None and f.of[0] == node.written else None for f in flows if f is not None}
        routes: list[dict[str, Any]] = []
        sure, new = set[int](), set[int]()
        for f in sorted((f for f in flows if f is not None), key=lambda f: (own[f.id] is None, own[f.id] or 0, f.id)):
            fields = {k: v for k, v in self._route(f).items() if k not in ("to", "lost", "done", "join")}
            if own[f.id] is None and "share" not in fields and gateway is not None and (share := self._said(f, gateway)) is not None:
                fields["share"] = share[""] if set(share) == {""} else {s or "default": v for s, v in share.items()}
            bare = not {"share", "when"} & set(fields)
            if f.edited or f.id in self.settings.flows:
                sure.add(len(routes))
            elif (index := own[f.id]) is None or (bare and {"share", "when"} & set(written[index])):
                new.add(len(routes))
            routes.append({**shares.as_route(self._single(f, join, ("to", "lost", "done", "join"))), **fields})
        if (sure or new or len(routes) != len(written)) and (said := shares.balance(routes, sure, new)):
            self.remarks.add("assumed", node.id, node.name, "ways on", said)
        return routes

    def _as_drawn(self, event: Node, join: str | None, data: dict[str, Any]) -> None:
        """Lead an event on the edge of a step of ours where its flow leads now."""
        kind, what = self._single(self._out(event), join, ("to", "lost"))
        assert event.means is not None
        if event.means[0] == "unless":
            end = data["unless"][event.means[2]]
            data["unless"][event.means[2]] = {**{k: v for k, v in end.items() if k not in ("to", "lost")}, kind: what}
        elif "gives_up" in data or kind == "to" or what not in {words["gave_up"] for words in WORDS.values()}:
            data["gives_up"] = {kind: what}

    def _lead_spawns(self) -> None:
        """New cases that a step of ours brings begin where their start event leads."""
        steps = {n.written: self._names[n.id] for n in self.diagram.nodes.values() if n.step is not None}
        for start in self.starts:
            if start.means is not None and start.means[1] in steps:
                spawns = self.steps[steps[start.means[1]]].get("spawns", [])
                if start.means[2] < len(spawns):
                    spawns[start.means[2]]["to"] = self.entries.pop(start.id)


def _way_words(flow: Flow, diagram: Diagram) -> str:
    """How a remark calls a flow: its name or where it leads, and the condition that is not read."""
    name = flow.name or f"to {diagram.nodes[flow.target].name or flow.target}"
    return repr(f"{name}, if {flow.condition[:60]}" if flow.condition else name)
