"""Logs as systems write them: what is repaired is counted, what cannot be read is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.errors import LogError
from salessim.importers import Quality, inspect_log, read_log
from salessim.importers.eventlog import LONGEST_STEP, SYSTEM, WAITING, clean, step_names
from salessim.importers.mapping import Activity
from salessim.log import EventLog
from tests.conftest import real_log


def written(folder: Path, content: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def proposed(folder: Path, content: str | bytes, **changes: Any) -> tuple[EventLog, Quality]:
    """A log read as `inspect` proposes."""
    path = written(folder, content)
    return read_log(path, {**inspect_log(path).mapping, **changes})


def mapped(folder: Path, content: str, columns: dict[str, str], names: str = "call", **more: Any) -> tuple[EventLog, Quality]:
    """A log read by a mapping written by hand."""
    columns, activities = {"case": "case", "activity": "activity", **columns}, {name: {} for name in names.split("|")}
    return read_log(written(folder, content), {"columns": columns, "activities": activities, "complete_cases_only": True, **more})


# --- visits without a start ------------------------------------------------------------------------------------


def test_a_lifecycle_of_completes_only_is_a_log_of_ends(tmp_path: Path) -> None:
    log, quality = proposed(
        tmp_path, "case:concept:name,concept:name,time:timestamp,lifecycle:transition,org:resource\n"
        "1,call,2026-01-05T10:00:00Z,complete,ann\n1,quote,2026-01-06T10:00:00Z,complete,bob\n",
    )  # fmt: skip
    assert log.frame["started"].isna().all()
    assert list(log.frame["ended"]) == list(pd.to_datetime(["2026-01-05T10:00Z", "2026-01-06T10:00Z"]))
    assert log.frame["enabled"].iloc[1] == log.frame["ended"].iloc[0]
    assert quality.counts["visits without a recorded start"] == 2
    assert not log.about.enabled_known


def test_a_complete_without_its_start_is_kept_beside_those_with_one(tmp_path: Path) -> None:
    rows = "case,activity,time,phase\n1,call,2026-01-05T10:00Z,start\n1,call,2026-01-05T11:00Z,complete\n1,call,2026-01-06T11:00Z,complete\n"
    log, quality = mapped(tmp_path, rows, {"time": "time", "lifecycle": "phase"}, lifecycle={"start": ["start"], "complete": ["complete"]})
    assert list(log.frame["started"].notna()) == [True, False]
    assert quality.counts["visits without a recorded start"] == 1
    assert list(log.problems()) == []


def test_one_stamp_a_row_is_the_end_of_a_visit(tmp_path: Path) -> None:
    log, quality = mapped(tmp_path, "case,activity,time\n1,call,2026-01-05T10:00Z\n", {"time": "time"})
    assert log.frame["started"].isna().all()
    assert quality.counts["visits without a recorded start"] == 1


def test_a_lifecycle_without_known_words_is_refused_for_that(tmp_path: Path) -> None:
    rows = "case,activity,time,phase\n1,call,2026-01-05T10:00Z,fertig\n"
    with pytest.raises(LogError, match="no row of work has a word of the mapping's lifecycle"):
        mapped(tmp_path, rows, {"time": "time", "lifecycle": "phase"}, lifecycle={"complete": ["complete"]})


def test_enabled_counts_without_a_start(tmp_path: Path) -> None:
    rows = "case,activity,enabled,end\n1,call,2026-01-05T08:00Z,2026-01-05T10:00Z\n1,call,2026-01-07T08:00Z,2026-01-07T10:00Z\n"
    log, _ = mapped(tmp_path, rows, {"enabled": "enabled", "end": "end"})
    assert log.about.enabled_known
    assert [d.hour for d in log.frame["enabled"]] == [8, 8]


OWN = (
    "case,activity,enabled,start,end,resource,outcome\n"
    "1,call,2026-01-05T08:00Z,2026-01-05T09:00Z,2026-01-05T10:00Z,ann,next\n"
    "1,call,2026-01-05T10:00Z,,2026-01-06T10:00Z,,gave up\n"
    "1,call,2026-01-06T10:00Z,,2026-01-07T10:00Z,bob,next\n"
    "1,call,2026-01-07T10:00Z,,2026-01-08T10:00Z,,lost: too slow\n"
    "2,call,2026-01-07T10:00Z,,2026-01-08T10:00Z,,completed\n"
)


def test_only_who_gave_up_gave_up(tmp_path: Path) -> None:
    log, quality = mapped(tmp_path, OWN, {"enabled": "enabled", "start": "start", "end": "end", "resource": "resource", "outcome": "outcome"})
    assert list(log.frame["outcome"]) == ["next", "gave up", "next", "lost: too slow", "completed"]
    assert list(log.frame["started"].notna()) == [True, False, False, False, False]
    assert quality.counts["visits without a recorded start"] == 2
    assert list(log.problems()) == []


def test_a_visit_cut_short_by_the_next_does_not_end_before_it_starts(tmp_path: Path) -> None:
    rows = (
        "case,activity,enabled,start,end\n1,call,2026-01-05T08:00Z,2026-01-05T10:00Z,\n"
        "1,call,,2026-01-05T11:00Z,2026-01-05T12:00Z\n1,call,2026-01-05T09:00Z,2026-01-05T09:30Z,2026-01-05T12:00Z\n"
    )
    log, quality = mapped(tmp_path, rows, {"enabled": "enabled", "start": "start", "end": "end"})
    assert list(log.problems()) == []
    assert quality.counts["visits without an end were followed by others; they end when the case goes on"] == 1
    assert quality.counts["visits do not say when they were enabled; the end of the visit before counts"] == 1


def test_swapped_starts_and_ends_are_swapped_back_before_anything_else(tmp_path: Path) -> None:
    rows = "case,activity,start,end\n1,close,2026-01-09T10:00Z,2026-01-08T10:00Z\n2,call,2026-01-09T10:00Z,2026-01-08T10:00Z\n"
    log, quality = mapped(tmp_path, rows, {"start": "start", "end": "end"}, activities={"close": {"kind": "event", "ends": "won"}, "call": {}})
    assert list(log.problems()) == []
    assert quality.counts["visits ended before they started; start and end were swapped"] == 2


# --- files -----------------------------------------------------------------------------------------------------

LINES = "case,activity,time\n1,call,2026-01-05T10:00Z\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LINES.encode("utf-16")[:-1], "UTF-16 text is damaged or cut short"),
        ("\ufeff".encode("utf-16-le") + LINES.encode("utf-16-le") + b"\x00\xd8\x41\x00", "UTF-16 text is damaged or cut short"),
        (LINES.encode("utf-16-le")[:-1], "UTF-16 text is damaged or cut short"),
        (b"case," + b"x" * 140_000 + b"\n1,2\n", "a column name is longer than"),
        ("case,activity,time\n1,call,2026-01-05,\n2,call,2026-01-05,\n", "a row has more cells than the header"),
        ("<?xml version='1.0'?>\n<log>,</log>\n", "the log holds no event"),
    ],
)
def test_damaged_files_get_one_line(content: str | bytes, said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["import", "inspect", str(written(tmp_path, content)), "--out", str(tmp_path / "m.yaml")])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "m.yaml").exists()


def test_line_ends_of_old_macs_are_read(tmp_path: Path) -> None:
    log, _ = proposed(tmp_path, LINES.replace("\n", "\r"))
    assert len(log) == 1


def test_short_rows_have_empty_cells(tmp_path: Path) -> None:
    rows = "1,call,2026-01-05T10:00Z\n2,call,2026-01-05T10:00Z,ann,lost: price\n3,call,2026-01-05,bob,won\n"
    log, quality = proposed(tmp_path, "case,activity,time,resource,outcome\n" + rows)
    assert (len(log), quality.counts["visits name nobody"]) == (3, 1)


@pytest.mark.parametrize(
    ("encoding", "said", "word"),
    [
        ("cp1252", "Windows-1252", "Préparation"), ("cp1252", "Windows-1252", "Müller & Söhne"), ("cp1252", "Windows-1252", "Vérifié – à créer"),
        ("gb18030", "GB 18030", "初次联系"), ("gb18030", "GB 18030", "报价 A"), ("utf-16", "UTF-16", "Préparation"),
    ],
)  # fmt: skip
def test_the_encoding_is_the_plausible_one_and_is_told(encoding: str, said: str, word: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"case,activity,time\n1,{word},2026-01-05T10:00Z\n".encode(encoding))
    proposal = inspect_log(path)
    assert list(proposal.mapping["activities"]) == [word]
    assert any(said in w for w in proposal.warnings)
    _, quality = read_log(path, proposal.mapping)
    assert any(said in line for line in quality.lines())


def test_utf_8_needs_no_note(tmp_path: Path) -> None:
    assert proposed(tmp_path, "case,activity,time\n1,Préparation,2026-01-05T10:00Z\n")[1].notes == ()


# --- stamps ----------------------------------------------------------------------------------------------------


def test_a_column_of_dates_without_any_is_left_out_or_refused_by_name(tmp_path: Path) -> None:
    rows = "case,activity,start_time,end_time\n1,call,,2026-01-05T10:00Z\n2,call,,2026-01-06T10:00Z\n"
    log, _ = proposed(tmp_path, rows)
    assert log.about.start == pd.Timestamp("2026-01-05T10:00Z")
    assert any("'start_time'" in w for w in inspect_log(tmp_path / "log.csv").warnings)
    for start, end in (("start_time", "end_time"), ("end_time", "start_time")):
        with pytest.raises(LogError, match="the column 'start_time' has no date"):
            mapped(tmp_path, rows, {"start": start, "end": end})


def test_inspect_names_the_cell_that_is_no_date(tmp_path: Path) -> None:
    rows = "case,activity,time\n1,call,13.01.2026 10:00\n2,call,14.01.2026 10:00\n3,call,soon\n"
    with pytest.raises(LogError, match=r"log.csv:4: 'soon' in column 'time' is not a date"):
        inspect_log(written(tmp_path, rows))


def test_the_window_covers_all_dates(tmp_path: Path) -> None:
    rows = "case,activity,enabled,start,end\n1,call,2026-01-05T08:00Z,2026-01-05T09:00Z,\n2,call,2026-01-02T08:00Z,2026-01-02T09:00Z,2026-01-04T08:00Z\n"
    log, _ = mapped(tmp_path, rows, {"enabled": "enabled", "start": "start", "end": "end"})
    assert list(log.frame["outcome"]) == ["open", "completed"]
    assert list(log.problems()) == []
    assert (log.about.start, log.about.end) == (pd.Timestamp("2026-01-02T08:00Z"), pd.Timestamp("2026-01-05T09:00Z"))


def test_stamps_without_offset_among_others_are_local(tmp_path: Path) -> None:
    rows = "case,activity,time\n1,call,2026-01-05T10:00:00+01:00\n2,call,2026-01-05T10:00:00\n3,call,2026-01-05\n"
    log, quality = mapped(tmp_path, rows, {"time": "time"}, stamps_in="Europe/Berlin", office_in="Europe/Berlin")
    assert [d.hour for d in log.frame["ended"]] == [10, 10, 0]
    assert quality.counts["dates in column 'time' carry no offset, others do; they were read as Europe/Berlin"] == 1
    assert quality.counts["dates in column 'time' have no time of day; the hour is not known"] == 1
    assert any("carry no offset" in w for w in inspect_log(tmp_path / "log.csv").warnings)


def test_the_hours_of_the_change_of_clocks(tmp_path: Path) -> None:
    rows = "case,activity,time\n1,call,2025-10-26T02:30:00\n2,call,2025-03-30T02:30:00\n"
    log, quality = mapped(tmp_path, rows, {"time": "time"}, stamps_in="Europe/Berlin", office_in="UTC")
    assert [d.isoformat() for d in log.frame["ended"]] == ["2025-10-26T00:30:00+00:00", "2025-03-30T01:00:00+00:00"]
    assert quality.counts["dates lie in the hour that comes twice in autumn; the first was taken"] == 1
    assert quality.counts["dates lie in the hour that is left out in spring; they were moved to its end"] == 1


@pytest.mark.parametrize("wrong", ["9999-12-31T00:00:00", "1900-01-01T00:00:00", "2062-01-05T10:00:00", "1601-01-01"])
def test_a_few_impossible_dates_are_dropped_many_are_refused(wrong: str, tmp_path: Path) -> None:
    rows = ["case,activity,start,end", *(f"{c},call,2026-01-05T10:00:00,2026-01-05T11:00:00" for c in range(200))]
    few = [*rows, f"200,call,2026-01-05T10:00:00,{wrong}"]
    log, quality = mapped(tmp_path, "\n".join(few), {"start": "start", "end": "end"})
    assert quality.counts[f"dates in column 'end' are impossible and were dropped (such as {wrong!r} in line 202)"] == 1
    assert log.about.end == pd.Timestamp("2026-01-05T11:00Z")
    many = [*rows, *(f"{c},call,2026-01-05T10:00:00,{wrong}" for c in range(200, 210))]
    with pytest.raises(LogError, match=rf"log.csv:202: '{wrong}' in column 'end' is no possible date, and 10 of 210 rows"):
        mapped(tmp_path, "\n".join(many), {"start": "start", "end": "end"})


def test_zeros_are_no_date(tmp_path: Path) -> None:
    log, quality = mapped(tmp_path, "case,activity,time\n1,call,20260105\n2,call,00000000\n3,call,0000-00-00 00:00:00\n", {"time": "time"})
    assert (len(log), quality.counts["dates of zeros count as missing"], quality.counts["rows without a date were dropped"]) == (1, 2, 2)


def test_order_is_counted_within_cases(tmp_path: Path) -> None:
    newest_case_first = "case,activity,time\n2,call,2026-01-09\n2,call,2026-01-10\n1,call,2026-01-05\n1,call,2026-01-06\n"
    _, quality = mapped(tmp_path, newest_case_first, {"time": "time"})
    assert quality.counts["rows were out of order within their case and sorted"] == 0
    mixed = "case,activity,time\n2,call,2026-01-10\n1,call,2026-01-05\n2,call,2026-01-09\n1,call,2026-01-06\n"
    _, quality = mapped(tmp_path, mixed, {"time": "time"})
    assert quality.counts["rows were out of order within their case and sorted"] == 1


# --- names -----------------------------------------------------------------------------------------------------


def test_names_that_clean_alike_stay_apart() -> None:
    names = ["a.b", "a/b", "a b", "a b (2)", "x" * 90, "x" * 91, "y" * 59 + ".z", "y" * 59 + "/z"]
    steps = step_names({n: Activity() for n in names})
    assert (steps["a b"], steps["a b (2)"], steps["a.b"], steps["a/b"]) == ("a b", "a b (2)", "a b (3)", "a b (4)")
    assert len(set(steps.values())) == len(names)
    assert all(s == clean(s) and len(s) <= LONGEST_STEP for s in steps.values())
    assert steps == step_names({n: Activity() for n in reversed(names)})


def test_one_step_for_several_activities_is_the_mapping_s_to_say() -> None:
    assert step_names({"a": Activity(step="talk"), "b": Activity(step="talk"), "event": Activity(kind="event")}) == {"a": "talk", "b": "talk"}


def test_activities_called_like_our_sentinels_are_work(tmp_path: Path) -> None:
    assert clean(WAITING) != WAITING
    assert clean(SYSTEM) != SYSTEM
    rows = f"case,activity,time\n1,waiting,2026-01-05\n1,system,2026-01-06\n1,{WAITING},2026-01-07\n"
    log, _ = mapped(tmp_path, rows, {"time": "time"}, f"waiting|system|{WAITING}")
    assert list(log.frame["step"]) == ["waiting", "system", clean(WAITING)]


def test_too_many_steps_are_refused(tmp_path: Path) -> None:
    rows = "case,activity,time\n" + "".join(f"1,note {i},2026-01-05T10:00Z\n" for i in range(401))
    assert any("401 activities" in w for w in inspect_log(written(tmp_path, rows)).warnings)
    with pytest.raises(LogError, match=r"401 steps are more than the 400 .*'step:'"):
        proposed(tmp_path, rows)


def test_raw_segments_and_channels_stay_apart(tmp_path: Path) -> None:
    rows = "case,activity,time,segment,channel\n1,call,2026-01-05,a.b,x/y\n2,call,2026-01-05,a b,x y\n"
    log, _ = mapped(tmp_path, rows, {"time": "time", "segment": "segment", "channel": "channel"})
    assert (list(log.frame["segment"]), list(log.frame["channel"])) == (["a.b", "a b"], ["x/y", "x y"])


# --- commands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("linked", [False, True])
def test_nothing_writes_over_what_it_reads(linked: bool, tmp_path: Path) -> None:
    log, mapping = written(tmp_path, LINES), written(tmp_path, "columns: {}\n", "m.yaml")
    outs = {path: path for path in (log, mapping)}
    if linked:
        for path in outs:
            outs[path] = tmp_path / f"link-{path.name}"
            outs[path].hardlink_to(path)
    calibrate = ["calibrate", log, "--mapping", mapping, "--out"]
    for args in (["import", "inspect", log, "--out", outs[log]], [*calibrate, outs[log]], [*calibrate, outs[mapping]]):
        result = CliRunner().invoke(main, [str(a) for a in args])
        assert result.exit_code == 2
        assert "it would be overwritten; give another file" in result.stderr
    assert log.read_text() == LINES
    assert mapping.read_text() == "columns: {}\n"


# --- mappings and schemas --------------------------------------------------------------------------------------


def test_start_and_time_are_start_and_end(tmp_path: Path) -> None:
    log, _ = mapped(tmp_path, "case,activity,a,b\n1,call,2026-01-05T10:00Z,2026-01-05T11:00Z\n", {"start": "a", "time": "b"})
    assert (log.frame["started"][0].hour, log.frame["ended"][0].hour) == (10, 11)


def test_lifecycle_with_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"'lifecycle' says which moment .* take 'lifecycle' out"):
        mapped(tmp_path, "case,activity,a,b\n", {"end": "a", "lifecycle": "b"})


SCHEMAS = {
    "pm4py interval": ("case:concept:name,concept:name,org:resource,start_timestamp,time:timestamp,lifecycle:transition\n"
                       "c1,call,ann,2026-01-05T10:00:00Z,2026-01-05T11:00:00Z,complete\n",
                       {"case": "case:concept:name", "activity": "concept:name", "start": "start_timestamp", "end": "time:timestamp",
                        "resource": "org:resource"}),
    "XES with both": ("case:concept:name,concept:name,start_timestamp,time:timestamp,lifecycle:transition\n"
                      "c1,call,2026-01-05T10:00Z,2026-01-05T10:00Z,start\nc1,call,2026-01-05T10:00Z,2026-01-05T11:00Z,complete\n",
                      {"case": "case:concept:name", "activity": "concept:name", "time": "time:timestamp", "lifecycle": "lifecycle:transition"}),
    "Salesforce API": ("Id,OpportunityId,CreatedById,CreatedDate,StageName,Amount,ExpectedRevenue,CloseDate,Probability,SystemModstamp,IsDeleted\n"
                       "008,006,005,2026-01-05T10:11:12.000Z,Prospecting,100,10,2026-03-01,10,2026-01-05T10:11:12.000Z,false\n",
                       {"case": "OpportunityId", "activity": "StageName", "time": "CreatedDate", "resource": "CreatedById", "value": "Amount"}),
    "Salesforce field history": ("ID,LEADID,CREATEDBYID,CREATEDDATE,FIELD,OLDVALUE,NEWVALUE\n1,00Q,005,2026-01-05T10:11:12.000Z,Status,New,Working\n",
                                 {"case": "LEADID", "activity": "NEWVALUE", "before": "OLDVALUE", "time": "CREATEDDATE", "resource": "CREATEDBYID"}),
    "Salesforce report": ("Opportunity Name,From Stage,To Stage,Amount,Last Modified,Last Modified By\nAcme,Prospecting,Quote,100,\"1/25/2026, 3:04 PM\",Ann\n",
                          {"case": "Opportunity Name", "activity": "To Stage", "before": "From Stage", "time": "Last Modified", "resource": "Last Modified By", "value": "Amount"}),
    "Fivetran Salesforce": ("opportunity_id,stage_name,created_date,created_by_id,amount\n006,Quote,2026-01-05T10:11:12Z,005,100\n",
                            {"case": "opportunity_id", "activity": "stage_name", "time": "created_date", "resource": "created_by_id", "value": "amount"}),
    "HubSpot": ("deal_id,value,date_entered,source,source_id\n77,appointmentscheduled,2026-01-05T10:11:12Z,CRM_UI,userId:1\n",
                {"case": "deal_id", "activity": "value", "time": "date_entered", "resource": "source_id"}),
    "HubSpot properties": ("deal_id,name,value,timestamp,source,source_id\n77,dealstage,qualified,2026-01-05T10:11:12Z,CRM_UI,userId:1\n",
                           {"case": "deal_id", "activity": "value", "time": "timestamp", "resource": "source_id"}),
    "Dynamics process": ("businessprocessflowinstanceid,opportunityid,stepname,activestagestartedon,ownerid,estimatedvalue\n"
                         "b,o1,2-Propose,2026-01-05T10:11:12Z,u1,100\n",
                         {"case": "opportunityid", "activity": "stepname", "time": "activestagestartedon", "resource": "ownerid", "value": "estimatedvalue"}),
    "Dynamics audit": ("objectid,action,createdon,_userid_value\no1,Win,2026-01-05T10:11:12Z,u1\n",
                       {"case": "objectid", "activity": "action", "time": "createdon", "resource": "_userid_value"}),
    "Odoo": ("res_id,date,author_id,old_value_char,new_value_char,expected_revenue\n9,2026-01-05 10:11:12,3,New,Qualified,100\n",
             {"case": "res_id", "activity": "new_value_char", "before": "old_value_char", "time": "date", "resource": "author_id"}),
    "SAP document flow": ("MANDT,VBELV,POSNV,VBELN,POSNN,VBTYP_N,RFWRT,WAERS,ERDAT,ERZET\n100,0001,10,0080,10,J,100.00,EUR,20260105,101112\n",
                          {"case": "VBELN", "before": "VBELV", "activity": "VBTYP_N", "time": ["ERDAT", "ERZET"]}),
    "SAP change log": ("OBJECTCLAS,OBJECTID,CHANGENR,USERNAME,UDATE,UTIME,TCODE\nVERKBELEG,0001,1,ANN,20260105,101112,VA02\n",
                       {"case": "OBJECTID", "activity": "TCODE", "time": "UDATE", "resource": "USERNAME"}),
    "Celonis": ("_CASE_KEY,ACTIVITY_EN,EVENTTIME,_SORTING,USER_NAME\n1,Create Order,2026-01-05 10:11:12,1,ANN\n",
                {"case": "_CASE_KEY", "activity": "ACTIVITY_EN", "time": "EVENTTIME", "sorting": "_SORTING", "resource": "USER_NAME"}),
    "UiPath": ("Case_ID,Activity,Event_start,Event_end,User,Case_value\n1,call,2026-01-05T10:00Z,2026-01-05T11:00Z,ann,100\n",
               {"case": "Case_ID", "activity": "Activity", "start": "Event_start", "end": "Event_end", "resource": "User", "value": "Case_value"}),
    "Apromore": ("Case_ID,Activity,Start_Timestamp,End_Timestamp,Resource\n1,call,2026-01-05T10:00Z,2026-01-05T11:00Z,ann\n",
                 {"case": "Case_ID", "activity": "Activity", "start": "Start_Timestamp", "end": "End_Timestamp", "resource": "Resource"}),
    "Prosimos": ("case_id,activity,enable_time,start_time,end_time,resource\n1,call,2026-01-05T09:00Z,2026-01-05T10:00Z,2026-01-05T11:00Z,ann\n",
                 {"case": "case_id", "activity": "activity", "enabled": "enable_time", "start": "start_time", "end": "end_time", "resource": "resource"}),
}  # fmt: skip


PRESETS = {"pm4py interval": "pm4py and XES", "XES with both": "pm4py and XES", "Salesforce API": "Salesforce", "Salesforce field history": "Salesforce",
           "Salesforce report": "Salesforce", "Fivetran Salesforce": "Salesforce", "HubSpot": "HubSpot", "HubSpot properties": "HubSpot",
           "Dynamics process": "Dynamics 365", "Odoo": "Odoo", "SAP document flow": "SAP SD", "Celonis": "Celonis", "Prosimos": "Prosimos"}  # fmt: skip


@pytest.mark.parametrize("system", SCHEMAS)
def test_the_exports_of_systems_are_understood(system: str, tmp_path: Path) -> None:
    content, columns = SCHEMAS[system]
    proposal = inspect_log(written(tmp_path, content))
    assert proposal.preset == PRESETS.get(system)
    if "tables" in proposal.mapping:
        (table,) = proposal.mapping["tables"].values()
        assert table["columns"] == columns
    else:
        assert proposal.mapping["columns"] == columns
    log, _ = read_log(tmp_path / "log.csv", {**proposal.mapping, "complete_cases_only": True})
    assert log.frame["case"].nunique() == 1


def test_enabled_and_end_are_proposed_without_a_start(tmp_path: Path) -> None:
    proposal = inspect_log(written(tmp_path, "case,activity,enabled_time,end_time\n1,call,2026-01-05T09:00Z,2026-01-05T11:00Z\n"))
    assert proposal.mapping["columns"] == {"case": "case", "activity": "activity", "end": "end_time", "enabled": "enabled_time"}


def test_a_time_of_day_in_its_own_column_is_told_and_can_be_joined(tmp_path: Path) -> None:
    rows = SCHEMAS["SAP change log"][0]
    path = written(tmp_path, rows)
    proposal = inspect_log(path)
    assert any("'UTIME'" in w and "time: [UDATE, UTIME]" in w for w in proposal.warnings)
    columns = {**proposal.mapping["columns"], "time": ["UDATE", "UTIME"]}
    log, _ = read_log(path, {**proposal.mapping, "columns": columns, "time_format": "%Y%m%d %H%M%S"})
    assert log.frame["ended"][0] == pd.Timestamp("2026-01-05T10:11:12Z")


def test_histories_of_fields_keep_the_rows_of_the_stage(tmp_path: Path) -> None:
    path = written(tmp_path, SCHEMAS["Salesforce field history"][0] + "2,00Q,005,2026-01-06T10:11:12.000Z,Owner,Ann,Bob\n")
    log, quality = read_log(path, {**inspect_log(path).mapping, "complete_cases_only": True})
    assert list(log.frame["step"]) == ["New", "Working"]
    assert quality.counts["rows do not fulfil the mapping's 'where'"] == 1


def test_hubspot_s_wide_table_is_read_by_its_stars(tmp_path: Path) -> None:
    wide = ("hs_object_id,dealname,createdate,hs_v2_date_entered_1,hs_v2_date_exited_1,hs_v2_date_entered_closedwon,hs_v2_latest_time_in_1,"
            "hs_v2_cumulative_time_in_1\n1,a,2026-01-04,2026-01-05,2026-01-06,2026-01-06,86400000,200000000\n2,b,2026-01-04,2026-01-05,,,,\n")  # fmt: skip
    path = written(tmp_path, wide)
    log, quality = read_log(path, inspect_log(path).mapping)
    assert list(log.frame["outcome"]) == ["completed", "open"]
    assert list(log.frame["step"]) == ["1", "1"]
    assert quality.counts["cases entered '1' more than once; only the last time is known"] == 1


@pytest.mark.parametrize("column", ["transaction_id", "prevented", "contract_start"])
def test_words_inside_other_words_are_no_match(column: str, tmp_path: Path) -> None:
    proposal = inspect_log(written(tmp_path, f"case,status,{column},timestamp\n1,New,2025-01-01,2026-01-05T10:00Z\n"))
    assert proposal.mapping["columns"] == {"case": "case", "activity": "status", "time": "timestamp"}


def test_order_to_cash_is_understood() -> None:
    proposal = inspect_log(real_log("order_to_cash/o2c_until_2016-12-31.csv.gz"))
    columns = {"case": "Key", "activity": "Activity", "time": "Date", "resource": "User", "value": "NetValue", "customer": "Customer"}
    assert proposal.mapping["columns"] == columns


def test_the_helpdesk_log_is_read() -> None:
    """As its owners describe it: 4,580 tickets, 21,348 events, of 14 activities."""
    path = real_log("helpdesk/helpdesk.xes.gz")
    proposal = inspect_log(path)
    log, quality = read_log(path, proposal.mapping)
    assert (quality.rows, quality.cases, len(proposal.mapping["activities"])) == (21_348, 4_580, 14)
    assert log.about.start == pd.Timestamp("2010-01-13T08:40:25Z")
