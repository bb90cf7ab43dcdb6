"""When a change pays for itself: the day from which the money that it has brought makes up for what it has cost.

Read off the cumulated cash curve, design less today, run by run and day by day: what it costs once is paid on its day,
what it costs running from that day on, and what it brings comes when it comes, with dip, ramp-up and a deal's way to
being won. Nothing is extrapolated: what is not made up for when the run ends is said to be not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim import cash, experiment
from salessim.network import build
from salessim.statistics import Estimate, mean_interval

if TYPE_CHECKING:
    from salessim.engines import Engine
    from salessim.network import Network
    from salessim.results import Comparison
    from salessim.scenario.model import Scenario

MOST = 1000
"""Runs whose curves are kept: the first of the comparison."""


@dataclass(frozen=True)
class Payback:
    """What a change costs once, and when the money that it brings has made up for all that it costs."""

    one_off: float
    """All that it costs once, also what falls due after the end of the run."""
    later: float
    """The part that falls due after the end of the run, and is in no curve."""
    begins: dt.date
    """The day on which the first of its one-off costs falls due."""
    first: dt.date
    """The first day of the run: day 0 of the curves."""
    curves: Any
    """Money made by the design less money made today, from the start of the run to the start of each day and to its end,
    in the currency; shape [replications, days + 1]."""
    currency: str

    @property
    def horizon(self) -> dt.date:
        """The day on which the run ends."""
        return self.first + dt.timedelta(days=self.curves.shape[1] - 1)

    @property
    def date(self) -> dt.date | None:
        """The day from which on the mean curve is not below zero any more; None if it is when the run ends."""
        return self._day(self.curves.mean(axis=0))

    @property
    def earliest(self) -> dt.date | None:
        """The same for the upper ends of the 95 % intervals of the mean curve."""
        return self._day(self._ends()[1])

    @property
    def latest(self) -> dt.date | None:
        """The same for their lower ends; None: it may be later than the end of the run."""
        return self._day(self._ends()[0])

    @property
    def balance(self) -> Estimate:
        """What has come of it when the run ends, in the currency."""
        return mean_interval(self.curves[:, -1])

    @property
    def made_up(self) -> int:
        """Runs in which it is made up for when they end."""
        return sum(self._day(curve) is not None for curve in self.curves)

    def _ends(self) -> tuple[Any, Any]:
        """Both ends of the interval of the mean curve, day by day."""
        found = [mean_interval(day) for day in self.curves.T]
        return np.array([e.low for e in found]), np.array([e.high for e in found])

    def _day(self, curve: Any) -> dt.date | None:
        """The day from which on a curve is not below zero any more, after the cost has been paid."""
        small = 1e-9 * max(1.0, abs(self.one_off), float(np.max(np.abs(self.curves), initial=0.0)))  # rounding is no debt
        below = np.flatnonzero(~(curve >= -small))
        if len(below) == 0:
            return max(self.begins, self.first)
        return self.first + dt.timedelta(days=int(below[-1]) + 1) if below[-1] + 1 < len(curve) else None

    def sentence(self) -> str:
        """For people."""
        once = f"{self.one_off:,.0f} {self.currency} once"
        if self.later:
            once += f" ({self.later:,.0f} of it falls due only after the end of the run, and is not in what follows)"
        e = self.balance
        ends = f"{e.value:+,.0f} {self.currency} by {self.horizon} ({e.low:+,.0f} to {e.high:+,.0f}), revenue less cost since {self.first}"
        runs = f"made up for in {self.made_up} of {len(self.curves)} runs"
        if self.later >= self.one_off:
            return f"{self.one_off:,.0f} {self.currency} once fall due only after the end of the run ({self.horizon}): run it longer to see when they are made up for."
        if self.date is None:
            maybe = f"95 %: {self.earliest} at the earliest; " if self.earliest is not None else ""
            return f"{once} are not made up for within the horizon, which ends on {self.horizon} ({maybe}{runs}): {ends}. A longer horizon may show when."
        early = self.earliest or self.date
        if self.latest is None:
            return f"Whether {once} are made up for within the horizon is not clear: on average on {self.date} (95 %: {early} at the earliest, perhaps not within the horizon; {runs}): {ends}."
        return f"{once} are made up for on {self.date} (95 %: {early} to {self.latest}; {runs}): {ends}."

    def as_json(self) -> dict[str, Any]:
        """For programs: money in the currency, days as dates; null where it is not within the horizon."""
        e = self.balance
        day = {k: str(v) if v is not None else None for k, v in (("date", self.date), ("earliest", self.earliest), ("latest", self.latest))}
        return {
            **day, "level": e.level, "made_up_in": self.made_up, "replications": len(self.curves), "begins": str(self.begins), "horizon": str(self.horizon), "currency": self.currency,
            "one_off": self.one_off, "one_off_after_the_horizon": self.later, "balance": {"mean": e.value, "low": e.low, "high": e.high},
        }  # fmt: skip


def payback(comparison: Comparison, other: int = 1, *, engine: Engine = "auto", workers: int | None = None) -> Payback | None:
    """When a scenario breaks even against the base; None if it has no one-off cost that the base has not.

    Both are run once more, with the same draws, for their curves.

    Args:
        comparison: with the design as its scenario `other`.
        engine, workers: as for `experiment.replicate`.
    """
    a, b = comparison.base, comparison.results[other]
    clock = b.scenario.clock
    new = [c for name, c in b.scenario.costs.items() if c.one_off and a.scenario.costs.get(name) != c]
    if not new:
        return None
    numbers = b.numbers[:MOST]
    sources = [(r.scenario, None if r.scenario.uncertain else build(r.scenario)) for r in (b, a)]
    curves = [np.array(experiment.each(_curve, source, source[0], numbers, seed=b.seed, engine=engine, workers=workers)) for source in sources]
    once = sum(c.one_off.value for c in new if c.one_off)
    later = sum(c.one_off.value for c in new if c.one_off and cash.begin_of(c, clock) >= clock.horizon)
    days = min(c.shape[1] for c in curves)
    difference = curves[0][:, :days] - curves[1][:, :days]
    return Payback(once, later, min(c.since or clock.start for c in new), clock.start, difference, b.scenario.currency)


def _curve(source: tuple[Scenario, Network | None], seed: int, number: int, engine: Engine) -> Any:
    scenario, network = source
    return cash.curve(scenario, seed, number, engine=engine, network=network)


