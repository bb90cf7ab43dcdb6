"""Would it have predicted the future? Simulated logs against the period that was learnt from and the one held out.

The same simulated logs, over the whole period of the real one, are scored against both. Three answers: distances beside
yardsticks, a verdict for each part of the model, and for people figures and pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from salessim.calibration import yardsticks
from salessim.calibration.figures import Book, figures
from salessim.calibration.intake import as_it_was
from salessim.calibration.pictures import Pictures, Sketch, pictures, sketch
from salessim.calibration.plain import plain_model
from salessim.calibration.sample import Sample, View, activities_of, see, see_run
from salessim.calibration.verdicts import Verdict, judge
from salessim.calibration.yardsticks import Distances, Table, Window
from salessim.errors import InputError, LogError
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.scenario.model import Scenario

_T = TypeVar("_T")
Progress = Callable[[int, int], None]
PLAIN_RUNS = 10
"""Logs of the plain model, of estimates whose ignorance is drawn apart, and bootstrap logs; their means need no more."""
LEAST_CASES = 30


@dataclass(frozen=True)
class Row:
    """One figure: real, simulated with the interval one real period would fall into, and in the period before."""

    what: str
    unit: str
    real: float
    simulated: float
    low: float
    high: float
    before: float
    """The same figure in a real period of the same length just before; NaN if there is none."""

    @property
    def inside(self) -> bool | None:
        """Whether the real figure lies in the simulated 95 % prediction interval; None where that says nothing.

        There may be no cases to take a figure of, or the figure is the same in every log, whatever the model is.
        """
        if not math.isfinite(self.real + self.low + self.high) or self.low == self.high == self.real:
            return None
        return bool(self.low <= self.real <= self.high)

    @property
    def mark(self) -> str:
        """What the row says about the model, in a word or two."""
        if self.inside is None:
            return "no cases" if math.isnan(self.real) else "no simulated cases" if math.isnan(self.low) else "always so"
        return "" if self.inside else "outside"


@dataclass(frozen=True)
class Period:
    """What was found over one period."""

    name: str
    """ "fitted" or "held out"; "whole" where nothing was held out."""
    since: pd.Timestamp
    until: pd.Timestamp
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    table: Table
    pictures: Pictures

    @property
    def flagged(self) -> tuple[str, ...]:
        """The parts that differ."""
        return tuple(v.part for v in self.verdicts if v.flagged)

    def lines(self) -> list[str]:
        """For people."""
        rate = self.verdicts[0].rate
        head = [f"{self.name.capitalize()}: {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}; 95 % prediction intervals."]
        head.append(f"  {'':38} {'real':>9} {'simulated':>10} {'interval':>19} {'real before':>12}")
        for r in self.rows:
            interval = f"{r.low:.2f} to {r.high:.2f}" if math.isfinite(r.low) else "–"
            head.append(f"  {r.what + ' (' + r.unit + ')':38} {_plain(r.real):>9} {_plain(r.simulated):>10} {interval:>19} {_plain(r.before):>12}" + (f"  {r.mark}" if r.mark else ""))
        head.append(f"  {self.hits()}; of weekly counts {say_coverage(self.coverage)}.")
        head.append(f"  Parts ({100 * rate:.2g} % of right models would have a part flagged):")
        for v in self.verdicts:
            head.append(f"    {v.part:10} {v.says()}" + (f" ({v.statistic:.1f} standard deviations; up to {v.threshold:.1f} is chance)" if v.figures else ""))
            head += [f"        {f.words()}" for f in v.findings]
            head += [f"        -> {text}" for text in v.advice()]
        head.append(f"  {'Distances':38} {'model':>9} {'floor':>9} {'bootstrap':>9} {'plain':>9}")
        for name, what in yardsticks.NAMES.items():
            found = [d[name] for _, d in self.table.rows()]
            head.append(f"  {f'{name}: {what}':50.50}" + "".join(f" {'–' if math.isnan(x) else f'{x:.3g}':>9}" for x in found) + (f"  {said}" if (said := self.table.says(name)) else ""))
        return head + [f"  – {text}" for text in self.table.remarks]

    def hits(self) -> str:
        """How many figures lie in their interval, of those that can tell."""
        told = [r.inside for r in self.rows if r.inside is not None]
        silent = len(self.rows) - len(told)
        more = f" ({silent} {'tells' if silent == 1 else 'tell'} nothing)" if silent else ""
        return f"{sum(told)} of {len(told)} figures lie inside their interval{more}"

    @property
    def coverage(self) -> float:
        """The share of weekly counts that lie in their interval, of those that can tell; NaN if there are none."""
        found = [b.inside for b in self.pictures.weekly if not math.isnan(b.inside)]
        return float(np.mean(found)) if found else float("nan")

    def to_json(self) -> dict[str, Any]:
        """For programs; figures that do not exist are null."""
        return {
            "since": self.since.isoformat(), "until": self.until.isoformat(), "weekly_coverage": _number(self.coverage),
            "figures": [{"what": r.what, "unit": r.unit, "inside": r.inside, **{k: _number(getattr(r, k)) for k in ("real", "simulated", "low", "high", "before")}} for r in self.rows],
            "parts": {v.part: {"flagged": v.flagged, "statistic": _number(v.statistic), "threshold": _number(v.threshold), "p": v.p, "rate": v.rate, "figures": v.figures, "advice": v.advice(),
                               "findings": [{"family": f.family, "what": f.label, "unit": f.unit, **{k: _number(getattr(f, k)) for k in ("real", "simulated", "low", "high", "deviations")}} for f in v.findings]}
                      for v in self.verdicts},
            "weeks_drawn_anew": {"CED": _number(self.table.weeks)},
            "distances": {n: {k: _number(d[n]) for k, d in (("model", self.table.model), ("floor", self.table.floor), ("bootstrap", self.table.bootstrap), ("plain", self.table.plain))} | {"meets": self.table.meets(n), "cause": self.table.cause(n)}
                          for n in yardsticks.NAMES},
        }  # fmt: skip


def _plain(x: float) -> str:
    return f"{x:.2f}" if math.isfinite(x) else "–"


def say_coverage(share: float) -> str:
    """A share of weekly counts, if there are any to tell of."""
    return f"{100 * share:.0f} %" if math.isfinite(share) else "none tells anything"


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


@dataclass(frozen=True)
class Validation:
    """Everything that was found."""

    fitted: Period
    """The period learnt from, or the whole of the log where nothing was held out."""
    held_out: Period | None
    replications: int
    not_in_the_log: tuple[str, ...] = ()
    """Steps with work that stand for no activity of the log."""
    not_in_the_model: tuple[str, ...] = ()
    """Activities of the log that no step stands for."""
    uncertain: int = 0
    """Values that each simulation drew anew; without any, intervals hold chance alone."""
    left_out: str | None = None
    """What of the log was not compared, and why."""

    @property
    def periods(self) -> tuple[Period, ...]:
        """The held-out period first."""
        return (self.held_out, self.fitted) if self.held_out is not None else (self.fitted,)

    @property
    def main(self) -> Period:
        """The period that counts: the held-out one, if there is one."""
        return self.periods[0]

    def lines(self) -> list[str]:
        """For people."""
        result = [f"Simulated {self.replications} times; the same logs are compared with both periods." if self.held_out else f"Simulated {self.replications} times."]
        drawn = f"{counted(self.uncertain, 'uncertain value')} drawn anew each time"
        result.append(f"Intervals hold chance and {drawn}." if self.uncertain else "Intervals hold chance alone; what the estimates of the model may be off by comes on top (calibrate --uncertain draws it).")
        if self.left_out:
            result.append(f"  {self.left_out}")
        if self.not_in_the_model:
            result.append(f"  Not in the model: {', '.join(self.not_in_the_model)}.")
        if self.not_in_the_log:
            result.append(f"  Work that the log does not know: {', '.join(self.not_in_the_log)}.")
        return result + [line for period in self.periods for line in period.lines()]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "replications": self.replications, "uncertain": self.uncertain, "not_in_the_model": list(self.not_in_the_model), "not_in_the_log": list(self.not_in_the_log),
            "left_out": self.left_out, "fitted": self.fitted.to_json(), "held_out": self.held_out.to_json() if self.held_out else None,
        }  # fmt: skip


@dataclass(frozen=True)
class _Run:
    """What is kept of one simulated log, for each period."""

    scores: tuple[Distances, Distances] | None
    """None where uncertain values were drawn: distances are taken from logs of the estimates themselves."""
    books: tuple[Book, ...]
    sketches: tuple[Sketch, ...]
    figures: tuple[dict[str, float], ...]


def validate_model(
    scenario: Scenario, log: EventLog, *, since: pd.Timestamp | None = None, seed: int = 0, replications: int = 99, workers: int | None = None,
    progress: Progress | None = None,
) -> Validation:  # fmt: skip
    """Compare a model with a log: which part is right, which is not, and how far simulated logs are from the real one.

    The model is simulated over the log's own period, from an empty start as the log has it. Steps stand for the activities
    whose names they have (see `activities_of`).

    Args:
        scenario: the model, learnt or written by hand.
        log: the real one, from `read_log`.
        since: what came later was not used to make the model: it is judged apart, as held out.
        seed: of all draws.
        replications: simulated logs, at least 19; a part of a right model is flagged in 1 of (replications + 1) validations, from 99 on in 1 of 100.

    Raises:
        InputError: `since` lies outside of the log, or there are too few replications.
        LogError: no step has the name of an activity, or there are too few cases.

    Example:
        >>> import salessim as ss
        >>> from salessim.demo import TRUTH
        >>> truth = ss.Scenario.load(TRUTH).change({"clock.horizon": "12 weeks"})
        >>> found = ss.validate_model(truth, ss.simulate(truth, seed=5), replications=19)
        >>> sorted(v.part for v in found.main.verdicts)
        ['arrivals', 'calendars', 'outcomes', 'routing', 'waiting', 'work']
    """
    if replications < 19:
        raise InputError("replications", f"{replications} are too few to tell chance from error", "give at least 19")
    log, left_out = as_it_was(log)
    start, end = pd.Timestamp(log.about.start), pd.Timestamp(log.about.end)
    if since is not None:
        since = since.tz_localize(log.about.time_zone) if since.tzinfo is None else since
        if not start < since < end:
            raise InputError("since", f"{since:%Y-%m-%d} lies outside of the log ({start:%Y-%m-%d} to {end:%Y-%m-%d})", "give a date within it")
    view = View.of(log)
    for window in _windows(view, since):
        count = len(window.of(see(log.frame, view)).born)
        if count < LEAST_CASES:
            raise LogError(log.about.source, f"only {count} cases came in from {_date(window.since, view)} to {_date(window.until, view)}", f"give a longer log or another date; {LEAST_CASES} are the least")
    days = int(np.ceil((end - start.normalize()).total_seconds() / 86_400))
    clock = {"start": start.date().isoformat(), "time_zone": log.about.time_zone, "horizon": f"{days} days"}
    past = scenario.change({"clock": clock})
    found = validate(past, log, since, activities_of(scenario, view, log.about.source), seed=seed, replications=replications, workers=workers, progress=progress)
    return replace(found, left_out=left_out)


def validate(
    scenario: Scenario, real: EventLog, split: pd.Timestamp | None, activity_of: dict[str, str], *, seed: int, replications: int,
    workers: int | None, progress: Progress | None,
) -> Validation:  # fmt: skip
    """Simulate the whole period of a log and compare; see `validate_model`.

    Args:
        scenario: its clock covers the log's period.
        real: the log.
        split: end of what was learnt from; None if nothing is held out.
        activity_of: step -> activity of the log.
    """
    view = View.of(real)
    log = see(real.frame, view)
    windows = _windows(view, split)
    fitted, held_out = windows[0], windows[1] if split is not None else None
    score = yardsticks.scorer(log, fitted, held_out)
    few = min(PLAIN_RUNS, replications)
    total = replications + (2 if scenario.uncertain else 1) * few

    def examine(simulated: Sample) -> _Run:
        return _Run(None if scenario.uncertain else score(simulated), tuple(figures(simulated, w) for w in windows), tuple(sketch(simulated, w) for w in windows), tuple(_figures(simulated, w) for w in windows))

    def step(done: int) -> None:
        if progress:
            progress(done, total)

    runs = _simulated(scenario, view, activity_of, examine, seed, replications, workers, step)
    clock = {"start": f"{scenario.clock.start:%Y-%m-%d}", "time_zone": scenario.clock.time_zone, "horizon": f"{scenario.clock.horizon / 86_400e6:.6f} days"}
    plain, plain_names = plain_model(fitted.of(log), clock)
    plain_scores = _simulated(plain, view, plain_names, score, seed, few, workers, lambda done: step(replications + done))
    scores = [r.scores for r in runs if r.scores]
    if not scores:  # figures are judged with the ignorance about the model, the model itself is as near as its estimates are
        settled = scenario.change({"uncertain": {}})
        scores = _simulated(settled, view, activity_of, score, seed, few, workers, lambda done: step(replications + few + done))
    rng = np.random.Generator(np.random.Philox(key=seed))
    tables = yardsticks.tables(log, fitted, held_out, scores, plain_scores, rng, PLAIN_RUNS)
    names = ["fitted", "held out"] if held_out else ["whole"]
    silent = _silent(log, scenario)
    periods = [_period(names[i], i, w, log, runs, tables[i], silent, real) for i, w in enumerate(windows)]
    known = set(activity_of.values())
    return Validation(
        periods[0], periods[1] if held_out else None, replications,
        tuple(n for n, s in scenario.steps.items() if s.kind == "work" and n not in activity_of), tuple(n for n in view.activities if n not in known),
        len({u.together or path for path, laws in scenario.uncertain.items() for u in laws}),
    )  # fmt: skip


def _windows(view: View, split: pd.Timestamp | None) -> list[Window]:
    """The period learnt from, and the one held out if there is one."""
    if split is None:
        return [Window(view.start, view.end)]
    return [Window(view.start, split.timestamp()), Window(split.timestamp(), view.end)]


def _simulated(
    scenario: Scenario, view: View, activity_of: dict[str, str], use: Callable[[Sample], _T], seed: int, times: int, workers: int | None, step: Callable[[int], None]
) -> list[_T]:
    """What is made of each simulated log."""
    from salessim import engines
    from salessim.executors import local, workers_of
    from salessim.experiment import check_seed
    from salessim.network import build
    from salessim.scenario.uncertain import network_of

    network = build(scenario)

    def one(_: object, seed: int, number: int, engine: engines.Engine) -> _T:
        drawn = network_of(scenario, seed, number) if scenario.uncertain else network
        return use(see_run(engines.run_visits(drawn, seed=check_seed(seed), number=number, engine=engine), view, activity_of))

    found = []
    with local(workers_of(workers), "compiled") as executor:
        for result in executor.results(one, scenario, seed, range(times), "compiled"):
            found.append(result)
            step(len(found))
    return found


def _silent(log: Sample, scenario: Scenario) -> tuple[str, ...]:
    """Families of figures that cannot be compared, because a model takes channels or segments together."""
    from salessim.importers.eventlog import clean_about

    channels = {clean_about(str(c)) for c in scenario.channels} == set(log.channel)
    segments = {clean_about(str(s)) for s in scenario.segments} == set(log.segment)
    return (*(() if channels else ("arrivals by channel", "won by channel")), *(() if segments else ("waits by segment",)))


def _period(name: str, i: int, window: Window, log: Sample, runs: list[_Run], table: Table, silent: tuple[str, ...], real: EventLog) -> Period:
    verdicts = judge(figures(log, window), [r.books[i] for r in runs], silent)
    before = Window(window.since - window.length, window.since)
    earlier = _figures(log, before) if before.since >= log.view.start - 1 else {}
    rows = _rows(_figures(log, window), [r.figures[i] for r in runs], earlier)
    drawn = pictures(log, window, sketch(log, window), [r.sketches[i] for r in runs])
    zone = real.about.time_zone
    since, until = (pd.Timestamp(t, unit="s", tz="UTC").tz_convert(zone) for t in (window.since, window.until))
    return Period(name, since, until, rows, verdicts, table, drawn)


def _rows(now: dict[str, float], simulated: Sequence[dict[str, float]], earlier: dict[str, float]) -> tuple[Row, ...]:
    from salessim.statistics import t_quantile

    rows = []
    for what, value in now.items():
        found = np.array([run.get(what, 0.0) for run in simulated])
        found = found[np.isfinite(found)]
        if len(found) < 2:
            found = np.array([np.nan, np.nan])
        middle, spread = float(found.mean()), float(found.std(ddof=1))
        half = t_quantile(0.975, len(found) - 1) * spread * np.sqrt(1 + 1 / len(found))
        name, _, unit = what.partition("|")
        rows.append(Row(name, unit, value, middle, max(0.0, middle - half), min(middle + half, 100.0 if unit == "%" else math.inf), earlier.get(what, float("nan"))))
    return tuple(rows)


def _figures(log: Sample, window: Window) -> dict[str, float]:
    """Volumes, endings and cycle times of a window, as "what|unit"."""
    weeks = window.length / (7 * 86_400)
    inside = (log.over >= window.since) & (log.over < window.until)
    cycle = (log.over - log.born)[inside] / 86_400
    done = (log.done >= window.since) & (log.done < window.until)
    result = {
        "arrivals|per week": float(((log.born >= window.since) & (log.born < window.until)).sum()) / weeks,
        "visits|per week": float(done.sum()) / weeks,
    }
    for name in sorted({str(o) for o in log.outcome} - {"open"}):
        result[f"{name}|per week"] = float((inside & (log.outcome == name)).sum()) / weeks
    result["completed, of all that ended|%"] = 100 * float((inside & (log.outcome == "completed")).sum()) / int(inside.sum()) if inside.any() else float("nan")
    for name, p in (("mean", None), ("median", 0.5), ("90 %", 0.9)):
        result[f"cycle time, {name}|days"] = float("nan") if not len(cycle) else float(cycle.mean() if p is None else np.quantile(cycle, p))
    result["open cases at the end|cases"] = float(((log.born < window.until) & ~(log.over < window.until)).sum())
    return result


def _date(at: float, view: View) -> str:
    return f"{pd.Timestamp(at, unit='s', tz='UTC').tz_convert(view.zone):%Y-%m-%d}"
