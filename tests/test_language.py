"""What the scenario language promises, and what it refuses: rates, exits, levers, bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salessim import engines
from salessim.engines.reference import Reference
from salessim.errors import InputError, LimitReached, ScenarioError
from salessim.library import template
from salessim.network import build
from salessim.optimisation import optimise
from salessim.scenario.levers import apply, misfits, propose, without_work
from salessim.scenario.model import Scenario
from salessim.scenario.parts import LONGEST_NAME
from salessim.scenario.paths import plain
from salessim.scenario.traffic import arrival_rates, loads, throughput

WEEK = 7 * 86_400_000_000
CALENDARS: dict[str, Any] = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}], "holidays": "DE"}}


def scenario(steps: dict[str, Any] | None = None, **parts: Any) -> Scenario:
    """One team, one channel into `x`; parts override."""
    data: dict[str, Any] = {
        "name": "small", "clock": {"start": "2026-01-05", "horizon": "52 weeks"}, "calendars": CALENDARS, "teams": {"a": {"size": 2, "cost": "40 EUR/hour"}},
        "segments": {"all": {}}, "channels": {"web": {"enters": "x", "segments": {"all": 1}, "arrivals": {"rate": "100 per week"}}},
        "stages": {"s": {"steps": steps or {"x": {"work": "10 min", "by": "a", "then": [{"done": True}]}}}}, **parts,
    }  # fmt: skip
    return Scenario.parse(data)


def work(*then: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"work": "10 min", "by": "a", "then": list(then), **more}


# --- arrivals --------------------------------------------------------------------------------------------------------


def test_a_rate_is_what_comes_in_an_ordinary_week_whatever_the_calendar() -> None:
    def weekly(**arrivals: Any) -> float:
        found = scenario(channels={"web": {"enters": "x", "segments": {"all": 1}, "arrivals": {"rate": "100 per week", **arrivals}}})
        return arrival_rates(found)["x", "all"] * WEEK

    office = {"calendar": "office"}
    # 2026 has 5 German holidays on weekdays within these 52 weeks' 260 working days.
    closed = 1 - len(_weekday_holidays()) / 260
    assert weekly() == pytest.approx(100)
    assert weekly(**office) == pytest.approx(100 * closed)
    assert weekly(weekdays={"Mon": 2, "Tue": 1, "Wed": 1, "Thu": 1, "Fri": 1, "Sat": 9}, **office) == pytest.approx(100 * closed, rel=0.02)
    assert weekly(hours={"09:00-12:00": 3, "12:00-24:00": 1}, **office) == pytest.approx(100 * closed)


def _weekday_holidays() -> list[Any]:
    import datetime as dt

    import holidays

    first = dt.date(2026, 1, 5)
    return [d for d in holidays.country_holidays("DE", years=[2026, 2027]) if d.weekday() < 5 and first <= d < first + dt.timedelta(weeks=52)]


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_replay_without_dates_in_the_horizon_brings_nothing(engine: Any) -> None:
    base = scenario()
    other = base.channels["web"].model_dump(mode="json", exclude_unset=True)
    both = base.change({"channels": {"old": {"enters": "x", "segments": {"all": 1}, "replay": ["2020-01-01T10:00:00"]}, "web": other}, "clock.horizon": "4 weeks"})
    log = engines.run(build(both), seed=1, engine=engine, log=True).log
    assert log is not None
    assert set(log.frame["channel"]) == {"web"}
    alone = base.change({"channels": {"old": {"enters": "x", "segments": {"all": 1}, "replay": []}}})
    assert len(engines.run(build(alone), seed=1, engine=engine).cases.born) == 0


# --- exits -----------------------------------------------------------------------------------------------------------


def test_a_loop_without_exit_for_one_segment_is_refused_with_its_name() -> None:
    with pytest.raises(ScenarioError, match="segment 'A' can never leave"):
        scenario(
            {"x": work({"to": "x", "share": {"A": 1, "B": 0}}, {"done": True})}, segments={"A": {}, "B": {}},
            channels={"web": {"enters": "x", "segments": {"A": 0.5, "B": 0.5}, "arrivals": {"rate": "1 per week"}}},
        )  # fmt: skip


def test_three_rounds_and_out() -> None:
    found = scenario({"x": work({"to": "x", "share": 1, "limit": 2}, {"done": True})})
    assert throughput(found)["x", "all"] * WEEK == pytest.approx(300)
    run = engines.run(build(found), seed=2, engine="compiled")
    assert run.totals.finished[0] / run.totals.entered[0] == pytest.approx(1, abs=0.01)
    assert run.totals.entered[0] / len(run.cases.born) == pytest.approx(3, abs=0.02)


def test_routes_that_all_have_a_limit_for_a_segment_are_refused() -> None:
    with pytest.raises(ScenarioError, match="every route with a share has a limit"):
        scenario(
            {"x": work({"to": "x", "share": {"A": 1, "default": 0.5}, "limit": 2}, {"done": True, "share": {"A": 0, "default": 0.5}})}, segments={"A": {}, "B": {}},
            channels={"web": {"enters": "x", "segments": {"A": 0.5, "B": 0.5}, "arrivals": {"rate": "1 per week"}}},
        )  # fmt: skip


def test_renewal_for_ever_is_counted_up_to_the_horizon() -> None:
    """Each case brings one more a week later: of 100 a week over 52 weeks the k-th generation comes for (52 - k) weeks."""
    spawn = {"kind": "renewal", "to": "x", "probability": 1, "after": "1 week"}
    found = scenario({"x": work({"done": True}, spawns=[spawn])}, teams={"a": {"size": 30}})
    assert throughput(found)["x", "all"] * WEEK == pytest.approx(100 * sum((52 - k) / 52 for k in range(52)))
    run = engines.run(build(found), seed=2, engine="compiled")
    assert len(run.cases.born) / 52 == pytest.approx(100 * 26.5, rel=0.05)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_cases_that_bring_each_other_at_one_instant_are_stopped(engine: Any) -> None:
    spawn = {"kind": "more", "to": "x", "probability": 1, "after": "0 min"}
    found = scenario({"x": {"automatic": "0 min", "then": [{"done": True}], "spawns": [spawn]}})
    with pytest.raises(LimitReached, match="at one instant, last at step 'x'"):
        engines.run(build(found), seed=1, engine=engine)


# --- loads -----------------------------------------------------------------------------------------------------------


def test_people_who_hardly_meet_have_a_row_of_their_own() -> None:
    """100 x 30 min a week against one shared hour on each of five days."""
    found = scenario(
        {"x": {"work": "30 min", "by": "a", "together_with": ["b"], "then": [{"done": True}]}}, clock={"start": "2026-01-05", "horizon": "10 weeks"},
        calendars={"early": {"shifts": [{"days": "Mon-Fri", "hours": "08:00-13:00"}]}, "late": {"shifts": [{"days": "Mon-Fri", "hours": "12:00-17:00"}]}},
        teams={"a": {"size": 5, "calendar": "early"}, "b": {"size": 4, "calendar": "late"}},
    )  # fmt: skip
    rows = {r.team: r for r in loads(found)}
    assert rows["x (a with b)"].load == pytest.approx(100 * 0.5 / (4 * 5))
    assert rows["a"].load == pytest.approx(50 / 125)


def test_a_team_that_gets_those_who_gave_up_says_so() -> None:
    steps = {"x": work({"done": True}, patience="5 min", gives_up={"to": "y"}), "y": {"work": "10 min", "by": "b", "then": [{"done": True}]}}
    rows = {r.team: r for r in loads(scenario(steps, teams={"a": {"size": 1}, "b": {"size": 1}}))}
    assert rows["b"].or_more
    assert not rows["a"].or_more


# --- levers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "bounds", "setting", "said"),
    [
        ("teams.a.cost", ["30 EUR/hour", "50 EUR/hour"], 35.0, "35 EUR/hour"),
        ("channels.web.arrivals.rate", ["50 per week", "200 per week"], 120.0, "120 per week"),
        ("steps.x.then.0.share", ["20 %", "70 %"], 0.25, "25 %"),
        ("steps.x.work", ["5 min", "10 min"], 7 * 60e6, "7 min"),
        ("steps.x.work.value", ["5 min", "10 min"], 7 * 60e6, "7 min"),
        ("teams.a.overtime_pay", [1, 2], 1.25, 1.25),
        ("segments.all.value", ["100 EUR", "900 EUR"], 300.0, "300 EUR"),
    ],
)
def test_ranges_of_every_unit(field: str, bounds: list[Any], setting: float, said: Any) -> None:
    from salessim.scenario.paths import plain

    base = scenario({"x": work({"lost": "no", "share": 0.4}, {"done": True})}, segments={"all": {"value": "500 EUR"}})
    base = base.change({"teams.a.overtime_pay": 1.5, "levers": {"l": {"field": field, "range": bounds}}})
    assert list(misfits(base)) == []
    assert plain(apply(base, {"l": setting}), field) == said


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        ({"field": "steps.x.work", "integer": [1, 5]}, "not a whole number"),
        ({"field": "teams.a.size", "range": [1, 5]}, "use 'integer"),
        ({"field": "steps.x.work", "range": ["foo", "bar"]}, "not a time"),
        ({"field": "steps.x.work", "range": ["20 min", "5 min"]}, "put the smaller first"),
        ({"field": "steps.x.work", "range": ["5 min", "7 EUR"]}, "use one kind of unit"),
        ({"field": "steps.x.waiting_room", "range": [1, 3]}, "holds no single quantity today"),
        ({"field": "steps.core.work", "choice": ["1 min", "2 min"]}, "core step, which no lever may touch"),
        ({"field": "steps.core.core", "choice": [True, False]}, "core step, which no lever may touch"),
        ({"field": "stages.s", "choice": [{}]}, "core step, which no lever may touch"),
        ({"field": "name", "choice": ["a", "b"]}, "says nothing about the process"),
        ({"merge": ["x", "wait"], "time": "5 min"}, "of one kind"),
    ],
)
def test_levers_that_cannot_work_are_refused_when_a_scenario_is_loaded(lever: dict[str, Any], said: str) -> None:
    steps = {"x": work({"to": "core"}), "core": work({"to": "wait"}, core=True), "wait": {"customer": "1 day", "then": [{"done": True}]}}
    with pytest.raises(ScenarioError, match=said):
        scenario(steps, levers={"l": lever})


def test_a_field_that_is_not_set_can_be_set() -> None:
    base = scenario(levers={"room": {"field": "steps.x.waiting_room", "integer": [1, 3]}})
    assert apply(base, {"room": None}) is base
    assert apply(base, {"room": 2}).steps["x"].waiting_room == 2


def test_a_choice_of_what_is_already_so_changes_and_costs_nothing() -> None:
    base = scenario(levers={"time": {"field": "steps.x.work", "choice": ["600 s", "5 min"], "one_off_cost": "1000 EUR"}})
    assert apply(base, {"time": "600 s"}) is base
    assert str(apply(base, {"time": "5 min"}).costs["lever time"].one_off) == "1000 EUR"


def test_levers_that_exclude_each_other_are_refused_together() -> None:
    steps = {"x": work({"to": "y"}), "y": work({"to": "z"}), "z": work({"done": True})}
    base = scenario(steps, levers={"a drop": {"remove": "y"}, "machine": {"automate": "y", "time": "1 min"}, "one": {"merge": ["x", "y"], "time": "15 min"}})
    for together in ({"a drop": True, "machine": True}, {"a drop": True, "one": True}, {"machine": True, "one": True}):
        with pytest.raises(ScenarioError, match="pull one of them only"):
            apply(base, together)
    with pytest.raises(ScenarioError, match="both set"):
        scenario(steps, levers={"more": {"add_staff": "a", "up_to": 2}, "size": {"field": "teams.a.size", "integer": [1, 4]}})


def test_one_system_does_what_a_log_knows_as_one_activity() -> None:
    steps = {"x": work({"to": "x after a call"}), "x after a call": work({"to": "y"}, activity="x"), "y": work({"done": True})}
    design = apply(scenario(steps, levers={"machine": {"automate": ["x", "x after a call"], "share": 0.4, "time": "1 min", "failure": 0.1, "one_off_cost": "900 EUR"}}), {"machine": True})
    assert {n: s.automation.share for n, s in design.steps.items() if s.automation} == {"x": 0.4, "x after a call": 0.4}
    assert {"x by hand", "x after a call by hand"} <= design.steps.keys(), "each is done by hand after all where the system fails"
    assert [str(c.one_off) for c in design.costs.values()] == ["900 EUR"], "one system is paid once"
    with pytest.raises(ScenarioError, match="it names 'x' twice; keep one of them"):
        scenario(steps, levers={"machine": {"automate": ["x", "x"], "time": "1 min"}})


def test_what_is_proposed_automates_activities_and_has_names_that_a_scenario_may_have() -> None:
    long = "check again and again and " * 4
    long = long[:LONGEST_NAME]
    steps = {"x": work({"to": long}, core=True), long: work({"to": "y"}), "y": work({"to": "y after a call"}), "y after a call": work({"done": True}, activity="y")}
    base = scenario(steps)
    proposed = propose(base)
    assert [lever.automate for lever in proposed.values() if lever.KEY == "automate"] == [(long,), ("y", "y after a call")]
    as_written = {n: lever.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for n, lever in proposed.items()}
    assert base.change({"levers": as_written}).levers.keys() == proposed.keys()


def test_people_are_not_offered_where_work_takes_no_time() -> None:
    """As in what is learnt from ends only: nobody ever waits for a team whose work takes no time."""
    steps = {"x": work({"to": "y"}, work="0 min"), "y": work({"done": True}, by="b")}
    both = scenario(steps, teams={"a": {"size": 2}, "b": {"size": 3}})
    assert without_work(both) == ("a",)
    assert [getattr(lever, "field", "") or lever.automate for lever in propose(both).values()] == ["teams.b.size", ("y",)]
    nothing = both.change({"steps.y.work": "0 min"})
    assert without_work(nothing) == ("a", "b")
    assert propose(nothing) == {}
    with pytest.raises(InputError, match=r"declares no levers, and none can be proposed: no work takes time in it.*write levers under 'levers:'"):
        optimise(nothing)


def test_a_figure_by_its_path_is_what_a_file_would_have_there() -> None:
    """Whatever record it stands in: as in the scenario written down as a whole."""
    found = template("enterprise-field").scenario()
    file = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    seen = 0
    for keys in below(file):
        if not any("." in key for key in keys):
            here: Any = file
            for key in keys:
                here = here[int(key)] if isinstance(here, list) else here[key]
            assert plain(found, ".".join(keys)) == here
            seen += 1
    assert seen > 1000


def below(part: Any) -> Iterator[list[str]]:
    """Every path in plain data."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield [str(key)]
        yield from ([str(key), *rest] for rest in below(value))


def test_merging_keeps_what_both_lose_and_takes_its_own_time() -> None:
    steps = {
        "x": work({"to": "z", "share": 0.7}, {"lost": "no"}, time_by_segment={"all": "99 min"}, cost="3 EUR"),
        "z": work({"done": True, "share": 0.6}, {"lost": "price"}, cost="100 EUR"),
    }
    merged = apply(scenario(steps, levers={"one": {"merge": ["x", "z"], "time": "15 min"}}), {"one": True})
    step = merged.steps["x"]
    assert {r.lost or "done": step.share_of(r, "all") for r in step.then} == pytest.approx({"no": 0.3, "done": 0.42, "price": 0.28})
    assert step.work is not None
    assert step.work.mean == 15 * 60e6
    # A segment's own time changes in proportion: 99 + 10 minutes where others had 10 + 10, which become 15.
    assert step.time_in("all").mean == pytest.approx((99 + 10) * 15 / 20 * 60e6)
    assert str(step.cost) == "73 EUR"  # 3, and 100 for the 70 % who came to the second
    looping = {"x": work({"to": "x", "share": 0.2, "limit": 1}, {"to": "z"}), "z": work({"done": True, "share": 0.6}, {"lost": "price"})}
    with pytest.raises(ScenarioError, match="by hand"):
        apply(scenario(looping, levers={"one": {"merge": ["x", "z"], "time": "15 min"}}), {"one": True})


@pytest.mark.parametrize(
    "lever",
    [{"remove": "before", "then_to": "sign"}, {"field": "steps.x.then.0.to", "choice": ["before", "sign"]}, {"field": "channels.web.enters", "choice": ["x", "sign"]}],
)
def test_no_design_leads_around_a_core_step(lever: dict[str, Any]) -> None:
    steps = {"x": work({"to": "before"}), "before": work({"to": "approve"}), "approve": work({"to": "sign"}, core=True), "sign": work({"done": True})}
    found = list(misfits(scenario(steps, levers={"short cut": lever})))
    assert len(found) == 1
    assert "'sign' could be reached around the core step 'approve'" in found[0].problem


def test_removing_a_step_that_loses_cases_needs_a_word() -> None:
    steps = {"x": work({"to": "z", "share": 0.7}, {"lost": "no"}), "z": work({"done": True})}
    silent, said = (scenario(steps, levers={"drop": {"remove": "x", **more}}) for more in ({}, {"then_to": "z"}))
    assert [p.problem for p in misfits(silent)] == ["set to True, remove 'x': 30 % of those who leave this step are lost there, and would not be lost any more"]
    assert set(apply(said, {"drop": True}).steps) == {"z"}


# --- one meaning, one hash -------------------------------------------------------------------------------------------


def test_the_order_of_shares_within_a_route_does_not_matter() -> None:
    def routes(first: dict[str, float]) -> Scenario:
        return scenario(
            {"x": work({"to": "x", "share": {"A": 0.3, "B": 0.2}, "limit": 1}, {"to": "x", "share": first}, {"done": True})}, segments={"A": {}, "B": {}},
            channels={"web": {"enters": "x", "segments": {"A": 0.5, "B": 0.5}, "arrivals": {"rate": "50 per week"}}}, clock={"start": "2026-01-05", "horizon": "4 weeks"},
        )  # fmt: skip

    a, b = routes({"A": 0.2, "B": 0.3}), routes({"B": 0.3, "A": 0.2})
    assert a.hash == b.hash
    assert all(np.array_equal(x, y) for x, y in zip(*(Reference(build(s), 1, 0, True).run() for s in (a, b))))


def test_saving_and_changing_keep_every_digit() -> None:
    base = scenario().change({"channels.web.arrivals.rate": "142.85714285714286 per week"})
    again = Scenario.parse(base.model_dump(mode="json", exclude_unset=True, exclude_none=True))
    assert again.channels["web"].arrivals == base.channels["web"].arrivals
    assert base.change({"provenance": {"who": "me"}}).hash == base.hash


# --- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps.x.work": {"law": "lognormal", "median": "1 h", "sigma": 50}}, "beyond all experience"),
        ({"steps.x.work": {"law": "lognormal", "mean": "1 h", "cv": 1e200}}, "beyond all experience"),
        ({"steps.x.work": {"law": "gamma", "mean": "1 h", "cv": 1e200}}, "cannot be computed"),
        ({"steps.x.work": {"law": "gamma", "mean": "1 h", "cv": 1e-200}}, "cannot be computed"),
        ({"clock.start": "9999-06-01"}, "between 1900 and 2200"),
        ({"clock.horizon": "30000 years"}, "longer than 1,000 years"),
        ({"channels.web.arrivals.daily_cv": 1e-5}, "too little to matter"),
        ({"channels.web.arrivals.hours": {"08:00-12:00": 2, "10:00-14:00": 1}}, "overlap"),
        ({"teams.a.skills": {"x": 1e-9}}, "greater than or equal to 0.01"),
        ({"steps.x.then": [{"lost": "a", "share": {"all": "150 %"}}, {"done": True}]}, r"share\.all: 150 % is not between 0 and 1"),
        ({"steps.x.patience": {"law": "expo"}}, "there is no law 'expo'; did you mean 'exponential'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as refused:
        scenario().change(change)
    assert "function-" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_rate_beyond_measure_is_refused_before_it_runs() -> None:
    with pytest.raises(ScenarioError, match="arrivals before the horizon"):
        build(scenario().change({"channels.web.arrivals.rate": "1e300 per week"}))


def test_fading_in_a_queue_needs_a_queue() -> None:
    with pytest.raises(ScenarioError, match="of: age"):
        scenario({"x": {"customer": "10 days", "then": [{"done": True, "share": 0.9, "fades": {"law": "exponential", "half_life": "1 h"}}, {"lost": "cold"}]}})


# --- replays ---------------------------------------------------------------------------------------------------------


def test_arrivals_are_replayed_from_a_log(tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text("deal,created,what\n7,2026-01-06T10:00:00,b\n7,2026-01-05T09:00:00,a\n8,2026-01-07,a\n9,,a\n")
    text = """salessim: 1
clock: {start: 2026-01-05, horizon: 2 weeks}
teams: {a: {size: 1}}
segments: {all: {}}
channels: {old: {enters: x, segments: {all: 1}, replay: {file: crm.csv, time: created, case: deal}}}
stages: {s: {steps: {x: {work: 10 min, by: a, then: [{done: true}]}}}}
"""
    path = tmp_path / "s.yaml"
    path.write_text(text)
    loaded = Scenario.load(path)
    assert [str(d) for d in loaded.channels["old"].replay or ()] == ["2026-01-05 09:00:00", "2026-01-07 00:00:00"]
    loaded.save(tmp_path / "frozen.yaml")
    (tmp_path / "crm.csv").unlink()
    assert Scenario.load(tmp_path / "frozen.yaml").hash == loaded.hash
    for wrong, said in (("time: creatd", "did you mean 'created'"), ("file: ../crm.csv", "outside"), ("file: /crm.csv", "outside"), ("case: what", "crm.csv:3: 'soon'"), ("tme: created", "did you mean 'time'")):
        (tmp_path / "crm.csv").write_text("deal,created,what\n7,2026-01-06T10:00:00,b\n7,soon,a\n" if "soon" in said else "deal,created\n7,2026-01-06\n")
        key = wrong.partition(":")[0]
        fields = {"file": "crm.csv", "time": "created", "case": "deal"} | ({key: wrong.partition(": ")[2]} if key != "tme" else {"tme": "created"})
        path.write_text(text.replace("{file: crm.csv, time: created, case: deal}", "{" + ", ".join(f"{k}: {v}" for k, v in fields.items()) + "}"))
        with pytest.raises(ScenarioError, match=said):
            Scenario.load(path)


# --- the published schema --------------------------------------------------------------------------------------------


def test_the_schema_that_editors_read_accepts_what_we_accept_and_refuses_the_rest(b2b: Path) -> None:
    import jsonschema

    from salessim.demo import TRUTH
    from salessim.scenario.loader import scenario_schema
    from salessim.scenario.yaml import load_yaml
    from tests.models import random_scenario

    validator = jsonschema.Draft202012Validator(scenario_schema())
    written = [load_yaml(path.read_text(), str(path))[0] for path in (b2b, TRUTH)]
    for data in [*written, *(random_scenario(s).model_dump(mode="json", exclude_unset=True, exclude_none=True) for s in range(60))]:
        assert [e.message for e in validator.iter_errors(data)] == []
    assert not validator.is_valid({**written[0], "chanels": {}})
    assert not validator.is_valid({**written[0], "teams": {"a": {"size": "two"}}})
