"""A study is a folder: what was asked, every finished trial, every replication. It can be moved, read, and gone on with.

    study.json      what was asked: the scenario, the options, the version; written once
    trials.jsonl    a line with a checksum for each finished trial, in order
    replications/   one row for each replication of each design, as Parquet
    optuna.log      the trials as Optuna keeps them, for optuna-dashboard; made from the others
    lock            held by the process that works here

Nothing here is needed for the answer: a trial depends on the seed and the trials before. What is kept is work that need
not be done again, and so a study that went on gives the same answer as one that never stopped.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from salessim.errors import InputError
from salessim.optimisation import journal
from salessim.optimisation.replications import Replications
from salessim.scenario.loader import to_yaml, write_whole

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

FORMAT = 1
"""Of the files; another is refused."""
SHOWN = 5
"""Differences that are said one by one."""
Tell = Callable[[str], None]


@dataclass
class Study:
    """An open study; with no folder it lives in memory only."""

    folder: Path | None = None
    trials: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What the journal says of finished trials, by number."""
    kept: Replications = field(default_factory=Replications)
    starts: list[dict[str, int]] | None = None
    """The designs that the finished trials began with; None before there are any."""
    tell: Tell = lambda _: None
    lock: IO[bytes] | None = None

    def begins_with(self, starts: Sequence[Mapping[str, int]]) -> None:
        """Go on as a study would that began with these designs: finished trials that it would not have tried are put aside.

        The more trials are asked for, the more designs a search begins with, so that a raised number changes what is tried
        after them. The replications of what is put aside are kept and not run again.

        Args:
            starts: lever -> which of its options, in the order of the trials, today's first.

        Raises:
            InputError: the journal cannot be written.
        """
        now = [dict(s) for s in starts]
        if self.starts == now:
            return
        before, self.starts = self.starts or [], now
        last = max(self.trials, default=-1) + 1
        # What follows the starts depends on the trials before and nothing else: equal beginnings have equal ends.
        other = (k for k, start in enumerate(now) if k in self.trials and self.trials[k]["asked"] != start)
        differ = next(other, last if len(before) <= len(now) else min(last, len(now)))
        self.trials = {k: record for k, record in self.trials.items() if k < differ}
        if differ < last:
            self.tell(f"a search of so many trials begins with other designs: trials {differ} to {last - 1} are proposed anew, as if so many had been asked for from the beginning; their runs are kept, and trials.jsonl as it was is beside it")
        if self.folder is None:
            return
        path = self.folder / "trials.jsonl"
        if differ < last:
            records = [r for r in journal.read(path).records if "starts" not in r and r.get("trial", -1) < differ]
            journal.aside(path, "superseded", copy=True)
            journal.rewrite(path, journal.Recovered((*records, {"starts": now})))
        else:
            journal.append(path, {"starts": now})

    def finished(self, record: Mapping[str, Any]) -> None:
        """Keep a finished trial for good.

        Raises:
            InputError: it cannot be written.
        """
        self.trials[record["trial"]] = dict(record)
        if self.folder is not None:
            journal.append(self.folder / "trials.jsonl", record)

    def close(self) -> None:
        """Write what is left, and let others work here."""
        try:
            self.kept.flush()
        finally:
            if self.lock is not None:
                self.lock.close()
                self.lock = None

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_study(folder: str | Path, scenario: Scenario, options: Mapping[str, Any], *, resume: bool = False, anew: bool = False, tell: Tell = lambda _: None) -> Study:
    """The study in a folder, gone on with if it is the same one, begun if there is none.

    Args:
        folder: of the study.
        scenario: what is searched.
        options: all that the answer depends on besides, and that must be the same to go on; plain data.
        resume: there must be a study.
        anew: what is there is put aside.
        tell: told in a sentence what was found damaged, or made by another version.

    Raises:
        InputError: no study where there must be one, another study, one that another process works on, or a folder that cannot be used.
    """
    from salessim import __version__

    place = Path(folder)
    if resume and not (place / "study.json").exists() and not (place / "trials.jsonl").exists():
        raise InputError(str(place), "there is no study to go on with", "check the folder, or leave out --resume to begin one")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise InputError(str(place), f"the folder cannot be made ({wrong.strerror})", "give a folder that is writable") from None
    study = Study(place, tell=tell, lock=_locked(place))
    try:
        if anew:
            _put_aside(place)
        asked = what_was_asked(scenario, options)
        if (place / "study.json").exists() or (place / "trials.jsonl").exists():
            if said := differences(_header(place / "study.json"), asked):
                raise InputError(str(place), f"there is another study ({said})", "go on with what it was begun with, give another --out, or begin anew with --force")
        else:
            write_whole(place / "study.json", json.dumps(asked, indent=1, ensure_ascii=False) + "\n")
        _recover(study, __version__, tell)
    except BaseException:
        study.close()
        raise
    return study


def _recover(study: Study, version: str, tell: Tell) -> None:
    """Read what is kept; what is spoilt is told and worked out again."""
    assert study.folder is not None
    path = study.folder / "trials.jsonl"
    found = journal.read(path)
    if found.unfinished or found.damaged:
        journal.rewrite(path, found)
    if found.unfinished:
        tell("trials.jsonl: the last line was cut short and is dropped; its trial is worked out again")
    if found.damaged:
        tell(f"trials.jsonl: {len(found.damaged)} lines are damaged (the first is line {found.damaged[0]}); the {len(found.records)} whole ones are kept, the others are worked out again; the file as it was is beside it")
    last = json.loads((study.folder / "study.json").read_text())["version"]
    for record in found.records:
        if "version" in record:
            last = record["version"]
        elif "starts" in record:
            study.starts = record["starts"]
        elif isinstance(record.get("trial"), int):
            study.trials.setdefault(record["trial"], record)
    if last != version:
        tell(f"the study was made by salessim {last}, this is {version}: runs of both are put together, and figures may differ from those of one version; this is recorded in trials.jsonl")
        journal.append(path, {"version": version})
    study.kept = Replications(study.folder / "replications")
    for name in study.kept.damaged:
        tell(f"replications: a file is damaged and was put aside as {name}; what it held is run again")


def _header(path: Path) -> dict[str, Any]:
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(header, dict)
        if header["format"] == FORMAT:
            _ = header["version"], header["hash"], header["options"], header["scenario"]
    except OSError as wrong:
        raise InputError(str(path), f"it cannot be read ({wrong.strerror})", "give another --out, or begin anew with --force") from None
    except (ValueError, AssertionError, KeyError, TypeError):
        raise InputError(str(path), "it is damaged, so nobody can say what was asked", "give another --out, or begin anew with --force") from None
    if header["format"] != FORMAT:
        raise InputError(str(path), f"it has format {header['format']!r}, this version reads {FORMAT}", "go on with the version that made it, or begin anew with --force")
    return header


def what_was_asked(scenario: Scenario, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a study is about, as plain data."""
    from salessim import __version__

    return {"format": FORMAT, "version": __version__, "hash": scenario.hash, "options": json.loads(json.dumps(dict(options))), "scenario": to_yaml(scenario)}


def differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """How two studies differ in what they are about, in words; nothing if they do not, whatever version made them."""
    before: dict[str, Any] = {f"option {k}": v for k, v in there["options"].items()}
    after: dict[str, Any] = {f"option {k}": v for k, v in asked["options"].items()}
    if there["scenario"] != asked["scenario"]:
        before |= dict(_flat(_plain(there["scenario"])))
        after |= dict(_flat(_plain(asked["scenario"])))
    names = [n for n in dict.fromkeys([*before, *after]) if before.get(n, ABSENT) != after.get(n, ABSENT)]
    said = "; ".join(f"{n}: {_said(before.get(n, ABSENT))} → {_said(after.get(n, ABSENT))}" for n in names[:SHOWN])
    return said + (f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _plain(text: str) -> Any:
    """A scenario's text as plain data; one that cannot be read is told by its beginning."""
    from salessim.scenario.yaml import load_yaml

    try:
        return load_yaml(text, "study")[0]
    except InputError:
        return {"scenario": text[:40]}


ABSENT = object()


def _said(value: Any) -> str:
    text = "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _flat(data: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of nested data, such as ("teams.sdr.size", 3)."""
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from _flat(value, f"{at}.{key}" if at else str(key))
    elif isinstance(data, list) and data:
        for i, value in enumerate(data):
            yield from _flat(value, f"{at}.{i}")
    else:
        yield at, data


def _put_aside(place: Path) -> None:
    """Nothing is destroyed: a study that was begun anew is beside the new one, until somebody deletes it."""
    names = [n for n in ("study.json", "trials.jsonl", "replications", "optuna.log") if (place / n).exists()]
    if names:
        to = next(p for p in (place / f"before-{n}" for n in range(1, 100_000)) if not p.exists())
        to.mkdir()
        for name in names:
            (place / name).rename(to / name)


def _locked(place: Path) -> IO[bytes]:
    """The lock of a folder, held until it is closed or the process ends, however it ends."""
    try:
        file = (place / "lock").open("a+b")
    except OSError as wrong:
        raise InputError(str(place), f"the folder cannot be written ({wrong.strerror})", "give a folder that is writable") from None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        who = file.read(200).decode(errors="replace").strip() or "another process"
        file.close()
        raise InputError(str(place), f"{who} is working on this study", "wait until it is done, or give another --out") from None
    if sys.platform != "win32":  # there a locked file cannot be read by others
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        file.flush()
    return file


__all__ = ["Study", "open_study"]
