"""The changes that levers ask for, for every form of a step, and which of them cannot go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.scenario import modules
from salessim.scenario.checks import reachable
from salessim.scenario.kinds import Base, Change, Put, Reshape, Setting, Times
from salessim.scenario.levers.figures import Figure
from salessim.scenario.model import KEPT_BY_VERSIONS
from salessim.scenario.paths import canonical, find, plain, split

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


@dataclass(frozen=True)
class Pulled:
    """A change with the lever it belongs to."""

    name: str
    lever: Base
    change: Any


def changes_of(scenario: Scenario, name: str, lever: Base, setting: Setting) -> list[Change]:
    """What a setting of a lever does, in all versions of the steps that it is about.

    Raises:
        ScenarioError: its effect cannot be worked out.
    """
    try:
        found = list(lever.changes(scenario, setting))
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise ScenarioError(f"lever {name!r}", problem, remedy or "check its effects") from None
    met = reachable(scenario) if any(isinstance(c, Times) and c.only_if for c in found) else set()
    shapes = [c for c in found if isinstance(c, Reshape)]
    figures = [c for c in found if not isinstance(c, Reshape) and not (isinstance(c, Times) and c.only_if and not any((step, c.path.split(".")[1]) in met for step in c.only_if))]
    said = {(type(c), *keys_of(scenario, c.path)) for c in figures}
    versions = [c for change in figures for c in _in_versions(scenario, lever, change)]
    return [*figures, *(c for c in versions if (type(c), *keys_of(scenario, c.path)) not in said), *shapes]


def _in_versions(scenario: Scenario, lever: Base, change: Figure) -> Iterator[Figure]:
    """The same change in the versions of its step that have such a field; what a planner sets by its path is set only there."""
    keys = keys_of(scenario, change.path)
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


def _step_of(scenario: Scenario, path: str) -> str | None:
    """The step that a path is about."""
    keys = keys_of(scenario, path)
    return keys[3] if keys[0] == "stages" and len(keys) > 3 else None


def keys_of(scenario: Scenario, path: str) -> list[str]:
    """The keys of a path.

    Raises:
        ScenarioError: it leads nowhere.
    """
    try:
        return split(scenario, path)
    except KeyError as wrong:
        raise ScenarioError(f"change {path}", *map(str, (*wrong.args, "check the path")[:2])) from None


def check_apart(scenario: Scenario, changes: list[Pulled]) -> None:
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
            keys = tuple(keys_of(scenario, p.change.path))
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


def _check_made_anew(scenario: Scenario, changes: list[Pulled]) -> None:
    """A module of which a parameter is changed is put in anew: what another change does to its steps would be lost."""
    figures = [(p, keys_of(scenario, p.change.path)) for p in changes if not isinstance(p.change, Reshape)]
    anew = {keys[1]: p.name for p, keys in figures if keys[0] == "modules" and len(keys) > 1}
    touched = [(p.name, keys[3]) for p, keys in figures if keys[0] == "stages" and len(keys) > 3]
    touched += [(p.name, s) for p in changes if isinstance(p.change, Reshape) and p.change.what != "swap" for s in p.change.steps]
    for module, owner in anew.items():
        for name, step in touched:
            if step in modules.steps_of(scenario, module):
                both = f"levers {owner!r} and {name!r}" if owner != name else f"lever {name!r}"
                raise ScenarioError(both, f"module {module!r} is made anew with its parameters, and the change of its step {step!r} would be lost", "change the parameters, or the steps")
