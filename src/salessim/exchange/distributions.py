"""Distributions as Prosimos writes them, in seconds, as laws of the scenario language.

Prosimos draws again until a value is not negative and lies between the given minimum and maximum, and after a hundred
draws takes the mean. What follows is the truncated law: exact where a law of ours has its form, else as quantiles.
Two ways of writing the parameters are about: means and variances (1.2 and later) and those of SciPy (before).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from salessim.durations import Law
from salessim.units import LONGEST, SECOND, say_duration

_NAMES = {
    "fix": "fix", "fixed": "fix", "expon": "expon", "exponential": "expon", "uniform": "uniform", "default": "uniform", "norm": "norm", "normal": "norm",
    "lognorm": "lognorm", "log_normal": "lognorm", "lognormal": "lognorm", "gamma": "gamma", "triang": "triang", "triangular": "triang", "exponnorm": "exponnorm",
}  # fmt: skip
NEARLY = 1e-6
"""A chance that does not count."""
POINTS, CLOSE = 1000, 5e-4
"""Points from which a law is read off, and the part of the mean by which straight lines between those kept may miss it."""
TRIES = 100
_LAW: TypeAdapter[Any] = TypeAdapter(Law)


@dataclass(frozen=True)
class Distribution:
    """A law before its bounds: SciPy's family and parameters, the bounds, and the value when no draw fits."""

    family: str
    shape: tuple[float, ...]
    loc: float
    scale: float
    low: float
    high: float
    mean: float | None = None


def seconds(value: float) -> str:
    """A number of seconds in words."""
    return say_duration(min(LONGEST, round(value * SECOND)))


def plain(value: float) -> float:
    """A number without a unit."""
    return float(f"{value:.12g}")


def law(entry: Any, say: Callable[[float], Any] = seconds) -> Any:
    """The law of an entry with `distribution_name` and `distribution_params`.

    Args:
        entry: such as {"distribution_name": "expon", "distribution_params": [{"value": 600}, ...]}.
        say: how a number becomes a quantity.

    Raises:
        ValueError: "problem; remedy" where the entry is no distribution.

    Example:
        >>> law({"distribution_name": "fix", "distribution_params": [{"value": 90}]})
        '90 s'
    """
    if isinstance(entry, dict) and "histogram_data" in entry:
        return _histogram(entry["histogram_data"], say)
    found = read(entry)
    if found.family == "fix":
        return say(found.loc)
    return _truncated(found, say)


def built(data: Any) -> Any:
    """The law of plain data, to compute with."""
    return _LAW.validate_python(data)


def read(entry: Any) -> Distribution:
    """The distribution of an entry, whichever way its parameters are written."""
    if not isinstance(entry, dict) or not isinstance(entry.get("distribution_name"), str):
        raise ValueError(f"{entry!r:.60} has no distribution_name; give one such as 'expon'")
    name = _NAMES.get(entry["distribution_name"].lower())
    if name is None:
        raise ValueError(f"the distribution {entry['distribution_name']!r} is not known; use one of {', '.join(sorted(set(_NAMES.values())))}")
    p = [_number(v) for v in entry.get("distribution_params") or []]
    try:
        found = _FAMILIES[name](p)
    except IndexError:
        raise ValueError(f"{len(p)} parameters are too few for {name!r}; give all of them") from None
    if not math.isfinite(found.loc + found.scale + sum(found.shape)) or found.scale < 0 or any(s < 0 for s in found.shape):
        raise ValueError(f"the parameters {p} are impossible for {name!r}; give a spread of zero or more")
    if found.high < found.low:
        raise ValueError(f"the maximum {found.high:g} is below the minimum {found.low:g}; give them in order")
    if found.scale == 0 or (found.shape and found.shape[0] == 0 and name != "triang"):
        middle = found.mean if found.mean is not None else found.loc
        return Distribution("fix", (), _fixed(min(max(middle, found.low), found.high)), 0.0, 0.0, math.inf)
    return found


def _number(value: Any) -> float:
    value = value.get("value") if isinstance(value, dict) else value
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no number; give one")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r:.40} is no number; give one") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite; give a finite number")
    return number


def _fixed(value: float) -> float:
    if value < 0:
        raise ValueError(f"the value {value:g} is negative; give one of zero or more")
    return value


def _bounds(p: list[float], at: int) -> tuple[float, float]:
    return (max(0.0, p[at]) if len(p) > at else 0.0), (p[at + 1] if len(p) > at + 1 else math.inf)


def _fix(p: list[float]) -> Distribution:
    return Distribution("fix", (), _fixed(p[0]), 1.0, 0.0, math.inf)


def _expon(p: list[float]) -> Distribution:
    if len(p) == 3 and p[0] > 0:  # mean, minimum, maximum
        mean, low, high = p
        return Distribution("expon", (), low, mean - low if mean > low else mean, max(0.0, low), high, mean)
    loc, scale = p[0], p[1]  # SciPy's; a third number alone is a bound that old files carry along
    return Distribution("expon", (), loc, scale, *_bounds(p if len(p) > 3 else [], 2), loc + scale)


def _uniform(p: list[float]) -> Distribution:
    low, width = p[0], (p[1] if len(p) > 2 else p[1] - p[0])
    return Distribution("uniform", (), low, width, *_bounds(p, 2), low + width / 2)


def _norm(p: list[float]) -> Distribution:
    return Distribution("norm", (), p[0], p[1], *_bounds(p, 2), p[0])


def _lognorm(p: list[float]) -> Distribution:
    if len(p) in (3, 5):  # SciPy's: sigma, loc, scale
        return Distribution("lognorm", (p[0],), p[1], p[2], *_bounds(p, 3), p[1] + p[2] * math.exp(min(p[0] ** 2 / 2, 700)))
    mean, variance = _positive(p[0]), p[1]
    sigma = math.sqrt(math.log1p(max(0.0, variance) / mean**2))
    return Distribution("lognorm", (sigma,), 0.0, mean * math.exp(-(sigma**2) / 2), *_bounds(p, 2), mean)


def _gamma(p: list[float]) -> Distribution:
    if len(p) in (3, 5):  # SciPy's: a, loc, scale
        return Distribution("gamma", (p[0],), p[1], p[2], *_bounds(p, 3), p[1] + p[0] * p[2])
    mean, variance = _positive(p[0]), p[1]
    if variance == 0:
        return Distribution("gamma", (0.0,), 0.0, 1.0, *_bounds(p, 2), mean)
    return Distribution("gamma", (mean**2 / variance,), 0.0, variance / mean, *_bounds(p, 2), mean)


def _triang(p: list[float]) -> Distribution:
    mode, loc, width = p[0], p[1], p[2]
    c = mode if 0 <= mode <= 1 else (mode - loc) / max(width, 1e-300)  # SciPy's c is a share; converters write the mode
    if not 0 <= c <= 1:
        raise ValueError(f"the mode {mode:g} is not between {loc:g} and {loc + width:g}; give one between them")
    return Distribution("triang", (c,), loc, width, *_bounds(p, 3), loc + width * (1 + c) / 3)


def _exponnorm(p: list[float]) -> Distribution:
    return Distribution("exponnorm", (p[0],), p[1], p[2], *_bounds(p, 3), p[1] + p[0] * p[2])


_FAMILIES: dict[str, Callable[[list[float]], Distribution]] = {
    "fix": _fix, "expon": _expon, "uniform": _uniform, "norm": _norm, "lognorm": _lognorm, "gamma": _gamma, "triang": _triang, "exponnorm": _exponnorm,
}  # fmt: skip


def _positive(mean: float) -> float:
    if mean <= 0:
        raise ValueError(f"the mean {mean:g} is not above zero; give one above zero")
    return mean


def _truncated(d: Distribution, say: Callable[[float], Any]) -> Any:
    from scipy import stats  # slow to import, and only needed here

    raw = getattr(stats, d.family)(*d.shape, loc=d.loc, scale=d.scale)
    below, above = float(raw.cdf(d.low)), float(raw.sf(d.high))
    inside = max(0.0, 1 - below - above)
    if inside > 1 - NEARLY and (closed := _closed(d, say)) is not None:
        return closed
    never = (1 - inside) ** TRIES
    middle = d.mean if d.mean is not None and max(0.0, d.low) <= d.mean <= d.high else None
    if middle is None:
        middle = d.low + (d.high - d.low) / 2 if math.isfinite(d.high) else max(0.0, d.low)
    if never > 1 - NEARLY:
        return say(middle)
    end = 1.0 if math.isfinite(d.high) or d.family in ("uniform", "triang") else 1 - 1e-7
    table = quantiles(lambda p: raw.ppf(below + np.minimum(p, end) * inside), d.low, d.high, say)
    if never < NEARLY:
        return table
    return {"law": "mixture", "parts": [{"share": 1 - never, "of": table}, {"share": never, "of": say(middle)}]}


def quantiles(inverse: Callable[[Any], Any], low: float, high: float, say: Callable[[float], Any]) -> dict[str, Any]:
    """A law by points of its quantile function, no more of them than it takes to be right to a small part of its mean."""
    p = (1 - np.cos(np.pi * np.arange(POINTS + 1) / POINTS)) / 2
    x = np.maximum.accumulate(np.clip(np.nan_to_num(inverse(p), nan=low, neginf=low, posinf=high), low, high))
    # Far in the tails, where hardly a draw falls, a line may miss by more.
    near = CLOSE * float(np.trapezoid(x, p)) * np.maximum(1.0, 1e-3 / np.maximum(np.minimum(p, 1 - p), 1e-9))
    kept = [0]
    for i in range(2, POINTS + 1):  # a point stays where a straight line past it would miss one
        line = np.interp(p[kept[-1] : i + 1], [p[kept[-1]], p[i]], [x[kept[-1]], x[i]])
        if (np.abs(line - x[kept[-1] : i + 1]) > near[kept[-1] : i + 1]).any():
            kept.append(i - 1)
    return {"law": "quantiles", "points": {f"{100 * p[i]:.10g} %": say(float(f"{x[i]:.5g}")) for i in (*kept, POINTS)}}


def _closed(d: Distribution, say: Callable[[float], Any]) -> Any:
    """The law of ours that has the same form, if there is one."""
    if d.family == "uniform":
        return {"law": "uniform", "low": say(d.loc), "high": say(d.loc + d.scale)}
    if d.family == "triang":
        return {"law": "triangular", "low": say(d.loc), "mode": say(d.loc + d.shape[0] * d.scale), "high": say(d.loc + d.scale)}
    if d.loc != 0:
        return None
    if d.family == "expon":
        return {"law": "exponential", "mean": say(d.scale)}
    if d.family == "gamma" and 1e-4 <= d.shape[0] <= 1e8:
        return {"law": "gamma", "mean": say(d.shape[0] * d.scale), "shape": plain(d.shape[0])}
    if d.family == "lognorm" and d.shape[0] <= 8:
        return {"law": "lognormal", "median": say(d.scale), "sigma": plain(d.shape[0])}
    return None


def _histogram(data: Any, say: Callable[[float], Any]) -> Any:
    """Values with cumulative shares: the middles of bins, one of which is drawn."""
    try:
        shares, values = [_number(v) for v in data["cdf"]], [_number(v) for v in data["bin_midpoints"]]
    except (TypeError, KeyError):
        raise ValueError("the histogram has no 'cdf' and 'bin_midpoints'; give both") from None
    if len(shares) != len(values) or not shares or shares != sorted(shares) or abs(shares[-1] - 1) > 1e-6 or min(shares) < 0:
        raise ValueError("the histogram's cdf does not rise to 1 with a share for each bin; give one share for each of the bin_midpoints")
    points: dict[float, float] = {}
    for share, low, value in zip(shares, [0.0, *shares], sorted(_fixed(v) for v in values), strict=False):
        if share > low:
            points.setdefault(low if low == 0 else low + 1e-9, value)
            points[share if share < 1 else 1.0] = value
    return {"law": "quantiles", "points": {f"{100 * p:.10g} %": say(x) for p, x in points.items()}}
