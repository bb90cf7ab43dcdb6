"""Small BPMN files, written element by element."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:salessim="urn:salessim:1" targetNamespace="t">\n'


def element(tag: str, ident: str, name: str = "", inner: str = "", **attributes: str) -> str:
    """One element with an id, a name and what is in it."""
    more = "".join(f" {k}={quoteattr(v)}" for k, v in attributes.items())
    called = f" name={quoteattr(name)}" if name else ""
    return f"<{tag} id={quoteattr(ident)}{called}{more}>{inner}</{tag}>\n"


def flows(*ways: str) -> str:
    """Sequence flows from "a > b > c" and "a > b : name"; their ids are "a_b"."""
    text = ""
    for way in ways:
        path, _, name = (w.strip() for w in way.partition(":"))
        nodes = [n.strip() for n in path.split(">")]
        text += "".join(element("sequenceFlow", f"{a}_{b}", name, sourceRef=a, targetRef=b) for a, b in itertools.pairwise(nodes))
    return text


def nodes(**tags: str) -> str:
    """Elements by id: "task", "exclusiveGateway", ...; a word behind the tag is the name."""
    return "".join(element(tag.split(" ", 1)[0], ident, tag.partition(" ")[2]) for ident, tag in tags.items())


def process(*parts: str, ident: str = "P", name: str = "") -> str:
    """A whole file with one process."""
    return f"{HEAD}{element('process', ident, name, chr(10) + ''.join(parts))}</definitions>\n"


def write(folder: Path, text: str, name: str = "diagram.bpmn") -> Path:
    """The file of a text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def timer(duration: str) -> str:
    """A timer definition."""
    return f"<timerEventDefinition><timeDuration>{escape(duration)}</timeDuration></timerEventDefinition>"


MESSAGE = "<messageEventDefinition/>"
ERROR = "<errorEventDefinition/>"
TERMINATE = "<terminateEventDefinition/>"
