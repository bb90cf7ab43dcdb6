"""Who does what, when: teams and calendars from the resources and hours of a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salessim.scenario.calendars import DAYS

COVERED = 0.97
"""Share of the starts that the learnt hours hold; the rest is taken for exceptions."""
LEAST_STARTS = 60
"""Fewer starts than this teach no calendar."""
MOST_TEAMS_PER_STEP = 4


@dataclass(frozen=True)
class Crew:
    """A team as it was seen in the log."""

    name: str
    people: tuple[str, ...]
    size: int
    """People seen on a busy day (the 90th percentile of days)."""
    roster: int
    """Different people in the whole log."""


def calendar(starts: pd.Series, holidays: str | None = None) -> dict[str, Any] | None:
    """Working hours by weekday from when work was begun, and days on which nobody began any.

    Hours are kept from the busiest down until 97 % of the starts are covered; each working day then runs from its
    first to its last hour. A weekday with less than 1.5 % of the week's starts is closed.

    Args:
        starts: local times.

    Returns:
        The calendar in the language of scenarios, or None if there is too little to learn from.
    """
    if len(starts) < LEAST_STARTS:
        return None
    grid = np.zeros((7, 24))
    np.add.at(grid, (starts.dt.weekday.to_numpy(), starts.dt.hour.to_numpy()), 1.0)
    order = np.argsort(grid, axis=None)[::-1]
    enough = np.searchsorted(np.cumsum(grid.ravel()[order]), COVERED * grid.sum()) + 1
    busy = np.zeros(7 * 24, bool)
    busy[order[:enough]] = True
    busy = busy.reshape(7, 24)
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
    result["source"] = f"data: {len(starts):,} starts of work, {100 * COVERED:.0f} % of them inside; {len(closed)} days without work"
    return result


def crews(frame: pd.DataFrame) -> tuple[list[Crew], dict[str, list[str]]]:
    """Teams by what people mostly do, and for each step the teams that do it, most visits first.

    Args:
        frame: visits that name a single person.
    """
    counts: dict[str, Counter[str]] = {}
    for person, step in zip(frame["person"], frame["step"], strict=True):
        counts.setdefault(person, Counter())[step] += 1
    main = {p: max(sorted(c), key=lambda s: c[s]) for p, c in counts.items()}  # noqa: B023 (used at once)
    groups: dict[str, list[str]] = {}
    for person, step in sorted(main.items()):
        groups.setdefault(step, []).append(person)
    found = []
    days = frame.assign(date=frame["started"].dt.date, group=frame["person"].map(main))
    per_day = days.groupby(["group", "date"])["person"].nunique()
    for step, people in groups.items():
        size = int(np.ceil(np.quantile(per_day[step], 0.9)))
        found.append(Crew(f"{step} team", tuple(people), max(1, size), len(people)))
    names = {person: f"{step} team" for step, people in groups.items() for person in people}
    does: dict[str, list[str]] = {}
    for step, rows in frame.groupby("step"):
        shares = rows["person"].map(names).value_counts(normalize=True)
        chosen = []
        for team, share in shares.items():
            if len(chosen) < MOST_TEAMS_PER_STEP and (not chosen or share >= 0.05):
                chosen.append(str(team))
        does[str(step)] = chosen
    return found, does
