"""Working time: how much of a stretch of time a calendar is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.scenario.calendars import Calendar
from salessim.units import SECOND

if TYPE_CHECKING:
    import pandas as pd

OVERTIME = 4 * 3600.0
"""Work seen to begin before opening or to end after closing by no more than this went on; beyond, nobody knows."""


class Clock:
    """Working seconds on one calendar; without a calendar all time is working time.

    Args:
        calendar: in the language of scenarios, or None.
        start, end: of the log, local.
        time_zone: of the office.
    """

    def __init__(self, calendar: dict[str, Any] | None, start: pd.Timestamp, end: pd.Timestamp, time_zone: str) -> None:
        self.always = calendar is None
        if calendar is None:
            return
        import pandas as pd

        # A week earlier, because cases may have come in before the first visit of the log.
        first = (start - pd.Timedelta(days=7)).normalize()
        horizon = round((end - first).total_seconds() + 2 * 86_400) * SECOND
        intervals = Calendar.model_validate(calendar).intervals(first.date(), time_zone, horizon)
        spans = np.array(intervals, dtype=float).reshape(-1, 2) / SECOND + first.timestamp()
        self.opens, self.closes = spans[:, 0], spans[:, 1]
        self.before = np.concatenate([[0.0], np.cumsum(self.closes - self.opens)])

    def __call__(self, times: Any) -> Any:
        """Working seconds that have passed by some times (seconds since 1970); NaN stays NaN."""
        t = np.asarray(times, float)
        if self.always:
            return t
        i = np.searchsorted(self.opens, t, side="right") - 1
        inside = np.minimum(t, self.closes[np.maximum(i, 0)]) - self.opens[np.maximum(i, 0)]
        return np.where(np.isnan(t), np.nan, np.where(i >= 0, self.before[np.maximum(i, 0)] + inside, 0.0))

    def when(self, passed: Any) -> Any:
        """The first time by which so many working seconds have passed, as seconds since 1970: the inverse of calling the clock."""
        p = np.asarray(passed, float)
        if self.always:
            return p
        i = np.clip(np.searchsorted(self.before, p, side="left") - 1, 0, len(self.opens) - 1)
        return self.opens[i] + np.maximum(0.0, p - self.before[i])

    def spent(self, begun: Any, until: Any) -> Any:
        """Working seconds of visits: time on the calendar, and outside of it what adjoins and was seen to be worked."""
        begun, until = np.asarray(begun, float), np.asarray(until, float)
        if self.always:
            return until - begun
        working = self(until) - self(begun)
        after = self._outside(until)
        closing = np.concatenate([[-np.inf], self.closes])[np.searchsorted(self.opens, until, side="right")]
        late = until - np.maximum(begun, closing)
        following = np.searchsorted(self.opens, begun, side="right")
        opening = np.append(self.opens, np.inf)[following]
        apart = opening <= until  # else the whole visit lies in one closed stretch, which `late` holds
        early = np.where(self._outside(begun) & apart, opening - begun, 0.0)
        working = working + np.where(after & ((late <= OVERTIME) | (late == until - begun)), late, 0.0) + np.where(early <= OVERTIME, early, 0.0)
        return np.where(working > 0, working, until - begun)

    def left_open(self, begun: Any, until: Any) -> Any:
        """Which visits were begun before closing and ended in closed hours, later than anybody was seen to go on: ended by a system, or when somebody thought of it."""
        begun, until = np.asarray(begun, float), np.asarray(until, float)
        if self.always:
            return np.zeros(until.shape, bool)
        closing = np.concatenate([[-np.inf], self.closes])[np.searchsorted(self.opens, until, side="right")]
        return self._outside(until) & (begun < closing) & (until - closing > OVERTIME)

    def before_end(self, until: Any, worked: Any) -> Any:
        """When work began that ended at some times and took so many seconds by `spent`: the latest such time."""
        until, worked = np.asarray(until, float), np.asarray(worked, float)
        if self.always:
            return until - worked
        place = np.searchsorted(self.opens, until, side="right")
        closing = np.concatenate([[-np.inf], self.closes])[place]
        late = np.maximum(0.0, until - closing)  # in overtime, as far as it may go on
        overtime = np.where(late <= OVERTIME, late, 0.0)
        target = self(until) - (worked - overtime)
        i = np.clip(np.searchsorted(self.before, target, side="left") - 1, 0, len(self.opens) - 1)
        begun = self.opens[i] + target - self.before[i]
        return np.where((late > 0) & ((worked <= overtime) | (late > OVERTIME)), until - worked, np.minimum(begun, until))

    def _outside(self, t: Any) -> Any:
        i = np.searchsorted(self.opens, t, side="right") - 1
        return (i < 0) | (t > self.closes[np.maximum(i, 0)])
