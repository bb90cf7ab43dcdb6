"""How much a search may take: time by the clock, or replications."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from salessim.errors import InputError
from salessim.units import SECOND, duration

_RUNS = re.compile(r"(?P<count>\d[\d,_]*)\s*(runs?|replications?)")


@dataclass
class Budget:
    """What a search may take, the choice on fresh seeds included; without either it takes what it needs.

    A budget of time is of the call, by a clock that nobody can move; one of replications is of the study, so that a study that
    was interrupted ends where it would have ended.
    """

    seconds: float | None = None
    runs: int | None = None
    words: str = ""
    clock: Callable[[], float] = time.monotonic
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.begun

    def over(self, asked: int, ran: int, ahead: int, choosing: int) -> bool:
        """Whether the search must stop before its next trial, so that there is enough left for the choice.

        Args:
            asked: replications of the study so far.
            ran: those that were run by this call.
            ahead: replications of the next trial.
            choosing: replications that the choice may take; at most half of the budget is kept for them.
        """
        if self.runs is not None and asked + ahead > self.runs - min(choosing, self.runs // 2):
            return True
        if self.seconds is None:
            return False
        each = self.spent / ran if ran else 0.0
        return self.spent + each * ahead > self.seconds - min(each * choosing, self.seconds / 2)


def parse_budget(text: str) -> Budget:
    """A budget from words such as "10 min" or "5000 runs".

    Raises:
        InputError: it is neither, or nothing.

    Example:
        >>> parse_budget("10 min").seconds, parse_budget("5,000 runs").runs
        (600.0, 5000)
    """
    match = _RUNS.fullmatch(text.strip())
    try:
        found = Budget(runs=int(re.sub("[,_]", "", match["count"])), words=text.strip()) if match else Budget(seconds=duration(text) / SECOND, words=text.strip())
    except ValueError:
        raise InputError("--budget", f"{text!r} is neither a time nor a number of replications", "write for example '10 min' or '5000 runs'") from None
    if not (found.runs or found.seconds or 0) > 0:
        raise InputError("--budget", f"{text!r} leaves nothing to search with", "write for example '10 min' or '5000 runs'")
    return found


__all__ = ["Budget", "parse_budget"]
