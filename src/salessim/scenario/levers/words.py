"""Levers for people: what a setting means, what it rests on, and what could be tried where none is declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from salessim.scenario.checks import roles_of_step
from salessim.scenario.kinds import Base, SetField, Setting
from salessim.scenario.kinds.automation import Automate
from salessim.scenario.levers.settings import is_today, scale_of, today
from salessim.scenario.parts import LONGEST_NAME
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step


def in_words(scenario: Scenario, settings: Mapping[str, Setting], *, assumptions: bool = False) -> list[str]:
    """What a setting of the levers means, a phrase each; nothing for levers that stay as they are.

    Args:
        assumptions: whether effects without a source are marked as such.
    """
    result = []
    for name in sorted(settings):
        lever, setting = scenario.levers[name], settings[name]
        if is_today(scenario, lever, setting):
            continue
        text = _phrase(scenario, lever, setting)
        rollout = lever.rolls_out
        since = f", from {rollout.since}" if rollout and rollout.since else ""
        share = f", for {100 * rollout.share:.3g} % of the cases" if rollout and rollout.share < 1 else ""
        mark = " [assumed]" if assumptions and lever.rests_on is not None else ""
        result.append(f"{text}{since}{share}{mark}")
    return result


def apart(scenario: Scenario, settings: Mapping[str, Setting], than: Mapping[str, Setting]) -> list[str]:
    """In what a setting of the levers differs from another, a phrase each; "without" before what the other changes and this one leaves as it is."""
    result = []
    for name in sorted({*settings, *than}):
        mine, other = ({name: s[name]} if name in s else {} for s in (settings, than))
        if mine != other:
            result += in_words(scenario, mine) or [f"without “{words}”" for words in in_words(scenario, other)]
    return result


def assumed(scenario: Scenario, settings: Mapping[str, Setting]) -> list[str]:
    """What the pulled levers rest on besides data and sources, a sentence each."""
    found = []
    for name in sorted(settings):
        lever = scenario.levers[name]
        if lever.rests_on is not None and not is_today(scenario, lever, settings[name]):
            found.append(f"{lever.title or name} rests on an assumption: {lever.rests_on}.")
    return found


def _lever_name(verb: str, what: str, taken: Collection[str]) -> str:
    """A name that is not taken, cut to what a name may have."""
    name, n = f"{verb} {what}"[:LONGEST_NAME].rstrip(), 1
    while name in taken:
        n += 1
        name = f"{f'{verb} {what}'[: LONGEST_NAME - 4].rstrip()} {n}"
    return name


def _phrase(scenario: Scenario, lever: Base, setting: Setting) -> str:
    if lever.title:
        return lever.title + (f": {_said(lever, setting)}" if not isinstance(setting, bool) else "")
    if not isinstance(lever, SetField):
        return lever.phrase(scenario, setting)
    now, keys = today(scenario, lever), lever.field.split(".")
    if len(keys) == 3 and keys[0] == "teams" and keys[2] == "size":
        return f"{scenario.teams[keys[1]].title or keys[1]}: {now} → {counted(setting, 'person', 'people')}"
    return f"{lever.field}: {_said(lever, now)} → {_said(lever, setting)}"


def _said(lever: Base, setting: Setting) -> str:
    """A setting as a person would write it."""
    if setting is None:
        return "not set"
    scale = scale_of(lever)
    if scale is not None:
        return str(scale.words(setting))
    if isinstance(setting, dict):
        return ", ".join(f"{k} {v}" for k, v in setting.items() if k not in ("source", "assumption"))
    return str(setting)


def without_work(scenario: Scenario) -> tuple[str, ...]:
    """Teams all of whose work takes no time, as where a log has ends only: nobody ever waits for them, so their size cannot matter."""
    return tuple(sorted(_working(scenario) - _working(scenario, timed=True)))


def _working(scenario: Scenario, *, timed: bool = False) -> set[str]:
    """The teams that do steps, or those that take time."""
    return {team for step in scenario.steps.values() if _takes_time(step) or not timed for role in roles_of_step(step) for team in role.by}


def _takes_time(step: Step) -> bool:
    return any(law is not None and law.mean > 0 for law in (step.work, step.attempt))


def propose(scenario: Scenario) -> dict[str, Base]:
    """Levers for a scenario that declares none: a little more or less staff, and automation of flexible work.

    Steps that a log knows as one activity are automated together: they tell what came before, and no system does. What automation would achieve is not in any log: the effect is an assumption and says so.
    Where work takes no time (see `without_work`) neither is offered.
    """
    result: dict[str, Base] = {}
    for name in sorted(_working(scenario, timed=True)):
        size = scenario.teams[name].size
        spread = max(1, round(size * 0.2))
        result[_lever_name("staff", name, result)] = SetField(field=f"teams.{name}.size", integer=(max(1, size - spread), size + 2 * spread))
    activities: dict[str, list[str]] = {}
    for name, step in scenario.steps.items():
        if step.kind == "work" and _takes_time(step) and not step.core and not step.together_with:
            activities.setdefault(step.activity or name, []).append(name)
    for activity in sorted(activities):
        result[_lever_name("automate", activity, result)] = Automate.model_validate(
            {"automate": sorted(activities[activity]), "title": f"automate {activity!r} (30 % of visits)", "share": 0.3, "time": "1 min", "running_cost": f"1500 {scenario.currency}/month",
             "one_off_cost": f"20000 {scenario.currency}", "assumption": "share, time and cost; not learnt from data"}
        )  # fmt: skip
    return result
