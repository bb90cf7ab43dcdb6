"""The names of columns that take two rows: groups above, columns below, as people make them in Excel and save as CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def two_rows(first: Sequence[Any], below: Sequence[Any], after: Sequence[Any]) -> list[str] | None:
    """The names of columns under those of their groups, if a header has two rows.

    Args:
        first: the cells of its first row, with gaps where merged cells span several columns.
        below: those of the row under it.
        after: those of the next.

    Returns:
        None where the first row is all: the second of a header has words without digits in all columns, stands under a row with
        gaps (or one that ends early) and above one with digits.

    Example:
        >>> two_rows(["Deal", "", "Dates", ""], ["key", "name", "won", "lost"], ["7", "Acme", "2026-01-05", ""])
        ['Deal key', 'Deal name', 'Dates won', 'Dates lost']
        >>> two_rows(["key", "", "won"], ["7", "Acme", "2026-01-05"], ["8", "Bolt", "2026-01-06"]) is None
        True
    """
    names, under, digits = words(first), words(below), re.compile(r"\d")
    if not ("" in names or len(names) < len(under)) or len(under) < len(names) or not all(under):
        return None
    if any(map(digits.search, under)) or not any(map(digits.search, words(after))):
        return None
    group, found = "", []
    for j, name in enumerate(under):
        group = (names[j] if j < len(names) else "") or group
        found.append(f"{group} {name}".strip())
    return found


def words(row: Sequence[Any]) -> list[str]:
    """The texts of a row up to its last cell that has some."""
    names = ["" if v is None else str(v).strip() for v in row]
    return names[: max((j + 1 for j, n in enumerate(names) if n), default=0)]
