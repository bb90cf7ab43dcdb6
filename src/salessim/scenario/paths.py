"""Fields of a scenario by dotted path: `teams.sdr.size`, `steps.qualify.work.mean`.

`steps.NAME` is short for `stages.STAGE.steps.NAME`, since step names are unique. An entry of a list is named by its
place or by what it is about: `steps.qualify.then.to discovery.share`, `steps.sign.then.lost price`, `steps.solve.spawns.renewal`.
A formula has its thresholds below it: `steps.check.then.to approve.when.threshold` is the amount in "value > 10000 EUR".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from salessim.scenario.formulas import Formula, thresholds, with_threshold

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def split(scenario: Scenario, path: str) -> list[str]:
    """The keys of a path, with the short form written out.

    Raises:
        KeyError: with problem and remedy, where the step does not exist.
    """
    from salessim.scenario.checks import nearest

    keys = path.split(".")
    if keys[0] == "steps" and len(keys) > 1:
        if keys[1] not in scenario.steps:
            raise KeyError(f"there is no step {keys[1]!r} in {path!r}", nearest(keys[1], scenario.steps))
        keys = ["stages", scenario.stage_of(keys[1]), *keys]
    here: Any = scenario
    for i, key in enumerate(keys):
        if isinstance(here, tuple) and not key.isdigit():
            keys[i] = key = str(_entry(here, key, path))
        here = led_to(here, key)
    return keys


def canonical(root: Any, keys: list[str]) -> str:
    """The one spelling of a path: short where a step is meant, entries of lists by what they are about.

    An entry keeps its place where its label is not its own alone, or could be read as a place.

    Args:
        root: a scenario, or its plain data.
        keys: as from `split`.

    Example:
        >>> canonical({"stages": {"s": {"steps": {"a": {"then": [{"to": "b", "share": 0.5}]}}}}}, ["stages", "s", "steps", "a", "then", "0", "share"])
        'steps.a.then.to b.share'
    """
    said: list[str] = []
    here = root
    for key in keys:
        said.append(_label(here, int(key)) if isinstance(here, list | tuple) and key.isdigit() else key)
        here = led_to(here, key)
    return ".".join(said[2:] if said[0] == "stages" and said[2:3] == ["steps"] and len(said) > 3 else said)


def _label(entries: list[Any] | tuple[Any, ...], place: int) -> str:
    """What one entry of a list is called by."""
    others = [label for i, entry in enumerate(entries) if i != place for label in labels(entry)]
    mine = labels(entries[place]) if place < len(entries) else []
    return next((one for one in mine if one not in others and not one.isdigit()), str(place))


def labels(entry: Any) -> list[str]:
    """What an entry of a list may be called by in a path: the way or the kind of thing it is about."""

    def field(name: str) -> Any:
        return entry.get(name) if isinstance(entry, dict) else getattr(entry, name, None)

    said = [value for f in ("kind", "name") if isinstance(value := field(f), str)]
    said += [f"{f} {value}" for f in ("to", "lost") if isinstance(value := field(f), str)]
    return said + (["done"] if field("done") else [])


def _entry(entries: tuple[Any, ...], label: str, path: str) -> int:
    """The place of the one entry of a list with a label.

    Raises:
        KeyError: with problem and remedy, where there is none or more than one.
    """
    from salessim.scenario.checks import nearest

    found = [i for i, entry in enumerate(entries) if label in labels(entry)]
    if len(found) == 1:
        return found[0]
    if found:
        raise KeyError(f"there are {len(found)} entries {label!r} in {path!r}", f"name one by its place, {' or '.join(map(str, found))}")
    raise KeyError(f"there is no entry {label!r} in {path!r}", nearest(label, [one for entry in entries for one in labels(entry)]))


def find(scenario: Scenario, path: str) -> Any:
    """The value at a path: a record, a mapping or a plain value.

    Raises:
        KeyError: with problem and remedy.
    """
    from salessim.scenario.checks import nearest

    here: Any = scenario
    for key in split(scenario, path):
        then = led_to(here, key)
        if then is None and key not in (fields := fields_of(here)):
            raise KeyError(f"there is no field {key!r} in {path!r}", nearest(key, fields))
        here = then
    return here


def plain(scenario: Scenario, path: str) -> Any:
    """The value at a path as a file would have it: words, numbers, lists and mappings; None if it is not set.

    Raises:
        KeyError: with problem and remedy.
    """
    find(scenario, path)
    keys = split(scenario, path)
    record, below = _record_at(scenario, keys)
    here: Any = record.model_dump(mode="json", by_alias=True, exclude_none=True)
    for key in below:
        if isinstance(here, str) and key in thresholds(here):
            here = thresholds(here)[key]
        elif isinstance(here, list):
            here = here[int(key)]
        elif isinstance(here, dict):
            here = here.get(key)
        elif key == "value":
            continue  # a law written short is its value
        else:
            return None
    return here


def _record_at(scenario: Scenario, keys: list[str]) -> tuple[BaseModel, list[str]]:
    """The last record on a path and the keys that lead on from it: to write down a whole scenario for one figure is slow."""
    here: Any = scenario
    record, below = here, keys
    for i, key in enumerate(keys):
        here = led_to(here, key)
        if isinstance(here, BaseModel):
            record, below = here, keys[i + 1 :]
    return record, below


def fields_of(part: Any) -> dict[str, Any]:
    """What can follow in a path, by the names of the file."""
    if isinstance(part, dict):
        return {str(k): v for k, v in part.items()}
    if isinstance(part, tuple | list):
        return {str(i): v for i, v in enumerate(part)}
    if isinstance(part, Formula):
        return {**thresholds(part.text)}
    return {said: getattr(part, name) for said, name in _names(type(part)).items()}


def led_to(part: Any, key: str) -> Any:
    """What a key of a path leads to, as `fields_of` has it; None where it leads nowhere."""
    if isinstance(part, BaseModel) and not isinstance(part, Formula):
        name = _names(type(part)).get(key)
        return getattr(part, name) if name is not None else None
    if isinstance(part, dict) and key in part:
        return part[key]
    return fields_of(part).get(key)


_NAMES: dict[type, dict[str, str]] = {}
"""Kind of record -> name in the file -> name in the class: asked thousands of times for each design of a search."""


def _names(kind: type) -> dict[str, str]:
    """The fields of a kind of record; nothing else has any."""
    if kind not in _NAMES:
        _NAMES[kind] = {f.alias or name: name for name, f in getattr(kind, "model_fields", {}).items()}
    return _NAMES[kind]


def put(data: Any, keys: list[str], value: Any) -> None:
    """Set a value in plain data; a law written short ("25 min") becomes a mapping when one of its fields is set.

    Raises:
        KeyError: there is nothing to set it in.
        ValueError: a threshold of a formula that is no quantity.
    """
    for i, key in enumerate(keys[:-1]):
        above, data = data, data[int(key)] if isinstance(data, list) else data.setdefault(key, {})
        if isinstance(data, str) and i == len(keys) - 2 and keys[-1] in thresholds(data):
            above[int(key) if isinstance(above, list) else key] = with_threshold(data, keys[-1], value)
            return
        if isinstance(data, str | int | float) and i == len(keys) - 2 and keys[-1] == "value":
            data = above[int(key) if isinstance(above, list) else key] = {"law": "constant", "value": data}
        if not isinstance(data, dict | list):
            raise KeyError(f"there is nothing below {'.'.join(keys[: i + 1])!r}", "set the whole field instead")
    if isinstance(data, list):
        data[int(keys[-1])] = value
    else:
        data[keys[-1]] = value
