"""The chart as a Mermaid flowchart, for pages that draw it themselves; no links and no click events, all text escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from salessim.describing.chart import Arrow, Box, Chip, chart, join_box
from salessim.describing.telling import Teller
from salessim.describing.words import Language

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_SHAPE = {"channel": ("([", "])"), "work": ("[", "]"), "automatic": ("[[", "]]"), "customer": ("(", ")"), "parallel": ("{{", "}}"), "join": ("((", "))")}
_CLASSES = (
    "classDef channel fill:#e8eef7,stroke:#5b7db1,color:#1b2733",
    "classDef work fill:#ffffff,stroke:#2f6db5,color:#1b2733",
    "classDef automatic fill:#eef2f6,stroke:#71808f,color:#1b2733",
    "classDef customer fill:#fff6e0,stroke:#d29a2b,color:#1b2733",
    "classDef parallel fill:#ede7f6,stroke:#6f4fa8,color:#1b2733",
    "classDef lost fill:#fdecea,stroke:#a3281d,color:#a3281d",
    "classDef done fill:#e6f4ea,stroke:#1e6b3a,color:#1e6b3a",
    "classDef core stroke-width:3px",
    "classDef optional stroke-dasharray:5 3",
)
_ENTITY = {c: f"#{ord(c)};" for c in "#`\\;[]|%*_~{}()"} | {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}
_ARROW = {"way": "-->", "late": "-.->", "spawn": "-.->"}


def escape(text: str) -> str:
    """Text that Mermaid shows as it is: everything with a meaning becomes an entity.

    Example:
        >>> escape('say "<b>" #1')
        'say #quot;#lt;b#gt;#quot; #35;1'
    """
    text = "".join(_ENTITY.get(c, c) for c in " ".join(text.split()))
    return re.sub(r"^(\d*)([-+.)])(?= )", lambda m: f"{m[1]}#{ord(m[2])};", text)  # Mermaid would make a list of it


def mermaid(scenario: Scenario, language: Language = "en") -> str:
    """A scenario as the text of a Mermaid flowchart.

    Args:
        scenario: a scenario that was loaded.
        language: "en" or "zh".
    """
    c = chart(Teller(scenario, language, own=_one_line, code=_one_line))
    ids = {b.name: f"n{i}" for i, b in enumerate(c.boxes)}
    text = ["flowchart TB", *(f"  {line}" for line in _CLASSES)]
    for lane, title in enumerate(c.lanes):
        inside = [b for b in c.boxes if b.lane == lane]
        if not inside:
            continue
        text.append(f'  subgraph s{lane}["{escape(title)}"]')
        for b in inside:
            text.append(f"    {ids[b.name]}{_node(b)}")
            text += [f"    class {ids[b.name]} {name}" for name, on in (("core", b.core), ("optional", b.optional)) if on]
            # What ends after parallel branches ends where they have met.
            text += [f"    {line}" for line in _ends(ids[join_box(b.name) if b.kind == "parallel" else b.name], b)]
        text.append("  end")
    text += [f"  {_arrow(ids, a)}" for a in c.arrows]
    return "\n".join(text) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _node(b: Box) -> str:
    begin, end = _SHAPE[b.kind]
    said = "<br/>".join(escape(s) for s in (b.title, *b.details, *(c.text for c in b.chips if c.kind in ("note", "milestone"))) if s)
    kind = "parallel" if b.kind == "join" else b.kind
    return f'{begin}"{said or " "}"{end}:::{kind}'


def _ends(name: str, b: Box) -> list[str]:
    """A small end of its own for each way in which cases leave at a step."""
    chips: list[Chip] = [c for c in b.chips if c.kind in ("lost", "done")]
    return [f'{name} --> {name}e{i}(["{escape(c.text)}"]):::{c.kind}' for i, c in enumerate(chips)]


def _arrow(ids: dict[str, str], a: Arrow) -> str:
    label = f'|"{escape(a.label)}"|' if a.label else ""
    return f"{ids[a.source]} {_ARROW[a.kind]}{label} {ids[a.target]}"
