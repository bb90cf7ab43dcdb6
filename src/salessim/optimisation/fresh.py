"""Designs on seeds that the search never saw: each purpose has its own, so that no figure flatters itself.

Runs are kept and only ever added to, and run r of every design meets the same customers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from salessim.experiment import Workers
from salessim.results import Results, merge

if TYPE_CHECKING:
    from salessim.optimisation.space import Settings, Space
    from salessim.scenario.model import Scenario

COMPARING = 1_000_000
"""Replications from this number on compare designs with today and check their limits; the search uses those below."""
SELECTING = 2_000_000
"""Those from here on are for the selection: who won it would flatter itself in the same runs."""
ASKING = 3_000_000
"""Those from here on answer what else would happen: who passed its limits in a comparison flatters itself there."""

SPARING = 5_000_000
"""Those from here on say which changes a promising design may do without: the search's own runs flatter each change that made it look best."""

PILOT, PILOTS = 4_000_000, 50
"""From here on, and how many: runs that say from where on a run is one of the worst, where these are what counts."""


@dataclass
class Fresh:
    """Runs of designs on fresh seeds."""

    space: Space
    seed: int
    workers: Workers
    done: dict[tuple[Any, ...], Results] = field(default_factory=dict)

    def of(self, settings: Settings, begin: int, count: int) -> Results:
        """The first `count` runs of a design from the replication `begin` on."""
        key = (begin, *self.space.key(settings))
        return self._more(key, lambda: self._scenario(key, settings), begin, count)

    def judged(self, settings: Settings, begin: int, count: int, objectives: tuple[str, ...]) -> Results:
        """As `of`, with the figures that a design is judged by: its objectives in the worst runs, if these are what counts."""
        results, outlook = self.of(settings, begin, count), self.space.outlook
        if outlook.tail is None:
            return results
        about = {n: results.catalogue.about(n) for n in objectives}
        pilot = self.of(settings, PILOT, outlook.least(PILOTS))
        return outlook.judged(results, {n: outlook.threshold(pilot, about[n]) for n in objectives}, about)

    def runs(self, settings: Settings, begin: int) -> Callable[[int], Results]:
        """`of` as a function of the number of runs alone."""
        return partial(self.of, settings, begin)

    def of_scenario(self, scenario: Scenario, begin: int, count: int) -> Results:
        """The same for a scenario that no setting of the levers makes."""
        return self._more((begin, scenario.hash), lambda: scenario, begin, count)

    def ahead(self, designs: Iterable[Settings], begin: int, count: int) -> None:
        """Run several designs side by side, so that `of` has these runs when it is asked."""
        keys = {(begin, *self.space.key(settings)): settings for settings in designs}
        short = {key: settings for key, settings in keys.items() if self._there(key) < count}
        wanted = [(self._scenario(key, settings), range(begin + self._there(key), begin + count)) for key, settings in short.items()]
        found = self.space.outlook.replicate_each(wanted, seed=self.seed, workers=self.workers)
        for key, more in zip(short, found, strict=True):
            self._add(key, more)

    def spent(self, begin: int) -> int:
        """Runs so far, of all designs, from the replication `begin` on."""
        return sum(len(results.numbers) for key, results in self.done.items() if key[0] == begin)

    def _scenario(self, key: tuple[Any, ...], settings: Settings) -> Scenario:
        have = self.done.get(key)
        return have.scenario if have is not None else self.space.scenario if settings == self.space.today else self.space.design(settings)

    def _there(self, key: tuple[Any, ...]) -> int:
        return len(self.done[key].numbers) if key in self.done else 0

    def _add(self, key: tuple[Any, ...], more: Results) -> Results:
        self.done[key] = merge(self.done[key], more) if key in self.done else more
        return self.done[key]

    def _more(self, key: tuple[Any, ...], make: Callable[[], Scenario], begin: int, count: int) -> Results:
        have, there = self.done.get(key), self._there(key)
        if have is None or count > there:
            scenario = have.scenario if have is not None else make()
            have = self._add(key, self.space.outlook.replicate(scenario, range(begin + there, begin + count), seed=self.seed, workers=self.workers))
        return have if count >= there else head(have, count)


def head(results: Results, count: int) -> Results:
    """The first replications of some; open cases over time stay the average of all."""
    return replace(results, numbers=results.numbers[:count], pairs={name: pair[:count] for name, pair in results.pairs.items()}, echoes=None)


__all__ = ["ASKING", "COMPARING", "SELECTING", "SPARING", "Fresh", "head"]
