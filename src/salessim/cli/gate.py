"""The gate for CI: `salessim check`."""

from __future__ import annotations

import click

from salessim.cli.figures import estimate_json
from salessim.cli.group import EXIT_FINE, EXIT_INCONCLUSIVE, EXIT_REGRESSION, say
from salessim.cli.options import json_option, load, quiet_option, seed_option
from salessim.cli.show import Progress, number, print_json, signed, table


@click.command()
@click.argument("scenario")
@click.option("--baseline", type=click.Path(dir_okay=False), required=True, help="The committed baseline (JSON).")
@click.option("--update", is_flag=True, help="Make the baseline anew from this scenario.")
@click.option("--replications", "-n", type=click.IntRange(2, 100_000), default=40, show_default=True, help="For --update.")
@seed_option
@json_option
@quiet_option
def check(scenario: str, baseline: str, update: bool, replications: int, seed: int, as_json: bool, quiet: bool) -> int:
    """Gate for CI: exit 0 passed, 1 regression, 3 inconclusive."""
    from salessim import gate
    from salessim.measures import about, unit

    loaded = load(scenario)
    if update:
        with Progress("baseline", quiet) as progress:
            gate.save_baseline(gate.make_baseline(loaded, replications=replications, seed=seed, progress=progress), baseline)
        say(f"{baseline}: made from {loaded.name} ({replications} replications, seed {seed})")
        return EXIT_FINE
    kept = gate.load_baseline(baseline)
    with Progress("replications", quiet) as progress:
        answer = gate.check(loaded, kept, progress=progress)
    if as_json:
        print_json(
            {"verdict": answer.verdict, "same_scenario": answer.same_scenario, "scenario_hash": loaded.hash,
             "findings": {f.measure: {"verdict": f.verdict, "max_worsening": f.threshold,
                                      **estimate_json(f.difference.change, unit(f.measure, loaded.currency))} for f in answer.findings}}
        )  # fmt: skip
    else:
        click.echo(f"{answer.verdict}: {loaded.name} against {baseline}" + (" (unchanged)" if answer.same_scenario else ""))
        table(
            ["", "change", "interval", "may worsen by", "unit", ""],
            [[about(f.measure).title, signed(f.difference.change.value), f"{signed(f.difference.change.low)} to {signed(f.difference.change.high)}",
              number(f.threshold), unit(f.measure, loaded.currency), f.verdict] for f in answer.findings],
        )  # fmt: skip
    return {"passed": EXIT_FINE, "regression": EXIT_REGRESSION, "inconclusive": EXIT_INCONCLUSIVE}[answer.verdict]


COMMANDS = (check,)
