"""What a Prosimos JSON file may hold, as records: shapes are checked here, meanings in `exchange.prosimos`.

Numbers may be written as words ("0.3") and sections may be missing or null; fields that are not known are kept, to be
named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from salessim.errors import ScenarioError
from salessim.exchange.json_file import load_json

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    def unread(self, place: str = "") -> Iterator[tuple[str, str]]:
        """(place, field) of everything that holds something and is not known, here and inside."""
        yield from ((place, key) for key, value in (self.model_extra or {}).items() if value not in (None, [], {}, "") and key not in _REDUNDANT)
        for name in type(self).model_fields:
            value = getattr(self, name)
            parts = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
            for n, part in parts:
                if isinstance(part, _Part):
                    yield from part.unread(f"{place}.{name}{'' if n is None else f'[{n}]'}".lstrip("."))


_REDUNDANT = ("assignedTasks",)
"""Fields that say again what another section says."""


def _empty(value: Any) -> Any:
    return [] if value is None or value == {} else value


class _Drawn(_Part):
    """Something with a distribution; `exchange.distributions` reads it."""

    distribution_name: str | None = None
    distribution_params: list[Any] | None = None
    histogram_data: Any = None

    @property
    def entry(self) -> dict[str, Any]:
        """As `exchange.distributions.law` takes it."""
        return self.model_dump(include={"distribution_name", "distribution_params", "histogram_data"}, exclude_none=True)


class Resource(_Part):
    """A person, or several."""

    id: str
    name: str | None = None
    amount: Annotated[int, Field(ge=1, le=100_000)] = 1
    cost_per_hour: Annotated[Number, Field(ge=0, le=1e9)] = 0.0
    calendar: str


class Profile(_Part):
    """People of one kind."""

    id: str | None = None
    name: str | None = None
    resource_list: list[Resource]


class Calendar(_Part):
    """A weekly calendar; `exchange.weeks` reads its periods."""

    id: str
    name: str | None = None
    time_periods: list[Any]


class Worker(_Drawn):
    """How long a task takes a resource."""

    resource_id: str


class Task(_Part):
    """Who does a task."""

    task_id: str
    resources: list[Worker]


class Way(_Part):
    """A flow out of a gateway."""

    path_id: str
    value: Annotated[Number, Field(ge=0, le=1.0001)] | None = None
    condition_id: str | None = None


class Gateway(_Part):
    """The flows out of a gateway."""

    gateway_id: str
    probabilities: list[Way]


class Event(_Drawn):
    """How long an event takes to come."""

    event_id: str


class Comparison(_Part):
    """An attribute against a value."""

    attribute: str
    comparison: str
    value: Any


Rules = list[list[Comparison]]
"""One of several lists whose comparisons all hold."""


class BranchRule(_Part):
    """A condition with a name."""

    id: str
    rules: Rules


class PriorityRule(_Part):
    """Who has a priority; the lowest comes first."""

    priority_level: Number
    rules: Rules


class Pair(_Part):
    """A key with a number."""

    key: str
    value: Number


class SizePair(_Part):
    """A size with a number."""

    key: Annotated[int, Field(ge=0, le=100_000)]
    value: Annotated[Number, Field(ge=0, le=1e9)]


class Batch(_Part):
    """When and how cases are worked on together."""

    task_id: str
    type: str
    size_distrib: Annotated[list[SizePair], BeforeValidator(_empty)] = []
    duration_distrib: Annotated[list[SizePair], BeforeValidator(_empty)] = []
    firing_rules: Rules


class CaseAttribute(_Part):
    """An attribute and how it is drawn."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    type: str
    values: Any


class EventAttributes(_Part):
    """What an element does to attributes."""

    event_id: str
    attributes: list[CaseAttribute]


class ProsimosFile(_Part):
    """The whole file."""

    resource_profiles: list[Profile]
    resource_calendars: list[Calendar]
    task_resource_distribution: list[Task]
    arrival_time_distribution: _Drawn
    arrival_time_calendar: list[Any] | None = None
    gateway_branching_probabilities: Annotated[list[Gateway], BeforeValidator(_empty)] = []
    event_distribution: Annotated[list[Event], BeforeValidator(_empty)] = []
    batch_processing: Annotated[list[Batch], BeforeValidator(_empty)] = []
    case_attributes: Annotated[list[CaseAttribute], BeforeValidator(_empty)] = []
    global_attributes: Annotated[list[CaseAttribute], BeforeValidator(_empty)] = []
    event_attributes: Annotated[list[EventAttributes], BeforeValidator(_empty)] = []
    branch_rules: Annotated[list[BranchRule], BeforeValidator(_empty)] = []
    prioritisation_rules: Annotated[list[PriorityRule], BeforeValidator(_empty)] = []
    gateway_execution_limit: Any = None
    model_type: Any = None
    granule_size: Any = None


def load_prosimos(path: str | Path) -> ProsimosFile:
    """Read a Prosimos JSON file.

    Raises:
        ScenarioError: with file, place in it, and remedy.
    """
    data = load_json(path, "Prosimos scenario")
    if not isinstance(data, dict) or "task_resource_distribution" not in data:
        raise ScenarioError(str(path), "this is no Prosimos scenario", "give the JSON with 'resource_profiles' and 'task_resource_distribution'")
    try:
        return ProsimosFile.model_validate(data)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = _place(first["loc"])
        if first["type"] == "missing":
            raise ScenarioError(f"{path}: {place}", "it is missing", "add it") from None
        said = first["msg"][0].lower() + first["msg"][1:]
        raise ScenarioError(f"{path}: {place}", f"{first['input']!r:.60}: {said}", "correct the value") from None


def _place(loc: tuple[int | str, ...]) -> str:
    """`section[0].field` of a location."""
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in loc).lstrip(".")
