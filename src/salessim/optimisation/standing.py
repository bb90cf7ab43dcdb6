"""The best design so far, for whoever waits: said from the runs of the search, and so flattered."""

from __future__ import annotations

import numpy as np

from salessim.catalogue import catalogue
from salessim.optimisation.best import Trial
from salessim.optimisation.evaluation import Evaluator, signed
from salessim.optimisation.replications import Replications, design_key
from salessim.optimisation.said import size
from salessim.results import difference


def standing(evaluate: Evaluator, kept: Replications, done: list[Trial]) -> str | None:
    """A few words if the last trial is the best so far, with the paired interval of the first objective; None if it is not.

    Args:
        evaluate: knows the space and the objectives.
        kept: the replications of today and of the design.
        done: finished trials, today's process first.
    """
    able = [t for t in done if t.values is not None and t.feasible]
    if done[0].values is None or not able or not done[-1].words:
        return None
    known, objectives = catalogue(evaluate.space.scenario), evaluate.objectives
    base = signed(done[0].values, objectives, known)
    base = np.where(np.isfinite(base), base, 0.0)  # of what today has not, designs are compared with each other
    scale = np.where(base != 0, np.abs(base), 1.0)
    scores = [float(np.mean((signed(t.values, objectives, known) - base) / scale)) for t in able if t.values is not None]
    last = able[int(np.argmin(scores))]
    if last is not done[-1] or not min(scores) < 0:
        return None
    first = known.about(objectives[0])
    before, after = (kept.pairs(design_key(evaluate.space.design(s)), evaluate.seed, first.name) for s in (evaluate.space.today, last.settings))
    both = sorted(before.keys() & after.keys())
    if len(both) < 2:
        return None
    found = difference(first, np.array([before[n] for n in both]), np.array([after[n] for n in both]))
    return f"best so far: {first.phrase} {size(found.change.value)} {first.unit} ({size(found.change.low)} to {size(found.change.high)})"


__all__ = ["standing"]
