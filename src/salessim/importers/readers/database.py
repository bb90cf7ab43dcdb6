"""Databases through SQLAlchemy: read-only, streamed, and never by text from a mapping: tables and columns are looked up.

A password is used to connect and for nothing else: names, messages and files show the address without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.readers.source import CHUNK_ROWS, MOST_COLUMNS, Columns, Source, Table, of_rows

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import URL, Connection, Engine

MOST_TABLES = 5_000
CONNECT_SECONDS, LOCK_SECONDS, STATEMENT_SECONDS = 10, 10, 600
"""So long a server may take to answer, to give a table that somebody else has locked, and to give the next rows."""
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""What people write, and the driver the extra `databases` brings."""
_SYSTEM_SCHEMAS = ("information_schema", "pg_catalog", "sys", "mysql", "performance_schema")


def is_url(where: str) -> bool:
    """Whether a source is the address of a database rather than a path."""
    return "://" in where[:60]


def shown(address: str) -> str:
    """An address without its password.

    Raises:
        LogError: it cannot be understood.
    """
    return _url(address).render_as_string(hide_password=True)


def _url(address: str) -> URL:
    import sqlalchemy as sa

    try:
        return sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        raise LogError("database address", "it cannot be understood", "write it as postgresql://user@host/database") from None


def read_database(address: str) -> Source:
    """The tables and views of a database; those outside its default schema as `schema.table`.

    Args:
        address: as SQLAlchemy writes it, such as `postgresql://reader@host/crm`. Passwords are better kept where the
            driver looks for them (`PGPASSWORD`, `~/.pgpass`) than in the address.

    Raises:
        LogError: not an address, no driver, no connection, or no table.
    """
    url, place = _url(address), shown(address)
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite":
        if not url.database or not Path(url.database).is_file():
            raise LogError(place, "there is no such SQLite file", "check the path; it is not made")
        return read_sqlite(Path(url.database), place)
    return _read(url, place, views=True)


def read_sqlite(path: Path, place: str) -> Source:
    """The tables of an SQLite file; it is opened read-only, and no view or trigger of it runs."""
    import sqlalchemy as sa

    location = sa.URL.create("sqlite", database=f"file:{_quoted(path)}", query={"mode": "ro", "uri": "true"})
    return _read(location, place, views=False)


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve()))


def _read(url: URL, place: str, views: bool) -> Source:
    import sqlalchemy as sa
    from sqlalchemy.engine.reflection import ObjectKind

    with _plain_errors(url, place):
        engine = _engine(url)
        inspector = sa.inspect(engine)
        default = inspector.default_schema_name
        schemas = [None] if url.get_backend_name() == "sqlite" else [s for s in inspector.get_schema_names() if s not in _SYSTEM_SCHEMAS]
        tables: dict[str, Table] = {}
        for schema in schemas:
            found = inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY if views else ObjectKind.TABLE)
            for (_, name), columns in sorted(found.items()):
                if not columns or len(columns) > MOST_COLUMNS:
                    continue
                label = name if schema in (None, default) else f"{schema}.{name}"
                names = tuple(c["name"] for c in columns)
                selectable = sa.table(name, *(sa.column(c) for c in names), schema=schema if schema != default else None)
                decimals = {c["name"] for c in columns if url.get_backend_name() == "sqlite" and isinstance(c["type"], sa.Numeric)}
                tables[label] = Table(names, _chunks(engine, selectable, place, url, decimals), f"{place} table {label[:80]!r}", None, True)
                if len(tables) > MOST_TABLES:
                    raise LogError(place, f"there are more than {MOST_TABLES:,} tables", "connect as a user who sees only those needed")
    if not tables:
        raise LogError(place, "the database shows no table", "check the database and the rights of the user")
    return Source(place, tables)


def _engine(url: URL) -> Engine:
    import sqlalchemy as sa

    extra: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        bounds = {"options": f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s"}
        extra = {"connect_args": {"connect_timeout": CONNECT_SECONDS, **(bounds if "options" not in url.query else {})}}
    return sa.create_engine(url, poolclass=sa.pool.NullPool, hide_parameters=True, **extra)


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """A connection on which nothing can be written."""
    import sqlalchemy as sa

    with engine.connect() as connection:
        backend = engine.url.get_backend_name()
        if backend == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
        elif backend == "sqlite":
            connection.execute(sa.text("PRAGMA query_only = ON"))
            connection.execute(sa.text("PRAGMA trusted_schema = OFF"))
        elif backend in ("mysql", "mariadb"):
            connection.execute(sa.text("SET SESSION TRANSACTION READ ONLY"))
        yield connection


def _chunks(engine: Engine, table: Any, place: str, url: URL, decimals: set[str]) -> Any:
    """The rows of a table. SQLite has no decimals: Python programs (Tryton) keep theirs as the text of the number in a blob."""

    def cell(name: str) -> Any:
        import sqlalchemy as sa

        column = table.c[name]
        return sa.case((sa.func.typeof(column) == "blob", sa.cast(column, sa.Text)), else_=column).label(name) if name in decimals else column

    def chunks(columns: Columns) -> Iterator[pd.DataFrame]:
        import sqlalchemy as sa

        wanted = [c.name for c in table.c] if columns is None else list(columns)
        with _plain_errors(url, place), _reading(engine) as connection:
            result = connection.execution_options(stream_results=True, yield_per=CHUNK_ROWS // 10).execute(sa.select(*map(cell, wanted)))
            yield from of_rows(wanted, result)

    return chunks


@contextmanager
def _plain_errors(url: URL, place: str) -> Iterator[None]:
    """What drivers say as one line without the password."""
    import sqlalchemy as sa

    try:
        yield
    except ImportError as wrong:
        raise LogError(place, f"the driver is missing ({wrong})", "install it with: pip install 'salessim[databases]'") from None
    except sa.exc.NoSuchModuleError:
        raise LogError(place, f"the kind of database {url.drivername!r} is not known", "use postgresql, mysql or sqlite") from None
    except (sa.exc.SQLAlchemyError, UnicodeError, OSError, ValueError, OverflowError) as wrong:
        said = " ".join(str(getattr(wrong, "orig", None) or wrong).split())
        if url.password:
            said = said.replace(str(url.password), "***")
        raise LogError(place, f"the database cannot be read ({said[:200]})", "check the address, the rights and the file") from None
