"""Tables of events and of states: how their rows become visits of cases to activities.

Dates are in UTC, keys and names are categoricals, and every row that is not in the result is in the tally.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers import lifecycle
from salessim.importers.quality import Tally
from salessim.importers.reading import STAMPS, WORDS, Part, Reading, born_of, shaped, window_of
from salessim.importers.tidy import names

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


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
        rows["end"] = reading.not_before(rows["start"], rows["end"])
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
    part.window = window_of(rows)
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


def states(reading: Reading) -> Part:
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
        initial = first.assign(activity=first["before"].astype("str"), end=first["enabled"], enabled=_made(first, reading), start=pd.NaT)
        visits = pd.concat([initial.assign(activity=initial["activity"].astype("category")), visits])
    part.visits = shaped(visits)
    return part


def _made(first: pd.DataFrame, reading: Reading) -> pd.Series:
    """When the records of these first changes were made, by the table `current` names: the case may be older, as its lead is."""
    import pandas as pd

    unknown = pd.Series(pd.NaT, index=first.index, dtype=first["enabled"].dtype)
    if not reading.table.current:
        return unknown
    register = reading.current()
    frame, ids, _ = _keyed(register)
    since = pd.Series(register.dates(frame, register.columns.time).array, index=ids.astype("str"))
    made = first["id"].astype("str").map(since[~since.index.duplicated()]).astype(first["enabled"].dtype)
    return made.where(made <= first["enabled"], unknown)


def _with_current(rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The rows, and one more for each record that no row is of: its present state, since it is known."""
    import pandas as pd

    register = reading.current()
    frame, ids, activities = _keyed(register)
    more = pd.DataFrame({"id": ids.astype("str"), "activity": activities.astype("str"), "enabled": register.dates(frame, register.columns.time)})
    more = more[~more["id"].isin(set(rows["id"].astype("str"))) & more["enabled"].notna()].drop_duplicates("id")
    reading.tally.doubtful("records never changed their state; they are in the present one since they were made", len(more))
    both = pd.concat([rows.astype({"id": "str", "activity": "str"}), more], ignore_index=True)
    words = {c: both[c].astype("str").fillna("").astype("category") for c in (*WORDS, "before") if c in both}
    return both.assign(id=both["id"].astype("category"), activity=both["activity"].astype("category"), **words)


def _us(stamps: pd.Series) -> NDArray[np.int64]:
    """Microseconds; NaT is the smallest integer."""
    import numpy as np

    return np.asarray(stamps.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64))
