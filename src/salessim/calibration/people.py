"""Who does what, when: teams and calendars from the resources and hours of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from salessim.scenario.calendars import DAYS, spans, weekdays
from salessim.wording import counted

BUSY_ENOUGH = 0.15
"""An hour belongs to the working hours if it sees this share of the stamps of a busy hour (the 90th percentile)."""
WEEK_ENOUGH = 0.05
"""And this share of the stamps of a busy hour of the week: a few jobs on a Sunday make no shift."""
STABLE = 0.85
"""Share of later stamps that must lie inside a team's own hours."""
MOST_BREAKS = 2
"""More breaks in a day are noise, or a timer."""
LEAST_STARTS = 60
"""Fewer stamps than this teach no calendar."""
LEAST_PER_CELL = 12
"""Half hours are told apart where the busy ones see this many stamps; else hours are."""
SURE = 0.001
"""Chance at which a weekday is taken to have other hours than the others, or a day to have a break."""
MOST_TEAMS_PER_STEP = 4
ALIKE = 0.7
"""Groups of people whose shares of activities have this cosine or more are one team."""
LAST_WEEKS = 8
"""The last weeks, in which the people there now are counted ..."""
STILL_HERE = 2
"""... if they were seen in these last weeks ..."""
LEAST_DAYS = 10
"""... and on so many days."""


@dataclass(frozen=True)
class Crew:
    """A team as it was seen in the log: people who mostly do the same."""

    name: str
    people: tuple[str, ...]
    size: int
    """People on a busy day (the 90th percentile of days), or regulars of the last weeks if they are more."""
    busy_day: int
    regulars: int
    """People who worked on most working days of the last weeks."""
    roster: int
    """Different people in the whole log."""


def calendar(stamps: pd.Series, holidays: str | None = None, what: str = "starts of work") -> dict[str, Any] | None:
    """Working hours by weekday from when work was begun (or ended), and days on which nobody did anything.

    A half hour of the week (an hour, where there are few stamps) counts if it sees at least 15 % of the stamps of a
    busy one; a stretch without stamps inside a day is a break if chance cannot explain it. Weekdays share their hours
    unless a day's own stamps contradict; at most two breaks a day are told. A weekday with less than 1.5 % of the week's stamps (or 5) is closed.

    Args:
        stamps: local times.
        holidays: country whose public holidays are days off.
        what: the stamps are, for the provenance.

    Returns:
        The calendar in the language of scenarios, or None if there is too little to learn from.
    """
    if len(stamps) < LEAST_STARTS:
        return None
    day, minute = stamps.dt.day_of_week.to_numpy(), stamps.dt.hour.to_numpy() * 60 + stamps.dt.minute.to_numpy()
    grid = np.zeros((7, 48))
    np.add.at(grid, (day, minute // 30), 1.0)
    working = [d for d in range(7) if grid[d].sum() >= max(5.0, 0.015 * grid.sum())]
    busiest = float(np.quantile(grid[grid > 0], 0.9))
    by_hours: dict[str, list[str]] = {}
    inside = np.zeros((7, 48), bool)
    dates_only = bool((minute == 0).mean() > 0.9)  # midnight is no opening hour: the day is all that was logged
    for days in _alike(grid, working):
        inside[days] = dates_only or _open(grid[days].sum(axis=0), WEEK_ENOUGH * busiest * len(days))
        if inside[days].any():
            by_hours.setdefault(_spans(inside[days[0]]), []).extend(DAYS[d] for d in days)
    if not by_hours:
        return None
    shifts = [{"days": ", ".join(sorted(names, key=DAYS.index)), "hours": hours} for hours, names in by_hours.items()]
    result: dict[str, Any] = {"shifts": sorted(shifts, key=lambda s: DAYS.index(s["days"][:3]))}
    if holidays:
        result["holidays"] = holidays
    closed = closed_days(stamps, working)
    if closed:
        result["closed"] = closed
    result["source"] = f"data: {len(stamps):,} {what}, {100 * grid[inside].sum() / grid.sum():.1f} % of them inside; {counted(len(closed), 'day')} without work"
    if dates_only:
        result["assumption"] = "whole days, because the log has no time of day"
    return result


def holds(stamps: pd.Series) -> bool:
    """Whether hours learnt from the first half of some stamps hold in the second: else there is no rule, only habit."""
    ordered = stamps.sort_values()
    first, second = ordered.iloc[: len(ordered) // 2], ordered.iloc[len(ordered) // 2 :]
    learnt = calendar(first)
    if learnt is None:
        return False
    open_ = np.zeros((7, 1440), bool)
    for shift in learnt["shifts"]:
        for a, b in spans(shift["hours"]):
            open_[np.ix_(sorted(weekdays(shift["days"])), range(a, b))] = True
    inside = open_[second.dt.day_of_week, second.dt.hour * 60 + second.dt.minute]
    return bool(inside.mean() >= STABLE)


def closed_days(stamps: pd.Series, working: list[int]) -> list[str]:
    """Working days on which next to nobody did anything, told only where a usual day sees enough."""
    per_date = stamps.dt.date.value_counts()
    usual = {d: float(np.median([n for date, n in per_date.items() if date.weekday() == d] or [0])) for d in working}
    dates = pd.date_range(stamps.min().date(), stamps.max().date()).date
    return [d.isoformat() for d in dates if usual.get(d.weekday(), 0) >= 8 and per_date.get(d, 0) < 0.05 * usual[d.weekday()]]


def _alike(grid: Any, working: list[int]) -> list[list[int]]:
    """Weekdays with the same hours: Monday to Friday together, but for days whose own stamps contradict."""
    week = [d for d in working if d < 5]
    groups = [[d] for d in working if d >= 5]
    while week:
        pooled = _open(grid[week].sum(axis=0))
        odd = [d for d in week if len(week) > 1 and _contradicts(grid[d], grid[week].sum(axis=0), pooled)]
        if not odd:
            return [week, *groups]
        strangest = max(odd, key=lambda d: (np.sum(_open(grid[d]) != pooled), d))
        week = [d for d in week if d != strangest]
        groups.append([strangest])
    return groups


def _contradicts(own: Any, pool: Any, pooled: Any) -> bool:
    """Whether a day works when the others do not, or does not when they do, more clearly than by chance."""
    hours, others = own.reshape(24, 2).sum(axis=1), pool.reshape(24, 2).sum(axis=1)
    usual = others / max(1.0, pool.sum()) * own.sum()
    level = np.median(hours[hours > 0]) if (hours > 0).any() else 0.0
    whole = pooled.reshape(24, 2)
    idle = whole.all(axis=1) & (hours < BUSY_ENOUGH * usual) & (special.pdtr(hours, np.maximum(0.5 * usual, 1e-9)) < SURE)
    extra = ~whole.any(axis=1) & (hours >= np.maximum(10.0, 2 * BUSY_ENOUGH * level))
    return bool(idle.any() or extra.any())


def _open(cells: Any, least: float = 0.0) -> Any:
    """Which of a day's 48 half hours are working time; cells with less than `least` stamps are not."""
    coarse = np.quantile(cells[cells > 0], 0.9) < LEAST_PER_CELL if (cells > 0).any() else True
    fine = None if coarse else _stretches(cells, least)
    # Work on the hour, as by a timer, looks like many breaks; nobody takes so many.
    if fine is None or np.sum(np.diff(fine.astype(int)) == 1) > MOST_BREAKS:
        return np.repeat(_stretches(cells.reshape(24, 2).sum(axis=1), 2 * least), 2)
    return fine


def _stretches(n: Any, least: float) -> Any:
    """Working time from the first busy cell of a day to the last, less breaks."""
    inside = np.zeros(len(n), bool)
    if not (n > 0).any():
        return inside
    busy = n >= max(1.0, least, BUSY_ENOUGH * np.quantile(n[n > 0], 0.9))
    if not busy.any():
        return inside
    span = np.flatnonzero(busy)
    inside[span[0] : span[-1] + 1] = True
    # A break needs more than few stamps: half the usual number would show that many with near certainty.
    surely = special.pdtr(n, 0.5 * np.median(n[busy])) < SURE
    result = inside & ~(~busy & surely)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (inside & ~result).astype(int), [0]]))).reshape(-1, 2)
    for a, b in sorted(edges.tolist(), key=lambda e: (e[0] - e[1], e[0]))[MOST_BREAKS:]:
        result[a:b] = True
    return result


def _spans(cells: Any) -> str:
    """Half hours as words: "09:00-12:30, 13:30-18:00"."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
    return ", ".join(f"{a // 2:02d}:{30 * (a % 2):02d}-{b // 2:02d}:{30 * (b % 2):02d}" for a, b in edges.reshape(-1, 2))


def crews(frame: pd.DataFrame) -> list[Crew]:
    """Teams of people who do the same things.

    People begin in the group of what they mostly do; groups whose activities are alike (cosine of the shares of
    visits at least 0.7) are merged, the most alike first.

    Args:
        frame: visits that name a single person, with the time `at` at which that person was seen.
    """
    people, steps = sorted(set(frame["person"])), sorted(set(frame["step"]))
    counts = np.zeros((len(people), len(steps)))
    np.add.at(counts, (np.searchsorted(people, frame["person"]), np.searchsorted(steps, frame["step"])), 1.0)
    favourite = counts.argmax(axis=1)
    kinds = sorted(set(favourite))
    groups, totals = _merge([np.flatnonzero(favourite == kind).tolist() for kind in kinds], counts)
    names = [steps[int(t.argmax())] for t in totals]
    named: dict[str, list[str]] = {}
    for name, group in zip(names, groups, strict=True):
        named.setdefault(name, []).extend(people[i] for i in group)
    return _sized(frame, {name: sorted(members) for name, members in sorted(named.items())})


def _merge(groups: list[list[int]], counts: Any) -> tuple[list[list[int]], Any]:
    """Merge the most alike groups of people until none are alike; the groups left and their visits by activity."""
    totals = np.array([counts[g].sum(axis=0) for g in groups])
    alive = np.ones(len(groups), bool)
    profile = totals / np.linalg.norm(totals, axis=1, keepdims=True)
    alike = profile @ profile.T
    np.fill_diagonal(alike, -1.0)
    while alive.sum() > 1:
        a, b = sorted(int(i) for i in np.unravel_index(int(alike.argmax()), alike.shape))
        if alike[a, b] < ALIKE:
            break
        groups[a], alive[b] = groups[a] + groups[b], False
        totals[a] += totals[b]
        profile[a] = totals[a] / np.linalg.norm(totals[a])
        # Only the merged row changes; the row merged away can no longer be chosen.
        alike[a] = alike[:, a] = np.where(alive, profile @ profile[a], -1.0)
        alike[b] = alike[:, b] = alike[a, a] = -1.0
    return [g for g, lives in zip(groups, alive, strict=True) if lives], totals[alive]


def _sized(frame: pd.DataFrame, groups: dict[str, list[str]]) -> list[Crew]:
    """The groups with their sizes."""
    group_of = {person: name for name, people in groups.items() for person in people}
    days = pd.DataFrame({"person": frame["person"], "date": frame["at"].dt.date, "group": frame["person"].map(group_of)}).drop_duplicates()
    per_day = days.groupby(["group", "date"])["person"].nunique()
    result = []
    for name, people in groups.items():
        busy = max(1, int(np.ceil(np.quantile(per_day[name], 0.9))))
        regulars = _regulars(days[days["group"] == name], days["date"].max())
        result.append(Crew(f"{name} team", tuple(people), max(busy, regulars), busy, regulars, len(people)))
    return result


def _regulars(days: pd.DataFrame, last: Any) -> int:
    """People of a team who are there now: on most of its days since they came, or in the last weeks."""
    recent = days[days["date"] > last - pd.Timedelta(weeks=LAST_WEEKS)]
    dates = np.sort(recent["date"].unique())
    people = recent.groupby("person")["date"].agg(["min", "max", "size"])
    possible = len(dates) - np.searchsorted(dates, people["min"].to_numpy())
    there = people["max"] > last - pd.Timedelta(weeks=STILL_HERE)
    return int((there & (people["size"] >= LEAST_DAYS) & (people["size"] > 0.5 * possible)).sum())


def crews_of(people: pd.Series, of_person: dict[str, str]) -> list[str]:
    """The teams that do a step, most visits first; those with less than a twentieth are left out."""
    shares = people.map(of_person).value_counts(normalize=True)
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return [str(team) for i, (team, share) in enumerate(ordered) if i == 0 or (i < MOST_TEAMS_PER_STEP and share >= 0.05)]


def works_late(begun: Any, ended: Any, clock: Any) -> bool:
    """Whether people mostly finish after closing what they began before: overtime, not suspension.

    Args:
        begun, ended: seconds since 1970 of finished visits.
        clock: of the team.
    """
    if clock.always or len(begun) == 0:
        return False
    last = np.searchsorted(clock.opens, begun, side="right") - 1
    closing = np.where(last >= 0, clock.closes[np.maximum(last, 0)], np.inf)
    crossing = (begun <= closing) & (ended > closing + 60)
    opening = np.append(clock.opens, np.inf)[last + 1]
    long_enough = opening - closing > 3600 * 4  # a lunch is not the end of a day
    crossing &= long_enough
    return bool(crossing.sum() >= 10 and (ended[crossing] < opening[crossing]).mean() > 0.5)


def at_once(begun: Any, ended: Any) -> int:
    """How many visits were under way at once (95th percentile over starts)."""
    if len(begun) == 0:
        return 1
    begun, ended = np.sort(begun), np.sort(ended)
    busy = np.arange(1, len(begun) + 1) - np.searchsorted(ended, begun, side="right")
    return max(1, int(np.quantile(busy, 0.95)))
