"""CSV, TSV and their kin as people export them: any delimiter, several encodings, lines of a report before the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers.readers.encodings import Encoding, sniff
from salessim.importers.readers.header import two_rows
from salessim.importers.readers.packed import Content
from salessim.importers.readers.source import CHUNK_ROWS, Columns, Source, Table, checked_header

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"
MOST_TITLES = 20
"""Lines of a report that may stand before the header."""


def read_delimited(content: Content) -> Source:
    """The table of a delimited text.

    Raises:
        LogError: not a table: see the message.
    """
    with content.stream() as stream:
        encoding = sniff(stream, content.place)
    with _lines(content, encoding) as lines:
        first = [line for _, line in zip(range(MOST_TITLES + 1), lines, strict=False)]
        mac = len(first) == 1 and "\r" in first[0].rstrip("\r\n")
    if mac:  # Excel for Mac of old ends lines with a carriage return alone
        first = first[0].split("\r")[: MOST_TITLES + 1]
    skipped, delimiter = _header_line(first, content.place)
    place = f"{content.place}:{skipped + 1}"
    header = _cells(first[skipped], delimiter)
    if header is None:
        raise LogError(place, f"a column name is longer than {csv.field_size_limit():,} characters", "give a CSV file with a header")
    below = [_cells(line, delimiter) or [] for line in first[skipped + 1 : skipped + 3]]
    grouped = two_rows(header, *below) if len(below) == 2 else None
    names = checked_header(grouped or header, place)
    above = skipped + 1 if grouped else skipped

    def chunks(columns: Columns) -> Iterator[pd.DataFrame]:
        with _lines(content, encoding) as handle:
            text: io.TextIOBase = io.StringIO(handle.read().replace("\r", "\n")) if mac else handle
            for _ in range(above):
                text.readline()
            yield from _frames(text, delimiter, names, columns, content.place, above)

    counts = {"bytes were no UTF-8, though the rest is; they were read as Windows-1252": encoding.strays} if encoding.strays else {}
    if skipped:
        counts["lines before the header were skipped"] = skipped
    return Source(content.place, {content.label: Table(names, chunks, content.place, above + 2)}, tuple(_notes(encoding)), counts)


def _notes(encoding: Encoding) -> Iterator[str]:
    if encoding.said != "UTF-8":
        yield f"The text is not UTF-8; it was read as {encoding.said}: save it as UTF-8 if names look wrong."


@contextmanager
def _lines(content: Content, encoding: Encoding) -> Iterator[io.TextIOWrapper]:
    with content.stream() as stream:
        yield io.TextIOWrapper(stream, encoding.codec, encoding.errors, newline="")


def _header_line(lines: list[str], place: str) -> tuple[int, str]:
    """How many lines stand before the header, and the delimiter: that of the first line with as many as the next has."""
    filled = [i for i, line in enumerate(lines) if line.strip()]
    if not filled:
        raise LogError(place, "the file is empty", "check that the export ended well")
    start = lines[filled[0]]
    delimiter = max(DELIMITERS, key=start.count)
    if start.count(delimiter):
        return filled[0], delimiter
    for i in filled[1:]:
        delimiter = max(DELIMITERS, key=lines[i].count)
        if lines[i].count(delimiter) >= 2 and any(lines[j].count(delimiter) >= lines[i].count(delimiter) for j in filled if j > i):
            return i, delimiter
    raise LogError(f"{place}:{filled[0] + 1}", f"the first line {start[:40].strip()!r} has no columns", "give a CSV file with a header")


def _cells(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line; none if one is too long to be a name."""
    try:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(line.strip("\r\n")), delimiter=delimiter), [])]
    except csv.Error:
        return None


def _frames(text: io.TextIOBase, delimiter: str, names: tuple[str, ...], columns: Columns, place: str, skipped: int) -> Iterator[pd.DataFrame]:
    import pandas as pd

    count = 0
    try:
        reader = pd.read_csv(
            text, sep=delimiter, dtype=str, keep_default_na=False, quotechar='"', engine="c", on_bad_lines="error",
            header=0, names=list(names), usecols=list(columns) if columns is not None else None, chunksize=CHUNK_ROWS,
        )  # fmt: skip
        for chunk in reader:
            if not isinstance(chunk.index, pd.RangeIndex):  # pandas takes what stands before the first named column for labels
                raise LogError(f"{place}:{skipped + 2}", "a row has more cells than the header", "name every column, or take the delimiter at the end of the rows out")
            count += len(chunk)
            yield chunk.fillna("")  # rows may be shorter than the header
    except pd.errors.ParserError as wrong:
        said = str(wrong)
        line = said.rpartition("line ")[2].split(",")[0].strip() if "line " in said else ""
        spot = f"{place}:{int(line) + skipped}" if line.isdigit() else place
        problem = "a row has more cells than the header" if "Expected" in said else "a quote is never closed"
        raise LogError(spot, problem, "repair that line or export again") from None
    except pd.errors.EmptyDataError:
        count = 0
    except LogError:
        raise
    except ValueError as wrong:
        raise LogError(place, f"the table cannot be read ({str(wrong)[:120]})", "export it again") from None
    if not count:
        raise LogError(place, "there is a header but no rows", "check the period of the export")
