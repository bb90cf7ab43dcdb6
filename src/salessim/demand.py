"""How cases come into being: the arrivals of a channel and what each case brings with it.

Arrivals are a unit-rate Poisson process of named draws, put through the inverse of the channel's cumulative
intensity (time change; Çınlar 1975, Lewis & Shedler 1979). So a channel that is scaled up keeps its pattern, and
arrival n of a channel does not depend on any other. Over-dispersion multiplies each day by a Gamma draw of its own;
where the level wanders, each day multiplies it by a lognormal draw of mean 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from salessim.durations import LawTable, sample, ticks
from salessim.hours import FOREVER
from salessim.jit import called, inlined
from salessim.streams import Purpose, block, child_key, uniform, unit_exponential

_ARRIVAL, _ATTRIBUTES, _DAY, _SPAWN = int(Purpose.ARRIVAL), int(Purpose.ATTRIBUTES), int(Purpose.DAY), int(Purpose.SPAWN)


class Sources(NamedTuple):
    """The channels, one entry each; slots are stretches of constant rate."""

    key: Any
    goal: Any
    """The step a case enters."""
    cost: Any
    """Money per case."""
    first_slot: Any
    last_slot: Any
    slot_start: Any
    slot_rate: Any
    """Cases per tick; float64."""
    slot_day: Any
    """Days since the start: the name of the slot's Gamma draw."""
    daily_law: Any
    """Law of the factor of a day, or -1."""
    drift_law: Any
    """Law of the factor by which the level changes from one day to the next, or -1."""
    first_batch: Any
    last_batch: Any
    batch_mark: Any
    """Cumulative shares of the batch sizes."""
    batch_size: Any
    first_replay: Any
    last_replay: Any
    """Recorded arrivals of a channel without slots."""
    replay_time: Any
    first_mix: Any
    last_mix: Any
    mix_since: Any
    """Tick from which each mix of segments holds; the first of a channel holds from the beginning."""
    mix: Any
    """[mix, segment] cumulative shares."""
    copy: Any
    """The spawn by which an arrival may come again, or -1."""
    copy_mark: Any
    """The attribute that is 1 for such a copy, or -1."""
    market: Any
    """The market the channel draws on, or -1."""
    market_size: Any
    market_returns: Any
    """Law of the time after which the lost may come again, or -1; by market."""


class Segments(NamedTuple):
    """What a case of each segment is worth."""

    size: int
    value: Any
    """Law of the deal value, or -1."""
    customer: Any
    """0 where they are no customers: junk, copies."""


@inlined
def cumulate(sources: Sources, laws: LawTable, seed, replication, cumulative, factor) -> None:
    """Fill the cumulative intensity at the start of each slot, and each slot's factor of the day."""
    for s in range(sources.key.shape[0]):
        total, day, today, level = 0.0, -1, 1.0, 1.0
        first, last = sources.first_slot[s], sources.last_slot[s]
        for i in range(first, last):
            if sources.slot_day[i] != day and (sources.daily_law[s] >= 0 or sources.drift_law[s] >= 0):
                words = block(seed, replication, sources.key[s], sources.slot_day[i], 0, _DAY)
                if sources.daily_law[s] >= 0:
                    today = sample(laws, sources.daily_law[s], words[0])
                if sources.drift_law[s] >= 0 and day >= 0:
                    level *= sample(laws, sources.drift_law[s], words[1])
                day = sources.slot_day[i]
            cumulative[i] = total
            factor[i] = today * level
            if i + 1 < last:
                total += sources.slot_rate[i] * factor[i] * float(sources.slot_start[i + 1] - sources.slot_start[i])


@inlined
def next_arrival(sources: Sources, seed, replication, s: int, serial: int, reached: float, slot: int,
                 cumulative, factor):  # fmt: skip
    """Time of arrival `serial` of channel `s`, and where the search stands: (time, reached, slot, batch size).

    `reached` is the intensity used up by the arrivals before, `slot` the slot of the last one. FOREVER: no more.
    """
    if sources.last_slot[s] == sources.first_slot[s]:  # replayed, perhaps nothing within the horizon
        i = sources.first_replay[s] + serial
        return (sources.replay_time[i] if i < sources.last_replay[s] else FOREVER), reached, slot, 1
    words = block(seed, replication, sources.key[s], serial, 0, _ARRIVAL)
    reached += unit_exponential(words[0])
    while slot + 1 < sources.last_slot[s] and cumulative[slot + 1] <= reached:
        slot += 1
    rate = sources.slot_rate[slot] * factor[slot]
    if rate <= 0.0:
        return FOREVER, reached, slot, 1
    late = (reached - cumulative[slot]) / rate
    size = 1
    if sources.last_batch[s] > sources.first_batch[s]:
        mark = uniform(words[1])
        i = sources.first_batch[s]
        while i + 1 < sources.last_batch[s] and mark >= sources.batch_mark[i]:
            i += 1
        size = sources.batch_size[i]
    if late >= 4.0e18:
        return FOREVER, reached, slot, size
    return sources.slot_start[slot] + int(late + 0.5), reached, slot, size


@inlined
def case_key(sources: Sources, s: int, serial: int, member: int):
    """The key of a case that came by itself: its channel, the arrival's serial number, its place in the batch."""
    return child_key(sources.key[s], serial, member)


@inlined
def mix_at(sources: Sources, s: int, now: int):
    """The mix of segments in which a channel brings cases at a time."""
    i = sources.first_mix[s]
    while i + 1 < sources.last_mix[s] and sources.mix_since[i + 1] <= now:
        i += 1
    return i


@called
def finds_customer(size: int, taken: int, seed, replication, key) -> bool:
    """Whether an arrival finds somebody who is not among the `taken` of its market: a draw of its own decides."""
    words = block(seed, replication, key, 0, 0, _ATTRIBUTES)
    return uniform(words[2]) * float(size) >= float(taken)


@inlined
def returns_after(sources: Sources, laws: LawTable, market: int, seed, replication, key) -> int:
    """Ticks after which a customer who was lost may come again; FOREVER if never."""
    law = sources.market_returns[market]
    if law < 0:
        return FOREVER
    return ticks(sample(laws, law, block(seed, replication, key, 0, 0, _ATTRIBUTES)[3]))


@inlined
def copy_after(sources: Sources, laws: LawTable, spawns, segments: int, s: int, segment: int, seed, replication, key) -> int:
    """Ticks after which an arrival comes again as another case; FOREVER if it does not."""
    which = sources.copy[s]
    words = block(seed, replication, key, spawns.key[which], 0, _SPAWN)
    if uniform(words[0]) >= spawns.share[which * segments + segment]:
        return FOREVER
    return ticks(sample(laws, spawns.delay[which], words[1]))


@inlined
def attributes(segments: Segments, laws: LawTable, mix, first: int, fixed: int, seed, replication, key):
    """(segment, value) of a new case; `fixed` is the segment if it is known, else -1 and drawn from mix[first:]."""
    words = block(seed, replication, key, 0, 0, _ATTRIBUTES)
    segment = fixed
    if segment < 0:
        mark = uniform(words[0])
        segment = 0
        while segment + 1 < segments.size and mark >= mix[first + segment]:
            segment += 1
    law = segments.value[segment]
    return segment, (sample(laws, law, words[1]) if law >= 0 else 0.0)
