"""Values that nobody knows: drawn once per replication, the same in every scenario, told apart from chance."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from salessim.association import common_share, rank_agreement, rank_correlation, spread
from salessim.cli import main
from salessim.durations import table
from salessim.errors import ScenarioError
from salessim.experiment import ECHO, compare, replicate, simulate
from salessim.gate import check as gate_check
from salessim.gate import make_baseline
from salessim.ignorance import drivers_in_words, echo, echo_all
from salessim.network import build
from salessim.reporting import report
from salessim.results import figures
from salessim.scenario import calendars, intensity
from salessim.scenario.model import Scenario
from salessim.scenario.uncertain import drawn, network_of
from salessim.scenario.unknowns import chances
from tests.models import random_scenario


def small(**parts: Any) -> Scenario:
    """Two steps that nobody works at: sent, then decided by the customer; both certain unless `parts` say otherwise."""
    data: dict[str, Any] = {
        "name": "small", "clock": {"start": "2026-01-05", "horizon": "10 weeks"}, "segments": {"all": {"value": "100 EUR"}},
        "teams": {"desk": {"size": 3, "cost": "50 EUR/hour"}}, "costs": {"rent": {"running": "700 EUR/week"}},
        "channels": {"web": {"enters": "send", "segments": {"all": 1}, "arrivals": {"rate": "100 per week"}}},
        "stages": {"s": {"steps": {
            "send": {"automatic": "1 h", "then": [{"to": "decide", "share": 0.6}, {"lost": "price", "share": 0.1}, {"lost": "no interest"}]},
            "decide": {"customer": {"law": "exponential", "mean": "2 days"}, "milestone": "won", "then": [{"done": True}]},
        }}}, **parts,
    }  # fmt: skip
    return Scenario.parse(data)


UNIFORM = {"law": "uniform", "low": 0.5, "high": 1.5}


# --- what is drawn ---------------------------------------------------------------------------------------------------


def test_a_value_is_what_its_law_gives_at_the_chance_that_its_name_draws() -> None:
    scenario = small(uncertain={
        "steps.send.automatic": {"factor": UNIFORM},
        "steps.send.then.to decide.share": {"law": "triangular", "low": 0.5, "mode": 0.6, "high": 0.7},
        "steps.decide.customer.mean": {"law": "uniform", "low": "1 day", "high": "3 days"},
        "channels.web.arrivals.rate": {"law": "uniform", "low": 80, "high": 120},
        "teams.desk.size": {"law": "uniform", "low": 1, "high": 5},
        "teams.desk.cost": {"factor": UNIFORM},
        "segments.all.value": {"factor": UNIFORM},
        "costs.rent.running": {"law": "uniform", "low": 600, "high": 800},
    })  # fmt: skip
    day = 86_400_000_000
    for number in range(5):
        u, found = chances(scenario, 3, number), drawn(scenario, 3, number)
        assert found.steps["send"].time.mean == round((0.5 + u["steps.send.automatic"]) * day / 24)
        share = u["steps.send.then.to decide.share"]  # the triangular law's quantile, by hand
        assert found.steps["send"].then[0].share == pytest.approx(0.5 + 0.2 * (math.sqrt(share / 2) if share < 0.5 else 1 - math.sqrt((1 - share) / 2)))
        assert found.steps["decide"].time.mean == round((1 + 2 * u["steps.decide.customer.mean"]) * day)
        assert found.channels["web"].arrivals.rate.count == pytest.approx(80 + 40 * u["channels.web.arrivals.rate"])
        assert found.teams["desk"].size == math.floor(1 + 4 * u["teams.desk.size"] + 0.5)
        assert found.teams["desk"].cost.amount == pytest.approx(50 * (0.5 + u["teams.desk.cost"]))
        assert found.segments["all"].value.mean == pytest.approx(100 * (0.5 + u["segments.all.value"]))
        assert found.costs["rent"].running.amount == pytest.approx(600 + 200 * u["costs.rent.running"])
        assert not found.uncertain
    assert len({tuple(chances(scenario, 3, n).values()) for n in range(50)}) == 50


def test_shares_by_segment_and_several_entries_of_one_field() -> None:
    """A value and two factors on one path multiply; entries with the same word draw together."""
    entries = [{"law": "uniform", "low": "1 h", "high": "3 h"}, {"factor": UNIFORM, "together": "tool"}, {"factor": UNIFORM}]
    scenario = small(uncertain={"steps.send.automatic.value": entries, "steps.decide.customer": {"factor": UNIFORM, "together": "tool"}})
    u, found = chances(scenario, 0, 4), drawn(scenario, 0, 4)
    assert set(u) == {"steps.send.automatic.value", "steps.send.automatic.value 2", "together tool"}
    tool = 0.5 + u["together tool"]
    hours = (1 + 2 * u["steps.send.automatic.value"]) * tool * (0.5 + u["steps.send.automatic.value 2"])
    assert found.steps["send"].time.mean == pytest.approx(hours * 3.6e9, rel=1e-9)
    assert found.steps["decide"].time.mean == pytest.approx(2 * 24 * tool * 3.6e9, rel=1e-9)
    by_segment = small(
        segments={"a": {}, "b": {}}, channels={"web": {"enters": "x", "segments": {"a": 0.5, "b": 0.5}, "arrivals": {"rate": "9 per week"}}},
        stages={"s": {"steps": {"x": {"automatic": "1 h", "then": [{"lost": "price", "share": {"a": 0.2, "b": 0.4}}, {"done": True}]}}}},
        uncertain={"steps.x.then.lost price.share": {"factor": UNIFORM}},
    )  # fmt: skip
    factor = 0.5 + chances(by_segment, 0, 1)["steps.x.then.lost price.share"]
    assert drawn(by_segment, 0, 1).steps["x"].then[0].share == pytest.approx({"a": 0.2 * factor, "b": 0.4 * factor})


def test_the_long_form_of_a_path_and_its_place_among_others_draw_the_same() -> None:
    short = small(uncertain={"steps.send.automatic": {"factor": UNIFORM}})
    long = small(uncertain={"teams.desk.cost": {"factor": UNIFORM}, "stages.s.steps.send.automatic": {"factor": UNIFORM}})
    assert drawn(short, 0, 9).steps["send"] == drawn(long, 0, 9).steps["send"]


def test_uncertain_values_survive_a_file(tmp_path: Path) -> None:
    scenario = small(uncertain={"steps.send.automatic": {"factor": UNIFORM, "source": "a trial"}})
    scenario.save(tmp_path / "s.yaml")
    again = Scenario.load(tmp_path / "s.yaml")
    assert (again, again.hash) == (scenario, scenario.hash)
    assert scenario.hash != small().hash
    assert scenario.change({"steps.send.automatic": "2 h"}).uncertain == scenario.uncertain


# --- replications ----------------------------------------------------------------------------------------------------


def test_without_ignorance_nothing_is_drawn() -> None:
    scenario = small()
    assert drawn(scenario, 0, 5) is scenario
    assert scenario.hash == scenario.change({"uncertain": {}}).hash
    results = replicate(scenario, 3)
    assert echo(results) is results
    assert results.spread("won") is None
    assert results.drivers("won") == []


def test_every_replication_has_its_own_value_and_all_scenarios_share_it() -> None:
    """A certain time times an uncertain factor: the cycle time is the drawn factor itself, in both scenarios."""
    uncertain = {"steps.send.automatic": {"factor": UNIFORM}}
    steps = {"send": {"automatic": "10 h", "milestone": "won", "then": [{"done": True}]}}
    base = small(stages={"s": {"steps": steps}}, uncertain=uncertain)
    slow = base.change({"steps.send.automatic": "20 h"}, name="slow")
    comparison = compare(base, slow, replications=20, seed=5)
    factors = np.array([0.5 + chances(base, 5, n)["steps.send.automatic"] for n in range(20)])
    # A case that is open at the horizon is censored, which moves a mean of equal times by nothing.
    assert comparison.base.values("cycle_time") == pytest.approx(factors * 10 / 24, rel=1e-6)
    assert comparison.results[1].values("cycle_time") == pytest.approx(factors * 20 / 24, rel=1e-6)
    log = simulate(base, seed=5, replication=7).frame
    times = (log["ended"] - log["started"]).dropna().dt.total_seconds() / 3600
    assert times.to_numpy() == pytest.approx(factors[7] * 10, rel=1e-6)


def test_ignorance_is_all_there_is_where_nothing_is_left_to_chance() -> None:
    steps = {"send": {"automatic": "10 h", "milestone": "won", "then": [{"done": True}]}}
    base = small(stages={"s": {"steps": steps}}, uncertain={"steps.send.automatic": {"factor": UNIFORM}})
    results = echo(replicate(base, 40, seed=1))
    found = results.spread("cycle_time")
    assert found is not None
    assert found.ignorance.value == pytest.approx(1, abs=1e-6)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(results.values("cycle_time"), [0.05, 0.95])), rel=1e-3)
    (driver,) = results.drivers("cycle_time")
    assert driver[:2] == ("steps.send.automatic", pytest.approx(1))
    assert driver.share.low > 0.9  # 40 draws of a uniform law against their normal scores
    assert driver.origin == "assumption"
    assert results.drivers("arrived") == []


def test_what_to_find_out_first_is_told_with_the_share_of_the_variance_it_would_take_away() -> None:
    """A case takes 10 h times one factor and 20 h times another: of the variance 10² s² : 20² t² is theirs."""
    steps = {"send": {"automatic": "10 h", "then": [{"to": "pack"}]}, "pack": {"automatic": "20 h", "milestone": "won", "then": [{"done": True}]}}

    def factor(sigma: float) -> dict[str, Any]:
        return {"factor": {"law": "lognormal", "mean": 1, "sigma": sigma}, "source": "data: 50 times"}

    base = small(stages={"s": {"steps": steps}}, uncertain={"steps.send.automatic": factor(0.2), "steps.pack.automatic": factor(0.05)})
    results = replicate(base, 300, seed=2)
    first, second = results.drivers("cycle_time")
    spread_of = {"steps.send.automatic": 10 * math.sqrt(math.expm1(0.2**2)), "steps.pack.automatic": 20 * math.sqrt(math.expm1(0.05**2))}
    whole = sum(s**2 for s in spread_of.values())
    assert [first.value, second.value] == list(spread_of)
    for driver in (first, second):
        assert driver.share.low < spread_of[driver.value] ** 2 / whole < driver.share.high
        assert driver.share.high - driver.share.low < 0.2
    (said,) = drivers_in_words(results, ["cycle_time"])
    assert said.startswith("To know 'steps.send.automatic' (data: 50 times) would take most from the variance of: cycle time to win, mean by 80 % (")
    assert said.endswith("Twice the data: half of that.")


def test_the_share_of_ignorance_of_a_poisson_count_with_an_uncertain_rate() -> None:
    """N given the rate is Poisson: Var N = E(rate) T + Var(rate) T², of which the second is ignorance."""
    uncertain = {"channels.web.arrivals.rate": {"law": "uniform", "low": 80, "high": 120}}
    scenario = small(clock={"start": "2026-01-05", "horizon": "1 week"}, uncertain=uncertain)
    first = replicate(scenario, 900, seed=2, engine="reference", workers=1)
    second = replicate(scenario, range(ECHO, ECHO + 900), seed=2, engine="reference", workers=1)
    share = common_share(first.values("arrived"), second.values("arrived"))
    exact = (40**2 / 12) / (40**2 / 12 + 100)  # 0.571
    assert share.low <= exact <= share.high
    assert share.half_width < 0.06
    assert not np.array_equal(first.values("arrived"), second.values("arrived"))
    found = spread(first.values("arrived"), first.values("arrived"), second.values("arrived"))
    assert 79 < found.low < 84  # the 5 % and 95 % points of the rate are 82 and 118
    assert 116 < found.high < 121


def test_the_interval_of_the_mean_holds_over_ignorance_too() -> None:
    """Over 60 worlds of 20 replications, the interval covers the mean over the law of the rate."""
    uncertain = {"channels.web.arrivals.rate": {"law": "uniform", "low": 60, "high": 140}}
    scenario = small(clock={"start": "2026-01-05", "horizon": "1 week"}, uncertain=uncertain)
    found = [replicate(scenario, 20, seed=s, engine="reference", workers=1).estimate("arrived") for s in range(60)]
    assert sum(e.low <= 100 <= e.high for e in found) >= 52


def test_the_statistics_of_ignorance_by_hand() -> None:
    assert common_share([1, 2, 3], [1, 2, 3]).value == 1
    assert common_share([1, 2, 1, 2], [1, 1, 2, 2]).value == pytest.approx(0, abs=1e-12)
    # Middle 2.5; products (-1.5)(-.5), (-.5)(-1.5), (.5)(1.5), (1.5)(.5) sum to 3; squares to 10: 2 * 3 / 10.
    assert common_share([1, 2, 3, 4], [2, 1, 4, 3]).value == pytest.approx(0.6)
    assert math.isnan(common_share([1, 1, 1], [1, 1, 1]).value)
    assert rank_correlation([1, 2, 3, 4], [10, 20, 20, 40]) == pytest.approx(0.9486832980505138)  # 4.5 / sqrt(5 * 4.5)
    rng = np.random.default_rng(1)
    theta = rng.normal(size=4000)
    y, again = theta + rng.normal(size=4000), theta + rng.normal(size=4000)
    found = spread(y, y, again)
    assert found.ignorance.value == pytest.approx(0.5, abs=0.03)
    assert (found.low, found.high) == pytest.approx((-1.645, 1.645), abs=0.1)  # of theta alone


def test_the_interval_of_a_rank_correlation_covers() -> None:
    """Of two normal figures with correlation 0.7 Spearman's is 6 / pi * asin(0.35)."""
    rng = np.random.default_rng(5)
    truth = 6 / math.pi * math.asin(0.35)
    hits = 0
    for _ in range(1000):
        x = rng.normal(size=30)
        found = rank_agreement(x, 0.7 * x + math.sqrt(1 - 0.49) * rng.normal(size=30))
        hits += found.low <= truth <= found.high
    assert 930 <= hits <= 970
    assert math.isnan(rank_agreement([1, 2, 3], [1, 2, 3]).low)


def test_results_do_not_depend_on_workers_or_engine() -> None:
    uncertain = {"channels.web.arrivals.rate": {"factor": UNIFORM}, "steps.send.then.lost price.share": {"law": "uniform", "low": 0, "high": 0.3}}
    scenario = small(uncertain=uncertain)
    runs = [replicate(scenario, 6, seed=4, engine=e, workers=w) for e, w in (("reference", 1), ("reference", 2), ("compiled", 1), ("compiled", 3))]
    for other in runs[1:]:
        for name in runs[0].names:
            assert np.array_equal(runs[0].pairs[name], other.pairs[name], equal_nan=True), name
    assert np.array_equal(figures(replicate(scenario, [5], seed=4).pairs["won"]), runs[0].values("won")[5:])


def test_the_gate_passes_an_uncertain_design_that_is_unchanged() -> None:
    scenario = small(uncertain={"channels.web.arrivals.rate": {"factor": UNIFORM}})
    baseline = make_baseline(scenario, replications=8)
    answer = gate_check(scenario, baseline)
    assert answer.verdict == "passed"
    assert all(f.difference.change.value == 0 for f in answer.findings)


def test_a_network_from_memory_is_the_network_made_anew() -> None:
    """What is remembered (intervals, profiles, quantile tables) never changes what is built."""

    def flat(network: Any) -> list[bytes]:
        found: list[bytes] = []

        def walk(x: Any) -> None:
            if isinstance(x, tuple):
                for y in x:
                    walk(y)
            else:
                found.append(x.tobytes() if hasattr(x, "tobytes") else repr(x).encode())

        walk(network.model)
        return found

    for seed in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10):
        scenario = random_scenario(seed)
        changed = scenario.change({f"channels.{sorted(scenario.channels)[0]}.cost": "5 EUR"})
        build(scenario)
        remembered = flat(build(changed))
        for memory in (calendars._intervals, intensity._profile, table._quantile_table, table._points_with_jumps):
            memory.cache_clear()
        assert flat(build(changed)) == remembered, seed


def test_comparisons_tell_ignorance_about_the_change() -> None:
    """One scenario is certain, the other takes an uncertain step: the change is as uncertain as the step."""
    steps = {"send": {"automatic": "10 h", "milestone": "won", "then": [{"done": True}]}}
    base = small(stages={"s": {"steps": steps}})
    other = base.change({"uncertain": {"steps.send.automatic": {"factor": {"law": "uniform", "low": 0.2, "high": 0.6}}}}, name="tool")
    comparison = echo_all(compare(base, other, replications=30, seed=3))
    found = comparison.spread("cycle_time")
    assert found is not None
    assert found.ignorance.value == pytest.approx(1, abs=1e-6)
    assert -8 / 24 <= found.low < found.high <= -4 / 24  # 10 h times -0.8 ... -0.4
    assert [d.value for d in comparison.drivers("cycle_time")] == ["steps.send.automatic"]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "entry", "said"),
    [
        ("steps.nope.work", UNIFORM, "there is no step 'nope'"),
        ("steps.send.automtic", {"factor": UNIFORM}, "did you mean 'automatic'?"),
        ("steps.send.then.to nowhere.share", UNIFORM, "there is no entry 'to nowhere'"),
        ("steps.send.automatic.value", UNIFORM, "the law is of a plain number where a time belongs; write for example '1 h'"),
        ("steps.send.then.0.share", {"law": "uniform", "low": 0.5, "high": 1.2}, "the share could be 120 %"),
        ("steps.send.then.0.share", {"law": "exponential", "mean": 0.2}, "the share could be"),
        ("steps.send.then.0.share", {"factor": {"law": "uniform", "low": 0.5, "high": 2}}, "times the factor, 120 % is not between 0 and 1"),
        ("steps.send.then.0.share", {"law": "uniform", "low": 0.5, "high": 0.95}, "the shares of the routes sum to 105 %"),
        ("steps.decide.customer", {"law": "uniform", "low": "1 h", "high": "2 h"}, "give a 'factor' on them"),
        ("steps.decide.customer", {"factor": {"law": "uniform", "low": "1 h", "high": "2 h"}}, "write plain numbers, such as 0.8"),
        ("steps.decide.customer", {"factor": UNIFORM, "value": UNIFORM}, "give exactly one of them"),
        ("steps.send.queue", UNIFORM, "'priority' is not a quantity"),
        ("steps.send.patience", {"factor": UNIFORM}, "nothing stands there today"),
        ("steps.send.automatic", [], "add at least one"),
        ("steps.send", {"factor": UNIFORM}, "no quantity stands there"),
        ("steps.send.then.0", {"factor": UNIFORM}, "no quantity stands there"),
        ("clock.horizon", {"factor": UNIFORM}, "not a matter of ignorance"),
        ("segments.all.value.value", {"law": "uniform", "low": "90 USD", "high": "95 USD"}, "the law is not in EUR"),
        ("channels.web.arrivals.rate", {"law": "uniform", "low": "1 h", "high": "2 h"}, "write plain numbers"),
        ("steps.send.automatic", [{"law": "uniform", "low": "1 h", "high": "2 h"}] * 2, "two laws of the value itself"),
        ("teams.desk.cost", [{"law": "uniform", "low": 1, "high": 2}] * 2, "two laws of the value itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_uncertain_is_refused_in_one_line(path: str, entry: Any, said: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        replicate(small(uncertain={path: entry}), 1)
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_draw_that_does_not_fit_names_its_replication() -> None:
    """Two shares that fit at their low ends and, each alone, at their high ends."""
    shares = {"law": "uniform", "low": 0.1, "high": 0.6}
    scenario = small(uncertain={"steps.send.then.to decide.share": shares, "steps.send.then.lost price.share": shares})
    with pytest.raises(ScenarioError, match=r"with all values at their high ends, .*sum to 120 %"):
        replicate(scenario, 2)
    bad = next(n for n in range(50) if sum(chances(scenario, 0, n).values()) > 1.7)  # 0.1 + 0.5 u each: above 100 % together
    with pytest.raises(ScenarioError, match=f"uncertain values as drawn in replication {bad}"):
        network_of(scenario, 0, bad)


def test_two_ways_to_the_same_step_are_told_apart_by_their_place() -> None:
    twice = {"send": {"automatic": "1 h", "then": [{"to": "decide", "share": 0.2}, {"to": "decide", "share": 0.3}, {"done": True}]},
             "decide": {"customer": "1 day", "then": [{"done": True}]}}  # fmt: skip
    with pytest.raises(ScenarioError, match="name one by its place, 0 or 1"):
        small(stages={"s": {"steps": twice}}, uncertain={"steps.send.then.to decide.share": {"factor": UNIFORM}})


# --- what people see -------------------------------------------------------------------------------------------------


def test_commands_and_the_page_say_what_is_not_known(tmp_path: Path) -> None:
    scenario = small(uncertain={"channels.web.arrivals.rate": {"law": "uniform", "low": 50, "high": 150, "assumption": "nobody has counted"}})
    path, page = tmp_path / "s.yaml", tmp_path / "page.html"
    scenario.save(path)
    said = CliRunner().invoke(main, ["run", str(path), "-n", "20"])
    assert said.exit_code == 0, said.output
    assert "could be*" in said.output
    assert "1 uncertain value is drawn anew in each replication" in said.output
    assert "To know 'channels.web.arrivals.rate' (" in said.output
    plain = CliRunner().invoke(main, ["run", str(path), "-n", "20", "--json"])
    figure = json.loads(plain.stdout)["measures"]["arrived"]["uncertain"]
    assert figure["ignorance"] > 0.8
    assert figure["drivers"][0]["value"] == "channels.web.arrivals.rate"
    paired = CliRunner().invoke(main, ["compare", str(path), str(path), "-n", "10"])
    assert paired.exit_code == 0, paired.output
    assert "** 1 uncertain value is" in paired.output
    report([scenario], to=page, replications=10)
    text = page.read_text()
    assert "What is not known" in text
    assert "assumption: nobody has counted" in text
