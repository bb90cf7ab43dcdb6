"""The cases in process when a run begins: `in_process: open-cases.csv` becomes the cases that stand in the table.

As with replayed arrivals, the table is read once, when the scenario is loaded, and is part of it from then on. It lies
beside the scenario or below it. Columns are those of `OpenCase`; any other column is an attribute of the case.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from salessim.errors import ScenarioError
from salessim.scenario.checks import nearest
from salessim.scenario.open_cases import OpenCase
from salessim.scenario.yaml import read_text

MOST_BYTES = 1 << 28
MOST_CASES = 200_000
COLUMNS = tuple(f for f in OpenCase.model_fields if f != "attributes")
_DATES = ("arrived", "since", "started", "responded", "won", "delivered")


def with_open_cases(data: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """The data of a scenario with the rows of the table in place of its name.

    Args:
        data: plain data of a scenario; it is not changed.
        base: the folder of the scenario's file; None if it was not read from one.

    Raises:
        ScenarioError: a table that cannot be used, with line and remedy.
    """
    file = data.get("in_process")
    if not isinstance(file, str):
        return data
    if base is None:
        raise ScenarioError("in_process", f"{file!r} is relative to the scenario's file, and there is none", "load the scenario from a file, or give the cases themselves")
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ScenarioError("in_process", f"{file!r} lies outside the scenario's folder", "put it beside the scenario")
    path = base / file
    declared = data.get("attributes")
    marks = tuple(map(str, declared)) if isinstance(declared, dict) else ()
    return {**data, "in_process": rows(str(path), read_text(path, "table of open cases", most=MOST_BYTES), marks)}


def rows(path: str, text: str, attributes: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The cases of a table as data of `OpenCase`.

    Args:
        path: of the table, for messages.
        text: what it holds.
        attributes: names that columns may have beside those of `OpenCase`.

    Raises:
        ScenarioError: a column that is not known or missing, a cell that cannot be read.
    """
    table = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(table, [])]
    for name in header:
        if name not in COLUMNS and name not in attributes:
            raise ScenarioError(f"{path}:1", f"there is no column {name!r} in a table of open cases", nearest(name, (*COLUMNS, *attributes), listed=20))
        if header.count(name) > 1:
            raise ScenarioError(f"{path}:1", f"the column {name!r} stands there twice", "keep one of them")
    for name in ("case", "channel", "arrived", "since"):
        if name not in header:
            raise ScenarioError(f"{path}:1", f"the column {name!r} is missing", "add it")
    found: list[dict[str, Any]] = []
    for row in table:
        if not any(cell.strip() for cell in row):
            continue
        place = f"{path}:{table.line_num}"
        if len(row) != len(header):
            raise ScenarioError(place, f"it has {len(row)} cells, the header {len(header)}", "give each column a cell, empty or not")
        if len(found) == MOST_CASES:
            raise ScenarioError(place, f"there are more than {MOST_CASES:,} open cases", "leave out those that nobody will ever work on again")
        found.append(_row(place, {name: cell.strip() for name, cell in zip(header, row, strict=True) if cell.strip()}, attributes))
    return found


def _row(place: str, cells: dict[str, str], attributes: tuple[str, ...]) -> dict[str, Any]:
    """One case; empty cells are left out."""
    result: dict[str, Any] = {}
    for name, cell in cells.items():
        text = cell.removeprefix("'")  # put there so that a spreadsheet takes no text for a formula
        try:
            if name in _DATES:
                result[name] = dt.datetime.fromisoformat(text).isoformat()
            elif name in ("value", "cost"):
                result[name] = float(text)
            elif name == "team":
                result[name] = [part.strip() for part in text.split("+")]
            elif name == "visited":
                result[name] = dict(_pairs(text, ":", int))
            elif name == "holds":
                result[name] = dict(_pairs(text, "=", int, None))
            elif name in attributes and name not in COLUMNS:
                result.setdefault("attributes", {})[name] = float(text)
            else:
                result[name] = text
        except ValueError:
            raise ScenarioError(f"{place}, column {name!r}", f"{text!r} cannot be read", f"write for example {_EXAMPLES.get(name, '0.7')}") from None
    return result


def table(cases: tuple[OpenCase, ...]) -> str:
    """Cases as a table that `rows` reads back; text that a spreadsheet would run as a formula is defused."""
    marks = sorted({name for case in cases for name in case.attributes})
    used = [f for f in COLUMNS if any(case.model_dump(exclude_defaults=True).get(f) is not None for case in cases)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(used or COLUMNS), *marks])
    for case in cases:
        said = case.model_dump(mode="json", exclude_defaults=True) | case.attributes
        writer.writerow([_cell(name, said.get(name)) for name in (*(used or COLUMNS), *marks)])
    return out.getvalue()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "team":
        return " + ".join(value)
    if name == "visited":
        return "; ".join(f"{step}:{count}" for step, count in value.items())
    if name == "holds":
        return "; ".join(limit if person is None else f"{limit}={person}" for limit, person in value.items())
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in _FORMULA else str(value)


_FORMULA = tuple("=+-@\t\r＝＋－＠'")
_EXAMPLES = {"visited": "quote:2; follow up:1", "holds": "desk; deals=3", **dict.fromkeys(("value", "cost"), "12500"), **dict.fromkeys(_DATES, "2026-01-31T09:30:00+01:00")}
_NEEDED = object()


def _pairs(text: str, sign: str, number: Callable[[str], int], without: Any = _NEEDED) -> list[tuple[str, Any]]:
    """`name:2; other:1` as pairs; the number may be left out if something stands for none."""
    found = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, there, figure = part.rpartition(sign)
        if not there and without is _NEEDED:
            raise ValueError(part)
        found.append((name.strip(), number(figure)) if there else (part, without))
    return found
