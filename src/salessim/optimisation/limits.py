"""Limits on measures, in words: "cost <= 90000 EUR/month", "margin >= -500 EUR/month", "P(cycle_time <= 3 weeks) >= 90 %".

A plain limit is one on the long-run mean. A chance limit is one on single runs: so many of all periods like the one that
the scenario plans must keep the bound by themselves. `kept` says on fresh runs whether a design keeps them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from salessim.catalogue import Catalogue
from salessim.errors import InputError
from salessim.headcount import planned
from salessim.measures import Measure
from salessim.units import share
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.optimisation.robust import Outlook
    from salessim.results import Results
    from salessim.scenario.model import Scenario

_CHANCE = re.compile(r"P\s*\(\s*(?P<inner>.*[<>≤≥].*)\)\s*(?P<sign><=|>=|<|>|≤|≥)\s*(?P<share>[^<>=≤≥]+)", re.DOTALL)
_UPPER = ("<=", "<", "≤")
LIKELIEST = 0.999
"""A chance beyond this would take more than five thousand runs without a single failure to be shown."""
_LIMIT = re.compile(r"(?P<name>.*?)\s*(?P<sign><=|>=|<|>|≤|≥)\s*(?P<bound>[^<>=≤≥]+)", re.DOTALL)


@dataclass(frozen=True)
class Limit:
    """A bound that a measure must keep: on average, or in a share of all runs."""

    of: Measure
    bound: float
    upper: bool
    chance: float | None = None
    """The share of runs that must keep the bound, each by itself; None for a bound on the mean."""

    @property
    def measure(self) -> str:
        """The name of the measure."""
        return self.of.name

    @property
    def key(self) -> str:
        """What tells its figure from others of the same measure: the measure's name, or the limit itself where it is on a chance."""
        return self.measure if self.chance is None else f"P({self.measure} {'<=' if self.upper else '>='} {self.bound:.12g}) >= {self.chance:.12g}"

    def figure(self, results: Results) -> float:
        """What few runs say of the figure that must keep the bound: the mean, or for a chance the quantile of the normal law through the runs.

        A share of four runs that keep a bound tells nothing of how far it is away; a quantile leads a search there.
        """
        if self.chance is None:
            return results.estimate(self.measure).value
        x = results.values(self.measure)
        return float(np.mean(x) + (1 if self.upper else -1) * float(special.ndtri(self.chance)) * (np.std(x, ddof=1) if len(x) > 1 else 0.0))

    def kept_in(self, values: Any) -> Any:
        """Whether each of some runs keeps the bound by itself; one without the figure does not."""
        x = np.asarray(values, float)
        return x <= self.bound if self.upper else x >= self.bound

    def loosened(self, by: float) -> Limit:
        """The limit with another bound, so much looser."""
        return replace(self, bound=self.bound + (by if self.upper else -by))

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
        said = f"{self.of.phrase} {'at most' if self.upper else 'at least'} {rounded(self.bound, 6, whole=True)} {self.of.unit}".rstrip()
        return said if self.chance is None else f"{said} in at least {100 * self.chance:.6g} % of runs"


def by_plan(limit: Limit, design: Scenario, outlook: Outlook) -> float | None:
    """The figure of a limit that follows from the design alone, such as its head count; None where only runs tell it.

    Futures and uncertain values may say something else of teams in each run.
    """
    if not limit.of.planned or outlook.futures or any(path.startswith("teams.") for path in design.uncertain):
        return None
    return planned(design, limit.measure)


def broken_by_plan(bounds: Iterable[Limit], design: Scenario, outlook: Outlook) -> str | None:
    """Which limit a design breaks whatever happens in it, with the figure; None if runs must tell.

    Args:
        bounds: the limits.
        design: not simulated yet.
        outlook: the futures that runs meet.
    """
    for limit in bounds:
        value = by_plan(limit, design, outlook)
        if value is not None and not limit.holds(value):
            return f"{limit.of.phrase} is {rounded(value, 6, whole=True)} instead of {'at most' if limit.upper else 'at least'} {rounded(limit.bound, 6, whole=True)} {limit.of.unit}"
    return None


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
    return Limit(measure, bound, match["sign"] in _UPPER)


def _parse_chance(text: str, match: re.Match[str], known: Catalogue) -> Limit:
    """A limit on a chance from "P(cycle_time <= 30 d) >= 90 %"; "P(cycle_time > 30 d) <= 10 %" is the same."""
    inner = _LIMIT.fullmatch(match["inner"].strip())
    if inner is None or not inner["name"]:
        raise InputError("limit", f"{match['inner'].strip()!r} in {text!r} is not a limit", "write for example 'P(cycle_time <= 30 d) >= 90 %'")
    limit = parse_limit(inner["name"], match["inner"].strip()[len(inner["name"]) :], known)
    try:
        wanted = share(match["share"].strip())
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError(f"limit {text!r}", problem, remedy or "write for example '90 %'") from None
    if match["sign"] in _UPPER:  # what may happen rarely must fail to happen mostly
        limit, wanted = replace(limit, upper=not limit.upper), 1 - wanted
    if not 0 < wanted <= LIKELIEST:
        why = "is kept by any design" if wanted <= 0 else f"cannot be shown by simulation: no number of runs shows more than {100 * LIKELIEST:g} % at a bearable price"
        raise InputError(f"limit {text!r}", f"a chance of {100 * wanted:.6g} % {why}", f"give more than 0 % and at most {100 * LIKELIEST:g} %")
    return replace(limit, chance=wanted)


def parse_limits(limits: Mapping[str, str] | Iterable[str], known: Catalogue) -> tuple[Limit, ...]:
    """Limits from {"cost": "<= 90000/month"} or from ["cost <= 90000/month", "P(cycle_time <= 30 d) >= 90 %"].

    Raises:
        InputError: see `parse_limit`; a chance that is none.

    Example:
        >>> [limit.words for limit in parse_limits(["P(cycle_time > 30 d) <= 10 %"], Catalogue({}, "EUR"))]
        ['cycle time to win, mean at most 30 days in at least 90 % of runs']
    """
    texts = [f"{name} {text}" if str(name).lstrip().startswith("P(") else (name, text) for name, text in limits.items()] if isinstance(limits, Mapping) else list(limits)
    found = []
    for text in texts:
        if isinstance(text, tuple):
            found.append(parse_limit(*text, known))
            continue
        chance = _CHANCE.fullmatch(text.strip())
        if chance is not None:
            found.append(_parse_chance(text.strip(), chance, known))
            continue
        match = _LIMIT.fullmatch(text.strip())
        if match is None or not match["name"]:
            raise InputError("limit", f"{text!r} is not a limit", "write for example 'cost <= 90000/month'")
        found.append(parse_limit(match["name"], text.strip()[len(match["name"]) :], known))
    return tuple(found)
