"""Customers who come again and say how content they were: learnt from joined tables, with censoring and ends of scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim.calibration import calibrate
from salessim.calibration.customers import answers, returns
from salessim.calibration.history import cut
from salessim.experiment import replicate, simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario


def shop(weeks: int = 104, **last: Any) -> Scenario:
    """Leads that are called, decide, and when they have bought come again in half of the cases, after 60 days on average."""
    step = {
        "automatic": "0 min", "then": [{"done": True}], "sets": {"satisfaction": "clamp(8 - 0.3 * (age / 1 day) + 1.5 * normal, 0, 10)"},
        "spawns": [{"kind": "again", "to": "call", "probability": 0.5, "after": {"law": "gamma", "mean": "60 days", "shape": 4}}],
    } | last  # fmt: skip
    return Scenario.parse({
        "name": "shop", "clock": {"start": "2024-01-01", "horizon": f"{weeks} weeks"}, "segments": {"all": {}}, "teams": {"sales": {"size": 4}},
        "attributes": {"satisfaction": {"starts": 0}},
        "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "40 per week"}}},
        "stages": {"lead": {"steps": {
            "call": {"work": {"law": "exponential", "mean": "30 min"}, "by": "sales", "then": [{"to": "decide", "share": 0.6}, {"lost": "no interest"}]},
            "decide": {"customer": {"law": "exponential", "mean": "6 days"}, "milestone": "won", "then": [{"to": "after"}]},
            "after": step,
        }}},
    })  # fmt: skip


def without_the_last_step(log: EventLog) -> EventLog:
    """As an export has it: what follows a sale is no activity, and the survey's answer stands with its case."""
    frame = log.frame
    score = frame[frame["step"] == "after"].set_index("case")["satisfaction"]
    frame = frame[frame["step"] != "after"].copy()
    decided = (frame["step"] == "decide") & frame["ended"].notna()
    frame.loc[decided, "outcome"] = "completed"
    frame["satisfaction"] = frame["case"].map(score)
    return EventLog(frame.reset_index(drop=True), replace(log.about, enabled_known=True))


@pytest.fixture(scope="module")
def log() -> EventLog:
    return without_the_last_step(simulate(shop(), seed=4))


def test_the_share_that_comes_again_is_recovered(log: EventLog) -> None:
    found = returns(log)
    assert found is not None
    assert found.share.low < 0.5 < found.share.high
    assert found.share.high - found.share.low < 0.1
    children = log.frame[log.frame["channel"] == "again"]["case"].unique()
    assert len(found.cases & set(children)) / len(children) > 0.99


@pytest.mark.parametrize("weeks", [30, 52])
def test_an_early_export_does_not_make_customers_less_loyal(log: EventLog, weeks: int) -> None:
    """Of those who bought lately most have not come again yet: the plain ratio is far too low, the incidence is not."""
    early = cut(log, (pd.Timestamp(log.about.start) + pd.Timedelta(weeks=weeks)).to_pydatetime())
    found = returns(early)
    assert found is not None
    assert found.came / found.won < 0.43
    assert found.share.value == pytest.approx(0.5, abs=0.05)
    assert found.share.value > found.came / found.won + 0.08


def test_shares_cover_over_many_logs() -> None:
    """Thirty logs: of 30 tries at .95, 24 or fewer hold once in two thousand times."""
    scenario = shop(weeks=40)
    found = [returns(without_the_last_step(simulate(scenario, seed=s))) for s in range(30)]
    shares = [f.share for f in found if f is not None]
    assert len(shares) == 30
    assert sum(s.low < 0.5 < s.high for s in shares) > 24
    assert np.mean([s.value for s in shares]) == pytest.approx(0.5, abs=0.02)


def test_a_base_of_old_customers_brings_arrivals() -> None:
    """Thirty customers who all file tickets again and again, and hardly anybody new: chains of a few new ones could not make next year's cases."""
    rng = np.random.default_rng(2)
    log = without_the_last_step(simulate(shop(weeks=40, spawns=[]), seed=2))
    who = pd.Series({case: f"customer {rng.integers(30)}" for case in log.frame["case"].unique()})
    old = EventLog(log.frame.assign(customer=log.frame["case"].map(who)), log.about)
    assert returns(old) is None
    assert calibrate(old, holdout=0).table().set_index("what").loc["arrivals of web", "value"] == pytest.approx(40, rel=0.08)


def test_customers_who_never_come_again_teach_nothing() -> None:
    assert returns(without_the_last_step(simulate(shop(weeks=30, spawns=[]), seed=1))) is None


def test_answers_are_a_line_in_the_time_cut_off_by_the_scale(log: EventLog) -> None:
    found = answers(log)
    assert found is not None
    assert (found.lowest, found.highest) == (0, 10)
    assert found.level == pytest.approx(8, abs=0.15)
    assert found.slope == pytest.approx(-0.3, abs=0.02)
    assert found.spread == pytest.approx(1.5, abs=0.1)


def test_answers_that_have_nothing_to_do_with_the_time_get_no_slope() -> None:
    level = shop(weeks=52, sets={"satisfaction": "clamp(7 + 2 * normal, 0, 10)"})
    found = answers(without_the_last_step(simulate(level, seed=6)))
    assert found is not None
    assert found.slope == 0


def test_what_an_hour_costs_comes_from_the_table_of_people(log: EventLog) -> None:
    people = sorted(set(log.frame["person"]) - {""})
    told = {who: 40.0 + 10 * i for i, who in enumerate(people[:-1])}  # of the last one nobody knows
    calibration = calibrate(EventLog(log.frame, replace(log.about, hourly=told)), holdout=0)
    (team,) = calibration.scenario.teams.values()
    assert len(people) == 4
    assert team.cost is not None
    assert str(team.cost) == "50 EUR/hour"
    assert "of 3 people, from 40 to 60" in calibration.facts["Costs"]
    (left_out,) = [a for a in calibration.assumptions if "left out" in a and "Not in the log" in a] or [""]
    assert left_out == ""
    assert "Not in the log and left out: costs." in " ".join(calibrate(log, holdout=0).assumptions)


def test_what_was_learnt_behaves_like_the_truth(log: EventLog) -> None:
    clock = {"start": "2026-01-05", "horizon": "104 weeks", "warm_up": "52 weeks"}
    calibration = calibrate(log, holdout=0)
    real, learnt = (replicate(s.change({"clock": clock}), 20, seed=1) for s in (shop(), calibration.scenario))
    for name, rel in (("won", 0.08), ("arrived", 0.08)):
        assert learnt.estimate(name).value == pytest.approx(real.estimate(name).value, rel=rel), name
    assert learnt.estimate("satisfaction").value == pytest.approx(float(log.frame.drop_duplicates("case")["satisfaction"].mean()), abs=0.2)
    assert "Customers who come again" in calibration.facts
    table = calibration.table().set_index("what")
    assert table.loc["customers who come again", "low"] < 0.5 < table.loc["customers who come again", "high"]
    rate = table.loc["arrivals of web", "value"]
    assert rate == pytest.approx(40, rel=0.06)  # new customers only; with all cases it would be a third more
