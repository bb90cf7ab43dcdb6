"""The event log: what an engine produces and what calibration reads, in the columns process mining knows.

One row per visit of a case to a step. Frames carry real dates in the process's time zone; files carry them as
ISO 8601 with offset. Text that a spreadsheet would run as a formula is defused in files and restored on reading.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from salessim.errors import LogError
from salessim.records import COLUMNS, FILE_NAMES

if TYPE_CHECKING:
    import pandas as pd

DATES = ("enabled", "started", "ended")
OUTCOMES = ("next", "gave up", "joined", "completed", "open")
"""What a case did after the visit; beside these, "lost: REASON". "open": it was still open when the log ended;
"joined" and "branch lost: REASON": a branch of the case came to its end."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "'")
_NUMBERS = ("visit", "value", "cost")
_PIECE = 50_000
"""Rows that are turned into text at once: some 10 MB."""


@dataclass(frozen=True)
class LogAbout:
    """What a log is of: the window observed, the clock, the money, the meaning of its steps."""

    start: dt.datetime
    end: dt.datetime
    time_zone: str
    currency: str
    stages: tuple[str, ...] = ()
    milestones: dict[str, str] = field(default_factory=dict)
    """step -> "response", "won" or "delivered"."""
    source: str = ""
    holidays: str | None = None
    """Country whose public holidays are days off, such as NL; None if nobody said."""
    enabled_known: bool = True
    """Whether `enabled` was recorded; if it was worked out from the visit before, waits for people cannot be told
    from the customer's own time."""
    endings_known: bool = True
    """Whether the log tells which cases are over; if not, each counts as over with its last row."""
    hourly: dict[str, float] = field(default_factory=dict)
    """person -> what an hour costs, in the currency; empty if nobody said."""
    roster: dict[str, str] = field(default_factory=dict)
    """person -> team, of a staffing sheet; those who never work included. Empty if there is none."""


class EventLog:
    """Visits of cases to steps, simulated or real.

    Args:
        frame: one row per visit with the columns of `COLUMNS`, and one more per attribute of the case; dates are time-zone aware (`about.time_zone`).
        about: what the log is of.

    Raises:
        LogError: a column is missing or of the wrong kind.
    """

    def __init__(self, frame: pd.DataFrame, about: LogAbout) -> None:
        missing = [c for c in COLUMNS if c not in frame.columns]
        if missing:
            raise LogError("event log", f"the column {missing[0]!r} is missing", "add it or map it")
        for column in DATES:
            if getattr(frame[column].dtype, "tz", None) is None:
                raise LogError("event log", f"the column {column!r} has no time zone", f"localise it to {about.time_zone}")
        self.frame, self.about = frame[[*COLUMNS, *(c for c in frame.columns if c not in COLUMNS)]], about

    def __len__(self) -> int:
        """Visits in the log."""
        return len(self.frame)

    def problems(self) -> Iterator[str]:
        """What contradicts itself in the log; nothing for a log an engine made."""
        f = self.frame
        for a, b in (("enabled", "started"), ("started", "ended"), ("enabled", "ended")):
            count = int((f[a] > f[b]).sum())
            if count:
                yield f"{count} visits are {b} before they are {a}"
        count = int((f["ended"].isna() & (f["outcome"] != "open")).sum())
        if count:
            yield f"{count} visits have no end, though the case went on or ended"
        order = f.groupby(["case", "step"], sort=False)["visit"]
        count = int((order.cumcount() != f["visit"]).sum())
        if count:
            yield f"{count} visits are not numbered 0, 1, 2 ... by case and step"
        ends = f["outcome"].str.startswith(("lost", "completed")).groupby(f["case"]).sum()
        still = (f["outcome"] == "open").groupby(f["case"]).any()  # several visits where a case has split
        count = int(((ends + still) > 1).sum())
        if count:
            yield f"{count} cases end more than once"

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Write the log as CSV, or return it as text; the same log gives the same bytes."""
        if path is None:
            return "".join(self._csv())
        from salessim.scenario.loader import write_whole

        write_whole(path, self._csv())
        return None

    def _csv(self) -> Iterator[str]:
        """The text of the file in pieces: a large log need not stand in memory twice, as text and as rows."""
        frame = self.frame.rename(columns=FILE_NAMES)
        for column in frame.columns:
            if column not in (*_NUMBERS, *(FILE_NAMES[d] for d in DATES)):
                frame[column] = _all_defused(frame[column])
        for first in range(0, max(len(frame), 1), _PIECE):
            piece = frame.iloc[first : first + _PIECE].copy()
            for column in DATES:
                piece[FILE_NAMES[column]] = _iso(piece[FILE_NAMES[column]])
            yield str(piece.to_csv(index=False, lineterminator="\n", header=not first))

    @classmethod
    def read_csv(cls, path: str | Path, about: LogAbout) -> EventLog:
        """Read a file that `to_csv` wrote.

        Raises:
            LogError: the file is not such a log.
        """
        import pandas as pd

        names = {v: k for k, v in FILE_NAMES.items()}
        try:
            frame = pd.read_csv(path, keep_default_na=False, dtype=str, encoding="utf-8").rename(columns=names)
            for column in DATES:
                stamps = pd.to_datetime(frame[column].replace("", None), format="ISO8601", utc=True)
                frame[column] = stamps.dt.tz_convert(about.time_zone).dt.as_unit("us")
            frame = frame.assign(
                visit=frame["visit"].astype("int64"), value=frame["value"].astype(float), cost=frame["cost"].astype(float)
            )
        except (OSError, ValueError, KeyError) as wrong:
            raise LogError(str(path), f"this is not a salessim log ({wrong})", "import it with a mapping") from None
        for column in ("case", "customer", "stage", "step", "team", "person", "outcome", "channel", "segment"):
            frame[column] = [v[1:] if v[:1] == "'" else v for v in frame[column]]
        for column in ("case", "customer"):
            if frame[column].str.fullmatch(r"\d{1,18}").all():
                frame[column] = frame[column].astype("int64")
        return cls(frame, about)

    def to_parquet(self, path: str | Path) -> None:
        """Write the log as Parquet."""
        buffer = io.BytesIO()
        self.frame.to_parquet(buffer, index=False)
        from salessim.scenario.loader import write_whole

        write_whole(path, buffer.getvalue())

    def to_xes(self, path: str | Path) -> None:
        """Write the log as XES (IEEE 1849).

        A visit is up to three events of the standard lifecycle: `schedule` when it becomes ready, `start`, and
        `complete`, or `ate_abort` where the customer gave up. A visit that is open has the outcome "open" and no end.
        """
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<log xes.version="1849.2016" xmlns="http://www.xes-standard.org/">',
            *(
                f'  <extension name="{n}" prefix="{p}" uri="http://www.xes-standard.org/{u}.xesext"/>'
                for n, p, u in (("Concept", "concept", "concept"), ("Time", "time", "time"), ("Lifecycle", "lifecycle", "lifecycle"),
                                ("Organizational", "org", "org"), ("Cost", "cost", "cost"))
            ),
        ]  # fmt: skip
        frame = self.frame.assign(**{c: _iso(self.frame[c]) for c in DATES})
        for case, visits in frame.groupby("case", sort=True):
            first = visits.iloc[0]
            lines.append("  <trace>")
            for key, value in (("concept:name", case), ("customer", first["customer"]), ("channel", first["channel"]), ("segment", first["segment"])):
                lines.append(f"    <string key={quoteattr(key)} value={quoteattr(str(value))}/>")
            lines.append(f'    <float key="value" value="{float(first["value"])!r}"/>')
            for row in visits.to_dict("records"):
                for moment, transition in _lifecycle(row):
                    lines.append("    <event>")
                    for key, value in (("concept:name", row["step"]), ("lifecycle:transition", transition), ("org:resource", row["person"]),
                                       ("org:role", row["team"]), ("stage", row["stage"]), ("outcome", row["outcome"])):  # fmt: skip
                        lines.append(f"      <string key={quoteattr(key)} value={quoteattr(str(value))}/>")
                    lines.append(f'      <int key="visit" value="{row["visit"]}"/>')
                    if transition == "complete":
                        lines.append(f'      <float key="cost:total" value="{float(row["cost"])!r}"/>')
                    lines.append(f'      <date key="time:timestamp" value="{escape(moment)}"/>')
                    lines.append("    </event>")
            lines.append("  </trace>")
        lines.append("</log>\n")
        from salessim.scenario.loader import write_whole

        write_whole(path, "\n".join(lines))


def _lifecycle(row: dict[Any, Any]) -> list[tuple[str, str]]:
    """(stamp, transition) of what is known of a visit."""
    over = "complete" if row["started"] else "ate_abort"
    return [(row[m], t) for m, t in (("enabled", "schedule"), ("started", "start"), ("ended", over)) if row[m]]


def _iso(dates: pd.Series) -> list[str]:
    """ISO 8601 with offset and microseconds; nothing for a date that is not."""
    import numpy as np

    wall, utc = (d.to_numpy().astype("datetime64[us]") for d in (dates.dt.tz_localize(None), dates.dt.tz_convert(None)))
    offsets, which = np.unique((wall - utc)[~np.isnat(utc)], return_inverse=True)
    text = np.full(len(dates), "", dtype="U40")
    text[~np.isnat(utc)] = np.char.add(np.datetime_as_string(wall[~np.isnat(utc)], unit="us"), np.array([_offset(int(o)) for o in offsets.astype("int64")] or [""])[which])
    written: list[str] = text.tolist()
    return written


def _offset(us: int) -> str:
    """+HH:MM, and seconds where a zone has some."""
    sign, (minutes, seconds) = "-" if us < 0 else "+", divmod(abs(us) // 1_000_000, 60)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")


def _all_defused(cells: pd.Series) -> pd.Series:
    """A column of which no text is taken for a formula."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells
    if not isinstance(cells.dtype, pd.StringDtype):
        return pd.Series([_defused(v) for v in cells], index=cells.index)
    odd = {word: safe for word in cells.dropna().unique() if (safe := _defused(word)) != word}
    return cells.replace(odd) if odd else cells


def _defused(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(_FORMULA) else value
