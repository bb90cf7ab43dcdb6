"""Who is on the rosters: people and their hours as the plan has them, and so the same in every run.

What a limit on head count is about: ill, absent and not yet replaced people are on it, who joins half-way counts half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from salessim.hours import edges_of
from salessim.staff import team_calendar, tick_of
from salessim.units import HOUR, WEEK

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def head_count(scenario: Scenario, name: str) -> float:
    """People on the roster of a team, on average over the measured window: a person who joins half-way counts half.

    This is the plan, and so the same in every run: who is ill, on leave, or not yet replaced is on it.
    """
    clock = scenario.clock
    return sum(count * (clock.horizon - since) for count, since in _on_the_roster(scenario, name)) / (clock.horizon - clock.warm_up)


def staff_hours(scenario: Scenario, name: str) -> float:
    """Hours a week of the calendars of the people on a team's roster, meetings included: two half-time people have those of one.

    As planned: outages, absence and overtime change nothing, holidays do.
    """
    return sum(count * calendar_hours(scenario, name, since) for count, since in _on_the_roster(scenario, name))


def calendar_hours(scenario: Scenario, name: str, since: int = 0) -> float:
    """Hours of a team's calendar from a tick on, per week of the whole measured window."""
    clock, (opens, closes) = scenario.clock, edges_of(team_calendar(scenario, name))
    ticks = int(np.sum(np.clip(closes - np.maximum(opens, max(since, clock.warm_up)), 0, None)))
    return ticks / HOUR / ((clock.horizon - clock.warm_up) / WEEK)


def planned(scenario: Scenario, name: str) -> float:
    """A measure that follows from the plan alone: `head_count` or `staff_hours`, of all teams or of one."""
    what, _, team = name.partition(" of ")
    of = head_count if what.replace(" ", "_") == "head_count" else staff_hours
    now = scenario.in_force
    return sum(of(now, t) for t in ([team] if team else sorted(now.teams)))


def _on_the_roster(scenario: Scenario, name: str) -> list[tuple[int, int]]:
    """(people, tick of the measured window from which on they are there); who leaves is a negative number from that day on."""
    team, clock = scenario.teams[name], scenario.clock
    dated = [(joining.count, joining.date) for joining in team.joining] + [(-leaving.count, leaving.date) for leaving in team.leaving]
    return [(team.size, clock.warm_up), *((count, min(max(tick_of(scenario, date), clock.warm_up), clock.horizon)) for count, date in dated)]


__all__ = ["calendar_hours", "head_count", "planned", "staff_hours"]
