"""Many workers, one answer: a Dask cluster whose workers die, and independent searches that share a PostgreSQL database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from salessim.cluster import Cluster, _there, version
from salessim.errors import InputError, RunLost
from salessim.experiment import Row, Simulating
from salessim.optimisation import optimise, samplers, shared
from salessim.scenario.model import Scenario
from tests import postgres, tasks
from tests.crash.studies import ASKED, TEXT, answer, searched, wait_for

distributed = pytest.importorskip("distributed", reason="Dask is an extra")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario.parse(TEXT)


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as local:
        yield local


def test_a_dask_cluster_gives_the_same_bytes_also_when_a_worker_is_killed(scenario: Scenario, dask: Any) -> None:
    straight = searched(scenario, None)
    executor = Cluster(dask.scheduler_address)

    class Shooting:
        ran = 0

        def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Any) -> Iterator[Row]:
            for row in Simulating(executor).simulate(design, seed, numbers, engine):
                self.ran += 1
                if self.ran == 9:
                    os.kill(next(iter(dask.workers.values())).pid, signal.SIGKILL)
                yield row

    try:
        assert searched(scenario, None, workers=Shooting()) == straight
    finally:
        executor.close()


@pytest.mark.slow
def test_a_replication_that_kills_every_worker_is_given_up(dask: Any) -> None:
    with Cluster(dask.scheduler_address) as executor:
        with pytest.raises(RunLost, match="workers died over replication 1"):
            list(executor.results(tasks.deadly, None, 0, range(3), "compiled"))
        with pytest.raises(RunLost, match="out of memory"):
            list(executor.results(tasks.penniless, None, 0, range(3), "compiled"))


def test_clusters_that_cannot_be_used() -> None:
    with pytest.raises(InputError, match=r"--cluster tcp://127\.0\.0\.1:9: no scheduler answers .* start one with 'dask scheduler'"):
        Cluster("tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="no scheduler answers"):
        Cluster("nonsense://x")
    with pytest.raises(InputError, match=r"a worker has salessim .* install the same on all machines"):
        _there("salessim 0.0.1, Python 3.11", tasks.penniless, None, 0, (0,), "compiled")
    with pytest.raises(RunLost, match="out of memory"):
        _there(version(), tasks.penniless, None, 0, (0,), "compiled")


# Independent writers


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    import psycopg

    with postgres.cluster() as socket:
        with psycopg.connect(host=str(socket), user="owner", dbname="postgres", autocommit=True) as connection:
            connection.execute("create database studies")
        yield f"postgresql://owner@/studies?host={socket}"


WRITER = """
import sys, salessim
from salessim.optimisation import optimise, shared
from tests.crash.studies import ASKED, TEXT, slowed
shared.HEARTBEAT, shared.GRACE = 1, 3
optimise(salessim.Scenario.parse(TEXT), storage=sys.argv[1], study_name=sys.argv[2], workers=slowed(float(sys.argv[3]), "threads"), **ASKED)
"""


def records(database: str, name: str) -> list[Any]:
    import optuna

    try:
        study = optuna.load_study(study_name=name, storage=optuna.storages.RDBStorage(shared._url(database)))
    except KeyError:
        return []
    return study.get_trials()


@pytest.mark.filterwarnings("ignore")  # of Optuna's experimental parts, and of a server that is stopped before its connections are closed
def test_writers_share_their_trials_and_take_over_from_one_that_died(scenario: Scenario, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "HEARTBEAT", 1)
    monkeypatch.setattr(shared, "GRACE", 3)
    optimise(scenario, storage=database, study_name="shared", workers=1, **{**ASKED, "trials": 3})
    with subprocess.Popen([sys.executable, "-c", WRITER, database, "shared", "5"], start_new_session=True) as dying:
        wait_for(lambda: any(t.state.name == "RUNNING" for t in records(database, "shared")))
        time.sleep(2)  # until its heart has beaten: one that never did cannot be found dead
        os.killpg(dying.pid, signal.SIGKILL)
    left = next(t for t in records(database, "shared") if t.state.name == "RUNNING")
    time.sleep(4)  # so that it is taken for dead
    best = optimise(scenario, storage=database, study_name="shared", workers=1, **ASKED)
    assert len(best.trials) == 14
    assert best.trials[0].words == ()
    told = records(database, "shared")
    assert told[left.number].state.name == "FAIL"
    assert any(t.params == left.params and "trial" in t.user_attrs for t in told if t.number > left.number)  # and was run again
    again = optimise(scenario, storage=database, study_name="shared", workers=1, **ASKED)
    assert answer(again) == answer(best)  # whoever comes to a finished study says the same


@pytest.mark.filterwarnings("ignore")
def test_databases_that_cannot_be_used(scenario: Scenario, database: str) -> None:
    asked = {**ASKED, "trials": 2, "workers": 1}
    optimise(scenario, storage=database, study_name="mine", **asked)
    with pytest.raises(InputError, match=r"study 'mine': the database holds another one of this name \(teams\.desk\.size: 2 → 4\).*--study"):
        optimise(scenario.change({"teams.desk.size": 4}), storage=database, study_name="mine", **asked)
    for address, said in (
        ("sqlite:///study.db", "sqlite is not for several writers"),
        ("no address", "cannot be understood"),
        ("postgresql://planner:secret@127.0.0.1:9/studies", r"planner:\*\*\*@127\.0\.0\.1:9/studies: the database cannot be used"),
        (database.replace("/studies", "/nothing"), "nothing.* does not exist"),
    ):
        with pytest.raises(InputError, match=said) as refused:
            optimise(scenario, storage=address, **asked)
        assert "secret" not in str(refused.value)


def test_an_address_where_nobody_answers_ends_in_one_line(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens and never says a word; and a machine that lets all packets fall, because its queue is full."""
    monkeypatch.setitem(shared.SILENT, "connect_timeout", 2)  # the least that libpq takes
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            for server in (silent, full):
                began = time.monotonic()
                with pytest.raises(InputError, match=r"planner:\*\*\*@127\.0\.0\.1:\d+/studies: the database cannot be used \(.*timeout.*\); check that it runs"):
                    optimise(scenario, storage=f"postgresql://planner:secret@127.0.0.1:{server.getsockname()[1]}/studies", workers=1, **ASKED)
                assert time.monotonic() - began < 30
        finally:
            for one in waiting:
                one.close()


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_hangs_under_way_is_not_waited_for(scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes stand still, while the system answers for them: no setting of the network finds that out."""
    import psycopg

    monkeypatch.setattr(shared, "ANSWERING", 3)
    monkeypatch.setitem(shared.SILENT, "connect_timeout", 2)
    stopped: list[int] = []
    with postgres.cluster() as folder:
        with psycopg.connect(host=str(folder), user="owner", dbname="postgres", autocommit=True) as connection:
            connection.execute("create database studies")

        def progress(done: int, planned: int) -> None:
            if done == 3 and not stopped:
                with psycopg.connect(host=str(folder), user="owner", dbname="postgres") as connection:
                    stopped.append(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
                    stopped.extend(pid for (pid,) in connection.execute("select pid from pg_stat_activity where datname = 'studies'"))
                for pid in stopped:
                    os.kill(pid, signal.SIGSTOP)

        try:
            began = time.monotonic()
            with pytest.raises(InputError, match=r"the database cannot be used \(.*(no answer within 3 s|timeout).*what was finished is kept"):
                optimise(scenario, storage=f"postgresql://owner@/studies?host={folder}", folder=tmp_path / "study", method="random", progress=progress, **{**ASKED, "workers": 1})
            assert time.monotonic() - began < 60
            assert stopped
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        best = optimise(scenario, storage=f"postgresql://owner@/studies?host={folder}", folder=tmp_path / "study", method="random", **{**ASKED, "workers": 1})
        assert best.simulated >= 3


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_dies_under_way_ends_in_one_line_and_keeps_what_was_run(scenario: Scenario, tmp_path: Path) -> None:
    import psycopg

    with postgres.cluster() as socket:
        with psycopg.connect(host=str(socket), user="owner", dbname="postgres", autocommit=True) as connection:
            connection.execute("create database studies")
            connection.execute("create role reader login password 'right'")
        for who, said in (("reader:wrong", "password authentication failed"), ("reader", "no password supplied"), ("reader:right", "permission denied")):
            with pytest.raises(InputError, match=f"the database cannot be used .*{said}") as refused:
                optimise(scenario, storage=f"postgresql://{who}@/studies?host={socket}", **{**ASKED, "workers": 1})
            assert "wrong" not in str(refused.value)
        server = int((socket / "data" / "postmaster.pid").read_text().split()[0])
        ran: list[int] = []

        def kept() -> int:
            return len(pq.read_table(tmp_path / "study" / "replications"))

        def progress(done: int, planned: int) -> None:
            if done == 3:
                ran.append(kept())  # writers draw apart from each other, so two of the three may be the same design and cost nothing
                os.kill(server, signal.SIGQUIT)

        with pytest.raises(InputError, match=r"the database cannot be used \(.*give the same command again: what was finished is kept"):
            optimise(scenario, storage=f"postgresql://owner@/studies?host={socket}", folder=tmp_path / "study", method="random", progress=progress, **{**ASKED, "workers": 1})
    assert ASKED["replications"] <= ran[0] <= kept()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["tpe", "random", "nsga2", "cma-es", "gp"])
def test_a_writer_proposes_by_the_method_that_was_asked_for(scenario: Scenario, database: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[int, str]] = []
    real = samplers.sampler

    def noted(seed: int, number: int, seen: int, name: str, **more: Any) -> Any:
        made = real(seed, number, seen, name, **more)
        used.append((seen, type(made).__name__))
        return made

    monkeypatch.setattr(shared, "sampler", noted)
    best = optimise(scenario, storage=database, study_name=f"by {method}", method=method, workers=1, **ASKED | {"trials": 16})
    assert [t.number for t in best.trials] == list(range(16))
    wanted = {"tpe": "TPESampler", "random": "RandomSampler", "nsga2": "Elite", "cma-es": "Stateless", "gp": "Stateless"}[method]
    assert {name for seen, name in used if seen >= samplers.STARTUP} == {wanted}
    assert {name for seen, name in used if seen < samplers.STARTUP} == {"RandomSampler"}


def test_writers_cannot_divide_an_enumeration(scenario: Scenario, database: str) -> None:
    with pytest.raises(InputError, match=r"--method enumeration: writers .* cannot divide all designs among them; leave out --storage"):
        optimise(scenario, storage=database, study_name="all", method="enumeration", workers=1, **ASKED | {"trials": 40})
