"""A step's own time against what may come first: an expiry, a rival, the end of a contract; and reminders that hurry it."""

from __future__ import annotations

from salessim.durations import LawTable, sample, ticks
from salessim.jit import called, compiled_as, spliced
from salessim.stages.formulas import Formulas, evaluate
from salessim.stages.tables import Rare
from salessim.streams import Purpose, block

_RIVAL = int(Purpose.RIVAL)


@called
def own_time(laws: LawTable, formulas: Formulas, law: int, factor: int, word, facts) -> int:
    """The time that the step itself takes, in ticks."""
    time = sample(laws, law, word)
    if factor >= 0:
        time *= max(0.0, evaluate(formulas, factor, facts))
    return ticks(time)


@compiled_as("int64(int64, float64, int64, int64)")
def reminded(every: int, factor: float, most: int, time: int) -> int:
    """The time as the reminders that come before its end make it.

    Example:
        >>> reminded(10, 0.5, 2, 30)  # at 10 the 20 that are left become 10; no time for a second reminder
        20
    """
    if every <= 0:
        return time
    passed, left, count = 0, time, 0
    while left > every and count < most:
        passed += every
        left = int(float(left - every) * factor + 0.5)
        count += 1
    return passed + left


@spliced
def first_end(laws: LawTable, rare: Rare, row: int, visit: int, who, time: int):
    """(ticks, which end): the first of the competing ends if it comes before a time, else that time and -1."""
    first, which = rare.first_end[row], -1
    for k in range(first, rare.last_end[row]):
        words = block(who[0], who[1], who[2], rare.end_key[k], visit, _RIVAL)
        other = ticks(sample(laws, rare.end_law[k], words[0]))
        if other < time:
            time, which = other, k - first
    return time, which
