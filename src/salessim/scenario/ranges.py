"""What a range lever runs over: words such as "30 EUR/hour" as numbers of one scale, and back.

A scale keeps the unit of the lever's first bound, so that what a search proposes reads as the planner wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from salessim.units import Amount, Frequency, Pay, cost_rate, duration, money, rate, say_duration, say_share, says_money, share

Kind = Literal["number", "share", "time", "money", "pay", "rate"]
SAID = {"number": "a number", "share": "a share", "time": "a time", "money": "an amount of money", "pay": "money per time", "rate": "a rate"}


@dataclass(frozen=True)
class Scale:
    """A kind of quantity with the unit in which it is said."""

    kind: Kind
    currency: str = ""
    per: int = 1
    """Ticks of the unit of time of a pay or a rate."""

    def words(self, number: float) -> Any:
        """A number of this scale as a scenario file would have it."""
        if self.kind == "number":
            return number
        if self.kind == "share":
            return say_share(number)
        if self.kind == "time":
            return say_duration(number)
        if self.kind == "money":
            return str(Amount(number, self.currency))
        return str(Pay(number, self.currency, self.per) if self.kind == "pay" else Frequency(number, self.per))


def read(value: Any) -> tuple[Scale, float]:
    """The scale and number of a quantity in words, or of a plain number.

    Raises:
        ValueError: it is none; with problem and remedy.

    Example:
        >>> read("40 %")[1], read("30 EUR/hour")[1], read("2 min")[1]
        (0.4, 30.0, 120000000.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Scale("number"), float(value)
    if isinstance(value, str) and re.fullmatch(r"0?\.\d+(e-?\d+)?|[01](\.0*)?|\d(\.\d+)?e-\d+", value):
        return Scale("share"), float(value)  # shares that no percentage says exactly
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a quantity; write for example '25 min', '40 %' or '30 EUR/hour'")
    if value.strip().endswith(("%", "％")):
        return Scale("share"), share(value)
    if re.search(r"[/／]|\bper\b|每", value):
        if says_money(value):
            pay = cost_rate(value)
            return Scale("pay", pay.currency, pay.per), pay.amount
        frequency = rate(value)
        return Scale("rate", per=frequency.per), frequency.count
    try:
        return Scale("time"), float(duration(value))
    except ValueError as wrong:
        try:
            amount, currency = money(value)
        except ValueError:
            raise wrong from None
        return Scale("money", currency), amount


def on(scale: Scale, value: Any) -> float:
    """A quantity as a number of a given scale.

    Raises:
        ValueError: it is of another kind or currency.
    """
    mine, number = read(value)
    if scale.kind == "share" and mine.kind == "number":
        return share(value)
    if mine.kind != scale.kind or mine.currency != scale.currency:
        raise ValueError(f"{value!r} is {SAID[mine.kind]} where {SAID[scale.kind]} belongs; use one kind of unit")
    return number * scale.per / mine.per
