"""A BPMN 2.0 diagram, with or without a parameter file, as a scenario.

The drawing gives the steps and the ways between them, the parameters what a drawing does not say. What is missing is
assumed and marked; what the scenario language cannot say is refused by name, or left out by name with `approximate`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salessim.errors import ScenarioError
from salessim.exchange import redrawn
from salessim.exchange.bpmn_read import read_diagram
from salessim.exchange.diagram import Diagram
from salessim.exchange.journey import OWN, Journey
from salessim.exchange.names import apart, clean
from salessim.exchange.parameters import Parameters
from salessim.exchange.remarks import Remark, Remarks
from salessim.exchange.settings import GIVEN, Settings, timer
from salessim.exchange.xml import read_xml
from salessim.scenario import loader
from salessim.scenario.checks import Problem
from salessim.scenario.model import Scenario
from salessim.units import DAY, duration

CLOCK = {"start": "2026-01-05", "time_zone": "UTC", "horizon": "52 weeks", "warm_up": "8 weeks"}
OFFICE = {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}], "assumption": GIVEN}
ARRIVALS = {"rate": "10 per week", "calendar": "office", "assumption": GIVEN}


@dataclass(frozen=True)
class Imported:
    """A scenario that was a foreign model, and what could not be taken over as it stood."""

    scenario: Scenario
    remarks: tuple[Remark, ...]


def import_bpmn(path: str | Path, parameters: str | Path | Mapping[str, Any] | None = None, *, approximate: bool = False) -> Imported:
    """The scenario of a BPMN file.

    Args:
        path: BPMN 2.0 XML.
        parameters: a YAML or JSON file, or its data: parts of a scenario, and `elements`, `flows` and `ends` of the
            diagram by identifier or name.
        approximate: accept that some elements are left out or replaced; the remarks name them.

    Raises:
        ScenarioError: in one line, with place and remedy.
    """
    remarks = Remarks()
    given = Parameters(parameters) if parameters is None or isinstance(parameters, Mapping) else Parameters.load(parameters)
    diagram = read_diagram(read_xml(path), str(path), remarks, given.process)
    return finish(diagram, given.settings(diagram), given.scenario, remarks, str(path), approximate)


def finish(diagram: Diagram, settings: Settings, known: Mapping[str, Any], remarks: Remarks, file: str, approximate: bool) -> Imported:
    """Put steps and the rest of a scenario together.

    Args:
        diagram: the drawing.
        settings: what is known of its elements.
        known: parts of the scenario that are known.
        remarks: takes what is assumed.
        file: what messages call the model.
        approximate: see `import_bpmn`.
    """
    gone: set[str] = set()
    if diagram.edits == [] and not settings.flows and not settings.ends:
        data = _as_written(diagram, settings, known)
    else:
        redrawn.recall(diagram)
        gone = redrawn.take_over(diagram, remarks) if diagram.edits else gone
        attributes = {**(diagram.scenario or {}), **known}.get("attributes", {})
        data = _scenario(diagram, Journey(diagram, settings, remarks, attributes), known, remarks)
    _let_go(data, gone, remarks)
    changed = [str(r).removeprefix("changed: ") for r in remarks.all() if r.level == "changed"]
    if changed and not approximate:
        more = f" (and {len(changed) - 5} more)" if len(changed) > 5 else ""
        raise ScenarioError(
            file, f"what this cannot express would change the process: {' | '.join(changed[:5])}{more}",
            "change the diagram or its parameters, or accept it with --approximate",
        )  # fmt: skip
    try:
        return Imported(loader.parse(data), remarks.all())
    except ScenarioError as wrong:
        raise ScenarioError(f"{file}: {wrong.place}", wrong.problem, wrong.remedy) from None


_IN_QUOTES = re.compile(r"'([^']+)'")
_ABOUT_STEPS = {"levers": "lever", "uncertain": "uncertain value", "measures": "measure", "overrides": "override", "invariants": "rule"}


def _let_go(data: dict[str, Any], gone: set[str], remarks: Remarks) -> None:
    """Leave out what is about steps that somebody has taken out of a drawing of ours."""
    words = set(gone)
    while words and isinstance(found := loader.examine(data), list):
        about = [p for p in found if len(p.path) > 1 and p.path[0] in _ABOUT_STEPS and any(_names(p, w) for w in words)]
        if not about:
            return
        section, key = str(about[0].path[0]), about[0].path[1]
        entries = data[section]
        named = dict(enumerate(entries)) if isinstance(entries, list) else entries
        said = named.pop(key) if isinstance(entries, list) else key
        data[section] = list(named.values()) if isinstance(entries, list) else {k: v for k, v in named.items() if k != key}
        words |= {str(said)} if section == "levers" else set()
        remarks.add("changed" if section == "invariants" else "differs", str(said), "", _ABOUT_STEPS[section], f"left out, for the drawing has no {' or '.join(map(repr, sorted(gone)))} any more")


def _names(problem: Problem, word: str) -> bool:
    """Whether a problem is about a step or a field."""
    said = [*map(str, problem.path[1:]), *_IN_QUOTES.findall(problem.problem)]
    return any(s == word or s.startswith((f"{word}.", f"steps.{word}.")) for s in said)


def _as_written(diagram: Diagram, settings: Settings, known: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario that we wrote into a drawing which nobody has changed, with what the parameters say of its steps."""
    data = {**(diagram.scenario or {}), **known}
    stages = {name: {**stage, "steps": {}} for name, stage in (diagram.scenario or {}).get("stages", {}).items() if isinstance(stage, dict)}
    for node in diagram.nodes.values():
        if node.step is not None:
            extra = {k: v for k, v in settings.elements.get(node.id, {}).items() if k not in OWN}
            stages.setdefault(node.stage or "process", {"steps": {}})["steps"][node.step_name or node.id] = {**node.step, **extra}
    data["stages"] = stages
    return data


def _scenario(diagram: Diagram, journey: Journey, known: Mapping[str, Any], remarks: Remarks) -> dict[str, Any]:
    """All data of the scenario: what is known, what the diagram says, and assumptions for the rest."""
    written = diagram.scenario or {}
    data: dict[str, Any] = {"salessim": 1, "name": clean(diagram.name, "process"), **{k: v for k, v in written.items() if k != "stages"}, **known}
    data.setdefault("clock", CLOCK)
    data.setdefault("segments", {"all": {}})
    data["attributes"] = {**journey.attributes, **data.get("attributes", {})}
    if not data["attributes"]:
        del data["attributes"]
    teams = dict(data.get("teams", {}))
    office = False
    for team, words in sorted(journey.teams.items()):
        if team not in teams:
            teams[team] = {"title": words, "size": 1, "calendar": "office", "assumption": f"size and hours {GIVEN}"}
            office = True
            remarks.add("assumed", team, words, "team", "one person in office hours, for nothing says how many there are")
    data["teams"] = teams
    data["channels"] = _channels(diagram, journey, data, remarks)
    if office or any(c.get("arrivals") is ARRIVALS for c in data["channels"].values()):
        data["calendars"] = {"office": OFFICE, **data.get("calendars", {})}
    data["stages"] = _stages(journey, written.get("stages", {}))
    return data


def _channels(diagram: Diagram, journey: Journey, data: Mapping[str, Any], remarks: Remarks) -> dict[str, Any]:
    """The channels that are known, with their start events as the steps these lead to; else one for each start event."""
    starts = {i: diagram.nodes[i].name if i in diagram.nodes else "" for i in journey.entries}
    enters = {**{name: i for i, name in starts.items() if name}, **{i: i for i in starts}}
    channels = dict(data.get("channels", {}))
    if diagram.scenario is not None and channels:
        known = {diagram.nodes[i].channel: step for i, step in journey.entries.items() if i in diagram.nodes and diagram.nodes[i].channel in channels}
        for name, step in known.items():
            channels[str(name)] = {**channels[str(name)], "enters": step}
        return {**channels, **_assumed({i: n for i, n in starts.items() if i not in diagram.nodes or diagram.nodes[i].channel not in channels}, channels, journey, data, remarks)}
    for name, channel in channels.items():
        if not isinstance(channel, dict):
            continue
        start = channel.get("enters")
        if start is None and len(starts) == 1:
            start = next(iter(starts))
        if start in enters:
            channel = {**channel, "enters": journey.entries[enters[start]]}
        if "segments" not in channel and len(data["segments"]) == 1:
            channel = {**channel, "segments": {next(iter(data["segments"])): 1}}
        channels[name] = channel
    return channels or _assumed(starts, {}, journey, data, remarks)


def _assumed(starts: Mapping[str, str], taken: Mapping[str, Any], journey: Journey, data: Mapping[str, Any], remarks: Remarks) -> dict[str, Any]:
    """A channel for each start event about which nothing is known."""
    names = apart({i: clean(name, "start") for i, name in starts.items()}, taken)
    share = 1 / len(data["segments"])
    found = {}
    for i, name in sorted(names.items()):
        node = journey.diagram.nodes.get(i)
        found[name] = {"enters": journey.entries[i], "segments": dict.fromkeys(data["segments"], share), "arrivals": _arrivals(i, starts[i], node.timer if node is not None else None, remarks)}
    return found


def _arrivals(ident: str, name: str, every: str | None, remarks: Remarks) -> dict[str, Any]:
    """How often cases come where only the drawing says it: as its timer repeats, or as is assumed."""
    again = re.fullmatch(r"R\d*/(?:[^/]+/)?(P[^/]+)", every or "")
    time = timer(again[1]) if again is not None else None
    if time is not None and duration(time) > 0:
        remarks.add("differs", ident, name, "timer start", f"cases come at random, on average one in {time}, not in step")
        return {"rate": f"{7 * DAY / duration(time):.10g} per week"}
    if every is not None:
        remarks.add("differs", ident, name, "timer start", f"its time {every[:40]!r} is not read, for it is no repetition")
    remarks.add("assumed", ident, name, "startEvent", f"{ARRIVALS['rate']} in office hours, for nothing says how many cases come")
    return ARRIVALS


def _stages(journey: Journey, written: Mapping[str, Any]) -> dict[str, Any]:
    """The steps by stage, stages and steps in the order in which cases come to them."""
    stages: dict[str, Any] = {name: {**stage, "steps": {}} for name, stage in written.items()}
    here = "process"
    for step, stage in journey.stages.items():
        here = stage or here  # a step that nothing says the stage of belongs to the one before it
        stages.setdefault(here, {"steps": {}})["steps"][step] = journey.steps[step]
    return {name: stage for name, stage in stages.items() if stage["steps"]}
