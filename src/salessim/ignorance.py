"""How much of what differs between replications is ignorance, and which uncertain value it comes from.

An interval over replications tells how well their mean is known, and shrinks as they grow in number. What nobody knows
about the process does not shrink: here it is told apart from chance, so that nobody takes many replications for knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from salessim.drivers import Driver
from salessim.engines import Engine
from salessim.experiment import ECHO, Progress, Workers, replicate
from salessim.results import Comparison, Results

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

ECHOES = 40
"""Pairs that tell ignorance from chance: the standard error of the share is then at most 1/6."""


def echo(
    results: Results, *, always: bool = False, engine: Engine = "auto", workers: Workers = None, progress: Progress | None = None
) -> Results:
    """The same results, with the first replications run once more: the same uncertain values, other chance.

    Args:
        results: from `replicate`.
        always: also where nothing is uncertain, as a counterpart of another scenario.
        engine, workers, progress: as for `replicate`.
    """
    if results.echoes is not None or not (results.scenario.uncertain or always):
        return results
    numbers = [ECHO + n for n in results.numbers[:ECHOES]]
    again = replicate(results.scenario, numbers, seed=results.seed, engine=engine, workers=workers, progress=progress)
    return replace(results, echoes=again.pairs)


def echo_all(comparison: Comparison, *, engine: Engine = "auto", workers: Workers = None, progress: Progress | None = None) -> Comparison:
    """The same comparison with echoes (see `echo`) of all its scenarios, if some value of any is uncertain."""
    if not any(r.scenario.uncertain for r in comparison.results):
        return comparison
    return replace(comparison, results=tuple(echo(r, always=True, engine=engine, workers=workers, progress=progress) for r in comparison.results))


def in_words(*scenarios: Scenario) -> str:
    """What the two figures of a spread mean, for the foot of a table."""
    paths = {path for s in scenarios for path in s.uncertain}
    many = f"{len(paths)} uncertain values are" if len(paths) > 1 else "1 uncertain value is"
    return (
        f"* {many} drawn anew in each replication. 'could be': about where the long-run figure lies in 9 of 10 of the worlds they allow (5 % to 95 % quantile), however many"
        " replications; 'ignorance': share of the variance between replications that knowing them would take away (95 % interval); '–' where it cannot be told from chance."
    )


def drivers_in_words(found: Results | Comparison, measures: Sequence[str], *which: int) -> list[str]:
    """What to find out first: for each measure the value that moves it most, one line for each value."""
    moved: dict[str, list[tuple[Driver, str]]] = {}
    for measure_name in measures:
        for driver in found.drivers(measure_name, *which)[:1]:
            moved.setdefault(driver.value, []).append((driver, found.catalogue.about(measure_name).phrase))
    most = 3  # of the measures one value moves; the rest say the same again
    lines = []
    for name, rows in sorted(moved.items(), key=lambda item: (-max(d.share.value for d, _ in item[1]), item[0])):
        rows = sorted(rows, key=lambda row: (-row[0].share.value, row[1]))[:most]
        said = "; ".join(f"{phrase} by {say_share_of(d)} (rank correlation {d.correlation:+.2f})" for d, phrase in rows)
        lines.append(f"To know {name!r} ({rows[0][0].origin}) would take most from the variance of: {said}." + (" Twice the data: half of that." if rows[0][0].from_data else ""))
    return lines


def say_share_of(driver: Driver) -> str:
    """The share of the variance with its interval."""
    return f"{100 * driver.share.value:.0f} % ({100 * driver.share.low:.0f} to {100 * driver.share.high:.0f})"
