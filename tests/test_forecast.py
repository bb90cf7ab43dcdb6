"""Forecasts of the coming weeks: figures by hand, intervals that cover, and the past as a judge."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from salessim.calibration import backtest, calibrate
from salessim.cli import main
from salessim.errors import InputError, LogError
from salessim.experiment import simulate
from salessim.forecasts import ARRIVED, ASKED, LOAD, LOST, ON_SHIFT, OPEN, WON, WORKED, forecast
from salessim.log import EventLog
from salessim.scenario.calendars import public_holidays
from salessim.scenario.model import Scenario
from salessim.scenario.open_tables import rows, table
from salessim.statistics import prediction_interval
from tests.test_learning import as_exported

OFFICE = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}}


def pipeline(cases: list[dict[str, Any]], **more: Any) -> Scenario:
    """Two salespeople answer in 4 h; the customer decides in 10 days: 30 % no."""
    steps = {
        "answer": {"work": "4 h", "by": "sales", "patience": "none", "then": [{"to": "decide"}]},
        "decide": {"customer": "10 days", "milestone": "won", "then": [{"lost": "no", "share": 0.3}, {"done": True}]},
    }  # fmt: skip
    usual = {"channel": "web", "value": 1000.0}
    return Scenario.parse({
        "name": "pipeline", "clock": {"start": "2026-03-02", "horizon": "1 year"}, "calendars": OFFICE, "segments": {"all": {"value": "1000 EUR"}},
        "teams": {"sales": {"size": 2, "calendar": "office"}}, "channels": {"web": {"enters": "answer", "segments": {"all": 1}, "replay": []}},
        "stages": {"lead": {"steps": {"answer": steps["answer"]}}, "contract": {"title": "Deciding", "steps": {"decide": steps["decide"]}}},
        "in_process": [{"case": f"c{i}", **usual, "arrived": c["since"], **c} for i, c in enumerate(cases)], **more,
    })  # fmt: skip


CASES = [{"step": "decide", "since": "2026-02-25T00:00"}, {"step": "decide", "since": "2026-02-27T00:00"}, *({"step": "answer", "since": "2026-02-27T16:00"} for _ in range(3))]


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_weeks_by_hand(engine: Any) -> None:
    """Who decides since 25 and 27 Feb does so on 7 and 9 March, one week each; three who wait are answered on Monday and decide on 12 March."""
    found = forecast(pipeline(CASES), 3, replications=60, seed=3, engine=engine)
    assert found.weeks == (dt.date(2026, 3, 2), dt.date(2026, 3, 9), dt.date(2026, 3, 16))
    assert found.at_start == {"lead": 3.0, "contract": 2.0}
    over = found.series[WON] + found.series[LOST]
    assert set(map(tuple, over.tolist())) == {(1.0, 4.0, 0.0)}
    assert found.series["open @ contract"].tolist() == [[4.0, 0.0, 0.0]] * 60
    assert found.series["value won"].tolist() == (1000 * found.series[WON]).tolist()
    assert found.series[f"{ASKED} sales"].tolist() == [[12.0, 0.0, 0.0]] * 60
    assert found.series[f"{WORKED} sales"].tolist() == [[12.0, 0.0, 0.0]] * 60
    assert found.series[f"{ON_SHIFT} sales"].tolist() == [[80.0, 80.0, 80.0]] * 60
    assert found.band(f"{LOAD} sales").middle.tolist() == [15.0, 0.0, 0.0]
    # Each of five decides yes with 70 %, so that 60 futures hold few and many.
    assert stats.binomtest(int(found.series[WON].sum()), 300, 0.7).pvalue > 1e-3


def test_both_engines_forecast_the_same() -> None:
    model = pipeline(CASES, channels={"web": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": "30 per week", "daily_cv": 0.4}}})
    a, b = (forecast(model, 4, replications=8, seed=1, engine=e, workers=1) for e in ("reference", "compiled"))
    assert json.dumps(a.to_json()) == json.dumps(b.to_json())


def test_work_that_crosses_weeks_is_split_and_what_waits_is_asked_for() -> None:
    """One person, 24 cases of 4 h waiting: 96 h are asked for in the first week, 40 h worked in each of two, 16 h in the third."""
    model = pipeline([{"step": "answer", "since": "2026-02-27T16:00"} for _ in range(24)], teams={"sales": {"size": 1, "calendar": "office"}})
    found = forecast(model, 3, replications=2, engine="reference")
    assert found.series[f"{ASKED} sales"][0].tolist() == [96.0, 0.0, 0.0]
    assert found.series[f"{WORKED} sales"][0].tolist() == [40.0, 40.0, 16.0]
    assert found.series["open @ lead"][0].tolist() == [14.0, 4.0, 0.0]
    short = forecast(model, 1, replications=2, engine="reference")
    assert short.series[f"{ASKED} sales"][0].tolist() == [96.0]


def test_arrivals_are_poisson_and_the_interval_says_so() -> None:
    model = pipeline([], channels={"web": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": "20 per week"}}})
    found = forecast(model, 2, replications=800, seed=4, engine="reference", level=0.9)
    band = found.band(ARRIVED)
    for week in range(2):
        assert abs(band.low[week] - stats.poisson.ppf(0.05, 20)) <= 1
        assert abs(band.high[week] - stats.poisson.ppf(0.95, 20)) <= 1
    assert any("begins empty" in text for text in found.cautions())


def test_prediction_intervals_cover_as_they_say() -> None:
    rng = np.random.default_rng(0)
    draws = rng.lognormal(0, 1, (100, 4000))
    low, high = prediction_interval(draws[:99], 0.9)
    hits = int(((low <= draws[99]) & (draws[99] <= high)).sum())
    assert stats.binomtest(hits, 4000, 0.9).pvalue > 1e-3
    assert [float(x) for x in prediction_interval([3.0, 1.0, 2.0], 0.95)] == [1.0, 3.0]


def test_overdue_cases_are_told() -> None:
    found = forecast(pipeline([{"step": "decide", "since": "2026-01-02"}, *CASES]), 1, replications=2, engine="reference")
    assert found.overdue == 1
    assert any("1 of 6 open cases have been where they are longer" in text for text in found.cautions())


@pytest.mark.parametrize(("field", "value"), [("weeks", 0), ("replications", 1), ("level", 1.0)])
def test_numbers_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=field):
        forecast(pipeline(CASES), **{field: value})


def test_a_table_says_what_the_cases_say() -> None:
    model = pipeline([{"step": "answer", "since": "2026-02-27T16:00", "started": "2026-02-27T16:30", "team": "sales", "visited": {"decide": 2}, "case": "=1+1"}, *CASES])
    assert "'=1+1" in table(model.in_process)
    assert pipeline([], in_process=rows("t.csv", table(model.in_process))).in_process == model.in_process


def test_the_command_writes_tables_json_and_a_page(tmp_path: Path) -> None:
    pipeline(CASES).save(tmp_path / "s.yaml")
    run = ["forecast", str(tmp_path / "s.yaml"), "--weeks", "2", "-n", "40", "--engine", "reference"]
    said = CliRunner().invoke(main, [*run, "--out", str(tmp_path / "ahead.html")])
    assert said.exit_code == 0, said.output
    assert "5 cases are open at the start" in said.output
    page = (tmp_path / "ahead.html").read_text()
    assert page.count("<svg") == 3
    assert "<script" not in page
    data = json.loads(CliRunner().invoke(main, [*run, "--json"]).output)
    assert data["series"][OPEN]["middle"] == [4.0, 0.0]


# --- the past as a judge -------------------------------------------------------------------------------------------


def truth(weeks: int) -> Scenario:
    """A process that calibration can know: one activity by people, then the customer decides; no drift."""
    return Scenario.parse({
        "name": "truth", "clock": {"start": "2025-01-06", "horizon": f"{weeks} weeks"}, "calendars": OFFICE, "segments": {"all": {}},
        "teams": {"sales": {"size": 3, "calendar": "office"}}, "channels": {"web": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": "25 per week"}}},
        "stages": {"lead": {"steps": {
            "answer": {"work": {"law": "exponential", "mean": "2 h"}, "by": "sales", "patience": "none", "then": [{"to": "decide"}]},
            "decide": {"customer": {"law": "exponential", "mean": "14 days"}, "then": [{"lost": "no", "share": 0.4}, {"to": "sign"}]},
            "sign": {"work": {"law": "exponential", "mean": "1 h"}, "by": "sales", "patience": "none", "then": [{"done": True}]},
        }}},
    })  # fmt: skip


def test_a_log_becomes_a_pipeline_of_its_open_cases() -> None:
    log = simulate(truth(60), seed=5, engine="reference")
    learnt = calibrate(log, holdout=0, from_today=True).scenario
    still = log.frame[log.frame["outcome"] == "open"]
    assert sorted(case.case for case in learnt.in_process) == sorted(map(str, still["case"]))
    assert str(learnt.clock.start) == "2026-03-02"
    by_case = {case.case: case for case in learnt.in_process}
    for row in still.itertuples():
        case = by_case[str(row.case)]
        assert case.step == row.step
        assert case.since == row.enabled
        assert bool(case.team) == (row.person != "")


def test_public_holidays_of_all_weeks_ahead_are_days_off_for_arrivals() -> None:
    log = simulate(truth(60), seed=5, engine="reference")
    off = {d for year in (2025, 2026) for d in public_holidays("DE", year)}
    came = log.frame.groupby("case")["enabled"].transform("min")
    weekdays = log.frame[(came.dt.day_of_week < 5) & ~came.dt.date.isin(off)].reset_index(drop=True)
    learnt = calibrate(EventLog(weekdays, replace(log.about, holidays="DE")), holdout=0, from_today=True).scenario
    arrivals = learnt.channels["web"].arrivals
    assert arrivals is not None
    assert {str(c.start) for c in arrivals.campaigns} >= {"2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14"}


def test_where_readiness_is_not_logged_cases_are_on_their_way() -> None:
    """The log of starts and ends shows who has left which step; each replication draws the way, and a quarter of a year ahead nobody is lost."""
    log = as_exported(simulate(truth(60), seed=5, engine="reference"), enabled=False)
    learnt = calibrate(log, holdout=0, from_today=True).scenario
    assert {case.after for case in learnt.in_process} > {None}
    found = forecast(learnt, 13, replications=40, seed=2)
    new, over = (sum(found.series[n].sum(axis=1) for n in names) for names in ((ARRIVED,), (WON, LOST)))
    assert (sum(found.at_start.values()) + new - over - found.series[OPEN][:, -1]).tolist() == [0.0] * 40


def covered(seeds: range, cuts: int, **more: Any) -> Any:
    """Of each log the share of weeks inside their interval, by series."""
    found = []
    for seed in seeds:
        log = simulate(truth(80), seed=seed, engine="reference")
        test = backtest(log, cuts=cuts, weeks=5, replications=79, seed=seed, level=0.9, **more)
        found.append([test.coverage(name) for name in (ARRIVED, WON, LOST, OPEN)])
    return np.array(found)


def test_back_tests_cover() -> None:
    """Ten forecasts of five weeks, four series: about nine of ten inside, and no series far below."""
    found = covered(range(5), 2)
    assert found.mean() > 0.85
    assert found.mean(axis=0).min() > 0.78


@pytest.mark.slow
def test_back_tests_cover_at_their_level() -> None:
    """Forty logs. Weeks of one log hang together, so that the standard error is taken over logs; estimates of so long a log are not exact, which costs a point or two."""
    found = covered(range(100, 140), 3, uncertain=True)
    error = found.mean(axis=1).std(ddof=1) / math.sqrt(len(found))
    assert 0.9 - 3 * error < found.mean() < 0.94 + 3 * error  # counts are discrete: intervals hold somewhat more than they must
    assert found.mean(axis=0).min() > 0.86


def test_a_log_that_is_too_short_is_refused() -> None:
    log = simulate(truth(8), seed=1, engine="reference")
    with pytest.raises(LogError, match="too short for back-tests of 6 weeks"):
        backtest(log)
    with pytest.raises(LogError, match="out of range"):
        backtest(log, cuts=0)


def test_whathappened_is_counted_as_a_forecast_counts() -> None:
    from salessim.calibration.backtest import happened

    log = simulate(truth(20), seed=2, engine="reference")
    weeks = tuple(dt.date(2025, 3, 3) + dt.timedelta(days=7 * k) for k in range(4))
    real = happened(EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about), weeks)
    frame = log.frame
    born = frame.groupby("case")["enabled"].min()
    done = frame[frame["outcome"] == "completed"]["ended"]
    lost = frame[frame["outcome"] == "lost: no"]["ended"]
    for k, day in enumerate(weeks):
        a, b = (pd.Timestamp(day, tz="UTC") + pd.Timedelta(weeks=w) for w in (0, 1))
        counts = [int(((x >= a) & (x < b)).sum()) for x in (born, done, lost)]
        assert [real[n][k] for n in (ARRIVED, WON, LOST)] == counts
        assert real[OPEN][k] == int((born < b).sum() - (done < b).sum() - (lost < b).sum())
