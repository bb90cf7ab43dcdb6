"""What others have written: `salessim import` reads logs of real systems and process models of other tools."""

from __future__ import annotations

from typing import Any

import click

from salessim.cli.group import EXIT_FINE, say
from salessim.cli.logs import inspect, run
from salessim.cli.options import json_option, not_over
from salessim.cli.show import print_json
from salessim.wording import counted


@click.group("import")
def import_() -> None:
    """Read event logs of real systems, and process models of others."""


approximate_option = click.option("--approximate", is_flag=True, help="Accept that named elements are left out or replaced.")


@import_.command()
@click.argument("diagram")
@click.option("--parameters", help="YAML or JSON: parts of a scenario, and elements, flows and ends of the diagram by name.")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The scenario to write.")
@approximate_option
@json_option
def bpmn(diagram: str, parameters: str | None, out: str, approximate: bool, as_json: bool) -> int:
    """Turn a BPMN 2.0 diagram into a scenario.

    What nobody gave is assumed and marked; what cannot be expressed is named.
    """
    from salessim.exchange import import_bpmn

    not_over(out, diagram, *([parameters] if parameters else []))
    return _imported(import_bpmn(diagram, parameters, approximate=approximate), out, as_json)


@import_.command()
@click.argument("diagram")
@click.argument("parameters")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The scenario to write.")
@click.option("--horizon", default="26 weeks", show_default=True, help="How long a run lasts.")
@approximate_option
@json_option
def prosimos(diagram: str, parameters: str, out: str, horizon: str, approximate: bool, as_json: bool) -> int:
    """Turn a Prosimos simulation scenario (BPMN and JSON) into one of ours."""
    from salessim.exchange import import_prosimos

    not_over(out, diagram, parameters)
    return _imported(import_prosimos(diagram, parameters, horizon=horizon, approximate=approximate), out, as_json)


def _imported(found: Any, out: str, as_json: bool) -> int:
    """Write an imported scenario and say what is not quite as it was."""
    found.scenario.save(out)
    for remark in found.remarks:
        say(str(remark))
    if as_json:
        print_json({"scenario": out, "hash": found.scenario.hash, "steps": len(found.scenario.steps), "remarks": [r.to_json() for r in found.remarks]})
    else:
        click.echo(f"Scenario: {out}: {counted(len(found.scenario.steps), 'step')}, {counted(len(found.scenario.teams), 'team')}; {counted(len(found.remarks), 'remark')}")
    return EXIT_FINE


import_.add_command(inspect)
import_.add_command(run)

COMMANDS = (import_,)
