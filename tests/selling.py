"""A process in which every kind of lever finds something, and a step by itself, for tests by hand arithmetic."""

from __future__ import annotations

from typing import Any

from salessim.experiment import replicate
from salessim.scenario.levers import apply
from salessim.scenario.model import Scenario


def selling(levers: dict[str, Any] | None = None, **changes: Any) -> Scenario:
    """A process in which every kind of lever finds something; nobody ever waits for people."""
    work = {"law": "lognormal", "mean": "30 min", "cv": 0.5}
    data: dict[str, Any] = {
        "name": "selling", "clock": {"start": "2026-01-05", "horizon": "20 weeks", "warm_up": "2 weeks"},
        "calendars": {"long": {"shifts": [{"days": "Mon-Sun", "hours": "06:00-22:00"}]}},
        "teams": {"desk": {"size": 200, "cost": "40 EUR/hour"}, "field": {"size": 200, "cost": "60 EUR/hour"}, "boss": {"size": 200}},
        "segments": {"small": {"value": "1000 EUR"}, "large": {"value": "9000 EUR"}},
        "costs": {"ads": {"running": "1000 EUR/week"}},
        "channels": {"web": {"enters": "answer", "segments": {"small": 0.6, "large": 0.4}, "arrivals": {"rate": "80 per week"}}},
        "stages": {"s": {"steps": {
            "answer": {"work": work, "by": "desk", "milestone": "response", "then": [
                {"to": "wait", "share": 0.5, "fades": {"law": "exponential", "half_life": "5 h"}}, {"lost": "too late"}]},
            "wait": {"automatic": "2 days", "then": [{"to": "quote", "share": 0.4}, {"lost": "no more", "share": 0.1}, {"to": "wait", "share": 0.3, "limit": 3}, {"lost": "silent"}]},
            "quote": {"work": work, "by": "field", "then": [{"to": "check"}]},
            "check": {"work": work, "by": "desk", "then": [{"to": "quote", "share": 0.1}, {"to": "hand over"}]},
            "hand over": {"automatic": "10 h", "then": [{"to": "type in"}]},
            "type in": {"work": work, "by": "desk", "then": [{"to": "legal"}]},
            "legal": {"work": {"law": "exponential", "mean": "4 h"}, "by": "desk", "core": True, "then": [{"lost": "refused", "share": 0.1}, {"to": "approve"}]},
            "approve": {"work": {"law": "exponential", "mean": "4 h"}, "by": "boss", "core": True, "then": [{"to": "sign"}]},
            "sign": {"customer": "5 days", "core": True, "milestone": "won", "spawns": [
                {"kind": "ticket", "to": "help", "probability": {"small": 0.5, "large": 0.8}, "after": "3 days"}], "then": [{"done": True}]},
            "help": {"work": work, "by": "desk", "then": [{"done": True}]},
        }}},
    }  # fmt: skip
    return Scenario.parse(Scenario.parse(data).change(changes).model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True) | {"levers": levers or {}})


def last(scenario: Scenario) -> Any:
    """The far end of the only lever."""
    (lever,) = scenario.levers.values()
    return lever.settings()[-1]


def pulled(lever: dict[str, Any], **changes: Any) -> tuple[Scenario, Scenario]:
    """The process without and with a lever at its far end."""
    base = selling({"l": lever}, **changes)
    return base, apply(base, {"l": last(base)}, name="changed")


def one_step(**step: Any) -> dict[str, Any]:
    return {"stages": {"s": {"steps": {"do": {"work": "10 min", "by": "desk", "milestone": "response", "then": [{"to": "end"}], **step},
                                       "end": {"automatic": "0 min", "milestone": "won", "then": [{"done": True}]}}}}}  # fmt: skip


def minutes(scenario: Scenario, n: int = 6) -> float:
    """Mean minutes from arrival to winning."""
    return 24 * 60 * replicate(scenario, n, seed=2, engine="reference", workers=1).estimate("cycle_time").value


def simple(lever: dict[str, Any], **step: Any) -> Scenario:
    data = selling().model_dump(mode="json", exclude_unset=True, exclude_none=True)
    data["channels"]["web"]["enters"] = "do"
    data["clock"]["horizon"] = "6 weeks"
    return Scenario.parse({**data, **one_step(**step), "levers": {"l": lever}})
