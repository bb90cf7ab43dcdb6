"""Roll-outs: several on one step, a step that goes for some of the cases, the same cases everywhere, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salessim import simulate
from salessim.errors import ScenarioError
from salessim.scenario.levers import apply, misfits
from salessim.scenario.model import Scenario
from tests.selling import selling
from tests.test_lever_effects import planned

HANDED = "hand over"


def hours(scenario: Scenario, step: str = HANDED, engine: Any = "reference") -> Any:
    """Of each finished visit to a step: day it began, hours it took, its case."""
    frame = simulate(scenario, seed=1, engine=engine).frame
    frame = frame[(frame["step"] == step) & frame["ended"].notna()]
    return pd.DataFrame({"day": frame["enabled"].dt.tz_localize(None), "hours": ((frame["ended"] - frame["started"]).dt.total_seconds() / 3600).round(6), "case": frame["case"]})


def factor(by: float, since: str, share: float | None = None) -> dict[str, Any]:
    return {"effects": [{"field": f"steps.{HANDED}.automatic", "factor": by}], "rollout": {"from": since} | ({"share": share} if share else {})}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_two_roll_outs_on_one_step_follow_each_other(names: tuple[str, str], engine: Any) -> None:
    """10 h; half from 2 February on; a fifth of that from 2 March on: 10, 5, 1, whichever is named first."""
    first, second = names
    base = selling({first: factor(0.5, "2026-02-02"), second: factor(0.2, "2026-03-02")})
    assert list(misfits(base)) == []
    found = hours(apply(base, {"a": True, "b": True}), engine=engine)
    for since, until, wanted in (("2026-01-05", "2026-02-02", 10.0), ("2026-02-02", "2026-03-02", 5.0), ("2026-03-02", "2027-01-01", 1.0)):
        assert set(found[(found["day"] >= since) & (found["day"] < until)]["hours"]) == {wanted}


@pytest.mark.parametrize("share", [None, 0.5])
def test_two_roll_outs_on_one_day(share: float | None) -> None:
    """Half for all and, the same day, a fifth of that for some: 5 or 1; for all of them 1."""
    base = selling({"a": factor(0.5, "2026-02-02"), "b": factor(0.2, "2026-02-02", share)})
    found = hours(apply(base, {"a": True, "b": True}))
    assert set(found[found["day"] >= "2026-02-02"]["hours"]) == ({1.0, 5.0} if share else {1.0})


def test_a_roll_out_stands_on_what_was_planned_before_and_lasts_beyond_what_is_planned_later() -> None:
    base = selling({"l": factor(0.5, "2026-02-02")}, **planned(HANDED))  # planned: 20 min from 2 March on, 50 min for large cases
    design = apply(base, {"l": True})
    forms = {v.name: v.step for v in design.steps[HANDED].versions}
    assert design.steps[HANDED].time.mean / 3.6e9 == pytest.approx(10)
    assert forms["l"].time.mean / 3.6e9 == pytest.approx(5)
    assert [forms["planned"].time_in(g).mean / 6e7 for g in ("small", "large")] == pytest.approx([10, 25])
    late = apply(base.change({"levers.l.rollout": {"from": "2026-04-06", "share": 0.3}}), {"l": True})
    (new,) = (v for v in late.steps[HANDED].versions if v.name == "l")
    assert (new.since, new.share) == (dt.date(2026, 4, 6), 0.3)
    assert [new.step.time_in(g).mean / 6e7 for g in ("small", "large")] == pytest.approx([10, 25])


@pytest.mark.parametrize(("a", "b"), [((0.5, "2026-02-02", 0.3), (0.2, "2026-03-02")), ((0.5, "2026-02-02"), (0.2, "2026-01-12", 0.3)), ((0.5, "2026-02-02", 0.5), (0.2, "2026-02-02", 0.5))])
def test_of_two_pilots_on_one_step_nobody_can_say_who_is_in_both(a: Any, b: Any) -> None:
    base = selling({"a": factor(*a), "b": factor(*b)})
    with pytest.raises(ScenarioError) as wrong:
        apply(base, {"a": True, "b": True})
    assert "is changed by another roll-out" in str(wrong.value)
    assert "is for a share of the cases only; roll out one of them only, or give" in str(wrong.value)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_step_falls_away_for_a_share_of_the_cases_from_a_day_on(engine: Any) -> None:
    base = selling({"l": {"remove": "check", "then_to": HANDED, "rollout": {"from": "2026-03-02", "share": 0.5}}})
    before, after = (simulate(s, seed=1, engine=engine).frame for s in (base, apply(base, {"l": True})))
    quoted = after[(after["step"] == "quote") & after["ended"].notna()]
    checked = set(after[after["step"] == "check"]["case"])
    early = quoted["ended"].dt.tz_localize(None) < "2026-03-02"
    assert set(quoted[early]["case"]) <= checked
    late = quoted[~early & ~quoted["case"].isin(set(quoted[early]["case"]))]
    share = 1 - late["case"].isin(checked).mean()
    assert share == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / len(late)))
    assert set(after[after["step"] == HANDED]["case"]) >= checked & set(before[before["step"] == HANDED]["case"])


def test_nothing_is_typed_in_again_from_the_day_on_which_systems_are_joined() -> None:
    base = selling({"l": {"integrate": HANDED, "latency_factor": 0.1, "rekey": "type in", "rollout": {"from": "2026-03-02"}}})
    frame = simulate(apply(base, {"l": True}), seed=1, engine="reference").frame
    day = frame["enabled"].dt.tz_localize(None)
    assert "type in" in set(frame[day < "2026-03-02"]["step"])
    assert "type in" not in set(frame[day >= "2026-03-02"]["step"])
    assert "legal" in set(frame[day >= "2026-03-03"]["step"])


def test_the_pilots_cases_are_the_same_at_every_step() -> None:
    """A tool for half of the cases: those whose checking is quicker are those whose typing is quicker."""
    lever = {"effects": [{"field": f"steps.{s}.automatic", "set": "1 h"} for s in (HANDED, "wait")], "rollout": {"from": "2026-01-05", "share": 0.5}}
    design = apply(selling({"l": lever}), {"l": True})
    one, other = (hours(design, step).groupby("case")["hours"].first() == 1.0 for step in (HANDED, "wait"))
    both = one.index.intersection(other.index)
    assert len(both) > 100
    assert (one[both] == other[both]).all()
    assert 0.4 < one.mean() < 0.6


def test_a_dip_slows_the_teams_whose_work_changes() -> None:
    """Two weeks at half of the pace: 30 min of a person take 60."""
    lever = {"effects": [{"field": "steps.quote.work", "factor": 1}], "rollout": {"from": "2026-03-02", "dip": {"factor": 0.5, "for": "2 weeks"}}}
    base = selling({"l": lever}, **{"steps.quote.work": "30 min"})
    found = hours(apply(base, {"l": True}), "quote")
    inside = (found["day"] >= "2026-03-02") & (found["day"] < "2026-03-16")
    assert set(found[inside]["hours"]) == {1.0}
    assert set(found[~inside]["hours"]) == {0.5}
