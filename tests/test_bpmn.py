"""BPMN diagrams as scenarios: structure by eye, results against formulas, refusals by name."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.exchange import Imported, import_bpmn
from salessim.exchange.settings import GIVEN
from salessim.exchange.settings import timer as words
from salessim.experiment import replicate
from salessim.scenario.loader import to_data
from salessim.scenario.model import Scenario
from salessim.statistics import mean_interval
from tests.bpmn_files import ERROR, HEAD, MESSAGE, TERMINATE, element, flows, nodes, process, timer, write

HOUR = {"law": "exponential", "mean": "1 h"}
LONG = {"clock": {"start": "2026-01-05", "horizon": "8000 h"}, "channels": {"in": {"arrivals": {"rate": "1 per h"}}}}


def read(tmp_path: Path, text: str, approximate: bool = False, **parameters: Any) -> Imported:
    return import_bpmn(write(tmp_path, text), {**LONG, **parameters}, approximate=approximate)


def steps(found: Imported) -> dict[str, Any]:
    return {name: step for stage in to_data(found.scenario)["stages"].values() for name, step in stage["steps"].items()}


def automatic(**hours: float) -> dict[str, Any]:
    """Elements that take a constant time, by name."""
    return {name: {"automatic": f"{3600 * h:g} s"} for name, h in hours.items()}


def holds(scenario: Scenario, measure: str, exact: float, replications: int = 8) -> None:
    """The 99.9 % interval holds the exact figure, and is narrower than 4 % of it."""
    found = mean_interval(replicate(scenario, replications, seed=5).values(measure), 0.999)
    assert found.low <= exact <= found.high, (found.low, exact, found.high)
    assert found.high - found.low < 0.08 * exact


def refused(tmp_path: Path, text: str, *parts: str, **parameters: Any) -> None:
    with pytest.raises(ScenarioError) as wrong:
        read(tmp_path, text, **parameters)
    said = str(wrong.value)
    assert "\n" not in said
    assert ";" in said
    for part in parts:
        assert part in said, said


# --- the plain parts -------------------------------------------------------------------------------------------------


def test_a_diagram_alone_gives_a_scenario_with_marked_assumptions(tmp_path: Path) -> None:
    lanes = element("laneSet", "ls", "", element("lane", "l1", "Field sales", "<flowNodeRef>call</flowNodeRef>"))
    found = import_bpmn(write(tmp_path, process(lanes, nodes(s="startEvent Web form", call="userTask Call", check="serviceTask", wait="receiveTask Answer", e="endEvent"), flows("s > call > check > wait > e"), name="Offers")))
    told = steps(found)
    assert found.scenario.name == "Offers"
    assert list(told) == ["Call", "check", "Answer"]
    assert told["Call"]["by"] == ["Field sales"]
    assert [next(k for k in ("work", "automatic", "customer") if k in s) for s in told.values()] == ["work", "automatic", "customer"]
    assert all(s[k]["assumption"] == GIVEN for s in told.values() for k in ("work", "automatic", "customer") if k in s)
    assert {r.element for r in found.remarks if r.level == "assumed"} == {"call", "check", "wait", "s", "Field sales"}
    channel = to_data(found.scenario)["channels"]["Web form"]
    assert channel["enters"] == "Call"
    assert channel["arrivals"]["assumption"] == GIVEN


def test_parameters_speak_the_scenario_language(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: Known\nclock: {start: 2026-01-05, horizon: 4 weeks}\nteams: {sales: {size: 3, cost: 40 EUR/hour}}\n"
        "channels: {web: {arrivals: {rate: 20 per week}}}\nelements:\n  Call: {work: 20 min, by: sales, milestone: response, stage: lead}\n"
        "flows: {yes: 60 %}\nends: {no: {lost: no interest}}\n"
    )
    text = process(nodes(s="startEvent", c="task Call", g="exclusiveGateway", y="endEvent won", no="endEvent"), flows("s > c > g", "g > y : yes", "g > no : no"))
    found = import_bpmn(write(tmp_path, text), file)
    assert steps(found)["Call"] == {"work": "20 min", "milestone": "response", "by": ["sales"], "then": [{"lost": "no interest", "share": "40 %"}, {"done": True}]}
    assert list(found.scenario.stages) == ["lead"]
    assert found.remarks == ()


def test_shares_stand_in_names_or_are_assumed_equal(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", c="task Call", g="exclusiveGateway", h="exclusiveGateway", d="endEvent", x="endEvent X", z="endEvent Z")
    text = process(drawing, flows("s > c > g", "g > h : yes (30 %)", "g > d : no", "h > x", "h > z"))
    found = read(tmp_path, text, ends={"X": {"lost": "x"}, "Z": {"lost": "z"}})
    assert steps(found)["Call"]["then"] == [{"lost": "x", "share": "15 %", "assumption": GIVEN}, {"lost": "z", "share": "15 %", "assumption": GIVEN}, {"done": True}]


def test_shares_by_segment_pass_through_gateways(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", c="task Call", g="exclusiveGateway", h="exclusiveGateway", d="endEvent", x="endEvent X", z="endEvent Z")
    found = read(
        tmp_path, process(drawing, flows("s > c > g > h", "g > d", "h > x", "h > z")), segments={"small": {}, "large": {}},
        channels={"in": {"arrivals": {"rate": "1 per h"}, "segments": {"small": 0.5, "large": 0.5}}},
        flows={"g_h": {"small": 0.4, "large": 0.8}, "h_x": 0.25}, ends={"X": {"lost": "x"}, "Z": {"lost": "z"}},
    )  # fmt: skip
    step = found.scenario.steps["Call"]
    shares = {(r.lost or "done", s): step.share_of(r, s) for r in step.then for s in ("small", "large")}
    assert shares == pytest.approx({("x", "small"): 0.1, ("x", "large"): 0.2, ("z", "small"): 0.3, ("z", "large"): 0.6, ("done", "small"): 0.6, ("done", "large"): 0.2})


def test_a_loop_is_geometric(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", m="exclusiveGateway", c="task Check", g="exclusiveGateway", e="endEvent"), flows("s > m > c > g > e", "g > m"))
    found = read(tmp_path, text, elements=automatic(Check=3), flows={"g_m": "25 %"})
    assert steps(found)["Check"]["then"] == [{"to": "Check", "share": "25 %"}, {"done": True}]
    holds(found.scenario, "cycle_time", 3 / 24 / 0.75)


def test_gateways_that_lead_back_to_themselves_stand_alone(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", c="task Check", g="exclusiveGateway", h="exclusiveGateway", e="endEvent", x="endEvent X"), flows("s > c > g > h > g", "g > e", "h > x"))
    found = read(tmp_path, text, elements=automatic(Check=1), flows={"g_h": 0.5, "h_g": 0.5}, ends={"X": {"lost": "x"}})
    # Each round: half go on to h, half of those come back; won 0.5 / (1 - 0.25).
    holds(found.scenario, "win_rate", 100 * 2 / 3)


def test_conditions_make_routes_with_formulas(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", c="task Price", g="exclusiveGateway", a="task Approve", e="endEvent"), flows("s > c > g > a > e", "g > e"))
    found = read(tmp_path, text, attributes={"discount": {"starts": {"law": "uniform", "low": 0, "high": 1}}}, elements=automatic(Price=1, Approve=1), flows={"g_a": {"when": "discount > 0.3"}})
    assert steps(found)["Price"]["then"] == [{"to": "Approve", "when": "discount > 0.3"}, {"done": True}]
    holds(found.scenario, "cycle_time", 1.7 / 24)


# --- blocks ----------------------------------------------------------------------------------------------------------


def test_two_parallel_exponentials_take_one_and_a_half(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", f="parallelGateway", a="task A", b="task B", j="parallelGateway", e="endEvent"), flows("s > f > a > j > e", "f > b > j"))
    found = read(tmp_path, text, elements={"A": {"automatic": HOUR}, "B": {"automatic": HOUR}})
    assert steps(found)["f"] == {"parallel": ["A", "B"], "then": [{"done": True}]}
    holds(found.scenario, "cycle_time", 1.5 / 24)


def test_three_parallel_exponentials_without_a_join_take_eleven_sixths(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", f="parallelGateway", a="task A", b="task B", c="task C", e="endEvent", d="endEvent"), flows("s > f > a > e", "f > b > e", "f > c > d"))
    holds(read(tmp_path, text, elements={n: {"automatic": HOUR} for n in "ABC"}).scenario, "cycle_time", 11 / 6 / 24)


def test_branches_that_meet_early_are_a_block_of_their_own(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", f="parallelGateway", a="task A", b="task B", c="task C", d="task D", i="parallelGateway", j="parallelGateway", e="endEvent")
    text = process(drawing, flows("s > f > a > i > d > j > e", "f > b > i", "f > c > j"))
    found = read(tmp_path, text, elements=automatic(A=1, B=2, C=2.5, D=1))
    assert replicate(found.scenario, 2, seed=1).estimate("cycle_time").value == pytest.approx(3 / 24, rel=1e-9)  # max(max(1, 2) + 1, 2.5)


def test_a_choice_and_an_empty_branch_within_a_block(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", f="parallelGateway", g="exclusiveGateway", a="task A", b="task B", m="exclusiveGateway", j="parallelGateway", c="task C", e="endEvent")
    text = process(drawing, flows("s > f > g > a > m > j > c > e", "g > b > m", "f > j"))
    found = read(tmp_path, text, elements=automatic(A=1, B=3, C=1), flows={"g_a": "40 %"})
    holds(found.scenario, "cycle_time", (1 + 0.4 * 1 + 0.6 * 3) / 24)


def test_a_branch_that_is_lost_loses_the_case(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", f="parallelGateway", a="task A", g="exclusiveGateway", b="task B", j="parallelGateway", e="endEvent")
    text = process(drawing, element("endEvent", "x", "refused", ERROR), flows("s > f > a > g > j > e", "g > x", "f > b > j"))
    found = read(tmp_path, text, elements=automatic(A=1, B=2), flows={"g_x": 0.3})
    assert {r.get("lost") for r in steps(found)["A"]["then"]} == {"refused", None}
    holds(found.scenario, "win_rate", 70)


INCLUSIVE = (nodes(s="startEvent", f="inclusiveGateway", a="task A", b="task B", j="inclusiveGateway", e="endEvent"), flows("s > f > a > j > e", "f > b > j"))


def test_an_inclusive_gateway_takes_each_way_by_its_share_and_at_least_one(tmp_path: Path) -> None:
    found = read(tmp_path, process(*INCLUSIVE), elements=automatic(A=1, B=2), flows={"f_a": 0.5, "f_b": 0.3})
    # Neither: 0.5 * 0.7 = 0.35, then A with 5/8. B: 0.3 + 0.35 * 3/8 = 0.43125 takes 2 h; the rest, A alone, takes 1 h.
    holds(found.scenario, "cycle_time", (1 + 0.43125) / 24)


def test_the_default_of_an_inclusive_gateway_is_taken_when_no_other_is(tmp_path: Path) -> None:
    drawing = element("inclusiveGateway", "f", default="f_c") + nodes(s="startEvent", a="task A", b="task B", c="task C", j="inclusiveGateway", e="endEvent")
    found = read(tmp_path, process(drawing, flows("s > f > a > j > e", "f > b > j", "f > c > j")), elements=automatic(A=1, B=2, C=4), flows={"f_a": 0.5, "f_b": 0.3})
    holds(found.scenario, "cycle_time", (0.3 * 2 + 0.35 * 1 + 0.35 * 4) / 24)


def test_an_inclusive_gateway_with_conditions(tmp_path: Path) -> None:
    found = read(
        tmp_path, process(*INCLUSIVE), elements=automatic(A=1, B=2), attributes={"size": {"starts": {"law": "uniform", "low": 0, "high": 1}}},
        flows={"f_a": {"when": "size > 0.5"}, "f_b": {"when": "size < 0.6"}},
    )  # fmt: skip
    holds(found.scenario, "cycle_time", (0.6 * 2 + 0.4 * 1) / 24)


def test_several_ways_out_of_a_task_are_taken_at_once(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", c="task C", a="task A", b="task B", j="parallelGateway", e="endEvent"), flows("s > c > a > j > e", "c > b > j"))
    found = read(tmp_path, text, elements=automatic(C=1, A=1, B=2))
    assert replicate(found.scenario, 2, seed=1).estimate("cycle_time").value == pytest.approx(3 / 24, rel=1e-9)


@pytest.mark.parametrize(
    ("drawing", "ways", "parts"),
    [
        ({"f": "parallelGateway", "a": "task A", "b": "task B", "j": "exclusiveGateway meet", "e": "endEvent"}, ("s > f > a > j > e", "f > b > j"), ("'meet'", "several times")),
        ({"f": "inclusiveGateway", "a": "task A", "b": "task B", "j": "parallelGateway", "e": "endEvent"}, ("s > f > a > j > e", "f > b > j"), ("may not have begun",)),
        ({"f": "exclusiveGateway", "a": "task A", "b": "task B", "j": "parallelGateway", "e": "endEvent"}, ("s > f > a > j > e", "f > b > j"), ("only one",)),
        ({"f": "parallelGateway", "g": "exclusiveGateway", "a": "task A", "b": "task B", "c": "task C", "j": "parallelGateway", "e": "endEvent"},
         ("s > f > g > a > j > e", "g > b > j", "f > c > j"), ("in 2 ways",)),
        ({"m": "exclusiveGateway", "f": "parallelGateway", "a": "task A", "g": "exclusiveGateway", "b": "task B", "j": "parallelGateway", "e": "endEvent"},
         ("s > m > f > a > g > j > e", "g > m", "f > b > j"), ("leads back",)),
        ({"g": "exclusiveGateway", "f": "parallelGateway", "m": "exclusiveGateway", "a": "task A", "b": "task B", "j": "parallelGateway", "e": "endEvent"},
         ("s > g > f > m > a > j > e", "g > m", "f > b > j"), ("also reached",)),
        ({"f": "parallelGateway", "g": "exclusiveGateway", "a": "task A", "b": "task B", "j": "parallelGateway", "e": "endEvent", "x": "endEvent"},
         ("s > f > a > g > j > e", "g > x", "f > b > j"), ("meet at",)),
    ],
    ids=["merged", "or and", "xor and", "two ways of a branch", "loop to before", "jump in", "ends elsewhere"],
)  # fmt: skip
def test_what_is_no_block_is_refused(tmp_path: Path, drawing: dict[str, str], ways: tuple[str, ...], parts: tuple[str, ...]) -> None:
    refused(tmp_path, process(nodes(s="startEvent", **drawing), flows(*ways)), *parts)


# --- events ----------------------------------------------------------------------------------------------------------


def test_timers_in_all_notations() -> None:
    assert words("PT36H") == "1.5 days"
    assert words("P1Y") == "1 year"
    assert words("P0.5D") == "12 h"
    assert words("PT90S") == "1.5 min"
    assert words("2 weeks") == "2 weeks"
    assert [words(t) for t in (None, "", "P", "R3/PT1H", "2026-01-01T00:00:00Z", "${x}", "PT", "-P1D")] == [None] * 8


def test_an_event_based_gateway_is_a_race(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", g="eventBasedGateway Decides", e="endEvent") + element("intermediateCatchEvent", "m", "Order", MESSAGE)
    drawing += element("intermediateCatchEvent", "t", "Expiry", timer("PT1H")) + element("endEvent", "x", "expired", ERROR)
    found = read(tmp_path, process(drawing, flows("s > g > m > e", "g > t > x")), elements={"Order": {"after": HOUR}})
    assert steps(found) == {"Decides": {"customer": {"law": "exponential", "mean": "1 h"}, "unless": [{"after": "1 h", "lost": "expired"}], "then": [{"done": True}]}}
    holds(found.scenario, "win_rate", 100 * (1 - math.exp(-1)))
    holds(found.scenario, "time_in_process", (1 - math.exp(-1)) / 24)


def test_a_boundary_timer_ends_the_customers_time(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", r="receiveTask Answer", c="task Remind", e="endEvent") + element("boundaryEvent", "t", "", timer("PT2H"), attachedToRef="r")
    found = read(tmp_path, process(drawing, flows("s > r > e", "t > c > r")), elements={"Answer": {"customer": HOUR}, "Remind": {"automatic": "1 h"}})
    assert steps(found)["Answer"]["unless"] == [{"after": "2 h", "to": "Remind"}]
    # Rounds until the answer comes in time: each takes E min(X, 2) = 1 - q, and with q = e^-2 an hour of reminding follows.
    q = math.exp(-2)
    holds(found.scenario, "cycle_time", ((1 - q) + q) / (1 - q) / 24)


def test_a_boundary_timer_of_work_is_patience_and_says_so(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", c="userTask Call", e="endEvent") + element("boundaryEvent", "t", "", timer("P3D"), attachedToRef="c") + element("endEvent", "x", "went elsewhere", ERROR)
    found = read(tmp_path, process(drawing, flows("s > c > e", "t > x")))
    assert steps(found)["Call"]["patience"] == "3 days"
    assert steps(found)["Call"]["gives_up"] == {"lost": "went elsewhere"}
    assert [(r.level, r.kind) for r in found.remarks if r.element == "t"] == [("differs", "boundary timer")]


def test_a_boundary_error_needs_a_share(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", c="task Enter", r="task Repair", e="endEvent") + element("boundaryEvent", "b", "wrong", ERROR, attachedToRef="c")
    text = process(drawing, flows("s > c > e", "b > r > c"))
    refused(tmp_path, text, "b 'wrong' (boundary error)", "give its 'share'")
    found = read(tmp_path, text, elements={**automatic(Enter=1, Repair=2), "wrong": {"share": "20 %"}})
    holds(found.scenario, "cycle_time", (1 + 0.2 * 2) / 0.8 / 24)


def test_boundary_events_that_do_not_interrupt_are_named(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", c="task Call", r="task Tell", e="endEvent", d="endEvent") + element("boundaryEvent", "b", "late", timer("P1D"), attachedToRef="c", cancelActivity="false")
    text = process(drawing, flows("s > c > e", "b > r > d"))
    refused(tmp_path, text, "b 'late' (boundary timer that does not interrupt)", "--approximate")
    found = read(tmp_path, text, approximate=True)
    assert list(found.scenario.steps) == ["Call"]
    assert found.remarks[0].level == "changed"


def test_intermediate_events_take_time_and_links_do_not(tmp_path: Path) -> None:
    link = '<linkEventDefinition name="over"/>'
    drawing = nodes(s="startEvent", e="endEvent") + element("intermediateCatchEvent", "t", "Cool off", timer("PT4H")) + element("intermediateCatchEvent", "m", "Answer", MESSAGE)
    drawing += element("intermediateThrowEvent", "l", "over", link) + element("intermediateCatchEvent", "k", "over", link) + element("intermediateThrowEvent", "n", "Note", MESSAGE)
    found = read(tmp_path, process(drawing, flows("s > t > l", "k > n > m > e")), elements={"Answer": {"after": "2 h"}})
    assert steps(found) == {"Cool off": {"automatic": "4 h", "then": [{"to": "Answer"}]}, "Answer": {"customer": "2 h", "then": [{"done": True}]}}
    assert [(r.element, r.level) for r in found.remarks] == [("n", "differs")]


def test_terminate_ends_a_case(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", f="parallelGateway", a="task A", b="task B", j="parallelGateway", g="exclusiveGateway", e="endEvent") + element("endEvent", "x", "stopped", TERMINATE)
    found = read(tmp_path, process(drawing, flows("s > f > a > g > j > e", "g > x", "f > b > j")), elements=automatic(A=1, B=1), flows={"g_x": 0.5})
    assert {"lost": "stopped", "share": "50 %"} in steps(found)["A"]["then"]
    assert [r.kind for r in found.remarks] == ["terminate inside a branch"]


# --- repetition and subprocesses -------------------------------------------------------------------------------------


def loop(ident: str, name: str, inner: str) -> str:
    return element("task", ident, name, inner)


def test_loop_markers(tmp_path: Path) -> None:
    standard = process(nodes(s="startEvent", e="endEvent"), loop("a", "A", "<standardLoopCharacteristics/>"), flows("s > a > e"))
    refused(tmp_path, standard, "a 'A' (loop)", "'again'")
    holds(read(tmp_path, standard, elements={"A": {"automatic": "1 h", "again": "50 %"}}).scenario, "cycle_time", 2 / 24)
    at_most = process(nodes(s="startEvent", e="endEvent"), loop("a", "A", '<standardLoopCharacteristics loopMaximum="2"/>'), flows("s > a > e"))
    holds(read(tmp_path, at_most, elements={"A": {"automatic": "1 h", "again": "50 %"}}).scenario, "cycle_time", 1.5 / 24)
    three = '<multiInstanceLoopCharacteristics isSequential="true"><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics>'
    sequential = process(nodes(s="startEvent", e="endEvent"), loop("a", "A", three), flows("s > a > e"))
    holds(read(tmp_path, sequential, elements={"A": {"automatic": HOUR}}).scenario, "cycle_time", 3 / 24)
    parallel = process(nodes(s="startEvent", e="endEvent"), loop("a", "A", three.replace("true", "false")), flows("s > a > e"))
    holds(read(tmp_path, parallel, elements={"A": {"automatic": HOUR}}).scenario, "cycle_time", (1 + 1 / 2 + 1 / 3) / 24)
    unknown = process(nodes(s="startEvent", e="endEvent"), loop("a", "A", "<multiInstanceLoopCharacteristics/>"), flows("s > a > e"))
    refused(tmp_path, unknown, "parallel repetition", "'repeats'")


def test_subprocesses_are_opened_out(tmp_path: Path) -> None:
    inner = nodes(si="startEvent", f="parallelGateway", a="task A", b="task B", ea="endEvent", eb="endEvent") + flows("si > f > a > ea", "f > b > eb")
    text = process(nodes(s="startEvent", c="task C", e="endEvent"), element("subProcess", "p", "Quote", inner), flows("s > p > c > e"))
    found = read(tmp_path, text, elements=automatic(A=1, B=3, C=1))
    assert found.scenario.stage_of("A") == "Quote"
    assert replicate(found.scenario, 2, seed=1).estimate("cycle_time").value == pytest.approx(4 / 24, rel=1e-9)  # both ends are waited for


def test_an_error_leaves_its_subprocess_at_the_boundary(tmp_path: Path) -> None:
    inner = nodes(si="startEvent", a="task A", g="exclusiveGateway", ok="endEvent") + element("endEvent", "bad", "bad", ERROR) + flows("si > a > g > ok", "g > bad")
    drawing = nodes(s="startEvent", c="task C", d="task D", e="endEvent") + element("subProcess", "p", "Quote", inner) + element("boundaryEvent", "b", "caught", ERROR, attachedToRef="p")
    text = process(drawing, flows("s > p > c > e", "b > d > e"))
    found = read(tmp_path, text, elements=automatic(A=1, C=1, D=5), flows={"g_bad": 0.25})
    assert steps(found)["A"]["then"] == [{"to": "D", "share": "25 %"}, {"to": "C"}]
    assert found.remarks == ()


def test_what_changes_the_process_is_refused_by_name(tmp_path: Path) -> None:
    drawing = nodes(s="startEvent", e="endEvent", c="callActivity Credit", a="adHocSubProcess Talks", k="complexGateway")
    text = process(drawing, element("subProcess", "v", "Cancelled", nodes(x="startEvent"), triggeredByEvent="true"), flows("s > c > a > k > e"))
    refused(tmp_path, text, "c 'Credit' (callActivity)", "a 'Talks' (adHocSubProcess)", "k (complexGateway)", "v 'Cancelled' (event subprocess)", "--approximate")
    found = read(tmp_path, text, approximate=True)
    assert list(found.scenario.steps) == ["Credit", "Talks"]
    assert sum(r.level == "changed" for r in found.remarks) == 4


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_many_gateways_in_a_row(tmp_path: Path) -> None:
    # 2^60 ways to the one end, and a row deeper than Python can call itself.
    drawing, ways = {"s": "startEvent", "a": "task A", "e": "endEvent"}, ["s > a > g0"]
    for i in range(60):
        drawing |= {f"g{i}": "exclusiveGateway", f"p{i}": "intermediateThrowEvent", f"q{i}": "intermediateThrowEvent", f"m{i}": "exclusiveGateway"}
        ways += [f"g{i} > p{i} > m{i}", f"g{i} > q{i} > m{i}", f"m{i} > {f'g{i + 1}' if i < 59 else 'e'}"]
    found = read(tmp_path, process(nodes(**drawing), flows(*ways)), elements=automatic(A=1))
    assert found.scenario.steps["A"].then[0].to == "g50"  # the next ones dissolve behind a step of their own
    assert len(found.scenario.steps) == 2
    row = [f"g{i}" for i in range(1500)]
    assert list(read(tmp_path, process(nodes(s="startEvent", a="task A", e="endEvent", **dict.fromkeys(row, "exclusiveGateway")), flows(f"s > a > {' > '.join(row)} > e"))).scenario.steps) == ["A"]


def test_diagrams_are_bounded(tmp_path: Path) -> None:
    row = [f"t{i}" for i in range(2500)]
    refused(tmp_path, process(nodes(s="startEvent", **dict.fromkeys(row, "task")), flows(f"s > {' > '.join(row)}")), "more than 2000")


# --- files and names -------------------------------------------------------------------------------------------------


def test_of_several_processes_one_is_chosen(tmp_path: Path) -> None:
    def one(ident: str, task: str) -> str:
        return element("process", ident, "", nodes(**{f"{ident}s": "startEvent", f"{ident}a": f"task {task}"}) + flows(f"{ident}s > {ident}a"))

    pools = element("collaboration", "k", "", element("participant", "x", "Seller", processRef="P1") + element("participant", "y", "Buyer", processRef="P2") + '<messageFlow id="mf" sourceRef="P1a" targetRef="P2a"/>')
    text = f"{HEAD}{pools}{one('P1', 'Offer')}{one('P2', 'Order')}</definitions>"
    refused(tmp_path, text, "2 processes (Buyer, Seller)", "process:")
    found = read(tmp_path, text, process="Seller")
    assert list(found.scenario.steps) == ["Offer"]
    assert found.scenario.name == "Seller"
    assert [r.kind for r in found.remarks if r.level == "differs"] == ["messageFlow", "participant"]


def test_any_name_becomes_a_name(tmp_path: Path) -> None:
    drawing = element("task", "a", "Check, approve: v2.0\n(again)") + element("task", "b", "Check, approve: v2.0 (again)") + element("task", "c", "=,.:;/") + element("task", "d", "报价 / 审批")
    found = read(tmp_path, process(nodes(s="startEvent", e="endEvent"), drawing, flows("s > a > b > c > d > e")))
    assert list(found.scenario.steps) == ["Check approve v2 0 (again)", "Check approve v2 0 (again) 2", "c", "报价 审批"]
    assert found.scenario.steps["报价 审批"].title == "报价 / 审批"


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    text = process(
        nodes(s="startEvent", g="exclusiveGateway", f="inclusiveGateway", a="task A", b="task A", j="inclusiveGateway", c="userTask C", d="userTask D", h="exclusiveGateway", e="endEvent", x="endEvent"),
        flows("s > g > f > a > j > c > h > e", "f > b > j", "g > d > x", "h > g"),
    )
    lines = text.splitlines()
    first = to_data(read(tmp_path, text).scenario)
    for seed in range(5):
        inner = lines[3:-2]
        random.Random(seed).shuffle(inner)
        assert to_data(read(tmp_path, "\n".join([*lines[:3], *inner, *lines[-2:]])).scenario) == first


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({"elemnts": {}}, ("elemnts", "did you mean 'elements'?")),
        ({"elements": {"Cal": {"work": "1 h"}}}, ("'Cal'", "did you mean 'Call'?")),
        ({"elements": {"Call": {"wrok": "1 h"}}}, ("wrok", "did you mean 'work'?")),
        ({"elements": {"Call": {"work": "1 h"}, "c": {"work": "2 h"}}}, ("same element",)),
        ({"elements": {"Call": {"work": "soon"}}}, ("'soon'",)),
        ({"elements": {"Call": "1 h"}}, ("no field",)),
        ({"flows": {"c_g": "140 %"}}, ()),
        ({"flows": {"g_e": "60 %", "g_x": "60 %"}}, ("120 %", "100 %")),
        ({"flows": {"g_e": "30 %", "g_x": "60 %"}}, ("90 %",)),
        ({"flows": {"g_e": "140 %"}}, ("140 %", "between 0 and 1")),
        ({"ends": {"x": "lost"}}, ("'lost'", "REASON")),
        ({"process": "Nobody"}, ("Nobody",)),
        ({"teams": {"P": {"size": -1}}}, ("teams.P.size",)),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused(tmp_path: Path, parameters: dict[str, Any], parts: tuple[str, ...]) -> None:
    text = process(nodes(s="startEvent", c="task Call", g="exclusiveGateway", e="endEvent", x="endEvent"), flows("s > c > g > e", "g > x"))
    if parts:
        refused(tmp_path, text, *parts, **parameters)
    else:
        read(tmp_path, text, **parameters)  # a share on a flow that is no choice says nothing


def test_two_elements_of_one_name_are_told_apart_by_identifier(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", a="task Call", b="task Call", e="endEvent"), flows("s > a > b > e"))
    refused(tmp_path, text, "2 of the diagram's elements are called 'Call'", "a, b", elements={"Call": {"work": "1 h"}})


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "salessim", *map(str, args)], capture_output=True, text=True, timeout=240)


def test_the_command(tmp_path: Path) -> None:
    diagram = write(tmp_path, process(nodes(s="startEvent", c="task Call", k="callActivity Credit", e="endEvent"), flows("s > c > k > e")))
    out = tmp_path / "scenario.yaml"
    no = run("import", "bpmn", diagram, "--out", out)
    assert (no.returncode, no.stdout, len(no.stderr.splitlines())) == (2, "", 1)
    assert "k 'Credit' (callActivity)" in no.stderr
    assert not out.exists()
    yes = run("import", "bpmn", diagram, "--out", out, "--approximate", "--json")
    assert yes.returncode == 0
    assert re.search(r"^changed: k 'Credit' \(callActivity\): ", yes.stderr, re.M)
    told = json.loads(yes.stdout)
    assert told["steps"] == 2
    assert {r["level"] for r in told["remarks"]} == {"changed", "assumed"}
    assert Scenario.load(out).hash == told["hash"]
    assert run("validate", out).returncode == 0
    over = run("import", "bpmn", diagram, "--out", diagram)
    assert over.returncode == 2
    assert "overwritten" in over.stderr
