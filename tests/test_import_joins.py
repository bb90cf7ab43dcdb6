"""Several exports become one history by their keys; what joins nothing is listed, and every row is accounted for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.errors import LogError
from salessim.importers import inspect_log, read_log
from salessim.importers.quality import DROPPED
from tests.conftest import real_log

EXPORTS = {
    "leads": "lead,made,source,became\nL1,2026-01-01 09:00,web,O1\nL2,2026-01-02 09:00,fair,\nL3,2026-01-03 09:00,web,O9\n",
    "stages": "deal,stage,since,who,amount\nO1,qualify,2026-01-05 09:00,ann,100\nO1,quote,2026-01-06 09:00,ann,100\nO1,won,2026-01-07 09:00,bob,100\n"
              "O2,qualify,2026-01-05 10:00,bob,200\nO7,qualify,2026-01-05 11:00,bob,50\n",
    "deals": "deal,account\nO1,A1\nO2,A2\n",
    "orders": "order,deal,placed,shipped\nB1,O1,2026-01-08 09:00,2026-01-09 09:00\nB2,O8,2026-01-08 10:00,\n",
    "surveys": "survey,order,score\nS1,B1,9\nS2,B7,3\n",
    "staff": "name,group,hourly\nann,east,42.50 EUR\ncarl,west,\n",
}  # fmt: skip
MAPPING = {
    "tables": {
        "stages": {"shape": "states", "record": "deal", "columns": {"case": "deal", "activity": "stage", "time": "since", "resource": "who", "value": "amount"}},
        "deals": {"shape": "cases", "record": "deal", "columns": {"case": "deal", "customer": "account"}},
        "leads": {"shape": "cases", "record": "lead", "columns": {"case": "lead", "channel": "source"}, "links": {"deal": "became"}, "steps": {"lead made": {"time": "made"}}},
        "orders": {"shape": "cases", "record": "order", "columns": {"case": "order"}, "links": {"deal": "deal"}, "steps": {"delivery": {"enabled": "placed", "end": "shipped"}}},
        "surveys": {"shape": "cases", "record": "survey", "columns": {"case": "survey"}, "links": {"order": "order"}, "attributes": {"satisfaction": "score"}},
        "staff": {"shape": "people", "columns": {"resource": "name", "team": "group", "cost": "hourly"}},
    },
    "activities": {"qualify": {}, "quote": {}, "won": {"kind": "event", "ends": "won"}, "lead made": {"kind": "event"}, "delivery": {"stage": "order"}},
}  # fmt: skip


def folder_of(tmp_path: Path) -> Path:
    for name, text in EXPORTS.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_six_exports_become_one_history(tmp_path: Path) -> None:
    log, quality = read_log(folder_of(tmp_path), MAPPING)
    one = log.frame[log.frame["case"] == "O1"]
    assert list(one["step"]) == ["qualify", "quote", "delivery"]
    assert list(one["enabled"].dt.day) == [5, 6, 8]
    assert set(one["channel"]) == {"web"}  # of the lead
    assert set(one["customer"]) == {"A1"}  # of the deal
    assert set(one["value"]) == {100.0}
    assert set(one["satisfaction"]) == {9.0}  # of the survey of the order of the deal
    assert list(one["person"]) == ["ann", "bob", ""]
    assert list(one["team"]) == ["east", "", ""]
    assert log.about.hourly == {"ann": 42.5}
    assert log.about.roster == {"ann": "east", "carl": "west"}
    assert set(log.frame["case"]) == {"O1", "O2", "O7", "L2", "L3", "B2"}
    assert {u.what: u.keys for u in quality.unmatched} == {
        "keys of deal in table 'leads' are in no table of deal": ("O9",),
        "keys of deal in table 'orders' are in no table of deal": ("O8",),
        "keys of order in table 'surveys' are in no table of order": ("B7",),
        "keys in table 'stages' are in no table of deal": ("O7",),
        "records of table 'surveys' belong to no case with a date": ("S2",),
        "people work but are in no table of people": ("bob",),
        "people in the table of people never work": ("carl",),
    }
    assert quality.counts["records of table 'leads' name no deal"] == 1
    assert dict(quality.tables) == {"stages": 5, "deals": 2, "leads": 3, "orders": 2, "surveys": 2, "staff": 2}


def test_working_hours_of_a_staffing_sheet_are_told_as_not_read(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "staff.csv").write_text("name,group,hourly,hours,days off\nann,east,42.50 EUR,09:00-15:00,Fri\ncarl,west,,08:00-17:00,\n")
    said = "columns of the table of people are not read (hours, days off); hours and absence are learnt from what people did"
    assert read_log(folder, MAPPING)[1].counts[said] == 2


def test_keys_of_two_kinds_that_are_alike_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("id,since\n1,2026-01-05\n2,2026-01-05\n")
    (tmp_path / "tickets.csv").write_text("id,since\n1,2026-01-06\n")
    tables = {n: {"shape": "cases", "record": n, "columns": {"case": "id"}, "steps": {n: {"time": "since"}}} for n in ("deals", "tickets")}
    log, _ = read_log(tmp_path, {"tables": tables, "activities": {"deals": {}, "tickets": {}}, "complete_cases_only": True})
    assert sorted(log.frame["case"]) == ["1", "2", "tickets 1"]


def test_every_row_of_a_table_of_events_is_in_the_log_or_told(tmp_path: Path) -> None:
    rows = "case,activity,time\n" + "".join(f"{i % 50},call,2026-01-{i % 28 + 1:02d}T{i % 24:02d}:00:00Z\n" for i in range(400))
    odd = ",call,2026-01-05T10:00:00Z\n1,,2026-01-05T10:00:00Z\n1,call,\n1,call,2026-13-05T10:00:00Z\n" + rows.splitlines()[1] + "\n"
    path = tmp_path / "log.csv"
    path.write_text(rows + odd)
    log, quality = read_log(path, {"columns": {"case": "case", "activity": "activity", "time": "time"}, "activities": {"call": {}}, "complete_cases_only": True})
    doubled = 400 - len(set(rows.splitlines()[1:]))
    assert quality.rows == 405
    # The cell that is no date is told by itself and again as the row without a date that it makes.
    cells = quality.counts["dates in column 'time' could not be read and were dropped"]
    assert cells == 1
    assert len(log) + sum(f.count for f in quality.findings if f.kind == DROPPED) - cells == 405
    assert quality.counts["exact duplicates were dropped"] == doubled + 1


def test_the_report_on_quality_is_written_beside_the_log(tmp_path: Path) -> None:
    folder, mapping, out = tmp_path / "exports", tmp_path / "m.yaml", tmp_path / "out.csv"
    folder.mkdir()
    folder_of(folder)
    from salessim.scenario.yaml import dump_yaml

    mapping.write_text(dump_yaml(MAPPING))
    result = CliRunner().invoke(main, ["import", "run", str(folder), "--mapping", str(mapping), "--out", str(out)])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out.quality.md").read_text()
    assert "## What does not join" in page
    assert "1 keys of deal in table 'leads' are in no table of deal: O9" in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["exports", "m.yaml", "out.csv", "out.quality.json", "out.quality.md"]
    for ending in (".parquet", ".xes", ".doc"):
        result = CliRunner().invoke(main, ["import", "run", str(folder), "--mapping", str(mapping), "--out", str(tmp_path / f"log{ending}")])
        assert result.exit_code == (2 if ending == ".doc" else 0)


def test_what_cannot_be_guessed_is_left_blank_and_can_be_filled_in(tmp_path: Path) -> None:
    log, mapping = tmp_path / "log.csv", tmp_path / "m.yaml"
    log.write_text("ref,thing,moment\n1,call,2026-01-05 10:00\n1,won,2026-01-06 10:00\n")
    inspect = ["import", "inspect", str(log), "--out", str(mapping)]
    result = CliRunner().invoke(main, inspect)
    assert result.exit_code == 0
    assert "columns: {case: null, activity: null, time: null}" in mapping.read_text()
    run = ["import", "run", str(log), "--mapping", str(mapping), "--out", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(main, run)
    assert result.exit_code == 2
    assert "columns.case: it is blank; fill in which column it is" in result.stderr
    mapping.write_text(mapping.read_text().replace("case: null, activity: null, time: null", "case: ref, activity: thing, time: moment"))
    full = tmp_path / "full.yaml"
    result = CliRunner().invoke(main, ["import", "inspect", str(log), "--mapping", str(mapping), "--out", str(full)])
    assert result.exit_code == 0, result.output
    found, _ = read_log(log, full)
    assert list(found.frame["outcome"]) == ["next", "completed"]


def test_a_preset_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("case,activity,time\n1,call,2026-01-05\n")
    with pytest.raises(LogError, match="no table is one of Salesforce"):
        inspect_log(tmp_path / "log.csv", "salesforce")
    with pytest.raises(LogError, match="did you mean 'salesforce'"):
        inspect_log(tmp_path / "log.csv", "salesfroce")


def test_suspended_work_is_one_visit_that_says_for_how_long(tmp_path: Path) -> None:
    rows = [("start", "10:00"), ("suspend", "10:30"), ("resume", "11:30"), ("complete", "12:00")]
    (tmp_path / "log.csv").write_text("case,activity,time,lifecycle\n" + "".join(f"1,call,2026-01-05 {at},{word}\n" for word, at in rows))
    log, _ = read_log(tmp_path / "log.csv", inspect_log(tmp_path / "log.csv").mapping)
    assert len(log) == 1
    assert (log.frame["ended"][0] - log.frame["started"][0]).total_seconds() == 7200
    assert log.frame["suspended"][0] == 3600


def test_leads_and_closed_deals_of_olist_join() -> None:
    """Its description: 4,171 leads, of which 189 had been won."""
    folder = real_log("olist")
    closed, leads = "olist_closed_snapshot_2018-03-01", "olist_mql_snapshot_2018-03-01"
    mapping = {
        "tables": {
            "leads": {"from": leads, "shape": "cases", "record": "lead", "columns": {"case": "mql_id", "channel": "origin"}, "steps": {"sell": {"enabled": "first_contact_date"}}},
            "closed": {"from": closed, "shape": "cases", "record": "lead", "columns": {"case": "mql_id", "segment": "business_segment"}, "steps": {"won": {"time": "won_date"}}},
        },
        "activities": {"sell": {}, "won": {"kind": "event", "ends": "won", "milestone": "won"}},
    }  # fmt: skip
    log, quality = read_log(folder, mapping)
    assert (quality.cases, int((log.frame["outcome"] == "completed").sum())) == (4_171, 189)
    assert quality.unmatched == ()
    assert isinstance(log.frame["ended"].max(), pd.Timestamp)
