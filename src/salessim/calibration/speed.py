"""What a late answer costs: conversion against the wait for the first one, with what else may explain both.

Customers who were answered late and bought less may have been other customers. What the log shows of that (channel,
segment, amount, weekday, hour, how much came in) is held equal; what it does not show remains, so only a share of the
slope found is taken to be an effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim.calibration.history import arrival_seen, ends, seconds
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.survival import kaplan_meier
from salessim.units import say_share

if TYPE_CHECKING:
    from salessim.log import EventLog

CAUSAL_SHARE = 0.5
"""Of a slope that is observed, so much is taken to be an effect, if nobody says otherwise."""
SURE = 1.96
"""Standard errors beyond which a slope is believed, as an interval of 95 % without zero says."""
LEAST_PER_CAUSE = 10
"""Won cases, and cases not won, for each coefficient (Peduzzi et al. 1996)."""
LEAST_WATCHED = 0.1
"""Cases whose endings so few would have been observed long enough to see are not weighted up further."""
BANDS = 3
"""Of amounts, and of how much came in during the week before."""


@dataclass(frozen=True)
class Effect:
    """How conversion falls with the wait for the first answer."""

    step: str
    """Where customers are answered first."""
    slope: float
    """Of the logarithm of the chance to win, per second of waiting, as observed."""
    error: float
    """Its standard error."""
    cases: int
    waits: Any
    """Seconds of those who were answered."""

    @property
    def sure(self) -> bool:
        """Whether waiting surely goes with winning less."""
        return self.slope < -SURE * self.error

    def half_life(self, share: float) -> float:
        """Seconds of waiting that halve the chance, with so much of the slope taken as an effect."""
        return math.log(2) / (share * -self.slope)


def effect(log: EventLog) -> Effect | None:
    """The slope of conversion against the first wait; None where the log cannot tell.

    A case is won when it is completed. Cases still open count through those like them that have ended: each ended case
    weighs as many as were not watched long enough to see such an end.

    Source:
        Relative risks by Poisson regression with a robust error (Zou 2004); inverse probability of censoring weights
        (Robins and Rotnitzky 1992).
    """
    if not arrival_seen(log):
        return None
    first = log.frame[~log.frame["step"].isin([WAITING, SYSTEM])].drop_duplicates("case").set_index("case")
    answered = first[first["started"].notna() & (first["person"] != "")]
    if answered.empty:
        return None
    step = str(answered["step"].value_counts().index[0])
    answered = answered[answered["step"] == step]
    over = ends(log).reindex(answered.index)
    closed = (over["outcome"] != "open").to_numpy()
    won = (over["outcome"] == "completed").to_numpy()
    born = seconds(answered["enabled"])
    wait = seconds(answered["started"]) - born
    weight = _weights(seconds(over["ended"].fillna(pd.Timestamp(log.about.end))) - born, closed)
    x = _causes(answered, log.about.time_zone, wait)
    if min(int(won.sum()), int((closed & ~won).sum())) < LEAST_PER_CAUSE * x.shape[1]:
        return None
    if np.sum(wait != np.median(wait)) < LEAST_PER_CAUSE * x.shape[1]:  # hardly anybody waits longer than the others
        return None
    scale = float(wait.std())
    slope, error = _relative_risk(x, won.astype(float), weight)
    return Effect(step, slope / scale, error / scale, len(answered), wait)


def _weights(time: Any, closed: Any) -> Any:
    """One over the share of cases that would have been watched at least so long; open cases none."""
    at, watched, _ = kaplan_meier(time, ~closed)
    before = np.concatenate([[1.0], watched])[np.searchsorted(at, time, side="left")]
    return np.where(closed, 1 / np.maximum(before, LEAST_WATCHED), 0.0)


def _causes(answered: pd.DataFrame, zone: str, wait: Any) -> Any:
    """The design: the wait first, then everything that may explain it and the outcome, without what is the same for all."""
    local = answered["enabled"].dt.tz_convert(zone)
    born = np.sort(seconds(answered["enabled"]))
    load = np.searchsorted(born, seconds(answered["enabled"])) - np.searchsorted(born, seconds(answered["enabled"]) - 7 * 86_400)
    told = {
        "channel": answered["channel"], "segment": answered["segment"], "amount": _bands(answered["value"].to_numpy(float)),
        "weekday": local.dt.day_of_week, "hour": local.dt.hour // 6, "load": _bands(load.astype(float)),
    }  # fmt: skip
    columns = [np.asarray((wait - wait.mean()) / max(float(wait.std()), 1e-9)), np.ones(len(wait))]
    for values in told.values():
        groups = pd.Series(np.asarray(values)).value_counts()
        # Groups too small for a coefficient of their own stay with the largest.
        columns += [(np.asarray(values) == g).astype(float) for g, n in list(groups.items())[1:] if n >= LEAST_PER_CAUSE]
    return np.column_stack(columns)


def _bands(values: Any) -> Any:
    return np.searchsorted(np.unique(np.quantile(values, np.arange(1, BANDS) / BANDS)), values, side="right")


def _relative_risk(x: Any, y: Any, weight: Any) -> tuple[float, float]:
    """The first coefficient of a log-linear model of shares, and its robust standard error."""
    beta = np.zeros(x.shape[1])
    beta[1] = math.log(max(1e-9, float(np.sum(weight * y) / np.sum(weight))))
    ridge = 1e-6 * np.eye(len(beta))  # keeps causes that say the same apart
    for _ in range(50):
        mean = np.exp(np.minimum(x @ beta, 5.0))
        move = np.linalg.solve(x.T @ (x * (weight * mean)[:, None]) + ridge, x.T @ (weight * (y - mean)))
        beta += np.clip(move, -1, 1)
        if np.abs(move).max() < 1e-9:
            break
    mean = np.exp(np.minimum(x @ beta, 5.0))
    bread = np.linalg.inv(x.T @ (x * (weight * mean)[:, None]) + ridge)
    score = x * (weight * (y - mean))[:, None]
    return float(beta[0]), math.sqrt(max(0.0, float((bread @ (score.T @ score) @ bread)[0, 0])))


def put(step: dict[str, Any], found: Effect, share: float, say: Any) -> bool:
    """Let the ways on from a step fade with the time queued there; whether it could be done.

    What fades is lost there, by the way out that takes the rest. Shares are raised by what the waits seen have cost
    already, so that with the same waits as many go on as in the log.

    Args:
        step: its paragraph.
        found: the effect.
        share: of the slope that is taken as an effect.
        say: writes seconds as a time in words.
    """
    ways = step["then"]
    given = [float(str(w["share"]).rstrip(" %")) / 100 if "share" in w else None for w in ways]
    known = [s for s in given if s is not None]
    whole = [1 - sum(known) if s is None else s for s in given]
    out = [i for i, w in enumerate(ways) if "lost" in w and "limit" not in w]
    on = [i for i, w in enumerate(ways) if "lost" not in w]
    if not out or not on or any("limit" in w for w in ways):
        return False
    half = found.half_life(share)
    kept = float(np.mean(np.exp2(-found.waits / half)))
    raised = min(1 / kept, (1 - 1e-4) / max(1e-9, sum(whole[i] for i in on)))
    rest = max(out, key=lambda i: (whole[i], -i))
    others = sum(whole[i] for i in out if i != rest)
    going = sum(whole[i] for i in on) * raised
    less = min(1.0, (1 - going) / others) if others else 1.0
    low, high = (math.log(2) / max(1e-15, share * (-found.slope + s * SURE * found.error)) for s in (1, -1))
    for i, way in enumerate(ways):
        way.pop("share", None)
        if i in on:
            way["share"] = say_share(math.floor(1e5 * whole[i] * raised) / 1e5)
            way["fades"] = {
                "law": "exponential", "half_life": say(half),
                "source": f"data: {found.cases:,} first answers; half-life {say(half)} ({say(low)} to {say(high)}) with {100 * share:g} % of the slope",
                "assumption": f"{100 * share:g} % of what was observed is an effect of waiting",
            }  # fmt: skip
        elif i != rest:
            way["share"] = say_share(math.floor(1e5 * whole[i] * less) / 1e5)
    return True

