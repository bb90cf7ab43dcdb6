"""The end of every visit: the new cases it brings, then where the case itself goes.

Shares may depend on the segment, end after a number of visits, and fade with the time the customer waited.
"""

from __future__ import annotations

import math

from salessim.durations import sample, ticks
from salessim.jit import compiled_as, inlined, natural
from salessim.stages.tables import Routes, Rules
from salessim.stages.verbs import EXIT, LEAVE, MOVE, SPAWN, START
from salessim.streams import Purpose, block, uniform

_SPAWN = int(Purpose.SPAWN)
EXPONENTIAL, LOMAX, LOGLOGISTIC, TABLE = 1, 2, 3, 4
"""Forms of fading, as numbers in `Routes.fade`; 0 is none."""


@inlined
def leave(rules: Rules, phase: int, step: int, segment: int, visit: int, waited: int, age: int, who, words):
    """Phase LEAVE + k: spawn k and later ones, then the route; a SPAWN's next phase names it."""
    steps, spawns = rules.steps, rules.spawns
    first, last = natural(steps.first_spawn[step]), natural(steps.last_spawn[step])
    for spawn in range(first + phase - LEAVE, last):
        share = spawns.share[spawn * steps.segments + segment]
        if share > 0.0:
            drawn = block(who[0], who[1], who[2], spawns.key[spawn], visit, _SPAWN)
            if uniform(drawn[0]) < share:
                return SPAWN, ticks(sample(rules.laws, spawns.delay[spawn], drawn[1])), LEAVE + spawn - first + 1
    goal = route(rules.routes, steps.segments, natural(steps.first_route[step]), natural(steps.last_route[step]),
                 segment, visit, waited, age, uniform(words[1]))  # fmt: skip
    return (MOVE if goal >= 0 else EXIT), goal, START


@inlined
def route(
    routes: Routes, segments: int, first: int, last: int, segment: int, visit: int, waited: int, age: int, u: float
) -> int:
    """The goal of the route that the uniform `u` picks among those still open.

    The order of the routes is that of their goals (see `network`), not that of the file; the route that takes the
    rest comes last. What a closed or fading route does not take falls to the rest; without a rest the open routes
    share it in proportion.
    """
    has_rest = routes.rest[last - 1] == 1
    mark = u
    if not has_rest:
        total = 0.0
        for r in range(first, last):
            if routes.limit[r] < 0 or visit < routes.limit[r]:
                total += routes.share[r * segments + segment]
        mark = u * total
    goal = routes.goal[last - 1]
    for r in range(first, last):
        share = routes.share[natural(r * segments + segment)]
        if routes.limit[r] < 0 or visit < routes.limit[r]:
            goal = routes.goal[r]
            if mark < share:
                if routes.fade[r] > 0 and mark >= share * kept(routes, r, waited, age):
                    return routes.goal[last - 1]
                return goal
            mark -= share
        elif has_rest:
            if mark < share:
                return routes.goal[last - 1]
            mark -= share
    return goal  # rounding left `mark` at the upper end: the last open route


@inlined
def kept(routes: Routes, r: int, waited: int, age: int) -> float:
    """The part of a fading route's share that is left: 1 without waiting, falling towards 0."""
    time = float(age) if routes.fade_of[r] == 1 else float(waited)
    if routes.fade[r] == TABLE:
        return between_points(routes, routes.first_point[r], routes.last_point[r], time)
    return fading(routes.fade[r], routes.scale[r], routes.shape[r], time)


@compiled_as("float64(int64, float64, float64, float64)")
def fading(form: int, scale: float, shape: float, time: float) -> float:
    """g(time) of `scenario.model.Fade`; a leaf, so that both engines use the same logarithm to the last bit."""
    if form == EXPONENTIAL:
        return math.exp(-time / scale)
    if form == LOMAX:
        return math.exp(-shape * math.log(1.0 + time / scale))
    return 1.0 / (1.0 + math.exp(shape * math.log(time / scale))) if time > 0.0 else 1.0


@inlined
def between_points(routes: Routes, first: int, last: int, time: float) -> float:
    """Straight lines between the points of a table, constant after the last; the first is at time 0."""
    for i in range(first + 1, last):
        if time < routes.point_time[i]:
            t0, p0 = routes.point_time[i - 1], routes.point_share[i - 1]
            return p0 + (routes.point_share[i] - p0) * ((time - t0) / (routes.point_time[i] - t0))
    return routes.point_share[last - 1]
