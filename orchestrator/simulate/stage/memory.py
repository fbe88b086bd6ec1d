"""A real store on a database in memory: the SQL of the product, with nothing to wait for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Engine, StaticPool, create_engine, event

from orchestrator.campaign.campaign import Campaign
from orchestrator.store.migrate import migrate
from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One campaign as a transaction changed it."""

    before: Campaign | None
    after: Campaign
    #: it is what a person asked for, as it is acknowledged; the loop's turn comes after it
    asked: bool = False


@dataclass(frozen=True)
class WatchedWriter(Writer):
    """A writer that remembers what it saved."""

    saves: list[Saved] = field(default_factory=list)

    def save(self, before: Campaign | None, after: Campaign, log: Any = ()) -> Campaign:
        """Write what differs, and remember it."""
        lines: tuple[LogEntry, ...] = tuple(log)
        saved = Writer.save(self, before, after, lines)
        # one that was done before is ignored, and acknowledged all the same
        asked = any(str(line.data.get("event", line.kind)).endswith("-asked") for line in lines)
        self.saves.append(Saved(before=before, after=saved, asked=asked))
        return saved


def _nothing() -> None:
    return None


class MemoryStore(Store):
    """A store in memory that can be watched, broken and put back to an earlier moment."""

    def __init__(self) -> None:
        """Be empty; only one of a process is in use at a time."""
        engine, connection = _engine()
        super().__init__(engine)
        self._connection = connection
        _template().backup(connection)
        #: called when a transaction is about to begin, and about to be committed: may raise
        self.before_begin: Callable[[], None] = _nothing
        self.before_commit: Callable[[], None] = _nothing
        #: called with what was committed
        self.committed: Callable[[list[Saved]], None] = lambda _saves: None
        #: called with the number of the lead under which something was committed, before `committed`
        self.wrote: Callable[[int], None] = lambda _epoch: None
        #: the newest lead anybody took
        self.newest_lead = 0

    @contextmanager
    def write(self, epoch: int) -> Iterator[Writer]:
        """Write as the orchestrator with this epoch."""
        self.before_begin()
        with super().write(epoch) as writer:
            watched = WatchedWriter(writer.connection)
            yield watched
            self.before_commit()
        self.wrote(epoch)
        self.committed(watched.saves)

    def take_lead(
        self,
        owner: str,
        now: datetime,
        ttl: timedelta,
        *,
        gone: Callable[[str], bool] = lambda _owner: False,
    ) -> int | None:
        """Become the orchestrator that may write, and be known as the newest one."""
        epoch = super().take_lead(owner, now, ttl, gone=gone)
        self.newest_lead = self.newest_lead if epoch is None else epoch
        return epoch

    def backup(self) -> sqlite3.Connection:
        """Give a copy of everything."""
        copy = sqlite3.connect(":memory:")
        self._connection.backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """Be as when this copy was made."""
        copy.backup(self._connection)


@cache
def _engine() -> tuple[Engine, sqlite3.Connection]:
    # one for the process: SQLAlchemy keeps compiled statements with the engine
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    engine = create_engine("sqlite+pysqlite://", creator=lambda: connection, poolclass=StaticPool)
    # by the driver itself: thousands of transactions of every schedule begin here
    event.listen(engine, "begin", lambda _begun: connection.execute("BEGIN"))
    return engine, connection


@cache
def _template() -> sqlite3.Connection:
    engine, connection = _engine()
    migrate(engine)
    copy = sqlite3.connect(":memory:")
    connection.backup(copy)
    return copy
