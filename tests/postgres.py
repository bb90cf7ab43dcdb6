"""A real PostgreSQL for tests: a private cluster in a temporary folder, reached by a socket there, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.exports import Tables


def binaries() -> Path:
    """Where initdb and pg_ctl are."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]
    if not places or not (places[0] / "pg_ctl").exists():
        pytest.skip("PostgreSQL is not installed (initdb, pg_ctl)")
    return places[0]


@contextmanager
def cluster() -> Iterator[Path]:
    """The folder of the socket of a running server; it refuses to run as root, so root lends it to another user."""
    bin_, folder = binaries(), Path(tempfile.mkdtemp(prefix="pg"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = next((p for name in ("postgres", "nobody") for p in pwd.getpwall() if p.pw_name == name), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no other user")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def run(*args: str) -> None:
        done = subprocess.run(args, capture_output=True, text=True, cwd=folder, timeout=120, **as_user)
        if done.returncode:
            pytest.skip(f"PostgreSQL could not be started: {done.stderr.strip()[-200:]}")

    data = str(folder / "data")
    try:
        run(str(bin_ / "initdb"), "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text("local all reader scram-sha-256\n" + rules.read_text())  # who only reads needs a password, as on real servers
        run(str(bin_ / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -h '' -F", "start")
        try:
            yield folder
        finally:
            stop = [str(bin_ / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop"]
            subprocess.run(stop, capture_output=True, cwd=folder, timeout=120, check=False, **as_user)  # a test may have killed it
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(socket: Path, database: str, tables: Tables, types: dict[str, str]) -> None:
    """A database with these tables; `types` are those of columns that are not text."""
    import psycopg

    with psycopg.connect(host=str(socket), user="owner", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'create database "{database}"')
    with psycopg.connect(host=str(socket), user="owner", dbname=database) as connection, connection.cursor() as cursor:
        for name, rows in tables.items():
            columns = ", ".join(f'"{c}" {types.get(c, "text")}' for c in rows[0])
            cursor.execute(f'create table "{name}" ({columns})')
            listed = ", ".join(f'"{c}"' for c in rows[0])
            with cursor.copy(f'copy "{name}" ({listed}) from stdin') as copy:
                for row in rows:
                    copy.write_row([None if v == "" and types.get(c) else v if v is None else str(v) for c, v in row.items()])
        cursor.execute("do $$ begin create role reader login password 'secret'; exception when duplicate_object then null; end $$")
        cursor.execute("grant select on all tables in schema public to reader")
