"""Pulling levers: their changes carried out on the plain data of a scenario, which is then checked like any other.

First figures, whatever the levers' names: what is set, then what is added, then what is multiplied; then what is rolled
out, as versions of steps; then the shape of the process. An effect that is not certain becomes an uncertain value of the
design, drawn once per replication by the lever's name. Meanwhile what was uncertain before hangs on the values that it is
about (`carried`), and goes where they go.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from salessim.errors import ScenarioError
from salessim.scenario.carried import attach, detach
from salessim.scenario.checks import Problem, nearest
from salessim.scenario.kinds import Base, Lever, Reshape, SetField, Setting
from salessim.scenario.kinds.numbers import AddStaff
from salessim.scenario.lever_checks import problems as of_levers
from salessim.scenario.levers import ends
from salessim.scenario.levers.changes import Pulled, changes_of, check_apart, keys_of
from salessim.scenario.levers.execute import carry_out_all
from salessim.scenario.levers.settings import before, check, check_together, domain, is_today, leads_back, scale_of, today
from salessim.scenario.loader import parse, to_data
from salessim.scenario.paths import plain
from salessim.units import Amount, Pay

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_LEVERS: TypeAdapter[Any] = TypeAdapter(dict[str, Lever])
_TIMES_OF_CORE = frozenset({"work", "customer", "automatic", "time_by_segment", "automation", "factor", "counts_from", "at_least", "counts_in", "versions", "unless", "reminders", "adherence"})
"""What a lever that keeps every visit may change at a core step."""


def apply(scenario: Scenario, settings: Mapping[str, Setting], name: str | None = None) -> Scenario:
    """The scenario with its levers set.

    Args:
        scenario: one that declares the levers.
        settings: lever name -> setting; levers not named stay as they are.
        name: what to call the result.

    Returns:
        A new scenario with the levers' costs under `costs` and their uncertain effects under `uncertain`; the same
        object if nothing changes.

    Raises:
        ScenarioError: no such lever, a setting outside its domain, a core step, levers that exclude each other.
    """
    pulled: dict[str, Base] = {}
    for lever_name in sorted(settings):
        if lever_name not in scenario.levers:
            raise ScenarioError(f"lever {lever_name!r}", "there is no such lever", nearest(lever_name, scenario.levers))
        lever: Base = scenario.levers[lever_name]
        check(scenario, lever_name, lever, settings[lever_name])
        if not is_today(scenario, lever, settings[lever_name]):
            pulled[lever_name] = lever
    if not pulled:
        return scenario
    check_together(scenario, {n: settings[n] for n in pulled})
    changes = [Pulled(n, lever, c) for n, lever in pulled.items() for c in changes_of(scenario, n, lever, settings[n])]
    check_apart(scenario, changes)
    data = copy.deepcopy(to_data(scenario))
    attach(scenario, data)
    carry_out_all(scenario, data, changes)
    for step in {s for p in changes if isinstance(p.change, Reshape) and p.change.what in ("remove", "merge", "swap") for s in p.change.takes}:
        if step in scenario.overrides:
            data["overrides"][step]["removed"] = True
    detach(data)
    for lever_name, lever in pulled.items():
        _charge(scenario, data, lever_name, lever, settings[lever_name])
        origin = f"assumption: {lever.rests_on}" if lever.rests_on is not None else lever.source
        if origin and not leads_back(scenario, lever, settings[lever_name]):
            data.setdefault("provenance", {})[f"lever {lever_name}"] = f"{lever.title or lever_name}: {origin}"
    if name is not None:
        data["name"] = name
    design = _with_levers_left(scenario, data, pulled, settings)
    beside = {s for p in changes if isinstance(p.change, Reshape) and p.change.what == "in_parallel" for s in p.change.steps}
    _check_core(scenario, design, ends.check(scenario, design, pulled), any(lever.KEEPS_CORE for lever in pulled.values()), beside)
    return design


def _with_levers_left(scenario: Scenario, data: dict[str, Any], pulled: Mapping[str, Base], settings: Mapping[str, Setting]) -> Scenario:
    """The design; what has been pulled is no longer to be pulled, unless it is a field; what it excludes or makes impossible goes, too."""
    done = {n for n, lever in pulled.items() if lever.KEY != "field"}
    gone = done | {n for n, other in scenario.levers.items() if n not in pulled and (set(other.excludes) & set(pulled) or any(n in p.excludes for p in pulled.values()))}
    left = {n: lever for n, lever in data.pop("levers", {}).items() if n not in gone}
    for n, lever in pulled.items():
        if isinstance(lever, SetField) and n in left:
            was = left[n].pop("was", plain(scenario, lever.field))
            if was is not None and not leads_back(scenario, lever, settings[n]):
                left[n]["was"] = was
    design = parse(data)  # what is wrong with the design itself is said first
    while left:
        for lever in left.values():
            for field in ("needs", "excludes"):
                if field in lever:
                    lever[field] = [n for n in lever[field] if n not in (done if field == "needs" else gone)]
        with_levers = design.model_copy(update={"levers": _LEVERS.validate_python(left)})
        bad = {p.path[1] for p in of_levers(with_levers)}
        if not bad:
            return with_levers
        left = {n: lever for n, lever in left.items() if n not in bad}
    return design


def misfits(scenario: Scenario) -> Iterator[Problem]:
    """What goes wrong when each lever is pulled to its ends, with what it needs; nothing for levers that work."""
    for name, lever in scenario.levers.items():
        options = domain(lever)
        whole = scale_of(lever) is not None or lever.KEY != "field" or getattr(lever, "integer", None) is not None
        for end in (options[0], options[-1]) if whole else options:
            try:
                apply(scenario, _with_needs(scenario, name) | {name: end})
            except ScenarioError as wrong:
                yield Problem(("levers", name), f"set to {end!r}, {wrong.place}: {wrong.problem}", wrong.remedy)
                break


def _with_needs(scenario: Scenario, name: str) -> dict[str, Setting]:
    """The levers that a lever needs, and those that they need, at their far ends."""
    found: dict[str, Setting] = {}
    todo = list(scenario.levers[name].needs)
    while todo:
        other = todo.pop()
        if other not in found:
            options, now = domain(scenario.levers[other]), today(scenario, scenario.levers[other])
            found[other] = options[-1] if options[-1] != now else options[0]
            todo += scenario.levers[other].needs
    return found


def _check_core(today: Scenario, design: Scenario, at_ends: list[Scenario], keeps_visits: bool, beside: set[str]) -> None:
    """Core steps are as they were, and what could only be reached through one still cannot be reached around it.

    Args:
        at_ends: the design, and at the ends of what is not certain.
        keeps_visits: whether the time of core steps may have changed.
        beside: steps that are now passed at the same time, not one after the other.
    """
    for core in filter(today.protects, today.steps):
        before, after = today.steps[core], design.steps.get(core)
        # Targets may have been renamed by a removal elsewhere; a lever that keeps every visit may change its time.
        free = {"then": before.then, "spawns": before.spawns, **({f: getattr(before, f) for f in _TIMES_OF_CORE} if keeps_visits else {})}
        if after is None or (after.model_copy(update=free) != before and not _same(after.model_copy(update=free), before)):
            raise ScenarioError("levers", f"the core step {core!r} would change", "leave it as it is")
        around = [step for step in ends.around(today, at_ends, core) if not (core in beside and step in beside)]
        if around:
            raise ScenarioError("levers", f"step {around[0]!r} could be reached around the core step {core!r}", "leave the way through it")


def _same(a: Any, b: Any) -> bool:
    """Whether two steps say the same, whichever of their fields were written down."""
    return bool(a.model_dump(mode="json") == b.model_dump(mode="json"))


def _charge(scenario: Scenario, data: dict[str, Any], name: str, lever: Base, setting: Setting) -> None:
    """What a lever costs: once, or for each person that it adds, from the day on which it begins; nothing where it leads back."""
    due = 1
    if isinstance(lever, AddStaff):
        due = int(setting)
    elif isinstance(lever, SetField):
        keys = keys_of(scenario, lever.field)
        people = keys[0] == "teams" and keys[2:] == ["size"] and isinstance(setting, int)
        due = max(0, setting - before(scenario, lever)) if people else int(not leads_back(scenario, lever, setting))
    cost: dict[str, str] = {}
    if due and lever.running_cost is not None:
        pay = lever.running_cost
        cost["running"] = str(Pay(pay.amount * due, pay.currency, pay.per))
    if due and lever.one_off_cost is not None:
        cost["one_off"] = str(Amount(lever.one_off_cost.value * due, lever.one_off_cost.currency))
    if cost and (since := lever.pays_from()) is not None:
        cost["from"] = str(since)
    costs = {k: v for k, v in data.get("costs", {}).items() if k != f"lever {name}"} | ({f"lever {name}": cost} if cost else {})
    if costs or "costs" in data:
        data["costs"] = costs
