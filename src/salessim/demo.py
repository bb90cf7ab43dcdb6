"""The whole loop on a log whose truth is known: generate, calibrate, simulate, optimise, report."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from salessim.calibration import calibrate
from salessim.experiment import replicate, simulate
from salessim.ignorance import echo
from salessim.importers import inspect_log, read_log
from salessim.optimisation import optimise
from salessim.reporting import report_best
from salessim.results import Results
from salessim.scenario.loader import write_whole
from salessim.scenario.model import Scenario

TRUTH = Path(__file__).with_name("demo_truth.yaml")
PAY = "45 EUR/hour"
"""Pay is not in a CRM log; the demo assumes it for everybody."""
LEVERS: dict[str, dict[str, Any]] = {
    "one more for new leads": {"add_staff": "answer team", "up_to": 2, "one_off_cost": "4000 EUR", "assumption": "hiring cost"},
    "one more for demos": {"add_staff": "demo team", "up_to": 1, "one_off_cost": "8000 EUR", "assumption": "hiring cost"},
    "one more engineer": {"add_staff": "demo (second) team", "up_to": 1, "one_off_cost": "8000 EUR", "assumption": "hiring cost"},
    "answering machine": {
        "title": "Answer simple leads automatically", "automate": "answer", "share": "35 %", "time": "2 min",
        "running_cost": "900 EUR/month", "one_off_cost": "6000 EUR", "assumption": "share, quality and cost",
    },
    "order entry": {
        "title": "Take orders over from the contract", "automate": "enter order", "share": "80 %", "time": "5 min",
        "running_cost": "700 EUR/month", "one_off_cost": "15000 EUR", "assumption": "share and cost",
    },
    "one pair of eyes": {"title": "Send quotes without a second check", "remove": "check quote", "assumption": "errors that reach the customer are not modelled"},
}  # fmt: skip
"""What the demo's company could do; no log says so, a person does."""
HOLDOUT = 0.25
DRAWS = 40
"""Of the estimates, to tell ignorance from chance: see `ignorance.ECHOES`."""
NORMAL = 1.959964
"""Half of a 95 % interval in standard errors."""
CHECKED = ("cycle_time", "win_rate", "lost_customers", "response_time")

Bar = Callable[[str], AbstractContextManager[Any]]


def run_demo(folder: Path, *, seed: int, say: Callable[[str], None], progress: Bar) -> Path:
    """Run the loop and write everything into a folder.

    Args:
        folder: exists; gets crm.csv, mapping.yaml, learnt.yaml, best.yaml and report.html.
        seed: of all draws.
        say: is told what happens, a line at a time.
        progress: makes a progress bar for a named piece of work.

    Returns:
        The path of the report.
    """
    truth = Scenario.load(TRUTH)
    log = simulate(truth, seed=seed)
    log.to_csv(folder / "crm.csv")
    say(f"1. A CRM log of {len(log):,} visits was generated from a known truth: {folder / 'crm.csv'}")

    proposal = inspect_log(folder / "crm.csv")
    mapping = {**proposal.mapping, "office_in": truth.clock.time_zone}
    for name, step in truth.steps.items():
        if step.milestone:  # what a person would correct in the mapping: which steps mark a point on the way
            mapping["activities"][name] = {**mapping["activities"][name], "milestone": step.milestone}
    from salessim.scenario.yaml import dump_yaml

    write_whole(folder / "mapping.yaml", dump_yaml(mapping))
    events, quality = read_log(folder / "crm.csv", folder / "mapping.yaml")
    with progress("calibration") as bar:
        calibration = calibrate(events, holdout=HOLDOUT, uncertain=True, seed=seed, name="Learnt from the CRM log", progress=bar)
    levers = {name: lever for name, lever in LEVERS.items() if _fits(calibration.scenario, lever)}
    learnt = calibration.scenario.change(
        {**{f"teams.{team}.cost": PAY for team in calibration.scenario.teams}, "levers": levers}
    )
    say(f"2. Calibrated on the first {100 * (1 - HOLDOUT):.0f} % of the period ({quality.cases:,} cases); the rest was held out:")
    if calibration.validation:
        for line in calibration.validation.lines()[1:]:
            say(line)

    say("3. What was learnt, simulated, against the truth, simulated over the same weeks:")
    weeks = {"clock": {"start": learnt.clock.start.isoformat(), "time_zone": learnt.clock.time_zone, "horizon": "60 weeks", "warm_up": "20 weeks"}}
    with progress("truth") as bar:
        a = replicate(truth.change(weeks), 20, seed=seed, engine="compiled", progress=bar)
    with progress("what was learnt") as bar:
        b = echo(replicate(learnt.change(weeks), DRAWS, seed=seed + 1, engine="compiled", progress=bar), engine="compiled")
    for name in CHECKED:
        x, (y, half), about = a.estimate(name), long_run(b, name), b.catalogue.about(name)
        apart = "   differs" if abs(x.value - y) > math.hypot(x.half_width, half) else ""
        say(f"   {about.title:26} truth {x.value:8.2f} ± {x.half_width:.2f}   learnt {y:8.2f} ± {half:.2f} {about.unit}{apart}")
    say("   (What was learnt is uncertain by what one log cannot tell as well as by the noise of simulation; the truth by that noise only.)")
    learnt = learnt.change({"uncertain": {}})

    cost = b.estimate("cost").value
    with progress("designs") as bar:
        best = optimise(learnt, limits={"cost": f"<= {1.12 * cost:.0f} EUR/month"}, trials=40, replications=4, final=40, seed=seed, progress=bar)
    learnt.save(folder / "learnt.yaml")
    best.scenario.save(folder / "best.yaml")
    path = report_best(best, folder / "report.html", calibration)
    dear = sum(t.values is not None and not t.feasible for t in best.distinct)
    able = best.screening.able if best.screening is not None else None
    left = f" ({able[0]} of all {able[1]} keep to 12 % over today's cost and keep up with the work by theory)" if able is not None else ""
    say(f"4. {len(best.distinct)} designs were tried{left}, {dear} of them too dear; the most promising were compared with today on fresh seeds.")
    say("")
    for sentence in best.sentences():
        say(sentence)
    say(f"Report: {path}")
    return path


def long_run(results: Results, name: str) -> tuple[float, float]:
    """The long-run figure of a scenario with uncertain values, and half of its 95 % interval.

    Two errors are independent and add up in quadrature: that of the mean over replications, and what the uncertain values
    themselves may be off by, which no number of replications makes smaller.

    Args:
        results: with echoes, which tell the share of the variance that is ignorance.
        name: of a measure.
    """
    found, apart = results.estimate(name), results.spread(name)
    share = 0.0 if apart is None or math.isnan(apart.ignorance.value) else apart.ignorance.value
    return found.value, math.hypot(found.half_width, NORMAL * math.sqrt(share) * float(np.nanstd(results.values(name), ddof=1)))


def _fits(scenario: Scenario, lever: dict[str, Any]) -> bool:
    """Whether what the lever is about was found in the log."""
    steps = [lever[k] for k in ("automate", "remove") if k in lever]
    return all(step in scenario.steps for step in steps) and lever.get("add_staff", next(iter(scenario.teams))) in scenario.teams
