"""The analytic screen against Jackson and Erlang, the decoded space against its limits, and the race against its promise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salessim.catalogue import catalogue
from salessim.engines import Engine
from salessim.errors import RunLost
from salessim.executors import Here, Task
from salessim.experiment import Row, Simulating, replicate
from salessim.library import template, templates
from salessim.optimisation import optimise
from salessim.optimisation.approximation import Approximation
from salessim.optimisation.evaluation import BLOCK, FIRST, Evaluator
from salessim.optimisation.fresh import ASKING, COMPARING, SELECTING, SPARING
from salessim.optimisation.limits import parse_limits
from salessim.optimisation.screen import Screen
from salessim.optimisation.space import space_of
from salessim.queueing import erlang_c, impatient, mean_wait
from salessim.reporting import figures
from salessim.scenario.model import Scenario
from salessim.units import DAY, HOUR, MONTH
from tests.test_oracles import exponential, hours, line
from tests.test_search_methods import CONDITIONAL
from tests.test_search_methods import line as two_stations


@pytest.mark.parametrize(("arrive", "serve", "c", "wait", "wq"), [(1.5, 1, 2, 0.64285714, 1.28571429), (9, 1, 10, 0.66873152, 0.66873152), (18, 2, 10, 0.66873152, 0.33436576), (100, 1, 110, 0.23700750, 0.02370075)])
def test_o02_erlang_c(arrive: float, serve: float, c: int, wait: float, wq: float) -> None:
    assert erlang_c(c, arrive / serve) == pytest.approx(wait, abs=1e-8)
    assert mean_wait(c, arrive, 1 / serve) == pytest.approx(wq, abs=1e-8)


@pytest.mark.parametrize(("load", "scv", "wq"), [(0.8, 0.0, 2.0), (0.8, 0.5, 3.0), (0.8, 4.0, 10.0), (0.7, 1.5**2, 3.79166667), (0.9, 0.25, 5.625)])
def test_o06_pollaczek_khinchine(load: float, scv: float, wq: float) -> None:
    assert mean_wait(1, load, 1.0, scv) == pytest.approx(wq, abs=1e-8)


@pytest.mark.parametrize(
    ("arrive", "c", "leave", "gone", "wait"),
    [(1, 1, 1, 0.36787944, 0.36787944), (4, 4, 0.5, 0.16292624, 0.32585247), (10, 10, 0.5, 0.10391321, 0.20782642), (12, 10, 0.5, 0.19565594, 0.39131189), (100, 100, 1, 0.03986100, 0.0398610), (20, 15, 0.2, 0.25036384, 1.2518192)],
)  # fmt: skip
def test_o05_erlang_a(arrive: float, c: int, leave: float, gone: float, wait: float) -> None:
    assert impatient(c, arrive, 1.0, leave) == pytest.approx((gone, wait), abs=2e-8)


def test_between_whole_numbers_of_people_waits_lie_between() -> None:
    assert mean_wait(3, 2.5, 1.0) > mean_wait(3.5, 2.5, 1.0) > mean_wait(4, 2.5, 1.0)
    assert math.isinf(mean_wait(2.5, 2.5, 1.0))
    assert impatient(0.5, 1.0, 1.0, 2.0)[1] == pytest.approx((0.5 + impatient(1, 1.0, 1.0, 2.0)[1]) / 2)


def test_o08_jackson_with_feedback() -> None:
    """Total in the system 5.27222982, an hour being the unit; the third node sends back 30 %."""
    routes = {"s0": [{"to": "s1", "share": 0.8}, {"done": True}], "s1": [{"to": "s2", "share": 0.6}, {"done": True}], "s2": [{"to": "s1", "share": 0.3}, {"done": True}]}
    found = Approximation(line([{"c": 1, "law": exponential(1 / m)} for m in (1.5, 1.5, 1)], 1.0, 1000, 100, routes)).predict()
    assert found.values["wip"] == pytest.approx(5.27222982, abs=1e-7)
    assert found.values["time_in_process"] == pytest.approx(5.27222982 * HOUR / DAY, abs=1e-7)
    assert found.loads["s1 team"] == pytest.approx(0.97560976 / 1.5)


def test_customers_who_leave_lighten_what_comes_after() -> None:
    """Erlang A at the first station; the second sees only those who stayed, as Poisson arrivals by assumption."""
    found = Approximation(line([{"c": 4, "law": exponential(1), "patience": exponential(2)}, {"c": 5, "law": exponential(1)}], 4.0, 1000, 100)).predict()
    stayed = 4.0 * (1 - 0.16292624)
    assert found.values["gave_up"] == pytest.approx((4.0 - stayed) * 168, rel=1e-6)
    assert found.values["queue"] == pytest.approx(4.0 * 0.32585247 + stayed * mean_wait(5, stayed, 1.0), rel=1e-6)
    assert found.loads == pytest.approx({"s0 team": 0.0, "s1 team": stayed / 5}, rel=1e-6)


def test_the_time_to_win_is_that_of_the_winners() -> None:
    """Those lost at the second station are not waited for; a winner takes four services on average: 1 + 1/(1 - 0.5) + 1."""
    routes = {"s0": [{"to": "s1", "share": 0.5}, {"lost": "no"}], "s1": [{"to": "s1", "share": 0.5}, {"to": "s2"}], "s2": [{"done": True}]}
    base = line([{"c": 50, "law": exponential(1)}] * 3, 1.0, 1000, 100, routes).change({"steps.s2.milestone": "won"})
    found = Approximation(base).predict().values
    assert found["cycle_time"] * DAY / HOUR == pytest.approx(4.0, abs=1e-6)
    assert found["win_rate"] == pytest.approx(50.0)
    assert found["lost_customers"] == pytest.approx(0.5 * 168)


def crew(space: Any, a: int, b: int) -> dict[str, Any]:
    return space.today | {"staff a": a, "staff b": b}


def test_the_screen_finds_the_exact_optimum_under_a_budget() -> None:
    """36 crews of two M/M/c stations: theory's best is the best by the formulas, and so are those that follow."""
    base = two_stations()
    space = space_of(base)
    limit = f"cost <= {100 * MONTH / HOUR * (1 + 1e-9)!r} EUR/month"
    screen = Screen(space, ("cycle_time",), parse_limits([limit], catalogue(base)))
    exact = {(a, b): mean_wait(a, 5 / 24, 9) + mean_wait(b, 5 / 24, 9) for a, b in itertools.product(range(1, 7), repeat=2) if 10 * a + 20 * b <= 100}
    best = sorted((w, crew) for crew, w in exact.items() if math.isfinite(w))
    assert [(s["staff a"], s["staff b"]) for s in screen.starts(3)] == [crew for _, crew in best if crew != (3, 3)][:3]


def test_a_draw_is_decoded_to_the_budget_and_to_teams_that_keep_up() -> None:
    base = two_stations()
    space = space_of(base)
    limit = f"cost <= {100 * MONTH / HOUR * (1 + 1e-9)!r} EUR/month"
    screen = Screen(space, ("cycle_time",), parse_limits([limit], catalogue(base)))
    for a, b in itertools.product(range(1, 7), repeat=2):
        now = screen.decoded(crew(space, a, b))
        assert 10 * now["staff a"] + 20 * now["staff b"] <= 100
        assert min(now["staff a"], now["staff b"]) >= 2  # 1.875 are busy at each
        if 10 * a + 20 * b <= 100 and min(a, b) >= 2:
            assert now == crew(space, a, b)


def test_levers_that_need_or_exclude_others_are_kept_together_when_decoded() -> None:
    space = space_of(two_stations(**CONDITIONAL))
    screen = Screen(space, ("cycle_time",), ())
    for tool, second, course in itertools.product((False, True), repeat=3):
        now = screen.decoded(space.today | {"tool": tool, "second tool": second, "course": course})
        assert not (now["second tool"] and not now["tool"])
        assert not (now["course"] and now["tool"])


class Sharing(Here):
    """Workers that are programs of their own, as it were; after so many approximations they die."""

    apart = True

    def __init__(self, most: int) -> None:
        super().__init__()
        self.workers, self.most, self.done = 2, most, 0

    def several(self, task: Task, wanted: Iterable[tuple[Any, Sequence[int]]], planned: int, seed: int, engine: str) -> Iterator[Any]:
        for found in super().several(task, wanted, planned, seed, engine):
            if self.done == self.most:
                raise RunLost("workers died")
            self.done += 1
            yield found


@pytest.mark.parametrize("most", [0, 3, 1000])
def test_workers_share_what_theory_says_of_designs_and_nothing_else_changes(b2b: Path, most: int) -> None:
    space = space_of(Scenario.load(b2b))
    alone = Screen(space, ("cycle_time_first", "lost_customers"), ())
    shared = Screen(space_of(Scenario.load(b2b)), ("cycle_time_first", "lost_customers"), (), executor=(workers := Sharing(most)))
    assert shared.starts(12) == alone.starts(12)
    assert list(shared._structures) == list(alone._structures)
    assert workers.done == most if most < 1000 else workers.done > 0.9 * len(alone._structures)


def test_a_limit_that_theory_cannot_judge_is_left_to_simulation() -> None:
    base = two_stations()
    screen = Screen(space_of(base), ("delivery_time",), parse_limits(["response_time <= 3 h"], catalogue(base)))
    assert screen.starts(5) == []
    assert screen.rank(screen.space.today)[:2] == (0.0, 0.0)
    assert screen.gap(crew(screen.space, 6, 6), screen.space.today) == 0.0


def test_spaces_beyond_ten_to_the_ten_are_counted_and_searched() -> None:
    base = two_stations(**{f"staff {t}{i}": {"field": f"teams.{t}.size", "integer": [1, 90_000]} for t in "ab" for i in range(1)}, tool={"automate": "first", "share": 0.5, "time": "1 h", "assumption": "so"},
                        tool2={"automate": "second", "share": 0.5, "time": "1 h", "assumption": "so"})  # fmt: skip
    space = space_of(base)
    assert space.possible == 90_000**2 * 4 > 10**10
    best = optimise(base, objectives=["cycle_time"], limits=["cost <= 80000 EUR/month"], trials=6, replications=2, final=4, workers=1)
    assert best.designs == 90_000**2 * 4
    assert all(t.refused is None for t in best.trials)


def test_an_unstable_design_is_refused_with_the_numbers() -> None:
    base = two_stations()
    space = space_of(base)
    evaluate = Evaluator(space, ("cycle_time",), (), 2, 0, 1)
    evaluate(0, space.today)
    trial = evaluate(1, crew(space, 1, 3))
    assert trial.refused is not None
    assert trial.values is None
    assert "team a would need 188 % of its time (315.0 of 168.0 h a week)" in trial.refused
    assert evaluate.spent == 2


def evaluator(replications: int = 4) -> Evaluator:
    return Evaluator(space_of(two_stations()), ("cycle_time",), (), replications, 0, 1)


def test_what_is_surely_worse_is_given_up_after_few_runs_and_its_figure_is_reckoned_from_the_rival() -> None:
    evaluate = evaluator()
    space = evaluate.space
    good = evaluate(0, crew(space, 6, 6))
    bad = evaluate(1, crew(space, 2, 2))
    assert not good.given_up
    assert bad.given_up
    ran = evaluate.spent - 4
    assert FIRST <= ran < 4
    design, rival = (space.design(crew(space, n, n)) for n in (2, 6))
    own, other = (replicate(s, range(4), seed=0, engine="compiled", workers=1) for s in (design, rival))
    difference = np.mean(own.values("cycle_time")[:ran] - other.values("cycle_time")[:ran])
    assert bad.values is not None
    assert bad.values["cycle_time"] == pytest.approx(other.estimate("cycle_time").value + difference)


def test_todays_process_needs_no_selection_where_the_search_says_that_it_is_surely_worse() -> None:
    evaluate = evaluator()
    space = evaluate.space
    evaluate(0, space.today)
    assert not evaluate.beaten(space.today)  # nothing to be worse than
    evaluate(1, crew(space, 6, 6))
    assert evaluate.beaten(space.today)
    assert not evaluate.beaten(crew(space, 6, 6))
    assert not evaluate.beaten(crew(space, 5, 5))  # never run
    # The recommended design is compared with today in runs of its own all the same.
    best = optimise(two_stations(), objectives=["cycle_time"], trials=8, replications=4, final=8, workers=1)
    assert best.selection is not None
    assert best.changed
    assert len(best.final.base.numbers) == 8


def test_giving_up_is_wrong_as_seldom_as_promised() -> None:
    """Equal designs with independent noise, the hardest case without common numbers: at most 5 % are given up (2,000 races)."""
    evaluate = evaluator(6)
    results = replicate(evaluate.space.scenario, range(6), seed=0, engine="compiled", workers=1)
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(2000):
        a, b = (replace(results, pairs={"cycle_time": np.column_stack([rng.normal(10, 1, 6), np.ones(6)])}) for _ in range(2))
        looks = range(FIRST, 6)
        head = [replace(a, numbers=a.numbers[:n], pairs={"cycle_time": a.pairs["cycle_time"][:n]}) for n in looks]
        wrong += any(evaluate._worse(h, b, 0.05 / len(looks)) for h in head)
    assert wrong <= 0.05 * 2000 + 3 * math.sqrt(2000 * 0.05 * 0.95)


def test_blocks_of_seeds_rotate_and_repeats_are_pooled() -> None:
    """A design that comes again in a later block runs there, too; the level of the block is taken off by the best design in both."""
    evaluate = evaluator(2)
    space = evaluate.space
    evaluate(0, space.today)
    first = evaluate(1, crew(space, 4, 4))
    again = evaluate(5, crew(space, 4, 4))
    assert again.values == first.values
    spent = evaluate.spent
    later = evaluate(BLOCK, crew(space, 3, 4))
    pooled = evaluate(BLOCK + 1, crew(space, 3, 4))
    assert pooled.values == later.values
    leader = crew(space, 4, 4)
    both = [replicate(space.design(leader), numbers, seed=0, engine="compiled", workers=1).estimate("cycle_time").value for numbers in (range(2), range(2, 4))]
    own = replicate(space.design(crew(space, 3, 4)), range(2, 4), seed=0, engine="compiled", workers=1).estimate("cycle_time").value
    assert later.values is not None
    assert not later.given_up
    assert later.values["cycle_time"] == pytest.approx(own - both[1] + both[0])
    assert evaluate.spent == spent + 4
    # At the level of the first block the leader's figure stays what it was.
    assert evaluate.latest(first).values == pytest.approx(first.values)


def test_the_screen_says_how_far_simulation_agreed() -> None:
    best = optimise(two_stations(), objectives=["cycle_time"], trials=14, replications=3, final=8, workers=1)
    assert best.screening is not None
    assert best.screening.agreement["cycle_time"].value > 0.7
    assert best.screening.designs >= len(best.distinct)
    assert best.searched >= 3 * 2
    # The winner's bias is of the change: that the search's customers were easy for all designs is none.
    assert best.changed
    assert best.chosen is not None
    said = (best.chosen.values or {})["cycle_time"] - (best.trials[0].values or {})["cycle_time"]
    assert best.flattery["cycle_time"] == pytest.approx(said - best.final.difference("cycle_time").change.value)


@dataclass
class Noting:
    """Runs replications in this thread, and notes their numbers."""

    numbers: list[int] = field(default_factory=list)

    def simulate(self, design: Scenario, seed: int, numbers: Sequence[int], engine: Engine) -> Iterator[Row]:
        self.numbers += numbers
        return Simulating(Here()).simulate(design, seed, numbers, engine)


def test_replications_are_counted_and_the_picture_stands_at_the_level_of_fresh_runs() -> None:
    noting = Noting()
    best = optimise(two_stations(), objectives=["cycle_time", "cost"], trials=14, replications=3, final=8, seed=2, workers=noting)
    assert best.choosing == sum(n >= SELECTING and (n < ASKING or n >= SPARING) for n in noting.numbers) > 0
    searched = sum(n < COMPARING for n in noting.numbers)
    assert 0 < best.searched <= searched  # what only explains takes some of these seeds, too
    # Fresh runs of today less the search's: so much the points of designs that did not run again are moved.
    table, level = figures.designs(best), best.final.base.estimate("cycle_time").value - (best.trials[0].values or {})["cycle_time"]
    again = [s.settings for s in best.shown]
    alone = [t for t in best.distinct if t.values is not None and t.settings not in again]
    assert alone
    for trial in alone:
        row = table[table["design"] == ("; ".join(trial.words) or "today")]
        assert row["Cycle time to win, mean (days)"].tolist() == pytest.approx([(trial.values or {})["cycle_time"] + level])


def test_today_is_what_designs_are_compared_with_also_where_theory_thinks_it_cannot_keep_up() -> None:
    """Five leads of nine hours a day are 45 hours of work for one person: today's queue grows, and is simulated as it is."""
    best = optimise(two_stations().change({"teams.a.size": 1}), objectives=["cycle_time"], limits={"cost": "<= 70000 EUR/month"}, trials=6, replications=2, final=5, workers=1)
    assert best.trials[0].settings == {"staff a": 1, "staff b": 3}
    assert best.trials[0].words == ()
    assert all(t.settings["staff a"] >= 2 for t in best.trials[1:])  # what theory begins with can keep up
    # Theory knows pay to the cent, and takes its level from today's: 10 and 20 EUR for each hour of an average month.
    values = best.trials[0].values
    assert values is not None
    assert values["cost"] == pytest.approx((1 * 10 + 3 * 20) * 8766 / 12, rel=1e-9)


def test_how_many_designs_are_of_use_by_theory_is_said_of_small_spaces() -> None:
    """Pay is 10 EUR for a, 20 for b; 45 hours of work a day take two of each: of 6 x 6 designs those with a, b >= 2 and 10 a + 20 b <= 90."""
    screen = Screen(space_of(two_stations()), ("cycle_time",), parse_limits({"cost": f"<= {90 * 8766 / 12:.2f} EUR/month"}, catalogue(two_stations())))
    right = sum(10 * a + 20 * b <= 90 for a in range(2, 7) for b in range(2, 7))
    assert screen.screening([]).able == (right, 36)
    assert screen.screening([]).lines(catalogue(two_stations()))[1].startswith(f"of all 36 designs {right} keep up")


def test_laws_that_are_learnt_as_points_are_judged_like_any_other() -> None:
    """Uniform between 0 and 2 units, as points and by its name; with one person the wait is that of Pollaczek and Khinchine."""
    points = {"law": "quantiles", "points": {"0 %": hours(0), "50 %": hours(1), "100 %": hours(2)}}
    found, same = (Approximation(line([{"c": 1, "law": law}], 0.8, 100, 0)).predict().values for law in (points, {"law": "uniform", "low": hours(0), "high": hours(2)}))
    assert found["waiting"] == pytest.approx(same["waiting"], rel=1e-9)
    assert found["waiting"] == pytest.approx(0.8 / (1 - 0.8) * (1 + 1 / 3) / 2, rel=0.01)  # squared coefficient of variation 1/3; the quadrature is no better


@pytest.mark.parametrize("name", ["b2b", *(t.name for t in templates())])
def test_the_screen_knows_the_whole_language(name: str) -> None:
    """It may be far off, but it answers for the example and for every template."""
    scenario = Scenario.load("scenarios/b2b.yaml") if name == "b2b" else template(name).scenario()
    found = Approximation(scenario).predict()
    assert found.values["cost"] >= 0
    assert set(found.loads) == set(scenario.teams)
