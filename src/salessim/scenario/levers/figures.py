"""One figure changes: it is set, added to or multiplied, and what was not known about it goes along.

The figure of a design is the change of today's figure, whatever that turns out to be: a factor on an uncertain share
is a factor on the share that is drawn. What is set is known from then on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from salessim.durations import Law
from salessim.durations.specs import Constant, Triangular, Uniform
from salessim.scenario.carried import Said, bare, below, carrying, marks, said
from salessim.scenario.kinds import Append, Missing, Plus, Put, Standing, Times, certain
from salessim.scenario.kinds.base import number
from salessim.scenario.paths import put, split
from salessim.scenario.unknowns import plus, standing, times
from salessim.units import Quantity, say_duration

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_LAW: TypeAdapter[Any] = TypeAdapter(Law)
Figure = Put | Append | Plus | Times | Missing


@dataclass(frozen=True)
class Form:
    """The data that changes are carried out on: of a scenario, or of a version of a step."""

    scenario: Scenario
    data: dict[str, Any]
    root: dict[str, Any]
    above: tuple[str, ...] = ()
    """Keys of the step whose version `root` is; none for the whole."""

    def at(self, path: str) -> tuple[dict[str, Any], list[str]]:
        """Where a path begins, and its keys from there: in the version if it is about its step.

        Raises:
            KeyError: with problem and remedy, where the path does not lead anywhere.
        """
        keys, n = split(self.scenario, path), len(self.above)
        return (self.root, keys[n:]) if tuple(keys[:n]) == self.above else (self.data, keys)

    def standing(self, path: str) -> Any:
        """What stands at a path, with what is said about it."""
        root, keys = self.at(path)
        return standing(self.scenario, root, path, keys)

    def put(self, path: str, value: Any) -> None:
        """Let a value stand at a path; what was not known about several figures at once is then said of each."""
        root, keys = self.at(path)
        _hand_down(root, keys)
        put(root, keys, value)


def carry_out(form: Form, lever: str, change: Figure) -> None:
    """Change one figure of a form; what is not certain is said about it from then on.

    Args:
        form: the data, changed in place; uncertain entries hang on its values (`carried.attach`).
        lever: name of the lever, which names the draw.
        change: what happens to which field.

    Raises:
        ValueError, KeyError: nothing that could be changed stands there; with problem and remedy.
    """
    together = f"lever {lever} {change.draw}"
    if isinstance(change, Put):
        if not hasattr(change.value, "quantile"):
            form.put(change.path, _filled(form, change.value))
            return
        mark = f"lever {lever} {change.path}" if change.rest is not None else None
        if change.rest is not None:
            left = form.standing(change.rest)
            form.put(change.rest, carrying(left, said(left), marks(left) | {str(mark)}))
        form.put(change.path, carrying(change.value.mean, (Said({"value": _plain(change.value), "together": together}, rest=mark),)))
        return
    if isinstance(change, Append):
        form.put(change.path, [*(form.standing(change.path) or ()), *change.entries])
        return
    root, keys = form.at(change.path)
    _hand_down(root, keys)
    now = form.standing(change.path)
    if now is None:
        raise ValueError("nothing stands there today; name a field that holds a quantity or a law")
    if not certain(change.law):
        what = {Times: "factor", Plus: "plus", Missing: "missing"}[type(change)]
        then = _drawn(now, Said({what: _plain(change.law), "together": together}))
    elif isinstance(change, Plus):
        then = added(now, change.law)
    elif isinstance(change, Missing):
        then = added(scaled(now, change.law.mean), number(1 - change.law.mean))
    elif change.then is not None and not any(below(now)):
        then = change.then
    else:
        then = scaled(now, change.law.mean)
    form.put(change.path, then)


def scaled(now: Any, factor: float) -> Any:
    """What stands in a file, times a factor that is certain, whatever is not known about it."""
    if factor == 0:
        return times(bare(now), factor)  # nothing of nothing known is known
    mine = said(now)
    if any("missing" in one.entry for one in mine):
        return carrying(now, (*mine, Said({"factor": _plain(number(factor))})), marks(now))
    if isinstance(now, dict) and "law" not in now:
        new: Any = {key: scaled(value, factor) for key, value in now.items()}
    else:
        new = times(bare(now), factor)
        leaves = _leaves(now) if isinstance(now, dict) else []
        for keys, part in below(now):
            if keys and (there := _at(new, keys)) is not None:
                grows = any(leaf[: len(keys)] == keys for leaf in leaves)
                put(new, list(keys), carrying(there, tuple(_scaled(one, factor) for one in said(part)) if grows else said(part), marks(part)))
    return carrying(new, tuple(_scaled(one, factor) for one in mine), marks(now))


def added(now: Any, more: Any) -> Any:
    """What stands in a file, and what a law that is certain adds to it, whatever is not known about it."""
    mine = said(now)
    last = Said({"plus": _plain(more)})
    if any(form in one.entry for one in mine for form in ("factor", "missing")):
        return carrying(now, (*mine, last), marks(now))
    if isinstance(now, dict) and now.get("law") == "constant":
        inner = _on_leaves(now, mine)
        return carrying({**inner, "value": added(inner["value"], more)}, (), marks(now))
    if isinstance(now, dict) and "law" not in now:
        return carrying({key: added(value, more) for key, value in now.items()}, mine, marks(now))
    moved = [_moved(one, more.mean) for one in mine]
    new = plus(bare(now), more.mean)
    if None in moved:
        return carrying(new, (*mine, last), marks(now))
    return carrying(new, tuple(one for one in moved if one is not None), marks(now))


def _drawn(now: Any, one: Said) -> Any:
    """What stands in a file with one more entry about it; about each of its figures where something is said of one."""
    if isinstance(now, dict) and any(leaf[: len(keys)] == keys for keys, _ in below(now) if keys for leaf in _leaves(now)):
        return _on_leaves(now, said(now), (one,))
    return carrying(now, (*said(now), one), marks(now))


def _filled(form: Form, value: Any) -> Any:
    """A value in which what stands today has been filled in."""
    if isinstance(value, Standing):
        return copy.deepcopy(form.standing(value.path))
    if isinstance(value, dict):
        return {key: _filled(form, part) for key, part in value.items()}
    return [_filled(form, part) for part in value] if isinstance(value, list) else value


def _hand_down(root: Any, keys: list[str]) -> None:
    """What is said about several figures at once is said about each, where one of them is to change."""
    here = root
    for i, key in enumerate(keys[:-1]):
        if isinstance(here, dict) and key not in here:
            return
        place: Any = int(key) if isinstance(here, list) else key
        rest = tuple(keys[i + 1 :])
        if isinstance(here[place], dict) and said(here[place]) and any(leaf[: len(rest)] == rest for leaf in _leaves(here[place])):
            here[place] = _on_leaves(here[place], said(here[place]))
        here = here[place]
        if not isinstance(here, dict | list):
            return


def _on_leaves(value: dict[str, Any], first: tuple[Said, ...], last: tuple[Said, ...] = ()) -> dict[str, Any]:
    """The value with entries about each of its figures instead of about all of them."""
    result: dict[str, Any] = carrying(copy.deepcopy(value), (), marks(value))
    for leaf in _leaves(value):
        there = _at(result, leaf)
        put(result, list(leaf), carrying(there, (*first, *said(there), *last), marks(there)))
    return result


def _leaves(value: dict[str, Any]) -> list[tuple[str, ...]]:
    """Keys of the figures in a law or a mapping that a factor on the whole multiplies."""
    if "law" not in value:
        return [(key, *leaf) for key, part in value.items() for leaf in (_leaves(part) if isinstance(part, dict) else [()])]
    if value["law"] == "constant":
        return [("value",)]
    once, twice = (times(bare(value), factor) for factor in (1.0, 2.0))
    return [keys for keys in _ends(value) if _at(once, keys) != _at(twice, keys)]


def _ends(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Keys of everything that holds nothing further."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield keys
        return
    for key, part in parts:
        yield from _ends(part, (*keys, str(key)))


def _at(value: Any, keys: tuple[str, ...]) -> Any:
    """What stands at some keys; None for nothing."""
    for key in keys:
        if isinstance(value, list):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _scaled(one: Said, factor: float) -> Said:
    """An entry about a figure that is multiplied: what it sets or adds is multiplied, too."""
    form = next((f for f in ("value", "plus") if f in one.entry), None)
    return one if form is None else replace(one, entry={**one.entry, form: _plain(_LAW.validate_python(one.entry[form]).scaled(factor))})


def _moved(one: Said, more: float) -> Said | None:
    """An entry about a figure to which something is added: what it sets is larger by it; None for a law that cannot be moved."""
    if "value" not in one.entry:
        return one
    law = _LAW.validate_python(one.entry["value"])
    if not isinstance(law, Constant | Uniform | Triangular):
        return None

    def larger(q: Quantity) -> Quantity:
        value = q.value + more
        said_so = {"time": say_duration(value), "money": f"{value!r} {q.text.split()[-1]}"}
        return Quantity(value, q.dimension, said_so.get(q.dimension, repr(value)))

    changes = {f: larger(v) for f in type(law).model_fields if isinstance(v := getattr(law, f), Quantity)}
    return replace(one, entry={**one.entry, "value": _plain(law.model_copy(update=changes))})


def _plain(law: Any) -> dict[str, Any]:
    """A law as a file would have it."""
    result: dict[str, Any] = law.model_dump(mode="json", exclude_none=True)
    return result
