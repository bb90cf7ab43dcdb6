"""Several things at once: what of the hours that a log counts as work a person spent on each of the visits that overlap.

While n visits of one person are open, each has an n-th of the person (processor sharing; Estrada-Torres, Camargo, Dumas,
Garcia-Banuelos, Mahdy and Yerokhin 2021, "Discovering business process simulation models in the presence of multitasking and
availability constraints"). So no hour counts twice, and nobody is busy for more than all of it.

That is right where visits hold each other up. Chats do not: the agent writes to one customer while the others read. Then
visits take as long however many are open, and the team has a `concurrency`. The log tells which it is: shared visits are the
longer the more others are open, one for one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.history import first_person, seconds
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.log import EventLog

if TYPE_CHECKING:
    from salessim.calibration.staff import Staff

TWICE = 0.01
"""Overlaps below this share of the hours are stamps that are a little off."""
LEAST = 60
"""Visits that overlap, from which on it is told whether they hold each other up: a slope of 0 is then told from 1 at any spread of the times below threefold."""
HALF_WAY = 0.5
"""Between a slope of 0 (visits do not mind each other) and of 1 (they share the person)."""


def shared(begun: Any, ended: Any, person: Any) -> Any:
    """What a person spent on each visit, its hours divided by how many are open at the time.

    Args:
        begun, ended: seconds, shape [n]; known.
        person: of each visit, a name.

    Returns:
        Seconds, shape [n]; those of a person sum to the time in which any visit was open.

    Example:
        >>> shared([0, 1800], [3600, 5400], ["ann", "ann"]).tolist()  # half an hour is shared
        [2700.0, 2700.0]
    """
    begun, ended = np.asarray(begun, float), np.asarray(ended, float)
    if not len(begun):
        return np.zeros(0)
    ended = np.maximum(begun, ended)
    _, who = np.unique(np.asarray(person, object).astype(str), return_inverse=True)
    # Each person's visits are put on a stretch of time of their own, so that one pass serves all.
    apart = who * (float(ended.max() - begun.min()) + 1.0)
    first, last = begun + apart, ended + apart
    at, place = np.unique(np.concatenate([first, last]), return_inverse=True)
    change = np.bincount(place[: len(first)], minlength=len(at)) - np.bincount(place[len(first) :], minlength=len(at))
    open_ = np.cumsum(change)[:-1]
    spent = np.concatenate([[0.0], np.cumsum(np.where(open_ > 0, np.diff(at) / np.maximum(open_, 1), 0.0))])
    return spent[place[len(first) :]] - spent[place[: len(first)]]


def counted_twice(begun: Any, ended: Any, person: Any) -> float:
    """The share of all hours of work that is counted more than once, because visits of one person overlap.

    Args:
        begun, ended: seconds; visits of which one is not known are left out.
        person: of each visit, a name.

    Returns:
        0 where nobody ever does two things at once; 0.5 where everybody always does two.

    Example:
        >>> counted_twice([0, 1800], [3600, 5400], ["ann", "ann"])  # an hour and a half looks like two
        0.25
    """
    begun, ended, person = np.asarray(begun, float), np.asarray(ended, float), np.asarray(person, object)
    known = ~np.isnan(begun) & ~np.isnan(ended) & (person != "")
    total = float(np.maximum(ended - begun, 0.0)[known].sum())
    return float(1 - shared(begun[known], ended[known], person[known]).sum() / total) if total > 0 else 0.0


def slope(times: Any, own: Any) -> float | None:
    """By how much visits are longer the more are open, both in logarithms: 0 if they do not mind each other, 1 if they share the person.

    Args:
        times: seconds of each visit, shape [n].
        own: the person's share of them, from `shared`.

    Returns:
        None where too few overlap to tell, or all alike: where as many are open at every visit nothing says what one more
        would do. Two standard errors have to be less than what is half-way from one answer to the other.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> times, many = rng.exponential(1800, 500), rng.uniform(1, 3, 500)
        >>> abs(slope(times, times / many)) < 0.3, slope(times * many, times) > 0.7
        (True, True)
    """
    times, own = np.asarray(times, float), np.asarray(own, float)
    positive = (times > 0) & (own > 0)
    at_once = np.log(times[positive] / own[positive])
    if (at_once > np.log1p(TWICE)).sum() < LEAST:
        return None
    (length, both), (_, spread) = np.cov(np.log(times[positive]), at_once).tolist()
    if spread == 0:
        return None
    found = both / spread
    error = math.sqrt(max(0.0, length - found * both) / (len(at_once) * spread))
    return found if 2 * error < HALF_WAY else None


@dataclass(frozen=True)
class Overlap:
    """A log in which nobody does more than one thing at once, but for teams that have a `concurrency`.

    Args:
        log: the same rows; visits that were shared begin later, so that they last as long as the person was at them.
        told: what was found, for each team.
    """

    log: EventLog
    told: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, str]:
        """In words."""
        return {"Several things at once": "; ".join(f"{team}: {said}" for team, said in self.told.items())} if self.told else {}


def one_at_a_time(log: EventLog, staff: Staff) -> Overlap:
    """Share the hours of visits that overlap, or give their team a `concurrency`.

    Args:
        log: a case's visits side by side.
        staff: learnt from it; teams that have several things at once without minding get a `concurrency`.
    """
    frame = log.frame
    first = first_person(frame)
    work = frame["step"].isin(sorted(staff.staffed)) & ~frame["step"].isin([WAITING, SYSTEM]) & (frame["team"] != "system") & (first != "")
    rows = np.flatnonzero((work & frame["started"].notna() & frame["ended"].notna()).to_numpy())
    part, people = frame.iloc[rows], first.iloc[rows].to_numpy(object)
    begun, ended = seconds(part["started"]), np.maximum(seconds(part["started"]), seconds(part["ended"]))
    teams, moved = staff.team_of(part).to_numpy(object), seconds(frame["started"])
    told: dict[str, str] = {}
    for team in sorted(set(teams)):
        # What a person does for another team takes time as well, but is on another clock: seldom enough to be left out.
        mine = np.flatnonzero(teams == team)
        clock = staff.clocks[team]
        since, until = clock(begun[mine]), clock(ended[mine])
        times, own = until - since, shared(since, until, people[mine])
        twice = 1 - float(own.sum()) / max(float(times.sum()), 1e-9)
        if times.sum() <= 0 or twice < TWICE:
            continue
        longer = slope(times, own)
        several = _at_once(since, until, people[mine])
        paired = team in staff.together.values() or any(team in staff.does[step] for step in staff.together)
        said = f"{100 * twice:.0f} % of the hours of work count twice, because visits of one person overlap; "
        if longer is not None and longer < HALF_WAY and several > 1 and not paired:
            staff.teams[team]["concurrency"] = several
            told[team] = said + f"visits take as long however many are open (slope {longer:.2f} of 0 to 1), so a person is taken to have up to {several} at once"
            continue
        known = longer is not None and longer >= HALF_WAY
        why = f"they are the longer the more are open (slope {longer:.2f} of 0 to 1)" if known else "too few overlap, or all alike, to tell whether they hold each other up"
        told[team] = said + f"{why}, so a person's time is shared among them: {100 * (1 - twice):.0f} % of the hours logged are work, one thing at a time, and the rest is wait"
        change = own < times * (1 - 1e-9)
        moved[rows[mine[change]]] = np.maximum(begun[mine], clock.before_end(ended[mine], own))[change]
    if not told:
        return Overlap(log)
    column = frame["started"]
    stamps = pd.Series(pd.to_datetime(np.round(moved * 1e6), unit="us", utc=True), index=frame.index).dt.tz_convert(log.about.time_zone).astype(column.dtype)
    changed = pd.Series(moved, index=frame.index).ne(pd.Series(seconds(column), index=frame.index)) & column.notna()
    return Overlap(EventLog(frame.assign(started=column.where(~changed, stamps)), log.about), told)


def _at_once(begun: Any, ended: Any, person: Any) -> int:
    """How many visits a person has at once: the most that one visit in twenty begins as or beyond."""
    counts = []
    for name in sorted(set(person)):
        mine = person == name
        start, end = np.sort(begun[mine]), np.sort(ended[mine])
        counts.append(np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right"))
    return max(1, int(np.quantile(np.concatenate(counts), 0.95))) if counts else 1
