"""Shares that wander: found where they are planted, not where they are not, and forecast from the level of today.

Decisions are drawn week by week in strata of different shares, whose logits move together.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from experiments.recover import SEEN, wandering
from scipy import special

from salessim.calibration import swings
from salessim.calibration.constancy import Level, Weeks, discovered, level, parts, surely
from salessim.calibration.history import cut
from salessim.calibration.journey import Decision, Move, Moves
from salessim.calibration.journey import learn as learn_moves
from salessim.calibration.learn import learner_of
from salessim.calibration.memory import Memory
from salessim.calibration.timing import Runs
from salessim.log import EventLog
from salessim.scenario.loader import parse, to_data
from salessim.scenario.uncertain import check, settled
from salessim.scenario.unknowns import HIGHEST, LOWEST
from salessim.units import share

SHARES = special.logit(np.array([0.15, 0.25, 0.35, 0.45]))
DAY = 86_400.0


def decisions(rng: np.random.Generator, moved: Any, per_week: float) -> Weeks:
    """So many decisions a week, evenly over four strata."""
    made = rng.poisson(per_week / len(SHARES), (len(moved), len(SHARES)))
    return Weeks(made, rng.binomial(made, special.expit(SHARES + np.asarray(moved)[:, None])))


def walk(rng: np.random.Generator, weeks: int, step: float) -> Any:
    return np.cumsum(np.r_[0.0, rng.normal(0, step, weeks - 1)])


@pytest.mark.parametrize(("weeks", "per_week"), [(8, 300), (26, 50), (60, 20)])
def test_a_constant_share_is_said_to_wander_as_often_as_stated(weeks: int, per_week: float) -> None:
    rng = np.random.default_rng(weeks)
    found = np.array([surely(decisions(rng, np.zeros(weeks), per_week)) for _ in range(400)])
    for rate in (0.05, 0.2):
        assert abs(np.mean(found < rate) - rate) < 3.5 * math.sqrt(rate * (1 - rate) / 400)


def test_a_walk_and_a_step_are_found_and_weeks_that_only_differ_hardly_ever() -> None:
    rng = np.random.default_rng(2)

    def found(moved: Any) -> bool:
        weeks = decisions(rng, moved, 100)
        return surely(weeks) < 0.01 and level(weeks).walks

    assert sum(found(walk(rng, 52, 0.15)) for _ in range(40)) > 30
    assert sum(found(np.where(np.arange(52) < 26, 0.0, 0.6)) for _ in range(40)) == 40
    assert sum(found(rng.normal(0, 0.3, 52)) for _ in range(60)) <= 6


def test_the_tail_is_that_of_the_cramer_von_mises_law() -> None:
    """Many decisions of one stratum: partial sums are a Brownian bridge, whose 5 % and 1 % points are 0.461 and 0.743 (Anderson and Darling 1952)."""
    weeks, n = 200, 1000
    rng = np.random.default_rng(3)
    hits = rng.binomial(n, 0.3, (weeks, 1))
    found = Weeks(np.full((weeks, 1), n), hits)
    score = np.cumsum(hits[:, 0] - hits.mean())
    statistic = float(np.mean(score**2)) / (weeks * n * 0.3 * 0.7)
    low, high = {True: (0.05, 1.0), False: (0.0, 0.05)}[statistic < 0.461]
    assert low - 0.01 < surely(found) < high + 0.01
    moved = 0.743 / statistic  # residuals scaled so that the statistic is just that
    scaled = Weeks(np.full((weeks, 1), n), hits.mean() + (hits - hits.mean()) * math.sqrt(moved))
    assert surely(scaled) == pytest.approx(0.01, abs=0.002)


def test_few_false_among_those_believed() -> None:
    rng = np.random.default_rng(4)
    assert np.mean([discovered(rng.random(60)).any() for _ in range(1000)]) == pytest.approx(0.05, abs=0.025)
    false = [discovered(np.r_[np.full(20, 1e-6), rng.random(40)])[20:].sum() for _ in range(500)]
    assert np.mean([f / (20 + f) for f in false]) == pytest.approx(0.05 * 40 / 60, abs=0.015)
    assert discovered([]).tolist() == []


def test_the_level_of_today_and_its_steps_are_recovered() -> None:
    rng = np.random.default_rng(5)
    off, steps, errors = [], [], []
    for _ in range(60):
        moved = walk(rng, 80, 0.2)
        weeks = decisions(rng, moved, 200)
        found = level(weeks)
        mean = float(np.average(special.expit(SHARES + moved[:, None]).mean(axis=1)))
        truth = moved[-1] - _shift(mean)  # relative to the mean over the log, as strata are moved alike
        off.append((found.now - truth) / found.error)
        steps.append(found.step)
        errors.append(found.error)
    assert np.mean(np.abs(off) < 1.96) > 0.87
    assert np.mean(steps) == pytest.approx(0.2, rel=0.15)
    assert np.mean(errors) < 0.25


def _shift(mean: float) -> float:
    """By how much all strata are moved to have a mean share."""
    by = np.linspace(-4, 4, 8001)
    return float(np.interp(mean, special.expit(SHARES + by[:, None]).mean(axis=1), by))


@pytest.mark.parametrize(("weeks", "step"), [(26, 0.0), (60, 0.05), (60, 0.1), (60, 0.2)])
def test_the_coming_weeks_lie_in_their_interval(weeks: int, step: float) -> None:
    """Six weeks after each of 80 logs, as a forecast draws them: one level a replication; the mean over the log where none is found."""
    rng = np.random.default_rng(6)
    inside = []
    for _ in range(80):
        moved = walk(rng, weeks + 6, step)
        whole = decisions(rng, moved, 60)
        known = Weeks(whole.made[:weeks], whole.hits[:weeks])
        found = level(known) if surely(known) < 0.02 else None
        p = known.shares
        now, spread = (found.now, found.spread(swings.AHEAD)) if found is not None and found.walks else (0.0, 1 / math.sqrt(float(np.sum(known.made * p * (1 - p)))))
        futures = rng.binomial(whole.made[weeks:], special.expit(special.logit(p) + rng.normal(now, spread, (399, 1, 1)))).sum(axis=2)
        low, high = np.sort(futures, axis=0)[[9, -10]]
        real = whole.hits[weeks:].sum(axis=1)
        inside.append(np.mean((low <= real) & (real <= high)))
    error = np.std(inside, ddof=1) / math.sqrt(len(inside))
    assert 0.95 - 3 * error - (0.02 if step else 0) < np.mean(inside) < 0.99 + error


def test_a_flood_of_new_cases_is_no_change_of_their_shares() -> None:
    """Losses after three days, wins after a month: with a flood of cases the share of wins among decisions falls and rises, given their age it does not."""
    rng = np.random.default_rng(7)
    chances, plain = [], []
    for _ in range(60):
        came = np.concatenate([rng.uniform(0, 40 * 7, 1600), rng.uniform(20 * 7, 22 * 7, 1600)]) * DAY
        won = rng.random(len(came)) < 0.4
        age = np.where(won, rng.gamma(4, 7, len(came)), rng.exponential(9, len(came))) * DAY
        decided = [Decision(float(c + a), float(a), "completed" if w else "lost: no") for c, a, w in zip(came, age, won, strict=True) if c + a < 280 * DAY]
        ((_, weeks),) = swings._ways([decided], 280 * DAY)
        chances.append(surely(weeks))
        plain.append(surely(Weeks(weeks.made.sum(axis=1)[:, None], weeks.hits.sum(axis=1)[:, None])))
    assert np.mean(np.array(plain) < 0.01) == 1.0
    assert np.mean(np.array(chances) < 0.01) < 0.1


def test_decisions_are_parted_by_age() -> None:
    assert parts(np.array([0.0, 3.4, 3.6, 6.9, 7.1, 300.0]) * DAY).tolist() == [0, 0, 1, 1, 2, 7]


def move(goal: Any, share: float, apart: Any = "") -> Move:
    return Move(goal, share, 100, np.array([1.0]), np.ones(1), Runs("elapsed"), 0.1, apart=apart)


@pytest.mark.parametrize("goal", ["completed", "lost: a", "b", "lost: c"])
def test_what_a_step_says_keeps_its_sum_and_the_others_their_proportions(goal: str) -> None:
    """Four ways on, one of them twice, another for those who stay: by hand."""
    ways = [move("completed", 0.3), move("lost: a", 0.2), move(("b", 0), 0.15), move(("b", 0), 0.05, "soon"), move("lost: c", 0.1), move("stays open", 0.2)]
    paragraph = {"then": [{"to": "x", "source": "data"}, *({"to": "x", "share": f"{100 * m.share:g} %", "source": "data"} for m in ways[1:])]}
    goals = {"completed": 30, "lost: a": 20, "b": 20, "lost: c": 10}
    decided = [Decision(0.0, 0.0, (g, 0) if g == "b" else g) for g, n in goals.items() for _ in range(n)]
    moves = Moves({("s", 0): ways}, {}, Memory({}, {}), 0, {("s", 0): decided})
    wander = swings.Wander("s", given_up=False, goal=goal, level=Level(0.5, 0.2, 0.1, 99.0), count=50)
    found = swings.as_of_today([wander], moves, {"s": paragraph}, lambda state: state[0], lambda _, m: f"{m.goal} {m.apart}")
    now = np.array([found.shares[f"{m.goal} {m.apart}"][0] if m.goal != "stays open" else m.share for m in ways])
    before = np.array([m.share for m in ways])
    mine = np.array([swings.goal_of(m.goal) == goal for m in ways])
    assert now.sum() == pytest.approx(1)
    assert now[mine].sum() / 0.8 == pytest.approx(special.expit(special.logit(before[mine].sum() / 0.8) + 0.5))
    assert np.ptp((now / before)[mine]) == pytest.approx(0, abs=1e-9)
    assert np.ptp((now / before)[~mine][:-1]) == pytest.approx(0, abs=1e-9)
    for way, p in list(zip(found.steps["s"], now, strict=True))[1:]:
        assert share(way["share"]) == pytest.approx(p, abs=1.01e-5)
    spread = math.hypot(0.2, 0.1 * math.sqrt(swings.AHEAD))
    for point, z in (("0 %", -3.0), ("50 %", 0.0), ("97.5 %", 1.959964), ("100 %", 3.0)):
        drawn = now.copy()
        for i in range(1, 6):
            entry = found.uncertain.get(f"steps.s.then.{i}.share")
            if entry is not None and "factor" in entry:
                drawn[i] = now[i] * entry["factor"]["points"][point]
            elif entry is not None:
                drawn[i] = 1 - (1 - now[i]) * entry["missing"]["points"][point]
        drawn[0] = 1 - drawn[1:].sum()
        assert (drawn > 0).all()
        assert drawn[mine].sum() / 0.8 == pytest.approx(special.expit(special.logit(before[mine].sum() / 0.8) + 0.5 - z * spread), abs=2e-4)
    assert len({entry["together"] for entry in found.uncertain.values()}) == 1


@pytest.mark.parametrize("goal", ["completed", "lost: a", "b", "lost: c"])
@pytest.mark.parametrize("now", [-9.0, -3.0, 0.5, 3.0, 9.0])
def test_shares_sum_to_one_at_every_draw_wherever_the_level_is(goal: str, now: float) -> None:
    """As they are written down, rounded: none is negative, and all that are given are no more than the whole."""
    ways = [move("completed", 0.3), move("lost: a", 0.2), move(("b", 0), 0.15), move(("b", 0), 0.05, "soon"), move("lost: c", 0.1), move("stays open", 0.2)]
    paragraph = {"then": [{"to": "x", "source": "data"}, *({"to": "x", "share": f"{100 * m.share:g} %", "source": "data"} for m in ways[1:])]}
    goals = {"completed": 30, "lost: a": 20, "b": 20, "lost: c": 10}
    decided = [Decision(0.0, 0.0, (g, 0) if g == "b" else g) for g, n in goals.items() for _ in range(n)]
    moves = Moves({("s", 0): ways}, {}, Memory({}, {}), 0, {("s", 0): decided})
    wander = swings.Wander("s", given_up=False, goal=goal, level=Level(now, 1.5, 0.5, 99.0), count=50)
    found = swings.as_of_today([wander], moves, {"s": paragraph}, lambda state: state[0], lambda _, m: f"{m.goal} {m.apart}")
    written = [share(way["share"]) for way in found.steps["s"][1:]]
    for point in ("0 %", "2.5 %", "50 %", "97.5 %", "100 %"):
        drawn = list(written)
        for i in range(1, 6):
            entry = found.uncertain.get(f"steps.s.then.{i}.share", {})
            if "factor" in entry:
                drawn[i - 1] = written[i - 1] * entry["factor"]["points"][point]
            elif "missing" in entry:
                drawn[i - 1] = 1 - (1 - written[i - 1]) * entry["missing"]["points"][point]
        assert min(drawn) >= 0
        assert sum(drawn) <= 1


def known(kind: str, size: float, seed: int) -> EventLog:
    log = wandering(kind, size, seed)
    return cut(log, (log.about.start + np.timedelta64(7 * SEEN, "D").astype("timedelta64[s]").item()))


def test_a_forecast_begins_with_the_share_of_today_and_planning_with_the_mean() -> None:
    """Forty weeks, wins at 40 %, from the middle on at 60 %."""
    learner = learner_of(known("step", math.log(1.5 / (2 / 3)), 1), from_today=True)
    (found,) = learner.wandering
    assert (found.activity, found.goal) == ("decide", "completed")
    today, plan = learner.today(uncertain=True), learner.scenario(uncertain=True)
    level_today, plan_mean = (_won(s.steps["decide"].then) for s in (today, plan))
    told = {f.what: f for f in learner.figures_today()}["of decide: completed"]
    assert told.value == pytest.approx(level_today, abs=2e-5)
    low, high = told.interval(0.99)
    assert low < 0.6 < high
    assert abs(plan_mean - 0.5) < 0.04 < level_today - plan_mean
    assert "decide" in learner.facts["Shares that wander"]
    check(today)
    assert parse(to_data(today)) == today
    drawn = [_won(settled(today, lambda _, word=word: word).steps["decide"].then) for word in (LOWEST, 2**63, HIGHEST)]
    assert drawn == sorted(drawn) or drawn == sorted(drawn, reverse=True)
    assert drawn[1] == pytest.approx(level_today, abs=1e-3)
    assert max(drawn) - min(drawn) > 0.1


def _won(then: Any) -> float:
    given = sum(float(way.share) for way in then if way.share is not None)
    return next(float(way.share) if way.share is not None else 1 - given for way in then if way.done)


def test_where_nothing_wanders_the_scenario_is_the_same_to_the_last_byte() -> None:
    learner = learner_of(known("walk", 0.0, 2), from_today=True)
    assert learner.wandering == []
    assert "Shares that wander" not in learner.facts
    assert learner.today(uncertain=True) == learner.today(uncertain=True, wander=False)


def test_decisions_are_those_that_shares_rest_on() -> None:
    log = known("walk", 0.0, 3)
    moves = learn_moves(log, lambda *_: None, set(), {"ponder", "decide"})
    for state, ways in moves.onward.items():
        assert len(moves.decided[state]) == sum(m.count for m in ways)
    assert max(d.at for rows in moves.decided.values() for d in rows) < log.about.end.timestamp()
