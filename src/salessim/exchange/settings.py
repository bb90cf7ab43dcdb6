"""What is known about a diagram's elements beside the drawing: times, people, shares; keyed by identifier.

A parameter file and a Prosimos scenario are both turned into these, and `exchange.journey` asks nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from salessim.units import duration, say_duration

GIVEN = "not said in the diagram; give it in the parameters"
"""The word behind every number that nobody gave."""
TIMES: dict[str, Any] = {
    "work": {"law": "lognormal", "mean": "30 min", "cv": 1.0},
    "automatic": {"law": "constant", "value": "1 min"},
    "customer": {"law": "exponential", "mean": "3 days"},
}
KINDS = ("work", "automatic", "customer")
OF_TAG = {"serviceTask": "automatic", "sendTask": "automatic", "scriptTask": "automatic", "businessRuleTask": "automatic", "receiveTask": "customer"}
"""Whose time a task takes; that of our people where it does not say."""
_ISO = re.compile(
    r"P(?:(?P<year>\d+(?:[.,]\d+)?)Y)?(?:(?P<month>\d+(?:[.,]\d+)?)M)?(?:(?P<week>\d+(?:[.,]\d+)?)W)?(?:(?P<day>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:[.,]\d+)?)H)?(?:(?P<min>\d+(?:[.,]\d+)?)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?"
)


@dataclass
class Settings:
    """Step fields of elements, route fields of flows, outcomes of ends."""

    elements: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Step fields; also `after` (how long an event takes to come), `again` (share of repetitions), `repeats`, `stage`."""
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Route fields: `share`, `when`, `factor`, `limit`, `fades`."""
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    """{"lost": reason} or {"done": True}."""
    assumed: bool = True
    """Whether what is missing is assumed; a Prosimos scenario has to be complete."""


def assumed(kind: str) -> dict[str, Any]:
    """The law of a time that nobody gave."""
    return {**TIMES[kind], "assumption": GIVEN}


def timer(text: str | None) -> str | None:
    """An ISO 8601 duration, or a time in words, as words of the language; None for anything else.

    Example:
        >>> timer("P1DT2H30M"), timer("3 days"), timer("${due}")
        ('26.5 h', '3 days', None)
    """
    if text is None:
        return None
    found = _ISO.fullmatch(text.strip())
    try:
        if found is not None and any(found.groups()):
            text = " ".join(f"{number.replace(',', '.')} {unit}" for unit, number in found.groupdict().items() if number)
        return say_duration(duration(text))
    except ValueError:
        return None
