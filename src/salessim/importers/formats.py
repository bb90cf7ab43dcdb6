"""The one convention in which the dates of a column are written, guessed from all its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers.stamps import EPOCH, EXCEL, ISO, MOST_WRONG, cells, fits, units_of_epochs, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y",
          "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%d-%b-%y")  # fmt: skip
_CLOCKS = (" %H:%M:%S", " %H:%M", "", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p", ", %H:%M:%S", "T%H:%M:%S", " %H:%M:%S.%f")
FORMATS = (*(d + c for d in _DATES for c in _CLOCKS), "%Y%m%d%H%M%S", "%Y%m%d %H%M%S", "%a, %d %b %Y %H:%M:%S %z")
_FIRST = 500
"""Cells a format is tried on before it is tried on all."""


@dataclass(frozen=True)
class Written:
    """How dates are written."""

    formats: tuple[str, ...]
    is_aware: bool
    """Whether some carry an offset."""
    parsed: pd.Series

    def for_mapping(self) -> str | list[str] | None:
        """What a mapping says; nothing for what it says by itself."""
        return None if self.formats == (ISO,) else self.formats[0] if len(self.formats) == 1 else list(self.formats)


def is_dated(column: pd.Series) -> bool:
    """Whether nearly all filled cells have the digits of a date."""
    filled = cells(column).dropna()
    return len(filled) > 0 and float(filled.str.contains(r"\d.*\d.*\d.*\d").mean()) > 0.9


def guess_formats(column: pd.Series, name: str, at: Callable[[int], str], warnings: list[str]) -> Written:
    """The convention that fits the whole column, day first or month first alike.

    Args:
        column: its cells, blank ones among them.
        name: of the column.
        at: the place of a row.
        warnings: where doubts are told.

    Raises:
        LogError: there is no date, or no convention fits nearly all.
    """
    filled = cells(column).dropna()
    if filled.empty:
        raise LogError(whole(at), f"the column {name!r} has no dates", "choose another column in a mapping")
    written = _numeric(filled, name, warnings) or _textual(filled, warnings) or _mixed(filled, name, at, warnings)
    if written is None:
        raise _no_date(filled, name, at)
    return written


def _numeric(filled: pd.Series, name: str, warnings: list[str]) -> Written | None:
    """Numbers: dates without signs between, seconds since 1970 or days since 1900."""
    import pandas as pd

    if not filled.str.fullmatch(r"\d+(\.\d+)?").all():
        return None
    for kind in ("%Y%m%d", "%Y%m%d%H%M%S") if filled.str.len().isin((8, 14)).all() else ():
        parsed, _ = fits(filled, kind)
        if parsed.isna().mean() <= MOST_WRONG:
            return Written((ISO if kind == "%Y%m%d" else kind,), False, parsed)
    number = pd.to_numeric(filled)
    if number.ge(1e8).mean() > 0.99:
        units = units_of_epochs(filled)
        if len(units) > 1:
            warnings.append(f"The numbers in column {name!r} count {' and '.join(units)} since 1970 by their size: read so, each by itself.")
        return Written((EPOCH,), True, fits(filled, EPOCH)[0])
    if number.between(20_000, 80_000).mean() > 0.99:
        warnings.append(f"The numbers in column {name!r} are read as Excel's days since 1900.")
        return Written((EXCEL,), False, fits(filled, EXCEL)[0])
    return None


def _misses(filled: pd.Series, kind: str) -> float:
    return float(fits(filled, kind)[0].isna().mean())


def _candidates(filled: pd.Series, most: float) -> list[str]:
    """The formats that fit a first look at a column."""
    some = filled.iloc[:: max(1, len(filled) // _FIRST)]
    return [kind for kind in (ISO, *FORMATS) if _misses(some, kind) <= most]


def _textual(filled: pd.Series, warnings: list[str]) -> Written | None:
    """One format for nearly all cells."""
    good = []
    for kind in _candidates(filled, 2 * MOST_WRONG):
        parsed, carried = fits(filled, kind)
        if parsed.isna().mean() <= MOST_WRONG:
            good.append((float(parsed.isna().mean()), kind, parsed, bool(carried.any()), int((~carried & parsed.notna()).sum())))
    if not good:
        return None
    fewest = min(g[0] for g in good)
    good = [g for g in good if g[0] == fewest]
    _, kind, parsed, is_aware, bare = good[0]
    other = next((g[1] for g in good[1:] if _conflict(kind, g[1])), None)
    if other:
        warnings.append(f"Dates fit both {kind} and {other}; day first was taken: check.")
    if is_aware and bare:
        warnings.append(f"{bare:,} dates carry no offset, the others do: set stamps_in to the time zone of those without.")
    if fewest:
        warnings.append(f"{int(fewest * len(filled)):,} dates do not fit {kind} and will be dropped.")
    return Written((kind,), is_aware, parsed)


def _conflict(one: str, other: str) -> bool:
    """Whether two formats read the same text as different days."""
    return other == one.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m") != one


def _mixed(filled: pd.Series, name: str, at: Callable[[int], str], warnings: list[str]) -> Written | None:
    """Two formats of which none reads what the other does."""
    import pandas as pd

    scores = sorted((round(_misses(filled.iloc[:: max(1, len(filled) // _FIRST)], kind), 4), i, kind) for i, kind in enumerate((ISO, *FORMATS)))
    best = [kind for miss, _, kind in scores if miss < 1.0][:6]
    for i, first in enumerate(best):
        parsed, carried = fits(filled, first)
        missed = parsed.isna()
        for second in best[i + 1 :]:
            more, _ = fits(filled[missed], second)
            if more.isna().sum() > MOST_WRONG * len(filled):
                continue
            if _conflict(first, second):
                row = int(more.first_valid_index() or 0)
                raise LogError(at(row), f"{filled[row]!r} in column {name!r} is month first where others are day first, or the other way round", "export it in one format")
            warnings.append(f"Dates in column {name!r} are of two formats, {first} and {second}.")
            both = pd.Series(parsed)
            both.loc[missed] = more
            return Written((first, second), bool(carried.any()), both)
    return None


def _no_date(filled: pd.Series, name: str, at: Callable[[int], str]) -> LogError:
    """Names the first cell that the format of most cells does not fit."""
    fewest = min((fits(filled, kind)[0].isna() for kind in (ISO, *FORMATS)), key=lambda missed: int(missed.sum()))
    row = int(fewest.idxmax())
    problem = f"{filled[row]!r} in column {name!r} is not a date in one known format"
    return LogError(at(row), problem, "correct it, or set time_format in a mapping, such as '%d.%m.%Y %H:%M'")
