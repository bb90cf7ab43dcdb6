"""Several tables joined into one history by the keys of their records; what joins nothing is listed.

Records that belong to each other (a lead, the opportunity it became, its orders) are one case. The case is called after
its record of the kind that the mapping names first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.errors import LogError
from salessim.importers.quality import Tally, Unmatched
from salessim.importers.reading import VISIT, Part

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class History:
    """What all tables tell together, by case."""

    visits: pd.DataFrame
    """As in `Part`, with `case` for `id`."""
    born: pd.Series
    """case -> its first date."""
    about: pd.DataFrame
    """case -> what is known of it, as text."""
    window: tuple[pd.Timestamp, pd.Timestamp]
    teams: dict[str, str]
    hourly: dict[str, float]
    enabled_known: bool


class _Kin:
    """Records that belong together (disjoint sets, the root being the record that names the case)."""

    def __init__(self, rank: dict[str, int]) -> None:
        self.rank = rank
        self.above: dict[tuple[str, str], tuple[str, str]] = {}
        self.doubled = 0

    def root(self, record: tuple[str, str]) -> tuple[str, str]:
        """The record that names the case; on the way each points nearer to it."""
        above = self.above
        while (up := above.get(record, record)) != record:
            above[record] = above.get(up, up)
            record = up
        return record

    def join(self, a: tuple[str, str], b: tuple[str, str]) -> None:
        """Two records belong together."""
        a, b = self.root(a), self.root(b)
        if a != b:
            self.doubled += a[0] == b[0]
            first, other = sorted((a, b), key=lambda r: (self.rank[r[0]], r[1]))
            self.above[other] = first


def history(parts: dict[str, Part], tally: Tally) -> History:
    """One history of the parts.

    Args:
        parts: by the name of their table, in the order of the mapping.
        tally: where what does not join is listed.

    Raises:
        LogError: no table has a date.
    """
    import pandas as pd

    told = {label: p for label, p in parts.items() if not p.teams}
    name_of = _cases(told, tally)
    visits, born, about = [], [], []
    for part in told.values():
        rename = name_of.get(part.record)
        if part.visits is not None and len(part.visits):
            visits.append(_renamed(part.visits, rename))
        if part.born is not None:
            born.append(part.born if rename is None else part.born.rename(rename))
        if part.about is not None and len(part.about.columns):
            about.append(part.about if rename is None else part.about.rename(rename))
    together = pd.concat(visits, ignore_index=True) if visits else pd.DataFrame({c: [] for c in ("case", *VISIT[1:])})
    first = pd.concat(born) if born else pd.Series(dtype="datetime64[us, UTC]")
    known = pd.concat(about) if about else pd.DataFrame()
    if len(about) > 1 or name_of:
        known = known.groupby(level=0, sort=False).first()
    if len(born) > 1 or name_of:
        first = first.groupby(level=0, sort=False).min()
    teams = {who: team for p in parts.values() for who, team in p.teams.items()}
    hourly = {who: money for p in parts.values() for who, money in p.hourly.items()}
    if teams and len(together):
        _staff(teams, together, tally)
    windows = [p.window for p in told.values() if p.window is not None]
    if not windows:
        raise LogError("mapping tables", "no table has the dates of anything", "add a table of events or states, or dates of steps")
    window = min(w[0] for w in windows), max(w[1] for w in windows)
    return History(together, first, known, window, teams, hourly, any(p.enabled_known for p in told.values()))


def _renamed(visits: pd.DataFrame, rename: dict[str, str] | None) -> pd.DataFrame:
    if rename is None:
        return visits.rename(columns={"id": "case"})
    case = visits["id"].astype("str").map(lambda i: rename.get(i, i)).astype("category")
    return visits.assign(case=case).drop(columns="id")


def _cases(parts: dict[str, Part], tally: Tally) -> dict[str, dict[str, str]]:
    """Kind of record -> (key -> case); nothing if there is but one kind."""
    rank = {record: i for i, record in enumerate(dict.fromkeys(p.record for p in parts.values()))}
    for part in parts.values():
        for other in part.links:
            rank.setdefault(other, len(rank))
    if len(rank) == 1:
        _strangers(parts, tally)
        _lonely(parts, {}, tally)
        return {}
    ids = _known_ids(parts)
    kin = _Kin(rank)
    for label, part in parts.items():
        for other, pairs in part.links.items():
            if other not in ids:
                continue  # no table tells anything of these
            there = pairs.isin(ids.get(other, set()))
            if not there.all():
                tally.unmatched.append(Unmatched(f"keys of {other} in table {label!r} are in no table of {other}", tuple(sorted(set(pairs[~there])))))
            for mine, theirs in pairs[there].items():
                kin.join((part.record, str(mine)), (other, theirs))
            alone = len(_ids_of(part)) - pairs.index.nunique()
            tally.doubtful(f"records of table {label!r} name no {other}", alone)
    tally.doubtful("cases hold several records of the kind that names them", kin.doubled)
    _strangers(parts, tally)
    names: dict[tuple[str, str], str] = {}
    owner: dict[str, tuple[str, str]] = {}
    for record, known in ids.items():
        for key in sorted(known):
            root = kin.root((record, key))
            if root not in names:
                names[root] = root[1] if owner.setdefault(root[1], root) == root else f"{root[0]} {root[1]}"
    result = {record: {key: names[kin.root((record, key))] for key in known} for record, known in ids.items()}
    _lonely(parts, result, tally)
    return result


def _ids_of(part: Part) -> set[str]:
    found: set[str] = set()
    if part.born is not None:
        found |= set(map(str, part.born.index))
    if part.about is not None:
        found |= set(map(str, part.about.index))
    for pairs in part.links.values():
        found |= set(map(str, pairs.index))
    return found


def _known_ids(parts: dict[str, Part]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for part in parts.values():
        ids.setdefault(part.record, set()).update(_ids_of(part))
    return ids


def _strangers(parts: dict[str, Part], tally: Tally) -> None:
    """List keys of histories that the table of their records lacks."""
    registers: dict[str, set[str]] = {}
    for part in parts.values():
        if part.is_register:
            registers.setdefault(part.record, set()).update(_ids_of(part))
    for label, part in parts.items():
        if not part.is_register and part.record in registers and part.born is not None:
            strange = sorted(set(map(str, part.born.index)) - registers[part.record])
            if strange:
                tally.unmatched.append(Unmatched(f"keys in table {label!r} are in no table of {part.record}", tuple(strange)))


def _lonely(parts: dict[str, Part], cases: dict[str, dict[str, str]], tally: Tally) -> None:
    """List records without dates that belong to no case with some: they are not in the log."""
    dated = {cases.get(p.record, {}).get(str(i), str(i)) for p in parts.values() if p.born is not None for i in p.born.index}
    for label, part in parts.items():
        if part.born is None or part.is_register:
            lost = sorted(i for i in _ids_of(part) if cases.get(part.record, {}).get(i, i) not in dated)
            if lost:
                tally.unmatched.append(Unmatched(f"records of table {label!r} belong to no case with a date", tuple(lost)))


def _staff(teams: dict[str, str], visits: pd.DataFrame, tally: Tally) -> None:
    """List people who work and are in no team, and the other way round."""
    seen = set(visits["resource"].astype("str")) - {""}
    for what, names in (("people work but are in no table of people", seen - set(teams)), ("people in the table of people never work", set(teams) - seen)):
        if names:
            tally.unmatched.append(Unmatched(what, tuple(sorted(names))))
