"""Laws of time from observed and censored times: maximum likelihood over families, or the quantiles themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from salessim.survival import incidence, kaplan_meier

POINTS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93,
          0.96, 0.98, 0.99, 0.995, 0.999, 1.0)  # fmt: skip
"""Shares at which quantile laws are written down; the tail is told closely, because straight lines between its far points put the mean too high."""
POINT_WIDTH, POINT_MASS = 1000.0, 0.02
"""Times that agree to a thousandth of their mean are one point if so many cases have them (see `with_points`)."""
AROUND, LEAST_OF_POINT, SURE_POINT, MOST_POINTS = 20.0, 10, 1e-3, 60
"""Fewer cases are a point as well where so many windows around would put that many into one of them in less than one law of a thousand; a share of ten cases is known to a third."""
CLOSE_ENOUGH = 0.04
"""A family is used if it is nowhere further from the observed distribution than this; else its quantiles are."""

NOT_TOLD_APART = 4.0
"""Families whose AIC is so near to the best have considerable support as well (Burnham and Anderson 2002, 2.6)."""


def in_words(s: float) -> str:
    """Seconds as a time in words with four significant digits: more would only pretend."""
    s = max(0.0, s)
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if s >= size:
            return f"{s / size:.4g} {unit}"
    return f"{1000 * s:.4g} ms" if s >= 1e-3 else "0 min"


def roughly(s: float) -> str:
    """Seconds in whole units, for names: "after 3 days"."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if s >= 2 * size:
            return f"{s / size:.0f} {unit}"
    return f"{max(s, 1.0):.0f} s"


def fit(times: Any, observed: Any, what: str) -> dict[str, Any] | str:
    """The law of some times, right-censored ones included, in the language of scenarios.

    Families are fitted by censored maximum likelihood and ranked by AIC; the best is used if its largest distance
    from Kaplan-Meier is small, otherwise Kaplan-Meier's quantiles are. Where times are censored, the best is the one with
    the smallest mean among those that the data do not tell apart: they differ in the tail that nobody has seen, and a
    heavier one than the data ask for has no bound.

    Args:
        times: seconds, shape [n].
        observed: false where only a lower bound is known.
        what: for the provenance, such as "work times".
    """
    return fitted(times, observed, what)[0]


def fitted(times: Any, observed: Any, what: str) -> tuple[dict[str, Any] | str, float]:
    """The law as from `fit`, and how much its mean depends on the family: the standard deviation of its logarithm.

    Source:
        Buckland, Burnham and Augustin (1997): the variance between models, weighted by exp(-AIC / 2).
    """
    t, d = np.maximum(np.asarray(times, float), 0.0), np.asarray(observed, bool)
    n, censored = len(t), int((~d).sum())
    note = f"data: {n:,} {what}" + (f", {censored:,} of them censored" if censored else "")
    if d.sum() < 5:
        mean = float(t.sum() / max(1, d.sum())) if len(t) else 60.0
        return {"law": "exponential", "mean": in_words(max(mean, 1.0)), "source": note, "assumption": "too few to tell the law"}, 0.0
    if np.ptp(t[d]) == 0:
        return {"law": "constant", "value": in_words(float(t[d][0])), "source": f"{note}; all alike"}, 0.0
    positive = t > 0
    if positive[d].mean() > 0.98:
        ranked = sorted((f for f in (_lognormal(t, d), _gamma(t, d), _weibull(t, d), _exponential(t, d), _loglogistic(t, d)) if f), key=lambda f: f.aic)
        at, survival, _ = kaplan_meier(t, d)
        # Compared where enough are still observed; beyond, Kaplan-Meier itself is noise.
        at_risk = n - np.searchsorted(np.sort(t), at)
        solid = at_risk >= max(20, 0.05 * n)
        for family in _best(ranked, sure=bool(d.all())):
            distance = float(np.max(np.abs(family.cdf(at[solid]) - (1 - survival[solid])), initial=0.0))
            # Loads depend on the mean, which no family estimates as well as the times themselves do.
            law = family.law(t.mean() / family.mean if d.all() else 1.0)
            if distance <= CLOSE_ENOUGH + 0.45 / math.sqrt(d.sum()):
                return {**law, "source": f"{note}; largest distance {distance:.3f}"}, _doubt(ranked, family, sure=bool(d.all()))
            if survival[-1] > 0.1:  # quantiles would end where observation does, far too early
                return {**law, "source": f"{note}; largest distance {distance:.3f}", "assumption": "the tail beyond what was observed"}, _doubt(ranked, family, sure=bool(d.all()))
    return quantiles(t, d, note), 0.0


def quantiles(t: Any, d: Any, note: str) -> dict[str, Any] | str:
    """Kaplan-Meier's quantiles as a law, the last observed time as its end."""
    curve = incidence(t, d.astype(int), 1)
    return from_curve(curve.time, curve.share / max(curve.final, 1e-12), note)


def from_curve(time: Any, share: Any, note: str, say: Callable[[float], str] = in_words) -> dict[str, Any] | str:
    """A quantile law through a cumulative share that ends at 1, with the mean of the curve.

    Straight lines between points lie above a bent tail, so all points are moved by what is left of the difference.

    Args:
        time: where the share rises.
        share: reached at each time.
        note: for the provenance.
        say: writes a value down, such as seconds in words.
    """
    time, share = np.asarray(time, float), np.asarray(share, float)
    values = time[np.minimum(np.searchsorted(share, np.array(POINTS) * (1 - 1e-9)), len(time) - 1)]
    if values[-1] <= 0:
        return {"law": "constant", "value": say(0.0), "source": note}
    true = float(np.sum(np.diff(np.concatenate([[0.0], share])) * time))
    drawn = float(np.sum(np.diff(POINTS) * (values[1:] + values[:-1]) / 2))
    values = values * (true / drawn)
    return {"law": "quantiles", "points": {f"{100 * p:g} %": say(float(x)) for p, x in zip(POINTS, values, strict=True)}, "source": note}


def with_points(time: Any, share: Any, note: str, count: int) -> dict[str, Any] | str:
    """A quantile law in which times that many cases have, such as "15 days", stay what they are.

    A point is a window of a thousandth of the mean that holds two of a hundred cases, twenty times what a law without points
    has there, or surely more cases than its surroundings would put there: rules in whole days make one point a day, each
    with few. Between points lines are straight; a law without points is that of `from_curve`.

    Args:
        time: where the share rises, seconds.
        share: reached at each time, ending at 1.
        note: for the provenance.
        count: cases that the curve rests on.

    Example:
        >>> import numpy as np
        >>> law = with_points(np.array([1.0, 86400.0, 172800.0]), np.array([0.2, 0.6, 1.0]), "data", 10)
        >>> [law["points"][p] for p in ("20 %", "20.01 %", "60 %", "60.01 %")]
        ['1 s', '1 days', '1 days', '2 days']
    """
    time, share = np.asarray(time, float), np.asarray(share, float)
    mass = np.diff(np.concatenate([[0.0], share]))
    found = windows(time, mass, count)
    if not found:
        return from_curve(time, share, note)
    run = np.concatenate([[0.0], share])
    points: dict[float, float] = {}
    for p in POINTS:
        i = min(int(np.searchsorted(share, p * (1 - 1e-9))), len(time) - 1)
        if not any(a <= i < b for a, b in found):
            points[round(p, 4)] = float(time[i])
    for a, b in found:
        middle = float(mass[a:b] @ time[a:b] / mass[a:b].sum())
        points[round(float(run[a]) + (1e-4 if a else 0.0), 4)] = points[round(float(run[b]), 4)] = middle
    rising = np.maximum.accumulate([points[p] for p in sorted(points)])
    return {"law": "quantiles", "points": {f"{100 * p:g} %": in_words(x) for p, x in zip(sorted(points), rising.tolist(), strict=True)}, "source": note}


def of_points(time: Any, share: Any, note: str) -> dict[str, Any] | str:
    """A quantile law in which the times themselves are the points, as in whole days; see `with_points`.

    Example:
        >>> import numpy as np
        >>> of_points(np.array([0.0, 86400.0]), np.array([0.25, 1.0]), "data")["points"]
        {'0 %': '0 min', '25 %': '0 min', '25.01 %': '1 days', '100 %': '1 days'}
    """
    time, share = np.maximum(np.asarray(time, float), 0.0), np.asarray(share, float)
    points: dict[float, float] = {}
    before = 0.0
    for t, p in zip(time.tolist(), np.round(share, 4).tolist(), strict=True):
        if p <= before and points:
            continue  # less than the language tells
        points[round(before + (1e-4 if points else 0.0), 4)] = points[p] = t
        before = p
    return {"law": "quantiles", "points": {f"{100 * p:g} %": in_words(x) for p, x in points.items()}, "source": note}


def windows(time: Any, mass: Any, count: int) -> list[tuple[int, int]]:
    """Windows that are points, as places in the times: the first, and the one behind the last; the largest first."""
    width, run = float(mass @ time) / POINT_WIDTH, np.concatenate([[0.0], np.cumsum(mass)])

    def held(first: Any, behind: Any) -> Any:
        return run[np.searchsorted(time, behind, side="right")] - run[np.searchsorted(time, first, side="left")]

    ends, inside = np.searchsorted(time, time + width, side="right"), held(time, time + width)
    low = np.maximum(0.0, time + width / 2 - AROUND / 2 * width)
    around = held(low, time + width / 2 + AROUND / 2 * width)
    wide = time + width / 2 + AROUND / 2 * width - low
    by_chance = special.bdtrc(np.round(count * inside) - 1, np.round(count * around).astype(int), np.minimum(1.0, width / np.maximum(wide, 1e-12)))
    sure = (count * inside >= LEAST_OF_POINT) & (by_chance < SURE_POINT / POINT_WIDTH)
    found: list[tuple[int, int]] = []
    for first in map(int, np.argsort(-inside, kind="stable")):
        if len(found) >= MOST_POINTS or inside[first] <= 0:
            break
        if (inside[first] >= POINT_MASS or sure[first]) and all(ends[first] <= a or first >= b for a, b in found):
            found.append((first, int(ends[first])))
    return found


def amounts(values: Any, currency: str) -> dict[str, Any] | str:
    """The law of some amounts of money."""
    ordered = np.sort(np.asarray(values, float))
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    return from_curve(ordered, share, f"data: {len(ordered):,} amounts, their mean kept", lambda x: f"{x:.6g} {currency}")


@dataclass(frozen=True)
class _Family:
    """A fitted family."""

    aic: float
    cdf: Callable[[Any], Any]
    mean: float
    scale: tuple[str, float]
    """Its parameter in seconds, by name."""
    shape: dict[str, float]
    name: str

    def law(self, factor: float) -> dict[str, Any]:
        """In the language of scenarios, its times multiplied by a factor."""
        return {"law": self.name, self.scale[0]: in_words(factor * self.scale[1]), **{k: round(x, 4) for k, x in self.shape.items()}}


def _best(ranked: list[_Family], *, sure: bool) -> list[_Family]:
    """The family to use, if there is any."""
    return ranked[:1] if sure else sorted((f for f in ranked if f.aic < ranked[0].aic + NOT_TOLD_APART), key=lambda f: f.mean)[:1]


def _doubt(ranked: list[_Family], chosen: _Family, *, sure: bool) -> float:
    if sure:  # the mean is that of the times, whatever the family
        return 0.0
    weights = np.exp((ranked[0].aic - np.array([f.aic for f in ranked])) / 2)
    apart = np.log(np.array([f.mean for f in ranked]) / chosen.mean)
    return math.sqrt(float(np.sum(weights * apart**2) / weights.sum()))


def _exponential(t: Any, d: Any) -> _Family | None:
    mean = t.sum() / d.sum()
    if mean <= 0:
        return None
    loglik = float(-d.sum() * math.log(mean) - t.sum() / mean)
    return _Family(2 - 2 * loglik, lambda x: -np.expm1(-x / mean), mean, ("mean", mean), {}, "exponential")


def _maximise(start: tuple[float, float], negative: Any) -> Any:
    found = optimize.minimize(negative, np.array(start), method="Nelder-Mead", options={"maxiter": 400, "xatol": 1e-5, "fatol": 1e-5})
    return found.x if np.isfinite(found.fun) else None


def _lognormal(t: Any, d: Any) -> _Family | None:
    x = np.log(np.maximum(t, 1e-3))

    def negative(p: Any) -> float:
        mu, sigma = p[0], math.exp(max(p[1], -12))
        z = (x - mu) / sigma
        return float(np.sum(d * (z * z / 2 + p[1] + x)) - np.sum(special.log_ndtr(-z[~d])))

    found = _maximise((float(x[d].mean()), math.log(float(x[d].std()) + 1e-3)), negative)
    if found is None:
        return None
    mu, sigma = float(found[0]), math.exp(found[1])
    if not 1e-3 < sigma < 6:
        return None
    aic = 4 + 2 * (negative(found) + 0.5 * math.log(2 * math.pi) * d.sum())
    median = math.exp(mu)
    return _Family(aic, lambda v: special.ndtr((np.log(np.maximum(v, 1e-3)) - mu) / sigma), median * math.exp(sigma**2 / 2), ("median", median), {"sigma": sigma}, "lognormal")


def _gamma(t: Any, d: Any) -> _Family | None:
    x = np.maximum(t, 1e-3)

    def negative(p: Any) -> float:
        mean, shape = math.exp(min(p[0], 50)), math.exp(min(p[1], 6))
        z = x[~d] * shape / mean
        seen = d.sum() * (special.gammaln(shape) - shape * math.log(shape / mean)) - np.sum(d * ((shape - 1) * np.log(x) - x * shape / mean))
        return float(seen - np.sum(np.log(np.maximum(special.gammaincc(shape, z), 1e-300))))

    middle = float(x[d].mean())
    found = _maximise((math.log(middle), math.log(min(100.0, max(0.05, middle**2 / (float(x[d].var()) + 1e-9))))), negative)
    if found is None:
        return None
    mean, shape = math.exp(found[0]), math.exp(found[1])
    if not 0.05 < shape < 400:
        return None
    return _Family(4 + 2 * negative(found), lambda v: special.gammainc(shape, np.maximum(v, 0.0) * shape / mean), mean, ("mean", mean), {"shape": shape}, "gamma")


def _weibull(t: Any, d: Any) -> _Family | None:
    x = np.maximum(t, 1e-3)

    def negative(p: Any) -> float:
        scale, shape = math.exp(min(p[0], 50)), math.exp(min(p[1], 4))
        z = np.minimum((x / scale) ** shape, 1e12)
        return float(np.sum(z) - np.sum(d * (math.log(shape) + (shape - 1) * np.log(x) - shape * math.log(scale))))

    found = _maximise((math.log(float(x[d].mean())), 0.0), negative)
    if found is None:
        return None
    scale, shape = math.exp(found[0]), math.exp(found[1])
    if not 0.1 < shape < 50:
        return None
    return _Family(4 + 2 * negative(found), lambda v: -np.expm1(-((v / scale) ** shape)), scale * math.gamma(1 + 1 / shape), ("scale", scale), {"shape": shape}, "weibull")


def _loglogistic(t: Any, d: Any) -> _Family | None:
    x = np.log(np.maximum(t, 1e-3))

    def negative(p: Any) -> float:
        mu, s = p[0], math.exp(max(p[1], -12))
        z = (x - mu) / s
        tail = np.logaddexp(0, z)
        return float(np.sum(d * (2 * tail - z + p[1] + x)) + np.sum(tail[~d]))

    found = _maximise((float(np.median(x[d])), math.log(float(x[d].std()) / 1.8 + 1e-3)), negative)
    if found is None or math.exp(-found[1]) <= 1.05:
        return None  # a shape of 1 or less has no mean
    mu, shape = float(found[0]), math.exp(-found[1])
    median, angle = math.exp(mu), math.pi / shape
    return _Family(
        4 + 2 * negative(found), lambda v: special.expit((np.log(np.maximum(v, 1e-3)) - mu) * shape), median * angle / math.sin(angle), ("median", median), {"shape": shape}, "loglogistic"
    )
