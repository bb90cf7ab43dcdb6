"""Hand-offs: no step where nothing happens, exact times and shares where something does."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.experiment import simulate
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario


def two(handoff: Any = None, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "clock": {"start": "2026-01-05", "horizon": "50 weeks"}, "teams": {"sdr": {"size": 99}, "ae": {"size": 99}}, "segments": {"all": {}},
        "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}},
        "channels": {"web": {"enters": "qualify", "segments": {"all": 1}, "arrivals": {"rate": "100 per week"}}},
        "stages": {
            "lead": {"steps": {"qualify": {"work": "1 h", "by": "sdr", "then": [{"to": "sell", "share": 0.6}, {"lost": "no fit"}]}}},
            "deal": {"steps": {"sell": {"work": {"law": "exponential", "mean": "2 h"}, "by": "ae", "milestone": "won", "then": [{"done": True}]}}},
        },
    }  # fmt: skip
    if handoff is not None:
        data["stages"]["lead"]["steps"]["qualify"]["then"][0]["handoff"] = handoff
    return copy.deepcopy(data | more)


@pytest.mark.parametrize("nothing", [{}, {"latency": "0 s"}, {"latency": "0 s", "lost": 0, "duplicated": 0, "calendar": "office", "assumption": "one system"}])
def test_a_hand_off_in_which_nothing_happens_is_one_system(nothing: dict[str, Any]) -> None:
    assert Scenario.parse(two(nothing)) == Scenario.parse(two())
    assert simulate(Scenario.parse(two(nothing)), seed=1).to_csv() == simulate(Scenario.parse(two()), seed=1).to_csv()


def test_latency_adds_just_its_time() -> None:
    merged, apart = (simulate(Scenario.parse(two(h)), seed=1).frame for h in (None, {"latency": "5 h"}))
    assert set(apart["step"]) == {"qualify", "qualify → sell hand-off", "sell"}
    came = [f[f["step"] == "sell"].set_index("case")["enabled"] for f in (merged, apart)]
    both = came[0].index.intersection(came[1].index)
    assert len(both) > 2500
    assert {d.total_seconds() for d in came[1][both] - came[0][both]} == {5 * 3600.0}
    # What is drawn at the steps on both sides is what it was.
    spent = [f[(f["step"] == "sell") & f["ended"].notna()].set_index("case").pipe(lambda f: f["ended"] - f["started"]) for f in (merged, apart)]
    both = spent[0].index.intersection(spent[1].index)
    assert (spent[0][both] == spent[1][both]).all()


def test_what_is_lost_is_lost_between_the_two_and_adds_up() -> None:
    log = simulate(Scenario.parse(two({"latency": "1 h", "lost": "20 %"})), seed=1).frame
    over = log[log["step"] == "qualify → sell hand-off"]
    lost = (over["outcome"] == "lost: lost in hand-off").sum()
    assert lost + (over["outcome"] == "next").sum() + (over["outcome"] == "open").sum() == len(over)
    assert (over["outcome"] == "next").sum() == (log["step"] == "sell").sum()
    n = len(over)
    assert abs(lost / n - 0.2) < 2.58 * (0.2 * 0.8 / n) ** 0.5


def test_re_keying_is_work_of_a_team() -> None:
    scenario = Scenario.parse(two({"rekey": {"work": "30 min", "by": "ae"}}))
    assert scenario.steps["qualify → sell re-keying"].by == ("ae",)
    log = simulate(scenario, seed=1).frame
    typed = log[(log["step"] == "qualify → sell re-keying") & log["ended"].notna()]
    assert {d.total_seconds() for d in typed["ended"] - typed["started"]} == {1800.0}
    assert set(typed["team"]) == {"ae"}
    assert "qualify → sell hand-off" not in set(log["step"])


def test_duplicates_cost_work_and_are_no_customers() -> None:
    from salessim.experiment import replicate

    plain, double = (replicate(Scenario.parse(two(h)), 4, seed=1) for h in ({"latency": "1 h"}, {"latency": "1 h", "duplicated": "25 %"}))
    for name in ("win_rate", "won", "lost", "arrivals", "cycle_time"):
        if name in plain.names:
            assert plain.estimate(name).value == double.estimate(name).value, name
    log = simulate(Scenario.parse(two({"latency": "1 h", "duplicated": "25 %"})), seed=1).frame
    twice = log[log["step"] == "qualify → sell duplicate"]
    n = (log["step"] == "qualify → sell hand-off").sum()
    assert abs(len(twice) / n - 0.25) < 2.58 * (0.25 * 0.75 / n) ** 0.5
    assert set(twice["channel"]) == {"duplicate"}
    assert set(twice["outcome"]) <= {"lost: duplicate", "open"}
    assert set(twice["team"]) == {"ae"}
    assert set(twice["customer"]) <= set(log.loc[log["channel"] == "web", "customer"])


def test_a_synchronisation_every_so_often_waits_half_of_it() -> None:
    log = simulate(Scenario.parse(two({"posted": {"every": "8 h"}})), seed=1).frame
    waited = log[log["step"] == "qualify → sell hand-off"].pipe(lambda f: (f["ended"] - f["enabled"]).dt.total_seconds()).dropna() / 3600
    assert waited.between(0, 8).all()
    assert abs(waited.mean() - 4) < 2.58 * 8 / 12**0.5 / len(waited) ** 0.5


def test_the_calendar_of_a_hand_off_counts() -> None:
    log = simulate(Scenario.parse(two({"latency": "8 h", "calendar": "office"})), seed=1).frame
    ends = log.loc[log["step"] == "qualify → sell hand-off", "ended"].dropna()
    assert (ends.dt.day_of_week < 5).all()
    assert (ends.dt.hour + ends.dt.minute / 60).between(9, 17).all()


def test_a_hand_off_between_modules_stands_where_they_are_connected() -> None:
    data = two()
    data["stages"]["lead"]["steps"].pop("qualify")
    data["stages"]["lead"]["title"] = "Lead"
    data["module_types"] = {"q": {
        "ports": {"in": {"lead": {"at": "ask", "carries": "lead"}}, "out": {"good": {"carries": "opportunity"}}},
        "steps": {"ask": {"work": "1 h", "by": "sdr", "then": [{"out": "good", "share": 0.6}, {"lost": "no fit"}]}},
    }}  # fmt: skip
    data["modules"] = {"gate": {"use": "q", "stage": "lead", "connect": {"good": {"to": "sell", "handoff": {"latency": "3 h"}}}}}
    data["channels"]["web"]["enters"] = "gate"
    scenario = Scenario.parse(data)
    assert scenario.steps["gate › ask"].then[0].to == "gate › ask → sell hand-off"
    assert scenario.steps["gate › ask → sell hand-off"].then[0].to == "sell"
    assert Scenario.parse(to_data(scenario)) == scenario
    changed = scenario.change({"modules.gate.connect.good": "sell"})
    assert set(changed.steps) == {"gate › ask", "sell"}


@pytest.mark.parametrize(
    ("handoff", "message"),
    [
        ({"latncy": "1 h"}, "stages.lead.steps.qualify.then.0.handoff.latncy: there is no field 'latncy' here; did you mean 'latency'?"),
        ({"latency": "5 EUR"}, "where a time belongs"),
        ({"lost": 1.2}, "stages.lead.steps.qualify.then.0.handoff.lost"),
        ({"latency": "1 h", "calendar": "ofice"}, "there is no calendar 'ofice'; did you mean 'office'?"),
        ({"rekey": {"work": "5 min", "by": "aa"}}, "there is no team 'aa'"),
        ({"rekey": {"by": "ae"}}, "'work' is missing"),
        ({"duplicated": {"share": 0.1, "work": "5 min"}}, "give both 'work' and 'by', or neither"),
        ({"latency": "1 h", "name": "x" * 79}, "is longer than 80 characters; give the hand-off a short 'name'"),
    ],
)
def test_bad_hand_offs_are_refused_in_one_line(handoff: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        Scenario.parse(two(handoff))
    assert message in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_hand_off_to_nobody_and_two_of_one_name_are_refused() -> None:
    data = two()
    data["stages"]["lead"]["steps"]["qualify"]["then"][1]["handoff"] = {"latency": "1 h"}
    with pytest.raises(ScenarioError, match="a hand-off leads to somebody"):
        Scenario.parse(data)
    data = two({"latency": "1 h"})
    data["stages"]["lead"]["steps"]["qualify"]["then"].insert(0, {"to": "sell", "share": 0.1, "handoff": {"latency": "2 h"}})
    with pytest.raises(ScenarioError, match="there is a step 'qualify → sell hand-off' already; give the hand-off a 'name'"):
        Scenario.parse(data)
    data = two({"latency": "1 h", "duplicated": 0.1})
    data["stages"]["deal"]["steps"]["sell"] = {"customer": "1 h", "then": [{"done": True}]}
    with pytest.raises(ScenarioError, match="nobody works at 'sell', so nobody would find a duplicate there"):
        Scenario.parse(data)
