"""The search itself: Optuna proposes, common random numbers compare, and `choice` decides on fresh seeds.

One coordinator owns the study and proposes trial after trial; workers only run replications. Trial k depends on the seed,
on k and on the trials before, so that a study that is gone on with proposes what it would have proposed.
All replications of a design run inside one trial; designs seen before are not run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.catalogue import catalogue
from salessim.errors import InputError, LimitReached, RunLost
from salessim.executors import local
from salessim.experiment import Simulating, Workers, check_seed, replicate, workers_of
from salessim.optimisation.best import Best, Trial
from salessim.optimisation.budget import Budget
from salessim.optimisation.choice import FINALISTS, FIRST, choose
from salessim.optimisation.evaluation import Evaluator, excess
from salessim.optimisation.limits import parse_limits
from salessim.optimisation.replications import Keeping
from salessim.optimisation.samplers import sampler
from salessim.optimisation.screen import Screen, begin_with
from salessim.optimisation.space import Settings, space_of
from salessim.optimisation.standing import standing
from salessim.optimisation.study import Study, Tell, open_study
from salessim.scenario.levers import in_words, propose

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def optimise(
    scenario: Scenario, *, levers: list[str] | None = None, objectives: Sequence[str] | None = None,
    limits: Mapping[str, str] | Sequence[str] = (), trials: int = 60, replications: int = 4, final: int = 60, indifference: float = 0.01, seed: int = 0,
    workers: Workers = None, progress: Callable[[int, int], None] | None = None, budget: Budget | None = None,
    folder: str | Path | None = None, resume: bool = False, anew: bool = False, tell: Tell = lambda _: None, standing_told: Tell | None = None,
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
        seed: the same seed gives the same answer, whatever the number and kind of workers.
        workers: how many threads, or who runs the replications: `Simulating` with an executor.
        progress: told (done, planned).
        budget: what the search may take; it ends at the border of a trial, and `Best.stopped` says so.
        folder: keeps the study, so that nothing is lost; the same study that is there already is gone on with. See `study`.
        resume: there must be a study in the folder.
        anew: a study in the folder is put aside.
        tell: told in sentences what is odd about a study that is gone on with.
        standing_told: told the best design so far, whenever there is a better one.

    Returns:
        Best: the design, its paired comparison with today, every trial and the front.

    Raises:
        InputError: an unknown lever, measure or limit; nothing to choose; a folder with another study, or that cannot be used.

    Example:
        >>> best = optimise(today, trials=40, seed=1, folder="study")  # doctest: +SKIP
    """
    check_seed(seed)
    known = catalogue(scenario)
    if trials < 1 or replications < 2 or final < 2:
        raise InputError("optimise", "too few trials or replications", "give at least 1 trial and 2 replications")
    bounds = parse_limits(limits, known)
    options = {
        "seed": seed, "replications": replications, "indifference": indifference, "objectives": None if objectives is None else list(objectives),
        "limits": [limit.words for limit in bounds], "levers": None if levers is None else sorted(levers),
    }  # fmt: skip
    asked = scenario
    no_levers = not scenario.levers
    if no_levers:
        proposed = {k: v.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for k, v in propose(scenario).items()}
        scenario = scenario.change({"levers": proposed})
    space = space_of(scenario, levers)
    for name in objectives or ():
        known.judged(name, f"objective {name!r}")
    with _opened(folder, asked, options, resume, anew, tell) as study, _simulating(workers) as inner:
        keeping = Keeping(inner, study.kept)
        objectives = tuple(_usual(scenario, replications, seed, keeping) if objectives is None else objectives)
        evaluate = Evaluator(space, objectives, bounds, replications, seed, keeping)
        evaluate.screen = screen = Screen(space, objectives, bounds)
        search = _Search(evaluate, study, keeping, budget or Budget(), 2 * final + FINALISTS * FIRST, standing_told)
        try:
            search.run(trials, progress)
            search.done = [evaluate.latest(trial) for trial in search.done]
            best = choose(evaluate, search.done, objectives, bounds, final, indifference, seed, keeping)
        finally:
            if study.folder is not None and search.done:
                from salessim.optimisation.dashboard import write_dashboard

                write_dashboard(study.folder / "optuna.log", scenario.name, search.done, search.asked, space.options, search.directions)
    return replace(best, proposed=no_levers, stopped=search.stopped, searched=evaluate.spent, screening=screen.screening(search.done))


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


@dataclass
class _Search:
    """The loop of asking and telling."""

    evaluate: Evaluator
    study: Study
    keeping: Keeping
    budget: Budget
    choosing: int
    """Replications that the choice may take."""
    told: Tell | None
    done: list[Trial] = field(default_factory=list)
    asked: list[dict[str, int]] = field(default_factory=list)
    """What was proposed: lever -> which of its options."""
    stopped: str = ""
    """Why it ended early."""

    @property
    def directions(self) -> dict[str, str]:
        """Objective -> Optuna's word for its better side."""
        known = catalogue(self.evaluate.space.scenario)
        return {n: "minimize" if known.about(n).direction == "lower is better" else "maximize" for n in self.evaluate.objectives}

    def run(self, trials: int, progress: Callable[[int, int], None] | None) -> None:
        """Look at so many designs, or at fewer if the budget ends."""
        import warnings

        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space, directions = self.evaluate.space, self.directions
        distributions = {n: optuna.distributions.IntDistribution(0, len(o) - 1) for n, o in space.options.items()}
        screen = self.evaluate.screen
        assert screen is not None
        starts: list[Settings] = [space.today]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(directions=list(directions.values()), sampler=optuna.samplers.RandomSampler(seed=self.evaluate.seed % 2**32))
            for number in range(trials):
                if number and self.budget.over(self.keeping.asked, self.keeping.ran, self.evaluate.replications, self.choosing):
                    self.stopped = f"The budget of {self.budget.words} ended the search after {number} of {trials} trials."
                    return
                if number == 1:
                    screen.calibrate(self.done[0].values)
                    starts += begin_with(screen, trials)
                record = self.study.trials.get(number)
                if record is not None:
                    study.enqueue_trial(record["asked"])
                elif number < len(starts):
                    study.enqueue_trial(space.indices(starts[number]))
                else:
                    # Seeded by (seed, trial), so that what is proposed depends on the trials before and nothing else.
                    study.sampler = sampler(self.evaluate.seed, number, len(self.done))
                asked = study.ask(distributions)
                settings = screen.decoded({n: space.options[n][asked.params[n]] for n in space.options})
                trial, failed = self._evaluated(number, settings, record)
                self.done.append(trial)
                self.asked.append(dict(asked.params))
                study.tell(asked, **_figures(trial, directions, 1.0 + excess(trial, self.evaluate.bounds)))
                if record is None:
                    self.study.finished(_record(trial, asked.params) | ({} if failed is None else {"failed": failed, "spent": self.evaluate.spent}))
                if self.told is not None and (words := standing(self.evaluate, self.study.kept, self.done)) is not None:
                    self.told(words)
                if progress:
                    progress(number + 1, trials)

    def _evaluated(self, number: int, settings: Settings, record: Mapping[str, Any] | None) -> tuple[Trial, str | None]:
        """What becomes of a trial; a design whose runs did not come back fails and the study goes on, also when it is gone on with."""
        failed = (record or {}).get("failed")
        if record is not None and failed is not None:
            self.evaluate.spent = record["spent"]
        if failed is None:
            try:
                return self.evaluate(number, settings), None
            except (RunLost, LimitReached) as wrong:
                if number == 0:  # without today's figures there is nothing to compare with
                    raise
                failed = f"its runs failed: {wrong.why if isinstance(wrong, RunLost) else wrong}"
        trial = Trial(number, settings, tuple(in_words(self.evaluate.space.scenario, settings, assumptions=True)), None, failed, False)
        self.evaluate.seen[self.evaluate.space.key(settings)] = trial
        return trial, failed


def _figures(trial: Trial, directions: Mapping[str, str], penalty: float) -> dict[str, Any]:
    """What Optuna is told: objectives, made worse where limits are broken; what does not exist is very bad."""
    import optuna

    if trial.values is None:
        return {"state": optuna.trial.TrialState.FAIL}
    values = [(d, _worsened(trial.values[n], d, penalty)) for n, d in directions.items()]
    return {"values": [v if math.isfinite(v) else (1e12 if d == "minimize" else -1e12) for d, v in values]}


def _usual(scenario: Scenario, replications: int, seed: int, workers: Workers) -> tuple[str, str]:
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


def _record(trial: Trial, asked: Mapping[str, int]) -> dict[str, Any]:
    """A finished trial as its line in the journal."""
    values = None if trial.values is None else {n: v if math.isfinite(v) else None for n, v in trial.values.items()}
    return {"trial": trial.number, "asked": dict(asked), "settings": trial.settings, "values": values, "refused": trial.refused, "feasible": trial.feasible}


__all__ = ["optimise"]
