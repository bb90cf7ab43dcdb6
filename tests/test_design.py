"""Changing a design: levers, comparisons, the search, and what must not move when something else does."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from salessim import engines
from salessim.catalogue import Catalogue
from salessim.engines.reference import Reference
from salessim.errors import InputError, ScenarioError
from salessim.experiment import compare, replicate, replicate_until
from salessim.network import build
from salessim.optimisation import optimise
from salessim.optimisation.evaluation import pareto
from salessim.optimisation.limits import parse_limit, parse_limits
from salessim.scenario.levers import apply
from salessim.scenario.model import Scenario
from salessim.scenario.traffic import loads
from tests.models import random_scenario
from tests.test_measures import sales


@pytest.fixture(scope="module")
def base() -> Scenario:
    return Scenario.load(Path(__file__).parent.parent / "scenarios" / "b2b.yaml")


def test_b2b_says_what_the_issue_asks(base: Scenario) -> None:
    assert len(base.stages) == 7
    assert len(base.steps) >= 15
    assert (len(base.teams), len(base.channels), len(base.segments)) == (7, 3, 3)


def test_b2b_can_staff_every_team_and_has_six_automations_and_four_simplifications(base: Scenario) -> None:
    kinds = {name: lever.KEY for name, lever in base.levers.items()}
    assert {getattr(base.levers[n], "add_staff", None) for n, kind in kinds.items() if kind == "add_staff"} == set(base.teams)
    assert sum(kind in ("automate", "sign_electronically") for kind in kinds.values()) == 6
    assert sum(kind in ("remove", "approve_by_rule", "effects", "field") for kind in kinds.values()) == 4
    assert len(kinds) == len(base.teams) + 6 + 4


def test_every_prior_of_b2b_has_its_origin(base: Scenario) -> None:
    for name, step in base.steps.items():
        if step.kind != "customer" or not isinstance(step.time, str):
            assert step.time.source or step.time.assumption, name
        for route in step.then:
            if route.share is not None:
                assert route.source or route.assumption, (name, route)
        for spawn in step.spawns:
            assert spawn.source or spawn.assumption, (name, spawn.kind)
    for part in (*base.teams.values(), *base.segments.values(), *base.levers.values(), *base.channels.values()):
        assert part.source or part.assumption, part


def test_words_survive_a_round_trip(base: Scenario, tmp_path: Path) -> None:
    base.save(tmp_path / "copy.yaml")
    again = Scenario.load(tmp_path / "copy.yaml")
    assert again.hash == base.hash
    assert again == base


def test_the_order_of_declaration_does_not_matter() -> None:
    for seed in range(12):
        scenario = random_scenario(seed)
        data = scenario.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        for part in ("teams", "segments", "channels", "calendars"):
            data[part] = dict(reversed(data.get(part, {}).items()))
        steps = data["stages"]["all"]["steps"]
        data["stages"]["all"]["steps"] = dict(reversed(steps.items()))
        for step in steps.values():
            step["then"] = step["then"][::-1]
        other = Scenario.parse(data)
        assert other.hash == scenario.hash
        a, b = (Reference(build(s), 1, 0, True).run() for s in (scenario, other))
        assert all(np.array_equal(x, y) for x, y in zip(a, b))


def test_adding_a_step_leaves_all_other_draws_as_they_were() -> None:
    def chain(*names: str) -> Scenario:
        steps = {n: {"work": {"law": "lognormal", "mean": "1 h", "cv": 1}, "by": f"{n} team", "then": [{"to": m} if (m := dict(pairwise(names)).get(n)) else {"done": True}]} for n in names}
        return Scenario.parse(
            {"name": "chain", "clock": {"start": "2026-01-01", "horizon": "30 days"}, "teams": {f"{n} team": {"size": 500} for n in names}, "segments": {"all": {}},
             "channels": {"in": {"enters": names[0], "segments": {"all": 1}, "arrivals": {"rate": "20 per day"}}}, "stages": {"s": {"steps": steps}}}
        )  # fmt: skip

    def work(scenario: Scenario) -> dict[tuple[int, str], int]:
        log = engines.run(build(scenario), seed=3, engine="compiled", log=True).log
        assert log is not None
        done = log.frame[log.frame["outcome"] != "open"]
        return {(c, s): int((e - b).value) for c, s, b, e in zip(done["case"], done["step"], done["started"], done["ended"])}

    short, long = work(chain("a", "b")), work(chain("a", "between", "b"))
    shared = [k for k in short if k in long and k[0] < 400]
    assert len(shared) > 700
    assert all(short[k] == long[k] for k in shared)


def test_replication_37_alone_is_replication_37(base: Scenario) -> None:
    short = base.change({"clock.horizon": "20 weeks"})
    many, one = replicate(short, range(36, 39), seed=4), replicate(short, [37], seed=4)
    for name in one.names:
        assert np.array_equal(many.pairs[name][1], one.pairs[name][0], equal_nan=True)


def test_a_lever_that_is_off_is_the_same_object(base: Scenario) -> None:
    assert apply(base, {"more sdr": 0, "quote tool": False, "no second check": False}) is base


def test_levers_do_what_they_say(base: Scenario) -> None:
    more = apply(base, {"more sdr": 2})
    assert more.teams["sdr"].size == base.teams["sdr"].size + 2
    assert str(more.costs["lever more sdr"].one_off) == "8000 EUR"
    without = apply(base, {"no second check": True})
    assert "check quote" not in without.steps
    assert [r.to for r in without.steps["prepare quote"].then] == ["customer decides"]
    tool = apply(base, {"quote tool": True})
    assert tool.steps["prepare quote"].automation is not None
    assert str(tool.costs["lever quote tool"].running) == "1900 EUR/month"
    faster = apply(base, {"first touch time": 11 * 60e6})
    assert faster.steps["first response"].time.mean == pytest.approx(11 * 60e6)


def test_core_steps_are_untouchable(base: Scenario) -> None:
    for lever in ({"remove": "approve"}, {"automate": "approve", "time": "1 min"}, {"merge": ["approve", "negotiate"], "time": "1 h"}):
        with pytest.raises(ScenarioError, match="core step"):
            base.change({"levers": {"cut": lever}})


def test_merging_two_steps(base: Scenario) -> None:
    merged = apply(base.change({"levers": {"one": {"merge": ["prepare quote", "check quote"], "time": "2.5 h"}}}), {"one": True})
    assert "check quote" not in merged.steps
    assert {r.to for r in merged.steps["prepare quote"].then} == {"prepare quote", "customer decides"}


def test_a_scenario_compared_with_itself_differs_by_exactly_zero(base: Scenario) -> None:
    short = base.change({"clock.horizon": "24 weeks"})
    same = compare(short, short.change({}, name="twin"), replications=4, seed=9)
    for name in same.base.names:
        change = same.difference(name).change
        assert np.isnan(change.value) or change.low == change.high == 0.0


def test_common_random_numbers_save_replications(base: Scenario) -> None:
    short = base.change({"clock.horizon": "30 weeks"})
    gain = compare(short, short.change({"teams.managers.size": 2}), replications=12, seed=2)
    assert gain.difference("lost_customers").variance_reduction > 3


def test_replicating_to_a_precision(base: Scenario) -> None:
    short = base.change({"clock.horizon": "24 weeks"})
    results = replicate_until(short, "lost_customers", 0.02, relative=True, seed=1, most=200)
    e = results.estimate("lost_customers")
    assert e.half_width <= 0.02 * e.value
    assert e.n >= 20


def test_the_same_seed_finds_the_same_design_whatever_the_workers(base: Scenario) -> None:
    short = base.change({"clock.horizon": "24 weeks"})
    found = [optimise(short, trials=14, replications=2, final=6, seed=5, workers=w) for w in (1, 2)]
    assert [t.settings for t in found[0].trials] == [t.settings for t in found[1].trials]
    assert found[0].settings == found[1].settings
    assert found[0].scenario.hash == found[1].scenario.hash


def test_unstable_designs_are_refused_before_they_run() -> None:
    """60 calls of 5 h a week and some deliveries: 324 h, too much for one desk that never closes (168 h)."""
    scenario = sales(**{"steps.call.work": "5 h", "clock.horizon": "20 weeks", "levers": {"crew": {"field": "teams.desk.size", "integer": [1, 4]}}})
    best = optimise(scenario, trials=6, replications=2, final=4, seed=1)
    refusals = {t.settings["crew"]: t.refused for t in best.trials}
    assert refusals[3] is None
    assert refusals[1] is not None
    assert "team desk would need 19" in refusals[1]


def test_what_gives_up_before_is_no_reason_to_refuse() -> None:
    """The desk is asked for 107 % by those who would all stay, but a third gives up before it: one more elsewhere may be tried."""
    steps = {
        "call": {"work": "2 h", "by": "first", "patience": {"law": "exponential", "mean": "1 h"}, "then": [{"to": "desk"}]},
        "desk": {"work": "3 h", "by": "desk", "patience": "none", "then": [{"done": True}]},
    }
    scenario = Scenario.parse(
        {"name": "two desks", "clock": {"start": "2026-01-05", "horizon": "30 weeks", "warm_up": "2 weeks"}, "segments": {"all": {}},
         "teams": {"first": {"size": 1, "cost": "30 EUR/hour"}, "desk": {"size": 1, "cost": "30 EUR/hour"}},
         "channels": {"in": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "60 per week"}}}, "stages": {"s": {"steps": steps}},
         "levers": {"faster": {"field": "steps.call.work", "choice": ["2 h", "2.2 h"]}}}
    )  # fmt: skip
    assert {r.team: round(r.load, 2) for r in loads(scenario, sure=True)}["desk"] == 1.07
    best = optimise(scenario, trials=3, replications=2, final=4, seed=1)
    assert all(t.refused is None for t in best.trials)
    assert len(best.distinct) == 2


def test_pareto_front_by_hand() -> None:
    points = [np.array(p, float) for p in ((1, 5), (2, 2), (3, 3), (5, 1), (2, 2))]
    assert pareto(points) == [0, 1, 3, 4]


BUILT_IN = Catalogue({}, "EUR")


def test_limits_in_words() -> None:
    for name, text, bound in (
        ("cost", "<= 90000/month", 90000), ("cost", "<= 12 EUR/hour", 12 * 24 * 30.4375), ("lost_customers", "<= 7", 7), ("lost_customers", "<= 2 per day", 14),
        ("cycle_time", "<= 3 weeks", 21), ("response_time", "<= 2 days", 48), ("win_rate", ">= 12 %", 12), ("cost_per_win", "<= 800 EUR", 800),
    ):  # fmt: skip
        limit = parse_limit(name, text, BUILT_IN)
        assert limit.bound == pytest.approx(bound), (name, text)
        assert limit.upper == text.startswith("<")
    lower = parse_limit("win_rate", ">= 12 %", BUILT_IN)
    assert (lower.holds(13), lower.holds(11), lower.holds(float("nan"))) == (True, False, False)
    assert lower.excess(6) == pytest.approx(0.5)
    assert [x.words for x in parse_limits(["cost <= 9000/month", "win_rate >= 10 %"], BUILT_IN)] == ["cost at most 9,000 EUR/month", "win rate at least 10 %"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("cost", "<= 90000 USD/month", "is not in EUR"), ("win_rate", "<= nan", "is not a share"), ("cycle_time", "<= 3 EUR", "unknown unit"), ("lost_customers", "<= 20 apples", "does not say per what"),
     ("cost", "90000", "is not a limit"), ("costs", "<= 1", "did you mean 'cost'"), ("cycle_time", "<= 10,5", "sets no thousands apart"), ("win_rate", ">= 10,5 %", "sets no thousands apart"),
     ("wip", "<= 1 5", "sets no thousands apart"), ("wip", "<= 30 persons", "is not a number of cases"), ("win_rate", ">= 140 %", "is not between"), ("cost", ">= -5", "is negative"), ("cycle_time", "<= ", "is not a limit")],
)  # fmt: skip
def test_limits_that_are_none(name: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_limit(name, text, BUILT_IN)
