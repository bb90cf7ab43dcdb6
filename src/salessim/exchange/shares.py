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
