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
        row = {"attempt_id": lease.attempt_id, "epoch": lease.epoch, "reason": lease.reason}
        if owner is None:
            new.append(row | {"host": lease.host, "campaign_id": lease.campaign_id, "since": lease.since})
        else:
            renewed.append(row | {"key": lease.host})
    if new:
        connection.execute(insert(LEASES), new)
    if renewed:
        own = LEASES.c.host == bindparam("key")
        values: dict[str, Any] = {name: bindparam(name) for name in ("attempt_id", "epoch", "reason")}
        connection.execute(update(LEASES).where(own).values(values), renewed)


def release(connection: Connection, campaign_id: str, hosts: Sequence[str]) -> None:
    """Give back what this campaign holds of these hosts; what it does not hold stays."""
    if hosts:
        own = (LEASES.c.host == bindparam("key")) & (LEASES.c.campaign_id == campaign_id)
        connection.execute(delete(LEASES).where(own), [{"key": host} for host in hosts])
