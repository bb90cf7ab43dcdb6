"""The mapping: what the tables, columns and activities of a source mean. A person writes or corrects it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from salessim.errors import InputError, LogError, nearest
from salessim.scenario.calendars import public_holidays, zone
from salessim.scenario.yaml import load_yaml, read_text

STAGES = ("lead", "nurture", "opportunity", "quote", "contract", "order", "service")
Stage = Literal["lead", "nurture", "opportunity", "quote", "contract", "order", "service"]
Names = str | tuple[str, ...]
"""A column, the first filled one of several ("write_date | create_date"), or several whose texts are joined: a date and its
time of day, an order and its line."""
CASE_ROLES = ("customer", "segment", "channel", "value")
"""What is said of a case rather than of an event."""
_NEEDED: dict[str, tuple[str, ...]] = {
    "events": ("case", "activity"), "states": ("case", "activity", "time"), "cases": ("case",),
    "documents": ("case", "before", "activity", "time"), "objects": (), "people": ("resource", "team"),
}  # fmt: skip
"""shape -> the columns it cannot do without."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def columns_of(names: Names | None) -> tuple[str, ...]:
    """The columns that are named."""
    listed = (names,) if isinstance(names, str) else names or ()
    return tuple(c.strip() for n in listed for c in n.split(" | "))


class Columns(_Part):
    """Which column is what; several columns in a list are joined.

    Events have either `time` (one stamp each) or `start` and `end` (a row is a visit). `start` and `time` mean the same as
    `start` and `end`: so pm4py writes its interval logs.
    """

    case: Names | None = None
    activity: Names | None = None
    time: Names | None = None
    start: Names | None = None
    end: Names | None = None
    enabled: Names | None = None
    lifecycle: str | None = None
    before: str | None = None
    """States: the state a change left. Documents: the document this one follows."""
    sorting: str | None = None
    """Numbers that order events of the same time."""
    resource: str | None = None
    team: str | None = None
    cost: str | None = None
    """People: what an hour of a person costs."""
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
        if self.lifecycle is not None and self.end is not None:
            raise ValueError(
                "'lifecycle' says which moment of a visit a row stamps, but 'start' and 'end' make a row a whole visit; "
                "take 'lifecycle' out, or keep it with 'time' alone"
            )
        return self

    def used(self) -> Iterator[tuple[str, str]]:
        """(role, column) of each that is mapped."""
        for role, names in self.model_dump().items():
            for name in columns_of(names):
                yield role, name


class Lifecycle(_Part):
    """The words of the lifecycle column. `suspend` and `resume` interrupt a visit; `abort` ends one that came to nothing."""

    schedule: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    suspend: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()
    abort: tuple[str, ...] = ()


class Activity(_Part):
    """What an activity is: work by people, an event that only marks something, or nothing to us.

    `ends`: the case is over with it ("won", "completed" or "lost: REASON"). `milestone`: it marks a point on the way.
    """

    kind: Literal["work", "event", "ignore"] = "work"
    step: str | None = None
    stage: Stage = "opportunity"
    ends: Annotated[str, Field(pattern=r"^(won|completed|lost: .{1,60})$")] | None = None
    milestone: Literal["response", "won", "delivered"] | None = None


def _texts(data: Any) -> Any:
    """Words of YAML as the text of cells; one may stand without its list."""
    if not isinstance(data, dict):
        return data
    words = {str(k): v if isinstance(v, list | tuple) else [v] for k, v in data.items()}
    return {k: ["" if w is None else str(w).lower() if isinstance(w, bool) else str(w) for w in v] for k, v in words.items()}


Where = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_texts)]
"""column -> the texts of rows that count ("" for an empty cell, "006*" for all that begin so)."""


class Step(_Part):
    """Columns of a table of cases that date one step: one stamp (`time`), or when it was entered, begun and left."""

    time: Names | None = None
    enabled: Names | None = None
    start: Names | None = None
    end: Names | None = None
    resource: str | None = None
    where: Where = {}

    @model_validator(mode="after")
    def _one(self) -> Step:
        if (self.time is None) == (self.end is None and self.enabled is None):
            raise ValueError("a step needs either 'time' or 'enabled' and 'end'; give one of them")
        return self


class Labels(_Part):
    """A table that says what the keys in a column are called."""

    source: str = Field(alias="from")
    key: str
    name: str


class Join(_Part):
    """Another table, of which each row gets the one row that fits."""

    source: str = Field(alias="from")
    on: str
    """The column of this table that holds the other's key."""
    key: str
    where: Where = {}


class Current(_Part):
    """Where records stand that never changed their state, so that no history has them."""

    source: str = Field(alias="from")
    key: str
    state: str
    since: Names
    where: Where = {}


class Table(_Part):
    """How the rows of one table become visits.

    `events`: a row is an event or a visit. `states`: a row says which state a case entered; it is left with the next.
    `cases`: a row is a case (a lead, an order), with dates for its steps and what is known of it. `documents`: a row says
    which document follows which; the case is the first of them. `objects`: OCEL, cases being the objects of one type.
    `people`: who belongs to which team.
    """

    source: str | None = Field(default=None, alias="from")
    """Its name in the source; needed only where there are several."""
    shape: Literal["events", "states", "cases", "documents", "objects", "people"] = "events"
    record: str = "case"
    """What its key is a key of, such as opportunity."""
    columns: Columns = Columns()
    steps: dict[str, Step] = {}
    entered: str | None = None
    """Columns such as "hs_v2_date_entered_*" that say when a case entered the step the star stands for."""
    left: str | None = None
    not_steps: tuple[str, ...] = ()
    """What the star may stand for without being a step."""
    latest: str | None = None
    """Columns such as "hs_v2_latest_time_in_*": how long the last visit took, and in `total` all of them; more in total
    shows a case that came again, of which the dates of the first time are lost."""
    total: str | None = None
    attributes: dict[str, str] = {}
    """Further columns of the log about a case -> column of the table, such as satisfaction: Score."""
    links: dict[str, str] = {}
    """Other records this one belongs to: what -> the column with its key."""
    where: Where = {}
    joins: dict[str, Join] = {}
    """Name -> a table whose columns are then called NAME.COLUMN."""
    changes: str | None = None
    """A column with a list of changes as JSON; it becomes COLUMN.field, COLUMN.old and COLUMN.new, a row for each."""
    current: Current | None = None
    prefix: dict[str, str] = {}
    """column -> what stands before the keys in it and is taken out; keys without it are of something else."""
    labels: dict[str, Labels] = {}
    """column -> what the keys in it are called."""
    objects: dict[str, str] = {}
    """OCEL: "case" and, if wanted, "resource" -> the type of object."""
    time_format: Names | None = None
    stamps_in: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Table:
        if self.shape == "events" and (self.columns.time is None) == (self.columns.end is None):
            raise ValueError("the columns need either 'time' or 'end' (with 'start' if there is one); give exactly one")
        if self.shape == "objects" and "case" not in self.objects:
            raise ValueError("OCEL has no cases of its own; say which type of object is one, such as 'objects: {case: order}'")
        for role in _NEEDED[self.shape]:
            if getattr(self.columns, role) is None:
                raise ValueError(f"columns.{role} is missing; say which column it is")
        if (self.entered or "*").count("*") != 1 or (self.left or "*").count("*") != 1:
            raise ValueError("'entered' and 'left' need one star for the name of the step, such as \"date_entered_*\"")
        return self


class Mapping(_Part):
    """How to read one log: from one table (`columns`), or from several that are joined by their keys (`tables`)."""

    columns: Columns | None = None
    tables: dict[str, Table] = {}
    time_format: Names = "ISO8601"
    """ISO8601, a format such as "%d.%m.%Y %H:%M", "epoch", "excel", or several that no date fits at once."""
    stamps_in: str = "UTC"
    """Time zone of stamps that carry none."""
    office_in: str = "UTC"
    """Time zone of the office, in which working hours are learnt."""
    country: str | None = None
    """Whose public holidays are days off, such as NL."""
    currency: str = "EUR"
    salesforce_ids: bool = False
    """Whether keys of 18 characters are those of 15 with three more."""
    lifecycle: Lifecycle = Lifecycle()
    activities: dict[str, Activity]
    system_resources: tuple[str, ...] = ()
    """Resources that are machines; what they do is automatic."""
    complete_cases_only: bool = False
    """Whether the log holds only cases that ended inside its window: then cases that stop are over, not open."""

    @field_validator("activities", mode="before")
    @classmethod
    def _names(cls, data: Any) -> Any:
        """Names of activities may look like numbers in YAML."""
        return {str(k): v for k, v in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _zones(self) -> Mapping:
        if (self.columns is None) == (not self.tables):
            raise ValueError("a mapping needs either 'columns' (one table) or 'tables'; give one of them")
        for name in {self.stamps_in, self.office_in, *(t.stamps_in for t in self.tables.values() if t.stamps_in)}:
            zone(name)
        if self.columns is not None:
            Table(columns=self.columns)
        if self.country is not None:
            public_holidays(self.country, 2026)
        return self

    def parts(self) -> dict[str, Table]:
        """The tables to read; `columns` alone is one of them."""
        return self.tables or {"": Table(columns=self.columns or Columns())}


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


def load_filled_in(path: str | Path) -> dict[str, Any]:
    """What a person filled in of a mapping that still has blanks.

    Raises:
        LogError: the file cannot be read.
    """
    try:
        data, _ = load_yaml(read_text(path, "mapping"), str(path))
    except InputError as wrong:
        raise LogError(wrong.place, wrong.problem, wrong.remedy) from None
    if not isinstance(data, dict) or not isinstance(data.get("columns", {}), dict):
        raise LogError(str(path), "this is not a mapping", "make one with `salessim import inspect LOG --out MAPPING`")
    return data


def parse_mapping(data: Any, place: Any = lambda loc: "mapping") -> Mapping:
    """A mapping from plain data."""
    if not isinstance(data, dict):
        raise LogError(place(()), "this is not a mapping", "make one with `salessim import inspect LOG --out MAPPING`")
    _no_blanks(data, (), place)
    try:
        return Mapping.model_validate(data)
    except ValidationError as wrong:
        # A misspelt field is the cause, what is then missing the consequence.
        error = min(wrong.errors(), key=lambda e: e["type"] != "extra_forbidden")
        loc = tuple(p for p in error["loc"] if p not in ("str", "tuple[str, ...]"))
        name = ".".join(map(str, loc))
        at = f"{place(loc)}: {name}" if name else place(loc)
        if error["type"] == "extra_forbidden":
            raise LogError(at, f"there is no field {str(loc[-1])!r}", nearest(str(loc[-1]), _fields(loc))) from None
        if error["type"] == "missing":
            raise LogError(at, "it is missing", "add it") from None
        if error["type"] == "literal_error":
            options = str((error.get("ctx") or {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
            raise LogError(at, f"{error['input']!r} is not known here", nearest(str(error["input"]), options)) from None
        text = str((error.get("ctx") or {}).get("error", error["msg"]))
        if text.startswith("1 validation error"):  # of the one table that `columns` stands for
            text = text.split("Value error, ")[-1].split(" [type=")[0]
        problem, _, remedy = text.partition("; ")
        raise LogError(at, problem, remedy or "correct it") from None


def _no_blanks(data: dict[Any, Any], path: tuple[Any, ...], place: Any) -> None:
    """Refuse blanks that `inspect` left to be filled in."""
    for key, value in data.items():
        here = (*path, key)
        if isinstance(value, dict):
            _no_blanks(value, here, place)
        elif value is None and ("columns" in path or key in ("columns", "activities")):
            raise LogError(f"{place(here)}: {'.'.join(map(str, here))}", "it is blank", "fill in which column it is, or take the line out")


def _fields(loc: tuple[Any, ...]) -> dict[str, Any]:
    """The fields there are where a name is that there is not."""
    part: Any = Mapping
    known = {"columns": Columns, "lifecycle": Lifecycle, "activities": Activity, "tables": Table, "steps": Step, "labels": Labels, "joins": Join, "current": Current}
    for key in loc[:-1]:
        part = known.get(str(key), part)
    return {field.alias or name: field for name, field in part.model_fields.items()}
