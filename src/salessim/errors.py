"""The errors a user can meet.

SalesSimError
├── InputError            unusable input; exit code 2; always place, problem and remedy
│   ├── ScenarioError     a scenario file or a change to one
│   └── LogError          an event log or its mapping
├── LimitReached          a run that would not end (a loop in zero time, too many open cases)
└── RunLost               runs of a design that did not come back: their workers died, or time or memory ran out
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SalesSimError(Exception):
    """Anything salessim raises on purpose."""


class InputError(SalesSimError):
    """Unusable input: where, what is wrong, and what to do about it, in one line.

    Args:
        place: file and line, or the name of what was given.
        problem: what is wrong, with the value.
        remedy: what to write or do instead.

    Example:
        >>> str(InputError("b2b.yaml:41", "win is 1.4", "give a share between 0 and 1"))
        'b2b.yaml:41: win is 1.4; give a share between 0 and 1'
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        self.place, self.problem, self.remedy = place, problem, remedy
        super().__init__(" ".join(f"{place}: {problem}; {remedy}".split()))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """Errors cross process borders with their three parts."""
        return type(self), (self.place, self.problem, self.remedy)


class ScenarioError(InputError):
    """A scenario, or a change to one, that cannot be used."""


class LogError(InputError):
    """An event log, or its mapping, that cannot be used."""


class LimitReached(SalesSimError):
    """A run was stopped by one of its bounds."""


class RunLost(SalesSimError):
    """Runs of a design that did not come back: their workers died, or time or memory ran out.

    Args:
        why: what happened.

    Example:
        >>> str(RunLost("out of memory"))
        'runs of a design were lost: out of memory; use fewer workers, a shorter horizon or a longer limit of time'
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"runs of a design were lost: {why}; use fewer workers, a shorter horizon or a longer limit of time")

    def __reduce__(self) -> tuple[type[RunLost], tuple[str]]:
        """Errors cross process borders with their parts."""
        return type(self), (self.why,)


def alike(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """The names most like one that does not exist, if any is like it at all."""
    return difflib.get_close_matches(name, sorted(known), most, cutoff=0.5)


def nearest(name: str, known: Iterable[str], most: int = 1, listed: int = 12) -> str:
    """A remedy for a name that does not exist: the `most` nearest of those that do.

    Args:
        name: what was written.
        known: what there is; a list is said in its own order, anything else by the alphabet.
        most: names to choose from where some are like it.
        listed: names that are said where nothing is like it; the others are counted.

    Example:
        >>> nearest("cots", ["cost", "won"]), nearest("x", {"won", "cost"})
        ("did you mean 'cost'?", 'use one of cost, won')
    """
    names = known if isinstance(known, list) else sorted(known)
    if near := alike(name, names, most):
        return f"did you mean {' or '.join(map(repr, near))}?"
    more = f" or {len(names) - listed} more" if len(names) > listed else ""
    return f"use one of {', '.join(names[:listed])}{more}" if names else "declare it first"
