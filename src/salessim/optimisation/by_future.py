"""The recommended design in each future by itself: what it changes, when it pays, and how much is not known besides chance.

The promise of a search is about all futures together, each as often as it weighs; who has to act asks what if it is this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from salessim.experiment import ECHO, Workers, replicate
from salessim.ignorance import ECHOES
from salessim.optimisation.said import only, said
from salessim.payback import Payback, payback
from salessim.results import Comparison, Results
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.association import Spread
    from salessim.optimisation.robust import Future, Outlook


@dataclass(frozen=True)
class InFuture:
    """A future, and today's process and the recommended design in the runs that met it."""

    future: Future
    against: Comparison
    """Of scenarios as they are in that future, with echoes where some of their values are uncertain."""
    payback: Payback | None
    """None without one-off costs of its own."""

    @property
    def runs(self) -> int:
        """How many runs met it."""
        return len(self.against.base.numbers)

    def sentence(self, objectives: Sequence[str]) -> str:
        """For people."""
        told = [*(said(self.against, n) for n in objectives), *([_ignorant(s, self.against, n)] if (n := objectives[0]) and (s := self.against.spread(n)) is not None else [])]
        paid = f" {self.payback.sentence()}" if self.payback is not None else ""
        return f"In the future {self.future.name!r} ({counted(self.runs, 'run')}): {'; '.join(told)}.{paid}"


@dataclass(frozen=True)
class Futures:
    """All futures, one by one and together."""

    each: tuple[InFuture, ...]
    """Those that at least two runs met."""
    together: Comparison
    """Over all futures, with echoes that share the future as well: what is not known is which of them comes, and the uncertain values."""
    payback: Payback | None
    """Over all futures."""

    def sentences(self, objectives: Sequence[str]) -> list[str]:
        """For people."""
        first, spread = objectives[0], self.together.spread(objectives[0])
        over = [f"Over all futures, which of them comes being a part of what is not known: {_ignorant(spread, self.together, first)}."] if spread is not None else []
        return [*(f.sentence(objectives) for f in self.each), *over]


def _ignorant(spread: Spread, against: Comparison, name: str) -> str:
    """How much of the variance of a change between runs is ignorance."""
    share, phrase = spread.ignorance, against.catalogue.about(name).phrase
    if not share.low > 0:
        return f"of the variance of the change of {phrase} ignorance is less than {100 * share.high:.0f} %, the rest is noise"
    return f"of the variance of the change of {phrase} {100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f}) is ignorance, the rest noise"


def by_future(comparison: Comparison, outlook: Outlook, workers: Workers) -> Futures | None:
    """A comparison over futures, taken apart; None without futures.

    Args:
        comparison: of two designs whose runs met futures by their numbers.
        outlook: the futures.
        workers: for the echoes: at most `ignorance.ECHOES` runs more of each design in each future.
    """
    if not outlook.futures:
        return None
    numbers = comparison.base.numbers
    met = np.array([outlook.met(comparison.base.seed, n) for n in numbers])
    found: list[InFuture] = []
    echoes: dict[int, list[Pairs | None]] = {}
    for k, future in enumerate(outlook.futures):
        there = np.flatnonzero(met == k).tolist()
        if not there:
            continue
        part = only(comparison, there)
        part = replace(part, results=tuple(replace(r, scenario=r.scenario.change(future.changes)) for r in part.results))
        again = [_again(r, workers) for r in part.results]
        echoes |= {n: [e.get(n) for e in again] for n in part.base.numbers}
        if len(there) > 1:
            uncertain = any(r.scenario.uncertain for r in part.results)
            with_echoes = replace(part, results=tuple(replace(r, echoes=_stacked(e, r.numbers)) for r, e in zip(part.results, again, strict=True))) if uncertain else part
            found.append(InFuture(future, with_echoes, payback(part)))
    first = numbers[:ECHOES]
    together = replace(comparison, results=tuple(replace(r, echoes=_stacked({n: row for n in first if (row := echoes[n][i]) is not None}, first)) for i, r in enumerate(comparison.results)))
    paid = [f.payback for f in found if f.payback is not None]
    return Futures(tuple(found), together, pooled(paid) if len(paid) == len(found) else None)


def pooled(parts: Sequence[Payback]) -> Payback | None:
    """When a design breaks even over all runs, whichever future they met; each has met futures as often as they weigh."""
    if not parts:
        return None
    days = min(p.curves.shape[1] for p in parts)
    mean = float(np.average([p.one_off for p in parts], weights=[len(p.curves) for p in parts]))
    later = float(np.average([p.later for p in parts], weights=[len(p.curves) for p in parts]))
    return replace(parts[0], one_off=mean, later=later, begins=min(p.begins for p in parts), curves=np.concatenate([p.curves[:, :days] for p in parts]))


Pairs = dict[str, tuple[float, float]]


def _again(results: Results, workers: Workers) -> dict[int, Pairs]:
    """The first runs of a design in a future once more: the same uncertain values, other chance."""
    numbers = results.numbers[:ECHOES]
    more = replicate(results.scenario, [ECHO + n for n in numbers], seed=results.seed, engine="compiled", workers=workers)
    return {n: {name: tuple(pair[i].tolist()) for name, pair in more.pairs.items()} for i, n in enumerate(numbers)}


def _stacked(rows: dict[int, Pairs], numbers: Sequence[int]) -> dict[str, np.ndarray]:
    """Echoes in the order of the runs that they echo, as `Results` keeps them."""
    there = [rows[n] for n in numbers if n in rows]
    return {name: np.array([row[name] for row in there], float) for name in there[0] if all(name in row for row in there)}


__all__ = ["Futures", "InFuture", "by_future", "pooled"]
