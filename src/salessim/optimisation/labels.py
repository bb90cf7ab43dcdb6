"""Which designs are on the front for sure: with several objectives there is no best one, and luck makes a front of anything.

A design is "out" if another is surely as good in every objective and better in one, "in" if every other is surely worse
in some objective, and "undecided" between. All labels of a set are right together with the stated confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

IN, OUT, UNDECIDED = "in", "out", "undecided"
LOOKS = 2
"""Looks at a set, each at twice the runs of the one before; who is out runs no further."""

Change = Callable[[int, int, int, float], tuple[float, float]]
"""(design i, design j, objective, level) -> both ends of the interval of i minus j, so that less is better."""


@dataclass(frozen=True)
class Labels:
    """The labels of a set of designs."""

    labels: tuple[str, ...]
    """`IN`, `OUT` or `UNDECIDED`, in the order of the designs."""
    runs: tuple[int, ...]
    """Runs of each design at its last look."""
    confidence: float
    """With this probability none of the labels is wrong."""


def label(
    look: Callable[[int], Change], designs: int, objectives: int, first: int, confidence: float = 0.95, kept: Sequence[bool | None] | None = None
) -> Labels:
    """Label a set of designs.

    Every interval of every pair in every objective holds at once, at all looks together (Bonferroni). Who is out need not
    be compared any more: what it dominates is dominated by who dominates it.

    Args:
        look: number of runs -> the paired changes between designs, over so many runs from the first on.
        designs, objectives: how many there are of each.
        first: runs at the first look.
        confidence: of all labels together, given that what is said in `kept` is right.
        kept: whether each design surely keeps its limits; None for those of which it is undecided. Who breaks one is out.

    Returns:
        Labels: with probability `confidence` at least, every design labelled in is on the true front of the set and none
        labelled out is.

    Example:
        >>> means = [(1, 5), (2, 2), (3, 3)]
        >>> def exact(i, j, m, level):
        ...     return (means[i][m] - means[j][m],) * 2
        >>> label(lambda n: exact, 3, 2, first=10).labels
        ('in', 'in', 'out')

    Source:
        Simultaneous intervals as in multiple comparisons (Hsu 1996, ch. 1 and 5), one for each pair and objective.
    """
    able = [True] * designs if kept is None else list(kept)
    found = [OUT if keeps is False else UNDECIDED for keeps in able]
    runs = [0 if keeps is False else first for keeps in able]
    each = (1 - confidence) / LOOKS / max(1, designs * (designs - 1) // 2 * objectives)
    for k in range(LOOKS):
        alive = [i for i in range(designs) if found[i] != OUT]
        for i in alive:
            runs[i] = first << k
        change = look(first << k)
        ends = {(i, j): np.array([change(i, j, m, 1 - each) for m in range(objectives)]) for i in alive for j in alive if i < j}
        ends |= {(j, i): -found_ends[:, ::-1] for (i, j), found_ends in ends.items()}
        out = {i for i in alive for j in alive if i != j and able[j] and _dominates(ends[j, i])}
        for i in alive:
            if i in out:
                found[i] = OUT
            elif found[i] == UNDECIDED and able[i] and all(j in out or _fails_to_dominate(ends[j, i]) for j in alive if j != i):
                found[i] = IN
        if all(found[i] != UNDECIDED or able[i] is None for i in alive):
            break
    return Labels(tuple(found), tuple(runs), confidence)


def _dominates(change: np.ndarray) -> bool:
    """Whether the first of two is surely as good everywhere and better somewhere."""
    return bool((change[:, 1] <= 0).all() and (change[:, 1] < 0).any())


def _fails_to_dominate(change: np.ndarray) -> bool:
    """Whether the first of two is surely worse somewhere, or exactly the same everywhere."""
    return bool((change[:, 0] > 0).any() or (change == 0).all())


__all__ = ["IN", "LOOKS", "OUT", "UNDECIDED", "Change", "Labels", "label"]
