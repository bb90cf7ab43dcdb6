"""What money, content and campaigns bring, day by day, and what they cost.

Times here are days since the scenario's start, and every figure of a day is the exact mean over that day: the rate of
a channel is constant within a day apart from its profile, so the integral over whole days is exact.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.units import DAY, WEEK

if TYPE_CHECKING:
    from salessim.scenario.channels import Arrivals, Campaign, Content, Lift, Spend
    from salessim.scenario.model import Clock


def hill(lift: Lift, per_week: Any) -> Any:
    """Cases per tick for money a week, shape as given (Hill 1910): concave beyond the knee, `knee`."""
    money = np.asarray(per_week, float) / lift.half_at.value
    # A power that overflows stands for no cases at all.
    with np.errstate(divide="ignore", over="ignore"):
        share = np.where(money > 0, 1 / (1 + np.where(money > 0, money, 1.0) ** -lift.shape), 0.0)
    return lift.most.per_tick * share


def knee(lift: Lift) -> float:
    """Money a week from which each further amount brings less than the one before; 0 where that is so from the start."""
    k = lift.shape
    return float(lift.half_at.value * ((k - 1) / (k + 1)) ** (1 / k)) if k > 1 else 0.0


def factors(arrivals: Arrivals, start: dt.date, days: int) -> Any:
    """What campaigns multiply the rate of each day by."""
    result = np.ones(days)
    for campaign in arrivals.campaigns:
        if campaign.factor is not None:
            result *= 1 + (campaign.factor - 1) * _presence(campaign, start, days)
    return result


def added(arrivals: Arrivals, start: dt.date, days: int) -> Any:
    """Cases per tick that spend, content and campaigns bring on each day, beside the rate."""
    result = np.zeros(days)
    for campaign in arrivals.campaigns:
        if campaign.adds is not None:
            result += campaign.adds.per_tick * _presence(campaign, start, days)
        if campaign.lift is not None and campaign.spend is not None:
            result += hill(campaign.lift, campaign.spend.amount * WEEK / campaign.spend.per) * _presence(campaign, start, days)
    if arrivals.spend is not None:
        result += hill(arrivals.spend, working_money(arrivals.spend, start, days))
    if arrivals.content is not None:
        result += arrivals.content.per_piece.per_tick * stock(arrivals.content, start, days)
    return result


def _presence(campaign: Campaign, start: dt.date, days: int) -> Any:
    """How much of a campaign's effect there is on each day: 1 while it runs, then what is left of it."""
    first, over = (campaign.start - start).days, (campaign.end - start).days + 1
    day = np.arange(days)
    running = ((day >= first) & (day < over)).astype(float)
    if campaign.decay is None:
        return running
    fading = math.log(2) * DAY / campaign.decay.half_life
    later = np.maximum(day - over, 0)
    return np.where(day >= over, np.exp(-fading * later) * _mean_left(fading), running)


def _mean_left(fading: float) -> float:
    """The mean over a day of what fades at a rate a day and is 1 when the day begins."""
    return -math.expm1(-fading) / fading


def working_money(spend: Spend, start: dt.date, days: int) -> Any:
    """Money a week that is at work on each day: what is spent, or its adstock (Broadbent 1979)."""
    level = np.full(days, spend.per_week.value)
    for change in spend.changes:
        level[max(0, (change.since - start).days) :] = change.per_week.value
    if spend.adstock is None:
        return level
    fading = math.log(2) * DAY / spend.adstock.half_life
    now, result = spend.before.value if spend.before is not None else 0.0, np.empty(days)
    for d in range(days):
        result[d] = level[d] + (now - level[d]) * _mean_left(fading)
        now = level[d] + (now - level[d]) * math.exp(-fading)
    return result


def stock(content: Content, start: dt.date, days: int) -> Any:
    """Pieces' worth of content at work on each day, exactly: sums of what has been published and has aged since."""
    fading, lag = math.log(2) * DAY / content.half_life, content.lag / DAY
    before = content.before.per_tick * DAY if content.before is not None else 0.0
    initial = content.initial if content.initial is not None else before / fading
    time = np.arange(days + 1, dtype=float)

    def gone(age: Any) -> Any:  # the share of a piece that has aged away
        return -np.expm1(-fading * np.maximum(age, 0.0))

    # Integrals from 0 to t of the stock that is there, of what is published all along and of single days.
    total = initial * gone(time) / fading
    steps, level = [(0.0, before)], before
    for at, rate in _publishing(content, start):
        steps.append((at + lag, rate - level))
        level = rate
    for at, more in steps:
        age = np.maximum(time - at, 0.0)
        total = total + more / fading * (age - gone(age) / fading)
    for one in content.published:
        at = (one.date - start).days + lag
        total = total + one.pieces * (gone(time - at) - gone(-at)) / fading
    return np.maximum(np.diff(total), 0.0)


def _publishing(content: Content, start: dt.date) -> list[tuple[float, float]]:
    """Pieces a day from each day on, the first from the start."""
    since = [(0, content.pieces)] + [((c.since - start).days, c.pieces) for c in content.changes]
    by_day = {max(0, at): rate.per_tick * DAY for at, rate in since}
    return [(float(at), by_day[at]) for at in sorted(by_day)]


def outlay(arrivals: Arrivals, clock: Clock) -> float:
    """Money spent on campaigns, advertising and content in the measured window, beside the cost per case."""
    since, until = clock.warm_up / DAY, clock.horizon / DAY

    def overlap(first: float, last: float) -> float:
        return max(0.0, min(last, until) - max(first, since))

    total = 0.0
    for campaign in arrivals.campaigns:
        first, over = (campaign.start - clock.start).days, (campaign.end - clock.start).days + 1
        if campaign.cost is not None and since <= first < until:
            total += campaign.cost.value
        if campaign.spend is not None:
            total += campaign.spend.amount * overlap(first, over) * DAY / campaign.spend.per
    if (spend := arrivals.spend) is not None:
        levels = [(-math.inf, spend.per_week.value)] + [((c.since - clock.start).days, c.per_week.value) for c in spend.changes]
        total += sum(money * overlap(at, end) / 7 for (at, money), end in _until(levels))
    if (content := arrivals.content) is not None and content.cost_per_piece is not None:
        pieces = sum(rate * overlap(at, end) for (at, rate), end in _until(_publishing(content, clock.start)))
        pieces += sum(one.pieces for one in content.published if since <= (one.date - clock.start).days < until)
        total += pieces * content.cost_per_piece.value
    return float(total)


def _until(levels: list[tuple[float, float]]) -> list[tuple[tuple[float, float], float]]:
    """Each level with the time at which the next begins."""
    return list(zip(levels, [at for at, _ in levels[1:]] + [math.inf], strict=True))
