"""The cases that are open when a log ends, as a scenario takes them up: where each is, since when, who works on it.

A case whose last visit is over is on its way to the next; on which of the learnt ways the log does not say, so the row
says which step it has left (`after`), and each run draws its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from salessim.calibration.journey import GAVE_UP, sequences
from salessim.importers.eventlog import SYSTEM, WAITING

if TYPE_CHECKING:
    from salessim.calibration.journey import Moves
    from salessim.calibration.memory import State
    from salessim.calibration.staff import Staff
    from salessim.log import EventLog


class Names(NamedTuple):
    """What things of the log are called in the scenario."""

    step_of: Callable[[State], str | None]
    steps: Mapping[str, Any]
    """The paragraphs of the steps."""
    channel_of: Mapping[str, str]
    enters: Mapping[str, str]
    """channel of the scenario -> step"""
    segment_of: Mapping[Any, str]
    """case -> segment"""
    valued: set[str]
    """Segments whose deals have a value."""


def open_cases(log: EventLog, moves: Moves, staff: Staff, patient: set[str], names: Names) -> tuple[list[dict[str, Any]], int]:
    """Rows of `scenario.open_cases.OpenCase` for the cases that are open, and how many are at no step of the scenario.

    Args:
        log: whose end is the start of the run, a case's visits side by side.
        moves, staff, patient: as learnt from it.
        names: of the scenario.
    """
    found: list[dict[str, Any]] = []
    left_out = 0
    frame = log.frame
    codes = frame["case"].to_numpy()
    bounds = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1], [True]]))
    cases = sequences(log, patient)
    for (a, b), case, states in zip(pairwise(bounds), cases, moves.memory.states(cases), strict=True):
        if case.ending != "open":
            continue
        rows = frame.iloc[a:b]
        rows = rows[~rows["step"].isin([WAITING, SYSTEM])]
        channel = names.channel_of.get(case.channel, "")
        arrived = frame["enabled"].iloc[a:b].min()
        where = _where(rows, arrived, [moves.entry.get(case.channel, states[0]), *states[1:]], case.gave_up, names, staff) if channel in names.enters else None
        if where is None and channel in names.enters and rows.empty:  # its cases begin at a step, and this one waits for it
            where = {"step": names.enters[channel], "since": arrived}
        if where is None:
            left_out += 1
            continue
        segment, value = names.segment_of[codes[a]], float(frame["value"].iloc[a])
        row = {"case": str(codes[a]), "channel": channel, "segment": segment, "arrived": arrived} | where
        if segment in names.valued and value > 0:
            row["value"] = value
        row |= _marks(rows, log.about.milestones, staff)
        found.append({k: v.isoformat() if isinstance(v, pd.Timestamp) else v for k, v in row.items()})
    _not_too_many(found, staff)
    return found, left_out


def _where(rows: pd.DataFrame, arrived: pd.Timestamp, states: list[State], gave_up: list[bool], names: Names, staff: Staff) -> dict[str, Any] | None:
    """The place of a case: in a visit, or on its way from one; None where the scenario has no such step."""
    under_way = len(rows) > 0 and pd.isna(rows["ended"].iloc[-1])
    visited: Counter[str] = Counter()
    for state, quit_ in zip(states[: len(states) - under_way], gave_up, strict=False):
        for passed in ([state, (state[0], GAVE_UP)] if quit_ else [state]):
            name = names.step_of(passed)
            if name in names.steps:
                visited[str(name)] += 1
    counts = {"visited": dict(visited)} if visited else {}
    last = states[-1]
    if not under_way:
        ways = [names.step_of((last[0], GAVE_UP))] if gave_up[len(states) - 1] else []
        left = next((n for n in [*ways, names.step_of(last)] if n in names.steps), None)
        return None if left is None else {"after": left, "since": rows["ended"].iloc[-1] if len(rows) else arrived} | counts
    step = next((n for n in (names.step_of(last), names.step_of((last[0], 0))) if n in names.steps), None)
    if step is None:
        return None
    row, paragraph = rows.iloc[-1], names.steps[step]
    place = {"step": step, "since": row["enabled"]} | counts
    if "work" in paragraph and pd.notna(row["started"]):
        person = str(row["person"]).split(" + ")[0]
        team = staff.of_person.get(person, "")
        place |= {"team": [team if team in paragraph["by"] else paragraph["by"][0], *paragraph.get("together_with", [])], "started": row["started"]}
    return place


def _marks(rows: pd.DataFrame, milestones: dict[str, str], staff: Staff) -> dict[str, Any]:
    """When it was answered, won and delivered, as far as it was."""
    found: dict[str, Any] = {}
    if "response" not in milestones.values():
        began = rows["started"][rows["step"].isin(staff.staffed)].min()
        found |= {"responded": began} if pd.notna(began) else {}
    for field, column, milestone in (("responded", "started", "response"), ("won", "ended", "won"), ("delivered", "ended", "delivered")):
        first = rows[column][rows["step"].map(milestones) == milestone].min()
        found |= {field: first} if pd.notna(first) else {}
    return found


def _not_too_many(rows: list[dict[str, Any]], staff: Staff) -> None:
    """Where more is in work than the team has people, what began last is; the others are taken to wait again."""
    free = {team: int(paragraph["size"]) * int(paragraph.get("concurrency", 1)) for team, paragraph in staff.teams.items()}
    for row in sorted((r for r in rows if "team" in r), key=lambda r: r["started"], reverse=True):
        need = Counter(row["team"])
        if all(free[team] >= count for team, count in need.items()):
            for team, count in need.items():
                free[team] -= count
        else:
            del row["team"], row["started"]


__all__ = ["Names", "open_cases"]
