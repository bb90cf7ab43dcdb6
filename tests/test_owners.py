"""Cases that belong to a person, and meetings for which the customer must be there as well."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from salessim import engines
from salessim.errors import ScenarioError
from salessim.network import build
from salessim.records import NEVER
from salessim.scenario.model import Scenario
from salessim.units import DAY
from tests.test_mechanisms import exp, holds, process, runs

TEAM = {"size": 3}
GIVEN: dict[str, Any] = {"given": {"automatic": "0 min", "takes": "deals", "then": [{"to": "call"}]}}
TWO_STEPS = GIVEN | {
    "call": {"work": exp(0.5), "by": "sales", "owner": "deals", "then": [{"to": "think"}]},
    "think": {"customer": exp(1), "then": [{"to": "close"}]},
    "close": {"work": exp(0.5), "by": "sales", "owner": "deals", "then": [{"done": True}]},
}


def owned(steps: dict[str, Any], size: int = 30, team: dict[str, Any] | None = None, **more: Any) -> Scenario:
    return process(steps, teams={"sales": team or TEAM}, limits={"deals": {"size": size, "each": "sales"}}, **more)


def test_whoever_has_a_case_does_all_its_steps() -> None:
    log = engines.run(build(owned(TWO_STEPS, rate="2 per day")), seed=1, number=0, engine="compiled", log=True).log.frame
    people = log[log["person"] != ""].groupby("case")["person"].nunique()
    assert (people == 1).all()
    assert log["person"].nunique() == 4  # three persons, and nobody in steps without people


def test_a_case_waits_for_its_owner_though_others_are_idle() -> None:
    """Two persons, cases at 0 h and 1 h: each is given to whoever has fewer, so the third waits for the first person."""
    steps = GIVEN | {"call": {"work": "10 h", "by": "sales", "owner": "deals", "then": [{"done": True}]}}
    cases = {"in": {"enters": "given", "segments": {"all": 1}, "replay": [f"2026-01-05T0{h}:00:00" for h in range(3)]}}
    long_ago = {"leaves": {"work": "1 h", "by": "sales", "then": [{"done": True}]}}
    scenario = Scenario.parse(
        {"name": "owners", "clock": {"start": "2026-01-05", "horizon": "5 days"}, "segments": {"all": {}}, "teams": {"sales": {"size": 2}},
         "limits": {"deals": {"size": 9, "each": "sales"}}, "channels": cases, "stages": {"all": {"steps": steps | long_ago}}}
    )  # fmt: skip
    for engine in ("compiled", "reference"):
        frame = engines.run(build(scenario), seed=1, number=0, engine=engine, log=True).log.frame
        calls = frame[frame["step"] == "call"].sort_values("case")
        assert list(calls["person"]) == ["sales-1", "sales-2", "sales-1"]
        assert [t.hour for t in calls["started"]] == [0, 1, 10]


def test_one_case_each_is_a_queue_for_whoever_is_free() -> None:
    """With one place each the owner never has another case: an M/M/3 queue before the case is given, none behind it."""
    steps = GIVEN | {"call": {"work": exp(1), "by": "sales", "owner": "deals", "then": [{"done": True}]}}
    found = runs(owned(steps, size=1, rate="2 per day", horizon="4000 days"))
    offered, servers = 2.0, 3
    erlang = (offered**servers / math.factorial(servers)) / (1 - offered / servers)
    waits = erlang / (erlang + sum(offered**k / math.factorial(k) for k in range(servers)))
    at = [r.labels.steps.index(s) for r in found[:1] for s in ("given", "call")]
    assert holds([r.totals.queue_area[at[0]] / r.totals.asked[at[0]] / DAY for r in found], waits / (servers - offered), 0.08)
    assert all(r.totals.queue_area[at[1]] == 0 for r in found)


def test_cases_of_their_own_wait_longer_than_cases_for_everybody() -> None:
    """Given in turn to one of many with endless room each person is an M/G/1 queue of his or her own: longer than one line for all."""
    alone = runs(owned(TWO_STEPS, rate="2 per day", horizon="2000 days"), 6)
    pooled = runs(owned({k: {f: v for f, v in s.items() if f != "owner"} for k, s in TWO_STEPS.items()}, rate="2 per day", horizon="2000 days"), 6)
    call = alone[0].labels.steps.index("close")

    def wait(run: Any) -> float:
        return float(run.totals.queue_area[call] / run.totals.asked[call])

    assert min(map(wait, alone)) > 1.2 * max(map(wait, pooled))


def test_others_stand_in_while_the_owner_is_away_and_new_people_get_cases() -> None:
    team = {"size": 2, "absence": {"share": 0.3, "spell": "2 days"}, "joining": [{"date": "2026-06-01"}], "leaving": [{"date": "2026-04-01"}]}
    run = engines.run(build(owned(TWO_STEPS, team=team, rate="1 per day")), seed=3, number=0, engine="compiled", log=True)
    frame = run.log.frame
    people = frame[frame["person"] != ""].groupby("case")["person"].nunique()
    assert 0.02 < float((people > 1).mean()) < 0.6
    assert {"sales-1", "sales-2", "sales-3"} <= set(frame["person"])
    first = frame[frame["person"] == "sales-3"]["started"].min()
    assert first.date().isoformat() >= "2026-06-01"
    assert (run.cases.ended != NEVER).mean() > 0.9  # nobody waits for one who has left


def test_a_formula_sees_how_much_the_owner_has() -> None:
    """One person, three cases at once: the first begins before the others are given (1 h), then two are left (2 h), then one."""
    steps = GIVEN | {"call": {"work": "1 h", "factor": "owned('deals')", "by": "sales", "owner": "deals", "then": [{"done": True}]}}
    scenario = Scenario.parse(
        {"name": "load", "clock": {"start": "2026-01-05", "horizon": "5 days"}, "segments": {"all": {}}, "teams": {"sales": {"size": 1}},
         "limits": {"deals": {"size": 9, "each": "sales"}}, "stages": {"all": {"steps": steps}},
         "channels": {"in": {"enters": "given", "segments": {"all": 1}, "replay": ["2026-01-05T08:00:00"] * 3}}}
    )  # fmt: skip
    for engine in ("compiled", "reference"):
        frame = engines.run(build(scenario), seed=1, number=0, engine=engine, log=True).log.frame
        assert sorted(t.hour for t in frame[frame["step"] == "call"]["ended"]) == [9, 11, 12]


def test_a_meeting_lies_in_the_hours_of_both() -> None:
    """Ours 9 to 17, theirs 15 to 23: an hour asked for at 10 begins at 15; three hours stop at 17 and end the next day at 16."""
    for work, end in (("1 h", "2026-01-05 16:00"), ("3 h", "2026-01-06 16:00")):
        scenario = Scenario.parse(
            {"name": "both", "clock": {"start": "2026-01-05", "horizon": "5 days"}, "segments": {"all": {}},
             "calendars": {"ours": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, "theirs": {"shifts": [{"days": "Mon-Fri", "hours": "15:00-23:00"}]}},
             "teams": {"sales": {"size": 1, "calendar": "ours"}},
             "stages": {"all": {"steps": {"meet": {"work": work, "by": "sales", "customer_hours": "theirs", "then": [{"done": True}]}}}},
             "channels": {"in": {"enters": "meet", "segments": {"all": 1}, "replay": ["2026-01-05T10:00:00"]}}}
        )  # fmt: skip
        for engine in ("compiled", "reference"):
            row = engines.run(build(scenario), seed=1, number=0, engine=engine, log=True).log.frame.iloc[0]
            assert row["started"].strftime("%F %H:%M") == "2026-01-05 15:00"
            assert row["ended"].strftime("%F %H:%M") == end


def test_the_customer_does_not_work_for_us() -> None:
    """Hours of customers are neither a team nor a limit in the figures."""
    scenario = process({"meet": {"work": "1 h", "by": "sales", "customer_hours": "theirs", "then": [{"done": True}]}},
                       teams={"sales": TEAM}, calendars={"theirs": {"shifts": [{"days": "Mon-Fri", "hours": "15:00-23:00"}]}})  # fmt: skip
    labels = build(scenario).labels
    assert labels.teams == ("sales",)
    assert labels.limits == ()


def call(**fields: Any) -> dict[str, Any]:
    return GIVEN | {"call": {"work": "1 h", "by": "sales", "owner": "deals", "then": [{"done": True}]} | fields}


@pytest.mark.parametrize(
    ("steps", "limits", "said"),
    [
        (call(), {"deals": {"size": 9}}, "belong to nobody"),
        (call(), {"deals": {"size": 9, "each": "others"}}, "places of 'others'"),
        (call(), {"deals": {"size": 9, "each": "nobody"}}, "no team 'nobody'"),
        (call(owner="dels"), {"deals": {"size": 9, "each": "sales"}}, "did you mean 'deals'"),
        (call(by=["sales", "others"]), {"deals": {"size": 9, "each": "sales"}}, "one team under 'by'"),
        (call(takes="deals"), {"deals": {"size": 9, "each": "sales"}}, "taken at a step before"),
        (call() | {"given": {"automatic": "0 min", "then": [{"to": "call"}]}}, {"deals": {"size": 9, "each": "sales"}}, "no case has an owner"),
        (call(factor="owned('desks')"), {"deals": {"size": 9, "each": "sales"}, "desks": {"size": 1}}, "no limit with 'each' 'desks'"),
        (call(customer_hours="lunch"), {"deals": {"size": 9, "each": "sales"}}, "no calendar 'lunch'"),
    ],
)
def test_owners_that_cannot_be_are_refused(steps: dict[str, Any], limits: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        process(steps, teams={"sales": TEAM, "others": {"size": 1}}, limits=limits)


def test_people_and_customers_who_never_meet_are_refused() -> None:
    calendars = {"ours": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-12:00"}]}, "theirs": {"shifts": [{"days": "Mon-Fri", "hours": "15:00-23:00"}]}}
    steps = {"meet": {"work": "1 h", "by": "sales", "customer_hours": "theirs", "then": [{"done": True}]}}
    with pytest.raises(ScenarioError, match="never there together"):
        build(process(steps, teams={"sales": {"size": 1, "calendar": "ours"}}, calendars=calendars))


def test_invoices_go_out_on_days_of_the_month() -> None:
    steps = {"invoice": {"automatic": "0 min", "posted": {"at": ["18:00"], "days_of_month": [25, 31]}, "then": [{"done": True}]}}
    frame = engines.run(build(process(steps, horizon="100 days")), seed=1, number=0, engine="compiled", log=True).log.frame
    done = frame["ended"].dropna()
    assert set(done.dt.strftime("%m-%d %H:%M")) == {"01-25 18:00", "01-31 18:00", "02-25 18:00", "02-28 18:00", "03-25 18:00", "03-31 18:00"}
    assert np.all(done.diff().dropna() >= np.timedelta64(0))
