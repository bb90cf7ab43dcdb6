"""Write the steps of a learnt scenario: one for each state of an activity, and those that stand for the waits between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from salessim.calibration import laws, sentences
from salessim.calibration.doors import Doors
from salessim.calibration.journey import GAVE_UP, STAYS
from salessim.calibration.queues import Wait
from salessim.importers.eventlog import clean, clean_about
from salessim.units import NEVER, YEAR, say_share
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.calibration.activities import Activities
    from salessim.calibration.journey import Move, Moves
    from salessim.calibration.memory import State
    from salessim.calibration.names import Names

STAGE_TITLES = {
    "lead": "Lead generation", "nurture": "Nurturing", "opportunity": "Opportunity management", "quote": "Presentation and quotation",
    "contract": "Negotiation and contract", "order": "Order fulfilment", "service": "After-sales service",
}  # fmt: skip


@dataclass
class Steps:
    """Writes the steps and their ways on, and keeps which step stands for what.

    Args:
        activities: what is done at a step.
        moves: where cases go from each state, and how soon.
        patient: activities whose customers are seen to give up.
        names: of steps.
        segment, channel: kind of the log -> its name in the scenario.
        calendar_of: (state, goal) -> the calendar on whose clock that way on is waited for.
        stage_of: activity -> its stage.
        stands_for: activity -> the one under which the log has it, where that is another.
    """

    activities: Activities
    moves: Moves
    patient: set[str]
    names: Names
    segment: Callable[[str], str]
    channel: Callable[[str], str]
    calendar_of: Callable[[State, State | str], str]
    stage_of: Mapping[str, str]
    stands_for: Mapping[str, str]
    stages: dict[str, Any] = field(default_factory=dict)
    """The paragraphs."""
    activity_of: dict[str, str] = field(default_factory=dict)
    """step -> activity of the log."""
    move_of: dict[str, Move] = field(default_factory=dict)
    """Step that is a wait -> the way on that it stands for."""
    waits: list[Wait] = field(default_factory=list)
    """Waits that hold queues for people as well."""
    stays: dict[str, float] = field(default_factory=dict)
    """step -> share of its cases that nobody touches any more."""

    def __post_init__(self) -> None:
        about = self.activities.log.about
        self.enabled_known, self.milestones = about.enabled_known, about.milestones
        self.staffed, self.assumptions = self.activities.staff.staffed, self.activities.assumptions
        self.doors = Doors(self.moves.memory, self.names, self.name, self.segment, self.channel, about.currency)

    def name(self, state: State) -> str:
        """The step of a state."""
        if state[0] == "":
            channel = next(c for c, s in self.moves.entry.items() if s == state)
            return self.names(state, f"arrive ({clean_about(channel)[:60]})")
        if state[1] == GAVE_UP:
            return self.names(state, f"{clean(state[0])[:60]} (given up)")
        past = self.moves.memory.words(state, laws.roughly)
        name = self.names(state, clean(state[0])[:60] + (f" ({clean(past)[:60]})" if past else ""))
        self.activity_of[name] = state[0]
        return name

    def write(self, work: Mapping[str, pd.DataFrame]) -> None:
        """Every step that cases reach.

        Args:
            work: activity -> its visits.
        """
        done = {step: self.activities.done(step, rows) for step, rows in work.items()}
        states = self._reachable()
        self.never_left = self._never_left(states)
        for state in states:  # names first, so that waits never take the name of an activity
            self.name(state)
            self.doors.name(self.moves.memory.door(state))
        for state in states:
            name, stage = self.name(state), self._stage(state)
            step: dict[str, Any] = {"automatic": "0 min"} if state[0] == "" or state[1] == GAVE_UP else dict(done[state[0]])
            if state[0] in self.patient and state[1] != GAVE_UP:
                step |= self.activities.patience(state[0], work[state[0]], self._directly(state[0]) or {"to": self.name((state[0], GAVE_UP))})
                if not self.enabled_known:
                    self.activities.left_before(state[0], work[state[0]]).leave[name] = {}
            if name in self.activity_of and name != self.stands_for.get(state[0], state[0]):
                step["activity"] = self.stands_for.get(state[0], state[0])
            milestone = self.milestones.get(state[0])
            if milestone:
                step["milestone"] = milestone
            step["then"] = self._routes(stage, state, name)
            stage["steps"][name] = step

    def ask(self, channels: Collection[str]) -> None:
        """The steps that ask what a case knows of itself.

        Args:
            channels: of the scenario.
        """
        for door in {self.moves.memory.door(state): None for state in self._reachable()}:
            if step := self.doors.step(door, channels):
                self._stage(door)["steps"][self.doors.name(door)] = step

    def _stage(self, state: State) -> dict[str, Any]:
        key = self.stage_of.get(state[0], "lead")
        result: dict[str, Any] = self.stages.setdefault(key, {"title": STAGE_TITLES.get(key, key), "steps": {}})
        return result

    def _reachable(self) -> list[State]:
        found: list[State] = []
        todo = sorted(self.moves.entry.values())
        while todo:
            state = todo.pop(0)
            if state in found:
                continue
            found.append(state)
            todo += self._next(state)
        return found

    def _next(self, state: State) -> list[State]:
        """The states that cases reach from one."""
        found = [form for m in self.moves.onward.get(state, []) if isinstance(m.goal, tuple) for form, _ in self.moves.memory.behind(m.goal)]
        if state[0] in self.patient and state[1] != GAVE_UP:
            direct, ways = self._directly(state[0]), self.moves.onward.get((state[0], GAVE_UP), [])
            goals = [m.goal for m in ways if isinstance(m.goal, tuple) and direct == self._goal(m.goal)]
            found += [form for goal in goals for form, _ in self.moves.memory.behind(goal)] if direct else [(state[0], GAVE_UP)]
        return found

    def _never_left(self, states: list[State]) -> set[State]:
        """Those from which no end was ever seen, on any way: a rare activity that its few cases repeat and are still at."""

        def ends_here(state: State) -> bool:
            moves = self.moves.onward.get(state, [])
            gives_up = state[0] in self.patient and state[1] != GAVE_UP and "lost" in (self._directly(state[0]) or {})
            return not moves or gives_up or any(not isinstance(m.goal, tuple) for m in moves)

        rest, ends = set(states), {s for s in states if ends_here(s)}
        after = {s: self._next(s) for s in states}
        while ends:
            rest -= ends
            ends = {s for s in rest if not rest.issuperset(after[s])}
        return rest

    def _routes(self, stage: dict[str, Any], state: State, name: str) -> list[dict[str, Any]]:
        moves = self.moves.onward.get(state)
        if not moves:
            self.assumptions.append(sentences.follows_unseen(name))
            return [{"done": True, "assumption": "never seen what follows"}]
        routes: list[dict[str, Any]] = []
        others = 1.0
        if state in self.never_left:  # of n moves none: the rule of succession (Laplace)
            n = sum(m.count for m in moves)
            others = 1 - 1 / (n + 2)
            self.assumptions.append(sentences.never_left(name, n))
            routes.append({"done": True, "share": say_share(round(1 - others, 5)), "assumption": "never seen to end"})
        rest = max((m for m in moves if m.limit is None), key=lambda m: (m.takes_rest, m.share, str(m.goal)))
        for move in moves:
            goal = self._goal(move.goal)
            if not move.immediate:
                goal = {"to": self._wait(stage, state, move, name, goal)}
            of = counted(move.count, "move" if move.goal != STAYS else "case that was open", "" if move.goal != STAYS else "cases that were open")
            if move is not rest:
                # Rounded down, so that many shares never sum to more than the whole; the rest takes the difference.
                goal |= {"share": say_share(math.floor(1e5 * others * move.share) / 1e5), "source": f"data: {of}"}
            else:
                goal |= {"source": f"data: {of} ({100 * others * move.share:.1f} %)"}
            if move.limit is not None:
                goal |= {"limit": move.limit, "source": f"data: {counted(move.count, 'move')}, none to speak of after {move.limit} visits"}
            routes.append(goal)
        return routes

    def _goal(self, goal: State | str) -> dict[str, Any]:
        if isinstance(goal, tuple):
            return {"to": self.doors.name(goal)}
        if goal == STAYS:
            return {"lost": STAYS}
        if goal.startswith("lost: "):
            return {"lost": clean(goal[6:])}
        return {"done": True}

    def _wait(self, stage: dict[str, Any], state: State, move: Move, name: str, goal: dict[str, Any]) -> str:
        if move.goal == STAYS:
            return self._stay(stage, state, move, name, goal)
        target = goal.get("to") or goal.get("lost") or "done"
        wait = self.names((state, move.goal, move.apart), f"{name[:36].strip()} → {target[:36].strip()}" + (f" ({move.apart})" if move.apart else ""))
        waits = f"data: {counted(move.count, 'wait')}, open ones censored"
        step: dict[str, Any]
        counted_in = {"calendar": move.runs.days, "counts_in": "days"} if move.runs.days else {}
        match move.runs.on:
            case "age":
                note = f"data: the age at {counted(move.count, 'move')}, open cases censored; counts from the case's arrival, which tells held-out moves better than the wait does"
                step = {"customer": move.law(note, move.time, move.moved), "counts_from": "arrival"}
                step |= ({"at_least": laws.in_words(move.runs.least)} if move.runs.least else {}) | counted_in
            case "elapsed":
                step = {"customer": move.law(waits, move.time, move.moved)} | counted_in
            case "working":
                step = {"customer": move.law(waits, move.time, move.moved), "calendar": self.calendar_of(state, move.goal)}
        if move.hours is not None:
            hours = self.names((state, move.goal, "hours"), f"{name[:32].strip()} → {target[:32].strip()} (hours)")
            note = f"data: the hours of {counted(move.count, 'move')}, whose days are told by the step before"
            if move.runs.rest is None:
                own = {"customer": laws.from_curve(*move.hours, note), "calendar": self.calendar_of(state, move.goal)}
            else:
                own = {"customer": laws.with_points(*move.hours, f"{note}; the time of day is kept", move.count)}
            stage["steps"][hours] = {**own, "then": [goal]}
            goal = {"to": hours}
        step["then"] = [goal]
        stage["steps"][wait] = step
        self.move_of[wait] = move
        if not self.enabled_known and isinstance(move.goal, tuple) and move.goal[0] in self.staffed:
            self.waits.append(Wait(step, tuple(self.name(form) for form, _ in self.moves.memory.behind(move.goal)), move))
        return wait

    def _stay(self, stage: dict[str, Any], state: State, move: Move, name: str, goal: dict[str, Any]) -> str:
        """Where cases are that nobody touches any more: open, with the customer, until after every horizon."""
        stay = self.names((state, move.goal), f"{name[:36].strip()} → {STAYS}")
        stage["steps"][stay] = {"customer": {"law": "constant", "value": f"{NEVER // YEAR} years", "assumption": sentences.stay(name, move.share)}, "then": [goal]}
        self.stays[name] = move.share
        return stay

    def _directly(self, step: str) -> dict[str, Any] | None:
        """Where cases that gave up go, if nearly all go the same way at once; else they pass a step of their own."""
        moves = self.moves.onward.get((step, GAVE_UP), [])
        if not moves:
            return {"lost": "gave up"}
        main = max(moves, key=lambda m: (m.share, str(m.goal)))
        goal = self._goal(main.goal)
        return goal if main.share >= 0.95 and main.immediate and "done" not in goal else None


__all__ = ["STAGE_TITLES", "Steps"]
