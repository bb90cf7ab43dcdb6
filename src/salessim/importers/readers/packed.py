"""Bytes of files, packed or not, read with suspicion: what unpacks without end is stopped while it streams."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from salessim.errors import LogError

MOST_BYTES = 2 << 30
"""Unpacked; a log larger than this wants a database."""
MOST_RATIO = 400
"""Unpacked over packed: event logs reach 30, bombs 1000."""
MOST_MEMBERS = 200
CHUNK = 1 << 20
_FREE = 64 * CHUNK
"""So much may unpack from anything, however small it was."""
PACKED_WRONG = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""What the standard library raises for packed files that it cannot read; the last for ways of packing that `zipfile` does not know."""
_PACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


@dataclass(frozen=True)
class Content:
    """Something to read: a file, what is packed in it, or a member of a zip file.

    Args:
        label: its name without folders and endings such as .csv.gz: that of its table.
        place: what messages call it.
        path: the file.
        member: its name in the zip file, if it is in one.
    """

    label: str
    place: str
    path: Path
    member: str | None = None

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes.

        Raises:
            LogError: damaged, unpacking to something absurd, or changed while it was read.
        """
        try:
            with self.path.open("rb") as raw:
                before = _state(raw)
                yield io.BufferedReader(_Bounded(*self._unpacked(raw), self.place), CHUNK)
                if _state(raw) != before:
                    raise LogError(self.place, "the file changed while it was read", "wait until the export has ended")
        except PACKED_WRONG:
            raise LogError(self.place, "the packed file is cut short or damaged", "copy or export it again") from None
        except PermissionError:
            raise LogError(self.place, "the file cannot be read (permission denied)", "check its permissions") from None
        except OSError as wrong:  # such as a place before the start of the file, where a damaged directory of a zip file points
            raise LogError(self.place, f"the file cannot be read ({wrong.strerror or wrong})", "copy or export it again") from None
        except RuntimeError as wrong:
            if "encrypted" not in str(wrong):
                raise
            raise LogError(self.place, "the zip file asks for a password", "unpack it first") from None

    def _unpacked(self, raw: IO[bytes]) -> tuple[IO[bytes], int]:
        if self.member is not None:
            archive = zipfile.ZipFile(raw)
            return archive.open(self.member), max(archive.getinfo(self.member).compress_size, 1)
        size = _size(raw)
        head = raw.read(6)
        raw.seek(0)
        opener = next((opener for magic, opener in _PACKERS.items() if head.startswith(magic)), None)
        return (raw if opener is None else opener(raw)), size

    def head(self, count: int = 8) -> bytes:
        """The first bytes."""
        with self.stream() as stream:
            return stream.read(count)

    def all(self, most: int = MOST_BYTES) -> bytes:
        """Everything.

        Raises:
            LogError: also if there is more than `most`.
        """
        with self.stream() as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise LogError(self.place, f"it holds more than {most >> 20:,} MiB", "export a shorter period, or read it from a database")
        return data


def contents(path: str | Path) -> list[Content]:
    """What is to be read of a path: the file, the files of a folder, or the members of a zip file.

    Raises:
        LogError: missing, not a regular file, empty, too large or damaged.
    """
    file, name = Path(path), str(path)
    try:
        mode, size = file.stat().st_mode, file.stat().st_size
        if stat.S_ISDIR(mode):
            return _folder(file, name)
    except (OSError, ValueError) as wrong:
        said = getattr(wrong, "strerror", None) or "the path cannot be used"
        raise LogError(name[:200], f"there is no such log ({said})", "check the path") from None
    if not stat.S_ISREG(mode):
        raise LogError(name, "this is not a regular file", "give the path of a file that was exported")
    if size > MOST_BYTES:
        raise LogError(name, f"the file is larger than {MOST_BYTES >> 30} GiB", "export a shorter period")
    if size == 0:
        raise LogError(name, "the file is empty", "check that the export ended well")
    whole = Content(_label(file.name), name, file)
    if whole.head(4) == b"PK\x03\x04":
        return _members(whole)
    return [whole]


def _folder(folder: Path, name: str) -> list[Content]:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise LogError(name, "the folder holds no file", "give the path of a file, or of a folder of exports")
    if len(files) > MOST_MEMBERS:
        raise LogError(name, f"the folder holds {len(files):,} files", f"keep at most {MOST_MEMBERS}, or name the files")
    return [content for file in files for content in contents(file)]


def _members(whole: Content) -> list[Content]:
    """The files in a zip file; a workbook is one content, though it is a zip file too."""
    try:
        with zipfile.ZipFile(whole.path) as archive:
            infos = archive.infolist()
    except PACKED_WRONG:
        raise LogError(whole.place, "the zip file is cut short or damaged", "copy or export it again") from None
    names = {i.filename for i in infos}
    if "[Content_Types].xml" in names:
        return [whole]
    wanted = [i for i in infos if not i.is_dir() and not Path(i.filename).name.startswith(".") and not i.filename.startswith("__MACOSX/")]
    if not wanted:
        raise LogError(whole.place, "the zip file is empty", "check that the export ended well")
    if len(wanted) > MOST_MEMBERS or len(names) < len(infos):
        problem = f"the zip file holds {len(wanted):,} files" if len(names) == len(infos) else "the zip file holds two files of one name"
        raise LogError(whole.place, problem, f"keep at most {MOST_MEMBERS} of different names")
    if any(i.filename.lower().endswith((".zip", ".xlsx", ".gz")) for i in wanted):
        raise LogError(whole.place, "the zip file holds packed files in its turn", "unpack it and give the folder")
    return [Content(_label(Path(i.filename).name), f"{whole.place}/{i.filename[-80:]}", whole.path, i.filename) for i in wanted]


def _label(name: str) -> str:
    for ending in (".gz", ".bz2", ".xz", ".zip"):
        name = name[: -len(ending)] if name.lower().endswith(ending) and len(name) > len(ending) else name
    return Path(name).stem or name


def _size(raw: IO[bytes]) -> int:
    size = raw.seek(0, io.SEEK_END)
    raw.seek(0)
    return size


def _state(raw: IO[bytes]) -> tuple[int, int]:
    import os

    now = os.fstat(raw.fileno())
    return now.st_size, now.st_mtime_ns


class _Bounded(io.RawIOBase):
    """A stream that counts what it gives."""

    def __init__(self, stream: IO[bytes], packed: int, place: str) -> None:
        self.stream, self.packed, self.place, self.given = stream, packed, place, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.stream.read(len(buffer))
        self.given += len(piece)
        if self.given > MOST_BYTES or (self.given > _FREE and self.given > MOST_RATIO * self.packed):
            raise LogError(self.place, f"it unpacks to more than {self.given // CHUNK} MiB from {self.packed:,} bytes", "check where it comes from")
        buffer[: len(piece)] = piece
        return len(piece)
