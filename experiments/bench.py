"""Speed as ratios to a peer in the same run: `make bench`.

W1 is seven M/M/c stations in tandem with feedback and loss, W2 the same with impatient customers. The peer is the
program a SimPy user would write for them; it does far less (no log, no names, no calendars). Peers and engines take
turns, so that a machine that gets slower does not favour either; medians of the turns are compared.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import simpy

from salessim.engines import arrays
from salessim.engines.reference import Reference
from salessim.library import template
from salessim.network import Network, build
from salessim.scenario.model import Scenario

SERVERS = (1, 2, 3, 4, 5, 6, 8)
ARRIVE = [(8 / 9) ** i / 0.9 for i in range(7)]
SERVE = [a / (0.8 * c) for a, c in zip(ARRIVE, SERVERS, strict=True)]
PATIENCE = 10.0
UNIT = 1000
"""Seconds of the clock per unit of time."""


def tandem(arrivals: int, patience: float | None) -> Scenario:
    """W1, or W2 with patience."""
    steps: dict[str, Any] = {}
    for i in range(7):
        onward: dict[str, Any] = {"to": f"s{i + 2}"} if i < 6 else {"done": True}
        steps[f"s{i + 1}"] = {
            "work": {"law": "exponential", "mean": f"{UNIT / SERVE[i]!r} s"}, "by": f"t{i + 1}",
            "then": [onward, {"to": f"s{i + 1}", "share": 0.1}, {"lost": "out", "share": 0.1}],
            **({"patience": {"law": "exponential", "mean": f"{UNIT * patience} s"}} if patience else {}),
        }  # fmt: skip
    return Scenario.parse(
        {"name": "tandem", "clock": {"start": "2026-01-01", "horizon": f"{arrivals * UNIT} s"}, "teams": {f"t{i + 1}": {"size": SERVERS[i]} for i in range(7)},
         "segments": {"all": {}}, "channels": {"in": {"enters": "s1", "segments": {"all": 1}, "arrivals": {"rate": f"{3600 / UNIT!r} per hour"}}},
         "stages": {"line": {"steps": steps}}}
    )  # fmt: skip


def idiomatic(arrivals: int, patience: float | None, seed: int = 1) -> tuple[int, int, float]:
    """The peer: services, abandonments, sum of times in the system."""
    env, rng = simpy.Environment(), random.Random(seed)
    stations = [simpy.Resource(env, c) for c in SERVERS]
    services = abandoned = 0
    total = 0.0

    def case() -> Any:
        nonlocal services, abandoned, total
        born, i = env.now, 0
        while i < 7:
            with stations[i].request() as request:
                if patience is None:
                    yield request
                else:
                    answer = yield request | env.timeout(rng.expovariate(1 / patience))
                    if request not in answer:
                        abandoned += 1
                        break
                yield env.timeout(rng.expovariate(SERVE[i]))
            services += 1
            u = rng.random()
            if u < 0.8:
                i += 1
            elif u >= 0.9:
                break
        total += env.now - born

    def source() -> Any:
        for _ in range(arrivals):
            yield env.timeout(rng.expovariate(1))
            env.process(case())

    env.process(source())
    env.run()
    return services, abandoned, total


def clock(work: Callable[[], Any]) -> float:
    """CPU seconds."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def in_turns(works: dict[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """Median CPU seconds of each, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            times[name].append(clock(work))
    return {name: statistics.median(t) for name, t in times.items()}


def peak_memory() -> float:
    """MiB this process has held at the most; the kernel's own count, because getrusage counts the parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        return float(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compiled(network: Network, log: bool) -> Callable[[], Any]:
    """The compiled engine, with its log or with totals only."""
    return lambda: arrays.run(network, 7, 0, log=log, cases=log)


def many(network: Network, replications: int) -> None:
    """Replications of the compiled engine, one after the other, with totals only."""
    for number in range(replications):
        arrays.run(network, 7, number, log=False, cases=False)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="a million arrivals without log, in a process of its own")
    options = parser.parse_args()
    if options.memory:
        arrays.run(build(tandem(1_000_000, None)), 7, 0, log=False, cases=False)
        print(f"{peak_memory():.0f}")
        return
    for name, patience in (("W1", None), ("W2", PATIENCE)):
        # All at full size but the reference engine: a fifth of the arrivals, times five, its start included.
        network, small = build(tandem(100_000, patience)), build(tandem(20_000, patience))
        compiled(small, True)(), compiled(small, False)()  # compiled once, kept on disk
        times = in_turns({
            "idiomatic SimPy": lambda p=patience: idiomatic(100_000, p), "compiled, no log": compiled(network, False), "compiled, full log": compiled(network, True),
            "reference": lambda n=small: Reference(n, 7, 0, True).run(),
        }, options.turns)  # fmt: skip
        scaled = {k: v * {"reference": 5}.get(k, 1) for k, v in times.items()}
        raw = arrays.run(network, 7, 0, log=False, cases=True)
        ended = raw.case_time[raw.case_time[:, 5] >= 0]
        in_system = float((ended[:, 5] - ended[:, 1]).mean()) / (UNIT * 1e6)
        print(f"{name}: {raw.tally[:, 1].sum() / raw.cases:.3f} services and {raw.tally[:, 3].sum() / raw.cases:.3f} abandonments per arrival, mean time {in_system:.2f}")
        peer = scaled["idiomatic SimPy"]
        for what, seconds in scaled.items():
            print(f"  {what:20} {seconds:8.3f} s for 100,000 arrivals   {peer / seconds:6.1f} x idiomatic SimPy")
    b2b = build(Scenario.load(Path(__file__).parent.parent / "scenarios" / "b2b.yaml"))
    compiled(b2b, True)()
    times = in_turns({"reference": lambda: Reference(b2b, 7, 0, True).run(), "compiled": compiled(b2b, True), "compiled, no log": compiled(b2b, False)}, 3)
    print(f"b2b: compiled with log {times['reference'] / times['compiled']:.0f} x, without {times['reference'] / times['compiled, no log']:.0f} x its own reference engine")
    enterprise = build(template("enterprise-field").scenario())
    compiled(enterprise, False)()
    per_run = in_turns({"reference": lambda: Reference(enterprise, 7, 0, False).run(), "compiled": lambda: many(enterprise, 100)}, 3)
    print(f"enterprise-field, a measured year, without log: 100 replications compiled {100 * per_run['reference'] / per_run['compiled']:.1f} x the reference engine")
    print("cost per arrival (us):", end="")
    for arrivals in (10_000, 100_000, 1_000_000):
        network = build(tandem(arrivals, None))
        print(f"  {arrivals:,}: {1e6 * statistics.median(clock(compiled(network, False)) for _ in range(3)) / arrivals:.3f}", end="")
    peak = subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"\na million arrivals without log: {peak} MiB at the most")


if __name__ == "__main__":
    main()
