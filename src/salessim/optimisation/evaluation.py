"""Designs simulated, each once, and ranked; the hopeless are refused before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.catalogue import Catalogue
from salessim.errors import InputError
from salessim.experiment import Results, replicate
from salessim.optimisation.best import Trial
from salessim.optimisation.limits import Limit
from salessim.optimisation.space import Settings, Space, refused, relief_of
from salessim.scenario.levers import in_words

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


@dataclass
class Evaluator:
    """Simulates designs, each once; refuses the hopeless before."""

    space: Space
    objectives: tuple[str, ...]
    bounds: tuple[Limit, ...]
    replications: int
    seed: int
    workers: int
    seen: dict[tuple[Any, ...], Trial] = field(default_factory=dict)
    relief: Mapping[str, float] = field(default_factory=dict)
    """See `space.relief_of`: known once today's process, which is the first trial, has been simulated."""

    def __call__(self, number: int, settings: Settings) -> Trial:
        """What becomes of a design: its figures, or why it is refused."""
        key = self.space.key(settings)
        words = tuple(in_words(self.space.scenario, settings, assumptions=True))
        if key in self.seen:
            known = self.seen[key]
            return Trial(number, settings, words, known.values, known.refused, known.feasible)
        try:
            design = self.space.design(settings)
        except InputError as wrong:  # levers that exclude each other
            self.seen[key] = trial = Trial(number, settings, words, None, f"{wrong.problem}", False)
            return trial
        why = None if settings == self.space.today else refused(design, self.relief)
        if why is not None:
            self.seen[key] = trial = Trial(number, settings, words, None, why, False)
            return trial
        results = self.run(design)
        if settings == self.space.today:
            self.relief = relief_of(results)
        values = {n: results.estimate(n).value for n in dict.fromkeys([*self.objectives, "cost"])} | {limit.key: limit.figure(results) for limit in self.bounds}
        feasible = all(limit.holds(values[limit.key]) for limit in self.bounds)
        self.seen[key] = trial = Trial(number, settings, words, values, None, feasible)
        return trial

    def run(self, design: Scenario) -> Results:
        """The same replications for every design, so that designs meet the same customers."""
        return replicate(design, range(self.replications), seed=self.seed, engine="compiled", workers=self.workers)


def excess(trial: Trial, bounds: tuple[Limit, ...]) -> float:
    """By how much of the bounds a design breaks its limits, in all."""
    if trial.values is None:
        return math.inf
    return min(1e6, sum(limit.excess(trial.values[limit.key]) for limit in bounds))


def signed(values: Mapping[str, float], objectives: tuple[str, ...], known: Catalogue) -> Any:
    """Objectives so that less is better; what does not exist is worst."""
    signs = [1 if known.about(n).direction == "lower is better" else -1 for n in objectives]
    raw = np.array([s * values[n] for n, s in zip(objectives, signs, strict=True)])
    return np.where(np.isfinite(raw), raw, np.inf)


def pareto(points: Sequence[Any]) -> list[int]:
    """Indices of the points that no other point beats: less is better in every column."""
    return [
        i
        for i, p in enumerate(points)
        if not any((q <= p).all() and (q < p).any() for j, q in enumerate(points) if j != i)
    ]
