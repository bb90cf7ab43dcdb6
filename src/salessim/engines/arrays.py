"""The compiled engine's arrays: made, enlarged when full, and collected when the run is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from salessim.engines import machine as c
from salessim.engines.compiled import AGENDA_FULL, BRANCHES, CASES_FULL, HORIZON, LOG_FULL, QUEUE_FULL, SLOTS_FULL, STALLED_CASE, advance
from salessim.engines.further import add_branch
from salessim.engines.outcome import (
    C_ENDED,
    C_GOAL,
    CASE_COLUMNS,
    STEP_TALLIES,
    STILL_OPEN,
    TEAM_TALLIES,
    VISIT_COLUMNS,
    Raw,
    cut_off,
    still_held,
)
from salessim.engines.reference import most_roles, stalled, too_many_branches, too_many_open
from salessim.engines.resuming import resume
from salessim.network import Network
from salessim.order import MOST_OPEN
from salessim.rare import facts_size
from salessim.records import NEVER
from salessim.resume import resumed
from salessim.staff import drawn, experience, no_roster

ROWS = 1 << 20
"""Rows of a chunk of the log. Memory that is not written costs nothing, and one chunk needs no joining."""


def run(
    network: Network, seed: int, replication: int, *, log: bool, cases: bool, room: int = 256, rows: int = ROWS
) -> Raw:
    """One replication on the compiled engine.

    Args:
        network: the model.
        seed, replication: the key of every draw.
        log: whether to write down visits.
        cases: whether to write down cases; without, only the totals remain.
        room: slots to begin with (tests begin with 2, to grow often).
        rows: rows of a chunk.
    """
    network = drawn(network, seed, replication)
    standing = resumed(network, seed, replication)
    while room < 2 * len(standing):
        room *= 2
    if room > MOST_OPEN:
        raise too_many_open()
    state = resume(network, _state(network, seed, replication, log, cases, room, rows if log else 1, rows if cases else 1), standing)
    visits: list[tuple[Any, Any]] = []
    ended: list[tuple[Any, Any]] = []
    while True:
        why = advance(network.model, state)
        if why == HORIZON:
            break
        if why == AGENDA_FULL:
            state = state._replace(agenda=_longer(state.agenda, 1))
        elif why == SLOTS_FULL:
            state = _more_slots(state)
        elif why == QUEUE_FULL:
            state = _longer_queue(state, int(state.n[c.FULL]))
        elif why == LOG_FULL:
            visits.append((state.log_time, state.log_what))
            state = state._replace(log_time=np.empty_like(state.log_time), log_what=np.empty_like(state.log_what))
            state.n[c.ROWS] = 0
        elif why == CASES_FULL:
            ended.append((state.case_time, state.case_money))
            state = state._replace(case_time=np.empty_like(state.case_time), case_money=np.empty_like(state.case_money))
            state.n[c.CASE_ROWS] = 0
        elif why == STALLED_CASE:
            raise stalled(network, int(state.n[c.FULL]))
        elif why == BRANCHES:
            raise too_many_branches(network, int(state.n[c.FULL]))
    visits.append((state.log_time[: state.n[c.ROWS]], state.log_what[: state.n[c.ROWS]]))
    ended.append((state.case_time[: state.n[c.CASE_ROWS]], state.case_money[: state.n[c.CASE_ROWS]]))
    open_visits, open_cases = _cut_off(network, state)
    visit_time, visit_what = _joined(visits, open_visits if log else None, (state.log_time, state.log_what))
    case_time, case_money = _joined(ended, open_cases if cases else None, (state.case_time, state.case_money))
    return Raw(
        visit_time,
        visit_what,
        case_time,
        case_money,
        state.tally,
        state.team_tally,
        int(state.n[c.CASES]),
        state.staff.left,
    )


def _state(
    network: Network, seed: int, replication: int, log: bool, cases: bool, room: int, rows: int, case_rows: int
) -> c.State:
    model = network.model
    steps, teams = len(network.labels.steps), len(model.people.size)
    width = model.formulas.attributes
    sources, slots = len(model.sources.key), len(model.sources.slot_start)
    n = np.zeros(c.SCALARS, np.int64)
    n[[c.SEED, c.REPLICATION, c.NOW, c.CURRENT, c.AREA, c.ASKING]] = seed, replication, -1, -1, c.NOWHERE, -1
    n[[c.KEEP_LOG, c.KEEP_CASES]] = int(log), int(cases)
    n[c.SLOTS_FREE] = room

    def ints(*shape: int) -> Any:
        return np.zeros(shape, np.int64)

    case = ints(room, c.FIELDS)
    case[:, c.NUMBER] = NEVER
    queue, queues = 8, len(model.needs.step_of)
    return c.State(
        n=n,
        source=ints(sources, 4),
        taken=ints(len(model.sources.market_size)),
        reached=np.zeros(sources),
        cumulative=np.zeros(slots),
        factor=np.ones(slots),
        case=case,
        worth=np.zeros((room, 2)),
        words=np.zeros((room, 5), np.uint64),
        visits=np.zeros((room, steps), np.int32),
        marks=np.zeros(2 * width * room),
        held=np.full((room, model.rare.limits), NEVER, np.int64),
        since=ints(room, model.rare.limits),
        facts=np.zeros(facts_size(model.formulas)),
        free=np.arange(room - 1, -1, -1, dtype=np.int64),
        agenda=ints(3, 64 + sources),
        ready=ints(room),
        queues=c.Queues(
            key=ints(queue * queues),
            order=ints(queue * queues),
            slot=ints(queue * queues),
            base=queue * np.arange(queues, dtype=np.int64),
            room=np.full(queues, queue, np.int64),
            size=ints(queues),
            waiting=ints(queues),
        ),
        staff=_staff(network),
        tally=np.zeros((steps, STEP_TALLIES)),
        team_tally=np.zeros((teams, TEAM_TALLIES)),
        log_time=np.empty((rows, 3), np.int64),
        log_what=np.empty((rows, VISIT_COLUMNS + most_roles(network)), np.int32),
        case_time=np.empty((case_rows, CASE_COLUMNS), np.int64),
        case_money=np.empty((case_rows, 2 + width)),
    )


def _staff(network: Network) -> c.Staff:
    """Who is there is idle, in order of number."""
    people, teams = network.model.people, len(network.model.people.size)
    places = len(people.team_of)
    roster = network.roster or no_roster(network)
    idle, count, dropped = np.arange(places), people.size.copy(), np.zeros(places, np.int64)
    for team, (first, size, seats) in enumerate(zip(people.first_person, people.size, people.seats, strict=True)):
        mine = idle[first : first + size]
        away = roster.out[first + (mine - first) % max(seats, 1)] != 0
        dropped[mine[away]] = 1
        count[team] = size - np.sum(away)
        mine[: count[team]] = mine[~away].copy()
    return c.Staff(
        idle=idle,
        head=np.zeros(teams, np.int64),
        count=count,
        duty=network.duty_at_start.copy(),
        settled=np.zeros(len(network.model.needs.step_of), np.int64),
        kept=np.zeros(teams, np.int64),
        pick=np.zeros(4 + network.model.rare.limits, np.int64),
        wanted=np.full(1, NEVER, np.int64),
        out=roster.out.copy(),
        dropped=dropped,
        spare=np.zeros(places, np.int64),
        joined=roster.joined.copy(),
        jobs=experience(network),
        spell=np.zeros(places, np.int64),
        left=roster.left.copy(),
    )


def _longer(array: Any, axis: int = 0) -> Any:
    return np.concatenate([array, np.zeros_like(array)], axis=axis)


def _more_slots(state: c.State) -> c.State:
    """Twice the slots; the new ones are free, the at-once list is straightened."""
    n, room = state.n, len(state.case)
    if 2 * room > MOST_OPEN:
        raise too_many_open()
    ready = np.zeros(2 * room, np.int64)
    ready[: n[c.READY_COUNT]] = np.roll(state.ready, -int(n[c.READY_HEAD]))[: n[c.READY_COUNT]]
    n[c.READY_HEAD] = 0
    free, kept = np.zeros(2 * room, np.int64), int(n[c.SLOTS_FREE])
    free[:room] = np.arange(2 * room - 1, room - 1, -1)
    free[room : room + kept] = state.free[:kept]
    n[c.SLOTS_FREE] = room + kept
    case, held = _longer(state.case), _longer(state.held)
    case[room:, c.NUMBER] = held[room:] = NEVER
    return state._replace(
        case=case, worth=_longer(state.worth), words=_longer(state.words), visits=_longer(state.visits), free=free, ready=ready,
        marks=_longer(state.marks), held=held, since=_longer(state.since),
    )  # fmt: skip


def _longer_queue(state: c.State, queue: int) -> c.State:
    """Drop the entries of cases that left a queue; if it is still more than half full, double its room."""
    queues = state.queues
    stretch = slice(int(queues.base[queue]), int(queues.base[queue] + queues.size[queue]))
    slots, orders = queues.slot[stretch], queues.order[stretch]
    live = state.case[slots, c.ORDER] == orders
    keys, orders, slots = queues.key[stretch][live], orders[live], slots[live]
    order = np.lexsort((orders, keys))  # a sorted array is a heap
    rooms, sizes = queues.room.copy(), queues.size.copy()
    if 2 * len(order) > rooms[queue]:
        rooms[queue] *= 2
    sizes[queue] = len(order)
    bases = np.concatenate([[0], np.cumsum(rooms)[:-1]])
    new = {}
    for field, mine in (("key", keys), ("order", orders), ("slot", slots)):
        old, pool = getattr(queues, field), np.zeros(int(rooms.sum()), np.int64)
        for q in range(len(rooms)):
            kept = mine[order] if q == queue else old[queues.base[q] : queues.base[q] + queues.size[q]]
            pool[bases[q] : bases[q] + len(kept)] = kept
        new[field] = pool
    return state._replace(queues=queues._replace(base=bases, room=rooms, size=sizes, **new))


def _joined(chunks: list[tuple[Any, Any]], more: tuple[Any, Any] | None, last: tuple[Any, Any]) -> tuple[Any, Any]:
    """Chunks of two tables as one each, `more` behind them; in the room the last chunk has left, if it is the only one."""
    more = more if more is not None else (last[0][:0], last[1][:0])
    used = len(chunks[-1][0])
    if len(chunks) == 1 and used + len(more[0]) <= len(last[0]):
        for table, rows in zip(last, more, strict=True):
            table[used : used + len(rows)] = rows
        return last[0][: used + len(more[0])], last[1][: used + len(more[0])]
    first, second = (np.concatenate(part) for part in zip(*chunks, more, strict=True))
    return first, second


def _cut_off(network: Network, state: c.State) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The rows of visits and of cases that are open at the horizon, by case number."""
    case = state.case
    slots = np.flatnonzero(case[:, c.NUMBER] != NEVER)
    slots = slots[np.lexsort((case[slots, c.TOKEN], case[slots, c.NUMBER]))]
    for slot in slots[::-1]:  # a branch comes after the case it belongs to, so that branches of branches go first
        if case[slot, c.PARENT] >= 0:
            add_branch(case, state.worth, state.marks, slot, case[slot, c.PARENT])
    open_ = case[slots]
    for row in open_:
        cut_off(network, state.tally, int(row[c.STEP]), int(row[c.ENABLED]), bool(row[c.ORDER] > 0))
    for slot, limit in np.argwhere(state.held >= 0):  # of those on their way, too
        still_held(network, state.team_tally, int(limit), int(state.since[slot, limit]))
    columns = [c.NUMBER, c.BORN, c.RESPONDED, c.WON_AT, c.DELIVERED_AT, c.NUMBER, c.NUMBER, c.STEP, c.CHANNEL, c.SEGMENT, c.CUSTOMER]
    rows = open_[:, columns]
    rows[:, C_ENDED], rows[:, C_GOAL] = NEVER, STILL_OPEN
    time = np.stack([open_[:, c.ENABLED], open_[:, c.STARTED], np.full(len(slots), NEVER)], axis=1)
    visit = state.visits[slots, open_[:, c.STEP]]
    width = state.log_what.shape[1] - VISIT_COLUMNS
    crew = np.where(np.arange(width) < open_[:, [c.CREW]], open_[:, c.PERSON : c.PERSON + width], NEVER)
    what = np.stack([open_[:, c.NUMBER], open_[:, c.STEP], visit, np.full(len(slots), STILL_OPEN)], axis=1)
    whole = open_[:, c.PARENT] < 0
    marks = state.marks.reshape(len(case), -1)[:, : state.case_money.shape[1] - 2]
    money = np.concatenate([state.worth, marks], axis=1)[slots]
    return (time, np.concatenate([what, crew], axis=1).astype(np.int32)), (rows[whole], money[whole])
