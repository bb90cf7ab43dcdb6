"""How many cases come, on average: the channels' arrivals in numbers, for the traffic equations."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from salessim.scenario.intensity import mixes, replay_ticks, slots

if TYPE_CHECKING:
    from salessim.scenario.channels import Channel
    from salessim.scenario.model import Scenario


def arrival_rates(scenario: Scenario) -> dict[tuple[str, str], float]:
    """Mean arrivals per tick over the horizon for each (step entered, segment), from channels alone, copies included.

    In a market to which nobody comes back the expected number that is left is followed exactly; days that differ by more
    than chance, referrals and those who come back are not taken from it.
    """
    result: dict[tuple[str, str], float] = {}
    horizon = scenario.clock.horizon

    def count(channel: Channel, segment: str, cases: float) -> None:
        key = (channel.enters, segment)
        result[key] = result.get(key, 0.0) + cases / horizon

    for channel in scenario.channels.values():
        if channel.arrivals is not None:
            come = _reached if channel.market is not None else _flow
            flow = [*come(scenario, channel), (horizon, 0.0)]
        else:
            flow = []
        recorded = replay_ticks(scenario, channel.replay)
        parts = [*mixes(scenario, channel), (horizon, {})]
        for (since, mix), (until, _) in itertools.pairwise(parts):
            came = float(sum(since <= t < until for t in recorded))
            came += sum(rate * max(0, min(end, until) - max(start, since)) for (start, rate), (end, _) in itertools.pairwise(flow))
            for segment, share in mix.items():
                count(channel, segment, share * came)
                if channel.duplicates is not None:
                    count(channel, channel.duplicates.segment or segment, channel.duplicates.share * share * came)
    return result


def _flow(scenario: Scenario, channel: Channel) -> list[tuple[int, float]]:
    """Cases per tick from each tick on, whatever the market."""
    assert channel.arrivals is not None
    batch = channel.arrivals.batch or {1: 1.0}
    size = sum(n * share for n, share in batch.items())
    return [(start, size * rate) for start, rate, _ in slots(scenario, channel.arrivals)]


def _reached(scenario: Scenario, channel: Channel) -> list[tuple[int, float]]:
    """Mean cases per tick that find somebody left in the channel's market.

    Each of the batches of all channels that share the market leaves a share q = E[1 - (1 - 1/M)^size] less of it, so what
    is left falls as exp(-sum of q times the arrivals), exactly.
    """
    assert channel.market is not None
    market, horizon = scenario.markets[channel.market], scenario.clock.horizon
    if market.returns is not None:
        return _flow(scenario, channel)

    def taken(batch: Mapping[int, float] | None) -> float:
        return sum(share * -math.expm1(n * math.log1p(-1 / market.size)) for n, share in (batch or {1: 1.0}).items()) if market.size > 1 else 1.0

    def use(other: Channel) -> list[tuple[int, float]]:
        assert other.arrivals is not None
        return [(start, taken(other.arrivals.batch) * rate) for start, rate, _ in slots(scenario, other.arrivals)]

    mine = use(channel)
    flows = [use(other) for other in scenario.channels.values() if other.market == channel.market and other.arrivals is not None]
    cuts = sorted({start for flow in [mine, *flows] for start, _ in flow})
    at = [dict(zip(cuts, _levels(flow, cuts), strict=True)) for flow in flows]
    own = dict(zip(cuts, _levels(mine, cuts), strict=True))
    used, result = 0.0, []
    for start, end in itertools.pairwise([*cuts, horizon]):
        rate, width = sum(flow[start] for flow in at), end - start
        left = math.exp(-used)
        used += rate * width
        mean = (left - math.exp(-used)) / (rate * width) if rate * width > 1e-12 else left
        result.append((start, market.size * own[start] * mean))
    return result


def _levels(flow: list[tuple[int, float]], cuts: list[int]) -> list[float]:
    """The rate of a flow at each cut."""
    starts = [start for start, _ in flow]
    return [flow[bisect.bisect_right(starts, cut) - 1][1] for cut in cuts]
