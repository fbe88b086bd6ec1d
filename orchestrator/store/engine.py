"""One SQLAlchemy engine per database URL; SQLite is made durable and strict, PostgreSQL gets deadlines."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from orchestrator.store.errors import StoreUnusable
from tasks.errors import BadInput

#: execution option of transactions that write
WRITES = "dockwave_writes"


def open_engine(url: str) -> Engine:
    """Give an engine for a SQLite or PostgreSQL URL; other databases are refused."""
    parsed = _parsed(url)
    return _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)


def open_read_only(url: str) -> Engine:
    """Give an engine that can change nothing; a database that is not there is refused, not created."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed, " -c default_transaction_read_only=on")
    path = Path(parsed.database or "")
    if not path.is_file():
        raise StoreUnusable(
            f"There is no database {path}",
            hint="Name the file that the orchestrator uses: `dockwave config show`",
        )
    return create_engine(
        "sqlite+pysqlite://",
        creator=lambda: sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0, check_same_thread=False
        ),
        poolclass=NullPool,
    )


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadInput(
            "The database URL cannot be read",
            code="E_CONFIG",
            hint="Write sqlite:////absolute/path/dockwave.db or postgresql://user@host/database",
        ) from None
    family = parsed.get_backend_name()
    if family in {"sqlite", "postgresql"}:
        return parsed
    raise BadInput(
        f"Dockwave keeps its state in SQLite or PostgreSQL, not in {family}",
        code="E_CONFIG",
        hint="Write sqlite:////absolute/path/dockwave.db or postgresql://user@host/database",
    )


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise BadInput(
            "A database in memory would forget what was ordered",
            code="E_CONFIG",
            hint="Name a file: sqlite:////absolute/path/dockwave.db",
        )
    _create_private(Path(url.database))
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), connect_args={"timeout": 10.0})
    event.listen(engine, "connect", _sqlite_connected)
    event.listen(engine, "begin", _sqlite_begins)
    return engine


def _create_private(path: Path) -> None:
    """Create the file readable by its owner only; the write-ahead log inherits its mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnusable(
            f"The database {path} cannot be opened: {error.strerror}",
            hint="Check owner and free space of its directory, or choose another one with --data-dir",
        ) from error


def _sqlite_connected(connection: Any, _record: Any) -> None:
    # the driver's own transaction handling would begin too late and commit behind our back
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        # FULL: an order leaves only after its row survived power loss
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begins(connection: Connection) -> None:
    # a writer takes the write lock at once: a lock taken half-way fails instead of waiting
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL, more: str = "") -> Engine:
    # every wait has an end: a hung or half-open database must not hold the loop for ever
    given = url.query.get("options", "")
    options = given if isinstance(given, str) else " ".join(given)
    options += (
        " -c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
    )
    options += more
    return create_engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "connect_timeout": 5,
            "options": options,
            "application_name": "dockwave",
            # texts of a database made under the locale C would arrive as bytes
            "client_encoding": "utf8",
        },
    )
