"""A module on its own: cases come in by one port, nobody waits for people, and every way out is counted.

On this bench the shares of the ways out follow exactly from the routes (an absorbing chain), so that a module can be
tested before it is part of a process: what is simulated must agree with what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salessim.experiment import simulate
from salessim.scenario.checks import forms
from salessim.scenario.model import ModuleType, Scenario
from salessim.scenario.module_types import find_type
from salessim.scenario.parts import BETWEEN
from salessim.scenario.traffic import visits

CASES = 4000
Z999 = 3.2905267314919255
"""Half-width of a 99.9 % interval in standard errors."""


@dataclass(frozen=True)
class WayOut:
    """How many cases leave a module by a port, computed and simulated."""

    port: str
    exact: float | None
    """Share by the routes; None where conditions, limits on places, giving up or competing ends decide."""
    simulated: float
    cases: int

    @property
    def half_width(self) -> float:
        """Of the 99.9 % interval of the simulated share."""
        p = self.simulated if self.exact is None else self.exact
        return Z999 * math.sqrt(max(p * (1 - p), 1 / self.cases) / self.cases)

    @property
    def agrees(self) -> bool:
        """Whether the two tell the same; True where nothing can be computed."""
        return self.exact is None or abs(self.exact - self.simulated) <= self.half_width


@dataclass(frozen=True)
class Findings:
    """What the bench found about a module."""

    name: str
    port: str
    ways_out: tuple[WayOut, ...]
    open: int
    """Cases that had not left when the run ended."""

    @property
    def sound(self) -> bool:
        """Whether all shares agree, nobody is left inside, and every case that came in has left."""
        return self.open == 0 and all(w.agrees for w in self.ways_out) and abs(sum(w.simulated for w in self.ways_out) - 1) < 1e-9


def bench(use: str | Path, with_: Mapping[str, Any] | None = None, port: str | None = None, base: Path | None = None, cases: int = CASES) -> Scenario:
    """A scenario of one module and nothing else.

    Args:
        use: name of a module type of the library, or a file.
        with_: parameters; roles that are not given get a team of their own.
        port: where cases come in; the first one if not given.
        base: the folder that files are relative to.
        cases: how many come, one every two minutes.

    Raises:
        ScenarioError: the module cannot be put together.
    """
    name, kind = find_type(use, base)
    given = dict(with_ or {})
    roles = [r for r in kind.needs.teams if r not in given]
    port = port or next(iter(kind.ports.in_))
    others = {p: {"carries": spec.carries, "at": spec.at, "optional": True} for p, spec in kind.ports.in_.items()}
    raw = kind.model_dump(mode="json", by_alias=True, exclude_unset=True)
    raw["ports"]["in"] = others
    named = [t for k, v in given.items() if k in kind.needs.teams for t in (v if isinstance(v, list) else [v])]
    return Scenario.parse({
        "name": f"module {name}", "clock": {"start": "2026-01-05", "horizon": "10 years"},
        "teams": {t: {"size": 1000} for t in [*roles, *named]},
        "segments": {"all": {"value": {"law": "lognormal", "median": "20000 EUR", "p90": "80000 EUR"}}},
        "channels": {"in": {"enters": f"module in {port}", "segments": {"all": 1}, "arrivals": {"rate": f"{cases} per week", "campaigns": [{"start": "2026-01-12", "end": "2036-12-31", "factor": 0}]}}},
        "stages": {"module": {"steps": {f"out {p}": {"automatic": "0 s", "then": [{"done": True}]} for p in kind.ports.out} or {"none": {"automatic": "0 s", "then": [{"done": True}]}}}},
        "module_types": {"under test": raw},
        "modules": {"module": {"use": "under test", "stage": "module", "with": {**{r: r for r in roles}, **given}, "connect": {p: f"out {p}" for p in kind.ports.out}}},
    })  # fmt: skip


def check(use: str | Path, with_: Mapping[str, Any] | None = None, port: str | None = None, base: Path | None = None, seed: int = 0) -> Findings:
    """Run a module on the bench and compare the shares of its ways out with those that its routes give.

    Raises:
        ScenarioError: the module cannot be put together.
    """
    scenario = bench(use, with_, port, base)
    name, kind = find_type(use, base)
    entry = scenario.channels["in"].enters
    expected = visits(scenario, entry, "all") if _computable(scenario) else None
    frame = simulate(scenario, seed=seed).frame
    frame = frame[frame["channel"] == "in"]
    cases = int(frame["case"].nunique())
    found = []
    for out in kind.ports.out:
        count = int(frame.loc[frame["step"] == f"out {out}", "case"].nunique())
        found.append(WayOut(out, None if expected is None else float(expected[f"out {out}"]), count / cases, cases))
    lost = int(frame.loc[frame["outcome"].str.startswith("lost"), "case"].nunique())
    share = None if expected is None else max(0.0, 1.0 - sum(expected[f"out {out}"] for out in kind.ports.out))
    if lost or (share is not None and share > 1e-12):
        found.append(WayOut("(lost inside)", share, lost / cases, cases))
    done = int(frame.loc[(frame["outcome"] == "completed") & ~frame["step"].str.startswith("out "), "case"].nunique())
    if done:
        found.append(WayOut("(done inside)", None, done / cases, cases))
    still = set(frame.loc[frame["outcome"] == "open", "case"]) - set(frame.loc[frame["step"].str.startswith("out "), "case"])
    return Findings(name, port or next(iter(kind.ports.in_)), tuple(found), len(still))


def _computable(scenario: Scenario) -> bool:
    """Whether the routes alone say where cases leave."""
    for _, _, step in forms(scenario):
        decided_otherwise = step.unless or step.takes or step.parallel or step.versions or step.adherence != 1.0
        patient = step.patience in (None, "none") and step.waiting_room is None
        if decided_otherwise or not patient or any(r.when or r.factor or r.fades for r in step.then):
            return False
    return True


TEMPLATE = """title: {title}
description: What comes in, what goes out, and what happens between.
ports:
  in:
    request: {{at: do the work, carries: opportunity}}
  out:
    finished: {{carries: opportunity}}
    refused: {{carries: opportunity, otherwise: {{lost: refused}}}}
parameters:
  time: {{title: time of the work, kind: law, default: {{law: lognormal, mean: 1 h, cv: 0.6}}, assumption: say where it comes from}}
  rework: {{title: share done again, kind: share, default: 10 %, assumption: say where it comes from}}
  refused: {{title: share refused, kind: share, default: 20 %, assumption: say where it comes from}}
needs:
  teams: {{worker: who does the work}}
steps:
  do the work:
    title: Do the work
    work: $time
    by: $worker
    then:
      - {{to: do the work, share: $rework}}
      - {{out: refused, share: $refused}}
      - {{out: finished}}
"""
TEST_TEMPLATE = '''"""The module {name} on its own: what is simulated agrees with what its routes say."""

from pathlib import Path

from salessim.modulebench import check

MODULE = Path(__file__).with_name("{name}.yaml")


def test_the_shares_of_the_ways_out_are_those_of_the_routes() -> None:
    found = check(MODULE)
    assert found.sound, found
    assert {{w.port: round(w.exact, 6) for w in found.ways_out}} == {{"finished": 0.777778, "refused": 0.222222}}  # 0.7 / 0.9 and 0.2 / 0.9


def test_nobody_refuses_when_the_share_is_zero() -> None:
    found = check(MODULE, {{"refused": 0}})
    assert found.sound
    assert {{w.port: w.simulated for w in found.ways_out}} == {{"finished": 1.0, "refused": 0.0}}
'''


def scaffold(name: str) -> dict[str, str]:
    """The files of a new module and its test, by file name."""
    return {f"{name}.yaml": TEMPLATE.format(title=name[:1].upper() + name[1:].replace("-", " ")), f"test_{name.replace('-', '_').replace(' ', '_')}.py": TEST_TEMPLATE.format(name=name)}


def described(kind: ModuleType) -> dict[str, Any]:
    """The ports, parameters and needs of a module type as rows for people."""
    return {
        "in": {p: " or ".join(spec.carries) for p, spec in kind.ports.in_.items()},
        "out": {p: spec.carries for p, spec in kind.ports.out.items()},
        "parameters": {
            n: {"title": p.title or n, "kind": p.kind, "default": p.default, "required": "default" not in p.model_fields_set,
                "origin": p.source or (f"assumption: {p.assumption}" if isinstance(p.assumption, str) else "assumption" if p.assumption else "")}
            for n, p in kind.parameters.items()
        },
        "teams": dict(kind.needs.teams),
        "steps": [*kind.steps, *(f"{m}{BETWEEN}..." for m in kind.modules)],
    }  # fmt: skip
