"""Deadlines in working days: what strikes so many days after something, of which weekends and holidays count nothing.

Contracts, service levels and tools that close tickets count the days on which people work, and often act a while later in
plain time: "22 working days after opening, in the run of the day after". In plain days such a deadline is a cloud, a day or
two wider than it is for each weekend that falls into it. Here a move is the last whole number of working days before it, counted
from the arrival (or the last visit), and a rest in plain time. Which weekdays count, and whether holidays do, is not known
beforehand: those on which people usually work and those on which cases come in are tried, with holidays and without, and what foretells best is taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from salessim.calibration.clocks import Clock
from salessim.calibration.curves import least_wait
from salessim.calibration.people import closed_days
from salessim.calibration.periods import Law, Periods
from salessim.calibration.rhythm import DAY
from salessim.scenario.calendars import DAYS

if TYPE_CHECKING:
    import pandas as pd

LAGS = (0.0, 0.5 * DAY, DAY, 1.5 * DAY)
"""How long after a working day is over by count what it brings may begin to be looked for: rests are told best in the middle of a day."""
LONGEST = 7 * DAY
"""Rests beyond are told as this: no weekend with holidays beside it is longer."""
ENOUGH = 1000
"""Moves by which the lag is chosen."""
USUAL = 0.15
"""Of the stamps of the busiest weekday, what one has to have on which people usually work: as of a busy half hour (see `people.calendar`)."""


class Counted(NamedTuple):
    """Days that a deadline may count."""

    name: str
    """Of their calendar."""
    calendar: dict[str, Any]
    """In the language of scenarios, open day and night on the days that count."""


def counted_days(stamps: list[tuple[str, pd.Series]], holidays: str | None) -> list[Counted]:
    """What days a deadline may count: weekdays with usual work, holidays left out or not.

    Args:
        stamps: what happens, and local times of it.
        holidays: country of the public holidays; days without work are found beside them.

    Returns:
        Each once; none where all days are alike.

    Example:
        >>> import pandas as pd
        >>> work = pd.Series(pd.date_range("2026-01-05", "2026-03-29", freq="h", tz="UTC"))
        >>> [c.name for c in counted_days([("work", work[work.dt.day_of_week < 5])], None)], counted_days([("work", work)], None)
        (['working days Mon-Fri'], [])
    """
    found: dict[str, Counted] = {}
    for what, times in stamps:
        count = np.bincount(times.dt.day_of_week.to_numpy(), minlength=7) if len(times) else np.zeros(7, int)
        usual = [d for d in range(7) if count[d] > 0 and count[d] >= USUAL * count.max()]
        if not 0 < len(usual) < 7:
            continue
        days = f"{DAYS[usual[0]]}-{DAYS[usual[-1]]}" if usual[-1] - usual[0] == len(usual) - 1 > 0 else ", ".join(DAYS[d] for d in usual)
        share = 100 * count[usual].sum() / count.sum()
        plain = {"shifts": [{"days": days, "hours": "00:00-24:00"}], "source": f"data: weekdays with {share:.1f} % of {what}"}
        off = ({"holidays": holidays} if holidays else {}) | ({"closed": closed} if (closed := closed_days(times, usual)) else {})
        found.setdefault(f"working days {days}", Counted(f"working days {days}", plain | off))
        if off:
            found.setdefault(f"{days}, holidays too", Counted(f"{days}, holidays too", plain))
    return list(found.values())


def working_days(born: Any, begun: Any, elapsed: Any, weight: Any, clock: Clock, point: tuple[float, float] | None = None) -> WorkingDays:
    """Moves by working days, with the lag that tells all of them best; arguments as of `WorkingDays`."""
    some = slice(None, None, math.ceil(len(elapsed) / ENOUGH))
    tried = {lag: WorkingDays(born[some], begun[some], elapsed[some], weight[some], clock, lag, point) for lag in LAGS}
    told = {lag: float(found.weight @ found.log_density(np.ones(len(found.weight), bool))) for lag, found in tried.items()}
    return WorkingDays(born, begun, elapsed, weight, clock, max(told, key=lambda lag: told[lag]), point)


class WorkingDays(Periods):
    """Moves by the number of working days after which they come, and the rest in plain time; else as `Periods`.

    The least wait is one in days that count as well.

    Args:
        born: when each case arrived (or each wait began), seconds since 1970, shape [n].
        begun: age at which each wait began; 0 where waits have a law instead of ages.
        elapsed: how long it took.
        weight: for how many moves each stands.
        clock: of the days that count.
        lag: rests begin so long after a day that counts is over by count.
        point: between these waits all moves count as one, as they do for laws that this one is compared with.
    """

    cut = 0.0
    longest = LONGEST

    def __init__(self, born: Any, begun: Any, elapsed: Any, weight: Any, clock: Clock, lag: float, point: tuple[float, float] | None = None) -> None:
        self.begun, self.elapsed, self.weight, self.lag, self.point = begun, elapsed, weight, lag, point
        age, came, since, until = begun + elapsed, clock(born), clock(born + begun), born + begun + elapsed
        count = np.maximum(0.0, np.floor((clock(until - lag) - came) / DAY + 1e-9))
        over = np.where(count > 0, clock.when(came + count * DAY) - born, 0.0)
        usual = _usual(age - over - lag, weight)
        self.least = least_wait(np.maximum(0.0, clock(until - lag - usual) - since)) if begun.any() else 0.0
        self.at, self.past = count * DAY, since - came + self.least
        noticed = clock.when(since + self.least) - born if self.least else begun
        self.from_at, self.from_past = over + lag, noticed + lag
        self.by_age = self.at > self.past
        self.by_wait = (age >= self.from_past) & (age < self.from_past + DAY)
        self.rests = np.clip(np.where(self.by_age, age - self.from_at, 0.0), 0.0, LONGEST), np.clip(age - self.from_past, 0.0, LONGEST)
        self.nearer = np.abs(self.rests[1] - usual) < np.abs(self.rests[0] - usual)
        self.early, self.within = ~self.by_age & (age < self.from_past), np.maximum(self.from_past - begun, 1.0)
        self.shortest = (np.floor(self.past / DAY) + 1) * DAY

    def laws(self, learn: Any) -> tuple[Law, Law]:
        """Those of some moves: of the age in working days, and of the rest from the end of the last one on."""
        days, (time, share) = super().laws(learn)
        return days, (time + self.lag, share)


def _usual(rest: Any, weight: Any) -> float:
    """The circular mean of rests, as far as they are within a day."""
    inside = (rest >= 0) & (rest < DAY)
    angle = rest[inside] / DAY * 2 * math.pi
    return math.atan2(float(weight[inside] @ np.sin(angle)), float(weight[inside] @ np.cos(angle))) / (2 * math.pi) % 1.0 * DAY


__all__ = ["Counted", "counted_days", "working_days"]
