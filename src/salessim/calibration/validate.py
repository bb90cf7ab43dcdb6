"""Would it have predicted the future? Simulated logs against the period that was held out.

Every distance stands beside two real ones, so that it means something: the period that was learnt from, simulated
as well (fit), and the real period against the real one before (the noise floor, drift included).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.history import arrival_seen, born, ends, seconds, without_arrival
from salessim.importers.eventlog import SYSTEM, WAITING

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.scenario.model import Scenario


@dataclass(frozen=True)
class Row:
    """One figure: held out and real, simulated with the interval one real period would fall into, and before."""

    what: str
    unit: str
    real: float
    simulated: float
    low: float
    high: float
    before: float
    """The same figure in a real period of the same length just before the split."""

    @property
    def inside(self) -> bool:
        """Whether the real figure lies in the simulated 95 % prediction interval."""
        return bool(self.low <= self.real <= self.high)


@dataclass(frozen=True)
class Distances:
    """Distances of distributions, lower is better."""

    cycle_time: float
    """Wasserstein distance of the cycle times of cases that ended in the period, in hours."""
    bigrams: float
    """Sum of absolute differences of how often activity pairs occur, over the sum of both: 0 same, 1 disjoint."""


@dataclass(frozen=True)
class Validation:
    """Figures and distances for the held-out period."""

    split: pd.Timestamp
    end: pd.Timestamp
    rows: tuple[Row, ...]
    forecast: Distances
    fit: Distances
    floor: Distances
    """Real against real: the held-out period against the one before."""
    replications: int

    def lines(self) -> list[str]:
        """For people."""
        head = [
            f"Held out: {self.split:%Y-%m-%d} to {self.end:%Y-%m-%d}; simulated {self.replications} times; 95 % prediction intervals.",
            f"  {'':38} {'real':>9} {'simulated':>10} {'interval':>19} {'real before':>12}",
        ]
        for r in self.rows:
            mark = "" if r.inside else "  outside"
            head.append(f"  {r.what + ' (' + r.unit + ')':38} {r.real:9.2f} {r.simulated:10.2f} {r.low:8.2f} to {r.high:7.2f} {r.before:12.2f}{mark}")
        inside = sum(r.inside for r in self.rows)
        head.append(f"  {inside} of {len(self.rows)} figures lie inside their interval.")
        for what, pick in (("cycle time, Wasserstein (h)", "cycle_time"), ("activity pairs, share that differs", "bigrams")):
            f, a, floor = (getattr(d, pick) for d in (self.forecast, self.fit, self.floor))
            head.append(f"  distance of {what}: held out {f:.3g}, period learnt from {a:.3g}, real against real {floor:.3g}")
        return head

    def to_json(self) -> dict[str, Any]:
        """For programs; figures that do not exist are null."""

        def number(x: float) -> float | None:
            return float(x) if np.isfinite(x) else None

        return {
            "split": self.split.isoformat(), "end": self.end.isoformat(), "replications": self.replications,
            "figures": [{"what": r.what, "unit": r.unit, "inside": r.inside,
                         **{k: number(getattr(r, k)) for k in ("real", "simulated", "low", "high", "before")}} for r in self.rows],
            "distances": {k: {f: number(v) for f, v in vars(getattr(self, k)).items()} for k in ("forecast", "fit", "floor")},
        }  # fmt: skip


def validate(
    scenario: Scenario, real: EventLog, split: pd.Timestamp, activity_of: dict[str, str], *, seed: int, replications: int,
    workers: int | None, progress: Callable[[int, int], None] | None,
) -> Validation:  # fmt: skip
    """Simulate the whole period and compare the part after the split with what happened."""
    from concurrent.futures import ThreadPoolExecutor

    from salessim import engines
    from salessim.experiment import check_seed, workers_of
    from salessim.network import build

    network, end = build(scenario), pd.Timestamp(real.about.end)
    length, arrivals_known = end - split, arrival_seen(real)
    before = max(split - length, pd.Timestamp(real.about.start))

    def one(number: int) -> tuple[dict[str, float], dict[str, float], _Shape, _Shape]:
        log = engines.run(network, seed=check_seed(seed), number=number, engine="compiled", log=True).log
        assert log is not None
        known = fold(log.frame, activity_of)
        known = known if arrivals_known else without_arrival(known)  # what the real log does not show counts in neither
        return _figures(known, split, end), _figures(known, before, split), _shape(known, split, end), _shape(known, before, split)

    with ThreadPoolExecutor(workers_of(workers)) as pool:
        runs = []
        for done, run in enumerate(pool.map(one, range(replications))):
            runs.append(run)
            if progress:
                progress(done + 1, replications)
    truth = real.frame
    now, earlier = _figures(truth, split, end), _figures(truth, before, split)
    rows = []
    for what, value in now.items():
        simulated = np.array([run[0].get(what, 0.0) for run in runs])
        simulated = simulated[np.isfinite(simulated)]
        if not len(simulated):
            simulated = np.array([np.nan])
        middle, spread = float(simulated.mean()), float(simulated.std(ddof=1)) if len(simulated) > 1 else np.nan
        from salessim.statistics import t_quantile

        half = t_quantile(0.975, max(1, len(simulated) - 1)) * spread * np.sqrt(1 + 1 / len(simulated))
        name, _, unit = what.partition("|")
        rows.append(Row(name, unit, value, middle, max(0.0, middle - half), min(middle + half, 100.0 if unit == "%" else math.inf), earlier.get(what, 0.0)))
    held, past = _shape(truth, split, end), _shape(truth, before, split)
    return Validation(
        split, end, tuple(rows), _mean_distance(held, [r[2] for r in runs]), _mean_distance(past, [r[3] for r in runs]),
        _mean_distance(held, [past]), replications,
    )  # fmt: skip


def fold(frame: pd.DataFrame, activity_of: dict[str, str]) -> pd.DataFrame:
    """A simulated log in the activities of the real one: the waits between them become part of the case again."""
    # The end of a wait that closed the case is the case's end: keep such rows under the name real logs give them.
    ending = frame["outcome"].str.startswith(("lost", "completed", "open"))
    known = frame["step"].map(activity_of)
    folded = frame.assign(step=known.fillna(WAITING))[known.notna() | ending]
    return folded.sort_values("case", kind="stable").reset_index(drop=True)


def _figures(frame: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> dict[str, float]:
    """Volumes, endings and cycle times of a window, as "what|unit"."""
    log = _Frame(frame)
    weeks = (until - since).total_seconds() / (7 * 86_400)
    arrived, over = born(log), ends(log)
    inside = (over["ended"] >= since) & (over["ended"] < until)
    cycle = (over["ended"] - arrived)[inside].dt.total_seconds() / 86_400
    work = frame[~frame["step"].isin([WAITING, SYSTEM])]
    result = {
        "arrivals|per week": float(((arrived >= since) & (arrived < until)).sum()) / weeks,
        "visits|per week": float(((work["ended"] >= since) & (work["ended"] < until)).sum()) / weeks,
    }
    outcome = over["outcome"].where(inside)
    for name in sorted(o for o in over["outcome"].unique() if o != "open"):
        result[f"{name}|per week"] = float((outcome == name).sum()) / weeks
    result["completed, of all that ended|%"] = 100 * float((outcome == "completed").sum()) / max(1, int(inside.sum()))
    result["cycle time, mean|days"] = float(cycle.mean())
    result["cycle time, median|days"] = float(cycle.median())
    result["cycle time, 90 %|days"] = float(cycle.quantile(0.9))
    result["open cases at the end|cases"] = float(((arrived < until) & ~(over["ended"] < until)).sum())
    return result


@dataclass(frozen=True)
class _Frame:
    """Just enough of a log for the functions of `history`."""

    frame: pd.DataFrame


@dataclass(frozen=True)
class _Shape:
    cycle_hours: Any
    pairs: dict[tuple[str, str], float]


def _shape(frame: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> _Shape:
    log = _Frame(frame)
    over = ends(log)
    inside = (over["ended"] >= since) & (over["ended"] < until)
    hours = (seconds(over["ended"]) - seconds(born(log).reindex(over.index)))[inside.to_numpy()] / 3600
    chosen = frame[frame["case"].map(inside) & ~frame["step"].isin([WAITING, SYSTEM])]
    here = ["", *chosen["step"]]
    cases = [None, *chosen["case"]]
    pairs: dict[tuple[str, str], float] = {}
    for i in range(1, len(here)):
        first = here[i - 1] if cases[i] == cases[i - 1] else "("
        pairs[first, here[i]] = pairs.get((first, here[i]), 0.0) + 1
        if i + 1 == len(here) or cases[i + 1] != cases[i]:
            pairs[here[i], ")"] = pairs.get((here[i], ")"), 0.0) + 1
    total = sum(pairs.values()) or 1.0
    return _Shape(np.sort(hours), {k: v / total for k, v in pairs.items()})


def _mean_distance(real: _Shape, others: list[_Shape]) -> Distances:
    return Distances(
        float(np.mean([wasserstein(real.cycle_hours, o.cycle_hours) for o in others])),
        float(np.mean([sum(abs(real.pairs.get(k, 0) - o.pairs.get(k, 0)) for k in {*real.pairs, *o.pairs}) / 2 for o in others])),
    )


def wasserstein(a: Any, b: Any) -> float:
    """Area between two empirical distribution functions (the first Wasserstein distance); NaN if one is empty."""
    a, b = np.sort(np.asarray(a, float)), np.sort(np.asarray(b, float))
    if not len(a) or not len(b):
        return float("nan")
    at = np.sort(np.concatenate([a, b]))
    gap = np.abs(np.searchsorted(a, at[:-1], side="right") / len(a) - np.searchsorted(b, at[:-1], side="right") / len(b))
    return float(np.sum(gap * np.diff(at)))
