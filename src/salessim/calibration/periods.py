"""Times in whole days: what strikes a number of times 24 hours after something, at the hour of the day at which that was.

Tickets that a timer closes, reminders, terms that are kept to the minute: the number of days has a law, and so has the rest, a few
minutes of a batch job or an hour of summer time, whatever the number. In plain time each day would have a law of its own, with few
moves, and straight lines between them would put moves into the night. So a time is cut into periods of 24 hours that begin half a day
before the usual rest, and the law of the periods and that of the rest are learnt apart.

The time to a move is max(least wait, periods of the age - age so far) + rest. Which of the two was the longer is not always seen:
the laws are found by expectation and maximisation (Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from salessim.calibration.curves import Cells, reached
from salessim.calibration.laws import POINT_WIDTH
from salessim.calibration.rhythm import DAY

TURNS = 6
"""Of expectation and maximisation; most moves are of one kind beyond doubt from the first one on."""
Law = tuple[Any, Any]
"""Seconds, and the share that has moved by each."""


class Periods:
    """Moves by the number of periods of 24 hours after which they come, and the rest.

    Args:
        begun: age at which each wait began, seconds, shape [n]; 0 where waits have a law instead of ages.
        elapsed: how long it took.
        least: that it takes at least; 0 if nothing.
        weight: for how many moves each stands.
        point: between these waits all moves count as one, as they do for laws that this one is compared with.
    """

    cut: float
    """Where periods begin, from whole ones on."""
    least: float
    lag: float = 0.0
    """How long after its periods each rest begins at the earliest."""
    longest = DAY
    """Rests are told up to this."""
    at: Any
    """Age at which the last period of each move begins, as it is counted; `from_at` is the same in plain time, `past` and `from_past` those of the least wait."""

    def __init__(self, begun: Any, elapsed: Any, least: float, weight: Any, point: tuple[float, float] | None = None) -> None:
        self.begun, self.elapsed, self.weight = begun, elapsed, weight
        # Cut at whole or at half days, whichever is further from the circular mean: moves are not parted, and a law can be said in days.
        far = np.abs(elapsed - least) > DAY / 2 if least else np.ones(len(elapsed), bool)
        angle = (begun + elapsed)[far] % DAY / DAY * 2 * math.pi
        middle = math.atan2(float(weight[far] @ np.sin(angle)), float(weight[far] @ np.cos(angle))) / (2 * math.pi) if far.any() else 0.0
        self.cut = -DAY / 2 if abs(middle) < 0.25 else 0.0
        usual = (middle * DAY - self.cut) % DAY
        self.least = max(0.0, least - usual) if least else 0.0
        self.periods = np.floor((begun + elapsed - self.cut) / DAY)
        self.at = self.periods * DAY + self.cut
        self.past = begun + self.least
        """An age before which the time of the age counts for nothing."""
        self.from_at, self.from_past = self.at, self.past
        self.by_age = self.at > self.past
        self.by_wait = (elapsed >= self.least) & (elapsed < self.least + DAY)
        self.rests = np.clip(np.where(self.by_age, begun + elapsed - self.at, 0.0), 0.0, DAY), np.clip(elapsed - self.least, 0.0, DAY)
        self.nearer = np.abs(self.rests[1] - usual) < np.abs(self.rests[0] - usual)
        self.point = point
        self.early, self.within = elapsed < self.least, self.least
        self.shortest = (np.floor((self.past - self.cut) / DAY) + 1) * DAY

    def log_density(self, learn: Any) -> Any:
        """Of each move, by laws that some of them teach."""
        aged, waited, undercut = self._terms(learn)
        usual = math.log1p(-undercut) + np.log(np.maximum(aged + waited, 1e-300))
        return np.where(self.early, np.log(undercut / self.within), usual) if undercut else usual

    def laws(self, learn: Any) -> tuple[Law, Law]:
        """Those of some moves: of the age (or wait) at which the last period begins, and of the rest."""
        aged, waited, _ = self._terms(learn)
        share = aged / np.maximum(aged + waited, 1e-300)
        return self._days(learn, share), self._rest(learn, share)

    def _terms(self, learn: Any) -> tuple[Any, Any, float]:
        """Densities of moves by the age, and by the least wait, and the share of moves that undercut the latter."""
        undercut = (float(self.weight[learn & self.early].sum()) + 0.5) / (float(self.weight[learn].sum()) + 1.0) if self.least or self.lag else 0.0
        share = (self.by_age & ~(self.by_wait & self.nearer)).astype(float) if self.least else self.by_age.astype(float)
        aged = waited = share
        for _ in range(TURNS):
            time, mass = self._days(learn, share)
            days = Cells(time - self.cut, np.diff(np.append(0.0, mass)) * float(self.weight[learn].sum()), 0.0, float(self.at.max() - self.cut), grain=DAY)
            rests = np.concatenate([self.rests[0][learn], self.rests[1][learn]])
            parts = np.concatenate([(self.weight * share)[learn], (self.weight * (1 - share))[learn]])
            rest = Cells(rests[parts > 0], parts[parts > 0], 0.0, 0.0, grain=DAY / POINT_WIDTH)
            told = [self._told(rest, since) for since in (self.from_at, self.from_past)]
            aged = np.where(self.by_age, np.exp(days.log_density(self.at - self.cut) + math.log(DAY)) * told[0], 0.0)
            waited = np.where(self.by_wait, days.below(self.shortest) * told[1], 0.0)
            share = aged / np.maximum(aged + waited, 1e-300)
        return aged, waited, undercut

    def _told(self, rest: Cells, since: Any) -> Any:
        """Density of the rest that each move has if it counts from some age on."""
        age = self.begun + self.elapsed
        told = np.exp(rest.log_density(np.clip(age - since, 0.0, self.longest)))
        if self.point is None:
            return told
        low, high = self.point
        inside = (self.elapsed >= low) & (self.elapsed <= high)
        mass = rest.below(np.clip(self.begun + high - since, 0.0, self.longest)) - rest.below(np.clip(self.begun + low - since, 0.0, self.longest))
        return np.where(inside, np.maximum(mass, 1e-300) / (high - low), told)

    def _days(self, learn: Any, share: Any) -> Law:
        exact, before = learn & (share > 0), learn & (share < 1)
        return reached(self.at[exact], (self.weight * share)[exact], self.past[before], (self.weight * (1 - share))[before])

    def _rest(self, learn: Any, share: Any) -> Law:
        times = np.concatenate([self.rests[0][learn], self.rests[1][learn]])
        parts = np.concatenate([(self.weight * share)[learn], (self.weight * (1 - share))[learn]])
        time, place = np.unique(times[parts > 0], return_inverse=True)
        run = np.cumsum(np.bincount(place, parts[parts > 0], len(time)))
        return time, run / run[-1]


__all__ = ["Periods"]
