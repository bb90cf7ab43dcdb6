"""The search itself: Optuna proposes, common random numbers compare, fresh seeds decide.

All replications of a design run inside one trial; designs seen before are not run again. What the search found best
is compared with doing nothing on seeds that the search never saw, because the best of many noisy figures flatters
itself; the flattery is reported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.catalogue import Catalogue, catalogue
from salessim.errors import InputError
from salessim.experiment import Comparison, Results, check_seed, replicate, workers_of
from salessim.ignorance import echo_all
from salessim.optimisation.limits import Limit, parse_limits
from salessim.optimisation.space import Settings, Space, refused, relief_of, space_of
from salessim.payback import Payback, payback
from salessim.scenario.levers import assumed, in_words, propose
from salessim.scenario.overrides import warnings as overridden

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

FRESH = 1_000_000
"""Replications from this number on are kept for the final comparison; the search uses those below."""



@dataclass(frozen=True)
class Trial:
    """One design that the search looked at."""

    number: int
    settings: Settings
    words: tuple[str, ...]
    values: Mapping[str, float] | None
    """Objectives and limited measures, means over the replications; None if it was refused."""
    refused: str | None
    feasible: bool


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
    """Numbers of the trials that no other trial beats in every objective."""
    final: Comparison
    """Today and the recommended design on fresh seeds."""
    flattery: Mapping[str, float]
    """Search estimate minus fresh estimate of the recommended design's objectives: the winner's curse."""
    designs: int
    """How many designs there are in all."""
    changed: bool
    rejected: str = ""
    """Why the most promising design was not recommended, if none was."""
    chosen: Trial | None = None
    """What the search knew of the recommended design."""
    proposed: bool = False
    """Whether the scenario declared no levers, so that they were proposed here."""

    def cautions(self) -> list[str]:
        """What the recommendation rests on besides the model: assumed effects and prices."""
        found = [*overridden(self.scenario), *(assumed(self.today, self.settings) if self.changed else [])]
        if self.proposed:
            found.append("The scenario declares no levers: those tried here, their effects and their prices were made up by salessim. Put your own under 'levers:' before deciding.")
        if not any(team.cost for team in self.today.teams.values()):
            found.append("No team has a cost in this scenario: more staff is free here. Set 'cost' before deciding.")
        return found

    @property
    def distinct(self) -> list[Trial]:
        """The designs that were looked at, each once."""
        return list({repr(sorted(t.settings.items())): t for t in reversed(self.trials)}.values())[::-1]

    @property
    def refused(self) -> int:
        """Designs refused before simulation: a team could not keep up, or levers exclude each other."""
        return sum(t.refused is not None for t in self.distinct)

    @cached_property
    def payback(self) -> Payback | None:
        """When the recommended design breaks even against today; None without one-off costs of its own."""
        return payback(self.final)

    def sentences(self) -> list[str]:
        """The recommendation in three sentences, each of them true whatever came out; a fourth says when one-off costs are made up for."""
        looked = f"{len(self.distinct)} of {self.designs:,} designs were looked at, {self.refused} of them refused before simulation"
        if not self.changed:
            if not any(t.feasible for t in self.trials):
                limits = " and ".join(limit.words for limit in self.limits)
                first = f"No design that was tried keeps the limits ({limits}){'' if self.trials[0].feasible else ', and neither does the process as it is'}."
            else:
                within = " and keeps the limits" if self.limits else ""
                first = f"Leave the process as it is: no design that was tried{within} is better by enough to matter."
            return [first, f"{looked}.", self.rejected or "Check the levers and their limits, or search longer, before drawing conclusions."]
        parts = [self._said(name) for name in self.objectives]
        money = [self._said(name) for name in ("cost", "revenue") if self.final.difference(name).verdict != "the same"]
        said = "; ".join(money) or "cost and revenue stay as they are"
        paid = self.payback
        return [
            f"Recommended: {'; '.join(self.words)}.",
            f"On {len(self.final.base.numbers)} fresh pairs of runs: {'; '.join(parts)} (95 % intervals).",
            f"{said[0].upper()}{said[1:]}, one-off costs spread over the measured time; {looked}.",
            *([paid.sentence()] if paid is not None else []),
        ]

    def _said(self, name: str) -> str:
        """What becomes of a measure; a change only where the interval shows one."""
        found, about = self.final.difference(name), catalogue(self.today).about(name)
        title, per = about.phrase, about.unit
        if found.verdict == "the same":
            return f"{title} exactly as it is"
        low, high = (f"{x:+,.0f}" if abs(x) >= 1000 else f"{x:+.3g}" for x in (found.change.low, found.change.high))
        if found.verdict == "unclear":
            return f"no clear change of {title} ({low} to {high}{f' {per}' if per else ''})"
        value = f"{found.change.value:+,.0f}" if abs(found.change.value) >= 1000 else f"{found.change.value:+.3g}"
        return f"{title} {value}{f' {per}' if per else ''} ({low} to {high})"


def optimise(
    scenario: Scenario, *, levers: list[str] | None = None, objectives: Sequence[str] = ("cycle_time", "lost_customers"),
    limits: Mapping[str, str] | Sequence[str] = (), trials: int = 60, replications: int = 4, final: int = 60, indifference: float = 0.01, seed: int = 0,
    workers: int | None = None, progress: Callable[[int, int], None] | None = None, journal: Path | None = None,
) -> Best:  # fmt: skip
    """Search the levers of a scenario for a better design.

    Args:
        scenario: declares the levers; without any, staffing and automation are proposed (marked as assumptions).
        levers: names of those to use; all by default.
        objectives: measures, built-in or the scenario's own, each taken in the direction in which it is better.
        limits: {"cost": "<= 90000 EUR/month"} or ["cost <= 90000 EUR/month", "win_rate >= 10 %"]; a design that breaks
            one is not recommended.
        trials: designs to look at.
        replications: of each design in the search.
        final: replications on fresh seeds for the recommended design and for doing nothing.
        indifference: a design must improve some objective by at least this share of today's figure to be recommended:
            a difference can be certain and still not be worth a change.
        seed: the same seed gives the same answer, whatever the number of workers.
        progress: told (done, planned).
        journal: a file that is begun anew and gets a line for each finished trial, so that nothing is lost.

    Returns:
        Best: the design, its paired comparison with today, every trial and the front.

    Raises:
        InputError: an unknown lever, measure or limit; nothing to choose.
    """
    import optuna

    check_seed(seed)
    known = catalogue(scenario)
    better = {name: known.judged(name, f"objective {name!r}").direction for name in objectives}
    if trials < 1 or replications < 2 or final < 2:
        raise InputError("optimise", "too few trials or replications", "give at least 1 trial and 2 replications")
    no_levers = not scenario.levers
    if no_levers:
        proposed = {k: v.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for k, v in propose(scenario).items()}
        scenario = scenario.change({"levers": proposed})
    bounds = parse_limits(limits, known)
    space = space_of(scenario, levers)
    if journal is not None:
        journal.unlink(missing_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directions = ["minimize" if better[n] == "lower is better" else "maximize" for n in objectives]
    evaluate = _Evaluator(space, tuple(objectives), bounds, replications, seed, workers_of(workers))
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=seed % 2**32))
    done: list[Trial] = []
    starts: list[Settings] = [space.today, *_starts(space)]
    for number in range(trials):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # Seeded by (seed, trial), so that what is proposed depends on the trials before and nothing else.
            study.sampler = _sampler(seed, number, len(done))
        if number < len(starts):
            study.enqueue_trial({n: _index(space, n, starts[number][n]) for n in space.options})
        asked = study.ask({n: optuna.distributions.IntDistribution(0, len(o) - 1) for n, o in space.options.items()})
        settings = space.repaired({n: space.options[n][asked.params[n]] for n in space.options})
        trial = evaluate(number, settings)
        done.append(trial)
        excess = _excess(trial, bounds)
        if trial.values is None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            values = [_worsened(trial.values[n], d, 1.0 + excess) for n, d in zip(objectives, directions, strict=True)]
            study.tell(asked, [v if math.isfinite(v) else (1e12 if d == "minimize" else -1e12) for v, d in zip(values, directions, strict=True)])
        if journal is not None:
            _append(journal, trial)
        if progress:
            progress(number + 1, trials)
    return replace(_choose(evaluate, done, tuple(objectives), bounds, final, indifference, seed, workers), proposed=no_levers)


def _worsened(value: float, direction: str, penalty: float) -> float:
    """An objective of a design that breaks limits, made worse by a factor; of a loss the direction is the other way round.

    Example:
        >>> _worsened(10.0, "minimize", 2.0), _worsened(10.0, "maximize", 2.0), _worsened(-10.0, "maximize", 2.0)
        (20.0, 5.0, -20.0)
    """
    return value * penalty if (direction == "minimize") == (value >= 0) else value / penalty


def _sampler(seed: int, number: int, seen: int) -> Any:
    import optuna

    child = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if seen < 12:
        return optuna.samplers.RandomSampler(seed=child)
    return optuna.samplers.TPESampler(seed=child, n_startup_trials=0, multivariate=True)


def _index(space: Space, name: str, setting: Any) -> int:
    return space.options[name].index(setting)


def _starts(space: Space) -> list[Settings]:
    """Designs to begin with: each lever pulled alone to its far end."""
    starts = []
    for name, options in space.options.items():
        # Settings may be lists or mappings, which are told apart by being equal or not.
        for end in (options[-1], options[0])[: 1 if options[-1] == options[0] else 2]:
            needed = {n: space.options[n][-1] for n in space.scenario.levers[name].needs if n in space.options}
            settings = space.repaired(space.today | needed | {name: end})
            if settings != space.today and settings not in starts:
                starts.append(settings)
    return starts[:20]


@dataclass
class _Evaluator:
    """Simulates designs, each once; refuses the hopeless before."""

    space: Space
    objectives: tuple[str, ...]
    bounds: tuple[Limit, ...]
    replications: int
    seed: int
    workers: int
    seen: dict[tuple[Any, ...], Trial] = field(default_factory=dict)
    relief: Mapping[str, float] = field(default_factory=dict)
    """See `space.relief_of`: known once today's process, which is the first trial, has been simulated."""

    def __call__(self, number: int, settings: Settings) -> Trial:
        key = self.space.key(settings)
        words = tuple(in_words(self.space.scenario, settings, assumptions=True))
        if key in self.seen:
            known = self.seen[key]
            return Trial(number, settings, words, known.values, known.refused, known.feasible)
        try:
            design = self.space.design(settings)
        except InputError as wrong:  # levers that exclude each other
            self.seen[key] = trial = Trial(number, settings, words, None, f"{wrong.problem}", False)
            return trial
        why = None if settings == self.space.today else refused(design, self.relief)
        if why is not None:
            self.seen[key] = trial = Trial(number, settings, words, None, why, False)
            return trial
        results = self.run(design)
        if settings == self.space.today:
            self.relief = relief_of(results)
        wanted = dict.fromkeys([*self.objectives, *(limit.measure for limit in self.bounds), "cost"])
        values = {n: results.estimate(n).value for n in wanted}
        feasible = all(limit.holds(values[limit.measure]) for limit in self.bounds)
        self.seen[key] = trial = Trial(number, settings, words, values, None, feasible)
        return trial

    def run(self, design: Scenario) -> Results:
        """The same replications for every design, so that designs meet the same customers."""
        return replicate(design, range(self.replications), seed=self.seed, engine="compiled", workers=self.workers)


def _excess(trial: Trial, bounds: tuple[Limit, ...]) -> float:
    if trial.values is None:
        return math.inf
    return min(1e6, sum(limit.excess(trial.values[limit.measure]) for limit in bounds))


def _signed(values: Mapping[str, float], objectives: tuple[str, ...], known: Catalogue) -> Any:
    """Objectives so that less is better; what does not exist is worst."""
    signs = [1 if known.about(n).direction == "lower is better" else -1 for n in objectives]
    raw = np.array([s * values[n] for n, s in zip(objectives, signs, strict=True)])
    return np.where(np.isfinite(raw), raw, np.inf)


def pareto(points: Sequence[Any]) -> list[int]:
    """Indices of the points that no other point beats: less is better in every column."""
    return [
        i
        for i, p in enumerate(points)
        if not any((q <= p).all() and (q < p).any() for j, q in enumerate(points) if j != i)
    ]


def _choose(
    evaluate: _Evaluator, done: list[Trial], objectives: tuple[str, ...], bounds: tuple[Limit, ...],
    final: int, indifference: float, seed: int, workers: int | None,
) -> Best:  # fmt: skip
    """The front of the search, the balanced best of it, and its comparison with today on fresh seeds."""
    space = evaluate.space
    known = catalogue(space.scenario)
    distinct: dict[tuple[Any, ...], Trial] = {}
    for trial in done:
        distinct.setdefault(space.key(trial.settings), trial)
    able = [t for t in distinct.values() if t.values is not None and t.feasible]
    points = [_signed(t.values, objectives, known) for t in able if t.values is not None]
    front = [able[i] for i in pareto(points)]
    base = _signed(done[0].values, objectives, known) if done[0].values else np.ones(len(objectives))
    scale = np.where(np.isfinite(base) & (base != 0), np.abs(base), 1.0)

    def gain(t: Trial) -> tuple[float, int]:
        """Mean relative improvement over today; among equals the design that changes less."""
        assert t.values is not None
        relative = (_signed(t.values, objectives, known) - base) / scale
        return (float(np.mean(relative)) if np.isfinite(relative).all() else math.inf), len(t.words)

    ranked = sorted((t for t in front if t.words), key=gain)[:3]
    numbers = range(FRESH, FRESH + final)
    today = space.scenario
    base_results = replicate(today, numbers, seed=seed, engine="compiled", workers=workers)
    rejected = ""
    for trial in ranked:
        trial = _pruned(evaluate, trial, gain, indifference)
        assert trial.values is not None
        design = space.design(trial.settings, name=f"{today.name}, improved")
        comparison = Comparison((base_results, replicate(design, numbers, seed=seed, engine="compiled", workers=workers)))
        why = _why_not(comparison, objectives, bounds, indifference)
        if why is None:
            flattery = {n: trial.values[n] - comparison.results[1].estimate(n).value for n in objectives}
            return Best(design, today, trial.settings, trial.words, objectives, bounds, tuple(done), tuple(t.number for t in front),
                        echo_all(comparison, engine="compiled", workers=workers), flattery, space.possible, True, chosen=trial)  # fmt: skip
        rejected = rejected or f"Closest: {'; '.join(trial.words)}; but on fresh seeds {why}."
    same = Comparison((base_results, base_results))
    return Best(today, today, space.today, (), objectives, bounds, tuple(done), tuple(t.number for t in front), same,
                dict.fromkeys(objectives, 0.0), space.possible, False, rejected)  # fmt: skip


def _pruned(evaluate: _Evaluator, trial: Trial, gain: Callable[[Trial], tuple[float, int]], indifference: float) -> Trial:
    """The design without the changes that hardly help, as long as at most a quarter of its gain is given up in all.

    A search of many levers pulls some of them for nothing, by chance; what is recommended should be what works. The
    fresh seeds are not touched: this uses the same runs as the search.
    """
    least = gain(trial)[0] + min(indifference / 2, abs(gain(trial)[0]) / 4)
    while len(trial.words) > 1:
        pulled = [n for n, setting in trial.settings.items() if setting != evaluate.space.today[n]]
        less = [evaluate(trial.number, evaluate.space.repaired(trial.settings | {n: evaluate.space.today[n]})) for n in pulled]
        better = min((t for t in less if t.values is not None and t.feasible), key=gain, default=None)
        if better is None or gain(better)[0] > least:
            return trial
        trial = better
    return trial


def _why_not(comparison: Comparison, objectives: tuple[str, ...], bounds: tuple[Limit, ...], indifference: float) -> str | None:
    """Why a design is not recommended; None if it is."""
    known = comparison.catalogue
    for limit in bounds:
        value = comparison.results[1].estimate(limit.measure).value
        if not limit.holds(value):
            return f"it does not keep the limit: {limit.of.phrase} is {value:,.6g} {limit.of.unit}".rstrip()
    # At 99 %, because the best of several is looked at: what is recommended should still be better on other seeds.
    words = {n: comparison.word(n, level=0.99) for n in objectives}
    for name, word in words.items():
        if word == "worse":
            return f"{known.about(name).phrase} gets worse"
    sizes = {n: abs(comparison.difference(n).relative.value) for n, word in words.items() if word == "better"}
    if not sizes:
        return "nothing it aims at clearly gets better"
    largest = max(sizes, key=lambda n: sizes[n])
    if sizes[largest] < indifference:
        return f"{known.about(largest).phrase} gets better by {100 * sizes[largest]:.2g} % only"
    return None


def _append(journal: Path, trial: Trial) -> None:
    """One line per finished trial; a line that a crash cut short is dropped by whoever reads it."""
    values = None if trial.values is None else {n: v if math.isfinite(v) else None for n, v in trial.values.items()}
    line = json.dumps(
        {"trial": trial.number, "settings": trial.settings, "values": values, "refused": trial.refused, "feasible": trial.feasible},
        ensure_ascii=False, allow_nan=False,
    )  # fmt: skip
    with journal.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


__all__ = ["Best", "Trial", "optimise", "pareto"]
