"""The procedure as Markdown: what the process is for, who does what in which order, how long it takes, and what if not.

It is a document for people, in sections that a standard operating procedure has; what is said about each field stands
in `lines`, and where the numbers come from in `register`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from salessim import __version__
from salessim.describing import lines
from salessim.describing.chart import patient
from salessim.describing.levers import levers
from salessim.describing.markdown import code, escape, table
from salessim.describing.register import Prior, origins, priors
from salessim.describing.telling import Teller, patience_in, teams_of
from salessim.describing.words import Language
from salessim.scenario.checks import roles_of_step

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

def procedure(scenario: Scenario, language: Language = "en") -> str:
    """The whole document.

    Args:
        scenario: a scenario that was loaded.
        language: "en" or "zh".
    """
    t = Teller(scenario, language, own=escape, code=code)
    parts = [_head(t), _overview(t), _demand(t), _customers(t), _attributes(t), _people(t), _calendars(t), _steps(t), _exceptions(t), _rules(t), _measures(t), _costs(t), levers(t), _unsure(t), _register(t)]
    return "\n\n".join(p for p in ("\n".join(part) for part in parts) if p) + "\n"


def _head(t: Teller) -> Iterator[str]:
    s = t.scenario
    yield f"# {t.own(s.name)}"
    if s.description:
        yield f"\n{t.own(s.description)}"
    yield f"\n{t('period', start=s.clock.start, zone=t.own(s.clock.time_zone), currency=s.currency)} {t('about_ranges')}"
    yield f"\n{t('about_duty')}"


def _cells(t: Teller, said_in: tuple[lines.Line, ...], name: str, part: Any) -> tuple[dict[str, str], str]:
    """What the lines say, by label, and the rest, which has no label of its own."""
    said: dict[str, str] = {}
    rest = []
    for label, sentences in lines.told(t, said_in, name, part):
        text = t("semicolon").join(sentences)
        if label and label != t("title_further"):
            said[label] = t.clauses([said.get(label), text]) or ""
        else:
            rest.append(text)
    return said, t("semicolon").join(rest)


def _records(t: Teller, section: str, first: str, said_in: tuple[lines.Line, ...], parts: dict[str, Any], extra: dict[str, dict[str, str]] | None = None) -> Iterator[str]:
    """A section with a row for each record; columns that nothing is said in are left out."""
    if not parts:
        return
    yield f"## {t(section)}"
    rows = {n: _cells(t, said_in, n, p) for n, p in parts.items()}
    columns = [c for c in dict.fromkeys(t(line.label) for line in said_in if line.label) if any(c in said for said, _ in rows.values())]
    further = any(rest for _, rest in rows.values())
    added = dict.fromkeys(c for cells in (extra or {}).values() for c in cells)
    head = [t(first), *columns, *added, *([t("title_further")] if further else [])]
    yield from table(
        head,
        ([f"**{t.title(parts[n], n)}**", *(said.get(c, "") for c in columns), *((extra or {}).get(n, {}).get(c, "") for c in added), *([rest] if further else [])]
         for n, (said, rest) in rows.items()),
    )  # fmt: skip


def _overview(t: Teller) -> Iterator[str]:
    yield f"## {t('overview')}"
    rows = []
    for i, (name, stage) in enumerate(t.scenario.stages.items(), 1):
        teams: dict[str, None] = {}
        for step in stage.steps.values():
            for role in roles_of_step(step):
                teams |= dict.fromkeys(map(t.team, teams_of(t.scenario, role.by, role.skill)))
        rows.append([f"**{i} {t.title(stage, name)}**", "<br>".join(map(t.step, stage.steps)), t.listed(teams)])
    yield from table([t("stage"), t("steps"), t("team")], rows)


def _demand(t: Teller) -> Iterator[str]:
    yield from _records(t, "demand", "channel", lines.CHANNEL_LINES, t.scenario.channels)
    if t.scenario.markets:
        yield ""
        yield from _records(t, "markets", "market", lines.MARKET_LINES, t.scenario.markets)


def _customers(t: Teller) -> Iterator[str]:
    return _records(t, "customers", "segment", lines.SEGMENT_LINES, t.scenario.segments)


def _attributes(t: Teller) -> Iterator[str]:
    yield from _records(t, "attributes", "attribute", lines.ATTRIBUTE_LINES, t.scenario.attributes)
    if t.scenario.limits:
        yield ""
        yield from _records(t, "limits", "limit", lines.LIMIT_LINES, t.scenario.limits)


def _rules(t: Teller) -> Iterator[str]:
    """What no case may break, and what the scenario sets as a whole."""
    if t.scenario.invariants:
        yield from (f"## {t('rules')}", "")
        yield from (f"- {t.own(rule)}" for rule in t.scenario.invariants)
    further = [said for _, sentences in lines.told(t, lines.SCENARIO_LINES, "", t.scenario) for said in sentences]
    if further:
        yield from (*([""] if t.scenario.invariants else []), f"## {t('rules_further')}", "")
        yield from (f"- {said}" for said in further)


def _people(t: Teller) -> Iterator[str]:
    does: dict[str, dict[str, None]] = {n: {} for n in t.scenario.teams}
    for name, step in t.scenario.steps.items():
        for role in roles_of_step(step):
            for team in teams_of(t.scenario, role.by, role.skill):
                does.get(team, {})[t.numbers[name]] = None
    extra = {n: {t("does"): t.listed(numbers)} for n, numbers in does.items()}
    return _records(t, "people", "team", lines.TEAM_LINES, t.scenario.teams, extra)


def _calendars(t: Teller) -> Iterator[str]:
    """Each calendar once, whoever works by it."""
    used = {x for s in t.scenario.steps.values() if s.calendar for x in (s.calendar,)} | {team.calendar for team in t.scenario.teams.values()}
    used |= {c.arrivals.calendar for c in t.scenario.channels.values() if c.arrivals}
    return _records(t, "calendars", "calendar", lines.CALENDAR_LINES, {n: c for n, c in t.scenario.calendars.items() if n in used})


def _steps(t: Teller) -> Iterator[str]:
    yield f"## {t('procedure')}"
    for i, (name, stage) in enumerate(t.scenario.stages.items(), 1):
        yield f"\n### {i} {t.title(stage, name)}"
        yield from (f"\n{said}" for _, sentences in lines.told(t, lines.STAGE_LINES, name, stage) for said in sentences)
        for step_name, step in stage.steps.items():
            yield f"\n#### {t.step(step_name)}\n"
            for label, sentences in lines.told(t, lines.STEP_LINES, step_name, step):
                if len(sentences) == 1:
                    yield f"- **{label}**{t('colon')}{sentences[0]}"
                else:
                    yield f"- **{label}**{t('colon').rstrip()}"
                    yield from (f"  - {s}" for s in sentences)


def _exceptions(t: Teller) -> Iterator[str]:
    """Loops back, ways after a long wait, and losses in one place: what a manager asks about first."""
    yield f"## {t('exceptions')}"
    order = {n: i for i, n in enumerate(t.scenario.steps)}
    loops, delays, losses = [], [], []
    for name, step in t.scenario.steps.items():
        for form, of in ((step, ""), *((v.step, t.own(v.name)) for v in step.versions)):
            if of and form.then == step.then:  # a version that goes the same ways
                continue
            for way in form.then:
                share = t.clauses([of, lines.share_of(t, form, way) + lines.remarks(t, lines.ROUTE_LINES, way)]) or ""
                if way.to is not None and order[way.to] <= order[name]:
                    loops.append(f"- {t('loop', step=t.step(name), to=t.step(way.to), share=share)}")
                if way.lost is not None:
                    losses.append([t.step(name), t.own(way.lost), share])
        if patient(t.scenario, step):
            laws = {law for g in t.scenario.segments if (law := patience_in(t.scenario, step, g)) is not None}
            late = t.clauses([t("legend_late"), t.law(next(iter(laws))) if len(laws) == 1 else None]) or ""
            if step.gives_up and step.gives_up.to:
                delays.append(f"- {t('delay', step=t.step(name), to=t.step(step.gives_up.to), share=late)}")
            else:
                losses.append([t.step(name), t.own(step.gives_up.lost) if step.gives_up and step.gives_up.lost else t("gave_up"), late])
        for u in step.unless:
            after = t.after(u.after) if u.after.law == "exponential" else t.law(u.after)
            if u.lost is not None:
                losses.append([t.step(name), t.own(u.lost), after])
            elif u.to is not None:
                delays.append(f"- {t('delay', step=t.step(name), to=t.step(u.to), share=after)}")
    yield f"\n### {t('loops')}\n"
    yield from loops or [t("no_loops")]
    yield f"\n### {t('delays')}\n"
    yield from delays or [t("no_delays")]
    yield f"\n### {t('losses')}"
    yield from table([t("step_word"), t("reason"), t("share_word")], losses) if losses else ["", t("no_losses")]


def _measures(t: Teller) -> Iterator[str]:
    return _records(t, "measures", "measure", lines.MEASURE_LINES, t.scenario.measures)


def _costs(t: Teller) -> Iterator[str]:
    return _records(t, "costs", "cost_item", lines.COST_LINES, t.scenario.costs)


def _unsure(t: Teller) -> Iterator[str]:
    """What nobody knows exactly, as it is drawn."""
    if not t.scenario.uncertain:
        return
    yield f"## {t('unsure')}\n\n{t('unsure_intro')}"
    rows = [(t.place(path), _cells(t, lines.UNSURE_LINES, path, entry)) for path, entries in t.scenario.uncertain.items() for entry in entries]
    yield from table([t("place"), t("unsure_could"), t("title_further")], ([t.own(place), said[t("unsure_could")], rest] for place, (said, rest) in rows))


def _register(t: Teller) -> Iterator[str]:
    found, count = priors(t.scenario, t), origins(t.scenario)
    yield f"## {t('register')}\n"
    if not found:
        yield t("register_empty")
    else:
        yield t("register_intro", assumed=count.assumed, sourced=count.sourced)
        yield from table([t("place"), t("figures"), t("basis")], ([code(p.place), t.own(p.figures), _basis(t, p)] for p in found))
    for key, text in t.scenario.provenance.items():
        yield f"\n- **{t.own(key)}**{t('colon')}{t.own(text)}"
    yield f"\n{t('made_by', version=__version__, hash=t.scenario.hash[:12])}"


def _basis(t: Teller, p: Prior) -> str:
    assumed = t("assumption_bare") if p.assumption is True else t("assumption", text=t.own(p.assumption)) if p.assumption else None
    return t.clauses([t("source", text=t.own(p.source)) if p.source else None, assumed]) or ""
