"""A log as validation sees it: arrays, in the activities of the real log, with no more than the real log tells.

Real and simulated logs pass the same gate: what an export does not say (starts, when a case became ready, when it came in,
cases that did not end in its window) is taken out of the simulated log as well, so that only like is compared with like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration import distances
from salessim.calibration.days import are_days
from salessim.calibration.history import arrival_seen, born, ends, seconds
from salessim.calibration.truncation import keeps_whole
from salessim.engines.outcome import Texts, Visits
from salessim.errors import LogError
from salessim.importers.eventlog import SYSTEM, WAITING, clean_about
from salessim.records import NEVER

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.network import Network
    from salessim.records import Cases
    from salessim.scenario.model import Scenario

NOBODY = ""


class LocalTime:
    """From seconds since 1970 to local seconds, summer time included, for a stretch of time in one zone."""

    def __init__(self, zone: str, start: float, end: float) -> None:
        self.first = np.floor(start / 3600) * 3600 - 7 * 86_400
        hours = int((end - self.first) / 3600) + 8 * 24
        grid = pd.to_datetime(self.first + 3600 * np.arange(hours), unit="s", utc=True)
        self.offset = grid.tz_convert(zone).tz_localize(None).as_unit("s").asi8 - grid.tz_localize(None).as_unit("s").asi8

    def __call__(self, times: Any) -> Any:
        """Local seconds of times that are known."""
        at = ((np.asarray(times, float) - self.first) / 3600).astype(int)
        return times + self.offset[np.clip(at, 0, len(self.offset) - 1, out=at)]

    def day(self, times: Any) -> Any:
        """The local midnight before some times, as seconds since 1970; NaN stays NaN."""
        known = np.nan_to_num(times, nan=self.first + 7 * 86_400)
        midnight = known - self(known) % 86_400
        # Where the clocks changed since, midnight is an hour off.
        midnight -= (self(midnight) + 43_200) % 86_400 - 43_200
        return np.where(np.isnan(times), np.nan, midnight)


@dataclass(frozen=True)
class View:
    """What a real log tells, and so what may be looked at."""

    activities: tuple[str, ...]
    staffed: tuple[bool, ...]
    """By activity: whether people are named at most of its visits (at all of them where nobody is ever named)."""
    starts: bool
    """Whether starts of visits are known."""
    ready: bool
    """Whether it is known when a case became ready for a visit."""
    arrivals: bool
    """Whether cases are seen to come in before their first visit."""
    whole: bool
    """Whether the file holds only cases that ended in its window."""
    by_last_row: bool
    """Whether each case counts as over with the last thing that was done, since the file does not tell."""
    start: float
    end: float
    clock: LocalTime
    zone: str
    days: tuple[bool, ...]
    """By activity: whether its dates are days, without a time of day."""
    arrivals_in_days: bool
    ends_in_days: bool
    """The same of the dates on which cases come in, and are over."""

    @classmethod
    def of(cls, log: EventLog) -> View:
        """What a log tells."""
        frame = log.frame
        visits = frame[~frame["step"].isin([WAITING, SYSTEM])]
        names = tuple(sorted(visits["step"].unique()))
        named = (visits["person"] != "").groupby(visits["step"]).mean()
        people = bool((named >= 0.5).any())
        start = pd.Timestamp(log.about.start).tz_convert(log.about.time_zone).normalize().timestamp()
        end = pd.Timestamp(log.about.end).timestamp()
        whole = keeps_whole(log) or (log.about.endings_known and not bool((frame["outcome"] == "open").any()))
        return cls(
            names, tuple(not people or bool(named[n] >= 0.5) for n in names), bool(visits["started"].notna().any()), log.about.enabled_known,
            arrival_seen(log), whole, not log.about.endings_known and not whole, start, end, LocalTime(log.about.time_zone, start, end), log.about.time_zone,
            tuple(are_days(pd.concat([x["started"], x["ended"]])) for _, x in sorted(visits.groupby("step"))), are_days(born(log)), are_days(ends(log)["ended"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Cases and their visits; the visits of a case stand together, in order. Times are seconds since 1970, NaN where not known."""

    view: View
    case: Any
    """Of each visit, the place of its case in the arrays of cases."""
    activity: Any
    """Of each visit, the place in `view.activities`."""
    ready: Any
    begun: Any
    done: Any
    person: Any
    """Of each visit, a name; of two people the first."""
    born: Any
    """Of each case."""
    over: Any
    """Of each case; NaN while it is open."""
    outcome: Any
    """Of each case: "completed", "lost: REASON" or "open"."""
    channel: Any
    segment: Any

    def cut(self, until: float) -> Sample:
        """What was known at a date: nothing later has happened."""
        came = self.born < until
        late = ~(self.over < until)
        known = (self.done < until) | (self.begun < until) | ((self.ready < until) if self.view.ready else False)
        keep = came[self.case] & known
        hide = [np.where(x < until, x, np.nan) for x in (self.begun, self.done)]
        whole = replace(
            self, over=np.where(late, np.nan, self.over), outcome=np.where(late, "open", self.outcome),
            begun=hide[0], done=hide[1],
        )  # fmt: skip
        return whole._take(came, keep)

    def arrived(self, since: float, until: float) -> Sample:
        """The cases that came in during a window, as known at its end."""
        if (since, until) not in self._parts:
            known = self.cut(until)
            chosen = known.born >= since
            self._parts[since, until] = known._take(chosen, chosen[known.case])
        return self._parts[since, until]

    def ended(self) -> Sample:
        """The cases that are over."""
        over = ~np.isnan(self.over)
        return self._take(over, over[self.case])

    def over_with_the_last_row(self) -> Sample:
        """As a file has it that does not tell which cases are over: those with nothing under way are, with the last thing that was done."""
        last = np.full(len(self.born), -np.inf)
        np.maximum.at(last, self.case, np.where(np.isnan(self.done), np.inf, self.done))
        counts = np.isnan(self.over) & np.isfinite(last)
        return replace(self, over=np.where(counts, last, self.over), outcome=np.where(counts, "completed", self.outcome))

    def every_other(self, rest: int) -> Sample:
        """One half of the cases, in order of arrival: 0 the first, third ..., 1 the others."""
        chosen = np.zeros(len(self.born), bool)
        chosen[np.argsort(self.born, kind="stable")[rest::2]] = True
        return self._take(chosen, chosen[self.case])

    def _take(self, cases: Any, visits: Any) -> Sample:
        place = np.cumsum(cases) - 1
        of_visit = {k: getattr(self, k)[visits] for k in ("activity", "ready", "begun", "done", "person")}
        of_case = {k: getattr(self, k)[cases] for k in ("born", "over", "outcome", "channel", "segment")}
        return Sample(self.view, place[self.case[visits]], **of_visit, **of_case)

    def stamps(self) -> tuple[Any, Any]:
        """All known stamps of visits, starts and ends, and the case of each."""
        times, case = np.concatenate([self.begun, self.done]), np.concatenate([self.case, self.case])
        known = ~np.isnan(times)
        return times[known], case[known]

    @cached_property
    def people(self) -> tuple[Any, list[str]]:
        """Of each visit the place of its person in a list of names in order, -1 where nobody is named; and the list."""
        codes, names = pd.factorize(self.person)
        names = names.astype(str)
        place = np.argsort(np.argsort(names)) - int((names == NOBODY).any())  # nobody comes before all others
        return np.append(place, -1)[codes], sorted(set(names.tolist()) - {NOBODY})

    @cached_property
    def _parts(self) -> dict[tuple[float, float], Sample]:
        """The cases of windows that were asked for: distances and figures look at the same."""
        return {}

    def duty(self, activity: int) -> tuple[Any, Any]:
        """Of each hour from the first of `days_worked` on: whether an activity is being done in it, and how many such hours have passed before.

        These are the hours of the day, weekdays and days on which the log shows this work being done.
        """
        if activity not in self._duties:
            mine = self.activity == activity
            stamps = np.concatenate([self.begun[mine], self.done[mine]])
            local = self.view.clock(stamps[~np.isnan(stamps)])
            hours, weekdays = np.bincount((local % 86_400 // 3600).astype(int), minlength=24), np.bincount(((local // 86_400).astype(int) + 3) % 7, minlength=7)
            first, worked = self.days_worked
            k = np.arange(24 * len(worked))
            open_ = (hours[k % 24] >= 0.005 * len(local)) & (weekdays[(k // 24 + int(first) + 3) % 7] >= 0.01 * len(local)) & worked[k // 24]
            self._duties[activity] = open_, np.concatenate([[0.0], np.cumsum(open_)])
        return self._duties[activity]

    @cached_property
    def _duties(self) -> dict[int, tuple[Any, Any]]:
        return {}

    @cached_property
    def days_worked(self) -> tuple[float, Any]:
        """The local day, counted from 1970, before the first of the log, and whether each day from there on has a stamp."""
        first = np.floor(self.view.start / 86_400) - 1
        days = (self.view.clock(self.stamps()[0]) // 86_400 - first).astype(int)
        return first, np.bincount(np.maximum(days, 0), minlength=int((self.view.end - self.view.start) / 86_400) + 4) > 0

    def last(self) -> Any:
        """The last stamp of each case: of its visits, or its end."""
        times, case = self.stamps()
        result = np.where(np.isnan(self.over), self.born, self.over)
        np.maximum.at(result, case, times)
        return result

    @cached_property
    def pairs(self) -> dict[tuple[int, ...], int]:
        """Pairs of activities and their counts."""
        return distances.ngrams(self.case, self.activity, 2)

    @cached_property
    def triples(self) -> dict[tuple[int, ...], int]:
        """Runs of three activities and their counts."""
        return distances.ngrams(self.case, self.activity, 3)


def see(frame: pd.DataFrame, view: View, activity_of: Mapping[str, str] | None = None) -> Sample:
    """A frame of visits as the real log's export would show them.

    Args:
        frame: of a log, real or simulated.
        view: of the real log.
        activity_of: step -> activity of the real log; other steps are waits within the case. None for the real log itself.
    """
    case, _ = pd.factorize(frame["case"], sort=True)
    order = np.argsort(case, kind="stable")
    case = case[order]
    columns = {name: Texts(codes[order], [str(text) for text in texts]) for name in ("step", "person", "outcome", "channel", "segment") for codes, texts in [pd.factorize(frame[name])]}
    ready, begun, done = (seconds(frame[c])[order] for c in ("enabled", "started", "ended"))
    return _seen(view, activity_of, case, ready, begun, done, **columns)


def see_run(run: tuple[Network, Cases, Visits], view: View, activity_of: Mapping[str, str]) -> Sample:
    """A run of the engines as the real log's export would show it: what `see` makes of its log, without the log being written.

    Args:
        run: from `engines.run_visits`.
        view: of the real log.
        activity_of: step -> activity of the real log; other steps are waits within the case.
    """
    network, cases, visits = run
    order = np.argsort(visits.number, kind="stable")
    number = visits.number[order]
    case = np.cumsum(np.concatenate([[0], number[1:] != number[:-1]])) if len(number) else number
    origin = np.datetime64(network.origin.replace(tzinfo=None), "us").astype(np.int64)
    ready, begun, done = (np.where(t == NEVER, np.nan, (origin + t) / 1e6) for t in visits.time[order].T)
    labels = network.labels
    return _seen(
        view, activity_of, case, ready, begun, done, Texts(visits.step[order], [*labels.steps]), visits.crew.at(order), visits.outcome.at(order),
        Texts(cases.channel[number], [*labels.channels]), Texts(cases.segment[number], [*labels.segments]),
    )  # fmt: skip


def _seen(
    view: View, activity_of: Mapping[str, str] | None, codes: Any, ready: Any, begun: Any, done: Any, step: Texts, person: Texts, outcome: Texts, channel: Texts, segment: Texts
) -> Sample:
    """Visits, those of a case together, as the real log's export would show them."""
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    last = np.append(first[1:], len(codes)) - 1
    born = np.minimum.reduceat(np.where(np.isnan(ready), np.inf, ready), first)
    ending = np.array(outcome.texts, object)[outcome.codes[last]]
    over = np.where(ending == "open", np.nan, done[last])
    place = {name: i for i, name in enumerate(view.activities)}
    if view.arrivals_in_days:
        born = view.clock.day(born)
    if view.ends_in_days:
        over = view.clock.day(over)
    activity = np.array([place.get(s if activity_of is None else activity_of.get(s, ""), -1) for s in step.texts], int)[step.codes]
    people = np.array([name.split(" + ", 1)[0] for name in person.texts], object)
    visits = activity >= 0
    if any(view.days):
        in_days = visits & np.array(view.days)[activity]
        ready, begun, done = (np.where(in_days, view.clock.day(x), x) for x in (ready, begun, done))
    if not view.starts:
        begun = np.full(len(begun), np.nan)
    if not view.ready:
        visits &= ~(np.isnan(begun) & np.isnan(done))
    if not view.starts:
        visits &= ~np.isnan(done)
    by = np.where(np.isnan(begun), np.where(np.isnan(done), ready, done), begun)
    order = np.flatnonzero(visits)
    order = order[np.lexsort((np.where(np.isnan(done), np.inf, done)[order], by[order], codes[order]))]
    about = (np.array([clean_about(text) for text in x.texts], object)[x.codes[first]] for x in (channel, segment))
    sample = Sample(view, codes[order], activity[order], ready[order], begun[order], done[order], people[person.codes[order]], born, over, ending.astype(str), *about)
    if not view.ready or not view.arrivals:
        sample = _worked_out(sample, by[order])
    if view.by_last_row:
        sample = sample.over_with_the_last_row()
    return sample.ended() if view.whole else sample


def _worked_out(sample: Sample, by: Any) -> Sample:
    """Readiness and arrival as an importer works them out: from the visit before, and from the first visit."""
    view, case = sample.view, sample.case
    first = np.concatenate([[True], case[1:] != case[:-1]]) if len(case) else np.zeros(0, bool)
    born = sample.born
    if not view.arrivals:
        seen = np.zeros(len(born), bool)
        seen[case] = True
        born = born.copy()
        born[case[first]] = by[first]
        sample = replace(sample, born=born)._take(seen, np.ones(len(case), bool))  # a case nobody worked on is not seen at all
        case, born = sample.case, sample.born
    ready = sample.ready
    if not view.ready:
        before = np.where(first, born[case], np.concatenate([[np.nan], sample.done[:-1]]) if len(case) else 0.0)
        ready = np.where(before <= by, before, by)
    else:
        ready = np.where(first, born[case], ready)
    return replace(sample, ready=ready)


def activities_of(scenario: Scenario, view: View, source: str) -> dict[str, str]:
    """The activity of the log that each step of a scenario stands for: its `activity`, or else that of its name.

    All other steps are waits.

    Raises:
        LogError: no step stands for an activity of the log.
    """
    there = set(view.activities)
    result = {name: activity for name, step in scenario.steps.items() if (activity := step.activity or name) in there}
    if not result:
        raise LogError(
            source, f"no activity of the log has the name of a step of the scenario (the log has {view.activities[0]!r}, the scenario {next(iter(scenario.steps))!r})",
            "give the activities in the mapping the 'step' of the scenario they stand for",
        )  # fmt: skip
    return result
