"""K10, K11, K12: single trials without memory, without an end, or without figures."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import RunLost
from salessim.executors import Processes, Threads
from salessim.experiment import Row, Simulating
from salessim.optimisation import optimise
from salessim.optimisation import replications as kept_module
from salessim.scenario.model import Scenario
from tests import tasks
from tests.crash.studies import ASKED, POINTS, answer, numbers, sample, searched


class Failing:
    """Runs that do not come back for designs with so many people at the desk."""

    def __init__(self, size: int, how: BaseException) -> None:
        self.size, self.how, self.tries = size, how, 0

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
        if design.teams["desk"].size == self.size:
            self.tries += 1
            raise self.how
        return Simulating(Threads(1)).simulate(design, seed, numbers, engine)


def test_k10_k11_a_trial_whose_runs_are_lost_fails_and_the_study_goes_on(scenario: Scenario, tmp_path: Path) -> None:
    failing = Failing(5, RunLost("out of memory"))
    best = optimise(scenario, folder=tmp_path / "study", workers=failing, **ASKED)
    lost = [t for t in best.trials if t.settings["desk"] == 3]
    assert lost
    assert {t.refused for t in lost} == {"its runs failed: out of memory"}
    assert all(t.values is not None for t in best.trials if t.settings["desk"] != 3)
    assert best.settings["desk"] != 3
    assert failing.tries == len({json.dumps(t.settings) for t in lost})  # each such design once
    again = Failing(5, RunLost("something else"))
    assert answer(optimise(scenario, folder=tmp_path / "study", workers=again, resume=True, **ASKED)) == answer(best)
    assert again.tries == 0  # what failed has failed: the trials after it were proposed from that


class Losing:
    """Runs of which one does not come back."""

    def __init__(self, after: int, why: str) -> None:
        self.left, self.why = after, why

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
        for row in Simulating(Threads(1)).simulate(design, seed, numbers, engine):
            self.left -= 1
            if self.left == -1:
                raise RunLost(self.why)
            yield row


@pytest.mark.parametrize("points", POINTS)
def test_k10_k11_a_run_that_is_lost_at_any_moment(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    """In the search its trial fails and the others go on; where there is no answer without it, what was finished is kept."""
    chance = random.Random(10)
    for point in sample(11, 0, total, points):
        folder, why = tmp_path / str(point), chance.choice(["out of memory", "it took more than 1 s", "3 workers died over replication 1"])
        try:
            best = optimise(scenario, folder=folder, workers=Losing(point, why), **ASKED)
        except RunLost:
            assert numbers(folder) in ([], list(range(14)))  # today's own runs, or those of the choice
            assert searched(scenario, folder, resume=True) == straight[0]
            continue
        lost = [t for t in best.trials if t.refused == f"its runs failed: {why}"]
        assert lost
        assert best.settings not in [t.settings for t in lost]
        assert [t.number for t in best.trials] == numbers(folder) == list(range(14))
        assert searched(scenario, folder, resume=True) == answer(best)


def test_k10_out_of_memory_in_a_worker() -> None:
    with Processes(1) as executor, pytest.raises(RunLost, match="out of memory"):
        list(executor.results(tasks.hungry, None, 0, range(3), "compiled"))


@pytest.mark.parametrize("kind", [Threads, Processes])
def test_k11_a_run_that_takes_too_long_is_given_up(kind: type) -> None:
    begin = time.monotonic()
    with pytest.raises(RunLost, match="more than 1 s"):
        list(kind(2, patience=1.0).results(tasks.stuck if kind is Processes else tasks.waiting, None, 0, range(2), "compiled"))
    assert time.monotonic() - begin < 10


class Odd:
    """Figures that do not exist or have no bound, for designs with so many people at the desk."""

    def __init__(self, size: int, value: float) -> None:
        self.size, self.value = size, value

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
        for pairs, wip in Simulating(Threads(1)).simulate(design, seed, numbers, engine):
            yield (pairs | {"cycle_time": (self.value, 1.0)} if design.teams["desk"].size == self.size else pairs), wip


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_k12_an_objective_that_does_not_exist_is_never_recommended(scenario: Scenario, value: float, tmp_path: Path) -> None:
    best = optimise(scenario, folder=tmp_path / "study", workers=Odd(4, value), **{**ASKED, "objectives": ["cycle_time"]})
    assert any(t.settings["desk"] == 2 for t in best.trials)
    assert best.settings["desk"] != 2
    again = optimise(scenario, folder=tmp_path / "study", workers=Odd(4, value), resume=True, **{**ASKED, "objectives": ["cycle_time"]})
    assert answer(again) == answer(best)


class Holes:
    """Figures that do not exist in some runs of some designs, the same each time."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
        for number, (pairs, wip) in zip(numbers, Simulating(Threads(1)).simulate(design, seed, numbers, engine), strict=True):
            chance = random.Random(f"{self.seed} {kept_module.design_key(design)} {number}")
            holes = {n: (math.nan, 1.0) for n in ASKED["objectives"] if chance.random() < 0.02}
            yield pairs | holes, wip


@pytest.mark.parametrize("points", POINTS)
def test_k12_figures_that_are_missing_here_and_there(scenario: Scenario, points: int, tmp_path: Path) -> None:
    asked = ASKED | {"objectives": ["cycle_time"], "final": 20}
    changed = 0
    for point in range(points):
        folder = tmp_path / str(point)
        best = optimise(scenario, folder=folder, workers=Holes(point), **asked)
        assert numbers(folder) == list(range(14))
        changed += best.changed
        assert not best.changed or math.isfinite(best.final.difference("cycle_time").change.value)
        assert answer(optimise(scenario, folder=folder, workers=Holes(point), resume=True, **asked)) == answer(best)
    assert changed
