"""The moving parts of the compiled engine: its state, the agenda, the queues and the people.

Each helper is given only the arrays it uses: compiling a call with the whole state costs a second or two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from salessim.engines.outcome import BEGUN, QUEUE_AREA, WAITED_SUM
from salessim.hours import FOREVER
from salessim.jit import compiled, inlined, natural, spliced
from salessim.network import Needs, People, Shifts
from salessim.order import AWAY, CLASS_BITS, NEWCOMER
from salessim.pace import Paces, paced

# Scalars of a run, in `state.n`.
(SEED, REPLICATION, CASES, SLOTS_FREE, AGENDA, READY_HEAD, READY_COUNT, ORDERS, SPAWNS, ROWS, CASE_ROWS, NOW,
 CURRENT, EDGE, KEEP_LOG, KEEP_CASES, FULL, PASS, AREA, ASKING, TOKENS, TAKEN, SCALARS) = range(23)  # fmt: skip

# Columns of a case's record, in `state.case`.
(NUMBER, STEP, PHASE, SEGMENT, CHANNEL, CUSTOMER, BORN, RESPONDED, WON_AT, DELIVERED_AT, ENABLED, STARTED, ORDER,
 WAITED, HELD, CREW, COMBINATION, LEAD, STALLED, TOKEN, PARENT, PENDING, LOST_BY, BRANCH_NUMBER, SKIPPED,
 MARKET, QUEUE, PERSON) = range(28)  # fmt: skip
"""TOKEN is a number that only this case or branch has; without branches it is the case's number. QUEUE is where a case
waits at a step that its owner does."""
FIELDS = PERSON + 4
VALUE, COST = 0, 1

ENTER = -1
"""The phase of a case whose visit is about to begin: visits begin in one place, so that there is one copy of the code."""
EVERYWHERE, NOWHERE = -1, -2
"""What n[AREA] says beside the number of an area: where hands are to be dealt out before anything else."""


class Queues(NamedTuple):
    """Who waits: a binary heap per step, and behind them one per owner of cases; one stretch of the arrays each."""

    key: Any
    order: Any
    slot: Any
    base: Any
    room: Any
    size: Any
    """Entries of the heap, those of cases that left included."""
    waiting: Any
    """Cases that wait."""


class Staff(NamedTuple):
    """Who is idle: a ring per team, longest idle first; and the scratch of a dispatch."""

    idle: Any
    head: Any
    count: Any
    duty: Any
    """1 for calendars that are open."""
    settled: Any
    kept: Any
    pick: Any
    wanted: Any
    """[1] the person whom a case wants before others, or -1."""
    out: Any
    """1 for persons who are away, or go when their work in hand is done."""
    dropped: Any
    """1 for places taken out of the ring because their person is away."""
    spare: Any
    """Scratch: idle places of a person."""
    joined: Any
    jobs: Any
    """Jobs led, of persons whose pace varies."""
    spell: Any
    """The spell in which a person is away."""
    left: Any
    """When each spell really began."""


class State(NamedTuple):
    """Everything that changes during a run."""

    n: Any
    queues: Queues
    staff: Staff
    source: Any
    """[channel, (serial, slot, member, size)]"""
    taken: Any
    """Customers of each market who are in process or won."""
    reached: Any
    cumulative: Any
    factor: Any
    case: Any
    worth: Any
    words: Any
    """[slot, (key, the four words of the visit)] uint64."""
    visits: Any
    marks: Any
    """The attributes of slot s from 2 s A on (A is their number), and behind them what a branch began with."""
    held: Any
    """[slot, limit] the place a case holds, or -1."""
    since: Any
    """[slot, limit] when it took the place."""
    facts: Any
    """What formulas look at: see `stages.formulas`."""
    free: Any
    agenda: Any
    """[(time, key, what), entry]: a binary heap."""
    ready: Any
    """The at-once list, a ring of slots."""
    tally: Any
    team_tally: Any
    log_time: Any
    log_what: Any
    case_time: Any
    case_money: Any


# --- cases -----------------------------------------------------------------------------------------------------


@spliced
def allot(state: State, key, goal, channel, segment, customer, value, cost):
    """A free slot for a new case; it is not born yet."""
    n, case = state.n, state.case
    n[SLOTS_FREE] -= 1
    slot = natural(state.free[natural(n[SLOTS_FREE])])
    for f in range(FIELDS):
        case[slot, f] = -1
    case[slot, STEP] = goal
    case[slot, CHANNEL] = channel
    case[slot, SEGMENT] = segment
    case[slot, CUSTOMER] = customer
    case[slot, ORDER] = 0
    case[slot, HELD] = 0
    case[slot, STALLED] = 0
    for limit in range(state.held.shape[1]):
        state.held[slot, limit] = -1
    state.words[slot, 0] = key
    state.worth[slot, VALUE] = value
    state.worth[slot, COST] = cost
    for s in range(state.visits.shape[1]):
        state.visits[slot, s] = 0
    return slot


@spliced
def free_slot(state: State, slot):
    """A case or branch is gone."""
    n, case = state.n, state.case
    case[slot, NUMBER] = -1
    case[slot, ORDER] = 0
    state.free[n[SLOTS_FREE]] = slot
    n[SLOTS_FREE] += 1


# --- agenda: a binary heap ordered by (time, key) -------------------------------------------------------------


@inlined
def put(n, agenda, time, key, what):
    i = natural(n[AGENDA])
    n[AGENDA] = i + 1
    while i > 0:
        up = natural((i - 1) >> 1)
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
def sink(agenda, size, time, key, what):
    """Fill the gap at the top of an agenda of `size` entries."""
    agenda[0, size] = FOREVER  # so that the last pair needs no test of its own
    i = 0
    while True:
        down = natural(2 * i + 1)
        if down >= size:
            break
        left, right = agenda[0, down], agenda[0, down + 1]
        # Which child is first is a toss-up: without a branch nothing is mispredicted.
        down = natural(down + int((right < left) | ((right == left) & (agenda[1, down + 1] < agenda[1, down]))))
        if time < agenda[0, down] or (time == agenda[0, down] and key < agenda[1, down]):
            break
        agenda[0, i] = agenda[0, down]
        agenda[1, i] = agenda[1, down]
        agenda[2, i] = agenda[2, down]
        i = down
    agenda[0, i] = time
    agenda[1, i] = key
    agenda[2, i] = what


@inlined
def take_first(n, agenda):
    """The first event is taken and leaves a gap at the top, which what it brings about mostly fills: half the work."""
    n[TAKEN] = 1
    agenda[0, 0] = -1  # before everything, so that `put` leaves the gap where it is


@inlined
def put_first(n, agenda, time, key, what):
    """Put an event where one was just taken, or as any other."""
    if n[TAKEN] != 0:
        n[TAKEN] = 0
        sink(agenda, natural(n[AGENDA]), time, key, what)
    else:
        put(n, agenda, time, key, what)


@inlined
def close_gap(n, agenda):
    """Nothing filled the gap: the last entry does."""
    n[TAKEN] = 0
    size = natural(n[AGENDA] - 1)
    n[AGENDA] = size
    time, key, what = agenda[0, size], agenda[1, size], agenda[2, size]
    sink(agenda, size, time, key, what)


# --- queues: a heap per step, ordered by (queue key, order of joining), with lazy removal ----------------------


@inlined
def join(queues: Queues, step, key, order, slot):
    base = natural(queues.base[step])
    i = natural(queues.size[step])
    queues.size[step] = i + 1
    keys, orders, slots = queues.key, queues.order, queues.slot
    while i > 0:
        up = natural((i - 1) >> 1)
        if keys[base + up] < key or (keys[base + up] == key and orders[base + up] < order):
            break
        keys[base + i] = keys[base + up]
        orders[base + i] = orders[base + up]
        slots[base + i] = slots[base + up]
        i = up
    keys[base + i] = key
    orders[base + i] = order
    slots[base + i] = slot
    queues.waiting[step] += 1


@inlined
def drop_head(queues: Queues, step):
    base = natural(queues.base[step])
    size = natural(queues.size[step] - 1)
    queues.size[step] = size
    keys, orders, slots = queues.key, queues.order, queues.slot
    key, order, slot = keys[base + size], orders[base + size], slots[base + size]
    i = 0
    while True:
        down = natural(2 * i + 1)
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
def head(queues: Queues, case, step):
    """The slot at the head of a queue that is not empty; entries of cases that left are dropped on the way."""
    base = natural(queues.base[step])
    while case[natural(queues.slot[base]), ORDER] != queues.order[base]:
        drop_head(queues, step)
    return natural(queues.slot[base])


# --- people ----------------------------------------------------------------------------------------------------


@inlined
def present(people: People, staff: Staff, team):
    """Idle people of a team who are on duty."""
    return staff.count[team] if staff.duty[natural(people.calendar[team])] != 0 else 0


@inlined
def take(people: People, staff: Staff, team):
    """The person of a team who has been idle longest; or who is wanted; of those who do several cases at once, who has fewest."""
    first, size = natural(people.first_person[team]), people.size[team]
    if people.chosen[team] != 0:
        choose(people, staff, team)
    at = natural(staff.head[team])
    person = staff.idle[first + at]
    staff.head[team] = at + 1 if at + 1 < size else 0
    staff.count[team] -= 1
    return person


@inlined
def give(people: People, staff: Staff, n, person):
    """A person is idle; one who has been waiting to leave is gone."""
    team = natural(people.team_of[natural(person)])
    if people.changing[team] != 0 and leaves(people, staff, n, person, team):
        return
    push(people, staff, person, team)


@inlined
def push(people: People, staff: Staff, person, team):
    first, size = natural(people.first_person[team]), people.size[team]
    at = natural(staff.head[team] + staff.count[team])
    staff.idle[first + natural(at - size if at >= size else at)] = person
    staff.count[team] += 1


@inlined
def whose(people: People, place, team):
    """The person a place belongs to: the number of his or her first place."""
    first = people.first_person[team]
    return first + (place - first) % people.seats[team]


@inlined
def count_idle(people: People, staff: Staff, team):
    """Fill `staff.spare` with the idle places of each person of a team."""
    first, size, head = people.first_person[team], people.size[team], staff.head[team]
    for person in range(first, first + people.seats[team]):
        staff.spare[person] = 0
    for i in range(staff.count[team]):
        staff.spare[whose(people, staff.idle[first + (head + i) % size], team)] += 1


@compiled
def choose(people: People, staff: Staff, team):
    """Bring a place of the wanted person to the front, or of who has fewest cases; the longest idle among equals."""
    first, size, head = people.first_person[team], people.size[team], staff.head[team]
    count_idle(people, staff, team)
    best, most = 0, 0
    for i in range(staff.count[team]):
        person = whose(people, staff.idle[first + (head + i) % size], team)
        if person == staff.wanted[0]:
            best = i
            break
        if staff.spare[person] > most:
            best, most = i, staff.spare[person]
    place = staff.idle[first + (head + best) % size]
    for i in range(best, 0, -1):
        staff.idle[first + (head + i) % size] = staff.idle[first + (head + i - 1) % size]
    staff.idle[first + head] = place


@compiled
def leaves(people: People, staff: Staff, n, place, team):
    """A place came free: whether its person is to leave; gone when the last case is done."""
    person = whose(people, place, team)
    if staff.out[person] == 0:
        return False
    staff.dropped[place] = 1
    note_leaving(people, staff, n[NOW], person, team)
    return True


@inlined
def note_leaving(people: People, staff: Staff, now, person, team):
    at = person
    while at < people.first_person[team] + people.size[team]:
        if staff.dropped[at] == 0:
            return
        at += people.seats[team]
    staff.left[staff.spell[person]] = now


@compiled
def turn(people: People, staff: Staff, shifts: Shifts, i, now):
    """A person goes, unless work is in hand, or comes."""
    person = -1 - shifts.calendar[i]
    team = people.team_of[person]
    first, size, seats = people.first_person[team], people.size[team], people.seats[team]
    if shifts.opens[i] == AWAY:
        staff.out[person] = 1
        staff.spell[person] = shifts.spell[i]
        head, kept = staff.head[team], 0
        for k in range(staff.count[team]):
            place = staff.idle[first + (head + k) % size]
            if whose(people, place, team) == person:
                staff.dropped[place] = 1
            else:
                staff.idle[first + (head + kept) % size] = place
                kept += 1
        staff.count[team] = kept
        note_leaving(people, staff, now, person, team)
        return
    staff.out[person] = 0
    if shifts.opens[i] == NEWCOMER:
        staff.joined[person] = now
        staff.jobs[person] = 0.0
    place = person
    while place < first + size:
        if staff.dropped[place] != 0:
            staff.dropped[place] = 0
            push(people, staff, place, team)
        place += seats


@inlined
def in_hand(people: People, staff: Staff, person, team):
    """Cases that a person has."""
    count_idle(people, staff, team)
    count = -staff.spare[person]
    for place in range(person, people.first_person[team] + people.size[team], people.seats[team]):
        count += 1 - staff.dropped[place]
    return count


@compiled
def own_pace(people: People, staff: Staff, paces: Paces, queues: Queues, place, now, work):
    """The ticks that a piece of work takes the person who leads it, who has one job more behind him or her."""
    team = people.team_of[place]
    person = whose(people, place, team)
    waiting, there = 0, 0
    if paces.waiting[team] > 0.0:
        for other in range(people.first_person[team], people.first_person[team] + people.seats[team]):
            there += 1 - staff.out[other]
        for i in range(people.first_serves[team], people.last_serves[team]):
            waiting += queues.waiting[people.serves[i]]
    at_once = 1
    if people.seats[team] != people.size[team]:
        at_once = in_hand(people, staff, person, team)
    staff.jobs[person] += 1.0
    return paced(paces, team, work, now, staff.joined[person], staff.jobs[person] - 1.0, at_once, float(waiting) / float(max(there, 1)))


@inlined
def grant(needs: Needs, people: People, staff: Staff, n, case, held, since, tally, warm_up, slot, step):
    """Hand the people in `staff.pick` (one entry per role) to a case, and the places of limits behind them."""
    first = natural(needs.first_role[step])
    roles, everything = needs.people[step], needs.last_role[step] - first
    combination = needs.first_combination[step]
    for r in range(roles):
        entry = natural(staff.pick[r])
        case[slot, PERSON + r] = take(people, staff, natural(needs.team[natural(needs.first_entry[first + r]) + entry]))
        combination += entry * needs.stride[first + r]
    for r in range(roles, everything):
        team = natural(needs.team[natural(needs.first_entry[first + r])])
        limit = natural(team - (people.size.shape[0] - held.shape[1]))
        held[slot, limit] = take(people, staff, team)
        since[slot, limit] = n[NOW]
    granted(n, case, tally, warm_up, slot, step, roles, combination, needs.first_entry[first] + staff.pick[0])


@inlined
def granted(n, case, tally, warm_up, slot, step, roles, combination, lead):
    """Write down who works on a case, whose wait is over."""
    case[slot, HELD] = case[slot, CREW] = roles
    case[slot, COMBINATION] = combination
    case[slot, LEAD] = lead
    case[slot, ORDER] = 0
    end_waiting(n, case, tally, warm_up, slot, step, BEGUN)


@inlined
def end_waiting(n, case, tally, warm_up, slot, step, how):
    now, since = n[NOW], case[slot, ENABLED]
    case[slot, WAITED] = now - since
    if now >= warm_up:
        tally[step, how] += 1.0
        tally[step, WAITED_SUM] += float(now - since)
        tally[step, QUEUE_AREA] += float(now - max(since, warm_up))


@inlined
def call(n, ready, slot):
    """Put a case on the at-once list."""
    room = ready.shape[0]
    at = n[READY_HEAD] + n[READY_COUNT]
    ready[natural(at - room if at >= room else at)] = slot
    n[READY_COUNT] += 1


@inlined
def find_people(needs: Needs, people: People, staff: Staff, step):
    """Fill `staff.pick` with the first combination in order of preference that is idle, on duty and not kept."""
    pick = staff.pick
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
            if present(people, staff, team) - staff.kept[team] >= taken:
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
def keep_people(needs: Needs, people: People, staff: Staff, step):
    """Keep those who are there for the head of a queue that has waited too long for a full set."""
    for role in range(needs.first_role[step], needs.last_role[step]):
        for entry in range(needs.first_entry[role], needs.last_entry[role]):
            team = needs.team[entry]
            if present(people, staff, team) - staff.kept[team] >= 1:
                staff.kept[team] += 1
                break


@compiled
def owner_is_free(needs: Needs, people: People, staff: Staff, queue):
    """Whether the one whom a queue waits for is idle, who is then wanted; anybody does where the owner is away."""
    owner = needs.owner_of[queue]
    if owner < 0 or staff.out[owner] != 0:
        return True
    team = people.team_of[owner]
    first, size = people.first_person[team], people.size[team]
    for i in range(staff.count[team]):
        if whose(people, staff.idle[first + (staff.head[team] + i) % size], team) == owner:
            staff.wanted[0] = owner
            return True
    return False


@compiled
def place_of(case, held, slot, limit):
    """The place of a limit that a case holds, or that to which a branch belongs; -1 without one."""
    while held[slot, limit] < 0 and case[slot, PARENT] >= 0:
        slot = case[slot, PARENT]
    return held[slot, limit]


@compiled
def queue_of(needs: Needs, people: People, staff: Staff, limits, case, held, slot, step):
    """Where a case waits at a step that its owner does: behind the owner, or with all others if it has none who is there."""
    limit = needs.owner[step]
    place = place_of(case, held, slot, limit)
    if place < 0:
        return step
    queue = needs.desk[step] + whose(people, place, limits + limit) - people.first_person[limits + limit]
    return queue if staff.out[needs.owner_of[queue]] == 0 else step


@inlined
def waiting_at(needs: Needs, queues: Queues, step):
    """Cases that wait at a step, for whomever."""
    count = queues.waiting[step]
    if needs.desk[step] >= 0:
        for queue in range(needs.desk[step], needs.last_desk[step]):
            count += queues.waiting[queue]
    return count


@compiled
def settle(needs: Needs, people: People, staff: Staff, queues: Queues, n, case, held, since, ready, tally, warm_up):
    """One pass over the queues of the area n[AREA] (-1: all), best head first, granting what can be granted.

    The case in slot n[ASKING] goes on by itself when it is granted; others are called. (The two are scalars of the
    state because every literal argument would be a specialisation of its own, at seven seconds of compiling each.)
    """
    area, asking = n[AREA], n[ASKING]
    n[PASS] += 1
    this = n[PASS]
    for team in range(people.size.shape[0]):
        staff.kept[team] = 0
    while True:
        best, best_class, best_order = -1, 0, 0
        for queue in range(needs.step_of.shape[0]):
            mine = needs.area[needs.step_of[queue]]  # -1 where a batch is gathered: nobody is asked
            if queues.waiting[queue] == 0 or staff.settled[queue] == this or mine < 0 or (area >= 0 and mine != area):
                continue
            slot = head(queues, case, queue)
            rank = queues.key[queues.base[queue]] >> CLASS_BITS
            order = case[slot, ORDER]
            if best < 0 or rank < best_class or (rank == best_class and order < best_order):
                best, best_class, best_order = queue, rank, order
        if best < 0:
            return
        slot, step = head(queues, case, best), needs.step_of[best]
        if owner_is_free(needs, people, staff, best) and find_people(needs, people, staff, step):
            drop_head(queues, best)
            queues.waiting[best] -= 1
            grant(needs, people, staff, n, case, held, since, tally, warm_up, slot, step)
            if slot != asking:
                call(n, ready, slot)
        else:
            if needs.last_role[step] - needs.first_role[step] > 1 and n[NOW] - case[slot, ENABLED] >= needs.hold[step]:
                keep_people(needs, people, staff, step)
            staff.settled[best] = this
        staff.wanted[0] = -1


@inlined
def hand_over(needs: Needs, people: People, staff: Staff, queues: Queues, n, case, ready, tally, warm_up, person, team):
    """A person who stays came free in an area where every step needs one person: the best head gets him or her at once.

    While somebody waits nobody else of the team is idle on duty, so the person need not pass through the idle ones.
    """
    best, best_class, best_order = -1, 0, 0
    if staff.duty[natural(people.calendar[team])] != 0:
        for i in range(natural(people.first_serves[team]), natural(people.last_serves[team])):
            step = natural(people.serves[natural(i)])
            if queues.waiting[step] == 0:
                continue
            slot = head(queues, case, step)
            rank = queues.key[queues.base[step]] >> CLASS_BITS
            order = case[slot, ORDER]
            if best < 0 or rank < best_class or (rank == best_class and order < best_order):
                best, best_class, best_order = step, rank, order
    if best < 0:
        push(people, staff, person, team)
        return
    best = natural(best)
    slot = head(queues, case, best)
    drop_head(queues, best)
    queues.waiting[best] -= 1
    first = natural(needs.first_entry[natural(needs.first_role[best])])
    entry = 0
    while needs.team[natural(first + entry)] != team:
        entry += 1
    case[slot, PERSON] = person
    granted(n, case, tally, warm_up, slot, best, 1, needs.first_combination[best] + entry, first + entry)
    call(n, ready, slot)
