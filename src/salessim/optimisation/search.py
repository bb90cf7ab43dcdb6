"""The search itself: Optuna proposes, common random numbers compare, and `choice` decides on fresh seeds.

All replications of a design run inside one trial; designs seen before are not run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.catalogue import Catalogue, catalogue
from salessim.errors import InputError
from salessim.executors import local
from salessim.experiment import Simulating, Workers, check_seed, replicate, workers_of
from salessim.optimisation.best import Best, Trial
from salessim.optimisation.budget import Budget
from salessim.optimisation.choice import FINALISTS, FIRST, choose
from salessim.optimisation.coordinator import Search
from salessim.optimisation.evaluation import Evaluator
from salessim.optimisation.idle import idle_levers
from salessim.optimisation.limits import parse_limits
from salessim.optimisation.replications import Keeping
from salessim.optimisation.robust import Future, outlook
from salessim.optimisation.samplers import AUTO, checked
from salessim.optimisation.screen import Screen, listed
from salessim.optimisation.shared import search_shared
from salessim.optimisation.space import space_of
from salessim.optimisation.study import Study, Tell, open_study, what_was_asked
from salessim.scenario.levers import propose

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def optimise(
    scenario: Scenario, *, levers: list[str] | None = None, objectives: Sequence[str] | None = None,
    limits: Mapping[str, str] | Sequence[str] = (), trials: int = 60, replications: int = 4, final: int = 60, indifference: float = 0.01, seed: int = 0,
    futures: Sequence[str | Future] = (), robust: str = "mean",
    method: str = AUTO, workers: Workers = None, progress: Callable[[int, int], None] | None = None, budget: Budget | None = None,
    folder: str | Path | None = None, resume: bool = False, anew: bool = False, storage: str | None = None, study_name: str | None = None,
    tell: Tell = lambda _: None, standing_told: Tell | None = None,
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
        futures: ways that demand, or anything, may turn out, such as "boom, 30 %: channels.web.arrivals.rate = 90 per week"; what weight they leave is that of the scenario as it is.
        robust: "mean" over all runs, or "cvar:20%" for the mean of the worst 20 % of them.
        method: one of `samplers.METHODS`; by default all designs are tried if there are no more than trials, else Optuna's TPE proposes.
        seed: the same seed gives the same answer, whatever the number and kind of workers.
        workers: how many threads, or who runs the replications: `Simulating` with an executor.
        progress: told (done, planned).
        budget: what the search may take; it ends at the border of a trial, and `Best.stopped` says so.
        folder: keeps the study, so that nothing is lost; the same study that is there already is gone on with. See `study`.
        resume: there must be a study in the folder.
        anew: a study in the folder is put aside.
        storage: a PostgreSQL database in which several independent searches share their trials, such as
            "postgresql://planner@host/studies"; which designs are tried then depends on who is done first. See `shared`.
        study_name: of the study in the database; by default the name of the scenario.
        tell: told in sentences what is odd about a study that is gone on with.
        standing_told: told the best design so far, whenever there is a better one.

    Returns:
        Best: the design, its paired comparison with today, every trial and the front.

    Raises:
        InputError: an unknown lever, measure or limit; nothing to choose; an objective that no design has; a folder with another study, or that cannot be used.

    Example:
        >>> best = optimise(today, trials=40, seed=1, folder="study")  # doctest: +SKIP
    """
    check_seed(seed)
    checked(method)
    known = catalogue(scenario)
    if trials < 1 or replications < 2 or final < 2:
        raise InputError("optimise", "too few trials or replications", "give at least 1 trial and 2 replications")
    bounds = parse_limits(limits, known)
    ahead = outlook(scenario, futures, robust)
    options = {
        "seed": seed, "replications": replications, "indifference": indifference, "objectives": None if objectives is None else list(objectives),
        "limits": [limit.words for limit in bounds], "levers": None if levers is None else sorted(levers), "method": method,
        "futures": [[f.name, f.weight, dict(f.changes)] for f in ahead.futures], "robust": robust,
    }  # fmt: skip
    asked = scenario
    no_levers = not scenario.levers
    if no_levers:
        proposed = {k: v.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for k, v in propose(scenario).items()}
        if not proposed:
            raise InputError(scenario.name, "it declares no levers, and none can be proposed: no work takes time in it, so more people or a system would change nothing", "write levers under 'levers:', such as one that shortens a wait")
        scenario = scenario.change({"levers": proposed})
    space = space_of(scenario, levers, ahead)
    every = listed(space, method, trials)
    trials = min(trials, len(every) or trials)
    for name in objectives or ():
        known.judged(name, f"objective {name!r}")
    with _opened(folder, asked, options, resume, anew, tell) as study, _simulating(workers) as inner:
        keeping = Keeping(inner, study.kept)
        objectives = tuple(_usual(scenario, replications, seed, keeping) if objectives is None else objectives)
        evaluate = Evaluator(space, objectives, bounds, replications, seed, keeping)
        evaluate.screen = screen = Screen(space, objectives, bounds, executor=inner.executor if isinstance(inner, Simulating) else None)
        search = Search(evaluate, study, keeping, budget or Budget(), 2 * final + FINALISTS * FIRST, standing_told, method, every)
        try:
            if storage is None:
                search.run(trials, progress)
            else:
                search_shared(search, storage, study_name or scenario.name, what_was_asked(asked, options), trials, progress)
            search.done = [evaluate.latest(trial) for trial in search.done]
            _there(search.done, objectives, known)
            best = choose(evaluate, search.done, objectives, bounds, final, indifference, seed, keeping)
        finally:
            if study.folder is not None and search.done:
                from salessim.optimisation.dashboard import write_dashboard

                write_dashboard(study.folder / "optuna.log", scenario.name, search.done, search.asked, space.options, search.directions)
    return replace(best, proposed=no_levers, stopped=search.stopped, idle=idle_levers(evaluate, search.done), screening=screen.screening(search.done))


@contextmanager
def _opened(folder: str | Path | None, scenario: Scenario, options: Mapping[str, Any], resume: bool, anew: bool, tell: Tell) -> Iterator[Study]:
    with Study() if folder is None else open_study(folder, scenario, options, resume=resume, anew=anew, tell=tell) as study:
        yield study


@contextmanager
def _simulating(workers: Workers) -> Iterator[Any]:
    """Who runs the replications; workers that were started here are let go."""
    if workers is None or isinstance(workers, int):
        with local(workers_of(workers), "compiled") as executor:
            yield Simulating(executor)
    else:
        yield workers


def _there(done: Sequence[Trial], objectives: Sequence[str], known: Catalogue) -> None:
    """Raise InputError where no design has an objective: then none is better than another, and to change nothing would be no advice."""
    values = [t.values for t in done if t.values is not None]
    for name in objectives:
        if values and not any(math.isfinite(found[name]) for found in values):
            of = known.about(name)
            raise InputError(f"objective {name!r}", f"none of the {len(values)} designs that were simulated has a {of.phrase} ({of.explain})", "choose another objective, run longer (clock.horizon), or check what the scenario's cases end in")


def _usual(scenario: Scenario, replications: int, seed: int, workers: Workers) -> tuple[str, str]:
    """The objectives if nobody names any."""
    again = any(step.spawns for step in scenario.steps.values()) and replicate(scenario, max(2, replications), seed=seed, workers=workers).has_repeats
    return ("cycle_time_first" if again else "cycle_time"), "lost_customers"


__all__ = ["optimise"]
