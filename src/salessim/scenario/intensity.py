"""When cases come: the arrivals of a channel as stretches of constant rate, or as the recorded moments themselves.

What a planner writes (so many a week, a profile, a calendar, a season, campaigns) is local wall-clock time; what comes
out are ticks since the scenario's start.
"""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from salessim.hours import Intervals
from salessim.memo import Content, content
from salessim.scenario.calendars import DAYS, MONTHS, hours_of_week, midnight, zone
from salessim.scenario.response import added, factors
from salessim.units import DAY, HOUR, SECOND, YEAR

if TYPE_CHECKING:
    from salessim.scenario.calendars import Calendar
    from salessim.scenario.channels import Arrivals, Channel, ReplayFile
    from salessim.scenario.model import Clock, Scenario



def replay_ticks(scenario: Scenario, dates: tuple[dt.datetime, ...] | ReplayFile | None) -> list[int]:
    """Recorded arrivals as sorted ticks within the horizon; naive dates are on the scenario's clock."""
    origin, here = midnight(scenario.clock.start, scenario.clock.time_zone), zone(scenario.clock.time_zone)
    result = []
    assert dates is None or isinstance(dates, tuple)  # files are read when a scenario is loaded
    for when in dates or ():
        aware = when if when.tzinfo is not None else when.replace(tzinfo=here)
        ticks = (aware.astimezone(dt.UTC) - origin) // dt.timedelta(microseconds=1)
        if 0 <= ticks < scenario.clock.horizon:
            result.append(ticks)
    return sorted(result)


def slots(scenario: Scenario, arrivals: Arrivals) -> list[tuple[int, float, int]]:
    """The intensity of a channel as stretches of constant rate: (start in ticks, cases per tick, day); see `stretches`."""
    return list(zip(*(column.tolist() for column in stretches(scenario, arrivals)), strict=True))


def stretches(scenario: Scenario, arrivals: Arrivals) -> tuple[Any, Any, Any]:
    """The intensity of a channel as stretches of constant rate: their starts in ticks, cases per tick, and days; not to be changed.

    The weekly profile has mean 1 over an ordinary week, hours in which the channel's calendar is closed counted as 0,
    so that `rate` is what a planner counts; holidays, season, growth and campaigns change it, and what spend, content and
    campaigns add comes on top in the same profile. Hours and weekdays are local wall-clock time.
    """
    calendar = scenario.calendars[arrivals.calendar] if arrivals.calendar != "always" else None
    return _stretches(content(scenario.clock), content(arrivals), content(calendar) if calendar is not None else None)


@lru_cache(maxsize=64)
def _stretches(at: Content, of: Content, hours: Content | None) -> tuple[Any, Any, Any]:
    arrivals = of.record
    found = _profile(at, content(arrivals, "rate"), hours)
    if found is None or found.flat:
        return np.array([0]), np.array([arrivals.rate.per_tick if found is not None else 0.0]), np.array([0])
    rates = found.of_day * (arrivals.rate.per_tick / found.mean)
    if found.more is not None:
        rates = rates + found.more
    rates = rates * found.of_hour
    keep = np.ones(len(rates), bool)
    keep[1:] = rates[1:] != rates[:-1]
    if arrivals.daily_cv > 0 or arrivals.weekly_volatility > 0:
        keep[1:] |= found.day[1:] != found.day[:-1]
    return found.start[keep], rates[keep], found.day[keep]


class _Profile(NamedTuple):
    """How arrivals vary over the run, whatever their rate."""

    mean: float
    """Of the weekly profile over an ordinary week."""
    flat: bool
    """Whether they do not vary at all."""
    start: Any
    of_day: Any
    more: Any
    """Cases per tick beside the rate, before the profile of the day; None if there are none."""
    of_hour: Any
    day: Any


@lru_cache(maxsize=256)
def _profile(at: Content, profile: Content, hours: Content | None) -> _Profile | None:
    """The stretches of a channel's profile, computed once for all scenarios that have it; None if nothing ever comes."""
    clock, arrivals, calendar = at.record, profile.record, hours.record if hours is not None else None
    origin, here = midnight(clock.start, clock.time_zone), zone(clock.time_zone)
    weekdays: dict[str, float] = {str(k): v for k, v in (arrivals.weekdays or {}).items()}
    months: dict[str, float] = {str(k): v for k, v in arrivals.months.items()}
    daily = [weekdays.get(d, 0.0) if weekdays else 1.0 for d in DAYS]
    hourly = [[0.0 if arrivals.hours else 1.0] * 24 for _ in DAYS]
    for text, factor in (arrivals.hours or {}).items():
        weekdays_of, pairs = hours_of_week(text)
        for start, end in pairs:
            for minute in range(start, end, 60):
                for weekday in weekdays_of:
                    hourly[weekday][(minute // 60) % 24] = factor
    mean = _weekly_mean(daily, hourly, calendar, clock)
    if mean <= 0:
        return None
    most_days = clock.horizon // DAY + 2
    more = added(arrivals, clock.start, most_days)
    if not more.any():  # nothing spent is the organic baseline, to the last bit
        more = None
    flat = len({factor for of_day in hourly for factor in of_day}) == 1
    plain = flat and len(set(daily)) == 1 and not arrivals.months and not arrivals.yearly_growth
    if plain and more is None and not arrivals.campaigns and not arrivals.daily_cv and not arrivals.weekly_volatility and calendar is None:
        return _Profile(mean, True, None, None, None, None, None)
    growth = math.log1p(arrivals.yearly_growth) / YEAR
    times = factors(arrivals, clock.start, most_days)
    result: list[_Stretch] = []
    day = 0
    while True:
        date = clock.start + dt.timedelta(days=day)
        midnight_ticks = _wall_ticks(origin, date, 0, here)
        if midnight_ticks >= clock.horizon:
            break
        season = daily[date.weekday()] * months.get(MONTHS[date.month - 1], 1.0)
        of_day = season * float(times[day])
        of_day *= math.exp(growth * midnight_ticks) if growth else 1.0
        beside = season * float(more[day]) / mean if more is not None else 0.0
        for hour in range(0, 24, 24 if flat else 1):
            result.append((_wall_ticks(origin, date, hour, here), of_day, beside, hourly[date.weekday()][hour], day))
        day += 1
    result.sort(key=lambda s: s[0])
    if calendar is not None:
        result = _within(result, calendar.intervals(clock.start, clock.time_zone, clock.horizon), clock.horizon)
    starts, of_days, besides, of_hours, days = map(np.array, zip(*result, strict=True))
    return _Profile(mean, False, starts, of_days, besides if more is not None else None, of_hours, days)


_Stretch = tuple[int, float, float, float, int]
"""(start, factor of the day, cases per tick beside the rate, factor of the hour, day)"""


def mixes(scenario: Scenario, channel: Channel) -> list[tuple[int, dict[str, float]]]:
    """Shares of the segments, junk included, and the tick from which each mix holds; the first from the beginning."""
    clock = scenario.clock
    origin, here = midnight(clock.start, clock.time_zone), zone(clock.time_zone)
    by_tick = {0: channel.segments} | {max(0, _wall_ticks(origin, m.since, 0, here)): m.segments for m in channel.mixes}
    junk = channel.junk
    if junk is not None:
        by_tick = {t: {g: s * (1 - junk.share) for g, s in mix.items()} | {junk.segment: junk.share} for t, mix in by_tick.items()}
    return sorted(by_tick.items(), key=lambda pair: pair[0])


def _weekly_mean(daily: list[float], hourly: list[list[float]], calendar: Calendar | None, clock: Clock) -> float:
    """Mean of the profile over an ordinary week: the second of January's, without holidays, closed or single open days."""
    if calendar is None:
        return sum(of_day * sum(hours) for of_day, hours in zip(daily, hourly, strict=True)) / (7 * 24)
    ordinary = calendar.model_copy(update={"holidays": None, "closed": (), "open": ()})
    january = dt.date(clock.start.year, 1, 8)
    monday = january - dt.timedelta(days=january.weekday())
    total = 0.0
    for since, until in ordinary.intervals(monday, clock.time_zone, 7 * DAY):
        for hour in range(since // HOUR, -(-until // HOUR)):
            inside = min(until, (hour + 1) * HOUR) - max(since, hour * HOUR)
            total += daily[hour // 24] * hourly[hour // 24][hour % 24] * inside
    return total / (7 * DAY)


def _wall_ticks(origin: dt.datetime, date: dt.date, hour: int, here: Any) -> int:
    wall = dt.datetime(date.year, date.month, date.day, hour, tzinfo=here)
    return round((wall.astimezone(dt.UTC) - origin).total_seconds()) * SECOND


def _within(profile: list[_Stretch], intervals: Intervals, horizon: int) -> list[_Stretch]:
    """The same profile inside the intervals, nothing outside."""
    cuts = sorted({s[0] for s in profile} | {t for interval in intervals for t in interval})
    result: list[_Stretch] = []
    r, k = 0, 0
    for cut in cuts:
        while r + 1 < len(profile) and profile[r + 1][0] <= cut:
            r += 1
        while k < len(intervals) and intervals[k][1] <= cut:
            k += 1
        inside = k < len(intervals) and intervals[k][0] <= cut
        if cut < horizon:
            _, of_day, beside, of_hour, day = profile[r]
            result.append((cut, of_day, beside, of_hour if inside else 0.0, day))
    return result
