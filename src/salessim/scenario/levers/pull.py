"""Pulling levers: their changes carried out on the plain data of a scenario, which is then checked like any other.

First figures, whatever the levers' names: what is set, then what is added, then what is multiplied; then what is rolled
out, as versions of steps; then the shape of the process. An effect that is not certain becomes an uncertain value of the
design, drawn once per replication by the lever's name. Meanwhile what was uncertain before hangs on the values that it is
about (`carried`), and goes where they go.
"""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from salessim.errors import ScenarioError
from salessim.scenario import handoffs, modules, surgery
from salessim.scenario.carried import Said, attach, carrying, detach
from salessim.scenario.checks import Misfit, Problem, nearest, roles_of_step
from salessim.scenario.kinds import Append, Base, Change, Lever, Missing, Plus, Put, Reshape, SetField, Setting, Times, certain
from salessim.scenario.kinds.numbers import AddStaff
from salessim.scenario.lever_checks import problems as of_levers
from salessim.scenario.levers import ends
from salessim.scenario.levers.figures import Form, carry_out
from salessim.scenario.levers.settings import before, check, check_together, domain, is_today, leads_back, scale_of, today
from salessim.scenario.loader import parse, to_data
from salessim.scenario.paths import plain, split
from salessim.units import DAY, Amount, Pay

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_ORDER = (Put, Append, Plus, Times, Missing)
_LEVERS: TypeAdapter[Any] = TypeAdapter(dict[str, Lever])
_LAST_DAY = dt.date.max - dt.timedelta(days=1)
"""Of a dip: the calendar must go on behind it."""
_SHAPES = ("with_fallback", "answer_first", "in_parallel", "merge", "remove", "swap")
_TIMES_OF_CORE = frozenset({"work", "customer", "automatic", "time_by_segment", "automation", "factor", "versions", "unless", "reminders", "adherence"})
"""What a lever that keeps every visit may change at a core step."""


@dataclass(frozen=True)
class _Pulled:
    """A change with the lever it belongs to."""

    name: str
    lever: Base
    change: Any


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
    changes = [_Pulled(n, lever, c) for n, lever in pulled.items() for c in _changes_of(scenario, n, lever, settings[n])]
    _check_apart(scenario, changes)
    data = copy.deepcopy(to_data(scenario))
    attach(scenario, data)
    _carry_out(scenario, data, changes)
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
    _settle_levers(scenario, data, pulled, settings)
    design = parse(data)
    beside = {s for p in changes if isinstance(p.change, Reshape) and p.change.what == "in_parallel" for s in p.change.steps}
    _check_core(scenario, design, ends.check(scenario, design, pulled), any(lever.KEEPS_CORE for lever in pulled.values()), beside)
    return design


def _settle_levers(scenario: Scenario, data: dict[str, Any], pulled: Mapping[str, Base], settings: Mapping[str, Setting]) -> None:
    """What has been pulled is no longer to be pulled, unless it is a field; what it excludes or makes impossible goes, too."""
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
        data["levers"] = left
        bad = {p.path[1] for p in of_levers(design.model_copy(update={"levers": _LEVERS.validate_python(left)}))}
        if not bad:
            return
        left = {n: lever for n, lever in left.items() if n not in bad}


def _changes_of(scenario: Scenario, name: str, lever: Base, setting: Setting) -> list[Change]:
    try:
        return list(lever.changes(scenario, setting))
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise ScenarioError(f"lever {name!r}", problem, remedy or "check its effects") from None


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


# --- changes that cannot go together -----------------------------------------------------------------------------------


def _step_of(scenario: Scenario, path: str) -> str | None:
    """The step that a path is about."""
    keys = _keys(scenario, path)
    return keys[3] if keys[0] == "stages" and len(keys) > 3 else None


def _keys(scenario: Scenario, path: str) -> list[str]:
    try:
        return split(scenario, path)
    except KeyError as wrong:
        raise ScenarioError(f"change {path}", *map(str, (*wrong.args, "check the path")[:2])) from None


def _check_apart(scenario: Scenario, changes: list[_Pulled]) -> None:
    """A step that is removed, merged or put beside others is nobody else's to change, and a field is set once."""
    owner: dict[str, str] = {}
    for p in changes:
        for step in p.change.takes if isinstance(p.change, Reshape) else ():
            if owner.get(step, p.name) != p.name:
                raise ScenarioError(f"levers {owner[step]!r} and {p.name!r}", f"both take step {step!r} away", "pull one of them only")
            owner[step] = p.name
    taken: dict[tuple[str, ...], str] = {}
    for p in changes:
        if isinstance(p.change, Reshape):
            touched = [*p.change.steps, p.change.how.get("then_to")]
        else:
            touched = [_step_of(scenario, p.change.path)]
            keys = tuple(_keys(scenario, p.change.path))
            if isinstance(p.change, Put | Append):
                if taken.get(keys, p.name) != p.name:
                    raise ScenarioError(f"levers {taken[keys]!r} and {p.name!r}", f"both set {p.change.path}", "pull one of them only")
                taken[keys] = p.name
        for step in filter(None, touched):
            if owner.get(step, p.name) != p.name:
                raise ScenarioError(
                    f"levers {owner[step]!r} and {p.name!r}", f"one takes step {step!r} away, the other changes it", "pull one of them only"
                )
    _check_made_anew(scenario, changes)


def _check_made_anew(scenario: Scenario, changes: list[_Pulled]) -> None:
    """A module of which a parameter is changed is put in anew: what another change does to its steps would be lost."""
    figures = [(p, _keys(scenario, p.change.path)) for p in changes if not isinstance(p.change, Reshape)]
    anew = {keys[1]: p.name for p, keys in figures if keys[0] == "modules" and len(keys) > 1}
    touched = [(p.name, keys[3]) for p, keys in figures if keys[0] == "stages" and len(keys) > 3]
    touched += [(p.name, s) for p in changes if isinstance(p.change, Reshape) and p.change.what != "swap" for s in p.change.steps]
    for module, owner in anew.items():
        for name, step in touched:
            if step in modules.steps_of(scenario, module):
                both = f"levers {owner!r} and {name!r}" if owner != name else f"lever {name!r}"
                raise ScenarioError(both, f"module {module!r} is made anew with its parameters, and the change of its step {step!r} would be lost", "change the parameters, or the steps")


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


# --- carrying out ------------------------------------------------------------------------------------------------------


def _carry_out(scenario: Scenario, data: dict[str, Any], changes: list[_Pulled]) -> None:
    figures = [p for p in changes if not isinstance(p.change, Reshape)]
    figures.sort(key=lambda p: (_ORDER.index(type(p.change)), p.change.path, p.name))
    for p in figures:
        if p.lever.rollout is None:
            _figure(Form(scenario, data, data), p)
    rolled = {p.name: p.lever for p in changes if p.lever.rollout is not None}
    for name, lever in rolled.items():
        _roll_out(scenario, data, name, lever, [p for p in figures if p.name == name], [p.change for p in changes if p.name == name and isinstance(p.change, Reshape)])
    shapes = [p for p in changes if isinstance(p.change, Reshape) and p.name not in rolled]
    for p in sorted(shapes, key=lambda p: (_SHAPES.index(p.change.what), p.name)):
        _reshape(data, p.name, p.change, None)


def _figure(form: Form, p: _Pulled) -> None:
    """One field is changed, or refused in a line that names the lever."""
    try:
        carry_out(form, p.name, p.change)
    except (KeyError, ValueError) as wrong:
        problem, remedy = (*wrong.args, "check the path")[:2] if isinstance(wrong, KeyError) else (str(wrong).partition("; ")[::2])
        raise ScenarioError(f"lever {p.name!r}: {p.change.path}", str(problem), str(remedy) or "name a field that holds a quantity or a law") from None


def _roll_out(scenario: Scenario, data: dict[str, Any], name: str, lever: Base, figures: list[_Pulled], shapes: list[Any]) -> None:
    """A lever that begins on a day, or for a share of the cases: another version of each step that it changes."""
    rollout = lever.rollout
    assert rollout is not None
    place = f"lever {name!r}"
    since = rollout.since or scenario.clock.start
    changed: dict[str, Any] = {}
    for p in figures:
        keys = _keys(scenario, p.change.path)
        if keys[0] != "stages" or len(keys) < 5:
            raise ScenarioError(place, f"a roll-out changes what happens at steps, but {p.change.path} is not a field of one", "leave 'rollout' out, or make two levers of it")
        step = keys[3]
        if step not in changed:
            base = surgery.step_in(data, step)
            if any(v["name"] == name for v in base.get("versions", [])):
                raise ScenarioError(place, f"step {step!r} has a version of that name", "choose another name for the lever")
            changed[step] = copy.deepcopy({k: v for k, v in base.items() if k != "versions"})
        _figure(Form(scenario, data, changed[step], tuple(keys[:4])), p)
    for shape in shapes:
        if shape.what != "with_fallback" or shape.steps[0] not in changed:
            raise ScenarioError(place, "a change of the shape of the process cannot be rolled out for a share or from a day on", "leave 'rollout' out and compare the two scenarios")
        _reshape(data, name, shape, changed[shape.steps[0]], version=name)
    for step, form in changed.items():
        base = surgery.step_in(data, step)
        if base.get("versions"):
            raise ScenarioError(place, f"step {step!r} is changed by another roll-out ({base['versions'][0]['name']!r})", "roll out one of them only")
        base["versions"] = [{"name": name, "from": str(since), "share": rollout.share, "step": form}]
    if rollout.dip is not None:
        teams = rollout.dip.teams or sorted({t for s in changed for role in roles_of_step(scenario.steps[s]) for t in role.by})
        since = min(since, _LAST_DAY)
        until = dt.date.fromordinal(min(since.toordinal() + rollout.dip.lasts // DAY - 1, _LAST_DAY.toordinal()))
        for team in teams:
            there = data["teams"][team].get("pace", [])
            data["teams"][team]["pace"] = [*there, {"start": str(since), "end": str(max(since, until)), "pace": rollout.dip.factor, "title": f"learning {name}"}]


def _reshape(data: dict[str, Any], lever: str, shape: Reshape, form: Any, version: str | None = None) -> None:
    """One operation on the shape of the process."""
    if shape.what == "remove":
        surgery.remove(data, shape.steps[0], shape.how["then_to"])
    elif shape.what == "merge":
        surgery.merge(data, shape.steps[0], shape.steps[1], shape.how["time"])
    elif shape.what == "in_parallel":
        surgery.in_parallel(data, *shape.steps)
    elif shape.what == "answer_first":
        surgery.answer_first(data, shape.steps[0], shape.how["time"])
    elif shape.what == "swap":
        swap = shape.how["swap"]
        modules.swap(data, swap.module, swap.for_, swap.with_, swap.connect)
        try:  # now, while what is uncertain hangs on the ways that lead there
            data |= handoffs.expand(modules.expand(data, None))
        except Misfit as wrong:
            raise ScenarioError(".".join(map(str, wrong.found.path)), wrong.found.problem, wrong.found.remedy) from None
    elif shape.what == "with_fallback":
        step, law = shape.steps[0], shape.how["failure"]
        mark = _free_mark(data, f"fails_{re.sub(r'[^0-9A-Za-z_]', '_', step)[:24]}")
        unsure = () if certain(law) else (Said({"value": law.model_dump(mode="json", exclude_none=True), "together": f"lever {lever} failure"}),)
        data.setdefault("attributes", {})[mark] = {"starts": carrying(law.mean, unsure), "title": f"chance that the system fails at {step}"}
        data["attributes"][f"{mark}_now"] = {"title": f"whether it has failed at {step}"}
        surgery.with_fallback(data, step, form if version is not None else surgery.step_in(data, step), mark)


def _free_mark(data: dict[str, Any], wanted: str) -> str:
    mark, n = wanted, 1
    while mark in data.get("attributes", {}):
        n += 1
        mark = f"{wanted}_{n}"
    return mark


def _charge(scenario: Scenario, data: dict[str, Any], name: str, lever: Base, setting: Setting) -> None:
    """What a lever costs: once, or for each person that it adds, from the day on which it begins; nothing where it leads back."""
    due = 1
    if isinstance(lever, AddStaff):
        due = int(setting)
    elif isinstance(lever, SetField):
        keys = _keys(scenario, lever.field)
        people = keys[0] == "teams" and keys[2:] == ["size"] and isinstance(setting, int)
        due = max(0, setting - before(scenario, lever)) if people else int(not leads_back(scenario, lever, setting))
    cost: dict[str, str] = {}
    if due and lever.running_cost is not None:
        pay = lever.running_cost
        cost["running"] = str(Pay(pay.amount * due, pay.currency, pay.per))
    if due and lever.one_off_cost is not None:
        cost["one_off"] = str(Amount(lever.one_off_cost.value * due, lever.one_off_cost.currency))
    if cost and lever.rollout is not None and lever.rollout.since is not None:
        cost["from"] = str(lever.rollout.since)
    costs = {k: v for k, v in data.get("costs", {}).items() if k != f"lever {name}"} | ({f"lever {name}": cost} if cost else {})
    if costs or "costs" in data:
        data["costs"] = costs
