"""The register of priors: every number of a scenario that is an assumption or names a source, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_QUANTITY = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?\s*(?:[%％]|[^\W\d_]+)?(?:\s*/\s*[^\W\d_]+|\s+per\s+[^\W\d_]+)?")
_PROSE = ("title", "source", "assumption", "unit")
_NAMES = ("to", "lost", "kind", "by", "skill", "enters", "calendar", "segment", "passes", "takes", "gives_back", "name", "at", "days", "file")
"""Fields that hold names or words, which may look like numbers."""


@dataclass(frozen=True)
class Prior:
    """One entry: the place as a path of the scenario, its numbers as written, and what they rest on."""

    place: str
    figures: str
    source: str | None
    assumption: str | bool | None


def priors(scenario: Scenario) -> list[Prior]:
    """All entries in the order of the scenario."""
    return list(_walk(scenario, ()))


def _walk(part: Any, path: tuple[str, ...]) -> Iterator[Prior]:
    if isinstance(part, BaseModel):
        source, assumption = getattr(part, "source", None), getattr(part, "assumption", None)
        if source or assumption:
            yield Prior(".".join(path), "; ".join(_figures(part)), source, assumption)
        for field, info in type(part).model_fields.items():
            name = info.alias or field
            yield from _walk(getattr(part, field), (*path, name) if path or name != "stages" else ("stages",))
    elif isinstance(part, dict):
        for name, inner in part.items():
            # Steps are addressed without their stage: steps.qualify.work
            yield from _walk(inner, ("steps", str(name)) if len(path) == 3 and path[0] == "stages" and path[2] == "steps" else (*path, str(name)))
    elif isinstance(part, tuple):
        for i, inner in enumerate(part):
            yield from _walk(inner, (*path, _way(inner) or str(i)))


def _way(part: Any) -> str | None:
    """A route is found again by its goal rather than by its position."""
    goal = getattr(part, "to", None) or getattr(part, "lost", None)
    return f"{'to' if getattr(part, 'to', None) else 'lost'} {goal}" if goal and hasattr(part, "share") else None


def _figures(part: BaseModel) -> Iterator[str]:
    """The numbers that stand directly in a part, as in a file, without those that have a basis of their own."""
    plain = part.model_dump(mode="json", exclude_unset=True, exclude_none=True, by_alias=True)
    if not isinstance(plain, dict):
        yield str(plain)
        return
    if isinstance(plain.get("law"), str):
        yield _written(plain)
        return
    below = {info.alias or name: getattr(part, name) for name, info in type(part).model_fields.items()}
    for name, value in plain.items():
        inner = below.get(name)
        if name in _PROSE or name in _NAMES or getattr(inner, "source", None) or getattr(inner, "assumption", None):
            continue
        if isinstance(inner, tuple) and any("source" in type(x).model_fields for x in inner if isinstance(x, BaseModel)):
            continue
        text = _written(value)
        if text:
            yield f"{name} {text}"


def _written(value: Any) -> str:
    """Numbers as written, whatever holds them; nothing if there are none."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str):
        return value if _QUANTITY.fullmatch(value) or (len(value) <= 200 and re.search(r"[-+*/<>(]", value) and re.search(r"\d", value)) else ""
    if isinstance(value, list):
        return ", ".join(t for t in map(_written, value) if t)
    if isinstance(value, dict):
        if value.keys() == {"days", "hours"}:
            return f"{value['days']} {value['hours']}"
        law = [value["law"]] if isinstance(value.get("law"), str) else []
        inside = [f"{k} {t}" for k, v in value.items() if k not in (*_PROSE, *_NAMES, "law") and (t := _written(v))]
        return " ".join([*law, ", ".join(inside)]) if inside else ""
    return ""
