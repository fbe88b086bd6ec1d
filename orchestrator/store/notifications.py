"""What people are still to be told: written with the campaign it is about, removed once it was sent or given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from orchestrator.store.records import Notification
from orchestrator.store.tables import NotificationRow, table_of

NOTIFICATIONS = table_of(NotificationRow)


def put(connection: Connection, new: Sequence[Notification]) -> None:
    """Keep these until they are told."""
    rows = [
        {
            "seq": item.seq,
            "campaign_id": item.campaign_id,
            "channel": item.channel,
            "event": item.event,
            "document": item.document,
            "tries": item.tries,
            "next_try": item.next_try,
        }
        for item in new
    ]
    if rows:
        connection.execute(insert(NOTIFICATIONS), rows)


def channels_due(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Give the channels that have something to tell now."""
    query = select(NOTIFICATIONS.c.channel).where(NOTIFICATIONS.c.next_try <= now).distinct()
    return tuple(sorted(connection.execute(query).scalars()))


def due(connection: Connection, channel: str, now: datetime, limit: int) -> tuple[Notification, ...]:
    """Give what a channel is to tell now, oldest first."""
    query = (
        select(NOTIFICATIONS)
        .where(NOTIFICATIONS.c.channel == channel, NOTIFICATIONS.c.next_try <= now)
        .order_by(NOTIFICATIONS.c.seq)
        .limit(limit)
    )
    return tuple(
        Notification(
            seq=row.seq,
            campaign_id=row.campaign_id,
            channel=row.channel,
            event=row.event,
            document=row.document,
            tries=row.tries,
            next_try=row.next_try,
        )
        for row in connection.execute(query)
    )


def postpone(connection: Connection, seq: int, tries: int, next_try: datetime) -> None:
    """Note that it was tried so often, and when it is tried again."""
    own = NOTIFICATIONS.c.seq == seq
    connection.execute(update(NOTIFICATIONS).where(own).values(tries=tries, next_try=next_try))


def drop(connection: Connection, seq: int) -> None:
    """Forget it."""
    connection.execute(delete(NOTIFICATIONS).where(NOTIFICATIONS.c.seq == seq))
