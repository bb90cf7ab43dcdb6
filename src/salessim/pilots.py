"""One short run before the real ones: how busy everybody is, which limits are full, and what no case ever came to.

The traffic equations (`scenario.traffic`) take the shares as they are written: a condition lets half through, a factor
counts as 1, nobody gives up. Where formulas decide that is far off, and only a run can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from salessim import engines
from salessim.engines import Engine
from salessim.experiment import expected_visits
from salessim.jit import cache_folder
from salessim.measures import MEASURES, View, measure, value
from salessim.records import Replication
from salessim.results import SATURATED
from salessim.scenario.checks import Problem
from salessim.scenario.doubts import unexplained
from salessim.scenario.uncertain import network_of
from salessim.units import HOUR, WEEK

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

SEED, NUMBER = 0, 0
"""Always the same run, so that `validate` says the same."""
MOST_VISITS = 5_000_000
"""Beyond so many expected visits a pilot is no short run."""
ENOUGH = 200
"""Cases below which it is no wonder that something did not happen."""
FULL = 0.85
"""Share of the places of a limit that are taken on average, from which on cases mostly find it full."""
MANY = 0.5
"""Share of those who ask for people and give up, from which on it is worth a word."""


@dataclass(frozen=True)
class Pilot:
    """What one run showed."""

    busy: dict[str, float]
    """Team -> share of its time on duty that it worked, ordinary hours only."""
    worked: dict[str, float]
    """Team -> person-hours worked a week, overtime included."""
    in_use: dict[str, tuple[float, int]]
    """Limit -> places taken on average, and places there are."""
    doubts: tuple[Problem, ...]
    """What should be looked at again, with place and remedy."""

    def saturated(self, team: str) -> bool:
        """Whether a team has no time left."""
        return self.busy.get(team, 0.0) >= SATURATED


def pilot(scenario: Scenario) -> Pilot | None:
    """Run a scenario once, over its whole horizon and always with the same seed.

    Args:
        scenario: the process; a template of the gallery takes a second or two.

    Returns:
        What it showed; None where more than `MOST_VISITS` visits are to be expected.

    Raises:
        LimitReached: the run would not end.

    Example:
        >>> import salessim as ss  # doctest: +SKIP
        >>> {team: round(share, 2) for team, share in ss.pilot(ss.Scenario.load("scenarios/b2b.yaml")).busy.items()}  # doctest: +SKIP
    """
    visits = expected_visits(scenario)
    if visits > MOST_VISITS:
        return None
    run = engines.run(network_of(scenario, SEED, NUMBER), seed=SEED, number=NUMBER, engine=_engine(visits))
    labels, totals, weeks = run.labels, run.totals, (run.labels.horizon - run.labels.warm_up) / WEEK
    busy = {t: float((totals.busy[i] - totals.overtime[i]) / totals.on_duty[i]) if totals.on_duty[i] > 0 else 0.0 for i, t in enumerate(labels.teams)}
    worked = {t: float(totals.busy[i]) / HOUR / weeks for i, t in enumerate(labels.teams)}
    in_use = {name: (float(totals.held[i]) / (labels.horizon - labels.warm_up), _places(scenario, name)) for i, name in enumerate(labels.limits)}
    return Pilot(busy, worked, in_use, (*_cases(scenario, run), *_limits(in_use), *_money(scenario, run)))


def _engine(visits: float) -> Engine:
    """The compiled engine where it is compiled already, or where the other would take much longer than compiling."""
    ready = any(cache_folder().rglob("compiled.advance*.nbc"))
    return "compiled" if (ready and visits > engines.SMALL) or visits > 1_000_000 else "reference"


def _places(scenario: Scenario, limit: str) -> int:
    part = scenario.limits[limit]
    return part.size * (scenario.teams[part.each].people if part.each else 1)


def _cases(scenario: Scenario, run: Replication) -> Iterator[Problem]:
    """Steps that nobody came to or where most give up, and whether anything is won at all."""
    labels, totals = run.labels, run.totals
    if len(run.cases.born) < ENOUGH:
        return
    view = View(run)
    if not (view.won_at >= 0).any():
        yield Problem(("stages",), f"not one of {len(run.cases.born):,} cases was won in a pilot run", "look at the shares and conditions on the way to the step with 'milestone: won'")
    came = np.bincount(run.cases.step, minlength=len(labels.steps)) + totals.entered
    missing = unexplained(scenario, {name for i, name in enumerate(labels.steps) if came[i] == 0})
    for i, name in enumerate(labels.steps):
        path = ("stages", scenario.stage_of(name), "steps", name)
        if name in missing:
            yield Problem(path, f"no case came to this step in a pilot run of {len(run.cases.born):,} cases", "look at the conditions and shares of the routes that lead to it")
        elif totals.asked[i] >= ENOUGH and totals.gave_up[i] > MANY * totals.asked[i]:
            share = 100 * totals.gave_up[i] / totals.asked[i]
            yield Problem(path, f"{share:.0f} % of those who wait here give up in a pilot run", "add people, or look at the patience and its unit")


def _limits(in_use: dict[str, tuple[float, int]]) -> Iterator[Problem]:
    for name, (taken, places) in in_use.items():
        if taken >= FULL * places:
            yield Problem(("limits", name, "size"), f"{taken:.1f} of {places} places are taken on average in a pilot run: cases wait for a place more than for people", "add places, or have them given back earlier")


def _money(scenario: Scenario, run: Replication) -> Iterator[Problem]:
    """Costs that no revenue will ever bear are more likely a wrong unit."""
    found = measure(run)
    cost, revenue = (value(found[n]) for n in ("cost", "revenue"))
    if any(s.value for s in scenario.segments.values()) and cost > 10 * revenue > 0:
        unit = MEASURES["cost"][0].unit.replace("money", scenario.currency)
        yield Problem(("segments",), f"it costs {cost:,.0f} and brings {revenue:,.0f} {unit} in a pilot run", "look at the units of pay, costs and values")
