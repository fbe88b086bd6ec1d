"""Shows the keys of a host that is not known yet, and writes those a person has compared into known_hosts."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tasks.errors import BadInput, HostKeyChanged, Unreachable
from tasks.model import SshHop
from workers.connections.deadline import Deadline
from workers.connections.known_hosts import HostKey, KnownLine, known_name, parse_line
from workers.connections.link import algorithms, dial, holder_chain, place
from workers.connections.settings import SshSettings
from workers.connections.wire import Wire

__all__ = ["HostKey", "fetch_host_keys", "trust"]

#: kinds of keys a host is asked for, strongest first
_KEY_TYPES: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)


def fetch_host_keys(
    hop: SshHop,
    jumps: tuple[SshHop, ...] = (),
    *,
    name: str = "",
    settings: SshSettings | None = None,
    timeout_s: float = 30.0,
) -> list[HostKey]:
    """Every key the endpoint shows, one per kind, without logging in; jump hosts must be known already.

    Nothing proves that the right host answered: a person compares the fingerprints.
    """
    limits = settings or SshSettings()
    name = name or hop.address
    deadline = Deadline.after(timeout_s)
    parent = holder_chain(jumps, name=name, settings=limits) if jumps else None
    found: list[HostKey] = []
    refusal: Unreachable | None = None
    try:
        for key_type in _KEY_TYPES:
            raw = dial(hop, name=name, parent=parent, deadline=deadline)
            wire = Wire(
                raw,
                where=place(hop, name),
                keepalive_s=limits.keepalive_s,
                dead_after_s=limits.dead_after_s,
            )
            try:
                wire.insist(algorithms(key_type))
                wire.greet(deadline)
                found.append(wire.shown_key())
            except Unreachable as error:
                refusal = error  # it has no key of this kind, or is no sshd at all
            finally:
                wire.close()
    finally:
        while parent is not None:
            parent.close()
            parent = parent.parent
    if not found:
        raise refusal or Unreachable(f"{name}: shows no host key.")
    return found


def trust(path: Path, hop: SshHop, keys: Iterable[HostKey], *, replace: bool = False) -> int:
    """Make `path` know the endpoint by `keys`; the number of keys that are new there.

    A different key of the same kind stops it, unless `replace`: then every key the file had for the endpoint
    goes. The file is exchanged in one step and readable by its owner only.
    """
    wanted = tuple(dict.fromkeys(keys))
    if not wanted:
        raise BadInput(f"There is no key to trust for {known_name(hop)}.")
    name = known_name(hop)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_writer(path):
        text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
        lines = text.splitlines()
        known = [line for line in map(parse_line, lines) if line and not line.marker and line.matches(name)]
        kinds = {key.type for key in wanted}
        others = [line.key for line in known if line.key.type in kinds and line.key not in wanted]
        if others and not replace:
            raise HostKeyChanged(
                f"{path} knows {name} by {', '.join(map(str, others))}; it now shows "
                f"{', '.join(map(str, wanted))}.",
                hint="If the host was rebuilt, compare the fingerprint there, then repeat with --replace.",
            )
        if replace:
            lines = [kept for line in lines for kept in _without(line, name)]
            known = []
        have = {line.key for line in known}
        new = [key for key in wanted if key not in have]
        lines += [f"{name} {key.type} {key.base64}" for key in new]
        _exchange(path, "".join(line + "\n" for line in lines))
        return len(new)


def _without(text: str, name: str) -> Iterator[str]:
    """The line without `name`; nothing when it named nothing else."""
    line = parse_line(text)
    if line is None or line.marker or not line.matches(name):
        yield text
        return
    rest = tuple(
        entry for entry in line.names if not KnownLine(marker="", names=(entry,), key=line.key).matches(name)
    )
    if rest:
        yield f"{','.join(rest)} {line.key.type} {line.key.base64}"


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    """Keep a second `hosts trust` from losing this one's lines."""
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exchange(path: Path, text: str) -> None:
    """Put `text` in the file's place, whole or not at all."""
    # mkstemp makes it 0600 whatever the umask is
    handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
