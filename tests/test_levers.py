"""Levers: what each kind does by hand arithmetic, what it costs and when, what it cannot go with, what it rests on."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.errors import ScenarioError
from salessim.experiment import compare, replicate, simulate
from salessim.ignorance import echo_all
from salessim.network import build
from salessim.optimisation import optimise
from salessim.optimisation.space import space_of
from salessim.reporting.figures import provenance
from salessim.scenario.kinds import KINDS, PRIORS
from salessim.scenario.kinds.base import line, number
from salessim.scenario.levers import apply, assumed, in_words, misfits, repaired
from salessim.scenario.model import Scenario
from salessim.scenario.uncertain import check as check_uncertain
from salessim.scenario.uncertain import drawn
from salessim.scenario.unknowns import chances, draw
from tests.selling import last, minutes, pulled, selling, simple

HOUR = 3_600_000_000


EVERY: dict[str, dict[str, Any]] = {
    "field": {"field": "teams.boss.size", "integer": [100, 300]},
    "add_staff": {"add_staff": "field", "up_to": 2, "one_off_cost": "100 EUR"},
    "shifts": {"shifts": "desk", "calendar": "long"},
    "effects": {"effects": [{"field": "steps.wait.automatic", "factor": 0.5}, {"field": "steps.quote.then.0.share", "set": "100 %"}]},
    "prioritise": {"prioritise": ["quote"], "queue": "highest_value"},
    "automate": {"automate": "quote", "errors": "steps.check.then.to quote.share"},
    "answer_at_once": {"answer_at_once": "answer"},
    "approve_by_rule": {"approve_by_rule": "approve"},
    "sign_electronically": {"sign_electronically": "sign"},
    "remove": {"remove": "check", "then_to": "hand over", "escape_at": "segments.small.priority"},
    "merge": {"merge": ["quote", "check"], "time": "40 min"},
    "in_parallel": {"in_parallel": ["legal", "approve"]},
    "train": {"train": "field", "half_life": "6 months"},
    "cross_train": {"cross_train": "field", "at": ["check"]},
    "cadence": {"cadence": "wait", "again": "steps.wait.then.to wait", "touches": 6, "gap_factor": 0.5},
    "personalise": {"personalise": ["steps.wait.then.to quote.share"], "at": ["quote"]},
    "discount": {"discount": "steps.wait.then.to quote.share", "win_factor": 1.1, "value_factor": 0.9},
    "self_service": {"self_service": "steps.sign.spawns.ticket.probability"},
    "budget": {"budget": "web", "spend": ["500 EUR/week", "4000 EUR/week"], "paid_as": "ads", "half": "2000 EUR/week", "organic": 0.25},
    "standardise": {"standardise": ["quote", "type in"]},
    "integrate": {"integrate": ["hand over"], "rekey": ["type in"]},
}
EVERY["remove"].pop("escape_at")
EVERY["self_service"] = {"self_service": "steps.check.then.to quote.share"}  # of a step that is not core


# --- all kinds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_every_kind_makes_a_design_that_runs_and_says_what_it_is(kind: str, tmp_path: Path) -> None:
    base, design = pulled(EVERY[kind])
    assert apply(base, {"l": base.levers["l"].settings()[0] if kind not in ("budget", "field") else {"budget": 1000.0, "field": 200}[kind]}) is base
    assert list(misfits(base)) == []
    assert design.hash != base.hash
    check_uncertain(design)
    build(drawn(design, 0, 3))
    design.save(tmp_path / "d.yaml")
    assert Scenario.load(tmp_path / "d.yaml") == design
    (words,) = in_words(base, {"l": last(base)})
    assert words
    assert "field=" not in words


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EVERY) | {"swap", "send"} == set(KINDS)  # modules and policies have tests of their own


@pytest.mark.parametrize("kind", sorted(PRIORS))
def test_a_lever_that_says_nothing_about_its_effect_has_the_usual_one_and_says_so(kind: str) -> None:
    """Usual effects are laws of the table; each has a source or is marked."""
    for name, prior in PRIORS[kind].items():
        assert prior.low <= prior.mode <= prior.high
        assert name in KINDS[kind].EFFECTS
        assert prior.law.source or prior.law.assumption
    plain = {"train": {"train": "field"}, "merge": EVERY["merge"] | {"escape_at": "steps.wait.then.to quote.share"}, "cadence": {"cadence": "wait"}}.get(kind, EVERY[kind])
    if kind == "remove":
        plain = plain | {"escape_at": "steps.wait.then.lost no more.share"}
    base, design = pulled(plain)
    assert base.levers["l"].usual
    assert "rests on an assumption" in assumed(base, {"l": last(base)})[0]
    assert in_words(base, {"l": last(base)}, assumptions=True)[0].endswith("[assumed]")
    assert design.provenance["lever l"].startswith("l: assumption")
    assert design.uncertain
    shown = provenance(design)
    assert set(shown[shown["where"].str.startswith("uncertain")]["kind"]) <= {"assumption", "source"}


def test_effects_with_a_source_are_not_called_assumptions() -> None:
    base = selling({"l": {"automate": "quote", "adoption": 0.5, "time_factor": 0.5, "source": "our pilot of 2025"}})
    assert assumed(base, {"l": True}) == []
    assert apply(base, {"l": True}).provenance == {"lever l": "l: our pilot of 2025"}


# --- nothing is won by nothing -----------------------------------------------------------------------------------------


NOTHING: list[dict[str, Any]] = [
    {"automate": "quote", "adoption": 0, "time_factor": 0.1, "failure": 0.5, "errors": "steps.check.then.to quote.share", "error_factor": 0.1},
    {"effects": [{"field": "steps.quote.work", "factor": 1}, {"field": "steps.check.then.to quote.share", "factor": {"law": "triangular", "low": 1, "mode": 1, "high": 1}}]},
    {"train": "field", "time_factor": 1, "error_factor": 1, "errors": "steps.check.then.to quote.share", "half_life": "6 months"},
    {"personalise": "steps.wait.then.to quote.share", "at": "quote", "reply_factor": 1, "work_factor": 1},
    {"self_service": "steps.check.then.to quote.share", "deflection": 0},
    {"integrate": "hand over", "latency_factor": 1},
    {"cadence": "wait", "gap_factor": 1, "again": "steps.wait.then.to wait", "touches": 4},
    {"discount": "steps.wait.then.to quote.share", "win_factor": 1, "value_factor": 1},
    {"standardise": "quote", "spread_factor": 1, "error_factor": 1, "unusual_factor": 1},
    {"sign_electronically": "sign", "fast_share": 0},
    {"approve_by_rule": "approve", "share": 0},
    {"shifts": "desk", "calendar": "always"},
    {"prioritise": "quote", "queue": "priority"},
    {"answer_at_once": "answer", "quality": 1, "time": "0 s"},
]
WHOLE = ("discount", "shifts", "prioritise", "answer_at_once")
"""Kinds that change more than what happens at steps, or the shape of the process, and are not rolled out."""
ROLLED = [None, {"from": "2026-01-26"}, {"from": "2026-01-26", "share": 0.5}]


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("lever", "rollout"), [(x, r) for x in NOTHING for r in ROLLED if r is None or not {*x} & {*WHOLE}], ids=lambda x: next(iter(x), "") if isinstance(x, dict) else "-")
def test_an_effect_of_nothing_is_today_bit_for_bit(lever: dict[str, Any], rollout: Any, engine: Any) -> None:
    """Row 17: adoption 0, or a factor that is certainly 1, gives the very log of today, also where it is rolled out."""
    clear = {"steps.answer.then": [{"to": "wait", "share": 0.5, "fades": {"law": "table", "points": [["0 h", 1]]}}, {"lost": "too late"}]} if "answer_at_once" in lever else {}
    base, design = pulled(lever | ({"rollout": rollout} if rollout else {}), **{"clock.horizon": "6 weeks"}, **clear)
    assert apply(base, {"l": False}) is base
    for r in range(2):
        before, after = (simulate(s, seed=5, replication=r, engine=engine).frame for s in (base, design))
        if "answer_at_once" in lever:  # one row more for each lead; everything else is as it was
            after = after[after["step"] != "answer at once"].reset_index(drop=True)
        pd.testing.assert_frame_equal(before, after, check_exact=True)


# --- what each does, by hand -------------------------------------------------------------------------------------------


def test_automation_by_hand() -> None:
    """Adoption a, system's time 2 of 10 min, failure f: 10 (1 - a) + a (2 + 10 f)."""
    for a, f in ((1.0, 0.0), (1.0, 1.0), (0.5, 0.2)):
        design = apply(simple({"automate": "do", "adoption": a, "time_factor": 0.2, "failure": f}), {"l": True})
        assert minutes(design) == pytest.approx(10 * (1 - a) + a * (2 + 10 * f), rel=0.02), (a, f)
    worse = apply(simple({"automate": "do", "adoption": 1, "time_factor": 0.2, "failure": 1}), {"l": True})
    assert minutes(worse) == pytest.approx(12)  # row 78: a tool that always fails is worse than none
    assert worse.steps["do by hand"].time == worse.steps["do"].time


def test_what_fails_brings_its_new_cases_once() -> None:
    """A ticket for each win, whether the system did it or a person after it failed."""
    lever = {"automate": "do", "adoption": 0.7, "time": "1 min", "failure": 0.5}
    spawn = {"kind": "ticket", "to": "care", "probability": 1, "after": "1 h"}
    base = simple(lever, then=[{"lost": "no", "share": 0.3}, {"to": "end"}])
    base = base.change({"stages.s.steps.care": {"automatic": "1 h", "then": [{"done": True}]}, "steps.do.spawns": [spawn]})
    design = apply(base, {"l": True})
    results = replicate(design, 10, seed=1, engine="reference", workers=1)
    assert results.estimate("tickets").value == pytest.approx(80, rel=0.05)
    assert results.estimate("lost_share").value == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize(("steps", "exact"), [(2, 1.5), (3, 1.8333333)])
def test_serial_to_parallel_approval(steps: int, exact: float) -> None:
    """Exp(1) h each: 2 in a row take 2 h, at once 1.5; three 3 and 1 + 1/2 + 1/3."""
    chain: dict[str, Any] = {}
    for i in range(steps):
        chain[f"a{i}"] = {"work": {"law": "exponential", "mean": "1 h"}, "by": "boss", "core": True, "then": [{"to": f"a{i + 1}" if i + 1 < steps else "end"}]}
    chain["end"] = {"automatic": "0 min", "milestone": "won", "then": [{"done": True}]}
    data = selling().model_dump(mode="json", exclude_unset=True, exclude_none=True)
    data["channels"]["web"] |= {"enters": "a0", "arrivals": {"rate": "400 per week"}}
    base = Scenario.parse({**data, "stages": {"s": {"steps": chain}}, "levers": {"l": {"in_parallel": [f"a{i}" for i in range(steps)]}}})
    comparison = compare(base, apply(base, {"l": True}), replications=8, seed=3, engine="reference", workers=1)
    before, after = (r.estimate("cycle_time") for r in comparison.results)
    assert before.low * 24 <= steps <= before.high * 24
    assert after.low * 24 <= exact <= after.high * 24
    assert after.half_width * 24 < 0.02 * steps


def test_signing_electronically_mixes_the_times() -> None:
    base, design = pulled({"sign_electronically": "sign", "fast_share": 0.4, "fast": "6 h"})
    law = design.steps["sign"].time
    assert law.mean == pytest.approx((0.4 * 6 + 0.6 * 120) * HOUR)
    _, unsure = pulled({"sign_electronically": "sign"})
    for r in range(5):
        parts = drawn(unsure, 0, r).steps["sign"].time.parts
        assert parts[0].share + parts[1].share == pytest.approx(1)
        assert 0.3 <= parts[0].share <= 0.8
    assert base.steps["sign"].core


def test_an_answer_at_once_stops_the_fading() -> None:
    """Half of the leads go on today less what fades; answered at once, 0.5 times the quality, whatever people do."""
    base, design = pulled({"answer_at_once": "answer", "quality": 0.8, "time": "2 min"}, **{"teams.desk.size": 2, "clock.horizon": "8 weeks"})
    results = replicate(design, 6, seed=1, engine="reference", workers=1)
    assert results.estimate("response_time").value == 0  # the system begins at once; people are counted no more
    assert design.steps["answer"].then[0].share == pytest.approx(0.4)
    lost = results.estimate("lost because too late").value / results.estimate("arrived").value
    assert lost == pytest.approx(0.6, abs=0.04)
    assert base.channels["web"].enters == "answer"


def test_training_fades_by_its_half_life() -> None:
    """Taught on the first day, measured from week 2 to week 20: (2^-(2/18) - 2^-(20/18)) / ln 2 of the effect is left on average."""
    _, design = pulled({"train": "field", "time_factor": 0.8, "half_life": "18 weeks"})
    left = (2 ** (-2 / 18) - 2 ** (-20 / 18)) / math.log(2)
    assert design.steps["quote"].time.mean == pytest.approx(0.5 * HOUR * (1 - 0.2 * left))
    _, kept = pulled({"train": "field", "time_factor": 0.8})
    assert kept.steps["quote"].time.mean == pytest.approx(0.4 * HOUR)
    _, followed = pulled({"train": "field", "adherence_gain": 0.5}, **{"steps.quote.adherence": 0.6})
    assert followed.steps["quote"].adherence == pytest.approx(0.8)


def test_nobody_is_better_before_the_course_is_over() -> None:
    """Two days of course from 2 February: faster from the 4th on, 14 weeks and 5 days before the end; it costs from the 2nd on."""
    _, design = pulled({"train": "field", "time_factor": 0.8, "half_life": "18 weeks", "days": ["2026-02-02 to 2026-02-03"], "one_off_cost": "500 EUR"})
    (version,) = design.steps["quote"].versions
    assert (version.since, version.share) == (dt.date(2026, 2, 4), 1.0)
    assert design.steps["quote"].time.mean == pytest.approx(0.5 * HOUR)
    x = (20 * 7 - 30) / (18 * 7)
    assert version.step.time.mean == pytest.approx(0.5 * HOUR * (1 - 0.2 * (1 - 2**-x) / (x * math.log(2))))
    assert design.costs["lever l"].since == dt.date(2026, 2, 2)
    assert [str(c.start) for c in design.teams["field"].courses] == ["2026-02-02"]


def test_who_joins_after_the_course_has_not_been_taught() -> None:
    """200 were there; 200 more come after 11 of 20 weeks. Measured from week 2: 9 weeks all are taught, 9 weeks half of them."""
    later = {"teams.field.joining": [{"count": 200, "date": "2026-03-23"}]}
    _, design = pulled({"train": "field", "time_factor": 0.8}, **later)
    assert design.steps["quote"].time.mean == pytest.approx(0.5 * HOUR * (1 - 0.2 * 0.75))
    # Tenure of 20 weeks: after t, exp(-t/20) of those who were taught are still there.
    _, leaving = pulled({"train": "field", "time_factor": 0.8}, **{"teams.field.attrition": {"tenure": "20 weeks", "hiring": "1 day"}})
    assert leaving.steps["quote"].time.mean == pytest.approx(0.5 * HOUR * (1 - 0.2 * (math.exp(-0.1) - math.exp(-1)) * 20 / 18))


def test_cross_training_gives_a_skill_at_a_pace() -> None:
    _, design = pulled({"cross_train": "field", "at": ["check", "help"], "speed": 0.8})
    assert design.steps["check"].by == ("desk", "field")
    assert design.steps["check"].skill == "check"
    assert (design.teams["desk"].skills["check"], design.teams["field"].skills["check"]) == (1.0, 0.8)
    assert design.steps["help"].by == ("desk", "field")


def test_the_budget_follows_hills_curve_through_today() -> None:
    """Row 2: no spend leaves the organic leads; half of what money can bring at `half`; more never brings fewer."""
    lever = {"budget": "web", "spend": ["0 EUR/week", "8000 EUR/week"], "paid_as": "ads", "half": "1000 EUR/week", "organic": 0.25, "shape": 2}
    base = selling({"l": lever})

    def weekly(spend: float) -> float:
        return apply(base, {"l": spend}).channels["web"].arrivals.rate.count

    most = 60 * 2  # today 1000 = half: 60 of 80 are paid for, so 120 can be had at most
    assert weekly(0) == pytest.approx(20)
    assert weekly(1000) == pytest.approx(80)
    assert weekly(2000) == pytest.approx(20 + most * 4 / 5)
    rates = [weekly(s) for s in range(0, 8001, 500)]
    assert rates == sorted(rates)
    assert np.all(np.diff(rates, 2)[2:] < 0)  # concave beyond the knee
    assert apply(base, {"l": 1000}) is base
    assert str(apply(base, {"l": 4000}).costs["ads"].running) == "4000 EUR/week"


def test_standardising_halfway_has_half_of_the_effect() -> None:
    base = selling({"l": {"standardise": "quote", "spread_factor": 0.6, "unusual_factor": 0.8, "unusual": "steps.wait.then.to quote.share"}})
    design = apply(base, {"l": 0.5})
    assert design.steps["quote"].time.cv == pytest.approx(0.5 * 0.8)
    assert design.steps["wait"].then[0].share == pytest.approx(0.4 * 0.9)
    assert apply(base, {"l": 0.0}) is base


def test_what_a_removed_check_would_have_found_is_felt_later() -> None:
    _, design = pulled({"remove": "check", "then_to": "hand over", "escape": 0.05, "escape_at": ["steps.wait.then.lost no more.share"]})
    assert "check" not in design.steps
    assert design.steps["wait"].then[1].share == pytest.approx(0.15)


def test_other_figures() -> None:
    _, cadence = pulled(EVERY["cadence"])
    assert cadence.steps["wait"].time.mean == pytest.approx(24 * HOUR)
    assert cadence.steps["wait"].then[2].limit == 5
    _, discount = pulled(EVERY["discount"])
    assert discount.steps["wait"].then[0].share == pytest.approx(0.44)
    assert {g: s.value.mean for g, s in discount.segments.items()} == pytest.approx({"small": 900, "large": 8100})
    _, deflected = pulled({"self_service": "steps.check.then.to quote.share", "deflection": 0.25})
    assert deflected.steps["check"].then[0].share == pytest.approx(0.075)
    _, ranked = pulled({"prioritise": ["quote", "check"], "serve_first": "value / 1 EUR"})
    assert ranked.steps["check"].serve_first is not None
    _, joined = pulled(EVERY["integrate"] | {"latency_factor": 0.3})
    assert joined.steps["hand over"].time.mean == pytest.approx(3 * HOUR)
    assert joined.steps["hand over"].then[0].to == "legal"
    _, shifts = pulled(EVERY["shifts"])
    assert shifts.teams["desk"].calendar == "long"
    _, errors = pulled({"automate": "quote", "adoption": 0.5, "time": "5 min", "errors": "steps.check.then.to quote.share", "error_factor": 0.4})
    assert errors.steps["check"].then[0].share == pytest.approx(0.1 * (0.5 + 0.5 * 0.4))


def test_a_law_turned_round() -> None:
    law = line(PRIORS["self_service"]["deflection"].law, 1.0, -1.0)
    assert [q.value for q in (law.low, law.mode, law.high)] == pytest.approx([0.6, 0.8, 0.9])
    assert line(number(0.2), 1.0, -1.0).mean == pytest.approx(0.8)
    with pytest.raises(ScenarioError, match="cannot be turned round"):
        pulled({"train": "field", "time_factor": {"law": "lognormal", "mean": 0.9, "cv": 0.1}, "half_life": "1 year"})
    _, kept = pulled({"train": "field", "time_factor": {"law": "lognormal", "mean": 0.9, "cv": 0.1}})
    assert kept.uncertain["steps.quote.work"][0].law.law == "lognormal"


# --- effects that nobody knows -------------------------------------------------------------------------------------------


def test_an_effect_is_drawn_once_per_replication_by_its_lever() -> None:
    """One draw for all fields of an effect, the same in every design that pulls the lever."""
    factor = {"law": "uniform", "low": 0.4, "high": 0.8}
    levers = {"tool": {"effects": [{"field": "steps.quote.work", "factor": factor, "together": "time"}, {"field": "steps.check.work", "factor": factor, "together": "time"}]},
              "staff": {"add_staff": "desk"}}  # fmt: skip
    base = selling(levers)
    design, both = apply(base, {"tool": True}), apply(base, {"tool": True, "staff": 1})
    for r in range(4):
        a, b = drawn(design, 1, r), drawn(both, 1, r)
        u = chances(design, 1, r)["together lever tool time"]
        assert a.steps["quote"].time.mean == a.steps["check"].time.mean == b.steps["quote"].time.mean
        assert a.steps["quote"].time.mean == pytest.approx(0.5 * HOUR * (0.4 + 0.4 * u), rel=1e-6)
    wide = echo_all(compare(base, design, replications=12, seed=1, engine="reference", workers=1))
    spread = wide.spread("utilisation of field")
    assert spread is not None
    assert spread.ignorance.value > 0.8
    assert wide.difference("utilisation of field").verdict == "lower"


def test_a_lever_on_a_field_that_is_uncertain_itself() -> None:
    """Factors multiply; a field that is set is no longer what was not known."""
    unsure = {"steps.quote.work": {"factor": {"law": "uniform", "low": 0.5, "high": 1.5}}}
    half = selling({"l": {"effects": [{"field": "steps.quote.work", "factor": 0.5}]}}, uncertain=unsure)
    design = apply(half, {"l": True})
    assert drawn(design, 0, 3).steps["quote"].time.mean == pytest.approx(drawn(half, 0, 3).steps["quote"].time.mean / 2, rel=1e-6)
    fixed = selling({"l": {"effects": [{"field": "steps.quote.work", "set": "7 min"}]}}, uncertain=unsure)
    assert apply(fixed, {"l": True}).uncertain == {}


def test_an_uncertain_share_moves_with_its_way_when_a_step_goes() -> None:
    unsure = {"steps.check.then.to hand over": [], "steps.quote.then.to check.share": []}
    del unsure["steps.check.then.to hand over"]
    base = selling({"l": EVERY["remove"]}, uncertain={"steps.wait.then.to quote.share": {"factor": {"law": "uniform", "low": 0.9, "high": 1}}, "steps.check.work": {"factor": 1}})
    assert set(apply(base, {"l": True}).uncertain) == {"steps.wait.then.to quote.share"}
    merged = selling({"l": EVERY["merge"]}, uncertain={"steps.check.then.to quote.share": {"factor": 1}})
    with pytest.raises(ScenarioError, match="is uncertain, and would not be of the merged step"):
        apply(merged, {"l": True})
    assert unsure


# --- what goes together --------------------------------------------------------------------------------------------------


def test_needs_and_exclusions_are_kept() -> None:
    levers = {
        "crm": {"effects": [{"field": "steps.type in.work", "factor": 0.5}]},
        "bot": {"automate": "quote", "time": "1 min", "needs": ["crm"]},
        "people": {"add_staff": "field", "excludes": ["bot"]},
    }
    base = selling(levers)
    assert list(misfits(base)) == []
    with pytest.raises(ScenarioError, match="needs 'crm', which is not pulled"):
        apply(base, {"bot": True})
    with pytest.raises(ScenarioError, match="exclude each other"):
        apply(base, {"bot": True, "crm": True, "people": 1})
    assert apply(base, {"bot": True, "crm": True}).steps["quote"].automation
    space = space_of(base)
    for bot in (False, True):
        for crm in (False, True):
            for people in (0, 1):
                settings = repaired(base, {"bot": bot, "crm": crm, "people": people})
                apply(base, settings)  # never refused
                if not (bot and (not crm or people)):
                    assert settings == {"bot": bot, "crm": crm, "people": people}
    assert space.size == 8
    assert space.possible == 5  # bot needs crm and excludes people


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        ({"automate": "nope", "time": "1 min"}, "there is no step 'nope'"),
        ({"automate": "wait", "time": "1 min"}, "nobody works at 'wait'"),
        ({"automate": "approve", "time": "1 min"}, "core step, which no lever may touch"),
        ({"remove": "sign"}, "core step, which no lever may touch"),
        ({"answer_at_once": "quote"}, "no channel enters at 'quote'"),
        ({"effects": [{"field": "steps.quote.wrk", "factor": 2}]}, "did you mean 'work'?"),
        ({"effects": [{"field": "steps.approve.work", "factor": 2}]}, "core step, which no lever may touch"),
        ({"effects": [{"field": "steps.quote.work"}]}, "exactly one of 'set', 'factor' and 'plus'"),
        ({"automate": "quote", "adoption": 0.5}, "how long the step then takes"),
        ({"automate": "quote", "adoption": 0.5, "share": 0.5, "time": "1 min"}, "are the same; keep one"),
        ({"automate": "quote", "remove": "check"}, "a lever has exactly one of"),
        ({"automate": "quote", "adoptoin": 0.5}, "did you mean 'adoption'?"),
        ({"cross_train": "fild", "at": "quote"}, "did you mean 'field'?"),
        ({"shifts": "desk", "calendar": "lng"}, "there is no calendar 'lng'"),
        ({"budget": "web", "spend": ["1 EUR/week", "2 EUR/week"], "paid_as": "rent", "half": "1 EUR/week"}, "there is no cost 'rent'"),
        ({"budget": "web", "spend": ["9 EUR/week", "2 EUR/week"], "paid_as": "ads", "half": "1 EUR/week"}, "put the smaller amount first"),
        ({"standardise": "sign"}, "core step"),
        ({"standardise": "wait"}, "has no 'cv' that could shrink"),
        ({"cadence": "wait", "touches": 3}, "'touches' and 'again' belong together"),
        ({"prioritise": "quote"}, "does not say in which order"),
        ({"remove": "check", "escape": 0.1}, "not where they are felt"),
        ({"sign_electronically": "quote"}, "not the customer's own"),
        ({"add_staff": "desk", "needs": "x"}, "there is no lever 'x'"),
        ({"add_staff": "desk", "excludes": "l"}, "a lever cannot name itself"),
        ({"train": "field", "days": "Monday"}, "is not a date"),
        ({"add_staff": "desk", "one_off_cost": "5 USD"}, "is not in EUR"),
        ({"automate": "quote", "time": "1 min", "failure": 2}, "the share could be 200 %"),
        ({"automate": "quote", "time": "5 EUR"}, "'5 EUR' is not a time"),
        ({"cadence": "wait", "gap_factor": "2 h"}, "'2 h' is not a plain number"),
        ({"standardise": "quote", "level": [1, 0]}, "put the smaller first"),
        ({"train": "field", "half_life": "0 days"}, "forgotten at once"),
        ({"integrate": []}, "nothing is named"),
        (5, "5 is not a lever"),
    ],
)  # fmt: skip
def test_levers_that_cannot_work_are_refused_when_loaded(lever: Any, said: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        selling({"l": lever})
    assert said in str(wrong.value)
    assert str(wrong.value).startswith("levers.l")


@pytest.mark.parametrize(
    ("levers", "said"),
    [
        ({"a": {"remove": "check", "then_to": "hand over"}, "b": {"effects": [{"field": "steps.check.work", "factor": 2}]}}, "takes step 'check' away"),
        ({"a": {"effects": [{"field": "steps.wait.automatic", "set": "1 h"}]}, "b": {"effects": [{"field": "steps.wait.automatic", "set": "2 h"}]}}, "both set steps.wait.automatic"),
        ({"a": {"in_parallel": ["answer", "wait"]}}, "both loses cases and sends them different ways|does not simply go on"),
        ({"a": {"effects": [{"field": "steps.wait.then.to quote.share", "factor": 3}]}}, "not between 0 and 1"),
        ({"a": {"in_parallel": ["approve", "legal"]}}, "does not simply go on to 'legal'"),
    ],
)  # fmt: skip
def test_designs_that_cannot_be_are_refused_when_formed(levers: dict[str, Any], said: str) -> None:
    base = selling(levers)
    with pytest.raises(ScenarioError, match=said):
        apply(base, dict.fromkeys(levers, True))


def test_core_steps_stay_and_are_passed_also_in_parallel() -> None:
    _, design = pulled(EVERY["in_parallel"])
    assert {"legal", "approve"} <= set(design.steps)
    assert design.steps["legal and others at once"].parallel == ("legal", "approve")
    assert [r.to for r in design.steps["legal and others at once"].then] == ["sign"]


def test_the_search_keeps_to_needs_and_exclusions_and_draws_the_effects() -> None:
    levers = {
        "base": {"effects": [{"field": "steps.hand over.automatic", "factor": {"law": "uniform", "low": 0.1, "high": 0.5}}], "one_off_cost": "900 EUR"},
        "quick": {"sign_electronically": "sign", "needs": "base"},
        "rush": {"effects": [{"field": "steps.wait.automatic", "factor": 0.5}], "excludes": "quick"},
        "degree": {"standardise": ["quote", "check"]},
    }
    base = selling(levers, **{"clock.horizon": "6 weeks"})
    best, again = (optimise(base, trials=14, replications=2, final=8, objectives=["cycle_time"], workers=w) for w in (1, 2))
    assert best.sentences() == again.sentences()
    assert best.designs == 5 * 11
    for trial in best.trials:
        assert trial.refused is None
        assert trial.settings == repaired(base, trial.settings)
    assert best.changed
    assert best.scenario.uncertain
    spread = best.final.spread("cycle_time")
    assert spread is not None
    assert best.settings["base"] or best.settings["rush"]
    assert any(s.endswith("an assumption: effect and cost.") for s in best.cautions())
    assert "[assumed]" in best.sentences()[0]
    assert "900 EUR once" in best.sentences()[-1] or not best.settings["base"]


# --- roll-out and money --------------------------------------------------------------------------------------------------


def test_a_roll_out_begins_on_its_day_for_its_share() -> None:
    """A step of 10 h takes 5 h for half of the cases from 2 March on: 10, then 7.5 on average; costs run from that day."""
    lever = {"effects": [{"field": "steps.hand over.automatic", "factor": 0.5}], "rollout": {"from": "2026-03-02", "share": 0.5}, "running_cost": "700 EUR/week", "one_off_cost": "1000 EUR"}
    base, design = pulled(lever)
    (version,) = design.steps["hand over"].versions
    assert (version.name, str(version.since), version.share) == ("l", "2026-03-02", 0.5)
    assert in_words(base, {"l": True}) == ["steps.hand over.automatic × 0.5, from 2026-03-02, for 50 % of the cases"]
    frame = simulate(design, seed=1).frame
    frame = frame[(frame["step"] == "hand over") & frame["ended"].notna()]
    hours = (frame["ended"] - frame["started"]).dt.total_seconds() / 3600
    early = (frame["enabled"].dt.tz_localize(None) if frame["enabled"].dt.tz is not None else frame["enabled"]) < "2026-03-02"
    assert set(hours[early].round(6)) == {10.0}
    assert set(hours[~early].round(6)) == {5.0, 10.0}
    assert hours[~early].mean() == pytest.approx(7.5, abs=0.4)
    # 20 weeks from 5 January, roll-out after 8: 12 weeks of running cost, and the one-off cost in full.
    assert build(design).fixed_cost - build(base).fixed_cost == pytest.approx(12 * 700 + 1000)


def test_a_roll_out_of_a_tool_that_fails() -> None:
    lever = {"automate": "do", "adoption": 1, "time": "2 min", "failure": 1, "rollout": {"from": "2026-01-26", "share": 1}}
    base = simple(lever)
    design = apply(base, {"l": True})
    frame = simulate(design, seed=1).frame
    assert (frame["step"] == "do by hand").any()
    before = frame["enabled"].dt.tz_localize(None) < "2026-01-26"
    assert not (frame[before]["step"] == "do by hand").any()


def test_a_roll_out_draws_its_effect() -> None:
    _, design = pulled({"effects": [{"field": "steps.quote.work", "factor": {"law": "uniform", "low": 0.4, "high": 0.8}}], "rollout": {"from": "2026-02-02"}})
    assert list(design.uncertain) == ["steps.quote.versions.l.step.work"]
    found = drawn(design, 0, 2)
    u = chances(design, 0, 2)["together lever l effect 0"]
    assert found.steps["quote"].time.mean == pytest.approx(0.5 * HOUR)
    assert found.steps["quote"].versions[0].step.time.mean == pytest.approx(0.5 * HOUR * (0.4 + 0.4 * u), rel=1e-6)


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        ({"shifts": "desk", "calendar": "long", "rollout": {"from": "2026-02-02"}}, "give the calendar other shifts from that day on"),
        ({"field": "teams.desk.size", "integer": [200, 201], "rollout": {"from": "2026-02-02"}}, "use 'add_staff' with 'joins'"),
        ({"merge": ["quote", "check"], "time": "40 min", "rollout": {"share": 0.5}}, "cannot be rolled out"),
        ({"approve_by_rule": "approve", "rollout": {"share": 0.5}}, "say the 'share' without a 'value_factor'"),
        ({"prioritise": "quote", "queue": "first_come", "rollout": {"share": 0.5}}, "a version keeps the step's people"),
    ],
)  # fmt: skip
def test_what_cannot_be_rolled_out_is_refused(lever: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        pulled(lever)


def test_people_who_learn_join_and_are_taught() -> None:
    dip = {"effects": [{"field": "steps.quote.work", "factor": 0.5}], "rollout": {"from": "2026-02-02", "dip": {"factor": 0.8, "for": "4 weeks"}}}
    _, design = pulled(dip)
    (pace,) = design.teams["field"].pace
    assert (pace.start, pace.end, pace.pace) == (dt.date(2026, 2, 2), dt.date(2026, 3, 1), 0.8)
    _, taught = pulled({"train": "field", "time_factor": 0.9, "days": ["2026-02-02 to 2026-02-03"]})
    (course,) = taught.teams["field"].courses
    assert (course.start, course.end) == (dt.date(2026, 2, 2), dt.date(2026, 2, 3))
    _, joined = pulled({"add_staff": "field", "up_to": 2, "joins": "2026-03-02"})
    assert joined.teams["field"].people == 202


# --- what people see -----------------------------------------------------------------------------------------------------


def test_commands_mark_what_is_assumed(tmp_path: Path) -> None:
    base = selling({"tool": {"automate": "quote", "one_off_cost": "5000 EUR"}}, **{"clock.horizon": "5 weeks"})
    base.save(tmp_path / "today.yaml")
    apply(base, {"tool": True}, name="with a tool").save(tmp_path / "tool.yaml")
    result = CliRunner().invoke(main, ["run", str(tmp_path / "tool.yaml"), "-n", "4"])
    assert result.exit_code == 0, result.output
    assert "tool rests on an assumption: the usual effect of its kind" in result.output
    result = CliRunner().invoke(main, ["compare", str(tmp_path / "today.yaml"), str(tmp_path / "tool.yaml"), "-n", "4"])
    assert result.exit_code == 0, result.output
    assert "5,000 EUR once" in result.output
    assert "rests on an assumption" in result.output


def test_draws_are_the_same_whatever_the_other_levers() -> None:
    law = PRIORS["automate"]["adoption"].law
    assert 0.5 <= draw(law, 1 << 62) <= draw(law, 3 << 62) <= 0.95


def test_the_reference_lists_every_kind_field_and_usual_effect() -> None:
    text = (Path(__file__).parent.parent / "docs/reference/levers.md").read_text()
    common = {"title", "source", "assumption", "running_cost", "one_off_cost", "needs", "excludes", "rollout"}
    for kind, record in KINDS.items():
        row = next(r for r in text.splitlines() if r.startswith(f"| `{kind}"))
        missing = [f for f in record.model_fields if f != kind and f not in common and f"`{f}" not in row]
        assert missing == [], kind
    for kind, effects in PRIORS.items():
        for name, prior in effects.items():
            assert f"| `{kind}` | `{name}` | {prior.low:g} / {prior.mode:g} / {prior.high:g} | {prior.what} | {prior.source or 'assumption'} |" in text
