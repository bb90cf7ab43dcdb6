"""Files of the cases that came in by some date and were followed for longer are known, and read as on that date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import salessim as ss
from salessim.calibration import backtest, calibrate, validate_model
from salessim.calibration.history import born
from salessim.calibration.intake import as_it_was, ended
from tests.test_truncation import TRUTH, whole

CLOSES = 20


def simulated(seed: int, weeks: int = 26, **changes: object) -> ss.EventLog:
    log = ss.simulate(ss.Scenario.parse(TRUTH).change({"clock.horizon": f"{weeks} weeks", **changes}), seed=seed)
    return ss.EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)


def followed(log: ss.EventLog, weeks: int = CLOSES) -> ss.EventLog:
    """The cases of the first weeks, until the log ends."""
    early = born(log)[lambda came: came < log.about.start + pd.Timedelta(weeks=weeks)].index
    return ss.EventLog(log.frame[log.frame["case"].isin(early)].reset_index(drop=True), log.about)


@pytest.mark.parametrize("rate", ["150 per week", "20 per week"])
def test_the_date_is_found_where_there_is_one(rate: str) -> None:
    for seed in range(10):
        log = simulated(seed, **{"channels.in.arrivals.rate": rate})
        assert ended(log) is None
        late = (pd.Timestamp(log.about.start) + pd.Timedelta(weeks=CLOSES) - ended(followed(log))) / pd.Timedelta(1, "D")
        assert 0 <= late <= (0 if rate.startswith("150") else 4)  # the last may have come some days before


def test_demand_that_pauses_is_no_end() -> None:
    """Nobody comes on Saturdays and Sundays, in five weeks of summer, and in the last two, in which work goes on."""
    off = [{"title": "summer", "start": "2025-03-03", "end": "2025-04-06", "factor": 0}, {"title": "winter", "start": "2025-06-23", "end": "2025-07-06", "factor": 0}]
    week = {"weekdays": dict.fromkeys(("Mon", "Tue", "Wed", "Thu", "Fri"), 1.4) | {"Sat": 0, "Sun": 0}, "campaigns": off}
    for seed in range(10):
        log = simulated(seed, **{f"channels.in.arrivals.{name}": value for name, value in week.items()})
        assert born(log).max() < pd.Timestamp("2025-06-23", tz="UTC")
        assert log.frame["ended"].max() > pd.Timestamp("2025-07-03", tz="UTC")
        assert ended(log) is None


def test_a_file_of_whole_cases_ends_with_few_and_is_not_of_this_kind() -> None:
    for seed in range(10):
        log = whole(simulated(seed, 10))
        assert as_it_was(log)[0] is log


def test_what_is_learnt_is_what_was_there_on_that_date() -> None:
    """Demand as it was, the hold-out before the date, cases that went on later open on it."""
    log = followed(simulated(1))
    found = calibrate(log, replications=19, seed=1)
    assert "Nobody came in from 2025-05-26 on" in found.assumptions[0]
    assert found.validation is not None
    assert found.validation.left_out == found.assumptions[0]  # the page of the fit says it as well
    assert found.validation.main.until == pd.Timestamp("2025-05-26", tz="UTC")
    assert not [v.part for v in found.validation.main.verdicts if v.flagged and v.part in ("arrivals", "routing", "outcomes")]
    (channel,) = found.scenario.channels.values()
    assert channel.arrivals is not None
    assert channel.arrivals.rate.count == pytest.approx(150, rel=0.08)
    same = calibrate(ss.EventLog(cut_off := as_it_was(log)[0].frame, replace(log.about, end=pd.Timestamp("2025-05-26", tz="UTC").to_pydatetime())), replications=19, seed=1)
    assert same.scenario.hash == found.scenario.hash
    assert (cut_off["outcome"] == "open").sum() > 50
    assert backtest(log, cuts=1, weeks=3, replications=20).cuts[0].date == pd.Timestamp("2025-05-05").date()
    checked = validate_model(ss.Scenario.parse(TRUTH), log, replications=19, seed=2)
    assert "Nobody came in" in checked.lines()[2]
    assert not [v.part for v in checked.main.verdicts if v.flagged]


def test_where_no_ending_is_told_simulated_cases_end_as_those_of_the_file_do() -> None:
    """A log of what was done alone: each case counts as over with its last row, open ones too. A right model is not flagged for having some."""
    flagged = outside = 0
    for seed in range(6):
        log = simulated(seed, 10)
        frame = log.frame[(log.frame["step"] != "think") & log.frame["ended"].notna()].copy()
        last = ~frame.duplicated("case", keep="last")
        assert (frame.loc[last, "outcome"] != "completed").any()
        frame["outcome"] = np.where(last, "completed", "next")
        told = ss.EventLog(frame.reset_index(drop=True), replace(log.about, endings_known=False))
        truth = ss.Scenario.parse(TRUTH.replace("{lost: price, share: 30 %}", "{done: true, share: 30 %}"))
        found = validate_model(truth, told, replications=19, seed=seed)
        flagged += bool([v for v in found.main.verdicts if v.flagged])
        rows = {row.what: row for row in found.main.rows}
        assert rows["open cases at the end"].simulated < 1  # under way for minutes
        outside += not rows["completed"].low <= rows["completed"].real <= rows["completed"].high
    assert max(flagged, outside) <= 1  # of 20 right models one is expected
