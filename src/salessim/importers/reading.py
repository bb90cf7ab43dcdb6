"""One table while it is read, and what it tells: its cells by role, and the visits that come of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from salessim.errors import LogError, nearest
from salessim.importers.mapping import CASE_ROLES, Columns, Mapping, Names, Step, Table, columns_of
from salessim.importers.quality import Tally
from salessim.importers.readers.source import FINGERPRINT, Source
from salessim.importers.readers.source import Table as Rows
from salessim.importers.stamps import Convention, dates
from salessim.importers.tidy import fulfils, give_back, names, people, whole_keys
from salessim.importers.widen import widened

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found", "pd.Series", "pd.DataFrame")
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
    hourly: dict[str, float] = field(default_factory=dict)
    """Person -> what an hour costs."""


class Reading:
    """One table while it is read: its rows, and cells of them by role."""

    def __init__(self, label: str, table: Table, source: Source, mapping: Mapping, tally: Tally) -> None:
        self.label, self.table, self.mapping, self.tally, self.source = label, table, mapping, tally, source
        self.rows: Rows = widened(source.table(table.source or (label if label in source.tables else None)), table, source, tally)
        formats = table.time_format or mapping.time_format
        self.how = Convention((formats,) if isinstance(formats, str) else formats, table.stamps_in or mapping.stamps_in, self.rows.at, mapping.office_in)
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
        give_back()
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

    def current(self) -> Reading:
        """The table that says where records stand now."""
        current, spec = self.table.current, self.table
        assert current is not None
        table = Table.model_validate({
            "from": current.source, "shape": "states", "record": spec.record, "where": current.where, "labels": spec.labels,
            "columns": {"case": current.key, "activity": current.state, "time": current.since},
        })  # fmt: skip
        return Reading(f"{self.label}: current", table, self.source, self.mapping, Tally())

    def present(self) -> pd.Series:
        """The states in which records stand now, by the table `current` names."""
        register = self.current()
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
        ids = ids.astype("category")
        return _by_key(texts.groupby(ids.cat.codes.to_numpy()).first(), ids)

    def links(self, frame: pd.DataFrame, ids: pd.Series) -> dict[str, pd.Series]:
        """The keys of other records, by record; where there are several, all of them."""
        import pandas as pd

        found = {}
        for record, column in self.table.links.items():
            other = keys(self.text(frame, column), self.mapping, self.tally).astype("str")
            pairs = pd.DataFrame({"id": ids.astype("str"), "other": other})[other != ""].drop_duplicates()
            found[record] = pairs.set_index("id")["other"]
        return found

    def not_before(self, begun: pd.Series, ended: pd.Series) -> pd.Series:
        """Ends, of which those that are the very day of their beginning, without an hour, are not before it."""
        day = begun.dt.tz_convert(self.mapping.office_in).dt.normalize().dt.tz_convert("UTC")
        late = (ended < begun) & (ended == day)
        self.tally.repaired("visits ended on the day they began, at an hour that is not known; they take no time", int(late.sum()), self._first(late))
        return ended.mask(late, begun)

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


def window_of(rows: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first and last date of visits."""
    dated = [rows[c] for c in STAMPS if rows[c].notna().any()]
    return min(c.min() for c in dated), max(c.max() for c in dated)


def born_of(ids: pd.Series, by: pd.Series) -> pd.Series:
    """Id -> its first date."""
    ids = ids.astype("category")
    return _by_key(by.groupby(ids.cat.codes.to_numpy()).min(), ids)


def _by_key(found: Found, ids: pd.Series) -> Found:
    """What was found by the codes of keys, by the keys themselves."""
    return found.set_axis(ids.cat.categories[found.index])


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


