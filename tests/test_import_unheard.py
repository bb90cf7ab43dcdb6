"""Exports of systems that nobody thought of: what their names and cells tell is proposed, unedited, and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from salessim.errors import LogError
from salessim.importers import inspect_log, read_log


def told(source: Path) -> tuple[dict[str, Any], list[tuple[str, ...]], list[str]]:
    """The proposal, and of each visit what it says, by the hour."""
    proposal = inspect_log(source)
    log, _ = read_log(source, proposal.mapping)
    assert list(log.problems()) == []
    f = log.frame
    dates = {c: f[c].dt.strftime("%m-%d %H").fillna("") for c in ("enabled", "ended")}
    return proposal.mapping, list(zip(f["case"], f["step"], f["person"], dates["enabled"], dates["ended"], f["outcome"], strict=True)), proposal.warnings


def test_leads_with_chinese_columns_and_dates(tmp_path: Path) -> None:
    (tmp_path / "线索.csv").write_text(
        "线索编号,客户名称,来源渠道,负责人,线索状态,创建日期,首次跟进日期,成交日期,成交金额\n"
        'L1,甲,官网,张伟,已成交,2024年3月5日,2024年3月7日,2024年12月10日,"1,234,567.50"\n'
        "L2,乙,,李娜,跟进中,2024年3月6日,2024年3月16日,,\n",
        encoding="gb18030",
    )
    mapping, visits, _ = told(tmp_path / "线索.csv")
    assert mapping["tables"]["线索"]["columns"] == {"case": "线索编号", "resource": "负责人", "value": "成交金额", "channel": "来源渠道", "customer": "客户名称"}
    assert visits == [
        ("L1", "创建", "张伟", "03-05 00", "03-07 00", "next"), ("L1", "首次跟进", "张伟", "03-07 00", "12-10 00", "completed"),
        ("L2", "创建", "李娜", "03-06 00", "03-16 00", "next"), ("L2", "首次跟进", "李娜", "03-16 00", "", "open"),
    ]  # fmt: skip
    log, _ = read_log(tmp_path / "线索.csv", mapping)
    assert log.frame.groupby("case")[["value", "channel", "customer"]].first().to_numpy().tolist() == [[1_234_567.5, "官网", "甲"], [0.0, "not given", "乙"]]


@pytest.mark.parametrize("kind", ["xlsx", "csv", "csv under a title"])
def test_a_table_whose_header_has_two_rows(kind: str, tmp_path: Path) -> None:
    rows = (["Ticket", "", "Step", "When", "", "Who"], ["No.", "Customer", "Name", "Begin", "Finish", "Name"],
            ["T1", "C1", "Repair", "2024-03-05 09:00", "2024-03-05 11:00", "ann"], ["T1", "C1", "Close", "2024-03-06 09:00", "2024-03-06 10:00", "bob"])  # fmt: skip
    path = tmp_path / f"desk.{kind[:4].strip()}"
    if kind == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    else:
        path.write_text(("Tickets of March\n" if "title" in kind else "") + "".join(";".join(row) + "\n" for row in rows))
    mapping, visits, _ = told(path)
    assert mapping["columns"] == {"case": "Ticket No.", "activity": "Step Name", "start": "When Begin", "end": "When Finish", "resource": "Who Name", "customer": "Ticket Customer"}
    assert visits == [("T1", "Repair", "ann", "03-05 09", "03-05 11", "next"), ("T1", "Close", "bob", "03-05 11", "03-06 10", "completed")]


def test_a_row_of_words_under_a_header_without_gaps_is_a_row(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["name", "kind", "owner"], ["mill", "call", "ann"], ["lathe 2", "call", "bob"]):
        book.active.append(row)
    book.save(tmp_path / "log.xlsx")
    assert [row["name"] for row in inspect_log(tmp_path / "log.xlsx").sample] == ["mill", "lathe 2"]


def test_the_place_of_a_wrong_cell_counts_both_rows_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "desk.csv").write_text("Ticket,,When\nNo.,Step,Finish\nT1,Repair,2024-03-05\nT2,Repair,2024-03-06\nT3,Repair,soon\n")
    with pytest.raises(LogError, match=r"desk\.csv:5: 'soon'"):
        read_log(tmp_path / "desk.csv", {"columns": {"case": "Ticket No.", "activity": "Ticket Step", "time": "When Finish"}, "activities": {"Repair": {}}})


def test_stretches_of_states_are_no_work(tmp_path: Path) -> None:
    (tmp_path / "phases.csv").write_text(
        "Deal No;Phase;Valid From;Valid To;Owner;Volume (EUR)\n"
        "10001;Contacted;09.01.2024;15.01.2024;Müller;1.090.332,50\n10001;Offer sent;15.01.2024;20.01.2024;Weiß;1.090.332,50\n10001;Won;20.01.2024;;Weiß;1.090.332,50\n"
        "10002;Contacted;01.01.2024;;Müller;236.639,50\n"
    )
    mapping, visits, warnings = told(tmp_path / "phases.csv")
    assert mapping["tables"]["phases"]["shape"] == "states"
    assert any("not how long anybody worked" in w for w in warnings)
    assert visits == [
        ("10001", "Contacted", "Weiß", "01-09 00", "01-15 00", "next"), ("10001", "Offer sent", "Weiß", "01-15 00", "01-20 00", "completed"),
        ("10002", "Contacted", "Müller", "01-01 00", "", "open"),
    ]  # fmt: skip
    assert read_log(tmp_path / "phases.csv", mapping)[0].frame["value"].tolist() == [1_090_332.5, 1_090_332.5, 236_639.5]


def test_a_list_of_tickets_has_no_steps_called_updated_or_escalation(tmp_path: Path) -> None:
    (tmp_path / "desk.csv").write_text(
        "#,Title,State,Owner,Created at,First response,Escalation at,Closed at,Updated at\n"
        "31000,A,closed,bob,05/22/2024 04:21 PM,05/22/2024 05:49 PM,05/23/2024 04:21 PM,05/27/2024 12:49 AM,06/30/2024 10:00 AM\n"
        "31001,B,open,-,05/23/2024 09:41 AM,05/23/2024 11:10 AM,05/24/2024 09:41 AM,,06/30/2024 10:00 AM\n"
    )
    _, visits, _ = told(tmp_path / "desk.csv")
    assert visits == [
        ("31000", "Created", "bob", "05-22 16", "05-22 17", "next"), ("31000", "First response", "bob", "05-22 17", "05-27 00", "completed"),
        ("31001", "Created", "", "05-23 09", "05-23 11", "next"), ("31001", "First response", "", "05-23 11", "", "open"),
    ]  # fmt: skip


def test_four_columns_among_forty(tmp_path: Path) -> None:
    noise = [*(f"custom_field_{k}" for k in range(38)), "status_color", "timestamp_zone"]
    rows = [[*noise[:20], "issue_key", "transition_to", "transition_date", "author", *noise[20:]]]
    for i in range(9):
        rows += [[*["7"] * 20, f"P-{i}", state, f"2024-03-0{k + 1}T09:00:00+0100", "ann", *["red"] * 20] for k, state in enumerate(("To Do", "Review", "Done"))]
    (tmp_path / "wide.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    mapping, visits, _ = told(tmp_path / "wide.csv")
    assert mapping["columns"] == {"case": "issue_key", "activity": "transition_to", "time": "transition_date", "resource": "author"}
    assert visits[:3] == [("P-0", "To Do", "ann", "03-01 08", "03-01 08", "next"), ("P-0", "Review", "ann", "03-01 08", "03-02 08", "next"), ("P-0", "Done", "ann", "03-02 08", "03-03 08", "completed")]


def test_columns_made_from_xes_say_what_they_are_of(tmp_path: Path) -> None:
    """As purchase logs are published: "event" or "case" before each name."""
    rows = ["case concept:name,event concept:name,event time:timestamp,event User,(case) Amount"]
    rows += [f"{k},{name},{2 + k % 20:02d}-03-2018 1{i}:00:00.000,user_{(k + i) % 7},{100 + k}" for k in range(60) for i, name in enumerate(("Create Order", "Record Receipt"))]
    (tmp_path / "log.csv").write_text("\n".join(rows))
    columns = inspect_log(tmp_path / "log.csv").mapping["columns"]
    assert columns == {"case": "case concept:name", "activity": "event concept:name", "time": "event time:timestamp", "resource": "event User", "value": "(case) Amount"}


def test_who_is_called_like_a_machine_is_one(tmp_path: Path) -> None:
    rows = ["case,activity,timestamp,user"]
    rows += [f"{k},{name},2018-03-{2 + k % 20:02d} 1{i}:00,{who}" for k in range(60) for i, (name, who) in enumerate((("Create", "batch_07"), ("Check", "Abbott" if k % 2 else "NONE"), ("Send", "WF-BATCH")))]
    (tmp_path / "log.csv").write_text("\n".join(rows))
    proposal = inspect_log(tmp_path / "log.csv")
    assert proposal.mapping["system_resources"] == ["WF-BATCH", "batch_07"]
    log, _ = read_log(tmp_path / "log.csv", proposal.mapping)
    assert set(log.frame.loc[log.frame["step"] == "Check", "person"]) == {"Abbott", ""}
    assert set(log.frame.loc[log.frame["step"] != "Check", "team"]) == {"system"}
