"""Calibration recovers what is true from logs that are cut while cases are open (`experiments/recover.py` is the study)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from experiments.recover import exported, known, naive, study, table

from salessim.calibration import calibrate, laws, patience
from salessim.calibration.estimates import error_of_mean
from salessim.calibration.journey import learn as learn_moves
from salessim.experiment import simulate
from tests.test_statistics import SIX_MP


def test_published_censored_times() -> None:
    """O-17: nine relapses in 359 weeks; the exponential rate is 9 / 359 = .02506964, whichever part of calibration works it out."""
    weeks = np.array([float(t.rstrip("+")) for t in SIX_MP])
    over = np.array([not t.endswith("+") for t in SIX_MP])
    week = 7 * 86_400
    family = laws._exponential(weeks * week, over)
    assert family is not None
    assert week / family.mean == pytest.approx(0.02506964, abs=5e-9)
    found = patience.fit(weeks * week, np.where(over, patience.TOLD, patience.SERVED), np.arange(21))
    assert found is not None
    assert week / found.mean == pytest.approx(0.02506964, abs=5e-9)
    assert found.error == pytest.approx(error_of_mean(weeks, over, np.arange(21)))


def test_what_competes_with_the_customers_time_is_not_underrated() -> None:
    """Number 5 is lost to a rival late or not at all: of decisions that are over when the log is cut too few are, of all that have begun they are not."""
    one = known(5)
    log = exported(simulate(one.scenario, seed=105, replication=1), 0.3)
    learnt = {f.what: f for f in calibrate(log, holdout=0).figures}
    what = "of decide: lost: rival"
    low, high = learnt[what].interval(0.999)
    assert low < one.truth[what] < high
    assert naive(log, one.patient)[what] < 0.9 * one.truth[what]
    own = set(log.frame["step"]) - {"answer", "show"}
    (without,) = [m for m in learn_moves(log, lambda *_: None, {"answer"}).onward["decide", 0] if m.goal == "lost: rival"]
    (censored,) = [m for m in learn_moves(log, lambda *_: None, {"answer"}, own).onward["decide", 0] if m.goal == "lost: rival"]
    assert without.share < 0.9 * one.truth[what]
    assert censored.share > 1.1 * without.share


def test_open_cases_cost_us_less_than_a_quarter_of_what_they_cost_others() -> None:
    """One process, its log cut at 30 % open: of stage times the naive fit misses a quarter and more."""
    rows = table(study(3, 1, (0.3,), first=2))
    assert rows.loc[("stage times", 0.3), "naive error %"] > 15
    assert rows.loc[("stage times", 0.3), "ratio"] < 0.5  # of three processes; the slow test asks thirty for a quarter


@pytest.mark.slow
def test_thirty_processes_are_recovered() -> None:
    """Some ten minutes. With 30 % open the ratio of stage times was .19, and 95.5 % of 1,485 intervals held the truth."""
    rows = study(30, 1)
    found = table(rows)
    for part in ("stage times", "customer's times", "outcome shares", "arrivals", "patience", "work times"):
        assert found.loc[(part, 0.3), "ratio"] <= 0.25, part
    assert 0.93 <= rows["held"].dropna().astype(float).mean() <= 0.97
    assert dates_agree(rows, 0.3) >= 0.95
    assert dates_agree(rows, 0.5) >= 0.90


def dates_agree(rows: pd.DataFrame, share: float) -> float:
    """How often the interval of the export with so many cases open holds what the export with a tenth open says."""
    wide = rows[rows["held"].notna()].pivot_table(index=["scenario", "log", "what"], columns="open", values=["ours", "low", "high"]).dropna()
    later, early = wide["ours"][0.1], wide.xs(share, axis=1, level="open")
    return float(((early["low"] <= later) & (later <= early["high"])).mean())
