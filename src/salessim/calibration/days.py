"""Dates without a time of day: the hour is not known, so none may be learnt from them.

A day is logged as its midnight. Taken literally, all cases would come in at 0:00, and every time between a day and a true
stamp would be half a day too long. So for learning days are spread evenly over the times of day at which other things of
the log happen, or over the whole day where nothing tells; and a simulated log is compared with the real one in days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.history import born
from salessim.log import DATES, EventLog

if TYPE_CHECKING:
    from collections.abc import Hashable

MOSTLY = 0.5
"""If more of some stamps stand at midnight, they are days: of stamps with a clock one in 86,400 does by chance, of full hours one in 24."""
ENOUGH = 60
"""Stamps with a time of day that show when things happen: the quartiles of so many are known to some 6 % of the stamps."""
_GOLDEN = (5**0.5 - 1) / 2
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Spread:
    """A log whose days have got times of day, and what was assumed."""

    log: EventLog
    arrivals: str | None = None
    """How arrivals got theirs; None where the log says them."""
    hours_known: bool = True
    """Whether the log shows for anything at which hours it happens."""
    assumption: str | None = None


def midnights(stamps: pd.Series) -> Any:
    """Which stamps stand at local midnight, to the microsecond."""
    return (stamps.notna() & (stamps.dt.normalize() == stamps)).to_numpy()


def are_days(stamps: pd.Series) -> bool:
    """Whether some stamps (with a zone, local) are days: most of those that are known stand at midnight."""
    known = int(stamps.notna().sum())
    return known > 0 and float(midnights(stamps).sum()) > MOSTLY * known


def _days(frame: pd.DataFrame, enabled_known: bool) -> dict[str, Any]:
    """Column of dates -> which of its cells are days, judged for arrivals together and for each step's stamps apart."""
    first = ~frame.duplicated("case").to_numpy()
    found: dict[str, Any] = {c: np.zeros(len(frame), bool) for c in DATES}
    if are_days(frame.loc[first, "enabled"]):
        found["enabled"] |= midnights(frame["enabled"]) & first
    later = frame[~first]
    groups: list[tuple[str, Hashable, pd.Series]] = [(c, s, x) for c in ("started", "ended") for s, x in frame.groupby("step")[c]]
    if enabled_known:
        groups += [("enabled", s, x) for s, x in later.groupby("step")["enabled"]]
    for column, _, stamps in groups:
        if are_days(stamps):
            found[column][stamps.index] |= midnights(stamps)
    return found


def spread(log: EventLog) -> Spread:
    """Give days times of day.

    What happens to a case on a day whose other stamps have a clock comes before the first of these. The same day of a case is the
    same time wherever it stands. Times are a sequence of van der Corput's kind (multiples of the golden ratio), so that
    they fill the day evenly whatever number falls on it, and the same log always gets the same.

    Args:
        log: a case's visits side by side.
    """
    frame = log.frame.reset_index(drop=True)
    found = _days(frame, log.about.enabled_known)
    if not any(m.any() for m in found.values()):
        return Spread(log)
    wall = {c: frame[c].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) for c in DATES}
    known = {c: frame[c].notna().to_numpy() for c in DATES}
    case = pd.factorize(frame["case"])[0].astype(np.int64)
    marked = pd.MultiIndex.from_arrays([np.concatenate([case[found[c]] for c in DATES]), np.concatenate([wall[c][found[c]] for c in DATES])]).unique()
    moved = {c: known[c] & pd.MultiIndex.from_arrays([case, wall[c]]).isin(marked) for c in DATES}
    clocked = {c: known[c] & ~moved[c] for c in DATES}
    clocks = np.sort(np.concatenate([wall[c][clocked[c]] for c in DATES])) % DAY_US
    hours_known = len(clocks) >= ENOUGH
    table = marked.to_frame(index=False, name=["case", "day"]).sort_values(["day", "case"], ignore_index=True)
    share = (0.5 + _GOLDEN * np.arange(len(table))) % 1.0
    offset = np.quantile(clocks, share) if hours_known else DAY_US * share
    bounds = _first_clocked(case, wall, clocked).reindex(pd.MultiIndex.from_arrays([table["case"], table["day"]])).to_numpy()
    offset = np.where(offset > bounds, share * bounds, offset)  # NaN where nothing else happened on that day
    local = pd.Series((table["day"].to_numpy() + offset.astype(np.int64)).astype("datetime64[us]"))
    zone = log.about.time_zone
    stamps = local.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(local), bool)).clip(upper=pd.Timestamp(log.about.end).tz_convert(zone))
    place = pd.Series(np.arange(len(table)), index=pd.MultiIndex.from_arrays([table["case"], table["day"]]))
    result = frame.copy()
    for c in DATES:
        rows = np.flatnonzero(moved[c])
        at = place.reindex(pd.MultiIndex.from_arrays([case[rows], wall[c][rows]])).to_numpy()
        column = result[c].copy()
        column.iloc[rows] = stamps.iloc[at].array
        result[c] = column
    over = "spread over the times of day of the log's other stamps" if hours_known else "spread evenly over the day"
    said = f"{len(table):,} dates of cases have no time of day: {over}; waits shorter than a day are not known."
    arrivals = f"the log has days without hours: {over}" if are_days(born(log)) else None
    return Spread(EventLog(result.set_axis(log.frame.index), log.about), arrivals, hours_known, said)


def _first_clocked(case: Any, wall: dict[str, Any], clocked: dict[str, Any]) -> pd.Series:
    """(case, day) -> microseconds into the day at which it has its first stamp with a clock."""
    cases = np.concatenate([case[clocked[c]] for c in DATES])
    stamps = np.concatenate([wall[c][clocked[c]] for c in DATES])
    day = stamps - stamps % DAY_US
    return pd.Series(stamps - day, index=pd.MultiIndex.from_arrays([cases, day])).groupby(level=[0, 1]).min().astype(float)
