"""Scenario files: begin one from the gallery, check it, write it down, list its measures, and the schema of the language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salessim.cli.figures import about_json
from salessim.cli.group import EXIT_FINE, EXIT_INPUT, say
from salessim.cli.options import force_option, free, json_option, load, not_over
from salessim.cli.show import print_json, table
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.pilots import Pilot
    from salessim.scenario.checks import Problem
    from salessim.scenario.traffic import TeamLoad


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
@click.option("--pilot/--no-pilot", "run_it", default=True, show_default=True, help="Run it once to see how busy everybody is.")
@json_option
def validate(scenario: str, run_it: bool, as_json: bool) -> int:
    """Check a scenario, and say how busy every team is.

    Names file, line, value and remedy of everything that is wrong (exit code 2) and, as notes, of what hardly anybody
    means: a channel that brings nobody, a step that no case comes to, a limit that is always full, work of weeks.
    """
    from salessim.errors import LimitReached, ScenarioError
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
    from salessim.pilots import pilot
    from salessim.scenario.doubts import doubts
    from salessim.scenario.uncertain import check

    try:
        build(found)
    except ScenarioError as error:  # found where no file is known any more
        raise ScenarioError(f"{positions.place(tuple(error.place.split('.')))}: {error.place}", error.problem, error.remedy) from None
    check(found)
    rows, notes = loads(found), list(doubts(found))
    try:
        seen = pilot(found) if run_it else None
    except LimitReached as stop:
        say(f"{scenario}: {stop}")
        return EXIT_INPUT
    notes += [n for n in (seen.doubts if seen else ()) if n.path not in {known.path for known in notes}]
    places = [f"{positions.place(n.path)}: {'.'.join(map(str, n.path))}" for n in notes]
    for row in rows:
        if seen.saturated(row.team) if seen else row.unstable:
            notes.append(_overworked(row, seen))
            places.append(f"{positions.place(('teams', row.team))}: teams.{row.team}")
    if as_json:
        print_json(
            {"scenario": found.name, "hash": found.hash, "steps": len(found.steps),
             "teams": {r.team: {"load": r.load if r.load < 1e9 else None, "demanded_hours_per_week": r.demanded if r.demanded < 1e9 else None,
                                "available_hours_per_week": r.available, "or_more": r.or_more, "unstable": r.unstable, "busy": seen.busy.get(r.team) if seen else None} for r in rows},
             "limits": {name: {"in_use": taken, "places": places_} for name, (taken, places_) in seen.in_use.items()} if seen else {},
             "notes": [{"place": place, "problem": n.problem, "remedy": n.remedy} for place, n in zip(places, notes, strict=True)]}
        )  # fmt: skip
        return EXIT_FINE
    parts = ", ".join((counted(len(found.stages), "stage"), counted(len(found.steps), "step"), counted(len(found.teams), "team")))
    click.echo(f"{scenario}: {found.name}: {parts}; hash {found.hash[:12]}")
    _show_loads(rows, seen)
    if not run_it or seen is None:
        click.echo("No pilot was run" + (": it would be too long; 'salessim run' tells how busy everybody is." if run_it else "."))
    for place, note in zip(places, notes, strict=True):
        say(f"note: {place}: {note.problem}; {note.remedy}")
    return EXIT_FINE


def _show_loads(rows: Sequence[TeamLoad], seen: Pilot | None) -> None:
    """How busy each team was in a pilot; without one, what the shares as they are written ask of it."""
    if seen is None:
        click.echo(RECKONED)
        table(
            ["team", "load", "h/week asked", "h/week on duty", ""],
            [[r.team, f"{100 * r.load:.0f} %", f"{r.demanded:.1f}", f"{r.available:.1f}",
              "above 100 %" if r.unstable else "or more: who gave up or cooled off comes on top" if r.or_more else ""] for r in rows],
        )  # fmt: skip
        return
    click.echo("How busy the teams are in one pilot run (overtime apart):")
    table(
        ["team", "busy", "h/week worked", "h/week on duty", ""],
        [[r.team, f"{100 * seen.busy[r.team]:.0f} %", f"{seen.worked[r.team]:.1f}", f"{r.available:.1f}", "no time left" if seen.saturated(r.team) else ""]
         if r.team in seen.busy else [r.team, f"{100 * r.load:.0f} %", f"{r.demanded:.1f}", f"{r.available:.1f}", "of the hours they share, from the shares as written"] for r in rows],
    )  # fmt: skip
    if seen.in_use:
        click.echo("Places taken on average in the same run:")
        table(["limit", "taken", "places"], [[name, f"{taken:.1f}", f"{places}"] for name, (taken, places) in seen.in_use.items()])


RECKONED = "Load of the teams from the shares as written, as if conditions let equal parts through, factors were 1 and nobody gave up:"


def _overworked(row: TeamLoad, seen: Pilot | None) -> Problem:
    """The note on a team that cannot keep up."""
    from salessim.scenario.checks import Problem

    asked = f"{100 * row.load:.0f} % of its time ({row.demanded:.1f} of {row.available:.1f} h a week)"
    remedy = "add people or take work away: unless customers give up waiting, its queue grows without end"
    if seen is None:
        return Problem(("teams", row.team), f"the shares as written ask for {asked}", remedy)
    return Problem(("teams", row.team), f"it works {100 * seen.busy[row.team]:.0f} % of its time on duty in a pilot run, and is asked for {asked}", remedy)


@click.command()
@click.argument("scenario")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Of the words that are not the scenario's own [that of its steps' titles].")
@click.option("--format", "form", type=click.Choice(["markdown", "md", "svg", "mermaid", "bpmn", "dot"]), default="markdown", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False), help="Write to a file instead of stdout.")
@force_option
def describe(scenario: str, language: Any, form: str, out: str | None, force: bool) -> int:
    """Write a process down: as a procedure to read, as a flow chart, or as BPMN 2.0 with its diagram.

    The procedure (Markdown) says who does what, how long it takes and costs, what happens if it takes too long, and
    where every number comes from.
    """
    from salessim.describing import describe as write
    from salessim.describing import language_of
    from salessim.exchange.bpmn_write import bpmn
    from salessim.scenario.loader import write_whole

    loaded = load(scenario)
    if out:
        not_over(out, scenario)
        free(out, force)
    language, form = language or language_of(loaded), "markdown" if form == "md" else form
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
