"""The command line as others script it: forms, exit codes, one line for bad input and nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SMALL = """salessim: 1
name: small
clock: {start: 2026-01-05, time_zone: Europe/Berlin, horizon: 6 weeks, warm_up: 1 week}
calendars: {office: {shifts: [{days: Mon-Fri, hours: "09:00-17:00"}]}}
teams: {sales: {size: 2, calendar: office, cost: 50 EUR/hour}}
segments: {all: {value: 100 EUR}}
channels: {web: {enters: call, segments: {all: 1}, arrivals: {rate: 60 per week}}}
stages:
  lead:
    steps:
      call:
        work: {law: exponential, mean: 30 min}
        by: sales
        then: [{to: sign, share: 40 %}, {lost: no interest}]
      sign: {customer: 2 days, milestone: won, then: [{done: true}]}
levers:
  more: {add_staff: sales, up_to: 1}
"""


def run(*args: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "salessim", *map(str, args)], capture_output=True, text=True, cwd=cwd, env={**os.environ, **(env or {})}, timeout=240
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def refused(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2, one line on stderr with all parts, nothing on stdout."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_help_is_light() -> None:
    """Also that of each command: nothing heavy is imported before a command has something to do."""
    code = (
        "import sys\nfrom salessim.cli import main\n"
        "def ask(*words):\n    try:\n        main([*words, '--help'])\n    except SystemExit:\n        pass\n"
        "ask()\n"
        "for name, command in main.commands.items():\n"
        "    ask(name)\n    [ask(name, inner) for inner in getattr(command, 'commands', ())]\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'optuna', 'altair', 'numba', 'simpy', 'pydantic', 'jinja2', 'rich', 'yaml'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stderr.strip() == "[]"
    for said in ("validate", "Usage: -c optimise", "Usage: -c import bpmn", "Usage: -c module new"):
        assert said in result.stdout


def test_validate_prints_loads(small: Path) -> None:
    result = run("validate", small)
    assert result.returncode == 0
    assert "sales" in result.stdout
    # 60 leads a week of 0.5 h on 2 people of 40 h: 30 / 80.
    answer = json.loads(run("validate", small, "--json").stdout)
    assert answer["teams"]["sales"]["load"] == pytest.approx(30 / 80, rel=0.02)


def test_a_team_that_cannot_keep_up_is_named_with_numbers(small: Path) -> None:
    small.write_text(SMALL.replace("rate: 60 per week", "rate: 200 per week"))
    result = run("validate", small)
    assert result.returncode == 0
    assert "no time left" in result.stdout
    assert "125 % of its time" in result.stderr
    assert "above 100 %" in run("validate", small, "--no-pilot").stdout


def test_run_json_is_the_same_with_any_engine_and_workers(small: Path) -> None:
    outputs = {
        run("run", small, "-n", "6", "--seed", "5", "--json", "--engine", engine, "--workers", workers).stdout
        for engine, workers in (("reference", "1"), ("compiled", "1"), ("compiled", "2"), ("reference", "2"), ("auto", "1"))
    }
    assert len(outputs) == 1
    data = json.loads(outputs.pop())
    assert data["replications"] == 6
    assert data["measures"]["cycle_time"]["unit"] == "days"


def test_log_is_the_same_whatever_the_machine(small: Path, tmp_path: Path) -> None:
    logs = set()
    for i, env in enumerate(({"PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai"}, {"LC_ALL": "C", "TZ": "America/New_York"})):
        path = tmp_path / f"log{i}.csv"
        engine = ("reference", "compiled", "auto")[i]
        assert run("run", small, "-n", "2", "--log", path, "--engine", engine, env=env).returncode == 0
        logs.add(path.read_bytes())
    assert len(logs) == 1
    header = logs.pop().decode().splitlines()[0]
    assert header.startswith("case_id,customer,stage,activity,visit,team,resource,enabled_time,start_time,end_time,outcome")


def test_start_and_horizon(small: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    assert run("run", small, "-n", "2", "--start", "2027-03-01", "--horizon", "2 weeks", "--log", log).returncode == 0
    assert "2027-03-0" in log.read_text()
    assert "2026" not in log.read_text()


def test_compare_and_check(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SMALL.replace("size: 2", "size: 1").replace("name: small", "name: one less"))
    data = json.loads(run("compare", small, other, "-n", "8", "--json").stdout)
    assert data["scenarios"][1]["differences"]["waiting"]["verdict"] == "worse"
    baseline = tmp_path / "baseline.json"
    assert run("check", small, "--baseline", baseline, "--update", "-n", "20").returncode == 0
    unchanged = json.loads(run("check", small, "--baseline", baseline, "--json").stdout)
    assert unchanged["verdict"] == "passed"
    assert all(f["mean"] == f["low"] == f["high"] == 0 for f in unchanged["findings"].values())
    slower = tmp_path / "slower.yaml"
    slower.write_text(SMALL.replace("customer: 2 days", "customer: 4 days"))
    assert run("check", slower, "--baseline", baseline).returncode == 1
    noisy = tmp_path / "noisy.yaml"
    noisy.write_text(SMALL.replace("share: 40 %", "share: 38 %"))
    assert run("check", noisy, "--baseline", baseline).returncode == 3


def test_schema_is_json_schema() -> None:
    schema = json.loads(run("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org")
    assert {"clock", "teams", "channels", "stages", "levers"} <= set(schema["properties"])


BAD = [
    (SMALL.replace("size: 2", "size: two"), ":5:", "teams.sales.size", "write a whole number"),
    (SMALL.replace("by: sales", "by: sale"), ":13", "there is no team 'sale'", "did you mean 'sales'?"),
    (SMALL.replace("to: sign,", "to: sing,"), "there is no step 'sing'", "did you mean 'sign'?", ":14"),
    (SMALL.replace("30 min", "30"), "is a bare number where a time belongs", "write for example '25 min'", ":12"),
    (SMALL.replace("30 min", "-3 min"), "is negative", "write a time of zero or more", ":12"),
    (SMALL.replace("30 min", ".inf"), "is not a finite number", ":12", "write a finite number"),
    (SMALL.replace("work:", "wrok:"), "there is no field 'wrok' here", "did you mean 'work'?", ":12"),
    (SMALL.replace("law: exponential", "law: exponentail"), "there is no law 'exponentail'", "did you mean 'exponential'?", ":12"),
    (SMALL.replace("share: 40 %", "share: 140 %"), "is not between 0 and 1", ":14", "give a share in that range"),
    (SMALL.replace("{lost: no interest}", "{lost: no interest, share: 50 %}"), "sum to 90 %", ":14", "make them sum to 100 %"),
    (SMALL.replace("then: [{done: true}]", "then: [{to: call}]").replace(", {lost: no interest}]", ", {to: call}]"), "can never leave the process", "add a route", ":1"),
    (SMALL.replace("customer: 2 days, milestone: won, then: [{done: true}]", "customer: 0 min, then: [{to: sign}, {lost: x, share: 0 %}]"), "sign", "step", ":1"),
    (SMALL.replace("[{days: Mon-Fri, hours: \"09:00-17:00\"}]", "[]"), "has no working time", "add shifts", ":4"),
    (SMALL.replace("name: small", "name: small\nname: again"), ":3: 'name' is given twice", "first in line 2", "keep one"),
    (SMALL.replace("name: small", "name: &a small"), ":2: anchors and aliases", "not allowed", "write the value out"),
    (SMALL.replace("name: small", "name: !!python/object:os.system x"), ":2: the tag", "not allowed", "write plain values"),
    (SMALL.replace("horizon: 6 weeks", "horizon: 6 fortnights"), "unknown unit 'fortnights'", ":3", "weeks"),
    (SMALL.replace("Europe/Berlin", "Europe/Berlni"), "there is no time zone 'Europe/Berlni'", "did you mean 'Europe/Berlin'?", ":3"),
    (SMALL.replace("50 EUR/hour", "50 USD/hour"), "is not in EUR", ":5", "currency: USD"),
    (SMALL.replace("add_staff: sales", "remove: sign, add_staff: sales"), "exactly one of", ":17", "keep one"),
    ("", "the scenario is empty", "check that it was saved", "small.yaml"),
    ("[1, 2", "the YAML cannot be read", "check indentation", "small.yaml"),
    ("just words", "this is not a scenario", "begin with", "small.yaml"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_scenarios_get_one_line(case: int, small: Path) -> None:
    text, *parts = BAD[case]
    small.write_text(text)
    refused(run("run", small, "-n", "2"), *parts)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\x00\x01\x02binary", "binary file"), (b"name: \xff\xfe\xfa", "not UTF-8"), (SMALL.encode("utf-16"), "binary file or UTF-16"), (b"\xef\xbb\xbf" + SMALL.encode(), None)],
)
def test_encodings_of_scenarios(content: bytes, said: str | None, small: Path) -> None:
    small.write_bytes(content)
    result = run("validate", small)
    if said is None:
        assert result.returncode == 0
    else:
        refused(result, said)


def test_missing_files_and_folders(tmp_path: Path, small: Path) -> None:
    refused(run("run", tmp_path / "missing.yaml"), "there is no such scenario")
    refused(run("run", tmp_path), "this is a folder")
    refused(run("run", small, "-n", "2", "--log", tmp_path / "no" / "log.csv"), "its folder does not exist")
    refused(run("run", small, "-n", "2", "--log", tmp_path / "log.pickle"), "logs are not written as .pickle")
    refused(run("check", small, "--baseline", tmp_path / "none.json"), "there is no such baseline")
    (tmp_path / "bad.json").write_text("{}")
    refused(run("check", small, "--baseline", tmp_path / "bad.json"), "this is not a baseline")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.json", "small.yaml"]


def test_usage_errors_exit_with_2(small: Path) -> None:
    for args in (("run", small, "--seed", "-1"), ("run", small, "-n", "0"), ("nonsense",), ("run", small, "--workers", "0")):
        result = run(*args)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


LOG = "case_id,activity,start_time,end_time,resource\n" + "".join(
    f"{c},work,2026-01-{1 + c % 28:02d}T10:00:00,2026-01-{1 + c % 28:02d}T10:30:00,ann\n" for c in range(60)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"), (b"x", "has no columns"), (b"case_id,activity,time\n", "a header but no rows"), (b"\x1f\x8b\x08\x00trunc", "cut short or damaged"),
        (b"PK\x03\x04rest", "zip file is cut short"), (b"case_id,case_id,activity\n1,2,3\n", "stands there twice"), (b"case_id,activity,time\n1,a,2026-01-01\n1,b,2026-01-02,4,5\n", "more cells than the header"),
        (b"case_id,activity,time\n1,a,yesterday\n", "is not a date"), (b'case_id,activity,time\n1,"a,2026-01-01\n', "quote is never closed"),
    ],
)  # fmt: skip
def test_bad_logs_get_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    refused(run("import", "inspect", path, "--out", tmp_path / "m.yaml"), said, "log.csv")
    assert not (tmp_path / "m.yaml").exists()


def test_bad_mappings_get_one_line(tmp_path: Path) -> None:
    log, mapping = tmp_path / "log.csv", tmp_path / "m.yaml"
    log.write_text(LOG)
    assert run("import", "inspect", log, "--out", mapping).returncode == 0
    good = mapping.read_text()
    for old, new, said in (
        ("activity: activity", "activity: actvity", "did you mean 'activity'?"),
        ("columns:", "colunms:", "colunms"),
        ("kind: work", "kind: wrok", "did you mean 'work'?"),
        ("office_in: UTC", "office_in: Mars", "there is no time zone 'Mars'"),
    ):
        assert old in good
        mapping.write_text(good.replace(old, new, 1))
        refused(run("calibrate", log, "--mapping", mapping, "--out", tmp_path / "s.yaml"), said)
    mapping.write_text(good.replace("complete_cases_only: true", "complete_cases_only: false"))
    refused(run("calibrate", log, "--mapping", mapping, "--out", tmp_path / "s.yaml"), "every case is still open")
    assert not (tmp_path / "s.yaml").exists()


@contextmanager
def started(*args: str) -> Iterator[subprocess.Popen[str]]:
    """Python in a session of its own, which hears Ctrl-C whatever ran the tests, and leaves nobody behind."""

    def hears() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what a shell ignores for its background, the children ignore

    with subprocess.Popen([sys.executable, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=hears) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_leaves_soon_and_keeps_finished_trials(sent: int, tmp_path: Path, b2b: Path) -> None:
    out = tmp_path / "out"
    journal = out / "trials.jsonl"
    with started("-m", "salessim", "optimise", str(b2b), "--out", str(out), "--trials", "500", "--quiet") as process:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and not (journal.exists() and len(journal.read_text().splitlines()) >= 2):
            time.sleep(0.1)
        process.send_signal(sent)
        begun = time.monotonic()
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert time.monotonic() - begun < 5
    assert f"the study is kept in {out}; the same command with --resume goes on with it" in err
    lines = journal.read_text().splitlines()
    assert len(lines) >= 2
    assert json.loads(lines[0])["trial"] == 0
    assert not (out / "best.yaml").exists()


def test_a_long_search_runs_in_processes_and_a_short_one_in_threads(b2b: Path) -> None:
    from salessim.cli.search import _executor
    from salessim.executors import Here, Processes, Threads
    from salessim.scenario.model import Scenario

    scenario = Scenario.load(b2b)
    assert type(_executor(scenario, 2_000, 2, None, None, None)) is Processes
    assert type(_executor(scenario, 20, 2, None, None, None)) is Threads
    assert type(_executor(scenario, 2_000, 2, "threads", None, None)) is Threads
    assert type(_executor(scenario, 2_000, 1, None, None, None)) is Here


def test_an_interruption_that_a_library_swallows_is_said_again() -> None:
    """pydantic turns an exception inside a serialiser into a warning; the process must leave all the same."""
    code = (
        "import os, signal, threading, time, click, salessim.cli as cli\n"
        "@cli.main.command()\n"
        "def stubborn():\n"
        "    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass\n"
        "    time.sleep(60)\n"
        "cli.main(['stubborn'])\n"
    )
    begun = time.monotonic()
    with started("-c", code) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 6
    assert "interrupted" in err


def test_what_fails_because_of_an_interruption_is_an_interruption() -> None:
    code = (
        "import os, signal, click, salessim.cli as cli\n"
        "@cli.main.command()\n"
        "def half_done():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGINT)\n        print('never')\n    except KeyboardInterrupt:\n        raise RuntimeError('half-done') from None\n"
        "cli.main(['half-done'])\n"
    )
    with started("-c", code) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_interrupting_a_run_shows_what_was_finished(engine: str, small: Path) -> None:
    run("run", small, "-n", "2", "--engine", engine)  # compiled once
    with started("-m", "salessim", "run", str(small), "-n", "900000", "--engine", engine, "--workers", "2") as process:
        time.sleep(12)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - begun < 5
        assert process.returncode == 130
    assert "replications that were finished" in err
    assert "Cycle time to win" in out
    assert "Traceback" not in err


def test_the_public_names_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import salessim.cli, salessim.reporting, salessim.optimisation, salessim.calibration, salessim.gate, salessim.demo, salessim as ss\n"
        "print(all(callable(getattr(ss, n)) for n in ss.__all__ if n != '__version__'))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120).stdout.strip() == "True"
