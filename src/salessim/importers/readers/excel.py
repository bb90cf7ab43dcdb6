"""Excel workbooks (.xlsx), one table for each sheet; what formulas were last worked out to is what is read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.readers.header import two_rows, words
from salessim.importers.readers.packed import MOST_BYTES, MOST_RATIO, PACKED_WRONG, Content
from salessim.importers.readers.source import MOST_COLUMNS, Columns, Source, Table, checked_header, of_rows

if TYPE_CHECKING:
    import pandas as pd

MOST_TITLES = 20
"""Rows of a report that may stand before the header."""
_FREE = 64 << 20


def read_excel(content: Content) -> Source:
    """The tables of a workbook.

    Raises:
        LogError: damaged, made to do harm, or without a table; or openpyxl (the extra `excel`) is missing.
    """
    _guard(content)
    tables = {}
    with _book(content) as book:
        for sheet in book.worksheets:
            header = _header(sheet.iter_rows(values_only=True, max_row=MOST_TITLES + 1, max_col=MOST_COLUMNS + 1))
            if header:
                row, names = header
                place = f"{content.place} sheet {sheet.title!r}"
                checked = checked_header(names, place)
                tables[sheet.title] = Table(checked, _chunks(content, sheet.title, row, checked), f"{place} row", row + 2)
    if not tables:
        raise LogError(content.place, "no sheet of the workbook has a table", "give a header row with the names of the columns")
    return Source(content.place, tables)


_DAMAGED = (*PACKED_WRONG, OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, OverflowError, RuntimeError)
"""What openpyxl raises on parts that are missing or wrong; `ParseError` of the XML is a SyntaxError, a part with a password a RuntimeError."""


def _damaged(content: Content) -> LogError:
    return LogError(content.place, "the workbook is damaged or no Excel file", "save it again, or as CSV")


def _guard(content: Content) -> None:
    """Refuse what openpyxl would read without a bound: archives that grow, and XML with declarations of its own."""
    try:
        with zipfile.ZipFile(content.path) as archive:
            infos = archive.infolist()
            size, packed = sum(i.file_size for i in infos), max(sum(i.compress_size for i in infos), 1)
            if size > MOST_BYTES or (size > _FREE and size > MOST_RATIO * packed):
                raise LogError(content.place, f"it unpacks to {size >> 20:,} MiB from {packed:,} bytes", "check where it comes from")
            for info in infos:
                if info.filename.endswith((".xml", ".rels")):
                    with archive.open(info) as part:
                        head = part.read(1 << 14)
                    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                        raise LogError(content.place, f"its part {info.filename[:60]!r} declares a DOCTYPE or an entity", "check where it comes from")
    except (*PACKED_WRONG, OSError, RuntimeError):
        raise _damaged(content) from None


@contextmanager
def _book(content: Content) -> Iterator[Any]:
    """The workbook, whatever its file is called."""
    import warnings

    try:
        import openpyxl
    except ImportError:
        raise LogError(content.place, "Excel files need openpyxl", "install it with: pip install 'salessim[excel]'") from None
    with content.path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # styles and extensions that do not matter for cells
                book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield book
            book.close()
        except (*_DAMAGED, openpyxl.utils.exceptions.InvalidFileException):
            raise _damaged(content) from None


def _header(rows: Iterator[Sequence[Any]]) -> tuple[int, list[str]] | None:
    """The last row of the header, counted from 0, and its names: the first row with several cells, or two; trailing blanks are no columns."""
    for i, row in enumerate(rows):
        names = words(row)
        if len([n for n in names if n]) >= 2:
            if grouped := two_rows(names, next(rows, ()), next(rows, ())):
                return i + 1, grouped
            return i, [n or f"column {j + 1}" for j, n in enumerate(names)]
    return None


def _chunks(content: Content, sheet: str, header: int, names: tuple[str, ...]) -> Any:
    def chunks(columns: Columns) -> Iterator[pd.DataFrame]:
        count = 0
        with _book(content) as book:
            rows = book[sheet].iter_rows(min_row=header + 2, max_col=len(names), values_only=True)
            padded = (tuple(row) + (None,) * (len(names) - len(row)) for row in rows if any(v is not None for v in row))
            for frame in of_rows(names, padded):
                count += len(frame)
                yield frame if columns is None else frame[list(columns)]
        if not count:
            raise LogError(content.place, f"the sheet {sheet!r} has a header but no rows", "check the period of the export")

    return chunks
