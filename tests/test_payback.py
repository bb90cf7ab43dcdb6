"""When a change breaks even: the cash curve by hand, and the same money as the measures."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from salessim import simulate
from salessim.cash import curve
from salessim.experiment import compare, replicate
from salessim.payback import Payback, payback
from salessim.scenario.levers import apply
from salessim.scenario.model import Scenario
from salessim.units import MONTH
from tests.selling import selling, simple

FIRST = dt.date(2026, 1, 5)
SAVING = {"effects": [{"field": "costs.ads.running", "set": "300 EUR/week"}], "one_off_cost": "7000 EUR"}


def found(base: Scenario, design: Scenario, n: int = 3) -> Payback:
    result = payback(compare(base, design, replications=n, seed=1, engine="reference", workers=1), engine="reference", workers=1)
    assert result is not None
    return result


def test_a_sure_saving_breaks_even_on_its_day() -> None:
    """1000 - 300 EUR a week saved make up for 7,000 EUR after 10 weeks, on 16 March; nothing is left to chance."""
    base = simple(SAVING).change({"clock.horizon": "20 weeks"})
    sure = found(base, apply(base, {"l": True}))
    assert sure.date == sure.earliest == sure.latest == FIRST + dt.timedelta(weeks=10) == dt.date(2026, 3, 16)
    assert sure.curves[:, :71].tolist() == pytest.approx(np.array([[-7000 + 100 * d for d in range(71)]] * 3))
    assert sure.balance.value == pytest.approx(-7000 + 20 * 700)
    assert sure.made_up == 3
    assert "7,000 EUR once are made up for on 2026-03-16 (95 %: 2026-03-16 to 2026-03-16; made up for in 3 of 3 runs): +7,000 EUR by 2026-05-25" in sure.sentence()
    assert sure.as_json()["date"] == "2026-03-16"


@pytest.mark.parametrize("weeks", [6, 9])
def test_what_is_not_made_up_for_within_the_horizon_is_not_promised(weeks: int) -> None:
    """The one-off cost counts in full, whatever the horizon: -7000 + 700 a week."""
    base = simple(SAVING).change({"clock.horizon": f"{weeks} weeks"})
    short = found(base, apply(base, {"l": True}))
    assert short.date is None
    assert short.balance.value == pytest.approx(-7000 + weeks * 700)
    assert short.as_json()["date"] is None
    assert "are not made up for within the horizon, which ends on" in short.sentence()
    assert f"{-7000 + weeks * 700:+,.0f} EUR by {FIRST + dt.timedelta(weeks=weeks)}" in short.sentence()


def test_a_cost_that_falls_due_after_the_end_is_said_to() -> None:
    lever = {"add_staff": "desk", "joins": "2027-01-04", "one_off_cost": "900 EUR", "running_cost": "1 EUR/week"}
    base = simple(lever)
    late = found(base, apply(base, {"l": 1}))
    assert late.later == late.one_off == 900
    assert np.all(late.curves == 0)
    assert "fall due only after the end of the run" in late.sentence()


def test_without_one_off_cost_there_is_nothing_to_make_up_for() -> None:
    base = simple(SAVING)
    assert payback(compare(base, base, replications=2, engine="reference", workers=1)) is None
    more = simple({"effects": [{"field": "costs.ads.running", "factor": 1.1}], "one_off_cost": "7000 EUR"})
    never = found(more, apply(more, {"l": True}))
    assert never.date is None
    assert never.balance.value == pytest.approx(-7000 - 6 * 100)


def test_a_roll_out_pays_from_its_day_and_brings_what_the_log_says() -> None:
    """From 2 March on, each visit saved is worth 25 EUR; 1,000 EUR that day and 70 EUR a week from then on."""
    lever = {"remove": "check", "then_to": "hand over", "rollout": {"from": "2026-03-02"}, "one_off_cost": "1000 EUR", "running_cost": "70 EUR/week", "escape": 0, "escape_at": "steps.wait.then.lost no more.share"}
    base = selling({"l": lever}, **{"steps.check.cost": "25 EUR", "steps.check.then": [{"to": "hand over"}], "teams.desk.cost": None, "teams.field.cost": None, "segments": {"small": {}, "large": {}}})
    design = apply(base, {"l": True})
    one = found(base, design, 1)
    frame = simulate(base, seed=1, engine="reference").frame
    visits = frame[(frame["step"] == "check") & frame["ended"].notna()]
    clock = [(column.dt.tz_localize(None) - np.datetime64("2026-01-05")).dt.total_seconds().to_numpy() / 86_400 for column in (visits["enabled"], visits["ended"])]
    saved = clock[1][clock[0] >= 56]  # days from the start to 2 March
    days = np.arange(one.curves.shape[1])
    hand = 25.0 * (saved[None, :] <= days[:, None]).sum(axis=1) - 1000.0 * (days >= 56) - 10.0 * np.maximum(0, days - 56)
    assert one.curves[0] == pytest.approx(hand)
    assert one.begins == dt.date(2026, 3, 2)
    assert one.date == FIRST + dt.timedelta(days=int(np.flatnonzero(hand < 0)[-1]) + 1)
    assert one.date > one.begins
    after = simulate(design, seed=1, engine="reference").frame
    assert "check" not in set(after[after["enabled"].dt.tz_localize(None) >= "2026-03-02"]["step"])


def test_the_interval_of_the_day_is_that_of_the_mean_curve() -> None:
    """Curves -100 + k t for k = 8 and 12: the mean is zero on day 10; its interval, t(1) = 12.706 wide, is not settled within 30 days."""
    days = np.arange(31.0)
    two = Payback(100, 0, FIRST, FIRST, np.array([-100 + 8 * days, -100 + 12 * days]), "EUR")
    assert two.date == FIRST + dt.timedelta(days=10)
    assert two.latest is None
    # Upper end: -100 + 10 t + 12.706 (2 t / sqrt 2) ... half-width = 12.706 x sd / sqrt 2 with sd = 4 t / sqrt 2, so 25.41 t.
    assert two.earliest == FIRST + dt.timedelta(days=3)  # 100 / 35.41 = 2.8
    assert "perhaps not within the horizon" in two.sentence()
    assert two.made_up == 2
    many = Payback(100, 0, FIRST, FIRST, np.array([-100 + k * days for k in np.linspace(9, 11, 21)]), "EUR")
    half = 2.086 * np.std(np.linspace(9, 11, 21), ddof=1) / np.sqrt(21)
    assert many.earliest == FIRST + dt.timedelta(days=int(np.ceil(100 / (10 + half))))
    assert many.latest == FIRST + dt.timedelta(days=int(np.ceil(100 / (10 - half))))


def test_a_curve_that_falls_back_has_not_broken_even() -> None:
    saw = np.array([[0, -5, 1, -2, 3, 4.0]])
    assert Payback(5, 0, FIRST, FIRST, saw, "EUR").date == FIRST + dt.timedelta(days=4)


MONEY: dict[str, Any] = {
    "name": "money", "clock": {"start": "2026-01-05", "horizon": "50 days"},
    "calendars": {"day": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}},
    "teams": {"desk": {"size": 3, "calendar": "day", "cost": "40 EUR/hour", "at_shift_end": "overtime", "absence": {"share": 0.1, "spell": "2 days"},
                       "joining": [{"date": "2026-02-02"}], "leaving": [{"date": "2026-02-16"}], "meetings": [{"days": "Mon", "hours": "09:00-10:00"}]},
              "boss": {"size": 2, "calendar": "day", "cost": "5000 EUR/month", "attrition": {"tenure": "40 days", "hiring": "10 days"}, "concurrency": 2}},
    "segments": {"all": {"value": {"law": "lognormal", "mean": "900 EUR", "cv": 1}}},
    "costs": {"rent": {"running": "100 EUR/week"}, "tool": {"running": "50 EUR/week", "one_off": "300 EUR", "from": "2026-01-20"}},
    "channels": {"web": {"enters": "call", "segments": {"all": 1}, "cost": "3 EUR", "arrivals": {"rate": "60 per week", "spend": {
        "per_week": "500 EUR", "half_at": "700 EUR", "most": "20 per week", "changes": [{"from": "2026-02-01", "per_week": "900 EUR"}]}}}},
    "stages": {"s": {"steps": {
        "call": {"work": {"law": "exponential", "mean": "90 min"}, "by": "desk", "cost": "2 EUR", "then": [{"to": "sign", "share": 0.6}, {"lost": "no"}]},
        "sign": {"work": {"law": "exponential", "mean": "2 h"}, "by": ["boss"], "patience": "3 days", "cost": "7 EUR", "milestone": "won", "then": [{"done": True}]},
    }}},
}  # fmt: skip


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_the_curve_ends_where_the_measures_do(engine: Any) -> None:
    """Overtime, absence, people who come and go, two cases at once, advertising, standing costs: the same sum, cent by cent."""
    scenario = Scenario.parse(MONEY)
    results = replicate(scenario, 3, seed=4, engine=engine, workers=1)
    months = scenario.clock.horizon / MONTH
    assert results.values("cost").min() > 0
    for number in range(3):
        wanted = (results.values("revenue")[number] - results.values("cost")[number]) * months
        assert curve(scenario, 4, number, engine=engine)[-1] == pytest.approx(wanted, rel=1e-9)
    assert np.array_equal(curve(scenario, 4, 1, engine="reference"), curve(scenario, 4, 1, engine="compiled"))
