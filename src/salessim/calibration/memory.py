"""What of its past a case carries: visits to an activity are told apart where the data pay for it.

What follows a visit, and how soon, may depend on how often the case was here before, on the one or two activities
before, on whether it ever passed a certain activity, on how long it waited to get here and on its age. For every
activity a tree of such questions is grown; its leaves are the states of a semi-Markov model. A question is asked if
it raises the likelihood of what follows (the next state and, in quarters, the time until then) on the half of the
cases that was not used to estimate it, by more than noise would. Because the next state is part of what is
predicted, what matters later is carried along from where it happened. States told apart by times only are one to those
before them: else age, which predicts itself, would be told apart everywhere once it mattered anywhere.

What is known of a case when it comes (its channel, its segment, what it is worth) is asked for last, and is never carried along:
a case knows it. So those before a visit see the door to it, behind which such questions lead to a state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

State = tuple[str, int]
"""(activity, number of the state); 0 are the visits that no question sets apart."""

PAYS = 8.0
"""Held-out log-likelihood that a question must bring, so that noise buys no memory."""
LEAST_PER_STATE = 80
"""Visits a state needs."""
MOST_STATES, MOST_IN_ALL = 12, 240
"""Of one activity and of all: more than that nobody reads."""
MOST_KINDS = 8
"""Channels that are asked about, the most frequent ones, and segments that a log may have."""
VALUED = 0.95
"""Of the cases must have a value before it is asked about: one that only some cases get says what has become of them."""
MOST_CASES = 20_000
"""Cases that memory is learnt from; of a longer log evenly spaced ones."""
MOST_ASKED = 60
"""Activities that questions ask about, the most frequent ones."""
PARTS = (0.25, 0.5, 0.75, 0.9)
"""Quantiles of waits, ages and values at which questions may cut, and of the time to what follows."""
TRUST = 10.0
"""Visits by which shares of a state are shrunk towards those of the state it comes from."""
LEAST_AT_LIMIT = 30
"""Visits beyond a limit that show that the way is closed."""
NOBODY = -1


class Journey(Protocol):
    """A case as a sequence of visits, the arrival ("") first."""

    @property
    def steps(self) -> list[str]:
        """Activities."""

    @property
    def reached(self) -> Any:
        """Seconds since 1970, [visits]."""

    @property
    def left(self) -> Any:
        """The same, NaN while the visit is under way."""

    @property
    def gave_up(self) -> list[bool]:
        """Whether the case left before the visit began."""

    @property
    def ending(self) -> str:
        """How the case ended; "open" if it has not."""

    @property
    def channel(self) -> str:
        """Through which the case came."""

    @property
    def segment(self) -> str:
        """Of its customer."""

    @property
    def value(self) -> float:
        """What the case is worth; 0 if that is not known."""


@dataclass(frozen=True)
class Question:
    """About the past of a visit.

    Args:
        about: "again" (here before at least so often), "after" and "before that" (the activity before and the one
            before it), "passed" (ever), "waited" and "age" (longer than so many seconds), or about the case: its
            "channel", its "segment", its "value" (above).
        name: of the activity, channel or segment asked about.
        least: visits, seconds or money.
    """

    about: str
    name: str = ""
    least: float = 0.0

    @property
    def of_case(self) -> bool:
        """Whether the answer is known when the case comes."""
        return self.about in ("channel", "segment", "value")

    def words(self, say: Callable[[float], str]) -> str:
        """For names of steps."""
        match self.about:
            case "again":
                return "2nd time on" if self.least == 1 else "3rd time on"
            case "after":
                return f"after {self.name}" if self.name else "first"
            case "before that":
                return f"soon after {self.name}" if self.name else "second"
            case "passed":
                return f"once {self.name}"
            case "waited":
                return f"after {say(self.least)}"
            case "channel":
                return f"from {self.name}"
            case "segment":
                return self.name
            case "value":
                return f"above {self.least:,.0f}"
            case _:
                return f"older than {say(self.least)}"


Answers = tuple[tuple[Question, bool], ...]
"""Questions, and whether each is answered with yes."""


class _Visits:
    """The visits of all cases in columns, and their past."""

    def __init__(self, cases: Sequence[Journey], asked: dict[str, int]) -> None:
        self.asked = asked
        self.names = sorted({step for case in cases for step in case.steps})
        number = {name: k for k, name in enumerate(self.names)}
        rows: list[tuple[int, int, int, int, int]] = []
        waited: list[float] = []
        age: list[float] = []
        self.first = np.cumsum([0, *(len(case.steps) for case in cases)])
        for case in cases:
            seen: Counter[str] = Counter()
            before, earlier, passed = NOBODY, NOBODY, 0
            for i, step in enumerate(case.steps):
                rows.append((number[step], before, earlier, seen[step], passed))
                waited.append(case.reached[i] - case.left[i - 1] if i else 0.0)
                age.append(case.reached[i] - case.reached[0])
                seen[step] += 1
                before, earlier = asked.get(step, len(asked)), before
                if step in asked:
                    passed |= 1 << asked[step]
        table = np.array([row[:4] for row in rows], np.int64).reshape(-1, 4)
        self.step, self.before, self.earlier, self.again = table.T
        self.passed = np.array([row[4] for row in rows], np.uint64)
        self.waited, self.age = np.nan_to_num(np.array(waited)), np.nan_to_num(np.array(age))
        self.case = np.repeat(np.arange(len(cases)), np.diff(self.first))
        self.channel = np.array([case.channel for case in cases], object)
        self.segment = np.array([case.segment for case in cases], object)
        self.value = np.array([case.value for case in cases], float)

    def answers(self, question: Question, rows: Any) -> NDArray[np.bool_]:
        """One for each of some visits."""
        code = self.asked.get(question.name, NOBODY)
        result: NDArray[np.bool_]
        match question.about:
            case "again":
                result = self.again[rows] >= question.least
            case "after":
                result = self.before[rows] == code
            case "before that":
                result = self.earlier[rows] == code
            case "passed":
                result = (self.passed[rows] >> np.uint64(code)) & np.uint64(1) == 1
            case "waited":
                result = self.waited[rows] > question.least
            case "channel":
                result = self.channel[self.case[rows]] == question.name
            case "segment":
                result = self.segment[self.case[rows]] == question.name
            case "value":
                result = self.value[self.case[rows]] > question.least
            case _:
                result = self.age[rows] > question.least
        return result

    def questions(self, rows: Any) -> list[Question]:
        """Those that could tell some visits apart."""
        found = [Question("again", least=n) for n in (1, 2)]
        named = list(self.asked)
        for about, column in (("after", self.before), ("before that", self.earlier)):
            counts = np.bincount(column[rows][column[rows] >= 0], minlength=len(named) + 1)
            found += [Question(about, named[k]) for k in range(len(named)) if LEAST_PER_STATE <= counts[k] <= len(rows) - LEAST_PER_STATE]
        found += [Question("passed", name) for name in named if name]
        for about, times in (("waited", self.waited), ("age", self.age)):
            cuts = sorted({float(f"{x:.2g}") for x in np.quantile(times[rows], PARTS)})
            found += [Question(about, least=cut) for cut in cuts if cut > 0]
        return found


    def of_case(self, rows: Any) -> list[Question]:
        """Those about the cases themselves that could tell some visits apart."""
        found = []
        for about, kinds in (("channel", self.channel), ("segment", self.segment)):
            counts = Counter(kinds[self.case[rows]].tolist())
            usual = sorted(counts, key=lambda kind: (-counts[kind], kind))
            if about == "channel" or len(set(kinds.tolist())) <= MOST_KINDS:
                found += [Question(about, kind) for kind in usual[:MOST_KINDS] if LEAST_PER_STATE <= counts[kind] <= len(rows) - LEAST_PER_STATE]
        if np.mean(self.value > 0) >= VALUED:
            cuts = sorted({float(f"{x:.2g}") for x in np.quantile(self.value[self.case[rows]], PARTS)})
            found += [Question("value", least=cut) for cut in cuts if cut > 0]
        return found


@dataclass
class _Node:
    """A state, or a question that leads to two."""

    number: int
    question: Question | None = None
    yes: _Node | None = None
    no: _Node | None = None

    def walk(self, visits: _Visits, rows: Any) -> Iterator[tuple[int, Any]]:
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
        visits = _Visits(cases, self.asked)
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
    visits = _Visits(cases, asked)
    trees = {name: _Node(0) for name in visits.names if name}
    growth = _Growth(visits, cases)
    for of_case in (False, True):
        while growth.round(trees, of_case=of_case):
            pass
    return Memory({name: tree for name, tree in trees.items() if tree.question is not None}, asked)


class _Growth:
    """Trees under way."""

    def __init__(self, visits: _Visits, cases: Sequence[Journey]) -> None:
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
            self.rows[name] = rows = rows[visits.again[rows] < min(closed.values(), default=len(visits.step))]
            onward = time[rows][~last[rows]]
            if len(onward):
                self.soon[rows] = np.where(last[rows], 0, np.searchsorted(np.unique(np.quantile(onward, PARTS[:3])), time[rows]))
        self.looked: dict[tuple[str, int, bool], bytes] = {}

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
                question = self._best(mine, following, self.visits.of_case(mine) if of_case else self.visits.questions(mine))
                if question is None:
                    self.looked[key] = mark
                    continue
                leaf.question, leaf.no, leaf.yes = question, _Node(leaf.number), _Node(states)
                everyone = np.flatnonzero((self.visits.step == self.visits.names.index(name)) & (self.state == leaf.number))
                said = everyone[self.visits.answers(question, everyone)]
                self.state[said] = states
                if question.about not in ("waited", "age") and not of_case:
                    self.seen_as[said] = states
                grew = True
        return grew

    def _following(self, rows: Any) -> Any:
        """What comes after each visit, and how soon, as numbers from 0."""
        after = self.after[rows]
        reached = np.where(after >= 0, self.visits.step[after] * (MOST_STATES + 1) + self.seen_as[after], -1 - self.ending[rows])
        return np.unique(reached * len(PARTS) + self.soon[rows], return_inverse=True)[1]

    def _best(self, rows: Any, following: Any, questions: Sequence[Question]) -> Question | None:
        kinds = int(following.max()) + 1
        half = self.half[rows]
        whole = np.bincount(following + kinds * half, minlength=2 * kinds).reshape(2, kinds).astype(float)
        shares = [(whole[h] + 0.5) / (whole[h].sum() + 0.5 * kinds) for h in (0, 1)]
        plain = sum(float(whole[1 - h] @ np.log(shares[h])) for h in (0, 1))
        best, most = None, plain + PAYS
        for question in questions:
            said = self.visits.answers(question, rows)
            yes = int(said.sum())
            if not LEAST_PER_STATE <= yes <= len(rows) - LEAST_PER_STATE:
                continue
            counts = np.bincount(following + kinds * (half + 2 * said), minlength=4 * kinds).reshape(2, 2, kinds).astype(float)
            likelihood = 0.0
            for part in counts:
                for h in (0, 1):
                    estimate = (part[h] + TRUST * shares[h]) / (part[h].sum() + TRUST)
                    likelihood += float(part[1 - h] @ np.log(estimate))
            if likelihood > most:
                best, most = question, likelihood
        return best


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
