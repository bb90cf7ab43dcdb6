"""K7, K13, K14: a study meets other processes, other models, other versions."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import salessim
from salessim.errors import InputError
from salessim.optimisation import journal
from salessim.scenario.model import Scenario
from tests.crash.studies import POINTS, Ending, Ends, ended, forked, numbers, sample, searched, slowed, wait_for


@pytest.mark.parametrize("points", POINTS)
def test_k7_two_processes_do_not_mix(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    chance = random.Random(7)
    for point in range(points):
        folder, many = tmp_path / str(point), chance.randrange(12)
        process = forked(lambda folder=folder: searched(scenario, folder, workers=slowed(0.02, "threads")))
        try:
            wait_for(lambda where=folder, many=many: len(numbers(where)) > many)
            with pytest.raises(InputError, match=f"process {process} on .* is working on this study"):
                searched(scenario, folder, resume=True)
            with pytest.raises(InputError, match="is working on this study"):
                searched(scenario, folder, anew=True)
        finally:
            os.killpg(process, signal.SIGKILL)
        assert ended(process) == -signal.SIGKILL
        assert searched(scenario, folder, resume=True) == straight[0]
        assert numbers(folder) == list(range(14))


@pytest.mark.parametrize("points", POINTS)
def test_k7_many_that_begin_at_once(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    """Whoever has the lock works; the others are refused, and nobody does anything twice."""

    def one(folder: Path, wait: float) -> None:
        time.sleep(wait)
        try:
            said = searched(scenario, folder)
        except InputError as wrong:
            sys.exit(2 if "is working on this study" in str(wrong) else 1)
        sys.exit(said != straight[0])

    chance = random.Random(77)
    for point in range(points):
        folder = tmp_path / str(point)
        codes = [ended(p) for p in [forked(partial(one, folder, chance.random() * 0.1)) for _ in range(3)]]
        assert set(codes) <= {0, 2}
        assert 0 in codes
        assert numbers(folder) == list(range(14))
        assert searched(scenario, folder, resume=True) == straight[0]


MODEL = {
    "teams.desk.size": lambda c: c.randrange(3, 40), "teams.back.size": lambda c: c.randrange(4, 40), "teams.desk.cost": lambda c: f"{c.randrange(31, 99)} EUR/hour",
    "segments.all.value": lambda c: f"{c.randrange(501, 999)} EUR", "channels.calls.arrivals.rate": lambda c: f"{c.randrange(11, 40)} per day",
    "stages.sale.steps.answer.patience": lambda c: f"{c.randrange(3, 9)} days", "stages.sale.steps.settle.work.mean": lambda c: f"{c.randrange(5, 9)} hours",
    "levers.desk.up_to": lambda c: c.randrange(4, 9), "levers.bot.time": lambda c: f"{c.randrange(11, 50)} min", "clock.horizon": lambda c: f"{c.randrange(9, 30)} weeks",
}  # fmt: skip
OPTIONS = {
    "seed": lambda c: {"seed": c.randrange(6, 10**9)}, "replications": lambda c: {"replications": c.randrange(3, 9)}, "indifference": lambda c: {"indifference": c.uniform(0.02, 0.5)},
    "limits": lambda c: {"limits": [f"cost <= {c.randrange(1000, 9999)}/month"]}, "levers": lambda c: {"levers": ["desk", "bot"]}, "objectives": lambda c: {"objectives": ["cost"]},
    "method": lambda c: {"method": c.choice(["tpe", "random", "nsga2"])}, "robust": lambda c: {"robust": "cvar:20%"}, "futures": lambda c: {"futures": ["boom, 30 %: teams.desk.size = 3"]},
}  # fmt: skip
"""What may be another one when a study is gone on with: by name, a value that it has not now."""


def files(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


@pytest.mark.parametrize("points", POINTS)
def test_k13_another_model_or_other_options_are_refused_with_the_difference(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    chance, folder = random.Random(13), tmp_path / "study"
    with pytest.raises(Ends):
        searched(scenario, folder, workers=Ending(total // 2, Ends()))
    before = files(folder)
    for _ in range(points):
        what = chance.choice([*MODEL, *OPTIONS])
        changed = scenario.change({what: MODEL[what](chance)}) if what in MODEL else scenario
        with pytest.raises(InputError, match=rf"there is another study \((option )?{what}[^;]*: .* → .*--force") as refused:
            searched(changed, folder, resume=chance.random() < 0.5, **(OPTIONS[what](chance) if what in OPTIONS else {}))
        assert "\n" not in str(refused.value)
        assert files(folder) == before
    assert searched(scenario, folder, resume=True) == straight[0]


def test_k13_the_difference_in_words_and_a_study_begun_anew(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    shutil.copytree(straight[1], tmp_path / "study")
    folder = tmp_path / "study"
    before = files(folder)
    for changed, other, said in (
        (scenario.change({"teams.desk.size": 4}), {}, r"teams\.desk\.size: 2 → 4"),
        (scenario, {"seed": 6}, "option seed: 5 → 6"),
        (scenario, {"limits": ["cost <= 9000/month"]}, r"option limits: \[\] → "),
        (scenario, {"levers": ["desk", "bot"]}, r"option levers: null → \[\"bot\", \"desk\"\]"),
    ):
        with pytest.raises(InputError, match=rf"there is another study .*{said}.*--force"):
            searched(changed, folder, **other)
    assert files(folder) == before
    searched(scenario, folder, seed=6, anew=True)
    assert (folder / "before-1" / "trials.jsonl").read_bytes() == before[folder / "trials.jsonl"]
    with pytest.raises(InputError, match="there is no study to go on with"):
        searched(scenario, tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("points", POINTS)
def test_k14_another_version_is_told_once_and_recorded(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    """A study that is ended at any point, and gone on with by one version after the other."""
    for point in sample(14, 1, total, points):
        folder, said = tmp_path / str(point), list[str]()
        with pytest.raises(Ends):
            searched(scenario, folder, workers=Ending(point, Ends()))
        versions = ["99.1", "99.2"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(salessim, "__version__", versions[0])
            with pytest.raises(Ends):
                searched(scenario, folder, workers=Ending(0, Ends()), resume=True, tell=said.append)
            patch.setattr(salessim, "__version__", versions[1])
            for _ in range(2):
                assert searched(scenario, folder, resume=True, tell=said.append) == straight[0]
        assert [f"this is {v}" in words for v, words in zip(versions, said, strict=True)] == [True, True]  # once each, not each time
        assert [r["version"] for r in journal.read(folder / "trials.jsonl").records if "version" in r] == versions
        assert numbers(folder) == list(range(14))
