"""The chart as Graphviz text, for those who lay out pictures with their own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salessim.describing.chart import chart
from salessim.describing.telling import Teller
from salessim.describing.words import Language

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_SHAPE = {"channel": "oval", "work": "box", "automatic": "component", "customer": "box", "parallel": "hexagon", "join": "point"}
_STYLE = {"way": "solid", "late": "dashed", "spawn": "dotted"}


def quoted(*texts: str) -> str:
    r"""Lines of text as a string that Graphviz shows as it is.

    Example:
        >>> print(quoted('say "no"', "twice"))
        "say \"no\"\ntwice"
    """
    escaped = (" ".join(t.split()).replace("\\", "\\\\").replace('"', '\\"') for t in texts)
    return '"' + "\\n".join(escaped) + '"'


def dot(scenario: Scenario, language: Language = "en") -> str:
    """A scenario as the text of a directed graph with a cluster for each stage.

    Args:
        scenario: a scenario that was loaded.
        language: "en" or "zh".
    """
    c = chart(Teller(scenario, language))
    ids = {b.name: f"n{i}" for i, b in enumerate(c.boxes)}
    text = ["digraph process {", f"  graph [label={quoted(c.title)}, rankdir=LR, labelloc=t];", "  node [style=rounded];"]
    for lane, title in enumerate(c.lanes):
        text.append(f"  subgraph cluster_{lane} {{ label={quoted(title)};")
        for b in c.boxes:
            if b.lane == lane:
                label = quoted(b.title, *b.details, *(x.text for x in b.chips))
                text.append(f"    {ids[b.name]} [shape={_SHAPE[b.kind]}, label={label}{', penwidth=2.5' if b.core else ''}];")
        text.append("  }")
    text += [f"  {ids[a.source]} -> {ids[a.target]} [style={_STYLE[a.kind]}, label={quoted(a.label)}];" for a in c.arrows]
    return "\n".join([*text, "}"]) + "\n"
