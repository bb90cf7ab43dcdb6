"""XML, restricted: a tree of elements from a file that may have been made to do harm.

The standard library's expat does the reading. There is no DOCTYPE, so there are no entities of a file's own, nothing
outside is fetched, and depth, size and numbers are bounded. What an importer does not know it may skip; what this
module refuses is refused for every importer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from salessim.errors import InputError, ScenarioError
from salessim.scenario.yaml import read_bytes

MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS = 1 << 24, 100, 200_000
MOST_ATTRIBUTES, MOST_LETTERS = 100, 1 << 16
"""Attributes of one element, and letters of one attribute."""
_SAVE = "save it as UTF-8 and say so in its first line"
_ENCODING = (expat.errors.XML_ERROR_UNKNOWN_ENCODING, expat.errors.XML_ERROR_INCORRECT_ENCODING, expat.errors.XML_ERROR_INVALID_TOKEN)
XINCLUDE = "http://www.w3.org/2001/XInclude"


@dataclass(slots=True)
class Element:
    """One element: its namespace and name, its attributes without theirs, what is in it, and its line."""

    space: str
    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""
    foreign: tuple[str, ...] = ()
    """Namespaces of its attributes that have one."""

    def get(self, name: str) -> str | None:
        """An attribute that is not empty."""
        return self.attributes.get(name) or None

    def all(self, tag: str, space: str | None = None) -> Iterator[Element]:
        """Children of a name, in this element's namespace if no other is given."""
        wanted = self.space if space is None else space
        return (child for child in self.children if child.tag == tag and child.space == wanted)

    def first(self, tag: str, space: str | None = None) -> Element | None:
        """The first child of a name."""
        return next(self.all(tag, space), None)


def read_xml(path: str | Path) -> Element:
    """The root element of an XML file.

    Raises:
        ScenarioError: with file, line and remedy; also for everything that only an attack needs.
    """
    try:
        data = read_bytes(path, "diagram", MOST_BYTES)
    except InputError as wrong:
        raise ScenarioError(wrong.place, wrong.problem, wrong.remedy) from None
    return parse_xml(data, str(path))


def parse_xml(data: bytes, name: str) -> Element:
    """The root element of XML data; `name` is what messages call it.

    Example:
        >>> parse_xml(b"<a b='1'><c/></a>", "x.xml").children[0].tag
        'c'
    """
    return _Reading(name).read(data)


class _Reading:
    """One pass of expat over one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        self.root: Element | None = None
        self.open: list[Element] = []
        self.pieces: list[list[str]] = []
        self.count = 0
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.letters
        parser.StartDoctypeDeclHandler = self.doctype
        parser.EntityDeclHandler = self.doctype
        parser.ExternalEntityRefHandler = self.outside
        parser.ProcessingInstructionHandler = self.instruction

    def read(self, data: bytes) -> Element:
        try:
            for at in range(0, len(data), 1 << 16):  # in pieces, so that the bounds act early
                self.parser.Parse(data[at : at + (1 << 16)], False)
            self.parser.Parse(b"", True)
        except expat.ExpatError as wrong:
            said = expat.errors.messages.get(wrong.code, "not XML")
            remedy = _SAVE if said in _ENCODING else "export the diagram again"
            raise ScenarioError(f"{self.name}:{wrong.lineno}", f"the XML cannot be read ({said})", remedy) from None
        except (LookupError, UnicodeError, ValueError) as wrong:  # an encoding that Python does not know or that is no map of bytes
            raise ScenarioError(f"{self.name}:1", f"the XML cannot be read ({str(wrong)[:80]})", _SAVE) from None
        assert self.root is not None
        return self.root

    def fail(self, problem: str, remedy: str) -> ScenarioError:
        return ScenarioError(f"{self.name}:{self.parser.CurrentLineNumber}", problem, remedy)

    def doctype(self, *_: object) -> None:
        raise self.fail("a DOCTYPE or an entity is declared, which could fetch files or grow without end", "remove the declaration; no diagram needs one")

    def outside(self, *_: object) -> int:
        self.doctype()
        return 0  # never: nothing outside is read

    def instruction(self, target: str, _: str) -> None:
        raise self.fail(f"there is a processing instruction ({target[:40]})", "remove it; no diagram needs one")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        self.count += 1
        if space == XINCLUDE:
            raise self.fail("XInclude would bring in another file", "put everything into one file")
        if len(self.open) >= MOST_DEPTH:
            raise self.fail(f"the nesting is deeper than {MOST_DEPTH}", "check the file; no diagram is nested so deeply")
        if self.count > MOST_ELEMENTS:
            raise self.fail(f"there are more than {MOST_ELEMENTS} elements", "split the diagram")
        if len(attributes) > MOST_ATTRIBUTES or any(len(v) > MOST_LETTERS for v in attributes.values()):
            raise self.fail(f"<{tag[:40]}> has too many or too long attributes", "check the file; no diagram needs them")
        own = {key: value for key, value in attributes.items() if " " not in key}  # which others of the same name do not hide
        others = {key.rpartition(" ")[2]: value for key, value in attributes.items() if " " in key}
        element = Element(space, tag, {**others, **own}, self.parser.CurrentLineNumber, foreign=tuple(sorted({key.rpartition(" ")[0] for key in attributes if " " in key})))
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.pieces.append([])

    def end(self, _: str) -> None:
        self.open.pop().text = "".join(self.pieces.pop())

    def letters(self, text: str) -> None:
        if self.pieces:
            self.pieces[-1].append(text)
