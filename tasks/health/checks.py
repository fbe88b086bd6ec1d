"""The words of a health check: what is checked, and how well it can be."""

from __future__ import annotations

from enum import StrEnum

from tasks.record import Record


class Level(StrEnum):
    """How well a host is."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    #: not known, because something needed for the answer could not be read
    UNKNOWN = "UNKNOWN"

    @property
    def exit_code(self) -> int:
        """The number monitoring systems expect: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
        return list(Level).index(self)


class CheckName(StrEnum):
    """What is checked."""

    #: docker.service, docker.socket and containerd.service
    SERVICE = "service"
    #: systemd refuses to start the engine because it was started too often
    START_LIMIT = "start_limit"
    #: the daemon answers a ping and lists its containers
    DAEMON = "daemon"
    DISK = "disk"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    DEAD = "dead"
    PAUSED = "paused"
    OOM = "oom"
    #: running containers nobody checks
    NO_HEALTHCHECK = "no_healthcheck"
    #: the running daemon is the one installed
    VERSION = "version"
    #: the running daemon has read its present configuration
    CONFIG = "config"
    CLOCK = "clock"
    LIVE_RESTORE = "live_restore"


class Check(Record):
    """One answer."""

    name: str
    level: Level
    value: int | float | str | None = None
    unit: str = ""
    #: what it was compared with, in words
    threshold: str = ""
    detail: str = ""
