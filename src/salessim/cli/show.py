"""What every command prints with: tables, JSON, numbers, and a bar for what takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click


class Progress:
    """A bar on stderr for what takes longer than two seconds; nothing when quiet or piped."""

    def __init__(self, what: str, quiet: bool) -> None:
        import time

        self.what, self.quiet, self.begun = what, quiet or not sys.stderr.isatty(), time.monotonic()
        self.bar: Any = None
        self.clock: Callable[[], float] = time.monotonic
        self.task: Any = None

    def __call__(self, done: int, planned: int) -> None:
        """So much is done of what is planned."""
        if self.quiet or (self.bar is None and self.clock() - self.begun < 1):
            return
        if self.bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task(self.what, total=planned)
        self.bar.update(self.task, completed=done)

    def say(self, words: str) -> None:
        """What stands before the bar from now on."""
        self.what = words
        if self.bar is not None:
            self.bar.update(self.task, description=words)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def json_text(data: Any) -> str:
    """The same data give the same text."""
    import json

    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)


def print_json(data: Any) -> None:
    """Data on stdout."""
    click.echo(json_text(data))


def number(value: float) -> str:
    """A figure with two decimals or three significant digits; a dash for one that does not exist."""
    import math

    if not math.isfinite(value):
        return "–"
    size = abs(value) if abs(value) >= 1e-9 else 0.0  # what is left over of a difference of equals
    value = value if size else 0.0
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}" if size >= 1 or size == 0 else f"{value:.3g}"


def signed(value: float) -> str:
    """A change with its sign."""
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    return ("-" if value <= -1e-9 else "+") + number(abs(value))


def table(head: list[str], rows: list[list[str]], right: int = 1) -> None:
    """Columns aligned; plain text, so that it can be piped."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)

    widths = [max(width(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            (t + " " * (widths[i] - width(t))) if i < right or i == len(row) - 1 else (" " * (widths[i] - width(t)) + t)
            for i, t in enumerate(row)
        ]
        click.echo("  ".join(cells).rstrip())


