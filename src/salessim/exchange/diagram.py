"""A process diagram as a plain graph: nodes and flows of one process.

`bpmn_read` makes it of a file; what it means for a case is `journey`'s concern.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from salessim.exchange.facts import Edit, Facts

Kind = Literal["task", "start", "end", "exclusive", "parallel", "inclusive", "race", "catch", "pass", "boundary"]


@dataclass
class Node:
    """One thing on a case's way."""

    id: str
    name: str
    kind: Kind
    tag: str
    place: str
    """`file:line`, for messages."""
    definition: str = "none"
    """Of events: none, timer, message, error, terminate, ..."""
    timer: str | None = None
    """How long a timer runs, as it is written."""
    error: str | None = None
    """Which error an error event throws or catches; None any."""
    interrupting: bool = True
    host: str | None = None
    """Of boundary events: the activity they stand on."""
    lane: str | None = None
    group: str | None = None
    """The outermost subprocess around it."""
    default: str | None = None
    loop: str | None = None
    """"standard", "sequential" or "parallel": how an activity is repeated."""
    repeats: int | None = None
    step: dict[str, Any] | None = None
    """Of tasks and splits that we wrote: all fields of the step."""
    step_name: str | None = None
    written: str | None = None
    """The step that it was when we wrote it; a copy has the name of its original here."""
    stage: str | None = None
    outcome: dict[str, Any] | None = None
    """Of end events that we wrote: {"lost": reason} or {"done": true}."""
    joins: str | None = None
    """Of joins that we wrote: the parallel step."""
    channel: str | None = None
    """Of start events that we wrote: the channel."""
    means: tuple[str, str, int] | None = None
    """Of events that we wrote: what they stand for ("spawn", "gives_up", "unless"), of which step, and which of several."""

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.name!r} ({self.id})" if self.name else repr(self.id)


@dataclass
class Flow:
    """An arrow from one node to another."""

    id: str
    name: str
    source: str
    target: str
    condition: str | None = None
    """Its condition as it is written; "" if there is one without words."""
    route: dict[str, Any] = field(default_factory=dict)
    """Fields of a route that we wrote beside it."""
    edited: bool = False
    """Whether somebody has written another share on it."""
    of: tuple[str, int] | None = None
    """The step whose route it was when we wrote it, and which one."""

    @property
    def conditional(self) -> bool:
        """Whether it is taken on a condition."""
        return self.condition is not None


@dataclass
class Diagram:
    """One process: its nodes and flows by identifier, and what else its file says."""

    name: str
    place: str
    nodes: dict[str, Node] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    pool: str | None = None
    scenario: dict[str, Any] | None = None
    """All of the scenario that we wrote into the process, except its steps."""
    edits: list[Edit] | None = None
    """What differs from the drawing that we wrote; None where nothing says what that was."""
    as_written: Facts = field(default_factory=dict)
    """What that drawing said."""
    as_drawn: Facts = field(default_factory=dict)
    """What it says now."""

    def __post_init__(self) -> None:
        self.after: dict[str, list[Flow]] = {}
        self.before: dict[str, list[Flow]] = {}

    def connect(self) -> None:
        """Work out who follows whom; flows are ordered by identifier, not by their place in the file."""
        self.after = {n: [] for n in self.nodes}
        self.before = {n: [] for n in self.nodes}
        for flow in sorted(self.flows.values(), key=lambda f: f.id):
            self.after[flow.source].append(flow)
            self.before[flow.target].append(flow)

    def add(self, node: Node) -> None:
        """Add a node that nobody drew."""
        self.nodes[node.id] = node

    def link(self, source: str, target: str, flow_id: str, **more: Any) -> None:
        """Add a flow that nobody drew."""
        self.flows[flow_id] = Flow(flow_id, "", source, target, **more)


def without(diagram: Diagram, keep: set[str]) -> Diagram:
    """The same diagram with only some of its nodes."""
    nodes = {i: n for i, n in diagram.nodes.items() if i in keep}
    flows = {i: f for i, f in diagram.flows.items() if f.source in keep and f.target in keep}
    result = replace(diagram, nodes=nodes, flows=flows)
    result.connect()
    return result
