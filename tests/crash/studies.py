"""A study so small that it can be tried a thousand times, and ways in which it may be ended."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from salessim.executors import Processes, Threads
from salessim.experiment import Row, Simulating
from salessim.optimisation import Best, journal, optimise
from salessim.optimisation import replications as kept_module
from salessim.scenario.model import Scenario

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


def answer(best: Best) -> str:
    """All that a study says, to the last bit."""
    fresh = {n: v.tolist() for n, v in best.final.results[1].pairs.items()}
    return json.dumps([best.sentences(), best.scenario.hash, [repr(t) for t in best.trials], best.front, fresh, dict(best.flattery)])


def searched(scenario: Scenario, folder: Path | None, **other: Any) -> str:
    return answer(optimise(scenario, folder=folder, **{"workers": 1, **ASKED, **other}))


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


def wait_for(what: Callable[..., bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def slowed(seconds: float, kind: str) -> Any:
    """Who runs replications so slowly that a kill from outside meets them."""
    executor = Threads(1) if kind == "threads" else Processes(2)

    class Slow:
        def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
            for row in Simulating(executor).simulate(design, seed, numbers, engine):
                time.sleep(seconds)
                yield row

    return Slow()


BEGUN = """
import sys, salessim
from salessim.optimisation import optimise
from tests.crash.studies import ASKED, TEXT, slowed
optimise(salessim.Scenario.parse(TEXT), folder=sys.argv[1], workers=slowed(float(sys.argv[2]), sys.argv[3]), **ASKED)
"""


def begun(folder: Path, seconds: float, kind: str) -> subprocess.Popen[str]:
    """A study in a program of its own."""
    return subprocess.Popen([sys.executable, "-c", BEGUN, str(folder), str(seconds), kind], stderr=subprocess.PIPE, text=True, start_new_session=True)


def forked(work: Callable[[], object]) -> int:
    """A process that does something and ends as a program does; it has all libraries already, so that fifty of them cost little."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        quiet = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(quiet, handle)
        work()
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        os._exit(code)


def ended(process: int) -> int:
    """How a forked process ended: its exit code, or less than 0 for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def sample(seed: int, least: int, most: int, points: int) -> list[int]:
    """Some points at random, each at most once."""
    return random.Random(seed).sample(range(least, most), min(points, most - least))
