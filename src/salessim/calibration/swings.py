"""The shares with which a forecast begins: of ways whose share surely wanders, where it is on the last day.

All states of an activity have a say together, and each of its ways is held against all others. Where none surely wanders
shares are what they were over the whole log.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from salessim.calibration.constancy import LEAST_OF_EACH, OLDER, Level, Weeks, discovered, level, parts, surely
from salessim.calibration.estimates import WIDEST
from salessim.calibration.journey import GAVE_UP, STAYS
from salessim.units import say_share

if TYPE_CHECKING:
    from salessim.calibration.journey import Decision, Move, Moves
    from salessim.calibration.memory import State

WEEK = 7 * 86_400.0
"""Seconds."""
AHEAD = 4.0
"""Weeks after which the share of a replication is drawn, which then stays: the middle of forecasts of a month or two."""
LEAST_REST = 0.02
"""A share is drawn where the way that takes the rest has at least this."""
LEAST_FACTOR, LEAST_SHARE = 0.01, 1e-4
"""The other ways never lose more than all but this of what they have, the one in question keeps a little."""
_Z = np.concatenate([[-3.0], special.ndtri(np.array([0.005, 0.025, *np.arange(0.1, 0.95, 0.1), 0.975, 0.995])), [3.0]])
_POINTS = ("0 %", "0.5 %", "2.5 %", *(f"{10 * k} %" for k in range(1, 10)), "97.5 %", "99.5 %", "100 %")


@dataclass(frozen=True)
class Wander:
    """A way from an activity whose share wanders."""

    activity: str
    given_up: bool
    """Of those who gave up there, not of those who were served."""
    goal: str
    """The activity that it leads to, or the ending."""
    level: Level
    count: int
    """Decisions for it."""


def wandering(moves: Moves, end: float) -> list[Wander]:
    """The ways whose share surely wanders, at most one of each activity: that which most surely does.

    Args:
        moves: as learnt from a log.
        end: of the log, seconds since 1970.
    """
    groups: dict[tuple[str, bool], list[State]] = {}
    for state in sorted(moves.decided):
        groups.setdefault((state[0], state[1] == GAVE_UP), []).append(state)
    asked = [(*group, *way) for group, states in groups.items() for way in _ways([moves.decided[s] for s in states], end)]
    believed = discovered([surely(weeks) for *_, weeks in asked])
    found: dict[tuple[str, bool], Wander] = {}
    for (activity, given_up, goal, weeks), sure in zip(asked, believed, strict=True):
        if sure and (here := level(weeks)).walks:
            best = found.get((activity, given_up))
            if best is None or here.odds > best.level.odds:
                found[activity, given_up] = Wander(activity, given_up, goal, here, int(weeks.hits.sum()))
    return list(found.values())


def _ways(decided: list[list[Decision]], end: float) -> Iterator[tuple[str, Weeks]]:
    """Each way from some states by weeks; of two, one, since the other is what it leaves."""
    goal = np.array([goal_of(d.goal) for rows in decided for d in rows], object)
    counts = Counter(goal.tolist())
    ways = sorted((g for g in counts if min(counts[g], len(goal) - counts[g]) >= LEAST_OF_EACH), key=lambda g: (counts[g], g))
    if not ways:
        return
    strata = len(decided) * (len(OLDER) + 1)
    stratum = np.concatenate([parts([d.age for d in rows]) + k * (len(OLDER) + 1) for k, rows in enumerate(decided)])
    ago = np.maximum(0, np.floor((end - np.array([d.at for rows in decided for d in rows])) / WEEK).astype(np.int64))
    shape = (int(ago.max()) + 1, strata)
    cell = (shape[0] - 1 - ago) * strata + stratum
    made = np.bincount(cell, minlength=shape[0] * strata).reshape(shape)
    for way in ways[:1] if len(counts) == 2 else ways:
        yield way, Weeks(made, np.bincount(cell[goal == way], minlength=shape[0] * strata).reshape(shape))


def goal_of(goal: State | str) -> str:
    """The activity that a way leads to, or the ending."""
    return goal[0] if isinstance(goal, tuple) else goal


@dataclass
class Today:
    """What a scenario that begins today says of the shares that wander."""

    steps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """step -> its ways on."""
    uncertain: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Path -> its entry; the states of an activity share a draw."""
    shares: dict[str, tuple[float, float]] = field(default_factory=dict)
    """What the share of a way is called -> its value and the standard error relative to it."""


def as_of_today(found: list[Wander], moves: Moves, steps: Mapping[str, Mapping[str, Any]], step_of: Callable[[State], str | None], said: Callable[[str, Move], str]) -> Today:
    """The ways on from the steps whose shares wander, as they are on the last day.

    Args:
        found: the ways that wander.
        moves: as learnt from the log.
        steps: the paragraphs that were written from them.
        step_of: the step of a state.
        said: what the share of a way on from a step is called.
    """
    result = Today()
    for wander in found:
        for state, onward in moves.onward.items():
            name = step_of(state) or ""
            if (state[0], state[1] == GAVE_UP) != (wander.activity, wander.given_up) or name not in steps:
                continue
            ways = steps[name]["then"]
            if len(ways) == len(onward) and not any("fades" in way for way in ways):
                _move(result, name, ways, onward, moves.decided[state], wander, said)
    return result


def _move(result: Today, name: str, ways: list[dict[str, Any]], onward: list[Move], decided: list[Decision], wander: Wander, said: Callable[[str, Move], str]) -> None:
    """One step: the way in question at its level, the others sharing what is left as they did; who stays where he is does so."""
    mine = np.array([goal_of(m.goal) == wander.goal for m in onward])
    free = np.array([m.goal != STAYS for m in onward]) & ~mine
    share = np.array([m.share for m in onward])
    usual, others = float(share[mine].sum()), float(share[free].sum())
    shifted = _shifted(decided, wander.goal, usual / max(1e-12, usual + others))
    if shifted is None:
        return
    spread = wander.level.spread(AHEAD)
    at = wander.level.now + spread * np.array([0.0, -1.0, 1.0, *-_Z])  # of its draws the share falls, so that what others are multiplied by rises
    went = (usual + others) * shifted(at)
    factor = (usual + others - went) / others
    now = np.where(mine, share * went[0] / usual, np.where(free, share * factor[0], share))
    error = abs(float(went[2] - went[1])) / 2
    result.steps[name] = written = []
    for i, (way, p, is_mine, is_free) in enumerate(zip(ways, now, mine, free, strict=True)):
        note = f"{way['source'].split(' (')[0]}; the level of today, the last weeks counting most: {100 * share[i]:.1f} % over the whole log" if is_mine or is_free else way.get("source")
        more = {"share": say_share(_written(p))} if "share" in way else {}
        written.append({**way, **more} | ({"source": note} if note else {}))
        if is_mine or is_free:
            result.shares[said(name, onward[i])] = float(p), min(WIDEST, error / max(1e-9, went[0] if is_mine else usual + others - went[0]))
    _draw(result, name, ways, now, mine, free, went[3:], wander)


def _draw(result: Today, name: str, ways: list[dict[str, Any]], now: Any, mine: Any, free: Any, went: Any, wander: Wander) -> None:
    """The entries of one step: all others times one factor; the way in question takes what they leave or want.

    Args:
        result: where they are put.
        name, ways: of the step.
        now: share of each way.
        mine, free: which ways are the one in question, and which are others that give or take.
        went: the points of the share in question, falling.
    """
    others = float(now[free].sum())
    total = others + float(now[mine].sum())
    given = np.array(["share" in way for way in ways])
    if 1 - float(now[given].sum()) < LEAST_REST:
        return
    takes = int(max(np.flatnonzero(mine), key=lambda i: (not given[i], now[i])))
    kept = float(now[mine].sum() - now[takes])  # of ways to the same goal by laws of their own one moves
    went = np.clip(went, kept + LEAST_SHARE, total - LEAST_FACTOR * others)
    entry = {"source": f"data: {wander.count:,} of {wander.activity or 'arrivals'} went to {wander.goal}, whose share wanders", "together": f"share that goes from {wander.activity or 'arrival'} to {wander.goal}"}
    if wander.given_up:
        entry["together"] += ", given up"
    for i in np.flatnonzero(free & given):
        result.uncertain[f"steps.{name}.then.{i}.share"] = {"factor": _law((total - went) / others), **entry}
    if given[takes]:
        result.uncertain[f"steps.{name}.then.{takes}.share"] = {"missing": _law((1 - went + kept) / (1 - _written(now[takes]))), **entry}


def _written(share: float) -> float:
    """Rounded down, so that many shares never sum to more than the whole."""
    return math.floor(1e5 * share) / 1e5


def _law(points: Any) -> dict[str, Any]:
    """Rising points as a law."""
    return {"law": "quantiles", "points": {p: float(f"{x:.6g}") for p, x in zip(_POINTS, np.maximum.accumulate(points), strict=True)}}


def _shifted(decided: list[Decision], goal: str, share: float) -> Callable[[Any], Any] | None:
    """The share of a way after a shift of every part of a state's decisions, in logits; None where it is all or nothing."""
    hit = np.array([goal_of(d.goal) == goal for d in decided])
    if not 0 < share < 1 or not 0 < hit.sum() < len(hit):
        return None
    part = parts([d.age for d in decided])
    weight = np.bincount(part) / len(part)
    inside = special.logit(np.bincount(part, hit) / np.maximum(np.bincount(part), 1))

    def shifted(by: Any) -> Any:
        of_all = special.expit(inside + np.asarray(by)[:, None]) @ weight
        return special.expit(special.logit(share) + special.logit(of_all) - special.logit(hit.mean()))

    return shifted
