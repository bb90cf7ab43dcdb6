"""A drawing of ours that somebody has edited: each edit is taken over into the data behind it, or named.

`facts` finds the edits. What they change of a step itself (its name, kind, stage, patience) is put into the step's
data here; who follows whom is read off the drawing by `journey`, as in any other diagram.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from salessim.exchange.bpmn_read import NO_EFFECT
from salessim.exchange.diagram import Diagram, Flow, Node
from salessim.exchange.facts import Edit
from salessim.exchange.names import apart, clean
from salessim.exchange.remarks import Level, Remarks
from salessim.exchange.settings import KINDS, OF_TAG, timer
from salessim.scenario.formulas import formula

GOALS = ("to", "lost", "done", "join")
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s*[%％]")
_QUEUE = ("patience", "patience_by_segment", "gives_up", "silent", "attempt")
_ONLY_WORK = (*_QUEUE, "by", "owner", "customer_hours", "together_with", "skill", "automation", "waiting_room", "hold", "serve_first")
_NOT = {"work": ("unless", "reminders", "posted", "gather", "calendar", "counts_from", "at_least", "counts_in"), "automatic": (*_ONLY_WORK, "reminders"), "customer": (*_ONLY_WORK, "posted", "gather", "takes")}
"""Fields that a step of a kind cannot have."""


def recall(diagram: Diagram) -> None:
    """Give each flow that we wrote the fields of its route, and each copy of a step a name of its own."""
    seen: set[str] = set()
    for node in sorted(diagram.nodes.values(), key=lambda n: (n.id not in diagram.as_written, n.id)):
        if node.step is not None and node.written is not None:
            if node.written in seen:  # the original was there before its copies
                node.step_name = None
            seen.add(node.written)
    steps = {n.written: n.step for n in diagram.nodes.values() if n.step is not None}
    for flow in diagram.flows.values():
        if flow.of is not None and (step := steps.get(flow.of[0])) is not None:
            ways = step.get("then")
            if isinstance(ways, list) and flow.of[1] < len(ways) and isinstance(ways[flow.of[1]], dict):
                flow.route = {k: v for k, v in ways[flow.of[1]].items() if k not in GOALS}
            else:
                flow.of = None
    for word in ("channel", "means"):  # two events for one channel: the later one is new
        held: set[Any] = set()
        for node in sorted(diagram.nodes.values(), key=lambda n: (n.id not in diagram.as_written, n.id)):
            told = getattr(node, word)
            if told is not None and node.kind == "start":
                if told in held:
                    setattr(node, word, None)
                held.add(told)


def take_over(diagram: Diagram, remarks: Remarks) -> set[str]:
    """Put all edits of a drawing into its data; returns what is gone: names of steps, and paths of their fields."""
    return _TakingOver(diagram, remarks).all()


class _TakingOver:
    """The edits of one drawing. A handler returns what it has done, or None if there is no place for the edit."""

    def __init__(self, diagram: Diagram, remarks: Remarks) -> None:
        self.diagram, self.remarks = diagram, remarks
        self.scenario: dict[str, Any] = diagram.scenario or {}
        self.stages: dict[str, Any] = self.scenario.setdefault("stages", {})
        self.steps = {n.written: n for n in diagram.nodes.values() if n.step is not None and n.step_name is not None}
        self.ids = {e.ident: e.what for e in diagram.edits or () if e.what in ("new", "gone")}
        self.gone: set[str] = set()
        self.dropped: set[tuple[str, str, int]] = set()
        """Events on edges and new cases that are no more: (word, step, number)."""
        self.handlers: dict[str, Callable[[Edit], str | None]] = {
            "new": self.new, "gone": self.missing, "name": self.named, "tag": self.kind, "lane": self.lane, "on": self.hung, "inside": self.content,
            "condition": self.condition, "source": self.led, "target": self.led, "documentation": self.documentation, "default": self.default,
        }  # fmt: skip

    def all(self) -> set[str]:
        stage_of = self.lanes()
        for ident, lane in ((i, said.get("lane")) for i, said in self.diagram.as_drawn.items()):
            if ident in self.diagram.nodes and lane in stage_of and (ident in self.ids or lane != self.diagram.as_written.get(ident, {}).get("lane")):
                self.diagram.nodes[ident].stage = stage_of[lane]
        for edit in self.diagram.edits or ():
            handler = self.handlers.get(edit.what)
            done = handler(edit) if handler is not None else None
            what = str((edit.now or edit.before).get("tag", "")) if edit.what in ("new", "gone") else edit.what
            if done is None:
                self.say(self.level(edit), edit.ident, what, f"drawn but not taken over: {_short(edit)}")
            elif done:
                self.say("taken", edit.ident, what, done)
        self.leave_out()
        return self.gone

    def say(self, level: Level, ident: str, what: str, instead: str) -> None:
        said = self.diagram.as_drawn.get(ident) or self.diagram.as_written.get(ident, {})
        self.remarks.add(level, ident or "process", str(said.get("name") or ""), what, instead)

    def level(self, edit: Edit) -> Level:
        """Whether an edit that has no place here changes what happens to a case."""
        node = self.diagram.nodes.get(edit.ident)
        event = node is not None and node.kind in ("boundary", "catch", "race")
        conditional = any(f.conditional for f in self.diagram.flows.values() if f.source == edit.ident)
        return "changed" if edit.what == "condition" or (edit.what in ("inside", "attributes") and event) or (edit.what == "default" and conditional) else "differs"

    def step_of(self, node: Node) -> dict[str, Any] | None:
        """The step that an event of ours is about."""
        owner = self.steps.get(node.means[1]) if node.means is not None else None
        return owner.step if owner is not None else None

    # --- containers ------------------------------------------------------------------------------------------------

    def lanes(self) -> dict[str, str]:
        """The stage of each lane; new lanes are new stages."""
        now = {i: said for i, said in self.diagram.as_drawn.items() if said.get("tag") == "lane"}
        known = {i: str(said["means"][1]) for i, said in now.items() if said.get("means")}
        fresh = apart({i: clean(said.get("name") or i, i) for i, said in now.items() if i not in known}, self.stages)
        for ident, stage in fresh.items():
            name = now[ident].get("name")
            self.stages[stage] = {"title": name} if name and name != stage else {}
        return {**known, **fresh}

    def documentation(self, edit: Edit) -> str | None:
        if edit.ident:
            return None
        self.scenario["description"] = edit.now
        return "the description of the scenario"

    # --- what is new and what is gone ------------------------------------------------------------------------------

    def new(self, edit: Edit) -> str | None:
        tag, node, flow = edit.now.get("tag"), self.diagram.nodes.get(edit.ident), self.diagram.flows.get(edit.ident)
        if tag in NO_EFFECT and tag != "sequenceFlow":
            return ""  # named with those of every other diagram
        if flow is not None:
            said = self.condition(Edit(flow.id, "condition", None, flow.condition)) if flow.condition else ""
            return None if said is None else "" if {flow.source, flow.target} & set(self.ids) else "a way"
        if tag == "lane":
            return "a stage"
        if node is None:
            return ""  # the reader has said what became of it
        if node.written is not None:
            return f"a copy of {node.written!r}"
        if node.kind == "end" and node.definition == "none" and node.outcome is None:
            self.say("assumed", node.id, "endEvent", "cases that end here count as done; say 'ends: NAME: {lost: REASON}' if they are lost")
            return ""
        return "a step" if node.kind == "task" else ""  # what else becomes of it is said where it is read, as in every other diagram

    def missing(self, edit: Edit) -> str | None:
        before = edit.before
        word, name, *number = [*before.get("means", ()), "", ""][:3]
        ends = {before.get("source"), before.get("target")}
        if before.get("tag") == "sequenceFlow":
            return "" if any(self.ids.get(str(e)) == "gone" for e in ends) else "no way any more"
        if word == "step":
            self.gone.add(name)
            return f"the step {name!r} is left out"
        if word == "channel":
            self.scenario.get("channels", {}).pop(name, None)
            return f"the channel {name!r} is left out"
        if word in ("spawn", "unless", "gives_up") and name in self.steps:
            self.dropped.add((word, name, int(number[0] or 0)))
            return {"spawn": "no new cases come here", "unless": "it never happens", "gives_up": "nobody gives up here"}[word]
        return ""

    def leave_out(self) -> None:
        """Take events and new cases that are gone out of their steps, and number the others anew."""
        for word, field in (("unless", "unless"), ("spawn", "spawns")):
            for name in sorted({step for w, step, _ in self.dropped if w == word}):
                step = self.steps[name].step or {}
                kept = [i for i in range(len(step.get(field, ()))) if (word, name, i) not in self.dropped]
                step[field] = [step[field][i] for i in kept]
                for node in self.diagram.nodes.values():
                    if node.means is not None and node.means[:2] == (word, name):
                        node.means = (word, name, kept.index(node.means[2])) if node.means[2] in kept else None
        for name in sorted({step for w, step, _ in self.dropped if w == "gives_up"}):
            step = self.steps[name].step or {}
            for field in _QUEUE:
                step.pop(field, None)
            if "work" in step or "takes" in step:
                step["patience"] = "none"

    # --- single facts ----------------------------------------------------------------------------------------------

    def named(self, edit: Edit) -> str | None:
        name, was = edit.now or "", f"was {edit.before!r}"
        node, flow = self.diagram.nodes.get(edit.ident), self.diagram.flows.get(edit.ident)
        if edit.ident == "":
            self.scenario["name"] = clean(name, "process")
            return was
        if flow is not None:
            found = _PERCENT.fullmatch(name.strip())
            ways = [f for f in self.diagram.flows.values() if f.source == flow.source]
            if found is None or flow.of is None or len(ways) < 2:
                return None
            flow.route = {**{k: v for k, v in flow.route.items() if k != "share"}, "share": f"{found[1].replace(',', '.')} %"}
            flow.edited = True
            return was
        if self.diagram.as_drawn[edit.ident].get("tag") == "lane":
            stage = (self.diagram.as_drawn[edit.ident].get("means") or ("", ""))[1]
            if not name or stage not in self.stages:
                return None
            self.stages[stage]["title"] = name
            return was
        if node is None or not name:
            return None
        if node.step is not None:
            node.step.pop("title", None)
            if name != node.step_name:
                node.step = {"title": name[:200], **node.step}
            return was
        if node.channel in self.scenario.get("channels", {}):
            self.scenario["channels"][node.channel]["title"] = name
            return was
        if node.means is not None and node.means[0] == "spawn" and (step := self.step_of(node)) is not None:
            step["spawns"][node.means[2]]["title"] = name
            return was
        if node.outcome is not None and "lost" in node.outcome:
            node.outcome = {"lost": clean(name, "lost")}
            return was
        return None

    def kind(self, edit: Edit) -> str | None:
        node = self.diagram.nodes.get(edit.ident)
        was = f"was {edit.before}"
        if node is None:
            return None
        node.joins, node.channel, node.means, node.outcome = None, None, None, None
        if node.step is None:
            return was
        kind = next((k for k in KINDS if k in node.step), "parallel")
        if node.kind != "task" or kind == "parallel":
            self.gone.add(str(node.written))
            left, node.step, node.step_name, node.written = node.written, None, None, None
            return f"{was}; what stood behind the step {left!r} is left out"
        wanted = OF_TAG.get(node.tag, "work")
        if wanted == kind:
            return was
        self.gone |= {f"steps.{node.written}.{f}" for f in (kind, *_NOT[wanted]) if f in node.step}
        left_out = [f for f in _NOT[wanted] if f in node.step]
        node.step = {wanted if k == kind else k: v for k, v in node.step.items() if k not in left_out}
        for event in self.diagram.nodes.values():  # read as any other drawing's, since it means something else now
            if event.kind == "boundary" and event.host == node.id:
                event.means = None
        return f"{was}; its time is kept" + (f", {' and '.join(map(repr, left_out))} left out" if left_out else "")

    def lane(self, edit: Edit) -> str | None:
        node = self.diagram.nodes.get(edit.ident)
        if node is None or node.step is None:
            return ""  # an event or a gateway belongs to no stage
        return f"the stage is {node.stage!r} now" if edit.now else None

    def hung(self, edit: Edit) -> str | None:
        node = self.diagram.nodes.get(edit.ident)
        if node is None or node.means is None:
            return ""
        if node.means[1] in self.steps:
            self.dropped.add(node.means)
        node.means = None
        return f"stood on {edit.before!r}"

    def content(self, edit: Edit) -> str | None:
        node = self.diagram.nodes.get(edit.ident)
        if node is None:
            return None
        if node.kind == "task" and node.loop is not None:
            return "is repeated"
        if node.kind == "end" and node.outcome is not None and "lost" not in node.outcome:
            node.outcome = None
            return f"ends by {node.definition}"
        after, step = timer(node.timer), self.step_of(node)
        if node.kind != "boundary" or node.definition != "timer" or after is None or step is None or node.means is None:
            return None
        if node.means[0] == "gives_up":
            step.pop("patience_by_segment", None)
            step["patience"] = after
        else:
            step["unless"][node.means[2]]["after"] = after
        return f"it comes after {after}, exactly"

    def condition(self, edit: Edit) -> str | None:
        """The condition of a flow, if it is a formula of this scenario."""
        flow = self.diagram.flows.get(edit.ident)
        if flow is None:
            return None
        if not edit.now:
            flow.route = {k: v for k, v in flow.route.items() if k != "when"}
            return f"was {edit.before!r}"
        try:
            unknown = formula(edit.now).names("attribute") - set(self.scenario.get("attributes", {}))
        except ValueError:
            return None
        if unknown:
            return None
        flow.route = {**flow.route, "when": edit.now}
        return f"was {edit.before!r}" if edit.before else f"only if {edit.now}"

    def default(self, edit: Edit) -> str | None:
        """Which way is taken when no condition holds; it goes with its flow."""
        return "" if self.ids.get(str(edit.before)) == "gone" and edit.now is None else None

    def led(self, edit: Edit) -> str | None:
        flow: Flow | None = self.diagram.flows.get(edit.ident)
        if flow is not None and edit.what == "source":  # a way out of something else: what it was no longer counts
            flow.of, flow.route = None, {k: v for k, v in flow.route.items() if k == "when"}
        return f"was {edit.before!r}" if not {edit.before, edit.now} & set(self.ids) else ""


def _short(edit: Edit) -> str:
    """What is different, in a few words."""
    if edit.what in ("new", "gone"):
        return "it is new" if edit.what == "new" else "it is gone"
    before, now = (f"{str(v)[:60]!r}" if v else "nothing" for v in (edit.before, edit.now))
    return f"{now} instead of {before}"
