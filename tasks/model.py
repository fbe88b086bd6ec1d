"""The records both sides share: what a Host is, how it is reached, what kinds of procedure exist.

Standard library only: the pure campaign core imports this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Transport(StrEnum):
    """How orders reach a host."""

    #: an agent on the host itself, on the local Docker socket; queue host.<name>
    LOCAL = "local"
    #: a gateway worker over SSH; queue gw.<pool>
    SSH = "ssh"


class Kind(StrEnum):
    """What a procedure may do to a host (procedures.md section 0)."""

    #: reads only
    READ_ONLY = "RO"
    #: changes, reversible
    CHANGING = "CH"
    #: loses data or history
    DESTRUCTIVE = "DX"


class UndoClass(StrEnum):
    """Whether a step can be taken back (rollout-semantics.md section 2)."""

    #: the very state before comes back (versions, configuration)
    EXACT = "exact"
    #: an equal object can be made again (an image by digest)
    RECREATABLE = "re-creatable"
    #: gone for good (volumes, logs, container file systems)
    ONE_WAY = "one-way"
    #: nothing to take back
    NONE = "none"


#: how an undo's preview marks what it does not bring back
GONE_FOR_GOOD = "gone for good"


class Mode(StrEnum):
    """What an order asks of a host."""

    #: say what would be done; changes nothing, takes no exclusive lock
    PLAN = "plan"
    #: do it; an attempt the journal knows is continued or answered, never run twice
    APPLY = "apply"
    #: continue or answer an attempt the journal knows; never start a new one
    RESUME = "resume"
    #: read the host again after the soak and judge it as the attempt's verification did; changes nothing
    CHECK = "check"
    #: bring the host back to the snapshot of an earlier attempt
    UNDO = "undo"
    #: do no further step of an attempt, whichever worker is at it; one the host does not know yet never starts
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHop:
    """One SSH endpoint; secrets are named by path, never carried."""

    #: host name or address to connect to
    address: str
    port: int = 22
    user: str = "root"
    #: path of the private key on the gateway; None = the gateway's default identity
    identity: str | None = None
    #: path of a known_hosts file on the gateway; None = the gateway's default
    known_hosts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A Docker host of the inventory, with everything needed to reach it and nothing secret."""

    #: unique, lower-case; never starts with "-"; also queue name and journal key
    name: str
    transport: Transport
    #: where and how to connect; None for LOCAL
    ssh: SshHop | None = None
    #: hops before the host, outermost first
    jumps: tuple[SshHop, ...] = ()
    #: run privileged commands through `sudo -n`
    sudo: bool = False
    #: gateway pool that serves this host; "default" unless the inventory says otherwise
    pool: str = "default"
    #: groups the host is in, sorted, parents included
    groups: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    #: package family: auto | docker.io | docker-ce
    engine_family: str = "auto"
    #: Docker Engine socket on the host
    socket: str = "/var/run/docker.sock"

    @property
    def queue(self) -> str:
        """The Celery queue its orders go to."""
        return f"host.{self.name}" if self.transport is Transport.LOCAL else f"gw.{self.pool}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protect:
    """Objects no clean-up may touch, whatever labels say; globs, matched as written in the inventory."""

    images: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    #: label selectors `key` or `key=value`
    labels: tuple[str, ...] = ("dockwave.protect",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All hosts of one or several inventory files, in natural order, names unique without regard to case."""

    hosts: tuple[Host, ...]
    #: group name -> names of all its hosts, children included
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protect: Protect = field(default_factory=Protect)
    #: files it was read from, for messages
    sources: tuple[str, ...] = ()
