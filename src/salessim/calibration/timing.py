"""What the time to a move runs on: working hours, all hours, or the age of the case. Laws in a held-out contest.

Tickets that close a month after they were opened, cancellation deadlines, terms of payment: how long a case still waits
there falls one for one with its age. "Fifteen days after the answer" runs on all hours, though it ends in working hours as
it began in them. Models of the same moves are compared, each as it would be simulated. The wait may have a law of its own,
on the clock of the week or in plain time; or the age at the move has one, T, drawn apart from the age at which the wait
began, and the wait is T - age, or a least wait where that is less. Of a move that comes with the least wait it is only
known that T was not later (left-censored: Turnbull 1976). Open and competing cases are censored: each move that was seen
stands for those like it that were not seen for long enough (inverse probability of censoring, Robins and Rotnitzky 1992),
with the very weights that Aalen and Johansen's estimate gives it, so that shares stay what they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from salessim.calibration.laws import POINT_MASS, POINT_WIDTH
from salessim.calibration.memory import PAYS
from salessim.calibration.questions import LEAST_PER_STATE
from salessim.calibration.rhythm import AT_ONCE, DAY, HOUR

SURE = 3.09
"""Standard errors by which the better law has to be ahead: one in a thousand where both are equally far off (Vuong 1989)."""
LEAST_OF_GROUP = 20
"""Moves with which a state has a say in what those of its activity run on: two cells of a density."""
PER_CELL = 10.0
"""Moves of a cell in which the density of a law is constant: its logarithm is then known to a third."""
MOST_CELLS = 100
EARLY = 0.05
"""A least wait is one that no more moves than this undercut."""
OUT_OF_HOURS = 0.05
"""Of the mean pace, what is granted to hours in which a clock stands: moves seen there must not decide by themselves."""

Clock = Callable[[Any], Any]
Timing = Literal["working", "elapsed", "age"]
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Waits:
    """The waits in one state, those that have ended in whatever move and those that are still open.

    Args:
        born: when each case arrived, seconds since 1970, shape [n].
        since: when each wait began.
        until: when it ended, or the end of observation.
        moved: whether it has ended, shape [n].
        chosen: whether it ended in the move in question, shape [n].
    """

    born: Any
    since: Any
    until: Any
    moved: Any
    chosen: Any

    @property
    def weight(self) -> Any:
        """For how many waits each of the moves in question stands; without censoring 1."""
        elapsed = self.until - self.since
        at, place = np.unique(elapsed, return_inverse=True)
        risk = len(elapsed) - np.searchsorted(np.sort(elapsed), at, side="left")
        ends = np.bincount(place, self.moved, len(at))
        open_ = np.cumprod(np.concatenate([[1.0], 1 - ends / risk]))[:-1]
        return (len(elapsed) * open_ / risk)[place][self.chosen]


@dataclass(frozen=True)
class Runs:
    """What a time runs on.

    Args:
        on: "working" (a clock of the week), "elapsed", or "age" (of the case).
        least: of an age, seconds that the wait takes at least.
        ages: of an age, its law: seconds, and the share that has moved by each, ending at 1.
        to_the_day: of all but "working", whether the time only runs up to the day of the move; its hour is one of the clock's.
    """

    on: Timing
    least: float = 0.0
    ages: tuple[Any, Any] | None = field(default=None, compare=False, repr=False)
    to_the_day: bool = False


def runs_on(states: Mapping[_Key, Waits], clock: Clock | None, midnight: Clock | None = None) -> dict[_Key, Runs]:
    """What the time to a move runs on, in each of the states of an activity that it leaves.

    Each law is learnt from one half of the cases and judged by the other. Waits have a law in each state, ages one in all of
    them: it is the point of a rule that it does not ask what else sets cases apart. So it is judged over all states together, and
    holds in each where no other law is surely better.

    Args:
        states: state -> its waits.
        clock: working seconds, if the move is made in such hours.
        midnight: the local midnight before some times; with a clock, times that count in days are judged as well.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> born = rng.uniform(0, 1e7, 400)
        >>> since = born + rng.uniform(0, 20 * 86400, 400)
        >>> closed = born + 30 * 86400 + rng.uniform(0, 3600, 400)
        >>> every = np.ones(400, bool)
        >>> runs_on({"answered": Waits(born, since, closed, every, every)}, None)["answered"]
        Runs(on='age', least=0.0, to_the_day=False)
        >>> runs_on({"answered": Waits(born, since, since + rng.exponential(86400, 400), every, every)}, None)["answered"]
        Runs(on='elapsed', least=0.0, to_the_day=False)
    """
    usual = Runs("elapsed" if clock is None else "working")
    judged = {key: waits for key, waits in states.items() if _can_judge(waits)}
    found = dict.fromkeys(states, usual)
    if not judged:
        return found
    born = np.concatenate([w.born[w.chosen] for w in judged.values()])
    begun = np.concatenate([(w.since - w.born)[w.chosen] for w in judged.values()])
    elapsed = np.concatenate([(w.until - w.since)[w.chosen] for w in judged.values()])
    weight = np.concatenate([w.weight for w in judged.values()])
    half = np.unique(born, return_inverse=True)[1] % 2  # all moves of a case in one half
    least = least_wait(elapsed)
    aged = weight * np.where(half == 0, _of_age(begun, elapsed, least, weight, half == 1), _of_age(begun, elapsed, least, weight, half == 0))
    day = None if clock is None or midnight is None else _InDays(born, begun, elapsed, clock, midnight)
    to_the_day = False
    if day is not None:
        in_days = weight * np.where(half == 0, day.of_age(least, weight, half == 1), day.of_age(least, weight, half == 0))
        to_the_day = _surely(in_days, aged)
        aged = in_days if to_the_day else aged
    ends = np.cumsum([int(w.chosen.sum()) for w in judged.values()])
    parts = [slice(b - int(w.chosen.sum()), b) for b, w in zip(ends, judged.values(), strict=True)]
    plain = {key: _by_wait(w, None, least, half[part]) for (key, w), part in zip(judged.items(), parts, strict=True)}
    usually = plain if clock is None else {key: _by_wait(w, clock, 0.0, half[part]) for (key, w), part in zip(judged.items(), parts, strict=True)}
    best: dict[_Key, Any] = {}
    days: set[_Key] = set()
    for key, part in zip(judged, parts, strict=True):
        if day is not None and _surely(in_days := weight[part] * day.of_wait(weight, half, part), plain[key]):
            plain[key] = in_days
            days.add(key)
    for key in judged:
        if _surely(plain[key], usually[key]):
            found[key] = Runs("elapsed", to_the_day=key in days)
        best[key] = plain[key] if found[key].on == "elapsed" else usually[key]
    if np.ptp(begun) <= AT_ONCE or not _surely(aged, np.concatenate(list(usually.values()))) or not _surely(aged, np.concatenate(list(plain.values()))):
        return found
    rule = {key for key, part in zip(judged, parts, strict=True) if not _surely(best[key], aged[part])}
    kept = np.concatenate([np.full(part.stop - part.start, key in rule) for key, part in zip(judged, parts, strict=True)])
    if rule:
        if to_the_day and day is not None:
            least, law = day.ages(kept, least, weight)
        else:
            law = _ages(begun[kept], elapsed[kept], least, weight[kept])
        found |= dict.fromkeys(rule, Runs("age", least, law, to_the_day))
    return found


class _InDays:
    """Moves by the day on which they come and the hour they have on it: the day has a law, the hour the pace of the clock.

    What strikes a number of days after something, and at hours at which people work, is told by neither law alone: in plain time
    it would come at night, on the clock the days would be of any length.
    """

    def __init__(self, born: Any, begun: Any, elapsed: Any, clock: Clock, midnight: Clock) -> None:
        since, until = born + begun, born + begun + elapsed
        self.begun, self.elapsed, self.on_the_day = begun, elapsed, np.maximum(midnight(until), since) - since
        came, left, moved = (np.round(midnight(x) / DAY) * DAY for x in (born, since, until))
        self.days_begun, self.days = left - came, moved - left
        first, next_ = since + self.on_the_day, midnight(until) + DAY
        mean = float(clock(until.max()) - clock(since.min())) / max(HOUR, float(until.max() - since.min()))
        hour = until // HOUR * HOUR
        pace = np.maximum((clock(hour + HOUR) - clock(hour)) / HOUR, max(OUT_OF_HOURS * mean, 1e-9))
        rest = np.maximum(clock(next_) - clock(first), pace * np.maximum(next_ - until, 60.0))
        self.hour = np.log(pace / rest)

    def of_age(self, least: float, weight: Any, learn: Any) -> Any:
        """Log density of each move, as `_of_age`."""
        least = round(least / DAY) * DAY
        early = self.days < least
        undercut = (float(weight[learn & early].sum()) + 0.5) / (float(weight[learn].sum()) + 1.0) if least else 0.0
        age, later = self.days_begun + self.days, self.days > least
        time, share = reached(age[learn & later], weight[learn & later], (self.days_begun + least)[learn & ~later], weight[learn & ~later])
        cells = _Cells(time, np.diff(np.append(0.0, share)) * float(weight[learn].sum()), 0.0, float(age.max()), grain=DAY)
        told = np.where(later, cells.log_density(age) + math.log(DAY), np.log(cells.below(self.days_begun + least + DAY)))
        return self.hour + (np.where(early, math.log(undercut / (least / DAY)), math.log1p(-undercut) + told) if least else told)

    def of_wait(self, weight: Any, half: Any, part: slice) -> Any:
        """Log density of the moves of one state by the law of days that each half teaches the other."""
        days, weight, half = self.days[part], weight[part], half[part]
        result = np.zeros(len(days))
        for one in (0, 1):
            if (half != one).any():
                cells = _Cells(days[half != one], weight[half != one], 0.0, float(days.max()), grain=DAY)
                result[half == one] = (cells.log_density(days) + math.log(DAY))[half == one]
        return self.hour[part] + result

    def ages(self, kept: Any, least: float, weight: Any) -> tuple[float, tuple[Any, Any]]:
        """The least wait and the law of the age, both up to the midnight before the move, or the beginning of the wait if that is later."""
        later = (self.elapsed > least + _grain(self.elapsed, least)) & kept
        at_least = ~later & kept
        least = float(np.median(self.on_the_day[at_least])) if least and at_least.any() else least
        return least, reached((self.begun + self.on_the_day)[later], weight[later], (self.begun + least)[at_least], weight[at_least])


def _surely(better: Any, worse: Any) -> bool:
    """Whether one law is surely ahead of another, by the log-likelihood of each held-out move."""
    gain = better - worse
    return len(gain) >= LEAST_PER_STATE and float(gain.sum()) > max(PAYS, SURE * math.sqrt(len(gain)) * float(gain.std()))


def _can_judge(waits: Waits) -> bool:
    """Whether moves that take time are in either half of the cases, enough for a law."""
    later = (waits.until - waits.since)[waits.chosen] > AT_ONCE
    return bool(later.sum() >= LEAST_OF_GROUP and len(np.unique(waits.born[waits.chosen][later])) >= LEAST_OF_GROUP)


def _by_wait(waits: Waits, clock: Clock | None, least: float, half: Any) -> Any:
    """Weighted log density of each move by the law of the wait that the other half of the cases teaches."""
    chosen, weight = waits.chosen, waits.weight
    since, until = waits.since[chosen], waits.until[chosen]
    elapsed = until - since
    later = elapsed > AT_ONCE
    wait, pace = (elapsed, np.ones(len(elapsed))) if clock is None else _on(clock, since, until)
    point = (least - _grain(elapsed, least), least + _grain(elapsed, least)) if least else None
    result = np.zeros(len(elapsed))
    for part in (0, 1):
        learn = half != part
        if (learn & later).any():
            result[~learn] = _of_wait(wait, later, pace, weight, learn, point)[~learn]
    return weight * result


def least_wait(elapsed: Any) -> float:
    """The wait that many moves take and hardly any undercuts, such as "15 days"; 0 where there is none.

    Args:
        elapsed: seconds, shape [n].

    Example:
        >>> least_wait(np.array([1296000.0] * 10 + [2000000.0, 2500000.0, 3000000.0])) / 86400
        15.0
    """
    times = np.sort(elapsed[elapsed > AT_ONCE])
    if len(times) < LEAST_PER_STATE // 8 or len(times) < (1 - EARLY) * len(elapsed):
        return 0.0
    held = np.searchsorted(times, times + float(times.mean()) / POINT_WIDTH, side="right") - np.arange(len(times))
    points = np.flatnonzero(held >= max(2.0, POINT_MASS * len(times)))
    if not len(points) or points[0] > EARLY * len(times):
        return 0.0
    best = points[points <= EARLY * len(times)]
    first = int(best[np.argmax(held[best])])
    return float(np.median(times[first : first + held[first]]))


def _ages(begun: Any, elapsed: Any, least: float, weight: Any) -> tuple[Any, Any]:
    later = elapsed > least + _grain(elapsed, least)
    return reached((begun + elapsed)[later], weight[later], (begun + least)[~later], weight[~later])


def _grain(elapsed: Any, least: float) -> float:
    """How far apart waits may be that count as one point."""
    return float(elapsed.mean()) / POINT_WIDTH if least else AT_ONCE


def reached(exact: Any, weight: Any, before: Any, weight_before: Any) -> tuple[Any, Any]:
    """The distribution of times of which some are known and of others only that they were not later than something.

    Kaplan and Meier's estimate with time reversed, which is Turnbull's where nothing is censored from the right.
    What lies before all that is known counts as 0: whatever it is, it is over.

    Example:
        >>> time, share = reached(np.array([1.0, 3.0]), np.ones(2), np.array([2.0]), np.ones(1))
        >>> time.tolist(), [round(float(x), 3) for x in share]  # the one not later than 2 is the 1
        ([1.0, 3.0], [0.667, 1.0])
    """
    if not len(exact):
        return np.zeros(1), np.ones(1)
    time, place = np.unique(exact, return_inverse=True)
    mass = np.bincount(place, weight, len(time))
    order = np.argsort(before)
    earlier = np.concatenate([[0.0], np.cumsum(weight_before[order])])[np.searchsorted(before[order], time, side="right")]
    risk = np.cumsum(mass) + earlier
    share = np.append(np.cumprod((1 - mass / risk)[::-1])[::-1][1:], 1.0)
    first = float(share[0] * (1 - mass[0] / risk[0]))
    return (time, share) if first < 1e-12 else (np.append(0.0, time), np.append(first, share))


def _on(clock: Clock, since: Any, until: Any) -> tuple[Any, Any]:
    """Waits on a clock, and how fast it goes in the hour in which each ends."""
    hour = until // HOUR * HOUR
    mean = float(clock(until.max()) - clock(since.min())) / max(HOUR, float(until.max() - since.min()))
    pace = (clock(hour + HOUR) - clock(hour)) / HOUR
    return clock(until) - clock(since), np.maximum(pace, max(OUT_OF_HOURS * mean, 1e-9))


def _of_wait(wait: Any, later: Any, pace: Any, weight: Any, learn: Any, point: tuple[float, float] | None) -> Any:
    """Log density of each move in plain time, by a law of the wait that some of them teach; a point is one cell."""
    known = learn & later
    at_once = (float(weight[learn & ~later].sum()) + 0.5) / (float(weight[learn].sum()) + 1.0)
    cells = _Cells(wait[known], weight[known], float(wait[later].mean()), float(wait.max()), point)
    return np.where(later, math.log1p(-at_once) + cells.log_density(wait) + np.log(pace), math.log(at_once))


def _of_age(begun: Any, elapsed: Any, least: float, weight: Any, learn: Any) -> Any:
    """The same by a law of the age."""
    grain = _grain(elapsed, least)
    time, share = _ages(begun[learn], elapsed[learn], least, weight[learn])
    early = elapsed < least - grain
    undercut = (float(weight[learn & early].sum()) + 0.5) / (float(weight[learn].sum()) + 1.0) if least else 0.0
    mass = np.diff(np.concatenate([[0.0], share])) * float(weight[learn].sum())
    cells = _Cells(time, mass, float(elapsed.mean()), float((begun + elapsed).max()))
    at_least = np.log(cells.below(begun + least)) - (math.log(2 * grain) if least else 0.0)  # all in one point, or at once
    usual = math.log1p(-undercut) + np.where(elapsed > least + grain, cells.log_density(begun + elapsed), at_least)
    return np.where(early, math.log(undercut / least), usual) if least else usual


class _Cells:
    """A density that is constant in cells of about equal shares, those at points that many times agree in narrow ones.

    Args:
        times: shape [n].
        mass: of each.
        scale: mean wait in the same unit, for the width of the narrowest cell.
        longest: that has to be told.
        point: a cell that is to be one of them, so that laws which both have it tell it in the same width.
        grain: width of the narrowest cell, if not by the scale.
    """

    def __init__(self, times: Any, mass: Any, scale: float, longest: float, point: tuple[float, float] | None = None, grain: float | None = None) -> None:
        grain = max(scale / POINT_WIDTH, 1e-6) if grain is None else grain
        order = np.argsort(times, kind="stable")
        cell, run = np.floor(times[order] / grain), np.cumsum(mass[order])
        count = int(np.clip(run[-1] / PER_CELL, 1, MOST_CELLS))
        cuts = cell[np.minimum(np.searchsorted(run, run[-1] * np.arange(count + 1) / count), len(cell) - 1)]
        points = cuts[1:][np.diff(cuts) == 0]
        self.edges = np.unique(np.concatenate([[0.0], cuts, points + 1, [cuts[-1] + 1, max(2 * cuts[-1], longest / grain) + 2]])) * grain
        if point is not None:
            self.edges = np.unique(np.append(self.edges[(self.edges <= point[0]) | (self.edges >= point[1])], point))
        held = np.bincount(np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.edges) - 2), mass, len(self.edges) - 1) + 0.5
        self.share = held / held.sum()
        self.density = np.log(self.share / np.diff(self.edges))

    def log_density(self, times: Any) -> Any:
        """At some times."""
        return self.density[np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.density) - 1)]

    def below(self, times: Any) -> Any:
        """The share up to some times; never nothing."""
        return np.maximum(np.interp(times, self.edges, np.concatenate([[0.0], np.cumsum(self.share)])), 1e-9)


__all__ = ["Runs", "Timing", "Waits", "least_wait", "reached", "runs_on"]
