"""One offline page that a planner can open: what would change, how sure that is, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from salessim.errors import InputError
from salessim.experiment import compare, replicate
from salessim.ignorance import echo_all
from salessim.results import Comparison

if TYPE_CHECKING:
    from salessim.calibration import Calibration, Validation
    from salessim.margins import Margins
    from salessim.optimisation import Best
    from salessim.scenario.model import Scenario


def report(
    scenarios: Sequence[Scenario], *, to: str | Path, replications: int = 30, seed: int = 0, workers: int | None = None,
    progress: Callable[[int, int], None] | None = None, margins: Margins | None = None,
) -> Path:  # fmt: skip
    """Write a page that compares scenarios with the first of them.

    Args:
        scenarios: one or more; with one, the page describes it.
        to: the HTML file; its folder must exist.
        replications: pairs of runs.
        seed: of all draws.
        margins: up to which size a change does not matter; by default 1 % of the figure before.

    Returns:
        The path written.

    Raises:
        InputError: no scenario, or a path that cannot be written.
    """
    if not scenarios:
        raise InputError("report", "there is no scenario", "give at least one")
    _folder_exists(to)
    if len(scenarios) == 1:
        comparison = Comparison((replicate(scenarios[0], replications, seed=seed, workers=workers, progress=progress),))
    else:
        comparison = compare(*scenarios, replications=replications, seed=seed, workers=workers, progress=progress, margins=margins)
    return write_page(echo_all(comparison, workers=workers), to)


def report_best(best: Best, to: str | Path, calibration: Calibration | None = None) -> Path:
    """Write the page of a recommended design: what the search found, on fresh seeds, and its front."""
    comparison = best.final if best.changed else Comparison((best.final.base,))
    return write_page(comparison, to, best, calibration)


def write_page(comparison: Comparison, to: str | Path, best: Best | None = None, calibration: Calibration | None = None) -> Path:
    """Write the page of a comparison that has been run already."""
    from salessim.reporting.page import render
    from salessim.scenario.loader import write_whole

    _folder_exists(to)
    write_whole(to, render(comparison, best, calibration))
    return Path(to)


def report_validation(found: Validation, name: str, to: str | Path) -> Path:
    """Write the page of a validation.

    Args:
        found: from `validate_model` or a calibration.
        name: of the model.
        to: the HTML file; its folder must exist.

    Raises:
        InputError: the path cannot be written.
    """
    from salessim.reporting.validation import render_validation
    from salessim.scenario.loader import write_whole

    _folder_exists(to)
    write_whole(to, render_validation(found, name))
    return Path(to)


def _folder_exists(to: str | Path) -> None:
    """Refuse a path whose folder is not there."""
    if not (Path(to).parent or Path(".")).is_dir():
        raise InputError(str(to), "its folder does not exist", "make the folder first")
