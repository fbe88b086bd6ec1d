"""Hosts over all campaigns: fencing numbers that only grow, and who each host is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from orchestrator.store.records import KnownHost
from orchestrator.store.tables import HostRow, table_of

HOSTS = table_of(HostRow)

#: above this a host is lying: numbers are drawn one by one, and the column must not overflow
HIGHEST_EPOCH = 2**53

#: names in one question: below every database's limit of bound values
CHUNK = 500


def known(connection: Connection, names: Iterable[str]) -> dict[str, KnownHost]:
    """Give what is remembered about these hosts; hosts never seen are absent."""
    wanted = sorted(set(names))
    found: dict[str, KnownHost] = {}
    for start in range(0, len(wanted), CHUNK):
        query = select(HOSTS).where(HOSTS.c.name.in_(wanted[start : start + CHUNK]))
        for row in connection.execute(query):
            found[row.name] = KnownHost(
                name=row.name, epoch=row.epoch, machine_id=row.machine_id, seen_at=row.seen_at
            )
    return found


def draw_epochs(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Draw the next fencing number of each host; a number is never given twice."""
    wanted = sorted(set(names))
    before = known(connection, wanted)
    drawn = {name: before[name].epoch + 1 if name in before else 1 for name in wanted}
    _write(connection, before, {name: {"epoch": epoch} for name, epoch in drawn.items()})
    return drawn


def raise_epochs(connection: Connection, seen: Mapping[str, int]) -> None:
    """Take over numbers that hosts have seen above ours (SQL was restored from an older backup)."""
    before = known(connection, seen)
    higher = {
        name: {"epoch": epoch}
        for name, epoch in seen.items()
        if epoch <= HIGHEST_EPOCH and epoch > (before[name].epoch if name in before else 0)
    }
    _write(connection, before, higher)


def remember(connection: Connection, machine_ids: Mapping[str, str | None], at: datetime) -> None:
    """Note that these hosts answered, and who they are where that was not known yet."""
    before = known(connection, machine_ids)
    changes: dict[str, dict[str, Any]] = {}
    for name, machine_id in machine_ids.items():
        old = before.get(name)
        identity = old.machine_id if old and old.machine_id else machine_id
        changes[name] = {"seen_at": at, "machine_id": identity}
    _write(connection, before, changes)


def forget_identity(connection: Connection, name: str) -> None:
    """Accept whatever machine answers to this name next: an operator says it was rebuilt."""
    connection.execute(update(HOSTS).where(HOSTS.c.name == name).values(machine_id=None))


def _write(
    connection: Connection, before: Mapping[str, KnownHost], changes: Mapping[str, Mapping[str, Any]]
) -> None:
    empty: dict[str, Any] = {"epoch": 0, "machine_id": None, "seen_at": None}
    new = [empty | {"name": name} | dict(values) for name, values in changes.items() if name not in before]
    old = [{"key": name} | dict(values) for name, values in changes.items() if name in before]
    if new:
        connection.execute(insert(HOSTS), new)
    if old:
        columns = [key for key in old[0] if key != "key"]
        own = HOSTS.c.name == bindparam("key")
        connection.execute(
            update(HOSTS).where(own).values({column: bindparam(column) for column in columns}), old
        )
