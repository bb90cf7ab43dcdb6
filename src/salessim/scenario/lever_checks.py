"""Levers that cannot work: names and paths that do not exist, core steps, needs that exclude each other.

Found when a scenario is loaded; what only shows when a lever is pulled is found by `levers.misfits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from salessim.scenario import ranges
from salessim.scenario.checks import Path, Problem, nearest
from salessim.scenario.kinds import Base, SetField
from salessim.scenario.kinds.automation import Automate
from salessim.scenario.kinds.numbers import AddStaff
from salessim.scenario.model import ALWAYS
from salessim.scenario.paths import canonical, find, plain, split
from salessim.scenario.unknowns import HIGHEST, draw

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Everything wrong with the levers of a scenario, as they stand there."""
    sets: dict[str, str] = {}
    for name, lever in scenario.levers.items():
        path: Path = ("levers", name)
        found = False
        for problem in (*_of(scenario, path, name, lever), *_laws(path, lever)):
            found = True
            yield problem
        if not found:
            for below, problem_text, remedy in lever.problems(scenario):
                yield Problem((*path, *below), problem_text, remedy)
        for what in _sets(scenario, lever):
            if what in sets:
                by = f"the levers {sets[what]!r} and {name!r} both set {what}" if sets[what] != name else f"it names {what.split('.')[1]!r} twice"
                yield Problem(path, by, "keep one of them")
            sets[what] = name
    yield from _money(scenario)


def _of(scenario: Scenario, path: Path, name: str, lever: Base) -> Iterator[Problem]:
    for field, what in lever.ON.items():
        values = getattr(lever, field)
        many = isinstance(values, tuple)
        for i, value in enumerate(values if many else [values]):
            where = (*path, field, i) if many and len(values) > 1 else (*path, field)
            if value is not None:
                yield from _known(scenario, where, lever, what, value)
    for field in ("needs", "excludes"):
        for other in getattr(lever, field):
            if other not in scenario.levers:
                yield Problem((*path, field), f"there is no lever {other!r}", nearest(other, scenario.levers))
            elif other == name:
                yield Problem((*path, field), "a lever cannot name itself", "name other levers")
    both = sorted(set(lever.needs) & set(lever.excludes))
    if both:
        yield Problem((*path, "excludes"), f"it needs {both[0]!r} and excludes it", "keep one of the two")
    if lever.rollout is not None and lever.rollout.dip is not None:
        for team in lever.rollout.dip.teams:
            if team not in scenario.teams:
                yield Problem((*path, "rollout", "dip", "teams"), f"there is no team {team!r}", nearest(team, scenario.teams))


def _laws(path: Path, lever: Base) -> Iterator[Problem]:
    """Effects are plain numbers, of which shares are at most 1; times are times."""
    for field in type(lever).model_fields:
        law = getattr(lever, field)
        if not hasattr(law, "quantile"):
            continue
        wanted = "time" if field in ("time", "fast") else "number"
        if law.dimension != wanted:
            yield Problem((*path, field), f"{law.quantities[0].text!r} is not a {'time' if wanted == 'time' else 'plain number'}", "write for example '2 min'" if wanted == "time" else "write for example 0.8 or '80 %'")
        elif field in lever.SHARES and draw(law, HIGHEST) > 1:
            yield Problem((*path, field), f"the share could be {100 * draw(law, HIGHEST):.4g} %", "choose a law that ends at 1, such as a triangular one")


def _known(scenario: Scenario, where: Path, lever: Base, what: str, value: Any) -> Iterator[Problem]:
    """Whether a lever's field names something that exists and may be touched."""
    steps = scenario.steps
    if what == "path":
        yield from _field(scenario, where, lever, value if isinstance(value, str) else value.field)
        return
    others: dict[str, Any] = {"team": scenario.teams, "segment": scenario.segments, "channel": scenario.channels, "cost": scenario.costs, "calendar": {*scenario.calendars, ALWAYS}}
    if what == "module":
        if value.module not in scenario.modules:
            yield Problem((*where, "module"), f"there is no module {value.module!r}", nearest(value.module, scenario.modules))
        return
    if what in others:
        if value not in others[what]:
            yield Problem(where, f"there is no {what} {value!r}", nearest(value, others[what]))
        return
    if value not in steps:
        yield Problem(where, f"there is no step {value!r}", nearest(value, steps))
    elif what != "kept" and scenario.protects(value) and not lever.KEEPS_CORE:
        yield Problem(where, f"{value!r} is a core step, which no lever may touch", "choose a flexible step")
    elif what == "staffed" and steps[value].kind != "work":
        yield Problem(where, f"nobody works at {value!r}", "choose a step with 'work'")
    elif what == "customer" and steps[value].kind != "customer":
        yield Problem(where, f"the time of {value!r} is not the customer's own", "choose a step with 'customer'")


def _field(scenario: Scenario, where: Path, lever: Base, field: str) -> Iterator[Problem]:
    """Whether a path leads to something that a lever may change."""
    try:
        keys = split(scenario, field)
        # What may be set need not be there yet; what is multiplied must be.
        find(scenario, ".".join(keys[:-1]) if len(keys) > 1 and lever.KEY == "cadence" else field)
        now = plain(scenario, field) if isinstance(lever, SetField) else None
    except KeyError as wrong:
        yield Problem(where, str(wrong.args[0]), str(wrong.args[1]))
        return
    if keys[0] in ("levers", "uncertain", "salessim", "name", "description", "provenance", "measures", "overrides", "invariants"):
        yield Problem(where, f"{field!r} says nothing about the process", "choose a field below clock, teams, channels, segments or stages")
    for step in filter(scenario.protects, scenario.steps):
        here = ["stages", scenario.stage_of(step), "steps", step]
        if keys[: len(here)] == here or here[: len(keys)] == keys:
            yield Problem(where, f"{step!r} is a core step, which no lever may touch", "choose a flexible step")
            return
    if isinstance(lever, SetField):
        if lever.integer is not None and not (now is None or (isinstance(now, int) and not isinstance(now, bool))):
            yield Problem((*where[:-1], "integer"), f"{field!r} is {now!r}, not a whole number", "use 'choice' or 'range'")
        if lever.range is not None:
            yield from _range((*where[:-1], "range"), field, now, lever.range)


def _range(path: Path, field: str, now: object, bounds: tuple[object, object]) -> Iterator[Problem]:
    """Two ends of the kind of quantity that the field holds, the smaller first."""
    if now is None or isinstance(now, bool | dict | list):
        yield Problem(path, f"{field!r} holds no single quantity today", "use 'choice', or give the field of a law such as 'steps.x.work.mean'")
        return
    if isinstance(now, int):
        yield Problem(path, f"{field!r} is a whole number", "use 'integer: [low, high]'")
        return
    try:
        scale, low = ranges.read(bounds[0])
        high = ranges.on(scale, bounds[1])
        ranges.on(scale, now)
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        yield Problem(path, f"{problem} (the field is {now!r} today)", remedy)
        return
    if not low < high:
        yield Problem(path, f"the range runs from {bounds[0]} to {bounds[1]}", "put the smaller first")


def _sets(scenario: Scenario, lever: Base) -> list[str]:
    """The fields that a lever sets as a whole, each by its one name."""
    if isinstance(lever, AddStaff):
        return [f"teams.{lever.add_staff}.size"]
    if isinstance(lever, Automate):
        return [f"steps.{step}.automation" for step in lever.automate]
    if not isinstance(lever, SetField):
        return []
    try:
        return [canonical(scenario, split(scenario, lever.field))]
    except KeyError:
        return []  # said already


def _money(scenario: Scenario) -> Iterator[Problem]:
    """What levers cost is in the scenario's currency."""
    for name, lever in scenario.levers.items():
        for field in ("running_cost", "one_off_cost", "half"):
            cost = getattr(lever, field, None)
            if cost is not None and cost.currency != scenario.currency:
                yield Problem(("levers", name, field), f"{cost} is not in {scenario.currency}", f"convert it, or set currency: {cost.currency}")
