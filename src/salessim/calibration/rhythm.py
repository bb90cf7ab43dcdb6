"""The pace of the week: at which hours what has to happen does happen, rare hours included.

An open-or-closed calendar cannot say that little is done in the evening, or on a Saturday. Here each hour of the week has a
pace, and waits run on a clock that goes at that pace: a hazard h(L(t) - L(s)) l(t), where l is the pace of the hour and L its
sum. That is a proportional-hazards model with the hour of the week as covariate (Cox 1972), fitted by turns: given the
pace, h is Nelson and Aalen's estimate; given h, the pace of an hour is the events seen in it over those expected. Because
waits that begin in the day and are over at once are expected to end in the day, only what they do not explain counts as pace.

Hours and weekdays share a pace unless the data pay for telling them apart, so few events teach a coarse rhythm or none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.clocks import Clock
from salessim.calibration.curves import AT_ONCE, Cells, surely
from salessim.calibration.sample import LocalTime
from salessim.scenario.calendars import DAYS

if TYPE_CHECKING:
    from salessim.calibration.journey import Sequence
    from salessim.log import EventLog

HOUR, DAY = 3600.0, 86_400.0
LEAST = 60
"""Fewer waits than this teach no rhythm."""
LEAST_OF_SOURCE = 30
"""Waits after an activity with fewer than this share their law with those after other such activities."""
TURNS = 6
"""Changes are below a hundredth after some five."""
FLOOR = 1e-4
"""Pace that an hour without events keeps while turns are taken: a pace of 0 could never be corrected."""
MOST_PIECES = 1_000_000
"""Hours that are looked at in all waits together; beyond, every second, third ... wait is used."""
TIMER = 0.9
"""A timer does what falls into one minute of the hour in so many cases; people's work falls into each in some 2 %."""
LEAST_PACE = 0.001
"""An hour slower than this against the busiest is closed: in a thousand such hours less happens than in one busy hour."""


@dataclass(frozen=True)
class Rhythm:
    """At which hours an activity is reached."""

    shifts: list[dict[str, Any]]
    """In the language of scenarios."""
    minute: int | None
    """Of the hour, if a timer does it."""


class Beat(Clock):
    """A clock for what a timer does: its events count as in the middle of their hour.

    A timer that strikes at 23:59:59 does so at the very end of what is open; a law that is a hair too long would put
    every such event off to the next day.

    Args:
        minute: of the hour at which the timer strikes.
    """

    def __init__(self, calendar: dict[str, Any], start: pd.Timestamp, end: pd.Timestamp, time_zone: str, minute: int) -> None:
        super().__init__(calendar, start, end, time_zone)
        self.minute = minute

    def __call__(self, times: Any) -> Any:
        """Open seconds that have passed by some times (seconds since 1970); NaN stays NaN."""
        t = np.asarray(times, float)
        return super().__call__(np.where(t // 60 % 60 == self.minute, t // HOUR * HOUR + HOUR / 2, t))


@dataclass(frozen=True)
class Rhythms:
    """The rhythms of a log.

    Args:
        of: activity -> its rhythm, if it has one.
        after: (activity before, activity) -> its rhythm after that one, where it surely is another.
    """

    of: dict[str, Rhythm]
    after: dict[tuple[str, str], Rhythm]


def rhythms(log: EventLog, cases: Iterable[Sequence]) -> Rhythms:
    """The rhythm at which each activity is reached, where it has one.

    What follows one activity at night, as by a batch, may follow another in office hours only. So an activity has a rhythm of its own
    after another one where that foretells the waits of cases that it was not learnt from surely better (see `apart`).

    Args:
        log: whose zone and period hold.
        cases: its journeys.
    """
    code: dict[str, int] = {}
    waits: dict[str, list[tuple[float, float, int, int]]] = {}
    for number, case in enumerate(cases):
        for i in range(1, len(case.steps)):
            if not math.isnan(case.left[i - 1]) and not math.isnan(case.reached[i]):
                before = code.setdefault(case.steps[i - 1], len(code))
                waits.setdefault(case.steps[i], []).append((case.left[i - 1], max(case.left[i - 1], case.reached[i]), before, number % 2))
    names = {number: name for name, number in code.items()}
    local = LocalTime(log.about.time_zone, pd.Timestamp(log.about.start).timestamp(), pd.Timestamp(log.about.end).timestamp())
    found = Rhythms({}, {})
    for activity, rows in sorted(waits.items()):
        since, until, source, half = np.array(rows).T
        learnt = _taught(local(since), local(until), source.astype(int))
        if learnt is None or (said := words(paces(*learnt))) is None:
            continue
        found.of[activity] = Rhythm(said, _minute(until))
        for number in np.unique(source):
            mine = source == number
            if mine.all() or not apart(local(since), local(until), source.astype(int), mine, half):
                continue
            own = _taught(local(since[mine]), local(until[mine]), source[mine].astype(int))
            if own is not None and (said := words(paces(*own))) is not None:
                found.after[names[int(number)], activity] = Rhythm(said, _minute(until[mine]))
    return found


def _minute(until: Any) -> int | None:
    """The minute of the hour into which nearly all fall, if a timer does it."""
    minutes, counts = np.unique(until // 60 % 60, return_counts=True)
    return int(minutes[counts.argmax()]) if counts.max() > TIMER * len(until) else None


def apart(since: Any, until: Any, source: Any, mine: Any, half: Any) -> bool:
    """Whether some waits for an activity surely have another rhythm than all of them together.

    Of either, rhythm and law are learnt from one half of the cases and judged by how well they foretell when the waits of
    the other half end: the density on the clock of the rhythm, times the pace of the hour.

    Args:
        since, until: seconds of local time since 1970.
        source: of each wait, a code of what came before.
        mine: which waits.
        half: of its case, 0 or 1.
    """
    took = until - since > AT_ONCE
    told: list[tuple[Any, Any]] = []
    for learn in (0, 1):
        taught, judged = took & (half == learn), took & mine & (half != learn)
        if min((taught & mine).sum(), judged.sum()) < LEAST:
            return False
        own, pooled = (paces(*of) if (of := _taught(since[rows], until[rows], source[rows])) is not None else np.ones((7, 24)) for rows in (taught & mine, taught))
        told.append((_foretold(own, since, until, taught & mine, judged), _foretold(pooled, since, until, taught & mine, judged)))
    return surely(*map(np.concatenate, zip(*told, strict=True)))


def _foretold(pace: Any, since: Any, until: Any, taught: Any, judged: Any) -> Any:
    """Log density of some waits by the law that others teach, on a clock that goes at the pace of the week."""
    rate = np.maximum(pace.ravel(), LEAST_PACE * pace.max())  # what is closed may still happen, once in a thousand
    run = np.concatenate([[0.0], np.cumsum(rate)])

    def clock(times: Any) -> Any:
        hours = times / HOUR + 72  # 1970 began on a Thursday
        return hours // 168 * run[-1] + np.interp(hours % 168, np.arange(169), run)

    wait = clock(until) - clock(since)
    cells = Cells(wait[taught], np.ones(int(taught.sum())), float(wait[taught].mean()), float(wait.max()))
    return cells.log_density(wait[judged]) + np.log(rate[(until[judged] // HOUR + 72).astype(int) % 168])


def shifts(since: Any, until: Any, source: Any) -> list[dict[str, Any]] | None:
    """The rhythm at which waits end, as shifts of a calendar with shares.

    Args:
        since, until: seconds of local time since 1970; only waits that have ended.
        source: of each wait, a code of what came before.

    Returns:
        Shifts in the language of scenarios, or None if all hours are alike or too little is known.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> since = rng.uniform(0, 7 * 86400, 3000)
        >>> shifts(since, since + rng.exponential(7200, 3000), np.zeros(3000, int)) is None
        True
    """
    taught = _taught(*(np.asarray(x) for x in (since, until, source)))
    return None if taught is None else words(paces(*taught))


def _taught(since: Any, until: Any, source: Any) -> tuple[Any, Any, Any] | None:
    """The waits that a rhythm is learnt from: not those that are over at once, nor more than can be looked at; None if they are too few."""
    took = until - since > AT_ONCE
    since, until, source = since[took], until[took], source[took]
    if len(since) < LEAST:
        return None
    hours = np.floor(until / HOUR) - np.floor(since / HOUR) + 1
    step = math.ceil(float(hours.sum()) / MOST_PIECES)
    return since[::step], until[::step], source[::step]


def paces(since: Any, until: Any, source: Any) -> Any:
    """Events over those expected for each hour of the week, equal where they cannot be told apart; [7, 24]."""
    pieces = _Pieces(since, until, source)
    seen = np.bincount(pieces.last_cell, minlength=168).astype(float)
    together = clustering(until)
    pace = np.ones(168)
    for _ in range(TURNS):
        exposure = pieces.expected(pace) / pace
        found = levels(seen.reshape(7, 24), exposure.reshape(7, 24), together).ravel()
        pace = np.maximum(found / max(found.max(), 1e-300), FLOOR)
    return pace.reshape(7, 24)


class _Pieces:
    """Waits cut at full hours."""

    def __init__(self, since: Any, until: Any, source: Any) -> None:
        first = np.floor(since / HOUR).astype(np.int64)
        count = np.floor(until / HOUR).astype(np.int64) - first + 1
        self.starts = np.concatenate([[0], np.cumsum(count)[:-1]])
        wait = np.repeat(np.arange(len(since)), count)
        hour = first[wait] + np.arange(len(wait)) - self.starts[wait]
        self.length = np.minimum(until[wait], (hour + 1) * HOUR) - np.maximum(since[wait], hour * HOUR)
        self.cell = (hour // 24 + 3) % 7 * 24 + hour % 24  # 1970 began on a Thursday
        self.ends = self.starts + count - 1
        self.last_cell = self.cell[self.ends]
        # Rare sources share a law; the codes of all are made small.
        codes, place, size = np.unique(source, return_inverse=True, return_counts=True)
        group = np.where(size[place] >= LEAST_OF_SOURCE, place, len(codes))
        self.groups = [np.flatnonzero(group[wait] == g) for g in np.unique(group)]

    def expected(self, pace: Any) -> Any:
        """Events expected in each hour of the week, given the pace."""
        run = np.cumsum(self.length * pace[self.cell])
        before = np.concatenate([[0.0], run])[self.starts]
        count = self.ends - self.starts + 1
        at = run - np.repeat(before, count)
        begins = np.zeros(len(run), bool)
        begins[self.starts] = True
        ends = np.zeros(len(run), bool)
        ends[self.ends] = True
        result = np.zeros(168)
        for rows in self.groups:
            # To the millisecond, so that rounding neither parts waits of the same length nor loses a wait's own end.
            at_end = np.round(at[rows], 3)
            total, ties = np.unique(at_end[ends[rows]], return_counts=True)
            hazard = np.cumsum(ties / ties[::-1].cumsum()[::-1])
            if total[0] > 0:
                total, hazard = np.concatenate([[0.0], total]), np.concatenate([[0.0], hazard])
            # In straight lines between the events: steps would expect nothing at all in an hour of little pace.
            reached = np.interp(at_end, total, hazard)
            earlier = np.where(begins[rows], 0.0, np.concatenate([[0.0], reached[:-1]]))
            result += np.bincount(self.cell[rows], reached - earlier, minlength=168)
        return result


def clustering(stamps: Any) -> float:
    """How many events an event comes with, itself included: those of one second, as by a bulk edit or a timer.

    Counts of clusters vary by this factor more than Poisson counts do.
    """
    _, sizes = np.unique(stamps, return_counts=True)
    return float(np.sum(sizes.astype(float) ** 2) / max(1, sizes.sum()))


def levels(seen: Any, exposure: Any, together: float = 1.0) -> Any:
    """Rates of the hours of the week, with as many different ones as pay for what it takes to tell them; [7, 24].

    Hours next to each other are merged first, over the whole week; then weekdays; then hours within each group of weekdays.
    The price is the length of the description (Rissanen 1978): half the log of the number of events for each rate, log 24
    for a border, six bits for which weekdays go together. Events that come together count as one (quasi-likelihood,
    Wedderburn 1974).

    Args:
        seen: events, [7, 24].
        exposure: expected at the pace 1, [7, 24].
        together: events that come as one.
    """
    rate = 0.5 * math.log(max(2.0, float(seen.sum()) / together))
    price, division = together * (rate + math.log(24)), 6 * math.log(2)
    blocks = _blocks(seen.sum(axis=0), exposure.sum(axis=0), price)
    groups = [[d] for d in range(7)]
    by_block = [np.array([x[:, a:b].sum(axis=1) for a, b in blocks]).T for x in (seen, exposure)]
    totals = [x.sum(axis=1, keepdims=True) for x in by_block]
    while len(groups) > 1:
        pairs = [(i, j) for i in range(len(groups)) for j in range(i + 1, len(groups))]
        # As much in all, and at the same hours: a quiet day is told from a busy one however few hours have anything.
        losses = [max(_apart(totals, i, j) / (rate + division), _apart(by_block, i, j) / (rate * len(blocks) + division)) / together for i, j in pairs]
        if min(losses) >= 1:
            break
        i, j = pairs[int(np.argmin(losses))]
        groups[i] = sorted(groups[i] + groups.pop(j))
        totals, by_block = ([np.insert(np.delete(x, [i, j], axis=0), i, x[i] + x[j], axis=0) for x in two] for two in (totals, by_block))
    result = np.zeros((7, 24))
    for days in groups:
        n, x = seen[days].sum(axis=0), exposure[days].sum(axis=0)
        for a, b in _blocks(n, x, price):
            result[days, a:b] = n[a:b].sum() / max(float(x[a:b].sum()), 1e-9) if n[a:b].sum() else 0.0
    result[seen.sum(axis=1) == 0] = 0.0  # merged with a quiet day, but nothing was ever seen
    return result


def _apart(counts: list[Any], i: int, j: int) -> float:
    """Log likelihood lost by giving two rows the same rates."""
    n, x = counts
    return float(np.sum(_loss(n[i], x[i], n[j], x[j])))


def _blocks(n: Any, x: Any, price: float) -> list[tuple[int, int]]:
    """Neighbouring hours merged, those that lose least first, while the loss is below the price."""
    blocks = [(h, h + 1) for h in range(24)]
    while len(blocks) > 1:
        sums = [(n[a:b].sum(), x[a:b].sum()) for a, b in blocks]
        losses = [float(_loss(*first, *second)) for first, second in pairwise(sums)]
        i = int(np.argmin(losses))
        if losses[i] >= price:
            break
        blocks[i : i + 2] = [(blocks[i][0], blocks[i + 1][1])]
    return blocks


def _loss(n: Any, x: Any, m: Any, y: Any) -> Any:
    """Log likelihood lost by giving one rate to two groups of Poisson counts n, m with exposures x, y."""
    return np.maximum(0.0, _score(n, x) + _score(m, y) - _score(n + m, x + y))


def _score(n: Any, x: Any) -> Any:
    n, x = np.asarray(n, float), np.asarray(x, float)
    return np.where(n > 0, n * np.log(np.maximum(n, 1e-300) / np.maximum(x, 1e-9)), 0.0)


def words(pace: Any) -> list[dict[str, Any]] | None:
    """Paces of the hours of the week as shifts with shares of the busiest; None if all hours are alike."""
    share = np.round(pace / pace.max(), 3)
    if np.ptp(share) == 0:
        return None
    found: dict[tuple[int, int, float], list[int]] = {}
    for day in range(7):
        edges = [0, *(np.flatnonzero(np.diff(share[day])) + 1), 24]
        for a, b in pairwise(edges):
            if share[day, a] >= LEAST_PACE:
                found.setdefault((int(a), int(b), float(share[day, a])), []).append(day)
    rows = sorted(found.items(), key=lambda item: (item[1], item[0]))
    return [
        {"days": ", ".join(DAYS[d] for d in days), "hours": f"{a:02d}:00-{b:02d}:00"} | ({"share": s} if s < 1 else {})
        for (a, b, s), days in rows
    ]  # fmt: skip
