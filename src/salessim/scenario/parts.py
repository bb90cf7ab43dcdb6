"""What every paragraph of the language is made of: names, and records that are frozen and know their fields."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

ALWAYS = "always"
"""The calendar that is open day and night; it need not be declared."""
REST = "default"
"""The key that stands for every segment not named beside it."""

BETWEEN = " › "
"""Between a module and its step in the name of a step."""

LONGEST_NAME = 80
Name = Annotated[
    str, StringConstraints(pattern=rf"^[^\s.+,:;=@/\\\x00-\x1f][^.+,:;/\\\x00-\x1f]{{0,{LONGEST_NAME - 1}}}$", strip_whitespace=True)
]
"""A name of a step, team, ...: 1 to 80 characters of any script; no dots (paths), no plus or comma (lists of people)."""

Mark = Annotated[str, StringConstraints(pattern=r"^[^\W\d]\w{0,39}$")]
"""A name that formulas can use: letters of any script, digits and _."""


def as_list(value: Any) -> Any:
    """A single word as a list of one."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...])]
"""One name or a list of names."""


class Part(BaseModel):
    """A frozen paragraph of the language; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Documented(Part):
    """A part that a reader may want a title and a provenance for."""

    title: str | None = None
    source: str | None = None
    assumption: str | bool | None = None
