"""Replications on a Dask cluster: workers on this or other machines, reached by the address of their scheduler.

The study stays here; workers hold nothing and may come and go: one that dies takes nothing with it but the replications
that it was running, and these are run again.
"""

from __future__ import annotations

import asyncio
import platform
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any

from salessim.errors import InputError, RunLost
from salessim.executors import ATTEMPTS, Futures, Task, in_turn

CONNECTING = 10
"""Seconds within which a scheduler must answer."""
WAITING = 60
"""Seconds to wait for a first worker: machines of a cluster start one after the other."""
LOOKING = 5
"""Seconds between two looks whether there are workers."""
REMEDY = "start it again, and go on with --resume: what was finished is kept"


class Cluster(Futures):
    """Workers of a Dask scheduler.

    Args:
        address: of the scheduler, such as "tcp://10.0.0.1:8786".
        patience: see `Executor`.

    Raises:
        InputError: Dask is not installed, nobody answers, there are no workers, or they run another version of salessim.
    """

    apart = True

    def __init__(self, address: str, patience: float | None = None) -> None:
        try:
            from distributed import Client
            from distributed.scheduler import KilledWorker
        except ImportError:
            raise InputError("--cluster", "a cluster needs Dask", "install it with: pip install 'salessim[dask]'") from None
        self.address = address
        self._under_way = weakref.WeakSet[Future[Any]]()
        self.lost = (KilledWorker, CancelledError)
        try:
            self._client: Any = Client(address, timeout=CONNECTING, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as wrong:
            raise InputError(f"--cluster {address}", f"no scheduler answers ({type(wrong).__name__})", "start one with 'dask scheduler', and give its address, such as tcp://10.0.0.1:8786") from None
        try:
            self._client.wait_for_workers(1, timeout=WAITING)
        except TimeoutError:
            self.close()
            raise InputError(f"--cluster {address}", f"the scheduler has had no workers for {WAITING} s", f"start some with 'dask worker {address}'") from None
        super().__init__(self.nthreads(), patience)

    def submit(self, task: Task, source: Any, seed: int, numbers: tuple[int, ...], engine: str) -> Any:
        """See `Futures.submit`."""
        if self._client.status != "running":
            raise InputError(f"--cluster {self.address}", "the scheduler has gone", REMEDY)
        # The design goes with each parcel: as data of the cluster's own it would draw all its runs to the one worker that has it.
        run = self._client.submit(_there, version(), task, source, seed, numbers, engine, pure=False, retries=ATTEMPTS)
        # Results set out as soon as they are there: fetched when their turn comes, each would cost a journey that a worker waits for.
        future = asyncio.run_coroutine_threadsafe(self._fetched(run), self._client.loop.asyncio_loop)
        self._under_way.add(future)
        return _Waiting(self, future)

    async def _fetched(self, run: Any) -> Any:
        return await self._client.gather(run, asynchronous=True)

    def several(self, task: Task, wanted: Iterable[tuple[Any, Sequence[int]]], planned: int, seed: int, engine: str) -> Iterator[Any]:
        """See `Executor.several`; as many are handed out as the cluster has room for now."""
        self.workers = max(1, self.nthreads())
        return super().several(task, wanted, planned, seed, engine)

    def nthreads(self) -> int:
        """Of all workers that there are now."""
        return sum(self._client.nthreads().values()) if self._client.status == "running" else 0

    def abandon(self) -> None:
        """Runs that nobody waits for are cancelled by the scheduler; those under way come to an end there."""
        for future in list(self._under_way):
            future.cancel()

    def close(self) -> None:
        """Leave the cluster, which goes on."""
        with suppress(OSError, TimeoutError):
            self._client.close(timeout=CONNECTING)


class _Waiting:
    """A future whose waiting ends when the cluster has no workers any more, and none come."""

    def __init__(self, cluster: Cluster, future: Any) -> None:
        self.cluster, self.future = cluster, future

    def result(self, timeout: float | None = None) -> Any:
        """The result, within so many seconds."""
        begun = last = time.monotonic()
        while True:
            left = None if timeout is None else timeout - (time.monotonic() - begun)
            try:
                return self.future.result(timeout=LOOKING if left is None else max(0.0, min(LOOKING, left)))
            except TimeoutError:
                if left is not None and left <= LOOKING:
                    raise
                now = time.monotonic()
                last = now if self.cluster.nthreads() else last
                if now - last > WAITING:
                    raise InputError(f"--cluster {self.cluster.address}", f"it has had no workers for {WAITING} s", REMEDY) from None


def version() -> str:
    """What must be the same on all machines for figures to be the same."""
    from salessim import __version__

    return f"salessim {__version__}, Python {'.'.join(platform.python_version_tuple()[:2])}"


def _there(wanted: str, task: Task, source: Any, seed: int, numbers: tuple[int, ...], engine: str) -> list[Any]:
    """What a worker does."""
    if version() != wanted:
        raise InputError("--cluster", f"a worker has {version()}, here it is {wanted}", "install the same on all machines")
    try:
        return in_turn(task, source, seed, numbers, engine)
    except MemoryError:
        raise RunLost("out of memory") from None


__all__ = ["Cluster"]
