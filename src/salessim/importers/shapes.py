"""The shapes of tables: how the rows of each become visits of records to activities.

A part is what one table tells: visits, what is known of its records, and which other records they belong to. Dates are
in UTC, keys and names are categoricals, and every row that is not in the result is in the tally.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from salessim.errors import LogError, nearest
from salessim.importers import lifecycle
from salessim.importers.mapping import CASE_ROLES, Columns, Mapping, Names, Step, Table, columns_of
from salessim.importers.quality import Tally
from salessim.importers.readers.source import FINGERPRINT, Source
from salessim.importers.readers.source import Table as Rows
from salessim.importers.stamps import Convention, dates
from salessim.importers.tidy import names, people, whole_keys
from salessim.importers.widen import widened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

STAMPS = ("enabled", "start", "end")
VISIT = ("id", "activity", *STAMPS, "resource", "team", "outcome", "stage", "suspended")
"""Columns of visits; `suspended` in microseconds."""
WORDS = ("resource", "team", "outcome", "stage")
SALESFORCE = 15
"""Letters of a key that tell records apart; three more make it safe where letters of either case are one."""


@dataclass
class Part:
    """What one table tells."""

    record: str
    visits: pd.DataFrame | None = None
    born: pd.Series | None = None
    """id -> the first date of any of its rows."""
    window: tuple[pd.Timestamp, pd.Timestamp] | None = None
    """The first and last date of any of its rows, also of those that are no visit by themselves."""
    about: pd.DataFrame | None = None
    """id -> what is known of it, as text."""
    links: dict[str, pd.Series] = field(default_factory=dict)
    """Kind of record -> (id -> key of the other record)."""
    is_register: bool = False
    """Whether the table names all records of its kind."""
    enabled_known: bool = False
    teams: dict[str, str] = field(default_factory=dict)


def part_of(label: str, table: Table, source: Source, mapping: Mapping, tally: Tally) -> Part:
    """What a table tells, by its shape.

    Raises:
        LogError: it lacks a column, has none of its dates, or an activity that the mapping does not name.
    """
    from salessim.importers import objects, registers

    shape = {"events": events, "states": _states, "cases": registers.cases, "documents": registers.documents,
             "objects": objects.objects, "people": registers.staff}[table.shape]  # fmt: skip
    part: Part = shape(Reading(label, table, source, mapping, tally))
    if part.window is None and part.visits is not None:
        part.window = _window(part.visits)
    return part


def _window(rows: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    dated = [rows[c] for c in STAMPS if rows[c].notna().any()]
    return min(c.min() for c in dated), max(c.max() for c in dated)


class Reading:
    """One table while it is read: its rows, and cells of them by role."""

    def __init__(self, label: str, table: Table, source: Source, mapping: Mapping, tally: Tally) -> None:
        self.label, self.table, self.mapping, self.tally, self.source = label, table, mapping, tally, source
        self.rows: Rows = widened(source.table(table.source or (label if label in source.tables else None)), table, source, tally)
        formats = table.time_format or mapping.time_format
        self.how = Convention((formats,) if isinstance(formats, str) else formats, table.stamps_in or mapping.stamps_in, self.rows.at)
        self.columns: Columns = table.columns

    def prefix(self) -> str:
        """Where in the mapping the table stands."""
        return f"tables.{self.label}." if self.label else ""

    def frame(self, also: tuple[str, ...] = ()) -> pd.DataFrame:
        """The rows that count, with the columns that are mapped."""
        spec = self.table
        wanted = [*self.columns.used(), *(("attributes", c) for c in spec.attributes.values()), *(("links", c) for c in spec.links.values()),
                  *(("where", c) for c in spec.where), *(("steps", c) for c in _of_steps(spec.steps)), *(("steps", c) for c in also)]  # fmt: skip
        have = self.rows.columns
        for role, column in wanted:
            if column not in have:
                place = f"mapping {self.prefix()}{'columns.' if role in Columns.model_fields else ''}{role}"
                raise LogError(place, f"the log has no column {column!r}", nearest(column, list(have)))
        count = 0

        def keep(chunk: pd.DataFrame) -> pd.Series:
            nonlocal count
            count += len(chunk)
            return fulfils(chunk, spec.where)

        frame = self.rows.fingerprinted(list(dict.fromkeys(c for _, c in wanted)), keep)
        self.tally.rows[self.label or self.source.name] = count
        self.tally.dropped("rows do not fulfil the mapping's 'where'", count - len(frame))
        if FINGERPRINT in frame.columns:
            doubles = frame.duplicated(FINGERPRINT)
            self.tally.dropped("exact duplicates were dropped", int(doubles.sum()), self._first(doubles))
            frame = frame[~doubles].drop(columns=FINGERPRINT)
        return frame

    def _first(self, rows: pd.Series) -> str:
        return self.rows.at(int(rows.idxmax())) if rows.any() else ""

    def text(self, frame: pd.DataFrame, columns: Names, between: str = " ") -> pd.Series:
        """The text of a column, or of several that are joined where they are filled."""
        listed = [columns] if isinstance(columns, str) else list(columns)
        joined = self._first_filled(frame, listed[0])
        for column in listed[1:]:
            more = self._first_filled(frame, column)
            joined = joined + more.where((more == "") | (joined == ""), between + more)
        return joined

    def _first_filled(self, frame: pd.DataFrame, column: str) -> pd.Series:
        first, *others = columns_of(column)
        found = self._cells(frame, first)
        for other in others:
            found = found.mask(found == "", self._cells(frame, other))
        return found

    def _cells(self, frame: pd.DataFrame, column: str) -> pd.Series:
        cells = frame[column].str.strip()
        before = self.table.prefix.get(column)
        return cells if before is None else cells.str.slice(len(before)).where(cells.str.startswith(before), "")

    def ids(self, frame: pd.DataFrame, columns: Names) -> pd.Series:
        """Keys of records."""
        return keys(self.text(frame, columns, "/"), self.mapping, self.tally)

    def activities(self, frame: pd.DataFrame, columns: Names) -> pd.Series:
        """Names of activities, by their labels if they are keys."""
        return names(self.labelled(frame, columns), "activity", self.tally)

    def labelled(self, frame: pd.DataFrame, columns: Names) -> pd.Series:
        """The text of a column, or what its keys are called."""
        text = self.text(frame, columns, " / ")
        return text.replace(self.labels(columns)) if isinstance(columns, str) and columns in self.table.labels else text

    def states(self, frame: pd.DataFrame, column: str) -> pd.Series:
        """Names of states that a change left."""
        return names(self.labelled(frame, column), "state before", self.tally)

    def present(self) -> pd.Series:
        """The states in which records stand now, by the table `current` names."""
        register = current_of(self)
        return register.activities(register.frame(), str(register.columns.activity))

    def labels(self, column: str) -> dict[str, str]:
        """Key -> what it is called; of a name in several languages the English or first one."""
        label = self.table.labels[column]
        table = self.source.table(label.source).frame([label.key, label.name])
        return {k: _english(n) for k, n in zip(table[label.key].str.strip(), table[label.name].str.strip(), strict=True)}

    def dates(self, frame: pd.DataFrame, columns: Names | None) -> pd.Series:
        """Dates of a column, or of one and its time of day."""
        import pandas as pd

        if columns is None:
            return pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
        text = self.text(frame, columns)
        if not isinstance(columns, str):  # a time of day without its date is none
            text = text.where(self.text(frame, columns[0]) != "", "")
        return dates(text, self.how, columns if isinstance(columns, str) else columns[0], self.tally)

    def words(self, frame: pd.DataFrame) -> dict[str, pd.Series]:
        """Who, which team, which outcome and stage, as far as it is said."""
        found = {role: names(self.labelled(frame, column), role, self.tally) for role in WORDS if (column := getattr(self.columns, role))}
        if "resource" in found:
            found["resource"] = people(found["resource"])
        return found

    def about(self, frame: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
        """The first filled cell of each record for what is said of records."""
        import pandas as pd

        wanted = {role: column for role in CASE_ROLES if (column := getattr(self.columns, role))} | self.table.attributes
        cells_ = {role: self.labelled(frame, column) for role, column in wanted.items()}
        texts = pd.DataFrame({r: c.where(c != "") for r, c in cells_.items()}, index=frame.index)
        return texts.groupby(ids.astype("str"), sort=False).first()

    def links(self, frame: pd.DataFrame, ids: pd.Series) -> dict[str, pd.Series]:
        """The keys of other records, by record; where there are several, all of them."""
        import pandas as pd

        found = {}
        for record, column in self.table.links.items():
            other = keys(self.text(frame, column), self.mapping, self.tally).astype("str")
            pairs = pd.DataFrame({"id": ids.astype("str"), "other": other})[other != ""].drop_duplicates()
            found[record] = pairs.set_index("id")["other"]
        return found

    def known(self, activities: pd.Series) -> None:
        """Refuse activities that the mapping does not name."""
        unknown = sorted(set(map(str, activities.cat.remove_unused_categories().cat.categories)) - set(self.mapping.activities) - {""})
        if unknown:
            raise LogError("mapping activities", f"the log has the activity {unknown[0]!r}, which the mapping does not name", nearest(unknown[0], list(self.mapping.activities)))

    def dropped_where(self, frame: pd.DataFrame, rows: pd.Series, what: str) -> pd.DataFrame:
        """The rows that are left, the others counted."""
        self.tally.dropped(what, int(rows.sum()), self._first(rows))
        return frame[~rows]


def keys(text: pd.Series, mapping: Mapping, tally: Tally) -> pd.Series:
    """Keys of records as they can be compared."""
    if mapping.salesforce_ids:
        text = text.where(text.str.len() != SALESFORCE + 3, text.str[:SALESFORCE])
    return whole_keys(names(text, "key", tally), tally)


def fulfils(chunk: pd.DataFrame, where: dict[str, tuple[str, ...]]) -> pd.Series:
    """Whether rows have, in each column, one of the texts wanted; letters may differ in case."""
    import pandas as pd

    good = pd.Series(True, index=chunk.index)
    for column, words in where.items():
        good &= chunk[column].str.strip().str.lower().isin([w.lower() for w in words])
    return good


def _of_steps(steps: dict[str, Step]) -> Iterator[str]:
    for step in steps.values():
        for names_ in (step.time, step.enabled, step.start, step.end, step.resource):
            yield from columns_of(names_)
        yield from step.where


def _english(name: str) -> str:
    if name.startswith("{"):
        import json

        try:
            said = json.loads(name)
        except ValueError:
            return name
        if isinstance(said, dict) and said:
            return str(said.get("en_US") or next(iter(said.values())))
    return name


def _keyed(reading: Reading) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """The rows with a case and an activity, and these two."""
    columns, frame = reading.columns, reading.frame()
    assert columns.case is not None
    assert columns.activity is not None
    for role, what in ((columns.case, "rows without a case were dropped"), (columns.activity, "rows without an activity were dropped")):
        frame = reading.dropped_where(frame, reading.text(frame, role) == "", what)
    if frame.empty:
        raise LogError(reading.rows.place, "no row has a case and an activity", "check the mapping's columns and its 'where'")
    activities = reading.activities(frame, columns.activity)
    reading.known(activities)
    return frame, reading.ids(frame, columns.case), activities


def events(reading: Reading) -> Part:
    """A row is a stamp of an event, with or without a lifecycle, or a whole visit."""
    import numpy as np
    import pandas as pd

    columns, tally = reading.columns, reading.tally
    frame, ids, activities = _keyed(reading)
    rows = pd.DataFrame({"id": ids, "activity": activities, **reading.words(frame)})
    for name, column in zip(STAMPS, (columns.enabled, columns.start, columns.time or columns.end), strict=True):
        rows[name] = reading.dates(frame, column)
    if columns.start:
        backwards = rows["end"] < rows["start"]
        tally.repaired("visits ended before they started; start and end were swapped", int(backwards.sum()), reading._first(backwards))
        rows["start"], rows["end"] = rows["start"].mask(backwards, rows["end"]), rows["end"].mask(backwards, rows["start"])
    by = rows["start"].fillna(rows["end"]).fillna(rows["enabled"])
    rows = reading.dropped_where(rows.assign(by=by), by.isna(), "rows without a date were dropped")
    same_case = rows["id"].cat.codes.to_numpy()
    stamps = rows["by"].astype("int64").to_numpy()
    ties = pd.to_numeric(frame[columns.sorting].loc[rows.index], errors="coerce").to_numpy() if columns.sorting else np.zeros(len(rows))
    order = np.lexsort((np.arange(len(rows)), ties, stamps, same_case))
    file_order = np.argsort(same_case, kind="stable")
    back = (np.diff(stamps[file_order]) < 0) & (np.diff(same_case[file_order]) == 0)
    tally.repaired("rows were out of order within their case and sorted", int(back.sum()))
    rows = rows.iloc[order]
    part = Part(reading.table.record, born=born_of(rows["id"], rows["by"]), enabled_known=columns.enabled is not None)
    part.window = _window(rows)
    part.about, part.links = reading.about(frame.loc[rows.index], rows["id"]), reading.links(frame, ids)
    visits = _joined(rows, frame, reading) if columns.lifecycle else rows
    part.visits = shaped(visits)
    return part


def _joined(rows: pd.DataFrame, frame: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Rows of work joined to visits by their lifecycle, and the rows of events that say they are complete."""
    import numpy as np
    import pandas as pd

    mapping, tally = reading.mapping, reading.tally
    words = names(frame[str(reading.columns.lifecycle)].loc[rows.index], "lifecycle", tally)
    meant = lifecycle.moments(words, mapping.lifecycle)
    is_work = np.array([mapping.activities[str(a)].kind == "work" for a in rows["activity"].cat.categories if str(a)] or [False])
    work = is_work[rows["activity"].cat.codes.to_numpy() - int(rows["activity"].cat.categories[0] == "")]
    left_out = words[work & (meant == lifecycle.OTHER)].astype("str").str.lower().value_counts()
    for word, count in left_out.items():
        tally.dropped(f"rows with the lifecycle {word!r} were left out", int(count))
    some = rows[work]
    pairs = some["id"].cat.codes.to_numpy().astype(np.int64) * len(rows["activity"].cat.categories) + some["activity"].cat.codes.to_numpy()
    joined = lifecycle.join(pairs, _us(some["enabled"]), _us(some["end"]), meant[work], tally)
    stays = _waiting_still(rows, some, joined, tally)
    for row, stamp in stays:
        joined.add(row, lifecycle.Running(row, stamp, lifecycle.NEVER), lifecycle.NEVER)
    first = some.iloc[joined.first]
    visits = some.iloc[joined.last].copy().reset_index(drop=True)
    for name, values in zip(STAMPS, (joined.enabled, joined.started, joined.ended), strict=True):
        visits[name] = pd.to_datetime(pd.Series(np.array(values, dtype="datetime64[us]"))).dt.tz_localize("UTC")
    if "resource" in visits:
        who = first["resource"].reset_index(drop=True)
        visits["resource"] = who.mask(who.astype("str") == "", visits["resource"])
    if "outcome" in visits:  # what did not end has no outcome
        visits.loc[visits["end"].isna().to_numpy() & (visits["outcome"] != "").to_numpy(), "outcome"] = _nothing_of(visits["outcome"])
    visits["suspended"] = np.array(joined.suspended, dtype=np.int64)
    events = rows[~work & (meant == lifecycle.COMPLETE)]
    if not len(visits) and is_work.any() and not len(events):
        said = ", ".join(mapping.lifecycle.start + mapping.lifecycle.complete) or "none"
        raise LogError(
            reading.rows.place, f"no row of work has a word of the mapping's lifecycle ({said})", "give the words of the log, such as 'complete: [complete]'"
        )
    return pd.concat([visits, events], ignore_index=True)


def _waiting_still(rows: pd.DataFrame, some: pd.DataFrame, joined: lifecycle.Joined, tally: Tally) -> list[tuple[int, int]]:
    """Rows that schedule work that nobody began, and nothing happened to the case since: it waits."""
    import numpy as np

    if not joined.waiting:
        return []
    last = rows["end"].groupby(rows["id"].cat.codes, sort=False).max()
    scheduled = some.iloc[list(joined.waiting)]
    still = (scheduled["end"].to_numpy() >= last.reindex(scheduled["id"].cat.codes).to_numpy()).tolist()
    tally.doubtful("work items were scheduled and not begun at the end of the log", sum(still))
    tally.dropped("work items were scheduled and never begun, though the case went on", len(still) - sum(still))
    return [(row, stamp) for (row, stamp), stays in zip(joined.waiting.items(), np.array(still), strict=True) if stays]


def _nothing_of(words: pd.Series) -> str | None:
    return "" if "" in words.cat.categories else None


def _states(reading: Reading) -> Part:
    """A row says which state a case entered: a visit lasts until the next row with another state."""
    import numpy as np
    import pandas as pd

    columns, tally = reading.columns, reading.tally
    frame, ids, activities = _keyed(reading)
    rows = pd.DataFrame({"id": ids, "activity": activities, "enabled": reading.dates(frame, columns.time), **reading.words(frame)})
    if columns.before:
        rows["before"] = reading.states(frame, columns.before)
    rows = reading.dropped_where(rows, rows["enabled"].isna(), "rows without a date were dropped")
    if reading.table.current:
        rows = _with_current(rows, reading)
    order = np.lexsort((np.arange(len(rows)), rows["enabled"].astype("int64").to_numpy(), rows["id"].cat.codes.to_numpy()))
    rows = rows.iloc[order]
    same = rows["id"].cat.codes.diff().eq(0)
    stays = same & rows["activity"].cat.codes.diff().eq(0)
    tally.repaired("rows do not change the state; they were joined to the one before", int(stays.sum()), reading._first(stays))
    part = Part(reading.table.record, born=born_of(rows["id"], rows["enabled"]))
    part.about, part.links = reading.about(frame, ids), reading.links(frame, ids)
    rows = rows[~stays]
    following = rows["id"].cat.codes.diff(-1).eq(0)
    bulk = same[~stays] & rows["enabled"].diff().dt.total_seconds().eq(0)
    tally.doubtful("states were entered in the same second as the one before (changed in bulk, or skipped)", int(bulk.sum()), reading._first(bulk))
    visits = rows.assign(end=rows["enabled"].shift(-1).where(following), start=pd.NaT)
    if "resource" in visits:  # who moves a case on is who had it
        visits["resource"] = visits["resource"].shift(-1).where(following, visits["resource"])
    final = np.array([mapping_kind != "work" for mapping_kind in (reading.mapping.activities[str(a)].kind if str(a) else "event" for a in visits["activity"].cat.categories)])
    over = pd.Series(final[visits["activity"].cat.codes.to_numpy()], index=visits.index)
    visits["end"] = visits["end"].mask(over, visits["enabled"])  # entering it is all there is to it
    visits["enabled"] = visits["enabled"].mask(over)
    if columns.before:
        first = rows[~rows["id"].cat.codes.diff().eq(0) & (rows["before"].astype("str") != "")]
        reading.known(first["before"])
        initial = first.assign(activity=first["before"].astype("str"), end=first["enabled"], enabled=pd.NaT, start=pd.NaT)
        visits = pd.concat([initial.assign(activity=initial["activity"].astype("category")), visits])
    part.visits = shaped(visits)
    return part


def current_of(reading: Reading) -> Reading:
    """The table that says where records stand now."""
    current, spec = reading.table.current, reading.table
    assert current is not None
    table = Table.model_validate({
        "from": current.source, "shape": "states", "record": spec.record, "where": current.where, "labels": spec.labels,
        "columns": {"case": current.key, "activity": current.state, "time": current.since},
    })  # fmt: skip
    return Reading(f"{reading.label}: current", table, reading.source, reading.mapping, Tally())


def _with_current(rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The rows, and one more for each record that no row is of: its present state, since it is known."""
    import pandas as pd

    register = current_of(reading)
    frame, ids, activities = _keyed(register)
    more = pd.DataFrame({"id": ids.astype("str"), "activity": activities.astype("str"), "enabled": register.dates(frame, register.columns.time)})
    more = more[~more["id"].isin(set(rows["id"].astype("str"))) & more["enabled"].notna()].drop_duplicates("id")
    reading.tally.doubtful("records never changed their state; they are in the present one since they were made", len(more))
    both = pd.concat([rows.astype({"id": "str", "activity": "str"}), more], ignore_index=True)
    words = {c: both[c].astype("str").fillna("").astype("category") for c in (*WORDS, "before") if c in both}
    return both.assign(id=both["id"].astype("category"), activity=both["activity"].astype("category"), **words)


def born_of(ids: pd.Series, by: pd.Series) -> pd.Series:
    """Id -> its first date."""
    return by.groupby(ids.astype("str"), sort=False).min()


def _us(stamps: pd.Series) -> NDArray[np.int64]:
    """Microseconds; NaT is the smallest integer."""
    import numpy as np

    return np.asarray(stamps.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64))


def shaped(visits: pd.DataFrame) -> pd.DataFrame:
    """Visits with all their columns, in order; nothing where nothing is said."""
    import pandas as pd

    result = {"id": visits["id"].astype("category"), "activity": visits["activity"].astype("category")}
    for name in STAMPS:
        given = visits[name] if name in visits else pd.Series(pd.NaT, index=visits.index)
        result[name] = pd.to_datetime(given, utc=True).dt.as_unit("us")
    for name in WORDS:
        text = visits[name].astype("str").fillna("") if name in visits else pd.Series("", index=visits.index, dtype="str")
        result[name] = text.astype("category")
    suspended = visits["suspended"].fillna(0).astype("int64") if "suspended" in visits else pd.Series(0, index=visits.index)
    return pd.DataFrame({**result, "suspended": suspended})[list(VISIT)].reset_index(drop=True)


