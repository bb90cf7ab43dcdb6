"""The forms in which a process can be described, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from salessim.describing.dot import dot
from salessim.describing.mermaid import mermaid
from salessim.describing.procedure import procedure
from salessim.describing.svg import svg
from salessim.describing.words import WORDS, Language
from salessim.errors import InputError

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Writer = Callable[["Scenario", Language], str]
FORMATS: dict[str, Writer] = {"markdown": procedure, "svg": svg, "mermaid": mermaid, "dot": dot}
"""THE list of forms; `salessim describe` adds BPMN, which `salessim.exchange.bpmn_write` writes."""


def language_of(scenario: Scenario) -> Language:
    """The language most steps are named in: Chinese where their titles have Chinese characters, else English."""
    titles = [step.title or name for name, step in scenario.steps.items()]
    return "zh" if 2 * sum(any("一" <= c <= "鿿" for c in title) for title in titles) > len(titles) else "en"


def describe(scenario: Scenario, form: str = "markdown", language: Language = "en") -> str:
    """A scenario as a document or a picture.

    Args:
        scenario: what is described.
        form: "markdown", "svg", "mermaid" or "dot".
        language: "en" or "zh", of the words that are not the scenario's own.

    Raises:
        InputError: a form or language that does not exist.
    """
    if form not in FORMATS:
        raise InputError("describe", f"there is no form {form!r}", f"use one of {', '.join(FORMATS)}")
    if language not in WORDS:
        raise InputError("describe", f"there is no language {language!r}", f"use one of {', '.join(WORDS)}")
    return FORMATS[form](scenario, language)
