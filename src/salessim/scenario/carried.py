"""Uncertain entries travel with the values they are about while the data of a scenario is changed.

`attach` takes the entries out of `uncertain` and hangs each on its value; `detach` writes them back under the paths at
which the values then stand. What copies, moves or renames a field in between, however it does so, takes its ignorance
along; what replaces the value leaves it behind. An entry that has moved keeps its draw (`together`), so that today and
a design stay ignorant in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salessim.scenario.paths import canonical, put, split
from salessim.scenario.unknowns import own_name, standing

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Data = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """An uncertain entry, as a file would have it."""

    entry: Data
    draw: str | None = None
    """Name of its draw; None if its `together` says so."""
    rest: str | None = None
    """The mark of the share that gives or takes the difference."""


class _Carrier:
    """A value with what is said about it."""

    said: tuple[Said, ...] = ()
    marks: frozenset[str] = frozenset()


class _Text(str, _Carrier):
    pass


class _Whole(int, _Carrier):
    pass


class _Number(float, _Carrier):
    pass


class _Fields(dict[str, Any], _Carrier):
    pass


def said(value: Any) -> tuple[Said, ...]:
    """What is said about a value itself, in the order of the entries."""
    return value.said if isinstance(value, _Carrier) else ()


def marks(value: Any) -> frozenset[str]:
    """By which marks entries elsewhere know the value."""
    return value.marks if isinstance(value, _Carrier) else frozenset()


def carrying(value: Any, entries: tuple[Said, ...], known_by: frozenset[str] = frozenset()) -> Any:
    """The value with just these entries about itself.

    Raises:
        ValueError: nothing can be said about a value of this kind.
    """
    if not entries and not known_by:
        return _own(value)
    carriers: tuple[tuple[type, Any], ...] = ((dict, _Fields), (str, _Text), (int, _Whole), (float, _Number))
    for kind, carrier in carriers:
        if isinstance(value, kind) and not isinstance(value, bool):
            result: Any = carrier(value)
            result.said, result.marks = entries, known_by
            return result
    raise ValueError(f"{value!r} is no quantity; name a field that holds one")


def _own(value: Any) -> Any:
    """The value without what is said about itself; what is said below it stays."""
    for kind in (dict, str, int, float):
        if isinstance(value, _Carrier) and isinstance(value, kind):
            return kind(value)
    return value


def bare(value: Any) -> Any:
    """The value without anything said about it or below it."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items()}
    return [bare(v) for v in value] if isinstance(value, list) else _own(value)


def below(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(keys, value) of everything in a value about which something is said, the value itself included."""
    if said(value) or marks(value):
        yield keys, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from below(part, (*keys, str(key)))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from below(part, (*keys, str(i)))


def attach(scenario: Scenario, data: Data) -> None:
    """Hang the uncertain entries of a scenario on the values in its plain data, in which `uncertain` is then gone."""
    entries = data.pop("uncertain", {})
    for path in scenario.uncertain:
        found = []
        for i, entry in enumerate(entries[path]):
            mark = f"{path} {i}" if "rest" in entry else None
            if mark is not None:
                other = split(scenario, entry["rest"])
                left = standing(scenario, data, entry["rest"], other)
                put(data, other, carrying(left, said(left), marks(left) | {mark}))
            draw = own_name(path, i) if "together" not in entry else None
            found.append(Said({k: v for k, v in entry.items() if k != "rest"}, draw, mark))
        keys = split(scenario, path)
        now = standing(scenario, data, path, keys)
        put(data, keys, carrying(now, tuple(found), marks(now)))


def detach(data: Data) -> None:
    """Write what is said about values back to `uncertain`, under the paths of where they stand now."""
    places = [(list(keys), value) for keys, value in below(data)]
    uncertain: Data = {}
    for keys, value in places:
        path = canonical(data, keys)
        for i, one in enumerate(said(value)):
            entry = dict(one.entry)
            if one.draw is not None and one.draw != own_name(path, i):
                entry["together"] = one.draw
            if one.rest is not None:
                others = [there for there, other in places if one.rest in marks(other)]
                if others:  # of several copies the one beside it
                    entry["rest"] = canonical(data, max(others, key=lambda there: _common(there, keys)))
            uncertain.setdefault(path, []).append(entry)
    for key in list(data):
        data[key] = bare(data[key])
    if uncertain:
        data["uncertain"] = uncertain


def _common(one: list[str], other: list[str]) -> int:
    """How many keys two paths share from the beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
