"""Shares of ways by segment, and routes made of them."""

from __future__ import annotations

from typing import Any

from salessim.exchange.settings import GIVEN
from salessim.units import share as read_share

Goal = tuple[str, str]
"""("to", step), ("lost", reason), ("done", "") or ("join", "")."""
Shares = dict[str, float]
"""A share by segment; "" stands for all that are not named."""
Chance = tuple[Shares, Goal, bool]
"""How often a goal is come to, and whether that is assumed."""


def routes(goals: list[Chance]) -> list[dict[str, Any]]:
    """Routes of a step: one for each goal, of which the most likely takes the rest."""
    together = {goal: (share, guessed) for share, goal, guessed in merged(goals)}
    together = {goal: share for goal, share in together.items() if any(v > 0 for v in share[0].values())} or together
    largest = max(sorted(together), key=lambda goal: sum(together[goal][0].values()) / len(together[goal][0]))
    found = []
    for goal in sorted(together, key=lambda g: (g == largest, g)):
        share, guessed = together[goal]
        route = as_route(goal)
        if goal != largest:
            route["share"] = share[""] if set(share) == {""} else {s or "default": min(1.0, v) for s, v in share.items()}
        if guessed:
            route["assumption"] = GIVEN
        found.append(route)
    return found


def merged(goals: list[Chance]) -> list[Chance]:
    """Each goal once, with all of its shares."""
    together: dict[Goal, tuple[Shares, bool]] = {}
    for share, goal, guessed in goals:
        before, doubt = together.get(goal, ({"": 0.0}, False))
        together[goal] = (plus(before, share), doubt or guessed)
    return [(share, goal, guessed) for goal, (share, guessed) in together.items()]


def balance(routes: list[dict[str, Any]], sure: set[int], new: set[int]) -> str:
    """Make the routes of an edited gateway sum to one again, in place; says what was assumed, if anything.

    Args:
        routes: one of them may be without share and condition, and takes the rest.
        sure: those whose share somebody has just written; it stands, and the others share what it leaves.
        new: those that somebody has just drawn; without a share they get an equal part.
    """
    bare = [i for i, r in enumerate(routes) if not {"share", "when"} & set(r)]
    equal = [i for i in bare if i in new] if len(bare) > 1 else []
    if len(equal) == len(bare):  # one of them takes the rest
        equal = equal[:-1]
    for i in equal:
        routes[i] |= {"share": 1 / len(routes), "assumption": GIVEN}
    laws = {i: _by_segment(r["share"]) for i, r in enumerate(routes) if "share" in r and "when" not in r}
    free = [i for i in laws if i not in sure and i not in equal]
    rest = len(bare) > len(equal)
    segments = {""}.union(*laws.values())
    scale = {}
    for s in segments:
        room, have = 1 - sum(at(laws[i], s) for i in laws if i not in free), sum(at(laws[i], s) for i in free)
        wanted = room / have if have > 0 else 1.0
        scale[s] = min(1 - len(equal) / len(routes), wanted) if rest else wanted
    scaled = bool(free) and any(abs(f - 1) > 1e-9 for f in scale.values())
    if scaled:
        for i in free:
            law = {s: max(0.0, at(laws[i], s) * scale[s]) for s in segments}
            routes[i]["share"] = law[""] if set(law) == {""} else {s or "default": v for s, v in law.items()}
    if not rest and "when" in take_rest(routes):
        return NONE_FREE
    if equal:
        return "nothing says how often the new way is taken; it gets an equal part, which the others give in proportion"
    return "the shares of the other ways are scaled, so that all sum to 100 %" if scaled else ""


NONE_FREE = "every way has a condition; the last one also takes the cases that fulfil none"
CONDITIONS = ("share", "when", "factor", "limit", "fades")
"""Fields that the route which takes the rest cannot have."""


def take_rest(routes: list[dict[str, Any]]) -> set[str]:
    """Let one route take what the others leave: the largest without conditions, else the last; returns the conditions it lost."""
    free = [r for r in routes if not set(CONDITIONS[1:]) & set(r)]
    rest = max(free, key=lambda r: size(r.get("share"))) if free else routes[-1]
    lost = set(CONDITIONS[1:]) & set(rest)
    for field in CONDITIONS:
        rest.pop(field, None)
    return lost


def _by_segment(share: Any) -> Shares:
    """A share as it is written, by segment."""
    return {"" if s == "default" else str(s): read_share(v) for s, v in share.items()} if isinstance(share, dict) else {"": read_share(share)}


def as_route(goal: Goal) -> dict[str, Any]:
    """The route to a goal, without a share."""
    kind, what = goal
    return {kind: what} if kind in ("to", "lost") else {kind: True}


def scaled(route: dict[str, Any], factor: float) -> dict[str, Any]:
    """A route that only so many still come to; the one that takes the rest needs no change."""
    if "share" not in route:
        return route
    share = route["share"]
    return {**route, "share": {s: v * factor for s, v in share.items()} if isinstance(share, dict) else share * factor}


def size(share: Any) -> float:
    """A share as it is written, as one number."""
    if isinstance(share, dict):
        return sum(read_share(v) for v in share.values()) / len(share)
    return read_share(share) if share is not None else 0.0


def at(shares: Shares, segment: str) -> float:
    """The share of a segment."""
    return shares.get(segment, shares.get("", 0.0))


def times(a: Shares, b: Shares) -> Shares:
    """Both together."""
    return {s: at(a, s) * at(b, s) for s in {*a, *b, ""}}


def plus(a: Shares, b: Shares) -> Shares:
    """One or the other."""
    return {s: at(a, s) + at(b, s) for s in {*a, *b, ""}}
