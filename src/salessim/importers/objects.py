"""Object-centric logs (OCEL 2.0) seen from one type of object: each of these is a case, and its events are those of the case.

An event that no object of the type takes part in belongs to the case that an object of it is linked to, if there is one.
Where an event belongs to several cases it counts for each of them, and that is told: times then are right, sums are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from salessim.errors import LogError, nearest
from salessim.importers.readers.ocel import EVENTS, LINKS, OBJECTS, RELATIONS
from salessim.importers.readers.source import Columns, Table
from salessim.importers.shapes import Part, Reading, events

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

CASE = "case:id"


def objects(reading: Reading) -> Part:
    """The events of the objects of one type, read as any other table of events."""
    source, wanted = reading.source, reading.table.objects
    frames = {name: source.table(name).frame() for name in (EVENTS, RELATIONS, OBJECTS, LINKS)}
    kind = dict(zip(frames[OBJECTS]["ocel_id"], frames[OBJECTS]["ocel_type"], strict=True))
    for role, named in wanted.items():
        if named not in set(kind.values()):
            raise LogError(f"mapping {reading.prefix()}objects.{role}", f"no object is of the type {named!r}", nearest(named, set(kind.values())))
    flat = _flat(frames, kind, wanted, reading)

    def chunks(columns: Columns) -> Iterator[pd.DataFrame]:
        yield flat.copy() if columns is None else flat[list(columns)].copy()

    given = {k: v for k, v in reading.columns.model_dump().items() if v is not None}
    if "end" not in given:
        given.setdefault("time", "ocel_time")
    if "resource" in wanted:
        given["resource"] = "case:resource"
    columns = reading.columns.model_validate({"case": CASE, "activity": "ocel_type", **given})
    reading.table = reading.table.model_copy(update={"shape": "events", "columns": columns})
    reading.columns = columns
    reading.rows = Table(tuple(flat.columns), chunks, f"{source.name} {EVENTS}", None)
    return events(reading)


def _flat(frames: dict[str, pd.DataFrame], kind: dict[str, str], wanted: dict[str, str], reading: Reading) -> pd.DataFrame:
    """One row for each event and case."""
    import pandas as pd

    happened, relations, things, links = (frames[n] for n in (EVENTS, RELATIONS, OBJECTS, LINKS))
    pairs = relations[["ocel_event_id", "ocel_object_id"]].drop_duplicates()
    unknown = ~pairs["ocel_object_id"].isin(things["ocel_id"])
    reading.tally.dropped("relations name an object that is not there", int(unknown.sum()), str(pairs["ocel_object_id"][unknown].iloc[0]) if unknown.any() else "")
    types = pairs["ocel_object_id"].map(kind)
    direct = pairs[types == wanted["case"]].rename(columns={"ocel_object_id": CASE})
    rest = pairs[~pairs["ocel_event_id"].isin(direct["ocel_event_id"])]
    both = pd.concat([links[["ocel_source_id", "ocel_object_id"]].set_axis(["a", "b"], axis=1), links[["ocel_object_id", "ocel_source_id"]].set_axis(["a", "b"], axis=1)])
    near = both[both["b"].map(kind) == wanted["case"]]
    linked = rest.merge(near, left_on="ocel_object_id", right_on="a")[["ocel_event_id", "b"]].rename(columns={"b": CASE})
    cases = pd.concat([direct, linked]).drop_duplicates()
    shared = cases.duplicated("ocel_event_id", keep=False)
    reading.tally.doubtful("events belong to several cases; they count for each", int(cases[shared]["ocel_event_id"].nunique()))
    flat = happened.merge(cases, left_on="ocel_id", right_on="ocel_event_id", how="left").drop(columns="ocel_event_id")
    alone = flat[CASE].isna()
    reading.tally.dropped(f"events belong to no object of the type {wanted['case']!r} and were dropped", int(alone.sum()))
    flat = flat[~alone]
    if flat.empty:
        raise LogError(reading.source.name, f"no event belongs to an object of the type {wanted['case']!r}", "choose another type in the mapping")
    if "resource" in wanted:
        who = pairs[types == wanted["resource"]].drop_duplicates("ocel_event_id").set_index("ocel_event_id")["ocel_object_id"]
        flat = flat.assign(**{"case:resource": flat["ocel_id"].map(who).fillna("")})
    known = things[things["ocel_type"] == wanted["case"]].drop(columns="ocel_type").set_index("ocel_id").add_prefix("case:")
    return flat.merge(known, left_on=CASE, right_index=True, how="left").fillna("").reset_index(drop=True)
