"""What an import could not take over as it stands, said by name: nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["taken", "assumed", "differs", "changed"]
"""taken: an edit of a drawing of ours that is in the scenario now; assumed: a number that nobody gave; differs: the same
process, slightly otherwise; changed: another process."""
ORDER: tuple[Level, ...] = ("changed", "differs", "assumed", "taken")


@dataclass(frozen=True)
class Remark:
    """One element of a foreign model that is not, or not quite, in the scenario."""

    element: str
    """Its identifier in the file."""
    name: str
    kind: str
    """What it is there: "callActivity", "boundary timer", "multitasking"."""
    instead: str
    """What happens instead."""
    level: Level = "differs"

    def __str__(self) -> str:
        """One line: `changed: Task_1 'Check' (callActivity): taken for one step`."""
        name = f" {self.name!r}" if self.name and self.name != self.element else ""
        return " ".join(f"{self.level}: {self.element}{name} ({self.kind}): {self.instead}".split())

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"element": self.element, "name": self.name, "kind": self.kind, "instead": self.instead, "level": self.level}


class Remarks:
    """The remarks of one import, each once, in an order that does not depend on the file's."""

    def __init__(self) -> None:
        self._all: set[Remark] = set()

    def add(self, level: Level, element: str, name: str, kind: str, instead: str) -> None:
        """Note one."""
        self._all.add(Remark(element, name, kind, instead, level))

    def all(self) -> tuple[Remark, ...]:
        """Changes of meaning first."""
        return tuple(sorted(self._all, key=lambda r: (ORDER.index(r.level), r.element, r.kind, r.instead)))
