"""The parameter file beside a diagram: everything that simulation needs and a drawing does not say.

It is YAML or JSON in the words of the scenario language: any part of a scenario except its stages, and `elements`,
`flows` and `ends` of the diagram by identifier or name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salessim.errors import InputError, ScenarioError
from salessim.exchange.diagram import Diagram
from salessim.exchange.names import clean
from salessim.exchange.settings import Settings
from salessim.scenario.checks import nearest
from salessim.scenario.model import Route, Scenario, Step
from salessim.scenario.yaml import Positions, load_yaml, read_text

OF_DIAGRAM = ("process", "elements", "flows", "ends")
_ELEMENT = {*Step.model_fields, "after", "share", "again", "repeats", "stage", "name"} - {"then", "parallel", "versions"}
_FLOW = {*Route.model_fields} - {"to", "lost", "done", "join"}


class Parameters:
    """What a parameter file says."""

    def __init__(self, data: Mapping[str, Any] | None = None, positions: Positions | None = None) -> None:
        self.data = dict(data or {})
        self.positions = positions or Positions("parameters")
        known = [*(f for f in Scenario.model_fields if f not in ("stages", "salessim")), *OF_DIAGRAM]
        for key, value in self.data.items():
            if key not in known:
                raise self.wrong((key,), f"there is no field {key!r} here", nearest(str(key), known))
            if key in ("elements", "flows", "ends") and not isinstance(value, dict):
                raise self.wrong((key,), f"{value!r} is no mapping", "write 'name: ...' lines below it")

    @classmethod
    def load(cls, path: str | Path) -> Parameters:
        """Read a parameter file.

        Raises:
            ScenarioError: with file, line and remedy.
        """
        try:
            data, positions = load_yaml(read_text(path, "parameter file"), str(path))
        except InputError as wrong:
            raise ScenarioError(wrong.place, wrong.problem, wrong.remedy) from None
        if not isinstance(data, dict):
            raise ScenarioError(str(path), "this is no parameter file", "begin with 'teams:', 'elements:' or 'flows:' as in the guide")
        return cls(data, positions)

    @property
    def process(self) -> str | None:
        """Which process of the file, where there are several."""
        return None if self.data.get("process") is None else str(self.data["process"])

    @property
    def scenario(self) -> dict[str, Any]:
        """The parts that are parts of a scenario."""
        return {k: v for k, v in self.data.items() if k not in OF_DIAGRAM}

    def wrong(self, path: tuple[str | int, ...], problem: str, remedy: str) -> ScenarioError:
        """An error at a place of the file."""
        return ScenarioError(f"{self.positions.place(path)}: {'.'.join(map(str, path))}", problem, remedy)

    def settings(self, diagram: Diagram) -> Settings:
        """The same by the identifiers of a diagram.

        Raises:
            ScenarioError: an element that is not there, a name that two have, a field that is not known.
        """
        nodes = {n.id: n.name for n in diagram.nodes.values() if not n.id.endswith((":out", ":caught"))}
        ends = {n.id: n.name for n in diagram.nodes.values() if n.kind == "end" or n.tag == "endEvent"}
        flows = {f.id: f.name for f in diagram.flows.values() if ":" not in f.id}
        result = Settings()
        for ident, key, fields in self._each("elements", nodes):
            result.elements[ident] = self._fields(("elements", key), fields, _ELEMENT)
        for ident, key, fields in self._each("flows", flows):
            path = ("flows", key)
            result.flows[ident] = self._fields(path, fields if isinstance(fields, dict) and set(fields) & _FLOW else {"share": fields}, _FLOW)
        for ident, key, fields in self._each("ends", ends):
            if fields in ("done", "won"):
                result.ends[ident] = {"done": True}
            elif isinstance(fields, dict) and set(fields) in ({"lost"}, {"done"}):
                result.ends[ident] = fields
            else:
                raise self.wrong(("ends", key), f"{fields!r} is no end", "write 'done', or '{lost: REASON}'")
        return result

    def _each(self, part: str, names: dict[str, str]) -> list[tuple[str, str, Any]]:
        found: dict[str, tuple[str, str, Any]] = {}
        for key, fields in (self.data.get(part) or {}).items():
            matches = [key] if key in names else sorted(i for i, name in names.items() if name and key in (name, clean(name, "")))
            if len(matches) != 1:
                problem = f"{len(matches)} of the diagram's {part} are called {key!r}" if matches else f"the diagram has none called {key!r}"
                raise self.wrong((part, key), problem, f"use one of the identifiers {', '.join(matches[:6])}" if matches else nearest(str(key), [n or i for i, n in names.items()]))
            if matches[0] in found:
                raise self.wrong((part, key), f"{found[matches[0]][1]!r} is the same element", "say everything in one place")
            found[matches[0]] = (matches[0], key, fields)
        return list(found.values())

    def _fields(self, path: tuple[str | int, ...], fields: Any, known: set[str]) -> dict[str, Any]:
        if not isinstance(fields, dict):
            raise self.wrong(path, f"{fields!r} says no field", "write 'field: value' lines below it")
        for field in fields:
            if field not in known:
                raise self.wrong((*path, field), f"there is no field {field!r} here", nearest(str(field), known))
        return dict(fields)
