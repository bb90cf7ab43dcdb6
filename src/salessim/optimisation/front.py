"""The designs that are shown beside the recommended one: spread over the front, labelled, each against today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.catalogue import Catalogue
from salessim.experiment import Comparison, difference
from salessim.optimisation import kept, labels
from salessim.optimisation.fresh import COMPARING, Fresh
from salessim.optimisation.kept import Check

if TYPE_CHECKING:
    from salessim.optimisation.limits import Limit
    from salessim.optimisation.space import Settings

MOST_SHOWN = 5
"""Designs of the front that are run again beside today's and the recommended: a planner reads no more."""


@dataclass(frozen=True)
class Shown:
    """A design that is shown, on fresh runs."""

    settings: Settings
    words: tuple[str, ...]
    label: str
    """Whether it is on the front of those shown: "in", "out" or "undecided"."""
    checks: tuple[Check, ...]
    """Its limits."""
    against: Comparison
    """Today and the design, run by run."""


def spread_over(points: Sequence[Any], most: int) -> list[int]:
    """Indices of at most so many points that are far from each other: the best in each column, then again and again the farthest.

    Example:
        >>> spread_over([(0, 10), (1, 9), (5, 5), (10, 0)], 3)
        [0, 2, 3]
    """
    if len(points) <= most:
        return list(range(len(points)))
    x = np.array(points, float)
    x = np.where(np.isfinite(x), x, np.nanmax(np.where(np.isfinite(x), x, np.nan), axis=0))
    width = np.ptp(x, axis=0)
    x = (x - x.min(axis=0)) / np.where(width > 0, width, 1.0)
    chosen = list(dict.fromkeys(int(i) for i in x.argmin(axis=0)))[:most]
    while len(chosen) < most:
        away = np.min(np.abs(x[:, None] - x[None, chosen]).sum(axis=2), axis=1)
        if away.max() == 0:
            break
        chosen.append(int(away.argmax()))
    return sorted(chosen)


def show(
    fresh: Fresh, designs: Sequence[tuple[Settings, tuple[str, ...]]], objectives: tuple[str, ...], bounds: tuple[Limit, ...], known: Catalogue, first: int, confidence: float
) -> tuple[Shown, ...]:
    """Run designs side by side on fresh seeds, label them, and compare each with today.

    Args:
        fresh: where the runs come from.
        designs: settings and words of each, no two the same.
        objectives: what the front is about; limits are kept by whoever is on it.
        bounds: the limits.
        known: the measures.
        first: runs at the first look, and of each comparison with today.
        confidence: of all labels together; where there are limits they take half of the error.
    """
    error = (1 - confidence) / 2
    checked = [kept.checks(bounds, fresh.runs(settings, COMPARING), first, error / len(designs)) for settings, _ in designs]
    able: Mapping[str, bool | None] = {kept.KEPT: True, kept.BROKEN: False, kept.UNDECIDED: None}
    found = labels.label(
        lambda n: _changes(fresh, [s for s, _ in designs], objectives, known, n), len(designs), len(objectives), first,
        confidence if not bounds else 1 - error, [able[kept.verdict(c)] for c in checked],
    )  # fmt: skip
    today = fresh.of(fresh.space.today, COMPARING, first)
    return tuple(
        Shown(settings, words, name, limits, Comparison((today, fresh.of(settings, COMPARING, first))))
        for (settings, words), name, limits in zip(designs, found.labels, checked, strict=True)
    )


def _changes(fresh: Fresh, designs: Sequence[Settings], objectives: tuple[str, ...], known: Catalogue, n: int) -> labels.Change:
    """The paired changes between designs over n runs."""

    def change(i: int, j: int, m: int, level: float) -> tuple[float, float]:
        about = known.about(objectives[m])
        before, after = (fresh.of(designs[k], COMPARING, n).pairs[about.name] for k in (j, i))
        e = difference(about, before, after, level).change
        return (e.low, e.high) if about.direction == "lower is better" else (-e.high, -e.low)

    return change


__all__ = ["MOST_SHOWN", "Shown", "show", "spread_over"]
