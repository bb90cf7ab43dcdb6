"""How the next design is proposed: Optuna's samplers, seeded so that a proposal depends on the trials before it and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

STARTUP = 12
"""Trials drawn at random before any method learns from them."""


def sampler(seed: int, number: int, seen: int) -> Any:
    """The sampler that proposes one trial.

    A sampler keeps no state from trial to trial: a resumed search proposes what the uninterrupted one would have.

    Args:
        seed: of the search.
        number: of the trial.
        seen: how many trials are finished.
    """
    import optuna

    child = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if seen < STARTUP:
        return optuna.samplers.RandomSampler(seed=child)
    return optuna.samplers.TPESampler(seed=child, n_startup_trials=0, multivariate=True)
