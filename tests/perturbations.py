"""The perturbation catalogue: one thing at a time that is different in the log, to see whether the validator finds it.

After the catalogue of the ongoing-bps-state project (Tartu, PERTURBATIONS.md). The model is the demo's truth with a week of
absence in one team; a log is simulated from the model with one thing changed, or changed after it was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salessim.demo import TRUTH
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.scenario.model import Scenario

OFFICE = [{"days": "Mon-Fri", "hours": "09:00-17:00"}]


def model() -> Scenario:
    """What is validated: the legal team is away for the week of 16 March."""
    return Scenario.load(TRUTH).change(
        {"calendars.law": {"shifts": OFFICE, "closed": ["2026-03-16 to 2026-03-20"], "assumption": "away"}, "teams.legal.calendar": "law"}
    )


@dataclass(frozen=True)
class Perturbation:
    """What is different in the log, and where that should be seen."""

    name: str
    parts: tuple[str, ...]
    """At least one of these must be flagged; empty for what must not be flagged."""
    changes: dict[str, Any] | None = None
    after: Callable[[EventLog], EventLog] | None = None

    def log(self, seed: int) -> EventLog:
        """A log in which it has happened."""
        made = simulate(model().change(self.changes or {}), seed=seed, engine="compiled")
        return self.after(made) if self.after else made


def _second_half(changes: dict[str, Any]) -> Callable[[EventLog], EventLog]:
    """Cases that come in from the middle on live in the changed world; queues are those of each world."""

    def splice(log: EventLog) -> EventLog:
        middle = pd.Timestamp(log.about.start) + (pd.Timestamp(log.about.end) - pd.Timestamp(log.about.start)) / 2
        other = simulate(model().change(changes), seed=977, engine="compiled").frame
        chosen = []
        for frame, late in ((log.frame, False), (other, True)):
            born = frame.groupby("case")["enabled"].transform("min")
            part = frame[(born >= middle) == late]
            chosen.append(part.assign(case=part["case"] + (10_000_000 if late else 0)))
        return EventLog(pd.concat(chosen, ignore_index=True), log.about)

    return splice


def _cap(most: int) -> Callable[[EventLog], EventLog]:
    """Who comes while so many are open is turned away."""

    def turn_away(log: EventLog) -> EventLog:
        cases = log.frame.groupby("case").agg(born=("enabled", "min"), over=("ended", "max"), how=("outcome", "last"))
        cases["over"] = cases["over"].where(cases["how"] != "open", pd.Timestamp.max.tz_localize("UTC").as_unit("us").tz_convert(log.about.time_zone))
        inside: list[pd.Timestamp] = []
        kept = []
        for case, row in cases.sort_values("born").iterrows():
            inside = [t for t in inside if t > row["born"]]
            if len(inside) < most:
                inside.append(row["over"])
                kept.append(case)
        return EventLog(log.frame[log.frame["case"].isin(kept)].reset_index(drop=True), log.about)

    return turn_away


def _without(step: str) -> Callable[[EventLog], EventLog]:
    """A step that no log would show."""
    return lambda log: EventLog(log.frame[log.frame["step"] != step].reset_index(drop=True), log.about)


def _other_names(log: EventLog) -> EventLog:
    """People, customers and cases under other names; who is who stays."""
    rng = np.random.default_rng(8)
    frame = log.frame.copy()
    for column in ("case", "customer"):
        old = frame[column].unique()
        frame[column] = frame[column].map(dict(zip(old, rng.permutation(len(old)), strict=True)))
    people = sorted({p for names in frame["person"] for p in names.split(" + ") if p})
    new = dict(zip(people, (f"user {i}" for i in rng.permutation(len(people))), strict=True))
    frame["person"] = [" + ".join(new[p] for p in names.split(" + ")) if names else "" for names in frame["person"]]
    return EventLog(frame.assign(team=""), log.about)


def _jitter(log: EventLog) -> EventLog:
    """Clocks of a system that are some seconds late."""
    rng = np.random.default_rng(9)
    frame = log.frame.copy()
    for column in ("enabled", "started", "ended"):
        frame[column] = frame[column] + pd.to_timedelta(rng.uniform(0, 5, len(frame)), unit="s").as_unit("us")
    frame["started"] = frame["started"].mask(frame["started"] < frame["enabled"], frame["enabled"])
    frame["ended"] = frame["ended"].mask(frame["ended"] < frame["started"], frame["started"])
    return EventLog(frame, log.about)


def _late_clock(log: EventLog) -> EventLog:
    """Half an hour in which nobody could work is worked off within the day."""
    frame = log.frame.copy()
    halt = pd.Timestamp("2026-06-10 11:00", tz=log.about.time_zone)
    mine = (frame["started"] >= halt) & (frame["started"] < halt + pd.Timedelta("30min")) & (frame["person"] != "")
    frame.loc[mine, "started"] = halt + pd.Timedelta("30min")
    frame["ended"] = frame["ended"].mask(mine & (frame["ended"] < frame["started"]), frame["started"] + pd.Timedelta("5min"))
    return EventLog(frame, log.about)


def closed(*days: str) -> dict[str, Any]:
    """Nobody is at work on these days."""
    return {
        "calendars.office": {"shifts": OFFICE, "closed": list(days), "assumption": "test"},
        "calendars.law": {"shifts": OFFICE, "closed": ["2026-03-16 to 2026-03-20", *days], "assumption": "test"},
    }


TAIL = {"law": "mixture", "parts": [{"share": "95 %", "of": {"law": "lognormal", "mean": "2 h", "cv": 0.8}}, {"share": "5 %", "of": {"law": "lognormal", "mean": "20 h", "cv": 0.8}}]}
COLLECT = {"automatic": "0 min", "gather": {"size": 5}, "then": [{"to": "enter order"}]}
WEEKDAYS = {"Mon": 0.6, "Tue": 0.6, "Wed": 1.3, "Thu": 1.2, "Fri": 1.2, "Sat": 1.1, "Sun": 1.0}
REWORK = [{"to": "write quote", "share": "26 %", "limit": 2}, {"to": "decide"}]

CATALOGUE = (
    Perturbation("time-shifted bottleneck", ("calendars",), {"calendars.law.closed": ["2026-06-15 to 2026-06-19"]}),
    Perturbation("stall and recover", ("calendars",), closed("2026-05-12 to 2026-05-13")),
    Perturbation("regime change", ("waiting", "work"), after=_second_half({"teams.sdr.size": 2})),
    Perturbation("phantom rework loop", ("routing",), {"steps.check quote.then": REWORK, "steps.write quote.work": {"law": "lognormal", "mean": "97 min", "cv": 0.8}}),
    Perturbation("branch shift", ("routing",), {"steps.qualify.then": [{"to": "demo", "share": "47 %"}, {"lost": "not a fit"}]}),
    Perturbation("resource swap", ("work",), {"steps.negotiate.by": ["presales"], "steps.contract.by": ["orders"], "steps.enter order.by": ["legal"]}),
    Perturbation("pool consolidation", ("work",), {"teams.orders.size": 3, **{f"steps.{s}.by": ["orders"] for s in ("contract", "enter order", "onboard")}}),
    Perturbation("shifted calendar", ("calendars",), {"calendars.law.shifts": [{"days": "Mon-Fri", "hours": "13:00-21:00"}]}),
    Perturbation("hidden holiday", ("calendars",), closed("2026-05-14")),
    Perturbation("WIP cap", ("arrivals", "waiting"), after=_cap(140)),
    Perturbation("batching", ("waiting",), {"stages.order.steps.collect": COLLECT, "steps.contract.then": [{"to": "collect"}]}, _without("collect")),
    Perturbation("priority inversion", ("waiting",), {"steps.answer.queue": "newest_first"}),
    Perturbation("heavy tail", ("work",), {"steps.write quote.work": TAIL}),
    Perturbation("phase-shifted bursts", ("arrivals",), {"channels.web.arrivals.weekdays": WEEKDAYS}),
    Perturbation("constant rate change", ("arrivals",), {"channels.web.arrivals.rate": "125 per week"}),
)
NOT_TO_BE_SEEN = (
    Perturbation("nothing", ()),
    Perturbation("label noise: other names", (), after=_other_names),
    Perturbation("label noise: clocks late by seconds", (), after=_jitter),
    Perturbation("half an hour's stall", (), after=_late_clock),
)
"""Negative controls, and what the documentation declares undetectable."""
