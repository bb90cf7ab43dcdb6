"""What matters in a recommended design, on common seeds of their own: each of its changes taken back alone and in pairs, and a step of each lever that it leaves alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from salessim.catalogue import Catalogue
from salessim.margins import NEGLIGIBLE, SAME
from salessim.optimisation.fresh import ASKING, Fresh
from salessim.optimisation.limits import broken_by_plan
from salessim.optimisation.said import said, size
from salessim.results import Comparison
from salessim.scenario.levers import apart
from salessim.statistics import Estimate, contrast

if TYPE_CHECKING:
    from salessim.optimisation.best import Trial
    from salessim.optimisation.evaluation import Evaluator
    from salessim.optimisation.space import Settings, Space

PAIRED = 3
"""Levers of which every pair is looked at: those that matter most in the search's runs."""
LEFT_RUNS = 10
"""Runs of each lever that is left alone: as many as give a finalist its variance. There may be many, and only strong effects are news."""


@dataclass(frozen=True)
class Effect:
    """What one change of a design brings in it."""

    lever: str
    words: str
    """What is lost without it: the change itself, and what cannot do without it."""
    against: Comparison | None
    """The design without the change and with it; None where the process could not run without it."""
    why: str = ""
    """Why it could not."""

    def sentence(self, objectives: tuple[str, ...]) -> str:
        """For people."""
        if self.against is None:
            return f"{self.words}: cannot be taken back alone ({self.why})."
        return f"{self.words}: {'; '.join(said(self.against, n) for n in objectives)}."


@dataclass(frozen=True)
class Interaction:
    """What two changes bring together beyond what each brings by itself; below zero for what is less than the sum."""

    levers: tuple[str, str]
    words: tuple[str, str]
    beyond: Mapping[str, Estimate]
    """By measure: the figure with both, less with one, less with the other, plus with none of the two."""

    def sentence(self, known: Catalogue) -> str:
        """For people; only what can be told from none."""
        told = [f"{known.about(n).phrase} {size(e.value)} {known.about(n).unit} ({size(e.low)} to {size(e.high)})" for n, e in self.beyond.items() if e.low > 0 or e.high < 0]
        return f"{self.words[0]} together with {self.words[1]}: " + (f"beyond the sum of both, {'; '.join(told)}." if told else "no more and no less than the sum of both can be told.")


@dataclass(frozen=True)
class Sensitivity:
    """What matters in a design."""

    effects: tuple[Effect, ...]
    """The strongest first."""
    interactions: tuple[Interaction, ...]
    left: tuple[Effect, ...] = ()
    """What one step of each lever that the design leaves alone would do in it, the strongest first; `against` is the design, and the design with the step."""

    def told_of_left(self, objectives: Sequence[str]) -> list[str]:
        """For people: a line for each step that does something that matters, and the others together."""
        words = {e.lever: {e.against.word(n) for n in objectives} for e in self.left if e.against is not None}
        same = [e for e in self.left if words.get(e.lever) == {SAME}]
        slight = [e for e in self.left if e not in same and e.lever in words and words[e.lever] <= {SAME, NEGLIGIBLE}]
        shown = [e for e in self.left if e not in same and e not in slight and (e.against is None or any(e.against.difference(n).verdict in ("higher", "lower") for n in objectives))]
        unclear = [e for e in self.left if e not in shown and e not in same and e not in slight]
        lines = [f"{e.words}: {'; '.join(said(e.against, n) for n in dict.fromkeys([*objectives, 'cost']))}." if e.against is not None else f"{e.words}: {e.why}." for e in shown]
        if unclear:
            lines.append(f"No effect that {LEFT_RUNS} runs can tell from none: {'; '.join(e.words for e in unclear)}.")
        if slight:
            lines.append(f"Too little to matter, each by itself: {'; '.join(e.words for e in slight)}.")
        return lines + ([f"Exactly the same in every run: {'; '.join(e.words for e in same)}."] if same else [])


def sensitivity(evaluate: Evaluator, fresh: Fresh, recommended: Trial, objectives: tuple[str, ...], gain: Callable[[Trial], tuple[float, int]], runs: int) -> Sensitivity:
    """Take back each change of a design alone, and pairs of those that matter most.

    Args:
        evaluate: says by the search's runs what matters most, and refuses designs in which a team cannot keep up.
        fresh: for runs.
        recommended: the design.
        objectives: what its changes are judged by.
        gain: relative improvement over today in the search's runs, less being better.
        runs: fresh runs of each design.
    """
    space = evaluate.space
    today, settings = space.today, recommended.settings
    pulled = [n for n in space.options if settings[n] != today[n]]

    def less(*names: str) -> Settings:
        return space.repaired(settings | {n: today[n] for n in names})

    without = dict(zip(pulled, evaluate.side_by_side([(recommended.number, less(n)) for n in pulled]), strict=True))
    ranked = sorted(pulled, key=lambda n: -gain(without[n])[0] if without[n].values is not None else float("-inf"))
    fresh.ahead([settings, *(t.settings for t in without.values() if t.refused is None)], ASKING, runs)
    full = fresh.of(settings, ASKING, runs)
    words = {n: _taken(recommended, without[n]) for n in pulled}
    effects = tuple(
        Effect(n, words[n], Comparison((fresh.of(without[n].settings, ASKING, runs), full))) if without[n].refused is None else Effect(n, words[n], None, without[n].refused or "")
        for n in ranked
    )
    interactions = []
    for a, b in combinations([n for n in ranked if without[n].refused is None][:PAIRED], 2):
        neither = evaluate(recommended.number, less(a, b))
        alone = [without[a].settings, without[b].settings]
        # One that cannot do without the other is gone with it: then there is nothing that each brings by itself.
        if neither.refused is not None or neither.settings in alone or neither.settings != settings | {n: today[n] for n in (a, b)}:
            continue
        four = [full, *(fresh.of(s, ASKING, runs) for s in (*alone, neither.settings))]
        beyond = {n: contrast([r.pairs[n] for r in four], (1, -1, -1, 1)) for n in objectives if all(n in r.pairs for r in four)}
        interactions.append(Interaction((a, b), (words[a], words[b]), beyond))
    return Sensitivity(effects, tuple(interactions), left_alone(evaluate, fresh, settings, objectives))


def left_alone(evaluate: Evaluator, fresh: Fresh, settings: Settings, objectives: tuple[str, ...]) -> tuple[Effect, ...]:
    """What one step of each lever that a design leaves as it is today would do in it, the strongest first.

    Args:
        evaluate: refuses designs in which a team cannot keep up.
        fresh: for `LEFT_RUNS` runs of each.
        settings: the design.
        objectives: what strong means: the largest clear change of one, relative to its figure.
    """
    space = evaluate.space
    stepped = {n: s for n in space.options if settings[n] == space.today[n] and (s := _stepped(space, settings, n)) != settings}
    words = {n: "; ".join(apart(space.scenario, s, settings)) for n, s in stepped.items()}
    why = {n: reason for n, s in stepped.items() if (reason := evaluate.cannot_run(s)) is not None}
    fresh.ahead([settings, *(s for n, s in stepped.items() if n not in why)], ASKING, LEFT_RUNS)
    base = fresh.of(settings, ASKING, LEFT_RUNS)
    found = []
    for n, other in stepped.items():
        if n in why:
            found.append((-1.0, Effect(n, words[n], None, why[n])))
            continue
        over = broken_by_plan(evaluate.bounds, space.design(other), space.outlook)
        against = Comparison((base, fresh.of(other, ASKING, LEFT_RUNS)))
        clear = [d for name in objectives if (d := against.difference(name)).verdict in ("higher", "lower")]
        found.append((max([abs(d.relative.value) for d in clear if math.isfinite(d.relative.value)], default=0.0), Effect(n, words[n] + (" (over a limit)" if over else ""), against)))
    return tuple(e for _, e in sorted(found, key=lambda row: -row[0]))


def _stepped(space: Space, settings: Settings, name: str) -> Settings:
    """The design with one lever a step further, with what it needs; a step back where there is none further."""
    options = space.options[name]
    at = options.index(settings[name])
    needed = {n: space.options[n][-1] for n in space.scenario.levers[name].needs if n in space.options and settings[n] == space.today[n]}
    return space.repaired(settings | needed | {name: options[at + 1] if at + 1 < len(options) else options[at - 1]})


def _taken(recommended: Trial, without: Trial) -> str:
    """The changes of a design that another has not."""
    return "; ".join(w for w in recommended.words if w not in without.words) or "; ".join(recommended.words)


__all__ = ["LEFT_RUNS", "PAIRED", "Effect", "Interaction", "Sensitivity", "left_alone", "sensitivity"]
