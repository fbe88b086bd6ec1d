"""Keeps connections warm between orders: one SSH connection per host, a few sessions on it, idle ones closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from tasks.connection import Connection
from tasks.errors import BadInput, OrderRefused
from tasks.model import Host, SshHop, Transport
from workers.connections.local import LocalConnection
from workers.connections.settings import SshSettings

if TYPE_CHECKING:
    # an agent has no paramiko and reaches no other host: the SSH side is imported with the first SSH host
    from workers.connections.link import LinkHolder

#: what makes two records of a host one connection: how it is reached, not its labels or groups
_Key: TypeAlias = tuple[str, Transport, tuple[SshHop, ...], bool, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How much a pool keeps."""

    #: seconds after its last use until a host's connection is closed
    idle_s: float = 300.0
    #: hosts kept warm at most; the longest unused one makes room
    hosts: int = 512
    #: sessions on one host at once; each needs up to three channels, and sshd allows ten (MaxSessions)
    sessions: int = 3
    #: seconds get() waits for a free session
    wait_s: float = 30.0


@dataclass(slots=True, kw_only=True)
class _Entry:
    """What the pool keeps of one host; guarded by the pool's lock."""

    free: list[Connection] = field(default_factory=list)
    in_use: int = 0
    used_at: float


class ConnectionPool:
    """Connections to any number of hosts; any thread may take one, and uses it alone."""

    def __init__(
        self,
        *,
        settings: SshSettings | None = None,
        limits: PoolLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep nothing yet; nothing is opened before a connection is used."""
        self._settings = settings or SshSettings()
        self._limits = limits or PoolLimits()
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: dict[_Key, _Entry] = {}
        #: by the hops that lead there, so that hosts behind one jump host share the way to it
        self._holders: dict[tuple[SshHop, ...], LinkHolder] = {}
        self._closed = False
        self._sweeper: threading.Thread | None = None

    @contextmanager
    def get(self, host: Host) -> Iterator[Connection]:
        """A connection to `host` for one thread; kept warm afterwards.

        OrderRefused(E_HOST_BUSY) when all its sessions, or all places of the pool, stay in use.
        """
        key = _key(host)
        connection = self._take(key, host)
        try:
            yield connection
        finally:
            self._give_back(key, connection)

    def sweep(self) -> int:
        """Close what nobody used for `idle_s` and reap retired connections; the number of hosts closed."""
        now = self._clock()
        with self._changed:
            old = [
                key
                for key, entry in self._entries.items()
                if not entry.in_use and now - entry.used_at >= self._limits.idle_s
            ]
            doomed = [connection for key in old for connection in self._entries.pop(key).free]
            holders = self._unused_holders()
            kept = tuple(self._holders.values())
        for connection in doomed:
            connection.close()
        for holder in holders:
            holder.close()
        for holder in kept:
            holder.reap()
        return len(old)

    @property
    def warm_hosts(self) -> tuple[str, ...]:
        """Names of the hosts something is kept for, longest unused first."""
        with self._changed:
            return tuple(key[0] for key, _ in sorted(self._entries.items(), key=lambda pair: pair[1].used_at))

    def close_all(self) -> None:
        """Close every connection, those in use as well; the pool gives out no more."""
        with self._changed:
            self._closed = True
            doomed = [connection for entry in self._entries.values() for connection in entry.free]
            holders = tuple(self._holders.values())
            self._entries.clear()
            self._holders.clear()
            self._changed.notify_all()
        for connection in doomed:
            connection.close()
        # the last hop first: a jump host's connection carries the others
        for holder in reversed(holders):
            holder.close()

    def _take(self, key: _Key, host: Host) -> Connection:
        give_up = time.monotonic() + self._limits.wait_s
        doomed: list[Connection] = []
        with self._changed:
            while True:
                if self._closed:
                    raise OrderRefused(f"{host.name}: this worker is shutting down.")
                entry = self._entries.get(key)
                if entry is None and len(self._entries) < self._limits.hosts:
                    entry = self._entries[key] = _Entry(used_at=self._clock())
                elif entry is None:
                    doomed += self._make_room()
                    if len(self._entries) < self._limits.hosts:
                        continue
                if entry is not None and entry.in_use < self._limits.sessions:
                    entry.in_use += 1
                    entry.used_at = self._clock()
                    connection = entry.free.pop() if entry.free else self._open(key, host)
                    self._start_sweeper()
                    break
                if not self._changed.wait(max(0.0, give_up - time.monotonic())):
                    raise OrderRefused(
                        f"{host.name}: {self._limits.sessions} sessions are in use on it and none became free "
                        f"within {self._limits.wait_s:g} s.",
                        hint="Wait for the orders that run there.",
                    )
        for old in doomed:
            old.close()
        return connection

    def _open(self, key: _Key, host: Host) -> Connection:
        if host.transport is Transport.LOCAL:
            return LocalConnection(host)
        if host.ssh is None:
            raise BadInput(f"{host.name}: the inventory says `ssh` but names no address.")
        from workers.connections.ssh import SshConnection  # noqa: PLC0415 - see TYPE_CHECKING above

        return SshConnection(host, settings=self._settings, holder=self._holder(key[2], host.name))

    def _holder(self, hops: tuple[SshHop, ...], name: str) -> LinkHolder:
        from workers.connections.link import LinkHolder, jump_name  # noqa: PLC0415 - see TYPE_CHECKING above

        if hops not in self._holders:
            parent = self._holder(hops[:-1], jump_name(hops[-2])) if len(hops) > 1 else None
            self._holders[hops] = LinkHolder(hops[-1], name=name, parent=parent, settings=self._settings)
        return self._holders[hops]

    def _give_back(self, key: _Key, connection: Connection) -> None:
        with self._changed:
            entry = self._entries.get(key)
            if entry is not None and not self._closed:
                entry.in_use -= 1
                entry.used_at = self._clock()
                entry.free.append(connection)
                self._changed.notify_all()
                return
        connection.close()

    def _make_room(self) -> list[Connection]:
        """Forget the host that was unused longest; its connections are for the caller to close."""
        idle = [(entry.used_at, key) for key, entry in self._entries.items() if not entry.in_use]
        if not idle:
            return []
        return self._entries.pop(min(idle, key=lambda pair: pair[0])[1]).free

    def _unused_holders(self) -> list[LinkHolder]:
        """Ways that no kept host uses any more, last hops first."""
        used = {key[2][:length] for key in self._entries for length in range(1, len(key[2]) + 1)}
        gone = sorted((hops for hops in self._holders if hops not in used), key=len, reverse=True)
        return [self._holders.pop(hops) for hops in gone]

    def _start_sweeper(self) -> None:
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._sweep_on, name="connection pool", daemon=True)
            self._sweeper.start()

    def _sweep_on(self) -> None:
        pause = max(1.0, self._limits.idle_s / 10)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=pause)
                if self._closed:
                    return
            self.sweep()


def _key(host: Host) -> _Key:
    hops = (*host.jumps, host.ssh) if host.ssh is not None else ()
    return (host.name, host.transport, hops, host.sudo, host.socket)
