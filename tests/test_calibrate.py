"""Calibration recovers a known truth, censored cases included, and does its job on real logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from salessim.calibration import calibrate, laws
from salessim.calibration.history import cut
from salessim.demo import TRUTH
from salessim.experiment import replicate, simulate
from salessim.importers import inspect_log, read_log
from salessim.log import EventLog
from salessim.scenario.model import Scenario
from tests.conftest import real_log


@pytest.fixture(scope="module")
def truth() -> Scenario:
    return Scenario.load(TRUTH)


@pytest.fixture(scope="module")
def log(truth: Scenario) -> EventLog:
    return simulate(truth, seed=21)


def test_the_truth_is_recovered(truth: Scenario, log: EventLog) -> None:
    learnt = calibrate(replace_known(log), holdout=0, seed=1).scenario
    answer = learnt.steps["answer"]
    assert answer.work is not None
    assert answer.work.mean / 60e6 == pytest.approx(24, rel=0.05)
    assert answer.patience is not None
    assert answer.patience != "none"
    assert answer.patience.mean / 86_400e6 == pytest.approx(3, rel=0.15)
    shares = {r.to or r.lost: answer.share_of(r, "small") for r in answer.then}
    assert shares["qualify"] == pytest.approx(0.62, abs=0.03)
    assert shares["not reached"] == pytest.approx(0.18, abs=0.03)
    assert learnt.channels["web"].arrivals is not None
    assert learnt.channels["web"].arrivals.rate.per_tick * 7 * 86_400e6 == pytest.approx(104, rel=0.05)
    assert learnt.steps["demo"].together_with
    sizes = sorted(team.size for team in learnt.teams.values())
    assert sizes == sorted(team.size for team in truth.teams.values())
    hours = learnt.calendars["office"].shifts[0]
    assert hours.hours == "09:00-17:00"


def replace_known(log: EventLog) -> EventLog:
    return EventLog(log.frame, replace(log.about, enabled_known=True))


def test_what_was_learnt_behaves_like_the_truth(truth: Scenario, log: EventLog) -> None:
    clock = {"start": "2026-11-02", "time_zone": "Europe/Berlin", "horizon": "52 weeks", "warm_up": "12 weeks"}
    learnt = calibrate(replace_known(log), holdout=0, seed=1).scenario.change({"clock": clock})
    real = truth.change({"clock": clock})
    a, b = replicate(real, 12, seed=1, engine="compiled"), replicate(learnt, 12, seed=2, engine="compiled")
    for name, rel in (("cycle_time", 0.12), ("win_rate", 0.12), ("lost_customers", 0.08), ("response_time", 0.15)):
        assert b.estimate(name).value == pytest.approx(a.estimate(name).value, rel=rel), name


def test_open_cases_are_censored_not_dropped() -> None:
    """Cut when 40 % of the decisions are out: dropping them makes the mean too low by a third, censoring does not."""
    rng = np.random.default_rng(3)
    true = rng.exponential(10.0, 4000)
    seen_for = rng.uniform(0, 20, 4000)
    observed = true < seen_for
    assert 0.35 < 1 - observed.mean() < 0.5
    law = laws.fit(np.minimum(true, seen_for) * 86_400, observed, "waits")
    assert isinstance(law, dict)
    from pydantic import TypeAdapter

    from salessim.durations import Law

    model = TypeAdapter(Law).validate_python(law)
    assert model.mean / 86_400e6 == pytest.approx(10, rel=0.06)
    assert true[observed].mean() < 7
    assert "censored" in str(law["source"])


@pytest.mark.parametrize(
    ("draw", "family"),
    [(lambda g: g.lognormal(3, 0.8, 3000), "lognormal"), (lambda g: 60 * g.weibull(0.7, 3000), "weibull"), (lambda g: 60 * (1 / g.uniform(0.001, 1, 3000) - 1) ** (1 / 2.5), "loglogistic")],
)
def test_the_right_family_is_found(draw: object, family: str) -> None:
    times = draw(np.random.default_rng(4)) * 60  # type: ignore[operator]
    law = laws.fit(times, np.ones(len(times), bool), "times")
    assert isinstance(law, dict)
    assert law["law"] == family


def test_two_humps_are_not_forced_into_a_family() -> None:
    rng = np.random.default_rng(5)
    times = np.concatenate([rng.normal(60, 5, 500), rng.normal(3600, 60, 500)])
    law = laws.fit(times, np.ones(1000, bool), "times")
    assert isinstance(law, dict)
    assert law["law"] == "quantiles"


def test_cutting_hides_the_future(log: EventLog) -> None:
    at = pd.Timestamp("2026-06-01", tz="Europe/Berlin")
    known = cut(log, at.to_pydatetime())
    assert known.frame["started"].max() < at
    assert known.frame["ended"].max() < at
    assert list(known.problems()) == []
    both = log.frame.groupby("case")["enabled"].min()
    assert known.frame["case"].nunique() == int((both < at).sum())


def test_the_same_log_gives_the_same_scenario(log: EventLog, tmp_path: Path) -> None:
    paths = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    calibrate(log, holdout=0).scenario.save(paths[0])
    shuffled = EventLog(log.frame.sample(frac=1, random_state=1).sort_values(["case", "enabled", "visit"], kind="stable"), log.about)
    calibrate(log, holdout=0).scenario.save(paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(shuffled) == len(log)


def test_our_own_csv_is_understood(log: EventLog, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log.to_csv(path)
    proposal = inspect_log(path)
    assert proposal.mapping["columns"]["enabled"] == "enabled_time"
    assert proposal.mapping["columns"]["outcome"] == "outcome"
    _, quality = read_log(path, {**proposal.mapping, "office_in": "Europe/Berlin"})
    assert quality.cases == log.frame["case"].nunique()
    assert quality.visits == len(log)
    assert quality.open_cases == int((log.frame["outcome"] == "open").sum())


def test_bpic_2012_full() -> None:
    path = real_log("bpic2012/bpic12_full_until_2011-12-31.csv.gz")
    proposal = inspect_log(path)
    events, quality = read_log(path, {**proposal.mapping, "office_in": "Europe/Amsterdam"})
    assert (quality.rows, quality.cases, quality.open_cases) == (138_797, 7_455, 645)
    assert list(events.problems()) == []
    calibration = calibrate(events, seed=1, replications=6)
    checked = calibration.validation
    assert checked is not None
    # Held out is Christmas: volume falls, so the fit is judged, and the forecast of journeys against the real floor.
    assert checked.fitted.table.model["NGD2"] < 0.06
    assert checked.main.table.model["NGD2"] < 1.5 * checked.main.table.floor["NGD2"]
    assert checked.fitted.table.model["CTD"] < 60
    json.dumps(calibration.to_json(), allow_nan=False)


def test_bpic_2012_work_items() -> None:
    path = real_log("bpic2012/BPIC_2012_W_train.csv.gz")
    events, quality = read_log(path, inspect_log(path).mapping)
    assert (quality.cases, quality.visits) == (3_030, 16_338)
    assert quality.counts["visits name nobody"] == 3_018
    assert calibrate(events, seed=1, replications=4).scenario.steps
