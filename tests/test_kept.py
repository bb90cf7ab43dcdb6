"""Limits are shown to hold on fresh runs: a design that breaks one passes as rarely as promised, whatever the limit is on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from salessim.catalogue import Catalogue
from salessim.cli import main
from salessim.errors import InputError
from salessim.experiment import replicate
from salessim.optimisation import optimise
from salessim.optimisation.fresh import head
from salessim.optimisation.kept import BROKEN, KEPT, UNDECIDED, check, checks, least_runs, verdict
from salessim.optimisation.limits import Limit, parse_limits
from salessim.results import Results
from salessim.scenario.loader import to_yaml
from salessim.scenario.model import Scenario
from salessim.statistics import exact_share_interval
from tests.test_oracles import exponential, line
from tests.test_selection import least

KNOWN = Catalogue({}, "EUR")


def limit(text: str) -> Limit:
    return parse_limits([text], KNOWN)[0]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "measure", "bound", "upper", "chance"),
    [("P(cycle_time <= 30 d) >= 90 %", "cycle_time", 30, True, 0.9), ("P( cycle_time > 4 weeks ) <= 5 %", "cycle_time", 28, True, 0.95),
     ("P(won>=3 per week)≥0.8", "won", 3, False, 0.8), ("P(won < 3 per week) < 20 %", "won", 3, False, 0.8), ("cost <= 9000/month", "cost", 9000, True, None)],
)  # fmt: skip
def test_a_chance_is_written_as_one_says_it(text: str, measure: str, bound: float, upper: bool, chance: float | None) -> None:
    found = limit(text)
    assert (found.measure, found.bound, found.upper) == (measure, bound, upper)
    assert found.chance == (chance if chance is None else pytest.approx(chance))
    assert found.key == (measure if chance is None else f"P({measure} {'<=' if upper else '>='} {bound}) >= {chance}")


def test_in_words_and_from_a_mapping() -> None:
    assert limit("P(cycle_time <= 30 d) >= 90 %").words == "cycle time to win, mean at most 30 days in at least 90 % of runs"
    assert parse_limits({"P(cycle_time <= 30 d)": ">= 90 %", "cost": "<= 9000/month"}, KNOWN) == parse_limits(["P(cycle_time <= 30 d) >= 90 %", "cost <= 9000/month"], KNOWN)


@pytest.mark.parametrize(
    ("text", "said"),
    [("P(cycle_time <= 30 d) >= 100 %", "cannot be shown by simulation"), ("P(cycle_time <= 30 d) >= 0 %", "kept by any design"), ("P(cycle_time <= 30 d) >= 140 %", "140 %"),
     ("P(cycle_time <= 30 EUR) >= 90 %", "unknown unit"), ("P(cycle_tme <= 3 d) >= 90 %", "did you mean 'cycle_time'"), ("P(<= 3 d) >= 90 %", "is not a limit"), ("P(cycle_time <= 3 d) >= often", "is not a share"),
     ("P(cycle_time) >= 90 %", "there is no measure 'P(cycle_time)'"), ("P(cycle_time <= 30 d)", "there is no measure 'P(cycle_time'")],
)  # fmt: skip
def test_what_is_no_chance_is_refused_with_place_and_remedy(text: str, said: str) -> None:
    with pytest.raises(InputError) as wrong:
        parse_limits([text], KNOWN)
    assert said in str(wrong.value)
    assert "limit" in str(wrong.value)


# --- what is said of runs ---------------------------------------------------------------------------------------------


def test_the_exact_interval_never_covers_too_rarely() -> None:
    """Summed up over the binomial law, not simulated: each end is wrong with probability 2.5 % at most."""
    for n in (1, 7, 60, 200):
        found = [exact_share_interval(k, n) for k in range(n + 1)]
        for p in np.linspace(0.01, 0.99, 33):
            law = stats.binom.pmf(range(n + 1), n, p)
            assert sum(w for w, e in zip(law, found, strict=True) if e.low > p) <= 0.025 + 1e-12
            assert sum(w for w, e in zip(law, found, strict=True) if e.high < p) <= 0.025 + 1e-12


def runs(values: Any, measure: str = "cycle_time") -> Results:
    """Runs whose figures are given."""
    x = np.asarray(values, float)
    return Results(TODAY, 0, tuple(range(len(x))), {measure: np.column_stack([x, np.ones(len(x))])})


TODAY = line([{"c": 5, "law": exponential(1), "patience": exponential(2)}], 4, 100, 20)


def test_by_hand() -> None:
    chance = limit("P(cycle_time <= 3 d) >= 90 %")
    sixty = check(chance, runs([1.0] * 59 + [math.nan]), 0.025)
    assert sixty.estimate.value == 59 / 60  # a run that wins nothing has no time to win, and keeps nothing
    assert sixty.verdict == KEPT  # 0.025 quantile of Beta(59, 2) is 0.9106
    assert sixty.estimate.low == pytest.approx(stats.beta(59, 2).ppf(0.025))
    assert check(chance, runs([1.0] * 28), 0.05).verdict == UNDECIDED
    assert check(chance, runs([1.0] * 29), 0.05).verdict == KEPT  # 0.9 ** 29 = 0.0471
    assert least_runs((chance,), 0.05) == 29
    assert check(chance, runs([5.0] * 10), 0.05).verdict == BROKEN
    mean = limit("cycle_time <= 3 d")
    assert [check(mean, runs(x), 0.05).verdict for x in ([2.0, 2.1, 2.2], [3.0, 3.0, 3.0], [2.9, 3.2, 2.7], [4.0, 4.1, 4.2], [math.nan] * 3)] == [KEPT, KEPT, UNDECIDED, BROKEN, UNDECIDED]
    assert check(limit("won >= 3 per week"), runs([2.0, 2.1, 2.2], "won"), 0.05).verdict == BROKEN
    assert verdict(()) == KEPT


def passed(bound: Limit, draw: Any, macro: int, error: float = 0.05, first: int = 20) -> float:
    """How often a limit is called kept in macro-runs."""
    count = 0
    for seed in range(macro):
        all_of_them = runs(draw(np.random.default_rng(seed), 8 * max(first, least_runs((bound,), error / 4))))
        count += verdict(checks((bound,), lambda n, r=all_of_them: head(r, n), first, error)) == KEPT
    return count / macro


def test_a_design_at_the_edge_passes_as_rarely_as_promised() -> None:
    """The true chance is 0.9 less a trifle, the true mean 3 days and a trifle: whoever passes them breaks the limit."""
    chance, mean, most = limit("P(cycle_time <= 3 d) >= 90 %"), limit("cycle_time <= 3 d"), 1 - least(0.95, 600)
    assert passed(chance, lambda g, n: np.where(g.random(n) < 0.8999, 1.0, 5.0), 600) <= most
    assert passed(mean, lambda g, n: g.normal(3.0001, 1.0, n), 600) <= most
    # and not because nobody ever passes
    assert passed(chance, lambda g, n: np.where(g.random(n) < 0.96, 1.0, 5.0), 60) > 0.9
    assert passed(mean, lambda g, n: g.normal(2.5, 1.0, n), 60) > 0.9


# --- the whole way ----------------------------------------------------------------------------------------------------


def crews(**more: Any) -> Scenario:
    """An Erlang-A line (4 arrive a day, 1 served, patience 2 days) with a crew of 3 to 9 at 10 EUR an hour, a year of 360 days."""
    return line([{"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 400, 40).change(
        {"teams.s0 team.cost": "10 EUR/hour", "levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 9]}}, **more}
    )


@pytest.fixture(scope="module")
def per_run() -> dict[int, Any]:
    """Lost customers of each crew in 1,000 runs that nobody else looks at."""
    return {c: replicate(crews().change({"teams.s0 team.size": c}), range(5_000_000, 5_001_000), seed=7).values("lost_customers") for c in (5, 6, 7, 8)}


def test_a_chance_limit_holds_in_a_thousand_fresh_runs(per_run: dict[int, Any]) -> None:
    """The cheapest crew that keeps a bound in 90 % of all years. The bound lies between two crews, so that one keeps it and the next smaller does not."""
    bound = float(np.quantile(per_run[6], 0.95))  # kept by 6 in 95 % of years
    shares = {c: float((x <= bound).mean()) for c, x in per_run.items()}
    assert shares[5] < 0.9 < shares[6]
    best = optimise(crews(**{"teams.s0 team.size": 9}), objectives=["cost"], limits=[f"P(lost_customers <= {bound:.9g}) >= 90 %"], trials=8, replications=6, final=60, seed=3)
    assert best.settings == {"crew": 6} or best.settings == {"crew": 7}
    assert shares[best.settings["crew"]] >= 0.9
    assert [c.verdict for c in best.checks] == [KEPT]
    assert "in at least 90 % of runs: it is in" in " ".join(best.sentences())


def test_the_mean_alone_would_have_passed_what_breaks_the_chance(per_run: dict[int, Any]) -> None:
    bound = float(np.quantile(per_run[6], 0.7))  # its mean keeps it, three years of ten do not
    assert per_run[6].mean() < bound
    best = optimise(crews(**{"teams.s0 team.size": 9}), objectives=["cost"], limits=[f"P(lost_customers <= {bound:.9g}) >= 90 %"], trials=8, replications=6, final=60, seed=3)
    assert best.settings["crew"] > 6
    assert (per_run[best.settings["crew"]] <= bound).mean() >= 0.9


def test_limits_that_no_design_meets_name_the_obstacle(tmp_path: Path) -> None:
    """Nine people cost 9 * 10 * 730.5 = 65,745 EUR a month at most and three lose most; asked for is what no crew brings."""
    file = tmp_path / "crews.yaml"
    file.write_text(to_yaml(crews()))
    common = ("optimise", str(file), "--out", str(tmp_path / "out"), "--objective", "lost_customers", "--trials", "8", "-n", "4", "--final", "10", "--quiet")
    runner = CliRunner()
    one = runner.invoke(main, [*common, "--limit", "cost <= 21000/month"])
    assert one.exit_code == 3
    assert "No design that was tried keeps this limit: cost at most 21,000 EUR/month. On fresh runs the nearest design (" in one.output
    assert "has cost 21,915" in one.output  # three people
    assert "4.36 % too much" in one.output
    both = runner.invoke(main, [*common, "--force", "--limit", "cost <= 30000/month", "--limit", "lost_customers <= 100 per week", "--json"])
    assert both.exit_code == 3
    told = json.loads(both.stdout)
    assert told["settled"] is False
    assert "Each limit by itself is kept by some design that was tried, all together by none." in told["sentences"][0]
    assert (tmp_path / "out" / "trials.jsonl").exists()
    assert (tmp_path / "out" / "report.html").exists()


def test_a_limit_that_is_too_close_to_call_is_undecided() -> None:
    """Today's own long-run mean as the limit: no number of runs tells it apart, and nothing else is allowed."""
    base = crews(levers={"crew": {"field": "teams.s0 team.size", "choice": [4, 5]}})
    mean = replicate(base, range(5_000_000, 5_000_600), seed=1).estimate("lost_customers").value
    best = optimise(base, objectives=["cost"], limits=[f"lost_customers <= {mean:.9g} per week"], trials=2, replications=4, final=8, seed=1)
    assert not best.changed
    assert not best.settled
    assert [c.verdict for c in best.checks] == [UNDECIDED]
    assert "cannot yet be told from the limit" in best.sentences()[0] or "No design is shown to keep the limits" in best.sentences()[0]
