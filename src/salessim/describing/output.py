"""What `salessim describe` does with a description: print it, or write it to a file that does not exist yet."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from salessim.describing.describe import FORMATS, Writer
from salessim.describing.words import Language
from salessim.errors import InputError
from salessim.scenario.loader import write_whole

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def deliver(scenario: Scenario, form: str, language: Language, out: str | None, force: bool, more: Mapping[str, Writer]) -> None:
    """Describe a scenario on stdout or in a file.

    Args:
        scenario: what is described.
        form: a key of `FORMATS` or of `more`.
        language: "en" or "zh".
        out: the file, or None for stdout.
        force: write over a file that exists.
        more: forms that are written elsewhere.

    Raises:
        InputError: the file exists, or cannot be written.
    """
    if out is not None and not force and Path(out).exists():
        raise InputError(f"--out {out}", "the file exists", "give another file, or --force to write over it")
    text = (FORMATS | dict(more))[form](scenario, language)
    if out is not None:
        write_whole(out, text)
        return
    # Always UTF-8: a description in Chinese must survive a pipe, whatever the terminal.
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text)
    else:
        stream.write(text.encode("utf-8"))
        stream.flush()
