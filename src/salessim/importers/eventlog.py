"""From what tables tell to the event log that we measure.

Kept as not known: the start of a visit of which only the end was stamped. Worked out: ends and enabled times that other
visits imply. Added: what work alone does not show (`_with_endings`). All of it is in the tally.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers.joining import History, history
from salessim.importers.mapping import CASE_ROLES, STAGES, Mapping, load_mapping, parse_mapping
from salessim.importers.names import LONGEST_STEP as LONGEST_STEP
from salessim.importers.names import MOST_STEPS as MOST_STEPS
from salessim.importers.names import NOT_GIVEN
from salessim.importers.names import SYSTEM as SYSTEM
from salessim.importers.names import WAITING as WAITING
from salessim.importers.names import clean as clean
from salessim.importers.names import clean_about as clean_about
from salessim.importers.names import step_names as step_names
from salessim.importers.parts import part_of
from salessim.importers.quality import Quality, Tally
from salessim.importers.readers import Source, Where, open_source
from salessim.importers.tidy import amounts, give_back
from salessim.log import DATES, EventLog, LogAbout
from salessim.records import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def read_log(source: Where, mapping: Mapping | str | Path | dict[str, Any]) -> tuple[EventLog, Quality]:
    """Read a log.

    Args:
        source: a file, a folder or several files (CSV, TSV, Excel, Parquet, XES, OCEL 2.0, SQLite; packed as people
            pack), or the address of a database.
        mapping: a `Mapping`, the path of a mapping file, or plain data.

    Returns:
        The event log, in the office's time zone, and the count of what was done to its rows.

    Raises:
        LogError: the source or the mapping cannot be used.
    """
    if isinstance(mapping, dict):
        mapping = parse_mapping(mapping)
    elif not isinstance(mapping, Mapping):
        mapping = load_mapping(mapping)
    return of_source(open_source(source), mapping)


def of_source(source: Source, mapping: Mapping) -> tuple[EventLog, Quality]:
    """The event log of a source that is open; see `read_log`."""
    tally = Tally()
    for what, count in source.counts.items():
        tally.repaired(what, count)
    parts = {label: part_of(label, table, source, mapping, tally) for label, table in mapping.parts().items()}
    told = history(parts, tally)
    give_back()
    log = _log(told, mapping, source.name, tally)
    quality = Quality(
        source.name, sum(tally.rows.values()), int(log.frame["case"].nunique()), len(log.frame), int(log.frame.loc[log.frame["outcome"] == "open", "case"].nunique()),
        tally.findings(), source.notes, tuple(tally.unmatched), tuple(tally.rows.items()),
    )  # fmt: skip
    return log, quality


def _log(told: History, mapping: Mapping, source: str, tally: Tally) -> EventLog:
    import pandas as pd

    steps = step_names(mapping.activities)
    rows = told.visits
    works = rows["activity"].map({name: a.kind == "work" for name, a in mapping.activities.items()}).astype(bool)
    if not works.any():
        raise LogError(
            source, "no activity of the mapping is work",
            "set kind: work for the activities people do; where a table has one date only, give the one that says when its cases began as well",
        )  # fmt: skip
    frame = _frame(rows[works], _endings(rows, works, mapping), told, mapping, steps, tally)
    zone, stages = mapping.office_in, set(frame["stage"].unique())
    about = LogAbout(
        start=told.window[0].tz_convert(zone).to_pydatetime(),
        end=_closing(told.window[1].tz_convert(zone), tally).to_pydatetime(),
        time_zone=zone,
        currency=mapping.currency,
        stages=tuple(s for s in STAGES if s in stages),
        milestones={steps[name]: a.milestone for name, a in mapping.activities.items() if name in steps and a.milestone},
        source=source,
        holidays=mapping.country,
        enabled_known=told.enabled_known,
        endings_known=not mapping.complete_cases_only,
        hourly=told.hourly,
        roster=told.teams,
    )
    for name, a in mapping.activities.items():
        if a.milestone and a.kind == "event" and not a.ends:  # an ending is in the log: the case is won with it
            marked = int((rows["activity"] == name).sum())
            tally.doubtful(f"events {name!r} mark the point {a.milestone!r}, but events are not in the log; set kind: work to keep it", marked)
    now = pd.Timestamp.now(tz="UTC") + pd.Timedelta(days=1)
    tally.doubtful("dates lie in the future", sum(int((rows[c] > now).sum()) for c in ("enabled", "start", "end")))
    log = EventLog(frame, about)
    open_cases = int((frame["outcome"] == "open").sum())
    if open_cases == frame["case"].nunique() and not mapping.complete_cases_only:
        raise LogError(
            source, "every case is still open, so nothing can be learnt about endings",
            "say which activities end a case ('ends: won' or 'ends: \"lost: reason\"'), or give the table that tells of endings as well",
        )  # fmt: skip
    return log


def _closing(last: pd.Timestamp, tally: Tally) -> pd.Timestamp:
    """Until when the log tells: its last date, and all of that day where it is a date without a time of day."""
    import pandas as pd

    return last + pd.DateOffset(days=1) if tally.has_days and last == last.normalize() else last


def _by_case(known: pd.Series, frame: pd.DataFrame) -> pd.Series:
    """What is known of the case of each visit; looked up once for a case, not for each visit."""
    return known.reindex(frame["case"].cat.categories).take(frame["case"].cat.codes.to_numpy()).set_axis(frame.index)


def _endings(rows: pd.DataFrame, works: pd.Series, mapping: Mapping) -> pd.DataFrame:
    """Case -> how and when it ended: as the outcome column says, or as the activity of its last ending means."""
    said = rows["outcome"].astype("str")
    how = said.where(said.isin(["won", "completed"]) | said.str.startswith("lost: "))
    ends = {name: a.ends for name, a in mapping.activities.items() if a.ends}
    how = how.fillna(rows["activity"].astype("str").map(ends)) if ends else how
    over = how.notna() & (rows["end"].notna() | ~works)
    when = rows["end"].fillna(rows["start"]).fillna(rows["enabled"])
    found = rows[over][["case"]].assign(how=how[over], when=when[over]).sort_values("when", kind="stable")
    return found.drop_duplicates("case", keep="last").astype({"case": "str"}).set_index("case")


def _frame(work: pd.DataFrame, endings: pd.DataFrame, told: History, mapping: Mapping, steps: dict[str, str], tally: Tally) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame({"case": work["case"].astype("category"), "activity": work["activity"], "said": work["outcome"], "suspended": work["suspended"]})
    for column, name in zip(DATES, ("enabled", "start", "end"), strict=True):
        frame[column] = work[name].dt.tz_convert(mapping.office_in)
    frame["person"], frame["own_team"], frame["own_stage"] = work["resource"], work["team"], work["stage"]
    order = frame["enabled"] if told.enabled_known else frame["started"].fillna(frame["ended"])
    frame["_by"] = order.fillna(frame["started"]).fillna(frame["ended"]).fillna(frame["enabled"])
    frame = frame.sort_values(["case", "_by", "ended"], kind="stable").reset_index(drop=True)
    frame["_from"] = frame["enabled"].fillna(frame["_by"])  # a state begins when it is entered, not when it is left
    born = told.born.dt.tz_convert(mapping.office_in)
    _enabled(frame, born, endings, told.enabled_known, tally)
    frame["step"] = frame["activity"].astype("str").map(steps)
    frame["stage"] = frame["activity"].astype("str").map({name: a.stage for name, a in mapping.activities.items()})
    frame["stage"] = frame["stage"].mask(frame["own_stage"].isin(STAGES).to_numpy(), frame["own_stage"].astype("str"))
    frame["visit"] = frame.groupby(["case", "step"], sort=False).cumcount().astype("int64")
    frame["person"] = frame["person"].astype("str").fillna("")
    tally.doubtful("visits name nobody", int((frame["person"] == "").sum()))
    frame["team"] = frame["own_team"].astype("str").fillna("")
    if told.teams:
        frame["team"] = frame["team"].mask(frame["person"].isin(list(told.teams)), frame["person"].map(told.teams))
    frame["team"] = frame["team"].mask(frame["person"].isin(mapping.system_resources), "system")
    give_back()
    frame["outcome"] = _outcomes(frame, endings, mapping, tally)
    frame = _with_endings(frame, endings, born, tally)
    give_back()
    return _with_attributes(frame, told.about, tally)


def _closed(endings: pd.DataFrame, frame: pd.DataFrame) -> pd.Series:
    """When the case of each visit ended, in the time zone of the visits."""
    return _by_case(endings["when"], frame).dt.tz_convert(frame["ended"].dt.tz)


def _enabled(frame: pd.DataFrame, born: pd.Series, endings: pd.DataFrame, is_known: bool, tally: Tally) -> None:
    """Fill in when visits were enabled: with the end of the visit before, or else the case's first date."""
    # A visit before without an end ended when the case went on, with this one, or with its ending in between: see `_outcomes`.
    closing = _closed(endings, frame)
    between = closing.where((closing >= frame["_from"].shift()) & (closing <= frame["_from"]))
    previous = frame["ended"].shift().fillna(between).fillna(frame["_from"]).where(frame["case"] == frame["case"].shift())
    if is_known:
        tally.doubtful("visits do not say when they were enabled; the end of the visit before counts", int(frame["enabled"].isna().sum()))
    enabled = frame["enabled"].fillna(previous)
    if enabled.isna().any():
        enabled = enabled.fillna(_by_case(born, frame))
    begun = frame["started"].fillna(frame["ended"]).fillna(enabled)
    frame["enabled"] = enabled.where(enabled <= begun, begun)
    tally.repaired("visits overlap the one before; they count as enabled when they started", int((enabled > begun).sum()))


def _outcomes(frame: pd.DataFrame, endings: pd.DataFrame, mapping: Mapping, tally: Tally) -> pd.Series:
    """What each case did after each visit; visits that others show to have ended get their end."""
    import pandas as pd

    last = ~frame.duplicated("case", keep="last")
    how = _by_case(endings["how"], frame)
    unfinished = frame["ended"].isna()
    if (frame["said"] != "").any():
        how = how.mask(unfinished)
    outcome = pd.Series("next", index=frame.index, dtype="str")
    outcome[last & how.isna()] = "open"
    outcome[last & how.isna() & ~unfinished & mapping.complete_cases_only] = "completed"
    outcome[last & how.notna()] = how[last & how.notna()].replace({"won": "completed"})
    contradictory = unfinished & ~(last & how.isna())
    tally.repaired("visits without an end were followed by others; they end when the case goes on", int(contradictory.sum()))
    if contradictory.any():
        following = frame["_from"].shift(-1).where(~last)
        earliest = frame["started"].fillna(frame["enabled"])
        closing = _closed(endings, frame)
        sooner = closing.where((closing >= earliest) & ~(closing > following))  # a stage that is open when the deal is won ends with that
        cut_short = sooner.fillna(following).fillna(closing).fillna(frame["_by"])
        cut_short = cut_short.mask(cut_short < earliest, earliest)  # visits of a case may overlap
        frame["ended"] = frame["ended"].where(~contradictory, cut_short)
    return _with_those_who_gave_up(frame, outcome, tally)


def _with_those_who_gave_up(frame: pd.DataFrame, outcome: pd.Series, tally: Tally) -> pd.Series:
    """The outcomes, "gave up" kept where the log says so; every other visit that ended without a start is counted.

    A customer gave up waiting only where the outcome column says so and nobody was there: "gave up", or "lost: REASON".
    A start that is missing elsewhere is a gap in the log.
    """
    startless = frame["started"].isna() & frame["ended"].notna()
    alone = startless & (frame["person"] == "")
    gave_up = alone & (frame["said"] == "gave up")
    left = alone & frame["said"].astype("str").str.startswith("lost: ") & outcome.str.startswith("lost: ")
    tally.doubtful("visits without a recorded start", int((startless & ~gave_up & ~left).sum()))
    return outcome.mask(gave_up & (outcome == "next"), "gave up")


def _with_endings(frame: pd.DataFrame, endings: pd.DataFrame, born: pd.Series, tally: Tally) -> pd.DataFrame:
    """Add what work alone does not show: the wait from the last visit to the ending, and cases nobody worked on.

    A case that a system decides by itself has one visit to the step SYSTEM; one that ends later than its last visit
    spends the time between in the step WAITING. So every case is there, with its whole cycle time.
    """
    import pandas as pd

    zone = frame["ended"].dt.tz
    over = endings.assign(when=endings["when"].dt.tz_convert(zone), outcome=endings["how"].replace({"won": "completed"}))
    last = frame[~frame.duplicated("case", keep="last")]
    when = _by_case(over["when"], last)
    is_late = when > last["ended"]
    late = last[is_late].assign(when=when[is_late], outcome=_by_case(over["outcome"], last)[is_late]).astype({"case": "str"}).set_index("case")
    tally.doubtful("visits ended after their case had", int((frame["ended"] > _by_case(over["when"], frame)).sum()))
    frame.loc[last.index[is_late], "outcome"] = "next"
    waits = pd.DataFrame({"step": WAITING, "stage": late["stage"], "enabled": late["ended"], "ended": late["when"], "outcome": late["outcome"]})
    worked = frame["case"].cat.remove_unused_categories().cat.categories
    alone = over[~_among(over.index, worked)]
    decided = pd.DataFrame({"step": SYSTEM, "stage": "lead", "enabled": born.reindex(alone.index).fillna(alone["when"]), "ended": alone["when"], "outcome": alone["outcome"]})
    silent = born[~_among(born.index, worked)]
    silent = silent[~_among(silent.index, over.index)]
    untouched = pd.DataFrame({"step": SYSTEM, "stage": "lead", "enabled": silent, "ended": pd.Series(pd.NaT, index=silent.index, dtype=frame["ended"].dtype), "outcome": "open"})
    rows = pd.concat([part for part in (waits, decided, untouched) if len(part)] or [waits])
    if rows.empty:
        return frame
    rows = rows.assign(started=rows["enabled"], visit=0, team="system", person="", suspended=0).rename_axis("case").reset_index()
    both = pd.concat([frame.astype({"case": "str"}), rows], ignore_index=True)
    return both.astype({"case": "category"}).sort_values("case", kind="stable").reset_index(drop=True)


def _among(keys: pd.Index, others: pd.Index) -> NDArray[np.bool_]:
    """Which keys are among others; none or the same, as in most logs, is seen at once, and a million texts need not be hashed."""
    import numpy as np

    return np.ones(len(keys), dtype=bool) if keys.empty or keys.equals(others) else np.asarray(keys.isin(others))


def _with_attributes(frame: pd.DataFrame, about: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Add what is known of the cases: what every log has, and the further columns of the mapping."""
    import pandas as pd

    instead = {"customer": frame["case"].astype("str"), "segment": "all", "channel": "log"}
    for role, default in instead.items():
        if role not in about:
            frame[role] = default
            continue
        said = _by_case(about[role], frame).fillna("").astype("str")
        blank = said == ""
        frame[role] = said.mask(blank, default if role == "customer" else NOT_GIVEN)
        called = "each counts as a customer of its own" if role == "customer" else f"they count as {NOT_GIVEN!r}"
        tally.doubtful(f"cases name no {role}; {called}", int(frame.loc[blank, "case"].nunique()))
    frame["value"] = 0.0
    if "value" in about:
        amount = amounts(about["value"].fillna(""), "amounts", tally)
        tally.doubtful("cases have no readable amount; they count as 0", int(amount.isna().sum()))
        frame["value"] = _by_case(amount, frame).fillna(0.0)
    frame["cost"] = 0.0
    extra = [c for c in about.columns if c not in CASE_ROLES]
    for name in extra:
        text = about[name].fillna("")
        number = pd.to_numeric(text.where(text != ""), errors="coerce")
        frame[name] = _by_case(number if number.notna().equals(text != "") else text, frame)
    if frame["suspended"].any():
        frame["suspended"] = frame["suspended"] / 1e6
        extra.append("suspended")
    for name in ("case", "step", "stage", "team", "person", "outcome"):
        frame[name] = frame[name].astype("str")
    return frame[[*COLUMNS, *extra]].reset_index(drop=True)
