"""Quarantines: at most one holds per host; those that were released stay as history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.surroundings import Away
from orchestrator.store import campaigns
from orchestrator.store.tables import QuarantineRow, table_of

QUARANTINES = table_of(QuarantineRow)

_HOLDS = QUARANTINES.c.released_at.is_(None)
#: built once: it is asked in every turn
_HOLDING = select(QUARANTINES).where(_HOLDS).order_by(QUARANTINES.c.id)


def listed(connection: Connection, since: datetime | None) -> tuple[Quarantine, ...]:
    """Give those that hold, and those released after that instant, oldest first."""
    query = _HOLDING
    if since is not None:
        wanted = _HOLDS | (QUARANTINES.c.released_at > since)
        query = select(QUARANTINES).where(wanted).order_by(QUARANTINES.c.id)
    return tuple(_read(row) for row in connection.execute(query))


def newest(connection: Connection, host: str) -> Quarantine | None:
    """Give the newest one of a host, also when it was released."""
    query = select(QUARANTINES).where(QUARANTINES.c.host == host).order_by(QUARANTINES.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else _read(row)


def away(connection: Connection) -> tuple[Away, ...]:
    """Give the hosts that are left alone, with their labels: nobody has proven them healthy."""
    return tuple(
        Away(
            host=item.host,
            campaign=item.campaign,
            labels=item.labels,
            services=campaigns.services_of(connection, item.host),
        )
        for item in listed(connection, None)
    )


def put(connection: Connection, wanted: Sequence[Quarantine]) -> tuple[Quarantine, ...]:
    """Keep these; a host that is left alone already stays so, with the reason it was first left alone for."""
    if not wanted:
        return ()
    held = {item.host for item in listed(connection, None)}
    new = tuple(item for item in wanted if item.host not in held)
    if new:
        connection.execute(insert(QUARANTINES), [_row(item) for item in new])
    return new


def release(connection: Connection, released: Quarantine) -> None:
    """Note who released the one that holds for this host, when and why."""
    connection.execute(
        update(QUARANTINES)
        .where((QUARANTINES.c.host == released.host) & _HOLDS)
        .values(
            released_at=released.released_at,
            released_by=released.released_by,
            release_reason=released.release_reason,
        )
    )


def _row(item: Quarantine) -> dict[str, Any]:
    return {
        "host": item.host,
        "campaign_id": item.campaign,
        "by": item.by,
        "reason": item.reason,
        "at": item.at,
        "labels": dict(item.labels),
        "released_at": item.released_at,
        "released_by": item.released_by,
        "release_reason": item.release_reason,
    }


def _read(row: Row[Any]) -> Quarantine:
    return Quarantine(
        host=row.host,
        campaign=row.campaign_id,
        by=row.by,
        reason=row.reason,
        at=row.at,
        labels=row.labels,
        released_at=row.released_at,
        released_by=row.released_by,
        release_reason=row.release_reason,
    )
