"""Processes whose best design is known exactly: by Jackson's formulas, Erlang A and dynamic programming, never by a simulation.

B1 is the staffing of a tandem under a budget, B2 the same with a tool for each station and three stations that may be left
out (some 10^11 designs), B4 the staffing of independent cells in which customers give up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salessim.queueing import impatient, mean_wait
from salessim.scenario.model import Scenario
from salessim.units import HOUR, MONTH

Settings = Mapping[str, Any]
Row = tuple[float, float, tuple[Any, ...]]
"""Cost, figure, and what was chosen at each place."""


def monthly(hourly: float) -> float:
    return hourly * MONTH / HOUR


@dataclass(frozen=True)
class Problem:
    """What is searched, and how designs are judged in truth."""

    scenario: Callable[[], Scenario]
    objective: str
    budget: float
    """EUR per hour."""
    best: float
    """The objective of the best design within the budget, in the unit of `truth`."""
    truth: Callable[[Settings], float]
    """The objective of a design, exactly; infinite where a station cannot keep up."""
    price: Callable[[Settings], float]
    """EUR per hour."""

    @property
    def limit(self) -> str:
        return f"cost <= {monthly(self.budget) * (1 + 1e-9)!r} EUR/month"


def cheapest(places: Sequence[Sequence[Row]]) -> list[Row]:
    """All choices of one row at each place that no other beats in the sums of cost and figure, cheapest first: dynamic programming."""
    partial: list[Row] = [(0.0, 0.0, ())]
    for rows in places:
        more = [(round(cost + c, 9), figure + f, (*done, *what)) for cost, figure, done in partial for c, f, what in rows if math.isfinite(f)]
        partial, least = [], math.inf
        for row in sorted(more, key=lambda row: row[:2]):
            if row[1] < least - 1e-12:
                partial.append(row)
                least = row[1]
    return partial


def within(front: Sequence[Row], budget: float) -> tuple[float, tuple[Any, ...]]:
    """The best of a front that the budget pays."""
    return min((figure, design) for cost, figure, design in front if cost <= budget + 1e-9)


# B1 and B2: the tandem.

PASS = (0.80, 0.70, 0.75, 0.80, 0.60, 0.85, 1.0)
RATE = 4.0
"""Leads per day."""
PACE = (1.6, 0.9, 0.55, 0.45, 0.35, 0.30, 0.60)
"""Per server and day."""
PRICE = (1.0, 1.2, 2.0, 2.2, 3.0, 2.6, 1.5)
"""Of a server, in EUR per hour."""
BUDGET = 80.0
TODAY = (4, 5, 6, 5, 5, 4, 2)
MOST = 12
STATIONS = len(PACE)

TOOL_SHARE, TOOL_DAYS = 0.4, 0.25
"""Of the visits to a station with a tool, so many need nobody, and take so long (exponential)."""
TOOL_PRICE = (0.9, 1.1, 1.6, 1.8, 2.5, 2.2, 1.0)
REMOVABLE = (1, 3, 5)
"""Stations that may be left out: who would have dropped out there goes on, and asks for work later."""
MOST_WITH_TOOLS = 14


def station(i: int, servers: int, arrive: float, tool: bool = False) -> float:
    """What a station adds to the mean time per lead, in days, exactly (Jackson; a tool is a server for each visit)."""
    by_hand = arrive * (1 - TOOL_SHARE if tool else 1.0)
    return (by_hand * (mean_wait(servers, by_hand, 1.0 / PACE[i]) + 1.0 / PACE[i]) + (arrive - by_hand) * TOOL_DAYS) / RATE


def flows(removed: Sequence[int] = ()) -> list[float]:
    """Leads per day at each station; none at those left out."""
    rates, rate = [], RATE
    for i in range(STATIONS):
        rates.append(0.0 if i in removed else rate)
        rate *= 1.0 if i in removed else PASS[i]
    return rates


def truth(design: Sequence[int]) -> float:
    """Mean time per lead of B1, in days."""
    return sum(station(i, c, arrive) for i, (c, arrive) in enumerate(zip(design, flows(), strict=True)))


def price(design: Sequence[int]) -> float:
    return sum(p * c for p, c in zip(PRICE, design, strict=True))


def front() -> list[Row]:
    """Cost and time of B1: all designs that no other beats in both."""
    return cheapest([[(PRICE[i] * c, station(i, c, flows()[i]), (c,)) for c in range(1, MOST + 1)] for i in range(STATIONS)])


def tandem(law: str = "exponential", cv: float = 1.0, *, tools: bool = False) -> Scenario:
    """B1, or with tools and removals B2: 600 leads are measured after some 100."""
    steps: dict[str, Any] = {}
    for i in range(STATIONS):
        onward = [{"to": f"s{i + 2}", "share": PASS[i]}, {"lost": "drops out"}] if i < STATIONS - 1 else [{"done": True}]
        work = {"law": law, "mean": f"{24 / PACE[i]!r} h"} | ({} if law == "exponential" else {"cv": cv})
        steps[f"s{i + 1}"] = {"work": work, "by": f"t{i + 1}", "patience": "none", "then": onward}
    levers: dict[str, Any] = {f"staff {i + 1}": {"field": f"teams.t{i + 1}.size", "integer": [1, MOST_WITH_TOOLS if tools else MOST]} for i in range(STATIONS)}
    if tools:
        levers |= {f"tool {i + 1}": {"automate": f"s{i + 1}", "share": TOOL_SHARE, "time": {"law": "exponential", "mean": f"{24 * TOOL_DAYS!r} h"}, "running_cost": f"{monthly(TOOL_PRICE[i])!r} EUR/month"} for i in range(STATIONS)}
        levers |= {f"without {i + 1}": {"remove": f"s{i + 1}", "then_to": f"s{i + 2}", "excludes": [f"tool {i + 1}"]} for i in REMOVABLE}
    return Scenario.parse(
        {"name": "tandem", "currency": "EUR", "clock": {"start": "2026-01-01", "horizon": "175 days", "warm_up": "25 days"}, "segments": {"all": {}},
         "teams": {f"t{i + 1}": {"size": TODAY[i], "cost": f"{PRICE[i]} EUR/hour"} for i in range(STATIONS)},
         "channels": {"in": {"enters": "s1", "segments": {"all": 1}, "arrivals": {"rate": f"{RATE} per day"}}}, "stages": {"line": {"steps": steps}}, "levers": levers}
    )  # fmt: skip


def servers(settings: Settings) -> list[int]:
    return [settings[f"staff {i + 1}"] for i in range(STATIONS)]


def b1() -> Problem:
    best, design = within(front(), BUDGET)
    # The figures that are known from elsewhere.
    assert design == (6, 7, 7, 7, 6, 5, 3), design
    assert abs(best - 5.6694) < 5e-5, best
    assert abs(price(design) - 79.3) < 1e-9, price(design)
    return Problem(tandem, "time_in_process", BUDGET, best, lambda s: truth(servers(s)), lambda s: price(servers(s)))


def b2() -> Problem:
    best = math.inf
    for removed in itertools.chain.from_iterable(itertools.combinations(REMOVABLE, n) for n in range(len(REMOVABLE) + 1)):
        rates = flows(removed)
        places = [
            [(PRICE[i], 0.0, (1,))] if i in removed
            else [(PRICE[i] * c + TOOL_PRICE[i] * tool, station(i, c, rates[i], tool), (c,)) for c in range(1, MOST_WITH_TOOLS + 1) for tool in (False, True)]
            for i in range(STATIONS)
        ]  # fmt: skip
        best = min(best, within(cheapest(places), BUDGET)[0])

    def time(s: Settings) -> float:
        rates = flows([i for i in REMOVABLE if s[f"without {i + 1}"]])
        return sum(station(i, s[f"staff {i + 1}"], rates[i], s[f"tool {i + 1}"]) for i in range(STATIONS) if rates[i] > 0)

    def costs(s: Settings) -> float:
        return price(servers(s)) + sum(TOOL_PRICE[i] for i in range(STATIONS) if s[f"tool {i + 1}"])

    return Problem(lambda: tandem(tools=True), "time_in_process", BUDGET, best, time, costs)


# B4: cells.

CELLS = ((8.0, 1.0, 0.5, 1.0), (5.0, 0.8, 1.0, 1.4), (12.0, 1.5, 0.8, 1.2), (3.0, 0.5, 0.25, 2.0), (6.0, 0.9, 2.0, 1.6), (10.0, 2.0, 1.5, 0.9))
"""Arrivals per day, pace, impatience (1 / mean patience in days), EUR per hour of a server."""
CELLS_BUDGET = 62.0
CELLS_TODAY = (7, 6, 7, 5, 6, 5)
CELLS_MOST = 16


def cell(i: int, size: int) -> float:
    """Customers lost per week in a cell, exactly (Erlang A)."""
    arrive, pace, leave, _ = CELLS[i]
    return 7 * arrive * impatient(size, arrive, 1.0 / pace, leave)[0]


def cells() -> Scenario:
    """B4: some 4,400 customers are measured after some 1,100."""
    steps = {f"s{i + 1}": {"work": {"law": "exponential", "mean": f"{24 / pace!r} h"}, "by": f"t{i + 1}", "patience": {"law": "exponential", "mean": f"{24 / leave!r} h"},
                           "gives_up": {"lost": "gave up"}, "then": [{"done": True}]} for i, (_, pace, leave, _) in enumerate(CELLS)}  # fmt: skip
    return Scenario.parse(
        {"name": "cells", "currency": "EUR", "clock": {"start": "2026-01-01", "horizon": "125 days", "warm_up": "25 days"}, "segments": {"all": {}},
         "teams": {f"t{i + 1}": {"size": size, "cost": f"{CELLS[i][3]} EUR/hour"} for i, size in enumerate(CELLS_TODAY)},
         "channels": {f"in {i + 1}": {"enters": f"s{i + 1}", "segments": {"all": 1}, "arrivals": {"rate": f"{row[0]} per day"}} for i, row in enumerate(CELLS)},
         "stages": {"cells": {"steps": steps}},
         "levers": {f"staff {i + 1}": {"field": f"teams.t{i + 1}.size", "integer": [1, CELLS_MOST]} for i in range(len(CELLS))}}
    )  # fmt: skip


def b4() -> Problem:
    rows = cheapest([[(CELLS[i][3] * c, cell(i, c), (c,)) for c in range(1, CELLS_MOST + 1)] for i in range(len(CELLS))])

    def lost(s: Settings) -> float:
        return sum(cell(i, s[f"staff {i + 1}"]) for i in range(len(CELLS)))

    def costs(s: Settings) -> float:
        return sum(CELLS[i][3] * s[f"staff {i + 1}"] for i in range(len(CELLS)))

    return Problem(cells, "lost_customers", CELLS_BUDGET, within(rows, CELLS_BUDGET)[0], lost, costs)
