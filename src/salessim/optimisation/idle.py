"""Levers without effect: what the search's runs show of levers that changed nothing in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.optimisation.best import Trial
    from salessim.optimisation.evaluation import Evaluator
    from salessim.results import Results


def idle_levers(evaluate: Evaluator, trials: Sequence[Trial]) -> dict[str, int]:
    """Levers that changed no figure of any run, each with the number of pairs of designs that say so.

    Two designs that differ in one lever only meet the same customers, run by run. Where every figure of every such run is the
    same to the last bit, the lever is idle: chance cannot hide an effect in equal numbers. A lever of which no pair was tried is not judged.

    Args:
        evaluate: has the runs of every design, by block.
        trials: the designs that were tried.
    """
    space = evaluate.space
    settings = {space.key(t.settings): t.settings for t in trials}
    tried = {key: runs for key in settings if (runs := evaluate.done.get(key))}
    found = {}
    for name in space.options:
        alike: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
        for key in tried:
            alike[tuple(repr(settings[key][other]) for other in space.options if other != name)].append(key)
        pairs = [(keys[0], other) for keys in alike.values() for other in keys[1:]]
        verdicts = [same for one, other in pairs if (same := _same(tried[one], tried[other])) is not None]
        if verdicts and all(verdicts):
            found[name] = len(verdicts)
    return found


def _same(one: Mapping[int, Results], other: Mapping[int, Results]) -> bool | None:
    """Whether two designs gave the same figures in all runs that both have; None if they have none in common."""
    common = one.keys() & other.keys()
    return all(_equal(one[block], other[block]) for block in common) if common else None


def _equal(one: Results, other: Results) -> bool:
    n = min(len(one.numbers), len(other.numbers))  # a race may have ended early
    return one.pairs.keys() == other.pairs.keys() and all(np.array_equal(pair[:n], other.pairs[name][:n], equal_nan=True) for name, pair in one.pairs.items())


def said_of_idle(idle: Mapping[str, int]) -> list[str]:
    """What a planner should know of them.

    Example:
        >>> said_of_idle({"night_shift": 2})
        ["Lever 'night_shift' changes nothing that is measured: in 2 pairs of designs that differ in it alone every figure of every run is the same. Check what it sets, or leave it out."]
    """
    return [
        f"Lever {name!r} changes nothing that is measured: in {counted(n, 'pair')} of designs that differ in it alone every figure of every run is the same. Check what it sets, or leave it out."
        for name, n in idle.items()
    ]


__all__ = ["idle_levers", "said_of_idle"]
