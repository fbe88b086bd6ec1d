"""The data directory: private to its owner, one supervisor at a time, its state readable after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.settings.file import read_private_json
from orchestrator.settings.settings import ENDPOINTS
from orchestrator.up.process_id import ProcessId
from tasks.errors import BadInput

STATE = "up.json"
LOCK = "up.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpState:
    """What a supervisor last wrote about itself; true only while the processes it names are alive."""

    supervisor: ProcessId
    healthy: bool = False
    children: dict[str, ProcessId] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    #: names and addresses for people; nothing secret
    urls: dict[str, str] = field(default_factory=dict)


def open_data_dir(path: Path) -> None:
    """Make the directory, private to us; BadInput when it is not ours or cannot be written."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
        for folder in ("logs", "redis"):
            (path / folder).mkdir(exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"dockwave")
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else path
        hint = "Choose another with --data-dir, or correct owner and permissions."
        raise BadInput(
            f"The data directory {path} cannot be used ({place}: {error.strerror})", hint=hint
        ) from None
    if status.st_uid != os.geteuid():
        raise BadInput(
            f"The data directory {path} belongs to user {status.st_uid}, not to us ({os.geteuid()})",
            hint="Run as that user, or choose another with --data-dir.",
        )
    if status.st_mode & 0o022:
        raise BadInput(
            f"The data directory {path} can be written by others (mode {oct(status.st_mode & 0o777)})",
            hint=f"chmod 700 {path}",
        )


def write_private_text(path: Path, content: str) -> None:
    """Replace the file atomically, mode 0600."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    Path(name).replace(path)


def write_private_json(path: Path, content: dict[str, Any]) -> None:
    """Replace the file atomically, mode 0600."""
    write_private_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def write_state(data_dir: Path, state: UpState) -> None:
    """Keep the state for `dockwave status`, `dockwave down` and the next start."""
    write_private_json(data_dir / STATE, asdict(state))


def read_state(data_dir: Path) -> UpState | None:
    """The last supervisor's state, alive or not; None when there is none we can read."""
    raw = read_private_json(data_dir / STATE)
    try:
        children = {name: ProcessId(**item) for name, item in raw["children"].items()}
        return UpState(**(raw | {"supervisor": ProcessId(**raw["supervisor"]), "children": children}))
    except (KeyError, TypeError, AttributeError):
        return None


def forget(data_dir: Path) -> None:
    """Remove what says that something runs here."""
    for name in (STATE, ENDPOINTS):
        (data_dir / name).unlink(missing_ok=True)


@contextmanager
def sole_supervisor(data_dir: Path) -> Iterator[None]:
    """Hold the directory's lock; BadInput when another supervisor has it."""
    descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = read_state(data_dir)
            who = f" (process {state.supervisor.pid})" if state else ""
            raise BadInput(
                f"Dockwave already runs in {data_dir}{who}",
                code="E_ALREADY_UP",
                hint="`dockwave status` shows it, `dockwave down` stops it; or use another --data-dir.",
            ) from None
        yield
    finally:
        os.close(descriptor)
