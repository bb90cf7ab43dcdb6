"""Runs that begin with cases in process: what is left of their time against formulas, and where they stand by hand."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import linalg, stats

from salessim import engines
from salessim.errors import ScenarioError
from salessim.experiment import simulate
from salessim.measures import View, measure
from salessim.network import build
from salessim.records import NEVER
from salessim.resume import later, resumed, smallest
from salessim.scenario.model import Scenario
from salessim.streams import uniform
from salessim.units import DAY, HOUR

START = dt.datetime(2026, 3, 2)  # a Monday


def ago(hours: float) -> str:
    return (START - dt.timedelta(hours=hours)).isoformat()


def scenario(steps: dict[str, Any], cases: list[dict[str, Any]], horizon: str = "8 weeks", **more: Any) -> Scenario:
    """Some steps, cases in process, and nobody who comes; cases are of channel "in" and arrived when they came to their step."""
    usual = {"channel": "in"}
    rows = [{"case": f"c{i}", **usual, "arrived": c["since"], **c} for i, c in enumerate(cases)]
    return Scenario.parse({
        "clock": {"start": "2026-03-02", "horizon": horizon}, "segments": {"all": {}}, "teams": {"t": {"size": 2}},
        "channels": {"in": {"enters": next(iter(steps)), "segments": {"all": 1}, "replay": []}},
        "stages": {"s": {"steps": steps}}, "in_process": rows, **more,
    })  # fmt: skip


def left(law: Any, hours: float, n: int = 4000, **step: Any) -> Any:
    """Hours that are left of a customer's time that has lasted so many hours already, drawn for n cases."""
    wait = {"customer": law, "then": [{"done": True}], **step}
    network = build(scenario({"wait": wait}, [{"step": "wait", "since": ago(hours)}] * 1, "100 years"))
    return np.array([resumed(network, 5, r)[0].until for r in range(n)]) / HOUR


def close(sample: Any, cdf: Any) -> bool:
    """Kolmogorov-Smirnov at one in a thousand."""
    return float(stats.kstest(sample, cdf).pvalue) > 1e-3


def test_an_exponential_time_forgets_how_long_it_has_lasted() -> None:
    assert close(left({"law": "exponential", "mean": "5 days"}, 400), stats.expon(scale=120).cdf)


def test_of_ten_days_seven_leave_three() -> None:
    assert set(left("10 days", 7 * 24, 5)) == {72.0}


def test_a_time_that_counts_from_the_arrival_is_conditioned_on_the_age() -> None:
    """Arrived 20 days ago, at the step for 5: of an even law over 10 to 30 days what is left is even over 10 days, or the rest of a notice of 9."""
    law = {"law": "uniform", "low": "10 days", "high": "30 days"}

    def until(**step: Any) -> Any:
        wait = {"customer": law, "counts_from": "arrival", "then": [{"done": True}], **step}
        network = build(scenario({"wait": wait}, [{"step": "wait", "arrived": ago(480), "since": ago(120)}], "100 years"))
        return np.array([resumed(network, 5, r)[0].until for r in range(4000)]) / HOUR

    assert close(until(), stats.uniform(0, 240).cdf)
    # Of T in 10 to 30 days, T - 15 is below 9 up to 24 days: the notice, of which 4 are left, holds in 14 of 20 cases.
    found = until(at_least="9 days")
    assert np.mean(found == 96.0) == pytest.approx(0.7, abs=0.03)
    assert close(found[found > 96.0], stats.uniform(96, 144).cdf)


def test_working_days_that_passed_before_the_start_count_as_well() -> None:
    """Arrived on Tuesday 2026-02-17 at noon, the start is Monday 2026-03-02: of the days between Thursday the 19th was a holiday, so 7.5 have passed."""
    office = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "08:00-18:00"}], "closed": ["2026-02-19"]}}
    days = {"counts_from": "arrival", "calendar": "office", "counts_in": "days", "then": [{"done": True}]}
    hours = {"counts_from": "arrival", "calendar": "office", "then": [{"done": True}]}
    case = {"step": "wait", "arrived": "2026-02-17T12:00", "since": "2026-02-25T12:00"}

    def until(step: dict[str, Any]) -> float:
        return resumed(build(scenario({"wait": step}, [case], "100 days", calendars=office)), 0, 0)[0].until / HOUR

    assert until({"customer": "10 days", **days}) == 2.5 * 24
    assert until({"customer": "7 days", **days}) == 0  # over already
    assert until({"customer": "10 days", "at_least": "6 days", **days}) == 3.5 * 24  # 2.5 since Wednesday noon
    assert until({"customer": "80 h", **hours}) == 12  # 6 on that Tuesday and 70 on seven days have passed, so 4 are left


def test_a_case_in_process_comes_later_to_a_deadline_in_working_days() -> None:
    """In both engines, with another step before it."""
    office = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "08:00-18:00"}]}}
    steps = {
        "answer": {"customer": "1 day", "then": [{"to": "close"}]},
        "close": {"automatic": "10 days", "counts_from": "arrival", "calendar": "office", "counts_in": "days", "then": [{"done": True}]},
    }  # fmt: skip
    found = scenario(steps, [{"step": "answer", "arrived": "2026-02-24T15:00", "since": "2026-03-01T15:00"}], calendars=office)
    for engine in ("reference", "compiled"):
        frame = simulate(found, seed=1, engine=engine).frame
        assert [f"{x:%m-%d %H:%M}" for x in frame["ended"]] == ["03-02 15:00", "03-10 15:00"]


def test_what_should_be_over_ends_at_the_start() -> None:
    network = build(scenario({"wait": {"customer": "10 days", "then": [{"done": True}]}}, [{"step": "wait", "since": ago(300)}]))
    found = resumed(network, 0, 0)[0]
    assert (found.until, found.overdue) == (0, True)


@pytest.mark.parametrize("hours", [3.0, 50.0, 2000.0])
def test_what_is_left_of_a_lognormal_and_a_weibull_time(hours: float) -> None:
    sigma = math.sqrt(math.log(2))
    lognormal = stats.lognorm(sigma, scale=24 * math.exp(-(sigma**2) / 2))
    weibull = stats.weibull_min(0.7, scale=24.0)
    for law, said in ((lognormal, {"law": "lognormal", "mean": "24 h", "cv": 1}), (weibull, {"law": "weibull", "scale": "24 h", "shape": 0.7})):
        if law.sf(hours) < 1e-9:
            continue  # beyond what 52 bits tell apart finely
        assert close(left(said, hours), lambda x, law=law: 1 - law.sf(hours + x) / law.sf(hours))


def test_only_the_hours_of_the_calendar_pass() -> None:
    """26 h of office time, 10 a day: since Thursday noon 7 + 10 have passed, so 9 are left: Monday 9:00 to 18:00."""
    office = {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-19:00"}]}}
    step = {"wait": {"customer": "26 h", "calendar": "office", "then": [{"done": True}]}}
    network = build(scenario(step, [{"step": "wait", "since": "2026-02-26T12:00"}], calendars=office))
    assert resumed(network, 0, 0)[0].until == 18 * HOUR


def test_words_above_a_floor_are_even() -> None:
    words = np.random.default_rng(1).integers(0, 2**64, 2000, dtype=np.uint64)
    drawn = [uniform(later(int(w), 3 << 62)) for w in words]
    assert close(drawn, stats.uniform(0.75, 0.25).cdf)
    assert smallest(lambda _: True) == 0
    assert smallest(lambda _: False) is None


def test_ends_that_compete_are_conditioned_one_by_one() -> None:
    """Own time exponential of 100 h against an expiry of Weibull shape 2: after 30 h the chance that it is the expiry, by quadrature."""
    step = {"wait": {"customer": {"law": "exponential", "mean": "100 h"}, "unless": [{"after": {"law": "weibull", "scale": "60 h", "shape": 2}, "lost": "expired"}], "then": [{"done": True}]}}
    network = build(scenario(step, [{"step": "wait", "since": ago(30)}]))
    n = 3000
    expired = sum(resumed(network, 2, r)[0].phase < 0 for r in range(n))
    x = np.linspace(30, 400, 40001)
    rival = stats.weibull_min(2, scale=60)
    chance = np.trapezoid(rival.pdf(x) * np.exp(-(x - 30) / 100), x) / rival.sf(30)
    assert stats.binomtest(expired, n, chance).pvalue > 1e-3


def test_patience_and_the_order_of_the_queue() -> None:
    """One person, three who wait: the first by since is served first; the last gives up 2 h after it came."""
    step = {"talk": {"work": "3 h", "by": "t", "patience": "9 h", "then": [{"done": True}]}}
    cases = [{"step": "talk", "since": ago(h)} for h in (1, 5, 3)]
    run = engines.run(build(scenario(step, cases, teams={"t": {"size": 1}})), seed=1, engine="reference", log=True)
    rows = run.log.frame.set_index("case")
    began = ((rows["started"] - START.replace(tzinfo=dt.UTC)).dt.total_seconds() / 3600).to_dict()
    # Cases are numbered by their arrival: 5 h, 3 h, 1 h ago.
    assert [began[0], began[1], began[2]] == [0, 3, 6]
    assert rows["outcome"].tolist() == ["completed"] * 3
    hasty = {"talk": {**step["talk"], "patience": "4 h"}}
    run = engines.run(build(scenario(hasty, cases, teams={"t": {"size": 1}})), seed=1, engine="reference", log=True)
    rows = run.log.frame.set_index("case").sort_index()
    # 5 h ago, patience 4 h: should have left; served at the start all the same. 3 h ago: leaves after 1 h. 1 h ago: served in 3 h.
    assert rows["outcome"].tolist() == ["completed", "lost: gave up waiting", "completed"]


def test_work_under_way_keeps_its_people() -> None:
    """8 h of work since 5 h ago with one of two people: 3 h are left, and only one person is free for the one who waits."""
    step = {"talk": {"work": "8 h", "by": "t", "patience": "none", "then": [{"done": True}]}}
    cases = [{"step": "talk", "since": ago(6), "started": ago(5), "team": "t"}, {"step": "talk", "since": ago(2)}, {"step": "talk", "since": ago(1)}]
    for engine in ("reference", "compiled"):
        run = engines.run(build(scenario(step, cases)), seed=1, engine=engine, log=True)
        ended = sorted(((run.log.frame["ended"] - START.replace(tzinfo=dt.UTC)).dt.total_seconds() / 3600).tolist())
        assert ended == [3.0, 8.0, 11.0]
        assert run.totals.busy.tolist() == [19 * HOUR]


def test_a_way_that_is_not_known_is_drawn_by_bayes() -> None:
    """80 % go on within 1 h on average, 20 % within 10 h; after 3 h on the way most are of the slow kind."""
    ways = {"fast": "1 h", "slow": "10 h"}
    steps: dict[str, Any] = {"ask": {"automatic": "0 min", "then": [{"to": "slow", "share": 0.2}, {"to": "fast"}]}}
    steps |= {w: {"customer": {"law": "exponential", "mean": m}, "then": [{"done": True}]} for w, m in ways.items()}
    network = build(scenario(steps, [{"after": "ask", "since": ago(3), "visited": {"ask": 1}}]))
    n = 3000
    slow = sum(network.labels.steps[resumed(network, 4, r)[0].step] == "slow" for r in range(n))
    likely = 0.2 * math.exp(-0.3) / (0.2 * math.exp(-0.3) + 0.8 * math.exp(-3))
    assert stats.binomtest(slow, n, likely).pvalue > 1e-3


def test_transient_mean_of_a_queue_that_begins_with_six() -> None:
    """M/M/1 with arrivals 0.5/h, service 1/h: E[N(t)] by the exponential of the generator of the birth-death process."""
    law = {"law": "exponential", "mean": "1 h"}
    step = {"serve": {"work": law, "by": "t", "patience": "none", "then": [{"done": True}]}}
    cases = [{"step": "serve", "since": ago(3), "team": "t"}, *({"step": "serve", "since": ago(2 - i / 10)} for i in range(5))]
    model = scenario(step, cases, "1 week", teams={"t": {"size": 1}}, channels={"in": {"enters": "serve", "segments": {"all": 1}, "arrivals": {"rate": "12 per day"}}})
    network, size = build(model), 80
    generator = np.zeros((size, size))
    for k in range(size - 1):
        generator[k, k + 1], generator[k + 1, k] = 0.5, 1.0
    generator -= np.diag(generator.sum(axis=1))
    runs = [engines.run(network, seed=3, number=r, engine="compiled") for r in range(3000)]
    for hour in (2.0, 6.0, 15.0):
        at = int(hour * HOUR)
        open_ = np.array([np.sum((r.cases.born <= at) & ((r.cases.ended == NEVER) | (r.cases.ended > at))) for r in runs])
        mean = float(linalg.expm(generator * hour)[6] @ np.arange(size))
        assert abs(open_.mean() - mean) < 3.3 * open_.std() / math.sqrt(len(runs))
    # Time to empty from n with no one coming: Erlang; with arrivals the mean is n / (mu - lambda) = 12 h.
    empty = []
    for r in runs:
        born, ended = np.sort(r.cases.born), np.sort(np.where(r.cases.ended == NEVER, 2**60, r.cases.ended))
        empty.append(next(e for k, e in enumerate(ended) if np.searchsorted(born, e, side="right") == k + 1) / HOUR)
    assert abs(np.mean(empty) - 12) < 3.3 * np.std(empty) / math.sqrt(len(empty))


def test_nobody_is_lost_and_measures_count_from_the_true_arrival() -> None:
    step = {"wait": {"customer": {"law": "exponential", "mean": "3 days"}, "milestone": "won", "then": [{"lost": "rival", "share": 0.3}, {"done": True}]}}
    cases = [{"step": "wait", "since": ago(24 * k), "arrived": ago(48 * k)} for k in range(1, 40)]
    model = scenario(step, cases, "3 weeks", channels={"in": {"enters": "wait", "segments": {"all": 1}, "arrivals": {"rate": "2 per day"}}})
    for number in range(5):
        run = engines.run(build(model), seed=1, number=number, engine="reference")
        view = View(run)
        assert len(run.cases.born) == len(cases) + int(view.arrived.sum())
        assert len(run.cases.born) == int((view.won_at != NEVER).sum() + view.lost.sum() + (run.cases.outcome == 0).sum())
        assert run.cases.born[:39].tolist() == [-48 * k * HOUR for k in range(39, 0, -1)]
    # The age at which cases are seen first counts: without it cycle times would be those of the new alone, or far too long.
    means = [measure(engines.run(build(model), seed=1, number=r, engine="compiled"))["won"][0] for r in range(30)]
    assert np.mean(means) > 2 * 7 * 0.7 * 0.5


def test_late_entry_gives_back_the_law() -> None:
    """Cycle times are exponential of mean 3 days whoever is followed; cases of any age at the start say so as well as new ones."""
    step = {"wait": {"customer": {"law": "exponential", "mean": "3 days"}, "milestone": "won", "then": [{"done": True}]}}
    cases = [{"step": "wait", "since": ago(k)} for k in range(1, 400)]
    model = scenario(step, cases, "8 weeks", channels={"in": {"enters": "wait", "segments": {"all": 1}, "arrivals": {"rate": "20 per day"}}})
    found = [measure(engines.run(build(model), seed=1, number=r, engine="compiled"))["cycle_time"][0] for r in range(20)]
    assert np.mean(found) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": "nowhere"}, "there is no step 'nowhere'"), ({"channel": "x"}, "there is no channel 'x'"), ({"segment": "x"}, "there is no segment 'x'"),
        ({"arrived": ago(1)}, "'since' (2026-03-01 21:00 UTC) is before 'arrived'"), ({"since": "2026-03-05T00:00"}, "is after the start of the run"),
        ({"step": "wait", "team": "t"}, "nobody works at 'wait'"), ({"team": ["t", "t"]}, "needs 1 person, but 2 teams are named"),
        ({"holds": {"desk": 1}}, "there is no limit 'desk'"), ({"step": "part"}, "lies inside a branch"), ({"step": "split"}, "splits cases into branches"),
        ({"step": None, "after": "talk"}, "'visited' does not count that visit"), ({"won": ago(9)}, "'won' is before 'arrived'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    steps = {
        "talk": {"work": "1 h", "by": "t", "then": [{"to": "wait"}]}, "wait": {"customer": "1 day", "then": [{"to": "split"}]},
        "split": {"parallel": ["part"], "then": [{"done": True}]}, "part": {"automatic": "1 h", "then": [{"join": True}]},
    }  # fmt: skip
    row = {k: v for k, v in {"step": "talk", "since": ago(3), "arrived": ago(4), **change}.items() if v is not None}
    with pytest.raises(ScenarioError) as refused:
        scenario(steps, [row])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_more_than_there_is_room_for_is_refused() -> None:
    step = {"talk": {"work": "1 h", "by": "t", "waiting_room": 1, "then": [{"done": True}]}}
    with pytest.raises(ScenarioError, match="3 open cases are in work by team 't', which has 2 people"):
        scenario(step, [{"step": "talk", "since": ago(1), "team": "t"}] * 3)
    with pytest.raises(ScenarioError, match="2 open cases wait at 'talk', where only 1 may"):
        scenario(step, [{"step": "talk", "since": ago(1)}] * 2)


TABLE = """case,channel,segment,value,arrived,step,since,started,team,visited,q
D-1,in,all,1200,2026-02-20T10:00:00+01:00,talk,2026-03-01T22:00:00+01:00,2026-03-01T22:30:00+01:00,t,talk:2; wait:1,0.5
'=D-2,in,,,2026-02-21,wait,2026-03-01,,,,
"""


def written(folder: Path, table: str) -> Path:
    data = scenario(
        {"talk": {"work": "8 h", "by": "t", "then": [{"to": "wait"}]}, "wait": {"customer": "9 days", "then": [{"done": True}]}}, [], attributes={"q": {"starts": 0.1}}
    )  # fmt: skip
    data.save(folder / "s.yaml")
    text = (folder / "s.yaml").read_text()
    (folder / "s.yaml").write_text("in_process: open.csv\n" + "\n".join(line for line in text.splitlines() if not line.startswith("in_process")) + "\n")
    (folder / "open.csv").write_text(table)
    return folder / "s.yaml"


def test_a_table_beside_the_scenario(tmp_path: Path) -> None:
    loaded = Scenario.load(written(tmp_path, TABLE))
    first, second = loaded.in_process
    assert (first.value, first.team, first.visited, first.attributes) == (1200.0, ("t",), {"talk": 2, "wait": 1}, {"q": 0.5})
    assert second.case == "=D-2"
    found = resumed(build(loaded), 0, 0)
    assert [f.born for f in found] == [-(9 * 24 + 15) * HOUR, -9 * DAY]
    assert found[0].left == 8 * HOUR - 150 * 60_000_000
    assert found[0].marks == [0.5]
    assert found[1].marks == [0.1]
    loaded.save(tmp_path / "whole.yaml")
    assert Scenario.load(tmp_path / "whole.yaml").hash == loaded.hash


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("value", "worth", "open.csv:1: there is no column 'worth'"), ("case,", "", "the column 'case' is missing"), ("1200", "much", "'much' cannot be read"),
        ("talk:2", "talk", "open.csv:2, column 'visited'"), ("2026-03-01,", "first of March,", "open.csv:3, column 'since'"), (",,,,\n", ",,\n", "open.csv:3: it has"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in TABLE
    with pytest.raises(ScenarioError) as refused:
        Scenario.load(written(tmp_path, TABLE.replace(before, after, 1)))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_outside_the_folder_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, TABLE)
    path.write_text(path.read_text().replace("open.csv", "../open.csv"))
    with pytest.raises(ScenarioError, match="outside the scenario's folder"):
        Scenario.load(path)
