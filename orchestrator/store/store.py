"""The store: reads without a lease, writes only by the orchestrator that holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orchestrator.store import lead
from orchestrator.store.engine import WRITES, open_engine, open_read_only
from orchestrator.store.errors import StoreUnusable
from orchestrator.store.migrate import migrate
from orchestrator.store.reader import Reader
from orchestrator.store.writer import Writer


@contextmanager
def _told() -> Iterator[None]:
    """Say what the driver said, without SQLAlchemy's text: that one quotes statements and their values."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
        raise StoreUnusable(
            f"The database does not do what it is asked: {said[0][:200] if said else type(error).__name__}",
            hint="Nothing was ordered; look at its server, its disk and its locks. It is tried again by itself.",
        ) from error


class Store:
    """SQL behind one door; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        """Keep the engine; `Store.open` makes and migrates one."""
        self._engine = engine
        self._one_writer = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Store:
        """Open the database and bring its schema up to date."""
        engine = open_engine(url)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def look_at(cls, url: str) -> Store:
        """Open a database that is there, to read it and nothing else; its schema is left as it is."""
        return cls(open_read_only(url))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Read from one moment; holds nobody up."""
        with _told(), self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Reader(connection)

    @contextmanager
    def write(self, epoch: int) -> Iterator[Writer]:
        """Write as the orchestrator with this epoch; Deposed when another one has taken over."""
        with self._transaction() as connection:
            lead.check(connection, epoch)
            yield Writer(connection)

    def take_lead(
        self,
        owner: str,
        now: datetime,
        ttl: timedelta,
        *,
        gone: Callable[[str], bool] = lambda _owner: False,
    ) -> int | None:
        """Become the orchestrator that may write; None while another one is that is not known to be gone."""
        try:
            with self._transaction() as connection:
                return lead.take(connection, owner, now, ttl, gone)
        except IntegrityError:
            # two orchestrators met an empty database: the other one was first
            return None

    def renew_lead(self, epoch: int, now: datetime, ttl: timedelta) -> None:
        """Stay it; Deposed when the lead was lost."""
        with self._transaction() as connection:
            lead.renew(connection, epoch, now, ttl)

    def give_up_lead(self, epoch: int, now: datetime) -> None:
        """Let a standby take over at once."""
        with self._transaction() as connection:
            lead.give_up(connection, epoch, now)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        # one writer at a time in this process: SQLite would make the second one poll for the lock
        with self._one_writer, _told(), self._engine.connect() as raw:
            connection = raw.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection
