"""Where cases go and how long it takes them to get there: a semi-Markov model with competing, censored moves.

After each visit a case moves on to another step or to an ending, or is still waiting when the log ends. The moves
compete and waiting cases are censored, so shares and times come from Aalen-Johansen, not from ratios of finished
moves. Repeated visits to an activity may behave differently: up to three states per activity, as many as the data
pay for (held-out likelihood).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.calibration.history import seconds
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.statistics import incidence

if TYPE_CHECKING:
    from salessim.log import EventLog

State = tuple[str, int]
"""(step, how often before, capped); ("", 0) stands for the arrival through a channel named in `Moves.entry`."""
LEAST_MOVES = 3
"""A move seen less often is left out (and counted)."""
LEAST_PER_STATE = 80
"""Visits a state of its own needs."""


@dataclass(frozen=True)
class Move:
    """One way on from a state."""

    goal: State | str
    """A state, or "completed" or "lost: REASON"."""
    share: float
    count: int
    time: Any
    """Seconds by which the share `moved` has moved."""
    moved: Any
    on_clock: bool
    """Whether `time` is working time."""

    @property
    def immediate(self) -> bool:
        """Whether nearly all move within a second."""
        return bool(self.moved[max(0, np.searchsorted(self.time, 1.0, side="right") - 1)] >= 0.98 and self.time[0] <= 1.0)


@dataclass(frozen=True)
class Moves:
    """The ways on from every state, the arrival through each channel included."""

    onward: dict[State, list[Move]]
    entry: dict[str, State]
    """channel -> the state in which its cases arrive."""
    memory: int
    """States per repeated activity that the data pay for."""
    dropped: int


@dataclass(frozen=True)
class _Sequence:
    """A case as states with the times of leaving one and reaching the next."""

    channel: str
    steps: list[str]
    reached: Any
    left: Any
    """NaN while the visit is under way."""
    ending: str
    """"open", "completed" or "lost: REASON"."""
    ended: float

    def gap(self, i: int, until: float, clock: Clock) -> tuple[float, float]:
        """Elapsed and working seconds from leaving state i until a time."""
        return max(0.0, until - self.left[i]), max(0.0, clock(until) - clock(self.left[i]))


Clock = Callable[[float], float]
"""Working seconds that have passed by a time."""


def sequences(log: EventLog, staffed: set[str]) -> list[_Sequence]:
    """The cases of a log, in order of the log."""
    frame = log.frame
    gave_up = (frame["started"].isna() & frame["ended"].notna() & frame["step"].isin(staffed)).to_numpy()
    reach = frame["enabled"] if log.about.enabled_known else frame["started"].fillna(frame["enabled"])
    reached, left, closed = seconds(reach), seconds(frame["ended"]), seconds(frame["ended"])
    if log.about.enabled_known:
        left[gave_up] = np.nan
    born = seconds(frame["enabled"])
    steps, outcomes, channels = frame["step"].tolist(), frame["outcome"].tolist(), frame["channel"].tolist()
    result = []
    codes = frame["case"].to_numpy()
    bounds = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1], [True]]))
    for a, b in pairwise(bounds):
        last = b - 1
        ending, ended = outcomes[last], closed[last]
        real = [i for i in range(a, b) if steps[i] not in (WAITING, SYSTEM)]
        result.append(
            _Sequence(
                channels[a],
                ["", *(steps[i] for i in real)],
                np.array([born[a], *(reached[i] for i in real)]),
                np.array([born[a], *(left[i] for i in real)]),
                ending,
                float(ended),
            )
        )
    return result


def _states(steps: list[str], memory: int) -> list[State]:
    seen: Counter[str] = Counter()
    states = []
    for step in steps:
        states.append((step, min(seen[step], memory - 1)))
        seen[step] += 1
    return states


def learn(log: EventLog, clock: Clock, on_clock: set[str], staffed: set[str]) -> Moves:
    """The moves of a log.

    Args:
        log: cut off where knowledge ends.
        clock: working time of the office.
        on_clock: steps that are reached only in working time: the wait for them is measured on the clock.
        staffed: steps with queues; where customers gave up in one, patience explains it and no move is counted.
    """
    cases = sequences(log, staffed)
    memory = _memory(cases)
    now = log.about.end.timestamp()
    channels = sorted({c.channel for c in cases})
    waits: dict[tuple[str, State], list[_Wait]] = {}
    visits: Counter[State] = Counter(s for c in cases for s in _states(c.steps, memory))
    thin = {s for s, n in visits.items() if s[1] > 0 and n < LEAST_PER_STATE}
    for case in cases:
        states = [_thick(s, thin) for s in _states(case.steps, memory)]
        for i, state in enumerate(states):
            key = (case.channel if state[0] == "" else "", state)
            if np.isnan(case.left[i]):
                continue  # the visit is under way: nothing is known of what follows
            if i + 1 < len(states):
                waits.setdefault(key, []).append((*case.gap(i, case.reached[i + 1], clock), states[i + 1]))
            elif case.ending == "open":
                waits.setdefault(key, []).append((*case.gap(i, now, clock), None))
            else:
                waits.setdefault(key, []).append((*case.gap(i, case.ended, clock), case.ending))
    onward: dict[State, list[Move]] = {}
    entry = {channel: ("", index) for index, channel in enumerate(channels)}
    dropped = 0
    for (channel, state), rows in sorted(waits.items()):
        moves, lost = _moves(rows, on_clock)
        dropped += lost
        if moves:
            onward[entry[channel] if state[0] == "" else state] = moves
    return Moves(onward, entry, memory, dropped)


_Wait = tuple[float, float, State | str | None]
"""(elapsed seconds, working seconds, goal or None while waiting)."""


def _thick(state: State, thin: set[State]) -> State:
    while state in thin:
        state = (state[0], state[1] - 1)
    return state


def _moves(rows: list[_Wait], on_clock: set[str]) -> tuple[list[Move], int]:
    """Shares and times of competing moves; waiting cases are censored."""
    counts = Counter(goal for *_, goal in rows if goal is not None)
    kept = sorted((g for g, n in counts.items() if n >= LEAST_MOVES), key=str) or sorted(counts, key=str)
    code = {goal: i + 1 for i, goal in enumerate(kept)}
    used = [row for row in rows if row[2] is None or row[2] in code]
    elapsed, working = np.array([r[0] for r in used]), np.array([r[1] for r in used])
    ending = np.array([0 if r[2] is None else code[r[2]] for r in used])
    shares = {goal: incidence(elapsed, ending, i).final for goal, i in code.items()}
    total = sum(shares.values())
    if total <= 0:
        return [], len(rows)
    moves = []
    for goal, i in code.items():
        timed = isinstance(goal, tuple) and goal[0] in on_clock
        curve = incidence(working if timed else elapsed, ending, i)
        if shares[goal] > 0 and curve.final > 0:
            moves.append(Move(goal, shares[goal] / total, counts[goal], curve.time, curve.share / curve.final, timed))
    return moves, sum(n for g, n in counts.items() if g not in code)


def _memory(cases: list[_Sequence]) -> int:
    """How many visits back are worth telling apart: the best of 1, 2, 3 by likelihood on the other half."""
    best, best_score = 1, -np.inf
    for memory in (1, 2, 3):
        score = 0.0
        for fold in (0, 1):
            train: Counter[tuple[State, str]] = Counter()
            totals: Counter[State] = Counter()
            test: list[tuple[State, str]] = []
            for i, case in enumerate(cases):
                states = _states(case.steps, memory)
                pairs = [(a, b[0]) for a, b in pairwise(states)]
                if case.ending != "open":
                    pairs.append((states[-1], case.ending))
                if i % 2 == fold:
                    test += pairs
                else:
                    train.update(pairs)
                    totals.update(a for a, _ in pairs)
            names = len({b for _, b in train}) + 1
            score += sum(np.log((train[p] + 0.5) / (totals[p[0]] + 0.5 * names)) for p in test)
        if score > best_score + 10:  # a margin, so that noise does not buy memory
            best, best_score = memory, score
    return best
