"""A journal of lines that a crash cannot spoil: each line carries its checksum, and only whole lines are believed.

A line is JSON whose last member is the checksum of what stands before it. Whatever is damaged is told apart from what
is whole: the end of a write that was cut short, and lines that were changed afterwards.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salessim.errors import InputError
from salessim.scenario.loader import write_whole

_CHECKED = re.compile(rb'(?P<text>\{.*), "crc": "(?P<crc>[0-9a-f]{8})"\}', re.DOTALL)


@dataclass(frozen=True)
class Recovered:
    """What a journal still says."""

    records: tuple[dict[str, Any], ...]
    unfinished: bool = False
    """The last line was cut short; it is dropped."""
    damaged: tuple[int, ...] = ()
    """Numbers of other lines, from 1, that are not as they were written."""


def line(record: Mapping[str, Any]) -> bytes:
    r"""A record as a line with its checksum.

    Example:
        >>> line({"trial": 3})
        b'{"trial": 3, "crc": "36c1be40"}\n'
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False).removesuffix("}").encode()
    return text + f', "crc": "{zlib.crc32(text):08x}"}}\n'.encode()


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record for good: when this returns, it is on disk; if it cannot be written, nothing of it stays.

    Raises:
        InputError: the disk is full, or the file cannot be written.
    """
    try:
        with path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                whole = line(record)
                if file.write(whole) != len(whole):
                    raise OSError(28, "No space left on device")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
    except OSError as wrong:
        raise InputError(str(path), f"it cannot be written ({wrong.strerror})", "make room or give back the right to write, then go on with --resume: what was finished is kept") from None


def read(path: Path) -> Recovered:
    """The whole records of a journal; none if there is no journal.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Recovered(())
    except OSError as wrong:
        raise InputError(str(path), f"it cannot be read ({wrong.strerror})", "check the path and the right to read it") from None
    *lines, rest = content.split(b"\n")
    found = [_record(text) for text in lines]
    # A line without its end was being written; one of zeros, or with a wrong sum, was spoilt later.
    return Recovered(tuple(r for r in found if r is not None), bool(rest), tuple(i + 1 for i, r in enumerate(found) if r is None))


def rewrite(path: Path, recovered: Recovered) -> None:
    """The journal with its whole records only; what it was stays beside it if more than an unfinished line was spoilt."""
    if recovered.damaged:
        aside(path)
    write_whole(path, b"".join(line(record) for record in recovered.records))


def aside(path: Path, why: str = "damaged", *, copy: bool = False) -> Path:
    """Put a file out of the way, under a name that says why and is free; or a copy of it, until what replaces it is whole."""
    names = (path.with_name(f"{path.name}.{why}{n or ''}") for n in range(10_000))
    to = next(name for name in names if not name.exists())
    if copy:
        write_whole(to, path.read_bytes())
    else:
        path.replace(to)
    return to


def _record(text: bytes) -> dict[str, Any] | None:
    match = _CHECKED.fullmatch(text)
    if match is None or zlib.crc32(match["text"]) != int(match["crc"], 16):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    del found["crc"]
    return dict(found)


__all__ = ["Recovered", "append", "aside", "line", "read", "rewrite"]
