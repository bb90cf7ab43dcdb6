"""The charts: Altair specifications, drawn to SVG here so that the page needs no script and no network."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd

alt.data_transformers.disable_max_rows()  # the page is drawn here and holds shapes, not rows

COLOURS = ["#64748b", "#0f766e", "#b45309", "#7c3aed", "#be123c"]
"""Today first; told apart without red against green."""
FONT = "DejaVu Sans, Noto Sans CJK SC, sans-serif"


def svg(chart: Any) -> str:
    """The chart as an SVG element without scripts."""
    return _draw(chart.to_json(indent=None))


@lru_cache(maxsize=64)
def _draw(spec: str) -> str:
    import vl_convert

    text = str(vl_convert.vegalite_to_svg(spec))
    return re.sub(r"^<\?xml[^>]*>\s*", "", text)


def _styled(chart: Any, width: int = 880) -> Any:
    return (
        chart.properties(width=width)
        .configure(font=FONT, background="white")
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", grid=True, gridColor="#e2e8f0", domainColor="#94a3b8")
        .configure_legend(labelFontSize=12, title=None, orient="top", labelLimit=400)
        .configure_header(labelFontSize=12, title=None)
    )


def _colour(names: list[str]) -> Any:
    return alt.Color("scenario:N", scale=alt.Scale(domain=names, range=COLOURS[: len(names)]), legend=alt.Legend() if len(names) > 1 else None)


def funnel(table: pd.DataFrame, names: list[str]) -> Any:
    """Bars by stage with intervals."""
    stages = list(dict.fromkeys(table["stage"]))
    base = alt.Chart(table).encode(y=alt.Y("stage:N", sort=stages, title=None, axis=alt.Axis(labelLimit=220)), yOffset=alt.YOffset("scenario:N", sort=names))
    bars = base.mark_bar(height=alt.RelativeBandSize(0.8)).encode(x=alt.X("reached:Q", title="of 100 cases that arrive, so many reach the stage"), color=_colour(names))
    rule = base.mark_rule(color="#0f172a").encode(x="low:Q", x2="high:Q")
    return _styled((bars + rule).properties(height=max(120, 34 * len(stages) * max(1, len(names) / 1.6))))


def cycle(table: pd.DataFrame, names: list[str]) -> Any:
    """Distribution functions."""
    chart = alt.Chart(table).mark_line(interpolate="step-after", strokeWidth=2).encode(
        x=alt.X("days:Q", title="days from arrival to win", scale=alt.Scale(nice=True)),
        y=alt.Y("share:Q", title="% of the won cases", scale=alt.Scale(domain=[0, 100])), color=_colour(names), strokeDash=alt.StrokeDash("scenario:N", sort=names, legend=None),
    )  # fmt: skip
    return _styled(chart.properties(height=260))


def _styled_facet(chart: Any) -> Any:
    return chart.configure(font=FONT, background="white").configure_view(stroke=None).configure_axis(labelFontSize=11, titleFontSize=11, grid=False).configure_header(labelFontSize=12)


def heat(table: pd.DataFrame) -> Any:
    """A heat map of how busy each team is."""
    chart = (
        alt.Chart(table)
        .mark_rect(stroke="white")
        .encode(
            x=alt.X("hour:O", title="hour of the day"),
            y=alt.Y("weekday:N", sort=["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], title=None),
            color=alt.Color("utilisation:Q", scale=alt.Scale(scheme="tealblues", domain=[0, 100], clamp=True), legend=alt.Legend(title="% busy", orient="right")),
        )
        .properties(height=105, width=410)
        .facet(facet=alt.Facet("team:N", title=None), columns=2)
    )
    return _styled_facet(chart)


def bars(table: pd.DataFrame, what: str, value: str, title: str, names: list[str]) -> Any:
    """Horizontal bars with intervals, largest first."""
    order = list(table.groupby(what)[value].max().sort_values(ascending=False).index)
    base = alt.Chart(table).encode(y=alt.Y(f"{what}:N", sort=order, title=None, axis=alt.Axis(labelLimit=240)), yOffset=alt.YOffset("scenario:N", sort=names))
    bar = base.mark_bar(height=alt.RelativeBandSize(0.8)).encode(x=alt.X(f"{value}:Q", title=title), color=_colour(names))
    rule = base.mark_rule(color="#0f172a").encode(x="low:Q", x2="high:Q")
    return _styled((bar + rule).properties(height=max(80, 24 * len(order) * max(1, len(names) / 1.5))))


def in_process(table: pd.DataFrame, names: list[str], warm_up: float) -> Any:
    """Open cases over time with the warm-up marked."""
    line = alt.Chart(table).mark_line(strokeWidth=2).encode(x=alt.X("week:Q", title="week of the run"), y=alt.Y("cases:Q", title="open cases"), color=_colour(names))
    cut = alt.Chart(pd.DataFrame({"week": [warm_up], "text": ["measured from here"]}))
    rule = cut.mark_rule(strokeDash=[4, 4], color="#475569").encode(x="week:Q")
    text = cut.mark_text(align="left", dx=4, dy=-4, baseline="top", y=2, color="#475569").encode(x="week:Q", text="text:N")
    return _styled((line + rule + text).properties(height=220))


_REAL, _MODEL = COLOURS[4], COLOURS[1]


def _real_and_simulated() -> Any:
    return alt.Color("which:N", scale=alt.Scale(domain=["log", "simulated"], range=[_REAL, _MODEL]), legend=alt.Legend(title=None, orient="top"))


def bands(table: pd.DataFrame, x: str, title: str, y_title: str, columns: int = 2) -> Any:
    """The log's line on the band of simulated logs, a panel for each `series`; x is "date" or a number."""
    along = alt.X(f"{x}:T" if x == "date" else f"{x}:Q", title=title, axis=alt.Axis(labelFlush=True))
    area = alt.Chart(table).mark_area(opacity=0.22, color=_MODEL).encode(x=along, y=alt.Y("low:Q", title=y_title), y2="high:Q")
    simulated = alt.Chart(table).transform_calculate(which="'simulated'").mark_line(strokeWidth=1.5, strokeDash=[5, 3]).encode(x=along, y="simulated:Q", color=_real_and_simulated())
    real = alt.Chart(table).transform_calculate(which="'log'").mark_line(strokeWidth=1.8).encode(x=along, y="log:Q", color=_real_and_simulated())
    chart = (area + simulated + real).properties(height=130 if columns > 1 else 210, width=400 if columns > 1 else 850)
    return _styled_facet(chart.facet(facet=alt.Facet("series:N", title=None, sort=list(dict.fromkeys(table["series"]))), columns=columns).resolve_scale(y="independent"))


def quantiles(table: pd.DataFrame) -> Any:
    """Quantiles of the log against those of simulated logs, a panel for each `series`; on the line they are the same."""
    scale, axis = alt.Scale(type="symlog", constant=1, nice=False), alt.Axis(values=[0, 1, 3, 10, 30, 100, 300, 1000, 3000])
    wide = alt.Chart(table).mark_rule(color=_MODEL, opacity=0.3, strokeWidth=2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=alt.Y("log:Q", scale=scale))
    dots = alt.Chart(table).mark_circle(color=_REAL, size=16, opacity=1).encode(x=alt.X("simulated:Q", title="simulated (h)", scale=scale, axis=axis), y=alt.Y("log:Q", title="log (h)", scale=scale, axis=axis))
    same = alt.Chart(table).mark_line(color="#94a3b8", strokeDash=[4, 3]).encode(x=alt.X("log:Q", scale=scale), y=alt.Y("log:Q", scale=scale))
    chart = (same + wide + dots).properties(height=180, width=250)
    return _styled_facet(chart.facet(facet=alt.Facet("series:N", title=None, sort=list(dict.fromkeys(table["series"]))), columns=3).resolve_scale(x="independent", y="independent"))


def weekly(table: pd.DataFrame, title: str, rule: float | None = None) -> Any:
    """Small charts, one for each `what`: the middle as a line over the weeks, its interval as a band."""
    order, last = list(dict.fromkeys(table["what"])), int(table["week"].max())
    base = alt.Chart(table).encode(x=alt.X("week:Q", title="week", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1, tickCount=min(last, 10), format="d")))
    layers = base.mark_area(opacity=0.25, color=COLOURS[1]).encode(y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=True, nice=True)), y2="high:Q")
    layers += base.mark_line(color=COLOURS[1], strokeWidth=2, point={"color": COLOURS[1], "size": 24}).encode(y=alt.Y("middle:Q", title=title))
    if rule is not None:
        layers += alt.Chart(table).mark_rule(strokeDash=[4, 4], color="#475569").encode(y=alt.datum(rule))
    chart = layers.properties(height=130, width=400).facet(facet=alt.Facet("what:N", title=None, sort=order), columns=2).resolve_scale(y="independent")
    return _styled_facet(chart).configure_axis(labelFontSize=11, titleFontSize=11, grid=True, gridColor="#e2e8f0", domainColor="#94a3b8", titleFontWeight="normal")


_MARKS = {
    "recommended": ("#0f766e", "square", 170, "#0f766e"), "recommended, undecided": ("#0f766e", "square", 170, "white"), "recommended, out": ("#0f766e", "square", 170, "#b6dcd7"),
    "today": ("#be123c", "diamond", 170, "#be123c"), "today, undecided": ("#be123c", "diamond", 170, "white"), "today, out": ("#be123c", "diamond", 170, "#f2c2cd"),
    "front, in": ("#0369a1", "circle", 120, "#0369a1"), "front, undecided": ("#0369a1", "circle", 120, "white"), "front, out": ("#0369a1", "circle", 120, "#c4def0"),
    "front of the search": ("#64748b", "circle", 45, "#64748b"), "other": ("#cbd5e1", "circle", 40, "#cbd5e1"), "over a limit": ("#e0b47a", "triangle-up", 40, "#e7c59a"),
}  # fmt: skip
"""Kind of design -> colour of the line, shape, size and filling: full for what is surely on the front, hollow for undecided, pale for beaten."""


def front(table: pd.DataFrame, x_title: str, y_title: str) -> Any:
    """Designs by two objectives, columns x and y; the names of measures are no names of fields."""
    there = set(table["kind"])
    kinds = [kind for kind in _MARKS if kind in there]
    scales = [alt.Scale(domain=kinds, range=[_MARKS[kind][i] for kind in kinds]) for i in range(4)]
    chart = alt.Chart(table).mark_point(opacity=0.95, strokeWidth=2).encode(
        x=alt.X("x:Q", title=x_title, scale=alt.Scale(zero=False, nice=True)), y=alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=False, nice=True)),
        stroke=alt.Stroke("kind:N", sort=kinds, scale=scales[0], title=None), shape=alt.Shape("kind:N", sort=kinds, scale=scales[1], title=None),
        size=alt.Size("kind:N", sort=kinds, scale=scales[2], title=None), fill=alt.Fill("kind:N", sort=kinds, scale=scales[3], title=None),
    )  # fmt: skip
    return _styled(chart.properties(height=340)).configure_legend(labelFontSize=12, title=None, orient="top", labelLimit=400, columns=4)


def tornado(table: pd.DataFrame) -> Any:
    """What each change brings, a panel for each measure with a scale of its own, the strongest first."""
    order = list(dict.fromkeys(table["change"]))
    base = alt.Chart(table).encode(y=alt.Y("change:N", sort=order, title=None, axis=alt.Axis(labelLimit=300)))
    bar = base.mark_bar(height=alt.RelativeBandSize(0.7), color=COLOURS[1]).encode(x=alt.X("value:Q", title=None))
    rule = base.mark_rule(color="#0f172a").encode(x="low:Q", x2="high:Q")
    zero = alt.Chart(table).mark_rule(color="#475569").encode(x=alt.datum(0))
    chart = (bar + rule + zero).properties(height=max(60, 26 * len(order)), width=270)
    return _styled_facet(chart.facet(facet=alt.Facet("measure:N", title=None, sort=list(dict.fromkeys(table["measure"]))), columns=2).resolve_scale(x="independent"))
