"""XML, restricted: a tree of elements from a file that may have been made to do harm.

`guarded_xml` does the reading and refuses what could do harm; here size and numbers are bounded as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from salessim.errors import InputError, ScenarioError
from salessim.guarded_xml import GuardedXml
from salessim.scenario.yaml import read_bytes

MOST_BYTES, MOST_ELEMENTS = 1 << 24, 200_000


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
    return _Reading(name).tree(data)


class _Reading(GuardedXml):
    """A tree grows from one pass over one file."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "diagram", ScenarioError)
        self.root: Element | None = None
        self.open: list[Element] = []
        self.pieces: list[list[str]] = []
        self.count = 0
        self.parser.CharacterDataHandler = self.letters

    def tree(self, data: bytes) -> Element:
        self.read(data[at : at + (1 << 16)] for at in range(0, len(data), 1 << 16))
        assert self.root is not None
        return self.root

    def opened(self, space: str, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise self.fail(f"there are more than {MOST_ELEMENTS} elements", "split the diagram")
        own = {key: value for key, value in attributes.items() if " " not in key}  # which others of the same name do not hide
        others = {key.rpartition(" ")[2]: value for key, value in attributes.items() if " " in key}
        element = Element(space, tag, {**others, **own}, self.parser.CurrentLineNumber, foreign=tuple(sorted({key.rpartition(" ")[0] for key in attributes if " " in key})))
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.pieces.append([])

    def closed(self, tag: str) -> None:
        self.open.pop().text = "".join(self.pieces.pop())

    def letters(self, text: str) -> None:
        if self.pieces:
            self.pieces[-1].append(text)
