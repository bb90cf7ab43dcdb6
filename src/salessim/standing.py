"""The cases in process when a run begins, in the numbers of a network: what does not differ from run to run.

What is left of their time does differ: see `resume`. Time before the start is negative; how much of a calendar's
working time has passed since a date before the start is worked out here, once, because engines know calendars from
the start on.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from salessim.hours import Intervals, intersection
from salessim.records import NEVER
from salessim.scenario.calendars import midnight, zone
from salessim.streams import child_key, name_key

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step
    from salessim.scenario.open_cases import OpenCase

_SOURCE = name_key("in process")


class Open(NamedTuple):
    """One case in process."""

    key: int
    channel: int
    segment: int
    value: float | None
    """None if it is drawn."""
    cost: float
    born: int
    responded: int
    won: int
    delivered: int
    step: int
    left: bool
    """Whether it has left the step and is on one of the ways on."""
    visits: dict[int, int]
    enabled: int
    started: int
    crew: tuple[int, ...]
    """For each person at work the place of the team in the role; empty if nobody is."""
    held: tuple[tuple[int, int], ...]
    """(limit, person from 0 or NEVER)"""
    marks: dict[int, float]
    passed: dict[int, int]
    """Ticks of working time since `enabled` on the calendar of each step it may be at; at work, on that of its crew."""


@dataclass(frozen=True)
class Standing:
    """All cases in process, in order of arrival; ties by name."""

    cases: tuple[Open, ...]
    floors: dict[Any, int | None] = field(default_factory=dict, compare=False)
    """What `resume` has found out before: the smallest words with which times are not over yet."""


def standing(scenario: Scenario, numbers: Numbers) -> Standing | None:
    """The cases in process of a scenario; None if there are none.

    Args:
        scenario: checked, so that every name exists.
        numbers: of its steps, segments, channels, limits and attributes; and the roles of its steps.
    """
    if not scenario.in_process:
        return None
    past = Past(scenario)
    rows = [(past.tick(case.arrived), case.case, case) for case in scenario.in_process]
    return Standing(tuple(_open(scenario, past, numbers, case) for *_, case in sorted(rows, key=lambda row: row[:2])))


class Numbers(NamedTuple):
    """The numbers that stand for names in a network."""

    steps: dict[str, int]
    segments: list[str]
    channels: list[str]
    """And the kinds of spawned cases behind them."""
    limits: list[str]
    attributes: list[str]
    roles: dict[str, list[list[str]]]
    """The teams that can fill each role of a step, in order of preference."""


def _open(scenario: Scenario, past: Past, numbers: Numbers, case: OpenCase) -> Open:
    name = case.step or case.after or ""
    step = scenario.steps[name]
    since = past.tick(case.since)
    started = past.tick(case.started or case.since) if case.team else NEVER
    ways = [route.to for route in step.then if route.to is not None] if case.after else [name]
    passed = {numbers.steps[to]: past.since(past.of_step(scenario.steps[to]), since) for to in ways}
    if case.team:
        passed = {numbers.steps[name]: past.since(past.of_crew(case.team, step), started)}
    taken = dict.fromkeys(step.takes) if case.team else {}
    return Open(
        key=int(child_key(_SOURCE, name_key(case.case), 0)),
        channel=numbers.channels.index(case.channel),
        segment=numbers.segments.index(case.segment) if case.segment else 0,
        value=case.value,
        cost=case.cost,
        born=past.tick(case.arrived),
        responded=past.tick(case.responded),
        won=past.tick(case.won),
        delivered=past.tick(case.delivered),
        step=numbers.steps[name],
        left=case.after is not None,
        visits={numbers.steps[n]: count for n, count in case.visited.items() if count},
        enabled=since,
        started=started,
        crew=tuple(role.index(team) for role, team in zip(numbers.roles[name], case.team, strict=False)),
        held=tuple((numbers.limits.index(n), NEVER if p is None else p - 1) for n, p in sorted((taken | case.holds).items())),
        marks={numbers.attributes.index(a): x for a, x in case.attributes.items()},
        passed=passed,
    )


class Past:
    """Calendars before the start. Meetings and outages that were are not known; working time is that of the calendar."""

    def __init__(self, scenario: Scenario) -> None:
        clock = scenario.clock
        self.scenario = scenario
        self.origin, self.here = midnight(clock.start, clock.time_zone), zone(clock.time_zone)
        earliest = min(case.arrived.astimezone(dt.UTC) if case.arrived.tzinfo else case.arrived.replace(tzinfo=dt.UTC) for case in scenario.in_process)
        self.first = earliest.date() - dt.timedelta(days=2)
        self.span = (self.origin - midnight(self.first, clock.time_zone)) // dt.timedelta(microseconds=1)
        self._lists: dict[Any, Intervals | None] = {}

    def tick(self, when: dt.datetime | None) -> int:
        """A date as ticks from the start; what was before is at most -2, so that it is told from NEVER."""
        if when is None:
            return NEVER
        aware = when if when.tzinfo is not None else when.replace(tzinfo=self.here)
        ticks = (aware.astimezone(dt.UTC) - self.origin) // dt.timedelta(microseconds=1)
        return min(ticks, NEVER - 1) if ticks < 0 else ticks

    def of_step(self, step: Step) -> Intervals | None:
        """The hours in which the time of a step passes; None for always."""
        return self.hours(step.calendar, whole_days=step.counts_in == "days")

    def of_crew(self, teams: tuple[str, ...], step: Step) -> Intervals | None:
        """The hours in which some teams work together."""
        names = {self.scenario.teams[t].calendar for t in teams if self.scenario.teams[t].at_shift_end != "overtime"}
        names |= {step.customer_hours} if step.customer_hours else set()
        key = tuple(sorted(names))
        if key not in self._lists:
            together: Intervals | None = None
            for name in key:
                hours = self.hours(name)
                together = hours if together is None else together if hours is None else intersection(together, hours)
            self._lists[key] = together
        return self._lists[key]

    def hours(self, name: str | None, *, whole_days: bool = False) -> Intervals | None:
        """The hours of a calendar, or the days on which it opens, in ticks below 0; None for always."""
        if name not in self.scenario.calendars:
            return None
        key = name, whole_days
        if key not in self._lists:
            found = self.scenario.calendars[name].intervals(self.first, self.scenario.clock.time_zone, self.span, whole_days=whole_days) if self.span > 0 else []
            self._lists[key] = [(a - self.span, b - self.span) for a, b in found]
        return self._lists[key]

    def since(self, hours: Intervals | None, tick: int) -> int:
        """Ticks of some hours that passed from a tick before the start to the start."""
        if hours is None:
            return max(0, -tick)
        return sum(min(end, 0) - max(start, tick) for start, end in hours if end > tick)


__all__ = ["Numbers", "Open", "Past", "Standing", "standing"]
