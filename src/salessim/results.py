"""What replications gave: figures with their intervals, scenarios compared in pairs, and what a sceptic should know of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.association import Spread, spread
from salessim.catalogue import Catalogue, catalogue, in_common
from salessim.drivers import Driver, drivers
from salessim.errors import InputError, nearest
from salessim.margins import Margins, word_for
from salessim.measures import Measure
from salessim.scenario.overrides import warnings as overridden
from salessim.scenario.traffic import loads
from salessim.statistics import Difference, Estimate, mean_interval, mser5, paired_difference, paired_ratio_difference, ratio_interval
from salessim.units import DAY
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


@dataclass(frozen=True)
class Results:
    """What the replications of one scenario gave."""

    scenario: Scenario
    seed: int
    numbers: tuple[int, ...]
    """Which replications."""
    pairs: dict[str, Any]
    """measure -> array [replications, 2] of numerators and denominators."""
    wip: Any = None
    """Cases in process at equal steps of time, averaged over replications, from the very start."""
    level: float = field(default=0.95)
    echoes: dict[str, Any] | None = None
    """As `pairs`, for the first replications again with the same uncertain values and other chance: see `ignorance.echo`."""

    def values(self, name: str) -> Any:
        """One figure per replication; NaN where it does not exist."""
        return figures(self.pairs[name])

    @property
    def catalogue(self) -> Catalogue:
        """What the measures mean."""
        return catalogue(self.scenario)

    def estimate(self, name: str) -> Estimate:
        """A measure with its interval over replications.

        Raises:
            InputError: the scenario has no such measure.
        """
        found = self.catalogue.about(name)
        if name not in self.pairs:
            raise InputError(f"measure {name!r}", f"{self.scenario.name!r} has no such step, team, channel or reason", nearest(name, self.pairs, 3))
        if found.ratio:
            return ratio_interval(self.pairs[name][:, 0], self.pairs[name][:, 1], self.level)
        return mean_interval(self.values(name), self.level)

    def shown(self, name: str) -> Estimate:
        """As `estimate`, its interval cut to what the figure can be: a share of -3 % is no share."""
        return self.estimate(name).within(*self.catalogue.about(name).bounds)

    @property
    def names(self) -> list[str]:
        """Every measure there is."""
        return list(self.pairs)

    @property
    def has_repeats(self) -> bool:
        """Whether some customer came again: then first deals and repeat business are worth telling apart."""
        return bool(np.isfinite(self.values("win_rate_repeat")).any())

    def spread(self, name: str) -> Spread | None:
        """How much of the variance of a measure is ignorance; None if nothing is uncertain, or `ignorance.echo` has not been asked."""
        if self.echoes is None:
            return None
        second = figures(self.echoes[name])
        return spread(self.values(name), self.values(name)[: len(second)], second)

    def drivers(self, name: str) -> list[Driver]:
        """Uncertain values that move a measure, the strongest first: only those that could not well be chance."""
        return drivers((self.scenario,), self.seed, self.numbers, self.values(name))


def figures(pairs: Any) -> Any:
    """One figure per (numerator, denominator), shape [n, 2]; NaN where it does not exist."""
    return np.where(pairs[:, 1] != 0, pairs[:, 0] / np.where(pairs[:, 1] == 0, 1, pairs[:, 1]), math.nan)


def merge(a: Results, b: Results) -> Results:
    """The replications of both; same scenario and seed, different numbers."""
    pairs = {name: np.concatenate([a.pairs[name], b.pairs[name]]) for name in a.pairs}
    weight = len(a.numbers) / (len(a.numbers) + len(b.numbers))
    return Results(a.scenario, a.seed, a.numbers + b.numbers, pairs, a.wip * weight + b.wip * (1 - weight))


def difference(of: Measure, before: Any, after: Any, level: float = 0.95) -> Difference:
    """The paired change of a measure, from its (numerator, denominator) pairs, shape [replications, 2]."""
    if of.ratio:
        return paired_ratio_difference(before, after, level)
    return paired_difference(figures(before), figures(after), level)


@dataclass(frozen=True)
class Comparison:
    """Two or more scenarios side by side; the first is the one the others are compared with."""

    results: tuple[Results, ...]
    margins: Margins = field(default_factory=Margins)
    """Up to which size a change does not matter."""

    @property
    def base(self) -> Results:
        """The scenario the others are compared with."""
        return self.results[0]

    @cached_property
    def _in_common(self) -> tuple[Catalogue, dict[str, str]]:
        return in_common(r.scenario for r in self.results)

    @property
    def catalogue(self) -> Catalogue:
        """What the measures mean that all scenarios have: of their own only those that they define alike."""
        return self._in_common[0]

    @property
    def not_compared(self) -> dict[str, str]:
        """Measures of their own that the scenarios have not in common, each with the reason."""
        return self._in_common[1]

    def difference(self, name: str, other: int = 1, level: float = 0.95) -> Difference:
        """Other minus base, pair by pair; nothing for what only one of them has.

        Raises:
            InputError: there is no such measure, or they define it differently.
        """
        if name in self.not_compared:
            raise InputError(f"measure {name!r}", self.not_compared[name], "define it alike in all scenarios")
        found, a, b = self.catalogue.about(name), self.base, self.results[other]
        if name not in a.pairs or name not in b.pairs:
            return paired_difference([], [])
        return difference(found, a.pairs[name], b.pairs[name], level)

    def spread(self, name: str, other: int = 1) -> Spread | None:
        """How much of the variance of a change is ignorance; None if nothing is uncertain, or `ignorance.echo_all` has not been asked."""
        a, b = self.base, self.results[other]
        if a.echoes is None or b.echoes is None or name not in a.pairs or name not in b.pairs:
            return None
        change, again = b.values(name) - a.values(name), figures(b.echoes[name]) - figures(a.echoes[name])
        return spread(change, change[: len(again)], again)

    def drivers(self, name: str, other: int = 1) -> list[Driver]:
        """Uncertain values that move a change, the strongest first; see `Results.drivers`."""
        a, b = self.base, self.results[other]
        return drivers((a.scenario, b.scenario), a.seed, a.numbers, b.values(name) - a.values(name))

    def word(self, name: str, other: int = 1, level: float = 0.95) -> str:
        """One of `margins.WORDS`: better, worse, negligible, the same, unclear -- or higher and lower where neither is better."""
        return word_for(self.difference(name, other, level), self.catalogue.about(name), self.margin(name))

    def margin(self, name: str) -> float:
        """Up to which size a change of a measure does not matter, in its unit."""
        return self.margins.of(self.catalogue.about(name), self.base.estimate(name).value if name in self.base.pairs else math.nan)


SATURATED = 0.97
"""A team that is busy for this share of its time on duty, or more, has no time left."""


def busy(results: Results, team: str) -> float:
    """Share of its time on duty that a team worked; 1 where it was never on duty or is not a team."""
    name = f"utilisation of {team}"
    value = results.estimate(name).value / 100 if name in results.pairs else math.nan
    return value if math.isfinite(value) else 1.0


def assumed_levers(scenario: Scenario) -> list[str]:
    """The levers whose effect in a design rests on an assumption, a sentence each."""
    said = (text.partition(": assumption: ") for key, text in sorted(scenario.provenance.items()) if key.startswith("lever "))
    return [f"{what} rests on an assumption: {why}." for what, sign, why in said if sign]


def standing_cautions(scenario: Scenario) -> list[str]:
    """What a scenario itself obliges us to say wherever its results are shown: core steps overridden, effects assumed."""
    return [*overridden(scenario), *assumed_levers(scenario)]


def cautions(results: Results) -> list[str]:
    """What a sceptic should know: core steps overridden, unstable teams, a warm-up that is too short, few replications."""
    scenario, found = results.scenario, overridden(results.scenario)
    hopeless = {load.team for load in loads(scenario, sure=True) if load.unstable}
    for load in loads(scenario):
        # The traffic equations know neither conditions nor who gives up: what the simulation saw decides.
        if f"utilisation of {load.team}" not in results.pairs or busy(results, load.team) < SATURATED:
            continue
        end = "its queue grows for as long as the run lasts" if load.team in hopeless else "cases wait long, or customers give up until the rest can be served"
        asked = f"is asked for {100 * load.load:.0f} % of its time ({load.demanded:.1f} of {load.available:.1f} h a week)" if load.unstable else f"works {100 * busy(results, load.team):.0f} % of its time on duty"
        found.append(f"Team {load.team!r} {asked}: {end}.")
    # Averaged over a week, because offices close: MSER would take the weekly beat for a trend.
    week = max(1, round(7 * DAY / scenario.clock.horizon * len(results.wip)))
    series = np.convolve(results.wip, np.ones(week) / week, mode="valid")
    cut = mser5(series)
    proposed = cut.cut / len(results.wip) * scenario.clock.horizon
    if scenario.in_process:
        found.append("The run begins with the cases in process: its figures are those of this period, not of a steady state.")
    elif cut.valid and proposed > scenario.clock.warm_up * 1.05 + scenario.clock.horizon / len(results.wip):
        found.append(
            f"The start of the run looks unsettled for {proposed / DAY:.0f} days (MSER-5), the scenario leaves out {scenario.clock.warm_up / DAY:.0f}: "
            "figures may still carry the empty start; give a longer warm_up."
        )
    elif not cut.valid:
        found.append("No steady state is found before half of the run (MSER-5): demand changes over time, or the run is short. Read the figures as averages over this period.")
    found += assumed_levers(scenario)
    if len(results.numbers) < 10:
        found.append(f"Only {counted(len(results.numbers), 'replication')}: intervals are wide.")
    return found


__all__ = ["SATURATED", "Comparison", "Results", "assumed_levers", "busy", "cautions", "difference", "figures", "merge", "standing_cautions"]
