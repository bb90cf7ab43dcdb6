"""Put together what was learnt as a scenario, with a provenance beside every number."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration import days, estimates, laws, patience, rhythm, sentences, speed, swings, today, truncation, untaken
from salessim.calibration.activities import LEAST_GIVE_UPS, Activities
from salessim.calibration.arrivals import Inflow, inflow
from salessim.calibration.basis import Basis
from salessim.calibration.channels import conversions
from salessim.calibration.clocks import Clock
from salessim.calibration.customers import customers_of
from salessim.calibration.estimates import Figure
from salessim.calibration.history import arrival_seen, born, ends, gave_up, seconds
from salessim.calibration.journey import Move, sequences
from salessim.calibration.journey import learn as learn_moves
from salessim.calibration.memory import State
from salessim.calibration.names import Names
from salessim.calibration.overlap import one_at_a_time
from salessim.calibration.queues import Impatient, Model, settle
from salessim.calibration.staff import staff_of
from salessim.calibration.starts import starts
from salessim.calibration.steps import STAGE_TITLES, Steps
from salessim.calibration.workdays import counted_days
from salessim.errors import LogError
from salessim.importers.eventlog import SYSTEM, WAITING, clean, clean_about
from salessim.log import EventLog
from salessim.survival import kaplan_meier
from salessim.units import say_share

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

LEAST_LEAVERS = 0.002
"""Give-ups beyond those of simulated queues are left out below this share of visits."""
MOST_SEGMENTS = 8
"""More are too few cases each."""
LONGEST_WARM_UP = 52
"""Weeks."""
WEEKS_AHEAD = 26
"""Of a scenario that begins today."""
LONGEST_RUN = 1100
"""Days simulated at most to measure queues."""


def learner_of(
    log: EventLog, name: str | None = None, holidays: str | None = None, *, from_today: bool = False, causal_share: float = speed.CAUSAL_SHARE, whole_until: pd.Timestamp | None = None,
) -> Learner:  # fmt: skip
    """What a log teaches; its cases' visits side by side.

    Args:
        log: cut off where knowledge ends.
        name: of the scenario.
        holidays: country; by default that of the log.
        from_today: for runs that begin with the open cases: those that are over bring no more, so whoever comes again counts as an arrival.
        causal_share: see `calibrate`.
        whole_until: the end of a file that holds only cases which ended in it (see `truncation`).

    Raises:
        LogError: too little to learn from.
    """
    return Learner(log, name or f"Learnt from {log.about.source.rsplit('/', 1)[-1]}", holidays or log.about.holidays, from_today, causal_share, whole_until)


class Learner:
    """Works a log up into the paragraphs of a scenario, one method each."""

    def __init__(self, log: EventLog, name: str, holidays: str | None, from_today: bool, causal_share: float, whole_until: pd.Timestamp | None) -> None:
        log, self.untaken = untaken.apart(log)
        recorded = log
        log, missing = (log, 0) if whole_until is None else truncation.restored(log, whole_until)
        self.days = days.spread(log)
        log = self.days.log
        # Who was found gone has left the queue; that people tried counts where their time does.
        self.gone = patience.found_gone(log.frame) if log.about.enabled_known else pd.Series(data=False, index=log.frame.index)
        self.staff = staff_of(recorded, holidays)  # hours are learnt from what was logged
        self.starts = starts(log, self.staff)
        overlap = one_at_a_time(self.starts.log, self.staff)
        log = overlap.log
        self.log, self.name = EventLog(patience.without_attempts(log.frame, self.gone), log.about), name
        self.frame, self.attempts = self.log.frame, log.frame[self.gone]
        self.facts: dict[str, str] = {}
        self.assumptions: list[str] = [self.days.assumption] if self.days.assumption else []
        if missing:
            self.assumptions.append(sentences.put_back(missing))
        if self.untaken:
            self.assumptions.append(sentences.not_taken_up(log.frame["step"].isin(list(self.untaken)).sum(), list(self.untaken.values())))
        self.start = pd.Timestamp(log.about.start).tz_convert(log.about.time_zone)
        self.end = pd.Timestamp(log.about.end).tz_convert(log.about.time_zone)
        self.real = self.frame[~self.frame["step"].isin([WAITING, SYSTEM])]
        self.names, self.channel_names, self.segment_names, self.calendar_names = Names(), Names(), Names(), Names()
        self.holidays = holidays
        self.inflows: dict[str, Inflow] = {}
        self.facts |= self.staff.facts | overlap.facts() | self.starts.facts(self.staff, self.real.loc[self.real["step"].isin(self.staff.staffed), "step"])
        self.assumptions += self.staff.assumptions + self.starts.assumptions()
        self.staffed = self.staff.staffed
        quits = self.real.loc[gave_up(self.real), "step"].value_counts()
        self.patient = {str(s) for s in quits.index if s in self.staffed and quits[s] >= LEAST_GIVE_UPS}
        self.customers = customers_of(log, come_again=not from_today)
        self.data = self._build()
        if self.steps.stays:
            self.assumptions.append(sentences.who_stays(self.steps.stays))
        self._answer_in_time(causal_share)
        self._settle()
        self.figures, self.rest = self._figures()

    # --- paragraphs -------------------------------------------------------------------------------------------

    def _build(self) -> dict[str, Any]:
        self._rhythms()
        self.moves = learn_moves(self.log, self._clock_after, self.patient, set(self.real["step"]) - set(self.staffed), self._days_that_count())
        self.facts["Journeys"] = sentences.journeys(self.log, self.moves)
        if not arrival_seen(self.log):
            self.assumptions.append(sentences.FIRST_VISITS)
        data: dict[str, Any] = {
            "salessim": 1, "name": self.name, "currency": self.log.about.currency, "clock": self._planning_clock(),
            "calendars": self.staff.calendars, "teams": self.staff.teams, "segments": self._segments(), "channels": {}, "stages": {},
        }  # fmt: skip
        self.activities, self.steps = self._written()
        self.activity_of = {name: self.untaken.get(activity, activity) for name, activity in self.steps.activity_of.items()}
        data["stages"] = self.steps.stages
        used = {step.get("calendar") for stage in data["stages"].values() for step in stage["steps"].values()}
        for name in set(self.calendar_names.name_of.values()) - used:  # reached at once, or at a rare activity
            del self.staff.calendars[name]
        self._channels(data)
        self.steps.ask(data["channels"])
        order = [*STAGE_TITLES, *sorted(set(data["stages"]) - set(STAGE_TITLES))]
        data["stages"] = {s: data["stages"][s] for s in order if s in data["stages"]}
        self._customers(data)
        return data

    def _written(self) -> tuple[Activities, Steps]:
        """What is done, and where cases go on to."""
        later = self.real.index[self.real.duplicated("case")]
        activities = Activities(
            self.log, self.attempts, self.gone, later, self.staff, self.starts, self.clocks.keys(), self.moves.struck,
            self._segment_of, self._segment, self.facts, self.assumptions,
        )  # fmt: skip
        stage_of = dict(zip(self.real["step"], self.real["stage"], strict=True))
        steps = Steps(activities, self.moves, self.patient, self.names, self._segment, self._channel, self._clock_name, stage_of, self.untaken)
        steps.write(dict(tuple(self.real.groupby("step"))))
        return activities, steps

    def _rhythms(self) -> None:
        """The clock on which each activity is waited for: at the pace of the week, where it has one, else in its team's hours.

        Where readiness is logged, a queue for people follows, and the wait before it is not in their hours.
        """
        self.clock_names: dict[tuple[str, str] | str, str] = {}
        self.clocks: dict[tuple[str, str] | str, Any] = {}
        own = rhythm.rhythms(self.log, sequences(self.log, self.patient))
        for step in sorted({*own.of, *self.staffed}):
            people = self.staff.teams[self.staff.does[step][0]]["calendar"] if step in self.staffed else None
            dates = {k: v for k, v in self.staff.calendars.get(people or "", {}).items() if k in ("closed", "holidays")}
            if step in own.of:
                self._clock(step, own.of[step], self.calendar_names(step, f"rhythm of {clean(step)[:60]}"), dates)
            elif people is not None and not self.log.about.enabled_known and not self.staff.clock_of(step).always:
                self.clocks[step], self.clock_names[step] = self.staff.clock_of(step), people
            for before, after in sorted(own.after):
                if after == step:
                    name = self.calendar_names((before, after), f"rhythm of {clean(after)[:40]} after {clean(before)[:40]}" if before else f"rhythm of {clean(after)[:40]} as the first")
                    self._clock((before, after), own.after[before, after], name, dates)
        if own.of:
            self.facts["Rhythm of the week"] = sentences.rhythm(len(own.of), self.real["step"].nunique(), len(own.after))

    def _clock(self, what: tuple[str, str] | str, learnt: rhythm.Rhythm, name: str, dates: dict[str, Any]) -> None:
        calendar = {"shifts": learnt.shifts, **dates, "source": "data: events in an hour of the week over those expected by the law of the wait alone"}
        period = (self.start, self.end, self.log.about.time_zone)
        self.clocks[what] = Clock(calendar, *period) if learnt.minute is None else rhythm.Beat(calendar, *period, learnt.minute)
        self.staff.calendars[name], self.clock_names[what] = calendar, name

    def _days_that_count(self) -> dict[str, Clock]:
        """Days that a deadline may count; their calendars stay in the scenario if one does."""
        came = born(self.log).dt.tz_convert(self.log.about.time_zone)
        happened = self.real["started"].fillna(self.real["ended"]).dropna()
        result = {}
        for counted_in in counted_days([("what happened", happened), ("arrivals", came)], self.holidays):
            name = self.calendar_names(counted_in.name, counted_in.name)
            self.staff.calendars[name] = counted_in.calendar
            result[name] = Clock(counted_in.calendar, self.start, self.end, self.log.about.time_zone)
        return result

    def _clock_after(self, before: str, activity: str) -> Any:
        """The clock on which an activity is waited for after another."""
        return self.clocks.get((before, activity), self.clocks.get(activity))

    def _clock_name(self, state: State, goal: State | str) -> str:
        """The calendar of that clock."""
        return self.clock_names.get((state[0], goal[0]), "") or self.clock_names[goal[0]]

    def _customers(self, data: dict[str, Any]) -> None:
        """What follows a sale."""
        again = self.frame[self.frame["case"].isin(self.customers.brought)].drop_duplicates("case")["channel"]
        channel = str(again.mode().iloc[0]) if len(again) else next(iter(self.moves.entry))
        self.closing = self.names("what follows a sale", "after the sale")
        to = data["channels"].get(self._channel(channel), {}).get("enters") or self.steps.name(self.moves.entry[channel])
        self.customers.close(data, self.closing, to)
        self.facts |= self.customers.facts()
        self.assumptions += self.customers.assumptions()
        costs = any("cost" in team for team in self.staff.teams.values())
        known = {"costs": costs, "satisfaction": self.customers.answers is not None, "repeat business": self.customers.returns is not None}
        self.assumptions.append(sentences.left_out([word for word, is_known in known.items() if not is_known]))

    def _planning_clock(self) -> dict[str, Any]:
        """A warm-up after which the empty start has surely passed: the 99th percentile of the time in process and two weeks."""
        over, since = ends(self.log)["ended"], born(self.log)
        open_ = over.isna().to_numpy()
        times = seconds(over.fillna(self.end)) - seconds(since.reindex(over.index))
        at, survival, _ = kaplan_meier(np.maximum(times, 0.0), ~open_)
        longest = float(at[min(int(np.searchsorted(-survival, -0.01)), len(at) - 1)]) if len(at) else 0.0
        weeks = min(LONGEST_WARM_UP, math.ceil(longest / (7 * 86_400)) + 2)
        return {
            "start": self.end.normalize().date().isoformat(), "time_zone": self.log.about.time_zone,
            "warm_up": f"{weeks} weeks", "horizon": f"{weeks + 26} weeks",
        }  # fmt: skip

    def _answer_in_time(self, share: float) -> None:
        """What waiting for the first answer costs, where the log surely shows it."""
        found = speed.effect(self.log)
        if found is None:
            return
        self.facts["Waiting for the first answer"] = sentences.first_answer(found)
        if not found.sure or not share:
            return
        names = [name for name, activity in self.activity_of.items() if activity == found.step]
        done = [name for name in names if speed.put(self._stage_with(name)["steps"][name], found, share, laws.in_words)]
        self.assumptions.append(sentences.causal(share) if done else sentences.not_lost_there(found.step))

    # --- queues -----------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Let queues and learnt waits add up to the waits of the log."""
        for impatient in self.activities.impatient.values():
            self._leave_before(impatient)
        if self.real["started"].isna().all():  # work takes no time in the model, so there are no queues
            for impatient in self.activities.impatient.values():
                self._keep_leavers(impatient, impatient.unexplained(0.0))
            return
        settled = settle(self._model())
        for team, (few, many) in settled.grown.items():
            self.staff.teams[team]["assumption"] = f"{many} instead of {few}: with fewer people cases would wait longer than they did"
            self.assumptions.append(sentences.grown(team, few, many))
        for impatient, share in settled.unexplained:
            self._keep_leavers(impatient, share)
        if not self.log.about.enabled_known:
            self.assumptions.append(sentences.queues(settled))

    def _model(self) -> Model:
        team_of = {name: self.staff.does[step][0] for name, step in self.steps.activity_of.items() if step in self.staffed}
        # The log's own period, empty at its start as the log is: a shorter one would see too little of late steps' queues.
        days = min(LONGEST_RUN, max(1, math.ceil((self.end - self.start.normalize()).total_seconds() / 86_400)))
        return Model(
            lambda: self._in_the_past(self.start.date(), days), self.staff.teams, self.steps.waits, list(self.activities.impatient.values()),
            team_of, {name: self._clock_before(self.activity_of[name]) for name in team_of}, self._waits_seen(), set(self.activity_of), arrival_seen(self.log),
        )  # fmt: skip

    def _clock_before(self, activity: str) -> Any:
        """The time in which the wait for people before an activity is told."""
        apart = self.log.about.enabled_known
        return self.staff.clock_of(activity) if apart else self.clocks.get(activity, self.staff.clock_of(activity))

    def _waits_seen(self) -> dict[str, float]:
        """Mean wait before each team's work, in its working time: in queues, or with the customer's own time where that is not told apart."""
        if not self.log.about.enabled_known:
            by_team: dict[str, list[tuple[int, float]]] = {}
            for state, moves in self.moves.onward.items():
                if state[0] or arrival_seen(self.log):
                    for move in moves:
                        if isinstance(move.goal, tuple) and move.goal[0] in self.staffed:
                            by_team.setdefault(self.staff.does[move.goal[0]][0], []).append((move.count, move.wait))
            return {team: sum(n * m for n, m in rows) / sum(n for n, _ in rows) for team, rows in by_team.items()}
        work = self.real[self.real["step"].isin(self.staffed) & self.real["started"].notna()]
        result = {}
        for team, rows in work.groupby(self.staff.team_of(work)):
            clock = self.staff.clocks[str(team)]
            result[str(team)] = float(np.mean(clock(seconds(rows["started"])) - clock(seconds(rows["enabled"]))))
        return result

    def _leave_before(self, impatient: Impatient) -> None:
        """Where the wait is not known well, who does not give up in the simulated queue leaves before the step."""
        for name in impatient.leave:
            stage = self._stage_with(name)
            before = self.names(("before", name), f"{name[:60]} or not")
            patient = stage["steps"][name]["patience"] != "none"  # to begin with, patience is taken to explain all
            leave = {**stage["steps"][name]["gives_up"], "share": say_share(0.0 if patient else round(impatient.share, 4)), "source": impatient.note}
            self._redirect(name, before)
            stage["steps"][before] = {"automatic": "0 min", "then": [leave, {"to": name}]}
            impatient.leave[name] = leave

    def _keep_leavers(self, impatient: Impatient, share: float) -> None:
        """Those whom the queue does not explain leave before it; where there are none to speak of, nobody does."""
        name = next(iter(impatient.leave))
        if share < LEAST_LEAVERS:
            for name in impatient.leave:
                before = self.names(("before", name), name)
                del self._stage_with(before)["steps"][before]
                self._redirect(before, name)
            return
        self.assumptions.append(sentences.leavers(name, impatient, share))

    def _stage_with(self, name: str) -> dict[str, Any]:
        result: dict[str, Any] = next(s for s in self.data["stages"].values() if name in s["steps"])
        return result

    def _redirect(self, name: str, to: str) -> None:
        """Send cases to another step than the one named."""
        for step in (s for stage in self.data["stages"].values() for s in stage["steps"].values()):
            for way in [*step["then"], step.get("gives_up", {})]:
                if way.get("to") == name:
                    way["to"] = to
        for channel in self.data["channels"].values():
            channel["enters"] = to if channel["enters"] == name else channel["enters"]

    def _segments(self) -> dict[str, Any]:
        values = self.frame.groupby("case").agg(segment=("segment", "first"), value=("value", "first"))
        if values["segment"].nunique() > MOST_SEGMENTS:
            self.assumptions.append(sentences.too_many_segments(values["segment"].nunique()))
            values["segment"] = "all"
        self._segment_of = values["segment"]
        result: dict[str, Any] = {}
        for segment, rows in values.groupby("segment"):
            amounts = rows["value"][rows["value"] > 0]
            entry = {"value": laws.amounts(amounts, self.log.about.currency)} if len(amounts) >= 10 else {}
            result[self._segment(segment)] = entry
        return result

    def _channel(self, channel: str) -> str:
        return self.channel_names(channel, clean_about(channel))

    def _segment(self, segment: Any) -> str:
        return self.segment_names(str(segment), clean_about(str(segment)))

    def _channels(self, data: dict[str, Any]) -> None:
        arrived = born(self.log)
        came_again = arrived.index.isin(self.customers.brought)
        cases = self.frame.groupby("case", sort=False)["channel"].first()
        for channel, state in self.moves.entry.items():
            mine = arrived[(cases == channel) & ~came_again].dt.tz_convert(self.log.about.time_zone)
            if mine.empty or state not in self.moves.onward:
                continue
            shares = self._segment_of[mine.index].value_counts(normalize=True).sort_index()
            enters = self.steps.name(state)
            name = self._channel(channel)
            closed = self._nobody_took_in(cases.index[cases == channel])
            self.inflows[name] = inflow(mine, self.start, self.end, self.holidays, closed, spread=self.days)
            data["channels"][name] = {
                "enters": enters,
                "segments": _whole({self._segment(s): float(p) for s, p in shares.items()}),
                "arrivals": {"calendar": self._open_but_on(closed)} if closed else {},
            }
        if not data["channels"]:
            raise LogError(self.log.about.source, f"of {len(arrived):,} cases that had come in by {self.end:%Y-%m-%d} none had moved on, so nothing can be learnt", "give a longer log, or a later date")
        self._simplify_entries(data)
        self.facts |= sentences.levels(self.inflows)
        found = conversions(self.log)
        self.facts["Won, by channel"] = sentences.by_channel(found)
        if not self.moves.memory.asks("channel") and (differ := sentences.channels_differ(found)):
            self.assumptions.append(differ)

    def _nobody_took_in(self, cases: pd.Index) -> tuple[str, ...]:
        """Where a case comes in with its first visit: the days on which those who do these visits did nothing."""
        first = self.real.drop_duplicates("case").set_index("case")["step"].reindex(cases).dropna()
        if arrival_seen(self.log) or first.empty or (step := first.mode().iloc[0]) not in self.staffed:
            return ()
        return tuple(self.staff.calendars.get(self.staff.teams[self.staff.does[step][0]]["calendar"], {}).get("closed", ()))

    def _open_but_on(self, closed: tuple[str, ...]) -> str:
        name = self.calendar_names(closed, "days on which cases come in")
        self.staff.calendars[name] = {"shifts": [{"days": "Mon-Sun", "hours": "00:00-24:00"}], "closed": list(closed), "source": "data: without work of those who take them in"}
        return name

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

    def _figures(self) -> tuple[list[Figure], dict[str, float]]:
        """Every estimate, and what the way that takes the rest has at each share."""
        self.basis = basis = Basis(self.inflows, self.steps.activity_of, self.activities.spent, self.activities.quits, self.steps.move_of, self.moves.onward, self.names.name_of, self._goal_name)
        shares, rest = basis.shares(self._paragraphs())
        of_customers, more = self.customers.figures(self.closing)
        return [*basis.times(self.scenario().steps), *shares, *of_customers], rest | more

    def _goal_name(self, move: Move) -> str:
        return self.steps.doors.name(move.goal) if isinstance(move.goal, tuple) else move.goal

    # --- the results ------------------------------------------------------------------------------------------

    def scenario(self, uncertain: bool = False) -> Scenario:
        """For planning."""
        unsure = estimates.uncertain(self.figures, self.rest) if uncertain else None
        clock = self.data["clock"]
        first = dt.date.fromisoformat(clock["start"])
        return self._parsed(clock, lambda inflow: inflow.paragraph(first, 7 * int(clock["horizon"].split()[0]), past=False), unsure)

    def today(self, uncertain: bool = False, *, wander: bool = True) -> Scenario:
        """For a forecast: begins with the cases that are open when the log ends, which is at a midnight; without wandering its shares are those of the whole log."""
        data = self.data
        names = today.Names(
            self.names.name_of.get, self._paragraphs(),
            {str(c): n for c, n in self.channel_names.name_of.items()}, {n: c["enters"] for n, c in data["channels"].items()},
            {case: self._segment(s) for case, s in self._segment_of.items()}, {n for n, s in data["segments"].items() if "value" in s},
        )  # fmt: skip
        rows, left_out = today.open_cases(self.log, self.moves, self.staff, self.patient, names)
        self.facts["Open cases"] = sentences.in_process(rows, left_out, self.end)
        first = self.end.date()
        clock = {"start": first.isoformat(), "time_zone": self.log.about.time_zone, "horizon": f"{WEEKS_AHEAD} weeks"}
        moved = self._levels if wander else swings.Today()
        told = [f for f in self.figures_today(wander=wander) if f.what not in moved.shares]
        unsure = estimates.uncertain(told, self.rest) | moved.uncertain if uncertain else None
        if wander and self.wandering:
            self.facts["Shares that wander"] = sentences.wandering(self.wandering)
        return self._parsed(clock, lambda inflow: inflow.ahead(first, 7 * WEEKS_AHEAD), unsure, rows, moved.steps)

    @cached_property
    def wandering(self) -> list[swings.Wander]:
        """The ways whose share surely wanders."""
        return swings.wandering(self.moves, self.end.timestamp())

    @cached_property
    def _levels(self) -> swings.Today:
        """The shares with which a forecast begins, where they are not those of the whole log."""
        return swings.as_of_today(self.wandering, self.moves, self._paragraphs(), self.names.name_of.get, self.basis.share_of)

    def figures_today(self, *, wander: bool = True) -> list[Figure]:
        """The estimates, arrivals and shares that wander being those of today."""
        now = {f"channels.{name}.arrivals.rate": inflow.today() for name, inflow in self.inflows.items()}
        now |= self._levels.shares if wander else {}

        def of_today(figure: Figure) -> Figure:
            found = now.get(figure.path or "") or now.get(figure.what)
            return replace(figure, value=found[0], error=found[1]) if found else figure

        return [of_today(f) for f in self.figures]

    def _paragraphs(self) -> dict[str, Any]:
        """Step -> what is written of it."""
        return {name: step for stage in self.data["stages"].values() for name, step in stage["steps"].items()}

    def over(self, first: dt.date, until: pd.Timestamp, uncertain: bool = False) -> Scenario:
        """The same, over a past period, from an empty start."""
        local = until.tz_convert(self.log.about.time_zone)
        days = max(1, math.ceil((local - pd.Timestamp(first).tz_localize(local.tz)).total_seconds() / 86_400))
        return self._in_the_past(first, days, estimates.uncertain(self.figures, self.rest) if uncertain else None)

    def _in_the_past(self, first: dt.date, days: int, unsure: dict[str, Any] | None = None) -> Scenario:
        clock = {"start": first.isoformat(), "time_zone": self.log.about.time_zone, "horizon": f"{days} days"}
        return self._parsed(clock, lambda inflow: inflow.paragraph(first, days, past=True), unsure)

    def _parsed(
        self, clock: dict[str, Any], arrivals: Callable[[Inflow], dict[str, Any]], unsure: dict[str, Any] | None = None,
        in_process: list[dict[str, Any]] | None = None, ways: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> Scenario:  # fmt: skip
        from salessim.scenario.model import Scenario

        channels = {name: {**channel, "arrivals": arrivals(self.inflows[name]) | channel["arrivals"]} for name, channel in self.data["channels"].items()}
        more = {"uncertain": unsure, "in_process": in_process}
        stages = {k: {**stage, "steps": {n: {**step, "then": (ways or {}).get(n, step["then"])} for n, step in stage["steps"].items()}} for k, stage in self.data["stages"].items()}
        return Scenario.parse({**self.data, "clock": clock, "channels": channels, "stages": stages} | {k: v for k, v in more.items() if v})


def _whole(shares: dict[str, float]) -> dict[str, float]:
    """Shares rounded so that they still sum to one."""
    rounded = {k: round(v, 6) for k, v in shares.items()}
    largest = max(rounded, key=lambda k: rounded[k])
    rounded[largest] = round(rounded[largest] + 1 - sum(rounded.values()), 6)
    return rounded


__all__ = ["Learner", "learner_of"]
