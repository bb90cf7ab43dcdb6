"""The search itself: Optuna proposes, common random numbers compare, fresh seeds decide.

All replications of a design run inside one trial; designs seen before are not run again. What the search found best
is compared with doing nothing on seeds that the search never saw, because the best of many noisy figures flatters
itself; the flattery is reported.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.errors import InputError
from salessim.experiment import Comparison, Results, check_seed, replicate, workers_of
from salessim.measures import MEASURES, about
from salessim.optimisation.space import Settings, Space, refused, space_of
from salessim.scenario.checks import nearest
from salessim.scenario.levers import in_words, propose
from salessim.units import MONTH, cost_rate

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
    limits: Mapping[str, float]
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
    closest: str = ""
    """What came nearest to being worth it, if nothing was recommended."""

    def sentences(self) -> list[str]:
        """The recommendation in three sentences."""
        if not self.changed:
            return [
                "Leave the process as it is: within the limits no design that was tried is better by enough to matter.",
                f"{len(self.trials)} of {self.designs:,} designs were looked at; {sum(t.refused is not None for t in self.trials)} were refused because a team could not keep up.",
                f"Closest: {self.closest}." if self.closest else "Check the levers and their limits, or search longer, before drawing conclusions.",
            ]
        parts = []
        for name in self.objectives:
            difference = self.final.difference(name)
            m, c = about(name), difference.change
            unit = m.unit.replace("money", self.today.currency)
            parts.append(
                f"{m.title.lower()} {'falls' if c.value < 0 else 'rises'} by {abs(c.value):.3g} {unit} "
                f"(95 % interval {c.low:+.3g} to {c.high:+.3g})"
            )
        cost = self.final.difference("cost").change
        return [
            f"Recommended: {'; '.join(self.words)}.",
            f"On {len(self.final.base.numbers)} fresh replications {' and '.join(parts)}.",
            f"It costs {cost.value:+,.0f} {self.today.currency} a month ({cost.low:+,.0f} to {cost.high:+,.0f}), one-off costs spread over the measured time included.",
        ]


_LIMIT = re.compile(r"\s*(<=|>=|<|>|≤|≥)\s*(.+)")


def parse_limit(name: str, text: str, currency: str) -> float:
    """A limit in words, such as "<= 90000/month" for cost, as a bound: positive below, negative above is refused.

    Raises:
        InputError: an unknown measure or a limit that is not one.
    """
    if name not in MEASURES:
        raise InputError(f"limit {name!r}", "there is no such measure", nearest(name, MEASURES))
    match = _LIMIT.fullmatch(str(text))
    if match is None or match.group(1) not in ("<=", "<", "≤"):
        raise InputError(f"limit {name}", f"{text!r} is not an upper limit", "write for example '<= 90000/month'")
    body = match.group(2).strip()
    try:
        if about(name).unit.startswith("money/"):
            body = body if re.search(r"[A-Z]{3}", body) else re.sub(r"^([\d., ]+)", rf"\1 {currency}", body)
            pay = cost_rate(body if "/" in body or " per " in body else f"{body}/month")
            return pay.amount * MONTH / pay.per
        return float(body.split()[0].replace(",", ""))
    except ValueError as wrong:
        raise InputError(f"limit {name}", str(wrong).partition(";")[0], "write for example '<= 90000/month'") from None


def optimise(
    scenario: Scenario, *, levers: list[str] | None = None, objectives: Sequence[str] = ("cycle_time", "lost_customers"),
    limits: Mapping[str, str] | None = None, trials: int = 60, replications: int = 4, final: int = 60, indifference: float = 0.01, seed: int = 0,
    workers: int | None = None, progress: Callable[[int, int], None] | None = None, journal: Path | None = None,
) -> Best:  # fmt: skip
    """Search the levers of a scenario for a better design.

    Args:
        scenario: declares the levers; without any, staffing and automation are proposed (marked as assumptions).
        levers: names of those to use; all by default.
        objectives: measures, each taken in the direction in which it is better.
        limits: measure -> "<= bound"; a design above it is not recommended.
        trials: designs to look at.
        replications: of each design in the search.
        final: replications on fresh seeds for the recommended design and for doing nothing.
        indifference: a design must improve some objective by at least this share of today's figure to be recommended:
            a difference can be certain and still not be worth a change.
        seed: the same seed gives the same answer, whatever the number of workers.
        progress: told (done, planned).
        journal: a file to which each finished trial is appended, so that nothing is lost.

    Returns:
        Best: the design, its paired comparison with today, every trial and the front.

    Raises:
        InputError: an unknown lever, measure or limit; nothing to choose.
    """
    import optuna

    check_seed(seed)
    for name in objectives:
        if name not in MEASURES or about(name).direction == "neither":
            raise InputError(f"objective {name!r}", "there is no such objective", nearest(name, MEASURES))
    if trials < 1 or replications < 2 or final < 2:
        raise InputError("optimise", "too few trials or replications", "give at least 1 trial and 2 replications")
    if not scenario.levers:
        proposed = {k: v.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for k, v in propose(scenario).items()}
        scenario = scenario.change({"levers": proposed})
    bounds = {name: parse_limit(name, text, scenario.currency) for name, text in (limits or {}).items()}
    space = space_of(scenario, levers)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directions = ["minimize" if about(n).direction == "lower is better" else "maximize" for n in objectives]
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
            # Seeded by (seed, trial): a resumed search would equal one that was never interrupted.
            study.sampler = _sampler(seed, number, len(done))
        if number < len(starts):
            study.enqueue_trial({n: _index(space, n, starts[number][n]) for n in space.options})
        asked = study.ask({n: optuna.distributions.IntDistribution(0, len(o) - 1) for n, o in space.options.items()})
        settings = {n: space.options[n][asked.params[n]] for n in space.options}
        trial = evaluate(number, settings)
        done.append(trial)
        excess = _excess(trial, bounds)
        if trial.values is None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            penalty = 1.0 + excess
            values = [
                trial.values[n] * (penalty if d == "minimize" else 1 / penalty) for n, d in zip(objectives, directions, strict=True)
            ]
            study.tell(asked, [v if math.isfinite(v) else (1e12 if d == "minimize" else -1e12) for v, d in zip(values, directions, strict=True)])
        if journal is not None:
            _append(journal, trial)
        if progress:
            progress(number + 1, trials)
    return _choose(space, evaluate, done, tuple(objectives), bounds, final, indifference, seed, workers)


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
        for end in dict.fromkeys((options[-1], options[0])):
            settings = space.today | {name: end}
            if settings != space.today:
                starts.append(settings)
    return starts[:20]


@dataclass
class _Evaluator:
    """Simulates designs, each once; refuses the hopeless before."""

    space: Space
    objectives: tuple[str, ...]
    bounds: Mapping[str, float]
    replications: int
    seed: int
    workers: int
    seen: dict[tuple[Any, ...], Trial] = field(default_factory=dict)
    results: dict[tuple[Any, ...], Results] = field(default_factory=dict)

    def __call__(self, number: int, settings: Settings) -> Trial:
        key = self.space.key(settings)
        words = tuple(in_words(self.space.scenario, settings))
        if key in self.seen:
            known = self.seen[key]
            return Trial(number, settings, words, known.values, known.refused, known.feasible)
        try:
            design = self.space.design(settings)
        except InputError as wrong:  # levers that exclude each other
            self.seen[key] = trial = Trial(number, settings, words, None, f"{wrong.problem}", False)
            return trial
        why = refused(design)
        if why is not None and settings != self.space.today:
            self.seen[key] = trial = Trial(number, settings, words, None, why, False)
            return trial
        results = self.run(design)
        wanted = dict.fromkeys([*self.objectives, *self.bounds, "cost"])
        values = {n: results.estimate(n).value for n in wanted}
        feasible = all(values[n] <= bound for n, bound in self.bounds.items())
        self.seen[key] = trial = Trial(number, settings, words, values, None, feasible)
        self.results[key] = results
        return trial

    def run(self, design: Scenario) -> Results:
        """The same replications for every design, so that designs meet the same customers."""
        return replicate(design, range(self.replications), seed=self.seed, engine="compiled", workers=self.workers)


def _excess(trial: Trial, bounds: Mapping[str, float]) -> float:
    if trial.values is None:
        return math.inf
    return sum(max(0.0, trial.values[n] / bound - 1) for n, bound in bounds.items() if bound > 0)


def _signed(values: Mapping[str, float], objectives: tuple[str, ...]) -> Any:
    """Objectives so that less is better; what does not exist is worst."""
    signs = [1 if about(n).direction == "lower is better" else -1 for n in objectives]
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
    space: Space, evaluate: _Evaluator, done: list[Trial], objectives: tuple[str, ...], bounds: Mapping[str, float],
    final: int, indifference: float, seed: int, workers: int | None,
) -> Best:  # fmt: skip
    """The front of the search, the balanced best of it, and its comparison with today on fresh seeds."""
    distinct: dict[tuple[Any, ...], Trial] = {}
    for trial in done:
        distinct.setdefault(space.key(trial.settings), trial)
    able = [t for t in distinct.values() if t.values is not None and t.feasible]
    points = [_signed(t.values, objectives) for t in able if t.values is not None]
    front = [able[i] for i in pareto(points)]
    base = _signed(done[0].values, objectives) if done[0].values else np.ones(len(objectives))
    scale = np.where(np.isfinite(base) & (base != 0), np.abs(base), 1.0)

    def gain(t: Trial) -> tuple[float, int]:
        """Mean relative improvement over today; among equals the design that changes less."""
        assert t.values is not None
        relative = (_signed(t.values, objectives) - base) / scale
        return (float(np.mean(relative)) if np.isfinite(relative).all() else math.inf), len(t.words)

    ranked = sorted((t for t in front if t.words), key=gain)[:3]
    numbers = range(FRESH, FRESH + final)
    today = space.scenario
    base_results = replicate(today, numbers, seed=seed, engine="compiled", workers=workers)
    closest = ""
    for trial in ranked:
        assert trial.values is not None
        design = space.design(trial.settings, name=f"{today.name}, improved")
        comparison = Comparison((base_results, replicate(design, numbers, seed=seed, engine="compiled", workers=workers)))
        fits = all(comparison.results[1].estimate(n).value <= bound for n, bound in bounds.items())
        words = [comparison.word(n) for n in objectives]
        sizes = {n: abs(comparison.difference(n).relative.value) for n, word in zip(objectives, words, strict=True) if word == "better"}
        if fits and sizes and not closest:
            best_name = max(sizes, key=lambda n: sizes[n])
            closest = f"{'; '.join(trial.words)} would improve {about(best_name).title.lower()} by {100 * sizes[best_name]:.2g} % only"
        if fits and max(sizes.values(), default=0.0) >= indifference and "worse" not in words:
            flattery = {n: trial.values[n] - comparison.results[1].estimate(n).value for n in objectives}
            return Best(design, today, trial.settings, trial.words, objectives, bounds, tuple(done), tuple(t.number for t in front),
                        comparison, flattery, space.size, True)  # fmt: skip
    same = Comparison((base_results, base_results))
    return Best(today, today, space.today, (), objectives, bounds, tuple(done), tuple(t.number for t in front), same,
                dict.fromkeys(objectives, 0.0), space.size, False, closest)  # fmt: skip


def _append(journal: Path, trial: Trial) -> None:
    """One line per finished trial; a line that a crash cut short is dropped by whoever reads it."""
    line = json.dumps(
        {"trial": trial.number, "settings": trial.settings, "values": trial.values, "refused": trial.refused, "feasible": trial.feasible},
        ensure_ascii=False,
    )
    with journal.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


__all__ = ["Best", "Trial", "optimise", "pareto", "parse_limit"]
