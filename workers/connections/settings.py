"""What a worker decides about its SSH connections; hosts can override the two paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSettings:
    """Defaults and limits of every SSH connection of one process."""

    #: private key for hosts that name none; None = the first usual key in ~/.ssh
    identity: Path | None = None
    #: known_hosts file for hosts that name none; None = ~/.ssh/known_hosts
    known_hosts: Path | None = None
    #: seconds for a whole connect: TCP, greeting, handshake, log-in, with its retries
    connect_s: float = 30.0
    #: seconds for a channel to open on a warm connection; past it the connection counts as stale
    channel_s: float = 15.0
    #: seconds between keepalives on a quiet connection
    keepalive_s: float = 15.0
    #: seconds of silence, keepalives unanswered, after which a connection is dead
    dead_after_s: float = 60.0

    @property
    def known_hosts_path(self) -> Path:
        """The known_hosts file for hosts that name none."""
        return self.known_hosts or Path.home() / ".ssh" / "known_hosts"
