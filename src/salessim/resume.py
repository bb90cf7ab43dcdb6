"""How the cases in process go on in one replication: what is left of their time, drawn given that it is not over yet.

Every time is an increasing function of one random word. That it has lasted so long already means that its word is not
below a certain one, which bisection finds; so a word drawn evenly from there on gives the law of the time on that
condition, exactly and for any law, calendar, reminder or formula. Times that compete (`unless`, patience) have words
of their own and are conditioned one by one. Both engines put the same cases where this module says.

A time that by its law should be over already ends at the start. Where a case has left a step and its way is not
known, the way is drawn as well: the likelier, the more of those who take it would still be on it (Bayes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from salessim.demand import attributes
from salessim.durations import sample, ticks
from salessim.hours import finish, worked
from salessim.jit import interpreted
from salessim.network import RESPONSE
from salessim.order import BY_FORMULA, CLASS_BITS, CLASS_MASK, HIGHEST_VALUE, LONGEST_IN_PROCESS, NEWEST_FIRST, OLDEST
from salessim.rare import facts_size
from salessim.records import NEVER
from salessim.stages import attributes as marks
from salessim.stages import row_of
from salessim.stages.competing import reminded
from salessim.stages.formulas import evaluate, rank_of
from salessim.stages.full import next_post
from salessim.stages.verbs import BEGIN, BROKEN, GATHERED, LEAVE, POSTED, RELEASE, SETTING, SILENT
from salessim.streams import Purpose, block, uniform

if TYPE_CHECKING:
    from salessim.network import Network
    from salessim.standing import Open

_sample, _finish, _worked, _row_of, _evaluate = interpreted(sample), interpreted(finish), interpreted(worked), interpreted(row_of), interpreted(evaluate)
_attributes, _look, _start, _next_post = interpreted(attributes), interpreted(marks.look), interpreted(marks.start), interpreted(next_post)
_VISIT, _RIVAL, _ADHERENCE = int(Purpose.VISIT), int(Purpose.RIVAL), int(Purpose.ADHERENCE)
_WORDS = 1 << 64
_COARSE = 12
"""Samplers look at the upper 52 bits of a word."""

TIMED, WAITING, WORKING, GATHERING = range(4)
"""What a case does: time passes for it, it waits in a queue, somebody works on it, it waits for a batch."""


class Resumed(NamedTuple):
    """A case as it stands at the start."""

    key: int
    channel: int
    market: int
    segment: int
    value: float
    cost: float
    born: int
    responded: int
    won: int
    delivered: int
    step: int
    visits: dict[int, int]
    enabled: int
    started: int
    does: int
    phase: int
    """In which it wakes."""
    words: tuple[int, int, int, int]
    until: int
    """When its time is over, for TIMED."""
    patience: int
    """Ticks from `enabled`, or NEVER, for WAITING."""
    crew: tuple[int, ...]
    left: int
    """Working time that is left, for WORKING."""
    held: tuple[tuple[int, int], ...]
    marks: list[float]
    rank: int
    """Of its step's `serve_first`."""
    skipped: bool
    """Whether the visit is over already and leaves no row."""
    overdue: bool
    """Whether by its law the time should be over."""


def resumed(network: Network, seed: int, replication: int) -> list[Resumed]:
    """The cases in process as one replication takes them up, by number."""
    if network.standing is None:
        return []
    draw = _Draw(network, seed, replication)
    return [draw.case(case) for case in network.standing.cases]


def later(word: int, floor: int) -> int:
    """A word drawn evenly from all words, as one drawn evenly from those not below the floor; it increases with it.

    Example:
        >>> later(0, 1 << 63) == 1 << 63, later((1 << 64) - 1, 1 << 63) == (1 << 64) - 1
        (True, True)
    """
    return floor + ((word * (_WORDS - floor)) >> 64)


def smallest(lasts: Callable[[int], bool]) -> int | None:
    """The smallest word for which a time lasts, to the 52 bits that count; None if it does for none.

    Args:
        lasts: false up to some word, true from there on.

    Example:
        >>> smallest(lambda word: word >= 5 << 12) == 5 << 12
        True
    """
    low, high = -1, (_WORDS - 1) >> _COARSE
    if not lasts(_WORDS - 1):
        return None
    while high - low > 1:
        middle = (low + high) >> 1
        if lasts(middle << _COARSE):
            high = middle
        else:
            low = middle
    return high << _COARSE


def queue_key(network: Network, case: Resumed, order: int) -> int:
    """As the engines' own, for a case that joins its queue as the `order`-th."""
    needs, step = network.model.needs, case.step
    discipline, rank = needs.discipline[step], 0
    if discipline == NEWEST_FIRST:
        rank = CLASS_MASK - order
    elif discipline == HIGHEST_VALUE:
        rank = (CLASS_MASK >> 1) - int(case.value * 100.0 + 0.5)
    elif discipline == LONGEST_IN_PROCESS:
        rank = OLDEST + case.born
    elif discipline == BY_FORMULA:
        rank = case.rank
    return int(needs.rank[step * network.model.segments.size + case.segment]) << CLASS_BITS | rank


class _Draw:
    """The draws of one replication."""

    def __init__(self, network: Network, seed: int, replication: int) -> None:
        assert network.standing is not None
        self.network, self.model, self.who = network, network.model, (seed, replication)
        self.floors = network.standing.floors
        self.facts = [0.0] * facts_size(self.model.formulas)

    def case(self, case: Open) -> Resumed:
        """One case."""
        model, (seed, replication) = self.model, self.who
        segment, value = _attributes(model.segments, model.rules.laws, model.sources.mix, 0, case.segment, seed, replication, case.key)
        value = float(value) if case.value is None else case.value
        market = int(model.sources.market[case.channel]) if case.channel < len(model.sources.key) and model.segments.customer[segment] else NEVER
        found = Resumed(
            key=case.key, channel=case.channel, market=market, segment=segment, value=value, cost=case.cost, born=case.born, responded=case.responded,
            won=case.won, delivered=case.delivered, step=case.step, visits=dict(case.visits), enabled=case.enabled, started=case.started,
            does=WAITING, phase=BEGIN, words=(0, 0, 0, 0), until=NEVER, patience=NEVER, crew=case.crew, left=NEVER, held=case.held,
            marks=self.marks(case, segment, value), rank=0, skipped=False, overdue=False,
        )  # fmt: skip
        if case.left:
            return self.on_its_way(case, found)
        if case.crew:
            return self.at_work(found, case.passed[case.step])
        holding = {limit for limit, _ in case.held}
        takes = [r for r in range(*self.roles(case.step)) if r >= model.needs.first_role[case.step] + model.needs.people[case.step]]
        limits = {int(model.needs.team[model.needs.first_entry[r]]) - model.places.first_team for r in takes}
        if model.rules.steps.staffed[case.step] or not limits <= holding:
            return self.in_queue(found)
        return self.alone(found, case.passed[case.step])

    def roles(self, step: int) -> tuple[int, int]:
        """First and behind the last."""
        return int(self.model.needs.first_role[step]), int(self.model.needs.last_role[step])

    def marks(self, case: Open, segment: int, value: float) -> list[float]:
        """The attributes of a case: given, or as it would start with them."""
        model = self.model
        if model.formulas.attributes == 0:
            return []
        result = [0.0] * model.formulas.attributes
        who = (*self.who, case.key)
        _start(model.rules.laws, model.rare, model.formulas, model.segments.size, segment, case.channel, value, who, self.facts, result, 0, result, -1)
        for a, given in case.marks.items():
            result[a] = given
        return result

    def row(self, case: Resumed) -> tuple[int, tuple[int, int, int, int]]:
        """The version of the step that a case met, and the words of its visit."""
        who = (*self.who, case.key)
        words = block(*who, self.model.rules.steps.key[case.step], case.visits.get(case.step, 0), _VISIT)
        full = self.model.rules.steps.full[case.step]
        return int(_row_of(self.model.rare, case.step, case.enabled, who)) if full else case.step, words

    def look(self, case: Resumed, row: int, words: tuple[int, int, int, int]) -> None:
        """Write down what formulas see: the case as it began its visit; queues and places are taken to be empty."""
        model = self.model
        _look(
            model.rules.steps, model.formulas, model.hours, row, case.segment, case.channel, case.visits.get(case.step, 0), 0, case.enabled - case.born, 0,
            case.value, case.cost, 0, NEVER, 0, words[3], 0, case.marks, 0, self.facts,
        )  # fmt: skip

    def time_of(self, case: Resumed, row: int, words: tuple[int, int, int, int]) -> tuple[Callable[[int], int], Any]:
        """The step's own time as a function of a word, and what it depends on, for remembering; None if it is the case's alone."""
        model = self.model
        laws, law, factor = model.rules.laws, int(model.rules.steps.time[row * model.segments.size + case.segment]), 1.0
        formula = int(model.rare.factor[row])
        if formula >= 0:
            self.look(case, row, words)
            factor = max(0.0, _evaluate(model.formulas, formula, self.facts))
        least = int(model.rare.at_least[row])
        if least >= 0:
            clock = int(model.rare.counts_on[row])
            age = int(_worked(model.hours, clock, case.enabled) - _worked(model.hours, clock, case.born))  # as the visit began
            return (lambda word: max(least, int(ticks(_sample(laws, law, word) * factor)) - age)), None if formula >= 0 else (law, age, least)
        return (lambda word: int(ticks(_sample(laws, law, word) * factor))), None if formula >= 0 else law

    def floor(self, key: Any, time: Callable[[int], int], passed: int) -> int | None:
        """The smallest word for which a time is longer than what has passed; remembered by key and what has passed."""
        if key is None:
            return smallest(lambda word: time(word) > passed)
        if (key, passed) not in self.floors:
            self.floors[key, passed] = smallest(lambda word: time(word) > passed)
        return self.floors[key, passed]

    def alone(self, case: Resumed, passed: int) -> Resumed:
        """The customer's or a system's time passes."""
        model, (row, words) = self.model, self.row(case)
        rare, full = model.rare, bool(model.rules.steps.full[case.step])
        case = case._replace(words=words, does=TIMED)
        if full and rare.batch[row] > 0:
            return case._replace(does=GATHERING, phase=GATHERED)
        if full and rare.last_post[row] > rare.first_post[row]:
            return case._replace(phase=POSTED, until=int(_next_post(rare.post, rare.first_post[row], rare.last_post[row], 0)))
        case = case._replace(started=case.enabled, responded=self.responded(case, case.enabled))
        time, word, floor = self.own(case, row, words, passed)
        end, which = (time(word), -1) if floor is not None else (passed, -1)
        for k, (other, drawn, least) in enumerate(self.ends(case, row, passed)):
            rival = other(drawn) if least is not None else passed
            if rival < end:
                end, which = rival, k
        until = int(_finish(model.hours, model.flow.calendar[case.step], 0, end - passed))
        phase = BROKEN - which if which >= 0 else SETTING if full else LEAVE
        return case._replace(words=(word, *words[1:]), until=until, phase=phase, overdue=end == passed)

    def own(self, case: Resumed, row: int, words: tuple[int, int, int, int], passed: int) -> tuple[Callable[[int], int], int, int | None]:
        """The step's own time, reminders included; the word drawn for it; the floor."""
        rare = self.model.rare
        time, key = self.time_of(case, row, words)
        if rare.remind_every[row] > 0:
            plain, every, factor, most = time, int(rare.remind_every[row]), float(rare.remind_factor[row]), int(rare.remind_most[row])
            time, key = (lambda word: int(reminded(every, factor, most, plain(word)))), None if key is None else (key, every, factor, most)
        floor = self.floor(key, time, passed)
        return time, words[0] if floor is None else later(words[0], floor), floor

    def ends(self, case: Resumed, row: int, passed: int) -> list[tuple[Callable[[int], int], int, int | None]]:
        """The competing ends of a step, each as `own`."""
        rare, laws = self.model.rare, self.model.rules.laws
        found: list[tuple[Callable[[int], int], int, int | None]] = []
        for k in range(int(rare.first_end[row]), int(rare.last_end[row])):
            law = int(rare.end_law[k])

            def time(word: int, law: int = law) -> int:
                return int(ticks(_sample(laws, law, word)))

            floor = self.floor(law, time, passed)
            word = block(*self.who, case.key, rare.end_key[k], case.visits.get(case.step, 0), _RIVAL)[0]
            found.append((time, word if floor is None else later(word, floor), floor))
        return found

    def responded(self, case: Resumed, started: int) -> int:
        """When a case got its first response, if the visit under way is one."""
        flow = self.model.flow
        if case.responded != NEVER:
            return case.responded
        by_people = bool(case.crew) and not flow.any_response
        return started if by_people or flow.milestone[case.step] == RESPONSE else NEVER

    def at_work(self, case: Resumed, passed: int) -> Resumed:
        """Somebody works on it: the time left is that of the calendar on which the people work together."""
        needs, (row, words) = self.model.needs, self.row(case)
        time, key = self.time_of(case, row, words)
        lead = int(needs.first_entry[needs.first_role[case.step]]) + case.crew[0]
        factor = abs(float(needs.factor[lead]))
        if factor != 1.0:
            plain = time
            time, key = (lambda word: int(ticks(plain(word) * factor))), None if key is None else (key, factor)
        floor = self.floor(key, time, passed)
        left = 0 if floor is None else time(later(words[0], floor)) - passed
        return case._replace(words=words, does=WORKING, phase=RELEASE, left=left, responded=self.responded(case, case.started), overdue=floor is None)

    def in_queue(self, case: Resumed) -> Resumed:
        """It waits; its patience is not over yet, or it has left without a word."""
        model, (row, words) = self.model, self.row(case)
        cell, laws = row * model.segments.size + case.segment, model.rules.laws
        law, rank, passed = int(model.rules.steps.patience[cell]), 0, max(0, -case.enabled)
        if model.needs.discipline[case.step] == BY_FORMULA:
            self.look(case, row, words)
            rank = int(rank_of(_evaluate(model.formulas, model.rare.serve_first[case.step], self.facts)))
        case = case._replace(words=words, rank=rank)
        if law < 0:
            return case

        def patience(word: int) -> int:
            return int(ticks(_sample(laws, law, word)))

        floor = self.floor(law, patience, passed)
        silent = float(model.rare.silent[row]) if model.rules.steps.full[case.step] else 0.0
        if silent > 0.0:
            still = 0.0 if floor is None else 1.0 - floor / _WORDS
            drawn = block(*self.who, case.key, model.rules.steps.key[row], case.visits.get(case.step, 0), _ADHERENCE)
            if uniform(drawn[1]) * (silent + (1.0 - silent) * still) < silent:
                return case._replace(phase=SILENT)
        if floor is None:
            return case._replace(patience=passed, overdue=True)
        word = later(words[2], floor)
        return case._replace(patience=patience(word), words=(words[0], words[1], word, words[3]))

    def on_its_way(self, left: Open, case: Resumed) -> Resumed:
        """It has left a step and is on one of the ways on that take time."""
        routes, steps = self.model.rules.routes, self.model.rules.steps
        done = case.visits[left.step] - 1
        word = block(*self.who, case.key, steps.key[left.step], done, _VISIT)[1]
        shares = self.shares(left.step, case.segment, done)
        on: list[tuple[float, float, Resumed]] = []
        for r, share in zip(range(int(steps.first_route[left.step]), int(steps.last_route[left.step])), shares, strict=True):
            goal = int(routes.goal[r])
            if goal < 0 or share <= 0 or not self.takes_time(goal):
                continue
            there = case._replace(step=goal)
            on.append((share, share * self.still_on(there, left.passed[goal]), there))
        if not on:
            return self.goes_on(left, case, done)
        if not any(likely > 0 for _, likely, _ in on):
            on = [(share, share, there) for share, _, there in on]  # all overdue: by their shares
        mark, chosen = uniform(word) * sum(likely for _, likely, _ in on), on[-1][2]
        for _, likely, there in on:
            if mark < likely:
                chosen = there
                break
            mark -= likely
        return self.alone(chosen, left.passed[chosen.step])

    def goes_on(self, left: Open, case: Resumed, done: int) -> Resumed:
        """No way on takes time: it takes one of them now."""
        _, words = self.row(case._replace(visits={**case.visits, left.step: done}))
        phase = SETTING if self.model.rules.steps.full[left.step] else LEAVE
        return case._replace(visits={**case.visits, left.step: done}, does=TIMED, until=0, phase=phase, words=words, skipped=True, overdue=True)

    def takes_time(self, step: int) -> bool:
        """Whether a case spends time of its own at a step without asking for anything."""
        model = self.model
        return not model.rules.steps.staffed[step] and model.needs.first_role[step] == model.needs.last_role[step] and model.rare.first_branch[step] == model.rare.last_branch[step]

    def still_on(self, case: Resumed, passed: int) -> float:
        """The share of cases that are still at a step when so much time has passed."""
        row, words = self.row(case)
        if self.model.rare.batch[row] > 0 or self.model.rare.last_post[row] > self.model.rare.first_post[row]:
            return 1.0
        times = [self.own(case, row, words, passed), *self.ends(case, row, passed)]
        result = 1.0
        for _, _, floor in times:
            result *= 0.0 if floor is None else 1.0 - floor / _WORDS
        return result

    def shares(self, step: int, segment: int, visit: int) -> list[float]:
        """The shares of a step's routes for a visit; those of closed ones go to the rest, or to the others in proportion."""
        routes, steps = self.model.rules.routes, self.model.rules.steps
        numbers = range(int(steps.first_route[step]), int(steps.last_route[step]))
        given = [float(routes.share[r * steps.segments + segment]) for r in numbers]
        open_ = [routes.limit[r] < 0 or visit < routes.limit[r] for r in numbers]
        kept = [share if there else 0.0 for share, there in zip(given, open_, strict=True)]
        if routes.rest[numbers[-1]]:
            kept[-1] += sum(given) - sum(kept)
        return kept


__all__ = ["GATHERING", "TIMED", "WAITING", "WORKING", "Resumed", "later", "queue_key", "resumed", "smallest"]
