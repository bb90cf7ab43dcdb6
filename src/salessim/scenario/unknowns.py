"""Fields that nobody knows exactly: which may be uncertain, and what a replication takes them to be.

A draw is named by the path of the field and the number of the replication, so that replication 7 of every scenario
is ignorant in the same way: a comparison is not blurred by two different guesses about the same customer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from salessim.durations import Law, build_table, sample
from salessim.memo import Content, content
from salessim.scenario import paths, ranges
from salessim.scenario.checks import Problem
from salessim.scenario.formulas import thresholds
from salessim.scenario.paths import find, plain, put, split
from salessim.streams import Purpose, block, name_key, uniform

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Unsure

_ALLOWED = ("teams", "segments", "channels", "stages", "costs", "attributes", "limits")
"""Parts that hold figures about the process; when it runs and what is measured is not a matter of ignorance."""
_LAW: TypeAdapter[Any] = TypeAdapter(Law)
LOWEST, HIGHEST = 0, 2**64 - 1
"""The words whose draws are the ends of a law."""
Words = Callable[[str], int]
"""The random word of an uncertain value, by the name of its draw."""


def name_of(path: str, place: int, entry: Unsure) -> str:
    """The name of a draw: the word or the path that it shares with others, or its own path (and which of several it is)."""
    if entry.together is None:
        return own_name(path, place)
    first, dot, _ = entry.together.partition(".")
    return own_name(entry.together, 0) if dot and first in ("steps", *_ALLOWED) else f"together {entry.together}"


def own_name(path: str, place: int) -> str:
    """The name of a draw that shares with no other."""
    keys = path.split(".")
    short = ".".join(keys[2:] if keys[0] == "stages" and "steps" in keys[2:3] else keys)
    return unicodedata.normalize("NFC", short) + (f" {place}" if place else "")


def canonical(scenario: Scenario) -> Scenario:
    """The scenario with every uncertain field called by its one name; the same object where that is so already."""
    spelt = {path: paths.canonical(scenario, split(scenario, path)) for path in scenario.uncertain}
    if all(path == name for path, name in spelt.items()):
        return scenario
    return scenario.model_copy(update={"uncertain": {spelt[path]: entries for path, entries in scenario.uncertain.items()}})


def words(seed: int, number: int) -> Words:
    """The random words of a replication."""
    return lambda name: block(seed, number, name_key(name), 0, 0, int(Purpose.UNCERTAIN))[0]


def chances(scenario: Scenario, seed: int, number: int) -> dict[str, float]:
    """Name of the draw -> where in its law a replication's draw lies, strictly between 0 (low end) and 1."""
    word = words(seed, number)
    return {name: float(uniform(word(name))) for name in names(scenario)}


def names(scenario: Scenario) -> list[str]:
    """The names of all draws, sorted; what is certain draws nothing."""
    return sorted({name_of(path, i, e) for path, entries in scenario.uncertain.items() for i, e in enumerate(entries) if e.law.law != "constant"})


def origin_of(scenario: Scenario, name: str) -> str | None:
    """Where the law of a draw comes from: its source, or that it is assumed; None if the scenario has no such draw."""
    for path, entries in scenario.uncertain.items():
        for place, entry in enumerate(entries):
            if name_of(path, place, entry) == name:
                assumed = entry.assumption or entry.law.assumption
                return entry.source or entry.law.source or (f"assumption: {assumed}" if isinstance(assumed, str) else "assumption")
    return None


def settle(scenario: Scenario, data: dict[str, Any], word: Words) -> None:
    """Put what is drawn into the plain data of a scenario: laws of values first, then the others as their lists have them.

    Args:
        scenario: says what is uncertain.
        data: its plain data, changed in place.
        word: random words by name.
    """
    entries = [(e.value is None, path, i, e) for path, es in scenario.uncertain.items() for i, e in enumerate(es)]
    for _, path, i, entry in sorted(entries, key=lambda e: e[:3]):
        drawn = draw(entry.law, word(name_of(path, i, entry)))
        keys = split(scenario, path)
        now = standing(scenario, data, path, keys)
        if isinstance(now, dict) and now.get("law") == "constant":
            keys, now = [*keys, "value"], now["value"]
        if entry.factor is not None:
            then = times(now, drawn)
        elif entry.missing is not None:
            then = nearer(now, drawn)
        else:
            then = plus(now, drawn) if entry.plus is not None else _said(drawn, now)
        put(data, keys, then)
        if entry.rest is not None:
            other = split(scenario, entry.rest)
            left = standing(scenario, data, entry.rest, other)
            put(data, other, plus(left, ranges.read(now)[1] - ranges.read(then)[1]))


def draw(law: Any, word: int) -> float:
    """The draw of a law that a word names: the very same on every machine."""
    return float(_interpreted()(_table(content(law)), 0, word))


@lru_cache(maxsize=1)
def _interpreted() -> Any:
    from salessim.jit import interpreted

    return interpreted(sample)


@lru_cache(maxsize=1024)
def _table(law: Content) -> Any:
    return build_table([law.record])


def standing(scenario: Scenario, data: Any, path: str, keys: list[str]) -> Any:
    """What stands at a path in plain data; the default where the data is silent."""
    for key in keys:
        if isinstance(data, list):
            data = data[int(key)]
        elif isinstance(data, dict) and key in data:
            data = data[key]
        elif isinstance(data, str) and key in thresholds(data):
            data = thresholds(data)[key]
        elif key != "value":  # a law written short is its value
            return plain(scenario, path)
    return data


def _said(number: float, now: Any) -> Any:
    """A number as the file would have it, in the unit of what stands there."""
    if isinstance(now, int):
        return int(number + 0.5)
    return ranges.read(now)[0].words(number)


def times(now: Any, factor: float) -> Any:
    """What stands in a file, times a factor: a quantity, each of several, or a law of unchanged shape."""
    if isinstance(now, dict) and isinstance(now.get("law"), str):
        return _LAW.validate_python(now).scaled(factor).model_dump(mode="json")
    if isinstance(now, dict):
        return {k: times(v, factor) for k, v in now.items()}
    if isinstance(now, int):
        return int(now * factor + 0.5)
    scale, number = ranges.read(now)
    return scale.words(number * factor)


def plus(now: Any, more: float) -> Any:
    """What stands in a file and something more, in the unit of what stands there: a quantity, or each of several."""
    if isinstance(now, dict) and "law" not in now:
        return {k: plus(v, more) for k, v in now.items()}
    if isinstance(now, int):
        return int(now + more + 0.5)
    scale, number = ranges.read(now)
    return scale.words(number + more)


def nearer(now: Any, missing: float) -> Any:
    """What stands in a file, with what it lacks of 1 multiplied: a share, or each of several."""
    if isinstance(now, dict):
        return {k: nearer(v, missing) for k, v in now.items()}
    scale, number = ranges.read(now)
    return scale.words(1 - (1 - number) * missing)


# --- checks ----------------------------------------------------------------------------------------------------------


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Everything wrong with what a scenario says it does not know."""
    spelt: dict[str, str] = {}
    for path, entries in scenario.uncertain.items():
        where = ("uncertain", path)
        try:
            keys = split(scenario, path)
            record, now = find(scenario, path), plain(scenario, path)
        except KeyError as wrong:
            yield Problem(where, *map(str, wrong.args[:2]))
            continue
        if keys[0] not in _ALLOWED:
            yield Problem(where, f"{keys[0]!r} is not a matter of ignorance", f"name a field below {', '.join(('steps', *_ALLOWED[:3]))}")
            continue
        first = spelt.setdefault(paths.canonical(scenario, keys), path)
        if first != path:
            yield Problem(where, f"it is the same field as {first!r}", "keep one of them, with a list of entries if both belong there")
            continue
        for i, entry in enumerate(entries):
            here = (*where, i) if len(entries) > 1 else where
            yield from _fits(here, scenario, entry, record, now)
        if sum(e.value is not None for e in entries) > 1:
            yield Problem(where, "two laws of the value itself", "keep one; further entries may be factors")


def _fits(where: tuple[str | int, ...], scenario: Scenario, entry: Unsure, record: Any, now: Any) -> Iterator[Problem]:
    """Whether an uncertain value is of the kind of quantity that stands there, and stays in its bounds."""
    low, high = draw(entry.law, LOWEST), draw(entry.law, HIGHEST)
    if getattr(record, "law", "") == "constant":
        now = now["value"] if isinstance(now, dict) else now  # a constant is its value
    law = hasattr(record, "quantile") and record.law != "constant"
    if now is None:
        yield Problem(where, "nothing stands there today", "give the field its usual value first")
        return
    if not law and isinstance(now, dict | list) and not (isinstance(now, dict) and all(_quantity(v) for v in now.values())):
        yield Problem(where, "no quantity stands there, but a paragraph of them", "name a field that holds a number, a share, a time, money or a law")
        return
    if entry.factor is not None:
        if entry.factor.dimension != "number":
            yield Problem(where, f"the factor is a {entry.factor.dimension}", "write plain numbers, such as 0.8")
            return
        try:
            times(now, high)
        except (ValueError, TypeError, AttributeError) as wrong:
            yield Problem(where, *_parts(wrong, now))
        return
    if entry.missing is not None:
        shares = list(now.values()) if isinstance(now, dict) and not law else [now]
        if law or any(isinstance(x, dict | list) or ranges.read(x)[0].kind not in ("share", "number") or not 0 <= ranges.read(x)[1] <= 1 for x in shares):
            yield Problem(where, "only a share lacks something of 100 %", "give a 'factor', or name a field that holds a share")
        elif entry.missing.dimension != "number" or any(1 - (1 - ranges.read(x)[1]) * high < 0 for x in shares):
            yield Problem(where, "the share could be negative" if entry.missing.dimension == "number" else f"what is missing is a {entry.missing.dimension}", "write plain numbers from 0 to 1, such as 0.8")
        return
    what = entry.value or entry.plus
    assert what is not None
    if entry.plus is not None and isinstance(now, dict) and not law:
        now = next(iter(now.values()))  # added to each
    if law or isinstance(now, dict | list):
        yield Problem(where, "several figures stand there, not one", "give a 'factor' on them, or the path of one of them such as 'steps.x.work.mean'")
        return
    if isinstance(now, int) and not isinstance(now, bool):
        scale = ranges.Scale("number")
    else:
        try:
            scale = ranges.read(now)[0]
        except ValueError:
            yield Problem(where, f"{now!r} is not a quantity", "name a field that holds a number, a share, a time or money")
            return
    kind = what.dimension
    fits = kind == "number" if scale.kind in ("number", "share", "pay", "rate") else kind == scale.kind
    if not fits:
        unit = f"; the unit is that of {now!r}" if scale.kind in ("pay", "rate") else ""
        yield Problem(where, f"the law is of {_kind(kind)} where {ranges.SAID[scale.kind]} belongs", f"write plain numbers{unit}" if scale.kind in ("number", "share", "pay", "rate") else f"write for example {now!r}")
    elif scale.kind == "money" and any(q.text.split()[-1].upper() != scenario.currency for q in what.quantities):
        yield Problem(where, f"the law is not in {scenario.currency}", "convert it")
    elif scale.kind == "share" and high + (ranges.read(now)[1] if entry.plus is not None else 0) > 1:
        yield Problem(where, f"the share could be {100 * (high + (ranges.read(now)[1] if entry.plus is not None else 0)):.4g} %", "choose a law that ends at 1, such as a triangular one")
    elif scale.kind == "share" and low < 0:
        yield Problem(where, "the share could be negative", "choose a law that begins at 0 or above")
    if entry.rest is not None:
        try:
            other = plain(scenario, entry.rest)
            if scale.kind != "share" or ranges.read(other)[0].kind not in ("share", "number"):
                yield Problem((*where, "rest"), "only shares give and take from each other", "remove 'rest'")
        except (KeyError, ValueError) as wrong:
            yield Problem((*where, "rest"), *map(str, (*wrong.args, "name the path of a share")[:2]))


def _quantity(now: Any) -> bool:
    """Whether something in a file is a quantity."""
    try:
        ranges.read(now)
    except ValueError:
        return False
    return True


def _kind(dimension: str) -> str:
    return {"time": "a time", "money": "money"}.get(dimension, "a plain number")


def _parts(wrong: Exception, now: Any) -> tuple[str, str]:
    problem, _, remedy = str(wrong).partition("; ")
    if isinstance(wrong, ValueError) and remedy:
        return f"times the factor, {problem}", f"choose smaller factors ({remedy})"
    return f"{now!r} cannot be multiplied", "name a field that holds a number, a share, a time, money or a law"
