"""Two engines, one log: row for row, unsorted, on many small crowded models -- and a test that the test has teeth."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

import numpy as np
import pytest

from salessim.engines import arrays, reference
from salessim.engines.reference import Reference
from salessim.errors import LimitReached, SalesSimError
from salessim.network import Network
from salessim.order import AWAY, BACK, RANK_BITS
from tests.models import MECHANISMS, random_network, random_scenario

CHUNK = 125


@pytest.fixture(autouse=True)
def _few_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model in some thousands breeds cases without end, such as 5310: at four million open ones the engine of Python objects holds 8 GB."""
    for engine in (reference, arrays):
        monkeypatch.setattr(engine, "MOST_OPEN", 1 << 14)


def both(network: Network, seed: int, reference: type[Reference] = Reference, **small: int) -> tuple[Any, Any]:
    return reference(network, seed, 3, True).run(), arrays.run(network, seed, 3, log=True, cases=True, **small)


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b))


def unequal(seeds: range, **small: int) -> list[int]:
    return [s for s in seeds if not agree(random_network(s), s, **small)]


def agree(network: Network, seed: int, **small: int) -> bool:
    """Same output, or stopped by the same bound with the same words (a few models go round in zero time)."""
    try:
        expected = Reference(network, seed, 3, True).run()
    except LimitReached as stopped:
        with pytest.raises(LimitReached) as also:
            arrays.run(network, seed, 3, log=True, cases=True, **small)
        return str(also.value) == str(stopped)
    return same(expected, arrays.run(network, seed, 3, log=True, cases=True, **small))


@pytest.mark.parametrize("chunk", range(8))
def test_both_engines_write_the_same_log_on_1000_models(chunk: int) -> None:
    assert unequal(range(CHUNK * chunk, CHUNK * (chunk + 1))) == []


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(8, 160))
def test_both_engines_write_the_same_log_on_20000_models(chunk: int) -> None:
    assert unequal(range(CHUNK * chunk, CHUNK * (chunk + 1))) == []


def test_a_model_that_breeds_without_end_is_stopped_by_both_with_the_same_words() -> None:
    network = random_network(5310)
    with pytest.raises(LimitReached, match="more than 16,384 cases are open or on their way at once"):
        arrays.run(network, 5310, 3, log=True, cases=True)
    assert agree(network, 5310)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_models() -> None:
    """What is remembered of a model has a bound: of 2,000 of them hardly more is kept than of 500."""
    import resource

    assert unequal(range(500)) == []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert unequal(range(500, 2000)) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB; the largest single model takes tens of MiB


def test_growing_arrays_change_nothing() -> None:
    assert unequal(range(5000, 5060), room=2, rows=16) == []


def test_the_models_cover_every_mechanism() -> None:
    seen: Counter[str] = Counter()
    for seed in range(1600):
        random_scenario(seed, seen)
    assert {m: seen[m] for m in MECHANISMS if seen[m] < 20} == {}


def test_the_models_are_crowded() -> None:
    waits = gave_up = suspended = joint = repeats = shared = rows = 0
    for seed in range(150):
        try:
            raw = Reference(random_network(seed), seed, 3, True).run()
        except LimitReached:
            continue
        time, what = raw.visit_time, raw.visit_what
        rows += len(time)
        waits += int(np.sum(time[:, 1] > time[:, 0]))
        gave_up += int(np.sum((time[:, 1] < 0) & (time[:, 2] >= 0)))
        joint += int(np.sum(what[:, 5] >= 0)) if what.shape[1] > 5 else 0
        repeats += int(np.sum(what[:, 2] > 0))
        shared += len(time) - len(np.unique(time[:, 2]))
        suspended += int(np.sum(time[:, 2] - time[:, 1] > 8 * 3_600_000_000))
    assert rows > 5_000
    for count in (waits, gave_up, joint, repeats, shared):
        assert count > 0.02 * rows
    assert suspended > 20


# --- teeth: each of these engines is wrong in one way ------------------------------------------------------------


class QueueOrder(Reference):
    """Last come, first served within a class."""

    def queue_key(self, case: Any) -> int:
        return super().queue_key(case) + (1 << 40) - case.order


class TieOrder(Reference):
    """Events of one tick run as they were scheduled, whatever their number."""

    def at(self, time: int, rank: int, number: int) -> Any:
        return super().at(time, rank, 0)


class StaleTimer(Reference):
    """A timer of an earlier visit still counts."""

    def give_up(self, case: Any, order: int) -> None:
        if case.order:
            super().give_up(case, case.order)


class ShiftEnd(Reference):
    """People whose shift has ended take one more case."""

    def shifts(self) -> Any:
        old = self.model.shifts
        late = [t + 1 if c >= 0 and o == 0 else t for t, c, o in zip(old.time, old.calendar, old.opens)]
        order = sorted(range(len(late)), key=lambda i: late[i])
        shifts = type(old)([late[i] for i in order], *([column[i] for i in order] for column in old[1:]))
        self.model = self.model._replace(shifts=shifts)
        return super().shifts()


class VisitCount(Reference):
    """Every visit counts twice."""

    def end_visit(self, case: Any, goal: int, gave_up: bool) -> None:
        super().end_visit(case, goal, gave_up)
        case.visits[case.step] += 1


class JointStart(Reference):
    """A step for several people begins as soon as the first is there."""

    def find(self, step: int, kept: list[int]) -> list[int] | None:
        for entry, (team, _) in enumerate(self.roles[step][0]):
            if self.present(team) > kept[team]:
                found = super().find(step, kept)
                return found if found is not None else [entry]
        return None


class StaleQueue(Reference):
    """A case that gave up keeps its place in the queue."""

    def head(self, step: int) -> Any:
        queue = self.queues[step]
        while queue[0][2].step != step or queue[0][2].number not in self.open:
            heapq.heappop(queue)
        return queue[0]


class LeavesAtOnce(Reference):
    """Who goes home is noted as gone at once, work in hand or not."""

    def turn(self, person: int, what: int, spell: int) -> None:
        super().turn(person, what, spell)
        if what == AWAY:
            self.left[spell] = self.env._now


class WorksOn(Reference):
    """Who is to leave takes one more case if one is waiting."""

    def give(self, place: int) -> None:
        team, person = self.model.people.team_of[place], self.person(place)
        leaving, self.out[person] = self.out[person], 0
        super().give(place)
        self.settle(self.staffed)
        self.out[person] = leaving
        if leaving and place in self.idle[team]:
            self.idle[team].remove(place)
            super().give(place)


class Veteran(Reference):
    """A newcomer knows everything that the predecessor knew."""

    def turn(self, person: int, what: int, spell: int) -> None:
        super().turn(person, min(what, BACK), spell)


class AnyPlace(Reference):
    """Cases go to whoever has been idle longest, however many cases he or she has."""

    def take(self, team: int) -> int:
        return self.idle[team].popleft()


class AllCount(Reference):
    """People of a crew who do not lead learn from a job as well."""

    def begin_work(self, case: Any, ticks: int) -> int:
        end = super().begin_work(case, ticks)
        for place in case.crew[1:]:
            self.jobs[self.person(place)] += 1.0
        return end


class BackInFront(Reference):
    """Who is back is asked first."""

    def turn(self, person: int, what: int, spell: int) -> None:
        idle = self.idle[self.model.people.team_of[person]]
        before = len(idle)
        super().turn(person, what, spell)
        if what != AWAY:
            idle.rotate(len(idle) - before)


class CountsOneMore(Reference):
    """One case more is taken to wait."""

    def own_pace(self, place: int, work: float) -> float:
        self.waiting = [w + 1 for w in self.waiting]
        try:
            return super().own_pace(place, work)
        finally:
            self.waiting = [w - 1 for w in self.waiting]


@pytest.mark.parametrize("wrong", [QueueOrder, TieOrder, StaleTimer, ShiftEnd, VisitCount, JointStart, StaleQueue, LeavesAtOnce, WorksOn, Veteran, AnyPlace, AllCount, BackInFront, CountsOneMore])
def test_a_wrong_engine_is_caught(wrong: type[Reference]) -> None:
    for seed in range(600):
        network = random_network(seed)
        try:
            if not same(*both(network, seed, wrong)):
                return
        except (SalesSimError, IndexError, AttributeError, KeyError, TypeError):
            return  # a crash is noticed as well
    pytest.fail(f"{wrong.__name__} looked right on 600 models")


def test_rank_and_number_fit_into_one_key() -> None:
    assert (3 << RANK_BITS | (1 << RANK_BITS) - 1) < 2**63 - 1
