"""Hostile and broken XML: one line with place and remedy, at once, and nothing is fetched."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from salessim.errors import ScenarioError
from salessim.exchange import import_bpmn
from salessim.exchange.xml import MOST_ELEMENTS, parse_xml
from tests.bpmn_files import HEAD, element, flows, nodes, process, write

SIMPLE = process(nodes(s="startEvent", a="task Call", e="endEvent"), flows("s > a > e"))
BODY = SIMPLE.split("?>\n", 1)[1]


def refused(tmp_path: Path, data: str | bytes, *parts: str) -> str:
    path = tmp_path / "x.bpmn"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    begun = time.monotonic()
    with pytest.raises(ScenarioError) as wrong:
        import_bpmn(path)
    assert time.monotonic() - begun < 10
    said = str(wrong.value)
    assert "\n" not in said
    assert str(path) in said
    assert ";" in said
    for part in parts:
        assert part in said, said
    return said


def test_the_simple_one_is_read(tmp_path: Path) -> None:
    assert list(import_bpmn(write(tmp_path, SIMPLE)).scenario.steps) == ["Call"]


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden words")
    said = refused(tmp_path, f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file://{secret}">]>{BODY.replace("Call", "&x;")}', "DOCTYPE", ":1:")
    assert "hidden" not in said


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE d [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
        "<!DOCTYPE d [" + '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)) + "]>",
        '<!DOCTYPE d [<!ENTITY a "' + "x" * 50_000 + '">]>',
        "<!DOCTYPE definitions>",
    ],
    ids=["http", "external dtd", "parameter entity", "billion laughs", "quadratic blow-up", "bare"],
)
def test_doctypes_are_refused(tmp_path: Path, doctype: str) -> None:
    refused(tmp_path, f'<?xml version="1.0"?>{doctype}{BODY}', "DOCTYPE")


def test_nesting_is_bounded(tmp_path: Path) -> None:
    refused(tmp_path, HEAD + "<a>" * 10_000 + "</a>" * 10_000 + "</definitions>", "nesting")


def test_attributes_are_bounded(tmp_path: Path) -> None:
    refused(tmp_path, SIMPLE.replace('name="Call"', f'name="{"x" * 1_000_000}"'), "attributes")
    refused(tmp_path, SIMPLE.replace('name="Call"', " ".join(f'a{i}="1"' for i in range(500))), "attributes")


def test_comments_and_cdata_cost_no_more_than_their_length(tmp_path: Path) -> None:
    bomb = "a<!-- -->" * 500_000 + "<![CDATA[x]]>" * 200_000
    begun = time.monotonic()
    import_bpmn(write(tmp_path, SIMPLE.replace("</process>", f"<documentation>{bomb}</documentation></process>")))
    assert time.monotonic() - begun < 10


def test_size_and_number_are_bounded(tmp_path: Path) -> None:
    refused(tmp_path, HEAD + "<a/>" * (MOST_ELEMENTS + 1) + "</definitions>", "elements")
    path = tmp_path / "big.bpmn"
    with path.open("wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(ScenarioError, match="larger than"):
        import_bpmn(path)


def test_broken_files(tmp_path: Path) -> None:
    refused(tmp_path, SIMPLE.replace("</definitions>", ""), "no element found")
    refused(tmp_path, "", "empty")
    refused(tmp_path, b"\xff", "cannot be read")
    refused(tmp_path, "case,activity\n1,call\n", "cannot be read")
    refused(tmp_path, "<html/>", "not BPMN 2.0")
    with pytest.raises(ScenarioError, match="no such diagram"):
        import_bpmn(tmp_path / "none.bpmn")
    with pytest.raises(ScenarioError, match="a folder"):
        import_bpmn(tmp_path)


def test_encodings(tmp_path: Path) -> None:
    chinese = SIMPLE.replace("Call", "首次联系")
    path = tmp_path / "utf16.bpmn"
    path.write_bytes(chinese.replace("UTF-8", "UTF-16").encode("utf-16"))
    assert list(import_bpmn(path).scenario.steps) == ["首次联系"]
    refused(tmp_path, chinese.encode("gbk"), "UTF-8")  # says UTF-8, is not
    refused(tmp_path, chinese.replace("UTF-8", "GBK").encode("gbk"), "UTF-8")
    refused(tmp_path, chinese.replace("UTF-8", "no-such-code").encode(), "UTF-8")


def test_entities_in_values(tmp_path: Path) -> None:
    assert list(import_bpmn(write(tmp_path, SIMPLE.replace("Call", "A &lt;b&gt; &amp; &#99;"))).scenario.steps) == ["A <b> & c"]
    refused(tmp_path, SIMPLE.replace("Call", "&nbsp;"), "undefined entity")


def test_processing_instructions_and_xinclude(tmp_path: Path) -> None:
    refused(tmp_path, SIMPLE.replace("<definitions", '<?xml-stylesheet href="x.xsl" type="text/xsl"?><definitions', 1), "processing instruction")
    refused(tmp_path, SIMPLE.replace("<task", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/hostname" parse="text"/><task', 1), "XInclude")


def test_identifiers(tmp_path: Path) -> None:
    refused(tmp_path, SIMPLE.replace('id="e"', 'id="a"'), "'a' is used twice")
    refused(tmp_path, SIMPLE.replace('<task id="a"', "<task"), "no id")
    refused(tmp_path, SIMPLE.replace('targetRef="e"', 'targetRef="nowhere"'), "'nowhere'")
    refused(tmp_path, SIMPLE.replace('targetRef="e"', ""), "no target")


def test_a_gateway_that_nothing_follows(tmp_path: Path) -> None:
    refused(tmp_path, process(nodes(s="startEvent", g="exclusiveGateway split"), flows("s > g")), "nothing follows 'split' (g)", ":5:")


def test_what_no_case_comes_to_is_named(tmp_path: Path) -> None:
    found = import_bpmn(write(tmp_path, process(nodes(s="startEvent", a="task Call", e="endEvent", b="task Lost", c="task Island"), flows("s > a > e", "b > c"))))
    assert [r.element for r in found.remarks if "no case comes to it" in r.instead] == ["b", "c"]
    assert list(found.scenario.steps) == ["Call"]


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    text = process(nodes(s="startEvent", a="task Call", e="endEvent"), element("choreographyTask", "x", "Dance"), flows("s > a > e"))
    refused(tmp_path, text, "x 'Dance' (choreographyTask)", "--approximate")
    assert str(import_bpmn(write(tmp_path, text), approximate=True).remarks[0]) == "changed: x 'Dance' (choreographyTask): left out, for it is not known here"


def test_our_own_json_is_not_trusted(tmp_path: Path) -> None:
    for json in ("{", "[1]", '{"work": NaN}', "[" * 100_000):
        broken = SIMPLE.replace('name="Call">', f'name="Call"><extensionElements><salessim:step>{json}</salessim:step></extensionElements>')
        refused(tmp_path, broken, "<salessim:step>")
    broken = SIMPLE.replace('name="Call">', 'name="Call"><extensionElements><salessim:step>{"wrok": "3 min"}</salessim:step></extensionElements>')
    refused(tmp_path, broken, "wrok")


def test_text_outside_elements_is_not_kept() -> None:
    assert parse_xml(b"<a>x<b/>y</a>", "x").text == "xy"
