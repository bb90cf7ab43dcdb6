"""Databases: real servers hold what real systems keep, and nothing is written to them nor told of their passwords."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.errors import LogError
from salessim.importers import inspect_log, read_log
from salessim.importers.readers import open_source
from tests import exports, postgres
from tests.test_import_round_trip import STATES, history, imported, same, without_reasons

ODOO = {"id": "integer", "res_id": "integer", "stage_id": "integer", "mail_message_id": "integer", "field_id": "integer", "opportunity_id": "integer",
        "date": "timestamp", "create_date": "timestamp", "date_closed": "timestamp", "date_order": "timestamp", "expected_revenue": "numeric", "active": "boolean",
        "is_won": "boolean", "sequence": "integer"}  # fmt: skip
SALESFORCE = {"CreatedDate": "timestamptz", "SystemModstamp": "timestamptz", "CloseDate": "date", "Amount": "double precision", "IsDeleted": "boolean", "Probability": "integer"}


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    pytest.importorskip("psycopg")
    with postgres.cluster() as socket:
        postgres.fill(socket, "odoo", exports.odoo(history()), ODOO)
        postgres.fill(socket, "salesforce", exports.salesforce(history()), SALESFORCE)
        yield socket


def address(socket: Path, database: str, who: str = "reader:secret@") -> str:
    return f"postgresql://{who}/{database}?host={socket}"


@pytest.mark.parametrize(("database", "preset"), [("odoo", "Odoo"), ("salesforce", "Salesforce")])
def test_systems_on_postgresql_come_back(server: Path, database: str, preset: str) -> None:
    log, quality, proposal = imported(address(server, database))
    assert proposal.preset == preset
    same(log, without_reasons(history()), STATES, exports.opportunity_id if database == "salesforce" else str)
    assert quality.unmatched == ()
    assert "secret" not in proposal.to_yaml() + str(proposal.to_json()) + quality.to_markdown() + str(quality.to_json())
    assert "***" in quality.source


def test_nothing_can_be_written(server: Path) -> None:
    import sqlalchemy as sa

    from salessim.importers.readers.database import _engine, _reading, _url

    url = _url(address(server, "odoo", "owner@")).set(drivername="postgresql+psycopg")
    with _reading(_engine(url)) as connection, pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
        connection.execute(sa.text("delete from crm_lead"))


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("postgresql://reader:hidden-word@/nowhere?host={socket}", "cannot be read"),
        ("postgresql://reader:hidden-word@/odoo?host={socket}", "password authentication failed"),
        ("postgresql://ghost:hidden-word@/odoo?host={socket}", "cannot be read"),
        ("oddity://reader:hidden-word@host/x", "is not known"),
        ("postgresql://reader:hidden-word@host:port/x", "cannot be understood"),
        ("sqlite:///missing.db", "no such SQLite file"),
    ],
)
def test_addresses_that_do_not_work_get_one_line_without_the_password(server: Path, where: str, said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["import", "inspect", where.format(socket=server), "--out", str(tmp_path / "m.yaml")])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "hidden-word" not in result.output + result.stderr
    assert list(tmp_path.iterdir()) == []


def refused(where: str, folder: Path) -> str:
    """What is said of a source that cannot be read: one line, no file."""
    result = CliRunner().invoke(main, ["import", "inspect", where, "--out", str(folder / "m.yaml")])
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.output + result.stderr
    assert list(folder.iterdir()) == []
    return result.stderr


def test_empty_tables_and_tables_one_may_not_read_are_told(server: Path, tmp_path: Path) -> None:
    import psycopg

    postgres.fill(server, "empty", {"log": [{"case_id": "1", "activity": "call", "time": "2026-01-05"}]}, {})
    with psycopg.connect(host=str(server), user="owner", dbname="empty", autocommit=True) as owner:
        owner.execute("delete from log")
        assert "table 'log': there are columns but no rows" in refused(address(server, "empty"), tmp_path)
        owner.execute("revoke select on log from reader")
        assert "permission denied" in refused(address(server, "empty"), tmp_path)


def test_a_table_that_somebody_has_locked_is_not_waited_for_without_end(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    from salessim.importers.readers import database

    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    with psycopg.connect(host=str(server), user="owner", dbname="odoo") as owner:
        owner.execute("lock table crm_lead, mail_tracking_value, mail_message in access exclusive mode")
        assert "lock timeout" in refused(address(server, "odoo"), tmp_path)
        owner.rollback()


def test_a_connection_that_drops_in_the_middle_ends_in_one_line(server: Path) -> None:
    import psycopg

    table = open_source(address(server, "odoo")).table("mail_tracking_value")
    with psycopg.connect(host=str(server), user="owner", dbname="odoo", autocommit=True) as owner:
        owner.execute("insert into mail_tracking_value (id) select generate_series(1000000, 1200000)")
        try:
            chunks = table.chunks(None)
            next(chunks)
            owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'")
            with pytest.raises(LogError, match="the database cannot be read") as wrong:
                list(chunks)
            assert "secret" not in str(wrong.value)
        finally:
            owner.execute("delete from mail_tracking_value where id >= 1000000")


def hostile_database(path: Path) -> str:
    with sqlite3.connect(path) as db:
        db.execute('create table log (case_id, "activity"";drop table log;--", time, amount)')
        db.executemany("insert into log values (?, ?, ?, ?)", [(1, "call", "2026-01-05T10:00:00", 5), (2, "call", "2026-01-06T10:00:00", 6)])
        db.execute("create view endless as with recursive n(i) as (select 1 union all select i + 1 from n) select i from n")
    db.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    "table", ["log) union select * from sqlite_master --", "read_csv('/etc/passwd')", "x" * 100_000, 'log"; drop table log; --'],
    ids=["union", "function", "100 KB", "drop"],
)  # fmt: skip
def test_names_from_a_mapping_are_looked_up_and_never_run(table: str, tmp_path: Path) -> None:
    where = hostile_database(tmp_path / "x.db")
    columns = {"case": "case_id", "activity": 'activity";drop table log;--', "time": "time"}
    good = {"tables": {"log": {"from": "log", "columns": columns}}, "activities": {"call": {}}, "complete_cases_only": True}
    assert len(read_log(where, good)[0]) == 2
    with pytest.raises(LogError, match="there is no table") as wrong:
        read_log(where, {**good, "tables": {"log": {"from": table, "columns": columns}}})
    assert len(str(wrong.value)) < 500
    assert list(open_source(where).tables) == ["log"]  # a view of a file may never end
    assert len(read_log(where, good)[0]) == 2


def test_sqlite_is_opened_read_only_and_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    hostile_database(path)
    before = path.read_bytes()
    inspect_log(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.db"]
    path.write_bytes(before[:4096] + b"\xff" * (len(before) - 4096))
    with pytest.raises(LogError, match="cannot be read"):
        read_log(path, {"columns": {"case": "case_id", "activity": 'activity";drop table log;--', "time": "time"}, "activities": {"call": {}}})


def test_decimals_that_sqlite_keeps_as_blobs_are_numbers(tmp_path: Path) -> None:
    """So do programs whose driver writes a Decimal as its text; elsewhere a blob stays what it is."""
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("create table deal (id integer, amount numeric, photo blob)")
        db.executemany("insert into deal values (?, ?, ?)", [(1, b"1000.50", b"10"), (2, 7, None), (3, None, None)])
    db.close()
    frame = open_source(f"sqlite:///{tmp_path / 'x.db'}").table("deal").frame()
    assert frame["amount"].tolist() == ["1000.50", "7", ""]
    assert frame["photo"].tolist() == [b"10".hex(), "", ""]
