"""Puts the cases that are in process into the arrays of the compiled engine before its loop begins.

The counterpart of `Reference.resume`, in the same order. It runs once a replication and is not compiled itself; the
parts of the loop that it shares are run by CPython.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from salessim.durations import ticks as whole_ticks
from salessim.engines import machine as c
from salessim.engines.further import release_batch
from salessim.engines.outcome import BUSY, OVERTIME
from salessim.hours import finish, worked
from salessim.jit import interpreted
from salessim.network import Network
from salessim.order import FINISHED, GAVE_UP, RANK_BITS
from salessim.records import NEVER
from salessim.resume import GATHERING, TIMED, WORKING, Resumed, queue_key
from salessim.stages.verbs import BEGIN

_allot: Any = interpreted(c.allot)
_put: Any = interpreted(c.put)
_join: Any = interpreted(c.join)
_take: Any = interpreted(c.take)
_give: Any = interpreted(c.give)
_finish: Any = interpreted(finish)
_worked: Any = interpreted(worked)


def resume(network: Network, state: c.State, found: list[Resumed]) -> c.State:
    """The state with cases where they are: first all places and people, then the queues, by when they joined.

    Args:
        network: of the replication.
        state: as it is before a run, with at least twice as many slots as there are cases.
        found: the cases by number.

    Returns:
        State: the same, its agenda and queues long enough; the loop begins with one pass over all queues.
    """
    if not found:
        return state
    state = state._replace(agenda=np.zeros((3, state.agenda.shape[1] + 4 * len(found)), np.int64), queues=_queues(state.queues, len(found)))
    engine = _Resume(network, state)
    slots = [engine.again(case) for case in found]
    for slot, case in zip(slots, found, strict=True):
        for limit, person in case.held:
            engine.hold(slot, limit, person)
    waiting = [i for i, case in enumerate(found) if case.does not in (TIMED, WORKING)]
    for i in sorted((i for i, case in enumerate(found) if case.does == WORKING), key=lambda i: found[i].started):
        if not engine.at_work(slots[i], found[i]):
            waiting.append(i)
    for i in sorted(waiting, key=lambda i: (found[i].enabled, i)):
        engine.wait_on(slots[i], found[i])
    for step in sorted({case.step for case in found if case.does == GATHERING}):
        if state.queues.waiting[step] >= network.model.rare.batch[step]:
            release_batch(state.queues, state.n, state.case, state.ready, state.tally, network.model.warm_up, step)
    state.n[c.NOW] = -1  # nothing has happened yet
    state.n[c.AREA] = c.EVERYWHERE
    return state


def _queues(queues: Any, cases: int) -> Any:
    """Empty queues with room for so many cases each."""
    count, room = len(queues.base), 8
    while room < 2 * cases:
        room *= 2

    def empty() -> Any:
        return np.zeros(count * room, np.int64)

    return queues._replace(key=empty(), order=empty(), slot=empty(), base=room * np.arange(count, dtype=np.int64), room=np.full(count, room, np.int64))


class _Resume:
    """The arrays of a run that is about to begin."""

    def __init__(self, network: Network, state: c.State) -> None:
        self.network, self.model, self.state = network, network.model, state
        self.state.n[c.NOW] = 0

    def again(self, found: Resumed) -> int:
        """A case that came before the start, in a slot."""
        state, n = self.state, self.state.n
        slot = int(_allot(state, found.key, found.step, found.channel, found.segment, n[c.CASES], found.value, found.cost))
        case = state.case[slot]
        case[[c.NUMBER, c.TOKEN]] = n[c.CASES], n[c.TOKENS]
        case[[c.BORN, c.RESPONDED, c.WON_AT, c.DELIVERED_AT]] = found.born, found.responded, found.won, found.delivered
        case[[c.ENABLED, c.STARTED, c.WAITED, c.CREW]] = found.enabled, found.started, 0, 0
        case[[c.SKIPPED, c.MARKET, c.PHASE]] = int(found.skipped), found.market, found.phase
        state.words[slot, 1:] = found.words
        for step, visits in found.visits.items():
            state.visits[slot, step] = visits
        width = self.model.formulas.attributes
        state.marks[2 * width * slot : 2 * width * slot + width] = found.marks
        if found.market != NEVER:
            state.taken[found.market] += 1
        n[c.CASES] += 1
        n[c.TOKENS] += 1
        if found.does == TIMED:
            self.plan(found.until, FINISHED, slot, slot)
        return slot

    def plan(self, time: int, rank: int, slot: int, what: int) -> None:
        """Put an event of a case on the agenda."""
        if time < self.model.horizon:
            _put(self.state.n, self.state.agenda, time, (rank << RANK_BITS) | int(self.state.case[slot, c.TOKEN]), what)

    def hold(self, slot: int, limit: int, person: int) -> None:
        """A case has a place of a limit; where places belong to persons, that of one or of who has fewest."""
        people, staff, team = self.model.people, self.state.staff, self.model.places.first_team + limit
        if staff.count[team]:  # none where people of that replication are away
            staff.wanted[0] = people.first_person[team] + person if person != NEVER else NEVER
            self.state.held[slot, limit] = _take(people, staff, team)
            self.state.since[slot, limit] = self.state.case[slot, c.ENABLED]
            staff.wanted[0] = NEVER

    def at_work(self, slot: int, found: Resumed) -> bool:
        """The people that the case had go on; false if they are away in this replication and it waits for others, from anew."""
        needs, people, state, step = self.model.needs, self.model.people, self.state, found.step
        case, first = state.case[slot], int(needs.first_role[step])
        teams = [int(needs.team[needs.first_entry[first + r] + entry]) for r, entry in enumerate(found.crew)]
        if any(state.staff.count[team] < teams.count(team) for team in teams):
            case[[c.STARTED, c.PHASE]] = NEVER, BEGIN
            for r in range(first + int(needs.people[step]), int(needs.last_role[step])):
                limit = int(needs.team[needs.first_entry[r]]) - self.model.places.first_team
                if state.held[slot, limit] != NEVER:
                    _give(people, state.staff, state.n, int(state.held[slot, limit]))
                    state.held[slot, limit] = NEVER
            return False
        for r, team in enumerate(teams):
            case[c.PERSON + r] = _take(people, state.staff, team)
        case[[c.HELD, c.CREW]] = len(teams)
        case[c.COMBINATION] = needs.first_combination[step] + sum(int(needs.stride[first + r]) * entry for r, entry in enumerate(found.crew))
        case[c.LEAD] = needs.first_entry[first] + found.crew[0]
        left = found.left
        if needs.factor[case[c.LEAD]] < 0.0:
            pace: Any = c.own_pace  # compiled, and called from here
            left = whole_ticks(pace(people, state.staff, self.model.paces, state.queues, int(case[c.PERSON]), 0, float(left)))
        self.occupy(slot, teams, left)
        return True

    def occupy(self, slot: int, teams: list[int], left: int) -> None:
        """As at the end of `compiled.begin_work`: the people are busy for so much of the time of the calendar they share."""
        model, state, people, hours = self.model, self.state, self.model.people, self.model.hours
        calendar = int(model.needs.calendar[state.case[slot, c.COMBINATION]])
        end = int(_finish(hours, calendar, 0, left))
        since, until = model.warm_up, min(end, model.horizon)

        def within(calendar: int) -> int:
            return int(_worked(hours, calendar, until) - _worked(hours, calendar, since))

        for team in teams:
            state.worth[slot, c.COST] += float(left) * people.pay[team]
            if until > since:
                busy = within(calendar)
                state.team_tally[team, BUSY] += float(busy)
                if people.overtime[team]:
                    state.team_tally[team, OVERTIME] += float(max(0, busy - within(int(people.calendar[team]))))
        self.plan(end, FINISHED, slot, slot)

    def wait_on(self, slot: int, found: Resumed) -> None:
        """A case stands in its queue, or in the batch of its step."""
        state, needs, step = self.state, self.model.needs, found.step
        state.n[c.ORDERS] += 1
        order, gathers = int(state.n[c.ORDERS]), found.does == GATHERING
        state.case[slot, c.ORDER] = order
        queue = step
        if not gathers and needs.desk[step] >= 0:
            queue = int(c.queue_of(needs, self.model.people, state.staff, self.model.places.first_team, state.case, state.held, slot, step))
            state.case[slot, c.QUEUE] = queue
        _join(state.queues, queue, 0 if gathers else queue_key(self.network, found, order), order, slot)
        if gathers:
            wait = int(self.model.rare.batch_wait[step])
            if state.queues.waiting[step] == 1 and wait >= 0:
                self.plan(max(0, found.enabled + wait), GAVE_UP, slot, (order << 22) | slot)
        elif found.patience != NEVER:
            self.plan(found.enabled + found.patience, GAVE_UP, slot, (order << 22) | slot)
