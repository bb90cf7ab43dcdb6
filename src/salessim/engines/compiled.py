"""The compiled engine: the event loop over flat arrays, made to be fast.

It gives the same log as `reference`, which is the one to read first; here the same steps are spelled out with
arrays. `advance` runs until the horizon or until an array is full, leaves its scalars in `state.n` and says why it
returned; Python enlarges that array and calls again. So compiled code never allocates, which lets reference
counting be switched off (a factor of three), and Ctrl-C and progress get their turn between calls.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from salessim.demand import attributes, case_key, cumulate, next_arrival
from salessim.order import (
    ARRIVED,
    CLASS_BITS,
    CLASS_MASK,
    FINISHED,
    GAVE_UP,
    HIGHEST_VALUE,
    LONGEST_IN_PROCESS,
    MOST_STALLED,
    NEWEST_FIRST,
    RANK_BITS,
    SHIFT,
    SPAWNED,
)
from salessim.engines.outcome import (
    BEGUN,
    BUSY,
    ENTERED,
    FINISHED_VISITS,
    OVERTIME,
    PRESENT_AREA,
    QUEUE_AREA,
    QUIT,
    VISIT_COLUMNS,
    WAITED_SUM,
)
from salessim.hours import finish, worked
from salessim.jit import compiled, inlined
from salessim.network import DELIVERED, RESPONSE, WON, Model
from salessim.stages import decide
from salessim.stages.verbs import ASK, BEGIN, EXIT, FREE, LEAVE, MOVE, SPAWN, START, WAIT, WORK
from salessim.streams import Purpose, block, child_key

_VISIT = int(Purpose.VISIT)

# Scalars of a run, in `state.n`.
(SEED, REPLICATION, CASES, SLOTS_FREE, AGENDA, READY_HEAD, READY_COUNT, ORDERS, SPAWNS, ROWS, CASE_ROWS, NOW,
 CURRENT, EDGE, KEEP_LOG, KEEP_CASES, FULL, PASS, STEPS_DONE, OPENED, SCALARS) = range(21)  # fmt: skip

# Columns of a case's record, in `state.case`.
(NUMBER, STEP, PHASE, SEGMENT, CHANNEL, CUSTOMER, BORN, RESPONDED, WON_AT, DELIVERED_AT, ENABLED, STARTED, ORDER,
 WAITED, HELD, CREW, COMBINATION, LEAD, STALLED, PERSON) = range(20)  # fmt: skip
FIELDS = PERSON + 4
VALUE, COST = 0, 1

# Why `advance` came back.
HORIZON, AGENDA_FULL, SLOTS_FULL, QUEUE_FULL, LOG_FULL, CASES_FULL, STALLED_CASE, BREATH = range(8)

BREATH_STEPS = 2_000_000
"""Verbs between two returns to Python, where Ctrl-C and progress get their turn (some 0.1 s)."""


class State(NamedTuple):
    """Everything that changes during a run."""

    n: Any
    source: Any
    """[channel, (serial, slot, member, size)]"""
    reached: Any
    cumulative: Any
    factor: Any
    case: Any
    worth: Any
    words: Any
    """[slot, (key, the four words of the visit)] uint64."""
    visits: Any
    free: Any
    agenda: Any
    """[(time, key, what), entry]: a binary heap."""
    ready: Any
    """The at-once list, a ring of slots."""
    queue_key: Any
    queue_order: Any
    queue_slot: Any
    """Binary heaps, one stretch per step."""
    queue_base: Any
    queue_room: Any
    queue_size: Any
    waiting: Any
    """Cases waiting per step (the heaps also hold those who left)."""
    idle: Any
    idle_head: Any
    idle_count: Any
    duty: Any
    settled: Any
    kept: Any
    pick: Any
    tally: Any
    team_tally: Any
    log_time: Any
    log_what: Any
    case_time: Any
    case_money: Any


# --- agenda: a binary heap ordered by (time, key) -------------------------------------------------------------


@inlined
def put(state: State, time, key, what):
    agenda, n = state.agenda, state.n
    i = n[AGENDA]
    n[AGENDA] = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if agenda[0, up] < time or (agenda[0, up] == time and agenda[1, up] < key):
            break
        agenda[0, i] = agenda[0, up]
        agenda[1, i] = agenda[1, up]
        agenda[2, i] = agenda[2, up]
        i = up
    agenda[0, i] = time
    agenda[1, i] = key
    agenda[2, i] = what


@inlined
def drop_first(state: State):
    agenda, n = state.agenda, state.n
    size = n[AGENDA] - 1
    n[AGENDA] = size
    time, key, what = agenda[0, size], agenda[1, size], agenda[2, size]
    i = 0
    while True:
        down = 2 * i + 1
        if down >= size:
            break
        if down + 1 < size and (
            agenda[0, down + 1] < agenda[0, down]
            or (agenda[0, down + 1] == agenda[0, down] and agenda[1, down + 1] < agenda[1, down])
        ):
            down += 1
        if time < agenda[0, down] or (time == agenda[0, down] and key < agenda[1, down]):
            break
        agenda[0, i] = agenda[0, down]
        agenda[1, i] = agenda[1, down]
        agenda[2, i] = agenda[2, down]
        i = down
    agenda[0, i] = time
    agenda[1, i] = key
    agenda[2, i] = what


# --- queues: a heap per step, ordered by (queue key, order of joining), with lazy removal ----------------------


@inlined
def join(state: State, step, key, order, slot):
    base = state.queue_base[step]
    i = state.queue_size[step]
    state.queue_size[step] = i + 1
    keys, orders, slots = state.queue_key, state.queue_order, state.queue_slot
    while i > 0:
        up = (i - 1) >> 1
        if keys[base + up] < key or (keys[base + up] == key and orders[base + up] < order):
            break
        keys[base + i] = keys[base + up]
        orders[base + i] = orders[base + up]
        slots[base + i] = slots[base + up]
        i = up
    keys[base + i] = key
    orders[base + i] = order
    slots[base + i] = slot
    state.waiting[step] += 1


@inlined
def drop_head(state: State, step):
    base = state.queue_base[step]
    size = state.queue_size[step] - 1
    state.queue_size[step] = size
    keys, orders, slots = state.queue_key, state.queue_order, state.queue_slot
    key, order, slot = keys[base + size], orders[base + size], slots[base + size]
    i = 0
    while True:
        down = 2 * i + 1
        if down >= size:
            break
        if down + 1 < size and (
            keys[base + down + 1] < keys[base + down]
            or (keys[base + down + 1] == keys[base + down] and orders[base + down + 1] < orders[base + down])
        ):
            down += 1
        if key < keys[base + down] or (key == keys[base + down] and order < orders[base + down]):
            break
        keys[base + i] = keys[base + down]
        orders[base + i] = orders[base + down]
        slots[base + i] = slots[base + down]
        i = down
    keys[base + i] = key
    orders[base + i] = order
    slots[base + i] = slot


@inlined
def head(state: State, step):
    """The slot at the head of a queue that is not empty; entries of cases that left are dropped on the way."""
    base = state.queue_base[step]
    while state.case[state.queue_slot[base], ORDER] != state.queue_order[base]:
        drop_head(state, step)
    return state.queue_slot[base]


# --- people ----------------------------------------------------------------------------------------------------


@inlined
def present(model: Model, state: State, team):
    """Idle people of a team who are on duty."""
    return state.idle_count[team] if state.duty[model.people.calendar[team]] != 0 else 0


@inlined
def take(model: Model, state: State, team):
    """The person of a team who has been idle longest."""
    first, size = model.people.first_person[team], model.people.size[team]
    at = state.idle_head[team]
    person = state.idle[first + at]
    state.idle_head[team] = at + 1 if at + 1 < size else 0
    state.idle_count[team] -= 1
    return person


@inlined
def give(model: Model, state: State, person):
    team = model.people.team_of[person]
    first, size = model.people.first_person[team], model.people.size[team]
    at = state.idle_head[team] + state.idle_count[team]
    state.idle[first + (at - size if at >= size else at)] = person
    state.idle_count[team] += 1


@inlined
def grant(model: Model, state: State, slot, step):
    """Hand the people in `state.pick` (one entry per role) to a case."""
    needs, case = model.needs, state.case
    first = needs.first_role[step]
    roles = needs.last_role[step] - first
    combination = needs.first_combination[step]
    for r in range(roles):
        entry = state.pick[r]
        case[slot, PERSON + r] = take(model, state, needs.team[needs.first_entry[first + r] + entry])
        combination += entry * needs.stride[first + r]
    case[slot, HELD] = case[slot, CREW] = roles
    case[slot, COMBINATION] = combination
    case[slot, LEAD] = needs.first_entry[first] + state.pick[0]
    case[slot, ORDER] = 0
    case[slot, PHASE] = BEGIN
    end_waiting(model, state, slot, step, BEGUN)


@inlined
def end_waiting(model: Model, state: State, slot, step, how):
    now, since, tally = state.n[NOW], state.case[slot, ENABLED], state.tally
    state.case[slot, WAITED] = now - since
    if now >= model.warm_up:
        tally[step, how] += 1.0
        tally[step, WAITED_SUM] += float(now - since)
        tally[step, QUEUE_AREA] += float(now - max(since, model.warm_up))


@inlined
def call(state: State, slot):
    """Put a case on the at-once list."""
    n, room = state.n, state.ready.shape[0]
    at = n[READY_HEAD] + n[READY_COUNT]
    state.ready[at - room if at >= room else at] = slot
    n[READY_COUNT] += 1


@inlined
def find_people(model: Model, state: State, step):
    """Fill `state.pick` with the first combination in order of preference that is idle, on duty and not kept."""
    needs, pick = model.needs, state.pick
    first = needs.first_role[step]
    roles = needs.last_role[step] - first
    pick[0] = -1
    r = 0
    while r >= 0:
        if r == roles:
            return True
        base, entry = needs.first_entry[first + r], pick[r] + 1
        count = needs.last_entry[first + r] - base
        while entry < count:
            team, taken = needs.team[base + entry], 1
            for q in range(r):
                if needs.team[needs.first_entry[first + q] + pick[q]] == team:
                    taken += 1
            if present(model, state, team) - state.kept[team] >= taken:
                break
            entry += 1
        if entry < count:
            pick[r] = entry
            r += 1
            if r < roles:
                pick[r] = -1
        else:
            r -= 1
    return False


@inlined
def keep_people(model: Model, state: State, step):
    """Keep those who are there for the head of a queue that has waited too long for a full set."""
    needs = model.needs
    for role in range(needs.first_role[step], needs.last_role[step]):
        for entry in range(needs.first_entry[role], needs.last_entry[role]):
            team = needs.team[entry]
            if present(model, state, team) - state.kept[team] >= 1:
                state.kept[team] += 1
                break


@compiled
def settle(model: Model, state: State, area, asking):
    """One pass over the queues of an area (-1: all), best head first, granting what can be granted.

    The case that is `asking` goes on by itself when it is granted; others are called.
    """
    n, case, needs = state.n, state.case, model.needs
    n[PASS] += 1
    this = n[PASS]
    for team in range(model.people.size.shape[0]):
        state.kept[team] = 0
    while True:
        best, best_class, best_order = -1, 0, 0
        for step in range(needs.area.shape[0]):
            if state.waiting[step] == 0 or state.settled[step] == this or (area >= 0 and needs.area[step] != area):
                continue
            slot = head(state, step)
            rank = state.queue_key[state.queue_base[step]] >> CLASS_BITS
            order = case[slot, ORDER]
            if best < 0 or rank < best_class or (rank == best_class and order < best_order):
                best, best_class, best_order = step, rank, order
        if best < 0:
            return
        slot = head(state, best)
        if find_people(model, state, best):
            drop_head(state, best)
            state.waiting[best] -= 1
            grant(model, state, slot, best)
            if slot != asking:
                call(state, slot)
        else:
            if needs.last_role[best] - needs.first_role[best] > 1 and n[NOW] - case[slot, ENABLED] >= needs.hold[best]:
                keep_people(model, state, best)
            state.settled[best] = this


@inlined
def serve_best(model: Model, state: State, team):
    """A person of a team came free in an area where every step needs one person: the best head gets him or her."""
    if present(model, state, team) == 0:
        return
    people, needs = model.people, model.needs
    best, best_class, best_order = -1, 0, 0
    for i in range(people.first_serves[team], people.last_serves[team]):
        step = people.serves[i]
        if state.waiting[step] == 0:
            continue
        slot = head(state, step)
        rank = state.queue_key[state.queue_base[step]] >> CLASS_BITS
        order = state.case[slot, ORDER]
        if best < 0 or rank < best_class or (rank == best_class and order < best_order):
            best, best_class, best_order = step, rank, order
    if best < 0:
        return
    slot = head(state, best)
    drop_head(state, best)
    state.waiting[best] -= 1
    first = needs.first_entry[needs.first_role[best]]
    entry = 0
    while needs.team[first + entry] != team:
        entry += 1
    state.pick[0] = entry
    grant(model, state, slot, best)
    call(state, slot)


# --- cases -----------------------------------------------------------------------------------------------------


@inlined
def enter(model: Model, state: State, slot, step):
    """A visit begins: its random words, its place in the tallies."""
    case, n = state.case, state.n
    case[slot, STEP] = step
    case[slot, PHASE] = START
    case[slot, ENABLED] = n[NOW]
    case[slot, STARTED] = -1
    case[slot, WAITED] = 0
    case[slot, CREW] = 0
    words = state.words
    words[slot, 1], words[slot, 2], words[slot, 3], words[slot, 4] = block(
        n[SEED], n[REPLICATION], words[slot, 0], model.rules.steps.key[step], state.visits[slot, step], _VISIT
    )
    if n[NOW] >= model.warm_up:
        state.tally[step, ENTERED] += 1.0


@inlined
def allot(state: State, key, goal, channel, segment, customer, value, cost):
    """A free slot for a new case; it is not born yet."""
    n, case = state.n, state.case
    n[SLOTS_FREE] -= 1
    slot = state.free[n[SLOTS_FREE]]
    for f in range(FIELDS):
        case[slot, f] = -1
    case[slot, STEP] = goal
    case[slot, CHANNEL] = channel
    case[slot, SEGMENT] = segment
    case[slot, CUSTOMER] = customer
    case[slot, ORDER] = 0
    case[slot, HELD] = 0
    case[slot, STALLED] = 0
    state.words[slot, 0] = key
    state.worth[slot, VALUE] = value
    state.worth[slot, COST] = cost
    for s in range(state.visits.shape[1]):
        state.visits[slot, s] = 0
    return slot


@inlined
def bear(model: Model, state: State, slot):
    """A case arrives: it gets its number and goes to its first step."""
    n, case = state.n, state.case
    case[slot, NUMBER] = n[CASES]
    case[slot, BORN] = n[NOW]
    if case[slot, CUSTOMER] < 0:
        case[slot, CUSTOMER] = n[CASES]
    n[CASES] += 1
    enter(model, state, slot, case[slot, STEP])
    call(state, slot)


@inlined
def plan_arrival(model: Model, state: State, s):
    """Put the next arrival of a channel on the agenda."""
    n, source = state.n, state.source
    time, reached, slot, size = next_arrival(
        model.sources, n[SEED], n[REPLICATION], s, source[s, 0], state.reached[s], source[s, 1],
        state.cumulative, state.factor,
    )  # fmt: skip
    state.reached[s] = reached
    source[s, 1] = slot
    source[s, 2] = 0
    source[s, 3] = size
    if time < model.horizon:
        put(state, time, (ARRIVED << RANK_BITS) | s, s)


@inlined
def end_visit(model: Model, state: State, slot, step, goal, gave_up):
    """Write down a visit that ended."""
    n, case, now = state.n, state.case, state.n[NOW]
    enabled = case[slot, ENABLED]
    if now >= model.warm_up:
        if not gave_up:
            state.tally[step, FINISHED_VISITS] += 1.0
        state.tally[step, PRESENT_AREA] += float(now - max(enabled, model.warm_up))
    if not gave_up:
        state.worth[slot, COST] += model.flow.cost[step]
        if model.flow.milestone[step] == WON and case[slot, WON_AT] < 0:
            case[slot, WON_AT] = now
        if model.flow.milestone[step] == DELIVERED and case[slot, DELIVERED_AT] < 0:
            case[slot, DELIVERED_AT] = now
    if n[KEEP_LOG] != 0:
        row = n[ROWS]
        n[ROWS] = row + 1
        time, what = state.log_time, state.log_what
        time[row, 0] = enabled
        time[row, 1] = case[slot, STARTED]
        time[row, 2] = now
        what[row, 0] = case[slot, NUMBER]
        what[row, 1] = step
        what[row, 2] = state.visits[slot, step]
        what[row, 3] = goal
        for r in range(what.shape[1] - VISIT_COLUMNS):
            what[row, VISIT_COLUMNS + r] = case[slot, PERSON + r] if r < case[slot, CREW] else -1
    state.visits[slot, step] += 1


@inlined
def end_case(state: State, slot, goal):
    """Write down a case that left, and free its slot."""
    n, case = state.n, state.case
    if n[KEEP_CASES] != 0:
        row = n[CASE_ROWS]
        n[CASE_ROWS] = row + 1
        time = state.case_time
        time[row, 0] = case[slot, NUMBER]
        time[row, 1] = case[slot, BORN]
        time[row, 2] = case[slot, RESPONDED]
        time[row, 3] = case[slot, WON_AT]
        time[row, 4] = case[slot, DELIVERED_AT]
        time[row, 5] = n[NOW]
        time[row, 6] = goal
        time[row, 7] = case[slot, STEP]
        time[row, 8] = case[slot, CHANNEL]
        time[row, 9] = case[slot, SEGMENT]
        time[row, 10] = case[slot, CUSTOMER]
        state.case_money[row, VALUE] = state.worth[slot, VALUE]
        state.case_money[row, COST] = state.worth[slot, COST]
    case[slot, NUMBER] = -1
    case[slot, ORDER] = 0
    state.free[n[SLOTS_FREE]] = slot
    n[SLOTS_FREE] += 1


# --- verbs -----------------------------------------------------------------------------------------------------


@inlined
def queue_key(model: Model, state: State, slot, step, order):
    case = state.case
    discipline = model.needs.discipline[step]
    rank = 0
    if discipline == NEWEST_FIRST:
        rank = CLASS_MASK - order
    elif discipline == HIGHEST_VALUE:
        rank = (CLASS_MASK >> 1) - int(state.worth[slot, VALUE] * 100.0 + 0.5)
    elif discipline == LONGEST_IN_PROCESS:
        rank = case[slot, BORN]
    return (model.needs.rank[step * model.rules.steps.segments + case[slot, SEGMENT]] << CLASS_BITS) | rank


@inlined
def ask(model: Model, state: State, slot, step, patience):
    """Ask for people; true if the case goes on at once."""
    n, case, needs = state.n, state.case, model.needs
    n[ORDERS] += 1
    order = n[ORDERS]
    area = needs.area[step]
    linked = needs.linked[area] != 0
    if not linked and state.waiting[step] == 0:
        first = needs.first_entry[needs.first_role[step]]
        for entry in range(needs.last_entry[needs.first_role[step]] - first):
            if present(model, state, needs.team[first + entry]) > 0:
                state.pick[0] = entry
                grant(model, state, slot, step)
                return True
    case[slot, ORDER] = order
    case[slot, PHASE] = BEGIN
    join(state, step, queue_key(model, state, slot, step, order), order, slot)
    if linked:
        settle(model, state, area, slot)
        if case[slot, ORDER] == 0:
            return True
    if patience >= 0 and n[NOW] + patience < model.horizon:
        put(state, n[NOW] + patience, (GAVE_UP << RANK_BITS) | case[slot, NUMBER], (order << 22) | slot)
    return False


@inlined
def begin_work(model: Model, state: State, slot, step, ticks):
    """Keep the granted people busy; the end is known at once, from the calendar they share."""
    n, case, now, people, hours = state.n, state.case, state.n[NOW], model.people, model.hours
    factor = model.needs.factor[case[slot, LEAD]]
    time = ticks if factor == 1.0 else int(ticks * factor + 0.5)
    end = finish(hours, model.needs.calendar[case[slot, COMBINATION]], now, time)
    case[slot, STARTED] = now
    if case[slot, RESPONDED] < 0 and (model.flow.any_response == 0 or model.flow.milestone[step] == RESPONSE):
        case[slot, RESPONDED] = now
    since, until = max(now, model.warm_up), min(end, model.horizon)
    for r in range(case[slot, HELD]):
        team = people.team_of[case[slot, PERSON + r]]
        calendar = people.calendar[team]
        state.worth[slot, COST] += float(time) * people.pay[team]
        if until > since:
            if people.overtime[team] != 0:
                # Overtime runs on the wall clock unless a partner's calendar suspends the work.
                busy = busy_between(model, case[slot, COMBINATION], since, until)
                on_shift = worked(hours, calendar, until) - worked(hours, calendar, since)
                state.team_tally[team, BUSY] += float(busy)
                if busy > on_shift:
                    state.team_tally[team, OVERTIME] += float(busy - on_shift)
            elif since == now and until == end:
                state.team_tally[team, BUSY] += float(time)
            else:
                state.team_tally[team, BUSY] += float(busy_between(model, case[slot, COMBINATION], since, until))
    if end < model.horizon:
        put(state, end, (FINISHED << RANK_BITS) | case[slot, NUMBER], slot)


@inlined
def busy_between(model: Model, combination, since, until):
    calendar = model.needs.calendar[combination]
    return worked(model.hours, calendar, until) - worked(model.hours, calendar, since)


@inlined
def free_people(model: Model, state: State, slot, step):
    case = state.case
    held = case[slot, HELD]
    for r in range(held):
        give(model, state, case[slot, PERSON + r])
    case[slot, HELD] = 0
    area = model.needs.area[step]
    if model.needs.linked[area] != 0:
        settle(model, state, area, -1)
    else:
        serve_best(model, state, model.people.team_of[case[slot, PERSON]])


@inlined
def spawn(model: Model, state: State, slot, which, delay):
    """A new case begins its own life after a delay."""
    n, case, spawns, rules = state.n, state.case, model.rules.spawns, model.rules
    step = case[slot, STEP]
    arrival = n[NOW] + delay
    number = n[SPAWNS]
    n[SPAWNS] = number + 1
    if arrival >= model.horizon:
        return
    key = child_key(state.words[slot, 0], spawns.key[which], state.visits[slot, step])
    fixed = spawns.segment[which]
    segment, value = attributes(
        model.segments, rules.laws, model.sources.mix, 0, fixed if fixed >= 0 else case[slot, SEGMENT],
        n[SEED], n[REPLICATION], key,
    )  # fmt: skip
    customer = -1 if spawns.new_customer[which] != 0 else case[slot, CUSTOMER]
    child = allot(state, key, spawns.goal[which], spawns.channel[which], segment, customer, value, 0.0)
    put(state, arrival, (ARRIVED << RANK_BITS) | (SPAWNED + number), SPAWNED + child)


@inlined
def next_event(model: Model, state: State):
    """Take the next event off the agenda; false at the horizon."""
    n, case, agenda = state.n, state.case, state.agenda
    if n[AGENDA] == 0 or agenda[0, 0] >= model.horizon:
        return False
    time, key, what = agenda[0, 0], agenda[1, 0], agenda[2, 0]
    rank = key >> RANK_BITS
    n[NOW] = time
    if rank == ARRIVED and what < SPAWNED:
        s = what
        sources, source = model.sources, state.source
        identity = case_key(sources, s, source[s, 0], source[s, 2])
        segment, value = attributes(
            model.segments, model.rules.laws, sources.mix, s * model.segments.size, -1,
            n[SEED], n[REPLICATION], identity,
        )  # fmt: skip
        bear(model, state, allot(state, identity, sources.goal[s], s, segment, -1, value, sources.cost[s]))
        source[s, 2] += 1
        if source[s, 2] >= source[s, 3]:
            drop_first(state)
            source[s, 0] += 1
            plan_arrival(model, state, s)
        return True
    drop_first(state)
    if rank == FINISHED:
        call(state, what)
    elif rank == GAVE_UP:
        slot = what & ((1 << 22) - 1)
        if case[slot, ORDER] == what >> 22:
            step = case[slot, STEP]
            case[slot, ORDER] = 0
            case[slot, PHASE] = BEGIN + 1
            state.waiting[step] -= 1
            end_waiting(model, state, slot, step, QUIT)
            call(state, slot)
            area = model.needs.area[step]
            if model.needs.linked[area] != 0:
                settle(model, state, area, -1)
    elif rank == SHIFT:
        shifts = model.shifts
        i = n[EDGE]
        while i < shifts.time.shape[0] and shifts.time[i] == time:
            state.duty[shifts.calendar[i]] = shifts.opens[i]
            i += 1
        n[EDGE] = i
        if i < shifts.time.shape[0]:
            put(state, shifts.time[i], SHIFT << RANK_BITS, 0)
        settle(model, state, -1, -1)
    else:
        bear(model, state, what - SPAWNED)
    return True


@compiled
def advance(model: Model, state: State):
    """Run until the horizon, or until an array is full: the reason is returned and the run can be resumed."""
    n, case, words = state.n, state.case, state.words
    rules = model.rules
    agenda_room, log_room = state.agenda.shape[1] - 4, state.log_time.shape[0]
    case_room = state.case_time.shape[0]
    breath = 0
    if n[NOW] < 0:
        n[NOW] = 0
        cumulate(model.sources, rules.laws, n[SEED], n[REPLICATION], state.cumulative, state.factor)
        for s in range(model.sources.key.shape[0]):
            state.source[s, 1] = model.sources.first_slot[s]
            plan_arrival(model, state, s)
        if model.shifts.time.shape[0] > 0:
            put(state, model.shifts.time[0], SHIFT << RANK_BITS, 0)
    while True:
        if n[AGENDA] > agenda_room:
            return AGENDA_FULL
        if n[SLOTS_FREE] == 0:
            return SLOTS_FULL
        if n[KEEP_LOG] != 0 and n[ROWS] >= log_room:
            return LOG_FULL
        if n[KEEP_CASES] != 0 and n[CASE_ROWS] >= case_room:
            return CASES_FULL
        breath += 1
        if breath > BREATH_STEPS:
            return BREATH
        slot = n[CURRENT]
        if slot < 0:
            if n[READY_COUNT] == 0:
                if not next_event(model, state):
                    return HORIZON
                continue
            slot = state.ready[n[READY_HEAD]]
            n[READY_HEAD] = n[READY_HEAD] + 1 if n[READY_HEAD] + 1 < state.ready.shape[0] else 0
            n[READY_COUNT] -= 1
            n[CURRENT] = slot
        step, phase = case[slot, STEP], case[slot, PHASE]
        verb, number, after = decide(
            rules, phase, step, case[slot, SEGMENT], state.visits[slot, step], case[slot, WAITED],
            n[NOW] - case[slot, BORN], (n[SEED], n[REPLICATION], words[slot, 0]),
            (words[slot, 1], words[slot, 2], words[slot, 3], words[slot, 4]),
        )  # fmt: skip
        if verb == ASK:
            if state.queue_size[step] >= state.queue_room[step]:
                n[FULL] = step
                return QUEUE_FULL
            if not ask(model, state, slot, step, number):
                n[CURRENT] = -1
        elif verb == WORK:
            case[slot, PHASE] = after
            begin_work(model, state, slot, step, number)
            n[CURRENT] = -1
        elif verb == FREE:
            case[slot, PHASE] = after
            free_people(model, state, slot, step)
        elif verb == WAIT:
            case[slot, PHASE] = after
            case[slot, STARTED] = n[NOW]
            if case[slot, RESPONDED] < 0 and model.flow.milestone[step] == RESPONSE:
                case[slot, RESPONDED] = n[NOW]
            end = finish(model.hours, model.flow.calendar[step], n[NOW], number)
            if end < model.horizon:
                put(state, end, (FINISHED << RANK_BITS) | case[slot, NUMBER], slot)
            n[CURRENT] = -1
        elif verb == SPAWN:
            case[slot, PHASE] = after
            spawn(model, state, slot, rules.steps.first_spawn[step] + after - LEAVE - 1, number)
        else:
            end_visit(model, state, slot, step, number, phase == BEGIN + 1)
            if verb == MOVE:
                case[slot, STALLED] = case[slot, STALLED] + 1 if case[slot, ENABLED] == n[NOW] else 0
                if case[slot, STALLED] > MOST_STALLED:
                    n[FULL] = step
                    return STALLED_CASE
                enter(model, state, slot, number)
            else:
                end_case(state, slot, number)
                n[CURRENT] = -1
