"""The plain model: what anybody would write down after an hour with the log, as a yardstick for a calibrated one.

One exponential gap between arrivals, one mean per activity, one probability per branch, everybody always at work. Only what
has finished is looked at. A calibrated model has to be far nearer to the log than this.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from salessim.calibration.laws import in_words
from salessim.calibration.names import Names
from salessim.units import say_share

if TYPE_CHECKING:
    from salessim.calibration.sample import Sample
    from salessim.scenario.model import Scenario

START = -1
LEAST_MEAN = 1.0
"""Seconds: shorter is written as a second."""


def plain_model(known: Sample, clock: dict[str, Any]) -> tuple[Scenario, dict[str, str]]:
    """Learn the plain model.

    The time of an activity is that from its start to its end; where starts are not known, that since the visit before.

    Args:
        known: the log, cut off where knowledge ends.
        clock: of the scenario, as in a scenario file.

    Returns:
        tuple: the scenario, and step -> activity of the log.
    """
    from salessim.scenario.model import Scenario

    view, names = known.view, Names()
    step_of = {i: names(i, f"{name[:70]}") for i, name in enumerate(view.activities)}
    people = max(1, len({p for p in known.person.tolist() if p}))
    moves, seen = _moves(known), set(known.activity.tolist())
    steps: dict[str, Any] = {"arrive": {"automatic": "0 min", "then": _ways(moves[START], step_of)}}
    for i, name in enumerate(view.activities):
        if i in seen:
            time = {"law": "exponential", "mean": in_words(_mean(known, i)), "source": f"data: the mean of {name}"}
            worked = view.starts and view.staffed[i]
            steps[step_of[i]] = {**({"work": time, "by": "everybody", "patience": "none"} if worked else {"customer": time}), "then": _ways(moves[i], step_of)}
    until = max(known.born.max(initial=view.start) + 1.0, _end(known))
    weeks = (until - known.born.min(initial=until - 1.0)) / (7 * 86_400)
    scenario = Scenario.parse(
        {"salessim": 1, "name": "Plain model", "clock": clock, "teams": {"everybody": {"size": people, "assumption": "always at work"}},
         "segments": {"all": {}}, "stages": {"all": {"steps": steps}},
         "channels": {"log": {"enters": "arrive", "segments": {"all": 1.0}, "arrivals": {"rate": f"{len(known.born) / weeks:.6g} per week", "source": f"data: {len(known.born):,} arrivals"}}}}
    )  # fmt: skip
    return scenario, {step_of[i]: view.activities[i] for i in seen}


def _end(known: Sample) -> float:
    times, _ = known.stamps()
    return float(times.max(initial=known.view.start))


def _mean(known: Sample, activity: int) -> float:
    mine = known.activity == activity
    times = (known.done - (known.begun if known.view.starts else known.ready))[mine]
    times = times[~np.isnan(times)]
    return max(LEAST_MEAN, float(times.mean())) if len(times) else LEAST_MEAN


def _moves(known: Sample) -> dict[int, Counter[Any]]:
    """After each activity (and at the start): how often which activity or ending came next."""
    result: dict[int, Counter[Any]] = {START: Counter(), **{i: Counter() for i in range(len(known.view.activities))}}
    visited = np.zeros(len(known.born), bool)
    for i, (case, activity) in enumerate(zip(known.case.tolist(), known.activity.tolist(), strict=True)):
        result[START if not visited[case] else int(known.activity[i - 1])][activity] += 1
        visited[case] = True
        if (i + 1 == len(known.case) or known.case[i + 1] != case) and not np.isnan(known.over[case]):
            result[activity][str(known.outcome[case])] += 1
    for case in np.flatnonzero(~visited & ~np.isnan(known.over)).tolist():
        result[START][str(known.outcome[case])] += 1
    return result


def _ways(counts: Counter[Any], step_of: dict[int, str]) -> list[dict[str, Any]]:
    from salessim.importers.eventlog import clean

    total = sum(counts.values())
    if not total:
        return [{"done": True, "assumption": "never seen what follows"}]
    merged: Counter[tuple[str, Any]] = Counter()
    for goal, n in counts.items():
        merged[("to", step_of[goal]) if isinstance(goal, int) else ("lost", clean(goal[6:])) if goal.startswith("lost: ") else ("done", True)] += n
    ordered = sorted(merged.items(), key=lambda item: (item[1], str(item[0])))[-64:]
    ways: list[dict[str, Any]] = [{kind: goal, "share": say_share(np.floor(1e5 * n / total) / 1e5), "source": f"data: {n:,} moves"} for (kind, goal), n in ordered[:-1]]
    return [*ways, {ordered[-1][0][0]: ordered[-1][0][1], "source": f"data: {ordered[-1][1]:,} moves"}]
