"""The schema is brought up to date at start, and a newer or foreign database is refused with what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from orchestrator.store import migrate
from orchestrator.store.engine import WRITES, open_engine
from orchestrator.store.errors import StoreUnusable
from orchestrator.store.records import Lease
from orchestrator.store.store import Store
from orchestrator.store.tables import Base
from tasks.errors import BadInput
from tests.support.campaigns import NOON
from tests.support.postgres import PostgresCluster


def test_the_migrations_end_at_the_tables_of_the_code(store: Store) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_what_is_there(database_url: str) -> None:
    Store.open(database_url).close()
    again = Store.open(database_url)
    with again.read() as reader:
        assert reader.heads(final=True) == ()
    again.close()


@pytest.mark.services
def test_a_database_that_takes_any_bytes_is_spoken_to_in_utf_8(postgres: PostgresCluster) -> None:
    store = Store.open(postgres.database_without_encoding())
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 'größer'").scalar_one() == "größer"
    store.close()


def test_orchestrators_started_together_migrate_one_after_the_other(open_stores: Callable[[], Store]) -> None:
    failures: list[Exception] = []

    def come() -> None:
        try:
            open_stores()
        except Exception as error:  # noqa: BLE001 - collected for the assertion
            failures.append(error)

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_leases_of_before_they_ran_out_are_kept_without_an_end(database_url: str) -> None:
    store = Store.open(database_url)
    epoch = store.take_lead("test", NOON, timedelta(seconds=9))
    assert epoch is not None
    with store.write(epoch) as writer:
        writer.take_leases(
            [Lease(host="h", campaign_id="c", attempt_id="c/h/1", epoch=1, since=NOON, expires_at=NOON)]
        )
    store.close()
    engine = open_engine(database_url)
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
    engine.dispose()
    again = Store.open(database_url)
    with again.read() as reader:
        assert [(lease.host, lease.since, lease.expires_at) for lease in reader.leases()] == [
            ("h", NOON, None)
        ]
    again.close()


def test_a_newer_schema_is_refused_and_left_alone(store: Store, database_url: str) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnusable, match="schema 9999") as caught:
        Store.open(database_url)
    assert caught.value.code == "E_SCHEMA_NEWER"
    assert "upgrade this one" in caught.value.hint
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "9999"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"these are not the pages you are looking for" * 200)
    with pytest.raises(StoreUnusable, match="cannot be used") as caught:
        Store.open(f"sqlite:///{path}")
    assert "backup" in caught.value.hint


def test_a_database_file_is_private(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/new/dockwave.db").close()
    assert (tmp_path / "new" / "dockwave.db").stat().st_mode & 0o777 == 0o600


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot be reached") as caught:
        Store.open("postgresql://dockwave:hunter2@127.0.0.1:1/dockwave")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://h/d", "not in mysql"),
        ("not a url", "cannot be read"),
        ("", "cannot be read"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_database_we_cannot_rely_on_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        open_engine(url)
    assert "sqlite:////absolute" in caught.value.hint or "Name a file" in caught.value.hint


def test_a_directory_in_the_way_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="Is a directory"):
        open_engine(f"sqlite:///{tmp_path}")


def test_sqlite_survives_power_loss_and_checks_its_references(sqlite_store: Store) -> None:
    with sqlite_store._engine.connect() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
