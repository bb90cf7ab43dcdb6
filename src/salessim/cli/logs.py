"""From a log to a scenario: guess what its columns mean, then learn from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from salessim.cli.group import EXIT_FINE
from salessim.cli.options import json_option, not_over, quiet_option, seed_option, workers_option
from salessim.cli.show import Progress, print_json

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


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
@click.option("--from-today", is_flag=True, help="Begin with the cases that are open when the log ends; they are written as a table beside the scenario.")
@click.option("--backtests", type=click.IntRange(0, 50), default=0, show_default=True, help="Forecast from so many earlier dates, and compare week by week with what happened.")
@click.option("--uncertain", is_flag=True, help="Let replications draw what is not known well, so that results tell ignorance from chance.")
@seed_option
@workers_option
@json_option
@quiet_option
def calibrate(
    log: str, mapping: str, out: str, holdout: float, from_today: bool, backtests: int, uncertain: bool, seed: int, workers: int | None, as_json: bool,
    quiet: bool,
) -> int:  # fmt: skip
    """Learn a scenario from a log, and say how far it misses the part that was held out."""
    from salessim.calibration import backtest
    from salessim.calibration import calibrate as learn
    from salessim.importers import read_log

    table = str(Path(out).with_suffix("")) + "-open-cases.csv"
    not_over(out, log, mapping)
    if from_today:
        not_over(table, log, mapping, out)
    with Progress("calibration", quiet) as progress:
        events, quality = read_log(log, mapping)
        calibration = learn(events, holdout=holdout, uncertain=uncertain, from_today=from_today, seed=seed, workers=workers, progress=progress)
    tested = None
    if backtests:
        with Progress("back-tests", quiet) as progress:
            tested = backtest(events, cuts=backtests, uncertain=uncertain, seed=seed, workers=workers, progress=progress)
    _save(calibration.scenario, out, table if from_today else None)
    if as_json:
        print_json({**calibration.to_json(), "quality": quality.to_json(), **({"backtests": tested.to_json()} if tested else {})})
    else:
        for line in (*quality.lines(), *calibration.lines(), *(tested.lines() if tested else ())):
            click.echo(line)
        click.echo(f"Scenario: {out}")
        if from_today:
            click.echo(f"Open cases: {table}")
            click.echo(f"Look ahead with: salessim forecast {out}")
    return EXIT_FINE


def _save(scenario: Scenario, out: str, table: str | None) -> None:
    """Write the scenario; its open cases, if there are any, as the table that it names."""
    from salessim.scenario.loader import to_data, write_whole
    from salessim.scenario.open_tables import table as as_table
    from salessim.scenario.yaml import dump_yaml

    if table is None:
        scenario.save(out)
        return
    write_whole(table, as_table(scenario.in_process))
    write_whole(out, dump_yaml({**to_data(scenario), "in_process": Path(table).name}))


COMMANDS = (calibrate,)
