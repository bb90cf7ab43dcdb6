"""Arrivals learnt from a log: levels, seasons and holidays against what was planted, and against chance."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from scipy import special

from salessim.calibration.arrivals import Inflow, Level, inflow

START = pd.Timestamp("2024-01-01", tz="Europe/Berlin")
WEEKDAYS = np.array([1.5, 1.2, 1.0, 1.0, 0.8, 0.3, 0.2])


def days_of(weeks: int) -> pd.DatetimeIndex:
    return pd.date_range(START, periods=7 * weeks, freq="D")


def drawn(days: pd.DatetimeIndex, per_day: np.ndarray, seed: int, holidays: str | None = None) -> Inflow:
    rng = np.random.default_rng(seed)
    number = rng.poisson(per_day)
    hours = rng.integers(9, 17, number.sum())
    arrived = pd.Series(np.repeat(days, number) + pd.to_timedelta(hours, "h"))
    return inflow(arrived, days[0], days[-1] + pd.Timedelta(1, "D"), holidays)


def flat(days: pd.DatetimeIndex, per_week: float) -> np.ndarray:
    return per_week * WEEKDAYS[days.day_of_week] / WEEKDAYS.sum()


def test_no_change_is_seen_where_there_is_none() -> None:
    days = days_of(52)
    seen = sum(len(drawn(days, flat(days, 50), seed).levels) > 1 for seed in range(300))
    assert seen <= 9  # one in a hundred; of 300, nine or more would come once in 300 times


def test_days_that_differ_by_more_than_chance_are_no_change() -> None:
    days = days_of(52)
    rng = np.random.default_rng(1)
    seen = sum(len(drawn(days, flat(days, 80) * rng.gamma(4, 1 / 4, len(days)), seed).levels) > 1 for seed in range(200))
    assert seen <= 7


def test_a_change_of_level_is_found_where_it_is() -> None:
    days = days_of(52)
    for seed in range(20):
        found = drawn(days, flat(days, 60) * np.where(np.arange(364) < 26 * 7, 1.0, 1.5), seed)
        assert len(found.levels) == 2
        assert abs((found.levels[1].since - days[26 * 7].date()).days) <= 21
        assert found.levels[1].per_week == pytest.approx(90, rel=0.08)
        assert found.levels[0].per_week == pytest.approx(60, rel=0.08)


def test_planning_goes_on_with_the_last_level_and_the_past_has_all() -> None:
    days = days_of(40)
    found = drawn(days, flat(days, 100) * np.where(np.arange(280) < 140, 2.0, 1.0), 3)
    first, second = found.levels
    now = found.paragraph(dt.date(2025, 1, 1), 100, past=False)
    assert float(now["rate"].split()[0]) == pytest.approx(second.per_week, rel=1e-5)
    assert "campaigns" not in now
    past = found.paragraph(START.date(), 280, past=True)
    (before,) = past["campaigns"]
    assert before["factor"] == pytest.approx(first.per_week / second.per_week, abs=1e-4)
    assert (before["start"], before["end"]) == (START.date().isoformat(), (second.since - dt.timedelta(1)).isoformat())


def test_a_season_is_learnt_from_whole_years_and_is_no_change_of_level() -> None:
    days = days_of(3 * 52)
    month = np.where(days.month == 12, 0.4, 1.0)
    found = drawn(days, flat(days, 150) * month, 5)
    assert len(found.levels) == 1
    factors = found.profile["months"]
    assert factors["Dec"] / np.mean([v for m, v in factors.items() if m != "Dec"]) == pytest.approx(0.4, abs=0.08)


def test_holidays_by_hand() -> None:
    days = days_of(52)
    holidays = {dt.date(2024, 1, 1), dt.date(2024, 3, 29), dt.date(2024, 4, 1), dt.date(2024, 5, 1), dt.date(2024, 5, 9), dt.date(2024, 5, 20),
                dt.date(2024, 10, 3), dt.date(2024, 12, 25), dt.date(2024, 12, 26)}  # fmt: skip
    nothing = np.array([d.date() in holidays for d in days])
    found = drawn(days, np.where(nothing, 0.0, flat(days, 5000)), 2, "DE")
    assert found.seen == 9
    # Nine holidays without anybody against five that are like Sundays: expectations are nearly those of their weekdays.
    expected = flat(days, 5000)[nothing]
    like_sunday = WEEKDAYS[6] / WEEKDAYS[:5].mean()
    by_hand = 5 * expected.mean() * like_sunday / (expected.sum() + 5 * expected.mean())
    assert found.on_holidays == pytest.approx(by_hand, rel=0.03)
    planned = found.paragraph(dt.date(2025, 12, 20), 14, past=False)
    assert [c["start"] for c in planned["campaigns"]] == ["2025-12-25", "2025-12-26", "2026-01-01"]
    assert {c["factor"] for c in planned["campaigns"]} == {round(found.on_holidays, 4)}


def test_parts_of_days_at_both_ends_are_no_quiet_days() -> None:
    days = pd.date_range(START, periods=56, freq="D")
    arrived = pd.Series(pd.date_range(START + pd.Timedelta(12, "h"), START + pd.Timedelta(55.5, "D"), freq="1h", inclusive="left"))
    found = inflow(arrived, START + pd.Timedelta(12, "h"), days[-1] + pd.Timedelta(12, "h"))
    assert len(found.levels) == 1
    assert found.levels[0].per_week == pytest.approx(168)
    assert set(found.profile["weekdays"].values()) == {1.0}


def test_a_channel_that_dried_up_can_be_simulated_again() -> None:
    """Its last level is nothing, of which earlier levels are no factor: the past is told from the highest level."""
    levels = (Level(dt.date(2026, 1, 5), dt.date(2026, 3, 2), 40.0), Level(dt.date(2026, 3, 2), dt.date(2026, 5, 4), 0.0))
    inflow = Inflow(levels, {}, None, None, 320, 0, 1.0, 1.0)
    past, ahead = (inflow.paragraph(dt.date(2026, 1, 5), 119, past=p) for p in (True, False))
    assert ahead["rate"] == "0 per week"
    assert past["rate"] == "40 per week"
    assert [(c["start"], c["end"], c["factor"]) for c in past["campaigns"]] == [("2026-03-02", "2026-05-03", 0.0)]


def test_weeks_that_vary_less_than_chance_are_known_better() -> None:
    """52 weeks of always 35 cases, five a day: the interval is far narrower than that of 1820 Poisson cases."""
    days = pd.date_range("2026-01-05", periods=364, freq="D", tz="UTC")
    arrived = pd.Series(np.repeat(days, 5))
    found = inflow(arrived, days[0], days[-1] + pd.Timedelta(1, "D"))
    doubt = special.stdtrit(34, 0.975) / 1.959964
    assert found.error == pytest.approx(doubt * math.sqrt(0.1 / 1820), rel=1e-5)


def test_a_log_that_begins_in_the_afternoon_shows_half_of_its_first_day() -> None:
    """Arrivals from 9 to 17: a log from 13:00 on shows half a day, and its past is not simulated from the morning on."""
    days = days_of(30)
    rng = np.random.default_rng(8)
    arrived = pd.Series(np.repeat(days, 20) + pd.to_timedelta(rng.integers(9 * 60, 17 * 60, 20 * len(days)), "min"))
    since = START + pd.Timedelta(13, "h")
    found = inflow(arrived[arrived >= since], since, days[-1] + pd.Timedelta(1, "D"))
    assert found.first_day == pytest.approx(0.5, abs=0.02)
    (first,) = found.paragraph(START.date(), 210, past=True)["campaigns"]
    assert (first["start"], first["end"], first["factor"]) == ("2024-01-01", "2024-01-01", pytest.approx(0.5, abs=0.02))
    assert found.levels[0].per_week == pytest.approx(140, rel=0.01)
    assert "campaigns" not in found.paragraph(dt.date(2025, 1, 1), 100, past=False)
    assert "campaigns" not in inflow(arrived, START, days[-1] + pd.Timedelta(1, "D")).paragraph(START.date(), 210, past=True)


@pytest.mark.parametrize("why", ["chance", "days differ", "weeks differ", "season"])
def test_intervals_of_arrivals_hold_the_truth(why: str) -> None:
    """Half a year of 36 a week, by chance alone, with days or weeks that differ by 30 %, or two years with a season: 300 logs each, within three standard errors of 95 %."""
    days = pd.date_range("2026-01-05", periods=7 * (105 if why == "season" else 26), freq="D", tz="UTC")
    season = 1 + 0.3 * np.cos(2 * np.pi * np.arange(len(days)) / 365.25) if why == "season" else 1.0
    held, excess = 0, 1 / 0.3**2
    for number in range(300):
        rng = np.random.default_rng(number)
        expected = np.where(days.day_of_week < 5, 36 / 5, 0.0) * season
        if "differ" in why:
            expected *= rng.gamma(excess, 1 / excess, len(days)) if why == "days differ" else np.repeat(rng.gamma(excess, 1 / excess, len(days) // 7), 7)
        arrived = pd.Series(np.repeat(days, rng.poisson(expected)) + pd.Timedelta(12, "h"))
        found = inflow(arrived, days[0], days[-1] + pd.Timedelta(1, "D"))
        held += abs(math.log(found.levels[-1].per_week / 36)) <= 1.959964 * found.error
    assert abs(held / 300 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 300)
