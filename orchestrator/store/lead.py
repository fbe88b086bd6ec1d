"""Which orchestrator may write: one row whose epoch grows with each take-over, checked by every write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from orchestrator.store.errors import Deposed
from orchestrator.store.tables import OrchestratorRow, table_of

LEAD = table_of(OrchestratorRow)

#: the only row
_ONE = 1
# built once: they are part of every write
_LEADS = select(LEAD.c.epoch, LEAD.c.owner).where(LEAD.c.id == _ONE).with_for_update()
_EXTEND = update(LEAD).where(LEAD.c.id == _ONE).values(expires_at=bindparam("until"))


def take(
    connection: Connection, owner: str, now: datetime, ttl: timedelta, gone: Callable[[str], bool]
) -> int | None:
    """Take the lead and give its epoch, or None while another orchestrator holds it.

    An owner that takes again what it holds gets a new epoch: its own writes of before are fenced off too. An owner
    that is known to be `gone` is not waited for.
    """
    row = connection.execute(select(LEAD).where(LEAD.c.id == _ONE).with_for_update()).first()
    if row is None:
        connection.execute(insert(LEAD).values(id=_ONE, epoch=1, owner=owner, expires_at=now + ttl))
        return 1
    if row.owner != owner and row.expires_at > now and not gone(row.owner):
        return None
    epoch = int(row.epoch) + 1
    connection.execute(
        update(LEAD).where(LEAD.c.id == _ONE).values(epoch=epoch, owner=owner, expires_at=now + ttl)
    )
    return epoch


def check(connection: Connection, epoch: int) -> None:
    """Refuse to go on unless the lead still has this epoch; locks the row, so writers come one by one."""
    row = connection.execute(_LEADS).first()
    if row is None or int(row.epoch) != epoch:
        owner = "nobody" if row is None else row.owner
        raise Deposed(
            f"This orchestrator may not write: {owner} has the lead",
            hint="Ask the other orchestrator, or stop it; this one stands by until the lease runs out",
        )


def renew(connection: Connection, epoch: int, now: datetime, ttl: timedelta) -> None:
    """Hold the lead for another while; Deposed when it was lost."""
    check(connection, epoch)
    connection.execute(_EXTEND, {"until": now + ttl})


def give_up(connection: Connection, epoch: int, now: datetime) -> None:
    """Let a standby take over at once instead of after the lease has run out."""
    check(connection, epoch)
    connection.execute(update(LEAD).where(LEAD.c.id == _ONE).values(expires_at=now))
