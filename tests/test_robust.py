"""Choices over futures and by the worst runs: mixtures and tail means that are known, selections that differ as they must."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from salessim.catalogue import Catalogue
from salessim.errors import InputError
from salessim.experiment import replicate
from salessim.optimisation import optimise
from salessim.optimisation.front import RUNS, first_look
from salessim.optimisation.kept import KEPT
from salessim.optimisation.labels import IN, LOOKS, OUT, UNDECIDED, Change, Labels, label
from salessim.optimisation.robust import AS_PLANNED, Future, Outlook, outlook
from salessim.optimisation.selection import select
from salessim.results import Comparison, Results
from salessim.statistics import paired_difference
from tests.test_coverage import band
from tests.test_oracles import exponential, line
from tests.test_prices import erlang_a
from tests.test_selection import least as lowest

KNOWN = Catalogue({}, "EUR")
BOOM = "boom, 40 %: channels.in.arrivals.rate = 7 per hour"


def crew(**more: Any) -> Any:
    """An Erlang-A line: 4 arrive an hour, 7 in a boom; the loss of each crew is a formula."""
    base = line([{"c": 4, "law": exponential(1), "patience": exponential(2)}], 4, 800, 40)
    return base.change({"teams.s0 team.cost": "10 EUR/hour", "levers": {"crew": {"field": "teams.s0 team.size", "integer": [3, 10]}}, **more})


# --- futures ----------------------------------------------------------------------------------------------------------


def test_futures_in_words() -> None:
    base = crew()
    found = outlook(base, [BOOM])
    assert [(f.name, round(f.weight, 9)) for f in found.futures] == [("as it is", 0.6), ("boom", 0.4)]
    assert found.futures[1].changes == {"channels.in.arrivals.rate": "7 per hour"}
    assert found.words == "Each run meets one future: as it is 60 %, boom 40 %."
    two = outlook(base, ["a, 50 %: channels.in.arrivals.rate = 7 per hour; teams.s0 team.size = 5", Future("b", 0.5, {})], "cvar:20%")
    assert [len(f.changes) for f in two.futures] == [2, 0]
    assert two.tail == 0.2
    assert outlook(base) == AS_PLANNED
    assert AS_PLANNED.words == ""


@pytest.mark.parametrize(
    ("futures", "robust", "said"),
    [(["boom: rate = 3"], "mean", "is not a future"), (["boom, 30 %: nonsense"], "mean", "is not a future"), (["boom, often: channels.in.arrivals.rate = 7 per hour"], "mean", "is not a share"),
     (["boom, 30 %: channels.out.arrivals.rate = 7 per hour"], "mean", "future 'boom'"), (["boom, 30 %: channels.in.arrivals.rate = 7 apples"], "mean", "future 'boom'"), ([BOOM, BOOM], "mean", "two of that name"),
     ([BOOM, BOOM.replace("boom, 40", "more, 70")], "mean", "add up to 110 %"), (["boom, 0 %: channels.in.arrivals.rate = 7 per hour"], "mean", "not above zero"), ([], "cvar:0", "not a way to judge"),
     ([], "cvar", "not a way to judge"), ([], "worst", "not a way to judge"), ([], "cvar:100%", "not a way to judge")],
)  # fmt: skip
def test_what_is_none_is_refused(futures: list[str], robust: str, said: str) -> None:
    with pytest.raises(InputError) as wrong:
        outlook(crew(), futures, robust)
    assert said in str(wrong.value)


def test_each_run_meets_its_future_and_nothing_else_changes() -> None:
    base, found = crew(), outlook(crew(), [BOOM])
    numbers = range(5, 25)
    results = found.replicate(base, numbers, seed=3, workers=1)
    alone = [replicate(base.change(f.changes), numbers, seed=3, engine="compiled", workers=1).values("lost_customers") for f in found.futures]
    met = [found.met(3, n) for n in numbers]
    assert set(met) == {0, 1}
    assert results.values("lost_customers").tolist() == [alone[m][i] for i, m in enumerate(met)]
    assert results.numbers == tuple(numbers)


def test_futures_are_met_as_often_as_they_weigh() -> None:
    found, n = outlook(crew(), [BOOM]), 5000
    share = np.mean([found.met(1, i) for i in range(n)])
    assert abs(share - 0.4) < 3.3 * math.sqrt(0.4 * 0.6 / n)


def test_the_mean_over_futures_decides() -> None:
    """The least crew for a loss of at most 90 a week over futures is more than today's demand needs; Erlang-A says how many."""
    bound = 90

    def least(loss: Any) -> int:
        return next(c for c in range(3, 11) if loss(c) <= bound)

    alone, over = least(erlang_a), least(lambda c: 0.6 * erlang_a(c) + 0.4 * erlang_a(c, 7.0))
    assert over > alone
    common: dict[str, Any] = {"objectives": ["cost"], "limits": [f"lost_customers <= {bound} per week"], "trials": 40, "replications": 8, "final": 40, "seed": 1}
    base = crew(**{"teams.s0 team.size": 10})
    plain, robust = optimise(base, **common), optimise(base, futures=[BOOM], **common)
    assert plain.settings == {"crew": alone}
    assert robust.settings == {"crew": over}
    assert [c.verdict for c in robust.checks] == [KEPT]
    told = " ".join(robust.sentences())
    assert "Each run meets one future: as it is 60 %, boom 40 %." in told
    assert "In the future 'boom' (" in told


# --- the worst runs ---------------------------------------------------------------------------------------------------


def results_of(x: Any, measure: str = "cycle_time") -> Results:
    return Results(crew(), 0, tuple(range(len(x))), {measure: np.column_stack([x, np.ones(len(x))])})


def tail_mean(tail: float, mean: float = 0.0, sigma: float = 1.0) -> float:
    """Of the worst share of a normal law: mean + sigma phi(z) / tail."""
    return mean + sigma * float(stats.norm.pdf(stats.norm.ppf(1 - tail))) / tail


def test_tail_means_by_hand() -> None:
    worst = Outlook(tail=0.4)
    x = [1.0, 9.0, 4.0, 7.0, 2.0]
    assert worst.figure(results_of(x), KNOWN.about("cycle_time")) == 8.0  # of 9 and 7
    assert worst.figure(results_of(x, "won"), KNOWN.about("won")) == 1.5  # of 1 and 2: more is better
    assert Outlook(tail=0.5).figure(results_of(x), KNOWN.about("cycle_time")) == pytest.approx((9 + 7 + 0.5 * 4) / 2.5)
    about = {"cycle_time": KNOWN.about("cycle_time")}
    judged = worst.judged(results_of(x), {"cycle_time": 5.0}, about)
    assert judged.values("cycle_time").tolist() == [5.0, 5 + 4 / 0.4, 5.0, 5 + 2 / 0.4, 5.0]
    assert judged.values("cycle_time").mean() == pytest.approx(8.0)  # the threshold parts the two worst from the rest
    assert AS_PLANNED.judged(results_of(x), {}, about).values("cycle_time").tolist() == x


@pytest.mark.parametrize("tail", [0.1, 0.2, 0.5])
def test_intervals_of_changes_of_tail_means_cover(tail: float) -> None:
    """The least numbers of runs that are taken, with common random numbers; thresholds from pilot runs."""
    rng, worst, about = np.random.default_rng(8), Outlook(tail=tail), {"cycle_time": KNOWN.about("cycle_time")}
    macro, n, changes = 800, worst.least(2), 0
    assert n == math.ceil(20 / tail)
    true = tail_mean(tail, 10, 2), tail_mean(tail, 9, 3)
    for _ in range(macro):
        judged = []
        shared, pilot = rng.normal(size=n), rng.normal(size=worst.least(50))
        for mean, sigma in ((10, 2), (9, 3)):
            x = mean + sigma * (0.9 * shared + math.sqrt(1 - 0.81) * rng.normal(size=n))
            t = worst.threshold(results_of(mean + sigma * pilot), about["cycle_time"])
            judged.append(worst.judged(results_of(x), {"cycle_time": t}, about))
        d = Comparison(tuple(judged)).difference("cycle_time").change
        changes += d.low <= true[1] - true[0] <= d.high
    least = band(0.95, macro)[0]
    assert changes / macro >= least


@pytest.mark.parametrize("common", [0.0, 0.9])
def test_the_best_in_the_worst_runs_is_selected_as_often_as_promised(common: float) -> None:
    """Slippage: the worst runs of the best of five are better by just the indifference, though its mean is worse than the others'."""
    worst, about, right = Outlook(tail=0.2), {"cycle_time": KNOWN.about("cycle_time")}, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        shared, scores = rng.normal(size=1500), []
        for i in range(5):
            sigma = 1.0 if i == seed % 5 else 2.0
            mean = 10 - 1.0 * (i == seed % 5) - tail_mean(0.2, 0, sigma)
            x = mean + sigma * (math.sqrt(common) * shared + math.sqrt(1 - common) * rng.normal(size=1500))
            t = worst.threshold(results_of(mean + sigma * rng.normal(size=60)), about["cycle_time"])
            scores.append(worst.judged(results_of(x), {"cycle_time": t}, about).values("cycle_time"))
        found = select(lambda i, r, s=scores: s[i][r.start : r.stop], 5, 1.0, most=1500, step=5)
        right += found.winner == seed % 5
    assert right / 100 >= lowest(0.95, 100)


LINE = ((10.0, 0.0), (9.0, 1.0), (8.0, 2.0), (9.4, 1.3), (8.3, 2.6))
"""Worst runs and a price: three on the front, two truly beaten, though by their means over all runs they are the best (their spread is thrice as wide)."""
ON = (IN, IN, IN, OUT, OUT)


def labels_of_worst_runs(seed: int, common: float, tail: float = 0.2) -> Labels:
    """Labels of `LINE` by the mean of the worst runs, thresholds from pilot runs, as a search takes them."""
    rng, worst, about = np.random.default_rng(seed), Outlook(tail=tail), {"cycle_time": KNOWN.about("cycle_time")}
    first = first_look(worst, 60)
    n, judged = first << (LOOKS - 1), []
    shared = rng.normal(size=n)
    for i, (bad, _) in enumerate(LINE):
        sigma = 0.4 if i < 3 else 1.2
        mean = bad - tail_mean(tail, 0, sigma)
        x = mean + sigma * (math.sqrt(common) * shared + math.sqrt(1 - common) * rng.normal(size=n))
        t = worst.threshold(results_of(mean + sigma * rng.normal(size=worst.least(50))), about["cycle_time"])
        judged.append(worst.judged(results_of(x), {"cycle_time": t}, about).values("cycle_time"))

    def look(runs: int, _: object) -> Change:
        def change(i: int, j: int, m: int, level: float) -> tuple[float, float]:
            if m:
                return (LINE[i][1] - LINE[j][1],) * 2
            e = paired_difference(judged[j][:runs], judged[i][:runs], level).change
            return e.low, e.high

        return change

    return label(look, len(LINE), 2, first, most=RUNS * 60)


def right_and_decided(runs: int, common: float) -> tuple[float, float]:
    found = [labels_of_worst_runs(seed, common).labels for seed in range(runs)]
    return float(np.mean([all(said in (UNDECIDED, truth) for said, truth in zip(f, ON, strict=True)) for f in found])), float(np.mean([said != UNDECIDED for f in found for said in f]))


@pytest.mark.parametrize("common", [0.0, 0.9])
def test_labels_by_the_worst_runs_are_right_together(common: float) -> None:
    right, decided = right_and_decided(60, common)
    assert right >= lowest(0.95, 60)
    assert decided > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("common", [0.0, 0.9])
def test_labels_by_the_worst_runs_over_a_thousand_macro_runs(common: float) -> None:
    assert right_and_decided(1000, common)[0] >= lowest(0.95, 1000)


def test_by_the_worst_runs_the_steadier_design_is_chosen() -> None:
    """A tool takes 1.2 hours instead of 1.6, but in two years of ten it takes 2.4: better on average, worse in the worst years."""
    base = line([{"c": 80, "law": exponential(1.6)}], 3, 400, 20)
    tool = {"effects": [{"field": "steps.s0.work", "factor": {"law": "mixture", "parts": [{"share": 0.8, "of": {"law": "constant", "value": 0.7}}, {"share": 0.2, "of": {"law": "constant", "value": 1.5}}]}}], "assumption": "made up"}
    base = base.change({"levers": {"tool": tool}})
    common: dict[str, Any] = {"objectives": ["cycle_time"], "trials": 2, "replications": 20, "final": 60, "seed": 5}
    mean, worst = optimise(base, **common), optimise(base, robust="cvar:20%", **common)
    assert mean.settings == {"tool": True}
    assert worst.settings == {"tool": False}
    assert worst.outlook.words == "Designs are judged by the mean of the worst 20 % of runs."
