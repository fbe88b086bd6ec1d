"""Databases and brokers for the orchestrator's tests: each test gets an empty one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.store.store import Store
from tests.support.postgres import PostgresCluster, running_postgres
from tests.support.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """Run one cluster for the whole session."""
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/dockwave.db"
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Open an empty store on each kind of database."""
    opened = Store.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """Open an empty store where the kind of database does not matter."""
    opened = Store.open(f"sqlite:///{tmp_path}/dockwave.db")
    yield opened
    opened.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Run a Redis that only this test uses."""
    directory = tmp_path / "redis"
    directory.mkdir()
    with running_redis(directory) as server:
        yield server


@pytest.fixture
def open_stores(database_url: str) -> Iterator[Callable[[], Store]]:
    """Open the same database as often as wanted: several processes' worth of stores."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(Store.open(database_url))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
