"""Hand-offs between people or systems: what a route carries over takes time, is typed in again, lost or doubled.

A route with `handoff` becomes a route to a step of its own, "FROM → TO hand-off", so that engines know nothing of it,
levers can change it like any step, and the log shows where cases lie between two departments. A hand-off that takes no
time, loses, doubles and asks for nothing is no step at all: two systems that are one.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from salessim.scenario.model import Handoff
from salessim.scenario.wiring import Data, Path_, mapping, misfit

LOST = "lost in hand-off"
DUPLICATE = "duplicate"
_LONGEST = 80


def expand(data: Data) -> Data:
    """The data of a scenario with its hand-offs as steps; the same object if there are none.

    Raises:
        Misfit: a hand-off that cannot be one, with its path.
    """
    found = [
        (stage_name, step_name, place)
        for stage_name, stage in mapping(data.get("stages")).items()
        for step_name, step in mapping(mapping(stage).get("steps")).items()
        if isinstance(step, dict) and isinstance(step.get("then"), list)
        for place, route in enumerate(step["then"])
        if isinstance(route, dict) and "handoff" in route and isinstance(route.get("to"), str)
    ]
    if not found:
        return data
    data = copy.deepcopy(data)
    for stage_name, step_name, place in found:
        steps = data["stages"][stage_name]["steps"]
        route = steps[step_name]["then"][place]
        try:
            handoff = Handoff.model_validate(route["handoff"])
        except ValidationError:
            continue  # told, with its place, when the scenario is checked
        raw = route.pop("handoff")
        path: Path_ = ("stages", stage_name, "steps", step_name, "then", place, "handoff")
        made = _steps(data, step_name, route["to"], handoff, raw, path)
        for name, step in made.items():
            if name in steps:
                raise misfit(path, f"there is a step {name!r} already", "give the hand-off a 'name' of its own")
            steps[name] = step
        if made:
            route["to"] = next(iter(made))
    return data


def _steps(data: Data, source: str, target: str, handoff: Handoff, raw: Data, path: Path_) -> dict[str, Data]:
    """The steps that a hand-off becomes, the one that it begins with first; none if it is none."""
    name = handoff.name or f"{source} → {target}"
    if len(f"{name} re-keying") > _LONGEST:
        raise misfit(path, f"the name {f'{name} hand-off'!r} is longer than {_LONGEST} characters", "give the hand-off a short 'name'")
    known: Data = {k: raw[k] for k in ("source", "assumption") if k in raw}
    steps: dict[str, Data] = {}
    onward = target
    if handoff.rekey is not None:
        onward = f"{name} re-keying"
        steps[onward] = {**raw["rekey"], "title": f"Type in again: {name}", **known, "then": [{"to": target}]}
    if handoff.takes_time or handoff.lost or handoff.duplicated.share or handoff.posted is not None:
        first: Data = {
            "title": f"Hand over: {name}", "automatic": raw.get("latency", "0 s"), **{k: raw[k] for k in ("calendar", "posted") if k in raw}, **known,
            "then": [*([{"lost": LOST, "share": handoff.lost}] if handoff.lost else []), {"to": onward}],
        }  # fmt: skip
        if handoff.duplicated.share:
            double = f"{name} duplicate"
            first["spawns"] = [{"kind": DUPLICATE, "to": double, "probability": handoff.duplicated.share, "after": "0 s"}]
            steps[double] = _clearing(data, target, handoff, raw, path)
        steps = {f"{name} hand-off": first, **steps}
    return steps


def _clearing(data: Data, target: str, handoff: Handoff, raw: Data, path: Path_) -> Data:
    """Somebody begins to work on a duplicate and finds that it is one: it costs what the next step costs, and wins nobody."""
    said = raw["duplicated"] if isinstance(raw["duplicated"], dict) else {}
    work = {k: said[k] for k in ("work", "by") if k in said}
    if not work:
        there = mapping(next((s["steps"][target] for s in data["stages"].values() if target in mapping(mapping(s).get("steps"))), None))
        work = {k: copy.deepcopy(there[k]) for k in ("work", "time_by_segment", "by", "skill", "together_with") if k in there}
    if "work" not in work:
        raise misfit((*path, "duplicated"), f"nobody works at {target!r}, so nobody would find a duplicate there", "say who does: duplicated: {share: 2 %, work: 10 min, by: TEAM}")
    return {**work, "title": f"Find a duplicate: {handoff.name or target}", "patience": "none", "then": [{"lost": DUPLICATE}]}


def names(scenario: Any) -> list[str]:
    """The steps of a scenario that are the time between two systems, for levers that shorten it."""
    return [name for name in scenario.steps if name.endswith(" hand-off")]
