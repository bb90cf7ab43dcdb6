"""Tasks that go wrong, for executors: in a module of their own that imports next to nothing, because each new process loads it."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any


def hungry(source: Any, seed: int, number: int, engine: Any) -> Any:
    """Stands for a replication that asks for more memory than its process may have."""
    import numpy as np

    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
    return np.ones(1 << 32).sum()


def stuck(source: Any, seed: int, number: int, engine: Any) -> Any:
    time.sleep(60)


def dying(source: Any, seed: int, number: int, engine: Any) -> Any:
    """Dies the first time, and every time if the source is no file."""
    if number == 3 and (source is None or not Path(source).exists()):
        if source is not None:
            Path(source).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def waiting(source: Any, seed: int, number: int, engine: Any) -> Any:
    """A thread cannot be ended; this one ends soon by itself."""
    time.sleep(3)


def deadly(source: Any, seed: int, number: int, engine: Any) -> Any:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def penniless(source: Any, seed: int, number: int, engine: Any) -> Any:
    raise MemoryError


def who(source: Any, seed: int, number: int, engine: Any) -> int:
    """The process that runs it."""
    return os.getpid()
