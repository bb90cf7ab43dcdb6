"""The mechanisms of the seven stages against numbers known outside the program: formulas, hand arithmetic, tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim import engines
from salessim.engines import arrays
from salessim.engines.reference import Reference
from salessim.errors import LimitReached, ScenarioError
from salessim.experiment import compare, replicate, simulate
from salessim.network import build
from salessim.records import COMPLETED, LOST, NEVER
from salessim.scenario.formulas import formula
from salessim.scenario.model import Scenario
from salessim.stages.competing import reminded
from salessim.statistics import mean_interval
from salessim.units import DAY, HOUR
from tests.models import random_network


def process(steps: dict[str, Any], *, rate: str = "40 per day", horizon: str = "400 days", **more: Any) -> Scenario:
    """A scenario of one stage; cases enter at the first step."""
    channels = more.pop("channels", None) or {"in": {"enters": next(iter(steps)), "segments": {g: 1 / len(more.get("segments", {"all": {}})) for g in more.get("segments", {"all": {}})}, "arrivals": {"rate": rate}}}
    return Scenario.parse(
        {"name": "mechanism", "clock": {"start": "2026-01-05", "horizon": horizon, **more.pop("clock", {})}, "segments": {"all": {}},
         "channels": channels, "stages": {"all": {"steps": steps}}, **more}
    )  # fmt: skip


def runs(scenario: Scenario, n: int = 20, seed: int = 5) -> list[Any]:
    network = build(scenario)
    return [engines.run(network, seed=seed, number=i, engine="compiled") for i in range(n)]


def holds(values: Any, exact: float, within: float = 0.01) -> bool:
    """Whether the 99 % interval of the replications holds a figure and is narrow enough to say so."""
    found = mean_interval(np.asarray(values, float), 0.99)
    assert found.half_width <= within * abs(exact), f"too wide: {found}"
    return bool(found.low <= exact <= found.high)


def exp(days: float) -> dict[str, Any]:
    return {"law": "exponential", "mean": f"{days * 86400!r} s"}


def stayed(run: Any) -> float:
    """Mean days in process of the cases that ended; the tail of the run that is cut off is left out."""
    c = run.cases
    early = c.born < run.labels.horizon - 60 * DAY
    assert (c.ended[early] != NEVER).all()
    return float(np.mean((c.ended - c.born)[early]) / DAY)


# --- splits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("branches", "exact"), [(1, 1.0), (2, 1.5), (3, 1.8333333), (4, 2.0833333)])
def test_o23_the_slowest_of_several_decides(branches: int, exact: float) -> None:
    steps: dict[str, Any] = {"split": {"parallel": [f"b{i}" for i in range(branches)], "then": [{"done": True}]}}
    steps |= {f"b{i}": {"customer": exp(1), "then": [{"join": True}]} for i in range(branches)}
    assert holds([stayed(r) for r in runs(process(steps))], exact)
    counted = {"split": {"parallel": ["b"], "count": str(branches), "then": [{"done": True}]}, "b": steps["b0"]}
    assert holds([stayed(r) for r in runs(process(counted))], exact)


def test_what_branches_change_adds_up_and_a_lost_branch_loses_the_case() -> None:
    steps = {
        "split": {"parallel": ["b"], "count": "3", "then": [{"done": True, "when": "n == 3"}, {"lost": "never"}]},
        "b": {"automatic": "1 h", "sets": {"n": "n + 1"}, "then": [{"join": True}, {"lost": "vetoed", "share": "10 %"}]},
    }
    s = process(steps, attributes={"n": {"starts": 0}}, rate="200 per day", horizon="60 days")
    shares = []
    for r in runs(s):
        over = r.cases.outcome != 0
        shares.append(np.mean(r.cases.outcome[over] == LOST))
        assert set(np.array(r.labels.reasons)[r.cases.reason[r.cases.outcome == LOST]]) == {"vetoed"}
        assert (r.cases.marks[r.cases.outcome == COMPLETED, 0] == 3).all()
    assert holds(shares, 1 - 0.9**3, 0.02)


def test_a_branch_costs_and_marks_what_the_case_costs_and_reaches() -> None:
    steps = {
        "split": {"parallel": ["ours", "theirs"], "then": [{"done": True}]},
        "ours": {"work": "2 h", "by": "t", "cost": "5 EUR", "milestone": "won", "then": [{"join": True}]},
        "theirs": {"customer": "1 day", "then": [{"join": True}]},
    }
    s = process(steps, rate="2 per day", horizon="30 days", teams={"t": {"size": 9, "cost": "30 EUR/hour"}})
    run = runs(s, 1)[0]
    done = run.cases.outcome == COMPLETED
    assert done.sum() > 30
    assert run.cases.cost[done] == pytest.approx(65.0)
    assert ((run.cases.won - run.cases.born)[done] == 2 * HOUR).all()
    assert ((run.cases.ended - run.cases.born)[done] == DAY).all()
    log = simulate(s, seed=5)
    assert list(log.problems()) == []
    one = log.frame[log.frame["case"] == 0]
    assert list(one["step"]) == ["ours", "theirs", "split"]
    assert list(one["outcome"]) == ["joined", "joined", "completed"]


# --- the customer's own time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signers", "exact"), [(1, 0.99059644), (2, 0.98128130)])
def test_o24_an_envelope_expires(signers: int, exact: float) -> None:
    signing = {"customer": exp(3), "unless": [{"after": "14 days", "lost": "expired"}]}
    steps = {"send": {"parallel": ["sign"], "count": str(signers), "then": [{"done": True}]}, "sign": {**signing, "then": [{"join": True}]}}
    found = [np.mean(r.cases.outcome[r.cases.born < r.labels.horizon - 20 * DAY] == COMPLETED) for r in runs(process(steps, rate="200 per day"), 20)]
    assert holds(found, exact, 0.001)


def test_the_first_of_competing_ends_wins_in_proportion_to_its_hazard() -> None:
    steps = {"decide": {"customer": exp(2), "unless": [{"after": exp(6), "lost": "rival"}, {"after": exp(3), "lost": "no decision"}], "then": [{"done": True}]}}
    run = runs(process(steps, rate="400 per day"), 10)
    for name, exact in (("rival", 1 / 6), ("no decision", 1 / 3)):
        assert holds([np.mean(np.array([*r.labels.reasons, ""])[r.cases.reason][r.cases.ended != NEVER] == name) for r in run], exact, 0.02)
    assert holds([stayed(r) for r in run], 1.0)  # the hazards add up to 1 a day


def test_reminders_shorten_what_is_left() -> None:
    assert reminded(5 * DAY, 0.5, 9, 4 * DAY) == 4 * DAY
    assert reminded(5 * DAY, 0.5, 9, 15 * DAY) == 10 * DAY  # 5 + 10 / 2; exactly 5 are left, and the second comes too late
    assert reminded(5 * DAY, 0.5, 9, 25 * DAY) == 5 * DAY + 5 * DAY + 5 * DAY // 2  # 20 left -> 10; 5 left -> 2.5
    assert reminded(5 * DAY, 0.5, 1, 25 * DAY) == 15 * DAY
    wait, every, factor = 4.0, 3.0, 0.5  # one reminder: E = E[min(T, r)] + f E[(T - r)+]
    exact = wait * (1 - math.exp(-every / wait)) + factor * wait * math.exp(-every / wait)
    steps = {"sign": {"customer": exp(wait), "reminders": {"every": "3 days", "factor": factor, "most": 1}, "then": [{"done": True}]}}
    assert holds([stayed(r) for r in runs(process(steps))], exact)


def test_o25_eight_touches() -> None:
    steps = {
        "touch": {"automatic": "1 min", "then": [{"to": "reply"}]},
        "reply": {"customer": exp(2), "sets": {"touches": "touches + 1"},
                  "then": [{"to": "sale", "share": 0.05}, {"lost": "opted out", "share": 0.01}, {"to": "touch", "when": "touches < 8", "share": 0.94}, {"lost": "exhausted"}]},
        "sale": {"automatic": "0 s", "milestone": "won", "then": [{"done": True}]},
    }  # fmt: skip
    shares: dict[str, list[float]] = {"won": [], "opted out": [], "exhausted": [], "touches": []}
    for r in runs(process(steps, rate="200 per day", attributes={"touches": {"starts": 0}}), 20):
        early = r.cases.born < r.labels.horizon - 120 * DAY
        reasons = np.array([*r.labels.reasons, ""])[r.cases.reason][early]
        shares["won"].append(np.mean(r.cases.won[early] != NEVER))
        for reason in ("opted out", "exhausted"):
            shares[reason].append(np.mean(reasons == reason))
        shares["touches"].append(np.mean(r.cases.marks[early, 0]))
    for name, exact in (("won", 0.325359), ("opted out", 0.065072), ("exhausted", 0.609569), ("touches", 6.507184)):
        assert holds(shares[name], exact, 0.02)


def test_o26_a_gate_with_sensitivity_and_specificity() -> None:
    steps = {
        "qualify": {"automatic": "1 min", "sets": {"passed": "if(fit == 1, uniform < 0.8, uniform < 0.3)"}, "then": [{"done": True, "when": "passed == 1"}, {"lost": "not a fit"}]},
    }
    s = process(steps, rate="400 per day", attributes={"fit": {"formula": "uniform < 0.3"}, "passed": {"starts": 0}},
                measures={"passes": {"share": "passed == 1", "over": "ended"}, "hits": {"share": "fit == 1", "when": "passed == 1", "over": "ended"}})  # fmt: skip
    found = replicate(s, 10, engine="compiled")
    for name, exact in (("passes", 45.0), ("hits", 100 * 0.24 / 0.45)):
        e = found.estimate(name)
        assert e.low <= exact <= e.high
        assert e.half_width < 0.5


# --- queues ----------------------------------------------------------------------------------------------------------


def test_cobham_with_an_order_by_formula() -> None:
    """O-07: two classes, load .4 each: waits 1.33333 and 6.66667 services."""
    steps = {"serve": {"work": {"law": "exponential", "mean": "1 h"}, "by": "t", "serve_first": "hot", "then": [{"done": True}]}}
    s = process(steps, rate="19.2 per day", horizon="4000 days", clock={"warm_up": "100 days"}, teams={"t": {"size": 1}},
                segments={"a": {}, "b": {}}, attributes={"hot": {"formula": "segment == 'a'"}})  # fmt: skip
    waits: dict[str, list[float]] = {"a": [], "b": []}
    network = build(s)
    for i in range(40):
        raw = arrays.run(network, 5, i, log=True, cases=True)
        started = raw.visit_time[:, 1] >= s.clock.warm_up
        segment = raw.case_time[np.argsort(raw.case_time[:, 0]), 9][raw.visit_what[:, 0]]
        for g, name in enumerate("ab"):
            rows = started & (segment == g)
            waits[name].append(np.mean((raw.visit_time[:, 1] - raw.visit_time[:, 0])[rows]) / HOUR)
    assert holds(waits["a"], 4 / 3, 0.02)
    assert holds(waits["b"], 20 / 3, 0.04)


def test_places_of_a_limit_are_servers() -> None:
    """An M/M/2 whose servers are places: O-02, (1.6, 1, 2) -> Wq 1.77777778; places in use are lambda times service."""
    steps = {"hold": {"automatic": {"law": "exponential", "mean": "1 h"}, "takes": "seats", "gives_back": "seats", "then": [{"done": True}]}}
    s = process(steps, rate="38.4 per day", horizon="4000 days", clock={"warm_up": "100 days"}, limits={"seats": {"size": 2}})
    found = replicate(s, 20, engine="compiled")
    assert holds(found.values("waiting @ hold"), 16 / 9, 0.02)
    assert holds(found.values("in use of seats"), 1.6, 0.01)


def test_a_place_is_held_over_steps_and_comes_back_however_the_case_ends() -> None:
    steps = {
        "enter": {"automatic": "0 s", "takes": "deals", "patience": "2 h", "gives_up": {"lost": "no capacity"}, "then": [{"to": "work"}]},
        "work": {"customer": {"law": "exponential", "mean": "3 h"}, "then": [{"lost": "gone", "share": 0.5}, {"to": "late"}]},
        "late": {"customer": "1 h", "gives_back": "deals", "then": [{"to": "after"}]},
        "after": {"customer": "5 h", "then": [{"done": True}]},
    }
    s = process(steps, limits={"deals": {"size": 3}}, horizon="100 days")
    for r in runs(s, 3):
        c, end = r.cases, r.labels.horizon
        assert (c.outcome == LOST).sum() > 100
        held = float(r.totals.held[0])
        frame = simulate(s, seed=5, replication=r.number).frame
        began = frame[frame["step"] == "enter"].set_index("case")["started"].dropna()
        last = frame[frame["step"].isin(["work", "late"])].groupby("case")["ended"].agg(lambda x: x.iloc[-1])
        stop = last.where(last.notna(), frame["enabled"].dt.tz_convert("UTC").min().normalize() + np.timedelta64(end, "us"))
        recount = (stop - began[stop.index]).dt.total_seconds().sum() * 1e6
        assert held == pytest.approx(recount, rel=1e-9)
        both = sorted([(t, 1) for t in began.tolist()] + [(t, -1) for t in last.dropna().tolist()])
        level = np.cumsum([step for _, step in both])
        assert level.max() <= 3


def test_stock_that_is_used_up_comes_back_with_the_supplier() -> None:
    """Base stock S with lead time L: an order is filled at once if fewer than S are on order (Palm): P(N < S), N Poisson."""
    steps = {
        "ship": {"automatic": "0 s", "takes": "stock", "waiting_room": 0, "gives_up": {"lost": "out of stock"},
                 "spawns": [{"kind": "refill", "to": "supplier", "probability": 1, "after": "0 s", "passes": "stock"}], "then": [{"done": True}]},
        "supplier": {"automatic": {"law": "uniform", "low": "1 day", "high": "3 days"}, "then": [{"done": True}]},
    }  # fmt: skip
    s = process(steps, rate="4 per day", horizon="2000 days", limits={"stock": {"size": 10}})
    erlang_b = 0.121661064  # O-03, (10, 8): lost sales make it Erlang's loss system, whatever the law of the lead time
    lost = [np.mean(r.cases.outcome[r.cases.channel == 0] == LOST) for r in runs(s, 60)]
    assert holds(lost, erlang_b, 0.02)


def test_those_who_leave_without_a_word_still_cost_an_attempt() -> None:
    steps = {"call": {"work": "30 min", "by": "t", "patience": {"law": "exponential", "mean": "1 h"}, "silent": 1, "attempt": "6 min", "gives_up": {"lost": "gone"}, "then": [{"done": True}]}}
    s = process(steps, rate="60 per day", horizon="40 days", teams={"t": {"size": 1}})
    for r in runs(s, 3):
        gone, served = int(np.sum(r.cases.outcome == LOST)), int(np.sum(r.cases.outcome == COMPLETED))
        assert gone > 300
        assert r.totals.gave_up[0] == 0  # nobody saw them go
        assert float(r.totals.busy[0]) == pytest.approx(gone * HOUR / 10 + served * HOUR / 2, abs=HOUR)
    frame = simulate(s, seed=5).frame
    lost = frame[frame["outcome"] == "lost: gone"]
    assert ((lost["ended"] - lost["started"]).dt.total_seconds() == 360).all()


def test_batches_and_postings_make_cases_wait_for_each_other() -> None:
    every = {"post": {"automatic": "0 s", "posted": {"every": "6 h"}, "then": [{"done": True}]}}
    assert holds([stayed(r) for r in runs(process(every))], 0.125)  # T / 2
    five = {"truck": {"automatic": "0 s", "gather": {"size": 5}, "then": [{"done": True}]}}
    waits = []
    for r in runs(process(five, rate="2 per day", horizon="1000 days"), 40):
        done = r.cases.ended != NEVER
        waits.append(np.mean((r.cases.ended - r.cases.born)[done]) / DAY)
    assert holds(waits, (5 - 1) / 2 / 2.0, 0.02)  # the k-th of n waits for the n - k others: (n - 1) / 2 gaps
    late = {"truck": {"automatic": "0 s", "gather": {"size": 1000, "at_most": "1 day"}, "then": [{"done": True}]}}
    exact = (1 + 2.0 / 2) / (1 + 2.0)  # the first waits a day, the 2 that follow on average half of it each
    assert holds([sum_of(r) for r in runs(process(late, rate="2 per day", horizon="4000 days"), 20)], exact, 0.02)
    at = {"post": {"automatic": "0 s", "posted": {"at": ["12:00", "18:00"], "days": "Mon-Fri"}, "then": [{"done": True}]}}
    log = simulate(process(at, clock={"time_zone": "Asia/Shanghai"}, horizon="30 days")).frame
    hours = log["ended"].dropna().dt.strftime("%a %H:%M")
    assert set(hours) == {f"{d} {t}" for d in ("Mon", "Tue", "Wed", "Thu", "Fri") for t in ("12:00", "18:00")}


def sum_of(run: Any) -> float:
    done = run.cases.ended != NEVER
    return float(np.sum((run.cases.ended - run.cases.born)[done]) / np.sum(done) / DAY)


# --- attributes and formulas -----------------------------------------------------------------------------------------


def test_satisfaction_brings_customers_back() -> None:
    """Repurchase with p = .43 and .74: 1 / (1 - p) purchases on average."""
    for p, exact in ((0.43, 1.754386), (0.74, 3.846154)):
        steps = {
            "buy": {"automatic": "1 h", "milestone": "won", "sets": {"bought": "bought + 1"}, "then": [{"done": True}],
                    "spawns": [{"kind": "again", "to": "buy", "probability": 1, "factor": "mood", "after": exp(3)}]},
        }  # fmt: skip
        s = process(steps, rate="40 per day", attributes={"mood": {"starts": p, "inherited": True}, "bought": {"starts": 0, "inherited": True}})
        found = []
        for r in runs(s, 20):
            first = (r.cases.born < r.labels.horizon - 150 * DAY) & (r.cases.channel == 0)
            mine = np.isin(r.cases.customer, np.flatnonzero(first))
            found.append(mine.sum() / first.sum())
        assert holds(found, exact, 0.02)


def test_those_who_answer_a_survey_are_the_satisfied_ones() -> None:
    """Satisfaction uniform on 0 to 1 and an answer with just that probability: answers average E[S²]/E[S] = 2/3, customers 1/2."""
    steps = {
        "serve": {"automatic": "1 h", "then": [{"done": True}],
                  "spawns": [{"kind": "survey", "to": "answer", "probability": 1, "factor": "satisfaction", "after": "1 day", "gives": {"satisfaction": "satisfaction"}}]},
        "answer": {"customer": "1 h", "then": [{"done": True}]},
    }  # fmt: skip
    found = runs(process(steps, attributes={"satisfaction": {"starts": {"law": "uniform", "low": 0, "high": 1}}}))
    assert holds([float(np.mean(r.cases.marks[r.cases.channel == 1, 0])) for r in found], 2 / 3)
    assert holds([float(np.mean(r.cases.marks[r.cases.channel == 0, 0])) for r in found], 1 / 2)


def test_gifts_and_inheritance_by_hand() -> None:
    steps = {
        "sell": {"automatic": "1 h", "sets": {"match": "0.5 + match / 2", "seen": "match"}, "then": [{"done": True}],
                 "spawns": [{"kind": "ticket", "to": "help", "probability": 1, "after": "1 h", "gives": {"severity": "10 * match"}, "when": "value > 50 EUR"}]},
        "help": {"automatic": "1 h", "then": [{"done": True}]},
    }  # fmt: skip
    s = process(steps, rate="5 per day", horizon="10 days", segments={"all": {"value": "100 EUR"}},
                attributes={"match": {"starts": 0.4, "inherited": True}, "severity": {"starts": 1}, "seen": {"starts": 0}})  # fmt: skip
    frame = simulate(s).frame
    sales, tickets = frame[(frame["channel"] == "in") & frame["ended"].notna()], frame[(frame["channel"] == "ticket") & frame["ended"].notna()]
    assert {tuple(row) for row in sales[["match", "seen", "severity"]].to_numpy()} == {(0.7, 0.4, 1.0)}  # all formulas see the values before
    assert (tickets["match"] == 0.7).all()
    assert tickets["severity"].to_numpy() == pytest.approx(7.0)
    assert len(tickets) > 20


def test_the_clock_of_a_service_level_runs_in_office_hours() -> None:
    """O-22: a ticket of Friday 16:30 with four business hours, open from 9 to 17, is due on Monday at 12:30."""
    steps = {
        "solve": {"automatic": "68 h", "sets": {"clock": "clock + on('office') / 1 h"}, "then": [{"to": "ask back"}]},
        "ask back": {"customer": "30 h", "then": [{"to": "close"}]},  # the clock pauses here
        "close": {"automatic": "45 min", "sets": {"clock": "clock + on('office') / 1 h"}, "then": [{"done": True}]},
    }
    s = process(steps, attributes={"clock": {"starts": 0}}, calendars={"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}}, horizon="20 days")
    data = s.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    data["channels"]["in"] = {"enters": "solve", "segments": {"all": 1}, "replay": ["2026-01-09T16:30:00"]}
    frame = simulate(Scenario.parse(data)).frame
    assert str(frame["ended"].iloc[0]) == "2026-01-12 12:30:00+00:00"
    # Monday 12:30 + 30 h is Tuesday 18:30; the last three quarters of an hour are after hours.
    assert (frame["clock"] == 0.5 + 3.5).all()


def test_money_in_the_log_is_money_in_the_measures() -> None:
    steps = {"deal": {"customer": exp(2), "sets": {"discount": "0.3 * uniform"}, "milestone": "won", "then": [{"done": True}]}}
    s = process(steps, segments={"all": {"value": {"law": "lognormal", "mean": "1000 EUR", "cv": 1}}}, attributes={"discount": {"starts": 0}}, horizon="90 days",
                measures={"margin": {"per_month": "value * (1 - discount) - 400 EUR", "over": "won"}, "discount given": {"mean": "discount", "over": "won"}})  # fmt: skip
    found = replicate(s, [3], engine="compiled")
    frame = simulate(s, replication=3).frame
    won = frame[frame["outcome"] == "completed"]
    months = 90 * 12 / 365.25
    assert found.values("margin")[0] == pytest.approx(float((won["value"] * (1 - won["discount"]) - 400).sum()) / months)
    assert found.values("discount given")[0] == pytest.approx(float(won["discount"].mean()))


def test_o20_a_perfect_order_is_the_product_of_its_parts() -> None:
    parts = {"on_time": 0.98, "complete": 0.97, "undamaged": 0.99, "documents": 0.82}
    steps = {"ship": {"automatic": "1 h", "sets": {name: f"uniform < {p}" for name, p in parts.items()}, "then": [{"done": True}]}}
    s = process(steps, rate="400 per day", attributes={name: {"starts": 0} for name in parts},
                measures={"perfect orders": {"share": "on_time and complete and undamaged and documents", "over": "ended"}})  # fmt: skip
    e = replicate(s, 10, engine="compiled").estimate("perfect orders")
    assert e.low <= 77.169708 <= e.high
    assert e.half_width < 0.3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5.0), ("-2 ^ 2", -4.0), ("(1 + 2) * -3", -9.0), ("10 % + 0.5", 0.6), ("if(x > 1, 7, 8)", 7.0), ("x / 0", 0.0),
        ("not x > 1 or x == 2 and x != 3", 1.0), ("clamp(x, 0, 1)", 1.0), ("max(1, x, 5) - min(1, x)", 4.0), ("logistic(0)", 0.5),
        ("floor(x + 0.7) + round(x + 0.7)", 5.0), ("waited / 30 min", 4.0), ("(waited - 1 h) / 1 h >= 1", 1.0), ("value / 50 EUR", 2.0), ("exp(log(x))", 2.0),
        ("1_000 * x", 2000.0), ("abs(0 - x) + sqrt(x * 2)", 4.0), ("true + false", 1.0), ("x >= 2 and x <= 2", 1.0), ("2 ^ 0.5 ^ 2", 2.0 ** 0.25),
    ],
)  # fmt: skip
def test_formulas_compute_the_same_for_one_case_and_for_many(text: str, value: float) -> None:
    read = formula(text)
    facts = {"x": 2.0, "waited": 2.0 * HOUR, "value": 100.0}
    assert float(read.of_cases(lambda i: facts[i.of])) == pytest.approx(value)
    steps = {"a": {"automatic": "1 min", "sets": {"y": text}, "then": [{"done": True}]}}
    if "waited" in text:
        return  # nobody waits in this one; the others are run by both engines
    s = process(steps, rate="5 per day", horizon="3 days", attributes={"x": {"starts": 2}, "y": {"starts": 0}}, segments={"all": {"value": "100 EUR"}})
    network = build(s)
    a, b = Reference(network, 1, 0, True).run(), arrays.run(network, 1, 0, log=True, cases=True)
    done = a.case_time[:, 5] != NEVER
    assert a.case_money[done, 3] == pytest.approx(value)
    assert np.array_equal(a.case_money, b.case_money)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("waited + 1", "cannot be added"), ("1 +", "ends too early"), ("2 3", "left over"), ("foo(1)", "left over"), ("segment", "compared with a name"),
        ("9 ** 9", "stands where a value belongs"), ("__import__('os')", "left over"), ("x.y", "not understood"), ("(" * 60 + "1" + ")" * 60, "nested too deeply"),
        ("1 + " * 400 + "1", "characters"), ("5 parsecs", "parsecs"), ("value * value", "no meaning"), ("min(1 h, 2)", "cannot be compared"), ("if(1, 2)", "arguments"),
        ("y + 1", "no attribute 'y'"), ("on('night')", "no calendar 'night'"), ("in_use('x')", "no limit 'x'"), ("uniform", "asks for a draw"), ("waited", "plain number"),
        ("segment == 'big'", "no segment 'big'"), ("100 USD / 1 USD", "USD"),
    ],
)  # fmt: skip
def test_formulas_that_mean_nothing_are_refused(text: str, said: str) -> None:
    steps = {"a": {"automatic": "1 min", "factor": text, "then": [{"done": True}]}}
    with pytest.raises(ScenarioError, match=said) as refused:
        process(steps, attributes={"x": {"starts": 2}})
    assert "\n" not in str(refused.value)


# --- skipping and versions -------------------------------------------------------------------------------------------


def test_adherence_leaves_no_row_where_a_step_was_skipped() -> None:
    steps = {"a": {"automatic": "1 h", "then": [{"to": "check"}]}, "check": {"automatic": "1 h", "adherence": "70 %", "sets": {"n": "n + 1"}, "then": [{"to": "c"}]}, "c": {"automatic": "1 h", "then": [{"done": True}]}}
    s = process(steps, attributes={"n": {"starts": 0}}, horizon="60 days")
    shares = []
    for i in range(10):
        frame = simulate(s, replication=i).frame
        rows = frame.groupby("case")["step"].agg(list)
        done = frame[frame["outcome"] == "completed"].set_index("case")["n"]
        followed = rows[done.index].map(lambda steps: "check" in steps)
        assert (followed.astype(float) == done).all()
        shares.append(followed.mean())
    assert holds(shares, 0.7, 0.02)


def version(share: Any, step: dict[str, Any], since: str = "2026-02-01") -> list[dict[str, Any]]:
    return [{"name": "pilot", "from": since, "share": share, "step": step}]


def test_a_version_that_nobody_meets_or_that_changes_nothing_leaves_the_log_as_it_was() -> None:
    plain = {"work": {"law": "exponential", "mean": "1 h"}, "by": "t", "then": [{"done": True}, {"to": "a", "share": 0.2}]}

    def log(versions: list[dict[str, Any]]) -> str:
        return str(simulate(process({"a": {**plain, "versions": versions}}, rate="18 per day", horizon="90 days", teams={"t": {"size": 1}})).to_csv())

    other = {**plain, "work": "5 min"}
    today = log([])
    assert log(version(0, other)) == log(version(0.5, plain)) == log(version(1, other, "2030-01-01")) == today
    assert log(version(0.5, other)) != today


def test_a_roll_out_reaches_its_share_of_the_cases_from_its_date_on() -> None:
    plain = {"automatic": "2 h", "then": [{"done": True}]}
    s = process({"a": {**plain, "versions": version("30 %", {**plain, "automatic": "1 h"})}}, rate="100 per day", horizon="90 days")
    shares = []
    for i in range(20):
        frame = simulate(s, replication=i).frame.dropna(subset="ended")
        quick = (frame["ended"] - frame["started"]).dt.total_seconds() == 3600
        later = frame["enabled"] >= "2026-02-01T00:00:00+00:00"
        assert not quick[~later].any()
        shares.append(quick[later].mean())
    assert holds(shares, 0.3, 0.02)


# --- the two doors ---------------------------------------------------------------------------------------------------


def test_the_full_rules_and_the_plain_ones_agree_on_plain_steps() -> None:
    """Every plain model again with all of its steps decided by the full rules: the same output, to the last bit."""
    compared = 0
    for seed in range(7000, 7120):
        network = random_network(seed)
        steps = network.model.rules.steps
        if steps.full.any():
            continue
        forced = network.model._replace(rules=network.model.rules._replace(steps=steps._replace(full=np.ones_like(steps.full))))
        try:
            plain = arrays.run(network, seed, 0, log=True, cases=True)
        except LimitReached:
            continue
        again = arrays.run(dataclasses_replace(network, forced), seed, 0, log=True, cases=True)
        assert all(np.array_equal(x, y) for x, y in zip(plain, again))
        compared += 1
    assert compared > 25


def dataclasses_replace(network: Any, model: Any) -> Any:
    import dataclasses

    return dataclasses.replace(network, model=model)


# --- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ({"a": {"parallel": ["b"], "then": [{"done": True}]}, "b": {"automatic": "1 h", "then": [{"done": True}]}}, "ends with 'done'"),
        ({"a": {"automatic": "1 h", "then": [{"join": True}]}}, "'join' ends a branch"),
        ({"a": {"parallel": ["b"], "then": [{"to": "b"}]}, "b": {"automatic": "1 h", "then": [{"join": True}]}}, "inside different branches"),
        ({"a": {"parallel": ["a"], "then": [{"done": True}]}}, "inside different branches"),
        ({"a": {"automatic": "1 h", "takes": "p", "then": [{"to": "a", "share": 0.5}, {"done": True}]}}, "take another: a → a"),
        ({"a": {"automatic": "1 h", "takes": "p", "then": [{"to": "b", "share": 0.5}, {"to": "c"}]}, "b": {"automatic": "1 h", "takes": "q", "then": [{"done": True}]},
          "c": {"automatic": "1 h", "gives_back": "p", "then": [{"to": "d"}]}, "d": {"automatic": "1 h", "takes": "q", "then": [{"to": "e"}]}, "e": {"automatic": "1 h", "takes": "p", "then": [{"done": True}]}}, "wait for ever"),
        ({"a": {"automatic": "1 h", "core": True, "adherence": 0.9, "then": [{"done": True}]}}, "core step is never skipped"),
        ({"a": {"automatic": "1 h", "reminders": {"every": "1 h", "factor": 0.5}, "then": [{"done": True}]}}, "'reminders' is for steps with 'customer'"),
        ({"a": {"parallel": ["b"], "counts_from": "arrival", "then": [{"done": True}]}, "b": {"automatic": "1 h", "then": [{"join": True}]}}, "'counts_from: arrival' is for steps with 'automatic' or 'customer', not 'parallel'"),
        ({"a": {"customer": "1 h", "unless": [{"after": "1 EUR", "lost": "x"}], "then": [{"done": True}]}}, "time belongs"),
        ({"a": {"customer": "1 h", "then": [{"done": True, "when": "1 == 1"}, {"lost": "x", "share": 1}]}}, "none takes the rest"),
        ({"a": {"automatic": "1 h", "posted": {"at": ["25:00"]}, "then": [{"done": True}]}}, "time of day"),
        ({"a": {"automatic": "1 h", "sets": {"z": "1"}, "then": [{"done": True}]}}, "no attribute 'z'"),
        ({"a": {"automatic": "1 h", "takes": "r", "then": [{"done": True}]}}, "no limit 'r'"),
    ],
)  # fmt: skip
def test_impossible_combinations_are_refused_with_place_and_remedy(steps: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as refused:
        process(steps, limits={"p": {"size": 1}, "q": {"size": 1}})
    assert refused.value.place.startswith(("stages.all.steps.", "limits."))
    assert refused.value.remedy


def test_attributes_that_start_from_each_other_are_refused() -> None:
    with pytest.raises(ScenarioError, match="depends on itself"):
        process({"a": {"automatic": "1 h", "then": [{"done": True}]}}, attributes={"x": {"formula": "y"}, "y": {"formula": "x"}})


def test_a_condition_nobody_meets_is_a_route_that_is_not_there() -> None:
    plain = {"a": {"customer": exp(1), "then": [{"done": True}, {"lost": "x", "share": 0.3}]}}
    guarded = {"a": {"customer": exp(1), "then": [{"done": True}, {"lost": "x", "share": 0.3}, {"lost": "y", "share": 0.2, "when": "visit > 5"}]}}
    a, b = simulate(process(plain, horizon="60 days")), simulate(process(guarded, horizon="60 days"))
    moved = (a.frame["outcome"] != b.frame["outcome"]).mean()
    assert moved == 0
    gain = compare(process(plain, horizon="60 days"), process(guarded, horizon="60 days"), replications=10, engine="compiled")
    assert gain.difference("lost_share").change.value == 0


# --- times that count from the arrival -------------------------------------------------------------------------------


def _closed(first: str, rule: dict[str, Any]) -> float:
    """Days from arrival to the end of a case that answers a step after a time and is then closed by a rule."""
    steps = {"answer": {"customer": first, "then": [{"to": "close"}]}, "close": {"automatic": "31 days", "counts_from": "arrival", **rule, "then": [{"done": True}]}}
    channels = {"in": {"enters": "answer", "segments": {"all": 1}, "replay": ["2026-01-06T10:00:00"]}}
    frame = simulate(process(steps, channels=channels), seed=1).frame
    return float((frame["ended"].iloc[-1] - frame["enabled"].iloc[0]) / np.timedelta64(1, "D"))


def test_a_time_that_counts_from_the_arrival_by_hand() -> None:
    assert _closed("10 days", {}) == 31.0  # 21 days at the step
    assert _closed("31 days", {}) == 31.0
    assert _closed("40 days", {}) == 40.0  # older than 31 days: at once
    assert _closed("20 days", {"at_least": "15 days"}) == 35.0
    assert _closed("10 days", {"at_least": "15 days"}) == 31.0  # 21 days are left, which is more
    assert _closed("10 days", {"factor": "2"}) == 62.0  # the time is doubled, not what is left of it
    assert _closed("10 days", {"unless": [{"after": "20 days", "lost": "expired"}]}) == 30.0  # other ends count from the visit
    assert _closed("10 days", {"versions": [{"name": "sooner", "from": "2026-01-10", "step": {"automatic": "12 days", "counts_from": "arrival", "then": [{"done": True}]}}]}) == 12.0


@pytest.mark.parametrize("n", [0.0, 2.0])
def test_the_later_of_a_deadline_and_what_comes_before_it(n: float) -> None:
    """For exponential T and W, E max(T, W) = t + w - 1 / (1 / t + 1 / w); with a notice of n days W + n is in the place of W."""
    t, w = 4.0, 3.0
    steps = {
        "answer": {"customer": exp(w), "then": [{"to": "close"}]},
        "close": {"customer": exp(t), "counts_from": "arrival", **({"at_least": f"{n} days"} if n else {}), "then": [{"done": True}]},
    }  # fmt: skip
    exact = w + n + t * math.exp(-n / t) * t / (t + w)  # what T is above W + n: beyond n at all, above W, and then memoryless
    assert n or math.isclose(exact, t + w - 1 / (1 / t + 1 / w))
    assert holds([stayed(r) for r in runs(process(steps))], exact)


WORKING = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}], "closed": ["2026-01-14"]}}
"""Tuesday 2026-01-06 is the day on which cases of these tests arrive at ten; Wednesday of the week after is a holiday."""


@pytest.mark.parametrize(
    ("arrived", "days", "ends"),
    [
        ("2026-01-06T10:00", 3, "2026-01-09T10:00"),  # Friday
        ("2026-01-06T10:00", 4, "2026-01-12T10:00"),  # Monday, the weekend left out
        ("2026-01-06T10:00", 6, "2026-01-15T10:00"),  # Thursday, the holiday left out
        ("2026-01-06T10:00", 3.5, "2026-01-09T22:00"),  # half a day more, though the office closes at 17:00
        ("2026-01-09T18:30", 1, "2026-01-12T18:30"),  # after hours, on a day that counts
        ("2026-01-10T11:00", 1, "2026-01-13T00:00"),  # of a Saturday nothing counts: when Monday is over
        ("2026-01-10T11:00", 5, "2026-01-20T00:00"),
        ("2026-01-12T00:00", 2, "2026-01-14T00:00"),  # Wednesday does not count, but its first moment is Tuesday's end
    ],
)
@pytest.mark.parametrize("first", ["30 min", "1 day"])
def test_a_deadline_in_working_days_by_hand(arrived: str, days: float, ends: str, first: str) -> None:
    """However long the answer took; calendar worked out by hand."""
    steps = {
        "answer": {"customer": first, "then": [{"to": "close"}]},
        "close": {"automatic": f"{days} days", "counts_from": "arrival", "counts_in": "days", "calendar": "office", "then": [{"done": True}]},
    }  # fmt: skip
    channels = {"in": {"enters": "answer", "segments": {"all": 1}, "replay": [f"{arrived}:00"]}}
    for engine in ("reference", "compiled"):
        frame = simulate(process(steps, channels=channels, calendars=WORKING), seed=1, engine=engine).frame
        assert frame["ended"].iloc[-1].tz_localize(None) == pd.Timestamp(ends)


def test_working_time_that_counts_from_the_arrival_by_hand() -> None:
    """Arrived on Tuesday 2026-01-06 at ten; the office is open for seven hours of that day, and for eight of others."""
    hours = {"calendar": "office"}
    days = {"calendar": "office", "counts_in": "days"}

    def closed(first: str, time: str, **rule: Any) -> str:
        steps = {"answer": {"customer": first, "then": [{"to": "close"}]}, "close": {"automatic": time, "counts_from": "arrival", **rule, "then": [{"done": True}]}}
        channels = {"in": {"enters": "answer", "segments": {"all": 1}, "replay": ["2026-01-06T10:00:00"]}}
        return f"{simulate(process(steps, channels=channels, calendars=WORKING), seed=1).frame['ended'].iloc[-1]:%m-%d %H:%M}"

    assert closed("1 h", "7 h", **hours) == "01-06 17:00"
    assert closed("1 h", "8 h", **hours) == "01-07 10:00"
    assert closed("20 h", "24 h", **hours) == "01-09 10:00"  # the answer came at six in the morning
    assert closed("4 days", "24 h", **hours) == "01-10 10:00"  # passed: at once, on a Saturday
    assert closed("5 days", "3 days", **days) == "01-11 10:00"
    assert closed("1 day", "3 days", at_least="4 days", **days) == "01-13 10:00"  # four working days after Wednesday
    assert closed("1 day", "3 days", at_least="1 day", **days) == "01-09 10:00"
    assert closed("1 day", "3 days", factor="2", **days) == "01-15 10:00"
    assert closed("1 day", "6 days", unless=[{"after": "3 days", "lost": "expired"}], **days) == "01-12 10:00"  # of the visit, in days that count as well
    visit = {"customer": "3 days", **days, "then": [{"done": True}]}
    channels = {"in": {"enters": "a", "segments": {"all": 1}, "replay": ["2026-01-08T10:00:00"]}}
    assert simulate(process({"a": visit}, channels=channels, calendars=WORKING), seed=1).frame["ended"].iloc[0].tz_localize(None) == pd.Timestamp("2026-01-13T10:00")


def test_days_that_count_are_those_of_the_clocks_on_the_wall() -> None:
    """Clocks change on Sunday 2026-03-29: a week of working days keeps the hour, one of all days does not."""
    steps = {"a": {"automatic": "5 days", "counts_from": "arrival", "counts_in": "days", "calendar": "office", "then": [{"done": True}]}}
    channels = {"in": {"enters": "a", "segments": {"all": 1}, "replay": ["2026-03-25T10:00:00"]}}
    found = process(steps, channels=channels, calendars=WORKING, clock={"time_zone": "Europe/Berlin"})
    assert simulate(found, seed=1).frame["ended"].iloc[0].tz_convert("Europe/Berlin") == pd.Timestamp("2026-04-01T10:00", tz="Europe/Berlin")


def test_a_time_from_the_arrival_goes_with_no_people_and_days_with_a_calendar() -> None:
    with pytest.raises(ScenarioError, match="for steps with 'automatic' or 'customer', not 'work'"):
        process({"a": {"work": "1 h", "by": "t", "counts_from": "arrival", "then": [{"done": True}]}}, teams={"t": {"size": 1}})
    with pytest.raises(ScenarioError, match="add 'counts_from: arrival'"):
        process({"a": {"customer": "1 h", "at_least": "1 h", "then": [{"done": True}]}})
    with pytest.raises(ScenarioError, match="add 'calendar', or remove it to count all days"):
        process({"a": {"customer": "1 day", "counts_from": "arrival", "counts_in": "days", "then": [{"done": True}]}})
    with pytest.raises(ScenarioError, match="'counts_in: days' is for steps with 'automatic' or 'customer', not 'work'"):
        process({"a": {"work": "1 day", "by": "t", "counts_in": "days", "then": [{"done": True}]}}, teams={"t": {"size": 1}})
    other = {"automatic": "1 day", "calendar": "office", "counts_in": "days", "then": [{"done": True}]}
    with pytest.raises(ScenarioError, match="changes 'counts_in'"):
        process({"a": {"automatic": "1 day", "calendar": "office", "versions": [{"name": "v", "from": "2026-02-01", "step": other}], "then": [{"done": True}]}}, calendars=WORKING)
    for words in ("5 business days", "5 working days", "3 个工作日"):
        with pytest.raises(ScenarioError, match="counts working time, which a calendar says; write plain 'days' or 'h' here, with 'calendar' at the step"):
            process({"a": {"customer": words, "then": [{"done": True}]}})
