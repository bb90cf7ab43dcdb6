"""What the coming weeks may bring, from the cases that are open today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salessim.cli.group import EXIT_FINE, say
from salessim.cli.options import engine_option, json_option, load, not_over, quiet_option, seed_option, workers_option
from salessim.cli.show import Progress, number, print_json, table
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.forecasts import Forecast


@click.command()
@click.argument("scenario")
@click.option("--weeks", type=click.IntRange(1, 520), default=8, show_default=True, help="How many weeks ahead.")
@click.option("--replications", "-n", type=click.IntRange(2, 100_000), default=200, show_default=True, help="Possible futures.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of the prediction intervals.")
@seed_option
@engine_option
@click.option("--out", type=click.Path(dir_okay=False), help="Also write an offline HTML page with charts.")
@workers_option
@json_option
@quiet_option
def forecast(
    scenario: str, weeks: int, replications: int, level: float, seed: int, engine: Any, out: str | None, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Forecast open cases, wins, value and load week by week, with prediction intervals.

    A scenario with `in_process` begins with the cases that are open today; without it the weeks are those after its
    warm-up.
    """
    from salessim.forecasts import forecast as look_ahead

    if out:
        not_over(out, scenario)
    loaded = load(scenario)
    with Progress("replications", quiet) as progress:
        found = look_ahead(loaded, weeks, replications=replications, seed=seed, level=level, engine=engine, workers=workers, progress=progress)
    if out:
        from salessim.reporting.ahead import write_forecast

        write_forecast(found, out)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
        if out:
            click.echo(f"Page: {out}")
    return EXIT_FINE


def _print(found: Forecast) -> None:
    """The tables: the weeks, the stages, the teams."""
    from salessim.forecasts import LOAD, OPEN, titles

    scenario = found.scenario
    click.echo(f"{scenario.name}: {counted(len(found.weeks), 'week')} from {found.weeks[0]}, {counted(found.replications, 'replication')}, seed {found.seed}, hash {scenario.hash[:12]}")
    click.echo(f"{counted(round(sum(found.at_start.values())), 'case is', 'cases are')} open at the start; median and {100 * found.level:g} % prediction interval of each week")
    heads = titles(found.scenario.currency)
    table(["week from", *heads.values()], [[str(week), *(_cell(found, name, w) for name in heads)] for w, week in enumerate(found.weeks)])
    click.echo("")
    stages = [s for s in found.stages if found.at_start[s] or found.series[f"{OPEN} @ {s}"].any()]
    table(
        ["open at the end of the week from", *(scenario.stages[s].title or s for s in stages)],
        [["(at the start)", *(number(found.at_start[s]) for s in stages)]]
        + [[str(week), *(_cell(found, f"{OPEN} @ {s}", w) for s in stages)] for w, week in enumerate(found.weeks)],
    )  # fmt: skip
    if found.teams:
        click.echo("")
        table(["load: hours asked of hours on shift, %", *found.teams], [[str(week), *(_cell(found, f"{LOAD} {t}", w) for t in found.teams)] for w, week in enumerate(found.weeks)])
    for text in found.cautions():
        say(f"note: {text}")


def _cell(found: Forecast, name: str, week: int) -> str:
    band = found.band(name)

    def short(x: float) -> str:
        return f"{x:,.0f}" if x == x and (abs(x) >= 100 or x == int(x)) else number(x)

    return f"{short(band.middle[week])} ({short(band.low[week])} to {short(band.high[week])})"


COMMANDS = (forecast,)
