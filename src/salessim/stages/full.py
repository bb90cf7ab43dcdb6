"""Every mechanism of a step together: what decides where a step uses more than the plain ones.

`stages.decide` is the short form for steps that only queue, work or wait and then go on by shares; both give the same
answers where both apply, which a test holds.
"""

from __future__ import annotations

from salessim.durations import sample, ticks
from salessim.hours import Hours, worked
from salessim.jit import called, spliced
from salessim.order import MOST_BRANCHES
from salessim.stages.competing import first_end, own_time, reminded
from salessim.stages.formulas import BRANCH_LOST, DEPTH, Formulas, evaluate
from salessim.stages.onward import kept
from salessim.stages.tables import Rare, Routes, Rules, Steps
from salessim.stages.verbs import (
    ASK,
    ATTEMPTED,
    BEGIN,
    BROKEN,
    EXIT,
    FORK,
    FREE,
    GATHER,
    GATHERED,
    GAVE_UP_WAITING,
    JOINED,
    LEAVE,
    MOVE,
    PAUSE,
    POSTED,
    RELEASE,
    SET,
    SETTING,
    SILENT,
    SKIP,
    SPAWN,
    START,
    WAIT,
    WORK,
)
from salessim.streams import Purpose, block, uniform

_SPAWN, _ADHERENCE, _VERSION = int(Purpose.SPAWN), int(Purpose.ADHERENCE), int(Purpose.VERSION)


@spliced
def row_of(rare: Rare, step: int, enabled: int, who) -> int:
    """The version of a step that a case meets whose visit began at a time: the last one that applies, or the step itself."""
    row = step
    for v in range(rare.first_version[step], rare.last_version[step]):
        if enabled >= rare.version_since[v]:
            share = rare.version_share[v]
            if share >= 1.0 or uniform(block(who[0], who[1], who[2], rare.version_key[v], 0, _VERSION)[0]) < share:
                row = rare.version_row[v]
    return row


@spliced
def decide_fully(rules: Rules, rare: Rare, formulas: Formulas, hours: Hours, phase, row, segment, visit, waited, age, now, who, words, facts):
    """As `stages.decide`, for any row; formulas look at `facts`, which the engine has brought up to date."""
    steps = rules.steps
    cell = row * steps.segments + segment
    alone = steps.staffed[row] == 0
    if phase == START:
        silent = False
        if rare.adherence[cell] < 1.0 or rare.silent[row] > 0.0:
            drawn = block(who[0], who[1], who[2], steps.key[row], visit, _ADHERENCE)
            if uniform(drawn[0]) >= rare.adherence[cell]:
                return SKIP, 0, LEAVE + steps.last_spawn[row] - steps.first_spawn[row]  # what did not take place brings nothing
            silent = uniform(drawn[1]) < rare.silent[row]
        if not alone and steps.automated[row] > 0.0 and uniform(words[3]) < steps.automated[row]:
            return WAIT, ticks(sample(rules.laws, steps.automated_time[cell], words[0])), SETTING
        if rare.asks[row] == 1:
            if steps.patience[cell] < 0:
                return ASK, -1, BEGIN
            if silent:
                return ASK, -1, SILENT
            return ASK, ticks(sample(rules.laws, steps.patience[cell], words[2])), BEGIN
        phase = BEGIN
    if phase == BEGIN and alone:
        if rare.last_branch[row] > rare.first_branch[row]:
            count = rare.last_branch[row] - rare.first_branch[row]
            if rare.count[row] >= 0:
                count = int(min(evaluate(formulas, rare.count[row], facts), float(MOST_BRANCHES)))
                if count < 1:
                    return WAIT, 0, SETTING  # nothing to do in parallel
            return FORK, count, JOINED
        if rare.batch[row] > 0:
            return GATHER, 0, GATHERED
        if rare.last_post[row] > rare.first_post[row]:
            return PAUSE, next_post(rare.post, rare.first_post[row], rare.last_post[row], now) - now, POSTED
        phase = POSTED
    if phase in (GATHERED, POSTED):
        time = own_time(rules.laws, formulas, steps.time[cell], rare.factor[row], words[0], facts)
        if rare.at_least[row] >= 0:
            time = max(rare.at_least[row], time - worked(hours, rare.counts_on[row], now) + worked(hours, rare.counts_on[row], now - age))
        time, end = first_end(rules.laws, rare, row, visit, who, reminded(rare.remind_every[row], rare.remind_factor[row], rare.remind_most[row], time))
        return WAIT, time, (SETTING if end < 0 else BROKEN - end)
    if phase in (BEGIN, SILENT):
        if phase == SILENT and waited > ticks(sample(rules.laws, steps.patience[cell], words[2])):
            return WORK, ticks(sample(rules.laws, rare.attempt[row], words[0])), ATTEMPTED
        return WORK, own_time(rules.laws, formulas, steps.time[cell], rare.factor[row], words[0], facts), RELEASE
    if phase == RELEASE:
        return FREE, 0, SETTING
    if phase == ATTEMPTED:
        return FREE, 0, GAVE_UP_WAITING
    if phase < SETTING and phase != JOINED:  # broken off, or nobody waits any more
        goal = steps.gives_up[row] if phase >= START else rare.end_goal[rare.first_end[row] + BROKEN - phase]
        return (MOVE if goal >= 0 else EXIT), goal, START
    if phase == JOINED and facts[BRANCH_LOST] != 0.0:
        return EXIT, int(facts[BRANCH_LOST]), START
    if phase < LEAVE:
        if rare.last_effect[row] > rare.first_effect[row]:
            return SET, 0, LEAVE
        phase = LEAVE
    return leave_fully(rules, rare, formulas, phase, row, segment, visit, waited, age, who, words, facts)


@called
def next_post(post, first: int, last: int, now: int) -> int:
    """The first of the sorted times post[first:last] that is not before now; the last one is never."""
    low, high = first, last - 1
    while low < high:
        middle = (low + high) >> 1
        if post[middle] < now:
            low = middle + 1
        else:
            high = middle
    return post[low]


@spliced
def leave_fully(rules: Rules, rare: Rare, formulas: Formulas, phase, row, segment, visit, waited, age, who, words, facts):
    """The new cases and the way on, where either may depend on formulas; see `onward.leave`."""
    steps, spawns = rules.steps, rules.spawns
    first = steps.first_spawn[row]
    for spawn in range(first + phase - LEAVE, steps.last_spawn[row]):
        share = spawns.share[spawn * steps.segments + segment]
        if rare.spawn_when[spawn] >= 0 and evaluate(formulas, rare.spawn_when[spawn], facts) == 0.0:
            share = 0.0
        if share > 0.0 and rare.spawn_factor[spawn] >= 0:
            share *= evaluate(formulas, rare.spawn_factor[spawn], facts)
        if share > 0.0:
            drawn = block(who[0], who[1], who[2], spawns.key[spawn], visit, _SPAWN)
            if uniform(drawn[0]) < share:
                return SPAWN, ticks(sample(rules.laws, spawns.delay[spawn], drawn[1])), LEAVE + spawn - first + 1
    goal = conditional_route(rules.routes, steps, rare, formulas, row, segment, visit, waited, age, uniform(words[1]), facts)
    return (MOVE if goal >= 0 else EXIT), goal, START


@spliced
def conditional_route(routes: Routes, steps: Steps, rare: Rare, formulas: Formulas, row, segment, visit, waited, age, u, facts) -> int:
    """The goal that the uniform picks; what closed, fading and conditional routes do not take falls to the rest.

    An open route that has a condition and no share takes all; several share them equally. Each other route keeps its
    place on the line from 0 to 1, so that a route that closes leaves the cases of the others where they were. Where
    that line is too short the open routes follow each other, in proportion if they exceed 1.
    """
    first, last, shares = steps.first_route[row], steps.last_route[row], formulas.stack + DEPTH
    places, total, whole = 0.0, 0.0, 0
    for r in range(first, last):
        place, share = 0.0, 0.0
        if routes.rest[r] == 0:
            place = routes.share[r * steps.segments + segment]
            closed = routes.limit[r] >= 0 and visit >= routes.limit[r]
            if not closed and (rare.route_when[r] < 0 or evaluate(formulas, rare.route_when[r], facts) != 0.0):
                share = place
                if rare.route_factor[r] >= 0:
                    share = max(0.0, share * evaluate(formulas, rare.route_factor[r], facts))
                if routes.fade[r] > 0:
                    share *= kept(routes, r, waited, age)
                whole += rare.route_whole[r]
        facts[shares + r - first] = share
        places += max(place, share)
        total += share
    if whole > 0:
        mark = u * whole
        for r in range(first, last):
            if rare.route_whole[r] == 1 and facts[shares + r - first] > 0.0:
                if mark < 1.0 or whole == 1:
                    return routes.goal[r]
                mark -= 1.0
                whole -= 1
    goal = routes.goal[last - 1]
    if routes.rest[last - 1] == 1 and places <= 1.0:
        mark = u
        for r in range(first, last):
            share = facts[shares + r - first]
            place = max(share, routes.share[r * steps.segments + segment]) if routes.rest[r] == 0 else 0.0
            if mark < place:
                return routes.goal[r] if mark < share else goal
            mark -= place
        return goal
    full = total > 1.0 or routes.rest[last - 1] == 0
    mark = u * total if full else u
    for r in range(first, last):
        share = facts[shares + r - first]
        if share > 0.0:
            if mark < share:
                return routes.goal[r]
            mark -= share
            if full:
                goal = routes.goal[r]  # rounding may leave `mark` at the upper end: the last open route
    return goal
