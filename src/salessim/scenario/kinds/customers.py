"""Levers on the way customers are dealt with: how often, how personally, at what price, by whom, and how many come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from salessim.durations import Law
from salessim.scenario import ranges
from salessim.scenario.kinds.automation import Paths
from salessim.scenario.kinds.base import Base, Change, Put, Setting, Times, line, number, said, time_paths
from salessim.scenario.parts import REST, Name, Names
from salessim.units import CostRate, Pay, Share
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


class Cadence(Base):
    """Touches at other gaps, and more or fewer of them; more may tire."""

    KEY: ClassVar[str] = "cadence"
    EFFECTS: ClassVar[tuple[str, ...]] = ("gap_factor", "reply_factor", "opt_out_factor", "touches")
    FELT_AT: ClassVar[dict[str, str]] = {"reply_factor": "replies", "opt_out_factor": "opt_outs"}
    ON: ClassVar[dict[str, str]] = {"cadence": "step", "again": "path", "replies": "path", "opt_outs": "path"}
    cadence: Name
    """The step that waits between touches."""
    gap_factor: Law | None = None
    touches: Annotated[int, Field(ge=1, le=1000)] | None = None
    again: str | None = None
    """Path of the route that leads to the next touch: its limit becomes `touches` - 1."""
    replies: Paths = ()
    """Shares of replies to a touch."""
    reply_factor: Law | None = None
    opt_outs: Paths = ()
    """Shares of customers who want no more of it."""
    opt_out_factor: Law | None = None

    @model_validator(mode="after")
    def _where(self) -> Self:
        if (self.touches is None) != (self.again is None):
            raise ValueError("'touches' and 'again' belong together; give both: how many, and the path of the route to the next touch")
        return self

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Gap, number, replies and opt-outs."""
        gap, reply, out = (self.effect(f) for f in ("gap_factor", "reply_factor", "opt_out_factor"))
        if gap is not None:
            for path in time_paths(scenario, self.cadence):
                yield Times(path, gap, "gap")
        if self.again is not None and self.touches is not None:
            yield Put(f"{self.again}.limit", max(1, self.touches - 1))
        for path in self.replies if reply is not None else ():
            yield Times(path, reply, "replies")
        for path in self.opt_outs if out is not None else ():
            yield Times(path, out, "opt-outs")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The gap and the number."""
        gap = self.effect("gap_factor")
        what = [f"gaps × {said(gap, percent=False)}"] if gap is not None else []
        what += [counted(self.touches, "touch", "touches")] if self.touches else []
        return f"cadence at {self.cadence!r}: {', '.join(what) or 'replies'}"

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """One touch has no way to a next one."""
        if self.touches == 1:
            yield ("touches",), "one touch has no way to the next", "remove the route with a 'remove' lever, or give at least 2"


class Personalise(Base):
    """What customers get fits them: some chances rise, some steps take longer."""

    KEY: ClassVar[str] = "personalise"
    EFFECTS: ClassVar[tuple[str, ...]] = ("reply_factor", "work_factor")
    FELT_AT: ClassVar[dict[str, str]] = {"work_factor": "at"}
    ON: ClassVar[dict[str, str]] = {"personalise": "path", "at": "staffed"}
    personalise: Paths = Field(min_length=1)
    """Shares of routes or probabilities that rise."""
    reply_factor: Law | None = None
    at: Names = ()
    """Steps that take longer."""
    work_factor: Law | None = None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Chances and work."""
        reply, work = self.effect("reply_factor"), self.effect("work_factor")
        for path in self.personalise if reply is not None else ():
            yield Times(path, reply, "chances")
        for step in self.at if work is not None else ():
            for path in time_paths(scenario, step):
                yield Times(path, work, "work")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The factor on the chances."""
        reply = self.effect("reply_factor")
        return "personalise" + (f" (chances × {said(reply, percent=False)})" if reply is not None else "")


class Discount(Base):
    """More authority over the price: more is won, at a lower value. Both must be said: they can only come from data."""

    KEY: ClassVar[str] = "discount"
    ON: ClassVar[dict[str, str]] = {"discount": "path", "approvals": "path"}
    discount: Paths = Field(min_length=1)
    """Shares that lead to winning."""
    win_factor: Law
    value_factor: Law
    """What remains of the value of deals, of the segments whose chances rise."""
    approvals: Paths = ()
    """Shares of cases that ask for approval."""
    approval_factor: Law | None = None

    def laws(self) -> list[Any]:
        """All three."""
        return [law for law in (self.win_factor, self.value_factor, self.approval_factor) if law is not None]

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """Chances, approvals, and the values of the segments whose chances these are."""
        for path in self.discount:
            yield Times(path, self.win_factor, "wins")
        for name, segment in sorted(scenario.segments.items()):
            ways = [path for path in self.discount if _concerns(scenario, path, name)]
            if segment.value is not None and ways:
                yield Times(f"segments.{name}.value", self.value_factor, "value", only_if=_steps_of(ways))
        approvals: Any = self.approval_factor
        for path in self.approvals if approvals is not None else ():
            yield Times(path, approvals, "approvals")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """Both factors."""
        return f"discount authority (wins × {said(self.win_factor, percent=False)}, value × {said(self.value_factor, percent=False)})"


def _steps_of(paths: list[str]) -> tuple[str, ...]:
    """The steps that paths are about; none if one of them is about something else."""
    keys = [path.split(".") for path in paths]
    found = [k[3] if k[0] == "stages" and len(k) > 3 else k[1] if k[0] == "steps" and len(k) > 1 else None for k in keys]
    return tuple(step for step in found if step is not None) if None not in found else ()


def _concerns(scenario: Scenario, path: str, segment: str) -> bool:
    """Whether a share at a path is one of a segment: of all, of it by name, or of all that have none of their own."""
    keys = path.split(".")
    place = next((i for i, key in enumerate(keys) if key in ("share", "probability")), None)
    if place is None or place + 1 == len(keys):
        return True
    return keys[place + 1] == segment or (keys[place + 1] == REST and segment not in _own_shares(scenario, keys[:place], keys[place]))


def _own_shares(scenario: Scenario, above: list[str], field: str) -> set[str]:
    """The segments that have a share of their own beside `default`, at a route or a spawn of a step."""
    step = scenario.steps.get(above[-3]) if len(above) >= 4 else None
    entries = getattr(step, above[-2], ()) if step is not None else ()
    for i, entry in enumerate(entries):
        labels = (str(i), f"to {getattr(entry, 'to', None)}", f"lost {getattr(entry, 'lost', None)}", getattr(entry, "kind", None))
        if above[-1] in labels and isinstance(share := getattr(entry, field, None), dict):
            return set(share)
    return set()


class SelfService(Base):
    """Customers settle a share of their requests themselves."""

    KEY: ClassVar[str] = "self_service"
    EFFECTS: ClassVar[tuple[str, ...]] = ("deflection",)
    ON: ClassVar[dict[str, str]] = {"self_service": "path"}
    SHARES: ClassVar[tuple[str, ...]] = ("deflection",)
    self_service: Paths = Field(min_length=1)
    """Probabilities of tickets, or shares of routes to people."""
    deflection: Law | None = None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """What is left of the requests."""
        deflection = self.effect("deflection")
        assert deflection is not None
        for path in self.self_service:
            yield Times(path, line(deflection, 1.0, -1.0), "deflection")

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The share."""
        return f"self-service ({said(self.effect('deflection'))} of the requests)"


class Budget(Base):
    """Another budget of a channel; the response saturates (Hill's form).

    Of today's arrivals the share `organic` comes without money. The rest grows as s^n / (s^n + half^n) with the spend s:
    `half` brings half of what can be had at most.
    """

    KEY: ClassVar[str] = "budget"
    ON: ClassVar[dict[str, str]] = {"budget": "channel", "paid_as": "cost"}
    budget: Name
    spend: tuple[CostRate, CostRate]
    """The least and the most that may be spent."""
    paid_as: Name
    """The entry of `costs` that holds today's spend."""
    half: CostRate
    shape: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    organic: Share = 0.0

    @property
    def rests_on(self) -> str | None:
        """The response is a guess without a source."""
        return super().rests_on or (None if self.source else "the response to the spend")

    @property
    def scale(self) -> ranges.Scale:
        """Spend is said in the unit of its lower bound."""
        return ranges.Scale("pay", self.spend[0].currency, self.spend[0].per)

    def settings(self) -> tuple[Setting, ...]:
        """The two ends."""
        return self._per(self.spend[0]), self._per(self.spend[1])

    def _per(self, pay: Pay) -> float:
        return pay.amount * self.spend[0].per / pay.per

    def today(self, scenario: Scenario, read: Callable[[Scenario, str], Any]) -> Setting:
        """What is spent now."""
        running = scenario.costs[self.paid_as].running
        return self._per(running) if running is not None else 0.0

    def growth(self, scenario: Scenario, spend: float) -> float:
        """Arrivals at a spend, in parts of today's."""
        now, half, n = self.today(scenario, lambda *_: None), self._per(self.half), self.shape
        most = (1 - self.organic) * (1 + (half / now) ** n)
        return self.organic + (most * spend**n / (spend**n + half**n) if spend > 0 else 0.0)

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """What is spent and what it brings, in parts of today's."""
        yield Times(f"channels.{self.budget}.arrivals.rate", number(self.growth(scenario, setting)))
        spent = number(setting / self.today(scenario, lambda *_: None))
        yield Times(f"costs.{self.paid_as}.running", spent, then=str(Pay(setting, self.spend[0].currency, self.spend[0].per)))

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """From what to what."""
        return f"budget of {self.budget!r}: {scenario.costs[self.paid_as].running or 0} → {self.scale.words(setting)}"

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """The curve must pass through today."""
        channel, cost = scenario.channels.get(self.budget), scenario.costs.get(self.paid_as)
        if channel is not None and channel.arrivals is None:
            yield ("budget",), f"the channel {self.budget!r} is replayed, so that money cannot change it", "choose a channel with 'arrivals'"
        elif channel is not None and channel.arrivals is not None and channel.arrivals.spend is not None:
            yield ("budget",), f"the channel {self.budget!r} says itself what its spend brings", f"use 'field: channels.{self.budget}.arrivals.spend.per_week' with a 'range'"
        if cost is not None and (cost.running is None or cost.running.amount <= 0):
            yield ("paid_as",), f"costs.{self.paid_as} says nothing about what is spent today", "give it a 'running' amount above zero"
        if self.half.amount <= 0 or not self._per(self.spend[0]) < self._per(self.spend[1]):
            yield ("spend",), "the spend must rise and 'half' be above zero", "put the smaller amount first"
