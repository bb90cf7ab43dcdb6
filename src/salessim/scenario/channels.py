"""Where cases come from: channels with their arrivals, campaigns, content and spend, and the markets they draw on.

`scenario.intensity` turns these records into rates over time, `scenario.response` works out what money, content and
campaigns add to them and what they cost.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from salessim.durations import Law
from salessim.scenario.calendars import ANY_MONTH, ANY_WEEKDAY, by_month, by_weekday
from salessim.scenario.parts import ALWAYS, Documented, Mark, Name, Part
from salessim.units import CostRate, Duration, Money, Rate, Share

Factor = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
WeekdayFactors = Annotated[
    dict[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], Annotated[float, Field(ge=0, le=1e6)]],
    BeforeValidator(by_weekday, json_schema_input_type=dict[Literal[ANY_WEEKDAY], Factor]),  # type: ignore[valid-type]  # mypy reads no Literal of a tuple
]
MonthFactors = Annotated[
    dict[Literal["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], Factor],
    BeforeValidator(by_month, json_schema_input_type=dict[Literal[ANY_MONTH], Factor]),  # type: ignore[valid-type]  # mypy reads no Literal of a tuple
]
Steepness = Annotated[float, Field(ge=0.1, le=20)]


class Dated(Part):
    """Something that holds from the beginning of a day on, until the next of its kind."""

    since: Annotated[dt.date, Field(alias="from")]

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)


class Decay(Part):
    """How fast an effect fades by itself: after each half-life half of it is left."""

    half_life: Duration

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.half_life <= 0:
            raise ValueError("a half-life of zero leaves nothing to fade; give a time, or leave the decay out")
        return self


class Lift(Part):
    """What money brings a week: most · m^shape / (half_at^shape + m^shape) for m a week (Hill 1910)."""

    most: Rate
    half_at: Money
    """Money a week at which half of the most comes."""
    shape: Steepness = 1.0

    @model_validator(mode="after")
    def _some_money(self) -> Self:
        if self.half_at.value <= 0:
            raise ValueError("half_at is not above zero; give the money a week that brings half of the most")
        return self


class Campaign(Documented):
    """Days on which a channel brings more, or fewer, cases than usual (both dates included).

    `factor` multiplies what comes anyway, `adds` brings so many more, `lift` as many more as its `spend` makes. With
    `decay` the effect fades after the last day instead of ending. `cost` is due on the first day, `spend` while it runs.
    """

    start: dt.date
    end: dt.date
    factor: Factor | None = None
    adds: Rate | None = None
    lift: Lift | None = None
    decay: Decay | None = None
    cost: Money | None = None
    spend: CostRate | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"the campaign ends on {self.end}, before it starts on {self.start}; swap the dates")
        given = [f for f in ("factor", "adds", "lift") if getattr(self, f) is not None]
        if len(given) != 1:
            raise ValueError(f"a campaign has exactly one of 'factor', 'adds' and 'lift', not {' and '.join(given) or 'none'}; keep one")
        if self.lift is not None and self.spend is None:
            raise ValueError("the lift depends on what is spent, and no 'spend' is given; add it, such as '300 EUR/day'")
        return self


class SpendChange(Dated):
    """From a day on so much is spent a week."""

    per_week: Money


class Spend(Lift, Documented):
    """Advertising: what is spent a week brings cases, each further amount fewer; the money counts as cost.

    With `adstock` yesterday's money still works: what counts is spending averaged over the past with weights that halve
    every half-life. Before the start `before` was spent a week, by default nothing.
    """

    per_week: Money
    changes: tuple[SpendChange, ...] = ()
    adstock: Decay | None = None
    before: Money | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _check_order([c.since for c in self.changes])
        if self.before is not None and self.adstock is None:
            raise ValueError("'before' matters only where money works on; add 'adstock', or remove it")
        return self


class PiecesChange(Dated):
    """From a day on so many pieces are published."""

    pieces: Rate


class Publication(Part):
    """Pieces published on one day."""

    date: dt.date
    pieces: Annotated[int, Field(ge=1, le=1_000_000)]


class Content(Documented):
    """Articles, videos, references: a stock that is built slowly, ages, and brings cases for as long as it lasts.

    A piece begins to work `lag` after it is published and then brings `per_piece`, halving every half-life. At the start
    `initial` pieces' worth is at work; without it, what publishing `before` so many for ever comes to (nothing without
    `before`). What was published within the lag before the start still comes into effect.
    """

    pieces: Rate
    changes: tuple[PiecesChange, ...] = ()
    published: tuple[Publication, ...] = ()
    per_piece: Rate
    half_life: Duration
    lag: Duration = 0
    initial: Annotated[float, Field(ge=0, le=1e9)] | None = None
    before: Rate | None = None
    cost_per_piece: Money | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _check_order([c.since for c in self.changes])
        if self.half_life <= 0:
            raise ValueError("content with a half-life of zero brings nobody; give a time such as '90 days'")
        return self


class Arrivals(Documented):
    """Cases that come by themselves: an inhomogeneous Poisson process, over-dispersed if days differ by more than chance.

    `rate` is the mean over a whole ordinary week, before holidays, season, growth and campaigns; the profiles are
    relative, so they need no particular scale, and hours in which `calendar` is closed simply get nothing. Hours are those of
    all days ("09:00-12:00") or of some ("Sat 09:00-12:00"). What spend,
    content and campaigns add comes on top, in the same profile and season; growth and factors are those of `rate`.
    """

    rate: Rate
    weekdays: WeekdayFactors | None = None
    hours: dict[str, Factor] | None = None
    calendar: Name = ALWAYS
    months: MonthFactors = {}
    yearly_growth: Annotated[float, Field(gt=-1, le=100)] = 0.0
    campaigns: tuple[Campaign, ...] = ()
    spend: Spend | None = None
    content: Content | None = None
    daily_cv: Annotated[float, Field(ge=0, le=10)] = 0.0
    weekly_volatility: Share = 0.0
    """How far the level wanders: the standard deviation of its relative change from one week to the next."""
    batch: dict[Annotated[int, Field(ge=1, le=10_000)], Share] | None = None

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if 0 < self.daily_cv < 0.001:
            raise ValueError(f"daily_cv is {self.daily_cv:g}, too little to matter; give 0 or at least 0.001")
        if self.batch is not None:
            _check_total(self.batch.values(), "the shares of the batch sizes")
        return self


class ReplayFile(Part):
    """Where recorded arrivals stand: a CSV beside the scenario, read when the scenario is loaded (`scenario.replays`)."""

    file: str
    time: str
    """Column of ISO dates."""
    case: str | None = None
    """Column of the case: of each case only the earliest date counts."""


class Mix(Dated):
    """From a day on other customers come: the shares of the segments."""

    segments: dict[Name, Share]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_total(self.segments.values(), "the shares of the segments")
        return self


class Junk(Part):
    """The share of arrivals that are no customers; the other segments share the rest."""

    share: Share
    segment: Name


class Duplicates(Part):
    """The share of arrivals that come again, as another case of the same customer, who does not count twice.

    `mark` names an attribute that is 1 for the copy, so that a route can find it; `segment` gives the copy a segment of
    its own, else it has that of the first case.
    """

    share: Share
    after: Law
    mark: Mark | None = None
    segment: Name | None = None


class Channel(Documented):
    """Where cases come from: generated by `arrivals`, or replayed from the dates in `replay` or in a file.

    `attributes`: laws of what cases of this channel start with, where they differ from the scenario's `attributes`.
    `mixes`: segments that change from a day on. `market`: who comes is one of so many (see `Market`).
    """

    enters: Name
    segments: dict[Name, Share]
    mixes: tuple[Mix, ...] = ()
    attributes: dict[Mark, Law] = {}
    junk: Junk | None = None
    duplicates: Duplicates | None = None
    market: Name | None = None
    arrivals: Arrivals | None = None
    replay: tuple[dt.datetime, ...] | ReplayFile | None = None
    cost: Money | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.arrivals is None) == (self.replay is None):
            raise ValueError("a channel has either 'arrivals' or 'replay'; give exactly one of them")
        _check_total(self.segments.values(), "the shares of the segments")
        _check_order([m.since for m in self.mixes])
        if self.market is not None and self.replay is not None:
            raise ValueError("recorded arrivals came whatever the market; remove 'market', or use 'arrivals'")
        if self.junk is not None and self.junk.segment in self.segments:
            raise ValueError(f"{self.junk.segment!r} is the segment of the junk and has a share besides; keep one of them")
        return self


class Market(Documented):
    """A market of so many customers, which the channels that name it share.

    An arrival finds one of them; if that one is already a customer or in process, nothing comes of it. So fewer come
    the more have been reached. Who was lost may come again after `returns`; without it, never.
    """

    size: Annotated[int, Field(ge=1, le=1_000_000_000)]
    returns: Law | None = None


def _check_total(shares: Any, what: str) -> None:
    total = sum(shares)
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"{what} sum to {100 * total:.4g} %; make them sum to 100 %")


def _check_order(dates: list[dt.date]) -> None:
    if dates != sorted(set(dates)):
        raise ValueError("the changes are not in order of their dates, or two are of one day; put them in order")
