"""What only some steps have, as tables: conditions, attributes, competing ends, splits, batches, postings, versions.

The counterpart of `stages.tables.Rare`; `network` fills the rest.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.errors import ScenarioError
from salessim.hours import ALWAYS, FOREVER
from salessim.scenario.calendars import midnight, minutes_of_day, weekdays, zone
from salessim.scenario.formulas import FACTS, Formula, tables
from salessim.scenario.model import share_in
from salessim.stages import Rare
from salessim.stages.formulas import COMMON, DEPTH, Formulas
from salessim.streams import name_key

if TYPE_CHECKING:
    from salessim.scenario.model import Posted, Route, Scenario, Spawn, Step

MOST_POSTS = 2_000_000
"""Postings of a step before the horizon."""
MOST_ROUTES = 64


def forms(scenario: Scenario) -> list[tuple[str, Step]]:
    """Every step by sorted name, then every version of one: the rows of the tables."""
    steps = sorted(scenario.steps.items())
    return steps + [(name, v.step) for name, step in steps for v in in_turn(step)]


def in_turn(step: Step) -> list[Any]:
    """The versions of a step as they come; of those of one day, by name."""
    return sorted(step.versions, key=lambda v: (v.since, v.name))


def uses_more(step: Step) -> bool:
    """Whether a step uses anything that `stages.decide` does not know."""
    return bool(
        step.parallel or step.factor or step.counts_from != "visit" or step.sets or step.adherence != 1.0 or step.unless or step.reminders or step.posted
        or step.gather or step.takes or step.owner or step.silent or step.serve_first or step.versions
        or any(r.when or r.factor for r in step.then)
        or any(s.when or s.factor or s.gives or s.passes for s in step.spawns)
    )  # fmt: skip


class RareTables:
    """Collects the columns while `network` goes through the steps."""

    def __init__(
        self, scenario: Scenario, book: Any, calendars: Any, at: dict[str, int], channels: list[str], pools: list[str],
        goal: Callable[..., int],
    ) -> None:
        self.scenario, self.book, self.calendars, self.at, self.goal, self.channels = scenario, book, calendars, at, goal, channels
        self.attributes, self.limits = sorted(scenario.attributes), pools
        self.segments = sorted(scenario.segments)
        self.formulas: list[Formula] = []
        self.column: dict[str, list[Any]] = {f: [] for f in Rare._fields if f != "limits"}
        self.rows = 0

    def number(self, formula: Formula | None) -> int:
        """The formula's place in the table; -1 without one."""
        if formula is None:
            return -1
        self.formulas.append(formula)
        return len(self.formulas) - 1

    @property
    def owned(self) -> set[str]:
        """The limits of which formulas look at what the owner of a case has."""
        return {name for f in self.formulas for name in f.names("owned")}

    def add_route(self, route: Route) -> None:
        """The conditions of a route."""
        self.column["route_when"].append(self.number(route.when))
        self.column["route_factor"].append(self.number(route.factor))
        self.column["route_whole"].append(int(route.when is not None and route.share is None and route.factor is None and route.fades is None))

    def add_spawn(self, spawn: Spawn) -> None:
        """The conditions of a spawned case and what it is given."""
        column = self.column
        column["spawn_when"].append(self.number(spawn.when))
        column["spawn_factor"].append(self.number(spawn.factor))
        column["first_gift"].append(len(column["gift_formula"]))
        for name in sorted(spawn.gives):
            column["gift_attribute"].append(self.attributes.index(name))
            column["gift_formula"].append(self.number(spawn.gives[name]))
        column["last_gift"].append(len(column["gift_formula"]))
        column["passes"].append(self.limits.index(spawn.passes) if spawn.passes else -1)

    def add_step(self, name: str, step: Step) -> None:
        """The row of a step or of a version of it."""
        column, book = self.column, self.book
        column["adherence"] += [share_in(step.adherence, g) for g in self.segments]
        column["silent"].append(step.silent)
        column["attempt"].append(book.number(step.attempt) if step.attempt else -1)
        column["factor"].append(self.number(step.factor))
        column["at_least"].append((step.at_least or 0) if step.counts_from == "arrival" else -1)
        column["counts_on"].append(self.calendars.of_step(step) if step.counts_from == "arrival" else ALWAYS)
        column["asks"].append(int(step.asks))
        column["serve_first"].append(self.number(step.serve_first))
        column["first_end"].append(len(column["end_key"]))
        for i, end in enumerate(step.unless):
            column["end_key"].append(name_key(f"{name}/unless/{end.to or ''}/{end.lost or ''}/{self._repeats(step, i)}"))
            column["end_law"].append(book.number(end.after))
            column["end_goal"].append(self.goal(end.to, end.lost))
        column["last_end"].append(len(column["end_key"]))
        column["remind_every"].append(step.reminders.every if step.reminders else 0)
        column["remind_factor"].append(step.reminders.factor if step.reminders else 1.0)
        column["remind_most"].append(step.reminders.most if step.reminders else 0)
        column["first_post"].append(len(column["post"]))
        column["post"] += self._posts(name, step.posted) if step.posted else []
        column["last_post"].append(len(column["post"]))
        column["first_branch"].append(len(column["branch"]))
        column["branch"] += sorted(self.at[b] for b in step.parallel or ())
        column["last_branch"].append(len(column["branch"]))
        column["count"].append(self.number(step.count))
        column["batch"].append(step.gather.size if step.gather else 0)
        column["batch_wait"].append(-1 if step.gather is None or step.gather.at_most is None else step.gather.at_most)
        column["first_effect"].append(len(column["effect_key"]))
        for attribute in sorted(step.sets):
            column["effect_key"].append(name_key(f"{name}/sets/{attribute}"))
            column["effect_attribute"].append(self.attributes.index(attribute))
            column["effect_formula"].append(self.number(step.sets[attribute]))
        column["last_effect"].append(len(column["effect_key"]))
        column["first_version"].append(len(column["version_key"]))
        base = self.rows < len(self.at)
        for version in in_turn(step) if base else ():
            column["version_key"].append(name_key(f"roll-out/{version.name}"))
            column["version_since"].append(self._day(version.since))
            column["version_share"].append(version.share)
            column["version_row"].append(len(self.at) + len(column["version_row"]))
        column["last_version"].append(len(column["version_key"]))
        self.rows += 1

    def _repeats(self, step: Step, i: int) -> int:
        """How many competing ends before this one lead to the same place."""
        return sum((e.to, e.lost) == (step.unless[i].to, step.unless[i].lost) for e in step.unless[:i])

    def _day(self, date: dt.date) -> int:
        clock = self.scenario.clock
        return (midnight(date, clock.time_zone) - midnight(clock.start, clock.time_zone)) // dt.timedelta(microseconds=1)

    def _posts(self, name: str, posted: Posted) -> list[int]:
        """The ticks at which a system runs, the last one never."""
        horizon = self.scenario.clock.horizon
        if posted.every is not None:
            if horizon // posted.every > MOST_POSTS:
                raise ScenarioError(f"steps.{name}.posted", f"it runs {horizon // posted.every:,} times before the horizon", f"let it run at most {MOST_POSTS:,} times")
            return [*range(0, horizon, posted.every), FOREVER]
        return [*(t for t in self._at_hours(posted) if 0 <= t < horizon), FOREVER]

    def _at_hours(self, posted: Posted) -> Iterator[int]:
        clock, here = self.scenario.clock, zone(self.scenario.clock.time_zone)
        origin, days = midnight(clock.start, clock.time_zone), weekdays(posted.days)
        for day in range(clock.horizon // 86_400_000_000 + 2):
            date = clock.start + dt.timedelta(days=day)
            if date.weekday() in days and (not posted.days_of_month or date.day in _in_month(date, posted.days_of_month)):
                for minute in sorted({minutes_of_day(text) for text in posted.at or ()}):
                    wall = dt.datetime.combine(date, dt.time(minute // 60 % 24, minute % 60), here) + dt.timedelta(days=minute // 1440)
                    yield (wall.astimezone(dt.UTC) - origin) // dt.timedelta(microseconds=1)

    def tables(self) -> tuple[Formulas, Rare]:
        """The formulas and everything else, when all steps have been added."""
        self._attributes()
        clocks = sorted({name for f in self.formulas for name in f.names("on")})
        first_owned = COMMON + len(self.limits)
        first_clock = first_owned + len(self.limits)
        first_attribute = first_clock + len(clocks)
        stack = first_attribute + len(self.attributes)
        place = dict(FACTS)
        place |= {("in_use", name): COMMON + i for i, name in enumerate(self.limits)}
        place |= {("owned", name): first_owned + i for i, name in enumerate(self.limits)}
        place |= {("on", name): first_clock + i for i, name in enumerate(clocks)}
        place |= {("attribute", name): first_attribute + i for i, name in enumerate(self.attributes)}
        number = {("segment", name): i for i, name in enumerate(self.segments)} | {("channel", name): i for i, name in enumerate(self.channels)}
        code = tables(self.formulas, place, number)
        formulas = Formulas(
            first=_ints(code["first"]), last=_ints(code["last"]), op=_ints(code["op"]), fact=_ints(code["fact"]), number=_floats(code["number"]),
            clock=_ints([self.calendars.number(name) for name in clocks]),
            first_clock=first_clock, first_attribute=first_attribute, attributes=len(self.attributes), stack=stack,
        )  # fmt: skip
        keys = ("end_key", "effect_key", "version_key", "attribute_key")
        shares = ("adherence", "silent", "remind_factor", "version_share")

        def array(name: str) -> Any:
            if name in keys:
                return np.array(self.column[name], np.uint64)
            return _floats(self.column[name]) if name in shares else _ints(self.column[name])

        return formulas, Rare(**{f: array(f) for f in self.column}, limits=len(self.limits))

    def _attributes(self) -> None:
        column, declared = self.column, self.scenario.attributes
        for name in self.attributes:
            attribute = declared[name]
            column["attribute_key"].append(name_key(f"attribute/{name}"))
            column["attribute_law"] += [self.book.number(attribute.by_segment.get(g, attribute.starts)) for g in self.segments]
            for channel in self.channels:
                own = self.scenario.channels[channel].attributes.get(name) if channel in self.scenario.channels else None
                column["attribute_of_channel"].append(self.book.number(own) if own is not None else -1)
            column["attribute_formula"].append(self.number(attribute.formula))
            column["inherited"].append(int(attribute.inherited))
        done: list[str] = []
        while len(done) < len(declared):  # circles have been refused by the checks
            done.append(next(n for n in self.attributes if n not in done and needs(declared[n]) <= set(done)))
        column["order"] = [self.attributes.index(n) for n in done]


def _in_month(date: dt.date, days: tuple[int, ...]) -> set[int]:
    """Days of a month; for those it does not have, its last day."""
    last = calendar.monthrange(date.year, date.month)[1]
    return {min(day, last) for day in days}


def needs(attribute: Any) -> set[str]:
    """The attributes that the first value of one depends on."""
    return attribute.formula.names("attribute") if attribute.formula is not None else set()


def facts_size(formulas: Formulas) -> int:
    """Room for the facts of one case, the calculation, and the results of several formulas."""
    return int(formulas.stack) + DEPTH + max(MOST_ROUTES, int(formulas.attributes))


def _ints(values: Any) -> Any:
    return np.array(values, dtype=np.int64)


def _floats(values: Any) -> Any:
    return np.array(values, dtype=np.float64)
