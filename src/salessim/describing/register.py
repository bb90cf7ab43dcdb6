"""The register of priors: every number of a scenario that is an assumption or names a source, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from salessim.scenario.formulas import formula

if TYPE_CHECKING:
    from salessim.describing.telling import Teller
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


@dataclass(frozen=True)
class Origins:
    """How many entries of a scenario say what they rest on."""

    assumed: int
    """Entries that are assumptions, wholly or in part."""
    sourced: int
    """Entries that name a source."""
    entries: int
    """Entries that say either."""


def priors(scenario: Scenario, t: Teller | None = None) -> list[Prior]:
    """All entries in the order of the scenario; their figures in the words of a teller, or as written."""
    return list(_walk(scenario, (), t))


def origins(scenario: Scenario) -> Origins:
    """THE count of what is assumed and what has a source, for every place that says so."""
    found = priors(scenario)
    return Origins(sum(bool(p.assumption) for p in found), sum(bool(p.source) for p in found), len(found))


def _walk(part: Any, path: tuple[str, ...], t: Teller | None) -> Iterator[Prior]:
    if isinstance(part, BaseModel):
        source, assumption = getattr(part, "source", None), getattr(part, "assumption", None)
        if source or assumption:
            yield Prior(".".join(path), ("; " if t is None else t("semicolon")).join(_figures(part, t)), source, assumption)
        for field, info in type(part).model_fields.items():
            name = info.alias or field
            yield from _walk(getattr(part, field), (*path, name) if path or name != "stages" else ("stages",), t)
    elif isinstance(part, dict):
        for name, inner in part.items():
            # Steps are addressed without their stage: steps.qualify.work
            yield from _walk(inner, ("steps", str(name)) if len(path) == 3 and path[0] == "stages" and path[2] == "steps" else (*path, str(name)), t)
    elif isinstance(part, tuple):
        for i, inner in enumerate(part):
            yield from _walk(inner, (*path, _way(inner) or str(i)), t)


def _way(part: Any) -> str | None:
    """A route is found again by its goal rather than by its position."""
    goal = getattr(part, "to", None) or getattr(part, "lost", None)
    return f"{'to' if getattr(part, 'to', None) else 'lost'} {goal}" if goal and hasattr(part, "share") else None


def _figures(part: BaseModel, t: Teller | None) -> Iterator[str]:
    """The numbers that stand directly in a part, as in a file, without those that have a basis of their own."""
    plain = part.model_dump(mode="json", exclude_unset=True, exclude_none=True, by_alias=True)
    if not isinstance(plain, dict):
        yield str(plain)
        return
    if isinstance(plain.get("law"), str):
        yield _written(plain, t)
        return
    below = {info.alias or name: getattr(part, name) for name, info in type(part).model_fields.items()}
    for name, value in plain.items():
        inner = below.get(name)
        if name in _PROSE or name in _NAMES or getattr(inner, "source", None) or getattr(inner, "assumption", None):
            continue
        if isinstance(inner, tuple) and any("source" in type(x).model_fields for x in inner if isinstance(x, BaseModel)):
            continue
        text = _written(value, t)
        if text:
            yield f"{_term(name, t, type(part).__name__)} {text}"


def _term(word: str, t: Teller | None, record: str = "") -> str:
    if t is None:
        return word
    return getattr(t.scenario.segments.get(word), "title", None) or t.term(word, record)


def _written(value: Any, t: Teller | None) -> str:
    """Numbers as written, whatever holds them; nothing if there are none."""
    comma = ", " if t is None else t("comma")
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str):
        if _QUANTITY.fullmatch(value):
            return value if t is None else t.written(value)
        if len(value) <= 200 and re.search(r"[-+*/<>(]", value) and re.search(r"\d", value):
            return value if t is None else _formula(value, t)
        return ""
    if isinstance(value, list):
        return comma.join(said for said in (_written(v, t) for v in value) if said)
    if isinstance(value, dict):
        if value.keys() == {"days", "hours"}:
            return f"{value['days'] if t is None else t.days(value['days'])} {value['hours']}"
        law = [_term(value["law"], t)] if isinstance(value.get("law"), str) else []
        inside = [f"{_term(k, t)} {said}" for k, v in value.items() if k not in (*_PROSE, *_NAMES, "law") and (said := _written(v, t))]
        return " ".join([*law, comma.join(inside)]) if inside else ""
    return ""


def _formula(text: str, t: Teller) -> str:
    """A formula in words; what only looks like one, such as a date or the name of a file, as it is."""
    if re.match(r"\d{4}-\d\d-\d\d", text):
        return text
    try:
        formula(text)
    except ValueError:
        return text
    return t.formula_words(text)
