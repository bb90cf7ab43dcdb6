"""What a figure is measured in -- days, EUR/month, per week, %, or a word of somebody's own -- and quantities in words read in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from salessim.units import duration, half_width, money, number_of, share, unit_of_time

_PER = re.compile(r"(?P<what>.*?)\s*(?:/|\bper\b|每)\s*(?P<time>[^\W\d_]+)", re.IGNORECASE | re.DOTALL)
_BARE = r"[-+]?(?:\d+(?:[ _,]\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d+)?"
_COUNT = re.compile(rf"({_BARE})\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Unit:
    """A unit, understood.

    Example:
        >>> per_month = unit_of("money/month", "EUR")
        >>> per_month.text, per_month.kind, per_month.read("12 EUR/day")
        ('EUR/month', 'money', 365.25)
        >>> unit_of("of 100", "EUR").read("85 of 100"), unit_of("days", "EUR").read("3 weeks"), unit_of("per week", "EUR").read("2 per day")
        (85.0, 21.0, 14.0)
    """

    text: str
    """As it is shown."""
    kind: Literal["time", "money", "percent", "count"]
    of: str = ""
    """What there are so many of: a unit of time, the currency, deals, "of 100"; empty for bare numbers."""
    ticks: int = 1
    """Of the unit of time."""
    per: int | None = None
    """Ticks of the time that it is given per, if it is."""

    def read(self, text: str, *, bounded: bool = False) -> float:
        """A quantity in words as a number in this unit; a bare number is in it already.

        Args:
            text: such as "3 weeks", "12 EUR/hour", "85 of 100", "-5 %".
            bounded: whether the figure is never negative, and as a percentage never above 100.

        Raises:
            ValueError: it is of another kind or currency; with problem and remedy.
        """
        whole = text.strip()
        body = half_width(whole).replace("−", "-")
        if re.fullmatch(r"[-+]?[\d., _]*\d(?:[eE][-+]?\d+)?", body):
            value = number_of(body, whole)
        else:
            sign, body = (-1.0, body[1:].strip()) if body.startswith("-") else (1.0, body)
            value = sign * self._said(body, whole, bounded)
        if bounded and value < 0:
            raise ValueError(f"{whole!r} is negative; write zero or more")
        return value

    def _said(self, body: str, whole: str, bounded: bool) -> float:
        """A quantity that is said with its unit."""
        rate = 1.0
        if self.per is not None:
            split = _PER.fullmatch(body)
            if split is not None:
                body, rate = split["what"], self.per / unit_of_time(split["time"], whole)
            elif self.kind != "money":  # money without a time is meant per that of the unit
                raise ValueError(f"{whole!r} does not say per what; write it in {self.text}")
        if self.kind == "time":
            return rate * duration(body) / self.ticks
        if self.kind == "percent":
            return 100 * share(body) if bounded else number_of(body.removesuffix("%").strip(), whole)
        if self.kind == "money":
            amount, currency = money(_with_currency(body, self.of))
            if currency != self.of:
                raise ValueError(f"{whole!r} is not in {self.of}; convert it")
            return rate * amount
        count = _COUNT.fullmatch(body)
        if count is None or not count[1] or count[2].strip() not in ("", self.of):
            raise ValueError(f"{whole!r} is not a number of {self.text}; write a number" if self.text else f"{whole!r} is not a number; write one")
        return rate * number_of(count[1], whole)


def _with_currency(amount: str, currency: str) -> str:
    if amount.endswith("元"):
        return f"{amount[:-1]} CNY"
    return amount if re.search(r"[A-Za-z]{3}", amount) else f"{amount} {currency}"


def unit_of(text: str, currency: str) -> Unit:
    """A unit in words, understood; one that says nothing known counts things of that name.

    Args:
        text: such as "days", "money/month", "per week", "%", "deals per month", "of 100".
        currency: what "money" stands for.
    """
    body = text.strip()
    if body in ("%", "％"):
        return Unit("%", "percent")
    of, per = body, None
    if (split := _PER.fullmatch(body)) is not None:
        try:
            of, per = split["what"].strip(), unit_of_time(split["time"], body)
        except ValueError:  # "cases/person" counts things, and so does "of 100 per person"
            split = None
    shown = f"{of}/{split['time']}" if split is not None and of else body
    if of in ("money", currency) or (of, currency) == ("元", "CNY"):
        return Unit(currency + shown[len(of) :], "money", currency, per=per)
    try:
        return Unit(shown, "time", of, unit_of_time(of, body), per)
    except ValueError:
        return Unit(shown, "count", of, per=per)
