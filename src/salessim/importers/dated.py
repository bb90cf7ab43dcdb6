"""A guess for tables of which a row is a record with dates (a lead, a deal, an order): no events, but columns such as `won_date`.

Each column of dates is a moment of the record. From every moment but the last the record is at a step until the next one;
the last is its end, if it sounds like one or a column of states says how records end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.formats import guess_formats
from salessim.importers.meanings import ANY_STAGE, ending_of, listed, sounds_like, stage_of
from salessim.importers.names import MOST_STEPS
from salessim.importers.roles import ABOUT, ROLES, guess_columns, tight
from salessim.importers.stamps import FIRST_YEAR, LAST_YEAR, cells

if TYPE_CHECKING:
    import pandas as pd

    from salessim.importers.readers import Source, Table

_OVER = re.compile(r"\b(clos|won|win|lost|complet|finish|end|resolv|deliver|sign|cancel|paid)|成交|赢单|关闭|完成|结束|签约")
"""What the last date of a record is called where it ends with it."""
_DATE_WORDS = re.compile(r"(?:^|[\s_]+)(?:date|time|datetime|timestamp|at|on|day)$|^(?:date|time)[\s_]+|(?<=[a-z])(?:Date|Time|At|On)$|(?<=.)(?:日期|时间)$")
_NO_MOMENT = re.compile(r"updat|modif|edited|escalat|\bdue\b|deadline|expect|estimat|target|plan|forecast|remind|birth|expir|valid|更新|修改|预计|计划|截止|到期|生日")
"""Dates that tell of no step of a record: bookkeeping, plans and limits."""
MOST_KNOWN = 0.9
"""What a later table says of fewer of the records is not known of a record beforehand; a few may be missing by mistake."""
MOST_STATES = 20
"""Words in a column of states; a column with more is something else."""


@dataclass(frozen=True)
class Records:
    """A table of records: its key, its moments in the order in which they come, and how records end."""

    label: str
    frame: pd.DataFrame
    key: str
    moments: dict[str, str]
    """Name -> column."""
    middle: pd.Timestamp | None
    """Of the first moment: tables are put in this order."""
    formats: tuple[str | list[str], ...]
    states: str | None
    endings: dict[str, str]
    """Word in `states` -> how a record with it ended."""
    days: tuple[str, ...]
    """Columns of dates without a time of day."""
    dateless: int
    """Rows without any date."""


def records(source: Source) -> list[Records]:
    """The tables of records, those that tell of the earliest moment first; none if no table has both a key and dates."""
    found = [r for label, table in source.tables.items() if (r := _records(label, table)) is not None]
    dated = sorted((r for r in found if r.moments), key=lambda r: (r.middle, r.label))
    return [*dated, *(r for r in found if not r.moments)] if dated else []


def _records(label: str, table: Table) -> Records | None:
    import pandas as pd

    frame = table.frame()
    key = _key(frame)
    if key is None:
        return None
    dated: dict[str, pd.Series] = {}
    formats: list[str | list[str]] = []
    for column in frame.columns:
        written = _dates(frame[column], table) if column != key and not _NO_MOMENT.search(_in_words(column)) else None
        if written is not None:
            dated[column] = written[0].reindex(frame.index)
            formats += [written[1]] if written[1] and written[1] not in formats else []
    order = sorted(dated, key=lambda c: (sum(bool((dated[c] < dated[o]).sum() < (dated[c] > dated[o]).sum()) for o in dated), list(frame.columns).index(c)))
    states, endings = _states(frame, {key, *dated})
    middle = pd.Timestamp(dated[order[0]].median()) if order else None
    days = tuple(c for c in order if (dated[c].dropna().dt.normalize() == dated[c].dropna()).all())
    dateless = int(pd.concat([dated[c].isna() for c in order], axis=1).all(axis=1).sum()) if order else 0
    return Records(label, frame, key, {_moment(c, order): c for c in order}, middle, tuple(formats), states, endings, days, dateless)


def _in_words(column: str) -> str:
    """The name of a column in small letters, with blanks between its words."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)).lower()


def _key(frame: pd.DataFrame) -> str | None:
    """The column of which no two rows have the same filled cell: one that is called as keys are, or the first."""
    unique = [c for c in frame.columns if (frame[c].str.strip() != "").all() and not frame[c].str.strip().duplicated().any()]
    called = [c for w in ROLES["case"] for c in unique if tight(w) == tight(c)]
    return next(iter([*called, *(c for c in unique if re.search(r"(?:id|key|no|number|nr|code)$", c.lower())), *(c for c in unique if c == frame.columns[0])]), None)


def has_dates(table: Table) -> bool:
    """Whether any column of a table holds dates."""
    frame = table.frame()
    return any(_dates(frame[column], table) is not None for column in frame.columns)


def _dates(column: pd.Series, table: Table) -> tuple[pd.Series, str | list[str] | None] | None:
    """Its dates and their format, if nearly all filled cells are dates; bare numbers are amounts, keys or years."""
    filled = cells(column).dropna()
    if filled.empty or not filled.str.contains(r"\d.*[-/.:年 ].*\d").all() or filled.str.fullmatch(r"[-+]?\d*[.,]?\d+").any():
        return None
    try:
        written = guess_formats(column, str(column.name), table.at, [])
    except LogError:
        return None
    years = written.parsed.dropna().dt.year
    return (written.parsed, written.for_mapping()) if years.between(FIRST_YEAR, LAST_YEAR).mean() > 0.99 else None


def _moment(column: str, all_: list[str]) -> str:
    """What a column of dates is called without the word for date; the column's name where two would be called alike."""
    def bare(name: str) -> str:
        short = re.sub(r"[\s_]+", " ", _DATE_WORDS.sub("", name)).strip()
        return short or name

    return bare(column) if [bare(c) for c in all_].count(bare(column)) == 1 else column


def _states(frame: pd.DataFrame, taken: set[str]) -> tuple[str | None, dict[str, str]]:
    """The column of few words of which some are endings, and what these mean."""
    best: tuple[str | None, dict[str, str]] = None, {}
    for column in frame.columns:
        words = set(frame[column].str.strip().unique()) - {""} if column not in taken else set()
        endings = {w: e for w in sorted(words) if (e := ending_of(w))} if len(words) <= MOST_STATES else {}
        if len(endings) > len(best[1]):
            best = str(column), endings
    return best


def mapping_of(found: list[Records], warnings: list[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """The tables and activities of a mapping, and how sure each is."""
    first = found[0]
    together = [r for r in found if r is first or _shared(r, first) > 0]
    moments = [(r, name) for r in together for name in r.moments]
    ends_with = _ending(together, warnings)
    tables: dict[str, Any] = {}
    activities: dict[str, Any] = {}
    sure: dict[str, float] = {}
    for r in together:
        steps, mine = {}, list(r.moments)
        for i, name in enumerate(mine):
            column = r.moments[name]
            if ends_with == (r.label, name):
                steps.update(_last(r, name, column, activities))
            elif (r, name) != moments[-1] or ends_with is None:
                following = r.moments[mine[i + 1]] if i + 1 < len(mine) else None
                steps[name] = {"enabled": column, **({"end": following} if following else {})}
                activities[name] = {"kind": "work", "stage": stage_of(name)}
            else:
                steps[name] = {"time": column}
                activities[name] = {"kind": "event", "stage": stage_of(name)}
        roles, confidence = guess_columns(r.frame.drop(columns=[r.key, *r.moments.values()]), {})
        if r is not first and (told := _told_by_outcome(r, first)):
            for role in [role for role in ("segment", "channel") if role in roles]:
                warnings.append(f"The column {roles.pop(role)!r} is known of {told} only: as a {role} it would tell how they ended, so it is left out.")
        columns = {"case": r.key, **{role: c for role, c in roles.items() if role in (*ABOUT, "resource")}}
        tables[r.label] = {"shape": "cases", "columns": columns, **({"steps": steps} if steps else {}), **_format(r)}
        sure[r.label] = min([0.8, *(confidence[role] for role in columns if role in confidence)])
        if r is not first:
            warnings.append(f"The table {r.label!r} is joined by {r.key!r}, which {100 * _shared(r, first):.0f} % of its rows share with {first.label!r}.")
        if r.days:
            warnings.append(f"Dates of {', '.join(map(repr, r.days))} have no time of day: hours cannot be learnt from them, nor waits below a day.")
        if r.dateless:
            warnings.append(f"{r.dateless:,} of {len(r.frame):,} rows of {r.label!r} have no date at all: they are not in the log.")
    unheard = [name for name, a in activities.items() if a["kind"] == "work" and sounds_like(name) is None]
    if unheard:
        warnings.append(f"Nothing in the names {listed(unheard)} says which of the seven stages they belong to: taken for {ANY_STAGE!r}.")
    warnings.insert(0, "Rows are records with dates, not events: each is at a step from one date to the next. Rename the steps to what people do then.")
    if not any(a["kind"] == "work" for a in activities.values()):
        warnings.append("There is one date only, so nothing tells how long anything took: inspect this table together with the one that says when these records began (both files, or their folder).")
    return {"tables": tables, "activities": activities}, sure


def _format(r: Records) -> dict[str, Any]:
    return {"time_format": r.formats[0] if len(r.formats) == 1 else [f for one in r.formats for f in ([one] if isinstance(one, str) else one)]} if r.formats else {}


def _shared(r: Records, first: Records) -> float:
    """The share of a table's keys that are also the first one's, if the columns are called alike."""
    if tight(r.key) != tight(first.key):
        return 0.0
    return float(r.frame[r.key].str.strip().isin(set(first.frame[first.key].str.strip())).mean())


def _told_by_outcome(r: Records, first: Records) -> str | None:
    """Which of the first table's records a further table is about, if most are in it no more: what it says then hangs on what became of them."""
    known = first.frame[first.key].str.strip().isin(set(r.frame[r.key].str.strip()))
    return f"{int(known.sum()):,} of {len(known):,} records" if known.mean() < MOST_KNOWN else None


def _ending(together: list[Records], warnings: list[str]) -> tuple[str, str] | None:
    """Table and moment with which records end: the last one that sounds so, or that of a table with a column of endings."""
    for r in reversed([r for r in together if r.moments]):
        name = list(r.moments)[-1]
        if (r.endings and len(r.moments) > 1) or _OVER.search(name.lower().replace("_", " ")):
            return r.label, name
    warnings.append("No date sounds like the end of a record, and no model can be learnt from cases of which nobody knows how they ended: inspect this table together with the one that says so (both files, or their folder), or say which activity ends a case ('ends: won').")
    return None


def _last(r: Records, name: str, column: str, activities: dict[str, Any]) -> dict[str, Any]:
    """The steps a record ends with: one for each word that says how, or one for all."""
    if not r.endings:
        how = ending_of(name) or "completed"
        activities[name] = {"kind": "event", "stage": stage_of(name), "ends": how, **({"milestone": "won"} if how == "won" else {})}
        return {name: {"time": column}}
    steps = {}
    for word, how in r.endings.items():
        activities[word] = {"kind": "event", "stage": stage_of(word), "ends": how, **({"milestone": "won"} if how == "won" else {})}
        steps[word] = {"time": column, "where": {str(r.states): [word]}}
    return steps


def fits_a_scenario(found: list[Records]) -> bool:
    """Whether there are records, and no more moments than a scenario may have steps."""
    return bool(found) and sum(len(r.moments) for r in found) <= MOST_STEPS
