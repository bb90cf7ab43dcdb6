"""The designs that theory thinks best: bounds and starting points for the search, at no simulation.

Levers are moved one step at a time, and people between teams, as long as the approximation gets better: first until every
team can keep up, then until the limits hold, then for the objectives. Where theory does not hold it only orders designs,
and how well it did that is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.association import rank_agreement
from salessim.catalogue import catalogue
from salessim.errors import InputError, RunLost
from salessim.executors import Executor
from salessim.optimisation.approximation import Approximation, Prediction
from salessim.optimisation.best import Screening, Trial
from salessim.optimisation.limits import Limit
from salessim.optimisation.samplers import AUTO, ENUMERATION
from salessim.optimisation.space import Settings, Space, starts_of
from salessim.optimisation.spread import along
from salessim.scenario.kinds import SetField
from salessim.scenario.kinds.numbers import AddStaff
from salessim.scenario.levers import apply
from salessim.scenario.levers.settings import before
from salessim.scenario.paths import split
from salessim.units import MONTH

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

MOST_STRUCTURES = 100
"""Combinations of levers other than numbers of people that are worked out: each takes as long as a run or more."""
MOST_ABLE = 2_000
"""Designs of a space in which each is judged, to say how many are of any use."""
MOST_MOVES = 400
"""Of one descent; each makes the design better, so that it ends anyway."""
FEW = 5
"""Fewer designs than this do not say how far theory is off."""
OCTAVES = 10
"""How often the weight of one of two objectives against the other is doubled: up to a thousand to one, to the ends of the front."""
CLOSE = 4
"""A lever with more options than this is moved to the next ones and to its ends only."""

Rank = tuple[float, float, float]
"""Work beyond the time on duty, excess over the limits, mean of the objectives relative to today: less is better, in this order."""


@dataclass
class Screen:
    """A space judged by theory."""

    space: Space
    objectives: tuple[str, ...]
    bounds: tuple[Limit, ...]
    levels: dict[str, float] = field(default_factory=dict)
    """Limit (by its key) -> figure that simulation gives today's process over (for cost: less) what theory gives it."""
    executor: Executor | None = None
    """Workers that approximations are worked out by where several are wanted at a time; None for this thread."""

    def __post_init__(self) -> None:
        self.people = {n: team for n in self.space.options if (team := _team_of(self.space, n)) is not None}
        self._before = {n: before(self.space.scenario, self.space.scenario.levers[n]) for n in self.people}
        self._structures: dict[tuple[str, ...], Approximation | None] = {}
        self._seen: dict[tuple[Any, ...], tuple[Settings, Prediction | None]] = {}
        now = self.predict(self.space.today)
        self.names = [n for n in self.objectives if now is not None and n in now.values]
        """Objectives that theory can say something about."""
        known = catalogue(self.space.scenario)
        self.signs = [1.0 if known.about(n).direction == "lower is better" else -1.0 for n in self.names]
        self.scale = [abs(now.values[n]) if now is not None and math.isfinite(now.values[n]) and now.values[n] else 1.0 for n in self.names]

    def calibrate(self, values: Mapping[str, float] | None) -> None:
        """Take what a simulation of today's process says as the level from which theory reckons."""
        now = self.predict(self.space.today)
        if values is None or now is None:
            return
        for limit in self.bounds:
            said, theory = values.get(limit.key, math.nan), now.values.get(limit.measure, math.nan)
            # Cost that theory leaves out, such as channels, is there whatever the design; other figures are off by a factor.
            level = said - theory if limit.measure == "cost" else said / theory if theory else math.nan
            if math.isfinite(level):
                self.levels[limit.key] = level

    def _excess(self, limit: Limit, found: Prediction) -> float:
        """By how much theory expects a limit to be broken; 0 where it cannot say."""
        if limit.measure not in found.values:
            return 0.0
        value = found.values[limit.measure]
        return limit.excess(value + self.levels.get(limit.key, 0.0) if limit.measure == "cost" else value * self.levels.get(limit.key, 1.0))

    def predict(self, settings: Mapping[str, Any]) -> Prediction | None:
        """What theory expects of a design; None if the levers cannot go together, or theory has no answer."""
        key = self.space.key(settings)
        if key not in self._seen:
            self._seen[key] = dict(settings), self._predicted(settings)
        return self._seen[key][1]

    def _predicted(self, settings: Mapping[str, Any]) -> Prediction | None:
        structure = self._structure(settings)
        if structure is None:
            return None
        sizes, more = {}, 0.0
        scenario = self.space.scenario
        window = scenario.clock.horizon - scenario.clock.warm_up
        for name, team in self.people.items():
            lever = scenario.levers[name]
            added = int(settings[name]) if isinstance(lever, AddStaff) else max(0, settings[name] - self._before[name])
            sizes[team] = structure.sizes[team] + int(settings[name]) if isinstance(lever, AddStaff) else int(settings[name])
            if lever.running_cost is not None:
                more += added * lever.running_cost.amount / lever.running_cost.per * MONTH
            if lever.one_off_cost is not None:
                more += added * lever.one_off_cost.value / window * MONTH
        found = structure.predict(sizes)
        values = dict(found.values)
        values["cost"] += more
        return replace(found, values=values)

    def _structure(self, settings: Mapping[str, Any]) -> Approximation | None:
        """The approximation of everything but the numbers of people; None if there is none."""
        key, rest = self._apart(settings)
        if key not in self._structures and len(self._structures) < MOST_STRUCTURES:
            self._structures[key] = _approximation(lambda: self.space.design(rest))
        return self._structures.get(key)

    def _apart(self, settings: Mapping[str, Any]) -> tuple[tuple[str, ...], Settings]:
        """What tells structures apart, and the settings of all levers but those of people."""
        rest = {n: s for n, s in settings.items() if n not in self.people}
        return tuple(repr(rest[n]) for n in sorted(rest)), rest

    def _work_out(self, designs: Iterable[Settings]) -> None:
        """The structures of several designs side by side; in the order in which they would be asked for one by one."""
        todo = {key: rest for key, rest in map(self._apart, designs) if key not in self._structures}
        todo = dict(list(todo.items())[: MOST_STRUCTURES - len(self._structures)])
        if self.executor is None or not self.executor.apart or self.executor.workers == 1 or len(todo) < 2:
            return
        wanted = [((self.space.scenario, rest), (0,)) for rest in todo.values()]
        with suppress(RunLost):  # workers that die: here it is worked out one by one
            self._structures |= zip(todo, self.executor.several(worked_out, wanted, len(wanted), 0, ""), strict=True)

    def rank(self, settings: Mapping[str, Any], weights: Sequence[float] | None = None) -> Rank:
        """How good theory thinks a design is."""
        found = self.predict(settings)
        if found is None:
            return math.inf, math.inf, math.inf
        over = min(1e6, sum(self._excess(limit, found) for limit in self.bounds))
        weights = weights or [1.0 / max(1, len(self.names))] * len(self.names)
        score = sum(w * sign * found.values[n] / scale for w, sign, n, scale in zip(weights, self.signs, self.names, self.scale, strict=True)) if self.names else 0.0
        return found.overload, over, score if math.isfinite(score) else math.inf

    def decoded(self, settings: Settings) -> Settings:
        """The design nearest to a draw that keeps what theory can keep: levers that go together, teams that keep up, limits.

        People are taken away where it costs least in the objectives for each step towards the limits, and added where a team cannot keep up.
        """
        now = self.space.repaired(settings)
        for _ in range(MOST_MOVES):
            rank = self.rank(now)
            if rank[:2] <= (0.0, 0.0) or not math.isfinite(rank[0]):
                return now
            best: tuple[float, Settings] | None = None
            for other in self._people_steps(now):
                found = self.rank(other)
                if found[:2] >= rank[:2]:
                    continue
                won = rank[0] - found[0] if rank[0] > 0 else rank[1] - found[1]
                loss = found[2] - rank[2] if math.isfinite(found[2]) and math.isfinite(rank[2]) else 0.0
                worth = -won if rank[0] > 0 else loss / won
                if best is None or worth < best[0]:
                    best = worth, other
            if best is None:
                return now
            now = best[1]
        return now

    def _people_steps(self, settings: Settings) -> Iterator[Settings]:
        """A person more or less in one team."""
        for name in self.people:
            at = self.space.options[name].index(settings[name])
            for to in (at - 1, at + 1):
                if 0 <= to < len(self.space.options[name]):
                    yield settings | {name: self.space.options[name][to]}

    def _exchanges(self, settings: Settings) -> Iterator[Settings]:
        """A person more in one team, and one or two fewer in another, or the other way round."""
        for first in self.people:
            for second in self.people:
                for up, down in ((1, -1), (2, -1), (1, -2)) if first != second else ():
                    a, b = (self.space.options[n].index(settings[n]) + by for n, by in ((first, up), (second, down)))
                    if 0 <= a < len(self.space.options[first]) and 0 <= b < len(self.space.options[second]):
                        yield settings | {first: self.space.options[first][a], second: self.space.options[second][b]}

    def _other_steps(self, settings: Settings) -> Iterator[Settings]:
        """Another setting of one of the other levers, with the people that fit it."""
        others = list(self._other_settings(settings))
        self._work_out(map(self.space.repaired, others))
        yield from map(self.decoded, others)

    def _other_settings(self, settings: Settings) -> Iterator[Settings]:
        for name, options in self.space.options.items():
            if name in self.people:
                continue
            at = next(i for i, o in enumerate(options) if o == settings[name] and isinstance(o, bool) == isinstance(settings[name], bool))
            near = range(len(options)) if len(options) <= CLOSE else sorted({0, at - 1, at + 1, len(options) - 1} & set(range(len(options))))
            for to in near:
                if to != at:
                    yield settings | {name: options[to]}

    def _descend(self, settings: Settings, weights: Sequence[float] | None) -> Settings:
        """A design that no single move makes better by theory."""
        now, rank = settings, self.rank(settings, weights)
        for _ in range(MOST_MOVES):
            for moves in (self._people_steps, self._exchanges, self._other_steps):
                better = min(((self.rank(other, weights), i, other) for i, other in enumerate(moves(now))), default=None, key=lambda row: row[:2])
                if better is not None and better[0] < rank:
                    rank, _, now = better
                    break
            else:
                return now
        return now

    def starts(self, count: int) -> list[Settings]:
        """Designs to begin the search with, the most promising first; with several objectives they are spread over the front.

        Args:
            count: how many at most.
        """
        if not self.names or count < 1:
            return []
        # From above and from below: taking away and adding what matters least or most for its price end at different designs.
        far = {n: self.space.options[n][-1] for n in self.people}
        best = min((self._descend(self.decoded(self.space.today | ends), None) for ends in ({}, far)), key=self.rank)
        for path in self._directions():
            now = best
            for weights in path:
                now = self._descend(now, weights)
        fit = [(self.rank(s), key) for key, (s, p) in self._seen.items() if p is not None and s != self.space.today]
        fit = sorted(row for row in fit if row[0][:2] <= (0.0, 0.0) and math.isfinite(row[0][2]))
        if len(self.names) > 1:
            found = self.front()
            chosen = dict.fromkeys([*(key for _, key in fit[:1]), *(found[i] for i in along([self._point(key) for key in found], count))])
        else:
            chosen = dict.fromkeys(key for _, key in fit[:count])
        return [self._seen[key][0] for key in list(chosen)[:count]]

    def _directions(self) -> list[list[list[float]]]:
        """Paths of weights of the objectives away from equal ones: the best for one begin the way to the best for the next."""
        m = len(self.names)
        if m == 1:
            return []
        if m == 2:
            shares = [1.0 - 1.0 / (1.0 + 2.0**k) for k in range(1, OCTAVES + 1)]
            return [[[w, 1.0 - w] for w in shares], [[1.0 - w, w] for w in shares]]
        return [[[0.8 if i == j else 0.2 / (m - 1) for j in range(m)]] for i in range(m)]

    def front(self) -> list[tuple[Any, ...]]:
        """Designs judged so far that no other judged design beats by theory, in order of the first objective."""
        rows = []
        for key, (settings, found) in self._seen.items():
            if found is not None and self.rank(settings)[:2] <= (0.0, 0.0):
                point = self._point(key)
                if all(math.isfinite(x) for x in point):
                    rows.append((point, key))
        kept: list[tuple[tuple[float, ...], tuple[Any, ...]]] = []
        for point, key in sorted(rows):
            if not any(all(a <= b for a, b in zip(other, point, strict=True)) for other, _ in kept):
                kept.append((point, key))
        return [key for _, key in kept]

    def _point(self, key: tuple[Any, ...]) -> tuple[float, ...]:
        """Objectives of a design by theory, so that less is better."""
        found = self._seen[key][1]
        assert found is not None
        return tuple(sign * found.values[n] for sign, n in zip(self.signs, self.names, strict=True))

    def gap(self, settings: Settings, beside: Settings) -> float:
        """By how much theory thinks a design worse than another, in the mean of the objectives relative to today; 0 where it cannot say."""
        a, b = self.rank(settings), self.rank(beside)
        return a[2] - b[2] if self.names == list(self.objectives) and a[0] == b[0] == 0 and math.isfinite(a[2] - b[2]) else 0.0

    def error(self, trials: Sequence[Trial]) -> float:
        """How far theory may be off in a difference of two designs, in all but one of twenty: from those simulated; infinite if they are few."""
        rest = []
        for t in trials:
            if t.values is not None and self.names == list(self.objectives):
                rest.append(float(np.mean([sign * t.values[n] / scale for sign, n, scale in zip(self.signs, self.names, self.scale, strict=True)])) - self.rank(t.settings)[2])
        if len(rest) < FEW or not np.isfinite(rest).all():
            return math.inf
        # The median deviation, scaled to a normal law: what is far off today's figures says little of designs that are close.
        return 1.645 * math.sqrt(2.0) * 1.4826 * float(np.median(np.abs(np.array(rest) - np.median(rest))))

    def if_granted(self, bounds: Sequence[Limit], settings: Settings) -> Settings | None:
        """What theory takes for better than a design if the limits were these; None where it sees nothing, or cannot say."""
        if self.names != list(self.objectives):
            return None
        other = replace(self, bounds=tuple(bounds))
        other._structures, other._seen = self._structures, dict(self._seen)  # what is worked out hangs on no limit
        found = other._descend(settings, None)
        return found if found != settings else None

    def screening(self, trials: Sequence[Trial]) -> Screening:
        """How well theory ordered the designs that were simulated."""
        distinct = {self.space.key(t.settings): t for t in trials if t.values is not None}
        agreement = {}
        for name in self.objectives:
            pairs = []
            for trial in distinct.values():
                found = self.predict(trial.settings)
                theory, value = (found.values.get(name, math.nan) if found is not None else math.nan), (trial.values or {})[name]
                if math.isfinite(theory) and math.isfinite(value):
                    pairs.append((theory, value))
            agreement[name] = rank_agreement(*(zip(*pairs, strict=True) if pairs else ((), ())))
        judged, on = sum(p is not None for _, p in self._seen.values()), len(self.front()) if self.names else 0
        return Screening(judged, on, agreement, self._able())

    def _able(self) -> tuple[int, int] | None:
        """See `Screening.able`; None also where theory has no answer for some design."""
        structures = math.prod(len(options) for n, options in self.space.options.items() if n not in self.people)
        if not self.names or self.space.possible > MOST_ABLE or structures > MOST_STRUCTURES:
            return None
        ranks = [self.rank(settings) for settings in self.space.all()]
        return (sum(r[:2] <= (0.0, 0.0) for r in ranks), len(ranks)) if all(math.isfinite(r[0]) for r in ranks) else None


def _approximation(design: Callable[[], Scenario]) -> Approximation | None:
    try:
        return Approximation(design())
    except (InputError, np.linalg.LinAlgError):  # levers that exclude each other; a process that brings more cases than it ends
        return None


def worked_out(source: tuple[Scenario, Settings], _: int, __: int, ___: str) -> Approximation | None:
    """The approximation of a scenario with some of its levers set, as an executor runs it."""
    return _approximation(lambda: apply(*source))


def listed(space: Space, method: str, trials: int) -> list[Settings]:
    """Every design, today's first, where all of them are to be tried; none where the search chooses.

    Raises:
        InputError: all are to be tried, and there are more than trials.
    """
    if method == ENUMERATION and space.possible > trials:
        raise InputError("method", f"there are {space.possible:,} designs, more than {trials} trials", "give as many trials, or choose another method")
    return space.all() if method == ENUMERATION or (method == AUTO and space.possible <= trials) else []


SCREENED = 0.5
"""Share of the trials that begin where theory sees promise; the rest are for what theory does not see."""


def begin_with(screen: Screen, trials: int, every: Sequence[Settings]) -> list[Settings]:
    """Designs to begin with after today's: the promising by theory, then each lever alone at its ends.

    Args:
        screen: the judge.
        trials: of the search.
        every: all designs, if all are to be tried: the best by theory come first, so that others are given up soon.
    """
    if every:
        return sorted(every[1:], key=screen.rank)
    found = screen.starts(max(1, round(SCREENED * trials)))
    keys = {screen.space.key(s) for s in [screen.space.today, *found]}
    return [*found, *(s for s in starts_of(screen.space) if screen.space.key(s) not in keys)]


def _team_of(space: Space, name: str) -> str | None:
    """The team whose number of people a lever sets, from the beginning and for good; None of any other lever."""
    lever = space.scenario.levers[name]
    if isinstance(lever, AddStaff):
        return lever.add_staff if lever.pays_from() is None and lever.rollout is None else None
    if isinstance(lever, SetField) and getattr(lever, "integer", None) is not None and lever.rollout is None:
        keys = [str(k) for k in split(space.scenario, lever.field)]
        if keys[0] == "teams" and keys[2:] == ["size"]:
            return keys[1]
    return None


__all__ = ["Screen", "begin_with", "listed"]
