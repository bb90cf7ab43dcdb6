"""A scenario as frozen arrays: what both engines read, built once.

Everything is numbered by the sorted order of its name, so that the order of a file never matters; the routes of a
step are ordered by their goals for the same reason. Draws are keyed by hashes of names, never by these numbers.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from salessim.demand import Segments, Sources
from salessim.durations import build_table
from salessim.errors import ScenarioError
from salessim.headcount import head_count, staff_hours
from salessim.hours import FOREVER, Hours, Intervals, build_hours, edges_of, intersection, merged, without
from salessim.memo import content
from salessim.order import BY_FORMULA, DISCIPLINES
from salessim.pace import Paces
from salessim.rare import RareTables, forms, uses_more
from salessim.records import Labels
from salessim.scenario.calendars import midnight
from salessim.scenario.response import outlay
from salessim.sources import sources_of
from salessim.staff import (
    Life,
    Outage,
    Roster,
    Terms,
    calendar_turns,
    meetings,
    outage_of,
    pace_varies,
    paces_of,
    seats_of,
    team_hours,
    terms_of,
)
from salessim.stages import Rare, Routes, Rules, Spawns, Steps
from salessim.stages.formulas import Formulas
from salessim.stages.onward import EXPONENTIAL, LOGLOGISTIC, LOMAX, TABLE
from salessim.stages.verbs import DONE, JOIN, lost
from salessim.standing import Numbers, Past, Standing, standing
from salessim.streams import name_key
from salessim.units import DAY

if TYPE_CHECKING:
    from salessim.scenario.model import Fade, Route, Scenario, Spawn, Step

RESPONSE, WON, DELIVERED = 1, 2, 3
"""Milestones, as numbers in `Flow.milestone`."""
MILESTONES = {None: 0, "response": RESPONSE, "won": WON, "delivered": DELIVERED}
DEFAULT_PRIORITY = 5
DEFAULT_HOLD = 28 * DAY
"""A fairness guarantee of last resort (see decision record on several people at once): longer than any closure."""
GAVE_UP = "gave up waiting"


class Needs(NamedTuple):
    """What each step asks for: its roles, each a list of teams in order of preference."""

    first_role: Any
    last_role: Any
    people: Any
    """How many of the roles are people; the others are places of limits."""
    first_entry: Any
    last_entry: Any
    stride: Any
    """Of each role in the number of a combination of entries."""
    team: Any
    factor: Any
    """Time taken per time drawn, for each entry; negative where the pace of the team varies besides (`pace`)."""
    first_combination: Any
    calendar: Any
    """Calendar on which each combination of people works."""
    hold: Any
    room: Any
    """So many may wait; -1 any number."""
    discipline: Any
    rank: Any
    """[step, segment] priority class."""
    area: Any
    """Steps that share people have the same area; -1 for steps that need nobody."""
    linked: Any
    """1 for areas in which some step needs several people at once, places or a certain person."""
    owner: Any
    """The limit whose place says who does the step, or -1."""
    desk: Any
    """The first of the queues behind the owners of cases, or -1."""
    last_desk: Any
    step_of: Any
    """[queue] The queues of the steps come first, then those behind owners."""
    owner_of: Any
    """[queue] the person it waits for, or -1."""


class People(NamedTuple):
    """The teams and the persons in them; one who does several cases at once has a place for each, `seats` apart."""

    size: Any
    """Places: persons times cases at once."""
    seats: Any
    changing: Any
    """1 where persons come and go or do several cases at once."""
    chosen: Any
    """1 where not simply the one takes a case who has been idle longest."""
    first_person: Any
    team_of: Any
    calendar: Any
    overtime: Any
    pay: Any
    """Money per person and tick of work."""
    first_serves: Any
    last_serves: Any
    serves: Any


class Places(NamedTuple):
    """The limits: places that cases hold over several steps. They stand behind the teams, as teams that do not work."""

    first_team: int
    area: Any
    back: Any
    """[step, limit] 1 where the place is given back."""
    counted: Any
    """1 where formulas look at how many cases the owner has."""


class Flow(NamedTuple):
    """What happens beside the rules, per step."""

    calendar: Any
    milestone: Any
    any_response: int
    cost: Any


class Shifts(NamedTuple):
    """Openings and closings of the teams' calendars, and in a run people's comings and goings, in order of time."""

    time: Any
    calendar: Any
    """Of a calendar, or -1 - person."""
    opens: Any
    """0 closed or away, 1 open or back, 2 a newcomer."""
    spell: Any
    """Number of a person's spell, or -1."""


class Model(NamedTuple):
    """Everything the engines read."""

    rules: Rules
    rare: Rare
    formulas: Formulas
    sources: Sources
    segments: Segments
    needs: Needs
    people: People
    paces: Paces
    places: Places
    flow: Flow
    shifts: Shifts
    hours: Hours
    warm_up: int
    horizon: int


@dataclass(frozen=True)
class Network:
    """A model with the names behind its numbers and what measuring it needs."""

    model: Model
    labels: Labels
    milestones: dict[str, str]
    team_titles: tuple[str, ...]
    duty_at_start: Any
    """1 for each calendar that is open at time 0."""
    origin: dt.datetime
    """Time 0, in UTC."""
    time_zone: str
    pay_on_duty: Any
    """Pay of each team over the measured window if all are there, without overtime."""
    overtime_pay: Any
    """Money per person and tick of overtime, by team."""
    on_duty: Any
    """Person-ticks on duty in the measured window if all are there, by team."""
    in_meetings: Any
    """Person-ticks in meetings and courses if all are there, by team."""
    head_count: Any
    """People on the roster of each team over the measured window, on average."""
    staff_hours: Any
    """Hours a week of the calendars of these people."""
    terms: tuple[Terms, ...]
    fixed_cost: float
    outlay: Any
    """Money spent on each channel in the measured window, beside its cost per case."""
    name: str
    branch_steps: frozenset[str]
    """Steps inside branches, where visits of one case may overlap."""
    life: Life | None = None
    """What differs from run to run; engines run what `staff.drawn` makes of it."""
    roster: Roster | None = None
    """Who is there when, in the network of one run."""
    standing: Standing | None = None
    """The cases in process when the run begins."""


class Pool(NamedTuple):
    """Places that cases hold: a limit of the scenario, or the hours of customers, which are places like others."""

    name: str
    seats: int
    each: int
    """Places per seat."""
    team: str | None = None
    """The team whose persons the seats belong to."""
    calendar: str | None = None


def pools(scenario: Scenario) -> list[Pool]:
    """The limits by name, then the hours of customers whom steps meet: as many customers as there are people to meet them."""
    found = []
    for name, limit in sorted(scenario.limits.items()):
        if limit.each is None:
            found.append(Pool(name, limit.size, 1))
        else:
            found.append(Pool(name, scenario.teams[limit.each].people, limit.size, limit.each))
    met = sorted({step.customer_hours for step in scenario.steps.values() if step.customer_hours})
    everybody = sum(team.people * team.concurrency for team in scenario.teams.values())
    return found + [Pool(hours_of_customers(name), everybody, 1, None, name) for name in met]


def hours_of_customers(calendar: str) -> str:
    """A name that no limit can have."""
    return f"customers\n{calendar}"


def takes(step: Step) -> list[str]:
    """The pools of which a step takes a place."""
    return sorted(step.takes) + ([hours_of_customers(step.customer_hours)] if step.customer_hours else [])


def gives_back(step: Step) -> list[str]:
    """The pools whose place a step gives back; a customer is met for one visit."""
    return sorted(step.gives_back) + ([hours_of_customers(step.customer_hours)] if step.customer_hours else [])


class _LawBook:
    """Collects laws and gives each distinct one a number."""

    def __init__(self) -> None:
        self.laws: list[Any] = []
        self._known: dict[str, int] = {}

    def number(self, law: Any) -> int:
        text = content(law).key
        if text not in self._known:
            self._known[text] = len(self.laws)
            self.laws.append(law)
        return self._known[text]


class _Calendars:
    """Collects calendars and gives each distinct one a number; 0 is always."""

    def __init__(self, scenario: Scenario, book: _LawBook) -> None:
        clock = self._clock = scenario.clock
        self._calendars, self._past = scenario.calendars, Past(scenario) if scenario.in_process else None
        self._of_steps: dict[tuple[str, str, bool], int] = {}
        self.lists: list[Intervals] = []
        self.downs: list[tuple[int, ...]] = []
        """For each calendar the outages that interrupt it."""
        self.outages: list[Outage] = []
        self._by_intervals: dict[tuple[tuple[tuple[int, int], ...], tuple[int, ...]], int] = {}
        self._by_name: dict[str | None, int] = {None: 0, "always": 0}
        self._shared: dict[tuple[int, ...], int] = {(): 0}
        self._whole: Intervals = [(0, clock.horizon)]
        for name in sorted(scenario.calendars):
            calendar = scenario.calendars[name]
            intervals = calendar.intervals(clock.start, clock.time_zone, clock.horizon)
            if not intervals:
                raise ScenarioError(
                    f"calendars.{name}", "the calendar has no working time before the horizon", "add shifts or open days"
                )
            outage = outage_of(scenario, name, book.number)
            if outage is not None:
                self.outages.append(outage)
            self._by_name[name] = self.add(intervals, (len(self.outages) - 1,) if outage is not None else ())

    def add(self, intervals: Intervals, downs: tuple[int, ...] = ()) -> int:
        key = tuple(intervals), downs
        if key == (tuple(self._whole), ()):
            return 0
        if key not in self._by_intervals:
            self.lists.append(intervals)
            self.downs.append(downs)
            self._by_intervals[key] = len(self.lists)
        return self._by_intervals[key]

    def number(self, name: str | None) -> int:
        return self._by_name[name]

    def of_step(self, step: Step) -> int:
        """The calendar on which a step's time passes; if it counts from the arrival, one that knows the past of the cases in process as well."""
        if step.calendar not in self._calendars:
            return self.number(step.calendar)
        key = step.calendar, step.counts_in, step.counts_from == "arrival" and self._past is not None
        if key not in self._of_steps:
            number, whole_days = self.number(step.calendar), step.counts_in == "days"
            if whole_days or key[2]:
                clock, calendar = self._clock, self._calendars[step.calendar]
                found = calendar.intervals(clock.start, clock.time_zone, clock.horizon, whole_days=whole_days)
                before = self._past.hours(step.calendar, whole_days=whole_days) if self._past is not None and key[2] else []
                number = self.add(merged([*(before or []), *found]), self.downs[number - 1] if number else ())
            self._of_steps[key] = number
        return self._of_steps[key]

    def intervals(self, number: int) -> Intervals:
        return self.lists[number - 1] if number else self._whole

    def shared(self, numbers: list[int]) -> int:
        """The calendar on which people of several calendars work together."""
        distinct = tuple(sorted({n for n in numbers if n != 0}))
        if distinct not in self._shared:
            together = self.intervals(distinct[0])
            for n in distinct[1:]:
                together = intersection(together, self.intervals(n))
            self._shared[distinct] = self.add(together, tuple(sorted({d for n in distinct for d in self.downs[n - 1]})))
        return self._shared[distinct]

    def of_team(self, scenario: Scenario, name: str) -> _Hours:
        """The calendars of a team: what is paid, what is there for cases, and that on which work in hand goes on."""
        team = scenario.teams[name]
        own = self.number(team.calendar)
        downs = self.downs[own - 1] if own else ()
        sat = meetings(scenario, name)
        net = self.add(team_hours(scenario, name), downs) if sat else own
        late = self.add(without(self._whole, sat), downs) if team.at_shift_end == "overtime" else net
        return _Hours(self.add(self.intervals(own)), net, late, self.add(intersection(self.intervals(own), sat)) if sat else -1)


class _Hours(NamedTuple):
    """Numbers of the calendars of a team."""

    paid: int
    duty: int
    work: int
    meetings: int


def build(scenario: Scenario) -> Network:
    """The network of a scenario.

    Raises:
        ScenarioError: where the paragraphs do not fit together (calendars without time, people who never meet).
    """
    scenario = scenario.in_force
    clock = scenario.clock
    steps, teams, limits = sorted(scenario.steps), sorted(scenario.teams), pools(scenario)
    segments, channels = sorted(scenario.segments), sorted(scenario.channels)
    rows = forms(scenario)
    kinds = sorted({spawn.kind for _, step in rows for spawn in step.spawns})
    reasons = sorted({reason for _, step in rows for reason in _reasons(step)} | {GAVE_UP})
    at = {name: i for i, name in enumerate(steps)}
    team_at = {name: i for i, name in enumerate(teams)}
    segment_at = {name: i for i, name in enumerate(segments)}
    book = _LawBook()
    calendars = _Calendars(scenario, book)
    hours_of = {name: calendars.of_team(scenario, name) for name in teams}
    time_passes_on = [calendars.of_step(scenario.steps[s]) for s in steps]

    def goal(to: str | None, reason: str | None, join: bool = False) -> int:
        return at[to] if to is not None else lost(reasons.index(reason)) if reason is not None else JOIN if join else DONE

    # --- steps, routes, spawns
    columns: dict[str, list[Any]] = {f: [] for f in Steps._fields if f != "segments"}
    routes: dict[str, list[Any]] = {f: [] for f in Routes._fields}
    spawns: dict[str, list[Any]] = {f: [] for f in Spawns._fields}
    rare = RareTables(scenario, book, calendars, at, [*channels, *kinds], [p.name for p in limits], goal)

    def add_spawn(key: str, spawn: Spawn, channel: int) -> None:
        spawns["key"].append(name_key(key))
        spawns["goal"].append(at[spawn.to])
        spawns["share"] += [_share(spawn.probability, g) for g in segments]
        spawns["delay"].append(book.number(spawn.after))
        spawns["segment"].append(segment_at[spawn.segment] if spawn.segment else -1)
        spawns["new_customer"].append(int(spawn.new_customer))
        spawns["channel"].append(channel)
        rare.add_spawn(spawn)

    for name, step in rows:
        columns["key"].append(name_key(name))
        columns["full"].append(int(uses_more(scenario.steps[name])))
        columns["staffed"].append(int(step.kind == "work"))
        columns["time"] += [book.number(step.time_in(g)) for g in segments]
        columns["automated"].append(step.automation.share if step.automation else 0.0)
        columns["automated_time"] += [book.number(step.automation.time_in(g)) if step.automation else -1 for g in segments]
        columns["patience"] += [_patience(scenario, step, g, book) for g in segments]
        given = step.gives_up
        columns["gives_up"].append(goal(given.to, given.lost) if given else lost(reasons.index(GAVE_UP)))
        columns["first_route"].append(len(routes["goal"]))
        for route in in_order(step):
            _add_route(routes, step, route, segments, goal)
            rare.add_route(route)
        columns["last_route"].append(len(routes["goal"]))
        columns["first_spawn"].append(len(spawns["key"]))
        for spawn in sorted(step.spawns, key=lambda s: s.kind):
            add_spawn(f"{name}/{spawn.kind}", spawn, len(channels) + kinds.index(spawn.kind))
        columns["last_spawn"].append(len(spawns["key"]))
        rare.add_step(name, step)
    copies: dict[str, int] = {}
    for i, name in enumerate(channels):
        if (copy := _copy(scenario, name)) is not None:
            copies[name] = len(spawns["key"])
            add_spawn(f"channel {name}/again", copy, i)

    # --- people
    places = [p.seats for p in limits]
    seats = [*(scenario.teams[t].people for t in teams), *places]
    at_once = [*(scenario.teams[t].concurrency for t in teams), *(p.each for p in limits)]
    sizes = [n * k for n, k in zip(seats, at_once, strict=True)]
    first_person = [sum(sizes[:i]) for i in range(len(sizes))]
    needs = _needs(scenario, steps, segments, team_at, first_person, calendars, hours_of)
    sources = sources_of(scenario, channels, segments, at, copies, book.number)
    formulas, extras = rare.tables()
    hours = build_hours(calendars.lists)
    met = [calendars.number(p.calendar) for p in limits]
    used = sorted({*(hours_of[t].duty for t in teams), *met} - {0})
    turns, duty = calendar_turns(calendars.lists, used, clock.horizon)
    persons = [*teams, *(p.team for p in limits)]
    life = [seat for i, t in enumerate(persons) if t is not None for seat in seats_of(scenario, t, first_person[i], book.number)]
    lives = {int(np.searchsorted(first_person, seat.person, side="right")) - 1 for seat in life}
    asked = [_teams_of(scenario, scenario.steps[s]) for s in steps]
    served = [{i for i in range(len(steps)) if t in asked[i]} for t in teams]
    served += [{i for i, s in enumerate(steps) if p.name in takes(scenario.steps[s])} for p in limits]
    serves = [[q for q, step in enumerate(needs.step_of.tolist()) if step in mine] for mine in served]
    paid, on_duty = (
        [_overlap(calendars.intervals(hours_of[t][which]), clock.warm_up, clock.horizon) for t in teams] for which in (0, 1)
    )
    duty_pay = [_duty_pay(scenario.teams[t], paid[i], clock.horizon - clock.warm_up) for i, t in enumerate(teams)]
    pay = [duty_pay[i] / paid[i] if paid[i] else 0.0 for i in range(len(teams))]
    people = People(
        _ints(sizes),
        _ints(seats),
        _ints([int(i in lives or k > 1) for i, k in enumerate(at_once)]),
        _ints([int(k > 1 or name in {p.team for p in limits}) for name, k in zip(persons, at_once, strict=True)]),
        _ints(first_person),
        _ints([i for i, n in enumerate(sizes) for _ in range(n)]),
        _ints([hours_of[t].duty for t in teams] + met),
        _ints([int(scenario.teams[t].at_shift_end == "overtime") for t in teams] + [0] * len(limits)),
        _floats([p / k for p, k in zip([*pay, *(0.0 for _ in limits)], at_once, strict=True)]),
        _ints(np.cumsum([0, *map(len, serves)])[:-1]),
        _ints(np.cumsum([0, *map(len, serves)])[1:]),
        _ints([s for served in serves for s in served]),
    )
    milestone = [MILESTONES[scenario.steps[s].milestone] for s in steps]
    segment_values = [scenario.segments[g].value for g in segments]
    worth = Segments(
        len(segments), _ints([book.number(v) if v is not None else -1 for v in segment_values]), _ints([int(scenario.segments[g].customer) for g in segments])
    )
    rules = Rules(
        Steps(
            segments=len(segments),
            key=np.array(columns["key"], np.uint64),
            automated=_floats(columns["automated"]),
            **{f: _ints(columns[f]) for f in Steps._fields if f not in ("segments", "key", "automated")},
        ),
        Routes(**{f: (_floats if f in _FLOAT_ROUTES else _ints)(routes[f]) for f in Routes._fields}),
        Spawns(
            key=np.array(spawns["key"], np.uint64),
            share=_floats(spawns["share"]),
            **{f: _ints(spawns[f]) for f in Spawns._fields if f not in ("key", "share")},
        ),
        build_table(book.laws),
    )
    first_step = [next((i for i, s in enumerate(steps) if p.name in takes(scenario.steps[s])), -1) for p in limits]
    model = Model(
        rules, extras, formulas, sources, worth, needs, people, paces_of(scenario, teams),
        Places(
            len(teams), _ints([needs.area[i] if i >= 0 else -1 for i in first_step]),
            _ints([int(p.name in gives_back(scenario.steps[s])) for s in steps for p in limits]),
            _ints([int(p.name in rare.owned) for p in limits]),
        ),
        Flow(
            _ints(time_passes_on), _ints(milestone),
            int(RESPONSE in milestone),
            _floats([amount.value if (amount := scenario.steps[s].cost) else 0.0 for s in steps]),
        ),
        Shifts(*turns.T.copy()),
        hours, clock.warm_up, clock.horizon,
    )  # fmt: skip
    stages = tuple(scenario.stages)
    labels = Labels(
        steps=tuple(steps),
        stage_of=tuple(stages.index(scenario.stage_of(s)) for s in steps),
        stages=stages,
        teams=tuple(teams),
        channels=(*channels, *kinds),
        segments=tuple(segments),
        reasons=tuple(reasons),
        warm_up=clock.warm_up,
        horizon=clock.horizon,
        currency=scenario.currency,
        has_won=WON in milestone,
        has_delivered=DELIVERED in milestone,
        queues=tuple(scenario.steps[s].asks or scenario.steps[s].gather is not None for s in steps),
        sells=tuple(_sells(scenario, {scenario.channels[c].enters}) for c in channels) + tuple(_sells(scenario, _entries(scenario, k)) for k in kinds),
        sources=len(channels),
        customers=tuple(scenario.segments[g].customer for g in segments),
        limits=tuple(sorted(scenario.limits)),
        attributes=tuple(sorted(scenario.attributes)),
        measures=tuple((name, scenario.measures[name]) for name in sorted(scenario.measures)),
    )
    return Network(
        model=model,
        labels=labels,
        milestones={s: m for s in steps if (m := scenario.steps[s].milestone)},
        team_titles=tuple(scenario.teams[t].title or t for t in teams),
        duty_at_start=duty,
        origin=midnight(clock.start, clock.time_zone),
        time_zone=clock.time_zone,
        pay_on_duty=_floats([duty_pay[i] * seats[i] for i in range(len(teams))]),
        overtime_pay=_floats([pay[i] * scenario.teams[t].overtime_pay for i, t in enumerate(teams)]),
        on_duty=_floats([on_duty[i] * seats[i] for i in range(len(teams))]),
        in_meetings=_floats([(paid[i] - on_duty[i]) * seats[i] for i in range(len(teams))]),
        head_count=_floats([head_count(scenario, t) for t in teams]),
        staff_hours=_floats([staff_hours(scenario, t) for t in teams]),
        terms=tuple(terms_of(scenario.teams[t], hours_of[t].paid, hours_of[t].meetings) for t in teams),
        fixed_cost=_fixed_cost(scenario),
        outlay=_floats([outlay(a, clock) if (a := scenario.channels[c].arrivals) is not None else 0.0 for c in channels]),
        name=scenario.name,
        branch_steps=frozenset(_onward(scenario, {b for step in scenario.steps.values() for b in step.parallel or ()})),
        life=Life(tuple(life), tuple(calendars.outages), tuple(calendars.lists), tuple(calendars.downs), tuple(used)) if life or calendars.outages else None,
        standing=standing(
            scenario,
            Numbers(at, segments, [*channels, *kinds], [p.name for p in limits], sorted(scenario.attributes),
                    {s: [[t for t, _ in role] for role in roles_of(scenario, scenario.steps[s])] for s in steps}),
        ),
    )


def _reasons(step: Step) -> set[str]:
    """What cases are lost for at a step."""
    found = {r.lost for r in step.then} | {u.lost for u in step.unless} | {step.gives_up.lost if step.gives_up else None}
    return {reason for reason in found if reason is not None}


def _entries(scenario: Scenario, kind: str) -> set[str]:
    """The steps at which spawned cases of a kind enter."""
    return {spawn.to for _, step in forms(scenario) for spawn in step.spawns if spawn.kind == kind}


def _sells(scenario: Scenario, entries: set[str]) -> bool:
    """Whether a case that enters at one of these steps can be won: it can come to a step that marks winning.

    Without such a milestone every case that is done counts as won; then only those sell that enter where cases of a
    channel may come on their own way.
    """
    steps = scenario.steps
    if any(step.milestone == "won" for step in steps.values()):
        return any(steps[s].milestone == "won" for s in _onward(scenario, entries))
    return bool(entries & _onward(scenario, {c.enters for c in scenario.channels.values()}))


def _onward(scenario: Scenario, entries: set[str]) -> set[str]:
    """Steps on the own way of cases that enter at some steps."""
    found: set[str] = set()
    todo = list(entries)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += scenario.steps[name].onward
    return found


_FLOAT_ROUTES = ("share", "scale", "shape", "point_time", "point_share")


def _ints(values: Any) -> Any:
    return np.array(values, dtype=np.int64)


def _floats(values: Any) -> Any:
    return np.array(values, dtype=np.float64)


def _share(share: Any, segment: str) -> float:
    from salessim.scenario.model import share_in

    return share_in(share, segment)


def _patience(scenario: Scenario, step: Step, segment: str, book: _LawBook) -> int:
    if not step.asks:
        return -1
    law: Any = step.patience_by_segment.get(segment, step.patience or scenario.segments[segment].patience)
    return -1 if law is None or law == "none" else book.number(law)


def in_order(step: Step) -> list[Route]:
    """The routes of a step, ordered by where they lead; the one that takes the rest is last."""

    def order(route: Route) -> tuple[Any, ...]:
        said = route.model_dump(mode="json", exclude={"source", "assumption"}, exclude_defaults=True)
        return route.rest, route.to or "", route.lost or "", json.dumps(said, sort_keys=True)

    return sorted(step.then, key=order)


def _add_route(routes: dict[str, list[Any]], step: Step, route: Route, segments: list[str], goal: Any) -> None:
    routes["goal"].append(goal(route.to, route.lost, bool(route.join)))
    routes["share"] += [step.share_of(route, g) for g in segments]
    routes["rest"].append(int(route.rest))
    routes["limit"].append(route.limit if route.limit is not None else -1)
    _add_fade(routes, route.fades)


def _add_fade(routes: dict[str, list[Any]], fade: Fade | None) -> None:
    form, scale, shape = 0, 1.0, 1.0
    first = len(routes["point_time"])
    if fade is not None:
        form = {"exponential": EXPONENTIAL, "lomax": LOMAX, "loglogistic": LOGLOGISTIC, "table": TABLE}[fade.law]
        scale = float(fade.half_life / math.log(2) if fade.half_life else fade.scale or 1)
        shape = fade.shape or 1.0
        for time, left in fade.points or ():
            routes["point_time"].append(float(time))
            routes["point_share"].append(left)
    routes["fade"].append(form)
    routes["fade_of"].append(int(fade is not None and fade.of == "age"))
    routes["scale"].append(scale)
    routes["shape"].append(shape)
    routes["first_point"].append(first)
    routes["last_point"].append(len(routes["point_time"]))


def roles_of(scenario: Scenario, step: Step) -> list[list[tuple[str, float]]]:
    """For each person a staffed step needs: the teams that can send one, in order of preference, with efficiency.

    A role that names only a skill is filled by every team that has it, the most efficient first, then by name.
    """
    from salessim.scenario.checks import roles_of_step

    result = []
    for role in roles_of_step(step):
        if role.by:
            names = list(role.by)
        else:
            able = [t for t in scenario.teams if role.skill in scenario.teams[t].skills]
            names = [t for _, t in sorted((-scenario.teams[t].skills[role.skill or ""], t) for t in able)]
        result.append([(t, scenario.teams[t].skills.get(role.skill, 1.0) if role.skill else 1.0) for t in names])
    return result


def _teams_of(scenario: Scenario, step: Step) -> set[str]:
    return {t for role in roles_of(scenario, step) for t, _ in role}


def _asked_of(scenario: Scenario, step: Step) -> set[str]:
    """The teams and limits a step asks; a limit is told from a team of the same name. Customers are never short."""
    return _teams_of(scenario, step) | {f"{name} (limit)\n" for name in step.takes}


def _needs(
    scenario: Scenario, steps: list[str], segments: list[str], team_at: dict[str, int], first_person: list[int], calendars: _Calendars,
    hours_of: dict[str, _Hours],
) -> Needs:
    column: dict[str, list[Any]] = {f: [] for f in Needs._fields}
    column["step_of"], column["owner_of"] = list(range(len(steps))), [-1] * len(steps)
    limits = [p.name for p in pools(scenario)]
    asked = {name: _asked_of(scenario, scenario.steps[name]) for name in steps}
    groups: list[set[str]] = []
    for name in steps:
        step = scenario.steps[name]
        roles = roles_of(scenario, step)
        column["first_role"].append(len(column["first_entry"]))
        stride = 1
        for role in roles:
            column["first_entry"].append(len(column["team"]))
            column["team"] += [team_at[t] for t, _ in role]
            column["factor"] += [(-1.0 if pace_varies(scenario.teams[t]) else 1.0) / efficiency for t, efficiency in role]
            column["last_entry"].append(len(column["team"]))
            column["stride"].append(stride)
            stride *= len(role)
        column["people"].append(len(roles))
        for name_ in takes(step):
            column["first_entry"].append(len(column["team"]))
            column["team"].append(len(team_at) + limits.index(name_))
            column["factor"].append(1.0)
            column["last_entry"].append(len(column["team"]))
            column["stride"].append(0)
        column["last_role"].append(len(column["first_entry"]))
        column["first_combination"].append(len(column["calendar"]))
        if roles:
            # Combination numbers grow by the first role fastest: entry of role r times stride of r.
            for reverse in itertools.product(*[range(len(role)) for role in reversed(roles)]):
                entries = reverse[::-1]
                crew = [roles[r][e][0] for r, e in enumerate(entries)]
                column["calendar"].append(calendars.shared([*(hours_of[t].work for t in crew), calendars.number(step.customer_hours)]))
            _check_they_meet(scenario, name, roles, calendars, hours_of)
        elif step.takes:
            column["calendar"].append(0)
        # Nobody is kept idle for a case that lacks a place: places come free in the order of the work, not of the shifts.
        usual_hold = FOREVER if step.takes else DEFAULT_HOLD
        column["hold"].append(step.hold if step.hold is not None else usual_hold)
        column["room"].append(step.waiting_room if step.waiting_room is not None else -1)
        column["discipline"].append(BY_FORMULA if step.serve_first is not None else DISCIPLINES.index(step.queue))
        column["owner"].append(limits.index(step.owner) if step.owner else -1)
        column["desk"].append(len(column["step_of"]) if step.owner else -1)
        if step.owner:
            team = step.by[0]
            column["step_of"] += [len(column["owner"]) - 1] * scenario.teams[team].people
            column["owner_of"] += range(first_person[team_at[team]], first_person[team_at[team]] + scenario.teams[team].people)
        column["last_desk"].append(len(column["step_of"]))
        usual = step.priority or DEFAULT_PRIORITY
        column["rank"] += [
            (step.priority or scenario.segments[g].priority) if step.queue == "priority" else usual for g in segments
        ]
        mine = asked[name]
        if mine:
            touching = [g for g in groups if g & mine]
            groups = [g for g in groups if not g & mine] + [mine.union(*touching)]
    groups.sort(key=min)
    area = [next((i for i, g in enumerate(groups) if g & asked[s]), -1) for s in steps]
    linked = [0] * len(groups)
    for i, s in enumerate(steps):
        if area[i] >= 0 and (scenario.steps[s].together_with or takes(scenario.steps[s]) or scenario.steps[s].owner):
            linked[area[i]] = 1
    column["area"], column["linked"] = area, linked
    return Needs(**{f: (_floats if f == "factor" else _ints)(column[f]) for f in Needs._fields})


def _check_they_meet(
    scenario: Scenario, name: str, roles: list[list[tuple[str, float]]], calendars: _Calendars, hours_of: dict[str, _Hours]
) -> None:
    customers = scenario.steps[name].customer_hours
    for crew in itertools.product(*roles):
        names = [t for t, _ in crew]
        enough = all(scenario.teams[t].people >= names.count(t) for t in names)
        meet = calendars.shared([*(hours_of[t].duty for t in names), calendars.number(customers)])
        if enough and calendars.intervals(meet):
            return
    who = " and ".join([" or ".join(t for t, _ in role) for role in roles] + ([f"the customer in the hours {customers!r}"] if customers else []))
    raise ScenarioError(
        f"steps.{name}", f"those it needs ({who}) are too few or never there together", "give the teams people and calendars that overlap",
    )  # fmt: skip


def _overlap(intervals: Intervals, since: int, until: int) -> int:
    opens, closes = (edge.clip(since, until) for edge in edges_of(intervals))
    return int((closes - opens).sum())


def _duty_pay(team: Any, on_duty: int, window: int) -> float:
    """Pay of one person over the measured window: by the hour on duty, or a salary for calendar time."""
    if team.cost is None:
        return 0.0
    return float(team.cost.amount * (on_duty if team.cost.hourly else window) / team.cost.per)


def _fixed_cost(scenario: Scenario) -> float:
    """Standing costs over the measured window; a one-off cost counts in full, if it is due before the end."""
    clock, total = scenario.clock, 0.0
    for cost in scenario.costs.values():
        begins = 0 if cost.since is None else (midnight(cost.since, clock.time_zone) - midnight(clock.start, clock.time_zone)) // dt.timedelta(microseconds=1)
        if cost.running:
            total += cost.running.amount * max(0, clock.horizon - max(clock.warm_up, begins)) / cost.running.per
        if cost.one_off and begins < clock.horizon:
            total += cost.one_off.value
    return float(total)


def _copy(scenario: Scenario, name: str) -> Spawn | None:
    """The case that an arrival of a channel may bring again, if it ever does."""
    from salessim.scenario.model import Spawn

    channel = scenario.channels[name]
    again = channel.duplicates
    if again is None or again.share == 0:
        return None
    return Spawn(kind="again", to=channel.enters, probability=again.share, after=again.after, segment=again.segment)
