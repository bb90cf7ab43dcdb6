"""OCEL 2.0 (object-centric event logs), as JSON or SQLite, in four tables whichever of the two it was.

`events` (ocel_id, ocel_type, ocel_time and the attributes), `relations` (event and object), `objects` (with the last value of
each attribute) and `links` (object and object). Which kind of object is a case is for the mapping to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.readers.packed import Content
from salessim.importers.readers.source import Columns, Source, Table, checked_header, text

if TYPE_CHECKING:
    import pandas as pd

MOST_JSON = 512 << 20
EVENTS, RELATIONS, OBJECTS, LINKS = "events", "relations", "objects", "links"
_NEEDED = ("event", "object", "event_object", "event_map_type", "object_map_type")

Record = dict[str, Any]


def read_ocel_json(content: Content) -> Source:
    """The four tables of OCEL 2.0 JSON.

    Raises:
        LogError: not JSON, too deep, or not OCEL 2.0.
    """

    def no_number(word: str) -> Any:
        raise LogError(content.place, f"{word} is not a number", "export the log again")

    try:
        data = json.loads(content.all(MOST_JSON), parse_constant=no_number)
    except RecursionError:
        raise LogError(content.place, "the nesting is too deep", "check the file; no log is nested so deeply") from None
    except (ValueError, UnicodeDecodeError) as wrong:
        line = getattr(wrong, "lineno", None)
        raise LogError(f"{content.place}:{line}" if line else content.place, f"the JSON cannot be read ({str(wrong)[:80]})", "export the log again") from None
    if not isinstance(data, dict) or not isinstance(data.get("events"), list) or not isinstance(data.get("objects"), list):
        raise LogError(content.place, "this JSON is no OCEL 2.0 (no lists 'events' and 'objects')", "export the log as OCEL 2.0, XES or CSV")
    events: list[Record] = []
    relations: list[Record] = []
    objects: list[Record] = []
    links: list[Record] = []
    for event in _records(data["events"], content, "events"):
        events.append({"ocel_id": event["id"], "ocel_type": event.get("type"), "ocel_time": event.get("time"), **_attributes(event, content)})
        relations += _related(event, content, "ocel_event_id")
    for thing in _records(data["objects"], content, "objects"):
        objects.append({"ocel_id": thing["id"], "ocel_type": thing.get("type"), **_attributes(thing, content)})
        links += _related(thing, content, "ocel_source_id")
    return _tables(content, events, relations, objects, links)


def _records(items: list[Any], content: Content, what: str) -> Iterator[Record]:
    for i, item in enumerate(items):
        if not isinstance(item, dict) or "id" not in item:
            raise LogError(f"{content.place} {what}[{i}]", "it has no id", "export the log again")
        yield item


def _attributes(item: Record, content: Content) -> Record:
    """Name -> value; of an attribute that changes over time the last."""
    try:
        listed = sorted(item.get("attributes") or (), key=lambda a: str(a.get("time", "")))
        return {str(a["name"]): a.get("value") for a in listed}
    except (AttributeError, KeyError, TypeError):
        raise LogError(f"{content.place} {str(item['id'])[:60]!r}", "its attributes are not a list of name and value", "export the log again") from None


def _related(item: Record, content: Content, origin: str) -> list[Record]:
    try:
        return [{origin: item["id"], "ocel_object_id": r["objectId"], "ocel_qualifier": r.get("qualifier")} for r in item.get("relationships") or ()]
    except (AttributeError, KeyError, TypeError):
        raise LogError(f"{content.place} {str(item['id'])[:60]!r}", "its relationships are not a list with 'objectId'", "export the log again") from None


def is_ocel(database: Source) -> bool:
    """Whether an SQLite file has the tables of OCEL 2.0."""
    return all(name in database.tables for name in _NEEDED)


def read_ocel_sqlite(content: Content, database: Source) -> Source:
    """The four tables of OCEL 2.0 SQLite, where each type of event and object has a table of its own."""

    def rows(name: str, *wanted: str) -> list[Record]:
        table = database.table(name)
        for column in wanted:
            if column not in table.columns:
                raise LogError(table.place, f"there is no column {column!r}", "export the log as OCEL 2.0 again")
        return [{str(k): v for k, v in r.items()} for r in table.frame().to_dict("records")]

    def typed(kind: str) -> Iterator[tuple[str, Record]]:
        for entry in rows(f"{kind}_map_type", "ocel_type", "ocel_type_map"):
            own = f"{kind}_{entry['ocel_type_map']}"
            yield from ((entry["ocel_type"], row) for row in rows(own, "ocel_id"))

    events = [{"ocel_type": kind, **row} for kind, row in typed("event")]
    objects: dict[str, Record] = {r["ocel_id"]: dict(r) for r in rows("object", "ocel_id", "ocel_type")}
    for kind, row in sorted(typed("object"), key=lambda pair: pair[1].get("ocel_time", "")):
        known = {k: v for k, v in row.items() if v != "" and k not in ("ocel_time", "ocel_changed_field")}
        objects.setdefault(row["ocel_id"], {"ocel_type": kind}).update(known)
    relations = rows("event_object", "ocel_event_id", "ocel_object_id")
    links = [
        {"ocel_source_id": r["ocel_source_id"], "ocel_object_id": r["ocel_target_id"], "ocel_qualifier": r.get("ocel_qualifier", "")}
        for r in (rows("object_object", "ocel_source_id", "ocel_target_id") if "object_object" in database.tables else ())
    ]
    return _tables(content, events, relations, list(objects.values()), links)


def _tables(content: Content, events: list[Record], relations: list[Record], objects: list[Record], links: list[Record]) -> Source:
    if not events:
        raise LogError(content.place, "the log holds no event", "check the period of the export")
    wanted = {EVENTS: events, RELATIONS: relations, OBJECTS: objects, LINKS: links}
    needed = {RELATIONS: ["ocel_event_id", "ocel_object_id", "ocel_qualifier"], LINKS: ["ocel_source_id", "ocel_object_id", "ocel_qualifier"]}
    tables = {name: _table(content, name, records, needed.get(name, ["ocel_id", "ocel_type"])) for name, records in wanted.items()}
    return Source(content.place, tables)


def _table(content: Content, name: str, records: list[Record], needed: list[str]) -> Table:
    import pandas as pd

    columns = checked_header(list(dict.fromkeys([*needed, *(k for r in records for k in r)])), content.place)
    frame = pd.DataFrame({c: pd.Series([text(r.get(c)) for r in records], dtype="str") for c in columns})

    def chunks(wanted: Columns) -> Iterator[pd.DataFrame]:
        yield frame.copy() if wanted is None else frame[list(wanted)].copy()

    return Table(columns, chunks, f"{content.place} {name}", None)
