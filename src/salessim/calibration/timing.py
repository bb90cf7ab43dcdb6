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
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from salessim.calibration.clocks import Clock as Calendar
from salessim.calibration.curves import AT_ONCE, Cells, least_wait, reached, surely
from salessim.calibration.laws import POINT_WIDTH, windows
from salessim.calibration.periods import Periods
from salessim.calibration.rhythm import DAY, HOUR
from salessim.calibration.workdays import working_days

LEAST_OF_GROUP = 20
"""Moves with which a state has a say in what those of its activity run on: two cells of a density."""
OUT_OF_HOURS = 0.05
"""Of the mean pace, what is granted to hours in which a clock stands: moves seen there must not decide by themselves."""

SOON = (300.0, 1800.0, 7200.0, 28_800.0)
"""Seconds up to which moves may follow in plain time, where longer waits run on a clock: in one sitting, in the same hour, the same half or whole day."""

Clock = Callable[[Any], Any]
Days = Mapping[str, Calendar]
"""Name of a calendar -> a clock of the days on which it opens."""
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
        ages: of an age or of whole days, the law: seconds, and the share that has moved by each, ending at 1.
        to_the_day: of all but "working", whether the time only runs up to the day of the move; its hour is one of the clock's.
        rest: of whole days (see `periods`), the law of what comes on top of them; else None.
        soon: seconds up to which waits that run on a clock do not: what follows at once does so at any hour.
        fixed: of an age in whole days, waits that are what they are whatever the age, each from and up to so many seconds.
        days: of whole days, the calendar of those that count (`least` and `ages` are then seconds of such days); all do if there is none.
    """

    on: Timing
    least: float = 0.0
    ages: tuple[Any, Any] | None = field(default=None, compare=False, repr=False)
    to_the_day: bool = False
    rest: tuple[Any, Any] | None = field(default=None, compare=False, repr=False)
    soon: float = field(default=0.0, compare=False, repr=False)
    fixed: tuple[tuple[float, float], ...] = field(default=(), compare=False, repr=False)
    days: str = field(default="", compare=False, repr=False)


class _Least(NamedTuple):
    """A wait that many moves take and hardly any undercuts."""

    wait: float
    """Seconds; 0 where there is none."""
    grain: float
    """How far apart waits may be that count as one point: all laws tell the point in the same width, so that none wins by it."""

    @property
    def point(self) -> tuple[float, float] | None:
        """The waits that count as this one."""
        return (self.wait - self.grain, self.wait + self.grain) if self.wait else None


def runs_on(states: Mapping[_Key, Waits], clock: Clock | None, midnight: Clock | None = None, days: Days | None = None) -> dict[_Key, Runs]:
    """What the time to a move runs on, in each of the states of an activity that it leaves.

    Each law is learnt from one half of the cases and judged by the other. Waits have a law in each state, ages one in all of
    them: it is the point of a rule that it does not ask what else sets cases apart. So it is judged over all states together, and
    holds in each where no other law is surely better.

    Args:
        states: state -> its waits.
        clock: working seconds, if the move is made in such hours.
        midnight: the local midnight before some times; with a clock, times that count in days are judged as well.
        days: that whole days may count in, beside all days.

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
    shortest = least_wait(elapsed)
    least = _Least(shortest, float(elapsed.mean()) / POINT_WIDTH if shortest else AT_ONCE)
    ends = np.cumsum([int(w.chosen.sum()) for w in judged.values()])
    parts = {key: slice(b - int(w.chosen.sum()), b) for b, (key, w) in zip(ends, judged.items(), strict=True)}
    day = None if clock is None or midnight is None else _InDays(born, begun, elapsed, clock, midnight)
    best: dict[_Key, Any] = {}
    plain: dict[_Key, Any] = {}
    usually: dict[_Key, Any] = {}
    for key, waits in judged.items():
        found[key], plain[key], usually[key] = _by_itself(waits, clock, least, weight, half, parts[key], day, days or {})
        best[key] = plain[key] if found[key].on == "elapsed" and clock is not None else usually[key]
    if np.ptp(begun) <= AT_ONCE:
        return found
    waited = _Waited(born, begun, elapsed, weight, half)
    aged, kind = _told_by_age(waited, least, day, days or {})
    if not surely(aged, np.concatenate(list(usually.values()))) or not surely(aged, np.concatenate(list(plain.values()))):
        return found
    apart = set()
    for key, part in parts.items():  # the rule may hold with terms of its own, as for what is urgent
        own, of_its_own = _told_by_age(waited.some(part), least, None, days or {})
        if not kind.to_the_day and of_its_own == kind and surely(own, aged[part]) and surely(own, best[key]):
            apart.add(key)
            found[key] = _rule(waited, least, np.arange(len(born))[part], None, kind, (days or {}).get(kind.days))
    rule = {key for key, part in parts.items() if key not in apart and not surely(best[key], aged[part])}
    if rule:
        kept = np.concatenate([np.arange(len(born))[part] for key, part in parts.items() if key in rule])
        found |= dict.fromkeys(rule, _rule(waited, least, kept, day if kind.to_the_day else None, kind, (days or {}).get(kind.days)))
    return found


def _by_itself(waits: Waits, clock: Clock | None, least: _Least, weight: Any, half: Any, part: slice, day: _InDays | None, days: Days) -> tuple[Runs, Any, Any]:
    """What the waits in one state run on if not on the age, and the log density of each by the best law in plain time and by the usual one."""
    elapsed = (waits.until - waits.since)[waits.chosen]
    plain, runs = _by_wait(waits, None, least, half[part]), Runs("elapsed")
    usually = plain if clock is None else _by_wait(waits, clock, least, half[part])
    if day is not None and surely(in_days := weight[part] * day.of_wait(weight, half, part), plain):
        plain, runs = in_days, Runs("elapsed", to_the_day=True)
    if elapsed.max() > DAY:
        waited = _Waited(waits.since[waits.chosen], np.zeros(len(elapsed)), elapsed, weight[part], half[part])
        if (found := _in_periods(waited, 0.0, least.point, days, plain)) is not None:
            plain, name = found
            law, rest = waited.periods(0.0, days.get(name)).laws(np.ones(len(elapsed), bool))
            runs = Runs("elapsed", ages=law, rest=rest, days=name)
    if clock is None:
        return runs, plain, plain if runs.rest is None else usually
    runs, best = (runs, plain) if surely(plain, usually) else (Runs("working"), usually)
    soon, mixed = _with_soon(waits, clock, least, half[part], best)
    return (Runs("working", soon=soon) if surely(mixed, best) else runs), plain, mixed if surely(mixed, best) else usually


class _Waited(NamedTuple):
    """Moves that are looked at together, by the case's arrival, the age at which the wait began, how long it took, for how many they stand, and the half of their case."""

    born: Any
    begun: Any
    elapsed: Any
    weight: Any
    half: Any

    def some(self, which: Any) -> _Waited:
        """Of some of the moves."""
        return _Waited(*(x[which] for x in self))

    def periods(self, least: float, days: Calendar | None, point: tuple[float, float] | None = None) -> Periods:
        """As whole days, all or those that count."""
        if days is None:
            return Periods(self.begun, self.elapsed, least, self.weight, point)
        return working_days(self.born, self.begun, self.elapsed, self.weight, days, point)


class _Kind(NamedTuple):
    """Which law of the age."""

    to_the_day: bool = False
    in_periods: bool = False
    days: str = ""
    """Of periods, those that count."""


def _in_periods(waited: _Waited, least: float, point: tuple[float, float] | None, days: Days, best: Any) -> tuple[Any, str] | None:
    """Weighted log density of each move by whole days, and the calendar of those that count ("" if all do); None where they are not surely better than the best law so far.

    Waits that count working days keep the hour on nearly all days, so that where all days tell nothing, none are looked for. Of an age that is not so: a least wait in working days has the hour of the answer.
    """

    def told(of: Calendar | None) -> Any:
        return waited.weight * _crossed(waited.periods(least, of, point).log_density, waited.half)

    plain = told(None)
    ahead = surely(plain, best)
    if not ahead and not waited.begun.any():
        return None
    counted = {name: told(of) for name, of in days.items()}
    name = max(counted, key=lambda name: float(counted[name].sum()), default="")
    if name and surely(counted[name], plain) and surely(counted[name], best):
        return counted[name], name
    return (plain, "") if ahead else None


def _told_by_age(waited: _Waited, least: _Least, day: _InDays | None, days: Days) -> tuple[Any, _Kind]:
    """Log density of each move by a law of the age, and which one this is."""
    _, begun, elapsed, weight, half = waited
    aged, kind = weight * _crossed(lambda learn: _of_age(begun, elapsed, least, weight, learn), half), _Kind()
    if day is not None and surely(told := weight * _crossed(lambda learn: day.of_age(least.wait, weight, learn), half), aged):
        aged, kind = told, _Kind(to_the_day=True)
    if (found := _in_periods(waited, least.wait, least.point, days, aged)) is not None:
        aged, kind = found[0], _Kind(in_periods=True, days=found[1])
    return aged, kind


def _rule(waited: _Waited, least: _Least, kept: Any, day: _InDays | None, kind: _Kind, days: Calendar | None) -> Runs:
    """The law of the age that some moves teach."""
    _, begun, elapsed, weight, _ = waited
    if day is not None:
        among = np.zeros(len(begun), bool)
        among[kept] = True
        shortest, law = day.ages(among, least, weight)
        return Runs("age", shortest, law, to_the_day=True)
    if kind.in_periods:
        fixed = _fixed(waited.some(kept), least, days)
        kept = kept[~_inside(elapsed[kept], fixed)]
        whole = waited.some(kept).periods(least.wait, days)
        law, rest = whole.laws(np.ones(len(kept), bool))
        return Runs("age", whole.least, law, rest=rest, fixed=fixed, days=kind.days)
    return Runs("age", least.wait, _ages(begun[kept], elapsed[kept], least, weight[kept]))


def _inside(elapsed: Any, fixed: tuple[tuple[float, float], ...]) -> Any:
    """Which waits are fixed ones."""
    return np.any([(elapsed >= low) & (elapsed <= high) for low, high in fixed], axis=0) if fixed else np.zeros(len(elapsed), bool)


def _fixed(waited: _Waited, least: _Least, days: Calendar | None) -> tuple[tuple[float, float], ...]:
    """Waits beside the least one that a second timer makes, such as "30 days after the answer": points of the law of the wait.

    Only if the mixture of the two tells moves of the other half surely better than whole days of the age alone.
    """
    _, _, elapsed, weight, half = waited
    order = np.argsort(elapsed, kind="stable")
    found = [(float(elapsed[order[a]]), float(elapsed[order[b - 1]])) for a, b in windows(elapsed[order], weight[order] / weight.sum(), len(elapsed))]
    fixed = tuple((low - least.grain, high + least.grain) for low, high in sorted(found) if low > least.wait + least.grain)
    inside = _inside(elapsed, fixed)
    if inside.sum() < LEAST_OF_GROUP or (~inside).sum() < LEAST_OF_GROUP:
        return ()
    whole = waited.periods(least.wait, days, least.point)
    width = sum(high - low for low, high in fixed)  # one law of all fixed waits, flat in their windows

    def mixed(learn: Any) -> Any:
        share = (float(weight[learn & inside].sum()) + 0.5) / (float(weight[learn].sum()) + 1.0)
        rest = whole.log_density(learn & ~inside)
        return np.log(np.where(inside, share / width, 0.0) + (1 - share) * np.exp(rest))

    alone = _crossed(whole.log_density, half)
    return fixed if surely(weight * _crossed(mixed, half), weight * alone) else ()


def _crossed(told: Callable[[Any], Any], half: Any) -> Any:
    """The log density of each half of the moves by what the other half teaches."""
    return np.where(half == 0, told(half == 1), told(half == 0))


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
        cells = Cells(time, np.diff(np.append(0.0, share)) * float(weight[learn].sum()), 0.0, float(age.max()), grain=DAY)
        told = np.where(later, cells.log_density(age) + math.log(DAY), np.log(cells.below(self.days_begun + least + DAY)))
        return self.hour + (np.where(early, math.log(undercut / (least / DAY)), math.log1p(-undercut) + told) if least else told)

    def of_wait(self, weight: Any, half: Any, part: slice) -> Any:
        """Log density of the moves of one state by the law of days that each half teaches the other."""
        days, weight, half = self.days[part], weight[part], half[part]
        result = np.zeros(len(days))
        for one in (0, 1):
            if (half != one).any():
                cells = Cells(days[half != one], weight[half != one], 0.0, float(days.max()), grain=DAY)
                result[half == one] = (cells.log_density(days) + math.log(DAY))[half == one]
        return self.hour[part] + result

    def ages(self, kept: Any, least: _Least, weight: Any) -> tuple[float, tuple[Any, Any]]:
        """The least wait and the law of the age, both up to the midnight before the move, or the beginning of the wait if that is later."""
        later = (self.elapsed > least.wait + least.grain) & kept
        at_least = ~later & kept
        shortest = float(np.median(self.on_the_day[at_least])) if least.wait and at_least.any() else least.wait
        return shortest, reached((self.begun + self.on_the_day)[later], weight[later], (self.begun + shortest)[at_least], weight[at_least])


def _can_judge(waits: Waits) -> bool:
    """Whether moves that take time are in either half of the cases, enough for a law."""
    later = (waits.until - waits.since)[waits.chosen] > AT_ONCE
    return bool(later.sum() >= LEAST_OF_GROUP and len(np.unique(waits.born[waits.chosen][later])) >= LEAST_OF_GROUP)


def _by_wait(waits: Waits, clock: Clock | None, least: _Least, half: Any) -> Any:
    """Weighted log density of each move by the law of the wait that the other half of the cases teaches."""
    chosen, weight = waits.chosen, waits.weight
    since, until = waits.since[chosen], waits.until[chosen]
    elapsed = until - since
    later = elapsed > AT_ONCE
    wait, pace = (elapsed, np.ones(len(elapsed))) if clock is None else _on(clock, since, until)
    result = np.zeros(len(elapsed))
    for part in (0, 1):
        learn = half != part
        if not (learn & later).any():
            continue
        cells, at_once = _of_wait(wait, later, weight, learn, least.point if clock is None else None)
        told = cells.log_density(wait) + np.log(pace)
        if clock is not None and least.point is not None:
            low, high = (np.maximum(clock(since + edge) - clock(since), 0.0) for edge in least.point)
            inside = (elapsed >= least.point[0]) & (elapsed <= least.point[1])
            told = np.where(inside, np.log(np.maximum(cells.below(high) - cells.below(low), 1e-9) / (2 * least.grain)), told)
        result[~learn] = np.where(later, math.log1p(-at_once) + told, math.log(at_once))[~learn]
    return weight * result


def _with_soon(waits: Waits, clock: Clock, least: _Least, half: Any, best: Any) -> tuple[float, Any]:
    """The cut below which waits are told best by a law in plain time, a part of a mixture, and the weighted log density of each move by it.

    People go on with a case at hand whatever the hour; on a clock what takes them a minute in a slow hour would be over in no time
    in a busy one. Each law is told no closer than the usual one.
    """
    chosen, weight = waits.chosen, waits.weight
    since, until = waits.since[chosen], waits.until[chosen]
    elapsed = until - since
    wait, pace = _on(clock, since, until)
    later = elapsed > AT_ONCE
    scale = min(DAY, float(wait[later].mean()))
    found = 0.0, best
    for cut in SOON:
        quick, told = elapsed <= cut, np.full(len(elapsed), -np.inf)
        for part in (0, 1):
            learn = half != part
            if min((learn & later & quick).sum(), (learn & ~quick).sum()) < LEAST_OF_GROUP:
                break
            share, at_once = (float(weight[learn & x].sum()) / float(weight[learn].sum()) for x in (quick, ~later))
            soon = Cells(elapsed[learn & later & quick], weight[learn & later & quick], scale, cut)
            rest = Cells(wait[learn & ~quick], weight[learn & ~quick], scale, float(wait.max()))
            density = np.exp(soon.log_density(elapsed))
            if least.point is not None:
                low, high = least.point
                density = np.where((elapsed >= low) & (elapsed <= high), (soon.below(high) - soon.below(low)) / (high - low), density)
            both = np.where(quick, (share - at_once) * density, 0.0) + (1 - share) * np.exp(rest.log_density(wait)) * pace
            told[~learn] = np.log(np.where(later, both, max(at_once, 0.5 / float(weight[learn].sum()))))[~learn]
        if np.isfinite(told).all() and float((weight * told).sum()) > float(found[1].sum()):
            found = cut, weight * told
    return found


def _ages(begun: Any, elapsed: Any, least: _Least, weight: Any) -> tuple[Any, Any]:
    later = elapsed > least.wait + least.grain
    return reached((begun + elapsed)[later], weight[later], (begun + least.wait)[~later], weight[~later])


def _on(clock: Clock, since: Any, until: Any) -> tuple[Any, Any]:
    """Waits on a clock, and how fast it goes in the hour in which each ends."""
    hour = until // HOUR * HOUR
    mean = float(clock(until.max()) - clock(since.min())) / max(HOUR, float(until.max() - since.min()))
    pace = (clock(hour + HOUR) - clock(hour)) / HOUR
    return clock(until) - clock(since), np.maximum(pace, max(OUT_OF_HOURS * mean, 1e-9))


def _of_wait(wait: Any, later: Any, weight: Any, learn: Any, point: tuple[float, float] | None) -> tuple[Cells, float]:
    """The law of the wait that some moves teach, a point being one cell; and the share of those at once."""
    known = learn & later
    at_once = (float(weight[learn & ~later].sum()) + 0.5) / (float(weight[learn].sum()) + 1.0)
    return Cells(wait[known], weight[known], min(DAY, float(wait[later].mean())), float(wait.max()), point), at_once


def _of_age(begun: Any, elapsed: Any, least: _Least, weight: Any, learn: Any) -> Any:
    """Log density of each move in plain time, by a law of the age that some of them teach."""
    wait, grain = least
    time, share = _ages(begun[learn], elapsed[learn], least, weight[learn])
    early = elapsed < wait - grain
    undercut = (float(weight[learn & early].sum()) + 0.5) / (float(weight[learn].sum()) + 1.0) if wait else 0.0
    mass = np.diff(np.concatenate([[0.0], share])) * float(weight[learn].sum())
    cells = Cells(time, mass, min(DAY, float(elapsed.mean())), float((begun + elapsed).max()))
    at_least = np.log(cells.below(begun + wait)) - (math.log(2 * grain) if wait else 0.0)  # all in one point, or at once
    usual = math.log1p(-undercut) + np.where(elapsed > wait + grain, cells.log_density(begun + elapsed), at_least)
    return np.where(early, math.log(undercut / wait), usual) if wait else usual


__all__ = ["Days", "Runs", "Timing", "Waits", "runs_on"]
