"""What a scenario may say and hardly anybody means: a channel that brings nobody, a team that no step asks for, work of 5,000 hours.

Nothing here stops a run; `salessim validate` tells it, with place and remedy. What only a run can show is in `pilot`.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from salessim.scenario.checks import Path, Problem, forms, reachable, roles_of_step, segments_of
from salessim.scenario.formulas import Formula
from salessim.scenario.inflow import arrival_rates
from salessim.scenario.parts import BETWEEN
from salessim.staff import team_hours
from salessim.units import DAY, HOUR, MINUTE, NEVER, SECOND, WEEK

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

LONG_WORK, SHORT_WORK = 400 * HOUR, SECOND
"""Work of one visit beyond these is more likely a wrong unit: ten weeks of somebody's time, or less than a second of it."""
SHORT_PATIENCE = MINUTE
FEW_HOURS = HOUR
"""Working time a week below which a calendar is more likely a slip."""
DEAR = 100.0
"""Times the median pay of the teams."""


def doubts(scenario: Scenario) -> Iterator[Problem]:
    """What should be looked at again, as far as the scenario tells without a run.

    Args:
        scenario: one that was loaded, so that it can run.
    """
    yield from _demand(scenario)
    yield from _unused(scenario)
    yield from _people(scenario)
    yield from _times(scenario)


def _demand(scenario: Scenario) -> Iterator[Problem]:
    clock = scenario.clock
    last = clock.start + dt.timedelta(microseconds=clock.horizon)
    for name, channel in scenario.channels.items():
        alone = scenario.model_copy(update={"channels": {name: channel}})
        cases = sum(arrival_rates(alone).values()) * clock.horizon
        if cases < 1:
            what = "brings nobody" if cases == 0 else f"brings {cases:.2g} cases in all"
            yield Problem(("channels", name), f"the channel {what} before the horizon", "raise its rate, mend the dates, or leave it out")
        for i, campaign in enumerate(channel.arrivals.campaigns if channel.arrivals else ()):
            if campaign.start >= last or (campaign.end < clock.start and campaign.decay is None):
                yield Problem(
                    ("channels", name, "arrivals", "campaigns", i),
                    f"the campaign from {campaign.start} to {campaign.end} lies outside the run ({clock.start} to {last})", "mend its dates, or leave it out",
                )  # fmt: skip


def _unused(scenario: Scenario) -> Iterator[Problem]:
    """Parts that nothing refers to; a lever may bring them in later, which is why they are allowed."""
    visited = reachable(scenario)
    come = {step for step, _ in visited}
    in_levers, missing = _levers(scenario), unexplained(scenario, set(scenario.steps) - come)
    for path, name, _ in forms(scenario):
        if name in missing and "versions" not in path:
            yield Problem(path, "no case can come here: no route, spawned case or channel leads to the step", "add the route that is missing, or leave the step out")
    teams = {t for _, _, step in forms(scenario) for role in roles_of_step(step) for t in (role.by or [n for n, x in scenario.teams.items() if role.skill in x.skills])}
    teams |= {limit.each for limit in scenario.limits.values() if limit.each}
    for name in scenario.teams:
        if name not in teams and repr(name) not in in_levers:
            yield Problem(("teams", name), "no step asks for this team: it is paid and never works", "name it below 'by' of a step, or leave it out")
    brought = {g for c in scenario.channels.values() for g in segments_of(c)} | {g for _, g in visited}
    for name in scenario.segments:
        if name not in brought and repr(name) not in in_levers:
            yield Problem(("segments", name), "no case is of this segment", "give it a share in a channel, or leave it out")
    calendars = {t.calendar for t in scenario.teams.values()} | {c.arrivals.calendar for c in scenario.channels.values() if c.arrivals}
    calendars |= {c for _, _, step in forms(scenario) for c in (step.calendar, step.customer_hours) if c} | _mentioned(scenario, "on")
    for name in scenario.calendars:
        if name not in calendars and repr(name) not in in_levers:
            yield Problem(("calendars", name), "nobody works by this calendar", "name it as somebody's 'calendar', or leave it out")
    taken = {p for _, _, step in forms(scenario) for p in (*step.takes, step.owner) if p} | _mentioned(scenario, "in_use")
    for name in scenario.limits:
        if name not in taken and repr(name) not in in_levers:
            yield Problem(("limits", name), "no step takes a place of this limit, so that it limits nothing", "name it below 'takes' of a step, or leave it out")


def _levers(scenario: Scenario) -> str:
    """All that the levers say; the names in it stand in quotes."""
    return str([lever.model_dump() for lever in scenario.levers.values()])


def unexplained(scenario: Scenario, empty: set[str]) -> set[str]:
    """Those of some steps without cases that no lever speaks of, nor of one before them: those may come in by levers."""
    said, steps = _levers(scenario), scenario.steps
    todo = [name for name in empty if repr(name) in said or (BETWEEN in name and repr(name.partition(BETWEEN)[0]) in said)]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [to for to in steps[name].onward if to in empty]
    return empty - found


def _mentioned(part: Any, what: str) -> set[str]:
    """The names of a kind in all formulas of a part, however deep."""
    if isinstance(part, Formula):
        return part.names(what)
    if isinstance(part, BaseModel):
        return {name for field in type(part).model_fields for name in _mentioned(getattr(part, field), what)}
    if isinstance(part, Mapping):
        part = tuple(part.values())
    return {name for x in part for name in _mentioned(x, what)} if isinstance(part, tuple | list) else set()


def _people(scenario: Scenario) -> Iterator[Problem]:
    weeks = scenario.clock.horizon / WEEK
    for name, team in scenario.teams.items():
        hours = sum(end - start for start, end in team_hours(scenario, name)) / weeks
        if hours < FEW_HOURS:
            yield Problem(("teams", name, "calendar"), f"the team is on duty for {hours / MINUTE:.0f} min a week", f"look at the shifts of the calendar {team.calendar!r}")
    hourly = {n: t.cost.amount * HOUR / t.cost.per for n, t in scenario.teams.items() if t.cost and t.cost.hourly and t.cost.amount > 0}
    if len(hourly) > 1:
        median = statistics.median_low(hourly.values())
        for name, pay in hourly.items():
            if pay > DEAR * median or pay * DEAR < median:
                yield Problem(("teams", name, "cost"), f"the pay is {pay / median:.3g} times that of the team in the middle", "look at amount and unit")


def _times(scenario: Scenario) -> Iterator[Problem]:
    horizon = scenario.clock.horizon
    for path, _, step in forms(scenario):
        if step.kind == "work":
            for where, law in ((("work",), step.time), *((("time_by_segment", g), x) for g, x in step.time_by_segment.items())):
                if law.mean > LONG_WORK or 0 < law.mean < SHORT_WORK:
                    yield Problem((*path, *where), f"one visit takes {_said(law.mean)} of work on average", "look at the unit")
        elif step.kind != "parallel" and horizon < step.time.mean < NEVER:
            yield Problem((*path, step.kind), f"it takes {_days(step.time.mean)} on average, longer than the whole run: hardly any case comes through", "give a longer horizon, or look at the unit")
        for i, spawn in enumerate(step.spawns):
            if spawn.after.mean > horizon:
                yield Problem((*path, "spawns", i, "after"), f"{spawn.kind!r} follows after {_days(spawn.after.mean)} on average, longer than the whole run: hardly any comes", "give a longer horizon, or look at the unit")
        yield from _impatient((*path, "patience"), step.patience)
    for name, segment in scenario.segments.items():
        yield from _impatient(("segments", name, "patience"), segment.patience)


def _impatient(path: Path, law: object) -> Iterator[Problem]:
    mean = getattr(law, "mean", None)
    if mean is not None and 0 < mean < SHORT_PATIENCE:
        yield Problem(path, f"customers give up after {_said(mean)} of waiting on average", "look at the unit")


def _said(ticks: float) -> str:
    return f"{ticks / HOUR:,.4g} h" if ticks >= HOUR else f"{ticks / SECOND:.3g} s"


def _days(ticks: float) -> str:
    return f"{ticks / DAY:,.4g} days"
