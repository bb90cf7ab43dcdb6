"""Head count and staff hours: by hand, the same in every run, and limits that are kept before anything is simulated."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from salessim.catalogue import catalogue
from salessim.cli import main
from salessim.errors import InputError, ScenarioError
from salessim.experiment import replicate
from salessim.headcount import planned
from salessim.library import templates
from salessim.network import build
from salessim.optimisation import optimise
from salessim.optimisation.approximation import Approximation
from salessim.optimisation.limits import parse_limits
from salessim.scenario.levers import apply
from salessim.scenario.loader import to_yaml
from salessim.scenario.model import Scenario
from tests.models import random_scenario
from tests.test_oracles import exponential, line
from tests.test_prices import erlang_a


def office(**changes: Any) -> Scenario:
    """Two whole-time people and two of half a day each, measured from the third of ten weeks on."""
    return Scenario.parse({
        "name": "office", "clock": {"start": "2026-01-05", "horizon": "10 weeks", "warm_up": "2 weeks"},
        "calendars": {"day": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, "mornings": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-13:00"}]}},
        "teams": {"desk": {"size": 2, "calendar": "day"}, "part": {"size": 2, "calendar": "mornings"}},
        "segments": {"all": {}}, "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "20 per week"}}},
        "stages": {"lead": {"steps": {"call": {"work": exponential(1), "by": ["desk", "part"], "then": [{"done": True}]}}}},
        "levers": {"more": {"add_staff": "desk", "up_to": 2}, "later": {"add_staff": "part", "up_to": 1, "joins": "2026-03-02"}, "short": {"shifts": "desk", "calendar": "mornings"}},
    }).change(changes)  # fmt: skip


BY_HAND = [
    ({}, 4, 2 * 40 + 2 * 20),
    ({"teams.desk.absence": {"share": "30 %", "spell": "3 days"}}, 4, 120),  # who is ill is on the roster
    ({"teams.desk.attrition": {"tenure": "8 weeks", "hiring": "4 weeks"}}, 4, 120),  # and so is an empty place
    ({"teams.desk.joining": [{"count": 1, "date": "2026-02-16"}]}, 4.5, 140),  # for the last 4 of 8 weeks
    ({"teams.desk.joining": [{"count": 1, "date": "2026-01-12"}]}, 5, 160),  # before the window opens
    ({"teams.part.leaving": [{"count": 1, "date": "2026-02-02"}]}, 3.25, 105),  # gone for 6 of 8 weeks
    ({"calendars.day.closed": ["2026-02-03"]}, 4, 2 * (40 - 8 / 8) + 40),  # a day of two people in one of 8 weeks
    ({"teams.desk.meetings": [{"days": "Mon", "hours": "09:00-10:00"}]}, 4, 120),  # paid time
]


@pytest.mark.parametrize(("changes", "heads", "hours"), BY_HAND)
def test_by_hand_and_without_noise(changes: dict[str, Any], heads: float, hours: float) -> None:
    scenario = office(**changes)
    results = replicate(scenario, 3, seed=5, engine="reference", workers=1)
    for name, exact in (("head_count", heads), ("staff_hours", hours)):
        e = results.estimate(name)
        assert e.value == pytest.approx(exact, rel=1e-12), name
        assert e.low == e.high, "no interval"
        assert planned(scenario, name) == pytest.approx(exact, rel=1e-12)
    assert results.estimate("head count of desk").value + results.estimate("head count of part").value == pytest.approx(heads)
    assert results.estimate("staff hours of part").value == pytest.approx(planned(scenario, "staff hours of part"))


@pytest.mark.parametrize(("settings", "heads", "hours"), [({"more": 2}, 6, 200), ({"later": 1}, 4.25, 125), ({"short": True}, 4, 80), ({"more": 1, "short": True}, 5, 100)])
def test_levers_by_hand(settings: dict[str, Any], heads: float, hours: float) -> None:
    """Two more people; one more in the mornings for the last 2 of 8 weeks; the desk in the mornings only."""
    design = apply(office(), settings)
    assert (planned(design, "head_count"), planned(design, "staff_hours")) == (pytest.approx(heads), pytest.approx(hours))


def test_the_plan_says_what_runs_say() -> None:
    crowded = [scenario for seed in range(40) if (scenario := buildable(seed)) is not None]
    assert len(crowded) > 20
    for scenario in [*(t.scenario() for t in templates()), *crowded]:
        results = replicate(scenario, 2, seed=1, engine="compiled", workers=1)
        for name in ("head_count", "staff_hours", *(f"{what} of {team}" for what in ("head count", "staff hours") for team in scenario.teams)):
            assert results.values(name) == pytest.approx(planned(scenario, name), rel=1e-12), (scenario.name, name)
            assert catalogue(scenario).about(name).planned


def buildable(seed: int) -> Scenario | None:
    """A crowded model; some fit together only by luck."""
    try:
        scenario = random_scenario(seed)
        build(scenario)
    except ScenarioError:
        return None
    return scenario


def test_theory_knows_the_plan_for_any_number_of_people() -> None:
    theory = Approximation(office())
    for more, part in itertools.product(range(3), range(1, 4)):
        found = theory.predict({"desk": 2 + more, "part": part}).values
        assert found["head_count"] == found["head count of desk"] + found["head count of part"] == 2 + more + part
        assert found["staff_hours"] == pytest.approx(40 * (2 + more) + 20 * part)


def tandem(**changes: Any) -> Scenario:
    """Two stations of 3 to 7 people at which customers lose patience: 25 designs."""
    base = line([{"c": 4, "law": exponential(1), "patience": exponential(2)}, {"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 400, 40)
    return base.change({"levers": {f"crew{i}": {"field": f"teams.s{i} team.size", "integer": [3, 7]} for i in (0, 1)}} | changes)


def test_what_breaks_a_limit_on_the_plan_is_never_simulated() -> None:
    """Of the 25 designs 15 have at most ten people; nobody else is run, and the limit needs no interval."""
    best = optimise(tandem(), objectives=["lost_customers"], limits=["head_count <= 10", "head count of s0 team <= 5 people"], trials=25, replications=3, final=30, seed=3)
    sizes = [(t, t.settings["crew0"] + t.settings["crew1"], t.settings["crew0"]) for t in best.distinct]
    assert len(sizes) == 25
    for trial, both, first in sizes:
        assert (trial.refused is None) == (both <= 10 and first <= 5), trial
    assert best.simulated == sum(a + b <= 10 and a <= 5 for a in range(3, 8) for b in range(3, 8))
    assert any(t.refused == "head count is 11 instead of at most 10 people" for t in best.trials)
    assert best.settings == {"crew0": 5, "crew1": 5}
    assert [(c.estimate.value, c.estimate.low == c.estimate.high, c.verdict) for c in best.checks] == [(10, True, "kept"), (5, True, "kept")]
    assert any("head count at most 10 people: it is 10 (in every run)" in s for s in best.sentences())


def test_the_fewest_people_who_serve_well() -> None:
    """Head count as what to make small: of one station the fewest people with whom at most 60 customers a week are lost are those of Erlang-A."""
    base = line([{"c": 9, "law": exponential(1), "patience": exponential(2)}], 4, 800, 40).change({"levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 9]}}})
    best = optimise(base, objectives=["head_count"], limits=["lost_customers <= 60 per week"], trials=7, replications=4, final=40, seed=2)
    fewest = min(c for c in range(3, 10) if erlang_a(c) <= 60)
    assert erlang_a(fewest) < 55, "far enough from the limit to be shown"
    assert best.settings == {"crew": fewest}
    assert best.final.difference("head_count").change.value == fewest - 9
    assert any(f"head count −{9 - fewest} people (in every run" in s.replace("-", "−") for s in best.sentences())


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("head_count <= 5", "No design that was tried keeps this limit: head count at most 5 people. By plan the nearest design"),
        ("head count of s1 team <= 2", "No design that was tried keeps this limit: head count of s1 team at most 2 people."),
    ],
)
def test_a_limit_on_the_plan_that_no_design_keeps_is_the_obstacle(limit: str, said: str) -> None:
    best = optimise(tandem(), objectives=["lost_customers"], limits=[limit], trials=25, replications=2, final=10, seed=1)
    assert not best.changed
    assert not best.settled
    assert best.simulated == 1, "today's process only"
    assert not any("search longer" in s for s in best.sentences()), "all designs were looked at"
    assert said in best.sentences()[0]
    assert "too much" in best.sentences()[0]


def test_a_limit_on_the_plan_whose_designs_cannot_keep_up() -> None:
    """Four units of work an hour ask for more than four people who never lose a customer."""
    base = line([{"c": 6, "law": exponential(1)}], 4, 400, 40).change({"levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 7]}}})
    best = optimise(base, objectives=["cycle_time"], limits=["head_count <= 4"], trials=5, replications=2, final=10, seed=1)
    assert best.sentences()[0].startswith("No design that keeps this limit can be run: head count at most 4 people. The nearest to do so")
    assert "100 % of its time" in best.sentences()[0]


def test_uncertain_teams_are_left_to_runs() -> None:
    base = tandem()
    best = optimise(base, objectives=["lost_customers"], limits=["head_count <= 10"], futures=["many, 50 %: teams.s1 team.size = 9"], trials=9, replications=2, final=10, seed=1)
    assert all(t.refused is None for t in best.trials), "in another future the teams are others"


@pytest.mark.parametrize(
    ("limit", "said"),
    [("head count of desc <= 3", "there is no team 'desc'; did you mean 'desk'?"), ("head_count <= 3 EUR", "not a number of people"), ("headcount <= 3", "did you mean 'head_count'?"),
     ("waiting @ call <= 2 h", "there is no measure 'waiting @ call'")],
)  # fmt: skip
def test_bad_limits_end_in_one_line(limit: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        parse_limits([limit], catalogue(office()))


def test_utilisation_of_a_team_can_be_a_limit(tmp_path: Path) -> None:
    """Of 4 units of work an hour a team of c works 4 / c: at most 70 % of the time asks for six."""
    base = line([{"c": 5, "law": exponential(1)}], 4, 800, 40).change({"levers": {"crew": {"field": "teams.s0 team.size", "integer": [5, 9]}}})
    (tmp_path / "m.yaml").write_text(to_yaml(base))
    asked = ["optimise", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "out"), "--objective", "head_count", "--objective", "cycle_time", "--limit", "utilisation of s0 team <= 70 %"]
    result = CliRunner().invoke(main, [*asked, "--trials", "5", "-n", "3", "--final", "20", "--quiet", "--json"])
    assert result.exit_code in (0, 3), result.output
    told = json.loads(result.stdout)
    kept = [s for s in told["shown"] if s["checks"][0]["verdict"] == "kept"]
    assert {s["settings"]["crew"] for s in kept} <= {6, 7, 8, 9}
    assert all(s["checks"][0]["value"] == pytest.approx(100 * 4 / s["settings"]["crew"], rel=0.03) for s in told["shown"])
    assert np.isfinite([s["differences"]["head_count"]["mean"] for s in told["shown"]]).all()
