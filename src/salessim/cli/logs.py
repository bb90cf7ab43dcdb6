"""From a log to a scenario: guess what its columns mean, then learn from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salessim.cli.group import EXIT_FINE, EXIT_REGRESSION
from salessim.cli.options import json_option, load, not_over, quiet_option, seed_option, workers_option
from salessim.cli.show import Progress, print_json

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.scenario.model import Scenario

sources = click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)


def _given(context: click.Context, _: click.Parameter, value: str | None) -> str:
    if value is None:
        raise click.UsageError("Missing option '--mapping': what the columns mean. Let it be guessed with 'salessim import inspect SOURCE --out mapping.yaml', and look it over.", context)
    return value


mapping_option = click.option("--mapping", callback=_given, help="From `salessim import inspect`, looked over.  [required]")


@click.command()
@sources
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="Where to write the mapping, to be looked over.")
@click.option("--preset", help="The system it comes from, such as salesforce; by default it is recognised.")
@click.option("--mapping", help="A mapping with some lines filled in; the rest is guessed.")
@json_option
def inspect(sources: tuple[str, ...], out: str, preset: str | None, mapping: str | None, as_json: bool) -> int:
    """Guess what a source means and write a mapping for a person to correct.

    A SOURCE is a file (CSV, TSV, Excel, Parquet, XES, OCEL 2.0, SQLite), a folder of them, or the address of a database
    such as postgresql://reader@host/crm.
    """
    from salessim.importers import inspect_log
    from salessim.importers.mapping import load_filled_in
    from salessim.scenario.loader import write_whole

    not_over(out, *sources, *([mapping] if mapping else []))
    proposal = inspect_log(sources, preset, load_filled_in(mapping) if mapping else None)
    write_whole(out, proposal.to_yaml())
    if as_json:
        print_json(proposal.to_json())
        return EXIT_FINE
    for line in proposal.lines():
        click.echo(line)
    again = f"salessim import inspect {proposal.source} --mapping {out} --out {out}.full" if proposal.blanks else ""
    click.echo(f"Mapping: {out} -- fill in the blanks, then: {again}" if again else f"Mapping: {out} -- look it over, then: salessim calibrate {proposal.source} --mapping {out} --out scenario.yaml")
    return EXIT_FINE


@click.command("run")
@sources
@mapping_option
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The log to write: .csv, .parquet or .xes.")
@json_option
def run(sources: tuple[str, ...], mapping: str, out: str, as_json: bool) -> int:
    """Turn a source into the event log that is measured, with a report on the quality of its data.

    The report stands beside the log, as Markdown and JSON: every row that was dropped, repaired or is doubtful, with its
    reason, and every key that joins nothing.
    """
    import json

    from salessim.importers import read_log
    from salessim.scenario.loader import write_whole

    page, data = (str(Path(out).with_suffix(ending)) for ending in (".quality.md", ".quality.json"))
    for target in (out, page, data):
        not_over(target, *sources, mapping)
    write = log_writer(out)
    log, quality = read_log(sources, mapping)
    write(log)
    write_whole(page, quality.to_markdown())
    write_whole(data, json.dumps(quality.to_json(), ensure_ascii=False, indent=2) + "\n")
    if as_json:
        print_json({"log": out, "quality": quality.to_json()})
    else:
        for line in quality.lines():
            click.echo(line)
        click.echo(f"Log: {out}; quality of the data: {page}")
    return EXIT_FINE


def log_writer(out: str) -> Callable[[EventLog], None]:
    """What writes a log to a file of this ending.

    Raises:
        LogError: no format has it.
    """
    from salessim.errors import LogError

    ending = Path(out).suffix.lower()
    if ending not in (".csv", ".parquet", ".xes"):
        raise LogError(f"--out {out}", f"the ending {ending!r} is of no format a log is written in", "use .csv, .parquet or .xes")

    def write(log: EventLog) -> None:
        if ending == ".csv":
            log.to_csv(out)
        elif ending == ".parquet":
            log.to_parquet(out)
        else:
            log.to_xes(out)

    return write


@click.command()
@sources
@mapping_option
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The scenario to write.")
@click.option("--report", type=click.Path(dir_okay=False), help="An HTML page that shows how the scenario fits.")
@click.option("--holdout", metavar="SHARE", default="20 %", show_default=True, help="Last share of the period that is held out, such as '20 %' or 0.2.")
@click.option("--from-today", is_flag=True, help="Begin with the cases that are open when the log ends; they are written as a table beside the scenario.")
@click.option("--backtests", type=click.IntRange(0, 50), default=0, show_default=True, help="Forecast from so many earlier dates, and compare week by week with what happened.")
@click.option("--causal-share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of how conversion falls with the wait for the first answer, so much is an effect of waiting.")
@click.option("--uncertain/--certain", default=None, help="Let replications draw what is not known well, so that intervals hold ignorance beside chance [with --from-today and in back-tests they do].")
@seed_option
@workers_option
@json_option
@quiet_option
def calibrate(
    sources: tuple[str, ...], mapping: str, out: str, report: str | None, holdout: str, from_today: bool, backtests: int, causal_share: float, uncertain: bool | None, seed: int,
    workers: int | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Learn a scenario from a log, and say how far it misses the part that was held out."""
    from salessim.calibration import backtest
    from salessim.calibration import calibrate as learn
    from salessim.errors import InputError
    from salessim.importers import read_log

    held_out = _share_of(holdout)
    table = str(Path(out).with_suffix("")) + "-open-cases.csv"
    not_over(out, *sources, mapping)
    if from_today:
        not_over(table, *sources, mapping, out)
    if report:
        not_over(report, *sources, mapping, out)
        if not held_out:
            raise InputError("--report", "with --holdout 0 nothing is compared, so there is nothing to show", "hold something out")
    with Progress("calibration", quiet) as progress:
        events, quality = read_log(sources, mapping)
        calibration = learn(events, holdout=held_out, uncertain=uncertain, from_today=from_today, causal_share=causal_share, seed=seed, workers=workers, progress=progress)
    tested = None
    if backtests:
        with Progress("back-tests", quiet) as progress:
            tested = backtest(events, cuts=backtests, uncertain=uncertain is not False, seed=seed, workers=workers, progress=progress)
    _save(calibration.scenario, out, table if from_today else None)
    if report and calibration.validation:
        from salessim.reporting import report_validation

        report_validation(calibration.validation, calibration.scenario.name, report)
    if as_json:
        print_json({**calibration.to_json(), "quality": quality.to_json(), **({"backtests": tested.to_json()} if tested else {})})
    else:
        for line in (*quality.lines(), *calibration.lines(), *(tested.lines() if tested else ())):
            click.echo(line)
        click.echo(f"Scenario: {out}")
        if report:
            click.echo(f"Page: {report}")
        if from_today:
            click.echo(f"Open cases: {table}")
            click.echo(f"Look ahead with: salessim forecast {out}")
    return EXIT_FINE


def _share_of(holdout: str) -> float:
    """The share of the period that is held out."""
    from salessim.errors import InputError
    from salessim.units import share

    try:
        found = share(holdout)
    except ValueError as wrong:
        raise InputError("--holdout", str(wrong).partition("; ")[0], "give a share from 0 to below 90 %, such as '20 %'") from None
    if not 0 <= found < 0.9:
        raise InputError("--holdout", f"{holdout!r} is out of range", "give a share from 0 to below 90 %, such as '20 %'")
    return found


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


@click.command("validate-model")
@click.argument("scenario")
@sources
@mapping_option
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="What came later was not used to make the model: it is judged apart.")
@click.option("--replications", "-n", type=click.IntRange(19, 10_000), default=99, show_default=True, help="Simulated logs.")
@click.option("--out", type=click.Path(dir_okay=False), help="An HTML page with the pictures.")
@click.option("--strict", is_flag=True, help="Leave with 1 if a part differs.")
@seed_option
@workers_option
@json_option
@quiet_option
def validate_model(
    scenario: str, sources: tuple[str, ...], mapping: str, since: Any, replications: int, out: str | None, strict: bool, seed: int, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Say which parts of a model are as the log has them, and how far simulated logs are from the real one."""
    import pandas as pd

    from salessim.calibration import validate_model as examine
    from salessim.importers import read_log

    if out:
        not_over(out, scenario, *sources, mapping)
    model = load(scenario)
    with Progress("validation", quiet) as progress:
        events, _ = read_log(sources, mapping)
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
