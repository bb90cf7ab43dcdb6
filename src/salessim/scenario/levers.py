"""Levers: what may be changed about a process, how a setting changes the scenario, and what it costs.

A lever that is off leaves the scenario as it was, the same object. Core steps are never touched.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.scenario.checks import nearest, roles_of_step
from salessim.scenario.loader import parse, to_data
from salessim.scenario.model import Lever
from salessim.scenario.paths import find, put, split
from salessim.units import Amount, Pay

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Setting = Any
"""False/0 off; True or a count for named levers; the value itself for a field."""


def domain(scenario: Scenario, lever: Lever) -> tuple[Setting, ...] | tuple[float, float]:
    """The settings of a lever: all of them, or (low, high) of a range."""
    if lever.integer is not None:
        return tuple(range(lever.integer[0], lever.integer[1] + 1))
    if lever.choice is not None:
        return lever.choice
    if lever.range is not None:
        from salessim.units import quantity

        low, high = (quantity(v).value if isinstance(v, str) else float(v) for v in lever.range)
        return (low, high)
    return tuple(range(lever.up_to + 1)) if lever.kind == "add_staff" else (False, True)


def today(scenario: Scenario, lever: Lever) -> Setting:
    """The setting that leaves the scenario as it is."""
    if lever.kind == "field":
        assert lever.field is not None
        value = find(scenario, lever.field)
        if lever.range is not None:
            return float(getattr(value, "value", value))
        return value if isinstance(value, int | float | str | bool) else str(value)
    return 0 if lever.kind == "add_staff" else False


def apply(scenario: Scenario, settings: Mapping[str, Setting], name: str | None = None) -> Scenario:
    """The scenario with its levers set.

    Args:
        scenario: one that declares the levers.
        settings: lever name -> setting; levers not named stay as they are.
        name: what to call the result.

    Returns:
        A new scenario with the levers' costs under `costs`; the same object if nothing changes.

    Raises:
        ScenarioError: no such lever, a setting outside its domain, a core step.
    """
    data: dict[str, Any] | None = None
    for lever_name in sorted(settings):
        setting = settings[lever_name]
        if lever_name not in scenario.levers:
            raise ScenarioError(f"lever {lever_name!r}", "there is no such lever", nearest(lever_name, scenario.levers))
        lever = scenario.levers[lever_name]
        _check(scenario, lever_name, lever, setting)
        if setting == today(scenario, lever) and not (isinstance(setting, bool) and setting):
            continue
        data = copy.deepcopy(to_data(scenario)) if data is None else data
        _pull(scenario, data, lever_name, lever, setting)
    if data is None:
        return scenario
    if name is not None:
        data["name"] = name
    return parse(data)


def _check(scenario: Scenario, name: str, lever: Lever, setting: Setting) -> None:
    options = domain(scenario, lever)
    if lever.range is not None:
        number = setting if isinstance(setting, int | float) else None
        ok = number is None or options[0] <= number <= options[1]
        text = f"{lever.range[0]} to {lever.range[1]}"
    else:
        ok = setting in options or setting == today(scenario, lever)
        text = ", ".join(map(str, options))
    if not ok:
        raise ScenarioError(f"lever {name!r}", f"the setting {setting!r} is not possible", f"choose from {text}")
    steps = [s for s in (lever.automate, lever.remove, *(lever.merge or ())) if s is not None]
    for step in steps:
        if scenario.steps[step].core:
            raise ScenarioError(f"lever {name!r}", f"{step!r} is a core step", "leave it as it is")


def _pull(scenario: Scenario, data: dict[str, Any], name: str, lever: Lever, setting: Setting) -> None:
    times = 1
    if lever.field is not None:
        keys = split(scenario, lever.field)
        if lever.range is not None and isinstance(setting, int | float):
            setting = _in_words(find(scenario, lever.field), setting, lever)
        put(data, keys, setting)
        times = max(0, int(setting) - int(today(scenario, lever))) if isinstance(setting, int) else 1
    elif lever.add_staff is not None:
        data["teams"][lever.add_staff]["size"] = scenario.teams[lever.add_staff].size + int(setting)
        times = int(setting)
    elif lever.automate is not None:
        step = _step(scenario, data, lever.automate)
        assert lever.time is not None
        step["automation"] = {"share": lever.share, "time": lever.time.model_dump(mode="json")}
    elif lever.remove is not None:
        _remove(scenario, data, lever.remove, lever.then_to)
    elif lever.merge is not None:
        assert lever.time is not None
        _merge(scenario, data, *lever.merge, lever.time.model_dump(mode="json"))
    _charge(data, name, lever, times)


def _in_words(now: Any, setting: float, lever: Lever) -> Any:
    """A number of a range in the unit of the field it sets."""
    from salessim.units import Quantity, say_duration

    dimension = now.dimension if isinstance(now, Quantity) else "time" if isinstance(lever.range, tuple) and isinstance(lever.range[0], str) else "number"
    if dimension == "time":
        return say_duration(setting)
    if dimension == "money" and lever.range is not None:
        return f"{setting:g} {str(lever.range[0]).split()[-1]}"
    return setting


def _charge(data: dict[str, Any], name: str, lever: Lever, times: int) -> None:
    cost: dict[str, str] = {}
    if times and lever.running_cost is not None:
        pay = lever.running_cost
        cost["running"] = str(Pay(pay.amount * times, pay.currency, pay.per))
    if times and lever.one_off_cost is not None:
        cost["one_off"] = str(Amount(lever.one_off_cost.value * times, lever.one_off_cost.currency))
    if cost:
        data.setdefault("costs", {})[f"lever {name}"] = cost


def _step(scenario: Scenario, data: dict[str, Any], name: str) -> dict[str, Any]:
    step: dict[str, Any] = data["stages"][scenario.stage_of(name)]["steps"][name]
    return step


def _all_steps(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for stage in data["stages"].values() for step in stage["steps"].values()]


def _redirect(data: dict[str, Any], old: str, new: str) -> None:
    """Whoever was sent to `old` is sent to `new`."""
    for step in _all_steps(data):
        for part in [*step["then"], *step.get("spawns", []), *([step["gives_up"]] if "gives_up" in step else [])]:
            if part.get("to") == old:
                part["to"] = new
    for channel in data["channels"].values():
        if channel["enters"] == old:
            channel["enters"] = new


def _delete(scenario: Scenario, data: dict[str, Any], name: str) -> None:
    stage = data["stages"][scenario.stage_of(name)]
    del stage["steps"][name]
    if not stage["steps"]:
        del data["stages"][scenario.stage_of(name)]
    data["levers"] = {
        k: v
        for k, v in data.get("levers", {}).items()
        if name not in (v.get("automate"), v.get("remove"), v.get("then_to"), *(v.get("merge") or ()))
        and not str(v.get("field", "")).startswith((f"steps.{name}.", f"stages.{scenario.stage_of(name)}.steps.{name}."))
    }


def _remove(scenario: Scenario, data: dict[str, Any], name: str, then_to: str | None) -> None:
    """Take a step out: who was sent to it goes where most who leave it go on to."""
    step = scenario.steps[name]
    onward = [r for r in step.then if r.to is not None and r.to != name]
    if then_to is None:
        if not onward:
            raise ScenarioError(f"remove {name!r}", "nobody goes on from this step", "name the step to go to with 'then_to'")
        segments = list(scenario.segments)
        then_to = max(onward, key=lambda r: (sum(step.share_of(r, g) for g in segments), r.to)).to
    assert then_to is not None
    milestone = step.milestone
    _redirect(data, name, then_to)
    if milestone and "milestone" not in _step(scenario, data, then_to):
        raise ScenarioError(f"remove {name!r}", f"it is the milestone {milestone!r}", "remove another step")
    _delete(scenario, data, name)


def _merge(scenario: Scenario, data: dict[str, Any], first: str, second: str, time: Any) -> None:
    """Make one step of two: it takes the given time and goes on as the second did."""
    a, b = _step(scenario, data, first), _step(scenario, data, second)
    kind = scenario.steps[first].kind
    a[kind] = time
    a["then"] = copy.deepcopy(b["then"])
    a["spawns"] = [*a.get("spawns", []), *b.get("spawns", [])]
    if "milestone" in b:
        a["milestone"] = b["milestone"]
    _delete(scenario, data, second)
    _redirect(data, second, first)


def in_words(scenario: Scenario, settings: Mapping[str, Setting]) -> list[str]:
    """What a setting of the levers means, a phrase each; nothing for levers that stay as they are."""
    result = []
    for name in sorted(settings):
        lever, setting = scenario.levers[name], settings[name]
        now = today(scenario, lever)
        if setting == now:
            continue
        if lever.title:
            shown = _in_words(find(scenario, str(lever.field)), setting, lever) if lever.range is not None else setting
            result.append(lever.title + (f": {shown}" if not isinstance(setting, bool) else ""))
        elif lever.add_staff is not None:
            team = scenario.teams[lever.add_staff]
            result.append(f"{team.title or lever.add_staff}: {team.size} → {team.size + int(setting)} people")
        elif lever.automate is not None:
            result.append(f"automate {lever.automate!r} ({100 * lever.share:.0f} % of visits)")
        elif lever.remove is not None:
            result.append(f"remove {lever.remove!r}")
        elif lever.merge is not None:
            result.append(f"merge {lever.merge[0]!r} and {lever.merge[1]!r}")
        else:
            shown = _in_words(find(scenario, str(lever.field)), setting, lever) if lever.range is not None else setting
            keys = str(lever.field).split(".")
            if len(keys) == 3 and keys[0] == "teams" and keys[2] == "size":
                result.append(f"{scenario.teams[keys[1]].title or keys[1]}: {now} → {shown} people")
            else:
                result.append(f"{lever.field}: {now} → {shown}")
    return result


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
