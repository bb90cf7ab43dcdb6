"""How long large histories take, from a file to a scenario: `make bench`, seconds of the processor and MiB as they are measured.

The log is the demo's truth, simulated and then copied: each copy is a branch of the firm with its own cases and people, so that
there are as many events as wanted in the same year. A row of the CSV is an event with start and end; the XES has its stamps apart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from bench import peak_memory

import salessim as ss
from salessim.demo import TRUTH
from salessim.importers import inspect_log, read_log
from salessim.log import EventLog

ASKED = {"262000": (60, None), "1000000": (240, 3072), "xes": (10, None)}
"""What is measured -> the seconds and MiB that the design asks for."""
XES_BYTES = 30 << 20


def branches(rows: int) -> EventLog:
    """A log of at least so many rows."""
    log = ss.simulate(ss.Scenario.load(TRUTH), seed=1)
    one, copies = log.frame, -(-rows // len(log.frame))
    parts = [one.assign(case=one["case"].astype(str) + f"-{i}", person=one["person"].str.replace(r"[^ +][^+]*[^ +]", rf"\g<0> {i}", regex=True)) for i in range(copies)]  # each of two people
    return EventLog(pd.concat(parts, ignore_index=True).iloc[:rows], log.about)


def write(what: str, path: Path) -> None:
    """The file to be read, made by another process than the one that is measured."""
    if what != "xes":
        branches(int(what)).to_csv(path)
        return
    some = 5_000
    branches(some).to_xes(path)
    branches(int(some * XES_BYTES / path.stat().st_size) + 1).to_xes(path)


def measure(what: str, path: Path) -> None:
    """Print what it takes to read the file, and to calibrate if it is not the XES one."""
    begun = time.process_time()
    log, quality = read_log(path, inspect_log(path).mapping)
    read = time.process_time() - begun
    line = f"{quality.rows:,} events, {path.stat().st_size / 2**20:.0f} MiB {path.suffix[1:].upper()}: imported in {read:.1f} s"
    if what != "xes":
        ss.calibrate(log, workers=1)
        line += f", calibrated in {time.process_time() - begun - read:.1f} s more"
    seconds, mebibytes = ASKED[what]
    print(f"{line}; {time.process_time() - begun:.1f} s (asked: {seconds}), {peak_memory():,.0f} MiB at the most" + (f" (asked: {mebibytes:,})" if mebibytes else ""))


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=list(ASKED), choices=list(ASKED))
    parser.add_argument("--step", choices=["write", "measure"], help="one step, in a process of its own")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.step:
        {"write": write, "measure": measure}[options.step](options.what[0], options.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        for what in options.what:
            path = Path(folder) / ("log.xes" if what == "xes" else f"log{what}.csv")
            for step in ("write", "measure"):
                subprocess.run([sys.executable, __file__, what, "--step", step, "--file", str(path)], check=True)


if __name__ == "__main__":
    main()
