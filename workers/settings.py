"""What a worker process needs to know, from its environment; read once at start, frozen after."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.connection import Secret
from tasks.errors import BadInput
from tasks.model import Transport
from workers.journal import HostPaths

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """One worker: an agent for one host, or a member of a gateway pool."""

    kind: Transport
    #: host name of the agent, or name of the pool
    name: str
    broker_url: Secret
    #: orders worked on at the same time
    concurrency: int
    #: machine it runs on, and which of the pool's members on it: together they tell members apart
    node: str
    number: int
    #: seconds of one blocking pop; long, so that an idle agent costs almost nothing
    polling_interval_s: float
    #: warm SSH connections kept at most
    max_connections: int
    #: seconds an idle SSH connection is kept warm
    idle_s: float
    log_level: str
    #: where the hosts' journals are; an agent without root keeps its own below its home
    paths: HostPaths

    @property
    def queue(self) -> str:
        """The one queue this worker consumes."""
        return f"host.{self.name}" if self.kind is Transport.LOCAL else f"gw.{self.name}"

    @property
    def hostname(self) -> str:
        """Its name in Flower and in reports."""
        if self.kind is Transport.LOCAL:
            return f"agent@{self.name}"
        return f"gw-{self.name}-{self.number}@{self.node}"


def read_settings(kind: Transport, name: str, environ: Mapping[str, str]) -> WorkerSettings:
    """Read the settings of a worker; BadInput names the variable, the value and what would do."""
    clean = name.strip().lower()
    if not _NAME.fullmatch(clean):
        raise BadInput(
            f"A worker cannot be named {name[:80]!r}",
            hint="Use the host's inventory name or the pool's name: letters, digits, dots, dashes.",
        )
    broker = environ.get("DOCKWAVE_BROKER_URL", "")
    if not broker:
        raise BadInput(
            "DOCKWAVE_BROKER_URL is not set",
            hint="Set it to redis://USER:PASSWORD@ADDRESS:PORT/0; `dockwave status` prints the control plane's.",
        )
    agent = kind is Transport.LOCAL
    return WorkerSettings(
        kind=kind,
        name=clean,
        broker_url=Secret(broker),
        concurrency=int(_number(environ, "DOCKWAVE_CONCURRENCY", 2 if agent else 32, low=1, high=512)),
        number=int(_number(environ, "DOCKWAVE_NUMBER", 1, low=1, high=999)),
        node=environ.get("DOCKWAVE_NODE") or socket.gethostname(),
        polling_interval_s=_number(environ, "DOCKWAVE_POLL_S", 5 if agent else 1, low=0.1, high=60),
        max_connections=int(_number(environ, "DOCKWAVE_MAX_CONNECTIONS", 512, low=1, high=10_000)),
        idle_s=_number(environ, "DOCKWAVE_IDLE_S", 300, low=1, high=86_400),
        log_level=environ.get("DOCKWAVE_LOG_LEVEL", "INFO").upper(),
        paths=_paths(kind, environ),
    )


def _paths(kind: Transport, environ: Mapping[str, str]) -> HostPaths:
    """The usual places, except for an agent that is not root: it can only run what needs none."""
    root = environ.get("DOCKWAVE_HOST_ROOT", "")
    if not root and kind is Transport.LOCAL and os.geteuid() != 0:
        state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        root = f"{state}/dockwave/host"
    if not root:
        return HostPaths()
    if not root.startswith("/"):
        raise BadInput(f"DOCKWAVE_HOST_ROOT cannot be {root[:80]!r}", hint="Give an absolute path.")
    return HostPaths(root=root, lock=f"{root}.lock")


def _number(environ: Mapping[str, str], name: str, default: float, *, low: float, high: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise BadInput(f"{name} cannot be {text[:80]!r}", hint=f"Give a number from {low:g} to {high:g}.")
    return value
