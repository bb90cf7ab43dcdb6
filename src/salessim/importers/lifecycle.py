"""Stamps of a lifecycle joined into visits: schedule, start, suspend, resume, complete and abort of one case and activity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from salessim.importers.quality import Tally

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from salessim.importers.mapping import Lifecycle

OTHER, SCHEDULE, START, SUSPEND, RESUME, COMPLETE, ABORT = range(7)
_MOMENTS = {"schedule": SCHEDULE, "start": START, "suspend": SUSPEND, "resume": RESUME, "complete": COMPLETE, "abort": ABORT}
NEVER = -(1 << 63)
"""NaT as an integer."""


@dataclass
class Running:
    """A visit that has begun."""

    row: int
    since: int
    begun: int
    paused: int = NEVER
    suspended: int = 0


@dataclass
class Joined:
    """Visits in the order in which they ended; times in microseconds, or NEVER."""

    first: list[int] = field(default_factory=list)
    """The row that names who began it."""
    last: list[int] = field(default_factory=list)
    """The row that ended it, or the first one."""
    enabled: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    suspended: list[int] = field(default_factory=list)
    waiting: dict[int, int] = field(default_factory=dict)
    """Row that scheduled work which nobody began -> its stamp."""

    def add(self, last: int, visit: Running, ended: int) -> None:
        """One more visit."""
        self.first.append(visit.row)
        self.last.append(last)
        self.enabled.append(visit.since)
        self.started.append(visit.begun)
        self.ended.append(ended)
        self.suspended.append(visit.suspended)


def moments(words: pd.Series, lifecycle: Lifecycle) -> NDArray[np.int64]:
    """What each word of a categorical means."""
    import numpy as np

    meant = {w.lower(): moment for name, moment in _MOMENTS.items() for w in getattr(lifecycle, name)}
    by_code = np.array([meant.get(str(w).lower(), OTHER) for w in words.cat.categories] or [OTHER], dtype=np.int64)
    found: NDArray[np.int64] = by_code[words.cat.codes.to_numpy()]
    return found


def join(keys: NDArray[np.int64], enabled: NDArray[np.int64], stamps: NDArray[np.int64], meant: NDArray[np.int64], tally: Tally) -> Joined:
    """Visits of rows that are in order of time within their case.

    A START ends with the next COMPLETE of the same case and activity; several sittings are several visits. SUSPEND and
    RESUME interrupt one visit. A COMPLETE without START is the end of a visit whose start is not known; an ABORT without
    one ends a wait.

    Args:
        keys: one number for each case and activity.
        enabled: when the row says its visit was enabled.
        stamps: of the rows.
        meant: the moment of each.
        tally: what was made of rows that do not fit.
    """
    result = Joined()
    waiting: dict[int, tuple[int, int]] = {}
    running: dict[int, Running] = {}
    again = aborted = stray = 0
    for row, (key, since, stamp, moment) in enumerate(zip(keys.tolist(), enabled.tolist(), stamps.tolist(), meant.tolist(), strict=True)):
        visit = running.get(key)
        if moment in (COMPLETE, ABORT):
            aborted += moment == ABORT and visit is not None
            if visit is None:
                _, scheduled = waiting.pop(key, (0, NEVER))
                visit = Running(row, since if since != NEVER else scheduled, NEVER)
            else:
                del running[key]
            if visit.paused != NEVER:
                visit.suspended += stamp - visit.paused
            result.add(row, visit, stamp)
        elif moment == SCHEDULE:
            waiting[key] = row, stamp
        elif moment == START or (moment == RESUME and visit is None):
            if visit is not None:
                again += 1
            else:
                _, scheduled = waiting.pop(key, (0, NEVER))
                running[key] = Running(row, since if since != NEVER else scheduled, stamp)
        elif moment == SUSPEND and visit is not None and visit.paused == NEVER:
            visit.paused = stamp
        elif moment == RESUME and visit is not None and visit.paused != NEVER:
            visit.suspended += stamp - visit.paused
            visit.paused = NEVER
        elif moment != OTHER:
            stray += 1
    for visit in running.values():
        result.add(visit.row, visit, NEVER)
    tally.dropped("visits were started again before they ended; the second start was dropped", again)
    tally.dropped("rows suspend or resume what was not under way; they were left out", stray)
    tally.doubtful("visits were aborted after they had begun; they count as ended", aborted)
    tally.doubtful("visits were under way at the end of the log", len(running))
    result.waiting = dict(waiting.values())
    return result
