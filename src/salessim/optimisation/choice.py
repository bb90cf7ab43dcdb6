"""Which design is recommended: finalists on seeds that the search never saw, limits shown to hold, and the comparison of the selected one with today."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from salessim.catalogue import Catalogue, catalogue
from salessim.experiment import Workers
from salessim.ignorance import echo_all
from salessim.optimisation import kept
from salessim.optimisation.best import CONFIDENCE, Best, Trial
from salessim.optimisation.by_future import by_future
from salessim.optimisation.evaluation import Evaluator, pareto, signed
from salessim.optimisation.fresh import COMPARING, SELECTING, SPARING, Fresh
from salessim.optimisation.front import MOST_SHOWN, Shown, labelled, show
from salessim.optimisation.kept import Check
from salessim.optimisation.labels import IN, OUT, UNDECIDED
from salessim.optimisation.limits import Limit
from salessim.optimisation.obstacles import obstacle
from salessim.optimisation.prices import prices_of_core, prices_of_limits
from salessim.optimisation.pruning import pruned
from salessim.optimisation.selection import Selection, select
from salessim.optimisation.sensitivity import Sensitivity, left_alone, sensitivity
from salessim.optimisation.space import Settings
from salessim.optimisation.spread import along, apart, spread_over
from salessim.results import Comparison, Results

FINALISTS = 10
FIRST, STEP = 10, 5
"""Replications before a finalist drops out, and between two looks."""
PRUNED = 2
"""Winners whose changes that hardly help are taken back, before who has won then is taken as it is."""
ATTEMPTS = 3
"""Selected designs that may fail in the comparison with today."""


def choose(
    evaluate: Evaluator, done: list[Trial], objectives: tuple[str, ...], bounds: tuple[Limit, ...],
    final: int, indifference: float, seed: int, workers: Workers,
) -> Best:  # fmt: skip
    """Select among the best of the search, today and the cheapest; recommend what is shown to keep the limits and to be better than today."""
    final = evaluate.space.outlook.least(final)
    asked = _Asked(evaluate, done, objectives, bounds, final, indifference, Fresh(evaluate.space, seed, workers))
    space, today, fresh = evaluate.space, evaluate.space.scenario, asked.fresh
    base_results = fresh.of(space.today, COMPARING, final)
    found = _recommend(asked)
    searched, choosing = evaluate.spent, fresh.spent(SPARING) + fresh.spent(SELECTING)  # what comes later chooses nothing, it explains
    more = max(FIRST, final // 2)
    shown = _shown(asked, found.trial)
    common: dict[str, Any] = {"today": today, "objectives": objectives, "limits": bounds, "trials": tuple(done), **_front(asked, shown), "designs": space.possible,
                              "rejected": found.rejected, "searched": searched, "choosing": choosing, "shown": shown, "outlook": space.outlook}  # fmt: skip
    if found.trial is None:
        mine = kept.checks(bounds, fresh.runs(space.today, COMPARING), final, _ERROR)
        none = kept.verdict(mine) != kept.KEPT
        return Best(scenario=today, settings=space.today, words=(), final=Comparison((base_results, base_results)), flattery=dict.fromkeys(objectives, 0.0), changed=False,
                    checks=mine, obstacle=obstacle(done, bounds, fresh, final, _ERROR) if none else None, core=prices_of_core(fresh, today, more),
                    matters=Sensitivity((), (), left_alone(evaluate, fresh, space.today, objectives)), **common)  # fmt: skip
    trial, values = found.trial, found.trial.values
    assert values is not None
    results = replace(fresh.of(trial.settings, COMPARING, final), scenario=space.design(trial.settings, name=f"{today.name}, improved"))
    comparison = Comparison((base_results, results))
    futures = by_future(comparison, space.outlook, workers)
    if futures is None:
        comparison = echo_all(comparison, engine="compiled", workers=workers)
    judged = Comparison((fresh.judged(space.today, COMPARING, final, objectives), fresh.judged(trial.settings, COMPARING, final, objectives)))
    flattery = {n: asked.above_today(n, values[n]) - float(judged.results[1].estimate(n).value - np.nan_to_num(judged.results[0].estimate(n).value)) for n in objectives}
    return Best(scenario=results.scenario, settings=trial.settings, words=trial.words, final=comparison, flattery=flattery, changed=True,
                chosen=trial, selection=found.selection, judged=judged, futures=futures, checks=found.checks, prices=prices_of_limits(evaluate, fresh, trial, done, bounds, asked.gain, asked.score, more),
                core=prices_of_core(fresh, results.scenario, more), matters=sensitivity(evaluate, fresh, trial, objectives, asked.gain, more), **common)  # fmt: skip


_ERROR = (1 - CONFIDENCE) / ATTEMPTS
"""That a design passes that breaks a limit: several may be tried, and all of them together keep the promise (Bonferroni)."""


@dataclass
class _Asked:
    """What there is to choose from, and by what."""

    evaluate: Evaluator
    done: list[Trial]
    objectives: tuple[str, ...]
    bounds: tuple[Limit, ...]
    final: int
    indifference: float
    fresh: Fresh

    @cached_property
    def known(self) -> Catalogue:
        """The measures."""
        return catalogue(self.evaluate.space.scenario)

    @cached_property
    def able(self) -> list[Trial]:
        """Designs that keep their limits as far as the search knows, each once."""
        distinct: dict[tuple[Any, ...], Trial] = {}
        for trial in self.done:
            distinct.setdefault(self.evaluate.space.key(trial.settings), trial)
        return [t for t in distinct.values() if t.values is not None and t.feasible]

    @cached_property
    def points(self) -> list[Any]:
        """The objectives of those, less being better."""
        return [signed(t.values, self.objectives, self.known) for t in self.able if t.values is not None]

    @cached_property
    def front(self) -> tuple[int, ...]:
        """Numbers of the trials that no other beats in the search's runs."""
        return tuple(self.able[i].number for i in pareto(self.points))

    @cached_property
    def base(self) -> Any:
        """Today's objectives, less being better; zero for one that today has not, so that designs are compared with each other."""
        values = self.done[0].values
        base = signed(values, self.objectives, self.known) if values else np.zeros(len(self.objectives))
        return np.where(np.isfinite(base), base, 0.0)

    def above_today(self, objective: str, value: float) -> float:
        """What the search says of a design less what it says of today; the figure itself where today has none."""
        values = self.done[0].values
        return value - (values[objective] if values is not None and math.isfinite(values[objective]) else 0.0)

    @cached_property
    def scale(self) -> Any:
        """What a relative improvement is relative to."""
        return np.where(self.base != 0, np.abs(self.base), 1.0)

    def apart(self, points: Sequence[Any]) -> list[int]:
        """Indices of the points, the first of them first, that differ from today and from each other by what matters in some objective."""
        return [i - 1 for i in apart([self.base, *points], [self.indifference * float(s) for s in self.scale])[1:]]

    def gain(self, t: Trial) -> tuple[float, int]:
        """Mean relative improvement over today; among equals the design that changes less."""
        assert t.values is not None
        relative = (signed(t.values, self.objectives, self.known) - self.base) / self.scale
        return (float(np.mean(relative)) if np.isfinite(relative).all() else math.inf), len(t.words)

    def scores(self, trial: Trial, numbers: range) -> Any:
        """A finalist's score in each fresh run, the mean relative improvement, less being better; infinite where a figure is missing."""
        return self.score(self.fresh.judged(trial.settings, SELECTING, numbers.stop, self.objectives))[numbers.start :]

    def score(self, results: Results) -> Any:
        """The same of any runs."""
        signs = [1 if self.known.about(n).direction == "lower is better" else -1 for n in self.objectives]
        values = np.array([sign * results.values(n) for n, sign in zip(self.objectives, signs, strict=True)])
        score = np.mean(values / self.scale[:, None], axis=0)
        return np.where(np.isfinite(score), score, np.inf)

    def may_win(self, trial: Trial) -> bool:
        """Whether a design has all its figures and keeps its limits in the first fresh runs."""
        if not np.isfinite(self.scores(trial, range(FIRST))).all():
            return False
        results = self.fresh.of(trial.settings, SELECTING, FIRST)
        return all(limit.holds(limit.figure(results)) for limit in self.bounds)


@dataclass(frozen=True)
class _Found:
    """The design that is recommended, or why none is."""

    trial: Trial | None = None
    selection: Selection | None = None
    checks: tuple[Check, ...] = ()
    rejected: str = ""


def _recommend(asked: _Asked) -> _Found:
    """The best finalist that is shown to keep its limits and to be better than today."""
    done, final, indifference, fresh = asked.done, asked.final, asked.indifference, asked.fresh
    key = asked.evaluate.space.key
    # What was given up in the search was surely worse than one that is among these; so may today's process be, which whoever wins is compared with again.
    ranked = sorted((t for t in asked.able if t.words and not t.given_up), key=asked.gain)
    ranked = list({key(t.settings): t for t in (*ranked[:FINALISTS], *_cheapest(ranked))}.values())
    entered = [*([done[0]] if done[0].feasible and not (ranked and asked.evaluate.beaten(done[0].settings)) else []), *ranked]
    fresh.ahead([t.settings for t in entered], SELECTING, FIRST)
    finalists = [t for t in entered if asked.may_win(t)]
    base, rejected, selection = fresh.judged(asked.evaluate.space.today, COMPARING, final, asked.objectives), "", None
    for attempt in range(ATTEMPTS):
        if not any(t.words for t in finalists):
            break
        found = _selected(asked, finalists)
        selection = found if attempt == 0 else None  # who is selected after another has failed was not selected from all
        trial = finalists[found.winner]
        if not trial.words:
            return _Found(rejected=rejected or f"Of {len(finalists)} finalists on {found.replications:,} fresh runs none is better than today by enough to matter.")
        checks = kept.checks(asked.bounds, fresh.runs(trial.settings, COMPARING), final, _ERROR)
        why = _not_kept(checks) or _not_better(Comparison((base, fresh.judged(trial.settings, COMPARING, final, asked.objectives))), asked.objectives, indifference)
        if why is None:
            return _Found(trial, selection, checks)
        rejected = rejected or f"Closest: {'; '.join(trial.words)}; but on fresh seeds {why}."
        finalists.pop(found.winner)
    return _Found(rejected=rejected)


def _selected(asked: _Asked, finalists: list[Trial]) -> Selection:
    """Who wins among the finalists; a winner with changes that hardly help gives its place to the design without them, and who wins is asked again.

    The error is split evenly between the times it may be asked (Bonferroni), so that the promise is about the finalists as they are at last.
    """
    fresh, key, as_they_are = asked.fresh, asked.evaluate.space.key, set[tuple[Any, ...]]()
    for again in range(PRUNED, -1, -1):
        found = select(
            lambda i, r: asked.scores(finalists[i], r), len(finalists), asked.indifference, confidence=1 - (1 - CONFIDENCE) / (1 + PRUNED), first=FIRST, most=max(asked.final, FIRST), step=STEP,
            ahead=lambda some, r: fresh.ahead([finalists[i].settings for i in some], SELECTING, r.stop),
        )  # fmt: skip
        winner = finalists[found.winner]
        if not again or not winner.words or key(winner.settings) in as_they_are:
            break
        without = _pruned(asked, winner)
        if without is winner or not asked.may_win(without):
            break
        as_they_are.add(key(without.settings))
        finalists[:] = {key(t.settings): t for t in (without if t is winner else t for t in finalists)}.values()  # it may be among them already
    return replace(found, confidence=CONFIDENCE)


def _pruned(asked: _Asked, trial: Trial) -> Trial:
    """A winner without the changes that hardly help, as long as at most half of the indifference and a quarter of its gain is given up.

    Where only the worst runs count it is left as it is: few runs say nothing of these.
    """
    evaluate, fresh, space = asked.evaluate, asked.fresh, asked.evaluate.space
    if space.outlook.tail is not None:
        return trial
    room = min(asked.indifference / 2, abs(asked.gain(trial)[0]) / 4)

    def scores(designs: Sequence[Settings], runs: int) -> list[Any]:
        able = [s != trial.settings and evaluate.worth_a_run(s, trial, room) and evaluate.why_not(s) is None for s in designs]
        able = [may or (any(able) and s == trial.settings) for s, may in zip(designs, able, strict=True)]
        fresh.ahead([s for s, may in zip(designs, able, strict=True) if may], SPARING, runs)
        return [fit(fresh.of(s, SPARING, runs)) if may else None for s, may in zip(designs, able, strict=True)]

    def fit(results: Results) -> Any:
        score = asked.score(results)
        return score if np.isfinite(score).all() and all(limit.holds(limit.figure(results)) for limit in asked.bounds) else None

    settings = pruned(space, trial.settings, scores, room)
    return trial if settings == trial.settings else evaluate(trial.number, settings)


def _cheapest(trials: list[Trial]) -> list[Trial]:
    """The design that costs least, which may be good enough."""
    priced = [t for t in trials if t.values is not None and math.isfinite(t.values["cost"])]
    return [min(priced, key=lambda t: (t.values["cost"] if t.values else math.inf, t.number))] if priced else []


def _shown(asked: _Asked, recommended: Trial | None) -> tuple[Shown, ...]:
    """The recommended design, today's and some of the front, where there is more than one objective and so no best design."""
    space = asked.evaluate.space
    if len(asked.objectives) < 2:
        return ()
    on = sorted(((t, p) for t, p in zip(asked.able, asked.points, strict=True) if t.number in asked.front and np.isfinite(p).all()), key=lambda row: len(row[0].words))
    on = sorted((on[i] for i in asked.apart([p for _, p in on])), key=lambda row: tuple(row[1]))
    some = [on[i][0] for i in spread_over([p for _, p in on], MOST_SHOWN)] if on else []
    # Where there are limits each design must also be shown to keep them, which takes as many runs again.
    more = _to_label(asked) if not asked.bounds else []
    designs: dict[tuple[Any, ...], tuple[Settings, tuple[str, ...]]] = {}
    for t in (*((recommended,) if recommended is not None else ()), asked.done[0], *some):
        designs.setdefault(space.key(t.settings), (t.settings, t.words))
    told = len(designs)
    for t in more:
        designs.setdefault(space.key(t.settings), (t.settings, t.words))
    return show(asked.fresh, list(designs.values()), asked.objectives, asked.bounds, asked.known, asked.final, CONFIDENCE, told)


def _to_label(asked: _Asked) -> list[Trial]:
    """Designs along the front: by the search's few runs, or by theory, which luck does not move; those that are on both come first.

    Of those that differ by less than what matters in every objective one is enough, and no number of runs would tell them apart.
    """
    key, screen = asked.evaluate.space.key, asked.evaluate.screen
    theory = set(screen.front()) if screen is not None and screen.names == list(asked.objectives) else set()
    rows = [(tuple(p), t) for t, p in zip(asked.able, asked.points, strict=True) if np.isfinite(p).all() and not t.given_up]
    rows = [row for row in rows if row[1].number in asked.front or key(row[1].settings) in theory]
    rows.sort(key=lambda row: (not (row[1].number in asked.front and key(row[1].settings) in theory), len(row[1].words), row[0]))
    rows = [rows[i] for i in asked.apart([p for p, _ in rows])]
    rows.sort(key=lambda row: row[0])
    both = [row for row in rows if row[1].number in asked.front and key(row[1].settings) in theory]
    most = labelled(asked.evaluate.space.outlook, asked.final)
    chosen = [both[i] for i in along([p for p, _ in both], most)]
    others = [row for row in rows if row not in both]
    return [t for _, t in (*chosen, *(others[i] for i in along([p for p, _ in others], most - len(chosen))))]


def _front(asked: _Asked, shown: tuple[Shown, ...]) -> dict[str, tuple[int, ...]]:
    """Numbers of the trials on the front, and of those of which it is undecided; one objective has a best design instead."""
    if len(asked.objectives) < 2:
        return {"front": asked.front, "undecided": ()}
    key = asked.evaluate.space.key
    label = {key(s.settings): s.label for s in shown}
    said = {t.number: label.get(key(t.settings), UNDECIDED if t.number in asked.front else OUT) for t in asked.able}
    return {"front": tuple(n for n, what in said.items() if what == IN), "undecided": tuple(n for n, what in said.items() if what == UNDECIDED)}


def _not_kept(found: tuple[Check, ...]) -> str | None:
    """Why a design is not recommended for its limits; None if they are shown to hold."""
    for c in sorted(found, key=lambda c: c.verdict != kept.BROKEN):
        if c.verdict == kept.BROKEN:
            return f"it does not keep a limit: {c.words}"
        if c.verdict == kept.UNDECIDED:
            return f"it is undecided whether it keeps a limit: {c.words}"
    return None


def _not_better(comparison: Comparison, objectives: tuple[str, ...], indifference: float) -> str | None:
    """Why a design is not recommended for what it brings; None if it is."""
    known = comparison.catalogue
    # At 99 %, because the best of several is looked at: what is recommended should still be better on other seeds.
    words = {n: comparison.word(n, level=0.99) for n in objectives}
    for name, word in words.items():
        if word == "worse":
            return f"{known.about(name).phrase} gets worse"
    sizes = {n: abs(comparison.difference(n).relative.value) for n, word in words.items() if word == "better"}
    if not sizes:
        missing = [known.about(n).phrase for n in objectives if not math.isfinite(comparison.base.estimate(n).value)]
        return f"today's process has no {' and no '.join(missing)} to compare with" if missing else "nothing it aims at clearly gets better"
    largest = max(sizes, key=lambda n: sizes[n])
    if sizes[largest] < indifference:
        return f"{known.about(largest).phrase} gets better by {100 * sizes[largest]:.2g} % only"
    return None
