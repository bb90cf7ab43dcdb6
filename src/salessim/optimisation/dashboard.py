"""The trials as Optuna keeps them, so that optuna-dashboard and Optuna's own functions can read a study."""

from __future__ import annotations

import datetime as dt
import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from salessim.optimisation.best import Trial
from salessim.scenario.loader import write_whole

FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""When the first trial begins, by its file; each takes a second. When it really ran is no part of an answer."""


class _Lines(BaseJournalBackend):  # type: ignore[misc]  # Optuna's types are not looked into
    """A journal of Optuna in memory: its file is then written once and whole, not line by line with a lock for each."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += json.loads(json.dumps(logs))

    @property
    def told(self) -> list[dict[str, Any]]:
        """What is written: without the process that wrote it, so that the same study gives the same bytes."""
        return [log | {"worker_id": "salessim"} for log in self.logs]


def write_dashboard(path: Path, name: str, trials: Sequence[Trial], params: Sequence[Mapping[str, int]], options: Mapping[str, Sequence[Any]], directions: Mapping[str, str]) -> None:
    """Write trials as the journal of an Optuna study.

    Args:
        path: of the file; `optuna-dashboard FILE` opens it.
        name: of the study.
        trials: finished ones; those without figures become failed ones.
        params: of each trial, which option of each lever was proposed.
        options: lever -> its options.
        directions: objective -> "minimize" or "maximize".
    """
    backend = _Lines()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(study_name=name, storage=JournalStorage(backend), directions=list(directions.values()))
        study.set_metric_names(list(directions))
    distributions = {n: optuna.distributions.IntDistribution(0, len(o) - 1) for n, o in options.items()}
    for number, (trial, asked) in enumerate(zip(trials, params, strict=True)):
        values = [trial.values[n] for n in directions] if trial.values is not None else []
        whole = bool(values) and all(map(math.isfinite, values))
        figures = {n: v for n, v in (trial.values or {}).items() if math.isfinite(v)}
        frozen = optuna.trial.create_trial(
            state=optuna.trial.TrialState.COMPLETE if whole else optuna.trial.TrialState.FAIL,
            values=values if whole else None,
            params=dict(asked),
            distributions={n: distributions[n] for n in asked},
            user_attrs={"changes": list(trial.words), "keeps the limits": trial.feasible, "refused": trial.refused, **figures},
        )
        frozen.datetime_start, frozen.datetime_complete = (FIRST + dt.timedelta(seconds=number + k) for k in (0, 1))
        study.add_trial(frozen)
    write_whole(path, "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in backend.told))


__all__ = ["write_dashboard"]
