"""A design without the changes that it does not need.

A search of many levers pulls some of them for nothing, and names the design that these changes flattered in its own few
runs. So what a change brings is asked on seeds that the search never saw, in the same runs with the change and without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from salessim.statistics import t_quantile

if TYPE_CHECKING:
    from salessim.optimisation.space import Settings, Space

LOOKS = (3, 9)
"""Runs of each design: after the first look those changes stay that are surely needed, which few runs in common tell of most."""
SURELY = 0.95

Scores = Callable[[Sequence["Settings"], int], list[Any]]
"""(designs, runs) -> for each design its score in each of so many runs, less being better, the same runs for all; None for one that may not be,
and for the first, the design itself, where no other may be."""


def pruned(space: Space, settings: Settings, scores: Scores, room: float) -> Settings:
    """The design without the changes that hardly help.

    With k changes it looks at k designs side by side and at most k - 1 more.

    Args:
        space: what there is to choose from.
        settings: the design.
        scores: runs designs.
        room: how much of the score may be given up in all.

    Returns:
        Its settings, with one change at least.
    """
    today, whole = space.today, settings

    def changes(of: Settings) -> list[str]:
        return [n for n in of if of[n] != today[n]]

    def spared(now: Settings, names: Iterable[str]) -> list[tuple[float, str, Settings]]:
        """What is lost without each of these changes, and the design without it, the least loss first; only what may be given up."""
        tried = {n: space.repaired(now | {n: today[n]}) for n in names}
        left: list[tuple[float, str, Settings]] = []
        for runs in LOOKS:
            full, *found = scores([whole, *tried.values()], runs)
            if full is None:
                return []
            losses = {n: score - full for n, score in zip(tried, found, strict=True) if score is not None}
            left = [(float(loss.mean()), n, tried[n]) for n, loss in losses.items() if not _surely_above(loss, room)]
            tried = {n: tried[n] for _, n, _ in left}
            if not tried:
                break
        return sorted((row for row in left if row[0] <= room), key=lambda row: row[:2])

    # Each alone; then one after the other, what mattered least first, since of two that do the same one must stay.
    for _, n, _ in spared(whole, changes(whole)) if len(changes(whole)) > 1 else []:
        if settings[n] != today[n] and len(changes(settings)) > 1:
            settings = next((without for _, _, without in spared(settings, [n])), settings)
    return settings if changes(settings) else whole


def _surely_above(values: Any, bound: float) -> bool:
    n = len(values)
    return bool(float(values.mean()) - t_quantile(SURELY, n - 1) * float(values.std(ddof=1)) / math.sqrt(n) > bound)


__all__ = ["LOOKS", "Scores", "pruned"]
