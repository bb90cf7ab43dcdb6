"""The coming weeks, one by one: open cases, wins, losses, value and the load of teams, with prediction intervals.

A run measures averages over its window; a forecast says what each week may bring. It begins where the scenario says:
with the cases that are in process, or empty, or after a warm-up. Every interval is one of prediction: so often would
what really happens lie in it, if the scenario is right; where values are uncertain, that is in it too.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.engines import Engine
from salessim.engines.outcome import STILL_OPEN, VISIT_COLUMNS, replication, worked_between
from salessim.errors import InputError
from salessim.executors import local, workers_of
from salessim.experiment import Progress, check_seed, choose_engine
from salessim.measures import View
from salessim.network import Network, build
from salessim.records import NEVER, Replication
from salessim.results import standing_cautions
from salessim.resume import resumed
from salessim.scenario.calendars import midnight, zone
from salessim.scenario.uncertain import check as check_uncertain
from salessim.scenario.uncertain import network_of
from salessim.staff import counted, drawn, on_calendar
from salessim.statistics import prediction_interval
from salessim.units import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from salessim.engines.outcome import Raw
    from salessim.scenario.model import Scenario

MOST_WEEKS = 520
ARRIVED, WON, LOST, VALUE, OPEN = "arrived", "won", "lost", "value won", "open"
TITLES = {ARRIVED: "New cases", WON: "Won", LOST: "Lost", VALUE: "Value won", OPEN: "Open at its end"}
ASKED, WORKED, ON_SHIFT, LOAD = "hours asked of", "hours worked by", "hours on shift of", "load of"


def titles(currency: str) -> dict[str, str]:
    """What the weekly figures are called, with the unit of those that are no numbers of cases."""
    return TITLES | {VALUE: f"{TITLES[VALUE]} ({currency})"}


@dataclass(frozen=True)
class Band:
    """A figure of each week: the middle and the prediction interval, shape [weeks]."""

    middle: Any
    low: Any
    high: Any


@dataclass(frozen=True)
class Forecast:
    """What the coming weeks may bring."""

    scenario: Scenario
    seed: int
    replications: int
    level: float
    weeks: tuple[dt.date, ...]
    """The first day of each."""
    series: dict[str, Any]
    """By name one figure for each replication and week, shape [replications, weeks]: `arrived`, `won`, `lost`, `value won`,
    `open`, `open @ STAGE`, and in hours `hours asked of TEAM`, `hours worked by TEAM`, `hours on shift of TEAM`; `load of TEAM` in %."""
    at_start: dict[str, float]
    """Open cases by stage before the first week, on average over replications."""
    overdue: int
    """Cases in process whose time should be over by its law, in the first replication."""

    @property
    def stages(self) -> list[str]:
        """In the order of the process."""
        return list(self.scenario.stages)

    @property
    def teams(self) -> list[str]:
        """By name."""
        return sorted(self.scenario.teams)

    def band(self, name: str) -> Band:
        """The median (of counts a count) and the prediction interval of a series, week by week.

        Raises:
            InputError: there is no such series.
        """
        if name not in self.series:
            raise InputError(f"forecast of {name!r}", "there is no such series", f"use one of {', '.join(list(self.series)[:12])}")
        values = self.series[name]
        low, high = prediction_interval(values, self.level)
        return Band(np.quantile(values, 0.5, axis=0, method="inverted_cdf"), low, high)

    def total(self, name: str) -> Band:
        """As `band`, of all weeks together: single figures."""
        whole = self.series[name].sum(axis=1)
        low, high = prediction_interval(whole, self.level)
        return Band(float(np.quantile(whole, 0.5, method="inverted_cdf")), float(low), float(high))

    def cautions(self) -> list[str]:
        """What a sceptic should know."""
        found = standing_cautions(self.scenario)
        if not self.scenario.in_process:
            begins = f"the weeks are those after a warm-up of {self.scenario.clock.warm_up / DAY:.0f} days" if self.scenario.clock.warm_up else "the run begins empty"
            found.append(f"The scenario says of no case that it is in process: {begins}. Give 'in_process' to begin with the cases of today.")
        if self.overdue:
            found.append(f"{self.overdue} of {len(self.scenario.in_process)} open cases have been where they are longer than the scenario allows: they are taken to go on at the start. Close them if they are forgotten, or mend the times.")
        least = math.ceil(2 / (1 - self.level)) - 1
        if self.replications < least:
            found.append(f"{self.replications} replications are too few for intervals of {100 * self.level:g} %, which need {least}: they show the least and the most.")
        return found

    def to_json(self) -> dict[str, Any]:
        """For programs; a load without anybody on shift is null."""

        def numbers(values: Any) -> list[float | None]:
            return [float(x) if np.isfinite(x) else None for x in values]

        bands = {name: self.band(name) for name in self.series}
        return {
            "scenario": self.scenario.name, "hash": self.scenario.hash, "seed": self.seed, "replications": self.replications, "level": self.level,
            "overdue": self.overdue, "cautions": self.cautions(), "weeks": [week.isoformat() for week in self.weeks], "open_at_start": self.at_start,
            "series": {name: {"middle": numbers(b.middle), "mean": numbers(self.series[name].mean(axis=0)), "low": numbers(b.low), "high": numbers(b.high)} for name, b in bands.items()},
        }  # fmt: skip


def forecast(
    scenario: Scenario, weeks: int = 8, *, replications: int = 200, seed: int = 0, level: float = 0.95, engine: Engine = "auto",
    workers: int | None = None, progress: Progress | None = None,
) -> Forecast:  # fmt: skip
    """Forecast the coming weeks of a scenario, from the cases in process or from the end of its warm-up.

    Args:
        scenario: what to run; its `in_process` says where cases are today. Its horizon does not matter.
        weeks: how many.
        replications: possible futures; the interval of 95 % needs at least 39 to be more than the least and the most.
        seed: of all draws.
        level: of the prediction intervals.
        engine: the figures are the same whichever runs.
        workers: threads; the figures are the same.
        progress: told (done, planned).

    Raises:
        InputError: a number out of range.
        LimitReached: a run would not end.

    Example:
        >>> import salessim as ss  # doctest: +SKIP
        >>> ss.forecast(ss.Scenario.load("today.yaml"), 6).band("won").high  # doctest: +SKIP
    """
    check_seed(seed)
    if not 1 <= weeks <= MOST_WEEKS:
        raise InputError("weeks", f"{weeks} is out of range", f"give a whole number from 1 to {MOST_WEEKS}")
    if not 2 <= replications <= 100_000:
        raise InputError("replications", f"{replications} is out of range", "give a whole number from 2 to 100,000")
    if not 0 < level < 1:
        raise InputError("level", f"{level} is out of range", "give a share between 0 and 1, such as 0.9")
    first, bounds = _bounds(scenario, weeks)
    run = scenario.change({"clock.horizon": f"{int(bounds[-1]) // SECOND} s"})
    check_uncertain(run)
    source = run if run.uncertain else build(run)
    chosen = choose_engine(engine, run, replications)
    means = _mean_work(run)

    def one(_: object, seed: int, number: int, engine: Engine) -> tuple[dict[str, Any], Any]:
        network = drawn(source if isinstance(source, Network) else network_of(source, seed, number), seed, number)
        raw = _raw(network, seed, number, engine)
        return _weekly(network, raw, replication(network, raw, number, False), bounds, means), _by_stage(network, raw, bounds[0])

    rows: list[tuple[dict[str, Any], Any]] = []
    with local(workers_of(workers) if chosen == "compiled" else 1, "compiled") as executor:
        for row in executor.results(one, run, seed, range(replications), chosen):
            rows.append(row)
            if progress:
                progress(len(rows), replications)
    series = {name: np.array([row[0][name] for row in rows], float) for name in rows[0][0]}
    at_start = _standing_by_stage(scenario) if scenario.in_process and bounds[0] == 0 else np.mean([row[1] for row in rows], axis=0)
    days = tuple(first + dt.timedelta(days=7 * k) for k in range(weeks))
    overdue = sum(case.overdue for case in resumed(drawn(network_of(run, seed, 0), seed, 0), seed, 0)) if run.in_process else 0
    return Forecast(scenario, seed, replications, level, days, series, dict(zip(scenario.stages, map(float, at_start), strict=True)), overdue)


def _raw(network: Network, seed: int, number: int, engine: Engine) -> Raw:
    if engine == "reference":
        from salessim.engines.reference import Reference

        return Reference(network, seed, number, True).run()
    from salessim.engines import arrays

    return arrays.run(network, seed, number, log=True, cases=True)


def _bounds(scenario: Scenario, weeks: int) -> tuple[dt.date, Any]:
    """The first day, and the ticks at which weeks begin and the last one ends: local midnights, but for the first."""
    clock = scenario.clock
    origin = midnight(clock.start, clock.time_zone)
    first = (origin + dt.timedelta(microseconds=clock.warm_up)).astimezone(zone(clock.time_zone)).date()
    ends = [(midnight(first + dt.timedelta(days=7 * k), clock.time_zone) - origin) // dt.timedelta(microseconds=1) for k in range(1, weeks + 1)]
    return first, np.array([clock.warm_up, *ends], np.int64)


def _mean_work(scenario: Scenario) -> Any:
    """Mean ticks of work of a visit by step and segment; 0 where nobody works."""
    steps = scenario.in_force.steps
    return np.array([[steps[s].time_in(g).mean if steps[s].kind == "work" else 0.0 for g in sorted(scenario.segments)] for s in sorted(steps)])


def _standing_by_stage(scenario: Scenario) -> Any:
    stages = list(scenario.stages)
    at = [stages.index(scenario.stage_of(case.step or case.after or "")) for case in scenario.in_process]
    return np.bincount(at, minlength=len(stages))


def _by_stage(network: Network, raw: Raw, at: int) -> Any:
    """Open cases by stage just before a tick. A case that has split is where it split."""
    labels, (enabled, _, ended) = network.labels, raw.visit_time.T
    outside = ~np.array([s in network.branch_steps for s in labels.steps])[raw.visit_what[:, 1]]
    there = outside & (enabled < at) & ((ended == NEVER) | (ended >= at))
    return np.bincount(np.array(labels.stage_of)[raw.visit_what[there, 1]], minlength=len(labels.stages))


def _weekly(network: Network, raw: Raw, run: Replication, bounds: Any, means: Any) -> dict[str, Any]:
    """Every series of one replication, shape [weeks] each."""
    view, cases, labels = View(run), run.cases, network.labels

    def count(at: Any, of: Any, weights: Any = None) -> Any:
        keep = of & (at != NEVER) & (at >= bounds[0])
        return np.histogram(at[keep], bounds, weights=None if weights is None else weights[keep])[0]

    won = view.won_at != NEVER
    result = {
        ARRIVED: count(cases.born, view.sells), WON: count(view.won_at, won), LOST: count(cases.ended, view.lost),
        VALUE: count(view.won_at, won, cases.value),
    }  # fmt: skip
    stages = np.array([_by_stage(network, raw, int(t)) for t in bounds[1:]])
    result[OPEN] = stages.sum(axis=1)
    result |= {f"open @ {stage}": stages[:, i] for i, stage in enumerate(labels.stages)}
    asked, worked, on_shift = _hours(network, raw, cases.segment, bounds, means)
    for i, team in enumerate(labels.teams):
        result[f"{ASKED} {team}"], result[f"{WORKED} {team}"], result[f"{ON_SHIFT} {team}"] = asked[i], worked[i], on_shift[i]
        result[f"{LOAD} {team}"] = np.divide(100 * asked[i], on_shift[i], out=np.full(len(asked[i]), np.nan), where=on_shift[i] > 0)
    return result


def _hours(network: Network, raw: Raw, segment: Any, bounds: Any, means: Any) -> tuple[Any, Any, Any]:
    """Hours of work asked for in each week, worked, and on shift, shape [teams, weeks] each.

    What already waits or is under way when the first week begins is asked for in that week. For a visit that has not
    begun at the end its mean counts, and whoever gave up asked for nothing.
    """
    model, weeks, teams = network.model, len(bounds) - 1, len(network.labels.teams)
    asked, worked, on_shift = np.zeros((teams, weeks)), np.zeros((teams, weeks)), np.zeros((teams, weeks))
    (enabled, started, ended), step, people = raw.visit_time.T, raw.visit_what[:, 1], raw.visit_what[:, VISIT_COLUMNS:]
    end = np.where(ended == NEVER, model.horizon, ended)
    week = np.clip(np.searchsorted(bounds, enabled, side="right") - 1, 0, weeks - 1)
    mean = means[step, segment[raw.visit_what[:, 0]]]
    at_once = np.maximum(model.people.size[:teams] // np.maximum(model.people.seats[:teams], 1), 1)
    busy = (people[:, 0] >= 0) & (end > bounds[0]) if people.shape[1] else np.zeros(len(step), bool)
    rows = np.flatnonzero(busy)
    done = [worked_between(network, step[rows], people[rows], np.maximum(started[rows], a), np.minimum(end[rows], b)) for a, b in pairwise(bounds)]
    whole = np.where(ended[rows] == NEVER, np.maximum(mean[rows], sum(done)), sum(done))
    for r in range(people.shape[1]):
        there = people[rows, r] >= 0
        team = model.people.team_of[people[rows[there], r]]
        np.add.at(asked, (team, week[rows[there]]), whole[there] / at_once[team])
        for w in range(weeks):
            np.add.at(worked, (team, np.full(len(team), w)), done[w][there] / at_once[team])
    waits = np.flatnonzero(~busy & (started == NEVER) & (raw.visit_what[:, 3] == STILL_OPEN) & (mean > 0))
    for row in waits:
        for role in range(model.needs.first_role[step[row]], model.needs.first_role[step[row]] + model.needs.people[step[row]]):
            first = model.needs.first_entry[role]
            team = model.needs.team[first]
            asked[team, week[row]] += mean[row] * abs(model.needs.factor[first]) / at_once[team]
    for w, (a, b) in enumerate(pairwise(bounds.tolist())):
        whole_team = np.array([on_calendar(network, int(c), a, b) * int(n) for c, n in zip(model.people.calendar[:teams], model.people.seats[:teams], strict=True)], float)
        on_shift[:, w] = counted(dataclasses.replace(network, model=model._replace(warm_up=a, horizon=b), on_duty=whole_team), raw.left).on_duty
    return asked / HOUR, worked / HOUR, on_shift / HOUR


__all__ = ["Band", "Forecast", "forecast"]
