"""When a change pays for itself: its one-off cost against what it brings each month from the day it begins."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from salessim.scenario.calendars import midnight
from salessim.statistics import Estimate, mean_interval
from salessim.units import DAY, MONTH

if TYPE_CHECKING:
    from salessim.experiment import Comparison


@dataclass(frozen=True)
class Payback:
    """What a change costs once, what it brings, and when the one has made up for the other."""

    one_off: float
    monthly: Estimate
    """Revenue less cost per month after the change has begun, without its one-off cost, compared with today."""
    begins: dt.date
    months: float
    """Months from the beginning until the one-off cost is made up for; infinite if it never is."""
    horizon: dt.date
    """The last day of the run: beyond it the gain is taken to go on."""
    currency: str

    @property
    def date(self) -> dt.date | None:
        """The day on which the change breaks even; None if it does not within a century."""
        return self.begins + dt.timedelta(days=self.months * MONTH / DAY) if self.months < 1200 else None

    @property
    def sure(self) -> bool:
        """Whether the interval of the monthly gain is all gain, or all loss."""
        return self.monthly.low > 0 or self.monthly.high < 0

    def sentence(self) -> str:
        """For people."""
        gain = f"{self.monthly.value:+,.0f} {self.currency} a month ({self.monthly.low:+,.0f} to {self.monthly.high:+,.0f}), revenue less cost"
        if not self.sure:
            return f"Whether {self.one_off:,.0f} {self.currency} once pay for themselves is not clear: {gain}."
        if self.date is None:
            return f"{self.one_off:,.0f} {self.currency} once are never made up for: {gain}."
        beyond = f", if it goes on like that after {self.horizon}" if self.date > self.horizon else ""
        after = f"on {self.date}, after {self.months:.1f} months" if self.months >= 0.05 else f"within a day or two of {self.begins}"
        return f"{self.one_off:,.0f} {self.currency} once are made up for {after}{beyond}: {gain}."


def payback(comparison: Comparison, other: int = 1) -> Payback | None:
    """When a scenario breaks even against the base; None if it has no one-off cost that the base has not.

    What it brings is measured over the whole time and taken to come from the day on which its costs begin.

    Args:
        comparison: with the design as its scenario `other`.
    """
    a, b = comparison.base, comparison.results[other]
    clock = b.scenario.clock
    new = [c for name, c in b.scenario.costs.items() if c.one_off and a.scenario.costs.get(name) != c]
    if not new:
        return None
    start = midnight(clock.start, clock.time_zone)
    days = [c.since or clock.start for c in new]
    begins = [max(0, (midnight(d, clock.time_zone) - start) // dt.timedelta(microseconds=1)) for d in days]
    due = sum(c.one_off.value for c, at in zip(new, begins, strict=True) if c.one_off and at < clock.horizon)
    once = sum(c.one_off.value for c in new if c.one_off)
    window, effective = clock.horizon - clock.warm_up, clock.horizon - max(clock.warm_up, min(begins))
    change = (b.values("revenue") - a.values("revenue")) - (b.values("cost") - a.values("cost")) + due * MONTH / window
    monthly = mean_interval(np.asarray(change) * window / max(1, effective))
    months = once / monthly.value if monthly.value > 0 else float("inf")
    end = (start + dt.timedelta(microseconds=clock.horizon)).date()
    return Payback(once, monthly, min(days), months, end, b.scenario.currency)
