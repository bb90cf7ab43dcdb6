"""The page of a validation: verdicts part by part, distances beside their yardsticks, and the pictures an analyst wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from salessim import __version__
from salessim.calibration.validate import say_coverage
from salessim.calibration.yardsticks import NAMES
from salessim.reporting import charts
from salessim.reporting.fill import figure, fill, number
from salessim.scenario.calendars import DAYS

if TYPE_CHECKING:
    from salessim.calibration.pictures import Band
    from salessim.calibration.validate import Period, Validation
    from salessim.calibration.verdicts import Verdict


def render_validation(found: Validation, name: str) -> str:
    """The whole page as text."""
    main = found.main
    rate = main.verdicts[0].rate
    return fill(
        "validation.html.j2",
        title=f"{name}: does it fit the log?",
        subtitle=f"{found.replications} simulated logs over the log's own period; "
        + "; ".join(f"{p.name} {p.since:%Y-%m-%d} to {p.until:%Y-%m-%d}" for p in found.periods) + "; all intervals hold 95 %.",
        sentences=verdict_sentences(found),
        cautions=_cautions(found),
        explain="The real log is one more among the simulated ones. Of each figure its deviation from all others is taken, in their standard deviations; the largest of a part "
        f"is compared with the largest of each simulated log. A part of a right model is flagged in {100 * rate:.2g} of 100 validations. What is wrong in one part may be seen in those below it: begin at the top.",
        verdicts=[_verdict_table(p) for p in found.periods],
        wrong=[_wrong(p, v) for p in found.periods for v in p.verdicts if v.flagged],
        about_distances="Lower is better. The floor is the real process against itself, the bootstrap is whole past cases drawn anew, the plain model knows one exponential gap, one mean per activity and one "
        "probability per branch. Held out, a model should be at most 1.5 times the floor away; over the fitted period at most 3 times the bootstrap, and at most a quarter of the way from it to the plain model (or 1.5 times the bootstrap: the right model, too, is 1.4 times as far away). "
        "Runs of activities are counted, so how many cases come is a part of their distance (of it, below): the bootstrap has exactly as many as the log, a model draws them. The ways they take are what is left when the runs of a log are weighted to as many cases as the real one has; below zero, one error hides the other.",
        distances=[_distance_table(p) for p in found.periods],
        sections=_sections(main),
        figures=[figures_table(p) for p in found.periods],
        footer=f"salessim {__version__}; {found.replications} simulated logs.",
    )  # fmt: skip


def verdict_sentences(found: Validation) -> list[str]:
    """What was found, in a sentence for each period."""
    said = []
    for period in found.periods:
        seen = [v for v in period.verdicts if v.figures]
        fine = [v.part for v in seen if not v.flagged]
        wrong = [v.part for v in seen if v.flagged]
        where = "Over the whole log" if period.name == "whole" else "Held out" if period.name == "held out" else "Over the period learnt from"
        text = f"{_listed(wrong)} {'differs' if len(wrong) == 1 else 'differ'} from the log" if wrong else "no part differs from the log by more than chance"
        rest = f"; no difference is seen in {_listed(fine)}" if wrong and fine else ""
        said.append(f"{where}, {text}{rest}. In their 95 % interval, of the weekly counts: {say_coverage(period.coverage)}.")
    return said


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _cautions(found: Validation) -> list[str]:
    said = []
    if found.left_out:
        said.append(found.left_out)
    if found.not_in_the_model:
        said.append(f"The model has no step for what the log calls {_listed([repr(n) for n in found.not_in_the_model])}.")
    if found.not_in_the_log:
        said.append(f"The model has work that the log does not show: {_listed([repr(n) for n in found.not_in_the_log])}.")
    if found.held_out is None:
        said.append("Nothing was held out: a model that was learnt from this log is compared with what it has seen.")
    said.append("A part without a flag is not proved right: see the documentation for what no log can show.")
    return said


def _verdict_table(period: Period) -> dict[str, Any]:
    rows = [
        {"cells": [v.part.capitalize(), "▼ differs" if v.flagged else "– not seen in the log" if not v.figures else "= no difference seen", f"{v.statistic:.1f}" if v.figures else "–", f"{v.threshold:.1f}" if v.figures else "–", str(v.figures),
                   v.findings[0].words() if v.findings else ""], "tone": "worse" if v.flagged else ""}
        for v in period.verdicts
    ]  # fmt: skip
    return {"caption": f"{period.name.capitalize()} ({period.since:%Y-%m-%d} to {period.until:%Y-%m-%d}): largest deviation of the part's figures, in standard deviations.",
            "head": ["", "verdict", "deviation", "chance up to", "figures"], "words": [1], "rows": [{**r, "cells": r["cells"][:5]} for r in rows]}  # fmt: skip


def _wrong(period: Period, verdict: Verdict) -> dict[str, Any]:
    return {"title": f"{verdict.part.capitalize()}, {period.name}", "findings": [f.words() for f in verdict.findings], "advice": verdict.advice()}


def _distance_table(period: Period) -> dict[str, Any]:
    rows = []
    for name, what in NAMES.items():
        meets = period.table.meets(name)
        cells = [f"{name}: {what}", *(number(d[name]) for _, d in period.table.rows()), "" if meets is None else "near enough" if meets else f"▼ {period.table.says(name)}"]
        rows.append({"cells": cells, "tone": "worse" if meets is False else ""})
    floor = period.table.rows()[1][0]
    return {"caption": " ".join((f"{period.name.capitalize()}. The {floor}.", *period.table.remarks)), "head": ["", "model", "floor", "bootstrap", "plain", ""], "words": [5], "rows": rows}


def figures_table(period: Period) -> dict[str, Any]:
    """Figures of a period, real and simulated."""
    rows = [
        {"cells": [f"{r.what} ({r.unit})", number(r.real), number(r.simulated), f"{number(r.low)} to {number(r.high)}", number(r.before), r.mark], "tone": "worse" if r.inside is False else ""}
        for r in period.rows
    ]
    return {"caption": f"{period.name.capitalize()}: {period.hits()}, into which a single real period should fall.",
            "head": ["", "real", "simulated", "95 % prediction interval", "real, period before", ""], "words": [5], "rows": rows}  # fmt: skip


def _frame(bands: tuple[Band, ...], at: str) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"series": b.name, at: list(b.at), "log": b.real, "simulated": b.middle, "low": b.low, "high": b.high}) for b in bands], ignore_index=True)


def _sections(period: Period) -> list[dict[str, Any]]:
    drawn = period.pictures
    sections: list[dict[str, Any]] = []
    weekly = tuple(b for b in drawn.weekly if len(b.at) > 1)
    if weekly:
        table = _frame(weekly, "date")
        sections.append(
            {"title": "Week by week", "text": "Counts of whole weeks. The band is where the count of one more simulated log would lie in 95 of 100 weeks. Of the real weeks lie in it: "
             + "; ".join(f"{b.name} {say_coverage(b.inside)}" for b in weekly) + ".",
             "figures": [figure(charts.bands(table, "date", "week", "per week"), table, "Weekly counts of the log and of simulated logs", "The log on the band of simulated logs; the activities visited most.")]}
        )  # fmt: skip
    if drawn.quantiles:
        table = _frame(drawn.quantiles, "share")
        sections.append(
            {"title": "Times, quantile against quantile", "text": "Each point is a quantile (1 % to 99 %): how long it is in the log and in simulated logs. Points on the dashed line are the same in both; below it, simulated times are too long. The bar is the 95 % interval of simulated logs.",
             "figures": [figure(charts.quantiles(table), table, "Quantiles of the log against simulated ones", "Both axes grow by factors beyond an hour.")]}
        )  # fmt: skip
    if drawn.hours.at:
        hours = _frame((drawn.hours,), "hour").assign(log=lambda t: 100 * t["log"], simulated=lambda t: 100 * t["simulated"], low=lambda t: 100 * t["low"], high=lambda t: 100 * t["high"])
        hours["series"] = [DAYS[h // 24] for h in hours["hour"]]
        hours["hour"] %= 24
        hours = hours[hours.groupby("series")["high"].transform("max") > 0]
        sections.append(
            {"title": "When work is done", "text": "Share of all visits that fall into each hour of the week, in local time.",
             "figures": [figure(charts.bands(hours, "hour", "hour of the day", "% of visits"), hours, "Visits by hour of the week", "A shifted curve means a wrong calendar or a wrong time zone.")]}
        )  # fmt: skip
    table = _frame((drawn.open_cases,), "date")
    sections.append(
        {"title": "Open cases", "text": "Mean of each day. A curve that leaves the band and stays outside means that cases stay for another time, or that another number comes in.",
         "figures": [figure(charts.bands(table, "date", "day", "open cases", columns=1), table[:: max(1, len(table) // 60)], "Open cases over time", "The log on the band of simulated logs.")]}
    )  # fmt: skip
    return sections
