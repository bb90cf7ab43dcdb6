"""What every reader gives: a source with named tables, each read in chunks of text.

Formats differ in how they store a table; from here on a table is a stream of frames whose cells are text ("" where there
is nothing), so that guessing, repairing and counting are written once.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError, nearest

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 2_000
FINGERPRINT = "\0row"
CHUNK_ROWS = 100_000
"""Rows that are held as text at once, beside those kept."""

Columns = Sequence[str] | None
"""The columns wanted; all of them if None."""


@dataclass(frozen=True)
class Table:
    """One table of a source.

    Args:
        columns: their names, in order.
        chunks: reads it; what it is given are the columns wanted.
        place: what messages call it.
        first_line: the line of its first row, for messages; None if it has no lines.
    """

    columns: tuple[str, ...]
    chunks: Callable[[Columns], Iterator[pd.DataFrame]]
    place: str
    first_line: int | None = 2
    keyed: bool = False
    """Whether no row can stand there twice, as in a database."""

    def at(self, row: int) -> str:
        """`file:line` of a row that is counted from 0."""
        return self.place if self.first_line is None else f"{self.place}:{row + self.first_line}"

    def frame(self, columns: Columns = None, keep: Callable[[pd.DataFrame], pd.Series] | None = None) -> pd.DataFrame:
        """The table, or the columns wanted of the rows that `keep` says; the index counts the rows of the file.

        Raises:
            LogError: a column is not there.
        """
        return self._frame(columns, keep, False)

    def fingerprinted(self, columns: Columns, keep: Callable[[pd.DataFrame], pd.Series] | None = None) -> pd.DataFrame:
        """As `frame`, with one more column FINGERPRINT that only rows share which agree in all columns of the file."""
        return self._frame(columns, keep, not self.keyed)

    def _frame(self, columns: Columns, keep: Callable[[pd.DataFrame], pd.Series] | None, whole: bool) -> pd.DataFrame:
        import pandas as pd

        for column in columns or ():
            if column not in self.columns:
                raise LogError(self.place, f"the log has no column {column!r}", nearest(column, list(self.columns)))
        parts, rows = [], 0
        for chunk in self.chunks(None if whole else columns):
            chunk.index = pd.RangeIndex(rows, rows + len(chunk))
            rows += len(chunk)
            if keep is not None:
                chunk = chunk[keep(chunk)]
            if whole:
                prints = pd.util.hash_pandas_object(chunk, index=False)
                chunk = (chunk if columns is None else chunk[list(columns)]).assign(**{FINGERPRINT: prints})
            parts.append(chunk)
        if not parts:
            return pd.DataFrame({c: pd.Series(dtype="str") for c in columns or self.columns})
        return pd.concat(parts) if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class Source:
    """A file, a folder's worth of files or a database.

    Args:
        name: what people call it; never holds a password.
        tables: by name, in the order of the source.
        notes: what a reader must know before trusting the words in it.
        counts: what was repaired or left out while reading -> how many.
    """

    name: str
    tables: Mapping[str, Table]
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def table(self, name: str | None) -> Table:
        """A table by its name (letters may differ in case), or the only one.

        Raises:
            LogError: it is not there, or there are several to choose from.
        """
        if name is None:
            if len(self.tables) == 1:
                return next(iter(self.tables.values()))
            raise LogError(self.name, f"there are {len(self.tables)} tables ({_few(self.tables)})", "say in the mapping which is which ('tables:')")
        found = [t for n, t in self.tables.items() if n == name] or [t for n, t in self.tables.items() if n.lower() == name.lower()]
        if not found:
            raise LogError(self.name, f"there is no table {name[:80]!r}", nearest(name[:80], list(self.tables)))
        return found[0]


def _few(names: Iterable[str], most: int = 8) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def together(name: str, sources: Sequence[Source]) -> Source:
    """Several sources as one; tables of the same name get the name of their source before theirs.

    Raises:
        LogError: two tables cannot be told apart.
    """
    if len(sources) == 1:
        return sources[0]
    tables: dict[str, Table] = {}
    names = [n.lower() for s in sources for n in s.tables]
    for source in sources:
        for label, table in source.tables.items():
            full = f"{source.name}/{label}" if names.count(label.lower()) > 1 else label
            if full in tables:
                raise LogError(source.name, f"it holds a second table {label!r}", "give each source once, or rename one")
            tables[full] = table
    counts: dict[str, int] = {}
    for source in sources:
        for what, count in source.counts.items():
            counts[what] = counts.get(what, 0) + count
    return Source(name, tables, tuple(n for s in sources for n in s.notes), counts)


def of_rows(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[pd.DataFrame]:
    """Chunks of text of rows of Python values."""
    import itertools

    import pandas as pd

    rows = iter(rows)
    while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
        columns = list(zip(*chunk, strict=True))
        yield pd.DataFrame({name: pd.Series([text(v) for v in column], dtype="str") for name, column in zip(header, columns, strict=True)})


def checked_header(names: Sequence[str], place: str) -> tuple[str, ...]:
    """Names of columns that can be told apart.

    Raises:
        LogError: there are too many, or one stands there twice.
    """
    if len(names) > MOST_COLUMNS:
        raise LogError(place, f"there are {len(names):,} columns", f"keep at most {MOST_COLUMNS:,}")
    if doubles := sorted({c for c in names if names.count(c) > 1}):
        raise LogError(place, f"the column {doubles[0]!r} stands there twice", "rename one of them")
    return tuple(names)


def text(value: Any) -> str:
    """A cell as text: dates in ISO 8601, whole floats without their zero, structures as JSON."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)
