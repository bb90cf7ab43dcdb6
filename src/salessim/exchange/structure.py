"""Which branches of a split belong together, and where they come together again.

A `parallel` step of the scenario language is a block: branches that share nothing, and one place where all have come.
A diagram may be drawn otherwise. The place is the nearest one that every way from the split must pass (its immediate
post-dominator); what lies between belongs to one branch each, or the diagram means something that is not a block, and
is refused with the element that makes it so.
"""

from __future__ import annotations

from dataclasses import dataclass

from salessim.errors import ScenarioError
from salessim.exchange.diagram import Diagram, Flow, Node

END = ""
"""The common end of all cases that are not lost, as a node."""


@dataclass(frozen=True)
class Block:
    """A split and what belongs to it."""

    join: str
    """The node at which all branches have come, or END."""
    branches: tuple[Flow, ...]
    """The first flow of each, by identifier."""


class Structure:
    """The ways through a diagram. `lost` are the nodes at which a case is lost, which are no end for its branches."""

    def __init__(self, diagram: Diagram, lost: set[str]) -> None:
        self.diagram, self.lost = diagram, lost
        self.boundaries: dict[str, list[Node]] = {}
        for node in sorted(diagram.nodes.values(), key=lambda n: n.id):
            if node.kind == "boundary" and node.host is not None:
                self.boundaries.setdefault(node.host, []).append(node)
        self._passed = self._post_dominators()

    def next(self, ident: str) -> list[str]:
        """Where a case may be after a node; all ends at which it is not lost are one."""
        if ident == END or ident in self.lost:
            return []
        nodes = self.diagram.nodes
        flows = [END if nodes[f.target].kind == "end" and f.target not in self.lost else f.target for f in self.diagram.after[ident]]
        return (flows or [END]) + [b.id for b in self.boundaries.get(ident, [])]

    def _post_dominators(self) -> dict[str, int]:
        """For each node, the nodes that every way from it to END passes, as bits; all of them where no way leads there."""
        order = [*sorted(self.diagram.nodes), END]
        self.bit = {ident: 1 << i for i, ident in enumerate(order)}
        passed = dict.fromkeys(order, (1 << len(order)) - 1)
        passed[END] = self.bit[END]
        late = self._late_first(order[:-1])
        changed = True
        while changed:
            changed = False
            for ident in late:
                common = passed[ident]
                following = self.next(ident)
                if following:
                    common = passed[following[0]]
                    for other in following[1:]:
                        common &= passed[other]
                    common |= self.bit[ident]
                if common != passed[ident]:
                    passed[ident], changed = common, True
        return passed

    def _late_first(self, idents: list[str]) -> list[str]:
        """The nodes, those to which a way leads after those that it comes from, as far as loops allow (depth-first)."""
        found: list[str] = []
        seen = {END}
        for start in idents:
            todo = [(start, iter(self.next(start)))] if start not in seen else []
            seen.add(start)
            while todo:
                ident, following = todo[-1]
                after = next((n for n in following if n not in seen), None)
                if after is None:
                    found.append(ident)
                    todo.pop()
                else:
                    seen.add(after)
                    todo.append((after, iter(self.next(after))))
        return found

    def meeting(self, ident: str) -> str:
        """The nearest node that every way from a node passes."""
        ahead = self._passed[ident] & ~self.bit[ident]
        return next((n for n in (*sorted(self.diagram.nodes), END) if ahead & self.bit[n] and self._passed[n] == ahead), END)

    def between(self, start: str, join: str) -> set[str]:
        """The nodes on the ways from `start` to `join`, without it and without ends, which several ways may share."""
        found: set[str] = set()
        todo = [start]
        while todo:
            ident = todo.pop()
            if ident in (join, END) or ident in found or self.diagram.nodes[ident].kind == "end":
                continue
            found.add(ident)
            todo += self.next(ident)
        return found

    def block(self, split: Node) -> Block:
        """The block that a split opens; branches that meet before the others become a block of their own.

        Raises:
            ScenarioError: what begins at the split is no block.
        """
        while True:
            written = (n.id for n in self.diagram.nodes.values() if split.step_name is not None and n.joins == split.step_name)
            join = next(written, None) or self.meeting(split.id)
            flows = self.diagram.after[split.id]
            regions = {f.id: self.between(f.target, join) for f in flows}
            if any(split.id in region for region in regions.values()):
                raise ScenarioError(split.place, f"a branch of {split.label} leads back to before it", "let the loop begin after the branches have come together")
            groups = _overlapping(regions)
            if all(len(group) == 1 for group in groups):
                break
            if len(groups) == 1 or split.kind == "inclusive":
                shared = self._first_shared(flows, regions, join)
                raise ScenarioError(
                    split.place, f"the branches of {split.label} meet at {shared.label} ({shared.tag}) before all have come together",
                    f"close them with one {'parallel' if split.kind == 'parallel' else 'inclusive'} gateway",
                )  # fmt: skip
            self._gather(split, [g for g in groups if len(g) > 1])
        self._check(split, join, flows, regions)
        return Block(join, tuple(flows))

    def _first_shared(self, flows: list[Flow], regions: dict[str, set[str]], join: str) -> Node:
        """The first node, going breadth first, that lies in two branches."""
        todo, seen = [f.target for f in flows], set()
        while todo:
            ident = todo.pop(0)
            if sum(ident in region for region in regions.values()) > 1:
                return self.diagram.nodes[ident]
            if ident not in seen and ident not in (join, END):
                seen.add(ident)
                todo += self.next(ident)
        raise AssertionError("overlapping regions share a node")

    def _gather(self, split: Node, groups: list[list[str]]) -> None:
        """Put a split of their own before branches that come together before the others."""
        for number, group in enumerate(groups):
            inner = Node(f"{split.id}:{number + 1}", split.name, split.kind, split.tag, split.place, lane=split.lane, group=split.group)
            self.diagram.add(inner)
            for flow in group:
                self.diagram.flows[flow].source = inner.id
            self.diagram.link(split.id, inner.id, f"{inner.id}:in")
        self.diagram.connect()
        self._passed = self._post_dominators()

    def _check(self, split: Node, join: str, flows: list[Flow], regions: dict[str, set[str]]) -> None:
        nodes = self.diagram.nodes
        inside = set().union(*regions.values())
        for ident in sorted(inside):
            for flow in self.diagram.before[ident]:
                if flow.source not in inside and flow.source != split.id:
                    raise ScenarioError(
                        nodes[ident].place, f"{nodes[ident].label} lies in a branch of {split.label} but is also reached from {nodes[flow.source].label}",
                        "let ways into a branch begin at its split",
                    )  # fmt: skip
        if join == END:
            return
        place = nodes[join]
        wanted = ("inclusive",) if split.kind == "inclusive" else ("parallel", "inclusive")
        if place.kind not in wanted:
            why = "waits for branches that may not have begun" if place.kind == "parallel" else "does not wait for all of them, so that what follows would happen several times"
            raise ScenarioError(place.place, f"the branches of {split.label} come together at {place.label} ({place.tag}), which {why}", f"draw {' or '.join(wanted)} gateway there")
        arrivals = {f.id: [b for b in self.diagram.before[join] if b.source in regions[f.id] or b.id == f.id] for f in flows}
        if sum(map(len, arrivals.values())) != len(self.diagram.before[join]):
            raise ScenarioError(place.place, f"{place.label} also waits for something that does not come from {split.label}", "close each split with a gateway of its own")
        for flow in flows:
            if place.kind == "parallel" and len(arrivals[flow.id]) > 1:
                raise ScenarioError(
                    place.place, f"one branch of {split.label} comes to {place.label} in {len(arrivals[flow.id])} ways, of which a case takes one, so that it waits for ever",
                    "join the ways of a branch with an exclusive gateway first",
                )  # fmt: skip


def _overlapping(regions: dict[str, set[str]]) -> list[list[str]]:
    """The branches in groups that share nodes, each group and the list by identifier."""
    groups: list[tuple[list[str], set[str]]] = []
    for flow in sorted(regions):
        members, covered = [flow], set(regions[flow])
        rest = []
        for group in groups:
            if covered & group[1]:
                members, covered = group[0] + members, covered | group[1]
            else:
                rest.append(group)
        groups = [*rest, (members, covered)]
    return sorted(sorted(members) for members, _ in groups)
