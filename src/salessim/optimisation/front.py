"""The front on fresh runs: which of its designs are surely on it, and some of them told beside the recommended one, each against today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.catalogue import Catalogue
from salessim.optimisation import kept, labels
from salessim.optimisation.fresh import COMPARING, Fresh
from salessim.optimisation.kept import Check
from salessim.results import Comparison, difference

if TYPE_CHECKING:
    from salessim.optimisation.limits import Limit
    from salessim.optimisation.robust import Outlook
    from salessim.optimisation.space import Settings

MOST_SHOWN = 4
"""Designs of the front that are told beside today's and the recommended: a planner reads no more."""
MOST_LABELLED = 24
"""Designs of the front that are labelled: so many, spread over it, dominate all but about a hundredth of what a whole front does."""
RUNS = 18
"""Runs of the labels at most, in those of a comparison with today: three for a full front's first look, the rest for what it leaves open and more runs may answer."""
EACH = 7
"""First looks that the labels may take for each design: a short front is not worth the runs of a full one."""
SHARE, FEWEST = 8, 4
"""The first look takes this part of the runs of a comparison with today, but so many at least: with fewer, Student's quantiles are too far out."""


@dataclass(frozen=True)
class Shown:
    """A design that is shown, on fresh runs."""

    settings: Settings
    words: tuple[str, ...]
    label: str
    """Whether it is on the front of those shown: "in", "out" or "undecided"."""
    checks: tuple[Check, ...]
    """Its limits."""
    against: Comparison
    """Today and the design, run by run."""
    told: bool
    """Whether it is told beside the recommended design, or only labelled."""


def first_look(outlook: Outlook, final: int) -> int:
    """Runs of each design at the first look of the labels; of the worst runs there must be enough for their intervals.

    Args:
        outlook: which runs count.
        final: runs of a comparison with today.
    """
    return outlook.least(max(FEWEST, final // SHARE))


def labelled(outlook: Outlook, final: int) -> int:
    """How many designs of the front are labelled: the first look takes half of the runs at most, which matters where the worst runs are what counts.

    Example:
        >>> from salessim.optimisation.robust import AS_PLANNED
        >>> labelled(AS_PLANNED, 60), labelled(AS_PLANNED, 10)
        (24, 22)
    """
    return min(MOST_LABELLED, RUNS * final // (2 * first_look(outlook, final)))


def show(
    fresh: Fresh, designs: Sequence[tuple[Settings, tuple[str, ...]]], objectives: tuple[str, ...], bounds: tuple[Limit, ...], known: Catalogue, final: int, confidence: float, told: int
) -> tuple[Shown, ...]:
    """Run designs side by side on fresh seeds, label them, and compare each with today.

    Args:
        fresh: where the runs come from.
        designs: settings and words of each, no two the same.
        objectives: what the front is about; limits are kept by whoever is on it.
        bounds: the limits.
        known: the measures.
        final: runs of the comparison with today of those that are told; what the labels take goes by it.
        confidence: of all labels together; where there are limits they take half of the error.
        told: how many of the designs, the first ones, are told.
    """
    error = (1 - confidence) / 2
    first = first_look(fresh.space.outlook, final)
    everyone = [settings for settings, _ in designs]
    if bounds:
        fresh.ahead(everyone, COMPARING, final)
    checked = [kept.checks(bounds, fresh.runs(settings, COMPARING), final, error / len(designs)) for settings, _ in designs]
    able: Mapping[str, bool | None] = {kept.KEPT: True, kept.BROKEN: False, kept.UNDECIDED: None}
    found = labels.label(
        lambda n, asked: _changes(fresh, everyone, asked, objectives, known, n), len(designs), len(objectives), first,
        confidence if not bounds else 1 - error, [able[kept.verdict(c)] for c in checked], min(RUNS * final, EACH * first * len(designs)),
    )  # fmt: skip
    fresh.ahead([fresh.space.today, *everyone[:told]], COMPARING, final)
    shown = []
    for i, ((settings, words), limits) in enumerate(zip(designs, checked, strict=True)):
        runs = final if i < told else max(first, found.runs[i])
        shown.append(Shown(settings, words, found.labels[i], limits, Comparison((fresh.of(fresh.space.today, COMPARING, runs), fresh.of(settings, COMPARING, runs))), i < told))
    return tuple(shown)


def _changes(fresh: Fresh, designs: Sequence[Settings], asked: Sequence[int], objectives: tuple[str, ...], known: Catalogue, n: int) -> labels.Change:
    """The paired changes between those designs that are asked about, over n runs, which are run side by side."""
    fresh.ahead([designs[i] for i in asked], COMPARING, n)

    def change(i: int, j: int, m: int, level: float) -> tuple[float, float]:
        about = known.about(objectives[m])
        before, after = (fresh.judged(designs[k], COMPARING, n, objectives).pairs[about.name] for k in (j, i))
        e = difference(about, before, after, level).change
        return (e.low, e.high) if about.direction == "lower is better" else (-e.high, -e.low)

    return change


__all__ = ["MOST_SHOWN", "Shown", "labelled", "show"]
