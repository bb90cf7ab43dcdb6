"""Levers: what may be changed about a process, how a setting changes the scenario, and what it costs.

A lever that is off leaves the scenario as it was, the same object. Core steps are never touched. Settings are plain:
False or 0 for a named lever that is off, True or a count for one that is on, and for a field its value as a file
would have it (a range: a number in the unit of its first bound, times in ticks).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.scenario import modules, ranges, surgery
from salessim.scenario.checks import Problem, nearest, reachable, roles_of_step
from salessim.scenario.loader import parse, to_data
from salessim.scenario.model import Lever
from salessim.scenario.paths import plain, put, split
from salessim.units import Amount, Pay

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Setting = Any
_ORDER = ("field", "automate", "add_staff", "merge", "remove", "swap")
"""Levers are pulled in this order, whatever their names: numbers first, then the shape of the process."""


def domain(lever: Lever) -> tuple[Setting, ...]:
    """The settings of a lever: all of them, or for a range its two ends."""
    if lever.integer is not None:
        return tuple(range(lever.integer[0], lever.integer[1] + 1))
    if lever.choice is not None:
        return lever.choice
    if lever.range is not None:
        scale, low = ranges.read(lever.range[0])
        return low, ranges.on(scale, lever.range[1])
    return tuple(range(lever.up_to + 1)) if lever.kind == "add_staff" else (False, True)


def today(scenario: Scenario, lever: Lever) -> Setting:
    """The setting that leaves the scenario as it is; None for a field that is not set."""
    if lever.field is None:
        return 0 if lever.kind == "add_staff" else False
    value = plain(scenario, lever.field)
    return ranges.on(ranges.read(lever.range[0])[0], value) if lever.range is not None else value


def is_today(scenario: Scenario, lever: Lever, setting: Setting) -> bool:
    """Whether a setting leaves the scenario as it is, also if it says so in other words ("10 min", "600 s")."""
    now = today(scenario, lever)
    if isinstance(setting, bool) == isinstance(now, bool) and setting == now:
        return True
    if lever.choice is None or setting is None:
        return False
    data = to_data(scenario)
    assert lever.field is not None
    put(data, split(scenario, lever.field), setting)
    return parse(data) == scenario


def apply(scenario: Scenario, settings: Mapping[str, Setting], name: str | None = None) -> Scenario:
    """The scenario with its levers set.

    Args:
        scenario: one that declares the levers.
        settings: lever name -> setting; levers not named stay as they are.
        name: what to call the result.

    Returns:
        A new scenario with the levers' costs under `costs`; the same object if nothing changes.

    Raises:
        ScenarioError: no such lever, a setting outside its domain, a core step, levers that exclude each other.
    """
    pulled: dict[str, Lever] = {}
    for lever_name in sorted(settings):
        if lever_name not in scenario.levers:
            raise ScenarioError(f"lever {lever_name!r}", "there is no such lever", nearest(lever_name, scenario.levers))
        lever = scenario.levers[lever_name]
        _check(scenario, lever_name, lever, settings[lever_name])
        if not is_today(scenario, lever, settings[lever_name]):
            pulled[lever_name] = lever
    if not pulled:
        return scenario
    _check_together(scenario, pulled)
    data = copy.deepcopy(to_data(scenario))
    for lever_name, lever in sorted(pulled.items(), key=lambda item: (_ORDER.index(item[1].kind), item[0])):
        try:
            times = _pull(scenario, data, lever, settings[lever_name])
        except KeyError as wrong:  # a path that leads nowhere
            raise ScenarioError(f"lever {lever_name!r}", *map(str, (*wrong.args, "check the path")[:2])) from None
        _charge(data, lever_name, lever, times)
    if name is not None:
        data["name"] = name
    design = parse(data)
    _check_core(scenario, design)
    return design


def _check_core(today: Scenario, design: Scenario) -> None:
    """Core steps are as they were, and what could only be reached through one still cannot be reached around it."""
    for core in (name for name, step in today.steps.items() if step.core):
        before, after = today.steps[core], design.steps.get(core)
        same = {"then": before.then, "spawns": before.spawns}  # targets may have been renamed by a removal elsewhere
        if after is None or after.model_copy(update=same) != before:
            raise ScenarioError("levers", f"the core step {core!r} would change", "leave it as it is")
        guarded = reachable(today) - reachable(today, without=core)
        around = sorted(step for step, segment in guarded & reachable(design, without=core) if step != core)
        if around:
            raise ScenarioError("levers", f"step {around[0]!r} could be reached around the core step {core!r}", "leave the way through it")


def misfits(scenario: Scenario) -> Iterator[Problem]:
    """What goes wrong when each lever is pulled alone to its ends; nothing for levers that work."""
    for name, lever in scenario.levers.items():
        options = domain(lever)
        for end in dict.fromkeys([options[0], options[-1]] if lever.choice is None else range(len(options))):
            setting = end if lever.choice is None else options[end]
            try:
                apply(scenario, {name: setting})
            except ScenarioError as wrong:
                yield Problem(("levers", name), f"set to {setting!r}, {wrong.place}: {wrong.problem}", wrong.remedy)
                break


def _check(scenario: Scenario, name: str, lever: Lever, setting: Setting) -> None:
    options = domain(lever)
    now = today(scenario, lever)
    if lever.range is not None:
        number = isinstance(setting, int | float) and not isinstance(setting, bool)
        ok = setting == now or (number and min(options) <= setting <= max(options))
        text = f"{lever.range[0]} to {lever.range[1]}"
    else:
        ok = setting in options or setting == now
        text = ", ".join(map(str, options))
    if not ok:
        raise ScenarioError(f"lever {name!r}", f"the setting {setting!r} is not possible", f"choose from {text}")
    for step in (lever.automate, lever.remove, *(lever.merge or ())):
        if step is not None and scenario.steps[step].core:
            raise ScenarioError(f"lever {name!r}", f"{step!r} is a core step", "leave it as it is")


def _check_together(scenario: Scenario, pulled: Mapping[str, Lever]) -> None:
    """A step that is removed or merged is nobody else's to change."""
    owner: dict[str, str] = {}
    for name, lever in pulled.items():
        swapped = modules.steps_of(scenario, lever.swap.module) if lever.swap else ()
        for step in filter(None, (lever.remove, *(lever.merge or ()), *swapped)):
            if step in owner:
                raise ScenarioError(f"levers {owner[step]!r} and {name!r}", f"both take step {step!r} away", "pull one of them only")
            owner[step] = name
    for name, lever in pulled.items():
        touched = [lever.automate, lever.then_to]
        if lever.field is not None:
            keys = split(scenario, lever.field)
            touched.append(keys[3] if keys[0] == "stages" and len(keys) > 3 else None)
        for step in filter(None, touched):
            if owner.get(step, name) != name:
                raise ScenarioError(
                    f"levers {owner[step]!r} and {name!r}", f"one takes step {step!r} away, the other changes it", "pull one of them only"
                )


def _pull(scenario: Scenario, data: dict[str, Any], lever: Lever, setting: Setting) -> int:
    """Change the data; returns how many times the lever's cost is due."""
    if lever.field is not None:
        now = today(scenario, lever)
        value = ranges.read(lever.range[0])[0].words(setting) if lever.range is not None else setting
        put(data, split(scenario, lever.field), value)
        counts = all(isinstance(x, int) and not isinstance(x, bool) for x in (setting, now))
        return max(0, setting - now) if counts else 1
    if lever.add_staff is not None:
        data["teams"][lever.add_staff]["size"] += int(setting)
        return int(setting)
    if lever.automate is not None:
        assert lever.time is not None
        surgery.step_in(data, lever.automate)["automation"] = {"share": lever.share, "time": lever.time.model_dump(mode="json")}
    elif lever.remove is not None:
        surgery.remove(data, lever.remove, lever.then_to)
    elif lever.merge is not None:
        assert lever.time is not None
        surgery.merge(data, *lever.merge, lever.time.model_dump(mode="json"))
    elif lever.swap is not None:
        modules.swap(data, lever.swap.module, lever.swap.for_, lever.swap.with_, lever.swap.connect)
    return 1


def _charge(data: dict[str, Any], name: str, lever: Lever, times: int) -> None:
    cost: dict[str, str] = {}
    if times and lever.running_cost is not None:
        pay = lever.running_cost
        cost["running"] = str(Pay(pay.amount * times, pay.currency, pay.per))
    if times and lever.one_off_cost is not None:
        cost["one_off"] = str(Amount(lever.one_off_cost.value * times, lever.one_off_cost.currency))
    if cost:
        data.setdefault("costs", {})[f"lever {name}"] = cost


def in_words(scenario: Scenario, settings: Mapping[str, Setting]) -> list[str]:
    """What a setting of the levers means, a phrase each; nothing for levers that stay as they are."""
    result = []
    for name in sorted(settings):
        lever, setting = scenario.levers[name], settings[name]
        now = today(scenario, lever)
        if is_today(scenario, lever, setting):
            continue
        if lever.title:
            result.append(lever.title + (f": {_said(lever, setting)}" if not isinstance(setting, bool) else ""))
        elif lever.add_staff is not None:
            team = scenario.teams[lever.add_staff]
            result.append(f"{team.title or lever.add_staff}: {team.size} → {team.size + int(setting)} people")
        elif lever.automate is not None:
            result.append(f"automate {lever.automate!r} ({100 * lever.share:.0f} % of visits)")
        elif lever.remove is not None:
            result.append(f"remove {lever.remove!r}")
        elif lever.swap is not None:
            result.append(f"swap module {lever.swap.module!r} for {lever.swap.for_!r}")
        elif lever.merge is not None:
            result.append(f"merge {lever.merge[0]!r} and {lever.merge[1]!r}")
        else:
            keys = str(lever.field).split(".")
            if len(keys) == 3 and keys[0] == "teams" and keys[2] == "size":
                result.append(f"{scenario.teams[keys[1]].title or keys[1]}: {now} → {setting} people")
            else:
                result.append(f"{lever.field}: {_said(lever, now)} → {_said(lever, setting)}")
    return result


def _said(lever: Lever, setting: Setting) -> str:
    """A setting of a field as a person would write it."""
    if setting is None:
        return "not set"
    if lever.range is not None:
        return str(ranges.read(lever.range[0])[0].words(setting))
    if isinstance(setting, dict):
        return ", ".join(f"{k} {v}" for k, v in setting.items() if k not in ("source", "assumption"))
    return str(setting)


def propose(scenario: Scenario) -> dict[str, Lever]:
    """Levers for a scenario that declares none: a little more or less staff, and automation of flexible steps.

    What automation would achieve is not in any log: the effect is an assumption and says so.
    """
    result: dict[str, Lever] = {}
    used = {team for step in scenario.steps.values() for role in roles_of_step(step) for team in role.by}
    for name in sorted(used):
        size = scenario.teams[name].size
        spread = max(1, round(size * 0.2))
        result[f"staff {name}"] = Lever(
            field=f"teams.{name}.size", integer=(max(1, size - spread), size + 2 * spread), title=None
        )
    for name, step in sorted(scenario.steps.items()):
        if step.kind == "work" and not step.core and not step.together_with:
            result[f"automate {name}"] = Lever.model_validate(
                {"automate": name, "share": 0.3, "time": "1 min", "running_cost": f"1500 {scenario.currency}/month",
                 "one_off_cost": f"20000 {scenario.currency}", "assumption": "share, time and cost; not learnt from data"}
            )  # fmt: skip
    return result
