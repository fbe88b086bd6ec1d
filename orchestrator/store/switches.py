"""Kill switches: at most one holds per target; those that were released stay as history."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from orchestrator.campaign.kill_switch import Switch, Target
from orchestrator.store.tables import KillSwitchRow, table_of

SWITCHES = table_of(KillSwitchRow)

#: built once: it is asked in every turn
_ALL = select(SWITCHES).order_by(SWITCHES.c.id)


def listed(connection: Connection) -> tuple[Switch, ...]:
    """Give every switch that was ever thrown, oldest first: people throw them, so the list stays short."""
    return tuple(
        Switch(
            target=Target(row.target),
            name=row.name,
            by=row.by,
            reason=row.reason,
            at=row.at,
            released_at=row.released_at,
            released_by=row.released_by,
            release_reason=row.release_reason,
        )
        for row in connection.execute(_ALL)
    )


def throw(connection: Connection, switch: Switch) -> None:
    """Keep one that holds from now on; the caller has seen that none does for the same target."""
    connection.execute(
        insert(SWITCHES).values(
            target=switch.target.value,
            name=switch.name,
            by=switch.by,
            reason=switch.reason,
            at=switch.at,
            released_at=switch.released_at,
            released_by=switch.released_by,
            release_reason=switch.release_reason,
        )
    )


def release(connection: Connection, released: Switch) -> None:
    """Note who let go of the one that holds for this target, when and why."""
    own = (
        (SWITCHES.c.target == released.target.value)
        & (SWITCHES.c.name == released.name)
        & SWITCHES.c.released_at.is_(None)
    )
    connection.execute(
        update(SWITCHES)
        .where(own)
        .values(
            released_at=released.released_at,
            released_by=released.released_by,
            release_reason=released.release_reason,
        )
    )
