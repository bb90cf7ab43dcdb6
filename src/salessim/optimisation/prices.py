"""What every limit and every core step costs: what the objectives would gain if a limit were a notch looser, or a core step were not there.

Neither is offered. They say what a rule is worth questioning for, on seeds of their own, run by run beside the recommended design.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.errors import InputError
from salessim.optimisation.fresh import ASKING, Fresh
from salessim.optimisation.said import said
from salessim.results import Comparison
from salessim.scenario.levers import apply

if TYPE_CHECKING:
    from salessim.optimisation.best import Trial
    from salessim.optimisation.evaluation import Evaluator
    from salessim.optimisation.limits import Limit
    from salessim.optimisation.space import Settings
    from salessim.scenario.model import Scenario

NOTCH = 0.1
"""By how much of its bound a limit is loosened: more than noise, and still a limit that somebody might grant."""


@dataclass(frozen=True)
class Price:
    """What a limit costs."""

    limit: Limit
    looser: Limit
    words: tuple[str, ...]
    """What the best design under the looser limit changes, of those that were tried and the neighbours of the recommended one."""
    against: Comparison | None
    """The recommended design and that one; None if no design that breaks only this limit, and keeps the looser one, was better in the search."""

    def sentence(self, objectives: Sequence[str]) -> str:
        """For people."""
        if self.against is None:
            return f"The limit {self.limit.words} does not bind: {100 * NOTCH:g} % looser, no design that was tried would be better."
        changed = "; ".join(said(self.against, n) for n in objectives)
        return f"If the limit were {self.looser.words}, {100 * NOTCH:g} % looser: {changed}, by {'; '.join(self.words) or 'the process as it is'}. Not offered: it breaks the limit."


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
    evaluate: Evaluator, fresh: Fresh, recommended: Trial, done: Sequence[Trial], bounds: tuple[Limit, ...], gain: Callable[[Trial], tuple[float, int]], runs: int
) -> tuple[Price, ...]:
    """The price of each limit, seen from the recommended design.

    Which design to look at is chosen by the search's runs and judged on fresh ones, so that its interval holds. A better
    one may exist that nobody tried: the price is at least so much.

    Args:
        evaluate: for neighbours of the recommended design that the search did not look at.
        fresh: for runs.
        recommended: the design.
        done: the designs that were tried.
        bounds: the limits.
        gain: relative improvement over today in the search's runs, less being better.
        runs: fresh runs of each design.
    """
    if not bounds:
        return ()
    tried = [*done, *(evaluate(recommended.number, s) for s in neighbours(evaluate, recommended.settings))]
    return tuple(_price(fresh, recommended, tried, limit, [b for b in bounds if b is not limit], gain, runs) for limit in bounds)


def _price(fresh: Fresh, recommended: Trial, tried: Sequence[Trial], limit: Limit, others: Sequence[Limit], gain: Callable[[Trial], tuple[float, int]], runs: int) -> Price:
    looser = limit.loosened(NOTCH * abs(limit.bound))

    def granted(values: object) -> bool:
        assert isinstance(values, dict)
        return looser.holds(values[limit.key]) and not limit.holds(values[limit.key]) and all(other.holds(values[other.key]) for other in others)

    best = min((t for t in tried if t.values is not None and granted(dict(t.values))), key=gain, default=None)
    if best is None or gain(best)[0] >= gain(recommended)[0]:
        return Price(limit, looser, (), None)
    return Price(limit, looser, best.words, Comparison((fresh.of(recommended.settings, ASKING, runs), fresh.of(best.settings, ASKING, runs))))


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


__all__ = ["NOTCH", "CoreStep", "Price", "neighbours", "prices_of_core", "prices_of_limits"]
