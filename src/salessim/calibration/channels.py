"""What each channel brings: how many of its cases are won, with an interval, as far as the log reaches.

Cases still open are censored, so a channel whose leads are young is not taken for a bad one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salessim.calibration.history import born, ends, seconds
from salessim.errors import LogError
from salessim.statistics import Estimate
from salessim.survival import incidence_interval

if TYPE_CHECKING:
    from salessim.log import EventLog


@dataclass(frozen=True)
class Conversion:
    """What came in by a channel and what became of it."""

    channel: str
    cases: int
    won: int
    still_open: int
    share: Estimate
    """Of all that came in, those won in the end (or within the time asked for)."""


def conversions(log: EventLog, *, within_days: float | None = None, level: float = 0.95) -> list[Conversion]:
    """The share of each channel's cases that are won, in the order of their names.

    A case is won when it has left the step that the log marks as `won` and was not lost afterwards; in a log without such a
    step, when it is completed.

    Args:
        log: from `read_log` or a simulation.
        within_days: count only what is won in so many days since the case came in; for logs that never say `lost`, where
            without a limit the youngest wins decide.
        level: of the intervals.

    Raises:
        LogError: within_days is not above zero.
    """
    if within_days is not None and not within_days > 0:
        raise LogError("within_days", f"{within_days} is out of range", "give a number of days above zero")
    came, over = born(log), ends(log)
    over = over.reindex(came.index)
    closed, end = over["ended"].notna().to_numpy(), pd.Timestamp(log.about.end).timestamp()
    since, until = seconds(came), np.where(closed, seconds(over["ended"]), end)
    at = _won_at(log, over).reindex(came.index)
    won = at.notna().to_numpy()
    time = np.where(won, seconds(at), until) - since
    ending = np.where(won, 1, np.where(closed, 2, 0))
    channel = log.frame.groupby("case", sort=False)["channel"].first().reindex(came.index).to_numpy()
    limit = np.inf if within_days is None else within_days * 86_400.0
    result = []
    for name in sorted(set(channel)):
        mine = channel == name
        share = incidence_interval(time[mine], ending[mine], 1, limit, level)
        result.append(Conversion(str(name), int(mine.sum()), int((won & mine & (time <= limit)).sum()), int((ending[mine] == 0).sum()), share))
    return result


def _won_at(log: EventLog, over: pd.DataFrame) -> pd.Series:
    """When each case was won; NaT where it was not."""
    marks = [step for step, milestone in log.about.milestones.items() if milestone == "won"]
    if not marks:
        return over["ended"].where(over["outcome"] == "completed")
    done = log.frame[log.frame["step"].isin(marks) & log.frame["ended"].notna() & ~log.frame["outcome"].str.startswith(("lost: ", "gave up"))]
    first = done.groupby("case")["ended"].min().reindex(over.index)
    return first.where(~over["outcome"].str.startswith("lost: "))
