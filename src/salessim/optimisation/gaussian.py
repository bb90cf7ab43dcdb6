"""Bayesian optimisation over options: a Gaussian process of the figures so far, and the option set that promises most.

Optuna's own needs PyTorch, a hundred times the size of this program; designs here are few and on a grid, which this page
of linear algebra is enough for.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import ndtr

SCALES = (0.15, 0.3, 0.6, 1.2)
NOISES = (1e-4, 1e-2, 1e-1, 0.5)
"""Length of correlation (in sides of the cube, per root of the dimension) and noise (in variances of the figures) that are tried."""
DRAWN = 400
"""Candidates at random, beside all that differ from the best designs in one lever."""
BEST = 4
MOST_TRIALS = 300
"""The latest trials only, beyond: the work grows with their third power."""


def propose(seen: Any, y: Any, seed: int) -> Any:
    """The options to try next.

    Args:
        seen: (options [trial, lever], number of options of each lever).
        y: objectives, less is better, shape [trial, objective]; several are weighted at random (ParEGO).
        seed: of this proposal.

    Source:
        Jones, Schonlau, Welch 1998 (expected improvement); Knowles 2006 (ParEGO); Rasmussen and Williams 2006, algorithm 2.1.
    """
    (options, sizes), rng = seen, np.random.default_rng(seed)
    options, y = options[-MOST_TRIALS:], y[-MOST_TRIALS:]
    target = _one(y, rng)
    candidates = _candidates(options, sizes, target, rng)
    if not len(candidates):
        return rng.integers(0, sizes)
    span = np.maximum(sizes - 1, 1) / np.sqrt(len(sizes))
    x, at = options / span, candidates / span
    spread = float(target.std()) or 1.0
    z = (target - target.mean()) / spread
    model = max((m for m in (_fit(x, z, s, v) for s, v in itertools.product(SCALES, NOISES)) if m is not None), key=lambda m: m[0], default=None)
    if model is None:
        return candidates[0]
    _, scale, factor = model
    cross = _matern(at, x, scale)
    mean = cross @ cho_solve(factor, z)
    variance = np.maximum(1e-12, 1.0 - np.sum(cross * cho_solve(factor, cross.T).T, axis=1))
    # Measured against the best of the smoothed figures: the least of noisy ones was lucky.
    gain = float((_matern(x, x, scale) @ cho_solve(factor, z)).min()) - mean
    deviation = np.sqrt(variance)
    u = gain / deviation
    return candidates[int(np.argmax(gain * ndtr(u) + deviation * np.exp(-u * u / 2.0) / math.sqrt(2.0 * math.pi)))]


def _one(y: Any, rng: Any) -> Any:
    """One target from the objectives; outliers, such as penalties, are drawn in to twice the range of the better half."""
    low = y.min(axis=0)
    high = low + 2.0 * np.maximum(np.median(y, axis=0) - low, 1e-12)
    unit = np.minimum(1.0, (y - low) / (high - low))
    if y.shape[1] == 1:
        return unit[:, 0]
    weights = rng.dirichlet(np.ones(y.shape[1]))
    return (weights * unit).max(axis=1) + 0.05 * (weights * unit).sum(axis=1)


def _candidates(options: Any, sizes: Any, target: Any, rng: Any) -> Any:
    """Designs that were not tried: at random, and all that differ from the best in one lever."""
    rows = [rng.integers(0, sizes, size=(DRAWN, len(sizes)))]
    for i in np.argsort(target, kind="stable")[:BEST]:
        for j, size in enumerate(sizes):
            near = np.repeat(options[i][None], size, axis=0)
            near[:, j] = np.arange(size)
            rows.append(near)
    tried = {tuple(row) for row in options.tolist()}
    fresh = [row for row in dict.fromkeys(map(tuple, np.concatenate(rows).tolist())) if row not in tried]
    return np.array(fresh).reshape(len(fresh), len(sizes))


def _fit(x: Any, z: Any, scale: float, noise: float) -> tuple[float, float, Any] | None:
    """(log of the marginal likelihood, scale, Cholesky factor); None where the matrix is singular."""
    try:
        factor = cho_factor(_matern(x, x, scale) + noise * np.eye(len(x)), lower=True)
    except LinAlgError:
        return None
    return float(-0.5 * z @ cho_solve(factor, z) - np.log(np.diag(factor[0])).sum()), scale, factor


def _matern(a: Any, b: Any, scale: float) -> Any:
    """Matern's covariance, smoothness 5/2, shape [a, b]."""
    squares = np.sum(a * a, axis=1)[:, None] + np.sum(b * b, axis=1)[None] - 2.0 * a @ b.T
    r = np.sqrt(5.0 * np.maximum(squares, 0.0)) / scale
    return (1.0 + r + r * r / 3.0) * np.exp(-r)
