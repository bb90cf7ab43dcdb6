"""Remembering what is costly to compute, by what it is computed from.

A scenario of which one number changed differs from the one before in one place only; everything else its network
needs (calendars as intervals, profiles of arrivals, quantile tables) has been computed already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Content:
    """A record that equals another if both say the same; where figures come from says nothing about what they are."""

    key: str
    record: Any = field(compare=False)


def content(record: BaseModel, *without: str) -> Content:
    """A record as an argument of a function that remembers its results.

    Args:
        record: a paragraph of a scenario or a law.
        without: fields that the function does not read.
    """
    said = record.model_dump_json(exclude={"source", "assumption", "title", *without})
    return Content(f"{type(record).__name__} {said}", record)
