"""Calendars as people write them -- shifts by weekday, holidays, closed and extra days -- resolved to intervals.

Shifts are wall-clock times; they become elapsed ticks since the scenario's start through the time zone's rules, so a
night shift on the day the clocks change is an hour shorter or longer, as it is.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from functools import lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, model_validator

from salessim.durations import Law
from salessim.hours import Intervals, merged
from salessim.memo import Content, content
from salessim.units import SECOND, Share, half_width

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_WORDS = {d.lower(): i for i, d in enumerate(DAYS)}
_DAY_WORDS |= {
    w: i for i, w in enumerate(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
}
for _prefix in ("周", "星期", "礼拜"):
    _DAY_WORDS |= {_prefix + w: i for i, w in enumerate("一二三四五六日")}
    _DAY_WORDS[_prefix + "天"] = 6
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_WORDS = {m.lower(): i for i, m in enumerate(MONTHS)}
_MONTH_WORDS |= {
    w: i
    for i, w in enumerate(["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"])
}
_MONTH_WORDS |= {f"{i + 1}月": i for i in range(12)}
_MONTH_WORDS |= {f"{w}月": i for i, w in enumerate(("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"))}
_SPAN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\s*")
_UTC = dt.UTC


def weekdays(text: str) -> frozenset[int]:
    """Weekday numbers (Monday 0) from words: "Mon-Fri", "Mon, Wed", "周一-周五".

    Example:
        >>> sorted(weekdays("Mon-Wed, Sat"))
        [0, 1, 2, 5]
    """
    days: set[int] = set()
    for piece in re.split(r"[,，、]", text):
        ends = [_day(word) for word in re.split(r"[-–—~～－至到]", piece)]
        if len(ends) > 2:
            raise ValueError(f"{piece.strip()!r} is not a range of days; write for example 'Mon-Fri'")
        days |= {(ends[0] + i) % 7 for i in range((ends[-1] - ends[0]) % 7 + 1)}
    return frozenset(days)


def _day(word: str) -> int:
    try:
        return _DAY_WORDS[word.strip().lower()]
    except KeyError:
        raise ValueError(f"{word.strip()!r} is not a weekday; write Mon, Tue, Wed, Thu, Fri, Sat or Sun") from None


def by_weekday(data: Any) -> Any:
    """A profile over weekdays with its keys as Mon to Sun, however they were written ("周一", "monday").

    Raises:
        ValueError: one day is given twice.
    """
    return _renamed(data, _DAY_WORDS, DAYS)


def by_month(data: Any) -> Any:
    """A profile over months with its keys as Jan to Dec, however they were written ("2月", "february").

    Raises:
        ValueError: one month is given twice.
    """
    return _renamed(data, _MONTH_WORDS, MONTHS)


def _renamed(data: Any, words: dict[str, int], names: tuple[str, ...]) -> Any:
    if not isinstance(data, dict):
        return data
    result: dict[Any, Any] = {}
    for key, value in data.items():
        word = str(key).replace(" ", "").lower()
        name = names[words[word]] if word in words else key
        if name in result:
            raise ValueError(f"{key!r} is given twice; keep one of them")
        result[name] = value
    return result


ANY_WEEKDAY = tuple(dict.fromkeys((*DAYS, *(w for w in _DAY_WORDS if not w.isascii()))))
ANY_MONTH = tuple(dict.fromkeys((*MONTHS, *(w for w in _MONTH_WORDS if not w.isascii()))))
"""What editors offer for the keys of profiles."""


def spans(text: str) -> tuple[tuple[int, int], ...]:
    """Working spans of a day in minutes from midnight; one that runs past midnight ends above 1440.

    Example:
        >>> spans("09:00-12:30, 22:00-06:00")
        ((540, 750), (1320, 1800))
    """
    result = []
    for piece in re.split(r"[,，、]", text):
        match = _SPAN.fullmatch(half_width(piece).replace("至", "-").replace("到", "-").replace("~", "-"))
        if match is None:
            raise ValueError(f"{piece.strip()!r} is not a span of hours; write for example '09:00-12:30'")
        h1, m1, h2, m2 = map(int, match.groups())
        start, end = 60 * h1 + m1, 60 * h2 + m2
        if max(m1, m2) > 59 or start >= 1440 or end > 1440:
            raise ValueError(f"{piece.strip()!r} has a time that no clock shows; write times from 00:00 to 24:00")
        if end == start:
            raise ValueError(f"{piece.strip()!r} has no length; write an end after the start")
        result.append((start, end if end > start else end + 1440))
    return tuple(result)


def hours_of_week(text: str) -> tuple[frozenset[int], tuple[tuple[int, int], ...]]:
    """Spans of some weekdays, of all if none is named: the weekdays (Monday is 0), and the spans as from `spans`.

    Example:
        >>> days, hours = hours_of_week("Sat, Sun 09:00-12:00")
        >>> sorted(days), hours
        ([5, 6], ((540, 720),))
        >>> len(hours_of_week("09:00-12:00")[0])
        7
    """
    words = re.match(r"\D*", half_width(text))
    named = words[0].strip() if words else ""
    return frozenset(weekdays(named)) if named else frozenset(range(7)), spans(half_width(text)[words.end() if words else 0 :])


def minutes_of_day(text: str) -> int:
    """A time of day in minutes from midnight.

    Example:
        >>> minutes_of_day("18:30")
        1110
    """
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*", half_width(str(text)))
    if match is None or int(match[1]) > 24 or int(match[2]) > 59 or (int(match[1]) == 24 and int(match[2])):
        raise ValueError(f"{text!r} is not a time of day; write for example '18:00'")
    return 60 * int(match[1]) + int(match[2])


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


SLOT = 15
"""Minutes: of each such slot a shift with a share is open for its share, so within an hour as over the whole shift."""


class Shift(_Part):
    """The spans worked on some weekdays, or of which a share counts: of every quarter of an hour the first part."""

    days: str
    hours: str
    share: Share = 1.0
    """How much of the time is open: at 20 %, whoever or whatever keeps this calendar gets on at a fifth of the usual pace."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        weekdays(self.days)
        spans(self.hours)
        if self.share < 0.001:
            raise ValueError(f"a share of {100 * self.share:g} % leaves no time; give at least 0.1 %, or leave the shift out")
        return self

    @property
    def pieces(self) -> tuple[tuple[float, float], ...]:
        """Open spans of a day in minutes from midnight.

        Example:
            >>> Shift(days="Sat", hours="10:00-10:30", share=0.2).pieces
            ((600, 603.0), (615, 618.0))
        """
        if self.share == 1:
            return spans(self.hours)
        return tuple((at, at + self.share * min(SLOT, end - at)) for begin, end in spans(self.hours) for at in range(begin, end, SLOT))


class Holidays(_Part):
    """The public holidays of a country or a part of it, which are days without shifts."""

    country: str
    subdivision: str | None = None


class OpenDay(_Part):
    """A single day with its own hours, whatever weekday or holiday it is."""

    date: dt.date
    hours: str

    @model_validator(mode="after")
    def _readable(self) -> Self:
        spans(self.hours)
        return self


class Outages(_Part):
    """Random down times of a system: the time from a repair to the next failure (MTBF), and that of a repair (MTTR)."""

    between: Law
    repair: Law
    source: str | None = None
    assumption: str | bool | None = None

    @model_validator(mode="after")
    def _sane(self) -> Self:
        for what in ("between", "repair"):
            if getattr(self, what).mean <= 0:
                raise ValueError(f"'{what}' takes no time; give for example '{'30 days' if what == 'between' else '4 h'}'")
        return self


class Calendar(_Part):
    """When people or systems work: weekly shifts less holidays and closed days, plus single open days, less outages."""

    shifts: tuple[Shift, ...] = ()
    holidays: str | Holidays | None = None
    closed: tuple[str, ...] = ()
    open: tuple[OpenDay, ...] = ()
    outages: Outages | None = None
    time_zone: str | None = None
    source: str | None = None
    assumption: str | bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _dates_are_words(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("closed"), list | tuple):
            data = data | {"closed": tuple(str(d) for d in data["closed"])}
        return data

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if not self.shifts and not self.open:
            raise ValueError("the calendar has no working time; add shifts")
        for text in self.closed:
            dates(text)
        if self.time_zone is not None:
            zone(self.time_zone)
        if self.holidays is not None:
            public_holidays(self.holidays, 2026)
        return self

    def intervals(self, start: dt.date, time_zone: str, horizon: int, *, whole_days: bool = False) -> Intervals:
        """The working intervals in [0, horizon) in ticks since midnight of `start` in `time_zone`.

        Outages are not in it: they differ from run to run (`staff`). An overnight shift belongs to the day on which it starts; a holiday is a day on which no shift starts.

        Args:
            start: first day of the scenario.
            time_zone: IANA name of the scenario's clock.
            horizon: ticks.
            whole_days: the days on which it opens, each from midnight to midnight, instead of its hours.

        Example:
            >>> office = Calendar(shifts=[Shift(days="Mon-Fri", hours="09:00-17:00")], closed=["2026-01-06"])
            >>> [(a // (86_400 * SECOND), b // (86_400 * SECOND)) for a, b in office.intervals(dt.date(2026, 1, 5), "UTC", 9 * 86_400 * SECOND, whole_days=True)]
            [(0, 1), (2, 5), (7, 9)]
        """
        return list(_intervals(content(self), start, time_zone, horizon, whole_days))

    def _resolved(self, start: dt.date, time_zone: str, horizon: int, whole_days: bool) -> Intervals:
        origin = midnight(start, time_zone)
        here = zone(self.time_zone or time_zone)
        days = horizon // (86_400 * SECOND) + 3
        closed = {day for text in self.closed for day in dates(text)}
        if self.holidays is not None:
            first, last = start - dt.timedelta(days=2), start + dt.timedelta(days=days)
            for year in range(first.year, last.year + 1):
                closed |= public_holidays(self.holidays, year)
        extra: dict[dt.date, list[tuple[float, float]]] = {}
        for day in self.open:
            extra.setdefault(day.date, []).extend(spans(day.hours))
        weekly: list[list[tuple[float, float]]] = [[] for _ in DAYS]
        for shift in self.shifts:
            for weekday in weekdays(shift.days):
                weekly[weekday].extend(shift.pieces)
        found: Intervals = []
        for n in range(-2, days):
            date = start + dt.timedelta(days=n)
            todays = extra.get(date, [] if date in closed else weekly[date.weekday()])
            for begin, end in [(0, 1440)] if whole_days and todays else todays:
                found.append((_ticks(origin, date, begin, here), _ticks(origin, date, end, here)))
        return [(max(a, 0), min(b, horizon)) for a, b in merged(found) if b > 0 and a < horizon]


@lru_cache(maxsize=256)
def _intervals(calendar: Content, start: dt.date, time_zone: str, horizon: int, whole_days: bool) -> tuple[tuple[int, int], ...]:
    """The intervals of a calendar, computed once for all scenarios that have it."""
    return tuple(calendar.record._resolved(start, time_zone, horizon, whole_days))


def zone(name: str) -> ZoneInfo:
    """The time zone of a name, with a remedy when there is none."""
    try:
        return ZoneInfo(name)
    except Exception:
        from zoneinfo import available_timezones

        near = difflib.get_close_matches(name, sorted(available_timezones()), 1)
        hint = f"did you mean {near[0]!r}?" if near else "write an IANA name such as 'Europe/Berlin'"
        raise ValueError(f"there is no time zone {name!r}; {hint}") from None


def midnight(date: dt.date, time_zone: str) -> dt.datetime:
    """The scenario's origin: local midnight, as UTC."""
    return dt.datetime(date.year, date.month, date.day, tzinfo=zone(time_zone)).astimezone(_UTC)


def _ticks(origin: dt.datetime, date: dt.date, minute: float, here: ZoneInfo) -> int:
    wall = dt.datetime(date.year, date.month, date.day) + dt.timedelta(minutes=minute)
    return round((wall.replace(tzinfo=here).astimezone(_UTC) - origin).total_seconds()) * SECOND


def dates(text: str) -> list[dt.date]:
    """The days of "2026-12-24" or "2026-08-03 to 2026-08-14", both ends included."""
    ends = re.split(r"\s+(?:to|至)\s+", text.strip())
    try:
        first, last = dt.date.fromisoformat(ends[0]), dt.date.fromisoformat(ends[-1])
        if len(ends) > 2:
            raise ValueError
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write '2026-12-24' or '2026-08-03 to 2026-08-14'") from None
    if last < first or (last - first).days > 3660:
        raise ValueError(f"{text!r} ends before it starts, or after ten years; write the earlier date first")
    return [first + dt.timedelta(days=i) for i in range((last - first).days + 1)]


@lru_cache(maxsize=512)
def public_holidays(which: str | Holidays, year: int) -> frozenset[dt.date]:
    """The public holidays of a year."""
    import holidays

    country, subdivision = (which, None) if isinstance(which, str) else (which.country, which.subdivision)
    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise ValueError(f"there are no holidays for the country {country!r}; {_country_hint(country, known)}")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
    except NotImplementedError:
        parts = ", ".join(known[country][:12])
        raise ValueError(f"{country} has no subdivision {subdivision!r}; use one of {parts}") from None


_PARTS = {"england": "ENG", "scotland": "SCT", "wales": "WLS", "northern ireland": "NIR", "英格兰": "ENG", "苏格兰": "SCT"}
"""Parts of the United Kingdom, which people take for countries."""
_CALLED = {
    "great britain": "GB", "britain": "GB", "united states of america": "US", "america": "US", "holland": "NL", "deutschland": "DE", "österreich": "AT",
    "schweiz": "CH", "españa": "ES", "italia": "IT", "中国": "CN", "英国": "GB", "美国": "US", "德国": "DE", "法国": "FR", "意大利": "IT", "西班牙": "ES", "日本": "JP",
    "韩国": "KR", "香港": "HK", "澳门": "MO", "台湾": "TW", "新加坡": "SG", "马来西亚": "MY", "泰国": "TH", "越南": "VN", "印度": "IN", "澳大利亚": "AU", "加拿大": "CA",
}  # fmt: skip
"""Names by which people know countries, besides their English ones."""


def _country_hint(country: str, known: Any) -> str:
    """A remedy for what is not the code of a country: by its name, else by what looks like it."""
    from holidays.registry import COUNTRIES

    said = " ".join(country.replace("_", " ").split()).lower()
    if said in _PARTS:
        return f"write {{country: GB, subdivision: {_PARTS[said]}}}, or GB"
    names = {**{module.replace("_", " "): codes[1] for module, codes in COUNTRIES.items()}, **_CALLED}
    near = difflib.get_close_matches(said, names, 1, cutoff=0.75)
    if near:
        return f"write the code {names[near[0]]!r}"
    codes = difflib.get_close_matches(country.upper(), sorted(known), 1) if len(country) <= 3 else []
    return f"did you mean {codes[0]!r}?" if codes else "write a code such as 'DE' or 'CN'"
