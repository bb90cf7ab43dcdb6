"""The validator is tested itself: what is wrong is found where it is, what is right is not flagged more often than said."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from salessim import engines
from salessim.calibration.figures import PARTS, Book, figures
from salessim.calibration.plain import plain_model
from salessim.calibration.sample import Sample, View, activities_of, see, see_run
from salessim.calibration.validate import _simulated, validate_model
from salessim.calibration.verdicts import deviations, judge
from salessim.calibration.yardsticks import AS_GOOD, CAUSES, NAMES, SPLIT, WEEK, Table, Window, between, earlier, gathered, resampled, shifted, tables
from salessim.cli import main
from salessim.errors import InputError, LogError
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.reporting import report_validation
from salessim.scenario.loader import parse, to_data
from salessim.scenario.model import Scenario
from tests.models import random_network
from tests.perturbations import CATALOGUE, NOT_TO_BE_SEEN, Perturbation, model
from tests.test_learning import as_exported, small, step, work

HOUR, DAY = 3600.0, 86_400.0
LONG = "demo (after 1 806 h once write quote older than 5 278 h and never negotiate"
"""Names of steps end after 80 letters, also in the middle of brackets."""


@pytest.fixture(scope="module")
def log() -> EventLog:
    return NOT_TO_BE_SEEN[0].log(500)


@pytest.fixture(scope="module")
def view(log: EventLog) -> View:
    return View.of(log)


@pytest.fixture(scope="module")
def short() -> tuple[Scenario, EventLog]:
    """A model of twelve weeks and a log of it."""
    scenario = model().change({"clock.horizon": "12 weeks"})
    return scenario, simulate(scenario, seed=500, engine="compiled")


@pytest.mark.parametrize("number", range(40))
def test_a_run_looks_like_its_log(number: int) -> None:
    """Crews, successors, branches, skipped steps, cases in process: what is read from the run is what is read from its log."""
    network = random_network(number)
    log = engines.run_log(network, seed=number, engine="reference")
    if not len(log):
        pytest.skip("nobody came")
    view = replace(View.of(log), whole=number % 3 == 0, ready=number % 2 == 0, starts=number % 5 != 0)
    activity_of = {name: name for name in view.activities[:3]}
    run = engines.run_visits(network, seed=number, engine="reference")
    written, read = see(log.frame, view, activity_of), see_run(run, view, activity_of)
    for field in ("case", "activity", "ready", "begun", "done", "person", "born", "over", "outcome", "channel", "segment"):
        np.testing.assert_array_equal(getattr(read, field), getattr(written, field), field)


def books_of(view: View, seed: int, times: int) -> list[Book]:
    window = Window(view.start, view.end)
    return _simulated(model(), view, {a: a for a in view.activities}, lambda s: figures(s, window), seed, times, None, lambda done: None)


@pytest.fixture(scope="module")
def books(view: View) -> list[Book]:
    """Figures of what the model makes."""
    return books_of(view, 1, 39)


def flagged(log: EventLog, books: list[Book]) -> set[str]:
    view = View.of(log)
    found = judge(figures(see(log.frame, view), Window(view.start, view.end)), books)
    return {v.part for v in found if v.flagged}


# --- the catalogue --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planted", CATALOGUE, ids=lambda p: p.name)
def test_what_is_planted_is_found(planted: Perturbation, books: list[Book]) -> None:
    assert flagged(planted.log(500), books) & set(planted.parts)


@pytest.mark.parametrize("planted", NOT_TO_BE_SEEN, ids=lambda p: p.name)
def test_what_is_right_is_not_flagged(planted: Perturbation, books: list[Book]) -> None:
    assert flagged(planted.log(500), books) == set()


def test_the_catalogue_is_documented() -> None:
    from tests.conftest import ROOT

    text = (ROOT / "docs" / "guides" / "validate-a-model.md").read_text()
    for planted in (*CATALOGUE, *NOT_TO_BE_SEEN[1:]):
        assert planted.name in text, planted.name
        assert all(part in text for part in planted.parts)


@pytest.mark.slow
def test_a_right_model_is_flagged_as_rarely_as_said(view: View) -> None:
    """80 logs of the model itself against 99 others: of 480 parts 4.8 are expected; 13 or more have a chance below 0.1 %."""
    books = books_of(view, 2, 179)
    against = books[80:]
    count: Counter[str] = Counter()
    for book in books[:80]:
        count.update(v.part for v in judge(book, against) if v.flagged)
    assert 0 < sum(count.values()) < 13
    assert max(count.values()) < 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("planted", CATALOGUE, ids=lambda p: p.name)
def test_what_is_planted_is_found_whatever_the_seed(planted: Perturbation, books: list[Book], seed: int) -> None:
    assert flagged(planted.log(1000 + seed), books) & set(planted.parts)


# --- the test behind the verdicts -----------------------------------------------------------------------------


def test_deviations_by_hand() -> None:
    """5 against 1, 2, 3: mean 2, standard deviation 1, and the 5 itself varies as well: 3 / sqrt(1 + 1/3)."""
    z = deviations(np.array([[5.0], [1.0], [2.0], [3.0]]), np.zeros(1))
    assert z[0, 0] == pytest.approx(3 / np.sqrt(4 / 3))
    assert deviations(np.array([[5.0], [1.0], [2.0], [3.0]]), np.array([2.0]))[0, 0] == pytest.approx(1.5 / np.sqrt(4 / 3))


def test_what_most_logs_do_not_have_is_no_deviation() -> None:
    z = deviations(np.array([[5.0], [np.nan], [np.nan], [3.0]]), np.zeros(1))
    assert not z.any()


def test_the_rate_is_exact() -> None:
    """Of 20 logs of one kind, exactly one has the largest deviation: a part is flagged in one of 20 validations."""
    rng = np.random.default_rng(1)
    books = []
    for _ in range(20):
        book = Book()
        for k in range(30):
            book.mean("work", "work times", f"a{k}", 0.0, rng.standard_cauchy(), 0.0, "h")
        books.append(book)
    found = [judge(b, [o for o in books if o is not b])[PARTS.index("work")] for b in books]
    assert sum(v.flagged for v in found) == 1
    assert {v.rate for v in found} == {1 / 20}


def test_a_verdict_says_what_is_wrong(books: list[Book], view: View) -> None:
    planted = next(p for p in CATALOGUE if p.name == "branch shift")
    log = planted.log(500)
    found = judge(figures(see(log.frame, view), Window(view.start, view.end)), books)
    routing = found[PARTS.index("routing")]
    worst = routing.findings[0]
    assert "after 'qualify', share that goes on to its end" in worst.label
    assert worst.real == pytest.approx(53, abs=3)  # 47 % go on to a demo
    assert worst.simulated == pytest.approx(45, abs=2)
    assert worst.low <= worst.simulated <= worst.high < worst.real
    assert "'then'" in routing.advice()[0]


# --- what is compared with what -------------------------------------------------------------------------------


def test_a_log_seen_twice_is_the_same(log: EventLog, view: View) -> None:
    whole = see(log.frame, view)
    again = see(log.frame, view, {a: a for a in view.activities})
    window = Window(view.start, view.end)
    found = between(whole, window, again, window)
    assert all(v == 0.0 for v in found.values())
    assert set(found) == set(NAMES)


@pytest.mark.parametrize(("known", "starts"), [(True, True), (False, True), (False, False)])
def test_simulated_logs_show_no_more_than_the_real_one(log: EventLog, known: bool, starts: bool) -> None:
    """What an export leaves out, `see` takes out of a simulated log: both are the same, visit by visit."""
    exported = as_exported(log, enabled=known, started=starts)
    view = View.of(exported)
    real, seen = see(exported.frame, view), see(log.frame, view, {a: a for a in view.activities})
    assert (view.ready, view.starts) == (known, starts)
    order = [np.lexsort((s.activity, s.done, s.born[s.case])) for s in (real, seen)]
    assert len(real.case) == len(seen.case)
    for field in ("activity", "ready", "begun", "done"):
        a, b = (getattr(s, field)[o] for s, o in zip((real, seen), order))
        assert np.mean(np.isclose(a, b, equal_nan=True)) > 0.999, field  # visits of a case that overlap may swap
    assert np.allclose(np.sort(real.born), np.sort(seen.born))


def test_waits_between_activities_are_no_visits(log: EventLog) -> None:
    hidden = log.frame[~log.frame["step"].isin(["decide", "deliver", "nurture"])].reset_index(drop=True)
    view = View.of(EventLog(hidden, log.about))
    seen = see(log.frame, view, {a: a for a in view.activities})
    assert "decide" not in view.activities
    assert len(seen.case) == len(hidden)
    assert len(seen.born) == log.frame["case"].nunique()


def test_a_cut_hides_the_future(log: EventLog, view: View) -> None:
    whole, at = see(log.frame, view), view.start + 15 * WEEK
    known = whole.cut(at)
    assert np.nanmax(known.done) < at
    assert known.born.max() < at
    late = whole.over[whole.born < at] >= at
    assert (known.outcome[late] == "open").all()
    assert len(known.born) == int((whole.born < at).sum())


def test_a_log_of_whole_cases_is_compared_with_whole_cases(log: EventLog) -> None:
    still = set(log.frame.loc[log.frame["outcome"] == "open", "case"])
    whole = EventLog(log.frame[~log.frame["case"].isin(still)].reset_index(drop=True), log.about)
    view = View.of(whole)
    assert view.whole
    seen = see(log.frame, view, {a: a for a in view.activities})
    assert len(seen.born) == whole.frame["case"].nunique()
    assert not np.isnan(seen.over).any()


def test_steps_stand_for_the_activities_they_name(log: EventLog, view: View) -> None:
    names = activities_of(model(), view, "log")
    assert names == {a: a for a in view.activities}
    steps: dict[str, Any] = {
        "qualify": step(work(10), {"to": "qualify (after qualify)"}), "qualify (after qualify)": {"activity": "qualify", **step(work(10), {"to": "qualify → demo"})},
        "qualify → demo": {"customer": "1 day", "then": [{"to": "demo"}]}, "demo": step(work(10), {"to": "demo (given up)"}, {"to": LONG, "share": "10 %"}), LONG: {"activity": "demo", **step(work(10), {"done": True})},
        "demo (given up)": {"automatic": "0 min", "then": [{"done": True}]},
    }  # fmt: skip
    assert activities_of(small(steps), view, "log") == {"qualify": "qualify", "qualify (after qualify)": "qualify", "demo": "demo", LONG: "demo"}
    with pytest.raises(LogError, match="no activity of the log has the name"):
        activities_of(small({"x": step(work(5), {"done": True})}), view, "crm.csv")


# --- yardsticks -----------------------------------------------------------------------------------------------


def test_earlier_periods_begin_on_the_same_weekday() -> None:
    held_out = Window(30 * WEEK + DAY, 38 * WEEK)
    found = list(earlier(Window(0.0, 30 * WEEK + DAY), held_out))
    assert [w.length for w in found] == [held_out.length] * 3
    assert {(held_out.since - w.since) % WEEK for w in found} == {0.0}
    assert all(w.until <= held_out.since for w in found)
    assert list(earlier(Window(29 * WEEK, 30 * WEEK), held_out)) == [Window(29 * WEEK, 30 * WEEK)]


def test_whole_cases_are_drawn_again(log: EventLog, view: View) -> None:
    whole = see(log.frame, view)
    window = Window(view.start, view.start + 20 * WEEK)
    known = window.of(whole)
    again = gathered(known, np.arange(len(known.born)), np.full(len(known.born), 3 * WEEK))
    assert np.allclose(again.born, known.born + 3 * WEEK)
    assert np.allclose(again.done, known.done + 3 * WEEK, equal_nan=True)
    assert again.pairs == known.pairs
    rng = np.random.default_rng(1)
    drawn = resampled(whole, window, rng)
    assert len(drawn.born) == len(known.born)
    assert set(np.unique(drawn.born)) <= set(known.born)
    assert len(np.unique(drawn.born)) / len(known.born) == pytest.approx(1 - np.exp(-1), abs=0.03)


def test_past_cases_are_shifted_by_whole_weeks(log: EventLog, view: View) -> None:
    whole, rng = see(log.frame, view), np.random.default_rng(2)
    fitted, held_out = Window(view.start, view.start + 30 * WEEK), Window(view.start + 30 * WEEK, view.start + 38 * WEEK)
    moved, known = shifted(whole, fitted, held_out, rng), fitted.of(whole)
    assert moved.born.min() >= held_out.since - HOUR  # summer time has begun in between
    assert moved.born.max() < held_out.until
    local = np.round(view.clock(moved.born) % WEEK, 3)
    assert np.isin(local, np.round(view.clock(known.born) % WEEK, 3)).all()  # the same minute of the week, summer time or not
    assert len(moved.born) == pytest.approx(len(known.born) * 8 / 30, rel=0.15)


def test_the_plain_model_is_plain(log: EventLog, view: View) -> None:
    known = see(log.frame, view)
    scenario, names = plain_model(known, {"start": "2026-01-05", "time_zone": "Europe/Berlin", "horizon": "280 days"})
    assert set(names.values()) == set(view.activities)
    assert list(scenario.calendars) == []  # everybody always at work
    assert scenario.teams["everybody"].size == len({p for p in known.person if p})
    took = (known.done - known.begun)[known.activity == view.activities.index("write quote")]
    law = scenario.steps["write quote"].work
    assert law is not None
    assert law.mean / 1e6 == pytest.approx(np.nanmean(took), rel=1e-3)
    frame = log.frame[(log.frame["step"] == "qualify") & (log.frame["outcome"] == "next")]
    done = log.frame[(log.frame["step"] == "qualify") & ~log.frame["outcome"].isin(["open"])]
    share = next(r for r in scenario.steps["qualify"].then if r.to == "demo")
    assert scenario.steps["qualify"].share_of(share, "all") == pytest.approx(len(frame) / len(done), abs=0.01)


@pytest.mark.parametrize(
    ("period", "model_at", "meets"), [("held out", 1.4, True), ("held out", 1.6, False), ("fitted", 1.4, True), ("fitted", 2.9, True), ("fitted", 3.1, False)]
)
def test_how_near_is_near_enough(period: str, model_at: float, meets: bool) -> None:
    one = dict.fromkeys(NAMES, 1.0)
    table = Table(period, dict.fromkeys(NAMES, model_at), one, one, dict.fromkeys(NAMES, 9.0))
    assert table.meets("CTD") is meets
    assert table.meets("CAR") is None
    near = replace(table, model=dict.fromkeys(NAMES, 2.0), plain=dict.fromkeys(NAMES, 3.0))
    assert not near.meets("CTD")  # 2 times the floor; or half of the way to the plain model


def test_the_number_of_cases_and_their_ways_are_told_apart_by_hand(log: EventLog, view: View) -> None:
    sample = see(log.frame, view)
    whole = Window(view.start, view.end)
    twice = gathered(sample, np.repeat(np.arange(len(sample.born)), 2), np.zeros(2 * len(sample.born)))
    found = between(twice, whole, sample, whole)
    for name, (number, ways) in SPLIT.items():  # (2 n - n) / (2 n + n); each case goes the same way as before
        assert found[name] == pytest.approx(1 / 3)
        assert found[number] == pytest.approx(1 / 3)
        assert found[ways] == pytest.approx(0.0, abs=1e-12)
    chosen = np.flatnonzero(np.bincount(sample.case) > 1)
    long = gathered(sample, np.resize(chosen, len(sample.born)), np.zeros(len(sample.born)))
    other = between(long, whole, sample, whole)
    for name, (number, ways) in SPLIT.items():  # as many cases, none of them short
        assert other[number] == pytest.approx(0.0, abs=1e-12)
        assert other[name] == pytest.approx(other[ways])
        assert other[name] > 0.05


def without_queues() -> Scenario:
    """Nobody waits, so that more cases change nothing but their number."""
    steps = {
        "qualify": step(work(10), {"to": "demo", "share": "60 %"}, {"lost": "not a fit"}),
        "demo": step(work(10), {"to": "demo", "share": "30 %"}, {"to": "contract", "share": "40 %"}, {"lost": "no interest"}),
        "contract": step(work(10), {"done": True}),
    }
    return small(steps, {"people": {"size": 9}})


RATE, FEWER_DEMOS = {"channels.web.arrivals.rate": "78 per week"}, {"steps.qualify.then": [{"to": "demo", "share": "45 %"}, {"lost": "not a fit"}]}


@pytest.mark.parametrize(
    ("planted", "cause"), [(RATE, "arrivals"), (FEWER_DEMOS, "routing"), (RATE | FEWER_DEMOS, "routing")], ids=["number of cases", "ways of cases", "both"]
)
def test_which_part_puts_runs_too_far_off_is_named(planted: dict[str, Any], cause: str, tmp_path: Path) -> None:
    scenario = without_queues()
    found = validate_model(scenario, simulate(scenario.change(planted), seed=6, engine="compiled"), replications=19, seed=3, workers=1)
    table, told = found.main.table, found.main.to_json()["distances"]
    said, page = "\n".join(found.lines()), report_validation(found, "Small", tmp_path / "page.html").read_text()
    for name, (number, ways) in SPLIT.items():
        for _, row in table.rows():
            assert row[number] + row[ways] == pytest.approx(row[name])
        assert table.bootstrap[number] == 0.0  # exactly as many cases as the log
        assert table.meets(number) is table.meets(ways) is None
        assert table.meets(name) is False
        assert table.cause(name) == told[name]["cause"] == cause
        assert table.model[number] > 4 * table.model[ways] if cause == "arrivals" else table.model[number] < table.model[ways]
        assert (table.model[ways] > 3 * table.bootstrap[ways]) is (cause == "routing")
    for part, words in CAUSES.items():
        assert (words in said) is (words in page) is (part == cause)


def test_a_right_model_can_miss_its_mark_by_how_many_cases_come_alone() -> None:
    """How many cases come is chance; a bootstrap does not have it, so the right model of a small log can miss its mark by that alone."""
    scenario = without_queues()
    table = validate_model(scenario, simulate(scenario, seed=8, engine="compiled"), replications=19, seed=3, workers=1).main.table
    for name, (number, ways) in SPLIT.items():
        assert table.cause(name) == "arrivals"
        assert table.model[ways] <= AS_GOOD * table.bootstrap[ways] < table.model[name]
        assert table.model[number] > table.bootstrap[number] == 0.0


def at_hours(log: Sample, weekly: bool, later: float, seed: int) -> Sample:
    """The log with other hours of its days: one for all of a week, as of one run over a list, or each visit its own; and so many hours later."""
    rng = np.random.default_rng(seed)
    day = np.floor(log.view.clock(log.done) / DAY)
    hour = rng.uniform(6, 18, 4000)[(day // 7 % 4000).astype(int)] if weekly else rng.uniform(6, 18, len(day))
    return replace(log, begun=np.full(len(day), np.nan), done=log.view.clock.day(log.done) + (hour + later) * HOUR)


@pytest.mark.parametrize(("weekly", "later", "cause"), [(True, 0.0, "weeks"), (False, 4.0, None), (True, 8.0, None)], ids=["runs of a week", "other hours", "other hours, in runs"])
def test_hours_that_hang_together_by_weeks_are_told_from_wrong_ones(log: EventLog, view: View, weekly: bool, later: float, cause: str | None) -> None:
    sample = see(log.frame, view)
    sample = sample._take(np.ones(len(sample.born), bool), ~np.isnan(sample.done))
    whole = Window(view.start, view.end)
    real = at_hours(sample, weekly, 0.0, 1)
    models = [between(whole.of(at_hours(sample, weekly, later, seed)), whole, whole.of(real), whole) for seed in (2, 3, 4)]
    plain = between(whole.of(at_hours(sample, False, 12.0, 9)), whole, whole.of(real), whole)
    table = tables(real, whole, None, [(d, d) for d in models], [(plain, plain)], np.random.default_rng(5), 10)[0]
    assert table.meets("CED") is False  # although in the first of these the model is right
    assert table.cause("CED") == cause
    assert any("weeks of the log drawn anew" in text for text in table.remarks) is (cause == "weeks")
    assert (table.weeks > 3 * table.bootstrap["CED"]) is weekly


# --- the whole ------------------------------------------------------------------------------------------------


def test_both_periods_are_judged_and_shown(log: EventLog, tmp_path: Path) -> None:
    found = validate_model(model(), log, since=pd.Timestamp("2026-07-20"), replications=19, seed=3)
    assert [p.name for p in found.periods] == ["held out", "fitted"]
    for period in found.periods:
        assert period.table.plain["CED"] > 3 * period.table.model["CED"]  # nobody is always at work
        assert 0.85 < period.coverage < 1.0
        assert [v.part for v in period.verdicts] == list(PARTS)
    text = "\n".join(found.lines())
    assert "Held out: 2026-07-20" in text
    json.dumps(found.to_json(), allow_nan=False)
    page = report_validation(found, "Demo", tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert page.count("<svg") == 4
    for word in ("Week by week", "quantile against quantile", "Open cases", "bootstrap", "Arrivals"):
        assert word in page


def test_the_same_seed_gives_the_same_bytes(short: tuple[Scenario, EventLog]) -> None:
    a, b = (validate_model(*short, replications=19, seed=3, workers=w).to_json() for w in (1, 2))
    assert json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_bad_questions_are_refused(log: EventLog) -> None:
    with pytest.raises(InputError, match="lies outside of the log"):
        validate_model(model(), log, since=pd.Timestamp("2031-01-01"))
    with pytest.raises(InputError, match="too few to tell chance"):
        validate_model(model(), log, replications=5)
    with pytest.raises(LogError, match=r"only \d+ cases came in"):
        validate_model(model(), log, since=pd.Timestamp("2026-10-11"), replications=19)


def test_the_command(tmp_path: Path) -> None:
    truth = model().change({"clock.horizon": "12 weeks"})
    simulate(truth.change({"steps.qualify.then": [{"to": "demo", "share": "25 %"}, {"lost": "not a fit"}]}), seed=4).to_csv(tmp_path / "crm.csv")
    truth.save(tmp_path / "model.yaml")
    run = CliRunner()
    paths = {n: str(tmp_path / n) for n in ("crm.csv", "map.yaml", "model.yaml", "page.html")}
    assert run.invoke(main, ["import", "inspect", paths["crm.csv"], "--out", paths["map.yaml"]]).exit_code == 0
    text = Path(paths["map.yaml"]).read_text()
    Path(paths["map.yaml"]).write_text("\n".join("office_in: Europe/Berlin" if line.startswith("office_in") else line for line in text.splitlines()) + "\n")
    asked = ["validate-model", paths["model.yaml"], paths["crm.csv"], "--mapping", paths["map.yaml"], "-n", "19", "--out", paths["page.html"], "--json", "-q"]
    result = run.invoke(main, asked)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["fitted"]["parts"]["routing"]["flagged"]
    assert Path(paths["page.html"]).exists()
    assert run.invoke(main, [*asked, "--strict"]).exit_code == 1
    assert run.invoke(main, [*asked[:-4], "--out", paths["model.yaml"]]).exit_code == 2
    before = Path(paths["page.html"]).read_bytes()
    assert run.invoke(main, [*asked, "--since", "2035-01-01"]).exit_code == 2
    assert Path(paths["page.html"]).read_bytes() == before


def test_a_hand_written_scenario_may_have_other_channels(short: tuple[Scenario, EventLog]) -> None:
    """Channels that do not have the log's names are not compared one by one."""
    scenario, log = short
    data = to_data(scenario)
    data["channels"] = {f"{name} of ours": channel for name, channel in data["channels"].items()}
    view, found = View.of(log), validate_model(parse(data), log, replications=19, seed=3)
    assert not any("channel" in f.family for v in found.main.verdicts for f in v.findings)
    ours = next(v.figures for v in found.main.verdicts if v.part == "outcomes")
    assert ours == sum(k[0] == "outcomes" and "channel" not in k[1] for k in figures(see(log.frame, view), Window(view.start, view.end)).raw)
