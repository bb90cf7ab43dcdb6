"""Names that the scenario language takes, one for each thing."""

from __future__ import annotations

from collections.abc import Hashable


class Names:
    """Unique names; the same thing keeps its name, whatever else is called so."""

    def __init__(self) -> None:
        self.name_of: dict[Hashable, str] = {}

    def __call__(self, thing: Hashable, wanted: str) -> str:
        """The name of a thing: as wanted, or with a number where another thing has that name."""
        if thing not in self.name_of:
            taken, name, n = set(self.name_of.values()), wanted[:80].strip(), 2
            while name in taken:
                name, n = f"{wanted[:74].strip()} ({n})", n + 1
            self.name_of[thing] = name
        return self.name_of[thing]
