"""How the next design is proposed: THE list of methods, each a sampler of Optuna that keeps no state.

What is proposed depends on the seed, the number of the trial and the trials before it, and on nothing else: a search that
is gone on with proposes what the uninterrupted one would have. State that Optuna's own samplers keep in a study is
therefore worked out anew from its trials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from salessim.errors import InputError, nearest
from salessim.optimisation.gaussian import propose

STARTUP = 12
"""Trials before any method learns from them; those after the given starting designs are drawn at random."""
AUTO, ENUMERATION = "auto", "enumeration"
POPULATION = 16
"""Of the genetic algorithm: a third of a usual search, so that there are some generations."""


def sampler(seed: int, number: int, seen: int, method: str = "tpe", *, together: bool = False) -> Any:
    """The sampler that proposes one trial.

    Args:
        seed: of the search.
        number: of the trial.
        seen: how many trials are finished.
        method: one of `METHODS`; the designs of an enumeration are all listed beforehand.
        together: whether others propose meanwhile: TPE then keeps away from what is under way.
    """
    import optuna

    child = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if seen < STARTUP:
        return optuna.samplers.RandomSampler(seed=child)
    name = "tpe" if method in (AUTO, ENUMERATION) else method
    return _tpe(child, constant_liar=together) if name == "tpe" else _SAMPLERS[name](child)


def checked(method: str) -> str:
    """A method by its name.

    Raises:
        InputError: there is none of this name.
    """
    if method not in METHODS:
        raise InputError("method", f"there is no search method {method!r}", nearest(method, METHODS) or f"choose from {', '.join(METHODS)}")
    return method


def _random(seed: int) -> Any:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def _tpe(seed: int, *, constant_liar: bool = False) -> Any:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=True, constant_liar=constant_liar)


def _nsga2(seed: int) -> Any:
    """Optuna's genetic algorithm, its parents the elite of all trials so far instead of a generation that a study remembers."""
    import optuna

    class Elite(optuna.samplers.NSGAIISampler):  # type: ignore[misc]  # Optuna has no types here
        def get_trial_generation(self, study: Any, trial: Any) -> int:
            return 1

        def get_parent_population(self, study: Any, generation: int) -> list[Any]:
            return list(self._elite_population_selection_strategy(study, _finished(study)))

    return Elite(seed=seed, population_size=POPULATION)


def _cma_es(seed: int) -> Any:
    """The evolution strategy of Hansen, told the trials so far a generation at a time; several objectives by their mean rank."""
    from cmaes import CMA

    def ask(x: Any, y: Any) -> Any:
        if x.shape[1] < 2:  # it needs two dimensions
            return np.random.default_rng(seed).random(x.shape[1])
        n = x.shape[1]
        strategy = CMA(mean=np.full(n, 0.5), sigma=0.3, bounds=np.tile([0.0, 1.0], (n, 1)), seed=seed)
        size, ranks = strategy.population_size, np.argsort(np.argsort(y, axis=0, kind="stable"), axis=0).mean(axis=1)
        for at in range(0, len(x) - size + 1, size):
            strategy.tell([(x[i], float(ranks[i])) for i in range(at, at + size)])
        return strategy.ask()

    return _from(ask)


def _gp(seed: int) -> Any:
    """A Gaussian process and expected improvement: see `gaussian`."""
    return _from(lambda x, y: propose(x, y, seed), whole=True)


def _from(ask: Callable[..., Any], *, whole: bool = False) -> Any:
    """A sampler from a function of the trials so far: points in the unit cube and objectives, less being better.

    Args:
        ask: (x, y) -> a point; options of a lever divide its side evenly.
        whole: whether the function is given the number of options of each lever, too, and answers with options.
    """
    import optuna

    class Stateless(optuna.samplers.BaseSampler):  # type: ignore[misc]  # Optuna has no types here
        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            finished = _finished(study)
            return dict(finished[0].distributions) if finished else {}

        def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
            if not search_space:
                return {}
            names, sizes = list(search_space), np.array([d.high + 1 for d in search_space.values()])
            finished = _finished(study)
            options = np.array([[t.params[n] for n in names] for t in finished])
            signs = [1.0 if d == optuna.study.StudyDirection.MINIMIZE else -1.0 for d in study.directions]
            y = np.array([t.values for t in finished]) * signs
            if whole:
                chosen = ask((options, sizes), y)
            else:
                chosen = np.minimum((np.asarray(ask((options + 0.5) / sizes, y)) * sizes).astype(int), sizes - 1)
            return {n: int(i) for n, i in zip(names, chosen, strict=True)}

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return 0  # of a lever that no trial has: there is none

    return Stateless()


def _finished(study: Any) -> list[Any]:
    import optuna

    return [t for t in study.get_trials(deepcopy=False) if t.state == optuna.trial.TrialState.COMPLETE]


_SAMPLERS: dict[str, Callable[[int], Any]] = {"tpe": _tpe, "gp": _gp, "nsga2": _nsga2, "cma-es": _cma_es, "random": _random}
METHODS = (AUTO, *_SAMPLERS, ENUMERATION)
"""`auto` is enumeration where there are no more designs than trials, else `tpe`."""

__all__ = ["AUTO", "ENUMERATION", "METHODS", "checked", "sampler"]
