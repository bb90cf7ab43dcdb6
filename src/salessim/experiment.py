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
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from salessim import engines
from salessim.catalogue import catalogue
from salessim.engines import Engine
from salessim.errors import InputError
from salessim.executors import Executor, Task, local, workers_of
from salessim.margins import Margins
from salessim.measures import measure, value
from salessim.memo import Content, content
from salessim.network import Network, build
from salessim.records import NEVER, Replication
from salessim.results import Comparison, Results, merge
from salessim.scenario.traffic import throughput
from salessim.scenario.uncertain import check as check_uncertain
from salessim.scenario.uncertain import network_of
from salessim.statistics import precise

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.scenario.model import Scenario

    Source = Network | Scenario
    """One network for all replications, or the scenario from which each draws its own."""

Row = tuple[dict[str, tuple[float, float]], Any]
"""What one replication gave: measure -> (numerator, denominator), and cases in process at equal steps of time."""
Progress = Callable[[int, int], None]
"""Told (done, planned) after each replication."""


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
    found = _built(content(scenario, "levers", "provenance", "description"))
    return scenario if found is None else found


@lru_cache(maxsize=32)  # a search compares about so many designs side by side, a few runs at a time
def _built(said: Content) -> Network | None:
    """The network of a scenario, built once as long as it is asked for again and again; None if each replication has its own."""
    check_uncertain(said.record)
    return None if said.record.uncertain else build(said.record)


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


__all__ = ["Simulating", "Simulator", "Workers", "compare", "replicate", "replicate_until", "run_one", "simulate", "value", "workers_of"]
