"""The compiled engine: the event loop over flat arrays, made to be fast.

It gives the same log as `reference`, which is the one to read first; here the same steps are spelled out with
arrays. `advance` runs until the horizon or until an array is full, leaves its scalars in `state.n` and says why it
returned; Python enlarges that array and calls again. So compiled code never allocates, which lets reference
counting be switched off (a factor of three), and Ctrl-C and progress get their turn between calls.
"""

from __future__ import annotations

from salessim.demand import attributes, case_key, cumulate, finds_customer, mix_at, next_arrival
from salessim.durations import ticks as whole_ticks
from salessim.engines.further import come_twice, decide_and_do, end_branch, give_places, leave_for_a_while, release_batch, spawn
from salessim.engines.machine import (
    AGENDA,
    AREA,
    ASKING,
    BORN,
    CASE_ROWS,
    CASES,
    CHANNEL,
    COMBINATION,
    COST,
    CREW,
    CURRENT,
    CUSTOMER,
    DELIVERED_AT,
    EDGE,
    ENABLED,
    ENTER,
    EVERYWHERE,
    FULL,
    HELD,
    KEEP_CASES,
    KEEP_LOG,
    LEAD,
    MARKET,
    NOW,
    NOWHERE,
    NUMBER,
    ORDER,
    ORDERS,
    PARENT,
    PERSON,
    PHASE,
    QUEUE,
    READY_COUNT,
    READY_HEAD,
    REPLICATION,
    RESPONDED,
    ROWS,
    SEED,
    SEGMENT,
    SKIPPED,
    SLOTS_FREE,
    STALLED,
    STARTED,
    STEP,
    TAKEN,
    TOKEN,
    TOKENS,
    VALUE,
    WAITED,
    WON_AT,
    State,
    allot,
    close_gap,
    end_waiting,
    free_slot,
    give,
    grant,
    hand_over,
    join,
    leaves,
    own_pace,
    present,
    put,
    put_first,
    settle,
    take_first,
    turn,
    waiting_at,
)  # fmt: skip
from salessim.engines.outcome import (
    ASKED,
    BUSY,
    ENTERED,
    FINISHED_VISITS,
    OVERTIME,
    PRESENT_AREA,
    QUIT,
    VISIT_COLUMNS,
)  # fmt: skip
from salessim.hours import finish, worked
from salessim.jit import compiled, natural, spliced
from salessim.network import DELIVERED, RESPONSE, WON, Model
from salessim.order import (
    ARRIVED,
    BY_FORMULA,
    CLASS_BITS,
    CLASS_MASK,
    FINISHED,
    GAVE_UP,
    HIGHEST_VALUE,
    LONGEST_IN_PROCESS,
    MOST_BRANCHES,
    MOST_STALLED,
    NEWEST_FIRST,
    OLDEST,
    RANK_BITS,
    RETURNED,
    SHIFT,
    SPAWNED,
)  # fmt: skip
from salessim.records import NEVER
from salessim.stages import attributes as marks
from salessim.stages import decide
from salessim.stages.formulas import evaluate, rank_of
from salessim.stages.verbs import (
    ASK,
    ATTEMPTED,
    DONE,
    EXIT,
    FORK,
    FREE,
    GATHER,
    JOIN,
    LEAVE,
    MOVE,
    SPAWN,
    START,
    WAIT,
    WORK,
    ended_early,
)  # fmt: skip
from salessim.streams import Purpose, block

_VISIT = int(Purpose.VISIT)

# Why `advance` came back.
HORIZON, AGENDA_FULL, SLOTS_FULL, QUEUE_FULL, LOG_FULL, CASES_FULL, STALLED_CASE, BREATH, BRANCHES = range(9)

BREATH_STEPS = 2_000_000
"""Verbs between two returns to Python, where Ctrl-C and progress get their turn (some 0.1 s)."""


# --- cases -----------------------------------------------------------------------------------------------------


@spliced
def enter(model: Model, state: State, slot, step):
    """A visit begins: its random words, its place in the tallies."""
    case, n = state.case, state.n
    case[slot, PHASE] = START
    case[slot, ENABLED] = n[NOW]
    case[slot, STARTED] = -1
    case[slot, WAITED] = 0
    case[slot, CREW] = 0
    case[slot, SKIPPED] = 0
    words = state.words
    words[slot, 1], words[slot, 2], words[slot, 3], words[slot, 4] = block(
        n[SEED], n[REPLICATION], words[slot, 0], model.rules.steps.key[step], state.visits[slot, step], _VISIT
    )
    if n[NOW] >= model.warm_up:
        state.tally[step, ENTERED] += 1.0


@spliced
def bear(model: Model, state: State, slot):
    """A case arrives: it gets its number and goes to its first step."""
    n, case = state.n, state.case
    case[slot, NUMBER] = n[CASES]
    case[slot, BORN] = n[NOW]
    if case[slot, CUSTOMER] < 0:
        case[slot, CUSTOMER] = n[CASES]
        if case[slot, MARKET] >= 0:
            state.taken[case[slot, MARKET]] += 1
    n[CASES] += 1
    case[slot, TOKEN] = n[TOKENS]
    n[TOKENS] += 1
    case[slot, PHASE] = ENTER
    n[CURRENT] = slot


@spliced
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
        put_first(n, state.agenda, time, (ARRIVED << RANK_BITS) | s, s)


@spliced
def end_visit(model: Model, state: State, slot, step, goal, regular):
    """Write down a visit that ended; one that was broken off marks no success."""
    n, case, now = state.n, state.case, state.n[NOW]
    enabled = case[slot, ENABLED]
    began = case[slot, STARTED] != NEVER
    if now >= model.warm_up:
        if began:
            state.tally[step, FINISHED_VISITS] += 1.0
        state.tally[step, PRESENT_AREA] += float(now - max(enabled, model.warm_up))
    if began:
        state.worth[slot, COST] += model.flow.cost[step]
        if regular and (goal >= DONE or goal == JOIN):  # a visit that ends in a loss marks no success
            if model.flow.milestone[step] == WON and case[slot, WON_AT] == NEVER:
                case[slot, WON_AT] = now
            if model.flow.milestone[step] == DELIVERED and case[slot, DELIVERED_AT] == NEVER:
                case[slot, DELIVERED_AT] = now
    if n[KEEP_LOG] != 0 and case[slot, SKIPPED] == 0:
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


@spliced
def end_case(model: Model, state: State, slot, goal):
    """Write down a case that left, and free its slot."""
    n, case = state.n, state.case
    if case[slot, MARKET] >= 0 and goal < DONE:
        leave_for_a_while(model.sources, model.rules.laws, n, state.agenda, case, state.words[slot, 0], model.horizon, slot)
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
        width = state.case_money.shape[1] - 2
        for a in range(width):
            state.case_money[row, 2 + a] = state.marks[2 * width * slot + a]
    free_slot(state, slot)


# --- verbs -----------------------------------------------------------------------------------------------------


@spliced
def queue_key(model: Model, state: State, slot, step, order):
    case, needs = state.case, model.needs
    discipline = needs.discipline[step]
    rank = 0
    if discipline == NEWEST_FIRST:
        rank = CLASS_MASK - order
    elif discipline == HIGHEST_VALUE:
        rank = (CLASS_MASK >> 1) - int(state.worth[slot, VALUE] * 100.0 + 0.5)
    elif discipline == LONGEST_IN_PROCESS:
        rank = OLDEST + case[slot, BORN]
    elif discipline == BY_FORMULA:
        rank = rank_of(evaluate(model.formulas, model.rare.serve_first[step], state.facts))
    return (needs.rank[step * model.rules.steps.segments + case[slot, SEGMENT]] << CLASS_BITS) | rank


@spliced
def turn_away(model: Model, state: State, slot, step):
    """Too many wait already: the case gives up at once."""
    state.case[slot, ORDER] = 0
    state.case[slot, PHASE] += 1
    end_waiting(state.n, state.case, state.tally, model.warm_up, slot, step, QUIT)


@spliced
def ask(model: Model, state: State, slot, step, patience):
    """Ask for people; true if the case goes on at once, or may do so after the next pass over its area."""
    n, case, queues, staff = state.n, state.case, state.queues, state.staff
    needs, people = model.needs, model.people
    if n[NOW] >= model.warm_up:
        state.tally[step, ASKED] += 1.0
    n[ORDERS] += 1
    order = n[ORDERS]
    area = needs.area[step]
    linked = needs.linked[natural(area)] != 0
    if not linked:
        if queues.waiting[step] == 0:
            role = natural(needs.first_role[step])
            first = natural(needs.first_entry[role])
            for entry in range(needs.last_entry[role] - first):
                if present(people, staff, natural(needs.team[first + entry])) > 0:
                    staff.pick[0] = entry
                    grant(needs, people, staff, n, case, state.held, state.since, state.tally, model.warm_up, slot, step)
                    return True
        if 0 <= needs.room[step] <= queues.waiting[step]:
            turn_away(model, state, slot, step)
            return True
    case[slot, ORDER] = order
    queue = case[slot, QUEUE] if linked and needs.desk[step] >= 0 else step
    join(state.queues, queue, queue_key(model, state, slot, step, order), order, slot)
    if linked:
        n[AREA], n[ASKING] = area, slot
    if patience >= 0 and n[NOW] + patience < model.horizon:
        put(n, state.agenda, n[NOW] + patience, (GAVE_UP << RANK_BITS) | case[slot, TOKEN], (order << 22) | slot)
    return linked


@spliced
def begin_work(model: Model, state: State, slot, step, ticks):
    """Keep the granted people busy; the end is known at once, from the calendar they share."""
    n, case, now, people, hours, needs = state.n, state.case, state.n[NOW], model.people, model.hours, model.needs
    factor = needs.factor[natural(case[slot, LEAD])]
    time = ticks if factor == 1.0 else whole_ticks(ticks * abs(factor))
    if factor < 0.0:
        time = whole_ticks(own_pace(people, state.staff, model.paces, state.queues, case[slot, PERSON], now, float(time)))
    end = finish(hours, needs.calendar[natural(case[slot, COMBINATION])], now, time)
    case[slot, STARTED] = now
    if case[slot, RESPONDED] == NEVER and (model.flow.any_response == 0 or model.flow.milestone[step] == RESPONSE) and case[slot, PHASE] != ATTEMPTED:
        case[slot, RESPONDED] = now
    since, until = max(now, model.warm_up), min(end, model.horizon)
    for r in range(case[slot, HELD]):
        team = natural(people.team_of[natural(case[slot, PERSON + r])])
        calendar = natural(people.calendar[team])
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
        put_first(n, state.agenda, end, (FINISHED << RANK_BITS) | case[slot, TOKEN], slot)


@spliced
def busy_between(model: Model, combination, since, until):
    calendar = model.needs.calendar[combination]
    return worked(model.hours, calendar, until) - worked(model.hours, calendar, since)


@spliced
def free_people(model: Model, state: State, slot, step):
    n, case, staff, people, needs = state.n, state.case, state.staff, model.people, model.needs
    area = needs.area[step]
    if needs.linked[natural(area)] != 0:
        for r in range(case[slot, HELD]):
            give(people, staff, n, case[slot, PERSON + r])
        n[AREA] = area
    else:
        person = natural(case[slot, PERSON])
        team = natural(people.team_of[person])
        if people.changing[team] == 0 or not leaves(people, staff, n, person, team):
            hand_over(needs, people, staff, state.queues, n, case, state.ready, state.tally, model.warm_up, person, team)
    case[slot, HELD] = 0


@spliced
def arrive(model: Model, state: State, s):
    """The next case of a channel, unless it finds nobody new in its market."""
    n, case, sources, source = state.n, state.case, model.sources, state.source
    identity = case_key(sources, s, source[s, 0], source[s, 2])
    segment, value = attributes(
        model.segments, model.rules.laws, sources.mix, mix_at(sources, s, n[NOW]) * model.segments.size, -1,
        n[SEED], n[REPLICATION], identity,
    )  # fmt: skip
    market = sources.market[s]
    if market >= 0:
        if model.segments.customer[segment] == 0:
            market = NEVER
        elif not finds_customer(sources.market_size[market], state.taken[market], n[SEED], n[REPLICATION], identity):
            return
    newcomer = allot(state, identity, sources.goal[s], s, segment, -1, value, sources.cost[s])
    case[newcomer, MARKET] = market
    width = model.formulas.attributes
    if width > 0:
        parent = -1 - newcomer  # nobody; not written as a number, which would be a type of its own
        marks.start(
            model.rules.laws, model.rare, model.formulas, model.rules.steps.segments, segment, s, value,
            (n[SEED], n[REPLICATION], identity), state.facts, state.marks, 2 * width * newcomer, state.marks, parent,
        )  # fmt: skip
    bear(model, state, newcomer)
    if sources.copy[s] >= 0:
        come_twice(model, state, s, newcomer)


@compiled
def come_again(model: Model, state: State, slot):
    """A case that another brought sets out, unless it is to be a new customer and the market has none."""
    n, market = state.n, state.case[slot, MARKET]
    if state.case[slot, CUSTOMER] < 0 and market >= 0 and not finds_customer(
        model.sources.market_size[market], state.taken[market], n[SEED], n[REPLICATION], state.words[slot, 0]
    ):
        free_slot(state, slot)
        return
    bear(model, state, slot)


@spliced
def next_event(model: Model, state: State):
    """Take the next event off the agenda; false at the horizon.

    It is called when the at-once list is empty, so the case it wakes need not go through the list.
    """
    n, case, agenda = state.n, state.case, state.agenda
    if n[TAKEN] != 0:
        close_gap(n, agenda)
    if n[AGENDA] == 0 or agenda[0, 0] >= model.horizon:
        return False
    time, key, what = agenda[0, 0], agenda[1, 0], agenda[2, 0]
    rank = key >> RANK_BITS
    n[NOW] = time
    if rank == ARRIVED and what < SPAWNED:
        s, source = what, state.source
        arrive(model, state, s)
        source[s, 2] += 1
        if source[s, 2] >= source[s, 3]:
            take_first(n, agenda)
            source[s, 0] += 1
            plan_arrival(model, state, s)
        return True
    take_first(n, agenda)
    if rank == FINISHED:
        n[CURRENT] = what
    elif rank == GAVE_UP:
        slot = natural(what & ((1 << 22) - 1))
        if case[slot, ORDER] == what >> 22:
            step = case[slot, STEP]
            if model.rare.batch[step] > 0:
                release_batch(state.queues, n, case, state.ready, state.tally, model.warm_up, step)
                return True
            case[slot, ORDER] = 0
            case[slot, PHASE] += 1
            area, queue = model.needs.area[step], step
            if model.needs.linked[area] != 0:
                n[AREA] = area
                if model.needs.desk[step] >= 0:
                    queue = case[slot, QUEUE]
            state.queues.waiting[queue] -= 1
            end_waiting(n, case, state.tally, model.warm_up, slot, step, QUIT)
            n[CURRENT] = slot
    elif rank == SHIFT:
        shifts = model.shifts
        i = n[EDGE]
        while i < shifts.time.shape[0] and shifts.time[i] == time:
            if shifts.calendar[i] >= 0:
                state.staff.duty[shifts.calendar[i]] = shifts.opens[i]
            else:
                turn(model.people, state.staff, shifts, i, time)
            i += 1
        n[EDGE] = i
        if i < shifts.time.shape[0]:
            put(n, state.agenda, shifts.time[i], SHIFT << RANK_BITS, 0)
        n[AREA] = EVERYWHERE
    elif rank == RETURNED:
        state.taken[what] -= 1
    else:
        come_again(model, state, what - SPAWNED)
    return True


@compiled
def advance(model: Model, state: State):
    """Run until the horizon, or until an array is full: the reason is returned and the run can be resumed."""
    n, case, words = state.n, state.case, state.words
    rules = model.rules
    agenda_room, log_room = state.agenda.shape[1] - 6, state.log_time.shape[0]
    case_room = state.case_time.shape[0]
    breath, look = 0, True
    if n[NOW] < 0:
        n[NOW] = 0
        cumulate(model.sources, rules.laws, n[SEED], n[REPLICATION], state.cumulative, state.factor)
        for s in range(model.sources.key.shape[0]):
            state.source[s, 1] = model.sources.first_slot[s]
            plan_arrival(model, state, s)
        if model.shifts.time.shape[0] > 0:
            put(n, state.agenda, model.shifts.time[0], SHIFT << RANK_BITS, 0)
    while True:
        if n[AREA] != NOWHERE:
            settle(model.needs, model.people, state.staff, state.queues, n, case, state.held, state.since, state.ready, state.tally, model.warm_up)
            n[AREA] = NOWHERE
            if n[ASKING] >= 0:
                asking = n[ASKING]
                if case[asking, ORDER] != 0:
                    wish = case[asking, STEP]
                    if 0 <= model.needs.room[wish] < waiting_at(model.needs, state.queues, wish):
                        state.queues.waiting[case[asking, QUEUE] if model.needs.desk[wish] >= 0 else wish] -= 1
                        turn_away(model, state, asking, wish)
                    else:
                        n[CURRENT] = -1  # it waits
                n[ASKING] = -1
        slot = n[CURRENT]
        if slot < 0 or look:
            # Room for what the verbs up to the next look can add: one visit, one spawned case, a few events (and the gap of one taken).
            look = False
            if n[AGENDA] > agenda_room:
                return AGENDA_FULL
            if n[SLOTS_FREE] < 2:  # an arrival may bring its own copy
                return SLOTS_FULL
            if n[ROWS] >= log_room:  # rows that are not kept are not counted
                return LOG_FULL
            if n[CASE_ROWS] >= case_room:
                return CASES_FULL
            breath += 1
            if breath > BREATH_STEPS:
                return BREATH
        if slot < 0:
            if n[READY_COUNT] == 0:
                if not next_event(model, state):
                    return HORIZON
                continue
            slot = state.ready[natural(n[READY_HEAD])]
            n[READY_HEAD] = n[READY_HEAD] + 1 if n[READY_HEAD] + 1 < state.ready.shape[0] else 0
            n[READY_COUNT] -= 1
            n[CURRENT] = slot
        slot = natural(slot)
        step, phase = natural(case[slot, STEP]), case[slot, PHASE]
        if phase == ENTER:
            enter(model, state, slot, step)
            phase = START
        row = step
        if rules.steps.full[step] == 0:
            verb, number, after = decide(
                rules, phase, step, natural(case[slot, SEGMENT]), state.visits[slot, step], case[slot, WAITED],
                n[NOW] - case[slot, BORN], (n[SEED], n[REPLICATION], words[slot, 0]),
                (words[slot, 1], words[slot, 2], words[slot, 3], words[slot, 4]),
            )  # fmt: skip
        else:
            verb, number, after, row = decide_and_do(model, state, slot, step, phase)
        if verb == ASK:
            if state.queues.size[step] >= state.queues.room[step]:
                n[FULL] = step
                return QUEUE_FULL
            case[slot, PHASE] = after
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
            if case[slot, RESPONDED] == NEVER and model.flow.milestone[step] == RESPONSE:
                case[slot, RESPONDED] = n[NOW]
            end = finish(model.hours, model.flow.calendar[step], n[NOW], number)
            if end < model.horizon:
                put(n, state.agenda, end, (FINISHED << RANK_BITS) | case[slot, TOKEN], slot)
            n[CURRENT] = -1
        elif verb == SPAWN:
            if n[SLOTS_FREE] == 0:  # a skipped visit of a case that has just come takes no look before
                return SLOTS_FULL
            look = True
            case[slot, PHASE] = after
            if number == 0 and case[slot, STALLED] >= MOST_STALLED and case[slot, ENABLED] == n[NOW]:
                n[FULL] = step
                return STALLED_CASE
            spawn(model, state, slot, rules.steps.first_spawn[row] + after - LEAVE - 1, number)
        elif MOVE <= verb <= EXIT:
            regular = not ended_early(phase)
            end_visit(model, state, slot, step, number, regular)
            if state.held.shape[1] > 0:
                give_places(
                    model.places, model.people, state.staff, n, state.held, state.since, state.team_tally, model.warm_up, slot, step,
                    verb == EXIT, regular,
                )  # fmt: skip
            if verb == MOVE:
                look = True
                case[slot, STALLED] = case[slot, STALLED] + 1 if case[slot, ENABLED] == n[NOW] else 0
                if case[slot, STALLED] > MOST_STALLED:
                    n[FULL] = step
                    return STALLED_CASE
                case[slot, STEP] = number
                case[slot, PHASE] = ENTER
            else:
                n[CURRENT] = -1
                if case[slot, PARENT] >= 0:
                    end_branch(n, case, state.worth, state.marks, state.ready, state.free, slot, number)
                else:
                    end_case(model, state, slot, number)
        elif verb == GATHER:
            return QUEUE_FULL
        elif verb == FORK:
            n[FULL] = step
            return SLOTS_FULL if number < MOST_BRANCHES else BRANCHES
        else:
            n[CURRENT] = -1  # it waits
