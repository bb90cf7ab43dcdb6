"""A first guess at what a source means, for a person to correct: a preset that fits, or names and contents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.dated import Records, fits_a_scenario, has_dates, mapping_of, records
from salessim.importers.formats import Written, guess_formats
from salessim.importers.mapping import Mapping, parse_mapping
from salessim.importers.meanings import finals, meanings, say_endings
from salessim.importers.presets import Match, event_columns, fill_in, load, named, recognise
from salessim.importers.readers import Source, Table, Where, open_source
from salessim.importers.readers.ocel import EVENTS, OBJECTS, RELATIONS
from salessim.importers.roles import ABOUT, choose_stamps, doubt, guess_columns, is_span_of_states, tight, words_of
from salessim.scenario.yaml import dump_yaml

if TYPE_CHECKING:
    import pandas as pd

_ROWS_SHOWN = 3
HOURLY = frozenset(map(tight, ("hourly cost", "cost per hour", "hourly rate", "rate per hour", "hourly wage", "costs per hour", "每小时成本", "小时成本", "时薪")))
"""What a column of costs of an hour is called."""


@dataclass(frozen=True)
class Proposal:
    """A mapping with the reasons to doubt it."""

    mapping: dict[str, Any]
    confidence: dict[str, float]
    """role -> between 0 and 1."""
    warnings: list[str]
    sample: list[dict[str, str]]
    source: str
    preset: str | None = None
    """The system whose export this is, if it was recognised."""
    blanks: tuple[str, ...] = ()
    """Roles that a person has to fill in before the mapping can be used."""

    def parsed(self) -> Mapping:
        """The mapping, ready to use as it is."""
        return parse_mapping(self.mapping)

    def to_yaml(self) -> str:
        """The mapping file, doubts as comments at its head."""
        lines = [f"# Proposed for {Path(self.source).name}. Look it over: what the columns mean, which activities are work, how cases end."]
        lines += [f"# These are the tables of {self.preset}."] if self.preset else []
        lines += [f"# Fill in: {', '.join(self.blanks)}."] if self.blanks else []
        lines += [f"# {role}: {100 * c:.0f} % sure" for role, c in self.confidence.items() if c < 0.9]
        lines += [f"# {' '.join(text.split())}" for text in self.warnings]  # names of activities may hold line ends
        return "\n".join(lines) + "\n" + dump_yaml(self.mapping)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "mapping": self.mapping, "confidence": self.confidence, "warnings": self.warnings, "sample": self.sample,
            "preset": self.preset, "blanks": list(self.blanks),
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For people."""
        found = [f"  {role:10} {column!r} ({100 * self.confidence.get(role, 0):.0f} % sure)" for role, column in self.mapping.get("columns", {}).items() if column]
        found += [f"  {label:10} {table['shape']} of {table.get('record', 'case')}, from {table.get('from', label)!r}" for label, table in self.mapping.get("tables", {}).items()]
        found += [f"  not known  {role}: fill it in" for role in self.blanks]
        activities = self.mapping["activities"]
        work = [a for a, m in activities.items() if m.get("kind", "work") == "work"]
        ends = [f"{a} = {m['ends']}" for a, m in activities.items() if "ends" in m]
        meant = [f"  work       {', '.join(work) or 'none'}", f"  cases end  {', '.join(ends) or 'never by an activity'}"]
        system = [f"  system     {self.preset}"] if self.preset else []
        rows = [f"  row {i + 1}      {_shown(row)}" for i, row in enumerate(self.sample)]
        return [f"{self.source}:", *system, *found, *meant, *rows, *(f"  note: {w}" for w in self.warnings)]


def _shown(row: dict[str, str], most: int = 160) -> str:
    text = ", ".join(f"{k}={v}" for k, v in row.items() if v)
    return text if len(text) <= most else text[: most - 3] + "..."


def inspect_log(source: Where, preset: str | None = None, given: dict[str, Any] | None = None) -> Proposal:
    """Guess the mapping of a source.

    Args:
        source: as for `read_log`.
        preset: the system it comes from; None to recognise it by its tables and columns.
        given: a mapping of which some is filled in; the rest is guessed.

    Returns:
        A mapping, which has blanks where nothing in the source looks like what is needed.

    Raises:
        LogError: the source cannot be read, or is none of the preset's.
    """
    opened = open_source(source)
    given = given or {}
    match = None
    if preset:
        match = named(preset, opened)
    elif not given.get("columns"):
        match = recognise(opened)
    if match is not None and not match.is_event_table:
        return _of_preset(opened, match)
    found = _of_columns(opened, given, match)
    return found if match is None else replace(found, preset=load(match.preset)["title"])


def _of_preset(source: Source, match: Match) -> Proposal:
    mapping, warnings, sample = fill_in(source, match)
    return Proposal(mapping, dict.fromkeys(mapping["tables"], match.confidence), [*source.notes, *warnings], sample, source.name, load(match.preset)["title"])


def _of_columns(source: Source, given: dict[str, Any], match: Match | None = None) -> Proposal:
    """What names and cells of columns tell: of the table most like a history, and of others that share its key."""
    warnings = list(source.notes)
    if all(name in source.tables for name in (EVENTS, RELATIONS, OBJECTS)):
        return _of_objects(source, warnings)
    filled = {role: column for role, column in (given.get("columns") or {}).items() if column}
    label, table = _main(source, filled)
    frame = table.frame()
    if frame.empty:
        raise LogError(table.place, "there are columns but no rows", "check the period of the export, or whether the user may see the rows")
    columns, confidence = guess_columns(frame, {**(event_columns(match, table) if match else {}), **filled})
    choose_stamps(frame, columns, confidence, filled, warnings)
    lasting = is_span_of_states(columns)
    if lasting:
        columns["time"], confidence["time"] = columns.pop("start"), confidence["start"]
        warnings.append(f"{columns['time']!r} to {columns.pop('end')!r} is how long a record was in a state, not how long anybody worked: read as states, each lasting until the next.")
    stamps = columns.get("end") or columns.get("time")
    blanks = tuple(r for r in ("case", "activity") if r not in columns) + (() if stamps else ("time",))
    sample = frame.head(_ROWS_SHOWN).to_dict("records")
    if blanks:
        found = [] if filled or given.get("tables") else records(source)
        if fits_a_scenario(found):
            return _of_records(source, found, warnings, given)
        return _with_blanks(source, table, columns, confidence, blanks, [*warnings, *_more_tables(source, label)], sample)
    written = guess_formats(frame[stamps], str(stamps), table.at, warnings)
    mapping: dict[str, Any] = {"columns": columns, **_time(written, warnings)}
    doubt(frame, columns, warnings)
    if "lifecycle" in columns:
        mapping["lifecycle"] = words_of(frame[columns["lifecycle"]])
    mapping["activities"], systems, complete = meanings(frame, columns, mapping.get("lifecycle", {}), warnings)
    if "outcome" not in columns:
        finals(frame, columns, written.parsed, mapping["activities"], warnings)
        complete = not any("ends" in a for a in mapping["activities"].values())
    if lasting:  # entering a state that is an ending is all there is to it
        mapping["activities"] = {n: a | {"kind": "event"} if "ends" in a else a for n, a in mapping["activities"].items()}
    if systems:
        mapping["system_resources"] = systems
    if complete and "outcome" not in columns:
        mapping["complete_cases_only"] = True
        warnings.append(
            "No activity ends a case by name, so every case counts as ended with its last row; "
            "correct 'ends' and 'complete_cases_only' if cases can be open."
        )
    mapping.update({k: v for k, v in given.items() if v and k not in ("columns", "activities")})
    mapping["activities"].update({k: v for k, v in (given.get("activities") or {}).items() if v})
    if len(source.tables) > 1 or lasting:
        mapping = _with_tables(source, label, frame, mapping, warnings)
        mapping["tables"][label]["shape"] = "states" if lasting else "events"
    return Proposal(mapping, {role: confidence[role] for role in columns}, warnings, sample, source.name)


def _of_records(source: Source, found: list[Records], warnings: list[str], given: dict[str, Any]) -> Proposal:
    """Tables of which a row is a record; people who stand in a table of their own join them."""
    mapping, sure = mapping_of(found, warnings)
    resource = next((t["columns"]["resource"] for t in mapping["tables"].values() if "resource" in t["columns"]), None)
    for name, table in source.tables.items():
        if name not in mapping["tables"] and resource and (people := _people(table, resource)):
            mapping["tables"][name] = people
    say_endings(mapping["activities"], warnings)
    left_out = [n for n in source.tables if n not in mapping["tables"]]
    if left_out:
        warnings.append(f"These tables are not read: {', '.join(left_out)}.")
    warnings.append("The office's time zone is taken to be UTC: set office_in if it is another, such as Europe/Amsterdam.")
    mapping = {"tables": mapping["tables"], "stamps_in": "UTC", "office_in": "UTC", "activities": mapping["activities"]}
    mapping.update({k: v for k, v in given.items() if v and k not in ("columns", "tables", "activities")})
    return Proposal(mapping, sure, warnings, found[0].frame.head(_ROWS_SHOWN).to_dict("records"), source.name)


def _people(table: Table, resource: str) -> dict[str, Any] | None:
    """A table that says which team each person belongs to, if it is one."""
    who = next((c for c in table.columns if tight(c) == tight(resource)), None)
    team = next((c for c in table.columns if tight(c) in ("team", "group", "department", "role", "manager")), None)
    cost = next((c for c in table.columns if tight(c) in HOURLY), None)
    return {"shape": "people", "columns": {"resource": who, "team": team, **({"cost": cost} if cost else {})}} if who and team else None


def _with_blanks(
    source: Source, table: Table, columns: dict[str, str], confidence: dict[str, float], blanks: tuple[str, ...], warnings: list[str], sample: list[dict[str, str]]
) -> Proposal:
    have = ", ".join(map(repr, table.columns[:20]))
    if "time" in blanks and not has_dates(table):
        warnings = ["No column holds dates: the table is about things such as accounts, products or people and tells of nothing that happened. Inspect it together with the tables that do (several files, or their folder).", *warnings]
    note = f"No column looks like the {' or the '.join(blanks)}. Fill the blanks in and run inspect again with --mapping. There are {have}."
    shown: dict[str, Any] = {role: columns.get(role) for role in dict.fromkeys(("case", "activity", *(() if "end" in columns else ("time",)), *columns))}
    return Proposal({"columns": shown, "activities": {}}, confidence, [note, *warnings], sample, source.name, None, blanks)


def _of_objects(source: Source, warnings: list[str]) -> Proposal:
    """OCEL: the type of object that most events have to do with is the case, until a person says otherwise."""
    related = source.table(RELATIONS).frame()
    kinds = source.table(OBJECTS).frame().drop_duplicates("ocel_id").set_index("ocel_id")["ocel_type"]
    pairs = related.assign(kind=related["ocel_object_id"].map(kinds)).drop_duplicates(["ocel_event_id", "kind"])
    often = pairs["kind"].value_counts()
    people = next((k for k in sorted(map(str, often.index)) if tight(k) in ("employee", "employees", "resource", "resources", "person", "people", "user", "users", "staff")), None)
    often = often.drop(people) if people and len(often) > 1 else often
    if often.empty:
        raise LogError(source.name, "no event has an object", "export the log with its relations")
    objects = {"case": str(often.index[0]), **({"resource": people} if people else {})}
    warnings.append(f"A case is an object of the type {objects['case']!r}, because most events have one; the types are {', '.join(map(str, sorted(set(kinds))))}.")
    events = source.table(EVENTS).frame()
    columns, confidence = guess_columns(events, {"activity": "ocel_type", "time": "ocel_time"})
    columns.pop("case", None)
    if people:
        columns.pop("resource", None)
    if "start" in columns:
        columns.setdefault("end", columns.get("end", "ocel_time"))
    choose_stamps(events, columns, confidence, {}, warnings)
    table = {"shape": "objects", "from": EVENTS, "objects": objects, "columns": columns}
    stamps = str(columns.get("end") or columns.get("time"))
    mapping: dict[str, Any] = {"tables": {"events": table}, **_time(guess_formats(events[stamps], stamps, source.table(EVENTS).at, warnings), warnings)}
    if "lifecycle" in columns:
        mapping["lifecycle"] = words_of(events[columns["lifecycle"]])
    mapping["activities"], _, complete = meanings(events.assign(**{"\0case": events["ocel_id"]}), {**columns, "case": "\0case"}, mapping.get("lifecycle", {}), warnings)
    if complete and "outcome" not in columns:
        mapping["complete_cases_only"] = True
    return Proposal(mapping, {r: confidence.get(r, 0.5) for r in columns}, warnings, events.head(_ROWS_SHOWN).to_dict("records"), source.name)


def _main(source: Source, given: dict[str, str]) -> tuple[str, Table]:
    """The table most like a history: the one whose names of columns play most of the needed roles."""
    import pandas as pd

    def score(item: tuple[str, Table]) -> tuple[int, float]:
        table = item[1]
        if not set(given.values()) <= set(table.columns):
            return -1, 0.0
        columns, confidence = guess_columns(pd.DataFrame({c: pd.Series(["1"], dtype="str") for c in table.columns}), given)
        needed = [r for r in ("case", "activity") if r in columns] + [r for r in ("time", "end") if r in columns][:1]
        return len(needed), sum(confidence[r] for r in needed)

    items = list(source.tables.items())
    if not items:
        raise LogError(source.name, "there is no table", "check the source")
    return max(items, key=score)


def _more_tables(source: Source, label: str) -> list[str]:
    others = [n for n in source.tables if n != label]
    return [f"The table {label!r} was looked at; there are also {', '.join(others[:10])}."] if others else []


def _with_tables(source: Source, label: str, main: pd.DataFrame, mapping: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """The mapping with a second table and more, where they share the main one's key."""
    columns = mapping.pop("columns")
    tables: dict[str, Any] = {label: {"shape": "events", "columns": columns}}
    known = set(main[columns["case"]].str.strip()) - {""}
    for name, table in source.tables.items():
        if name == label:
            continue
        key = next((c for c in table.columns if tight(c) == tight(columns["case"])), None)
        people = _people(table, columns["resource"]) if "resource" in columns else None
        if key is not None:
            frame = table.frame([key])
            share = frame[key].str.strip().isin(known).mean()
            roles, _ = guess_columns(table.frame(), {})
            about = {r: c for r, c in roles.items() if r in ABOUT and c != key}
            tables[name] = {"shape": "cases", "columns": {"case": key, **about}}
            warnings.append(f"The table {name!r} is joined by {key!r}, which {100 * share:.0f} % of its rows share with {label!r}.")
        elif people is not None:
            tables[name] = people
        else:
            warnings.append(f"The table {name!r} shares no key with {label!r} and is left out.")
    return {"tables": tables, **mapping}


def _time(written: Written, warnings: list[str]) -> dict[str, Any]:
    """The format that fits the whole column, and the time zones."""
    format_ = written.for_mapping()
    _doubt_zone(written, warnings)
    return {**({"time_format": format_} if format_ else {}), "stamps_in": "UTC", "office_in": "UTC"}


def _doubt_zone(written: Written, warnings: list[str]) -> None:
    parsed = written.parsed.dropna()
    if float((parsed.dt.normalize() == parsed).mean()) > 0.9:
        warnings.append("Dates have no time of day: hours and waits below a day cannot be learnt.")
        return
    middle = _middle(parsed.dt.hour.value_counts(normalize=True))
    if written.is_aware and not 10.5 <= middle <= 15.5:
        warnings.append(f"Half of the day's activity lies around {middle:.0f}:00 UTC: set office_in to the office's time zone.")
    else:
        warnings.append("The office's time zone is taken to be UTC: set office_in if it is another, such as Europe/Amsterdam.")


def _middle(hours: pd.Series) -> float:
    import numpy as np

    angle = np.asarray(hours.index, float) / 24 * 2 * np.pi
    return float(np.angle(np.sum(hours.to_numpy() * np.exp(1j * angle))) / (2 * np.pi) * 24 % 24)
