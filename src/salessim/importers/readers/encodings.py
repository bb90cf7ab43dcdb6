"""Which encoding a text is in, told from its bytes: UTF-8, UTF-16, GB 18030, Windows-1252 or a mixture of UTF-8 and the last."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from typing import IO

from salessim.errors import LogError
from salessim.importers.readers.packed import CHUNK

MOST_LINE = 1 << 20
"""Bytes of one line of a table of text."""
_SAMPLE = 32 * CHUNK
"""So much of a text that is not UTF-8 is looked at."""
_LONE = re.compile(rb"(?<=[A-Za-z])[\x80-\xff](?=[A-Za-z])")
"""One high byte inside a Latin word: an accented letter of Windows-1252, half a character of GB 18030."""
_HANZI = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]{2,}")
"""Chinese characters and punctuation stand in runs."""


@dataclass(frozen=True)
class Encoding:
    """How to decode a text, and what to call that."""

    codec: str
    said: str
    errors: str = "strict"
    strays: int = 0
    """Bytes that another encoding had to be taken for."""


def sniff(stream: IO[bytes], name: str) -> Encoding:
    """The encoding of a text, after one pass over it.

    Raises:
        LogError: the text is binary, damaged, empty, or a line of it has no end.
    """
    head = stream.read(CHUNK)
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise LogError(name, "the file is empty" if not head.strip() else "this is a binary file", "check that the export ended well")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _utf16("utf-16", head, stream, name)
    start = head[:4096]
    if b"\x00" in start:
        for odd, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
            if start[odd::2].count(0) > len(start) // 3:
                return _utf16(codec, head, stream, name)
        raise LogError(name, "this is a binary file", "give a CSV export")
    return _bytewise(head, stream, name)


def _bytewise(head: bytes, stream: IO[bytes], name: str) -> Encoding:
    """The encoding of a text without zero bytes; lines are counted on the way, for messages."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    line, tail, sample, unicode = 1, 0, bytearray(), True
    piece = head
    while piece:
        if b"\x00" in piece:
            raise LogError(f"{name}:{line + piece[: piece.index(0)].count(10)}", "there is a zero byte", "export the log again")
        ends = piece.count(b"\n") or piece.count(b"\r")
        tail = tail + len(piece) if not ends else len(piece) - 1 - max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        if tail > MOST_LINE:
            raise LogError(f"{name}:{line + ends}", f"a line is longer than {MOST_LINE >> 20} MiB", "export the log without its long texts")
        line += ends
        if len(sample) < _SAMPLE:
            sample += piece
        if unicode:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                unicode = False
        piece = stream.read(CHUNK)
    if unicode:
        try:
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            unicode = False
    return Encoding("utf-8-sig", "UTF-8") if unicode else _not_unicode(bytes(sample), name)


def _utf16(codec: str, head: bytes, stream: IO[bytes], name: str) -> Encoding:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    line, piece = 1, head
    while True:
        try:
            line += decoder.decode(piece, final=not piece).count("\n")
        except UnicodeDecodeError as wrong:
            line += bytes(wrong.object[: wrong.start]).decode(codec, "ignore").count("\n")
            raise LogError(f"{name}:{line}", "the UTF-16 text is damaged or cut short", "copy or export it again") from None
        if not piece:
            return Encoding(codec, "UTF-16")
        piece = stream.read(CHUNK)


def _not_unicode(data: bytes, name: str) -> Encoding:
    """GB 18030 takes nearly any bytes, so it must earn it: more common hanzi in company than lone high bytes in Latin words."""
    whole = data.decode("utf-8", "ignore")
    strays = len(data) - len(whole.encode())
    if len(whole.encode()) - len(whole) > strays:  # more letters beyond ASCII are well-formed than are not
        return Encoding("utf-8-sig", "UTF-8", "salessim-1252", strays)
    fits: dict[str, str] = {}
    for encoding, said in (("gb18030", "GB 18030"), ("cp1252", "Windows-1252")):
        try:
            fits[said] = data.decode(encoding)
        except UnicodeDecodeError:
            continue
    if not fits:
        raise LogError(name, "the encoding is none of UTF-8, UTF-16, GB 18030 and Windows-1252", "save it as UTF-8")
    if len(fits) == 2 and not _is_chinese(data, fits["GB 18030"]):
        del fits["GB 18030"]
    said = next(iter(fits))
    return Encoding("gb18030" if said == "GB 18030" else "cp1252", said, "replace")


def _is_chinese(data: bytes, text: str) -> bool:
    """Whether text decoded as GB 18030 is made of the characters that Chinese is written with."""
    foreign = sum(n for c, n in Counter(text).items() if c > "\x7f")
    common = sum(n for c, n in Counter("".join(_HANZI.findall(text))).items() if _is_common(c))
    return 2 * common > foreign and common > len(_LONE.findall(data))


def _is_common(char: str) -> bool:
    """Whether a character is punctuation or one of the 3,755 common hanzi: the rows 0xA1 to 0xD7 of GB 2312."""
    code = char.encode("gb18030")
    return len(code) == 2 and 0xA1 <= code[0] <= 0xD7 and code[1] >= 0xA1


def _as_1252(wrong: UnicodeError) -> tuple[str, int]:
    """What a codec does with bytes that are no UTF-8 among text that is."""
    assert isinstance(wrong, UnicodeDecodeError)
    return bytes(wrong.object[wrong.start : wrong.end]).decode("cp1252", "replace"), wrong.end


codecs.register_error("salessim-1252", _as_1252)
