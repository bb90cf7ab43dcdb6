"""Scenario files: begin one from the gallery, check it, write it down, list its measures, and the schema of the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from salessim.cli.figures import about_json
from salessim.cli.group import EXIT_FINE, EXIT_INPUT, say
from salessim.cli.options import force_option, free, json_option, load, not_over
from salessim.cli.show import print_json, table


@click.command()
@click.option("--template", "name", help="A process of the gallery; `--list` names them.")
@click.option("--list", "listed", is_flag=True, help="Print the gallery.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="In English or Chinese [English where there is].")
@click.option("--out", type=click.Path(dir_okay=False), help="The file to write [NAME.yaml].")
@force_option
@json_option
def init(name: str | None, listed: bool, language: Any, out: str | None, force: bool, as_json: bool) -> int:
    """Begin with a process of the gallery: write it to a file that is yours to change.

    Without --template it prints the gallery.
    """
    from salessim.errors import InputError
    from salessim.library import template, templates
    from salessim.scenario.loader import write_whole

    if listed or name is None:
        if out:
            raise InputError("--out", f"it says where to write {out}, but not what", "add --template NAME")
        found = [t for t in templates() if language in (None, t.language)]
        if as_json:
            print_json([{"name": t.name, "language": t.language, "title": t.title, "description": t.description} for t in found])
            return EXIT_FINE
        table(["name", "language", "what it is"], [[t.name, t.language, t.description or t.title] for t in found], right=3)
        click.echo("Take one: salessim init --template NAME")
        return EXIT_FINE
    chosen = template(name, language)
    target = out or f"{name}.yaml"
    free(target, force)
    write_whole(target, chosen.text)
    if as_json:
        print_json({"name": chosen.name, "language": chosen.language, "title": chosen.title, "file": target})
    else:
        click.echo(f"{target}: {chosen.title}")
        click.echo(f"Look it over, then: salessim validate {target}; salessim run {target}")
    return EXIT_FINE


@click.command()
@click.argument("scenario")
@json_option
def validate(scenario: str, as_json: bool) -> int:
    """Check a scenario and compute the load of every team.

    Names file, line, value and remedy of everything that is wrong. A team asked for 100 % of its time or more is a
    warning: the run is possible, but its queue never settles.
    """
    from salessim.scenario.levers import misfits
    from salessim.scenario.loader import examine
    from salessim.scenario.traffic import loads
    from salessim.scenario.yaml import load_yaml, read_text

    data, positions = load_yaml(read_text(scenario, "scenario"), scenario)
    found = examine(data, Path(scenario).parent)
    wrong = found if isinstance(found, list) else list(misfits(found))
    if isinstance(found, list) or wrong:
        for problem in wrong:
            dotted = ".".join(map(str, problem.path))
            say(f"{positions.place(problem.path)}: {dotted}: {problem.problem}; {problem.remedy}")
        return EXIT_INPUT
    from salessim.network import build
    from salessim.scenario.uncertain import check

    build(found)
    check(found)
    rows = loads(found)
    if as_json:
        print_json(
            {"scenario": found.name, "hash": found.hash, "steps": len(found.steps),
             "teams": {r.team: {"load": r.load if r.load < 1e9 else None, "demanded_hours_per_week": r.demanded if r.demanded < 1e9 else None,
                                "available_hours_per_week": r.available, "or_more": r.or_more, "unstable": r.unstable} for r in rows}}
        )  # fmt: skip
        return EXIT_FINE
    click.echo(f"{scenario}: {found.name}: {len(found.stages)} stages, {len(found.steps)} steps, {len(found.teams)} teams; hash {found.hash[:12]}")
    click.echo("Load of the teams from the traffic equations (as if nobody gave up waiting):")
    table(
        ["team", "load", "h/week asked", "h/week on duty", ""],
        [[r.team, f"{100 * r.load:.0f} %", f"{r.demanded:.1f}", f"{r.available:.1f}",
          "above 100 %" if r.unstable else "or more: who gave up or cooled off comes on top" if r.or_more else ""] for r in rows],
    )  # fmt: skip
    for r in rows:
        if r.unstable:
            say(
                f"{scenario}: team {r.team!r} is asked for {100 * r.load:.0f} % of its time ({r.demanded:.1f} of {r.available:.1f} h a week);"
                " add people or take work away: unless customers give up waiting, its queue grows without end"
            )
    return EXIT_FINE


@click.command()
@click.argument("scenario")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the words that are not the scenario's own.")
@click.option("--format", "form", type=click.Choice(["markdown", "svg", "mermaid", "bpmn", "dot"]), default="markdown", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False), help="Write to a file instead of stdout.")
@force_option
def describe(scenario: str, language: Any, form: str, out: str | None, force: bool) -> int:
    """Write a process down: as a procedure to read, as a flow chart, or as BPMN 2.0 with its diagram.

    The procedure (Markdown) says who does what, how long it takes and costs, what happens if it takes too long, and
    where every number comes from.
    """
    from salessim.describing import describe as write
    from salessim.exchange.bpmn_write import bpmn
    from salessim.scenario.loader import write_whole

    loaded = load(scenario)
    if out:
        not_over(out, scenario)
        free(out, force)
    text = bpmn(loaded, language) if form == "bpmn" else write(loaded, form, language)
    if out:
        write_whole(out, text)
    else:
        click.echo(text.encode(), nl=False)  # always UTF-8: Chinese must survive a pipe, whatever the terminal
    return EXIT_FINE


@click.command()
@click.argument("scenario", required=False)
@json_option
def measures(scenario: str | None, as_json: bool) -> int:
    """List the measures by name: the built-in ones and, of a SCENARIO, its own.

    The names are those that --objective, --limit, --precision and --threshold take.
    """
    from salessim.catalogue import Catalogue, catalogue

    known = catalogue(load(scenario)) if scenario else Catalogue({}, "money")
    found = [known.about(name) for name in known.names]
    if as_json:
        print_json({about.name: {"unit": about.unit, **about_json(about)} for about in found})
    else:
        table(["name", "what it is", "unit", "better", "definition"], [[m.name, m.title, m.unit, m.better, m.explain] for m in found], right=5)
    return EXIT_FINE


@click.command()
@click.argument("scenario")
@json_option
def levers(scenario: str, as_json: bool) -> int:
    """List the levers of a scenario: settings, costs, what each does and what that rests on.

    --pull of `run` and `compare` takes NAME=SETTING. "Usually 0.3 to 0.7" runs from the 10 % to the 90 % quantile: of 10
    draws, one for each replication, 8 lie in between.
    """
    from salessim.describing import levers as told

    loaded = load(scenario)
    if as_json:
        print_json(told.facts(loaded))
        return EXIT_FINE
    if not loaded.levers:
        click.echo(f"{scenario} declares no levers; write some under 'levers:', or let `salessim optimise` propose some.")
        return EXIT_FINE
    for row in told.rows(loaded):
        click.echo(row[0])
        for label, text in zip(("what", "settings", "effect", "cost", "conditions", "basis"), row[1:], strict=True):
            if text:
                click.echo(f"  {label:<11} {text}")
    click.echo("'Usually' is the range of 8 in 10 draws, from the 10 % to the 90 % quantile; each replication draws once.")
    return EXIT_FINE


@click.command()
@click.option("--out", type=click.Path(dir_okay=False), help="Write to a file instead of stdout.")
def schema(out: str | None) -> None:
    """Print the JSON Schema of the scenario language, for editors."""
    import json

    from salessim.scenario.loader import scenario_schema, write_whole

    text = json.dumps(scenario_schema(), indent=1, ensure_ascii=False) + "\n"
    if out:
        write_whole(out, text)
    else:
        click.echo(text, nl=False)


COMMANDS = (init, validate, describe, measures, levers, schema)
