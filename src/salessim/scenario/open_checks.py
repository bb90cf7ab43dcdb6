"""Whether the cases in process at the start can be where the table puts them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from salessim.scenario.calendars import midnight, zone
from salessim.scenario.checks import Problem, forms, nearest, roles_of_step
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step
    from salessim.scenario.open_cases import OpenCase


def utc(scenario: Scenario, when: dt.datetime) -> dt.datetime:
    """A date of the table in UTC; one without offset is on the scenario's clock."""
    return (when if when.tzinfo is not None else when.replace(tzinfo=zone(scenario.clock.time_zone))).astimezone(dt.UTC)


def problems(scenario: Scenario) -> Iterator[Problem]:
    """What is wrong with the cases in process, one after the other, then with all of them together."""
    if not scenario.in_process:
        return
    kinds = {spawn.kind for _, _, step in forms(scenario) for spawn in step.spawns}
    branches = _inside_branches(scenario)
    seen: set[str] = set()
    for i, case in enumerate(scenario.in_process):

        def wrong(problem: str, remedy: str, at: tuple[str | int, ...] = ("in_process", i), who: str = case.case) -> Problem:
            return Problem(at, f"open case {who!r}: {problem}", remedy)

        if case.case in seen:
            yield wrong("it stands there twice", "keep the row that says where it is now")
        seen.add(case.case)
        names: list[tuple[str, Iterable[str], Iterable[str]]] = [
            ("channel", [case.channel], {*scenario.channels, *kinds}), ("segment", [case.segment] if case.segment else [], scenario.segments),
            ("step", filter(None, (case.step, case.after, *case.visited)), scenario.steps), ("team", case.team, scenario.teams),
            ("limit", case.holds, scenario.limits), ("attribute", case.attributes, scenario.attributes),
        ]  # fmt: skip
        unknown = [Problem(("in_process", i), f"open case {case.case!r}: there is no {what} {name!r}", nearest(name, known)) for what, given, known in names for name in given if name not in set(known)]
        yield from unknown
        if case.segment is None and len(scenario.segments) > 1:
            yield wrong("it has no segment", f"give one of {', '.join(sorted(scenario.segments))}")
        yield from (wrong(*found) for found in _dates(scenario, case))
        if not unknown:
            yield from (wrong(*found) for found in _place(scenario, case, branches))
    if len(seen) == len(scenario.in_process):
        yield from _together(scenario)


def _dates(scenario: Scenario, case: OpenCase) -> Iterator[tuple[str, str]]:
    """In order, and not after the start."""
    start = midnight(scenario.clock.start, scenario.clock.time_zone)
    order = [("arrived", case.arrived), ("since", case.since), ("started", case.started)]
    given = [(name, utc(scenario, when)) for name, when in order if when is not None]
    for (before, first), (name, then) in pairwise(given):
        if then < first:
            yield f"{name!r} ({then:%Y-%m-%d %H:%M} UTC) is before {before!r} ({first:%Y-%m-%d %H:%M} UTC)", "correct one of them"
    marks = [("responded", case.responded), ("won", case.won), ("delivered", case.delivered)]
    for name, when in [*given, *((n, utc(scenario, w)) for n, w in marks if w is not None)]:
        if when > start:
            yield f"{name!r} ({when:%Y-%m-%d %H:%M} UTC) is after the start of the run ({scenario.clock.start} {scenario.clock.time_zone})", "correct it, or let the clock start later"
        if name not in ("arrived", "since", "started") and when < given[0][1]:
            yield f"{name!r} is before 'arrived'", "correct one of them"
        if when.year < 1900:
            yield f"{name!r} is before 1900", "give a date of our time"


def _place(scenario: Scenario, case: OpenCase, branches: set[str]) -> Iterator[tuple[str, str]]:
    """The step is one at which a case can be found, and what is said of it fits."""
    name = case.step or case.after or ""
    step = scenario.steps[name]
    if name in branches or step.kind == "parallel":
        inside = "splits cases into branches" if step.kind == "parallel" else "lies inside a branch"
        yield f"the step {name!r} {inside}, and a table cannot say which branches are over", "put the case at the step after the branches, or before them"
        return
    if case.after is not None:
        if step.versions or any(r.when or r.factor or r.fades for r in step.then):
            yield f"where cases go after {name!r} depends on more than shares", "say at which 'step' the case is"
        if case.visited.get(name, 0) < 1:
            yield f"it has left {name!r}, but 'visited' does not count that visit", f"write {name}:1 under 'visited', or more if it was there more often"
    if case.team:
        yield from _crew(scenario, case, step, name)
    waits = step.asks and not case.team
    for limit in sorted(set(step.takes) & set(case.holds)):
        if step.kind == "work" and waits:
            yield f"it waits at {name!r} for a place of {limit!r} and holds one already", "leave it out of 'holds', or say which team works on the case"
    for limit, person in case.holds.items():
        each = scenario.limits[limit].each
        if person is not None and each is None:
            yield f"the places of {limit!r} belong to nobody", f"write {limit} alone under 'holds'"
        elif person is not None and each is not None and person > scenario.teams[each].people:
            yield f"{each!r} has only {scenario.teams[each].people} people, so none with number {person}", "correct the number"


def _crew(scenario: Scenario, case: OpenCase, step: Step, name: str) -> Iterator[tuple[str, str]]:
    roles = roles_of_step(step)
    if not roles:
        yield f"nobody works at {name!r}", "leave 'team' out"
        return
    if len(case.team) != len(roles):
        yield f"{name!r} needs {counted(len(roles), 'person', 'people')}, but {counted(len(case.team), 'team is', 'teams are')} named", "name one team for each, such as 'sales + presales'"
        return
    for role, team in zip(roles, case.team, strict=True):
        able = role.by or [t for t in sorted(scenario.teams) if role.skill in scenario.teams[t].skills]
        if team not in able:
            yield f"the team {team!r} does not do {name!r}", f"use {' or '.join(able)}"


def _together(scenario: Scenario) -> Iterator[Problem]:
    """Not more people at work, places held or cases waiting than there can be."""
    at = ("in_process",)
    start = scenario.clock.start
    busy = Counter(team for case in scenario.in_process for team in case.team)
    for name, count in sorted(busy.items()):
        team = scenario.teams.get(name)
        if team is None:
            continue
        people = team.size + sum(j.count for j in team.joining if j.date <= start) - sum(a.count for a in team.leaving if a.date <= start)
        if count > people * team.concurrency:
            yield Problem(at, f"{count} open cases are in work by team {name!r}, which has {people} people with {team.concurrency} at once", "leave 'team' out where a case only waits")
    held: Counter[str] = Counter()
    of_person: Counter[tuple[str, int]] = Counter()
    waiting: Counter[str] = Counter()
    for case in scenario.in_process:
        step = scenario.steps.get(case.step or "")
        under_way = set(step.takes) if step is not None and case.team else set()
        held.update(under_way | set(case.holds))
        of_person.update((limit, person) for limit, person in case.holds.items() if person is not None)
        if step is not None and step.asks and not case.team and not (step.kind != "work" and set(step.takes) <= set(case.holds)):
            waiting[case.step or ""] += 1
    for name, count in sorted(held.items()):
        limit = scenario.limits.get(name)
        places = 0 if limit is None else limit.size * (scenario.teams[limit.each].people if limit.each in scenario.teams else 1)
        if limit is not None and count > places:
            yield Problem(at, f"{count} open cases hold a place of {name!r}, which has {places}", "correct 'holds', or give it more places")
    for (name, person), count in sorted(of_person.items()):
        if name in scenario.limits and count > scenario.limits[name].size:
            yield Problem(at, f"person {person} has {count} places of {name!r}, which are {scenario.limits[name].size} for each", "correct 'holds', or give everybody more places")
    for name, count in sorted(waiting.items()):
        room = scenario.steps[name].waiting_room
        if room is not None and count > room:
            yield Problem(at, f"{count} open cases wait at {name!r}, where only {room} may", "correct the table, or give the step more room")


def _inside_branches(scenario: Scenario) -> set[str]:
    """Steps that cases come to within a branch."""
    found: set[str] = set()
    todo = [branch for step in scenario.steps.values() for branch in step.parallel or ()]
    while todo:
        name = todo.pop()
        if name in scenario.steps and name not in found:
            found.add(name)
            todo += scenario.steps[name].onward
    return found
