"""On what the time of work depends beside chance: the segment of the customer, what the case is worth, who does it.

Logarithms of times are a sum of effects. People are drawn from a team: the effect of one who was seen seldom is shrunk
towards the team's, so that a segment is not taken for slow because its people are. Whether segment or value matter is
decided by the half of the cases that was not used to estimate them. A team is asked for people and not for a certain
one, so that their differences stay in the law of the times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from salessim.calibration.memory import PAYS
from salessim.calibration.questions import MOST_KINDS, VALUED

LEAST = 160
"""Times from which effects are learnt: as many as two states of memory need."""
MATTERS = 0.05
"""Factors that differ by less than this (standard deviation) are left out: nobody plans by them."""


@dataclass(frozen=True)
class Effects:
    """What multiplies the time of a visit; 1 on average."""

    segments: dict[str, float]
    """segment -> factor relative to the most frequent one; empty if segments do not matter."""
    power: float
    """Times go with this power of the value; 0 if it does not matter."""
    usual: float
    """The value at which that is 1."""
    least: float
    most: float
    """Values beyond which nothing was seen, relative to the usual one."""
    scale: float
    """So that the factors of the visits seen have a mean of 1."""
    people: float
    """Standard deviation of the logarithm of how long people take for the same, chance apart."""

    @property
    def any(self) -> bool:
        """Whether anything matters."""
        return bool(self.segments) or self.power != 0

    def of(self, segment: Any, value: Any) -> Any:
        """The factor of each of some visits, shape [n]."""
        found = np.full(len(value), self.scale)
        if self.segments:
            found *= np.array([self.segments.get(str(s), 1.0) for s in segment])
        if self.power:
            found *= np.clip(np.asarray(value, float) / self.usual, self.least, self.most) ** self.power
        return found

    def formula(self, name: Callable[[str], str], currency: str) -> str:
        """In the language of scenarios.

        Args:
            name: of a segment.
            currency: of the value.
        """
        parts = [f"{self.scale:.4g}", *(f"if(segment == '{name(s)}', {factor:.4g}, 1)" for s, factor in sorted(self.segments.items()) if factor != 1)]
        if self.power:
            parts.append(f"clamp(value / {self.usual:.4g} {currency}, {self.least:.4g}, {self.most:.4g}) ^ {self.power:.4g}")
        return " * ".join(parts)

    def words(self) -> str:
        """For people."""
        said = [f"{factor:.3g} times as long for {s}" for s, factor in sorted(self.segments.items()) if factor != 1]
        if self.power:
            said.append(f"{2**self.power:.3g} times as long for twice the value")
        return ", ".join(said)


def effects(times: Any, segment: Any, value: Any, person: Any, case: Any) -> Effects | None:
    """What the times of an activity depend on.

    Args:
        times: of visits that ended, in any unit, shape [n].
        segment, value, person: of each; a value of 0 is not known.
        case: to which each belongs: what is estimated on one half of the cases is judged on the other.

    Returns:
        None if there are too few times.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> large = rng.random(400) < 0.5
        >>> times = rng.lognormal(0, 0.5, 400) * np.where(large, 2, 1)
        >>> found = effects(times, np.where(large, "large", "small"), np.zeros(400), np.full(400, "ann"), np.arange(400))
        >>> found.words()
        '2.09 times as long for large'

    Source:
        A log-linear model with random effects of people (Robinson 1991: best linear unbiased prediction): Henderson's mixed model equations.
    """
    times = np.asarray(times, float)
    seen = times > 0
    if seen.sum() < LEAST:
        return None
    y = np.log(times[seen])
    segment, value, person, case = (np.asarray(x)[seen] for x in (segment, value, person, case))
    half = np.unique(case, return_inverse=True)[1] % 2
    _, who = np.unique(person.astype(str), return_inverse=True)
    columns: dict[str, Any] = {}
    kinds = sorted(set(segment.astype(str)), key=lambda s: (-int(np.sum(segment == s)), s))
    if 1 < len(kinds) <= MOST_KINDS:
        columns["segment"] = np.array([[float(s == kind) for kind in kinds[1:]] for s in segment])
    usual = 1.0
    amounts = np.asarray(value, float)
    if np.mean(amounts > 0) >= VALUED:
        usual = float(f"{np.median(amounts[amounts > 0]):.2g}")
        columns["value"] = np.log(np.where(amounts > 0, amounts, usual) / usual)[:, None]
    chosen: list[str] = []
    best = _held_out(y, _design(columns, chosen, len(y)), who, half)
    for _ in range(len(columns)):
        scores = {name: _held_out(y, _design(columns, [*chosen, name], len(y)), who, half) for name in columns if name not in chosen}
        name = max(scores, key=lambda n: scores[n])
        if scores[name] <= best + PAYS:
            break
        chosen, best = [*chosen, name], scores[name]
    slopes, spread = _fit(y, _design(columns, chosen, len(y)), who)
    found = dict(zip([(n, j) for n in chosen for j in range(columns[n].shape[1])], slopes[1:], strict=True))
    segments = {kinds[0]: 1.0} | {kind: math.exp(found["segment", j]) for j, kind in enumerate(kinds[1:])} if "segment" in chosen else {}
    least, most = np.quantile(np.where(amounts > 0, amounts, usual) / usual, [0.01, 0.99]) if "value" in chosen else (1.0, 1.0)
    result = Effects(segments, float(found.get(("value", 0), 0.0)), usual, float(f"{least:.3g}"), float(f"{most:.3g}"), 1.0, spread)
    factors = result.of(segment, np.where(amounts > 0, amounts, usual))
    mean = float(np.mean(factors))
    if float(np.std(factors)) < MATTERS * mean:
        return Effects({}, 0.0, usual, 1.0, 1.0, 1.0, spread)
    return Effects(segments, result.power, usual, result.least, result.most, 1 / mean, spread)


def _design(columns: dict[str, Any], chosen: list[str], n: int) -> Any:
    return np.hstack([np.ones((n, 1)), *(columns[name] for name in chosen)])


def _fit(y: Any, design: Any, who: Any) -> tuple[Any, float]:
    """Slopes with people held equal, and the standard deviation of what people differ by.

    Differences within people say what their variance is; with it, the mixed model equations weigh those between people as well.
    """
    people = np.bincount(who).astype(float)
    if len(people) < 2:
        return np.linalg.lstsq(design, y, rcond=None)[0], 0.0

    def mean(x: Any) -> Any:
        return np.bincount(who, x) / people

    inside = design[:, 1:] - np.array([mean(column)[who] for column in design.T[1:]]).T.reshape(len(y), -1)
    slopes = np.linalg.lstsq(inside, y - mean(y)[who], rcond=None)[0]
    rest = y - design[:, 1:] @ slopes
    means = mean(rest)
    within = float(np.sum((rest - means[who]) ** 2)) / max(1, len(y) - len(people) - len(slopes))
    # One-way analysis of variance with unequal numbers (Searle 1971).
    between = float(np.sum(people * (means - np.average(means, weights=people)) ** 2)) / (len(people) - 1)
    variance = max(0.0, (between - within) / ((len(y) - float(np.sum(people**2)) / len(y)) / (len(people) - 1)))
    if variance == 0.0:
        return np.linalg.lstsq(design, y, rcond=None)[0], 0.0
    # Of the people's equations only sums are needed: their part of the matrix is a diagonal.
    sums = np.array([np.bincount(who, column) for column in design.T])
    weight = 1 / (people + within / variance)
    left = design.T @ design - (sums * weight) @ sums.T
    right = design.T @ y - (sums * weight) @ np.bincount(who, y)
    return np.linalg.solve(left, right), math.sqrt(variance)


def _held_out(y: Any, design: Any, who: Any, half: Any) -> float:
    """Log-likelihood of each half under the normal law fitted to the other; people are not known to it."""
    total = 0.0
    for h in (0, 1):
        mine, other = half == h, half != h
        slopes = _fit(y[mine], design[mine], np.unique(who[mine], return_inverse=True)[1])[0]
        level = float(np.mean(y[mine] - design[mine] @ slopes))  # who does the work is drawn anew
        variance = max(1e-12, float(np.mean((y[mine] - design[mine] @ slopes - level) ** 2)))
        total -= 0.5 * float(np.sum((y[other] - design[other] @ slopes - level) ** 2 / variance + math.log(2 * math.pi * variance)))
    return total


__all__ = ["Effects", "effects"]
