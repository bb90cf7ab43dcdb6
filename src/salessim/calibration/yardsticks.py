"""The distances of a model to a log, and what they are to be judged by.

A distance alone says nothing. Beside each stand: the noise floor (the real process against itself), a bootstrap of whole
past cases (what can be known without a model) and the plain model (what costs nothing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.calibration import distances
from salessim.calibration.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

WEEK = 7 * 86_400.0
NAMES = {
    "NGD2": "pairs of activities, share that differs", "NGD2 arrivals": "of it, how many cases come", "NGD2 routing": "of it, the ways they take",
    "NGD3": "runs of three activities, share that differs", "NGD3 arrivals": "of it, how many cases come", "NGD3 routing": "of it, the ways they take",
    "CED": "hours of the day by weekday (h)", "RED": "stamps from the case's start on (h)", "CTD": "cycle times (h)",
    "AED": "all stamps over the period (h)", "CAR": "arrivals over the period (h)", "WIP": "open cases over the period (h)",
    "open": "open cases, mean difference",
}  # fmt: skip
"""distance -> what it compares, and its unit."""
SPLIT = {"NGD2": ("NGD2 arrivals", "NGD2 routing"), "NGD3": ("NGD3 arrivals", "NGD3 routing")}
"""distance of runs of activities -> its parts, which add up to it: see `_runs`."""
CAUSES = {"arrivals": "too far, only by how many cases come", "routing": "too far by the ways cases take", "weeks": "too far, no more than weeks of the log differ by chance"}
"""What puts a distance too far off -> what to say of it."""
JUDGED = ("NGD2", "NGD3", "CED", "RED", "CTD")
"""Distances with a limit. The others hang on the level of demand in single weeks, which nobody foresees."""
NEAR_FLOOR, NEAR_BOOTSTRAP, TOWARDS_PLAIN = 1.5, 3.0, 0.25
"""Held out: at most so many times the floor. Fitted: at most so many times the bootstrap, and at most a quarter of the way from it to the plain model."""
AS_GOOD = 1.5
"""Times the bootstrap that are always near enough: even the right model is sqrt(2) times as far from a log as the log resampled."""

WEEKS_DRAWN = 40
"""How often weeks are drawn anew, which costs little."""

Distances = dict[str, float]


@dataclass(frozen=True)
class Window:
    """A period of a log: its cases are those that came in during it, as known at its end."""

    since: float
    until: float

    @property
    def length(self) -> float:
        """In seconds."""
        return self.until - self.since

    def of(self, log: Sample) -> Sample:
        """The log of the period."""
        return log.arrived(self.since, self.until)

    def file_of(self, log: Sample) -> Sample:
        """The log of the period as a file like the real one would hold it: perhaps only of cases that ended in it."""
        return self.of(log).ended() if log.view.whole else self.of(log)


def between(a: Sample, a_in: Window, b: Sample, b_in: Window) -> Distances:
    """All distances between the logs of two periods of one length; stamps are counted from each period's beginning."""
    shift = b_in.since - a_in.since
    (stamps_a, case_a), (stamps_b, case_b) = a.stamps(), b.stamps()
    first_a, first_b = _first(a, stamps_a, case_a), _first(b, stamps_b, case_b)
    open_a, open_b = (distances.open_cases(x.born, x.over, w.since, w.until) for x, w in ((a, a_in), (b, b_in)))
    clock = a.view.clock
    return {
        **_runs("NGD2", a.pairs, b.pairs, a, b),
        **_runs("NGD3", a.triples, b.triples, a, b),
        "CED": float("nan") if all(a.view.days) else distances.circadian(clock(stamps_a), clock(stamps_b)),
        "RED": distances.relative(stamps_a - first_a[case_a], stamps_b - first_b[case_b]),
        "CTD": distances.cycle_times(a.last() - first_a, b.last() - first_b),
        "AED": distances.absolute(stamps_a, stamps_b - shift),
        "CAR": distances.absolute(a.born, b.born - shift),
        "WIP": distances.work_in_progress(open_a, open_b),
        "open": distances.level_of_work(open_a, open_b[: len(open_a)]) if len(open_a) == len(open_b) else float("nan"),
    }


def _runs(name: str, a: Mapping[Any, float], b: Mapping[Any, float], log: Sample, target: Sample) -> Distances:
    """The distance of runs of activities, and which part of it is how many cases come and which the ways they take.

    Runs are counted, not their shares, so that a log of other size is far away though each of its cases is right. A bootstrap has
    exactly as many cases as the log and never pays for that; a model draws their number. The ways are what is left when the runs
    of a log are weighted to as many cases as its target has. The number is the rest; it is below zero where one error hides the other.

    Args:
        name: of the distance.
        a, b: runs of the log and of its target, and how often they occur.
        log, target: whose cases are counted.
    """
    whole = distances.ngram_distance(a, b)
    weight = len(target.born) / len(log.born) if len(log.born) else float("nan")
    ways = distances.ngram_distance({k: weight * n for k, n in a.items()}, b) if weight > 0 else float("nan")
    return dict(zip((name, *SPLIT[name]), (whole, whole - ways, ways), strict=True))


def _first(log: Sample, stamps: Any, case: Any) -> Any:
    """When each case started: it came in, or where that is not seen, its first stamp."""
    first = np.full(len(log.born), np.inf)
    np.minimum.at(first, case, stamps)
    return log.born if log.view.arrivals else np.where(np.isinf(first), log.born, first)


def mean(found: Iterable[Distances]) -> Distances:
    """The mean of each distance over the logs that have it; NaN where none has."""
    rows = list(found)
    known = {k: [r[k] for r in rows if not math.isnan(r[k])] for k in NAMES}
    return {k: float(np.mean(x)) if x else float("nan") for k, x in known.items()}


def floor(real: Sample, fitted: Window, held_out: Window) -> Distances:
    """Real against real: the held-out period against periods of the same length, whole weeks earlier, mean of all there are.

    Periods of one length are compared because a longer one sees the ends of more of its cases.
    """
    target = held_out.of(real)
    return mean(between(w.file_of(real), w, target, held_out) for w in earlier(fitted, held_out))


def earlier(fitted: Window, held_out: Window) -> Iterator[Window]:
    """Periods before the held-out one, of its length and beginning on its weekday; the whole fitted period if it is shorter."""
    step = math.ceil(held_out.length / WEEK) * WEEK
    since, found = held_out.since - step, False
    while since >= fitted.since - 1:
        yield Window(since, since + held_out.length)
        since, found = since - step, True
    if not found:
        yield fitted


def halves(real: Sample, fitted: Window) -> Distances:
    """Real against real: one half of the fitted period's cases against the other, in turn by arrival; drift is not in it."""
    known = fitted.of(real)
    return between(known.every_other(0), fitted, known.every_other(1), fitted)


def resampled(real: Sample, fitted: Window, rng: np.random.Generator) -> Sample:
    """The fitted period once more: as many cases, drawn with replacement, each at its own time."""
    known = fitted.of(real)
    return gathered(known, np.sort(rng.integers(0, len(known.born), len(known.born))), np.zeros(len(known.born)))


def by_weeks(log: Sample, rng: np.random.Generator, times: int) -> float:
    """CED of a log to as many of its whole weeks, drawn with replacement; the mean.

    What is done in one go, as a Sunday's run over a list, is many cases and one event. A bootstrap of cases that keep their own time
    has each such run again, so it does not know by how much hours differ where such runs fall otherwise.

    Returns:
        float: hours; NaN where there are no times of day.
    """
    stamps, _ = log.stamps()
    if all(log.view.days) or not len(stamps):
        return float("nan")
    local = log.view.clock(stamps)
    week = ((local / 86_400 + 3) // 7).astype(int)  # 1970 began on a Thursday
    local, week = local[order := np.argsort(week, kind="stable")], week[order]
    bounds = np.searchsorted(week, np.arange(week[0], week[-1] + 2))
    weeks = [local[a:b] for a, b in pairwise(bounds)]
    drawn = (np.concatenate([weeks[i] for i in rng.integers(0, len(weeks), len(weeks))]) for _ in range(times))
    return float(np.mean([distances.circadian(again, local) for again in drawn if len(again)]))


def shifted(real: Sample, fitted: Window, held_out: Window, rng: np.random.Generator) -> Sample:
    """A held-out period of past cases: whole cases of the fitted period, drawn with replacement and shifted by whole weeks.

    For each week, cases are taken that have been watched for as long as the held-out period would watch them.
    """
    known = fitted.of(real)
    chosen, shifts = [], []
    for since in np.arange(held_out.since, held_out.until, WEEK):
        until = min(since + WEEK, held_out.until)
        weeks = np.ceil((since - known.born) / WEEK)
        moved = known.born + weeks * WEEK  # in this week, for every case
        fits = (moved < until) & (weeks * WEEK >= held_out.length)
        fits = fits if fits.any() else moved < until
        donors = np.flatnonzero(fits)
        if len(donors):
            expected = len(known.born) * (until - since) / fitted.length
            taken = rng.choice(donors, int(rng.poisson(expected)))
            chosen.append(taken)
            shifts.append(_by_the_clock(known, weeks * WEEK)[taken])
    if not chosen:
        return known._take(np.zeros(len(known.born), bool), np.zeros(len(known.case), bool))
    return gathered(known, np.concatenate(chosen), np.concatenate(shifts))


def _by_the_clock(log: Sample, shift: Any) -> Any:
    """The shift of each case that leaves its hour of the day as it is when summer time comes or goes."""
    return shift - (log.view.clock(log.born + shift) - shift - log.view.clock(log.born))


def gathered(log: Sample, cases: Any, shift: Any) -> Sample:
    """The chosen cases as a new log, some perhaps twice, each moved in time.

    Args:
        log: to take from.
        cases: their places.
        shift: of each, in seconds.
    """
    bounds = np.searchsorted(log.case, np.arange(len(log.born) + 1))
    sizes = np.diff(bounds)[cases]
    case = np.repeat(np.arange(len(cases)), sizes)
    visits = np.repeat(bounds[:-1][cases] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(sizes.sum()) if len(cases) else np.zeros(0, int)
    visits = visits.astype(int)
    later = np.asarray(shift, float)[case]
    return Sample(
        log.view, case, log.activity[visits], log.ready[visits] + later, log.begun[visits] + later, log.done[visits] + later, log.person[visits],
        log.born[cases] + shift, log.over[cases] + shift, log.outcome[cases], log.channel[cases], log.segment[cases],
    )  # fmt: skip


@dataclass(frozen=True)
class Table:
    """One distance table: for a period, the model beside its yardsticks."""

    period: str
    """ "fitted" or "held out"."""
    model: Distances
    floor: Distances
    """Fitted: halves against each other. Held out: earlier periods against it."""
    bootstrap: Distances
    plain: Distances
    remarks: tuple[str, ...] = ()
    """Why some distances are missing, or are means over some of the logs only."""
    weeks: float = float("nan")
    """How far the hours of whole weeks drawn anew are from those of the log (`by_weeks`); NaN where that is not known."""

    def meets(self, name: str) -> bool | None:
        """Whether the model is as near as it has to be; None where that cannot be said or is not asked."""
        return self._near(name) if name in JUDGED else None

    def cause(self, name: str) -> str | None:
        """What puts a distance too far off; None where nothing does, or that cannot be said.

        Of runs of activities it is the part of the model, "routing", or "arrivals" where the ways alone are near enough. Of the hours of
        the day it is "weeks" where the weeks of the log differ so much that the right model need not be nearer.
        """
        if self.meets(name) is not False:
            return None
        if name in SPLIT:
            near = self._near(SPLIT[name][1])
            return None if near is None else "arrivals" if near else "routing"
        return "weeks" if name == "CED" and self.model[name] <= AS_GOOD * self.weeks else None

    def says(self, name: str) -> str:
        """What is said of a distance that is too far, and why where that is known; nothing of the others."""
        return "" if self.meets(name) is not False else CAUSES.get(self.cause(name) or "", "too far")

    def _near(self, name: str) -> bool | None:
        model, floor, bootstrap, plain = (d[name] for d in (self.model, self.floor, self.bootstrap, self.plain))
        if self.period == "held out":
            return model <= NEAR_FLOOR * floor if math.isfinite(model + floor) else None
        if not math.isfinite(model + bootstrap + plain):
            return None
        return model <= NEAR_BOOTSTRAP * bootstrap and model <= max(AS_GOOD * bootstrap, bootstrap + TOWARDS_PLAIN * (plain - bootstrap))

    def rows(self) -> list[tuple[str, Distances]]:
        """The rows of the table, with their names."""
        said = "halves, real against real" if self.period == "fitted" else "earlier periods, real against real"
        return [("model", self.model), (f"noise floor ({said})", self.floor), ("bootstrap of whole past cases", self.bootstrap), ("plain model", self.plain)]


def tables(
    real: Sample, fitted: Window, held_out: Window | None, model: Sequence[tuple[Distances, Distances]], plain: Sequence[tuple[Distances, Distances]],
    rng: np.random.Generator, times: int,
) -> tuple[Table, ...]:  # fmt: skip
    """The table of the fitted period and, if there is one, of the held-out one.

    Args:
        real: the log.
        fitted, held_out: the periods.
        model, plain: of each simulated log, its distances to the fitted and to the held-out period.
        rng: for the bootstrap.
        times: how many bootstrap logs.
    """
    target = fitted.of(real)
    again = mean(between(resampled(real, fitted, rng), fitted, target, fitted) for _ in range(times))
    result = [_table("fitted", [d for d, _ in model], halves(real, fitted), again, [d for d, _ in plain], target)]
    if held_out is not None:
        future = held_out.of(real)
        moved = mean(between(held_out.file_of(shifted(real, fitted, held_out, rng)), held_out, future, held_out) for _ in range(times))
        result.append(_table("held out", [d for _, d in model], floor(real, fitted, held_out), moved, [d for _, d in plain], future))
    weeks = by_weeks(target, rng, WEEKS_DRAWN)  # last, so that it moves no other yardstick
    first = replace(result[0], weeks=weeks)
    if first.cause("CED"):
        first = replace(first, remarks=(*first.remarks, f"CED: weeks of the log drawn anew are {weeks:.2g} h away from it; what is done in one go is many cases and one event, which a bootstrap of cases does not know."))
    return (first, *result[1:])


def _table(period: str, model: list[Distances], floor_: Distances, bootstrap: Distances, plain: list[Distances], real: Sample) -> Table:
    """A table, and in words why it has gaps; `real` is the log of the period."""
    said: dict[str, list[str]] = {}
    for name in NAMES:
        if name == "CED" and all(real.view.days):
            said.setdefault("the log has no time of day", []).append(name)
            continue
        for what, found in (("the simulated logs", model), ("the logs of the plain model", plain)):
            lacking = sum(math.isnan(d[name]) for d in found)
            if lacking:
                rest = "" if lacking == len(found) else "; the mean is that of the others"
                said.setdefault(f"{lacking} of {len(found)} of {what} show no stamps to compare in this period{rest}", []).append(name)
        for what, yardstick in (("floor", floor_), ("bootstrap", bootstrap)):
            if math.isnan(yardstick[name]):
                said.setdefault(f"the log itself shows too little for the {what}", []).append(name)
    if any(real.view.days) and not all(real.view.days):
        timed = int((~np.array(real.view.days))[real.activity].sum())
        said[f"of {len(real.activity):,} visits {timed:,} have a time of day, the others a day"] = ["CED"]
    remarks = tuple(f"{', '.join(names)}: {why}." for why, names in said.items())
    return Table(period, mean(model), floor_, bootstrap, mean(plain), remarks)


Scorer = Callable[[Sample], tuple[Distances, Distances]]


def scorer(real: Sample, fitted: Window, held_out: Window | None) -> Scorer:
    """A function that scores a simulated log over the whole period against both periods."""
    targets = [(w, w.of(real)) for w in (fitted, held_out) if w is not None]

    def score(log: Sample) -> tuple[Distances, Distances]:
        found = [between(w.of(log), w, target, w) for w, target in targets]
        return found[0], found[-1]

    return score
