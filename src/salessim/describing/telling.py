"""Numbers, times, laws and names of a scenario in the words of a language.

A `Teller` knows the scenario, the language and how the place it writes for escapes text that people wrote; it is the
one way in which that text gets into a description.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from salessim.describing.formula import told
from salessim.describing.terms import FORMULA, TERMS
from salessim.describing.words import WORDS, Language
from salessim.scenario.calendars import DAYS, MONTHS, weekdays
from salessim.scenario.model import ALWAYS, REST
from salessim.units import DAY, HOUR, MINUTE, MONTH, SECOND, WEEK, YEAR, Amount, Frequency, Pay, cost_rate, duration, half_width, quantity, rate
from salessim.wording import rounded

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step

_TIMES = (("year", YEAR), ("month", MONTH), ("week", WEEK), ("day", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND), ("ms", 1000), ("us", 1))
_MANY = {"year", "month", "week", "day"}
_PIECES = re.compile(r"([+-]?\d[\d.,_ ]*(?:[eE][+-]?\d+)?)\s*([^\W\d_]+)")
LOW, HIGH = 0.1, 0.9
"""The quantiles between which a value usually lies."""


def plain_text(text: str) -> str:
    """Text on one line, as it is."""
    return " ".join(text.split())


def code_text(text: str) -> str:
    """A formula where nothing needs to be escaped."""
    return " ".join(text.split())


def unit_for(ticks: float, hours: bool) -> tuple[str, int]:
    """The unit a reader expects for a time: minutes below two hours, hours below two days, then days.

    Args:
        ticks: the time.
        hours: work is told in hours however long it is: a day of work is not a day of the calendar.
    """
    if ticks >= 2 * YEAR and not hours:
        return "year", YEAR
    if ticks >= 2 * DAY and not hours:
        return "day", DAY
    if ticks >= 0.999 * 2 * HOUR or (ticks >= HOUR and ticks % (HOUR // 2) == 0):
        return ("day", DAY) if not hours and ticks >= DAY and ticks % DAY == 0 else ("h", HOUR)
    if ticks >= MINUTE or ticks == 0:
        return "min", MINUTE
    return next((n, t) for n, t in (("s", SECOND), ("ms", 1000), ("us", 1)) if ticks >= t or t == 1)


@dataclass(frozen=True)
class Teller:
    """Says things about a scenario in a language.

    Args:
        scenario: what is described.
        language: "en" or "zh".
        own: escapes text from the scenario (names, titles, reasons).
        code: escapes formulas, which are shown as written.
    """

    scenario: Scenario
    language: Language = "en"
    own: Callable[[str], str] = field(default=plain_text)
    code: Callable[[str], str] = field(default=code_text)

    @cached_property
    def words(self) -> dict[str, str]:
        """The fixed words."""
        return WORDS[self.language]

    @property
    def code_is_english(self) -> bool:
        """Whether formulas and fields are shown as written, since the language has no words of its own for them."""
        return not TERMS[self.language]

    def __call__(self, key: str, **values: Any) -> str:
        """A fixed phrase with values in its places."""
        return self.words[key].format(colon=self.words["colon"], **values) if values else self.words[key]

    # --- lists ---

    def listed(self, items: Iterable[str]) -> str:
        """Items one after the other."""
        return self("comma").join(items)

    def clauses(self, items: Iterable[str | None]) -> str | None:
        """What there is to say, part by part; None if there is nothing."""
        said = [i for i in items if i]
        return self("semicolon").join(said) if said else None

    # --- names ---

    def title(self, part: Any, name: str) -> str:
        """The title of a part, or its name."""
        return self.own(getattr(part, "title", None) or name)

    def team(self, name: str) -> str:
        """The title of a team."""
        return self.title(self.scenario.teams.get(name), name)

    def segment(self, name: str) -> str:
        """The title of a segment, or the word for all others."""
        return self("others") if name == REST else self.title(self.scenario.segments.get(name), name)

    def calendar(self, name: str) -> str:
        """The name of a calendar."""
        return self("calendar_always") if name == ALWAYS else self.own(name)

    @cached_property
    def numbers(self) -> dict[str, str]:
        """The number of each step in the document: stage and place in it."""
        return {
            step: f"{i}.{j}" for i, stage in enumerate(self.scenario.stages.values(), 1) for j, step in enumerate(stage.steps, 1)
        }

    def step(self, name: str) -> str:
        """A step by number and title."""
        return f"{self.numbers.get(name, '?')} {self.title(self.scenario.steps.get(name), name)}"

    def attribute(self, name: str) -> str:
        """The title of an attribute."""
        return self.title(self.scenario.attributes.get(name), name)

    def formula(self, formula: Any) -> str:
        """A formula as it was written, or in words where the language has words for it."""
        text = str(getattr(formula, "text", formula))
        return self.own(self.formula_words(text)) if FORMULA[self.language] else self.code(text)

    def formula_words(self, text: str) -> str:
        """The same, not escaped."""
        words = FORMULA[self.language]
        if not words:
            return text

        def number(digits: str, unit: str) -> str:
            return self.written(f"{digits} {unit}".strip())

        def name(what: str, which: str) -> str:
            parts: Any = {"attribute": self.scenario.attributes, "segment": self.scenario.segments, "channel": self.scenario.channels, "in_use": self.scenario.limits}.get(what, {})
            return getattr(parts.get(which), "title", None) or which

        return told(text, words, name, number)

    # --- words of the file ---

    def term(self, word: str, record: str = "") -> str:
        """A word of the file: the name of a field (of a record, where that matters), a law, a setting, a day or a month."""
        words = TERMS[self.language]
        if not words:
            return word
        return words.get(f"{record}.{word}") or words.get(word) or (self.words.get(word.lower(), word) if word in (*DAYS, *MONTHS) else word)

    def written(self, text: str) -> str:
        """A quantity, a formula or a word as a file has it."""
        if not TERMS[self.language]:
            return text
        if text in TERMS[self.language]:
            return self.term(text)
        if text.strip().endswith(("%", "％")):
            return self("percent", number=text.strip().rstrip("%％").strip())
        readers: tuple[Callable[[str], str], ...] = (lambda x: self.pay(cost_rate(x)), lambda x: self.rate(rate(x)))
        for say in readers:
            try:
                return say(text)
            except ValueError:
                continue
        try:
            found = quantity(text)
        except ValueError:
            return text
        if found.dimension != "time":
            return text
        pieces = _PIECES.findall(half_width(text))
        return " ".join(self("quantity", number=n.strip(), unit=self._unit(duration(f"1 {u}"), n.strip())) for n, u in pieces)

    def _unit(self, ticks: int, number: str) -> str:
        name = _per(ticks)
        return self(f"unit_{name}{'s' if name in _MANY and number != '1' else ''}")

    def days(self, text: str) -> str:
        """Days of the week, runs of three and more as a range."""
        numbers = sorted(weekdays(text))
        runs: list[list[int]] = []
        for n in numbers:
            if runs and n == runs[-1][-1] + 1:
                runs[-1].append(n)
            else:
                runs.append([n])
        said = [self("day_range", first=self.day(r[0]), last=self.day(r[-1])) if len(r) > 2 else self.listed(map(self.day, r)) for r in runs]
        return self.listed(said)

    def day(self, number: int) -> str:
        """A day of the week, Monday is 0."""
        return self(DAYS[number].lower())

    def place(self, path: str) -> str:
        """A place of the scenario, for people: its parts by their titles, its fields in words."""
        said, here, keys = [], self.scenario, path.split(".")
        part: Any = here
        for i, key in enumerate(keys):
            above = part
            part = here.steps.get(keys[1]) if keys[0] == "steps" and i == 1 else here.steps if keys[0] == "steps" and i == 0 else _below(part, key)
            named = isinstance(above, Mapping) or (keys[0] == "steps" and i == 1)
            word, _, rest = key.partition(" ")
            if named:
                said.append(self.segment(key) if key in here.segments or key == REST else self.title(part, key))
            elif rest and word in ("to", "lost"):
                said.append(f"{self.term(word)} {self.title(here.steps.get(rest), rest) if word == 'to' else self.own(rest)}")
            else:
                said.append(str(int(key) + 1) if key.isdigit() else self.term(key, type(above).__name__))
        return " › ".join(said)

    # --- quantities ---

    def time(self, ticks: float, *, hours: bool = False, digits: int = 3) -> str:
        """A time in the unit a reader expects."""
        return self.quantity(ticks, unit_for(ticks, hours), digits)

    def quantity(self, ticks: float, unit: tuple[str, int], digits: int = 3) -> str:
        """A time in a given unit."""
        name, size = unit
        number = rounded(ticks / size, min(digits, int(self("year_digits"))) if name == "year" else digits)
        return self("quantity", number=number, unit=self(f"unit_{name}{'s' if name in _MANY and number != '1' else ''}"))

    def money(self, value: float | Amount, digits: int = 3) -> str:
        """Money, in the scenario's currency unless it brings its own."""
        if isinstance(value, Amount):
            return f"{rounded(value.value, 12)} {value.currency}"
        return f"{rounded(value, digits)} {self.scenario.currency}"

    def pay(self, pay: Pay) -> str:
        """Money per time."""
        return self("pay", amount=f"{rounded(pay.amount, 12)} {pay.currency}", unit=self(f"per_{_per(pay.per)}"))

    def rate(self, rate: Frequency) -> str:
        """Cases per time."""
        return self("rate", number=rounded(rate.count, 12), unit=self(f"per_{_per(rate.per)}"))

    def percent(self, share: float) -> str:
        """A share as a percentage, to three digits."""
        return self("percent", number=rounded(100 * share))

    def percent_range(self, low: float, high: float) -> str:
        """The shares between two, or the one if they look the same."""
        a, b = rounded(100 * low), rounded(100 * high)
        return self("percent", number=a) if a == b else self("percent_range", low=a, high=b)

    def share(self, share: float | Mapping[str, float]) -> str:
        """A share, for each segment where they differ."""
        if not isinstance(share, Mapping):
            return self.percent(share)
        if len(set(share.values())) == 1 and (REST in share or set(share) == set(self.scenario.segments)):
            return self.percent(next(iter(share.values())))
        return self.listed(self("by_segment", segment=self.segment(g), value=self.percent(s)) for g, s in share.items())

    def law(self, law: Any, *, hours: bool = False) -> str:
        """A law by its mean and the range in which eight of ten values lie."""
        mean, (low, high) = float(law.mean), (float(q) for q in law.quantile([LOW, HIGH]))
        if low == high == mean:
            return self.value(mean, law.dimension, hours)
        if not (math.isfinite(low) and math.isfinite(high)):
            return self("law_unbounded", mean=self.value(mean, law.dimension, hours))
        if law.dimension != "time":
            return self("law", mean=self.value(mean, law.dimension, hours), low=rounded(low, 2), high=self.value(high, law.dimension, hours, 2))
        unit = unit_for(mean, hours)
        return self("law", mean=self.quantity(mean, unit), low=self._near(low, unit, hours, high), high=self._near(high, unit, hours))

    def law_of_share(self, law: Any) -> str:
        """The law of a share: its mean and usual range as percentages."""
        mean, (low, high) = float(law.mean), (float(q) for q in law.quantile([LOW, HIGH]))
        return self.percent(mean) if low == high == mean else self("law", mean=self.percent(mean), low=rounded(100 * low, 2), high=self.percent(float(f"{high:.2g}")))

    def _near(self, ticks: float, unit: tuple[str, int], hours: bool, beside: float = 0.0) -> str:
        """An end of a range in the unit of its mean where that reads well; the unit is said once if both ends have it."""
        fits = 0.5 <= ticks / unit[1] < 1000 or ticks == 0
        if fits and beside and beside / unit[1] < 1000:
            return rounded(ticks / unit[1], 2)
        return self.quantity(ticks, unit, 2) if fits else self.time(ticks, hours=hours, digits=2)

    def value(self, value: float, dimension: str, hours: bool = False, digits: int = 3) -> str:
        """A value of any dimension."""
        if dimension == "time":
            return self.time(value, hours=hours, digits=digits)
        return self.money(value, digits) if dimension == "money" else rounded(value, digits)

    def after(self, law: Any) -> str:
        """When something comes over a case that waits: after some time, or, where it may be at any moment, how often."""
        if law.law != "exponential":
            return self("after_mean", time=self.time(law.mean))
        share, per = self.chance(float(law.mean))
        return self("after_chance", share=share, unit=per)

    def chance(self, mean: float) -> tuple[str, str]:
        """An exponential time by its chance per unit of time: the largest unit in which it is at most some 5 %."""
        name, size = next(((n, t) for n, t in _TIMES if mean >= 20 * t), _TIMES[-1])
        return self.percent(float(f"{-math.expm1(-size / mean):.2g}")), self(f"per_{name}")

    def laws(self, law: Any, by_segment: Mapping[str, Any], *, hours: bool = False) -> str:
        """A law, and those of the segments that have their own."""
        own = [self("by_segment_law", segment=self.segment(g), value=self.law(x, hours=hours)) for g, x in by_segment.items()]
        return self("semicolon").join([self.law(law, hours=hours), *own])


def _below(part: Any, key: str) -> Any:
    """What a key leads to; None where that is no part of a scenario."""
    if isinstance(part, Mapping):
        return part.get(key)
    if isinstance(part, tuple):
        return part[int(key)] if key.isdigit() and int(key) < len(part) else None
    return getattr(part, key, None)


def _per(ticks: int) -> str:
    return next(name for name, size in _TIMES if size == ticks)


def teams_of(scenario: Scenario, by: Iterable[str], skill: str | None) -> list[str]:
    """The teams that can send somebody, in the order in which they are asked."""
    named = list(by)
    if named or skill is None:
        return named
    able = {name: team.skills[skill] for name, team in scenario.teams.items() if skill in team.skills}
    return sorted(able, key=lambda name: (-able[name], name))


def patience_in(scenario: Scenario, step: Step, segment: str) -> Any:
    """The law of how long a segment waits at a step, or None if it waits as long as it takes."""
    law = step.patience_by_segment.get(segment, step.patience or scenario.segments[segment].patience)
    return None if law in (None, "none") else law
