"""Drawing from laws in compiled code: quantile functions of a named random word, increasing for every law.

Closed forms where they exist, AS 241 (Wichura 1988) for the normal, and for the rest tables of quantiles: 64 bins
per octave of the nearer tail over 53 octaves, straight lines between, 55 KB a law, relative error below 2e-4 in
body and tails alike. Scalars only: NumPy's vectorised logarithm differs in the last bit between processors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from salessim.durations.specs import (
    CONSTANT,
    EXPONENTIAL,
    LOGLOGISTIC,
    LOGNORMAL,
    POINTS,
    TABLE,
    UNIFORM,
    WEIBULL,
    Constant,
    Mixture,
    Quantiles,
)
from salessim.jit import compiled_as, inlined, natural
from salessim.memo import Content, content
from salessim.streams import uniform

BINS = 64
OCTAVES = 53
HALF_TABLE = BINS * OCTAVES + 1


class LawTable(NamedTuple):
    """The laws of a model, one entry each."""

    form: Any
    a: Any
    b: Any
    c: Any
    first: Any
    last: Any
    x: Any
    """Values of tables and points."""
    p: Any
    """Shares of points."""


def build_table(laws: Sequence[Any]) -> LawTable:
    """The arrays that `sample` reads, one entry per law in the order given."""
    n = len(laws)
    form, a, b, c = np.zeros(n, np.int64), np.zeros(n), np.zeros(n), np.zeros(n)
    first, last = np.zeros(n, np.int64), np.zeros(n, np.int64)
    xs: list[Any] = []
    ps: list[Any] = []
    used = 0
    for i, law in enumerate(laws):
        form[i] = law.form
        a[i], b[i], c[i] = law.parameters()
        x = p = np.zeros(0)
        if law.form == POINTS:
            assert isinstance(law, Quantiles)
            p, x = law._xy()
        elif isinstance(law, Mixture) and law.atoms:
            form[i] = POINTS
            p, x = _points_with_jumps(content(law))
        elif law.form == TABLE:
            x = _quantile_table(content(law))
            p = np.zeros(len(x))
        first[i], last[i] = used, used + len(x)
        used += len(x)
        xs.append(x)
        ps.append(p)
    return LawTable(form, a, b, c, first, last, np.concatenate([*xs, np.zeros(1)]), np.concatenate([*ps, np.zeros(1)]))


@lru_cache(maxsize=1024)
def _quantile_table(said: Content) -> Any:
    """Quantiles at tail shares 1/2, ..., 2^-54: first those of the lower tail, then of the upper."""
    law = said.record
    i = np.arange(HALF_TABLE)
    tail = np.exp2(-1.0 - i // BINS) * (1.0 - (i % BINS) / (2.0 * BINS))
    upper = law.upper_quantile(tail) if hasattr(law, "upper_quantile") else law.quantile(np.minimum(1 - tail, 1 - 2.0**-53))
    lower = np.minimum.accumulate(np.maximum(law.quantile(tail), 0.0))
    return np.concatenate([lower, np.maximum.accumulate(np.asarray(upper))])


@lru_cache(maxsize=1024)
def _points_with_jumps(said: Content) -> tuple[Any, Any]:
    """Points of a mixture that holds constants: where a table would smear the step to a constant, two points are put."""
    law: Mixture = said.record
    tail = np.exp2(-1.0 - np.arange(HALF_TABLE) // BINS) * (1.0 - (np.arange(HALF_TABLE) % BINS) / (2.0 * BINS))
    inner = np.unique(np.concatenate([tail, np.minimum(1 - tail, 1 - 2.0**-53)]))
    ends: list[tuple[float, float]] = []
    for value in law.atoms:
        upper = float(law.cdf(np.array([value]))[0])
        here = sum(_share_at(part.of, value) * part.share for part in law.parts)
        ends += [(max(0.0, upper - here), value), (min(1.0, upper), value)]
    jumps = np.array(ends)
    apart = (np.abs(inner[:, None] - jumps[None, :, 0]) > 1e-12).all(axis=1)
    p = np.concatenate([inner[apart], jumps[:, 0]])
    x = np.concatenate([law.quantile(inner[apart]), jumps[:, 1]])
    order = np.lexsort((x, p))
    p, x = p[order], np.maximum.accumulate(x[order])
    return np.concatenate([[0.0], p, [1.0]]), np.concatenate([x[:1], x, x[-1:]])


def _share_at(law: Any, value: float) -> float:
    """The chance of exactly a value."""
    if isinstance(law, Mixture):
        return sum(part.share * _share_at(part.of, value) for part in law.parts)
    return float(isinstance(law, Constant) and law.value.value == value)


@compiled_as("float64(float64)")
def normal_quantile(p: float) -> float:
    """AS 241, PPND16: the normal quantile to about 1e-16 relative; p strictly between 0 and 1."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * (((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
            + 45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r
            + 133.14166789178437745) * r + 3.387132872796366608) / (((((((5226.495278852545925 * r
            + 28729.085735721942674) * r + 39307.89580009271061) * r + 21213.794301586595867) * r
            + 5394.1960214247511077) * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1.0)  # fmt: skip
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        z = (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
            + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r
            + 4.6303378461565452959) * r + 1.42343711074968357734) / (((((((1.05075007164441684324e-9 * r
            + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r
            + 0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0)  # fmt: skip
    else:
        r -= 5.0
        z = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
            + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r
            + 5.4637849111641143699) * r + 6.6579046435011037772) / (((((((2.04426310338993978564e-15 * r
            + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r
            + 0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0)  # fmt: skip
    return -z if q < 0.0 else z


@compiled_as("float64(int64, float64, float64, float64, uint64)")
def closed_form(form: int, a: float, b: float, c: float, word: int) -> float:
    """The quantile of a law with a closed form at the uniform of a word."""
    u = uniform(word)
    if form == EXPONENTIAL:
        return -a * math.log(1.0 - u)
    if form == CONSTANT:
        return a
    if form == LOGNORMAL:
        return math.exp(a + b * normal_quantile(u))
    if form == UNIFORM:
        return a + (b - a) * u
    if form == WEIBULL:
        return a * math.exp(b * math.log(-math.log(1.0 - u)))
    if form == LOGLOGISTIC:
        return a * math.exp(b * math.log(u / (1.0 - u)))
    # TRIANGULAR: a <= b <= c, low, mode, high
    if c == a:
        return a
    if u < (b - a) / (c - a):
        return a + math.sqrt(u * (c - a) * (b - a))
    return c - math.sqrt((1.0 - u) * (c - a) * (c - b))


@compiled_as("float64(float64[::1], int64, uint64)")
def from_table(x: Any, first: int, word: int) -> float:
    """The quantile of a tabled law: the octave and bin of the nearer tail, then a straight line."""
    u = uniform(word)
    tail = u if u < 0.5 else 1.0 - u
    fraction, exponent = math.frexp(tail)  # tail = fraction 2^exponent, fraction in [1/2, 1)
    # At tail 1/2 exactly the octave is the first, position 0.
    place = (-1.0 - exponent) * BINS + (1.0 - fraction) * 2.0 * BINS if tail < 0.5 else 0.0
    if place < 0.0:
        place = 0.0
    i = int(place)
    if i > HALF_TABLE - 2:
        i = HALF_TABLE - 2
    start = first if u < 0.5 else first + HALF_TABLE
    return x[start + i] + (x[start + i + 1] - x[start + i]) * (place - i)


@compiled_as("float64(float64[::1], float64[::1], int64, int64, uint64)")
def from_points(x: Any, p: Any, first: int, last: int, word: int) -> float:
    """Straight lines between the points (shares p, values x)."""
    u = uniform(word)
    low, high = first, last - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if p[middle] <= u:
            low = middle
        else:
            high = middle
    return x[low] + (x[high] - x[low]) * ((u - p[low]) / (p[high] - p[low]))


@inlined
def sample(laws: LawTable, law: int, word: int) -> float:
    """The draw of a law that a random word names: ticks for a time, money or a number otherwise.

    Args:
        laws: from `build_table`.
        law: index of the law.
        word: unsigned 64-bit random word; the result increases with it.
    """
    law = natural(law)
    form = laws.form[law]
    if form < TABLE:
        return closed_form(form, laws.a[law], laws.b[law], laws.c[law], word)
    if form == TABLE:
        return from_table(laws.x, laws.first[law], word)
    return from_points(laws.x, laws.p, laws.first[law], laws.last[law], word)


@compiled_as("int64(float64)")
def ticks(x: float) -> int:
    """A drawn time as whole ticks, rounded half up, at most 2^60."""
    return int(x + 0.5) if x < 1.0e18 else 1 << 60
