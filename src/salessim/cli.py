"""The command line: files in, files out; results on stdout, progress and messages on stderr.

Exit codes: 0 fine, 1 a regression, 2 unusable input, 3 inconclusive, 130 interrupted. Nothing heavy is imported
until a command needs it.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salessim import __version__

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

EXIT_FINE, EXIT_REGRESSION, EXIT_INPUT, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

seed_option = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of all draws.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress.")
workers_option = click.option("--workers", type=click.IntRange(1, 4096), help="Threads or processes (default: all processors).")
replications_option = click.option("--replications", "-n", type=click.IntRange(1, 1_000_000), default=30, show_default=True)
engine_option = click.option(
    "--engine", type=click.Choice(["auto", "reference", "compiled"]), default="auto", show_default=True,
    help="The figures are the same; only the speed differs.",
)  # fmt: skip


class _CtrlC:
    """Ctrl-C that is not lost: said again each second until somebody reacts, and after four the process leaves.

    A library may swallow the exception (pydantic takes one inside a serialiser for an unexpected value and goes on).
    """

    def __init__(self) -> None:
        self.noticed = threading.Event()
        self.watch: threading.Thread | None = None
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self)

    def __call__(self, *_: object) -> None:
        if self.watch is None:
            self.watch = threading.Thread(target=self._insist, daemon=True)
            self.watch.start()
        raise KeyboardInterrupt

    def _insist(self) -> None:
        for _ in range(3):
            if self.noticed.wait(1):
                break
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it from waiting, too
            else:
                _thread.interrupt_main()
        if not self.noticed.wait(1):
            os._exit(EXIT_INTERRUPTED)


class _Group(click.Group):
    """Turns our errors into one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        from salessim.errors import SalesSimError

        ctrl_c = _CtrlC()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal without "–" shows "?", not a traceback
        try:
            result = super().main(*args, **{**kwargs, "standalone_mode": False})
        except SalesSimError as wrong:
            _say(f"salessim: {wrong}")
            _leave(EXIT_INPUT)
        except (click.exceptions.Abort, KeyboardInterrupt):  # click makes the one of the other
            ctrl_c.noticed.set()
            _say("salessim: interrupted; what was finished and written is kept")
            _leave(EXIT_INTERRUPTED)
        except click.ClickException as wrong:
            wrong.show()
            _leave(EXIT_INPUT)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _leave(EXIT_FINE)
        except OSError as wrong:
            _say(f"salessim: {wrong.filename or 'file'}: {wrong.strerror}; check the path and the space left")
            _leave(EXIT_INPUT)
        except MemoryError:
            _say("salessim: memory: there is not enough; use fewer workers, a shorter horizon or no --log")
            _leave(EXIT_INPUT)
        sys.exit(result if isinstance(result, int) else EXIT_FINE)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if code == EXIT_INTERRUPTED and any(not t.daemon for t in threading.enumerate() if t is not threading.main_thread()):
        os._exit(code)  # worker threads may be deep in compiled code; everything finished is already on disk
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="salessim")
def main() -> None:
    """Try changes to a sales process before rolling them out."""


# --- shared ----------------------------------------------------------------------------------------------------


def _load(path: str) -> Scenario:
    from salessim.scenario.model import Scenario

    return Scenario.load(path)


class _Progress:
    """A bar on stderr for what takes longer than two seconds; nothing when quiet or piped."""

    def __init__(self, what: str, quiet: bool) -> None:
        import time

        self.what, self.quiet, self.begun = what, quiet or not sys.stderr.isatty(), time.monotonic()
        self.bar: Any = None
        self.clock: Callable[[], float] = time.monotonic
        self.task: Any = None

    def __call__(self, done: int, planned: int) -> None:
        if self.quiet or (self.bar is None and self.clock() - self.begun < 1):
            return
        if self.bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task(self.what, total=planned)
        self.bar.update(self.task, completed=done)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def _print_json(data: Any) -> None:
    import json

    click.echo(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))


def _estimate_json(estimate: Any, unit: str) -> dict[str, Any]:
    import math

    finite = {k: (v if math.isfinite(v) else None) for k, v in (("mean", estimate.value), ("low", estimate.low), ("high", estimate.high))}
    return {**finite, "level": estimate.level, "replications": estimate.n, "missing": estimate.missing, "unit": unit}


def _number(value: float) -> str:
    import math

    if not math.isfinite(value):
        return "–"
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}" if size >= 1 or size == 0 else f"{value:.3g}"


def _signed(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    return ("-" if value < 0 else "+") + _number(abs(value))


def _table(head: list[str], rows: list[list[str]], right: int = 1) -> None:
    """Columns aligned; plain text, so that it can be piped."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)

    widths = [max(width(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            (t + " " * (widths[i] - width(t))) if i < right or i == len(row) - 1 else (" " * (widths[i] - width(t)) + t)
            for i, t in enumerate(row)
        ]
        click.echo("  ".join(cells).rstrip())


# --- commands --------------------------------------------------------------------------------------------------


@main.command()
@click.option("--template", "name", help="A process of the gallery; `--list` names them.")
@click.option("--list", "listed", is_flag=True, help="Print the gallery.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="In English or Chinese [English where there is].")
@click.option("--out", type=click.Path(dir_okay=False), help="The file to write [NAME.yaml].")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
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
            _print_json([{"name": t.name, "language": t.language, "title": t.title, "description": t.description} for t in found])
            return EXIT_FINE
        _table(["name", "language", "what it is"], [[t.name, t.language, t.description or t.title] for t in found], right=3)
        click.echo("Take one: salessim init --template NAME")
        return EXIT_FINE
    chosen = template(name, language)
    target = out or f"{name}.yaml"
    if os.path.exists(target) and not force:
        raise InputError(target, "the file is there already", "give another with --out, or --force to write over it")
    write_whole(target, chosen.text)
    if as_json:
        _print_json({"name": chosen.name, "language": chosen.language, "title": chosen.title, "file": target})
    else:
        click.echo(f"{target}: {chosen.title}")
        click.echo(f"Look it over, then: salessim validate {target}; salessim run {target}")
    return EXIT_FINE


@main.command()
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
            _say(f"{positions.place(problem.path)}: {dotted}: {problem.problem}; {problem.remedy}")
        return EXIT_INPUT
    from salessim.network import build
    from salessim.scenario.uncertain import check

    build(found)
    check(found)
    rows = loads(found)
    if as_json:
        _print_json(
            {"scenario": found.name, "hash": found.hash, "steps": len(found.steps),
             "teams": {r.team: {"load": r.load if r.load < 1e9 else None, "demanded_hours_per_week": r.demanded if r.demanded < 1e9 else None,
                                "available_hours_per_week": r.available, "or_more": r.or_more, "unstable": r.unstable} for r in rows}}
        )  # fmt: skip
        return EXIT_FINE
    click.echo(f"{scenario}: {found.name}: {len(found.stages)} stages, {len(found.steps)} steps, {len(found.teams)} teams; hash {found.hash[:12]}")
    click.echo("Load of the teams from the traffic equations (as if nobody gave up waiting):")
    _table(
        ["team", "load", "h/week asked", "h/week on duty", ""],
        [[r.team, f"{100 * r.load:.0f} %", f"{r.demanded:.1f}", f"{r.available:.1f}",
          "above 100 %" if r.unstable else "or more: who gave up or cooled off comes on top" if r.or_more else ""] for r in rows],
    )  # fmt: skip
    for r in rows:
        if r.unstable:
            _say(
                f"{scenario}: team {r.team!r} is asked for {100 * r.load:.0f} % of its time ({r.demanded:.1f} of {r.available:.1f} h a week);"
                " add people or take work away: unless customers give up waiting, its queue grows without end"
            )
    return EXIT_FINE


@main.command()
@click.argument("scenario")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the words that are not the scenario's own.")
@click.option("--format", "form", type=click.Choice(["markdown", "svg", "mermaid", "bpmn", "dot"]), default="markdown", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False), help="Write to a file instead of stdout.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def describe(scenario: str, language: Any, form: str, out: str | None, force: bool) -> int:
    """Write a process down: as a procedure to read, as a flow chart, or as BPMN 2.0 with its diagram.

    The procedure (Markdown) says who does what, how long it takes and costs, what happens if it takes too long, and
    where every number comes from.
    """
    from salessim.describing import describe as write
    from salessim.describing import save_description
    from salessim.exchange.bpmn_write import bpmn

    loaded = _load(scenario)
    text = bpmn(loaded, language) if form == "bpmn" else write(loaded, form, language)
    if out:
        _not_over(out, scenario)
        save_description(text, out, force=force)
    else:
        click.echo(text.encode(), nl=False)  # always UTF-8: Chinese must survive a pipe, whatever the terminal
    return EXIT_FINE


@main.command()
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


@main.group()
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
        _print_json({name: {"title": kind.title, "description": kind.description, **described(kind)} for name, kind in kinds.items()})
        return EXIT_FINE
    _table(["module", "takes", "gives", ""], [
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
        _print_json({"module": name, "title": kind.title, "description": kind.description, **about})
        return EXIT_FINE
    click.echo(f"{name}: {kind.title or name}. {kind.description or ''}")
    click.echo("comes in: " + ", ".join(f"{p} ({carries})" for p, carries in about["in"].items()))
    click.echo("goes out: " + (", ".join(f"{p} ({carries})" for p, carries in about["out"].items()) or "nowhere"))
    click.echo("teams:    " + (", ".join(f"{role} ({what})" for role, what in about["teams"].items()) or "none"))
    click.echo("steps:    " + ", ".join(about["steps"]))
    if about["parameters"]:
        _table(["parameter", "", "default", "from"], [
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
        _print_json({"module": found.name, "port": found.port, "sound": found.sound, "open": found.open,
                     "ways_out": {w.port: {"exact": w.exact, "simulated": w.simulated, "half_width": w.half_width, "agrees": w.agrees} for w in found.ways_out}})  # fmt: skip
    else:
        _table(["way out", "by the routes", "simulated", "± (99.9 %)", ""], [
            [w.port, "–" if w.exact is None else f"{100 * w.exact:.3f} %", f"{100 * w.simulated:.3f} %", f"{100 * w.half_width:.3f} %", "" if w.agrees else "does not agree"]
            for w in found.ways_out
        ])  # fmt: skip
        if found.open:
            click.echo(f"{found.open} cases had not left after ten years")
    return EXIT_FINE if found.sound else EXIT_REGRESSION


@module.command("new")
@click.argument("name")
@click.option("--out", type=click.Path(file_okay=False), default=".", show_default=True, help="Folder to write to.")
@click.option("--force", is_flag=True, help="Write over what is there.")
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
        if path.exists() and not force:
            raise InputError(str(path), "it is there already", "choose another name, or write over it with --force")
    for path, text in files.items():
        write_whole(path, text)
        click.echo(str(path))
    click.echo(f"next: edit {Path(out) / f'{name}.yaml'}, then run 'salessim module check {Path(out) / f'{name}.yaml'}'")
    return EXIT_FINE


def _headline(scenario: Scenario, names: list[str]) -> list[str]:
    """The measures that say something about this scenario."""
    from salessim.measures import MEASURES

    has = {m for step in scenario.steps.values() if (m := step.milestone)}
    skip = set() if "delivered" in has else {"delivery_time", "delivery_time_p90"}
    if not any(s.value for s in scenario.segments.values()):
        skip |= {"revenue"}
    if not any(step.spawns for step in scenario.steps.values()):
        skip |= {"tickets", "ticket_time"}
    if not any(t.cost for t in scenario.teams.values()):
        skip |= {"cost", "cost_per_win"}
    return [n for n in names if n in MEASURES and n not in skip]


@main.command()
@click.argument("scenario")
@replications_option
@seed_option
@engine_option
@click.option("--start", help="First day, such as 2026-01-05, instead of the scenario's.")
@click.option("--horizon", help="Length, such as '26 weeks', instead of the scenario's.")
@click.option("--log", type=click.Path(dir_okay=False), help="Write the event log of replication 0 (.csv, .xes or .parquet).")
@click.option("--precision", help="Replicate until a measure is this precise, such as 'cycle_time=2 %'.")
@click.option("--all", "everything", is_flag=True, help="Also steps, stages, reasons and teams.")
@workers_option
@json_option
@quiet_option
def run(
    scenario: str, replications: int, seed: int, engine: Any, start: str | None, horizon: str | None, log: str | None,
    precision: str | None, everything: bool, workers: int | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Simulate a scenario and print its measures with 95 % intervals."""
    from salessim import experiment, ignorance
    from salessim.measures import about, unit

    loaded = _load(scenario)
    changes = {k: v for k, v in (("clock.start", start), ("clock.horizon", horizon)) if v is not None}
    if changes:
        loaded = loaded.change(changes)
    writer = _log_writer(log) if log else None
    wanted = _precision(precision, loaded.currency) if precision else None
    code, extra = EXIT_FINE, []
    try:
        with _Progress("replications", quiet) as progress:
            if wanted:
                name, width, relative = wanted
                results = experiment.replicate_until(
                    loaded, name, width, relative=relative, seed=seed, engine=engine, workers=workers, progress=progress
                )
                reached = results.estimate(name)
                if reached.half_width > (width * abs(reached.value) if relative else width):
                    code = EXIT_INCONCLUSIVE
                    extra.append(f"The wanted precision was not reached in {len(results.numbers)} replications: {about(name).title} is known to ± {_number(reached.half_width)} {unit(name, loaded.currency)}.")
            else:
                results = experiment.replicate(loaded, replications, seed=seed, engine=engine, workers=workers, progress=progress)
        results = ignorance.echo(results, engine=engine, workers=workers)
        if writer and log:
            writer(experiment.simulate(loaded, seed=seed, engine=engine), log)
    except experiment.Interrupted as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # noticed; what follows takes no time worth interrupting
        results, code = stop.results, EXIT_INTERRUPTED
        extra.append(f"Interrupted: these are the {len(results.numbers)} replications that were finished.")
    _print_results(results, everything, as_json, [*extra, *experiment.cautions(results)])
    if code == EXIT_INTERRUPTED:
        _leave(code)
    return code


def _print_results(results: Any, everything: bool, as_json: bool, cautions: list[str]) -> None:
    """The measures of one scenario, as a table or as JSON."""
    from salessim import ignorance
    from salessim.measures import about, unit

    loaded, seed = results.scenario, results.seed
    names = list(results.names) if everything or as_json else _headline(loaded, results.names)
    if as_json:
        _print_json(
            {"scenario": loaded.name, "hash": loaded.hash, "seed": seed, "replications": len(results.numbers), "salessim": __version__,
             "measures": {n: {**_estimate_json(results.estimate(n), unit(n, loaded.currency)), **_spread_json(results, n)} for n in names}, "cautions": cautions}
        )  # fmt: skip
        return
    click.echo(f"{loaded.name}: {len(results.numbers)} replications, seed {seed}, hash {loaded.hash[:12]}; mean and 95 % interval")
    rows = []
    for name in names:
        e = results.estimate(name)
        note = f"in {e.missing} replications there was none" if e.missing else ""
        rows.append([about(name).title, _number(e.value), f"{_number(e.low)} to {_number(e.high)}", *_not_known(results.spread(name)), unit(name, loaded.currency), note])
    head = ["could be*", "ignorance*"] if results.echoes is not None else []
    _table(["", "mean", "interval", *head, "unit", ""], rows)
    if head:
        click.echo(ignorance.in_words(loaded))
        for text in ignorance.drivers_in_words(results, names):
            click.echo(text)
    for text in cautions:
        _say(f"note: {text}")


def _not_known(spread: Any, show: Callable[[float], str] = _number) -> list[str]:
    """Two cells: where the long-run figure may lie, and how much of the variance is ignorance; none if all is known."""
    if spread is None:
        return []
    share = spread.ignorance
    if not share.low > 0:
        return ["–", f"< {100 * share.high:.0f} %" if share.high < 1 else "–"]
    return [f"{show(spread.low)} to {show(spread.high)}", f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"]


def _spread_json(results: Any, name: str, *which: int) -> dict[str, Any]:
    """The part of ignorance in a figure or, for a comparison, in the change of scenario `which`."""
    import math

    spread = results.spread(name, *which)
    if spread is None:
        return {}

    def finite(x: float) -> float | None:
        return x if math.isfinite(x) else None

    share = spread.ignorance
    return {"uncertain": {"ignorance": finite(share.value), "ignorance_low": share.low, "ignorance_high": share.high,
                          "could_be_low": finite(spread.low), "could_be_high": finite(spread.high),
                          "drivers": [{"value": n, "rank_correlation": r} for n, r in results.drivers(name, *which)]}}  # fmt: skip


def _log_writer(path: str) -> Callable[[Any, str], None]:
    from salessim.errors import InputError

    writers = {".csv": "to_csv", ".xes": "to_xes", ".parquet": "to_parquet"}
    kind = Path(path).suffix.lower()
    if kind not in writers:
        raise InputError(path, f"logs are not written as {kind or 'a file without ending'}", "use .csv, .xes or .parquet")
    if not (Path(path).parent or Path(".")).is_dir():
        raise InputError(path, "its folder does not exist", "make the folder first")
    return lambda log, to: getattr(log, writers[kind])(to)


def _precision(text: str, currency: str) -> tuple[str, float, bool]:
    """(measure, half-width, relative) of words such as 'cycle_time=2 %' or 'cycle_time=12 h'."""
    from salessim.errors import InputError
    from salessim.measures import MEASURES
    from salessim.optimisation.limits import figure
    from salessim.scenario.checks import nearest
    from salessim.units import share

    name, _, width = text.partition("=")
    if name not in MEASURES:
        raise InputError("--precision", f"there is no measure {name!r}", nearest(name, MEASURES))
    relative = width.strip().endswith(("%", "％"))
    try:
        number = share(width) if relative else figure(name, width, currency)
        if not number > 0:
            raise ValueError(f"{width!r} is not above zero; write for example 'cycle_time=2 %'")
    except ValueError as wrong:
        problem, _, remedy = str(wrong).partition("; ")
        raise InputError("--precision", problem, remedy or "write for example 'cycle_time=2 %' or 'cycle_time=12 h'") from None
    return name, number, relative


@main.command()
@click.argument("scenarios", nargs=-1, required=True)
@replications_option
@seed_option
@engine_option
@workers_option
@json_option
@quiet_option
def compare(
    scenarios: tuple[str, ...], replications: int, seed: int, engine: Any, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Compare scenarios with the first one, pair by pair under common random numbers."""
    from salessim import experiment, ignorance
    from salessim.measures import MEASURES, about, unit
    from salessim.payback import payback

    loaded = [_load(path) for path in scenarios]
    with _Progress("replications", quiet) as progress:
        comparison = experiment.compare(
            *loaded, replications=replications, seed=seed, engine=engine, workers=workers, progress=progress
        )
        comparison = ignorance.echo_all(comparison, engine=engine, workers=workers)
    base = comparison.base
    names = [n for n in base.names if n in MEASURES]
    if as_json:
        _print_json(
            {"base": loaded[0].name, "seed": seed, "replications": replications, "salessim": __version__,
             "scenarios": [
                 {"scenario": r.scenario.name, "hash": r.scenario.hash, "cautions": experiment.standing_cautions(r.scenario),
                  "measures": {n: _estimate_json(r.estimate(n), unit(n, r.scenario.currency)) for n in names},
                  "differences": {n: {**_difference_json(comparison, n, i, r.scenario.currency), **_spread_json(comparison, n, i)} for n in names} if i else {}}
                 for i, r in enumerate(comparison.results)]}
        )  # fmt: skip
        return EXIT_FINE
    for i, other in enumerate(comparison.results[1:], start=1):
        click.echo(f"{other.scenario.name} compared with {loaded[0].name}: {replications} pairs, seed {seed}; 95 % intervals")
        rows = []
        for name in _headline(loaded[0], names):
            d = comparison.difference(name, i)
            rows.append(
                [about(name).title, _number(base.estimate(name).value), _number(other.estimate(name).value),
                 _signed(d.change.value), f"{_signed(d.change.low)} to {_signed(d.change.high)}", *_not_known(comparison.spread(name, i), _signed), unit(name, loaded[0].currency),
                 f"{d.variance_reduction:.1f}x" if d.variance_reduction < 1e6 else "–", comparison.word(name, i)]
            )  # fmt: skip
        head = ["could be**", "ignorance**"] if base.echoes is not None else []
        _table(["", "before", "after", "change", "interval", *head, "unit", "saved*", ""], rows)
        click.echo("* how many times fewer replications the common random numbers need")
        found = payback(comparison, i)
        if found is not None:
            click.echo(found.sentence())
        for text in dict.fromkeys([*experiment.standing_cautions(loaded[0]), *experiment.standing_cautions(other.scenario)]):
            _say(f"note: {text}")
        if head:
            click.echo("*" + ignorance.in_words(base.scenario, other.scenario))
            for text in ignorance.drivers_in_words(comparison, _headline(loaded[0], names), i):
                click.echo(text)
    return EXIT_FINE


def _difference_json(comparison: Any, name: str, i: int, currency: str) -> dict[str, Any]:
    import math

    from salessim.measures import unit

    d = comparison.difference(name, i)
    reduction = d.variance_reduction if math.isfinite(d.variance_reduction) else None
    return {**_estimate_json(d.change, unit(name, currency)), "verdict": comparison.word(name, i), "variance_reduction": reduction}


@main.command()
@click.argument("scenario")
@click.option("--baseline", type=click.Path(dir_okay=False), required=True, help="The committed baseline (JSON).")
@click.option("--update", is_flag=True, help="Make the baseline anew from this scenario.")
@click.option("--replications", "-n", type=click.IntRange(2, 100_000), default=40, show_default=True, help="For --update.")
@seed_option
@json_option
@quiet_option
def check(scenario: str, baseline: str, update: bool, replications: int, seed: int, as_json: bool, quiet: bool) -> int:
    """Gate for CI: exit 0 passed, 1 regression, 3 inconclusive."""
    from salessim import gate
    from salessim.experiment import standing_cautions
    from salessim.measures import about, unit

    loaded = _load(scenario)
    if update:
        with _Progress("baseline", quiet) as progress:
            gate.save_baseline(gate.make_baseline(loaded, replications=replications, seed=seed, progress=progress), baseline)
        _say(f"{baseline}: made from {loaded.name} ({replications} replications, seed {seed})")
        return EXIT_FINE
    kept = gate.load_baseline(baseline)
    with _Progress("replications", quiet) as progress:
        answer = gate.check(loaded, kept, progress=progress)
    if as_json:
        _print_json(
            {"verdict": answer.verdict, "same_scenario": answer.same_scenario, "scenario_hash": loaded.hash, "cautions": standing_cautions(loaded),
             "findings": {f.measure: {"verdict": f.verdict, "max_worsening": f.threshold,
                                      **_estimate_json(f.difference.change, unit(f.measure, loaded.currency))} for f in answer.findings}}
        )  # fmt: skip
    else:
        click.echo(f"{answer.verdict}: {loaded.name} against {baseline}" + (" (unchanged)" if answer.same_scenario else ""))
        _table(
            ["", "change", "interval", "may worsen by", "unit", ""],
            [[about(f.measure).title, _signed(f.difference.change.value), f"{_signed(f.difference.change.low)} to {_signed(f.difference.change.high)}",
              _number(f.threshold), unit(f.measure, loaded.currency), f.verdict] for f in answer.findings],
        )  # fmt: skip
        for text in standing_cautions(loaded):
            _say(f"note: {text}")
    return {"passed": EXIT_FINE, "regression": EXIT_REGRESSION, "inconclusive": EXIT_INCONCLUSIVE}[answer.verdict]


@main.command()
@click.argument("scenario")
@seed_option
@click.option("--out", type=click.Path(file_okay=False), required=True, help="Folder for the design, the trials and the report.")
@click.option("--trials", type=click.IntRange(1, 100_000), default=60, show_default=True)
@click.option("--replications", "-n", type=click.IntRange(2, 10_000), default=4, show_default=True, help="Per design in the search.")
@click.option("--final", type=click.IntRange(2, 100_000), default=60, show_default=True, help="Fresh replications for the final comparison.")
@click.option("--objective", "objectives", multiple=True, help="A measure; may be given several times [cycle_time, lost_customers].")
@click.option("--limit", "limits", multiple=True, help="Such as 'cost <= 190000/month'.")
@click.option("--lever", "levers", multiple=True, help="Only these levers.")
@workers_option
@json_option
@quiet_option
def optimise(
    scenario: str, seed: int, out: str, trials: int, replications: int, final: int, objectives: tuple[str, ...],
    limits: tuple[str, ...], levers: tuple[str, ...], workers: int | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Search staffing, automation and simplification for a better design."""
    import json

    from salessim.optimisation import optimise as search
    from salessim.scenario.loader import write_whole

    loaded = _load(scenario)
    folder = _folder(out)
    journal = folder / "trials.jsonl"
    with _Progress("designs", quiet) as progress:
        best = search(
            loaded, levers=list(levers) or None, objectives=objectives or ("cycle_time", "lost_customers"), limits=limits,
            trials=trials, replications=replications, final=final, seed=seed, workers=workers, progress=progress, journal=journal,
        )  # fmt: skip
    best.scenario.save(folder / "best.yaml")
    answer = _best_json(best)
    write_whole(folder / "best.json", json.dumps(answer, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")
    from salessim.reporting import report_best

    report_best(best, folder / "report.html")
    if as_json:
        _print_json(answer)
    else:
        for sentence in best.sentences():
            click.echo(sentence)
        click.echo(f"Report: {folder / 'report.html'}; design: {folder / 'best.yaml'}")
        for text in best.cautions():
            _say(f"note: {text}")
    return EXIT_FINE


def _best_json(best: Any) -> dict[str, Any]:
    from salessim.measures import MEASURES

    return {
        "recommended": list(best.words), "changed": best.changed, "settings": best.settings, "sentences": best.sentences(), "cautions": best.cautions(),
        "hash": best.scenario.hash, "seed": best.final.base.seed, "trials": len(best.trials), "distinct": len(best.distinct), "designs": best.designs,
        "refused": best.refused, "limits": [limit.words(best.today.currency) for limit in best.limits], "front": list(best.front), "search_minus_fresh": dict(best.flattery),
        "differences": {n: _difference_json(best.final, n, 1, best.today.currency) for n in best.final.base.names if n in MEASURES},
    }  # fmt: skip


def _folder(path: str) -> Path:
    from salessim.errors import InputError

    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise InputError(path, f"the folder cannot be made ({wrong.strerror})", "give a folder that is writable") from None
    return folder


@main.command()
@click.argument("scenarios", nargs=-1, required=True)
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The HTML file.")
@replications_option
@seed_option
@workers_option
@quiet_option
def report(scenarios: tuple[str, ...], out: str, replications: int, seed: int, workers: int | None, quiet: bool) -> int:
    """Write one offline HTML file that compares scenarios with the first one."""
    from salessim.reporting import report as write

    loaded = [_load(path) for path in scenarios]
    with _Progress("replications", quiet) as progress:
        write(loaded, to=out, replications=replications, seed=seed, workers=workers, progress=progress)
    click.echo(out)
    return EXIT_FINE


def _not_over(out: str, *inputs: str) -> None:
    """Refuse to write over what is read, also by way of a link."""
    from salessim.errors import InputError

    for path in inputs:
        if os.path.realpath(out) == os.path.realpath(path) or (os.path.exists(out) and os.path.exists(path) and os.path.samefile(out, path)):
            raise InputError(f"--out {out}", f"this is the file that is read ({path}), and it would be overwritten", "give another file")


@main.group("import")
def import_() -> None:
    """Read event logs of real systems, and process models of others."""


@import_.command()
@click.argument("log")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="Where to write the mapping, to be looked over.")
@json_option
def inspect(log: str, out: str, as_json: bool) -> int:
    """Guess what the columns of a log mean and write a mapping for a person to correct."""
    from salessim.importers import inspect_log
    from salessim.scenario.loader import write_whole

    _not_over(out, log)
    proposal = inspect_log(log)
    write_whole(out, proposal.to_yaml())
    if as_json:
        _print_json(proposal.to_json())
    else:
        for line in proposal.lines():
            click.echo(line)
        click.echo(f"Mapping: {out} -- look it over, then: salessim calibrate {log} --mapping {out} --out scenario.yaml")
    return EXIT_FINE


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

    _not_over(out, diagram, *([parameters] if parameters else []))
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

    _not_over(out, diagram, parameters)
    return _imported(import_prosimos(diagram, parameters, horizon=horizon, approximate=approximate), out, as_json)


def _imported(found: Any, out: str, as_json: bool) -> int:
    """Write an imported scenario and say what is not quite as it was."""
    found.scenario.save(out)
    for remark in found.remarks:
        _say(str(remark))
    if as_json:
        _print_json({"scenario": out, "hash": found.scenario.hash, "steps": len(found.scenario.steps), "remarks": [r.to_json() for r in found.remarks]})
    else:
        click.echo(f"Scenario: {out}: {len(found.scenario.steps)} steps, {len(found.scenario.teams)} teams; {len(found.remarks)} remarks")
    return EXIT_FINE


@main.command()
@click.argument("log")
@click.option("--mapping", required=True, help="From `salessim import inspect`, looked over.")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The scenario to write.")
@click.option("--holdout", type=float, default=0.2, show_default=True, help="Last share of the period that is held out.")
@seed_option
@workers_option
@json_option
@quiet_option
def calibrate(
    log: str, mapping: str, out: str, holdout: float, seed: int, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Learn a scenario from a log, and say how far it misses the part that was held out."""
    from salessim.calibration import calibrate as learn
    from salessim.importers import read_log

    _not_over(out, log, mapping)
    with _Progress("calibration", quiet) as progress:
        events, quality = read_log(log, mapping)
        calibration = learn(events, holdout=holdout, seed=seed, workers=workers, progress=progress)
    calibration.scenario.save(out)
    if as_json:
        _print_json({**calibration.to_json(), "quality": quality.to_json()})
    else:
        for line in (*quality.lines(), *calibration.lines()):
            click.echo(line)
        click.echo(f"Scenario: {out}")
    return EXIT_FINE


@main.command()
@click.option("--out", type=click.Path(file_okay=False), default="salessim-demo", show_default=True, help="Folder for everything it makes.")
@seed_option
@quiet_option
def demo(out: str, seed: int, quiet: bool) -> int:
    """Make a CRM log from a known truth, calibrate, simulate, optimise and report."""
    from salessim.demo import run_demo

    run_demo(_folder(out), seed=seed, say=click.echo, progress=lambda what: _Progress(what, quiet))
    return EXIT_FINE


if __name__ == "__main__":
    main()
