"""What the visits to an activity tell: who does it, how long it takes, and how long customers wait for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration import laws, patience, sentences
from salessim.calibration.basis import Spent
from salessim.calibration.covariates import Effects, effects
from salessim.calibration.estimates import error_of_mean
from salessim.calibration.history import arrival_seen, gave_up, seconds
from salessim.calibration.queues import Impatient
from salessim.units import say_share

if TYPE_CHECKING:
    from salessim.calibration.patience import Patience
    from salessim.calibration.staff import Staff
    from salessim.calibration.starts import Starts
    from salessim.log import EventLog

LEAST_GIVE_UPS = 5
"""Fewer cases that gave up teach no patience."""
PEOPLE_DIFFER = 0.1
"""From here on it is told how much people differ."""


@dataclass
class Activities:
    """Writes what is done at a step, and keeps what that rests on.

    Args:
        log: a case's visits stand together; starts are in it, where they could be told.
        attempts: visits in which somebody found the customer gone; not in the log.
        gone: of all rows, those that are attempts.
        later: visits that are not the first of their case.
        staff, starts: who works where and when; whence starts are known.
        on_own_clock: activities that are waited for on a clock of their own.
        struck: whether an activity comes when a timer says so.
        segment_of: of each case.
        segment: segment of the log -> its name in the scenario.
        facts, assumptions: what was learnt from what, and what the log could not tell; it is added to both.
    """

    log: EventLog
    attempts: pd.DataFrame
    gone: pd.Series
    later: pd.Index
    staff: Staff
    starts: Starts
    on_own_clock: Collection[Any]
    struck: Callable[[str], bool]
    segment_of: pd.Series
    segment: Callable[[str], str]
    facts: dict[str, str]
    assumptions: list[str]
    spent: dict[tuple[str, str], Spent] = field(default_factory=dict)
    """(activity, kind of time) -> its times."""
    quits: dict[str, Patience | None] = field(default_factory=dict)
    """activity -> how long its customers wait."""
    impatient: dict[str, Impatient] = field(default_factory=dict)
    """Activities that cases leave before they begin, where it is not logged since when they wait."""
    effects: dict[str, Effects] = field(default_factory=dict)
    """activity -> what its work depends on."""

    def __post_init__(self) -> None:
        self.end = pd.Timestamp(self.log.about.end).tz_convert(self.log.about.time_zone)

    def done(self, step: str, rows: pd.DataFrame) -> dict[str, Any]:
        """Who does an activity, and how long it takes."""
        by_system = rows["team"] == "system"
        if step in self.staff.machines:
            return {"automatic": self._time_law(step, rows, "times of the system")}
        if step not in self.staff.staffed:
            return {"customer": self._time_law(step, rows, "times")}
        result: dict[str, Any] = {"work": self._time_law(step, rows[~by_system], "work times"), "by": self.staff.does[step], "patience": "none"}
        if step in self.on_own_clock and rows["started"].isna().all() and self.struck(step):
            result["by"] = self.staff.at_any_hour(step)
        if step in self.effects:
            result["factor"] = self.effects[step].formula(self.segment, self.log.about.currency)
        if step in self.staff.together:
            result["together_with"] = [self.staff.together[step]]
        if by_system.mean() >= 0.01:
            share = {"share": say_share(round(float(by_system.mean()), 4)), "source": f"data: {int(by_system.sum()):,} visits done by a system"}
            result["automation"] = share | {"time": self._time_law(step, rows[by_system], "times of the system")}
        return result

    def _time_law(self, step: str, rows: pd.DataFrame, what: str) -> Any:
        """The law of the time of an activity; that of people is working time on their team's calendar."""
        rows = rows[rows["started"].notna()]
        if rows.empty:
            if step not in self.starts.bounds:
                self.assumptions.append(sentences.only_ends(step))
            return {"law": "constant", "value": "0 min", "assumption": "only ends are logged"}
        if step in self.staff.staffed and what == "work times":
            rows = self._worked_through(rows)
        begun, ended = seconds(rows["started"]), seconds(rows["ended"])
        open_ = np.isnan(ended)
        until = np.where(open_, self.end.timestamp(), ended)
        times = until - begun
        if step in self.staff.staffed and what == "work times":
            teams = self.staff.team_of(rows).to_numpy()
            for team in sorted(set(teams)):
                mine = teams == team
                times[mine] = self.staff.clocks[team].spent(begun[mine], until[mine])
            times = times / self._effects(step, rows, np.where(open_, 0.0, times))
        law, doubt = laws.fitted(times, ~open_, what)
        if step in self.starts.hours and what == "work times" and isinstance(law, dict):
            law["assumption"] = "starts are not logged: estimated from when the case was there and the person free"
        error = math.hypot(error_of_mean(times, ~open_, rows["case"].to_numpy()), doubt, self.starts.error(step) if what == "work times" else 0.0)
        self.spent[step, what] = Spent(error, len(times), float(times.sum()) / 3600)
        return law

    def _worked_through(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Visits without those that were left open overnight, of which it is not known how long anybody worked, if others are left."""
        team, begun, ended = self.staff.team_of(rows).to_numpy(), seconds(rows["started"]), seconds(rows["ended"])
        known = np.ones(len(rows), bool)
        for name in sorted(set(team)):
            mine = team == name
            known[mine] = ~self.staff.clocks[name].left_open(begun[mine], ended[mine])
        return rows[known] if known.any() else rows

    def _effects(self, step: str, rows: pd.DataFrame, times: Any) -> Any:
        """What multiplies each of some times of work; those under way are 0."""
        told = self.segment_of[rows["case"]].to_numpy()
        found = effects(times, told, rows["value"].to_numpy(), rows["person"].to_numpy(), rows["case"].to_numpy())
        if found is None:
            return 1.0
        if found.people >= PEOPLE_DIFFER:
            self.facts[f"People at {step!r}"] = sentences.people_differ(found)
        if not found.any:
            return 1.0
        self.effects[step] = found
        self.facts[f"Work at {step!r}"] = sentences.work_depends(found, int((times > 0).sum()))
        return found.of(told, rows["value"].to_numpy())

    def patience(self, activity: str, rows: pd.DataFrame, gives_up: dict[str, Any]) -> dict[str, Any]:
        """How long customers wait for people, where they go if that is too long, and who leaves without a word."""
        quits = gave_up(rows)
        known = rows[quits | rows["started"].notna() | rows["ended"].isna()]  # else the start is not known, nor the wait
        if not arrival_seen(self.log):
            known = known[known.index.isin(self.later)]  # the wait before a first visit is not known
        tried = self.gone[known.index]
        until = known["started"].fillna(self.attempts["started"]).fillna(known["ended"]).fillna(self.end)
        ended = np.select([tried, quits[known.index], known["started"].isna()], [patience.FOUND, patience.TOLD, patience.WAITS], patience.SERVED)
        found = patience.fit(seconds(until) - seconds(known["enabled"]), ended, known["case"])
        self.quits[activity] = found
        result = {"patience": found.law if found and found.left >= LEAST_GIVE_UPS else "none", "gives_up": gives_up}
        if result["patience"] == "none" or found is None or not found.silent:
            return result
        attempts = self.attempts[self.attempts["step"] == activity]
        if (said := sentences.gone(activity, found, len(attempts))) not in self.assumptions:
            self.assumptions.append(said)
        return result | {"silent": say_share(round(found.silent, 4)), "attempt": self._time_law(activity, attempts, "attempts")}

    def left_before(self, activity: str, rows: pd.DataFrame) -> Impatient:
        """An activity that cases leave before it begins."""
        if activity not in self.impatient:
            quits, over = int(gave_up(rows).sum()), int(rows["ended"].notna().sum())
            self.impatient[activity] = Impatient(quits / over, f"data: {quits:,} of {over:,} gave up")
        return self.impatient[activity]


__all__ = ["LEAST_GIVE_UPS", "Activities"]
