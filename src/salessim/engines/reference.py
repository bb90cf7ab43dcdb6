"""The reference engine: SimPy, written to be read.

Each case is a SimPy process that asks its rule what comes next and does it. People are queues of the idle; queues
are heaps; `settle` hands people to the waiting. `compiled` must give the same log, row for row.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from salessim.demand import attributes, case_key, copy_after, cumulate, finds_customer, mix_at, next_arrival, returns_after
from salessim.durations import ticks as whole_ticks
from salessim.engines.outcome import (
    ASKED,
    BEGUN,
    BUSY,
    ENTERED,
    FINISHED_VISITS,
    OVERTIME,
    PRESENT_AREA,
    QUEUE_AREA,
    QUIT,
    STEP_TALLIES,
    STILL_OPEN,
    TEAM_TALLIES,
    VISIT_COLUMNS,
    WAITED_SUM,
    Raw,
    cut_off,
    still_held,
)
from salessim.errors import LimitReached
from salessim.hours import FOREVER, finish, worked
from salessim.jit import interpreted
from salessim.network import DELIVERED, RESPONSE, WON, Network
from salessim.order import (
    ARRIVED,
    AWAY,
    BY_FORMULA,
    CLASS_BITS,
    CLASS_MASK,
    FINISHED,
    GAVE_UP,
    HIGHEST_VALUE,
    LONGEST_IN_PROCESS,
    MOST_BRANCHES,
    MOST_OPEN,
    MOST_STALLED,
    NEWCOMER,
    NEWEST_FIRST,
    OLDEST,
    RANK_BITS,
    RETURNED,
    SHIFT,
    SPAWNED,
)
from salessim.pace import paced
from salessim.rare import facts_size
from salessim.records import NEVER
from salessim.resume import GATHERING, TIMED, WORKING, Resumed, queue_key, resumed
from salessim.staff import drawn, experience, no_roster
from salessim.stages import attributes as marks
from salessim.stages import decide, decide_fully, row_of
from salessim.stages.formulas import COMMON, evaluate, rank_of
from salessim.stages.verbs import (
    ASK,
    ATTEMPTED,
    BEGIN,
    DONE,
    EXIT,
    FORK,
    FREE,
    GATHER,
    JOIN,
    LEAVE,
    PAUSE,
    SET,
    SKIP,
    SPAWN,
    START,
    WAIT,
    WORK,
    ended_early,
)
from salessim.streams import Purpose, block, child_key

_decide, _finish, _worked = interpreted(decide), interpreted(finish), interpreted(worked)
_mix_at, _finds_customer = interpreted(mix_at), interpreted(finds_customer)
_copy_after, _returns_after = interpreted(copy_after), interpreted(returns_after)
_next_arrival, _attributes, _case_key = interpreted(next_arrival), interpreted(attributes), interpreted(case_key)
_cumulate = interpreted(cumulate)
_paced = interpreted(paced)
_decide_fully, _row_of, _evaluate = interpreted(decide_fully), interpreted(row_of), interpreted(evaluate)
_look, _start = interpreted(marks.look), interpreted(marks.start)
_change, _hand_down = interpreted(marks.change), interpreted(marks.hand_down)
_ended_early = interpreted(ended_early)
_VISIT = int(Purpose.VISIT)
_URGENT = 0
"""SimPy's priority for what happens at once; agenda events come after it."""


class Case:
    """One journey through the process, or a branch of one."""

    __slots__ = ("before", "born", "branch", "channel", "cost", "crew", "customer", "delivered", "enabled", "held", "key", "lost_by",
                 "market", "marks", "number", "order", "pace", "parent", "pending", "queue", "responded", "segment", "skipped", "stalled", "started",
                 "step", "token", "value", "visits", "waited", "wake", "won")  # fmt: skip

    def __init__(self, key: int, step: int, channel: int, segment: int, customer: int, value: float, cost: float) -> None:
        self.key, self.step, self.channel, self.segment, self.customer = key, step, channel, segment, customer
        self.value, self.cost = value, cost
        self.number = self.born = self.responded = self.won = self.delivered = self.enabled = self.started = NEVER
        self.order = self.waited = self.stalled = self.pending = self.lost_by = 0
        self.token = self.branch = self.market = self.queue = NEVER
        self.skipped = False
        self.parent: Case | None = None
        self.marks: list[float] = []
        self.before: list[float] = []
        self.held: dict[int, tuple[int, int]] = {}
        self.pace: tuple[float, int] = (1.0, 0)
        self.crew: tuple[int, ...] = ()
        self.visits: dict[int, int] = {}
        self.wake: simpy.Event | None = None


class Reference:
    """One run of a network."""

    def __init__(self, network: Network, seed: int, replication: int, log: bool) -> None:
        network = drawn(network, seed, replication)
        self.network, self.seed, self.replication, self.keep_log = network, seed, replication, log
        self.model = model = _as_lists(network.model)
        self.env = simpy.Environment(initial_time=0)
        people, needs = model.people, model.needs
        roster = network.roster or no_roster(network)
        self.out, self.joined, self.left, self.jobs = (x.tolist() for x in (roster.out, roster.joined, roster.left, experience(network)))
        self.spell = [NEVER] * len(self.out)
        self.dropped = [self.out[self.person(place)] for place in range(len(self.out))]
        self.idle = [
            deque(p for p in range(first, first + size) if not self.dropped[p]) for first, size in zip(people.first_person, people.size, strict=True)
        ]
        self.duty = network.duty_at_start.tolist()
        self.queues: list[list[tuple[int, int, Case]]] = [[] for _ in needs.step_of]
        self.waiting = [0] * len(self.queues)
        areas = [needs.area[step] for step in needs.step_of]
        self.in_area = [[q for q, a in enumerate(areas) if a == area] for area in range(len(needs.linked))]
        self.staffed = [q for q, a in enumerate(areas) if a >= 0]
        self.wanted = NEVER
        self.roles = [_roles(needs, s) for s in range(len(needs.area))]
        self.open: dict[int, Case] = {}
        self.taken = [0] * len(model.sources.market_size)
        self.orders = self.spawned = 0
        self.on_their_way: set[Case] = set()
        self.asking: Case | None = None
        self.tally = np.zeros((len(needs.area), STEP_TALLIES)).tolist()
        self.team_tally = np.zeros((len(people.size), TEAM_TALLIES)).tolist()
        self.visit_rows: list[tuple[int, ...]] = []
        self.case_rows: list[tuple[int, ...]] = []
        self.money_rows: list[tuple[float, ...]] = []
        self.born = self.tokens = 0
        self.facts = [0.0] * facts_size(network.model.formulas)
        self.width = network.model.formulas.attributes

    def run(self) -> Raw:
        """From time 0 to the horizon."""
        sources = self.model.sources
        self.cumulative, self.factor = [0.0] * len(sources.slot_start), [1.0] * len(sources.slot_start)
        _cumulate(self.network.model.sources, self.model.rules.laws, self.seed, self.replication, self.cumulative, self.factor)
        self.resume(resumed(self.network, self.seed, self.replication))
        for s in range(len(sources.key)):
            self.env.process(self.arrivals(s))
        self.env.process(self.shifts())
        self.env.run(until=self.model.horizon)
        return self.result()

    # --- time -------------------------------------------------------------------------------------------------

    def at(self, time: int, rank: int, number: int) -> simpy.Event:
        """An event on the agenda; SimPy breaks ties by our rank and number."""
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        self.env.schedule(event, 1 + (rank << RANK_BITS | number), time - self.env._now)
        return event

    def call(self, case: Case, answer: int) -> None:
        """Wake a case at once, after those called before."""
        event = case.wake
        assert event is not None
        event._ok, event._value = True, answer
        self.env.schedule(event, _URGENT)

    def shifts(self) -> Generator[simpy.Event, None, None]:
        """Calendars turn, then people go and come; all of one tick before anybody is dispatched."""
        times, calendars, opens, spells = self.model.shifts
        for i, time in enumerate(times):
            if i == 0 or time != times[i - 1]:
                yield self.at(time, SHIFT, 0)
            if calendars[i] >= 0:
                self.duty[calendars[i]] = opens[i]
            else:
                self.turn(-1 - calendars[i], opens[i], spells[i])
            if i + 1 == len(times) or times[i + 1] != time:
                self.settle(self.staffed)

    # --- cases come and go ------------------------------------------------------------------------------------

    def arrivals(self, s: int) -> Generator[simpy.Event, None, None]:
        """The cases of one channel, each at its time."""
        model, sources = self.model, self.model.sources
        reached, slot, serial = 0.0, sources.first_slot[s], 0
        while True:
            time, reached, slot, size = _next_arrival(
                sources, self.seed, self.replication, s, serial, reached, slot, self.cumulative, self.factor
            )
            if time >= model.horizon:
                return
            for member in range(size):
                yield self.at(time, ARRIVED, s)
                self.arrive(s, _case_key(sources, s, serial, member))
            serial += 1

    def arrive(self, s: int, key: int) -> None:
        """A case of a channel comes, unless it finds nobody new in its market; it may come again as another case."""
        model, sources, market = self.model, self.model.sources, self.model.sources.market[s]
        first = _mix_at(sources, s, self.env._now) * model.segments.size
        segment, value = _attributes(model.segments, model.rules.laws, sources.mix, first, -1, self.seed, self.replication, key)
        if market != NEVER and model.segments.customer[segment] and not self.finds_customer(market, key):
            return
        case = Case(key, sources.goal[s], s, segment, NEVER, value, sources.cost[s])
        case.market = market if model.segments.customer[segment] else NEVER
        if self.width:
            case.marks = [0.0] * self.width
            who = (self.seed, self.replication, key)
            _start(model.rules.laws, model.rare, model.formulas, model.segments.size, segment, s, value, who, self.facts, case.marks, 0, case.marks, -1)
        self.bear(case)
        if sources.copy[s] != NEVER:
            rules = model.rules
            delay = _copy_after(sources, rules.laws, rules.spawns, model.segments.size, s, segment, self.seed, self.replication, key)
            if delay < FOREVER:
                self.spawn(case, sources.copy[s], delay)

    def finds_customer(self, market: int, key: int) -> bool:
        """Whether somebody new is found in a market."""
        return bool(_finds_customer(self.model.sources.market_size[market], self.taken[market], self.seed, self.replication, key))

    def come_again(self, case: Case) -> None:
        """A case that another brought sets out, unless it is to be a new customer and the market has none."""
        self.on_their_way.remove(case)
        if case.customer == NEVER and case.market != NEVER and not self.finds_customer(case.market, case.key):
            return
        self.bear(case)

    def bear(self, case: Case) -> None:
        """A case arrives."""
        case.number, case.born = self.born, self.env._now
        if case.customer == NEVER:
            case.customer = case.number
            if case.market != NEVER:
                self.taken[case.market] += 1
        self.born += 1
        self.begin(case)

    def begin(self, case: Case) -> None:
        """A case or branch sets out."""
        case.token = self.tokens
        self.tokens += 1
        if len(self.open) + len(self.on_their_way) >= MOST_OPEN:
            raise too_many_open()
        self.open[case.token] = case
        self.env.process(self.journey(case))

    # --- cases that are in process when the run begins -----------------------------------------------------------

    def resume(self, found: list[Resumed]) -> None:
        """Put cases where they are: first all places and people, then the queues, by when they joined; then one pass."""
        if len(found) >= MOST_OPEN:
            raise too_many_open()
        cases = [self.again(case) for case in found]
        for case, as_it_was in zip(cases, found, strict=True):
            for limit, person in as_it_was.held:
                self.hold(case, limit, person)
        for i in sorted((i for i, r in enumerate(found) if r.does == WORKING), key=lambda i: found[i].started):
            if not self.at_work(cases[i], found[i]):
                found[i] = found[i]._replace(phase=BEGIN)
        for i in sorted((i for i, c in enumerate(cases) if c.wake is None), key=lambda i: found[i].enabled):
            self.wait_on(cases[i], found[i])
        for case, as_it_was in zip(cases, found, strict=True):
            self.env.process(self.journey(case, as_it_was))
        for step in sorted({r.step for r in found if r.does == GATHERING}):
            if self.waiting[step] >= self.model.rare.batch[step]:
                self.release_batch(step)
        self.settle(self.staffed)

    def again(self, found: Resumed) -> Case:
        """A case that came before the start."""
        case = Case(found.key, found.step, found.channel, found.segment, NEVER, found.value, found.cost)
        case.number = case.customer = case.token = self.born
        case.born, case.responded, case.won, case.delivered = found.born, found.responded, found.won, found.delivered
        case.enabled, case.started, case.visits, case.skipped = found.enabled, found.started, dict(found.visits), found.skipped
        case.marks, case.market = list(found.marks), found.market
        if found.market != NEVER:
            self.taken[found.market] += 1
        self.born += 1
        self.tokens += 1
        self.open[case.token] = case
        if found.does == TIMED:
            case.wake = self.at(found.until, FINISHED, case.token)
        return case

    def hold(self, case: Case, limit: int, person: int) -> None:
        """A case has a place of a limit; where places belong to persons, that of one or of who has fewest."""
        team = self.model.places.first_team + limit
        if self.idle[team]:  # none where people of that replication are away
            self.wanted = self.model.people.first_person[team] + person if person != NEVER else NEVER
            case.held[limit] = self.take(team), case.enabled
            self.wanted = NEVER

    def at_work(self, case: Case, found: Resumed) -> bool:
        """The people that the case had go on; false if they are away in this replication and it waits for others, from anew."""
        needs, step = self.model.needs, case.step
        teams = [self.roles[step][r][entry][0] for r, entry in enumerate(found.crew)]
        if any(len(self.idle[team]) < teams.count(team) for team in teams):
            case.started = NEVER
            for r in range(needs.first_role[step] + needs.people[step], needs.last_role[step]):
                place, _ = case.held.pop(needs.team[needs.first_entry[r]] - self.model.places.first_team, (NEVER, 0))
                if place != NEVER:
                    self.give(place)
            return False
        case.crew = tuple(self.take(team) for team in teams)
        combination = needs.first_combination[step]
        combination += sum(needs.stride[needs.first_role[step] + r] * entry for r, entry in enumerate(found.crew))
        case.pace = self.roles[step][0][found.crew[0]][1], needs.calendar[combination]
        left = found.left if case.pace[0] > 0.0 else whole_ticks(self.own_pace(case.crew[0], float(found.left)))
        case.wake = self.at(self.occupy(case, left), FINISHED, case.token)
        return True

    def wait_on(self, case: Case, found: Resumed) -> None:
        """A case stands in its queue, or in the batch of its step."""
        self.orders += 1
        case.order = order = self.orders
        case.queue = case.step if found.does == GATHERING else self.queue_of(case)
        key = 0 if found.does == GATHERING else queue_key(self.network, found, order)
        heapq.heappush(self.queues[case.queue], (key, order, case))
        self.waiting[case.queue] += 1
        case.wake = simpy.Event(self.env)
        if found.does == GATHERING:
            wait = self.model.rare.batch_wait[case.step]
            if self.waiting[case.step] == 1 and wait >= 0:
                timer = self.at(max(0, case.enabled + wait), GAVE_UP, case.token)
                timer.callbacks.append(lambda _: self.release_batch(case.step) if case.order == order else None)
        elif found.patience != NEVER:
            timer = self.at(case.enabled + found.patience, GAVE_UP, case.token)
            timer.callbacks.append(lambda _: self.give_up(case, order))

    # --- what cases do ------------------------------------------------------------------------------------------

    def spawn(self, parent: Case, which: int, delay: int) -> None:
        """A new case begins its own life after a delay."""
        model, spawns = self.model, self.model.rules.spawns
        number, arrival = self.spawned, self.env._now + delay
        self.spawned += 1
        passed = parent.held.pop(model.rare.passes[which], None)
        if arrival >= model.horizon:
            if passed is not None:
                team = model.places.first_team + model.rare.passes[which]
                self.team_tally[team][BUSY] += float(model.horizon - max(passed[1], model.warm_up))
            return
        key = child_key(parent.key, spawns.key[which], parent.visits.get(parent.step, 0))
        fixed = spawns.segment[which] if spawns.segment[which] >= 0 else parent.segment
        segment, value = _attributes(
            model.segments, model.rules.laws, model.sources.mix, 0, fixed, self.seed, self.replication, key
        )
        customer = NEVER if spawns.new_customer[which] else parent.customer
        copy = spawns.channel[which] < len(model.sources.key)  # a copy of an arrival is paid for again
        paid = model.sources.cost[spawns.channel[which]] if copy else 0.0
        child = Case(key, spawns.goal[which], spawns.channel[which], segment, customer, value, paid)
        child.market = parent.market if model.segments.customer[segment] else NEVER
        child.stalled = parent.stalled + 1 if delay == 0 and parent.enabled == self.env._now else 0
        if self.width:
            child.marks = [0.0] * self.width
            who = (self.seed, self.replication, key)
            _hand_down(model.rules.laws, model.rare, model.formulas, model.segments.size, which, segment, child.channel, value, who, self.facts, child.marks, 0, parent.marks, 0)
        if passed is not None:
            child.held[model.rare.passes[which]] = passed
        if copy and model.sources.copy_mark[child.channel] != NEVER:
            child.marks[model.sources.copy_mark[child.channel]] = 1.0
        self.on_their_way.add(child)
        self.at(arrival, ARRIVED, SPAWNED + number).callbacks.append(lambda _: self.come_again(child))

    def journey(self, case: Case, found: Resumed | None = None) -> Generator[simpy.Event, int, None]:
        """What a case lives through: visit after visit, verb after verb; from the middle of a visit if it was in process."""
        env, model, rules = self.env, self.model, self.model.rules
        keys, milestone, warm_up = rules.steps.key, model.flow.milestone, model.warm_up
        who = (self.seed, self.replication, case.key)
        while True:
            step, now = case.step, env._now
            visit = case.visits.get(step, 0)
            if found is not None:
                phase, words, found = found.phase, found.words, None
                phase += (yield case.wake) or 0
            else:
                words = block(self.seed, self.replication, case.key, keys[step], visit, _VISIT)
                case.enabled, case.started, case.waited, case.crew, case.skipped = now, NEVER, 0, (), False
                if now >= warm_up:
                    self.tally[step][ENTERED] += 1.0
                phase = START
            while True:
                before, row = phase, step
                if not rules.steps.full[step]:
                    verb, number, phase = _decide(
                        rules, phase, step, case.segment, visit, case.waited, env._now - case.born, who, words
                    )
                else:
                    verb, number, phase, row = self.look_and_decide(case, phase, visit, who, words)
                if verb == ASK:
                    answer = self.ask(case, number)  # 0: granted, 1: gave up, None: not yet known
                    phase += answer if answer is not None else (yield case.wake)
                elif verb == WORK:
                    yield self.at(self.begin_work(case, number, phase == ATTEMPTED), FINISHED, case.token)
                elif verb == FREE:
                    self.free(case)
                elif verb == WAIT:
                    case.started = env._now
                    if case.responded == NEVER and milestone[step] == RESPONSE:
                        case.responded = case.started
                    end = _finish(model.hours, model.flow.calendar[step], env._now, number)
                    yield self.at(end, FINISHED, case.token)
                elif verb == SPAWN:
                    if number == 0 and case.stalled >= MOST_STALLED and case.enabled == env._now:
                        raise stalled(self.network, step)
                    self.spawn(case, rules.steps.first_spawn[row] + phase - LEAVE - 1, number)
                elif verb == SET:
                    _change(model.rare, model.formulas, row, visit, who, self.facts, case.marks, 0)
                elif verb == SKIP:
                    case.skipped = True
                elif verb == PAUSE:
                    yield self.at(env._now + number, FINISHED, case.token)
                elif verb == GATHER:
                    yield self.gather(case)
                elif verb == FORK:
                    if number >= MOST_BRANCHES:
                        raise too_many_branches(self.network, step)
                    yield self.fork(case, row, number)
                else:
                    break
            regular = not _ended_early(before)
            self.end_visit(case, number, regular)
            freed = self.give_places(case, verb == EXIT, regular)
            if verb == EXIT:
                if case.parent is not None:
                    self.end_branch(case, case.parent, number)
                else:
                    self.give_back_to_market(case, number)
                    self.end_case(case, number)
                self.settle(freed)
                return
            self.settle(freed)
            case.stalled = case.stalled + 1 if case.enabled == env._now else 0
            if case.stalled > MOST_STALLED:
                raise stalled(self.network, step)
            case.step = number

    def look_and_decide(self, case: Case, phase: int, visit: int, who: Any, words: Any) -> tuple[int, int, int, int]:
        """(verb, number, next phase, row) of a step that uses more than the plain mechanisms."""
        model, now, facts = self.model, self.env._now, self.facts
        row = _row_of(model.rare, case.step, case.enabled, who)
        for limit in range(model.rare.limits):
            team = model.places.first_team + limit
            facts[COMMON + limit] = float(model.people.size[team] - len(self.idle[team]))
            if model.places.counted[limit]:
                place = self.place_of(case, limit)
                facts[COMMON + model.rare.limits + limit] = float(self.in_hand(self.person(place))) if place != NEVER else 0.0
        _look(
            model.rules.steps, model.formulas, model.hours, row, case.segment, case.channel, visit, case.waited, now - case.born, now - case.enabled,
            case.value, case.cost, self.waiting_at(case.step), case.branch, case.lost_by, words[3], now, case.marks, 0, facts,
        )  # fmt: skip
        verb, number, after = _decide_fully(
            model.rules, model.rare, model.formulas, model.hours, phase, row, case.segment, visit, case.waited, now - case.born, now, who, words, facts
        )
        return verb, number, after, row

    def fork(self, case: Case, row: int, count: int) -> simpy.Event:
        """A case splits; it wakes when all its branches have joined."""
        rules, now = self.model.rules, self.env._now
        case.started, case.pending, case.lost_by = now, count, 0
        first, last = self.model.rare.first_branch[row], self.model.rare.last_branch[row]
        for k in range(count):
            key = child_key(case.key, rules.steps.key[row], MOST_BRANCHES * case.visits.get(case.step, 0) + k)
            goal = self.model.rare.branch[first + k if last - first > 1 else first]
            branch = Case(key, goal, case.channel, case.segment, case.customer, case.value, 0.0)
            branch.number, branch.born, branch.responded, branch.won, branch.delivered = case.number, case.born, case.responded, case.won, case.delivered
            branch.parent, branch.branch, branch.market = case, k, case.market
            branch.stalled = case.stalled + 1 if case.enabled == now else 0
            branch.marks, branch.before = list(case.marks), list(case.marks)
            self.begin(branch)
        case.wake = simpy.Event(self.env)
        return case.wake

    def end_branch(self, branch: Case, case: Case, goal: int) -> None:
        """A branch ends: what it changed is added to the case, which goes on when it was the last."""
        self.add_branch(branch, case)
        if goal < DONE and goal != JOIN and case.lost_by == 0:
            case.lost_by = goal
        case.pending -= 1
        if case.pending == 0:
            self.call(case, 0)
        del self.open[branch.token]

    def add_branch(self, branch: Case, case: Case) -> None:
        """What a branch has changed and spent so far, and the earliest times of success, are the case's."""
        for a in range(self.width):
            case.marks[a] += branch.marks[a] - branch.before[a]
        case.cost += branch.cost
        case.responded = _earlier(case.responded, branch.responded)
        case.won = _earlier(case.won, branch.won)
        case.delivered = _earlier(case.delivered, branch.delivered)

    def gather(self, case: Case) -> simpy.Event:
        """A case joins the batch of its step."""
        step, rare = case.step, self.model.rare
        if self.env._now >= self.model.warm_up:
            self.tally[step][ASKED] += 1.0
        self.orders += 1
        case.order = order = self.orders
        heapq.heappush(self.queues[step], (0, order, case))
        self.waiting[step] += 1
        case.wake = simpy.Event(self.env)
        if self.waiting[step] >= rare.batch[step]:
            self.release_batch(step)
        elif self.waiting[step] == 1 and rare.batch_wait[step] >= 0:
            timer = self.at(self.env._now + rare.batch_wait[step], GAVE_UP, case.token)
            timer.callbacks.append(lambda _: self.release_batch(step) if case.order == order else None)
        return case.wake

    def release_batch(self, step: int) -> None:
        """The batch of a step is complete, or its time is over: all go on, first come first."""
        while self.waiting[step] > 0:
            case = heapq.heappop(self.queues[step])[2]
            self.waiting[step] -= 1
            case.order = 0
            self.end_waiting(case, BEGUN)
            self.call(case, 0)

    def give_places(self, case: Case, leaves: bool, regular: bool) -> list[int]:
        """Give back the places of limits that end with this step, or all of them when the case leaves; the queues that may move."""
        if not case.held:
            return []
        places, limits, now, areas = self.model.places, self.model.rare.limits, self.env._now, []
        for limit in sorted(case.held):
            if leaves or (regular and places.back[case.step * limits + limit]):
                place, since = case.held.pop(limit)
                team = places.first_team + limit
                self.give(place)
                self.team_tally[team][BUSY] += float(max(0, now - max(since, self.model.warm_up)))
                areas.append(places.area[limit])
        return [] if not areas else self.in_area[areas[0]] if len(areas) == 1 else self.staffed

    def end_visit(self, case: Case, goal: int, regular: bool) -> None:
        """Write down a visit that ended; one that was broken off marks no success."""
        model, step, now = self.model, case.step, self.env._now
        tally = self.tally[step]
        began = case.started != NEVER
        if now >= model.warm_up:
            if began:
                tally[FINISHED_VISITS] += 1.0
            tally[PRESENT_AREA] += float(now - max(case.enabled, model.warm_up))
        if began:
            case.cost += model.flow.cost[step]
            if regular and (goal >= DONE or goal == JOIN):  # a visit that ends in a loss marks no success
                if model.flow.milestone[step] == WON and case.won == NEVER:
                    case.won = now
                if model.flow.milestone[step] == DELIVERED and case.delivered == NEVER:
                    case.delivered = now
        visit = case.visits.get(step, 0)
        if self.keep_log and not case.skipped:
            self.visit_rows.append((case.enabled, case.started, now, case.number, step, visit, goal, *case.crew))
        case.visits[step] = visit + 1

    def give_back_to_market(self, case: Case, goal: int) -> None:
        """A customer who was lost may come again one day."""
        if case.market == NEVER or case.customer != case.number or goal >= DONE:
            return
        market = case.market
        away = _returns_after(self.model.sources, self.model.rules.laws, market, self.seed, self.replication, case.key)
        if away < FOREVER:

            def back(_: Any) -> None:
                self.taken[market] -= 1

            self.at(self.env._now + away, RETURNED, case.number).callbacks.append(back)

    def end_case(self, case: Case, goal: int, ended: int | None = None) -> None:
        """Write down a case that left."""
        self.case_rows.append(
            (case.number, case.born, case.responded, case.won, case.delivered, self.env._now if ended is None else ended,
             goal, case.step, case.channel, case.segment, case.customer)
        )  # fmt: skip
        self.money_rows.append((case.value, case.cost, *case.marks))
        del self.open[case.token]

    # --- people -----------------------------------------------------------------------------------------------

    def ask(self, case: Case, patience: int) -> int | None:
        """Join the queue of the step; 0 if people were granted there and then, 1 if too many wait already."""
        step = case.step
        if self.env._now >= self.model.warm_up:
            self.tally[step][ASKED] += 1.0
        self.orders += 1
        case.order = order = self.orders
        case.queue = self.queue_of(case)
        heapq.heappush(self.queues[case.queue], (self.queue_key(case), order, case))
        self.waiting[case.queue] += 1
        self.asking = case
        self.settle(self.in_area[self.model.needs.area[step]])
        self.asking = None
        if case.order == 0:
            return 0
        if 0 <= self.model.needs.room[step] < self.waiting_at(step):
            case.order = 0
            self.waiting[case.queue] -= 1
            self.end_waiting(case, QUIT)
            return 1
        case.wake = simpy.Event(self.env)
        if patience >= 0:
            timer = self.at(self.env._now + patience, GAVE_UP, case.token)
            timer.callbacks.append(lambda _: self.give_up(case, order))
        return None

    def queue_of(self, case: Case) -> int:
        """Behind the owner of the case, where the step is his or hers and he or she is there; else with all others."""
        needs, people, step = self.model.needs, self.model.people, case.step
        limit = needs.owner[step]
        place = self.place_of(case, limit) if limit != NEVER else NEVER
        if place == NEVER:
            return step
        queue = needs.desk[step] + self.person(place) - people.first_person[self.model.places.first_team + limit]
        return int(step if self.out[needs.owner_of[queue]] else queue)

    def place_of(self, case: Case | None, limit: int) -> int:
        """The place of a limit that a case holds, or that to which a branch belongs."""
        while case is not None:
            if limit in case.held:
                return case.held[limit][0]
            case = case.parent
        return NEVER

    def waiting_at(self, step: int) -> int:
        """Cases that wait at a step, for whomever."""
        needs = self.model.needs
        return self.waiting[step] + (sum(self.waiting[needs.desk[step] : needs.last_desk[step]]) if needs.desk[step] != NEVER else 0)

    def queue_key(self, case: Case) -> int:
        """Priority class, then the rank of the step's discipline."""
        needs, step = self.model.needs, case.step
        discipline, rank = needs.discipline[step], 0
        if discipline == NEWEST_FIRST:
            rank = CLASS_MASK - case.order
        elif discipline == HIGHEST_VALUE:
            rank = (CLASS_MASK >> 1) - int(case.value * 100.0 + 0.5)
        elif discipline == LONGEST_IN_PROCESS:
            rank = OLDEST + case.born
        elif discipline == BY_FORMULA:
            rank = rank_of(_evaluate(self.model.formulas, self.model.rare.serve_first[step], self.facts))
        return int(needs.rank[step * self.model.segments.size + case.segment] << CLASS_BITS) | rank

    def give_up(self, case: Case, order: int) -> None:
        """Patience ends, unless people came first."""
        if case.order != order:
            return
        case.order = 0
        self.waiting[case.queue] -= 1
        self.end_waiting(case, QUIT)
        self.call(case, 1)
        self.settle(self.in_area[self.model.needs.area[case.step]])

    def head(self, which: int) -> tuple[int, int, Case]:
        """The head of a queue that is not empty; entries of cases that left are dropped."""
        queue = self.queues[which]
        while queue[0][2].order != queue[0][1]:
            heapq.heappop(queue)
        return queue[0]

    def settle(self, queues: list[int]) -> None:
        """One pass over some queues, best head first: by class, then order of joining."""
        needs = self.model.needs
        unsettled = [q for q in queues if self.waiting[q]]
        if not unsettled:
            return
        kept = [0] * len(self.idle)
        while unsettled:
            if len(unsettled) == 1:
                queue = unsettled[0]
            else:
                queue = min(unsettled, key=lambda q: ((h := self.head(q))[0] >> CLASS_BITS, h[1]))
            case, step = self.head(queue)[2], needs.step_of[queue]
            crew = self.find(step, kept) if self.owner_is_free(queue) else None
            if crew is not None:
                heapq.heappop(self.queues[queue])
                self.waiting[queue] -= 1
                self.grant(case, crew)
                if self.waiting[queue] == 0:
                    unsettled.remove(queue)
            else:
                if len(self.roles[step]) > 1 and self.env._now - case.enabled >= needs.hold[step]:
                    for role in self.roles[step]:  # keep those who are there from worse cases
                        for team, _ in role:
                            if self.present(team) > kept[team]:
                                kept[team] += 1
                                break
                unsettled.remove(queue)
            self.wanted = NEVER

    def owner_is_free(self, queue: int) -> bool:
        """Whether the one whom a queue waits for is idle, who is then wanted; anybody does where the owner is away."""
        owner = self.model.needs.owner_of[queue]
        if owner == NEVER or self.out[owner]:
            return True
        if any(self.person(place) == owner for place in self.idle[self.model.people.team_of[owner]]):
            self.wanted = owner
            return True
        return False

    def present(self, team: int) -> int:
        """Idle people of a team who are on duty."""
        return len(self.idle[team]) if self.duty[self.model.people.calendar[team]] else 0

    def find(self, step: int, kept: list[int]) -> list[int] | None:
        """The first combination of entries, in order of preference, whose people are there; else None."""
        if len(self.roles[step]) == 1:
            for entry, (team, _) in enumerate(self.roles[step][0]):
                if self.present(team) > kept[team]:
                    return [entry]
            return None

        def choose(role: int, chosen: list[int], teams: list[int]) -> list[int] | None:
            if role == len(self.roles[step]):
                return chosen
            for entry, (team, _) in enumerate(self.roles[step][role]):
                if self.present(team) - kept[team] > teams.count(team):
                    found = choose(role + 1, [*chosen, entry], [*teams, team])
                    if found is not None:
                        return found
            return None

        return choose(0, [], [])

    def grant(self, case: Case, crew: list[int]) -> None:
        """Hand people, the longest idle of each team, to a case."""
        roles, needs = self.roles[case.step], self.model.needs
        first, combination, people = needs.first_role[case.step], needs.first_combination[case.step], []
        for r, entry in enumerate(crew):
            team = roles[r][entry][0]
            place = self.take(team)
            if r < needs.people[case.step]:
                people.append(place)
                combination += needs.stride[first + r] * entry
            else:
                case.held[team - self.model.places.first_team] = place, self.env._now
        case.crew = tuple(people)
        case.pace = roles[0][crew[0]][1], needs.calendar[combination]
        case.order = 0
        self.end_waiting(case, BEGUN)
        if case is not self.asking:
            self.call(case, 0)

    def end_waiting(self, case: Case, how: int) -> None:
        """Tally a wait that ended."""
        now, tally, warm_up = self.env._now, self.tally[case.step], self.model.warm_up
        case.waited = now - case.enabled
        if now >= warm_up:
            tally[how] += 1.0
            tally[WAITED_SUM] += float(case.waited)
            tally[QUEUE_AREA] += float(now - max(case.enabled, warm_up))

    def begin_work(self, case: Case, ticks: int, in_vain: bool) -> int:
        """Keep the granted people busy; returns the end, known at once from the calendar they share."""
        model, now, factor = self.model, self.env._now, case.pace[0]
        time = ticks if factor == 1.0 else whole_ticks(ticks * abs(factor))
        if factor < 0.0:
            time = whole_ticks(self.own_pace(case.crew[0], float(time)))
        case.started = now
        if case.responded == NEVER and not in_vain and (not model.flow.any_response or model.flow.milestone[case.step] == RESPONSE):
            case.responded = case.started
        return self.occupy(case, time)

    def occupy(self, case: Case, time: int) -> int:
        """People are busy with a case for so much of the time of the calendar they share; returns the end."""
        model, people, hours, now, calendar = self.model, self.model.people, self.model.hours, self.env._now, case.pace[1]
        end = _finish(hours, calendar, now, time)
        since, until = max(now, model.warm_up), min(end, model.horizon)
        for person in case.crew:
            team = people.team_of[person]
            case.cost += float(time) * people.pay[team]
            if until <= since:
                continue
            busy = _worked(hours, calendar, until) - _worked(hours, calendar, since)
            self.team_tally[team][BUSY] += float(busy)
            if people.overtime[team]:
                shift = people.calendar[team]
                on_shift = _worked(hours, shift, until) - _worked(hours, shift, since)
                if busy > on_shift:
                    self.team_tally[team][OVERTIME] += float(busy - on_shift)
        return end

    def free(self, case: Case) -> None:
        """Hand the people back and dispatch at once; the case itself goes on first."""
        for place in case.crew:
            self.give(place)
        self.settle(self.in_area[self.model.needs.area[case.step]])

    def person(self, place: int) -> int:
        """Whose place it is: the number of the first of his or her places."""
        people = self.model.people
        first, seats = people.first_person[people.team_of[place]], people.seats[people.team_of[place]]
        return int(first + (place - first) % seats)

    def take(self, team: int) -> int:
        """Who has been idle longest; or who is wanted; of those who do several cases at once, who has fewest."""
        idle = self.idle[team]
        if not self.model.people.chosen[team]:
            return idle.popleft()
        place = next((p for p in idle if self.person(p) == self.wanted), None)
        if place is None:
            place = max(idle, key=lambda p: sum(other in idle for other in self.places(self.person(p))))  # the first of equals
        idle.remove(place)
        return place

    def give(self, place: int) -> None:
        """Somebody came free: idle, or gone if this was the last work in hand of one who is to leave."""
        team, person = self.model.people.team_of[place], self.person(place)
        if self.out[person]:
            self.dropped[place] = 1
            self.note_leaving(person)
        else:
            self.idle[team].append(place)

    def turn(self, person: int, what: int, spell: int) -> None:
        """A person goes, unless work is in hand, or comes."""
        team = self.model.people.team_of[person]
        idle = self.idle[team]
        if what == AWAY:
            self.out[person], self.spell[person] = 1, spell
            for place in self.places(person):
                if place in idle:
                    idle.remove(place)
                    self.dropped[place] = 1
            self.note_leaving(person)
            return
        self.out[person] = 0
        if what == NEWCOMER:
            self.joined[person], self.jobs[person] = self.env._now, 0.0
        for place in self.places(person):
            if self.dropped[place]:
                self.dropped[place] = 0
                idle.append(place)

    def places(self, person: int) -> range:
        """One for each case that a person can have at once."""
        people, team = self.model.people, self.model.people.team_of[person]
        return range(person, people.first_person[team] + people.size[team], people.seats[team])

    def note_leaving(self, person: int) -> None:
        """Write down when a spell really began: with the last work in hand done."""
        if all(self.dropped[place] for place in self.places(person)):
            self.left[self.spell[person]] = self.env._now

    def own_pace(self, place: int, work: float) -> float:
        """The ticks that a piece of work takes the person who leads it, who has one job more behind him or her."""
        people, person = self.model.people, self.person(place)
        team = people.team_of[place]
        waiting = sum(self.waiting[s] for s in people.serves[people.first_serves[team] : people.last_serves[team]])
        first, seats = people.first_person[team], people.seats[team]
        there = max(1, sum(not self.out[p] for p in range(first, first + seats)))
        at_once = self.in_hand(person)
        self.jobs[person] += 1.0
        return _paced(self.model.paces, team, work, self.env._now, self.joined[person], self.jobs[person] - 1.0, at_once, waiting / there)

    def in_hand(self, person: int) -> int:
        """Cases that a person has."""
        idle = self.idle[self.model.people.team_of[person]]
        return sum(p not in idle and not self.dropped[p] for p in self.places(person))

    # --- the end ----------------------------------------------------------------------------------------------

    def result(self) -> Raw:
        """Everything written down, open cases last, by number."""
        network, width = self.network, VISIT_COLUMNS + most_roles(self.network)
        tally, team_tally = np.array(self.tally), np.array(self.team_tally).reshape(-1, TEAM_TALLIES)
        for case in self.on_their_way:
            for limit, (_, since) in case.held.items():
                still_held(network, team_tally, limit, since)
        open_ = sorted(self.open.values(), key=lambda c: (c.number, c.token))
        for case in reversed(open_):  # a branch comes after the case it belongs to, so that branches of branches go first
            if case.parent is not None:
                self.add_branch(case, case.parent)
        for case in open_:
            cut_off(network, tally, case.step, case.enabled, case.order > 0)
            for limit in sorted(case.held):
                still_held(network, team_tally, limit, case.held[limit][1])
            if self.keep_log:
                self.visit_rows.append((case.enabled, case.started, NEVER, case.number, case.step,
                                        case.visits.get(case.step, 0), STILL_OPEN, *case.crew))  # fmt: skip
            if case.parent is None:
                self.end_case(case, STILL_OPEN, NEVER)
        rows = np.full((len(self.visit_rows), 3 + width), NEVER, dtype=np.int64)
        for i, row in enumerate(self.visit_rows):
            rows[i, : len(row)] = row
        return Raw(
            rows[:, :3], rows[:, 3:].astype(np.int32), np.array(self.case_rows, dtype=np.int64).reshape(-1, 11),
            np.array(self.money_rows, dtype=np.float64).reshape(-1, 2 + self.width), tally, team_tally, self.born,
            np.array(self.left, np.int64),
        )  # fmt: skip


def _earlier(a: int, b: int) -> int:
    """The earlier of two times that may never come."""
    return min(a, b) if a != NEVER and b != NEVER else max(a, b)


def stalled(network: Network, step: int) -> LimitReached:
    """The error of a case that moves for ever within one tick."""
    return LimitReached(
        f"a case went through {MOST_STALLED:,} visits at one instant, last at step {network.labels.steps[step]!r}; "
        "give a step of that loop some time, or its way back a limit"
    )


def too_many_branches(network: Network, step: int) -> LimitReached:
    """The error of a split into more branches than can be told apart."""
    return LimitReached(
        f"step {network.labels.steps[step]!r} splits a case into more than {MOST_BRANCHES - 1:,} branches; let its 'count' give fewer"
    )


def too_many_open() -> LimitReached:
    """The error of a run that fills up with cases."""
    return LimitReached(
        f"more than {MOST_OPEN:,} cases are open or on their way at once; the load is too high (see `salessim validate`), "
        "cases never leave, or they bring more and more further ones"
    )


def most_roles(network: Network) -> int:
    """The largest number of people a step needs at once."""
    needs = network.model.needs
    return int(max(needs.people, default=0))


def _roles(needs: Any, step: int) -> list[list[tuple[int, float]]]:
    return [
        [(needs.team[e], needs.factor[e]) for e in range(needs.first_entry[r], needs.last_entry[r])]
        for r in range(needs.first_role[step], needs.last_role[step])
    ]


def _as_lists(part: Any) -> Any:
    """The same tables as plain lists, which CPython reads several times faster; tables of draws stay arrays."""
    values = []
    for name, value in zip(part._fields, part, strict=True):
        if hasattr(value, "_fields"):
            values.append(_as_lists(value))
        elif isinstance(value, np.ndarray) and not (type(part).__name__ == "LawTable" and name in ("x", "p")):
            values.append(value.tolist())
        else:
            values.append(value)
    return type(part)(*values)
