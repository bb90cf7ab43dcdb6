"""From what happened to numbers with a unit and a direction: one function and one line each.

What the figures of a scenario are called, those of its own included, is in `catalogue`.
The same functions measure a simulated replication and a real history. A measure over cases looks at those that
arrived after the warm-up; what is still open at the end is censored (Aalen-Johansen), never dropped, because
leaving it out makes every cycle time too good.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from salessim.records import COMPLETED, LOST, NEVER, Replication
from salessim.survival import Incidence, incidence_in_order
from salessim.units import DAY, HOUR, MONTH, WEEK

PEOPLE = "people"
"""The unit of head counts, which are whole."""
Direction = Literal["lower is better", "higher is better", "neither"]


@dataclass(frozen=True)
class Measure:
    """What a number is called, its unit, which way is better, and how replications combine."""

    name: str
    title: str
    unit: str
    """As `measured_in.unit_of` reads it: "days", "h", "%", "per week", "cases", or "money", "money/month" (in the scenario's currency)."""
    direction: Direction
    explain: str
    ratio: bool = False
    """Combined over replications as sum of numerators over sum of denominators."""
    bounded: bool = True
    """Never negative, and as a percentage never above 100."""
    own: bool = False
    """Defined by the scenario."""
    planned: bool = False
    """Follows from the scenario alone: without noise, and known before anything is simulated."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that there can be."""
        return (0.0, 100.0 if self.unit == "%" else math.inf) if self.bounded else (-math.inf, math.inf)

    @property
    def better(self) -> str:
        """Which way is better, in a word: lower, higher, neither."""
        return self.direction.removesuffix(" is better")

    @property
    def heading(self) -> str:
        """The title with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def phrase(self) -> str:
        """The title within a sentence; names and abbreviations keep their capitals."""
        return self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]


Pair = tuple[float, float]
"""(numerator, denominator) of a ratio; (value, 1) of a plain figure; (nan, 1) where it does not exist."""


class View:
    """The parts of a replication that several measures look at, worked out once."""

    def __init__(self, replication: Replication) -> None:
        self.replication = replication
        labels, cases = replication.labels, replication.cases
        self.labels, self.cases, self.totals = labels, cases, replication.totals
        self.window = labels.horizon - labels.warm_up
        # A case of a channel whose customer has a case already is a copy of it.
        copy = (cases.channel < labels.sources) & (cases.customer != np.arange(len(cases.born)))
        self.real = np.array(labels.customers, bool)[cases.segment] & ~copy
        """Cases of customers, neither junk nor duplicates."""
        self.sells = np.array(labels.sells, bool)[cases.channel] & self.real
        self.serves = self.real & ~self.sells
        self.again = cases.customer != np.arange(len(cases.born))
        """Cases of customers who had a case before: they order again, or renew."""
        self.arrived = (cases.born >= labels.warm_up) & self.sells
        """Cases that arrived in the window and can be won."""
        self.service = (cases.born >= labels.warm_up) & self.serves

    @cached_property
    def won_at(self) -> Any:
        """When each case was won, or NEVER; a deal that was lost afterwards is not won."""
        if self.labels.has_won:
            return np.where((self.cases.outcome == LOST) | ~self.real, NEVER, self.cases.won)
        return np.where((self.cases.outcome == COMPLETED) & self.sells, self.cases.ended, NEVER)

    @cached_property
    def lost(self) -> Any:
        """Cases that could be won and were lost, before the signature or after."""
        return (self.cases.outcome == LOST) & self.sells

    @cached_property
    def to_win_first(self) -> Incidence:
        """As `to_win`, of customers' first cases."""
        return self.incidence(self.won_at, 1, self.sells & ~self.again)

    @cached_property
    def to_win_again(self) -> Incidence:
        """As `to_win`, of the cases of customers who had one before."""
        return self.incidence(self.won_at, 1, self.sells & self.again)

    @cached_property
    def won_in_window(self) -> Any:
        """Cases won in the window."""
        return (self.won_at != NEVER) & self.in_window(self.won_at)

    @cached_property
    def to_win(self) -> Incidence:
        """Time from arrival to winning, against losing or leaving otherwise."""
        return self.incidence(self.won_at, 1)

    @cached_property
    def to_delivery(self) -> Incidence:
        """Time from arrival to delivery, against leaving before."""
        return self.incidence(self.cases.delivered, 1)

    @cached_property
    def to_response(self) -> Incidence:
        """Time from arrival to the first response."""
        return self.incidence(self.cases.responded, 1)

    @cached_property
    def to_end(self) -> Incidence:
        """Time from arrival to the end of the case, however it ends."""
        return self.incidence(self.cases.ended, 1)

    @cached_property
    def to_close(self) -> Incidence:
        """Time from opening to the end of service cases."""
        return self.incidence(self.cases.ended, 1, self.serves)

    @cached_property
    def until(self) -> Any:
        """When each case was over, or the horizon."""
        return np.where(self.cases.ended == NEVER, self.labels.horizon, self.cases.ended)

    @cached_property
    def _won_or_over(self) -> _Followed:
        return self.followed(self.won_at)

    def incidence(self, at: Any, code: int, of: Any = None) -> Incidence:
        """Share of some cases, by default those that can be won, to which something has happened by each time since they came."""
        followed = self._won_or_over if at is self.won_at else self.followed(at)
        return followed.incidence(np.where(at != NEVER, code, np.where(self.cases.ended == NEVER, 0, 2)), code, self.sells if of is None else of)

    def lost_before_won(self) -> Incidence:
        """Share of the cases that can be won that have been lost by each time since they came."""
        ending = np.where(self.lost, 1, np.where((self.won_at != NEVER) | (self.cases.ended != NEVER), 2, 0))
        return self._won_or_over.incidence(ending, 1, self.sells)

    def followed(self, at: Any) -> _Followed:
        """Cases in the order of the age up to which they are followed: to something that happens, else to their end."""
        return _Followed(self.cases.born, np.where(at != NEVER, at, self.until), self.labels.warm_up)

    def in_window(self, at: Any) -> Any:
        """Whether something happened in the measured window."""
        return at >= self.labels.warm_up


class _Followed:
    """Cases by the age up to which they are followed: those that came in the window or are in process when it opens.

    Of cases in process at the start what happened before is known, but not of those that had ended by then: so they
    count from the age they have then. Of a run that begins empty there are none, and the window is for who comes in it.
    They are put in order once, for all the shares that are asked of them.
    """

    def __init__(self, born: Any, stop: Any, warm_up: int) -> None:
        old = (born < 0) & (stop > warm_up)
        rows = np.flatnonzero((born >= warm_up) | old)
        age = (stop - born)[rows]
        order = np.argsort(age, kind="stable")
        self.rows, self.age = rows[order], age[order].astype(float)
        self.entry = (warm_up - born)[self.rows] if old.any() else None

    def incidence(self, ending: Any, code: int, of: Any) -> Incidence:
        """The incidence of an ending by age among some of them."""
        kept = of[self.rows]
        return incidence_in_order(self.age[kept], ending[self.rows[kept]], code, None if self.entry is None else self.entry[kept])


Function = Callable[[View], Pair]


def _plain(value: float) -> Pair:
    return value, 1.0


def _cycle_mean(v: View) -> Pair:
    return _plain(v.to_win.mean / DAY)


def _cycle_p50(v: View) -> Pair:
    return _plain(v.to_win.quantile(0.5) / DAY)


def _cycle_p90(v: View) -> Pair:
    return _plain(v.to_win.quantile(0.9) / DAY)


def _delivery_mean(v: View) -> Pair:
    return _plain(v.to_delivery.mean / DAY)


def _delivery_p90(v: View) -> Pair:
    return _plain(v.to_delivery.quantile(0.9) / DAY)


def _throughput_time(v: View) -> Pair:
    return _plain(v.to_end.mean / DAY)


def _response_p50(v: View) -> Pair:
    return _plain(v.to_response.quantile(0.5) / HOUR)


def _response_mean(v: View) -> Pair:
    return _plain(v.to_response.mean / HOUR)


def _win_rate(v: View) -> Pair:
    return _plain(100 * v.to_win.final)


def _win_rate_first(v: View) -> Pair:
    return _plain(100 * v.to_win_first.final if (v.arrived & ~v.again).any() else math.nan)


def _win_rate_repeat(v: View) -> Pair:
    return _plain(100 * v.to_win_again.final if (v.arrived & v.again).any() else math.nan)


def _cycle_first(v: View) -> Pair:
    return _plain(v.to_win_first.mean / DAY)


def _cycle_repeat(v: View) -> Pair:
    return _plain(v.to_win_again.mean / DAY)


def _lost(v: View) -> Pair:
    return _plain(float(np.sum(v.lost & v.in_window(v.cases.ended))) / (v.window / WEEK))


def _lost_share(v: View) -> Pair:
    return _plain(100 * v.lost_before_won().final)


def _won(v: View) -> Pair:
    return _plain(float(np.sum(v.won_in_window)) / (v.window / WEEK))


def _won_first(v: View) -> Pair:
    return _plain(float(np.sum(v.won_in_window & ~v.again)) / (v.window / WEEK))


def _won_repeat(v: View) -> Pair:
    return _plain(float(np.sum(v.won_in_window & v.again)) / (v.window / WEEK))


def _arrived(v: View) -> Pair:
    return _plain(float(np.sum(v.arrived)) / (v.window / WEEK))


def _tickets(v: View) -> Pair:
    return _plain(float(np.sum(v.service)) / (v.window / WEEK))


def _ticket_time(v: View) -> Pair:
    return _plain(v.to_close.mean / DAY)


def _revenue(v: View) -> Pair:
    return _plain(float(np.sum(v.cases.value[v.won_in_window])) / (v.window / MONTH))


def _revenue_first(v: View) -> Pair:
    return _plain(float(np.sum(v.cases.value[v.won_in_window & ~v.again])) / (v.window / MONTH))


def _revenue_repeat(v: View) -> Pair:
    return _plain(float(np.sum(v.cases.value[v.won_in_window & v.again])) / (v.window / MONTH))


def total_cost(v: View) -> float:
    """Everything spent in the measured window: pay, the steps' and channels' own cost, standing costs."""
    return float(np.sum(v.replication.team_cost)) + v.replication.flow_cost + v.replication.fixed_cost


def _cost(v: View) -> Pair:
    return _plain(total_cost(v) / (v.window / MONTH))


def _cost_per_win(v: View) -> Pair:
    return total_cost(v), float(np.sum(v.won_in_window))


def _wip(v: View) -> Pair:
    # From the cases, not from the steps: a case that has split is one case at several steps.
    inside = np.maximum(v.until - np.maximum(v.cases.born, v.labels.warm_up), 0)
    return _plain(float(np.sum(inside)) / v.window)


def _queue(v: View) -> Pair:
    return _plain(float(np.sum(v.totals.queue_area)) / v.window)


def _waiting(v: View) -> Pair:
    # By Little's law from the queues themselves, so that those who still wait at the end are not forgotten.
    return float(np.sum(v.totals.queue_area)) / HOUR, float(np.sum(v.totals.asked))


def _gave_up(v: View) -> Pair:
    return _plain(float(np.sum(v.totals.gave_up)) / (v.window / WEEK))


def _utilisation(v: View) -> Pair:
    return 100 * float(np.sum(v.totals.busy - v.totals.overtime)), float(np.sum(v.totals.on_duty))


def _head_count(v: View) -> Pair:
    return _plain(float(np.sum(v.replication.head_count)))


def _staff_hours(v: View) -> Pair:
    return _plain(float(np.sum(v.replication.staff_hours)))


MEASURES: dict[str, tuple[Measure, Function]] = {
    m.name: (m, f)
    for m, f in (
        (Measure("cycle_time", "Cycle time to win, mean", "days", "lower is better", "arrival to won, of the cases that are won"), _cycle_mean),
        (Measure("cycle_time_p50", "Cycle time to win, median", "days", "lower is better", "half of the won cases take less"), _cycle_p50),
        (Measure("cycle_time_p90", "Cycle time to win, 90 %", "days", "lower is better", "nine of ten won cases take less"), _cycle_p90),
        (Measure("cycle_time_first", "Cycle time to win, first deals", "days", "lower is better", "mean, of customers' first deals"), _cycle_first),
        (Measure("cycle_time_repeat", "Cycle time to win, repeat deals", "days", "lower is better", "mean, of the deals of customers who had a case before"), _cycle_repeat),
        (Measure("delivery_time", "Time to delivery, mean", "days", "lower is better", "arrival to delivered, of the cases delivered"), _delivery_mean),
        (Measure("delivery_time_p90", "Time to delivery, 90 %", "days", "lower is better", "nine of ten deliveries take less"), _delivery_p90),
        (Measure("time_in_process", "Time in process, mean", "days", "lower is better", "arrival to the end of the case, won or lost; service cases apart"), _throughput_time),
        (Measure("response_time", "First response, mean", "h", "lower is better", "arrival to the first response, in elapsed hours"), _response_mean),
        (Measure("response_time_p50", "First response, median", "h", "lower is better", "half of those answered wait less, in elapsed hours"), _response_p50),
        (Measure("win_rate", "Win rate", "%", "higher is better", "share of arriving cases that are won and stay won"), _win_rate),
        (Measure("win_rate_first", "Win rate, first deals", "%", "higher is better", "as the win rate, of customers' first cases"), _win_rate_first),
        (Measure("win_rate_repeat", "Win rate, repeat deals", "%", "higher is better", "as the win rate, of cases of customers who had one before: they order again or renew"), _win_rate_repeat),
        (Measure("lost_customers", "Lost customers", "per week", "lower is better", "cases lost, before the signature or after, as they leave"), _lost),
        (Measure("lost_share", "Lost share", "%", "lower is better", "share of arriving cases that are lost"), _lost_share),
        (Measure("won", "Won deals", "per week", "higher is better", "deals won that were not lost afterwards"), _won),
        (Measure("won_first", "Won deals, first", "per week", "higher is better", "deals won of customers who had no case before"), _won_first),
        (Measure("won_repeat", "Won deals, repeat", "per week", "higher is better", "deals won of customers who had a case before"), _won_repeat),
        (Measure("arrived", "Arrivals", "per week", "neither", "cases that came in and can be won, repeat business included"), _arrived),
        (Measure("tickets", "Service cases opened", "per week", "neither", "spawned cases that cannot be won, such as support tickets"), _tickets),
        (Measure("ticket_time", "Time to close a service case, mean", "days", "lower is better", "opening to the end, of service cases"), _ticket_time),
        (Measure("revenue", "Revenue", "money/month", "higher is better", "value of the deals won"), _revenue),
        (Measure("revenue_first", "Revenue, first deals", "money/month", "higher is better", "value of the deals won of customers who had no case before"), _revenue_first),
        (Measure("revenue_repeat", "Revenue, repeat deals", "money/month", "higher is better", "value of the deals won of customers who had a case before"), _revenue_repeat),
        (Measure("cost", "Cost", "money/month", "lower is better", "pay, the steps' and channels' own cost, standing costs"), _cost),
        (Measure("cost_per_win", "Cost per won deal", "money", "lower is better", "all cost over all deals won", ratio=True), _cost_per_win),
        (Measure("head_count", "Head count", PEOPLE, "lower is better", "people on the rosters of all teams, on average over the measured time, absent ones included", planned=True), _head_count),
        (Measure("staff_hours", "Staff hours", "h/week", "lower is better", "hours of the calendars of all on the rosters, meetings included: two half-time people have those of one", planned=True), _staff_hours),
        (Measure("wip", "Work in progress", "cases", "lower is better", "open cases of all kinds, on average over time"), _wip),
        (Measure("queue", "Cases waiting for people", "cases", "lower is better", "on average over time, all steps"), _queue),
        (Measure("waiting", "Wait for people, per visit", "h", "lower is better", "elapsed hours, of all visits that ask for people", ratio=True), _waiting),
        (Measure("gave_up", "Customers who gave up waiting", "per week", "lower is better", "patience ended in a queue"), _gave_up),
        (Measure("utilisation", "Utilisation", "%", "neither", "time worked over time on duty, all teams", ratio=True), _utilisation),
    )
}  # fmt: skip
"""THE list: a new measure is a function above and a line here."""
OF_FIRST, OF_REPEAT = (tuple(f"{name}_{which}" for name in ("cycle_time", "win_rate", "won", "revenue")) for which in ("first", "repeat"))
"""The measures that tell first deals from repeat business; where there is none of it they say nothing new."""


def measure(replication: Replication) -> dict[str, Pair]:
    """Every measure of a replication, by name, as (numerator, denominator).

    Steps, teams and channels have measures of their own: `waiting @ STEP` (h), `queue @ STEP` (cases), `lost @ STAGE` and
    `lost because REASON` (per week), `utilisation of TEAM` (%), `head count of TEAM` (people), `staff hours of TEAM` (h/week), `arrived from CHANNEL`, `win rate from CHANNEL` (%; also of kinds of repeat business),
    `cost of CHANNEL` and `cost per arrival from CHANNEL` (money).
    """
    view = View(replication)
    result = {name: function(view) for name, (_, function) in MEASURES.items()}
    labels, totals = view.labels, view.totals
    window = float(view.window)
    for i, step in enumerate(labels.steps):
        if labels.queues[i]:
            result[f"waiting @ {step}"] = (float(totals.queue_area[i]) / HOUR, float(totals.asked[i]))
            result[f"queue @ {step}"] = _plain(float(totals.queue_area[i]) / window)
    leaving = view.lost & view.in_window(view.cases.ended)
    at = np.array(labels.stage_of)[view.cases.step]
    for i, stage in enumerate(labels.stages):
        result[f"lost @ {stage}"] = _plain(float(np.sum(leaving & (at == i))) / (window / WEEK))
    for i, reason in enumerate(labels.reasons):
        result[f"lost because {reason}"] = _plain(float(np.sum(leaving & (view.cases.reason == i))) / (window / WEEK))
    for i, team in enumerate(labels.teams):
        result[f"utilisation of {team}"] = (100 * float(totals.busy[i] - totals.overtime[i]), float(totals.on_duty[i]))
        result[f"head count of {team}"] = _plain(float(replication.head_count[i]))
        result[f"staff hours of {team}"] = _plain(float(replication.staff_hours[i]))
    for i, limit in enumerate(labels.limits):
        result[f"in use of {limit}"] = _plain(float(totals.held[i]) / window)
    return result | _of_channels(view) | {name: _own(view, own) for name, own in labels.measures}


JUNK = "junk and duplicates"


def _of_channels(view: View) -> dict[str, Pair]:
    """What each channel brought and cost; the cases that were no customers."""
    cases, labels, weeks = view.cases, view.labels, view.window / WEEK
    result = {JUNK: _plain(float(np.sum((cases.born >= labels.warm_up) & ~view.real)) / weeks)}
    for i, channel in enumerate(labels.channels):
        if i >= labels.sources and not labels.sells[i]:  # tickets and the like
            continue
        arrived = view.arrived & (cases.channel == i)
        result[f"arrived from {channel}"] = _plain(float(np.sum(arrived)) / weeks)
        won = view.incidence(view.won_at, 1, view.sells & (cases.channel == i)).final if arrived.any() else math.nan
        result[f"win rate from {channel}"] = _plain(100 * won)
        if i >= labels.sources:  # what grows out of earlier cases is not bought
            continue
        cost = float(view.replication.channel_cost[i])
        result[f"cost of {channel}"] = _plain(cost / (view.window / MONTH))
        result[f"cost per arrival from {channel}"] = (cost, float(np.sum(arrived)))
    return result


def _own(view: View, measure: Any) -> Pair:
    """A measure of the scenario's own: a formula over the cases it is about."""
    cases, labels = view.cases, view.labels
    keep = {
        "all": view.arrived,
        "won": view.won_in_window,
        "lost": view.lost & view.in_window(cases.ended),
        "delivered": (cases.delivered != NEVER) & view.in_window(cases.delivered),
        "ended": (cases.ended != NEVER) & view.in_window(cases.ended) & view.sells,
        "service": (cases.ended != NEVER) & view.in_window(cases.ended) & view.serves,
    }[measure.over]
    facts = {"value": cases.value, "cost": cases.cost, "age": (view.until - cases.born).astype(float),
             "segment": cases.segment, "channel": cases.channel}  # fmt: skip

    def fact(i: Any) -> Any:
        if i.what == "attribute":
            return cases.marks[:, labels.attributes.index(i.of)]
        if i.what == "fact":
            return facts[i.of]
        return (labels.segments if i.what == "segment" else labels.channels).index(i.of)

    if measure.when is not None:
        keep = keep & (measure.when.of_cases(fact) != 0)
    scale = measure.measured_in(labels.currency).ticks if measure.formula.dimension == "time" else 1
    values = np.broadcast_to(measure.formula.of_cases(fact), keep.shape)[keep] / scale
    if measure.kind == "mean":
        return float(np.sum(values)), float(len(values))
    if measure.kind == "share":
        return 100 * float(np.sum(values != 0)), float(len(values))
    return _plain(float(np.sum(values)) / (view.window / (WEEK if measure.kind == "per_week" else MONTH)))


def value(pair: Pair) -> float:
    """The figure of one replication; NaN where it does not exist."""
    return pair[0] / pair[1] if pair[1] else math.nan
