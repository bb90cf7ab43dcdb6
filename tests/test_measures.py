"""Measures against recounts by hand: what counts as won and lost, tickets apart, queues to the last minute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from salessim.experiment import compare, replicate
from salessim.measures import MEASURES
from salessim.scenario.model import Scenario


def sales(service: bool = False, **change: Any) -> Scenario:
    """A desk that sells one lead in two; a sale may bring a ticket, which takes nobody's time from the desk."""
    spawns = {"spawns": [{"kind": "ticket", "to": "solve", "probability": 0.9, "after": "2 days"}]} if service else {}
    sign = {"customer": "1 day", "milestone": "won", "then": [{"to": "deliver", "share": 0.8}, {"lost": "withdrew"}]}
    deliver = {"work": "1 h", "by": "desk", "then": [{"done": True, "share": 0.5}, {"lost": "cancelled"}], **spawns}
    return Scenario.parse(
        {
            "name": "sales", "clock": {"start": "2026-01-05", "horizon": "40 weeks", "warm_up": "4 weeks"}, "teams": {"desk": {"size": 3}, "help": {"size": 9}},
            "segments": {"all": {"value": "100 EUR"}},
            "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "60 per week"}}},
            "stages": {
                "lead": {"steps": {"call": {"work": "30 min", "by": "desk", "then": [{"to": "sign", "share": 0.5}, {"lost": "no interest"}]}}},
                "contract": {"steps": {"sign": sign}}, "order": {"steps": {"deliver": deliver}},
                "service": {"steps": {"solve": {"work": "2 h", "by": "help", "then": [{"done": True}]}}},
            },
        }
    ).change(change)  # fmt: skip


def test_a_deal_that_is_lost_afterwards_is_not_won() -> None:
    """Of 100 leads 50 come to the signature, 40 sign, 20 of these cancel: 20 are won, 80 lost."""
    results = replicate(sales(), 400, seed=1, engine="compiled")
    for name, exact in (("win_rate", 20.0), ("lost_share", 80.0), ("lost @ lead", 30.0), ("lost @ contract", 6.0), ("lost @ order", 12.0), ("won", 12.0)):
        e = results.estimate(name)
        assert e.low <= exact <= e.high, name
        assert e.half_width < 0.01 * exact, name
    total = sum(results.estimate(f"lost because {r}").value for r in ("no interest", "withdrew", "cancelled"))
    assert results.estimate("lost_customers").value == pytest.approx(total)
    assert results.values("revenue") == pytest.approx(results.values("won") * 100 * 365.25 / 12 / 7)


@pytest.mark.parametrize("milestone", [True, False])
def test_tickets_are_no_customers_who_arrive(milestone: bool) -> None:
    change: dict[str, Any] = {} if milestone else {"steps.sign.milestone": None}
    without, with_tickets = (replicate(sales(s, **change), 12, seed=2, engine="compiled") for s in (False, True))
    for name in ("win_rate", "lost_share", "arrived", "won", "lost_customers", "revenue", "cycle_time", "time_in_process"):
        assert np.array_equal(without.values(name), with_tickets.values(name), equal_nan=True), name
    tickets = with_tickets.estimate("tickets")
    assert tickets.value == pytest.approx(60 * 0.5 * 0.8 * 0.9, rel=0.05)
    assert with_tickets.estimate("ticket_time").value == pytest.approx(2 / 24, rel=0.01)
    assert without.estimate("tickets").value == 0


def test_first_deals_and_repeat_business_are_told_apart() -> None:
    """Leads are won 2 times in 5 after two waits; who has bought orders again, is won for certain, and takes an hour."""
    again = {"kind": "order", "to": "reorder", "probability": 1.0, "after": "1 day"}
    s = sales()
    repeat = s.change({
        "steps.deliver.then": [{"done": True}],
        "steps.deliver.spawns": [again, {"kind": "friend", "to": "reorder", "probability": 0.5, "after": "1 day", "new_customer": True}],
        "stages.again": {"steps": {"reorder": {"automatic": "1 h", "milestone": "won", "then": [{"done": True}]}}},
    })  # fmt: skip
    found = replicate(repeat, 40, seed=3, engine="compiled")
    leads = 0.5 * 0.8 * 60
    assert found.estimate("won_repeat").value == pytest.approx(leads, rel=0.05)
    assert found.estimate("won_first").value == pytest.approx(1.5 * leads, rel=0.05)  # friends are new customers
    assert found.estimate("win_rate_first").value == pytest.approx(100 * 1.5 * leads / (60 + 0.5 * leads), rel=0.02)
    assert found.values("win_rate_repeat") == pytest.approx(100.0)
    assert found.values("cycle_time_repeat") == pytest.approx(1 / 24)
    assert found.estimate("cycle_time_first").value > 0.5
    for total in ("won", "revenue"):
        assert found.values(f"{total}_first") + found.values(f"{total}_repeat") == pytest.approx(found.values(total))
    assert found.estimate("arrived from order").value == pytest.approx(leads, rel=0.05)
    assert found.values("win rate from order") == pytest.approx(100.0)
    assert found.values("win rate from friend") == pytest.approx(100.0)
    assert "cost of order" not in found.names


def test_without_repeat_business_first_deals_are_all() -> None:
    found = replicate(sales(service=True), 6, seed=3, engine="compiled")
    for name in ("win_rate", "cycle_time", "won", "revenue"):
        assert np.array_equal(found.values(f"{name}_first"), found.values(name))
    assert np.isnan(found.values("win_rate_repeat")).all()
    assert (found.values("won_repeat") == 0).all()
    assert "arrived from ticket" not in found.names  # a ticket cannot be won


def test_those_who_still_wait_are_not_forgotten() -> None:
    """Newest first hides the queue from the served; by Little's law both orders keep people waiting alike."""
    def crowded(queue: str) -> float:
        base = sales(**{"steps.call.work": "10 h", "steps.call.queue": queue, "clock.horizon": "20 weeks"})
        return replicate(base, 4, seed=3, engine="compiled").estimate("waiting @ call").value

    first, newest = crowded("first_come"), crowded("newest_first")
    assert newest == pytest.approx(first, rel=0.05)
    assert newest > 100


def test_the_queues_of_the_steps_add_up() -> None:
    results = replicate(sales(), 20, seed=4, engine="compiled")
    steps = [n for n in results.names if n.startswith("queue @ ")]
    assert len(steps) == 3  # all staffed steps, whether somebody came or not
    assert sum(results.estimate(n).value for n in steps) == pytest.approx(results.estimate("queue").value)
    assert all(results.estimate(n).missing == 0 for n in steps)


def test_the_change_of_a_ratio_is_the_difference_of_the_ratios() -> None:
    base = sales(**{"teams.desk.cost": "50 EUR/hour", "clock.horizon": "6 weeks", "channels.web.arrivals.rate": "8 per week"})
    gain = compare(base, base.change({"steps.call.then": [{"to": "sign", "share": 0.6}, {"lost": "no interest"}]}), replications=30, seed=5, engine="compiled")
    change = gain.difference("cost_per_win").change
    a, b = (r.estimate("cost_per_win").value for r in gain.results)
    assert change.value == pytest.approx(b - a)
    assert gain.difference("cost_per_win").relative.value == pytest.approx(b / a - 1)
    assert any(np.isnan(gain.base.values("cost_per_win"))), "some replication is without a win, which is the point"


def test_every_measure_of_an_empty_run_is_a_number_or_does_not_exist() -> None:
    results = replicate(sales(**{"channels.web.arrivals.rate": "0 per week"}), 3, seed=1)
    for name in MEASURES:
        value = results.estimate(name).value
        assert np.isfinite(value) or np.isnan(value), name
