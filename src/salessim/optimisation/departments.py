"""What it costs that every department does what is best for itself.

Each department chooses the settings of its own levers that are best for its own figure, as if the others stayed as they
are. What comes of all these choices together is compared, on fresh seeds, with the settings that are best for the firm.
All designs are looked at, so that the gap is not the shortcoming of a search.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.catalogue import catalogue
from salessim.errors import InputError
from salessim.experiment import check_seed, replicate
from salessim.optimisation.fresh import COMPARING
from salessim.optimisation.said import size
from salessim.optimisation.space import Settings, Space, refused, relief_of, space_of
from salessim.results import Comparison
from salessim.scenario.levers import in_words
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.results import Results
    from salessim.scenario.model import Scenario
    from salessim.statistics import Difference

MOST_DESIGNS = 500
"""Designs that are all looked at; more are a matter for `optimise`."""


@dataclass(frozen=True)
class Department:
    """A department: the levers in its hands, and the figure by which it is measured."""

    levers: tuple[str, ...]
    objective: str


@dataclass(frozen=True)
class Gap:
    """What departments that each do their best leave undone for the whole."""

    objective: str
    departments: Mapping[str, Department]
    choices: Mapping[str, Settings]
    """What each department would choose, of its own levers."""
    overall: Settings
    """What is best for the whole, of all levers."""
    final: Comparison
    """On fresh seeds: all local choices together, the best for the whole, today."""
    designs: int
    """How many were looked at."""

    @property
    def difference(self) -> Difference:
        """The best for the whole minus all local choices together."""
        return self.final.difference(self.objective, 1)

    @property
    def against_today(self) -> Difference:
        """All local choices together minus today."""
        back = self.final
        return Comparison((back.results[2], back.results[0])).difference(self.objective, 1)

    def sentences(self) -> list[str]:
        """Who would choose what, what comes of it, and the gap with its interval."""
        today = self.final.results[2].scenario
        said = []
        for name, settings in sorted(self.choices.items()):
            words = "; ".join(in_words(today, settings, assumptions=True)) or "leave everything as it is"
            said.append(f"{name}, measured by {self._title(self.departments[name].objective)}: {words}.")
        values = [self.final.results[i].estimate(self.objective) for i in range(3)]
        per, gap = catalogue(today).about(self.objective).unit, self.difference.change
        said.append(
            f"{self._title(self.objective)[:1].upper()}{self._title(self.objective)[1:]}: today {rounded(values[2].value, 4, whole=True)}, all of that together {rounded(values[0].value, 4, whole=True)} ({rounded(values[0].low, 4, whole=True)} to {rounded(values[0].high, 4, whole=True)}), "
            f"best for the whole {rounded(values[1].value, 4, whole=True)} ({rounded(values[1].low, 4, whole=True)} to {rounded(values[1].high, 4, whole=True)}) {per}, by: {'; '.join(in_words(today, self.overall, assumptions=True)) or 'leaving everything as it is'}."
        )
        said.append(f"Gap between the two: {size(gap.value)} {per} ({size(gap.low)} to {size(gap.high)}, 95 %, on {len(self.final.base.numbers)} fresh pairs of runs; {self.designs} designs were looked at).")
        return said

    def _title(self, name: str) -> str:
        return catalogue(self.final.base.scenario).about(name).title.lower()


def local_against_overall(
    scenario: Scenario, departments: Mapping[str, Department], objective: str, *,
    replications: int = 6, final: int = 30, seed: int = 0, workers: int | None = None,
) -> Gap:  # fmt: skip
    """Let each department do what is best for itself, and say what that costs the whole.

    Args:
        scenario: declares the levers.
        departments: by name, the levers of each and the measure it aims at, each in its better direction.
        objective: the measure of the whole.
        replications: of each design, under common random numbers.
        final: replications on fresh seeds.
        seed: of all draws; the answer does not depend on the number of workers.

    Raises:
        InputError: a lever in two hands or in none, a measure that is not there or has no better direction, too many
            designs to look at all of them.

    Example:
        >>> gap = local_against_overall(firm, {"sales": Department(("push",), "win_rate")}, "revenue")  # doctest: +SKIP
        >>> gap.difference.change  # doctest: +SKIP
    """
    check_seed(seed)
    owner: dict[str, str] = {}
    for name, department in departments.items():
        for lever in department.levers:
            if lever in owner:
                raise InputError(f"department {name!r}", f"the lever {lever!r} is also in the hands of {owner[lever]!r}", "give it to one of them")
            owner[lever] = name
        if not department.levers:
            raise InputError(f"department {name!r}", "it has no levers", "name at least one")
    if not departments:
        raise InputError("departments", "there are none", "name at least one, with its levers and its measure")
    look = _Look(space_of(scenario, sorted(owner)), replications, seed, workers)
    for measure in (objective, *(d.objective for d in departments.values())):
        look.sign(measure)
    choices = {name: {n: s for n, s in look.best(d.levers, d.objective).items() if n in d.levers} for name, d in departments.items()}
    overall = look.best(tuple(owner), objective)
    together = look.space.repaired({n: s for settings in choices.values() for n, s in settings.items()})
    numbers = range(COMPARING, COMPARING + final)
    designs = [look.space.design(s, name) for s, name in ((together, f"{scenario.name}, each for itself"), (overall, f"{scenario.name}, best for the whole"))]
    results = tuple(replicate(s, numbers, seed=seed, workers=workers) for s in (*designs, scenario))
    return Gap(objective, dict(departments), choices, overall, Comparison(results), len(look.seen))


class _Look:
    """Every design of some levers, each run once."""

    def __init__(self, space: Space, replications: int, seed: int, workers: int | None) -> None:
        self.space, self.replications, self.seed, self.workers = space, replications, seed, workers
        self.seen: dict[tuple[object, ...], Results | None] = {}
        self.today = self._run(space.today)
        assert self.today is not None  # today's process is never refused
        self.relief = relief_of(self.today)

    def sign(self, measure: str) -> int:
        """1 where less is better, -1 where more is.

        Raises:
            InputError: there is no such measure, or neither is better.
        """
        judged = catalogue(self.space.scenario).judged(measure, f"measure {measure!r}")
        return 1 if judged.direction == "lower is better" else -1

    def best(self, levers: Sequence[str], measure: str) -> Settings:
        """The settings of some levers that are best by a measure, the others as today; among equals what changes least."""
        options = [self.space.options[n] for n in levers]
        if math.prod(map(len, options)) > MOST_DESIGNS:
            raise InputError("levers", f"{', '.join(levers)} make {math.prod(map(len, options)):,} designs, more than {MOST_DESIGNS}", "name fewer levers, or give them fewer settings")
        found: list[tuple[float, int, str, Settings]] = []
        for chosen in itertools.product(*options):
            settings = self.space.today | dict(zip(levers, chosen, strict=True))
            if self.space.repaired(settings) != settings:
                continue
            results = self._run(settings)
            if results is not None and math.isfinite(value := results.estimate(measure).value):
                changed = sum(s != self.space.today[n] for n, s in settings.items())
                found.append((self.sign(measure) * value, changed, repr(sorted(settings.items())), settings))
        if not found:
            raise InputError(f"measure {measure!r}", "no design has such a figure", "choose another measure, or a longer horizon")
        return min(found, key=lambda f: f[:3])[3]

    def _run(self, settings: Settings) -> Results | None:
        """The figures of a design; None if a team could not keep up, or its levers cannot go together."""
        key = self.space.key(settings)
        if key not in self.seen:
            try:
                design = self.space.design(settings)
            except InputError:
                self.seen[key] = None
            else:
                hopeless = settings != self.space.today and refused(design, self.relief) is not None
                self.seen[key] = None if hopeless else replicate(design, self.replications, seed=self.seed, workers=self.workers)
        return self.seen[key]


__all__ = ["Department", "Gap", "local_against_overall"]
