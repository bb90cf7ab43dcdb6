"""What queueing theory says about a scenario, for any number of people in its teams, in about a millisecond.

Exact for exponential work, patience or none, one team a step and people who are always there (Jackson's networks, single
Erlang-A queues); otherwise it orders designs. Left out: priorities, limits of places, batches, the hours in which nobody works (work
and arrivals are taken to be spread over the open ones), conditions and factors of formulas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.errors import InputError
from salessim.headcount import calendar_hours, head_count, staff_hours
from salessim.memo import Content, content
from salessim.network import roles_of
from salessim.queueing import impatient, mean_wait
from salessim.scenario.model import share_in
from salessim.scenario.traffic import flows
from salessim.staff import at_start, mean_presence, team_hours
from salessim.units import DAY, HOUR, MONTH, WEEK

if TYPE_CHECKING:
    from salessim.durations import Law
    from salessim.scenario.model import Route, Scenario, Step

ROUNDS = 30
"""Of putting waits and flows into each other; they settle in a few, as who gives up lightens the load of the rest."""
UNDAMPED = 4
"""Rounds after which steps are halved: all lighten their load at once otherwise, and no longer give up in the next round."""
SETTLED = 1e-6
_T, _W = np.polynomial.laguerre.laggauss(40)


@lru_cache(maxsize=4096)
def _second_moment(of: Content) -> float:
    """E[X^2] by Gauss-Laguerre quadrature over quantiles: exact for exponential laws."""
    law: Law = of.record
    x = np.asarray(law.quantile(np.minimum(-np.expm1(-_T), 1.0 - 2.0**-53)), float)
    return float(np.sum(_W * x * x))


@dataclass(frozen=True)
class _Task:
    """A person that a step needs, for one segment."""

    at: int
    """Which of the (step, segment)."""
    teams: tuple[str, ...]
    work: tuple[float, ...]
    """Mean time of a visit by each team's pace, in ticks on duty; visits done by hand only."""
    square: tuple[float, ...]
    by_hand: float
    """Share of the visits that need the person."""


@dataclass(frozen=True)
class Prediction:
    """What is expected of a design."""

    values: Mapping[str, float]
    """Measures; infinite where a queue grows without end. What theory cannot say is not among them."""
    loads: Mapping[str, float]
    """Team -> work that does not go away, over time on duty: what is at 1 or above grows without end."""

    @property
    def overload(self) -> float:
        """By how much work exceeds time on duty, over all teams; 0 of a design that can keep up."""
        return sum(max(0.0, load - 1.0 + 1e-9) for load in self.loads.values())


class Approximation:
    """A scenario as a network of queues."""

    def __init__(self, scenario: Scenario) -> None:
        """Solve the traffic equations once.

        Args:
            scenario: people apart, all that matters of a design.

        Raises:
            InputError: nobody comes, so that there is nothing to say.
        """
        self.scenario = scenario
        self.sizes = {t: team.size for t, team in scenario.teams.items()}
        now = scenario.in_force
        found = flows(scenario)
        keys = sorted(k for k, rate in found.visits.items() if rate > 0)
        if not keys:
            raise InputError(scenario.name, "nobody comes", "give a channel arrivals")
        self.keys, at = keys, {k: i for i, k in enumerate(keys)}
        n = len(keys)
        self.entering = np.zeros(n)
        for k, rate in found.entering.items():
            if k in at:
                self.entering[at[k]] += rate
        self.moves, self.brings, self.leaves = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
        for (start, end, g), rate in found.moves.items():
            if (start, g) in at and (end, g) in at:
                self.moves[at[start, g], at[end, g]] += rate / found.visits[start, g]
        for (parent, child), rate in found.brought.items():
            if parent in at and child in at:
                self.brings[at[parent], at[child]] += rate / found.visits[parent]
        self.plain, self.lost = np.zeros(n), np.zeros(n)
        self.impatience = np.zeros(n)
        self.fee = np.zeros(n)
        self.won = np.zeros(n, bool)
        worth = {g: segment.value.mean if segment.value is not None else 0.0 for g, segment in now.segments.items()}
        self.value = np.array([worth[g] for _, g in keys])
        self.open = {t: sum(b - a for a, b in team_hours(scenario, t)) / scenario.clock.horizon for t in scenario.teams}
        self.persons = {t: mean_presence(scenario, t) / max(1, self.sizes[t]) for t in scenario.teams}
        self.heads, self.hours = ({t: of(scenario, t) for t in scenario.teams} for of in (head_count, staff_hours))
        self.week = {t: calendar_hours(scenario, t) for t in scenario.teams}
        tasks: list[_Task] = []
        self.fades: list[tuple[int, int, Any]] = []
        for i, (name, g) in enumerate(keys):
            step = now.steps[name]
            self.fee[i] = step.cost.value if step.cost is not None else 0.0
            self.won[i] = step.milestone == "won"
            self.plain[i], more = self._times(now, step, g, i)
            tasks += more
            law = step.patience_by_segment.get(g, step.patience or now.segments[g].patience)
            if more and law is not None and not isinstance(law, str) and law.mean > 0:
                self.impatience[i] = 1.0 / law.mean
            if step.gives_up is not None and step.gives_up.to is not None and (step.gives_up.to, g) in at:
                self.leaves[i, at[step.gives_up.to, g]] = 1.0
            self.lost[i] = _lost(step, g)
            self.fades += [(i, at[r.to, g], r.fades) for r in step.then if r.fades is not None and r.to is not None and (r.to, g) in at]
        self.tasks = tuple(tasks)
        self.standing = self._standing(now)
        self.pay = {t: _pay(now, t, self.open[t]) for t in now.teams}

    def _times(self, scenario: Scenario, step: Step, segment: str, i: int) -> tuple[float, list[_Task]]:
        """Time of a visit beside the wait, and who must be there."""
        law = step.time_in(segment)
        if step.kind != "work":
            return law.mean, []
        system = step.automation
        by_hand = share_in(step.adherence, segment) * (1.0 - (system.share if system else 0.0))
        square = _second_moment(content(law))
        roles = roles_of(scenario, step)
        lead, efficiency = roles[0][0]
        tasks = []
        for r, role in enumerate(roles):
            pace = [1.0 / (e * at_start(scenario.teams[t])) if r == 0 else 1.0 / (efficiency * at_start(scenario.teams[lead])) for t, e in role]
            tasks.append(_Task(i, tuple(t for t, _ in role), tuple(law.mean * p for p in pace), tuple(square * p * p for p in pace), by_hand))
        own = law.mean / efficiency / max(self.open[lead], 1e-9)
        return by_hand * own + (system.share * system.time_in(segment).mean if system else 0.0), tasks

    def _standing(self, scenario: Scenario) -> float:
        """Licences and projects, per tick of the measured time."""
        window = scenario.clock.horizon - scenario.clock.warm_up
        running = sum(c.running.amount / c.running.per for c in scenario.costs.values() if c.running is not None)
        return running + sum(c.one_off.value for c in scenario.costs.values() if c.one_off is not None) / window

    def predict(self, people: Mapping[str, int] | None = None) -> Prediction:
        """The measures of the scenario with other numbers of people.

        Args:
            people: team -> size; teams not named have the scenario's.
        """
        sizes = self.sizes | dict(people or {})
        servers = {t: self.persons[t] * sizes[t] for t in sizes}
        wait, stay = np.zeros(len(self.keys)), np.ones(len(self.keys))
        flow = self._flow(wait, stay)
        loads: dict[str, float] = {}
        for turn in range(ROUNDS if self.impatience.any() or self.fades else 1):
            wait, loads = self._waits(flow, servers)
            left = np.minimum(1.0, self.impatience * np.where(np.isfinite(wait), wait, 0.0))
            after = 1.0 - left if turn < UNDAMPED else 0.5 * stay + 0.5 * (1.0 - left)
            new = self._flow(wait, after)
            change = float(np.max(np.abs(new - flow))) + float(np.max(np.abs(after - stay)) * np.max(flow))
            flow, stay = new, after
            if change <= SETTLED * float(np.max(flow)):
                break
        return Prediction(self._measures(flow, stay, wait, loads, sizes, servers), loads)

    def _flow(self, wait: Any, stay: Any) -> Any:
        """Visits per tick, given who stays."""
        moves = self._ways(wait, stay) + stay[:, None] * self.brings
        return np.linalg.solve(np.eye(len(self.keys)) - moves.T, self.entering)

    def _ways(self, wait: Any, stay: Any) -> Any:
        moves = self.moves
        if self.fades:
            moves = moves.copy()
            for i, j, fade in self.fades:
                moves[i, j] *= _kept(fade, wait[i])
        return stay[:, None] * moves + (1.0 - stay)[:, None] * self.leaves

    def _waits(self, flow: Any, servers: Mapping[str, float]) -> tuple[Any, dict[str, float]]:
        """Mean wait at each (step, segment) in ticks, and the loads of teams by work that does not go away."""
        shares = self._shares(flow, servers)
        rate, work, square, sure, leaving = (dict.fromkeys(servers, 0.0) for _ in range(5))
        for task, share in zip(self.tasks, shares, strict=True):
            visits = float(flow[task.at]) * task.by_hand
            for t, part, mean, second in zip(task.teams, share, task.work, task.square, strict=True):
                rate[t] += visits * part
                work[t] += visits * part * mean
                square[t] += visits * part * second
                leaving[t] += visits * part * self.impatience[task.at]
                if not self.impatience[task.at]:
                    sure[t] += visits * part * mean
        waits, loads = {}, {}
        for t, people in servers.items():
            waits[t], loads[t] = 0.0, 0.0
            if rate[t] <= 0:
                continue
            is_open = self.open[t]
            if people <= 0 or is_open <= 0:
                waits[t], loads[t] = math.inf, math.inf
                continue
            mean = work[t] / rate[t]
            loads[t] = sure[t] / (people * is_open)
            scv = max(0.0, square[t] / rate[t] / mean**2 - 1.0) if mean > 0 else 0.0
            if loads[t] >= 1:
                waits[t] = math.inf
            elif leaving[t] > 0 and mean > 0:
                # Patience runs by the calendar, work by the hours on duty.
                waits[t] = impatient(people, rate[t] / is_open, mean, leaving[t] / rate[t] / is_open)[1] / is_open
            else:
                waits[t] = mean_wait(people, rate[t] / is_open, mean, scv) / is_open
        wait = np.zeros(len(self.keys))
        for task, share in zip(self.tasks, shares, strict=True):
            own = sum(part * waits[t] for t, part in zip(task.teams, share, strict=True) if part > 0)
            wait[task.at] = max(wait[task.at], own * min(1.0, task.by_hand))
        return wait, loads

    def _shares(self, flow: Any, servers: Mapping[str, float]) -> list[tuple[float, ...]]:
        """How the teams that may do a task divide it: by the time that their own tasks leave them."""
        left = {t: servers[t] * self.open[t] for t in servers}
        for task in self.tasks:
            if len(task.teams) == 1:
                left[task.teams[0]] -= float(flow[task.at]) * task.by_hand * task.work[0]
        shares: list[tuple[float, ...]] = []
        for task in self.tasks:
            if len(task.teams) == 1:
                shares.append((1.0,))
                continue
            free = [max(0.0, left[t]) for t in task.teams]
            total = sum(free)
            shares.append(tuple(f / total for f in free) if total > 0 else (1.0, *(0.0 for _ in free[1:])))
        return shares

    def _measures(self, flow: Any, stay: Any, wait: Any, loads: Mapping[str, float], sizes: Mapping[str, int], servers: Mapping[str, float]) -> dict[str, float]:
        n = len(self.keys)
        wait = np.where(np.isfinite(wait), wait, 0.0)  # all figures that hang on it are infinite in the end
        time = wait + stay * self.plain
        ways = self._ways(wait, stay)
        # Up to the signature: who is there is won, and does not come there again on the same way.
        before = np.where(self.won[:, None], 0.0, ways)
        chance = np.linalg.solve(np.eye(n) - before, np.where(self.won, stay, 0.0))
        starts = self.entering + (stay * flow) @ self.brings
        coming = np.linalg.solve(np.eye(n) - before.T, starts)
        wins = starts * chance
        can_win = np.linalg.solve(np.eye(n) - np.where(self.won[:, None], 0.0, self.moves), np.where(self.won, 1.0, 0.0)) > 0
        cases = float(np.sum(starts[can_win])) if self.won.any() else float(np.sum(starts))
        lost = float(np.sum(flow * (stay * self.lost + (1.0 - stay) * (1.0 - self.leaves.sum(axis=1)))))
        asked = sum(float(flow[t.at]) * t.by_hand for t in self.tasks)
        gone = float(np.sum(flow * (1.0 - stay)))
        duty = sum(servers[t] * self.open[t] for t in servers)
        done = sum(float(flow[t.at] * stay[t.at]) * t.by_hand * t.work[0] for t in self.tasks)
        ours = can_win if self.won.any() else np.ones(n, bool)
        cost = self.standing + float(np.sum(flow * stay * self.fee)) + sum(self.pay[t] * sizes[t] for t in sizes)
        won = float(np.sum(wins))
        found = {
            "wip": float(np.sum(flow * time)), "queue": float(np.sum(flow * wait)),
            "lost_customers": lost * WEEK, "gave_up": gone * WEEK, "won": won * WEEK, "cost": cost * MONTH,
            "utilisation": 100.0 * done / duty if duty > 0 else math.nan,
        }  # fmt: skip
        if cases > 0:
            found["win_rate"], found["lost_share"] = 100.0 * won / cases, 100.0 * lost / cases
            # A case that ends elsewhere, such as a ticket, is not counted among those whose time is measured.
            found["time_in_process"] = float(np.sum((flow * time)[_reached(ways, starts, ours)])) / cases / DAY
        if won > 0:
            found["cycle_time"] = float(np.sum(coming * chance * time)) / won / DAY
            found["cost_per_win"] = cost / won
            first = float(np.sum(self.entering * chance))
            if first > 0:
                found["cycle_time_first"] = float(np.sum(np.linalg.solve(np.eye(n) - before.T, self.entering) * chance * time)) / first / DAY
            found["revenue"] = float(np.sum(wins * self.value)) * MONTH
        if asked > 0:
            found["waiting"] = float(np.sum(flow * wait)) / asked / HOUR
        if any(load >= 1 for load in loads.values()):
            found |= dict.fromkeys(found.keys() - {"cost", "utilisation"}, math.inf)
        more = {t: sizes[t] - self.sizes[t] for t in sizes}
        by_team = {f"head count of {t}": self.heads[t] + n for t, n in more.items()} | {f"staff hours of {t}": self.hours[t] + n * self.week[t] for t, n in more.items()}
        totals = {name: math.fsum(v for n, v in by_team.items() if n.startswith(of)) for name, of in (("head_count", "head count of "), ("staff_hours", "staff hours of "))}
        return found | by_team | totals


def _reached(ways: Any, starts: Any, ours: Any) -> Any:
    """The (step, segment) to which cases come that start where one can be won."""
    seen = (starts > 0) & ours
    while True:
        more = seen | (ways[seen] > 0).any(axis=0)
        if (more == seen).all():
            return seen
        seen = more


def _kept(fade: Any, wait: float) -> float:
    """What a fading chance keeps after an exponentially distributed wait, by quadrature."""
    t = wait * _T
    if not math.isfinite(wait):
        return 0.0
    if fade.law == "exponential":
        kept = np.exp2(-t / fade.half_life)
    elif fade.law == "lomax":
        kept = (1.0 + t / fade.scale) ** -fade.shape
    elif fade.law == "loglogistic":
        kept = 1.0 / (1.0 + (t / fade.scale) ** fade.shape)
    else:
        at, share = zip(*fade.points, strict=True)
        kept = np.interp(t, [0, *at], [1.0, *share])
    return float(np.sum(_W * kept))


def _lost(step: Step, segment: str) -> float:
    """The share of a step's visits that end as lost, limits of loops and conditions left out."""

    def weight(route: Route) -> float:
        return 0.0 if route.share is None else step.share_of(route, segment)

    rest = max(0.0, 1.0 - sum(weight(r) for r in step.then))
    open_ = [(r, rest if r.share is None else weight(r)) for r in step.then]
    return sum(w for r, w in open_ if r.lost is not None)


def _pay(scenario: Scenario, name: str, is_open: float) -> float:
    """Pay of a person per tick."""
    cost = scenario.teams[name].cost
    return 0.0 if cost is None else cost.amount / cost.per * (is_open if cost.hourly else 1.0)


__all__ = ["Approximation", "Prediction"]
