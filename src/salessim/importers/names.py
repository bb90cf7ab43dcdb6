"""Names that the scenario language takes, made from whatever activities are called."""

from __future__ import annotations

import re

from salessim.errors import LogError
from salessim.importers.mapping import Activity

WAITING, SYSTEM = "waiting: no activity", "system: no activity"
"""Steps that no activity stands for: see `eventlog`. `clean` leaves no colon, so no activity can be taken for them."""
MOST_STEPS = 400
"""Steps that a person can still read a scenario by; more are usually texts or numbers in the column of activities."""
NOT_GIVEN = "not given"
"""The channel or segment of cases of which nobody said it; "unknown" is often a word of the log itself."""
LONGEST_STEP = 60
"""Calibration writes more behind the name of a step ("(2nd time)"), and a scenario's names have 80 characters."""


def clean(name: str, instead: str = "step") -> str:
    """A name that the scenario language takes: dots, commas and the like become spaces.

    Args:
        name: as a log has it.
        instead: what a name is called of which nothing is left.
    """
    return re.sub(r"\s+", " ", re.sub(r"[.+,:;=@/\\\x00-\x1f]", " ", name)).strip()[:80] or instead


def clean_about(name: str) -> str:
    """The name of a channel or segment; blank ones are not given."""
    return clean(name, NOT_GIVEN)


def step_names(activities: dict[str, Activity]) -> dict[str, str]:
    """The step that each activity of work stands for; only activities that the mapping gives one `step` share one.

    Names that differ only in what `clean` takes away get a number. The order is fixed, and names that need no cleaning
    keep theirs, so the same mapping always gives the same steps.

    Raises:
        LogError: there are too many.
    """
    wanted = {name: a.step or name for name, a in activities.items() if a.kind == "work"}
    raws = sorted(set(wanted.values()), key=lambda r: (clean(r) != r, r))
    if len(raws) > MOST_STEPS:
        raise LogError(
            "mapping activities", f"{len(raws):,} steps are more than the {MOST_STEPS} a scenario can be read by",
            "give activities that belong together the same 'step:', or set kind: event",
        )  # fmt: skip
    result: dict[str, str] = {}
    for raw in raws:
        short, number = clean(raw)[:LONGEST_STEP].strip(), 1
        step = short
        while step in result.values():
            number += 1
            suffix = f" ({number})"
            step = short[: LONGEST_STEP - len(suffix)].strip() + suffix
        result[raw] = step
    return {name: result[raw] for name, raw in wanted.items()}
