"""Numbers and counted things as people read them: one is one, and nobody has to read a power of ten."""

import re
from pathlib import Path

import pytest

from salessim.optimisation.said import size
from salessim.wording import counted, lasting, rounded

SOURCE = Path(__file__).parents[1] / "src" / "salessim"


@pytest.mark.parametrize(("count", "words"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (12_345, "12,345 people")])
def test_one_is_one(count: int, words: str) -> None:
    assert counted(count, "person", "people") == words


@pytest.mark.parametrize(("seconds", "longest", "words"), [
    (21_200 * 60, "day", "14.7 days"),  # said as 2.12e+04 min once
    (21_200 * 60, "h", "353 h"), (86_400, "day", "1 day"), (86_399, "day", "24 h"), (90, "day", "1.5 min"), (0.25, "day", "0.25 s"), (0, "day", "0 min"),
])  # fmt: skip
def test_a_time_is_in_the_unit_that_fits(seconds: float, longest: str, words: str) -> None:
    assert lasting(seconds, longest=longest) == words


@pytest.mark.parametrize("value", [1e-7, 0.00123, 0.9996, 999.7, 12_345.6, 1_234_567.8, 9.87e11])
def test_no_power_of_ten(value: float) -> None:
    for text in (rounded(value), rounded(value, 6, whole=True), size(value), size(-value)):
        assert "e" not in text
        assert float(text.replace(",", "").lstrip("+-")) == pytest.approx(value, rel=0.005)
    assert float(rounded(value, 6, whole=True).replace(",", "")) == pytest.approx(value, rel=5e-7, abs=0.5 if value > 1e5 else 0)


def test_changes_keep_their_whole_digits() -> None:
    assert (size(999.7), size(-1234.4), size(0.0), size(12.345)) == ("+1,000", "-1,234", "+0", "+12.3")


def test_counted_words_are_not_glued_to_numbers() -> None:
    """A count that can be one needs `counted`: where a number stands before a plural, it is one that is never one."""
    glued = re.compile(r"\{len\([^{}]*\)\} (teams|steps|people|weeks|days|cases|activities|remarks)\b")
    found = [f"{path.relative_to(SOURCE)}:{n}" for path in sorted(SOURCE.rglob("*.py")) for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if glued.search(line)]
    assert found == []
