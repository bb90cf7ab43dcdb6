"""Any bytes end in a log or in one clear error: a few seconds of Hypothesis for each format, and a guided search in the slow tests."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import fuzz

SEEDS = fuzz.seeds()
QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
pytestmark = pytest.mark.filterwarnings("ignore")  # what a library mutters about damaged bytes is not the reader's word


def read(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return fuzz.judge(data, Path(folder))


def mapped(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return fuzz.judge_mapping(data.decode(errors="surrogateescape"), Path(folder))


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_good(name: str) -> None:
    assert read(SEEDS[name]) == ""


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_files_end_in_a_log_or_in_one_line(name: str) -> None:
    @QUICK
    @given(st.integers(0, 2**32))
    def check(number: int) -> None:
        read(fuzz.damage(SEEDS[name], random.Random(number)))

    check()


@QUICK
@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda t: t.encode(errors="replace"))))
def test_any_bytes_end_in_a_log_or_in_one_line(data: bytes) -> None:
    read(data)


@settings(QUICK, max_examples=150)
@given(st.integers(0, 2**32))
def test_damaged_mappings_end_in_a_log_or_in_one_line(number: int) -> None:
    mapped(fuzz.damage(fuzz.MAPPING.replace("tables: {}\n", "").encode(), random.Random(number)))


CELLS = st.one_of(st.sampled_from(["", "1", "call", "won", "2026-01-05", "13/01/2026", "01/13/2026", "1767607872", "46027.4", "2026-01-05T24:00:00Z", "NaN", "-0", "9999-12-31", "lost: x"]),
                  st.text(max_size=8))  # fmt: skip
HEADS = st.sampled_from(["case", "activity", "time", "start", "end", "resource", "amount", "lifecycle", "outcome", "stage", "id", "won_date", "", "x"])


@QUICK
@given(st.lists(HEADS, min_size=1, max_size=7), st.data())
def test_any_table_ends_in_a_log_or_in_one_line(head: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(head), max_size=len(head)), max_size=8))
    read("\n".join(",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' for c in row) for row in [head, *rows]).encode(errors="replace"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SEEDS, "mapping"])
def test_a_guided_search_finds_no_input_that_breaks_a_reader(name: str) -> None:
    seed, check = (fuzz.MAPPING.replace("tables: {}\n", "").encode(), mapped) if name == "mapping" else (SEEDS[name], read)
    first, last = fuzz.guided(seed, check, 600, 1)
    assert last > first, "no damage reached anything new: the search is blind"
