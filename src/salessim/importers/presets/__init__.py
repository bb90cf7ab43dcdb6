"""Presets: how the tables of known systems become a history. Each is a file of declarations in the mapping's own language.

A preset is only a source of proposals: `inspect` recognises the tables of a system by their columns and writes the mapping
out in full, so that a person sees and can change all of it, and reading knows nothing of systems.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError, nearest
from salessim.importers.formats import guess_formats
from salessim.importers.mapping import Columns, Step, Table, columns_of, parse_mapping
from salessim.importers.meanings import ending_of, merge, say_endings, stage_of
from salessim.importers.quality import Tally
from salessim.importers.readers import Source
from salessim.importers.readers import Table as Rows
from salessim.importers.reading import Reading
from salessim.importers.registers import steps_of
from salessim.importers.roles import tight
from salessim.importers.stamps import ISO
from salessim.importers.tidy import fulfils
from salessim.scenario.yaml import load_yaml

if TYPE_CHECKING:
    import pandas as pd

PRESETS = ("salesforce", "hubspot", "dynamics", "odoo", "erpnext", "sap", "tryton", "celonis", "prosimos", "apromore", "pm4py")
"""In the order in which they are tried."""
_OWN = ("names", "needs", "lacks", "with", "unless", "beside", "has_rows", "proves", "default", "note", "won", "lost")
"""What an entry says beside what a mapping's table says."""

Data = dict[str, Any]


@dataclass(frozen=True)
class Match:
    """The tables of a source that a preset knows."""

    preset: str
    entries: dict[str, tuple[Data, str]] = field(default_factory=dict)
    """Name of the entry -> the entry and the name of the table in the source."""
    confidence: float = 1.0

    @property
    def is_event_table(self) -> bool:
        """Whether it is a plain table of events, which names and cells tell more of."""
        return len(self.entries) == 1 and next(iter(self.entries.values()))[0]["shape"] == "events"


@cache
def load(name: str) -> Data:
    """The declarations of a preset."""
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    data: Data = load_yaml(text, f"{name}.yaml")[0]
    return data


def named(preset: str, source: Source) -> Match:
    """The tables of a source that a preset knows.

    Raises:
        LogError: there is no such preset, or none of its tables.
    """
    if preset not in PRESETS:
        raise LogError("--preset", f"there is no preset {preset!r}", nearest(preset, list(PRESETS)))
    match = _match(preset, source)
    if match is None:
        needed = "; or ".join(", ".join(e["needs"]) for e in load(preset)["tables"].values() if e.get("proves"))
        raise LogError(source.name, f"no table is one of {load(preset)['title']}", f"it has these columns: {needed}")
    return match


def recognise(source: Source) -> Match | None:
    """The system a source comes from, if its tables show it: the one that knows most of them."""
    found = [m for name in PRESETS if (m := _match(name, source)) is not None]
    return max(found, key=lambda m: len(m.entries), default=None)


def _match(preset: str, source: Source) -> Match | None:
    entries: dict[str, tuple[Data, str]] = {}
    for label, entry in load(preset)["tables"].items():
        if entry.get("unless") in entries or not all(_by_name(source, n) for n in entry.get("with", ())):
            continue
        taken = {t for e, (_, t) in entries.items() if e != entry.get("beside")}  # other rows of one table may be read apart
        fitting = [n for n, table in source.tables.items() if n not in taken and _fits(entry, table) and (not entry.get("has_rows") or _has_rows(entry, table))]
        if fitting:
            wanted = [tight(n) for n in entry["names"]]
            best = sorted(fitting, key=lambda n: tight(n.rpartition(".")[2]) not in wanted)[0]
            if tight(best.rpartition(".")[2]) in wanted or entry.get("proves") or len(source.tables) < 10:
                entries[label] = (entry, best)
    return Match(preset, entries) if any(e.get("proves") for e, _ in entries.values()) else None


def _by_name(source: Source, name: str) -> str | None:
    return next((n for n in source.tables if tight(n.rpartition(".")[2]) == tight(name)), None)


def _fits(entry: Data, table: Rows) -> bool:
    return all(_column(table, c) for c in entry["needs"]) and not any(_column(table, c) for c in entry.get("lacks", ()))


def _has_rows(entry: Data, table: Rows) -> bool:
    """Whether some rows of a table are those that an entry reads: of records that were never linked to a deal there are none."""
    where = {c: tuple(map(str, words)) for name, words in entry["where"].items() if (c := _column(table, name))}
    return bool(fulfils(table.frame(list(where)), where).any())


def _column(table: Rows, name: str) -> str | None:
    """A column of a table by its name, however it is spelt; a star stands for any text."""
    if name in table.columns:
        return name
    if "*" in name:
        before, after = name.split("*")
        return name if any(c.startswith(before) and c.endswith(after) and len(c) > len(name) for c in table.columns) else None
    return next((c for c in table.columns if tight(c) == tight(name)), None) or next((c for c in table.columns if tight(_looked_up(c)) == tight(name)), None)


def _looked_up(column: str) -> str:
    """What a key of another record is called: Dataverse writes _opportunityid_value, and bpf_opportunityid in its process flows."""
    bare = column[1:-6] if column.startswith("_") and column.endswith("_value") else column
    return bare.removeprefix("bpf_")


def fill_in(source: Source, match: Match) -> tuple[Data, list[str], list[dict[str, str]]]:
    """A mapping with the columns of the source, warnings, and some rows of its first table."""
    preset = deepcopy(load(match.preset))  # a proposal is edited, what is known of a system is not
    warnings: list[str] = []
    tables: Data = {label: _filled(entry, table, source) for label, (entry, table) in match.entries.items()}
    mapping: Data = {"tables": tables, **preset["mapping"], "office_in": "UTC", "activities": {}}
    mapping.setdefault("stamps_in", "UTC")
    for label, (entry, _) in match.entries.items():
        reading = Reading(label, Table.model_validate(tables[label]), source, parse_mapping({**mapping, "activities": {}}), Tally())
        formats = _formats(reading, warnings)
        if formats and "time_format" not in entry:
            tables[label]["time_format"] = formats
        mapping["activities"] |= {n: a for n, a in _activities(reading, entry, preset.get("activities", {})).items() if n not in mapping["activities"]}
        if "note" in entry:
            warnings.append(entry["note"])
    merge(mapping["activities"], warnings)
    say_endings(mapping["activities"], warnings)
    if not any("ends" in a for a in mapping["activities"].values()):
        mapping["complete_cases_only"] = True
        warnings.append("No activity ends a case by name: set 'ends' where a case is over ('won', 'completed' or 'lost: reason').")
    warnings.append("The office's time zone is taken to be UTC: set office_in if it is another, such as Europe/Amsterdam.")
    first = source.table(next(iter(match.entries.values()))[1]).frame()
    return mapping, warnings, first.head(3).to_dict("records")


def event_columns(match: Match, table: Rows) -> dict[str, str]:
    """Role -> column of a preset that is one table of events, as far as the table has them."""
    entry, _ = next(iter(match.entries.values()))
    return {role: found for role, name in entry["columns"].items() if (found := _column(table, name))}


def _filled(entry: Data, table: str, source: Source) -> Data:
    """An entry as a mapping's table: names as the source spells them, without what it lacks."""
    rows = source.table(table)
    spec: Data = {"from": table, **{k: v for k, v in entry.items() if k not in _OWN}}
    joins = {n: j | {"from": _by_name(source, j["from"]) or j["from"]} for n, j in entry.get("joins", {}).items()}
    if joins:
        spec["joins"] = joins

    def known(name: str) -> str | None:
        prefix, dot, rest = name.partition(".")
        if dot and (prefix in joins or prefix == entry.get("changes")):
            other = _column(source.table(joins[prefix]["from"]), rest) if prefix in joins else rest
            return f"{prefix}.{other}" if other else None
        return _column(rows, name)

    def one(names: Any) -> Any:
        if isinstance(names, list):
            listed = [one(n) for n in names]
            return None if listed[0] is None else [n for n in listed if n]
        found = [k for n in columns_of(names) if (k := known(n))]
        return " | ".join(found) or None

    for part in ("columns", "links", "attributes"):
        if part in spec:
            spec[part] = {role: c for role, names in spec[part].items() if (c := one(names))}
    if "where" in spec:
        spec["where"] = {c: words for name, words in spec["where"].items() if (c := known(name))}
    if "labels" in spec:
        spec["labels"] = {c: {**label, "from": there} for name, label in spec["labels"].items() if (there := _by_name(source, label["from"])) and (c := known(name) or name)}
    if "steps" in spec:
        spec["steps"] = {name: step for name, s in spec["steps"].items() if (step := _step(s, one, known))}
    if "current" in spec:
        spec["current"] = _current(spec["current"], source)
    return {k: v for k, v in spec.items() if v or k == "columns"}


def _step(step: Data, one: Any, known: Any) -> Data | None:
    found = {role: c for role, names in step.items() if role != "where" and (c := one(names))}
    where = {c: words for name, words in step.get("where", {}).items() if (c := known(name))}
    if not found or len(where) < len(step.get("where", {})):
        return None
    return {**found, **({"where": where} if where else {})}


def _current(current: Data, source: Source) -> Data | None:
    table = _by_name(source, current["from"])
    if table is None:
        return None
    found = {role: _column(source.table(table), current[role]) for role in ("key", "state", "since")}
    return {"from": table, **found} if all(found.values()) else None


def _formats(reading: Reading, warnings: list[str]) -> str | list[str] | None:
    """How the dates of a table are written, if not as the mapping says by itself."""
    columns: Columns = reading.columns
    steps: list[Step] = list(reading.table.steps.values())
    names = [n for n in (columns.time, columns.end, *(s.time or s.end or s.enabled for s in steps)) if n is not None]
    if not names or not isinstance(names[0], str):
        return None
    frame: pd.DataFrame = reading.frame(columns_of(names[0]))
    text = reading.text(frame, names[0])
    if not (text != "").any():
        return None
    written = guess_formats(text, names[0], reading.rows.at, warnings)
    return None if written.formats == (ISO,) else written.for_mapping()


def _activities(reading: Reading, entry: Data, known: Data) -> Data:
    """What the activities of a table mean: as the preset says, as rows tell, or as their names sound."""
    table: Table = reading.table
    if table.shape == "people":
        return {}
    if table.shape == "cases":
        steps = steps_of(reading)
        return {name: known.get(name) or _meant(name, entry) for name in steps}
    frame = reading.frame()
    assert table.columns.activity is not None
    activities = reading.activities(frame, table.columns.activity).astype("str")
    names = set(activities.unique()) - {""}
    if table.columns.before and table.shape == "states":
        names |= set(reading.states(frame, table.columns.before).astype("str").unique()) - {""}
    if table.current:
        names |= set(reading.present().astype("str").unique()) - {""}
    result = {name: known.get(name) or _meant(name, entry) for name in sorted(names)}
    for role, ends in (("won", "won"), ("lost", "lost: lost")):
        where = {c: tuple(map(str, w)) for n, w in entry.get(role, {}).items() if (c := _column(reading.rows, n))}
        if where:
            all_rows = reading.rows.frame(list(dict.fromkeys((*where, *columns_of(table.columns.activity)))))
            tells = fulfils(all_rows, where).groupby(all_rows[str(table.columns.activity)].str.strip()).mean()
            for name in (n for n, share in tells.items() if share > 0.9 and n in result and n not in known):
                result[str(name)] = {"kind": "event", "stage": stage_of(str(name)), "ends": ending_of(str(name)) or ends}
    return result


def _meant(name: str, entry: Data) -> Data:
    ends = ending_of(name)
    if ends:
        return {"kind": "event", "stage": stage_of(name), "ends": ends}
    return {"kind": "work", "stage": stage_of(name), **entry.get("default", {})}
