"""The designs to choose from: levers as a flat, fixed space, guarded before anything is simulated."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from salessim.errors import InputError
from salessim.optimisation.robust import AS_PLANNED, Outlook
from salessim.results import SATURATED, busy
from salessim.scenario.checks import nearest
from salessim.scenario.levers import apply, domain, is_today, misfits, repaired, scale_of, today, unmet
from salessim.scenario.traffic import loads

if TYPE_CHECKING:
    from salessim.results import Results
    from salessim.scenario.model import Scenario

Settings = dict[str, Any]
MOST_COUNTED = 50_000
"""Designs that are counted one by one."""
MOST_KEPT = 256
"""Designs that are kept: more than those that the choice looks at again."""
RANGE_STEPS = 11
"""Points to which a range is rounded: finer differences drown in noise and would never be pooled."""


@dataclass(frozen=True)
class Space:
    """The levers of a scenario as the search sees them."""

    scenario: Scenario
    options: Mapping[str, tuple[Any, ...]]
    outlook: Outlook = AS_PLANNED
    """The futures that runs meet."""
    _designs: dict[tuple[Any, ...], Scenario] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def today(self) -> Settings:
        """Do nothing."""
        return {name: today(self.scenario, self.scenario.levers[name]) for name in self.options}

    @property
    def size(self) -> int:
        """How many designs there are."""
        result = 1
        for options in self.options.values():
            result *= len(options)
        return result

    @cached_property
    def possible(self) -> int:
        """How many designs there are whose levers may go together; all of them where they are too many to count."""
        if self.size > MOST_COUNTED or not any(lever.needs or lever.excludes for lever in self.scenario.levers.values()):
            return self.size
        return len(self.all())

    def all(self) -> list[Settings]:
        """Every design whose levers may go together, today's first.

        Raises:
            InputError: there are too many to list.
        """
        if self.size > MOST_COUNTED:
            raise InputError("method", f"there are {self.size:,} designs, too many to try each", "choose another method, or fewer levers")
        names = list(self.options)
        combined = (dict(zip(names, c, strict=True)) for c in itertools.product(*self.options.values()))
        return [self.today, *(s for s in combined if s != self.today and self.repaired(s) == s)]

    def design(self, settings: Mapping[str, Any], name: str | None = None) -> Scenario:
        """The scenario with these settings; of those asked for last each is made once."""
        key = (name, *((n, repr(settings[n])) for n in sorted(settings)))
        if key not in self._designs:
            made = apply(self.scenario, settings, name)
            if len(self._designs) >= MOST_KEPT:
                del self._designs[next(iter(self._designs))]
            self._designs[key] = made
        return self._designs[key]

    def repaired(self, settings: Mapping[str, Any]) -> Settings:
        """The nearest settings whose levers may go together."""
        return repaired(self.scenario, settings)

    def indices(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Where each setting stands among the options of its lever."""
        # Settings may be lists or mappings, which are told apart by being equal or not.
        return {name: options.index(settings[name]) for name, options in self.options.items()}

    def key(self, settings: Mapping[str, Any]) -> tuple[Any, ...]:
        """What tells designs apart."""
        return tuple(repr(settings[name]) for name in self.options)


def space_of(scenario: Scenario, levers: list[str] | None = None, outlook: Outlook | None = None) -> Space:
    """The space of a scenario's levers, or of some of them.

    Raises:
        InputError: there is nothing to choose, or a lever that could not be.
    """
    names = sorted(scenario.levers) if levers is None else sorted(levers)
    for name in names:
        if name not in scenario.levers:
            raise InputError(f"lever {name!r}", "there is no such lever", nearest(name, scenario.levers))
    for name, need in unmet(scenario, names):
        raise InputError(f"lever {name!r}", f"it needs {need!r}, which is not among the levers to choose from, so that it could never be pulled", f"add {need!r} to them")
    for problem in misfits(scenario):
        if problem.path[1] in names:
            raise InputError(".".join(map(str, problem.path)), problem.problem, problem.remedy)
    if not names:
        raise InputError(scenario.name, "the scenario declares no levers", "add 'levers:'")
    options: dict[str, tuple[Any, ...]] = {}
    for name in names:
        lever = scenario.levers[name]
        choices, now = domain(lever), today(scenario, lever)
        if scale_of(lever) is not None:
            low, high = choices
            choices = tuple(low + (high - low) * i / (RANGE_STEPS - 1) for i in range(RANGE_STEPS))
        elif getattr(lever, "choice", None) is not None:
            choices = tuple(now if is_today(scenario, lever, c) else c for c in choices)
        # Two ways to write today's setting are one setting.
        options[name] = tuple({repr(c): c for c in (choices if now in choices else (now, *choices))}.values())
    space = Space(scenario, options, outlook or AS_PLANNED)
    if space.size == 1:
        raise InputError(scenario.name, f"there is nothing to choose: each lever ({', '.join(map(repr, names))}) has the setting of today only", "give one of them another setting")
    return space


def starts_of(space: Space) -> list[Settings]:
    """Designs to begin with: each lever pulled alone to its far end."""
    starts: list[Settings] = []
    for name, options in space.options.items():
        for end in (options[-1], options[0])[: 1 if options[-1] == options[0] else 2]:
            needed = {n: space.options[n][-1] for n in space.scenario.levers[name].needs if n in space.options}
            settings = space.repaired(space.today | needed | {name: end})
            if settings != space.today and settings not in starts:
                starts.append(settings)
    return starts[:20]


def refused(scenario: Scenario, relief: Mapping[str, float]) -> str | None:
    """Why a design need not be simulated: a team that cannot keep up, with the numbers.

    Work whose customers give up waiting, or for which only so many may wait, is left out of the sum: its queue settles
    at any load, and what that costs is for the simulation to say.

    Args:
        scenario: the design.
        relief: team -> share of its load that reaches it today, because others give up or cool off before.
    """
    unstable = [load for load in loads(scenario, sure=True) if load.load * relief.get(load.team, 1.0) >= 1]
    if not unstable:
        return None
    worst = max(unstable, key=lambda load: load.load)
    share = relief.get(worst.team, 1.0)
    return f"team {worst.team} would need {100 * share * worst.load:.0f} % of its time ({share * worst.demanded:.1f} of {worst.available:.1f} h a week)"


def relief_of(results: Results) -> dict[str, float]:
    """How much of the load that the traffic equations give each team reaches it in simulation; 1 for a saturated team."""
    found = {}
    for load in loads(results.scenario):
        worked = busy(results, load.team)
        if 0 < load.load < float("inf") and worked < SATURATED:
            found[load.team] = min(1.0, worked / load.load)
    return found
