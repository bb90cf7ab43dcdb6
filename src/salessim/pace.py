"""How fast people are: learning, ramps, load, several cases at once, and spells in which a team is slower or faster.

One pure rule for both engines, asked when a piece of work begins and only for teams whose pace varies. All but the
ramp hold for the whole piece; a newcomer's ramp goes on while he or she works, so that the work done in a year is
the area under the ramp, however long the pieces are.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from salessim.jit import compiled_as, inlined

# NDArray for the compiled engine, list for the reference engine.
Table = Any

LONG_AGO = -(1 << 60)
"""When those joined who are there at the start: no ramp applies to them."""


class Paces(NamedTuple):
    """What the pace of each team depends on."""

    exponent: Table
    """Of the learning curve, log2 of its rate; 0 where nobody learns."""
    floor: Table
    experience: Table
    """Jobs done before the run by those who are there at the start."""
    slowdown: Table
    waiting: Table
    """So many cases waiting per person bring the pace to `load_pace`; 0 where load does not matter."""
    load_pace: Table
    first_change: Table
    last_change: Table
    first_point: Table
    last_point: Table
    change_start: Table
    change_end: Table
    change_over: Table
    """When the team has recovered."""
    change_pace: Table
    point_age: Table
    """Of the ramp: time since joining."""
    point_pace: Table


@inlined
def paced(paces: Paces, team: int, work: float, now: int, joined: int, jobs: float, at_once: int, waiting: float) -> float:
    """The ticks that a piece of work takes.

    Args:
        paces: the tables.
        team: of the person who leads the work.
        work: ticks at the ordinary pace.
        now: when the work begins.
        joined: when the person joined.
        jobs: how many jobs the person has done before, as a number.
        at_once: how many cases the person has now, this one included.
        waiting: cases that wait for the team, per person of it.
    """
    if paces.exponent[team] != 0.0:
        work = work * learnt(jobs + 1.0, paces.exponent[team], paces.floor[team])
    work = work * (1.0 + paces.slowdown[team] * float(at_once - 1))
    if paces.waiting[team] > 0.0:
        work = work / (1.0 + (paces.load_pace[team] - 1.0) * min(1.0, waiting / paces.waiting[team]))
    for i in range(paces.first_change[team], paces.last_change[team]):
        if now >= paces.change_start[i] and now < paces.change_over[i]:
            pace = paces.change_pace[i]
            if now >= paces.change_end[i]:
                pace = pace + (1.0 - pace) * (float(now - paces.change_end[i]) / float(paces.change_over[i] - paces.change_end[i]))
            work = work / pace
    return ramped(paces, team, work, float(now - joined))


@inlined
def ramped(paces: Paces, team: int, work: float, age: float) -> float:
    """How long somebody takes over some work who joined `age` ago: the area under the ramp is the work."""
    first, last = paces.first_point[team], paces.last_point[team]
    spent = 0.0
    for i in range(first + 1, last):
        left = float(paces.point_age[i]) - age
        if left > 0.0:
            length = float(paces.point_age[i]) - float(paces.point_age[i - 1])
            slope = (paces.point_pace[i] - paces.point_pace[i - 1]) / length
            pace = paces.point_pace[i] - slope * left
            done = 0.5 * (pace + paces.point_pace[i]) * left
            if work <= done:
                return spent + stretch(work, pace, slope)
            work = work - done
            spent = spent + left
            age = float(paces.point_age[i])
    if last > first:
        work = work / paces.point_pace[last - 1]
    return spent + work


@compiled_as("float64(float64, float64, float64)")
def learnt(job: float, exponent: float, floor: float) -> float:
    """The time of the n-th job against the first: n^exponent (Wright 1936); a leaf, so that both engines take the same power."""
    return max(floor, math.exp(exponent * math.log(job)))


@compiled_as("float64(float64, float64, float64)")
def stretch(work: float, pace: float, slope: float) -> float:
    """The time t in which a pace that rises in a line does the work: pace * t + slope * t^2 / 2 = work."""
    if work <= 0.0:
        return 0.0
    return 2.0 * work / (pace + math.sqrt(max(0.0, pace * pace + 2.0 * slope * work)))
