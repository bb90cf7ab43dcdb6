"""What stands in words beside the figures of a learnt scenario: facts of the log, and what was assumed where it is silent.

Each sentence is a function of what was found; what is found, and whether it is said, is decided elsewhere (`learn`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salessim.calibration import laws
from salessim.calibration.history import ends
from salessim.importers.eventlog import clean, clean_about
from salessim.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from salessim.calibration.arrivals import Inflow
    from salessim.calibration.channels import Conversion
    from salessim.calibration.covariates import Effects
    from salessim.calibration.journey import Moves
    from salessim.calibration.patience import Patience
    from salessim.calibration.queues import Impatient, Settled
    from salessim.calibration.speed import Effect
    from salessim.calibration.swings import Wander
    from salessim.log import EventLog

MOST_NAMED = 3
"""Steps that one sentence names."""
MOST_CHANNELS = 8
"""Channels whose share of wins is told."""
FIRST_VISITS = "When a case came in is not logged: its first visit counts as its arrival. What it waited before is not seen, so the response time of the model is its queue alone."


# --- the journey ----------------------------------------------------------------------------------------------------


def put_back(missing: int) -> str:
    """Of a file that holds whole cases only."""
    return f"The log surely holds only cases that ended in its window, so long ones that came late are missing: {missing:,} of them were put back as open cases, by how many arrivals each duration stands for."


def not_taken_up(count: int, activities: Sequence[str]) -> str:
    """Of visits that ended with their case before anybody began them."""
    more = f" and {len(activities) - MOST_NAMED:,} more" if len(activities) > MOST_NAMED else ""
    return f"{count:,} visits to {', '.join(map(repr, activities[:MOST_NAMED]))}{more} have no start and end with a lost case, as hardly any others do: nobody took them up, so they take no time and nobody."


def journeys(log: EventLog, moves: Moves) -> str:
    """How many cases there are, and what tells their visits apart."""
    memory, open_ = moves.memory, int((ends(log)["outcome"] == "open").sum())
    asked = [about for about in ("channel", "segment", "value", "age") if memory.asks(about)]
    known = f" and by {' and '.join(asked)}" if asked else ""
    return (
        f"{counted(log.frame['case'].nunique(), 'case')}, {open_:,} of them still open and taken as censored; "
        f"visits told apart by their past{known} at {counted(len(memory.trees), 'activity', 'activities')} ({counted(sum(map(memory.count, memory.trees)), 'state')}); {counted(moves.dropped, 'rare move')} left out"
    )


def rhythm(own: int, activities: int, after: int) -> str:
    """Activities with hours of their own, of which so many times others after one activity than after another."""
    apart = f", {counted(after, 'time')} others after another activity" if after else ""
    return f"{own} of {activities} activities are reached at hours of their own{apart}, rare hours included; waits before them run on a clock of that pace"


def follows_unseen(name: str) -> str:
    """Of a step after which nothing was ever seen."""
    return f"What follows {name!r} was never seen: the case is taken to end there."


def never_left(name: str, moves: int) -> str:
    """Of a step from which no end was ever seen, in so many moves."""
    return f"Of {counted(moves, 'move')} from {name!r} none led to an end, now or later: one in {moves + 2:,} is taken to be one, as if one more had been seen either way."


def stay(name: str, share: float) -> str:
    """At the step where cases stay."""
    return f"{100 * share:.1f} % of those that leave {name!r} stay open and nobody touches them any more: none to speak of moved while they were watched"


def who_stays(stays: Mapping[str, float]) -> str:
    """One sentence, however many steps and channels there are that cases never leave; step -> the share of those that leave it."""
    names, shares = sorted(stays, key=lambda name: (-stays[name], name)), stays.values()
    low, high = f"{100 * min(shares):.1f}", f"{100 * max(shares):.1f}"
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return (
        f"{high if low == high else f'{low} to {high}'} % of those that leave {', '.join(map(repr, names[:MOST_NAMED]))}{more} stay open and nobody touches them any more: "
        "none to speak of moved while they were watched. They are neither won nor lost, however long a run is."
    )


def in_process(rows: Sequence[Mapping[str, Any]], left_out: int, end: pd.Timestamp) -> str:
    """Where the open cases are with which a run begins."""
    ways = sum("after" in row for row in rows)
    return f"{len(rows):,} in process on {end:%Y-%m-%d}: {len(rows) - ways:,} at a step, {ways:,} on the way from one" + (f"; {left_out:,} at rare activities left out" if left_out else "")


# --- demand and customers -------------------------------------------------------------------------------------------


def too_many_segments(count: int) -> str:
    """Of segments that are taken together."""
    return f"{count} segments are too many: they are taken together."


def levels(inflows: Mapping[str, Inflow]) -> dict[str, str]:
    """The arrivals of channels whose level changed."""
    return {
        f"Arrivals of {name}": f"{', '.join(f'{level.per_week:.4g} a week from {level.since}' for level in found.levels)}; planning goes on with the last"
        for name, found in inflows.items() if len(found.levels) > 1
    }  # fmt: skip


def wandering(found: Sequence[Wander]) -> str:
    """The ways whose share is not what it was over the whole log."""
    said = [f"from {clean(w.activity) or 'arrival'}{' after giving up' if w.given_up else ''} to {clean(w.goal)} (odds times {math.exp(w.level.now):.2g} today, a standard deviation of {100 * w.level.step:.0f} % a week)" for w in found]
    return f"{'; '.join(said)}; a forecast begins with the level of today"


def by_channel(found: Sequence[Conversion]) -> str:
    """What each of the largest channels brings."""
    return "; ".join(f"{clean_about(c.channel)} {100 * c.share.value:.1f} % ({100 * c.share.low:.1f} to {100 * c.share.high:.1f} %) of {c.cases:,} cases" for c in _largest(found))


def channels_differ(found: Sequence[Conversion]) -> str | None:
    """Where channels surely differ though ways are learnt over all of them together."""
    low, high = min(_largest(found), key=lambda c: c.share.high), max(_largest(found), key=lambda c: c.share.low)
    if low.share.high >= high.share.low:
        return None
    return (
        f"Ways are learnt over all channels together: the model does not know that {clean_about(high.channel)} wins more than {clean_about(low.channel)}. "
        "Where that matters, calibrate one channel at a time, or give the shares by segment."
    )


def _largest(found: Sequence[Conversion]) -> list[Conversion]:
    return sorted(found, key=lambda c: (-c.cases, c.channel))[:MOST_CHANNELS]


def first_answer(found: Effect) -> str:
    """What an hour of waiting costs, with its 95 % interval."""
    hour, margin = 3600 * found.slope, 7056 * found.error  # 1.96 standard errors of an hour
    said = f"{100 * math.expm1(hour):+.2g} % of the chance to win with each hour before {found.step!r} ({100 * math.expm1(hour - margin):+.2g} to {100 * math.expm1(hour + margin):+.2g} %)"
    return f"{said}, with channel, segment, amount, weekday, hour and load held equal"


def causal(share: float) -> str:
    """How much of it is taken for an effect."""
    return f"{100 * share:g} % of how conversion falls with the wait for the first answer is an effect of waiting (--causal-share); what else sets these customers apart is not in the log."


def not_lost_there(step: str) -> str:
    """Of an effect that the model has no place for."""
    return f"Conversion falls with the wait before {step!r}, but nobody is lost there: the model does not know of it."


def left_out(missing: Sequence[str]) -> str:
    """What the log says nothing about."""
    return (f"Not in the log and left out: {', '.join(missing)}. " if missing else "") + "Work on other processes is not seen."


# --- work and queues ------------------------------------------------------------------------------------------------


def only_ends(step: str) -> str:
    """Of an activity without starts."""
    return f"{step!r}: only ends are logged; it takes no time of its own, the wait before it holds everything."


def people_differ(found: Effects) -> str:
    """How far people differ at a step."""
    return f"they differ by {100 * found.people:.0f} % (standard deviation) in how long they take for the same; the law of the times holds that, whoever works"


def work_depends(found: Effects, times: int) -> str:
    """What work at a step depends on, of so many times."""
    return f"{found.words()}, with people held equal; chosen by held-out likelihood of {times:,} times"


def gone(activity: str, found: Patience, tried: int) -> str:
    """Of attempts to reach customers who had left."""
    return (
        f"{activity!r}: {tried:,} visits that people began count as attempts to reach somebody who had left without a word ({100 * found.silent:.0f} % of those who leave): "
        "they are short, and come more often the longer the wait."
    )


def grown(team: str, few: int, many: int) -> str:
    """Of a team that has to be larger than it looked."""
    return f"{team}: {many} instead of {counted(few, 'person', 'people')}; with fewer, cases would wait longer in the model than they did in the log."


def queues(settled: Settled) -> str:
    """How much of the waits are queues, where the log does not tell."""
    return (
        "When a case became ready for work is not logged: the time between visits holds the customer's own time and waiting for people together. "
        f"Of {laws.in_words(settled.before)} of working time, {laws.in_words(max(0.0, settled.before - settled.after))} are queues of the model and were taken out of the customer's time "
        f"({counted(settled.rounds, 'simulation')}); more staff shortens these queues only."
    )


def leavers(name: str, impatient: Impatient, share: float) -> str:
    """Of those who left before work, and the share that queues do not explain."""
    return f"{name!r}: {100 * impatient.share:.1f} % gave up before work began; {100 * share:.1f} % are not explained by the queue of the model and leave before it, whatever the staff."
