"""Where the lab keeps things, all of it outside the checkout."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

#: label of every object the lab makes in the outer engine; its value is the fleet's id
LABEL = "dockwave.lab"
#: label of every host; its value is the fleet's state directory
STATE_LABEL = "dockwave.lab.state"


def cache_dir() -> Path:
    """The directory that outlives fleets: built images and packages."""
    if chosen := os.environ.get("DOCKWAVE_LAB_CACHE"):
        path = Path(chosen)
    elif os.geteuid() == 0:
        path = Path("/var/cache/dockwave-lab")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        path = Path(base) / "dockwave-lab"
    path.mkdir(parents=True, exist_ok=True)
    return path


def data_dir() -> Path:
    """The outer engine's data, when the lab started that engine itself."""
    return Path("/var/lib/dockwave-lab")


def runtime_dir() -> Path:
    """Sockets, process ids and locks; worthless after a reboot of the machine."""
    base = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")  # noqa: S108 - per-user fallback
    path = Path(base) / "dockwave-lab"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """No other process of this machine does the thing called ``name`` meanwhile."""
    with (runtime_dir() / f"{name}.lock").open("w") as handle:
        flock(handle, LOCK_EX)
        yield


def digest(*parts: bytes) -> str:
    """Twelve hexadecimal digits that change when any part does."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:12]
