"""The right to change a host: one owner over all campaigns, with the reason and since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from orchestrator.store.errors import LeaseHeld
from orchestrator.store.hosts import CHUNK
from orchestrator.store.records import Lease
from orchestrator.store.tables import LeaseRow, table_of

LEASES = table_of(LeaseRow)

#: what a lease that is taken again changes; it keeps its age
_RENEWED = ("attempt_id", "epoch", "reason", "expires_at")

#: the very lease that was looked at: not one that was taken since
_THIS = (
    (LEASES.c.host == bindparam("key"))
    & (LEASES.c.campaign_id == bindparam("own"))
    & (LEASES.c.epoch == bindparam("number"))
)

#: built once: it is asked in every turn
_ALL = select(LEASES).order_by(LEASES.c.host)


def listed(connection: Connection) -> tuple[Lease, ...]:
    """Give every lease, by host."""
    return tuple(
        Lease(
            host=row.host,
            campaign_id=row.campaign_id,
            attempt_id=row.attempt_id,
            epoch=row.epoch,
            since=row.since,
            reason=row.reason,
            expires_at=row.expires_at,
        )
        for row in connection.execute(_ALL)
    )


def _owners(connection: Connection, hosts: Sequence[str]) -> dict[str, str]:
    """Give the campaigns that have these hosts."""
    found: dict[str, str] = {}
    for start in range(0, len(hosts), CHUNK):
        query = select(LEASES.c.host, LEASES.c.campaign_id).where(
            LEASES.c.host.in_(hosts[start : start + CHUNK])
        )
        found.update((row.host, row.campaign_id) for row in connection.execute(query))
    return found


def take(connection: Connection, wanted: Sequence[Lease]) -> None:
    """Take or renew leases; LeaseHeld when another campaign has one of them."""
    if not wanted:
        return
    held = _owners(connection, [lease.host for lease in wanted])
    new: list[dict[str, Any]] = []
    renewed: list[dict[str, Any]] = []
    for lease in wanted:
        owner = held.get(lease.host)
        if owner is not None and owner != lease.campaign_id:
            raise LeaseHeld(lease.host, owner)
        row = {name: getattr(lease, name) for name in _RENEWED}
        if owner is None:
            new.append(row | {"host": lease.host, "campaign_id": lease.campaign_id, "since": lease.since})
        else:
            renewed.append(row | {"key": lease.host})
    if new:
        connection.execute(insert(LEASES), new)
    if renewed:
        own = LEASES.c.host == bindparam("key")
        values: dict[str, Any] = {name: bindparam(name) for name in _RENEWED}
        connection.execute(update(LEASES).where(own).values(values), renewed)


def renew(connection: Connection, leases: Sequence[Lease]) -> None:
    """Let these last longer; one that was taken anew or given back since is left as it is."""
    if leases:
        rows = [_this(lease) | {"until": lease.expires_at} for lease in leases]
        connection.execute(update(LEASES).where(_THIS).values(expires_at=bindparam("until")), rows)


def expire(connection: Connection, leases: Sequence[Lease]) -> None:
    """Take these away; one that was taken anew since stays."""
    if leases:
        connection.execute(delete(LEASES).where(_THIS), [_this(lease) for lease in leases])


def _this(lease: Lease) -> dict[str, Any]:
    return {"key": lease.host, "own": lease.campaign_id, "number": lease.epoch}


def release(connection: Connection, campaign_id: str, hosts: Sequence[str]) -> None:
    """Give back what this campaign holds of these hosts; what it does not hold stays."""
    if hosts:
        own = (LEASES.c.host == bindparam("key")) & (LEASES.c.campaign_id == campaign_id)
        connection.execute(delete(LEASES).where(own), [{"key": host} for host in hosts])
