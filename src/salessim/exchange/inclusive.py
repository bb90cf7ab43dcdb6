"""Inclusive gateways: which of several ways are taken, at least one of them, by one draw or by conditions.

Each way is taken by its own share, but that one has to be ties them together. So the sets of ways are numbered, one
draw picks a number, and each way asks whether it is in the set of that number.
"""

from __future__ import annotations

import itertools

MOST_WAYS = 5
"""Ways that may or may not be taken; 2^5 sets."""
NEVER = "0 > 1"


def sets(chances: list[float], default: int | None) -> tuple[str, list[list[int]]]:
    """A formula that draws a set of ways, and for each way the numbers of the sets it is in.

    Args:
        chances: how often each way is taken by itself; not all zero without a default.
        default: the way that is taken when no other is. Without one, it is one in proportion to the chances.

    Example:
        >>> sets([0.5, 1.0], None)
        ('(uniform >= 0.5)', [[0], [0, 1]])
    """
    open_ways = [i for i, p in enumerate(chances) if 0 < p < 1]
    sure = frozenset(i for i, p in enumerate(chances) if p >= 1)
    chance: dict[frozenset[int], float] = {}
    for bits in itertools.product((False, True), repeat=len(open_ways)):
        ways = sure | {i for i, bit in zip(open_ways, bits, strict=True) if bit}
        p = 1.0
        for i, bit in zip(open_ways, bits, strict=True):
            p *= chances[i] if bit else 1 - chances[i]
        if ways:
            chance[ways] = chance.get(ways, 0.0) + p
            continue
        total = sum(chances)
        for i, share in ({default: 1.0} if default is not None else {i: c / total for i, c in enumerate(chances) if c > 0}).items():
            chance[frozenset([i])] = chance.get(frozenset([i]), 0.0) + p * share
    numbered = sorted(chance, key=sorted)
    bounds = list(itertools.accumulate(chance[s] for s in numbered))[:-1]
    draw = " + ".join(f"(uniform >= {b:.12g})" for b in bounds) or "0"
    return draw, [[n for n, s in enumerate(numbered) if i in s] for i in range(len(chances))]


def questions(conditions: list[str | None], pick: str, taken: list[list[int]] | None) -> list[str]:
    """For each way the formula that says whether it is taken.

    Args:
        conditions: the formula of each way that has one; the others are taken when none of these is true.
        pick: the attribute that holds the number of the set that was drawn.
        taken: the sets each way is in, where a draw decides when no condition is true; None where nothing is drawn.
    """
    some = " or ".join(f"({c})" for c in conditions if c is not None)
    found = []
    for way, condition in enumerate(conditions):
        if taken is None:
            found.append(condition or f"not ({some})")
            continue
        chosen = " or ".join(f"{pick} == {n}" for n in taken[way]) or NEVER
        found.append(f"if({some}, {condition or NEVER}, {chosen})" if some else chosen)
    return found
