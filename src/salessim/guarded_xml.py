"""XML that may have been made to do harm: one pass of the standard library's expat with a guard at every door.

There is no DOCTYPE, so there are no entities of a file's own, and nothing outside is fetched; depth, attributes and their
letters are bounded. What an importer does not know it may skip; what is refused here is refused for every importer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from xml.parsers import expat

from salessim.errors import InputError

MOST_DEPTH, MOST_ATTRIBUTES, MOST_LETTERS = 100, 100, 1 << 16
"""Of elements within each other, of attributes of one element, and of letters of one attribute."""
XINCLUDE = "http://www.w3.org/2001/XInclude"
_SAVE = "save it as UTF-8 and say so in its first line"
_ENCODING = (expat.errors.XML_ERROR_UNKNOWN_ENCODING, expat.errors.XML_ERROR_INCORRECT_ENCODING, expat.errors.XML_ERROR_INVALID_TOKEN)


class GuardedXml(ABC):
    """One pass over one file; what is to be done with an element is for who inherits to say.

    Args:
        name: what messages call the file.
        what: what it is supposed to be, such as "diagram".
        error: the error to raise.
    """

    def __init__(self, name: str, what: str, error: type[InputError]) -> None:
        self.name, self.what, self.error = name, what, error
        self.depth = 0
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.ExternalEntityRefHandler = self._outside
        parser.ProcessingInstructionHandler = self._instruction

    @abstractmethod
    def opened(self, space: str, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    @abstractmethod
    def closed(self, tag: str) -> None:
        """An element ends."""

    def read(self, pieces: Iterable[bytes]) -> None:
        """Read a file in pieces, so that the bounds act early.

        Raises:
            InputError: of the kind asked for, with file, line and remedy.
        """
        try:
            for piece in pieces:
                self.parser.Parse(piece, False)
            self.parser.Parse(b"", True)
        except expat.ExpatError as wrong:
            said = expat.errors.messages.get(wrong.code, "not XML")
            remedy = _SAVE if said in _ENCODING else f"export the {self.what} again"
            raise self.error(f"{self.name}:{wrong.lineno}", f"the XML cannot be read ({said})", remedy) from None
        except (LookupError, UnicodeError, ValueError) as wrong:  # an encoding that Python does not know or that is no map of bytes
            raise self.error(f"{self.name}:1", f"the XML cannot be read ({str(wrong)[:80]})", _SAVE) from None

    def fail(self, problem: str, remedy: str) -> InputError:
        """An error at the line that is being read."""
        return self.error(f"{self.name}:{self.parser.CurrentLineNumber}", problem, remedy)

    def _doctype(self, *_: object) -> None:
        raise self.fail("a DOCTYPE or an entity is declared, which could fetch files or grow without end", f"remove the declaration; no {self.what} needs one")

    def _outside(self, *_: object) -> int:
        self._doctype()
        return 0  # never: nothing outside is read

    def _instruction(self, target: str, _: str) -> None:
        raise self.fail(f"there is a processing instruction ({target[:40]})", f"remove it; no {self.what} needs one")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if space == XINCLUDE:
            raise self.fail("XInclude would bring in another file", "put everything into one file")
        if self.depth >= MOST_DEPTH:
            raise self.fail(f"the nesting is deeper than {MOST_DEPTH}", f"check the file; no {self.what} is nested so deeply")
        if len(attributes) > MOST_ATTRIBUTES or any(len(v) > MOST_LETTERS for v in attributes.values()):
            raise self.fail(f"<{tag[:40]}> has too many or too long attributes", f"check the file; no {self.what} needs them")
        self.depth += 1
        self.opened(space, tag, attributes)

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.closed(name.rpartition(" ")[2])
