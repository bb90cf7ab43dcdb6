"""How long customers wait for people before they leave: told, silent, or not known to have left.

A wait ends in one of four ways. Served: the customer would have waited at least so long. Left and told: exactly so
long. Found gone when people took the case up at last: at most so long. Still waiting when the log ends: at least so
long, or gone without a word. All four enter one likelihood; leaving out the served, as a mean of the waits of those who
left does, takes impatience for the rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from salessim.calibration import laws
from salessim.calibration.estimates import WIDEST, error_of_mean
from salessim.calibration.history import gave_up, seconds
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.survival import kaplan_meier

SERVED, TOLD, FOUND, WAITS = range(4)
"""How a wait ended."""
LEAST_FOR_SHAPE = 20
"""Leavers from which a second parameter is tried: below, its standard error (0.78 / sqrt(n), Lawless 2003) is beyond a sixth."""
FOLDS = 5
LEAST_FOUND = 10
"""Attempts in vain from which silent leaving is believed at all."""
SURER = 3.0
"""Of the logarithm of the likelihood: leaving explains who was not there twenty times as well as a chance that does not grow with the wait."""
STEPS = 500
"""Of the EM algorithm at most; each adds likelihood."""


@dataclass(frozen=True)
class Patience:
    """What the waits at a step tell of the patience there."""

    law: dict[str, Any]
    """In the language of scenarios."""
    mean: float
    """Seconds."""
    error: float
    """Relative standard error of the mean."""
    left: int
    """Cases that are known to have left."""
    silent: float
    """Of those who leave, so many do so without a word."""


def fit(waits: Any, ended: Any, case: Any) -> Patience | None:
    """The law of patience behind some waits; None if nobody left.

    Exponential, unless Weibull foretells waits that it was not fitted to better, by more than the standard error of the difference.

    Args:
        waits: seconds, shape [n].
        ended: SERVED, TOLD, FOUND or WAITS, shape [n].
        case: whose wait it is: visits of one case are not independent.

    Source:
        EM for silent leavers: Castellanos, Yom-Tov and Goldberg (2023), Silent Abandonment in Contact Centers; one
        standard error: Breiman et al. (1984), 3.4.3.

    Example:
        >>> found = fit([60.0] * 90 + [30.0] * 10, [SERVED] * 90 + [TOLD] * 10, range(100))
        >>> found.law["mean"], round(found.mean)  # (90 x 60 s + 10 x 30 s) / 10
        ('9.5 min', 570)
    """
    w, e, case = np.maximum(np.asarray(waits, float), 0.0), np.asarray(ended), np.asarray(case)
    told, found = int((e == TOLD).sum()), int((e == FOUND).sum())
    left = told + found
    if not left or w.sum() <= 0:
        return None
    silent = found / left
    mean = _exponential(w, e, silent)
    shape = 1.0
    note = f"data: {left:,} of {len(w):,} left, the others censored" + (f"; {found:,} of them were found gone" if found else "")
    if left >= LEAST_FOR_SHAPE and _asks_for_shape(w, e, case, silent):
        scale, shape = _weibull(w, e, silent)
        mean = scale * math.gamma(1 + 1 / shape)
        law = {"law": "weibull", "scale": laws.in_words(scale), "shape": round(shape, 4)}
        error = _error_of_weibull(w, e, silent, scale, shape)
    else:
        scale = max(60.0, mean)
        law = {"law": "exponential", "mean": laws.in_words(scale)}
        error = _error_of_exponential(w, e, case, silent, mean)
    if not found:
        note += f"; largest distance from Kaplan-Meier {_distance(w, e == TOLD, scale, shape):.3f}"
    law |= {"source": note, "assumption": f"{law['law']} beyond {laws.roughly(float(w.max()))}, the longest wait"}
    return Patience(law, max(60.0, mean) if shape == 1 else mean, error, left, silent)


def _hazard(w: Any, scale: float, shape: float) -> Any:
    return np.minimum((w / scale) ** shape, 700.0)


def _loglik(w: Any, e: Any, silent: float, scale: float, shape: float) -> Any:
    """Of each wait; how a leaver tells it is left out, which does not depend on the law."""
    w = np.maximum(w, 1e-3)
    h = _hazard(w, scale, shape)
    gone = -np.expm1(-h)
    density = math.log(shape / scale) + (shape - 1) * np.log(w / scale) - h
    return np.select([e == TOLD, e == FOUND, e == WAITS], [density, np.log(np.maximum(gone, 1e-300)), np.log1p(-(1 - silent) * gone)], -h)


def _exponential(w: Any, e: Any, silent: float) -> float:
    """The mean in seconds, by EM where it is not known when somebody left."""
    sure = e == TOLD
    mean = float(w.sum()) / max(1, int((sure | (e == FOUND)).sum()))
    if not silent:
        return mean
    maybe = (e == FOUND) | (e == WAITS)
    v = np.maximum(w[maybe], 1e-3)
    for _ in range(STEPS):
        h = np.minimum(v / mean, 700.0)
        gone = -np.expm1(-h)
        left = np.where(e[maybe] == FOUND, 1.0, silent * gone / (1 - (1 - silent) * gone))
        until = mean - v * np.exp(-h) / gone  # expected patience of who left within the wait
        better = (float(w[~maybe].sum()) + float(np.sum(left * until + (1 - left) * v))) / (float(sure.sum()) + float(left.sum()))
        if abs(better - mean) < 1e-9 * mean:
            break
        mean = better
    return better


def _weibull(w: Any, e: Any, silent: float) -> tuple[float, float]:
    """Scale in seconds and shape."""
    start = math.log(_exponential(w, e, silent))
    found = optimize.minimize(lambda p: -float(np.sum(_loglik(w, e, silent, math.exp(p[0]), math.exp(p[1])))), [start, 0.0], method="Nelder-Mead", bounds=[(start - 7, start + 7), (-2.3, 2.3)])
    return math.exp(found.x[0]), math.exp(found.x[1])


def _asks_for_shape(w: Any, e: Any, case: Any, silent: float) -> bool:
    """Whether Weibull foretells left-out cases better than exponential by more than the standard error of that."""
    _, cluster = np.unique(case, return_inverse=True)
    fold = np.random.default_rng(0).permutation(int(cluster.max()) + 1)[cluster] % FOLDS
    gain = np.zeros(len(w))
    for k in range(FOLDS):
        out = fold == k
        if not ((e == TOLD) | (e == FOUND))[~out].any() or not out.any():
            return False
        plain = _exponential(w[~out], e[~out], silent)
        gain[out] = _loglik(w[out], e[out], silent, *_weibull(w[~out], e[~out], silent)) - _loglik(w[out], e[out], silent, plain, 1.0)
    each = np.bincount(cluster, gain)
    return bool(each.sum() > max(1.0, math.sqrt(len(each)) * each.std()))  # and by no less than AIC's price of a parameter


def _error_of_exponential(w: Any, e: Any, case: Any, silent: float, mean: float) -> float:
    if not silent:
        return error_of_mean(w, e == TOLD, case)
    return _from_curvature(lambda p: -float(np.sum(_loglik(w, e, silent, math.exp(p[0]), 1.0))), [math.log(mean)], [1.0])


def _error_of_weibull(w: Any, e: Any, silent: float, scale: float, shape: float) -> float:
    """By the delta method: log mean = log scale + log gamma(1 + 1 / shape)."""
    slope = -float(special.digamma(1 + 1 / shape)) / shape
    return _from_curvature(lambda p: -float(np.sum(_loglik(w, e, silent, math.exp(p[0]), math.exp(p[1])))), [math.log(scale), math.log(shape)], [1.0, slope])


def _from_curvature(negative: Any, at: list[float], slopes: list[float]) -> float:
    """The standard error of a linear function of parameters, from the observed information."""
    n, step = len(at), 1e-3
    unit = np.eye(n) * step
    x = np.array(at)
    information = np.array([[(negative(x + a + b) - negative(x + a - b) - negative(x - a + b) + negative(x - a - b)) / (4 * step * step) for b in unit] for a in unit])
    try:
        variance = float(np.array(slopes) @ np.linalg.solve(information, np.array(slopes)))
    except np.linalg.LinAlgError:
        return WIDEST
    return min(WIDEST, math.sqrt(variance)) if variance > 0 else WIDEST


def _distance(w: Any, left: Any, scale: float, shape: float) -> float:
    """Largest distance of a law from Kaplan-Meier where at least twenty still wait."""
    at, survival, _ = kaplan_meier(w, left)
    solid = len(w) - np.searchsorted(np.sort(w), at) >= 20
    return float(np.max(np.abs(np.exp(-_hazard(at[solid], scale, shape)) - survival[solid]), initial=0.0))


def found_gone(frame: pd.DataFrame) -> pd.Series:
    """Visits that people began and found nobody.

    Sure where the log says "gave up" of a visit that had begun. Of a visit that was lost for a reason it is inferred: such
    visits are surely shorter than the step's others, and how often they come grows with the wait as leaving would make it
    and is nothing without a wait; a reason that is given after talking comes whatever the wait.

    Args:
        frame: of a log in which it is known since when cases wait.
    """
    result = pd.Series(data=False, index=frame.index)
    begun = frame["started"].notna() & frame["ended"].notna() & (frame["person"] != "") & ~frame["step"].isin([WAITING, SYSTEM])
    told = gave_up(frame)
    for step, rows in frame[begun].groupby("step", sort=True):
        wait, spent = seconds(rows["started"]) - seconds(rows["enabled"]), seconds(rows["ended"]) - seconds(rows["started"])
        announced = frame[told & (frame["step"] == step)]
        for reason in sorted(set(rows["outcome"][rows["outcome"].str.startswith(("lost: ", "gave up"))])):
            mine = (rows["outcome"] == reason).to_numpy()
            if reason == "gave up" or _looks_gone(wait, spent, mine, int((announced["outcome"] == reason).sum())):
                result[rows.index[mine]] = True
    return result


def _looks_gone(wait: Any, spent: Any, mine: Any, told: int) -> bool:
    """Whether the visits that ended for a reason look like those of customers who had left."""
    from scipy import stats  # takes a second, and few logs come so far

    n = int(mine.sum())
    if n < LEAST_FOUND or mine.all() or wait.max() <= 0:
        return False
    if stats.mannwhitneyu(spent[mine], spent[~mine], alternative="less").pvalue > 0.01 or np.median(spent[mine]) > 0.5 * np.median(spent[~mine]):
        return False
    silent = n / (n + told)
    w = np.maximum(wait, 1e-3)

    def leaving(log_mean: float) -> float:
        gone = -np.expm1(-_hazard(w, math.exp(log_mean), 1.0))
        chance = np.clip(silent * gone / (1 - (1 - silent) * gone), 1e-12, 1 - 1e-12)
        return float(-np.sum(np.where(mine, np.log(chance), np.log1p(-chance))))

    middle = math.log(float(w.mean()))
    best = float(optimize.minimize_scalar(leaving, bounds=(middle - 7, middle + 9), method="bounded").fun)
    share = n / len(mine)
    whatever = -(n * math.log(share) + (len(mine) - n) * math.log1p(-share))
    return whatever - best > SURER


def without_attempts(frame: pd.DataFrame, gone: pd.Series) -> pd.DataFrame:
    """The log as if nobody had tried: who was found gone left the queue, so that ways and work times are those of served visits."""
    return frame.assign(started=frame["started"].where(~gone), person=frame["person"].where(~gone, "")) if gone.any() else frame
