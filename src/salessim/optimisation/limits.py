"""Limits on measures, in words: "cost <= 90000 EUR/month", "cycle_time <= 3 weeks", "win_rate >= 10 %"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from salessim.errors import InputError
from salessim.measures import MEASURES, about, unit
from salessim.scenario.checks import nearest
from salessim.units import DAY, HOUR, MONTH, WEEK, cost_rate, duration, half_width, money, number, rate, says_money, share

_LIMIT = re.compile(r"\s*(<=|>=|<|>|≤|≥)\s*(.+)", re.DOTALL)


@dataclass(frozen=True)
class Limit:
    """A bound that a measure must keep."""

    measure: str
    bound: float
    upper: bool

    def holds(self, value: float) -> bool:
        """Whether a figure keeps the limit; one that does not exist does not."""
        return value <= self.bound if self.upper else value >= self.bound

    def excess(self, value: float) -> float:
        """By how much of the bound a figure breaks the limit; 0 if it keeps it."""
        if self.holds(value):
            return 0.0
        return abs(value - self.bound) / abs(self.bound) if self.bound and math.isfinite(value) else math.inf

    def words(self, currency: str) -> str:
        """For people."""
        return f"{about(self.measure).title.lower()} {'at most' if self.upper else 'at least'} {self.bound:,.6g} {unit(self.measure, currency)}"


def figure(name: str, text: str, currency: str) -> float:
    """A quantity in words as a number in a measure's unit; a bare number is in that unit already.

    Raises:
        ValueError: it is of another kind or currency; with problem and remedy.

    Example:
        >>> figure("cycle_time", "3 weeks", "EUR"), figure("lost_customers", "52 per year", "EUR") < 1
        (21.0, True)
    """
    wanted, body = about(name).unit, half_width(text.strip())
    try:
        if re.fullmatch(r"[-+]?[\d., ]*\d(?:[eE][-+]?\d+)?", body):
            return number(body, example=f"10 {unit(name, currency)}")
        if wanted in ("days", "h"):
            return duration(body) / (DAY if wanted == "days" else HOUR)
        if wanted == "per week":
            return rate(body).per_tick * WEEK
        if wanted == "%":
            return 100 * share(body)
        if wanted.startswith("money"):
            return _money(wanted, body, currency)
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise ValueError(f"{problem}; write it in {unit(name, currency)}" if not remedy else str(wrong)) from None
    raise ValueError(f"{text.strip()!r} is not a number of {wanted}; write a number")


def _money(wanted: str, body: str, currency: str) -> float:
    if not says_money(body) and not re.search(r"[A-Za-z]{3}", body.partition("/")[0].partition(" per ")[0]):
        body = re.sub(r"^([\d., ]*\d)", rf"\1 {currency}", body)
    if wanted == "money":
        amount, given = money(body)
    else:
        pay = cost_rate(body if "/" in body or " per " in body or "每" in body else f"{body}/month")
        amount, given = pay.amount * MONTH / pay.per, pay.currency
    if given != currency:
        raise ValueError(f"{body!r} is not in {currency}; convert it")
    return amount


def parse_limit(name: str, text: str, currency: str) -> Limit:
    """A limit from words such as "<= 90000/month".

    Raises:
        InputError: an unknown measure, or words that are no limit on it.
    """
    if name not in MEASURES:
        raise InputError(f"limit {name!r}", "there is no such measure", nearest(name, MEASURES))
    match = _LIMIT.fullmatch(str(text))
    if match is None:
        raise InputError(f"limit {name}", f"{text!r} is not a limit", f"write for example '<= 10 {unit(name, currency)}'")
    try:
        bound = figure(name, match.group(2), currency)
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError(f"limit {name}", problem, remedy) from None
    return Limit(name, bound, match.group(1) in ("<=", "<", "≤"))


def parse_limits(limits: Mapping[str, str] | Iterable[str], currency: str) -> tuple[Limit, ...]:
    """Limits from {"cost": "<= 90000/month"} or from ["cost <= 90000/month"].

    Raises:
        InputError: see `parse_limit`.
    """
    if isinstance(limits, Mapping):
        return tuple(parse_limit(name, text, currency) for name, text in limits.items())
    found = []
    for text in limits:
        sign = re.search("[<>≤≥]", text)
        if sign is None:
            raise InputError("limit", f"{text!r} is not a limit", "write for example 'cost <= 90000/month'")
        found.append(parse_limit(text[: sign.start()].strip(), text[sign.start() :], currency))
    return tuple(found)
