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
    full: Table
    """1 where a step uses anything of `Rare`: `stages.full` decides there."""
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


class Rare(NamedTuple):
    """What only some steps have, so that plain ones do not pay for it.

    Columns over rows first; -1 where there is none. A row is a step or, behind them, a version of a step.
    """

    adherence: Table
    """[row, segment] share of visits that take place."""
    silent: Table
    attempt: Table
    """Law of the time people try to reach who left."""
    factor: Table
    """Formula that multiplies the time."""
    at_least: Table
    """What a visit lasts at least where the time counts from the case's arrival, so that its age is taken off; -1 elsewhere."""
    counts_on: Table
    """Calendar on which that age is counted."""
    asks: Table
    """1 where a case queues, for people or for a place of a limit."""
    first_end: Table
    last_end: Table
    remind_every: Table
    remind_factor: Table
    remind_most: Table
    first_post: Table
    last_post: Table
    first_branch: Table
    last_branch: Table
    count: Table
    """Formula of the number of branches."""
    batch: Table
    """Cases that make a batch; 0 where none is gathered."""
    batch_wait: Table
    first_effect: Table
    last_effect: Table
    serve_first: Table
    """Formula of the order in the queue."""
    first_version: Table
    last_version: Table
    # Competing ends.
    end_key: Table
    end_law: Table
    end_goal: Table
    # Times at which systems run, branches, effects of steps, versions.
    post: Table
    branch: Table
    """The step where each branch begins."""
    effect_key: Table
    effect_attribute: Table
    effect_formula: Table
    version_key: Table
    version_since: Table
    version_share: Table
    version_row: Table
    # Attributes, in the order in which their first values can be worked out.
    order: Table
    attribute_key: Table
    attribute_law: Table
    """[attribute, segment]"""
    attribute_of_channel: Table
    """[attribute, channel]: a law that goes before that of the segment, or -1."""
    attribute_formula: Table
    inherited: Table
    # What spawned cases are given, by spawn.
    spawn_when: Table
    spawn_factor: Table
    first_gift: Table
    last_gift: Table
    passes: Table
    """The limit whose place is handed over."""
    gift_attribute: Table
    gift_formula: Table
    # Conditions of routes.
    route_when: Table
    route_factor: Table
    route_whole: Table
    """1 where a route takes all for whom its condition is true."""
    limits: int
    """How many there are."""


class Rules(NamedTuple):
    """Everything a rule may read."""

    steps: Steps
    routes: Routes
    spawns: Spawns
    laws: Any
