"""Who does what, when: teams and calendars from the resources and hours of a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salessim.scenario.calendars import DAYS

BUSY_ENOUGH = 0.15
"""An hour belongs to the working hours if it sees this share of the starts of a busy hour (the 90th percentile)."""
LEAST_STARTS = 60
"""Fewer starts than this teach no calendar."""
MOST_TEAMS_PER_STEP = 4
ALIKE = 0.7
"""Groups of people whose shares of activities have this cosine or more are one team."""


@dataclass(frozen=True)
class Crew:
    """A team as it was seen in the log: people who mostly do the same."""

    name: str
    people: tuple[str, ...]
    size: int
    """People seen on a busy day (the 90th percentile of days)."""
    roster: int
    """Different people in the whole log."""


def calendar(starts: pd.Series, holidays: str | None = None) -> dict[str, Any] | None:
    """Working hours by weekday from when work was begun, and days on which nobody began any.

    An hour of the week counts if it sees at least 15 % of the starts of a busy one; each working day then runs from
    its first to its last such hour. A weekday with less than 1.5 % of the week's starts is closed.

    Args:
        starts: local times.

    Returns:
        The calendar in the language of scenarios, or None if there is too little to learn from.
    """
    if len(starts) < LEAST_STARTS:
        return None
    grid = np.zeros((7, 24))
    np.add.at(grid, (starts.dt.day_of_week.to_numpy(), starts.dt.hour.to_numpy()), 1.0)
    busy = grid >= BUSY_ENOUGH * np.quantile(grid[grid > 0], 0.9)
    by_hours: dict[str, list[str]] = {}
    working = []
    for day in range(7):
        hours = np.flatnonzero(busy[day])
        if len(hours) and grid[day].sum() >= 0.015 * grid.sum():
            by_hours.setdefault(f"{hours[0]:02d}:00-{hours[-1] + 1:02d}:00", []).append(DAYS[day])
            working.append(day)
    if not by_hours:
        return None
    per_date = starts.dt.date.value_counts()
    closed = []
    for date in pd.date_range(starts.min().date(), starts.max().date()).date:
        usual = float(np.median([per_date.get(d, 0) for d in per_date.index if d.weekday() == date.weekday()] or [0]))
        if date.weekday() in working and usual >= 8 and per_date.get(date, 0) < 0.05 * usual:
            closed.append(date.isoformat())
    result: dict[str, Any] = {"shifts": [{"days": ", ".join(days), "hours": hours} for hours, days in by_hours.items()]}
    if holidays:
        result["holidays"] = holidays
    if closed:
        result["closed"] = closed
    inside = sum(grid[day][busy[day].argmax() : 24 - busy[day][::-1].argmax()].sum() for day in working) / grid.sum()
    result["source"] = f"data: {len(starts):,} starts of work, {100 * inside:.1f} % of them inside; {len(closed)} days without work"
    return result


def crews(frame: pd.DataFrame) -> list[Crew]:
    """Teams of people who do the same things.

    People begin in the group of what they mostly do; groups whose activities are alike (cosine of the shares of
    visits at least 0.7) are merged, the most alike first.

    Args:
        frame: visits that name a single person.
    """
    counts: dict[str, Counter[str]] = {}
    for person, step in zip(frame["person"], frame["step"], strict=True):
        counts.setdefault(person, Counter())[step] += 1
    steps = sorted(set(frame["step"]))
    groups: dict[str, list[str]] = {}
    for person in sorted(counts):
        groups.setdefault(_favourite(counts[person]), []).append(person)

    def profile(people: list[str]) -> Any:
        total = np.array([float(sum(counts[p][s] for p in people)) for s in steps])
        return total / np.linalg.norm(total)

    while len(groups) > 1:
        names = sorted(groups)
        alike = [(float(profile(groups[a]) @ profile(groups[b])), a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        closest, a, b = max(alike)
        if closest < ALIKE:
            break
        merged = sorted(groups.pop(a) + groups.pop(b))
        together: Counter[str] = Counter()
        for person in merged:
            together.update(counts[person])
        groups[_favourite(together)] = merged
    group_of = {person: name for name, people in groups.items() for person in people}
    days = frame.assign(date=frame["started"].dt.date, group=frame["person"].map(group_of))
    per_day = days.groupby(["group", "date"])["person"].nunique()
    return [
        Crew(f"{name} team", tuple(people), max(1, int(np.ceil(np.quantile(per_day[name], 0.9)))), len(people))
        for name, people in sorted(groups.items())
    ]


def _favourite(steps: Counter[str]) -> str:
    return min(steps, key=lambda step: (-steps[step], step))


def crews_of(people: pd.Series, of_person: dict[str, str]) -> list[str]:
    """The teams that do a step, most visits first; those with less than a twentieth are left out."""
    shares = people.map(of_person).value_counts(normalize=True)
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return [str(team) for i, (team, share) in enumerate(ordered) if i == 0 or (i < MOST_TEAMS_PER_STEP and share >= 0.05)]
