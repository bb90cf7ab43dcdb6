"""What of its past a case carries: visits to an activity are told apart where the data pay for it.

What follows a visit, and how soon, may depend on how often the case was here before, on the one or two activities
before, on whether it ever passed a certain activity and on how long it waited to get here. For every activity a tree of such questions is grown; its leaves are the states of a semi-Markov model. A question is asked if
it raises the likelihood of what follows (the next state and, in quarters, the time until then) on the half of the
cases that was not used to estimate it, by more than noise would. Because the next state is part of what is
predicted, what matters later is carried along from where it happened. States told apart by times only are one to those
before them: else times, which predict each other, would be told apart everywhere once they mattered anywhere.

What a case knows by itself when it comes (its channel, its segment, what it is worth, its age) is asked last, and is never
carried along. So those before a visit see the door to it, behind which such questions lead to a state. Age would often be
told by the past as well, as "the third time" tells of old cases. So it competes with the past for being the best question,
and what wins by it has to pay beside it; only its place in the tree is the last one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from salessim.calibration.questions import LEAST_PER_STATE, PARTS, Journey, Question, Visits

State = tuple[str, int]
"""(activity, number of the state); 0 are the visits that no question sets apart."""

PAYS = 8.0
"""Held-out log-likelihood that a question must bring, so that noise buys no memory."""
MOST_STATES, MOST_IN_ALL = 24, 240
"""Of one activity and of all: more than that nobody reads."""
MOST_CASES = 20_000
"""Cases that memory is learnt from; of a longer log evenly spaced ones."""
MOST_ASKED = 60
"""Activities that questions ask about, the most frequent ones."""
TRUST = 10.0
"""Visits by which shares of a state are shrunk towards those of the state it comes from."""
CLOSER = (0.25, 0.025)
"""Shares of visits on either side of a cut among which a better one is looked for, in turn."""
LEAST_AT_LIMIT = 30
"""Visits beyond a limit that show that the way is closed."""
Answers = tuple[tuple[Question, bool], ...]
"""Questions, and whether each is answered with yes."""


@dataclass
class _Node:
    """A state, or a question that leads to two."""

    number: int
    question: Question | None = None
    yes: _Node | None = None
    no: _Node | None = None

    def walk(self, visits: Visits, rows: Any) -> Iterator[tuple[int, Any]]:
        """The states that some visits belong to."""
        if self.question is None or self.yes is None or self.no is None:
            yield self.number, rows
            return
        said = visits.answers(self.question, rows)
        yield from self.no.walk(visits, rows[~said])
        yield from self.yes.walk(visits, rows[said])

    def doors(self) -> Iterator[_Node]:
        """Where the questions about the case begin, or the state itself where none is asked."""
        if self.question is None or self.yes is None or self.no is None or self.question.of_case:
            yield self
            return
        yield from self.no.doors()
        yield from self.yes.doors()

    def answers(self, given: Answers = ()) -> Iterator[tuple[int, Answers]]:
        """Every state, and how each question on the way to it is answered; the plain one last."""
        if self.question is None or self.yes is None or self.no is None:
            yield self.number, given
            return
        yield from self.yes.answers((*given, (self.question, True)))
        yield from self.no.answers((*given, (self.question, False)))

    def leaves(self, asked: tuple[Question, ...] = ()) -> Iterator[tuple[_Node, tuple[Question, ...]]]:
        """Every state, and which questions were answered with yes on the way to it."""
        if self.question is None or self.yes is None or self.no is None:
            yield self, asked
            return
        yield from self.no.leaves(asked)
        yield from self.yes.leaves((*asked, self.question))


@dataclass(frozen=True)
class Memory:
    """The states of each activity."""

    trees: dict[str, _Node]
    asked: dict[str, int]

    def states(self, cases: Sequence[Journey]) -> list[list[State]]:
        """The states that cases pass."""
        visits = Visits(cases, self.asked)
        number = np.zeros(len(visits.step), np.int64)
        for k, name in enumerate(visits.names):
            if name in self.trees:
                for leaf, rows in self.trees[name].walk(visits, np.flatnonzero(visits.step == k)):
                    number[rows] = leaf
        return [
            [(step, int(k)) for step, k in zip(case.steps, number[first : first + len(case.steps)], strict=True)]
            for case, first in zip(cases, visits.first, strict=False)
        ]

    def words(self, state: State, say: Callable[[float], str]) -> str:
        """What sets a state apart from other visits to its activity; nothing for the plain one."""
        if state[0] not in self.trees:
            return ""
        asked = next(asked for leaf, asked in self.trees[state[0]].leaves() if leaf.number == state[1])
        last = {q.about if q.about != "passed" else q: q for q in asked}  # a later "older than" says more than the one before
        return ", ".join(q.words(say) for q in last.values())

    def door(self, state: State) -> State:
        """What those before a state see of it: its door has the number of the state behind it that answers every question about the case with no."""
        return self.doors.get(state, state)

    @cached_property
    def doors(self) -> dict[State, State]:
        """The door of each state of an activity that has a tree."""
        return {(name, number): (name, door.number) for name, tree in self.trees.items() for door in tree.doors() for number, _ in door.answers()}

    def behind(self, door: State) -> list[tuple[State, Answers]]:
        """The states behind a door, and the answers about the case that lead there; the plain one last."""
        for node in self.trees[door[0]].doors() if door[0] in self.trees else ():
            if node.number == door[1]:
                return [((door[0], number), given) for number, given in node.answers()]
        return [(door, ())]

    def asks(self, about: str) -> bool:
        """Whether any question is about this."""
        return any(q.about == about for tree in self.trees.values() for _, given in tree.answers() for q, _ in given)

    def count(self, activity: str) -> int:
        """States of an activity."""
        return sum(1 for _ in self.trees[activity].leaves()) if activity in self.trees else 1


def learn(cases: Sequence[Journey]) -> Memory:
    """The memory that the cases of a log pay for.

    Source:
        Trees of questions about the past are decision-tree models of variable memory (Ron, Singer, Tishby 1996;
        Buehlmann, Wyner 1999), grown by held-out likelihood.
    """
    if len(cases) > MOST_CASES:
        cases = [cases[int(i)] for i in np.linspace(0, len(cases) - 1, MOST_CASES)]
    frequent = Counter(step for case in cases for step in case.steps)
    asked = {step: k for k, (step, _) in enumerate(sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:MOST_ASKED])}
    visits = Visits(cases, asked)
    trees = {name: _Node(0) for name in visits.names if name}
    growth = _Growth(visits, cases)
    for of_case in (False, True):
        while growth.round(trees, of_case=of_case):
            pass
    return Memory({name: tree for name, tree in trees.items() if tree.question is not None}, asked)


class _Growth:
    """Trees under way."""

    def __init__(self, visits: Visits, cases: Sequence[Journey]) -> None:
        self.visits = visits
        n = len(visits.step)
        self.state = np.zeros(n, np.int64)
        self.seen_as = np.zeros(n, np.int64)
        """The state as those before it see it."""
        last = np.zeros(n, bool)
        last[visits.first[1:] - 1] = True
        self.half = np.repeat(np.arange(len(cases)) % 2, np.diff(visits.first))
        endings = sorted({case.ending for case in cases})
        self.after = np.where(last, -1, np.arange(n) + 1)
        self.ending = np.repeat([endings.index(case.ending) for case in cases], np.diff(visits.first))
        gave_up = np.concatenate([case.gave_up for case in cases])
        open_ = np.repeat([case.ending == "open" for case in cases], np.diff(visits.first))
        self.known = ~(last & open_) & ~gave_up
        time = np.where(last, 0.0, np.append(visits.waited[1:], 0.0))
        self.soon = np.zeros(n, np.int64)
        self.rows: dict[str, Any] = {}
        for k, name in enumerate(visits.names):
            rows = np.flatnonzero((visits.step == k) & self.known)
            # Once a way has closed, a limit says what follows better than memory.
            goals = [(int(visits.step[i]) if i >= 0 else -1 - int(self.ending[j])) for i, j in zip(self.after[rows], rows, strict=True)]
            closed = closed_after(list(zip(visits.again[rows].tolist(), goals, strict=True)), sorted(set(goals)))
            onward = time[rows][~last[rows]]
            if len(onward):
                self.soon[rows] = np.where(last[rows], 0, np.searchsorted(np.unique(np.quantile(onward, PARTS[:3])), time[rows]))
            limit = min(closed.values(), default=len(visits.step))
            if not self._told_by_the_past(rows, limit):
                rows = rows[visits.again[rows] < limit]
            self.rows[name] = rows
        self.looked: dict[tuple[str, int, bool], bytes] = {}
        self.cuts: dict[tuple[str, int], list[float]] = {}
        """Ages that tell the visits of a state apart, found before it is their turn to be asked."""

    def _told_by_the_past(self, rows: Any, limit: int) -> bool:
        """Whether something else in its past tells better what follows than that a case was here as often as closes a way."""
        visits = self.visits
        if len(rows) < 2 * LEAST_PER_STATE or visits.again[rows].max() < limit:
            return False
        judge = _Judge(self._following(rows), self.half[rows], np.zeros(len(rows), np.int64))
        asked = [q for q in visits.of_past(rows) if q.about in ("passed", "after", "before that")]
        return max((judge.gain(visits.answers(q, rows)) for q in asked), default=-np.inf) > max(PAYS, judge.gain(visits.again[rows] >= limit))

    def round(self, trees: dict[str, _Node], *, of_case: bool) -> bool:
        """Ask the best question, about its past or about the case, of every state that pays for one; whether any did."""
        grew = False
        for name, tree in trees.items():
            rows = self.rows[name]
            for leaf, _ in list(tree.leaves()):
                states = sum(1 for _ in tree.leaves())
                in_all = sum(1 for t in trees.values() for _ in t.leaves())
                if states >= MOST_STATES or in_all >= MOST_IN_ALL + len(trees):
                    break
                mine = rows[self.state[rows] == leaf.number]
                if len(mine) < 2 * LEAST_PER_STATE:
                    continue
                following = self._following(mine)
                key = (name, leaf.number, of_case)
                if self.looked.get(key) == (mark := following.tobytes()):
                    continue  # nothing has changed since no question paid
                question = self._best(mine, following, cuts := self.cuts.setdefault((name, leaf.number), []), of_case=of_case)
                if question is None:
                    self.looked[key] = mark
                    continue
                grew = True
                if question.about == "age" and not of_case:  # asked in its turn; until then others are judged beside it
                    cuts.append(question.least)
                    continue
                leaf.question, leaf.no, leaf.yes = question, _Node(leaf.number), _Node(states)
                self.cuts[name, states] = [] if of_case else list(cuts)
                everyone = np.flatnonzero((self.visits.step == self.visits.names.index(name)) & (self.state == leaf.number))
                said = everyone[self.visits.answers(question, everyone)]
                self.state[said] = states
                if question.about != "waited" and not of_case:
                    self.seen_as[said] = states
        return grew

    def _following(self, rows: Any) -> Any:
        """What comes after each visit, and how soon, as numbers from 0."""
        after = self.after[rows]
        reached = np.where(after >= 0, self.visits.step[after] * (MOST_STATES + 1) + self.seen_as[after], -1 - self.ending[rows])
        return np.unique(reached * len(PARTS) + self.soon[rows], return_inverse=True)[1]

    def _best(self, rows: Any, following: Any, cuts: Sequence[float], *, of_case: bool) -> Question | None:
        """The question that pays most, its figure found more closely; None if none pays.

        Args:
            rows: visits.
            following: what comes after each.
            cuts: ages that tell them apart already, though not by their state.
            of_case: whether it is the turn of what cases know by themselves.
        """
        visits = self.visits
        part = np.zeros(len(rows), np.int64) if of_case else np.searchsorted(np.sort(cuts), visits.age[rows])
        judge = _Judge(following, self.half[rows], part)
        asked = [*(visits.of_case(rows) if of_case else visits.of_past(rows)), *visits.of_age(rows)]

        def pays(question: Question) -> float:
            known = question.about == "age" and question.least in cuts and not of_case
            return -np.inf if known else judge.gain(visits.answers(question, rows))

        best = max(asked, key=pays, default=None)
        if best is None or pays(best) <= PAYS:
            return None
        for width in CLOSER:
            best = max([best, *visits.closer(best, rows, width)], key=pays)
        return best


class _Judge:
    """What a question brings: held-out log-likelihood of what follows, each half of the cases told by the other.

    Args:
        following: what comes after each visit, as numbers from 0.
        half: 0 or 1, of the case of each visit.
        part: of visits that are told apart already.
    """

    def __init__(self, following: Any, half: Any, part: Any) -> None:
        self.kinds, self.parts = int(following.max()) + 1, int(part.max()) + 1
        self.cell = following + self.kinds * (half + 2 * part)
        whole = self._counts(slice(None))
        self.shares = (whole + 0.5) / (whole.sum(axis=-1, keepdims=True) + 0.5 * self.kinds)
        self.plain = self._told(whole, self.shares)

    def gain(self, said: Any) -> float:
        """By telling visits with yes from those with no; minus infinity where either are too few."""
        if not LEAST_PER_STATE <= int(said.sum()) <= len(said) - LEAST_PER_STATE:
            return -np.inf
        return sum(self._told(counts, self._towards(counts, self.shares)) for counts in map(self._counts, (said, ~said))) - self.plain

    def _counts(self, rows: Any) -> Any:
        """Of what follows, [part, half, kind]."""
        return np.bincount(self.cell[rows], minlength=2 * self.kinds * self.parts).reshape(self.parts, 2, self.kinds).astype(float)

    @staticmethod
    def _towards(counts: Any, shares: Any) -> Any:
        """Shares of what follows, shrunk towards those of what they are a part of."""
        return (counts + TRUST * shares) / (counts.sum(axis=-1, keepdims=True) + TRUST)

    @staticmethod
    def _told(counts: Any, shares: Any) -> float:
        """Log-likelihood of each half by the shares of the other."""
        return float(np.sum(counts[:, ::-1] * np.log(shares)))


def closed_after(done: list[tuple[int, Any]], goals: list[Any]) -> dict[Any, int]:
    """Ways that close: after how many visits the share that goes there drops to about nothing.

    Args:
        done: (how often the case had left before, where it went).
        goals: to judge.
    """
    before = np.array([n for n, _ in done])
    if not len(before) or np.sum(before > 0) < LEAST_AT_LIMIT:
        return {}
    result = {}
    at_least = np.cumsum(np.bincount(before)[::-1])[::-1]
    for goal in goals:
        mine = before[np.array([went == goal for _, went in done])]
        gone = np.cumsum(np.bincount(mine, minlength=len(at_least))[::-1])[::-1]
        for n in range(1, len(at_least)):
            usual = (gone[0] - gone[n]) / (at_least[0] - at_least[n])
            if at_least[n] < LEAST_AT_LIMIT or usual < 0.02:
                continue
            if gone[n] <= 0.05 * usual * at_least[n] and special.bdtr(gone[n], at_least[n], usual) < 1e-4:
                result[goal] = n
                break
    return {goal: n for goal, n in result.items() if set(goals) - set(result)}
