"""What a planner says about the life of a team: absence, joining and leaving, learning, meetings, load.

Each record is one field of a team (`scenario.model.Team`) and checks itself. What they mean for a run is in `staff`
(who is there when) and `pace` (how fast they are).
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from salessim.durations import Law
from salessim.scenario.calendars import spans, weekdays
from salessim.units import WEEK, Duration, Share

Pace = Annotated[float, Field(ge=0.01, le=100, allow_inf_nan=False)]
"""Work done per time, against the ordinary; 0.8 takes a quarter longer."""
Count = Annotated[int, Field(ge=1, le=100_000)]


class Fact(BaseModel):
    """A frozen paragraph with its provenance; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: str | None = None
    source: str | None = None
    assumption: str | bool | None = None


class Absence(Fact):
    """Each person is away for a share of the time, in spells; a spell begins when the work in hand is done."""

    share: Share
    spell: Law
    paid: bool = False
    """Whether hourly pay runs on; a salary always does."""

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.share > 0.9:
            raise ValueError(f"the absence of {100 * self.share:g} % leaves hardly anybody; give at most 90 %, or a smaller size")
        if self.share > 0 and self.spell.mean <= 0:
            raise ValueError("a spell of absence takes no time; give for example '3 days'")
        return self


class Joining(Fact):
    """People who join the team on a date, beside its size; before the scenario's start they are already there."""

    count: Count = 1
    date: dt.date


class Leaving(Fact):
    """People who leave on a date, the longest-serving first; that day they are gone."""

    count: Count = 1
    date: dt.date


class Attrition(Fact):
    """A person leaves after a tenure; the place is filled by a newcomer after the time it takes to hire."""

    tenure: Law
    hiring: Law

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.tenure.mean <= 0:
            raise ValueError("a tenure of no time means that nobody ever works; give for example '3 years'")
        return self


class Ramp(Fact):
    """The pace of newcomers by the time since they joined: a straight line from `start` to 1, or points."""

    start: Share | None = None
    over: Duration | None = None
    points: tuple[tuple[Duration, Annotated[float, Field(ge=0, le=100)]], ...] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.over is None) == (self.points is None) or (self.points is not None and self.start is not None):
            raise ValueError("a ramp is a straight line or a table; give 'start' and 'over', or 'points'")
        if self.over == 0:
            raise ValueError("a ramp over no time is not a ramp; give for example '5 months', or leave it out")
        times = [t for t, _ in self.points or ((0, 1.0),)]
        if times != sorted(set(times)) or times[0] != 0:
            raise ValueError("the points of a ramp start at time 0 and rise in time; put them in that order")
        if self.points is not None and self.points[-1][1] < 0.01:
            raise ValueError("the ramp ends at a pace of hardly anything; let its last point be at least 0.01")
        return self

    @property
    def line(self) -> tuple[tuple[int, float], ...]:
        """The points (time since joining, pace); constant after the last."""
        if self.points is not None:
            return self.points
        return (0, self.start or 0.0), (self.over or 0, 1.0)


class Learning(Fact):
    """A learning curve (Wright 1936): each doubling of a person's finished jobs multiplies their time by `rate`."""

    rate: Annotated[Share, Field(ge=0.5, le=1)]
    experience: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    """Jobs that those who are there at the start have done before; newcomers have done none."""
    floor: Annotated[Share, Field(ge=0.01)] = 0.01
    """The time never falls below this share of the first job's."""


class Meeting(Fact):
    """A regular meeting of the whole team: paid, on duty, but not for cases."""

    days: str
    hours: str
    every: Duration = WEEK
    """Whole weeks, counted from the week of the scenario's start."""

    @model_validator(mode="after")
    def _sane(self) -> Self:
        weekdays(self.days)
        spans(self.hours)
        if self.every == 0 or self.every % WEEK:
            raise ValueError("a meeting comes every so many whole weeks; write for example 'every: 2 weeks'")
        return self


class Course(Fact):
    """A course of the whole team on some days (both dates included), all day or at some hours."""

    start: dt.date
    end: dt.date
    hours: str = "00:00-24:00"

    @model_validator(mode="after")
    def _sane(self) -> Self:
        spans(self.hours)
        if self.end < self.start:
            raise ValueError(f"the course ends on {self.end}, before it starts on {self.start}; swap the dates")
        if (self.end - self.start).days > 3660:
            raise ValueError("the course is longer than ten years; give an earlier end")
        return self


class PaceChange(Fact):
    """The whole team works at another pace from one date to another (both included), then recovers in a straight line."""

    start: dt.date
    end: dt.date
    pace: Pace
    recovers: Duration = 0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"the pace ends on {self.end}, before it starts on {self.start}; swap the dates")
        return self


class UnderLoad(Fact):
    """People work at another pace when many wait: a straight line from 1 with nobody waiting to `pace` at `waiting` a head."""

    waiting: Annotated[float, Field(gt=0, le=1e6)]
    pace: Pace

