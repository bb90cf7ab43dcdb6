"""From a log to a scenario: guess what its columns mean, then learn from it."""

from __future__ import annotations

from typing import Any

import click

from salessim.cli.group import EXIT_FINE, EXIT_REGRESSION
from salessim.cli.options import json_option, load, not_over, quiet_option, seed_option, workers_option
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
@click.option("--report", type=click.Path(dir_okay=False), help="An HTML page that shows how the scenario fits.")
@click.option("--holdout", type=float, default=0.2, show_default=True, help="Last share of the period that is held out.")
@click.option("--uncertain", is_flag=True, help="Let replications draw what is not known well, so that results tell ignorance from chance.")
@seed_option
@workers_option
@json_option
@quiet_option
def calibrate(
    log: str, mapping: str, out: str, report: str | None, holdout: float, uncertain: bool, seed: int, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Learn a scenario from a log, and say how far it misses the part that was held out."""
    from salessim.calibration import calibrate as learn
    from salessim.errors import InputError
    from salessim.importers import read_log

    not_over(out, log, mapping)
    if report:
        not_over(report, log, mapping, out)
        if not holdout:
            raise InputError("--report", "with --holdout 0 nothing is compared, so there is nothing to show", "hold something out")
    with Progress("calibration", quiet) as progress:
        events, quality = read_log(log, mapping)
        calibration = learn(events, holdout=holdout, uncertain=uncertain, seed=seed, workers=workers, progress=progress)
    calibration.scenario.save(out)
    if report and calibration.validation:
        from salessim.reporting import report_validation

        report_validation(calibration.validation, calibration.scenario.name, report)
    if as_json:
        print_json({**calibration.to_json(), "quality": quality.to_json()})
    else:
        for line in (*quality.lines(), *calibration.lines()):
            click.echo(line)
        click.echo(f"Scenario: {out}")
        if report:
            click.echo(f"Page: {report}")
    return EXIT_FINE


@click.command("validate-model")
@click.argument("scenario")
@click.argument("log")
@click.option("--mapping", required=True, help="Of the log, from `salessim import inspect`.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="What came later was not used to make the model: it is judged apart.")
@click.option("--replications", "-n", type=click.IntRange(19, 10_000), default=99, show_default=True, help="Simulated logs.")
@click.option("--out", type=click.Path(dir_okay=False), help="An HTML page with the pictures.")
@click.option("--strict", is_flag=True, help="Leave with 1 if a part differs.")
@seed_option
@workers_option
@json_option
@quiet_option
def validate_model(
    scenario: str, log: str, mapping: str, since: Any, replications: int, out: str | None, strict: bool, seed: int, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Say which parts of a model are as the log has them, and how far simulated logs are from the real one."""
    import pandas as pd

    from salessim.calibration import validate_model as examine
    from salessim.importers import read_log

    if out:
        not_over(out, scenario, log, mapping)
    model = load(scenario)
    with Progress("validation", quiet) as progress:
        events, _ = read_log(log, mapping)
        found = examine(model, events, since=pd.Timestamp(since) if since else None, seed=seed, replications=replications, workers=workers, progress=progress)
    if out:
        from salessim.reporting import report_validation

        report_validation(found, model.name, out)
    if as_json:
        print_json({"scenario": model.name, "hash": model.hash, "seed": seed, **found.to_json()})
    else:
        for line in found.lines():
            click.echo(line)
        if out:
            click.echo(f"Page: {out}")
    return EXIT_REGRESSION if strict and found.main.flagged else EXIT_FINE


COMMANDS = (calibrate, validate_model)
