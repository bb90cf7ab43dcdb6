"""Stamps: the dates of a column of text, read in one convention for the whole column, with every repair counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers.quality import Tally

if TYPE_CHECKING:
    import pandas as pd

FIRST_YEAR, LAST_YEAR, MOST_YEARS = 1970, 2200, 20
"""Dates outside these years, or further from the column's median than so many years, are nobody's work."""
MOST_WRONG = 0.01
"""Share of cells that are no date, or an impossible one, above which the column, not a cell, is wrong."""
OFFSET = r"[T ]\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""A stamp that ends in its offset from UTC; the time before it tells 2026-01-05 from an offset of five hours."""
ISO, EPOCH, EXCEL = "ISO8601", "epoch", "excel"
_CLOCK = r"\d:\d\d|T\d|\d{14}|\d{8} \d{6}|\d [AaPp][Mm]|[时時点點]"
_ZEROS = r"0000[-/.]?00[-/.]?00.*"
_LATE = r"(?P<before>.*[T ])24:00(?P<after>(?::00(?:\.0+)?)?.*)"
_LEAP = r"(?P<before>.*\d:\d\d):60(?P<after>.*)"
_UNITS = (("s", 1e8, 1e11, 1e6), ("ms", 1e11, 1e14, 1e3), ("us", 1e14, 1e17, 1.0), ("ns", 1e17, 1e20, 1e-3))
"""Seconds since 1970 and their parts: the range of each for the years 1973 to 5138, and microseconds in one."""


@dataclass(frozen=True)
class Convention:
    """How the dates of a table are written.

    Args:
        formats: what fits, the first that does counts for a cell.
        zone: of stamps that carry none.
        at: the place of a row, for messages.
        office: the time zone in which a date without a time of day is a day.
    """

    formats: tuple[str, ...]
    zone: str
    at: Callable[[int], str]
    office: str = "UTC"


def cells(text: pd.Series) -> pd.Series:
    """The cells of a column of dates, without blanks; SAP and MySQL write zeros where there is no date."""
    stripped = text.str.strip()
    return stripped.where((stripped != "") & ~stripped.str.fullmatch(_ZEROS))


def whole(at: Callable[[int], str]) -> str:
    """What holds the rows: the place of one without its line (the address of a database has colons of its own)."""
    return re.sub(r":\d+$", "", at(0))


def dates(text: pd.Series, how: Convention, column: str, tally: Tally) -> pd.Series:
    """Dates of a whole column, in UTC; NaT where there is none.

    Raises:
        LogError: no cell is a date, or too many are something else or impossible; with the line of the first.
    """
    import pandas as pd

    filled = cells(text)
    if filled.isna().all():
        raise LogError(whole(how.at), f"the column {column!r} has no date", "map another column or take it out of the mapping")
    tally.dropped("dates of zeros count as missing", int((filled.isna() & (text.str.strip() != "")).sum()))
    parsed, carried = _first_fit(filled, how, tally, column)
    if how.formats == (EPOCH,):
        _count_units(filled, column, tally)
    wrong = filled.notna() & parsed.isna()
    if wrong.any():
        _few(wrong, filled, how, f"in column {column!r} is not a date of format {' or '.join(how.formats)}", "set time_format in the mapping, such as '%d.%m.%Y %H:%M'")
        tally.dropped(f"dates in column {column!r} could not be read and were dropped", int(wrong.sum()), f"{filled[wrong.idxmax()]!r} at {how.at(int(wrong.idxmax()))}")
    parsed = _possible(parsed, filled, how, column, tally)
    bare = _without_time(parsed, filled, how.formats)
    if bare.any():  # wherever the system's clock stands, a day is a day of the office
        tally.without_time(column, whole(how.at), bare.index[bare].tolist(), str(filled[bare.idxmax()]))
        parsed = parsed.mask(bare, _localised(parsed[bare].dt.tz_localize(None), how.office, Tally()))
        carried = carried | bare
    naive = parsed.notna() & ~carried
    if naive.any() and carried.any():
        tally.repaired(f"dates in column {column!r} carry no offset, others do; they were read as {how.zone}", int(naive.sum()))
    if how.zone != "UTC" and naive.any():
        parsed = parsed.mask(naive, _localised(parsed[naive].dt.tz_localize(None), how.zone, tally))
    return pd.Series(parsed, name=column)


def _without_time(parsed: pd.Series, filled: pd.Series, formats: tuple[str, ...]) -> pd.Series:
    """Which dates are days: cells without a clock, or all of a column of which every clock stands at 0:00."""
    midnight = parsed.notna() & (parsed.dt.normalize() == parsed)
    if not midnight.any() or int(midnight.sum()) == int(parsed.notna().sum()):
        return midnight
    clock = filled.str.contains("." if formats == (EPOCH,) else r"\." if formats == (EXCEL,) else _CLOCK, na=False)
    return midnight & ~clock


def fits(filled: pd.Series, kind: str) -> tuple[pd.Series, pd.Series]:
    """Cells as dates in UTC, NaT where a format does not fit, and which of them carry an offset."""
    import pandas as pd

    nothing = pd.Series(False, index=filled.index)
    if kind in (EPOCH, EXCEL):
        return _numbers(filled, kind), filled.notna()
    try:
        # Stamps without an offset are read as if they were UTC and moved to their time zone later.
        parsed = pd.to_datetime(filled, format=kind, utc=True, errors="coerce").dt.as_unit("us")
    except (ValueError, TypeError, OverflowError):
        return pd.Series(pd.NaT, index=filled.index, dtype="datetime64[us, UTC]"), nothing
    return parsed, filled.str.contains(OFFSET, na=False) if kind == ISO else nothing | ("%z" in kind)


def _first_fit(filled: pd.Series, how: Convention, tally: Tally, column: str) -> tuple[pd.Series, pd.Series]:
    """Each cell in the first format that fits it, after a second look at 24:00 and at leap seconds."""
    import pandas as pd

    parsed, carried = fits(filled, how.formats[0])
    for kind in how.formats[1:]:
        missed = filled.notna() & parsed.isna()
        if missed.any():
            more, with_offset = fits(filled[missed], kind)
            tally.repaired(f"dates in column {column!r} are of another format than most; they were read as {kind}", int(more.notna().sum()))
            parsed.loc[missed], carried.loc[missed] = more, with_offset
    missed = filled.notna() & parsed.isna()
    if missed.any():
        for pattern, instead, more_time, what in ((_LATE, r"\g<before>00:00\g<after>", "1D", "24:00; it is 0:00 of the next day"),
                                                  (_LEAP, r"\g<before>:59\g<after>", "1s", "a 60th second; it is the next minute")):  # fmt: skip
            odd = filled[missed][filled[missed].str.fullmatch(pattern)]
            if len(odd):
                mended = odd.map(lambda cell, p=pattern, i=instead: re.sub(p, i, cell))
                for kind in how.formats:
                    again, with_offset = fits(mended, kind)
                    good = again.notna()
                    parsed.loc[again.index[good]] = again[good] + pd.Timedelta(more_time)
                    carried.loc[again.index[good]] = with_offset[good]
                    tally.repaired(f"dates in column {column!r} have {what}", int(good.sum()), str(odd.iloc[0]))
                    mended = mended[~good]
    return parsed, carried


def _numbers(filled: pd.Series, kind: str) -> pd.Series:
    """Seconds since 1970 or parts of them by their size, or Excel's days since 1900 (with its 29 February that never was)."""
    import numpy as np
    import pandas as pd

    number = pd.to_numeric(filled, errors="coerce").astype("float64")
    us = pd.Series(np.nan, index=filled.index)
    if kind == EXCEL:
        us = (number - 25_569).where(number.between(61, 110_000)) * 86_400e6
    else:
        for _, low, high, factor in _UNITS:
            us = us.where(~number.between(low, high, inclusive="left"), number * factor)
    stamps = pd.Series(pd.NaT, index=filled.index, dtype="datetime64[us, UTC]")
    good = us.notna()
    # Whole milliseconds: a float holds no more of a day or second that matters here.
    stamps.loc[good] = pd.to_datetime((us[good] / 1e3).round().astype("int64"), unit="ms", utc=True).dt.as_unit("us")
    return stamps


def units_of_epochs(filled: pd.Series) -> dict[str, int]:
    """Which parts of a second a column of numbers since 1970 counts in, and how many cells each."""
    import pandas as pd

    number = pd.to_numeric(filled, errors="coerce")
    return {name: count for name, low, high, _ in _UNITS if (count := int(number.between(low, high, inclusive="left").sum()))}


def _count_units(filled: pd.Series, column: str, tally: Tally) -> None:
    """Tell of numbers that count in another part of a second than most."""
    units = units_of_epochs(filled)
    for unit in sorted(units, key=lambda u: -units[u])[1:]:
        tally.repaired(f"dates in column {column!r} count {unit} since 1970, by their size, and most do not", units[unit])


def _few(wrong: pd.Series, filled: pd.Series, how: Convention, problem: str, remedy: str) -> None:
    """Refuse a column of which more than a few cells are wrong."""
    count, total = int(wrong.sum()), int(filled.notna().sum())
    if count > MOST_WRONG * total:
        row = int(wrong.idxmax())
        like = f", and {count:,} of {total:,} rows are like it" if count > 1 else ""
        raise LogError(how.at(row), f"{filled[row]!r} {problem}{like}", remedy)


def _possible(parsed: pd.Series, filled: pd.Series, how: Convention, column: str, tally: Tally) -> pd.Series:
    """The dates without those that no office can have had: typing errors, and the 9999 of systems for "never"."""
    import pandas as pd

    year = parsed.dt.year
    impossible = parsed.notna() & ((year < FIRST_YEAR) | (year >= LAST_YEAR))
    middle = parsed[~impossible].median()
    impossible |= (parsed - middle).abs() > pd.Timedelta(days=MOST_YEARS * 365.25)
    if not impossible.any():
        return parsed
    _few(impossible, filled, how, f"in column {column!r} is no possible date", "correct or empty these cells, or set time_format in the mapping")
    row = int(impossible.idxmax())
    line = how.at(row).rpartition(":")[2]
    tally.dropped(f"dates in column {column!r} are impossible and were dropped (such as {filled[row]!r} in line {line})", int(impossible.sum()))
    return parsed.where(~impossible)


def _localised(wall: pd.Series, zone: str, tally: Tally) -> pd.Series:
    """Local times as UTC: of the hour that comes twice in autumn the first, the one left out in spring moved to its end."""
    import numpy as np

    twice = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    local = wall.dt.tz_localize(zone, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward")
    tally.repaired("dates lie in the hour that comes twice in autumn; the first was taken", int(twice.sum()))
    tally.repaired("dates lie in the hour that is left out in spring; they were moved to its end", int((local.dt.tz_localize(None) != wall).sum()))
    return local.dt.tz_convert("UTC")
