"""The mapping: what the columns and activities of a log mean. A person writes or corrects it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from salessim.errors import InputError, LogError
from salessim.scenario.calendars import public_holidays, zone
from salessim.scenario.checks import nearest
from salessim.scenario.yaml import load_yaml, read_text

STAGES = ("lead", "nurture", "opportunity", "quote", "contract", "order", "service")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Part):
    """Which column is what. Either `time` (one stamp per event) or `start` and `end` (one row per visit).

    `start` and `time` mean the same as `start` and `end`: so pm4py writes its interval logs.
    """

    case: str
    activity: str
    time: str | None = None
    start: str | None = None
    end: str | None = None
    enabled: str | None = None
    lifecycle: str | None = None
    resource: str | None = None
    value: str | None = None
    segment: str | None = None
    channel: str | None = None
    customer: str | None = None
    stage: str | None = None
    """Of the seven stages; overrides that of the activity."""
    outcome: str | None = None
    """"won", "completed" or "lost: REASON" in the row that ends a case; anything else says that it went on."""

    @model_validator(mode="before")
    @classmethod
    def _intervals(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("start") is not None and data.get("time") is not None and data.get("end") is None:
            return {**{k: v for k, v in data.items() if k != "time"}, "end": data["time"]}
        return data

    @model_validator(mode="after")
    def _stamps(self) -> Columns:
        if (self.time is None) == (self.end is None):
            raise ValueError("the columns need either 'time' or 'end' (with 'start' if there is one); give exactly one")
        if self.lifecycle is not None and self.end is not None:
            raise ValueError(
                "'lifecycle' says which moment of a visit a row stamps, but 'start' and 'end' make a row a whole visit; "
                "take 'lifecycle' out, or keep it with 'time' alone"
            )
        return self


class Lifecycle(_Part):
    """The words of the lifecycle column."""

    schedule: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()


class Activity(_Part):
    """What an activity is: work by people, an event that only marks something, or nothing to us.

    `ends`: the case is over with it ("won", "completed" or "lost: REASON"). `milestone`: it marks a point on the way.
    """

    kind: Literal["work", "event", "ignore"] = "work"
    step: str | None = None
    stage: Literal["lead", "nurture", "opportunity", "quote", "contract", "order", "service"] = "opportunity"
    ends: Annotated[str, Field(pattern=r"^(won|completed|lost: .{1,60})$")] | None = None
    milestone: Literal["response", "won", "delivered"] | None = None


class Mapping(_Part):
    """How to read one log."""

    columns: Columns
    time_format: str = "ISO8601"
    """ISO8601, or a format such as "%d.%m.%Y %H:%M"."""
    stamps_in: str = "UTC"
    """Time zone of stamps that carry none."""
    office_in: str = "UTC"
    """Time zone of the office, in which working hours are learnt."""
    country: str | None = None
    """Whose public holidays are days off, such as NL."""
    currency: str = "EUR"
    lifecycle: Lifecycle = Lifecycle()
    activities: dict[str, Activity]
    system_resources: tuple[str, ...] = ()
    """Resources that are machines; what they do is automatic."""
    complete_cases_only: bool = False
    """Whether the log holds only cases that ended inside its window: then cases that stop are over, not open."""

    @model_validator(mode="after")
    def _zones(self) -> Mapping:
        zone(self.stamps_in)
        zone(self.office_in)
        if self.country is not None:
            public_holidays(self.country, 2026)
        return self


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping file.

    Raises:
        LogError: with file, line, value and remedy.
    """
    try:
        data, positions = load_yaml(read_text(path, "mapping"), str(path))
    except InputError as wrong:
        raise LogError(wrong.place, wrong.problem, wrong.remedy) from None
    return parse_mapping(data, positions.place)


def parse_mapping(data: Any, place: Any = lambda loc: "mapping") -> Mapping:
    """A mapping from plain data."""
    if not isinstance(data, dict):
        raise LogError(place(()), "this is not a mapping", "make one with `salessim import inspect LOG --out MAPPING`")
    try:
        return Mapping.model_validate(data)
    except ValidationError as wrong:
        # A misspelt field is the cause, what is then missing the consequence.
        error = min(wrong.errors(), key=lambda e: e["type"] != "extra_forbidden")
        loc = tuple(error["loc"])
        name = ".".join(map(str, loc))
        if error["type"] == "extra_forbidden":
            part: Any = {"columns": Columns, "lifecycle": Lifecycle, "activities": Activity}.get(str(loc[0]), Mapping)
            remedy = nearest(str(loc[-1]), part.model_fields)
            raise LogError(f"{place(loc)}: {name}", f"there is no field {str(loc[-1])!r}", remedy) from None
        if error["type"] == "missing":
            raise LogError(f"{place(loc)}: {name}", "it is missing", "add it") from None
        if error["type"] == "literal_error":
            options = str((error.get("ctx") or {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
            raise LogError(f"{place(loc)}: {name}", f"{error['input']!r} is not known here", nearest(str(error["input"]), options)) from None
        text = str((error.get("ctx") or {}).get("error", error["msg"]))
        problem, _, remedy = text.partition("; ")
        raise LogError(f"{place(loc)}: {name}" if name else place(loc), problem, remedy or "correct it") from None
