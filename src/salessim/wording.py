"""Numbers and counted things as people read them: never as a power of ten, in the unit that fits, and in the right number."""

from __future__ import annotations

import math

_UNITS = (("day", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
"""Seconds of each; only the first has a plural."""


def counted(count: int, one: str, many: str = "") -> str:
    """So many of something.

    Args:
        count: how many.
        one: the word for one.
        many: the word for any other number, where it is not made with an s.

    Example:
        >>> counted(1, "team"), counted(0, "team"), counted(1200, "person", "people")
        ('1 team', '0 teams', '1,200 people')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def rounded(value: float, digits: int = 3, *, whole: bool = False) -> str:
    """A number rounded to so many digits, never as a power of ten, thousands apart.

    Args:
        value: the number.
        digits: that count.
        whole: keep all digits before the point, as of an amount or a bound that somebody wrote.

    Example:
        >>> rounded(2.4999), rounded(0.0123), rounded(33412), rounded(14.0), rounded(33412, whole=True)
        ('2.5', '0.0123', '33,400', '14', '33,412')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–" if math.isnan(value) else "∞" if value > 0 else "-∞"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    places = max(places, 0) if whole else places
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def lasting(seconds: float, digits: int = 3, longest: str = "day") -> str:
    """A time in the largest unit that it fills.

    Args:
        seconds: not negative.
        digits: that count.
        longest: the largest unit, "h" for working time, of which a day holds less than 24 hours.

    Example:
        >>> lasting(1_271_000), lasting(1_271_000, longest="h"), lasting(90), lasting(86_400), lasting(0)
        ('14.7 days', '353 h', '1.5 min', '1 day', '0 min')
    """
    if seconds <= 0:
        return "0 min"
    fitting = _UNITS[[name for name, _ in _UNITS].index(longest) :]
    name, size = next((unit for unit in fitting if seconds >= unit[1]), fitting[-1])
    number = rounded(seconds / size, digits)
    return f"{number} {name}{'s' if name == 'day' and number != '1' else ''}"


__all__ = ["counted", "lasting", "rounded"]
