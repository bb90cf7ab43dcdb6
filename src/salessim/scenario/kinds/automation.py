"""Levers that let a system do what people do: at a step, at the first contact, for approvals, for signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from salessim.durations import Law, constant
from salessim.scenario.kinds.base import Base, Change, Put, Reshape, Setting, Standing, Times, certain, forms_of, line, said, step_path, time_paths
from salessim.scenario.parts import Name, Names, as_list

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Paths = Annotated[tuple[str, ...], BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...])]
"""One path of a field or a list of them."""


def above_zero(law: Any) -> bool:
    """Whether a share can be anything but nothing."""
    return law is not None and not (certain(law) and law.mean == 0)


class Automate(Base):
    """A system does a share of the visits to one or several steps (adoption), in its own time; what fails is done by hand after all.

    `share` and `adoption` are the same. Several steps are what a log knows as one activity: the system, and its cost,
    is one.
    """

    KEY: ClassVar[str] = "automate"
    EFFECTS: ClassVar[tuple[str, ...]] = ("adoption", "share", "time", "time_factor", "failure", "error_factor")
    FELT_AT: ClassVar[dict[str, str]] = {"error_factor": "errors"}
    SHARES: ClassVar[tuple[str, ...]] = ("adoption", "share", "failure")
    ON: ClassVar[dict[str, str]] = {"automate": "staffed", "errors": "path"}
    automate: Names = Field(min_length=1)
    adoption: Law | None = None
    share: Law | None = None
    time: Law | None = None
    """The time the system takes."""
    time_factor: Law | None = None
    """The same in parts of today's time by hand."""
    failure: Law | None = None
    """Share of the system's visits that fail, after its time, and are done by hand."""
    errors: Paths = ()
    """Shares of routes that errors of this step cause."""
    error_factor: Law | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.adoption is not None and self.share is not None:
            raise ValueError("'adoption' and 'share' are the same; keep one")
        if self.time is not None and self.time_factor is not None:
            raise ValueError("both 'time' and 'time_factor' say how long it takes; keep one")
        if not self.usual and self.time is None and self.time_factor is None:
            raise ValueError("'automate' does not say how long the step then takes; add 'time' or 'time_factor'")
        return self

    @property
    def taken(self) -> Any:
        """The law of the share of the visits that the system does."""
        return self.effect("adoption") or self.share or constant(1.0)

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Automation of the steps, their errors, and the way back to people."""
        share, factor, failure = self.taken, self.effect("time_factor"), self.effect("failure")
        for step in self.automate:
            for above, form in forms_of(scenario.steps[step]):
                put: dict[str, Any] = {"share": share.mean}
                if self.time is not None:
                    put["time"] = self.time.model_dump(mode="json")
                else:  # in parts of what it takes today, for each segment
                    put["time"] = Standing(step_path(step, *above, form.kind))
                    own = {g: Standing(step_path(step, *above, "time_by_segment", g)) for g in sorted(form.time_by_segment)}
                    put |= {"time_by_segment": own} if own else {}
                here = step_path(step, *above, "automation")
                yield Put(here, put)
                if not certain(share):
                    yield Put(f"{here}.share", share, "adoption")
                if factor is not None:
                    for field in ("time", *(f"time_by_segment.{g}" for g in put.get("time_by_segment", ()))):
                        yield Times(f"{here}.{field}", factor, "time")
        error_factor = self.effect("error_factor")
        if error_factor is not None:
            # Errors fall where the system does the work and does not fail: 1 - s (1 - factor), at the mean share s.
            done = share.mean * (1 - (failure.mean if failure is not None else 0.0))
            for path in self.errors:
                yield Times(path, line(error_factor, 1 - done, done), "errors")
        if failure is not None and above_zero(share) and above_zero(failure):
            for step in self.automate:
                yield Reshape("with_fallback", (step,), {"failure": failure})

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The steps and the share of their visits."""
        return f"automate {' and '.join(map(repr, self.automate))} ({said(self.taken)} of visits)"


class AnswerAtOnce(Base):
    """Who comes is answered within minutes by a system; a person still follows up, from the same queue.

    Interest no longer fades while people are waited for; it is a little less than after a person's answer (`quality`).
    """

    KEY: ClassVar[str] = "answer_at_once"
    EFFECTS: ClassVar[tuple[str, ...]] = ("quality",)
    SHARES: ClassVar[tuple[str, ...]] = ("quality",)
    ON: ClassVar[dict[str, str]] = {"answer_at_once": "staffed"}
    answer_at_once: Name
    time: Law = constant("2 min")
    quality: Law | None = None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """A step before the first; shares that faded are steady, times the quality."""
        quality = self.effect("quality")
        assert quality is not None
        for i, route in enumerate(scenario.steps[self.answer_at_once].then):
            if route.fades is not None and route.fades.of == "queue":
                yield Put(step_path(self.answer_at_once, "then", str(i), "fades"), None)
                yield Times(step_path(self.answer_at_once, "then", str(i), "share"), quality, "quality")
        yield Reshape("answer_first", (self.answer_at_once,), {"time": self.time.model_dump(mode="json")})

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The step."""
        quality = self.effect("quality")
        return f"answer at once before {self.answer_at_once!r} ({said(quality)} of the interest kept)"

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Somebody must come there first, and interest must fade."""
        if self.answer_at_once not in scenario.steps:
            return
        if all(c.enters != self.answer_at_once for c in scenario.channels.values()):
            yield ("answer_at_once",), f"no channel enters at {self.answer_at_once!r}", "name the step at which cases come in"
        elif not any(r.fades and r.fades.of == "queue" for r in scenario.steps[self.answer_at_once].then):
            yield ("answer_at_once",), f"interest does not fade at {self.answer_at_once!r}, so that a faster answer would change nothing", "give a route 'fades', or choose another step"


class ApproveByRule(Base):
    """A rule gives a share of the approvals at once: the small and the usual ones; the step itself stays, for every case."""

    KEY: ClassVar[str] = "approve_by_rule"
    EFFECTS: ClassVar[tuple[str, ...]] = ("share", "value_factor")
    KEEPS_CORE: ClassVar[bool] = True
    SHARES: ClassVar[tuple[str, ...]] = ("share",)
    ON: ClassVar[dict[str, str]] = {"approve_by_rule": "staffed"}
    approve_by_rule: Name
    share: Law | None = None
    time: Law = constant("1 min")
    value_factor: Law | None = None
    """What remains of the value of deals, on average over all of the segments that come to the step: nobody looks at the margin."""

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The step is automated for a share; deals are worth a little less."""
        share, value = self.effect("share") or constant(1.0), self.effect("value_factor")
        for above, _ in forms_of(scenario.steps[self.approve_by_rule]):
            here = step_path(self.approve_by_rule, *above, "automation")
            yield Put(here, {"share": share.mean, "time": self.time.model_dump(mode="json")})
            if not certain(share):
                yield Put(f"{here}.share", share, "share")
        if value is not None:
            for name, segment in sorted(scenario.segments.items()):
                if segment.value is not None:
                    yield Times(f"segments.{name}.value", value, "value", only_if=(self.approve_by_rule,))

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The step and the share."""
        return f"approve by rule at {self.approve_by_rule!r} ({said(self.effect('share') or constant(1.0))})"


class SignElectronically(Base):
    """A share of the customers sign within hours; the others take the time they take."""

    KEY: ClassVar[str] = "sign_electronically"
    EFFECTS: ClassVar[tuple[str, ...]] = ("fast_share",)
    KEEPS_CORE: ClassVar[bool] = True
    SHARES: ClassVar[tuple[str, ...]] = ("fast_share",)
    ON: ClassVar[dict[str, str]] = {"sign_electronically": "customer"}
    sign_electronically: Name
    fast_share: Law | None = None
    fast: Law = Field(default=constant("4 h"))
    """The time they take."""

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The customer's time becomes a mixture."""
        fast_share = self.effect("fast_share")
        assert fast_share is not None
        for path in time_paths(scenario, self.sign_electronically):
            parts = [{"share": fast_share.mean, "of": self.fast.model_dump(mode="json")}, {"share": 1 - fast_share.mean, "of": Standing(path)}]
            yield Put(path, {"law": "mixture", "parts": parts})
            if not certain(fast_share):
                yield Put(f"{path}.parts.0.share", fast_share, "fast", rest=f"{path}.parts.1.share")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The step and the share."""
        return f"sign electronically at {self.sign_electronically!r} ({said(self.effect('fast_share'))} within hours)"
