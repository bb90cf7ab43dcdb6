"""Arrivals replayed from a log: `replay: {file: crm.csv, time: created, case: deal_id}` becomes the dates it stands for.

They are read once, when the scenario is loaded, and are part of it from then on: what was simulated does not change
when the file does. The file lies beside the scenario or below it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

from salessim.errors import ScenarioError
from salessim.scenario.checks import nearest
from salessim.scenario.yaml import read_text

MOST_BYTES = 1 << 28


def with_dates(data: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """The data of a scenario with the dates of replayed files in place of their names.

    Args:
        data: plain data of a scenario; it is not changed.
        base: the folder of the scenario's file; None if it was not read from one.

    Raises:
        ScenarioError: a file that cannot be used, with line and remedy.
    """
    channels = data.get("channels")
    if not isinstance(channels, dict) or not any(isinstance(c, dict) and isinstance(c.get("replay"), dict) for c in channels.values()):
        return data
    filled = {
        name: {**c, "replay": _dates(name, c["replay"], base)} if isinstance(c, dict) and isinstance(c.get("replay"), dict) else c
        for name, c in channels.items()
    }
    return {**data, "channels": filled}


def _dates(channel: str, replay: dict[str, Any], base: Path | None) -> list[str]:
    place = f"channels.{channel}.replay"
    unknown = sorted(set(map(str, replay)) - {"file", "time", "case"})
    if unknown:
        raise ScenarioError(place, f"there is no field {unknown[0]!r} here", nearest(unknown[0], ("file", "time", "case")))
    file, time, case = (replay.get(k) for k in ("file", "time", "case"))
    if not isinstance(file, str) or not isinstance(time, str) or not (case is None or isinstance(case, str)):
        raise ScenarioError(place, "it does not say which file and which column", "write {file: crm.csv, time: created} and, to take each case once, case: COLUMN")
    if base is None:
        raise ScenarioError(place, f"{file!r} is relative to the scenario's file, and there is none", "load the scenario from a file, or give the dates themselves")
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ScenarioError(place, f"{file!r} lies outside the scenario's folder", "put it beside the scenario")
    path = base / file
    return _first_dates(str(path), read_text(path, "replayed log", most=MOST_BYTES), time, case)


def _first_dates(path: str, text: str, time: str, case: str | None) -> list[str]:
    """ISO dates of the column, sorted; of each case the earliest."""
    rows = csv.reader(io.StringIO(text))
    header = next(rows, [])
    for column in filter(None, (time, case)):
        if column not in header:
            raise ScenarioError(f"{path}:1", f"there is no column {column!r}", nearest(column, header))
    at, of = header.index(time), header.index(case) if case else None
    found: dict[str, tuple[dt.datetime, str]] = {}
    for row in rows:
        if len(row) <= max(at, of or 0) or not row[at].strip():
            continue  # a row without a date brings nobody
        try:
            when = dt.datetime.fromisoformat(row[at].strip())
        except ValueError:
            raise ScenarioError(f"{path}:{rows.line_num}", f"{row[at]!r} in column {time!r} is not an ISO date", "write dates such as 2026-01-31T09:30:00") from None
        # Stamps with and without offset cannot be compared; the scenario's clock decides later, here any fixed one does.
        order = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
        key = row[of] if of is not None else str(rows.line_num)
        if key not in found or order < found[key][0]:
            found[key] = order, when.isoformat()
    if not found:
        raise ScenarioError(path, f"column {time!r} holds no date", "choose another column")
    return [said for _, said in sorted(found.values())]
