"""The contract of every search method: what it proposes is valid, depends on the trials before and nothing else, and gets somewhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest

from salessim.errors import InputError
from salessim.optimisation import optimise
from salessim.optimisation.samplers import AUTO, ENUMERATION, METHODS, STARTUP, sampler
from salessim.optimisation.screen import listed
from salessim.optimisation.space import Settings, Space, space_of
from salessim.scenario.levers.settings import check_together, is_today
from salessim.scenario.model import Scenario

PROPOSING = tuple(m for m in METHODS if m not in (AUTO, ENUMERATION))


def line(**levers: Any) -> Scenario:
    """Two stations, five leads a day."""
    return Scenario.parse(
        {"name": "line", "currency": "EUR", "clock": {"start": "2026-01-01", "horizon": "60 days", "warm_up": "10 days"}, "segments": {"all": {}},
         "teams": {"a": {"size": 3, "cost": "10 EUR/hour"}, "b": {"size": 3, "cost": "20 EUR/hour"}},
         "channels": {"in": {"enters": "first", "segments": {"all": 1}, "arrivals": {"rate": "5 per day"}}},
         "stages": {"line": {"steps": {
             "first": {"work": {"law": "exponential", "mean": "9 h"}, "by": "a", "patience": "none", "then": [{"to": "second"}]},
             "second": {"work": {"law": "exponential", "mean": "9 h"}, "by": "b", "patience": "none", "milestone": "won", "then": [{"done": True}]}}}},
         "levers": levers or {"staff a": {"field": "teams.a.size", "integer": [1, 6]}, "staff b": {"field": "teams.b.size", "integer": [1, 6]}}}
    )  # fmt: skip


CONDITIONAL: dict[str, Any] = {
    "staff a": {"field": "teams.a.size", "integer": [1, 6]},
    "tool": {"automate": "first", "share": 0.5, "time": "1 h", "assumption": "so"},
    "second tool": {"automate": "second", "share": 0.5, "time": "1 h", "needs": ["tool"], "assumption": "so"},
    "course": {"train": "b", "time_factor": 0.9, "excludes": ["tool"], "assumption": "so"},
}


class Loop:
    """The loop of asking and telling, with figures from a formula."""

    def __init__(self, space: Space, method: str, seed: int, objectives: Callable[[Settings], list[float]]) -> None:
        self.space, self.method, self.seed, self.objectives = space, method, seed, objectives
        self.asked: list[dict[str, int]] = []
        self.study = self._study()

    def _study(self) -> Any:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return optuna.create_study(directions=["minimize"] * len(self.objectives(self.space.today)))

    @property
    def distributions(self) -> dict[str, Any]:
        return {n: optuna.distributions.IntDistribution(0, len(o) - 1) for n, o in self.space.options.items()}

    def run(self, until: int) -> Loop:
        while len(self.asked) < until:
            number = len(self.asked)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.study.sampler = sampler(self.seed, number, number, self.method)
            if number == 0:
                self.study.enqueue_trial(self.space.indices(self.space.today))
            trial = self.study.ask(self.distributions)
            self.asked.append(dict(trial.params))
            self.study.tell(trial, self.objectives(self.settings(trial.params)))
        return self

    def resumed(self) -> Loop:
        """Another study with the same trials, and no memory of who proposed them."""
        other = Loop(self.space, self.method, self.seed, self.objectives)
        for params in self.asked:
            other.study.add_trial(optuna.trial.create_trial(params=params, distributions=self.distributions, values=self.objectives(self.settings(params))))
        other.asked = list(self.asked)
        return other

    def settings(self, params: dict[str, int]) -> Settings:
        return self.space.repaired({n: self.space.options[n][i] for n, i in params.items()})


def bowl(space: Space) -> Callable[[Settings], list[float]]:
    """Least where every lever is two thirds of the way to its end."""
    return lambda s: [float(sum((i - round(2 / 3 * (len(space.options[n]) - 1))) ** 2 for n, i in space.indices(s).items()))]


@pytest.fixture(params=PROPOSING)
def method(request: Any) -> str:
    return str(request.param)


def test_a_resumed_search_proposes_what_the_uninterrupted_one_does(method: str) -> None:
    space = space_of(line(**CONDITIONAL))
    whole = Loop(space, method, 7, bowl(space)).run(STARTUP + 30)
    for cut in (3, STARTUP, STARTUP + 7, STARTUP + 20):
        part = Loop(space, method, 7, bowl(space)).run(cut).resumed().run(STARTUP + 30)
        assert part.asked == whole.asked
    assert Loop(space, method, 8, bowl(space)).run(STARTUP + 5).asked != whole.asked[: STARTUP + 5]


def test_what_is_proposed_is_an_option_and_what_becomes_of_it_goes_together(method: str) -> None:
    scenario = line(**CONDITIONAL)
    space = space_of(scenario)
    loop = Loop(space, method, 1, bowl(space)).run(STARTUP + 25)
    for params in loop.asked:
        assert {n: type(i) for n, i in params.items()} == dict.fromkeys(space.options, int)
        assert all(0 <= i < len(space.options[n]) for n, i in params.items())
        settings = loop.settings(params)
        check_together(scenario, {n: s for n, s in settings.items() if not is_today(scenario, scenario.levers[n], s)})


def test_the_best_of_a_small_space_is_found(method: str) -> None:
    """36 designs, twice as many trials: drawing at random would miss the best in one run of eight (e^-2), and its neighbours hardly ever."""
    space = space_of(line())
    bests = []
    for seed in range(5):
        loop = Loop(space, method, seed, bowl(space)).run(72)
        values = [bowl(space)(loop.settings(p))[0] for p in loop.asked]
        bests.append(min(values))
    assert np.median(bests) == 0
    assert max(bests) <= 1


def test_one_lever_and_several_objectives(method: str) -> None:
    one = space_of(line(staff={"field": "teams.a.size", "integer": [1, 6]}))
    assert len(Loop(one, method, 2, bowl(one)).run(STARTUP + 10).asked) == STARTUP + 10
    space = space_of(line())
    both = Loop(space, method, 3, lambda s: [float(s["staff a"] + s["staff b"]), 1.0 / s["staff a"] + 1.0 / s["staff b"]]).run(STARTUP + 20)
    assert len({tuple(p.values()) for p in both.asked}) > 12


def test_a_space_with_a_single_design_is_refused() -> None:
    """A field that may only be what it is: there is nothing to choose, and to say "leave it" would be no advice."""
    scenario = line(staff={"field": "teams.a.size", "integer": [3, 3]})
    with pytest.raises(InputError, match="there is nothing to choose: each lever \\('staff'\\) has the setting of today only"):
        optimise(scenario, objectives=["cycle_time"], trials=4, replications=2, final=3, workers=1)


def test_all_designs_are_tried_where_there_are_no_more_than_trials() -> None:
    scenario = line(**CONDITIONAL)
    space = space_of(scenario)
    every = listed(space, AUTO, 60)
    # Six crews; of the others: none, the tool, both tools, the course.
    assert len(every) == space.possible == 6 * 4
    assert every[0] == space.today
    assert listed(space, AUTO, 23) == listed(space, "tpe", 60) == []
    best = optimise(scenario, objectives=["cycle_time"], trials=60, replications=2, final=5, method=ENUMERATION, workers=1)
    assert len(best.trials) == len(best.distinct) == 24
    with pytest.raises(InputError, match="24 designs, more than 10 trials"):
        optimise(scenario, trials=10, method=ENUMERATION)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="no search method 'tpee'"):
        optimise(line(), method="tpee")
