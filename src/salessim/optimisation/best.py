"""What the search recommends, every design it looked at, and the words for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from salessim.catalogue import Catalogue, catalogue
from salessim.margins import NEGLIGIBLE, SAME, UNCLEAR
from salessim.optimisation import kept
from salessim.optimisation.by_future import Futures
from salessim.optimisation.front import Shown
from salessim.optimisation.idle import said_of_idle
from salessim.optimisation.kept import Check
from salessim.optimisation.limits import Limit
from salessim.optimisation.obstacles import Obstacle
from salessim.optimisation.prices import CoreStep, Price
from salessim.optimisation.robust import AS_PLANNED, Outlook
from salessim.optimisation.said import plain, said, size
from salessim.optimisation.selection import Selection
from salessim.optimisation.sensitivity import Sensitivity
from salessim.optimisation.space import Settings
from salessim.payback import Payback, payback
from salessim.results import Comparison
from salessim.scenario.kinds.base import listed
from salessim.scenario.levers import apart, assumed, without_work
from salessim.scenario.overrides import warnings as overridden
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario
    from salessim.statistics import Estimate

CONFIDENCE = 0.95
"""Of every promise about a recommendation."""


LEFT = "What one step of the other levers would do"
"""Heading of the levers that the recommended design leaves alone."""


@dataclass(frozen=True)
class Trial:
    """One design that the search looked at."""

    number: int
    settings: Settings
    words: tuple[str, ...]
    values: Mapping[str, float] | None
    """Objectives, cost and the figure of each limit (by its key), over the replications; None if it was refused."""
    refused: str | None
    feasible: bool
    given_up: bool = False
    """Whether the search ran it no further, because another was surely better in the same runs."""


@dataclass(frozen=True)
class Screening:
    """What queueing theory made of the designs, and how far simulation agreed."""

    designs: int
    """Designs that were judged by theory."""
    front: int
    """Designs that no other judged design beats by theory."""
    agreement: Mapping[str, Estimate]
    """Objective -> Spearman's rank correlation of theory and simulation over the designs that were simulated; NaN below three of them."""
    able: tuple[int, int] | None = None
    """Of a space small enough to judge each design: how many keep up with the work and keep the limits by theory, and how many there are."""

    def lines(self, known: Catalogue) -> list[str]:
        """For people."""
        told = [f"queueing theory judged {self.designs:,} designs before any was simulated, {self.front:,} of them on its front"] if self.designs else []
        if self.able is not None:
            told.append(f"of all {self.able[1]:,} designs {self.able[0]:,} keep up with the work and keep the limits by theory; the search looks at these and next to them")
        for name, r in self.agreement.items():
            phrase = known.about(name).phrase
            if not math.isfinite(r.value):
                told.append(f"{phrase}: theory cannot say, or too few designs were simulated to compare")
                continue
            said = f"{phrase}: over {r.n} simulated designs its order and that of simulation agree at {r.value:.2f}" + (f" ({r.low:.2f} to {r.high:.2f})" if math.isfinite(r.low) else "")
            told.append(said + ("" if r.low > 0 else ": theory was no help here, and the search found its own way"))
        return told


@dataclass(frozen=True)
class Best:
    """What the search recommends, and why it can be believed."""

    scenario: Scenario
    """The recommended design; today's if nothing is clearly better."""
    today: Scenario
    settings: Settings
    words: tuple[str, ...]
    objectives: tuple[str, ...]
    limits: tuple[Limit, ...]
    trials: tuple[Trial, ...]
    front: tuple[int, ...]
    """Numbers of the trials on the front: with several objectives those that fresh runs show to be on it (labelled in)."""
    final: Comparison
    """Today and the recommended design on fresh seeds."""
    flattery: Mapping[str, float]
    """What the search said of the recommended design's change against today less what fresh runs say of it: the winner's curse."""
    designs: int
    """How many designs there are in all."""
    changed: bool
    rejected: str = ""
    """Why the most promising design was not recommended, if none was."""
    chosen: Trial | None = None
    """What the search knew of the recommended design."""
    selection: Selection | None = None
    """How the recommended design was selected among the finalists, today's process among them; None if there was nothing to select from."""
    checks: tuple[Check, ...] = ()
    """The limits on fresh runs of the recommended design, or of today's if nothing is recommended."""
    obstacle: Obstacle | None = None
    """Which limit is in the way, if none of the designs keeps them."""
    shown: tuple[Shown, ...] = ()
    """With several objectives: the recommended design, today's and some of the front, labelled on fresh runs."""
    undecided: tuple[int, ...] = ()
    """Numbers of the trials that no other beats in the search's runs, and of which fresh runs do not say, or that were not run again."""
    prices: tuple[Price, ...] = ()
    """What each limit costs, seen from the recommended design."""
    core: tuple[CoreStep, ...] = ()
    """What each core step costs."""
    matters: Sensitivity | None = None
    """What each change of the recommended design brings, and pairs of them."""
    outlook: Outlook = AS_PLANNED
    """The futures that runs met, and which runs counted."""
    futures: Futures | None = None
    """The recommended design in each future by itself, if there are several."""
    judged: Comparison | None = None
    """Today and the recommended design by what designs are judged by: as `final`, unless the worst runs are what counts."""
    screening: Screening | None = None
    """What theory said before anything was simulated."""
    searched: int = 0
    """Replications that the search took."""
    choosing: int = 0
    """Replications on fresh seeds that the selection took, and what changes hardly help, before the comparison with today."""
    proposed: bool = False
    """Whether the scenario declared no levers, so that they were proposed here."""
    idle: Mapping[str, int] = field(default_factory=dict)
    """Levers that changed no figure of any run, with the number of pairs of designs that say so."""
    stopped: str = ""
    """Why the search ended before it had looked at as many designs as asked; nothing if it did."""

    def cautions(self) -> list[str]:
        """What the recommendation rests on besides the model: assumed effects and prices."""
        found = [*overridden(self.scenario), *(assumed(self.today, self.settings) if self.changed else [])]
        found += said_of_idle(self.idle)
        if self.proposed:
            found.append("The scenario declares no levers: those tried here, their effects and their prices were made up by salessim. Put your own under 'levers:' before deciding.")
            if idle := without_work(self.today):
                found.append(f"The size of {listed(idle)} is not among them: all work there takes no time in the model, as where a log does not tell when work begins, so nobody waits for people.")
        if self.outlook.tail is not None and len(self.words) > 1:
            found.append(f"Changes that hardly help are still among those recommended: designs are judged by the worst {100 * self.outlook.tail:.4g} % of runs, and few runs say too little of these to take a change back. 'What each change brings' says which of them show no clear effect.")
        if not any(team.cost for team in self.today.teams.values()):
            found.append("No team has a cost in this scenario: more staff is free here. Set 'cost' before deciding.")
        return found

    @property
    def distinct(self) -> list[Trial]:
        """The designs that were looked at, each once."""
        return list({repr(sorted(t.settings.items())): t for t in reversed(self.trials)}.values())[::-1]

    @property
    def refused(self) -> int:
        """Designs refused before simulation: a team could not keep up, levers exclude each other, or the plan itself breaks a limit."""
        return sum(t.refused is not None for t in self.distinct)

    @property
    def simulated(self) -> int:
        """Designs that the search simulated."""
        return sum(t.values is not None for t in self.distinct)

    @property
    def settled(self) -> bool:
        """Whether what is recommended, be it to change nothing, is shown to keep the limits."""
        return self.changed or (not self.alone and kept.verdict(self.checks) == kept.KEPT)

    @property
    def alone(self) -> bool:
        """Whether no design but today's was looked at, though there are others."""
        return len(self.distinct) == 1 < self.designs

    @cached_property
    def payback(self) -> Payback | None:
        """When the recommended design breaks even against today, over all futures; None without one-off costs of its own."""
        return self.futures.payback if self.futures is not None else None if self.outlook.futures else payback(self.final)

    def sentences(self) -> list[str]:
        """The recommendation in three sentences, each of them true whatever came out; then the promise about the choice, and when one-off costs are made up for."""
        looked = f"{len(self.distinct)} of {self.designs:,} designs were looked at, {self.refused} of them refused before simulation, {self.simulated} simulated"
        if not self.changed:
            return [self._first(), f"{looked}.", self.rejected or f"Check the levers and their limits{'' if len(self.distinct) >= self.designs else ', or search longer,'} before drawing conclusions.", *self._labels()]
        parts = [self._said(name) + self._from(name) for name in self.objectives]
        money = [self._said(name) for name in ("cost", "revenue") if self.final.difference(name).verdict != "the same"]
        said = "; ".join(money) or "cost and revenue stay as they are"
        paid = self.payback
        return [
            f"Recommended: {'; '.join(self.words)}.",
            f"On {len(self.final.base.numbers)} fresh pairs of runs: {'; '.join(parts)} (95 % intervals).",
            f"{said[0].upper()}{said[1:]}, one-off costs spread over the measured time; {looked}.",
            *([self._selected()] if self.selection is not None else []),
            *([f"The limits are shown to hold, with {100 * CONFIDENCE:g} % confidence together: {'; '.join(c.words for c in self.checks)}."] if self.checks else []),
            *self._futures(),
            *self._labels(),
            *([("Over all futures: " if self.futures is not None else "") + paid.sentence()] if paid is not None else []),
        ]

    def further(self) -> dict[str, list[str]]:
        """What else a planner asks, by heading: other designs of the front, what limits and core steps cost, what each change brings."""
        told = {
            "What theory said": self.screening.lines(catalogue(self.today)) if self.screening is not None else [],
            "Instead": [self._instead(s) for s in self.beside],
            "What limits and core steps cost": [*(p.sentence(self.objectives) for p in self.prices), *(c.sentence(self.objectives) for c in self.core)],
            "What each change brings": [e.sentence(self.objectives) for e in self.matters.effects] if self.matters is not None else [],
            LEFT: self.matters.told_of_left(self.objectives) if self.matters is not None else [],
            "What changes bring together": [i.sentence(self.final.catalogue) for i in self.matters.interactions] if self.matters is not None else [],
        }
        return {heading: [plain(line) for line in lines] for heading, lines in told.items() if lines}

    @property
    def beside(self) -> list[Shown]:
        """Designs of the front that may be taken instead of the recommended one."""
        return [s for s in self.listed if s.told and self._other(s) and kept.verdict(s.checks) != kept.BROKEN]

    @property
    def listed(self) -> list[Shown]:
        """The designs that are shown, each of those once that fresh runs do not tell apart."""
        found: list[Shown] = []
        for s in self.shown:
            if not (self._other(s) and any(self._other(known) and self._alike(s, known) for known in found)):
                found.append(s)
        return found

    def _other(self, shown: Shown) -> bool:
        """Whether a design is neither today's nor the recommended one."""
        return bool(shown.words) and shown.settings != self.settings

    def _alike(self, one: Shown, other: Shown) -> bool:
        """Whether two designs that the search's few runs told apart are the same to a planner on fresh runs: no objective differs by what matters."""
        means = ((abs(one.against.results[1].estimate(n).value - other.against.results[1].estimate(n).value), one.against.margin(n)) for n in self.objectives)
        return all(gap <= matters for gap, matters in means)

    def named(self, shown: Shown) -> str:
        """A design that is shown, by what it does otherwise than the recommended one where that is shorter."""
        whole = plain("; ".join(shown.words))
        otherwise = f"as recommended, but {'; '.join(apart(self.today, shown.settings, self.settings))}"
        return min(whole, otherwise, key=len) if self.changed else whole

    def _first(self) -> str:
        """Why nothing is recommended."""
        if self.obstacle is not None:
            return self.obstacle.sentence()
        if self.alone and kept.verdict(self.checks) == kept.KEPT:
            return "Nothing can be recommended yet: no design but today's process was looked at."
        if not self.settled:
            return f"No design is shown to keep the limits ({' and '.join(limit.words for limit in self.limits)}); of the process as it is: {'; '.join(c.words for c in self.checks)}."
        within = " and keeps the limits" if self.limits else ""
        return f"Leave the process as it is: no design that was tried{within} is better by enough to matter."

    def _futures(self) -> list[str]:
        """In which futures and runs the recommended design holds."""
        told = [self.outlook.words] if self.outlook.words else []
        if self.outlook.tail is not None and self.judged is not None:
            told.append(f"In the worst {100 * self.outlook.tail:.4g} % of runs: {'; '.join(said(self.judged, n) for n in self.objectives)}.")
        if self.futures is not None:
            told += self.futures.sentences(self.objectives)
        return told

    def _labels(self) -> list[str]:
        """What the labels of the designs on the front say."""
        mine = next((s for s in self.shown if self.changed and s.settings == self.settings), None)
        if mine is None and not self.beside:
            return []
        how = Counter(s.label for s in self.shown)
        said = f"; the recommended one: {mine.label}" if mine is not None else ""
        return [f"Side by side on fresh runs, {how['in']} of {len(self.shown)} designs, today's among them, are surely on their front (in), {how['out']} surely beaten or over a limit (out), {how['undecided']} undecided: all labels are right together with {100 * CONFIDENCE:g} % confidence{said}."]

    def _instead(self, shown: Shown) -> str:
        """A design beside the recommended one, against today."""
        undecided = "" if kept.verdict(shown.checks) == kept.KEPT else ", limits undecided"
        return f"{self.named(shown)} ({shown.label}{undecided}): {'; '.join(said(shown.against, n) for n in dict.fromkeys([*self.objectives, 'cost']))}."

    def _selected(self) -> str:
        """The promise about the choice."""
        found = self.selection
        assert found is not None
        what = "the objectives' mean" if len(self.objectives) > 1 else catalogue(self.today).about(self.objectives[0]).phrase
        return (
            f"Selected among {len(found.runs)} finalists in {found.replications:,} fresh runs: with {100 * found.confidence:g} % confidence none of them is better in {what} by more than {100 * found.within:.2g} % of today's"
            + ("." if found.decided else f"; to tell {100 * found.indifference:g} %, give more --final runs.")
            + f" What the search's few runs said of the change less what the fresh ones say (the winner's bias): {self._bias()}."
        )

    def _bias(self) -> str:
        """How much the search flattered the recommended design, in words."""
        known = self.final.catalogue
        return "; ".join(f"{known.about(n).phrase} {size(v)} {known.about(n).unit}".rstrip() for n, v in self.flattery.items())

    def _from(self, name: str) -> str:
        """Between which figures an objective changes, without which no change means anything to a planner, and whether it matters."""
        word = self.final.word(name)
        if word in (SAME, UNCLEAR):
            return ""
        before, after = (rounded(r.estimate(name).value) for r in self.final.results)
        return f", from {before} to {after}" + (", too little to matter" if word == NEGLIGIBLE else "")

    def _said(self, name: str) -> str:
        """What becomes of a measure."""
        return said(self.final, name)


__all__ = ["CONFIDENCE", "LEFT", "Best", "Screening", "Trial"]
