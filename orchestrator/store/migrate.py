"""The schema has a history, shipped with the code and brought up to date at every start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError, OperationalError

from orchestrator.store.engine import WRITES
from orchestrator.store.errors import StoreUnusable

#: number of PostgreSQL's advisory lock: two orchestrators started together migrate one after the other
_LOCK = 0x646F636B


def _config() -> Config:
    config = Config()
    place = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema to this code's version; a newer one is refused and left alone."""
    config = _config()
    try:
        with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _refuse_newer(connection, ScriptDirectory.from_config(config))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise StoreUnusable(
            f"The database cannot be reached: {_first_line(error)}",
            hint="Check the database URL, that the server runs, and its log",
        ) from error
    except DatabaseError as error:
        raise StoreUnusable(
            f"The database cannot be used: {_first_line(error)}",
            hint="Restore it from a backup, or name another one with --database-url",
        ) from error


def _refuse_newer(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {revision.revision for revision in scripts.walk_revisions()}
    for current in MigrationContext.configure(connection).get_current_heads():
        if current not in known:
            raise StoreUnusable(
                f"The database has schema {current}, which this version of Dockwave does not know",
                code="E_SCHEMA_NEWER",
                hint="It was written by a newer Dockwave: upgrade this one, or restore the backup from before",
            )


def _first_line(error: DatabaseError) -> str:
    # the driver's text, never SQLAlchemy's: that one quotes parameters
    lines = str(error.orig).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
