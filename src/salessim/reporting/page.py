"""The page: tables and charts put into one HTML file that opens anywhere, offline, and prints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from salessim import __version__
from salessim.ignorance import say_share_of
from salessim.margins import NEGLIGIBLE, SAME, UNCLEAR
from salessim.measures import OF_FIRST, OF_REPEAT
from salessim.reporting import charts, figures, search
from salessim.reporting.fill import figure, fill, number, signed
from salessim.results import cautions
from salessim.scenario.uncertain import in_words
from salessim.units import WEEK
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.calibration import Calibration
    from salessim.optimisation import Best
    from salessim.results import Comparison

_ICONS = {"better": "▲", "worse": "▼", UNCLEAR: "?", SAME: "=", NEGLIGIBLE: "≈", "higher": "↑", "lower": "↓"}
_HEADLINES = ("cycle_time", "lost_customers", "won", "cost")


def render(comparison: Comparison, best: Best | None = None, calibration: Calibration | None = None) -> str:
    """The whole page as text."""
    base = comparison.base
    names = _distinct([r.scenario.name for r in comparison.results])
    if best is not None and best.changed:
        title = f"{names[0]}: a better design"
    elif len(names) > 1:
        title = f"{names[0]}, compared with {names[1] if len(names) == 2 else f'{len(names) - 1} others'}"
    else:
        title = names[0]
    details = [figures.detail(r) for r in comparison.results]
    notes = best.cautions() if best is not None else []
    notes += [f"{why[:1].upper()}{why[1:]}; it is not compared." for why in comparison.not_compared.values()]
    notes += [f"{names[i]}: {text}" if len(names) > 1 else text for i, r in enumerate(comparison.results) for text in cautions(r) if text not in notes]
    return fill(
        "page.html.j2",
        title=title,
        subtitle=f"{counted(len(base.numbers), 'replication')} each over {counted(round(base.scenario.clock.horizon / WEEK), 'week')}, of which the first "
        f"{base.scenario.clock.warm_up / WEEK:.0f} are not measured; seed {base.seed}; all intervals hold 95 %.",
        sentences=_sentences(comparison, names, best),
        cautions=list(dict.fromkeys(notes)),
        comparisons=_tables(comparison, names),
        definitions=figures.definitions(comparison),
        unknown=_unknown(comparison, names),
        sections=_sections(comparison, names, details, best),
        validation=_validation(calibration),
        provenance=_provenance(comparison),
        facts=list(calibration.facts.items()) if calibration else [],
        assumptions=calibration.assumptions if calibration else [],
        footer=_footer(comparison),
    )


def _distinct(names: list[str]) -> list[str]:
    return [n if names.index(n) == i else f"{n} ({i + 1})" for i, n in enumerate(names)]


def _headlines(comparison: Comparison) -> tuple[str, ...]:
    """The figures of the first sentence; where customers come again, a mean over both kinds of deals tells of neither."""
    return ("cycle_time_first", *_HEADLINES[1:]) if any(r.has_repeats for r in comparison.results) else _HEADLINES


def _sentences(comparison: Comparison, names: list[str], best: Best | None) -> list[str]:
    if best is not None:
        return best.sentences()
    if len(comparison.results) == 1:
        r = comparison.base
        said = []
        for name in _headlines(comparison):
            e = r.shown(name)
            if math.isfinite(e.value):
                about = r.catalogue.about(name)
                said.append(f"{about.title}: {number(e.value)} {about.unit} ({number(e.low)} to {number(e.high)})")
        return ["The process as it stands.", "; ".join(said) + "."]
    result = []
    for i in range(1, len(comparison.results)):
        said = []
        for name in _headlines(comparison):
            d = comparison.difference(name, i)
            word = comparison.word(name, i)
            if math.isfinite(d.change.value) and word not in (UNCLEAR, SAME, NEGLIGIBLE):
                about = comparison.catalogue.about(name)
                said.append(f"{about.phrase} {signed(d.change.value)} {about.unit} ({signed(d.change.low)} to {signed(d.change.high)})")
        result.append(f"{names[i]}: {'; '.join(said) if said else 'no difference that is clear and matters in cycle time, lost customers, won deals or cost'}.")
    return result


def _saved(times: float) -> str:
    """How many times fewer replications; beyond a thousand nobody cares how many."""
    return "–" if not math.isfinite(times) else f"{times:.0f}×" if times < 1000 else "> 1000×"


def _tables(comparison: Comparison, names: list[str]) -> list[dict[str, Any]]:
    base, known = comparison.base, comparison.catalogue
    said = {n: [r.estimate(n).value for r in comparison.results] for n in known.names}
    if not any(r.has_repeats for r in comparison.results):
        said = {n: v for n, v in said.items() if n not in (*OF_FIRST, *OF_REPEAT)}
    shown = [n for n, values in said.items() if n in _HEADLINES or n in known.own or any(math.isfinite(v) and v != 0 for v in values)]
    if len(comparison.results) == 1:
        rows = []
        for n in shown:
            e, about = base.shown(n), known.about(n)
            rows.append({"explain": about.explain, "word": "", "icon": "", "cells": [about.title, number(e.value), f"{number(e.low)} to {number(e.high)}", about.unit]})
        return [{"title": "The figures", "caption": "Mean over replications with its interval.", "head": ["", "mean", "interval", "unit", ""], "rows": rows}]
    tables = []
    for i in range(1, len(comparison.results)):
        rows = []
        for n in shown:
            d, a, b = comparison.difference(n, i), base.estimate(n), comparison.results[i].estimate(n)
            word, about = comparison.word(n, i), known.about(n)
            percent = "–" if not math.isfinite(d.relative.value) else f"{signed(100 * d.relative.value)} %"
            cells = [about.title, number(a.value), number(b.value), signed(d.change.value), f"{signed(d.change.low)} to {signed(d.change.high)}", percent, about.unit,
                     _saved(d.variance_reduction)]  # fmt: skip
            rows.append({"explain": about.explain, "word": word, "icon": _ICONS[word], "cells": cells})
        tables.append(
            {"title": f"Before and after: {names[i]}",
             "caption": "Paired replications: both meet the same customers. “saved” says how many times fewer replications that needs than independent runs. Each interval by itself holds 95 times of 100: of twenty rows one may miss by chance. " + comparison.margins.in_words(),
             "head": ["", "before", "after", "change", "interval of the change", "in %", "unit", "saved", "verdict"], "rows": rows}
        )  # fmt: skip
    return tables


def _unknown(comparison: Comparison, names: list[str]) -> dict[str, Any] | None:
    """What nobody knows exactly, how far it reaches, and what would be worth finding out first."""
    scenarios = [r.scenario for r in comparison.results]
    if comparison.base.echoes is None:
        return None
    tables = []
    for i in range(1 if len(names) > 1 else 0, len(names)):
        which = (i,) if len(names) > 1 else ()
        found: Any = comparison if len(names) > 1 else comparison.base
        rows, most = [], 0.0
        for n in comparison.catalogue.names:
            spread, about = found.spread(n, *which), comparison.catalogue.about(n)
            if spread is None or not math.isfinite(spread.low):
                continue
            share = spread.ignorance
            moving = "; ".join(f"{d.value}: {say_share_of(d)}" for d in found.drivers(n, *which)[:3])
            show = signed if which else number
            if share.low <= 0:  # it cannot be told from chance
                most = max(most, share.high)
                continue
            rows.append([about.title, f"{show(spread.low)} to {show(spread.high)}", about.unit, f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})", moving or "–"])
        silent = f"{'Of all others' if rows else 'Of all figures'} ignorance is below {100 * most:.0f} % and cannot be told from chance." if most else ""
        tables.append({"caption": f"The change by {names[i]}" if which else "The figures", "rows": rows, "silent": silent})
    values = {row["where"]: row for s in scenarios for row in in_words(s)}
    return {
        "text": f"{counted(len(values), 'value is', 'values are')} not known exactly and {'is' if len(values) == 1 else 'are'} drawn anew in each replication. The range is about where the long-run figure lies in 9 of 10 of the worlds they allow (from the 5 % to the 95 % quantile): more "
                "replications do not narrow it, better data do. “Ignorance” is the share of the variance between replications that knowing them would take away, with its 95 % interval; the "
                "last column names what to find out first, and how much of that variance it would take away; twice the data that a value comes from would take away half of it.",
        "tables": tables,
        "entries": [[row["where"], row["today"], row["law"], row["origin"]] for row in values.values()],
    }  # fmt: skip


def _sections(comparison: Comparison, names: list[str], details: list[figures.Detail], best: Best | None) -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = []

    def stacked(field: str) -> pd.DataFrame:
        return pd.concat([getattr(d, field).assign(scenario=n) for d, n in zip(details, names, strict=True)], ignore_index=True)

    if best is not None:
        sections += search.sections(best)
    funnel = stacked("funnel")
    sections.append({"title": "How far cases get", "text": "Cases that arrive through a channel, followed from their arrival; those of the last quarter are left out because they had no time to get on.",
                     "figures": [figure(charts.funnel(funnel, names), funnel, "Funnel by stage", f"Mean of {figures.LOGGED} replications; the line is the 95 % interval.")]})  # fmt: skip
    cycle = stacked("cycle")
    if len(cycle):
        sections.append({"title": "How long a deal takes", "text": "Time from arrival to winning. Cases still open at the end count as censored, so that the slow ones are not forgotten.",
                         "figures": [figure(charts.cycle(cycle, names), cycle[cycle["share"].round(0) % 10 == 0], "Distribution of the time to win", "Read: at 50 % half of the won cases took no longer.")]})  # fmt: skip
    stage, reason = figures.losses(comparison, names, "stage"), figures.losses(comparison, names, "reason")
    if len(stage):
        sections.append({"title": "Where customers are lost", "text": "Cases that could be won and were lost, before the signature or after, per week.",
                         "figures": [figure(charts.bars(stage, "what", "per_week", "lost per week", names), stage, "Lost customers by stage", "By the stage they were in."),
                                     figure(charts.bars(reason, "what", "per_week", "lost per week", names), reason, "Lost customers by reason", "By reason.")]})  # fmt: skip
    load, wait = figures.load_of_teams(comparison, names), figures.waits(comparison, names)
    heat = details[-1].hours
    shown = []
    if len(load):
        shown.append(figure(charts.bars(load.assign(team=load["team"]), "team", "utilisation", "% of the time on duty", names), load, "Utilisation by team", "Time worked over time on duty, overtime left out."))
    if len(wait):
        shown.append(figure(charts.bars(wait, "step", "hours", "hours waited per visit, nights and weekends included", names), wait, "Wait for people by step", "Elapsed hours between asking for people and getting them."))
    if len(heat):
        shown.append(figure(charts.heat(heat), heat, "Utilisation by weekday and hour", f"{names[-1]}: how busy each team is while on duty, mean of {figures.LOGGED} replications; at most the {figures.MOST_MAPS} busiest teams."))
    sections.append({"title": "Who is busy when, and where cases wait", "text": "A team above some 85 % leaves customers waiting; one far below has time for other work that this model does not see.", "figures": shown})
    process = figures.in_process(comparison, names)
    sections.append({"title": "Open cases over time", "text": f"The run begins {'with the cases in process' if comparison.base.scenario.in_process else 'empty'}; what comes before the dashed line is not measured.",
                     "figures": [figure(charts.in_process(process, names, comparison.base.scenario.clock.warm_up / WEEK), process[::10], "Open cases over time", "Mean over replications.")]})  # fmt: skip
    return sections


def _validation(calibration: Calibration | None) -> dict[str, Any] | None:
    if calibration is None or calibration.validation is None:
        return None
    from salessim.reporting.validation import figures_table, verdict_sentences  # brings calibration along, which a page without it need not load

    found = calibration.validation
    return {
        "text": f"Learnt from the log before {found.main.since:%Y-%m-%d}, simulated {found.replications} times until {found.main.until:%Y-%m-%d}. {' '.join(verdict_sentences(found))}",
        "tables": [figures_table(found.main)],
    }  # fmt: skip


def _provenance(comparison: Comparison) -> dict[str, Any]:
    table = figures.provenance(comparison.results[-1].scenario)
    counts = table["kind"].value_counts()
    text = ", ".join(f"{n} from {'data' if k == 'data' else 'a named source'}" if k != "assumption" else f"{n} resting on an assumption" for k, n in counts.items())
    return {"text": f"Of the entries that name their origin: {text or 'none'}. Assumptions are somebody's guess: replace those that matter by data.", "rows": table.to_numpy().tolist()}


def _footer(comparison: Comparison) -> str:
    hashes = "; ".join(f"{r.scenario.name} {r.scenario.hash}" for r in comparison.results)
    return f"salessim {__version__}; seed {comparison.base.seed}; replications {comparison.base.numbers[0]} to {comparison.base.numbers[-1]}; scenario hashes: {hashes}."
