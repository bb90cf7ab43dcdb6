"""The measures of a scenario, in one place: what each is called, its unit, which way is better, and what it means.

Whoever shows a figure, or is told the name of one, asks here. `measures` says how the figures come about.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from salessim.errors import InputError, alike, nearest
from salessim.measured_in import Unit, unit_of
from salessim.measures import JUNK, MEASURES, PEOPLE, Measure

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario
    from salessim.scenario.own_measures import OwnMeasure

FAMILIES: tuple[tuple[str, str, Measure], ...] = (
    ("waiting @ ", "steps", Measure("", "Wait for people at {}", "h", "lower is better", "elapsed hours per visit", ratio=True)),
    ("queue @ ", "steps", Measure("", "Cases waiting at {}", "cases", "lower is better", "on average over time")),
    ("lost @ ", "stages", Measure("", "Lost at stage {}", "per week", "lower is better", "by the stage the case was in")),
    ("lost because ", "reasons", Measure("", "Lost: {}", "per week", "lower is better", "by reason")),
    ("utilisation of ", "teams", Measure("", "Utilisation of {}", "%", "neither", "time worked over time on duty", ratio=True)),
    ("head count of ", "teams", Measure("", "Head count of {}", PEOPLE, "lower is better", "people on the team's roster, on average over the measured time, absent ones included", planned=True)),
    ("staff hours of ", "teams", Measure("", "Staff hours of {}", "h/week", "lower is better", "hours of the calendars of all on the team's roster, meetings included", planned=True)),
    ("in use of ", "limits", Measure("", "Places of {} in use", "cases", "neither", "on average over time")),
    ("arrived from ", "channels", Measure("", "Arrivals from {}", "per week", "neither", "customers who came in by the channel, or the cases of a kind of repeat business")),
    ("win rate from ", "channels", Measure("", "Win rate from {}", "%", "higher is better", "share of the channel's customers, or of the cases of the kind, who are won and stay won")),
    ("cost of ", "channels", Measure("", "Cost of {}", "money/month", "lower is better", "cost per case, campaigns, advertising and content")),
    ("cost per arrival from ", "channels", Measure("", "Cost per arrival from {}", "money", "lower is better", "the channel's cost over the customers it brought", ratio=True)),
)  # fmt: skip
"""Measures that there is one of for each step, stage, team ...: how the name begins, what it is of, and the measure."""
ASKED = ("teams", "channels", "limits")
"""The parts whose measures a person may ask for by name."""
_JUNK = Measure(JUNK, "Junk and duplicates", "per week", "lower is better", "cases that are no customers, or a customer's second case")


@dataclass(frozen=True)
class Catalogue:
    """What the measures of a scenario mean."""

    own: Mapping[str, OwnMeasure]
    """The scenario's own, by name."""
    currency: str
    parts: Mapping[str, Collection[str]] | None = field(default=None, compare=False)
    """Teams, channels and limits, which have measures of their own that may be asked for by name; None where they are not known."""

    @property
    def names(self) -> list[str]:
        """The measures of the whole process, built-in ones first: those that a person may ask for by name."""
        return [*MEASURES, *self.own]

    def about(self, name: str) -> Measure:
        """Title, unit (in the currency), direction and definition of any measure of the scenario, also of a step, team or channel.

        Raises:
            InputError: there is no such measure.
        """
        found = self._of_its_own(name) if name in self.own else MEASURES[name][0] if name in MEASURES else _JUNK if name == JUNK else _of_family(name)
        if found is None:
            raise self._unknown(name, "measure")
        return replace(found, unit=unit_of(found.unit, self.currency).text)

    def unit(self, name: str) -> Unit:
        """The unit of a measure, to read quantities in."""
        return unit_of(self.about(name).unit, self.currency)

    def find(self, name: str, place: str) -> Measure:
        """A measure that a person has asked for at a place: of the whole process, or of a team, channel or limit.

        Steps and stages may be gone in another design, and with them their measures: these are shown, not asked for.

        Raises:
            InputError: there is no such measure; says which are near.
        """
        if name not in MEASURES and name not in self.own and not self._of_a_part(name, place):
            raise self._unknown(name, place)
        return self.about(name)

    def _of_a_part(self, name: str, place: str) -> bool:
        """Whether it is a measure of a team, channel or limit that is there."""
        for begins, kind, _ in FAMILIES:
            if name.startswith(begins) and kind in ASKED:
                part = name.removeprefix(begins)
                if self.parts is None or part in self.parts[kind]:
                    return True
                raise InputError(place, f"there is no {kind.removesuffix('s')} {part!r}", nearest(part, list(self.parts[kind])))
        return False

    def judged(self, name: str, place: str) -> Measure:
        """A measure that can get better or worse.

        Raises:
            InputError: there is none of that name, or it is neither better nor worse when it changes.
        """
        found = self.find(name, place)
        if found.direction == "neither":
            how = f"give it a direction: 'lower is better' or 'higher is better' below measures.{name}" if found.own else "choose another measure"
            raise InputError(place, f"{name!r} is neither better nor worse when it changes", how)
        return found

    def _of_its_own(self, name: str) -> Measure:
        own = self.own[name]
        return Measure(
            name, own.title or name, own.measured_in(self.currency).text, own.direction, own.definition,
            ratio=own.kind in ("mean", "share"), bounded=own.kind == "share", own=True,
        )  # fmt: skip

    def _unknown(self, name: str, place: str) -> InputError:
        titles = {self.about(n).title.casefold(): n for n in self.names}
        meant = [titles[name.casefold()]] if name.casefold() in titles else alike(name, self.names, 3)
        some = ", ".join([*self.own, "cycle_time", "win_rate", "cost"][:8])
        remedy = f"did you mean {' or '.join(map(repr, meant))}?" if meant else f"use one of {some}; 'salessim measures' lists all"
        return InputError(place, f"there is no measure {name!r}", remedy)


def _of_family(name: str) -> Measure | None:
    for begins, _, family in FAMILIES:
        if name.startswith(begins):
            return replace(family, name=name, title=family.title.format(name.removeprefix(begins)))
    return None


def catalogue(scenario: Scenario) -> Catalogue:
    """The measures of a scenario.

    Example:
        >>> catalogue(today).about("cost").unit  # doctest: +SKIP
        'EUR/month'
    """
    return Catalogue(scenario.measures, scenario.currency, {"teams": scenario.teams, "channels": scenario.channels, "limits": scenario.limits})


def in_common(scenarios: Iterable[Scenario]) -> tuple[Catalogue, dict[str, str]]:
    """The measures that some scenarios have in common, and for each of their own that they have not, why.

    A measure of their own can be compared only if all define it alike: same formula, cases, unit and direction.
    """
    first, *others = scenarios
    apart: dict[str, str] = {}
    for other in others:
        for name in dict.fromkeys([*first.measures, *other.measures]):
            a, b = first.measures.get(name), other.measures.get(name)
            if a is None or b is None:
                apart.setdefault(name, f"{(other if b is None else first).name!r} has no measure {name!r}")
            elif _meaning(a, first.currency) != _meaning(b, other.currency):
                apart.setdefault(name, f"{first.name!r} and {other.name!r} define the measure {name!r} differently")
    return Catalogue({n: m for n, m in first.measures.items() if n not in apart}, first.currency), apart


def _meaning(measure: OwnMeasure, currency: str) -> tuple[str, str, str]:
    return measure.definition, measure.measured_in(currency).text, measure.direction


def clashes(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Measures of the scenario's own whose names mean something already, each with what."""
    kinds = {spawn.kind for step in scenario.steps.values() for spawn in step.spawns}
    parts: dict[str, Container[str]] = {"steps": scenario.steps, "stages": scenario.stages, "teams": scenario.teams, "limits": scenario.limits, "channels": {*scenario.channels, *kinds}}
    for name in scenario.measures:
        if name in MEASURES or name == JUNK:
            yield name, (MEASURES[name][0] if name in MEASURES else _JUNK).title
        for begins, kind, family in FAMILIES:
            if name.startswith(begins) and (kind == "reasons" or name.removeprefix(begins) in parts[kind]):
                yield name, family.title.format(name.removeprefix(begins))
