"""Optimisation against exact optima, beside plain Optuna: `python experiments/optimise_bench.py B1 [macro-runs]`, or B3.

The designs are judged by their true values, from Jackson's formulas, never by a simulation. The peer is what a user of
Optuna would write: TPE on the raw space, a seed of its own for each trial, the budget as a penalty, and the best trial returned.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import salessim as ss
from salessim.experiment import replicate
from salessim.queueing import mean_wait
from salessim.scenario.model import Scenario
from salessim.units import HOUR, MONTH

PASS = (0.80, 0.70, 0.75, 0.80, 0.60, 0.85)
RATE = 4.0
"""Leads per day."""
PACE = (1.6, 0.9, 0.55, 0.45, 0.35, 0.30, 0.60)
"""Per server and day."""
PRICE = (1.0, 1.2, 2.0, 2.2, 3.0, 2.6, 1.5)
"""Of a server, in EUR per hour."""
BUDGET = 80.0
TODAY = (4, 5, 6, 5, 5, 4, 2)
MOST = 12
STATIONS = len(PACE)


def flows() -> list[float]:
    """Leads per day at each station."""
    rates = [RATE]
    for share in PASS:
        rates.append(rates[-1] * share)
    return rates


def station(i: int, servers: int) -> float:
    """What a station adds to the mean time per lead, in days, exactly (Jackson)."""
    arrive = flows()[i]
    return arrive / RATE * (mean_wait(servers, arrive, 1.0 / PACE[i]) + 1.0 / PACE[i])


def truth(design: Sequence[int]) -> float:
    """Mean time per lead in days; infinite if a station cannot keep up."""
    return sum(station(i, c) for i, c in enumerate(design))


def price(design: Sequence[int]) -> float:
    return sum(p * c for p, c in zip(PRICE, design, strict=True))


def front() -> list[tuple[float, float, tuple[int, ...]]]:
    """All designs (cost, time, servers) that no other beats in both, by dynamic programming over the stations."""
    partial: list[tuple[float, float, tuple[int, ...]]] = [(0.0, 0.0, ())]
    for i in range(STATIONS):
        more = [(cost + PRICE[i] * c, time + station(i, c), (*done, c)) for cost, time, done in partial for c in range(1, MOST + 1) if math.isfinite(station(i, c))]
        partial, least = [], math.inf
        for row in sorted((round(cost, 9), took, done) for cost, took, done in more):
            if row[1] < least - 1e-12:
                partial.append(row)
                least = row[1]
    return partial


def optimum() -> tuple[float, tuple[int, ...]]:
    """The best within the budget."""
    return min((time, design) for cost, time, design in front() if cost <= BUDGET + 1e-9)


def tandem() -> Scenario:
    """B1 as a scenario: 600 leads are measured after some 100."""
    steps: dict[str, Any] = {}
    for i in range(STATIONS):
        onward = [{"to": f"s{i + 2}", "share": PASS[i]}, {"lost": "drops out"}] if i < STATIONS - 1 else [{"done": True}]
        steps[f"s{i + 1}"] = {"work": {"law": "exponential", "mean": f"{24 / PACE[i]!r} h"}, "by": f"t{i + 1}", "patience": "none", "then": onward}
    return Scenario.parse(
        {"name": "tandem", "currency": "EUR", "clock": {"start": "2026-01-01", "horizon": "175 days", "warm_up": "25 days"}, "segments": {"all": {}},
         "teams": {f"t{i + 1}": {"size": TODAY[i], "cost": f"{PRICE[i]} EUR/hour"} for i in range(STATIONS)},
         "channels": {"in": {"enters": "s1", "segments": {"all": 1}, "arrivals": {"rate": f"{RATE} per day"}}}, "stages": {"line": {"steps": steps}},
         "levers": {f"staff {i + 1}": {"field": f"teams.t{i + 1}.size", "integer": [1, MOST]} for i in range(STATIONS)}}
    )  # fmt: skip


def monthly(hourly: float) -> float:
    return hourly * MONTH / HOUR


LIMIT = f"cost <= {monthly(BUDGET) * (1 + 1e-9)!r} EUR/month"


@dataclass(frozen=True)
class Outcome:
    """One macro-run."""

    regret: float
    replications: int
    stated: int
    """Further replications of the final comparison with today, which chooses nothing."""


def ours(seed: int) -> Outcome:
    """The product as it is."""
    best = ss.optimise(tandem(), objectives=["time_in_process"], limits=[LIMIT], seed=seed, workers=1, **SETTINGS)
    design = [best.scenario.teams[f"t{i + 1}"].size for i in range(STATIONS)]
    assert price(design) <= BUDGET + 1e-9 or not best.changed, design
    selected = best.selection.replications if best.selection is not None else 0
    return Outcome(truth(design) / optimum()[0] - 1, best.searched + selected, 2 * len(best.final.base.numbers))


SETTINGS: dict[str, Any] = {"trials": 6, "replications": 4, "final": 30}


def peer(replications: int) -> Callable[[int], Outcome]:
    """Plain Optuna with so many trials of one replication each."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def run(seed: int) -> Outcome:
        base = tandem()
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))

        def trial_of(trial: Any) -> float:
            design = [trial.suggest_int(f"c{i}", 1, MOST) for i in range(STATIONS)]
            over = max(0.0, price(design) - BUDGET)
            found = replicate(base.change({f"teams.t{i + 1}.size": c for i, c in enumerate(design)}), [seed * 10_000 + trial.number], seed=1, engine="compiled", workers=1)
            return float(found.values("time_in_process")[0]) * (1 + over / BUDGET) + (1000.0 * over / BUDGET)

        study.optimize(trial_of, n_trials=replications)
        design = [study.best_params[f"c{i}"] for i in range(STATIONS)]
        return Outcome(truth(design) / optimum()[0] - 1, replications, 0)

    return run


def check_figures() -> None:
    """The exact figures that are known from elsewhere."""
    best, design = optimum()
    assert design == (6, 7, 7, 7, 6, 5, 3), design
    assert abs(best - 5.6694) < 5e-5, best
    assert abs(price(design) - 79.3) < 1e-9, price(design)


def show(name: str, runs: list[Outcome], seconds: float) -> None:
    regret, spent = np.array([r.regret for r in runs]), np.array([r.replications for r in runs])
    print(
        f"{name:>14}: within 1 % in {np.sum(regret <= 0.01 + 1e-12)} of {len(runs)}, regret median {100 * np.median(regret):.2f} %, worst {100 * regret.max():.2f} %, "
        f"unstable {np.sum(~np.isfinite(regret))}; replications mean {spent.mean():.0f}, 95 % {np.quantile(spent, 0.95):.0f}, "
        f"and {np.mean([r.stated for r in runs]):.0f} to compare with today; {seconds / len(runs):.1f} CPU s a run",
        flush=True,
    )


def b1(macro_runs: int, peers: int) -> None:
    """Staffing a tandem under a budget."""
    check_figures()
    runs, since = [], time.process_time()
    for seed in range(macro_runs):
        runs.append(ours(seed))
        if seed % 10 == 9:
            show(f"{seed + 1} of {macro_runs}", runs, time.process_time() - since)
    show("salessim", runs, time.process_time() - since)
    same = round(float(np.mean([r.replications for r in runs])))
    for budget in (same, 300):
        since = time.process_time()
        show(f"Optuna, {budget}", [peer(budget)(seed) for seed in range(peers)], time.process_time() - since)


def volume(points: Sequence[tuple[float, float]], corner: tuple[float, float]) -> float:
    """The area that (cost, time) points dominate below a corner."""
    area, time_before = 0.0, corner[1]
    for cost, took in sorted(points):
        if cost < corner[0] and took < time_before:
            area += (corner[0] - cost) * (time_before - took)
            time_before = took
    return area


def b3(macro_runs: int) -> None:
    """Cost against time: the reported front by its true values, after 150 simulations at most."""
    exact = front()
    corner = price((MOST,) * STATIONS), truth(TODAY)
    whole = volume([(cost, took) for cost, took, _ in exact], corner)
    shares, dominated, spent = [], [], []
    since = time.process_time()
    for seed in range(macro_runs):
        best = ss.optimise(tandem(), objectives=["cost", "time_in_process"], seed=seed, workers=1, trials=70, replications=2, final=10)
        designs = [[best.trials[i].settings[f"staff {k + 1}"] for k in range(STATIONS)] for i in best.front]
        points = [(price(d), truth(d)) for d in designs]
        shares.append(volume(points, corner) / whole)
        dominated.append(float(np.mean([any(c <= p + 1e-9 and w < t - 1e-9 for c, w, _ in exact) for p, t in points])))
        spent.append(best.searched)
        print(f"  {seed + 1}: {shares[-1]:.4f} of the hypervolume, {100 * dominated[-1]:.0f} % of {len(points)} points truly dominated, {spent[-1]} replications", flush=True)
    print(
        f"B3: share of the exact hypervolume mean {np.mean(shares):.4f}, least {min(shares):.4f}; truly dominated mean {100 * np.mean(dominated):.1f} %; replications mean {np.mean(spent):.0f}; "
        f"{(time.process_time() - since) / macro_runs:.1f} CPU s a run"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["B1", "B3"])
    parser.add_argument("macro_runs", nargs="?", type=int, default=200)
    parser.add_argument("--peers", type=int, default=20, help="macro-runs of the peer")
    given = parser.parse_args()
    if given.which == "B1":
        b1(given.macro_runs, given.peers)
    else:
        b3(min(given.macro_runs, 20))


if __name__ == "__main__":
    main()
