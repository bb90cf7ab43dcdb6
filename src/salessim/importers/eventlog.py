"""From a table and its mapping to an event log, with a count of every row that was repaired, dropped or doubtful."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.mapping import STAGES, Activity, Mapping, load_mapping, parse_mapping
from salessim.importers.tables import read_table
from salessim.log import COLUMNS, DATES, EventLog, LogAbout
from salessim.scenario.checks import nearest

if TYPE_CHECKING:
    import pandas as pd

WAITING, SYSTEM = "waiting", "system"
"""Steps that no activity stands for: see `_with_endings`."""


@dataclass(frozen=True)
class Quality:
    """What became of the rows of a table."""

    source: str
    rows: int
    cases: int
    visits: int
    open_cases: int
    counts: dict[str, int]
    """What happened to rows -> how many."""

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.source}: {self.rows:,} rows, {self.cases:,} cases ({self.open_cases:,} still open), {self.visits:,} visits"
        return [head, *(f"  {count:,} {what}" for what, count in self.counts.items() if count)]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"rows": self.rows, "cases": self.cases, "visits": self.visits, "open_cases": self.open_cases, "counts": self.counts}


def read_log(path: str | Path, mapping: Mapping | str | Path | dict[str, Any]) -> tuple[EventLog, Quality]:
    """Read a log.

    Args:
        path: CSV, TSV or either in gzip.
        mapping: a `Mapping`, the path of a mapping file, or plain data.

    Returns:
        The event log, in the office's time zone, and the count of what was done to its rows.

    Raises:
        LogError: the table or the mapping cannot be used.
    """
    if isinstance(mapping, dict):
        mapping = parse_mapping(mapping)
    elif not isinstance(mapping, Mapping):
        mapping = load_mapping(mapping)
    return to_event_log(read_table(path), mapping, str(path))


def to_event_log(table: pd.DataFrame, mapping: Mapping, source: str) -> tuple[EventLog, Quality]:
    """An event log from a table of text; see `read_log`."""
    columns = mapping.columns
    for role, column in columns.model_dump().items():
        if column is not None and column not in table.columns:
            raise LogError(f"mapping columns.{role}", f"the log has no column {column!r}", nearest(column, table.columns))
    counts: Counter[str] = Counter()
    events = _events(table, mapping, counts, source)
    visits, endings = (_from_intervals if columns.end else _from_stamps)(events, mapping, counts)
    if not visits:
        raise LogError(source, "no activity of the mapping is work", "set kind: work for the activities people do")
    frame = _frame(visits, endings, events, mapping, counts)
    end = max(events["_end"].max(), events["_start"].max()) if "_start" in events else events["_end"].max()
    milestones: dict[str, str] = {_step(name, a): m for name, a in mapping.activities.items() if a.kind == "work" and (m := a.milestone)}
    about = LogAbout(
        start=events["_end"].min().to_pydatetime() if "_start" not in events else events["_start"].min().to_pydatetime(),
        end=end.to_pydatetime(),
        time_zone=mapping.office_in,
        currency=mapping.currency,
        stages=tuple(s for s in STAGES if s in set(frame["stage"])),
        milestones=milestones,
        source=source,
        holidays=mapping.country,
        enabled_known=columns.enabled is not None,
    )
    log = EventLog(frame, about)
    open_cases = int((frame["outcome"] == "open").sum())
    if open_cases == frame["case"].nunique() and not mapping.complete_cases_only:
        raise LogError(
            source, "every case is still open, so nothing can be learnt about endings",
            "say which activities end a case ('ends: won' or 'ends: \"lost: reason\"')",
        )  # fmt: skip
    return log, Quality(source, len(table), int(frame["case"].nunique()), len(frame), open_cases, dict(counts))


def _step(name: str, activity: Activity) -> str:
    return activity.step or clean(name)


def clean(name: str) -> str:
    """A name that the scenario language takes: dots, commas and the like become spaces."""
    import re

    return re.sub(r"\s+", " ", re.sub(r"[.+,:;=@/\\\x00-\x1f]", " ", name)).strip()[:80] or "step"


def _events(table: pd.DataFrame, mapping: Mapping, counts: Counter[str], source: str) -> pd.DataFrame:
    """Rows that can be used, with dates, sorted."""
    columns = mapping.columns
    events = table.copy()
    for role, what in ((columns.case, "rows without a case were dropped"), (columns.activity, "rows without an activity were dropped")):
        blank = events[role].str.strip() == ""
        counts[what] += int(blank.sum())
        events = events[~blank]
    known = set(mapping.activities)
    stripped = events[columns.activity].str.strip()
    unknown = sorted(set(stripped) - known)
    if unknown:
        raise LogError("mapping activities", f"the log has the activity {unknown[0]!r}, which the mapping does not name", nearest(unknown[0], known))
    events = events.assign(_activity=stripped, _case=events[columns.case].str.strip())
    stamps = columns.time or columns.end
    assert stamps is not None
    events["_end"] = dates(events[stamps], mapping, source, stamps)
    if columns.start:
        events["_start"] = dates(events[columns.start], mapping, source, columns.start)
    if columns.enabled:
        events["_enabled"] = dates(events[columns.enabled], mapping, source, columns.enabled)
    missing = events["_end"].isna()
    for other in ("_start", "_enabled"):
        if other in events:
            missing &= events[other].isna()
    counts["rows without a date were dropped"] += int(missing.sum())
    events = events[~missing]
    before = len(events)
    events = events.drop_duplicates()
    counts["exact duplicates were dropped"] += before - len(events)
    if events.empty:
        raise LogError(source, "no row has a case, an activity and a date", "check the mapping's columns")
    by = events["_start"].fillna(events["_end"]) if columns.start else events["_end"]
    by = by.fillna(events["_enabled"]) if columns.enabled else by
    counts["rows were out of order and sorted"] += int((by.diff().dt.total_seconds() < 0).sum()) if events["_case"].is_monotonic_increasing else 0
    return events.assign(_by=by, _row=range(len(events))).sort_values(["_case", "_by", "_row"], kind="stable")


def dates(text: pd.Series, mapping: Mapping, source: str, column: str) -> pd.Series:
    """Dates of a whole column in one format, in the office's time zone.

    Raises:
        LogError: some cell is no date, with its line.
    """
    import pandas as pd

    stripped = text.str.strip()
    filled = stripped.where(stripped != "", None)
    kind = mapping.time_format
    try:
        parsed = pd.to_datetime(filled, format="ISO8601" if kind == "ISO8601" else kind, utc=False, errors="raise")
        if not hasattr(parsed, "dt"):
            raise ValueError("mixed time zones")
    except (ValueError, TypeError, OverflowError):
        try:
            parsed = pd.to_datetime(filled, format="ISO8601" if kind == "ISO8601" else kind, utc=True, errors="coerce")
        except (ValueError, TypeError, OverflowError):
            parsed = pd.Series(pd.NaT, index=filled.index)
        wrong = filled.notna() & parsed.isna()
        if wrong.any():
            row = wrong.idxmax()
            raise LogError(f"{source}:{int(row) + 2}", f"{text[row]!r} in column {column!r} is not a date of format {kind}", "set time_format in the mapping, such as '%d.%m.%Y %H:%M'") from None
    if parsed.dt.tz is None:
        parsed = parsed.dt.tz_localize(mapping.stamps_in, ambiguous="NaT", nonexistent="shift_forward")
    return parsed.dt.tz_convert(mapping.office_in).dt.as_unit("us")


def _from_intervals(events: pd.DataFrame, mapping: Mapping, counts: Counter[str]) -> tuple[list[tuple[Any, ...]], dict[str, tuple[str, Any]]]:
    """Rows that carry start and end."""
    import pandas as pd

    columns = mapping.columns
    if not columns.start:
        return _from_stamps(events, mapping, counts)
    backwards = events["_end"] < events["_start"]
    counts["visits ended before they started; start and end were swapped"] += int(backwards.sum())
    visits: list[tuple[Any, ...]] = []
    endings: dict[str, tuple[str, Any]] = {}
    resource = events[columns.resource] if columns.resource else pd.Series("", index=events.index)
    enabled = events["_enabled"] if columns.enabled else pd.Series(pd.NaT, index=events.index)
    said = events[columns.outcome].str.strip() if columns.outcome else pd.Series("", index=events.index)
    for case, name, start, end, who, since, how in zip(
        events["_case"], events["_activity"], events["_start"], events["_end"], resource, enabled, said, strict=True
    ):
        activity = mapping.activities[name]
        if how in ("won", "completed") or how.startswith("lost: "):
            endings[case] = (how, end if end is not pd.NaT else start)
        elif activity.ends:
            endings[case] = (activity.ends, end if end is not pd.NaT else start)
        if activity.kind == "work":
            first, last = (end, start) if end is not pd.NaT and start is not pd.NaT and end < start else (start, end)
            visits.append((case, name, since, first, last, who))
    return visits, endings


def _from_stamps(events: pd.DataFrame, mapping: Mapping, counts: Counter[str]) -> tuple[list[tuple[Any, ...]], dict[str, tuple[str, Any]]]:
    """Rows that carry one stamp each, with or without a lifecycle: SCHEDULE, START and COMPLETE are joined to visits.

    A START ends with the next COMPLETE of the same case and activity; several sittings are several visits. Without
    a lifecycle a row is the end of a visit whose start is not known.
    """
    import pandas as pd

    columns, words = mapping.columns, mapping.lifecycle
    schedule, start, complete = ({w.lower() for w in getattr(words, k)} for k in ("schedule", "start", "complete"))
    visits: list[tuple[Any, ...]] = []
    endings: dict[str, tuple[str, Any]] = {}
    waiting: dict[tuple[str, str], Any] = {}
    running: dict[tuple[str, str], tuple[Any, Any, str]] = {}
    resource = events[columns.resource] if columns.resource else pd.Series("", index=events.index)
    phase = events[columns.lifecycle].str.strip().str.lower() if columns.lifecycle else pd.Series("", index=events.index)
    for case, name, stamp, who, word in zip(events["_case"], events["_activity"], events["_end"], resource, phase, strict=True):
        activity = mapping.activities[name]
        if activity.ends and (not columns.lifecycle or word in complete):
            endings[case] = (activity.ends, stamp)
        if activity.kind != "work":
            continue
        key = (case, name)
        if not columns.lifecycle:
            visits.append((case, name, pd.NaT, pd.NaT, stamp, who))
        elif word in schedule:
            waiting[key] = stamp
        elif word in start:
            if key in running:
                counts["visits were started again before they ended; the second start was dropped"] += 1
            else:
                running[key] = (waiting.pop(key, pd.NaT), stamp, who)
        elif word in complete:
            if key in running:
                since, begun, first = running.pop(key)
                visits.append((case, name, since, begun, stamp, first or who))
            else:
                counts["ends without a start were dropped"] += 1
        else:
            counts[f"rows with the lifecycle {word!r} were left out"] += 1
    for (case, name), (since, begun, who) in running.items():
        visits.append((case, name, since, begun, pd.NaT, who))
    counts["visits were under way at the end of the log"] += len(running)
    counts["work items were scheduled and not begun at the end of the log"] += len(waiting)
    return visits, endings


def _frame(visits: list[tuple[Any, ...]], endings: dict[str, tuple[str, Any]], events: pd.DataFrame, mapping: Mapping, counts: Counter[str]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame(visits, columns=["case", "activity", "enabled", "started", "ended", "person"])
    for column in DATES:
        frame[column] = pd.to_datetime(frame[column], utc=True).dt.tz_convert(mapping.office_in).dt.as_unit("us")
    order = frame["enabled"] if mapping.columns.enabled else frame["started"].fillna(frame["ended"])
    order = order.fillna(frame["started"]).fillna(frame["ended"])
    frame = frame.assign(_by=order).sort_values(["case", "_by", "ended"], kind="stable").reset_index(drop=True)
    born = events.groupby("_case")["_by"].min()
    previous = frame.groupby("case")["ended"].shift()
    enabled = frame["enabled"].fillna(previous).fillna(frame["case"].map(born))
    begun = frame["started"].fillna(frame["ended"]).fillna(enabled)
    frame["enabled"] = enabled.where(enabled <= begun, begun)
    counts["visits overlap the one before; they count as enabled when they started"] += int((enabled > begun).sum())
    names = {name: _step(name, a) for name, a in mapping.activities.items()}
    frame["step"] = frame["activity"].map(names)
    frame["stage"] = frame["activity"].map({name: a.stage for name, a in mapping.activities.items()})
    if mapping.columns.stage:
        stages = events.drop_duplicates("_activity").set_index("_activity")[mapping.columns.stage]
        frame["stage"] = frame["activity"].map(stages).where(frame["activity"].map(stages).isin(STAGES), frame["stage"])
    frame["visit"] = frame.groupby(["case", "step"]).cumcount().astype("int64")
    person = frame["person"].fillna("").astype(str).str.strip().replace({"NOT_SET": "", "nan": "", "None": ""})
    counts["visits name nobody"] += int((person == "").sum())
    frame["person"] = person
    frame["team"] = np.where(person.isin(mapping.system_resources), "system", "")
    last = ~frame.duplicated("case", keep="last")
    how = frame["case"].map({c: e[0] for c, e in endings.items()})
    if mapping.columns.outcome:
        complete = frame["ended"].notna()
        how = how.where(complete)
    unfinished = frame["ended"].isna()
    outcome = pd.Series("next", index=frame.index, dtype=object)
    outcome[last & how.isna()] = "completed" if mapping.complete_cases_only else "open"
    outcome[last & how.notna()] = how[last & how.notna()].replace({"won": "completed"})
    contradictory = unfinished & ~(last & how.isna())
    counts["visits without an end were followed by others; they end when the case goes on"] += int(contradictory.sum())
    following = frame.groupby("case")["_by"].shift(-1)
    closing = frame["case"].map({c: e[1] for c, e in endings.items()}).astype(frame["ended"].dtype)
    frame["ended"] = frame["ended"].where(~contradictory, following.fillna(closing).fillna(frame["_by"]))
    frame["outcome"] = outcome
    frame = _with_endings(frame, endings, events, born)
    attributes = events.groupby("_case").first()
    for role in ("customer", "segment", "channel"):
        column = getattr(mapping.columns, role)
        frame[role] = frame["case"].map(attributes[column]).astype(str) if column else {"customer": frame["case"], "segment": "all", "channel": "log"}[role]
    frame["value"] = 0.0
    if mapping.columns.value:
        amount = pd.to_numeric(attributes[mapping.columns.value].str.replace(r"[ ,](?=\d{3}\b)", "", regex=True), errors="coerce")
        amount = amount.where(np.isfinite(amount))
        counts["cases have no readable amount; they count as 0"] += int(amount.isna().sum())
        frame["value"] = frame["case"].map(amount).fillna(0.0)
    frame["cost"] = 0.0
    return frame[list(COLUMNS)].reset_index(drop=True)


def _with_endings(frame: pd.DataFrame, endings: dict[str, tuple[str, Any]], events: pd.DataFrame, born: pd.Series) -> pd.DataFrame:
    """Add what work alone does not show: the wait from the last visit to the ending, and cases nobody worked on.

    A case that a system decides by itself has one visit to the step SYSTEM; one that ends later than its last visit
    spends the time between in the step WAITING. So every case is there, with its whole cycle time.
    """
    import pandas as pd

    last = frame.drop_duplicates("case", keep="last").set_index("case")
    extra: list[dict[str, Any]] = []
    late: list[str] = []
    for case, (how, when) in endings.items():
        outcome = "completed" if how == "won" else how
        if case in last.index:
            row = last.loc[case]
            if pd.notna(row["ended"]) and when > row["ended"]:
                late.append(case)
                extra.append({"case": case, "step": WAITING, "stage": row["stage"], "enabled": row["ended"], "ended": when, "outcome": outcome})
        else:
            extra.append({"case": case, "step": SYSTEM, "stage": "lead", "enabled": born[case], "ended": when, "outcome": outcome})
    seen = set(last.index)
    for case, first in born.items():
        if case not in seen and case not in endings:
            extra.append({"case": case, "step": SYSTEM, "stage": "lead", "enabled": first, "ended": pd.NaT, "outcome": "open"})
    if not extra:
        return frame
    frame.loc[frame["case"].isin(late) & ~frame.duplicated("case", keep="last"), "outcome"] = "next"
    rows = pd.DataFrame(extra)
    rows = rows.assign(started=rows["enabled"], visit=0, team="system", person="")
    for column in DATES:
        rows[column] = pd.to_datetime(rows[column], utc=True).dt.tz_convert(frame["ended"].dt.tz).dt.as_unit("us")
    both = pd.concat([frame.drop(columns=["activity", "_by"]), rows], ignore_index=True)
    return both.assign(_i=range(len(both))).sort_values(["case", "_i"], kind="stable").drop(columns="_i").reset_index(drop=True)
