"""Tables made ready for their shape: columns of other tables joined to their rows, and lists of changes laid out as rows.

Databases keep apart what one row of an export shows: Odoo the message and the field it changed, ERPNext and Dynamics a
list of changes as JSON in one cell. Here such a table becomes one that has a column for each of these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError, nearest
from salessim.importers.mapping import Join, Table
from salessim.importers.quality import Tally
from salessim.importers.readers import Source
from salessim.importers.readers import Table as Rows
from salessim.importers.readers.source import Columns

if TYPE_CHECKING:
    import pandas as pd

CHANGED = ("field", "old", "new")


def widened(rows: Rows, table: Table, source: Source, tally: Tally) -> Rows:
    """A table with the columns `NAME.COLUMN` of each join, and `COLUMN.field`, `.old` and `.new` of a list of changes.

    Raises:
        LogError: a table or column is not there.
    """
    if table.changes:
        rows = _with_changes(rows, table.changes, tally)
    for name, join in table.joins.items():
        rows = _with_join(rows, name, join, source, tally)
    return rows


def _need(rows: Rows, column: str) -> None:
    if column not in rows.columns:
        raise LogError(rows.place, f"the log has no column {column!r}", nearest(column, list(rows.columns)))


def _with_join(rows: Rows, name: str, join: Join, source: Source, tally: Tally) -> Rows:
    other = source.table(join.source)
    _need(rows, join.on)
    _need(other, join.key)
    columns = (*rows.columns, *(f"{name}.{c}" for c in other.columns))
    held: dict[tuple[str, ...], pd.DataFrame] = {}

    def beside(wanted: tuple[str, ...]) -> pd.DataFrame:
        """The columns wanted of the other table by its key; it is read once."""
        if wanted not in held:
            from salessim.importers.shapes import fulfils

            read = list(dict.fromkeys((join.key, *wanted, *join.where)))
            frame = other.frame(read, (lambda chunk: fulfils(chunk, join.where)) if join.where else None)
            key = frame[join.key].str.strip()
            doubled = key.duplicated()
            if doubled.any():
                several = frame[list(wanted)].assign(**{"\0key": key}).drop_duplicates()["\0key"].duplicated()
                tally.doubtful(f"rows of table {other.place!r} join the same row; the first counts", int(several.sum()))
            held[wanted] = frame.assign(**{"\0key": key})[~doubled].set_index("\0key")[list(wanted)].add_prefix(f"{name}.")
        return held[wanted]

    def chunks(given: Columns) -> Iterator[pd.DataFrame]:
        wanted = tuple(c for c in (columns if given is None else given))
        own = list(dict.fromkeys([c for c in wanted if c in rows.columns] + [join.on]))
        joined = beside(tuple(c.removeprefix(f"{name}.") for c in wanted if c not in rows.columns))
        for chunk in rows.chunks(own):
            yield chunk.join(joined, on=chunk[join.on].str.strip()).fillna("")[list(wanted)] if len(joined.columns) else chunk[list(wanted)]

    return replace(rows, columns=columns, chunks=chunks, keyed=True)


def _with_changes(rows: Rows, column: str, tally: Tally) -> Rows:
    _need(rows, column)
    extra = tuple(f"{column}.{part}" for part in CHANGED)
    columns = (*rows.columns, *extra)

    def chunks(given: Columns) -> Iterator[pd.DataFrame]:
        import pandas as pd

        wanted = list(columns if given is None else given)
        own = list(dict.fromkeys([c for c in wanted if c in rows.columns] + [column]))
        for chunk in rows.chunks(own):
            at: list[int] = []
            cells: list[tuple[str, str, str]] = []
            unreadable = 0
            for i, cell in enumerate(chunk[column]):
                found = _changes(cell)
                unreadable += found is None
                for change in found or ():
                    at.append(i)
                    cells.append(change)
            tally.dropped(f"cells of column {column!r} are no list of changes", unreadable)
            laid = pd.DataFrame(cells, columns=list(extra), dtype="str")
            yield pd.concat([chunk.iloc[at].reset_index(drop=True), laid], axis=1)[wanted]

    return replace(rows, columns=columns, chunks=chunks, keyed=True)


def _changes(cell: str) -> list[tuple[str, str, str]] | None:
    """(field, old, new) of what Frappe ({"changed": [[field, old, new]]}) or Dataverse ({"changedAttributes": [...]}) writes."""
    if not cell.strip():
        return []
    try:
        data: Any = json.loads(cell)
        if isinstance(data, dict):
            data = data.get("changed") or data.get("changedAttributes") or []
        return [_change(item) for item in data]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None


def _change(item: Any) -> tuple[str, str, str]:
    parts = (item["logicalName"], item.get("oldValue"), item.get("newValue")) if isinstance(item, dict) else item[:3]
    field, old, new = ("" if p is None else str(p) for p in parts)
    return field, old, new
