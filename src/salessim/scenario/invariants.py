"""Rules that every case must keep whatever way it takes, and the check that proves them for a scenario.

A planner writes a sentence such as "approve before sign". The check walks over everything that may happen to a case
(routes with a share above zero in some segment, loops, giving up, competing ends, skipped visits, versions of steps,
branches in any order) and either proves the sentence or shows the shortest way that breaks it. Conditions (`when`) are
taken as possible either way. New cases that a step brings stand for themselves: the past of their parent does not
count.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from salessim.scenario.checks import Problem, nearest, roles_of_step, segments_of
from salessim.scenario.model import share_in
from salessim.scenario.ways import Ended, Move, Walk

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Kind = Literal["before", "before every", "leads to", "never after", "different people"]
MOST_STATES = 200_000
"""Beyond so many states of one case the check gives up and says so."""
SHORTEST_WITHIN = 20_000
"""Up to so many states branches are followed in every order, for the shortest way; beyond, only in those that matter."""
GRAMMAR = "write 'A before B', 'A before every B', 'A leads to B', 'A leads to B unless lost', 'never B after A' or 'A and B by different people'"
_MILESTONES = ("response", "won", "delivered")
_QUOTED = str.maketrans("‘’“”「」", "''\"\"''")


@dataclass(frozen=True)
class Invariant:
    """A sentence that has been read. `first` and `second` are names of steps or of milestones, in the order of time."""

    kind: Kind
    first: str
    second: str
    unless_lost: bool = False

    def __str__(self) -> str:
        """The sentence, its names in quotes."""
        a, b = f"'{self.first}'", f"'{self.second}'"
        if self.kind == "never after":
            return f"never {b} after {a}"
        if self.kind == "different people":
            return f"{a} and {b} by different people"
        return f"{a} {self.kind} {b}{' unless lost' if self.unless_lost else ''}"


def read(sentence: str, known: Iterable[str]) -> Invariant:
    """Read a sentence whose names are among the known ones.

    Args:
        sentence: names may stand in quotes, and must where they hold words of the grammar.
        known: names of steps and milestones.

    Raises:
        ValueError: "problem; remedy".

    Example:
        >>> read("check quote before every prepare contract", ["check quote", "prepare contract"])
        Invariant(kind='before every', first='check quote', second='prepare contract', unless_lost=False)
    """
    names = set(known)
    readings = dict.fromkeys(_readings(" ".join(sentence.translate(_QUOTED).split())))
    if not readings:
        raise ValueError(f"{sentence!r} is not a rule; {GRAMMAR}")
    sound = [r for r in readings if {r.first, r.second} <= names]
    if len(sound) > 1:
        raise ValueError(f"{sentence!r} can be read as {' or as '.join(map(str, sound))}; put the names in quotes")
    if not sound:
        # The reading that comes closest tells which name is unknown.
        best = min(readings, key=lambda r: len({r.first, r.second} - names))
        unknown = next(n for n in (best.first, best.second) if n not in names)
        raise ValueError(f"there is no step {unknown!r} (in {sentence!r}); {nearest(unknown, names)}")
    if sound[0].first == sound[0].second:
        raise ValueError(f"{sentence!r} speaks of one step only; name two")
    return sound[0]


def _readings(text: str) -> Iterator[Invariant]:
    """All ways to split a sentence at the words of the grammar, whatever the names are."""

    def split(said: str, word: str) -> Iterator[tuple[str, str]]:
        for m in re.finditer(rf"(?=\s{word}\s)", said):
            left, right = _bare(said[: m.start()]), _bare(said[m.start() + len(word) + 2 :])
            if left and right:
                yield left, right

    for left, right in split(text, "before every"):
        yield Invariant("before every", left, right)
    for left, right in split(text, "before"):
        yield Invariant("before", left, right)
    for left, right in split(text, "leads to"):
        yield Invariant("leads to", left, right)
    if text.endswith(" unless lost"):
        for left, right in split(text.removesuffix(" unless lost"), "leads to"):
            yield Invariant("leads to", left, right, unless_lost=True)
    if text.startswith("never "):
        for later, earlier in split(text.removeprefix("never "), "after"):
            yield Invariant("never after", earlier, later)
    if text.endswith(" by different people"):
        for left, right in split(text.removesuffix(" by different people"), "and"):
            yield Invariant("different people", left, right)


def _bare(name: str) -> str | None:
    """A name without its quotes; None where a quote is open."""
    name = name.strip()
    for quote in "'\"":
        if len(name) > 2 and name[0] == name[-1] == quote and quote not in name[1:-1]:
            return name[1:-1]
    return None if name[:1] in "'\"" or name[-1:] in "'\"" else name or None


def known_names(scenario: Scenario) -> list[str]:
    """What a sentence may speak of: the steps, and the milestones that some step marks."""
    marked = {step.milestone for step in scenario.steps.values()}
    return [*scenario.steps, *(m for m in _MILESTONES if m in marked and m not in scenario.steps)]


def problems(scenario: Scenario) -> Iterator[Problem]:
    """The invariants that cannot be read and those that some way breaks; nothing for a scenario that keeps them all.

    What is proved is the process as it runs, with its level of standardisation worked into the steps. A rule that names
    an overridden step is not held against the scenario: `overrides.warnings` says what became of it.
    """
    known = [*known_names(scenario), *(s for s in scenario.overrides if s not in scenario.steps)]
    rules = scenario.invariants
    scenario = scenario.in_force if rules else scenario
    for i, sentence in enumerate(rules):
        path = ("invariants", i)
        try:
            rule = read(sentence, known)
            found = None if {rule.first, rule.second} & scenario.overrides.keys() else broken(scenario, rule)
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            yield Problem(path, problem, remedy)
        else:
            if found is not None:
                yield Problem(path, f"the rule \"{sentence}\" is broken by {found}", _remedy(rule))


def _remedy(rule: Invariant) -> str:
    if rule.kind in ("before", "before every"):
        return f"lead every way to {rule.second!r} through {rule.first!r}, or drop the rule"
    if rule.kind == "leads to":
        return f"lead every way from {rule.first!r} to {rule.second!r}, or drop the rule"
    if rule.kind == "never after":
        return f"lead no way from {rule.first!r} to {rule.second!r}, or drop the rule"
    return "give the two steps teams that have nobody in common, or drop the rule"


# --- what a rule watches -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Watch:
    """A rule as a machine of two states, True and False, that sees visits begin, succeed, and cases end."""

    rule: Invariant
    first: frozenset[str]
    second: frozenset[str]

    def begins(self, state: bool, step: str) -> bool:
        """Whether a visit that begins in this state is allowed."""
        if step not in self.second:
            return True
        if self.rule.kind in ("before", "before every"):
            return state
        return not (self.rule.kind == "never after" and state)

    def done(self, state: bool, step: str) -> bool:
        """The state after a visit that really took place."""
        if step in self.second and self.rule.kind in ("before every", "leads to"):
            return False
        return True if step in self.first else state

    def ends(self, state: bool, lost: bool) -> bool:
        """Whether a case may end in this state."""
        return not (self.rule.kind == "leads to" and state) or (lost and self.rule.unless_lost)

    def settled(self, state: bool) -> bool:
        """Whether nothing can break the rule any more."""
        return state and self.rule.kind == "before"


@dataclass(frozen=True)
class _Both:
    """Two steps in either order, for the people of both: broken once a case has been at both."""

    first: frozenset[str]
    second: frozenset[str]

    def begins(self, state: frozenset[str], step: str) -> bool:
        return not (step in self.first | self.second and state - self._side(step))

    def _side(self, step: str) -> frozenset[str]:
        return frozenset({"first"} if step in self.first else {"second"})

    def done(self, state: frozenset[str], step: str) -> frozenset[str]:
        return state | self._side(step) if step in self.first | self.second else state

    def ends(self, state: frozenset[str], lost: bool) -> bool:
        return True

    def settled(self, state: frozenset[str]) -> bool:
        return False


# --- the check ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Breach:
    """The shortest way that breaks a rule."""

    start: str
    segment: str
    visits: tuple[tuple[str, str], ...]
    """(step, what there is to say about the visit)."""
    end: str = ""
    people: str = ""

    def __str__(self) -> str:
        """The way in one line."""
        way = " → ".join(f"{step} ({said})" if said else step for step, said in self.visits)
        return f"{self.start} ({self.segment}) → {way}{f' → {self.end}' if self.end else ''}{f', both by {self.people}' if self.people else ''}"

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The steps of the way."""
        return tuple(step for step, _ in self.visits)


def broken(scenario: Scenario, rule: Invariant) -> Breach | None:
    """The shortest way that breaks a rule, or None if every way keeps it.

    Raises:
        ValueError: the rule cannot be asked of these steps, or there are too many branches to follow.
    """
    sets = {name: _steps_named(scenario, name) for name in (rule.first, rule.second)}
    people = ""
    if rule.kind == "different people":
        teams = {name: _teams(scenario, name, steps) for name, steps in sets.items()}
        common = sorted(teams[rule.first] & teams[rule.second])
        if not common:
            return None
        people = " or ".join(common)
    found = []
    for segment, starts in sorted(_starts(scenario).items()):
        watch: Any = _Both(sets[rule.first], sets[rule.second]) if people else _Watch(rule, sets[rule.first], sets[rule.second])
        breach = _search(Walk(scenario, segment), watch, starts, people)
        if breach is not None:
            found.append(breach)
    return min(found, key=lambda b: (len(b.visits), b.segment), default=None)


def _steps_named(scenario: Scenario, name: str) -> frozenset[str]:
    if name in scenario.steps:
        return frozenset({name})
    return frozenset(n for n, step in scenario.steps.items() if step.milestone == name)


def _teams(scenario: Scenario, name: str, steps: frozenset[str]) -> set[str]:
    """The teams whose people may work at some steps."""
    found: set[str] = set()
    for step in sorted(steps):
        roles = roles_of_step(scenario.steps[step])
        if not roles:
            raise ValueError(f"nobody works at {step!r}, so 'by different people' says nothing about it; name a step with 'work'")
        for role in roles:
            found |= set(role.by) or {t for t, team in scenario.teams.items() if role.skill in team.skills}
    return found


def _starts(scenario: Scenario) -> dict[str, list[tuple[str, str]]]:
    """Where cases begin, by segment: (step, what brings them), those of channels first, then those that reached steps bring."""
    found: dict[str, list[tuple[str, str]]] = {}
    seen: set[tuple[str, str]] = set()
    todo: deque[tuple[str, str]] = deque()

    def begin(step: str, segment: str, what: str) -> None:
        if all(s != step for s, _ in found.setdefault(segment, [])):
            found[segment].append((step, what))
        todo.append((step, segment))

    for name, channel in sorted(scenario.channels.items()):
        for segment in segments_of(channel):
            begin(channel.enters, segment, name)
    walks = {segment: Walk(scenario, segment) for segment in scenario.segments}
    while todo:
        name, segment = here = todo.popleft()
        if here in seen:
            continue
        seen.add(here)
        walk = walks[segment]
        todo += [(m.to, segment) for m in walk.moves(name) if isinstance(m.to, str)]
        for _, step in walk.forms(name):
            todo += [(branch, segment) for branch in step.parallel or ()]
            for spawn in step.spawns:
                if share_in(spawn.probability, segment) > 0:
                    begin(spawn.to, spawn.segment or segment, f"{spawn.kind} after {name}")
    return found


def _search(walk: Walk, watch: Any, starts: list[tuple[str, str]], people: str) -> Breach | None:
    """Breadth first over everything that may happen; limits are followed only for the steps where they matter."""
    counted: tuple[str, ...] = ()
    last: Breach | None = None
    while True:
        walk.count(counted)
        try:
            try:
                found = _first_breach(walk, watch, starts, people, MOST_STATES if walk.watched else SHORTEST_WITHIN)
            except OverflowError:
                walk.watched = watch.first | watch.second
                found = _first_breach(walk, watch, starts, people, MOST_STATES)
        except OverflowError:
            if last is not None:
                return last  # a way that its limits may close: what cannot be proved is not claimed
            raise ValueError(f"a case can be in more than {MOST_STATES:,} states, too many to prove a rule; use fewer branches at once") from None
        if found is None:
            return None
        last, taken = found
        # The way was found as if limits were always open and never used up. If limits contradict it, follow those limits.
        wrong = _contradicted(walk, taken)
        if not wrong:
            return last
        counted = (*counted, *wrong)


def _contradicted(walk: Walk, taken: list[tuple[str, Move | None]]) -> tuple[str, ...]:
    """Steps of a way, not counted yet, whose limits do not allow it; as few as there are."""
    limited = [step for step in dict.fromkeys(step for step, _ in taken) if walk.limited(step) and step not in walk.counted]
    for chosen in [*((step,) for step in limited), tuple(limited)]:
        if chosen and not _open(walk, (*walk.counted, *chosen), taken):
            return chosen
    return ()


def _open(walk: Walk, counted: tuple[str, ...], taken: list[tuple[str, Move | None]]) -> bool:
    """Whether a case can go a way if the limits of some steps are followed."""
    free = Walk(walk.scenario, walk.segment)
    free.count(counted)
    states: set[tuple[Any, tuple[int, ...]]] = {(taken[0][0], free.nothing)}
    for step, move in taken[:-1]:
        states = {(to, after) for place, at in states for s, m, to, _, after in free.after(place, at) if (s, m) == (step, move)}
    step, move = taken[-1]
    going = [(m, begins) for place, at in states for s, m, _, begins, _ in free.after(place, at) if s == step]
    return any(m == move or (move is None and begins and not _skipped(m)) for m, begins in going)


def _skipped(move: Move | None) -> bool:
    """Whether a step was passed without a visit."""
    return move is not None and not move.took_place and move.route is not None


def _first_breach(walk: Walk, watch: Any, starts: list[tuple[str, str]], people: str, most: int) -> tuple[Breach, list[tuple[str, Move | None]]] | None:
    fresh: Any = frozenset() if people else False
    before: dict[Any, tuple[Any, str, Move | None, bool] | str] = {}
    todo: deque[Any] = deque()
    for step, what in starts:
        state = (step, fresh, walk.nothing)
        if state not in before:
            before[state] = what
            todo.append(state)

    def way(state: Any, step: str, move: Move | None, begins: bool = True, end: str = "") -> tuple[Breach, list[tuple[str, Move | None]]]:
        taken = [(step, move, begins)]
        while not isinstance(link := before[state], str):
            state, at, by, first = link
            taken.append((at, by, first))
        taken.reverse()
        # A split is there twice, when it begins and when its branches have joined; once is enough for a reader.
        visits = tuple((s, m.said if m else "") for s, m, first in taken if first)
        return Breach(link, walk.segment, visits, end, people), [(s, m) for s, m, _ in taken]

    while todo:
        state = todo.popleft()
        place, seen, counts = state
        for step, move, to, begins, after in walk.after(place, counts):
            if begins and not _skipped(move) and not watch.begins(seen, step):
                return way(state, step, None)
            now = watch.done(seen, step) if move is not None and move.took_place else seen
            if isinstance(to, Ended):
                if not watch.ends(now, to.lost):
                    return way(state, step, move, begins, f"lost: {to.how}" if to.lost else to.how)
                continue
            if watch.settled(now):
                continue
            key = (to, now, after)
            if key not in before:
                if len(before) >= most:
                    raise OverflowError
                before[key] = (state, step, move, begins)
                todo.append(key)
    return None
