"""Modules: sub-processes with typed ports, put into a scenario's stages as plain steps before anything else looks at it.

A step of a module is called "MODULE › STEP". Draws are keyed by these names, so exchanging one module leaves the draws
of all others as they were. What a module was made of stays in the scenario: a module whose `use`, `with` or `connect`
has been changed since is taken out and put in anew, which is all that a lever has to do to swap one.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from salessim.errors import ScenarioError
from salessim.scenario.checks import Misfit, nearest
from salessim.scenario.invariants import read
from salessim.scenario.model import ALWAYS, Expanded, Module, ModuleType
from salessim.scenario.module_types import Types
from salessim.scenario.parts import BETWEEN, Name
from salessim.scenario.wiring import Data, Path_, filled, fits, mapping, misfit, parts, redirect, split
from salessim.units import duration, money, share

DEEPEST = 8
"""Modules inside modules."""


def expand(data: Data, base: Path | None) -> Data:
    """The data of a scenario with the steps of its modules in the stages.

    Args:
        data: plain data of a scenario; it is not changed.
        base: the folder of the scenario's file; None if it was not read from one.

    Raises:
        Misfit: what does not fit, with its path.
        ValidationError: a module that is not written as one, at its path in the data.
        ScenarioError: a module file that cannot be used, with its line.
    """
    if not data.get("modules") and not data.get("module_types"):
        return data
    declared = _Declared.model_validate(data).modules
    data = copy.deepcopy(data)
    types = Types(data, base)
    types.inline_files()
    for name, lever in mapping(data.get("levers")).items():
        other = mapping(mapping(lever).get("swap")).get("for")
        if isinstance(other, str):
            types.find(other, ("levers", name, "swap", "for"))
    made = {name: module.expanded.of if module.expanded is not None else None for name, module in declared.items()}
    fresh = [name for name in sorted(declared) if made[name] is None or made[name] != _digest(data, name)]
    if not fresh:
        return data
    for name in fresh:
        if (old := declared[name].expanded) is not None:
            _withdraw(data, name, old)
    _Assembly(data, types, {n: Module.model_validate(data["modules"][n]) for n in declared}).run(fresh)
    return data


def swap(data: Data, name: str, use: str, with_: Mapping[str, Any], connect: Mapping[str, Any]) -> None:
    """Let a module be of another type; what both types know of parameters and ports stays. `expand` does the rest.

    Raises:
        ScenarioError: there is no such type, or it has no such parameter or port.
    """
    try:
        kind = Types(data, None).find(use, ("modules", name, "use"))
    except Misfit as wrong:
        raise ScenarioError(f"swap module {name!r}", wrong.found.problem, wrong.found.remedy) from None
    module = data["modules"][name]
    known = {*kind.parameters, *kind.needs.teams}
    module["use"] = use
    module["with"] = {k: v for k, v in module.get("with", {}).items() if k in known} | dict(with_)
    module["connect"] = {k: v for k, v in module.get("connect", {}).items() if k in kind.ports.out} | dict(connect)
    # Levers on the steps that go have nothing left to say; what is uncertain about them goes with them (`carried`).
    data["levers"] = {k: v for k, v in data.get("levers", {}).items() if not _about(v, name)}


def _about(said: Any, name: str) -> bool:
    """Whether a lever names a step of a module: by itself, in a path, or as where a way leads ("to STEP")."""
    if isinstance(said, str):
        return any(word.removeprefix("to ").startswith(name + BETWEEN) for word in said.split("."))
    if isinstance(said, dict):
        return any(_about(v, name) for k, v in said.items() if k not in ("title", "source", "assumption"))
    return isinstance(said, list | tuple) and any(_about(part, name) for part in said)


def steps_of(scenario: Any, name: str) -> list[str]:
    """The steps that a module of a scenario has become."""
    return [step for step in scenario.steps if step.startswith(name + BETWEEN)]


class _Declared(BaseModel):
    """The part of a scenario that is about modules, checked before there is a scenario."""

    modules: dict[Name, Module] = {}
    module_types: dict[Name, ModuleType] = {}


def _digest(data: Data, name: str) -> str:
    """What the steps of a module depend on, short."""
    module = data["modules"][name]
    said = {k: module.get(k) for k in ("stage", "use", "with", "connect")}
    text = json.dumps([said, (data.get("module_types") or {}).get(module.get("use"))], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


# --- putting a module in -------------------------------------------------------------------------------------------


@dataclass
class _Built:
    """What a module becomes."""

    steps: dict[str, Data] = field(default_factory=dict)
    invariants: list[str] = field(default_factory=list)


class _Assembly:
    """The modules of a scenario, being put in."""

    def __init__(self, data: Data, types: Types, modules: dict[str, Module]) -> None:
        self.data, self.types, self.modules = data, types, modules
        self.served: set[tuple[str, str]] = set()
        """(module, port) that something leads to."""
        self.brought: dict[tuple[str, str], Any] = {}
        """(section, name) that a module has brought along."""

    def run(self, fresh: list[str]) -> None:
        """Put the fresh modules in, and lead the ways of the rest of the scenario to them."""
        own = [name for stage in mapping(self.data.get("stages")).values() for name in mapping(mapping(stage).get("steps"))]
        for name in sorted(self.modules):
            if name in own:
                raise misfit(("modules", name), f"{name!r} is also a step", "choose another name")
        built: dict[str, _Built] = {}
        for name in fresh:
            module = self.modules[name]
            path: Path_ = ("modules", name)
            kind = self.types.find(module.use, (*path, "use"))
            ends = self._ends(path, kind, module.connect, lambda to, where, carried: self._goal(to, where, own, carried))
            values = self._values(path, module.with_, kind)
            built[name] = self._build(name, kind, values, ends, path, (module.use,))
        for name in sorted(set(self.modules) - set(fresh)):
            kind = self.types.find(self.modules[name].use, ("modules", name, "use"))
            for port, end in self.modules[name].connect.items():
                to = end.get("to") if isinstance(end, dict) else end
                if isinstance(to, str) and split(to, self.modules)[0] in fresh and port in kind.ports.out:
                    self._goal(to, ("modules", name, "connect", port), own, kind.ports.out[port].carries)
        for name in fresh:
            stage = mapping(self.data.get("stages")).get(self.modules[name].stage)
            if not isinstance(stage, dict):
                raise misfit(("modules", name, "stage"), f"there is no stage {self.modules[name].stage!r}", nearest(self.modules[name].stage, mapping(self.data.get("stages"))))
            steps = stage.setdefault("steps", {})
            for step, record in built[name].steps.items():
                if step in own:
                    raise misfit(("modules", name), f"there is a step {step!r} already", "rename it, or the module")
                steps[step] = record
        self._lead_to_modules()
        for name in fresh:
            ports = self.types.find(self.modules[name].use, ("modules", name, "use")).ports.in_
            for port, spec in ports.items():
                if not spec.optional and (name, port) not in self.served:
                    raise misfit(("modules", name), f"nothing leads to its port {port!r}", f"send cases there with to: \"{name} in {port}\", or take the module out")
            record = self.data["modules"][name]
            record["expanded"] = {"of": _digest(self.data, name), "into": {port: self._entry(name, port) for port in ports}}
            there = self.data.get("invariants") or []
            if isinstance(there, list) and (rules := [r for r in built[name].invariants if r not in there]):
                self.data["invariants"] = [*there, *rules]
                record["expanded"]["rules"] = rules

    def _goal(self, to: str, where: Path_, own: list[str], carried: str | None) -> Data:
        """Where a word of the scenario leads: to a step, or into a module by a port that takes what is carried."""
        if to in own:
            return {"to": to}
        found = self._port(to, where)
        if found is None:
            raise misfit(where, f"there is no step or module {to!r}", nearest(to, [*own, *self.modules]))
        name, port, takes = found
        if carried is not None and not fits(carried, takes):
            raise misfit(where, f"it carries a {carried}, but port {port!r} of {name!r} takes {' or '.join(takes)}", "connect ports that carry the same")
        return {"to": self._entry(name, port)}

    def _port(self, to: str, where: Path_) -> tuple[str, str, tuple[str, ...]] | None:
        """(module, port, what it takes) of "MODULE", "MODULE in PORT" or "MODULE.PORT"; None if it is not a module."""
        name, port = split(to, self.modules)
        if name is None:
            return None
        module = self.modules[name]
        kind = self.types.find(module.use, ("modules", name, "use"))
        port = _only(name, port, kind, where)
        self.served.add((name, port))
        values = self._values(("modules", name), module.with_, kind)
        return name, port, tuple(filled(c, values, ("modules", name)) for c in kind.ports.in_[port].carries)

    def _entry(self, name: str, port: str) -> str:
        return _entry(name, self.types.find(self.modules[name].use, ("modules", name, "use")), port, self.types)

    def _lead_to_modules(self) -> None:
        """Routes, branches, spawns and channels of the whole scenario that name a module lead to its port."""

        def goal(to: Any, where: Path_) -> Any:
            found = self._port(to, where) if isinstance(to, str) else None
            return to if found is None else self._entry(found[0], found[1])

        for channel_name, channel in mapping(self.data.get("channels")).items():
            if isinstance(channel, dict) and "enters" in channel:
                channel["enters"] = goal(channel["enters"], ("channels", channel_name, "enters"))
        for stage_name, stage in mapping(self.data.get("stages")).items():
            for step_name, step in mapping(mapping(stage).get("steps")).items():
                if isinstance(step, dict):
                    redirect(step, goal, ("stages", stage_name, "steps", step_name))

    def _ends(self, path: Path_, kind: ModuleType, connect: Mapping[str, Any], goal: Callable[[str, Path_, str | None], Data]) -> dict[str, Data]:
        """Where each way out of a module leads."""
        for port in connect:
            if port not in kind.ports.out:
                raise misfit((*path, "connect", port), f"there is no way out {port!r}", nearest(port, kind.ports.out))
        found = {}
        for port, spec in kind.ports.out.items():
            end = connect.get(port, spec.otherwise)
            if end is None:
                raise misfit(path, f"its port {port!r} leads nowhere", f"say under 'connect' where a case goes: {port}: STEP, or {port}: {{lost: reason}}")
            if isinstance(end, dict) and isinstance(end.get("to"), str) and set(end) == {"to", "handoff"}:
                found[port] = goal(end["to"], (*path, "connect", port), spec.carries) | {"handoff": end["handoff"]}
                continue
            if isinstance(end, dict) and len(end) != 1:
                raise misfit((*path, "connect", port), f"it leads to {len(end)} ends at once", "give one of 'lost', 'done' and 'join', or the name of a step")
            found[port] = goal(end, (*path, "connect", port), spec.carries) if isinstance(end, str) else dict(end)
        return found

    def _values(self, path: Path_, given: Mapping[str, Any], kind: ModuleType) -> Data:
        """The value of each parameter."""
        for name in given:
            if name not in kind.parameters and name not in kind.needs.teams:
                raise misfit((*path, "with", name), f"there is no parameter {name!r}", nearest(name, [*kind.parameters, *kind.needs.teams]))
        values: Data = {}
        for role, what in kind.needs.teams.items():
            if role not in given:
                raise misfit(path, f"nobody has the role {role!r} ({what})", f"name a team: with: {{{role}: TEAM}}")
            self._check((*path, "with", role), given[role], "teams")
            values[role] = given[role]
        for name, parameter in kind.parameters.items():
            if name not in given and "default" not in parameter.model_fields_set:
                raise misfit(path, f"the parameter {name!r} is not given ({parameter.title or parameter.kind})", f"add it: with: {{{name}: ...}}")
            values[name] = given.get(name, parameter.default)
            if values[name] is not None:
                self._check((*path, "with", name), values[name], parameter.kind)
        for name, what in kind.needs.attributes.items():
            if name not in mapping(self.data.get("attributes")) and name not in kind.attributes:
                raise misfit(path, f"it needs the attribute {name!r} ({what})", "declare it under 'attributes'")
        return values

    def _check(self, path: Path_, value: Any, kind: str) -> None:
        """A value is of the kind that its parameter says."""
        examples = {"time": "25 min", "money": "500 EUR", "share": "20 %", "number": "1.5", "count": "3", "yes or no": "true", "text": "a word"}
        read: dict[str, Callable[[Any], Any]] = {"time": duration, "money": money, "share": share}
        fine = True
        if kind in read and not (isinstance(value, dict) and kind in ("share", "time")):
            try:
                read[kind](value)
            except (ValueError, TypeError, AttributeError):
                fine = False
        elif kind in ("number", "count"):
            fine = isinstance(value, (int,) if kind == "count" else (int, float)) and not isinstance(value, bool)
        elif kind == "yes or no":
            fine = isinstance(value, bool)
        elif kind == "text":
            fine = isinstance(value, str)
        elif kind in ("team", "teams", "calendar"):
            known = {*mapping(self.data.get("calendars")), ALWAYS} if kind == "calendar" else set(mapping(self.data.get("teams")))
            for name in value if isinstance(value, list) and kind == "teams" else [value]:
                if not isinstance(name, str) or name not in known:
                    raise misfit(path, f"there is no {'calendar' if kind == 'calendar' else 'team'} {name!r}", nearest(str(name), known))
        if not fine:
            raise misfit(path, f"{value!r} is not a {kind}", f"write for example {examples[kind]!r}")

    def _build(self, prefix: str, kind: ModuleType, values: Data, ends: dict[str, Data], path: Path_, within: tuple[str, ...]) -> _Built:
        """The steps of a module, its parameters filled in and its ways led where they go."""
        if len(within) > DEEPEST:
            raise misfit(path, f"modules stand inside each other more than {DEEPEST} deep", "make it flatter")
        result = _Built()
        served: set[tuple[str, str]] = set()

        def goal(to: str, where: Path_, carried: str | None) -> Data:
            if to in kind.steps:
                return {"to": prefix + BETWEEN + to}
            name, port = split(to, kind.modules)
            if name is None:
                raise misfit(where, f"the module type has no step {to!r}", nearest(to, [*kind.steps, *kind.modules]))
            inner = self.types.find(kind.modules[name].use, where)
            port = _only(name, port, inner, where)
            served.add((name, port))
            takes = tuple(filled(c, self._values(where, filled(kind.modules[name].with_, values, where), inner), where) for c in inner.ports.in_[port].carries)
            if carried is not None and not fits(carried, takes):
                raise misfit(where, f"it carries a {carried}, but port {port!r} of {name!r} takes {' or '.join(takes)}", "connect ports that carry the same")
            return {"to": _entry(prefix + BETWEEN + name, inner, port, self.types)}

        for way_in in kind.ports.in_.values():
            goal(way_in.at, path, None)
        for name, record in kind.steps.items():
            where = (*path, "steps", name)
            step = filled(record, values, where)
            redirect(step, lambda to, at: goal(to, at, None)["to"], where)
            _lead_out(step, ends, where)
            result.steps[prefix + BETWEEN + name] = step
        for name, module in kind.modules.items():
            where = (*path, "modules", name)
            if module.use in within:
                raise misfit(path, f"the module types {' → '.join([*within[within.index(module.use):], module.use])} include each other in a circle", "take one of them out")
            inner = self.types.find(module.use, where)
            inner_ends = self._ends(where, inner, filled(module.connect, values, where), goal)
            for port, end in inner_ends.items():
                if "out" in end:
                    inner_ends[port] = _end(ends, end["out"], (*where, "connect", port))
                    if not fits(inner.ports.out[port].carries, (filled(kind.ports.out[end["out"]].carries, values, where),)):
                        raise misfit((*where, "connect", port), f"it carries a {inner.ports.out[port].carries}, but the way out {end['out']!r} a {kind.ports.out[end['out']].carries}", "connect ports that carry the same")
            part = self._build(prefix + BETWEEN + name, inner, self._values(where, filled(module.with_, values, where), inner), inner_ends, where, (*within, module.use))
            result.steps |= part.steps
            result.invariants += part.invariants
        for name, module in kind.modules.items():
            for port, spec in self.types.find(module.use, path).ports.in_.items():
                if not spec.optional and (name, port) not in served:
                    raise misfit((*path, "modules", name), f"nothing leads to its port {port!r}", "send cases there, or take the module out")
        result.invariants += _rules(kind, prefix, values, path)
        for section in ("attributes", "limits"):
            self._bring(section, getattr(kind, section), values, path)
        return result

    def _bring(self, section: str, parts: Mapping[str, Any], values: Data, path: Path_) -> None:
        """Attributes and limits that a module brings along; those of the scenario come first."""
        for name, part in parts.items():
            brought = filled(part, values, path)
            if self.brought.get((section, name), brought) != brought:
                raise misfit(path, f"two modules bring {name!r} along, and not the same", f"declare it under {section!r} yourself")
            there = self.data.setdefault(section, {})
            if name not in there:
                self.brought[section, name] = there[name] = brought


def _only(name: str, port: str | None, kind: ModuleType, where: Path_) -> str:
    """The port meant, if there is but one or it is named."""
    if port is None and len(kind.ports.in_) == 1:
        return next(iter(kind.ports.in_))
    if port is None:
        raise misfit(where, f"the module {name!r} has several ports ({', '.join(sorted(kind.ports.in_))})", f'name one: "{name} in {min(kind.ports.in_)}"')
    if port not in kind.ports.in_:
        raise misfit(where, f"the module {name!r} has no port {port!r} to come in by", nearest(port, kind.ports.in_))
    return port


def _entry(prefix: str, kind: ModuleType, port: str, types: Types) -> str:
    """The step at which a port of a module leads in."""
    at = kind.ports.in_[port].at
    name, inner_port = split(at, kind.modules) if at not in kind.steps else (None, None)
    if name is None:
        return prefix + BETWEEN + at
    inner = types.find(kind.modules[name].use, ())
    return _entry(prefix + BETWEEN + name, inner, _only(name, inner_port, inner, ()), types)


def _end(ends: Mapping[str, Data], port: str, where: Path_) -> Data:
    if port not in ends:
        raise misfit(where, f"the module type has no way out {port!r}", nearest(port, ends))
    return dict(ends[port])


def _lead_out(step: Data, ends: Mapping[str, Data], path: Path_) -> None:
    """Ways that leave the module by a port lead where the port does."""
    for at, part in parts(step):
        if "out" in part:
            end = _end(ends, str(part.pop("out")), (*path, *at, "out"))
            if at[-2:-1] != ("then",):
                end.pop("handoff", None)  # who gives up, and a case that is new, is handed over by nobody
            if at[-2:-1] == ("spawns",) and "to" not in end:
                raise misfit((*path, *at), "a new case must come to a step, and this way out ends", "connect the port with a step")
            part |= end


def _rules(kind: ModuleType, prefix: str, values: Data, path: Path_) -> list[str]:
    """The rules that a module brings along, about its steps as they are called in the scenario."""
    names = [*kind.steps]
    found = []
    for i, sentence in enumerate(kind.invariants):
        try:
            rule = read(str(filled(sentence, values, path)), names)
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            raise misfit((*path, "invariants", i), problem, remedy) from None
        found.append(str(replace(rule, first=prefix + BETWEEN + rule.first, second=prefix + BETWEEN + rule.second)))
    return found


def _withdraw(data: Data, name: str, old: Expanded) -> None:
    """Take a module's steps and the rules it brought out; who was sent to the steps is sent to its ports."""
    back = {step: f"{name} in {port}" for port, step in old.into.items()}
    for stage in data["stages"].values():
        for step in [s for s in stage.get("steps", {}) if s.startswith(name + BETWEEN)]:
            del stage["steps"][step]
        for step in stage.get("steps", {}).values():
            redirect(step, lambda to, _: back.get(to, to), ())
    for channel in data["channels"].values():
        channel["enters"] = back.get(channel["enters"], channel["enters"])
    for rule in old.rules:
        if rule in data.get("invariants", []):
            data["invariants"].remove(rule)
