"""The numbers that rules read, as flat tables: one row per step, route or spawn.

All are one-dimensional, so that the same rule reads NumPy arrays when compiled and plain lists when interpreted.
A table by step and segment is indexed `step * segments + segment`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# NDArray for the compiled engine, list for the reference engine: see `network`.
Table = Any


class Steps(NamedTuple):
    """What a rule needs to know about each step."""

    segments: int
    key: Table
    """uint64: hash of the step's name, part of the name of every draw."""
    staffed: Table
    """1 where people are asked for."""
    time: Table
    """[step, segment] law of the working or waiting time."""
    automated: Table
    """Share of visits that need nobody."""
    automated_time: Table
    """Law of the time such a visit takes, or -1."""
    patience: Table
    """[step, segment] law of patience, or -1 for ever."""
    gives_up: Table
    """Where a case goes whose patience ended: a step, or an EXIT number."""
    first_route: Table
    last_route: Table
    first_spawn: Table
    last_spawn: Table


class Routes(NamedTuple):
    """The ways on from all steps, those of one step side by side."""

    goal: Table
    share: Table
    """[route, segment] share before fading."""
    rest: Table
    """1 for the route that takes the rest; it is the last of its step."""
    limit: Table
    """The route is open while the visit index is below; -1 always."""
    fade: Table
    """0 none, else the form: see `onward`."""
    fade_of: Table
    """0: time this visit queued; 1: age of the case."""
    scale: Table
    shape: Table
    first_point: Table
    last_point: Table
    point_time: Table
    point_share: Table


class Spawns(NamedTuple):
    """The new cases that finished visits may bring."""

    key: Table
    goal: Table
    share: Table
    """[spawn, segment] probability."""
    delay: Table
    segment: Table
    """-1: the parent's."""
    new_customer: Table
    channel: Table


class Rules(NamedTuple):
    """Everything a rule may read."""

    steps: Steps
    routes: Routes
    spawns: Spawns
    laws: Any
