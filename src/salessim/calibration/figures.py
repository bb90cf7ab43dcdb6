"""Figures of a log, part by part, that a right model must have within the variation of its own simulated logs.

Each figure is taken on a scale on which its sampling noise is about the same whatever its size (roots of counts, arcsines of
shares: Anscombe 1948, Freeman and Tukey 1950), so that figures of all kinds can be weighed against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.calibration.distances import open_cases
from salessim.scenario.calendars import DAYS

if TYPE_CHECKING:
    from salessim.calibration.sample import Sample
    from salessim.calibration.yardsticks import Window

PARTS = ("arrivals", "routing", "work", "waiting", "calendars", "outcomes")
"""In the order of cause: what is wrong in one may be seen in those after it."""
DAY, WEEK = 86_400.0, 7 * 86_400.0
LEAST = 30
"""Fewer visits (moves, cases) tell nothing of their own."""
MOST_ACTIVITIES = 15
"""The most visited activities are looked at one by one."""
TOGETHER = 60.0
"""Seconds within which starts count as one batch, and no case has overtaken another: clocks are not exact."""
IN_A_JAM = 4.0
"""So many cases that wait long are taken for one event."""
GRID = (
    ("a minute", 1 / 60), ("5 min", 1 / 12), ("15 min", 0.25), ("30 min", 0.5), *((f"{n} h", n) for n in (1, 2, 4, 8, 16)),
    *((f"{n} days", 24 * n) for n in (1.5, 3, 6, 12, 24, 48, 96)),
)  # fmt: skip
"""Times that are counted as longer or not: each twice the one before, or thereabouts."""

Key = tuple[str, str, str]
"""Part, family, label."""


@dataclass
class Book:
    """The figures of one log: what a reader sees, the same on the scale of comparison, and its least noise there."""

    raw: dict[Key, float] = field(default_factory=dict)
    scaled: dict[Key, float] = field(default_factory=dict)
    noise: dict[Key, float] = field(default_factory=dict)
    about: dict[Key, tuple[str, str]] = field(default_factory=dict)
    """Unit, and "count", "listed" (a share) or "mean" (anything else)."""
    bases: set[tuple[str, str, str]] = field(default_factory=set)
    """Part, family and what shares are of, where there were cases enough to take shares of."""
    base_of: dict[Key, tuple[str, str, str]] = field(default_factory=dict)
    """Of a listed share, what it is a share of."""
    runs: dict[int, dict[tuple[int, ...], float]] = field(default_factory=dict)
    """n -> share of each run of n activities."""

    def count(self, part: str, family: str, label: str, n: float, unit: str) -> None:
        """So many."""
        self._add((part, family, label), n, np.sqrt(n + 0.375), 0.5, unit, "count")

    def share(self, part: str, family: str, label: str, x: float, n: float, *, together: float = 1.0, listed: str | None = None) -> None:
        """So many of n: x / n.

        Args:
            together: where what happens to one happens to others, as in a jam, so many count as one.
            listed: what it is a share of, where shares of 0 are not listed: a log without this one, but with others of the
                same, has none of it.
        """
        if n >= LEAST:
            if listed is not None:
                self.base_of[part, family, label] = part, family, listed
                self.bases.add((part, family, listed))
            noise = 0.5 * np.sqrt(together / (n + 0.5))
            self._add((part, family, label), 100 * x / n, np.arcsin(np.sqrt(min(1.0, (x + 0.375) / (n + 0.75)))), noise, "%", "mean" if listed is None else "listed")

    def mean(self, part: str, family: str, label: str, raw: float, scaled: float, noise: float, unit: str) -> None:
        """A figure that is neither; not taken where it does not exist."""
        if np.isfinite(scaled):
            self._add((part, family, label), raw, scaled, noise, unit, "mean")

    def _add(self, key: Key, raw: float, scaled: float, noise: float, unit: str, kind: str) -> None:
        self.raw[key], self.scaled[key], self.noise[key] = float(raw), float(scaled), float(noise)
        self.about[key] = unit, kind


def figures(log: Sample, window: Window) -> Book:
    """All figures of a log over a window; events count by when they happened, whenever their case came in."""
    book = Book()
    known = log.cut(window.until)
    size = np.bincount(known.activity, minlength=len(log.view.activities))
    common = [int(i) for i in np.argsort(-size, kind="stable")[:MOST_ACTIVITIES] if size[i] >= LEAST]
    _arrivals(book, known, window)
    _routing(book, known, window)
    _work(book, known, window, common)
    _waiting(book, known, window, common)
    _calendars(book, known, window, common)
    _outcomes(book, known, window)
    return book


def _inside(times: Any, window: Window) -> Any:
    return (times >= window.since) & (times < window.until)


def days_of(log: Sample, window: Window) -> tuple[Any, list[str]]:
    """The local beginning of each whole day of a window (seconds), and its date."""
    since, until = (float(log.view.clock(np.array([t]))[0]) for t in (window.since, window.until))
    first, last = np.ceil(since / DAY - 1e-9), np.floor(until / DAY)
    starts = np.arange(first, max(first, last)) * DAY
    return starts, np.datetime_as_string(starts.astype("datetime64[s]"), unit="D").tolist()


def weeks_of(log: Sample, window: Window) -> tuple[Any, list[str]]:
    """The local Monday on which each whole week of a window begins (seconds), and its date."""
    starts, dates = days_of(log, window)
    monday = (starts / DAY).astype(int) % 7 == 4  # 1970 began on a Thursday
    keep = monday & (starts + WEEK <= (starts[-1] + DAY if len(starts) else 0))
    return starts[keep], [d for d, k in zip(dates, keep, strict=True) if k]


def per_slot(local: Any, starts: Any, length: float) -> Any:
    """How many local times fall into each slot."""
    if not len(starts):
        return np.zeros(0, int)
    place = np.searchsorted(starts, local, side="right") - 1
    good = (place >= 0) & (local < starts[np.maximum(place, 0)] + length)
    return np.bincount(place[good], minlength=len(starts))


def _arrivals(book: Book, log: Sample, window: Window) -> None:
    inside = _inside(log.born, window)
    local = log.view.clock(log.born[inside])
    n = len(local)
    book.count("arrivals", "arrivals", "arrivals in all", n, "cases")
    starts, dates = days_of(log, window)
    per_day = per_slot(local, starts, DAY)
    for date, count in zip(dates, per_day, strict=True):
        book.count("arrivals", "arrivals by day", f"arrivals on {date}", count, "cases")
    weeks, mondays = weeks_of(log, window)
    for date, count in zip(mondays, per_slot(local, weeks, WEEK), strict=True):
        book.count("arrivals", "arrivals by week", f"arrivals in the week of {date}", count, "cases")
    weekday, hour = ((local // DAY).astype(int) + 3) % 7, (local % DAY // 3600).astype(int)
    for day, count in enumerate(np.bincount(weekday, minlength=7)):
        book.share("arrivals", "arrivals by weekday", f"share of arrivals on a {DAYS[day]}", count, n)
    if (log.view.arrivals or log.view.starts) and not log.view.arrivals_in_days:
        for h, count in enumerate(np.bincount(hour, minlength=24)):
            book.share("arrivals", "arrivals by hour", f"share of arrivals from {h:02d}:00 to {h + 1:02d}:00", count, n)
    if n >= LEAST and len(starts) >= 14:
        usual = np.array([per_day[(starts / DAY + 3) % 7 == d].mean() if ((starts / DAY + 3) % 7 == d).any() else 0.0 for d in range(7)])
        expected = usual[((starts / DAY + 3) % 7).astype(int)]
        spread = float(np.sum((per_day - expected) ** 2)) / max(1e-9, float(expected.sum()))
        book.mean("arrivals", "spread of arrivals", "variance of a day's arrivals, as a multiple of pure chance", spread, np.log(max(spread, 1e-3)), 0.02, "")
    for name in sorted(set(log.channel)) if len(set(log.channel)) > 1 else ():
        book.share("arrivals", "arrivals by channel", f"share of arrivals by {name}", int((log.channel[inside] == name).sum()), n)


def moves(log: Sample, window: Window) -> tuple[Any, Any]:
    """Finished moves of a window: from which activity (-1: arrival) to which (-1: the case's end)."""
    if not len(log.case):
        return np.zeros(0, int), np.zeros(0, int)
    first = np.concatenate([[True], log.case[1:] != log.case[:-1]])
    last = np.append(first[1:], True)
    when = np.where(np.isnan(log.begun), np.where(np.isnan(log.done), log.ready, log.done), log.begun)
    into = _inside(when, window)
    ended = last & ~np.isnan(log.over[log.case]) & _inside(log.over[log.case], window)
    before = np.where(first, -1, np.concatenate([[-1], log.activity[:-1]]))
    return np.concatenate([before[into], log.activity[ended]]), np.concatenate([log.activity[into], np.full(int(ended.sum()), -1)])


def _routing(book: Book, log: Sample, window: Window) -> None:
    names = log.view.activities
    source, goal = moves(log, window)
    codes, counts = np.unique((source + 1) * (len(names) + 1) + goal + 1, return_counts=True)
    total = np.bincount(source + 1, minlength=len(names) + 1)
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        a, b = (x - 1 for x in divmod(code, len(names) + 1))
        says = f"{f'after {names[a]!r}' if a >= 0 else 'on arrival'}, share that goes on to {repr(names[b]) if b >= 0 else 'its end'}"
        book.share("routing", "moves", says, count, total[a + 1], listed=str(a))
    cases = max(1, int(_inside(log.born, window).sum()))
    when = np.where(np.isnan(log.done), log.begun, log.done)
    mine = _inside(when, window)
    again = np.zeros(len(log.case), bool)
    if len(log.case):
        order = np.lexsort((np.arange(len(log.case)), log.activity, log.case))
        again[order[1:]] = (log.case[order][1:] == log.case[order][:-1]) & (log.activity[order][1:] == log.activity[order][:-1])
    visits = np.bincount(log.activity[mine], minlength=len(names))
    repeated = np.bincount(log.activity[mine & again], minlength=len(names))
    for i, name in enumerate(names):
        book.share("routing", "repeats", f"of visits to {name!r}, share that is not the case's first", repeated[i], visits[i])
        if visits[i] or cases >= LEAST:
            book.mean("routing", "visits", f"visits to {name!r} per case", visits[i] / cases, np.sqrt((visits[i] + 0.375) / cases), 0.5 / np.sqrt(cases), "")
    cohort = log.arrived(window.since, window.until)
    for n, grams in ((2, cohort.pairs), (3, cohort.triples)):
        all_of = sum(grams.values()) or 1
        book.runs[n] = {k: v / all_of for k, v in grams.items()}


def _times(book: Book, part: str, family: str, what: str, hours: Any) -> None:
    """The mean of some times, and how many are longer than so many hours: shares are steady where quantiles jump over a night."""
    if len(hours) < LEAST:
        return
    for name, limit in GRID:
        book.share(part, family, f"{what}, share longer than {name}", (hours > limit).sum(), len(hours), together=IN_A_JAM if part == "waiting" else 1.0)
    mean = hours.mean()
    book.mean(part, family, f"{what}, mean", mean, np.log(mean + 1 / 60), 0.2 / np.sqrt(len(hours)), "h")


def on_duty(log: Sample, activity: int, times: Any) -> Any:
    """Hours of duty passed by some times: the hours of the day, weekdays and days on which the log shows this work being done.

    Seen from each log by itself, so that the night and the holiday between start and end of work do not count as work.
    """
    view = log.view
    (open_, passed), (first, _) = log.duty(activity), log.days_worked
    at = np.clip(view.clock(np.nan_to_num(times, nan=view.start)) / 3600 - 24 * first, 0, len(open_) - 1e-6)
    whole = at.astype(int)
    return np.where(np.isnan(times), np.nan, passed[whole] + (at - whole) * open_[whole])


def _work(book: Book, log: Sample, window: Window, common: list[int]) -> None:
    view, names = log.view, log.view.activities
    inside = _inside(log.done, window)
    doers: dict[int, dict[Any, float]] = {}
    week = np.floor(log.done / WEEK)
    for i in common:
        mine = inside & (log.activity == i)
        if view.starts:
            begun, done = log.begun[mine], log.done[mine]
            took = on_duty(log, i, done) - on_duty(log, i, begun) if view.staffed[i] else (done - begun) / 3600
            _times(book, "work", "work times", f"visits to {names[i]!r}", took[~np.isnan(took)])
        named = mine & (log.people[0] >= 0)
        if named.sum() >= LEAST and view.staffed[i]:
            who, people = log.people[0][named], log.people[1]
            share = np.bincount(who, minlength=len(people)) / len(who)
            doers[i] = {name: part for name, part in zip(people, share.tolist(), strict=True) if part}
            weeks = (week[named] - week[named].min()).astype(int)
            mean = np.count_nonzero(np.bincount(weeks * len(people) + who)) / np.count_nonzero(np.bincount(weeks))
            book.mean("work", "people", f"people who do {names[i]!r} in a week", mean, np.sqrt(mean), 0.05, "people")
    for a, b in combinations(sorted(doers), 2):
        shared = sum(min(p, doers[b].get(who, 0.0)) for who, p in doers[a].items())
        book.mean("work", "shared people", f"share of {names[a]!r} and {names[b]!r} done by the same people", 100 * shared, shared, 0.04, "%")


def _waiting(book: Book, log: Sample, window: Window, common: list[int]) -> None:
    names, view = log.view.activities, log.view
    begun = log.begun if view.starts else log.done
    hours = np.maximum(0.0, (begun - log.ready) / 3600)
    first = np.concatenate([[True], log.case[1:] != log.case[:-1]]) if len(log.case) else np.zeros(0, bool)
    inside = _inside(begun, window) & (np.ones(len(first), bool) if view.arrivals else ~first)
    middle = (window.since + window.until) / 2
    segments = sorted(set(log.segment))
    for i in common:
        mine = np.flatnonzero(inside & (log.activity == i))
        if len(mine) < LEAST:
            continue
        waited, at = hours[mine], begun[mine]
        logs, noise = np.log1p(waited), 0.2 / np.sqrt(len(mine))
        what = f"wait before {names[i]!r}"
        if waited.max() > 0:
            _times(book, "waiting", "waits", what, waited)
            book.mean("waiting", "spread of waits", f"{what}, spread (standard deviation of its logarithm)", logs.std(), logs.std(), noise, "")
            late = at >= middle
            if min(late.sum(), (~late).sum()) >= LEAST:
                change = waited[late].mean() - waited[~late].mean()
                book.mean("waiting", "change of waits", f"{what}, second half of the period less the first", change, logs[late].mean() - logs[~late].mean(), noise, "h")
            if 1 < len(segments) <= 8:
                for segment in segments:
                    some = log.segment[log.case[mine]] == segment
                    if min(some.sum(), (~some).sum()) >= LEAST:
                        change = waited[some].mean() - waited[~some].mean()
                        book.mean("waiting", "waits by segment", f"{what}, {segment} less the others", change, logs[some].mean() - logs[~some].mean(), noise, "h")
        if view.starts and view.staffed[i]:
            order = np.lexsort((at, log.ready[mine]))
            overtaken = (np.diff(at[order]) < -TOGETHER) & (np.diff(log.ready[mine][order]) > TOGETHER)
            book.share("waiting", "order of service", f"at {names[i]!r}, share of visits begun before one that was ready earlier", overtaken.sum(), len(overtaken))
            gaps = np.diff(np.sort(at))
            book.share("waiting", "starts together", f"at {names[i]!r}, share of visits begun within a minute of the one before", (gaps < TOGETHER).sum(), len(gaps))
    if view.ready:
        _own_time(book, log, window)
    hourly = open_cases(log.born, log.over, window.since, window.until)
    starts, dates = weeks_of(log, window)
    offset = float(view.clock(np.array([window.since]))[0])
    for start, date in zip(starts, dates, strict=True):
        a = int((start - offset) // 3600)
        level = float(hourly[max(0, a) : a + 168].mean())
        book.mean("waiting", "open cases", f"open cases in the week of {date}", level, np.sqrt(level + 0.375), 0.25, "cases")
    book.mean("waiting", "open cases", "open cases at the most", hourly.max(), np.sqrt(hourly.max() + 0.375), 0.25, "cases")
    book.mean("waiting", "swings of open cases", "open cases, swing from hour to hour", np.abs(np.diff(hourly)).mean(), np.log(np.abs(np.diff(hourly)).mean() + 1e-3), 0.01, "cases")
    over = _inside(log.over, window)
    _times(book, "waiting", "time in process", "time in process of cases that ended", (log.over - log.born)[over] / 3600)


def _own_time(book: Book, log: Sample, window: Window) -> None:
    """The time between visits in which a case waits for nobody here."""
    names = log.view.activities
    same = log.case[1:] == log.case[:-1]
    gap = (log.ready[1:] - log.done[:-1]) / 3600
    good = same & ~np.isnan(gap) & _inside(log.ready[1:], window)
    code = log.activity[:-1] * len(names) + log.activity[1:]
    kinds, counts = np.unique(code[good], return_counts=True)
    for k in kinds[np.argsort(-counts, kind="stable")[:MOST_ACTIVITIES]]:
        a, b = divmod(int(k), len(names))
        _times(book, "waiting", "own time of customers", f"time from {names[a]!r} until ready for {names[b]!r}", np.maximum(0.0, gap[good & (code == k)]))


def _calendars(book: Book, log: Sample, window: Window, common: list[int]) -> None:
    names, view = log.view.activities, log.view
    stamp = log.begun if view.starts else log.done
    staffed = np.array(view.staffed)[log.activity] if len(log.activity) else np.zeros(0, bool)
    inside = _inside(stamp, window) & staffed
    local = view.clock(np.where(inside, stamp, window.since))
    weekday, hour = ((local // DAY).astype(int) + 3) % 7, (local % DAY // 3600).astype(int)
    what = "visits begun" if view.starts else "visits ended"
    for i in [c for c in common if view.staffed[c]]:
        mine = inside & (log.activity == i)
        n = int(mine.sum())
        for d, count in enumerate(np.bincount(weekday[mine], minlength=7)):
            book.share("calendars", "weekdays", f"{names[i]!r}, share of {what} on a {DAYS[d]}", count, n)
        for h, count in enumerate(np.bincount(hour[mine], minlength=24)) if not view.days[i] else ():
            book.share("calendars", "hours", f"{names[i]!r}, share of {what} from {h:02d}:00 to {h + 1:02d}:00", count, n)
        starts, dates = weeks_of(log, window)
        per_week = per_slot(local[mine], starts, WEEK)
        for date, count in zip(dates, per_week, strict=True):
            book.share("calendars", "weeks", f"{names[i]!r}, share of the period's {what} in the week of {date}", count, per_week.sum())
    starts, dates = days_of(log, window)
    per_day = per_slot(local[inside], starts, DAY)
    around = np.convolve(per_day, np.ones(13), "same")
    for k, date in enumerate(dates):
        book.share("calendars", "days", f"share of the {what} of the two weeks around {date} on that day", per_day[k], around[k])


def _outcomes(book: Book, log: Sample, window: Window) -> None:
    over = _inside(log.over, window)
    n = int(over.sum())
    names = sorted({str(o) for o in log.outcome[over]})
    for name in names:
        mine = over & (log.outcome == name)
        book.share("outcomes", "endings", f"of the cases that ended, share {_ending(name)}", mine.sum(), n, listed="all")
    middle = (window.since + window.until) / 2
    late = over & (log.over >= middle)
    for name in names:
        mine = log.outcome == name
        x, y = (late & mine).sum() / max(1, late.sum()), (over & ~late & mine).sum() / max(1, n - late.sum())
        if min(late.sum(), n - late.sum()) >= LEAST:
            book.mean("outcomes", "change of endings", f"share {_ending(name)}, second half of the period less the first", 100 * (x - y), x - y, 0.2 / np.sqrt(n), "%")
    old = _inside(log.born, window) & (log.born < middle)
    for name in sorted({str(o) for o in log.outcome[old]}):
        book.share("outcomes", "fate", f"of the cases of the first half, share {_ending(name)} by the end", (old & (log.outcome == name)).sum(), old.sum(), listed="all")
    channels = sorted(set(log.channel))
    for channel in channels if 1 < len(channels) <= 12 else ():
        mine = over & (log.channel == channel)
        book.share("outcomes", "won by channel", f"of the cases by {channel} that ended, share completed", (mine & (log.outcome == "completed")).sum(), mine.sum())


def _ending(outcome: str) -> str:
    return "still open" if outcome == "open" else outcome
