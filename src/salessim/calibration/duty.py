"""Rare duty: who is there outside a team's usual hours, in the evening, on a Saturday, and how many.

A calendar says open or closed for the whole team. Where some of its people work at other hours too, these few are a team
of their own that is asked when the others are not there, so that rare hours exist and have few heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salessim.calibration.rhythm import clustering, levels
from salessim.scenario.calendars import DAYS, spans, weekdays

LEAST_SEEN = 5
"""Hours with fewer stamps are left out: with five, a period like this one would see none with a chance of less than 1 %."""
FEW = 1 / 3
"""A weekday with fewer heads than this share of the usual ones is duty: a calendar for all would make three people of one."""


@dataclass(frozen=True)
class Duty:
    """People outside the usual hours."""

    heads: int
    """How many when anybody is there, on average."""
    shifts: list[dict[str, Any]]
    presence: float
    """Share of these hours in which anybody is: the Sunday on which work is done is one of many."""
    spell: float
    """Hours for which somebody stays, on average, at the ends that are seen within such hours."""
    share: float
    """Of all stamps."""
    day: str | None
    """The weekday, if it is one on which the team is not there otherwise; None for the hours before and after its usual ones."""


def duty(stamps: pd.Series, people: pd.Series, usual: list[dict[str, Any]]) -> list[Duty]:
    """Who was there outside the usual hours: on days that have some, and on each day that has none.

    Somebody stays late on many evenings, and comes on a Sunday once in a quarter; so how often anybody is there is told for each.

    Args:
        stamps: local times at which somebody was seen.
        people: who; "" if not known.
        usual: shifts of the team, in the language of scenarios.

    Returns:
        Nothing where hardly anybody was.
    """
    open_ = np.zeros((7, 1440), bool)
    for shift in usual:
        for a, b in spans(shift["hours"]):
            for day in weekdays(shift["days"]):
                open_[day, a : min(b, 1440)] = True
                open_[(day + 1) % 7, : max(0, b - 1440)] = True
    weekday, hour, minute = (getattr(stamps.dt, part).to_numpy() for part in ("day_of_week", "hour", "minute"))
    outside = ~open_[weekday, 60 * hour + minute]
    seen = pd.DataFrame({"date": stamps.dt.date.to_numpy(), "day": weekday, "hour": hour, "person": people.to_numpy()})[outside]
    if len(seen) < LEAST_SEEN:
        return []
    dates = pd.date_range(stamps.min().date(), stamps.max().date()).day_of_week.value_counts().reindex(range(7), fill_value=0).to_numpy()
    counts = np.zeros((7, 24))
    np.add.at(counts, (seen["day"].to_numpy(), seen["hour"].to_numpy()), 1.0)
    closed = 1.0 - open_.reshape(7, 24, 60).mean(axis=2)
    rate = levels(counts, closed * dates[:, None], clustering(stamps[outside].to_numpy()))
    hours = (rate > 0) & (closed > 0)
    free: Any = ~open_.any(axis=1)
    # Blocks of hours that are alike stand and fall together.
    for level in np.unique(rate[hours]):
        mine = hours & (rate == level)
        if counts[mine].sum() < LEAST_SEEN:
            hours[mine] = False
        # A weekday on which the team is not there otherwise has to show such hours itself: who works late on Saturdays need not come on Sundays.
        hours[mine & (free & (np.where(mine, counts, 0.0).sum(axis=1) < LEAST_SEEN))[:, None]] = False
    found = []
    for days in (~free, *(np.arange(7) == d for d in range(7) if free[d])):
        mine = hours & days[:, None]
        there = seen[mine[seen["day"], seen["hour"]]].drop_duplicates().groupby(["date", "hour"]).size()
        if len(there):
            presence = min(1.0, len(there) / float(np.sum(mine * closed * dates[:, None])))
            shown = int(mine[seen["day"], seen["hour"]].sum()) / len(stamps)
            shifts = _shifts(np.repeat(mine, 60, axis=1) & ~open_)
            found.append(Duty(max(1, round(float(there.mean()))), shifts, presence, _spell(there.index, mine), shown, DAYS[int(days.argmax())] if free[days].any() else None))
    return found


def _spell(there: pd.MultiIndex, hours: Any) -> float:
    """Hours for which somebody stays: those with anybody over the ends that are seen. Where such hours end, so does what can be seen (exponential, censored).

    Fewer ends leave every longer spell possible and none likely: it is then as long as anybody was seen in one go.
    """
    present = {(date, int(hour)) for date, hour in there}
    ends = sum((date, hour + 1) not in present for date, hour in present if hour < 23 and hours[date.weekday(), hour + 1])
    if ends >= LEAST_SEEN:
        return len(present) / ends
    run: dict[tuple[Any, int], int] = {}
    for date, hour in sorted(present):
        run[date, hour] = run.get((date, hour - 1), 0) + 1
    return float(max(run.values()))


def usual_days(shifts: list[dict[str, Any]], stamps: pd.Series, people: pd.Series) -> list[dict[str, Any]]:
    """Shifts without the weekdays on which only few of the people are there.

    Args:
        shifts: of the team, in the language of scenarios.
        stamps: local times at which somebody was seen.
        people: who; where nobody is named, nothing is taken out.
    """
    if (people == "").any():
        return shifts
    dates = pd.date_range(stamps.min().date(), stamps.max().date()).day_of_week.value_counts().reindex(range(7), fill_value=1)
    seen = pd.DataFrame({"date": stamps.dt.date.to_numpy(), "day": stamps.dt.day_of_week.to_numpy(), "person": people.to_numpy()}).drop_duplicates()
    heads = (seen.groupby("day").size().reindex(range(7), fill_value=0) / dates).to_numpy()
    open_ = sorted({d for shift in shifts for d in weekdays(shift["days"])})
    kept = {d for d in open_ if heads[d] >= FEW * float(np.median(heads[open_]))}
    days = [sorted(weekdays(shift["days"]) & kept) for shift in shifts]
    return [{**shift, "days": ", ".join(DAYS[d] for d in mine)} for shift, mine in zip(shifts, days, strict=True) if mine]


def _shifts(minutes: Any) -> list[dict[str, Any]]:
    """Minutes of the week as shifts, days with the same hours together."""
    by_hours: dict[str, list[str]] = {}
    for day in range(7):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], minutes[day].astype(int), [0]]))).reshape(-1, 2)
        said = ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in edges.tolist())
        if said:
            by_hours.setdefault(said, []).append(DAYS[day])
    return [{"days": ", ".join(days), "hours": hours} for hours, days in by_hours.items()]
