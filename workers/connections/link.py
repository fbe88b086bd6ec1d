"""Opens SSH connections: the host's key is checked, we log in, and one warm connection per endpoint is kept."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tasks.errors import DeadlineExceeded, HostKeyChanged, HostKeyUnknown, Unreachable
from tasks.model import SshHop
from workers.connections.deadline import Deadline
from workers.connections.keys import Identity, default_identity, load_identity
from workers.connections.known_hosts import HostKey, known_name, load_known_hosts
from workers.connections.line import RawLine
from workers.connections.settings import SshSettings
from workers.connections.wire import ChannelRefused, NeverGreeted, Wire

#: handshakes one process has under way at once; sshd starts to drop connections at 10 (MaxStartups 10:30:100)
_HANDSHAKES = threading.BoundedSemaphore(8)
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_JUMP = "jump host "
_RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")

T = TypeVar("T")


class LinkHolder:
    """Keeps the one warm connection to an endpoint, and opens it again after it died; any thread may use it."""

    def __init__(self, hop: SshHop, *, name: str, parent: LinkHolder | None, settings: SshSettings) -> None:
        """Hold nothing yet; `parent` holds the connection to the hop before this one."""
        self.hop = hop
        self.parent = parent
        self._name = name
        self._settings = settings
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._retired: list[Wire] = []

    def wire(self, deadline: Deadline) -> Wire:
        """The warm connection, opened now when there is none; several callers share one handshake."""
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise DeadlineExceeded(f"{self._name}: the connection was not open in time.")
        try:
            if self._wire is None or not self._wire.alive:
                self._drop()
                self._wire = open_wire(
                    self.hop, name=self._name, parent=self.parent, settings=self._settings, deadline=deadline
                )
            return self._wire
        finally:
            self._lock.release()

    def open(self, opener: Callable[[Wire, Deadline], T], deadline: Deadline) -> T:
        """Open a channel; when the kept connection turns out stale, once more on a new one.

        Opening a channel starts nothing on the host, so trying twice is safe; nothing else is ever repeated.
        """
        connect = deadline.clip(self._settings.connect_s)
        wire = self.wire(connect)
        try:
            return opener(wire, deadline.clip(self._settings.channel_s))
        except ChannelRefused:
            raise
        except (Unreachable, DeadlineExceeded):
            self.retire(wire)
            if deadline.expired:
                raise
        return opener(self.wire(deadline.clip(self._settings.connect_s)), deadline)

    def retire(self, wire: Wire) -> None:
        """Use `wire` for nothing new; programs that still run on it keep it until they end."""
        with self._lock:
            if self._wire is wire:
                self._wire = None
                self._retired.append(wire)
        self.reap()

    def reap(self) -> None:
        """Close retired connections that nobody uses any more."""
        with self._lock:
            for wire in [wire for wire in self._retired if not (wire.alive and wire.busy)]:
                self._retired.remove(wire)
                wire.close()

    def close(self) -> None:
        """Close the connection and everything on it; the holder can be used again."""
        with self._lock:
            self._drop()
            for wire in self._retired:
                wire.close()
            self._retired.clear()

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


def holder_chain(hops: tuple[SshHop, ...], *, name: str, settings: SshSettings) -> LinkHolder:
    """A holder for the last of `hops`, reached through those before it."""
    holder: LinkHolder | None = None
    for position, hop in enumerate(hops, 1):
        hop_name = name if position == len(hops) else jump_name(hop)
        holder = LinkHolder(hop, name=hop_name, parent=holder, settings=settings)
    if holder is None:
        raise Unreachable(f"{name}: the inventory names no SSH address.", hint="Give it an `ssh:` section.")
    return holder


def open_wire(
    hop: SshHop, *, name: str, parent: LinkHolder | None, settings: SshSettings, deadline: Deadline
) -> Wire:
    """A connection to `hop`, checked and logged in.

    Only a connection that the server dropped before its greeting is tried again, with a growing random pause:
    that is how sshd sheds load (MaxStartups), and nothing has happened on the host by then.
    """
    # read first: a bad key file is an error of ours and needs no network to be found
    key = load_identity(
        Path(hop.identity).expanduser() if hop.identity else settings.identity or default_identity()
    )
    pause = _FIRST_PAUSE_S
    while True:
        try:
            return _connect(hop, key, name=name, parent=parent, settings=settings, deadline=deadline)
        except NeverGreeted as dropped:
            if deadline.remaining() < pause:
                raise Unreachable(
                    f"{dropped.message} It was tried until the deadline.",
                    hint="Look for a full MaxStartups, a firewall, or a service that is not sshd on that port.",
                ) from dropped
        time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads load, protects nothing
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _connect(
    hop: SshHop,
    key: Identity,
    *,
    name: str,
    parent: LinkHolder | None,
    settings: SshSettings,
    deadline: Deadline,
) -> Wire:
    # a jump host may need a handshake of its own: it must not wait for a turn while we hold one
    raw = dial(hop, name=name, parent=parent, deadline=deadline) if parent else None
    wire: Wire | None = None
    try:
        with _Handshake(name, deadline):
            raw = raw or dial(hop, name=name, parent=None, deadline=deadline)
            wire = Wire(
                raw,
                where=place(hop, name),
                keepalive_s=settings.keepalive_s,
                dead_after_s=settings.dead_after_s,
            )
            known = load_known_hosts(known_hosts_path(hop, settings)).keys(known_name(hop))
            wire.prefer(tuple(algorithm for known_key in known for algorithm in algorithms(known_key.type)))
            wire.greet(deadline)
            check_key(hop, wire.shown_key(), name=name, settings=settings)
            wire.log_in(hop.user, key, deadline)
            return wire
    except BaseException:
        for line in (wire, raw):
            if line is not None:
                line.close()
        raise


def dial(hop: SshHop, *, name: str, parent: LinkHolder | None, deadline: Deadline) -> RawLine:
    """A byte line to the endpoint: TCP, or a channel through the hop before it."""
    if parent is not None:
        return parent.open(lambda wire, until: wire.open_tcp(hop.address, hop.port, until), deadline)
    where = place(hop, name)
    try:
        raw = socket.create_connection((hop.address, hop.port), timeout=max(0.001, deadline.remaining()))
    except TimeoutError as error:
        raise Unreachable(f"{where}: no answer to the TCP connect in time.") from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{where}: no connection: {getattr(error, 'strerror', None) or error}.") from error
    # without it Nagle and delayed acknowledgements add 40 ms to every command
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def jump_name(hop: SshHop) -> str:
    """How messages name a hop that leads to hosts."""
    return f"{_JUMP}{hop.address}"


def place(hop: SshHop, name: str) -> str:
    """How messages name an endpoint."""
    return f"{name} ({known_name(hop)})"


def known_hosts_path(hop: SshHop, settings: SshSettings) -> Path:
    """The known_hosts file that decides about `hop`."""
    return Path(hop.known_hosts).expanduser() if hop.known_hosts else settings.known_hosts_path


def algorithms(key_type: str) -> tuple[str, ...]:
    """The signature algorithms a key of this type can be asked for; RSA only with SHA-2."""
    return _RSA_ALGORITHMS if key_type == "ssh-rsa" else (key_type,)


def check_key(hop: SshHop, shown: HostKey, *, name: str, settings: SshSettings) -> None:
    """Return when the endpoint is known by the key it showed; nothing is ever added by itself."""
    path = known_hosts_path(hop, settings)
    known = load_known_hosts(path)
    endpoint = known_name(hop)
    if shown in known.revoked(endpoint):
        raise HostKeyChanged(
            f"{name}: {endpoint} shows the key {shown}, which {path} marks as revoked.",
            hint="Do not connect. Find out who answers there.",
        )
    trust = "`dockwave hosts trust NAME` for a host behind it"
    if not name.startswith(_JUMP):
        trust = f"`dockwave hosts trust {name}`"
    keys = known.keys(endpoint)
    if shown in keys:
        return
    if not keys:
        raise HostKeyUnknown(
            f"{name}: {endpoint} is not in {path}; it shows the key {shown}.",
            hint=f"Compare the fingerprint with the host's own, then run {trust}.",
        )
    raise HostKeyChanged(
        f"{name}: {endpoint} shows the key {shown}, but {path} knows {', '.join(map(str, keys))}.",
        hint="Somebody may be in between. If the host was rebuilt, compare the fingerprint with the host's "
        f"own, then run {trust} with --replace.",
    )


class _Handshake:
    """A place among the handshakes that may be under way at once."""

    def __init__(self, name: str, deadline: Deadline) -> None:
        self._name = name
        self._deadline = deadline

    def __enter__(self) -> None:
        if not _HANDSHAKES.acquire(timeout=self._deadline.remaining()):
            raise Unreachable(f"{self._name}: no turn to connect in time; other connects are slow or hang.")

    def __exit__(self, *_: object) -> None:
        _HANDSHAKES.release()
