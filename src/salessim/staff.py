"""Who is there when: absence, joining and leaving, meetings and courses, outages of systems.

What is planned (meetings, courses) is cut out of calendars once, when the network is built. What chance brings
(absence, tenure, hiring, outages) is drawn before a run begins, by one function for both engines, from draws named
by person, replication and spell: `drawn` gives the network of one replication, in which people's comings and goings
stand among the openings and closings of calendars. Engines only follow that list; when somebody really left, after
the work in hand, they hand back, and `counted` turns it into hours and pay.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from salessim.durations import sample, ticks
from salessim.errors import ScenarioError
from salessim.hours import Intervals, build_hours, edges_of, intersection, merged, without
from salessim.jit import interpreted
from salessim.order import AWAY, BACK, NEWCOMER
from salessim.pace import LONG_AGO, Paces, learnt
from salessim.records import NEVER
from salessim.scenario.calendars import Calendar, OpenDay, midnight, weekdays
from salessim.streams import Purpose, block, child_key, name_key, uniform, unit_exponential
from salessim.units import WEEK

if TYPE_CHECKING:
    from salessim.network import Network
    from salessim.scenario.model import Scenario, Team

_sample = interpreted(sample)
_PERSON, _OUTAGE = int(Purpose.PERSON), int(Purpose.OUTAGE)
_ABSENCE, _TENURE, _PHASE = range(3)
"""What a draw of a person or a system is for, beside the number of its spell."""
CYCLES_BEFORE = 8
"""Alternations begin so many mean cycles before the run, so that it finds them in the middle of their life."""
MOST_SPELLS = 1_000_000
"""Of absence or outage in one run."""
ABSENT, GONE = 0, 1
"""Kinds of spells: away for a while, or not (yet, any more) employed."""


class Seat(NamedTuple):
    """A place in a team and what its life is made of."""

    person: int
    """Number of its first place in the engine."""
    key: int
    joins: int
    """Tick; `LONG_AGO` for those of the team's size."""
    leaves: int
    """Tick, or NEVER."""
    spell: int
    """Law of a spell of absence, or -1."""
    presence: float
    """Mean time between two spells, in ticks."""
    tenure: int
    hiring: int
    cycle: float
    """Mean tenure."""


class Outage(NamedTuple):
    """A system that fails: key of its draws, laws and the mean time from failure to failure."""

    key: int
    between: int
    repair: int
    cycle: float


class Life(NamedTuple):
    """What differs from run to run."""

    seats: tuple[Seat, ...]
    outages: tuple[Outage, ...]
    calendars: tuple[Intervals, ...]
    """Of calendar 1, 2, ... before outages."""
    downs: tuple[tuple[int, ...], ...]
    """For each calendar the outages that interrupt it."""
    used: tuple[int, ...]
    """Calendars of teams."""


class Roster(NamedTuple):
    """The comings and goings of one run, as engines and the log read them."""

    out: Any
    """1 for each place whose person is away when the run begins."""
    joined: Any
    """When each person joined, by place."""
    left: Any
    """When each spell really began: known for those that the run begins with, else NEVER."""
    spell: Any
    """[spell, (person, start, end, kind)]"""
    newcomers: dict[int, list[int]]
    """When the successors of a person joined."""


def no_roster(network: Network) -> Roster:
    """Everybody is there all the time."""
    people = len(network.model.people.team_of)
    return Roster(np.zeros(people, np.int64), np.full(people, LONG_AGO, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.int64), {})


def experience(network: Network) -> Any:
    """Jobs that each person has done before the run; who joins on a date has done none."""
    people, joined = network.model.people, (network.roster or no_roster(network)).joined
    by_team = np.append(network.model.paces.experience, np.zeros(len(people.size)))  # places of limits learn nothing
    return np.where(joined == LONG_AGO, by_team[people.team_of], 0.0)


# --- what is planned ---------------------------------------------------------------------------------------------


def meetings(scenario: Scenario, name: str) -> Intervals:
    """The time in which a team sits in meetings and courses, wherever its calendar lies."""
    team, clock = scenario.teams[name], scenario.clock
    own = scenario.calendars.get(team.calendar)
    zone = own.time_zone if own is not None else None
    found: Intervals = []
    days = [clock.start + dt.timedelta(days=i) for i in range(-2, clock.horizon // (WEEK // 7) + 3)] if team.meetings else []
    for i, meeting in enumerate(team.meetings):
        first = clock.start - dt.timedelta(days=clock.start.weekday())
        on, every = weekdays(meeting.days), meeting.every // WEEK
        held = tuple(OpenDay(date=d, hours=meeting.hours) for d in days if d.weekday() in on and (d - first).days // 7 % every == 0)
        found += _within(scenario, name, ("meetings", i), held, zone)
    for i, course in enumerate(team.courses):
        held = tuple(OpenDay(date=course.start + dt.timedelta(days=d), hours=course.hours) for d in range((course.end - course.start).days + 1))
        found += _within(scenario, name, ("courses", i), held, zone)
    return merged(found)


def _within(scenario: Scenario, name: str, what: tuple[str, int], days: tuple[OpenDay, ...], zone: str | None) -> Intervals:
    clock = scenario.clock
    found = Calendar(open=days, time_zone=zone).intervals(clock.start, clock.time_zone, clock.horizon) if days else []
    if found and not intersection(found, team_calendar(scenario, name)):
        raise ScenarioError(
            f"teams.{name}.{what[0]}.{what[1]}", "it never falls into the working hours of the team",
            "give hours in which the team works, or remove it",
        )  # fmt: skip
    return found


def team_calendar(scenario: Scenario, name: str) -> Intervals:
    """The paid time of a team: its calendar, meetings included, outages not taken out."""
    clock, calendar = scenario.clock, scenario.teams[name].calendar
    if calendar not in scenario.calendars:
        return [(0, clock.horizon)]
    return scenario.calendars[calendar].intervals(clock.start, clock.time_zone, clock.horizon)


def team_hours(scenario: Scenario, name: str) -> Intervals:
    """The time of a team that is there for cases: its calendar less meetings and courses."""
    hours = without(team_calendar(scenario, name), meetings(scenario, name))
    if not hours:
        raise ScenarioError(f"teams.{name}", "meetings and courses fill its whole calendar", "shorten them, or give the team more hours")
    return hours


def mean_presence(scenario: Scenario, name: str) -> float:
    """Persons of a team who are there on average while its calendar is open, as far as that is known beforehand."""
    team, clock = scenario.teams[name], scenario.clock
    employed = float(team.size)
    for joining in team.joining:
        employed += joining.count * _rest(scenario, joining.date)
    for leaving in team.leaving:
        employed -= leaving.count * _rest(scenario, leaving.date)
    if team.absence is not None:
        employed *= 1.0 - team.absence.share
    if team.attrition is not None and team.attrition.tenure.mean < clock.horizon:
        employed *= team.attrition.tenure.mean / (team.attrition.tenure.mean + team.attrition.hiring.mean)
    own = scenario.calendars.get(team.calendar)
    return employed * (availability(own) if own is not None else 1.0)


def availability(calendar: Calendar) -> float:
    """The share of its time in which a system is up: MTBF / (MTBF + MTTR)."""
    if calendar.outages is None:
        return 1.0
    up, down = calendar.outages.between.mean, calendar.outages.repair.mean
    return up / (up + down)


def at_start(team: Team) -> float:
    """Work an experienced person does per hour when the run begins, with as many cases at once as allowed."""
    full = team.concurrency / (1.0 + team.slowdown * (team.concurrency - 1))
    learning = team.learning
    return full / learnt(learning.experience + 1.0, float(np.log2(learning.rate)), learning.floor) if learning else full


def quickest(team: Team) -> float:
    """The most work that a person of a team can ever do per hour."""
    best = team.concurrency / (1.0 + team.slowdown * (team.concurrency - 1))
    best = best / team.learning.floor if team.learning and team.learning.rate < 1 else best
    for change in team.pace:
        best *= max(1.0, change.pace)
    best *= max(1.0, team.under_load.pace) if team.under_load else 1.0
    return best * max([1.0, *(pace for _, pace in team.ramp.line)] if team.ramp else [1.0])


def _rest(scenario: Scenario, date: dt.date) -> float:
    """The share of the horizon from a date on."""
    return 1.0 - min(max(_tick(scenario, date), 0), scenario.clock.horizon) / scenario.clock.horizon


def _tick(scenario: Scenario, date: dt.date) -> int:
    """Midnight of a date in ticks from the start."""
    clock = scenario.clock
    delta = midnight(date, clock.time_zone) - midnight(clock.start, clock.time_zone)
    return int(delta / dt.timedelta(microseconds=1))


# --- tables ------------------------------------------------------------------------------------------------------


def pace_varies(team: Team) -> bool:
    """Whether a team's work may take another time than the one drawn for it."""
    return bool(team.learning or team.under_load or team.slowdown or team.pace or team.ramp)


def paces_of(scenario: Scenario, teams: list[str]) -> Paces:
    """The tables of `pace`."""
    column: dict[str, list[Any]] = {f: [] for f in Paces._fields}
    for name in teams:
        team = scenario.teams[name]
        learning, load = team.learning, team.under_load
        column["exponent"].append(float(np.log2(learning.rate)) if learning else 0.0)
        column["floor"].append(learning.floor if learning else 0.0)
        column["experience"].append(learning.experience if learning else 0.0)
        column["slowdown"].append(team.slowdown)
        column["waiting"].append(load.waiting if load else 0.0)
        column["load_pace"].append(load.pace if load else 1.0)
        column["first_change"].append(len(column["change_start"]))
        for change in sorted(team.pace, key=lambda c: (c.start, c.end, c.pace, c.recovers)):
            end = _tick(scenario, change.end + dt.timedelta(days=1))
            column["change_start"].append(_tick(scenario, change.start))
            column["change_end"].append(end)
            column["change_over"].append(end + change.recovers)
            column["change_pace"].append(change.pace)
        column["last_change"].append(len(column["change_start"]))
        column["first_point"].append(len(column["point_age"]))
        for age, pace in team.ramp.line if team.ramp else ():
            column["point_age"].append(age)
            column["point_pace"].append(pace)
        column["last_point"].append(len(column["point_age"]))
    floats = ("exponent", "floor", "experience", "slowdown", "waiting", "load_pace", "change_pace", "point_pace")
    return Paces(**{f: np.array(column[f], np.float64 if f in floats else np.int64) for f in Paces._fields})


def seats_of(scenario: Scenario, name: str, first_person: int, number: Any) -> list[Seat]:
    """The places of a team whose people come and go; none where nobody ever does.

    Args:
        scenario: the process.
        name: of the team.
        first_person: number of the team's first place.
        number: gives a law its number.
    """
    team = scenario.teams[name]
    if not (team.absence or team.attrition or team.joining or team.leaving):
        return []
    joins = [LONG_AGO] * team.size
    for joining in sorted(team.joining, key=lambda j: j.date):
        joins += [_tick(scenario, joining.date)] * joining.count
    leaves = [NEVER] * len(joins)
    gone = 0
    for leaving in sorted(team.leaving, key=lambda a: a.date):
        leaves[gone : gone + leaving.count] = [_tick(scenario, leaving.date)] * leaving.count
        gone += leaving.count
    absence = team.absence if team.absence and team.absence.share > 0 else None
    spell = number(absence.spell) if absence else -1
    presence = absence.spell.mean * (1.0 - absence.share) / absence.share if absence else 0.0
    tenure, hiring = (number(team.attrition.tenure), number(team.attrition.hiring)) if team.attrition else (-1, -1)
    for mean, what in ((presence, "absence"), (team.attrition.tenure.mean if team.attrition else 0.0, "attrition")):
        if mean > 0:
            _not_too_many(scenario, f"teams.{name}.{what}", mean, len(joins))
    cycle = team.attrition.tenure.mean if team.attrition else 0.0
    return [
        Seat(first_person + i, child_key(name_key(name), _PERSON, i), joins[i], leaves[i], spell, presence, tenure, hiring, cycle)
        for i in range(len(joins))
    ]


def outage_of(scenario: Scenario, calendar: str, number: Any) -> Outage | None:
    """How a calendar fails."""
    outages = scenario.calendars[calendar].outages
    if outages is None:
        return None
    cycle = outages.between.mean + outages.repair.mean
    _not_too_many(scenario, f"calendars.{calendar}.outages", cycle, 1)
    return Outage(child_key(name_key(calendar), _OUTAGE, 0), number(outages.between), number(outages.repair), cycle)


def _not_too_many(scenario: Scenario, path: str, cycle: float, people: int) -> None:
    if scenario.clock.horizon / cycle * people > MOST_SPELLS:
        raise ScenarioError(path, f"it brings more than {MOST_SPELLS:,} spells before the horizon", "give longer times between them")


# --- what chance brings ------------------------------------------------------------------------------------------


def drawn(network: Network, seed: int, replication: int) -> Network:
    """The network of one replication: who is there when, which system is down when.

    Where nothing is left to chance or to a date, it is the same for all replications and comes back as it is.
    """
    life, model = network.life, network.model
    if life is None:
        return network
    horizon, laws = model.horizon, model.rules.laws
    spells: list[tuple[int, int, int, int]] = []
    newcomers: dict[int, list[int]] = {}
    joined = np.full(len(model.people.team_of), LONG_AGO, np.int64)
    for seat in life.seats:
        gone, successors = _employment(laws, seat, seed, replication, horizon)
        away = _absences(laws, seat, seed, replication, horizon) if seat.spell >= 0 else []
        spells += [(seat.person, a, b, GONE) for a, b in gone] + [(seat.person, a, b, ABSENT) for a, b in _before(away, gone)]
        joined[seat.person] = seat.joins
        if successors:
            newcomers[seat.person] = successors
    spells.sort()
    out = np.zeros(len(joined), np.int64)
    left = np.full(len(spells), NEVER, np.int64)
    changes: list[tuple[int, int, int, int, int]] = []
    for n, (person, start, end, kind) in enumerate(spells):
        if start <= 0:
            out[person], left[n] = 1, 0
        else:
            changes.append((start, person, 1, AWAY, n))
        if end < horizon:
            changes.append((end, person, 0, NEWCOMER if kind == GONE else BACK, n))
    hours, turns, duty, on_duty = model.hours, np.stack(model.shifts, axis=1), network.duty_at_start, network.on_duty
    if life.outages:
        downs = [_outage(laws, o, seed, replication, horizon) for o in life.outages]
        lists = [without(intervals, merged([x for d in down for x in downs[d]])) for intervals, down in zip(life.calendars, life.downs, strict=True)]
        turns, duty = calendar_turns(lists, life.used, horizon)
        hours = build_hours(lists)
        on_duty = np.array([
            sum(max(0, min(b, horizon) - max(a, model.warm_up)) for a, b in (lists[c - 1] if c else [(0, horizon)])) * n
            for c, n in list(zip(model.people.calendar.tolist(), model.people.seats.tolist(), strict=True))[: len(network.labels.teams)]
        ], np.float64)  # fmt: skip
    people = np.array([(t, -1 - person, what, number) for t, person, _, what, number in changes], np.int64).reshape(-1, 4)
    table = np.concatenate([turns, people])
    time, who, what, number = table.T
    # Calendars of one tick turn before people do, people in the order of their numbers; one who is back goes after.
    table = table[np.lexsort((number, what == AWAY, np.abs(who), who < 0, time))]
    new = model._replace(hours=hours, shifts=type(model.shifts)(*(table[:, i].copy() for i in range(4))))
    roster = Roster(out, joined, left, np.array(spells, np.int64).reshape(-1, 4), newcomers)
    return dataclasses.replace(network, model=new, life=None, roster=roster, duty_at_start=duty, on_duty=on_duty)


def calendar_turns(lists: Any, used: Any, horizon: int) -> tuple[Any, Any]:
    """Openings and closings (time, calendar, opens, -1) of some calendars in order, shape [n, 4], and which are open at time 0."""
    parts = [np.zeros((0, 4), np.int64)]
    for c in used:
        opens, closes = edges_of(lists[c - 1])
        for at, turn in ((opens[opens > 0], 1), (closes[closes < horizon], 0)):
            parts.append(np.column_stack([at, np.full(len(at), c), np.full(len(at), turn), np.full(len(at), -1)]))
    edges = np.concatenate(parts)
    edges = edges[np.lexsort((edges[:, 2], edges[:, 1], edges[:, 0]))]
    duty = np.zeros(len(lists) + 1, np.int64)
    duty[0] = 1
    for c in used:
        duty[c] = int(bool(lists[c - 1]) and lists[c - 1][0][0] == 0)
    return edges, duty


def _alternation(first: float, draw: Any, horizon: int) -> Intervals:
    """Spells of a thing that is in order, then not, and so on: `draw` gives both times of the k-th cycle."""
    found: Intervals = []
    at, k = int(first), 0
    while at < horizon:
        up, down = draw(k)
        if at + up + down > 0:
            found.append((at + up, at + up + down))
        at += up + down
        k += 1
    return [(max(a, 0), min(b, horizon)) for a, b in merged(found) if a < horizon]


def _phase(key: int, seed: int, replication: int, purpose: int, cycle: float) -> float:
    return -(CYCLES_BEFORE + uniform(block(seed, replication, key, 0, _PHASE, purpose)[0])) * cycle


def _outage(laws: Any, outage: Outage, seed: int, replication: int, horizon: int) -> Intervals:
    def draw(k: int) -> tuple[int, int]:
        words = block(seed, replication, outage.key, k, 0, _OUTAGE)
        return ticks(_sample(laws, outage.between, words[0])), ticks(_sample(laws, outage.repair, words[1]))

    return _alternation(_phase(outage.key, seed, replication, _OUTAGE, outage.cycle), draw, horizon)


def _absences(laws: Any, seat: Seat, seed: int, replication: int, horizon: int) -> Intervals:
    def draw(k: int) -> tuple[int, int]:
        words = block(seed, replication, seat.key, k, _ABSENCE, _PERSON)
        return ticks(unit_exponential(words[0]) * seat.presence), ticks(_sample(laws, seat.spell, words[1]))

    return _alternation(_phase(seat.key, seed, replication, _PERSON, seat.presence), draw, horizon)


def _employment(laws: Any, seat: Seat, seed: int, replication: int, horizon: int) -> tuple[Intervals, list[int]]:
    """When a place is empty, and when successors join."""
    end = min(horizon, seat.leaves) if seat.leaves != NEVER else horizon
    gone: Intervals = [(0, min(seat.joins, horizon))] if seat.joins > 0 else []
    successors: list[int] = []
    if seat.tenure >= 0:
        at = seat.joins if seat.joins != LONG_AGO else int(_phase(seat.key, seed, replication, _PERSON, seat.cycle))
        k = 0
        while at < end:
            words = block(seed, replication, seat.key, k, _TENURE, _PERSON)
            leaves = at + ticks(_sample(laws, seat.tenure, words[0]))
            k += 1
            if leaves <= 0:  # before the run; the place was filled again by somebody who knows the work by now
                at = leaves
                continue
            at = leaves + max(1, ticks(_sample(laws, seat.hiring, words[1])))  # a moment at least, so that a successor is seen to come
            if leaves < end:
                gone.append((leaves, min(at, horizon)))
                if at < end:
                    successors.append(at)
    if seat.leaves != NEVER and seat.leaves < horizon:
        gone.append((max(seat.leaves, 0), horizon))
    return merged(gone), successors


def _before(away: Intervals, gone: Intervals) -> Intervals:
    """Spells of absence while the person is employed; what a predecessor's absence left over is nobody's."""
    result = []
    for a, b in away:
        for g, h in gone:
            if g <= a < h:
                a = b
            elif a < g < b:
                b = g
        if a < b:
            result.append((a, b))
    return result


# --- what it came to ---------------------------------------------------------------------------------------------


class Counted(NamedTuple):
    """Person-ticks of the measured window and pay, by team."""

    on_duty: Any
    """There for cases."""
    absent: Any
    """Hours of the calendar in which people were away, or places empty."""
    in_meetings: Any
    pay: Any


def counted(network: Network, left: Any) -> Counted:
    """Hours and pay of a run, from when people really left.

    Hourly pay is for hours on duty, meetings included; a salary for the time of employment.
    """
    teams = len(network.labels.teams)
    absent, in_meetings, pay = np.zeros(teams), network.in_meetings.copy(), network.pay_on_duty.copy()
    model = network.model
    for (person, _, end, kind), since in zip(network.roster.spell.tolist() if network.roster else (), left.tolist(), strict=True):
        if since == NEVER:
            continue
        team = int(model.people.team_of[person])
        if team >= teams:  # the deals of a person are not paid
            continue
        a, b = max(since, model.warm_up), min(end, model.horizon)
        if a >= b:
            continue
        absent[team] += on_calendar(network, int(model.people.calendar[team]), a, b)
        terms = network.terms[team]
        if terms.meetings >= 0:
            in_meetings[team] -= on_calendar(network, terms.meetings, a, b)
        if terms.hourly and (kind == GONE or not terms.paid_absence):
            pay[team] -= terms.rate * on_calendar(network, terms.calendar, a, b)
        elif not terms.hourly and kind == GONE:
            pay[team] -= terms.rate * (b - a)
    return Counted(network.on_duty - absent, absent, in_meetings, pay)


class Terms(NamedTuple):
    """How the people of a team are paid."""

    hourly: bool
    rate: float
    """Money per tick."""
    calendar: int
    """The paid hours: the team's calendar, meetings included."""
    meetings: int
    """The part of it that meetings and courses take, or -1."""
    paid_absence: bool


def terms_of(team: Team, calendar: int, meetings: int) -> Terms:
    """The terms of a team whose paid hours, and meetings, have a number among the calendars."""
    cost = team.cost
    rate = cost.amount / cost.per if cost else 0.0
    return Terms(cost is None or cost.hourly, rate, calendar, meetings, bool(team.absence and team.absence.paid))


def on_calendar(network: Network, calendar: int, since: int, until: int) -> int:
    """Working ticks of a calendar between two times."""
    hours = network.model.hours
    if calendar == 0:
        return until - since
    first, last = hours.first[calendar], hours.last[calendar]
    opens, closes = hours.opens[first:last], hours.closes[first:last]
    return int(np.sum(np.clip(np.minimum(closes, until) - np.maximum(opens, since), 0, None)))
