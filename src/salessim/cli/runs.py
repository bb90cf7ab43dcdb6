"""Simulate scenarios: one by itself, several side by side, or all of it as a page."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salessim import __version__
from salessim.cli.figures import difference_json, headline, measure_json, not_known, spread_json
from salessim.cli.group import EXIT_FINE, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, leave, say
from salessim.cli.options import (
    engine_option,
    json_option,
    load,
    margin_option,
    margins_of,
    named_value,
    pull_option,
    pulled,
    quiet_option,
    replications_option,
    seed_option,
    workers_option,
)
from salessim.cli.show import Progress, number, print_json, signed, table
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


@click.command()
@click.argument("scenario")
@replications_option
@seed_option
@engine_option
@click.option("--start", help="First day, such as 2026-01-05, instead of the scenario's.")
@click.option("--horizon", help="Length, such as '26 weeks', instead of the scenario's.")
@click.option("--log", type=click.Path(dir_okay=False), help="Write the event log of replication 0 (.csv, .xes or .parquet).")
@click.option("--precision", help="Replicate until a measure is this precise, such as 'cycle_time=2 %'.")
@click.option("--all", "everything", is_flag=True, help="Also steps, stages, reasons and teams.")
@pull_option
@workers_option
@json_option
@quiet_option
def run(
    scenario: str, replications: int, seed: int, engine: Any, start: str | None, horizon: str | None, log: str | None,
    precision: str | None, everything: bool, pulls: tuple[str, ...], workers: int | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Simulate a scenario and print its measures with 95 % intervals."""
    from salessim import experiment, ignorance
    from salessim.results import cautions

    loaded = load(scenario)
    changes = {k: v for k, v in (("clock.start", start), ("clock.horizon", horizon)) if v is not None}
    if changes:
        loaded = loaded.change(changes)
    loaded, words = pulled(loaded, pulls)
    writer = _log_writer(log) if log else None
    wanted = _precision(precision, loaded) if precision else None
    code, extra = EXIT_FINE, ["No lever is pulled: these are the settings of today."] if pulls and not words else []
    try:
        with Progress("replications", quiet) as progress:
            if wanted:
                name, width, relative = wanted
                results = experiment.replicate_until(
                    loaded, name, width, relative=relative, seed=seed, engine=engine, workers=workers, progress=progress
                )
                reached = results.estimate(name)
                if reached.half_width > (width * abs(reached.value) if relative else width):
                    code = EXIT_INCONCLUSIVE
                    extra.append(f"The wanted precision was not reached in {counted(len(results.numbers), 'replication')}: {results.catalogue.about(name).title} is known to ± {number(reached.half_width)} {results.catalogue.about(name).unit}".rstrip() + ".")
            else:
                results = experiment.replicate(loaded, replications, seed=seed, engine=engine, workers=workers, progress=progress)
        results = ignorance.echo(results, engine=engine, workers=workers)
        if writer and log:
            writer(experiment.simulate(loaded, seed=seed, engine=engine), log)
    except experiment.Interrupted as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # noticed; what follows takes no time worth interrupting
        results, code = stop.results, EXIT_INTERRUPTED
        extra.append(f"Interrupted: these are the figures of {counted(len(results.numbers), 'replication that was finished', 'replications that were finished')}.")
    _print_results(results, everything, as_json, [*extra, *cautions(results)], words)
    if code == EXIT_INTERRUPTED:
        leave(code)
    return code


def _print_results(results: Any, everything: bool, as_json: bool, cautions: list[str], words: list[str]) -> None:
    """The measures of one scenario, as a table or as JSON."""
    from salessim import ignorance

    loaded, seed, known = results.scenario, results.seed, results.catalogue
    names = list(results.names) if everything or as_json else headline(known, results)
    if as_json:
        print_json(
            {"scenario": loaded.name, "hash": loaded.hash, "seed": seed, "replications": len(results.numbers), "salessim": __version__, "pulled": words,
             "measures": {n: {**measure_json(results, n), **spread_json(results, n)} for n in names}, "cautions": cautions}
        )  # fmt: skip
        return
    click.echo(f"{loaded.name}: {counted(len(results.numbers), 'replication')}, seed {seed}, hash {loaded.hash[:12]}; mean and 95 % interval")
    for text in words:
        click.echo(f"Pulled: {text}.")
    rows = []
    for name in names:
        e, about = results.shown(name), known.about(name)
        note = f"in {counted(e.missing, 'replication')} there was none" if e.missing else ""
        rows.append([about.title, number(e.value), f"{number(e.low)} to {number(e.high)}", *not_known(results.spread(name)), about.unit, note])
    head = ["could be*", "ignorance*"] if results.echoes is not None else []
    table(["", "mean", "interval", *head, "unit", ""], rows)
    if head:
        click.echo(ignorance.in_words(loaded))
        for text in ignorance.drivers_in_words(results, names):
            click.echo(text)
    for text in cautions:
        say(f"note: {text}")


def _log_writer(path: str) -> Callable[[Any, str], None]:
    from salessim.errors import InputError

    writers = {".csv": "to_csv", ".xes": "to_xes", ".parquet": "to_parquet"}
    kind = Path(path).suffix.lower()
    if kind not in writers:
        raise InputError(path, f"logs are not written as {kind or 'a file without ending'}", "use .csv, .xes or .parquet")
    if not (Path(path).parent or Path(".")).is_dir():
        raise InputError(path, "its folder does not exist", "make the folder first")
    return lambda log, to: getattr(log, writers[kind])(to)


def _precision(text: str, scenario: Scenario) -> tuple[str, float, bool]:
    """(measure, half-width, relative) of words such as 'cycle_time=2 %' or 'cycle_time=12 h'."""
    from salessim.catalogue import catalogue
    from salessim.errors import InputError
    from salessim.optimisation.limits import figure
    from salessim.units import share

    known = catalogue(scenario)
    name, width = named_value(text, "--precision", "cycle_time=2 %")
    known.find(name, "--precision")
    relative = width.strip().endswith(("%", "％"))
    try:
        number = share(width) if relative else figure(name, width, known)
        if not number > 0:
            raise ValueError(f"{width!r} is not above zero; write for example 'cycle_time=2 %'")
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError("--precision", problem, remedy or "write for example 'cycle_time=2 %' or 'cycle_time=12 h'") from None
    return name, number, relative


@click.command()
@click.argument("scenarios", nargs=-1, required=True)
@pull_option
@replications_option
@seed_option
@engine_option
@margin_option
@workers_option
@json_option
@quiet_option
def compare(
    scenarios: tuple[str, ...], pulls: tuple[str, ...], replications: int, seed: int, engine: Any, margin: tuple[str, ...], workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Compare scenarios with the first one, pair by pair under common random numbers.

    With --pull, the first one is also compared with itself once its levers are pulled, all of them together.
    """
    from salessim import experiment, ignorance
    from salessim.errors import InputError
    from salessim.payback import payback
    from salessim.results import standing_cautions

    loaded = [load(path) for path in scenarios]
    margins = margins_of(margin, loaded[0])
    design, words = pulled(loaded[0], pulls)
    if pulls and not words:
        raise InputError("--pull", "these are the settings of today, and there is nothing to compare", "pull a lever; `salessim levers` lists them")
    loaded += [design] if words else []
    with Progress("replications", quiet) as progress:
        comparison = experiment.compare(
            *loaded, replications=replications, seed=seed, engine=engine, workers=workers, progress=progress, margins=margins
        )
        comparison = ignorance.echo_all(comparison, engine=engine, workers=workers)
    base, known = comparison.base, comparison.catalogue
    paid = [payback(comparison, i, engine=engine, workers=workers) for i in range(1, len(loaded))]
    if as_json:
        print_json(
            {"base": loaded[0].name, "seed": seed, "replications": replications, "salessim": __version__, "pulled": words,
             "scenarios": [
                 {"break_even": found.as_json() if i and (found := paid[i - 1]) is not None else None, "scenario": r.scenario.name, "hash": r.scenario.hash, "cautions": standing_cautions(r.scenario),
                  "measures": {n: measure_json(r, n) for n in r.catalogue.names},
                  "differences": {n: {**difference_json(comparison, n, i), **spread_json(comparison, n, i)} for n in known.names} if i else {}}
                 for i, r in enumerate(comparison.results)],
             "not_compared": comparison.not_compared}
        )  # fmt: skip
        return EXIT_FINE
    for i, other in enumerate(comparison.results[1:], start=1):
        click.echo(f"{other.scenario.name} compared with {loaded[0].name}: {replications} pairs, seed {seed}; 95 % intervals")
        for text in words if i == len(comparison.results) - 1 else ():
            click.echo(f"Pulled: {text}.")
        rows = []
        for name in headline(known, *comparison.results):
            d, about = comparison.difference(name, i), known.about(name)
            rows.append(
                [about.title, number(base.estimate(name).value), number(other.estimate(name).value),
                 signed(d.change.value), f"{signed(d.change.low)} to {signed(d.change.high)}", *not_known(comparison.spread(name, i), signed), about.unit,
                 f"{d.variance_reduction:.1f}x" if d.variance_reduction < 1e6 else "–", comparison.word(name, i)]
            )  # fmt: skip
        head = ["could be**", "ignorance**"] if base.echoes is not None else []
        table(["", "before", "after", "change", "interval", *head, "unit", "saved*", ""], rows)
        click.echo("* how many times fewer replications the common random numbers need")
        click.echo(margins.in_words())
        found = paid[i - 1]
        if found is not None:
            click.echo(found.sentence())
        for text in dict.fromkeys([*standing_cautions(loaded[0]), *standing_cautions(other.scenario)]):
            say(f"note: {text}")
        if head:
            click.echo("*" + ignorance.in_words(base.scenario, other.scenario))
            for text in ignorance.drivers_in_words(comparison, headline(known, *comparison.results), i):
                click.echo(text)
    for why in comparison.not_compared.values():
        say(f"note: {why}; it is not compared.")
    return EXIT_FINE


@click.command()
@click.argument("scenarios", nargs=-1, required=True)
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The HTML file.")
@replications_option
@seed_option
@margin_option
@workers_option
@quiet_option
def report(scenarios: tuple[str, ...], out: str, replications: int, seed: int, margin: tuple[str, ...], workers: int | None, quiet: bool) -> int:
    """Write one offline HTML file that compares scenarios with the first one."""
    from salessim.reporting import report as write

    loaded = [load(path) for path in scenarios]
    with Progress("replications", quiet) as progress:
        write(loaded, to=out, replications=replications, seed=seed, margins=margins_of(margin, loaded[0]), workers=workers, progress=progress)
    click.echo(out)
    return EXIT_FINE


COMMANDS = (run, compare, report)
