"""Which design is recommended: finalists on seeds that the search never saw, and the comparison of the selected one with today."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.catalogue import catalogue
from salessim.experiment import Comparison, Results, Workers, merge, replicate
from salessim.ignorance import echo_all
from salessim.optimisation.best import Best, Trial
from salessim.optimisation.evaluation import Evaluator, pareto, signed
from salessim.optimisation.limits import Limit
from salessim.optimisation.selection import Selection, select

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

FRESH = 1_000_000
"""Replications from this number on are kept for the final comparison; the search uses those below."""
SELECTING = 2_000_000
"""Those from here on are for the selection: who won it would flatter itself in the same runs."""
FINALISTS = 10
FIRST, STEP = 10, 5
"""Replications before a finalist drops out, and between two looks."""
CONFIDENCE = 0.95
PRUNED = 3
"""Finalists whose changes that hardly help are taken back."""
ATTEMPTS = 3
"""Selected designs that may fail in the comparison with today."""


def choose(
    evaluate: Evaluator, done: list[Trial], objectives: tuple[str, ...], bounds: tuple[Limit, ...],
    final: int, indifference: float, seed: int, workers: Workers,
) -> Best:  # fmt: skip
    """Select among the best of the search, today and the cheapest; compare what is selected with today."""
    space = evaluate.space
    known = catalogue(space.scenario)
    distinct: dict[tuple[Any, ...], Trial] = {}
    for trial in done:
        distinct.setdefault(space.key(trial.settings), trial)
    able = [t for t in distinct.values() if t.values is not None and t.feasible]
    points = [signed(t.values, objectives, known) for t in able if t.values is not None]
    front = tuple(able[i].number for i in pareto(points))
    base = signed(done[0].values, objectives, known) if done[0].values else np.ones(len(objectives))
    scale = np.where(np.isfinite(base) & (base != 0), np.abs(base), 1.0)

    def gain(t: Trial) -> tuple[float, int]:
        """Mean relative improvement over today; among equals the design that changes less."""
        assert t.values is not None
        relative = (signed(t.values, objectives, known) - base) / scale
        return (float(np.mean(relative)) if np.isfinite(relative).all() else math.inf), len(t.words)

    today = space.scenario
    numbers = range(FRESH, FRESH + final)
    base_results = replicate(today, numbers, seed=seed, engine="compiled", workers=workers)
    ranked = sorted((t for t in able if t.words), key=gain)
    ranked = list({space.key(t.settings): t for t in (*(_pruned(evaluate, t, gain, indifference) for t in ranked[:PRUNED]), *ranked[PRUNED:FINALISTS], *_cheapest(ranked))}.values())
    runs = _Runs(evaluate, objectives, scale, seed, workers)
    finalists = [t for t in (*((done[0],) if done[0].feasible else ()), *ranked) if runs.may_win(t, bounds)]
    rejected = ""
    selection: Selection | None = None
    for attempt in range(ATTEMPTS):
        if not any(t.words for t in finalists):
            break
        found = select(runs.of(finalists), len(finalists), indifference, confidence=CONFIDENCE, first=FIRST, most=max(final, FIRST), step=STEP)
        selection = found if attempt == 0 else None  # who is selected after another has failed was not selected from all
        trial = finalists[found.winner]
        if not trial.words:
            rejected = rejected or f"Of {len(finalists)} finalists on {found.replications:,} fresh runs none is better than today by enough to matter."
            break
        assert trial.values is not None
        design = space.design(trial.settings, name=f"{today.name}, improved")
        comparison = Comparison((base_results, replicate(design, numbers, seed=seed, engine="compiled", workers=workers)))
        why = _why_not(comparison, objectives, bounds, indifference)
        if why is None:
            flattery = {n: trial.values[n] - comparison.results[1].estimate(n).value for n in objectives}
            return Best(design, today, trial.settings, trial.words, objectives, bounds, tuple(done), front,
                        echo_all(comparison, engine="compiled", workers=workers), flattery, space.possible, True, chosen=trial, selection=selection)  # fmt: skip
        rejected = rejected or f"Closest: {'; '.join(trial.words)}; but on fresh seeds {why}."
        finalists.pop(found.winner)
    same = Comparison((base_results, base_results))
    return Best(today, today, space.today, (), objectives, bounds, tuple(done), front, same,
                dict.fromkeys(objectives, 0.0), space.possible, False, rejected)  # fmt: skip


def _cheapest(trials: list[Trial]) -> list[Trial]:
    """The design that costs least, which may be good enough."""
    priced = [t for t in trials if t.values is not None and math.isfinite(t.values["cost"])]
    return [min(priced, key=lambda t: (t.values["cost"] if t.values else math.inf, t.number))] if priced else []


@dataclass
class _Runs:
    """Finalists on fresh seeds: their score in each replication, the mean relative improvement over today, less being better."""

    evaluate: Evaluator
    objectives: tuple[str, ...]
    scale: Any
    seed: int
    workers: Workers

    def __post_init__(self) -> None:
        self.known = catalogue(self.evaluate.space.scenario)
        self.done: dict[tuple[Any, ...], Results] = {}

    def of(self, finalists: list[Trial]) -> Callable[[int, range], Any]:
        """What `select` draws from."""
        return lambda i, numbers: self._score(finalists[i], numbers)

    def may_win(self, trial: Trial, bounds: tuple[Limit, ...]) -> bool:
        """Whether a design has all its figures and keeps its limits in the first fresh runs."""
        if not np.isfinite(self._score(trial, range(FIRST))).all():
            return False
        return all(limit.holds(self.done[self.evaluate.space.key(trial.settings)].estimate(limit.measure).value) for limit in bounds)

    def _score(self, trial: Trial, numbers: range) -> Any:
        key = self.evaluate.space.key(trial.settings)
        have = self.done.get(key)
        count = len(have.numbers) if have is not None else 0
        if numbers.stop > count:
            more = replicate(self._design(trial), range(SELECTING + count, SELECTING + numbers.stop), seed=self.seed, engine="compiled", workers=self.workers)
            self.done[key] = have = more if have is None else merge(have, more)
        assert have is not None
        signs = [1 if self.known.about(n).direction == "lower is better" else -1 for n in self.objectives]
        values = np.array([sign * have.values(n)[numbers.start : numbers.stop] for n, sign in zip(self.objectives, signs, strict=True)])
        score = np.mean(values / np.asarray(self.scale)[:, None], axis=0)
        return np.where(np.isfinite(score), score, np.inf)

    def _design(self, trial: Trial) -> Scenario:
        return self.evaluate.space.design(trial.settings)


def _pruned(evaluate: Evaluator, trial: Trial, gain: Callable[[Trial], tuple[float, int]], indifference: float) -> Trial:
    """The design without the changes that hardly help, as long as at most a quarter of its gain is given up in all.

    A search of many levers pulls some of them for nothing, by chance; what is recommended should be what works. The
    fresh seeds are not touched: this uses the same runs as the search.
    """
    least = gain(trial)[0] + min(indifference / 2, abs(gain(trial)[0]) / 4)
    while len(trial.words) > 1:
        pulled = [n for n, setting in trial.settings.items() if setting != evaluate.space.today[n]]
        less = [evaluate(trial.number, evaluate.space.repaired(trial.settings | {n: evaluate.space.today[n]})) for n in pulled]
        better = min((t for t in less if t.values is not None and t.feasible), key=gain, default=None)
        if better is None or gain(better)[0] > least:
            return trial
        trial = better
    return trial


def _why_not(comparison: Comparison, objectives: tuple[str, ...], bounds: tuple[Limit, ...], indifference: float) -> str | None:
    """Why a design is not recommended; None if it is."""
    known = comparison.catalogue
    for limit in bounds:
        value = comparison.results[1].estimate(limit.measure).value
        if not limit.holds(value):
            return f"it does not keep the limit: {limit.of.phrase} is {value:,.6g} {limit.of.unit}".rstrip()
    # At 99 %, because the best of several is looked at: what is recommended should still be better on other seeds.
    words = {n: comparison.word(n, level=0.99) for n in objectives}
    for name, word in words.items():
        if word == "worse":
            return f"{known.about(name).phrase} gets worse"
    sizes = {n: abs(comparison.difference(n).relative.value) for n, word in words.items() if word == "better"}
    if not sizes:
        return "nothing it aims at clearly gets better"
    largest = max(sizes, key=lambda n: sizes[n])
    if sizes[largest] < indifference:
        return f"{known.about(largest).phrase} gets better by {100 * sizes[largest]:.2g} % only"
    return None
