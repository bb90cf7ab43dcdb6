"""Levers that change figures: one field, people in a team, its shifts, or any list of fields by uncertain effects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from salessim.durations import Law
from salessim.scenario import ranges
from salessim.scenario.kinds.base import GUESSED, Append, Base, Change, Plus, Put, Setting, Times, alike, certain, in_proportion, number
from salessim.scenario.parts import Name, Part
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


MOST_INTEGERS = 100_000
"""Settings of one lever: more cannot be told apart one by one."""


class SetField(Base):
    """A field takes one of some values: whole numbers, a choice, or anything in a range."""

    KEY: ClassVar[str] = "field"
    ON: ClassVar[dict[str, str]] = {"field": "path"}
    field: str
    integer: tuple[int, int] | None = None
    choice: tuple[Any, ...] | None = Field(default=None, min_length=1)
    range: tuple[Any, Any] | None = None
    was: Any = None
    """In a design: what stood there before the lever was first pulled. Its costs, and the levers that need it, count from there."""

    @model_validator(mode="after")
    def _one_domain(self) -> Self:
        if sum(d is not None for d in (self.integer, self.choice, self.range)) != 1:
            raise ValueError("a 'field' lever has exactly one of 'integer', 'choice' and 'range'; other levers have none")
        if self.integer is not None and self.integer[0] > self.integer[1]:
            raise ValueError(f"the integers run from {self.integer[0]} down to {self.integer[1]}; put the smaller first")
        if self.integer is not None and self.integer[1] - self.integer[0] >= MOST_INTEGERS:
            raise ValueError(f"the integers from {self.integer[0]} to {self.integer[1]} are more than {MOST_INTEGERS:,}; give fewer, or some of them as 'choice'")
        return self

    def settings(self) -> tuple[Setting, ...]:
        """All values, or for a range its two ends."""
        if self.integer is not None:
            return tuple(range(self.integer[0], self.integer[1] + 1))
        if self.choice is not None:
            return self.choice
        assert self.range is not None
        scale, low = ranges.read(self.range[0])
        return low, ranges.on(scale, self.range[1])

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The field takes the setting."""
        value = ranges.read(self.range[0])[0].words(setting) if self.range is not None else setting
        yield Put(self.field, value)
        yield from in_proportion(scenario, self.field, value)


class AddStaff(Base):
    """More people in a team; from a day on if `joins`, or a roll-out, names one."""

    KEY: ClassVar[str] = "add_staff"
    ON: ClassVar[dict[str, str]] = {"add_staff": "team"}
    add_staff: Name
    up_to: Annotated[int, Field(ge=1, le=1000)] = 1
    joins: dt.date | None = None
    """The day they begin, after the time it takes to hire; from the beginning without it."""

    def settings(self) -> tuple[Setting, ...]:
        """So many more."""
        return tuple(range(self.up_to + 1))

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The team grows, at once or on a day."""
        joins = self.pays_from()
        if joins is None:
            yield Plus(f"teams.{self.add_staff}.size", number(int(setting)))
        else:
            yield Append(f"teams.{self.add_staff}.joining", ({"count": int(setting), "date": str(joins)},))

    def pays_from(self) -> dt.date | None:
        """Who has not joined yet is not paid yet."""
        return self.joins or super().pays_from()

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """People are whole, and join on one day."""
        if self.rollout is not None and self.rollout.share < 1:
            yield ("rollout", "share"), "people join a team, not a share of the cases", "leave 'share' out, or choose a smaller 'up_to'"
        if self.rollout is not None and self.rollout.since is not None and self.joins is not None and self.joins != self.rollout.since:
            yield ("joins",), f"they join on {self.joins}, and the roll-out begins on {self.rollout.since}", "keep one of the two days"

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """So many people instead of so many."""
        team = scenario.teams[self.add_staff]
        since = f" from {self.joins}" if self.joins else ""
        return f"{team.title or self.add_staff}: {team.size} → {counted(team.size + int(setting), 'person', 'people')}{since}"


class Shifts(Base):
    """A team works on another calendar."""

    KEY: ClassVar[str] = "shifts"
    ON: ClassVar[dict[str, str]] = {"shifts": "team", "calendar": "calendar"}
    shifts: Name
    calendar: Name

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The team's calendar."""
        yield Put(f"teams.{self.shifts}.calendar", self.calendar)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The team and its calendar."""
        return f"{scenario.teams[self.shifts].title or self.shifts}: shifts of {self.calendar!r}"


class Effect(Part):
    """What happens to one field: it is set, multiplied or added to. Effects with the same word in `together` share a draw."""

    field: str
    set: Any = None
    factor: Law | None = None
    plus: Law | None = None
    together: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if sum(x is not None for x in (self.set, self.factor, self.plus)) != 1:
            raise ValueError(f"the effect on {self.field!r} has exactly one of 'set', 'factor' and 'plus'; keep one")
        return self


class Effects(Base):
    """Any fields of the process, each with its own effect: what no other kind says."""

    KEY: ClassVar[str] = "effects"
    ON: ClassVar[dict[str, str]] = {"effects": "path"}
    effects: tuple[Effect, ...] = Field(min_length=1, max_length=100)

    @property
    def rests_on(self) -> str | None:
        """Effects and costs, unless the lever or each of its laws has a source; what is merely set is nobody's finding, either."""
        found = super().rests_on
        return GUESSED if found is None and self.source is None and not self.laws() else found

    def laws(self) -> list[Any]:
        """Factors and what is added."""
        return [law for e in self.effects if (law := e.factor or e.plus) is not None]

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """One change for each effect."""
        for i, effect in enumerate(self.effects):
            draw = effect.together or f"effect {i}"
            if effect.factor is not None:
                yield from (Times(path, effect.factor, draw) for path in alike(scenario, effect.field))
            elif effect.plus is not None:
                yield from (Plus(path, effect.plus, draw) for path in alike(scenario, effect.field))
            else:
                yield Put(effect.field, effect.set)
                yield from in_proportion(scenario, effect.field, effect.set)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """Each field with what happens to it."""
        said = []
        for e in self.effects:
            law = e.factor or e.plus
            if law is None:
                said.append(f"{e.field} → {e.set}")
            else:
                about = "" if certain(law) else "about "
                said.append(f"{e.field} × {about}{law.mean:.3g}" if e.factor is not None else f"{e.field} + {about}{law.mean:.3g}")
        return "; ".join(said)
