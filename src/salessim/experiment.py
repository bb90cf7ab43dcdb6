"""Replications: run them side by side, measure them, stop when it is precise enough, compare scenarios in pairs.

Replication r of any scenario uses the same named draws, so scenarios meet the same customers and are compared pair
by pair. Results never depend on the number of workers: a replication depends on its number alone.

Uncertain values are drawn anew in each replication, which so has a network of its own. The replications are then
still independent, and their intervals hold for the mean over chance and ignorance together; how much of the variance
is ignorance is told by echoes: further replications that share the uncertain values of an earlier one, and no other draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from salessim import engines
from salessim.association import Spread, spread
from salessim.catalogue import Catalogue, catalogue, in_common
from salessim.drivers import Driver, drivers
from salessim.engines import Engine
from salessim.errors import InputError, nearest
from salessim.executors import Executor, Task, local, workers_of
from salessim.margins import Margins, word_for
from salessim.measures import Measure, measure, value
from salessim.memo import Content, content
from salessim.network import Network, build
from salessim.records import NEVER, Replication
from salessim.scenario.overrides import warnings as overridden
from salessim.scenario.traffic import loads, throughput
from salessim.scenario.uncertain import check as check_uncertain
from salessim.scenario.uncertain import network_of
from salessim.statistics import Difference, Estimate, mean_interval, mser5, paired_difference, paired_ratio_difference, precise, ratio_interval
from salessim.units import DAY

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.scenario.model import Scenario

    Source = Network | Scenario
    """One network for all replications, or the scenario from which each draws its own."""

Row = tuple[dict[str, tuple[float, float]], Any]
"""What one replication gave: measure -> (numerator, denominator), and cases in process at equal steps of time."""
Progress = Callable[[int, int], None]
"""Told (done, planned) after each replication."""


@dataclass(frozen=True)
class Results:
    """What the replications of one scenario gave."""

    scenario: Scenario
    seed: int
    numbers: tuple[int, ...]
    """Which replications."""
    pairs: dict[str, Any]
    """measure -> array [replications, 2] of numerators and denominators."""
    wip: Any = None
    """Cases in process at equal steps of time, averaged over replications, from the very start."""
    level: float = field(default=0.95)
    echoes: dict[str, Any] | None = None
    """As `pairs`, for the first replications again with the same uncertain values and other chance: see `ignorance.echo`."""

    def values(self, name: str) -> Any:
        """One figure per replication; NaN where it does not exist."""
        return figures(self.pairs[name])

    @property
    def catalogue(self) -> Catalogue:
        """What the measures mean."""
        return catalogue(self.scenario)

    def estimate(self, name: str) -> Estimate:
        """A measure with its interval over replications.

        Raises:
            InputError: the scenario has no such measure.
        """
        found = self.catalogue.about(name)
        if name not in self.pairs:
            raise InputError(f"measure {name!r}", f"{self.scenario.name!r} has no such step, team, channel or reason", nearest(name, self.pairs, 3))
        if found.ratio:
            return ratio_interval(self.pairs[name][:, 0], self.pairs[name][:, 1], self.level)
        return mean_interval(self.values(name), self.level)

    def shown(self, name: str) -> Estimate:
        """As `estimate`, its interval cut to what the figure can be: a share of -3 % is no share."""
        return self.estimate(name).within(*self.catalogue.about(name).bounds)

    @property
    def names(self) -> list[str]:
        """Every measure there is."""
        return list(self.pairs)

    @property
    def has_repeats(self) -> bool:
        """Whether some customer came again: then first deals and repeat business are worth telling apart."""
        return bool(np.isfinite(self.values("win_rate_repeat")).any())

    def spread(self, name: str) -> Spread | None:
        """How much of the variance of a measure is ignorance; None if nothing is uncertain, or `ignorance.echo` has not been asked."""
        if self.echoes is None:
            return None
        second = figures(self.echoes[name])
        return spread(self.values(name), self.values(name)[: len(second)], second)

    def drivers(self, name: str) -> list[Driver]:
        """Uncertain values that move a measure, the strongest first: only those that could not well be chance."""
        return drivers((self.scenario,), self.seed, self.numbers, self.values(name))


def figures(pairs: Any) -> Any:
    """One figure per (numerator, denominator), shape [n, 2]; NaN where it does not exist."""
    return np.where(pairs[:, 1] != 0, pairs[:, 0] / np.where(pairs[:, 1] == 0, 1, pairs[:, 1]), math.nan)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came; what had been finished is in `results`."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.results = results


def check_seed(seed: int) -> int:
    """A seed that fits.

    Raises:
        InputError: negative or 2^64 and above.
    """
    if not 0 <= seed < 2**63:
        raise InputError("seed", f"{seed} is out of range", "give a whole number from 0 to 2^63 - 1")
    return seed


def expected_visits(scenario: Scenario) -> float:
    """Visits to expect in one replication, from the traffic equations."""
    total = sum(throughput(scenario).values()) * scenario.clock.horizon
    return total if math.isfinite(total) else 1e9


def choose_engine(engine: Engine, scenario: Scenario, replications: int) -> Engine:
    """What "auto" means for so many replications of a scenario."""
    if engine != "auto":
        return engine
    return "reference" if expected_visits(scenario) * replications < engines.SMALL else "compiled"


WIP_POINTS = 200


ECHO = 1 << 40
"""Added to the number of a replication for the chance of its echo."""


def _source(scenario: Scenario) -> Source:
    """What replications run on; checks the ends of what is uncertain."""
    check_uncertain(scenario)
    return scenario if scenario.uncertain else _network(content(scenario, "levers", "provenance", "description"))


@lru_cache(maxsize=32)  # a search compares about so many designs side by side, a few runs at a time
def _network(said: Content) -> Network:
    """The network of a scenario, built once as long as it is asked for again and again."""
    return build(said.record)


def _one(source: Source, seed: int, number: int, engine: Engine) -> Row:
    network = source if isinstance(source, Network) else network_of(source, seed, number % ECHO)
    replication = engines.run(network, seed=seed, number=number, engine=engine)
    return measure(replication), open_cases(replication, WIP_POINTS)


def open_cases(replication: Replication, points: int) -> Any:
    """Cases in process at the middle of equal stretches from time 0 to the horizon, shape [points]."""
    cases, horizon = replication.cases, replication.labels.horizon
    at = (np.arange(points) + 0.5) * horizon / points
    ended = np.sort(np.where(cases.ended == NEVER, 2**62, cases.ended))
    return np.searchsorted(np.sort(cases.born), at, side="right") - np.searchsorted(ended, at, side="right")


class Simulator(Protocol):
    """Who runs the replications of designs for many calls of `replicate`: see `Workers` and `optimisation.study`."""

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Engine) -> Iterator[Row]:
        """What each replication gave, in the order of the numbers."""


@runtime_checkable
class SideBySide(Simulator, Protocol):
    """Who runs the replications of several designs at a time as well."""

    def several(self, wanted: Sequence[Wanted], seed: int, engine: Engine) -> Iterator[Row]:
        """What each replication gave, in the order of the designs and their numbers."""


Wanted = tuple["Scenario", Sequence[int]]
"""A design and which replications of it."""
Workers = int | None | Simulator
"""How many threads or processes, None for as many as there are processors; or who runs the replications instead."""


@dataclass(frozen=True)
class Simulating:
    """Runs replications on an executor that outlives the call: its workers start once."""

    executor: Executor

    @property
    def workers(self) -> int:
        """How many replications run at a time."""
        return self.executor.workers

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Engine) -> Iterator[Row]:
        """See `Simulator`."""
        return self.several([(design, numbers)], seed, engine)

    def several(self, wanted: Sequence[Wanted], seed: int, engine: Engine) -> Iterator[Row]:
        """See `SideBySide`; the network of a design is built while those before it run."""
        sources = ((_source(design), numbers) for design, numbers in wanted)
        return self.executor.several(_one, sources, sum(len(numbers) for _, numbers in wanted), seed, engine)


@dataclass(frozen=True)
class _ForNow:
    """Workers of this machine that come and go with the call."""

    workers: int

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Engine) -> Iterator[Row]:
        """See `Simulator`."""
        return _run(_one, _source(design), seed, numbers, engine, self.workers)


def replicate(
    scenario: Scenario, replications: int | Sequence[int] = 30, *, seed: int = 0, engine: Engine = "auto",
    workers: Workers = None, progress: Progress | None = None,
) -> Results:  # fmt: skip
    """Run replications of a scenario and measure them.

    Args:
        scenario: what to run.
        replications: how many (numbers 0, 1, ...), or which.
        seed: the seed of all draws.
        engine: "auto", "reference" or "compiled": the figures are the same.
        workers: how many threads or processes, or who else runs them; the figures are the same.
        progress: told (done, planned).

    Returns:
        Results: every measure of every replication.

    Raises:
        InputError: a seed or count out of range.
        LimitReached: a run would not end.
        Interrupted: Ctrl-C; holds the results of the replications that were finished, in order.
    """
    check_seed(seed)
    numbers = tuple(range(replications)) if isinstance(replications, int) else tuple(replications)
    if not numbers or len(numbers) > 1_000_000:
        raise InputError("replications", f"{len(numbers)} is out of range", "give a number from 1 to 1,000,000")
    chosen = choose_engine(engine, scenario, len(numbers))
    rows: list[Row] = []
    try:
        for row in _simulator(workers, engine, chosen).simulate(scenario, seed, numbers, chosen):
            rows.append(row)
            if progress:
                progress(len(rows), len(numbers))
    except KeyboardInterrupt:
        if not rows:
            raise
        raise Interrupted(_collect(scenario, seed, numbers[: len(rows)], rows)) from None
    return _collect(scenario, seed, numbers, rows)


def replicate_each(wanted: Sequence[Wanted], *, seed: int = 0, engine: Engine = "auto", workers: Workers = None) -> Iterator[Results]:
    """As `replicate`, of several scenarios side by side: the results of each in turn, when they are there.

    Args:
        wanted: scenarios, and which replications of each.
        seed, engine, workers: as for `replicate`.

    Raises:
        LimitReached, RunLost: of the scenario whose turn it is.
    """
    check_seed(seed)
    wanted = [(scenario, tuple(numbers)) for scenario, numbers in wanted]
    if not wanted:
        return
    chosen = choose_engine(engine, wanted[0][0], sum(len(numbers) for _, numbers in wanted))
    rows = side_by_side(_simulator(workers, engine, chosen), wanted, seed, chosen)
    for i, (scenario, numbers) in enumerate(wanted):
        mine = list(islice(rows, len(numbers)))
        if i == len(wanted) - 1:
            mine += rows  # none, but who runs them is done only now: what is to be kept is on disk before the last is told
        yield _collect(scenario, seed, tuple(numbers), mine)


def side_by_side(runs: Simulator, wanted: Sequence[Wanted], seed: int, engine: Engine) -> Iterator[Row]:
    """What the replications of several designs gave, at the same time if who runs them can do that."""
    if isinstance(runs, SideBySide):
        return runs.several(wanted, seed, engine)
    return (row for design, numbers in wanted for row in runs.simulate(design, seed, numbers, engine))


def each(
    function: Task, source: Any, scenario: Scenario, numbers: Sequence[int], *, seed: int, engine: Engine = "auto", workers: int | None = None
) -> list[Any]:
    """What a function makes of each replication of a scenario, side by side.

    Args:
        function: called with (source, seed, number, engine); at the top of a module, so that processes find it.
        source: what it needs.
        scenario: what it will run, to choose the engine by.
        numbers: which replications.
        seed, engine, workers: as for `replicate`.
    """
    chosen = choose_engine(engine, scenario, len(numbers))
    return list(_run(function, source, seed, numbers, chosen, _count(workers, engine, chosen)))


def _count(workers: int | None, asked: Engine, chosen: Engine) -> int:
    # What "auto" leaves to the reference engine is too little to start processes for.
    return 1 if asked == "auto" and chosen == "reference" else workers_of(workers)


def _simulator(workers: Workers, asked: Engine, chosen: Engine) -> Simulator:
    return _ForNow(_count(workers, asked, chosen)) if workers is None or isinstance(workers, int) else workers


def _run(task: Task, source: Any, seed: int, numbers: Sequence[int], engine: Engine, workers: int) -> Iterator[Any]:
    with local(min(workers, len(numbers)), engine) as executor:
        yield from executor.results(task, source, seed, numbers, engine)


def _collect(scenario: Scenario, seed: int, numbers: tuple[int, ...], rows: Sequence[Row]) -> Results:
    pairs = {name: np.array([row[0][name] for row in rows]) for name in rows[0][0]}
    return Results(scenario, seed, numbers, pairs, np.mean([row[1] for row in rows], axis=0))


def merge(a: Results, b: Results) -> Results:
    """The replications of both; same scenario and seed, different numbers."""
    pairs = {name: np.concatenate([a.pairs[name], b.pairs[name]]) for name in a.pairs}
    weight = len(a.numbers) / (len(a.numbers) + len(b.numbers))
    return Results(a.scenario, a.seed, a.numbers + b.numbers, pairs, a.wip * weight + b.wip * (1 - weight))


def replicate_until(
    scenario: Scenario, name: str, half_width: float, *, relative: bool = False, most: int = 1000, batch: int = 10,
    seed: int = 0, engine: Engine = "auto", workers: Workers = None, progress: Progress | None = None,
) -> Results:  # fmt: skip
    """Replicate until a measure is as precise as wanted, or `most` is reached.

    Args:
        name: the measure.
        half_width: wanted half-width of its interval, in its unit or, if `relative`, as a share of its mean.

    Raises:
        InputError: there is no such measure.
    """
    catalogue(scenario).find(name, "precision")
    results = replicate(scenario, 20, seed=seed, engine=engine, workers=workers)
    while not precise(results.estimate(name), half_width, relative=relative) and len(results.numbers) < most:
        first = len(results.numbers)
        more = range(first, min(first + batch, most))
        results = merge(results, replicate(scenario, more, seed=seed, engine=engine, workers=workers))
        if progress:
            progress(len(results.numbers), most)
    return results


def difference(of: Measure, before: Any, after: Any, level: float = 0.95) -> Difference:
    """The paired change of a measure, from its (numerator, denominator) pairs, shape [replications, 2]."""
    if of.ratio:
        return paired_ratio_difference(before, after, level)
    return paired_difference(figures(before), figures(after), level)


@dataclass(frozen=True)
class Comparison:
    """Two or more scenarios side by side; the first is the one the others are compared with."""

    results: tuple[Results, ...]
    margins: Margins = field(default_factory=Margins)
    """Up to which size a change does not matter."""

    @property
    def base(self) -> Results:
        """The scenario the others are compared with."""
        return self.results[0]

    @cached_property
    def _in_common(self) -> tuple[Catalogue, dict[str, str]]:
        return in_common(r.scenario for r in self.results)

    @property
    def catalogue(self) -> Catalogue:
        """What the measures mean that all scenarios have: of their own only those that they define alike."""
        return self._in_common[0]

    @property
    def not_compared(self) -> dict[str, str]:
        """Measures of their own that the scenarios have not in common, each with the reason."""
        return self._in_common[1]

    def difference(self, name: str, other: int = 1, level: float = 0.95) -> Difference:
        """Other minus base, pair by pair; nothing for what only one of them has.

        Raises:
            InputError: there is no such measure, or they define it differently.
        """
        if name in self.not_compared:
            raise InputError(f"measure {name!r}", self.not_compared[name], "define it alike in all scenarios")
        found, a, b = self.catalogue.about(name), self.base, self.results[other]
        if name not in a.pairs or name not in b.pairs:
            return paired_difference([], [])
        return difference(found, a.pairs[name], b.pairs[name], level)

    def spread(self, name: str, other: int = 1) -> Spread | None:
        """How much of the variance of a change is ignorance; None if nothing is uncertain, or `ignorance.echo_all` has not been asked."""
        a, b = self.base, self.results[other]
        if a.echoes is None or b.echoes is None or name not in a.pairs or name not in b.pairs:
            return None
        change, again = b.values(name) - a.values(name), figures(b.echoes[name]) - figures(a.echoes[name])
        return spread(change, change[: len(again)], again)

    def drivers(self, name: str, other: int = 1) -> list[Driver]:
        """Uncertain values that move a change, the strongest first; see `Results.drivers`."""
        a, b = self.base, self.results[other]
        return drivers((a.scenario, b.scenario), a.seed, a.numbers, b.values(name) - a.values(name))

    def word(self, name: str, other: int = 1, level: float = 0.95) -> str:
        """One of `margins.WORDS`: better, worse, negligible, the same, unclear -- or higher and lower where neither is better."""
        return word_for(self.difference(name, other, level), self.catalogue.about(name), self.margin(name))

    def margin(self, name: str) -> float:
        """Up to which size a change of a measure does not matter, in its unit."""
        return self.margins.of(self.catalogue.about(name), self.base.estimate(name).value if name in self.base.pairs else math.nan)


def compare(
    *scenarios: Scenario, replications: int = 30, seed: int = 0, engine: Engine = "auto", workers: Workers = None,
    progress: Progress | None = None, margins: Margins | None = None,
) -> Comparison:  # fmt: skip
    """Run scenarios under common random numbers and pair them.

    Args:
        scenarios: two or more; the others are compared with the first.
        replications: pairs of runs.
        seed: of all draws; replication r of every scenario uses the same.
        margins: up to which size a change does not matter; by default 1 % of the figure before.

    Raises:
        InputError: fewer than two scenarios, or different currencies.

    Example:
        >>> gain = compare(today, hire, replications=200, seed=7)  # doctest: +SKIP
        >>> gain.difference("cycle_time").change  # doctest: +SKIP
    """
    if len(scenarios) < 2:
        raise InputError("compare", "there is only one scenario", "give at least two")
    for other in scenarios[1:]:
        if other.currency != scenarios[0].currency:
            raise InputError(other.name, f"its money is in {other.currency}, that of {scenarios[0].name!r} in {scenarios[0].currency}", "convert one of them")
    planned = replications * len(scenarios)

    def told(i: int) -> Progress | None:
        return (lambda done, _: progress(i * replications + done, planned)) if progress else None

    return Comparison(
        tuple(
            replicate(s, replications, seed=seed, engine=engine, workers=workers, progress=told(i))
            for i, s in enumerate(scenarios)
        ),
        margins or Margins(),
    )


def simulate(scenario: Scenario, *, seed: int = 0, replication: int = 0, engine: Engine = "auto") -> EventLog:
    """One replication as an event log.

    Args:
        scenario: what to run.
        seed: the seed of all draws.
        replication: which replication.
        engine: the log is the same whichever runs.
    """
    check_seed(seed)
    engine = choose_engine(engine, scenario, 1)
    check_uncertain(scenario)
    return engines.run_log(network_of(scenario, seed, replication), seed=seed, number=replication, engine=engine)


def run_one(scenario: Scenario, *, seed: int = 0, replication: int = 0, engine: Engine = "auto") -> Replication:
    """One replication with its log."""
    check_seed(seed)
    engine = choose_engine(engine, scenario, 1)
    check_uncertain(scenario)
    return engines.run(network_of(scenario, seed, replication), seed=seed, number=replication, engine=engine, log=True)


SATURATED = 0.97
"""A team that is busy for this share of its time on duty, or more, has no time left."""


def busy(results: Results, team: str) -> float:
    """Share of its time on duty that a team worked; 1 where it was never on duty or is not a team."""
    name = f"utilisation of {team}"
    value = results.estimate(name).value / 100 if name in results.pairs else math.nan
    return value if math.isfinite(value) else 1.0


def assumed_levers(scenario: Scenario) -> list[str]:
    """The levers whose effect in a design rests on an assumption, a sentence each."""
    said = (text.partition(": assumption: ") for key, text in sorted(scenario.provenance.items()) if key.startswith("lever "))
    return [f"{what} rests on an assumption: {why}." for what, sign, why in said if sign]


def standing_cautions(scenario: Scenario) -> list[str]:
    """What a scenario itself obliges us to say wherever its results are shown: core steps overridden, effects assumed."""
    return [*overridden(scenario), *assumed_levers(scenario)]


def cautions(results: Results) -> list[str]:
    """What a sceptic should know: core steps overridden, unstable teams, a warm-up that is too short, few replications."""
    scenario, found = results.scenario, overridden(results.scenario)
    hopeless = {load.team for load in loads(scenario, sure=True) if load.unstable}
    for load in loads(scenario):
        # The traffic equations know neither conditions nor who gives up: what the simulation saw decides.
        if f"utilisation of {load.team}" not in results.pairs or busy(results, load.team) < SATURATED:
            continue
        end = "its queue grows for as long as the run lasts" if load.team in hopeless else "cases wait long, or customers give up until the rest can be served"
        asked = f"is asked for {100 * load.load:.0f} % of its time ({load.demanded:.1f} of {load.available:.1f} h a week)" if load.unstable else f"works {100 * busy(results, load.team):.0f} % of its time on duty"
        found.append(f"Team {load.team!r} {asked}: {end}.")
    # Averaged over a week, because offices close: MSER would take the weekly beat for a trend.
    week = max(1, round(7 * DAY / scenario.clock.horizon * len(results.wip)))
    series = np.convolve(results.wip, np.ones(week) / week, mode="valid")
    cut = mser5(series)
    proposed = cut.cut / len(results.wip) * scenario.clock.horizon
    if scenario.in_process:
        found.append("The run begins with the cases in process: its figures are those of this period, not of a steady state.")
    elif cut.valid and proposed > scenario.clock.warm_up * 1.05 + scenario.clock.horizon / len(results.wip):
        found.append(
            f"The start of the run looks unsettled for {proposed / DAY:.0f} days (MSER-5), the scenario leaves out {scenario.clock.warm_up / DAY:.0f}: "
            "figures may still carry the empty start; give a longer warm_up."
        )
    elif not cut.valid:
        found.append("No steady state is found before half of the run (MSER-5): demand changes over time, or the run is short. Read the figures as averages over this period.")
    found += assumed_levers(scenario)
    if len(results.numbers) < 10:
        found.append(f"Only {len(results.numbers)} replications: intervals are wide.")
    return found


__all__ = ["Comparison", "Results", "Simulating", "Simulator", "Workers", "cautions", "compare", "replicate", "replicate_until", "run_one", "simulate", "standing_cautions", "value", "workers_of"]
