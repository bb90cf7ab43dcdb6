"""Random small crowded models: few people, short shifts, ties everywhere, every mechanism of the language."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

from salessim.errors import ScenarioError
from salessim.network import Network, build
from salessim.scenario.model import Scenario

MECHANISMS = (
    "priority", "first_come", "newest_first", "highest_value", "longest_in_process", "patience", "patience by segment",
    "gives up to a step", "together", "three together", "hold", "preference", "skill", "overtime", "calendar", "night shift",
    "automation", "customer", "automatic on a calendar", "limit", "fade of queue", "fade of age", "fade table", "loop", "spawn",
    "new customer", "batch", "replay", "dispersion", "campaign", "weekday profile", "share by segment", "time by segment", "milestone", "step cost",
    "arrival calendar", "replay outside the horizon", "mixture with a constant", "zero time", "tabled law", "warm-up", "step priority", "waiting room",
    "attribute", "attribute by segment", "attribute formula", "attribute of a channel", "inherited", "sets", "time factor", "time from arrival", "time from arrival, but at least", "time from arrival on a calendar", "whole days of a calendar", "condition", "share factor",
    "serve first", "adherence", "silent", "unless", "unless to a step", "reminders", "posted every", "posted at", "gather", "gather without end",
    "parallel", "parallel count", "branch takes a place", "branch brings a case", "branch lost", "branch inside a branch", "limit of places", "place held over steps", "automatic takes a place", "place passed on",
    "version", "version of a share", "spawn condition", "gift", "clock in a formula", "places in a formula",
    "absence", "paid absence", "joining", "leaving", "attrition", "ramp", "ramp table", "learning", "meeting", "course", "change of pace", "under load",
    "several at once", "slowdown", "outages",
    "owner", "owner's load in a formula", "owner who may be away", "customer hours",
    "duplicates", "duplicates with a mark", "duplicates with a segment", "junk", "mix from a day on", "market", "market they return to", "market and referral",
    "campaign that fades", "campaign by spend", "spend", "content",
    "in process", "in process on its own time", "in process in a queue", "in process at work", "in process at work by several", "in process in a batch",
    "in process after a step", "in process with a place", "in process with a person's place", "in process with attributes", "in process and won",
    "in process of a spawned kind", "in process before a posting",
)  # fmt: skip


def random_scenario(seed: int, seen: Counter[str] | None = None) -> Scenario:
    """A small crowded model; `seen` counts the mechanisms it uses."""
    rng = random.Random(seed)
    used: Counter[str] = Counter() if seen is None else seen

    def maybe(p: float, what: str) -> bool:
        if rng.random() < p:
            used[what] += 1
            return True
        return False

    def minutes(low: int = 0, high: int = 9) -> str:
        return f"{10 * rng.randint(low, high)} min"

    def time_law(low: int = 1) -> Any:
        kind = rng.random()
        if kind < 0.6:
            return minutes(low)
        if kind < 0.7:
            return {"law": "exponential", "mean": minutes(max(1, low))}
        if kind < 0.8:
            return {"law": "lognormal", "mean": minutes(max(1, low)), "cv": 0.7}
        if kind < 0.9:
            used["tabled law"] += 1
            return {"law": "gamma", "mean": minutes(max(1, low)), "cv": rng.choice([0.5, 1.5])}
        if kind < 0.95:
            used["mixture with a constant"] += 1
            return {"law": "mixture", "parts": [{"share": 0.5, "of": "20 min"}, {"share": 0.5, "of": {"law": "exponential", "mean": "1 h"}}]}
        return {"law": "quantiles", "points": {"0 %": "0 min", "50 %": "20 min", "100 %": "60 min"}}

    calendars: dict[str, Any] = {}
    for i in range(rng.randint(0, 2)):
        used["calendar"] += 1
        spans, at = [], 0
        while at < 22:
            opens = at + rng.randint(0, 3)
            closes = opens + rng.randint(1, 4)
            if closes > 24:
                break
            spans.append(f"{opens:02d}:00-{closes:02d}:00")
            at = closes + rng.randint(1, 4)
        if maybe(0.2, "night shift"):
            spans = ["22:00-03:00", "06:00-09:00"]
        calendars[f"cal{i}"] = {"shifts": [{"days": "Mon-Sun", "hours": ", ".join(spans or ["00:00-12:00"])}]}
    teams: dict[str, Any] = {}
    for i in range(rng.randint(1, 3)):
        team: dict[str, Any] = {"size": rng.randint(1, 2), "cost": "60 EUR/hour"}
        if calendars and rng.random() < 0.7:
            team["calendar"] = rng.choice(sorted(calendars))
            if maybe(0.3, "overtime"):
                team["at_shift_end"] = "overtime"
        if rng.random() < 0.4:
            team["skills"] = {"x": rng.choice([0.5, 1.0, 0.7])}
        teams[f"team{i}"] = team
    able = [t for t in teams if "skills" in teams[t]]
    segments = {
        "a": {"value": {"law": "lognormal", "mean": "500 EUR", "cv": 1.0}, "priority": rng.randint(1, 9)},
        "b": {"priority": rng.randint(1, 9), **({"patience": minutes(0, 6)} if maybe(0.3, "patience by segment") else {})},
    }
    names = [f"s{i}" for i in range(rng.randint(2, 5))]
    rich = rng.random() < 0.6
    attributes, limits = (_attributes(rng, maybe, calendars, names) if rich else {}), ({"places": {"size": rng.randint(1, 3)}, "stock": {"size": 2}} if rich and rng.random() < 0.5 else {})
    steps: dict[str, Any] = {}
    for i, name in enumerate(names):
        kind = "work" if i == 0 or rng.random() < 0.7 else rng.choice(["automatic", "customer"])
        step: dict[str, Any] = {kind: time_law(0 if i and maybe(0.2, "zero time") else 1)}
        if maybe(0.2, "time by segment"):
            step["time_by_segment"] = {"b": time_law()}
        if kind == "work":
            _people(rng, step, teams, able, maybe, minutes, names, used)
        elif calendars and maybe(0.4, "automatic on a calendar"):
            step["calendar"] = rng.choice(sorted(calendars))
        if kind == "customer":
            used["customer"] += 1
        if maybe(0.3, "step cost"):
            step["cost"] = "7 EUR"
        if maybe(0.25, "milestone"):
            step["milestone"] = rng.choice(["response", "won", "delivered"])
        step["then"] = _routes(rng, i, names, maybe, minutes, kind == "work")
        if maybe(0.25, "spawn"):
            spawn = {"kind": f"child {name}", "to": rng.choice(names), "probability": 0.3, "after": minutes(0, 12)}
            if maybe(0.4, "new customer"):
                spawn["new_customer"] = True
            step["spawns"] = [spawn]
        if rich:
            _more(rng, name, kind, step, maybe, minutes, time_law, names, calendars, attributes, limits)
        steps[name] = step
    _life(seed, teams, calendars, steps, used)
    _deadlines(seed, steps, used)
    if rich and maybe(0.5, "parallel"):
        _split(rng, steps, names, maybe, time_law, teams)
    channels: dict[str, Any] = {}
    for i in range(rng.randint(1, 2)):
        channel: dict[str, Any] = {"enters": rng.choice(names[:2]), "segments": {"a": 0.5, "b": 0.5}, "cost": "3 EUR"}
        if maybe(0.4, "replay"):
            channel["replay"] = sorted(
                f"2026-03-{2 + rng.randint(0, 1):02d}T{rng.randint(0, 23):02d}:{10 * rng.randint(0, 5):02d}:00" for _ in range(rng.randint(5, 40))
            )
            if maybe(0.1, "replay outside the horizon"):
                channel["replay"] = ["2020-01-01T10:00:00"]
        else:
            arrivals: dict[str, Any] = {"rate": f"{rng.choice([12, 30, 60])} per day"}
            if maybe(0.3, "batch"):
                arrivals["batch"] = {1: 0.5, 3: 0.5}
            if maybe(0.2, "dispersion"):
                arrivals["daily_cv"] = 0.5
            if maybe(0.15, "level that wanders"):
                arrivals["weekly_volatility"] = 0.3
            if maybe(0.2, "weekday profile"):
                arrivals |= {"weekdays": {"Mon": 2, "Tue": 1}, "hours": {"00:00-12:00": 2, "12:00-24:00": 1}}
            if maybe(0.2, "campaign"):
                arrivals["campaigns"] = [{"start": "2026-03-03", "end": "2026-03-03", "factor": 2}]
            if calendars and maybe(0.3, "arrival calendar"):
                arrivals["calendar"] = rng.choice(sorted(calendars))
            channel["arrivals"] = arrivals
        if attributes and maybe(0.3, "attribute of a channel"):
            channel["attributes"] = {"q": {"law": "uniform", "low": 0.4, "high": 0.9}}
        channels[f"c{i}"] = channel
    if rich:
        _in_branches(random.Random(f"branches {seed}"), used, steps, names, limits)
        _owned(random.Random(f"owners {seed}"), used, teams, calendars, steps, limits, channels)
    markets = _demand(random.Random(f"demand {seed}"), used, channels, segments, attributes, steps) if rich else {}
    clock: dict[str, Any] = {"start": "2026-03-02", "horizon": "2 days", "time_zone": rng.choice(["UTC", "Europe/Berlin"])}
    if maybe(0.3, "warm-up"):
        clock["warm_up"] = "8 h"
    if any(spawn["to"] == "refill" for step in steps.values() for spawn in step.get("spawns", [])):
        steps["refill"] = {"automatic": minutes(1, 6), "then": [{"done": True}]}
    data = (
        {"name": f"model {seed}", "clock": clock, "calendars": calendars, "teams": teams, "segments": segments,
         "attributes": attributes, "limits": limits, "markets": markets, "channels": channels, "stages": {"all": {"steps": steps}}}
    )  # fmt: skip
    _standing(random.Random(f"standing {seed}"), used, data)
    try:
        return Scenario.parse(data)
    except ScenarioError as refused:
        if not any(words in refused.problem for words in ("to take another", "never come together", "wait for")):
            raise
        return random_scenario(seed + 1_000_003, seen)  # one that would take a place twice, or wait for ever


def _standing(rng: random.Random, used: Counter[str], data: dict[str, Any]) -> None:
    """Cases that are in process when the run begins; draws of its own, and not in every model."""
    if rng.random() < 0.5:
        return
    steps, teams, limits = data["stages"]["all"]["steps"], data["teams"], data["limits"]
    inside, todo = set(), [b for s in steps.values() for b in s.get("parallel", ())]
    while todo:
        name = todo.pop()
        if name not in inside:
            inside.add(name)
            ways = [*steps[name]["then"], *steps[name].get("unless", []), steps[name].get("gives_up", {})]
            todo += [w["to"] for w in ways if "to" in w] + list(steps[name].get("parallel", ()))
    found: list[dict[str, Any]] = []
    busy, held, owned, waiting = Counter(), Counter(), Counter(), Counter()
    kinds = sorted({spawn["kind"] for s in steps.values() for spawn in s.get("spawns", [])})
    for i in range(rng.randint(1, 12)):
        name = rng.choice(sorted(set(steps) - inside))
        step = steps[name]
        if "parallel" in step:
            continue
        since = rng.choice([0, 1, 10, 20, 50, 100, 300, 3000])
        age = since + rng.choice([0, 0, 30, 500])

        def at(minutes: int) -> str:
            return (dt.datetime(2026, 3, 2) - dt.timedelta(minutes=minutes)).isoformat()

        case: dict[str, Any] = {
            "case": f"open {i}", "channel": rng.choice(sorted(data["channels"])), "segment": rng.choice(["a", "b"]), "arrived": at(age), "since": at(since), "step": name,
        }  # fmt: skip
        what = "in process on its own time"
        takes = step.get("takes", [])
        team = (step.get("by") or [t for t in sorted(teams) if "skills" in teams[t]])[:1] if "work" in step else []
        if team and rng.random() < 0.6 and not any(held[x] >= _places(data, x) for x in takes):
            crew = [*team, *(sorted(teams)[rng.randrange(len(teams))] for _ in step.get("together_with", []))]
            if all(busy[t] + crew.count(t) <= teams[t]["size"] * teams[t].get("concurrency", 1) - ("leaving" in teams[t]) for t in crew):
                case["team"] = crew
                busy.update(crew)
                held.update(takes)
                what = "in process at work by several" if len(crew) > 1 else "in process at work"
        if "team" not in case and ("work" in step or takes):
            if "waiting_room" in step and waiting[name] >= step["waiting_room"]:
                continue
            waiting[name] += 1
            what = "in process in a queue"
        elif "gather" in step:
            what = "in process in a batch"
        elif "posted" in step:
            what = "in process before a posting"
        plain = not step.get("versions") and not any("when" in r or "factor" in r or "fades" in r for r in step["then"])
        if "team" not in case and what != "in process in a queue" and plain and rng.random() < 0.4:
            case["after"] = case.pop("step")
            case["visited"] = {name: rng.randint(1, 2)}
            what = "in process after a step"
        elif rng.random() < 0.4:
            case["visited"] = {name: rng.randint(1, 3)}
        for limit in sorted(limits):
            if limit not in takes and held[limit] < _places(data, limit) and rng.random() < 0.3:
                person = rng.randint(1, teams[limits[limit]["each"]]["size"]) if "each" in limits[limit] and rng.random() < 0.7 else None
                if person is not None and owned[limit, person] >= limits[limit]["size"]:
                    continue
                owned[limit, person] += person is not None
                held[limit] += 1
                case.setdefault("holds", {})[limit] = person
                used["in process with a person's place" if person is not None else "in process with a place"] += 1
        if data["attributes"] and rng.random() < 0.5:
            used["in process with attributes"] += 1
            case["attributes"] = {"q": 0.25, "n": 3}
        if rng.random() < 0.2:
            used["in process and won"] += 1
            case |= {"won": at(since), "responded": at(since), "value": 300.0, "cost": 12.0}
        if kinds and rng.random() < 0.2:
            used["in process of a spawned kind"] += 1
            case["channel"] = rng.choice(kinds)
        used[what] += 1
        found.append(case)
    used["in process"] += 1
    data["in_process"] = found


def _places(data: dict[str, Any], limit: str) -> int:
    found = data["limits"][limit]
    return int(found["size"]) * (data["teams"][found["each"]]["size"] if "each" in found else 1)


def _in_branches(rng: random.Random, used: Counter[str], steps: dict[str, Any], names: list[str], limits: dict[str, Any]) -> None:
    """Branches that take places and bring cases; draws of its own."""
    for name in ("b0", "b3"):
        if name not in steps:
            continue
        if rng.random() < 0.5:
            used["branch takes a place"] += 1
            limits["desk"] = {"size": rng.randint(1, 2)}
            steps[name]["takes"] = ["desk"]
            if rng.random() < 0.5:
                steps[name]["gives_back"] = ["desk"]
        if rng.random() < 0.5:
            used["branch brings a case"] += 1
            steps[name]["spawns"] = [{"kind": f"child {name}", "to": names[0], "probability": 0.2, "after": "30 min", "new_customer": rng.random() < 0.7}]


def _owned(
    rng: random.Random, used: Counter[str], teams: dict[str, Any], calendars: dict[str, Any], steps: dict[str, Any], limits: dict[str, Any],
    channels: dict[str, Any],
) -> None:  # fmt: skip
    """Persons who own cases, and customers who are met in their hours; draws of its own."""

    def everywhere(step: dict[str, Any], **fields: Any) -> None:
        for form in (step, *(v["step"] for v in step.get("versions", []))):
            form.update(fields)

    for step in steps.values():
        if "work" in step and calendars and rng.random() < 0.15:
            used["customer hours"] += 1
            everywhere(step, customer_hours=rng.choice(sorted(calendars)))
    mine = [step for step in steps.values() if "work" in step and len(step.get("by", [])) == 1]
    if not mine or rng.random() < 0.3:
        return
    team = rng.choice(mine)["by"][0]
    limits["deals"] = {"size": rng.randint(1, 3), "each": team}
    for name, channel in channels.items():
        steps[f"given {name}"] = {"automatic": "0 min", "takes": ["deals"], "then": [{"to": channel["enters"]}]}
        if rng.random() < 0.4:
            steps[f"given {name}"]["patience"] = {"law": "exponential", "mean": "3 h"}
        channel["enters"] = f"given {name}"
    used["owner who may be away"] += any(field in teams[team] for field in ("absence", "joining", "leaving", "attrition"))
    for step in mine:
        if step["by"] == [team] and rng.random() < 0.8:
            used["owner"] += 1
            everywhere(step, owner="deals")
            if "factor" not in step and rng.random() < 0.4:
                used["owner's load in a formula"] += 1
                everywhere(step, factor="0.5 + 0.5 * owned('deals')")


def _demand(
    rng: random.Random, used: Counter[str], channels: dict[str, Any], segments: dict[str, Any], attributes: dict[str, Any], steps: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    """What brings cases, and what they are, beyond a rate; draws of its own, so that models are otherwise as they were."""

    def maybe(p: float, what: str) -> bool:
        drawn = rng.random() < p
        used[what] += drawn
        return drawn

    markets: dict[str, Any] = {}
    for channel in channels.values():
        if maybe(0.3, "duplicates"):
            again: dict[str, Any] = {"share": 0.4, "after": rng.choice(["0 min", "40 min", {"law": "exponential", "mean": "2 h"}])}
            if attributes and maybe(0.6, "duplicates with a mark"):
                again["mark"] = "n"
            if maybe(0.4, "duplicates with a segment"):
                again["segment"] = "j"
            channel["duplicates"] = again
        if maybe(0.2, "junk"):
            channel["junk"] = {"share": 0.3, "segment": "j"}
        if maybe(0.2, "mix from a day on"):
            channel["mixes"] = [{"from": "2026-03-03", "segments": {"a": 0.9, "b": 0.1}}]
        if "arrivals" not in channel:
            continue
        if maybe(0.3, "market"):
            channel["market"] = "m"
            markets["m"] = {"size": rng.choice([5, 30])}
            if maybe(0.5, "market they return to"):
                markets["m"]["returns"] = rng.choice(["0 min", "30 min", {"law": "exponential", "mean": "3 h"}])
            used["market and referral"] += any(s.get("new_customer") for step in steps.values() for s in step.get("spawns", []))
        arrivals = channel["arrivals"]
        if maybe(0.15, "campaign that fades"):
            arrivals["campaigns"] = [{"start": "2026-03-01", "end": "2026-03-02", "adds": "20 per day", "decay": {"half_life": "9 h"}}]
        elif maybe(0.15, "campaign by spend"):
            lift = {"most": "30 per day", "half_at": "500 EUR"}
            arrivals["campaigns"] = [{"start": "2026-03-03", "end": "2026-03-09", "lift": lift, "spend": "100 EUR/day", "cost": "50 EUR"}]
        if maybe(0.15, "spend"):
            arrivals["spend"] = {"per_week": "900 EUR", "most": "40 per day", "half_at": "500 EUR", "shape": 2, "adstock": {"half_life": "1 day"}}
        if maybe(0.15, "content"):
            arrivals["content"] = {"pieces": "3 per week", "initial": 4, "half_life": "5 days", "per_piece": "2 per day", "lag": "9 h"}
    if any("j" in (c.get("junk", {}).get("segment"), c.get("duplicates", {}).get("segment")) for c in channels.values()):
        segments["j"] = {"customer": False}
    return markets


def _attributes(rng: random.Random, maybe: Any, calendars: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """q is a share, n a count, s depends on q."""
    result: dict[str, Any] = {"q": {"starts": {"law": "uniform", "low": 0, "high": 1}}, "n": {"starts": rng.randint(0, 2)}}
    maybe(1, "attribute")
    if maybe(0.4, "attribute by segment"):
        result["q"]["by_segment"] = {"a": 0.7}
    if maybe(0.4, "inherited"):
        result["n"]["inherited"] = True
    if maybe(0.7, "attribute formula"):
        result["s"] = {"formula": "clamp(q + 0.3 * normal, 0, 1)" if rng.random() < 0.5 else "if(segment == 'a', q, 1 - q) * (0.5 + uniform)"}
    return result


def _deadlines(seed: int, steps: dict[str, Any], used: Counter[str]) -> None:
    """Times on a calendar that count from the arrival, or in whole days; drawn apart, so that models of before stay what they were."""
    rng = random.Random(f"deadlines {seed}")
    for step in steps.values():
        if "calendar" not in step:
            continue
        changed: dict[str, Any] = {}
        if rng.random() < 0.4:
            used["whole days of a calendar"] += 1
            changed["counts_in"] = "days"
        if rng.random() < 0.4:
            used["time from arrival on a calendar"] += 1
            changed["counts_from"] = "arrival"
            changed |= {"at_least": "2 h"} if rng.random() < 0.5 else {}
        for form in (step, *(v["step"] for v in step.get("versions", ()))):
            form.update(changed)


def _more(
    rng: random.Random, name: str, kind: str, step: dict[str, Any], maybe: Any, minutes: Any, time_law: Any, names: list[str],
    calendars: dict[str, Any], attributes: dict[str, Any], limits: dict[str, Any],
) -> None:  # fmt: skip
    """The mechanisms that only some steps have."""
    if maybe(0.3, "sets"):
        step["sets"] = {"q": rng.choice(["clamp(q + 0.2 * (uniform - 0.5), 0, 1)", "q * 0.9", "logistic(normal + n)"]), "n": "min(n + 1, 5)"}
        if calendars and maybe(0.5, "clock in a formula"):
            step["sets"]["n"] = f"min(n + on('{sorted(calendars)[0]}') / 1 h, 9)"
    if maybe(0.2, "time factor"):
        step["factor"] = "0.5 + q" if not limits or not maybe(0.5, "places in a formula") else "1 + 0.2 * in_use('places') + 0.1 * queue"
    if maybe(0.15, "adherence"):
        step["adherence"] = {"a": 0.6, "default": 0.9}
    if kind == "work":
        if "patience" in step and maybe(0.6, "silent"):
            step |= {"silent": 0.5, "attempt": minutes(0, 2)}
        if maybe(0.2, "serve first"):
            step.pop("queue", None)
            step["serve_first"] = rng.choice(["q", "0.5 * n - q", "-(age / 1 h)", "value / 1 EUR"])
    else:
        if "calendar" not in step and maybe(0.4, "time from arrival"):
            step["counts_from"] = "arrival"
            if maybe(0.5, "time from arrival, but at least"):
                step["at_least"] = minutes(1, 6)
        if maybe(0.4, "unless"):
            ends: list[dict[str, Any]] = [{"after": minutes(1, 9), "lost": "expired"}, {"after": {"law": "exponential", "mean": "2 h"}, "lost": "rival"}]
            if maybe(0.4, "unless to a step"):
                ends[1] = {"after": {"law": "exponential", "mean": "2 h"}, "to": names[-1]}
            step["unless"] = ends[: rng.randint(1, 2)]
        if kind == "customer" and maybe(0.4, "reminders"):
            step["reminders"] = {"every": "20 min", "factor": 0.5, "most": rng.randint(1, 4)}
        if kind == "automatic":
            what = rng.random()
            if what < 0.2 and maybe(1, "posted every"):
                step["posted"] = {"every": rng.choice(["1 h", "25 min"])}
            elif what < 0.4 and maybe(1, "posted at"):
                step["posted"] = {"at": ["08:00", "16:30", "23:30"], "days": "Mon-Fri"}
            elif what < 0.8 and maybe(1, "gather"):
                step["gather"] = {"size": rng.randint(1, 4), **({"at_most": minutes(1, 9)} if rng.random() < 0.7 or not maybe(1, "gather without end") else {})}
    if limits and kind != "customer" and "gather" not in step and "posted" not in step and maybe(0.6, "limit of places"):
        step["takes"] = ["places"]
        if kind == "automatic":
            maybe(1, "automatic takes a place")
        if rng.random() < 0.5 or not maybe(1, "place held over steps"):
            step["gives_back"] = ["places"]
        elif maybe(0.5, "place passed on"):
            step["spawns"] = [{"kind": f"refill {name}", "to": "refill", "probability": 0.5, "after": minutes(1, 6), "passes": "places"}]
    rest = next((r for r in step["then"] if "share" not in r), None)
    if rest is not None and maybe(0.3, "condition"):
        step["then"] = [*step["then"], {"lost": "turned down", "when": rng.choice(["q < 0.2", "n > 2 and segment == 'b'", "visit > 0 and not automated", "channel == 'c0' and q > 0.8"])}]
    if rest is not None and len(step["then"]) > 1 and maybe(0.3, "share factor"):
        given = next(r for r in step["then"] if "share" in r or "when" in r)
        given["factor"] = rng.choice(["q", "2 * q", "1 + n"])
    for spawn in step.get("spawns", []):
        if spawn["kind"].startswith("child") and maybe(0.5, "spawn condition"):
            spawn |= {"factor": "q"} if rng.random() < 0.5 else {"when": "q > 0.4"}
        if maybe(0.4, "gift"):
            spawn["gives"] = {"n": "n + 1", "q": "1 - q"}
    if maybe(0.15, "version"):
        own = {k: v for k, v in step.items() if k != "versions"}
        share = 0.5 if maybe(0.5, "version of a share") else 1.0
        own = {**own, "then": [{"done": True}]} if rng.random() < 0.3 else {**own, kind: time_law()}
        step["versions"] = [{"name": "pilot", "from": "2026-03-03", "share": share, "step": own}]


def _split(rng: random.Random, steps: dict[str, Any], names: list[str], maybe: Any, time_law: Any, teams: dict[str, Any]) -> None:
    """The last step becomes a split whose branches work, wait, get lost or split again."""
    last, then = names[-1], [{"done": True}, {"lost": "gone", "share": 0.2}]
    count = maybe(0.4, "parallel count")
    branches = ["b0"] if count else ["b0", "b1"]
    if not any(r.get("to") == last for r in steps[last]["then"]) and len(names) > 2:
        then.append({"to": names[1], "share": 0.2, "limit": 2})
    steps[last] = {"parallel": branches, "then": then, "milestone": "delivered", **({"count": "floor(4 * (age / 8 h))"} if count else {})}
    steps["b0"] = {"work": time_law(), "by": sorted(teams), "then": [{"join": True}], "milestone": "won", **({"sets": {"n": "n + 1 + branch"}})}
    if maybe(0.5, "branch lost"):
        steps["b0"]["then"].append({"lost": "in a branch", "share": 0.2})
    if not count:
        steps["b1"] = {"customer": time_law(), "then": [{"join": True}]}
        if maybe(0.4, "branch inside a branch"):
            steps["b1"]["then"] = [{"to": "b2"}]
            steps["b2"] = {"parallel": ["b3", "b4"], "then": [{"join": True}]}
            steps["b3"] = {"work": time_law(), "by": sorted(teams)[:1], "then": [{"join": True}, {"lost": "deep", "share": 0.1}]}
            steps["b4"] = {"automatic": time_law(), "then": [{"join": True}]}


def random_network(seed: int) -> Network:
    """The network of a random model; of the next one where the people a step needs never meet."""
    try:
        return build(random_scenario(seed))
    except ScenarioError:
        return random_network(seed + 1_000_003)


def _life(seed: int, teams: dict[str, Any], calendars: dict[str, Any], steps: dict[str, Any], used: Counter[str]) -> None:
    """People who come and go, learn, meet, do several cases at once; systems that fail. Draws of its own, and not in every model."""
    rng = random.Random(f"{seed} people")
    if rng.random() < 0.4:
        return

    def maybe(p: float, what: str) -> bool:
        if rng.random() < p:
            used[what] += 1
            return True
        return False

    joint = {t for s in steps.values() if "together_with" in s for t in teams}
    for calendar in calendars.values():
        if maybe(0.3, "outages"):
            calendar["outages"] = {"between": {"law": "exponential", "mean": "5 h"}, "repair": rng.choice(["1 h", {"law": "exponential", "mean": "40 min"}])}
    for name, team in sorted(teams.items()):
        if maybe(0.35, "absence"):
            team["absence"] = {"share": 0.3, "spell": rng.choice(["2 h", {"law": "exponential", "mean": "3 h"}]), "paid": maybe(0.3, "paid absence")}
        if maybe(0.25, "joining"):
            team["joining"] = [{"count": rng.randint(1, 2), "date": rng.choice(["2026-02-20", "2026-03-03", "2026-03-02"])}]
        if maybe(0.15, "leaving"):
            team["leaving"] = [{"date": "2026-03-03"}]
        if maybe(0.2, "attrition"):
            team["attrition"] = {"tenure": {"law": "exponential", "mean": "12 h"}, "hiring": rng.choice(["0 min", "3 h", {"law": "exponential", "mean": "5 h"}])}
        if ("joining" in team or "attrition" in team) and maybe(0.6, "ramp"):
            team["ramp"] = {"over": "20 h", "start": rng.choice([0.0, 0.5])}
            if maybe(0.3, "ramp table"):
                team["ramp"] = {"points": [["0 h", 0.2], ["2 h", 0.2], ["9 h", 1.2], ["12 h", 1.0]]}
        if maybe(0.2, "learning"):
            team["learning"] = {"rate": 0.8, "experience": rng.choice([0, 2]), "floor": rng.choice([0.01, 0.6])}
        if maybe(0.2, "meeting"):
            team["meetings"] = [{"days": "Mon-Tue", "hours": rng.choice(["09:00-10:30", "02:00-04:00"])}]
        if maybe(0.15, "course"):
            team["courses"] = [{"start": "2026-03-03", "end": "2026-03-03", "hours": rng.choice(["00:00-06:00", "08:00-14:00"])}]
        if maybe(0.2, "change of pace"):
            team["pace"] = [{"start": "2026-03-03", "end": "2026-03-03", "pace": 0.7}, {"start": "2026-02-20", "end": "2026-03-01", "pace": 0.5, "recovers": "1 day"}]
        if maybe(0.2, "under load"):
            team["under_load"] = {"waiting": rng.choice([1, 2.5]), "pace": rng.choice([0.7, 1.4])}
        if name not in joint and maybe(0.5, "several at once"):
            team["concurrency"] = rng.randint(2, 3)
            if maybe(0.5, "slowdown"):
                team["slowdown"] = 0.3


def _people(rng: random.Random, step: dict[str, Any], teams: dict[str, Any], able: list[str], maybe: Any, minutes: Any, names: list[str], used: Any) -> None:
    if able and maybe(0.3, "skill"):
        step["skill"] = "x"
    else:
        step["by"] = rng.sample(sorted(teams), rng.randint(1, len(teams)))
        used["preference"] += len(step["by"]) > 1
    total = sum(t["size"] for t in teams.values())
    if total > 1 and maybe(0.3, "together"):
        others = [{"by": sorted(teams)}]
        if total > 2 and maybe(0.3, "three together"):
            others.append({"by": sorted(teams)})
        step["together_with"] = others
        if maybe(0.5, "hold"):
            step["hold"] = minutes(0, 12)
    if maybe(0.4, "patience"):
        step["patience"] = rng.choice([minutes(0, 9), {"law": "exponential", "mean": "40 min"}])
        if maybe(0.3, "gives up to a step"):
            step["gives_up"] = {"to": names[-1]} if rng.random() < 0.5 else {"lost": "left"}
    if maybe(0.15, "automation"):
        step["automation"] = {"share": 0.5, "time": minutes(0, 3)}
    if maybe(0.15, "waiting room"):
        step["waiting_room"] = rng.randint(0, 2)
    discipline = rng.choice(["priority", "priority", "first_come", "newest_first", "highest_value", "longest_in_process"])
    step["queue"] = discipline
    used[discipline] += 1
    if maybe(0.2, "step priority"):
        step["priority"] = rng.randint(1, 9)


def _routes(rng: random.Random, i: int, names: list[str], maybe: Any, minutes: Any, queues: bool) -> list[dict[str, Any]]:
    rest: dict[str, Any] = {"to": names[i + 1]} if i + 1 < len(names) and rng.random() < 0.8 else {"done": True}
    routes: list[dict[str, Any]] = [rest]
    if maybe(0.5, "loop"):
        back = {"to": rng.choice(names[: i + 1]), "share": 0.3}
        if maybe(0.5, "limit"):
            back["limit"] = rng.randint(1, 2)
        routes.append(back)
    if rng.random() < 0.5:
        lost: dict[str, Any] = {"lost": "gone", "share": {"a": 0.1, "default": 0.2} if maybe(0.4, "share by segment") else 0.15}
        routes.append(lost)
    kind = rng.random()
    if kind < 0.3:
        fade: dict[str, Any] = {"to": names[-1], "share": 0.3}
        if queues and kind < 0.1 and maybe(1, "fade of queue"):
            fade["fades"] = {"law": "exponential", "half_life": "30 min"}
        elif kind < 0.2 and maybe(1, "fade of age"):
            fade["fades"] = {"law": rng.choice(["lomax", "loglogistic"]), "of": "age", "scale": "1 h", "shape": 1.3}
        elif maybe(1, "fade table"):
            fade["fades"] = {"law": "table", "of": "queue" if queues else "age", "points": [["0 min", 1], ["30 min", 0.5], ["2 h", 0.1]]}
        if i + 1 < len(names):  # the last step going to itself could loop for ever in zero time
            routes.append(fade)
    return routes
