"""Names of a foreign model as names of the scenario language: allowed letters, at most 80, each only once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from salessim.scenario.formulas import RESERVED

_FORBIDDEN = re.compile(r"[.+,:;/\\\x00-\x1f\x7f]+")
_WORD = re.compile(r"[^\W]+")


def clean(text: str, otherwise: str) -> str:
    """The nearest name the language allows, or `otherwise` if nothing is left.

    Example:
        >>> clean("Check, approve: v2.0", "step")
        'Check approve v2 0'
    """
    name = " ".join(_FORBIDDEN.sub(" ", text).split()).lstrip("=@ ")[:80].strip()
    return name or otherwise


def apart(names: Mapping[str, str], taken: Iterable[str] = ()) -> dict[str, str]:
    """The same names with numbers behind those that occur twice; counted in the order of their keys."""
    used, result = set(taken), {}
    for key in sorted(names):
        name, number = names[key], 2
        while name in used:
            name = f"{names[key][:74]} {number}"
            number += 1
        used.add(name)
        result[key] = name
    return result


def mark(text: str, otherwise: str = "attribute") -> str:
    """A name that formulas can use.

    Example:
        >>> mark("loan amount (EUR)")
        'loan_amount_EUR'
    """
    name = "_".join(_WORD.findall(text))[:36] or otherwise
    name = name if not name[0].isdigit() else f"_{name}"[:36]
    return f"{name}_" if name in RESERVED else name
