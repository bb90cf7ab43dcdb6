"""XES (IEEE 1849): one row per event, the attributes of its trace with `case:` before their names, as pm4py names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.guarded_xml import GuardedXml
from salessim.importers.readers.packed import CHUNK, Content
from salessim.importers.readers.source import MOST_COLUMNS, Columns, Source, Table

if TYPE_CHECKING:
    import pandas as pd

CASE, ACTIVITY = "case:concept:name", "concept:name"
_VALUES = frozenset(("string", "date", "int", "float", "boolean", "id"))
_HELD = 20_000
"""Events that are held before they become a frame."""


def read_xes(content: Content) -> Source:
    """The events of an XES log; the file is read at once, since only its end shows which attributes there are.

    Raises:
        LogError: not XES, cut short, or made to do harm.
    """
    import pandas as pd

    reading = _Log(content.place)
    with content.stream() as stream:
        reading.read(iter(lambda: stream.read(CHUNK), b""))
    if not reading.is_log:
        raise LogError(f"{content.place}:1", "this is XML, but its root is no <log> of XES", "export the log as XES or CSV")
    reading.flush()
    if not reading.parts:
        raise LogError(content.place, "the log holds no event", "check the period of the export")
    frame = pd.concat(reading.parts, ignore_index=True).fillna("")
    if CASE not in frame.columns or ACTIVITY not in frame.columns:
        raise LogError(content.place, f"no {'trace' if CASE not in frame.columns else 'event'} has a concept:name", "export the log with the names of traces and events")
    table = Table(tuple(frame.columns), lambda columns: _once(frame, columns), content.place, None)
    return Source(content.place, {content.label: table}, (), {k: v for k, v in reading.counts.items() if v})


def _once(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.DataFrame]:
    yield frame.copy() if columns is None else frame[list(columns)].copy()


class _Log(GuardedXml):
    """Rows grow from one pass: an attribute counts where it stands directly in a trace or in an event."""

    def __init__(self, place: str) -> None:
        super().__init__(place, "log", LogError)
        self.is_log = False
        self.path: list[str] = []
        self.trace: dict[str, str] = {}
        self.event: dict[str, str] = {}
        self.columns: dict[str, list[str]] = {}
        self.rows, self.traces = 0, 0
        self.parts: list[pd.DataFrame] = []
        self.seen: set[str] = set()
        self.counts = dict.fromkeys((NESTED, TWICE, LOOSE, UNNAMED, SAME), 0)

    def opened(self, space: str, tag: str, attributes: dict[str, str]) -> None:
        path = self.path
        inside = path[-1] if path else ""
        path.append(tag)
        if tag in _VALUES:
            if inside == "event":
                self.put(self.event, attributes)
            elif inside == "trace":
                self.put(self.trace, attributes)
            elif "event" in path:
                self.counts[NESTED] += 1
        elif tag == "event":
            self.event = {}
        elif tag == "trace":
            self.trace, self.traces = {}, self.traces + 1
        elif tag == "log" and len(path) == 1:
            self.is_log = True

    def put(self, into: dict[str, str], attributes: dict[str, str]) -> None:
        key = attributes.get("key")
        if key is None:
            raise self.fail("an attribute has no key", "export the log again")
        if key in into:
            self.counts[TWICE] += 1
        into[key] = attributes.get("value", "")

    def closed(self, tag: str) -> None:
        self.path.pop()
        if tag == "event":
            if "trace" not in self.path:
                self.counts[LOOSE] += 1
            else:
                self.add()
        elif tag == "trace":
            self.name_trace()

    def add(self) -> None:
        """One row; the trace's name may follow its events, so it is filled in at the trace's end."""
        columns, event, rows = self.columns, self.event, self.rows
        for key in event:
            if key not in columns:
                self.column(key)
        for key, cells in columns.items():
            cells.append(event.get(key, ""))
        self.rows = rows + 1

    def column(self, key: str) -> list[str]:
        if len(self.columns) >= MOST_COLUMNS:
            raise self.fail(f"events have more than {MOST_COLUMNS:,} attributes of different names", "export fewer attributes")
        return self.columns.setdefault(key, [""] * self.rows)

    def name_trace(self) -> None:
        begun = self.begun
        if self.rows > begun:
            if "concept:name" not in self.trace:
                self.trace["concept:name"] = f"trace {self.traces}"
                self.counts[UNNAMED] += 1
            name = self.trace["concept:name"]
            self.counts[SAME] += name in self.seen
            self.seen.add(name)
            for key, value in self.trace.items():
                full = f"case:{key}"
                cells = self.columns.get(full) or self.column(full)
                cells[begun:] = [value] * (self.rows - begun)
        self.begun = self.rows
        if self.rows >= _HELD:
            self.flush()

    begun = 0
    """The first row of the trace that is being read."""

    def flush(self) -> None:
        """Make a frame of the rows that are held."""
        import pandas as pd

        if self.rows:
            self.parts.append(pd.DataFrame({k: pd.Series(v, dtype="str") for k, v in self.columns.items()}))
        self.columns, self.rows, self.begun = {}, 0, 0


NESTED = "attributes within attributes were left out"
TWICE = "attributes stand twice in one event or trace; the last counts"
LOOSE = "events outside every trace were left out"
UNNAMED = "traces have no name; they were numbered"
SAME = "traces have the name of an earlier one; they count as one case"
