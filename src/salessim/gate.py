"""The gate for CI: does a changed design still do what the committed baseline did?

The baseline keeps the figures of every replication together with the seeds, so that the comparison is paired: an
unchanged design differs by exactly zero, and a changed one is judged by the interval of its difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from salessim import __version__
from salessim.errors import InputError
from salessim.experiment import Results, replicate
from salessim.measures import MEASURES, about
from salessim.scenario.checks import nearest
from salessim.scenario.loader import write_whole
from salessim.scenario.yaml import read_text
from salessim.statistics import Difference, paired_difference

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

FORMAT = 1
DEFAULT_THRESHOLDS = {"cycle_time": 0.05, "lost_customers": 0.05, "cost": 0.05, "win_rate": 0.05}
"""Largest change for the worse that passes, as a share of the baseline."""

Verdict = Literal["passed", "regression", "inconclusive"]


@dataclass(frozen=True)
class Finding:
    """One measure judged."""

    measure: str
    verdict: Verdict
    threshold: float
    """Largest worsening that passes, in the measure's unit."""
    difference: Difference


@dataclass(frozen=True)
class Check:
    """The gate's answer."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    same_scenario: bool
    """Whether the scenario is the one the baseline was made from."""


def make_baseline(
    scenario: Scenario, *, replications: int = 40, seed: int = 0, thresholds: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A baseline as plain data, for a JSON file under version control.

    Args:
        scenario: the design that is known to be good.
        replications: the more, the smaller the regressions that are told from noise.
        seed: the seed of all draws.
        thresholds: measure -> largest worsening that passes, as a share of the baseline's mean.
    """
    chosen = dict(thresholds or DEFAULT_THRESHOLDS)
    for name in chosen:
        if name not in MEASURES:
            raise InputError(f"threshold {name!r}", "there is no such measure", nearest(name, MEASURES))
    results = replicate(scenario, replications, seed=seed, progress=progress)
    measures = {}
    for name in sorted(chosen):
        estimate = results.estimate(name)
        measures[name] = {
            "mean": estimate.value,
            "half_width": estimate.half_width,
            "level": estimate.level,
            "unit": about(name).unit.replace("money", scenario.currency),
            "max_worsening": chosen[name],
            "values": [None if np.isnan(v) else v for v in results.values(name).tolist()],
        }
    return {
        "format": FORMAT,
        "salessim": __version__,
        "scenario": scenario.name,
        "scenario_hash": scenario.hash,
        "seed": seed,
        "replications": replications,
        "measures": measures,
    }


def save_baseline(baseline: Mapping[str, Any], path: str | Path) -> None:
    """Write a baseline; the same baseline gives the same bytes."""
    write_whole(path, json.dumps(baseline, indent=1, sort_keys=True, allow_nan=False) + "\n")


def load_baseline(path: str | Path) -> dict[str, Any]:
    """Read a baseline.

    Raises:
        InputError: not a baseline, or one of a newer format.
    """
    text = read_text(path, "baseline", most=1 << 26)
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data["measures"], dict):
            raise ValueError("no measures")
        for measure in data["measures"].values():
            if len(measure["values"]) != data["replications"]:
                raise ValueError("replications are missing")
            float(measure["max_worsening"])
        int(data["seed"]), str(data["scenario_hash"])
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        raise InputError(str(path), f"this is not a baseline ({wrong})", "make one with `salessim check SCENARIO --update`") from None
    if data.get("format") != FORMAT:
        raise InputError(str(path), f"the baseline has format {data.get('format')}", "make it anew with `--update`")
    return data


def check(
    scenario: Scenario, baseline: Mapping[str, Any], *, progress: Callable[[int, int], None] | None = None
) -> Check:
    """Judge a scenario against a baseline, pair by pair.

    A measure regresses when the whole interval of its worsening lies above the threshold, passes when the whole
    interval lies below, and is inconclusive in between (more replications would tell). An unchanged scenario
    differs by exactly zero and passes.
    """
    results: Results = replicate(scenario, int(baseline["replications"]), seed=int(baseline["seed"]), progress=progress)
    findings = []
    for name, kept in baseline["measures"].items():
        if name not in MEASURES:
            raise InputError("baseline", f"there is no measure {name!r}", nearest(name, MEASURES))
        before = np.array([np.nan if v is None else v for v in kept["values"]], float)
        difference = paired_difference(before, results.values(name))
        bad = 1 if about(name).direction == "lower is better" else -1
        threshold = abs(float(kept["max_worsening"]) * float(kept["mean"]))
        low, high = sorted((bad * difference.change.low, bad * difference.change.high))
        verdict: Verdict = "passed" if high <= threshold else "regression" if low > threshold else "inconclusive"
        findings.append(Finding(name, verdict, threshold, difference))
    verdicts = [f.verdict for f in findings]
    overall: Verdict = "regression" if "regression" in verdicts else "inconclusive" if "inconclusive" in verdicts else "passed"
    return Check(overall, tuple(findings), scenario.hash == baseline["scenario_hash"])
