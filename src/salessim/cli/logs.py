"""From a log to a scenario: guess what its columns mean, then learn from it."""

from __future__ import annotations

import click

from salessim.cli.group import EXIT_FINE
from salessim.cli.options import json_option, not_over, quiet_option, seed_option, workers_option
from salessim.cli.show import Progress, print_json


@click.command()
@click.argument("log")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="Where to write the mapping, to be looked over.")
@json_option
def inspect(log: str, out: str, as_json: bool) -> int:
    """Guess what the columns of a log mean and write a mapping for a person to correct."""
    from salessim.importers import inspect_log
    from salessim.scenario.loader import write_whole

    not_over(out, log)
    proposal = inspect_log(log)
    write_whole(out, proposal.to_yaml())
    if as_json:
        print_json(proposal.to_json())
    else:
        for line in proposal.lines():
            click.echo(line)
        click.echo(f"Mapping: {out} -- look it over, then: salessim calibrate {log} --mapping {out} --out scenario.yaml")
    return EXIT_FINE


@click.command()
@click.argument("log")
@click.option("--mapping", required=True, help="From `salessim import inspect`, looked over.")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The scenario to write.")
@click.option("--holdout", type=float, default=0.2, show_default=True, help="Last share of the period that is held out.")
@click.option("--uncertain", is_flag=True, help="Let replications draw what is not known well, so that results tell ignorance from chance.")
@seed_option
@workers_option
@json_option
@quiet_option
def calibrate(
    log: str, mapping: str, out: str, holdout: float, uncertain: bool, seed: int, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Learn a scenario from a log, and say how far it misses the part that was held out."""
    from salessim.calibration import calibrate as learn
    from salessim.importers import read_log

    not_over(out, log, mapping)
    with Progress("calibration", quiet) as progress:
        events, quality = read_log(log, mapping)
        calibration = learn(events, holdout=holdout, uncertain=uncertain, seed=seed, workers=workers, progress=progress)
    calibration.scenario.save(out)
    if as_json:
        print_json({**calibration.to_json(), "quality": quality.to_json()})
    else:
        for line in (*quality.lines(), *calibration.lines()):
            click.echo(line)
        click.echo(f"Scenario: {out}")
    return EXIT_FINE


COMMANDS = (calibrate,)
