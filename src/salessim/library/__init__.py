"""The gallery: whole processes of several trades, to begin with and to change.

A template is a YAML file in `templates/`, written to be read: its name is what `salessim init --template` takes, its
`name` and `description` are what the list shows. `NAME.zh.yaml` beside `NAME.yaml` is the same process in Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from salessim.errors import InputError

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

Language = Literal["en", "zh"]
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Template:
    """One process of the gallery, in one language."""

    name: str
    language: Language
    title: str
    description: str
    text: str
    """The file as it is written, comments included."""

    def scenario(self) -> Scenario:
        """The process, ready to run."""
        from salessim.scenario.model import Scenario

        return Scenario.parse(self.text)


@cache
def templates() -> tuple[Template, ...]:
    """All templates, by name; a process that exists in both languages stands there twice."""
    from salessim.scenario.yaml import load_yaml

    found = []
    for file in files(__name__).joinpath("templates").iterdir():
        name, _, kind = file.name.partition(".")
        if kind not in ("yaml", "zh.yaml"):
            continue
        text = file.read_text(encoding="utf-8")
        data, _ = load_yaml(text, file.name)
        title, description = str(data.get("name", name)), str(data.get("description", ""))
        found.append(Template(name, "zh" if _CHINESE.search(title) else "en", title, description, text))
    return tuple(sorted(found, key=lambda t: (t.name, t.language)))


def template(name: str, language: Language | None = None) -> Template:
    """The template of a name.

    Args:
        name: as `templates` lists it.
        language: "en" or "zh"; without it English where there is English, else the language there is.

    Raises:
        InputError: no such template, or not in this language.

    Example:
        >>> template("smb-inbound").scenario().currency
        'GBP'
    """
    from salessim.scenario.checks import nearest

    named = [t for t in templates() if t.name == name]
    if not named:
        raise InputError("--template", f"there is no template {name!r}", nearest(name, _names(templates())))
    fitting = [t for t in named if language in (None, t.language)]
    if not fitting:
        others = _names(t for t in templates() if t.language == language)
        raise InputError("--language", f"the template {name!r} is not there in {language!r}", f"leave it out for {named[0].language!r}, or choose one of {', '.join(others)}")
    return fitting[0]


def _names(of: Iterable[Template]) -> list[str]:
    return sorted({t.name for t in of})
