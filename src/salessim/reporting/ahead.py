"""The page of a forecast: bands over the coming weeks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from salessim import __version__
from salessim.forecasts import ARRIVED, ASKED, LOAD, LOST, ON_SHIFT, OPEN, VALUE, WON, titles
from salessim.reporting import _folder_exists, charts, figures
from salessim.reporting.fill import fill
from salessim.reporting.fill import number as three_digits
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.forecasts import Forecast

CROWDED = 100.0
"""Load in % beyond which a team cannot keep up in that week."""


def write_forecast(found: Forecast, to: str | Path) -> Path:
    """Write the page of a forecast.

    Raises:
        InputError: a path that cannot be written.
    """
    from salessim.scenario.loader import write_whole

    _folder_exists(to)
    write_whole(to, render(found))
    return Path(to)


def number(value: float) -> str:
    """A count as a count, anything else with three significant digits."""
    return f"{value:,.0f}" if math.isfinite(value) and value == int(value) else three_digits(value)


def render(found: Forecast) -> str:
    """The whole page as text."""
    scenario, weeks = found.scenario, len(found.weeks)
    percent = f"{100 * found.level:g} %"
    provenance = figures.provenance(scenario)
    return fill(
        "page.html.j2",
        title=f"{scenario.name}: the next {counted(weeks, 'week')}",
        subtitle=f"{counted(weeks, 'week')} from {found.weeks[0]}; {counted(found.replications, 'possible future')}, seed {found.seed}. Lines are medians, bands hold {percent} of what may come.",
        sentences=_sentences(found),
        cautions=found.cautions(),
        comparisons=_tables(found, percent),
        definitions=[],
        unknown=None,
        sections=_sections(found, percent),
        validation=None,
        provenance={"text": "A forecast is as good as the scenario it comes from.", "rows": provenance.to_numpy().tolist()},
        facts=[],
        assumptions=[],
        footer=f"salessim {__version__}; seed {found.seed}; replications 0 to {found.replications - 1}; scenario hash: {scenario.hash}.",
    )


def _sentences(found: Forecast) -> list[str]:
    last, opened = len(found.weeks) - 1, sum(found.at_start.values())
    open_ = found.band(OPEN)
    said = [f"{counted(round(opened), 'case is', 'cases are')} open at the start; after {counted(len(found.weeks), 'week')} {number(open_.middle[last])} ({number(open_.low[last])} to {number(open_.high[last])})."]
    heads = titles(found.scenario.currency)
    for name in (WON, LOST, VALUE):
        whole = found.total(name)
        if math.isfinite(whole.middle) and whole.high > 0:
            said.append(f"{heads[name]} in all weeks together: {number(whole.middle)} ({number(whole.low)} to {number(whole.high)}).")
    crowded = [t for t in found.teams if (found.band(f"{LOAD} {t}").middle > CROWDED).any()]
    if crowded:
        said.append(f"More is asked in some week than there is time for: {', '.join(crowded)}.")
    return said


def _tables(found: Forecast, percent: str) -> list[dict[str, Any]]:
    def cells(names: list[str], w: int) -> list[str]:
        bands = [found.band(n) for n in names]
        return [f"{number(b.middle[w])} ({number(b.low[w])} to {number(b.high[w])})" for b in bands]

    def rows(names: list[str]) -> list[dict[str, Any]]:
        return [{"explain": "", "word": "", "icon": "", "cells": [str(week), *cells(names, w)]} for w, week in enumerate(found.weeks)]

    heads = titles(found.scenario.currency)
    tables = [{"title": "Week by week", "caption": f"Median and {percent} prediction interval.", "head": ["week from", *heads.values(), ""], "rows": rows(list(heads))}]
    if found.teams:
        names = [f"{ASKED} {t}" for t in found.teams]
        shift = {t: found.band(f"{ON_SHIFT} {t}").middle for t in found.teams}
        table = rows(names)
        for w, row in enumerate(table):
            row["cells"] = [row["cells"][0], *(f"{cell} of {number(shift[t][w])}" for t, cell in zip(found.teams, row["cells"][1:], strict=True))]
        tables.append({"title": "Hours asked of each team", "caption": "Of the hours on shift. What waits at the start is asked in the first week.", "head": ["week from", *found.teams, ""], "rows": table})
    return tables


def _sections(found: Forecast, percent: str) -> list[dict[str, Any]]:
    title_of = {s: found.scenario.stages[s].title or s for s in found.stages}
    stages = [s for s in found.stages if found.at_start[s] or found.series[f"{OPEN} @ {s}"].any()]
    pipeline = _bands(found, {f"{OPEN} @ {s}": title_of[s] for s in stages}, {title_of[s]: found.at_start[s] for s in stages})
    heads = titles(found.scenario.currency)
    flow = _bands(found, {n: heads[n] for n in (ARRIVED, WON, LOST, VALUE)})
    load = _bands(found, {f"{LOAD} {t}": t for t in found.teams})
    sections = [
        {"title": "Open cases by stage", "text": "Where the cases of today and those still to come will be. Each chart has a scale of its own.",
         "figures": [_figure(charts.weekly(pipeline, "open cases"), pipeline, "Open cases by stage and week", f"At the end of each week; median and {percent} prediction interval.")]},
        {"title": "What each week brings", "text": "Cases that can be won: those that come, those won and lost, and the value of the deals won.",
         "figures": [_figure(charts.weekly(flow, "in the week"), flow, "New, won and lost cases and value won by week", f"Median and {percent} prediction interval.")]},
    ]  # fmt: skip
    if len(load):
        sections.append(
            {"title": "Load of the teams", "text": "Hours of work asked for in a week over hours on shift: above 100 % cases will wait longer by the end of the week.",
             "figures": [_figure(charts.weekly(load, "load, %", rule=CROWDED), load, "Load of the teams by week", f"Median and {percent} prediction interval; the dashed line is all the time there is.")]}
        )  # fmt: skip
    return sections


def _bands(found: Forecast, names: dict[str, str], at_start: dict[str, float] | None = None) -> pd.DataFrame:
    """One row per series and week; at the end of the week where there is a figure for the start."""
    rows = []
    for name, title in names.items():
        band = found.band(name)
        if at_start is not None:
            rows.append({"what": title, "week": 0, "middle": at_start[title], "low": at_start[title], "high": at_start[title]})
        rows += [{"what": title, "week": w + 1, "middle": float(band.middle[w]), "low": float(band.low[w]), "high": float(band.high[w])} for w in range(len(found.weeks))]
    return pd.DataFrame(rows, columns=["what", "week", "middle", "low", "high"])


def _figure(chart: Any, table: pd.DataFrame, alt_text: str, caption: str) -> dict[str, Any]:
    rows = [[str(r.what), str(r.week), number(r.middle), number(r.low), number(r.high)] for r in table.itertuples()]
    return {"svg": charts.svg(chart), "alt": alt_text, "caption": caption, "head": list(table.columns), "rows": rows}
