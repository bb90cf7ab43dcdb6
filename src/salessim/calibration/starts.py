"""Starts of work where only ends are logged: the later of when the case was there and when the person was free, less idle time.

A person cannot have begun before the case was left by its last visit, nor before finishing what he or she did last; what lies
between that and the end, in working hours, is work and time in which nothing was done. How much of it is work is told from
the gaps between what one person finishes (`gaps`); where these tell nothing, nothing is claimed, and only the bound is said.

Sources: the bound is that of Chapela-Campos and Dumas (2022), "Repairing activity start times to improve business process
simulation", and of Fracca et al. (2022); they take the whole of it for work, or cut what is unusually long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.days import are_days
from salessim.calibration.gaps import LEAST, Gaps, Work, work
from salessim.calibration.history import arrival_seen, first_person, gave_up, seconds
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.log import EventLog
from salessim.wording import lasting

if TYPE_CHECKING:
    from salessim.calibration.clocks import Clock
    from salessim.calibration.staff import Staff

COARSE = 3.0
"""So many of the units that stamps are written down in is the least time of work that they tell: rounding alone takes away the gaps below one."""
ROUND = 0.95
"""Of the stamps are multiples of their unit."""
AT_ONCE = 1.0
"""Seconds: what a person finishes within one of something else was done together with it, or entered in bulk."""
NIGHT = 4 * 3600.0
"""A team that is closed for longer has gone home: work does not wait for it as for the end of a lunch."""
MOST_GROUPS = 4
"""Of people, by how busy they are: more would tell little more."""
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Starts:
    """A log with starts where they could be told.

    Args:
        log: the same rows.
        found: activity -> what its work takes, where it was told from gaps.
        literal: activities whose start is taken to be the later of readiness and availability, because the log says when cases were ready.
        bounds: activity -> mean seconds that its work takes at most, where more is not known.
        hours: activity -> hours of work that are estimates.
    """

    log: EventLog
    found: dict[str, Work] = field(default_factory=dict)
    literal: tuple[str, ...] = ()
    bounds: dict[str, float] = field(default_factory=dict)
    hours: dict[str, float] = field(default_factory=dict)

    def error(self, activity: str) -> float:
        """Standard error of the mean of work, relative to it, for not knowing the starts."""
        return self.found[activity].error if activity in self.found else 0.0


    def facts(self, staff: Staff, activities: pd.Series) -> dict[str, str]:
        """What rests on estimates, in words.

        Args:
            staff: whose load it is.
            activities: of all visits of the log by people.
        """
        if not self.hours:
            return {}
        begun, ended = seconds(self.log.frame["started"]), seconds(self.log.frame["ended"])
        rows = self.log.frame[activities.reindex(self.log.frame.index, fill_value="") != ""]
        place = self.log.frame.index.get_indexer(rows.index)
        known = ~np.isnan(begun[place]) & ~np.isnan(ended[place])
        frame = pd.DataFrame({"team": staff.team_of(rows).to_numpy(object), "step": rows["step"].to_numpy(object), "begun": begun[place], "ended": ended[place]})[known]
        loads, estimated, total = [], 0.0, 0.0
        for team, mine in frame.groupby("team"):
            clock = staff.clocks[str(team)]
            spent = np.maximum(0.0, clock.spent(mine["begun"].to_numpy(), mine["ended"].to_numpy()))
            guessed = mine["step"].isin(list(self.hours)).to_numpy()
            first, last = (np.array([pd.Timestamp(x).timestamp()]) for x in (self.log.about.start, self.log.about.end))
            there = float((clock(last) - clock(first))[0]) * int(staff.teams[str(team)]["size"])
            estimated, total = estimated + float(spent[guessed].sum()), total + float(spent.sum())
            if guessed.any() and there > 0:
                # Errors of activities do not depend on each other: their gaps are not the same.
                error = sum((self.error(str(s)) * float(spent[(mine["step"] == s).to_numpy()].sum())) ** 2 for s in self.hours) ** 0.5
                loads.append(f"{team} {100 * spent.sum() / there:.0f} % (± {196 * error / there:.0f}) busy instead of {100 * spent[~guessed].sum() / there:.0f} % without them")
        means = [f"{step!r} {lasting(law.mean, longest='h')} ({lasting(law.interval[0], longest='h')} to {lasting(law.interval[1], longest='h')})" for step, law in sorted(self.found.items())]
        told = f"mean work of {', '.join(means)}; " if means else ""
        return {"Estimated starts": f"{100 * estimated / max(total, 1e-9):.0f} % of all hours of work rest on starts that are not logged but estimated: {told}{'; '.join(loads)}"}

    def assumptions(self) -> list[str]:
        """What was taken for granted, and what cannot be told."""
        result = []
        if self.found:
            result.append(
                f"Starts are not logged at {', '.join(map(repr, sorted(self.found)))}: how long work takes there is told from the gaps between what one person finishes, "
                "short ones being missing; what people do that the log does not show counts as idle."
            )
        if self.literal:
            result.append(
                f"Starts are not logged at {', '.join(map(repr, self.literal))}: work is taken to begin as soon as the case is ready and the person has finished the last thing, so it holds pauses as well."
            )
        if self.bounds:
            most = ", ".join(f"{step!r} {lasting(bound, longest='h')}" for step, bound in sorted(self.bounds.items()))
            result.append(
                "Only ends are logged at some activities, and the gaps between what one person finishes do not tell how long work takes there (people are seldom busy, gaps are not many, or work varies as waits do). "
                f"The model has it take no time, so more staff changes nothing there. It is at most, in working time on average: {most}."
            )
        return result


@dataclass(frozen=True)
class _Seen:
    """What people finished, in order of people and time; seconds."""

    row: Any
    who: Any
    """The place of the person among all."""
    step: Any
    team: Any
    ready: Any
    ended: Any
    before: Any
    """When the person finished the last thing before; NaN where nothing is known."""
    hidden: Any
    """Whether it ended while the person was known to be at something else."""
    only_end: Any


def starts(log: EventLog, staff: Staff) -> Starts:
    """Starts for a log that has ends of work only, at some of its activities or at all.

    Args:
        log: a case's visits side by side.
        staff: learnt from it.
    """
    seen = _seen(log, staff)
    if seen is None:
        return Starts(log)
    begun = seconds(log.frame["started"])
    found: dict[str, Work] = {}
    bounds: dict[str, float] = {}
    hours: dict[str, float] = {}
    literal = []
    left: dict[str, float] = {}
    """Team -> seconds on duty that are not spent yet."""

    def there(team: str) -> float:
        first, last = (np.array([pd.Timestamp(x).timestamp()]) for x in (log.about.start, log.about.end))
        return float((staff.clocks[team](last) - staff.clocks[team](first))[0]) * int(staff.teams[team]["size"])

    bound = np.fmax(seen.before, seen.ready)
    bound = np.where(np.isfinite(bound), bound, seen.ended)  # nothing is known of what was before
    for step in sorted(set(seen.step[seen.only_end])):
        mine = np.flatnonzero((seen.step == step) & seen.only_end)
        team = staff.does[step][0]
        clock = staff.clocks[team]
        held = np.maximum(0.0, clock.spent(np.minimum(bound[mine], seen.ended[mine]), seen.ended[mine]))
        gaps, back_to_back = _gaps(seen, mine, team, clock)
        law = work(gaps, int(staff.teams[team]["size"]))
        worked = np.zeros(len(mine))
        if law is not None:
            at = (0.5 + _GOLDEN * np.arange(len(mine))) % 1.0
            for kind in (True, False):
                worked[back_to_back == kind] = law.within(held[back_to_back == kind], at[back_to_back == kind])
            # What comes in bulk, or is written down by the minute, has no short gaps either: nobody works more than is there, or less than is written.
            if left.setdefault(team, there(team)) < worked.sum() or law.mean < COARSE * unit_of(seen.ended[mine]):
                law, worked = None, np.zeros(len(mine))
        if law is not None:
            found[step] = law
            left[team] -= float(worked.sum())
        elif log.about.enabled_known:
            literal.append(step)
            worked = held
        else:
            if ends := sum(len(g.whole) for g in gaps):
                bounds[step] = float(sum(g.whole.sum() + g.longer.sum() for g in gaps)) / ends
            continue
        worked = np.where(seen.hidden[mine], 0.0, worked)
        begun[seen.row[mine]] = np.maximum(clock.before_end(seen.ended[mine], worked), np.minimum(bound[mine], seen.ended[mine]))
        hours[step] = float(worked.sum()) / 3600
    if not hours:
        return Starts(log, bounds=bounds)
    column = log.frame["started"]
    told = pd.Series(pd.to_datetime(np.round(begun * 1e6), unit="us", utc=True), index=log.frame.index).dt.tz_convert(log.about.time_zone).astype(column.dtype)
    filled = column.where(column.notna() | np.isnan(begun), told)
    # A case that comes in with its first visit comes in with its start.
    enabled = log.frame["enabled"].where(~(filled < log.frame["enabled"]), filled)
    return Starts(EventLog(log.frame.assign(started=filled, enabled=enabled), log.about), found, tuple(literal), bounds, hours)


def unit_of(stamps: Any) -> float:
    """Seconds in which stamps are written down: the longest of an hour, a quarter, five minutes and one that nearly all are multiples of, or a second.

    Example:
        >>> unit_of(np.array([60.0, 180.0, 240.0])), unit_of(np.array([61.0, 7.0]))
        (60.0, 1.0)
    """
    return next((unit for unit in (3600.0, 900.0, 300.0, 60.0) if np.mean(np.mod(stamps, unit) == 0) >= ROUND), 1.0)


def _seen(log: EventLog, staff: Staff) -> _Seen | None:
    """What named people finished; None where no start is missing, or nobody is named."""
    frame = log.frame
    people = first_person(frame)
    real = frame["step"].isin(sorted(staff.staffed)) & ~frame["step"].isin([WAITING, SYSTEM]) & (frame["team"] != "system") & (people != "") & frame["ended"].notna() & ~gave_up(frame)
    rows = np.flatnonzero(real.to_numpy())
    part = frame.iloc[rows]
    no_start = part["started"].isna()
    whole = no_start.groupby(part["step"]).all()
    ends_only = {s for s in whole.index[whole] if not are_days(part.loc[part["step"] == s, "ended"])}
    if not ends_only:
        return None
    ended, begun = seconds(part["ended"]), seconds(part["started"])
    _, who = np.unique(people.iloc[rows].to_numpy(str), return_inverse=True)
    order = np.lexsort((ended, who))
    rows, ended, begun, who = rows[order], ended[order], begun[order], who[order]
    first = np.concatenate([[True], who[1:] != who[:-1]])
    before = np.where(first, np.nan, np.concatenate([[np.nan], ended[:-1]]))
    part = part.iloc[order]
    ready = seconds(part["enabled"])
    if not arrival_seen(log):  # since when a case was there before its first visit is not known
        ready = np.where(~frame.duplicated("case").to_numpy()[rows], -np.inf, ready)
    return _Seen(
        rows, who, part["step"].to_numpy(object), staff.team_of(part).to_numpy(object), np.minimum(ready, ended), ended, before, _hidden(who, begun, ended),
        part["step"].isin(ends_only).to_numpy(),
    )  # fmt: skip


def _hidden(who: Any, begun: Any, ended: Any) -> Any:
    """Which ends lie within something else that the same person is known to have been at."""
    known = np.flatnonzero(~np.isnan(begun))
    if not len(known):
        return np.zeros(len(who), bool)
    apart = who * (float(ended.max() - np.nanmin(begun)) + 1.0)
    start, end = (begun + apart)[known], (ended + apart)[known]
    order = np.argsort(start, kind="stable")
    reached = np.concatenate([[-np.inf], np.maximum.accumulate(end[order])])
    at = ended + apart
    return reached[np.searchsorted(start[order], at, side="left")] > at


def _night(clock: Clock, begun: Any, ended: Any) -> tuple[Any, Any]:
    """Whether the team went home between two times, and when it did after the first of them."""
    if clock.always:
        return np.zeros(len(begun), bool), np.full(len(begun), np.inf)
    long = np.append(clock.opens[1:] - clock.closes[:-1] > NIGHT, True)
    closing = np.append(clock.closes[long], np.inf)[np.searchsorted(clock.closes[long], begun)]
    return closing < ended, closing


def _gaps(seen: _Seen, mine: Any, team: str, clock: Clock) -> tuple[list[Gaps], Any]:
    """Gaps on cases that were there already when the person got free, by how busy people are; and which rows have one."""
    over, closing = _night(clock, seen.before, seen.ended)
    left = clock(np.minimum(closing, seen.ended)) - clock(seen.before)
    known = (seen.team == team) & (left > 0)
    size = int(seen.who.max()) + 1
    ends = np.bincount(seen.who[known & ~over], minlength=size)
    pace = np.bincount(seen.who[known], left[known], size) / np.maximum(ends, 1)
    usable = np.zeros(len(over), bool)
    usable[mine] = True
    usable &= known & (seen.ready < seen.before) & (seen.ended - seen.before > AT_ONCE) & (left > AT_ONCE) & ~seen.hidden
    whole = usable & ~over
    quiet = _others(seen, seen.team == team, np.minimum(closing, seen.ended)) == 0
    # People in order of their pace, cut where a group has enough gaps.
    order = np.argsort(pace, kind="stable")
    count = np.cumsum(np.bincount(seen.who[whole], minlength=size)[order])
    groups = int(np.clip(count[-1] // LEAST, 1, MOST_GROUPS))
    group = np.empty(size, int)
    group[order] = np.minimum(np.maximum(count - 1, 0) * groups // max(1, count[-1]), groups - 1)
    of = group[seen.who]
    found = [
        Gaps(left[whole & (of == g)], left[usable & over & (of == g)], float(left[known & (of == g)].sum()) / max(1, int((known & ~over & (of == g)).sum())), quiet[whole & (of == g)], quiet[usable & over & (of == g)])
        for g in range(groups) if (whole & (of == g)).any()
    ]  # fmt: skip
    return found, whole[mine]


def _others(seen: _Seen, team: Any, until: Any) -> Any:
    """How many things others of a team finished since each person's last end, up to a time."""
    ended = np.sort(seen.ended[team])
    before = np.nan_to_num(seen.before, nan=-np.inf)
    return np.searchsorted(ended, until, side="left") - np.searchsorted(ended, before, side="right")
