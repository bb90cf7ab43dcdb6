"""The settings of levers: which there are, which is today's, and which go together."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from salessim.errors import ScenarioError
from salessim.scenario import ranges
from salessim.scenario.checks import nearest
from salessim.scenario.kinds import Base, SetField, Setting
from salessim.scenario.loader import parse, to_data
from salessim.scenario.paths import plain, put, split

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def domain(lever: Base) -> tuple[Setting, ...]:
    """The settings of a lever: all of them, or its two ends if it has a scale."""
    return lever.settings()


def scale_of(lever: Base) -> ranges.Scale | None:
    """The scale of a lever that takes anything between two ends; None for one with single settings."""
    if isinstance(lever, SetField):
        return ranges.read(lever.range[0])[0] if lever.range is not None else None
    return getattr(lever, "scale", None)


def today(scenario: Scenario, lever: Base) -> Setting:
    """The setting that leaves the scenario as it is; None for a field that is not set."""
    if isinstance(lever, SetField):
        value, scale = plain(scenario, lever.field), scale_of(lever)
        return ranges.on(scale, value) if scale is not None else value
    if hasattr(lever, "today"):
        return lever.today(scenario, plain)
    return lever.settings()[0]


def read_setting(scenario: Scenario, text: str, place: str) -> tuple[str, Setting]:
    """(lever, setting) of words such as "bot=on", "people=2", "price=30 EUR/hour", "queue=first_come".

    A lever that is pulled or not may be named alone; "off" leaves any lever as it is.

    Args:
        text: what a planner wrote.
        place: where, for messages.

    Raises:
        ScenarioError: there is no such lever, or it has no such setting; with those to choose from.
    """
    name = next((n for n in sorted(scenario.levers, key=len, reverse=True) if text.strip() == n or re.match(rf"\s*{re.escape(n)}\s*=", text)), None)
    if name is None:
        wanted = text.partition("=")[0].strip()
        remedy = nearest(wanted, scenario.levers) if scenario.levers else "declare levers under 'levers:'"
        raise ScenarioError(place, f"there is no lever {wanted!r}", remedy)
    lever, said = scenario.levers[name], text.strip()[len(name) :].strip().removeprefix("=").strip()
    options, scale = domain(lever), scale_of(lever)
    pulled_or_not = is_switch(lever)
    if said.lower() in ("off", "no", "false") and not isinstance(lever, SetField):
        return name, today(scenario, lever)
    if pulled_or_not and said.lower() in ("", "on", "yes", "true"):
        return name, True
    if scale is not None and said:
        try:
            return name, ranges.on(scale, said if scale.kind != "number" else float(said))
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            raise ScenarioError(f"{place}: lever {name!r}", problem, remedy or f"choose from {scale.words(options[0])} to {scale.words(options[1])}") from None
    found = [o for o in (*options, today(scenario, lever)) if written(o) == said.lower()]
    if not found:
        to = ", ".join(dict.fromkeys(map(written, options))) if scale is None else f"{scale.words(options[0])} to {scale.words(options[1])}"
        raise ScenarioError(f"{place}: lever {name!r}", f"the setting {said!r} is not possible" if said else "no setting is given", f"choose from {'on, off' if pulled_or_not else to}")
    return name, found[0]


def written(option: Setting) -> str:
    """A setting as a planner would write it."""
    if isinstance(option, bool):
        return "true" if option else "false"
    if isinstance(option, dict | list):
        return json.dumps(option, ensure_ascii=False).lower()
    return "none" if option is None else str(option).lower()


def before(scenario: Scenario, lever: Base) -> Setting:
    """The setting that stood there before the lever was first pulled; today's unless the scenario is a design."""
    was = getattr(lever, "was", None)
    scale = scale_of(lever)
    return today(scenario, lever) if was is None else ranges.on(scale, was) if scale is not None else was


def leads_back(scenario: Scenario, lever: Base, setting: Setting) -> bool:
    """Whether a setting is what stood there before the lever was first pulled."""
    return _same(scenario, lever, setting, before(scenario, lever))


def is_switch(lever: Base) -> bool:
    """Whether a lever is pulled or not, with no more to choose."""
    return lever.settings()[0] is False and not isinstance(lever, SetField)


def off(lever: Base, setting: Setting) -> bool:
    """Whether a setting says that a lever is off: False, unless it is a field that may be false."""
    return setting is False and not isinstance(lever, SetField) and lever.settings()[0] is not False


def is_today(scenario: Scenario, lever: Base, setting: Setting) -> bool:
    """Whether a setting leaves the scenario as it is, also if it says so in other words ("10 min", "600 s")."""
    return _same(scenario, lever, setting, today(scenario, lever))


def _same(scenario: Scenario, lever: Base, setting: Setting, other: Setting) -> bool:
    """Whether two settings make the same scenario."""
    if off(lever, setting):
        return _same(scenario, lever, today(scenario, lever), other)
    if isinstance(setting, bool) == isinstance(other, bool) and setting == other:
        return True
    if not isinstance(lever, SetField) or lever.choice is None or setting is None:
        return False
    return _with(scenario, lever, setting) == (scenario if other == today(scenario, lever) else _with(scenario, lever, other))


def _with(scenario: Scenario, lever: SetField, setting: Setting) -> Scenario:
    """The scenario with a field that takes a setting."""
    data = to_data(scenario)
    put(data, split(scenario, lever.field), setting)
    return parse(data)


def _in_force(scenario: Scenario, pulled: Mapping[str, Setting]) -> set[str]:
    """The levers that are pulled once these settings are made: fields that a design has changed already, too."""
    changed = {n: lever for n, lever in scenario.levers.items() if getattr(lever, "was", None) is not None}
    back = {n for n, lever in changed.items() if leads_back(scenario, lever, pulled.get(n, today(scenario, lever)))}
    return ({*pulled} | {*changed}) - back


def check(scenario: Scenario, name: str, lever: Base, setting: Setting) -> None:
    """Refuse a setting that the lever does not have.

    Raises:
        ScenarioError: with those to choose from.
    """
    options, now, scale = domain(lever), today(scenario, lever), scale_of(lever)
    if off(lever, setting):
        return
    if scale is not None:
        number = isinstance(setting, int | float) and not isinstance(setting, bool)
        ok = (setting == now and not isinstance(setting, bool)) or (number and min(options) <= setting <= max(options))
        text = f"{scale.words(options[0])} to {scale.words(options[1])}"
    else:
        ok = any(setting == o and isinstance(setting, bool) == isinstance(o, bool) for o in options) or setting == now
        text = ", ".join(map(str, options))
    if not ok:
        said = repr(scale.words(setting)) if scale is not None and isinstance(setting, int | float) and not isinstance(setting, bool) else repr(setting)
        raise ScenarioError(f"lever {name!r}", f"the setting {said} is not possible", f"choose from {text}")


def check_together(scenario: Scenario, pulled: Mapping[str, Setting]) -> None:
    """Refuse levers without what they need, or with what they exclude.

    Args:
        scenario: declares the levers.
        pulled: the settings of those that are not left as they are.

    Raises:
        ScenarioError: with both levers.
    """
    on, in_force = sorted(pulled), _in_force(scenario, pulled)
    for name in on:
        lever = scenario.levers[name]
        missing = [n for n in lever.needs if n not in in_force]
        if missing:
            raise ScenarioError(f"lever {name!r}", f"it needs {missing[0]!r}, which is not pulled", f"pull {missing[0]!r} as well, or neither")
        clash = [n for n in on if n != name and (n in lever.excludes or name in scenario.levers[n].excludes)]
        if clash:
            raise ScenarioError(f"levers {min(name, clash[0])!r} and {max(name, clash[0])!r}", "they exclude each other", "pull one of them only")


def unmet(scenario: Scenario, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """(lever, what it needs) for levers that no setting of these levers alone can pull."""
    there = {*names} | _in_force(scenario, {})
    return ((name, need) for name in sorted(names) for need in scenario.levers[name].needs if need not in there)


def repaired(scenario: Scenario, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """The nearest settings that may go together: what excludes a lever that comes before by name, or lacks what it needs, is off."""
    result = dict(settings)
    on = [n for n in sorted(result) if not is_today(scenario, scenario.levers[n], result[n])]
    kept: list[str] = []
    for name in on:
        lever = scenario.levers[name]
        if any(n in lever.excludes or name in scenario.levers[n].excludes for n in kept):
            continue
        kept.append(name)
    while bare := _without_needs(scenario, {n: result[n] for n in kept}):
        kept = [n for n in kept if n not in bare]
    return result | {n: today(scenario, scenario.levers[n]) for n in on if n not in kept}


def _without_needs(scenario: Scenario, pulled: Mapping[str, Setting]) -> list[str]:
    """The levers that are pulled without what they need."""
    in_force = _in_force(scenario, pulled)
    return [n for n in pulled if not set(scenario.levers[n].needs) <= in_force]
