"""K4, K9: the journal and the other files of a study, cut or spoilt."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from salessim.errors import InputError
from salessim.scenario.model import Scenario
from tests.crash.studies import POINTS, Counting, numbers, searched


@pytest.mark.parametrize("points", [pytest.param(4, id="few"), pytest.param(10_000, id="every byte", marks=pytest.mark.slow)])
def test_k4_a_journal_cut_at_any_byte_of_its_last_line(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    whole = (straight[1] / "trials.jsonl").read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    cuts = range(last, len(whole))
    for cut in sorted(random.Random(4).sample(cuts, min(points, len(cuts)))):
        folder = tmp_path / str(cut)
        shutil.copytree(straight[1], folder)
        (folder / "trials.jsonl").write_bytes(whole[:cut])
        said: list[str] = []
        counting = Counting()
        assert searched(scenario, folder, workers=counting, resume=True, tell=said.append) == straight[0]
        assert counting.ran == []
        assert (folder / "trials.jsonl").read_bytes() == whole
        assert said == ([] if cut == last else ["trials.jsonl: the last line was cut short and is dropped; its trial is worked out again"])
        shutil.rmtree(folder)


@pytest.mark.parametrize("points", POINTS)
def test_k9_damage_in_the_middle_is_told_and_whole_lines_are_kept(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    chance = random.Random(9)
    for point in range(points):
        folder = tmp_path / str(point)
        shutil.copytree(straight[1], folder)
        content = bytearray((folder / "trials.jsonl").read_bytes())
        at = chance.randrange(len(content) - 1)
        content[at] ^= 1 << chance.randrange(8)
        (folder / "trials.jsonl").write_bytes(content)
        said: list[str] = []
        assert searched(scenario, folder, resume=True, tell=said.append) == straight[0]
        assert sorted(numbers(folder)) == list(range(14))
        assert "damaged" in said[0]
        assert (folder / "trials.jsonl.damaged").read_bytes() == content


@pytest.mark.parametrize("spoilt", [b"\0" * 3000, b"PK\3\4 garbage \xff\xfe" * 40, b""], ids=["zeros", "garbage", "empty"])
@pytest.mark.parametrize("name", ["trials.jsonl", "study.json", "replications"])
def test_k9_a_file_of_zeros_or_garbage(scenario: Scenario, straight: tuple[str, Path], name: str, spoilt: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(straight[1], folder)
    for path in folder.glob("replications/*.parquet") if name == "replications" else [folder / name]:
        path.write_bytes(spoilt)
    said: list[str] = []
    if name == "study.json":
        with pytest.raises(InputError, match=r"study\.json: it is damaged.*--force"):
            searched(scenario, folder, resume=True)
        (folder / name).write_text((straight[1] / name).read_text().replace('"format": 1', '"format": 0'))
        with pytest.raises(InputError, match="format 0, this version reads 1"):
            searched(scenario, folder, resume=True)
        (folder / name).unlink()
        with pytest.raises(InputError, match="cannot be read"):
            searched(scenario, folder, resume=True)
        return
    assert searched(scenario, folder, resume=True, tell=said.append) == straight[0]
    assert bool(said) == (spoilt != b"" or name == "replications")


@pytest.mark.parametrize("points", POINTS)
def test_k9_a_bit_that_flips_in_a_file_of_replications(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    """Either the file is refused and run again, or the bit was of no account: the answer is the same."""
    chance = random.Random(10)
    for point in range(points):
        folder = tmp_path / str(point)
        shutil.copytree(straight[1], folder)
        path = chance.choice(sorted(folder.glob("replications/*.parquet")))
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        assert searched(scenario, folder, resume=True) == straight[0]
