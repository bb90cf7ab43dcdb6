"""Options that several commands have, and what is done with the paths that are given to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from salessim.margins import Margins
    from salessim.scenario.model import Scenario

seed_option = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of all draws.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress.")
workers_option = click.option("--workers", type=click.IntRange(1, 4096), help="Threads or processes (default: all processors).")
replications_option = click.option("--replications", "-n", type=click.IntRange(1, 1_000_000), default=30, show_default=True)
engine_option = click.option(
    "--engine", type=click.Choice(["auto", "reference", "compiled"]), default="auto", show_default=True,
    help="The figures are the same; only the speed differs.",
)  # fmt: skip
margin_option = click.option(
    "--margin", multiple=True,
    help="Up to which size a change does not matter: of all figures, such as '2 %', or of one, such as 'cycle_time=1 day'; may be given several times [1 %].",
)
force_option = click.option("--force", is_flag=True, help="Write over a file that is there.")

pull_option = click.option("--pull", "pulls", multiple=True, metavar="LEVER=SETTING", help="Pull a lever, such as 'bot=on' or 'people=2'; may be given several times. `salessim levers` lists them.")


def pulled(scenario: Scenario, pulls: tuple[str, ...]) -> tuple[Scenario, list[str]]:
    """The scenario with levers pulled, and what that means in words; the same object without any."""
    from salessim.errors import InputError
    from salessim.scenario.levers import apply, in_words, read_setting

    found = [read_setting(scenario, text, "--pull") for text in pulls]
    settings = dict(found)
    if len(settings) < len(found):
        twice = next(name for name, _ in found if [n for n, _ in found].count(name) > 1)
        raise InputError("--pull", f"the lever {twice!r} is pulled twice", "give each lever one setting")
    words = in_words(scenario, settings, assumptions=True)
    name = f"{scenario.name}, {', '.join(text.strip() for text in pulls)}"
    return apply(scenario, settings, name=name) if words else scenario, words


def load(path: str) -> Scenario:
    """The scenario of a file."""
    from salessim.scenario.model import Scenario

    return Scenario.load(path)


def folder_of(path: str) -> Path:
    """A folder to write to, made if it is not there."""
    from salessim.errors import InputError

    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise InputError(path, f"the folder cannot be made ({wrong.strerror})", "give a folder that is writable") from None
    return folder


def not_over(out: str, *inputs: str) -> None:
    """Refuse to write over what is read, also by way of a link."""
    from salessim.errors import InputError

    for path in inputs:
        if os.path.realpath(out) == os.path.realpath(path) or (os.path.exists(out) and os.path.exists(path) and os.path.samefile(out, path)):
            raise InputError(f"--out {out}", f"this is the file that is read ({path}), and it would be overwritten", "give another file")


def free(path: str | Path, force: bool) -> None:
    """Refuse to write over a file that is there, unless that is wanted."""
    from salessim.errors import InputError

    if os.path.exists(path) and not force:
        raise InputError(str(path), "the file is there already", "choose another name, or write over it with --force")


def named_value(text: str, option: str, example: str) -> tuple[str, str]:
    """The two sides of NAME=VALUE; a name may hold a sign of its own."""
    from salessim.errors import InputError

    name, sign, value = text.rpartition("=")
    if not sign or not name.strip() or not value.strip():
        raise InputError(option, f"{text!r} does not say a measure and a value", f"write for example '{example}'")
    return name.strip(), value.strip()


def margins_of(words: tuple[str, ...], scenario: Scenario) -> Margins:
    """The margins that --margin gives: a share of all figures, and sizes of single measures in their units."""
    from salessim.catalogue import catalogue
    from salessim.errors import InputError
    from salessim.margins import Margins
    from salessim.optimisation.limits import figure
    from salessim.units import share

    known, example = catalogue(scenario), "'2 %' or 'cycle_time=1 day'"
    of_all, own = Margins().share, {}
    for text in words:
        name, value = named_value(text, "--margin", "cycle_time=1 day") if "=" in text else ("", text)
        if name:
            known.find(name, "--margin")
        try:
            size = figure(name, value, known) if name else share(value)
            if size < 0:
                raise ValueError(f"{value!r} is negative; write zero or more")
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            raise InputError("--margin", problem, remedy or f"write for example {example}") from None
        if name:
            own[name] = size
        else:
            of_all = size
    return Margins(of_all, own)
