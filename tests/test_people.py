"""The life of people: who is there when, how fast they are, what they cost -- against hand arithmetic and formulas."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import pytest

from salessim import engines
from salessim.engines import arrays
from salessim.engines.reference import Reference
from salessim.errors import LimitReached, ScenarioError
from salessim.jit import interpreted
from salessim.network import build
from salessim.pace import LONG_AGO, paced
from salessim.records import Replication
from salessim.scenario.model import Scenario
from salessim.scenario.traffic import loads
from salessim.staff import drawn
from salessim.units import DAY, HOUR, MONTH, YEAR
from tests.conftest import ROOT
from tests.models import random_network
from tests.test_oracles import exponential, holds, wait

OFFICE = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}}


def desk(team: dict[str, Any], *, times: list[str] | None = None, work: Any = "1 h", horizon: str = "4 weeks", rate: str = "0 per day", **more: Any) -> Scenario:
    """One team, one step; cases at given times or at a rate. The run begins on a Monday."""
    source = {"replay": times} if times is not None else {"arrivals": {"rate": rate}}
    return Scenario.parse({
        "clock": {"start": "2026-03-02", "horizon": horizon, **more.pop("clock", {})}, "calendars": {**OFFICE, **more.pop("calendars", {})},
        "teams": {"sales": {"size": 1, "calendar": "office", "cost": "60 EUR/hour", **team}, **more.pop("teams", {})}, "segments": {"all": {}},
        "channels": {"in": {"enters": "call", "segments": {"all": 1}, **source}},
        "stages": {"all": {"steps": {"call": {"work": work, "by": "sales", "then": [{"done": True}]} | more}}},
    })  # fmt: skip


def ran(scenario: Scenario, seed: int = 1, number: int = 0, engine: Any = "reference") -> Replication:
    return engines.run(build(scenario), seed=seed, number=number, engine=engine, log=True)


def times(run: Replication) -> list[float]:
    """Hours from the start of each visit to its end."""
    frame = run.log.frame
    return list((frame["ended"] - frame["started"]).dt.total_seconds() / 3600)


# --- hours and pay -----------------------------------------------------------------------------------------------


def test_meetings_and_courses_take_just_their_hours_and_are_paid() -> None:
    plain = ran(desk({"size": 3}))
    team = {
        "size": 3, "meetings": [{"days": "Mon", "hours": "09:00-10:00"}, {"days": "Wed", "hours": "16:00-18:00", "every": "2 weeks"}],
        "courses": [{"start": "2026-03-09", "end": "2026-03-10", "hours": "09:00-12:00"}],
    }  # fmt: skip
    run = ran(desk(team))
    # 4 x 1 h on Mondays; 2 x 1 h (of the second hour nobody is there); 2 x 3 h, one of which is the Monday meeting's.
    removed = 3 * (4 + 2 + 5) * HOUR
    assert plain.totals.on_duty[0] == 3 * 160 * HOUR
    assert run.totals.in_meetings[0] == removed
    assert run.totals.on_duty[0] + run.totals.in_meetings[0] == plain.totals.on_duty[0]
    assert run.team_cost[0] == plain.team_cost[0] == 3 * 160 * 60


@pytest.mark.parametrize("at_shift_end", ["suspend", "overtime"])
def test_work_in_hand_waits_for_the_end_of_a_meeting(at_shift_end: str) -> None:
    team = {"meetings": [{"days": "Mon", "hours": "10:00-11:00"}], "at_shift_end": at_shift_end}
    run = ran(desk(team, times=["2026-03-02T09:30:00", "2026-03-02T10:30:00"], work="2 h"))
    assert [str(t)[11:16] for t in run.log.frame["ended"]] == ["12:30", "14:30"]
    assert [str(t)[11:16] for t in run.log.frame["started"]] == ["09:30", "12:30"]
    assert run.totals.busy[0] == 4 * HOUR
    assert run.totals.overtime[0] == 0


def test_who_joins_and_leaves_on_dates_is_there_and_paid_in_between() -> None:
    team = {"size": 2, "joining": [{"count": 2, "date": "2026-03-16"}], "leaving": [{"date": "2026-03-23"}]}
    minutes = [f"2026-03-{day:02d}T{9 + h:02d}:{m:02d}:00" for day in (3, 17, 24) for h in range(4) for m in range(0, 60, 10)]
    run = ran(desk(team, times=minutes))
    assert run.totals.on_duty[0] == (2 * 160 + 2 * 80 - 40) * HOUR
    assert run.totals.absent[0] == (2 * 80 + 40) * HOUR
    assert run.team_cost[0] == (2 * 160 + 2 * 80 - 40) * 60
    frame = run.log.frame.assign(week=run.log.frame["started"].dt.isocalendar().week)
    seen = frame.groupby("week")["person"].agg(lambda p: sorted(set(p)))
    assert seen[10] == ["sales-1", "sales-2"]
    assert seen[12] == ["sales-1", "sales-2", "sales-3", "sales-4"]
    assert seen[13] == ["sales-2", "sales-3", "sales-4"]  # the longest-serving has left
    salary = ran(desk(team | {"cost": "6100 EUR/month"}))
    employed = (2 * 28 + 2 * 14 - 7) * DAY
    assert salary.team_cost[0] == pytest.approx(6100 * employed / MONTH, rel=1e-12)


def test_absence_takes_its_share_and_hours_add_up() -> None:
    team = {"size": 20, "absence": {"share": "10 %", "spell": {"law": "gamma", "mean": "3 days", "cv": 0.8}}}
    network = build(desk(team, horizon="3 years", work="20 min", rate="300 per week"))
    runs = [engines.run(network, seed=5, number=i, engine="compiled") for i in range(40)]
    whole = network.on_duty[0]
    for run in runs:
        assert run.totals.on_duty[0] + run.totals.absent[0] == whole
        assert run.team_cost[0] == pytest.approx(run.totals.on_duty[0] / HOUR * 60, rel=1e-12)
    holds([run.totals.on_duty[0] / whole for run in runs], 0.9, 0.005)


def test_a_salary_runs_on_in_absence_and_hourly_pay_if_it_is_agreed() -> None:
    absence = {"share": "30 %", "spell": "2 days"}
    for team, paid in (({"absence": absence | {"paid": True}}, 160 * 60.0), ({"absence": absence, "cost": "6100 EUR/month"}, 6100 * 28 * DAY / MONTH)):
        run = ran(desk(team))
        assert run.totals.absent[0] > 0
        assert run.team_cost[0] == pytest.approx(paid, rel=1e-12)


@pytest.mark.parametrize("team", [{"absence": {"share": 0.3, "spell": {"law": "exponential", "mean": "4 h"}}}, {"attrition": {"tenure": {"law": "exponential", "mean": "3 days"}, "hiring": "1 day"}}])
def test_nobody_leaves_before_the_work_in_hand_is_done_nor_begins_before_being_back(team: dict[str, Any]) -> None:
    network = drawn(build(desk(team | {"size": 3, "calendar": "always"}, work={"law": "exponential", "mean": "2 h"}, rate="34 per day")), 3, 0)
    raw = Reference(network, 3, 0, True).run()
    later = 0
    for (person, start, end, _), left in zip(network.roster.spell, raw.left):
        mine = raw.visit_what[:, 4] == person
        begun, done = raw.visit_time[mine, 1], np.where(raw.visit_time[mine, 2] < 0, 1 << 60, raw.visit_time[mine, 2])
        if left >= 0:
            assert not np.any((begun < end) & (done > left))
            assert left in (max(start, 0), *done)
            later += left > start
        else:  # the spell was over before the work in hand
            assert np.any((begun <= start) & (done >= min(end, network.model.horizon)))
    assert later > 20


def test_a_place_is_empty_as_long_as_hiring_takes_and_successors_have_names_of_their_own() -> None:
    team = {"size": 10, "calendar": "always", "attrition": {"tenure": {"law": "exponential", "mean": "60 days"}, "hiring": "20 days"}}
    network = build(desk(team, horizon="60 years", clock={"warm_up": "1 year"}))
    holds([engines.run(network, seed=2, number=i).totals.on_duty[0] / network.on_duty[0] for i in range(20)], 60 / 80, 0.01)
    run = ran(desk(team, horizon="1 year", rate="40 per day"))
    names = set(run.log.frame["person"])
    assert {"sales-1", "sales-1 (2)", "sales-1 (3)"} <= names
    first, second = (run.log.frame.loc[run.log.frame["person"] == n, "started"] for n in ("sales-1", "sales-1 (2)"))
    assert first.max() < second.min()
    assert (second.min() - first.max()).days >= 19


def test_part_timers_are_a_team_whose_calendar_holds_their_share_of_the_hours() -> None:
    mornings = {"mornings": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-13:48"}]}}
    run = ran(desk({"size": 2}, calendars=mornings, teams={"part-timers": {"size": 5, "calendar": "mornings"}}, by=["sales", "part-timers"]))
    part, full = run.totals.on_duty / HOUR
    assert part == pytest.approx(0.6 * 5 / 2 * full)


# --- pace --------------------------------------------------------------------------------------------------------


def test_a_five_month_ramp_leaves_79_percent_of_the_first_year() -> None:
    team = {"size": 0, "calendar": "always", "joining": [{"date": "2026-03-02"}], "ramp": {"start": 0, "over": "5 months"}}
    network = build(desk(team))
    own = interpreted(paced)
    assert own(network.model.paces, 0, 0.79166666666666667 * YEAR, 0, 0, 0.0, 1, 0.0) == pytest.approx(YEAR, rel=1e-9)
    assert own(network.model.paces, 0, 100.0, 0, LONG_AGO, 0.0, 1, 0.0) == 100.0
    busy = ran(desk(team, work="1 h", rate="40 per day", horizon="1 year"))
    assert busy.totals.finished[0] / (YEAR / HOUR) == pytest.approx(0.79166667, abs=2e-4)


def test_a_table_is_a_ramp_too_and_a_hire_before_the_start_has_part_of_it_behind() -> None:
    table = {"points": [["0 days", 0.25], ["7 days", 0.25], ["14 days", 1.0]]}
    run = ran(desk({"size": 0, "joining": [{"date": "2026-02-28"}], "ramp": table}, times=["2026-03-02T09:00:00", "2026-03-16T09:00:00"]))
    assert times(run) == [4.0, 1.0]


def test_the_eighth_job_of_an_80_percent_curve_takes_half_the_time() -> None:
    team = {"learning": {"rate": "80 %"}}
    assert times(ran(desk(team, times=["2026-03-02T09:00:00"] * 8)))[7] == pytest.approx(0.512, abs=1e-9)
    assert times(ran(desk(team, times=["2026-03-02T09:00:00"] * 8)))[:4] == pytest.approx([1, 0.8, 3 ** math.log2(0.8), 0.64], abs=1e-9)
    floor = {"learning": {"rate": "80 %", "experience": 3, "floor": "60 %"}}
    assert times(ran(desk(floor, times=["2026-03-02T09:00:00"] * 2))) == pytest.approx([0.64, 0.6], abs=1e-9)


def test_a_team_can_be_slower_for_a_time_and_recover() -> None:
    team = {"pace": [{"start": "2026-03-03", "end": "2026-03-04", "pace": 0.5, "recovers": "10 days"}]}
    # The 5th begins the recovery: at 09:00 on the 10th, 5.375 of 10 days are over.
    run = ran(desk(team, times=[f"2026-03-{d:02d}T09:00:00" for d in (2, 3, 4, 10, 20)]))
    assert times(run) == pytest.approx([1, 2, 2, 1 / (0.5 + 0.5 * 0.5375), 1])


def test_people_hurry_when_many_wait() -> None:
    run = ran(desk({"under_load": {"waiting": 2, "pace": 2}}, times=["2026-03-02T09:00:00"] * 4))
    assert times(run) == pytest.approx([1, 0.5, 1 / 1.5, 1])  # 0, 2, 1 and 0 wait as each begins


def test_a_second_chat_goes_to_who_has_none_and_a_further_one_takes_longer() -> None:
    team = {"size": 2, "concurrency": 2, "slowdown": 0.5}
    run = ran(desk(team, times=["2026-03-02T09:00:00"] * 5))
    frame = run.log.frame.sort_values("case")
    assert list(frame["person"]) == ["sales-1", "sales-2", "sales-1", "sales-2", "sales-1"]
    assert sorted(times(run)) == [1, 1, 1.5, 1.5, 1.5]
    assert run.totals.busy[0] == 6.5 / 2 * HOUR  # each case is half of a person's time
    assert run.totals.on_duty[0] == 2 * 160 * HOUR
    assert run.team_cost[0] == 2 * 160 * 60


# --- formulas ----------------------------------------------------------------------------------------------------


def test_five_people_with_two_chats_each_are_ten_servers() -> None:
    scenario = desk({"size": 5, "concurrency": 2, "calendar": "always"}, work=exponential(1), rate=f"{9 * 24} per day", horizon="40000 h", clock={"warm_up": "500 h"})
    network = build(scenario)
    within, busy = [], []
    for i in range(20):
        raw = arrays.run(network, 17, i, log=True, cases=False)
        waited = (raw.visit_time[:, 1] - raw.visit_time[:, 0])[(raw.visit_time[:, 1] >= 500 * HOUR)]
        within.append(float(np.mean(waited <= HOUR / 2)))
        busy.append(engines.run(network, seed=17, number=i, engine="compiled").totals.busy[0] / network.on_duty[0])
    holds(within, 0.59439383, 0.01)
    holds(busy, 0.9, 0.01)


def test_cross_training_two_teams_makes_one_of_them() -> None:
    def two(cross: bool) -> Scenario:
        steps = {n: {"work": exponential(1), "by": [n, o] if cross else n, "then": [{"done": True}]} for n, o in (("a", "b"), ("b", "a"))}
        return Scenario.parse({
            "clock": {"start": "2026-01-01", "horizon": "120000 h", "warm_up": "500 h"}, "teams": {"a": {"size": 2}, "b": {"size": 2}}, "segments": {"all": {}},
            "channels": {n: {"enters": n, "segments": {"all": 1}, "arrivals": {"rate": "36 per day"}} for n in "ab"}, "stages": {"all": {"steps": steps}},
        })  # fmt: skip

    for cross, exact in ((False, 1.28571429), (True, 0.50943396)):
        network = build(two(cross))
        runs = [engines.run(network, seed=23, number=i, engine="compiled") for i in range(24)]
        holds([(wait(r, 0) + wait(r, 1)) / 2 for r in runs], exact, 0.015)


def test_a_system_is_up_for_mtbf_over_mtbf_and_mttr() -> None:
    machine = {"machine": {"shifts": [{"days": "Mon-Sun", "hours": "00:00-24:00"}], "outages": {"between": {"law": "exponential", "mean": "40 h"}, "repair": {"law": "gamma", "mean": "10 h", "cv": 0.5}}}}
    network = build(desk({"calendar": "machine"}, calendars=machine, horizon="10 years", work="5 h", rate="1.5 per day"))
    runs = [engines.run(network, seed=4, number=i, engine="compiled") for i in range(20)]
    holds([r.totals.on_duty[0] / network.on_duty[0] for r in runs], 0.8, 0.01)
    assert runs[0].team_cost[0] == pytest.approx(60 * 10 * YEAR / HOUR)  # who waits for a system is paid
    automatic = desk({}, calendars=machine, horizon="10 years", rate="1.5 per day")
    data = automatic.model_dump(mode="json", by_alias=True, exclude_unset=True)
    data["stages"]["all"]["steps"] = {"call": {"automatic": "5 h", "calendar": "machine", "then": [{"done": True}]}}
    held = [run.totals.present_area[0] / run.totals.finished[0] / HOUR for run in (engines.run(build(Scenario.parse(data)), seed=4, number=i, engine="compiled") for i in range(20))]
    # A case comes in a random moment: it waits for the repair with probability 0.2, half a repair times (1 + cv^2) on average, and
    # meets 5 / 40 further failures of 10 h each while it works.
    holds(held, 5 + 0.2 * 10 / 2 * 1.25 + 5 / 40 * 10, 0.02)


# --- invariants --------------------------------------------------------------------------------------------------


def test_hours_worked_never_exceed_hours_on_duty_but_for_overtime() -> None:
    networks = [build(Scenario.load(ROOT / "scenarios" / "b2b.yaml")), *(random_network(s) for s in range(250))]
    late = busy = 0.0
    for seed, network in enumerate(networks):
        try:
            totals = engines.run(network, seed=seed, engine="reference").totals
        except LimitReached:
            continue
        assert np.all(totals.busy - totals.overtime <= totals.on_duty + 1e-6), seed
        assert np.all(totals.on_duty >= 0)
        assert np.all(totals.absent >= 0)
        late, busy = late + totals.overtime.sum(), busy + totals.busy.sum()
    assert 0 < late < busy


def test_nobody_does_two_things_at_once_unless_allowed() -> None:
    rows = 0
    for seed in range(150):
        network = drawn(random_network(seed), seed, 3)
        try:
            raw = Reference(network, seed, 3, True).run()
        except LimitReached:
            continue
        for r in range(4, raw.visit_what.shape[1]):
            there = raw.visit_what[:, r] >= 0
            for place in np.unique(raw.visit_what[there, r]):
                mine = np.any(raw.visit_what[:, 4:] == place, axis=1)
                begun = raw.visit_time[mine, 1]
                done = np.where(raw.visit_time[mine, 2] < 0, network.model.horizon, raw.visit_time[mine, 2])
                order = np.lexsort((done, begun))
                assert np.all(begun[order][1:] >= done[order][:-1]), (seed, place)
                rows += len(begun)
    assert rows > 3000


def test_both_people_of_a_meeting_spend_the_same_hours_and_nobody_waits_for_ever() -> None:
    team = {"size": 2, "calendar": "office", "absence": {"share": 0.2, "spell": {"law": "exponential", "mean": "5 h"}}}
    for seed in range(20):
        scenario = desk(
            team, work={"law": "exponential", "mean": "1 h"}, rate="20 per week", together_with=["presales"], horizon="20 weeks", teams={"presales": team}
        )
        run = ran(scenario, seed)
        presales, sales = run.totals.busy
        assert presales == sales > 0
        last = run.log.frame["ended"].max()
        assert (run.log.about.end - last).days < 5  # work goes on until the end
        assert run.totals.queue_area[0] / (20 * 7 * DAY) < 20


def test_a_model_without_any_of_it_runs_as_it_always_did() -> None:
    raw = arrays.run(build(Scenario.load(ROOT / "scenarios" / "b2b.yaml")), 7, 3, log=True, cases=True)
    digest = hashlib.sha256(raw.visit_time.tobytes() + np.ascontiguousarray(raw.visit_what).tobytes()).hexdigest()
    assert len(raw.left) == 0
    assert digest == "4c513fbc502241444d297652dffb67afd621887cc0e71cf1d2db746c7abe6c51"


def test_replications_and_people_draw_for_themselves() -> None:
    absence = {"absence": {"share": 0.3, "spell": {"law": "exponential", "mean": "3 h"}}}
    one, two = (build(desk({"size": n} | absence)) for n in (1, 2))
    spells = drawn(one, 9, 0).roster.spell
    assert np.array_equal(spells, [s for s in drawn(two, 9, 0).roster.spell if s[0] == 0])
    assert not np.array_equal(spells, drawn(one, 9, 1).roster.spell)
    assert drawn(drawn(one, 9, 0), 9, 0).roster.spell.tolist() == spells.tolist()


def test_load_counts_who_is_there() -> None:
    rate = {"rate": "20 per week", "work": "1 h"}
    assert loads(desk({"size": 2}, **rate))[0].available == pytest.approx(80)
    there = loads(desk({"size": 2, "absence": {"share": "10 %", "spell": "3 days"}, "meetings": [{"days": "Mon", "hours": "09:00-13:00"}]}, **rate))[0]
    assert there.available == pytest.approx(2 * 36 * 0.9)
    assert loads(desk({"size": 2, "joining": [{"date": "2026-03-16"}]}, **rate))[0].available == pytest.approx(100)
    assert loads(desk({"concurrency": 2, "slowdown": 0.25}, **rate))[0].load == pytest.approx(20 / 40 * 1.25 / 2)
    assert loads(desk({"learning": {"rate": "80 %", "experience": 7}}, **rate))[0].load == pytest.approx(20 / 40 * 0.512)


@pytest.mark.parametrize(
    ("team", "said"),
    [
        ({"absence": {"share": "95 %", "spell": "1 day"}}, "leaves hardly anybody"),
        ({"absence": {"share": "5 %", "spell": "0 days"}}, "takes no time"),
        ({"absence": {"share": "5 %", "spell": "20 EUR"}}, "where a time belongs"),
        ({"absence": {"share": "5 %", "spell": "1 us"}}, "spells before the horizon; give longer"),
        ({"leaving": [{"count": 2, "date": "2026-03-10"}]}, "2 people leave, but only 1 were there"),
        ({"ramp": {"over": "5 months"}}, "nobody joins; add 'joining'"),
        ({"joining": [{"date": "2026-03-10"}], "ramp": {"over": "5 months", "points": [["0 days", 1]]}}, "give 'start' and 'over', or 'points'"),
        ({"joining": [{"date": "2026-03-10"}], "ramp": {"points": [["0 days", 0.5], ["9 days", 0]]}}, "ends at a pace of hardly anything"),
        ({"learning": {"rate": "20 %"}}, "rate"),
        ({"slowdown": 0.2}, "concurrency is 1"),
        ({"meetings": [{"days": "Sun", "hours": "09:00-10:00"}]}, "never falls into the working hours"),
        ({"meetings": [{"days": "Mon", "hours": "09:00-10:00", "every": "10 days"}]}, "whole weeks"),
        ({"meetings": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, "fill its whole calendar"),
        ({"courses": [{"start": "2026-03-10", "end": "2026-03-09"}]}, "swap the dates"),
        ({"pace": [{"start": "2026-03-10", "end": "2026-03-09", "pace": 0.5}]}, "swap the dates"),
        ({"under_load": {"waiting": 0, "pace": 2}}, "waiting"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(team: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        build(desk(team))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "teams.sales" in str(refused.value)


def test_who_does_several_cases_at_once_is_not_asked_together_with_others() -> None:
    with pytest.raises(ScenarioError, match="several cases at once, so a step cannot need them together"):
        desk({"size": 3, "concurrency": 2}, together_with=["sales"])


def test_outages_that_take_no_time_or_money_are_refused() -> None:
    for outages, said in (({"between": "0 h", "repair": "1 h"}, "'between' takes no time"), ({"between": "1 EUR", "repair": "1 h"}, "where a time belongs")):
        with pytest.raises(ScenarioError, match=said):
            desk({}, calendars={"machine": {"shifts": [{"days": "Mon", "hours": "09:00-10:00"}], "outages": outages}})


