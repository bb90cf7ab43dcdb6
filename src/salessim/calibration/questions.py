"""Questions that may tell the visits of a log apart: about a case's past, and about what it knows of itself when it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_PER_STATE = 80
"""Visits a state needs."""
MOST_KINDS = 8
"""Channels that are asked about, the most frequent ones, and segments that a log may have."""
VALUED = 0.95
"""Of the cases must have a value before it is asked about: one that only some cases get says what has become of them."""
PARTS = (0.25, 0.5, 0.75, 0.9)
"""Quantiles of waits, ages and values at which questions may cut, and of the time to what follows."""
FINER = 20
"""Cuts that are tried around one that pays."""
NOBODY = -1


class Journey(Protocol):
    """A case as a sequence of visits, the arrival ("") first."""

    @property
    def steps(self) -> list[str]:
        """Activities."""

    @property
    def reached(self) -> Any:
        """Seconds since 1970, [visits]."""

    @property
    def left(self) -> Any:
        """The same, NaN while the visit is under way."""

    @property
    def gave_up(self) -> list[bool]:
        """Whether the case left before the visit began."""

    @property
    def ending(self) -> str:
        """How the case ended; "open" if it has not."""

    @property
    def channel(self) -> str:
        """Through which the case came."""

    @property
    def segment(self) -> str:
        """Of its customer."""

    @property
    def value(self) -> float:
        """What the case is worth; 0 if that is not known."""


@dataclass(frozen=True)
class Question:
    """About the past of a visit.

    Args:
        about: "again" (here before at least so often), "after" and "before that" (the activity before and the one
            before it), "passed" (ever), "waited" and "age" (longer than so many seconds), or about the case: its
            "channel", its "segment", its "value" (above).
        name: of the activity, channel or segment asked about.
        least: visits, seconds or money; of the last two, a figure that can be said.
    """

    about: str
    name: str = ""
    least: float = 0.0

    @property
    def of_case(self) -> bool:
        """Whether a case knows the answer by itself when it comes, so that those before the visit need not carry it along."""
        return self.about in ("channel", "segment", "value", "age")

    def words(self, say: Callable[[float], str]) -> str:
        """For names of steps."""
        match self.about:
            case "again":
                return "2nd time on" if self.least == 1 else "3rd time on"
            case "after":
                return f"after {self.name}" if self.name else "first"
            case "before that":
                return f"soon after {self.name}" if self.name else "second"
            case "passed":
                return f"once {self.name}"
            case "waited":
                return f"after {say(self.least)}"
            case "channel":
                return f"from {self.name}"
            case "segment":
                return self.name
            case "value":
                return f"above {self.least:,.0f}"
            case _:
                return f"older than {say(self.least)}"


Answers = tuple[tuple[Question, bool], ...]
"""Questions, and whether each is answered with yes."""


class Visits:
    """The visits of all cases in columns, and their past."""

    def __init__(self, cases: Sequence[Journey], asked: dict[str, int]) -> None:
        self.asked = asked
        self.names = sorted({step for case in cases for step in case.steps})
        number = {name: k for k, name in enumerate(self.names)}
        rows: list[tuple[int, int, int, int, int]] = []
        waited: list[float] = []
        age: list[float] = []
        self.first = np.cumsum([0, *(len(case.steps) for case in cases)])
        for case in cases:
            seen: Counter[str] = Counter()
            before, earlier, passed = NOBODY, NOBODY, 0
            for i, step in enumerate(case.steps):
                rows.append((number[step], before, earlier, seen[step], passed))
                waited.append(case.reached[i] - case.left[i - 1] if i else 0.0)
                age.append(case.reached[i] - case.reached[0])
                seen[step] += 1
                before, earlier = asked.get(step, len(asked)), before
                if step in asked:
                    passed |= 1 << asked[step]
        table = np.array([row[:4] for row in rows], np.int64).reshape(-1, 4)
        self.step, self.before, self.earlier, self.again = table.T
        self.passed = np.array([row[4] for row in rows], np.uint64)
        self.waited, self.age = np.nan_to_num(np.array(waited)), np.nan_to_num(np.array(age))
        self.case = np.repeat(np.arange(len(cases)), np.diff(self.first))
        self.channel = np.array([case.channel for case in cases], object)
        self.segment = np.array([case.segment for case in cases], object)
        self.value = np.array([case.value for case in cases], float)

    def answers(self, question: Question, rows: Any) -> NDArray[np.bool_]:
        """One for each of some visits."""
        code = self.asked.get(question.name, NOBODY)
        result: NDArray[np.bool_]
        match question.about:
            case "again":
                result = self.again[rows] >= question.least
            case "after":
                result = self.before[rows] == code
            case "before that":
                result = self.earlier[rows] == code
            case "passed":
                result = (self.passed[rows] >> np.uint64(code)) & np.uint64(1) == 1
            case "channel":
                result = self.channel[self.case[rows]] == question.name
            case "segment":
                result = self.segment[self.case[rows]] == question.name
            case _:
                result = self._figures(question.about)[rows] > question.least
        return result

    def of_past(self, rows: Any) -> list[Question]:
        """Those about the past that could tell some visits apart."""
        found = [Question("again", least=n) for n in (1, 2)]
        named = list(self.asked)
        for about, column in (("after", self.before), ("before that", self.earlier)):
            counts = np.bincount(column[rows][column[rows] >= 0], minlength=len(named) + 1)
            found += [Question(about, named[k]) for k in range(len(named)) if LEAST_PER_STATE <= counts[k] <= len(rows) - LEAST_PER_STATE]
        found += [Question("passed", name) for name in named if name]
        return found + self._above("waited", rows)

    def of_case(self, rows: Any) -> list[Question]:
        """Those about the cases themselves, age apart, that could tell some visits apart."""
        found = []
        for about, kinds in (("channel", self.channel), ("segment", self.segment)):
            counts = Counter(kinds[self.case[rows]].tolist())
            usual = sorted(counts, key=lambda kind: (-counts[kind], kind))
            if about == "channel" or len(set(kinds.tolist())) <= MOST_KINDS:
                found += [Question(about, kind) for kind in usual[:MOST_KINDS] if LEAST_PER_STATE <= counts[kind] <= len(rows) - LEAST_PER_STATE]
        return found + (self._above("value", rows) if np.mean(self.value > 0) >= VALUED else [])

    def of_age(self, rows: Any) -> list[Question]:
        """Those about how long the cases have been here."""
        return self._above("age", rows)

    def closer(self, question: Question, rows: Any, width: float) -> list[Question]:
        """Cuts on either side of that of a question: coarse ones find that a figure matters, finer ones which.

        Args:
            question: to be told more closely; none where it is not about a figure.
            rows: visits.
            width: up to which share of them on either side.
        """
        if question.about not in ("waited", "value", "age"):
            return []
        middle = float(np.mean(self._figures(question.about)[rows] <= question.least))
        return self._above(question.about, rows, np.clip(middle + width * np.linspace(-1, 1, FINER), 0, 1))

    def _above(self, about: str, rows: Any, parts: Any = PARTS) -> list[Question]:
        """Questions whether a figure is above one of its quantiles."""
        cuts = sorted({said(float(x), about) for x in np.quantile(self._figures(about)[rows], parts)})
        return [Question(about, least=cut) for cut in cuts if cut > 0]

    def _figures(self, about: str) -> Any:
        """Of every visit."""
        return self.value[self.case] if about == "value" else self.waited if about == "waited" else self.age


def said(x: float, about: str) -> float:
    """A figure as it can be said: two digits, of times in their unit, so that a rule of 30 days is not one of 29.98.

    Example:
        >>> said(2_590_000.0, "age") / 86_400
        30.0
    """
    unit = 1.0 if about == "value" else next((size for size in (86_400.0, 3600.0, 60.0) if x >= size), 1.0)
    return float(f"{x / unit:.2g}") * unit
