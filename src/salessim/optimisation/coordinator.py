"""The coordinator of a search: it owns the study, asks for trial after trial and tells what became of each; workers only run replications.

Trial k depends on the seed, on k and on the trials before, so that a study that is gone on with proposes what it would have
proposed. A trial that the journal knows is not proposed again, and its replications are not run again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salessim.catalogue import catalogue
from salessim.errors import LimitReached, RunLost
from salessim.optimisation.best import Trial
from salessim.optimisation.budget import Budget
from salessim.optimisation.evaluation import Evaluator, excess
from salessim.optimisation.limits import Limit
from salessim.optimisation.replications import Keeping
from salessim.optimisation.samplers import AUTO, sampler
from salessim.optimisation.screen import begin_with
from salessim.optimisation.space import Settings
from salessim.optimisation.standing import standing
from salessim.optimisation.study import Study, Tell
from salessim.scenario.levers import in_words

TOGETHER = 4
"""Trials that are proposed and run side by side, whatever the workers: enough for some of them, few enough for a method to learn."""


@dataclass
class Search:
    """The loop of asking and telling."""

    evaluate: Evaluator
    study: Study
    keeping: Keeping
    budget: Budget
    choosing: int
    """Replications that the choice may take."""
    told: Tell | None
    method: str = AUTO
    every: Sequence[Settings] = ()
    """All designs, if all are to be tried."""
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
            while len(self.done) < trials and not self.stopped:
                number = len(self.done)
                many = self._together(number, trials)
                if number == 1:
                    screen.calibrate(self.done[0].values)
                    starts += begin_with(screen, trials, self.every)
                    self.study.begins_with([space.indices(s) for s in starts])
                asked = []
                for k in range(number, number + many):
                    record = self.study.trials.get(k)
                    if record is not None:
                        study.enqueue_trial(record["asked"])
                    elif k < len(starts):
                        study.enqueue_trial(space.indices(starts[k]))
                    else:
                        # Seeded by (seed, trial), so that what is proposed depends on the trials before and nothing else.
                        study.sampler = sampler(self.evaluate.seed, k, number, self.method)
                    asked.append(study.ask(distributions))
                drawn = [{n: space.options[n][one.params[n]] for n in space.options} for one in asked]
                # Today's process is what it is, even if theory thinks that it could not keep up.
                settings = [space.today if not number else space.repaired(one) if self.every else screen.decoded(one) for one in drawn]
                for one, (trial, failed) in zip(asked, self._evaluated(number, settings), strict=True):
                    self.done.append(trial)
                    self.asked.append(dict(one.params))
                    study.tell(one, **figures(trial, directions, self.evaluate.bounds))
                    if trial.number not in self.study.trials:
                        self.study.finished(record_of(trial, one.params) | ({} if failed is None else {"failed": failed, "spent": self.evaluate.spent}))
                    if self.told is not None and (words := standing(self.evaluate, self.study.kept, self.done)) is not None:
                        self.told(words)
                    if progress:
                        progress(len(self.done), trials)

    def _together(self, done: int, trials: int) -> int:
        """How many trials are proposed and run side by side now; `stopped` says so if the budget ends the search with them.

        They do not know of each other, so that those that are left out may as well be run when the study is gone on with.
        """
        if not done:
            return 1  # today's process, on which all others depend
        most = min(trials, done + TOGETHER - done % TOGETHER) - done
        many = next((n for n in range(most, 0, -1) if self._fits(n)), 0)
        if many < most:
            self.stopped = self._ended(done + many, trials)
        return many

    def _fits(self, more: int) -> bool:
        return not self.budget.over(self.keeping.asked, self.keeping.ran, self.evaluate.replications * more, self.choosing)

    def _evaluated(self, first: int, settings: Sequence[Settings]) -> list[tuple[Trial, str | None]]:
        """What becomes of trials; a design whose runs did not come back fails and the study goes on, also when it is gone on with."""
        records = [self.study.trials.get(first + i) or {} for i in range(len(settings))]
        running = [(first + i, one) for i, one in enumerate(settings) if "failed" not in records[i]]
        found = iter(self.evaluate.attempted(running))
        result: list[tuple[Trial, str | None]] = []
        for i, (one, record) in enumerate(zip(settings, records, strict=True)):
            trial = None if "failed" in record else next(found)
            if isinstance(trial, Trial):
                result.append((trial, None))
                continue
            if trial is not None and first + i == 0:  # without today's figures there is nothing to compare with
                raise trial
            if trial is None:
                self.evaluate.spent = record["spent"]
            failed = why_failed(trial) if trial is not None else record["failed"]
            result.append((self.failed(first + i, one, failed), failed))
        return result

    def over(self, done: int, trials: int) -> bool:
        """Whether the budget ends the search here."""
        if not self._fits(1):
            self.stopped = self._ended(done, trials)
        return bool(self.stopped)

    def _ended(self, done: int, trials: int) -> str:
        return f"The budget of {self.budget.words} ended the search after {done} of {trials} trials."

    def failed(self, number: int, settings: Settings, why: str) -> Trial:
        """A trial whose runs did not come back; its design is not tried again."""
        trial = Trial(number, settings, tuple(in_words(self.evaluate.space.scenario, settings, assumptions=True)), None, why, False)
        self.evaluate.seen[self.evaluate.space.key(settings)] = trial
        return trial


def figures(trial: Trial, directions: Mapping[str, str], bounds: tuple[Limit, ...]) -> dict[str, Any]:
    """What Optuna is told: objectives, made worse where limits are broken; what does not exist is very bad."""
    import optuna

    if trial.values is None:
        return {"state": optuna.trial.TrialState.FAIL}
    penalty = 1.0 + excess(trial, bounds)
    values = [(d, _worsened(trial.values[n], d, penalty)) for n, d in directions.items()]
    return {"values": [v if math.isfinite(v) else (1e12 if d == "minimize" else -1e12) for d, v in values]}


def _worsened(value: float, direction: str, penalty: float) -> float:
    """An objective of a design that breaks limits, made worse by a factor; of a loss the direction is the other way round.

    Example:
        >>> _worsened(10.0, "minimize", 2.0), _worsened(10.0, "maximize", 2.0), _worsened(-10.0, "maximize", 2.0)
        (20.0, 5.0, -20.0)
    """
    return value * penalty if (direction == "minimize") == (value >= 0) else value / penalty


def record_of(trial: Trial, asked: Mapping[str, int]) -> dict[str, Any]:
    """A finished trial as its line in the journal."""
    values = None if trial.values is None else {n: v if math.isfinite(v) else None for n, v in trial.values.items()}
    return {"trial": trial.number, "asked": dict(asked), "settings": trial.settings, "values": values, "refused": trial.refused, "feasible": trial.feasible, "given_up": trial.given_up}


def why_failed(wrong: RunLost | LimitReached) -> str:
    """Why a trial failed."""
    return f"its runs failed: {wrong.why if isinstance(wrong, RunLost) else wrong}"


__all__ = ["Search", "figures", "record_of", "why_failed"]
