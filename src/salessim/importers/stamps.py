"""Stamps: the dates of a column of text in the office's time zone, with every repair counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from salessim.errors import LogError

if TYPE_CHECKING:
    import pandas as pd

    from salessim.importers.mapping import Mapping

FIRST_YEAR, LAST_YEAR, MOST_YEARS = 1970, 2200, 20
"""Dates outside these years, or further from the column's median than so many years, are nobody's work."""
MOST_IMPOSSIBLE = 0.01
"""Share of impossible dates above which the column, not a cell, is wrong."""
OFFSET = r"[T ]\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""A stamp that ends in its offset from UTC; the time before it tells 2026-01-05 from an offset of five hours."""
_ZEROS = r"0000[-/.]?00[-/.]?00.*"


def cells(text: pd.Series) -> pd.Series:
    """The cells of a column of dates, without blanks; SAP and MySQL write zeros where there is no date."""
    stripped = text.str.strip()
    return stripped.where((stripped != "") & ~stripped.str.fullmatch(_ZEROS))


def dates(text: pd.Series, mapping: Mapping, source: str, column: str, counts: Counter[str]) -> pd.Series:
    """Dates of a whole column in one format, in the office's time zone.

    Raises:
        LogError: no cell is a date, some cell is something else, with its line, or too many are impossible.
    """
    import pandas as pd

    filled, kind = cells(text), mapping.time_format
    if filled.isna().all():
        raise LogError(source, f"the column {column!r} has no date", "map another column or take it out of the mapping")
    counts["dates of zeros count as missing"] += int((filled.isna() & (text.str.strip() != "")).sum())
    try:
        # Stamps without an offset are read as if they were UTC and moved to their time zone below.
        parsed = pd.to_datetime(filled, format=kind, utc=True, errors="coerce")
    except (ValueError, TypeError, OverflowError):
        parsed = pd.Series(pd.NaT, index=filled.index, dtype="datetime64[us, UTC]")
    wrong = filled.notna() & parsed.isna()
    if wrong.any():
        row = wrong.idxmax()
        problem = f"{text[row]!r} in column {column!r} is not a date of format {kind}"
        raise LogError(f"{source}:{int(row) + 2}", problem, "set time_format in the mapping, such as '%d.%m.%Y %H:%M'")
    parsed = _possible(parsed.dt.as_unit("us"), text, source, column, counts)
    carried = filled.str.contains(OFFSET, na=False) if kind == "ISO8601" else pd.Series("%z" in kind, index=filled.index)
    naive = parsed.notna() & ~carried
    if naive.any() and carried.any():
        counts[f"dates in column {column!r} carry no offset, others do; they were read as {mapping.stamps_in}"] += int(naive.sum())
    parsed[naive] = _localised(parsed[naive].dt.tz_localize(None), mapping.stamps_in, counts)
    return parsed.dt.tz_convert(mapping.office_in)


def _possible(parsed: pd.Series, text: pd.Series, source: str, column: str, counts: Counter[str]) -> pd.Series:
    """The dates without those that no office can have had: typing errors, and the 9999 of systems for "never"."""
    import pandas as pd

    year = parsed.dt.year
    impossible = parsed.notna() & ((year < FIRST_YEAR) | (year >= LAST_YEAR))
    middle = parsed[~impossible].median()
    impossible |= (parsed - middle).abs() > pd.Timedelta(days=MOST_YEARS * 365.25)
    if not impossible.any():
        return parsed
    row, count = impossible.idxmax(), int(impossible.sum())
    line, example = int(row) + 2, text[row].strip()
    if count > MOST_IMPOSSIBLE * len(parsed):
        raise LogError(
            f"{source}:{line}", f"{example!r} in column {column!r} is no possible date, and {count:,} of {len(parsed):,} rows are like it",
            "correct or empty these cells, or set time_format in the mapping",
        )  # fmt: skip
    counts[f"dates in column {column!r} are impossible and were dropped (such as {example!r} in line {line})"] += count
    return parsed.where(~impossible)


def _localised(wall: pd.Series, zone: str, counts: Counter[str]) -> pd.Series:
    """Local times as UTC: of the hour that comes twice in autumn the first, the one left out in spring moved to its end."""
    import numpy as np

    twice = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    local = wall.dt.tz_localize(zone, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward")
    counts["dates lie in the hour that comes twice in autumn; the first was taken"] += int(twice.sum())
    counts["dates lie in the hour that is left out in spring; they were moved to its end"] += int((local.dt.tz_localize(None) != wall).sum())
    return local.dt.tz_convert("UTC")
