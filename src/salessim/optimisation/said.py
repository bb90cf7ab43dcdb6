"""What becomes of a measure, in words: a change only where its interval shows one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.results import Comparison
    from salessim.statistics import Estimate


NO_NOISE = "in every run"
"""Instead of an interval: the figure is the same in all runs, because it follows from the plan or because nothing is left to chance."""


def without_noise(estimate: Estimate) -> bool:
    """Whether a figure is the same in all runs, but for the rounding of sums."""
    return estimate.high - estimate.low <= 1e-9 * abs(estimate.value)


def size(value: float) -> str:
    """A change with its sign."""
    return ("-" if value < 0 else "+") + rounded(abs(value), whole=True)


def said(comparison: Comparison, name: str, other: int = 1) -> str:
    """What becomes of a measure from the first scenario to another, with its paired interval.

    Args:
        comparison: of runs.
        name: the measure.
        other: which scenario.
    """
    found, about = comparison.difference(name, other), comparison.catalogue.about(name)
    title, unit = about.phrase, f" {about.unit}" if about.unit else ""
    if found.verdict == "the same":
        return f"{title} exactly as it is"
    ends = NO_NOISE if without_noise(found.change) else f"{size(found.change.low)} to {size(found.change.high)}"
    if found.verdict == "unclear":
        return f"no clear change of {title} ({ends}{unit})"
    return f"{title} {size(found.change.value)}{unit} ({ends})"


def only(comparison: Comparison, there: list[int]) -> Comparison:
    """Some of the runs of a comparison."""
    return replace(
        comparison,
        results=tuple(replace(r, numbers=tuple(r.numbers[i] for i in there), pairs={n: p[there] for n, p in r.pairs.items()}, echoes=None) for r in comparison.results),
    )


def plain(words: str) -> str:
    """Changes without the mark of those that rest on an assumption, where they have been named before."""
    return words.replace(" [assumed]", "")


__all__ = ["NO_NOISE", "only", "plain", "said", "size", "without_noise"]
