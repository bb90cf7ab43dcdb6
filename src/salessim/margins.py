"""Which change of a figure matters, and the word for it.

With enough replications any change, however small, can be told from none; a planner asks whether it matters. So a
change whose whole interval lies within a margin around zero is "negligible": no difference that matters (an equivalence test by
the interval: Schuirmann 1987; with a 95 % interval instead of his 90 % it is the more careful one), whichever side
of zero it lies on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from salessim.measured_in import unit_of
from salessim.statistics import Difference
from salessim.units import MINUTE

if TYPE_CHECKING:
    from salessim.measures import Measure

SAME, NEGLIGIBLE, UNCLEAR = "the same", "negligible", "unclear"
WORDS = ("better", "worse", "higher", "lower", NEGLIGIBLE, SAME, UNCLEAR)
"""Every word there is for a change."""
LEAST_TIME = MINUTE
"""Nobody changes a process for less, however short a time is already."""


@dataclass(frozen=True)
class Margins:
    """Up to which size a change does not matter.

    Example:
        >>> from salessim.measures import MEASURES
        >>> wait, rate = MEASURES["waiting"][0], MEASURES["win_rate"][0]
        >>> Margins().of(wait, 8.0), round(Margins().of(wait, 0.5), 4), Margins().of(rate, 5.0)
        (0.08, 0.0167, 0.05)
        >>> Margins(own={"win_rate": 2.0}).of(rate, 5.0), Margins(share=0.0).of(wait, 8.0)
        (2.0, 0.0)
    """

    share: float = 0.01
    """Of the figure before the change; 0 says that every change matters."""
    own: Mapping[str, float] = field(default_factory=dict)
    """Measure -> margin in its unit, instead of the share."""

    def of(self, about: Measure, before: float) -> float:
        """The margin of a measure, in its unit.

        Args:
            about: the measure, its unit with the scenario's currency in place.
            before: its figure before the change.
        """
        if about.name in self.own:
            return self.own[about.name]
        if self.share == 0:
            return 0.0
        unit = unit_of(about.unit, "money")
        least = LEAST_TIME / unit.ticks if unit.kind == "time" and unit.per is None else 0.0
        return max(self.share * abs(before), least) if math.isfinite(before) else least

    def in_words(self) -> str:
        """A sentence for whoever reads the words."""
        if self.share == 0 and not self.own:
            return "Every change that can be told from none gets a word: the margin is zero."
        own = "".join(f", {name} {size:g}" for name, size in sorted(self.own.items()))
        least = " or, of times, a minute" if self.share else ""
        return f"'{NEGLIGIBLE}': no difference that matters, for the interval of the change lies within {100 * self.share:g} % of the figure before{least}{own}; --margin sets it."


def word_for(change: Difference, about: Measure, margin: float) -> str:
    """One of `WORDS` for a paired difference.

    Args:
        change: the difference.
        about: the measure it is of.
        margin: up to which size it does not matter, in the measure's unit.
    """
    verdict = change.verdict
    if verdict == SAME:
        return SAME
    if max(abs(change.change.low), abs(change.change.high)) <= margin:
        return NEGLIGIBLE
    if verdict == UNCLEAR or about.direction == "neither":
        return verdict
    return "better" if (verdict == "lower") == (about.direction == "lower is better") else "worse"
