"""K2: workers of a study that die."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salessim.errors import RunLost
from salessim.executors import Here, Processes, Threads
from salessim.experiment import Row, Simulating
from salessim.scenario.model import Scenario
from tests import tasks
from tests.crash.studies import searched


def test_k2_a_worker_that_dies_is_replaced_and_its_work_done_again(tmp_path: Path) -> None:
    with Processes(2) as executor:
        assert list(executor.results(tasks.dying, tmp_path / "died", 0, range(12), "compiled")) == list(range(12))
        with pytest.raises(RunLost, match="3 workers died over replication 3"):
            list(executor.results(tasks.dying, None, 0, range(12), "compiled"))
        assert list(executor.results(tasks.dying, tmp_path / "died", 0, range(4), "compiled")) == [0, 1, 2, 3]  # it can still be used


@pytest.mark.parametrize("workers", [1, 3])
def test_several_designs_come_back_in_order_however_they_are_parcelled(workers: int) -> None:
    class Parcelled(Threads):
        apart = True

    wanted = [("a", range(40)), ("b", range(7, 9)), ("c", ()), ("a", range(3))]
    expected = [(source, n) for source, numbers in wanted for n in numbers]
    for kind in (Here, Threads, Parcelled):
        with kind(workers) as executor:
            assert list(executor.several(lambda source, _, n, __: (source, n), iter(wanted), 45, 0, "compiled")) == expected


def test_parcels_shrink_so_that_no_worker_waits_long_for_another() -> None:
    class Parcelled(Threads):
        apart = True

        def submit(self, task: Any, source: Any, seed: int, numbers: tuple[int, ...], engine: str) -> Any:
            sizes.append(len(numbers))
            return super().submit(task, source, seed, numbers, engine)

    sizes = list[int]()
    with Parcelled(2) as executor:
        list(executor.several(lambda *_: None, [("a", range(50)), ("b", range(50))], 100, 0, "compiled"))
    assert sum(sizes) == 100
    assert sizes[0] == 16  # and 84 are left: at most half of what each of two has left to do
    left = 100 - np.cumsum([0, *sizes])
    assert all(size <= max(1, before // 4) for size, before in zip(sizes, left, strict=False))
    assert sizes[-3:] == [1, 1, 1]


def test_processes_stay_for_the_next_call_also_when_nobody_asks_whether_there_is_more() -> None:
    with Processes(1) as executor:
        found = set()
        for _ in range(3):
            running = executor.results(tasks.who, None, 0, range(2), "compiled")
            found |= {next(running), next(running)}
            del running  # closed before it could end
        assert len(found) == 1


def test_k2_no_number_is_lost_when_the_pool_breaks_while_work_is_handed_out() -> None:
    from concurrent.futures import BrokenExecutor, Future

    class Breaking(Processes):
        """Breaks at every fifth number that is handed out, until it is abandoned."""

        handed, broken = 0, False

        def submit(self, task: Any, source: Any, seed: int, number: int, engine: str) -> Future[Any]:
            self.handed += 1
            self.broken = self.broken or self.handed % 5 == 0
            if self.broken:
                raise BrokenExecutor
            future: Future[Any] = Future()
            future.set_result(number)
            return future

        def abandon(self) -> None:
            self.broken = False

    assert list(Breaking(1).results(tasks.dying, None, 0, range(40), "compiled")) == list(range(40))


@pytest.mark.parametrize("points", [pytest.param(1, id="once"), pytest.param(50, id="fifty", marks=pytest.mark.slow)])  # each death costs seconds: a process starts anew
def test_k2_workers_killed_at_any_moment(scenario: Scenario, straight: tuple[str, Path], total: int, points: int) -> None:
    chance = random.Random(22)
    with Processes(2) as executor:

        class Shooting:
            def __init__(self) -> None:
                self.left = set(chance.sample(range(total), 1 if points < 50 else 2))
                self.ran = 0

            def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
                for row in Simulating(executor).simulate(design, seed, numbers, engine):
                    if self.ran in self.left and executor._pool is not None:
                        os.kill(chance.choice(sorted(executor._pool._processes)), signal.SIGKILL)
                    self.ran += 1
                    yield row

        for _ in range(points if points < 50 else 25):
            assert searched(scenario, None, workers=Shooting()) == straight[0]


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_workers_end_with_a_coordinator_that_was_killed() -> None:
    code = """
import sys
from salessim.executors import Processes
from tests import tasks
if __name__ == "__main__":
    with Processes(2) as executor:
        print(*{n for n in executor.results(tasks.who, None, 0, range(8), "compiled")}, flush=True)
        sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert workers
        assert all(_lives(pid) for pid in workers)
        process.kill()
        process.wait()
        until = time.monotonic() + 20
        while any(_lives(pid) for pid in workers) and time.monotonic() < until:
            time.sleep(0.1)
        assert not any(_lives(pid) for pid in workers)


def _lives(pid: int) -> bool:
    """Whether a process is there and not only not yet taken notice of by who adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if Path("/proc").exists() else os.kill(pid, 0) is None
    except (FileNotFoundError, ProcessLookupError):
        return False
