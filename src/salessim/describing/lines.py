"""What is said about each field of the language: one line of a table per thing a reader wants to know.

A new field of a record gets its line here; a test holds every field to be in a line or in `LEFT_OUT`, and what has
no line is shown as it is written, so that nothing is ever silently missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salessim.describing.telling import Teller, patience_in, teams_of
from salessim.scenario.calendars import DAYS, weekdays
from salessim.scenario.checks import roles_of_step
from salessim.scenario.model import ALWAYS
from salessim.units import HOUR, WEEK

if TYPE_CHECKING:
    from pydantic import BaseModel

Told = str | list[str] | None
"""A sentence, several of them in a list, or nothing."""


@dataclass(frozen=True)
class Line:
    """One thing said about a part, and the fields that it says it from."""

    label: str
    """Key of the word in front of it."""
    fields: tuple[str, ...]
    tell: Callable[[Teller, str, Any], Told]
    """From the teller, the name of the part and the part."""


def told(t: Teller, lines: tuple[Line, ...], name: str, part: BaseModel) -> Iterator[tuple[str, list[str]]]:
    """What there is to say about a part: label and sentences, and in the end what no line knows about, as written."""
    for line in lines:
        said = line.tell(t, name, part)
        if said:
            yield t(line.label) if line.label else "", said if isinstance(said, list) else [said]
    record = type(part).__name__
    known = DESCRIBED.get(record, frozenset()) | LEFT_OUT.get(record, {}).keys()
    for field in type(part).model_fields:
        if field not in known and field in part.model_fields_set and getattr(part, field) is not None:
            value = part.model_dump(mode="json", include={field}, exclude_none=True, exclude_defaults=True).get(field)
            if value not in (None, {}, []):
                text = f"{t.term(field)}{t('colon')}{as_written(t, value)}"
                yield t("title_further"), [t.code(text) if t.code_is_english else t.own(text)]


def as_written(t: Teller, value: Any) -> str:
    """A value in the form of the file, without what was left to its default or stands in the register; not escaped."""
    if isinstance(value, dict):
        law = [t.term(value["law"])] if isinstance(value.get("law"), str) else []
        inside = t("comma").join(f"{_key(t, k)} {as_written(t, v)}" for k, v in value.items() if k not in ("title", "source", "assumption") and not (law and k == "law"))
        return " ".join([*law, inside]).strip()
    if isinstance(value, list):
        return t("semicolon").join(as_written(t, v) for v in value)
    return t.written({True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value))


def _key(t: Teller, key: str) -> str:
    """A key of the file: the path of a field, the name of a part, or the name of a field."""
    if "." in key and key.split(".")[0] in ("steps", "teams", "stages", "channels", "segments", "costs", "attributes", "limits"):
        return t.place(key)
    for parts in (t.scenario.segments, t.scenario.teams, t.scenario.attributes):
        if key in parts:
            return str(getattr(parts[key], "title", None) or key)
    return t.term(key)


# --- ways on ---------------------------------------------------------------------------------------------------


def goal(t: Teller, to: str | None, lost: str | None = None, *, join: bool = False) -> str:
    """Where a case goes."""
    if to is not None:
        return t("goal_to", step=t.step(to))
    if lost is not None:
        return t("goal_lost", reason=t.own(lost))
    return t("goal_join") if join else t("goal_done")


def half_time(fade: Any) -> float | None:
    """The time after which a fading share has halved, None if it never does; solved from the fade's own formula."""
    if fade.law == "exponential":
        return float(fade.half_life)
    if fade.law == "lomax":
        return float(fade.scale * (2 ** (1 / fade.shape) - 1))
    if fade.law == "loglogistic":
        return float(fade.scale)
    for (t0, g0), (t1, g1) in zip(fade.points, fade.points[1:], strict=False):
        if g0 >= 0.5 * fade.points[0][1] >= g1 and g0 > g1:
            return float(t0 + (t1 - t0) * (g0 - 0.5 * fade.points[0][1]) / (g0 - g1))
    return None


def share_of(t: Teller, step: Any, route: Any) -> str:
    """The share of a route in words: a number, one per segment, or the rest with what is left."""
    if route.share is not None:
        return t.share(route.share)
    if route.when is not None:
        return t("open_to_all")
    if len(step.then) == 1:
        return t("always_to")
    if any(r.when is not None for r in step.then):
        return t("rest")
    left = {g: step.share_of(route, g) for g in t.scenario.segments}
    return t("in_brackets", text=t("rest"), inside=t.share(left)) if any(left.values()) else t("rest")


def _fades(t: Teller, fade: Any) -> str:
    half = half_time(fade)
    return t(f"fades_{fade.of}", time=t.time(half, digits=2)) if half is not None else t(f"fades_{fade.of}_open")


ROUTE_LINES = (
    Line("", ("when",), lambda t, _, r: t("route_when", formula=t.formula(r.when)) if r.when else None),
    Line("", ("factor",), lambda t, _, r: t("route_factor", formula=t.formula(r.factor)) if r.factor else None),
    Line("", ("limit",), lambda t, _, r: t("route_limit", count=r.limit) if r.limit is not None else None),
    Line("", ("fades",), lambda t, _, r: _fades(t, r.fades) if r.fades else None),
)
_ROUTE_ITSELF = ("to", "lost", "done", "join", "share")


def remarks(t: Teller, lines: tuple[Line, ...], part: BaseModel) -> str:
    """What a part says besides its main point, in brackets after it; empty if nothing."""
    said = [s for _, sentences in told(t, lines, "", part) for s in sentences]
    return t("in_brackets", text="", inside=t("semicolon").join(said)).rstrip() if said else ""


def route(t: Teller, step: Any, way: Any) -> str:
    """One way on: share, goal and conditions."""
    text = f"{share_of(t, step, way)}{t('colon')}{goal(t, way.to, way.lost, join=bool(way.join))}"
    return text + remarks(t, ROUTE_LINES, way)


SPAWN_LINES = (
    Line("", ("new_customer",), lambda t, _, s: t("spawn_new") if s.new_customer else None),
    Line("", ("segment",), lambda t, _, s: t("spawn_segment", segment=t.segment(s.segment)) if s.segment else None),
    Line("", ("when",), lambda t, _, s: t("spawn_when", formula=t.formula(s.when)) if s.when else None),
    Line("", ("factor",), lambda t, _, s: t("spawn_factor", formula=t.formula(s.factor)) if s.factor else None),
    Line("", ("gives",), lambda t, _, s: [t("spawn_gives", attribute=t.attribute(a), formula=t.formula(f)) for a, f in s.gives.items()]),
    Line("", ("passes",), lambda t, _, s: t("spawn_passes", limit=t.own(s.passes)) if s.passes else None),
)


def spawn(t: Teller, s: Any) -> str:
    """What a finished visit may bring."""
    text = t("spawn", share=t.share(s.probability), kind=t.title(s, s.kind), law=t.law(s.after), goal=goal(t, s.to))
    return text + remarks(t, SPAWN_LINES, s)


# --- steps -----------------------------------------------------------------------------------------------------


def people(t: Teller, role: Any) -> str:
    """Who does it: teams in order of preference, or whoever has the skill."""
    teams = [t.team(n) for n in teams_of(t.scenario, role.by, role.skill)]
    if not role.by:
        return t("whoever", skill=t.own(role.skill), teams=t.listed(teams))
    text = teams[0] if len(teams) == 1 else t("first_choice", first=teams[0], others=t("or").join(teams[1:]))
    return t("in_brackets", text=text, inside=t("with_skill", skill=t.own(role.skill))) if role.skill else text


def _who(t: Teller, _: str, s: Any) -> Told:
    if s.kind == "work":
        first, *others = roles_of_step(s)
        said = [people(t, first), *(t("together", others=people(t, r)) for r in others)]
        if s.owner:
            said[0] = t("owner", text=said[0], limit=t.title(t.scenario.limits.get(s.owner), s.owner))
        if s.customer_hours:
            said.append(t("with_customer", calendar=t.calendar(s.customer_hours)))
        return t("semicolon").join(said)
    if s.kind == "parallel":
        return t("the_branches")
    who = t("the_system") if s.kind == "automatic" else t("the_customer")
    return t.clauses([who, t("runs_in" if s.counts_in == "time" else "runs_in_days", calendar=t.calendar(s.calendar)) if s.calendar else None])


def _time(t: Teller, _: str, s: Any) -> Told:
    if s.kind == "parallel":
        return None
    factor = t("time_factor", formula=t.formula(s.factor)) if s.factor else None
    since = None
    if s.counts_from == "arrival":
        since = t("counts_from_arrival") if s.at_least is None else t("counts_from_at_least", time=t.time(s.at_least))
    return t.clauses([t.laws(s.time, s.time_by_segment, hours=s.kind == "work"), factor, since])


def _branches(t: Teller, _: str, s: Any) -> Told:
    if s.kind != "parallel":
        return None
    count = t("count", formula=t.formula(s.count)) if s.count is not None else None
    return t.clauses([t.listed(t.step(b) for b in s.parallel), count, t("branches_end")])


def _duty(t: Teller, name: str, s: Any) -> Told:
    if s.core and name not in t.scenario.overrides:
        return t("duty_core")
    if s.core:
        override = t.scenario.overrides[name]
        said = t("duty_overridden", reason=t.own(override.reason), who=t.own(override.allowed_by))
        return said if s.adherence == 1.0 else t.clauses([said, t("duty_optional", share=t.share(s.adherence))])
    adherence = s.adherence
    if adherence != 1.0:
        return t("duty_optional", share=t.share(adherence))
    return t("duty_may_skip") if getattr(s, "optional", False) else t("duty_flexible")


def labour(t: Teller, s: Any) -> float:
    """What the people of one visit cost on average, where they are paid by the hour; the slowest sets the pace."""
    if s.kind != "work":
        return 0.0
    firsts = [(role, t.scenario.teams[teams_of(t.scenario, role.by, role.skill)[0]]) for role in roles_of_step(s)]
    pace = min(team.skills.get(role.skill or "", 1.0) for role, team in firsts)
    per_hour = sum(team.cost.amount * HOUR / team.cost.per for _, team in firsts if team.cost and team.cost.hourly)
    return float(per_hour * s.time.mean / HOUR / pace)


def _cost(t: Teller, _: str, s: Any) -> Told:
    work = labour(t, s)
    return t.clauses([t("cost_labour", money=t.money(work, 2)) if work else None, t("cost_fixed", money=t.money(s.cost)) if s.cost else None])


def _queue(t: Teller, _: str, s: Any) -> Told:
    if not s.asks:
        return None
    first = s.serve_first
    return t.clauses([
        t("queue_formula", formula=t.formula(first)) if first else t(f"queue_{s.queue}"),
        t("queue_class", number=s.priority) if s.priority is not None else None,
        t("waiting_room", count=s.waiting_room) if s.waiting_room is not None else None,
        t("hold", time=t.time(s.hold)) if s.hold is not None else None,
    ])  # fmt: skip


def _late(t: Teller, _: str, s: Any) -> Told:
    if not s.asks:
        return None
    laws = {g: patience_in(t.scenario, s, g) for g in t.scenario.segments}
    if not any(laws.values()):
        return t("late_never")
    after = goal(t, s.gives_up.to, s.gives_up.lost) if s.gives_up else t("goal_lost", reason=t("gave_up"))
    if s.patience is None and not s.patience_by_segment:
        text = t("late_segments", goal=after)
    elif len(set(laws.values())) == 1:
        text = t("late", law=t.law(next(iter(laws.values()))), goal=after)
    else:
        each = [t("by_segment_law", segment=t.segment(g), value=t.law(law) if law else t("late_none")) for g, law in laws.items()]
        text = t("late_differs", law=t("semicolon").join(each), goal=after)
    silent = s.silent
    return t.clauses([text, t("late_silent", share=t.percent(silent), law=t.law(s.attempt, hours=True)) if silent else None])


UNLESS_LINES: tuple[Line, ...] = ()
_UNLESS_ITSELF = ("after", "to", "lost")


def _unless(t: Teller, _: str, s: Any) -> Told:
    return [t("unless_one", law=deadline(t, u.after), goal=goal(t, u.to, u.lost)) + remarks(t, UNLESS_LINES, u) for u in s.unless]


def deadline(t: Teller, law: Any) -> str:
    """When something comes over a case that waits. An exponential law has no date: it is a chance at any moment."""
    return t.after(law) if law.law == "exponential" else t("after_law", law=t.law(law))


def _rhythm(t: Teller, _: str, s: Any) -> Told:
    reminders, posted, gather = s.reminders, s.posted, s.gather
    said = []
    if reminders:
        said.append(t("reminders", time=t.time(reminders.every), most=reminders.most, share=t.percent(reminders.factor)))
    if posted:
        every = posted.every is not None
        all_week = posted.days_of_month and len(weekdays(posted.days)) == len(DAYS)  # then the days of the month say it all
        days = t.clauses([None if all_week else t.days(posted.days), t("days_of_month", days=t.listed(map(str, posted.days_of_month))) if posted.days_of_month else None])
        said.append(t("posted_every", time=t.time(posted.every)) if every else t("posted_at", times=t.listed(posted.at), days=days))
    if gather:
        wait = {"size": gather.size} | ({"time": t.time(gather.at_most)} if gather.at_most is not None else {})
        said.append(t("gather_at_most" if "time" in wait else "gather", **wait))
    return t.clauses(said)


def _places(t: Teller, _: str, s: Any) -> Told:
    return t.clauses(
        [t(key, limits=t.listed(t.title(t.scenario.limits.get(n), n) for n in held)) for key in ("takes", "gives_back") if (held := getattr(s, key))]
    )


def _versions(t: Teller, name: str, s: Any) -> Told:
    said = []
    for v in s.versions:
        changed = {f for f in type(s).model_fields if f != "versions" and getattr(v.step, f) != getattr(s, f)}
        lines = tuple(line for line in STEP_LINES if changed & set(line.fields))
        differs = [f"{t(line.label)}{t('colon')}{x}" for line in lines if (x := _flat(t, line.tell(t, name, v.step)))]
        text = t("version", date=v.since, share=t.percent(v.share), name=t.own(v.name))
        said.append(text + (t("colon") + t("semicolon").join(differs) if differs else ""))
    return said


def _flat(t: Teller, said: Told) -> str | None:
    return t("semicolon").join(said) if isinstance(said, list) else said


STEP_LINES = (
    Line("title_who", ("by", "owner", "skill", "together_with", "calendar", "counts_in", "customer_hours"), _who),
    Line("title_time", ("work", "automatic", "customer", "time_by_segment", "factor", "counts_from", "at_least"), _time),
    Line("title_branches", ("parallel", "count"), _branches),
    Line("title_duty", ("core", "adherence", "optional"), _duty),
    Line("title_cost", ("cost",), _cost),
    Line("title_automation", ("automation",), lambda t, _, s: t("automation", share=t.percent(s.automation.share), law=t.laws(s.automation.time, s.automation.time_by_segment)) if s.automation else None),
    Line("title_queue", ("queue", "priority", "serve_first", "waiting_room", "hold"), _queue),
    Line("title_late", ("patience", "patience_by_segment", "gives_up", "silent", "attempt"), _late),
    Line("title_unless", ("unless",), _unless),
    Line("title_rhythm", ("reminders", "posted", "gather"), _rhythm),
    Line("title_places", ("takes", "gives_back"), _places),
    Line("title_sets", ("sets",), lambda t, _, s: [t("sets_one", attribute=t.attribute(a), formula=t.formula(f)) for a, f in s.sets.items()]),
    Line("title_milestone", ("milestone",), lambda t, _, s: t(f"milestone_{s.milestone}") if s.milestone else None),
    Line("title_then", ("then",), lambda t, _, s: [route(t, s, r) for r in s.then]),
    Line("title_spawns", ("spawns",), lambda t, _, s: [spawn(t, x) for x in s.spawns]),
    Line("title_versions", ("versions",), _versions),
    Line("title_further", ("standardisation", "activity"), lambda t, _, s: [x for x in (_followed(t, s), t("logged_as", activity=s.activity) if s.activity else None) if x]),
)


def _followed(t: Teller, part: Any) -> str | None:
    """To which degree a step or stage follows the standard, where it has a level of its own."""
    return t("standard_here", level=t.percent(part.standardisation)) if part.standardisation is not None else None


def _standard(t: Teller, _: str, s: Any) -> Told:
    x = s.standardisation
    if x is None:
        return None
    unusual = {g: share for g, share in x.unusual.items() if share}
    return t("next_sentence").join([
        t("standard", level=t.percent(x.level), spread=t.percent(x.spread), detours=t.percent(x.detours), skips=t.percent(x.skips)),
        *([t("standard_unusual", shares=t.share(unusual))] if unusual else []),
        *([t("standard_loss", loss=t.percent(x.loss), at=t.step(x.decided.at))] if x.loss and x.decided else []),
    ])  # fmt: skip


STAGE_LINES = (Line("", ("standardisation",), lambda t, _, s: _followed(t, s)),)
SCENARIO_LINES = (
    Line("", ("standardisation",), _standard),
    # The others are told at their steps.
    Line("", ("overrides",), lambda t, _, s: [t("override_removed", step=t.own(n), reason=t.own(o.reason), who=t.own(o.allowed_by)) for n, o in s.overrides.items() if o.removed]),
)
UNSURE_LINES = (
    Line("unsure_could", ("value", "factor", "plus", "missing"), lambda t, _, u: t(next(f"unsure_{f}" for f in ("value", "factor", "plus", "missing") if getattr(u, f) is not None), law=t.law(u.law))),
    Line("", ("together",), lambda t, _, u: t("unsure_together", what=t.place(u.together) if u.together in t.scenario.uncertain else t.own(u.together)) if u.together else None),
    Line("", ("rest",), lambda t, _, u: t("unsure_rest", what=t.place(u.rest)) if u.rest else None),
)

# --- people, customers, channels -------------------------------------------------------------------------------


def _open_days(t: Teller, _: str, c: Any) -> Told:
    """Single open days, those with the same hours together."""
    by_hours: dict[str, list[str]] = {}
    for day in c.open:
        by_hours.setdefault(day.hours, []).append(str(day.date))
    return [t("open_day", date=t.listed(dates), hours=t.own(hours)) for hours, dates in by_hours.items()]


CALENDAR_LINES = (
    Line("open_hours", ("shifts",), lambda t, _, c: [f"{t.days(s.days)} {t.own(s.hours)}" + (f" ({t.percent(s.share)})" if s.share < 1 else "") for s in c.shifts]),
    Line("", ("holidays",), lambda t, _, c: t("holidays", country=t.own(_country(c.holidays))) if c.holidays else None),
    Line("", ("closed",), lambda t, _, c: t("closed", dates=t.listed(t.own(re.sub(r"\s+(?:to|至)\s+", t("date_range"), d)) for d in c.closed)) if c.closed else None),
    Line("", ("open",), _open_days),
    Line("", ("time_zone",), lambda t, _, c: t("clock_zone", zone=t.own(c.time_zone)) if c.time_zone else None),
    Line("", ("outages",), lambda t, _, c: t("outages", between=t.law(c.outages.between), repair=t.law(c.outages.repair)) if c.outages else None),
)


def _country(holidays: Any) -> str:
    return holidays if isinstance(holidays, str) else f"{holidays.country}{f'-{holidays.subdivision}' if holidays.subdivision else ''}"


def _skills(t: Teller, _: str, team: Any) -> Told:
    return t.listed(t("efficiency", skill=t.own(k), share=t.percent(v)) if v != 1 else t.own(k) for k, v in team.skills.items())


def _shift_end(t: Teller, _: str, team: Any) -> Told:
    return t("overtime", factor=f"{team.overtime_pay:g}") if team.at_shift_end == "overtime" else t("suspend") if team.calendar != ALWAYS else None


def _newcomers(t: Teller, _: str, team: Any) -> Told:
    ramp = team.ramp
    if not ramp:
        return None
    if ramp.points is None:
        return t("ramp", share=t.percent(ramp.start or 0.0), time=t.time(ramp.over))
    return t("ramp_points", points=t.listed(t("ramp_point", share=t.percent(pace), time=t.time(at)) for at, pace in ramp.points))


def _learning(t: Teller, _: str, team: Any) -> Told:
    if not team.learning:
        return None
    more = t.clauses([
        t("learning_experience", count=f"{team.learning.experience:g}") if team.learning.experience else None,
        t("learning_floor", share=t.percent(team.learning.floor)) if team.learning.floor > 0.01 else None,
    ])  # fmt: skip
    return _with(t, t("learning", share=t.percent(team.learning.rate)), more)


def _with(t: Teller, text: str, more: str | None) -> str:
    """A sentence with what is to be said besides in brackets."""
    return t("in_brackets", text=text, inside=more) if more else text


def _courses(t: Teller, _: str, team: Any) -> Told:
    return [
        _with(t, t("course", title=t.own(c.title) if c.title else t("course_untitled"), start=c.start, end=c.end), t("course_hours", hours=t.own(c.hours)) if c.hours != "00:00-24:00" else None)
        for c in team.courses
    ]  # fmt: skip


def _pace(t: Teller, _: str, team: Any) -> Told:
    return [_with(t, t("pace_change", share=t.percent(p.pace), start=p.start, end=p.end), t("pace_recovers", time=t.time(p.recovers)) if p.recovers else None) for p in team.pace]


def _meetings(t: Teller, _: str, team: Any) -> Told:
    return [t("meeting", title=t.own(m.title) if m.title else t("meeting_untitled"), days=t.days(m.days), hours=t.own(m.hours)) + ("" if m.every == WEEK else t("in_brackets", text="", inside=t("every", time=t.time(m.every)))) for m in team.meetings]


TEAM_LINES = (
    Line("size", ("size",), lambda t, _, team: f"{team.size}"),
    Line("hours", ("calendar", "at_shift_end", "overtime_pay"), lambda t, n, team: t.clauses([t.calendar(team.calendar), _flat(t, _shift_end(t, n, team))])),
    Line("pay_word", ("cost",), lambda t, _, team: t.pay(team.cost) if team.cost else None),
    Line("skills", ("skills",), _skills),
    Line("staffing", ("absence",), lambda t, _, team: _with(t, t("absence", share=t.percent(team.absence.share), law=t.law(team.absence.spell)), t("absence_paid") if team.absence.paid else None) if team.absence else None),
    Line("staffing", ("attrition",), lambda t, _, team: t("attrition", tenure=t.law(team.attrition.tenure), hiring=t.law(team.attrition.hiring)) if team.attrition else None),
    Line("staffing", ("joining",), lambda t, _, team: [t("joining", count=j.count, date=j.date) for j in team.joining]),
    Line("staffing", ("leaving",), lambda t, _, team: [t("leaving", count=j.count, date=j.date) for j in team.leaving]),
    Line("staffing", ("ramp",), _newcomers),
    Line("staffing", ("learning",), _learning),
    Line("staffing", ("meetings",), _meetings),
    Line("staffing", ("courses",), _courses),
    Line("staffing", ("pace",), _pace),
    Line("staffing", ("concurrency", "slowdown"), lambda t, _, team: t("concurrency", count=team.concurrency) + (t("in_brackets", text="", inside=t("slowdown", share=t.percent(team.slowdown))) if team.slowdown else "") if team.concurrency > 1 else None),
    Line("staffing", ("under_load",), lambda t, _, team: t("under_load", share=t.percent(team.under_load.pace), count=f"{team.under_load.waiting:g}") if team.under_load else None),
)
SEGMENT_LINES = (
    Line("value", ("value",), lambda t, _, g: t.law(g.value) if g.value else None),
    Line("urgency", ("priority",), lambda t, _, g: f"{g.priority}"),
    Line("patience", ("patience",), lambda t, _, g: t.law(g.patience) if g.patience else None),
    Line("", ("customer",), lambda t, _, g: None if g.customer else t("no_customer")),
)


def _of_hours(t: Teller, factors: Any) -> str:
    """The profile of a day; hours of some weekdays only are told with these."""
    told = {}
    for key, factor in factors.items():
        first = re.search(r"\d", key)
        days, hours = (key[: first.start()].strip(), key[first.start() :]) if first else ("", key)
        told[f"{t.days(days)} {t.own(hours)}" if days else t.own(hours)] = factor
    return t.listed(f"{key} ×{v:g}" for key, v in told.items())


def _factors(t: Teller, factors: Any) -> str:
    return t.listed(f"{t.words.get(str(k).lower(), t.own(str(k)))} ×{v:g}" for k, v in factors.items())


ARRIVAL_LINES = (
    Line("", ("rate",), lambda t, _, a: t("arrivals_text", rate=t.rate(a.rate))),
    Line("", ("batch",), lambda t, _, a: t("batched", sizes=t.listed(t("in_brackets", text=n, inside=t.percent(s)) for n, s in a.batch.items())) if a.batch else None),
    Line("", ("calendar",), lambda t, _, a: t("in_hours", calendar=t.calendar(a.calendar)) if a.calendar != ALWAYS else None),
    Line("", ("weekdays",), lambda t, _, a: t("weekday_profile", days=_factors(t, a.weekdays)) if a.weekdays else None),
    Line("", ("hours",), lambda t, _, a: t("hour_profile", hours=_of_hours(t, a.hours)) if a.hours else None),
    Line("", ("months",), lambda t, _, a: t("month_profile", months=_factors(t, a.months)) if a.months else None),
    Line("", ("yearly_growth",), lambda t, _, a: t("growth", share=t.percent(a.yearly_growth)) if a.yearly_growth else None),
    Line("", ("daily_cv",), lambda t, _, a: t("day_spread", share=t.percent(a.daily_cv)) if a.daily_cv else None),
    Line("", ("weekly_volatility",), lambda t, _, a: t("wanders", share=t.percent(a.weekly_volatility)) if a.weekly_volatility else None),
    Line("", ("campaigns",), lambda t, _, a: [campaign(t, c) for c in a.campaigns]),
    Line("", ("spend",), lambda t, _, a: _spend(t, a.spend) if a.spend else None),
    Line("", ("content",), lambda t, _, a: _content(t, a.content) if a.content else None),
)


CAMPAIGN_LINES: tuple[Line, ...] = (
    Line("", ("decay",), lambda t, _, c: t("campaign_decay", time=t.time(c.decay.half_life)) if c.decay else None),
    Line("", ("cost",), lambda t, _, c: t("campaign_cost", money=t.money(c.cost)) if c.cost else None),
    Line("", ("spend",), lambda t, _, c: t("campaign_spend", pay=t.pay(c.spend)) if c.spend and c.lift is None else None),
)
_CAMPAIGN_ITSELF = ("start", "end", "factor", "adds", "lift")


def campaign(t: Teller, c: Any) -> str:
    """A campaign with its days."""
    of: dict[str, Any] = {"title": t.own(c.title) if c.title else t("campaign_untitled"), "start": c.start, "end": c.end}
    if c.adds is not None:
        text = t("campaign_adds", rate=t.rate(c.adds), **of)
    elif c.lift is not None:
        text = t("campaign_lift", pay=t.pay(c.spend), lift=_lift(t, c.lift), **of)
    else:
        text = t("campaign", factor=f"{c.factor:g}", **of)
    return text + remarks(t, CAMPAIGN_LINES, c)


def _lift(t: Teller, lift: Any) -> str:
    """What money brings: the most, and what brings half of it."""
    return t("lift", most=t.rate(lift.most), money=t.money(lift.half_at))


def _spend(t: Teller, s: Any) -> str:
    return _with(t, t("spend", money=t.money(s.per_week), lift=_lift(t, s)), t.clauses([
        t("adstock", time=t.time(s.adstock.half_life)) if s.adstock else None,
        t("spend_before", money=t.money(s.before)) if s.before is not None else None,
        *(t("spend_change", money=t.money(c.per_week), date=c.since) for c in s.changes),
    ]))  # fmt: skip


def _content(t: Teller, c: Any) -> str:
    return _with(t, t("content", pieces=t.rate(c.pieces), rate=t.rate(c.per_piece), time=t.time(c.half_life)), t.clauses([
        t("content_lag", time=t.time(c.lag)) if c.lag else None,
        t("content_initial", count=f"{c.initial:g}") if c.initial is not None else None,
        t("content_before", pieces=t.rate(c.before)) if c.before is not None else None,
        *(t("content_change", pieces=t.rate(x.pieces), date=x.since) for x in c.changes),
        *(t("content_published", count=x.pieces, date=x.date) for x in c.published),
        t("content_cost", money=t.money(c.cost_per_piece)) if c.cost_per_piece else None,
    ]))  # fmt: skip


def _mix(t: Teller, segments: Any) -> str:
    return t.listed(t("by_segment", segment=t.segment(g), value=t.percent(s)) for g, s in segments.items() if s)


def _duplicates(t: Teller, _: str, c: Any) -> Told:
    d = c.duplicates
    return _with(t, t("duplicates", share=t.percent(d.share), law=t.law(d.after)), t.clauses([
        t("duplicates_marked", attribute=t.attribute(d.mark)) if d.mark else None,
        t("duplicates_segment", segment=t.segment(d.segment)) if d.segment else None,
    ])) if d else None  # fmt: skip


def _coming(t: Teller, _: str, c: Any) -> Told:
    if c.arrivals is not None:
        return [s for _, said in told(t, ARRIVAL_LINES, "", c.arrivals) for s in said]
    return t("replayed", count=len(c.replay)) if isinstance(c.replay, tuple) else t("replayed_file", file=t.own(c.replay.file))


CHANNEL_LINES = (
    Line("enters", ("enters",), lambda t, _, c: t.step(c.enters)),
    Line("arrivals", ("arrivals", "replay"), _coming),
    Line("mix", ("segments", "mixes"), lambda t, _, c: t.clauses([_mix(t, c.segments), *(t("mix_from", date=m.since, mix=_mix(t, m.segments)) for m in c.mixes)])),
    Line("starts", ("attributes",), lambda t, _, c: t.clauses(t("by_segment_law", segment=t.attribute(a), value=t.law(x)) for a, x in c.attributes.items())),
    Line("cost", ("cost",), lambda t, _, c: t("each", money=t.money(c.cost)) if c.cost else None),
    Line("", ("junk",), lambda t, _, c: t("junk", share=t.percent(c.junk.share), segment=t.segment(c.junk.segment)) if c.junk else None),
    Line("", ("duplicates",), _duplicates),
    Line("", ("market",), lambda t, _, c: t("drawn_from", market=t.title(t.scenario.markets.get(c.market), c.market)) if c.market else None),
)
MARKET_LINES = (
    Line("market_size", ("size",), lambda t, _, m: f"{m.size:,}"),
    Line("", ("returns",), lambda t, _, m: t("market_returns", law=t.law(m.returns)) if m.returns else t("market_never")),
)
ATTRIBUTE_LINES = (
    Line("starts", ("starts", "by_segment", "formula"), lambda t, _, a: t.formula(a.formula) if a.formula is not None else t.laws(a.starts, a.by_segment)),
    Line("", ("inherited",), lambda t, _, a: t("inherited") if a.inherited else None),
    Line("", ("unit",), lambda t, _, a: t.own(a.unit) if a.unit else None),
)
LIMIT_LINES = (Line("how_many", ("size", "each"), lambda t, _, x: t("places_each", size=x.size, team=t.team(x.each)) if x.each else f"{x.size}"),)
MEASURE_LINES = (
    Line("definition", ("mean", "share", "per_week", "per_month"), lambda t, _, m: t(f"measure_{m.kind}", formula=t.formula(getattr(m, m.kind)))),
    Line("", ("over",), lambda t, _, m: t(f"over_{m.over}")),
    Line("", ("when",), lambda t, _, m: t("route_when", formula=t.formula(m.when)) if m.when is not None else None),
    Line("", ("unit",), lambda t, _, m: t.own(m.measured_in(t.scenario.currency).text) if m.unit else None),
)
COST_LINES = (
    Line("cost", ("running",), lambda t, _, c: t("running", pay=t.pay(c.running)) if c.running else None),
    Line("cost", ("one_off",), lambda t, _, c: t("one_off", money=t.money(c.one_off)) if c.one_off else None),
    Line("cost", ("since",), lambda t, _, c: t("from_day", date=c.since) if c.since else None),
)

# --- what is described where -----------------------------------------------------------------------------------


def _fields(lines: tuple[Line, ...], *itself: str) -> frozenset[str]:
    return frozenset({f for line in lines for f in line.fields} | set(itself))


DESCRIBED: dict[str, frozenset[str]] = {
    "Step": _fields(STEP_LINES),
    "Route": _fields(ROUTE_LINES, *_ROUTE_ITSELF),
    "GiveUp": frozenset({"to", "lost"}),
    "Unless": _fields(UNLESS_LINES, *_UNLESS_ITSELF),
    "Reminders": frozenset({"every", "factor", "most"}),
    "Posted": frozenset({"every", "at", "days", "days_of_month"}),
    "Gather": frozenset({"size", "at_most"}),
    "Version": frozenset({"name", "since", "share", "step"}),
    "Fade": frozenset({"law", "of", "half_life", "scale", "shape", "points"}),
    "Spawn": _fields(SPAWN_LINES, "kind", "to", "probability", "after"),
    "Role": frozenset({"by", "skill"}),
    "Automation": frozenset({"share", "time", "time_by_segment"}),
    "Team": _fields(TEAM_LINES),
    "Segment": _fields(SEGMENT_LINES),
    "Channel": _fields(CHANNEL_LINES),
    "Arrivals": _fields(ARRIVAL_LINES),
    "Campaign": _fields(CAMPAIGN_LINES, *_CAMPAIGN_ITSELF),
    "Lift": frozenset({"most", "half_at"}),
    "Spend": frozenset({"most", "half_at", "per_week", "changes", "adstock", "before"}),
    "SpendChange": frozenset({"since", "per_week"}),
    "Decay": frozenset({"half_life"}),
    "Content": frozenset({"pieces", "changes", "published", "per_piece", "half_life", "lag", "initial", "before", "cost_per_piece"}),
    "PiecesChange": frozenset({"since", "pieces"}),
    "Publication": frozenset({"date", "pieces"}),
    "Mix": frozenset({"since", "segments"}),
    "Junk": frozenset({"share", "segment"}),
    "Duplicates": frozenset({"share", "after", "mark", "segment"}),
    "Market": _fields(MARKET_LINES),
    "Absence": frozenset({"share", "spell", "paid"}),
    "Joining": frozenset({"count", "date"}),
    "Leaving": frozenset({"count", "date"}),
    "Attrition": frozenset({"tenure", "hiring"}),
    "Ramp": frozenset({"start", "over", "points"}),
    "Learning": frozenset({"rate", "experience", "floor"}),
    "Meeting": frozenset({"days", "hours", "every"}),
    "Course": frozenset({"start", "end", "hours"}),
    "PaceChange": frozenset({"start", "end", "pace", "recovers"}),
    "UnderLoad": frozenset({"waiting", "pace"}),
    "ReplayFile": frozenset({"file"}),
    "Calendar": _fields(CALENDAR_LINES),
    "Shift": frozenset({"days", "hours", "share"}),
    "Holidays": frozenset({"country", "subdivision"}),
    "OpenDay": frozenset({"date", "hours"}),
    "Stage": _fields(STAGE_LINES, "steps"),
    "Unsure": _fields(UNSURE_LINES),
    "Override": frozenset({"reason", "allowed_by", "removed"}),
    "Standardisation": frozenset({"level", "spread", "detours", "skips", "unusual", "loss", "decided"}),
    "Decision": frozenset({"at", "to"}),
    "StandingCost": _fields(COST_LINES),
    "Attribute": _fields(ATTRIBUTE_LINES),
    "Limit": _fields(LIMIT_LINES),
    "OwnMeasure": _fields(MEASURE_LINES),
    "Clock": frozenset({"start", "time_zone"}),
    "Scenario": frozenset({
        "name", "description", "currency", "clock", "calendars", "teams", "segments", "channels", "stages", "costs",
        "attributes", "limits", "markets", "measures", "invariants", "provenance", "levers", "standardisation", "overrides", "uncertain",
    }),
}  # fmt: skip
"""For each record of the language the fields that its description speaks of."""

_REGISTER = {"title": "it is the heading", "source": "the register shows it", "assumption": "the register shows it"}
LEFT_OUT: dict[str, dict[str, str]] = {
    **{name: dict(_REGISTER) for name in DESCRIBED},
    "Clock": {"horizon": "a matter of the study, not of the process", "warm_up": "a matter of the study, not of the process"},
    "Lift": {**_REGISTER, "shape": "how steep the curve is between; half and most say enough to a reader"},
    "Spend": {**_REGISTER, "shape": "how steep the curve is between; half and most say enough to a reader"},
    "ReplayFile": {"time": "the column of a file", "case": "the column of a file"},
    "OwnMeasure": {**_REGISTER, "direction": "it says how a figure is judged, not what it is"},
    "Scenario": {
        "salessim": "the version of the language",
        "modules": "they have become plain steps", "module_types": "they have become plain steps",
        "in_process": "the cases of a day, not the process",
    },
}
"""Fields that a description leaves out, each with the reason."""
AS_WRITTEN: dict[str, frozenset[str]] = {
    "Route": frozenset({"handoff"}),
}  # fmt: skip
"""Fields that a description shows in the form of the file, as it does with every field that it does not know."""
