"""Where cases come from, as arrays: channels, what comes in by each at every moment, and the markets that they draw on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.demand import Sources
from salessim.durations.specs import Gamma, Lognormal
from salessim.errors import ScenarioError
from salessim.hours import FOREVER
from salessim.order import MOST_ARRIVALS
from salessim.scenario.intensity import mixes, replay_ticks, stretches
from salessim.streams import name_key
from salessim.units import quantity

if TYPE_CHECKING:
    from salessim.scenario.channels import Arrivals
    from salessim.scenario.model import Scenario


def sources_of(
    scenario: Scenario, channels: list[str], segments: list[str], at: Mapping[str, int], copies: Mapping[str, int], number: Callable[[Any], int]
) -> Sources:
    """Where cases come from: how many, when, by which mix of segments, and what each channel costs.

    Args:
        scenario: the scenario.
        channels: names, in the order of their numbers.
        segments: names, in the order of their numbers.
        at: step -> its number.
        copies: channel -> number of the case that an arrival may bring again.
        number: numbers a law.
    """
    column: dict[str, list[Any]] = {f: [] for f in Sources._fields}
    slots = [(np.array([], np.int64), np.array([], np.float64), np.array([], np.int64))]
    clock = scenario.clock
    markets, attributes = sorted(scenario.markets), sorted(scenario.attributes)
    column["market_size"] = [scenario.markets[m].size for m in markets]
    column["market_returns"] = [number(r) if (r := scenario.markets[m].returns) is not None else -1 for m in markets]
    for name in channels:
        channel = scenario.channels[name]
        column["key"].append(name_key(name))
        column["goal"].append(at[channel.enters])
        column["cost"].append(channel.cost.value if channel.cost else 0.0)
        column["first_slot"].append(sum(len(begins) for begins, _, _ in slots))
        if channel.arrivals is not None:
            begins, rates, days = stretches(scenario, channel.arrivals)
            _check_count(scenario, name, channel.arrivals, begins, rates)
            slots.append((begins, rates, days))
        column["last_slot"].append(sum(len(begins) for begins, _, _ in slots))
        cv = channel.arrivals.daily_cv if channel.arrivals else 0.0
        column["daily_law"].append(
            number(Gamma(law="gamma", mean=quantity(1.0), cv=cv)) if cv > 0 else -1
        )
        column["drift_law"].append(number(_daily_step(channel.arrivals.weekly_volatility)) if channel.arrivals and channel.arrivals.weekly_volatility else -1)
        column["first_batch"].append(len(column["batch_size"]))
        batch = (channel.arrivals.batch if channel.arrivals else None) or {}
        total = 0.0
        for size in sorted(batch):
            total += batch[size]
            column["batch_mark"].append(total)
            column["batch_size"].append(size)
        column["last_batch"].append(len(column["batch_size"]))
        column["first_replay"].append(len(column["replay_time"]))
        column["replay_time"] += replay_ticks(scenario, channel.replay)
        column["last_replay"].append(len(column["replay_time"]))
        column["first_mix"].append(len(column["mix_since"]))
        for since, mix in mixes(scenario, channel):
            shares = np.array([mix.get(g, 0.0) for g in segments])
            column["mix_since"].append(since)
            column["mix"] += list(np.cumsum(shares) / shares.sum())
        column["last_mix"].append(len(column["mix_since"]))
        column["copy"].append(copies.get(name, -1))
        mark = channel.duplicates.mark if channel.duplicates else None
        column["copy_mark"].append(attributes.index(mark) if mark is not None else -1)
        column["market"].append(markets.index(channel.market) if channel.market is not None else -1)
    arrays = dict(zip(("slot_start", "slot_rate", "slot_day"), (np.concatenate(of) for of in zip(*slots, strict=True)), strict=True))
    result = {f: np.array(column[f], np.int64) for f in Sources._fields if f not in ("key", "cost", "batch_mark", "mix", *arrays)}
    assert clock.horizon < FOREVER
    return Sources(
        key=np.array(column["key"], np.uint64),
        cost=np.array(column["cost"], np.float64),
        batch_mark=np.array(column["batch_mark"], np.float64),
        mix=np.array(column["mix"], np.float64),
        **arrays,
        **result,
    )


def _daily_step(weekly: float) -> Lognormal:
    """The factor of mean 1 by which a level changes in a day, so that seven of them together have the standard deviation of a week."""
    return Lognormal(law="lognormal", mean=quantity(1.0), cv=math.sqrt((1 + weekly**2) ** (1 / 7) - 1))


def _check_count(scenario: Scenario, name: str, arrivals: Arrivals, begins: Any, rates: Any) -> None:
    count = float(rates @ np.diff(begins, append=scenario.clock.horizon))
    if count > MOST_ARRIVALS:
        raise ScenarioError(
            f"channels.{name}.arrivals.rate", f"{arrivals.rate} brings {count:.3g} arrivals before the horizon",
            f"give a rate or a horizon for at most {MOST_ARRIVALS:,}",
        )  # fmt: skip


__all__ = ["sources_of"]
