"""Optimisation against exact optima, beside plain Optuna: `python experiments/optimise_bench.py B1 [macro-runs]`; also B2, B3, B4.

Designs are judged by their true values (`known_optima`), never by a simulation. The peer is what a user of Optuna would
write: TPE on the raw space, a seed of its own for each trial, the budget as a penalty, and the best trial returned.
`--wrong 0.1` lets theory believe in work times that are up to 10 % off, each in its own way: what the search then finds
does not stand on an exact theory. `--law gamma --cv 0.5` gives B1 other work times, for which theory only approximates
(the true values then come from long simulations of the returned design and of the exponential optimum).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from known_optima import MOST, STATIONS, TODAY, Problem, b1, b2, b4, front, price, servers, tandem, truth

import salessim as ss
from salessim.experiment import replicate
from salessim.optimisation import screen
from salessim.optimisation.approximation import Approximation
from salessim.optimisation.space import space_of
from salessim.scenario.model import Scenario

FEW: dict[str, Any] = {"trials": 5, "replications": 4, "final": 30}
"""Settings of B1, where at most 150 replications are asked for; the other questions take the defaults."""


@dataclass(frozen=True)
class Outcome:
    """One macro-run."""

    regret: float
    replications: int
    stated: int
    """Further replications of the final comparison with today, which chooses nothing."""


def ours(problem: Problem, seed: int, settings: dict[str, Any]) -> Outcome:
    """The product as it is."""
    best = ss.optimise(problem.scenario(), objectives=[problem.objective], limits=[problem.limit], seed=seed, workers=1, **settings)
    assert problem.price(best.settings) <= problem.budget + 1e-9 or not best.changed, best.settings
    return Outcome(problem.truth(best.settings) / problem.best - 1, best.searched + best.choosing, 2 * len(best.final.base.numbers))


def peer(problem: Problem, replications: int) -> Callable[[int], Outcome]:
    """Plain Optuna with so many trials of one replication each."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = space_of(problem.scenario())

    def run(seed: int) -> Outcome:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
        tried: list[dict[str, Any]] = []

        def trial_of(trial: Any) -> float:
            settings = space.repaired({n: options[trial.suggest_int(n, 0, len(options) - 1)] for n, options in space.options.items()})  # some levers exclude each other
            tried.append(settings)
            over = max(0.0, problem.price(settings) / problem.budget - 1)
            found = replicate(space.design(settings), [seed * 10_000 + trial.number], seed=1, engine="compiled", workers=1)
            return float(found.values(problem.objective)[0]) * (1 + over) + 1000.0 * over

        study.optimize(trial_of, n_trials=replications)
        settings = tried[study.best_trial.number]
        # A design over the budget is not what was asked for, whatever it brings.
        regret = problem.truth(settings) / problem.best - 1 if problem.price(settings) <= problem.budget + 1e-9 else np.nan
        return Outcome(regret, replications, 0)

    return run


def show(name: str, runs: list[Outcome], seconds: float) -> None:
    regret, spent = np.array([r.regret for r in runs]), np.array([r.replications for r in runs])
    able = regret[~np.isnan(regret)]
    print(
        f"{name:>14}: within 1 % in {np.sum(able <= 0.01 + 1e-12)} of {len(runs)}, regret median {100 * np.median(able) if len(able) else np.nan:.2f} %, worst {100 * able.max() if len(able) else np.nan:.2f} %, "
        f"unstable {np.sum(np.isinf(able))}, over the budget {len(runs) - len(able)}; replications mean {spent.mean():.0f}, 95 % {np.quantile(spent, 0.95):.0f}, "
        f"and {np.mean([r.stated for r in runs]):.0f} to compare with today; {seconds / len(runs):.1f} CPU s a run",
        flush=True,
    )


@contextmanager
def wrong_by(most: float) -> Iterator[np.random.Generator]:
    """Theory is given work times that are off by up to a share, each step's in its own way; simulation is given the true ones."""
    draws = np.random.default_rng()
    real = screen.Approximation

    def off(scenario: Scenario) -> Approximation:
        found = real(scenario)
        by = {name: np.random.default_rng([draws.bit_generator.state["state"]["state"] % 2**32, i]).uniform(1 - most, 1 + most) for i, name in enumerate(sorted(scenario.steps))}
        found.tasks = tuple(replace(t, work=tuple(w * by[found.keys[t.at][0]] for w in t.work), square=tuple(w * by[found.keys[t.at][0]] ** 2 for w in t.square)) for t in found.tasks)
        return found

    screen.Approximation = off  # type: ignore[assignment, misc]  # a theory that errs stands in for ours
    try:
        yield draws
    finally:
        screen.Approximation = real  # type: ignore[misc]  # ours again


def against_optimum(problem: Problem, seeds: Sequence[int], peers: int, settings: dict[str, Any], wrong: float) -> None:
    """Macro-runs of the product and of the peer with as many replications."""
    runs, since = [], time.process_time()
    with wrong_by(wrong) if wrong else nullcontext() as draws:
        for seed in seeds:
            if draws is not None:
                draws.bit_generator.state = np.random.default_rng(seed).bit_generator.state
            runs.append(ours(problem, seed, settings))
            if len(runs) % 10 == 0:
                show(f"{len(runs)} of {len(seeds)}", runs, time.process_time() - since)
    show("salessim", runs, time.process_time() - since)
    same = round(float(np.mean([r.replications for r in runs])))
    for budget in (same, 2 * same) if peers else ():
        since = time.process_time()
        show(f"Optuna, {budget}", [peer(problem, budget)(seed) for seed in seeds[:peers]], time.process_time() - since)


LONG = 400
"""Replications that judge a design where no formula does."""


def other_law(seeds: Sequence[int], law: str, cv: float) -> None:
    """B1 with work times for which theory is not exact: the returned design against the one that theory for exponential times likes best, by long simulations."""
    problem = b1()
    problem = replace(problem, scenario=lambda: tandem(law, cv))
    exact = {f"staff {i + 1}": c for i, c in enumerate((6, 7, 7, 7, 6, 5, 3))}
    space, behind, spent, known = space_of(problem.scenario()), [], [], {}

    def long(settings: dict[str, Any]) -> Any:
        key = tuple(settings.values())
        if key not in known:
            known[key] = replicate(space.design(settings), range(5_000_000, 5_000_000 + LONG), seed=1, engine="compiled", workers=1).values("time_in_process")
        return known[key]

    for seed in seeds:
        best = ss.optimise(problem.scenario(), objectives=[problem.objective], limits=[problem.limit], seed=seed, workers=1, **FEW)
        gap = (long(best.settings) - long(exact)) / long(exact).mean()
        behind.append(float(gap.mean()))
        spent.append(best.searched + best.choosing)
    print(f"{law}, cv {cv:g}: against the exponential optimum median {100 * np.median(behind):+.2f} %, worst {100 * max(behind):+.2f} %; replications mean {np.mean(spent):.0f}, 95 % {np.quantile(spent, 0.95):.0f}")


def volume(points: Sequence[tuple[float, float]], corner: tuple[float, float]) -> float:
    """The area that (cost, time) points dominate below a corner."""
    area, time_before = 0.0, corner[1]
    for cost, took in sorted(points):
        if cost < corner[0] and took < time_before:
            area += (corner[0] - cost) * (time_before - took)
            time_before = took
    return area


def b3(seeds: Sequence[int], final: int) -> None:
    """Cost against time: the reported front by its true values, after 150 simulations; what the labels take on fresh seeds is told beside."""
    exact = front()
    corner = price((MOST,) * STATIONS), truth(TODAY)
    whole = volume([(cost, took) for cost, took, _ in exact], corner)
    shares, both, beaten, reported, spent, labelling = [], [], [], [], [], []
    since = time.process_time()
    for seed in seeds:
        best = ss.optimise(tandem(), objectives=["cost", "time_in_process"], seed=seed, workers=1, replications=2, final=final)
        points, unsure = ([(price(d), truth(d)) for d in (servers(best.trials[i].settings) for i in which)] for which in (best.front, best.undecided))
        shares.append(volume(points, corner) / whole)
        both.append(volume([*points, *unsure], corner) / whole)
        beaten.append(sum(any(c <= p + 1e-9 and w < t - 1e-9 for c, w, _ in exact) for p, t in points))
        reported.append(len(points))
        spent.append(best.searched)
        labelling.append(sum(len(s.against.results[1].numbers) for s in best.shown))
        print(f"  {seed}: {shares[-1]:.4f} of the hypervolume, {beaten[-1]} of {len(points)} points truly dominated ({len(unsure)} undecided; with them {both[-1]:.4f}), {spent[-1]} + {labelling[-1]} replications", flush=True)
    print(
        f"B3: share of the exact hypervolume mean {np.mean(shares):.4f}, least {min(shares):.4f} (with the undecided {np.mean(both):.4f}); truly dominated {sum(beaten)} of {sum(reported)}, {100 * sum(beaten) / max(1, sum(reported)):.1f} %; "
        f"replications of the search mean {np.mean(spent):.0f}, most {max(spent)}; of the labels mean {np.mean(labelling):.0f}; {(time.process_time() - since) / len(seeds):.1f} CPU s a run"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["B1", "B2", "B3", "B4"])
    parser.add_argument("macro_runs", nargs="?", type=int, default=60)
    parser.add_argument("--from", dest="begin", type=int, default=0, help="first seed")
    parser.add_argument("--peers", type=int, default=10, help="macro-runs of the peer")
    parser.add_argument("--wrong", type=float, default=0.0, help="share by which theory's work times may be off")
    parser.add_argument("--law", default="exponential", help="of the work times of B1")
    parser.add_argument("--cv", type=float, default=1.0, help="coefficient of variation of these")
    parser.add_argument("--final", type=int, default=60, help="replications of the final comparison in B3; the labels take up to twelve times as many")
    given = parser.parse_args()
    seeds = range(given.begin, given.begin + given.macro_runs)
    if given.which == "B3":
        b3(seeds, given.final)
    elif given.law != "exponential":
        other_law(seeds, given.law, given.cv)
    else:
        problem = {"B1": b1, "B2": b2, "B4": b4}[given.which]()
        against_optimum(problem, seeds, given.peers, FEW if given.which == "B1" else {}, given.wrong)


if __name__ == "__main__":
    main()
