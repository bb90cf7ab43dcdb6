"""What an analyst wants to see of a log beside its simulations: bands over weeks, quantiles against quantiles, hours, open cases.

Of each log a `Sketch` is kept, a few hundred numbers; the sketches of all simulated logs make the bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.calibration.distances import open_cases
from salessim.calibration.figures import DAY, LEAST, WEEK, per_slot, weeks_of
from salessim.statistics import t_quantile

if TYPE_CHECKING:
    from salessim.calibration.sample import Sample
    from salessim.calibration.yardsticks import Window

LEVELS = np.arange(1, 100) / 100
MOST = 6
"""Activities with a picture of their own."""


@dataclass(frozen=True)
class Sketch:
    """The outline of one log over a window."""

    weekly: dict[str, Any]
    """series -> count in each whole week."""
    quantiles: dict[str, Any]
    """times -> their 1 % to 99 % quantiles, in hours."""
    hours: Any
    """Share of the visits that begin (or end) in each of the 168 hours of the week."""
    open_cases: Any
    """Mean open cases of each day."""


@dataclass(frozen=True)
class Band:
    """A line of the real log within what the simulated logs do."""

    name: str
    at: tuple[Any, ...]
    """Dates of weeks or days, quantile levels, hours of the week."""
    real: Any
    middle: Any
    low: Any
    high: Any

    @property
    def inside(self) -> float:
        """The share of points at which the real log lies within the band; points where all logs are alike tell nothing."""
        tells = ~((self.low == self.high) & (self.real == self.low)) if len(self.at) else np.zeros(0, bool)
        return float(np.mean(((self.real >= self.low) & (self.real <= self.high))[tells])) if tells.any() else float("nan")


@dataclass(frozen=True)
class Pictures:
    """Bands of 95 %, each point by itself."""

    weekly: tuple[Band, ...]
    quantiles: tuple[Band, ...]
    hours: Band
    """Without points where the log has no time of day."""
    open_cases: Band

    def coverage(self) -> dict[str, float]:
        """Of each weekly series, the share of weeks that lie in the band; a right model has 95 %."""
        return {b.name: b.inside for b in self.weekly}


def sketch(log: Sample, window: Window) -> Sketch:
    """The outline of a log."""
    view, known = log.view, log.cut(window.until)
    weeks, _ = weeks_of(known, window)

    def count(times: Any) -> Any:
        times = times[(times >= window.since) & (times < window.until)]
        return per_slot(view.clock(times), weeks, WEEK)

    common = np.argsort(-np.bincount(known.activity, minlength=len(view.activities)), kind="stable")[:MOST]
    weekly = {"arrivals": count(known.born), "endings": count(known.over)}
    over = (known.over >= window.since) & (known.over < window.until)
    times = {"time in process": (known.over - known.born)[over] / 3600}
    for i, name in ((int(i), view.activities[i]) for i in np.sort(common)):
        mine = known.activity == i
        if view.starts:
            weekly[f"{name}: starts"] = count(known.begun[mine])
            times[f"{name}: work"] = ((known.done - known.begun)[mine & (known.done >= window.since)]) / 3600
        weekly[f"{name}: ends"] = count(known.done[mine])
        begun = known.begun if view.starts else known.done
        times[f"{name}: wait before"] = np.maximum(0, (begun - known.ready)[mine & (begun >= window.since)]) / 3600
    stamp = known.begun if view.starts else known.done
    with_hours = ~np.array(view.days, bool)[known.activity]
    local = view.clock(stamp[(stamp >= window.since) & (stamp < window.until) & with_hours])
    hour = ((local // 3600).astype(int) + 72) % 168
    hourly = open_cases(known.born, known.over, window.since, window.until)
    days = len(hourly) // 24
    return Sketch(
        weekly, {k: np.quantile(v[~np.isnan(v)], LEVELS) if (~np.isnan(v)).sum() >= LEAST else np.full(99, np.nan) for k, v in times.items()},
        np.bincount(hour, minlength=168) / max(1, len(hour)), hourly[: 24 * days].reshape(days, 24).mean(axis=1),
    )  # fmt: skip


def pictures(log: Sample, window: Window, real: Sketch, simulated: Sequence[Sketch]) -> Pictures:
    """The real log's outline within the bands of the simulated ones."""
    _, mondays = weeks_of(log, window)
    first = float(log.view.clock(np.array([window.since]))[0])
    days = tuple(np.datetime64(int(first + DAY * k), "s") for k in range(len(real.open_cases)))
    weekly = tuple(_band(name, tuple(mondays), line, [s.weekly.get(name, np.zeros(len(line))) for s in simulated], roots=True) for name, line in real.weekly.items())
    quantiles = tuple(
        _middle_band(name, tuple(LEVELS.tolist()), line, [s.quantiles.get(name, np.full(99, np.nan)) for s in simulated])
        for name, line in real.quantiles.items()
        if np.isfinite(line).all() and line.max() > 0
    )
    hours = _band("hours", () if all(log.view.days) else tuple(range(168)), real.hours, [s.hours for s in simulated])
    return Pictures(weekly, quantiles, hours, _band("open cases", days, real.open_cases, [s.open_cases for s in simulated], roots=True))


def _middle_band(name: str, at: tuple[Any, ...], real: Any, simulated: list[Any]) -> Band:
    """Median and middle 95 % of the simulated logs: a quantile of times may jump over a night, which no mean shows."""
    values = np.array([v for v in simulated if np.isfinite(v).all()] or [np.full(len(at), np.nan)])
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975], axis=0)
    return Band(name, at, np.asarray(real, float), middle, low, high)


def _band(name: str, at: tuple[Any, ...], real: Any, simulated: list[Any], *, roots: bool = False) -> Band:
    """The interval in which one further log would lie 95 times of 100, point by point; counts are taken by their roots."""
    values = np.array(simulated, float)
    values = np.sqrt(values + 0.375) if roots else values
    known = np.maximum(2, (~np.isnan(values)).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.nansum(values, axis=0) / known
        spread = np.sqrt(np.nansum((values - middle) ** 2, axis=0) / (known - 1))
    half = np.array([t_quantile(0.975, k - 1) for k in known.tolist()]) * np.maximum(spread, 0.5 if roots else 0.0) * np.sqrt(1 + 1 / known)
    low, high = middle - half, middle + half
    if roots:
        low, high = (np.maximum(0.0, np.maximum(0.0, x) ** 2 - 0.375) for x in (low, high))
        counts = np.array(simulated, float)
        alike = (counts == np.asarray(real, float)).all(axis=0)  # such as 0 in every log, whatever the model is
        low, high = (np.where(alike, real, x) for x in (low, high))
        return Band(name, at, np.asarray(real, float), counts.mean(axis=0), low, high)
    return Band(name, at, np.asarray(real, float), middle, np.maximum(0.0, low), high)
