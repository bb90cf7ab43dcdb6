"""Diagrams as other tools write them: each element is expressed, or named, or the file is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from salessim.errors import ScenarioError
from salessim.exchange import Imported, import_bpmn
from salessim.scenario.loader import to_data
from tests.bpmn_files import ERROR, HEAD, MESSAGE, element, flows, nodes, process, timer, write

PLAIN = process(nodes(s="startEvent", a="userTask Call", g="exclusiveGateway", e="endEvent", x="endEvent X"), flows("s > a > g > e : 70 %", "g > x : 30 %"))
S = "startEvent"


def read(folder: Path, text: str, approximate: bool = False, **parameters: Any) -> Imported:
    return import_bpmn(write(folder, text), parameters or None, approximate=approximate)


def remarks(found: Imported) -> set[tuple[str, str, str]]:
    return {(r.level, r.element, r.kind) for r in found.remarks if r.level != "assumed"}


@pytest.mark.parametrize("prefix", ["bpmn", "bpmn2", "semantic", "model", ""])
def test_prefixes_do_not_matter(tmp_path: Path, prefix: str) -> None:
    text = PLAIN
    if prefix:
        for tag in ("definitions", "process", "startEvent", "userTask", "exclusiveGateway", "endEvent", "sequenceFlow"):
            text = text.replace(f"<{tag} ", f"<{prefix}:{tag} ").replace(f"</{tag}>", f"</{prefix}:{tag}>")
        text = text.replace("xmlns=", f"xmlns:{prefix}=")
    assert read(tmp_path, text).scenario.hash == read(tmp_path, PLAIN).scenario.hash


@pytest.mark.parametrize("space", ["", 'xmlns="http://schema.omg.org/spec/BPMN/1.2"', 'xmlns="http://www.wfmc.org/2008/XPDL2.1"'])
def test_other_languages_are_refused(tmp_path: Path, space: str) -> None:
    with pytest.raises(ScenarioError, match=r"not BPMN 2\.0; export"):
        read(tmp_path, PLAIN.replace('xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"', space))


def test_extensions_of_vendors_are_counted_and_hide_nothing(tmp_path: Path) -> None:
    text = PLAIN.replace("<definitions ", '<definitions xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:signavio="http://www.signavio.com" ')
    text = text.replace('<userTask id="a"', '<userTask camunda:id="b" signavio:name="Other" camunda:assignee="joe" id="a"')
    text = text.replace('name="Call">', 'name="Call"><extensionElements><signavio:signavioMetaData metaKey="k"/><camunda:formData><camunda:formField id="f"/></camunda:formData></extensionElements>')
    found = read(tmp_path, text)
    assert list(found.scenario.steps) == ["Call"]
    assert remarks(found) == {("differs", "http://camunda.org/schema/1.0/bpmn", "vendor extension"), ("differs", "http://www.signavio.com", "vendor extension")}


@pytest.mark.parametrize(
    "more",
    [nodes(a="task Again"), '<textAnnotation id="a"/>', element("laneSet", "a", "", ""), '<dataObject id="g"/>', element("sequenceFlow", "a", sourceRef="a", targetRef="e")],
)
def test_an_id_that_two_have_is_refused(tmp_path: Path, more: str) -> None:
    with pytest.raises(ScenarioError, match=r":\d+: the id '[ag]' is used twice; give each element its own"):
        read(tmp_path, PLAIN.replace("</process>", f"{more}</process>"))


def test_timers_that_start_cases(tmp_path: Path) -> None:
    def start(text: str) -> str:
        return process(element(S, "s", "Monday", timer(text).replace("timeDuration", "timeCycle")), nodes(a="serviceTask A", e="endEvent"), flows("s > a > e"))

    found = read(tmp_path, start("R/P3DT12H"))
    assert to_data(found.scenario)["channels"]["Monday"]["arrivals"] == {"rate": "2 per week"}
    assert remarks(found) == {("differs", "s", "timer start")}
    assert ("differs", "s", "timer start") in remarks(read(tmp_path, start("0 0 9 * * MON")))  # an assumption stands in for it


def test_conditions_that_are_formulas_of_known_attributes(tmp_path: Path) -> None:
    def text(condition: str) -> str:
        ways = f'<sequenceFlow id="f1" sourceRef="g" targetRef="b"><conditionExpression>{condition}</conditionExpression></sequenceFlow>'
        return process(nodes(s=S, a="task A", g="exclusiveGateway", b="task B", e="endEvent"), ways, flows("s > a > g > e", "b > e"))

    amount = {"attributes": {"amount": {"starts": {"law": "uniform", "low": 0, "high": 1}}}}
    for said in ("amount &gt; 0.25", "${amount &gt; 0.25}", "=amount &gt; 0.25", "#{ amount &gt; 0.25 }"):
        found = read(tmp_path, text(said), **amount)
        assert [str(r.when.text) for r in found.scenario.steps["A"].then if r.when] == ["amount > 0.25"]
    for said in ("${price &gt; 3}", "approved", "${order.total() == 1}"):
        found = read(tmp_path, text(said), **amount)
        told = next(r for r in found.remarks if r.element == "g")
        assert said.replace("&gt;", ">") in told.instead
        assert told.level == "assumed"


def test_compensation_is_named_with_its_edge(tmp_path: Path) -> None:
    drawing = nodes(s=S, a="userTask A", e="endEvent") + element("task", "u", "Undo", isForCompensation="true") + element("boundaryEvent", "b", "", "<compensateEventDefinition/>", attachedToRef="a")
    with pytest.raises(ScenarioError, match=r"b \(boundary compensate\).*u 'Undo' \(compensation\)"):
        read(tmp_path, process(drawing, '<association id="q" sourceRef="b" targetRef="u"/>', flows("s > a > e")))


@pytest.mark.parametrize("what", ["cancel", "escalation", "error"])
def test_what_leaves_a_subprocess_at_its_edge(tmp_path: Path, what: str) -> None:
    inner = nodes(si=S, i="task I", g="exclusiveGateway", ei="endEvent") + element("endEvent", "et", "stop", f"<{what}EventDefinition/>") + flows("si > i > g > ei", "g > et : 25 %")
    drawing = nodes(s=S, b="task B", c="task C", e="endEvent") + element("transaction", "p", "Tx", inner) + element("boundaryEvent", "x", "", f"<{what}EventDefinition/>", attachedToRef="p")
    found = read(tmp_path, process(drawing, flows("s > p > b > e", "x > c > e")))
    assert [(r.to, r.share) for r in found.scenario.steps["I"].then] == [("C", 0.25), ("B", None)]
    assert remarks(found) == {("differs", "p", "transaction")}


def test_a_called_process_of_the_same_file_takes_the_place_of_the_call(tmp_path: Path) -> None:
    called = element("process", "credit", "Credit check", nodes(cs=S, ca="serviceTask Score", ce="endEvent") + flows("cs > ca > ce"))
    main = element("process", "main", "", nodes(s=S, e="endEvent") + element("callActivity", "c", "Check", calledElement="credit") + flows("s > c > e"))
    found = read(tmp_path, f"{HEAD}{called}{main}</definitions>")
    assert list(found.scenario.steps) == ["Score"]
    assert found.scenario.stage_of("Score") == "Check"
    assert remarks(found) == set()
    twice = main.replace("s_c", "s_c2").replace('targetRef="e"', 'targetRef="d"').replace("</process>", element("callActivity", "d", "Again", calledElement="credit") + flows("d > e") + "</process>")
    with pytest.raises(ScenarioError, match=r"d 'Again' \(callActivity\)"):
        read(tmp_path, f"{HEAD}{called}{twice}</definitions>")


def test_pools_and_papers_are_named(tmp_path: Path) -> None:
    pools = element("collaboration", "k", "", element("participant", "p1", "We", processRef="P") + element("participant", "p2", "Customer") + element("messageFlow", "m", "order", sourceRef="p2", targetRef="a"))
    papers = '<textAnnotation id="t"><text>Fast!</text></textAnnotation><association id="q" sourceRef="a" targetRef="t"/><dataObject id="d"/><dataObjectReference id="dr" dataObjectRef="d" name="Order"/><dataStoreReference id="ds"/><group id="gr"/>'
    found = read(tmp_path, PLAIN.replace("<process", f"{pools}<process").replace("</process>", f"{papers}</process>"))
    assert remarks(found) == {
        ("differs", "p2", "participant"), ("differs", "1 message flows", "messageFlow"), ("differs", "t", "textAnnotation"), ("differs", "dr", "dataObjectReference"),
        ("differs", "ds", "dataStoreReference"), ("differs", "gr", "group"),
    }  # fmt: skip
    assert next(r.name for r in found.remarks if r.element == "t") == "Fast!"


@pytest.mark.parametrize(
    ("drawing", "ways", "wanted"),
    [
        (element("intermediateCatchEvent", "m", "M", MESSAGE + timer("P1D"), parallelMultiple="true"), "s > m > e", ("differs", "m", "multiple event")),
        (element("eventBasedGateway", "r", "", eventGatewayType="Parallel") + element("intermediateCatchEvent", "m", "M", MESSAGE), "s > r > m > e", ("changed", "r", "eventBasedGateway")),
        (element("userTask", "m", "M", '<potentialOwner id="po"/>'), "s > m > e", ("differs", "m", "potentialOwner")),
        (element("task", "m") + element("laneSet", "L", "", element("lane", "l", "Sales", "<flowNodeRef>zz</flowNodeRef>")), "s > m > e", ("differs", "zz", "flowNodeRef")),
        (element("subProcess", "m", "Sub", nodes(si=S, i="task", ei="endEvent") + element("endEvent", "t", "stop", "<terminateEventDefinition/>") + nodes(g="exclusiveGateway") + flows("si > i > g > ei", "g > t")), "s > m > e",
         ("differs", "t", "terminate in a subprocess")),
    ],
    ids=["multiple", "parallel events", "owner", "lane", "terminate"],
)  # fmt: skip
def test_what_is_not_quite_as_drawn_is_named(tmp_path: Path, drawing: str, ways: str, wanted: tuple[str, str, str]) -> None:
    text = process(nodes(s=S, e="endEvent"), drawing, flows(ways))
    assert wanted in remarks(read(tmp_path, text, approximate=True))


def test_an_event_on_the_edge_of_no_activity_is_refused(tmp_path: Path) -> None:
    text = PLAIN.replace("</process>", element("boundaryEvent", "b", "late", ERROR, attachedToRef="g") + flows("b > x") + "</process>")
    with pytest.raises(ScenarioError, match=r"'late' \(b\) stands on 'g' \(exclusiveGateway\), which is no activity; put it on an activity"):
        read(tmp_path, text)


def test_branches_may_share_the_end_at_which_a_case_is_lost(tmp_path: Path) -> None:
    drawing = nodes(s=S, f="parallelGateway", a="task A", b="task B", g="exclusiveGateway", h="exclusiveGateway", j="parallelGateway", e="endEvent") + element("endEvent", "x", "refused", ERROR)
    found = read(tmp_path, process(drawing, flows("s > f > a > g > j > e", "f > b > h > j", "g > x : 10 %", "h > x : 20 %")))
    assert [{r.lost for r in found.scenario.steps[n].then} for n in "AB"] == [{"refused", None}] * 2
