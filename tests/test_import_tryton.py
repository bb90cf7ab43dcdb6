"""Tryton, a real ERP: installed in an environment of its own, driven through some dozen deals, and read by SQL.

What is expected is what the server answered while `tests/tryton_deals.py` drove it, never what the preset assumes.
"""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from salessim.importers import Quality, inspect_log, read_log
from salessim.log import EventLog

SERIES = "7.0"  # one with long-term support
PACKAGES = ("trytond", "proteus", "trytond_sale_opportunity")
OVER = {"won": "completed", "lost": "lost: lost", "cancelled": "lost: cancelled"}
"""States that end a deal, and what the log calls the end."""

Deal = dict[str, Any]
pytestmark = pytest.mark.slow


def run(*command: str, patience: float, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME") and not k.startswith("TRYTON")}
    return subprocess.run(command, capture_output=True, text=True, timeout=patience, env=inherited | settings)


@pytest.fixture(scope="session")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment in which Tryton is installed."""
    home = tmp_path_factory.mktemp("tryton")
    venv.create(home, with_pip=True)
    try:
        done = run(str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--retries", "1", *(f"{p}=={SERIES}.*" for p in PACKAGES), patience=600)
    except subprocess.TimeoutExpired:
        pytest.skip("Tryton could not be installed within ten minutes")
    if done.returncode:
        pytest.skip(f"Tryton cannot be installed: {(done.stderr.strip().splitlines() or ['pip does not say why'])[-1][-200:]}")
    return home / "bin"


@pytest.fixture(scope="session")
def driven(tryton: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Deal]]:
    """The address of the server's database, and what was done with it."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "crm.sqlite").touch()  # Tryton asks for a database that is there
    (folder / "password").write_text("of-a-test-only\n")
    settings = {"TRYTOND_DATABASE_URI": "sqlite://", "TRYTOND_DATABASE__PATH": str(folder), "TRYTONPASSFILE": str(folder / "password")}
    admin = (str(tryton / "trytond-admin"), "-d", "crm", "-u", "sale_opportunity", "--activate-dependencies", "--email", "admin@example.org")
    done = run(*admin, patience=600, **settings)
    assert done.returncode == 0, done.stderr[-2000:]
    done = run(str(tryton / "python"), str(Path(__file__).with_name("tryton_deals.py")), "crm", patience=600, **settings)
    assert done.returncode == 0, done.stderr[-2000:]
    return f"sqlite:///{folder / 'crm.sqlite'}", json.loads(done.stdout)


@pytest.fixture(scope="session")
def read(driven: tuple[str, list[Deal]]) -> tuple[EventLog, Quality]:
    proposal = inspect_log(driven[0])
    assert proposal.preset == "Tryton"
    return read_log(driven[0], proposal.mapping)


def moves(deal: Deal) -> list[dict[str, Any]]:
    """What moved a deal into another state: its making first; deleting is none."""
    told = [s for s in deal["steps"] if s["state"] is not None]
    return [s for i, s in enumerate(told) if i == 0 or s["state"] != told[i - 1]["state"]]


def final(deal: Deal) -> list[dict[str, Any]]:
    """The moves up to the end of the deal: an end that was taken back is none."""
    listed = moves(deal)
    return [s for i, s in enumerate(listed) if s["state"] not in OVER or i == len(listed) - 1]


def visits(log: EventLog, deal: Deal) -> pd.DataFrame:
    frame = log.frame
    return frame[frame["case"] == str(deal["id"])].sort_values("enabled", kind="stable")


def within(stamp: pd.Timestamp, move: dict[str, Any]) -> bool:
    return pd.Timestamp(move["before"]) <= stamp <= pd.Timestamp(move["after"])


def test_every_deal_of_the_server_is_a_case(driven: tuple[str, list[Deal]], read: tuple[EventLog, Quality]) -> None:
    log, deals = read[0], driven[1]
    assert list(log.problems()) == []
    assert len(deals) >= 36
    assert {s["state"] for d in deals for s in d["steps"]} == {"lead", "opportunity", "converted", "won", "lost", "cancelled", None}
    assert set(log.frame["case"]) == {str(d["id"]) for d in deals}


def test_states_and_ends_are_those_the_server_told(driven: tuple[str, list[Deal]], read: tuple[EventLog, Quality]) -> None:
    for deal in driven[1]:
        states = [s["state"] for s in final(deal)]
        found = visits(read[0], deal)
        stays = states[:-1] if states[-1] in OVER else states
        assert found["step"].tolist() == stays, deal["route"]
        assert found["outcome"].tolist() == ["next"] * (len(stays) - 1) + [OVER.get(states[-1], "open")], deal["route"]


def test_moments_lie_within_the_calls_that_made_them(driven: tuple[str, list[Deal]], read: tuple[EventLog, Quality]) -> None:
    """So close that a wrong time zone, column or row would show."""
    for deal in driven[1]:
        listed, found = moves(deal), visits(read[0], deal)
        entered = [s for s in listed if s["state"] not in OVER]
        assert all(within(a, s) for a, s in zip(found["enabled"], entered, strict=True)), deal["route"]
        left = [after for s, after in zip(listed, [*listed[1:], None], strict=True) if s["state"] not in OVER]
        for ended, move in zip(found["ended"], left, strict=True):
            assert pd.isna(ended) if move is None else within(ended, move), deal["route"]


def test_people_customers_and_amounts_are_those_of_the_server(driven: tuple[str, list[Deal]], read: tuple[EventLog, Quality]) -> None:
    """The value is the first estimate: later amounts follow the outcome, a cancelled sale makes them 0."""
    assert any(d["steps"][-1]["amount"] == 0 for d in driven[1])
    for deal in driven[1]:
        found = visits(read[0], deal)
        assert set(found["person"]) == {str(deal["steps"][0]["user"])}
        assert set(found["customer"]) == {str(deal["customer"])}
        assert found["value"].tolist() == [deal["steps"][0]["amount"]] * len(found), deal["route"]


def test_rows_that_are_no_moves_are_accounted_for(driven: tuple[str, list[Deal]], read: tuple[EventLog, Quality]) -> None:
    """Deleting writes a row without a state; a change of the amount one with the same state."""
    quality, deals = read[1], driven[1]
    deleted = [d for d in deals if d["steps"][-1]["did"] == "delete"]
    assert quality.counts["rows without an activity were dropped"] == len(deleted) > 0
    assert [sorted(map(int, u.keys)) for u in quality.unmatched] == [sorted(d["id"] for d in deleted)]
    history = dict(quality.tables)["opportunity history"]
    assert quality.counts["rows do not change the state; they were joined to the one before"] == history - len(deleted) - sum(len(moves(d)) for d in deals)
