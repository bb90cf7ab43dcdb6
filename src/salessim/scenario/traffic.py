"""The traffic equations: how often a case comes to each step, and how much work that gives each team.

Exact for the routing as written, limits of loops included (the chain is unrolled over the visits that count against
a limit). Nobody is taken to wait: give-ups and fading are left out, so that most teams get less in a run; a team to
which give-ups and faded cases are sent gets more than is counted here, and its load says so. Conditions are taken to
let cases through in equal parts and factors as 1: where formulas decide, `pilot` tells the load from a run.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.errors import ScenarioError
from salessim.hours import Intervals, intersection
from salessim.scenario.inflow import arrival_rates
from salessim.staff import at_start, mean_presence, quickest, team_hours
from salessim.units import HOUR, WEEK

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step

MOST_STATES = 20_000
"""Beyond so many combinations of limited visits, limits are left out (and the load is an upper bound)."""


@dataclass(frozen=True)
class TeamLoad:
    """How much of a team's time the process asks for."""

    team: str
    load: float
    """Work demanded / time on duty; 1 and above cannot be kept up."""
    demanded: float
    """Person-hours of work a week."""
    available: float
    """Person-hours on duty a week."""
    or_more: bool = False
    """Whether cases that gave up or cooled off come on top."""

    @property
    def unstable(self) -> bool:
        """Whether queues grow without end."""
        return self.load >= 1.0


Journey = tuple[dict[str, float], dict[tuple[str, str], float]]
"""Expected visits of a case to each step, and its moves along each way between two steps."""


@dataclass(frozen=True)
class Flows:
    """Who moves where in the long run, if nobody leaves a queue; rates per tick by (step, segment)."""

    entering: dict[tuple[str, str], float]
    """From outside: channels alone."""
    visits: dict[tuple[str, str], float]
    moves: dict[tuple[str, str, str], float]
    """By (from, to, segment)."""
    brought: dict[tuple[tuple[str, str], tuple[str, str]], float]
    """Cases that begin at the second because of a visit to the first."""


def visits(scenario: Scenario, entry: str, segment: str) -> dict[str, float]:
    """Expected visits to each step of a case of a segment that enters at a step, its own journey only.

    Raises:
        ScenarioError: a case never leaves (refused when a scenario is loaded, as far as limits can be followed).
    """
    return dict(_journey(_routing(scenario.in_force), entry, segment)[0])


@dataclass(frozen=True)
class _Routing:
    """The ways between steps: two are equal if cases move alike, whoever does the work and however long it takes."""

    said: tuple[tuple[str, str], ...]
    steps: dict[str, Step] = field(compare=False)


_ROUTING = {"then", "unless", "parallel"}
"""What `_visits` reads of a step."""
_RACING = {"work", "customer", "automatic", "time_by_segment"}
"""And where its own time decides against others which way a case goes."""


def _routing(scenario: Scenario) -> _Routing:
    steps = scenario.steps
    return _Routing(tuple((n, s.model_dump_json(include=_ROUTING | _RACING if s.unless else _ROUTING)) for n, s in steps.items()), steps)


def _limits(steps: dict[str, Step]) -> dict[str, int]:
    """Steps some of whose ways close, and after how many visits the last of them does."""
    limited = sorted(n for n, s in steps.items() if any(r.limit is not None for r in s.then))
    return {n: max(r.limit or 0 for r in steps[n].then) for n in limited}


@lru_cache(maxsize=512)  # a search has few designs that differ in their ways, each with a journey for every entry and segment
def _journey(routing: _Routing, entry: str, segment: str) -> Journey:
    return _visits(routing.steps, entry, segment, _limits(routing.steps)) or _visits(routing.steps, entry, segment, {}) or ({}, {})


def _visits(steps: dict[str, Step], entry: str, segment: str, most: dict[str, int]) -> Journey | None:
    place = {n: i for i, n in enumerate(most)}
    first = (entry, (0,) * len(most))
    number = {first: 0}
    rows: list[int] = []
    columns: list[int] = []
    weights: list[float] = []
    todo = [first]
    known: dict[tuple[str, int], list[tuple[str, float]]] = {}
    while todo:
        state = todo.pop()
        name, counts = state
        at = place.get(name)
        seen = counts[at] if at is not None else 0
        if at is not None and seen < most[name]:
            counts = (*counts[:at], seen + 1, *counts[at + 1 :])
        if (name, seen) not in known:
            known[name, seen] = _onward(steps[name], segment, seen, bool(most))
        for target, share in known[name, seen]:
            after = (target, counts)
            if after not in number:
                number[after] = len(number)
                todo.append(after)
                if len(number) > MOST_STATES:
                    return None
            rows.append(number[after])
            columns.append(number[state])
            weights.append(share)
    from scipy.sparse import coo_array, eye_array
    from scipy.sparse.linalg import MatrixRankWarning, spsolve

    n = len(number)
    start = np.zeros(n)
    start[0] = 1.0
    matrix = eye_array(n, format="csc") - coo_array((weights, (rows, columns)), shape=(n, n)).tocsc()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MatrixRankWarning)  # said in our own words below
        solution = np.atleast_1d(spsolve(matrix.tocsc(), start))
    if not np.isfinite(solution).all() or (solution < -1e-9).any():
        raise ScenarioError(
            f"steps.{entry}", f"a case of segment {segment!r} that enters here can never leave, or the limits of its loops are too many to follow",
            "give fewer steps a limit, or add a route with 'lost' or 'done'",
        )  # fmt: skip
    result = dict.fromkeys(steps, 0.0)
    for (name, _), i in number.items():
        result[name] += float(solution[i])
    names = [name for name, _ in number]
    ways: dict[tuple[str, str], float] = {}
    for row, column, weight in zip(rows, columns, weights, strict=True):
        way = names[column], names[row]
        ways[way] = ways.get(way, 0.0) + float(solution[column]) * weight
    return result, ways


def _onward(step: Step, segment: str, seen: int, limits: bool) -> list[tuple[str, float]]:
    """Steps that follow and their shares; those of closed routes go to the rest, or to the others in proportion."""
    open_, closed = [], 0.0
    guarded = [r for r in step.then if r.share is None and r.when]
    left = max(0.0, 1.0 - sum(step.share_of(r, segment) for r in step.then if r.share is not None)) / (len(guarded) + 1)
    for route in step.then:
        # Which cases a condition lets through only simulation can say; here those that may pass are split evenly.
        share = left if guarded and route.share is None else step.share_of(route, segment)
        if route.limit is None or not limits or seen < route.limit:
            open_.append((route, share))
        else:
            closed += share
    if any(route.rest for route, _ in open_):
        open_ = [(r, s + closed if r.rest else s) for r, s in open_]
    total = sum(share for _, share in open_)
    own, ends = first_to_end(step, segment)
    onward = [(r.to, own * share / total) for r, share in open_ if r.to is not None and share > 0] if total > 0 else []
    onward += [(end.to, share) for end, share in zip(step.unless, ends, strict=True) if end.to is not None and share > 0]
    return onward + [(branch, 1.0) for branch in step.parallel or ()]


POINTS = 400
"""Quantiles at which a law is looked at, to see which of several times is over first."""


def first_to_end(step: Step, segment: str) -> tuple[float, list[float]]:
    """The chance that a step's own time is over before any of its competing ends, and that of each of them.

    Reminders, factors and the age of a case where its time counts from arrival are left out: they differ from case to case.
    """
    laws = [step.time_in(segment), *(end.after for end in step.unless)]
    if len(laws) == 1:
        return 1.0, []
    grid = (np.arange(POINTS) + 0.5) / POINTS
    when = [law.quantile(grid) for law in laws]
    # Among equal times the step's own comes first, then the ends in their order; that is why the earlier ones count "<=".
    chances = [
        float(np.mean(np.prod([1.0 - other.cdf(at if j < i else np.nextafter(at, -1.0)) for j, other in enumerate(laws) if j != i], axis=0)))
        for i, at in enumerate(when)
    ]  # fmt: skip
    whole = sum(chances)
    return chances[0] / whole, [c / whole for c in chances[1:]]


def throughput(scenario: Scenario) -> dict[tuple[str, str], float]:
    """Mean visits per tick for each (step, segment), spawned cases included.

    Spawned cases that would come after the horizon are counted too: the long-run rate. Where cases bring as many
    further cases as themselves, or more, there is no such rate, and where it takes longer than the horizon to build up
    (yearly renewals), it says nothing about the run; then those are counted that come before the horizon.
    """
    return flows(scenario).visits


def flows(scenario: Scenario) -> Flows:
    """As `throughput`, with the ways that lead there."""
    scenario = scenario.in_force
    from salessim.scenario.model import share_in

    entries, routing = arrival_rates(scenario), _routing(scenario)
    keys = sorted({(step, g) for step in scenario.steps for g in scenario.segments})
    index = {key: i for i, key in enumerate(keys)}
    # brings[child, parent]: cases spawned at an entry per case that entered elsewhere; later: times their mean delay.
    spawners = [(name, s) for name, step in scenario.steps.items() for s in step.spawns]
    brings, later = np.zeros((len(keys), len(keys))), np.zeros((len(keys), len(keys)))
    relevant = set(entries)
    todo = list(entries)
    while todo:
        key = todo.pop()
        for name, spawn in spawners:
            mean = _journey(routing, *key)[0][name] * share_in(spawn.probability, key[1])
            child = (spawn.to, spawn.segment or key[1])
            if mean > 0:
                brings[index[child], index[key]] += mean
                later[index[child], index[key]] += mean * spawn.after.mean
                if child not in relevant:
                    relevant.add(child)
                    todo.append(child)
    external = np.zeros(len(keys))
    for key, rate in entries.items():
        external[index[key]] = rate
    horizon = scenario.clock.horizon
    try:
        entering = np.linalg.solve(np.eye(len(keys)) - brings, external)
        late = np.linalg.solve(np.eye(len(keys)) - brings, later @ entering)
    except np.linalg.LinAlgError:
        entering = late = np.full(len(keys), -1.0)
    if not np.isfinite(entering).all() or (entering < -1e-12).any() or (late > horizon * entering + 1e-9).any():
        entering = _before(horizon, external, brings, later)
    result = dict.fromkeys(keys, 0.0)
    moves: dict[tuple[str, str, str], float] = {}
    for key in sorted(relevant):
        seen, ways = _journey(routing, *key)
        rate = float(entering[index[key]])
        for name, mean in seen.items():
            if mean > 0:
                result[name, key[1]] += mean * rate
        for (start, end), mean in ways.items():
            moves[start, end, key[1]] = moves.get((start, end, key[1]), 0.0) + mean * rate
    brought = {((name, g), (spawn.to, spawn.segment or g)): 0.0 for name, spawn in spawners for g in scenario.segments}
    for name, spawn in spawners:
        for g in scenario.segments:
            brought[(name, g), (spawn.to, spawn.segment or g)] += result[name, g] * share_in(spawn.probability, g)
    return Flows(entries, result, moves, brought)


MOST_GENERATIONS = 10_000


def _before(horizon: int, external: Any, brings: Any, later: Any) -> Any:
    """Rates of entering, generation by generation, of those who on average come before the horizon."""
    rate, late, total = external, np.zeros_like(external), np.zeros_like(external)
    for _ in range(MOST_GENERATIONS):
        age = np.divide(late, rate, out=np.zeros_like(late), where=rate > 0)
        counted = rate * np.maximum(0.0, 1.0 - age / horizon)
        total = total + counted
        if counted.sum() <= 1e-12 * total.sum() or total.sum() > 1.0:  # a case each microsecond: enough is known
            break
        rate, late = brings @ rate, brings @ late + later @ rate
    return total


def loads(scenario: Scenario, *, sure: bool = False) -> list[TeamLoad]:
    """The load of every team; work that several teams can do is dealt out so that the highest load is lowest.

    Steps that need people of different calendars at once have a row of their own, after the teams.

    Args:
        scenario: the process.
        sure: count only work for which everybody waits, however long: a team at 100 % of that can never catch up.

    Example:
        >>> import salessim as ss  # doctest: +SKIP
        >>> {row.team: round(row.load, 2) for row in ss.loads(ss.Scenario.load("scenarios/b2b.yaml"))}  # doctest: +SKIP
    """
    from salessim.network import roles_of
    from salessim.scenario.model import share_in

    scenario = scenario.in_force
    clock = scenario.clock
    flow = throughput(scenario)
    teams = sorted(scenario.teams)
    available = {t: mean_presence(scenario, t) * _length(team_hours(scenario, t)) / clock.horizon for t in teams}
    speed = {t: quickest(scenario.teams[t]) if sure else at_start(scenario.teams[t]) for t in teams}
    fixed = dict.fromkeys(teams, 0.0)
    shared: list[list[tuple[str, float]]] = []
    for name, step in scenario.steps.items():
        if step.kind != "work":
            continue
        by_hand = 1.0 - (step.automation.share if step.automation else 0.0)
        work = sum(flow[name, g] * share_in(step.adherence, g) * step.time_in(g).mean for g in scenario.segments if not (sure and _settles(scenario, step, g))) * by_hand
        roles = roles_of(scenario, step)
        for r, role in enumerate(roles):
            # The pace is the first person's; with a choice of first persons, that of the one who is asked.
            lead, efficiency = roles[0][0]
            pace = [1 / (e * speed[t]) for t, e in role] if r == 0 else [1 / (efficiency * speed[lead])] * len(role)
            if len(role) == 1:
                fixed[role[0][0]] += work * pace[0]
            elif work > 0:
                shared.append([(team, work * p) for (team, _), p in zip(role, pace, strict=True)])
    if shared:
        _deal_out(fixed, shared, available)
    more = _overflowing(scenario)
    rows = [_row(t, fixed[t], available[t], t in more) for t in teams]
    return rows if sure else rows + _meetings(scenario, flow)


def _settles(scenario: Scenario, step: Step, segment: str) -> bool:
    """Whether the queue of a step settles whatever the load, because customers leave it."""
    law = step.patience_by_segment.get(segment, step.patience or scenario.segments[segment].patience)
    return step.waiting_room is not None or (law is not None and law != "none")


def _row(name: str, demanded: float, available: float, or_more: bool = False) -> TeamLoad:
    """People's time demanded and available, in persons on average, as a load and hours a week."""
    load = demanded / available if available > 0 else float("inf") if demanded > 0 else 0.0
    return TeamLoad(name, load, demanded * WEEK / HOUR, available * WEEK / HOUR, or_more)


def _overflowing(scenario: Scenario) -> set[str]:
    """Teams to which cases that gave up or cooled off may come."""
    from salessim.network import roles_of

    steps = scenario.steps
    todo = [s.gives_up.to for s in steps.values() if s.gives_up and s.gives_up.to]
    todo += [r.to for s in steps.values() if any(w.fades for w in s.then) for r in s.then if r.rest and r.to]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [r.to for r in steps[name].then if r.to]
    return {team for name in seen for role in roles_of(scenario, steps[name]) for team, _ in role}


def _meetings(scenario: Scenario, flow: dict[tuple[str, str], float]) -> list[TeamLoad]:
    """Steps for several people whose calendars differ: what they ask of the time in which all are there."""
    from salessim.network import roles_of
    from salessim.scenario.model import share_in

    clock, rows = scenario.clock, []
    for name, step in scenario.steps.items():
        if not step.together_with or any(scenario.teams[t].at_shift_end == "overtime" for r in roles_of(scenario, step) for t, _ in r):
            continue
        roles = roles_of(scenario, step)
        firsts = [role[0][0] for role in roles]
        hours = [team_hours(scenario, t) for t in firsts]
        shared = reduce(intersection, hours)
        if all(h == shared for h in hours) or any(len(role) > 1 for role in roles):
            continue
        at_once = min(scenario.teams[t].people // firsts.count(t) * mean_presence(scenario, t) / scenario.teams[t].people for t in firsts)
        by_hand = 1.0 - (step.automation.share if step.automation else 0.0)
        work = sum(flow[name, g] * share_in(step.adherence, g) * step.time_in(g).mean for g in scenario.segments) * by_hand / roles[0][0][1]
        rows.append(_row(f"{name} ({' with '.join(firsts)})", work, at_once * _length(shared) / clock.horizon))
    return rows


def _length(intervals: Intervals) -> int:
    return sum(end - start for start, end in intervals)


def _deal_out(fixed: dict[str, float], shared: list[list[tuple[str, float]]], available: dict[str, float]) -> None:
    """Add shared work to the teams: minimise the highest load (a linear programme), preferring earlier teams."""
    from scipy.optimize import linprog

    teams = [t for t in fixed if available[t] > 0]
    row = {t: i for i, t in enumerate(teams)}
    columns = [(j, t, w, place) for j, options in enumerate(shared) for place, (t, w) in enumerate(options) if t in row]
    cost = np.array([1.0, *(1e-6 * place for *_, place in columns)])
    upper = np.zeros((len(teams), 1 + len(columns)))
    upper[:, 0] = -1.0
    equal = np.zeros((len(shared), 1 + len(columns)))
    for k, (j, t, w, _) in enumerate(columns):
        upper[row[t], 1 + k] = w / available[t]
        equal[j, 1 + k] = 1.0
    limits: Any = [-fixed[t] / available[t] for t in teams]
    answer = linprog(cost, upper, limits, equal, np.ones(len(shared)))
    if answer.x is None:
        return
    for k, (_, t, w, _) in enumerate(columns):
        fixed[t] += float(answer.x[1 + k]) * w
