"""Tables of which a row is a record (a lead, an order, a person) or a link between two documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers.mapping import Step, columns_of
from salessim.importers.reading import Part, Reading, born_of, shaped
from salessim.importers.tidy import amounts, fulfils, names

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS_NAMED = 8
"""Columns of a staffing sheet that one line names."""


def cases(reading: Reading) -> Part:
    """A row is a record: what is known of it, what it belongs to, and the dates of its steps."""
    import pandas as pd

    spec, tally = reading.table, reading.tally
    starred = _starred(reading)
    steps = steps_of(reading)
    for name in steps:
        if name not in reading.mapping.activities:
            raise LogError("mapping activities", f"{name!r} is a step of table {reading.label!r}, but no activity", "add it to the activities")
    again = tuple(c for _, pair in starred.values() for c in pair)
    frame = reading.frame(tuple(dict.fromkeys((*_columns(steps), *again))))
    assert spec.columns.case is not None
    frame = reading.dropped_where(frame, reading.text(frame, spec.columns.case) == "", "rows without a key were dropped")
    ids = reading.ids(frame, spec.columns.case)
    if frame.empty:
        raise LogError(reading.rows.place, "no row has a key", "check the mapping's columns and its 'where'")
    doubled = ids.duplicated()
    tally.doubtful(f"rows of table {reading.rows.place!r} have a key that an earlier one has; they count as one record", int(doubled.sum()))
    words = reading.words(frame)
    visits = [v for name, step in steps.items() if (v := _visits(reading, frame, ids, name, step, words)) is not None]
    for name, (_, pair) in starred.items():
        if len(pair) == 2:
            latest, total = (pd.to_numeric(frame[c], errors="coerce") for c in pair)
            tally.doubtful(f"cases entered {name!r} more than once; only the last time is known", int((total > latest * 1.001 + 1).sum()))
    part = Part(spec.record, is_register=True, about=reading.about(frame, ids), links=reading.links(frame, ids))
    if visits:
        together = pd.concat(visits, ignore_index=True)
        part.visits = shaped(together)
        by = part.visits["enabled"].fillna(part.visits["start"]).fillna(part.visits["end"])
        part.born = born_of(part.visits["id"], by)
    return part


def steps_of(reading: Reading) -> dict[str, Step]:
    """The steps of a table of cases: those that are named and those that stand for a star."""
    return {**reading.table.steps, **{name: Step(**found) for name, (found, _) in _starred(reading).items()}}


def _columns(steps: dict[str, Step]) -> list[str]:
    return [c for s in steps.values() for names_ in (s.time, s.enabled, s.start, s.end) for c in columns_of(names_)]


def _starred(reading: Reading) -> dict[str, tuple[dict[str, str], tuple[str, ...]]]:
    """Step -> its columns by the patterns with a star, and those that show whether it was entered again."""
    spec, have = reading.table, reading.rows.columns
    if spec.entered is None:
        return {}
    before, after = spec.entered.split("*")
    found = {}
    for column in have:
        if column.startswith(before) and column.endswith(after) and len(column) > len(before) + len(after):
            name = column[len(before) : len(column) - len(after)]
            if name in spec.not_steps:
                continue
            left = (spec.left or "").replace("*", name)
            step = {"enabled": column, "end": left} if left in have else {"time": column}
            again = tuple(c for pattern in (spec.latest, spec.total) if (c := (pattern or "").replace("*", name)) in have)
            found[name] = (step, again)
    if not found:
        raise LogError(f"mapping {reading.prefix()}entered", f"no column is like {spec.entered!r}", f"there are {', '.join(have[:8])}")
    return found


def _visits(reading: Reading, frame: pd.DataFrame, ids: pd.Series, name: str, step: Step, words: dict[str, pd.Series]) -> pd.DataFrame | None:
    """One visit for each record that has a date of the step."""
    import pandas as pd

    rows = frame[fulfils(frame, step.where)]
    stamps = {"enabled": step.enabled, "start": step.start, "end": step.time or step.end}
    filled = pd.Series(False, index=rows.index)
    for columns in stamps.values():
        if columns is not None:
            filled |= reading.text(rows, columns if isinstance(columns, str) else columns[0]) != ""
    rows = rows[filled]
    if rows.empty:
        return None
    result = pd.DataFrame({"id": ids[rows.index].astype("str"), "activity": name})
    for role, columns in stamps.items():
        blank = columns is None or (reading.text(rows, columns) == "").all()
        result[role] = reading.dates(rows, None if blank else columns)
    result["end"] = reading.not_before(result["start"].fillna(result["enabled"]), result["end"])
    backwards = result["end"] < result["start"].fillna(result["enabled"])
    if backwards.any():
        earlier = "start" if step.start else "enabled"
        reading.tally.repaired("visits ended before they started; start and end were swapped", int(backwards.sum()))
        result[earlier], result["end"] = result[earlier].mask(backwards, result["end"]), result["end"].mask(backwards, result[earlier])
    if reading.mapping.activities[name].kind != "work" and step.enabled:  # entering it is all there is to it
        result["end"], result["enabled"] = result["enabled"].fillna(result["end"]), pd.NaT
    for role, said in words.items():
        if role != "outcome" or reading.mapping.activities[name].ends:
            result[role] = said[rows.index].astype("str")
    if step.resource:
        result["resource"] = names(rows[step.resource], "resource", reading.tally).astype("str")
    dated = result[["enabled", "start", "end"]].notna().any(axis=1)
    reading.tally.dropped("rows without a date were dropped", int((~dated).sum()))
    return result[dated]


def documents(reading: Reading) -> Part:
    """A row says that a document follows another; the case is the first document of the flow, the rest are events of it."""
    import pandas as pd

    columns, tally = reading.columns, reading.tally
    assert columns.case is not None
    assert columns.before is not None
    assert columns.activity is not None
    frame = reading.frame()
    for role in (columns.case, columns.before, columns.activity):
        frame = reading.dropped_where(frame, reading.text(frame, role) == "", "links without both documents and a kind were dropped")
    if frame.empty:
        raise LogError(reading.rows.place, "no row links two documents", "check the mapping's columns and its 'where'")
    activities = reading.activities(frame, columns.activity)
    reading.known(activities)
    rows = pd.DataFrame({
        "document": reading.ids(frame, columns.case).astype("str"), "before": reading.ids(frame, columns.before).astype("str"),
        "activity": activities.astype("str"), "end": reading.dates(frame, columns.time), **{r: w.astype("str") for r, w in reading.words(frame).items()},
    })  # fmt: skip
    first = _roots(rows, reading)
    events = rows.drop_duplicates(["document", "activity"])
    tally.repaired("links are of further items or ways to the same document; it counts once", len(rows) - len(events))
    events = reading.dropped_where(events, events["end"].isna(), "rows without a date were dropped")
    events = events.assign(id=events["document"].map(first))
    events = events[events["id"].notna()]
    part = Part(reading.table.record, visits=shaped(events), born=born_of(events["id"], events["end"]))
    part.about = reading.about(frame, rows["document"].map(first).fillna(""))
    return part


def _roots(rows: pd.DataFrame, reading: Reading) -> dict[str, str]:
    """Document -> the first document of its flow."""
    parents: dict[str, set[str]] = {}
    for document, before in zip(rows["document"], rows["before"], strict=True):
        if document != before:
            parents.setdefault(document, set()).add(before)
    roots: dict[str, frozenset[str]] = {}
    circles = 0
    for document in parents:
        stack = [(document, False)]
        path: set[str] = set()
        while stack:
            here, is_done = stack.pop()
            if is_done:
                path.discard(here)
                above = [roots[p] for p in parents[here] if p in roots]
                roots[here] = frozenset().union(*above) if above else frozenset()
            elif here not in roots:
                if here not in parents:
                    roots[here] = frozenset((here,))
                elif here in path:
                    circles += 1
                else:
                    path.add(here)
                    stack.append((here, True))
                    stack.extend((p, False) for p in sorted(parents[here], reverse=True))
    several = [d for d in parents if len(roots[d]) > 1]
    if several:
        reading.tally.doubtful("documents follow several first ones; they count for the first by name", len(several), several[0])
    if circles:
        lost = [d for d in parents if not roots[d]]
        reading.tally.dropped("documents follow each other in a circle and were dropped", max(len(lost), 1), (lost or [""])[0])
    return {d: min(r) for d, r in roots.items() if r}


def staff(reading: Reading) -> Part:
    """A row says which team a person belongs to."""
    frame, columns = reading.frame(), reading.columns
    assert columns.resource is not None
    assert columns.team is not None
    who, team = names(frame[columns.resource], "resource", reading.tally).astype("str"), names(frame[columns.team], "team", reading.tally).astype("str")
    unread = [c for c in reading.rows.columns if c not in {columns.resource, columns.team, columns.cost, *reading.table.where}]
    if unread:
        reading.tally.doubtful(f"columns of the table of people are not read ({', '.join(unread[:MOST_COLUMNS_NAMED])}); hours and absence are learnt from what people did", len(unread))
    filled = (who != "") & (team != "")
    reading.tally.dropped("rows of people without a name or a team were dropped", int((~filled).sum()))
    moved = who[filled].duplicated()
    reading.tally.doubtful("people stand in several rows; the first team counts", int(moved.sum()))
    part = Part(reading.table.record, teams=dict(reversed(list(zip(who[filled], team[filled], strict=True)))))
    if columns.cost is not None:
        cost = amounts(reading.text(frame, columns.cost), "costs of an hour", reading.tally)[filled & ~moved.reindex(who.index, fill_value=False)]
        part.hourly = {name: float(money) for name, money in zip(who[cost.index], cost, strict=True) if money >= 0}
    return part
