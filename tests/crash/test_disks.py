"""K5, K6, K15: disks that are full, cannot be written, or rename by halves."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import InputError
from salessim.scenario.model import Scenario
from tests.crash.studies import ASKED, POINTS, Ending, Ends, numbers, sample, searched


class Full:
    """A disk that is full after so many files and lines, as the system says it when they are to be on disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, real = room, os.fsync

        def fsync(handle: int) -> None:
            self.room -= 1
            if self.room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("points", POINTS)
def test_k5_a_full_disk_keeps_what_was_finished(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        roomy = Full(patch, 10**9)
        assert searched(scenario, tmp_path / "roomy") == straight[0]
    most = 10**9 - roomy.room
    for point in sample(5, 1, most, points):
        folder = tmp_path / str(point)
        with pytest.MonkeyPatch.context() as patch:
            Full(patch, point)
            with pytest.raises(InputError, match="No space left on device"):
                searched(scenario, folder)
        assert searched(scenario, folder) == straight[0]
        assert numbers(folder) == list(range(14))


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """A real disk of its own, of so many bytes (such as "96k"), for as long as it is needed."""
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("a disk cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_k5_on_a_real_small_disk(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    with disk(tmp_path / "small", "96k") as small:
        with pytest.raises(InputError, match="No space left on device"):
            searched(scenario, small / "study")
        shutil.copytree(small / "study", tmp_path / "roomy")
    assert searched(scenario, tmp_path / "roomy") == straight[0]


def test_k6_a_path_that_is_no_folder(scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"cannot be made.*give a folder that is writable"):
        searched(scenario, tmp_path / "file" / "study")


def optimised(folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line on the small study, asked as `searched` asks."""
    options = [f"--{name}={ASKED[name]}" for name in ("trials", "replications", "final", "seed")] + [f"--objective={name}" for name in ASKED["objectives"]]
    command = [sys.executable, "-m", "salessim", "optimise", str(folder.parent / "two desks.yaml"), "--out", str(folder), "--workers", "1", "--quiet", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_answer_is_kept_when_there_is_no_room_for_its_page(scenario: Scenario, tmp_path: Path) -> None:
    """The search is over, and the disk has room for the design but not for the page with its pictures."""
    with disk(tmp_path / "small", "8m") as small:
        scenario.save(small / "two desks.yaml")
        whole = optimised(small / "study")
        assert whole.returncode in (0, 3)
        page = small / "study" / "report.html"
        text = page.read_text("utf-8")
        page.unlink()
        room = shutil.disk_usage(small).free
        (small / "others").write_bytes(b"x" * (room - 40_000 - room % 4096))
        assert len(text) > 45_000
        partly = optimised(small / "study")
        assert partly.returncode == 3
        [line] = [line for line in partly.stderr.splitlines() if line.startswith("salessim:")]
        assert "report.html: it cannot be written (No space left on device)" in line
        assert "kept: best.yaml, best.json, all runs of the study; missing: report.html" in line
        assert partly.stdout == whole.stdout[: whole.stdout.index("Report:")]  # the words of the answer, without the page that is not there
        assert not page.exists()
        assert Scenario.load(small / "study" / "best.yaml").hash == json.loads((small / "study" / "best.json").read_text("utf-8"))["hash"]
        (small / "others").unlink()
        again = optimised(small / "study")
        assert (again.returncode, again.stdout, page.read_text("utf-8")) == (whole.returncode, whole.stdout, text)


class ReadOnly:
    """A folder that cannot be written any more after so many files were opened or made in it."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, after: int) -> None:
        self.left, opening, making = after, Path.open, tempfile.mkstemp

        def used(where: Path) -> None:
            if folder == where or folder in where.parents:
                self.left -= 1
                if self.left < 0:
                    raise PermissionError(errno.EROFS, "Read-only file system")

        def opened(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
            if set(mode) & set("wax+"):
                used(path)
            return opening(path, mode, *args, **more)

        def made(*args: Any, dir: Any = None, **more: Any) -> Any:  # noqa: A002 -- the name that it has there
            used(Path(dir or "."))
            return making(*args, dir=dir, **more)

        patch.setattr(Path, "open", opened)
        patch.setattr(tempfile, "mkstemp", made)


@pytest.mark.parametrize("points", POINTS)
def test_k6_a_folder_that_cannot_be_written_from_some_moment_on(scenario: Scenario, straight: tuple[str, Path], points: int, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        often = ReadOnly(patch, tmp_path / "often", 10**9)
        assert searched(scenario, tmp_path / "often") == straight[0]
    for point in sample(6, 0, 10**9 - often.left, points):
        folder = tmp_path / str(point)
        with pytest.MonkeyPatch.context() as patch:
            ReadOnly(patch, folder, point)
            with pytest.raises(InputError, match=r"Read-only file system.*writ|cannot be written.*Read-only file system"):
                searched(scenario, folder)
        before = numbers(folder)
        assert before == list(range(len(before)))
        assert searched(scenario, folder) == straight[0]
        assert numbers(folder) == list(range(14))


def test_k6_on_a_real_read_only_disk(scenario: Scenario, straight: tuple[str, Path], tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "8m") as place:
        with pytest.raises(Ends):
            searched(scenario, place / "study", workers=Ending(11, Ends()))
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        for folder in (place / "study", place / "another"):
            with pytest.raises(InputError, match=r"cannot be .*Read-only file system.*give a folder that is writable"):
                searched(scenario, folder)
        shutil.copytree(place / "study", tmp_path / "writable")
    assert searched(scenario, tmp_path / "writable", resume=True) == straight[0]


@pytest.mark.parametrize("points", POINTS)
def test_k15_a_rename_that_is_not_whole(scenario: Scenario, straight: tuple[str, Path], total: int, points: int, tmp_path: Path) -> None:
    """As on a network drive: the new name is there with half of the content, or without any, and the process is gone."""
    chance, real, renames = random.Random(15), os.replace, 0

    def counted(source: Any, target: Any) -> None:
        nonlocal renames
        renames += (tmp_path / "whole") in Path(target).parents  # others, such as of compiled code, happen once
        real(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", counted)
        searched(scenario, tmp_path / "whole")
    for point in range(points):
        folder = tmp_path / str(point)
        left, share = chance.randrange(2, renames), chance.random()  # the last, for the dashboard, may fail

        def broken(source: Any, target: Any, share: float = share) -> None:
            nonlocal left
            left -= 1
            if left:
                return real(source, target)
            content = Path(source).read_bytes()
            Path(target).write_bytes(content[: int(share * len(content))])
            raise Ends

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", broken)
            with pytest.raises(Ends):
                searched(scenario, folder)
        assert searched(scenario, folder) == straight[0]
        assert numbers(folder) == list(range(14))
