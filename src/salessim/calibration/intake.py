"""Files of the cases that came in by some date, followed for longer: most published logs, and many exports, are of that kind.

After that date nobody comes in, though work goes on. What happens then is not the process any more: demand is not gone but
left out, and people have ever less to do. So such a file is read as it would have been exported on that date: its later
cases are open then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salessim.calibration.history import born, cut
from salessim.calibration.truncation import keeps_whole
from salessim.importers.names import SYSTEM, WAITING
from salessim.log import EventLog
from salessim.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SURE = 1e-6
"""Chance that nobody comes in for so long, below which it is taken to be the file."""
LEAST_DAYS = 3
"""On which work went on though nobody came in."""
PAUSES = 2
"""So many times the longest pause before it at least: demand that comes in seasons has long ones."""


def ended(log: EventLog) -> pd.Timestamp | None:
    """The midnight after the last arrivals of a file that surely holds only cases that came in by then; None of any other.

    Days on which something was done count. On those until the last arrival a number came in, with some longest row of
    days with none; after it there is a row more than twice as long, in which so many would have come in that none is no chance,
    also where days vary by more than chance (quasi-Poisson, with the dispersion of the days).
    """
    zone = log.about.time_zone
    came = _days(born(log), zone)
    if not len(came):
        return None
    work = log.frame[~log.frame["step"].isin([WAITING, SYSTEM])]
    busy = np.unique(np.concatenate([_days(work["started"], zone), _days(work["ended"], zone)]))
    last, first = int(came.max()), int(came.min())
    after = int((busy > last).sum())
    if after < LEAST_DAYS:
        return None
    counts = np.bincount(came - first)[np.unique(np.append(busy[(busy >= first) & (busy <= last)], came)) - first].astype(float)
    dispersion = max(1.0, float(counts.var(ddof=1) / counts.mean())) if len(counts) > 1 else 1.0
    if after <= PAUSES * _longest(counts == 0) or after * counts.mean() / dispersion < -np.log(SURE):
        return None
    return pd.Timestamp(last + 1, unit="D").tz_localize(zone)


def as_it_was(log: EventLog) -> tuple[EventLog, str | None]:
    """A file of the cases that came in by some date as it would have been exported then, and that in words; any other as it is.

    Example:
        >>> import salessim as ss
        >>> from salessim.demo import TRUTH
        >>> log = ss.simulate(ss.Scenario.load(TRUTH).change({"clock.horizon": "8 weeks"}), seed=1)
        >>> as_it_was(log)[1] is None
        True
    """
    until = ended(log)
    if until is None or keeps_whole(log):  # late arrivals of such files are few and then none: those who came took too long
        return log, None
    days = int(np.ceil((pd.Timestamp(log.about.end) - until) / pd.Timedelta(1, "D")))
    known = cut(log, until.to_pydatetime())
    open_cases = int((known.frame["outcome"] == "open").sum())
    said = (
        f"Nobody came in from {until:%Y-%m-%d} on, though work went on for {counted(days, 'day')}: the file is taken to hold only the cases that came in before, "
        f"and is read as on that day, with {counted(open_cases, 'case')} open. If demand really ended then, plan with none."
    )
    return EventLog(known.frame, replace(known.about, endings_known=True)), said  # who went on is known to have been open


def _days(dates: pd.Series, zone: str) -> NDArray[np.int64]:
    local = dates.dropna().dt.tz_convert(zone).dt.tz_localize(None).to_numpy("datetime64[D]")
    return local.astype(np.int64)


def _longest(flags: NDArray[np.bool_]) -> int:
    """The length of the longest row of days that are so."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


__all__ = ["as_it_was", "ended"]
