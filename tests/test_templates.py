"""The gallery: every file in the folder is whole, runs, adds up, and says of every number where it comes from.

The tests take the files they find, so that a new template is tested by being there. What only some trade knows -- how
many of its leads are won, how long it takes -- stands in PLAUSIBLE, one line per template.
"""

from __future__ import annotations

import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from salessim import engines
from salessim.cli import main
from salessim.errors import InputError
from salessim.experiment import replicate
from salessim.library import template, templates
from salessim.measures import measure, value
from salessim.network import Network, build
from salessim.optimisation import optimise
from salessim.records import COMPLETED, LOST, NEVER, OPEN, Replication
from salessim.results import Results
from salessim.scenario.model import Scenario
from salessim.scenario.traffic import first_to_end, loads
from salessim.scenario.yaml import load_yaml
from salessim.units import MONTH
from tests.test_engines import both, same

ALL = {f"{t.name} ({t.language})": t for t in templates()}
every = pytest.mark.parametrize("name", ALL)

PLAUSIBLE: dict[str, dict[str, tuple[float, float]]] = {
    # Cycles by size of the contract: 14 to 45 days small, 30 to 90 mid, 90 to 270 large (imboard.ai, thecroreport; grade c).
    # (The renewals of the enterprise template are shorter and count as well.) Leads to wins: a few per cent up to a tenth for inbound; of registered deals a fifth to a third; 80 to 92 % of contracts renew.
    # 0.5 to 1 question a customer and month (gaspwiki), 15 to 25 % of trials without a card become customers (grade c).
    "smb-inbound": {"win_rate": (5, 14), "cycle_time": (7, 45), "response_time_p50": (0.5, 12)},
    "enterprise-field": {"win_rate": (2, 10), "cycle_time": (60, 200), "discount given": (4, 20)},
    "channel-partner": {"win_rate": (15, 30), "cycle_time": (30, 90), "answered in two days": (60, 95)},
    "renewals": {"win_rate": (75, 92), "cycle_time": (45, 120), "on time": (80, 100)},
    "rfq-manufacturing": {"win_rate_first": (10, 30), "cycle_time_first": (15, 60), "delivery_time": (40, 100)},
    "subscription": {"trial_to_paid": (10, 25), "retention": (93, 98), "question_rate": (0.3, 1.0), "service_level": (80, 99), "csat": (80, 95)},
    "china-erp-order": {"win_rate": (88, 97), "准时率": (75, 95), "完美订单率": (65, 90), "回款周期": (50, 90)},
}
BUSIEST = 90.0
"""Per cent of its time that no team works more than; above it queues depend on luck."""
IDLEST = 20.0
"""Per cent of the hours it has for this process that every team works; below it a template pays people for nothing."""
NUMBERS = {
    "work", "automatic", "customer", "rate", "share", "fades", "probability", "after", "size", "cost", "value", "patience", "silent", "attempt",
    "adherence", "every", "factor", "starts", "formula", "time", "running_cost", "one_off_cost", "running", "segments", "shifts", "absence",
}  # fmt: skip


@cache
def scenario(name: str) -> Scenario:
    return ALL[name].scenario()


@cache
def network(name: str) -> Network:
    return build(scenario(name))


@cache
def year(name: str) -> Replication:
    """One replication of the whole horizon with its log."""
    return engines.run(network(name), seed=11, number=0, engine="compiled", log=True)


@cache
def replications(name: str) -> Results:
    return replicate(scenario(name), 3, seed=11, engine="compiled")


# --- what is written ---------------------------------------------------------------------------------------------------


def test_the_gallery_is_there() -> None:
    assert {"smb-inbound", "enterprise-field", "channel-partner", "renewals"} <= {t.name for t in ALL.values()}
    assert template("smb-inbound").scenario().name == "Small-business inbound"


@every
def test_it_is_valid_without_a_warning(name: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(ALL[name].text, encoding="utf-8")
    said = CliRunner().invoke(main, ["validate", str(path)])
    assert said.exit_code == 0, said.output
    assert "note:" not in said.output
    assert "no time left" not in said.output


@every
def test_it_is_a_whole_process(name: str) -> None:
    s = scenario(name)
    assert 13 <= len(s.steps) <= 30
    assert s.description
    assert len([x for x in s.levers.values() if x.running_cost or x.one_off_cost]) >= 5
    assert s.attributes
    assert s.measures
    assert any(step.core for step in s.steps.values())
    assert "won" in {step.milestone for step in s.steps.values()}
    reasons = {r.lost for step in s.steps.values() for r in (*step.then, *step.unless) if r.lost}
    assert len(reasons) >= 4
    assert {"work", "customer", "automatic"} <= {step.kind for step in s.steps.values()}
    assert len(s.teams) >= 3
    assert all(t.calendar != "always" and t.cost is not None for t in s.teams.values())
    assert 50 <= (s.clock.horizon - s.clock.warm_up) / (7 * 86_400_000_000) <= 53, "one year is measured"


def unsaid(part: Any, path: tuple[str, ...] = (), said: bool = False) -> list[str]:
    """Where a number stands without `source` or `assumption` beside it or in its paragraph."""
    if isinstance(part, list):
        return [p for i, x in enumerate(part) for p in unsaid(x, (*path, str(i)), said)]
    if not isinstance(part, dict):
        return []
    said = said or bool({"source", "assumption"} & part.keys())
    # An attribute that starts at 0 or 1 is a state that steps set, not a guess.
    here = [
        ".".join((*path, k)) for k, v in part.items()
        if not said and k in NUMBERS and not (isinstance(v, dict | list) and not unsaid_leaf(v)) and not (k == "starts" and v in (0, 1))
    ]  # fmt: skip
    return here + [p for k, v in part.items() for p in unsaid(v, (*path, str(k)), said)]


def unsaid_leaf(part: Any) -> bool:
    """Whether a mapping or list holds numbers for which nothing in it says where they come from."""
    if isinstance(part, dict):
        return not ({"source", "assumption"} & part.keys()) and any(unsaid_leaf(v) for v in part.values())
    if isinstance(part, list):
        return any(unsaid_leaf(v) for v in part)
    return isinstance(part, int | float) or (isinstance(part, str) and any(c.isdigit() for c in part))


@every
def test_every_prior_has_a_source_or_says_that_it_is_an_assumption(name: str) -> None:
    data, _ = load_yaml(ALL[name].text, name)
    found = []
    for part in ("calendars", "teams", "segments", "attributes", "channels", "limits", "costs", "levers"):
        found += unsaid(data.get(part, {}), (part,))
    for stage in data["stages"].values():
        for step, what in stage["steps"].items():
            for key in ("work", "automatic", "customer"):
                if key in what and not ({"source", "assumption"} & what.keys()) and unsaid_leaf(what[key]):
                    found.append(f"{step}.{key}")
            for key in ("then", "unless", "spawns"):
                found += unsaid(what.get(key, []), (step, key), bool({"source", "assumption"} & what.keys()))
    assert found == []


def test_the_walk_over_priors_finds_what_is_missing() -> None:
    assert unsaid({"a": {"size": 2}}) == ["a.size"]
    assert unsaid({"a": {"size": 2, "assumption": "guess"}}) == []
    assert unsaid([{"to": "x", "share": "10 %"}]) == ["0.share"]
    assert unsaid({"a": {"value": {"law": "lognormal", "median": "5 EUR", "p90": "9 EUR"}}}) != []


@every
def test_no_line_is_indented_by_chance_and_no_name_is_a_machine(name: str) -> None:
    text = ALL[name].text
    assert "\t" not in text
    assert text.startswith("# ")
    assert not re.search(r"/(work|tmp|home)/", text)


# --- what happens --------------------------------------------------------------------------------------------------------


@every
def test_cases_in_are_won_lost_by_reason_or_open(name: str) -> None:
    run = year(name)
    cases, frame = run.cases, run.log.frame if run.log else None
    assert frame is not None
    assert list(run.log.problems() if run.log else ["no log"]) == []
    completed, lost, still = (int(np.sum(cases.outcome == o)) for o in (COMPLETED, LOST, OPEN))
    assert completed + lost + still == len(cases.born)
    assert (cases.reason[cases.outcome == LOST] >= 0).all()
    assert (cases.reason[cases.outcome != LOST] == -1).all()
    ends = frame[frame["outcome"].str.startswith("lost: ") | (frame["outcome"] == "completed")]
    assert ends["case"].is_unique
    # A step that is skipped leaves no row; a case that skipped all of its steps has none at all.
    seen = np.isin(np.arange(len(cases.born)), frame["case"])
    told = ends["outcome"].value_counts().to_dict()
    for i, reason in enumerate(run.labels.reasons):
        assert told.get(f"lost: {reason}", 0) == np.sum((cases.reason == i) & seen), reason
    assert told.get("completed", 0) == np.sum((cases.outcome == COMPLETED) & seen)
    assert set(frame["case"]) <= set(range(len(cases.born)))
    ended = set(frame["case"]) - set(frame.loc[frame["outcome"] == "open", "case"])
    assert set(np.flatnonzero(cases.outcome != OPEN)) & set(frame["case"]) == ended


@every
def test_money_in_the_log_is_money_in_the_measures(name: str) -> None:
    run = year(name)
    cases = run.cases
    assert run.log is not None
    frame = run.log.frame
    # The cost of a case is what its visits cost, and its channel.
    s = scenario(name)
    price = {c: ch.cost.value if ch.cost else 0.0 for c, ch in s.channels.items()}
    channel = np.array([price.get(run.labels.channels[c], 0.0) for c in cases.channel])
    spent = np.zeros(len(cases.born))
    np.add.at(spent, frame["case"].to_numpy(), frame["cost"].to_numpy())
    over = cases.outcome != OPEN
    assert cases.cost[over] == pytest.approx((spent + channel)[over], rel=1e-6, abs=0.01)
    # Revenue is the value of the deals whose winning step ended in the window, and that were not lost afterwards.
    won_steps = [n for n, step in s.steps.items() if step.milestone == "won"]
    rows = frame[frame["step"].isin(won_steps) & frame["ended"].notna() & frame["outcome"].isin(["next", "completed"])]
    first = rows.groupby("case")["ended"].min()
    start = run.log.about.start
    inside = first[(first - start).dt.total_seconds() * 1e6 >= run.labels.warm_up]
    counted = [c for c in inside.index if cases.outcome[c] != LOST and cases.won[c] != NEVER]
    months = (run.labels.horizon - run.labels.warm_up) / MONTH
    assert value(measure(run)["revenue"]) == pytest.approx(float(cases.value[counted].sum()) / months, rel=1e-9)


@every
def test_nobody_works_longer_than_the_shift_unless_overtime_is_allowed(name: str) -> None:
    run, s = year(name), scenario(name)
    for i, team in enumerate(run.labels.teams):
        ordinary, overtime = run.totals.busy[i] - run.totals.overtime[i], run.totals.overtime[i]
        assert 0 < ordinary <= run.totals.on_duty[i] + 1, team
        assert overtime == 0 or s.teams[team].at_shift_end == "overtime", team


@every
def test_its_teams_are_busy_but_not_too_busy(name: str) -> None:
    found = replications(name)
    load = {team: found.estimate(f"utilisation of {team}").value for team in scenario(name).teams}
    assert {t: round(x) for t, x in load.items() if x > BUSIEST} == {}
    assert {t: round(x) for t, x in load.items() if x < IDLEST} == {}
    assert max(load.values()) > 60, "somebody has enough to do"


@every
def test_its_figures_exist_and_are_plausible(name: str) -> None:
    found = replications(name)
    for own in scenario(name).measures:
        assert np.isfinite(found.values(own)).all(), own
    assert (found.values("won") > 0).all()
    for figure, (low, high) in PLAUSIBLE.get(ALL[name].name, {}).items():
        assert low <= found.estimate(figure).value <= high, (figure, found.estimate(figure).value)
    reasons = [n for n in found.names if n.startswith("lost because ")]
    assert sum(found.estimate(r).value > 0 for r in reasons) >= 4


@every
def test_both_engines_write_the_same_log(name: str) -> None:
    short = scenario(name).change({"clock.horizon": "6 weeks", "clock.warm_up": "1 week"})
    a, b = both(build(short), 7)
    assert len(a.visit_time) > 100
    assert same(a, b)


@pytest.mark.slow
@every
def test_a_year_takes_the_reference_engine_less_than_ten_seconds(name: str) -> None:
    begun = time.process_time()
    run = engines.run(network(name), seed=11, number=0, engine="reference", log=False)
    assert time.process_time() - begun < 10
    assert len(run.cases.born) == len(year(name).cases.born)


# --- the load that `validate` tells, where something may come first ---------------------------------------------------------


def test_the_first_of_competing_ends_is_found_from_the_laws() -> None:
    def step(**unless: Any) -> Any:
        data = {"clock": {"start": "2026-01-05", "horizon": "9 weeks"}, "segments": {"all": {}},
                "channels": {"in": {"enters": "a", "segments": {"all": 1}, "arrivals": {"rate": "1 per day"}}},
                "stages": {"s": {"steps": {"a": {"customer": {"law": "exponential", "mean": "2 days"}, "then": [{"done": True}], **unless}}}}}  # fmt: skip
        return Scenario.parse(data).steps["a"]

    def exp(days: int) -> dict[str, str]:
        return {"law": "exponential", "mean": f"{days} days"}

    assert first_to_end(step(), "all") == (1.0, [])
    own, ends = first_to_end(step(unless=[{"after": exp(6), "lost": "rival"}, {"after": exp(3), "lost": "stopped"}]), "all")
    assert [own, *ends] == pytest.approx([1 / 2, 1 / 6, 1 / 3], abs=0.002)  # in proportion to the hazards 1/2, 1/6, 1/3
    own, ends = first_to_end(step(unless=[{"after": "4 days", "lost": "expired"}]), "all")
    assert [own, *ends] == pytest.approx([1 - np.exp(-2), np.exp(-2)], abs=0.002)
    same_time = step(customer="4 days", unless=[{"after": "4 days", "lost": "expired"}])
    assert first_to_end(same_time, "all") == (1.0, [0.0])


def test_load_counts_only_visits_that_take_place_and_renewals_that_come_in_time() -> None:
    data: dict[str, Any] = {
        "clock": {"start": "2026-01-05", "horizon": "100 days"}, "teams": {"t": {"size": 1}}, "segments": {"all": {}},
        "channels": {"in": {"enters": "a", "segments": {"all": 1}, "arrivals": {"rate": "2 per day"}}},
        "stages": {"s": {"steps": {"a": {"work": "1 h", "by": "t", "adherence": "30 %", "then": [{"done": True}]}}}},
    }  # fmt: skip
    assert loads(Scenario.parse(data))[0].load == pytest.approx(0.3 * 2 / 24)
    spawn = {"kind": "renewal", "to": "a", "probability": "90 %", "after": "60 days"}
    data["stages"]["s"]["steps"]["a"] |= {"adherence": 1, "spawns": [spawn]}
    # In the long run ten times as many come, but only after years; of the first renewals 40 % come within the 100 days.
    assert loads(Scenario.parse(data))[0].load == pytest.approx((1 + 0.9 * 0.4) * 2 / 24)
    spawn["after"] = "1 h"
    assert loads(Scenario.parse(data))[0].load == pytest.approx(10 * 2 / 24)


def test_a_channel_from_which_nothing_can_be_won_is_service() -> None:
    run = year("smb-inbound (en)")
    sells = dict(zip(run.labels.channels, run.labels.sells))
    assert sells["search ads"]
    assert not sells["existing customers"]
    assert not sells["question"]
    assert np.isnan(value(measure(run)["win rate from existing customers"]))


# --- init ------------------------------------------------------------------------------------------------------------------


def test_init_lists_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(main, ["init", "--list"])
    assert listed.exit_code == 0
    assert all(t.name in listed.output for t in ALL.values())
    assert CliRunner().invoke(main, ["init"]).output == listed.output
    rows = json.loads(CliRunner().invoke(main, ["init", "--list", "--json"]).output)
    assert {(r["name"], r["language"]) for r in rows} == {(t.name, t.language) for t in ALL.values()}
    written = CliRunner().invoke(main, ["init", "--template", "renewals"])
    assert written.exit_code == 0
    assert (tmp_path / "renewals.yaml").read_text(encoding="utf-8") == template("renewals").text
    assert "salessim validate renewals.yaml" in written.output
    assert CliRunner().invoke(main, ["init", "--template", "renewals", "--force", "--out", "renewals.yaml"]).exit_code == 0


def test_init_refuses_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "renewals.yaml").write_text("mine")
    for words, said in (
        (["--template", "renewal"], "did you mean 'renewals'"),
        (["--template", "renewals"], "renewals.yaml: the file is there already"),
        (["--template", "smb-inbound", "--out", "no/such/folder.yaml"], "cannot be written"),
        (["--out", "x.yaml"], "add --template NAME"),
    ):
        result = CliRunner().invoke(main, ["init", *words])
        assert result.exit_code == 2
        assert said in result.output
        assert len(result.output.strip().splitlines()) == 1
    assert (tmp_path / "renewals.yaml").read_text() == "mine"
    with pytest.raises(InputError, match="not there in 'zh'"):
        template("smb-inbound", "zh")


@every
def test_the_search_runs_on_it_whatever_its_levers_choose_from(name: str) -> None:
    """Settings may be numbers, words, lists or mappings; the search begins at the far end of each."""
    found = optimise(scenario(name), trials=2, replications=2, final=4)
    assert found.sentences()
