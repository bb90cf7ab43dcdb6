"""A study as its user sees it: the same with and without a folder, more trials, budgets, and what others can open."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import socket
import subprocess
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import pytest

from salessim import experiment
from salessim.errors import InputError
from salessim.executors import Threads
from salessim.experiment import Simulating
from salessim.optimisation import journal, optimise
from salessim.optimisation import replications as kept_module
from salessim.optimisation.budget import Budget, parse_budget
from salessim.scenario.model import Scenario
from tests.crash.studies import ASKED, POINTS, TEXT, Counting, Ending, Ends, answer, numbers, searched, wait_for


def test_a_study_says_the_same_with_and_without_a_folder_and_when_it_is_moved(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    said, folder = straight
    assert searched(scenario, None) == said
    shutil.copytree(folder, tmp_path / "moved")
    counting = Counting()
    assert searched(scenario, tmp_path / "moved", workers=counting, resume=True) == said
    assert counting.ran == []  # nothing is run twice
    assert numbers(tmp_path / "moved") == list(range(14))


@pytest.mark.parametrize("points", POINTS)
def test_another_number_of_trials_gives_the_answer_of_a_study_begun_with_it(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    """With how many designs a search begins depends on how many there will be: what a straight run would not have tried is put aside, its runs are not."""
    chance = random.Random(16)
    for point in range(points):
        folder, said = tmp_path / str(point), list[str]()
        first = chance.choice([n for n in range(2, 33) if n != 14])  # 32 designs there are: all are tried then
        counting = Counting()
        with contextlib.suppress(Ends):
            searched(scenario, folder, trials=first, workers=Ending(chance.randrange(4, 2 * total), Ends()))
        before = (folder / "trials.jsonl").read_bytes()
        kept = set(kept_module.Replications(folder / "replications").rows)
        assert searched(scenario, folder, resume=True, workers=counting, tell=said.append) == straight[0]
        assert numbers(folder) == list(range(14))
        assert not {(design, ASKED["seed"], n) for design, n in counting.ran} & kept
        assert bool(said) == (folder / "trials.jsonl.superseded").exists()
        if said:
            assert "proposed anew, as if so many had been asked for from the beginning" in said[0]
            assert (folder / "trials.jsonl.superseded").read_bytes() == before
        assert searched(scenario, folder, resume=True) == straight[0]


def test_a_budget_of_runs_ends_at_the_border_of_a_trial_and_can_be_raised(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    found = optimise(scenario, folder=tmp_path / "a", workers=1, budget=Budget(runs=20, words="20 runs"), **ASKED)
    assert len(found.trials) == 5  # half of 20 is kept for the choice, two runs a trial
    assert found.stopped == "The budget of 20 runs ended the search after 5 of 14 trials."
    with pytest.raises(Ends):
        searched(scenario, tmp_path / "b", workers=Ending(7, Ends()), budget=Budget(runs=20, words="20 runs"))
    again = optimise(scenario, folder=tmp_path / "b", workers=1, budget=Budget(runs=20, words="20 runs"), **ASKED)
    assert answer(again) == answer(found)
    assert searched(scenario, tmp_path / "a", resume=True) == straight[0]


def test_a_budget_of_time_keeps_some_for_the_choice() -> None:
    now = [0.0]
    budget = Budget(seconds=100, words="100 s", clock=lambda: now[0])
    now[0] = 10.0
    assert not budget.over(asked=10, ran=10, ahead=4, choosing=80)  # one second each: 10 + 4 <= 100 - 50
    now[0] = 47.0
    assert budget.over(asked=47, ran=47, ahead=4, choosing=80)
    assert not Budget().over(10**9, 10**9, 10**9, 0)


@pytest.mark.parametrize("text", ["ten minutes or so", "0 runs", "-5 min", "0 s", "5000"])
def test_a_budget_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="write for example '10 min' or '5000 runs'"):
        parse_budget(text)


def test_the_command_keeps_goes_on_and_says_what_it_cannot_do(tmp_path: Path) -> None:
    from tests.test_own_measures import cli as run
    from tests.test_own_measures import refused

    file, out = tmp_path / "desks.yaml", tmp_path / "study"
    file.write_text(TEXT)
    common = ("optimise", file, "--out", out, "--trials", "4", "-n", "2", "--final", "3", "--objective", "cycle_time", "--quiet")
    refused(run(*common, "--resume"), "there is no study to go on with")
    assert not out.exists()
    first = run(*common, "--json")
    assert first.exit_code in (0, 3)  # 3: the limits of so few runs
    for again in (run(*common, "--json"), run(*common, "--json", "--resume"), run(*common, "--json", "--executor", "threads", "--workers", "2")):
        assert (again.stdout, again.exit_code) == (first.stdout, first.exit_code)
    refused(run(*common, "--seed", "1"), "there is another study", "option seed: 0 → 1", "--force")
    short = run(*common, "--force", "--budget", "4 runs")
    assert short.exit_code == 3
    assert "The budget of 4 runs ended the search after" in short.stderr
    assert json.loads((out / "best.json").read_text())["stopped"].startswith("The budget of 4 runs")
    assert (out / "before-1" / "trials.jsonl").exists()
    refused(run(*common, "--budget", "a while"), "neither a time nor a number of replications")
    refused(run(*common, "--trial-limit", "soon"), "--trial-limit")
    refused(run(*common, "--storage", "sqlite:///x.db"), "sqlite is not for several writers")
    for pair in (("--resume", "--force"), ("--cluster", "tcp://127.0.0.1:9", "--workers", "2")):
        assert run(*common, *pair).exit_code == 2


def test_the_study_opens_in_optuna(straight: tuple[str, Path]) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    with warnings.catch_warnings(action="ignore"):
        study = optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(straight[1] / "optuna.log"))))
        assert study.metric_names == ["cycle_time", "cost"]
    told = [r for r in journal.read(straight[1] / "trials.jsonl").records if "trial" in r]
    assert [t.params for t in study.trials] == [r["asked"] for r in told]
    assert [t.values for t in study.trials if t.values] == [[r["values"]["cycle_time"], r["values"]["cost"]] for r in told if r["values"]]


def test_two_runs_of_a_study_write_the_same_bytes(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    searched(scenario, tmp_path / "again")
    first, second = ({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"} for folder in (straight[1], tmp_path / "again"))
    assert {Path("optuna.log"), Path("trials.jsonl"), Path("study.json")} < set(first)
    assert first == second


@pytest.mark.slow
def test_the_study_opens_in_optuna_dashboard(straight: tuple[str, Path]) -> None:
    """Started as the guide says; what it serves is what the journal holds."""
    program = shutil.which("optuna-dashboard")
    if program is None:
        pytest.skip("optuna-dashboard is not installed; it needs no place beside salessim: python -m venv, pip install optuna-dashboard, and its bin folder in PATH")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def served(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=20) as answered:
            return json.loads(answered.read())

    def up() -> bool:
        with contextlib.suppress(OSError):
            return bool(served("studies"))
        return False

    with subprocess.Popen([program, "--port", str(port), str(straight[1] / "optuna.log")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(up)
            (study,) = served("studies")["study_summaries"]
            shown = served(f"studies/{study['study_id']}")
        finally:
            process.terminate()
    assert (study["study_name"], study["directions"]) == ("two desks", ["minimize", "minimize"])
    assert shown["objective_names"] == ["cycle_time", "cost"]
    told = [r for r in journal.read(straight[1] / "trials.jsonl").records if "trial" in r]
    assert [{p["name"]: int(p["param_external_value"]) for p in t["params"]} for t in shown["trials"]] == [r["asked"] for r in told]
    assert [t["values"] for t in shown["trials"]] == [[r["values"]["cycle_time"], r["values"]["cost"]] for r in told]
    said = [{a["key"]: json.loads(a["value"].replace("True", "true").replace("False", "false")) for a in t["user_attrs"]} for t in shown["trials"]]
    assert [s["keeps the limits"] for s in said] == [r["feasible"] for r in told]
    assert said[0]["changes"] == []
    assert all(s["changes"] for s, r in zip(said, told, strict=True) if any(r["asked"].values()))


def test_replications_are_a_table_that_others_read(straight: tuple[str, Path]) -> None:
    import pandas as pd

    table = pd.concat([pd.read_parquet(p) for p in sorted((straight[1] / "replications").glob("*.parquet"))])
    assert not table.duplicated(["design", "seed", "replication"]).any()
    long = table.explode(["measures", "numerators", "denominators"])
    first = journal.read(straight[1] / "trials.jsonl").records[0]
    today = table.iloc[0].design
    costs = long[(long.design == today) & (long.replication < 2) & (long.measures == "cost")]
    assert (costs.numerators / costs.denominators).mean() == pytest.approx(first["values"]["cost"])


def test_many_small_files_become_few(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MOST_PARTS", 4)
    folder = tmp_path / "study"
    assert searched(scenario, folder) == straight[0]
    assert len(list((folder / "replications").glob("*.parquet"))) <= 4
    counting = Counting()
    assert searched(scenario, folder, workers=counting) == straight[0]
    assert counting.ran == []


def test_designs_that_run_alike_are_told_from_those_that_do_not(scenario: Scenario) -> None:
    key = kept_module.design_key(scenario)
    assert kept_module.design_key(scenario.change({"levers": {}}, name="another name")) == key
    assert kept_module.design_key(scenario.change({"teams.desk.size": 3})) != key
    assert experiment.replicate(scenario, 2, workers=Simulating(Threads(2))).pairs["cost"].tolist() == experiment.replicate(scenario, 2, workers=1).pairs["cost"].tolist()
