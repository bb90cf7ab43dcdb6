"""Levers on people: in which order they serve, what they are taught, whom they can stand in for."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from salessim.durations import Law
from salessim.scenario.calendars import dates
from salessim.scenario.kinds.automation import Paths
from salessim.scenario.kinds.base import Append, Base, Change, Missing, Put, Rollout, Setting, Times, certain, line, listed, said, step_path, time_paths
from salessim.scenario.parts import Name, Names
from salessim.units import DAY, Duration
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


class Prioritise(Base):
    """Another order of waiting or of teams at some steps."""

    KEY: ClassVar[str] = "prioritise"
    ON: ClassVar[dict[str, str]] = {"prioritise": "staffed", "by": "team"}
    prioritise: Names = Field(min_length=1)
    queue: Literal["priority", "first_come", "newest_first", "highest_value", "longest_in_process"] | None = None
    priority: Annotated[int, Field(ge=1, le=9)] | None = None
    serve_first: str | None = None
    """A formula: among equals, the highest first."""
    by: Names = ()
    """Teams in order of preference."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.queue or self.priority or self.serve_first or self.by):
            raise ValueError("'prioritise' does not say in which order; add 'queue', 'priority', 'serve_first' or 'by'")
        return self

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Each field that is given, at each step."""
        for step in self.prioritise:
            for field in ("queue", "priority", "serve_first", "by"):
                value: Any = getattr(self, field)
                if value:
                    yield Put(step_path(step, field), list(value) if field == "by" else value)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The steps and the order."""
        how = [str(x).replace("_", " ") for x in (self.queue, self.serve_first and f"highest {self.serve_first}", self.priority and f"class {self.priority}", self.by and " before ".join(self.by)) if x]
        return f"{listed(self.prioritise)}: {', '.join(how)} first" if not self.queue else f"{listed(self.prioritise)}: {', '.join(how)}"


class Train(Base):
    """A team is taught: it is faster, errs less, follows the process more often; what is learnt is forgotten again."""

    KEY: ClassVar[str] = "train"
    EFFECTS: ClassVar[tuple[str, ...]] = ("time_factor", "error_factor", "adherence_gain", "ramp_factor")
    FELT_AT: ClassVar[dict[str, str]] = {"error_factor": "errors"}
    KEEPS_CORE: ClassVar[bool] = True
    ON: ClassVar[dict[str, str]] = {"train": "team", "at": "staffed", "errors": "path"}
    SHARES: ClassVar[tuple[str, ...]] = ("adherence_gain",)
    train: Name
    at: Names = ()
    """The steps that are taught; all that the team alone works at, without it."""
    days: Annotated[Paths, Field(max_length=100)] = ()
    """Off the floor: "2026-03-02", "2026-03-02 to 2026-03-04"."""
    time_factor: Law | None = None
    errors: Paths = ()
    error_factor: Law | None = None
    adherence_gain: Law | None = None
    """Share of the visits that are skipped today and then take place."""
    ramp_factor: Law | None = None
    """Ramp-up of newcomers, in parts of today's."""
    half_life: Duration | None = None
    """After so long half of the effect is forgotten; nothing is, without it."""

    @model_validator(mode="after")
    def _days_are_dates(self) -> Self:
        for text in self.days:
            dates(text)
        if self.half_life == 0:
            raise ValueError("what is forgotten at once was never learnt; give a half_life above zero, or leave it out")
        return self

    def steps(self, scenario: Scenario) -> list[str]:
        """The steps that are taught."""
        return list(self.at) or sorted(n for n, s in scenario.steps.items() if s.by == (self.train,))

    def taught(self) -> dt.date | None:
        """The day after the last day of the course; None if no days are named."""
        days = [day for text in self.days for day in dates(text)]
        return max(days) + dt.timedelta(days=1) if days else None

    @property
    def rolls_out(self) -> Rollout | None:
        """Nobody is faster before the course is over."""
        after = self.taught()
        if after is None or (self.rollout is not None and self.rollout.since is not None):
            return self.rollout
        return (self.rollout or Rollout()).model_copy(update={"since": after})

    def pays_from(self) -> dt.date | None:
        """The first day of the course, if the roll-out names no day."""
        days = [day for text in self.days for day in dates(text)]
        return super().pays_from() or (min(days) if days else None)

    def kept(self, scenario: Scenario) -> float:
        """What is there of the effect on average while it is measured, 2^-(t / half_life) after a time t, among those who are taught.

        Who joins the team later has not been taught. Where people leave, 1 - exp(-t / tenure) of the taught ones are gone after t.
        """
        clock, team = scenario.clock, scenario.teams[self.train]
        since = self.rolls_out.since if self.rolls_out is not None else None
        origin = clock.start.toordinal()
        begins = ((since or clock.start).toordinal() - origin) * DAY
        measured = max(begins, clock.warm_up)
        if measured >= clock.horizon:
            return 1.0  # never met in this run
        rate = math.log(2) / self.half_life if self.half_life else 0.0
        rate += 1 / team.attrition.tenure.mean if team.attrition is not None else 0.0
        turns = sorted({measured, clock.horizon, *(t for j in team.joining if measured < (t := (j.date.toordinal() - origin) * DAY) < clock.horizon)})
        there = team.size + sum(j.count for j in team.joining if (j.date.toordinal() - origin) * DAY <= begins)
        total = 0.0
        for a, b in itertools.pairwise(turns):
            people = team.size + sum(j.count for j in team.joining if (j.date.toordinal() - origin) * DAY <= a)
            left = (math.exp(-rate * (a - begins)) - math.exp(-rate * (b - begins))) / rate if rate else b - a
            total += left * (there / people if people else 1.0)
        return total / (clock.horizon - measured)

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Times, errors and adherence at the steps; days off the floor."""
        kept = self.kept(scenario)
        time, gain, ramp, error = (self.effect(f) for f in ("time_factor", "adherence_gain", "ramp_factor", "error_factor"))
        for name in self.steps(scenario):
            if time is not None:
                for path in time_paths(scenario, name):
                    yield Times(path, line(time, 1 - kept, kept), "time")
            if gain is not None:
                yield Missing(step_path(name, "adherence"), line(gain, 1, -kept), "adherence")
        for path in self.errors if error is not None else ():
            yield Times(path, line(error, 1 - kept, kept), "errors")
        newcomers = scenario.teams[self.train].ramp
        if ramp is not None and newcomers is not None and newcomers.over:
            yield Times(f"teams.{self.train}.ramp.over", ramp, "ramp", dated=True)
        if self.days:
            ends = [(days[0], days[-1]) for text in self.days if (days := dates(text))]
            yield Append(f"teams.{self.train}.courses", tuple({"start": str(a), "end": str(b)} for a, b in ends))

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The team and its days."""
        off = len({day for text in self.days for day in dates(text)})
        days = f", {counted(off, 'day')} off the floor" if off else ""
        forgotten = f", half forgotten after {self.half_life / DAY:.0f} days" if self.half_life else ""
        return f"train {scenario.teams[self.train].title or self.train}{days}{forgotten}"


class CrossTrain(Base):
    """A team learns the work of others, at a lower pace."""

    KEY: ClassVar[str] = "cross_train"
    EFFECTS: ClassVar[tuple[str, ...]] = ("speed",)
    ON: ClassVar[dict[str, str]] = {"cross_train": "team", "at": "staffed"}
    cross_train: Name
    at: Names = Field(min_length=1)
    """The steps it then works at, too, after the teams that do so today."""
    speed: Law | None = None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The skill of each step, at a speed; a step that needs no skill by name gets one of its own."""
        speed = self.effect("speed")
        assert speed is not None
        learnt: set[str] = set()
        for name in self.at:
            step = scenario.steps[name]
            if self.cross_train in step.by:
                continue
            skill = step.skill or name
            if step.skill is None:
                yield Put(step_path(name, "skill"), skill)
                for team in step.by:
                    yield Put(f"teams.{team}.skills.{skill}", 1.0)
            if step.by:
                yield Put(step_path(name, "by"), [*step.by, self.cross_train])
            if skill not in learnt and skill not in scenario.teams[self.cross_train].skills:
                learnt.add(skill)
                yield Put(f"teams.{self.cross_train}.skills.{skill}", speed.mean)
                if not certain(speed):
                    yield Put(f"teams.{self.cross_train}.skills.{skill}", speed, "speed")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The team and the steps."""
        return f"{scenario.teams[self.cross_train].title or self.cross_train} also works at {listed(self.at)} ({said(self.effect('speed'))} of the pace)"
