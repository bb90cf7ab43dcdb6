"""What needs two paragraphs of a scenario at once: names that exist, shares that add up, ways that end.

Every finding has a path, so that the loader can say in which line it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salessim.catalogue import clashes
from salessim.errors import nearest as nearest
from salessim.records import COLUMNS, FILE_NAMES
from salessim.scenario.formulas import NAMES, RESERVED, Formula
from salessim.scenario.model import ALWAYS, REST, Role, share_in

if TYPE_CHECKING:
    from salessim.scenario.channels import Channel
    from salessim.scenario.model import Route, Scenario, Step

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that does not fit: where, what, and what to do."""

    path: Path
    problem: str
    remedy: str


class Misfit(ValueError):
    """A problem found while a scenario is put together; carries its path past pydantic."""

    def __init__(self, problem: Problem) -> None:
        self.found = problem
        super().__init__(f"{problem.problem}; {problem.remedy}")


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Everything in a scenario that would stop it from running."""
    yield from _names(scenario)
    yield from _shares(scenario)
    yield from _ends(scenario)
    yield from _people(scenario)
    yield from _formulas(scenario)
    yield from _branches(scenario)
    yield from _places(scenario)
    yield from _owners(scenario)
    yield from _money(scenario)


def roles_of_step(step: Step) -> list[Role]:
    """The people a step asks for; for a step that needs nobody, nobody."""
    return [Role(by=step.by, skill=step.skill), *step.together_with] if step.kind == "work" else []


def _at(scenario: Scenario, step: str) -> Path:
    return ("stages", scenario.stage_of(step), "steps", step)


def forms(scenario: Scenario) -> Iterator[tuple[Path, str, Step]]:
    """Every step and every version of one, with its path and the step's name."""
    for name, step in scenario.steps.items():
        path = _at(scenario, name)
        yield path, name, step
        for i, version in enumerate(step.versions):
            yield (*path, "versions", i, "step"), name, version.step


def _names(scenario: Scenario) -> Iterator[Problem]:
    steps, teams, segments = scenario.steps, scenario.teams, scenario.segments
    calendars = {*scenario.calendars, ALWAYS}
    skills = {s for t in teams.values() for s in t.skills}

    def known(path: Path, name: str | None, all_: Iterable[str], what: str) -> Iterator[Problem]:
        if name is not None and name not in set(all_):
            yield Problem(path, f"there is no {what} {name!r}", nearest(name, all_))

    seen: dict[str, str] = {}
    for stage, part in scenario.stages.items():
        for title in part.steps:
            if title in seen:
                yield Problem(
                    ("stages", stage, "steps", title),
                    f"the step {title!r} is also in stage {seen[title]!r}", "give each step its own name",
                )  # fmt: skip
            seen[title] = stage
    if ALWAYS in scenario.calendars:
        yield Problem(("calendars", ALWAYS), f"{ALWAYS!r} is the calendar that is always open", "choose another name")
    if REST in segments:
        yield Problem(("segments", REST), f"{REST!r} stands for all segments not named", "choose another name")
    for name, team in teams.items():
        yield from known(("teams", name, "calendar"), team.calendar, calendars, "calendar")
    for name, places in scenario.limits.items():
        yield from known(("limits", name, "each"), places.each, teams, "team")
    for name, channel in scenario.channels.items():
        yield from known(("channels", name, "enters"), channel.enters, steps, "step")
        for segment in channel.segments:
            yield from known(("channels", name, "segments", segment), segment, segments, "segment")
        for i, mix in enumerate(channel.mixes):
            for segment in mix.segments:
                yield from known(("channels", name, "mixes", i, "segments", segment), segment, segments, "segment")
        if channel.junk is not None:
            yield from known(("channels", name, "junk", "segment"), channel.junk.segment, segments, "segment")
        if channel.duplicates is not None:
            yield from known(("channels", name, "duplicates", "segment"), channel.duplicates.segment, segments, "segment")
            yield from known(("channels", name, "duplicates", "mark"), channel.duplicates.mark, scenario.attributes, "attribute")
        yield from known(("channels", name, "market"), channel.market, scenario.markets, "market")
        if channel.arrivals is not None:
            yield from known(("channels", name, "arrivals", "calendar"), channel.arrivals.calendar, calendars, "calendar")
            yield from _hours(("channels", name, "arrivals", "hours"), channel.arrivals.hours or {})
            calendar = scenario.calendars.get(channel.arrivals.calendar)
            if calendar is not None and not calendar.shifts:
                yield Problem(
                    ("channels", name, "arrivals", "calendar"), f"the calendar {channel.arrivals.calendar!r} has no weekly shifts, so a rate per week means nothing",
                    "give it shifts, or choose another",
                )  # fmt: skip
    for path, _, step in forms(scenario):
        yield from known((*path, "calendar"), step.calendar, calendars, "calendar")
        yield from known((*path, "customer_hours"), step.customer_hours, calendars, "calendar")
        yield from known((*path, "owner"), step.owner, scenario.limits, "limit")
        for r, role in enumerate(roles_of_step(step)):
            where = path if r == 0 else (*path, "together_with", r - 1)
            for i, who in enumerate(role.by):
                yield from known((*where, "by", i) if len(role.by) > 1 else (*where, "by"), who, teams, "team")
            if role.skill is not None:
                yield from known((*where, "skill"), role.skill, skills, "skill")
                lacking = [t for t in role.by if t in teams and role.skill not in teams[t].skills]
                if lacking:
                    yield Problem(
                        (*where, "by"), f"team {lacking[0]!r} does not have the skill {role.skill!r}",
                        "add the skill to the team or take the team out",
                    )  # fmt: skip
        for segment in (*step.time_by_segment, *step.patience_by_segment, *(step.automation.time_by_segment if step.automation else ())):
            yield from known(path, segment, segments, "segment")
        for i, route in enumerate(step.then):
            yield from known((*path, "then", i, "to"), route.to, steps, "step")
            if isinstance(route.share, dict):
                for segment in route.share:
                    yield from known((*path, "then", i, "share", segment), segment, {*segments, REST}, "segment")
        for i, branch in enumerate(step.parallel or ()):
            yield from known((*path, "parallel", i), branch, steps, "step")
        for i, end in enumerate(step.unless):
            yield from known((*path, "unless", i, "to"), end.to, steps, "step")
        if isinstance(step.adherence, dict):
            for segment in step.adherence:
                yield from known((*path, "adherence", segment), segment, {*segments, REST}, "segment")
        for field, names in (("takes", step.takes), ("gives_back", step.gives_back)):
            for limit in names:
                yield from known((*path, field), limit, scenario.limits, "limit")
        if step.gives_up is not None:
            yield from known((*path, "gives_up", "to"), step.gives_up.to, steps, "step")
        for i, spawn in enumerate(step.spawns):
            yield from known((*path, "spawns", i, "to"), spawn.to, steps, "step")
            yield from known((*path, "spawns", i, "segment"), spawn.segment, segments, "segment")
            yield from known((*path, "spawns", i, "passes"), spawn.passes, scenario.limits, "limit")
            if spawn.kind in scenario.channels:
                yield Problem((*path, "spawns", i, "kind"), f"{spawn.kind!r} is also a channel", "choose another name")
            if isinstance(spawn.probability, dict):
                for segment in spawn.probability:
                    yield from known((*path, "spawns", i, "probability", segment), segment, {*segments, REST}, "segment")


def _hours(path: Path, hours: Iterable[str]) -> Iterator[Problem]:
    """Spans of whole hours, of some weekdays or of all, that do not overlap."""
    from salessim.scenario.calendars import hours_of_week

    taken: dict[tuple[int, int], str] = {}
    for span in hours:
        try:
            days, pairs = hours_of_week(span)
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            yield Problem((*path, span), problem, remedy)
            continue
        if any(minute % 60 for pair in pairs for minute in pair):
            yield Problem((*path, span), f"{span!r} does not begin and end on the hour", "write whole hours such as '08:00-12:00'")
            continue
        for hour in ((day, minute // 60 % 24) for day in sorted(days) for start, end in pairs for minute in range(start, end, 60)):
            if hour in taken:
                yield Problem((*path, span), f"{span!r} and {taken[hour]!r} overlap", "give each hour of the day once")
                break
            taken[hour] = span


def _shares(scenario: Scenario) -> Iterator[Problem]:
    for path, _, step in forms(scenario):
        given = [r for r in step.then if r.share is not None and not r.when and not r.factor]
        for segment in scenario.segments:
            total = sum(share_in(r.share, segment) for r in given if r.share is not None)
            has_rest = any(r.rest for r in step.then)
            if total > 1 + 1e-6 or (not has_rest and abs(total - 1) > 1e-6):
                who = f" for segment {segment!r}" if any(isinstance(r.share, dict) for r in given) else ""
                yield Problem(
                    (*path, "then"), f"the shares of the routes{who} sum to {100 * total:.4g} %",
                    "make them sum to 100 %, or leave one share out to take the rest",
                )  # fmt: skip
                break
            if not has_rest and all(r.limit is not None or share_in(r.share, segment) == 0 for r in given if r.share is not None):
                yield Problem(
                    (*path, "then"), f"for segment {segment!r} every route with a share has a limit, so a case could get stuck",
                    "leave one share out to take the rest",
                )  # fmt: skip
                break


def _live(step: Step, segment: str) -> list[Route]:
    """Routes that some case of a segment takes; what closed and fading routes leave goes to the rest."""
    gives = any((r.limit is not None or r.fades or r.when or r.factor) and step.share_of(r, segment) > 0 for r in step.then)
    return [r for r in step.then if step.share_of(r, segment) > 0 or (r.rest and gives)]


def next_steps(step: Step, segment: str) -> set[str]:
    """The steps to which some case of a segment goes on, branches, competing ends and versions included."""
    found = {r.to for r in _live(step, segment) if r.to}
    found |= {step.gives_up.to} if step.gives_up and step.gives_up.to else set()
    found |= {end.to for end in step.unless if end.to} | set(step.parallel or ())
    for version in step.versions:
        found |= next_steps(version.step, segment)
    return found


def _join(scenario: Scenario, step: Step, segment: str, without: str | None) -> bool:
    """Whether all branches of a split can join without coming to a step; true for what is no split."""
    for start in step.parallel or () if without is not None else ():
        seen: set[str] = set()
        todo = [start]
        while todo:
            name = todo.pop()
            if name in seen or name == without or name not in scenario.steps:
                continue
            seen.add(name)
            todo += next_steps(scenario.steps[name], segment)
        if not any(r.join for name in seen for r in scenario.steps[name].then):
            return False
    return True


def segments_of(channel: Channel) -> list[str]:
    """Segments in which cases of a channel may come, at whatever time."""
    mixes = [channel.segments, *(m.segments for m in channel.mixes)]
    found = {g for mix in mixes for g, share in mix.items() if share > 0}
    found |= {channel.junk.segment} if channel.junk is not None and channel.junk.share > 0 else set()
    found |= {channel.duplicates.segment} if channel.duplicates is not None and channel.duplicates.share > 0 and channel.duplicates.segment is not None else set()
    return sorted(found)


def reachable(scenario: Scenario, without: str | None = None) -> set[tuple[str, str]]:
    """(step, segment) that some case can come to, or its parent's customer; or those it can come to without a step."""
    steps = scenario.steps
    todo = [(c.enters, g) for c in scenario.channels.values() for g in segments_of(c)]
    found: set[tuple[str, str]] = set()
    while todo:
        name, segment = here = todo.pop()
        if here in found or name not in steps or name == without:
            continue
        found.add(here)
        step = steps[name]
        todo += [(to, segment) for to in next_steps(step, segment) if to in (step.parallel or ()) or _join(scenario, step, segment, without)]
        spawns = [*step.spawns, *(s for v in step.versions for s in v.step.spawns)]
        todo += [(s.to, s.segment or segment) for s in spawns if share_in(s.probability, segment) > 0]
    return found


def _ends(scenario: Scenario) -> Iterator[Problem]:
    steps = scenario.steps
    if any(to not in steps for s in steps.values() for to in s.onward):
        return  # named above
    # Give-ups are no way out of a loop: a customer who is served at once never gives up.
    visited = reachable(scenario)
    for segment in scenario.segments:
        live = {name: _live(step, segment) for name, step in steps.items()}
        ending = {n for n, routes in live.items() if any(r.to is None for r in routes) or any(e.lost for e in steps[n].unless)}
        while more := {n for n in steps if n not in ending and any(r.to in ending for r in live[n])}:
            ending |= more
        stuck = [n for n in steps if n not in ending and (n, segment) in visited]
        if stuck:
            whose = f" of segment {segment!r}" if len(scenario.segments) > 1 else ""
            yield Problem(
                _at(scenario, stuck[0]), f"a case{whose} can never leave the process from here (steps {', '.join(sorted(stuck)[:6])})",
                "add a route with 'lost' or 'done'",
            )  # fmt: skip
            return
    # A cycle of steps that surely take no time is a loop without end at one instant.
    timeless = {
        n for n, s in steps.items()
        if not (s.parallel or s.gather or s.posted or s.sets) and all(s.time_in(g).law == "constant" and s.time_in(g).mean == 0 for g in scenario.segments)
    }  # fmt: skip
    sure = {
        n: {r.to for r in steps[n].then if r.to in timeless and r.limit is None and all(steps[n].share_of(r, g) >= 1 for g in scenario.segments)}
        for n in timeless
    }
    for name in sorted(timeless):
        seen, at = [], name
        while sure[at] and at not in seen:
            seen.append(at)
            at = next(iter(sure[at]))
        if at in seen:
            yield Problem(
                _at(scenario, name), f"the steps {' -> '.join([*seen[seen.index(at) :], at])} go round without taking time",
                "give one of them some time, or the way back a share below 100 %",
            )  # fmt: skip
            return


def _people(scenario: Scenario) -> Iterator[Problem]:
    for name, step in scenario.steps.items():
        if step.kind != "work":
            continue
        for role in roles_of_step(step):
            able = role.by or tuple(t for t, team in scenario.teams.items() if role.skill in team.skills)
            if able and all(t in scenario.teams and scenario.teams[t].people == 0 for t in able):
                yield Problem(_at(scenario, name), f"nobody is in {' or '.join(able)}", "give the team a size above 0")
            several = [t for t in able if step.together_with and t in scenario.teams and scenario.teams[t].concurrency > 1]
            if several:
                yield Problem(
                    (*_at(scenario, name), "together_with"), f"people of {several[0]!r} do several cases at once, so a step cannot need them together with others",
                    "set the team's concurrency to 1, or let another team do this step",
                )  # fmt: skip
                break


def _formulas(scenario: Scenario) -> Iterator[Problem]:
    """Names in formulas exist, units fit, and only what is set is drawn."""
    attributes = scenario.attributes
    known = {
        "attribute": (attributes, "attribute"), "on": ({*scenario.calendars, ALWAYS}, "calendar"), "in_use": (scenario.limits, "limit"),
        "owned": ({n for n, limit in scenario.limits.items() if limit.each}, "limit with 'each'"),
        "segment": (scenario.segments, "segment"), "channel": ({*scenario.channels, *(s.kind for _, _, step in forms(scenario) for s in step.spawns)}, "channel"),
    }  # fmt: skip

    def fits(path: Path, formula: Formula | None, draws: bool = False) -> Iterator[Problem]:
        if formula is None:
            return
        for what, (names, word) in known.items():
            for name in sorted(formula.names(what) - set(names)):
                yield Problem(path, f"there is no {word} {name!r}", nearest(name, [*names, *NAMES] if what == "attribute" else names))
        if formula.dimension != "number":
            yield Problem(path, f"the formula {formula.text!r} gives a {formula.dimension} where a plain number belongs", "divide it by a unit such as '1 h'")
        if formula.draws and not draws:
            yield Problem(path, f"the formula {formula.text!r} asks for a draw", "draw in 'sets' or in the formula of an attribute, and use the attribute here")
        for currency in sorted(formula.currencies - {scenario.currency}):
            yield Problem(path, f"an amount is in {currency}", f"convert it to {scenario.currency}")

    for name, attribute in attributes.items():
        path: Path = ("attributes", name)
        if name in RESERVED:
            yield Problem(path, f"{name!r} already means something in formulas", "choose another name")
        if name in {*COLUMNS, *FILE_NAMES.values()}:
            yield Problem(path, f"{name!r} is a column of the event log", "choose another name")
        yield from fits((*path, "formula"), attribute.formula, draws=True)
        for law in (attribute.starts, *attribute.by_segment.values()):
            if law.dimension != "number":
                yield Problem(path, f"{law.quantities[0].text!r} is a {law.dimension} where a plain number belongs", "write a number without unit")
        for segment in attribute.by_segment:
            if segment not in scenario.segments:
                yield Problem((*path, "by_segment", segment), f"there is no segment {segment!r}", nearest(segment, scenario.segments))
    yield from _circles(scenario)
    for name, channel in scenario.channels.items():
        for attribute_name in channel.attributes:
            if attribute_name not in attributes:
                yield Problem(("channels", name, "attributes", attribute_name), f"there is no attribute {attribute_name!r}", nearest(attribute_name, attributes))
    for path, _, step in forms(scenario):
        for field in ("factor", "count", "serve_first"):
            yield from fits((*path, field), getattr(step, field))
        late = {i.of for i in step.serve_first.code if i.what == "fact"} & {"waited", "spent"} if step.serve_first else set()
        if late:
            yield Problem((*path, "serve_first"), f"{sorted(late)[0]!r} is 0 when a case joins the queue, which is when its rank is worked out", "leave it out; of equal rank, who came first is first anyway")
        for attribute_name, formula in step.sets.items():
            if attribute_name not in attributes:
                yield Problem((*path, "sets", attribute_name), f"there is no attribute {attribute_name!r}", nearest(attribute_name, attributes))
            yield from fits((*path, "sets", attribute_name), formula, draws=True)
        for i, route in enumerate(step.then):
            yield from fits((*path, "then", i, "when"), route.when)
            yield from fits((*path, "then", i, "factor"), route.factor)
        for i, spawn in enumerate(step.spawns):
            yield from fits((*path, "spawns", i, "when"), spawn.when)
            yield from fits((*path, "spawns", i, "factor"), spawn.factor)
            for attribute_name, formula in spawn.gives.items():
                if attribute_name not in attributes:
                    yield Problem((*path, "spawns", i, "gives", attribute_name), f"there is no attribute {attribute_name!r}", nearest(attribute_name, attributes))
                yield from fits((*path, "spawns", i, "gives", attribute_name), formula)
    for name, what in clashes(scenario):
        yield Problem(("measures", name), f"{name!r} means something already: {what}", "choose another name")
    for name, measure in scenario.measures.items():
        try:
            measure.measured_in(scenario.currency)
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            yield Problem(("measures", name, "unit"), problem, remedy)
        for field in (measure.kind, "when"):
            formula = getattr(measure, field)
            if formula is None:
                continue
            late = {i.of for i in formula.code if i.what == "fact"} - {"value", "cost", "age", "segment", "channel"}
            if late or any(formula.names(moment) for moment in ("on", "in_use", "owned")):
                yield Problem(("measures", name, field), f"{', '.join(sorted(late)) or 'on, in_use or owned'} means something only during a visit", "keep it in an attribute with 'sets', and measure the attribute")
            elif field == "when" or formula.dimension != "time":
                yield from fits(("measures", name, field), formula if formula.dimension == "number" or field == "when" else None)


def _circles(scenario: Scenario) -> Iterator[Problem]:
    """Attributes whose first values depend on each other."""
    left = {n: a.formula.names("attribute") & set(scenario.attributes) if a.formula else set() for n, a in scenario.attributes.items()}
    while ready := [n for n, needed in left.items() if not needed & set(left)]:
        for name in ready:
            del left[name]
    if left:
        name = min(left)
        yield Problem(("attributes", name), f"its first value depends on itself (by way of {', '.join(sorted(left))})", "let one of them start without a formula")


def _branches(scenario: Scenario) -> Iterator[Problem]:
    """Branches end in a join or a loss, and nothing but a branch comes to a join."""
    steps = scenario.steps
    if any(to not in steps for s in steps.values() for to in s.onward):
        return
    depth: dict[str, tuple[str, ...]] = {}
    todo: list[tuple[str, tuple[str, ...]]] = [(c.enters, ()) for c in scenario.channels.values() if c.enters in steps]
    todo += [(s.to, ()) for _, _, step in forms(scenario) for s in step.spawns if s.to in steps]
    while todo:
        name, inside = todo.pop()
        if name in depth:
            if depth[name] != inside:
                both = [" in ".join(reversed(d)) or "no branch" for d in (depth[name], inside)]
                yield Problem(_at(scenario, name), f"cases come to {name!r} inside different branches ({both[0]}; {both[1]})", "give each its own step, and end branches with 'join'")
                return
            continue
        depth[name] = inside
        if len(inside) > 8:
            yield Problem(_at(scenario, name), "branches inside branches without end", "end a branch before it comes to its own beginning")
            return
        for form in (steps[name], *(v.step for v in steps[name].versions)):
            ways = [r.to for r in form.then] + [e.to for e in form.unless] + [form.gives_up.to if form.gives_up else None]
            todo += [(to, inside) for to in ways if to is not None]
            todo += [(to, (*inside, name)) for to in form.parallel or ()]
            if inside and any(r.done for r in form.then):
                yield Problem((*_at(scenario, name), "then"), f"a branch of {inside[-1]!r} ends with 'done'", "end a branch with 'join' or 'lost'")
                return
            if not inside and any(r.join for r in form.then):
                yield Problem((*_at(scenario, name), "then"), "'join' ends a branch, but cases come here that are not in one", "send them on with 'to', or come here by way of 'parallel'")
                return


def _places(scenario: Scenario) -> Iterator[Problem]:
    """Nobody takes a place twice or waits for a place while holding one that another needs for his, and what is given back has been taken."""
    steps = scenario.steps
    if not scenario.limits or any(to not in steps for s in steps.values() for to in s.onward):
        return
    # What a case holds itself, and what the case holds of which it is a branch.
    here: dict[tuple[str, frozenset[str], frozenset[str]], tuple[str, ...]] = {}
    nothing: frozenset[str] = frozenset()
    todo: list[tuple[str, frozenset[str], frozenset[str], tuple[str, ...]]] = [(c.enters, nothing, nothing, (c.enters,)) for c in scenario.channels.values() if c.enters in steps]
    waits: dict[str, set[str]] = {}
    held: dict[str, set[str]] = {}
    while todo:
        name, own, above, way = todo.pop()
        if (name, own, above) in here:
            continue
        here[name, own, above] = way
        step, path = steps[name], _at(scenario, name)
        twice = sorted((own | above) & set(step.takes)) or sorted(limit for limit in step.takes if step.takes.count(limit) > 1)
        if twice:
            yield Problem(path, f"a case that holds a place of {twice[0]!r} comes to take another: {' → '.join(way[-8:])}", "give the place back before, or take it at a step outside of the loop or of the branches")
            return
        foreign = sorted(set(step.gives_back) & above - own - set(step.takes))
        if foreign:
            yield Problem((*path, "gives_back"), f"a branch cannot give back the place of {foreign[0]!r} that its case took: {' → '.join(way[-8:])}", "give it back when the branches have joined")
            return
        for taken in step.takes:
            waits.setdefault(taken, set()).update(own | above)
        short = sorted(n for n in own | above if step.gather is not None and step.gather.at_most is None and _places_of(scenario, n) < step.gather.size)
        if short:
            yield Problem((*path, "gather"), f"{step.gather.size if step.gather else 0} cases never come together, since each holds one of {_places_of(scenario, short[0])} places of {short[0]!r}", "add 'at_most', gather fewer, or give the place back before")
            return
        held.setdefault(name, set()).update(own | set(step.takes))
        brought = [s for form in (step, *(v.step for v in step.versions)) for s in form.spawns if s.to in steps]
        todo += [(s.to, frozenset({s.passes} & (own | set(step.takes)) if s.passes else ()), nothing, (s.to,)) for s in brought]
        after = (own | set(step.takes)) - set(step.gives_back)
        ways = {r.to for form in (step, *(v.step for v in step.versions)) for r in form.then if r.to}
        todo += [(to, after, above, (*way, to)) for to in sorted(ways)]
        broken = {e.to for e in step.unless if e.to} | ({step.gives_up.to} if step.gives_up and step.gives_up.to else set())
        todo += [(to, kept, above, (*way, to)) for to in sorted(broken) for kept in (own, own | set(step.takes))]
        todo += [(to, nothing, above | own | set(step.takes), (*way, to)) for to in sorted(step.parallel or ())]
    for path, name, step in forms(scenario):
        for field, wanted in (("gives_back", set(step.gives_back)), ("spawns", {s.passes for s in step.spawns if s.passes})):
            never = sorted(wanted - held.get(name, set())) if name in held else []
            if never:
                yield Problem((*path, field), f"no case that comes here holds a place of {never[0]!r}", f"write 'takes: {never[0]}' at a step before, or leave this out")
                return
    for limit in sorted(waits):
        seen: set[str] = set()
        at = [limit]
        while at:
            for other in waits.get(at.pop(), set()) - seen:
                seen.add(other)
                at.append(other)
        if limit in seen:
            yield Problem(("limits", limit), f"cases that hold {', '.join(sorted(seen - {limit})) or limit} wait for {limit!r} and the other way round, so all could wait for ever", "take both at one step, or give one back first")
            return


def _places_of(scenario: Scenario, limit: str) -> int:
    """All places of a limit."""
    found = scenario.limits[limit]
    return found.size if found.each is None else found.size * scenario.teams[found.each].people


def _owners(scenario: Scenario) -> Iterator[Problem]:
    """A step that the owner of a case does is done by the team whose persons own cases, and owners are found somewhere."""
    taken = {limit for step in scenario.steps.values() for limit in step.takes}
    for name, step in scenario.steps.items():
        limit = scenario.limits.get(step.owner or "")
        if limit is None:
            continue
        path = (*_at(scenario, name), "owner")
        if limit.each is None:
            yield Problem(path, f"the places of {step.owner!r} belong to nobody", f"write 'each: {step.by[0]}' at limits.{step.owner}, so that each person has so many")
        elif limit.each != step.by[0]:
            yield Problem(path, f"{step.owner!r} are places of {limit.each!r}, but the step is done by {step.by[0]!r}", "let the team of the owner do it, or leave 'owner' out")
        elif step.owner not in taken:
            yield Problem(path, f"no step takes a place of {step.owner!r}, so no case has an owner", f"write 'takes: {step.owner}' at the step where a case is given to a person")


def _money(scenario: Scenario) -> Iterator[Problem]:
    """One currency, times where times belong and money where money belongs."""
    currency = scenario.currency

    def same(path: Path, amount: object) -> Iterator[Problem]:
        if amount is not None and getattr(amount, "currency", currency) != currency:
            yield Problem(path, f"{amount} is not in {currency}", f"convert it, or set currency: {amount.currency}")  # type: ignore[attr-defined]

    def kind(path: Path, law: object, wanted: str, example: str) -> Iterator[Problem]:
        found = getattr(law, "dimension", wanted)
        if found != wanted:
            text = law.quantities[0].text  # type: ignore[attr-defined]
            yield Problem(path, f"{text!r} is a {found if found != 'number' else 'bare number'} where {'a time' if wanted == 'time' else 'money'} belongs", f"write for example '{example}'")
        if wanted == "money":
            for q in getattr(law, "quantities", []):
                if q.dimension == "money" and q.text.split()[-1].upper() != currency:
                    yield Problem(path, f"{q.text} is not in {currency}", f"convert it, or set currency: {q.text.split()[-1].upper()}")

    for name, team in scenario.teams.items():
        yield from same(("teams", name, "cost"), team.cost)
        if team.absence is not None:
            yield from kind(("teams", name, "absence", "spell"), team.absence.spell, "time", "3 days")
        if team.attrition is not None:
            yield from kind(("teams", name, "attrition", "tenure"), team.attrition.tenure, "time", "3 years")
            yield from kind(("teams", name, "attrition", "hiring"), team.attrition.hiring, "time", "3 months")
    for name, calendar in scenario.calendars.items():
        if calendar.outages is not None:
            yield from kind(("calendars", name, "outages", "between"), calendar.outages.between, "time", "30 days")
            yield from kind(("calendars", name, "outages", "repair"), calendar.outages.repair, "time", "4 h")
    for name, channel in scenario.channels.items():
        yield from same(("channels", name, "cost"), channel.cost)
        if channel.duplicates is not None:
            yield from kind(("channels", name, "duplicates", "after"), channel.duplicates.after, "time", "3 days")
        for where, amount in _outlays(channel):
            yield from same(("channels", name, "arrivals", *where), amount)
    for name, market in scenario.markets.items():
        yield from kind(("markets", name, "returns"), market.returns, "time", "1 year")
    for name, segment in scenario.segments.items():
        yield from kind(("segments", name, "value"), segment.value, "money", f"800 {currency}")
        yield from kind(("segments", name, "patience"), segment.patience, "time", "3 days")
    for path, _, step in forms(scenario):
        yield from same((*path, "cost"), step.cost)
        yield from kind((*path, step.kind), step.time, "time", "25 min")
        for segment_name, law in step.time_by_segment.items():
            yield from kind((*path, "time_by_segment", segment_name), law, "time", "25 min")
        yield from kind((*path, "patience"), step.patience, "time", "3 days")
        for segment_name, patience in step.patience_by_segment.items():
            yield from kind((*path, "patience_by_segment", segment_name), patience, "time", "3 days")
        if step.automation is not None:
            yield from kind((*path, "automation", "time"), step.automation.time, "time", "2 min")
            for segment_name, law in step.automation.time_by_segment.items():
                yield from kind((*path, "automation", "time_by_segment", segment_name), law, "time", "2 min")
        yield from kind((*path, "attempt"), step.attempt, "time", "3 min")
        for i, end in enumerate(step.unless):
            yield from kind((*path, "unless", i, "after"), end.after, "time", "14 days")
        for i, spawn in enumerate(step.spawns):
            yield from kind((*path, "spawns", i, "after"), spawn.after, "time", "90 days")
    for name, cost in scenario.costs.items():
        yield from same(("costs", name, "running"), cost.running)
        yield from same(("costs", name, "one_off"), cost.one_off)


def _outlays(channel: Channel) -> Iterator[tuple[Path, object]]:
    """The money in what a channel does to bring cases, with its place below `arrivals`."""
    arrivals = channel.arrivals
    if arrivals is None:
        return
    for i, campaign in enumerate(arrivals.campaigns):
        yield ("campaigns", i, "cost"), campaign.cost
        yield ("campaigns", i, "spend"), campaign.spend
        yield ("campaigns", i, "lift", "half_at"), campaign.lift.half_at if campaign.lift else None
    if (spend := arrivals.spend) is not None:
        yield ("spend", "per_week"), spend.per_week
        yield ("spend", "half_at"), spend.half_at
        yield ("spend", "before"), spend.before
        for i, change in enumerate(spend.changes):
            yield ("spend", "changes", i, "per_week"), change.per_week
    if arrivals.content is not None:
        yield ("content", "cost_per_piece"), arrivals.content.cost_per_piece
