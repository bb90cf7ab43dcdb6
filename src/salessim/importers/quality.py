"""What became of the rows of a log: every one that was dropped, repaired or is doubtful, counted with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from salessim.wording import counted

DROPPED, REPAIRED, DOUBTFUL = "dropped", "repaired", "doubtful"
KINDS = (DROPPED, REPAIRED, DOUBTFUL)
MOST_EXAMPLES, MOST_LISTED = 3, 20


@dataclass(frozen=True)
class Finding:
    """One reason, and how many rows it had."""

    kind: str
    what: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unmatched:
    """Keys of one table that join nothing."""

    what: str
    keys: tuple[str, ...]
    """All of them, in order."""

    def __str__(self) -> str:
        more = f" and {len(self.keys) - MOST_LISTED:,} more" if len(self.keys) > MOST_LISTED else ""
        return f"{len(self.keys):,} {self.what}: {', '.join(self.keys[:MOST_LISTED])}{more}"


class Tally:
    """Findings while they are made; the same reason adds up."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], list[str]] = {}
        self.unmatched: list[Unmatched] = []
        self.rows: dict[str, int] = {}
        """table -> its rows."""
        self._days: dict[str, set[int]] = {}

    def dropped(self, what: str, count: int = 1, example: str = "") -> None:
        """Rows, or parts of them, that the log lacks."""
        self._add(DROPPED, what, count, example)

    def repaired(self, what: str, count: int = 1, example: str = "") -> None:
        """Rows that are in the log otherwise than they were written."""
        self._add(REPAIRED, what, count, example)

    def doubtful(self, what: str, count: int = 1, example: str = "") -> None:
        """Rows that are in the log as they were written, though that is hard to believe, or of which something is not known."""
        self._add(DOUBTFUL, what, count, example)

    @property
    def has_days(self) -> bool:
        """Whether some dates have no time of day."""
        return bool(self._days)

    def without_time(self, column: str, place: str, rows: Iterable[int], example: str) -> None:
        """Dates of a column that are only days; each counts once, however often a mapping uses the column."""
        seen = self._days.setdefault(f"{place}: {column}", set())
        before = len(seen)
        seen.update(rows)
        self.doubtful(f"dates in column {column!r} have no time of day; the hour is not known", len(seen) - before, example)

    def _add(self, kind: str, what: str, count: int, example: str) -> None:
        count = int(count)
        if count:
            self._found[kind, what] = self._found.get((kind, what), 0) + count
            examples = self._examples.setdefault((kind, what), [])
            if example and len(examples) < MOST_EXAMPLES:
                examples.append(" ".join(example.split())[:120])

    def findings(self) -> tuple[Finding, ...]:
        """In the order of kinds, then as they were made."""
        return tuple(Finding(kind, what, n, tuple(self._examples[kind, what])) for wanted in KINDS for (kind, what), n in self._found.items() if kind == wanted)


@dataclass(frozen=True)
class Quality:
    """What became of the rows of a source."""

    source: str
    rows: int
    cases: int
    visits: int
    open_cases: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What else a reader must know before trusting the log."""
    unmatched: tuple[Unmatched, ...] = ()
    """What does not join."""
    tables: tuple[tuple[str, int], ...] = ()
    """Each table that was read and its rows."""

    @property
    def counts(self) -> Counter[str]:
        """Reason -> how many; 0 for a reason that did not occur."""
        return Counter({f.what: f.count for f in self.findings})

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.source}: {counted(self.rows, 'row')}, {counted(self.cases, 'case')} ({self.open_cases:,} still open), {counted(self.visits, 'visit')}"
        return [
            head,
            *(f"  {f.count:,} {f.what}" for f in self.findings),
            *(f"  {u}" for u in self.unmatched),
            *(f"  {note}" for note in self.notes),
        ]

    def to_json(self) -> dict[str, Any]:
        """For programs; keys that do not join are all listed."""
        return {
            "rows": self.rows, "cases": self.cases, "visits": self.visits, "open_cases": self.open_cases,
            "tables": dict(self.tables),
            "counts": dict(self.counts),
            "findings": [{"kind": f.kind, "what": f.what, "count": f.count, "examples": list(f.examples)} for f in self.findings],
            "unmatched": [{"what": u.what, "count": len(u.keys), "keys": list(u.keys)} for u in self.unmatched],
            "notes": list(self.notes),
        }  # fmt: skip

    def to_markdown(self) -> str:
        """A page to read before the log is trusted."""
        lines = [
            "# Data quality", "",
            f"Source: {_cell(self.source)}", "",
            "| | count |", "|---|---:|",
            *(f"| rows of {_cell(name)} | {rows:,} |" for name, rows in self.tables),
            f"| cases | {self.cases:,} |", f"| of them still open | {self.open_cases:,} |", f"| visits | {self.visits:,} |", "",
        ]  # fmt: skip
        for kind, meaning in zip(KINDS, ("what the log lacks", "what is in the log otherwise than it was written", "what is hard to believe or not known"), strict=True):
            found = [f for f in self.findings if f.kind == kind]
            lines += [f"## {kind.capitalize()}: {meaning}", ""]
            if found:
                lines += ["| count | reason | such as |", "|---:|---|---|"]
                lines += [f"| {f.count:,} | {_cell(f.what)} | {_cell('; '.join(f.examples))} |" for f in found]
            else:
                lines.append("Nothing.")
            lines.append("")
        if self.unmatched:
            lines += ["## What does not join", "", *(f"- {_cell(str(u))}" for u in self.unmatched), ""]
        if self.notes:
            lines += ["## Notes", "", *(f"- {_cell(n)}" for n in self.notes), ""]
        return "\n".join(lines)


def _cell(text: str) -> str:
    """Words of a file that no Markdown takes for its own."""
    flat = " ".join(text.split())
    for sign in "\\|`*_<>[]#":
        flat = flat.replace(sign, f"\\{sign}")
    return flat
