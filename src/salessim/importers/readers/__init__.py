"""Readers, one file for each format: whatever people have becomes a `Source` with tables of text."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from salessim.errors import LogError
from salessim.importers.readers.database import is_url, read_database, read_sqlite
from salessim.importers.readers.delimited import read_delimited
from salessim.importers.readers.excel import read_excel
from salessim.importers.readers.ocel import is_ocel, read_ocel_json, read_ocel_sqlite
from salessim.importers.readers.packed import Content, contents
from salessim.importers.readers.parquet import read_parquet
from salessim.importers.readers.source import Source, Table, together
from salessim.importers.readers.xes import read_xes

__all__ = ["Source", "Table", "open_source"]

Where = str | Path | Sequence[str | Path]


def open_source(where: Where) -> Source:
    """What a path, several paths, or the address of a database holds; the content decides, not the name's ending.

    Args:
        where: CSV, TSV, XES, OCEL 2.0 (JSON, SQLite), Excel, Parquet, SQLite, any of them in gzip, bzip2, xz or zip as far
            as it is text; a folder of them; or an address such as `postgresql://reader@host/crm`.

    Raises:
        LogError: it cannot be read: with place, problem and remedy.
    """
    if isinstance(where, str | Path):
        return _one(where)
    if not where:
        raise LogError("source", "nothing is given to read", "give the path of a log")
    return together(", ".join(dict.fromkeys(_one_name(w) for w in where)), [_one(w) for w in where])


def _one_name(where: str | Path) -> str:
    from salessim.importers.readers.database import shown

    return shown(str(where)) if is_url(str(where)) else str(where)


def _one(where: str | Path) -> Source:
    if isinstance(where, str) and is_url(where):
        return read_database(where)
    found = contents(where)
    return together(str(where), [_of_content(content) for content in found])


def _of_content(content: Content) -> Source:
    head = content.head(512)
    if head[:4] == b"PK\x03\x04":
        return _of_office(content)
    if head[:4] == b"\xd0\xcf\x11\xe0":
        raise LogError(content.place, "this is an Excel file of before 2007 (or has a password)", "save it as .xlsx or CSV")
    if head[:4] == b"PAR1":
        return read_parquet(_unpacked(content))
    if head[:16] == b"SQLite format 3\x00":
        database = read_sqlite(_unpacked(content).path, content.place)
        return read_ocel_sqlite(content, database) if is_ocel(database) else database
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<" or b"<\x00?\x00x\x00" in head[:16] or b"\x00<\x00?\x00x" in head[:16]:
        return read_xes(content)
    if start[:1] in (b"{", b"["):
        return read_ocel_json(content)
    return read_delimited(content)


def _of_office(content: Content) -> Source:
    with zipfile.ZipFile(content.path) as archive:
        names = archive.namelist()
    if not any(n.startswith("xl/") for n in names):
        raise LogError(content.place, "this is an Office file, but no workbook of Excel", "save it as .xlsx or CSV")
    return read_excel(content)


def _unpacked(content: Content) -> Content:
    """Formats that are read here and there need a file of their own."""
    if content.member is not None or content.path.open("rb").read(2) == b"\x1f\x8b":
        raise LogError(content.place, "this format is read only where it is not packed in another", "unpack it first")
    return content
