"""Whether a design keeps its limits: said on fresh runs, with a stated chance of being wrong.

A mean below a bound shows nothing: the next mean may lie above it. A limit is kept where the whole interval lies on the
right side, broken where it lies on the wrong one, and undecided between; then there are more runs, a few times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from salessim.optimisation.limits import Limit
from salessim.optimisation.said import NO_NOISE, without_noise
from salessim.statistics import Estimate, exact_share_interval
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.results import Results

KEPT, BROKEN, UNDECIDED = "kept", "broken", "undecided"
LOOKS = 4
"""Looks at the limits of a design, each at twice the runs of the one before."""


@dataclass(frozen=True)
class Check:
    """What fresh runs say of one limit of a design."""

    limit: Limit
    estimate: Estimate
    """Of the mean in its unit, or of the share of runs that keep the bound; each end is wrong with the error allowed at most."""

    @property
    def verdict(self) -> str:
        """`KEPT`, `BROKEN` or `UNDECIDED`."""
        low, high = self.estimate.low, self.estimate.high
        if self.limit.chance is not None:
            return KEPT if low >= self.limit.chance else BROKEN if high < self.limit.chance else UNDECIDED
        inner, outer = (high, low) if self.limit.upper else (low, high)
        return KEPT if self.limit.holds(inner) else UNDECIDED if self.limit.holds(outer) else BROKEN

    @property
    def words(self) -> str:
        """The figure with its interval beside the limit, for people."""
        e = self.estimate
        if self.limit.chance is not None:
            return f"{self.limit.words}: it is in {100 * e.value:.3g} % of {e.n} ({100 * e.low:.3g} to {100 * e.high:.3g} %)"
        return f"{self.limit.words}: it is {rounded(e.value, 6, whole=True)} ({NO_NOISE if without_noise(e) else f'{rounded(e.low, 6, whole=True)} to {rounded(e.high, 6, whole=True)}'})"


def check(limit: Limit, results: Results, error: float) -> Check:
    """A limit against some runs; each verdict but `UNDECIDED` is wrong with probability `error` at most.

    Args:
        limit: on a mean (Student's t or Fieller, as everywhere) or on a chance (Clopper-Pearson, which needs no law).
        results: fresh runs of the design.
        error: of either verdict.
    """
    level = 1 - 2 * error
    if limit.chance is None:
        return Check(limit, replace(results, level=level).estimate(limit.measure))
    kept = limit.kept_in(results.values(limit.measure))
    return Check(limit, exact_share_interval(int(kept.sum()), len(kept), level))


def least_runs(limits: tuple[Limit, ...], error: float) -> int:
    """Runs below which some limit on a chance could not be shown even if all of them kept it: c^n <= error.

    Example:
        >>> from salessim.measures import MEASURES
        >>> least_runs((Limit(MEASURES["cost"][0], 5.0, True, 0.9),), 0.05)
        29
    """
    return max((math.ceil(math.log(error) / math.log(limit.chance)) for limit in limits if limit.chance is not None), default=0)


def checks(limits: tuple[Limit, ...], run: Callable[[int], Results], first: int, error: float) -> tuple[Check, ...]:
    """The limits of a design, looked at until each is kept, or one is broken, or the looks are used up.

    That any limit is called kept that is broken has probability `error` at most: the error is split evenly between the
    looks (Bonferroni), and a design passes only if every limit is shown, so that the number of limits costs nothing
    (an intersection-union test: Berger 1982).

    Args:
        limits: of the design; without any there is nothing to check.
        run: number -> so many fresh runs from the first on.
        first: runs at the first look; more where a limit on a chance could not be shown by so few.
        error: for all looks together.
    """
    if not limits:
        return ()
    each = error / LOOKS
    n = max(first, least_runs(limits, each))
    for look in range(LOOKS):
        results = run(n << look)
        found = tuple(check(limit, results, each) for limit in limits)
        verdicts = {c.verdict for c in found}
        if BROKEN in verdicts or UNDECIDED not in verdicts:
            break
    return found


def verdict(found: tuple[Check, ...]) -> str:
    """Of all limits together: kept where each is, broken where one is."""
    verdicts = {c.verdict for c in found}
    return BROKEN if BROKEN in verdicts else UNDECIDED if UNDECIDED in verdicts else KEPT


__all__ = ["BROKEN", "KEPT", "LOOKS", "UNDECIDED", "Check", "check", "checks", "least_runs", "verdict"]
