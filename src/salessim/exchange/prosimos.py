"""A Prosimos simulation scenario -- a BPMN diagram and a JSON file -- as a scenario that runs.

The diagram becomes steps as any other (`exchange.journey`); the JSON gives people, calendars, times, shares, rules.
Prosimos gives every person a law of their own for every task, where we give a step one law and people an efficiency:
means are kept for each, shapes are pooled where they differ, and said so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from salessim.errors import ScenarioError
from salessim.exchange.arrivals import channel
from salessim.exchange.bpmn import Imported, finish
from salessim.exchange.diagram import Diagram, Flow, Node, read_diagram
from salessim.exchange.distributions import built, law, plain, quantiles, seconds
from salessim.exchange.json_file import load_json
from salessim.exchange.names import apart, clean
from salessim.exchange.remarks import Remarks
from salessim.exchange.rules import Attributes, exclusive
from salessim.exchange.settings import Settings
from salessim.exchange.weeks import Week, read_week
from salessim.exchange.xml import read_xml
from salessim.units import SECOND, duration

KNOWN = {
    "resource_profiles", "arrival_time_distribution", "arrival_time_calendar", "gateway_branching_probabilities", "task_resource_distribution",
    "resource_calendars", "event_distribution", "batch_processing", "case_attributes", "prioritisation_rules", "branch_rules", "event_attributes",
    "global_attributes", "gateway_execution_limit", "model_type", "granule_size",
}  # fmt: skip
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
    data = load_json(parameters, "Prosimos scenario")
    if not isinstance(data, dict) or "task_resource_distribution" not in data:
        raise ScenarioError(str(parameters), "this is no Prosimos scenario", "give the JSON with 'resource_profiles' and 'task_resource_distribution'")
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

    def __init__(self, diagram: Diagram, data: dict[str, Any], file: str, remarks: Remarks) -> None:
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
            arrivals = channel(self.data.get("arrival_time_distribution"), week, calendar, CLOCK["start"], horizon, self.remarks)
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

    def each(self, section: str, *needed: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The entries of a list, with the place of each."""
        found = self.data.get(section) or []
        if not isinstance(found, list):
            raise self.wrong(section, f"{str(found)[:40]!r} is no list", "write [...]")
        yield from self.entries(found, section, needed)

    def entries(self, found: Any, section: str, needed: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        if not isinstance(found, list):
            raise self.wrong(section, f"{str(found)[:40]!r} is no list", "write [...]")
        for number, entry in enumerate(found):
            place = f"{section}[{number}]"
            missing = next((k for k in needed if not isinstance(entry, dict) or k not in entry), None)
            if missing:
                raise self.wrong(place, f"{missing!r} is missing", "add it")
            yield place, entry

    def sections(self) -> None:
        for key in sorted(set(self.data) - KNOWN):
            if self.data[key]:
                self.remarks.add("changed", key, "", "section of the JSON", "it has no effect here")
        if self.data.get("gateway_execution_limit") is not None:
            self.remarks.add("differs", "gateway_execution_limit", "", "section of the JSON", "loops go on until their shares end them")
        if str(self.data.get("model_type", "CRISP")).upper() == "FUZZY":
            self.remarks.add("changed", "model_type", "", "fuzzy calendars", "people work in all hours that have a chance above zero")

    # --- people ----------------------------------------------------------------------------------------------------

    def people(self) -> None:
        weeks: dict[str, Week] = {}
        self.calendar_names: dict[str, str] = {}
        for place, entry in self.each("resource_calendars", "id", "time_periods"):
            weeks[str(entry["id"])] = week = self.week(entry["time_periods"], f"{place}.time_periods", str(entry["id"]))
            self.calendar_names.setdefault(week.key, str(entry.get("name") or entry["id"]))
        self.persons: dict[str, Person] = {}
        for place, profile in self.each("resource_profiles", "resource_list"):
            for where, entry in self.entries(profile["resource_list"], f"{place}.resource_list", ("id", "calendar")):
                ident = str(entry["id"])
                if str(entry["calendar"]) not in weeks:
                    raise self.wrong(where, f"there is no calendar {entry['calendar']!r}", "add it to resource_calendars")
                amount, cost = self.number(entry.get("amount", 1), f"{where}.amount"), self.number(entry.get("cost_per_hour", 0), f"{where}.cost_per_hour")
                if amount < 1 or amount != int(amount) or amount > 100_000 or cost < 0:
                    raise self.wrong(where, f"amount {amount:g} and cost_per_hour {cost:g} are impossible", "give a whole amount from 1 on and a cost of zero or more")
                self.persons[ident] = Person(ident, str(entry.get("name") or ident), str(profile.get("name") or profile.get("id") or "staff"), int(amount), cost, weeks[str(entry["calendar"])])
        for place, task in self.each("task_resource_distribution", "task_id", "resources"):
            for where, entry in self.entries(task["resources"], f"{place}.resources", ("resource_id",)):
                person = self.persons.get(str(entry["resource_id"]))
                if person is None:
                    raise self.wrong(where, f"there is no resource {entry['resource_id']!r}", "add it to resource_profiles")
                person.tasks[str(task["task_id"])] = self.law(entry, where)

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

    def number(self, value: Any, place: str) -> float:
        try:
            found = float(value)
            if not math.isfinite(found):
                raise ValueError
        except (TypeError, ValueError):
            raise self.wrong(place, f"{str(value)[:40]!r} is no number", "give one") from None
        return found

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
            fields["work"] = _dump(laws[first].scaled(base / means[first]))
            return
        self.remarks.add("differs", node.id, node.name, "times by resource", "each keeps its mean; the spread is that of all of them together")
        mixture = built(_mixture(people, laws, base))
        fields["work"] = quantiles(lambda p: mixture.quantile(np.clip(p, 1e-7, 1 - 1e-7)) / SECOND, 0.0, math.inf, seconds)

    # --- ways ------------------------------------------------------------------------------------------------------

    def gateways(self) -> None:
        rules: dict[str, str] = {}
        for place, rule in self.each("branch_rules", "id", "rules"):
            rules[str(rule["id"])] = self.attributes.formula(rule["rules"], f"{place}.rules")
        for place, gateway in self.each("gateway_branching_probabilities", "gateway_id", "probabilities"):
            node = self.diagram.nodes.get(str(gateway["gateway_id"]))
            if node is None:
                self.remarks.add("differs", str(gateway["gateway_id"]), "", "gateway_branching_probabilities", "left out, for the diagram has no such gateway")
                continue
            given: dict[str, float | None] = {}
            conditions: dict[str, str] = {}
            for where, way in self.entries(gateway["probabilities"], f"{place}.probabilities", ("path_id",)):
                ident = str(way["path_id"])
                if ident not in {f.id for f in self.diagram.after[node.id]}:
                    raise self.wrong(where, f"the flow {ident!r} does not leave {node.label}", "use the identifiers of its flows")
                given[ident] = self.number(way["value"], f"{where}.value") if "value" in way else None
                if way.get("condition_id") is not None:
                    if str(way["condition_id"]) not in rules:
                        raise self.wrong(where, f"there is no branch rule {way['condition_id']!r}", "add it to branch_rules")
                    conditions[ident] = rules[str(way["condition_id"])]
            rest = 1 - sum(v for v in given.values() if v is not None)
            chances = {f: max(0.0, rest) / sum(v is None for v in given.values()) if v is None else v for f, v in given.items()}
            if any(not 0 <= v <= 1 + 1e-9 for v in chances.values()):
                raise self.wrong(place, "a probability is not between 0 and 1", "give shares between 0 and 1")
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
        if isinstance(self.data.get("event_distribution"), dict) and not self.data["event_distribution"]:
            self.data["event_distribution"] = []
        for place, event in self.each("event_distribution", "event_id"):
            self.settings.elements.setdefault(str(event["event_id"]), {})["after"] = self.law(event, place)
        for place, element in self.each("event_attributes", "event_id", "attributes"):
            sets = {}
            for where, attribute in self.entries(element["attributes"], f"{place}.attributes", ("name", "type", "values")):
                name, formula = self.attributes.change(attribute, where)
                if formula is not None:
                    sets[name] = formula
            if sets:
                self.settings.elements.setdefault(str(element["event_id"]), {})["sets"] = sets

    # --- queues and batches ----------------------------------------------------------------------------------------

    def priorities(self) -> None:
        """Rules by level: the lowest level whose rule is true is served first; who fulfils none comes last."""
        levels = []
        for place, rule in self.each("prioritisation_rules", "priority_level", "rules"):
            levels.append((self.number(rule["priority_level"], place), self.attributes.formula(rule["rules"], f"{place}.rules")))
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
        for place, entry in self.each("batch_processing", "task_id", "type", "firing_rules"):
            node = self.diagram.nodes.get(str(entry["task_id"]))
            if node is None or node.kind != "task":
                self.remarks.add("differs", str(entry["task_id"]), "", "batch_processing", "left out, for the diagram has no such task")
                continue
            gather = self.gathering(entry, place)
            if gather is None:
                self.remarks.add("changed", node.id, node.name, f"{entry['type']} batch", "each case is worked on as it comes; only batches of a size, or after a longest wait, can be expressed")
                continue
            factor = self.batch_factor(entry, place, int(gather["size"]))
            if str(entry["type"]) != "Sequential":
                factor /= int(gather["size"])
                self.remarks.add("changed", node.id, node.name, f"{entry['type']} batch", "the cases of a batch are worked on one after the other, each for its part of the time")
            self.settings.elements[node.id]["factor"] = plain(factor)
            self.before(node, gather, self.alone(entry, place))

    def gathering(self, entry: dict[str, Any], place: str) -> dict[str, Any] | None:
        """The batch that firing rules describe: a size, a longest wait, or whichever comes first."""
        size, wait = None, None
        for rules in entry["firing_rules"]:
            if not isinstance(rules, list) or len(rules) != 1 or not isinstance(rules[0], dict):
                return None
            what, sign, value = rules[0].get("attribute"), rules[0].get("comparison"), rules[0].get("value")
            if what == "size" and sign in ("=", ">=", ">") and size is None:
                size = int(self.number(value, place)) + (sign == ">")
            elif what == "large_wt" and sign in ("=", ">=", ">") and wait is None:
                wait = seconds(self.number(value, place))
            else:
                return None
        if size is None or size < 1 or size > 100_000:
            return None
        return {"size": size} if wait is None else {"size": size, "at_most": wait}

    def batch_factor(self, entry: dict[str, Any], place: str, size: int) -> float:
        """What a batch of this size does to each case's time: that of the largest size not above it."""
        found = {1: 1.0}
        for where, item in self.entries(entry.get("duration_distrib") or [], f"{place}.duration_distrib", ("key", "value")):
            found[int(self.number(item["key"], where))] = self.number(item["value"], where)
        return found[max(k for k in found if k <= size)]

    def alone(self, entry: dict[str, Any], place: str) -> float:
        """The share of cases that are worked on outside batches."""
        sizes = {}
        for where, item in self.entries(entry.get("size_distrib") or [], f"{place}.size_distrib", ("key", "value")):
            sizes[int(self.number(item["key"], where))] = self.number(item["value"], where)
        return sizes.get(1, 0.0) / total if (total := sum(sizes.values())) > 0 else 0.0

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
        if self.data.get("arrival_time_calendar"):
            return self.week(self.data["arrival_time_calendar"], "arrival_time_calendar", "arrival_time_calendar")
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


def _dump(found: Any) -> Any:
    return found.model_dump(mode="json", exclude_none=True)


