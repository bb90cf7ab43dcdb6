"""What of its past a case carries: planted memory is found, and none is seen where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from salessim.calibration.memory import closed_after, learn


@dataclass
class Walk:
    steps: list[str]
    waits: list[float]
    ending: str = "completed"
    gave_up: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gave_up = [False] * len(self.steps)
        self.reached = np.cumsum([0.0, *self.waits])
        self.left = self.reached.copy()


def walks(seed: int, rule: str, n: int = 3000) -> list[Walk]:
    """Cases that pass a or b, then c, then d or e."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(n):
        first = "a" if rng.random() < 0.5 else "b"
        waits = [float(x) for x in rng.exponential(3600, 3)]
        share = {"none": 0.5, "after": 0.9 if first == "a" else 0.2, "waited": 0.9 if waits[1] > 3600 else 0.2}[rule]
        result.append(Walk(["", first, "c", "d" if rng.random() < share else "e"], waits))
    return result


def test_without_memory_nothing_is_told_apart() -> None:
    found = [learn(walks(seed, "none")).trees for seed in range(30)]
    assert sum(map(len, found)) <= 1


def test_the_activity_before_is_found() -> None:
    memory = learn(walks(1, "after"))
    assert list(memory.trees) == ["c"]
    (question,) = [q for _, asked in memory.trees["c"].leaves() for q in asked]
    assert (question.about, question.activity) in {("after", "a"), ("after", "b"), ("passed", "a"), ("passed", "b")}
    cases = walks(2, "after")
    for case, states in zip(cases, memory.states(cases), strict=True):
        assert [step for step, _ in states] == case.steps
    told = {case.steps[1]: states[2] for case, states in zip(cases, memory.states(cases), strict=True)}
    assert told["a"] != told["b"]
    assert {memory.words(s, str) for s in told.values()} == {"", question.words(str)}


def test_a_long_wait_that_changes_what_follows_is_found() -> None:
    memory = learn(walks(1, "waited"))
    assert list(memory.trees) == ["c"]
    asked = {q.about for _, questions in memory.trees["c"].leaves() for q in questions}
    assert asked <= {"waited", "age"}


def test_what_matters_later_is_carried_along() -> None:
    rng = np.random.default_rng(4)
    cases = []
    for _ in range(4000):
        first = "a" if rng.random() < 0.5 else "b"
        cases.append(Walk(["", first, "x", "y", "z", "d" if rng.random() < (0.9 if first == "a" else 0.1) else "e"], [1.0] * 5))
    memory = learn(cases)
    assert set(memory.trees) >= {"x", "y", "z"}  # z decides, and x and y hand on what z has to know


def test_memory_is_that_of_the_part_not_used_to_estimate_it() -> None:
    """Fewer visits than a state needs never make one, however different they are."""
    rng = np.random.default_rng(3)
    cases = [Walk(["", "a" if i < 60 else "b", "c", "d" if i < 60 else "e"], [1.0, float(rng.random()), 1.0]) for i in range(2000)]
    assert not learn(cases).trees


@pytest.mark.parametrize("closes", [2, 5])
def test_a_way_that_closes_is_a_limit(closes: int) -> None:
    rng = np.random.default_rng(1)
    done = []
    for _ in range(2000):
        for n in range(30):
            goal = "again" if n < closes and rng.random() < 0.8 else "out"
            done.append((n, goal))
            if goal == "out":
                break
    assert closed_after(done, ["again", "out"]) == {"again": closes}
