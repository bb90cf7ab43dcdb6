"""Queues that explain the waits of a log, and do not come on top of them.

The time up to the start of work holds the customer's own time and the queue for people. A scenario has both: the
first as a step of the customer, the second as what the simulation makes of arrivals, work and teams. Where readiness
is logged they are told apart; where it is not, the learnt scenario is simulated, and what its queues explain is taken
out of the customer's steps. So the whole is as long as in the log, and staff has an effect where queues are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration import laws
from salessim.calibration.history import gave_up, seconds
from salessim.units import say_share
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.calibration.clocks import Clock
    from salessim.calibration.journey import Move
    from salessim.scenario.model import Scenario

ROUNDS = 3
"""Simulations after which waits are learnt: the queue changes a little when the waits before it do."""
MOST_ROUNDS = 12
"""Simulations at most, those in which teams still grow included."""
MATTERS = 0.01
"""Queues (working time) may exceed the waits seen by this share of all time in process before a team is taken to be larger."""
ENOUGH_VISITS = 20_000
"""Simulated visits from which queues are measured, if eight replications give so many."""


@dataclass
class Wait:
    """A step of the customer before a staffed step."""

    paragraph: dict[str, Any]
    targets: tuple[str, ...]
    """Names of the staffed steps that it leads to: forms of one activity."""
    move: Move

    def less(self, queue: Any) -> tuple[float, float]:
        """Take a queue's times out, quantile by quantile; the means of the wait before and after.

        Of an age as well: who has to be there earlier by the queue's time has to leave for the queue earlier.
        """
        before = self.move.mean
        if self.move.runs.rest is not None:  # what strikes to the minute does not set out earlier because people are busy
            return self.move.wait, self.move.wait
        weight = np.diff(np.concatenate([[0.0], self.move.moved]))
        middle = self.move.moved - weight / 2
        taken = np.quantile(queue, np.clip(middle, 0.0, 1.0))
        if self.move.runs.on != "working":  # what many cases have to the minute, such as "15 days", stays one time, less what the queue takes of it on average
            for a, b in laws.windows(self.move.time, weight, self.move.count):
                taken[a:b] = np.average(taken[a:b], weights=weight[a:b])
        target = max(0.0, before - float(queue.mean()))

        def left(factor: float) -> Any:
            return np.maximum(self.move.time - factor * taken, 0.0)

        # Nothing falls below zero, so the largest waits have to give what the small ones cannot.
        low, high = 0.0, 1.0
        while float(np.sum(weight * left(high))) > target and high < 1e6:
            low, high = high, 2 * high
        for _ in range(40):
            factor = (low + high) / 2
            low, high = (factor, high) if float(np.sum(weight * left(factor))) > target else (low, factor)
        times = left(high) if target > 0 else np.zeros(len(weight))
        order = np.argsort(times, kind="stable")
        note = f"data: {counted(self.move.count, 'wait')}, open ones censored, less {laws.in_words(before - target)} of working time that queues explain"
        self.paragraph["customer"] = self.move.law(note, times[order], np.minimum(np.cumsum(weight[order]), 1.0))
        since = before - self.move.wait  # of an age, what had passed before
        return before - since, max(0.0, target - since)


@dataclass
class Impatient:
    """An activity that cases leave before it begins, where it is not logged since when they wait."""

    share: float
    """Of visits that were given up."""
    note: str
    leave: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Step of the scenario -> route on which cases leave before it."""

    def unexplained(self, given_up: float) -> float:
        """Let leave before the step who does not give up in its simulated queue; their share."""
        more = max(0.0, (self.share - given_up) / (1 - given_up))
        for route in self.leave.values():
            route["share"] = say_share(round(more, 4))
        return more


@dataclass
class Settled:
    """What came of it."""

    rounds: int
    before: float
    """Mean seconds of working time between a visit and the staffed one after it."""
    after: float
    """The same, without what simulated queues explain."""
    grown: dict[str, tuple[int, int]]
    """team -> people seen, people taken."""
    unexplained: list[tuple[Impatient, float]]
    """Share of visits that were given up more often than simulated queues make them."""


@dataclass
class Model:
    """What is learnt so far, as far as queues are concerned.

    Args:
        scenario: parses it, over the period of the log.
        teams: paragraphs, whose sizes may grow.
        waits: steps of the customer that hold queues as well; empty where readiness is logged.
        impatient: activities that cases give up, where the wait is not known well.
        team_of: staffed step -> team that mostly does it.
        clocks: staffed step -> the time in which waits before it are told.
        seen: team -> mean wait of the log before it, on these clocks: its queues cannot be much longer.
        activities: steps that stand for activities of the log.
        arrival_seen: whether the log shows since when a case waited for its first visit.
    """

    scenario: Callable[[], Scenario]
    teams: dict[str, dict[str, Any]]
    waits: list[Wait]
    impatient: list[Impatient]
    team_of: dict[str, str]
    clocks: dict[str, Clock]
    seen: dict[str, float]
    activities: set[str]
    arrival_seen: bool


def settle(model: Model) -> Settled:
    """Let simulated queues and learnt waits add up to the waits of the log."""
    original = {name: int(team["size"]) for name, team in model.teams.items()}
    means = [(0, 0.0, 0.0)]
    unexplained: list[tuple[Impatient, float]] = []
    rounds = quiet = 0
    while quiet < ROUNDS and rounds < MOST_ROUNDS:
        rounds += 1
        queues = _Queues(model)
        if queues.grow(original):
            continue
        if not model.waits and not model.impatient:
            break
        quiet += 1
        means = [(w.move.count, *w.less(queue)) for w in model.waits if len(queue := queues.before(w.targets))] or means
        unexplained = [(i, i.unexplained(queues.given_up(i))) for i in model.impatient]
    moved = max(1, sum(n for n, *_ in means))
    grown = {name: (original[name], int(team["size"])) for name, team in model.teams.items() if team["size"] != original[name]}
    return Settled(rounds, sum(n * a for n, a, _ in means) / moved, sum(n * b for n, _, b in means) / moved, grown, unexplained)


class _Queues:
    """The queues of a simulated model."""

    def __init__(self, model: Model) -> None:
        from salessim.experiment import simulate

        self.model = model
        parts: list[pd.DataFrame] = []
        scenario, visits = model.scenario(), 0
        while visits < ENOUGH_VISITS and len(parts) < 8:
            frame = simulate(scenario, seed=0, replication=len(parts)).frame
            parts.append(frame.assign(replication=len(parts)))
            visits += len(frame)
        self.frame = pd.concat(parts, ignore_index=True)
        times = self.frame.groupby(["replication", "case"]).agg(born=("enabled", "min"), over=("ended", "max"))
        self.time_in_process = float((times["over"] - times["born"]).dt.total_seconds().sum())
        self.waited = self._waited()

    def _waited(self) -> dict[str, Any]:
        """Queues in working seconds by step, those that the log shows as well."""
        real = self.frame[self.frame["step"].isin(self.model.activities)]
        if not self.model.arrival_seen:
            real = real[real.duplicated(["replication", "case"])]
        begun = real[real["step"].isin(self.model.team_of) & real["started"].notna()]
        clock = self.model.clocks
        return {str(n): clock[str(n)](seconds(r["started"])) - clock[str(n)](seconds(r["enabled"])) for n, r in begun.groupby("step")}

    def before(self, steps: tuple[str, ...]) -> Any:
        """Queues before some steps together."""
        return np.concatenate([np.array([]), *(self.waited[step] for step in steps if step in self.waited)])

    def given_up(self, impatient: Impatient) -> float:
        """Share of visits that were given up."""
        rows = self.frame[self.frame["step"].isin(list(impatient.leave)) & self.frame["ended"].notna()]
        return float(gave_up(rows).mean()) if len(rows) else 0.0

    def grow(self, original: dict[str, int]) -> bool:
        """Enlarge teams before which cases would wait far longer than they did; whether any was."""
        grew = False
        for team, paragraph in self.model.teams.items():
            mine = [q for step, q in self.waited.items() if self.model.team_of[step] == team]
            if not mine or team not in self.model.seen:
                continue
            waited, seen = np.concatenate(mine), self.model.seen[team]
            excess = float(waited.sum()) - len(waited) * seen
            if excess > MATTERS * self.time_in_process and waited.mean() > 2 * seen and paragraph["size"] <= 2 * original[team]:
                paragraph["size"] += max(1, paragraph["size"] // 10)
                grew = True
        return grew
