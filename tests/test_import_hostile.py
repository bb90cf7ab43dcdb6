"""Sections A to D of the list of hostile inputs, case by case: each ends with the documented repair or in one line and exit code 2.

Every case runs `salessim import inspect` and, where that gives a mapping, `salessim import run`, in a process of its own that may use
512 MiB beside the libraries loaded before and 10 seconds of processor time. Its folder is looked over afterwards: there is no file but
the outputs, and beside an error none at all. Of an input that is accepted the rows of the log are compared with what a person reads in it.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

SECONDS, MEBIBYTES = 10, 512
LARGE_SECONDS, LARGE_MEBIBYTES = 60, 640
"""A million rows are no attack: they take what they need; the log alone, with a text in ten columns of every row, is 180 MiB."""
HEAD = "case,activity,time,resource\n"
ROW = "1,call,2026-01-05T10:00:00Z,ann\n"
Make = Callable[[Path], object]
Visit = tuple[str, str, str, str, str, float]


def visit(case: str = "1", activity: str = "call", end: str = "2026-01-05T10:00", who: str = "ann", start: str = "", value: float = 0.0) -> Visit:
    """A row of the log, its dates in UTC; without changes that of ROW."""
    return case, activity, start, end, who, value


@dataclass(frozen=True)
class Case:
    """What is made in a folder, and what becomes of it: the error, or the rows of the log and what the report on quality says of them."""

    make: Make
    said: str = ""
    repaired: str = ""
    reads: tuple[Visit, ...] = ()
    """The rows of the log, beside `more`."""
    more: int = 0
    each: Callable[[int], Visit] = lambda i: visit(str(i), end=day(i))
    """Row i of `more`."""
    name: str = "log.csv"
    zone: str = ""
    command: tuple[str, ...] = ()


def data(content: str | bytes, name: str = "log.csv") -> Make:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def rows(count: int = 300, odd: str = "", **changes: str) -> str:
    """Good rows, one a case, and an odd one at the end."""
    return HEAD + "".join(f"{i},call,2026-01-{i % 28 + 1:02d}T10:00:00Z,ann\n" for i in range(count)) + odd


def day(i: int) -> str:
    """When row i of `rows` and of a million is, which spread over four weeks."""
    return f"2026-01-{i % 28 + 1:02d}T10:00"


def stamps(*texts: str, repeat: int = 1) -> str:
    return HEAD + "".join(f"{i},call,{t},ann\n" for i, t in enumerate(texts * repeat))


def bomb(packer: Callable[[bytes], bytes], name: str, size: int = 100 << 20) -> Make:
    return data(packer(b"0\n" * (size // 2)), name)


def sparse(folder: Path) -> None:
    with (folder / "log.csv").open("wb") as file:
        file.truncate((2 << 30) + 1)


def workbook(folder: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for line in (HEAD + ROW).splitlines():
        book.active.append(line.split(","))
    book.save(folder / "log.xlsx")
    (folder / "log.xlsx").rename(folder / "log.csv")


def loop(folder: Path) -> None:
    (folder / "log.csv").symlink_to(folder / "other.csv")
    (folder / "other.csv").symlink_to(folder / "log.csv")


def locked(folder: Path) -> None:
    (folder / "log.csv").write_text(HEAD + ROW)
    (folder / "log.csv").chmod(0)


def xes(body: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    return f"{head}<log>{body}</log>".encode()


def trace(name: str = "1", extra: str = "", events: int = 1) -> str:
    event = f'<event><string key="concept:name" value="call"/><date key="time:timestamp" value="2026-01-05T10:00:00Z"/>{extra}</event>'
    return f'<trace><string key="concept:name" value="{name}"/>{event * events}</trace>'


LAUGHS = '<!DOCTYPE log [<!ENTITY a "ha">' + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij")) + "]>"
NAMES = {"name": "log.xes"}
BPMN = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="p">{}</process></definitions>'
FLOW = '<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="{}"/>'

FILES: dict[str, Case] = {
    "A01 missing file": Case(lambda _: None, "there is no such log"),
    "A02 directory": Case(lambda f: (f / "log.csv").mkdir(), "the folder holds no file"),
    "A03 empty file": Case(data(""), "the file is empty"),
    "A04 one byte": Case(data("x"), "has no columns"),
    "A05 header only": Case(data(HEAD), "there is a header but no rows"),
    "A06 no permission": Case(locked, "permission denied"),
    "A07 sparse 2 GiB": Case(sparse, "larger than 2 GiB"),
    "A08 truncated gzip": Case(data(gzip.compress((HEAD + ROW * 999).encode())[:-20]), "cut short or damaged"),
    "A09 gzip bomb": Case(bomb(gzip.compress, "log.csv"), "it unpacks to more than"),
    "A10 bz2 bomb": Case(bomb(bz2.compress, "log.csv"), "it unpacks to more than"),
    "A10 xz bomb": Case(bomb(lambda b: lzma.compress(b, preset=0), "log.csv"), "it unpacks to more than"),
    "A11 xlsx named csv": Case(workbook, reads=(visit(),)),
    "A12 fifo": Case(lambda f: os.mkfifo(f / "log.csv"), "not a regular file"),
    "A12 device": Case(lambda f: (f / "log.csv").symlink_to("/dev/zero"), "not a regular file"),
    "A13 symlink loop": Case(loop, "there is no such log"),
}
TABLES: dict[str, Case] = {
    "B01 zero bytes": Case(data(HEAD + ROW * 400 + "2,ca\0ll,2026-01-05T10:00:00Z,ann\n"), "there is a zero byte"),
    "B02 UTF-16 without mark": Case(data((HEAD + ROW).encode("utf-16-le")), reads=(visit(),)),
    "B02 UTF-16 the other way": Case(data((HEAD + ROW).encode("utf-16-be")), reads=(visit(),)),
    "B03 UTF-8 with mark": Case(data("\ufeff" + HEAD + ROW), reads=(visit(),)),
    "B04 Chinese in GB 18030": Case(data((HEAD + "1,初次联系,2026-01-05T10:00:00Z,王\n").encode("gb18030")), repaired="read as GB 18030", reads=(visit(activity="初次联系", who="王"),)),
    "B05 encodings mixed by line": Case(data((HEAD + "1,Préparation é,2026-01-05T10:00:00Z,ann\n" * 9).encode() + "2,Pré,2026-01-05T10:00:00Z,ann\n".encode("cp1252")), repaired="they were read as Windows-1252", reads=(visit(activity="Préparation é"), visit("2", "Pré"))),
    "B06 invalid UTF-8": Case(data((HEAD + "1,caf\udcff,2026-01-05T10:00:00Z,ann\n").encode(errors="surrogateescape")), repaired="not UTF-8", reads=(visit(activity="cafÿ"),)),
    "B07 day-first dates": Case(data(stamps("13/01/2026 10:00", "05/01/2026 10:00")), reads=(visit("0", end="2026-01-13T10:00"), visit("1"))),
    "B08 mixed formats": Case(data(stamps("2026-01-13 10:00", "13.01.2026 10:00")), repaired="of another format than most", reads=(visit("0", end="2026-01-13T10:00"), visit("1", end="2026-01-13T10:00"))),
    "B08 day first and month first": Case(data(stamps("13/01/2026 10:00", "01/13/2026 10:00")), "month first where others are day first"),
    "B09 two-digit years": Case(data(stamps("13.01.26 10:00", "14.01.26 10:00")), reads=(visit("0", end="2026-01-13T10:00"), visit("1", end="2026-01-14T10:00"))),
    "B10 epochs mixed": Case(data(stamps("1767607872", "1767607872000", "1767607872000000")), repaired="count ms since 1970", reads=tuple(visit(i, end="2026-01-05T10:11:12") for i in "012")),
    "B11 Excel serials": Case(data(stamps("46027.41666", "46028.5")), reads=(visit("0", end="2026-01-05T09:59:59.424"), visit("1", end="2026-01-06T12:00"))),
    "B12 24:00 and second 60": Case(data(stamps("2026-01-05T24:00:00Z", "2026-01-05T10:00:60Z", *["2026-01-05T10:00:00Z"] * 200)), repaired="24:00; it is 0:00 of the next day", reads=(visit("0", end="2026-01-06T00:00"), visit("1", end="2026-01-05T10:01"), *(visit(str(i)) for i in range(2, 202)))),
    "B13 29 February 2026": Case(data(rows(300, "x,call,2026-02-29T10:00:00Z,ann\n")), repaired="could not be read and were dropped", more=300),
    "B13 only such": Case(data(stamps("2026-02-29T10:00:00Z")), "is not a date in one known format"),
    "B14 year 9999": Case(data(rows(300, "x,call,9999-12-31T00:00:00Z,ann\n")), repaired="are impossible and were dropped", more=300),
    "B14 year 0001": Case(data(rows(300, "x,call,0001-01-01T00:00:00Z,ann\n")), repaired="dropped", more=300),
    "B14 year 1677": Case(data(rows(300, "x,call,1677-01-01T00:00:00Z,ann\n")), repaired="are impossible and were dropped", more=300),
    "B15 zones mixed with none": Case(data(stamps("2026-01-05T10:00:00+01:00", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00")), repaired="carry no offset, others do", reads=(visit("0", end="2026-01-05T09:00"), visit("1"), visit("2"))),
    "B16 clocks change": Case(data(stamps("2025-10-26T02:30:00", "2025-03-30T02:30:00")), repaired="comes twice in autumn", reads=(visit("0", end="2025-10-26T00:30"), visit("1", end="2025-03-30T01:00")), zone="Europe/Berlin"),
    "B17 semicolons, decimal commas": Case(data("case;activity;time;amount\n1;call;2026-01-05;1.234,56\n2;call;2026-01-05;2.345,00\n"), reads=(visit(end="2026-01-05T00:00", who="", value=1234.56), visit("2", end="2026-01-05T00:00", who="", value=2345.0))),
    "B17 tabs": Case(data((HEAD + ROW).replace(",", "\t")), reads=(visit(),)),
    "B17 bars": Case(data((HEAD + ROW).replace(",", "|")), reads=(visit(),)),
    "B18 unclosed quote": Case(data(HEAD + '1,"call,2026-01-05T10:00:00Z,ann\n' + ROW * 50), "a quote is never closed"),
    "B19 ragged rows": Case(data(HEAD + ROW + "2,call,2026-01-05T10:00:00Z,ann,more\n"), "a row has more cells than the header"),
    "B19 short rows": Case(data(HEAD + ROW + "Total\n"), repaired="rows without an activity were dropped", reads=(visit(),)),
    "B20 columns twice": Case(data("case,activity,time,time\n" + ROW), "stands there twice"),
    "B21 10,000 columns": Case(data(HEAD.strip() + "".join(f",c{i}" for i in range(9_996)) + "\n" + ROW), "there are 10,000 columns"),
    "B22 field of 100 MB": Case(data(HEAD + "1," + "x" * 100_000_000 + ",2026-01-05T10:00:00Z,ann\n"), "a line is longer than"),
    "B23 signs nobody sees": Case(data(HEAD + "1,ca\u200bll,2026-01-05T10:00:00Z,ann\n2,call,2026-01-05T10:00:00Z,\u202eann\n"), repaired="signs that nobody sees", reads=(visit(), visit("2"))),
    "B24 odd amounts": Case(data("case,activity,time,amount\n" + "".join(f"{i},call,2026-01-05,{a}\n" for i, a in enumerate(["NaN", "inf", "-0", "1e400", '"1,234,567"', "7"]))), repaired="no finite numbers", reads=tuple(visit(str(i), end="2026-01-05T00:00", who="", value=v) for i, v in enumerate([0, 0, 0, 0, 1_234_567, 7]))),
}
VISITS = "case,activity,start,end\n"
EVENTS: dict[str, Case] = {
    "C01 no case": Case(data(HEAD + ROW + ",call,2026-01-05T10:00:00Z,ann\n"), repaired="rows without a case were dropped", reads=(visit(),)),
    "C02 no activity": Case(data(HEAD + ROW + "2,,2026-01-05T10:00:00Z,ann\n"), repaired="rows without an activity were dropped", reads=(visit(),)),
    "C03 no time": Case(data(HEAD + ROW + "2,call,,ann\n"), repaired="rows without a date were dropped", reads=(visit(),)),
    "C04 end before start": Case(data(VISITS + "1,call,2026-01-05T11:00Z,2026-01-05T10:00Z\n2,call,2026-01-05T10:00Z,2026-01-05T11:00Z\n"), repaired="start and end were swapped", reads=tuple(visit(i, start="2026-01-05T10:00", end="2026-01-05T11:00", who="") for i in "12")),
    "C05 negative by a zone": Case(data(VISITS + "1,call,2026-01-05T11:30:00+00:00,2026-01-05T12:00:00+01:00\n"), repaired="start and end were swapped", reads=(visit(start="2026-01-05T11:00", end="2026-01-05T11:30", who=""),)),
    "C06 duplicates": Case(data(HEAD + ROW * 2), repaired="exact duplicates were dropped", reads=(visit(),)),
    "C07 unsorted": Case(data(HEAD + ROW + "1,quote,2026-01-04T10:00:00Z,ann\n"), repaired="out of order within their case", reads=(visit(activity="quote", end="2026-01-04T10:00"), visit())),
    "C08 one stamp for all": Case(data(stamps(*["2026-01-05T10:00:00Z"] * 50)), reads=tuple(visit(str(i)) for i in range(50))),
    "C09 one case": Case(data(HEAD + ROW + "1,quote,2026-01-06T10:00:00Z,bob\n"), reads=(visit(), visit(activity="quote", end="2026-01-06T10:00", who="bob"))),
    "C10 one event": Case(data(HEAD + ROW), reads=(visit(),)),
    "C13 only complete": Case(data("case,activity,time,phase\n1,call,2026-01-05T10:00Z,complete\n"), repaired="visits without a recorded start", reads=(visit(who=""),)),
    "C14 start without complete": Case(data("case,activity,time,lifecycle\n1,call,2026-01-05T10:00Z,start\n1,call,2026-01-05T11:00Z,complete\n2,call,2026-01-05T10:00Z,start\n"), repaired="under way at the end", reads=(visit(start="2026-01-05T10:00", end="2026-01-05T11:00", who=""), visit("2", start="2026-01-05T10:00", end="", who=""))),
    "C15 nobody named": Case(data(HEAD + "1,call,2026-01-05T10:00:00Z,\n"), repaired="visits name nobody", reads=(visit(who=""),)),
    "C16 names differ by case": Case(data(HEAD + ROW + "2,Call ,2026-01-05T10:00:00Z,ann\n3,CALL,2026-01-05T10:00:00Z,ann\n"), reads=tuple(visit(i, "CALL") for i in "123")),
    "C17 keys of mixed types": Case(data(HEAD + ROW + '"1",quote,2026-01-06T10:00:00Z,ann\n1.0,call,2026-01-07T10:00:00Z,ann\n'), repaired="written as decimals", reads=(visit(), visit(activity="quote", end="2026-01-06T10:00"), visit(end="2026-01-07T10:00"))),
    "C18 events after the end": Case(data(HEAD + "1,call,2026-01-05T10:00:00Z,ann\n1,lost,2026-01-06T10:00:00Z,ann\n1,call,2026-01-07T10:00:00Z,ann\n"), repaired="ended after their case had", reads=(visit(), visit(activity="lost", end="2026-01-06T10:00"), visit(end="2026-01-07T10:00"))),
    "C19 future dates": Case(data(stamps("2035-01-05T10:00:00Z", "2036-01-05T10:00:00Z")), repaired="lie in the future", reads=(visit("0", end="2035-01-05T10:00"), visit("1", end="2036-01-05T10:00"))),
    "C20 all cases open": Case(data("case,activity,start,end,outcome\n1,call,2026-01-05T10:00Z,2026-01-05T11:00Z,open\n2,call,2026-01-05T10:00Z,2026-01-05T11:00Z,next\n"), "every case is still open"),
}
LARGE: dict[str, Case] = {
    "C11 a case of 1,000,000 events": Case(lambda f: million(f, "1"), more=1_000_000, each=lambda i: visit(end=short(f"{day(i)}:00.{i:06d}"))),
    "C12 1,000,000 cases of one event": Case(lambda f: million(f, ""), more=1_000_000),
}
MARKUP: dict[str, Case] = {
    "D01 XXE to a file": Case(data(xes('<trace><string key="concept:name" value="&x;"/></trace>', '<!DOCTYPE log [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "log.xes"), "DOCTYPE", **NAMES),
    "D02 XXE to the network": Case(data(xes(trace(), '<!DOCTYPE log [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>'), "log.xes"), "DOCTYPE", **NAMES),
    "D03 parameter entity": Case(data(xes(trace(), '<!DOCTYPE log [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>'), "log.xes"), "DOCTYPE", **NAMES),
    "D03 external DTD": Case(data(xes(trace(), '<!DOCTYPE log SYSTEM "http://127.0.0.1:9/x.dtd">'), "log.xes"), "DOCTYPE", **NAMES),
    "D04 billion laughs": Case(data(xes(trace("&j;"), LAUGHS), "log.xes"), "DOCTYPE", **NAMES),
    "D05 quadratic blow-up": Case(data(xes(trace("&a;" * 10_000), f'<!DOCTYPE log [<!ENTITY a "{"x" * 50_000}">]>'), "log.xes"), "DOCTYPE", **NAMES),
    "D06 nested 10,000 deep": Case(data(xes("<list>" * 10_000 + "</list>" * 10_000), "log.xes"), "nesting is deeper", **NAMES),
    "D07 huge attribute": Case(data(xes(trace("x" * 20_000_000)), "log.xes"), "too long attributes", **NAMES),
    "D08 CDATA and comments": Case(data(xes(f"<!--{'x' * 30_000_000}--><![CDATA[{'x' * 30_000_000}]]>" + trace()), "log.xes"), reads=(visit(who=""),), **NAMES),
    "D09 unclosed tag": Case(data(xes(trace())[:-10], "log.xes"), "cannot be read", **NAMES),
    "D10 wrong encoding": Case(data(xes(trace("caf\u00e9")).decode().encode("cp1252"), "log.xes"), "save it as UTF-8", **NAMES),
    "D11 entities in values": Case(data(xes(trace("a &amp; b &#xe9; &lt;c&gt;")), "log.xes"), reads=(visit("a & b é <c>", who=""),), **NAMES),
    "D11 unknown entity": Case(data(xes(trace("&nbsp;")), "log.xes"), "undefined entity", **NAMES),
    "D12 nested lists": Case(data(xes(trace(extra='<list key="l"><values><list key="m"><values><string key="a" value="1"/></values></list></values></list>')), "log.xes"), repaired="attributes within attributes", reads=(visit(who=""),), **NAMES),
    "D13 no globals or extensions": Case(data(xes(trace()), "log.xes"), reads=(visit(who=""),), **NAMES),
    "D14 ids twice": Case(data(xes(trace("1") + trace("1", events=2)), "log.xes"), repaired="the name of an earlier one", reads=(visit(who=""),), **NAMES),
    "D15 gateway without way out": Case(data(BPMN.format(FLOW.format("g") + '<exclusiveGateway id="g"/>'), "log.bpmn"), "'g'", name="log.bpmn", command=("import", "bpmn")),
    "D16 dangling flow": Case(data(BPMN.format(FLOW.format("nowhere")), "log.bpmn"), "nowhere", name="log.bpmn", command=("import", "bpmn")),
    "D17 unsupported element": Case(data(BPMN.format(FLOW.format("t") + '<callActivity id="t" calledElement="x"/><sequenceFlow id="h" sourceRef="t" targetRef="e"/><endEvent id="e"/>'), "log.bpmn"), "callActivity", name="log.bpmn", command=("import", "bpmn")),
    "D18 XInclude": Case(data(xes('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>' + trace()), "log.xes"), "XInclude", **NAMES),
    "D18 stylesheet": Case(data(xes(trace(), '<?xml version="1.0"?><?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?>'), "log.xes"), "processing instruction", **NAMES),
    "D OCEL nested deep": Case(data('{"events": ' + "[" * 100_000, "log.json"), "nesting is too deep", name="log.json"),
    "D OCEL not a number": Case(data('{"events": [NaN], "objects": []}', "log.json"), "NaN is not a number", name="log.json"),
    "D OCEL object missing": Case(data(json.dumps({"events": [{"id": "e", "type": "call", "time": "2026-01-05T10:00:00Z", "relationships": [{"objectId": "o"}, {"objectId": "x"}]}],
                                                   "objects": [{"id": "o", "type": "deal"}]}), "log.json"), repaired="an object that is not there", reads=(visit("o", who=""),), name="log.json"),
}  # fmt: skip


def million(folder: Path, case: str) -> None:
    """Of one case, no two rows at the same time, or of a case each."""
    with (folder / "log.csv").open("w") as file:
        file.write(HEAD)
        for i in range(1_000_000):
            file.write(f"{case or i},call,{day(i)}:00{f'.{i:06d}' if case else ''}Z,ann\n")


def short(stamp: str) -> str:
    """A date as `visit` takes it, without the zeros at its end."""
    return re.sub(r"(?<=T\d\d:\d\d):00$", "", re.sub(r"(\.\d*?)0+$", r"\1", stamp).removesuffix("."))


def told(path: Path) -> Iterator[Visit]:
    """The rows of a log as it is written."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            start, end = (short(row[c].removesuffix("+00:00")) for c in ("start_time", "end_time"))
            yield row["case_id"], row["activity"], start, end, row["resource"], float(row["value"])


@pytest.fixture(scope="module")
def zygote() -> Iterator[subprocess.Popen[str]]:
    pytest.importorskip("openpyxl")
    env = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
    with subprocess.Popen([sys.executable, str(Path(__file__).parent / "zygote.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ran(zygote: subprocess.Popen[str], folder: Path, commands: list[list[str]]) -> list[dict[str, Any]]:
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    zygote.stdin.write(json.dumps({"folder": str(folder), "commands": commands}) + "\n")
    zygote.stdin.flush()
    results: list[dict[str, Any]] = json.loads(zygote.stdout.readline())
    return results


def check(case: Case, folder: Path, zygote: subprocess.Popen[str], most: tuple[int, int] = (SECONDS, MEBIBYTES)) -> None:
    case.make(folder)
    log, before = folder / case.name, set(folder.rglob("*"))
    mapping, out = folder / "m.yaml", folder / "out.csv"
    first = [*(case.command or ("import", "inspect")), str(log), "--out", str(mapping)]
    second = ["import", "run", str(log), "--mapping", str(mapping), "--out", str(out)]
    if case.zone:
        results = ran(zygote, folder, [first])
        mapping.write_text(mapping.read_text().replace("stamps_in: UTC", f"stamps_in: {case.zone}"))
        results += ran(zygote, folder, [second])
    else:
        results = ran(zygote, folder, [first] if case.command else [first, second])
    last, made = results[-1], set(folder.rglob("*")) - before
    assert "Traceback" not in last["err"], last["err"]
    assert last["mebibytes"] <= most[1], f"{last['mebibytes']:.0f} MiB"
    assert last["seconds"] <= most[0], f"{last['seconds']:.1f} s"
    if last["code"]:
        assert last["code"] == 2, last
        assert last["err"].count("\n") == 1, last["err"]
        assert case.said, f"refused, though it should be repaired: {last['err']}"
        assert case.said in last["err"], last["err"]
        assert made <= {mapping}, made  # of a step before that was fine
        return
    said = "".join(r["out"] for r in results)
    assert not case.said, f"not refused: {said}"
    assert made == {mapping, out, folder / "out.quality.md", folder / "out.quality.json"}, made
    assert case.repaired in said, said
    found = sorted(told(out), key=lambda v: v[0])
    wanted = sorted((*case.reads, *map(case.each, range(case.more))), key=lambda v: (v[0], v[2] or v[3]))
    assert found == wanted, next((a, b) for a, b in zip_longest(found, wanted) if a != b)


ALL = {**FILES, **TABLES, **EVENTS, **MARKUP}


@pytest.mark.parametrize("name", ALL)
def test_hostile_input_is_repaired_or_refused_in_one_line(name: str, tmp_path: Path, zygote: subprocess.Popen[str]) -> None:
    if name.startswith("A06") and os.geteuid() == 0:
        pytest.skip("root may read everything")
    if name.startswith("A11"):
        pytest.importorskip("openpyxl")
    folder = tmp_path / "work"
    folder.mkdir()
    check(ALL[name], folder, zygote)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_million_rows_take_a_minute_and_640_mebibytes_at_most(name: str, tmp_path: Path, zygote: subprocess.Popen[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    check(LARGE[name], folder, zygote, (LARGE_SECONDS, LARGE_MEBIBYTES))


def test_every_case_of_the_list_is_here() -> None:
    """A1 to A14, B1 to B24, C1 to C20 and D1 to D18: 76 numbers; A14 has a test of its own below."""
    numbers = {n.split()[0] for n in (*ALL, *LARGE) if n.split()[0][1:].isdigit()} | {"A14"}
    assert numbers == {f"{s}{i:02d}" for s, most in (("A", 14), ("B", 24), ("C", 20), ("D", 18)) for i in range(1, most + 1)}


def test_every_case_says_what_becomes_of_it() -> None:
    for name, case in {**ALL, **LARGE}.items():
        assert bool(case.said) != bool(case.reads or case.more), name


def test_a14_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    from salessim.errors import LogError
    from salessim.importers.readers.packed import contents

    path = tmp_path / "log.csv"
    path.write_text(HEAD + ROW)
    (content,) = contents(path)


    def read() -> None:
        with content.stream() as stream:
            stream.read()
            path.write_text(HEAD + ROW * 2)

    with pytest.raises(LogError, match="the file changed while it was read"):
        read()


def test_zip_files_are_bounded_and_never_unpacked_to_disk(tmp_path: Path) -> None:
    from salessim.errors import LogError
    from salessim.importers.readers import open_source

    path = tmp_path / "log.zip"
    for names, said in ((["../../x.csv"], None), (["a.zip"], "packed files in its turn"), ([f"{i}.csv" for i in range(300)], "holds 300 files")):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, HEAD + ROW)
        if said:
            with pytest.raises(LogError, match=said):
                open_source(path)
        else:
            assert list(open_source(path).tables) == ["x"]
    assert [p.name for p in tmp_path.iterdir()] == ["log.zip"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.csv", HEAD + "x" * (200 << 20))
    with pytest.raises(LogError, match=r"it unpacks to more than|a line is longer"):
        open_source(path)


def test_workbooks_with_declarations_are_refused(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    from salessim.errors import LogError
    from salessim.importers.readers import open_source

    plain, path = tmp_path / "plain.xlsx", tmp_path / "log.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["case", "activity"])
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            text = old.read(info)
            new.writestr(info.filename, b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + text if info.filename == "xl/workbook.xml" else text)
    with pytest.raises(LogError, match="declares a DOCTYPE"):
        open_source(path)
    path.write_bytes(plain.read_bytes()[:-200])
    with pytest.raises(LogError, match=r"damaged|cut short"):
        open_source(path)


