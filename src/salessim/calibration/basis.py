"""What the figures of a learnt scenario rest on, and how well each of them is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salessim.calibration.arrivals import Inflow
from salessim.calibration.estimates import WIDEST, Figure, error_of_share
from salessim.calibration.journey import Move
from salessim.calibration.memory import State
from salessim.calibration.patience import Patience

if TYPE_CHECKING:
    from salessim.scenario.model import Step

HOUR = 3600e6
"""Ticks."""
LEAST_REST = 0.02
"""A share is uncertain where the way that takes the rest has at least this."""


@dataclass(frozen=True)
class Spent:
    """The times of an activity: how well their mean is known, how many they are, and their sum."""

    error: float
    count: int
    hours: float


@dataclass(frozen=True)
class Basis:
    """What the figures rest on.

    Args:
        inflows: channel -> its arrivals.
        activity_of: step -> activity of the log.
        spent: (activity, kind of time) -> its times.
        patience: activity -> how long its customers wait.
        move_of: step that is a wait -> the way on that it stands for.
        onward: state -> its ways on.
        name_of: state -> its step.
        goal_name: what a way on leads to, in words.
    """

    inflows: Mapping[str, Inflow]
    activity_of: Mapping[str, str]
    spent: Mapping[tuple[str, str], Spent]
    patience: Mapping[str, Patience | None]
    move_of: Mapping[str, Move]
    onward: Mapping[State, list[Move]]
    name_of: Mapping[Any, str]
    goal_name: Callable[[Move], str]

    def times(self, steps: Mapping[str, Step]) -> list[Figure]:
        """Rates of arrival, and means of times and patience."""
        figures = [
            Figure(f"channels.{name}.arrivals.rate", f"arrivals of {name}", "per week", i.levels[-1].per_week, i.error, i.count, 1e12)
            for name, i in self.inflows.items()
        ]  # fmt: skip
        for name, step in steps.items():
            figures += self._times_of(name, step)
        return figures

    def _times_of(self, name: str, step: Step) -> list[Figure]:
        found = []
        activity = self.activity_of.get(name)
        for law, field, what in ((step.work, "work", "work times"), (step.automatic, "automatic", "times of the system"), (step.customer, "customer", "times")):
            spent = self.spent.get((activity or "", what))
            if law is not None and spent is not None and law.mean > 0:
                figure = Figure(f"steps.{name}.{field}", f"{what} of {name}", "h", law.mean / HOUR, spent.error, spent.count, spent.hours, together=f"{what} of {activity}")
                found.append(figure)
        left = self.patience.get(activity or "")
        if left is not None and step.patience is not None and not isinstance(step.patience, str):
            found.append(Figure(f"steps.{name}.patience", f"patience at {name}", "h", step.patience.mean / HOUR, left.error, left.left, step.patience.mean / HOUR * left.left))
        if name in self.move_of and step.customer is not None and step.customer.mean > 0:
            move, mean = self.move_of[name], step.customer.mean / HOUR
            found.append(Figure(f"steps.{name}.customer", name, "h", mean, min(WIDEST, move.spread / math.sqrt(max(1, move.count))), move.count, move.wait / 3600 * move.count))
        return found

    def shares(self, steps: Mapping[str, Mapping[str, Any]]) -> tuple[list[Figure], dict[str, float]]:
        """Every share, and what the way that takes the rest has; of those of a state that are written down, the largest has a path, so that it can be drawn."""
        found: list[Figure] = []
        rest: dict[str, float] = {}
        drawn: dict[tuple[str, State | str, str], str] = {}
        for state, moves in self.onward.items():
            name = self.name_of.get(state, "")
            if name not in steps or len(steps[name]["then"]) != len(moves) or any("fades" in way for way in steps[name]["then"]):
                continue
            given = [(m, i) for i, (m, way) in enumerate(zip(moves, steps[name]["then"], strict=True)) if "share" in way and m.limit is None]
            left = 1 - sum(m.share for m in moves if m.limit is None and any(m is g for g, _ in given)) - sum(m.share for m in moves if m.limit is not None)
            if not given or left < LEAST_REST:
                continue
            move, i = max(given, key=lambda g: (g[0].share, -g[1]))
            path = f"steps.{name}.then.{i}.share"
            rest[path] = left
            drawn[name, move.goal, move.apart] = path
        for state, moves in self.onward.items():
            name = self.name_of.get(state, "")
            for move in moves if name in steps and len(moves) > 1 else ():
                figure = Figure(drawn.get((name, move.goal, move.apart)), self.share_of(name, move), "", move.share, error_of_share(move.share, move.count, move.error), move.count, 100.0 * move.count, most=1.0)
                found.append(figure)
        return found, rest

    def share_of(self, name: str, move: Move) -> str:
        """What the share of a way on from a step is called."""
        return f"of {name}: {self.goal_name(move)}" + (f" ({move.apart})" if move.apart else "")
