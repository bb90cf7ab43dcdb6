"""The tables behind the charts: computed once, drawn by `charts`, printed below each chart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salessim import engines
from salessim.catalogue import catalogue
from salessim.measures import View
from salessim.network import build
from salessim.optimisation.said import plain
from salessim.records import NEVER
from salessim.scenario.calendars import DAYS
from salessim.scenario.uncertain import in_words, network_of
from salessim.statistics import mean_interval
from salessim.survival import incidence
from salessim.units import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from salessim.optimisation import Best
    from salessim.optimisation.sensitivity import Effect
    from salessim.results import Comparison, Results
    from salessim.scenario.model import Scenario

LOGGED = 5
"""Replications whose logs feed the funnel, the cycle times and the hours."""
MOST_MAPS = 12
"""Teams whose hours are shown; more would make the page heavy and nobody would look."""


@dataclass(frozen=True)
class Detail:
    """What only logs can tell, of one scenario."""

    name: str
    funnel: pd.DataFrame
    """stage, cases per 100 arriving (mean, low, high)."""
    cycle: pd.DataFrame
    """days, share of the won cases that took no longer."""
    hours: pd.DataFrame
    """team, weekday, hour, utilisation in %."""


def detail(results: Results) -> Detail:
    """Run a few replications again with their logs."""
    scenario = results.scenario
    network = build(scenario)
    runs = [
        engines.run(network_of(scenario, results.seed, n) if scenario.uncertain else network, seed=results.seed, number=n, engine="compiled", log=True)
        for n in results.numbers[:LOGGED]
    ]
    return Detail(scenario.name, _funnel(scenario, runs), _cycle(runs), _hours(scenario, network, runs))


def _funnel(scenario: Scenario, runs: list[Any]) -> pd.DataFrame:
    """Of 100 cases that arrive through a channel, how many reach each stage."""
    stages = list(scenario.stages)
    shares: dict[str, list[float]] = {s: [] for s in stages}
    for run in runs:
        cases, labels = run.cases, run.labels
        late = labels.horizon - (labels.horizon - labels.warm_up) // 4  # those after this had no time to get on
        cohort = (cases.born >= labels.warm_up) & (cases.born < late) & (cases.channel < len(scenario.channels))
        numbers = np.flatnonzero(cohort)
        frame = run.log.frame
        reached = frame[frame["case"].isin(numbers)].groupby("stage")["case"].nunique()
        for stage in stages:
            shares[stage].append(100 * float(reached.get(stage, 0)) / max(1, len(numbers)))
    rows = []
    for stage in stages:
        e = mean_interval(shares[stage]).within(0.0, 100.0)
        rows.append({"stage": scenario.stages[stage].title or stage, "reached": e.value, "low": e.low, "high": e.high})
    return pd.DataFrame(rows)


def _cycle(runs: list[Any]) -> pd.DataFrame:
    """Distribution of the time to win, open cases censored, over all logged replications."""
    times, ending, entry = [], [], []
    for run in runs:
        view = View(run)
        cases, labels = view.cases, view.labels
        ended = np.where(cases.ended == NEVER, labels.horizon, cases.ended)
        stop = np.where(view.won_at != NEVER, view.won_at, ended)
        keep = view.arrived | (view.sells & (cases.born < 0) & (stop > labels.warm_up))
        times.append((stop - cases.born)[keep])
        ending.append(np.where(view.won_at != NEVER, 1, np.where(cases.ended == NEVER, 0, 2))[keep])
        entry.append((labels.warm_up - cases.born)[keep])
    curve = incidence(np.concatenate(times), np.concatenate(ending), 1, np.concatenate(entry))
    if curve.final <= 0:
        return pd.DataFrame({"days": [], "share": []})
    at = np.linspace(0.01, 1, 100)
    return pd.DataFrame({"days": [curve.quantile(p) / DAY for p in at], "share": 100 * at})


def _hours(scenario: Scenario, network: Any, runs: list[Any]) -> pd.DataFrame:
    """How busy each team is by weekday and hour, on a grid of quarter hours while it is on duty."""
    clock, labels = scenario.clock, network.labels
    start = pd.Timestamp(network.origin)
    grid = pd.date_range(start + pd.Timedelta(microseconds=clock.warm_up), start + pd.Timedelta(microseconds=clock.horizon), freq="15min", inclusive="left")
    local = grid.tz_convert(clock.time_zone)
    ticks = ((grid - start) // pd.Timedelta(microseconds=1)).to_numpy()
    moments = grid.as_unit("us").asi8
    stints = [_stints(run.log.frame) for run in runs]
    rows = []
    busiest = sorted(scenario.teams, key=lambda t: (-busy_hours(runs, t), t))[:MOST_MAPS]
    for team in sorted(t for t in busiest if scenario.teams[t].people):
        size = scenario.teams[team].people * scenario.teams[team].concurrency
        calendar = network.model.people.calendar[labels.teams.index(team)]
        duty = np.ones(len(grid), bool)
        if calendar:
            first, last = network.model.hours.first[calendar], network.model.hours.last[calendar]
            i = np.searchsorted(network.model.hours.opens[first:last], ticks, side="right") - 1
            duty = (i >= 0) & (ticks < network.model.hours.closes[first:last][np.maximum(i, 0)])
        busy = np.zeros(len(grid))
        for crews, crew_of, begun, done, open_ in stints:
            places = np.array([crew.split(" + ").count(team) for crew in crews], np.int64)[crew_of]
            begins, ends = np.sort(np.repeat(begun, places)), np.sort(np.repeat(done[~open_], places[~open_]))
            busy += np.searchsorted(begins, moments, side="right") - np.searchsorted(ends, moments, side="right")
        table = pd.DataFrame({"weekday": local.day_of_week, "hour": local.hour, "busy": busy / len(runs) / size})[duty]
        for (day, hour), share in table.groupby(["weekday", "hour"])["busy"].mean().items():
            rows.append({"team": scenario.teams[team].title or team, "weekday": DAYS[day], "hour": int(hour), "utilisation": 100 * float(share)})
    return pd.DataFrame(rows, columns=["team", "weekday", "hour", "utilisation"])


def _stints(frame: pd.DataFrame) -> tuple[Any, Any, Any, Any, Any]:
    """The crews of a log (names joined by " + "), and of each piece of work that was begun: which crew, its begin and end in us, and whether it has none."""
    frame = frame[frame["started"].notna() & frame["team"].notna()]
    crew_of, crews = pd.factorize(frame["team"])
    begun, done = (frame[column].dt.tz_convert("UTC").dt.as_unit("us").astype("int64").to_numpy() for column in ("started", "ended"))
    return crews, crew_of, begun, done, frame["ended"].isna().to_numpy()


def busy_hours(runs: list[Any], team: str) -> float:
    """Work of a team over some runs, in person-us."""
    return sum(float(run.totals.busy[run.labels.teams.index(team)]) for run in runs)


def losses(comparison: Comparison, names: list[str], kind: str) -> pd.DataFrame:
    """Lost customers per week with intervals, by "stage" or "reason"."""
    start = "lost @ " if kind == "stage" else "lost because "
    rows = []
    for scenario, results in zip(names, comparison.results, strict=True):
        for name in results.names:
            if name.startswith(start):
                e = results.shown(name)
                what = name.removeprefix(start)
                if kind == "stage":
                    what = results.scenario.stages[what].title or what
                if e.value > 0:
                    rows.append({"what": what, "scenario": scenario, "per_week": e.value, "low": e.low, "high": e.high})
    return pd.DataFrame(rows, columns=["what", "scenario", "per_week", "low", "high"])


def load_of_teams(comparison: Comparison, names: list[str]) -> pd.DataFrame:
    """Utilisation of every team with its interval."""
    rows = []
    for scenario, results in zip(names, comparison.results, strict=True):
        for team, part in results.scenario.teams.items():
            e = results.shown(f"utilisation of {team}") if f"utilisation of {team}" in results.pairs else None
            if e is not None and np.isfinite(e.value):
                rows.append({"team": part.title or team, "people": part.size, "scenario": scenario, "utilisation": e.value, "low": e.low, "high": e.high})
    return pd.DataFrame(rows, columns=["team", "people", "scenario", "utilisation", "low", "high"])


def waits(comparison: Comparison, names: list[str]) -> pd.DataFrame:
    """Mean wait for people at each step with its interval."""
    rows = []
    for scenario, results in zip(names, comparison.results, strict=True):
        titles = Counter(step.title or n for n, step in results.scenario.steps.items())
        for name in results.names:
            if name.startswith("waiting @ "):
                e = results.shown(name)
                if np.isfinite(e.value):
                    step = results.scenario.steps[name.removeprefix("waiting @ ")]
                    title = step.title if step.title and titles[step.title] == 1 else name.removeprefix("waiting @ ")
                    rows.append({"step": title, "scenario": scenario, "hours": e.value, "low": e.low, "high": e.high})
    return pd.DataFrame(rows, columns=["step", "scenario", "hours", "low", "high"])


def in_process(comparison: Comparison, names: list[str]) -> pd.DataFrame:
    """Open cases over the whole run, warm-up included, averaged over replications."""
    rows = []
    for scenario, results in zip(names, comparison.results, strict=True):
        weeks = (np.arange(len(results.wip)) + 0.5) * results.scenario.clock.horizon / len(results.wip) / (7 * DAY)
        rows.append(pd.DataFrame({"week": weeks, "cases": results.wip, "scenario": scenario}))
    return pd.concat(rows, ignore_index=True)


def designs(best: Best) -> pd.DataFrame:
    """Every design the search looked at: what it is, of which kind, and cost and objectives, headed by title and unit.

    Those that were run again are told by their fresh figures and their label: "in" is on the front for sure. The others are
    set to the level of these: the customers of the search's few runs were easier or harder than usual for all designs.
    """
    known, names, rows = catalogue(best.today), list(dict.fromkeys(["cost", *best.objectives])), []
    now, fresh = best.trials[0].values or {}, best.final.base
    level = {n: float(np.nan_to_num(fresh.estimate(n).value - now.get(n, np.nan), posinf=0.0, neginf=0.0)) for n in names}
    again = {repr(sorted(s.settings.items())): s for s in best.shown}
    pruned = [best.chosen] if best.chosen and all(t.settings != best.settings for t in best.distinct) else []
    for trial in [*best.distinct, *pruned]:
        if trial.values is None:
            continue
        shown = again.get(repr(sorted(trial.settings.items())))
        role = "today" if not trial.words else "recommended" if best.changed and trial.settings == best.settings else ""
        if shown is not None:
            kind = f"{role}, {shown.label}" if role and shown.label != "in" else role or f"front, {shown.label}"
        else:
            kind = role or ("front of the search" if trial.number in (*best.front, *best.undecided) else "other" if trial.feasible else "over a limit")
        values = {n: shown.against.results[1].estimate(n).value if shown is not None else trial.values[n] + level[n] for n in names}
        rows.append(("; ".join(trial.words) or "today", kind, *(values[n] for n in names)))
    return pd.DataFrame(sorted(rows, key=lambda row: -KINDS.index(row[1])),  # what matters is drawn last, on top
                        columns=["design", "kind", *(known.about(n).heading for n in names)])  # fmt: skip


KINDS = (
    "recommended", "recommended, undecided", "recommended, out", "today", "today, undecided", "today, out",
    "front, in", "front, undecided", "front, out", "front of the search", "other", "over a limit",
)  # fmt: skip
"""Kinds of designs, what matters most first; without a label it is on the front for sure, or there are no labels."""


def effects(best: Best, which: Iterable[Effect]) -> pd.DataFrame:
    """What changes of the recommended design bring, or steps of other levers would do, a row for each objective."""
    known, rows = catalogue(best.today), []
    for effect in which:
        if effect.against is None:
            continue
        for name in best.objectives:
            e = effect.against.difference(name).change
            rows.append((plain(effect.words), known.about(name).heading, e.value, e.low, e.high))
    return pd.DataFrame(rows, columns=["change", "measure", "value", "low", "high"]).dropna()


def front(best: Best, table: pd.DataFrame) -> pd.DataFrame:
    """The first two objectives of the designs of a table, x and y, for the chart."""
    names = list(dict.fromkeys(["cost", *best.objectives]))
    x, y = (table.iloc[:, 2 + names.index(n)] for n in best.objectives[:2])
    return pd.DataFrame({"x": x, "y": y, "kind": table["kind"]})


def definitions(comparison: Comparison) -> list[list[str]]:
    """What the scenarios' own measures are: title, definition, unit, which way is better, origin."""
    rows: list[list[str]] = []
    for results in comparison.results:
        for name, own in results.scenario.measures.items():
            about = results.catalogue.about(name)
            assumed = "assumption" if own.assumption is True else f"assumption: {own.assumption}" if own.assumption else ""
            row = [about.title, about.explain, about.unit, about.better, "; ".join(x for x in (own.source, assumed) if x)]
            rows += [row] if row not in rows else []
    return rows


def provenance(scenario: Scenario) -> pd.DataFrame:
    """Every figure of a scenario that says where it comes from, and those that do not."""
    from salessim.scenario.loader import to_data

    rows: list[dict[str, str]] = []

    def walk(value: Any, path: list[str]) -> None:
        if isinstance(value, dict):
            if "source" in value or "assumption" in value:
                said = "assumption" if value.get("assumption") is True else str(value.get("assumption") or "")
                rows.append({"where": " › ".join(path), "kind": "assumption" if said else ("data" if str(value.get("source", "")).startswith("data") else "source"),
                             "said": "; ".join(x for x in (str(value.get("source") or ""), f"assumption: {said}" if said else "") if x)})
            for k, v in value.items():
                walk(v, [*path, str(k)])
        elif isinstance(value, list):
            for i, v in enumerate(value):
                walk(v, [*path, _label(v, i)])

    data = to_data(scenario)
    for part in ("calendars", "teams", "segments", "channels", "stages", "attributes", "limits", "measures", "costs", "levers"):
        walk(data.get(part, {}), [part])
    rows += [{"where": f"uncertain › {row['where']}", "kind": "assumption" if row["assumed"] else "source", "said": f"{row['law']}; {row['origin']}"} for row in in_words(scenario)]
    return pd.DataFrame(rows, columns=["where", "kind", "said"])


def _label(value: Any, i: int) -> str:
    if isinstance(value, dict):
        for key in ("to", "lost", "kind", "days"):
            if key in value:
                return f"{key} {value[key]}"
    return str(i + 1)
