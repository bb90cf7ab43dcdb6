"""Which designs are on the front for sure: with several objectives there is no best one, and luck makes a front of anything.

A design is "out" if another is surely as good in every objective and better in one, "in" if every other is surely worse
in some objective, and "undecided" between. All labels of a set are right together with the stated confidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from salessim.statistics import t_quantile

IN, OUT, UNDECIDED = "in", "out", "undecided"
LOOKS = 5
"""Looks at a set, each at twice the runs of the one before; only designs run on that a question is about which more runs may answer."""

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
    look: Callable[[int, Sequence[int]], Change], designs: int, objectives: int, first: int, confidence: float = 0.95, kept: Sequence[bool | None] | None = None, most: float = math.inf
) -> Labels:
    """Label a set of designs.

    Half of the error is for designs called in, half for those called out, divided among the looks. A design that is beaten
    is called in only if one that beats it is surely worse somewhere: one error for each design and objective, however many
    rivals there are, because all of them must be (Berger 1982). A design that is on the front is called out only if some
    rival is surely better where it is truly worse: one error for each ordered pair, however many objectives there are.
    Who is out need not be compared any more: what it dominates is dominated by who dominates it. Nor is a question asked
    again that even the runs of the last look would leave open, were the difference what it seems: that costs no error, as
    the intervals of all looks hold together whichever of them are asked for.

    Args:
        look: number of runs, designs that are asked about -> the paired changes between these, over so many runs from the first on.
        designs, objectives: how many there are of each.
        first: runs at the first look.
        confidence: of all labels together, given that what is said in `kept` is right.
        kept: whether each design surely keeps its limits; None for those of which it is undecided. Who breaks one is out.
        most: runs of all designs together. Where they do not suffice for every open question, those go first of which the
            fewest rivals are open. The first look takes place in any case.

    Returns:
        Labels: with probability `confidence` at least, every design labelled in is on the true front of the set and none
        labelled out is.

    Example:
        >>> means = [(1, 5), (2, 2), (3, 3)]
        >>> def exact(i, j, m, level):
        ...     return (means[i][m] - means[j][m],) * 2
        >>> label(lambda n, _: exact, 3, 2, first=10).labels
        ('in', 'in', 'out')

    Source:
        Simultaneous intervals as in multiple comparisons (Hsu 1996, ch. 1 and 5); tests of all of several
        hypotheses need no correction (Berger 1982).
    """
    able = [True] * designs if kept is None else list(kept)
    found = [OUT if keeps is False else UNDECIDED for keeps in able]
    runs = [0 if keeps is False else first for keeps in able]
    each = (1 - confidence) / 2 / LOOKS
    inside, outside = each / max(1, designs * objectives), each / max(1, designs * (designs - 1))
    alive = [i for i in range(designs) if found[i] != OUT]
    # (j, i): it is not known yet whether j beats i.
    pairs = {(j, i) for i in alive for j in alive if i != j}
    asked = set(pairs)
    for k in range(LOOKS):
        n = first << k
        change = look(n, sorted({i for pair in asked for i in pair} or alive))
        narrower = [math.sqrt(n / (first << LOOKS - 1)) * t_quantile(1 - error, (first << LOOKS - 1) - 1) / t_quantile(1 - error, n - 1) for error in (inside, outside)]
        beaten, may_be_beaten, hopeless = set[int](), set[tuple[int, int]](), set[tuple[int, int]]()
        for j, i in sorted(asked):
            for_out, for_in = ([change(j, i, m, 1 - 2 * error) for m in range(objectives)] for error in (outside, inside))
            if able[j] and _dominates(for_out):
                beaten.add(i)
            elif _fails_to_dominate(for_in):
                pairs.discard((j, i))
            elif able[j] and _dominates(_shrunk(for_out, narrower[1])):
                may_be_beaten.add((j, i))
            elif not _fails_to_dominate(_shrunk(for_in, narrower[0])):
                hopeless.add((j, i))
        for i in beaten:
            found[i] = OUT
        pairs = {(j, i) for j, i in pairs if OUT not in (found[j], found[i])}
        for i in alive:
            if found[i] == UNDECIDED and able[i] and not any(end == i for _, end in pairs):
                found[i] = IN
        if k + 1 == LOOKS:
            break
        # Who has a rival that cannot be shown to fail will not be in: only who may beat it is of interest then.
        never_in = {i for _, i in hopeless & pairs}
        worth = {pair for pair in pairs if pair in may_be_beaten or pair[1] not in never_in}
        asked = _afforded(worth, [i for i in alive if found[i] == UNDECIDED and able[i] and any(end == i for _, end in worth)], runs, first << (k + 1), most)
        if not asked:
            break
        for i in {i for pair in asked for i in pair}:
            runs[i] = first << (k + 1)
    return Labels(tuple(found), tuple(runs), confidence)


def _afforded(pairs: Iterable[tuple[int, int]], open_: Sequence[int], runs: Sequence[int], wanted: int, most: float) -> set[tuple[int, int]]:
    """Pairs that are looked at again: for each open design its open rivals, the designs with fewest of them first, as long as there are runs."""
    left = most - sum(runs)
    about = {i: [pair for pair in pairs if pair[1] == i] for i in open_}
    asked: set[tuple[int, int]] = set()
    going: set[int] = set()
    for i in sorted(open_, key=lambda i: (len(about[i]), i)):
        more = {n for pair in about[i] for n in pair} - going
        takes = sum(wanted - runs[n] for n in more)
        if takes <= left:
            left -= takes
            going |= more
            asked |= set(about[i])
    return asked


def _shrunk(change: Sequence[tuple[float, float]], factor: float) -> list[tuple[float, float]]:
    """Intervals as they would be around the same middle with more runs."""
    return [((low + high) / 2 - (high - low) / 2 * factor, (low + high) / 2 + (high - low) / 2 * factor) for low, high in change]


def _dominates(change: Sequence[tuple[float, float]]) -> bool:
    """Whether the first of two is surely as good everywhere and better somewhere."""
    high = np.array(change)[:, 1]
    return bool((high <= 0).all() and (high < 0).any())


def _fails_to_dominate(change: Sequence[tuple[float, float]]) -> bool:
    """Whether the first of two is surely worse somewhere, or exactly the same everywhere."""
    ends = np.array(change)
    return bool((ends[:, 0] > 0).any() or (ends == 0).all())


__all__ = ["IN", "LOOKS", "OUT", "UNDECIDED", "Change", "Labels", "label"]
