"""What of its past a case carries: planted memory is found, and none is seen where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.special import gammaincc

from salessim import Scenario, simulate
from salessim.calibration import calibrate
from salessim.calibration.memory import closed_after, learn


@dataclass
class Walk:
    steps: list[str]
    waits: list[float]
    ending: str = "completed"
    gave_up: list[bool] = field(default_factory=list)
    channel: str = "web"
    segment: str = "all"
    value: float = 0.0

    def __post_init__(self) -> None:
        self.gave_up = [False] * len(self.steps)
        self.reached = np.cumsum([0.0, *self.waits])
        self.left = self.reached.copy()


def walks(seed: int, rule: str, n: int = 3000) -> list[Walk]:
    """Cases that pass a or b, then c, then d or e."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(n):
        first = "a" if rng.random() < 0.5 else "b"
        waits = [float(x) for x in rng.exponential(3600, 3)]
        old, long = waits[0] + waits[1] > 7200, waits[1] > 3600
        share = {"none": 0.5, "after": 0.9 if first == "a" else 0.2, "waited": 0.9 if long else 0.2, "age": 0.9 if old else 0.2}[rule]
        result.append(Walk(["", first, "c", "d" if rng.random() < share else "e"], waits))
    return result


def test_without_memory_nothing_is_told_apart() -> None:
    found = [learn(walks(seed, "none")).trees for seed in range(30)]
    assert sum(map(len, found)) <= 1


def test_the_activity_before_is_found() -> None:
    memory = learn(walks(1, "after"))
    assert list(memory.trees) == ["c"]
    (question,) = [q for _, asked in memory.trees["c"].leaves() for q in asked]
    assert (question.about, question.name) in {("after", "a"), ("after", "b"), ("passed", "a"), ("passed", "b")}
    cases = walks(2, "after")
    for case, states in zip(cases, memory.states(cases), strict=True):
        assert [step for step, _ in states] == case.steps
    told = {case.steps[1]: states[2] for case, states in zip(cases, memory.states(cases), strict=True)}
    assert told["a"] != told["b"]
    assert {memory.words(s, str) for s in told.values()} == {"", question.words(str)}


def test_a_long_wait_that_changes_what_follows_is_found() -> None:
    memory = learn(walks(1, "waited"))
    assert list(memory.trees) == ["c"]
    asked = {q.about for _, questions in memory.trees["c"].leaves() for q in questions}
    assert asked <= {"waited", "age"}


def test_an_age_that_changes_what_follows_is_found_and_asked_at_the_door() -> None:
    """The rule is two hours; a hundredth of the visits lies within a minute and a half of it."""
    for seed in range(5):
        memory = learn(walks(seed, "age"))
        assert list(memory.trees) == ["c"]
        forms = memory.behind(("c", 0))
        assert {q.about for _, given in forms for q, _ in given} == {"age"}
        (main,) = {q.least for _, given in forms for q, _ in given[:1]}
        assert main == pytest.approx(7200, rel=0.03)


def test_what_the_past_tells_of_age_is_asked_of_age_itself() -> None:
    """Who comes to c for the second time is older; a rule of age alone asks nothing of the past."""
    rng, cases = np.random.default_rng(7), []
    for _ in range(3000):
        steps, waits = ["", "c"], [float(rng.exponential(3600))]
        while rng.random() < (0.2 if sum(waits) > 5400 else 0.8) and len(steps) < 12:
            steps, waits = [*steps, "c"], [*waits, float(rng.exponential(3600))]
        cases.append(Walk([*steps, "d"], [*waits, 60.0]))
    memory = learn(cases)
    assert {q.about for _, given in memory.behind(("c", 0)) for q, _ in given} == {"age"}
    assert next(q.least for _, given in memory.behind(("c", 0)) for q, _ in given[:1]) == pytest.approx(5400, rel=0.03)


def test_what_matters_later_is_carried_along() -> None:
    rng = np.random.default_rng(4)
    cases = []
    for _ in range(4000):
        first = "a" if rng.random() < 0.5 else "b"
        cases.append(Walk(["", first, "x", "y", "z", "d" if rng.random() < (0.9 if first == "a" else 0.1) else "e"], [1.0] * 5))
    memory = learn(cases)
    assert set(memory.trees) >= {"x", "y", "z"}  # z decides, and x and y hand on what z has to know


def kinds(seed: int, rule: str, n: int = 3000) -> list[Walk]:
    """Cases of two channels, two segments and all values that pass a, then c, then d or e."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(n):
        channel, segment, value = "web" if rng.random() < 0.6 else "fair", "large" if rng.random() < 0.3 else "small", float(rng.lognormal(8, 1))
        share = {"none": 0.5, "channel": 0.8 if channel == "web" else 0.3, "segment": 0.8 if segment == "large" else 0.4, "value": 0.8 if value > 3000 else 0.3}[rule]
        waits = [float(x) for x in rng.exponential(3600, 3)]
        result.append(Walk(["", "a", "c", "d" if rng.random() < share else "e"], waits, channel=channel, segment=segment, value=value))
    return result


@pytest.mark.parametrize("rule", ["channel", "segment", "value"])
def test_what_a_case_is_tells_visits_apart_and_those_before_need_not_know(rule: str) -> None:
    cases = kinds(2, rule)
    memory = learn(cases)
    assert list(memory.trees) == ["c"]
    assert memory.asks(rule)
    forms = memory.behind(("c", 0))
    assert [state for state, _ in forms][-1] == ("c", 0)
    assert {q.about for _, given in forms for q, _ in given} == {rule}
    assert {memory.door(state) for state, _ in forms} == {("c", 0)}
    assert memory.door(("a", 0)) == ("a", 0)
    for case, states in zip(cases, memory.states(cases), strict=True):
        wanted = {"channel": case.channel, "segment": case.segment}.get(rule)
        (mine,) = [given for state, given in forms if state == states[2]]
        assert all((case.value > q.least if rule == "value" else wanted == q.name) == yes for q, yes in mine)


def test_what_a_case_is_does_not_matter_where_it_does_not() -> None:
    assert sum(bool(learn(kinds(seed, "none")).trees) for seed in range(30)) <= 1


def test_a_value_that_only_some_cases_get_is_not_asked_about() -> None:
    """The amount is written down when the deal is as good as won: to ask for it would be to know the end."""
    cases = kinds(2, "value")
    for case in cases:
        case.value = case.value if case.steps[-1] == "d" else 0.0
    assert not learn(cases).asks("value")


def test_memory_is_that_of_the_part_not_used_to_estimate_it() -> None:
    """Fewer visits than a state needs never make one, however different they are."""
    rng = np.random.default_rng(3)
    cases = [Walk(["", "a" if i < 60 else "b", "c", "d" if i < 60 else "e"], [1.0, float(rng.random()), 1.0]) for i in range(2000)]
    assert not learn(cases).trees


@pytest.mark.parametrize("closes", [2, 5])
def test_a_way_that_closes_is_a_limit(closes: int) -> None:
    rng = np.random.default_rng(1)
    done = []
    for _ in range(2000):
        for n in range(30):
            goal = "again" if n < closes and rng.random() < 0.8 else "out"
            done.append((n, goal))
            if goal == "out":
                break
    assert closed_after(done, ["again", "out"]) == {"again": closes}


def test_what_ends_with_a_visit_elsewhere_is_no_limit() -> None:
    """Tests before admission, in any order and each once, and the same tests every day after it: what closes the ways of before is the admission."""
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(3000):
        before = [str(x) for x in rng.permutation(["crp", "blood", "acid"])[: rng.integers(1, 4)]]
        daily = [test for _ in range(rng.poisson(3)) for test in ("crp", "blood")]
        steps = ["", *before, "admission", *daily, "release"]
        cases.append(Walk(steps, rng.exponential(3600, len(steps) - 1).tolist()))
    memory = learn(cases)
    for name in ("crp", "blood"):
        told = {(name, "admission" in case.steps[:i]): set() for case in cases for i, step in enumerate(case.steps) if step == name}
        for case, states in zip(cases, memory.states(cases), strict=True):
            for i, step in enumerate(case.steps):
                if step == name:
                    told[name, "admission" in case.steps[:i]].add(states[i])
        assert not told[name, True] & told[name, False]


TRUTH = """
clock: {start: 2025-01-06, horizon: 60 weeks}
segments: {large: {value: {law: lognormal, mean: 20000 EUR, cv: 0.5}}, small: {value: {law: lognormal, mean: 9000 EUR, cv: 0.5}}}
channels:
  web: {enters: call, segments: {large: 30 %, small: 70 %}, arrivals: {rate: 60 per week}}
  fair: {enters: call, segments: {large: 50 %, small: 50 %}, arrivals: {rate: 30 per week}}
stages:
  opportunity:
    steps:
      call:
        customer: {law: exponential, mean: 2 days}
        then: [{lost: no interest, when: channel == 'web', share: 60 %}, {lost: no interest, when: channel == 'fair', share: 20 %}, {to: look}]
      look:
        customer: {law: exponential, mean: 4 days}
        then: [{to: decide, when: value > 10000 EUR}, {lost: too small}]
      decide:
        customer: {law: exponential, mean: 4 days}
        then: [{done: true, share: {large: 25 %, small: 60 %}}, {lost: price}]
"""


def test_a_learnt_scenario_treats_each_case_as_what_it_is() -> None:
    """Of small deals from the web above 10,000, 40 % come to the decision and 60 % of these are won."""
    truth = Scenario.parse(TRUTH)
    learnt = calibrate(simulate(truth, seed=1), holdout=0).scenario
    frame = simulate(learnt.change({"clock.horizon": "300 weeks"}), seed=2).frame
    over = frame.drop_duplicates("case", keep="last")
    over = over[over["outcome"] != "open"]
    for channel, passes in (("web", 0.4), ("fair", 0.8)):
        for segment, won in (("large", 0.25), ("small", 0.6)):
            for above in (True, False):
                mine = over[(over["channel"] == channel) & (over["segment"] == segment) & (over["value"] > 10_000 if above else over["value"] < 8_000)]
                assert len(mine) > 200
                assert (mine["outcome"] == "completed").mean() == pytest.approx(passes * won * above, abs=0.06)


DESK = """
clock: {start: 2025-01-06, horizon: 60 weeks}
segments: {all: {}}
channels: {in: {enters: look, segments: {all: 100 %}, arrivals: {rate: 50 per week}}}
stages:
  service:
    steps:
      look:
        customer: {law: gamma, mean: 20 days, cv: 0.8}
        then: [{to: check}]
      check:
        automatic: 5 min
        then: RULE
"""


def test_a_rule_of_age_is_learnt_and_kept_when_the_times_change() -> None:
    """A ticket older than thirty days is closed. When everything before takes half as long, fewer are; P(Gamma > 30 days) says how many."""
    truth = Scenario.parse(DESK.replace("RULE", "[{lost: closed, when: age > 30 days}, {done: true}]"))
    learnt = calibrate(simulate(truth, seed=1), holdout=0).scenario
    (rule,) = [way.when for step in learnt.steps.values() for way in step.then if way.when]
    assert rule.text == "(age > 30 days)"
    (slow,) = [name for name, step in learnt.steps.items() if (law := step.work or step.automatic) is not None and law.mean > 86_400e6]
    shape = 1 / 0.8**2
    for factor in (1.0, 0.5):
        faster = learnt.change({"clock.horizon": "200 weeks", f"steps.{slow}.factor": str(factor)})
        over = simulate(faster, seed=2).frame.drop_duplicates("case", keep="last")
        over = over[over["outcome"] != "open"]
        assert (over["outcome"] == "lost: closed").mean() == pytest.approx(gammaincc(shape, 30 / (20 * factor) * shape), abs=0.02)


def test_where_no_rule_of_age_is_none_is_learnt() -> None:
    truth = Scenario.parse(DESK.replace("RULE", "[{lost: closed, share: 30 %}, {done: true}]"))
    asked = [way.when for seed in range(5) for step in calibrate(simulate(truth, seed=seed), holdout=0).scenario.steps.values() for way in step.then if way.when]
    assert not asked
