"""A case that is in process when the run begins: where it is, since when, and who works on it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from salessim.scenario.parts import Mark, Name, Names, Part

Money = Annotated[float, Field(ge=0, le=1e15)]


class OpenCase(Part):
    """One open case. Dates carry an offset, or are on the scenario's clock.

    It is at `step`: in the queue, or under way in the customer's or a system's time; where `team` says who works on it, in
    work. Or it has left the step `after`, and which of the ways on that take time it is on is not known.
    """

    case: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    channel: Name
    segment: Name | None = None
    """May be left out if there is only one."""
    value: Money | None = None
    """Drawn from the segment's law without it."""
    arrived: dt.datetime
    step: Name | None = None
    after: Name | None = None
    since: dt.datetime
    """When it came to `step`, or left `after`."""
    started: dt.datetime | None = None
    """When the work in hand began; without it, at once."""
    team: Names = ()
    """Who works on it, one team for each person the step needs."""
    visited: dict[Name, Annotated[int, Field(ge=0, le=1_000_000)]] = {}
    """Ended visits by step, where limits or repeats count them."""
    holds: dict[Name, Annotated[int, Field(ge=1)] | None] = {}
    """Places of limits it has, each with the number of the person it belongs to, if it belongs to one."""
    responded: dt.datetime | None = None
    won: dt.datetime | None = None
    delivered: dt.datetime | None = None
    cost: Money = 0.0
    """Spent so far."""
    attributes: dict[Mark, float] = {}

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.step is None) == (self.after is None):
            raise ValueError(f"open case {self.case!r} is at a 'step' or has left one ('after'); give exactly one of them")
        if self.team and self.step is None:
            raise ValueError(f"open case {self.case!r} has a team but no step; give the step at which the team works on it")
        if self.started is not None and not self.team:
            raise ValueError(f"open case {self.case!r} has 'started' but no 'team'; say who works on it, or leave 'started' out")
        return self
