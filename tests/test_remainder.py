"""Whether those that had not moved when observation ended ever will: planted ones are found, and none where there are none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

import salessim as ss
from salessim.calibration import calibrate
from salessim.calibration.history import cut, ends
from salessim.calibration.learn import learner_of
from salessim.calibration.remainder import LONGEST, remainder
from salessim.importers import read_log

DORMANT = 0.3


def watched(rng: np.random.Generator, times: np.ndarray, over: float) -> tuple[np.ndarray, np.ndarray]:
    """Cases that come in all the time, as known when a log of some length ends."""
    seen_for = rng.uniform(0, over, len(times))
    return np.minimum(times, seen_for), times <= seen_for


LAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "as slow as can be told": lambda rng, n: rng.exponential(LONGEST, n),
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "lognormal": lambda rng, n: rng.lognormal(0.0, 1.5, n),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("count", [200, 2000])
def test_where_all_move_none_are_taken_to_stay(law: str, count: int) -> None:
    """In at most 5 of 100 logs, at the slowest pace of all; binomial bounds at one in a thousand for 300 logs."""
    rng = np.random.default_rng(count)
    wrong = sum(remainder(*watched(rng, LAWS[law](rng, count), 1.0)).stays for _ in range(300))
    assert special.bdtrc(wrong - 1, 300, 0.05) > 1e-3
    if law != "as slow as can be told":
        assert wrong == 0


@pytest.mark.parametrize("over", [60.0, 120.0, 360.0])
def test_the_share_that_stays_does_not_depend_on_when_the_log_ends(over: float) -> None:
    rng = np.random.default_rng(1)
    times = np.where(rng.random(4000) < DORMANT, np.inf, rng.exponential(4.0, 4000))
    found = remainder(*watched(rng, times, over))
    assert found.stays
    assert found.left == pytest.approx(DORMANT, abs=0.03)


def test_few_moves_of_many_cases_say_more_than_many_moves_of_few() -> None:
    """Three won of three thousand: the others are not won as fast as the three were."""
    rng = np.random.default_rng(2)
    times, moved = rng.uniform(0, 200, 3000), np.zeros(3000, bool)
    times[:3], moved[:3] = (5.0, 20.0, 30.0), True
    found = remainder(times, moved)
    assert found.stays
    assert found.left == pytest.approx(1 - 3 / 3000, abs=0.001)


def test_who_still_moves_moves_at_the_pace_seen() -> None:
    """Half of the cases move with a mean of twice the observation: the rest is late, not gone."""
    rng = np.random.default_rng(3)
    slow = rng.random(4000) < 0.5
    found = remainder(*watched(rng, np.where(slow, rng.exponential(200.0, 4000), rng.exponential(2.0, 4000)), 100.0))
    assert not found.stays
    assert found.left == pytest.approx(0.5 * np.exp(-0.5), abs=0.05)
    assert found.late.mean() - 100.0 == pytest.approx(200.0, rel=0.35)


def test_of_a_log_without_open_cases_nothing_is_left() -> None:
    found = remainder(np.random.default_rng(4).exponential(5.0, 4000), np.ones(4000, bool))
    assert (found.left, found.stays) == (0.0, False)


def forgotten(share: str) -> ss.Scenario:
    """Leads are called; some are won, some lost, and a share is never touched again."""
    return ss.Scenario.parse(
        {
            "salessim": 1, "name": "forgotten leads", "clock": {"start": "2026-01-05", "horizon": "40 weeks"},
            "teams": {"sales": {"size": 3}}, "segments": {"all": {}},
            "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "70 per week"}}},
            "stages": {
                "lead": {"steps": {
                    "call": {"work": "20 min", "by": "sales", "then": [{"to": "drawer", "share": share}, {"to": "think", "share": "28 %"}, {"lost": "no need"}]},
                    "drawer": {"customer": "200 years", "then": [{"lost": "nobody"}]},
                    "think": {"customer": {"law": "exponential", "mean": "6 days"}, "then": [{"to": "sign"}]},
                    "sign": {"work": "30 min", "by": "sales", "milestone": "won", "then": [{"done": True}]},
                }}
            },
        }
    )  # fmt: skip


def as_exported(scenario: ss.Scenario, weeks: int) -> ss.EventLog:
    """As a CRM shows it: who lies in the drawer, or thinks, has been called, and no more is known."""
    whole = ss.simulate(scenario, seed=4)
    log = cut(whole, whole.about.start + dt.timedelta(weeks=weeks))
    over = ends(log)["outcome"]
    frame = log.frame[~log.frame["step"].isin(["drawer", "think"])].sort_values("case", kind="stable").reset_index(drop=True)
    last = ~frame.duplicated("case", keep="last")
    frame.loc[last, "outcome"] = frame.loc[last, "case"].map(over)
    return ss.EventLog(frame, log.about)


@pytest.mark.parametrize("weeks", [16, 28, 40])
def test_a_planted_share_is_learnt_whenever_the_log_was_exported(weeks: int) -> None:
    learner = learner_of(as_exported(forgotten("30 %"), weeks))
    scenario = learner.scenario()
    stay = scenario.steps["call → stays open"]
    assert stay.kind == "customer"  # loads nobody
    share = {route.to: route.share for route in scenario.steps["call"].then}
    cases = learner.frame["case"].nunique()
    others = sum(float(s) for s in share.values() if s is not None)
    found = share["call → stays open"] if share["call → stays open"] is not None else 1 - others
    # Four standard errors of a share, and those who think have to be told from those in the drawer.
    assert float(found) == pytest.approx(0.30, abs=4 * (0.3 * 0.7 / cases) ** 0.5)
    assert any("stay open and nobody touches them" in text for text in learner.assumptions)

    log = ss.simulate(scenario, seed=1)
    here = log.frame[log.frame["step"] == "call → stays open"]
    assert len(here) > 100
    assert set(here["outcome"]) == {"open"}
    assert ss.simulate(scenario, seed=1, engine="reference").frame.equals(ss.simulate(scenario, seed=1, engine="compiled").frame)


def test_without_forgotten_leads_none_are_learnt() -> None:
    learner = learner_of(as_exported(forgotten("0 %"), 40))
    assert not [name for name in learner.scenario().steps if name.endswith("stays open")]


def test_a_forecast_leaves_them_where_they_are() -> None:
    """Leads that have lain for months are not called within the weeks of the forecast."""
    log = as_exported(forgotten("30 %"), 40)
    scenario = learner_of(cut(log, log.about.end.replace(hour=0, minute=0, second=0, microsecond=0))).today()
    in_process = sorted(row.arrived for row in scenario.in_process)  # a run numbers them in this order
    old = {number for number, at in enumerate(in_process) if (log.about.end - at).days > 60}
    assert len(old) > 300
    later = ends(ss.simulate(scenario, seed=1))["outcome"]
    assert later[later.index.isin(old)].eq("open").mean() > 0.99


def test_leads_of_a_table_of_dates_that_nobody_won_are_there_and_are_not_won(tmp_path: Path) -> None:
    """Two tables with a date each, as CRM systems without histories have them: 900 leads by three channels, of which 27 were won within a month; one channel has no win at all."""
    rng = np.random.default_rng(3)
    came = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 300, 900)), "D")
    channel = np.where(np.arange(900) % 9 == 0, "fair", np.where(np.arange(900) % 2 == 0, "web", "phone"))
    won = rng.choice(np.flatnonzero((channel != "fair") & (np.arange(900) < 800)), 27, replace=False)
    ids = [f"lead{i:04d}" for i in range(900)]
    pd.DataFrame({"lead_id": ids, "first_contact_date": came.strftime("%Y-%m-%d"), "origin": channel}).to_csv(tmp_path / "leads.csv", index=False)
    at = came[won] + pd.to_timedelta(rng.integers(2, 30, 27) * 24 + 10, "h")
    pd.DataFrame({"lead_id": [ids[i] for i in won], "won_date": at.strftime("%Y-%m-%d %H:%M:%S")}).to_csv(tmp_path / "won.csv", index=False)
    tables = {
        "leads": {"shape": "cases", "columns": {"case": "lead_id", "channel": "origin"}, "steps": {"first contact": {"enabled": "first_contact_date"}}},
        "won": {"shape": "cases", "columns": {"case": "lead_id"}, "steps": {"won": {"time": "won_date"}}},
    }
    activities = {"first contact": {"kind": "work", "stage": "lead"}, "won": {"kind": "event", "ends": "won", "milestone": "won"}}
    log, _ = read_log(tmp_path, {"tables": tables, "activities": activities})
    known = cut(log, (pd.Timestamp("2025-07-01", tz="UTC")).to_pydatetime())
    assert known.frame["case"].nunique() == (came < "2025-07-01").sum()  # those won later are known to have come
    assert list(known.problems()) == []
    learnt = calibrate(log, holdout=0)
    per_week = {name: figure.value for figure in learnt.figures if (name := figure.what).startswith("arrivals of ")}
    assert sum(per_week.values()) == pytest.approx(900 / 300 * 7, rel=0.1)
    clock = {"start": "2026-01-05", "horizon": "60 weeks", "warm_up": "8 weeks"}
    assert ss.replicate(learnt.scenario.change({"clock": clock}), 20, seed=1).estimate("win_rate").value == pytest.approx(3, abs=0.8)
