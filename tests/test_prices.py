"""What a limit, a core step and a change cost and bring: each interval holds the figure that a formula gives."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from salessim.catalogue import Catalogue
from salessim.cli import main
from salessim.optimisation import Best, optimise, prices
from salessim.optimisation.best import Trial
from salessim.optimisation.limits import parse_limits
from salessim.optimisation.sensitivity import Effect, Sensitivity
from salessim.scenario.loader import to_yaml
from salessim.scenario.model import Scenario
from tests.test_oracles import exponential, line

HOUR = 1 / 24
"""A unit of time of the lines, in days."""


def erlang_a(servers: int, rate: float = 4.0, patience: float = 2.0) -> float:
    """Customers lost in a week of 168 units: a birth-death chain, cut where nobody ever is."""
    weight, weights = 1.0, [1.0]
    for n in range(1, 200):
        weight *= rate / (min(n, servers) + max(0, n - servers) / patience)
        weights.append(weight)
    return 168 * sum(w * max(0, n - servers) / patience for n, w in enumerate(weights)) / sum(weights)


@pytest.fixture(scope="module")
def crew() -> Best:
    """Six people keep a budget, seven would break it by less than a tenth; nine are cheap enough for nobody."""
    base = line([{"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 800, 40)
    base = base.change({"teams.s0 team.cost": "10 EUR/hour", "levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 9]}}})
    return optimise(base, objectives=["lost_customers"], limits=["cost <= 47000 EUR/month", "lost_customers <= 400 per week"], trials=9, replications=4, final=40, seed=2)


def test_the_price_of_a_limit_is_what_erlang_a_says(crew: Best) -> None:
    assert crew.settings == {"crew": 6}
    budget, service = crew.prices
    assert budget.looser.bound == pytest.approx(51_700)
    assert budget.against is not None
    change = budget.against.difference("lost_customers").change
    assert change.low <= erlang_a(7) - erlang_a(6) <= change.high < 0
    assert budget.against.difference("cost").change.value == pytest.approx(10 * 24 * 30.4375)  # one more person
    assert "Not offered: it breaks the limit." in budget.sentence(crew.objectives)
    assert service.against is None  # far from binding
    assert "does not bind" in service.sentence(crew.objectives)
    assert "What limits and core steps cost" in crew.further()


def test_a_recommendation_says_from_which_figure_to_which(crew: Best) -> None:
    """A change of 100 a week means nothing to a planner who does not know of how many."""
    found = re.search(r"lost customers -[\d.]+ per week \(.*?\), from ([\d.]+) to ([\d.]+)", crew.sentences()[1])
    assert found is not None
    assert [float(x) for x in found.groups()] == pytest.approx([erlang_a(4), erlang_a(6)], rel=0.05)


@pytest.mark.parametrize(("other", "binds"), [(0.9, True), (1.0, False), (1.1, False)])
def test_what_fresh_runs_do_not_find_better_makes_no_limit_bind(other: float, binds: bool) -> None:
    """In the search's few runs the dearer design had the better score; on fresh ones it may not."""
    [limit] = parse_limits(["cost <= 100 EUR/month"], Catalogue({}, "EUR"))
    cheap, dear = Trial(1, {"a": 0}, ("cheap",), {limit.key: 90.0}, None, True), Trial(2, {"a": 1}, ("dear",), {limit.key: 105.0}, None, False)
    score = {0: np.full(8, 1.0), 1: np.full(8, other)}
    fresh = SimpleNamespace(of=lambda settings, purpose, runs: settings["a"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prices, "Comparison", lambda both: both)
        price = prices._price(fresh, cheap, [cheap, dear], limit, [], lambda t: (-float(t.number), 1), score.__getitem__, 8)  # type: ignore[arg-type]  # trials, runs and limits stand in for the real ones: only what the price asks of them
    assert (price.against is not None) == binds
    assert binds or "does not bind" in price.sentence(["cost"])


def test_designs_that_fresh_runs_do_not_tell_apart_are_told_once() -> None:
    """Sizes of a team differ by far more than a hundredth in what they cost; a design that differs in nothing that is measured is the same to a planner."""
    base = line([{"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 400, 40)
    base = base.change({"teams.s0 team.cost": "10 EUR/hour", "levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 9]}}})
    best = optimise(base, objectives=["lost_customers", "cost"], trials=7, replications=4, final=20, seed=2)
    assert best.listed == list(best.shown)
    others = [s for s in best.listed if s.words and s.settings != best.settings]
    assert others
    twin = replace(others[-1], settings={"crew": 99}, told=True)
    assert replace(best, shown=(*best.shown, twin)).listed == best.listed
    assert twin not in replace(best, shown=(*best.shown, twin)).beside


def test_steps_that_matter_too_little_stand_in_one_line() -> None:
    """Ten thousandths of a day are told from none by paired runs, and from what a planner would change a process for as well."""
    words = {"a": "negligible", "b": "the same", "c": "negligible"}
    left = tuple(Effect(n, n.upper(), SimpleNamespace(word=lambda _, word=word: word)) for n, word in words.items())  # type: ignore[arg-type]  # a comparison of which only its word is asked for
    assert Sensitivity((), (), left).told_of_left(["cycle_time"]) == ["Too little to matter, each by itself: A; C.", "Exactly the same in every run: B."]


def ample(core: bool = False, **more: Any) -> Scenario:
    """Three steps of 2, 3 and 4 units with more people than cases, so that times add up."""
    scenario = line([{"c": 80, "law": exponential(m)} for m in (2, 3, 4)], 3, 1000, 40).change({"teams.s1 team.cost": "10 EUR/hour"})
    return scenario.change({**({"steps.s1.core": True} if core else {}), **more})


def test_the_price_of_a_core_step_is_its_time() -> None:
    base = ample(core=True, levers={"faster": {"field": "steps.s0.work", "choice": [exponential(2), exponential(1)]}})
    best = optimise(base, objectives=["cycle_time"], trials=3, replications=3, final=40, seed=1)
    assert best.changed
    (core,) = best.core
    assert core.against is not None
    change = core.against.difference("cycle_time").change
    assert change.low <= -3 * HOUR <= change.high
    assert core.sentence(best.objectives).endswith("Not offered: it is core.")
    assert "s1" in best.scenario.steps
    assert best.scenario.steps["s1"].core
    assert not best.scenario.overrides


def test_changes_that_add_up_and_changes_that_do_not() -> None:
    """Two levers at two steps add up. Two that each halve the same time bring 1/2 + 1/4 of it together, not 1/2 + 1/2: a quarter is missing."""
    halves = {"a": {"effects": [{"field": "steps.s2.work", "factor": 0.5}]}, "b": {"effects": [{"field": "steps.s2.work", "factor": 0.5}]}, "c": {"field": "steps.s0.work", "choice": [exponential(2), exponential(1)]}}
    best = optimise(ample(levers=halves), objectives=["cycle_time"], trials=14, replications=3, final=60, seed=4)
    assert best.settings["a"] is best.settings["b"] is True
    assert best.matters is not None
    exact = {"a": -1 * HOUR, "b": -1 * HOUR, "c": -1 * HOUR}  # taken back alone: from 1 to 2 units
    assert {e.lever for e in best.matters.effects} == set(exact)
    for effect in best.matters.effects:
        assert effect.against is not None
        change = effect.against.difference("cycle_time").change
        assert change.low <= exact[effect.lever] <= change.high < 0
    found = {frozenset(i.levers): i.beyond["cycle_time"] for i in best.matters.interactions}
    assert len(found) == 3
    for levers, e in found.items():
        assert e.low <= (1 * HOUR if levers == {"a", "b"} else 0.0) <= e.high
    assert found[frozenset("ab")].low > 0
    told = best.further()
    assert any("beyond the sum of both, cycle time" in x for x in told["What changes bring together"])
    assert sum("no more and no less than the sum of both" in x for x in told["What changes bring together"]) == 2


def test_a_core_step_that_the_process_cannot_do_without_has_no_price() -> None:
    data = ample(core=True)
    steps = {"steps.s1.milestone": "won"}
    best = optimise(data.change({**steps, "levers": {"faster": {"field": "steps.s0.work", "choice": [exponential(2), exponential(1)]}}}), objectives=["cycle_time"], trials=3, replications=2, final=10, seed=1)
    (core,) = best.core
    assert core.against is None
    assert core.why == "it is the milestone 'won'"


def test_all_of_it_stands_in_the_json_and_on_the_page(tmp_path: Path) -> None:
    base = ample(core=True, levers={"faster": {"field": "steps.s0.work", "choice": [exponential(2), exponential(1)]}, "also": {"field": "steps.s2.work", "choice": [exponential(4), exponential(2)]}})
    (tmp_path / "m.yaml").write_text(to_yaml(base))
    result = CliRunner().invoke(
        main, ["optimise", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "out"), "--objective", "cycle_time", "--objective", "wip", "--limit", "P(cycle_time <= 2 d) >= 80 %", "--trials", "14", "-n", "3", "--final", "12", "--quiet", "--json"]
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {e["lever"] for e in told["effects"]} == {"faster", "also"}
    assert told["effects"][0]["differences"]["cycle_time"]["verdict"] == "better"
    assert told["core"][0]["step"] == "s1"
    assert told["checks"][0]["verdict"] == "kept"
    assert told["prices"][0]["binds"] is False
    assert {s["label"] for s in told["shown"]} <= {"in", "out", "undecided"}
    assert any(s["label"] == "in" and s["settings"] == told["settings"] for s in told["shown"])
    page = (tmp_path / "out" / "report.html").read_text()
    for said in ("What each change brings", "What limits and core steps cost", "The designs that were tried"):
        assert said in page


def test_the_price_of_a_person_is_what_erlang_a_says() -> None:
    """A limit on head count is met by refusal, so that who is over it was never run: its price is run all the same, one person being the least step."""
    base = line([{"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 800, 40)
    base = base.change({"teams.s0 team.cost": "10 EUR/hour", "levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 9]}}})
    best = optimise(base, objectives=["lost_customers"], limits=["head_count <= 6"], trials=7, replications=4, final=40, seed=2)
    assert best.settings == {"crew": 6}
    assert {t.settings["crew"] for t in best.trials if t.refused} == {7, 8, 9}
    (price,) = best.prices
    assert price.looser.bound == 7
    assert price.against is not None
    exact = erlang_a(7) - erlang_a(6)
    change = price.against.difference("lost_customers").change
    assert change.low <= exact <= change.high < 0
    each = price.each("lost_customers")
    assert each is not None
    assert price.step == 1
    assert (each.value, each.low, each.high) == pytest.approx((change.value, change.low, change.high))  # one person more is one person more
    assert "If the limit were head count at most 7 people, by one person looser" in price.sentence(best.objectives)
    assert "that is for one person more of head count: lost customers" in price.sentence(best.objectives)


def test_the_price_for_each_unit_of_a_budget(crew: Best) -> None:
    """A person costs 10 EUR an hour, 7,305 EUR a month: what one brings, divided by that, for each 1,000 EUR."""
    budget, _ = crew.prices
    each = budget.each("lost_customers")
    assert each is not None
    assert budget.step == 1000
    exact = (erlang_a(7) - erlang_a(6)) / (10 * 24 * 30.4375) * 1000
    assert each.low <= exact <= each.high < 0


def test_a_looser_limit_is_used_by_more_than_one_lever() -> None:
    """Two stations alike: what one step further brings is what theory and runs find, not only a neighbour of the design."""
    base = line([{"c": 4, "law": exponential(1), "patience": exponential(2)}, {"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 600, 40)
    base = base.change({"levers": {f"crew{i}": {"field": f"teams.s{i} team.size", "integer": [3, 20]} for i in (0, 1)}})
    best = optimise(base, objectives=["lost_customers"], limits=["staff_hours <= 1700 h/week"], trials=12, replications=4, final=30, seed=2)
    assert sum(best.settings.values()) == 10
    (price,) = best.prices
    assert price.against is not None
    assert price.against.difference("head_count").change.value == 1  # 1,870 hours are 11 people of 168
    assert price.step == 100


def test_levers_that_are_left_alone_are_asked_about() -> None:
    """A step of a lever at a step that nobody comes to does nothing; one that makes work longer by a unit costs a unit; one more person where there are plenty changes the head count only."""
    levers = {
        "faster": {"field": "steps.s0.work", "choice": [exponential(2), exponential(1)]},
        "slower": {"field": "steps.s2.work", "choice": [exponential(4), exponential(5), exponential(6)]},
        "crew": {"field": "teams.s1 team.size", "integer": [80, 82]},
    }
    best = optimise(ample(levers=levers), objectives=["cycle_time"], trials=18, replications=3, final=30, seed=4)
    assert {n for n, s in best.settings.items() if s != best.today.levers[n].settings()[0]} == {"faster"}
    assert best.matters is not None
    left = {e.lever: e for e in best.matters.left}
    assert list(left) == ["slower", "crew"], "the strongest first; what was pulled stands elsewhere"
    slower, crew = (left[n].against for n in ("slower", "crew"))
    assert slower is not None
    assert crew is not None
    change = slower.difference("cycle_time").change
    assert change.low <= HOUR <= change.high, "one step, not all the way"
    assert change.low > 0
    assert crew.difference("cycle_time").verdict == "the same"
    assert crew.difference("head_count").change.value == 1
    lines = best.further()["What one step of the other levers would do"]
    assert "cycle time to win, mean +" in lines[0]
    assert lines[-1].startswith("Exactly the same in every run: ")
    assert len(slower.base.numbers) == 10


def test_levers_are_asked_about_where_nothing_is_recommended(tmp_path: Path) -> None:
    base = ample(levers={"slower": {"field": "steps.s2.work", "choice": [exponential(4), exponential(5)]}, "crew": {"field": "teams.s1 team.size", "integer": [2, 80]}})
    (tmp_path / "m.yaml").write_text(to_yaml(base))
    asked = ["optimise", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "out"), "--objective", "cycle_time", "--limit", "head_count <= 200", "--trials", "3", "-n", "2", "--final", "6", "--quiet", "--json"]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 3, result.output
    told = json.loads(result.stdout)
    assert not told["changed"]
    assert {e["lever"] for e in told["left_alone"]} == {"slower", "crew"}
    assert "What one step of the other levers would do" in (tmp_path / "out" / "report.html").read_text()
