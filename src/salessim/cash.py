"""The money of one run over the calendar: revenue less cost, summed up from the first day to the end of each.

The same money that `measures` adds up over the measured window, told by day: revenue when a deal is won, pay as hours
are paid, a step's own cost when a visit ends, overtime when the work is done, one-off costs on the day on which they
fall due. The warm-up is part of it, since money is spent from the first day on.
"""

from __future__ import annotations

import datetime as dt
import itertools
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim import engines
from salessim.engines import Engine
from salessim.engines.outcome import STILL_OPEN, VISIT_COLUMNS, replication, work_of
from salessim.measures import View
from salessim.memo import Content, content
from salessim.network import build
from salessim.records import NEVER
from salessim.scenario.calendars import midnight
from salessim.scenario.response import outlay
from salessim.scenario.uncertain import drawn
from salessim.staff import GONE
from salessim.units import DAY

if TYPE_CHECKING:
    from salessim.network import Network
    from salessim.scenario.model import Clock, Scenario, StandingCost


def days_of(clock: Clock) -> int:
    """Days that a run has begun, the last one perhaps cut short."""
    return -(-clock.horizon // DAY)


def curve(scenario: Scenario, seed: int, number: int, *, engine: Engine = "compiled", network: Network | None = None) -> Any:
    """Revenue less cost from the start of a run to the start of each day and to its end, in the currency; shape [days + 1].

    Args:
        scenario: what to run.
        seed, number: of the draws of the replication.
        engine: the figures are the same.
        network: that of the scenario, if nothing in it is uncertain and it has been built before.

    Example:
        >>> from salessim.scenario.model import Scenario
        >>> curve(Scenario.load("scenarios/b2b.yaml"), 0, 0)[0]  # doctest: +SKIP
        0.0
    """
    scenario = drawn(scenario, seed, number)
    network, raw = engines.bare(network or build(scenario), seed, number, engine, True)
    view = View(replication(network, raw, number, False))
    at = _days(scenario.clock)
    won = view.won_at != NEVER
    money = _by(at, view.won_at[won], view.cases.value[won])
    money -= _own_cost(network, raw, at) + _pay(network, raw, at) + _channels(scenario, network, view, at)
    return money - sum((standing(cost, scenario.clock, at) for cost in scenario.costs.values()), np.zeros(len(at)))


def standing(cost: StandingCost, clock: Clock, at: Any) -> Any:
    """What an entry of `costs` comes to until each time: running from the day it begins, once on that day."""
    begins = begin_of(cost, clock)
    total = np.zeros(len(at))
    if cost.running is not None:
        total += cost.running.amount * np.maximum(0, at - max(0, begins)) / cost.running.per
    if cost.one_off is not None:
        total += cost.one_off.value * (at > max(0, begins) - 1) * (begins < clock.horizon)
    return total


def begin_of(cost: StandingCost, clock: Clock) -> int:
    """The tick at which an entry of `costs` begins; negative before the start of the run."""
    if cost.since is None:
        return 0
    return (midnight(cost.since, clock.time_zone) - midnight(clock.start, clock.time_zone)) // dt.timedelta(microseconds=1)


def _by(at: Any, when: Any, amounts: Any) -> Any:
    """The sum of the amounts that have fallen due until each time."""
    order = np.argsort(when, kind="stable")
    return np.concatenate([[0.0], np.cumsum(np.asarray(amounts, float)[order])])[np.searchsorted(when[order], at, side="right")]


def _own_cost(network: Network, raw: Any, at: Any) -> Any:
    """The steps' own cost, as visits end."""
    started, ended, step, goal = raw.visit_time[:, 1], raw.visit_time[:, 2], raw.visit_what[:, 1], raw.visit_what[:, 3]
    done = (started != NEVER) & (ended != NEVER) & (goal != STILL_OPEN)
    return _by(at, ended[done], network.model.flow.cost[step[done]])


def _channels(scenario: Scenario, network: Network, view: View, at: Any) -> Any:
    """What channels cost: so much per case as it comes, and what is spent on campaigns, advertising and content."""
    cost = network.model.sources.cost
    mine = view.cases.channel < len(cost)
    total = _by(at, view.cases.born[mine], cost[view.cases.channel[mine]])
    for channel in scenario.channels.values():
        if channel.arrivals is not None:
            total += _spent(content(channel.arrivals), content(scenario.clock))
    return total


@lru_cache(maxsize=64)
def _spent(arrivals: Content, clock: Content) -> Any:
    """What is spent on a channel until each day, the same in every run unless it is uncertain."""
    days = (clock.record.model_copy(update={"warm_up": int(a), "horizon": int(b)}) for a, b in itertools.pairwise(_days(clock.record)))
    return np.concatenate([[0.0], np.cumsum([outlay(arrivals.record, day) for day in days])])


def _days(clock: Clock) -> Any:
    """The start of each day of a run, and its end."""
    return np.minimum(np.arange(days_of(clock) + 1, dtype=np.int64) * DAY, clock.horizon)


def _pay(network: Network, raw: Any, at: Any) -> Any:
    """Pay of those who are there, as in `staff.counted`, and of overtime when the work is done."""
    people, total = network.model.people, np.zeros(len(at))
    for team, terms in enumerate(network.terms):
        paid = _worked(network, terms.calendar, at) if terms.hourly else at
        total += people.seats[team] * terms.rate * paid
    for (person, _, end, kind), since in zip(network.roster.spell.tolist() if network.roster else (), raw.left.tolist(), strict=True):
        team = int(people.team_of[person])
        if since == NEVER or team >= len(network.terms):
            continue
        terms, a, b = network.terms[team], np.maximum(since, 0), np.maximum(at, 0)
        until = np.maximum(np.minimum(b, end), a)
        if terms.hourly and (kind == GONE or not terms.paid_absence):
            total -= terms.rate * (_worked(network, terms.calendar, until) - _worked(network, terms.calendar, a))
        elif not terms.hourly and kind == GONE:
            total -= terms.rate * (until - a)
    return total + _overtime(network, raw, at)


def _overtime(network: Network, raw: Any, at: Any) -> Any:
    """What work outside the shift costs, when it is done."""
    model, total = network.model, np.zeros(len(at))
    crew = raw.visit_what[:, VISIT_COLUMNS:]
    started, ended = raw.visit_time[:, 1], np.where(raw.visit_time[:, 2] == NEVER, model.horizon, raw.visit_time[:, 2])
    busy = work_of(network, raw.visit_time, raw.visit_what, crew)
    for role in range(crew.shape[1]):
        rows = np.flatnonzero((crew[:, role] >= 0) & (started != NEVER))
        team = model.people.team_of[crew[rows, role]]
        for number in np.unique(team):
            if number >= len(network.terms) or not model.people.overtime[number]:
                continue
            mine, shift = rows[team == number], int(model.people.calendar[number])
            late = busy[mine] - (_worked(network, shift, ended[mine]) - _worked(network, shift, started[mine]))
            at_once = max(1, model.people.size[number] / max(1, model.people.seats[number]))
            total += _by(at, ended[mine], np.maximum(late, 0) / at_once * network.overtime_pay[number])
    return total


def _worked(network: Network, calendar: int, at: Any) -> Any:
    """Open time of a calendar until some times."""
    if calendar == 0:
        return at
    hours = network.model.hours
    first, last = hours.first[calendar], hours.last[calendar]
    opens, closes, before = hours.opens[first:last], hours.closes[first:last], hours.before[first:last]
    i = np.searchsorted(opens, at, side="right") - 1
    return np.where(i < 0, 0, before[i] + np.minimum(at, closes[i]) - opens[i])
