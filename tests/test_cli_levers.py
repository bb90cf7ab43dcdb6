"""Levers on the command line: listed, pulled by name, marked where they rest on assumptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.scenario.levers import apply
from tests.selling import selling

LEVERS: dict[str, Any] = {
    "tool": {"automate": "quote", "one_off_cost": "5000 EUR", "running_cost": "10 EUR/month"},
    "a=b": {"integrate": "hand over", "latency_factor": {"law": "triangular", "low": 0.1, "mode": 0.3, "high": 0.7, "source": "our pilot"}},
    "people": {"add_staff": "field", "up_to": 1},
    "amount": {"field": "steps.quote.work.mean", "range": ["10 min", "30 min"]},
    "order": {"field": "steps.check.queue", "choice": ["priority", "first_come"]},
    "degree": {"standardise": "type in", "spread_factor": 0.5, "source": "our pilot"},
}


def call(*args: str) -> Any:
    return CliRunner().invoke(main, list(args))


@pytest.fixture
def file(tmp_path: Path) -> str:
    selling(LEVERS, **{"clock.horizon": "4 weeks"}).save(tmp_path / "today.yaml")
    return str(tmp_path / "today.yaml")


def test_pulling_is_what_a_design_in_a_file_is(file: str, tmp_path: Path) -> None:
    base = selling(LEVERS, **{"clock.horizon": "4 weeks"})
    apply(base, {"tool": True, "people": 1, "amount": 20 * 60_000_000, "order": "first_come", "degree": 0.5}).save(tmp_path / "design.yaml")
    pulls = [x for text in ("tool=on", "people=1", "amount=20 min", "order=first_come", "degree=50 %") for x in ("--pull", text)]
    one, other = (json.loads(call("run", path, "-n", "2", "--json", *more).output) for path, more in ((file, pulls), (str(tmp_path / "design.yaml"), [])))
    assert one["measures"] == other["measures"]
    assert len(one["pulled"]) == 5
    assert one["pulled"][-1].endswith("[assumed]")
    assert any("tool rests on an assumption" in text for text in one["cautions"])
    table = call("compare", file, "-n", "2", *pulls)
    assert table.exit_code == 0, table.output
    assert "compared with selling: 2 pairs" in table.output
    assert "5,000 EUR once are not made up for within the horizon" in table.output
    assert "tool rests on an assumption" in table.output
    both = json.loads(call("compare", file, "-n", "2", "--json", *pulls).output)
    assert both["scenarios"][0]["break_even"] is None
    assert both["scenarios"][1]["break_even"]["one_off"] == 5000
    assert both["scenarios"][1]["break_even"]["currency"] == "EUR"


@pytest.mark.parametrize(
    ("pull", "said"),
    [
        ("tol=on", "there is no lever 'tol'; did you mean 'tool'?"),
        ("people=2", "the setting '2' is not possible; choose from 0, 1"),
        ("people", "no setting is given; choose from 0, 1"),
        ("tool=3", "choose from on, off"),
        ("amount=5 h", "the setting '5 h' is not possible; choose from 10 min to 30 min"),
        ("amount=5 EUR", "an amount of money where a time belongs"),
        ("order=last", "choose from priority, first_come"),
        ("tool=off", "these are the settings of today"),
    ],
)
def test_what_cannot_be_pulled_is_refused_in_one_line(file: str, pull: str, said: str) -> None:
    result = call("compare", file, "-n", "2", "--pull", pull)
    assert result.exit_code == 2
    assert said in result.output
    assert result.output.count("\n") == 1
    assert "is pulled twice" in call("run", file, "--pull", "tool", "--pull", "tool=on").output


def test_a_lever_whose_name_holds_a_sign_is_found(file: str) -> None:
    assert "Pulled: integrate systems" in call("run", file, "-n", "2", "--pull", "a=b=on").output
    assert "Pulled: integrate systems" in call("run", file, "-n", "2", "--pull", "a=b").output


def test_levers_are_listed_with_settings_costs_ranges_and_sources(file: str, tmp_path: Path) -> None:
    text = call("levers", file).output
    for said in ("off today; on", "0 today; 0, 1", "30 min today; 10 min to 30 min", "5,000 EUR once; 10 EUR/month running", "assumption: the usual effect of its kind", "source: our pilot"):
        assert said in text, said
    rows = {row["name"]: row for row in json.loads(call("levers", file, "--json").output)}
    # Triangular 0.1, 0.3, 0.7: F(x) = (x - 0.1)^2 / 0.12 below 0.3, 1 - (0.7 - x)^2 / 0.24 above.
    law = rows["a=b"]["effects"]["latency_factor"]
    assert (law["least"], law["most"]) == (0.1, 0.7)
    assert law["low"] == pytest.approx(0.1 + (0.1 * 0.12) ** 0.5)
    assert law["high"] == pytest.approx(0.7 - (0.1 * 0.24) ** 0.5)
    assert rows["a=b"]["assumption"] is None
    assert rows["tool"]["assumption"] == "the usual effect of its kind"
    assert set(rows["tool"]["effects"]) == {"adoption", "time_factor", "failure"}  # no place is named where errors are felt
    assert rows["people"]["settings"] == [0, 1]
    assert (rows["amount"]["today"], rows["amount"]["between"]) == ("30 min", True)
    selling().save(tmp_path / "none.yaml")
    assert "declares no levers" in call("levers", str(tmp_path / "none.yaml")).output


def test_an_assumption_of_a_law_is_said_where_the_lever_has_a_source() -> None:
    guess = {"law": "uniform", "low": 0.1, "high": 0.7, "assumption": "the vendor's word"}
    sourced = {**guess, "assumption": None, "source": "pilot"}
    found = selling({"a": {"integrate": "hand over", "latency_factor": guess, "source": "our pilot"}, "b": {"integrate": "hand over", "latency_factor": sourced}, "c": {"integrate": "hand over", "latency_factor": 0.5}})
    assert [found.levers[n].rests_on for n in "abc"] == ["the vendor's word", None, "effect and cost"]
