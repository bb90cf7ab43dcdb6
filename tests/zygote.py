"""A process that has the libraries loaded and forks one for each case: what a case costs is then its own time and memory.

Reads lines of JSON from stdin, {"folder": ..., "commands": [[...], ...]}; runs the commands until one fails, and answers with
[{"code", "out", "err", "seconds", "mebibytes"}, ...].
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import sys
from typing import Any

LOADED = ("openpyxl", "pandas", "pyarrow.parquet", "salessim.exchange", "salessim.importers")
"""What every case would load for itself, and should not be charged for."""


def used() -> tuple[float, float]:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime, now.ru_maxrss / 1024


def ran(commands: list[list[str]]) -> list[dict[str, Any]]:
    from salessim.cli import main

    results = []
    seconds, mebibytes = used()
    for args in commands:
        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(args=args)
            except SystemExit as done:
                code = done.code
        now = used()
        results.append({"code": code, "out": out.getvalue(), "err": err.getvalue(), "seconds": now[0] - seconds, "mebibytes": now[1] - mebibytes})
        if code:
            break
    return results


def serve() -> None:
    for name in LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        case = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            os.chdir(case["folder"])
            resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
            with os.fdopen(write, "w") as pipe:
                pipe.write(json.dumps(ran(case["commands"])))
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            answer = pipe.read()
        _, status = os.waitpid(child, 0)
        print(answer if answer else json.dumps([{"code": f"signal or crash {status}", "out": "", "err": "", "seconds": 60, "mebibytes": 0}]), flush=True)


if __name__ == "__main__":
    serve()
