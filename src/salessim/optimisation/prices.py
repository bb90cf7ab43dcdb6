"""What every limit and every core step costs: what the objectives would gain if a limit were a notch looser, or a core step were not there.

Neither is offered. They say what a rule is worth questioning for, on seeds of their own, run by run beside the recommended design.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.errors import InputError
from salessim.measures import PEOPLE
from salessim.optimisation.fresh import ASKING, Fresh
from salessim.optimisation.robust import AS_PLANNED
from salessim.optimisation.said import said, size
from salessim.results import Comparison
from salessim.scenario.levers import apply
from salessim.statistics import Estimate, ratio_interval
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.optimisation.best import Trial
    from salessim.optimisation.evaluation import Evaluator
    from salessim.optimisation.limits import Limit
    from salessim.optimisation.space import Settings
    from salessim.results import Results
    from salessim.scenario.model import Scenario

NOTCH = 0.1
"""By how much of its bound a limit is loosened: more than noise, and still a limit that somebody might grant."""


def loosened(limit: Limit) -> Limit:
    """The limit a notch looser: by a tenth, and where people are counted by one of them at least."""
    by = NOTCH * abs(limit.bound)
    return limit.loosened(max(1.0, math.floor(by)) if limit.of.unit == PEOPLE else by)


def _so_much(amount: float, unit: str) -> str:
    return "one person" if unit == PEOPLE and amount == 1 else f"{rounded(amount, 6, whole=True)} {unit}"


@dataclass(frozen=True)
class Price:
    """What a limit costs."""

    limit: Limit
    looser: Limit
    words: tuple[str, ...]
    """What the best design under the looser limit changes, of those that were tried, the neighbours of the recommended one, and what theory takes for better."""
    against: Comparison | None
    """The recommended design and that one; None if no design that breaks only this limit, and keeps the looser one, was better in the search, and still on fresh runs."""

    @property
    def step(self) -> float:
        """A round amount of the limit's measure, of the size of what the better design takes of it more; 0 where there is none."""
        if self.against is None or self.limit.chance is not None or self.limit.of.ratio:
            return 0.0
        more = abs(self.against.difference(self.limit.measure).change.value)
        return float(10 ** math.floor(math.log10(more))) if math.isfinite(more) and more > 0 else 0.0

    def each(self, name: str) -> Estimate | None:
        """What a measure changes by for each `step` that the limit's measure is let go further; None where that is not a ratio of two means."""
        if self.against is None or not self.step or name == self.limit.measure or self.against.catalogue.about(name).ratio:
            return None
        base, other = self.against.results
        if name not in base.pairs or name not in other.pairs:
            return None
        sign = 1 if self.limit.upper else -1
        found = ratio_interval(other.values(name) - base.values(name), sign * (other.values(self.limit.measure) - base.values(self.limit.measure)))
        return replace(found, value=found.value * self.step, low=found.low * self.step, high=found.high * self.step)

    @property
    def amount(self) -> str:
        """The `step` in words."""
        return f"{_so_much(self.step, self.limit.of.unit)} {'more' if self.limit.upper else 'less'} of {self.limit.of.phrase}"

    def sentence(self, objectives: Sequence[str]) -> str:
        """For people."""
        if self.against is None:
            return f"The limit {self.limit.words} does not bind: {self.by} looser, no design that was tried would be better."
        changed = "; ".join(said(self.against, n) for n in objectives)
        return f"If the limit were {self.looser.words}, {self.by} looser: {changed}, by {'; '.join(self.words) or 'the process as it is'}{self._rate(objectives)}. Not offered: it breaks the limit."

    @property
    def by(self) -> str:
        """By how much the limit is loosened, in words."""
        by = abs(self.looser.bound - self.limit.bound)
        return f"by {_so_much(by, PEOPLE)}" if self.limit.of.unit == PEOPLE else f"{100 * NOTCH:g} %"

    def _rate(self, objectives: Sequence[str]) -> str:
        """What each unit of the limit brings, where that can be told."""
        rates = [(n, e) for n in objectives if (e := self.each(n)) is not None and math.isfinite(e.low) and math.isfinite(e.high) and (e.low > 0 or e.high < 0)]
        if self.against is None or not rates:
            return ""
        known = self.against.catalogue
        told = "; ".join(f"{known.about(n).phrase} {size(e.value)} {known.about(n).unit} ({size(e.low)} to {size(e.high)})" for n, e in rates)
        return f"; that is for {self.amount}: {told}"


@dataclass(frozen=True)
class CoreStep:
    """What a core step costs."""

    step: str
    title: str
    against: Comparison | None
    """The design with the step and without it; None where the process cannot do without."""
    why: str = ""
    """Why it cannot."""

    def sentence(self, objectives: Sequence[str]) -> str:
        """For people."""
        if self.against is None:
            return f"Core step {self.title!r} has no price: the process cannot be imagined without it ({self.why})."
        return f"If core step {self.title!r} could be removed: {'; '.join(said(self.against, n) for n in objectives)}. Not offered: it is core."


def prices_of_limits(
    evaluate: Evaluator, fresh: Fresh, recommended: Trial, done: Sequence[Trial], bounds: tuple[Limit, ...], gain: Callable[[Trial], tuple[float, int]], score: Callable[[Results], Any], runs: int
) -> tuple[Price, ...]:
    """The price of each limit, seen from the recommended design.

    Nothing is searched again: which design to look at is chosen by the search's runs among those that were tried, the
    neighbours of the recommended one and the one that theory takes for best under the looser limit; it is judged on fresh
    runs, so that its interval holds. A better one may exist that nobody tried: the price is at least so much.

    Args:
        evaluate: for neighbours of the recommended design that the search did not look at.
        fresh: for runs.
        recommended: the design.
        done: the designs that were tried.
        bounds: the limits.
        gain: relative improvement over today in the search's runs, less being better.
        score: the same in each of some runs.
        runs: fresh runs of each design.
    """
    if not bounds:
        return ()
    near = neighbours(evaluate, recommended.settings)
    screen = evaluate.screen
    if screen is not None and evaluate.space.outlook == AS_PLANNED:
        near += [s for limit in bounds if (s := screen.if_granted([loosened(b) if b is limit else b for b in bounds], recommended.settings)) is not None and s not in near]
    granting = _granting(evaluate)
    tried = [*done, *granting.side_by_side([(recommended.number, s) for s in near])]
    evaluate.spent = granting.spent
    return tuple(_price(fresh, recommended, tried, limit, [b for b in bounds if b is not limit], gain, score, runs) for limit in bounds)


def _granting(evaluate: Evaluator) -> Evaluator:
    """The same, but that it simulates what breaks a limit on the plan by no more than is asked about."""
    granted = tuple(loosened(b) if b.of.planned else b for b in evaluate.bounds)
    return evaluate if granted == evaluate.bounds else replace(evaluate, bounds=granted, seen={key: t for key, t in evaluate.seen.items() if t.refused is None})


def _price(fresh: Fresh, recommended: Trial, tried: Sequence[Trial], limit: Limit, others: Sequence[Limit], gain: Callable[[Trial], tuple[float, int]], score: Callable[[Results], Any], runs: int) -> Price:
    looser = loosened(limit)

    def granted(values: object) -> bool:
        assert isinstance(values, dict)
        return looser.holds(values[limit.key]) and not limit.holds(values[limit.key]) and all(other.holds(values[other.key]) for other in others)

    best = min((t for t in tried if t.values is not None and granted(dict(t.values))), key=gain, default=None)
    if best is None or gain(best)[0] >= gain(recommended)[0]:
        return Price(limit, looser, (), None)
    base, other = (fresh.of(t.settings, ASKING, runs) for t in (recommended, best))
    if not float(np.mean(score(other) - score(base))) < 0:  # what looked better in the search's few runs is not: the limit keeps nobody from anything
        return Price(limit, looser, (), None)
    return Price(limit, looser, best.words, Comparison((base, other)))


def neighbours(evaluate: Evaluator, settings: Settings) -> list[Settings]:
    """Designs in which one lever stands a notch further up or down."""
    space, found = evaluate.space, []
    for name, options in space.options.items():
        at = options.index(settings[name])
        for i in (at - 1, at + 1):
            if 0 <= i < len(options):
                near = space.repaired(settings | {name: options[i]})
                if near != settings and near not in found:
                    found.append(near)
    return found


def prices_of_core(fresh: Fresh, scenario: Scenario, runs: int) -> tuple[CoreStep, ...]:
    """The price of each core step of a design that no override has freed.

    Args:
        fresh: for runs.
        scenario: the recommended design, or today's.
        runs: fresh runs of each.
    """
    return tuple(_core_step(fresh, scenario, name, step.title or name, runs) for name, step in scenario.steps.items() if step.core and name not in scenario.overrides)


def _core_step(fresh: Fresh, scenario: Scenario, name: str, title: str, runs: int) -> CoreStep:
    granted = {**{k: v.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for k, v in scenario.overrides.items()}, name: {"reason": "what if", "allowed_by": "nobody"}}
    try:
        without = apply(scenario.change({"overrides": granted, "levers": {"without": {"remove": name}}}), {"without": True})
    except InputError as wrong:
        return CoreStep(name, title, None, wrong.problem)
    return CoreStep(name, title, Comparison((fresh.of_scenario(scenario, ASKING, runs), fresh.of_scenario(without, ASKING, runs))))


__all__ = ["NOTCH", "CoreStep", "Price", "loosened", "neighbours", "prices_of_core", "prices_of_limits"]
