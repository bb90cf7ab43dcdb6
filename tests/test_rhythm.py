"""The pace of the week and rare duty: known hours come back, and none are made up."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim.calibration.arrivals import inflow
from salessim.calibration.duty import duty
from salessim.calibration.learn import learner_of
from salessim.calibration.rhythm import Beat, clustering, levels, shifts
from salessim.calibration.sample import View, see
from salessim.calibration.yardsticks import Window, between, mean, resampled
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.calendars import DAYS, Calendar, Shift, spans, weekdays
from salessim.scenario.model import Scenario
from tests.test_learning import as_exported

WEEK = 7 * 86_400
MINUTE = 60_000_000


def pace_of(found: list[dict[str, Any]]) -> np.ndarray:
    """Shifts as paces of the hours of the week."""
    pace = np.zeros((7, 24))
    for shift in found:
        for a, b in spans(shift["hours"]):
            pace[np.ix_(sorted(weekdays(shift["days"])), range(a // 60, b // 60))] = shift.get("share", 1.0)
    return pace


def waits(pace: np.ndarray, n: int, mean_hours: float, at_once: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Waits that begin when others end and take an exponential time of a clock that goes at a pace; some take none."""
    rng = np.random.default_rng(seed)
    cells = np.flatnonzero(pace.ravel())
    # 1970 began on a Thursday: the first Monday is four days later.
    since = 4 * 86_400 + WEEK * rng.integers(0, 30, n) + 3600 * rng.choice(cells, n, p=pace.ravel()[cells] / pace.sum()) + rng.uniform(0, 3600, n)
    run = np.concatenate([[0.0], np.cumsum(np.tile(np.roll(pace.ravel(), 96), 60) * 3600)])
    clock = 3600.0 * np.arange(len(run))
    left = rng.exponential(3600 * mean_hours, n) * (rng.random(n) >= at_once)
    return since, np.maximum(since, np.interp(np.interp(since, clock, run) + left, run, clock))


@pytest.mark.parametrize("at_once", [0.0, 0.7])
def test_the_pace_of_the_week_comes_back(at_once: float) -> None:
    truth = np.zeros((7, 24))
    truth[:5, 9:17], truth[:5, 17:20], truth[5, 10:14] = 1.0, 0.2, 0.1
    found = shifts(*waits(truth, 6000, 5.0, at_once, seed=4), np.zeros(6000, int))
    assert found is not None
    learnt = pace_of(found)
    assert np.array_equal(learnt > 0, truth > 0)
    # Of 6,000 waits some 70 end on a Saturday, fewer by 12 % and more by chance; most of them do not count where they end at once.
    assert learnt[:5, 9:17] == pytest.approx(1.0, abs=0.05)
    assert learnt[:5, 17:20] == pytest.approx(0.2, rel=0.15)
    assert learnt[5, 10:14] == pytest.approx(0.1, rel=0.45)


@pytest.mark.parametrize("n", [100, 1000])
def test_where_all_hours_are_alike_there_is_no_rhythm(n: int) -> None:
    # What begins in the day ends in the day where it takes an hour: that is no rhythm. The price grows with n: errors vanish.
    rng = np.random.default_rng(n)
    wrong = 0
    for _ in range(40):
        since = WEEK * rng.integers(0, 20, n) + 86_400 * rng.integers(0, 7, n) + 3600 * rng.normal(13, 2, n)
        wrong += shifts(since, since + rng.exponential(3600, n), np.zeros(n, int)) is not None
    assert wrong <= 4


def test_little_is_told_from_few_and_none_from_fewer() -> None:
    truth = np.zeros((7, 24))
    truth[:5, 9:17] = 1.0
    found = shifts(*waits(truth, 100, 20.0, 0.0, seed=5), np.zeros(100, int))
    assert found is not None
    assert len(found) <= 6
    assert pace_of(found)[:, :8].sum() == pace_of(found)[6].sum() == 0
    assert shifts(*waits(truth, 59, 20.0, 0.0, seed=5), np.zeros(59, int)) is None


def test_levels_are_counts_over_exposure_in_as_few_blocks_as_pay() -> None:
    exposure = np.full((7, 24), 50.0)
    seen = np.zeros((7, 24))
    seen[:5, 8:18], seen[5, 8:18] = 100.0, 3.0
    rate = levels(seen, exposure)
    assert rate[:5, 8:18] == pytest.approx(2.0)
    assert rate[5, 8:18] == pytest.approx(0.06)
    assert rate[:, :8].sum() == rate[:, 18:].sum() == rate[6].sum() == 0
    # In clusters of fifty the Saturday's thirty are less than one event.
    assert levels(seen, exposure, together=50.0)[5] == pytest.approx(30 / (2 * 24 * 50))
    assert clustering([1.0, 1.0, 1.0, 2.0]) == 10 / 4


def test_a_share_of_a_shift_is_the_first_part_of_each_quarter_of_an_hour() -> None:
    assert Shift(days="Sat", hours="10:00-10:40", share=0.2).pieces == ((600, 603), (615, 618), (630, 632))
    calendar = Calendar.model_validate({"shifts": [{"days": "Mon", "hours": "09:00-17:00"}, {"days": "Mon", "hours": "17:00-18:00", "share": "20 %"}]})
    open_ = calendar.intervals(dt.date(2026, 1, 5), "Europe/Berlin", 7 * 86_400_000_000)
    assert [(a // MINUTE, b // MINUTE) for a, b in open_] == [(540, 1023), (1035, 1038), (1050, 1053), (1065, 1068)]
    with pytest.raises(ValueError, match=r"give at least 0\.1 %"):
        Shift(days="Sat", hours="10:00-11:00", share=0.0)


def test_a_timer_keeps_its_day() -> None:
    start = pd.Timestamp("2026-01-05", tz="UTC")
    calendar = {"shifts": [{"days": "Mon-Fri", "hours": "23:00-24:00"}]}
    clock = Beat(calendar, start, start + pd.Timedelta(days=20), "UTC", 59)
    strikes = [(start + pd.Timedelta(days=d, hours=23, minutes=59, seconds=59)).timestamp() for d in (0, 1, 4, 7)]
    begun = (start + pd.Timedelta(hours=15)).timestamp()
    # Half an hour of its hour on the same day, one more hour on each day after; the weekend does not count.
    assert list(clock(strikes) - clock(begun)) == [1800, 5400, 4 * 3600 + 1800, 5 * 3600 + 1800]


def test_those_who_work_at_other_hours_are_counted_by_heads() -> None:
    usual = [{"days": "Mon-Fri", "hours": "09:00-17:00"}]
    weeks = pd.date_range("2026-01-05", periods=40, freq="7D", tz="Europe/Berlin")
    days = [(week + pd.Timedelta(days=d, hours=h, minutes=5 * p), f"person {p}") for week in weeks for d in range(5) for h in range(9, 17) for p in range(5)]
    # Every fourth Saturday two of the five are there from ten to two.
    rare = [(week + pd.Timedelta(days=5, hours=h, minutes=7 * p), f"person {p}") for week in weeks[::4] for h in range(10, 14) for p in range(2)]
    stamps, people = (pd.Series(x) for x in zip(*days, *rare, strict=True))
    [found] = duty(stamps, people, usual)
    assert found.heads == 2
    assert found.day == "Sat"
    assert found.shifts == [{"days": "Sat", "hours": "10:00-14:00"}]
    assert found.share == pytest.approx(80 / 8080)
    assert found.presence == pytest.approx(10 / 39)  # the fortieth Saturday is after the last stamp
    assert found.spell == 4  # no end is seen but that of the hours
    assert not duty(stamps[: len(days)], people[: len(days)], usual)
    assert not duty(stamps[: len(days) + 4], people[: len(days) + 4], usual)  # four stamps are no duty


def test_late_evenings_and_free_days_are_duties_of_their_own() -> None:
    """Somebody stays until eight on every other day, for an hour or three; on two Sundays of forty somebody works from eleven to two, and on no Saturday."""
    usual = [{"days": "Mon-Fri", "hours": "09:00-17:00"}]
    weeks = pd.date_range("2026-01-05", periods=40, freq="7D", tz="Europe/Berlin")
    days = [week + pd.Timedelta(days=d, hours=h, minutes=5 * p) for week in weeks for d in range(5) for h in range(9, 17) for p in range(5)]
    late = [week + pd.Timedelta(days=d, hours=h) for i, week in enumerate(weeks) for d in range(5) if (5 * i + d) % 2 for h in range(17, 18 if (5 * i + d) % 4 == 1 else 20)]
    sundays = [weeks[i] + pd.Timedelta(days=6, hours=h, minutes=m) for i in (9, 30) for h in range(11, 14) for m in (0, 20)]
    stamps = pd.Series([*days, *late, *sundays])
    evening, sunday = duty(stamps, pd.Series("person", index=stamps.index), usual)
    assert (evening.day, sunday.day) == (None, "Sun")
    assert evening.shifts == [{"days": "Mon, Tue, Wed, Thu, Fri", "hours": "17:00-20:00"}]
    assert evening.presence == pytest.approx((50 * 1 + 50 * 3) / 600)
    assert evening.spell == pytest.approx(200 / 50)  # fifty ends are seen at six, those at eight are the ends of the hours
    assert sunday.shifts == [{"days": "Sun", "hours": "11:00-14:00"}]
    assert sunday.presence == pytest.approx(6 / (3 * 39))  # the fortieth Sunday is after the last stamp
    assert sunday.spell == 3  # no end is seen, so it is as long as anybody was seen


def test_days_on_which_nobody_could_come_in_do_not_lower_the_level() -> None:
    start, end = pd.Timestamp("2026-01-05", tz="UTC"), pd.Timestamp("2026-03-30", tz="UTC")
    days = pd.date_range(start, end - pd.Timedelta(days=1))
    closed = [d.date().isoformat() for d in days[3::7]]
    arrived = pd.Series([d + pd.Timedelta(hours=h) for d in days if d.date().isoformat() not in closed for h in range(8, 18)])
    assert inflow(arrived, start, end).levels[-1].per_week == pytest.approx(60, rel=0.01)
    # Six weekdays have ten a day; of the seventh nothing is known.
    assert inflow(arrived, start, end, closed=closed[:6]).levels[-1].per_week == pytest.approx(60, rel=0.01)
    assert inflow(arrived, start, end, closed=closed[:6]).levels[-1].per_week >= inflow(arrived, start, end).levels[-1].per_week


def sales(*, weekend: bool) -> Scenario:
    """A process whose people work in office hours, and one of them, if so wished, on Saturdays."""
    teams: dict[str, Any] = {"sales": {"size": 6, "calendar": "office"}}
    if weekend:
        teams["duty"] = {"size": 1, "calendar": "saturday", "at_shift_end": "overtime"}
    by = list(teams)
    return Scenario.parse({
        "clock": {"start": "2026-01-05", "time_zone": "Europe/Berlin", "horizon": "40 weeks"},
        "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, "saturday": {"shifts": [{"days": "Sat", "hours": "10:00-13:00"}]}},
        "teams": teams, "segments": {"all": {}},
        "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "140 per week", "weekdays": {"Mon": 1, "Tue": 1, "Wed": 1, "Thu": 1, "Fri": 1, "Sat": 0.05, "Sun": 0}, "hours": {"09:00-17:00": 1}}}},
        "stages": {"lead": {"steps": {
            "call": {"work": {"law": "exponential", "mean": "20 min"}, "by": by, "patience": "none", "then": [{"to": "think"}]},
            "think": {"customer": {"law": "exponential", "mean": "30 h"}, "then": [{"to": "offer"}]},
            "offer": {"work": {"law": "exponential", "mean": "30 min"}, "by": by, "patience": "none", "then": [{"done": True}]},
        }}},
    })  # fmt: skip


def learnt(log: EventLog) -> Any:
    """What a log without times of readiness teaches."""
    shown = as_exported(log, enabled=False)
    return learner_of(EventLog(shown.frame.sort_values("case", kind="stable").reset_index(drop=True), shown.about))


def test_rare_weekend_duty_comes_back_and_is_simulated() -> None:
    log = simulate(sales(weekend=True), seed=3)
    # Whoever has duty is one of the six: no team of its own by name.
    log = EventLog(log.frame.assign(person=log.frame["person"].replace("duty-1", "sales-1")), replace(log.about, hourly={"sales-2": 40.0}))
    learner = learnt(log)
    teams = learner.staff.teams
    [rare] = [name for name in teams if name.endswith("on Sat")]
    assert teams[rare]["size"] == 1
    assert {team["cost"] for team in teams.values()} == {f"40 {log.about.currency}/hour"}
    days = {DAYS[d] for s in learner.staff.calendars[teams[rare]["calendar"]]["shifts"] for d in weekdays(s["days"])}
    assert days == {"Sat"}
    assert "Work at other hours" in learner.facts
    # The model's logs are as near to this log, hour by hour of the week, as the log's own cases drawn again.
    shown = as_exported(log, enabled=False)
    view = View.of(shown)
    whole = Window(view.start, view.end)
    real = whole.file_of(see(shown.frame, view))
    rng = np.random.default_rng(0)
    yardstick = mean(between(resampled(real, whole, rng), whole, real, whole) for _ in range(10))["CED"]
    model = learner.over(dt.date(2026, 1, 5), pd.Timestamp(log.about.end))
    frames = [simulate(model, seed=1, replication=r).frame for r in range(4)]
    distance = mean(between(whole.file_of(see(f, view, learner.activity_of)), whole, real, whole) for f in frames)["CED"]
    assert distance <= 3 * yardstick


def test_duty_on_one_saturday_in_five_is_not_there_on_all() -> None:
    """Of the log's work on Saturdays only that of every fifth is left; the model does about as much in all, and on few of them."""
    log = simulate(sales(weekend=True), seed=3)
    frame = log.frame.assign(person=log.frame["person"].replace("duty-1", "sales-1"))
    started = frame["started"].dt.tz_convert("Europe/Berlin")
    week = (started - pd.Timestamp("2026-01-05", tz="Europe/Berlin")).dt.days // 7
    idle = frame["case"][(started.dt.day_of_week == 5) & (week % 5 != 0)]
    learner = learnt(EventLog(frame[~frame["case"].isin(idle)].reset_index(drop=True), log.about))
    [rare] = [team for name, team in learner.staff.teams.items() if name.endswith("on Sat")]
    absent = float(rare["absence"]["share"].split()[0]) / 100
    assert 0.7 < absent < 0.95
    frames = pd.concat([simulate(learner.over(dt.date(2026, 1, 5), pd.Timestamp(log.about.end)), seed=1, replication=r).frame for r in range(4)])
    local = frames["started"][frames["person"] != ""].dropna().dt.tz_convert("Europe/Berlin")
    saturdays = local[local.dt.day_of_week == 5]
    real = int(((started.dt.day_of_week == 5) & (week % 5 == 0) & (log.frame["team"] != "")).sum())
    assert 0.4 * real < len(saturdays) / 4 < 2 * real


def test_no_duty_is_made_up_where_nobody_works_at_other_hours() -> None:
    learner = learnt(simulate(sales(weekend=False), seed=3))
    assert len(learner.staff.teams) == 1
    assert "Work at other hours" not in learner.facts
    for calendar in learner.staff.calendars.values():
        hours = [(d, a, b) for s in calendar["shifts"] for d in weekdays(s["days"]) for a, b in spans(s["hours"])]
        assert {d for d, _, _ in hours} == {0, 1, 2, 3, 4}
        assert min(a for _, a, _ in hours) >= 9 * 60
        assert max(b for _, _, b in hours) <= 17 * 60
        assert all(a < b for a, b in pairwise(sorted({a for _, a, _ in hours})))
