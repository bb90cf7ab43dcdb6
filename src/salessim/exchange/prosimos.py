"""A Prosimos simulation scenario -- a BPMN diagram and a JSON file -- as a scenario that runs.

The diagram becomes steps as any other (`exchange.journey`); the JSON gives people, calendars, times, shares, rules.
Prosimos gives every person a law of their own for every task, where we give a step one law and people an efficiency:
means are kept for each, shapes are pooled where they differ, and said so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from salessim.errors import ScenarioError
from salessim.exchange.arrivals import channel
from salessim.exchange.bpmn import Imported, finish
from salessim.exchange.bpmn_read import read_diagram
from salessim.exchange.diagram import Diagram, Flow, Node
from salessim.exchange.distributions import built, law, plain, quantiles, seconds
from salessim.exchange.names import apart, clean
from salessim.exchange.prosimos_file import Batch, ProsimosFile, load_prosimos
from salessim.exchange.remarks import Remarks
from salessim.exchange.rules import Attributes, exclusive
from salessim.exchange.settings import Settings
from salessim.exchange.weeks import Week, read_week
from salessim.exchange.xml import read_xml
from salessim.units import SECOND, duration

CLOCK = {"start": "2026-01-05", "time_zone": "UTC", "warm_up": "0 min"}
HORIZON = "26 weeks"


@dataclass
class Person:
    """A resource, or several that are alike: calendar, pay, and a law for every task."""

    ident: str
    name: str
    profile: str
    amount: int
    cost: float
    week: Week
    tasks: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """People of one kind are one team."""
        return json.dumps([self.profile, self.cost, self.week.key, self.tasks], sort_keys=True)


def import_prosimos(diagram: str | Path, parameters: str | Path, *, horizon: str = HORIZON, approximate: bool = False) -> Imported:
    """The scenario of a Prosimos model.

    Args:
        diagram: the BPMN file.
        parameters: the JSON file with the simulation parameters.
        horizon: how long a run lasts; Prosimos counts cases instead.
        approximate: accept that some mechanisms are left out or replaced; the remarks name them.

    Raises:
        ScenarioError: in one line, with place and remedy.
    """
    data = load_prosimos(parameters)
    try:
        duration(horizon)
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise ScenarioError(f"horizon {horizon!r}", problem, remedy) from None
    remarks = Remarks()
    drawing = read_diagram(read_xml(diagram), str(diagram), remarks)
    return _Import(drawing, data, str(parameters), remarks).result(horizon, approximate)


class _Import:
    """One JSON file on its way into settings and parts of a scenario."""

    def __init__(self, diagram: Diagram, data: ProsimosFile, file: str, remarks: Remarks) -> None:
        self.diagram, self.data, self.file, self.remarks = diagram, data, file, remarks
        self.settings = Settings(assumed=False)

    def result(self, horizon: str, approximate: bool) -> Imported:
        self.sections()
        self.attributes = Attributes(self.data, self.file, self.remarks, self.law)
        self.people()
        self.gateways()
        self.events()
        self.teams_and_times()
        self.priorities()
        self.batches()
        known: dict[str, Any] = {
            "clock": {**CLOCK, "horizon": horizon}, "calendars": self.calendars, "teams": self.teams, "segments": {"all": {}},
            "attributes": self.attributes.declared,
        }  # fmt: skip
        week = self.arrival_week()
        name, calendar = "arrivals", "always"
        if not week.always:
            calendar = self.calendar(week, "arrivals")
        try:
            arrivals = channel(self.data.arrival_time_distribution.entry, week, calendar, CLOCK["start"], horizon, self.remarks)
        except ValueError as wrong:
            raise self.wrong("arrival_time_distribution", wrong) from None
        starts = [n.id for n in self.diagram.nodes.values() if n.kind == "start"]
        if len(starts) > 1:
            raise ScenarioError(self.diagram.place, f"the process has {len(starts)} start events", "draw one, as Prosimos asks")
        known["channels"] = {name: {"segments": {"all": 1}, **arrivals}}
        return finish(self.diagram, self.settings, known, self.remarks, self.file, approximate)

    # --- reading with care -----------------------------------------------------------------------------------------

    def wrong(self, place: str, problem: Any, remedy: str = "") -> ScenarioError:
        if isinstance(problem, ValueError):
            problem, _, remedy = str(problem).partition("; ")
        return ScenarioError(f"{self.file}: {place}", str(problem), remedy or "see the Prosimos documentation")

    def law(self, entry: Any, place: str, say: Callable[[float], Any] = seconds) -> Any:
        try:
            return law(entry, say)
        except ValueError as wrong:
            raise self.wrong(place, wrong) from None

    def sections(self) -> None:
        for place, key in sorted(self.data.unread()):
            if not place:
                self.remarks.add("changed", key, "", "section of the JSON", "it has no effect here")
            elif key == "workload_ratio":
                self.remarks.add("changed", place, "", "multitasking", "nobody works on several cases at once")
            else:
                self.remarks.add("differs", f"{place}.{key}", "", "field of the JSON", "it is not read")
        if self.data.gateway_execution_limit is not None:
            self.remarks.add("differs", "gateway_execution_limit", "", "section of the JSON", "loops go on until their shares end them")
        if str(self.data.model_type).upper() == "FUZZY":
            self.remarks.add("changed", "model_type", "", "fuzzy calendars", "people work in all hours that have a chance above zero")

    # --- people ----------------------------------------------------------------------------------------------------

    def people(self) -> None:
        weeks: dict[str, Week] = {}
        self.calendar_names: dict[str, str] = {}
        for n, calendar in enumerate(self.data.resource_calendars):
            weeks[calendar.id] = week = self.week(calendar.time_periods, f"resource_calendars[{n}].time_periods", calendar.id)
            self.calendar_names.setdefault(week.key, calendar.name or calendar.id)
        self.persons: dict[str, Person] = {}
        for n, profile in enumerate(self.data.resource_profiles):
            for m, r in enumerate(profile.resource_list):
                if r.calendar not in weeks:
                    raise self.wrong(f"resource_profiles[{n}].resource_list[{m}]", f"there is no calendar {r.calendar!r}", "add it to resource_calendars")
                self.persons[r.id] = Person(r.id, r.name or r.id, profile.name or profile.id or "staff", r.amount, r.cost_per_hour, weeks[r.calendar])
        for n, task in enumerate(self.data.task_resource_distribution):
            for m, worker in enumerate(task.resources):
                place = f"task_resource_distribution[{n}].resources[{m}]"
                if worker.resource_id not in self.persons:
                    raise self.wrong(place, f"there is no resource {worker.resource_id!r}", "add it to resource_profiles")
                self.persons[worker.resource_id].tasks[task.task_id] = self.law(worker.entry, place)

    def week(self, periods: Any, place: str, ident: str) -> Week:
        try:
            week = read_week(periods)
        except ValueError as wrong:
            raise self.wrong(place, wrong) from None
        if week.rounded:
            self.remarks.add("differs", ident, "", "calendar", "its times are rounded to whole minutes")
        if week.fuzzy:
            self.remarks.add("changed", ident, "", "calendar with chances", "all of its hours count as worked")
        return week

    def calendar(self, week: Week, words: str) -> str:
        """The name of a calendar, declared."""
        if week.always:
            return "always"
        for name, calendar in self.calendars.items():
            if calendar["shifts"] == week.shifts:
                return name
        name = apart({"": clean(words if words != "always" else "calendar", "calendar")}, self.calendars)[""]
        self.calendars[name] = {"shifts": week.shifts}
        return name

    def teams_and_times(self) -> None:
        """Resources that are alike become teams; a task's law and people's efficiencies come from theirs."""
        self.calendars: dict[str, Any] = {}
        self.teams: dict[str, Any] = {}
        groups: dict[str, list[Person]] = {}
        for ident in sorted(self.persons):
            if self.persons[ident].tasks:
                groups.setdefault(self.persons[ident].kind, []).append(self.persons[ident])
        of_profile = [people[0].profile for people in groups.values()]
        wanted = {}
        for kind, people in groups.items():
            alone = len(people) == 1 and (of_profile.count(people[0].profile) > 1 or people[0].amount == 1)
            wanted[people[0].ident] = clean(people[0].name if alone else people[0].profile, "team")
            groups[kind] = people
        names = apart(wanted)
        tasks: dict[str, list[tuple[str, int, Any]]] = {}
        for people in groups.values():
            first, size = people[0], sum(p.amount for p in people)
            name = names[first.ident]
            team: dict[str, Any] = {"size": size, "calendar": self.calendar(first.week, self.calendar_names[first.week.key])}
            if first.cost > 0:
                team["cost"] = f"{first.cost:g} EUR/hour"
            self.teams[name] = team
            for task, time in first.tasks.items():
                tasks.setdefault(task, []).append((name, size, time))
        if any("cost" in t for t in self.teams.values()):
            self.remarks.add("assumed", "cost_per_hour", "", "pay", "in EUR, and paid for hours on duty, where Prosimos counts hours worked")
        self.teams = dict(sorted(self.teams.items()))
        for ident in sorted(set(tasks) - set(self.diagram.nodes)):
            self.remarks.add("differs", ident, "", "task_resource_distribution", "left out, for the diagram has no such task")
        for node in sorted(self.diagram.nodes.values(), key=lambda n: n.id):
            if node.kind == "task":
                if node.id not in tasks:
                    raise self.wrong("task_resource_distribution", f"nobody can do the task {node.label}", "give it at least one resource")
                self.time_of(node, sorted(tasks[node.id], key=lambda t: t[0]))

    def time_of(self, node: Node, people: list[tuple[str, int, Any]]) -> None:
        """One law for a task, and an efficiency for each team where their means differ."""
        fields = self.settings.elements.setdefault(node.id, {})
        fields["by"] = [team for team, _, _ in people]
        laws = {team: built(time) for team, _, time in people}
        means = {team: found.mean for team, found in laws.items()}
        total = sum(size for _, size, _ in people)
        base = sum(size * means[team] for team, size, _ in people) / total
        if max(means.values()) - min(means.values()) <= 1e-6 * max(base, 1.0) and len({json.dumps(t, sort_keys=True) for _, _, t in people}) == 1:
            fields["work"] = people[0][2]
            return
        if min(means.values()) <= 0 or max(means.values()) > 100 * base or base > 100 * min(means.values()):
            raise self.wrong("task_resource_distribution", f"the times of {node.label} differ more than a hundredfold between people", "give the task to some of them only, or times above zero")
        skill = clean(node.name, clean(node.id, "task"))
        skill = apart({"": skill}, {s for t in self.teams.values() for s in t.get("skills", {})})[""]
        for team in laws:
            self.teams[team].setdefault("skills", {})[skill] = plain(base / means[team])
        fields["skill"] = skill
        shares = np.linspace(0.005, 0.995, 199)
        shapes = {team: np.asarray(found.quantile(shares)) / found.mean for team, found in laws.items()}
        first = people[0][0]
        if all(np.allclose(shape, shapes[first], rtol=2e-3, atol=1e-6) for shape in shapes.values()):
            found = laws[first].scaled(base / means[first])
            fields["work"] = _points(found) if found.law == "quantiles" else _dump(found)
            return
        self.remarks.add("differs", node.id, node.name, "times by resource", "each keeps its mean; the spread is that of all of them together")
        fields["work"] = _points(built(_mixture(people, laws, base)))

    # --- ways ------------------------------------------------------------------------------------------------------

    def gateways(self) -> None:
        rules = {rule.id: self.attributes.formula(rule.rules, f"branch_rules[{n}]") for n, rule in enumerate(self.data.branch_rules)}
        for n, gateway in enumerate(self.data.gateway_branching_probabilities):
            node = self.diagram.nodes.get(gateway.gateway_id)
            if node is None:
                self.remarks.add("differs", gateway.gateway_id, "", "gateway_branching_probabilities", "left out, for the diagram has no such gateway")
                continue
            given: dict[str, float | None] = {}
            conditions: dict[str, str] = {}
            for m, way in enumerate(gateway.probabilities):
                place = f"gateway_branching_probabilities[{n}].probabilities[{m}]"
                if way.path_id not in {f.id for f in self.diagram.after[node.id]}:
                    raise self.wrong(place, f"the flow {way.path_id!r} does not leave {node.label}", "use the identifiers of its flows")
                given[way.path_id] = way.value
                if way.condition_id is not None:
                    if way.condition_id not in rules:
                        raise self.wrong(place, f"there is no branch rule {way.condition_id!r}", "add it to branch_rules")
                    conditions[way.path_id] = rules[way.condition_id]
            rest = max(0.0, 1 - sum(v for v in given.values() if v is not None))
            missing = sum(v is None for v in given.values())
            chances = {f: rest / missing if v is None else v for f, v in given.items()}
            self.ways(node, {f.id: chances.get(f.id, 0.0) for f in self.diagram.after[node.id]}, conditions)

    def ways(self, node: Node, chances: dict[str, float], conditions: dict[str, str]) -> None:
        """The settings of a gateway's flows."""
        flows = self.settings.flows
        for ident, chance in chances.items():
            flows[ident] = {"share": min(1.0, chance)}
        if not conditions:
            return
        if node.kind == "inclusive":
            for ident, condition in conditions.items():
                flows[ident]["when"] = condition
            return
        if abs(sum(chances.values()) - 1) > 1e-3:
            raise self.wrong("gateway_branching_probabilities", f"the probabilities of {node.label} sum to {sum(chances.values()):.4g}", "make them sum to 1")
        factors = exclusive(chances, conditions)
        last = max(sorted(chances), key=lambda i: chances[i])
        for ident in chances:
            flows[ident] = {} if ident == last else {"share": 1.0, "factor": factors[ident]}

    def events(self) -> None:
        for n, event in enumerate(self.data.event_distribution):
            self.settings.elements.setdefault(event.event_id, {})["after"] = self.law(event.entry, f"event_distribution[{n}]")
        for n, element in enumerate(self.data.event_attributes):
            changes = [self.attributes.change(a, f"event_attributes[{n}].attributes[{m}]") for m, a in enumerate(element.attributes)]
            if sets := {name: formula for name, formula in changes if formula is not None}:
                self.settings.elements.setdefault(element.event_id, {})["sets"] = sets

    # --- queues and batches ----------------------------------------------------------------------------------------

    def priorities(self) -> None:
        """Rules by level: the lowest level whose rule is true is served first; who fulfils none comes last."""
        levels = [(rule.priority_level, self.attributes.formula(rule.rules, f"prioritisation_rules[{n}]")) for n, rule in enumerate(self.data.prioritisation_rules)]
        if not levels:
            return
        levels.sort(key=lambda pair: pair[0])
        worst = levels[-1][0] + 1
        formula = f"{-worst:g}"
        for level, condition in reversed(levels):
            formula = f"if({condition}, {-level:g}, {formula})"
        for node in self.diagram.nodes.values():
            if node.kind == "task":
                self.settings.elements[node.id]["serve_first"] = formula

    def batches(self) -> None:
        for batch in self.data.batch_processing:
            node = self.diagram.nodes.get(batch.task_id)
            if node is None or node.kind != "task":
                self.remarks.add("differs", batch.task_id, "", "batch_processing", "left out, for the diagram has no such task")
                continue
            gather = self.gathering(batch)
            if gather is None:
                self.remarks.add("changed", node.id, node.name, f"{batch.type} batch", "each case is worked on as it comes; only batches of a size, or after a longest wait, can be expressed")
                continue
            # What a batch of this size does to each case's time: that of the largest size not above it.
            factors = {1: 1.0, **{pair.key: pair.value for pair in batch.duration_distrib}}
            factor = factors[max(k for k in factors if k <= gather["size"])]
            if batch.type != "Sequential":
                factor /= gather["size"]
                self.remarks.add("changed", node.id, node.name, f"{batch.type} batch", "the cases of a batch are worked on one after the other, each for its part of the time")
            if factor != 1:
                self.settings.elements[node.id]["factor"] = plain(factor)
            sizes = {pair.key: pair.value for pair in batch.size_distrib}
            total = sum(sizes.values())
            self.before(node, gather, sizes.get(1, 0.0) / total if total > 0 else 0.0)

    def gathering(self, batch: Batch) -> dict[str, Any] | None:
        """The batch that firing rules describe: a size, a longest wait, or whichever comes first; None if otherwise."""
        size, wait = None, None
        for rules in batch.firing_rules:
            if len(rules) != 1 or rules[0].comparison not in ("=", ">=", ">"):
                return None
            try:
                value = float(rules[0].value)
            except (TypeError, ValueError):
                return None
            if rules[0].attribute == "size" and size is None and 1 <= value <= 100_000:
                size = int(value) + (rules[0].comparison == ">")
            elif rules[0].attribute == "large_wt" and wait is None and 0 < value < 1e9:
                wait = seconds(value)
            else:
                return None
        if size is None:
            return None
        return {"size": size} if wait is None else {"size": size, "at_most": wait}

    def before(self, node: Node, gather: dict[str, Any], alone: float) -> None:
        """Put a place to gather before a task, and a way past it for cases that are worked on alone."""
        diagram, ident = self.diagram, f"{node.id}:batch"
        diagram.add(Node(ident, f"{node.name or node.id} batch", "task", "serviceTask", node.place, group=node.group))
        self.settings.elements[ident] = {"automatic": "0 s", "gather": gather}
        entry = ident
        if alone > 0:
            entry = f"{node.id}:choice"
            diagram.add(Node(entry, f"{node.name or node.id} in a batch?", "exclusive", "exclusiveGateway", node.place, group=node.group))
            diagram.flows[f"{entry}:yes"] = Flow(f"{entry}:yes", "", entry, ident, route={"share": 1 - alone})
            diagram.flows[f"{entry}:no"] = Flow(f"{entry}:no", "", entry, node.id, route={"share": alone})
            self.remarks.add("differs", node.id, node.name, "batch", "those who are worked on alone take as long as in a batch")
        for flow in diagram.before[node.id]:
            flow.target = entry
        diagram.link(ident, node.id, f"{ident}:on")
        diagram.connect()

    def arrival_week(self) -> Week:
        """When cases come: as said, or while somebody who may begin the process is on duty."""
        if self.data.arrival_time_calendar:
            return self.week(self.data.arrival_time_calendar, "arrival_time_calendar", "arrival_time_calendar")
        first: set[str] = set()
        todo, seen = [n.id for n in self.diagram.nodes.values() if n.kind == "start"], set[str]()
        while todo:
            ident = todo.pop()
            if ident in seen:
                continue
            seen.add(ident)
            if self.diagram.nodes[ident].kind == "task":
                first.add(ident)
            else:
                todo += [f.target for f in self.diagram.after[ident]]
        weeks = [p.week for p in self.persons.values() if first & set(p.tasks)]
        return Week.together(weeks) if weeks else Week.together([p.week for p in self.persons.values()])


def _mixture(people: list[tuple[str, int, Any]], laws: Mapping[str, Any], base: float) -> dict[str, Any]:
    """All laws brought to one mean, weighted by the number of people; of many teams the twenty largest."""
    chosen = sorted(people, key=lambda t: (-t[1], t[0]))[:20]
    total = sum(size for _, size, _ in chosen)
    return {"law": "mixture", "parts": [{"share": size / total, "of": _dump(laws[team].scaled(base / laws[team].mean))} for team, size, _ in chosen]}


def _points(found: Any) -> dict[str, Any]:
    """A law of times by points of its quantile function."""
    return quantiles(lambda p: found.quantile(np.clip(p, 1e-7, 1 - 1e-7)) / SECOND, 0.0, math.inf, seconds)


def _dump(found: Any) -> Any:
    return found.model_dump(mode="json", exclude_none=True)


