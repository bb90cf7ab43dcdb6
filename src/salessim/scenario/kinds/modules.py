"""The lever that changes a module: another type of it, with the parameters and connections that both know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from salessim.scenario.kinds.base import Base, Change, Reshape, Setting
from salessim.scenario.parts import Mark, Name, Part

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


class Swap(Part):
    """Another module type for a module; parameters and connections that both types know stay."""

    module: Name
    for_: Annotated[str, Field(alias="for")]
    with_: Annotated[dict[Mark, Any], Field(alias="with")] = {}
    connect: dict[Name, Any] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class SwapModule(Base):
    """A module is of another type."""

    KEY: ClassVar[str] = "swap"
    ON: ClassVar[dict[str, str]] = {"swap": "module"}
    swap: Swap

    def changes(self, scenario: Scenario, setting: Setting) -> Iterator[Change]:
        """The steps of the one type go, those of the other come."""
        steps = tuple(s for s in scenario.steps if s.startswith(f"{self.swap.module} › "))
        yield Reshape("swap", steps, {"swap": self.swap}, takes=steps)

    def phrase(self, scenario: Scenario, setting: Setting) -> str:
        """The module and its new type."""
        return f"swap module {self.swap.module!r} for {self.swap.for_!r}"
