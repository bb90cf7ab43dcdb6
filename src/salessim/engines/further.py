"""What only some models ask of the compiled engine: attributes, splits, batches, places of limits, copies, markets.

Kept out of the loop of `compiled`, which plain models run through without meeting any of it. Helpers are given only
the arrays they use, because compiling a call with the whole state costs seconds.
"""

from __future__ import annotations

from typing import Any

from salessim.demand import Sources, attributes, copy_after, returns_after
from salessim.durations import LawTable
from salessim.engines.machine import (
    AREA,
    BORN,
    BRANCH_NUMBER,
    CHANNEL,
    COST,
    CUSTOMER,
    DELIVERED_AT,
    ENABLED,
    ENTER,
    EVERYWHERE,
    FULL,
    LOST_BY,
    MARKET,
    NOW,
    NUMBER,
    ORDER,
    ORDERS,
    PARENT,
    PENDING,
    PHASE,
    QUEUE,
    REPLICATION,
    RESPONDED,
    SEED,
    SEGMENT,
    SKIPPED,
    SLOTS_FREE,
    SPAWNS,
    STALLED,
    STARTED,
    STEP,
    TOKEN,
    TOKENS,
    VALUE,
    WAITED,
    WON_AT,
    Queues,
    Staff,
    State,
    allot,
    call,
    drop_head,
    end_waiting,
    give,
    head,
    in_hand,
    join,
    place_of,
    put,
    queue_of,
    waiting_at,
    whose,
)  # fmt: skip
from salessim.engines.outcome import ASKED, BEGUN, BUSY
from salessim.hours import FOREVER
from salessim.jit import compiled, spliced
from salessim.network import Model, People, Places
from salessim.order import ARRIVED, FINISHED, GAVE_UP, MOST_BRANCHES, RANK_BITS, RETURNED, SPAWNED
from salessim.records import NEVER
from salessim.stages import attributes as marks
from salessim.stages import decide_fully, row_of
from salessim.stages.formulas import COMMON
from salessim.stages.verbs import ASK, DONE, FORK, GATHER, JOIN, PAUSE, SET, SKIP
from salessim.streams import child_key

NOTHING = -1
"""The verb of a case that has done what its step asked and now waits."""


@compiled
def decide_and_do(model: Model, state: State, slot, step, phase):
    """(verb, number, next phase, row) of a step that uses more than the plain mechanisms; NOTHING where the case waits.

    Verbs that only such steps use are done here; FORK comes back where there are too few slots, GATHER where a queue is full.
    """
    n, case, words, facts, queues = state.n, state.case, state.words, state.facts, state.queues
    who = (n[SEED], n[REPLICATION], words[slot, 0])
    drawn = (words[slot, 1], words[slot, 2], words[slot, 3], words[slot, 4])
    now, visit, segment, waited = n[NOW], int(state.visits[slot, step]), case[slot, SEGMENT], case[slot, WAITED]
    age, spent = now - case[slot, BORN], now - case[slot, ENABLED]
    base, limits = 2 * model.formulas.attributes * slot, state.held.shape[1]
    row = row_of(model.rare, step, case[slot, ENABLED], who)
    for limit in range(limits):
        team = model.places.first_team + limit
        facts[COMMON + limit] = float(model.people.size[team] - state.staff.count[team])
        if model.places.counted[limit] != 0:
            place = place_of(case, state.held, slot, limit)
            facts[COMMON + limits + limit] = float(in_hand(model.people, state.staff, whose(model.people, place, team), team)) if place >= 0 else 0.0
    marks.look(
        model.rules.steps, model.formulas, model.hours, row, segment, case[slot, CHANNEL], visit, waited, age, spent,
        state.worth[slot, VALUE], state.worth[slot, COST], waiting_at(model.needs, queues, step), case[slot, BRANCH_NUMBER], case[slot, LOST_BY],
        drawn[3], now, state.marks, base, facts,
    )  # fmt: skip
    while True:
        verb, number, after = decide_fully(
            model.rules, model.rare, model.formulas, model.hours, phase, row, segment, visit, waited, age, now, who, drawn, facts
        )
        if verb == SET:
            marks.change(model.rare, model.formulas, row, visit, who, facts, state.marks, base)
        elif verb == SKIP:
            case[slot, SKIPPED] = 1
        else:
            break
        case[slot, PHASE] = phase = after  # kept, because the loop may have to come back for more room
    if verb == PAUSE:
        if now + number < model.horizon:
            put(n, state.agenda, now + number, (FINISHED << RANK_BITS) | case[slot, TOKEN], slot)
    elif verb == GATHER:
        if queues.size[step] >= queues.room[step]:
            n[FULL] = step
            return verb, number, after, row
        case[slot, PHASE] = after
        gather(model, state, slot, step)
    elif verb == FORK:
        if number >= MOST_BRANCHES or n[SLOTS_FREE] < number:
            return verb, number, after, row
        fork(model, state, slot, step, row, number)
    elif verb == ASK and model.needs.desk[step] >= 0:
        queue = queue_of(model.needs, model.people, state.staff, model.places.first_team, case, state.held, slot, step)
        if queues.size[queue] >= queues.room[queue]:
            n[FULL] = queue
            return GATHER, number, after, row
        case[slot, QUEUE] = queue
        return verb, number, after, row
    else:
        return verb, number, after, row
    case[slot, PHASE] = after
    return NOTHING, number, after, row


@spliced
def gather(model: Model, state: State, slot, step):
    """A case joins the batch of a step."""
    n, case, queues, rare = state.n, state.case, state.queues, model.rare
    if n[NOW] >= model.warm_up:
        state.tally[step, ASKED] += 1.0
    n[ORDERS] += 1
    order = n[ORDERS]
    case[slot, ORDER] = order
    join(queues, step, 0, order, slot)
    if queues.waiting[step] >= rare.batch[step]:
        release_batch(queues, n, case, state.ready, state.tally, model.warm_up, step)
    elif queues.waiting[step] == 1 and rare.batch_wait[step] >= 0 and n[NOW] + rare.batch_wait[step] < model.horizon:
        put(n, state.agenda, n[NOW] + rare.batch_wait[step], (GAVE_UP << RANK_BITS) | case[slot, TOKEN], (order << 22) | slot)


@compiled
def release_batch(queues: Queues, n, case, ready, tally, warm_up, step):
    """The batch of a step is complete, or its time is over: all go on, first come first."""
    while queues.waiting[step] > 0:
        slot = head(queues, case, step)
        drop_head(queues, step)
        queues.waiting[step] -= 1
        case[slot, ORDER] = 0
        end_waiting(n, case, tally, warm_up, slot, step, BEGUN)
        call(n, ready, slot)


@spliced
def fork(model: Model, state: State, slot, step, row, count):
    """A case splits; it wakes when all its branches have joined."""
    n, case, rare = state.n, state.case, model.rare
    width = model.formulas.attributes
    case[slot, STARTED] = n[NOW]
    case[slot, PENDING] = count
    case[slot, LOST_BY] = 0
    first = rare.first_branch[row]
    several = rare.last_branch[row] - first > 1
    for k in range(count):
        key = child_key(state.words[slot, 0], model.rules.steps.key[row], MOST_BRANCHES * state.visits[slot, step] + k)
        goal = rare.branch[first + k] if several else rare.branch[first]
        branch = allot(state, key, goal, case[slot, CHANNEL], case[slot, SEGMENT], case[slot, CUSTOMER], state.worth[slot, VALUE], 0.0)
        for field in (NUMBER, BORN, RESPONDED, WON_AT, DELIVERED_AT, MARKET):
            case[branch, field] = case[slot, field]
        case[branch, TOKEN] = n[TOKENS]
        n[TOKENS] += 1
        case[branch, PARENT], case[branch, BRANCH_NUMBER] = slot, k
        case[branch, STALLED] = case[slot, STALLED] + 1 if case[slot, ENABLED] == n[NOW] else 0
        for a in range(width):
            state.marks[2 * width * branch + a] = state.marks[2 * width * branch + width + a] = state.marks[2 * width * slot + a]
        case[branch, PHASE] = ENTER
        call(n, state.ready, branch)


@compiled
def add_branch(case: Any, worth: Any, marks: Any, slot: int, parent: int) -> None:
    """What a branch has changed and spent so far, and the earliest times of success, are the case's."""
    width = marks.shape[0] // (2 * case.shape[0])
    for a in range(width):
        mine = 2 * width * slot + a
        marks[2 * width * parent + a] += marks[mine] - marks[mine + width]
    worth[parent, COST] += worth[slot, COST]
    for field in (RESPONDED, WON_AT, DELIVERED_AT):
        if case[parent, field] == NEVER or (case[slot, field] != NEVER and case[slot, field] < case[parent, field]):
            case[parent, field] = case[slot, field]


@compiled
def end_branch(n, case, worth, marks, ready, free, slot, goal):
    """A branch ends: what it changed is added to the case, which goes on when it was the last."""
    parent = case[slot, PARENT]
    add_branch(case, worth, marks, slot, parent)
    if goal < DONE and goal != JOIN and case[parent, LOST_BY] == 0:
        case[parent, LOST_BY] = goal
    case[parent, PENDING] -= 1
    if case[parent, PENDING] == 0:
        call(n, ready, parent)
    case[slot, NUMBER] = -1
    case[slot, ORDER] = 0
    free[n[SLOTS_FREE]] = slot
    n[SLOTS_FREE] += 1


@compiled
def give_places(places: Places, people: People, staff: Staff, n, held, since, team_tally, warm_up, slot, step, leaves, regular):
    """Give back the places of limits that end with this step, or all of them when the case leaves."""
    given, limits = 0, held.shape[1]
    for limit in range(limits):
        place = held[slot, limit]
        if place >= 0 and (leaves or (regular and places.back[step * limits + limit] == 1)):
            give(people, staff, n, place)
            start = max(since[slot, limit], warm_up)
            if n[NOW] > start:
                team_tally[places.first_team + limit, BUSY] += float(n[NOW] - start)
            held[slot, limit] = -1
            given += 1
            n[AREA] = places.area[limit] if given == 1 else EVERYWHERE


@spliced
def spawn(model: Model, state: State, slot, which, delay):
    """A new case begins its own life after a delay."""
    n, case, spawns, rules = state.n, state.case, model.rules.spawns, model.rules
    step = case[slot, STEP]
    arrival = n[NOW] + delay
    number = n[SPAWNS]
    n[SPAWNS] = number + 1
    limit, place, since = model.rare.passes[which], NEVER, NEVER
    if limit >= 0:
        place, since = state.held[slot, limit], state.since[slot, limit]
        state.held[slot, limit] = NEVER
    if arrival >= model.horizon:
        if place >= 0:
            state.team_tally[model.places.first_team + limit, BUSY] += float(model.horizon - max(since, model.warm_up))
        return
    key = child_key(state.words[slot, 0], spawns.key[which], state.visits[slot, step])
    fixed = spawns.segment[which]
    segment, value = attributes(
        model.segments, rules.laws, model.sources.mix, 0, fixed if fixed >= 0 else case[slot, SEGMENT],
        n[SEED], n[REPLICATION], key,
    )  # fmt: skip
    customer = -1 if spawns.new_customer[which] != 0 else case[slot, CUSTOMER]
    paid = 0.0
    if spawns.channel[which] < model.sources.key.shape[0]:  # a copy of an arrival is paid for again
        paid = model.sources.cost[spawns.channel[which]]
    child = allot(state, key, spawns.goal[which], spawns.channel[which], segment, customer, value, paid)
    case[child, MARKET] = case[slot, MARKET] if model.segments.customer[segment] != 0 else NEVER
    width = model.formulas.attributes
    if width > 0:
        marks.hand_down(
            rules.laws, model.rare, model.formulas, rules.steps.segments, which, segment, spawns.channel[which], value,
            (n[SEED], n[REPLICATION], key), state.facts, state.marks, 2 * width * child, state.marks, 2 * width * slot,
        )  # fmt: skip
    if place >= 0:
        state.held[child, limit], state.since[child, limit] = place, since
    if delay == 0 and case[slot, ENABLED] == n[NOW]:
        case[child, STALLED] = case[slot, STALLED] + 1
    put(n, state.agenda, arrival, (ARRIVED << RANK_BITS) | (SPAWNED + number), SPAWNED + child)
    if rules.spawns.channel[which] < model.sources.key.shape[0]:
        mark = model.sources.copy_mark[spawns.channel[which]]
        if mark >= 0:
            state.marks[2 * width * child + mark] = 1.0


@compiled
def come_twice(model: Model, state: State, s, slot):
    """An arrival that may come again, as another case of the same customer."""
    n, sources = state.n, model.sources
    delay = copy_after(
        sources, model.rules.laws, model.rules.spawns, model.segments.size, s, state.case[slot, SEGMENT],
        n[SEED], n[REPLICATION], state.words[slot, 0],
    )  # fmt: skip
    if delay < FOREVER:
        spawn(model, state, slot, sources.copy[s], delay)


@compiled
def leave_for_a_while(sources: Sources, laws: LawTable, n, agenda, case, key, horizon, slot):
    """A customer who was lost may be found in the market again one day."""
    if case[slot, CUSTOMER] == case[slot, NUMBER]:
        away = returns_after(sources, laws, case[slot, MARKET], n[SEED], n[REPLICATION], key)
        if away < FOREVER and n[NOW] + away < horizon:
            put(n, agenda, n[NOW] + away, (RETURNED << RANK_BITS) | case[slot, NUMBER], case[slot, MARKET])
