"""Tables as people export them -- any delimiter, several encodings, gzip -- read with suspicion.

A file is data: sizes are bounded while it streams, and what cannot be a table is refused in one line.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import stat
import zlib
from collections import Counter
from dataclasses import dataclass
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
_LONE = re.compile(rb"(?<=[A-Za-z])[\x80-\xff](?=[A-Za-z])")
"""One high byte inside a Latin word: an accented letter of Windows-1252, half a character of GB 18030."""
_HANZI = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]{2,}")
"""Chinese characters and punctuation stand in runs."""


@dataclass(frozen=True)
class Table:
    """A table of text."""

    frame: pd.DataFrame
    encoding: str
    """As people call it."""

    def notes(self) -> list[str]:
        """What a reader must know before trusting the words in it."""
        if self.encoding == "UTF-8":
            return []
        return [f"The text is not UTF-8; it was read as {self.encoding}: save it as UTF-8 if names look wrong."]


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


def decode(data: bytes, name: str) -> tuple[str, str]:
    """The text and its encoding: UTF-8, UTF-16, GB 18030 or Windows-1252, the last two by what is plausible.

    Raises:
        LogError: the file is binary or damaged, or no CSV at all.
    """
    if data[:4] == b"PK\x03\x04":
        raise LogError(name, "this is an Excel or zip file", "save it as CSV")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _utf16(data, "utf-16", name)
    head = data[:4096]
    if b"\x00" in head:
        if head[1::2].count(0) > len(head) // 3:
            return _utf16(data, "utf-16-le", name)
        raise LogError(name, "this is a binary file", "give a CSV export")
    if b"\x00" in data:
        line = data[: data.index(b"\x00")].count(b"\n") + 1
        raise LogError(f"{name}:{line}", "there is a zero byte", "export the log again")
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return _not_unicode(data, name)


def _utf16(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), "UTF-16"
    except UnicodeDecodeError as wrong:
        line = data[: wrong.start].decode(encoding, errors="ignore").count("\n") + 1
        raise LogError(f"{name}:{line}", "the UTF-16 text is damaged or cut short", "copy or export it again") from None


def _not_unicode(data: bytes, name: str) -> tuple[str, str]:
    """GB 18030 takes nearly any bytes, so it must earn it: more common hanzi in company than lone high bytes in Latin words."""
    fits: dict[str, str] = {}
    for encoding, said in (("gb18030", "GB 18030"), ("cp1252", "Windows-1252")):
        try:
            fits[said] = data.decode(encoding)
        except UnicodeDecodeError:
            continue
    if not fits:
        raise LogError(name, "the encoding is none of UTF-8, UTF-16, GB 18030 and Windows-1252", "save it as UTF-8")
    if len(fits) == 2 and not _is_chinese(data, fits["GB 18030"]):
        del fits["GB 18030"]
    said, text = next(iter(fits.items()))
    return text, said


def _is_chinese(data: bytes, text: str) -> bool:
    """Whether text decoded as GB 18030 is made of the characters that Chinese is written with."""
    foreign = sum(n for c, n in Counter(text).items() if c > "\x7f")
    common = sum(n for c, n in Counter("".join(_HANZI.findall(text))).items() if _is_common(c))
    return 2 * common > foreign and common > len(_LONE.findall(data))


def _is_common(char: str) -> bool:
    """Whether a character is punctuation or one of the 3,755 common hanzi: the rows 0xA1 to 0xD7 of GB 2312."""
    code = char.encode("gb18030")
    return len(code) == 2 and 0xA1 <= code[0] <= 0xD7 and code[1] >= 0xA1


def read_table(path: str | Path) -> Table:
    """Every cell as text; column names as they stand.

    Raises:
        LogError: not a table: see the message.
    """
    import pandas as pd

    name = str(path)
    text, encoding = decode(read_bytes(path), name)
    if "\n" not in text:
        text = text.replace("\r", "\n")  # Excel for Mac of old
    if text.lstrip()[:5] == "<?xml" or text.lstrip()[:4] == "<log":
        raise LogError(name, "this is XML, perhaps XES, which is not read yet", "save it as CSV, one row per event (in pm4py: read_xes(...).to_csv)")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        raise LogError(f"{name}:1", f"the first line {first[:40]!r} has no columns", "give a CSV file with a header")
    try:
        header = next(csv.reader(io.StringIO(first.rstrip("\r")), delimiter=delimiter))
    except csv.Error:
        raise LogError(f"{name}:1", f"a column name is longer than {csv.field_size_limit():,} characters", "give a CSV file with a header") from None
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
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes what stands before the first named column for labels
        raise LogError(f"{name}:2", "a row has more cells than the header", "name every column, or take the delimiter at the end of the rows out")
    return Table(frame.fillna(""), encoding)  # rows may be shorter than the header
