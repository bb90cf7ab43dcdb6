"""What all levers have in common, and the changes that they are made of.

A lever says what it does as a list of changes to fields, and of operations where the shape of the process changes.
What an effect is may be uncertain: it is then drawn once per replication (`scenario.unknowns`).
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from salessim.durations import Law
from salessim.durations.specs import Constant, Triangular, Uniform
from salessim.scenario.kinds.priors import usual
from salessim.scenario.parts import Documented, Name, Names, Part
from salessim.units import CostRate, Duration, Money, Quantity, Share

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step

Setting = Any
GUESSED = "effect and cost"
"""What a lever rests on that says what it does, and not why."""


@dataclass(frozen=True)
class Standing:
    """In the value of a `Put`: what stands at a path today, with all that is not known about it."""

    path: str


@dataclass(frozen=True)
class Put:
    """A field takes a value: as a file would have it, or drawn from a law. What was not known about it no longer matters."""

    path: str
    value: Any
    draw: str = ""
    rest: str | None = None
    """Path of the share that gives or takes the difference."""


@dataclass(frozen=True)
class Append:
    """A list grows; what stands in it stays."""

    path: str
    entries: tuple[Any, ...]
    draw: str = ""
    dated: bool = True
    """Whether the entries have dates of their own, so that no roll-out need say from when on they hold."""


@dataclass(frozen=True)
class Times:
    """What stands in a field is multiplied."""

    path: str
    law: Law
    draw: str = ""
    then: Any = None
    """What a certain factor makes of a known figure, where that is said more exactly than by multiplying."""
    dated: bool = False
    """Whether it holds for what is still to come anyway, so that no roll-out need say from when on."""
    only_if: tuple[str, ...] = ()
    """Of what is about a segment: steps to one of which its cases must be able to come; nothing happens otherwise."""


@dataclass(frozen=True)
class Missing:
    """What a share lacks of 1 is multiplied."""

    path: str
    law: Law
    draw: str = ""


@dataclass(frozen=True)
class Plus:
    """Something is added to the quantity in a field."""

    path: str
    law: Law
    draw: str = ""


@dataclass(frozen=True)
class Reshape:
    """An operation of `scenario.surgery`, by name."""

    what: Literal["with_fallback", "answer_first", "in_parallel", "merge", "remove", "swap"]
    steps: tuple[str, ...]
    how: dict[str, Any] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    """Steps that are gone afterwards, or are no longer what they were: nobody else's to change."""


Change = Put | Append | Times | Plus | Missing | Reshape


class Dip(Part):
    """While a change is being learnt, teams are slower."""

    factor: Annotated[float, Field(gt=0, le=1)]
    lasts: Annotated[Duration, Field(alias="for")]
    teams: Names = ()
    """Those who work at the steps that change, without it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)


class Rollout(Part):
    """From which day on, and for which share of the cases; without a day from the beginning, without a share for all.

    What the lever costs is not cut down to the share: a pilot costs what is written at the lever.
    """

    since: Annotated[dt.date | None, Field(alias="from")] = None
    share: Share = 1.0
    dip: Dip | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)


class Base(Documented):
    """One thing that may be changed, with what it costs, what it needs and what it cannot go with.

    A lever that says nothing about its effect has the usual one (`priors`), which is an assumption; one that says
    something has exactly what it says.
    """

    KEY: ClassVar[str]
    """The field by which the kind is known."""
    EFFECTS: ClassVar[tuple[str, ...]] = ()
    """Fields that hold its effect."""
    SHARES: ClassVar[tuple[str, ...]] = ()
    """Those of them that are shares, so at most 1."""
    FELT_AT: ClassVar[dict[str, str]] = {}
    """Effect -> the field that says where it is felt; it does nothing where that names nothing."""
    KEEPS_CORE: ClassVar[bool] = False
    """Whether it may act on core steps: every visit still takes place, by the same way."""
    ON: ClassVar[dict[str, str]] = {}
    """Fields that name a "step", "staffed", "team", "calendar", "skill", "channel", "segment", "cost", "module" or "path"."""

    running_cost: CostRate | None = None
    one_off_cost: Money | None = None
    needs: Names = ()
    """Levers without which this one does nothing."""
    excludes: Names = ()
    """Levers that cannot be pulled together with this one."""
    rollout: Rollout | None = None

    @property
    def kind(self) -> str:
        """Which kind it is."""
        return self.KEY

    @property
    def usual(self) -> bool:
        """Whether it says nothing about its effect, so that the usual one is taken."""
        return bool(self.EFFECTS) and all(getattr(self, f) is None for f in self.EFFECTS)

    @property
    def effects_felt(self) -> dict[str, Any]:
        """Effect -> law, of those that change something."""
        return {f: law for f in self.EFFECTS if (f not in self.FELT_AT or getattr(self, self.FELT_AT[f])) and (law := self.effect(f)) is not None}

    def effect(self, name: str) -> Any:
        """The law of an effect: as written, or the usual one; None for no effect."""
        return usual(self.KEY, name) if self.usual else getattr(self, name)

    @property
    def rests_on(self) -> str | None:
        """What it rests on besides data and sources, for people; None if every effect has a source."""
        if isinstance(self.assumption, str):
            return self.assumption
        if self.usual:
            return "the usual effect of its kind"
        laws = self.laws()
        guessed = [law.assumption for law in laws if law.assumption and not law.source]
        if self.assumption or guessed:
            return next((text for text in guessed if isinstance(text, str)), GUESSED)
        if self.source is not None or not laws or all(law.source for law in laws):
            return None
        return GUESSED

    def laws(self) -> list[Any]:
        """The laws of its effects, as written."""
        return [law for f in self.EFFECTS if hasattr(law := getattr(self, f), "quantile")]

    @property
    def rolls_out(self) -> Rollout | None:
        """From when on and for whom it holds; None: from the beginning, for all."""
        return self.rollout

    def pays_from(self) -> dt.date | None:
        """The day from which on it costs something, if that is not the beginning."""
        return self.rollout.since if self.rollout is not None else None

    def settings(self) -> tuple[Setting, ...]:
        """The settings to choose from; the first leaves the process as it is."""
        return False, True

    @abstractmethod
    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """What a setting does to a scenario."""

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """What a setting means, for people; the name of the kind where it has no words of its own."""
        return self.KEY.replace("_", " ")

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """(path below the lever, problem, remedy) of what names and steps alone do not tell."""
        return iter(())


def number(value: float) -> Constant:
    """A certain number as a law."""
    return Constant(value=Quantity(value, "number", repr(value)))


def certain(law: Any) -> bool:
    """Whether a law leaves nothing open."""
    low, high = (getattr(law, f).value if hasattr(law, f) else None for f in ("low", "high"))
    return law.law == "constant" or (low is not None and low == high)


def line(law: Any, at_zero: float, slope: float) -> Law:
    """The law of at_zero + slope X, for what people can guess: constant, uniform and triangular laws.

    Raises:
        ValueError: another law.

    Example:
        >>> line(number(0.2), 1.0, -1.0).mean
        0.8
    """
    def moved(q: Quantity) -> Quantity:
        return Quantity(at_zero + slope * q.value, "number", repr(at_zero + slope * q.value))

    if (at_zero, slope) == (0.0, 1.0):
        unchanged: Law = law
        return unchanged
    provenance = {"source": law.source, "assumption": law.assumption}
    if isinstance(law, Constant):
        return Constant(value=moved(law.value), **provenance)
    if isinstance(law, Uniform | Triangular):
        ends = sorted([moved(law.low), moved(law.high)], key=lambda q: q.value)
        middle = {"mode": moved(law.mode)} if isinstance(law, Triangular) else {}
        return type(law)(law=law.law, low=ends[0], high=ends[1], **middle, **provenance)
    raise ValueError(f"a {law.law} law cannot be turned round; give a number, a uniform or a triangular law")


def listed(names: tuple[str, ...]) -> str:
    """Names for people: 'a', 'b' and 'c'."""
    quoted = [repr(n) for n in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def said(law: Any, percent: bool = True) -> str:
    """A number or a law for people, by its mean: "about 75 %" if it is uncertain."""
    text = f"{100 * law.mean:.3g} %" if percent else f"{law.mean:.3g}"
    return text if certain(law) else f"about {text}"


def step_path(step: str, *field_names: str) -> str:
    """The path of a field of a step."""
    return ".".join(("steps", step, *field_names))


def forms_of(step: Step) -> list[tuple[tuple[str, ...], Step]]:
    """(keys below the step, form) of a step as it is and of each of its versions."""
    return [((), step), *((("versions", str(i), "step"), version.step) for i, version in enumerate(step.versions))]


def time_paths(scenario: Scenario, step: str) -> list[str]:
    """The fields that hold a step's time: its own, those of segments that take another, and those of its versions."""
    return [
        step_path(step, *above, *keys)
        for above, form in forms_of(scenario.steps[step])
        for keys in ((form.kind,), *(("time_by_segment", segment) for segment in sorted(form.time_by_segment)))
    ]


def alike(scenario: Scenario, path: str) -> list[str]:
    """A path and, where it is the time of a step, the times of segments and versions that have their own."""
    keys = path.split(".")
    keys = keys[2:] if keys[0] == "stages" else keys
    step = scenario.steps.get(keys[1]) if keys[0] == "steps" and len(keys) == 3 else None
    return [path, *time_paths(scenario, keys[1])[1:]] if step is not None and step.kind != "parallel" and keys[2] == step.kind else [path]


def in_proportion(scenario: Scenario, path: str, value: Any) -> Iterator[Times]:
    """Where a step's time is set: the times of segments and versions that have their own change in proportion.

    Args:
        path: of the field that is set; nothing follows unless it is the time of a step, or its mean.
        value: what it is set to, as a file would have it.
    """
    keys = path.split(".")
    keys = keys[2:] if keys[0] == "stages" else keys
    step = scenario.steps.get(keys[1]) if keys[0] == "steps" and len(keys) > 2 else None
    if step is None or step.kind == "parallel" or keys[2] != step.kind or keys[3:] not in ([], ["mean"], ["value"]) or step.time.mean == 0:
        return
    law = _LAW.validate_python({"law": "constant", "value": value} if keys[3:] else value)
    factor = law.mean / step.time.mean
    for other in time_paths(scenario, keys[1])[1:]:
        yield Times(other, number(factor))


_LAW: TypeAdapter[Any] = TypeAdapter(Law)


__all__ = ["GUESSED", "Append", "Base", "Change", "Dip", "Missing", "Name", "Names", "Plus", "Put", "Reshape", "Rollout", "Setting", "Standing", "Times", "alike", "certain", "forms_of", "in_proportion", "line", "listed", "number", "said", "step_path", "time_paths"]
