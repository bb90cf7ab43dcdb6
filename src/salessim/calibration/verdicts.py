"""A verdict for each part of a model: right as far as the log can tell, or wrong, in what, and what to do.

The real log is one more log among those the model makes. Of each figure every log has a deviation from all others, in their
standard deviations; a part's statistic is its largest deviation. If the model is right the real log is as likely as any
other to have the largest, so a part is flagged if no simulated log (or, of many, at most the stated share) deviates as
much: an exact test (Barnard 1963; Besag and Clifford 1989) whatever the figures' laws and however they hang together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from salessim.calibration.figures import PARTS, Book, Key

RATE = 0.01
"""How often a part of a right model is flagged, if there are simulations enough."""
SHOWN = 3
"""Figures named per part."""

ADVICE = {
    "arrivals": ("The level of demand is not the model's.", "Change the rate, or calibrate on the period since it changed."),
    "arrivals by day": ("On single days far more or fewer cases came in than the model knows.", "Look for a campaign, a holiday or a bulk import on those days; give it as a campaign, or raise 'daily_cv'."),
    "arrivals by week": ("Demand moves over the weeks in a way the model does not know.", "Give the channel a season or a trend, or calibrate on the period since it changed."),
    "arrivals by weekday": ("The week's profile of demand is another.", "Change 'weekdays' of the channel."),
    "arrivals by hour": ("The day's profile of demand is another.", "Change 'hours' of the channel; check the time zones of the mapping ('stamps_in', 'office_in')."),
    "spread of arrivals": ("Days differ by another amount than in the model.", "Change 'daily_cv', or let the channel arrive in batches."),
    "arrivals by channel": ("The channels share demand otherwise.", "Change the channels' rates; the scenario's channels must have the log's names."),
    "moves": ("Cases go other ways.", "Change the shares of 'then' at this step, or calibrate again; a share of 0 means the model does not know the way."),
    "repeats": ("Steps are repeated more or less often.", "Look for rework: a route back, or its 'limit'."),
    "visits": ("Cases visit this step more or less often.", "Look at the routes that lead there."),
    "runs": ("Sequences of activities as a whole are others.", "The next step may depend on the one before or on how often it was visited: split the step by its history."),
    "work times": ("Work takes another time.", "Change the law of 'work'; if only the last per cents differ, choose one with another tail."),
    "people": ("Another number of people does this.", "Change the team's 'size', or who the step is done 'by'."),
    "shared people": ("Other people do this: steps share people that the model keeps apart, or the reverse.", "Change 'by' of these steps, or split or join the teams."),
    "waits": ("Cases wait longer or shorter before this step.", "If work and calendars are right: look at the team's size, its other work, batches, and the customer's own time before the step."),
    "spread of waits": ("Waits are spread otherwise.", "Look at the order of service ('queue', 'priority') and at batches ('gather')."),
    "change of waits": ("Waits change over the period as they do not in the model.", "Capacity or demand changed on the way: give the change a date, or calibrate on the period since."),
    "waits by segment": ("Segments are served in another order.", "Change 'priority' of the step or of the segments."),
    "order of service": ("Cases are served in another order.", "Change 'queue' of the step (first come, newest first, highest value) or its priorities."),
    "starts together": ("Visits begin in groups as they do not in the model.", "Let the step 'gather' a batch, or look for bulk edits in the log."),
    "own time of customers": ("Customers take another time.", "Change the law of the 'customer' step between these two."),
    "open cases": ("Another number of cases is open.", "If arrivals are right, cases stay for another time, or a limit holds them back: see the other figures here."),
    "swings of open cases": ("The number of open cases moves otherwise from hour to hour.", "Look for batches, limits and bulk edits."),
    "time in process": ("Cases take another time from beginning to end.", "See which wait or work time differs; the rest is the customer's own time."),
    "weekdays": ("This work is done on other days of the week.", "Change the calendar of its team."),
    "hours": ("This work is done at other hours.", "Change the calendar of its team; check the time zones of the mapping."),
    "weeks": ("In single weeks far more or less of this work was done.", "Look for absence, an outage or a backlog that was worked off, and put the dates into the calendar."),
    "days": ("On single days far more or less work was done.", "Put the holiday or outage into the calendars ('holidays', 'exceptions'), or take out the one the log does not have."),
    "endings": ("Cases end otherwise.", "If routing is right, look at 'patience' and at the time cases take; else see routing."),
    "change of endings": ("Endings change over the period as they do not in the model.", "Calibrate on the period since the change."),
    "fate": ("What becomes of cases within the period is otherwise.", "Cases end sooner or later than in the model, or otherwise: see waiting and routing."),
    "won by channel": ("A channel wins more or less than in the model.", "Give the segments of the channels shares of their own, or calibrate one channel at a time."),
}  # fmt: skip
"""family of figures -> what is wrong, what to do."""


@dataclass(frozen=True)
class Finding:
    """A figure of the real log that the model does not have."""

    family: str
    label: str
    unit: str
    real: float
    simulated: float
    low: float
    high: float
    """Where 95 % of the simulated logs lie."""
    deviations: float
    """Of the real log from the simulated ones, in standard deviations on the scale of comparison."""

    def words(self) -> str:
        """For people."""
        unit = f" {self.unit}" if self.unit else ""
        digits = next((d for d in range(3, 9) if _say(self.real, d) != _say(self.simulated, d)), 9)
        real, simulated, low, high = (_say(x, digits) for x in (self.real, self.simulated, self.low, self.high))
        return f"{self.label}: {real}{unit}, simulated {simulated} ({'in every log' if self.low == self.high else f'{low} to {high}'})"


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of one part of a model."""

    part: str
    flagged: bool
    statistic: float
    """The largest deviation of the real log, in standard deviations of simulated logs."""
    threshold: float
    """The deviation above which the part is flagged: that of the simulated logs that only the stated share exceeds."""
    p: float
    rate: float
    """How often a part of a right model is flagged."""
    figures: int
    """How many figures were looked at."""
    findings: tuple[Finding, ...]
    """The figures that deviate most, if flagged: at most three, of different families first."""

    def says(self) -> str:
        """The verdict in words."""
        if not self.figures:
            return "the log does not show it"
        return "differs" if self.flagged else "no difference seen"

    def advice(self) -> list[str]:
        """What is wrong and what to do, once for each family found."""
        return [" ".join(ADVICE[family]) for family in dict.fromkeys(f.family for f in self.findings)]


def judge(real: Book, simulated: Sequence[Book], silent: tuple[str, ...] = ()) -> tuple[Verdict, ...]:
    """A verdict for each part.

    Args:
        real: figures of the real log.
        simulated: figures of the logs of the model, at least two.
        silent: families that cannot be compared.
    """
    books = [real, *simulated]
    keys = sorted({k for b in books for k in b.scaled if k[1] not in silent})
    values, least = _aligned(keys, books)
    z = deviations(values, least)
    runs = _runs(books)
    return tuple(_verdict(part, keys, values, z, books, runs if part == "routing" else []) for part in PARTS)


def _aligned(keys: list[Key], books: list[Book]) -> tuple[Any, Any]:
    """Figures by log and key; a count or listed share that a log does not have is 0 there, any other figure does not exist."""
    least = np.array([np.mean([b.noise[k] for b in books if k in b.noise]) for k in keys])
    values = np.full((len(books), len(keys)), np.nan)
    for j, key in enumerate(keys):
        _, kind = next(b.about[key] for b in books if key in b.about)
        absent = np.sqrt(0.375) if kind == "count" else np.arcsin(min(1.0, np.sqrt(0.375) * 2 * least[j])) if kind == "listed" else np.nan
        base = next((b.base_of[key] for b in books if key in b.base_of), None)
        values[:, j] = [b.scaled.get(key, absent if base is None or base in b.bases else np.nan) for b in books]
    return values, least


def deviations(values: Any, least: Any) -> Any:
    """Of each log the deviation from the mean of all others, in their standard deviations.

    Args:
        values: by log and figure; NaN where there is none.
        least: of each figure, the least standard deviation that is believed.

    Returns:
        Array of the same shape, 0 or above; 0 where fewer than half of the others have the figure.
    """
    known = ~np.isnan(values)
    x = np.where(known, values, 0.0)
    n = known.sum(axis=0) - known
    enough = known & (n >= max(2, (len(values) - 1) / 2))
    n = np.maximum(n, 2)
    mean = (x.sum(axis=0) - x) / n
    square = ((x**2).sum(axis=0) - x**2) / n
    sd = np.sqrt(np.maximum(0.0, (square - mean**2) * n / (n - 1)))
    return np.where(enough, np.abs(x - mean) / (np.maximum(sd, least) * np.sqrt(1 + 1 / n)), 0.0)


def _runs(books: list[Book]) -> list[tuple[int, Any, Any]]:
    """Of each log, how far its runs of activities are from those of all others, and how unusual that is."""
    result = []
    for n in (2, 3):
        grams = sorted({g for b in books for g in b.runs.get(n, {})})
        shares = np.array([[b.runs.get(n, {}).get(g, 0.0) for g in grams] for b in books])
        if len(books) < 3 or not len(grams):
            continue
        others = (shares.sum(axis=0) - shares) / (len(books) - 1)
        distance = np.abs(shares - others).sum(axis=1) / 2
        far = deviations(np.log(np.maximum(distance, 1e-6))[:, None], np.array([0.02]))[:, 0]
        result.append((n, distance, np.where(distance > (distance.sum() - distance) / (len(books) - 1), far, 0.0)))
    return result


def _verdict(part: str, keys: list[Key], values: Any, z: Any, books: list[Book], runs: list[tuple[int, Any, Any]]) -> Verdict:
    mine = [j for j, k in enumerate(keys) if k[0] == part]
    columns = np.column_stack([z[:, mine], *(far for _, _, far in runs)]) if mine or runs else np.zeros((len(books), 0))
    rate = max(RATE, 1 / len(books))
    if not columns.shape[1]:
        return Verdict(part, False, 0.0, float("nan"), 1.0, rate, 0, ())
    largest = columns.max(axis=1)
    p = float(np.mean(largest >= largest[0]))
    ranked = np.sort(largest[1:])
    # Where all simulated logs are alike the least noise of a figure is all there is to measure by: less than chance makes of it is no difference.
    threshold = max(float(ranked[min(len(ranked) - 1, int(np.ceil((1 - rate) * len(books))) - 1)]), float(ndtri(1 - rate / 2)))
    flagged = p <= rate * (1 + 1e-9) and bool(largest[0] > threshold)
    found = [_finding(keys[j], j, books, z) for j in sorted(mine, key=lambda j: -z[0, j])[:60]] if flagged else []
    found += [_run_finding(n, distance, far) for n, distance, far in runs] if flagged else []
    found = sorted((f for f in found if f.deviations > threshold), key=lambda f: -f.deviations)
    first = {f.family: f for f in reversed(found)}  # the largest of each family
    chosen = sorted(first.values(), key=lambda f: -f.deviations)[:SHOWN]
    chosen += [f for f in found if f not in chosen][: SHOWN - len(chosen)]
    return Verdict(part, flagged, float(largest[0]), threshold, p, rate, columns.shape[1], tuple(chosen))


def _finding(key: Key, j: int, books: list[Book], z: Any) -> Finding:
    unit, kind = next(b.about[key] for b in books if key in b.about)
    base = next((b.base_of[key] for b in books if key in b.base_of), None)
    raw = np.array([b.raw.get(key, np.nan if kind == "mean" or (base is not None and base not in b.bases) else 0.0) for b in books])
    others = raw[1:][~np.isnan(raw[1:])]
    low, high = np.quantile(others, [0.025, 0.975]) if len(others) else (np.nan, np.nan)
    return Finding(key[1], key[2], unit, float(raw[0]), float(others.mean()) if len(others) else float("nan"), float(low), float(high), float(z[0, j]))


def _run_finding(n: int, distance: Any, far: Any) -> Finding:
    low, high = np.quantile(distance[1:], [0.025, 0.975])
    said = "pairs" if n == 2 else f"runs of {n}"
    return Finding("runs", f"{said} of activities, share that differs from all simulated logs", "%", 100 * distance[0], 100 * float(distance[1:].mean()), 100 * low, 100 * high, float(far[0]))


def _say(x: float, digits: int = 3) -> str:
    """So many digits, and all before the point."""
    if not np.isfinite(x):
        return "no cases"
    return f"{x:,.{max(0, digits - len(str(int(abs(x)))))}f}" if abs(x) >= 1000 else f"{x:.{digits}g}"
