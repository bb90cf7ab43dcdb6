"""The order of things that happen in the same microsecond: the one place where it is written.

Deterministic times and shared shifts make ties common, and a model whose ties are broken by chance of
implementation gives two answers. So the order is part of the model, and both engines read it here.

1. Agenda events of one tick run by rank, then by number: the case's for FINISHED and GAVE_UP, the channel's and
   then the spawn's for ARRIVED; last, those who may come again are back in their market. A person freed in the tick in which a customer's patience ends still serves that
   customer; who is already there goes before who arrives.
2. What happens at once (a grant, the answer to giving up) waits in one first-in-first-out list, which is emptied
   before the next agenda event. A case that asks and is granted people there and then goes on without joining it.
3. A case that frees its people goes on first; those who are granted them follow in the order of the grants.
4. All calendars of a tick turn before anybody is dispatched, then people leave and come by their numbers; then one
   pass goes over every queue, best head first. Who is to leave and has work in hand leaves when that is done.
"""

from enum import IntEnum


class Rank(IntEnum):
    """Kinds of agenda events in the order in which they run within a tick."""

    SHIFT = 0
    FINISHED = 1
    GAVE_UP = 2
    ARRIVED = 3
    RETURNED = 4


SHIFT, FINISHED, GAVE_UP, ARRIVED, RETURNED = (int(r) for r in Rank)

RANK_BITS = 40
"""An agenda key is `rank << RANK_BITS | number`."""
SPAWNED = 1 << 20
"""Numbers of spawned arrivals start here, behind every channel."""
CLASS_BITS = 56
"""A queue key is `class << CLASS_BITS | rank within the discipline`, then the order of joining."""
CLASS_MASK = (1 << CLASS_BITS) - 1
OLDEST = 1 << 54
"""Added to arrivals, which may lie centuries before the start, where they are ranks in a queue key."""

# Disciplines, as numbers in the tables.
BY_PRIORITY, FIRST_COME, NEWEST_FIRST, HIGHEST_VALUE, LONGEST_IN_PROCESS, BY_FORMULA = range(6)
DISCIPLINES = ("priority", "first_come", "newest_first", "highest_value", "longest_in_process")

# What happens to a person at an event of rank SHIFT, where a calendar closes (0) or opens (1).
AWAY, BACK, NEWCOMER = range(3)

# Bounds of both engines, each with a clear error.
MOST_STALLED = 10_000
"""Visits of one case, or of a chain of cases that bring each other, within one tick: time does not advance."""
MOST_ARRIVALS = 100_000_000
"""Arrivals of a channel before the horizon."""
MOST_BRANCHES = 1024
"""Branches of one split; they are named by the visit and their place."""
MOST_OPEN = 1 << 22
"""Cases open or on their way at once; a slot's number fits into as many bits."""
