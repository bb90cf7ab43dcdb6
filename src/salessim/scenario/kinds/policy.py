"""The lever of a policy table: which way the cases of a segment go at a step, where one of several treatments begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, field_validator

from salessim.scenario.kinds.base import Base, Change, Put, Setting, step_path
from salessim.scenario.parts import BETWEEN, Name

if TYPE_CHECKING:
    from salessim.scenario.model import Route, Scenario


class Send(Base):
    """All cases of a segment go one of several ways: to a step, or to the first step of a module.

    One lever for each segment makes a policy table, whose rows the search fills together. Ways that are not among the
    choices (a loss, a return) keep their share.
    """

    KEY: ClassVar[str] = "send"
    ON: ClassVar[dict[str, str]] = {"send": "segment", "at": "step"}
    send: Name
    """The segment."""
    at: Name
    """The step that sends it."""
    to: Annotated[tuple[Name, ...], Field(min_length=2, max_length=64)]
    """Steps or modules to choose from; each is a way on from the step today."""

    @field_validator("to")
    @classmethod
    def _each_once(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(to)) != len(to):
            raise ValueError("a way stands twice in 'to'; name each once")
        return to

    def settings(self) -> tuple[Setting, ...]:
        """The ways, by name."""
        return self.to

    def today(self, scenario: Scenario, read: Callable[[Scenario, str], Any]) -> Setting:
        """The way that all take today; None if they take several."""
        shares = {goal: scenario.steps[self.at].share_of(route, self.send) for goal, (_, route) in self._ways(scenario).items()}
        taken = [goal for goal, share in shares.items() if share > 0]
        return taken[0] if len(taken) == 1 else None

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The chosen way takes what all of them take together, the others nothing."""
        step, ways = scenario.steps[self.at], self._ways(scenario)
        together = sum(step.share_of(route, self.send) for _, route in ways.values())
        for goal, (i, route) in ways.items():
            if not route.rest:  # what has no share takes the rest by itself
                yield Put(step_path(self.at, "then", str(i), "share", self.send), together if goal == setting else 0.0)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The row of the table."""
        now = self.today(scenario, lambda *_: None)
        title = scenario.segments[self.send].title or self.send
        return f"{title} at {self.at!r}: {f'{now} → ' if now is not None else 'all → '}{setting}"

    def problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Each choice is a plain way on whose share may differ by segment."""
        step = scenario.steps[self.at]
        for i, goal in enumerate(self.to):
            found = [r for r in step.then if _leads(r, goal)]
            if len(found) != 1:
                ways = ", ".join(sorted(repr(r.to) for r in step.then if r.to is not None)) or "none"
                yield ("to", i), f"{len(found) or 'no'} ways lead from {self.at!r} to {goal!r}", f"name one of its ways on: {ways}"
            elif not found[0].rest and not isinstance(found[0].share, dict):
                yield ("to", i), f"the share of the way to {goal!r} does not tell segments apart", f"write it by segment, such as share: {{{self.send}: 100 %, default: 0 %}}"
        routes = [route for _, route in self._ways(scenario).values()]
        if len(routes) == len(self.to) and not any(step.share_of(r, self.send) > 0 for r in routes):
            yield ("to",), f"no case of {self.send!r} goes any of these ways from {self.at!r}", "give one of them a share"
        if any(r.when is not None or r.factor is not None or r.limit is not None or r.fades is not None for r in step.then):
            yield ("at",), f"conditions decide at {self.at!r}, not shares alone", "send the cases from a step of no time before it"

    def _ways(self, scenario: Scenario) -> dict[str, tuple[int, Route]]:
        """Each choice with the place of its route."""
        return {goal: (i, r) for goal in self.to for i, r in enumerate(scenario.steps[self.at].then) if _leads(r, goal)}


def _leads(route: Route, goal: str) -> bool:
    """Whether a route leads to a step, or into a module."""
    return route.to is not None and (route.to == goal or route.to.startswith(goal + BETWEEN))
