"""A log as calibration needs it: cut off at a date, its cases as sequences of visits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from salessim.importers.eventlog import WAITING
from salessim.log import EventLog

if TYPE_CHECKING:
    import datetime as dt


def cut(log: EventLog, at: dt.datetime) -> EventLog:
    """The log as it would have been exported at a date: nothing later is known, cases may be open."""
    frame = log.frame
    begun = frame["started"].fillna(frame["ended"]).fillna(frame["enabled"])
    unstaffed = (frame["person"] == "") & (frame["started"] == frame["enabled"])
    keep = (begun < at) & ~((frame["ended"] >= at) & (frame["step"] == WAITING))
    # A customer's wait that began before the cut is known to be under way; a visit to people only once it has begun.
    keep |= unstaffed & (frame["enabled"] < at) & (frame["step"] != WAITING)
    first = ~frame.duplicated("case")
    if log.about.enabled_known:
        keep |= frame["enabled"] < at
    elif arrival_seen(log):  # who has come in is known to be there
        keep |= first & (frame["enabled"] < at)
    kept = frame[keep].copy()
    late = ~(kept["ended"] < at)
    kept.loc[~(kept["started"] < at), "started"] = pd.NaT
    kept.loc[late, "ended"] = pd.NaT
    if not log.about.enabled_known:  # a visit that nobody has begun is none yet: the case is on its way to it
        unbegun = kept["started"].isna() & kept["ended"].isna()
        kept.loc[unbegun, ["step", "team", "person"]] = [WAITING, "system", ""]
        kept.loc[unbegun, "started"] = kept.loc[unbegun, "enabled"]
    last = ~kept.duplicated("case", keep="last")
    over = ~kept["outcome"].isin(["next", "gave up"])
    kept.loc[last & (late | ~over), "outcome"] = "open"
    return EventLog(kept.reset_index(drop=True), replace(log.about, end=at))


def gave_up(frame: pd.DataFrame) -> pd.Series:
    """Which visits were left before anybody took them up.

    Only what the log says counts: the outcome is "gave up" or "lost: ...", nobody is named and there is no start, at an
    activity whose other visits mostly have one or the other. Any other visit without a start is one whose start is
    not known.
    """
    said = (frame["outcome"] == "gave up") | frame["outcome"].str.startswith("lost: ")
    evident = frame["started"].notna() | (frame["person"] != "")
    candidate = said & ~evident & frame["ended"].notna()
    usual = evident[~candidate].groupby(frame["step"][~candidate]).mean()
    return candidate & (frame["step"].map(usual).fillna(0.0) >= 0.5)


def arrival_seen(log: EventLog) -> bool:
    """Whether the log shows cases come in before their first visit, as events without work do."""
    if log.about.enabled_known:
        return True
    first = log.frame.drop_duplicates("case")
    begun = first["started"].where(first["step"] != WAITING).fillna(first["ended"])
    return bool(((first["enabled"] < begun) | begun.isna()).mean() > 0.05)


def without_arrival(frame: pd.DataFrame) -> pd.DataFrame:
    """A log in which a case comes in with its first start, as logs without times of readiness have it."""
    first = ~frame.duplicated("case")
    begun = frame["started"].fillna(frame["ended"])
    return frame.assign(enabled=frame["enabled"].where(~first, begun))


def first_person(frame: pd.DataFrame) -> pd.Series:
    """Who does each visit; of two people the one who is named first. Each name is taken apart once, however many visits it has."""
    codes, people = pd.factorize(frame["person"])
    return pd.Series(pd.array([str(name).split(" + ", 1)[0] for name in people], dtype="str").take(codes), frame.index)


class HasFrame(Protocol):
    """Anything with visits: a log, or a part of one."""

    @property
    def frame(self) -> pd.DataFrame:
        """The visits."""


def born(log: HasFrame) -> pd.Series:
    """When each case came in."""
    return log.frame.groupby("case", sort=False)["enabled"].min()


def ends(log: HasFrame) -> pd.DataFrame:
    """The last visit of each case: when and how it ended; NaT and "open" where it has not."""
    last = log.frame.drop_duplicates("case", keep="last").set_index("case")
    closed = last["outcome"] != "open"
    return pd.DataFrame({"ended": last["ended"].where(closed), "outcome": last["outcome"], "stage": last["stage"]})


def seconds(dates: pd.Series) -> np.ndarray:
    """Dates as float seconds since 1970; NaN where there is none."""
    values = dates.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    result = values.astype("int64") / 1e6
    result[np.isnat(values)] = np.nan
    return result
