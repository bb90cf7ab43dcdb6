"""What brings cases and what they are: campaigns, content, spend, copies and junk, markets, mixes, scores.

Counts are held against integrals of the rate that are worked out here, in closed form; what is switched off must leave
the draws as they were, bit for bit.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from salessim import engines
from salessim.calibration import calibrate, conversions
from salessim.calibration.channels import Conversion
from salessim.engines import arrays
from salessim.engines.reference import Reference
from salessim.errors import LogError, ScenarioError
from salessim.experiment import compare, replicate, simulate
from salessim.importers import read_log
from salessim.log import EventLog
from salessim.measures import JUNK
from salessim.network import build
from salessim.scenario import levers
from salessim.scenario.inflow import arrival_rates
from salessim.scenario.model import Scenario
from salessim.scenario.response import hill, knee, stock, working_money
from salessim.scenario.traffic import loads, throughput
from salessim.scoring import good_in_top, lift_curve, precision_at
from salessim.statistics import mean_interval
from salessim.survival import incidence_interval
from salessim.units import DAY, WEEK
from tests.conftest import real_log

WEEKS = 20


def desk(arrivals: dict[str, Any] | None = None, weeks: int = WEEKS, warm_up: int = 0, **more: Any) -> Scenario:
    """One channel whose cases are done at once, without people."""
    channel = {"enters": "in", "segments": {"all": 1}, "arrivals": {"rate": "70 per week", **(arrivals or {})}, **more.pop("channel", {})}
    steps = more.pop("steps", {"in": {"automatic": "0 min", "then": [{"done": True}]}})
    return Scenario.parse(
        {"name": "desk", "clock": {"start": "2026-01-05", "horizon": f"{weeks} weeks", "warm_up": f"{warm_up} weeks"},
         "segments": {"all": {}, **more.pop("segments", {})}, "channels": {"web": channel}, "stages": {"lead": {"steps": steps}}, **more}
    )  # fmt: skip


def births(scenario: Scenario, number: int = 0, seed: int = 5) -> np.ndarray:
    """Days since the start at which cases came."""
    return engines.run(build(scenario), seed=seed, number=number, engine="compiled").cases.born / DAY


def counts(scenario: Scenario, since: float, until: float, runs: int = 60) -> list[float]:
    result = []
    for number in range(runs):
        at = births(scenario, number)
        result.append(float(np.sum((at >= since) & (at < until))))
    return result


def holds(values: list[float], exact: float, share: float = 0.05) -> None:
    """The 99 % interval holds the exact figure and its half-width is at most `share` of it."""
    estimate = mean_interval(values, 0.99)
    assert estimate.half_width <= share * abs(exact), f"too wide: {estimate} for {exact}"
    assert estimate.low <= exact <= estimate.high, f"{estimate} misses {exact}"


def spending(scenario: Scenario, number: int = 0) -> float:
    run = engines.run(build(scenario), seed=1, number=number, engine="compiled")
    assert run.flow_cost == pytest.approx(float(run.channel_cost.sum()))
    return float(run.channel_cost[0])


def same_run(a: Scenario, b: Scenario) -> bool:
    """Whether two scenarios give the same cases at the same ticks."""
    runs = [arrays.run(build(s), 7, 2, log=True, cases=True) for s in (a, b)]
    return all(np.array_equal(x, y) for x, y in zip(*runs))


# --- campaigns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("campaign", "extra"),
    [({"factor": 3}, 20.0), ({"adds": "140 per week"}, 20.0), ({"lift": {"most": "280 per week", "half_at": "700 EUR"}, "spend": "100 EUR/day"}, 20.0), ({"factor": 0}, -10.0)],
)  # fmt: skip
def test_a_campaign_brings_the_integral_of_its_rate(campaign: dict[str, Any], extra: float) -> None:
    """10 a day; during 14 days `extra` more; then what is left of it halves every 5 days."""
    scenario = desk({"campaigns": [{"start": "2026-02-02", "end": "2026-02-15", "decay": {"half_life": "5 days"}, **campaign}]})
    before = (28 - 0) * 10
    during = 14 * (10 + extra)
    tail = 21 * 10 + extra * 5 / math.log(2) * (1 - 2 ** (-21 / 5))
    for (since, until), exact in (((0, 28), before), ((28, 42), during), ((42, 63), tail)):
        if exact:
            holds(counts(scenario, since, until), exact)
        else:
            assert counts(scenario, since, until, 3) == [0, 0, 0]
    mean = sum(arrival_rates(scenario).values()) * WEEK * WEEKS
    assert mean == pytest.approx(before + during + extra * 5 / math.log(2) * (1 - 2 ** (-98 / 5)) + 98 * 10)


def test_without_decay_a_campaign_ends_on_its_last_day() -> None:
    scenario = desk({"campaigns": [{"start": "2026-02-02", "end": "2026-02-15", "adds": "140 per week"}]})
    holds(counts(scenario, 42, 140), 980)


def test_a_campaign_costs_what_falls_into_the_window() -> None:
    """Weeks 4 to 20 are measured; 2026-01-05 + 28 days is 2026-02-02."""
    def cost(campaign: dict[str, Any]) -> float:
        return spending(desk({"campaigns": [{"factor": 1, **campaign}]}, warm_up=4))

    assert cost({"start": "2026-02-02", "end": "2026-02-15", "cost": "5000 EUR", "spend": "300 EUR/day"}) == pytest.approx(5000 + 14 * 300)
    assert cost({"start": "2026-01-26", "end": "2026-02-15", "cost": "5000 EUR", "spend": "300 EUR/day"}) == pytest.approx(14 * 300)
    assert cost({"start": "2026-05-18", "end": "2026-07-15", "cost": "5000 EUR", "spend": "700 EUR/week"}) == pytest.approx(5000 + 7 * 100)
    assert cost({"start": "2027-01-01", "end": "2027-01-02", "cost": "5000 EUR", "spend": "300 EUR/day"}) == 0


def test_channel_costs_are_in_the_measures() -> None:
    scenario = desk({"campaigns": [{"start": "2026-02-02", "end": "2026-02-08", "factor": 2, "cost": "6000 EUR"}]}, channel={"cost": "10 EUR"})
    results = replicate(scenario, 20, seed=1, engine="compiled")
    months = WEEKS * 7 / (365.25 / 12)
    arrived = results.values("arrived from web") * WEEKS
    assert results.values("cost of web") * months == pytest.approx(6000 + 10 * arrived)
    assert results.values("cost") == pytest.approx(results.values("cost of web"))
    assert results.values("cost per arrival from web") == pytest.approx(10 + 6000 / arrived)


def test_a_campaign_makes_a_staffing_peak() -> None:
    steps = {"in": {"work": {"law": "exponential", "mean": "20 min"}, "by": "desk", "then": [{"done": True}]}}
    scenario = desk({"rate": "300 per week", "campaigns": [{"start": "2026-03-02", "end": "2026-03-08", "factor": 2}]}, steps=steps, teams={"desk": {"size": 1}})
    wip = replicate(scenario, 20, seed=1, engine="compiled").wip
    week = np.arange(len(wip)) * WEEKS / len(wip)
    inside = wip[(week >= 8) & (week < 9)].mean()
    assert inside > 5 * wip[week < 8].mean()
    assert 8.5 < week[np.argmax(wip)] < 9.5


# --- content -----------------------------------------------------------------------------------------------------


def test_content_builds_up_after_its_lag_and_ages() -> None:
    """2 pieces a week for ever, half-life 30 days: the stock tends to 2/7 · 30 / ln 2 = 12.366; a piece brings 7 a week."""
    content = {"pieces": "2 per week", "half_life": "30 days", "per_piece": "7 per week", "lag": "3 weeks"}
    scenario = desk({"rate": "0 per week", "content": content}, weeks=60)
    fading, full = math.log(2) / 30, 2 / 7 * 30 / math.log(2)

    def built(day: float) -> float:  # integral of full · (1 - exp(-fading · (t - 21))) from 21 to day
        age = day - 21
        return full * (age - (1 - math.exp(-fading * age)) / fading)

    assert counts(scenario, 0, 21, 3) == [0, 0, 0]
    holds(counts(scenario, 21, 49), built(49))
    holds(counts(scenario, 49, 105), built(105) - built(49))
    holds(counts(scenario, 400, 420), 20 * full)
    lagged = stock(scenario.channels["web"].arrivals.content, scenario.clock.start, 420)
    assert lagged[:21].max() == 0
    assert lagged[-1] == pytest.approx(full, rel=1e-3)


def test_what_was_published_before_the_start_counts() -> None:
    """Publishing goes on as before: nothing changes with the start; a stock alone ages; single days add their pieces."""
    common = {"half_life": "30 days", "per_piece": "7 per week", "lag": "3 weeks"}

    def stock_of(**content: Any) -> np.ndarray:
        scenario = desk({"content": {**common, "pieces": "0 per week", **content}})
        return np.asarray(stock(scenario.channels["web"].arrivals.content, scenario.clock.start, 100))

    steady = stock_of(pieces="2 per week", before="2 per week")
    assert steady == pytest.approx(2 / 7 * 30 / math.log(2))
    ageing = stock_of(initial=20)
    assert ageing == pytest.approx(20 * 2 ** (-np.arange(100) / 30) * (1 - 2 ** (-1 / 30)) * 30 / math.log(2))
    assert stock_of(published=[{"date": "2026-01-15", "pieces": 20}])[31:] == pytest.approx(ageing[:69])
    assert stock_of(published=[{"date": "2025-12-15", "pieces": 20}]) == pytest.approx(ageing)
    doubled = stock_of(pieces="2 per week", before="2 per week", changes=[{"from": "2026-01-15", "pieces": "4 per week"}])
    assert doubled[:31] == pytest.approx(steady[:31])
    assert doubled[31:] - steady[31:] == pytest.approx(stock_of(pieces="2 per week")[21:90])


def test_the_half_life_of_content_is_recovered_from_a_log() -> None:
    """All pieces come out on one day; the mean age of the cases they bring within 150 days gives the half-life back."""
    content = {"pieces": "0 per week", "published": [{"date": "2026-01-05", "pieces": 40}], "half_life": "40 days", "per_piece": "1.5 per week", "lag": "10 days"}
    log = simulate(desk({"rate": "0 per week", "content": content}, weeks=30), seed=3)
    age = (log.frame["enabled"] - log.about.start).dt.total_seconds().to_numpy() / 86_400 - 10
    assert age.min() > 0
    age = age[age < 150]

    def missed(half_life: float) -> float:  # the mean of an exponential age cut off at 150 days
        fading = math.log(2) / half_life
        return 1 / fading - 150 / math.expm1(150 * fading) - float(age.mean())

    assert brentq(missed, 5, 400) == pytest.approx(40, rel=0.1)


def test_content_costs_by_the_piece() -> None:
    content = {"pieces": "2 per week", "changes": [{"from": "2026-03-02", "pieces": "5 per week"}], "published": [{"date": "2026-02-02", "pieces": 3}, {"date": "2026-01-10", "pieces": 9}]}
    scenario = desk({"content": {**content, "half_life": "30 days", "per_piece": "1 per week", "cost_per_piece": "400 EUR"}}, warm_up=4)
    assert spending(scenario) == pytest.approx(400 * (4 * 2 + 12 * 5 + 3))


def test_a_level_that_wanders_keeps_its_mean_and_drifts_away() -> None:
    """Of two days a and b the levels have a covariance of (1 + c^2)^min(a, b) - 1; a week is the sum of its days and chance."""
    scenario = desk({"rate": "3500 per week", "weekly_volatility": 0.2}, weeks=9)
    step = (1 + 0.2**2) ** (1 / 7)
    totals = np.array([np.histogram(births(scenario, n), np.arange(0, 64, 7))[0] for n in range(600)], float)
    for week in (0, 4, 8):
        day = np.arange(7 * week, 7 * week + 7)
        exact = 3500 + 500**2 * float(np.sum(step ** np.minimum.outer(day, day) - 1))
        seen = totals[:, week]
        assert abs(seen.mean() - 3500) < 4 * math.sqrt(exact / 600)
        fourth = float(np.mean((seen - seen.mean()) ** 4)) / exact**2
        assert abs(seen.var(ddof=1) / exact - 1) < 4 * math.sqrt((fourth - 1) / 600)
    assert same_run(desk({"weekly_volatility": 0.2}), desk({"weekly_volatility": "20 %"}))


# --- spend -------------------------------------------------------------------------------------------------------

SPEND = {"per_week": "2000 EUR", "most": "40 per week", "half_at": "1500 EUR", "shape": 1.5}


def test_spend_brings_what_the_curve_says() -> None:
    scenario = desk({"rate": "30 per week", "spend": SPEND})
    more = 40 * 2000**1.5 / (1500**1.5 + 2000**1.5)
    holds(counts(scenario, 0, 140), 20 * (30 + more))
    assert sum(arrival_rates(scenario).values()) * WEEK == pytest.approx(30 + more)
    assert spending(scenario) == pytest.approx(20 * 2000)
    changed = scenario.change({"channels.web.arrivals.spend.changes": [{"from": "2026-03-16", "per_week": "0 EUR"}]})
    assert spending(changed) == pytest.approx(10 * 2000)
    holds(counts(changed, 70, 140), 10 * 30)


@pytest.mark.parametrize("profile", [{}, {"weekdays": {"Mon": 3, "Tue": 1, "Sat": 0.3}}, {"hours": {"08:00-18:00": 1}}, {"daily_cv": 0.5}, {"months": {"Feb": 0.3}}])
def test_nothing_spent_is_the_organic_baseline_bit_for_bit(profile: dict[str, Any]) -> None:
    plain = desk({"rate": "60 per week", **profile})
    adstock = {"adstock": {"half_life": "1 week"}}
    assert same_run(plain, desk({"rate": "60 per week", "spend": {**SPEND, "per_week": "0 EUR", **adstock}, **profile}))
    content = {"pieces": "0 per week", "half_life": "90 days", "per_piece": "1 per week"}
    assert same_run(plain, desk({"rate": "60 per week", "content": content, **profile}))
    assert not same_run(plain, desk({"rate": "60 per week", "spend": SPEND, **profile}))


@pytest.mark.parametrize("shape", [0.5, 1, 1.5, 3])
def test_the_curve_rises_and_is_concave_beyond_its_knee(shape: float) -> None:
    spend = desk({"spend": {**SPEND, "shape": shape}}).channels["web"].arrivals.spend
    assert spend is not None
    money = np.linspace(0, 8000, 8001)
    cases = hill(spend, money) * WEEK
    assert cases[0] == 0
    assert cases[1500] == pytest.approx(20)
    assert np.all(np.diff(cases) > 0)
    assert cases[-1] < 40
    bend, at = np.diff(cases, 2), knee(spend)
    assert at == pytest.approx(1500 * ((shape - 1) / (shape + 1)) ** (1 / shape) if shape > 1 else 0)
    assert np.all(bend[money[1:-1] > at + 1] < 0)
    assert np.all(bend[money[1:-1] < at - 1] > 0)


def test_adstock_is_the_mean_of_the_past() -> None:
    """From nothing to 1000 a week: after a half-life 500 is at work, day by day the mean over the day."""
    spend = {**SPEND, "per_week": "1000 EUR", "adstock": {"half_life": "7 days"}}

    def at_work(**more: Any) -> np.ndarray:
        scenario = desk({"spend": {**spend, **more}})
        return np.asarray(working_money(scenario.channels["web"].arrivals.spend, scenario.clock.start, 60))

    mean_left = (1 - 2 ** (-1 / 7)) * 7 / math.log(2)
    assert at_work() == pytest.approx(1000 * (1 - 2 ** (-np.arange(60) / 7) * mean_left))
    assert at_work(before="1000 EUR") == pytest.approx(1000)
    stopped = at_work(before="1000 EUR", changes=[{"from": "2026-01-12", "per_week": "0 EUR"}])
    assert stopped[7:] == pytest.approx(1000 * 2 ** (-np.arange(53) / 7) * mean_left)


def test_the_budget_is_a_lever() -> None:
    scenario = desk({"rate": "30 per week", "spend": SPEND}, levers={"budget": {"field": "channels.web.arrivals.spend.per_week", "range": ["0 EUR", "6000 EUR"]}})
    assert list(levers.misfits(scenario)) == []
    assert levers.apply(scenario, {"budget": 2000.0}) is scenario
    results = compare(*(levers.apply(scenario, {"budget": money}, name=str(money)) for money in (0.0, 1000.0, 3000.0, 6000.0)), replications=10, seed=1, engine="compiled").results
    arrived = [r.estimate("arrived").value for r in results]
    assert arrived == sorted(arrived)
    assert [r.estimate("cost of web").value * WEEKS * 7 / (365.25 / 12) for r in results] == pytest.approx([0, 20_000, 60_000, 120_000])


def test_added_cases_follow_the_profile_and_the_season() -> None:
    """Only on Mondays, twice as many in February: 12 of 20 weeks outside of it; what is added is treated alike."""
    scenario = desk({"rate": "20 per week", "weekdays": {"Mon": 1}, "months": {"Feb": 2}, "spend": {**SPEND, "shape": 1, "per_week": "1500 EUR"}})
    at = np.concatenate([births(scenario, n) for n in range(20)])
    assert set(np.floor(at) % 7) == {0}
    february = (at >= 27) & (at < 55)
    assert february.sum() / 20 == pytest.approx(4 * 40 * 2, rel=0.05)
    assert (~february).sum() / 20 == pytest.approx(16 * 40, rel=0.05)


# --- copies and junk -----------------------------------------------------------------------------------------------


def screening(found: float = 0.8, **channel: Any) -> Scenario:
    """A screener takes 6 minutes a case, finds copies by their mark and junk by its segment; one real lead in four is won."""
    steps = {
        "in": {"work": "6 min", "by": "desk", "then": [
            {"lost": "duplicate", "when": "copy == 1", "share": found}, {"lost": "junk", "share": {"junk": 0.9, "default": 0}}, {"to": "sell"}]},
        "sell": {"automatic": "1 h", "milestone": "won", "then": [{"done": True, "share": 0.25}, {"lost": "no interest"}]},
    }  # fmt: skip
    return desk(
        {"rate": "200 per week"}, weeks=41, warm_up=1, channel=channel, steps=steps, attributes={"copy": {}}, teams={"desk": {"size": 2}},
        segments={"junk": {"customer": False}},
    )  # fmt: skip


def test_copies_and_junk_take_work_and_are_no_customers() -> None:
    """Of 200 a week 40 are junk, 160 customers; 30 % of all come twice: 60 copies. Work is that of 260."""
    scenario = screening(junk={"share": 0.2, "segment": "junk"}, duplicates={"share": 0.3, "after": {"law": "exponential", "mean": "2 days"}, "mark": "copy"})
    results = replicate(scenario, 40, seed=2, engine="compiled")

    def near(name: str, exact: float, share: float = 0.02) -> None:
        holds([float(v) for v in results.values(name)], exact, share)

    near("arrived", 160)
    near("arrived from web", 160)
    near(JUNK, 40 + 60, 0.03)
    near("win_rate", 25)
    near("won", 40, 0.03)
    near("lost_customers", 120)
    assert results.estimate("lost because duplicate").value == 0
    assert results.estimate("lost because junk").value == 0
    near("utilisation of desk", 100 * 260 * 6 / (2 * 7 * 24 * 60))
    load = {row.team: row.load for row in loads(scenario)}["desk"]
    assert load == pytest.approx(260 * 6 / (2 * 7 * 24 * 60))
    rates = arrival_rates(scenario)
    assert [rates["in", g] * WEEK for g in ("all", "junk")] == pytest.approx([160 * 1.3, 40 * 1.3])


def test_a_copy_is_the_same_customer_with_a_mark() -> None:
    scenario = screening(1.0, duplicates={"share": 0.3, "after": "2 days", "mark": "copy"})
    for engine in ("compiled", "reference"):
        frame = simulate(scenario, seed=4, engine=engine).frame
        cases = frame.drop_duplicates("case")
        copies = cases[cases["customer"] != cases["case"]]
        first = cases.set_index("case").loc[copies["customer"]]
        assert 0.27 < len(copies) / (len(cases) - len(copies)) < 0.33
        assert set(copies["copy"]) == {1.0}
        assert set(cases.loc[cases["customer"] == cases["case"], "copy"]) == {0.0}
        assert ((copies["enabled"].to_numpy() - first["enabled"].to_numpy()) == np.timedelta64(2, "D")).all()
        assert set(copies["channel"]) == {"web"}
        ended = frame.drop_duplicates("case", keep="last").set_index("case")["outcome"]
        assert set(ended[copies["case"]]) <= {"lost: duplicate", "open"}


def test_copies_that_are_not_found_win_nothing() -> None:
    """A copy that slips through takes the whole way; the customer has been counted already."""
    before = screening(0.0)
    after = screening(0.0, duplicates={"share": 0.5, "after": "1 day"})
    a, b = (replicate(s, 10, seed=3, engine="compiled") for s in (before, after))
    for name in ("arrived", "won", "win_rate", "lost_customers"):
        assert a.values(name) == pytest.approx(b.values(name), rel=1e-12), name
    assert b.estimate("utilisation of desk").value == pytest.approx(1.5 * a.estimate("utilisation of desk").value, rel=0.02)


def test_no_copies_and_no_junk_are_the_baseline_bit_for_bit() -> None:
    plain = screening()
    assert same_run(plain, screening(duplicates={"share": 0, "after": "2 days", "mark": "copy"}))
    assert same_run(plain, screening(junk={"share": 0, "segment": "junk"}))


def test_copies_are_paid_for_again() -> None:
    scenario = screening(duplicates={"share": 1, "after": "0 min"}, cost="10 EUR").change({"clock.warm_up": "0 min"})
    run = engines.run(build(scenario), seed=1, number=0, engine="compiled")
    assert float(run.channel_cost[0]) == pytest.approx(10 * len(run.cases.born))
    assert float(np.sum(run.cases.cost)) == pytest.approx(10 * len(run.cases.born))


# --- markets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [None, {1: 0.5, 4: 0.5}])
def test_a_market_is_used_up(batch: dict[int, float] | None) -> None:
    """Who has come once never comes again: M - K falls as exp(-q Λ), q = E[1 - (1 - 1/M)^size]."""
    scenario = desk({"rate": "140 per week", **({"batch": batch} if batch else {})}, channel={"market": "home"}, markets={"home": {"size": 1000}})
    q = sum(p * (1 - (1 - 1 / 1000) ** n) for n, p in (batch or {1: 1}).items())
    for weeks in (5, 20):
        holds(counts(scenario, 0, 7 * weeks), 1000 * (1 - math.exp(-q * 140 * weeks)), 0.02)
    assert sum(arrival_rates(scenario).values()) * WEEK * WEEKS == pytest.approx(1000 * (1 - math.exp(-q * 140 * 20)))


def test_channels_share_a_market() -> None:
    web = {"enters": "in", "segments": {"all": 1}, "market": "home"}
    channels = {"web": {**web, "arrivals": {"rate": "100 per week"}}, "fair": {**web, "arrivals": {"rate": "300 per week", "weekdays": {"Mon": 1}}}}
    scenario = desk(markets={"home": {"size": 2000}}).change({"channels": channels})
    found = [float(len(births(scenario, n))) for n in range(40)]
    holds(found, 2000 * (1 - math.exp(-400 * 20 / 2000)), 0.01)
    rates = sum(arrival_rates(scenario).values()) * WEEK * WEEKS
    assert rates == pytest.approx(2000 * (1 - math.exp(-400 * 20 / 2000)))


def test_the_lost_come_back_to_the_market() -> None:
    """All are lost at once and away for 5 weeks: the market settles where 200 (1 - x) · 5 = 1000 x, x = 1/2."""
    steps = {"in": {"automatic": "0 min", "then": [{"lost": "no"}]}}
    market = {"size": 1000, "returns": {"law": "exponential", "mean": "5 weeks"}}
    scenario = desk({"rate": "200 per week"}, weeks=60, channel={"market": "home"}, markets={"home": market}, steps=steps)
    holds(counts(scenario, 7 * 30, 7 * 60, 20), 30 * 100, 0.02)
    customers = scenario.change({"steps.in.then": [{"done": True}]})  # who was won never comes by himself again
    assert max(counts(customers, 0, 420, 3)) <= 1000


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_referrals_come_from_the_market_too(engine: Any) -> None:
    spawn = {"kind": "referral", "to": "in", "probability": 0.9, "after": "3 days", "new_customer": True}
    steps = {"in": {"automatic": "0 min", "then": [{"done": True}], "spawns": [spawn]}}
    scenario = desk({"rate": "140 per week"}, channel={"market": "home"}, markets={"home": {"size": 300}}, steps=steps)
    run = engines.run(build(scenario), seed=1, number=0, engine=engine)
    assert len(np.unique(run.cases.customer)) == len(run.cases.born) == 300


def test_without_a_market_nothing_changes() -> None:
    """Who comes is drawn apart from everything else: a market too large to be felt leaves the run as it was."""
    assert same_run(desk(), desk(channel={"market": "home"}, markets={"home": {"size": 1_000_000_000}}))
    assert same_run(desk(), desk(markets={"home": {"size": 1}}))
    assert not same_run(desk(), desk(channel={"market": "home"}, markets={"home": {"size": 1000}}))


def test_both_engines_know_the_same_market() -> None:
    steps = {"in": {"work": {"law": "exponential", "mean": "1 h"}, "by": "desk", "then": [{"done": True, "share": 0.5}, {"lost": "no"}]}}
    scenario = desk({"rate": "300 per week"}, weeks=4, channel={"market": "m", "duplicates": {"share": 0.3, "after": "1 h"}}, steps=steps, teams={"desk": {"size": 2}},
                    markets={"m": {"size": 50, "returns": {"law": "exponential", "mean": "1 week"}}})  # fmt: skip
    network = build(scenario)
    assert all(np.array_equal(x, y) for x, y in zip(Reference(network, 1, 0, True).run(), arrays.run(network, 1, 0, log=True, cases=True)))


# --- drift, quality, rivals -------------------------------------------------------------------------------------------


def test_the_mix_of_customers_may_change() -> None:
    channel = {"segments": {"all": 0.9, "big": 0.1}, "mixes": [{"from": "2026-03-16", "segments": {"all": 0.4, "big": 0.6}}]}
    scenario = desk(channel=channel, segments={"big": {"patience": "1 h"}})
    run = engines.run(build(scenario), seed=1, number=0, engine="compiled")
    late, big = run.cases.born >= 70 * DAY, run.cases.segment == 1
    assert np.mean(big[~late]) == pytest.approx(0.1, abs=0.04)
    assert np.mean(big[late]) == pytest.approx(0.6, abs=0.06)
    rates = arrival_rates(scenario)
    assert [rates["in", g] * WEEK for g in ("all", "big")] == pytest.approx([70 * 0.65, 70 * 0.35])
    # The same customers come at the same times, only who they are has changed.
    assert np.array_equal(run.cases.born, engines.run(build(scenario.change({"channels.web.mixes": []})), seed=1, number=0, engine="compiled").cases.born)
    before = scenario.change({"channels.web.mixes": [{"from": "2025-01-01", "segments": {"all": 0, "big": 1}}]})
    assert set(engines.run(build(before), seed=1, number=0, engine="compiled").cases.segment) == {1}


def test_volume_drifts() -> None:
    scenario = desk({"yearly_growth": 1.0}, weeks=104)
    holds(counts(scenario, 0, 364), 70 / 7 * 365.25 / math.log(2) * (2 ** (364 / 365.25) - 1), 0.02)
    holds(counts(scenario, 364, 728), 70 / 7 * 365.25 / math.log(2) * (2 ** (728 / 365.25) - 2 ** (364 / 365.25)), 0.02)


def test_a_gate_lets_through_what_its_errors_say() -> None:
    """O-26: prevalence .3, sensitivity .8, specificity .7: .3 · .8 + .7 · .3 = .45 pass, .24 / .45 = .53333 of them good."""
    steps = {
        "in": {"automatic": "0 min", "then": [{"to": "sell", "share": {"good": 0.8, "poor": 0.3}}, {"lost": "rejected"}]},
        "sell": {"automatic": "0 min", "then": [{"done": True}]},
    }
    channel = {"segments": {"good": 0.3, "poor": 0.7}}
    scenario = desk({"rate": "700 per week"}, channel=channel, segments={"good": {}, "poor": {}}, steps=steps)
    flow = throughput(scenario)
    passed = sum(flow["sell", g] for g in ("good", "poor"))
    assert passed / sum(flow["in", g] for g in ("good", "poor")) == pytest.approx(0.45, abs=1e-12)
    assert flow["sell", "good"] / passed == pytest.approx(0.533333333333, abs=1e-12)


def test_a_score_sees_quality_through_noise() -> None:
    """Quality is normal with variance 1, the score adds noise of variance 1: their correlation is 1/√2; a cut at 0 has the
    sensitivity 1/2 + arcsin(1/√2) / π = 3/4 for a quality above 0, and as much specificity (Sheppard 1899)."""
    steps = {
        "in": {"automatic": "0 min", "then": [{"to": "sell", "when": "score > 0"}, {"lost": "rejected"}]},
        "sell": {"automatic": "0 min", "then": [{"done": True}]},
    }
    attributes = {"quality": {"formula": "normal"}, "score": {"formula": "quality + normal"}}
    scenario = desk({"rate": "2000 per week"}, steps=steps, attributes=attributes)
    frame = simulate(scenario, seed=1).frame.drop_duplicates("case", keep="last")
    good, chosen = frame["quality"] > 0, frame["step"] == "sell"
    assert np.mean(chosen[good]) == pytest.approx(0.75, abs=0.01)
    assert np.mean(~chosen[~good]) == pytest.approx(0.75, abs=0.01)
    assert np.corrcoef(frame["quality"], frame["score"])[0, 1] == pytest.approx(1 / math.sqrt(2), abs=0.01)
    assert precision_at(frame["score"], good, len(frame)) == pytest.approx(np.mean(good))
    assert precision_at(frame["score"], good, len(frame) // 10) > 0.93  # of the best tenth
    share, lift = lift_curve(frame["score"], good)
    assert lift[-1] == pytest.approx(1)
    assert lift[int(0.5 * len(lift))] == pytest.approx(1.5, abs=0.03)
    assert np.all(np.diff(share) > 0)


def test_channels_differ_in_quality() -> None:
    steps = {"in": {"automatic": "0 min", "then": [{"done": True, "share": 1, "factor": "quality"}, {"lost": "poor"}]}}
    scenario = desk(steps=steps, attributes={"quality": {}}).change(
        {"channels.social": {"enters": "in", "segments": {"all": 1}, "arrivals": {"rate": "700 per week"}, "attributes": {"quality": 0.05}},
         "channels.web.arrivals.rate": "700 per week", "channels.web.attributes": {"quality": {"law": "uniform", "low": 0.02, "high": 0.22}}}
    )  # fmt: skip
    results = replicate(scenario, 20, seed=1, engine="compiled")
    holds([float(v) for v in results.values("win rate from social")], 5.0, 0.03)
    holds([float(v) for v in results.values("win rate from web")], 12.0, 0.03)


def test_lists_that_cannot_tell_cases_apart_hold_the_average() -> None:
    assert good_in_top([1, 1, 1, 1], [True, False, False, True]).tolist() == [0, 0.5, 1, 1.5, 2]
    assert good_in_top([2, 1, 1], [False, True, False]).tolist() == [0, 0, 0.5, 1]
    with pytest.raises(ValueError, match="at least one"):
        precision_at([1.0], [True], 0)


def test_a_faster_rival_takes_more() -> None:
    """M/M/1 with arrivals 1, service 1 and exponential patience 1/θ: all who leave are lost to the rival (O-05: 0.36788 for θ = 1)."""
    steps = {"in": {"work": {"law": "exponential", "mean": "1 h"}, "by": "desk", "gives_up": {"lost": "faster rival"}, "patience": "9 h", "then": [{"done": True}]}}
    base = desk({"rate": "168 per week"}, steps=steps, teams={"desk": {"size": 1}})
    speeds = ("16 h", "4 h", "1 h", "15 min")
    rivals = [base.change({"steps.in.patience": {"law": "exponential", "mean": t}}, name=t) for t in speeds]
    shares = [r.estimate("lost_share").value for r in compare(*rivals, replications=20, seed=1, engine="compiled").results]
    assert shares == sorted(shares)
    assert shares[2] == pytest.approx(36.788, rel=0.02)
    for r in compare(*rivals, replications=5, seed=1, engine="compiled").results:
        assert r.values("lost because faster rival") == pytest.approx(r.values("lost_customers"))


# --- the day's rhythm -----------------------------------------------------------------------------------------------


def test_o11_the_peak_follows_the_arrivals_after_1_8424_hours() -> None:
    """M/G/∞ with 10 (1 + ½ sin 2πt/24 h) arrivals an hour and mean stay 2 h: the number there lags by arctan(ω/μ)/ω.

    The hours' rates are constant; they are raised by (π/24)/sin(π/24), so that their first harmonic is that of the sine.
    """
    hourly = {f"{h:02d}:00-{h + 1:02d}:00": 1 + 0.5 * math.sin(2 * math.pi * (h + 0.5) / 24) * (math.pi / 24) / math.sin(math.pi / 24) for h in range(24)}
    steps = {"in": {"customer": {"law": "exponential", "mean": "2 h"}, "then": [{"done": True}]}}
    scenario = desk({"rate": "240 per day", "hours": hourly}, weeks=41, warm_up=1, steps=steps)
    lags, sizes, means = [], [], []
    omega = 2 * math.pi / 24
    for number in range(30):
        cases = engines.run(build(scenario), seed=3, number=number, engine="compiled").cases
        hour = 3_600_000_000
        a = np.maximum(cases.born / hour, 168.0)
        b = np.minimum(np.where(cases.ended < 0, 41 * 168.0, cases.ended / hour), 41 * 168.0)
        a, b = a[b > a], b[b > a]
        span = 40 * 168.0
        sine = float(np.sum(np.cos(omega * a) - np.cos(omega * b))) / omega * 2 / span
        cosine = float(np.sum(np.sin(omega * b) - np.sin(omega * a))) / omega * 2 / span
        lags.append(math.atan2(-cosine, sine) / omega)
        sizes.append(math.hypot(sine, cosine))
        means.append(float(np.sum(b - a)) / span)
    holds(lags, 1.84243323, 0.02)
    holds(sizes, 8.85908264, 0.01)
    holds(means, 20.0, 0.01)


# --- what logs say about channels ------------------------------------------------------------------------------------


def two_channels(weeks: int = 52) -> Scenario:
    """Planted: 5 % of social, 12 % of search; a win takes 20 days, so that the youngest are still open."""
    route = [{"to": "sign", "share": {"social": 0.05, "search": 0.12}}, {"lost": "no interest"}]
    steps = {
        "in": {"customer": {"law": "exponential", "mean": "10 days"}, "then": route},
        "sign": {"customer": {"law": "exponential", "mean": "20 days"}, "milestone": "won", "then": [{"done": True}]},
    }
    channels = {c: {"enters": "in", "segments": {c: 1}, "arrivals": {"rate": "60 per week"}} for c in ("social", "search")}
    return desk(weeks=weeks, steps=steps, segments={"social": {}, "search": {}}).change({"channels": channels})


def test_two_planted_channels_are_recovered() -> None:
    found = {c.channel: c for c in conversions(simulate(two_channels(), seed=1))}
    for channel, planted in (("social", 0.05), ("search", 0.12)):
        conversion = found[channel]
        assert conversion.share.low < planted < conversion.share.high
        assert conversion.share.half_width < 0.02
        assert conversion.still_open > 50
    assert found["social"].share.high < found["search"].share.low


def test_calibration_tells_what_each_channel_brings() -> None:
    learnt = calibrate(simulate(two_channels(), seed=1), holdout=0)
    assert re.match(r"search 1\d\.\d % \(.*\) of 3,\d{3} cases; social [45]\.\d %", learnt.facts["Won, by channel"])
    # The model knows of it: what follows the first step depends on the channel.
    assert not any("wins more" in text for text in learnt.assumptions)
    found = replicate(learnt.scenario, 10, seed=2, engine="compiled")
    for channel, share in (("search", 12), ("social", 5)):
        assert found.estimate(f"win rate from {channel}").value == pytest.approx(share, abs=1.5)
    alike = calibrate(simulate(two_channels().change({"steps.in.then": [{"to": "sign", "share": 0.1}, {"lost": "no"}]}), seed=1), holdout=0)
    assert not any("wins more" in text for text in alike.assumptions)


def test_the_intervals_of_channels_cover_the_truth() -> None:
    """Of 120 intervals at 95 %, between 107 and 119 hold the truth in 99 of 100 such tests; the errors have no lean."""
    truth = {"social": 0.05, "search": 0.12}
    found = [c for seed in range(60) for c in conversions(simulate(two_channels(26), seed=seed))]
    assert 107 <= sum(c.share.low < truth[c.channel] < c.share.high for c in found) <= 119
    errors = [(c.share.value - truth[c.channel]) / (c.share.half_width / 1.96) for c in found]
    assert abs(np.mean(errors)) < 2.6 / math.sqrt(len(errors))


def test_young_leads_are_not_taken_for_bad_ones() -> None:
    """Cut after 26 weeks; of the cases won in the end many are open: the naive share is too low, the estimate is not."""
    log = simulate(two_channels(12), seed=4)
    search = next(c for c in conversions(log) if c.channel == "search")
    assert search.won / search.cases < 0.10
    assert search.share.low < 0.12 < search.share.high


def test_without_open_cases_the_interval_has_the_binomial_variance() -> None:
    rng = np.random.default_rng(1)
    ending = np.where(rng.random(500) < 0.1, 1, 2)
    e = incidence_interval(rng.random(500), ending, 1)
    p = float(np.mean(ending == 1))
    assert e.value == pytest.approx(p)
    width = math.sqrt(p * (1 - p) / 500) * 1.959963985 / ((1 - p) * -math.log1p(-p))
    assert e.low == pytest.approx(1 - (1 - p) ** math.exp(-width))
    assert e.high == pytest.approx(1 - (1 - p) ** math.exp(width))
    assert incidence_interval([1, 2], [0, 0], 1).value == 0


def test_a_real_funnel(tmp_path: Any) -> None:
    """Qualified leads of a marketplace by origin: nothing is ever lost, so the share won within 90 days is asked for."""
    import pandas as pd

    leads = pd.read_csv(real_log("olist/olist_mql_snapshot_2018-03-01.csv"))
    deals = pd.read_csv(real_log("olist/olist_closed_snapshot_2018-03-01.csv"))
    leads["origin"] = leads["origin"].fillna("unknown")
    came = pd.DataFrame({"case": leads["mql_id"], "activity": "contact", "time": leads["first_contact_date"] + " 00:00:00", "origin": leads["origin"]})
    won = deals.merge(leads, on="mql_id").assign(activity="won").rename(columns={"mql_id": "case", "won_date": "time"})[["case", "activity", "time", "origin"]]
    pd.concat([came, won]).to_csv(tmp_path / "funnel.csv", index=False)
    columns = {"case": "case", "activity": "activity", "time": "time", "channel": "origin"}
    log, _ = read_log(tmp_path / "funnel.csv", {"columns": columns, "activities": {"contact": {"stage": "lead"}, "won": {"kind": "event", "ends": "won"}}})
    whole, early = conversions(log), conversions(log, within_days=90)
    assert sum(c.cases for c in whole) == len(leads)
    assert sum(c.won for c in whole) == len(won)
    assert len(whole) == leads["origin"].nunique()
    for all_, some in zip(whole, early):
        assert some.won <= all_.won
        assert some.share.value <= all_.share.value + 1e-12
        assert 0 <= some.share.low <= some.share.value <= some.share.high <= 1
    best = max((c for c in early if c.cases > 300), key=lambda c: c.share.value)
    worst = next(c for c in early if c.channel == "social")
    assert worst.share.high < best.share.low  # social media: many leads, few sellers


def test_a_log_without_time_is_refused() -> None:
    with pytest.raises(LogError, match="days above zero"):
        conversions(simulate(desk(weeks=1), seed=1), within_days=0)
    one = conversions(simulate(desk(weeks=2), seed=1))
    assert isinstance(one[0], Conversion)
    assert one[0].won == one[0].cases
    assert isinstance(simulate(desk(weeks=1), seed=1), EventLog)


# --- refusals --------------------------------------------------------------------------------------------------------

START = {"start": "2026-02-02", "end": "2026-02-08"}


@pytest.mark.parametrize(
    ("arrivals", "said"),
    [
        ({"campaigns": [{**START}]}, "exactly one of 'factor', 'adds' and 'lift', not none"),
        ({"campaigns": [{**START, "factor": 2, "adds": "3 per week"}]}, "not factor and adds"),
        ({"campaigns": [{**START, "lift": {"most": "3 per week", "half_at": "5 EUR"}}]}, "no 'spend' is given"),
        ({"campaigns": [{**START, "adds": "3 per week", "cost": "5 USD"}]}, "5 USD is not in EUR"),
        ({"campaigns": [{**START, "factor": 2, "decay": {"half_life": "0 min"}}]}, "half-life of zero"),
        ({"campaigns": [{"start": "2026-02-09", "end": "2026-02-02", "factor": 2}]}, "swap the dates"),
        ({"spend": {**SPEND, "half_at": "0 EUR"}}, "half_at is not above zero"),
        ({"spend": {**SPEND, "shape": 0}}, "shape"),
        ({"spend": {**SPEND, "per_week": "2000"}}, "2000"),
        ({"spend": {**SPEND, "before": "10 EUR"}}, "add 'adstock'"),
        ({"spend": {**SPEND, "per_week": "-5 EUR"}}, "-5 EUR"),
        ({"spend": {**SPEND, "budget": "1 EUR"}}, "no field 'budget'"),
        ({"spend": {**SPEND, "changes": [{"from": "2026-03-01", "per_week": "1 EUR"}, {"from": "2026-02-01", "per_week": "1 EUR"}]}}, "put them in order"),
        ({"content": {"pieces": "2 per week", "per_piece": "1 per week", "half_life": "0 min"}}, "brings nobody"),
        ({"content": {"pieces": "2 per week", "per_piece": "1 per week", "half_life": "9 days", "cost_per_piece": "4 USD"}}, "4 USD is not in EUR"),
        ({"content": {"pieces": 2, "per_piece": "1 per week", "half_life": "9 days"}}, "pieces"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(arrivals: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        desk(arrivals)
    text = str(refused.value)
    assert said in text
    assert "channels.web" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ({"duplicates": {"share": 0.1, "after": "1 day", "mark": "copy"}}, "there is no attribute 'copy'"),
        ({"duplicates": {"share": 0.1, "after": "1 day", "segment": "big"}}, "there is no segment 'big'"),
        ({"duplicates": {"share": 0.1, "after": "5 EUR"}}, "a time belongs"),
        ({"duplicates": {"share": 1.1, "after": "1 day"}}, "between 0 and 1"),
        ({"junk": {"share": 0.1, "segment": "spam"}}, "there is no segment 'spam'"),
        ({"junk": {"share": 0.1, "segment": "all"}}, "has a share besides"),
        ({"market": "home"}, "there is no market 'home'"),
        ({"mixes": [{"from": "2026-02-01", "segments": {"all": 0.5}}]}, "sum to 50 %"),
        ({"mixes": [{"from": "2026-02-01", "segments": {"big": 1}}]}, "there is no segment 'big'"),
        ({"attributes": {"quality": 0.5}}, "quality"),
        ({"arrivals": None, "replay": ["2026-02-01"], "market": "home"}, "whatever the market"),
    ],
)  # fmt: skip
def test_channels_name_what_exists(channel: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        desk(channel=channel)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_market_needs_customers() -> None:
    with pytest.raises(ScenarioError, match=r"markets\.home"):
        desk(channel={"market": "home"}, markets={"home": {"size": 0}})
    with pytest.raises(ScenarioError, match="a time belongs"):
        desk(channel={"market": "home"}, markets={"home": {"size": 9, "returns": "9 EUR"}})


def test_what_is_written_is_read_back() -> None:
    spend = {**SPEND, "changes": [{"from": "2026-03-01", "per_week": "1 EUR"}], "adstock": {"half_life": "1 week"}, "before": "5 EUR"}
    content = {"pieces": "2 per week", "changes": [{"from": "2026-03-01", "pieces": "1 per week"}], "per_piece": "1 per week", "half_life": "9 days", "before": "1 per week"}
    scenario = desk({"spend": spend, "content": content, "campaigns": [{**START, "adds": "3 per week", "spend": "9 EUR/day", "decay": {"half_life": "2 days"}}]},
                    channel={"market": "home", "mixes": [{"from": "2026-02-01", "segments": {"all": 1}}]}, markets={"home": {"size": 9, "returns": "1 year"}})  # fmt: skip
    from salessim.scenario.loader import to_yaml

    scenario = scenario.change({"attributes": {"quality": {"starts": {"law": "uniform", "low": 0, "high": 0.5}}}, "channels.web.attributes": {"quality": 0.25}})
    again = Scenario.parse(to_yaml(scenario))
    assert again == scenario
    assert again.hash == scenario.hash
