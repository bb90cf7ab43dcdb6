"""Flow charts: boxes and arrows keep apart, text fits and does no harm, and a browser agrees."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from salessim.describing import describe
from salessim.describing.chart import branch_ends, chart, join_box
from salessim.describing.layout import Edge, Layout, Node, lay_out
from salessim.describing.letters import width, wrapped
from salessim.describing.mermaid import escape
from salessim.describing.telling import Teller
from salessim.scenario.model import Scenario
from tests.test_describe import CHINESE, evil_scenario

# --- the layout ------------------------------------------------------------------------------------------------


def random_graph(seed: int) -> tuple[list[Node], list[Edge], int]:
    rng = random.Random(seed)
    lanes = rng.randint(1, 7)
    nodes = [Node(f"n{i}", rng.randrange(lanes), 100 + 10 * rng.randint(0, 5), rng.randint(30, 120)) for i in range(rng.randint(1, 40))]
    names = [n.name for n in nodes]
    edges = [Edge(rng.choice(names), rng.choice(names), rng.choice([0, 30]), rng.choice(["a", "b"]), rng.random() < 0.1) for _ in range(rng.randint(0, 70))]
    return nodes, edges, lanes


def inside(x: float, y: float, place: object) -> bool:
    return place.x < x < place.x + place.width and place.y < y < place.y + place.height


@pytest.mark.parametrize("seed", range(60))
def test_boxes_and_arrows_keep_apart(seed: int) -> None:
    nodes, edges, lanes = random_graph(seed)
    plan = lay_out(nodes, edges, lanes)
    places = plan.nodes
    for a, b in combinations(places.values(), 2):
        assert a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
    for p in [*places.values(), *(q for q in plan.lanes if q.width)]:
        assert p.x >= 0
        assert p.y >= 0
        assert p.x + p.width <= plan.width
        assert p.y + p.height <= plan.height
    for n in nodes:
        lane, p = plan.lanes[n.lane], places[n.name]
        assert lane.x <= p.x
        assert p.x + p.width <= lane.x + lane.width
    for edge, line in zip(edges, plan.lines, strict=True):
        source, target = places[edge.source], places[edge.target]
        (x0, y0), (x1, y1) = line.points[0], line.points[-1]
        assert x0 in (source.x, source.x + source.width, source.x + source.width / 2)
        assert source.y <= y0 <= source.y + source.height
        assert x1 in (target.x, target.x + target.width, target.x + target.width / 2)
        assert target.y <= y1 <= target.y + target.height
        for (ax, ay), (bx, by) in pairwise(line.points):
            assert ax == bx or ay == by  # level or upright
            for step in range(1, 40):  # and through no box
                x, y = ax + (bx - ax) * step / 40, ay + (by - ay) * step / 40
                assert not any(inside(x, y, p) for p in places.values())


@pytest.mark.parametrize("seed", range(60))
def test_lines_share_a_stretch_only_on_the_way_to_one_target(seed: int) -> None:
    nodes, edges, lanes = random_graph(seed)
    plan = lay_out(nodes, edges, lanes)

    def stretches(i: int) -> list[tuple[bool, float, float, float]]:
        return [(ax == bx, ax if ax == bx else ay, *sorted((ay, by) if ax == bx else (ax, bx))) for (ax, ay), (bx, by) in pairwise(plan.lines[i].points)]

    for i, j in combinations(range(len(edges)), 2):
        if edges[i].target != edges[j].target:
            for up1, at1, low1, high1 in stretches(i):
                for up2, at2, low2, high2 in stretches(j):
                    assert not (up1 == up2 and abs(at1 - at2) < 0.5 and min(high1, high2) - max(low1, low2) > 0.5), (edges[i], edges[j])


def test_a_line_of_three_goes_straight_down_and_a_loop_comes_back_outside() -> None:
    nodes = [Node(n, 0, 100, 40) for n in "abc"]
    plan = lay_out(nodes, [Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("b", "b")], 1)
    assert [len(line.points) for line in plan.lines] == [2, 2, 4, 4]
    assert [line.back for line in plan.lines] == [False, False, True, True]
    assert all(x >= plan.nodes["a"].x + 100 for x, _ in plan.lines[2].points)


def test_nothing_and_empty_lanes() -> None:
    assert lay_out([], [], 0).nodes == {}
    assert [p.width > 0 for p in lay_out([Node("a", 1, 10, 10)], [], 3).lanes] == [False, True, False]


def test_turned_pictures_hold_the_same() -> None:
    nodes, edges, lanes = random_graph(5)
    plan = lay_out(nodes, edges, lanes)
    turned = plan.turned()
    assert (turned.width, turned.height) == (plan.height, plan.width)
    assert turned.turned() == Layout(plan.nodes, plan.lanes, plan.lines, plan.width, plan.height)


# --- letters ---------------------------------------------------------------------------------------------------


def test_text_is_broken_where_readers_break_it() -> None:
    assert wrapped("Prepare the quote", 70, 12, 3) == ["Prepare", "the quote"]
    assert wrapped("编制报价单", 40, 12, 3) == ["编制报", "价单"]
    assert wrapped("编制，报价", 38, 12, 3) == ["编制，", "报价"]  # no line begins with a comma
    assert wrapped("a b c d e f", 20, 12, 1)[0].endswith("…")
    assert "".join(wrapped("x" * 50, 100, 12, 9)) == "x" * 50
    assert wrapped("", 100, 12, 2) == [""]
    for line in wrapped("a longer sentence 和中文 mixed with it", 90, 12, 9):
        assert width(line, 12) <= 90


# --- the chart -------------------------------------------------------------------------------------------------

PARALLEL = {
    "name": "p", "clock": {"start": "2026-01-05", "horizon": "9 weeks"}, "teams": {"t": {"size": 1}}, "segments": {"all": {}},
    "channels": {"c": {"enters": "split", "segments": {"all": 1}, "arrivals": {"rate": "1 per week"}}},
    "stages": {"g": {"steps": {
        "split": {"parallel": ["a", "inner"], "then": [{"to": "z", "share": "40 %"}, {"lost": "no"}]},
        "a": {"work": "1 h", "by": "t", "then": [{"join": True}]},
        "inner": {"parallel": ["b", "d"], "then": [{"join": True}]},
        "b": {"work": "1 h", "by": "t", "then": [{"join": True}]},
        "d": {"work": "1 h", "by": "t", "then": [{"to": "e"}]},
        "e": {"work": "1 h", "by": "t", "patience": "3 days", "gives_up": {"to": "b"}, "then": [{"join": True}]},
        "z": {"customer": "1 day", "unless": [{"after": "3 days", "lost": "late"}], "then": [{"done": True}]},
    }}},
}  # fmt: skip


def test_branches_come_together_where_they_belong() -> None:
    scenario = Scenario.parse(PARALLEL)
    assert branch_ends(scenario) == {"a": "split", "inner": "split", "b": "inner", "e": "inner"}
    drawn = chart(Teller(scenario))
    arrows = {(a.source, a.target): a.label for a in drawn.arrows}
    assert arrows["a", join_box("split")] == ""
    assert arrows[join_box("inner"), join_box("split")] == ""
    assert arrows[join_box("split"), "z"] == "40 %"
    assert ("split", "a") in arrows
    assert ("split", "inner") in arrows
    assert arrows["e", "b"] == "kept waiting"
    assert [(c.kind, c.text) for b in drawn.boxes if b.name == "z" for c in b.chips] == [("done", "finished"), ("lost", "after some 3 days: late")]


def test_every_way_of_b2b_is_drawn(b2b: Path) -> None:
    scenario = Scenario.load(b2b)
    drawn = chart(Teller(scenario))
    pairs = {(a.source, a.target) for a in drawn.arrows}
    for name, step in scenario.steps.items():
        assert {(name, r.to) for r in step.then if r.to} <= pairs
        assert {(name, s.to) for s in step.spawns} <= pairs
        chips = " ".join(c.text for b in drawn.boxes if b.name == name for c in b.chips)
        assert all(r.lost in chips for r in step.then if r.lost)
    labels = {(a.source, a.target): a.label for a in drawn.arrows}
    assert labels["qualify", "discovery"] == "50–65 %"
    assert labels["first response", "qualify"] == "58 %"


# --- SVG -------------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"
_HARMLESS = {"svg", "title", "desc", "defs", "marker", "path", "rect", "text", "g"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_picture_is_closed_in_itself(b2b: Path, language: str) -> None:
    for scenario in (Scenario.load(b2b), Scenario.parse(CHINESE), evil_scenario()):
        root = ET.fromstring(describe(scenario, "svg", language))
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= _HARMLESS
        for e in root.iter():
            assert not any(k.startswith("on") or "href" in k or k == "style" for k in e.attrib)
            assert all("url(" not in v or re.fullmatch(r"url\(#head-\w+\)", v) for v in e.attrib.values())
        assert root.find(f"{SVG}title").text
        numbers = [float(root.get(k) or "nan") for k in ("width", "height")]
        assert root.get("viewBox") == f"0 0 {numbers[0]:.1f} {numbers[1]:.1f}".replace(".0", "")


def test_text_of_people_is_shown_as_it_is() -> None:
    root = ET.fromstring(describe(evil_scenario(), "svg"))
    assert "<script>alert(1)</script>" in "".join(root.itertext())


_MEASURE = """<script>
const wrong = [];
for (const t of document.querySelectorAll('svg g > g text')) {
  const r = t.parentNode.querySelector('rect').getBBox(), b = t.getBBox();
  if (b.x + b.width > r.x + r.width + 0.5 || b.y + b.height > r.y + r.height + 1) wrong.push(t.textContent);
}
document.title = 'measured ' + document.querySelectorAll('svg text').length + ' wrong ' + JSON.stringify(wrong);
</script>"""


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "zh"])
def test_in_a_browser_all_text_lies_in_its_box(b2b: Path, tmp_path: Path, language: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    scenario = Scenario.load(b2b) if language == "en" else Scenario.parse(CHINESE.replace("报价:", "编制报价单（含配置与技术附件）:").replace("报价,", "编制报价单（含配置与技术附件）,"))
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{describe(scenario, 'svg', language)}{_MEASURE}", encoding="utf-8")
    result = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"<title>measured (\d+) wrong (.*?)</title>", result.stdout)
    assert found is not None
    assert int(found[1]) > 10
    assert found[2] == "[]"


# --- Mermaid and Graphviz --------------------------------------------------------------------------------------


def test_mermaid_has_no_links_and_no_markup_of_others(b2b: Path) -> None:
    text = describe(evil_scenario(), "mermaid")
    assert not re.search(r"^\s*(click|href|callback|%%)", text, re.M)
    assert "%%{" not in text
    assert "<" not in text.replace("<br/>", "")
    assert all(line.count('"') % 2 == 0 for line in text.splitlines())
    assert escape("1. a") == "1#46; a"
    assert escape('a "b" [c] `d` 20 %') == "a #quot;b#quot; #91;c#93; #96;d#96; 20 #37;"
    drawn = describe(Scenario.load(b2b), "mermaid")
    assert drawn.startswith("flowchart TB\n")
    assert drawn.count("subgraph") == 8
    ids = set(re.findall(r"^\s*(n\d+)[\[({]", drawn, re.M))
    used = set(re.findall(r"^\s*(n\d+) -", drawn, re.M)) | set(re.findall(r" (n\d+)$", drawn, re.M))
    assert used <= ids


def test_what_follows_parallel_branches_ends_after_them() -> None:
    text = describe(Scenario.parse(PARALLEL), "mermaid")
    join = next(line.split("((")[0].strip() for line in text.splitlines() if "((" in line and "e0" not in line)
    assert re.search(r"n\d+ --> n\d+e0\(\[\"60 #37; no\"\]\):::lost", text)
    assert join in text


def test_graphviz_strings_stay_closed() -> None:
    text = describe(evil_scenario(), "dot")
    for line in text.splitlines():
        assert len(re.findall(r'(?<!\\)"', line)) % 2 == 0, line
