"""How many cases come, and when: level, season, weekday, hour, public holidays, changes of level, and more than chance.

The level of a channel may have changed while the log was kept. Planning goes on with the last one; the past, which
queues and held-out comparisons are simulated over, has them all. A forecast begins with the level of today, which
goes on wandering (`drift`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from salessim.calibration.daytimes import daytimes, words
from salessim.calibration.drift import Drift, drift
from salessim.scenario.calendars import DAYS, public_holidays
from salessim.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from salessim.calibration.days import Spread

MONDAY = pd.Timestamp("1970-01-05")
LEAST_WEEKS = 4
"""A level lasts at least so long."""
SURE = 14.0
"""Likelihood ratio, in units of the dispersion, above which a change of level is believed: about one log in a hundred without any change shows more."""
LEAST_DISPERSION = 0.1
"""Weeks are never taken to vary less than by this share of what chance makes of them: even appointments are not a clock."""
LEAST_CHANGE = 0.1
"""A change of level below this share is left to chance."""
TRUSTED_HOLIDAYS = 5.0
"""Public holidays that have to be seen before they weigh as much as the assumption that they are like Sundays."""
LEAST_VOLATILITY = 0.001
"""Less is none."""
MOST_SPREAD = 10.0
"""What the language allows for days that differ."""
SEASONS = 2
"""Whole years from which a season is learnt."""
TRUSTED_SEASON = 30.0
"""Cases by which the factor of a month is shrunk towards 1."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Level:
    """From a day on so many cases came a week."""

    since: dt.date
    until: dt.date
    """The day after the last."""
    per_week: float


@dataclass(frozen=True)
class Inflow:
    """The arrivals of a channel."""

    levels: tuple[Level, ...]
    profile: dict[str, Any]
    """Weekdays, hours, months and what is more than chance, in the language of scenarios."""
    on_holidays: float | None
    """What comes on a public holiday, as a share of an ordinary day of its weekday; None where nothing is known of them."""
    holidays: str | None
    count: int
    seen: int
    """Public holidays in the log."""
    dispersion: float
    """Variance of the number of a week over its mean, changes of level apart; below 1 where they vary less than chance would."""
    first_day: float
    """The share of an ordinary day's arrivals that the first day can have shown: the log may begin late in it."""
    assumption: str | None = None
    """Where the hours of the profile come from, if not from the arrivals."""
    doubt: float = 1.0
    """By how much an interval is wider because the dispersion is not known exactly."""
    drift: Drift | None = None
    """The level of today, a week, and how it wanders; None in logs of few weeks, which do not show it."""

    @property
    def error(self) -> float:
        """Relative standard error of the last level, larger as far as the dispersion is itself an estimate (Student's t)."""
        now = self.levels[-1]
        cases = now.per_week * (now.until - now.since).days / 7
        return self.doubt * math.sqrt(self.dispersion / max(1.0, cases))

    def paragraph(self, first: dt.date, days: int, *, past: bool) -> dict[str, Any]:
        """Arrivals from a day on, for so many days; the past has its own levels, the future the last one."""
        now = self.levels[-1]
        base = self._base(past)
        weeks = (self.levels[-1].until - self.levels[0].since).days / 7
        source = f"data: {counted(self.count, 'arrival')} in {weeks:.1f} weeks"
        if len(self.levels) > 1 and not past:
            source += f"; the level since {now.since}, when it changed from {self.levels[-2].per_week:.4g} a week"
        result = {"rate": f"{base:.6g} per week", **self.profile, "source": source} | ({"assumption": self.assumption} if self.assumption else {})
        campaigns = [*self._late_start(), *self._other_levels(base)] if past else []
        campaigns += self._holidays(first, days)
        return result | ({"campaigns": campaigns} if campaigns else {})

    def ahead(self, first: dt.date, days: int) -> dict[str, Any]:
        """Arrivals of the weeks after the log, which begin with the level of today and wander."""
        result = self.paragraph(first, days, past=False)
        if self.drift is None:
            return result
        found = self.drift
        more = {"weekly_volatility": round(found.volatility, 4)} if found.volatility >= LEAST_VOLATILITY else {}
        source = f"data: {self.count:,} arrivals; the level of today, the last weeks counting most, and how it wanders (local level model)"
        # So that weeks differ as they did around their level.
        of_day = np.array(list(self.profile["weekdays"].values())) * found.level / 7
        excess = max(0.0, found.dispersion - 1) * float(of_day.sum() / np.sum(of_day**2)) if of_day.any() else 0.0
        return result | {"rate": f"{found.level:.6g} per week", "daily_cv": round(min(MOST_SPREAD, math.sqrt(excess)), 4), "source": source} | more

    def today(self) -> tuple[float, float]:
        """The level of today, a week, and its standard error relative to it."""
        return (self.levels[-1].per_week, self.error) if self.drift is None else (self.drift.level, self.drift.error)

    def _late_start(self) -> list[dict[str, Any]]:
        if self.first_day > 1 - LEAST_CHANGE:
            return []
        day = self.levels[0].since.isoformat()
        return [{"title": "the log begins", "start": day, "end": day, "factor": round(self.first_day, 4), "source": "data: the log begins during this day"}]

    def _base(self, past: bool) -> float:
        """The level that others are told as factors of: the last; the highest where the past ends with nothing, of which there are no factors."""
        last = self.levels[-1].per_week
        return max(level.per_week for level in self.levels) if past and last <= 0 else last

    def _other_levels(self, base: float) -> list[dict[str, Any]]:
        return [
            {"title": f"{level.per_week:.4g} a week", "start": level.since.isoformat(), "end": (level.until - dt.timedelta(1)).isoformat(),
             "factor": round(level.per_week / base, 4), "source": "data: the level changed"}
            for level in self.levels if level.per_week != base
        ]  # fmt: skip

    def _holidays(self, first: dt.date, days: int) -> list[dict[str, Any]]:
        if self.on_holidays is None or self.holidays is None or abs(self.on_holidays - 1) < LEAST_CHANGE:
            return []
        last = first + dt.timedelta(days)
        dates = sorted(d for year in range(first.year, last.year + 1) for d in public_holidays(self.holidays, year) if first <= d < last)
        return [
            {"title": "public holiday", "start": d.isoformat(), "end": d.isoformat(), "factor": round(self.on_holidays, 4),
             "source": f"data: {self.seen} public holidays", "assumption": "few were seen: shrunk towards a Sunday"}
            for d in dates
        ]  # fmt: skip


def inflow(arrived: pd.Series, start: pd.Timestamp, end: pd.Timestamp, holidays: str | None = None, closed: Iterable[str] = (), spread: Spread | None = None) -> Inflow:
    """The arrivals of a channel, learnt from when its cases came in.

    Args:
        arrived: local times, with zone.
        start: of the log, local.
        end: of the log, local.
        holidays: country whose public holidays are days of their own.
        closed: days (ISO) on which nobody could come in; they say nothing about the level.
        spread: how days without a time of day got one, if they did.

    Source:
        Changes of level by binary segmentation (Scott and Knott 1974) with a quasi-Poisson likelihood ratio.
    """
    dates = pd.date_range(start.normalize(), end.normalize() if end > end.normalize() else end.normalize() - pd.Timedelta(1, "D"))
    days = [d.date() for d in dates]
    counts = arrived.dt.date.value_counts().reindex(days, fill_value=0).to_numpy(float)
    hours = arrived.dt.hour.value_counts().reindex(range(24), fill_value=0).to_numpy(float)
    exposure = np.ones(len(days))  # a day that the log shows in part counts by what usually comes in that part
    exposure[0] -= _share_until(start, hours)
    if end < dates[-1] + pd.Timedelta(1, "D"):
        exposure[-1] -= 1 - _share_until(end, hours)
    shut = set(closed)
    exposure[[d.isoformat() in shut for d in days]] = 0.0
    first_day, exposure = float(exposure[0]), np.maximum(exposure, 1e-6)
    off = {d for year in sorted({d.year for d in days}) for d in public_holidays(holidays, year)} if holidays else set()
    ordinary = np.array([d not in off for d in days])
    weekday = np.array([d.weekday() for d in days])
    month = np.array([d.month - 1 for d in days])
    level, season = np.ones(len(days)), np.ones(12)
    weekly, cuts, dispersion = np.ones(7), [0, len(days)], 1.0
    for _ in range(3):  # each is estimated given the others, which settles at once
        weekly = _ratios(counts, exposure * level * season[month] * ordinary, weekday, 7)
        shape = exposure * weekly[weekday] * np.where(ordinary, 1.0, weekly[6] / max(1e-9, float(weekly.max())))
        if len(days) >= SEASONS * 365:
            expected = shape * level
            seen = np.bincount(month, counts, 12)
            season = (seen + TRUSTED_SEASON) / (np.bincount(month, expected * counts.sum() / max(1e-9, expected.sum()), 12) + TRUSTED_SEASON)
            season /= season.mean()
            shape = shape * season[month]
        cuts, dispersion = _cuts(counts, shape)
        for a, b in pairwise(cuts):
            level[a:b] = counts[a:b].sum() / max(1e-9, shape[a:b].sum())
    profiled = exposure * weekly[weekday] * season[month]
    expected = profiled * level
    per_week = float(weekly.sum())
    on_holidays = _on_holidays(counts[~ordinary], expected[~ordinary], weekly) if holidays else None
    as_usual = np.where(ordinary, 1.0, 1.0 if on_holidays is None else on_holidays)
    usual = expected * as_usual
    profile: dict[str, Any] = {
        "weekdays": {DAYS[d]: round(float(7 * weekly[d] / max(1e-9, per_week)), 4) for d in range(7)},
        "hours": words(daytimes((pd.DatetimeIndex(arrived).tz_localize(None).normalize() - MONDAY).days, arrived.dt.hour)) if len(arrived) else {f"{h:02d}:00-{h + 1:02d}:00": 0.0 for h in range(24)},
        "daily_cv": round(math.sqrt(_more_than_chance(counts, usual)), 4),
    }
    if not np.allclose(season, 1.0):
        profile["months"] = {MONTHS[m]: round(float(season[m]), 4) for m in range(12)}
    # Weeks that end today: the first days may be left over.
    whole = np.arange(len(days) % 7, len(days), 7)
    weeks = (np.add.reduceat(x, whole) for x in (counts, profiled * as_usual / max(1e-9, per_week))) if len(whole) else ((), ())
    levels = tuple(Level(days[a], days[b - 1] + dt.timedelta(1), float(level[a]) * per_week) for a, b in pairwise(cuts))
    if spread is not None and spread.arrivals and not spread.hours_known:
        del profile["hours"]  # nothing in the log tells
    assumption = spread.arrivals if spread is not None else None
    return Inflow(levels, profile, on_holidays, holidays, len(arrived), int((~ordinary).sum()), dispersion, first_day, assumption, _doubt(len(days) // 7), drift(*weeks))


def _doubt(weeks: int) -> float:
    """Student's quantile over the normal one: squared differences of n weeks say as much as 2 (n - 1) / 3 independent squares (von Neumann 1941)."""
    if weeks < 2 * LEAST_WEEKS:
        return 1.0  # taken to be chance alone
    return float(special.stdtrit(2 * (weeks - 1) / 3, 0.975) / special.ndtri(0.975))


def _share_until(at: pd.Timestamp, hours: NDArray[np.float64]) -> float:
    """Of the arrivals of a day, the share that comes before a time of day; of so many seen in each hour."""
    passed = np.clip(at.hour + at.minute / 60 - np.arange(24), 0.0, 1.0)
    return float(np.sum(hours * passed)) / max(1.0, float(hours.sum()))


def _ratios(counts: NDArray[np.float64], expected: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Observed over expected in each group of days; days without expectation count in none."""
    counts = np.where(expected > 0, counts, 0.0)
    return np.bincount(group, counts, groups) / np.maximum(np.bincount(group, expected, groups), 1e-9)


def _on_holidays(counts: NDArray[np.float64], expected: NDArray[np.float64], weekly: NDArray[np.float64]) -> float:
    working = float(weekly[:5].mean())
    like_sunday = float(weekly[6]) / working if working > 0 else 1.0
    prior = TRUSTED_HOLIDAYS * (float(expected.mean()) if len(expected) and expected.mean() > 0 else 1.0)
    return min(1.0, (float(counts.sum()) + prior * like_sunday) / (float(expected.sum()) + prior))


def _more_than_chance(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Squared coefficient of variation of days beyond that of a Poisson number."""
    excess = float(np.sum((counts - expected) ** 2 - expected)) / max(1e-9, float(np.sum(expected**2)))
    return max(0.0, excess)


def _cuts(counts: NDArray[np.float64], shape: NDArray[np.float64]) -> tuple[list[int], float]:
    """Days on which the level changes, the first and the day after the last included; and the dispersion of weeks."""
    weeks = np.arange(0, len(counts) + 1, 7)
    if len(weeks) - 1 < 2 * LEAST_WEEKS:
        return [0, len(counts)], 1.0
    y, e = np.add.reduceat(counts[: weeks[-1]], weeks[:-1]), np.add.reduceat(shape[: weeks[-1]], weeks[:-1])
    rate = y / np.maximum(e, 1e-9)
    # From week to week, so that changes of level do not count as dispersion.
    steps = np.diff(rate) ** 2 / (1 / np.maximum(e[1:], 1e-9) + 1 / np.maximum(e[:-1], 1e-9))
    dispersion = max(LEAST_DISPERSION, float(steps.mean()) / max(1e-9, float(y.sum() / max(1e-9, e.sum()))))
    found = _split(y, e, max(1.0, dispersion))  # a change must be beyond chance
    return [0, *(int(weeks[k]) for k in found), len(counts)], dispersion


def _split(y: NDArray[np.float64], e: NDArray[np.float64], dispersion: float, offset: int = 0) -> list[int]:
    """Weeks before which the level changes."""
    n = len(y)
    if n < 2 * LEAST_WEEKS or y.sum() == 0:
        return []
    at = np.arange(LEAST_WEEKS, n - LEAST_WEEKS + 1)
    before, until = np.cumsum(y)[at - 1], np.cumsum(e)[at - 1]
    after, since = y.sum() - before, e.sum() - until
    ratio = 2 * (_term(before, until) + _term(after, since) - _term(y.sum(), e.sum())) / dispersion
    best = int(np.argmax(ratio))
    low, high = sorted((before[best] / max(1e-9, until[best]), after[best] / max(1e-9, since[best])))
    if ratio[best] < SURE or high - low < LEAST_CHANGE * high:
        return []
    k = int(at[best])
    return [*_split(y[:k], e[:k], dispersion, offset), offset + k, *_split(y[k:], e[k:], dispersion, offset + k)]


def _term(count: Any, expected: Any) -> Any:
    return np.where(np.asarray(count) > 0, count * np.log(np.maximum(count, 1e-9) / np.maximum(expected, 1e-9)), 0.0)
