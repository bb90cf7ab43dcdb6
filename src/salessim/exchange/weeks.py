"""Weekly calendars of others -- periods of weekdays and hours -- as shifts, and as stretches of a week to count with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from salessim.scenario.calendars import DAYS

MINUTES_OF_WEEK = 7 * 1440
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d+)?)?(?:Z|[+-]00:?00)?")


@dataclass(frozen=True)
class Week:
    """The stretches of a week in which a calendar is open, in minutes from Monday midnight, sorted and apart."""

    open: tuple[tuple[int, int], ...]
    rounded: bool = False
    """Whether times were not on the minute."""
    fuzzy: bool = False
    """Whether there were chances below one."""

    @property
    def always(self) -> bool:
        """Open day and night."""
        return self.open == ((0, MINUTES_OF_WEEK),)

    @property
    def key(self) -> str:
        """The same for equal weeks."""
        return repr(self.open)

    @property
    def hours(self) -> float:
        """Open hours in a week."""
        return sum(b - a for a, b in self.open) / 60

    @property
    def gaps(self) -> list[int]:
        """The closed stretches of the week in minutes, the one over its end included."""
        if self.always:
            return []
        ends = [(self.open[i - 1][1] - (MINUTES_OF_WEEK if i == 0 else 0), a) for i, (a, _) in enumerate(self.open)]
        return [a - b for b, a in ends if a > b]

    @property
    def shifts(self) -> list[dict[str, str]]:
        """The calendar in the scenario language; days with equal hours together."""
        spans: dict[int, list[str]] = {}
        for start, end in self.open:
            while start < end:  # a shift ends at midnight at the latest; stretches that touch are one again when read
                stop = min(end, (start // 1440 + 1) * 1440)
                spans.setdefault(start // 1440, []).append(f"{_clock(start % 1440)}-{_clock(stop - 1440 * (start // 1440))}")
                start = stop
        together: dict[str, list[int]] = {}
        for day in sorted(spans):
            together.setdefault(", ".join(spans[day]), []).append(day)
        return [{"days": _words(days), "hours": hours} for hours, days in together.items()]

    @classmethod
    def together(cls, weeks: Iterable[Week]) -> Week:
        """Open when one of them is."""
        return cls(_merged([stretch for week in weeks for stretch in week.open]))

    def next_open(self, minute: float) -> float:
        """The first moment from `minute` on, counted over weeks, at which it is open."""
        week, here = divmod(minute, MINUTES_OF_WEEK)
        for start, end in self.open:
            if here < end:
                return week * MINUTES_OF_WEEK + max(here, start)
        return (week + 1) * MINUTES_OF_WEEK + self.open[0][0]


def read_week(periods: Any) -> Week:
    """The week of a list of {"from": "MONDAY", "to": "FRIDAY", "beginTime": "09:00:00", "endTime": "17:00:00"}.

    Raises:
        ValueError: "problem; remedy".
    """
    if not isinstance(periods, list) or not periods:
        raise ValueError("the calendar has no periods; add one")
    found, rounded, fuzzy = [], False, False
    for period in periods:
        if not isinstance(period, dict):
            raise ValueError(f"{str(period)[:40]!r} is no period; give from, to, beginTime and endTime")
        first, last = (_day(period.get(k)) for k in ("from", "to"))
        (begin, a), (end, b) = _minutes(period.get("beginTime")), _minutes(period.get("endTime"))
        rounded, fuzzy = rounded or a or b, fuzzy or float(period.get("probability", 1) or 0) < 1
        end = end if end > begin else end + 1440
        for day in range(first, first + (last - first) % 7 + 1):
            at = day % 7 * 1440
            found.append((at + begin, at + end))
    week = [(a, min(b, MINUTES_OF_WEEK)) for a, b in found] + [(0, b - MINUTES_OF_WEEK) for _, b in found if b > MINUTES_OF_WEEK]
    return Week(_merged(week), rounded, fuzzy)


def _day(word: Any) -> int:
    text = str(word).upper()
    if text not in _DAYS:
        raise ValueError(f"{str(word)[:20]!r} is no weekday; write MONDAY to SUNDAY")
    return _DAYS.index(text)


def _minutes(text: Any) -> tuple[int, bool]:
    """Minutes from midnight, and whether that is not exact; the last second of a day is its end."""
    match = _TIME.fullmatch(str(text).strip())
    if match is None or int(match[1]) > 24 or int(match[2]) > 59 or int(match[3] or 0) > 59:
        raise ValueError(f"{str(text)[:20]!r} is no time of day; write for example 09:00:00")
    minute, second = 60 * int(match[1]) + int(match[2]), int(match[3] or 0) + float(match[4] or 0)
    return minute + (second >= 30), second not in (0.0, 59.0) and not 59 < second < 60


def _merged(stretches: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    result: list[tuple[int, int]] = []
    for a, b in sorted(stretches):
        if result and a <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], b))
        else:
            result.append((a, b))
    return tuple(result)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _words(days: list[int]) -> str:
    """Weekdays in words: runs as "Mon-Fri"."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(DAYS[r[0]] if len(r) == 1 else f"{DAYS[r[0]]}-{DAYS[r[-1]]}" for r in runs)
