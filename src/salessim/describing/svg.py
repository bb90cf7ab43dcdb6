"""The chart as SVG: no script, no font or picture from elsewhere, all text escaped, with a legend.

The stages are panels from left to right, their steps stand below each other. Ways on are drawn dark, loops back in
amber and broken, new cases that follow later dotted; ends of a case stand as chips in the box of the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from salessim.describing.chart import Arrow, Box, Chart, Chip, chart
from salessim.describing.layout import Edge, Line, Node, Place, Point, Space, lay_out
from salessim.describing.letters import width, wrapped
from salessim.describing.telling import Teller
from salessim.describing.words import Language

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

FONT = "'Segoe UI','Helvetica Neue',Arial,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Noto Sans SC',sans-serif"
_BOX, _PAD, _TITLE, _SMALL = 184.0, 11.0, 12.5, 10.5
_HEAD = 52.0
"""Room for the titles of the lanes."""
_LABEL, _LONGEST = 10.0, 230.0
"""Letters of what stands at an arrow, and the longest line of it."""

_FILL = {"channel": "#e8eef7", "work": "#ffffff", "automatic": "#eef2f6", "customer": "#fff6e0", "parallel": "#ede7f6", "join": "#ede7f6"}
_EDGE = {"channel": "#5b7db1", "work": "#2f6db5", "automatic": "#71808f", "customer": "#d29a2b", "parallel": "#6f4fa8", "join": "#6f4fa8"}
_CHIP = {"lost": ("#fdecea", "#a3281d"), "done": ("#e6f4ea", "#1e6b3a"), "milestone": ("#e3eefb", "#1d4f8f"), "note": ("#eceff1", "#44525e")}
_LINE = {"way": "#3c4a57", "back": "#c2650a", "late": "#a3281d", "spawn": "#3f7f5f"}
_DASH = {"way": "", "back": "6 3", "late": "2 3", "spawn": "1 4"}


def svg(scenario: Scenario, language: Language = "en") -> str:
    """A scenario as a picture.

    Args:
        scenario: a scenario that was loaded.
        language: "en" or "zh".
    """
    t = Teller(scenario, language)
    return draw(chart(t), t)


@dataclass(frozen=True)
class _Text:
    """The text of a box, broken into lines, and the height that it needs."""

    title: tuple[str, ...]
    details: tuple[str, ...]
    chips: tuple[tuple[Chip, tuple[str, ...]], ...]

    @property
    def height(self) -> float:
        chips = 4 + sum(_chip_height(text) + 3 for _, text in self.chips) if self.chips else 0.0
        return 9 + 16 * len(self.title) + 14 * len(self.details) + chips + 6


def _chip_height(text: tuple[str, ...]) -> float:
    return 4 + 12.0 * len(text)


def _text(box: Box) -> _Text:
    room = _BOX - 2 * _PAD
    return _Text(
        tuple(wrapped(box.title, room, _TITLE, 3)),
        tuple(line for d in box.details for line in wrapped(d, room, _SMALL, 3)),
        tuple((c, tuple(wrapped(c.text, room - 10, _SMALL, 3))) for c in box.chips),
    )


def draw(c: Chart, t: Teller) -> str:
    """The picture of a chart."""
    texts = {b.name: _text(b) for b in c.boxes}
    nodes = [Node(b.name, b.lane, 34.0 if b.kind == "join" else _BOX, 12.0 if b.kind == "join" else texts[b.name].height, b.kind == "join") for b in c.boxes]
    labels = [wrapped(a.label, _LONGEST, _LABEL, 1)[0] for a in c.arrows]
    edges = [Edge(a.source, a.target, width(label, _LABEL) + 4 if label else 0.0, a.kind) for a, label in zip(c.arrows, labels, strict=True)]
    plan = lay_out(nodes, edges, len(c.lanes), Space(row_gap=30.0, margin=28.0))
    lane_titles = [wrapped(title, max(p.width - 24, 60), 13.5, 2) for title, p in zip(c.lanes, plan.lanes, strict=True)]
    legend = _legend(t, c)
    total = max(plan.width, width(c.title, 20) + 2 * _PAD, legend.width + 24)
    subtitle = wrapped(c.subtitle, total - 40, 12.5, 2) if c.subtitle else []
    top = 50.0 + 18 * len(subtitle)
    height = top + _HEAD + plan.height + 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(total)} {_n(height)}" width="{_n(total)}" height="{_n(height)}" role="img"'
        f' font-family="{escape(FONT)}" font-size="12">',
        f"<title>{_safe(c.title)}</title>",
        f"<desc>{_safe(t('chart_desc', stages=len(t.scenario.stages), steps=len(t.scenario.steps)))}</desc>",
        f"<defs>{''.join(_marker(k) for k in _LINE)}</defs>",
        f'<rect width="{_n(total)}" height="{_n(height)}" fill="#ffffff"/>',
        _words(20, 34, c.title, 20, "#1b2733", bold=True),
        *(_words(20, 54 + 18 * i, line, 12.5, "#5a6772") for i, line in enumerate(subtitle)),
        *(_lane(p, titles, top, plan.height) for p, titles in zip(plan.lanes, lane_titles, strict=True) if p.width),
        f'<g transform="translate(0,{_n(top + _HEAD)})">',
        *(_box(b, texts[b.name], plan.nodes[b.name]) for b in c.boxes),
        *(_arrow(a, line) for a, line in zip(c.arrows, plan.lines, strict=True)),
        *(_label(a, line) for a, line in zip(c.arrows, plan.lines, strict=True) if a.label),
        "</g>",
        f'<g transform="translate(20,{_n(height - 26)})">{legend.parts}</g>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# --- pieces ----------------------------------------------------------------------------------------------------


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _safe(text: str) -> str:
    """Text for XML: escaped, without the characters that XML cannot hold."""
    return escape("".join(c if c in "\t\n" or (c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) not in (0xFFFE, 0xFFFF)) else "\ufffd" for c in text))


def _words(x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False, end: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}"{weight}{anchor}>{_safe(text)}</text>'


def _marker(kind: str) -> str:
    return (
        f'<marker id="head-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0.8 L7.5 4 L0 7.2 Z" fill="{_LINE[kind]}"/></marker>'
    )


def _lane(p: Place, titles: list[str], top: float, height: float) -> str:
    y = top + (_HEAD - 10 - 17 * len(titles)) / 2 + 13
    head = f'<rect x="{_n(p.x)}" y="{_n(top)}" width="{_n(p.width)}" height="{_n(_HEAD - 8)}" rx="6" fill="#24425f"/>'
    body = f'<rect x="{_n(p.x)}" y="{_n(top + _HEAD - 4)}" width="{_n(p.width)}" height="{_n(height)}" rx="6" fill="#f5f7f9"/>'
    return head + body + "".join(_words(p.x + 12, y + 17 * i, line, 13.5, "#ffffff", bold=True) for i, line in enumerate(titles))


def _box(b: Box, text: _Text, p: Place) -> str:
    """A box with its text; core steps have a heavy frame, optional ones a broken one."""
    colour = _EDGE[b.kind]
    frame = f'stroke="{colour}" stroke-width="{2.4 if b.core else 1.1}"' + (' stroke-dasharray="5 3"' if b.optional else "")
    if b.kind == "join":
        return f'<rect x="{_n(p.x)}" y="{_n(p.y)}" width="{_n(p.width)}" height="{_n(p.height)}" rx="6" fill="{_FILL[b.kind]}" {frame}/>'
    radius = {"channel": p.height / 2, "customer": 14.0, "automatic": 2.0}.get(b.kind, 5.0)
    parts = [f'<rect x="{_n(p.x)}" y="{_n(p.y)}" width="{_n(p.width)}" height="{_n(p.height)}" rx="{_n(min(radius, 22))}" fill="{_FILL[b.kind]}" {frame}/>']
    if b.kind == "work":
        parts.append(f'<rect x="{_n(p.x)}" y="{_n(p.y + 5)}" width="4" height="{_n(p.height - 10)}" fill="{colour}"/>')
    y = p.y + 9 + 11
    for line in text.title:
        parts.append(_words(p.x + _PAD, y, line, _TITLE, "#1b2733", bold=True))
        y += 16
    y -= 2
    for line in text.details:
        parts.append(_words(p.x + _PAD, y, line, _SMALL, "#5a6772"))
        y += 14
    y += 4 - 11
    for chip, said in text.chips:
        fill, ink = _CHIP[chip.kind]
        wide = min(max(width(line, _SMALL) for line in said) + 10, _BOX - 2 * _PAD)
        parts.append(f'<rect x="{_n(p.x + _PAD)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(_chip_height(said))}" rx="3" fill="{fill}"/>')
        parts += [_words(p.x + _PAD + 5, y + 12 + 12 * i, line, _SMALL, ink) for i, line in enumerate(said)]
        y += _chip_height(said) + 3
    full = "; ".join((b.title, *b.details, *(c.text for c in b.chips)))
    return f"<g><title>{_safe(full)}</title>{''.join(parts)}</g>"


def _style(a: Arrow, line: Line) -> str:
    return "back" if a.kind == "way" and line.back else a.kind


def _arrow(a: Arrow, line: Line) -> str:
    kind = _style(a, line)
    dash = f' stroke-dasharray="{_DASH[kind]}" stroke-linecap="round"' if _DASH[kind] else ""
    return f'<path d="{_path(line.points)}" fill="none" stroke="{_LINE[kind]}" stroke-width="1.4"{dash} marker-end="url(#head-{kind})"/>'


def _path(points: tuple[Point, ...], radius: float = 5.0) -> str:
    """A line with rounded bends."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        r = min(radius, _length(before, at) / 2, _length(at, after) / 2)
        a, b = _towards(at, before, r), _towards(at, after, r)
        parts.append(f"L{_n(a[0])} {_n(a[1])} Q{_n(at[0])} {_n(at[1])} {_n(b[0])} {_n(b[1])}")
    parts.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return " ".join(parts)


def _length(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(a: Point, b: Point, by: float) -> Point:
    whole = _length(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * by / whole, a[1] + (b[1] - a[1]) * by / whole


def _label(a: Arrow, line: Line) -> str:
    """What stands at an arrow: above the line, or in up to two lines beside one that goes straight down."""
    down = len(line.points) == 2 and line.points[0][0] == line.points[1][0]
    rows = wrapped(a.label, _BOX * 0.7, _LABEL, 2) if down else wrapped(a.label, _LONGEST, _LABEL, 1)
    x, y = line.label
    said = "".join(_words(x, y + (i - (len(rows) > 1) * 0.3) * 11, row, _LABEL, _LINE[_style(a, line)], end=line.label_ends) for i, row in enumerate(rows))
    said = said.replace("<text ", '<text paint-order="stroke" stroke="#ffffff" stroke-width="3" stroke-linejoin="round" ')
    return f"<g><title>{_safe(a.label)}</title>{said}</g>" if rows[-1].endswith("…") else said


@dataclass(frozen=True)
class _Legend:
    parts: str
    width: float


def _legend(t: Teller, c: Chart) -> _Legend:
    """What the colours and lines mean, for what the chart shows."""
    x, parts = 0.0, []
    kinds = {b.kind for b in c.boxes}
    for kind in ("work", "automatic", "customer", "parallel"):
        if kind in kinds:
            parts.append(f'<rect x="{_n(x)}" y="-9" width="16" height="11" rx="2" fill="{_FILL[kind]}" stroke="{_EDGE[kind]}"/>')
            parts.append(_words(x + 22, 1, t(f"legend_{kind}"), 11, "#44525e"))
            x += 22 + width(t(f"legend_{kind}"), 11) + 18
    if any(b.core for b in c.boxes):
        parts.append(f'<rect x="{_n(x + 1)}" y="-9" width="16" height="11" rx="2" fill="#ffffff" stroke="{_EDGE["work"]}" stroke-width="2.4"/>')
        parts.append(_words(x + 24, 1, t("legend_core"), 11, "#44525e"))
        x += 24 + width(t("legend_core"), 11) + 18
    drawn = {a.kind for a in c.arrows}
    for kind, key in (("way", "legend_forward"), ("back", "legend_back"), ("late", "legend_late"), ("spawn", "legend_spawn")):
        if kind in drawn or kind == "back":
            dash = f' stroke-dasharray="{_DASH[kind]}" stroke-linecap="round"' if _DASH[kind] else ""
            parts.append(f'<path d="M{_n(x)} -3 L{_n(x + 26)} -3" stroke="{_LINE[kind]}" stroke-width="1.6"{dash} marker-end="url(#head-{kind})"/>')
            parts.append(_words(x + 33, 1, t(key), 11, "#44525e"))
            x += 33 + width(t(key), 11) + 18
    return _Legend("".join(parts), x)
