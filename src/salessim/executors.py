"""Who runs replications: this thread, threads, processes, or machines elsewhere, behind one interface.

A replication depends on its design, the seed and its number, and on nothing else. So whoever runs it gives the same
figures, in the same order, also when workers die and their work is done again.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from salessim.errors import InputError, RunLost

Task = Callable[[Any, int, int, Any], Any]
"""Called with (source, seed, number, engine); at the top of a module, so that other processes find it."""
AHEAD = 4
"""Tasks for each worker that are handed out before their turn, and no more: a million replications are not a million futures."""
PARCELS, MOST_IN_PARCEL = 2, 16
"""Where handing out is costly: a parcel is at most this part of what each worker has left, so that the last are small and no worker waits
long for another (guided self-scheduling, Polychronopoulos and Kuck 1987; halved, since designs take different times); and the most numbers in one."""
ATTEMPTS = 3
"""Workers that may die over one replication before it is taken to be the cause."""


def workers_of(workers: int | None) -> int:
    """How many to use: given, or the processors this process may use."""
    if workers is not None:
        if not 1 <= workers <= 4096:
            raise InputError("workers", f"{workers} is out of range", "give a whole number from 1 to 4096")
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Executor(ABC):
    """Runs a task for each of some numbers and gives the results in their order.

    Args:
        workers: how many run at a time.
        patience: seconds that the numbers of one source may take together; None for as long as it takes.
    """

    apart = False
    """Whether workers are programs of their own: they do not take turns with each other, but handing out is so costly that several numbers should go in one parcel."""

    def __init__(self, workers: int = 1, patience: float | None = None) -> None:
        self.workers, self.patience = workers, patience

    def results(self, task: Task, source: Any, seed: int, numbers: Sequence[int], engine: str) -> Iterator[Any]:
        """The results in the order of the numbers.

        Raises:
            RunLost: workers died over a replication again and again, ran out of memory, or the patience ended.
        """
        return self.several(task, [(source, numbers)], len(numbers), seed, engine)

    @abstractmethod
    def several(self, task: Task, wanted: Iterable[tuple[Any, Sequence[int]]], planned: int, seed: int, engine: str) -> Iterator[Any]:
        """The results of several sources side by side, in the order of the sources and their numbers.

        Args:
            task: what to run.
            wanted: each source with its numbers; a source is asked for when its turn to be handed out comes.
            planned: how many numbers there are in all.
            seed, engine: what the task is given.

        Raises:
            RunLost: as `results`, when the turn of the source comes whose runs are lost.
        """

    def close(self) -> None:
        """Let the workers go; they come again if they are needed. Nothing to do where there are none."""
        return

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _left(self, begun: float) -> float | None:
        """Seconds of patience that are left."""
        if self.patience is None:
            return None
        left = self.patience - (time.monotonic() - begun)
        if left <= 0:
            raise out_of_time(self.patience)
        return left


def out_of_time(patience: float) -> RunLost:
    """The design took longer than it was given."""
    return RunLost(f"more than {patience:g} s")


class Here(Executor):
    """One after the other in this thread. A replication that has begun is finished: patience is looked at between two of them."""

    def several(self, task: Task, wanted: Iterable[tuple[Any, Sequence[int]]], planned: int, seed: int, engine: str) -> Iterator[Any]:
        """See `Executor.several`."""
        for source, numbers in wanted:
            begun = time.monotonic()
            for number in numbers:
                self._left(begun)
                try:
                    result = task(source, seed, number, engine)
                except MemoryError:
                    raise RunLost("out of memory") from None
                yield result


@dataclass(frozen=True)
class _Parcel:
    """Numbers of a source that are handed out together."""

    source: Any
    numbers: tuple[int, ...]


class Futures(Executor):
    """What all executors with futures share: handing out, waiting in order, handing out again what was lost."""

    @abstractmethod
    def submit(self, task: Task, source: Any, seed: int, numbers: tuple[int, ...], engine: str) -> Any:
        """A future of the list of results of some numbers."""

    @abstractmethod
    def abandon(self) -> None:
        """Stop what is under way and wait for nothing."""

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    """What a future raises whose worker has died."""

    def _parcels(self, wanted: Iterable[tuple[Any, Sequence[int]]], left: int) -> Iterator[_Parcel]:
        """The numbers of several sources as they are handed out; `left` is how many there are in all."""
        for source, numbers in wanted:
            at = 0
            while at < len(numbers):
                size = max(1, min(MOST_IN_PARCEL, left // (PARCELS * self.workers))) if self.apart else 1
                parcel = _Parcel(source, tuple(numbers[at : at + size]))
                at += len(parcel.numbers)
                left -= len(parcel.numbers)
                yield parcel

    def several(self, task: Task, wanted: Iterable[tuple[Any, Sequence[int]]], planned: int, seed: int, engine: str) -> Iterator[Any]:
        """See `Executor.several`."""
        todo = self._parcels(wanted, planned)
        ahead = deque[tuple[_Parcel, Any]]()
        deaths, turn, begun = 0, None, 0.0

        def handed(parcel: _Parcel) -> Any:
            try:
                return self.submit(task, parcel.source, seed, parcel.numbers, engine)
            except self.lost as wrong:  # the pool broke meanwhile: told when it is this parcel's turn
                future: Future[Any] = Future()
                future.set_exception(wrong)
                return future

        def hand_out(how_many: int) -> None:
            for parcel in islice(todo, how_many):
                ahead.append((parcel, handed(parcel)))

        try:
            hand_out(AHEAD * self.workers)
            while ahead:
                parcel, future = ahead[0]
                if parcel.source is not turn:
                    turn, begun = parcel.source, time.monotonic()
                try:
                    results = future.result(timeout=self._left(begun))
                except self.lost:
                    deaths += 1
                    if deaths >= ATTEMPTS:
                        raise RunLost(f"{deaths} workers died over replication {parcel.numbers[0]} (killed, or out of memory)") from None
                    # Now one by one, so that the number is known over which they die.
                    again = [_Parcel(p.source, (number,)) for p, _ in ahead for number in p.numbers]
                    self.abandon()
                    ahead = deque((p, handed(p)) for p in again)
                    continue
                except TimeoutError:
                    raise out_of_time(self.patience or 0) from None
                except MemoryError:
                    raise RunLost("out of memory") from None
                deaths = 0
                ahead.popleft()
                hand_out(1)
                yield from results
        except BaseException:
            if ahead:  # who takes the last result and no more leaves nothing under way, and the workers stay
                self.abandon()
            raise


def in_turn(task: Task, source: Any, seed: int, numbers: tuple[int, ...], engine: str) -> list[Any]:
    """What a worker does with a parcel."""
    return [task(source, seed, number, engine) for number in numbers]


class _Pool(Futures):
    """A pool of this machine that lives from its first use until it is closed."""

    def __init__(self, workers: int = 1, patience: float | None = None) -> None:
        super().__init__(workers, patience)
        self._pool: ThreadPoolExecutor | ProcessPoolExecutor | None = None

    @abstractmethod
    def started(self) -> ThreadPoolExecutor | ProcessPoolExecutor:
        """A new pool."""

    def submit(self, task: Task, source: Any, seed: int, numbers: tuple[int, ...], engine: str) -> Future[Any]:
        """See `Futures.submit`."""
        if self._pool is None:
            self._pool = self.started()
        return self._pool.submit(in_turn, task, source, seed, numbers, engine)

    def abandon(self) -> None:
        """Processes are ended, threads left behind: nobody can end a thread."""
        pool, self._pool = self._pool, None
        if pool is not None:
            children = list((getattr(pool, "_processes", None) or {}).values())
            for child in children:
                child.terminate()
            pool.shutdown(wait=bool(children), cancel_futures=True)

    def close(self) -> None:
        """Let the workers go; they come again if they are needed."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


class Threads(_Pool):
    """Threads of this process: best for the compiled engine, which lets go of the interpreter's lock."""

    def started(self) -> ThreadPoolExecutor:
        """A new pool."""
        return ThreadPoolExecutor(self.workers)


class Processes(_Pool):
    """Processes of this machine: for the reference engine, and where a run may need to be ended."""

    apart = True

    def started(self) -> ProcessPoolExecutor:
        """A new pool."""
        return ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A worker whose coordinator was killed would wait for work for ever: it holds the other end of its own queue."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


KINDS: dict[str, type[Executor]] = {"threads": Threads, "processes": Processes}
"""Those of this machine by name."""


def local(workers: int, engine: str, kind: str | None = None, patience: float | None = None) -> Executor:
    """Workers of this machine.

    Args:
        workers: how many.
        engine: "reference" or "compiled", which decides where no kind is given.
        kind: "threads" or "processes".
        patience: see `Executor`.

    Example:
        >>> type(local(1, "compiled")).__name__, type(local(2, "compiled")).__name__, type(local(2, "reference")).__name__
        ('Here', 'Threads', 'Processes')
    """
    if workers == 1 and kind is None:
        return Here(1, patience)
    return KINDS[kind or ("threads" if engine == "compiled" else "processes")](workers, patience)


__all__ = ["Executor", "Futures", "Here", "Processes", "Task", "Threads", "local", "workers_of"]
