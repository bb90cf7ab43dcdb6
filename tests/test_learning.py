"""What calibration makes of logs that lack something: starts, people, times of readiness; and of odd but real habits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim.calibration import Calibration, calibrate, laws
from salessim.calibration.clocks import Clock
from salessim.calibration.history import without_arrival
from salessim.calibration.people import calendar, crews
from salessim.demo import TRUTH
from salessim.experiment import replicate, simulate
from salessim.importers.eventlog import WAITING
from salessim.log import EventLog
from salessim.scenario.model import Scenario
from tests.conftest import ROOT

HOUR, DAY = 3.6e9, 86.4e9


def as_exported(log: EventLog, *, enabled: bool = True, started: bool = True, people: bool = True) -> EventLog:
    """A simulated log as an importer gives it back when some columns were not exported."""
    frame = log.frame.assign(team="")
    if not started:
        frame = frame.assign(started=pd.Series(pd.NaT, index=frame.index, dtype=frame["started"].dtype))
    if not people:
        frame = frame.assign(person="")
    begun = frame["started"].fillna(frame["ended"]).fillna(frame["enabled"])
    if not enabled:
        if not started:
            frame = frame[frame["ended"].notna()]
        known = frame["started"].notna() | frame["ended"].notna()
        frame = frame[known].assign(_by=begun).sort_values(["case", "_by", "ended"], kind="stable")
        frame["visit"] = frame.groupby(["case", "step"]).cumcount()
        before = frame.groupby("case")["ended"].shift().fillna(frame["_by"])
        frame["enabled"] = before.where(before <= frame["_by"], frame["_by"])
        last = ~frame.duplicated("case", keep="last")
        frame.loc[last & frame["outcome"].isin(["next", "gave up"]), "outcome"] = "open"
    return EventLog(frame.reset_index(drop=True), replace(log.about, enabled_known=enabled))


@pytest.fixture(scope="module")
def truth() -> Scenario:
    return Scenario.load(TRUTH)


@pytest.fixture(scope="module")
def log(truth: Scenario) -> EventLog:
    return simulate(truth, seed=21, engine="compiled")


@pytest.fixture(scope="module")
def b2b_learnt() -> Calibration:
    clock = {"start": "2026-01-05", "time_zone": "Europe/Berlin", "horizon": "104 weeks"}
    truth = Scenario.load(ROOT / "scenarios" / "b2b.yaml").change({"clock": clock})
    return calibrate(as_exported(simulate(truth, seed=5, engine="compiled")), holdout=0, holidays="DE")


def cycle(log: EventLog) -> float:
    """Mean days from coming in to the end of cases that ended."""
    cases = log.frame.groupby("case").agg(born=("enabled", "min"), over=("ended", "max"), how=("outcome", "last"))
    return float((cases["over"] - cases["born"])[cases["how"] != "open"].dt.total_seconds().mean() / 86_400)


def fold(frame: pd.DataFrame, activity_of: dict[str, str]) -> pd.DataFrame:
    """A simulated log in the activities of the real one: the waits between them become part of the case again."""
    # The end of a wait that closed the case is the case's end: keep such rows under the name real logs give them.
    ending = frame["outcome"].str.startswith(("lost", "completed", "open"))
    known = frame["step"].map(activity_of)
    folded = frame.assign(step=known.fillna(WAITING))[known.notna() | ending]
    return folded.sort_values("case", kind="stable").reset_index(drop=True)


def again(learnt: Calibration, log: EventLog) -> EventLog:
    """The learnt scenario over the period of the log, from an empty start, seen as the log was."""
    days = (pd.Timestamp(log.about.end) - pd.Timestamp(log.about.start)).days
    clock = {"start": log.about.start.date().isoformat(), "time_zone": log.about.time_zone, "horizon": f"{days} days"}
    simulated = simulate(learnt.scenario.change({"clock": clock}), seed=3, engine="compiled")
    folded = fold(simulated.frame, learnt.activity_of)
    return EventLog(folded if log.about.enabled_known else without_arrival(folded), simulated.about)


def step(kind: dict[str, Any], *then: dict[str, Any]) -> dict[str, Any]:
    return {**kind, "then": list(then)}


def small(steps: dict[str, Any], teams: dict[str, Any] | None = None, **channel: Any) -> Scenario:
    office = {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}
    web = {"enters": next(iter(steps)), "segments": {"all": 1.0}, "arrivals": {"rate": "60 per week", "calendar": "office"}, **channel}
    plain = {
        "salessim": 1, "clock": {"start": "2026-01-05", "horizon": "40 weeks"}, "calendars": {"office": office},
        "teams": {name: {"calendar": "office", "size": 1, **team} for name, team in (teams or {"people": {}}).items()},
        "segments": {"all": {}}, "channels": {"web": web}, "stages": {"lead": {"steps": steps}},
    }  # fmt: skip
    return Scenario.parse(plain)


def work(minutes: float, by: str = "people", **more: Any) -> dict[str, Any]:
    return {"work": {"law": "exponential", "mean": f"{minutes} min"}, "by": by, "patience": "none", **more}


def test_a_log_of_ends_takes_its_time(log: EventLog) -> None:
    ends = as_exported(log, enabled=False, started=False)
    learnt = calibrate(ends, holdout=0)
    assert cycle(again(learnt, ends)) == pytest.approx(cycle(ends), rel=0.1)
    assert "13 people in 6 teams" in learnt.facts["People"]
    assert "starts are not logged: an estimate" in learnt.facts["Working hours"]
    assert not any("No people" in text or "too few" in text for text in learnt.assumptions)
    assert any("Starts are missing for 100 %" in text for text in learnt.assumptions)
    assert learnt.scenario.calendars["office"].shifts[0].hours == "09:00-17:00"


def test_ends_without_people_still_take_their_time(log: EventLog) -> None:
    ends = as_exported(log, enabled=False, started=False, people=False)
    learnt = calibrate(ends, holdout=0)
    assert cycle(again(learnt, ends)) == pytest.approx(cycle(ends), rel=0.1)
    assert any("Neither people nor starts" in text for text in learnt.assumptions)


def test_starts_without_people_make_one_team(log: EventLog) -> None:
    learnt = calibrate(as_exported(log, enabled=False, people=False), holdout=0)
    assert list(learnt.scenario.teams) == ["staff"]
    frame = log.frame.assign(person=log.frame["person"].where(np.arange(len(log)) % 20 == 0, ""))
    assert list(calibrate(as_exported(EventLog(frame, log.about)), holdout=0).scenario.teams) == ["staff"]
    assert any("No people are named, or too few: one team of" in text for text in learnt.assumptions)


def test_every_team_has_its_own_hours(b2b_learnt: Calibration) -> None:
    scenario = b2b_learnt.scenario
    hours = {team: [(s.days, s.hours) for s in scenario.calendars[t.calendar].shifts] for team, t in scenario.teams.items()}
    assert hours["approve team"] == [("Mon, Tue, Wed, Thu, Fri", "16:00-18:00")]
    assert hours["review terms team"] == [("Mon, Tue, Wed, Thu", "09:00-12:30")]
    assert hours["discovery team"] == [("Mon, Tue, Wed, Thu, Fri", "09:00-12:30, 13:30-18:00")]
    assert hours["solve team"][0] == ("Mon, Tue, Wed, Thu, Fri", "07:00-20:00")


@pytest.mark.parametrize(("name", "minutes"), [("approve", 35), ("review terms", 180), ("enter order", 75), ("qualify", 40), ("demo", 110), ("solve", 100)])
def test_work_times_are_working_time(b2b_learnt: Calibration, name: str, minutes: float) -> None:
    assert b2b_learnt.scenario.steps[name].time.mean / 60e6 == pytest.approx(minutes, rel=0.08)


def test_a_way_that_closes_gets_its_limit(b2b_learnt: Calibration) -> None:
    ways = b2b_learnt.scenario.steps["think it over"].then
    assert [r.limit for r in ways if r.limit] == [8]
    assert next(r for r in ways if r.share is None).limit is None
    rest = b2b_learnt.scenario.steps["think it over"]
    assert sum(rest.share_of(r, "small") for r in ways if r.limit is None) == pytest.approx(0.08, abs=0.02)


def test_a_loop_without_an_end_gets_no_limit() -> None:
    steps = {"call": step(work(10), {"to": "call", "share": "70 %"}, {"done": True})}
    learnt = calibrate(as_exported(simulate(small(steps, {"people": {"size": 4}}), seed=1)), holdout=0).scenario
    assert all(r.limit is None for s in learnt.steps.values() for r in s.then)


def tandem() -> Scenario:
    steps = {a: step(work(30, by=a), {"to": b} if b else {"done": True}) for a, b in (("a", "b"), ("b", "c"), ("c", None))}
    return small(steps, {"a": {}, "b": {}, "c": {}}, arrivals={"rate": "68 per week", "calendar": "office"})


def test_queues_are_not_counted_twice() -> None:
    """Three queues at 85 %: with the whole wait as the customer's own time and a queue on top, cycles were 91 % too long."""
    hidden = as_exported(simulate(tandem(), seed=3), enabled=False)
    learnt = calibrate(hidden, holdout=0)
    assert cycle(again(learnt, hidden)) == pytest.approx(cycle(hidden), rel=0.25)
    assert any("queues of the model" in text for text in learnt.assumptions)
    # And what is asked about staff has an answer: a second person at b takes its queue away.
    more = replicate(learnt.scenario.change({"teams.b team.size": 2}), 6, seed=1)
    same = replicate(learnt.scenario, 6, seed=1)
    assert more.estimate("cycle_time").value < 0.85 * same.estimate("cycle_time").value


def test_held_out_is_seen_as_the_log_is() -> None:
    hidden = as_exported(simulate(tandem(), seed=3), enabled=False)
    checked = calibrate(hidden, seed=1, replications=6).validation
    assert checked is not None
    assert next(r for r in checked.main.rows if r.what == "cycle time, mean").inside


def giving_up() -> Scenario:
    steps = {
        "call": step(work(60) | {"patience": {"law": "exponential", "mean": "2 days"}, "gives_up": {"to": "think"}}, {"done": True, "share": "60 %"}, {"lost": "no"}),
        "think": step({"customer": {"law": "gamma", "mean": "5 days", "cv": 0.6}}, {"to": "call", "share": "40 %"}, {"lost": "cold"}),
    }
    return small(steps)


def test_who_gives_up_may_go_on() -> None:
    simulated = simulate(giving_up(), seed=2, engine="compiled")
    assert (simulated.frame["outcome"] == "gave up").sum() > 100
    learnt = calibrate(as_exported(simulated), holdout=0).scenario
    call = learnt.steps["call"]
    assert call.gives_up is not None
    assert call.gives_up.to == "think"
    assert call.patience != "none"
    assert call.patience is not None
    assert call.patience.mean / DAY == pytest.approx(2, rel=0.15)
    assert learnt.steps["think"].time.mean / DAY == pytest.approx(5, rel=0.1)


def test_give_ups_without_readiness_are_not_work(truth: Scenario, log: EventLog) -> None:
    hidden = as_exported(log, enabled=False)
    learnt = calibrate(hidden, holdout=0)
    shares = {r.to or r.lost: learnt.scenario.steps["answer"].share_of(r, "small") for r in learnt.scenario.steps["answer"].then}
    assert "went elsewhere" not in shares
    lost = again(learnt, hidden).frame["outcome"].value_counts()
    real = hidden.frame["outcome"].value_counts()
    simulated = again(learnt, hidden).frame["step"].value_counts()
    assert simulated["nurture"] == pytest.approx((hidden.frame["step"] == "nurture").sum(), rel=0.1)
    assert lost["completed"] == pytest.approx(real["completed"], rel=0.15)


def test_a_start_that_is_missing_is_no_giving_up(log: EventLog) -> None:
    """Started without a stamp and named, or went on as usual: nobody lost patience."""
    frame = log.frame.copy()
    gone = (frame["step"] == "write quote") & (np.arange(len(frame)) % 3 == 0)
    frame.loc[gone, "started"] = pd.NaT
    learnt = calibrate(as_exported(EventLog(frame, log.about)), holdout=0).scenario
    assert learnt.steps["write quote"].patience == "none"


def test_amounts_keep_their_mean() -> None:
    values = np.random.default_rng(1).lognormal(9, 1.3, 800)
    law = laws.amounts(values, "EUR")
    from salessim.scenario.model import Segment

    segment = Segment.model_validate({"value": law})
    assert segment.value is not None
    assert segment.value.mean == pytest.approx(values.mean(), rel=0.002)


def test_names_that_would_collide_are_told_apart() -> None:
    long = "follow up with the customer about the quote number"
    steps = {
        "start": step(work(5), {"to": f"{long} one", "share": "50 %"}, {"to": f"{long} two"}),
        f"{long} one": step({"customer": {"law": "gamma", "mean": "2 days", "cv": 0.5}}, {"to": "meet", "share": "50 %"}, {"to": f"{long} two"}),
        f"{long} two": step({"customer": {"law": "gamma", "mean": "20 days", "cv": 0.5}}, {"to": "meet"}),
        "meet": step(work(5), {"done": True}),
    }
    simulated = as_exported(simulate(small(steps), seed=2), enabled=False)
    channel = np.where(simulated.frame["case"] % 2 == 0, "a.b", "a/b")
    both = EventLog(simulated.frame.assign(channel=channel), simulated.about)
    learnt = calibrate(both, holdout=0)
    assert {"a b", "a b (2)"} == set(learnt.scenario.channels)
    assert cycle(again(learnt, both)) == pytest.approx(cycle(both), rel=0.1)


def test_many_first_activities_are_bounded() -> None:
    rng = np.random.default_rng(4)
    start = pd.Timestamp("2026-01-05 09:00", tz="UTC").as_unit("us")
    rows = []
    for case in range(2000):
        begun = start + pd.Timedelta(hours=float(case % 8 + 24 * (case // 8 % 200)))
        first = int(rng.integers(80))
        rows += [(case, f"first {first:02d}", begun, begun + pd.Timedelta(minutes=5), "next"), (case, "close", begun + pd.Timedelta(hours=1), begun + pd.Timedelta(hours=2), "completed")]
    frame = pd.DataFrame(rows, columns=["case", "step", "started", "ended", "outcome"]).assign(
        customer="c", stage="lead", visit=0, team="", person="p", channel="log", segment="all", value=0.0, cost=0.0
    )
    frame["enabled"] = frame["started"]
    about = replace(simulate(tandem(), seed=1).about, start=start.to_pydatetime(), end=frame["ended"].max().to_pydatetime(), enabled_known=False)
    learnt = calibrate(EventLog(frame, about), holdout=0)
    entry = next(s for n, s in learnt.scenario.steps.items() if n.startswith("arrive"))
    assert len(entry.then) == 60
    assert "; 0 rare moves" not in learnt.facts["Journeys"]


def test_what_a_system_does_is_automatic() -> None:
    steps = {
        "take in": step(work(10), {"to": "check"}),
        "check": step({"automatic": {"law": "gamma", "mean": "3 h", "cv": 0.5}}, {"to": "sell"}),
        "sell": step(work(20), {"done": True}),
    }
    simulated = as_exported(simulate(small(steps, {"people": {"size": 2}}), seed=2))
    by_system = simulated.frame["step"] == "check"
    frame = simulated.frame.assign(team=np.where(by_system, "system", ""), person=np.where(by_system, "robot", simulated.frame["person"]))
    # The robot takes every third order in as well.
    third = (frame["step"] == "take in") & (frame["case"] % 3 == 0)
    frame.loc[third, ["team", "person"]] = ["system", "robot"]
    learnt = calibrate(EventLog(frame, simulated.about), holdout=0)
    check = learnt.scenario.steps["check"]
    assert check.kind == "automatic"
    assert check.time.mean / HOUR == pytest.approx(3, rel=0.08)
    taken = learnt.scenario.steps["take in"]
    assert taken.automation is not None
    assert taken.automation.share == pytest.approx(1 / 3, abs=0.03)
    assert "robot" not in str(learnt.facts)
    assert sum(t.size for t in learnt.scenario.teams.values()) == 2


def test_many_activities_make_teams_quickly() -> None:
    rng = np.random.default_rng(5)
    n = 40_000
    person = rng.integers(200, size=n)
    step_of = (person * 3 + rng.integers(6, size=n)) % 120
    at = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(rng.uniform(0, 200, n), unit="D")
    frame = pd.DataFrame({"person": [f"p{i:03d}" for i in person], "step": [f"s{i:03d}" for i in step_of], "at": at})
    before = time.perf_counter()
    found = crews(frame)
    assert time.perf_counter() - before < 3
    assert sum(c.roster for c in found) == len(set(person))
    assert crews(frame.sample(frac=1, random_state=1)) == found


def test_teams_are_as_large_as_those_who_are_there_now() -> None:
    """A team that doubled a month ago: on the 90th percentile of its days it is half as large as it is now."""
    days = pd.date_range("2026-01-05", periods=200, freq="B", tz="UTC")
    rows = [(f"p{i}", "sell", day) for day in days for i in range(3)] + [(f"p{i}", "sell", day) for day in days[-18:] for i in range(3, 6)]
    found = crews(pd.DataFrame(rows, columns=["person", "step", "at"]))
    assert (found[0].size, found[0].busy_day, found[0].regulars, found[0].roster) == (6, 3, 6, 6)


def test_the_warm_up_outlasts_the_empty_start(log: EventLog) -> None:
    learnt = calibrate(as_exported(log), holdout=0).scenario
    times = log.frame.groupby("case").agg(born=("enabled", "min"), over=("ended", "max"), how=("outcome", "last"))
    ended = times[times["how"] != "open"]
    longest = (ended["over"] - ended["born"]).dt.total_seconds().quantile(0.99) / 86_400
    assert learnt.clock.warm_up / DAY >= longest + 14
    assert learnt.clock.warm_up / DAY <= 366


def stamps(days: str, hours: list[tuple[float, float]], n: int, seed: int) -> pd.Series:
    rng = np.random.default_rng(seed)
    dates = [d for d in pd.date_range("2026-01-05", periods=180, tz="UTC") if str(d.day_of_week) in days]
    spans = [hours[i] for i in rng.integers(len(hours), size=n)]
    at = [dates[i] + pd.Timedelta(hours=float(rng.uniform(*span))) for i, span in zip(rng.integers(len(dates), size=n), spans, strict=True)]
    return pd.Series(at).dt.as_unit("us")


def test_a_break_needs_evidence() -> None:
    many = calendar(stamps("01234", [(9, 12.5), (13.5, 18)], 2000, 1))
    assert many is not None
    assert many["shifts"] == [{"days": "Mon, Tue, Wed, Thu, Fri", "hours": "09:00-12:30, 13:30-18:00"}]
    few = calendar(stamps("01234", [(9, 17)], 80, 1))
    assert few is not None
    assert few["shifts"] == [{"days": "Mon, Tue, Wed, Thu, Fri", "hours": "09:00-17:00"}]


def test_a_short_friday_is_told() -> None:
    both = pd.concat([stamps("0123", [(9, 18)], 2000, 2), stamps("4", [(9, 14)], 400, 3)])
    learnt = calendar(both)
    assert learnt is not None
    assert {s["days"]: s["hours"] for s in learnt["shifts"]} == {"Mon, Tue, Wed, Thu": "09:00-18:00", "Fri": "09:00-14:00"}


def test_dates_without_a_time_make_whole_days() -> None:
    learnt = calendar(stamps("01234", [(9, 17)], 500, 4).dt.normalize())
    assert learnt is not None
    assert learnt["shifts"] == [{"days": "Mon, Tue, Wed, Thu, Fri", "hours": "00:00-24:00"}]
    assert "no time of day" in learnt["assumption"]


def test_working_time_by_hand() -> None:
    office = {"shifts": [{"days": "Mon-Fri", "hours": "09:00-12:30, 13:30-18:00"}]}
    monday = pd.Timestamp("2026-01-05", tz="UTC")
    clock = Clock(office, monday, monday + pd.Timedelta(days=14), "UTC")

    def spent(a: str, b: str) -> float:
        return float(clock.spent(*(np.array([pd.Timestamp(t, tz="UTC").timestamp()]) for t in (a, b)))[0]) / 60

    assert spent("2026-01-05 12:10", "2026-01-05 13:50") == 40  # over lunch
    assert spent("2026-01-05 17:30", "2026-01-06 09:30") == 60  # over night
    assert spent("2026-01-09 17:30", "2026-01-12 09:30") == 60  # over the weekend
    assert spent("2026-01-05 17:30", "2026-01-05 18:40") == 70  # overtime
    assert spent("2026-01-05 08:30", "2026-01-05 09:30") == 60  # early
    assert spent("2026-01-10 10:00", "2026-01-10 16:00") == 360  # a Saturday


def test_what_was_left_open_overnight_tells_nothing_of_the_time_of_work() -> None:
    """Of jobs of twenty minutes on average, those begun in the last hour of some days are closed by a system at six the next morning."""
    log = simulate(small({"call": step(work(20), {"done": True})}), seed=5)
    frame, start = log.frame, log.frame["started"].dt.tz_convert(log.about.time_zone)
    left = (start.dt.hour == 16) & (start.dt.day_of_week < 2)
    closed = (start.dt.normalize() + pd.Timedelta(hours=30)).dt.tz_convert(log.about.time_zone)
    odd = EventLog(frame.assign(ended=frame["ended"].mask(left, closed)), log.about)
    assert 0.02 < left.mean() < 0.1
    [true, told] = (calibrate(as_exported(x, enabled=False), holdout=0).scenario.steps["call"].work for x in (log, odd))
    assert true is not None
    assert told is not None
    assert told.mean == pytest.approx(true.mean, rel=0.05)
    assert told.quantile(0.999) < 1.3 * true.quantile(0.999)
    clock = Clock({"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, pd.Timestamp("2026-01-05", tz="UTC"), pd.Timestamp("2026-01-12", tz="UTC"), "UTC")
    at = {text: pd.Timestamp(f"2026-01-{text}", tz="UTC").timestamp() for text in ("05 16:30", "05 18:00", "06 06:00", "06 09:30", "10 10:00", "10 16:00")}
    pairs = [("05 16:30", "05 18:00"), ("05 16:30", "06 06:00"), ("05 16:30", "06 09:30"), ("10 10:00", "10 16:00")]  # late, left open, over night, a Saturday
    assert clock.left_open(*(np.array([at[pair[i]] for pair in pairs]) for i in (0, 1))).tolist() == [False, True, False, False]


def test_overtime_is_seen(b2b_learnt: Calibration) -> None:
    ends = {team: t.at_shift_end for team, t in b2b_learnt.scenario.teams.items()}
    assert ends.pop("solve team") == "overtime"
    assert set(ends.values()) == {"suspend"}
