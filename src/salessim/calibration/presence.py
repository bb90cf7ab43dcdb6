"""Who is there: absence told from days without any event, and a staffing sheet beside what the log shows.

A day on which a colleague worked and a person did not is a day off or a quiet one. How many quiet days chance makes is told by the
person's other days: numbers of events follow a negative binomial law, and what zeros it does not explain are absence (Lambert
1992, zero inflation). So a person who seldom has anything to do is not taken for one who is away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from salessim.calibration.people import LEAST_DAYS
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.calibration.staff import Staff

SURE = 0.001
"""Chance of absence being told of a team that has none."""
MATTERS = 0.01
"""Absence below this share is left to chance."""
MOST = 0.5
"""People who were away for longer are not of this team any more, or do something else: they are left out."""


@dataclass(frozen=True)
class Away:
    """How much the people of a team are away.

    Args:
        share: of the days on which others of the team worked.
        spell: days at a time, elapsed.
        people: of whom enough is known.
    """

    share: float
    spell: float
    people: int


def away(stamps: pd.Series, people: pd.Series) -> Away | None:
    """Absence of the people of a team, beyond days that are quiet by chance.

    Args:
        stamps: local times at which somebody was seen.
        people: who, for each.

    Returns:
        None where nothing more than chance is seen, or too few people are known for long enough.

    Source:
        Lambert (1992) for zero inflation. No inflation is the edge of what is possible, so the likelihood ratio of one person is
        half of chi-squared (Self and Liang 1987); of all together no more than chi-squared with as many degrees of freedom as people.
    """
    counts = pd.DataFrame({"date": stamps.dt.normalize().to_numpy(), "who": people.to_numpy(str)}).groupby(["who", "date"]).size().unstack(fill_value=0)
    if len(counts) < 2:
        return None
    dates = pd.DatetimeIndex(counts.columns)
    day, heads = dates.day_of_week.to_numpy(), (counts > 0).sum(axis=0).to_numpy()
    usual = np.array([heads[day == d].sum() for d in range(7)], float)
    at_work = usual[day] >= np.median(usual[usual > 0]) / 3  # a Saturday on duty is no day on which others are away
    ratio, shares, weights, spells = 0.0, [], [], []
    for _, row in counts.iterrows():
        seen = row.to_numpy()
        known = np.flatnonzero(seen)
        others = (heads - (seen > 0) > 0) & at_work
        mine = others & (np.arange(len(seen)) >= known[0]) & (np.arange(len(seen)) <= known[-1])
        if (seen[mine] > 0).sum() < LEAST_DAYS:
            continue
        share, gain, chance = _inflated(seen[mine])
        if share > MOST:
            continue
        ratio += 2 * gain
        shares.append(share)
        weights.append(int(mine.sum()))
        if share > 0 and chance < 0.5:  # else most days without anything are just quiet
            spells += _runs(seen[mine] == 0, dates[mine])
    if len(shares) < 2 or special.chdtrc(len(shares), ratio) > SURE:
        return None
    share = float(np.average(shares, weights=weights))
    return Away(share, float(np.mean(spells)) if spells else 1.0, len(shares)) if share >= MATTERS else None


def _inflated(counts: Any) -> tuple[float, float, float]:
    """Share of days away, the log likelihood gained by it, and the chance that a day without anything is a quiet one."""
    value, often = np.unique(counts, return_counts=True)
    fixed, quiet_days = special.gammaln(value + 1.0), value[0] == 0

    def behind(p: Any, inflated: bool) -> float:  # hundreds of times for each person: plain numbers are plain numbers here
        level, size = math.exp(min(max(p[0], -8.0), 12.0)), math.exp(min(max(p[1], -6.0), 8.0))
        gone = 1 / (1 + math.exp(-min(max(p[2], -30.0), 30.0))) if inflated else 0.0
        at = special.gammaln(value + size) - (math.lgamma(size) - size * math.log(size / (size + level))) - fixed + value * math.log(level / (size + level))
        nothing = float(at[0])
        at += math.log1p(-gone)
        if quiet_days:
            at[0] = math.log(max(gone + (1 - gone) * math.exp(nothing), 1e-300))
        return -float(often @ at)

    options = {"maxfev": 250, "xatol": 1e-3, "fatol": 1e-3}
    there = counts[counts > 0]
    plain = optimize.minimize(behind, [np.log(counts.mean()), 0.0], args=(False,), method="Nelder-Mead", options=options)
    more = min((optimize.minimize(behind, [np.log(there.mean()), size, -2.0], args=(True,), method="Nelder-Mead", options=options) for size in (0.0, 3.0)), key=lambda f: float(f.fun))
    gain = float(plain.fun - more.fun)
    if gain <= 0:
        return 0.0, 0.0, 1.0
    level, size, gone = float(np.exp(more.x[0])), float(np.exp(np.clip(more.x[1], -6, 8))), float(special.expit(more.x[2]))
    quiet = (1 - gone) * (size / (size + level)) ** size
    return gone, gain, quiet / (gone + quiet)


def _runs(nothing: Any, dates: pd.DatetimeIndex) -> list[float]:
    """Elapsed days of each run of working days without anything, up to the next one with something."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], nothing.astype(int), [0]]))).reshape(-1, 2)
    return [(dates[b] - dates[a]) / pd.Timedelta(1, "D") for a, b in edges if b < len(dates)]


def told(staff: Staff, seen: pd.DataFrame, roster: Mapping[str, str]) -> dict[str, str]:
    """Put down who is there: absence as a fact, and head counts of the staffing sheet where there is one, with what the log shows beside them.

    Args:
        staff: whose teams get the head count and the absence.
        seen: visits, each with `at`, `person` and `crew`.
        roster: person -> team, of a staffing sheet.

    Returns:
        Facts.
    """
    found = {str(team): away(rows["at"], rows["person"]) for team, rows in seen.groupby("crew") if (rows["person"] != "").all()}
    said = [f"{team}: {_words(a)}" for team, a in sorted(found.items()) if a is not None]
    facts = {"Absence": f"{'; '.join(said)}; days that are quiet by chance apart"} if said else {}
    by_sheet = _heads(staff, roster)
    compared = []
    for team, (heads, idle) in sorted(by_sheet.items()):
        paragraph, gone = staff.teams[team], found.get(team)
        shows = int(paragraph["size"])
        paragraph["size"] = heads
        paragraph["source"] = f"data: {counted(heads, 'person', 'people')} on the staffing sheet; the log: {paragraph['source'].removeprefix('data: ')}"
        text = f"{team}: {heads} on the staffing sheet, {shows} by the log"
        if gone is not None:
            spell = {"law": "exponential", "mean": f"{gone.spell:.3g} days"}
            paragraph["absence"] = {"share": f"{100 * gone.share:.3g} %", "spell": spell, "source": f"data: {_words(gone)}"}
            text += f", who are {_words(gone)}"
        compared.append(text + (f"; never seen: {', '.join(idle)}" if idle else ""))
    return facts | ({"Staffing sheet": "; ".join(compared) + ". The model has the head count of the sheet"} if compared else {})


def _words(gone: Away) -> str:
    return f"away on {100 * gone.share:.2g} % of the days on which others worked, {gone.spell:.2g} days at a time"


def _heads(staff: Staff, roster: Mapping[str, str]) -> dict[str, tuple[int, list[str]]]:
    """By team, the people on the sheet who belong to it, and those of them whom the log never shows.

    Who is never seen belongs where most of the same team of the sheet do. A team of which less than half is on the sheet keeps what the log shows.
    """
    sheet = pd.DataFrame({"label": pd.Series(dict(roster), dtype=object), "team": pd.Series(staff.of_person, dtype=object)})
    listed = sheet[sheet["label"].notna()]
    main = {str(label): rows["team"].value_counts().sort_index().idxmax() for label, rows in listed.dropna().groupby("label")}
    result = {}
    for team in sorted(set(main.values())):
        members = sheet[sheet["team"] == team]
        idle = sorted(str(who) for who, row in listed[listed["team"].isna()].iterrows() if main.get(str(row["label"])) == team)
        on_sheet = int(members["label"].notna().sum())
        if 2 * on_sheet >= len(members):
            result[str(team)] = (on_sheet + len(idle), idle)
    return result
