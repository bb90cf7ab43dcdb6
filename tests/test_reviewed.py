"""What an independent reviewer of the mechanisms found wrong: each case with the arithmetic that says what is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from salessim import engines
from salessim.engines import arrays
from salessim.engines.reference import Reference
from salessim.errors import LimitReached, ScenarioError
from salessim.network import build
from salessim.records import NEVER
from salessim.scenario.formulas import formula
from salessim.units import DAY, HOUR
from tests.test_mechanisms import exp, holds, process, runs

DONE = {"then": [{"done": True}]}


def both(scenario: Any, seed: int = 1) -> tuple[Any, Any]:
    network = build(scenario)
    return Reference(network, seed, 0, True).run(), arrays.run(network, seed, 0, log=True, cases=True)


def equal(scenario: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(*both(scenario), strict=True))


def test_a_branch_finds_customers_in_the_market_of_its_case() -> None:
    steps = {
        "split": {"parallel": ["b"], **DONE},
        "b": {"customer": "1 h", "spawns": [{"kind": "referral", "to": "split", "probability": 1, "after": "1 h", "new_customer": True}], "then": [{"join": True}]},
    }
    channel = {"enters": "split", "segments": {"all": 1}, "arrivals": {"rate": "5 per day"}, "market": "m"}
    scenario = process(steps, horizon="50 days", channels={"in": channel}, markets={"m": {"size": 40}})
    assert equal(scenario)
    assert len(both(scenario)[0].case_time) == 40


def test_a_branch_that_frees_a_place_as_it_ends_frees_it_in_the_same_order() -> None:
    steps = {
        "s1": {"parallel": ["b"], "then": [{"to": "s2"}]},
        "b": {"work": exp(1 / 72), "by": "t", "takes": "l", "then": [{"join": True}]},
        "s2": {"work": "30 min", "by": "t", **DONE},
    }
    scenario = process(steps, teams={"t": {"size": 1, "under_load": {"waiting": 1.5, "pace": 1.4}}}, limits={"l": {"size": 1}}, rate="50 per day", horizon="4 days")
    assert all(np.array_equal(a, b) for seed in range(10) for a, b in zip(*both(scenario, seed), strict=True))


def test_stock_that_is_on_order_at_the_end_of_a_run_is_not_on_the_shelf() -> None:
    """20 pieces that take 30 days to come again: at most 20/30 a day, also in the last 30 days."""
    steps = {
        "pick": {"automatic": "0 s", "takes": "stock", "spawns": [{"kind": "refill", "to": "refill", "probability": 1, "after": "30 days", "passes": "stock"}], **DONE},
        "refill": {"automatic": "0 s", "gives_back": "stock", **DONE},
    }
    run = runs(process(steps, limits={"stock": {"size": 20}}, rate="2 per day", horizon="100 days", clock={"warm_up": "40 days"}), 1)[0]
    picked = run.cases.ended[(run.cases.channel == 0) & (run.cases.ended > 70 * DAY)]
    assert len(picked) <= 20
    assert float(run.totals.held[0]) / (60 * DAY) > 19.5


@pytest.mark.parametrize(("text", "value"), [("(0.2 - 0.5) ^ 2", 0.09), ("(0 - 2) ^ 3", -8.0), ("(0 - 2) ^ -2", 0.25), ("(0 - 2) ^ 0.5", 0.0), ("0 ^ 0", 1.0), ("0 ^ 2", 0.0)])
def test_powers_of_negative_numbers(text: str, value: float) -> None:
    steps = {"s": {"automatic": "1 h", "sets": {"x": text}, **DONE}}
    run = runs(process(steps, attributes={"x": {"starts": 7}}, horizon="5 days"), 1)[0]
    done = run.cases.ended != NEVER
    assert run.cases.marks[done, 0] == pytest.approx(value)
    assert float(formula(text).of_cases(lambda _: 0)) == pytest.approx(value)


def test_a_condition_without_a_share_takes_all_for_whom_it_is_true() -> None:
    steps: dict[str, Any] = {"s": {"automatic": "1 h", "then": [{"to": "z", "when": "q < 0.4"}, {"lost": "x", "share": "30 %"}, {"done": True}]}, "z": {"automatic": "1 h", **DONE}}
    found = runs(process(steps, attributes={"q": {"starts": {"law": "uniform", "low": 0, "high": 1}}}))
    at = found[0].labels.steps.index("z")
    assert all((r.cases.marks[:, 0][r.cases.step == at] < 0.4).all() for r in found)
    assert holds([float(np.mean(r.cases.reason >= 0)) for r in found], 0.6 * 0.3, 0.02)


def test_heads_that_are_not_there_yet_carry_no_load() -> None:
    later = {"joining": [{"count": 8, "date": "2031-01-01"}]}
    steps = {"s": {"work": exp(0.9), "by": "t", **DONE}}
    now, then = (process(steps, teams={"t": {"size": 2, "under_load": {"waiting": 3, "pace": 2}} | more}, rate="2 per day") for more in ({}, later))
    assert np.array_equal(both(now)[1].visit_time, both(then)[1].visit_time)


def test_the_earliest_branch_says_when_a_case_was_answered_and_won() -> None:
    steps = {
        "split": {"parallel": ["x", "y"], **DONE},
        "x": {"automatic": "1 h", "milestone": "won", "then": [{"to": "x2"}]}, "x2": {"automatic": "20 h", "then": [{"join": True}]},
        "y": {"automatic": "10 h", "milestone": "won", "then": [{"join": True}]},
    }
    run = runs(process(steps, horizon="30 days"), 1)[0]
    won = run.cases.won != NEVER
    assert won.all() or (run.cases.born[~won] > run.labels.horizon - HOUR).all()
    assert set((run.cases.won - run.cases.born)[won]) == {HOUR}
    assert equal(process(steps, horizon="30 days"))


def test_what_open_branches_cost_and_reach_counts() -> None:
    """Signed after an hour, then 300 days of something else: each case is won long before its branches have joined."""
    steps = {
        "split": {"parallel": ["x"], **DONE},
        "x": {"automatic": "1 h", "cost": "6 EUR", "milestone": "won", "then": [{"to": "x2"}]}, "x2": {"automatic": "300 days", "then": [{"join": True}]},
    }
    run = runs(process(steps, horizon="100 days"), 1)[0]
    signed = run.cases.born < run.labels.horizon - HOUR
    assert (run.cases.won[signed] != NEVER).all()
    assert set(run.cases.cost[signed]) == {6.0}
    assert equal(process(steps, horizon="100 days"))


def test_a_visit_that_is_skipped_brings_no_case() -> None:
    steps = {"s": {"automatic": "1 h", "adherence": "50 %", "spawns": [{"kind": "child", "to": "c", "probability": 1, "after": "1 h"}], **DONE}, "c": {"automatic": "1 h", **DONE}}
    found = runs(process(steps))
    assert holds([float(np.mean(r.cases.channel == 1) / np.mean(r.cases.channel == 0)) for r in found], 0.5, 0.02)


def test_junk_is_nobody_of_the_market() -> None:
    channel = {"enters": "s", "segments": {"all": 1}, "junk": {"share": "50 %", "segment": "spam"}, "arrivals": {"rate": "40 per day"}, "market": "m"}
    scenario = process({"s": {"automatic": "1 h", "then": [{"lost": "no"}]}}, segments={"all": {}, "spam": {"customer": False}}, markets={"m": {"size": 100}}, channels={"in": channel})
    run = runs(scenario, 1)[0]
    assert int(np.sum(run.cases.segment == run.labels.segments.index("all"))) == 100
    assert equal(scenario)


def test_trying_to_reach_one_who_has_left_is_no_answer() -> None:
    steps = {"s": {"work": "10 h", "by": "t", "patience": "1 h", "silent": 1.0, "attempt": "10 min", "milestone": "response", **DONE}}
    run = runs(process(steps, teams={"t": {"size": 1}}, horizon="60 days"), 1)[0]
    assert int(np.sum(run.cases.responded != NEVER)) == int(np.sum((run.cases.reason < 0) & (run.cases.responded != NEVER)))


def test_no_branches_at_all_and_too_many() -> None:
    steps = {"split": {"parallel": ["b"], "count": "0", **DONE}, "b": {"automatic": "9 days", "then": [{"join": True}]}}
    run = runs(process(steps, horizon="10 days"), 1)[0]
    assert (run.cases.ended == run.cases.born).all()
    assert equal(process(steps, horizon="10 days"))
    steps["split"]["count"] = "2000"
    for engine in ("compiled", "reference"):
        with pytest.raises(LimitReached, match="'split' splits a case into more than 1,023 branches"):
            engines.run(build(process(steps)), seed=1, number=0, engine=engine)


def test_kinds_that_only_a_version_brings_are_sales_where_they_can_be_won() -> None:
    plain = {"automatic": "1 h", "milestone": "won", **DONE}
    steps = {"s": plain | {"versions": [{"name": "v", "from": "2026-01-05", "step": plain | {"spawns": [{"kind": "again", "to": "s", "probability": 0.5, "after": "9 days"}]}}]}}
    labels = build(process(steps)).labels
    assert labels.sells[labels.channels.index("again")]


T = {"teams": {"t": {"size": 1}}}
SPLIT = {"a": {"automatic": "1 h", "takes": "l", "then": [{"to": "split"}]}, "split": {"parallel": ["b"], **DONE}}


@pytest.mark.parametrize(
    ("steps", "more", "said"),
    [
        (SPLIT | {"b": {"automatic": "1 h", "takes": "l", "then": [{"join": True}]}}, {"limits": {"l": {"size": 1}}}, "comes to take another"),
        (SPLIT | {"b": {"automatic": "1 h", "gives_back": "l", "then": [{"join": True}]}}, {"limits": {"l": {"size": 1}}}, "a branch cannot give back"),
        ({"a": SPLIT["a"] | {"then": [{"to": "g"}]}, "g": {"automatic": "1 h", "gather": {"size": 10}, **DONE}}, {"limits": {"l": {"size": 5}}}, "never come together"),
        ({"a": {"automatic": "1 h", "takes": ["l", "l"], "gives_back": "l", **DONE}}, {"limits": {"l": {"size": 5}}}, "comes to take another"),
        ({"a": {"automatic": "1 h", "gives_back": "l", **DONE}}, {"limits": {"l": {"size": 5}}}, "no case that comes here holds a place of 'l'"),
        ({"a": {"automatic": "1 h", "spawns": [{"kind": "k", "to": "a", "probability": 0.1, "after": "1 h", "passes": "l"}], **DONE}}, {"limits": {"l": {"size": 5}}}, "holds a place of 'l'"),
        ({"a": {"automatic": "1 h", "takes": "l", "spawns": [{"kind": "k", "to": "a", "probability": 0.1, "after": "1 h", "passes": "l", "new_customer": True}], **DONE}}, {"limits": {"l": {"size": 5}}}, "not to a new one"),
        ({"a": {"work": "1 h", "by": "t", "serve_first": "waited / 1 h", **DONE}}, T, "'waited' is 0 when a case joins the queue"),
        ({"a": {"automatic": "1 h", **DONE}}, {"attributes": {"outcome": {"starts": 5}}}, "column of the event log"),
        ({"a": {"automatic": "1 h", **DONE}}, {"attributes": {"case_id": {"starts": 5}}}, "column of the event log"),
    ],
)  # fmt: skip
def test_what_could_never_work_is_refused(steps: dict[str, Any], more: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        process(steps, **more)
