"""The building blocks of processes: `salessim module ...`."""

from __future__ import annotations

from pathlib import Path

import click

from salessim.cli.group import EXIT_FINE, EXIT_REGRESSION
from salessim.cli.options import force_option, free, json_option, seed_option
from salessim.cli.show import print_json, table
from salessim.wording import counted


@click.group()
def module() -> None:
    """Building blocks of processes: list, show, check them, begin a new one."""


@module.command("list")
@json_option
def module_list(as_json: bool) -> int:
    """List the modules that come with the program."""
    from salessim.modulebench import described
    from salessim.scenario.module_types import library

    kinds = library()
    if as_json:
        print_json({name: {"title": kind.title, "description": kind.description, **described(kind)} for name, kind in kinds.items()})
        return EXIT_FINE
    table(["module", "takes", "gives", ""], [
        [name, ", ".join(" or ".join(p.carries) for p in kind.ports.in_.values()), ", ".join(dict.fromkeys(p.carries for p in kind.ports.out.values())), kind.description or ""]
        for name, kind in kinds.items()
    ], right=4)  # fmt: skip
    return EXIT_FINE


@module.command("show")
@click.argument("use", metavar="MODULE")
@json_option
def module_show(use: str, as_json: bool) -> int:
    """Print ports, parameters and steps of a module of the library or in a file."""
    from salessim.modulebench import described
    from salessim.scenario.module_types import find_type

    name, kind = find_type(use)
    about = described(kind)
    if as_json:
        print_json({"module": name, "title": kind.title, "description": kind.description, **about})
        return EXIT_FINE
    click.echo(f"{name}: {kind.title or name}. {kind.description or ''}")
    click.echo("comes in: " + ", ".join(f"{p} ({carries})" for p, carries in about["in"].items()))
    click.echo("goes out: " + (", ".join(f"{p} ({carries})" for p, carries in about["out"].items()) or "nowhere"))
    click.echo("teams:    " + (", ".join(f"{role} ({what})" for role, what in about["teams"].items()) or "none"))
    click.echo("steps:    " + ", ".join(about["steps"]))
    if about["parameters"]:
        table(["parameter", "", "default", "from"], [
            [n, p["title"], "required" if p["required"] else "none" if p["default"] is None else str(p["default"]), p["origin"]] for n, p in about["parameters"].items()
        ], right=4)  # fmt: skip
    return EXIT_FINE


@module.command("check")
@click.argument("use", metavar="MODULE")
@seed_option
@json_option
def module_check(use: str, seed: int, as_json: bool) -> int:
    """Run a module on its own and compare where cases leave it with what its routes say."""
    from salessim.modulebench import check

    found = check(use, seed=seed)
    if as_json:
        print_json({"module": found.name, "port": found.port, "sound": found.sound, "open": found.open,
                     "ways_out": {w.port: {"exact": w.exact, "simulated": w.simulated, "half_width": w.half_width, "agrees": w.agrees} for w in found.ways_out}})  # fmt: skip
    else:
        table(["way out", "by the routes", "simulated", "± (99.9 %)", ""], [
            [w.port, "–" if w.exact is None else f"{100 * w.exact:.3f} %", f"{100 * w.simulated:.3f} %", f"{100 * w.half_width:.3f} %", "" if w.agrees else "does not agree"]
            for w in found.ways_out
        ])  # fmt: skip
        if found.open:
            click.echo(f"{counted(found.open, 'case')} had not left after ten years")
    return EXIT_FINE if found.sound else EXIT_REGRESSION


@module.command("new")
@click.argument("name")
@click.option("--out", type=click.Path(file_okay=False), default=".", show_default=True, help="Folder to write to.")
@force_option
def module_new(name: str, out: str, force: bool) -> int:
    """Begin a module: NAME.yaml and a test for it that passes as it is."""
    import re

    from salessim.errors import InputError
    from salessim.modulebench import scaffold
    from salessim.scenario.loader import write_whole

    if not re.fullmatch(r"[^\W\d_][\w-]{0,39}", name):
        raise InputError(f"module {name!r}", "this is not a name for a module", "use letters, digits, - and _, at most 40, a letter first")
    files = {Path(out) / file: text for file, text in scaffold(name).items()}
    for path in files:
        free(path, force)
    for path, text in files.items():
        write_whole(path, text)
        click.echo(str(path))
    click.echo(f"next: edit {Path(out) / f'{name}.yaml'}, then run 'salessim module check {Path(out) / f'{name}.yaml'}'")
    return EXIT_FINE


COMMANDS = (module,)
