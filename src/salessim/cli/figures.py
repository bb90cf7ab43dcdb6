"""How the measures of scenarios and the differences between them are shown, as cells of a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from salessim.cli.show import number

if TYPE_CHECKING:
    from salessim.catalogue import Catalogue
    from salessim.drivers import Driver
    from salessim.measures import Measure
    from salessim.results import Comparison, Results


def headline(known: Catalogue, *results: Results) -> list[str]:
    """The measures that say something about the first of some scenarios, its own included."""
    from salessim.measures import OF_FIRST, OF_REPEAT

    scenario = results[0].scenario
    has = {m for step in scenario.steps.values() if (m := step.milestone)}
    skip = set() if "delivered" in has else {"delivery_time", "delivery_time_p90"}
    if not any(s.value for s in scenario.segments.values()):
        skip |= {"revenue", "revenue_first", "revenue_repeat"}
    if not any(step.spawns for step in scenario.steps.values()):
        skip |= {"tickets", "ticket_time"}
    if not any(r.has_repeats for r in results):
        skip |= {*OF_FIRST, *OF_REPEAT}
    if not any(t.cost for t in scenario.teams.values()):
        skip |= {"cost", "cost_per_win"}
    return [n for n in known.names if n not in skip]


def estimate_json(estimate: Any, unit: str) -> dict[str, Any]:
    """A figure with its interval; null for what does not exist."""
    import math

    finite = {k: (v if math.isfinite(v) else None) for k, v in (("mean", estimate.value), ("low", estimate.low), ("high", estimate.high))}
    return {**finite, "level": estimate.level, "replications": estimate.n, "missing": estimate.missing, "unit": unit}


def about_json(about: Measure) -> dict[str, Any]:
    """What a measure is."""
    return {"title": about.title, "direction": about.direction, "definition": about.explain, "own": about.own, "planned": about.planned}


def measure_json(results: Results, name: str) -> dict[str, Any]:
    """A measure of a scenario: its figure, and what it is."""
    about = results.catalogue.about(name)
    return {**estimate_json(results.shown(name), about.unit), **about_json(about)}


def difference_json(comparison: Comparison, name: str, i: int = 1) -> dict[str, Any]:
    """What becomes of a measure in scenario `i` of a comparison."""
    import math

    d = comparison.difference(name, i)
    reduction = d.variance_reduction if math.isfinite(d.variance_reduction) else None
    return {**estimate_json(d.change, comparison.catalogue.about(name).unit), "verdict": comparison.word(name, i), "margin": comparison.margin(name), "variance_reduction": reduction}


def spread_json(results: Any, name: str, *which: int) -> dict[str, Any]:
    """The part of ignorance in a figure or, for a comparison, in the change of scenario `which`."""
    import math

    spread = results.spread(name, *which)
    if spread is None:
        return {}

    def finite(x: float) -> float | None:
        return x if math.isfinite(x) else None

    share = spread.ignorance
    return {"uncertain": {"ignorance": finite(share.value), "ignorance_low": share.low, "ignorance_high": share.high,
                          "could_be_low": finite(spread.low), "could_be_high": finite(spread.high),
                          "drivers": [driver_json(d) for d in results.drivers(name, *which)]}}  # fmt: skip


def driver_json(driver: Driver) -> dict[str, Any]:
    """What an uncertain value moves, and what knowing it would take away of the variance."""
    return {"value": driver.value, "rank_correlation": driver.correlation, "origin": driver.origin,
            "share": driver.share.value, "share_low": driver.share.low, "share_high": driver.share.high}  # fmt: skip


def not_known(spread: Any, show: Callable[[float], str] = number) -> list[str]:
    """Two cells: where the long-run figure may lie, and how much of the variance is ignorance; none if all is known."""
    if spread is None:
        return []
    share = spread.ignorance
    if not share.low > 0:
        return ["–", f"< {100 * share.high:.0f} %" if share.high < 1 else "–"]
    return [f"{show(spread.low)} to {show(spread.high)}", f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"]
