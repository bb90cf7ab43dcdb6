"""K1, K3, K8: the process of a study ends, by itself, by a kill or by a signal, and clocks jump."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from salessim.optimisation.budget import parse_budget
from salessim.scenario.model import Scenario
from tests.crash.studies import POINTS, TEXT, Counting, Ending, Ends, begun, ended, forked, numbers, sample, searched, slowed, wait_for


@pytest.mark.parametrize("points", POINTS)
def test_k1_an_end_at_any_replication_loses_and_doubles_nothing(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    for point in sample(1, 1, total, points):
        folder = tmp_path / str(point)
        with pytest.raises(Ends):
            searched(scenario, folder, workers=Ending(point, Ends()))
        before = numbers(folder)
        counting = Counting()
        assert searched(scenario, folder, workers=counting, resume=True) == straight[0]
        assert len(counting.ran) == total - point
        assert numbers(folder) == list(range(14))
        assert before == list(range(len(before)))


@pytest.mark.parametrize("points", POINTS)
def test_k1_a_kill_of_the_process_at_any_moment(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    chance = random.Random(2)
    for point in range(points):
        folder, many = tmp_path / str(point), chance.randrange(14)
        process = forked(lambda folder=folder: searched(scenario, folder, workers=slowed(0.005, "threads")))
        try:
            wait_for(lambda where=folder, many=many: len(numbers(where)) > many)
            time.sleep(chance.random() * 0.1)
        finally:
            os.killpg(process, signal.SIGKILL)
        assert ended(process) == -signal.SIGKILL
        before = numbers(folder)
        assert searched(scenario, folder, resume=True) == straight[0]
        assert numbers(folder)[: len(before)] == before
        assert numbers(folder) == list(range(14))


def test_k1_a_kill_of_a_process_with_workers_of_its_own(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    with begun(tmp_path / "study", 0.01, "processes") as process:
        try:
            wait_for(lambda: len(numbers(tmp_path / "study")) > 3)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert searched(scenario, tmp_path / "study", resume=True) == straight[0]


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_k3_a_signal_at_any_moment_ends_the_command_soon_and_keeps_what_was_finished(scenario: Scenario, straight: tuple[str, Path], sent: int, points: int, tmp_path: Path) -> None:
    """By Ctrl-C or by a scheduler; one that comes after all is done finds the answer."""
    from salessim.cli import main

    chance = random.Random(sent)
    (tmp_path / "desks.yaml").write_text(TEXT)
    asked = ["--trials", "14", "-n", "2", "--final", "3", "--seed", "5", "--objective", "cycle_time", "--objective", "cost", "--workers", "1", "--quiet"]
    interrupted = 0
    for point in range(points):
        folder, many = tmp_path / str(point), chance.randrange(14)
        process = forked(lambda folder=folder: main(["optimise", str(tmp_path / "desks.yaml"), "--out", str(folder), *asked]))
        try:
            wait_for(lambda where=folder, many=many: len(numbers(where)) > many)
            time.sleep(chance.random() * 0.2)
            os.kill(process, sent)
            begin = time.monotonic()
            code = ended(process)
        except BaseException:
            os.killpg(process, signal.SIGKILL)
            raise
        assert time.monotonic() - begin < 5
        assert code in (130, 3, 0)  # 3: the limits of so few runs
        interrupted += code == 130
        assert code != 130 or not (folder / "report.html").exists()
        before = numbers(folder)
        assert searched(scenario, folder, resume=True) == straight[0]
        assert numbers(folder)[: len(before)] == before
        assert numbers(folder) == list(range(14))
    assert interrupted > points / 2


@pytest.mark.parametrize("points", POINTS)
def test_k8_clocks_that_jump(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    """The clock of the computer is set back or forward by up to a year at any look at it, before and after an end."""
    chance, real = random.Random(8), time.time
    for point in sample(8, 1, total, points):
        folder = tmp_path / str(point)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda: real() + chance.uniform(-3e7, 3e7))
            with pytest.raises(Ends):
                searched(scenario, folder, workers=Ending(point, Ends()), budget=parse_budget("1 hour"))
            for kept in folder.rglob("*"):  # and so are the dates of the files
                os.utime(kept, (real() + chance.uniform(-3e7, 3e7),) * 2)
            counting = Counting()
            assert searched(scenario, folder, workers=counting, resume=True, budget=parse_budget("1 hour")) == straight[0]
        assert len(counting.ran) == total - point
        assert numbers(folder) == list(range(14))
