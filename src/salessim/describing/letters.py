"""How wide text will be, and where it breaks: an estimate on the safe side, since the reader's font is not known."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

_NARROW, _WIDE = set("iIjl.,:;'|!()[]ft -/\\`"), set("mwMW@%–—GOQDHNUCA&")


def width(text: str, size: float) -> float:
    """Pixels that a line of text takes at most in the usual sans-serif fonts.

    Example:
        >>> width("报价", 10) > width("ab", 10)
        True
    """
    return size * sum(_letter(c) for c in text)


def _letter(c: str) -> float:
    if combining(c) or c in "\u200b\u200d\ufe0f":
        return 0.0
    if east_asian_width(c) in "WF":
        return 1.02
    return 0.36 if c in _NARROW else 0.86 if c in _WIDE else 0.62


def wrapped(text: str, room: float, size: float, most: int) -> list[str]:
    """Lines that fit into the room, broken at spaces and between full-width characters; the last is cut if need be.

    Args:
        text: one line of text.
        room: pixels.
        size: of the letters in pixels.
        most: lines.
    """
    done: list[str] = []
    line = ""
    for piece in _pieces(text):
        if line and width((line + piece).rstrip(), size) > room:
            done.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
        while width(line, size) > room and len(line) > 1:  # one word that is too long by itself
            cut = next(i for i in range(1, len(line) + 1) if width(line[: i + 1], size) > room or i == len(line))
            done.append(line[:cut])
            line = line[cut:]
    done = [d for d in [*done, line.rstrip()] if d] or [""]
    if len(done) <= most:
        return done
    last = done[most - 1]
    while last and width(last + "…", size) > room:
        last = last[:-1]
    return [*done[: most - 1], last.rstrip() + "…"]


def _pieces(text: str) -> list[str]:
    """What may not be broken: words with the space behind them, and single full-width characters."""
    pieces: list[str] = []
    word = ""
    for c in text:
        if east_asian_width(c) in "WF" and c not in "，。、；：）！？":
            pieces += [word] if word else []
            word = c
        elif word and east_asian_width(word[-1]) in "WF" and c not in "，。、；：）！？ ":
            pieces.append(word)
            word = c
        else:
            word += c
            if c == " ":
                pieces.append(word)
                word = ""
    return [*pieces, word] if word else pieces
