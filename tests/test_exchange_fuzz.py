"""Damaged diagrams and parameters: whatever is read, the only error is one line with place and remedy."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import InputError
from salessim.exchange import import_bpmn, import_prosimos
from tests.bpmn_files import ERROR, MESSAGE, element, flows, nodes, process, timer, write
from tests.test_prosimos import ATTRIBUTES, batch, choice, compare, repairs

RICH = process(
    element("laneSet", "ls", "", element("lane", "l1", "Sales", "<flowNodeRef>a</flowNodeRef><flowNodeRef>p</flowNodeRef>")),
    nodes(s="startEvent Web", a="userTask Call", g="exclusiveGateway", f="parallelGateway", b="serviceTask Check", c="receiveTask Answer", i="parallelGateway", q="inclusiveGateway",
          k="task K", l="task L", r="inclusiveGateway", v="eventBasedGateway", d="endEvent", x="endEvent gone"),
    element("boundaryEvent", "t", "late", timer("P2D"), attachedToRef="c"), element("intermediateCatchEvent", "m", "Order", MESSAGE), element("intermediateCatchEvent", "n", "Expiry", timer("P9D")),
    element("subProcess", "p", "Quote", nodes(ps="startEvent", pa="userTask Write", pe="endEvent") + element("endEvent", "px", "wrong", ERROR) + nodes(pg="exclusiveGateway") + flows("ps > pa > pg > pe", "pg > px")),
    element("boundaryEvent", "pb", "", ERROR, attachedToRef="p"),
    flows("s > a > g > f > b > i > q > k > r > p > v > m > d", "f > c > i", "t > c", "g > x : 20 %", "q > l > r", "v > n > x", "pb > a"),
)  # fmt: skip


def test_the_rich_one_is_read(tmp_path: Path) -> None:
    found = import_bpmn(write(tmp_path, RICH))
    assert {"Call", "Check", "Answer", "K", "L", "Write"} <= set(found.scenario.steps)


def damaged(text: str, rng: random.Random) -> str:
    """One to three lines taken out, doubled, exchanged, or with a word, an id or a tag changed."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(2, len(lines))
        what = rng.randrange(6)
        if what == 0:
            del lines[i]
        elif what == 1:
            lines.insert(i, lines[i])
        elif what == 2:
            j = rng.randrange(2, len(lines))
            lines[i], lines[j] = lines[j], lines[i]
        elif what == 3:
            words = re.findall(r'"([^"]*)"', lines[i])
            if words:
                lines[i] = lines[i].replace(f'"{rng.choice(words)}"', f'"{rng.choice(["a", "f", "i", "d", "nowhere", "", "P2D", "é/:."])}"', 1)
        elif what == 4:
            tags = ["parallelGateway", "exclusiveGateway", "inclusiveGateway", "task", "endEvent", "startEvent", "eventBasedGateway", "subProcess", "callActivity"]
            old, new = rng.choice(tags), rng.choice(tags)
            lines[i] = lines[i].replace(f"<{old} ", f"<{new} ").replace(f"</{old}>", f"</{new}>")
        else:
            lines[i] = lines[i].replace("sourceRef", "targetRef", 1) if rng.random() < 0.5 else lines[i][: rng.randrange(len(lines[i]) + 1)]
        if len(lines) < 4:
            break
    return "\n".join(lines)


def told(read: Callable[[], object]) -> bool:
    """Whether it was read; if not, the error was one line with a remedy."""
    said = None
    try:
        read()
    except InputError as wrong:
        said = str(wrong)
    assert said is None or ("\n" not in said and "; " in said), said
    return said is None


@pytest.mark.parametrize("approximate", [False, True])
def test_damaged_diagrams(tmp_path: Path, approximate: bool) -> None:
    read = 0
    for seed in range(300):
        path = write(tmp_path, damaged(RICH, random.Random(seed)))
        read += told(lambda path=path: import_bpmn(path, approximate=approximate))
    assert read > 20


def full() -> tuple[str, dict[str, Any]]:
    """A Prosimos scenario with every section."""
    diagram, data = choice({"g_b": [[compare("amount", "in", [0, 500])]]}, event_attributes=[{"event_id": "a", "attributes": [ATTRIBUTES[0]]}])
    data |= {"prioritisation_rules": [{"priority_level": 1, "rules": [[compare("client type", "=", "BUSINESS")]]}], "batch_processing": batch("Sequential", [[compare("size", ">=", 3)]]), **{k: v for k, v in repairs()[1].items() if k == "event_distribution"}}
    return diagram, data


def test_damaged_parameters(tmp_path: Path) -> None:
    diagram, data = full()
    path, file, read = write(tmp_path, diagram), tmp_path / "p.json", 0
    for seed in range(400):
        rng = random.Random(seed)
        broken: Any = copy.deepcopy(data)
        for _ in range(rng.randint(1, 2)):
            here, key = broken, rng.choice(sorted(broken))
            while isinstance(here[key], dict | list) and here[key] and rng.random() < 0.9:
                here = here[key]
                key = rng.choice(sorted(here)) if isinstance(here, dict) else rng.randrange(len(here))
            if rng.random() < 0.4:
                del here[key]
            else:
                here[key] = rng.choice([None, -1, 0, 1e300, "x", "", [], {}, [[]], True, "in", {"value": 1}])
            if not broken:
                break
        file.write_text(json.dumps(broken))
        read += told(lambda: import_prosimos(path, file, approximate=True, horizon="1 week"))
    assert read > 20
