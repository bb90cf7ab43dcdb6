"""The loop that a new user goes through, command by command, over every kind of source: what one writes the next can read.

Proposals are taken unedited. What comes out is compared with the history that went in: how many cases there are, how many come a
week, how many are open when a forecast begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from salessim import Scenario, simulate
from salessim.cli import main
from salessim.log import DATES
from salessim.scenario.levers import propose
from tests import exports
from tests.test_estimates import STEPS

WEEKS = 26
CALM = {"answer": {k: v for k, v in STEPS["answer"].items() if k != "gives_up"} | {"patience": "none"}, "think": STEPS["think"], "close": STEPS["close"]}
PROCESS = Scenario.parse(
    {"clock": {"start": "2026-01-05", "horizon": f"{WEEKS} weeks"}, "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}},
     "teams": {"desk": {"size": 2, "calendar": "office"}}, "segments": {"all": {"value": {"law": "constant", "value": "900 EUR"}}},
     "channels": {"web": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": "10 per week", "calendar": "office"}}},
     "stages": {"lead": {"steps": CALM}}}
)  # fmt: skip


@cache
def history() -> pd.DataFrame:
    """Half a year, cut off while cases are open, to the second."""
    frame = simulate(PROCESS, seed=11, engine="reference").frame.copy()
    for column in DATES:
        frame[column] = frame[column].dt.floor("s")
    frame = frame[frame["started"].notna()]
    return frame.assign(case=frame["case"].astype(str), customer=frame["customer"].astype(str)).sort_values(["case", "enabled", "ended"], kind="stable").reset_index(drop=True)


def dated(folder: Path) -> list[Path]:
    """Leads in one table and what became of them in another, each with dates only."""
    folder.mkdir()
    cases = history().groupby("case").agg(came=("enabled", "min"), over=("ended", "last"), outcome=("outcome", "last")).reset_index()
    cases["first_contact_date"] = cases["came"].dt.strftime("%Y-%m-%d")
    cases[["case", "first_contact_date"]].rename(columns={"case": "lead_id"}).to_csv(folder / "leads.csv", index=False)
    won = cases[cases["outcome"] == "completed"]
    won.assign(won_date=won["over"].dt.strftime("%Y-%m-%d %H:%M:%S"))[["case", "won_date"]].rename(columns={"case": "lead_id"}).to_csv(folder / "closed.csv", index=False)
    return [folder / "leads.csv", folder / "closed.csv"]


def of_objects(folder: Path) -> list[Path]:
    folder.mkdir()
    (folder / "log.json").write_text(json.dumps(exports.ocel(history())))
    return [folder / "log.json"]


def table(export: exports.Export) -> Callable[[Path], list[Path]]:
    return lambda folder: [exports.as_csv(export(history()), folder)]


SOURCES: dict[str, Callable[[Path], list[Path]]] = {
    "stages of a CRM": table(exports.salesforce),
    "stages of a database": lambda folder: [exports.as_sqlite(exports.odoo(history()), folder)],
    "activities with starts": table(exports.prosimos),
    "activities": table(exports.pm4py),
    "objects": of_objects,
    "records with dates": dated,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_what_one_command_writes_the_next_can_read(kind: str, tmp_path: Path) -> None:
    source = [str(path) for path in SOURCES[kind](tmp_path / "export")]
    mapping, log, learnt, today, page = (str(tmp_path / name) for name in ("mapping.yaml", "log.csv", "learnt.yaml", "today.yaml", "page.html"))

    def call(*args: str) -> str:
        result = CliRunner().invoke(main, list(args))
        assert result.exit_code == 0, result.output[-600:]
        return result.stdout

    def figures(*args: str) -> Any:
        return json.loads(call(*args, "--json"))

    came = history().groupby("case")["enabled"].min()
    call("import", "inspect", *source, "--out", mapping)
    quality = figures("import", "run", *source, "--mapping", mapping, "--out", log)
    assert quality["quality"]["cases"] == len(came)
    call("calibrate", *source, "--mapping", mapping, "--out", learnt, "--holdout", "0", "-q")
    assert figures("run", learnt, "-n", "4", "-q")["measures"]["arrived"]["mean"] == pytest.approx(len(came) / WEEKS, rel=0.3)
    told = call("validate-model", learnt, *source, "--mapping", mapping, "-n", "19", "-q", "--out", page)
    assert "arrivals" in told
    assert Path(page).stat().st_size > 10_000
    call("calibrate", *source, "--mapping", mapping, "--out", today, "--holdout", "0", "--from-today", "-q")
    ahead = figures("forecast", today, "--weeks", "2", "-n", "40", "-q")
    assert len(ahead["series"]["won"]["low"]) == 2
    search = ["optimise", learnt, "--trials", "2", "--method", "random", "-n", "2", "--final", "2", "--out", str(tmp_path / "study"), "-q"]
    if propose(Scenario.load(learnt)):
        call(*search)
    else:  # stages and dates of a CRM do not tell how long anybody works, so nobody waits for people in what is learnt
        refused = CliRunner().invoke(main, search)
        assert refused.exit_code == 2
        assert "no work takes time in it" in refused.output
        assert kind.startswith(("stages", "records with dates"))
