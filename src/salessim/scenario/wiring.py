"""The plain data of steps and modules: parameters filled in, ways found and led elsewhere.

Nothing here knows what a scenario is; `modules` says what leads where.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from salessim.scenario.checks import Misfit, Problem, nearest

Data = dict[str, Any]
Path_ = tuple[str | int, ...]
_PARAMETER = re.compile(r"\$\$|\$([^\W\d]\w*)")
_PLACES = ("then", "unless", "spawns")


def misfit(path: Path_, problem: str, remedy: str) -> Misfit:
    """What does not fit, to be raised."""
    return Misfit(Problem(path, problem, remedy))


def mapping(value: Any) -> Data:
    """The value if it is a mapping; what else it may be is found when the scenario is checked."""
    return value if isinstance(value, dict) else {}


def split(to: str, names: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(module, port) of "MODULE", "MODULE in PORT" or "MODULE.PORT"; (None, None) if it names no module."""
    if to in names:
        return to, None
    for between in (" in ", "."):
        for m in re.finditer(re.escape(between), to):
            if to[: m.start()] in names:
                return to[: m.start()], to[m.end() :]
    return None, None


def fits(carried: str, takes: tuple[str, ...]) -> bool:
    """Whether what one port carries can go into another."""
    return carried in takes or "any" in (carried, *takes)


def filled(value: Any, values: Mapping[str, Any], where: Path_) -> Any:
    """A value with "$name" replaced by parameters; fields that become null are left out."""
    if isinstance(value, dict):
        pairs = {k: filled(v, values, (*where, k)) for k, v in value.items()}
        if isinstance(pairs.get("unless"), list):  # an end that never comes is none
            pairs["unless"] = [end for end in pairs["unless"] if not isinstance(end, dict) or "after" in end]
        return {k: v for k, v in pairs.items() if v is not None or value[k] is None}
    if isinstance(value, list | tuple):
        return [one for v in value if (one := filled(v, values, where)) is not None or v is None]
    if not isinstance(value, str) or "$" not in value:
        return value

    def known(name: str) -> Any:
        if name not in values:
            raise misfit(where, f"there is no parameter {name!r} (in {value!r})", nearest(name, values))
        return values[name]

    if (whole := _PARAMETER.fullmatch(value)) and whole[1]:
        return copy.deepcopy(known(whole[1]))
    return _PARAMETER.sub(lambda m: str(known(m[1])) if m[1] else "$", value)


def parts(step: Data) -> Iterator[tuple[Path_, Data]]:
    """The parts of a step that say where a case goes, those of its versions included."""
    for place in _PLACES:
        listed = step.get(place)
        for i, part in enumerate(listed if isinstance(listed, list | tuple) else ()):
            if isinstance(part, dict):
                yield (place, i), part
    if isinstance(step.get("gives_up"), dict):
        yield ("gives_up",), step["gives_up"]
    for i, version in enumerate(step["versions"] if isinstance(step.get("versions"), list) else ()):
        if isinstance(version, dict) and isinstance(version.get("step"), dict):
            yield from ((("versions", i, "step", *at), part) for at, part in parts(version["step"]))


def redirect(step: Data, goal: Callable[[Any, Path_], Any], path: Path_) -> None:
    """Send whoever leaves a step where `goal` says."""
    for at, part in parts(step):
        if isinstance(part.get("to"), str):
            part["to"] = goal(part["to"], (*path, *at, "to"))
    if isinstance(step.get("parallel"), list):
        step["parallel"] = [goal(to, (*path, "parallel", i)) if isinstance(to, str) else to for i, to in enumerate(step["parallel"])]
