"""From a table and its mapping to an event log, with a count of every row that was repaired, dropped or doubtful.

Dropped: rows without case, activity or date, exact duplicates, impossible dates, second starts. Repaired: the order of
rows, swapped starts and ends, ends and enabled times that others imply, local times that do not exist or come twice.
Kept as not known: the start of a visit of which only the end was stamped. Each is a line of `Quality.counts`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.mapping import STAGES, Activity, Mapping, load_mapping, parse_mapping
from salessim.importers.stamps import dates
from salessim.importers.tables import read_table
from salessim.log import DATES, EventLog, LogAbout
from salessim.records import COLUMNS
from salessim.scenario.checks import nearest

if TYPE_CHECKING:
    import pandas as pd

WAITING, SYSTEM = "waiting: no activity", "system: no activity"
"""Steps that no activity stands for: see `_with_endings`. `clean` leaves no colon, so no activity can be taken for them."""
MOST_STEPS = 400
"""Steps that a person can still read a scenario by; more are usually texts or numbers in the column of activities."""
LONGEST_STEP = 60
"""Calibration writes more behind the name of a step ("(2nd time)"), and a scenario's names have 80 characters."""

_Visit = tuple[str, str, Any, Any, Any, str, str]
"""Case, activity, when it was enabled, started and ended (NaT if not known), who, and the outcome the row tells."""
_Endings = dict[str, tuple[str, Any]]
"""case -> how and when it ended."""


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
    notes: tuple[str, ...] = ()
    """What else a reader must know before trusting the log."""

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.source}: {self.rows:,} rows, {self.cases:,} cases ({self.open_cases:,} still open), {self.visits:,} visits"
        return [head, *(f"  {count:,} {what}" for what, count in self.counts.items() if count), *(f"  {note}" for note in self.notes)]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "rows": self.rows, "cases": self.cases, "visits": self.visits, "open_cases": self.open_cases, "counts": self.counts,
            "notes": list(self.notes),
        }  # fmt: skip


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
    table = read_table(path)
    log, quality = to_event_log(table.frame, mapping, str(path))
    return log, replace(quality, notes=tuple(table.notes()))


def to_event_log(table: pd.DataFrame, mapping: Mapping, source: str) -> tuple[EventLog, Quality]:
    """An event log from a table of text; see `read_log`."""
    columns = mapping.columns
    for role, column in columns.model_dump().items():
        if column is not None and column not in table.columns:
            raise LogError(f"mapping columns.{role}", f"the log has no column {column!r}", nearest(column, table.columns))
    counts: Counter[str] = Counter()
    steps = step_names(mapping.activities)
    events = _events(table, mapping, counts, source)
    visits, endings = _from_intervals(events, mapping) if columns.start else _from_stamps(events, mapping, counts)
    if not visits:
        raise _no_visits(mapping, source)
    frame = _frame(visits, endings, events, mapping, steps, counts)
    stamps = events[["_enabled", "_start", "_end"]]
    about = LogAbout(
        start=stamps.min().min().to_pydatetime(),
        end=stamps.max().max().to_pydatetime(),
        time_zone=mapping.office_in,
        currency=mapping.currency,
        stages=tuple(s for s in STAGES if s in set(frame["stage"])),
        milestones={steps[name]: a.milestone for name, a in mapping.activities.items() if name in steps and a.milestone},
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


def _no_visits(mapping: Mapping, source: str) -> LogError:
    if mapping.columns.lifecycle and any(a.kind == "work" for a in mapping.activities.values()):
        words = ", ".join(mapping.lifecycle.start + mapping.lifecycle.complete) or "none"
        return LogError(source, f"no row of work has a word of the mapping's lifecycle ({words})", "give the words of the log, such as 'complete: [complete]'")
    return LogError(source, "no activity of the mapping is work", "set kind: work for the activities people do")


def clean(name: str) -> str:
    """A name that the scenario language takes: dots, commas and the like become spaces."""
    return re.sub(r"\s+", " ", re.sub(r"[.+,:;=@/\\\x00-\x1f]", " ", name)).strip()[:80] or "step"


def step_names(activities: dict[str, Activity]) -> dict[str, str]:
    """The step that each activity of work stands for; only activities that the mapping gives one `step` share one.

    Names that differ only in what `clean` takes away get a number. The order is fixed, and names that need no cleaning
    keep theirs, so the same mapping always gives the same steps.

    Raises:
        LogError: there are too many.
    """
    wanted = {name: a.step or name for name, a in activities.items() if a.kind == "work"}
    raws = sorted(set(wanted.values()), key=lambda r: (clean(r) != r, r))
    if len(raws) > MOST_STEPS:
        raise LogError(
            "mapping activities", f"{len(raws):,} steps are more than the {MOST_STEPS} a scenario can be read by",
            "give activities that belong together the same 'step:', or set kind: event",
        )  # fmt: skip
    result: dict[str, str] = {}
    for raw in raws:
        short, number = clean(raw)[:LONGEST_STEP].strip(), 1
        step = short
        while step in result.values():
            number += 1
            suffix = f" ({number})"
            step = short[: LONGEST_STEP - len(suffix)].strip() + suffix
        result[raw] = step
    return {name: result[raw] for name, raw in wanted.items()}


def _events(table: pd.DataFrame, mapping: Mapping, counts: Counter[str], source: str) -> pd.DataFrame:
    """Rows that can be used, with dates, sorted."""
    import pandas as pd

    columns = mapping.columns
    events = table.copy()
    for role, what in ((columns.case, "rows without a case were dropped"), (columns.activity, "rows without an activity were dropped")):
        blank = events[role].str.strip() == ""
        counts[what] += int(blank.sum())
        events = events[~blank]
    if events.empty:
        raise LogError(source, "no row has a case and an activity", "check the mapping's columns")
    known = set(mapping.activities)
    stripped = events[columns.activity].str.strip()
    unknown = sorted(set(stripped) - known)
    if unknown:
        raise LogError("mapping activities", f"the log has the activity {unknown[0]!r}, which the mapping does not name", nearest(unknown[0], known))
    events = events.assign(_activity=stripped, _case=events[columns.case].str.strip())
    nothing = pd.Series(pd.NaT, index=events.index, dtype=f"datetime64[us, {mapping.office_in}]")
    for name, column in (("_enabled", columns.enabled), ("_start", columns.start), ("_end", columns.time or columns.end)):
        events[name] = dates(events[column], mapping, source, column, counts) if column else nothing
    start, end = events["_start"], events["_end"]
    backwards = end < start
    counts["visits ended before they started; start and end were swapped"] += int(backwards.sum())
    events = events.assign(_start=start.mask(backwards, end), _end=end.mask(backwards, start))
    by = events["_start"].fillna(events["_end"]).fillna(events["_enabled"])
    events = events.assign(_by=by)
    counts["rows without a date were dropped"] += int(by.isna().sum())
    events = events[by.notna()]
    before = len(events)
    events = events.drop_duplicates()
    counts["exact duplicates were dropped"] += before - len(events)
    counts["rows were out of order within their case and sorted"] += int((events.groupby("_case")["_by"].diff().dt.total_seconds() < 0).sum())
    return events.assign(_row=range(len(events))).sort_values(["_case", "_by", "_row"], kind="stable")


def _cells(events: pd.DataFrame, column: str | None) -> pd.Series:
    """The text of a column that a mapping may lack."""
    import pandas as pd

    return events[column].str.strip() if column else pd.Series("", index=events.index)


def _ending(activity: Activity, said: str) -> str | None:
    """How a case ends with a row, if it does: as the outcome column says, or as the activity means."""
    return said if said in ("won", "completed") or said.startswith("lost: ") else activity.ends


def _from_intervals(events: pd.DataFrame, mapping: Mapping) -> tuple[list[_Visit], _Endings]:
    """Rows that carry start and end."""
    import pandas as pd

    columns = mapping.columns
    visits: list[_Visit] = []
    endings: _Endings = {}
    rows = (events["_case"], events["_activity"], events["_enabled"], events["_start"], events["_end"],
            _cells(events, columns.resource), _cells(events, columns.outcome))  # fmt: skip
    for case, name, since, start, end, who, said in zip(*rows, strict=True):
        activity = mapping.activities[name]
        how = _ending(activity, said)
        if how:
            endings[case] = (how, end if end is not pd.NaT else start if start is not pd.NaT else since)
        if activity.kind == "work":
            visits.append((case, name, since, start, end, who, said))
    return visits, endings


def _from_stamps(events: pd.DataFrame, mapping: Mapping, counts: Counter[str]) -> tuple[list[_Visit], _Endings]:
    """Rows that carry one stamp each, with or without a lifecycle: SCHEDULE, START and COMPLETE are joined to visits.

    A START ends with the next COMPLETE of the same case and activity; several sittings are several visits. A COMPLETE
    without START, and without a lifecycle every row, is the end of a visit whose start is not known.
    """
    import pandas as pd

    columns, words = mapping.columns, mapping.lifecycle
    schedule, start, complete = ({w.lower() for w in getattr(words, k)} for k in ("schedule", "start", "complete"))
    visits: list[_Visit] = []
    endings: _Endings = {}
    waiting: dict[tuple[str, str], Any] = {}
    running: dict[tuple[str, str], tuple[Any, Any, str]] = {}
    rows = (events["_case"], events["_activity"], events["_enabled"], events["_end"],
            _cells(events, columns.resource), _cells(events, columns.outcome), _cells(events, columns.lifecycle).str.lower())  # fmt: skip
    for case, name, since, stamp, who, said, word in zip(*rows, strict=True):
        activity = mapping.activities[name]
        how = _ending(activity, said)
        if how and (not columns.lifecycle or word in complete):
            endings[case] = (how, stamp if stamp is not pd.NaT else since)
        if activity.kind != "work":
            continue
        key = (case, name)
        if not columns.lifecycle:
            visits.append((case, name, since, pd.NaT, stamp, who, said))
        elif word in schedule:
            waiting[key] = stamp
        elif word in start:
            if key in running:
                counts["visits were started again before they ended; the second start was dropped"] += 1
            else:
                running[key] = (_first(since, waiting.pop(key, pd.NaT)), stamp, who)
        elif word in complete:
            enabled, begun, first = running.pop(key, None) or (_first(since, waiting.pop(key, pd.NaT)), pd.NaT, who)
            visits.append((case, name, enabled, begun, stamp, first or who, said))
        else:
            counts[f"rows with the lifecycle {word!r} were left out"] += 1
    for (case, name), (since, begun, who) in running.items():
        visits.append((case, name, since, begun, pd.NaT, who, ""))
    counts["visits were under way at the end of the log"] += len(running)
    counts["work items were scheduled and not begun at the end of the log"] += len(waiting)
    return visits, endings


def _first(stamp: Any, other: Any) -> Any:
    """A stamp, or another one where it is missing."""
    import pandas as pd

    return other if stamp is pd.NaT else stamp


def _frame(
    visits: list[_Visit], endings: _Endings, events: pd.DataFrame, mapping: Mapping, steps: dict[str, str], counts: Counter[str]
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame(visits, columns=["case", "activity", "enabled", "started", "ended", "person", "said"])
    for column in DATES:
        frame[column] = pd.to_datetime(frame[column], utc=True).dt.tz_convert(mapping.office_in).dt.as_unit("us")
    order = frame["enabled"] if mapping.columns.enabled else frame["started"].fillna(frame["ended"])
    order = order.fillna(frame["started"]).fillna(frame["ended"])
    frame = frame.assign(_by=order).sort_values(["case", "_by", "ended"], kind="stable").reset_index(drop=True)
    born = events.groupby("_case")["_by"].min()
    previous = frame.groupby("case")["ended"].shift()
    if mapping.columns.enabled:
        counts["visits do not say when they were enabled; the end of the visit before counts"] += int(frame["enabled"].isna().sum())
    enabled = frame["enabled"].fillna(previous).fillna(frame["case"].map(born))
    begun = frame["started"].fillna(frame["ended"]).fillna(enabled)
    frame["enabled"] = enabled.where(enabled <= begun, begun)
    counts["visits overlap the one before; they count as enabled when they started"] += int((enabled > begun).sum())
    frame["step"] = frame["activity"].map(steps)
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
    over = frame["ended"].notna() & mapping.complete_cases_only
    outcome[last & how.isna()] = "open"
    outcome[last & how.isna() & over] = "completed"
    outcome[last & how.notna()] = how[last & how.notna()].replace({"won": "completed"})
    contradictory = unfinished & ~(last & how.isna())
    counts["visits without an end were followed by others; they end when the case goes on"] += int(contradictory.sum())
    following = frame.groupby("case")["_by"].shift(-1)
    closing = frame["case"].map({c: e[1] for c, e in endings.items()}).astype(frame["ended"].dtype)
    cut_short = following.fillna(closing).fillna(frame["_by"])
    earliest = frame["started"].fillna(frame["enabled"])
    cut_short = cut_short.mask(cut_short < earliest, earliest)  # visits of a case may overlap
    frame["ended"] = frame["ended"].where(~contradictory, cut_short)
    frame["outcome"] = _with_those_who_gave_up(frame, outcome, mapping, counts)
    frame = _with_endings(frame, endings, born)
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


def _with_those_who_gave_up(frame: pd.DataFrame, outcome: pd.Series, mapping: Mapping, counts: Counter[str]) -> pd.Series:
    """The outcomes, "gave up" kept where the log says so; every other visit that ended without a start is counted.

    A customer gave up waiting only where the outcome column says so and nobody was there: "gave up", or "lost: REASON".
    A start that is missing elsewhere is a gap in the log.
    """
    startless = frame["started"].isna() & frame["ended"].notna()
    alone = startless & (frame["person"] == "")
    gave_up = alone & (frame["said"] == "gave up")
    gap = startless & ~gave_up & ~(alone & frame["said"].str.startswith("lost: ") & outcome.str.startswith("lost: "))
    counts["visits without a start" if mapping.columns.start else "visits without a recorded start"] += int(gap.sum())
    return outcome.mask(gave_up & (outcome == "next"), "gave up")


def _with_endings(frame: pd.DataFrame, endings: _Endings, born: pd.Series) -> pd.DataFrame:
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
    both = pd.concat([frame.drop(columns=["activity", "_by", "said"]), rows], ignore_index=True)
    return both.assign(_i=range(len(both))).sort_values(["case", "_i"], kind="stable").drop(columns="_i").reset_index(drop=True)
