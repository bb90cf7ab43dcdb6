"""Choices that hold in more than one future: demand as it may turn out, each way with its weight, judged by the mean or by the worst runs.

Each replication meets one future, drawn by its number, so that replications are still independent and alike and every interval,
selection and label holds for the mixture. Uncertain values are drawn in each replication as ever.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.errors import InputError
from salessim.experiment import Wanted, replicate_each
from salessim.results import Results
from salessim.units import share

if TYPE_CHECKING:
    from salessim.measures import Measure
    from salessim.scenario.model import Scenario

WORST = 20
"""Runs among the worst from which on the paired interval of their mean holds what it says (`tests/test_robust.py`)."""
AS_IT_IS = "as it is"
_FUTURE = re.compile(r"(?P<name>[^,:]+?)\s*,\s*(?P<weight>[^,:]+?)\s*:\s*(?P<changes>.+)", re.DOTALL)
_CHANGE = re.compile(r"(?P<path>[^=]+?)\s*=\s*(?P<value>.+)", re.DOTALL)
_DRAW = 0x66757475  # tells the draw of a future from all draws of the simulation


@dataclass(frozen=True)
class Future:
    """A way that things may turn out."""

    name: str
    weight: float
    changes: Mapping[str, Any]
    """Path of a field of the scenario -> its value, as for `Scenario.change`."""


@dataclass(frozen=True)
class Outlook:
    """The futures that runs meet, and which of the runs a design is judged by."""

    futures: tuple[Future, ...] = ()
    """With weights that add up to one; nothing for the scenario as it is, alone."""
    tail: float | None = None
    """The share of the worst runs whose mean counts (conditional value at risk); None for the mean over all."""

    def met(self, seed: int, number: int) -> int:
        """Which future a replication meets: the same for every design.

        Example:
            >>> Outlook().met(7, 3)
            0
        """
        if len(self.futures) < 2:
            return 0
        u = np.random.default_rng([_DRAW, seed, number]).random()
        return min(int(np.searchsorted(np.cumsum([f.weight for f in self.futures]), u, side="right")), len(self.futures) - 1)

    def replicate(self, scenario: Scenario, numbers: Sequence[int], *, seed: int, workers: Any) -> Results:
        """Replications of a design, each in the future that it meets."""
        return next(self.replicate_each([(scenario, numbers)], seed=seed, workers=workers))

    def replicate_each(self, wanted: Sequence[Wanted], *, seed: int, workers: Any) -> Iterator[Results]:
        """Replications of several designs side by side, each in the future that it meets; one design after the other."""
        if not self.futures:
            yield from replicate_each(wanted, seed=seed, engine="compiled", workers=workers)
            return
        met = [np.array([self.met(seed, n) for n in numbers]) for _, numbers in wanted]
        parts = [
            (scenario.change(self.futures[k].changes), [int(n) for n, m in zip(numbers, of, strict=True) if m == k])
            for (scenario, numbers), of in zip(wanted, met, strict=True) for k in sorted(set(of.tolist()))
        ]  # fmt: skip
        found = replicate_each(parts, seed=seed, engine="compiled", workers=workers)
        for (scenario, numbers), of in zip(wanted, met, strict=True):
            yield _together(scenario, seed, numbers, of, list(islice(found, len(set(of.tolist())))))

    def figure(self, results: Results, about: Measure) -> float:
        """What a design is judged by in few runs: the mean, or the mean of the worst runs."""
        if self.tail is None:
            return results.estimate(about.name).value
        x = np.sort(_bad(about) * results.values(about.name))[::-1]
        worst = self.tail * len(x)
        weights = np.clip(worst - np.arange(len(x)), 0, 1)
        return _bad(about) * float(np.sum(weights * x) / worst)

    def threshold(self, results: Results, about: Measure) -> float:
        """From where on a run is one of the worst, as pilot runs see it."""
        assert self.tail is not None
        return _bad(about) * float(np.quantile(_bad(about) * results.values(about.name), 1 - self.tail))

    def least(self, runs: int) -> int:
        """So many runs, or more where too few of them would be among the worst."""
        return runs if self.tail is None else max(runs, math.ceil(WORST / self.tail))

    def judged(self, results: Results, thresholds: Mapping[str, float], about: Mapping[str, Measure]) -> Results:
        """The results with figures whose means are what a design is judged by, so that all that holds for means holds for them.

        The mean of the worst share a is the least value of t + E[(X - t)+] / a over all t (Rockafellar & Uryasev 2000), so
        with a threshold t from other runs each run has a figure of its own, and the mean of these is never too good; how
        much it is too bad shrinks with the square of the threshold's error.
        """
        if self.tail is None:
            return results
        pairs = dict(results.pairs)
        for name, t in thresholds.items():
            s, x = _bad(about[name]), results.values(name)
            pairs[name] = np.column_stack([t + s * np.maximum(s * (x - t), 0) / self.tail, np.ones(len(x))])
        return replace(results, pairs=pairs)

    @property
    def words(self) -> str:
        """For people; nothing if there is nothing to say."""
        said = []
        if self.futures:
            said.append(f"Each run meets one future: {', '.join(f'{f.name} {100 * f.weight:.4g} %' for f in self.futures)}.")
        if self.tail is not None:
            said.append(f"Designs are judged by the mean of the worst {100 * self.tail:.4g} % of runs.")
        return " ".join(said)


def _together(scenario: Scenario, seed: int, numbers: Sequence[int], met: Any, parts: list[Results]) -> Results:
    """The replications of a design in each of the futures that it met, in the order of their numbers."""
    names = [n for n in parts[0].pairs if all(n in p.pairs for p in parts)]
    order = np.argsort(np.argsort(met, kind="stable"), kind="stable")
    pairs = {n: np.concatenate([p.pairs[n] for p in parts])[order] for n in names}
    wip = sum(p.wip * len(p.numbers) for p in parts) / len(numbers)
    return Results(scenario, seed, tuple(numbers), pairs, wip)


AS_PLANNED = Outlook()
"""The scenario as it is, and the mean."""


def _bad(about: Measure) -> int:
    """1 where more is worse, else -1."""
    return 1 if about.direction == "lower is better" else -1


def outlook(scenario: Scenario, futures: Iterable[str | Future] = (), robust: str = "mean") -> Outlook:
    """The futures in words, checked against the scenario.

    Args:
        scenario: what they change.
        futures: such as "boom, 30 %: channels.web.arrivals.rate = 90 per week"; several changes are parted by semicolons. What weight they leave is that of the scenario as it is.
        robust: "mean", or "cvar:20%" for the mean of the worst 20 % of runs.

    Raises:
        InputError: words that are no future, a field that does not exist, weights beyond 100 %, a share of the worst that is none.
    """
    found = [f if isinstance(f, Future) else _read(f) for f in futures]
    for f in found:
        try:
            scenario.change(f.changes)
        except InputError as wrong:
            raise InputError(f"future {f.name!r}: {wrong.place}", wrong.problem, wrong.remedy) from None
    twice = sorted({f.name for f in found if [g.name for g in found].count(f.name) > 1})
    if twice:
        raise InputError(f"future {twice[0]!r}", "there are two of that name", "give each a name of its own")
    left = 1 - math.fsum(f.weight for f in found)
    if left < -1e-9 or any(not f.weight > 0 for f in found):
        raise InputError("futures", f"the weights add up to {100 * (1 - left):.6g} %" if left < 0 else "a weight is not above zero", "give weights above 0 % that add up to at most 100 %; what is left is the scenario as it is")
    if found and left > 1e-9:
        found = [Future(AS_IT_IS, left, {}), *found]
    return Outlook(tuple(found), _tail(robust))


def _read(text: str) -> Future:
    match = _FUTURE.fullmatch(text.strip())
    changes = [_CHANGE.fullmatch(part.strip()) for part in match["changes"].split(";") if part.strip()] if match else []
    if match is None or not changes or None in changes:
        raise InputError("future", f"{text!r} is not a future", "write for example 'boom, 30 %: channels.web.arrivals.rate = 90 per week'")
    try:
        weight = share(match["weight"])
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError(f"future {match['name']!r}", problem, remedy or "write for example '30 %'") from None
    return Future(match["name"], weight, {m["path"].strip(): m["value"].strip() for m in changes if m is not None})


def _tail(robust: str) -> float | None:
    if robust == "mean":
        return None
    kind, _, of = robust.partition(":")
    try:
        tail = share(of.strip()) if kind.strip() == "cvar" else math.nan
    except ValueError:
        tail = math.nan
    if not 0 < tail < 1:
        raise InputError("robust", f"{robust!r} is not a way to judge designs", "give 'mean', or 'cvar:20%' for the mean of the worst 20 % of runs")
    return tail


__all__ = ["AS_IT_IS", "AS_PLANNED", "Future", "Outlook", "outlook"]
