"""The level of standardisation: what following one standard changes about the steps of a process.

At level s, and as far as the scenario's figures for level 1 say: work times keep their mean and lose s x `spread` of
their standard deviation; side ways from our own steps to other steps of ours (rework, detours) lose s x `detours` of
their share to the main way; skipped visits become s x `skips` fewer; and where customers decide, those of an unusual
segment say yes 1 - `loss` x s x `unusual` times as often. Ways that customers choose, losses, conditions (`when`) and
what a customer does with his own time stay as they are. At level 0 nothing changes, not even the object.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.durations import Law
from salessim.scenario.checks import Problem, nearest
from salessim.units import SECOND

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step

MISFIT = "did not fit the standard"
Data = dict[str, Any]
_GRID = (np.arange(20_000) + 0.5) / 20_000


def levels(scenario: Scenario) -> dict[str, float]:
    """The level of each step that has one above zero."""
    found = {}
    for stage in scenario.stages.values():
        for name, step in stage.steps.items():
            whole = scenario.standardisation.level if scenario.standardisation else 0.0
            level = next(x for x in (step.standardisation, stage.standardisation, whole) if x is not None)
            if level > 0:
                found[name] = level
    return found


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Levels without the figures that say what they mean, names that do not exist."""
    whole = scenario.standardisation
    if whole is None:
        for stage_name, stage in scenario.stages.items():
            for name, step in stage.steps.items():
                if step.standardisation is not None or stage.standardisation is not None:
                    path = ("stages", stage_name) if step.standardisation is None else ("stages", stage_name, "steps", name)
                    yield Problem((*path, "standardisation"), "it does not say what a standard changes", "add 'standardisation: {spread: ..., detours: ..., assumption: ...}' at the top level")
                    return
        return
    for segment in whole.unusual:
        if segment not in scenario.segments:
            yield Problem(("standardisation", "unusual", segment), f"there is no segment {segment!r}", nearest(segment, scenario.segments))
    if whole.decided is not None:
        at, to = whole.decided.at, whole.decided.to
        if at not in scenario.steps:
            yield Problem(("standardisation", "decided", "at"), f"there is no step {at!r}", nearest(at, scenario.steps))
        elif sum(r.to == to for r in scenario.steps[at].then) != 1:
            ways = [r.to for r in scenario.steps[at].then if r.to]
            yield Problem(("standardisation", "decided", "to"), f"{ways.count(to)} routes lead from {at!r} to {to!r}", nearest(to, ways) if to not in ways else "make one route of them")


def standardised(scenario: Scenario, data: Data) -> Data:
    """The data of a scenario with its standard worked into the steps.

    Args:
        scenario: one with a level.
        data: its plain data, which is changed.
    """
    whole = scenario.standardisation
    assert whole is not None  # checked when the scenario was loaded
    for stage_name, stage in data["stages"].items():
        stage.pop("standardisation", None)
        for name, plain in stage["steps"].items():
            plain.pop("standardisation", None)
            level = levels(scenario).get(name, 0.0)
            step = scenario.stages[stage_name].steps[name]
            for form, record in [(step, plain), *((v.step, d["step"]) for v, d in zip(step.versions, plain.get("versions", []), strict=True))]:
                if level > 0:
                    _narrow(form, record, 1 - level * whole.spread)
                    _straighten(scenario, form, record, 1 - level * whole.detours)
                    _keep(form, record, 1 - level * whole.skips)
                if level > 0 and whole.loss and whole.decided is not None and whole.decided.at == name:
                    _lose(scenario, form, record, whole.decided.to, {g: whole.loss * level * u for g, u in whole.unusual.items()})
    data.pop("standardisation", None)
    for part in ("levers", "invariants", "modules", "module_types"):
        data.pop(part, None)  # settled before: what runs is the steps
    return data


def narrowed(law: Any, factor: float) -> Data:
    """A law of the same mean whose standard deviation is `factor` times that of another.

    Exact for laws given by mean and cv, exponential, uniform and triangular ones; a gamma or lognormal law of the same
    mean and cv stands in for others, and straight lines between quantiles where even that is not possible.

    Example:
        >>> from salessim.durations.specs import Exponential
        >>> narrowed(Exponential(law="exponential", mean="2 h"), 0.5)["cv"]
        0.5
    """
    plain: Data = law.model_dump(mode="json", exclude_none=True)
    known: Data = {k: plain[k] for k in ("source", "assumption") if k in plain}
    mean = law.mean
    said = f"{mean / SECOND!r} s"
    if law.law in ("constant",) or factor == 1:
        return plain
    if law.law in ("uniform", "triangular"):
        ends = {f: getattr(law, f).value for f in ("low", "mode", "high") if hasattr(law, f)}
        return {"law": law.law, **{f: f"{(mean + (x - mean) * factor) / SECOND!r} s" for f, x in ends.items()}, **known}
    if law.law in ("exponential", "erlang", "gamma", "weibull", "lognormal"):
        cv = 1.0 if law.law == "exponential" else _cv(law)
        family = "lognormal" if law.law == "lognormal" else "gamma"
        if factor <= 0 or cv * factor < 1e-3:
            return {"law": "constant", "value": said, **known}
        return {"law": family, "mean": said, "cv": cv * factor, **known}
    if factor <= 0:
        return {"law": "constant", "value": said, **known}
    p = np.concatenate([[1e-6], np.arange(1, 200) / 200, [1 - 1e-6]])
    x = np.maximum(mean + (law.quantile(p) - mean) * factor, 0)
    return {"law": "quantiles", "points": {f"{100 * (0 if i == 0 else 1 if i == len(p) - 1 else q):.4g} %": f"{float(v) / SECOND!r} s" for i, (q, v) in enumerate(zip(p, x, strict=True))}, **known}


def _cv(law: Law) -> float:
    """Standard deviation over mean."""
    if law.law == "lognormal":
        return math.sqrt(math.expm1(law._mu_sigma[1] ** 2))
    if law.law in ("gamma", "erlang"):
        return 1 / math.sqrt(law.shape_)
    x = law.quantile(_GRID)
    return float(x.std() / law.mean)


def _narrow(step: Step, record: Data, factor: float) -> None:
    if step.work is not None:
        record["work"] = narrowed(step.work, factor)
        if step.time_by_segment:
            record["time_by_segment"] = {g: narrowed(law, factor) for g, law in step.time_by_segment.items()}


def _straighten(scenario: Scenario, step: Step, record: Data, factor: float) -> None:
    """Side ways of our own steps lose to the main one."""
    if step.kind not in ("work", "automatic"):
        return
    segments = sorted(scenario.segments)
    ways = [i for i, r in enumerate(step.then) if r.to is not None and r.when is None]
    if len(ways) < 2:
        return
    share = {i: {g: step.share_of(step.then[i], g) for g in segments} for i in ways}
    # One way for all: that of most. A segment that never goes it keeps to the main one of its own: a standard opens no way.
    ranked = sorted(ways, key=lambda i: (sum(share[i].values()), step.then[i].to or ""), reverse=True)
    main = {g: ranked[0] if share[ranked[0]][g] > 0 else max(ranked, key=lambda i: share[i][g]) for g in segments}
    for i in ways:
        if step.then[i].share is not None:  # a way that takes the rest gets, or gives, what the others leave it
            given = {g: sum(share[j][g] for j in ways if j != i) * (1 - factor) for g in segments}
            record["then"][i]["share"] = {g: min(1.0, s + given[g]) if main[g] == i else s * factor for g, s in share[i].items()}


def _keep(step: Step, record: Data, factor: float) -> None:
    """Visits are skipped less often."""
    if isinstance(step.adherence, dict):
        record["adherence"] = {g: 1 - (1 - a) * factor for g, a in step.adherence.items()}
    elif step.adherence < 1:
        record["adherence"] = 1 - (1 - step.adherence) * factor


def _lose(scenario: Scenario, step: Step, record: Data, to: str, lost: dict[str, float]) -> None:
    """Fewer decide for us where the case is unusual; the effect enters here and nowhere else."""
    i = next(i for i, r in enumerate(step.then) if r.to == to)
    route = step.then[i]
    yes = {g: step.share_of(route, g) for g in sorted(scenario.segments)}
    no = {g: s * lost.get(g, 0.0) for g, s in yes.items()}
    if route.share is not None:
        record["then"][i]["share"] = {g: s - no[g] for g, s in yes.items()}
    record["then"].insert(0, {"lost": MISFIT, "share": no})
