"""Which limit is in the way where no design keeps them all, and by how much the nearest design misses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.errors import InputError
from salessim.optimisation import kept
from salessim.optimisation.fresh import COMPARING, Fresh
from salessim.optimisation.kept import Check
from salessim.optimisation.limits import by_plan
from salessim.statistics import Estimate
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.optimisation.best import Trial
    from salessim.optimisation.limits import Limit
    from salessim.optimisation.space import Space


@dataclass(frozen=True)
class Obstacle:
    """The design that comes nearest to limits that none keeps."""

    words: tuple[str, ...]
    """What the nearest design changes; nothing for today's."""
    alone: bool
    """Whether no design that was tried keeps the first limit even by itself; else each is kept by some design, but not all together."""
    checks: tuple[Check, ...]
    """The limits in the way, as fresh runs of the nearest design see them; the one that is missed by most comes first."""
    refused: str = ""
    """Why the designs that keep the first limit by plan need not be simulated, if that is what is in the way."""

    def sentence(self) -> str:
        """For people."""
        if self.refused:
            return f"No design that keeps this limit can be run: {self.checks[0].limit.words}. The nearest to do so ({'; '.join(self.words) or 'the process as it is'}) is refused: {self.refused}."
        who = f"the nearest design ({'; '.join(self.words)})" if self.words else "the process as it is, which comes nearest,"
        if self.alone:
            begin = f"No design that was tried keeps this limit: {self.checks[0].limit.words}."
        else:
            begin = "Each limit by itself is kept by some design that was tried, all together by none."
        on = "By plan" if all(c.limit.of.planned for c in self.checks) else "On fresh runs"
        return f"{begin} {on} {who} {'; '.join(_missed(c) for c in self.checks)}."


def _missed(found: Check) -> str:
    """By how much the nearest design misses a limit."""
    limit, e = found.limit, found.estimate
    if found.verdict == kept.KEPT:
        return f"does keep it, other than in the search's few runs ({found.words}): search again with more replications"
    told = "" if found.verdict == kept.BROKEN else ", which cannot yet be told from the limit"
    if limit.chance is not None:
        return f"keeps {limit.of.phrase} {'at most' if limit.upper else 'at least'} {rounded(limit.bound, 6, whole=True)} {limit.of.unit} in {100 * e.value:.3g} % of {e.n} ({100 * e.low:.3g} to {100 * e.high:.3g} %) instead of {100 * limit.chance:.6g} %{told}"
    by = f", {100 * limit.excess(e.value):.3g} % too {'much' if limit.upper else 'little'}" if math.isfinite(limit.excess(e.value)) and limit.excess(e.value) > 0 else ""
    return f"has {limit.of.phrase} {rounded(e.value, 6, whole=True)} {'' if limit.of.planned else f'({rounded(e.low, 6, whole=True)} to {rounded(e.high, 6, whole=True)}) '}instead of {'at most' if limit.upper else 'at least'} {rounded(limit.bound, 6, whole=True)} {limit.of.unit}".rstrip() + by + told


def obstacle(done: Sequence[Trial], bounds: tuple[Limit, ...], fresh: Fresh, first: int, error: float) -> Obstacle | None:
    """The obstacle, as the designs that were tried show it; None if one of them keeps all limits in the search's runs.

    Args:
        done: the designs that were tried, with the search's figures.
        bounds: the limits.
        fresh: for runs of the nearest design.
        first: runs at the first look.
        error: of a verdict.
    """
    for limit in bounds:
        before = _by_plan(limit, done, fresh, error)
        if before is not None:
            return before
    excess = {t.number: [limit.excess(t.values[limit.key]) for limit in bounds] for t in done if t.values is not None}
    if not excess or not bounds:
        return None
    least = [min(row[k] for row in excess.values()) for k in range(len(bounds))]
    alone = max(least) > 0
    first_one = least.index(max(least))

    def far(t: Trial) -> tuple[float, float, int]:
        row = excess[t.number]
        return (row[first_one] if alone else sum(row)), sum(row), t.number

    nearest = min((t for t in done if t.values is not None), key=far)
    row = excess[nearest.number]
    broken = sorted((k for k in range(len(bounds)) if row[k] > 0), key=lambda k: (alone and k != first_one, -row[k]))
    if not broken:
        return None
    found = kept.checks(bounds, fresh.runs(nearest.settings, COMPARING), first, error)
    return Obstacle(nearest.words, alone, tuple(found[k] for k in broken))


def _by_plan(limit: Limit, done: Sequence[Trial], fresh: Fresh, error: float) -> Obstacle | None:
    """The obstacle where a limit on the plan leaves no design to simulate; None if it leaves one, or is not on the plan."""
    space = fresh.space
    rows = [(limit.excess(value), t.refused is not None, t.number, value, t) for t in done if (value := _figure(limit, t, space)) is not None]
    if not rows or any(excess == 0 and not refused for excess, refused, *_ in rows):
        return None
    excess, _, _, value, nearest = min(rows, key=lambda row: row[:3])
    return Obstacle(nearest.words, True, (Check(limit, Estimate(value, value, value, 1 - 2 * error, 0)),), (nearest.refused or "") if excess == 0 else "")


def _figure(limit: Limit, trial: Trial, space: Space) -> float | None:
    try:
        return by_plan(limit, space.design(trial.settings), space.outlook)
    except InputError:  # levers that exclude each other make no design
        return None


__all__ = ["Obstacle", "obstacle"]
