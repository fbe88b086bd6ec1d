"""The event log: append-only, numbered in the order of commits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from orchestrator.store.records import LogEntry, LoggedEvent
from orchestrator.store.tables import EventRow, table_of

EVENTS = table_of(EventRow)


def append(connection: Connection, entries: Sequence[LogEntry]) -> None:
    """Write these lines; they stand in the log before anything they announce is done."""
    if entries:
        connection.execute(
            insert(EVENTS),
            [
                {
                    "campaign_id": entry.campaign_id,
                    "host": entry.host,
                    "attempt_id": entry.attempt_id,
                    "at": entry.at,
                    "kind": entry.kind,
                    "data": dict(entry.data),
                }
                for entry in entries
            ],
        )


def last_seq(connection: Connection) -> int:
    """Give the number of the newest line; 0 for an empty log."""
    return int(connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0))).scalar_one())


def after(
    connection: Connection,
    seq: int,
    *,
    campaign_id: str | None = None,
    host: str | None = None,
    limit: int = 1000,
) -> tuple[LoggedEvent, ...]:
    """Give the lines above this number, oldest first, at most `limit`."""
    query = select(EVENTS).where(EVENTS.c.seq > seq).order_by(EVENTS.c.seq).limit(limit)
    if campaign_id is not None:
        query = query.where(EVENTS.c.campaign_id == campaign_id)
    if host is not None:
        query = query.where(EVENTS.c.host == host)
    return tuple(
        LoggedEvent(
            seq=row.seq,
            campaign_id=row.campaign_id,
            host=row.host,
            attempt_id=row.attempt_id,
            at=row.at,
            kind=row.kind,
            data=row.data,
        )
        for row in connection.execute(query)
    )
