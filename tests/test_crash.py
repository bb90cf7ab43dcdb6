"""Studies survive what happens to long work: kills, full disks, damaged files, two at a time, other models and versions.

The one thing that all tests ask for: the answer, byte for byte, is that of a study that nothing happened to, and no
finished trial is lost or doubled. Each is tried at a few random points here and at fifty in `make test-slow`.
"""

from __future__ import annotations

import errno
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import salessim
from salessim import experiment
from salessim.errors import InputError, RunLost
from salessim.executors import Here, Processes, Threads
from salessim.experiment import Row, Simulating
from salessim.optimisation import Best, journal, optimise
from salessim.optimisation import replications as kept_module
from salessim.optimisation.budget import Budget, parse_budget
from salessim.scenario.model import Scenario
from tests import tasks

POINTS = [pytest.param(3, id="few"), pytest.param(50, id="fifty", marks=pytest.mark.slow)]
TEXT = """
salessim: 1
name: two desks
clock: {start: 2026-01-05, horizon: 8 weeks, warm_up: 1 week}
teams:
  desk: {size: 2, cost: 30 EUR/hour, assumption: planted}
  back: {size: 3, cost: 40 EUR/hour, assumption: planted}
segments:
  all: {value: 500 EUR, assumption: planted}
channels:
  calls: {enters: answer, segments: {all: 100 %}, arrivals: {rate: 10 per day, assumption: planted}}
stages:
  sale:
    steps:
      answer: {work: {law: exponential, mean: 3 hours}, assumption: planted, by: desk, patience: 2 days, gives_up: {lost: waited too long}, then: [{to: settle, share: 80 %}, {lost: no}]}
      settle: {work: {law: exponential, mean: 4 hours}, assumption: planted, by: back, patience: none, milestone: won, then: [{done: true}]}
levers:
  desk: {add_staff: desk, up_to: 3, assumption: planted}
  back: {add_staff: back, up_to: 3, assumption: planted}
  bot: {automate: answer, share: 40 %, time: 10 min, running_cost: 800 EUR/month, assumption: planted}
"""
ASKED: dict[str, Any] = {"trials": 14, "replications": 2, "final": 3, "seed": 5, "objectives": ["cycle_time", "cost"]}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario.parse(TEXT)


def answer(best: Best) -> str:
    """All that a study says, to the last bit."""
    fresh = {n: v.tolist() for n, v in best.final.results[1].pairs.items()}
    return json.dumps([best.sentences(), best.scenario.hash, [repr(t) for t in best.trials], best.front, fresh, dict(best.flattery)])


def searched(scenario: Scenario, folder: Path | None, **other: Any) -> str:
    return answer(optimise(scenario, folder=folder, **{"workers": 1, **ASKED, **other}))


@pytest.fixture(scope="module")
def straight(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The study that nothing happened to."""
    folder = tmp_path_factory.mktemp("straight") / "study"
    return searched(scenario, folder), folder


def numbers(folder: Path) -> list[int]:
    return [r["trial"] for r in journal.read(folder / "trials.jsonl").records if "trial" in r]


class Ends(Exception):
    """The moment at which a test lets a process end."""


class Ending:
    """Runs replications until the end comes, after so many of them."""

    def __init__(self, after: int, how: BaseException) -> None:
        self.left, self.how, self.inner = after, how, Simulating(Threads(1))

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
        for row in self.inner.simulate(design, seed, numbers, engine):
            if not self.left:
                raise self.how
            self.left -= 1
            yield row


class Counting:
    """Counts what is run, by design and number."""

    def __init__(self, inner: Any = None) -> None:
        self.ran: list[tuple[str, int]] = []
        self.inner = inner or Simulating(Threads(1))

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
        self.ran += [(kept_module.design_key(design), n) for n in numbers]
        return self.inner.simulate(design, seed, numbers, engine)


@pytest.fixture(scope="module")
def total(scenario: Scenario) -> int:
    """Replications of the whole study, each once."""
    counting = Counting()
    searched(scenario, None, workers=counting)
    assert len(set(counting.ran)) == len(counting.ran)
    return len(counting.ran)


def test_a_study_says_the_same_with_and_without_a_folder_and_when_it_is_moved(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    said, folder = straight
    assert searched(scenario, None) == said
    shutil.copytree(folder, tmp_path / "moved")
    counting = Counting()
    assert searched(scenario, tmp_path / "moved", workers=counting, resume=True) == said
    assert counting.ran == []  # nothing is run twice
    assert numbers(tmp_path / "moved") == list(range(14))


# K1, K3: the parent ends in the middle of a trial or of the choice


@pytest.mark.parametrize("points", POINTS)
def test_k1_an_end_at_any_replication_loses_and_doubles_nothing(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    for point in random.Random(1).sample(range(1, total), min(points, total - 1)):
        folder = tmp_path / str(point)
        with pytest.raises(Ends):
            searched(scenario, folder, workers=Ending(point, Ends()))
        before = numbers(folder)
        counting = Counting()
        assert searched(scenario, folder, workers=counting, resume=True) == straight[0]
        assert len(counting.ran) == total - point
        assert numbers(folder) == list(range(14))
        assert before == list(range(len(before)))


KILLED = """
import sys, salessim
from pathlib import Path
from salessim.optimisation import optimise
from tests.test_crash import ASKED, TEXT, slowed
optimise(salessim.Scenario.parse(TEXT), folder=sys.argv[1], workers=slowed(float(sys.argv[2]), sys.argv[3]), **ASKED)
"""


def slowed(seconds: float, kind: str) -> Any:
    """Who runs replications so slowly that a kill from outside meets them."""
    executor = Threads(1) if kind == "threads" else Processes(2)

    class Slow:
        def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
            for row in Simulating(executor).simulate(design, seed, numbers, engine):
                time.sleep(seconds)
                yield row

    return Slow()


def begun(folder: Path, seconds: float = 0.01, kind: str = "threads") -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(seconds), kind], stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("points", [pytest.param(2, id="few"), pytest.param(50, id="fifty", marks=pytest.mark.slow)])
def test_k1_a_kill_of_the_process_at_any_moment(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    chance = random.Random(2)
    for point in range(points):
        folder, many = tmp_path / str(point), chance.randrange(10)
        with begun(folder) as process:
            try:
                wait_for(lambda where=folder, many=many: len(numbers(where)) > many)
                time.sleep(chance.random() * 0.1)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
        before = numbers(folder)
        assert searched(scenario, folder, resume=True) == straight[0]
        assert numbers(folder)[: len(before)] == before
        assert numbers(folder) == list(range(14))


def wait_for(what: Callable[..., bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


# K4, K9: the journal and the other files, cut or spoilt


@pytest.mark.parametrize("points", [pytest.param(4, id="few"), pytest.param(10_000, id="every byte", marks=pytest.mark.slow)])
def test_k4_a_journal_cut_at_any_byte_of_its_last_line(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    whole = (straight[1] / "trials.jsonl").read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    cuts = range(last, len(whole))
    for cut in sorted(random.Random(4).sample(cuts, min(points, len(cuts)))):
        folder = tmp_path / str(cut)
        shutil.copytree(straight[1], folder)
        (folder / "trials.jsonl").write_bytes(whole[:cut])
        said: list[str] = []
        counting = Counting()
        assert searched(scenario, folder, workers=counting, resume=True, tell=said.append) == straight[0]
        assert counting.ran == []
        assert (folder / "trials.jsonl").read_bytes() == whole
        assert said == ([] if cut == last else ["trials.jsonl: the last line was cut short and is dropped; its trial is worked out again"])
        shutil.rmtree(folder)


@pytest.mark.parametrize("points", POINTS)
def test_k9_damage_in_the_middle_is_told_and_whole_lines_are_kept(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    chance = random.Random(9)
    for point in range(points):
        folder = tmp_path / str(point)
        shutil.copytree(straight[1], folder)
        content = bytearray((folder / "trials.jsonl").read_bytes())
        at = chance.randrange(len(content) - 1)
        content[at] ^= 1 << chance.randrange(8)
        (folder / "trials.jsonl").write_bytes(content)
        said: list[str] = []
        assert searched(scenario, folder, resume=True, tell=said.append) == straight[0]
        assert sorted(numbers(folder)) == list(range(14))
        assert "damaged" in said[0]
        assert (folder / "trials.jsonl.damaged").read_bytes() == content


@pytest.mark.parametrize("spoilt", [b"\0" * 3000, b"PK\3\4 garbage \xff\xfe" * 40, b""], ids=["zeros", "garbage", "empty"])
@pytest.mark.parametrize("name", ["trials.jsonl", "study.json", "replications"])
def test_k9_a_file_of_zeros_or_garbage(scenario: Scenario, straight: tuple[str, Path], name: str, spoilt: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(straight[1], folder)
    for path in folder.glob("replications/*.parquet") if name == "replications" else [folder / name]:
        path.write_bytes(spoilt)
    said: list[str] = []
    if name == "study.json":
        with pytest.raises(InputError, match=r"study\.json: it is damaged.*--force"):
            searched(scenario, folder, resume=True)
        (folder / name).write_text((straight[1] / name).read_text().replace('"format": 1', '"format": 0'))
        with pytest.raises(InputError, match="format 0, this version reads 1"):
            searched(scenario, folder, resume=True)
        (folder / name).unlink()
        with pytest.raises(InputError, match="cannot be read"):
            searched(scenario, folder, resume=True)
        return
    assert searched(scenario, folder, resume=True, tell=said.append) == straight[0]
    assert bool(said) == (spoilt != b"" or name == "replications")


@pytest.mark.parametrize("points", POINTS)
def test_k9_a_bit_that_flips_in_a_file_of_replications(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    """Either the file is refused and run again, or the bit was of no account: the answer is the same."""
    chance = random.Random(10)
    for point in range(points):
        folder = tmp_path / str(point)
        shutil.copytree(straight[1], folder)
        path = chance.choice(sorted(folder.glob("replications/*.parquet")))
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        assert searched(scenario, folder, resume=True) == straight[0]


# K5, K6, K15: the file system


class Full:
    """A disk that is full after so many files and lines, as the system says it when they are to be on disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, real = room, os.fsync

        def fsync(handle: int) -> None:
            self.room -= 1
            if self.room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("points", POINTS)
def test_k5_a_full_disk_keeps_what_was_finished(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        roomy = Full(patch, 10**9)
        assert searched(scenario, tmp_path / "roomy") == straight[0]
    most = 10**9 - roomy.room
    for point in random.Random(5).sample(range(1, most), min(points, most - 1)):
        folder = tmp_path / str(point)
        with pytest.MonkeyPatch.context() as patch:
            Full(patch, point)
            with pytest.raises(InputError, match="No space left on device"):
                searched(scenario, folder)
        assert searched(scenario, folder) == straight[0]
        assert numbers(folder) == list(range(14))


def test_k5_on_a_real_small_disk(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with pytest.raises(InputError, match="No space left on device"):
            searched(scenario, small / "study")
        shutil.copytree(small / "study", tmp_path / "roomy")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert searched(scenario, tmp_path / "roomy") == straight[0]


def test_k6_a_folder_that_cannot_be_written(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"cannot be made.*give a folder that is writable"):
        searched(scenario, tmp_path / "file" / "study")
    folder = tmp_path / "study"
    folder.mkdir()
    real = Path.open

    def refusing(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if folder in self.parents and mode != "r":
            raise PermissionError(errno.EROFS, "Read-only file system")
        return real(self, mode, *args, **more)

    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(InputError, match=r"cannot be written.*Read-only file system"):
        searched(scenario, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("points", POINTS)
def test_k15_a_rename_that_is_not_whole(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    """As on a network drive: the new name is there with half of the content, or without any, and the process is gone."""
    chance, real, renames = random.Random(15), os.replace, 0

    def counted(source: Any, target: Any) -> None:
        nonlocal renames
        renames += (tmp_path / "whole") in Path(target).parents  # others, such as of compiled code, happen once
        real(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", counted)
        searched(scenario, tmp_path / "whole")
    for point in range(points):
        folder = tmp_path / str(point)
        left, share = chance.randrange(2, renames), chance.random()  # the last, for the dashboard, may fail

        def broken(source: Any, target: Any, share: float = share) -> None:
            nonlocal left
            left -= 1
            if left:
                return real(source, target)
            content = Path(source).read_bytes()
            Path(target).write_bytes(content[: int(share * len(content))])
            raise Ends

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", broken)
            with pytest.raises(Ends):
                searched(scenario, folder)
        assert searched(scenario, folder) == straight[0]
        assert numbers(folder) == list(range(14))


# K7, K13, K14: others


def test_k7_two_processes_do_not_mix(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with begun(folder, 0.05) as process:
        try:
            wait_for(lambda: len(numbers(folder)) > 1)
            with pytest.raises(InputError, match=f"process {process.pid} on .* is working on this study"):
                searched(scenario, folder, resume=True)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert searched(scenario, folder, resume=True) == straight[0]


def test_k13_another_model_or_other_options_are_refused_with_the_difference(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    shutil.copytree(straight[1], tmp_path / "study")
    folder = tmp_path / "study"
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}
    for changed, other, said in (
        (scenario.change({"teams.desk.size": 4}), {}, r"teams\.desk\.size: 2 → 4"),
        (scenario, {"seed": 6}, "option seed: 5 → 6"),
        (scenario, {"limits": ["cost <= 9000/month"]}, r"option limits: \[\] → "),
        (scenario, {"levers": ["desk", "bot"]}, r"option levers: null → \[\"bot\", \"desk\"\]"),
    ):
        with pytest.raises(InputError, match=rf"there is another study .*{said}.*--force"):
            searched(changed, folder, **other)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"} == before
    searched(scenario, folder, seed=6, anew=True)
    assert (folder / "before-1" / "trials.jsonl").read_bytes() == before[folder / "trials.jsonl"]
    with pytest.raises(InputError, match="there is no study to go on with"):
        searched(scenario, tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()


def test_k14_another_version_is_told_and_recorded(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(straight[1], tmp_path / "study")
    monkeypatch.setattr(salessim, "__version__", "99.1")
    said: list[str] = []
    for _ in range(2):
        assert searched(scenario, tmp_path / "study", resume=True, tell=said.append) == straight[0]
    assert len(said) == 1  # once, not each time
    assert "this is 99.1" in said[0]
    assert journal.read(tmp_path / "study" / "trials.jsonl").records[-1] == {"version": "99.1"}


def test_more_trials_may_be_asked_of_a_study(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    """Those that were finished stay as they were; with how many a search begins may depend on how many there will be."""
    searched(scenario, tmp_path / "study", trials=9)
    before = journal.read(tmp_path / "study" / "trials.jsonl").records
    searched(scenario, tmp_path / "study", resume=True)
    after = journal.read(tmp_path / "study" / "trials.jsonl").records
    assert after[:9] == before
    assert [r["trial"] for r in after] == list(range(14))


# K8: clocks


def test_k8_a_clock_that_is_moved_back(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, begin = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: 2 * begin - real())
    folder = tmp_path / "study"
    with pytest.raises(Ends):
        searched(scenario, folder, workers=Ending(9, Ends()), budget=parse_budget("1 hour"))
    assert searched(scenario, folder, resume=True, budget=parse_budget("1 hour")) == straight[0]


# K10, K11, K12: single trials


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


def test_k10_out_of_memory_in_a_worker() -> None:
    with Processes(1) as executor, pytest.raises(RunLost, match="out of memory"):
        list(executor.results(tasks.hungry, None, 0, range(3), "compiled"))


@pytest.mark.parametrize("kind", [Threads, Processes])
def test_k11_a_run_that_takes_too_long_is_given_up(kind: type) -> None:
    begin = time.monotonic()
    with pytest.raises(RunLost, match="more than 1 s"):
        list(kind(2, patience=1.0).results(tasks.stuck if kind is Processes else tasks.waiting, None, 0, range(2), "compiled"))
    assert time.monotonic() - begin < 10


def test_k2_a_worker_that_dies_is_replaced_and_its_work_done_again(tmp_path: Path) -> None:
    with Processes(2) as executor:
        assert list(executor.results(tasks.dying, tmp_path / "died", 0, range(12), "compiled")) == list(range(12))
        with pytest.raises(RunLost, match="3 workers died over replication 3"):
            list(executor.results(tasks.dying, None, 0, range(12), "compiled"))
        assert list(executor.results(tasks.dying, tmp_path / "died", 0, range(4), "compiled")) == [0, 1, 2, 3]  # it can still be used


@pytest.mark.parametrize("workers", [1, 3])
def test_several_designs_come_back_in_order_however_they_are_parcelled(workers: int) -> None:
    class Parcelled(Threads):
        parcelled = True

    wanted = [("a", range(40)), ("b", range(7, 9)), ("c", ()), ("a", range(3))]
    expected = [(source, n) for source, numbers in wanted for n in numbers]
    for kind in (Here, Threads, Parcelled):
        with kind(workers) as executor:
            assert list(executor.several(lambda source, _, n, __: (source, n), iter(wanted), 45, 0, "compiled")) == expected


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


# Budgets, signals, and what others can open


def test_a_budget_of_runs_ends_at_the_border_of_a_trial_and_can_be_raised(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    found = optimise(scenario, folder=tmp_path / "a", workers=1, budget=Budget(runs=20, words="20 runs"), **ASKED)
    assert len(found.trials) == 5  # half of 20 is kept for the choice, two runs a trial
    assert found.stopped == "The budget of 20 runs ended the search after 5 of 14 trials."
    with pytest.raises(Ends):
        searched(scenario, tmp_path / "b", workers=Ending(7, Ends()), budget=Budget(runs=20, words="20 runs"))
    again = optimise(scenario, folder=tmp_path / "b", workers=1, budget=Budget(runs=20, words="20 runs"), **ASKED)
    assert answer(again) == answer(found)
    assert searched(scenario, tmp_path / "a", resume=True) == straight[0]


def test_a_budget_of_time_keeps_some_for_the_choice() -> None:
    now = [0.0]
    budget = Budget(seconds=100, words="100 s", clock=lambda: now[0])
    now[0] = 10.0
    assert not budget.over(asked=10, ran=10, ahead=4, choosing=80)  # one second each: 10 + 4 <= 100 - 50
    now[0] = 47.0
    assert budget.over(asked=47, ran=47, ahead=4, choosing=80)
    assert not Budget().over(10**9, 10**9, 10**9, 0)


@pytest.mark.parametrize("text", ["ten minutes or so", "0 runs", "-5 min", "0 s", "5000"])
def test_a_budget_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="write for example '10 min' or '5000 runs'"):
        parse_budget(text)


def test_the_command_keeps_goes_on_and_says_what_it_cannot_do(tmp_path: Path) -> None:
    from tests.test_own_measures import cli as run
    from tests.test_own_measures import refused

    file, out = tmp_path / "desks.yaml", tmp_path / "study"
    file.write_text(TEXT)
    common = ("optimise", file, "--out", out, "--trials", "4", "-n", "2", "--final", "3", "--objective", "cycle_time", "--quiet")
    refused(run(*common, "--resume"), "there is no study to go on with")
    assert not out.exists()
    first = run(*common, "--json")
    assert first.exit_code in (0, 3)  # 3: the limits of so few runs
    for again in (run(*common, "--json"), run(*common, "--json", "--resume"), run(*common, "--json", "--executor", "threads", "--workers", "2")):
        assert (again.stdout, again.exit_code) == (first.stdout, first.exit_code)
    refused(run(*common, "--seed", "1"), "there is another study", "option seed: 0 → 1", "--force")
    short = run(*common, "--force", "--budget", "4 runs")
    assert short.exit_code == 3
    assert "The budget of 4 runs ended the search after" in short.stderr
    assert json.loads((out / "best.json").read_text())["stopped"].startswith("The budget of 4 runs")
    assert (out / "before-1" / "trials.jsonl").exists()
    refused(run(*common, "--budget", "a while"), "neither a time nor a number of replications")
    refused(run(*common, "--trial-limit", "soon"), "--trial-limit")
    refused(run(*common, "--storage", "sqlite:///x.db"), "sqlite is not for several writers")
    for pair in (("--resume", "--force"), ("--cluster", "tcp://127.0.0.1:9", "--workers", "2")):
        assert run(*common, *pair).exit_code == 2


def test_the_study_opens_in_optuna(straight: tuple[str, Path]) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    with warnings.catch_warnings(action="ignore"):
        study = optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(straight[1] / "optuna.log"))))
        assert study.metric_names == ["cycle_time", "cost"]
    told = journal.read(straight[1] / "trials.jsonl").records
    assert [t.params for t in study.trials] == [r["asked"] for r in told]
    assert [t.values for t in study.trials if t.values] == [[r["values"]["cycle_time"], r["values"]["cost"]] for r in told if r["values"]]


def test_replications_are_a_table_that_others_read(straight: tuple[str, Path]) -> None:
    import pandas as pd

    table = pd.concat([pd.read_parquet(p) for p in sorted((straight[1] / "replications").glob("*.parquet"))])
    assert not table.duplicated(["design", "seed", "replication"]).any()
    long = table.explode(["measures", "numerators", "denominators"])
    first = journal.read(straight[1] / "trials.jsonl").records[0]
    today = table.iloc[0].design
    costs = long[(long.design == today) & (long.replication < 2) & (long.measures == "cost")]
    assert (costs.numerators / costs.denominators).mean() == pytest.approx(first["values"]["cost"])


def test_many_small_files_become_few(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MOST_PARTS", 4)
    folder = tmp_path / "study"
    assert searched(scenario, folder) == straight[0]
    assert len(list((folder / "replications").glob("*.parquet"))) <= 4
    counting = Counting()
    assert searched(scenario, folder, workers=counting) == straight[0]
    assert counting.ran == []


def test_designs_that_run_alike_are_told_from_those_that_do_not(scenario: Scenario) -> None:
    key = kept_module.design_key(scenario)
    assert kept_module.design_key(scenario.change({"levers": {}}, name="another name")) == key
    assert kept_module.design_key(scenario.change({"teams.desk.size": 3})) != key
    assert experiment.replicate(scenario, 2, workers=Simulating(Threads(2))).pairs["cost"].tolist() == experiment.replicate(scenario, 2, workers=1).pairs["cost"].tolist()
