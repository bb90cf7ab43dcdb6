"""Levers on how the work is organised: the same way everywhere, and systems that talk to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from salessim.durations import Law
from salessim.scenario import ranges
from salessim.scenario.kinds.automation import Paths
from salessim.scenario.kinds.base import Base, Change, Reshape, Setting, Times, line, listed, said, time_paths
from salessim.scenario.parts import Names
from salessim.units import Share

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


class Standardise(Base):
    """The same way for everybody, to a degree: times spread less, errors are fewer, unusual cases fit worse."""

    KEY: ClassVar[str] = "standardise"
    EFFECTS: ClassVar[tuple[str, ...]] = ("spread_factor", "error_factor", "unusual_factor")
    FELT_AT: ClassVar[dict[str, str]] = {"error_factor": "errors", "unusual_factor": "unusual"}
    ON: ClassVar[dict[str, str]] = {"standardise": "step", "errors": "path", "unusual": "path"}
    standardise: Names = Field(min_length=1)
    level: tuple[Share, Share] = (0.0, 1.0)
    """Degrees to choose from: 0 is today, 1 one way for all."""
    spread_factor: Law | None = None
    errors: Paths = ()
    error_factor: Law | None = None
    unusual: Paths = ()
    """Shares of unusual cases that lead to winning, such as steps.x.then.to y.share.large."""
    unusual_factor: Law | None = None

    @property
    def scale(self) -> ranges.Scale:
        """Degrees are shares."""
        return ranges.Scale("share")

    def settings(self) -> tuple[Setting, ...]:
        """The two ends."""
        return self.level

    def today(self, scenario: Scenario, read: Callable[[Scenario, str], Any]) -> Setting:
        """Not more than today."""
        return 0.0

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Each effect in proportion to the degree."""
        spread, error, unusual = (self.effect(f) for f in ("spread_factor", "error_factor", "unusual_factor"))
        for name in self.standardise if spread is not None else ():
            for path in time_paths(scenario, name):
                yield Times(f"{path}.cv", line(spread, 1 - setting, setting), "spread")
        for path in self.errors if error is not None else ():
            yield Times(path, line(error, 1 - setting, setting), "errors")
        for path in self.unusual if unusual is not None else ():
            yield Times(path, line(unusual, 1 - setting, setting), "unusual")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The steps and the degree."""
        return f"standardise {listed(self.standardise)} to {100 * setting:.3g} %"

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """The spread of a time is its cv."""
        if not self.level[0] < self.level[1]:
            yield ("level",), f"the degree runs from {self.level[0]:g} to {self.level[1]:g}", "put the smaller first"
        for i, name in enumerate(self.standardise if self.effect("spread_factor") is not None else ()):
            step = scenario.steps.get(name)
            forms = [step, *(v.step for v in step.versions)] if step is not None else []
            if any(getattr(law, "cv", None) is None for form in forms for law in (form.time, *form.time_by_segment.values())):
                yield ("standardise", i), f"the time of {name!r} has no 'cv' that could shrink", "write it, and those of its segments and versions, as laws with mean and cv"


class Integrate(Base):
    """Systems are joined: what waited between them hardly waits, nobody types anything again, less is lost or doubled."""

    KEY: ClassVar[str] = "integrate"
    EFFECTS: ClassVar[tuple[str, ...]] = ("latency_factor", "duplicate_factor")
    FELT_AT: ClassVar[dict[str, str]] = {"latency_factor": "integrate", "duplicate_factor": "duplicates"}
    ON: ClassVar[dict[str, str]] = {"integrate": "step", "rekey": "step", "duplicates": "path"}
    integrate: Names = ()
    """Steps that are the time between systems."""
    latency_factor: Law | None = None
    rekey: Names = ()
    """Steps at which people type in again what another system holds: they fall away."""
    duplicates: Paths = ()
    """Shares or probabilities of losses and duplicates between systems."""
    duplicate_factor: Law | None = None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Waits, typing and losses."""
        latency, double = self.effect("latency_factor"), self.effect("duplicate_factor")
        for name in self.integrate if latency is not None else ():
            for path in time_paths(scenario, name):
                yield Times(path, latency, "latency")
        for path in self.duplicates if double is not None else ():
            yield Times(path, double, "duplicates")
        for name in self.rekey:
            yield Reshape("remove", (name,), {"then_to": None}, takes=(name,))

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Something must be joined."""
        if not (self.integrate or self.rekey or self.duplicates):
            yield ("integrate",), "nothing is named that would be joined", "name steps that are the time between systems, or give 'rekey' or 'duplicates'"

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """What is joined."""
        latency = self.effect("latency_factor")
        what = [f"{listed(self.integrate)} × {said(latency, percent=False)}"] if self.integrate and latency is not None else []
        what += [f"without {listed(self.rekey)}"] if self.rekey else []
        return f"integrate systems: {', '.join(what) or 'fewer duplicates'}"
