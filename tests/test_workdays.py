"""Deadlines in working days: learnt where they are planted, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

import salessim as ss
from salessim.calibration.clocks import Clock
from salessim.calibration.timing import Runs, Waits, runs_on
from salessim.calibration.workdays import counted_days
from tests.test_periods import closed_by_a_timer

DAY, HOUR = 86_400.0, 3600.0
START, END = (pd.Timestamp(t, tz="UTC") for t in ("2024-01-01", "2026-06-01"))  # both Mondays
OFF = ["2024-05-01", "2024-08-15", "2024-12-25", "2024-12-26", "2025-01-01", "2025-05-01"]
TERMS, SHARES = np.array([22.0, 24.0, 31.0, 33.0]), np.array([0.4, 0.2, 0.25, 0.15])


def clock(days: str, closed: list[str] | None = None) -> Clock:
    return Clock({"shifts": [{"days": days, "hours": "00:00-24:00"}], "closed": closed or []}, START, END, "UTC")


DAYS = {"weekdays": clock("Mon-Fri"), "but holidays": clock("Mon-Fri", OFF), "six days": clock("Mon-Sat")}


def tickets(rng: np.random.Generator, n: int, *, counts: str = "weekdays", part: float = 1.0, lag: float = 0.0, least: float = 0.0, weekends: bool = False) -> Waits:
    """Come in on working days (or any), are answered at any time, and closed when a deadline in working days is over, which for some is one in all days, and a lag, and twenty minutes."""
    day = rng.integers(0, 500, n)
    day = day if weekends else day // 7 * 7 + np.minimum(day % 7, 4)
    born = np.sort(START.timestamp() + day * DAY + rng.uniform(8, 18, n) * HOUR)
    since = born + rng.gamma(2.0, (8 if least else 3) * DAY, n)
    terms, count = rng.choice(TERMS, n, p=SHARES), DAYS[counts]
    by_count = np.maximum(count.when(count(born) + terms * DAY), count.when(count(since) + least * DAY) if least else since)
    plain = np.maximum(born + (terms + 10) * DAY, since + least * 1.4 * DAY)
    until = np.where(rng.random(n) < part, by_count, plain) + lag * DAY + rng.uniform(0, 1200, n)
    every = np.ones(n, bool)
    return Waits(born, since, until, every, every)


def one(waits: Waits) -> Runs:
    return runs_on({"answered": waits}, None, None, DAYS)["answered"]


@pytest.mark.parametrize("counts", ["weekdays", "but holidays", "six days"])
@pytest.mark.parametrize("lag", [0.0, 1.0])
@pytest.mark.parametrize("least", [0.0, 10.0])
def test_working_days_since_the_arrival_come_back(counts: str, lag: float, least: float) -> None:
    """Each term has its share (99.9 %), and what comes on top is the lag in plain time, over weekends too."""
    found = one(tickets(np.random.default_rng(1), 1500, counts=counts, lag=lag, least=least))
    assert (found.on, found.days) == ("age", counts)
    assert found.least == pytest.approx(least * DAY, abs=1200)
    assert found.ages is not None
    assert found.rest is not None
    told = dict(zip((found.ages[0] / DAY).tolist(), np.diff(np.append(0.0, found.ages[1])).tolist(), strict=True))
    for term, share in zip(TERMS.tolist(), SHARES.tolist(), strict=True):
        assert told[term] == pytest.approx(share, abs=3.29 * np.sqrt(share * (1 - share) / (1500 if least == 0 else 900)) + 0.005)
    assert np.interp([0.02, 0.95], found.rest[1], found.rest[0]) == pytest.approx([lag * DAY, lag * DAY + 1200], abs=600)


def test_what_comes_on_weekends_runs_from_the_next_midnight() -> None:
    found = one(tickets(np.random.default_rng(2), 1500, weekends=True))
    assert (found.on, found.days) == ("age", "weekdays")


def test_working_days_since_the_last_visit_come_back() -> None:
    rng = np.random.default_rng(3)
    waits = tickets(rng, 1500)
    count, every = DAYS["but holidays"], np.ones(1500, bool)
    until = count.when(count(waits.since) + rng.choice(TERMS, 1500, p=SHARES) * DAY) + rng.uniform(0, 1200, 1500)
    found = one(Waits(waits.born, waits.since, until, every, every))
    assert (found.on, found.days) == ("elapsed", "but holidays")
    assert found.ages is not None
    assert {t for t, m in zip(found.ages[0] / DAY, np.diff(np.append(0.0, found.ages[1])), strict=True) if m > 0.02} == set(TERMS)


def test_where_none_are_planted_there_are_none() -> None:
    """Whole days of all kinds, smooth times, least waits: at most one contest in a hundred is won wrongly, as far as 60 can tell (binomial, one in a thousand)."""
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        waits = tickets(rng, 600, part=0.0, lag=float(seed % 2), least=(0.0, 10.0)[seed // 2 % 2], weekends=seed % 5 == 0)
        if seed % 3 == 0:
            until = (waits.since + rng.exponential(20 * DAY, 600), np.maximum(waits.since, waits.born + rng.gamma(20, 2 * DAY, 600)))[seed % 2]
            waits = replace(waits, until=until)
        found = one(waits)
        wrong += bool(found.days)
    assert special.bdtrc(wrong - 1, 60, 0.01) > 1e-3


def test_a_week_of_five_days_is_told_from_one_of_seven() -> None:
    """Work from Monday to Friday, a little on Saturdays; cases every day. The holidays found are days without work."""
    rng = np.random.default_rng(5)
    day = rng.integers(0, 364, 20_000)
    day = day[(day % 7 < 5) & (day != 121) | (day % 7 == 5) & (rng.random(len(day)) < 0.1)]
    work, came = (pd.Series(START + pd.to_timedelta(d + 0.5, unit="D")) for d in (day, rng.integers(0, 364, 3000)))
    found = {c.name: c.calendar for c in counted_days([("work", work), ("arrivals", came)], None)}
    assert list(found) == ["working days Mon-Fri", "Mon-Fri, holidays too"]
    assert found["working days Mon-Fri"]["closed"] == ["2024-05-01"]
    assert "closed" not in found["Mon-Fri, holidays too"]


def test_the_inverse_of_a_clock() -> None:
    count = DAYS["but holidays"]
    times = START.timestamp() + np.random.default_rng(6).uniform(0, 800, 500) * DAY
    again = count.when(count(times))
    working = (count(times + 1.0) - count(times)) > 0.5
    assert np.allclose(again[working], times[working])
    assert (again <= times + 1e-3).all()  # on days that do not count, when the last one that does was over
    assert np.allclose(count(again), count(times))


@pytest.mark.parametrize("working", [True, False])
def test_a_deadline_is_learnt_from_a_simulated_log_as_it_counts(working: bool) -> None:
    """Tickets of office hours, closed by name 10 or 15 working days after they came in, or 14 or 21 days; holidays are found."""
    terms = ["10 days", "15 days"] if working else ["15 days", "23 days"]
    points = {"0 %": terms[0], "60 %": terms[0], "60.01 %": terms[1], "100 %": terms[1]}
    counting = {"calendar": "office", "counts_in": "days"} if working else {}
    real, learner = closed_by_a_timer(points, "80 per week", ["2026-04-06", "2026-05-14", "2026-08-10 to 2026-08-14"], **counting)
    steps = [s for stage in learner.data["stages"].values() for s in stage["steps"].values()]
    rules = [s for s in steps if s.get("counts_from") == "arrival"]
    assert rules
    assert {s.get("counts_in", "time") for s in rules} == {"days" if working else "time"}
    if not working:
        assert not any("working days" in name for name in learner.data["calendars"])
        return
    calendar = learner.data["calendars"][rules[0]["calendar"]]
    assert calendar["shifts"][0]["days"] == "Mon-Fri"
    assert {"2026-04-06", "2026-05-14", *(f"2026-08-{d}" for d in range(10, 15))} <= set(calendar["closed"])
    assert set(rules[0]["customer"]["points"].values()) >= set(terms)
    again = ss.simulate(learner.over(learner.start.date(), learner.end), seed=1).frame
    told = []
    for found in (real.frame, again):
        closed = found[(found["step"] == "close") & found["ended"].notna()].set_index("case")["ended"]
        days = (closed - found.groupby("case")["enabled"].min().reindex(closed.index)) / pd.Timedelta(days=1)
        assert (closed.dt.day_of_week >= 5).mean() < 0.02
        told.append([float(days.mean()), *(float((np.floor(days) == term).mean()) for term in (14, 21))])
    assert np.allclose(told[0], told[1], atol=[0.4, 0.06, 0.06]), told
