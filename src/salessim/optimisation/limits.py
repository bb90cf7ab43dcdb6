"""Limits on measures, in words: "cost <= 90000 EUR/month", "cycle_time <= 3 weeks", "margin >= -500 EUR/month"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from salessim.catalogue import Catalogue
from salessim.errors import InputError
from salessim.measures import Measure

_LIMIT = re.compile(r"(?P<name>.*?)\s*(?P<sign><=|>=|<|>|≤|≥)\s*(?P<bound>[^<>=≤≥]+)", re.DOTALL)


@dataclass(frozen=True)
class Limit:
    """A bound that a measure must keep."""

    of: Measure
    bound: float
    upper: bool

    @property
    def measure(self) -> str:
        """The name of the measure."""
        return self.of.name

    def holds(self, value: float) -> bool:
        """Whether a figure keeps the limit; one that does not exist does not."""
        return value <= self.bound if self.upper else value >= self.bound

    def excess(self, value: float) -> float:
        """By how much of the bound a figure breaks the limit; 0 if it keeps it."""
        if self.holds(value):
            return 0.0
        return abs(value - self.bound) / abs(self.bound) if self.bound and math.isfinite(value) else math.inf

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.of.phrase} {'at most' if self.upper else 'at least'} {self.bound:,.6g} {self.of.unit}".rstrip()


def figure(name: str, text: str, known: Catalogue) -> float:
    """A quantity in words as a number in a measure's unit; a bare number is in that unit already.

    Raises:
        ValueError: it is of another kind or currency; with problem and remedy.

    Example:
        >>> built_in = Catalogue({}, "EUR")
        >>> figure("cycle_time", "3 weeks", built_in), figure("lost_customers", "52 per year", built_in) < 1
        (21.0, True)
    """
    try:
        return known.unit(name).read(text, bounded=known.about(name).bounded)
    except ValueError as wrong:
        if "; " in str(wrong):
            raise
        raise ValueError(f"{wrong}; write it in {known.about(name).unit}") from None


def parse_limit(name: str, text: str, known: Catalogue) -> Limit:
    """A limit from words such as "<= 90000/month".

    Args:
        name: a measure, built-in or the scenario's own.
        text: a sign and a bound.
        known: the measures of the scenario.

    Raises:
        InputError: an unknown measure, or words that are no limit on it.
    """
    measure = known.find(name, f"limit {name!r}")
    match = _LIMIT.fullmatch(str(text).strip())
    if match is None or match["name"]:
        raise InputError(f"limit {name}", f"{text!r} is not a limit", f"write for example '{f'<= 10 {measure.unit}'.rstrip()}'")
    try:
        bound = figure(name, match["bound"], known)
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError(f"limit {name}", problem, remedy) from None
    return Limit(measure, bound, match["sign"] in ("<=", "<", "≤"))


def parse_limits(limits: Mapping[str, str] | Iterable[str], known: Catalogue) -> tuple[Limit, ...]:
    """Limits from {"cost": "<= 90000/month"} or from ["cost <= 90000/month"].

    Raises:
        InputError: see `parse_limit`.
    """
    if isinstance(limits, Mapping):
        return tuple(parse_limit(name, text, known) for name, text in limits.items())
    found = []
    for text in limits:
        match = _LIMIT.fullmatch(text.strip())
        if match is None or not match["name"]:
            raise InputError("limit", f"{text!r} is not a limit", "write for example 'cost <= 90000/month'")
        found.append(parse_limit(match["name"], text.strip()[len(match["name"]) :], known))
    return tuple(found)
