"""Search for a better design: `salessim optimise`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salessim.cli.figures import difference_json
from salessim.cli.group import EXIT_FINE, EXIT_INCONCLUSIVE, say
from salessim.cli.options import folder_of, json_option, load, quiet_option, seed_option, workers_option
from salessim.cli.show import Progress, json_text, print_json

if TYPE_CHECKING:
    from salessim.optimisation import Best
    from salessim.optimisation.front import Shown
    from salessim.optimisation.kept import Check
    from salessim.optimisation.selection import Selection


@click.command()
@click.argument("scenario")
@seed_option
@click.option("--out", type=click.Path(file_okay=False), required=True, help="Folder for the design, the trials and the report.")
@click.option("--trials", type=click.IntRange(1, 100_000), default=60, show_default=True)
@click.option("--replications", "-n", type=click.IntRange(2, 10_000), default=4, show_default=True, help="Per design in the search.")
@click.option("--final", type=click.IntRange(2, 100_000), default=60, show_default=True, help="Fresh replications for the final comparison.")
@click.option("--objective", "objectives", multiple=True, help="A measure, also one of the scenario's own; may be given several times [time to win and lost customers].")
@click.option("--limit", "limits", multiple=True, help="Such as 'cost <= 190000/month', on any measure, or 'P(cycle_time <= 30 d) >= 90 %'; may be given several times.")
@click.option("--method", default="auto", show_default=True, help="How designs are proposed: auto, tpe, gp, nsga2, cma-es, random, enumeration.")
@click.option("--lever", "levers", multiple=True, help="Only these levers.")
@workers_option
@json_option
@quiet_option
def optimise(
    scenario: str, seed: int, out: str, trials: int, replications: int, final: int, objectives: tuple[str, ...],
    limits: tuple[str, ...], method: str, levers: tuple[str, ...], workers: int | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Search staffing, automation and simplification for a better design."""
    from salessim.optimisation import optimise as search
    from salessim.scenario.loader import write_whole

    loaded = load(scenario)
    folder = folder_of(out)
    journal = folder / "trials.jsonl"
    with Progress("designs", quiet) as progress:
        best = search(
            loaded, levers=list(levers) or None, objectives=objectives or None, limits=limits,
            trials=trials, replications=replications, final=final, method=method, seed=seed, workers=workers, progress=progress, journal=journal,
        )  # fmt: skip
    best.scenario.save(folder / "best.yaml")
    answer = _best_json(best)
    write_whole(folder / "best.json", json_text(answer) + "\n")
    from salessim.reporting import report_best

    report_best(best, folder / "report.html")
    if as_json:
        print_json(answer)
    else:
        for sentence in best.sentences():
            click.echo(sentence)
        click.echo(f"Report: {folder / 'report.html'}; design: {folder / 'best.yaml'}")
        for text in best.cautions():
            say(f"note: {text}")
    return EXIT_FINE if best.settled else EXIT_INCONCLUSIVE


def _best_json(best: Best) -> dict[str, Any]:
    return {
        "recommended": list(best.words), "changed": best.changed, "settings": best.settings, "sentences": best.sentences(), "cautions": best.cautions(),
        "hash": best.scenario.hash, "seed": best.final.base.seed, "trials": len(best.trials), "distinct": len(best.distinct), "designs": best.designs,
        "refused": best.refused, "objectives": list(best.objectives), "limits": [limit.words for limit in best.limits], "settled": best.settled, "checks": [_check_json(c) for c in best.checks],
        "shown": [_shown_json(best, s) for s in best.shown], "front": list(best.front), "search_minus_fresh": dict(best.flattery),
        "selection": _selection_json(best.selection) if best.selection is not None else None,
        "break_even": best.payback.as_json() if best.changed and best.payback is not None else None,
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


def _selection_json(found: Selection) -> dict[str, Any]:
    """The promise about the choice; shares of today's figure."""
    return {"finalists": len(found.runs), "replications": found.replications, "confidence": found.confidence, "indifference": found.indifference,
            "behind_at_most": found.within, "decided": found.decided}  # fmt: skip


COMMANDS = (optimise,)
