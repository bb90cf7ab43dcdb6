"""Scenarios in and out: files, changes, hashes, and what pydantic finds told in one line."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from salessim.errors import ScenarioError
from salessim.scenario import open_checks, standard
from salessim.scenario.checks import Misfit, Problem, nearest
from salessim.scenario.open_tables import with_open_cases
from salessim.scenario.parts import BETWEEN
from salessim.scenario.paths import find, put, split
from salessim.scenario.replays import with_dates
from salessim.scenario.yaml import Positions, dump_yaml, load_yaml, read_text

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_PROSE = ("title", "description", "source", "assumption", "provenance", "name")
_REMEDIES = {
    "missing": "add it",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "string_type": "write a word",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "dict_type": "write 'name: ...' lines below it",
    "model_type": "write 'field: value' lines below it",
    "tuple_type": "write a list",
    "date_from_datetime_parsing": "write a date such as 2026-01-31",
    "date_parsing": "write a date such as 2026-01-31",
    "too_short": "add at least one",
}


def load(path: str | Path) -> Scenario:
    """The scenario in a YAML file.

    Raises:
        ScenarioError: with file, line, value and remedy.
    """
    from salessim.errors import InputError

    try:
        data, positions = load_yaml(read_text(path, "scenario"), str(path))
    except InputError as wrong:
        raise ScenarioError(wrong.place, wrong.problem, wrong.remedy) from None
    return parse(data, positions, base=Path(path).parent)


def parse(data: Any, positions: Positions | None = None, base: Path | None = None) -> Scenario:
    """A scenario from plain data.

    Raises:
        ScenarioError: the first problem, in one line.
    """
    found = examine(data, base)
    if isinstance(found, list):
        first = found[0]
        raise ScenarioError(_place(first.path, positions), first.problem, first.remedy)
    return found


def examine(data: Any, base: Path | None = None) -> Scenario | list[Problem]:
    """The scenario, or everything that is wrong with the data."""
    from salessim.scenario import handoffs, modules, overrides
    from salessim.scenario.checks import problems
    from salessim.scenario.lever_checks import problems as of_levers
    from salessim.scenario.model import Scenario
    from salessim.scenario.unknowns import canonical
    from salessim.scenario.unknowns import problems as of_unknowns

    if not isinstance(data, dict):
        return [Problem((), "this is not a scenario", "begin with 'name:', 'clock:', 'stages:' as in the examples")]
    try:
        data = handoffs.expand(modules.expand(data, base))
        scenario = Scenario.model_validate(with_open_cases(with_dates(data, base), base))
    except ValidationError as wrong:
        return _told(wrong, data)
    except Misfit as wrong:
        return [wrong.found]
    found = list(problems(scenario)) or [
        *of_levers(scenario), *of_unknowns(scenario), *overrides.problems(scenario), *open_checks.problems(scenario), *(list(standard.problems(scenario)) or _as_it_runs(scenario))
    ]  # fmt: skip
    return found or canonical(scenario)


def _as_it_runs(scenario: Scenario) -> Iterator[Problem]:
    """What is wrong with the process with its standard worked in: rules that are broken, shares beyond 100 %."""
    from salessim.scenario import invariants

    try:
        _ = scenario.with_standard
    except ScenarioError as wrong:
        yield Problem(("standardisation",), f"with the standard worked in, {wrong.place}: {wrong.problem}", wrong.remedy)
        return
    yield from invariants.problems(scenario)


_FIRST = ("extra_forbidden", "union_tag_invalid")
"""A misspelt field or law is the cause; what is then missing, or fits no other form, the consequence."""


def _told(wrong: ValidationError, data: Any) -> list[Problem]:
    """Pydantic's findings, causes first; of the forms that a value could have had, only the one that came closest."""
    found = [(error, _in_file(error["loc"], data)) for error in wrong.errors()]
    deeper = [path for _, path in found]

    def consequence(error: Any, path: tuple[str | int, ...]) -> bool:
        internal = isinstance(error["loc"][-1], str) and "[" in error["loc"][-1] and error["type"] not in _FIRST
        return internal and any(p != path and p[: len(path)] == path for p in deeper)

    kept = [(e, p) for e, p in found if not consequence(e, p)]
    kept.sort(key=lambda ep: (ep[0]["type"] not in _FIRST, ep[0]["type"] == "literal_error"))
    result: dict[Any, Problem] = {}
    for error, path in kept:
        missing = error["loc"][-1] if error["type"] == "missing" else None
        result.setdefault((path, missing), _explain(error, data))
    return list(result.values())


def _place(path: tuple[str | int, ...], positions: Positions | None) -> str:
    dotted = ".".join(map(str, path))
    if positions is None:
        return dotted or "scenario"
    inside = next((str(k).partition(BETWEEN)[0] for k in path if BETWEEN in str(k)), None)
    if inside is not None and positions.line(path) == positions.line(path[:1]):
        path = ("modules", inside)  # a step that stands in no line of the file, but its module does
    return f"{positions.place(path)}: {dotted}" if dotted else positions.place(path)


def _explain(error: Any, data: Any) -> Problem:
    """One of pydantic's findings as problem and remedy, at the path of the file."""
    path = _in_file(error["loc"], data)
    kind, message = error["type"], error["msg"]
    context = error.get("ctx") or {}
    if isinstance(context.get("error"), Misfit):
        return context["error"].found  # type: ignore[no-any-return]
    if kind == "value_error":
        problem, _, remedy = str(context.get("error", message)).partition("; ")
        return Problem(path, problem, remedy or "see the documentation of this field")
    if kind == "extra_forbidden":
        return _unknown_field(path, error, data)
    if kind == "missing":
        return Problem(path[:-1] if len(path) > 1 else (), f"{str(path[-1])!r} is missing", "add it")
    if kind == "literal_error":
        options = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "").split(", ")
        return Problem(path, f"{error['input']!r} is not known here", nearest(str(error["input"]), options))
    if kind == "union_tag_invalid":
        from salessim.durations import LAWS

        return Problem(path, f"there is no law {str(context.get('tag'))!r}", nearest(str(context.get("tag")), LAWS))
    if kind == "string_pattern_mismatch":
        return Problem(path, f"{error['input']!r} is not a name", "use letters, digits, spaces, - and _; at most 80")
    value = repr(error.get("input"))
    said = message[0].lower() + message[1:]
    return Problem(path, f"{value[:60]}: {said}", _REMEDIES.get(kind, "correct the value"))


def _unknown_field(path: tuple[str | int, ...], error: Any, data: Any) -> Problem:
    """A field that does not exist: a misspelt one, the rest of a number after a comma, or one with a full-width colon."""
    key, fields = str(path[-1]), _fields_beside(error, data)
    before = _before(data, path) if error["input"] is None else None
    if before is not None and re.match(r"\d", key) and isinstance(before[1], int):
        name, whole = before
        return Problem((*path[:-1], name), f"the comma ends '{name}: {whole}', so '{whole},{key}' is not read as one number",
                       f"write a point before decimals: '{whole}.{key}'")  # fmt: skip
    if error["input"] is None and "：" in key:
        name = key.partition("：")[0].strip()
        return Problem(path, f"the colon in {key!r} is the full-width one (：), which does not end a name", f"write '{name}: {key.partition('：')[2].strip()}' with ': '")
    usual = ["work", "automatic", "customer", "by", "then"]
    if "then" in fields:  # a step: what nearly every step has stands first, the rest as in the reference
        fields = [*usual, *(f for f in fields if f not in usual)]
    return Problem(path, f"there is no field {key!r} here", nearest(key, fields, listed=20))


def _before(data: Any, path: tuple[str | int, ...]) -> tuple[str, Any] | None:
    """The field that stands before another, with its value; None if there is none."""
    for key in path[:-1]:
        data = data[int(key)] if isinstance(data, list) else data.get(key) if isinstance(data, dict) else None
    keys = [str(k) for k in data] if isinstance(data, dict) else []
    at = keys.index(str(path[-1])) if str(path[-1]) in keys else 0
    return (keys[at - 1], list(data.values())[at - 1]) if at else None


def _kinds() -> frozenset[str]:
    from salessim.scenario.kinds import KINDS

    return frozenset(KINDS)


def _in_file(loc: tuple[str | int, ...], data: Any) -> tuple[str | int, ...]:
    """Pydantic's location without the tags of unions, which the file does not have."""
    path: list[str | int] = []
    here = data
    for i, key in enumerate(loc):
        if i == 2 and loc[0] == "levers" and key in _kinds():
            continue  # the tag, although a field of that name exists
        if isinstance(here, dict) and (key in here or str(key) in here):
            key = key if key in here else str(key)
            path.append(key)
            here = here[key]
        elif isinstance(here, list) and isinstance(key, int) and key < len(here):
            path.append(key)
            here = here[key]
        elif key == "[key]" or (i < len(loc) - 1 and not isinstance(here, dict)):
            continue
        elif isinstance(here, dict) and i == len(loc) - 1 and "[" not in str(key):
            path.append(key)
    return tuple(path)


def _fields_beside(error: Any, data: Any) -> list[str]:
    """The fields that the record of a misspelt one has."""
    from salessim.durations import LAWS
    from salessim.scenario import model
    from salessim.scenario.kinds import KINDS

    loc = [k for k in error["loc"][:-1] if isinstance(k, str)]
    if loc and loc[0] == "levers" and loc[-1] in KINDS:
        return list(KINDS[loc[-1]].model_fields)
    if loc and loc[-1] in LAWS:
        return [f.alias or n for n, f in LAWS[loc[-1]].model_fields.items()]
    part: Any = model.Scenario
    for key in error["loc"][:-1]:
        part = _below(part, key)
    fields = getattr(part, "model_fields", {})
    return [f.alias or n for n, f in fields.items()]


def _below(part: Any, key: Any) -> Any:
    """The record class that a key leads to, through mappings, tuples and options."""
    import typing

    if hasattr(part, "model_fields"):
        field = part.model_fields.get(key)
        return _record(field.annotation) if field is not None else part
    origin = typing.get_origin(part)
    if origin is dict:
        return _record(typing.get_args(part)[1])
    if origin is tuple:
        return _record(typing.get_args(part)[0])
    return part


def _record(annotation: Any) -> Any:
    import types
    import typing

    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _record(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        options = [a for a in typing.get_args(annotation) if a is not type(None)]
        records = [a for a in map(_record, options) if hasattr(a, "model_fields") or typing.get_origin(a) in (dict, tuple)]
        return records[0] if records else options[0]
    return annotation


def with_standard(scenario: Scenario) -> Scenario | None:
    """See `Scenario.with_standard`."""
    return parse(standard.standardised(scenario, to_data(scenario))) if standard.levels(scenario) else None


def to_data(scenario: Scenario) -> dict[str, Any]:
    """Plain data that `parse` reads back to the same scenario; what was left to its default is left out."""
    data: dict[str, Any] = scenario.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    return {"salessim": 1, **{k: v for k, v in data.items() if k != "salessim"}}


def to_yaml(scenario: Scenario) -> str:
    """The scenario as a file."""
    return dump_yaml(to_data(scenario))


def save(scenario: Scenario, path: str | Path) -> None:
    """Write the scenario to a file, whole or not at all."""
    write_whole(path, to_yaml(scenario))


def write_whole(path: str | Path, text: str | bytes | Iterable[str]) -> None:
    """Write a file by way of a temporary one beside it, so that a crash leaves the old one.

    Args:
        path: of the file.
        text: all of it, or its pieces in order.

    Raises:
        ScenarioError: the folder does not exist or cannot be written.
    """
    target = Path(path)
    pieces = [text] if isinstance(text, str | bytes) else text
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent or Path("."), prefix=f".{target.name}.")
    except OSError as wrong:
        raise ScenarioError(str(path), f"it cannot be written ({wrong.strerror})", "give a folder that exists and is writable") from None
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece if isinstance(piece, bytes) else piece.encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as wrong:
        Path(temporary).unlink(missing_ok=True)
        raise ScenarioError(str(path), f"it cannot be written ({wrong.strerror})", "check the path and the space left") from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def change(scenario: Scenario, changes: Mapping[str, Any], name: str | None = None) -> Scenario:
    """The scenario with some fields set; see `Scenario.change`."""
    data = to_data(scenario)
    for path, value in changes.items():
        try:
            keys = split(scenario, path)
            if len(keys) > 1:
                find(scenario, ".".join(keys[:-1]))
            put(data, keys, value)
        except (KeyError, IndexError, ValueError) as wrong:
            problem, remedy = (*wrong.args, "check the path")[:2]
            raise ScenarioError(f"change {path}", str(problem), str(remedy)) from None
    if name is not None:
        data["name"] = name
    return parse(data)


def scenario_hash(scenario: Scenario) -> str:
    """32 hexadecimal digits that stand for what a scenario says, whatever the order, titles and sources of the file."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in _PROSE or isinstance(v, dict)}
        return [bare(v) for v in value] if isinstance(value, list) else value

    data = bare(scenario.model_dump(mode="json", exclude_defaults=True))
    data.pop("levers", None)
    data.pop("provenance", None)
    for said_twice in ("invariants", "overrides", "modules", "module_types"):
        data.pop(said_twice, None)  # what runs is in the steps
    for stage in data["stages"].values():
        for step in stage["steps"].values():
            for listed in ("then", "spawns", "unless", "versions"):
                if listed in step:
                    step[listed].sort(key=lambda r: json.dumps(r, sort_keys=True))
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def scenario_schema() -> dict[str, Any]:
    """The language as JSON Schema, for editors."""
    from salessim.scenario.model import Scenario

    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
