"""What may happen to one case: every visit, every way on, branches in any order.

Routes with a share above zero in the case's segment, loops and their limits, giving up, competing ends, skipped visits
and versions of steps are all followed; conditions are taken as possible either way. `invariants` proves its rules on
these ways; nothing here draws or counts time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from salessim.scenario.model import share_in

if TYPE_CHECKING:
    from salessim.scenario.model import Route, Scenario, Step


class Branch(NamedTuple):
    """A branch of a case: where it is, and its own visits that are counted."""

    place: Any
    at: tuple[int, ...]


class Fork(NamedTuple):
    """A case in a split: the branches that still run, and whether one of them was lost."""

    step: str
    running: tuple[Branch, ...]
    lost: bool


class Ended(NamedTuple):
    """A case, or a branch, that has come to its end."""

    lost: bool
    how: str


Place = str | Fork | Ended


class Move(NamedTuple):
    """One visit: where it leads, whether it took place, and what there is to say about it."""

    to: str | Ended
    took_place: bool
    said: str = ""
    route: tuple[int, int] | None = None
    """(form, number) of the route taken."""


JOINED = Ended(False, "joined")


class Walk:
    """What may happen to the cases of a segment."""

    def __init__(self, scenario: Scenario, segment: str) -> None:
        self.scenario, self.segment = scenario, segment
        self._moves: dict[tuple[str, int | None], list[Move]] = {}

    def forms(self, name: str) -> list[tuple[str, Step]]:
        """The forms in which a case may meet a step: itself, and versions that are rolled out."""
        step = self.scenario.steps[name]
        return [("", step), *((v.name, v.step) for v in step.versions if v.share > 0)]

    def moves(self, name: str, seen: int | None = None) -> list[Move]:
        """The ways in which a visit to a step may go, where the case has left it `seen` times before (None: any number)."""
        if (name, seen) not in self._moves:
            self._moves[name, seen] = [m for f, (version, step) in enumerate(self.forms(name)) for m in self._of(f, version, step, seen)]
        return self._moves[name, seen]

    def _of(self, form: int, version: str, step: Step, seen: int | None) -> Iterator[Move]:
        adherence = share_in(step.adherence, self.segment)
        note = f"in the form {version}" if version else ""
        live = self.live(step, seen)
        skipped = "left out: it is optional" if step.optional else "skipped"
        if adherence > 0:
            for i, route in live:
                yield Move(_goal(route), True, note, (form, i))
            patience = step.patience_by_segment.get(self.segment, step.patience or self.scenario.segments[self.segment].patience)
            if step.asks and (patience not in (None, "none") or step.waiting_room is not None):
                left = step.gives_up
                yield Move(left.to if left and left.to else Ended(True, left.lost if left and left.lost else "gave up waiting"), False, "gives up waiting")
            for end in step.unless:
                yield Move(end.to or Ended(True, end.lost or ""), False, "something else comes first")
        if adherence < 1 or step.optional:
            for i, route in live:
                yield Move(_goal(route), False, skipped, (form, i))

    def live(self, step: Step, seen: int | None) -> list[tuple[int, Route]]:
        """The routes that some case takes; what closed, fading and conditional ones leave goes to the rest."""
        share = [step.share_of(r, self.segment) for r in step.then]
        closed = [seen is not None and r.limit is not None and seen >= r.limit for r in step.then]
        maybe = [s > 0 and (r.fades or r.when or r.factor or (seen is None and r.limit is not None) or c) for s, r, c in zip(share, step.then, closed, strict=True)]
        return [(i, r) for i, r in enumerate(step.then) if not closed[i] and (share[i] > 0 or (r.rest and any(maybe)))]

    watched: frozenset[str] | None = None
    """If set, visits of a branch to steps that the rule does not watch go before those of other branches.

    They commute with whatever the others do, so that any answer stays the same (partial order reduction).
    """

    def _next_of(self, running: tuple[Branch, ...]) -> list[Branch]:
        """The branches of which one goes on next."""
        if self.watched is not None:
            for branch in running:
                if isinstance(branch.place, str) and branch.place not in self.watched and not self.scenario.steps[branch.place].parallel:
                    return [branch]
        return list(dict.fromkeys(running))

    def after(self, place: Place, at: tuple[int, ...]) -> Iterator[tuple[str, Move | None, Place, bool, tuple[int, ...]]]:
        """What may happen next: (step, move, new place, whether the visit begins here, counted visits)."""
        if isinstance(place, str):
            yield from self._begin(place, at)
        elif isinstance(place, Fork):
            for branch in self._next_of(place.running):
                others = list(place.running)
                others.remove(branch)
                for step, move, to, begins, seen in self.after(branch.place, branch.at):
                    if isinstance(to, Ended):
                        yield step, move, Fork(place.step, _ordered(others), place.lost or to.lost), begins, at
                    else:
                        yield step, move, Fork(place.step, _ordered([*others, Branch(to, seen)]), place.lost), begins, at
            if not place.running:
                # All have joined: the visit to the split is over.
                if place.lost:
                    yield place.step, None, Ended(True, "a branch was lost"), False, at
                else:
                    for move in self.moves(place.step, self._seen(place.step, at)):
                        if move.took_place:
                            yield place.step, move, move.to, False, self._count(place.step, at)

    def _begin(self, name: str, at: tuple[int, ...]) -> Iterator[tuple[str, Move | None, Place, bool, tuple[int, ...]]]:
        parallel = any(step.parallel for _, step in self.forms(name))
        for move in self.moves(name, self._seen(name, at)):
            if not (parallel and move.took_place):
                yield name, move, move.to, True, self._count(name, at)
        if parallel:
            for _, step in self.forms(name):
                if share_in(step.adherence, self.segment) == 0:
                    continue
                starts = tuple(Branch(start, self.nothing) for start in step.parallel or ())
                # One branch, or two that are alike, stand for any number of them; a formula may also make none.
                for running in [starts] if step.count is None else [*([] if step.count.at_least_one else [()]), starts, starts * 2]:
                    yield name, None, Fork(name, _ordered(running), False), True, at

    counted: tuple[str, ...] = ()
    """Steps whose visits are counted against the limits of their routes; a branch counts for itself, from nothing."""
    most: tuple[int, ...] = ()

    def count(self, names: tuple[str, ...]) -> None:
        """Follow the limits of these steps."""
        self.counted = names
        self.most = tuple(max(r.limit or 0 for _, form in self.forms(n) for r in form.then) for n in names)

    @property
    def nothing(self) -> tuple[int, ...]:
        """The counted visits of a case, or a branch, that begins."""
        return (0,) * len(self.counted)

    def limited(self, name: str) -> bool:
        """Whether a step has routes with a limit."""
        return any(r.limit is not None for _, form in self.forms(name) for r in form.then)

    def _seen(self, name: str, at: tuple[int, ...]) -> int | None:
        return at[self.counted.index(name)] if at and name in self.counted else None

    def _count(self, name: str, at: tuple[int, ...]) -> tuple[int, ...]:
        if not at or name not in self.counted:
            return at
        i = self.counted.index(name)
        return (*at[:i], min(at[i] + 1, self.most[i]), *at[i + 1 :])


def _ordered(branches: Iterable[Branch]) -> tuple[Branch, ...]:
    return tuple(sorted(branches, key=repr))


def _goal(route: Route) -> str | Ended:
    if route.to is not None:
        return route.to
    if route.join:
        return JOINED
    return Ended(True, route.lost) if route.lost else Ended(False, "done")
