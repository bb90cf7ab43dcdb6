"""The forms in which a process can be described, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from salessim.describing.dot import dot
from salessim.describing.mermaid import mermaid
from salessim.describing.procedure import procedure
from salessim.describing.svg import svg
from salessim.describing.words import Language

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

FORMATS: dict[str, Callable[[Scenario, Language], str]] = {"markdown": procedure, "svg": svg, "mermaid": mermaid, "dot": dot}
"""THE list of forms; `salessim describe` adds BPMN, which `salessim.exchange` writes."""


def describe(scenario: Scenario, form: str = "markdown", language: Language = "en") -> str:
    """A scenario as a document or a picture.

    Args:
        scenario: what is described.
        form: a key of `FORMATS`.
        language: "en" or "zh".
    """
    return FORMATS[form](scenario, language)
