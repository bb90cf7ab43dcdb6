"""The search itself: Optuna proposes, common random numbers compare, and `choice` decides on fresh seeds.

All replications of a design run inside one trial; designs seen before are not run again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from salessim.catalogue import catalogue
from salessim.errors import InputError
from salessim.experiment import check_seed, replicate, workers_of
from salessim.optimisation.best import Best, Trial
from salessim.optimisation.choice import choose
from salessim.optimisation.evaluation import Evaluator, excess
from salessim.optimisation.limits import parse_limits
from salessim.optimisation.samplers import AUTO, checked, sampler
from salessim.optimisation.screen import Screen, begin_with, listed
from salessim.optimisation.space import Settings, space_of
from salessim.scenario.levers import propose

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def optimise(
    scenario: Scenario, *, levers: list[str] | None = None, objectives: Sequence[str] | None = None,
    limits: Mapping[str, str] | Sequence[str] = (), trials: int = 60, replications: int = 4, final: int = 60, indifference: float = 0.01, seed: int = 0,
    method: str = AUTO, workers: int | None = None, progress: Callable[[int, int], None] | None = None, journal: Path | None = None,
) -> Best:  # fmt: skip
    """Search the levers of a scenario for a better design.

    Args:
        scenario: declares the levers; without any, staffing and automation are proposed (marked as assumptions).
        levers: names of those to use; all by default.
        objectives: measures, built-in or the scenario's own, each taken in the direction in which it is better; by default the
            time to win and lost customers. Where customers come again it is the time of first deals: a mean over both kinds
            falls as soon as more come again.
        limits: {"cost": "<= 90000 EUR/month"} or ["cost <= 90000 EUR/month", "win_rate >= 10 %"]; a design that breaks
            one is not recommended.
        trials: designs to look at.
        replications: of each design in the search.
        final: replications on fresh seeds for the recommended design and for doing nothing.
        indifference: a design must improve some objective by at least this share of today's figure to be recommended:
            a difference can be certain and still not be worth a change.
        method: one of `samplers.METHODS`; by default all designs are tried if there are no more than trials, else Optuna's TPE proposes.
        seed: the same seed gives the same answer, whatever the number of workers.
        progress: told (done, planned).
        journal: a file that is begun anew and gets a line for each finished trial, so that nothing is lost.

    Returns:
        Best: the design, its paired comparison with today, every trial and the front.

    Raises:
        InputError: an unknown lever, measure or limit; nothing to choose.
    """
    import optuna

    check_seed(seed)
    checked(method)
    known = catalogue(scenario)
    objectives = _usual(scenario, replications, seed, workers) if objectives is None else objectives
    better = {name: known.judged(name, f"objective {name!r}").direction for name in objectives}
    if trials < 1 or replications < 2 or final < 2:
        raise InputError("optimise", "too few trials or replications", "give at least 1 trial and 2 replications")
    no_levers = not scenario.levers
    if no_levers:
        proposed = {k: v.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for k, v in propose(scenario).items()}
        scenario = scenario.change({"levers": proposed})
    bounds = parse_limits(limits, known)
    space = space_of(scenario, levers)
    every = listed(space, method, trials)
    trials = min(trials, len(every) or trials)
    if journal is not None:
        journal.unlink(missing_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directions = ["minimize" if better[n] == "lower is better" else "maximize" for n in objectives]
    evaluate = Evaluator(space, tuple(objectives), bounds, replications, seed, workers_of(workers))
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=seed % 2**32))
    done: list[Trial] = []
    evaluate.screen = screen = Screen(space, tuple(objectives), bounds)
    starts: list[Settings] = [space.today]
    for number in range(trials):
        if number == 1:
            screen.calibrate(done[0].values)
            starts += begin_with(screen, trials, every)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # Seeded by (seed, trial), so that what is proposed depends on the trials before and nothing else.
            study.sampler = sampler(seed, number, len(done), "tpe" if method == AUTO else method)
        if number < len(starts):
            study.enqueue_trial(space.indices(starts[number]))
        asked = study.ask({n: optuna.distributions.IntDistribution(0, len(o) - 1) for n, o in space.options.items()})
        settings = screen.decoded({n: space.options[n][asked.params[n]] for n in space.options})
        trial = evaluate(number, settings)
        done.append(trial)
        broken = excess(trial, bounds)
        if trial.values is None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            values = [_worsened(trial.values[n], d, 1.0 + broken) for n, d in zip(objectives, directions, strict=True)]
            study.tell(asked, [v if math.isfinite(v) else (1e12 if d == "minimize" else -1e12) for v, d in zip(values, directions, strict=True)])
        if journal is not None:
            _append(journal, trial)
        if progress:
            progress(number + 1, trials)
    done = [evaluate.latest(trial) for trial in done]
    best = choose(evaluate, done, tuple(objectives), bounds, final, indifference, seed, workers)
    return replace(best, proposed=no_levers, searched=evaluate.spent, screening=screen.screening(done))


def _usual(scenario: Scenario, replications: int, seed: int, workers: int | None) -> tuple[str, str]:
    """The objectives if nobody names any."""
    again = any(step.spawns for step in scenario.steps.values()) and replicate(scenario, max(2, replications), seed=seed, workers=workers).has_repeats
    return ("cycle_time_first" if again else "cycle_time"), "lost_customers"


def _worsened(value: float, direction: str, penalty: float) -> float:
    """An objective of a design that breaks limits, made worse by a factor; of a loss the direction is the other way round.

    Example:
        >>> _worsened(10.0, "minimize", 2.0), _worsened(10.0, "maximize", 2.0), _worsened(-10.0, "maximize", 2.0)
        (20.0, 5.0, -20.0)
    """
    return value * penalty if (direction == "minimize") == (value >= 0) else value / penalty


def _append(journal: Path, trial: Trial) -> None:
    """One line per finished trial; a line that a crash cut short is dropped by whoever reads it."""
    values = None if trial.values is None else {n: v if math.isfinite(v) else None for n, v in trial.values.items()}
    line = json.dumps(
        {"trial": trial.number, "settings": trial.settings, "values": values, "refused": trial.refused, "feasible": trial.feasible},
        ensure_ascii=False, allow_nan=False,
    )  # fmt: skip
    with journal.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


__all__ = ["optimise"]
