"""The laws a planner can write down, with the parameters people know: mean, median, spread, percentiles.

A law is one frozen class. It says how to draw from it by way of its quantile function, either as one of the closed
forms of `durations.table` or as a table of quantiles, and knows its mean and distribution function for reports.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema
from scipy import special

from salessim.units import Measured, Quantity, Share, quantity, share

Floats = NDArray[np.float64]
Z90 = float(special.ndtri(0.9))
WIDEST = 8.0
"""Largest sigma of a lognormal law: one draw in forty is then ten million times the median."""

# Closed forms that compiled code knows; TABLE reads a table of quantiles, STEPS straight lines between points.
CONSTANT, UNIFORM, TRIANGULAR, EXPONENTIAL, LOGNORMAL, WEIBULL, LOGLOGISTIC, TABLE, POINTS = range(9)


class _Law(BaseModel):
    """What all laws share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)
    form: ClassVar[int]
    source: str | None = None
    assumption: str | bool | None = None

    @property
    def quantities(self) -> list[Quantity]:
        """Every quantity the law is written with."""
        return [v for v in (getattr(self, f) for f in type(self).model_fields) if isinstance(v, Quantity)]

    @property
    def dimension(self) -> str:
        """What the law measures: "time", "money" or "number"."""
        return self.quantities[0].dimension

    @property
    @abstractmethod
    def mean(self) -> float:
        """The mean: ticks for a time, currency units for money."""

    @abstractmethod
    def parameters(self) -> tuple[float, float, float]:
        """(a, b, c) of the closed form; zeros for tables."""

    @abstractmethod
    def quantile(self, p: ArrayLike) -> Floats:
        """The value below which a share p of the draws falls (p in (0, 1), any shape)."""

    @abstractmethod
    def cdf(self, x: ArrayLike) -> Floats:
        """The share of draws at or below x (any shape)."""

    def scaled(self, factor: float) -> Any:
        """The law of the same shape with every quantity times `factor`."""
        changes = {f: v.scaled(factor) for f in type(self).model_fields if isinstance(v := getattr(self, f), Quantity)}
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _one_dimension(self) -> Self:
        kinds = {q.dimension: q for q in self.quantities}
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(repr(q.text) for q in kinds.values())} do not fit together; use one kind of unit")
        self._check()
        return self

    def _check(self) -> None:
        """Refuse impossible parameters with problem and remedy."""

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return {k: v for k, v in handler(self).items() if v is not None}


def _positive(name: str, value: Quantity | float | None) -> None:
    number = value.value if isinstance(value, Quantity) else value
    if number is not None and not number > 0:
        raise ValueError(f"{name} is {value}, which is not above zero; give a {name} above zero")


class Constant(_Law):
    """Always the same."""

    form: ClassVar[int] = CONSTANT
    law: Literal["constant"] = "constant"
    value: Measured

    @property
    def mean(self) -> float:
        """The value."""
        return self.value.value

    def parameters(self) -> tuple[float, float, float]:
        """(value, 0, 0)."""
        return self.value.value, 0.0, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """The value, whatever p."""
        return np.full_like(np.asarray(p, float), self.value.value)

    def cdf(self, x: ArrayLike) -> Floats:
        """A step at the value."""
        return (np.asarray(x, float) >= self.value.value).astype(float)

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        plain: Any = float(self.value.text) if self.value.dimension == "number" else self.value.text
        if self.source is None and self.assumption is None:
            return plain
        return {k: v for k, v in handler(self).items() if v is not None}


class Uniform(_Law):
    """Anything between two limits, all equally likely."""

    form: ClassVar[int] = UNIFORM
    law: Literal["uniform"]
    low: Measured
    high: Measured

    def _check(self) -> None:
        if self.high.value < self.low.value:
            raise ValueError(f"low {self.low} is above high {self.high}; put the smaller first")

    @property
    def mean(self) -> float:
        """(low + high) / 2."""
        return (self.low.value + self.high.value) / 2

    def parameters(self) -> tuple[float, float, float]:
        """(low, high, 0)."""
        return self.low.value, self.high.value, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """A straight line."""
        return self.low.value + (self.high.value - self.low.value) * np.asarray(p, float)

    def cdf(self, x: ArrayLike) -> Floats:
        """A straight line."""
        width = max(self.high.value - self.low.value, 1e-300)
        return np.clip((np.asarray(x, float) - self.low.value) / width, 0.0, 1.0)


class Triangular(_Law):
    """Between two limits with a most likely value: what people can guess."""

    form: ClassVar[int] = TRIANGULAR
    law: Literal["triangular"]
    low: Measured
    mode: Measured
    high: Measured

    def _check(self) -> None:
        if not self.low.value <= self.mode.value <= self.high.value:
            raise ValueError(f"the mode {self.mode} is not between {self.low} and {self.high}; put the three in order")

    @property
    def mean(self) -> float:
        """(low + mode + high) / 3."""
        return (self.low.value + self.mode.value + self.high.value) / 3

    def parameters(self) -> tuple[float, float, float]:
        """(low, mode, high)."""
        return self.low.value, self.mode.value, self.high.value

    def quantile(self, p: ArrayLike) -> Floats:
        """Square roots on both sides of the mode."""
        a, m, b = self.parameters()
        u = np.asarray(p, float)
        if b == a:
            return np.full_like(u, a)
        return np.where(u < (m - a) / (b - a), a + np.sqrt(u * (b - a) * (m - a)), b - np.sqrt((1 - u) * (b - a) * (b - m)))

    def cdf(self, x: ArrayLike) -> Floats:
        """Parabolas on both sides of the mode."""
        a, m, b = self.parameters()
        v = np.clip(np.asarray(x, float), a, b)
        up = (v - a) ** 2 / max((b - a) * (m - a), 1e-300)
        down = 1 - (b - v) ** 2 / max((b - a) * (b - m), 1e-300)
        return np.where(v < m, up, down)


class Exponential(_Law):
    """Without memory: as likely to end in the next minute whatever has passed."""

    form: ClassVar[int] = EXPONENTIAL
    law: Literal["exponential"]
    mean_: Measured = Field(alias="mean")

    def _check(self) -> None:
        _positive("mean", self.mean_)

    @property
    def mean(self) -> float:
        """The mean."""
        return self.mean_.value

    def parameters(self) -> tuple[float, float, float]:
        """(mean, 0, 0)."""
        return self.mean, 0.0, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """-mean log(1 - p)."""
        return -self.mean * np.log1p(-np.asarray(p, float))

    def cdf(self, x: ArrayLike) -> Floats:
        """1 - exp(-x / mean)."""
        return -np.expm1(-np.maximum(np.asarray(x, float), 0) / self.mean)


@lru_cache(maxsize=128)
def _standard_gamma(shape: float, shares: bytes, size: tuple[int, ...], *, upper: bool = False) -> Floats:
    """Quantiles of a gamma law of scale 1, remembered: tables of laws that differ in their mean share them."""
    u = np.frombuffer(shares).reshape(size)
    if upper:
        return np.asarray(special.gammainccinv(shape, u))
    return np.where(u < 0.5, special.gammaincinv(shape, u), special.gammainccinv(shape, 1 - u))


class _GammaLike(_Law):
    """Gamma by mean and shape."""

    form: ClassVar[int] = TABLE
    mean_: Measured = Field(alias="mean")

    @property
    @abstractmethod
    def shape_(self) -> float:
        """The shape: 1 / cv²."""

    def _check(self) -> None:
        _positive("mean", self.mean_)

    @property
    def mean(self) -> float:
        """The mean."""
        return self.mean_.value

    def parameters(self) -> tuple[float, float, float]:
        """None: drawn from a table."""
        return 0.0, 0.0, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """Inverse of the regularised incomplete gamma function, from the nearer tail."""
        u = np.asarray(p, float)
        k = self.shape_
        return np.asarray(_standard_gamma(k, u.tobytes(), u.shape) * self.mean / k)

    def upper_quantile(self, q: ArrayLike) -> Floats:
        """The value above which a share q falls, exact far in the tail."""
        u = np.asarray(q, float)
        return np.asarray(_standard_gamma(self.shape_, u.tobytes(), u.shape, upper=True) * self.mean / self.shape_)

    def cdf(self, x: ArrayLike) -> Floats:
        """The regularised incomplete gamma function."""
        return np.asarray(special.gammainc(self.shape_, np.maximum(np.asarray(x, float), 0) * self.shape_ / self.mean))


class Erlang(_GammaLike):
    """The sum of some equal exponential phases."""

    law: Literal["erlang"]
    phases: Annotated[int, Field(ge=1, le=10_000)]

    @property
    def shape_(self) -> float:
        """The number of phases."""
        return float(self.phases)


class Gamma(_GammaLike):
    """Gamma by mean and spread: cv (standard deviation over mean) or shape."""

    law: Literal["gamma"]
    cv: float | None = None
    shape: float | None = None

    def _check(self) -> None:
        super()._check()
        if (self.cv is None) == (self.shape is None):
            raise ValueError("a gamma law takes a mean and either 'cv' or 'shape'; give exactly one of them")
        _positive("cv", self.cv)
        _positive("shape", self.shape)
        if not 1e-4 <= (self.cv or 1) <= 100 or not 1e-4 <= (self.shape or 1) <= 1e8:
            raise ValueError("a gamma law so narrow or wide cannot be computed with; give a cv between 0.0001 and 100")

    @property
    def shape_(self) -> float:
        """The shape: 1 / cv²."""
        if self.shape is not None:
            return self.shape
        return 1 / (self.cv or 1.0) ** 2


class Lognormal(_Law):
    """A normal logarithm: the usual law of work times and deal values, with a long right tail."""

    form: ClassVar[int] = LOGNORMAL
    law: Literal["lognormal"]
    mean_: Measured | None = Field(None, alias="mean")
    median: Measured | None = None
    p90: Measured | None = None
    cv: float | None = None
    sigma: float | None = None

    def _check(self) -> None:
        given = {f for f in ("mean_", "median", "p90", "cv", "sigma") if getattr(self, f) is not None}
        for name in ("mean_", "median", "p90", "cv", "sigma"):
            _positive(name.strip("_"), getattr(self, name))
        pairs = ({"mean_", "cv"}, {"median", "p90"}, {"mean_", "median"}, {"median", "sigma"}, {"mean_", "sigma"}, {"median", "cv"})
        if given not in pairs:
            raise ValueError(
                "a lognormal law takes mean and cv, median and p90, mean and median, or one of them and sigma, not "
                f"{' and '.join(sorted(g.strip('_') for g in given)) or 'nothing'}; give one of these pairs"
            )
        if self.median is not None and self.p90 is not None and self.p90.value <= self.median.value:
            raise ValueError(f"p90 {self.p90} is not above the median {self.median}; give a larger p90")
        if self.median is not None and self.mean_ is not None and self.mean_.value <= self.median.value:
            raise ValueError(f"the mean {self.mean_} is not above the median {self.median}; give a larger mean")
        if (self.cv or 0) > 1e4 or self._mu_sigma[1] > WIDEST:
            raise ValueError(f"the spread is beyond all experience; give a sigma up to {WIDEST:g}, a cv up to 10,000 or a smaller p90")

    @property
    def _mu_sigma(self) -> tuple[float, float]:
        if self.sigma is not None:
            sigma = self.sigma
        elif self.cv is not None:
            sigma = math.sqrt(math.log1p(self.cv**2))
        elif self.p90 is not None and self.median is not None:
            sigma = math.log(self.p90.value / self.median.value) / Z90
        else:
            assert self.mean_ is not None
            assert self.median is not None
            sigma = math.sqrt(2 * math.log(self.mean_.value / self.median.value))
        if self.median is not None:
            return math.log(self.median.value), sigma
        assert self.mean_ is not None
        return math.log(self.mean_.value) - sigma**2 / 2, sigma

    @property
    def mean(self) -> float:
        """exp(mu + sigma² / 2)."""
        mu, sigma = self._mu_sigma
        return math.exp(mu + sigma**2 / 2)

    def parameters(self) -> tuple[float, float, float]:
        """(mu, sigma, 0)."""
        return (*self._mu_sigma, 0.0)

    def quantile(self, p: ArrayLike) -> Floats:
        """exp(mu + sigma z)."""
        mu, sigma = self._mu_sigma
        return np.asarray(np.exp(mu + sigma * special.ndtri(np.asarray(p, float))))

    def cdf(self, x: ArrayLike) -> Floats:
        """The normal distribution function of the logarithm."""
        mu, sigma = self._mu_sigma
        with np.errstate(divide="ignore"):
            return np.asarray(special.ndtr((np.log(np.maximum(np.asarray(x, float), 0)) - mu) / sigma))


class Weibull(_Law):
    """Rising (shape > 1) or falling (shape < 1) readiness to end."""

    form: ClassVar[int] = WEIBULL
    law: Literal["weibull"]
    mean_: Measured | None = Field(None, alias="mean")
    scale: Measured | None = None
    shape: float

    def _check(self) -> None:
        if (self.mean_ is None) == (self.scale is None):
            raise ValueError("a weibull law takes a shape and either 'mean' or 'scale'; give exactly one of them")
        for name in ("mean_", "scale", "shape"):
            _positive(name.strip("_"), getattr(self, name))
        if not 0.05 <= self.shape <= 1000:
            raise ValueError(f"the shape {self.shape:g} cannot be computed with; give one between 0.05 and 1000")

    @property
    def _scale(self) -> float:
        if self.scale is not None:
            return self.scale.value
        assert self.mean_ is not None
        return self.mean_.value / math.gamma(1 + 1 / self.shape)

    @property
    def mean(self) -> float:
        """Scale Γ(1 + 1/shape)."""
        return self._scale * math.gamma(1 + 1 / self.shape)

    def parameters(self) -> tuple[float, float, float]:
        """(scale, 1 / shape, 0)."""
        return self._scale, 1 / self.shape, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """Scale (-log(1 - p))^(1/shape)."""
        return np.asarray(self._scale * (-np.log1p(-np.asarray(p, float))) ** (1 / self.shape))

    def cdf(self, x: ArrayLike) -> Floats:
        """1 - exp(-(x/scale)^shape)."""
        return -np.expm1(-((np.maximum(np.asarray(x, float), 0) / self._scale) ** self.shape))


class Loglogistic(_Law):
    """Most answer soon, some hardly ever: the heavy tail of customers' replies."""

    form: ClassVar[int] = LOGLOGISTIC
    law: Literal["loglogistic"]
    median: Measured
    shape: float | None = None
    p90: Measured | None = None

    def _check(self) -> None:
        if (self.shape is None) == (self.p90 is None):
            raise ValueError("a loglogistic law takes a median and either 'shape' or 'p90'; give exactly one of them")
        _positive("median", self.median)
        if self.p90 is not None and self.p90.value <= self.median.value:
            raise ValueError(f"p90 {self.p90} is not above the median {self.median}; give a larger p90")
        if self._shape <= 1:
            raise ValueError(f"the shape {self._shape:.3g} gives an infinite mean; give a shape above 1 or a smaller p90")

    @property
    def _shape(self) -> float:
        if self.shape is not None:
            return self.shape
        assert self.p90 is not None
        return math.log(9) / math.log(self.p90.value / self.median.value)

    @property
    def mean(self) -> float:
        """Median (π/shape) / sin(π/shape)."""
        angle = math.pi / self._shape
        return self.median.value * angle / math.sin(angle)

    def parameters(self) -> tuple[float, float, float]:
        """(median, 1 / shape, 0)."""
        return self.median.value, 1 / self._shape, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """Median (p / (1 - p))^(1/shape)."""
        u = np.asarray(p, float)
        return np.asarray(self.median.value * (u / (1 - u)) ** (1 / self._shape))

    def cdf(self, x: ArrayLike) -> Floats:
        """1 / (1 + (x/median)^-shape)."""
        ratio = (np.maximum(np.asarray(x, float), 0) / self.median.value) ** self._shape
        return np.asarray(ratio / (1 + ratio))


class Quantiles(_Law):
    """Straight lines between quantiles that were read off data: no family, no tail beyond the last point."""

    form: ClassVar[int] = POINTS
    law: Literal["quantiles"]
    points: dict[str, Measured]

    @property
    def quantities(self) -> list[Quantity]:
        """The points."""
        return list(self.points.values())

    def _check(self) -> None:
        try:
            pairs = [(share(p), q.value) for p, q in self.points.items()]
        except ValueError as problem:
            raise ValueError(f"a point is written as '50 %': 12 min; {problem}") from None
        shares, values = [p for p, _ in pairs], [x for _, x in pairs]
        if len(pairs) < 2 or shares != sorted(set(shares)) or values != sorted(values):
            raise ValueError("the points of a quantiles law rise in share and value; give at least two, in that order")
        if pairs[0][0] != 0 or pairs[-1][0] != 1:
            raise ValueError("the points of a quantiles law begin at '0 %' and end at '100 %'; add the missing one")

    def _xy(self) -> tuple[Floats, Floats]:
        return np.array([share(p) for p in self.points]), np.array([q.value for q in self.points.values()])

    @property
    def mean(self) -> float:
        """The area under the quantile function."""
        p, x = self._xy()
        return float(np.sum(np.diff(p) * (x[1:] + x[:-1]) / 2))

    def parameters(self) -> tuple[float, float, float]:
        """None: the points are the law."""
        return 0.0, 0.0, 0.0

    def quantile(self, p: ArrayLike) -> Floats:
        """Straight lines between the points."""
        return np.interp(np.asarray(p, float), *self._xy())

    def cdf(self, x: ArrayLike) -> Floats:
        """The inverse of the straight lines; at an atom its upper end."""
        p, q = self._xy()
        right = np.clip(np.searchsorted(q, x, side="right"), 1, len(q) - 1)
        width = np.maximum(q[right] - q[right - 1], 1e-300)
        inside = p[right - 1] + (p[right] - p[right - 1]) * np.clip((np.asarray(x, float) - q[right - 1]) / width, 0, 1)
        return np.asarray(np.where(np.asarray(x) >= q[-1], 1.0, np.where(np.asarray(x) < q[0], 0.0, inside)))

    def scaled(self, factor: float) -> Quantiles:
        """All points times the factor."""
        return self.model_copy(update={"points": {p: q.scaled(factor) for p, q in self.points.items()}})


class Part(BaseModel):
    """One part of a mixture."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    share: Share
    of: Law


class Mixture(_Law):
    """Some cases follow one law, the others another."""

    form: ClassVar[int] = TABLE
    law: Literal["mixture"]
    parts: tuple[Part, ...] = Field(min_length=1, max_length=20)

    @property
    def quantities(self) -> list[Quantity]:
        """Those of the parts."""
        return [q for part in self.parts for q in part.of.quantities]

    def _check(self) -> None:
        total = sum(part.share for part in self.parts)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the mixture sum to {100 * total:.4g} %; make them sum to 100 %")

    @property
    def mean(self) -> float:
        """The weighted mean."""
        return sum(part.share * part.of.mean for part in self.parts)

    def parameters(self) -> tuple[float, float, float]:
        """None: drawn from a table."""
        return 0.0, 0.0, 0.0

    def cdf(self, x: ArrayLike) -> Floats:
        """The weighted distribution function."""
        return np.asarray(sum(part.share * part.of.cdf(x) for part in self.parts))

    @property
    def atoms(self) -> list[float]:
        """Values that have a chance of their own: constants among the parts."""
        return sorted({v for part in self.parts if part.share > 0 for v in _atoms(part.of)})

    def quantile(self, p: ArrayLike) -> Floats:
        """By bisection between the smallest and the largest quantile of the parts, to the last bit."""
        u = np.asarray(p, float)
        parts = np.stack([part.of.quantile(u) for part in self.parts if part.share > 0])
        low, high = parts.min(axis=0), parts.max(axis=0)
        for _ in range(100):
            middle = (low + high) / 2
            if ((middle == low) | (middle == high)).all():
                break  # nothing lies between
            below = self.cdf(middle) < u
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        for atom in self.atoms:  # exactly, for formulas compare attributes with them
            high = np.where(np.abs(high - atom) <= 1e-15 * np.maximum(np.abs(atom), parts.max(axis=0)), atom, high)
        return high

    def scaled(self, factor: float) -> Mixture:
        """All parts times the factor."""
        parts = tuple(p.model_copy(update={"of": p.of.scaled(factor)}) for p in self.parts)
        return self.model_copy(update={"parts": parts})


def _atoms(law: Any) -> list[float]:
    if isinstance(law, Constant):
        return [law.value.value]
    return law.atoms if isinstance(law, Mixture) else []


LAWS: dict[str, type[_Law]] = {
    "constant": Constant,
    "uniform": Uniform,
    "triangular": Triangular,
    "exponential": Exponential,
    "erlang": Erlang,
    "gamma": Gamma,
    "lognormal": Lognormal,
    "weibull": Weibull,
    "loglogistic": Loglogistic,
    "quantiles": Quantiles,
    "mixture": Mixture,
}
"""THE list of laws: a new one is a class above and a line here and in `Law`."""


def _which(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("law", "no law"))
    return getattr(value, "law", "plain")


class _Plain(Constant):
    """A plain quantity in the place of a law: a constant."""

    law: Literal["constant"] = "constant"

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": ["string", "number"], "examples": ["25 min", "800 EUR"]}

    @model_validator(mode="before")
    @classmethod
    def _from_words(cls, value: Any) -> Any:
        return {"value": value} if not isinstance(value, dict) else value


Law = Annotated[
    Annotated[_Plain, Tag("plain")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Triangular, Tag("triangular")]
    | Annotated[Exponential, Tag("exponential")]
    | Annotated[Erlang, Tag("erlang")]
    | Annotated[Gamma, Tag("gamma")]
    | Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Weibull, Tag("weibull")]
    | Annotated[Loglogistic, Tag("loglogistic")]
    | Annotated[Quantiles, Tag("quantiles")]
    | Annotated[Mixture, Tag("mixture")],
    Discriminator(_which),
]
"""Any law, told apart by its field `law`; a plain quantity is a constant."""

Part.model_rebuild()
Mixture.model_rebuild()


def constant(value: Any) -> Constant:
    """The law that always gives `value` (words such as "25 min", or a number).

    Example:
        >>> constant("2 min").mean
        120000000.0
    """
    return Constant(value=quantity(value))
