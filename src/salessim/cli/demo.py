"""The whole loop on an example: `salessim demo`."""

from __future__ import annotations

import click

from salessim.cli.group import EXIT_FINE
from salessim.cli.options import folder_of, quiet_option, seed_option
from salessim.cli.show import Progress


@click.command()
@click.option("--out", type=click.Path(file_okay=False), default="salessim-demo", show_default=True, help="Folder for everything it makes.")
@seed_option
@quiet_option
def demo(out: str, seed: int, quiet: bool) -> int:
    """Make a CRM log from a known truth, calibrate, simulate, optimise and report."""
    from salessim.demo import run_demo

    run_demo(folder_of(out), seed=seed, say=click.echo, progress=lambda what: Progress(what, quiet))
    return EXIT_FINE


COMMANDS = (demo,)
