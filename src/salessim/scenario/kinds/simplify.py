"""Levers that change the shape of the process: a step less, one of two, approvals at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from salessim.durations import Law
from salessim.scenario.kinds.automation import Paths
from salessim.scenario.kinds.base import Base, Change, Plus, Reshape, Setting, listed
from salessim.scenario.parts import Name

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


class _Fewer(Base):
    """What a step would have found goes on, and is felt where `escape_at` says."""

    EFFECTS: ClassVar[tuple[str, ...]] = ("escape",)
    FELT_AT: ClassVar[dict[str, str]] = {"escape": "escape_at"}
    SHARES: ClassVar[tuple[str, ...]] = ("escape",)
    escape: Law | None = None
    """Share of the cases with a defect that the step would have found."""
    escape_at: Paths = ()
    """Shares or probabilities that rise by it: a way back, a loss, a ticket."""

    def escapes(self) -> Iterator[Change]:
        """The defects, where they are felt."""
        law = self.effect("escape")
        for path in self.escape_at if law is not None else ():
            yield Plus(path, law, "escape")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.escape is not None and not self.escape_at:
            raise ValueError("'escape' says how many defects go on, but not where they are felt; add 'escape_at' with the path of a share")
        return self


class Remove(_Fewer):
    """A step less. One that loses cases is removed only if `then_to` says where everybody goes."""

    KEY: ClassVar[str] = "remove"
    ON: ClassVar[dict[str, str]] = {"remove": "step", "then_to": "kept", "escape_at": "path"}
    remove: Name
    then_to: Name | None = None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The step goes."""
        yield from self.escapes()
        yield Reshape("remove", (self.remove,), {"then_to": self.then_to}, takes=(self.remove,))

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The step."""
        return f"remove {self.remove!r}"


class Merge(_Fewer):
    """One step of two that follow each other."""

    KEY: ClassVar[str] = "merge"
    ON: ClassVar[dict[str, str]] = {"merge": "step", "escape_at": "path"}
    merge: tuple[Name, Name]
    time: Law | None = None

    @model_validator(mode="after")
    def _time_is_said(self) -> Self:
        if self.time is None:
            raise ValueError("'merge' does not say how long the step then takes; add 'time'")
        return self

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The first step takes the place of both."""
        assert self.time is not None
        yield from self.escapes()
        yield Reshape("merge", self.merge, {"time": self.time.model_dump(mode="json")}, takes=self.merge)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """Both steps."""
        return f"merge {listed(self.merge)}"

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Two different steps of one kind."""
        kinds = {scenario.steps[s].kind for s in self.merge if s in scenario.steps}
        if len(kinds) > 1 or self.merge[0] == self.merge[1]:
            yield ("merge",), "two steps that are merged must differ and be of one kind (work, automatic, customer)", "choose others"


class InParallel(Base):
    """Steps that follow each other begin at the same time; what follows waits for all of them. Core steps stay: each is passed."""

    KEY: ClassVar[str] = "in_parallel"
    KEEPS_CORE: ClassVar[bool] = True
    ON: ClassVar[dict[str, str]] = {"in_parallel": "step"}
    in_parallel: Annotated[tuple[Name, ...], Field(min_length=2, max_length=32)]

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """A split before them and a join behind."""
        yield Reshape("in_parallel", self.in_parallel, takes=self.in_parallel)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The steps."""
        return f"{listed(self.in_parallel)} at the same time"
