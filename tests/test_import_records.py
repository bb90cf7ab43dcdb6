"""Tables of which a row is a record with dates, not an event: the first guess must be one that a planner can go on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.importers import inspect_log, read_log
from tests.conftest import real_log

DEALS = """deal no,rep,made on,offer date,closing date,state,amount
7,ann,2026-01-05,2026-01-07,2026-01-20,Won,10
8,bob,2026-01-06,2026-01-09,2026-01-30,Lost,20
9,ann,2026-01-08,2026-01-12,,Offered,30
"""


def test_dates_of_records_become_steps_and_a_column_of_states_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_text(DEALS)
    proposal = inspect_log(path)
    assert proposal.blanks == ()
    log, quality = read_log(path, proposal.mapping)
    f = log.frame
    assert [tuple(r) for r in f[["case", "step", "person", "outcome", "value"]].to_numpy().tolist()] == [
        ("7", "made", "ann", "next", 10), ("7", "offer", "ann", "completed", 10), ("8", "made", "bob", "next", 20), ("8", "offer", "bob", "lost: lost", 20),
        ("9", "made", "ann", "next", 30), ("9", "offer", "ann", "open", 30),
    ]  # fmt: skip
    assert [(a.day, 0 if b != b else b.day) for a, b in zip(f["enabled"], f["ended"], strict=True)] == [(5, 7), (7, 20), (6, 9), (9, 30), (8, 12), (12, 0)]
    assert quality.open_cases == 1


def test_tables_of_one_key_become_one_history_in_the_order_of_their_dates(tmp_path: Path) -> None:
    """Their names tell another order than their dates."""
    (tmp_path / "a_won.csv").write_text("lead_id,won_date,sector\nx1,2026-02-03 10:00:00,toys\n")
    (tmp_path / "b_leads.csv").write_text("lead_id,first_contact_date,origin\nx1,2026-01-05,web\nx2,2026-01-09,fair\n")
    (tmp_path / "c_prices.csv").write_text("product,price\nbox,3\n")
    proposal = inspect_log(tmp_path)
    assert list(proposal.mapping["tables"]) == ["b_leads", "a_won"]
    assert any("not read: c_prices" in w for w in proposal.warnings)
    log, quality = read_log(tmp_path, proposal.mapping)
    assert log.frame[["case", "step", "channel", "outcome"]].to_numpy().tolist() == [["x1", "first contact", "web", "completed"], ["x2", "first contact", "fair", "open"]]
    assert quality.unmatched == ()


def test_what_cannot_be_told_from_dates_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("deal_id,won_date\n1,2026-02-03\n2,2026-02-04\n")
    assert any("one date only" in w for w in inspect_log(tmp_path / "a.csv").warnings)
    (tmp_path / "b.csv").write_text("deal_id,first_call\n1,2026-02-03\n2,2026-02-04\n")
    assert any("No date sounds like the end" in w for w in inspect_log(tmp_path / "b.csv").warnings)
    (tmp_path / "c.csv").write_text("product,price\nbox,3\n")  # no dates at all
    assert inspect_log(tmp_path / "c.csv").blanks == ("case", "activity", "time")


def test_numbers_and_keys_are_no_dates(tmp_path: Path) -> None:
    """Phone numbers, years and amounts stand beside the dates."""
    (tmp_path / "a.csv").write_text("deal_id,phone,year,price,start date,end date\n1,0171-555,2024,20260105,2026-01-05,2026-01-09\n2,0172-555,2025,20260106,2026-01-06,2026-01-08\n")
    (table,) = inspect_log(tmp_path / "a.csv").mapping["tables"].values()
    assert table["steps"] == {"start": {"enabled": "start date", "end": "end date"}, "end": {"time": "end date"}}


def test_where_only_losses_are_called_so_the_activity_that_cases_stop_with_is_the_other_end(tmp_path: Path) -> None:
    """40 cases are sent out, three times as many days ago as anything pauses; two are rejected, two only begun at the end."""
    done = "".join(f"{i},enter,2026-01-{i % 20 + 1:02d}\n{i},send,2026-01-{i % 20 + 3:02d}\n" for i in range(40))
    lost = "".join(f"l{i},enter,2026-01-05\nl{i},rejected,2026-01-06\n" for i in range(2))
    (tmp_path / "log.csv").write_text("case,activity,time\n" + done + lost + "n1,enter,2026-03-01\nn2,enter,2026-03-01\n")
    proposal = inspect_log(tmp_path / "log.csv")
    assert {n: a.get("ends") for n, a in proposal.mapping["activities"].items()} == {"enter": None, "rejected": "lost: declined", "send": "completed"}
    assert any("100 % of the cases with 'send' ended with it" in w for w in proposal.warnings)
    log, _ = read_log(tmp_path / "log.csv", proposal.mapping)
    assert log.frame["outcome"].value_counts().to_dict() == {"next": 42, "completed": 40, "lost: declined": 2, "open": 2}


def test_where_no_ending_has_a_name_the_activity_that_nearly_all_cases_stop_with_is_it(tmp_path: Path) -> None:
    """39 of 40 old cases stop with a verdict; were they 36, the log would rather hold whole cases."""
    for others, wanted in ((1, "completed"), (4, None)):
        old = "".join(f"{i},enter,2026-01-{i % 20 + 1:02d}\n{i},{'verdict' if i >= others else 'look'},2026-01-{i % 20 + 3:02d}\n" for i in range(40))
        looked = "".join(f"{i},look,2026-01-{i % 20 + 2:02d}\n" for i in range(10, 40))
        (tmp_path / "log.csv").write_text("case,activity,time\n" + old + looked + "n1,enter,2026-03-01\nn2,enter,2026-03-01\n")
        proposal = inspect_log(tmp_path / "log.csv")
        assert {n: a.get("ends") for n, a in proposal.mapping["activities"].items()} == {"enter": None, "look": None, "verdict": wanted}
        assert proposal.mapping.get("complete_cases_only", False) is (wanted is None)


def test_names_that_sound_like_no_stage_take_that_of_the_others_and_it_is_said(tmp_path: Path) -> None:
    rows = "".join(f"{i},{name},2026-01-0{k + 1} 10:00\n" for i in range(9) for k, name in enumerate(("open ticket", "resolve ticket", "zap")))
    (tmp_path / "log.csv").write_text("case,activity,time\n" + rows)
    proposal = inspect_log(tmp_path / "log.csv")
    assert proposal.mapping["activities"]["zap"]["stage"] == "service"
    assert "Nothing in the names 'zap' says which of the seven stages they belong to: taken for 'service', as most rows of the others are." in proposal.warnings


ALONE = {
    "account,sector,revenue\nAcme,metal,1100.04\nBeta,food,251.41\n": "No column holds dates",
    "lead_id,contact_date,source\n1,2026-01-05,web\n2,2026-01-06,fair\n": "no model can be learnt from cases of which nobody knows how they ended",
    "lead_id,won_date,rep\n1,2026-01-05 10:00,ann\n2,2026-01-06 11:00,bob\n": "There is one date only",
}  # fmt: skip


@pytest.mark.parametrize("text", ALONE)
def test_a_table_that_is_not_enough_alone_says_what_is_missing(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    (said,) = [w for w in inspect_log(tmp_path / "a.csv").warnings if ALONE[text] in w]
    assert "together with" in said


REAL = {  # what their descriptions say: cases that have a date, won, open
    "bpic2012/bpic12_full_until_2011-12-31.csv.gz": (7_455, None, 645),
    "bpic2012/BPIC_2012_W_train.csv.gz": (3_030, 3_030, 0),
    "helpdesk/helpdesk.xes.gz": (4_580, 4_559, 21),
    "order_to_cash/o2c_until_2016-12-31.csv.gz": (31_573, None, 4_976),
    "maven_crm": (8_300, 4_238, 1_589),
    "olist": (4_171, 189, 3_982),
}


@pytest.mark.parametrize("name", REAL)
def test_every_real_log_is_imported_as_it_is_proposed(name: str, tmp_path: Path) -> None:
    """Of maven's 8,800 opportunities 500 have no date yet; "about 5,000" of the order lines are unfinished."""
    source, mapping, out = str(real_log(name)), str(tmp_path / "m.yaml"), tmp_path / "log.csv"
    for args in (["inspect", source, "--out", mapping], ["run", source, "--mapping", mapping, "--out", str(out)]):
        result = CliRunner().invoke(main, ["import", *args])
        assert result.exit_code == 0, result.output + result.stderr
    cases, won, still_open = REAL[name]
    log, quality = read_log(source, mapping)
    assert (quality.cases, quality.open_cases) == (cases, still_open)
    assert won in (None, int((log.frame["outcome"] == "completed").sum()))
    assert list(log.problems()) == []
