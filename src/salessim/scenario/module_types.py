"""Where module types come from: the scenario itself, files beside it, the library of the program."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from salessim.errors import InputError, ScenarioError
from salessim.scenario.checks import nearest
from salessim.scenario.model import ModuleType
from salessim.scenario.wiring import Data, Path_, mapping, misfit
from salessim.scenario.yaml import load_yaml, read_text

LIBRARY = Path(__file__).parent.parent / "library" / "modules"


def library() -> dict[str, ModuleType]:
    """The module types that come with the program, by name."""
    return {path.stem: read_file(path) for path in sorted(LIBRARY.glob("*.yaml"))}


def find_type(use: str | Path, base: Path | None = None) -> tuple[str, ModuleType]:
    """The module type of a name of the library, or in a file.

    Raises:
        ScenarioError: there is none.
    """
    if isinstance(use, Path) or use.endswith((".yaml", ".yml")):
        path = (base or Path()) / use
        return path.stem, read_file(path)
    known = library()
    if use not in known:
        raise ScenarioError(f"module {use!r}", "there is no such module type in the library", nearest(use, known))
    return use, known[use]


def read_file(path: Path) -> ModuleType:
    """The module type in a file.

    Raises:
        ScenarioError: it is not one, with the line.
    """
    try:
        data, positions = load_yaml(read_text(path, "module file"), str(path))
    except InputError as wrong:
        raise ScenarioError(wrong.place, wrong.problem, wrong.remedy) from None
    try:
        return ModuleType.model_validate(data)
    except ValidationError as wrong:
        error = wrong.errors()[0]
        where = tuple(k for k in error["loc"] if k != "[key]")
        what = {"extra_forbidden": f"there is no field {str(where[-1])!r} here" if where else "", "missing": f"{str(where[-1])!r} is missing" if where else ""}
        raise ScenarioError(
            f"{positions.place(where)}: {'.'.join(map(str, where)) or 'module'}", what.get(error["type"]) or f"{error['msg'][:1].lower()}{error['msg'][1:]}",
            f"use {', '.join(f.alias or n for n, f in ModuleType.model_fields.items())}" if len(where) == 1 else "see docs/guides/build-from-modules.md",
        ) from None  # fmt: skip


class Types:
    """The module types that a scenario may use: its own, files beside it, the library."""

    def __init__(self, data: Data, base: Path | None) -> None:
        self.data, self.base = data, base
        self._found: dict[str, ModuleType] = {}

    def inline_files(self) -> None:
        """Read the files that modules and levers name, once; from then on they are part of the scenario."""
        holders = [*self.data["modules"].values()] if self.data.get("modules") else []
        holders += [t for kind in (self.data.get("module_types") or {}).values() for t in (kind.get("modules") or {}).values()]
        todo = [(m, "use") for m in holders]
        todo += [(lever["swap"], "for") for lever in mapping(self.data.get("levers")).values() if isinstance(lever, dict) and isinstance(lever.get("swap"), dict)]
        while todo:
            holder, key = todo.pop(0)
            use = holder.get(key)
            if isinstance(use, str) and use.endswith((".yaml", ".yml")):
                name, raw = self._inline(use)
                holder[key] = name
                if raw is not None:
                    todo += [(inner, "use") for inner in mapping(raw.get("modules")).values()]

    def _inline(self, use: str) -> tuple[str, Data | None]:
        """The name under which a file's type is known from now on, and its data the first time."""
        place = f"module file {use!r}"
        if self.base is None:
            raise ScenarioError(place, "it is relative to the scenario's file, and there is none", "load the scenario from a file, or write the type under 'module_types'")
        path = self.base / use
        inside = not Path(use).is_absolute() and ".." not in Path(use).parts and "\\" not in use and "\x00" not in use
        if not inside or not path.resolve().is_relative_to(self.base.resolve()):
            raise ScenarioError(place, "it lies outside the scenario's folder", "put it beside the scenario")
        kind = read_file(path)
        name = re.sub(r"[.+,:;/\\]", "-", str(Path(use).with_suffix("")))
        raw = kind.model_dump(mode="json", by_alias=True, exclude_unset=True)
        known = self.data.setdefault("module_types", {})
        if name in known and known[name] != raw:
            first = known[name].get("description")
            if first is None or first != raw.get("description"):
                raise ScenarioError(place, f"there is another module type {name!r}", "rename one of the two")
        if name in known:
            return name, None
        known[name] = raw
        return name, raw

    def find(self, use: str, path: Path_) -> ModuleType:
        """The type of a name.

        Raises:
            Misfit: there is none.
        """
        if use not in self._found:
            own = self.data.get("module_types") or {}
            if use in own:
                self._found[use] = ModuleType.model_validate(own[use])
            elif re.fullmatch(r"[\w -]+", use) and (LIBRARY / f"{use}.yaml").is_file():
                self._found[use] = read_file(LIBRARY / f"{use}.yaml")
            else:
                raise misfit(path, f"there is no module type {use!r}", nearest(use, [*own, *(p.stem for p in LIBRARY.glob("*.yaml"))]))
        return self._found[use]
