"""When the cases of a Prosimos scenario come: each so long after the one before it, or at the next opening.

Intervals without memory are our arrivals at a rate; other intervals are drawn once and replayed.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from salessim.exchange.distributions import built, law, read
from salessim.exchange.remarks import Remarks
from salessim.exchange.weeks import Week
from salessim.streams import Purpose, block, name_key, uniform
from salessim.units import SECOND, duration

MOST = 20_000
"""Dates that a scenario file can hold."""


def channel(entry: Any, week: Week, calendar: str, start: str, horizon: str, remarks: Remarks) -> dict[str, Any]:
    """The `arrivals` or `replay` of a channel.

    Args:
        entry: Prosimos' arrival_time_distribution.
        week: when cases may come.
        calendar: its name in the scenario.
        start: first day, a Monday.
        horizon: how long the run lasts.
        remarks: takes what differs.

    Raises:
        ValueError: "problem; remedy".
    """
    if entry is None:
        raise ValueError("it is missing; add it")
    found = law(entry)
    if isinstance(found, dict) and found["law"] == "exponential":
        return {"arrivals": {"rate": f"{_per_week(read(entry).scale, week, remarks):.10g} per week", "calendar": calendar}}
    return {"replay": _dates(built(found), week, start, horizon, remarks)}


def _per_week(mean: float, week: Week, remarks: Remarks) -> float:
    """Cases in a week: those of the open hours, and one at each opening after a break longer than the interval."""
    openings = sum(-math.expm1(-60 * gap / mean) for gap in week.gaps)
    if openings > 0:
        remarks.add(
            "differs", "arrival_time_calendar", "", "arrivals",
            f"Prosimos puts a case at each opening, {openings:.3g} a week; as many come here, spread over the open hours",
        )  # fmt: skip
    return week.hours * 3600 / mean + openings


def _dates(gaps: Any, week: Week, start: str, horizon: str, remarks: Remarks) -> list[str]:
    """Dates of arrivals, each drawn by its name."""
    if gaps.mean <= 0:
        raise ValueError("cases come at once and without end; give a mean above zero")
    key, at, end = name_key("arrivals"), week.next_open(0.0), duration(horizon) / (60 * SECOND)
    origin, dates = dt.datetime.fromisoformat(start), []
    while at < end:
        dates.append((origin + dt.timedelta(microseconds=round(at * 60 * SECOND))).isoformat())
        if len(dates) > MOST:
            raise ValueError(f"more than {MOST} cases come in {horizon}; give a shorter --horizon")
        u = uniform(block(0, 0, key, len(dates), 0, int(Purpose.ARRIVAL))[0])
        at = week.next_open(at + float(gaps.quantile(u)) / (60 * SECOND))
    if gaps.law != "constant":
        remarks.add("differs", "arrival_time_distribution", "", "arrivals", "drawn once: all replications have the same cases at the same times")
    return dates
