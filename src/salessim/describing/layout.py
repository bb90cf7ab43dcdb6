"""Where boxes and arrows go: lanes side by side, boxes below each other in a lane, arrows along free channels.

Boxes stand on a grid. Between columns lie gutters, between rows corridors; an arrow leaves its box sideways, runs in
a gutter, if need be along a corridor to another gutter, and enters its target sideways, so it never crosses a box.
Arrows to one target share their last stretch; all others get a track of their own. To the next box in a column an
arrow goes straight down. Everything follows from the order of the boxes and arrows: the same input, the same picture.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Point = tuple[float, float]
Side = Literal["left", "right"]

MOST_ROWS = 8
"""Longer lanes take several columns."""
ARROWHEAD = 14.0
# Where lines meet the sides of a box, from its top. No two kinds coincide, so that what comes from one side of a
# gutter never runs into what leaves on the other side at the same height.
_ENTRY: dict[Side, float] = {"left": 18.0, "right": 22.0}
_FIRST_EXIT: dict[Side, float] = {"right": 43.0, "left": 50.0}


@dataclass(frozen=True)
class Node:
    """A box of at least this size in a lane; `centre`: all its lines meet the middle of a side; `beside`: room that it needs on both sides."""

    name: str
    lane: int
    width: float
    height: float
    centre: bool = False
    beside: float = 0.0


@dataclass(frozen=True)
class Edge:
    """An arrow, and how much room its label takes."""

    source: str
    target: str
    label: float = 0.0
    style: str = ""
    """Only arrows of one style share a line."""
    aside: bool = False
    """Never straight on to the next box: it leaves at the side, where its event is drawn."""
    room: float = 0.0
    """How far from it at least the next arrow leaves the same side."""


@dataclass(frozen=True)
class Space:
    """Distances: between rows, parallel lines, and the exits of a box, at the outside, and from lane to lane."""

    row_gap: float = 24.0
    track: float = 9.0
    exit_step: float = 16.0
    margin: float = 12.0
    lane_gap: float = 20.0
    most_rows: int = MOST_ROWS


@dataclass(frozen=True)
class Place:
    """The rectangle of a box or a lane."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """The bends of an arrow from its source to its target, and where its label begins (`left` of it or not)."""

    points: tuple[Point, ...]
    label: Point
    label_ends: bool
    """Whether the label ends at its point instead of beginning there."""
    back: bool
    """Whether it runs against the reading direction."""


@dataclass(frozen=True)
class Layout:
    """The finished picture: places of boxes and lanes, lines of arrows in their order, and the whole size."""

    nodes: dict[str, Place]
    lanes: list[Place]
    lines: list[Line]
    width: float
    height: float

    def turned(self) -> Layout:
        """The same picture with lanes below each other."""

        def turn(p: Place) -> Place:
            return Place(p.y, p.x, p.height, p.width)

        lines = [Line(tuple((y, x) for x, y in n.points), (n.label[1], n.label[0]), n.label_ends, n.back) for n in self.lines]
        return Layout({n: turn(p) for n, p in self.nodes.items()}, [turn(p) for p in self.lanes], lines, self.height, self.width)


@dataclass
class _Way:
    """An arrow while it is being routed."""

    edge: Edge
    straight: bool
    back: bool
    out: Side
    enter: Side
    first: int
    """Gutter in which it leaves."""
    last: int
    """Gutter in which it arrives."""
    corridor: int | None = None
    track: int = 0
    out_y: float = 0.0
    in_y: float = 0.0
    tracks: dict[int, int] = field(default_factory=dict)
    """Its track in each gutter that it uses."""

    @property
    def key(self) -> tuple[str, Side, str, bool]:
        """Lines with one key may share a track: they look the same and end at the same side of the same box."""
        return self.edge.target, self.enter, self.edge.style, self.back


class _Tracks:
    """Tracks of one channel: intervals that overlap get different ones, unless they have the same key."""

    def __init__(self) -> None:
        self.taken: list[list[tuple[float, float, Hashable]]] = []

    def add(self, low: float, high: float, key: Hashable) -> int:
        """The first track on which nothing else lies."""
        for i, track in enumerate(self.taken):
            if all(high < a or low > b or key == k for a, b, k in track):
                track.append((low, high, key))
                return i
        self.taken.append([(low, high, key)])
        return len(self.taken) - 1

    def load(self, low: float, high: float) -> int:
        """How many lines lie in a stretch."""
        return sum(1 for track in self.taken for a, b, _ in track if not (high < a or low > b))


def lay_out(nodes: Sequence[Node], edges: Sequence[Edge], lanes: int, space: Space | None = None) -> Layout:
    """Place boxes and arrows.

    Args:
        nodes: boxes in reading order; their lanes are numbered from 0.
        edges: arrows between boxes that exist.
        lanes: how many lanes there are; empty ones take no room.
        space: distances.
    """
    return _Plan(nodes, edges, lanes, space or Space()).layout()


class _Plan:
    """The picture in the making: first which channels, then how many tracks in each, then how many pixels."""

    def __init__(self, nodes: Sequence[Node], edges: Sequence[Edge], lanes: int, space: Space) -> None:
        self.nodes, self.lanes, self.space = nodes, lanes, space
        self.cells: dict[str, tuple[int, int]] = {}
        self.lane_of_column: list[int] = []
        self._fill_grid()
        self.rows = 1 + max((r for _, r in self.cells.values()), default=0)
        self.ways = self._ways(edges)
        self.corridors = [_Tracks() for _ in range(self.rows + 1)]
        self._choose_corridors()
        self.heights = {n.name: max(n.height, self._room_for_exits(n)) for n in nodes}
        self.row_heights = [max((self.heights[n.name] for n in nodes if self.cells[n.name][1] == r), default=0.0) for r in range(self.rows)]

    def layout(self) -> Layout:
        """The finished picture."""
        bottom = self._measure_rows()
        self._place_ports()
        self.gutters = self._gutters()
        right = self._measure_columns()
        places = {n.name: self._place(n) for n in self.nodes}
        return Layout(places, self._lane_places(bottom), [self._line(w, places) for w in self.ways], right, bottom)

    def _fill_grid(self) -> None:
        """Column and row of each box; a long lane is broken into columns of nearly equal length."""
        for lane in range(self.lanes):
            inside = [n.name for n in self.nodes if n.lane == lane]
            if not inside:
                continue
            columns = -(-len(inside) // self.space.most_rows)
            per_column = -(-len(inside) // columns)
            for i, name in enumerate(inside):
                self.cells[name] = (len(self.lane_of_column) + i // per_column, i % per_column)
            self.lane_of_column += [lane] * -(-len(inside) // per_column)

    def _ways(self, edges: Sequence[Edge]) -> list[_Way]:
        """By which sides and gutters each arrow goes."""
        ways: list[_Way] = []
        below: set[str] = set()
        for edge in edges:
            (c1, r1), (c2, r2) = self.cells[edge.source], self.cells[edge.target]
            straight = c1 == c2 and r2 == r1 + 1 and edge.source not in below and not edge.aside
            if straight:
                below.add(edge.source)
            out: Side = "left" if c2 < c1 else "right"
            enter: Side = "left" if c2 > c1 else "right"
            back = c2 < c1 or (c1 == c2 and r2 <= r1)
            ways.append(_Way(edge, straight, back, out, enter, c1 + (out == "right"), c2 + (enter == "right")))
        return ways

    def _choose_corridors(self) -> None:
        """Give each arrow between distant gutters the nearest corridor, the emptier of two that are equally near."""
        for way in sorted((w for w in self.ways if not w.straight and w.first != w.last), key=lambda w: abs(w.first - w.last)):
            r1, r2 = self.cells[way.edge.source][1], self.cells[way.edge.target][1]
            low, high = sorted((way.first, way.last))
            near = [(abs(k - r1 - 0.5) + abs(k - r2 - 0.5), self.corridors[k].load(low, high), k) for k in range(self.rows + 1)]
            way.corridor = min(near)[2]
            way.track = self.corridors[way.corridor].add(low, high, way.key)

    def _exits(self, name: str, side: Side) -> list[_Way]:
        """The arrows that leave a box by a side, in an order in which they cross little: by where they go."""
        leaving = [w for w in self.ways if not w.straight and w.edge.source == name and w.out == side]
        return sorted(leaving, key=lambda w: self.cells[w.edge.target][1] if w.corridor is None else w.corridor - 0.5)

    def _room_for_exits(self, node: Node) -> float:
        if node.centre:
            return 0.0
        ends = [first + sum(self._step(w) for w in ways) for side, first in _FIRST_EXIT.items() if (ways := self._exits(node.name, side))]
        return max(ends, default=0.0)

    def _step(self, way: _Way) -> float:
        """From one exit to the next."""
        return max(self.space.exit_step, way.edge.room)

    def _measure_rows(self) -> float:
        """The top of each row and of each corridor; returns the lower end of the picture."""
        self.tops: list[float] = []
        self.corridor_tops: list[float] = []
        y = self.space.row_gap / 2
        for k in range(self.rows + 1):
            tracks = len(self.corridors[k].taken)
            inner = 0 < k < self.rows
            self.corridor_tops.append(y + (self.space.row_gap / 2 if inner or tracks else 0.0))
            y += (self.space.row_gap if inner or tracks else 0.0) + max(tracks - 1, 0) * self.space.track
            if k < self.rows:
                self.tops.append(y)
                y += self.row_heights[k]
        return y + self.space.row_gap / 2

    def _place_ports(self) -> None:
        """At which height each arrow leaves and enters."""
        for n in self.nodes:
            row = self.cells[n.name][1]
            top, middle = self.tops[row], self.tops[row] + self.row_heights[row] / 2
            for side, first in _FIRST_EXIT.items():
                at = top + first
                for w in self._exits(n.name, side):
                    w.out_y = middle if n.centre else at
                    at += self._step(w)
            for w in self.ways:
                if w.edge.target == n.name:
                    w.in_y = middle if n.centre else top + _ENTRY[w.enter]

    def _corridor_y(self, way: _Way) -> float:
        assert way.corridor is not None
        return self.corridor_tops[way.corridor] + self.space.track * way.track

    def _gutters(self) -> list[_Tracks]:
        """A track for every vertical stretch."""
        gutters = [_Tracks() for _ in range(len(self.lane_of_column) + 1)]
        for w in self.ways:
            if w.straight:
                continue
            stretches = [(w.first, w.out_y, w.in_y)] if w.corridor is None else [(w.first, w.out_y, self._corridor_y(w)), (w.last, self._corridor_y(w), w.in_y)]
            for gutter, y0, y1 in stretches:
                w.tracks[gutter] = gutters[gutter].add(min(y0, y1), max(y0, y1), w.key)
        return gutters

    def _measure_columns(self) -> float:
        """The left edge of each column and the first track of each gutter; returns the right end of the picture."""
        count = len(self.lane_of_column)
        labels = [[0.0, 0.0] for _ in range(count + 1)]  # room on the left and on the right of each gutter
        for w in self.ways:
            if not w.straight:
                on_right = w.out == "left"
                labels[w.first][on_right] = max(labels[w.first][on_right], w.edge.label)
        self.lefts: list[float] = []
        self.gutter_lefts: list[float] = []
        self.widths = [max(n.width + 2 * n.beside for n in self.nodes if self.cells[n.name][0] == c) for c in range(count)]
        x = self.space.margin
        for g in range(count + 1):
            tracks = len(self.gutters[g].taken)
            edge = g in (0, count)
            gap = 0.0 if edge or self.lane_of_column[g - 1] == self.lane_of_column[g] else self.space.lane_gap
            if tracks:
                self.gutter_lefts.append(x + gap / 2 + max(labels[g][0] + 4, ARROWHEAD))
                x += gap + max(labels[g][0] + 4, ARROWHEAD) + self.space.track * (tracks - 1) + max(labels[g][1] + 4, ARROWHEAD)
            else:
                self.gutter_lefts.append(x)
                x += gap if edge or gap else ARROWHEAD
            if g < count:
                self.lefts.append(x)
                x += self.widths[g]
        return x + self.space.margin

    def _place(self, node: Node) -> Place:
        """A box is as wide as its column and stands at the top of its row, a small one in the middle of its cell."""
        column, row = self.cells[node.name]
        x, y, height = self.lefts[column], self.tops[row], self.heights[node.name]
        if node.centre:
            return Place(x + (self.widths[column] - node.width) / 2, y + (self.row_heights[row] - height) / 2, node.width, height)
        return Place(x + (self.widths[column] - node.width) / 2, y, node.width, height)

    def _lane_places(self, bottom: float) -> list[Place]:
        """Each lane from its first to its last column, with half of the gap around it; empty lanes have no width."""
        pad = self.space.lane_gap / 2 - 2
        found = []
        for lane in range(self.lanes):
            columns = [c for c, of in enumerate(self.lane_of_column) if of == lane]
            if not columns:
                found.append(Place(0.0, 0.0, 0.0, bottom))
                continue
            left, right = self.lefts[columns[0]] - pad, self.lefts[columns[-1]] + self.widths[columns[-1]] + pad
            found.append(Place(left, 0.0, right - left, bottom))
        return found

    def _line(self, way: _Way, places: Mapping[str, Place]) -> Line:
        """The bends of an arrow, and where its label stands."""
        source, target = places[way.edge.source], places[way.edge.target]
        if way.straight:
            x = source.x + source.width / 2
            y0, y1 = source.y + source.height, target.y
            return Line(((x, y0), (target.x + target.width / 2, y1)), (x + 5, y0 + 13), False, False)
        x0 = source.x + (source.width if way.out == "right" else 0.0)
        x1 = target.x + (target.width if way.enter == "right" else 0.0)
        bends = [(x0, way.out_y)]
        first = self.gutter_lefts[way.first] + self.space.track * way.tracks[way.first]
        bends.append((first, way.out_y))
        if way.corridor is not None:
            last = self.gutter_lefts[way.last] + self.space.track * way.tracks[way.last]
            bends += [(first, self._corridor_y(way)), (last, self._corridor_y(way)), (last, way.in_y)]
        else:
            bends.append((first, way.in_y))
        bends.append((x1, way.in_y))
        leftwards = way.out == "left"
        return Line(_without_needless(bends), (x0 + (-4 if leftwards else 4), way.out_y - 3), leftwards, way.back)


def _without_needless(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points without those that lie between their neighbours on a line, or twice."""
    kept: list[Point] = []
    for i, p in enumerate(points):
        if kept and p == kept[-1]:
            continue
        if kept and 0 < i < len(points) - 1 and (kept[-1][0] == p[0] == points[i + 1][0] or kept[-1][1] == p[1] == points[i + 1][1]):
            continue
        kept.append(p)
    return tuple(kept)
