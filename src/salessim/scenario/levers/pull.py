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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from salessim.errors import ScenarioError
from salessim.scenario import handoffs, modules, surgery
from salessim.scenario.carried import Said, attach, carrying, detach
from salessim.scenario.checks import Misfit, Problem, nearest, reachable, roles_of_step
from salessim.scenario.kinds import Append, Base, Change, Lever, Missing, Plus, Put, Reshape, SetField, Setting, Times, certain
from salessim.scenario.kinds.numbers import AddStaff
from salessim.scenario.lever_checks import problems as of_levers
from salessim.scenario.levers import ends
from salessim.scenario.levers.figures import Form, carry_out
from salessim.scenario.levers.settings import before, check, check_together, domain, is_today, leads_back, scale_of, today
from salessim.scenario.loader import parse, to_data
from salessim.scenario.model import KEPT_BY_VERSIONS
from salessim.scenario.paths import canonical, find, plain, split
from salessim.units import DAY, Amount, Pay
from salessim.units import share as share_of

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
        found = list(lever.changes(scenario, setting))
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise ScenarioError(f"lever {name!r}", problem, remedy or "check its effects") from None
    met = reachable(scenario) if any(getattr(c, "only_if", ()) for c in found) else set()
    found = [c for c in found if not getattr(c, "only_if", ()) or any((step, c.path.split(".")[1]) in met for step in c.only_if)]
    said = {(type(c), tuple(_keys(scenario, c.path))) for c in found if not isinstance(c, Reshape)}
    for change in [c for c in found if not isinstance(c, Reshape)]:
        found += [c for c in _in_versions(scenario, lever, change) if (type(c), tuple(_keys(scenario, c.path))) not in said]
    return found


def _in_versions(scenario: Scenario, lever: Base, change: Any) -> Iterator[Change]:
    """The same change in the versions of its step that have such a field; what a planner sets by its path is set only there."""
    keys = _keys(scenario, change.path)
    if keys[0] != "stages" or len(keys) < 5 or keys[4] == "versions":
        return
    literal = isinstance(change, Put) and lever.KEY in ("field", "effects") and keys[4] not in KEPT_BY_VERSIONS
    rest = canonical(scenario, keys).split(".")[2:]
    for i in range(0 if literal else len(scenario.steps[keys[3]].versions)):
        path = ".".join(["steps", keys[3], "versions", str(i), "step", *rest])
        try:
            find(scenario, path if not isinstance(change, Put) else path.rpartition(".")[0])
            if isinstance(change, Put) or plain(scenario, path) is not None:
                yield replace(change, path=path)
        except KeyError:
            continue  # this version has no such way


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
        if p.lever.rolls_out is None:
            _figure(Form(scenario, data, data), p)
    rolled = {p.name: p.lever for p in changes if p.lever.rolls_out is not None}
    origins = {(step, v.name): i for step, found in scenario.steps.items() for i, v in enumerate(found.versions)}
    for name, lever in sorted(rolled.items(), key=lambda item: (_begins(scenario, item[1]), item[0])):
        _roll_out(scenario, data, name, lever, [p for p in figures if p.name == name], [p.change for p in changes if p.name == name and isinstance(p.change, Reshape)], origins)
    shapes = [p for p in changes if isinstance(p.change, Reshape) and p.name not in rolled]
    for p in sorted(shapes, key=lambda p: (_SHAPES.index(p.change.what), p.name)):
        _reshape(data, p.name, p.change)


def _begins(scenario: Scenario, lever: Base) -> dt.date:
    rollout = lever.rolls_out
    return rollout.since if rollout is not None and rollout.since is not None else scenario.clock.start


def _figure(form: Form, p: _Pulled) -> None:
    """One field is changed, or refused in a line that names the lever."""
    try:
        carry_out(form, p.name, p.change)
    except (KeyError, ValueError) as wrong:
        problem, remedy = (*wrong.args, "check the path")[:2] if isinstance(wrong, KeyError) else (str(wrong).partition("; ")[::2])
        raise ScenarioError(f"lever {p.name!r}: {p.change.path}", str(problem), str(remedy) or "name a field that holds a quantity or a law") from None


def _roll_out(scenario: Scenario, data: dict[str, Any], name: str, lever: Base, figures: list[_Pulled], shapes: list[Any], origins: dict[tuple[str, str], int]) -> None:
    """A lever that begins on a day, or for a share of the cases: another version of each step that it changes.

    Args:
        origins: (step, version) -> place of that version in the scenario, for those that stood there before.
    """
    rollout = lever.rolls_out
    assert rollout is not None
    since = rollout.since or scenario.clock.start
    place = f"lever {name!r}"
    changed: dict[str, list[_Pulled]] = {}
    for p in figures:
        keys = _keys(scenario, p.change.path)
        if getattr(p.change, "dated", False):
            _figure(Form(scenario, data, data), p)
            continue
        if keys[0] != "stages" or len(keys) < 5:
            raise ScenarioError(place, f"a roll-out changes what happens at steps, but {p.change.path} is not a field of one", _instead(lever, keys))
        if keys[4] in KEPT_BY_VERSIONS:
            raise ScenarioError(place, f"{p.change.path} cannot be rolled out: a version keeps the step's people, queue, kind and cost", "leave 'rollout' out and compare the two scenarios")
        changed.setdefault(keys[3], []).append(p)
    for shape in shapes:
        if shape.what not in ("with_fallback", "remove") or (shape.what == "with_fallback" and shape.steps[0] not in changed):
            raise ScenarioError(place, "a change of the shape of the process cannot be rolled out for a share or from a day on", "leave 'rollout' out and compare the two scenarios")
        changed.setdefault(shape.steps[0], [])
    for step, mine in changed.items():
        forms = _new_forms(data, step, name, since, rollout.share)
        for version, form in forms:
            origin = origins.get((step, version)) if version is not None else None
            above = tuple(_keys(scenario, f"steps.{step}")) + (() if origin is None else ("versions", str(origin), "step"))
            for p in mine:
                keys = _keys(scenario, p.change.path)
                if (keys[4] == "versions") == (origin is not None) and tuple(keys[: len(above)]) == above:
                    _figure(Form(scenario, data, form, above), p)
        for shape in shapes:
            if shape.steps[0] == step:
                _reshape(data, name, shape, [form for _, form in forms])
    if rollout.dip is not None:
        own = {keys[1] for p in figures if (keys := _keys(scenario, p.change.path))[0] == "teams"}
        teams = rollout.dip.teams or sorted(own | {t for s in changed for role in roles_of_step(scenario.steps[s]) for t in role.by})
        since = min(since, _LAST_DAY)
        until = dt.date.fromordinal(min(since.toordinal() + rollout.dip.lasts // DAY - 1, _LAST_DAY.toordinal()))
        for team in teams:
            there = data["teams"][team].get("pace", [])
            data["teams"][team]["pace"] = [*there, {"start": str(since), "end": str(max(since, until)), "pace": rollout.dip.factor, "title": f"learning {name}"}]


def _instead(lever: Base, keys: list[str]) -> str:
    """What could be done where a roll-out cannot be."""
    if keys[0] == "teams" and keys[2:] == ["size"]:
        return "use 'add_staff' with 'joins', for people who join on that day"
    if keys[0] == "teams" and keys[2:] == ["calendar"]:
        return "leave 'rollout' out, or give the calendar other shifts from that day on"
    if keys[0] == "segments" and lever.KEY == "approve_by_rule":
        return "say the 'share' without a 'value_factor', or leave 'rollout' out"
    return "leave 'rollout' out, or make two levers of it"


def _new_forms(data: dict[str, Any], step: str, name: str, since: dt.date, share: float) -> list[tuple[str | None, dict[str, Any]]]:
    """The forms of a step that a roll-out changes, (version that it was made from, form); the step gets its new version.

    What is rolled out for all from a day on stands on what is there by then, and what begins later stands on it. Of two
    pilots nobody could say who is in both.

    Raises:
        ScenarioError: another roll-out is in the way.
    """
    base = surgery.step_in(data, step)
    versions = base.get("versions", [])
    if any(v["name"] == name for v in versions):
        raise ScenarioError(f"lever {name!r}", f"step {step!r} has a version of that name", "choose another name for the lever")
    day = {v["name"]: dt.date.fromisoformat(str(v["from"])) for v in versions}
    earlier = sorted((v for v in versions if day[v["name"]] <= since), key=lambda v: (day[v["name"]], v["name"]))
    later = [v for v in versions if day[v["name"]] > since]
    pilots = [v["name"] for v in earlier if _share(v) < 1] + ([v["name"] for v in later] if share < 1 else [])
    if pilots:
        piloted = pilots[0] if any(_share(v) < 1 for v in earlier) else name
        raise ScenarioError(
            f"lever {name!r}", f"step {step!r} is changed by another roll-out ({pilots[0]!r}), and {piloted!r} is for a share of the cases only",
            f"roll out one of them only, or give {piloted!r} to all cases",
        )  # fmt: skip
    if earlier and day[earlier[-1]["name"]] == since:
        if share < 1 and earlier[-1]["name"] > name:
            raise ScenarioError(f"lever {name!r}", f"step {step!r} is changed by another roll-out ({earlier[-1]['name']!r}) on the same day", "let the pilot begin a day later")
        if share == 1:
            return [(v["name"], v["step"]) for v in (earlier[-1], *later)]
    source = earlier[-1] if earlier else None
    form = copy.deepcopy(source["step"] if source is not None else {k: v for k, v in base.items() if k != "versions"})
    base["versions"] = [*versions, {"name": name, "from": str(since), "share": share, "step": form}]
    return [(source["name"] if source is not None else None, form), *((v["name"], v["step"]) for v in later)]


def _share(version: dict[str, Any]) -> float:
    return share_of(version.get("share", 1.0))


def _reshape(data: dict[str, Any], lever: str, shape: Reshape, forms: list[dict[str, Any]] | None = None) -> None:
    """One operation on the shape of the process; on some forms of a step only, if it is rolled out."""
    if shape.what == "remove":
        surgery.remove(data, shape.steps[0], shape.how["then_to"], forms)
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
        base = surgery.step_in(data, step)
        for form in forms or [base, *(v["step"] for v in base.get("versions", []))]:
            surgery.with_fallback(data, step, form, mark)


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
    if cost and (since := lever.pays_from()) is not None:
        cost["from"] = str(since)
    costs = {k: v for k, v in data.get("costs", {}).items() if k != f"lever {name}"} | ({f"lever {name}": cost} if cost else {})
    if costs or "costs" in data:
        data["costs"] = costs
