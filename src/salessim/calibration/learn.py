"""Put together what was learnt as a scenario, with a provenance beside every number, and check it on held-out time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration import laws
from salessim.calibration.history import born, cut, ends, seconds
from salessim.calibration.journey import Moves, State
from salessim.calibration.journey import learn as learn_moves
from salessim.calibration.people import calendar, crews, crews_of
from salessim.calibration.validate import Validation, validate
from salessim.errors import LogError
from salessim.importers.eventlog import SYSTEM, WAITING, clean
from salessim.log import EventLog
from salessim.scenario.calendars import DAYS
from salessim.scenario.calendars import Calendar as CalendarModel
from salessim.units import DAY, SECOND, say_share

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

STAGE_TITLES = {
    "lead": "Lead generation", "nurture": "Nurturing", "opportunity": "Opportunity management", "quote": "Presentation and quotation",
    "contract": "Negotiation and contract", "order": "Order fulfilment", "service": "After-sales service",
}  # fmt: skip
OFFICE = "office"
AGAIN = ("", " (2nd time)", " (3rd time on)")


@dataclass(frozen=True)
class Calibration:
    """A scenario learnt from a log, and how far it can be trusted."""

    scenario: Scenario
    """For planning: begins where the log ends."""
    validation: Validation | None
    facts: dict[str, str]
    """What was learnt from what."""
    assumptions: list[str]
    """What the log could not tell."""
    activity_of: dict[str, str]
    """step of the scenario -> activity of the log; waits between activities are not in it."""

    def lines(self) -> list[str]:
        """For people."""
        result = [f"  {what}: {said}" for what, said in self.facts.items()]
        result += [f"  assumed: {text}" for text in self.assumptions]
        return result + (self.validation.lines() if self.validation else [])

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "scenario": self.scenario.name, "hash": self.scenario.hash, "facts": self.facts, "assumptions": self.assumptions,
            "validation": self.validation.to_json() if self.validation else None,
        }  # fmt: skip


def calibrate(
    log: EventLog, *, holdout: float = 0.2, seed: int = 0, replications: int = 20, name: str | None = None,
    holidays: str | None = None, workers: int | None = None, progress: Callable[[int, int], None] | None = None,
) -> Calibration:  # fmt: skip
    """Learn a scenario from an event log.

    The last part of the period is held out: what is learnt from the part before is simulated over the whole period
    and compared with what really happened. The scenario returned is learnt from the same, earlier part.

    Args:
        log: from `read_log` or a simulation.
        holdout: share of the period held out, 0 to below 0.9.
        seed: of the simulations that are compared with the held-out part.
        replications: of these simulations.
        name: of the scenario.
        holidays: country whose public holidays are days off; by default that of the log's mapping.

    Returns:
        Calibration: scenario, validation, what was learnt and what was assumed.

    Raises:
        LogError: too little to learn from.
    """
    if not 0 <= holdout < 0.9:
        raise LogError("holdout", f"{holdout} is out of range", "give a share from 0 to below 0.9")
    # An engine writes visits in the order in which they end; here a case's visits stand together.
    log = EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)
    start, end = pd.Timestamp(log.about.start), pd.Timestamp(log.about.end)
    split = (start + (end - start) * (1 - holdout)).floor("D") if holdout else end
    known = cut(log, split.to_pydatetime())
    if known.frame["case"].nunique() < 30:
        raise LogError(log.about.source, f"there are only {known.frame['case'].nunique()} cases before {split:%Y-%m-%d}", "give a longer log or a smaller --holdout")
    learner = _Learner(known, name or f"Learnt from {log.about.source.rsplit('/', 1)[-1]}", holidays or log.about.holidays)
    scenario = learner.scenario()
    checked = None
    if holdout:
        past = learner.over(start.date(), end)
        checked = validate(past, log, split, learner.activity_of, seed=seed, replications=replications, workers=workers, progress=progress)
    return Calibration(scenario, checked, learner.facts, learner.assumptions, learner.activity_of)


class _Learner:
    """Works a log up into the paragraphs of a scenario, one method each."""

    def __init__(self, log: EventLog, name: str, holidays: str | None) -> None:
        self.log, self.name, self.holidays = log, name, holidays
        self.frame = log.frame
        self.facts: dict[str, str] = {}
        self.assumptions: list[str] = []
        self.activity_of: dict[str, str] = {}
        self.start = pd.Timestamp(log.about.start).tz_convert(log.about.time_zone)
        self.end = pd.Timestamp(log.about.end).tz_convert(log.about.time_zone)
        frame = self.frame
        self.real = frame[~frame["step"].isin([WAITING, SYSTEM])]
        named = self.real[self.real["person"] != ""]
        shares = self.real.assign(named=self.real["person"] != "").groupby("step")["named"].mean()
        timed = self.real.groupby("step")["started"].count() > 0
        anybody = len(named) > 0
        self.staffed = {s for s in shares.index if timed[s] and (shares[s] > 0.2 or not anybody)}
        if log.about.enabled_known and anybody:
            self.staffed = {s for s in shares.index if shares[s] > 0.2}
        self.calendars = self._calendars()
        self.data = self._build()

    # --- clock and calendars ----------------------------------------------------------------------------------

    def _calendars(self) -> dict[str, Any]:
        work = self.real[self.real["step"].isin(self.staffed)]
        learnt = calendar(work["started"].dropna(), self.holidays)
        if learnt is None:
            self.assumptions.append("Working hours: too few starts to learn them; people are taken to be always there.")
            self.office = None
            return {}
        hours = "; ".join(f"{s['days']} {s['hours']}" for s in learnt["shifts"])
        self.facts["Working hours"] = f"{hours} ({learnt['source'].removeprefix('data: ')})"
        model = CalendarModel.model_validate(learnt)
        horizon = round((self.end - self.start.normalize()).total_seconds() + 86_400 * 2) * SECOND
        intervals = np.array(model.intervals(self.start.date(), self.log.about.time_zone, horizon), dtype=float) / SECOND
        self.office = intervals + self.start.normalize().timestamp()
        return {OFFICE: learnt}

    def clock(self, time: float) -> float:
        """Working seconds by a time."""
        if self.office is None or math.isnan(time):
            return time
        if not hasattr(self, "_before"):
            self._before = np.concatenate([[0.0], np.cumsum(self.office[:, 1] - self.office[:, 0])])
        i = int(np.searchsorted(self.office[:, 0], time, side="right")) - 1
        if i < 0:
            return 0.0
        return float(self._before[i] + min(time, self.office[i, 1]) - self.office[i, 0])

    # --- paragraphs -------------------------------------------------------------------------------------------

    def _build(self) -> dict[str, Any]:
        on_clock = set() if self.log.about.enabled_known or not self.calendars else self.staffed
        self.moves = learn_moves(self.log, self.clock, on_clock, self.staffed)
        self.facts["Journeys"] = (
            f"{self.frame['case'].nunique():,} cases, {int((ends(self.log)['outcome'] == 'open').sum()):,} of them still open and taken as censored; "
            f"{self.moves.memory} state{'s' if self.moves.memory > 1 else ''} per repeated activity; {self.moves.dropped} rare moves left out"
        )
        teams, does = self._teams()
        data: dict[str, Any] = {
            "salessim": 1, "name": self.name, "currency": self.log.about.currency, "clock": self._planning_clock(),
            "calendars": self.calendars, "teams": teams, "segments": self._segments(), "channels": {}, "stages": {},
        }  # fmt: skip
        self.stage = dict(zip(self.real["step"], self.real["stage"], strict=True))
        self._steps(data, does)
        self._channels(data)
        order = [*STAGE_TITLES, *sorted(set(data["stages"]) - set(STAGE_TITLES))]
        data["stages"] = {s: data["stages"][s] for s in order if s in data["stages"]}
        self.assumptions.append("Costs, satisfaction and repeat business are not in the log: they are left out. Work on other processes is not seen.")
        return data

    def _planning_clock(self) -> dict[str, Any]:
        over = ends(self.log)
        known = (over["ended"] - born(self.log)).dropna()
        settle = max(4, math.ceil(float(known.dt.total_seconds().quantile(0.95)) / (7 * 86_400)) + 1) if len(known) else 8
        return {
            "start": self.end.normalize().date().isoformat(), "time_zone": self.log.about.time_zone,
            "warm_up": f"{settle} weeks", "horizon": f"{settle + 26} weeks",
        }  # fmt: skip

    def _teams(self) -> tuple[dict[str, Any], dict[str, list[str]]]:
        calendar_name = OFFICE if self.calendars else "always"
        work = self.real[self.real["step"].isin(self.staffed) & self.real["started"].notna()]
        people = work["person"].str.split(" + ", regex=False)
        named = work[work["person"] != ""].assign(person=people.str[0])
        # Where most visits have a second person, one of that person's team is needed at the same time.
        others = work[people.str.len() > 1].assign(person=people.str[1])
        alone = others["step"].value_counts() / work["step"].value_counts()
        others = others[others["step"].map(alone) > 0.5]
        self._together: dict[str, str] = {}
        if named.empty:
            size = _at_once(work)
            self._together = {}
            self.assumptions.append(f"No people are named: one team of {size}, as many as were at work at once (95th percentile).")
            return {"staff": {"size": size, "calendar": calendar_name, "assumption": "size from visits at the same time"}}, {step: ["staff"] for step in self.staffed}
        found = crews(pd.concat([named, others.assign(step=others["step"] + " (second)")]))
        of_person = {person: clean(crew.name) for crew in found for person in crew.people}
        for step, rows in others.groupby("step"):
            self._together[str(step)] = rows["person"].map(of_person).mode().iloc[0]
        does = {str(step): crews_of(rows["person"], of_person) for step, rows in named.groupby("step")}
        teams: dict[str, Any] = {}
        for crew in found:
            teams[clean(crew.name)] = {
                "size": crew.size, "calendar": calendar_name,
                "source": f"data: {crew.roster} people seen, {crew.size} on a busy day",
            }  # fmt: skip
        for step in self.staffed - set(does):
            does[step] = [clean(max(found, key=lambda c: (c.roster, c.name)).name)]
            self.assumptions.append(f"Nobody is named at {step!r}: done by the largest team.")
        self.facts["People"] = f"{named['person'].nunique()} people in {len(teams)} teams, by what they mostly do; size is the 90th percentile of days"
        if not self.log.about.enabled_known:
            self.assumptions.append(
                "When a case became ready for work is not logged: the time between visits holds the customer's own time and waiting for people together, "
                "so more staff shows an effect only where teams are overloaded."
            )
        return teams, does

    def _segments(self) -> dict[str, Any]:
        values = self.frame.groupby("case").agg(segment=("segment", "first"), value=("value", "first"))
        if values["segment"].nunique() > 8:
            self.assumptions.append(f"{values['segment'].nunique()} segments are too many: they are taken together.")
            values["segment"] = "all"
        self._segment_of = values["segment"]
        result: dict[str, Any] = {}
        for segment, rows in values.groupby("segment"):
            amounts = rows["value"][rows["value"] > 0]
            entry: dict[str, Any] = {}
            if len(amounts) >= 10:
                currency = self.log.about.currency
                points = {f"{100 * p:g} %": f"{float(amounts.quantile(p)):.6g} {currency}" for p in (0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1)}
                entry["value"] = {"law": "quantiles", "points": points, "source": f"data: {len(amounts):,} amounts"}
            result[clean(str(segment))] = entry
        return result

    def _name(self, state: State) -> str:
        if state[0] == "":
            channel = next(c for c, s in self.moves.entry.items() if s == state)
            return f"arrive ({clean(channel)})"
        name = clean(state[0])[:60] + AGAIN[state[1]]
        self.activity_of[name] = state[0]
        return name

    def _steps(self, data: dict[str, Any], does: dict[str, list[str]]) -> None:
        work = dict(tuple(self.real.groupby("step")))
        lawful = {step: self._time_law(step, rows) for step, rows in work.items()}
        reached = self._reachable()
        for state in reached:
            name = self._name(state)
            stage = data["stages"].setdefault(self.stage.get(state[0], "lead"), {"title": STAGE_TITLES.get(self.stage.get(state[0], "lead"), self.stage.get(state[0], "lead")), "steps": {}})
            if state[0] == "":
                step: dict[str, Any] = {"automatic": "0 min"}
            elif state[0] in self.staffed:
                step = {"work": lawful[state[0]], "by": does[state[0]]}
                if state[0] in self._together:
                    step["together_with"] = [self._together[state[0]]]
                step |= self._patience(work[state[0]])
                if not step.get("patience"):
                    step["patience"] = "none"
            else:
                step = {"customer": lawful[state[0]]}
            milestone = self.log.about.milestones.get(state[0])
            if milestone and state[1] == 0:
                step["milestone"] = milestone
            step["then"] = self._routes(data, stage, state, name)
            stage["steps"][name] = step

    def _reachable(self) -> list[State]:
        found: list[State] = []
        todo = sorted(self.moves.entry.values())
        while todo:
            state = todo.pop(0)
            if state in found:
                continue
            found.append(state)
            todo += [m.goal for m in self.moves.onward.get(state, []) if isinstance(m.goal, tuple)]
        return found

    def _routes(self, data: dict[str, Any], stage: dict[str, Any], state: State, name: str) -> list[dict[str, Any]]:
        moves = self.moves.onward.get(state)
        if not moves:
            self.assumptions.append(f"What follows {name!r} was never seen: the case is taken to end there.")
            return [{"done": True, "assumption": "never seen what follows"}]
        routes = []
        largest = max(moves, key=lambda m: (m.share, str(m.goal)))
        for move in moves:
            goal = self._goal(move.goal)
            if not move.immediate:
                goal = {"to": self._wait(data, stage, move, name, goal)}
            if move is not largest:
                goal |= {"share": say_share(round(move.share, 4)), "source": f"data: {move.count:,} moves"}
            else:
                goal |= {"source": f"data: {move.count:,} moves ({100 * move.share:.1f} %)"}
            routes.append(goal)
        return routes

    def _goal(self, goal: State | str) -> dict[str, Any]:
        if isinstance(goal, tuple):
            return {"to": self._name(goal)}
        if goal.startswith("lost: "):
            return {"lost": clean(goal[6:])}
        return {"done": True}

    def _wait(self, data: dict[str, Any], stage: dict[str, Any], move: Any, name: str, goal: dict[str, Any]) -> str:
        target = goal.get("to") or goal.get("lost") or "done"
        wait = f"{name[:36]} → {target[:36]}"
        step: dict[str, Any] = {"customer": laws.from_curve(move.time, move.moved, f"data: {move.count:,} waits, open ones censored")}
        if move.on_clock:
            step["calendar"] = OFFICE
        step["then"] = [goal]
        stage["steps"][wait] = step
        return wait

    def _time_law(self, step: str, rows: pd.DataFrame) -> Any:
        """The law of working or waiting time of an activity."""
        rows = rows[rows["started"].notna()]
        if rows.empty:
            self.assumptions.append(f"{step!r}: only ends are logged; it takes no time of its own, the wait before it holds everything.")
            return {"law": "constant", "value": "0 min", "assumption": "only ends are logged"}
        begun, ended = seconds(rows["started"]), seconds(rows["ended"])
        open_ = np.isnan(ended)
        until = np.where(open_, self.end.timestamp(), ended)
        times = until - begun
        if step in self.staffed and self.office is not None:
            over_night = rows["started"].dt.date.to_numpy() != rows["ended"].fillna(self.end).dt.date.to_numpy()
            for i in np.flatnonzero(over_night):
                working = self.clock(float(until[i])) - self.clock(float(begun[i]))
                times[i] = working if working > 0 else times[i]
        return laws.fit(times, ~open_, "times" if step not in self.staffed else "work times")

    def _patience(self, rows: pd.DataFrame) -> dict[str, Any]:
        """Exponential patience by censored maximum likelihood: give-ups over all time spent queueing."""
        if not self.log.about.enabled_known:
            return {}
        gave_up = rows["started"].isna() & rows["ended"].notna()
        if gave_up.sum() < 5:
            return {}
        until = rows["started"].fillna(rows["ended"]).fillna(self.end)
        waited = float((until - rows["enabled"]).dt.total_seconds().clip(lower=0).sum())
        reasons = rows.loc[gave_up, "outcome"]
        reason = reasons[reasons.str.startswith("lost: ")].str[6:].mode()
        result: dict[str, Any] = {
            "patience": {"law": "exponential", "mean": laws.in_words(waited / int(gave_up.sum())),
                         "source": f"data: {int(gave_up.sum()):,} of {len(rows):,} gave up, the others censored", "assumption": "exponential"}
        }  # fmt: skip
        if len(reason):
            result["gives_up"] = {"lost": clean(str(reason.iloc[0]))}
        return result

    def _channels(self, data: dict[str, Any]) -> None:
        arrived = born(self.log)
        cases = self.frame.groupby("case", sort=False)["channel"].first()
        for channel, state in self.moves.entry.items():
            mine = arrived[cases == channel].dt.tz_convert(self.log.about.time_zone)
            if mine.empty or state not in self.moves.onward:
                continue
            shares = self._segment_of[mine.index].value_counts(normalize=True).sort_index()
            enters = self._name(state)
            name = clean(channel)
            data["channels"][name if name not in data["channels"] else f"{name} 2"] = {
                "enters": enters,
                "segments": _whole({clean(str(s)): float(p) for s, p in shares.items()}),
                "arrivals": _arrivals(mine, self.start, self.end),
            }
        self._simplify_entries(data)

    def _simplify_entries(self, data: dict[str, Any]) -> None:
        """A channel whose cases all begin at one step without delay enters there."""
        for channel in data["channels"].values():
            for stage in data["stages"].values():
                step = stage["steps"].get(channel["enters"])
                if step and len(step["then"]) == 1 and step.get("automatic") == "0 min":
                    goal = step["then"][0].get("to")
                    if goal and goal in self.activity_of:
                        del stage["steps"][channel["enters"]]
                        channel["enters"] = goal
                        break
        data["stages"] = {k: v for k, v in data["stages"].items() if v["steps"]}

    # --- the results ------------------------------------------------------------------------------------------

    def scenario(self) -> Scenario:
        """For planning."""
        from salessim.scenario.model import Scenario

        return Scenario.parse(self.data)

    def over(self, first: dt.date, until: pd.Timestamp) -> Scenario:
        """The same, over a past period, from an empty start."""
        from salessim.scenario.model import Scenario

        local = until.tz_convert(self.log.about.time_zone)
        days = max(1, math.ceil((local - pd.Timestamp(first).tz_localize(local.tz)).total_seconds() / 86_400))
        clock = {"start": first.isoformat(), "time_zone": self.log.about.time_zone, "horizon": f"{days} days"}
        return Scenario.parse({**self.data, "clock": clock})


def _arrivals(arrived: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, Any]:
    """Level, weekday and hour profile, and how much days differ by more than chance."""
    weeks = (end - start).total_seconds() / (7 * 86_400)
    dates = pd.date_range(start.normalize(), end.normalize(), inclusive="left")
    per_day = arrived.dt.date.value_counts().reindex([d.date() for d in dates], fill_value=0)
    weekday = np.array([d.weekday() for d in dates])
    counts = per_day.to_numpy(float)
    means = np.array([counts[weekday == d].mean() if (weekday == d).any() else 0.0 for d in range(7)])
    expected = means[weekday]
    excess = float(np.sum((counts - expected) ** 2 - expected)) / max(1e-9, float(np.sum(expected**2)))
    hours = arrived.dt.hour.value_counts().reindex(range(24), fill_value=0).to_numpy(float)
    level = means.sum() if means.sum() > 0 else 1.0
    return {
        "rate": f"{len(arrived) / weeks:.6g} per week",
        "weekdays": {DAYS[d]: round(float(7 * means[d] / level), 4) for d in range(7)},
        "hours": {f"{h:02d}:00-{h + 1:02d}:00": round(float(24 * n / hours.sum()), 4) for h, n in enumerate(hours)},
        "daily_cv": round(math.sqrt(max(0.0, excess)), 4),
        "source": f"data: {len(arrived):,} arrivals in {weeks:.1f} weeks",
    }


def _at_once(work: pd.DataFrame) -> int:
    """How many visits were under way at once (95th percentile over starts)."""
    if work.empty:
        return 1
    begun, ended = np.sort(seconds(work["started"])), np.sort(seconds(work["ended"].fillna(work["started"])))
    busy = np.arange(1, len(begun) + 1) - np.searchsorted(ended, begun, side="right")
    return max(1, int(np.quantile(busy, 0.95)))


def _whole(shares: dict[str, float]) -> dict[str, float]:
    """Shares rounded so that they still sum to one."""
    rounded = {k: round(v, 6) for k, v in shares.items()}
    largest = max(rounded, key=lambda k: rounded[k])
    rounded[largest] = round(rounded[largest] + 1 - sum(rounded.values()), 6)
    return rounded


__all__ = ["DAY", "Calibration", "Moves", "calibrate"]
