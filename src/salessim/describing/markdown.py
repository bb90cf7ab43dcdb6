"""Markdown that shows text as it is: escapes, code spans and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~$])")


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is: one line, no markup, no HTML, no cell borders.

    Example:
        >>> escape("a|b <script> *x*")
        'a\\|b \\<script\\> \\*x\\*'
    """
    text = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return re.sub(r"^(\d*)([#+.)-])(?=\s|$)", r"\1\\\2", text)


def code(text: str) -> str:
    """A formula as a code span, whatever backticks and borders it has."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max((len(m) for m in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """The lines of a table; an empty cell shows a dash."""
    yield f"\n| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell or '–' for cell in row)} |"
