"""Dates without a time of day: hours are not learnt from them, and no wait is half a day too long because of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from salessim.calibration import calibrate
from salessim.calibration.days import are_days, spread
from salessim.calibration.sample import View, see
from salessim.importers import inspect_log, read_log
from salessim.log import EventLog

LEADS, WON = 400, 200


def leads(path: Path, clock: str = "%Y-%m-%d %H:%M:%S") -> Path:
    """400 leads of 200 days, two a day, dated by the day; every second is won three days later, between 9:00 and 16:59."""
    rng = np.random.default_rng(3)
    days = pd.Timestamp("2025-01-06") + pd.to_timedelta(np.arange(LEADS) // 2, unit="D")
    won = days[::2] + pd.Timedelta(days=3) + pd.to_timedelta(rng.integers(9 * 3600, 17 * 3600, WON), unit="s")
    path.mkdir()
    pd.DataFrame({"lead_id": np.arange(LEADS), "contact_date": days.strftime("%Y-%m-%d"), "source": np.where(np.arange(LEADS) % 5, "web", "")}).to_csv(path / "leads.csv", index=False)
    pd.DataFrame({"lead_id": np.arange(0, LEADS, 2), "won_date": won.strftime(clock)}).to_csv(path / "won.csv", index=False)
    return path


def imported(source: Path, **more: object) -> tuple[EventLog, dict[str, int]]:
    log, quality = read_log(source, {**inspect_log(source).mapping, **more})
    assert list(log.problems()) == []
    return log, dict(quality.counts)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Shanghai"])
def test_a_day_is_a_day_of_the_office_wherever_the_clock_of_the_system_stands(zone: str, tmp_path: Path) -> None:
    log, counts = imported(leads(tmp_path / "crm"), office_in=zone)
    first = log.frame.drop_duplicates("case")["enabled"]
    assert first.min() == pd.Timestamp("2025-01-06", tz=zone)
    assert are_days(first)
    assert counts["dates in column 'contact_date' have no time of day; the hour is not known"] == LEADS


def test_a_window_of_days_ends_with_its_last_day(tmp_path: Path) -> None:
    log, _ = imported(leads(tmp_path / "crm", "%Y-%m-%d"))
    assert log.about.end == pd.Timestamp("2025-07-28", tz="UTC")  # the last is won on 2025-07-27, at some hour


def test_a_blank_channel_is_not_given(tmp_path: Path) -> None:
    log, counts = imported(leads(tmp_path / "crm"))
    assert log.frame.groupby("channel")["case"].nunique().to_dict() == {"not given": LEADS // 5, "web": 4 * LEADS // 5}
    assert counts["cases name no channel; they count as 'not given'"] == LEADS // 5
    assert set(calibrate(log, holdout=0).scenario.channels) == {"not given", "web"}


def test_days_are_spread_over_the_hours_that_the_log_shows(tmp_path: Path) -> None:
    log, _ = imported(leads(tmp_path / "crm"))
    found = spread(log)
    assert found.hours_known
    first = found.log.frame.drop_duplicates("case")["enabled"]
    hour = first.dt.hour + first.dt.minute / 60
    assert hour.between(9, 17).all()
    # Wins are even over 9:00 to 17:00, and so are then the arrivals: a quarter in each two hours, but for what 200 wins leave to chance.
    assert (hour // 2).value_counts(normalize=True).reindex([5, 6, 7]).to_numpy() == pytest.approx([0.25] * 3, abs=4 * np.sqrt(0.25 * 0.75 / WON))
    assert (first.dt.normalize() == log.frame.drop_duplicates("case")["enabled"]).all()
    assert list(found.log.problems()) == []
    # From midnight a win takes three days and the hour of its day, 13:00 on average; from the true hour, three days.
    ended = found.log.frame[found.log.frame["outcome"] == "completed"].set_index("case")["ended"]
    took = (ended - first.set_axis(found.log.frame.drop_duplicates("case")["case"]).reindex(ended.index)).dt.total_seconds() / 86_400
    assert took.mean() == pytest.approx(3.0, abs=0.03)


def test_where_the_log_has_no_hours_the_model_has_none(tmp_path: Path) -> None:
    log, _ = imported(leads(tmp_path / "crm", "%Y-%m-%d"))
    learnt = calibrate(log, holdout=0)
    arrivals = learnt.scenario.channels["web"].arrivals
    assert "no time of day" in " ".join(learnt.assumptions)
    assert arrivals.assumption == "the log has days without hours: spread evenly over the day"
    hours = arrivals.hours or {}
    assert len(set(hours.values())) <= 1
    first = spread(log).log.frame.drop_duplicates("case")["enabled"].dt.hour
    assert first.value_counts(normalize=True).reindex(range(24)).to_numpy() == pytest.approx([1 / 24] * 24, abs=0.01)


def test_a_day_with_other_stamps_lies_before_them(tmp_path: Path) -> None:
    rows = [("a", "2025-03-04", "2025-03-04 00:20:00"), *((f"x{i}", "2025-03-03", f"2025-03-05 {9 + i % 8:02d}:30:00") for i in range(70))]
    (tmp_path / "crm").mkdir()
    pd.DataFrame(rows, columns=["lead_id", "contact_date", "won_date"]).to_csv(tmp_path / "crm" / "leads.csv", index=False)
    log, _ = imported(tmp_path / "crm")
    case = spread(log).log.frame.set_index("case").loc["a"]
    assert pd.Timestamp("2025-03-04", tz="UTC") < case["enabled"] < case["ended"] == pd.Timestamp("2025-03-04 00:20", tz="UTC")


@pytest.mark.parametrize("shape", ["cases", "events"])
def test_an_end_on_the_day_of_the_start_is_not_before_it(shape: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("case_id,activity,start,close\n1,call,2025-03-04 10:00:00,2025-03-04\n2,call,2025-03-04 11:00:00,2025-03-06\n")
    table = {"shape": "events", "columns": {"case": "case_id", "activity": "activity", "start": "start", "end": "close"}}
    if shape == "cases":
        table = {"shape": "cases", "columns": {"case": "case_id"}, "steps": {"call": {"enabled": "start", "end": "close"}}}
    log, quality = read_log(tmp_path / "log.csv", {"tables": {"log": table}, "activities": {"call": {"kind": "work"}}, "complete_cases_only": True})
    assert log.frame["ended"].tolist() == [pd.Timestamp("2025-03-04 10:00", tz="UTC"), pd.Timestamp("2025-03-06", tz="UTC")]
    assert log.frame["enabled"].dt.hour.tolist() == [10, 11]
    assert quality.counts["visits ended on the day they began, at an hour that is not known; they take no time"] == 1


def test_a_simulated_log_is_compared_in_days(tmp_path: Path) -> None:
    """Seen through the real log's gate, arrivals stand at midnight and the true stamps of wins do not."""
    log, _ = imported(leads(tmp_path / "crm"), office_in="Europe/Berlin")
    view = View.of(log)
    assert (view.arrivals_in_days, view.ends_in_days, view.days) == (True, False, (False,))
    later = log.frame.assign(enabled=log.frame["enabled"] + pd.Timedelta(hours=13))
    seen, real = see(later, view), see(log.frame, view)
    assert seen.born.tolist() == real.born.tolist()
    assert seen.over[~np.isnan(seen.over)].tolist() == real.over[~np.isnan(real.over)].tolist()


def test_a_log_with_hours_is_left_alone(tmp_path: Path) -> None:
    stamps = pd.date_range("2025-01-06", periods=100, freq="7h")
    (tmp_path / "log.csv").write_text("case,activity,time\n" + "".join(f"{i // 2},{'ab'[i % 2]},{t}\n" for i, t in enumerate(stamps)))
    log, counts = imported(tmp_path / "log.csv")
    assert not any("time of day" in what for what in counts)
    assert spread(log).log is log
