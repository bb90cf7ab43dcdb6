"""Which uncertain value moves a figure, and how much less uncertain the figure would be if that value were known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from scipy import special

from salessim.association import explained, rank_correlation
from salessim.scenario.unknowns import chances, origin_of
from salessim.statistics import Estimate, t_quantile

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

LEAST = 10
"""Replications below which nothing is said."""
SURE = 0.001
"""How often chance alone may name a value: one of so many would in one figure of a thousand, since many are looked at."""
LEVEL = 0.95


class Driver(NamedTuple):
    """An uncertain value that moves a figure."""

    value: str
    """The name of its draw: mostly the path of a field."""
    correlation: float
    """Spearman's, between the draws and the figure."""
    share: Estimate
    """Of the variance between replications: what knowing the value would take away. Twice the data would take away half of it."""
    origin: str
    """Where its law comes from."""

    @property
    def from_data(self) -> bool:
        """Whether more data of the same kind would narrow it."""
        return self.origin.startswith("data")


def drivers(scenarios: Sequence[Scenario], seed: int, numbers: Sequence[int], values: Any) -> list[Driver]:
    """The uncertain values of some scenarios that move a figure, the strongest first.

    The variance of an estimate falls with the number of observations, so twice the data leave half of it.

    Args:
        scenarios: one, or two that were compared.
        seed, numbers: of the replications.
        values: the figure in each, shape [n].

    Source:
        The share is the first-order index of a figure that is nearly linear in the normal scores of its draws (van der
        Waerden scores). Intervals of those that were chosen among many are widened as in Benjamini and Yekutieli 2005.
    """
    drawn = [{k: u for s in scenarios for k, u in chances(s, seed, n).items()} for n in numbers]
    if len(drawn) < LEAST or not drawn[0]:
        return []
    t = t_quantile(1 - SURE / 2 / len(drawn[0]), len(drawn) - 2)
    bound = t / math.sqrt(len(drawn) - 2 + t * t)
    found = {name: rank_correlation([d[name] for d in drawn], values) for name in drawn[0]}
    chosen = sorted((name for name, r in found.items() if abs(r) > bound), key=lambda name: (-abs(found[name]), name))
    level = 1 - (1 - LEVEL) * len(chosen) / len(found)
    return [
        Driver(name, found[name], explained(special.ndtri([d[name] for d in drawn]), values, level), next(o for s in scenarios if (o := origin_of(s, name)) is not None))
        for name in chosen
    ]  # fmt: skip
