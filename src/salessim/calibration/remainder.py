"""Cases that had not moved when observation ended: whether they ever will, and when.

Most who wait long still move, only later; some never do, like leads whom nobody calls any more. A log of finite length
cannot prove "never". What it can show is that the rest moves, if at all, at a pace at which nothing would happen for
many times as long as anybody has watched. Only then cases are taken to stay open; else they move at the pace seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from salessim.survival import kaplan_meier

LEAST_LEFT, LEAST_WATCHED = 0.01, 50
"""A remainder is told if this share of cases had not moved, and so many cases were watched at all: of fewer the share left is noise."""
LONGEST = 10.0
"""In lengths of the observation: the mean time to a move beyond which a log of that length cannot tell late from never."""
SURE = 0.95
"""Confidence with which the pace has to be slower than that before cases are taken to stay open."""
LEAST_AT_END = 20
"""Observation ends for us where fewer cases than this are still watched."""
PARTS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""The middles of five equal parts of those who move late."""


@dataclass(frozen=True)
class Remainder:
    """What is left at the end of observation.

    Args:
        left: share that had not moved; 0 where it is too small to be told.
        stays: whether it is taken to stay where it is.
        end: seconds after which observation ends.
        late: seconds at which equal parts of it move, where it does not stay.
        waiting: cases that were open.
    """

    left: float
    stays: bool
    end: float
    late: Any
    waiting: int


def remainder(times: Any, moved: Any) -> Remainder:
    """What is left of waits at the end of observation.

    Over the second half of the observation, D cases moved in an exposure of E. If the rest goes on moving at a constant
    pace, E / D is its mean time, and 2 E / chi2(0.95; 2 D + 2) is below it in 95 of 100 logs (Garwood 1936). Where even that
    is more than `LONGEST` lengths of the observation, the rest stays. So a rest that moves any faster is taken
    to stay in at most 5 of 100 logs; waits whose pace falls, such as lognormal ones, have moved on earlier or are as good as
    still. The test of Maller and Zhou (1992) for sufficient follow-up asks the same of the gap between the last move and the
    longest wait. Where cases come in all the time, as here, that gap is a matter of chance: without any
    that stay it claimed some in 53 to 60 of 100 logs.

    Args:
        times: seconds to the move or to now, shape [n].
        moved: whether the case has moved.

    Example:
        >>> import numpy as np
        >>> times = np.append(np.full(100, 5.0), np.full(300, 100.0))  # of 400 cases 100 moved after 5 s, the others not for 100
        >>> found = remainder(times, np.arange(400) < 100)
        >>> found.left, found.stays
        (0.75, True)
    """
    times, moved = np.asarray(times, float), np.asarray(moved, bool)
    waiting = int((~moved).sum())
    none = Remainder(0.0, False, np.inf, np.zeros(0), waiting)
    if len(times) < LEAST_WATCHED or not moved.any() or not waiting:
        return none
    at, survival, _ = kaplan_meier(times, moved)
    end = float(np.sort(times)[-LEAST_AT_END])  # later, too few are watched to say anything
    exposure = float(np.sum(np.clip(times - end / 2, 0.0, end / 2)))
    seen = int(np.sum(moved & (times > end / 2) & (times <= end)))
    slowest = 2 * exposure / float(special.chdtri(2 * (seen + 1), 1 - SURE))
    reached = int(np.searchsorted(at, end, side="right"))
    left = float(survival[reached - 1]) if reached else 1.0
    if left >= LEAST_LEFT and reached and slowest >= LONGEST * end > 0:
        return Remainder(left, True, end, np.zeros(0), waiting)
    if survival[-1] < LEAST_LEFT:
        return none
    mean = min(exposure / (seen + 0.5), LONGEST * end)
    return Remainder(float(survival[-1]), False, end, max(end, float(at[-1])) - mean * np.log1p(-PARTS), waiting)
