"""Fuzzing of the readers: small files of every format, damage to them, and what must become of any bytes.

`judge` is the contract: a log that does not contradict itself, or one error of our own in one line, and no file beside the input.
`guided` looks for damage that gets somewhere new: an input that reaches a line after a line it was never reached from is kept
and damaged further (the idea of AFL; sys.settrace sees only our own reader code, so the libraries below run at full speed).
"""

from __future__ import annotations

import gzip
import io
import json
import random
import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd

import salessim.importers as importers
from salessim.errors import InputError
from salessim.importers import inspect_log, read_log

HOME = str(Path(importers.__file__).parent)
TABLE = "case,activity,start,end,resource,amount\n1,call,2026-01-05T10:00:00Z,2026-01-05T11:00:00Z,ann,5\n1,won,,2026-01-06T10:00:00Z,bob,5\n2,call,2026-01-05T12:00:00Z,,ann,7\n"
XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0"><extension name="Concept" prefix="concept" uri="http://x"/><global scope="trace"><string key="concept:name" value=""/></global>
<trace><string key="concept:name" value="1"/><float key="amount" value="5.5"/><event><string key="concept:name" value="call"/><date key="time:timestamp" value="2026-01-05T10:00:00Z"/>
<string key="lifecycle:transition" value="start"/></event><event><string key="concept:name" value="call"/><date key="time:timestamp" value="2026-01-05T11:00:00+01:00"/>
<string key="lifecycle:transition" value="complete"/><list key="l"><values><int key="a" value="1"/></values></list></event></trace></log>
"""
OCEL = {
    "objectTypes": [{"name": "deal", "attributes": []}], "eventTypes": [{"name": "call", "attributes": []}],
    "events": [{"id": "e1", "type": "call", "time": "2026-01-05T10:00:00Z", "attributes": [{"name": "x", "value": "1"}], "relationships": [{"objectId": "o1", "qualifier": "of"}]},
               {"id": "e2", "type": "won", "time": "2026-01-06T10:00:00Z", "attributes": [], "relationships": [{"objectId": "o1", "qualifier": "of"}]}],
    "objects": [{"id": "o1", "type": "deal", "attributes": [{"name": "value", "time": "1970-01-01T00:00:00Z", "value": 5}]}],
}  # fmt: skip
RECORDS = "deal_id,engage_date,close_date,state,rep\n1,05/01/2026,13/01/2026,Won,ann\n2,06/01/2026,,Open,bob\n"
MAPPING = """columns: {case: case, activity: activity, start: start, end: end, resource: resource, value: amount}
time_format: ISO8601
stamps_in: UTC
office_in: Europe/Berlin
country: DE
activities:
  call: {kind: work, stage: lead, step: talk}
  won: {kind: event, ends: won, milestone: won}
system_resources: [robot]
tables: {}
"""


def _bytes_of(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("pragma page_size = 512")
        db.execute("create table log (case_id, activity, time, who)")
        db.executemany("insert into log values (?, ?, ?, ?)", [(i, "call", f"2026-01-{i + 1:02d} 10:00:00", "ann") for i in range(9)])
    db.close()


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.csv", TABLE)


def seeds() -> dict[str, bytes]:
    """A small good file of every format."""
    frame = pd.read_csv(io.StringIO(TABLE), dtype=str, keep_default_na=False)
    found = {
        "csv": TABLE.encode(), "csv in cp1252": TABLE.replace("ann", "J\u00f6rg").replace(",", ";").encode("cp1252"), "tsv in utf-16": TABLE.replace(",", "\t").encode("utf-16"),
        "records": RECORDS.encode(), "xes": XES.encode(), "ocel": json.dumps(OCEL).encode(), "gz": gzip.compress(TABLE.encode(), mtime=0), "zip": _bytes_of(_zip, "log.zip"),
        "sqlite": _bytes_of(_sqlite, "log.db"),
    }  # fmt: skip
    try:
        found["parquet"] = _bytes_of(frame.to_parquet, "log.parquet")
        found["xlsx"] = _bytes_of(lambda path: frame.to_excel(path, index=False), "log.xlsx")
    except ImportError:
        pass  # extras that are not installed have no reader to fuzz
    return found


def judge(data: bytes, folder: Path) -> str:
    """Read bytes as a file; the error's text, or nothing if they are a log."""
    path = folder / "input"
    path.write_bytes(data)
    try:
        proposal = inspect_log(path)
        if not proposal.blanks:
            proposal.to_yaml()
            log, quality = read_log(path, proposal.mapping)
            quality.to_markdown()
            assert list(log.problems()) == []
        said = ""
    except InputError as wrong:
        said = str(wrong)
        assert "\n" not in said, repr(said)
        assert len(said) < 2000, said[:300]
    assert [p.name for p in folder.iterdir()] == ["input"]
    return said


def judge_mapping(text: str, folder: Path) -> str:
    """Use text as a mapping file of TABLE; the error's text, or nothing if it can be used."""
    source, mapping = folder / "log.csv", folder / "mapping.yaml"
    source.write_text(TABLE)
    mapping.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        read_log(source, mapping)
        said = ""
    except InputError as wrong:
        said = str(wrong)
        assert "\n" not in said, repr(said)
    assert sorted(p.name for p in folder.iterdir()) == ["log.csv", "mapping.yaml"]
    return said


WORDS = (b"", b"\x00", b"\xff\xfe", b'"', b"\n", b",", b";", b"'", b"-1", b"1e400", b"NaN", b"9999-12-31", b"0000-00-00", b"2026-02-30T25:61:61Z", b"<", b"</event>", b"<trace>", b"&x;", b"[", b"{}",
         b"null", b"*", b"&a", b": ", b"- ", b"!!python/object:os.system", b"\xe2\x80\xae", b"2026-01-05T10:00:00+99:99", b"case", b"999999999999999999999999", b"lost: ", b"\r")  # fmt: skip
"""What readers trip over."""


def damage(data: bytes, rng: random.Random) -> bytes:
    """The data with one to four changes: bytes flipped, words put in, parts taken out, doubled or moved."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        here, there = sorted((rng.randint(0, len(out)), rng.randint(0, len(out))))
        there = min(there, here + rng.choice((1, 4, 16, 64, 4096)))
        kind = rng.randrange(5)
        if kind == 0 and out:
            out[min(here, len(out) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[here:here] = rng.choice(WORDS)
        elif kind == 2:
            del out[here:there]
        elif kind == 3:
            out[here:here] = out[here:there] * rng.choice((1, 2, 20))
        else:
            out[here:there] = rng.choice(WORDS)
    return bytes(out[:200_000])


def guided(seed: bytes, check: Callable[[bytes], object], executions: int, number: int) -> tuple[int, int]:
    """Look for new ways through the readers for so many inputs; (ways seen with the seed, ways seen at the end).

    Raises:
        AssertionError: an input broke the contract; its bytes are in the message.
    """
    rng = random.Random(number)
    seen: set[tuple[str, int, int]] = set()
    ways: set[tuple[str, int, int]] = set()

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(HOME):
            return None
        before = frame.f_lineno

        def line(inner: FrameType, what: str, _: Any) -> Any:
            nonlocal before
            if what == "line":
                ways.add((name, before, inner.f_lineno))
                before = inner.f_lineno
            return line

        return line

    corpus = [seed]
    first = 0
    for i in range(executions):
        data = seed if i == 0 else damage(rng.choice(corpus[-20:] if rng.random() < 0.7 else corpus), rng)
        ways.clear()
        old = sys.gettrace()
        sys.settrace(trace)
        try:
            check(data)
        except Exception as wrong:
            raise AssertionError(f"{type(wrong).__name__}: {wrong} for {data[:2000]!r}") from wrong
        finally:
            sys.settrace(old)
        if ways - seen:
            seen |= ways
            corpus.append(data)
        if i == 0:
            first = len(seen)
    return first, len(seen)
