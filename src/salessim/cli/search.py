"""Search for a better design: `salessim optimise`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from salessim.cli.figures import difference_json, estimate_json, spread_json
from salessim.cli.group import EXIT_FINE, EXIT_INCONCLUSIVE, say
from salessim.cli.options import json_option, load, quiet_option, seed_option, workers_option
from salessim.cli.show import Progress, json_text, print_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from salessim.executors import Executor
    from salessim.optimisation import Best
    from salessim.optimisation.best import Screening
    from salessim.optimisation.by_future import InFuture
    from salessim.optimisation.front import Shown
    from salessim.optimisation.kept import Check
    from salessim.optimisation.prices import Price
    from salessim.optimisation.selection import Selection
    from salessim.optimisation.sensitivity import Effect, Interaction
    from salessim.results import Comparison
    from salessim.scenario.model import Scenario

ANSWER = ("best.yaml", "best.json", "report.html")
"""The files of an answer, in the order in which they are written."""


@click.command()
@click.argument("scenario")
@seed_option
@click.option("--out", type=click.Path(file_okay=False), required=True, help="Folder of the study: design, trials, replications, report.")
@click.option("--trials", type=click.IntRange(1, 100_000), default=60, show_default=True)
@click.option("--replications", "-n", type=click.IntRange(2, 10_000), default=4, show_default=True, help="Per design in the search.")
@click.option("--final", type=click.IntRange(2, 100_000), default=60, show_default=True, help="Fresh replications for the final comparison.")
@click.option("--objective", "objectives", multiple=True, help="A measure, also one of the scenario's own; may be given several times [time to win and lost customers].")
@click.option("--limit", "limits", multiple=True, help="Such as 'cost <= 190000/month', on any measure, or 'P(cycle_time <= 30 d) >= 90 %'; may be given several times.")
@click.option("--future", "futures", multiple=True, help="Such as 'boom, 30 %: channels.web.arrivals.rate = 90 per week': designs are judged over all futures; may be given several times.")
@click.option("--robust", default="mean", show_default=True, help="Judge by the mean over all runs, or by that of the worst: 'cvar:20%'.")
@click.option("--method", default="auto", show_default=True, help="How designs are proposed: auto, tpe, gp, nsga2, cma-es, random, enumeration.")
@click.option("--lever", "levers", multiple=True, help="Only these levers.")
@click.option("--resume", is_flag=True, help="Go on with the study in --out; there must be one. The answer is that of a run without interruption.")
@click.option("--force", is_flag=True, help="Begin anew; a study in --out is put aside.")
@click.option("--executor", type=click.Choice(["threads", "processes"]), help="Kind of workers on this machine [processes if the search is long, threads if it is short]; a process can be ended when a run takes too long.")
@click.option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster that runs the replications, such as tcp://10.0.0.1:8786.")
@click.option("--storage", metavar="ADDRESS", help="PostgreSQL database in which several searches share their trials, such as postgresql://planner@host/studies.")
@click.option("--study", "study_name", help="Name of the study in --storage [the scenario's name].")
@click.option("--trial-limit", help="Longest time for the runs of a design, such as '5 min'; a design that takes longer is left out.")
@click.option("--budget", help="What the search may take: a time, such as '10 min', or runs, such as '5000 runs'.")
@workers_option
@json_option
@quiet_option
def optimise(
    scenario: str, seed: int, out: str, trials: int, replications: int, final: int, objectives: tuple[str, ...],
    limits: tuple[str, ...], futures: tuple[str, ...], robust: str, method: str, levers: tuple[str, ...], resume: bool, force: bool, executor: str | None, cluster: str | None,
    storage: str | None, study_name: str | None, trial_limit: str | None, budget: str | None, workers: int | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Search staffing, automation and simplification for a better design.

    The study is kept in --out. The same command again goes on with it, and answers at once if it is finished; another scenario or other options are refused.
    """
    from pathlib import Path

    from salessim.errors import SalesSimError
    from salessim.experiment import Simulating
    from salessim.optimisation import optimise as search
    from salessim.optimisation.budget import parse_budget

    loaded = load(scenario)
    folder = Path(out)
    if resume and force:
        raise click.UsageError("--resume goes on with a study and --force begins anew: give one of them.")
    spend = parse_budget(budget) if budget is not None else None
    try:
        with _executor(loaded, trials * replications + CHOICE * final, workers, executor, cluster, trial_limit) as runs, Progress("designs", quiet) as progress:
            best = search(
                loaded, levers=list(levers) or None, objectives=objectives or None, limits=limits, futures=futures, robust=robust, trials=trials, replications=replications, final=final, method=method, seed=seed,
                workers=Simulating(runs), progress=progress, standing_told=progress.say, budget=spend,
                folder=folder, resume=resume, anew=force, storage=storage, study_name=study_name, tell=lambda text: say(f"note: {text}"),
            )  # fmt: skip
    except (SalesSimError, click.ClickException):
        raise
    except BaseException:  # an interruption, or what it left half-done
        say(f"salessim: the study is kept in {out}; the same command with --resume goes on with it")
        raise
    answer = _best_json(best)
    kept, why = _written(best, answer, folder)
    if as_json:
        print_json(answer)
    else:
        for sentence in best.sentences():
            click.echo(sentence)
        for heading, lines in best.further().items():
            click.echo("\n".join([f"{heading}:", *(f"  {line}" for line in lines)]))
        if not why:
            click.echo(f"Report: {folder / 'report.html'}; design: {folder / 'best.yaml'}")
        for text in best.cautions():
            say(f"note: {text}")
    if why:
        say(f"salessim: {why}; kept: {', '.join([*kept, 'all runs of the study'])}; missing: {', '.join(ANSWER[len(kept) :])}, which the same command writes when there is room, and runs nothing twice")
        return EXIT_INCONCLUSIVE
    if best.stopped:
        say(f"note: {best.stopped} The same command with --resume and a larger budget goes on.")
        return EXIT_INCONCLUSIVE
    return EXIT_FINE if best.settled else EXIT_INCONCLUSIVE


def _written(best: Best, answer: dict[str, Any], folder: Path) -> tuple[list[str], str]:
    """Write the answer to the folder; the files that are there then, and why not the others."""
    from salessim.errors import InputError
    from salessim.reporting import report_best
    from salessim.scenario.loader import write_whole

    ways: tuple[Callable[[Path], Any], ...] = (best.scenario.save, lambda path: write_whole(path, json_text(answer) + "\n"), lambda path: report_best(best, path))
    kept: list[str] = []
    for name, write in zip(ANSWER, ways, strict=True):
        try:
            write(folder / name)
        except (InputError, OSError) as wrong:
            return kept, str(wrong)
        kept.append(name)
    return kept, ""


CHOICE = 10
"""The choice takes so many times the runs of a comparison with today, or more."""
LONG = 2e7
"""Visits from which on a search is long: half a minute of one processor, beside which the seconds count little that processes take to begin."""


def _executor(scenario: Scenario, runs: int, workers: int | None, kind: str | None, cluster: str | None, trial_limit: str | None) -> Executor:
    """Who runs the replications, about so many: in a long search processes, which do not wait for each other's Python as threads do."""
    from salessim.errors import InputError
    from salessim.executors import local, workers_of
    from salessim.experiment import expected_visits
    from salessim.units import SECOND, duration

    try:
        patience = None if trial_limit is None else duration(trial_limit) / SECOND
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError("--trial-limit", problem, remedy or "write for example '5 min'") from None
    if patience is not None and patience <= 0:
        raise InputError("--trial-limit", f"{trial_limit!r} is no time", "write for example '5 min'")
    if cluster is None:
        many = workers_of(workers)
        if kind is None and many > 1 and runs * expected_visits(scenario) >= LONG:
            kind = "processes"
        return local(many, "compiled", kind, patience)
    if workers is not None or kind is not None:
        raise click.UsageError("--cluster has workers of its own: leave out --workers and --executor.")
    from salessim.cluster import Cluster

    return Cluster(cluster, patience)


def _best_json(best: Best) -> dict[str, Any]:
    return {
        "recommended": list(best.words), "changed": best.changed, "settings": best.settings, "sentences": best.sentences(), "further": best.further(), "futures": {f.name: f.weight for f in best.outlook.futures}, "worst": best.outlook.tail, "cautions": best.cautions(),
        "hash": best.scenario.hash, "seed": best.final.base.seed, "trials": len(best.trials), "distinct": len(best.distinct), "designs": best.designs, "simulated": best.simulated,
        "refused": best.refused, "objectives": list(best.objectives), "limits": [limit.words for limit in best.limits], "settled": best.settled, "checks": [_check_json(c) for c in best.checks],
        "prices": [_price_json(best, p) for p in best.prices],
        "core": [{"step": c.step, "why_not": c.why or None, "differences": _changes_json(best, c.against)} for c in best.core],
        "effects": [_effect_json(best, e) for e in best.matters.effects] if best.matters is not None else [],
        "left_alone": [_effect_json(best, e) for e in best.matters.left] if best.matters is not None else [],
        "interactions": [_interaction_json(i) for i in best.matters.interactions] if best.matters is not None else [],
        "shown": [_shown_json(best, s) for s in best.shown], "front": list(best.front), "undecided": list(best.undecided), "search_minus_fresh": dict(best.flattery),
        "screening": _screening_json(best.screening) if best.screening is not None else None, "stopped": best.stopped or None,
        "selection": _selection_json(best.selection) if best.selection is not None else None,
        "break_even": best.payback.as_json() if best.changed and best.payback is not None else None,
        "by_future": [_future_json(best, f) for f in best.futures.each] if best.futures is not None else [],
        "ignorance_over_futures": spread_json(best.futures.together, best.objectives[0], 1) if best.futures is not None else None,
        "differences": {n: difference_json(best.final, n) for n in best.final.catalogue.names},
    }  # fmt: skip


def _check_json(found: Check) -> dict[str, Any]:
    """A limit on fresh runs: the figure is a mean in its unit, or the share of runs that keep the bound."""
    e, limit = found.estimate, found.limit
    return {"limit": limit.words, "measure": limit.measure, "bound": limit.bound, "chance": limit.chance, "verdict": found.verdict, "value": e.value, "low": e.low, "high": e.high, "replications": e.n}


def _shown_json(best: Best, shown: Shown) -> dict[str, Any]:
    """A design beside the recommended one, against today."""
    return {"design": list(shown.words), "settings": shown.settings, "label": shown.label, "checks": [_check_json(c) for c in shown.checks],
            "differences": {n: difference_json(shown.against, n) for n in dict.fromkeys([*best.objectives, *(limit.measure for limit in best.limits), "cost"])}}  # fmt: skip


def _changes_json(best: Best, against: Comparison | None) -> dict[str, Any] | None:
    """The objectives and cost of two designs; nothing where there is no second."""
    return None if against is None else {n: difference_json(against, n) for n in dict.fromkeys([*best.objectives, "cost"])}


def _price_json(best: Best, price: Price) -> dict[str, Any]:
    """What a looser limit would bring against the recommended design."""
    return {"limit": price.limit.words, "looser": price.looser.words, "binds": price.against is not None, "design": list(price.words), "differences": _changes_json(best, price.against),
            "per": {"amount": price.step, "of": price.limit.measure, "unit": price.limit.of.unit, "changes": {n: estimate_json(e, best.final.catalogue.about(n).unit) for n in dict.fromkeys([*best.objectives, "cost"]) if (e := price.each(n)) is not None}} if price.step else None}  # fmt: skip


def _future_json(best: Best, found: InFuture) -> dict[str, Any]:
    """The recommended design in a future: what it changes there, with the share of ignorance, and when it pays."""
    names = dict.fromkeys([*best.objectives, "cost", "revenue"])
    return {"future": found.future.name, "weight": found.future.weight, "runs": found.runs, "break_even": found.payback.as_json() if found.payback is not None else None,
            "differences": {n: difference_json(found.against, n) | spread_json(found.against, n, 1) for n in names}}  # fmt: skip


def _effect_json(best: Best, effect: Effect) -> dict[str, Any]:
    """What a change brings, or a step of a lever that the design leaves alone would do."""
    return {"lever": effect.lever, "words": effect.words, "why_not": effect.why or None, "differences": _changes_json(best, effect.against)}


def _interaction_json(found: Interaction) -> dict[str, Any]:
    """What two changes bring beyond the sum of both."""
    return {"levers": list(found.levers), "beyond": {n: {"value": e.value, "low": e.low, "high": e.high} for n, e in found.beyond.items()}}


def _screening_json(found: Screening) -> dict[str, Any]:
    """What theory made of the designs, and its rank correlation with simulation."""
    return {"designs": found.designs, "front": found.front, "agreement": {n: {k: v if math.isfinite(v) else None for k, v in (("value", r.value), ("low", r.low), ("high", r.high))} | {"designs": r.n} for n, r in found.agreement.items()}}


def _selection_json(found: Selection) -> dict[str, Any]:
    """The promise about the choice; shares of today's figure."""
    return {"finalists": len(found.runs), "replications": found.replications, "confidence": found.confidence, "indifference": found.indifference,
            "behind_at_most": found.within, "decided": found.decided}  # fmt: skip


COMMANDS = (optimise,)
