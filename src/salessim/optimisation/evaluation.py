"""Designs simulated and ranked; the hopeless are refused before, and what is surely worse is given up early.

Designs meet the same customers, a block of replications at a time; the block rotates, so that no search fits itself to the
luck of a few runs. Figures of different blocks are made comparable by the best design so far, which runs in both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.catalogue import Catalogue, catalogue
from salessim.errors import InputError, LimitReached, RunLost
from salessim.experiment import Wanted, Workers
from salessim.optimisation.best import Trial
from salessim.optimisation.limits import Limit, broken_by_plan
from salessim.optimisation.robust import AS_PLANNED
from salessim.optimisation.screen import Screen
from salessim.optimisation.space import Settings, Space, refused, relief_of
from salessim.results import Results, merge
from salessim.scenario.levers import in_words
from salessim.statistics import t_quantile

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

BLOCK = 20
"""Trials that share their replications: long enough for a method to learn from differences, short enough not to fit one sample."""
FIRST = 2
"""Replications after which a design may be given up: the fewest that have a variance."""
GIVEN_UP = 0.05
"""Probability at most with which a design is given up that is not worse than the one it is compared with."""
RIVALS = 3
"""Designs that a new one is compared with, where no single one is best."""

Key = tuple[Any, ...]
"""What tells designs apart: see `Space.key`."""
Lost = RunLost | LimitReached
"""Why the runs of a design did not come back."""


@dataclass
class _Runner:
    """A design that runs in a block."""

    number: int
    settings: Settings
    words: tuple[str, ...]
    design: Scenario
    may_fail: bool
    """Whether it may be given up."""
    results: Results | None = None
    worse_than: Key | None = None

    @property
    def ran(self) -> int:
        return len(self.results.numbers) if self.results is not None else 0

    def until(self, all_: int, rivals: Sequence[Key]) -> int:
        """Replications after which it is looked at next."""
        return min(all_, max(FIRST, 2 * self.ran)) if self.may_fail and rivals else all_

    def add(self, more: Results) -> None:
        self.results = more if self.results is None else merge(self.results, more)


@dataclass
class Evaluator:
    """Simulates designs; refuses the hopeless before, and gives up those that are surely worse."""

    space: Space
    objectives: tuple[str, ...]
    bounds: tuple[Limit, ...]
    replications: int
    seed: int
    workers: Workers
    seen: dict[Key, Trial] = field(default_factory=dict)
    relief: Mapping[str, float] = field(default_factory=dict)
    """See `space.relief_of`: known once today's process, which is the first trial, has been simulated."""
    screen: Screen | None = None
    """What theory says, to simulate no design that is hopeless by it."""
    spent: int = 0
    """Replications that the search took."""
    done: dict[Key, dict[int, Results]] = field(default_factory=dict)
    """Design -> block -> its replications there."""
    levels: list[dict[str, float]] = field(default_factory=list)
    """Block -> by how much its figures are above those of the first block, for the same design."""

    def __call__(self, number: int, settings: Settings) -> Trial:
        """What becomes of a design: its figures, or why it is refused.

        Raises:
            RunLost, LimitReached: its runs did not come back.
        """
        return self.side_by_side([(number, settings)])[0]

    def side_by_side(self, asked: Sequence[tuple[int, Settings]]) -> list[Trial]:
        """What becomes of several designs that run at the same time.

        Raises:
            RunLost, LimitReached: the runs of one of them did not come back.
        """
        found = self.attempted(asked)
        for one in found:
            if not isinstance(one, Trial):
                raise one
        return [one for one in found if isinstance(one, Trial)]

    def attempted(self, asked: Sequence[tuple[int, Settings]]) -> list[Trial | Lost]:
        """As `side_by_side`; in place of a design whose runs did not come back stands why.

        None of them is compared with another, so that the answer does not depend on who is done first.

        Args:
            asked: number of the trial and settings of each; all numbers are of the same block.
        """
        if not asked:
            return []
        block = asked[0][0] // BLOCK
        racing: dict[Key, _Runner] = {}
        for number, settings in asked:
            key = self.space.key(settings)
            known = self.seen.get(key)
            if key in racing or (known is not None and (known.values is None or known.given_up or block in self.done[key])):
                continue
            words = tuple(in_words(self.space.scenario, settings, assumptions=True))
            is_today = settings == self.space.today
            why = None if is_today or known is not None else self.why_not(settings)
            if why is not None:
                self.seen[key] = Trial(number, settings, words, None, why, False)
                continue
            # Few runs say nothing of the worst among many.
            racing[key] = _Runner(number, settings, words, self.space.design(settings), known is None and not is_today and self.space.outlook.tail is None)
        lost: dict[Key, Lost] = {}
        if racing:
            self._turn_to(block)
            lost = self._raced(racing, block, self._rivals(block))
        for key in [key for key in racing if key not in lost]:
            self._judge(key, racing[key], block)
        return [self._told(number, settings, lost) for number, settings in asked]

    def cannot_run(self, settings: Settings) -> str | None:
        """Why a design cannot be run: levers exclude each other, or a team cannot keep up; None if it can."""
        try:
            return refused(self.space.design(settings), self.relief)
        except InputError as wrong:
            return wrong.problem

    def why_not(self, settings: Settings) -> str | None:
        """Why a design need not be simulated: it cannot be run, or the plan itself breaks a limit; None if it may be."""
        return self.cannot_run(settings) or broken_by_plan(self.bounds, self.space.design(settings), self.space.outlook)

    def _told(self, number: int, settings: Settings, lost: Mapping[Key, Lost]) -> Trial | Lost:
        key = self.space.key(settings)
        if key in lost:
            return lost[key]
        return replace(self.seen[key], number=number, words=tuple(in_words(self.space.scenario, settings, assumptions=True)))

    def _judge(self, key: Key, runner: _Runner, block: int) -> None:
        """Keep what a design has run, and its figures."""
        results = runner.results
        assert results is not None
        self.done.setdefault(key, {})[block] = results
        if runner.settings == self.space.today and not self.relief:
            self.relief = relief_of(results)
        values = self._pooled(key) if runner.worse_than is None else self._beside(runner.worse_than, results, block)
        feasible = all(limit.holds(values[limit.key]) for limit in self.bounds)
        self.seen[key] = Trial(runner.number, runner.settings, runner.words, values, None, feasible, given_up=runner.worse_than is not None)

    def latest(self, trial: Trial) -> Trial:
        """The trial with all that is known of its design by now."""
        now = self.seen.get(self.space.key(trial.settings), trial)
        return replace(now, number=trial.number, words=trial.words)

    def worth_a_run(self, settings: Settings, beside: Trial, by: float) -> bool:
        """Whether a design may be at most `by` (a share of today's figure) worse than another, as far as theory can say."""
        # Theory knows the scenario as it is, and means.
        return self.screen is None or self.space.outlook != AS_PLANNED or self.screen.gap(settings, beside.settings) <= by + self.screen.error(list(self.seen.values()))

    def run(self, design: Scenario, numbers: Sequence[int]) -> Results:
        """Some replications: the same customers for every design."""
        self.spent += len(numbers)
        return self.space.outlook.replicate(design, numbers, seed=self.seed, workers=self.workers)

    def _numbers(self, block: int) -> range:
        return range(block * self.replications, (block + 1) * self.replications)

    def _raced(self, racing: Mapping[Key, _Runner], block: int, rivals: list[Key]) -> dict[Key, Lost]:
        """Designs in a block, side by side: few replications first, and no more of those that are surely worse than a rival.

        Each look comes after twice the runs of the one before: their number divides the error, and many runs at a time leave no
        worker idle.
        """
        numbers, lost = self._numbers(block), dict[Key, Lost]()
        looks = max(1, math.ceil(math.log2(len(numbers) / FIRST)))
        running = dict(racing)
        while running:
            parts = {key: numbers[runner.ran : runner.until(len(numbers), rivals)] for key, runner in running.items()}
            for key, more in zip(running, self._run([(racing[key].design, part) for key, part in parts.items()]), strict=True):
                if isinstance(more, Results):
                    racing[key].add(more)
                else:
                    lost[key] = more
            running = {key: runner for key, runner in running.items() if key not in lost and runner.ran < len(numbers)}
            for runner in running.values():
                assert runner.results is not None
                runner.worse_than = next((r for r in rivals if self._worse(runner.results, self.done[r][block], GIVEN_UP / looks / len(rivals))), None)
            running = {key: runner for key, runner in running.items() if runner.worse_than is None}
        return lost

    def _run(self, wanted: Sequence[Wanted]) -> list[Results | Lost]:
        """Replications of several designs; where those of one do not come back, the others run all the same."""
        self.spent += sum(len(numbers) for _, numbers in wanted)
        found: list[Results | Lost] = []
        while len(found) < len(wanted):
            try:
                for results in self.space.outlook.replicate_each(wanted[len(found) :], seed=self.seed, workers=self.workers):
                    found.append(results)
            except (RunLost, LimitReached) as wrong:
                found.append(wrong)
        return found

    def _worse(self, results: Results, rival: Results, error: float) -> bool:
        """Whether a design is worse in every objective, wrong with probability `error` at most: paired differences, normal.

        All objectives must say so, so that the error need not be divided among them (Berger 1982); looks and rivals divide it
        (Bonferroni).
        """
        n = len(results.numbers)
        for name, sign in zip(self.objectives, self.signs, strict=True):
            gap = sign * (results.values(name) - rival.values(name)[:n])
            if not np.isfinite(gap).all() or not float(gap.mean()) > t_quantile(1 - error, n - 1) * float(gap.std(ddof=1)) / math.sqrt(n):
                return False
        return True

    def beaten(self, settings: Settings) -> bool:
        """Whether a design is surely worse than a leader in the runs of the search that both have; wrong with probability `GIVEN_UP` at most."""
        key = self.space.key(settings)
        blocks = self.done.get(key, {})
        against = [(results, self.done[rival][block]) for block, results in blocks.items() for rival in self._rivals(block) if rival != key]
        return self.space.outlook.tail is None and any(self._worse(mine, theirs, GIVEN_UP / len(against)) for mine, theirs in against if len(mine.numbers) >= FIRST)

    @cached_property
    def signs(self) -> list[float]:
        """1 for each objective of which less is better, -1 for the others."""
        known = catalogue(self.space.scenario)
        return [1.0 if known.about(n).direction == "lower is better" else -1.0 for n in self.objectives]

    def _able(self) -> list[tuple[Key, Any]]:
        """(design, objectives so that less is better) of those that keep the limits and were not given up."""
        rows = ((key, np.array([s * t.values[n] for n, s in zip(self.objectives, self.signs, strict=True)])) for key, t in self.seen.items() if t.values is not None and t.feasible and not t.given_up)
        return [(key, point) for key, point in rows if np.isfinite(point).all()]

    def _leaders(self) -> list[Key]:
        """Designs that no other beats, at most `RIVALS`: the best by the mean of the objectives first."""
        able = self._able()
        if not able:
            return []
        points = [point for _, point in able]
        scale = np.maximum(np.abs(points[0]), 1e-12)
        front = sorted(pareto(points), key=lambda i: (float(np.sum(points[i] / scale)), i))
        return [able[i][0] for i in front[:RIVALS]]

    def _rivals(self, block: int) -> list[Key]:
        """Those leaders that have run in a block."""
        return [key for key in self._leaders() if block in self.done[key] and len(self.done[key][block].numbers) == self.replications]

    def _turn_to(self, block: int) -> None:
        """Link a block that begins to the ones before it: the best design so far runs in it."""
        while len(self.levels) <= block:
            now = len(self.levels)
            level = dict(self.levels[-1]) if self.levels else {}
            leader = next(iter(self._leaders()), self.space.key(self.space.today)) if now else None
            if leader is not None and leader in self.done:
                last = max(self.done[leader])
                before = self._figures(self.done[leader][last])
                self.done[leader][now] = here = self.run(self.space.design(self.seen[leader].settings), self._numbers(now))
                level = {n: self.levels[last].get(n, 0.0) + v - before[n] for n, v in self._figures(here).items() if math.isfinite(v - before[n])}
            self.levels.append(level)
            if leader is not None and leader in self.done:
                values = self._pooled(leader)
                self.seen[leader] = replace(self.seen[leader], values=values, feasible=all(limit.holds(values[limit.key]) for limit in self.bounds))

    def _figures(self, results: Results) -> dict[str, float]:
        """What is asked of a design: objectives, cost, and the figure of each limit."""
        outlook, about = self.space.outlook, results.catalogue.about
        return {"cost": results.estimate("cost").value} | {n: outlook.figure(results, about(n)) for n in self.objectives} | {limit.key: limit.figure(results) for limit in self.bounds}

    def _pooled(self, key: Key) -> dict[str, float]:
        """The figures of a design over all its blocks, at the level of the first."""
        rows = [{n: v - self.levels[block].get(n, 0.0) for n, v in self._figures(results).items()} for block, results in sorted(self.done[key].items())]
        return {n: float(np.mean([row[n] for row in rows])) for n in rows[0]}

    def _beside(self, rival: Key, results: Results, block: int) -> dict[str, float]:
        """The figures of a design of few runs: those of its rival, and how it differed in the same runs."""
        there = self.done[rival][block]
        n = len(results.numbers)
        same = self._figures(replace(there, numbers=there.numbers[:n], pairs={name: pair[:n] for name, pair in there.pairs.items()}))
        own, level = self._figures(results), self._pooled(rival)
        # What the rival does not have cannot be reckoned from it.
        return {name: level[name] + value - same[name] if math.isfinite(level[name] - same[name]) else value for name, value in own.items()}


def excess(trial: Trial, bounds: tuple[Limit, ...]) -> float:
    """By how much of the bounds a design breaks its limits, in all."""
    if trial.values is None:
        return math.inf
    return min(1e6, sum(limit.excess(trial.values[limit.key]) for limit in bounds))


def signed(values: Mapping[str, float], objectives: tuple[str, ...], known: Catalogue) -> Any:
    """Objectives so that less is better; what does not exist is worst."""
    signs = [1 if known.about(n).direction == "lower is better" else -1 for n in objectives]
    raw = np.array([s * values[n] for n, s in zip(objectives, signs, strict=True)])
    return np.where(np.isfinite(raw), raw, np.inf)


def pareto(points: Sequence[Any]) -> list[int]:
    """Indices of the points that no other point beats: less is better in every column."""
    return [
        i
        for i, p in enumerate(points)
        if not any((q <= p).all() and (q < p).any() for j, q in enumerate(points) if j != i)
    ]
