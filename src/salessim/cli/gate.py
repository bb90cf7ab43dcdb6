"""The gate for CI: `salessim check`."""

from __future__ import annotations

import click

from salessim.cli.figures import about_json, estimate_json
from salessim.cli.group import EXIT_FINE, EXIT_INCONCLUSIVE, EXIT_REGRESSION, say
from salessim.cli.options import json_option, load, named_value, quiet_option, seed_option
from salessim.cli.show import Progress, number, print_json, signed, table


@click.command()
@click.argument("scenario")
@click.option("--baseline", type=click.Path(dir_okay=False), required=True, help="The committed baseline (JSON).")
@click.option("--update", is_flag=True, help="Make the baseline anew from this scenario.")
@click.option("--replications", "-n", type=click.IntRange(2, 100_000), default=40, show_default=True, help="For --update.")
@click.option("--threshold", "thresholds", multiple=True, help="For --update: a measure and the share by which it may worsen, such as 'margin=5 %'; may be given several times [those of the file, or cycle_time, lost_customers, cost and win_rate with 5 %].")
@seed_option
@json_option
@quiet_option
def check(scenario: str, baseline: str, update: bool, replications: int, thresholds: tuple[str, ...], seed: int, as_json: bool, quiet: bool) -> int:
    """Gate for CI: exit 0 passed, 1 regression, 3 inconclusive."""
    from salessim import gate
    from salessim.errors import InputError
    from salessim.results import standing_cautions

    loaded = load(scenario)
    if thresholds and not update:
        raise InputError("--threshold", "thresholds are kept in the baseline", "add --update to make it anew")
    if update:
        chosen = _thresholds(thresholds) or gate.thresholds_of(baseline)
        with Progress("baseline", quiet) as progress:
            gate.save_baseline(gate.make_baseline(loaded, replications=replications, seed=seed, thresholds=chosen, progress=progress), baseline)
        say(f"{baseline}: made from {loaded.name} ({replications} replications, seed {seed})")
        return EXIT_FINE
    kept = gate.load_baseline(baseline)
    with Progress("replications", quiet) as progress:
        answer = gate.check(loaded, kept, progress=progress)
    if as_json:
        print_json(
            {"verdict": answer.verdict, "same_scenario": answer.same_scenario, "scenario_hash": loaded.hash, "cautions": standing_cautions(loaded),
             "findings": {f.measure: {"verdict": f.verdict, "max_worsening": f.threshold, **estimate_json(f.difference.change, f.of.unit), **about_json(f.of)}
                          for f in answer.findings}}
        )  # fmt: skip
    else:
        click.echo(f"{answer.verdict}: {loaded.name} against {baseline}" + (" (unchanged)" if answer.same_scenario else ""))
        table(
            ["", "change", "interval", "may worsen by", "unit", ""],
            [[f.of.title, signed(f.difference.change.value), f"{signed(f.difference.change.low)} to {signed(f.difference.change.high)}",
              number(f.threshold), f.of.unit, f.verdict] for f in answer.findings],
        )  # fmt: skip
        for text in standing_cautions(loaded):
            say(f"note: {text}")
    return {"passed": EXIT_FINE, "regression": EXIT_REGRESSION, "inconclusive": EXIT_INCONCLUSIVE}[answer.verdict]


def _thresholds(given: tuple[str, ...]) -> dict[str, float]:
    """Measure -> share, of words such as 'margin=5 %'."""
    from salessim.errors import InputError
    from salessim.units import share

    found: dict[str, float] = {}
    for text in given:
        name, value = named_value(text, "--threshold", "cost=5 %")
        try:
            found[name] = share(value)
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            raise InputError("--threshold", problem, remedy) from None
    return found


COMMANDS = (check,)
