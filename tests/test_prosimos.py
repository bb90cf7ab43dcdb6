"""Prosimos scenarios: laws against SciPy, people, calendars and rules by hand, queues against formulas."""

from __future__ import annotations

import copy
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from salessim.errors import ScenarioError
from salessim.exchange import Imported, import_prosimos
from salessim.exchange.arrivals import channel
from salessim.exchange.distributions import built, law
from salessim.exchange.remarks import Remarks
from salessim.exchange.weeks import Week, read_week
from salessim.experiment import replicate
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario
from salessim.statistics import mean_interval
from salessim.units import SECOND
from tests.bpmn_files import element, flows, nodes, process, write

ALWAYS = [{"from": "MONDAY", "to": "SUNDAY", "beginTime": "00:00:00.000", "endTime": "23:59:59.999"}]
OFFICE = [{"from": "MONDAY", "to": "FRIDAY", "beginTime": "09:00:00", "endTime": "17:00:00"}]
TIMER = "<timerEventDefinition/>"


def dist(name: str, *params: float) -> dict[str, Any]:
    return {"distribution_name": name, "distribution_params": [{"value": p} for p in params]}


def expon(mean: float) -> dict[str, Any]:
    return dist("expon", mean, 0, 1e9)


def fix(value: float) -> dict[str, Any]:
    return dist("fix", value, 0, 1)


def model(people: dict[str, Any], tasks: dict[str, dict[str, Any]], arrivals: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A scenario: people name -> (amount, calendar id); tasks id -> person -> distribution."""
    resources = [{"id": n, "name": n, "cost_per_hour": "30", "amount": a, "calendar": c, "assignedTasks": []} for n, (a, c) in people.items()]
    return {
        "resource_profiles": [{"id": f"profile {r['id']}", "name": r["name"], "resource_list": [r]} for r in resources],
        "resource_calendars": [{"id": "all", "name": "all", "time_periods": ALWAYS}, {"id": "office", "name": "Office", "time_periods": OFFICE}],
        "task_resource_distribution": [{"task_id": t, "resources": [{"resource_id": n, **d} for n, d in who.items()]} for t, who in tasks.items()],
        "arrival_time_distribution": arrivals, "arrival_time_calendar": ALWAYS, "gateway_branching_probabilities": [], **more,
    }  # fmt: skip


ONE = process(nodes(s="startEvent", a="task Work", e="endEvent"), flows("s > a > e"))


def read(tmp_path: Path, diagram: str, data: dict[str, Any], **more: Any) -> Imported:
    file = tmp_path / "parameters.json"
    file.write_text(json.dumps(data))
    return import_prosimos(write(tmp_path, diagram), file, **more)


def steps(found: Imported) -> dict[str, Any]:
    return {name: step for stage in to_data(found.scenario)["stages"].values() for name, step in stage["steps"].items()}


def holds(scenario: Scenario, measure: str, exact: float, replications: int = 10, wide: float = 0.05) -> None:
    """The 99.9 % interval holds the exact figure, and is no wider than a share of it."""
    found = mean_interval(replicate(scenario, replications, seed=3).values(measure), 0.999)
    assert found.low <= exact <= found.high, (found.low, exact, found.high)
    assert found.half_width < wide * exact


def refused(tmp_path: Path, data: Any, *parts: str, diagram: str = ONE) -> None:
    with pytest.raises(ScenarioError) as wrong:
        read(tmp_path, diagram, data)
    said = str(wrong.value)
    assert "\n" not in said
    assert ";" in said
    for part in parts:
        assert part in said, said


# --- laws ------------------------------------------------------------------------------------------------------------

SIGMA = math.sqrt(math.log1p(0.25))


@pytest.mark.parametrize(
    ("entry", "raw", "low", "high"),
    [
        (dist("expon", 600, 0, 1e9), stats.expon(0, 600), 0, 1e9),
        (dist("expon", 600, 100, 2000), stats.expon(100, 500), 100, 2000),
        (dist("expon", 0, 1800), stats.expon(0, 1800), 0, np.inf),  # as SciPy writes it
        (dist("expon", 0, 1800, 60, 3600), stats.expon(0, 1800), 60, 3600),
        (dist("norm", 600, 120, 0, 1200), stats.norm(600, 120), 0, 1200),
        (dist("norm", 60, 120), stats.norm(60, 120), 0, np.inf),
        (dist("uniform", 100, 500), stats.uniform(100, 400), 0, np.inf),
        (dist("uniform", 100, 500, 0, 400), stats.uniform(100, 500), 0, 400),
        (dist("lognorm", 1000, 250_000, 0, 1e9), stats.lognorm(SIGMA, scale=1000 / math.sqrt(1.25)), 0, 1e9),
        (dist("lognorm", 1000, 250_000, 200, 3000), stats.lognorm(SIGMA, scale=1000 / math.sqrt(1.25)), 200, 3000),
        (dist("lognorm", 0.5, 0, 900), stats.lognorm(0.5, scale=900), 0, np.inf),
        (dist("gamma", 1000, 500_000, 0, 1e9), stats.gamma(2, scale=500), 0, 1e9),
        (dist("gamma", 2, 50, 500, 0, 2000), stats.gamma(2, 50, 500), 0, 2000),
        (dist("triang", 0.25, 100, 400), stats.triang(0.25, 100, 400), 0, np.inf),
        (dist("triang", 200, 100, 400), stats.triang(0.25, 100, 400), 0, np.inf),
        (dist("exponnorm", 3, 300, 50, 0, 900), stats.exponnorm(3, 300, 50), 0, 900),
    ],
)
def test_laws_are_those_of_prosimos_between_their_bounds(entry: dict[str, Any], raw: Any, low: float, high: float) -> None:
    found = built(law(entry))
    p = np.linspace(0.0005, 0.9995, 2000)
    inside = raw.cdf(high) - raw.cdf(low)
    exact = raw.ppf(raw.cdf(low) + p * inside)
    mean = raw.expect(lambda x: x, lb=max(low, raw.ppf(0)), ub=min(high, raw.ppf(1 - 1e-12))) / inside
    assert found.mean / SECOND == pytest.approx(mean, rel=1e-3)
    assert np.abs(found.quantile(p) / SECOND - exact).max() < 2e-3 * mean


def test_laws_without_room_are_their_mean() -> None:
    assert law(fix(90)) == "1.5 min"
    assert law(dist("norm", 600, 0, 0, 1000)) == "10 min"
    assert law(dist("norm", 600, 1, 100, 200)) == "2.5 min"  # never drawn: the middle of the bounds
    assert law(dist("gamma", 600, 0, 0, 1000)) == "10 min"


def test_a_histogram_gives_its_middles() -> None:
    found = built(law({"distribution_name": "histogram_sampling", "histogram_data": {"cdf": [0.2, 0.9, 1.0], "bin_midpoints": [60, 120, 600]}}))
    assert found.mean / SECOND == pytest.approx(0.2 * 60 + 0.7 * 120 + 0.1 * 600, rel=1e-6)
    assert list(np.round(found.quantile([0.1, 0.3, 0.8, 0.95]) / SECOND)) == [60, 120, 120, 600]


@pytest.mark.parametrize(
    "entry",
    [
        {}, dist("cauchy", 1, 2), dist("norm", 1), dist("norm", 1, -2), dist("fix", -3), dist("fix", math.inf), dist("lognorm", -1, 2, 0, 9), dist("norm", 5, 1, 9, 2),
        dist("triang", 900, 100, 400), {"distribution_name": "fix", "distribution_params": [{"value": "soon"}]}, {"distribution_name": "fix", "distribution_params": [True]},
        {"histogram_data": {"cdf": [0.5], "bin_midpoints": [1]}}, {"histogram_data": {"cdf": [0.5, 1], "bin_midpoints": [1]}}, {"histogram_data": 3},
    ],
)  # fmt: skip
def test_impossible_laws_are_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match="; "):
        law(entry)


# --- weeks and arrivals ----------------------------------------------------------------------------------------------


def test_weeks() -> None:
    assert read_week(ALWAYS).always
    office = read_week([*OFFICE, {"from": "SATURDAY", "to": "SATURDAY", "beginTime": "22:00:00", "endTime": "02:30:00"}])
    assert office.hours == 44.5
    assert office.shifts == [{"days": "Mon-Fri", "hours": "09:00-17:00"}, {"days": "Sat", "hours": "22:00-24:00"}, {"days": "Sun", "hours": "00:00-02:30"}]
    assert sorted(office.gaps) == [960, 960, 960, 960, 1740, 1830]
    assert office.next_open(0) == 540
    assert office.next_open(600.5) == 600.5
    assert office.next_open(7 * 1440 - 1) == 7 * 1440 + 540
    assert read_week([{"from": "SUNDAY", "to": "MONDAY", "beginTime": "08:00", "endTime": "09:00"}]).open == ((480, 540), (6 * 1440 + 480, 6 * 1440 + 540))
    assert read_week([{**OFFICE[0], "endTime": "16:59:20"}]).rounded
    assert read_week([{**OFFICE[0], "probability": 0.4}]).fuzzy


@pytest.mark.parametrize("period", [{}, {**OFFICE[0], "from": "MONTAG"}, {**OFFICE[0], "endTime": "25:00"}, {**OFFICE[0], "beginTime": None}, "Mon"])
def test_impossible_weeks_are_refused(period: Any) -> None:
    with pytest.raises(ValueError, match="; "):
        read_week([period])


def test_arrivals_without_memory_have_a_rate() -> None:
    always, office = Week(((0, 10080),)), read_week(OFFICE)
    assert channel(expon(1800), always, "always", "2026-01-05", "4 weeks", Remarks()) == {"arrivals": {"rate": "336 per week", "calendar": "always"}}
    remarks = Remarks()
    # 80 in the open hours; and the gap that runs over each night ends at the opening: one case there, five times.
    assert channel(expon(1800), office, "office", "2026-01-05", "4 weeks", remarks) == {"arrivals": {"rate": "85 per week", "calendar": "office"}}
    assert [r.kind for r in remarks.all()] == ["arrivals"]


def test_other_arrivals_are_dates_within_the_calendar() -> None:
    remarks = Remarks()
    found = channel(fix(4 * 3600), read_week(OFFICE), "office", "2026-01-05", "1 day", remarks)
    assert found == {"replay": ["2026-01-05T09:00:00", "2026-01-05T13:00:00"]}
    assert channel(fix(3 * 3600), read_week(OFFICE), "office", "2026-01-05", "2 days", remarks)["replay"][3:] == ["2026-01-06T09:00:00", "2026-01-06T12:00:00", "2026-01-06T15:00:00"]
    assert remarks.all() == ()
    drawn = channel(dist("uniform", 600, 1800), Week(((0, 10080),)), "always", "2026-01-05", "10 weeks", remarks)["replay"]
    assert len(drawn) == pytest.approx(10 * 604800 / 1200, rel=0.01)
    assert [r.instead for r in remarks.all()] == ["drawn once: all replications have the same cases at the same times"]
    with pytest.raises(ValueError, match="shorter --horizon"):
        channel(fix(1), Week(((0, 10080),)), "always", "2026-01-05", "10 weeks", remarks)
    with pytest.raises(ValueError, match="without end"):
        channel(fix(0), Week(((0, 10080),)), "always", "2026-01-05", "10 weeks", remarks)


# --- whole scenarios -------------------------------------------------------------------------------------------------


def repairs() -> tuple[str, dict[str, Any]]:
    """Every hour a case: a check of 10 min, and for three in ten a repair of 20 min and an hour to cool."""
    drawing = nodes(s="startEvent", a="task Check", g="exclusiveGateway", b="task Repair", m="exclusiveGateway", e="endEvent") + element("intermediateCatchEvent", "w", "Cool", TIMER)
    data = model(
        {"Ann": (1, "all"), "Bob": (1, "all")}, {"a": {"Ann": fix(600)}, "b": {"Bob": fix(1200)}}, fix(3600),
        gateway_branching_probabilities=[{"gateway_id": "g", "probabilities": [{"path_id": "g_b", "value": "0.3"}, {"path_id": "g_m", "value": 0.7}]}],
        event_distribution=[{"event_id": "w", **fix(3600)}],
    )  # fmt: skip
    return process(drawing, flows("s > a > g > b > w > m > e", "g > m")), data


def test_a_scenario_runs_and_its_cycle_time_is_that_of_hand_calculation(tmp_path: Path) -> None:
    found = read(tmp_path, *repairs(), horizon="100 weeks")
    told = steps(found)
    assert told["Check"] == {"work": "10 min", "by": ["Ann"], "then": [{"to": "Repair", "share": "30 %"}, {"done": True}]}
    assert told["Cool"] == {"automatic": "1 h", "then": [{"done": True}]}
    assert found.scenario.teams["Ann"].calendar == "always"
    # Nobody ever waits: 10 + 0.3 * (20 + 60) = 34 min.
    holds(found.scenario, "cycle_time", 34 / 1440, wide=0.02)
    holds(found.scenario, "arrived", 168, wide=1e-3)


def test_one_server_without_memory(tmp_path: Path) -> None:
    found = read(tmp_path, ONE, model({"Ann": (1, "all")}, {"a": {"Ann": expon(1800)}}, expon(3600)), horizon="100 weeks")
    assert found.scenario.teams["Ann"].size == 1
    holds(found.scenario, "cycle_time", 1 / 24, wide=0.05)  # 1 / (2 - 1) h


def test_people_who_are_alike_are_a_team(tmp_path: Path) -> None:
    data = model({"Ann": (1, "all"), "Bob": (1, "all")}, {"a": {"Ann": expon(3600), "Bob": expon(3600)}}, expon(3600))
    data["resource_profiles"] = [{"id": "p", "name": "Clerks", "resource_list": [p["resource_list"][0] for p in data["resource_profiles"]]}]
    found = read(tmp_path, ONE, data, horizon="100 weeks")
    assert {n: t.size for n, t in found.scenario.teams.items()} == {"Clerks": 2}
    # M/M/2 with a = 1: Erlang C = 1/3, wait = C / (2 - 1) h.
    holds(found.scenario, "cycle_time", (1 + 1 / 3) / 24, wide=0.05)


def test_people_of_different_speed_have_efficiencies(tmp_path: Path) -> None:
    found = read(tmp_path, ONE, model({"Ann": (1, "all"), "Bob": (3, "all")}, {"a": {"Ann": expon(2400), "Bob": expon(1200)}}, expon(3600)))
    step = steps(found)["Work"]
    assert step["work"] == {"law": "exponential", "mean": "25 min"}  # (40 + 3 * 20) / 4
    assert step["by"] == ["Ann", "Bob"]
    efficiency = {n: t.skills["Work"] for n, t in found.scenario.teams.items()}
    assert efficiency == pytest.approx({"Ann": 25 / 40, "Bob": 25 / 20})
    assert not [r for r in found.remarks if r.kind == "times by resource"]
    other = read(tmp_path, ONE, model({"Ann": (1, "all"), "Bob": (3, "all")}, {"a": {"Ann": fix(2400), "Bob": expon(1200)}}, expon(3600)))
    assert [r.level for r in other.remarks if r.kind == "times by resource"] == ["differs"]
    assert other.scenario.steps["Work"].time.mean / SECOND == pytest.approx(1500, rel=2e-3)


def test_calendars_are_kept(tmp_path: Path) -> None:
    found = read(tmp_path, ONE, model({"Ann": (1, "office")}, {"a": {"Ann": fix(3600 * 10)}}, fix(7 * 86400), arrival_time_calendar=OFFICE), horizon="8 weeks")
    assert to_data(found.scenario)["calendars"] == {"Office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}}
    # From Monday at 9: eight hours that day, two the next, until Tuesday at 11.
    assert replicate(found.scenario, 2, seed=1).estimate("cycle_time").value == pytest.approx(26 / 24, rel=1e-9)


def test_without_an_arrival_calendar_cases_come_when_the_first_people_work(tmp_path: Path) -> None:
    data = model({"Ann": (1, "office")}, {"a": {"Ann": fix(60)}}, fix(4 * 3600))
    del data["arrival_time_calendar"]
    assert to_data(read(tmp_path, ONE, data, horizon="1 day").scenario)["channels"]["arrivals"]["replay"] == ["2026-01-05T09:00:00", "2026-01-05T13:00:00"]


ATTRIBUTES = [
    {"name": "client type", "type": "discrete", "values": [{"key": "REGULAR", "value": 0.6}, {"key": "BUSINESS", "value": 0.4}]},
    {"name": "amount", "type": "continuous", "values": dist("uniform", 0, 1000)},
]


def choice(conditions: dict[str, Any], chances: tuple[float, float] = (0.5, 0.5), **more: Any) -> tuple[str, dict[str, Any]]:
    """A check, then an hour at b or two at c; conditions by flow."""
    kind = more.pop("kind", "exclusiveGateway")
    drawing = nodes(s="startEvent", a="task A", g=kind, b="task B", c="task C", m=kind, e="endEvent")
    rules = [{"id": f"rule {f}", "rules": r} for f, r in conditions.items()]
    ways = [{"path_id": f, "value": v, **({"condition_id": f"rule {f}"} if f in conditions else {})} for f, v in zip(("g_b", "g_c"), chances)]
    data = model(
        {"Many": (1000, "all")}, {"a": {"Many": fix(0)}, "b": {"Many": fix(3600)}, "c": {"Many": fix(7200)}}, expon(600), case_attributes=ATTRIBUTES, branch_rules=rules,
        gateway_branching_probabilities=[{"gateway_id": "g", "probabilities": ways}], **more,
    )  # fmt: skip
    return process(drawing, flows("s > a > g > b > m > e", "g > c > m")), data


def compare(attribute: str, comparison: str, value: Any) -> dict[str, Any]:
    return {"attribute": attribute, "comparison": comparison, "value": value}


@pytest.mark.parametrize(
    ("conditions", "chances", "hours"),
    [
        ({"g_b": [[compare("client type", "=", "BUSINESS")]], "g_c": [[compare("client type", "=", "REGULAR")]]}, (0.5, 0.5), 0.4 * 1 + 0.6 * 2),
        ({"g_b": [[compare("amount", "in", ["0", "250"])]]}, (0.2, 0.8), 0.25 * 1 + 0.75 * (0.2 + 1.6)),  # else by chance
        ({"g_b": [[compare("amount", "in", [500, "inf"])]], "g_c": [[compare("amount", "in", [250, "inf"])]]}, (0.9, 0.1), 0.5 * 1.1 + 0.25 * 2 + 0.25 * 1.1),  # both, one, none
        ({"g_b": [[compare("amount", "in", [0, 500]), compare("client type", "=", "BUSINESS")], [compare("amount", "in", [900, 1000])]], "g_c": [[compare("client type", "=", "NOBODY")]]},
         (0.0, 1.0), 1 * 0.3 + 2 * 0.7),
    ],
    ids=["names", "one condition", "both hold", "and, or"],
)  # fmt: skip
def test_branch_rules(tmp_path: Path, conditions: dict[str, Any], chances: tuple[float, float], hours: float) -> None:
    found = read(tmp_path, *choice(conditions, chances))
    holds(found.scenario, "cycle_time", hours / 24, wide=0.02)


def test_inclusive_gateways(tmp_path: Path) -> None:
    # Each way by its own chance; where none is taken, one by the chances. C: 0.3 + 0.7 * 0.3 * 0.3.
    diagram, data = choice({}, (0.7, 0.3), kind="inclusiveGateway")
    holds(read(tmp_path, diagram, data).scenario, "cycle_time", (1 + 0.3 + 0.3 * 0.7 * 0.3) / 24, wide=0.02)
    diagram, data = choice({"g_b": [[compare("amount", "in", [0, 500])]], "g_c": [[compare("amount", "in", [250, 500])]]}, (0.7, 0.3), kind="inclusiveGateway")
    holds(read(tmp_path, diagram, data).scenario, "cycle_time", (0.25 * 1 + 0.25 * 2 + 0.5 * (1 + 0.363)) / 24, wide=0.02)


def test_event_attributes_change_what_rules_see(tmp_path: Path) -> None:
    changes = [{"event_id": "a", "attributes": [
        {"name": "client type", "type": "discrete", "values": [{"key": "BUSINESS", "value": 0.25}, {"key": "NEW", "value": 0.5}, {"key": "REGULAR", "value": 0.25}]},
        {"name": "double amount", "type": "expression", "values": "2 * amount"},
        {"name": "odd", "type": "expression", "values": "__import__('os')"},
    ]}]  # fmt: skip
    diagram, data = choice({"g_b": [[compare("client type", "=", "NEW"), compare("double amount", "in", [1000, 9999])]], "g_c": [[compare("client type", "=", "BUSINESS")]]}, (0.0, 1.0), event_attributes=changes)
    with pytest.raises(ScenarioError, match="odd"):
        read(tmp_path, diagram, data)
    found = read(tmp_path, diagram, data, approximate=True)
    assert steps(found)["A"]["sets"]["double_amount"] == "2 * amount"
    holds(found.scenario, "cycle_time", (0.25 * 1 + 0.75 * 2) / 24, wide=0.02)


def test_priorities_shorten_the_wait_of_the_first(tmp_path: Path) -> None:
    rules = [{"priority_level": 2, "rules": [[compare("client type", "=", "REGULAR")]]}, {"priority_level": 1, "rules": [[compare("client type", "=", "BUSINESS")]]}]
    data = model({"Ann": (1, "all")}, {"a": {"Ann": expon(1800)}}, expon(2400), case_attributes=ATTRIBUTES, prioritisation_rules=rules)
    found = read(tmp_path, ONE, data, horizon="150 weeks")
    assert steps(found)["Work"]["serve_first"] == "if(client_type == 0, -1, if(client_type == 1, -2, -3))"
    own = found.scenario.change({"measures": {"business": {"mean": "age / 1 h", "when": "client_type == 0"}, "regular": {"mean": "age / 1 h", "when": "client_type == 1"}}})
    # Cobham 1954: service 0.5 h, load 0.75, of which 0.3 is business. R = 0.75 * 0.5 = 0.375 h.
    holds(own, "business", 0.375 / 0.7 + 0.5, wide=0.05)
    holds(own, "regular", 0.375 / (0.7 * 0.25) + 0.5, wide=0.1)


def batch(kind: str, rules: Any, sizes: Any = (), factor: float = 1.0) -> list[dict[str, Any]]:
    return [{"task_id": "a", "type": kind, "size_distrib": list(sizes), "duration_distrib": [{"key": "3", "value": factor}], "firing_rules": rules}]


def test_batches_wait_for_their_size(tmp_path: Path) -> None:
    data = model({"Many": (1000, "all")}, {"a": {"Many": fix(3600)}}, expon(3600), batch_processing=batch("Sequential", [[compare("size", "=", 3)]], factor=0.8))
    found = read(tmp_path, ONE, data, horizon="100 weeks")
    assert steps(found)["Work batch"] == {"automatic": "0 s", "gather": {"size": 3}, "then": [{"to": "Work"}]}
    holds(found.scenario, "cycle_time", (1 + 0.8) / 24, wide=0.03)  # the first waits for two, the last for none: 1 h on average
    either = model({"Many": (1000, "all")}, {"a": {"Many": fix(3600)}}, expon(3600), batch_processing=batch("Sequential", [[compare("size", ">=", 3)], [compare("large_wt", ">", 1800)]], [{"key": "1", "value": 0.25}, {"key": "3", "value": 0.75}]))
    told = steps(read(tmp_path, ONE, either))
    assert told["Work batch"]["gather"] == {"size": 3, "at_most": "30 min"}
    assert told["Work in a batch?" if "Work in a batch?" in told else "a choice"]["then"] == [{"to": "Work", "share": "25 %"}, {"to": "Work batch"}]


def test_batches_that_cannot_be_said_are_named(tmp_path: Path) -> None:
    for kind, rules in (("Parallel", [[compare("size", ">=", 3)]]), ("Sequential", [[compare("daily_hour", "=", 12)]]), ("Sequential", [[compare("size", ">=", 3), compare("ready_wt", ">", 60)]])):
        data = model({"Many": (9, "all")}, {"a": {"Many": fix(3600)}}, expon(3600), batch_processing=batch(kind, rules))
        refused(tmp_path, data, f"a 'Work' ({kind} batch)", "--approximate")
        assert read(tmp_path, ONE, data, approximate=True).remarks[0].level == "changed"


def test_sections_without_effect_are_named(tmp_path: Path) -> None:
    data = model({"Ann": (1, "all")}, {"a": {"Ann": fix(60)}}, expon(3600))
    refused(tmp_path, {**data, "multitask": {"type": "local", "values": [1]}}, "multitask")
    refused(tmp_path, {**data, "model_type": "FUZZY", "granule_size": {"value": 15, "time_unit": "MINUTES"}}, "fuzzy calendars")
    shared = {"global_attributes": [{"name": "g", "type": "continuous", "values": fix(1)}], "event_attributes": [{"event_id": "a", "attributes": [{"name": "g", "type": "continuous", "values": fix(2)}]}]}
    refused(tmp_path, {**data, **shared}, "g (global attribute)")
    assert [r.element for r in read(tmp_path, ONE, {**data, "gateway_execution_limit": 10, "multitask": {}}).remarks] == ["gateway_execution_limit", "cost_per_hour"]


def test_fields_that_are_not_read_are_named_wherever_they_stand(tmp_path: Path) -> None:
    data = model({"Ann": (1, "all")}, {"a": {"Ann": fix(60)}}, expon(3600))
    data["resource_calendars"][0]["workload_ratio"] = [{**ALWAYS[0], "probability": 0.3}]
    refused(tmp_path, data, "resource_calendars[0] (multitasking)")
    del data["resource_calendars"][0]["workload_ratio"]
    data["resource_profiles"][0]["resource_list"][0] |= {"assignedTasks": ["a"], "max_capacity": 3}
    data["task_resource_distribution"][0]["resources"][0]["distribution_unit"] = "minutes"
    data["arrival_time_distribution"]["weekly"] = True
    found = {(r.level, r.element) for r in read(tmp_path, ONE, data).remarks if r.kind == "field of the JSON"}
    assert found == {
        ("differs", "resource_profiles[0].resource_list[0].max_capacity"), ("differs", "task_resource_distribution[0].resources[0].distribution_unit"),
        ("differs", "arrival_time_distribution.weekly"),
    }  # fmt: skip
    refused(tmp_path, {**data, "messages": {"publish": []}}, "messages (section of the JSON)")


def test_values_that_all_cases_share_are_named_if_they_are_drawn(tmp_path: Path) -> None:
    data = model({"Ann": (1, "all")}, {"a": {"Ann": fix(60)}}, expon(3600))
    assert read(tmp_path, ONE, {**data, "global_attributes": [{"name": "g", "type": "continuous", "values": fix(1)}]}).scenario.attributes.keys() == {"g"}
    refused(tmp_path, {**data, "global_attributes": [{"name": "g", "type": "continuous", "values": dist("uniform", 0, 1)}]}, "g (global attribute)", "share one")


def edited(path: str, value: Any) -> dict[str, Any]:
    """The repairs with one value changed, or taken out (None)."""
    data: Any = copy.deepcopy(repairs()[1])
    *way, last = [int(k) if k.isdigit() else k for k in path.split(".")]
    here = data
    for key in way:
        here = here[key]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("resource_calendars", [], ("resource_profiles[0].resource_list[0]", "no calendar 'all'")),
        ("resource_profiles.0.resource_list.0.amount", 0, ("resource_list[0].amount: 0:", "greater than or equal to 1")),
        ("resource_profiles.0.resource_list.0.amount", "many", ("'many'", "integer")),
        ("resource_profiles.0.resource_list.0.cost_per_hour", -1, ("cost_per_hour: -1:",)),
        ("resource_profiles.0.resource_list", None, ("resource_profiles[0].resource_list: it is missing",)),
        ("task_resource_distribution.0.resources.0.resource_id", "Zoe", ("no resource 'Zoe'",)),
        ("task_resource_distribution.0.task_id", "z", ("nobody can do the task 'Check' (a)",)),
        ("task_resource_distribution.0.resources.0.distribution_name", "zeta", ("task_resource_distribution[0].resources[0]", "'zeta'")),
        ("gateway_branching_probabilities.0.probabilities.0.path_id", "nowhere", ("'nowhere'",)),
        ("gateway_branching_probabilities.0.probabilities.0.value", 0.5, ("120 %",)),
        ("gateway_branching_probabilities.0.probabilities.0.value", 1.5, ("probabilities[0].value: 1.5:",)),
        ("gateway_branching_probabilities", [], ("nothing says how often",)),
        ("event_distribution", [], ("nothing says how long 'Cool' (w) takes",)),
        ("arrival_time_distribution", None, ("arrival_time_distribution", "missing")),
        ("arrival_time_calendar", [{"from": "MONDAY"}], ("arrival_time_calendar",)),
        ("resource_profiles", {"a": 1}, ("valid list",)),
    ],
)  # fmt: skip
def test_wrong_scenarios_are_refused(tmp_path: Path, path: str, value: Any, parts: tuple[str, ...]) -> None:
    refused(tmp_path, edited(path, value), "parameters.json" if "%" not in parts[0] and "nothing" not in parts[0] else "", *parts, diagram=repairs()[0])


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "empty"), ("{", ":1:"), ("[]", "no Prosimos scenario"), ("{}", "no Prosimos scenario"), ('{"a": 1, "a": 2}', "twice"), ('{"a": NaN}', "NaN"), ("[" * 100_000, "too deep"), ('{"a": ' + "9" * 10_000 + "}", "")],
    ids=["empty", "open", "list", "nothing", "twice", "nan", "deep", "long number"],
)  # fmt: skip
def test_wrong_json_is_refused(tmp_path: Path, text: str, part: str) -> None:
    file = tmp_path / "p.json"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=part or "digits"):
        import_prosimos(write(tmp_path, ONE), file)


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    diagram, data = repairs()
    data["task_resource_distribution"][0]["resources"].append({"resource_id": "Bob", **expon(900)})
    first = read(tmp_path, diagram, data)
    for seed in range(3):
        shuffled = copy.deepcopy(data)
        for part in shuffled.values():
            if isinstance(part, list):
                random.Random(seed).shuffle(part)
        random.Random(seed).shuffle(shuffled["task_resource_distribution"][0]["resources"])
        assert to_data(read(tmp_path, diagram, shuffled).scenario) == to_data(first.scenario)


def test_the_command(tmp_path: Path) -> None:
    diagram, data = repairs()
    (tmp_path / "p.json").write_text(json.dumps(data))
    out = tmp_path / "scenario.yaml"
    command = [sys.executable, "-m", "salessim", "import", "prosimos", str(write(tmp_path, diagram)), str(tmp_path / "p.json"), "--out", str(out)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert found.returncode == 0, found.stderr
    assert "3 steps, 2 teams" in found.stdout
    assert "in EUR" in found.stderr
    assert len(Scenario.load(out).steps) == 3
    bad = subprocess.run([*command, "--horizon", "soon"], capture_output=True, text=True, timeout=240)
    assert (bad.returncode, bad.stdout, len(bad.stderr.splitlines())) == (2, "", 1)
