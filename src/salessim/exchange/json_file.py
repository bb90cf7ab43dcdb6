"""JSON from a file, restricted as YAML is: bounded size and depth, no key twice, only finite numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from salessim.errors import InputError, ScenarioError
from salessim.scenario.yaml import read_text

MOST_BYTES = 1 << 26


def load_json(path: str | Path, what: str) -> Any:
    """The data of a JSON file.

    Raises:
        ScenarioError: with file, line where it is known, and remedy.
    """
    try:
        text = read_text(path, what, MOST_BYTES)
    except InputError as wrong:
        raise ScenarioError(wrong.place, wrong.problem, wrong.remedy) from None
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_finite)
    except json.JSONDecodeError as wrong:
        raise ScenarioError(f"{path}:{wrong.lineno}", f"the JSON cannot be read ({wrong.msg})", "check commas, quotes and brackets") from None
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise ScenarioError(str(path), problem[:200], remedy or "write shorter numbers") from None
    except RecursionError:
        raise ScenarioError(str(path), "the nesting is too deep", "check the brackets") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [k for k, _ in pairs]
        twice = next(k for k in names if names.count(k) > 1)
        raise ValueError(f"the key {twice!r:.60} stands twice in one object; keep one")
    return found


def _finite(text: str) -> Any:
    raise ValueError(f"{text} is not a finite number; write one")
