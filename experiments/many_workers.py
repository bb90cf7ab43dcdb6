"""The same study on one and two threads, processes and Dask workers, and by two searches that share a PostgreSQL database.

    python experiments/many_workers.py [--trials 24] [--size 1] [--skip-database]

Prints how long each takes, how much faster two workers are than one, and whether the answers are the same to the last
byte. Times mean something on a quiet machine with at least two processors; take a study of a minute or more. What the
coordinator does alone, some five seconds, no worker makes shorter; `--size 8` is a firm of eight times the customers and
people, whose runs take longer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

SCENARIO = ROOT / "scenarios" / "b2b.yaml"
KINDS = ("threads", "processes", "dask")
QUIET = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
"""What the guide sets for Dask's workers, too."""


def firm(size: int) -> Any:
    """The scenario with so many times the demand and the people."""
    from salessim import Scenario

    scenario = Scenario.load(SCENARIO)
    if size == 1:
        return scenario
    people = {f"teams.{name}.size": size * team.people for name, team in scenario.teams.items()}
    demand = {f"channels.{name}.arrivals.rate": str(replace(channel.arrivals.rate, count=size * channel.arrivals.rate.count)) for name, channel in scenario.channels.items() if channel.arrivals is not None}
    return scenario.change(people | demand)


def asked(trials: int) -> dict[str, Any]:
    return {"trials": trials, "replications": 16, "final": 40, "seed": 1, "objectives": ["cycle_time_first", "lost_customers"]}


def digest(best: Any) -> str:
    """All that is said of the recommended design and of every trial."""
    said = [best.sentences(), best.scenario.hash, [repr(t) for t in best.trials], {n: v.tolist() for n, v in best.final.results[1].pairs.items()}]
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


def timed(executor: Any, trials: int, size: int) -> tuple[float, str]:
    from salessim.experiment import Simulating, replicate
    from salessim.optimisation import optimise

    scenario, runs = firm(size), Simulating(executor)
    replicate(scenario, range(4_000_000, 4_000_000 + 4 * executor.workers), workers=runs, engine="compiled")  # every worker has started and compiled
    begun = time.perf_counter()
    best = optimise(scenario, workers=runs, **asked(trials))
    return time.perf_counter() - begun, digest(best)


def on(kind: str, workers: int, trials: int, size: int) -> tuple[float, str]:
    from salessim.executors import local

    if kind != "dask":
        with local(workers, "compiled", kind) as executor:
            return timed(executor, trials, size)
    os.environ.update(QUIET)
    from distributed import LocalCluster

    from salessim.cluster import Cluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster, Cluster(cluster.scheduler_address) as executor:
        return timed(executor, trials, size)


def take_part(address: str, trials: int) -> None:
    from salessim import Scenario
    from salessim.optimisation import optimise

    best = optimise(Scenario.load(SCENARIO), storage=address, workers=1, **asked(trials))
    print(f"  one of two searches: {len(best.trials)} trials of both; {best.sentences()[0]}", flush=True)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--trials", type=int, default=24)
    given.add_argument("--size", type=int, default=1, help="So many times the customers and people.")
    given.add_argument("--skip-database", action="store_true")
    options = given.parse_args()
    answers = set()
    print(f"{'':12}{'1 worker':>12}{'2 workers':>12}{'ratio':>8}")
    for kind in KINDS:
        (one, a), (two, b) = on(kind, 1, options.trials, options.size), on(kind, 2, options.trials, options.size)
        answers |= {a, b}
        print(f"{kind:12}{one:10.1f} s{two:10.1f} s{one / two:8.2f}", flush=True)
    print("the same answer, to the last byte" if len(answers) == 1 else f"DIFFERENT ANSWERS: {answers}")
    if options.skip_database:
        return
    import psycopg
    from tests import postgres

    with postgres.cluster() as socket:
        with psycopg.connect(host=str(socket), user="owner", dbname="postgres", autocommit=True) as connection:
            connection.execute("create database studies")
        address = f"postgresql://owner@/studies?host={socket}"
        searches = [multiprocessing.get_context("spawn").Process(target=take_part, args=(address, options.trials)) for _ in range(2)]
        begun = time.perf_counter()
        for search in searches:
            search.start()
        for search in searches:
            search.join()
        print(f"two searches on PostgreSQL: {time.perf_counter() - begun:.1f} s, start of the processes included")


if __name__ == "__main__":
    main()
