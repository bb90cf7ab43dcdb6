"""A scenario's own measures, wherever a built-in one can be named: against hand arithmetic, in every unit, and refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from salessim.catalogue import Catalogue, catalogue, in_common
from salessim.cli import main
from salessim.errors import InputError
from salessim.experiment import compare, replicate, replicate_until
from salessim.gate import check, make_baseline
from salessim.measured_in import unit_of
from salessim.measures import MEASURES
from salessim.optimisation import optimise
from salessim.optimisation.coordinator import _worsened
from salessim.optimisation.limits import figure, parse_limits
from salessim.reporting import report, report_best
from salessim.scenario.checks import problems
from salessim.scenario.model import Scenario

WEEKS_IN_A_MONTH = 365.25 / 12 / 7
SHOP = """salessim: 1
name: shop
clock: {start: 2026-01-05, horizon: 12 weeks, warm_up: 2 weeks}
teams: {sales: {size: 2, cost: 20 EUR/hour}}
segments: {all: {value: 100 EUR}}
attributes:
  discount: {starts: 0.1}
measures:
  margin: {title: Margin of ERP deals, per_month: "value * (1 - discount) - 60 EUR", over: won, direction: higher is better, source: "the price list"}
  discount given: {mean: "100 * discount", over: won, unit: "%", direction: lower is better, assumption: a guess}
  slow: {share: "age > 40 h", over: won, direction: lower is better}
  age in days: {mean: age, over: won, unit: days, direction: lower is better}
  age: {mean: age, over: won}
channels: {web: {enters: call, segments: {all: 1}, arrivals: {rate: 40 per week}}}
stages:
  lead:
    steps:
      call: {work: 30 min, by: sales, then: [{to: sign, share: 50 %}, {lost: no interest}]}
      sign: {customer: 2 days, milestone: won, then: [{done: true}]}
levers:
  price: {field: attributes.discount.starts, choice: [0.1, 0.3, 0.0]}
"""


@pytest.fixture
def shop() -> Scenario:
    return Scenario.parse(SHOP)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return path


def cli(*args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args)])


def refused(result: Result, *parts: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


# --- what they are -----------------------------------------------------------------------------------------------


def test_the_catalogue_knows_every_figure_of_a_run(b2b: Path, shop: Scenario) -> None:
    for scenario in (Scenario.load(b2b).change({"clock.horizon": "20 weeks"}), shop):
        results = replicate(scenario, 1, seed=1)
        known = catalogue(scenario)
        assert [n for n in results.names if known.about(n).name != n] == []
        assert [n for n in results.names if "money" in known.about(n).unit] == []
        assert set(known.names) == {*MEASURES, *scenario.measures} <= set(results.names)


@pytest.mark.parametrize(
    ("measure", "unit"),
    [
        ({"mean": "age"}, "h"), ({"mean": "age", "unit": "天"}, "天"), ({"mean": "value"}, "EUR"), ({"mean": "discount"}, ""), ({"mean": "discount", "unit": "of 100"}, "of 100"),
        ({"share": "discount > 0"}, "%"), ({"per_week": "1"}, "per week"), ({"per_month": "1"}, "per month"), ({"per_month": "discount", "unit": "deals"}, "deals/month"),
        ({"per_month": "1", "unit": "deals per month"}, "deals/month"), ({"per_week": "value"}, "EUR/week"), ({"per_month": "value", "unit": "money"}, "EUR/month"),
        ({"per_month": "value", "unit": "EUR/month"}, "EUR/month"), ({"per_week": "age"}, "h/week"), ({"per_week": "age", "unit": "days"}, "days/week"), ({"mean": "discount", "unit": "cases/person"}, "cases/person"),
    ],
)  # fmt: skip
def test_the_unit_says_what_the_formula_gives(measure: dict[str, str], unit: str, shop: Scenario) -> None:
    scenario = shop.change({"measures": {"x": measure}})
    assert list(problems(scenario)) == []
    assert catalogue(scenario).about("x").unit == unit


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ({"mean": "age", "unit": "points"}, "'points' is no unit of time; write h or days"), ({"mean": "value", "unit": "%"}, "'%' is not EUR; write 'money'"),
        ({"mean": "value", "unit": "USD"}, "'USD' is not EUR"), ({"per_month": "value", "unit": "EUR/week"}, "a sum per month is not measured in 'EUR/week'; write 'EUR/month'"),
        ({"per_week": "1", "unit": "per month"}, "write 'per week'"), ({"mean": "age", "unit": "h/week"}, "a mean is not measured in 'h/week'; write 'h'"),
    ],
)  # fmt: skip
def test_a_unit_that_would_mislead_is_refused_at_its_line(measure: dict[str, str], said: str, shop: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SHOP.replace("measures:\n", f"measures:\n  wrong: {json.dumps(measure)}\n"))
    refused(cli("run", path, "-n", 1), "x.yaml:9: measures.wrong.unit: ", said)


@pytest.mark.parametrize("name", ["cost", "junk and duplicates", "cost of web", "waiting @ call", "lost @ lead", "utilisation of sales", "lost because rain"])
def test_a_name_that_means_something_already_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SHOP.replace("  margin: {", f'  "{name}": {{'))
    refused(cli("validate", path), "x.yaml:9: ", f"{name!r} means something already", "choose another name")


def test_a_name_that_only_looks_like_one_of_a_channel_is_free(shop: Scenario) -> None:
    scenario = shop.change({"measures": {"cost of sales": {"mean": "40 EUR", "over": "won"}}})
    assert list(problems(scenario)) == []
    assert replicate(scenario, 2).estimate("cost of sales").value == pytest.approx(40)
    assert catalogue(scenario).about("cost of sales").unit == "EUR"


def test_times_are_measured_in_the_unit_that_is_given(shop: Scenario) -> None:
    """An age of 2 days and half an hour, and the wait for people, is 48.5 h or more, a 24th of it in days."""
    results = replicate(shop, 4, seed=1)
    assert results.estimate("age").value == pytest.approx(48.5, abs=0.5)
    assert results.values("age in days") * 24 == pytest.approx(results.values("age"))


QUANTITIES = [
    ("margin", "-500 EUR/month", -500), ("margin", "-500", -500), ("margin", "1,200/month", 1200), ("margin", "12 EUR/day", 12 * 365.25 / 12), ("discount given", "-5 %", -5), ("discount given", "130 %", 130),
    ("slow", "20 %", 20), ("age in days", "36 h", 1.5), ("age", "2 days", 48), ("score", "85 of 100", 85), ("score", "85", 85), ("deals", "3 deals per week", 3 * WEEKS_IN_A_MONTH), ("deals", "52 per year", 52 / 12),
    ("hours", "1 day/week", 24), ("plain", "0.5", 0.5), ("plain", "1e-3", 0.001), ("margin", "−500", -500),
]  # fmt: skip
MORE = {
    "score": {"mean": "100 * discount", "unit": "of 100"}, "deals": {"per_month": "1", "unit": "deals"}, "hours": {"per_week": "age", "over": "won"}, "plain": {"mean": "discount"},
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "value"), QUANTITIES)
def test_quantities_in_every_unit(name: str, text: str, value: float, shop: Scenario) -> None:
    known = catalogue(shop.change({"measures": {**_written(shop), **MORE}}))
    assert figure(name, text, known) == pytest.approx(value)
    (limit,) = parse_limits([f"{name} <= {text}"], known)
    assert (limit.measure, limit.bound, limit.upper) == (name, pytest.approx(value), True)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("margin", "500 USD/month", "is not in EUR"), ("margin", "500 EUR per parsec", "unknown unit 'parsec'"), ("slow", "130 %", "is not between 0 and 1"), ("slow", "-3", "is negative"), ("age", "3 EUR", "unknown unit"),
     ("score", "85 of 10", "is not a number of of 100"), ("deals", "3 deals", "does not say per what; write it in deals/month"), ("plain", "half", "is not a number"), ("discount given", "1,5 %", "sets no thousands apart")],
)  # fmt: skip
def test_quantities_that_are_none(name: str, text: str, said: str, shop: Scenario) -> None:
    known = catalogue(shop.change({"measures": {**_written(shop), **MORE}}))
    with pytest.raises(ValueError, match=re.escape(said)):
        figure(name, text, known)


def test_chinese_money() -> None:
    assert unit_of("元/月", "CNY").text == "CNY/月"
    assert unit_of("元/月", "CNY").read("5000 元/月") == 5000
    assert unit_of("元", "EUR").kind == "count"


def _written(scenario: Scenario) -> dict[str, Any]:
    return {n: m.model_dump(mode="json", exclude_none=True, exclude_unset=True) for n, m in scenario.measures.items()}


# --- where they can be named -------------------------------------------------------------------------------------


def test_run_shows_them_with_unit_and_says_what_they_are(file: Path) -> None:
    table = cli("run", file, "-n", 3).stdout
    assert re.search(r"^Margin of ERP deals +[\d,.]+ +.* EUR/month$", table, re.M)
    assert re.search(r"^age in days +2\.\d+ .* days$", table, re.M)
    for flag in ("--all", "--json"):
        assert cli("run", file, "-n", 3, flag).exit_code == 0
    figures = json.loads(cli("run", file, "-n", 3, "--json").stdout)["measures"]
    margin = figures["margin"]
    assert (margin["unit"], margin["title"], margin["direction"], margin["own"]) == ("EUR/month", "Margin of ERP deals", "higher is better", True)
    assert margin["definition"] == "sum of (value * (1 - discount) - 60 EUR) per month, of cases that were won"
    assert margin["mean"] == pytest.approx(30 * figures["won"]["mean"] * WEEKS_IN_A_MONTH)  # 100 EUR less a tenth less 60 EUR
    assert figures["cost"]["own"] is False


def test_compare_judges_them(file: Path, tmp_path: Path) -> None:
    """Each deal brings 10 EUR instead of 30: the same deals under common random numbers, so a third of the margin."""
    dear = tmp_path / "dear.yaml"
    dear.write_text(SHOP.replace("name: shop", "name: dear").replace("starts: 0.1", "starts: 0.3"))
    found = json.loads(cli("compare", file, dear, "-n", 5, "--json").stdout)
    before = found["scenarios"][0]["measures"]["margin"]["mean"]
    change = found["scenarios"][1]["differences"]["margin"]
    assert change["mean"] == pytest.approx(-before * 2 / 3)
    assert (change["verdict"], change["unit"], change["high"] < 0) == ("worse", "EUR/month", True)
    assert found["scenarios"][1]["differences"]["discount given"] | {"variance_reduction": None} == {
        "mean": pytest.approx(20), "low": pytest.approx(20), "high": pytest.approx(20), "level": 0.95, "replications": 5, "missing": 0, "unit": "%", "verdict": "worse", "margin": pytest.approx(0.1), "variance_reduction": None}  # fmt: skip
    assert found["scenarios"][1]["differences"]["slow"]["verdict"] == "the same"
    assert found["not_compared"] == {}
    assert re.search(r"^Margin of ERP deals .* EUR/month .* worse$", cli("compare", file, dear, "-n", 5).stdout, re.M)


def test_what_is_defined_differently_is_not_compared(file: Path, tmp_path: Path, shop: Scenario) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SHOP.replace("name: shop", "name: other").replace("- 60 EUR", "- 50 EUR").replace("  age: {mean", "  years: {mean"))
    said = cli("compare", file, other, "-n", 2)
    assert "Margin of ERP deals" not in said.stdout
    assert "note: 'shop' and 'other' define the measure 'margin' differently; it is not compared." in said.stderr
    assert "note: 'other' has no measure 'age'; it is not compared." in said.stderr
    assert "note: 'shop' has no measure 'years'; it is not compared." in said.stderr
    assert "discount given" in said.stdout
    both = compare(shop, Scenario.load(other), replications=2)
    with pytest.raises(InputError, match="define the measure 'margin' differently; define it alike"):
        both.difference("margin")
    page = report([shop, Scenario.load(other)], to=tmp_path / "page.html", replications=2).read_text()
    assert "define the measure &#39;margin&#39; differently; it is not compared." in page
    titles = shop.change({"measures.margin.title": "Profit"})  # another name for the same figure
    assert in_common([shop, titles]) == (catalogue(shop), {})


def test_the_page_shows_what_they_are(shop: Scenario, tmp_path: Path) -> None:
    page = report([shop, shop.change({"attributes.discount.starts": 0.3}, name="dear")], to=tmp_path / "page.html", replications=3).read_text()
    before, own = page.split("<h2>Figures of this process&#39;s own</h2>" if "process&#39;s" in page else "<h2>Figures of this process's own</h2>")
    row = re.search(r"<tr><th[^>]*>Margin of ERP deals</th>(.*?)</tr>", before, re.S)
    assert row is not None
    assert "EUR/month" in row[1]
    assert "▼ worse" in row[1]
    for cell in ("sum of (value * (1 - discount) - 60 EUR) per month, of cases that were won", "EUR/month", "higher", "the price list", "assumption: a guess"):
        assert cell in own.split("</table>")[0]
    assert own.count("measures › discount given") == 1  # among the assumptions, too


def test_optimise_towards_them_within_limits_on_them(file: Path, tmp_path: Path) -> None:
    """Full price brings most; with at least 5 % discount a tenth is the best there is."""
    out = tmp_path / "out"
    common = ("--trials", 5, "-n", 2, "--final", 5, "--objective", "margin")
    assert cli("optimise", file, "--out", out, *common).exit_code == 0
    best = json.loads((out / "best.json").read_text())
    assert best["settings"] == {"price": 0.0}
    assert "margin of ERP deals +" in best["sentences"][1]
    assert best["differences"]["margin"]["unit"] == "EUR/month"
    assert best["differences"]["margin"]["verdict"] == "better"
    said = cli("optimise", file, "--out", out, *common, "--limit", "discount given >= 5 %", "--json", "--force")
    best = json.loads(said.stdout)
    assert best["limits"] == ["discount given at least 5 %"]
    assert (best["changed"], best["objectives"]) == (False, ["margin"])
    text = (tmp_path / "out" / "trials.jsonl").read_text().splitlines()
    assert {line["values"]["discount given"] for line in map(json.loads, text) if "values" in line} == {10.0, 30.0, 0.0}


def test_a_search_among_losses_keeps_its_limits(shop: Scenario) -> None:
    """A deal loses 70, 90 or 60 EUR: a design that breaks a limit must look worse for it, not better."""
    assert [_worsened(v, d, 2.0) for v in (8.0, -8.0) for d in ("minimize", "maximize")] == [16.0, 4.0, -4.0, -16.0]
    loss = shop.change({"measures.margin.per_month": "value * (1 - discount) - 160 EUR"})
    best = optimise(loss, objectives=["margin"], limits=["margin >= -100000 EUR/month", "discount given <= 20 %"], trials=5, replications=2, final=5)
    assert best.settings == {"price": 0.0}
    assert best.final.difference("margin").change.value > 0


def test_the_chart_of_a_search_stands_any_name(shop: Scenario, tmp_path: Path) -> None:
    margin, discount = _written(shop)["margin"], _written(shop)["discount given"]
    odd = shop.change({"measures": {"kind": margin, "design [x] 'y' 毛利": discount}})
    best = optimise(odd, objectives=["kind", "design [x] 'y' 毛利"], trials=4, replications=2, final=3)
    text = report_best(best, tmp_path / "best.html").read_text()
    assert "design [x] &#39;y&#39; 毛利 (%)</th>" in text
    drawn = re.search(r"<div role=\"img\" aria-label=\"Designs by.*?</svg>", text, re.S)
    assert drawn is not None
    assert drawn[0].count('aria-roledescription="point"') == 3


def test_the_gate_keeps_them(file: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    assert cli("check", file, "--baseline", baseline, "--update", "-n", 6, "--threshold", "margin=5 %", "--threshold", "slow=0.1").exit_code == 0
    kept = json.loads(baseline.read_text())["measures"]
    assert {n: (k["unit"], k["max_worsening"]) for n, k in kept.items()} == {"margin": ("EUR/month", 0.05), "slow": ("%", 0.1)}
    assert kept["margin"]["definition"].startswith("sum of (value")
    same = json.loads(cli("check", file, "--baseline", baseline, "--json").stdout)
    assert same["verdict"] == "passed"
    assert same["findings"]["margin"]["title"] == "Margin of ERP deals"
    dear, better = tmp_path / "dear.yaml", tmp_path / "better.yaml"
    dear.write_text(SHOP.replace("starts: 0.1", "starts: 0.3"))
    better.write_text(SHOP.replace("starts: 0.1", "starts: 0.05"))
    assert cli("check", better, "--baseline", baseline).exit_code == 0
    failed = cli("check", dear, "--baseline", baseline)
    assert failed.exit_code == 1
    assert re.search(r"^Margin of ERP deals .* EUR/month +regression$", failed.stdout, re.M)
    # Another definition is another figure; the thresholds stay when the baseline is made anew.
    dear.write_text(SHOP.replace("- 60 EUR", "- 50 EUR"))
    refused(cli("check", dear, "--baseline", baseline), "'margin' was made as sum of (value * (1 - discount) - 60 EUR)", "make the baseline anew with --update")
    assert cli("check", dear, "--baseline", baseline, "--update", "-n", 6).exit_code == 0
    assert {n: k["max_worsening"] for n, k in json.loads(baseline.read_text())["measures"].items()} == {"margin": 0.05, "slow": 0.1}
    dear.write_text(SHOP.replace("  margin: {", "  profit: {"))
    refused(cli("check", dear, "--baseline", baseline), "baseline: there is no measure 'margin'; use one of profit, ")
    refused(cli("check", file, "--baseline", baseline, "--threshold", "margin=5 %"), "add --update")
    baseline.write_text("{}")
    refused(cli("check", file, "--baseline", baseline, "--update"), "this is not a baseline", "mend or remove the file")


def test_a_baseline_in_other_money_is_another_figure(shop: Scenario) -> None:
    kept = make_baseline(shop, replications=3, thresholds={"cost": 0.1})
    with pytest.raises(InputError, match="'cost' was made as the built-in measure in EUR/month, and is now the built-in measure in USD/month"):
        check(Scenario.parse(SHOP.replace("EUR", "USD").replace("salessim: 1", "salessim: 1\ncurrency: USD")), kept)


def test_replicating_until_they_are_precise(file: Path, shop: Scenario) -> None:
    assert cli("run", file, "--precision", "margin=20 %").exit_code == 0
    found = cli("run", file, "--precision", "margin=40 EUR/month", "--json")
    margin = json.loads(found.stdout)["measures"]["margin"]
    assert margin["replications"] > 20
    assert (margin["high"] - margin["low"]) / 2 <= 40
    with pytest.raises(InputError, match="there is no measure 'margn'; did you mean 'margin'"):
        replicate_until(shop, "margn", 1)


def test_a_ratio_is_replicated_until_the_interval_that_is_shown_is_narrow(shop: Scenario) -> None:
    """The mean over deals is a sum over a sum: where weeks differ in deals, its interval is not that of the weeks' means."""
    rare = shop.change({"channels.web.arrivals.rate": "1 per week", "attributes.discount.starts": {"law": "exponential", "mean": 0.2}})
    results = replicate_until(rare, "discount given", 3.0, most=400)
    assert results.estimate("discount given").half_width <= 3.0 * (1 - 2 / len(results.numbers))
    assert 20 < len(results.numbers) < 400
    fewer = replicate(rare, len(results.numbers) - 10).estimate("discount given")  # ten at a time, and not ten too many
    assert fewer.half_width > 3.0 * (1 - 2 / fewer.n)


def test_the_listing_names_them(file: Path) -> None:
    listed = json.loads(cli("measures", file, "--json").stdout)
    assert set(listed) == {*MEASURES, "margin", "discount given", "slow", "age in days", "age"}
    assert listed["age in days"] == {"unit": "days", "title": "age in days", "direction": "lower is better", "definition": "mean of (age), of cases that were won", "own": True, "planned": False}
    assert listed["cost"]["unit"] == "EUR/month"
    assert listed["head_count"]["planned"] is True
    built_in = cli("measures").stdout
    assert re.search(r"^cost +Cost +money/month +lower +pay, ", built_in, re.M)
    assert "margin" not in built_in


@pytest.mark.parametrize(
    "args",
    [("optimise", "FILE", "--out", "OUT", "--objective", "NAME"), ("optimise", "FILE", "--out", "OUT", "--limit", "NAME <= 3"), ("run", "FILE", "--precision", "NAME=3 %"),
     ("check", "FILE", "--baseline", "OUT", "--update", "--threshold", "NAME=5 %")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "said"),
    [("margn", "there is no measure 'margn'; did you mean 'margin' or 'age'?"), ("age in dys", "did you mean 'age in days'"), ("Margin of ERP deals", "did you mean 'margin'?"), ("cots", "did you mean 'cost'"),
     ("zzz", "use one of margin, discount given, slow, age in days, age, cycle_time, win_rate, cost; 'salessim measures' lists all")],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest(args: tuple[str, ...], name: str, said: str, file: Path, tmp_path: Path) -> None:
    words = [a.replace("FILE", str(file)).replace("OUT", str(tmp_path / "out")).replace("NAME", name) for a in args]
    refused(cli(*words), said)


def test_what_is_neither_better_nor_worse_is_no_aim(file: Path, tmp_path: Path, shop: Scenario) -> None:
    refused(cli("optimise", file, "--out", tmp_path / "out", "--objective", "age"), "'age' is neither better nor worse", "give it a direction", "measures.age")
    refused(cli("check", file, "--baseline", tmp_path / "b.json", "--update", "--threshold", "age=5 %"), "'age' is neither better nor worse")
    assert parse_limits(["age <= 2 days"], catalogue(shop))[0].bound == 48  # a limit needs no direction
    with pytest.raises(InputError, match="did you mean 'cost'"):
        Catalogue({}, "EUR").about("cots")
