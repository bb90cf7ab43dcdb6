"""Files that hold only cases which lie wholly inside their window: what is missing, and putting it back.

Such a file has no open case. The longer a case took, the earlier it had to come in to be in the file: durations are
truncated from the right, late arrivals are few and short, and every share that goes with length is off. Whether a file is of
that kind can be tested: among durations dealt out anew to the arrivals, hardly ever all would fit into what was left of the
window. The law of the durations is then known up to the window's length (Lynden-Bell 1971; Lagakos, Barraj and De Gruttola
1988), and with it how many arrivals each one stands for: 1 / P(the duration fits).

The missing cases are put back as what they were when the window ended: open. Each is a case of the file that took longer
than what is left from its arrival on, moved by whole weeks, cut where the log ends (a hot deck, Andridge and Little 2010). So
everything that is learnt needs to know about open cases only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.history import born, cut, ends, seconds
from salessim.log import EventLog

if TYPE_CHECKING:
    from numpy.typing import NDArray

SURE = 1e-3
"""Chance at which durations that all fit are taken for a rule of the file."""
LEAST_CASES = 30
GRID = 1000
"""Dates at which the share that fits is looked up for its mean over the window."""
LEAST_AT_RISK = 10
"""Where fewer durations compete, one would change the law by more than a tenth: such parts of it are left out (Lai and Ying 1991)."""
DAY, WEEK = 86_400.0, 7 * 86_400.0
NEAR = DAY / 2
"""Of its arrival in the week a case that is put back should be: so its visits keep their hours and weekdays."""


def keeps_whole(log: EventLog) -> bool:
    """Whether a file surely holds only cases that lie wholly inside its window.

    With no open case, under independence of duration and arrival, the chance that durations dealt out at random all
    fit is a product over arrivals, the latest first: those that fit and are not dealt out yet, of all that are not. That is the
    permutation test of quasi-independence (Tsai 1990) at its extreme. Cases that were cut off at the end and only count as over
    fit as well, but they do not thin out: so arrivals also have to fade as the law of the durations says, surely likelier
    than that they come evenly.
    """
    over = ends(log)
    if len(over) < LEAST_CASES or over["ended"].isna().any():
        return False
    came = seconds(born(log).reindex(over.index))
    took, room = np.sort(seconds(over["ended"]) - came), np.sort(log.about.end.timestamp() - came)
    fits = np.searchsorted(took, room, side="right") - np.arange(len(took))
    if np.sum(np.log(np.maximum(fits, 1e-9) / np.arange(len(took), 0, -1))) >= np.log(SURE):
        return False
    time, share = law_of(seconds(over["ended"]) - came, log.about.end.timestamp() - came)
    expected = _upto(time, share, np.linspace(0.0, room[-1], GRID)).mean()
    return bool(np.sum(np.log(np.maximum(_upto(time, share, room), 1 / len(room)) / expected)) > -np.log(SURE))


def law_of(took: Any, room: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distribution of durations of which only those are seen that fit: Lynden-Bell's estimate.

    Args:
        took: durations, shape [n].
        room: what was left of the window at each arrival; took <= room.

    Returns:
        tuple: durations, ascending, and the share up to each, of those that fit into the longest room.

    Example:
        >>> x, share = law_of(np.repeat([1.0, 2.0], [30, 10]), np.repeat([2.0, 1.0, 2.0], [10, 20, 10]))
        >>> x.tolist(), share.tolist()  # of those with room for both, half took 1
        ([1.0, 2.0], [0.5, 1.0])
    """
    time, counts = np.unique(took, return_counts=True)
    risk = np.searchsorted(np.sort(took), time, side="right") - np.searchsorted(np.sort(room), time, side="left")
    known = (risk >= LEAST_AT_RISK) & (counts < risk)
    stay = np.where(known, 1 - counts / np.maximum(risk, 1), 1.0)
    return time, np.append(np.cumprod(stay[:0:-1])[::-1], 1.0)


def restored(log: EventLog, until: pd.Timestamp) -> tuple[EventLog, int]:
    """A log with the cases put back that its file left out, and how many they are.

    Args:
        log: cut off where knowledge ends, visits of a case side by side.
        until: the end of the file's window: cases that ended later are not in it.
    """
    over, came = ends(log), born(log)
    arrived, now, end = seconds(came), log.about.end.timestamp(), until.timestamp()
    ended = seconds(over["ended"].reindex(came.index))
    took = ended - arrived
    whole = ~np.isnan(took)
    if whole.sum() < LEAST_CASES:
        return log, 0
    time, share = law_of(took[whole], now - arrived[whole])
    mass = np.zeros(len(took))
    place = np.searchsorted(time, took[whole])
    mass[whole] = np.diff(np.append(0.0, share))[place] / np.bincount(place, minlength=len(time))[place]
    fits = np.maximum(_upto(time, share, end - arrived), share[share > 0].min())
    order = np.argsort(arrived, kind="stable")
    stands_for = np.cumsum(1 / fits[order] - 1)
    missing = np.diff(np.floor(np.append(0.0, stands_for) + 0.5)).astype(int)
    rng = np.random.Generator(np.random.Philox(key=len(log)))
    found: list[tuple[int, float]] = []
    for about in np.repeat(arrived[order], missing):
        shift = np.round((about - arrived) / WEEK) * WEEK
        lasts = np.where((arrived + shift + took > end) & (arrived + shift < now), mass, 0.0)
        near = np.where(np.abs(arrived + shift - about) <= NEAR, lasts, 0.0)
        chances = np.cumsum(near if near.any() else lasts)
        if chances[-1] > 0:
            donor = int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))
            found.append((donor, float(shift[donor])))
    return (_with(log, came.index, found), len(found)) if found else (log, 0)


def _upto(time: Any, share: Any, x: Any) -> Any:
    """The share of durations up to some times."""
    return np.append(0.0, share)[np.searchsorted(time, x, side="right")]


def _with(log: EventLog, cases: pd.Index, found: list[tuple[int, float]]) -> EventLog:
    """The log and some of its cases once more, each later by so many seconds and cut where the log ends."""
    frame = log.frame
    rows = frame.groupby("case", sort=False).indices
    parts = [rows[cases[donor]] for donor, _ in found]
    again = np.repeat(np.arange(len(found)), [len(p) for p in parts])
    copy = frame.iloc[np.concatenate(parts)].reset_index(drop=True)
    later = pd.to_timedelta(np.array([shift for _, shift in found])[again], unit="s")
    for column in ("enabled", "started", "ended"):
        wall = copy[column].dt.tz_localize(None) + later  # by the clock on the wall, whatever summer time does
        copy[column] = wall.dt.tz_localize(copy[column].dt.tz, ambiguous=np.ones(len(wall), bool), nonexistent="shift_forward")
    for column in ("case", "customer"):
        known = frame[column]
        copy[column] = known.max() + 1 + again if pd.api.types.is_integer_dtype(known) else [f"left out {k + 1}" for k in again]
    open_ = cut(EventLog(copy, log.about), log.about.end).frame
    return EventLog(pd.concat([frame, open_], ignore_index=True), log.about)


__all__ = ["keeps_whole", "law_of", "restored"]
