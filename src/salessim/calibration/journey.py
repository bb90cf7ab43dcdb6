"""Where cases go and how long it takes them to get there: a semi-Markov model with competing, censored moves.

After each visit a case moves on to another step or to an ending, or is still waiting when the log ends. The moves
compete and waiting cases are censored, so shares and times come from Aalen-Johansen, not from ratios of finished
moves. What a case remembers of its past is told by `memory`, whether those that have not moved ever will by `remainder`,
what a time runs on by `timing`; a way that closes after so many visits gets a limit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from salessim.calibration import laws
from salessim.calibration.estimates import error_of_share
from salessim.calibration.history import gave_up, seconds
from salessim.calibration.memory import Memory, State, closed_after
from salessim.calibration.memory import learn as learn_memory
from salessim.calibration.remainder import Remainder, remainder
from salessim.calibration.sample import LocalTime
from salessim.calibration.timing import Days, Runs, Waits, runs_on
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.survival import incidence, incidence_error
from salessim.units import NEVER, SECOND

if TYPE_CHECKING:
    from salessim.log import EventLog

GAVE_UP = -1
"""In the place of the count: left without having been taken up."""
LEAST_MOVES = 3
"""A move seen less often is left out (and counted)."""
LEAST_OF_CHANNEL = 20
"""Where fewer cases of a channel moved on, its share would be off by a quarter and more: what follows arrival is learnt over all channels."""
MOST_MOVES = 60
"""The language takes 64 routes from a step; rarer ones are left out (and counted)."""

ELAPSED, WORKING = Runs("elapsed"), Runs("working")
STAYS = "stays open"
"""The goal of those that do not move any more."""


@dataclass(frozen=True)
class _Apart:
    """A goal, for those who reach it by a law of their own, in plain time."""

    goal: State | str
    said: Literal["soon", "fixed"]


@dataclass(frozen=True)
class Move:
    """One way on from a state."""

    goal: State | str
    """The door to a state (see `memory`), or "completed", "lost: REASON" or `STAYS`."""
    share: float
    count: int
    time: Any
    """Seconds by which the share `moved` has moved."""
    moved: Any
    runs: Runs
    """What `time` is: time since the state was left, working time of the goal's team since then, or the age of the case."""
    error: float = 0.0
    """Of the share: its standard error relative to it."""
    limit: int | None = None
    """Closed once the case has left the state so often before."""
    takes_rest: bool = False
    """Whether cases go this way when a limit has closed theirs."""
    waited: float | None = None
    """Mean seconds from leaving the state, where `time` does not tell it."""
    hours: tuple[Any, Any] | None = None
    """Where `time` runs to the day of the move only: seconds from there on, of the goal's clock unless days are whole ones, and the share that has moved by each."""
    apart: Literal["", "soon", "fixed"] = ""
    """Those who go there soon, or after a fixed time, at any hour; the others are a move of their own."""

    @property
    def immediate(self) -> bool:
        """Whether nearly all move within a second."""
        return self.runs.on != "age" and self.hours is None and bool(self.moved[max(0, np.searchsorted(self.time, 1.0, side="right") - 1)] >= 0.98 and self.time[0] <= 1.0)

    @property
    def mean(self) -> float:
        """Mean of `time`."""
        return float(np.sum(np.diff(np.concatenate([[0.0], self.moved])) * self.time))

    @property
    def wait(self) -> float:
        """Mean seconds from leaving the state."""
        return self.mean if self.waited is None else self.waited

    def law(self, note: str, time: Any, moved: Any) -> dict[str, Any] | str:
        """A law of such times as these are, as a scenario writes it down: times that many cases have stay what they are, but on the clock of a team.

        Args:
            note: where it comes from.
            time: seconds, rising: `time`, or what is left of it.
            moved: share that has moved by each.
        """
        if self.runs.on == "working":
            return laws.from_curve(time, moved, note)
        return laws.with_points(time, moved, note, self.count) if self.runs.rest is None else laws.of_points(time, moved, note)

    @property
    def spread(self) -> float:
        """Coefficient of variation of `time`."""
        square = float(np.sum(np.diff(np.concatenate([[0.0], self.moved])) * self.time**2))
        return math.sqrt(max(0.0, square / self.mean**2 - 1)) if self.mean > 0 else 0.0


@dataclass(frozen=True)
class Decision:
    """When a case moved on, where to, and how long it had been about to."""

    at: float
    """Seconds since 1970."""
    age: float
    """Seconds."""
    goal: State | str


@dataclass(frozen=True)
class Moves:
    """The ways on from every state, the arrival ("") through each channel included."""

    onward: dict[State, list[Move]]
    entry: dict[str, State]
    """channel -> the state in which its cases arrive."""
    memory: Memory
    dropped: int
    decided: dict[State, list[Decision]]
    """From each state the decisions that its shares rest on."""

    def struck(self, activity: str) -> bool:
        """Whether most visits to an activity come when a timer strikes: to the minute, and in all hours alike."""
        moves = [m for ways in self.onward.values() for m in ways if isinstance(m.goal, tuple) and m.goal[0] == activity]
        return 2 * sum(m.count for m in moves if m.runs.on != "working" and not m.runs.to_the_day and m.apart != "soon") > sum(m.count for m in moves)


@dataclass(frozen=True)
class Sequence:
    """A case as states with the times of leaving one and reaching the next."""

    channel: str
    segment: str
    value: float
    steps: list[str]
    reached: Any
    left: Any
    """NaN while the visit is under way."""
    gave_up: list[bool]
    ending: str
    """"open", "completed" or "lost: REASON"."""
    ended: float


Clock = Callable[[Any], Any]
"""Working seconds that have passed by some times."""


@dataclass(frozen=True)
class _Wait:
    """From leaving a state to the next move, or to now where there is none yet."""

    born: float
    """When the case arrived."""
    reached: float
    """When the competition of the ways on began: with a visit that is the customer's, which may end early on some of them, else with leaving it."""
    since: float
    """NaN while the visit is under way."""
    until: float
    goal: Any
    """A door or an ending, perhaps by a law of its own (`_Apart`); None while it waits."""
    before: int
    """How often the case had left the state before."""


def sequences(log: EventLog, patient: set[str]) -> list[Sequence]:
    """The cases of a log, in order of the log."""
    frame = log.frame
    quits = (gave_up(frame) & frame["step"].isin(patient)).tolist()
    # Where readiness is not logged, a case reaches a step with its start or, where only ends are logged, its end.
    reach = frame["enabled"] if log.about.enabled_known else frame["started"].fillna(frame["ended"]).fillna(frame["enabled"])
    reached, left, born = seconds(reach), seconds(frame["ended"]), seconds(frame["enabled"])
    steps, outcomes, channels = frame["step"].tolist(), frame["outcome"].tolist(), frame["channel"].tolist()
    segments, values = frame["segment"].tolist(), frame["value"].tolist()
    result = []
    codes = frame["case"].to_numpy()
    bounds = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1], [True]]))
    for a, b in pairwise(bounds):
        real = [i for i in range(a, b) if steps[i] not in (WAITING, SYSTEM)]
        result.append(
            Sequence(
                channels[a],
                segments[a],
                values[a],
                ["", *(steps[i] for i in real)],
                np.array([born[a], *(reached[i] for i in real)]),
                np.array([born[a], *(left[i] for i in real)]),
                [False, *(quits[i] for i in real)],
                outcomes[b - 1],
                float(left[b - 1]),
            )
        )
    return result


class Clocks(Protocol):
    """The clocks on which activities are waited for."""

    def __call__(self, before: str, activity: str) -> Clock | None:
        """Working time before an activity after another; None where all hours are alike."""


def learn(log: EventLog, clocks: Clocks, patient: set[str], own: Collection[str] = (), days: Days | None = None) -> Moves:
    """The moves of a log.

    Args:
        log: cut off where knowledge ends.
        clocks: of steps that are reached only in working time, or at the pace of the week.
        patient: steps whose queues cases leave; how they go on from there is learnt apart.
        own: steps whose time is the customer's or a system's. How long a visit takes may depend on where it leads, such
            as to a rival, so visits under way are censored as well: of those that are over, the quick ways are too many.
        days: that deadlines may count in.
    """
    cases = sequences(log, patient)
    memory = learn_memory(cases)
    now = log.about.end.timestamp()
    channels = sorted({c.channel for c in cases})
    waits: dict[tuple[str, State], list[_Wait]] = {}
    for case, states in zip(cases, memory.states(cases), strict=True):
        before: Counter[State] = Counter()
        for i, state in enumerate(states):
            leaves = (state[0], GAVE_UP) if case.gave_up[i] else state
            key = (case.channel if state[0] == "" else "", leaves)
            under_way = bool(np.isnan(case.left[i]))
            if under_way and state[0] not in own:
                continue  # nothing is known of what follows
            until, goal = (now, None) if under_way else _next(case, states, i, now, memory)
            begun = case.reached[i] if state[0] in own else case.left[i]
            waits.setdefault(key, []).append(_Wait(case.reached[0], begun, case.left[i], until if under_way else max(until, case.left[i]), goal, before[leaves]))
            before[leaves] += 1
    midnight = LocalTime(log.about.time_zone, log.about.start.timestamp(), now).day
    runs = _run_on(waits, clocks, midnight, days or {})
    onward: dict[State, list[Move]] = {}
    decided: dict[State, list[Decision]] = {}
    entry = {channel: ("", index) for index, channel in enumerate(channels)}
    dropped = 0
    arrived = [row for (_, state), rows in sorted(waits.items()) if state[0] == "" for row in rows]
    for (channel, state), rows in sorted(waits.items()):
        if state[0] == "" and sum(row.goal is not None for row in rows) < LEAST_OF_CHANNEL:
            rows = arrived
        moves, used, lost = _moves(rows, partial(clocks, state[0]), midnight, runs.get((channel, state), {}))
        dropped += lost
        if moves:
            state = entry[channel] if state[0] == "" else state
            onward[state] = moves
            decided[state] = [Decision(row.until, row.until - row.reached, row.goal) for row in used if row.goal is not None]
    return Moves(onward, entry, memory, dropped, decided)


def _next(case: Sequence, states: list[State], i: int, now: float, memory: Memory) -> tuple[float, State | str | None]:
    """When a case that left its i-th state reached what, if it has."""
    if i + 1 < len(states):
        return case.reached[i + 1], memory.door(states[i + 1])
    return (now, None) if case.ending == "open" else (case.ended, case.ending)


def _run_on(waits: Mapping[tuple[str, State], list[_Wait]], clocks: Clocks, midnight: Clock, days: Days) -> dict[tuple[str, State], dict[State | str, Runs]]:
    """What the times of all moves run on; the states of an activity have a say together."""
    groups: dict[tuple[str, str], dict[tuple[tuple[str, State], State | str], Waits]] = {}
    for key, rows in sorted(waits.items()):
        known = [r for r in rows if not math.isnan(r.since)]
        born, since, until = (np.array(x) for x in zip(*((r.born, r.since, r.until) for r in known), strict=True)) if known else ([], [], [])
        goals = [r.goal for r in known]
        for goal in sorted({g for g in goals if g is not None}, key=str):
            chosen = np.array([g == goal for g in goals])
            found = Waits(born, since, until, np.array([g is not None for g in goals]), chosen)
            groups.setdefault((key[1][0], goal[0] if isinstance(goal, tuple) else goal), {})[key, goal] = found
    result: dict[tuple[str, State], dict[State | str, Runs]] = {}
    for (before, activity), members in groups.items():
        for (key, goal), runs in runs_on(members, clocks(before, activity), midnight, days).items():
            result.setdefault(key, {})[goal] = runs
    return result


def _moves(rows: list[_Wait], clock_of: Callable[[str], Clock | None], midnight: Clock, runs: Mapping[State | str, Runs]) -> tuple[list[Move], list[_Wait], int]:
    """Shares and times of competing moves, waiting cases being censored; the waits that shares rest on, and how many moves were left out."""
    counts = Counter(row.goal for row in rows if row.goal is not None)
    kept = sorted((g for g, n in counts.items() if n >= LEAST_MOVES), key=str) or sorted(counts, key=str)
    kept = sorted(sorted(kept, key=lambda g: (-counts[g], str(g)))[:MOST_MOVES], key=str)
    limits = closed_after([(row.before, row.goal) for row in rows if row.goal is not None], kept)
    # Beyond a limit other shares hold; so they are learnt from the visits before.
    first = min(limits.values(), default=None)
    used = [row for row in rows if (row.goal is None or row.goal in kept) and (first is None or row.before < first)]
    beyond = Counter(row.goal for row in rows if first is not None and row.before >= first and row.goal in kept and row.goal not in limits)
    rest = min(beyond, key=lambda g: (-beyond[g], str(g))) if beyond else None
    late = [row for row in rows if row.goal == rest] if rest is not None and all(row.goal != rest for row in used) else []
    shown, used = used, [_parted(row, runs) for row in used]
    ways: list[Any] = sorted({row.goal for row in used if row.goal is not None} | set(kept), key=str)
    curves, rests = _curves(used, ways, clock_of, midnight, runs)
    shares = _shares(used, ways, rests)
    if late:
        curves |= _curves(late, [rest], clock_of, midnight, runs)[0]
        shares[rest] = 0.0, 0.0
    stay = rests.left if rests.stays else 0.0
    total = sum(share for share, _ in shares.values()) / (1 - stay)
    moves = [Move(STAYS, stay, rests.waiting, np.array([NEVER / SECOND]), np.ones(1), ELAPSED, error_of_share(stay, rests.waiting))] if stay and total > 0 else []
    seen = Counter(row.goal for row in used)
    for way in ways:
        if way in curves and total > 0 and (shares[way][0] > 0 or way == rest):
            goal, apart, curve = way.goal if isinstance(way, _Apart) else way, way.said if isinstance(way, _Apart) else "", curves[way]
            count = seen[way] if way in seen else counts[way]
            moves.append(Move(goal, shares[way][0] / total, count, curve.time, curve.moved, curve.runs, shares[way][1], limits.get(goal), way == rest, curve.waited, curve.hours, apart))
    return moves, shown, sum(n for g, n in counts.items() if g not in kept)


def _parted(row: _Wait, runs: Mapping[State | str, Runs]) -> _Wait:
    """A wait, its goal another one where it is reached soon, or after a fixed time, and that is a law of its own."""
    law, wait = runs.get(row.goal), row.until - row.since
    if row.goal is None or law is None:
        return row
    if law.soon and wait <= law.soon:
        return replace(row, goal=_Apart(row.goal, "soon"))
    return replace(row, goal=_Apart(row.goal, "fixed")) if any(low <= wait <= high for low, high in law.fixed) else row


def _shares(rows: list[_Wait], goals: list[Any], rests: Remainder) -> dict[Any, tuple[float, float]]:
    """The share of each goal and its relative error, in competition; who has not moved is censored."""
    code = {goal: i + 1 for i, goal in enumerate(goals)}
    ending = np.array([0 if r.goal is None else code[r.goal] for r in rows])
    elapsed = np.array([r.until - r.reached for r in rows])
    if rests.stays:  # what few were watched for long enough to see is no part of the shares
        late = np.array([r.until - r.since for r in rows]) - rests.end  # NaN while the visit is under way
        ending, elapsed = np.where(late > 0, 0, ending), np.where(late > 0, elapsed - late, elapsed)
    return {goal: incidence_error(elapsed, ending, i) for goal, i in code.items()}


@dataclass(frozen=True)
class _Curve:
    """Of the time to a goal; fields as of `Move`."""

    time: Any
    moved: Any
    runs: Runs
    waited: float | None = None
    hours: tuple[Any, Any] | None = None


def _curves(rows: list[_Wait], goals: list[Any], clock_of: Callable[[str], Clock | None], midnight: Clock, runs: Mapping[State | str, Runs]) -> tuple[dict[Any, _Curve], Remainder]:
    """The curve of the time from leaving a state to each goal, or of the age there, and what does not move."""
    rows = [r for r in rows if not math.isnan(r.since)]
    code = {goal: i + 1 for i, goal in enumerate(goals)}
    born, since, until = np.array([r.born for r in rows]), np.array([r.since for r in rows]), np.array([r.until for r in rows])
    ending = np.array([0 if r.goal is None else code[r.goal] for r in rows])
    rests = remainder(until - since, ending > 0)
    if rests.stays:  # what few were watched for long enough to see is no part of the shares
        ending = np.where(until - since > rests.end, 0, ending)
        until = np.minimum(until, since + rests.end)
    elapsed = until - since
    left = 0.0 if rests.stays else rests.left
    parts = 1 - left * np.arange(len(rests.late))[::-1] / max(1, len(rests.late))
    curves = {}
    for goal, i in code.items():
        clock = clock_of(goal[0]) if isinstance(goal, tuple) else None
        curve = incidence(elapsed, ending, i)
        if curve.final <= 0:
            continue
        run = runs.get(goal, ELAPSED if clock is None else WORKING)
        waited = hours = None
        mine, weight = ending == i, np.ones(0)
        if run.ages is not None or run.to_the_day:
            weight = Waits(born, since, until, ending > 0, mine).weight
        if run.to_the_day and clock is not None:
            day = np.maximum(midnight(until), since)
            hours = _rising((clock(until) - clock(day))[mine], weight)
        if run.rest is not None:
            hours = run.rest
        if run.ages is not None and run.on == "elapsed":
            (time, share), late, waited = run.ages, rests.late, float(np.average(elapsed[mine], weights=weight))
        elif run.ages is not None:
            time, share = run.ages
            begun, waited = (float(np.average(x[ending == i], weights=weight)) for x in (since - born, elapsed))
            late = begun + rests.late
            waited += left * (float(rests.late.mean()) - waited) if left else 0.0
        elif hours is not None:
            time, share = _rising((day - since)[mine], weight)
            late, waited = rests.late, float(np.average(elapsed[mine], weights=weight))
        else:
            times = elapsed if run.on == "elapsed" or clock is None else clock(until) - clock(since)
            curve = incidence(times, ending, i)
            time, share = curve.time, curve.share / curve.final
            late = rests.late * float(times.sum()) / max(1e-9, float(elapsed.sum()))
        if isinstance(goal, _Apart):  # nobody of these is late
            curves[goal] = _Curve(time, share, run)
            continue
        if run.days:  # days that do not count are no part of what is late either
            late = late * float(time[-1]) / max(1.0, float((until - born if run.on == "age" else elapsed)[mine].max()))
        curves[goal] = _Curve(np.maximum.accumulate(np.concatenate([time, late])), np.concatenate([share * (1 - left), parts]), run, waited, hours)
    return curves, rests


def _rising(times: Any, weight: Any) -> tuple[Any, Any]:
    """The share of some times up to each of them."""
    time, place = np.unique(times, return_inverse=True)
    share = np.cumsum(np.bincount(place, weight, len(time)))
    return time, share / share[-1]
