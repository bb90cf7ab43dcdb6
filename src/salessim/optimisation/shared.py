"""Many independent searches that share their trials in a PostgreSQL database, each on its own machine, coming and going.

Optuna's own storage holds the trials; each writer proposes from what all have found. What is proposed then depends on who is
done first, so that two such studies differ in their trials, unlike those of one coordinator; what a design does, and what is
said of the recommended one on fresh seeds, does not. A writer that dies leaves a trial without a heartbeat, which another
one runs again.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from salessim.errors import InputError, LimitReached, RunLost, SalesSimError
from salessim.optimisation.best import Trial
from salessim.optimisation.coordinator import Search, figures, record_of, why_failed
from salessim.optimisation.samplers import ENUMERATION, sampler
from salessim.optimisation.study import differences
from salessim.scenario.levers import in_words

HEARTBEAT, GRACE = 30, 120
"""Seconds between two signs of life of a trial, and without any after which it is taken for dead."""
RETRIES = 3
"""Times that a trial whose writer died is run again."""
CONNECTING = 10
"""Seconds within which the server must answer."""
SILENT = {"connect_timeout": CONNECTING, "tcp_user_timeout": 1000 * HEARTBEAT, "keepalives_idle": HEARTBEAT, "keepalives_interval": CONNECTING, "keepalives_count": 3}
"""What libpq is told: a machine that has gone is found out within a minute or two, not after hours."""
ANSWERING = 2 * HEARTBEAT
"""Seconds after which a statement that has no answer ends the search: none of ours takes more than a moment, and the server may hang while its machine is there."""
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def search_shared(search: Search, address: str, name: str, asked: Mapping[str, Any], trials: int, progress: Callable[[int, int], None] | None) -> None:
    """Take part in a study until it has so many finished trials of all writers; `search.done` then holds them all.

    Args:
        search: evaluates designs, and keeps to a budget.
        address: of the database, such as "postgresql://planner@host/studies".
        name: of the study.
        asked: all that must be the same for all writers; plain data.
        trials: finished ones of all writers together.
        progress: told (done, planned).

    Raises:
        InputError: not PostgreSQL, no driver, no connection, a study of this name of another scenario, or a method that lists all designs.
    """
    import optuna

    if search.method == ENUMERATION:
        raise InputError("--method enumeration", "writers that do not know of each other cannot divide all designs among them", "leave out --storage: one coordinator may have many workers; or choose another --method")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # progress is ours to tell
    space, screen = search.evaluate.space, search.evaluate.screen
    assert screen is not None
    first = search.evaluate(0, space.today)  # what all designs are compared with; each writer works it out, and so has its runs
    screen.calibrate(first.values)
    with _plain_errors(address), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(
            (url := _url(address)), engine_kwargs={"pool_pre_ping": True, "creator": _connecting(url)}, heartbeat_interval=HEARTBEAT, grace_period=GRACE,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )  # fmt: skip
        study = optuna.create_study(study_name=name, storage=storage, directions=list(search.directions.values()), load_if_exists=True)
        _agree(study, asked, name)

        def finished() -> list[Any]:
            return [t for t in study.get_trials(deepcopy=False) if "trial" in t.user_attrs]

        def next_sampler() -> Any:
            """Of writers that draw apart from each other: each proposal has a seed that nobody else has."""
            return sampler(int(np.random.SeedSequence().generate_state(1)[0]), 0, len(finished()), search.method, together=True)

        def one(trial: Any) -> list[float]:
            options = {n: trial.suggest_int(n, 0, len(o) - 1) for n, o in space.options.items()}
            settings = screen.decoded({n: space.options[n][i] for n, i in options.items()})
            try:
                found = search.evaluate(1 + trial.number, settings)
            except (RunLost, LimitReached) as wrong:
                found = search.failed(1 + trial.number, settings, why_failed(wrong))
            trial.set_user_attr("trial", record_of(found, options))
            told = figures(found, search.directions, search.evaluate.bounds)
            if "values" not in told:
                raise _NoFigures
            return list(told["values"])

        def after(of: Any, _: Any) -> None:
            done = len(finished())
            of.sampler = next_sampler()
            if progress:
                progress(min(1 + done, trials), trials)
            if 1 + done >= trials or search.over(1 + done, trials):
                of.stop()

        if 1 + len(finished()) < trials:
            study.sampler = next_sampler()
            study.optimize(one, n_trials=trials, callbacks=[after], catch=(_NoFigures,))
        known = [t.user_attrs["trial"] for t in sorted(finished(), key=lambda t: t.number)]
    search.done = [first, *(_read(search, i + 1, record) for i, record in enumerate(known[: trials - 1]))]
    search.asked = [space.indices(space.today), *(record["asked"] for record in known[: trials - 1])]


class _NoFigures(Exception):
    """The design was refused, or its runs were lost: Optuna marks the trial as failed."""


def _read(search: Search, number: int, record: Mapping[str, Any]) -> Trial:
    """A trial of any writer, as it was recorded."""
    space, screen = search.evaluate.space, search.evaluate.screen
    assert screen is not None
    settings = screen.decoded({n: space.options[n][i] for n, i in record["asked"].items()})
    values = None if record["values"] is None else {n: math.nan if v is None else v for n, v in record["values"].items()}
    words = tuple(in_words(space.scenario, settings, assumptions=True))
    return Trial(number, settings, words, values, record["refused"], record["feasible"], given_up=record["given_up"])


def _agree(study: Any, asked: Mapping[str, Any], name: str) -> None:
    """Refuse to mix studies of other scenarios, options or versions."""
    there = study.user_attrs.get("asked")
    if there is None:
        study.set_user_attr("asked", dict(asked))
        return
    if said := differences(there, asked):
        raise InputError(f"study {name!r}", f"the database holds another one of this name ({said})", "search with what it was begun with, or give another --study")


def _url(address: str) -> str:
    import sqlalchemy as sa

    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        raise InputError("--storage", "the address cannot be understood", "write it as postgresql://user@host/database") from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise InputError("--storage", f"{url.get_backend_name()} is not for several writers", "use PostgreSQL, or leave out --storage: one coordinator may have many workers")
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername)).render_as_string(hide_password=False)


def _connecting(url: str) -> Callable[[], Any]:
    """Makes connections that give up on a server that does not answer, also where its machine still does."""
    import psycopg
    import sqlalchemy as sa

    class Impatient(psycopg.Connection[Any]):
        def wait(self, gen: Any, *args: Any, **more: Any) -> Any:
            try:
                return super().wait(_within(gen, ANSWERING), *args, **more)
            except TimeoutError:
                self.close()  # half a statement is under way: nothing else can be said on it
                raise psycopg.OperationalError(f"no answer within {ANSWERING} s") from None

    address = sa.make_url(url)
    args, named = address.get_dialect()().create_connect_args(address)
    return lambda: Impatient.connect(*args, **{**SILENT, **named})


def _within(steps: Any, seconds: float) -> Any:
    """The same generator, which its driver wakes several times a second while it waits, until the time is over."""
    last = time.monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > last:
                raise TimeoutError
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value


@contextmanager
def _plain_errors(address: str) -> Iterator[None]:
    """Whatever the database says, in one line and without the password."""
    import optuna
    import sqlalchemy as sa

    aside = threading.excepthook

    def quiet(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, optuna.exceptions.StorageInternalError | sa.exc.SQLAlchemyError):
            aside(args)

    threading.excepthook = quiet  # Optuna's heartbeat may meet the trouble first; the search meets it as soon as it asks
    try:
        yield
    except ImportError:
        raise InputError("--storage", "PostgreSQL needs its driver", "install it with: pip install 'salessim[databases]'") from None
    except Exception as met:
        # When the server goes while a trial is told of, Optuna fails over its own last words: the reason stands behind them.
        behind = [met]
        while (before := behind[-1].__cause__ or behind[-1].__context__) is not None and isinstance(before, Exception):
            behind.append(before)
        wrong = next((e for e in behind if isinstance(e, optuna.exceptions.StorageInternalError | sa.exc.SQLAlchemyError)), None)
        if wrong is None or isinstance(met, SalesSimError):
            raise
        place = sa.make_url(address).render_as_string(hide_password=True)
        said = " ".join(str(wrong.__cause__ or wrong).split("\n")[0].split())[:150]
        raise InputError(place, f"the database cannot be used ({said})", "check that it runs and lets you in, and give the same command again: what was finished is kept") from None
    finally:
        threading.excepthook = aside


__all__ = ["search_shared"]
