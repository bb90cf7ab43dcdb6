"""What a search found, as sections of the page: the designs with their labels, what may be taken instead, what things cost, what matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from salessim.optimisation.best import LEFT
from salessim.optimisation.kept import verdict
from salessim.optimisation.prices import NOTCH
from salessim.optimisation.said import NO_NOISE, plain, size, without_noise
from salessim.optimisation.sensitivity import LEFT_RUNS
from salessim.reporting import charts, figures
from salessim.reporting.fill import figure, number, signed
from salessim.wording import counted, rounded

if TYPE_CHECKING:
    from salessim.optimisation import Best
    from salessim.optimisation.sensitivity import Effect
    from salessim.results import Comparison
    from salessim.statistics import Estimate

_PAIRED = "Both of each pair met the same customers; the intervals hold 95 %, each by itself."


def sections(best: Best) -> list[dict[str, Any]]:
    """The sections that only the page of a search has."""
    return [s for s in (_tried(best), _limits(best), _futures(best), _beside(best), _matters(best), _left(best), _prices(best)) if s is not None]


def _tried(best: Best) -> dict[str, Any] | None:
    known = best.final.catalogue
    table = figures.designs(best)
    flattery = "; ".join(f"{known.about(n).phrase} {size(v)} {known.about(n).unit}".rstrip() for n, v in best.flattery.items())
    bias = f" What the search saw of the change in its few runs less what the fresh runs say: {flattery}; the fresh runs count." if best.changed else ""
    compared = f"; {counted(len(best.selection.runs), 'finalist')} compared on fresh runs" if best.selection is not None else ""
    limits = "; ".join(limit.words for limit in best.limits) or "none"
    text = (f"{counted(best.designs, 'design is', 'designs are')} possible; {counted(len(best.distinct), 'was', 'were')} looked at, {best.refused} of them refused before simulation because a team could not keep up, levers exclude each other or the plan itself breaks a limit; "
            f"{best.simulated} simulated{compared}. Limits: {limits}.{bias}")  # fmt: skip
    if len(table) < 2 or len(best.objectives) < 2:
        return {"title": "The designs that were tried", "text": text, "figures": []}
    caption = ("Each small mark is a design, averaged over the few replications of the search and set to the level that fresh runs give today's process: neighbours may trade places. Large marks are averages over fresh runs: filled, they are surely on the front of those shown (in); hollow, that is undecided; "
               "pale, another is surely as good in everything and better in something, or a limit is broken (out). All of these labels are right together with 95 % confidence.")  # fmt: skip
    picture = charts.front(figures.front(best, table), *(known.about(n).heading for n in best.objectives[:2]))
    return {"title": "The designs that were tried", "text": text, "figures": [figure(picture, table, "Designs by their objectives; today, the recommended one and the front are marked with their labels", caption)]}


def _limits(best: Best) -> dict[str, Any] | None:
    if not best.checks:
        return None
    rows = []
    for c in best.checks:
        e, per = c.estimate, 100 if c.limit.chance is not None else 1
        unit = "% of runs" if c.limit.chance is not None else c.limit.of.unit
        rows.append({"cells": [c.limit.words, number(per * e.value), NO_NOISE if without_noise(e) else f"{number(per * e.low)} to {number(per * e.high)}", unit, e.n, c.verdict], "tone": {"kept": "better", "broken": "worse"}.get(c.verdict, "unclear")})
    whose = "the recommended design" if best.changed else "the process as it is"
    return {"title": "Are the limits kept?", "text": f"On fresh runs of {whose}. Kept is what is shown: with 95 % confidence no limit that is called kept is broken.", "figures": [],
            "tables": [{"caption": "Each limit with its figure and the ends that it is judged by.", "head": ["limit", "figure", "interval", "unit", "runs", "verdict"], "words": [5], "rows": rows}]}  # fmt: skip


def _futures(best: Best) -> dict[str, Any] | None:
    """The recommended design in each future."""
    if best.futures is None:
        return None
    known, names, rows = best.final.catalogue, list(dict.fromkeys([*best.objectives, "cost"])), []
    over = ("all together", 1.0, best.futures.together, best.futures.payback)
    for name, weight, against, paid in (*((f.future.name, f.future.weight, f.against, f.payback) for f in best.futures.each), over):
        spread = against.spread(names[0])
        share = None if spread is None else spread.ignorance
        unknown = "–" if share is None else f"{100 * share.value:.0f} ({100 * share.low:.0f} to {100 * share.high:.0f})" if share.low > 0 else f"below {100 * share.high:.0f}"
        day = "–" if paid is None else f"{paid.date or 'not within the run'} ({paid.made_up} of {len(paid.curves)} runs)"
        rows.append({"cells": [name, f"{100 * weight:.4g}", len(against.base.numbers), *(_change(against, n) for n in names), day, unknown], "tone": ""})
    text = ("Each run meets one future; a design is judged over all of them, and here by each alone. Ignorance is the share of the variance of the change between runs that would be gone if the uncertain values were known, "
            "and in the last row if it were known as well which future comes; the rest is noise. ")  # fmt: skip
    head = ["future", "weight (%)", "runs", *(known.about(n).heading for n in names), "pays from", f"ignorance in {known.about(names[0]).phrase} (%)"]
    return {"title": "In each future", "text": text + _PAIRED, "figures": [], "tables": [{"caption": "Changes against today in the same future, with their intervals.", "head": head, "words": [], "rows": rows}]}


def _beside(best: Best) -> dict[str, Any] | None:
    if not best.shown:
        return None
    known, names = best.final.catalogue, list(dict.fromkeys([*best.objectives, "cost"]))
    rows = []
    for s in best.listed:
        who = "as it is" if not s.words else "recommended" if best.changed and s.settings == best.settings else best.named(s)
        rows.append({"cells": [who, s.label, verdict(s.checks) if best.limits else "–", *(_change(s.against, n) for n in names)], "tone": ""})
    return {"title": "What could be done instead", "text": "The recommended design, the process as it is and some designs of the front, spread over it, each run for run against the process as it is; those that differ in no objective by what matters are listed once. " + _PAIRED, "figures": [],
            "tables": [{"caption": "Label: surely on the front of these (in), surely not (out), undecided. Changes against today with their intervals.",
                        "head": ["design", "label", "limits", *(known.about(n).heading for n in names)], "words": [1, 2], "rows": rows}]}  # fmt: skip


def _change(against: Comparison | None, name: str) -> str:
    """A change with its interval; a dash where there is no second design."""
    if against is None:
        return "–"
    d = against.difference(name)
    return "as it is" if d.verdict == "the same" else f"{signed(d.change.value)} ({NO_NOISE})" if without_noise(d.change) else _with_interval(d.change)


def _with_interval(e: Estimate) -> str:
    """A change with its interval, which stays on one line where the cell has to be broken."""
    return f"{signed(e.value)} ({signed(e.low)}\u00a0to\u00a0{signed(e.high)})"


def _matters(best: Best) -> dict[str, Any] | None:
    if best.matters is None or not best.matters.effects:
        return None
    known = best.final.catalogue
    tables = [_of_effects(best, "change", "What each change brings in the recommended design: with it less without it.", best.matters.effects)]
    if best.matters.interactions:
        pairs = [
            {"cells": [plain(f"{i.words[0]} × {i.words[1]}"), *(_with_interval(i.beyond[n]) if n in i.beyond else "–" for n in best.objectives)], "tone": ""}
            for i in best.matters.interactions
        ]
        tables.append({"caption": "What two changes bring together beyond the sum of both: an interval that holds zero tells of none.", "head": ["pair", *(known.about(n).heading for n in best.objectives)], "words": [], "rows": pairs})
    table = figures.effects(best, best.matters.effects)
    drawn = [figure(charts.tornado(table), table, "What each change brings, by objective", "The strongest change first; the line is the 95 % interval.")] if len(table) else []
    return {"title": "What each change brings", "text": "Each change of the recommended design is taken back alone, and those that matter most in pairs, on seeds of their own. " + _PAIRED, "figures": drawn, "tables": tables}


def _of_effects(best: Best, head: str, caption: str, which: Sequence[Effect]) -> dict[str, Any]:
    known, names = best.final.catalogue, list(dict.fromkeys([*best.objectives, "cost"]))
    rows = [{"cells": [plain(e.words) + (f": {e.why}" if e.against is None else ""), *(_change(e.against, n) for n in names)], "tone": ""} for e in which]
    return {"caption": caption, "head": [head, *(known.about(n).heading for n in names)], "words": [], "rows": rows}


def _left(best: Best) -> dict[str, Any] | None:
    """The levers that are left alone."""
    if best.matters is None or not best.matters.left:
        return None
    whose = "the recommended design" if best.changed else "the process as it is"
    table = figures.effects(best, best.matters.left)
    drawn = [figure(charts.tornado(table), table, "What one step of each other lever would do, by objective", "The strongest first; the line is the 95 % interval.")] if len(table) else []
    text = f"Levers that are as today in {whose}, each one step further alone (or back, where there is none further), with what it needs; {LEFT_RUNS} runs of each, on seeds of their own, so that only strong effects can be told. "
    return {"title": LEFT, "text": text + _PAIRED, "figures": drawn, "tables": [_of_effects(best, "step", f"With the step less without it, in {whose}.", best.matters.left)]}


def _prices(best: Best) -> dict[str, Any] | None:
    known, names = best.final.catalogue, list(dict.fromkeys([*best.objectives, "cost"]))
    rows = []
    for p in best.prices:
        rows.append({"cells": [f"{p.looser.words} instead of {rounded(p.limit.bound, 6, whole=True)}", *(["does not bind"] if p.against is None else [_change(p.against, names[0])]), *(_change(p.against, n) for n in names[1:])], "tone": ""})
        if p.step:
            each = [((e := p.each(n)) and _with_interval(e)) or "–" for n in names]
            rows.append({"cells": [f"… for {p.amount}", *each], "tone": ""})
    for c in best.core:
        rows.append({"cells": [f"without core step “{c.title}”" + (f": has no price ({c.why})" if c.against is None else ""), *(_change(c.against, n) for n in names)], "tone": ""})
    if not rows:
        return None
    text = f"What would be if a limit were {100 * NOTCH:g} % (of people: one at least) looser, or a core step could be removed, against {'the recommended design' if best.changed else 'the process as it is'}. None of this is offered: it says which rule is worth a question. For a limit it is the best of the designs that were tried, of the neighbours of the recommended one and of what queueing theory takes for better then, so that its price is at least so much. "
    return {"title": "What limits and core steps cost", "text": text + _PAIRED, "figures": [], "tables": [{"caption": "Changes with their intervals.", "head": ["what if", *(known.about(n).heading for n in names)], "words": [], "rows": rows}]}


__all__ = ["sections"]
