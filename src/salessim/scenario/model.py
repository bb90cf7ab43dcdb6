"""The scenario language: what a planner writes down about a sales process.

Every class here is a frozen record of one paragraph of the YAML file. A record checks itself; what needs two
paragraphs at once (a step that names a team) is checked in `scenario.checks`, and reading files, changing
fields and pulling levers live in their own modules. Engines never see these classes: `network` turns a
scenario into flat arrays once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from salessim.durations import Law, constant
from salessim.scenario.calendars import Calendar, minutes_of_day, weekdays, zone
from salessim.scenario.channels import Channel, Market
from salessim.scenario.formulas import FormulaText
from salessim.scenario.kinds import Lever
from salessim.scenario.open_cases import OpenCase
from salessim.scenario.own_measures import OwnMeasure
from salessim.scenario.parts import ALWAYS as ALWAYS
from salessim.scenario.parts import REST as REST
from salessim.scenario.parts import Documented, Mark, Name, Names, Part
from salessim.scenario.people import Absence, Attrition, Course, Joining, Learning, Leaving, Meeting, PaceChange, Ramp, UnderLoad
from salessim.units import SECOND, YEAR, CostRate, Duration, Money, Share


class Clock(Part):
    """When the run begins, how long it lasts, and how much of its beginning is not measured."""

    start: dt.date
    time_zone: str = "UTC"
    horizon: Duration
    warm_up: Duration = 0

    @model_validator(mode="after")
    def _sane(self) -> Self:
        zone(self.time_zone)
        if self.horizon <= 0:
            raise ValueError("the horizon is zero; give a time such as '1 year'")
        if self.horizon > 1000 * YEAR:
            raise ValueError("the horizon is longer than 1,000 years; give a shorter one")
        if not 1900 <= self.start.year <= 2200:
            raise ValueError(f"the start {self.start} is not between 1900 and 2200; give a date of our time")
        if self.warm_up >= self.horizon:
            raise ValueError("warm_up is not shorter than the horizon; give a shorter warm_up or a longer horizon")
        return self


class Team(Documented):
    """A group of people who are alike: same calendar, same pay, same skills.

    `size` is the number of places at the start. Who of them is there, and how fast, may change: see `scenario.people`.
    """

    size: Annotated[int, Field(ge=0, le=100_000)]
    calendar: Name = ALWAYS
    cost: CostRate | None = None
    skills: dict[Name, Annotated[float, Field(ge=0.01, le=100)]] = {}
    at_shift_end: Literal["suspend", "overtime"] = "suspend"
    overtime_pay: Annotated[float, Field(ge=0, le=10)] = 1.5
    concurrency: Annotated[int, Field(ge=1, le=100)] = 1
    """Cases a person works on at once (live chat); hours and pay count once."""
    slowdown: Share = 0.0
    """With n cases at once, a new one takes 1 + slowdown * (n - 1) times as long."""
    absence: Absence | None = None
    joining: tuple[Joining, ...] = Field(default=(), max_length=1000)
    leaving: tuple[Leaving, ...] = Field(default=(), max_length=1000)
    attrition: Attrition | None = None
    ramp: Ramp | None = None
    learning: Learning | None = None
    meetings: tuple[Meeting, ...] = Field(default=(), max_length=100)
    courses: tuple[Course, ...] = Field(default=(), max_length=1000)
    pace: tuple[PaceChange, ...] = Field(default=(), max_length=1000)
    under_load: UnderLoad | None = None

    @property
    def people(self) -> int:
        """All places the team ever has, later joiners included."""
        return self.size + sum(j.count for j in self.joining)

    @model_validator(mode="after")
    def _life_is_possible(self) -> Self:
        if self.ramp is not None and not self.joining and self.attrition is None:
            raise ValueError("a ramp is for newcomers, but nobody joins; add 'joining' or 'attrition', or remove it")
        if self.slowdown and self.concurrency == 1:
            raise ValueError("'slowdown' is for several cases at once, but concurrency is 1; raise it or remove the slowdown")
        for leaving in self.leaving:
            there = self.size + sum(j.count for j in self.joining if j.date < leaving.date)
            gone = sum(a.count for a in self.leaving if a.date <= leaving.date)
            if gone > there:
                raise ValueError(f"until {leaving.date} {gone} people leave, but only {there} were there; let fewer leave, or more join before")
        return self


class Segment(Documented):
    """A kind of customer: what a deal is worth, how urgent it is, how long it waits.

    Cases of a segment with `customer: false` are no customers at all, such as spam: they take work, and are neither won
    nor lost.
    """

    customer: bool = True
    value: Law | None = None
    priority: Annotated[int, Field(ge=1, le=9)] = 5
    patience: Law | None = None


class Attribute(Documented):
    """A number that every case carries, which steps may change and formulas may read: quality, satisfaction, discount.

    It starts as a draw of `starts` (or of the law of the case's segment), or as what `formula` gives from the attributes
    that it mentions. A case that another case brings inherits its value if `inherited`.
    """

    starts: Law = constant(0)
    by_segment: dict[Name, Law] = {}
    formula: FormulaText | None = None
    inherited: bool = False
    unit: str | None = None

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.formula is not None and ("starts" in self.model_fields_set or self.by_segment):
            raise ValueError("an attribute has either 'starts' or 'formula'; keep one")
        return self


class Limit(Documented):
    """Places that cases hold over several steps: deals in work at once, stock, seats."""

    size: Annotated[int, Field(ge=1, le=1_000_000)]
    each: Name | None = None
    """So many places for each person of a team; who has the place of a case owns the case (`owner`)."""


class Fade(Part):
    """How a chance shrinks with the time the customer waited: g(0) = 1, falling towards 0.

    exponential g = 2^(-t/half_life); lomax g = (1 + t/scale)^-shape; loglogistic g = 1/(1 + (t/scale)^shape);
    table: straight lines between the given points, constant after the last.
    """

    law: Literal["exponential", "lomax", "loglogistic", "table"]
    of: Literal["queue", "age"] = "queue"
    half_life: Duration | None = None
    scale: Duration | None = None
    shape: Annotated[float, Field(gt=0, le=100)] | None = None
    points: tuple[tuple[Duration, Share], ...] | None = None
    source: str | None = None
    assumption: str | bool | None = None

    @model_validator(mode="after")
    def _parameters_fit_the_law(self) -> Self:
        wanted = {"exponential": {"half_life"}, "table": {"points"}}.get(self.law, {"scale", "shape"})
        given = {f for f in ("half_life", "scale", "shape", "points") if getattr(self, f) is not None}
        if given != wanted:
            raise ValueError(
                f"a fade of law {self.law} takes {' and '.join(sorted(wanted))}, not {', '.join(sorted(given)) or 'nothing'};"
                " give just those"
            )
        if self.half_life == 0 or self.scale == 0:
            raise ValueError("a fade over no time is not a fade; give a half_life or scale above zero")
        if self.points is not None:
            times, left = [p[0] for p in self.points], [p[1] for p in self.points]
            if not times or times[0] != 0 or times != sorted(set(times)) or left != sorted(left, reverse=True):
                raise ValueError(
                    "the points of a fade start at time 0, rise in time and fall in share; put them in that order"
                )
        return self


class Posted(Part):
    """The times at which a system runs: every so often from the start on, or at hours of the day."""

    every: Duration | None = None
    at: tuple[str, ...] | None = None
    days: str = "Mon-Sun"
    days_of_month: Annotated[tuple[Annotated[int, Field(ge=1, le=31)], ...], Field(max_length=31)] = ()
    """Only on these days of the month; a month that is too short has its last day instead."""

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.every is None) == (self.at is None):
            raise ValueError("'posted' has either 'every' or 'at'; give exactly one of them")
        if self.every is not None and self.days_of_month:
            raise ValueError("'days_of_month' goes with 'at'; write for example at: ['18:00']")
        if self.every is not None and self.every < SECOND:
            raise ValueError("'every' is under a second; give a time such as '4 h'")
        if self.at is not None and not self.at:
            raise ValueError("'at' names no time; write for example at: ['12:00', '18:00']")
        for text in self.at or ():
            minutes_of_day(text)
        weekdays(self.days)
        return self


class Rekey(Part):
    """Typing in again what another system holds."""

    work: Law
    by: Names = ()
    skill: Name | None = None


class Duplicated(Part):
    """The share of cases that arrive twice, and what it takes to find that out; without it, the work of the next step."""

    share: Share = 0.0
    work: Law | None = None
    by: Names = ()

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.work is None) != (not self.by):
            raise ValueError("a duplicate is found by somebody in some time; give both 'work' and 'by', or neither")
        return self


def _as_duplicated(value: Any) -> Any:
    return value if isinstance(value, dict | Duplicated) else {"share": value}


class Handoff(Documented):
    """What happens on the way from one system or department to another (see `scenario.handoffs`)."""

    latency: Law | None = None
    """Until it arrives, on the `calendar`."""
    calendar: Name | None = None
    posted: Posted | None = None
    """It leaves only at these times: a synchronisation, a meeting."""
    rekey: Rekey | None = None
    lost: Share = 0.0
    duplicated: Annotated[Duplicated, BeforeValidator(_as_duplicated, json_schema_input_type=Share | Duplicated)] = Duplicated()
    name: Name | None = None
    """Instead of "FROM → TO"."""

    @property
    def takes_time(self) -> bool:
        """Whether anything waits on the way."""
        return self.latency is not None and not (self.latency.law == "constant" and self.latency.mean == 0)


class Route(Part):
    """One way on from a step. Exactly one of `to`, `lost`, `done`, `join`; the route without a share takes the rest.

    `join` ends a branch of a `parallel` step. `when`: the way is open only for cases for which the formula is true;
    without a share all of them take it. `factor` multiplies the share.

    `limit`: the way is closed once the case has left the step so many times before; its share then goes to the
    route that takes the rest or, where there is none, to the others in proportion.
    `fades`: the share shrinks with waiting and what it loses goes to the route that takes the rest.
    """

    to: Name | None = None
    lost: Name | None = None
    done: Literal[True] | None = None
    join: Literal[True] | None = None
    share: Share | dict[Name, Share] | None = None
    when: FormulaText | None = None
    factor: FormulaText | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] | None = None
    fades: Fade | None = None
    handoff: Handoff | None = None
    """What happens on the way; becomes a step of its own when the scenario is read."""
    source: str | None = None
    assumption: str | bool | None = None

    @property
    def rest(self) -> bool:
        """Whether this route takes what the others leave."""
        return self.share is None and self.when is None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if sum(x is not None for x in (self.to, self.lost, self.done, self.join)) != 1:
            raise ValueError("a route has exactly one of 'to', 'lost', 'done' and 'join'; keep one")
        if self.handoff is not None and self.to is None:
            raise ValueError("a hand-off leads to somebody, but this route leads to no step; give 'to', or take the hand-off out")
        if self.rest and self.factor is not None:
            raise ValueError("the route that takes the rest cannot have a factor; give it a share and leave the rest to another")
        if self.share is None and self.fades is not None:
            raise ValueError("the route that takes the rest cannot fade; give it a share and leave the rest to another")
        if self.share is None and self.limit is not None:
            raise ValueError("the route that takes the rest cannot have a limit; give it a share or remove the limit")
        return self


class GiveUp(Part):
    """What becomes of a case whose patience ends in a queue."""

    to: Name | None = None
    lost: Name | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.to is None) == (self.lost is None):
            raise ValueError("'gives_up' has either 'to' or 'lost'; give exactly one of them")
        return self


class Unless(Part):
    """What may happen before a step's time is over, and where the case then goes: expiry, a rival, the end of a contract."""

    after: Law
    to: Name | None = None
    lost: Name | None = None
    source: str | None = None
    assumption: str | bool | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.to is None) == (self.lost is None):
            raise ValueError("'unless' has either 'to' or 'lost'; give exactly one of them")
        return self


class Reminders(Part):
    """What is left of the customer's time shrinks by `factor` at each reminder."""

    every: Duration
    factor: Annotated[float, Field(gt=0, le=1)]
    most: Annotated[int, Field(ge=1, le=1000)] = 1000
    source: str | None = None
    assumption: str | bool | None = None

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.every <= 0:
            raise ValueError("reminders come every 0 s; give a time such as '5 days'")
        return self


class Gather(Part):
    """Cases wait here until so many are together, or the first of them has waited so long; then all go on."""

    size: Annotated[int, Field(ge=1, le=100_000)]
    at_most: Duration | None = None


class Spawn(Documented):
    """A new case that a finished step may bring: repeat purchase, renewal, referral, support ticket.

    `gives` sets attributes of the new case; `passes` hands over the place of a limit that the case holds.
    """

    kind: Name
    to: Name
    probability: Share | dict[Name, Share]
    after: Law
    new_customer: bool = False
    segment: Name | None = None
    when: FormulaText | None = None
    factor: FormulaText | None = None
    gives: dict[Mark, FormulaText] = {}
    passes: Name | None = None

    @model_validator(mode="after")
    def _place_is_kept(self) -> Self:
        if self.passes is not None and self.new_customer:
            raise ValueError("'passes' hands a place to another case of the same customer, not to a new one; leave out 'passes' or 'new_customer'")
        return self


class Role(Part):
    """One person a step needs: from the first of these teams with somebody free, or whoever has the skill."""

    by: Names = ()
    skill: Name | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.by and self.skill is None:
            raise ValueError("nobody is named; give 'by' (a team or a list of teams) or 'skill'")
        if len(set(self.by)) != len(self.by):
            raise ValueError("a team stands twice in 'by'; name each once, in order of preference")
        return self


def _as_role(value: Any) -> Any:
    return {"by": value} if isinstance(value, str | list | tuple) else value


RoleLike = Annotated[Role, BeforeValidator(_as_role, json_schema_input_type=str | tuple[str, ...] | Role)]


class Automation(Documented):
    """The share of a staffed step's visits that a system does instead, and the time it takes."""

    share: Share = 1.0
    time: Law
    time_by_segment: dict[Name, Law] = {}
    """For segments for which the system takes another time."""

    def time_in(self, segment: str) -> Law:
        """The law of the system's time for a segment."""
        return self.time_by_segment.get(segment, self.time)


KEPT_BY_VERSIONS = (
    "by", "owner", "customer_hours", "skill", "together_with", "queue", "priority", "hold", "waiting_room", "gather", "takes", "gives_back",
    "milestone", "core", "cost", "serve_first", "calendar", "counts_in",
)  # fmt: skip
"""Fields of a step that its versions have in common with it."""


class Version(Part):
    """Another form of a step that a share of the cases meets from a date on: a change that is rolled out."""

    name: Name
    since: Annotated[dt.date, Field(alias="from")]
    share: Share = 1.0
    step: Step

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)


NO_REST = 1e-9
"""What is left of 100 % below this is the rounding of a sum, not a way that somebody goes."""


class Step(Documented):
    """One thing that happens to a case.

    Staffed `work`, an `automatic` act, the `customer`'s own time, or several ways at once (`parallel`).
    """

    work: Law | None = None
    automatic: Law | None = None
    customer: Law | None = None
    parallel: Annotated[tuple[Name, ...], Field(min_length=1, max_length=32)] | None = None
    """The steps where the branches begin; `then` follows when all have come to a route with `join`."""
    count: FormulaText | None = None
    """So many branches, all beginning at the one step of `parallel`."""
    factor: FormulaText | None = None
    """Multiplies the time."""
    counts_from: Literal["visit", "arrival"] = "visit"
    """From when the time runs: what has passed since the case arrived is taken off, and a case that is older goes on at once."""
    at_least: Duration | None = None
    """Of a time that counts from the arrival: the visit lasts so long however old the case is."""
    counts_in: Literal["time", "days"] = "time"
    """What passes on the step's calendar: its open time, or whole days, from midnight to midnight, on which it opens at all."""
    sets: dict[Mark, FormulaText] = {}
    """New values of attributes at the end of a visit; all formulas see the values before."""
    adherence: Share | dict[Name, Share] = 1.0
    """The share of visits that really take place; the others are skipped."""
    unless: Annotated[tuple[Unless, ...], Field(max_length=16)] = ()
    reminders: Reminders | None = None
    posted: Posted | None = None
    gather: Gather | None = None
    takes: Names = ()
    gives_back: Names = ()
    silent: Share = 0.0
    """Of those whose patience ends, so many leave without a word, and people still try (`attempt`)."""
    attempt: Law | None = None
    serve_first: FormulaText | None = None
    """Among cases of one priority class, the highest value first."""
    versions: Annotated[tuple[Version, ...], Field(max_length=32)] = ()
    time_by_segment: dict[Name, Law] = {}
    by: Names = ()
    owner: Name | None = None
    """Done by the person of the team who has the case's place of this limit; by anybody while that person is away."""
    skill: Name | None = None
    together_with: tuple[RoleLike, ...] = Field(default=(), max_length=3)
    automation: Automation | None = None
    queue: Literal["priority", "first_come", "newest_first", "highest_value", "longest_in_process"] = "priority"
    priority: Annotated[int, Field(ge=1, le=9)] | None = None
    hold: Duration | None = None
    patience: Law | Literal["none"] | None = None
    patience_by_segment: dict[Name, Law | Literal["none"]] = {}
    gives_up: GiveUp | None = None
    waiting_room: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """So many may wait; who comes then gives up at once. Without it, any number may."""
    calendar: Name | None = None
    customer_hours: Name | None = None
    """The customer takes part, in the hours of this calendar."""
    cost: Money | None = None
    core: bool = False
    """Never skipped, never touched by a lever, never led around, unless the scenario says so under `overrides`."""
    optional: bool = False
    """May be left out, so that no rule can rest on it."""
    standardisation: Share | None = None
    """Level for this step."""
    milestone: Literal["response", "won", "delivered"] | None = None
    activity: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    """What logs call it, if not by its name: several steps may be forms of one activity."""
    spawns: Annotated[tuple[Spawn, ...], Field(max_length=16)] = ()
    then: tuple[Route, ...] = Field(min_length=1, max_length=64)

    @property
    def kind(self) -> Literal["work", "automatic", "customer", "parallel"]:
        """Who spends the time: our people, a system, the customer, or several branches."""
        if self.parallel is not None:
            return "parallel"
        return "work" if self.work is not None else "automatic" if self.automatic is not None else "customer"

    @property
    def asks(self) -> bool:
        """Whether a case queues here: for people, or for a place of a limit."""
        return self.kind == "work" or bool(self.takes)

    @property
    def time(self) -> Law:
        """The law of the time the step takes."""
        return self.work or self.automatic or self.customer or constant("0 s")

    def time_in(self, segment: str) -> Law:
        """The law of the step's time for a segment."""
        return self.time_by_segment.get(segment, self.time)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [k for k in ("work", "automatic", "customer", "parallel") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a step has exactly one of 'work', 'automatic', 'customer' and 'parallel', not {' and '.join(given) or 'none'};"
                " keep the one that says whose time it is"
            )
        self._fields_fit_the_kind()
        if self.kind == "work":
            Role(by=self.by, skill=self.skill)
            if self.calendar is not None:
                raise ValueError("staffed work runs on its people's calendars; set it on the team, or write 'customer_hours' if the customer takes part")
            if self.owner is not None and (len(self.by) != 1 or self.owner in self.takes):
                raise ValueError("'owner' goes with one team under 'by', and the place is taken at a step before; name the team, or take the place earlier")
        else:
            queueing = () if self.takes else ("patience", "patience_by_segment", "gives_up", "waiting_room", "hold")
            for field in ("by", "owner", "customer_hours", "together_with", "skill", "automation", *queueing):
                if getattr(self, field) not in (None, (), {}):
                    raise ValueError(f"'{field}' is for staffed work, but nobody works here; remove it or use 'work'")
            if any(r.fades and r.fades.of == "queue" for r in self.then) and not self.takes:
                raise ValueError("a route fades with the time queued, but nobody queues here; write 'of: age' or use 'work'")
        shares = [r for r in self.then if r.rest]
        if len(shares) > 1:
            raise ValueError("two routes have no share; only one can take the rest")
        if any(r.fades for r in self.then) and not shares:
            raise ValueError("a route fades but none takes the rest; leave the share of one other route out")
        if any(r.when or r.factor for r in self.then) and not shares:
            raise ValueError("a route has 'when' or 'factor' but none takes the rest; add a route with neither share nor 'when'")
        if all(r.limit is not None for r in self.then):
            raise ValueError("every route has a limit, so a case could get stuck; leave one without")
        kinds = [s.kind for s in self.spawns]
        if len(set(kinds)) != len(kinds):
            raise ValueError("two spawns have the same kind; give each its own name")
        return self

    def _fields_fit_the_kind(self) -> None:
        kind = self.kind
        only = {
            "unless": ("automatic", "customer"), "reminders": ("customer",), "posted": ("automatic",), "gather": ("automatic",),
            "takes": ("work", "automatic"), "attempt": ("work",), "silent": ("work",), "serve_first": ("work",), "count": ("parallel",),
        }  # fmt: skip
        for field, kinds in only.items():
            if getattr(self, field) not in (None, (), 0.0) and kind not in kinds:
                raise ValueError(f"'{field}' is for steps with {' or '.join(repr(k) for k in kinds)}, not {kind!r}; remove it")
        if self.counts_from == "arrival":
            if kind not in ("automatic", "customer"):
                raise ValueError(f"'counts_from: arrival' is for steps with 'automatic' or 'customer', not {kind!r}; put the deadline into a step of its own before this one")
        elif self.at_least is not None:
            raise ValueError("'at_least' is what a visit lasts whose time counts from the case's arrival; add 'counts_from: arrival', or remove it")
        if self.counts_in == "days" and kind not in ("automatic", "customer"):
            raise ValueError(f"'counts_in: days' is for steps with 'automatic' or 'customer', not {kind!r}; put the deadline into a step of its own before this one")
        if self.counts_in == "days" and self.calendar is None:
            raise ValueError("'counts_in: days' counts the days on which a calendar opens, but there is none; add 'calendar', or remove it to count all days")
        if kind == "parallel":
            for field in ("factor", "time_by_segment", "calendar"):
                if getattr(self, field) not in (None, {}):
                    raise ValueError(f"'{field}' is for steps that take time themselves, not for 'parallel'; remove it")
            if self.count is not None and len(self.parallel or ()) != 1:
                raise ValueError("'count' says how many branches begin at one step, but 'parallel' names several; name one")
        if (self.silent > 0) != (self.attempt is not None):
            raise ValueError("'silent' and 'attempt' belong together; give both: the share that leaves without a word, and the time people try")
        if self.serve_first is not None and self.queue != "priority":
            raise ValueError("'serve_first' orders a queue by priority and then by the formula; leave 'queue' out")
        if self.gather is not None and (self.takes or self.posted):
            raise ValueError("a step that gathers a batch cannot take a place or be posted; make it two steps")
        if self.posted is not None and self.takes:
            raise ValueError("a step that is posted cannot take a place; make it two steps")
        for version in self.versions:
            other = version.step
            changed = next((f for f in KEPT_BY_VERSIONS if getattr(other, f) != getattr(self, f)), "kind" if other.kind != kind else None)
            if changed or other.versions:
                raise ValueError(f"the version {version.name!r} changes {changed or 'versions'!r}; a version keeps the step's people, queue, kind and cost")

    @property
    def onward(self) -> list[str]:
        """The steps a case may come to next on its own way, branches included."""
        ways = [r.to for r in self.then] + [u.to for u in self.unless] + [self.gives_up.to if self.gives_up else None]
        later = [name for version in self.versions for name in version.step.onward]
        return [*(w for w in ways if w is not None), *(self.parallel or ()), *later]

    def share_of(self, route: Route, segment: str) -> float:
        """The share of a route for a segment, before fading and conditions; the rest for the route that takes it."""
        if route.share is not None:
            return share_in(route.share, segment)
        if not route.rest:
            return 1.0  # open to all for whom `when` is true
        rest = 1.0 - sum(share_in(r.share, segment) for r in self.then if r.share is not None)
        return rest if rest > NO_REST else 0.0


Version.model_rebuild()


def share_in(share: float | dict[str, float], segment: str) -> float:
    """A share for a segment: the number itself, or the entry of the segment or of `default`, else 0."""
    if isinstance(share, dict):
        return share.get(segment, share.get(REST, 0.0))
    return share


class Decision(Part):
    """Where a customer decides, and the step to which those go on who say yes."""

    at: Name
    to: Name


class Standardisation(Documented):
    """To which degree the work follows one standard, and what that changes (see `scenario.standard`).

    No published figure says how much: whoever sets a level says whose estimate it is.
    """

    level: Share = 0.0
    """0 is the process as observed, 1 one way for all; steps and stages may have a level of their own."""
    spread: Share = 0.5
    """So much of the spread of work times is gone at level 1."""
    detours: Share = 1.0
    """So much of the side ways between our own steps is gone at level 1."""
    skips: Share = 1.0
    """So much of the skipping of steps is gone at level 1."""
    unusual: dict[Name, Share] = {}
    """How unusual the cases of a segment are."""
    loss: Share = 0.0
    """So much of the decisions for us is gone at level 1 where all cases are unusual."""
    decided: Decision | None = None

    @model_validator(mode="after")
    def _honest(self) -> Self:
        if self.source is None and self.assumption in (None, False):
            raise ValueError("nobody knows in general what a standard changes; add 'source' or 'assumption' to say whose estimate this is")
        if self.loss and (not self.unusual or self.decided is None):
            raise ValueError("'loss' is felt by unusual segments where they decide; give 'unusual' and 'decided: {at: STEP, to: STEP}'")
        return self


class Stage(Documented):
    """A phase of the process as people name it; it orders the funnel and holds steps."""

    standardisation: Share | None = None
    """Level for the steps of this stage."""

    steps: dict[Name, Step] = Field(min_length=1)


class InPort(Documented):
    """Where cases come into a module: the step they begin at (or a port of a module inside), and what they are."""

    at: str
    carries: Names
    optional: bool = False
    """Nobody need come this way."""


class OutPort(Documented):
    """Where cases leave a module, and what they are; `otherwise` says where they go if nobody connects the port."""

    carries: Name
    otherwise: dict[Literal["lost", "done", "join"], Any] | None = None


class Ports(Part):
    """The ways into a module and out of it."""

    in_: Annotated[dict[Name, InPort], Field(alias="in", min_length=1)]
    out: dict[Name, OutPort] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class Parameter(Documented):
    """A figure or a name that a module leaves open; without a default it must be given, `null` leaves its field out."""

    default: Any = None
    kind: Literal["any", "time", "money", "share", "number", "count", "law", "text", "yes or no", "team", "teams", "calendar"] = "any"


class Needs(Part):
    """What a module expects of the scenario: teams for its roles, and attributes."""

    teams: dict[Mark, str] = {}
    """role -> what it does; the team is given under `with`."""
    attributes: dict[Mark, str] = {}


class InnerModule(Documented):
    """A module inside a module type."""

    use: str
    with_: Annotated[dict[Mark, Any], Field(alias="with")] = {}
    connect: dict[Name, str | dict[Literal["to", "handoff", "lost", "done", "join", "out"], Any]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class ModuleType(Documented):
    """A sub-process as data: ports, parameters, steps. In steps "$name" stands for a parameter, {out: PORT} for a way out."""

    description: str | None = None
    ports: Ports
    parameters: dict[Mark, Parameter] = {}
    needs: Needs = Needs()
    attributes: dict[Mark, Any] = {}
    """Brought along, unless the scenario declares them itself."""
    limits: dict[Name, Any] = {}
    steps: dict[Name, dict[str, Any]] = {}
    modules: dict[Name, InnerModule] = {}
    invariants: tuple[str, ...] = ()


class Expanded(Part):
    """What a module was expanded from, where its ports then led, and the rules it brought; written by `scenario.modules`."""

    of: str
    into: dict[Name, Name]
    rules: tuple[str, ...] = ()


class Module(InnerModule):
    """A use of a module type: its steps stand in a stage and are called "MODULE › STEP"."""

    stage: Name
    expanded: Expanded | None = None


class Override(Part):
    """Why a core step need not be one here, and who allows it (see `scenario.overrides`)."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
    allowed_by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    removed: bool = False
    """Whether a lever has taken the step out; written by `levers.apply`."""


class StandingCost(Documented):
    """Money spent whatever happens: a licence, a project."""

    running: CostRate | None = None
    one_off: Money | None = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    """From this day on; from the beginning without it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)


def _as_unsure(value: Any) -> Any:
    """A law written in the place of an uncertain value is the law of the value."""
    if isinstance(value, dict) and "law" in value:
        return {"value": value}
    return value


class Unsure(Documented):
    """A law of what nobody knows exactly: of the value itself, or of a factor on the value that stands there.

    It is drawn once in each replication, by its path, so that scenarios that are compared share the same ignorance;
    entries with the same word in `together` share the draw, too.
    """

    value: Law | None = None
    factor: Law | None = None
    plus: Law | None = None
    missing: Law | None = None
    """A factor on what a share lacks of 100 %."""
    together: str | None = None
    """A word, or the path of another uncertain value, whose draw is this one's."""
    rest: str | None = None
    """Path of the share that gives or takes the difference, so that the sum of both stays."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if sum(law is not None for law in (self.value, self.factor, self.plus, self.missing)) != 1:
            raise ValueError("an uncertain value has a law of its own, or a 'factor' on what stands there or on what is 'missing' to 100 %, or a 'plus' to it; give exactly one of them")
        return self

    @property
    def law(self) -> Law:
        """What is drawn."""
        law = self.value or self.factor or self.plus or self.missing
        assert law is not None  # one of them is given: checked above
        return law


def _as_entries(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _as_read(value: Any) -> Any:
    """A table has been read by `scenario.open_tables` before; only its rows are left."""
    return value


UnsureLike = Annotated[Unsure, BeforeValidator(_as_unsure, json_schema_input_type=Unsure | Law)]


class Scenario(Part):
    """A whole sales process as data. Load one with `Scenario.load`, vary it with `change`."""

    salessim: Literal[1] = 1
    name: str = "scenario"
    description: str | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    clock: Clock
    calendars: dict[Name, Calendar] = {}
    teams: dict[Name, Team] = {}
    segments: dict[Name, Segment] = Field(min_length=1)
    attributes: dict[Mark, Attribute] = {}
    limits: dict[Name, Limit] = {}
    markets: dict[Name, Market] = {}
    channels: dict[Name, Channel] = Field(min_length=1)
    in_process: Annotated[tuple[OpenCase, ...], BeforeValidator(_as_read, json_schema_input_type=str | tuple[OpenCase, ...])] = ()
    """Cases that are open when the run begins, or the table of them beside the scenario (`scenario.open_tables`)."""
    stages: dict[Name, Stage] = Field(min_length=1)
    standardisation: Standardisation | None = None
    modules: dict[Name, Module] = {}
    """Sub-processes that stand in the stages as steps (see `scenario.modules`)."""
    module_types: dict[Name, dict[str, Any]] = {}
    """Module types that the scenario brings itself."""
    invariants: Annotated[tuple[Annotated[str, StringConstraints(max_length=400)], ...], Field(max_length=200)] = ()
    """Rules that no way of any case may break, such as "approve before sign" (see `scenario.invariants`)."""
    overrides: dict[Name, Override] = {}
    """Core steps that may be skipped, changed or taken out here all the same; told wherever results are shown."""
    costs: dict[Name, StandingCost] = {}
    measures: dict[Name, OwnMeasure] = {}
    levers: dict[Name, Lever] = {}
    """What may be changed: see `scenario.kinds`."""
    uncertain: dict[str, Annotated[tuple[UnsureLike, ...], Field(min_length=1, max_length=100), BeforeValidator(_as_entries, json_schema_input_type=UnsureLike | tuple[UnsureLike, ...])]] = {}
    """By path: fields that nobody knows exactly, drawn once in each replication."""
    provenance: dict[str, str] = {}

    @cached_property
    def steps(self) -> dict[str, Step]:
        """All steps by name, in the order the stages show them."""
        return {name: step for stage in self.stages.values() for name, step in stage.steps.items()}

    def stage_of(self, step: str) -> str:
        """The stage a step belongs to."""
        return next(name for name, stage in self.stages.items() if step in stage.steps)

    def protects(self, step: str) -> bool:
        """Whether a step may not be touched, skipped or led around: it is core, and no override says otherwise."""
        return self.steps[step].core and step not in self.overrides

    @classmethod
    def load(cls, path: str | Path) -> Scenario:
        """Read a scenario from a YAML file.

        Raises:
            ScenarioError: with file, line, value and remedy.
        """
        from salessim.scenario import loader

        return loader.load(path)

    @classmethod
    def parse(cls, data: str | dict[str, Any]) -> Scenario:
        """A scenario from YAML text or plain data.

        Raises:
            ScenarioError: with line or path, value and remedy.
        """
        from salessim.scenario import loader, yaml

        if isinstance(data, str):
            plain, positions = yaml.load_yaml(data, "scenario")
            return loader.parse(plain, positions)
        return loader.parse(data)

    def save(self, path: str | Path) -> None:
        """Write the scenario to a YAML file, whole or not at all."""
        from salessim.scenario import loader

        loader.save(self, path)

    def change(self, changes: Mapping[str, Any], *, name: str | None = None) -> Scenario:
        """The same scenario with some fields set; this one stays as it is.

        Args:
            changes: dotted paths and the values a file would have, such as {"teams.sdr.size": 4,
                "steps.qualify.work": "20 min"}.
            name: what to call the result.

        Raises:
            ScenarioError: a path that does not exist, or a value that does not fit.
        """
        from salessim.scenario import loader

        return loader.change(self, changes, name)

    @property
    def in_force(self) -> Scenario:
        """The scenario as it runs: with its level of standardisation worked into the steps; itself if there is none."""
        return self.with_standard or self

    @cached_property
    def with_standard(self) -> Scenario | None:
        """The scenario with its level of standardisation worked into the steps; None, and not itself, if there is none.

        What is kept here is compared with the fields: two scenarios that held themselves could not be compared.
        """
        from salessim.scenario import loader

        return loader.with_standard(self)

    @property
    def hash(self) -> str:
        """32 hexadecimal digits that stand for what the scenario says, whatever the order of its parts."""
        from salessim.scenario import loader

        return loader.scenario_hash(self)
