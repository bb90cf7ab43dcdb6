"""The errors a user can meet.

SalesSimError
├── InputError            unusable input; exit code 2; always place, problem and remedy
│   ├── ScenarioError     a scenario file or a change to one
│   └── LogError          an event log or its mapping
└── LimitReached          a run that would not end (a loop in zero time, too many open cases)
"""

from __future__ import annotations


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
