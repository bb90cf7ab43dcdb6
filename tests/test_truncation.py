"""Files that hold only cases which lie wholly inside their window: they are known, and what they left out is put back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import salessim as ss
from salessim.calibration import calibrate
from salessim.calibration.history import born, cut, ends
from salessim.calibration.learn import learner_of
from salessim.calibration.truncation import keeps_whole, law_of, restored

DAY = 86_400.0
TRUTH = """
clock: {start: 2025-01-06, horizon: 10 weeks}
segments: {all: {}}
channels: {in: {enters: take, segments: {all: 100 %}, arrivals: {rate: 150 per week}}}
stages:
  service:
    steps:
      take: {automatic: 10 min, then: [{to: call, share: 50 %}, {done: true}]}
      call: {automatic: 5 min, then: [{to: think}]}
      think: {customer: {law: gamma, mean: 9 days, cv: 0.9}, then: [{to: offer}]}
      offer: {automatic: 1 min, then: [{to: call, share: 40 %}, {lost: price, share: 30 %}, {done: true}]}
"""


def simulated(seed: int, weeks: int = 10) -> ss.EventLog:
    log = ss.simulate(ss.Scenario.parse(TRUTH).change({"clock.horizon": f"{weeks} weeks"}), seed=seed)
    return ss.EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)


def whole(log: ss.EventLog) -> ss.EventLog:
    """As a file that keeps only cases that ended in its window."""
    over = ends(log)["ended"].dropna().index
    return ss.EventLog(log.frame[log.frame["case"].isin(over)].reset_index(drop=True), log.about)


def test_files_of_whole_cases_are_known_and_others_are_not() -> None:
    for seed in range(10):
        log = simulated(seed)
        assert keeps_whole(whole(log))
        assert not keeps_whole(log)
        # Cases of the first four weeks, followed until all were over: nothing is left out.
        early = born(log)[lambda came, log=log: came < log.about.start + pd.Timedelta(weeks=4)].index
        long = simulated(seed, 60)
        assert not keeps_whole(whole(ss.EventLog(long.frame[long.frame["case"].isin(early)], long.about)))


def test_cases_that_are_open_and_only_count_as_over_are_no_sign_of_such_a_file() -> None:
    """A log without endings: what came last is taken for the end, and nothing is missing."""
    for seed in range(10):
        frame = simulated(seed).frame
        frame = frame[frame["ended"].notna()].copy()
        last = ~frame.duplicated("case", keep="last")
        frame.loc[last, "outcome"] = frame.loc[last, "outcome"].replace({"next": "completed", "open": "completed"})
        assert not keeps_whole(ss.EventLog(frame.reset_index(drop=True), simulated(seed).about))


def test_the_law_of_truncated_durations_comes_back() -> None:
    """Exponential durations of mean 10 that begin evenly over 30 days: known up to 30, P(T <= t | T <= 30)."""
    errors, naive = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        took, room = rng.exponential(10.0, 3000), rng.uniform(0, 30, 3000)
        seen = took <= room
        time, share = law_of(took[seen], room[seen])
        for at in (2.0, 5.0, 10.0, 20.0):
            truth = -np.expm1(-at / 10) / -np.expm1(-3.0)
            errors.append(share[np.searchsorted(time, at) - 1] - truth)
            naive.append(np.mean(took[seen] <= at) - truth)
    assert abs(np.mean(errors)) < 0.01
    assert np.mean(np.abs(errors)) < np.mean(np.abs(naive)) / 3


def test_as_many_cases_are_put_back_as_were_left_out_and_the_log_is_as_it_was() -> None:
    counts, visits = [], []
    for seed in range(10):
        log = simulated(seed)
        file = whole(log)
        again, missing = restored(file, pd.Timestamp(log.about.end))
        counts.append((missing, log.frame["case"].nunique() - file.frame["case"].nunique()))
        assert again.frame.iloc[: len(file.frame)].equals(file.frame)
        added = again.frame.iloc[len(file.frame) :]
        assert (added.groupby("case")["outcome"].last() == "open").all()
        assert (added["enabled"] < log.about.end).all()
        assert restored(file, pd.Timestamp(log.about.end))[0].frame.equals(again.frame)
        visits.append([len(x.frame) / x.frame["case"].nunique() for x in (again, file, log)])
    found, truth = np.array(counts).sum(axis=0)
    assert found == pytest.approx(truth, rel=0.1)
    back, naive, true = np.mean(visits, axis=0)
    assert abs(back - true) < abs(naive - true) / 4


def test_what_is_learnt_from_a_truncated_file_is_what_is_learnt_from_the_whole_process() -> None:
    """Visits per case, time in process and arrivals of a long run, of calibrations that know of the truncation and that do not."""

    def told(scenario: ss.Scenario) -> tuple[float, float, float]:
        long = simulated_of(scenario)
        over, came = ends(long), born(long)
        early = came[came < long.about.start + pd.Timedelta(weeks=40)].index
        took = (over["ended"].reindex(early) - came[early]) / pd.Timedelta(days=1)
        calls = long.frame[(long.frame["step"].str.startswith("call")) & long.frame["case"].isin(early)]
        return float(took.mean()), len(calls) / len(early), len(early) / 40

    def simulated_of(scenario: ss.Scenario) -> ss.EventLog:
        log = ss.simulate(scenario.change({"clock.horizon": "80 weeks", "clock.warm_up": "0 days"}), seed=9)
        return ss.EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)

    truth, rows = np.array(told(ss.Scenario.parse(TRUTH))), []
    for seed in range(4):
        file = whole(simulated(seed))
        knows = calibrate(file, holdout=0)
        assert any("put back as open" in text for text in knows.assumptions)
        blind = learner_of(cut(file, file.about.end)).scenario()
        rows.append([told(knows.scenario), told(blind)])
    found = np.mean(rows, axis=0) / truth - 1
    assert (np.abs(found[0]) < 0.1).all(), found
    assert (np.abs(found[0]) < np.abs(found[1]) / 2).all(), found


def test_back_tests_of_a_file_of_whole_cases_expect_the_process_and_say_what_the_file_lacks() -> None:
    """Of 150 arrivals a week; the last two weeks of the file show only those whose cases were short."""
    log = simulated(3)
    for file, is_whole in ((whole(log), True), (log, False)):
        found = ss.calibration.backtest(file, cuts=1, weeks=2, replications=20, uncertain=False, workers=1)
        assert found.whole_cases_only == is_whole == found.to_json()["whole_cases_only"]
        assert any("only cases that ended in its window" in line for line in found.lines()) == is_whole
        arrived = found.cuts[0]
        assert arrived.forecast.band("arrived").middle.mean() == pytest.approx(150, rel=0.2)
        assert (arrived.real["arrived"].mean() < 120) == is_whole
