"""Pulling levers: their changes carried out on the plain data of a scenario, which is then checked like any other.

First figures, whatever the levers' names: what is set, then what is added, then what is multiplied; then what is rolled
out, as versions of steps; then the shape of the process. An effect that is not certain becomes an uncertain value of the
design, drawn once per replication by the lever's name.
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
from salessim.scenario import modules, surgery
from salessim.scenario.checks import Problem, nearest, roles_of_step
from salessim.scenario.kinds import Base, Change, Lever, Plus, Put, Reshape, Setting, Times, certain
from salessim.scenario.lever_checks import problems as of_levers
from salessim.scenario.levers import ends
from salessim.scenario.levers.settings import check, check_together, domain, is_today, scale_of, today
from salessim.scenario.loader import parse, to_data
from salessim.scenario.paths import put, split
from salessim.scenario.unknowns import plus, standing, times
from salessim.units import Amount, Pay

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_ORDER = (Put, Plus, Times)
_LEVERS: TypeAdapter[Any] = TypeAdapter(dict[str, Lever])
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
    check_together(scenario, pulled)
    changes = [_Pulled(n, lever, c) for n, lever in pulled.items() for c in _changes_of(scenario, n, lever, settings[n])]
    _check_apart(scenario, changes)
    data = copy.deepcopy(to_data(scenario))
    _carry_out(scenario, data, changes)
    for lever_name, lever in pulled.items():
        _charge(scenario, data, lever_name, lever, settings[lever_name])
        origin = f"assumption: {lever.rests_on}" if lever.rests_on is not None else lever.source
        if origin:
            data.setdefault("provenance", {})[f"lever {lever_name}"] = f"{lever.title or lever_name}: {origin}"
    if name is not None:
        data["name"] = name
    _settle_levers(scenario, data, pulled)
    design = parse(data)
    beside = {s for p in changes if isinstance(p.change, Reshape) and p.change.what == "in_parallel" for s in p.change.steps}
    _check_core(scenario, design, ends.check(scenario, design, pulled), any(lever.KEEPS_CORE for lever in pulled.values()), beside)
    return design


def _settle_levers(scenario: Scenario, data: dict[str, Any], pulled: Mapping[str, Base]) -> None:
    """What has been pulled is no longer to be pulled, unless it is a field; what it excludes or makes impossible goes, too."""
    done = {n for n, lever in pulled.items() if lever.KEY != "field"}
    gone = done | {n for n, other in scenario.levers.items() if n not in pulled and (set(other.excludes) & set(pulled) or any(n in p.excludes for p in pulled.values()))}
    left = {n: lever for n, lever in data.pop("levers", {}).items() if n not in gone}
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
            if isinstance(p.change, Put):
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
    for core in (name for name, step in today.steps.items() if step.core):
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
            _figure(scenario, data, data, p, _keys(scenario, p.change.path), p.change.path)
    rolled = {p.name: p.lever for p in changes if p.lever.rollout is not None}
    for name, lever in rolled.items():
        _roll_out(scenario, data, name, lever, [p for p in figures if p.name == name], [p.change for p in changes if p.name == name and isinstance(p.change, Reshape)])
    shapes = [p for p in changes if isinstance(p.change, Reshape) and p.name not in rolled]
    for p in sorted(shapes, key=lambda p: (_SHAPES.index(p.change.what), p.name)):
        _reshape(data, p.name, p.change, None)


def _figure(scenario: Scenario, data: dict[str, Any], root: Any, p: _Pulled, keys: list[str], path: str) -> None:
    """One field is set, added to or multiplied; what is not certain is noted as uncertain.

    Args:
        root: where `keys` begin: the data of the scenario, or of a version of a step.
        path: of the field in the design, for `uncertain`.
    """
    change = p.change
    place = f"lever {p.name!r}: {change.path}"
    try:
        if isinstance(change, Put):
            law = change.value if hasattr(change.value, "quantile") else None
            if law is None:
                _forget(data, path)
                put(root, keys, change.value)
                return
            _note(data, path, {"value": law.model_dump(mode="json"), "together": f"lever {p.name} {change.draw}", **({"rest": change.rest} if change.rest else {})})
            put(root, keys, law.mean)
            return
        now = standing(scenario, root, change.path, keys)
        if now is None:
            raise ScenarioError(place, "nothing stands there today", "name a field that holds a quantity or a law")
        middle = change.law.mean if certain(change.law) else None
        if isinstance(change, Times):
            if middle is not None:
                put(root, keys, times(now, middle))
            else:
                _note(data, path, {"factor": change.law.model_dump(mode="json"), "together": f"lever {p.name} {change.draw}"})
        elif middle is not None:
            put(root, keys, plus(now, middle))
        else:
            _note(data, path, {"plus": change.law.model_dump(mode="json"), "together": f"lever {p.name} {change.draw}"})
    except (KeyError, ValueError) as wrong:
        problem, remedy = (*wrong.args, "check the path")[:2] if isinstance(wrong, KeyError) else (str(wrong).partition("; ")[::2])
        raise ScenarioError(place, str(problem), str(remedy) or "name a field that holds a quantity or a law") from None


def _note(data: dict[str, Any], path: str, entry: dict[str, Any]) -> None:
    entries = data.setdefault("uncertain", {}).setdefault(path, [])
    data["uncertain"][path] = [*(entries if isinstance(entries, list) else [entries]), entry]


def _forget(data: dict[str, Any], path: str) -> None:
    """What is set is no longer uncertain, nor is anything below it."""
    if data.get("uncertain"):
        data["uncertain"] = {k: v for k, v in data["uncertain"].items() if k != path and not k.startswith(f"{path}.")}


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
        rest = ".".join(keys[4:])
        inner = p if not isinstance(p.change, Put) or p.change.rest is None else _Pulled(p.name, p.lever, _inside(scenario, p.change, name))
        _figure(scenario, data, changed[step], inner, keys[4:], f"steps.{step}.versions.{name}.step.{rest}")
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
        until = since + dt.timedelta(microseconds=rollout.dip.lasts) - dt.timedelta(days=1)
        for team in teams:
            there = data["teams"][team].get("pace", [])
            data["teams"][team]["pace"] = [*there, {"start": str(since), "end": str(max(since, until)), "pace": rollout.dip.factor, "title": f"learning {name}"}]


def _inside(scenario: Scenario, change: Put, version: str) -> Put:
    """A change whose counterpart is in the same version."""
    assert change.rest is not None
    keys = _keys(scenario, change.rest)
    return Put(change.path, change.value, change.draw, f"steps.{keys[3]}.versions.{version}.step.{'.'.join(keys[4:])}")


def _reshape(data: dict[str, Any], lever: str, shape: Reshape, form: Any, version: str | None = None) -> None:
    """One operation on the shape of the process."""
    if shape.what == "remove":
        surgery.remove(data, shape.steps[0], shape.how["then_to"])
    elif shape.what == "merge":
        for field in ("work", "automatic", "customer", "time_by_segment", "automation"):
            _forget(data, f"steps.{shape.steps[0]}.{field}")
        surgery.merge(data, shape.steps[0], shape.steps[1], shape.how["time"])
    elif shape.what == "in_parallel":
        surgery.in_parallel(data, *shape.steps)
    elif shape.what == "answer_first":
        surgery.answer_first(data, shape.steps[0], shape.how["time"])
    elif shape.what == "swap":
        swap = shape.how["swap"]
        modules.swap(data, swap.module, swap.for_, swap.with_, swap.connect)
    elif shape.what == "with_fallback":
        step, law = shape.steps[0], shape.how["failure"]
        mark = _free_mark(data, f"fails_{re.sub(r'[^0-9A-Za-z_]', '_', step)[:24]}")
        data.setdefault("attributes", {})[mark] = {"starts": law.mean, "title": f"chance that the system fails at {step}"}
        data["attributes"][f"{mark}_now"] = {"title": f"whether it has failed at {step}"}
        if not certain(law):
            _note(data, f"attributes.{mark}.starts", {"value": law.model_dump(mode="json"), "together": f"lever {lever} failure"})
        surgery.with_fallback(data, step, form if version is not None else surgery.step_in(data, step), mark)


def _free_mark(data: dict[str, Any], wanted: str) -> str:
    mark, n = wanted, 1
    while mark in data.get("attributes", {}):
        n += 1
        mark = f"{wanted}_{n}"
    return mark


def _charge(scenario: Scenario, data: dict[str, Any], name: str, lever: Base, setting: Setting) -> None:
    """What a lever costs: as often as it adds something that counts, from the day on which it begins."""
    now = today(scenario, lever)
    counts = scale_of(lever) is None and all(isinstance(x, int) and not isinstance(x, bool) for x in (setting, now))
    due = max(0, setting - now) if counts else 1
    cost: dict[str, str] = {}
    if due and lever.running_cost is not None:
        pay = lever.running_cost
        cost["running"] = str(Pay(pay.amount * due, pay.currency, pay.per))
    if due and lever.one_off_cost is not None:
        cost["one_off"] = str(Amount(lever.one_off_cost.value * due, lever.one_off_cost.currency))
    if cost and lever.rollout is not None and lever.rollout.since is not None:
        cost["from"] = str(lever.rollout.since)
    if cost:
        data.setdefault("costs", {})[f"lever {name}"] = cost
