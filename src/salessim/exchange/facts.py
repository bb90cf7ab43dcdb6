"""What a drawing says, fact by fact, so that two states of one drawing can be compared.

`salessim describe` writes the facts of its drawing into the file. When the file comes back, whatever differs is an
edit, and `exchange.redrawn` has to account for each of them. Where things stand on the page is no fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from salessim.exchange.xml import Element

OURS = "urn:salessim:1"
"""Namespace of what `salessim describe --format bpmn` writes into extensionElements."""
Facts = dict[str, dict[str, Any]]
"""By identifier: kind, name, what it stands on or leads to, and what is in it."""
_NO_FACT = {"incoming", "outgoing", "extensionElements", "documentation", "laneSet", "conditionExpression", "flowNodeRef", "childLaneSet"}
_OWN = {"id", "name", "sourceRef", "targetRef", "attachedToRef", "default", "gatewayDirection", "type", "processRef"}
_PRESET = {
    "startQuantity": "1", "completionQuantity": "1", "isForCompensation": "false", "cancelActivity": "true", "isInterrupting": "true", "instantiate": "false",
    "implementation": "##WebService", "parallelMultiple": "false", "triggeredByEvent": "false", "eventGatewayType": "Exclusive", "isImmediate": "true",
}  # fmt: skip
"""Attributes that say nothing with these values; some tools write them, others do not."""


@dataclass(frozen=True)
class Edit:
    """One difference: `what` is "new", "gone" or the name of a fact."""

    ident: str
    what: str
    before: Any
    now: Any


def facts(process: Element, pool: str | None) -> Facts:
    """The facts of a process."""
    found: Facts = {"": _without_nothing({"tag": "process", "name": plain(pool or process.get("name")), "process": plain(process.get("name")), "documentation": _documentation(process)})}
    lane_of: dict[str, str] = {}
    for lane in _lanes(process):
        found[lane.get("id") or ""] = _without_nothing({"tag": "lane", "name": plain(lane.get("name")), "means": meaning(lane)})
        for reference in lane.all("flowNodeRef"):
            lane_of[reference.text.strip()] = lane.get("id") or ""  # inner lanes come later
    for child in process.children:
        ident = child.get("id")
        if child.space != process.space or child.tag in _NO_FACT or child.tag == "association" or ident is None:
            continue
        condition = child.first("conditionExpression")
        found[ident] = _without_nothing({
            "tag": child.tag, "name": plain(child.get("name") or (child.first("text") or child).text), "source": child.get("sourceRef"), "target": child.get("targetRef"),
            "on": child.get("attachedToRef"), "lane": lane_of.get(ident), "default": child.get("default"), "condition": plain(condition.text) if condition is not None else None,
            "documentation": _documentation(child), "inside": "; ".join(_said(c) for c in child.children if c.tag not in _NO_FACT and c.tag != "text"),
            "attributes": _attributes(child), "means": meaning(child),
        })  # fmt: skip
    return found


def edits(before: Facts, now: Facts) -> list[Edit]:
    """What somebody has changed, by identifier."""
    found = []
    for ident in sorted({*before, *now}):
        old, new = before.get(ident), now.get(ident)
        if old is None or new is None:
            found.append(Edit(ident, "new" if old is None else "gone", old, new))
            continue
        found += [Edit(ident, what, old.get(what), new.get(what)) for what in sorted({*old, *new} - {"means"}) if old.get(what) != new.get(what)]
    return found


def meaning(element: Element) -> list[str]:
    """What an element of a drawing of ours stands for: a word, the name it is about, and a number where there are several."""
    extension = element.first("extensionElements")
    for told in extension.children if extension is not None else ():
        if told.space == OURS and told.tag in ("step", "route", "join", "channel", "spawn", "gives_up", "unless", "stage", "end"):
            return [told.tag, told.get("name") or told.get("step") or "", *([told.get("index") or "0"] if told.tag in ("route", "spawn", "unless") else [])]
    return []


def plain(text: str | None) -> str:
    """Words without line breaks."""
    return " ".join((text or "").split())


def _without_nothing(said: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in said.items() if v}


def _documentation(element: Element) -> str:
    return "\n".join(plain(d.text) for d in element.all("documentation"))


def _lanes(element: Element) -> Iterator[Element]:
    """All lanes, outer ones first."""
    todo = [lane for s in element.all("laneSet") for lane in s.all("lane")]
    while todo:
        yield from todo
        todo = [inner for lane in todo for s in lane.all("childLaneSet") for inner in s.all("lane")]


def _attributes(element: Element) -> str:
    return " ".join(f"{k}={v}" for k, v in sorted(element.attributes.items()) if k not in _OWN and _PRESET.get(k) != v)


def _said(element: Element) -> str:
    """An element with all that is in it, in one line."""
    inner = "; ".join(_said(c) for c in element.children if c.tag not in _NO_FACT)
    return plain(f"{element.tag} {_attributes(element)} {plain(element.text)} {f'({inner})' if inner else ''}")
