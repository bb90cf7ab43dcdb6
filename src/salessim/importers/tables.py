"""Tables as people export them -- any delimiter, several encodings, gzip -- read with suspicion.

A file is data: sizes are bounded while it streams, and what cannot be a table is refused in one line.
"""

from __future__ import annotations

import csv
import gzip
import io
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from salessim.errors import LogError

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 2 << 30
"""Unpacked; a log larger than this wants a database."""
MOST_RATIO = 400
"""Unpacked over packed: event logs reach 30, bombs 1000."""
MOST_COLUMNS = 2_000
_CHUNK = 1 << 20


def read_bytes(path: str | Path) -> bytes:
    """The content of a file, unpacked if it is gzip.

    Raises:
        LogError: missing, not a regular file, empty, truncated, or unpacking to something absurd.
    """
    file, name = Path(path), str(path)
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as wrong:
        said = getattr(wrong, "strerror", None) or "the path cannot be used"
        raise LogError(name, f"there is no such log ({said})", "check the path") from None
    if not stat.S_ISREG(mode):
        raise LogError(name, "this is a folder" if stat.S_ISDIR(mode) else "this is not a regular file", "give the path of a CSV file")
    packed = file.stat().st_size
    if packed > MOST_BYTES:
        raise LogError(name, f"the file is larger than {MOST_BYTES >> 30} GiB", "export a shorter period")
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not zipped:
                data = raw.read(MOST_BYTES + 1)
            else:
                parts, size = [], 0
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    while chunk := unpacked.read(_CHUNK):
                        size += len(chunk)
                        if size > MOST_BYTES or (size > 64 * _CHUNK and size > MOST_RATIO * packed):
                            raise LogError(name, f"it unpacks to more than {size // _CHUNK} MiB from {packed:,} bytes", "check where it comes from")
                        parts.append(chunk)
                data = b"".join(parts)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise LogError(name, "the gzip file is cut short or damaged", "copy or export it again") from None
    except PermissionError:
        raise LogError(name, "the file cannot be read (permission denied)", "check its permissions") from None
    if not data.strip():
        raise LogError(name, "the file is empty", "check that the export ended well")
    return data


def decode(data: bytes, name: str) -> str:
    """Text in the first encoding that fits the whole: UTF-8, UTF-16, GB 18030, Windows-1252.

    Raises:
        LogError: the file is binary.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="strict")
    if data[:4] == b"PK\x03\x04":
        raise LogError(name, "this is an Excel or zip file", "save it as CSV")
    head = data[:4096]
    if b"\x00" in head:
        if head[1::2].count(0) > len(head) // 3:
            return data.decode("utf-16-le", errors="replace")
        raise LogError(name, "this is a binary file", "give a CSV export")
    if b"\x00" in data:
        line = data[: data.index(b"\x00")].count(b"\n") + 1
        raise LogError(f"{name}:{line}", "there is a zero byte", "export the log again")
    for encoding in ("utf-8-sig", "gb18030", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise LogError(name, "the encoding is none of UTF-8, UTF-16, GB 18030 and Windows-1252", "save it as UTF-8")


def read_table(path: str | Path) -> pd.DataFrame:
    """Every cell as text; column names as they stand.

    Raises:
        LogError: not a table: see the message.
    """
    import pandas as pd

    name = str(path)
    text = decode(read_bytes(path), name)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        raise LogError(f"{name}:1", f"the first line {first[:40]!r} has no columns", "give a CSV file with a header")
    header = next(csv.reader(io.StringIO(first.rstrip("\r")), delimiter=delimiter))
    if len(header) > MOST_COLUMNS:
        raise LogError(f"{name}:1", f"there are {len(header):,} columns", f"keep at most {MOST_COLUMNS:,}")
    doubles = sorted({c for c in header if header.count(c) > 1})
    if doubles:
        raise LogError(f"{name}:1", f"the column {doubles[0]!r} stands there twice", "rename one of them")
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, quotechar='"', engine="c", on_bad_lines="error"
        )
    except pd.errors.ParserError as wrong:
        said = str(wrong)
        line = said.rpartition("line ")[2].split(",")[0].strip() if "line " in said else ""
        place = f"{name}:{line}" if line.isdigit() else name
        problem = "a row has more cells than the header" if "Expected" in said else "a quote is never closed"
        raise LogError(place, problem, "repair that line or export again") from None
    except ValueError as wrong:
        raise LogError(name, f"the table cannot be read ({wrong})", "export it again") from None
    if frame.empty:
        raise LogError(name, "there is a header but no rows", "check the period of the export")
    return frame
