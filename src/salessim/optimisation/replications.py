"""Replications that have been run, so that none is run twice: in memory, and in a folder of Parquet files.

One row is one replication of one design: its measures with their numerators and denominators, and the cases in process.
Files are written whole and never changed; many small ones are put together into larger ones now and then.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.engines import Engine
from salessim.errors import InputError
from salessim.experiment import Row, Simulator, Wanted, side_by_side
from salessim.optimisation.journal import aside
from salessim.scenario.loader import write_whole

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Key = tuple[str, int, int]
"""Design, seed, number."""
MOST_PARTS = 64
"""Small files before they are put together."""
SMALL = 5_000
"""Rows up to which a file is small: some 5 MB."""


def design_key(design: Scenario) -> str:
    """32 hexadecimal digits for all that a replication of a design depends on; its name and its levers are not part of it."""
    data = design.model_dump(mode="json", exclude_defaults=True, exclude={"name", "title", "description", "levers", "provenance"})
    return hashlib.blake2b(json.dumps(data, sort_keys=True, ensure_ascii=False).encode(), digest_size=16).hexdigest()


@dataclass
class Replications:
    """All replications that have been run; with a folder they outlive the process."""

    folder: Path | None = None
    rows: dict[Key, tuple[tuple[str, ...], Any, Any]] = field(default_factory=dict)
    """Measures, array [measures, 2] of numerators and denominators, cases in process."""
    damaged: list[str] = field(default_factory=list)
    """Files that were found spoilt and put aside; what they held is run again."""

    def __post_init__(self) -> None:
        self._unwritten: list[Key] = []
        self._parts: dict[Path, int] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # each list of measures once in memory
        if self.folder is not None:
            self._load()

    def __contains__(self, key: Key) -> bool:
        return key in self.rows

    def get(self, key: Key) -> Row:
        """A replication as it was measured, to the last bit."""
        names, pairs, open_cases = self.rows[key]
        return dict(zip(names, map(tuple, pairs.tolist()), strict=True)), open_cases

    def pairs(self, design: str, seed: int, measure: str) -> dict[int, Any]:
        """Number of a replication -> numerator and denominator of a measure, of those that have it."""
        return {n: pairs[names.index(measure)] for (of, at, n), (names, pairs, _) in self.rows.items() if (of, at) == (design, seed) and measure in names}

    def put(self, key: Key, row: Row) -> None:
        """Keep a replication; one that is there stays."""
        if key not in self.rows:
            names = tuple(row[0])
            self.rows[key] = (self._names.setdefault(names, names), np.array(list(row[0].values()), float), np.asarray(row[1], np.int64))
            self._unwritten.append(key)

    def flush(self) -> None:
        """Write what is new: when this returns, it is on disk."""
        keys, self._unwritten = self._unwritten, []
        if self.folder is None or not keys:
            return
        self._write(keys)
        small = [path for path, rows in self._parts.items() if rows < SMALL]
        if len(small) >= MOST_PARTS:
            self._join(small)

    def _write(self, keys: Sequence[Key]) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        assert self.folder is not None
        rows = [self.rows[key] for key in keys]
        table = pa.table(
            {
                "design": pa.array([k[0] for k in keys]).dictionary_encode(),
                "seed": pa.array([k[1] for k in keys], pa.int64()),
                "replication": pa.array([k[2] for k in keys], pa.int64()),
                "measures": pa.array([list(r[0]) for r in rows], pa.list_(pa.string())),
                "numerators": pa.array([r[1][:, 0] for r in rows], pa.list_(pa.float64())),
                "denominators": pa.array([r[1][:, 1] for r in rows], pa.list_(pa.float64())),
                "open_cases": pa.array([r[2] for r in rows], pa.list_(pa.int64())),
            }
        )
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
        path = self.folder / f"{1 + max((int(p.stem) for p in self._parts), default=0):06d}.parquet"
        write_whole(path, buffer.getvalue())
        self._parts[path] = len(keys)
        return path

    def _join(self, paths: Sequence[Path]) -> None:
        """One file in place of many: until it is whole the others stay, and rows that a crash leaves in both are the same."""
        keys = [key for path in paths for key in self._read(path)]
        self._write(list(dict.fromkeys(keys)))
        for path in paths:
            path.unlink(missing_ok=True)
            del self._parts[path]

    def _load(self) -> None:
        assert self.folder is not None
        try:
            self.folder.mkdir(exist_ok=True)
            paths = sorted(p for p in self.folder.glob("*.parquet") if p.stem.isdigit())
        except OSError as wrong:
            raise InputError(str(self.folder), f"it cannot be used ({wrong.strerror})", "give a folder that is writable") from None
        for path in paths:
            try:
                self._parts[path] = len(self._read(path))
            except OSError as wrong:  # of the file system, not of Parquet
                if wrong.errno is not None:
                    raise InputError(str(path), f"it cannot be read ({wrong.strerror})", "check the path and the right to read it") from None
                self.damaged.append(aside(path).name)
            except (ValueError, KeyError):
                self.damaged.append(aside(path).name)

    def _read(self, path: Path) -> list[Key]:
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(path.read_bytes()), page_checksum_verification=True)
        keys = list(zip(*(table.column(n).to_pylist() for n in ("design", "seed", "replication")), strict=True))
        columns = [table.column(n) for n in ("measures", "numerators", "denominators", "open_cases")]
        for i, key in enumerate(keys):
            names = tuple(columns[0][i].as_py())
            pairs = np.column_stack([columns[1][i].values.to_numpy(), columns[2][i].values.to_numpy()])
            if len(pairs) != len(names):
                raise ValueError("rows of different lengths")
            self.rows.setdefault(key, (self._names.setdefault(names, names), pairs, columns[3][i].values.to_numpy()))
        return keys


@dataclass
class Keeping:
    """Runs what has not been run yet, and keeps it; see `experiment.SideBySide`."""

    inner: Simulator
    kept: Replications
    asked: int = 0
    """Replications that were asked for, run now or before."""
    ran: int = 0
    """Those of them that were run now."""

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Engine) -> Iterator[Row]:
        """What each replication gave, in the order of the numbers."""
        return self.several([(design, numbers)], seed, engine)

    def several(self, wanted: Sequence[Wanted], seed: int, engine: Engine) -> Iterator[Row]:
        """What each replication gave, in the order of the designs and their numbers."""
        names = [design_key(design) for design, _ in wanted]
        keys = [[(name, seed, n) for n in numbers] for name, (_, numbers) in zip(names, wanted, strict=True)]
        new = dict.fromkeys(key for of in keys for key in of if key not in self.kept)  # two settings may be one design
        missing: list[Wanted] = []
        for (design, _), of in zip(wanted, keys, strict=True):
            numbers = [key[2] for key in of if new.pop(key, False) is None]
            missing += [(design, numbers)] if numbers else []
        running = side_by_side(self.inner, missing, seed, engine) if missing else iter(())
        try:
            for key in (key for of in keys for key in of):
                if key not in self.kept:
                    self.kept.put(key, next(running))
                    self.ran += 1
                self.asked += 1
                yield self.kept.get(key)
        finally:
            self.kept.flush()


__all__ = ["Keeping", "Replications", "design_key"]
