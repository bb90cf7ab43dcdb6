"""What one replication leaves behind, as flat arrays: the cases and the totals of steps and teams.

Engines fill these records and real logs are turned into the same ones, so `measures` need not know where a
number came from. Times are microseconds since the scenario's start; `NEVER` marks what did not happen. What happened
before the start, to cases that are in process then, has a time below `NEVER`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from salessim.log import EventLog

NEVER = -1

COLUMNS = ("case", "customer", "stage", "step", "visit", "team", "person", "enabled", "started", "ended", "outcome",
           "channel", "segment", "value", "cost")  # fmt: skip
"""Of the event log, one row per visit."""
FILE_NAMES = {"case": "case_id", "step": "activity", "person": "resource", "enabled": "enabled_time",
              "started": "start_time", "ended": "end_time"}  # fmt: skip
"""What columns are called in files."""
OPEN, COMPLETED, LOST = 0, 1, 2
"""Outcomes of a case."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """The names behind the numbers of the other records, and the window that is measured."""

    steps: tuple[str, ...]
    stage_of: tuple[int, ...]
    stages: tuple[str, ...]
    teams: tuple[str, ...]
    channels: tuple[str, ...]
    """Channels, followed by the kinds of spawned cases."""
    segments: tuple[str, ...]
    reasons: tuple[str, ...]
    warm_up: int
    horizon: int
    currency: str
    has_won: bool
    """Whether some step is the milestone `won`; if none is, a completed case counts as won."""
    has_delivered: bool
    queues: tuple[bool, ...]
    """Whether cases wait at each step for people, for a place of a limit or for a batch."""
    sells: tuple[bool, ...]
    """Whether cases of each channel or kind can be won; support tickets, say, cannot."""
    sources: int = 0
    """So many of the channels bring cases by themselves; behind them stand the kinds of spawned cases."""
    customers: tuple[bool, ...] = ()
    """Whether cases of each segment are customers; junk is not."""
    limits: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    measures: tuple[tuple[str, Any], ...] = ()
    """The scenario's own measures (`scenario.model.OwnMeasure`) by name."""


class Cases(NamedTuple):
    """One entry per case, by case number (the order of arrival)."""

    born: Ints
    responded: Ints
    won: Ints
    delivered: Ints
    ended: Ints
    outcome: Ints
    reason: Ints
    """Index of the reason a case was lost for, else -1."""
    step: Ints
    """Where the case is or was last."""
    channel: Ints
    segment: Ints
    customer: Ints
    value: Floats
    cost: Floats
    """Money spent on the case: its people's working time, the steps' own cost and the channel's."""
    marks: Floats
    """[case, attribute] the values the case ended with, or has at the horizon."""


class Totals(NamedTuple):
    """Sums over the measured window [warm-up, horizon), per step or per team."""

    entered: Ints
    """Visits begun (per step)."""
    asked: Ints
    """Visits that asked for people, whether they had to queue or not (per step)."""
    begun: Ints
    """Visits whose queueing ended because somebody began to work (per step)."""
    finished: Ints
    """Visits that ended, not by giving up (per step)."""
    gave_up: Ints
    """Visits that ended in the queue (per step)."""
    waited: Floats
    """Time in queue summed over visits that ended their wait in the window, in us (per step)."""
    queue_area: Floats
    """Cases in queue integrated over time, in case-us (per step)."""
    present_area: Floats
    """Cases at the step, waiting or not, integrated over time, in case-us (per step)."""
    busy: Floats
    """Person-us worked, overtime included (per team)."""
    overtime: Floats
    """Person-us worked outside the calendar (per team)."""
    on_duty: Floats
    """Person-us on shift and there for cases (per team)."""
    absent: Floats
    """Person-us on shift for which people were away or places empty (per team)."""
    in_meetings: Floats
    """Person-us on shift in meetings and courses (per team)."""
    held: Floats
    """Places taken integrated over time, in place-us (per limit)."""


@dataclass(frozen=True)
class Replication:
    """One run, or one real history: what happened, ready to be measured."""

    labels: Labels
    cases: Cases
    totals: Totals
    team_cost: Floats
    """Pay of each team over the measured window, overtime included, in the currency."""
    fixed_cost: float
    """Running and one-off cost of levers over the measured window, in the currency."""
    flow_cost: float
    """The steps' own cost of visits and the channels' cost in the measured window, in the currency."""
    head_count: Floats
    """People on the roster of each team, on average over the measured window: as planned, whoever is away."""
    staff_hours: Floats
    """Hours a week of the calendars of these people, meetings included."""
    channel_cost: Floats
    """What each channel cost in the measured window: its cost per case, campaigns, advertising and content."""
    number: int = 0
    log: EventLog | None = None
