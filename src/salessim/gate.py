"""The gate for CI: does a changed design still do what the committed baseline did?

The baseline keeps the figures of every replication together with the seeds, so that the comparison is paired: an
unchanged design differs by exactly zero, and a changed one is judged by the interval of its difference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from salessim import __version__
from salessim.catalogue import Catalogue, catalogue
from salessim.errors import InputError
from salessim.experiment import replicate
from salessim.measures import Measure
from salessim.results import Results, difference
from salessim.scenario.loader import write_whole
from salessim.scenario.yaml import read_text
from salessim.statistics import Difference

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

DEFAULT_THRESHOLDS = {"cycle_time": 0.05, "lost_customers": 0.05, "cost": 0.05, "win_rate": 0.05}
"""Largest change for the worse that passes, as a share of the baseline."""

Verdict = Literal["passed", "regression", "inconclusive"]


class Kept(BaseModel):
    """One measure of a baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    mean: float | None
    half_width: float | None
    level: float
    unit: str
    definition: str | None = None
    """Of a measure of the scenario's own; what is defined otherwise by now is another figure."""
    max_worsening: Annotated[float, Field(ge=0)]
    """Largest change for the worse that passes, as a share of `mean`."""
    pairs: tuple[tuple[float | None, float | None], ...]
    """(numerator, denominator) of each replication; null where the figure does not exist."""


class Baseline(BaseModel):
    """What a design did: the figures of every replication, and how to run them again."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    format: Literal[1] = 1
    salessim: str
    scenario: str
    scenario_hash: str
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    replications: Annotated[int, Field(ge=2, le=1_000_000)]
    measures: Annotated[dict[str, Kept], Field(min_length=1)]

    @model_validator(mode="after")
    def _complete(self) -> Baseline:
        for name, kept in self.measures.items():
            if kept.definition is None:
                _built_in(name)
            if len(kept.pairs) != self.replications:
                raise ValueError(f"{name} has {len(kept.pairs)} replications of {self.replications}")
        return self


@dataclass(frozen=True)
class Finding:
    """One measure judged."""

    of: Measure
    verdict: Verdict
    threshold: float
    """Largest worsening that passes, in the measure's unit."""
    difference: Difference

    @property
    def measure(self) -> str:
        """The name of the measure."""
        return self.of.name


@dataclass(frozen=True)
class Check:
    """The gate's answer."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    same_scenario: bool
    """Whether the scenario is the one the baseline was made from."""


def _built_in(name: str) -> None:
    try:
        Catalogue({}, "EUR").judged(name, "baseline")
    except InputError as wrong:
        raise ValueError(f"{wrong.problem}; {wrong.remedy}") from None


def make_baseline(
    scenario: Scenario, *, replications: int = 40, seed: int = 0, thresholds: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Baseline:  # fmt: skip
    """A baseline, for a JSON file under version control.

    Args:
        scenario: the design that is known to be good.
        replications: the more, the smaller the regressions that are told from noise.
        seed: the seed of all draws.
        thresholds: measure, built-in or the scenario's own -> largest worsening that passes, as a share of the baseline's mean.

    Raises:
        InputError: a threshold for a measure that does not exist or has no better direction.
    """
    chosen = dict(thresholds or DEFAULT_THRESHOLDS)
    judged = {name: catalogue(scenario).judged(name, f"threshold {name!r}") for name in sorted(chosen)}
    results = replicate(scenario, replications, seed=seed, progress=progress)
    measures = {}
    for name, measure in judged.items():
        estimate = results.estimate(name)
        pairs = [(_finite(a), _finite(b)) for a, b in results.pairs[name].tolist()]
        measures[name] = Kept(
            mean=_finite(estimate.value), half_width=_finite(estimate.half_width), level=estimate.level,
            unit=measure.unit, definition=measure.explain if measure.own else None, max_worsening=chosen[name], pairs=tuple(pairs),
        )  # fmt: skip
    return Baseline(
        salessim=__version__, scenario=scenario.name, scenario_hash=scenario.hash, seed=seed, replications=replications, measures=measures
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def save_baseline(baseline: Baseline, path: str | Path) -> None:
    """Write a baseline; the same baseline gives the same bytes."""
    write_whole(path, json.dumps(baseline.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def load_baseline(path: str | Path) -> Baseline:
    """Read a baseline.

    Raises:
        InputError: not a baseline, or one of another format.
    """
    text = read_text(path, "baseline", most=1 << 26)
    try:
        return Baseline.model_validate(json.loads(text))
    except ValidationError as wrong:
        error = wrong.errors()[0]
        where = ".".join(map(str, error["loc"]))
        said = f"{where}: {error['msg']}" if where else error["msg"].removeprefix("Value error, ")
    except (ValueError, RecursionError) as broken:
        said = str(broken)
    raise InputError(str(path), f"this is not a baseline ({said})", "make one with `salessim check SCENARIO --baseline FILE --update`")


def _same(scenario: Scenario, name: str, kept: Kept) -> Measure:
    """What a measure of the baseline is in the scenario, if it is the same figure."""
    measure = catalogue(scenario).judged(name, "baseline")
    now = measure.explain if measure.own else None
    if now != kept.definition or measure.unit != kept.unit:
        said = [f"{of or 'the built-in measure'} in {unit or 'plain numbers'}" for of, unit in ((kept.definition, kept.unit), (now, measure.unit))]
        raise InputError("baseline", f"{name!r} was made as {said[0]}, and is now {said[1]}", "make the baseline anew with --update")
    return measure


def thresholds_of(path: str | Path) -> dict[str, float] | None:
    """The thresholds that somebody has set in a baseline; None if there is no baseline.

    Raises:
        InputError: the file is something else.
    """
    if not Path(path).exists():
        return None
    try:
        return {name: kept.max_worsening for name, kept in load_baseline(path).measures.items()}
    except InputError as wrong:
        raise InputError(str(path), wrong.problem, "mend or remove the file, whose thresholds are kept, or give --threshold") from None


def check(scenario: Scenario, baseline: Baseline, *, progress: Callable[[int, int], None] | None = None) -> Check:
    """Judge a scenario against a baseline, pair by pair.

    A measure regresses when the whole interval of its worsening lies above the threshold, passes when the whole
    interval lies below, and is inconclusive in between (more replications would tell). An unchanged scenario
    differs by exactly zero and passes.

    Raises:
        InputError: a measure of the baseline is not one of the scenario's, or is another figure by now.
    """
    judged = {name: _same(scenario, name, kept) for name, kept in baseline.measures.items()}
    results: Results = replicate(scenario, baseline.replications, seed=baseline.seed, progress=progress)
    findings = []
    for name, kept in baseline.measures.items():
        before = np.array([[np.nan if x is None else x for x in pair] for pair in kept.pairs], float)
        found = difference(judged[name], before, results.pairs[name])
        bad = 1 if judged[name].direction == "lower is better" else -1
        threshold = kept.max_worsening * abs(kept.mean or 0.0)
        low, high = sorted((bad * found.change.low, bad * found.change.high))
        verdict: Verdict = "passed" if high <= threshold else "regression" if low > threshold else "inconclusive"
        findings.append(Finding(judged[name], verdict, threshold, found))
    verdicts = [f.verdict for f in findings]
    overall: Verdict = "regression" if "regression" in verdicts else "inconclusive" if "inconclusive" in verdicts else "passed"
    return Check(overall, tuple(findings), scenario.hash == baseline.scenario_hash)
