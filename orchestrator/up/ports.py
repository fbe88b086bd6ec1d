"""Whether a port is free, and who holds it when it is not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from tasks.errors import BadInput

#: state "listening" in /proc/net/tcp
_LISTEN = "0A"

#: what getaddrinfo says of one address
_Info: TypeAlias = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]


def agents_address(text: str) -> str:
    """The one address, in numbers, at which agents reach this machine; BadInput for every address at once."""
    found = _resolve(text, 0, "Redis")[0][4][0]
    if ip_address(str(found)).is_unspecified:
        raise BadInput(
            f"--listen {text} is every address of this machine, and agents need one to connect to",
            hint="Give the address agents reach; `ip address` lists those there are.",
        )
    return str(found)


def require_free(address: str, port: int, purpose: str, option: str) -> None:
    """Return when `purpose` may listen there; BadInput names the holder and the option to change otherwise."""
    family, kind, _, _, place = _resolve(address, port, purpose)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise _refusal(error, address, port, purpose, option) from None


def _resolve(address: str, port: int, purpose: str) -> Sequence[_Info]:
    try:
        return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise BadInput(
            f"{purpose} cannot listen on {address}: {error.strerror}",
            hint="Give an IP address of this machine.",
        ) from None


def _refusal(error: OSError, address: str, port: int, purpose: str, option: str) -> BadInput:
    if error.errno == errno.EADDRINUSE:
        by = holder(port)
        return BadInput(
            f"Port {port} for {purpose} is taken{f' by {by}' if by else ''}",
            code="E_PORT_TAKEN",
            hint=f"Stop that process, or choose other ports with {option}.",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return BadInput(
            f"{purpose} cannot listen on {address}: this machine has no such address",
            hint="`ip address` lists the addresses it has.",
        )
    return BadInput(
        f"{purpose} cannot listen on {address} port {port}: {error.strerror}",
        hint=f"Choose other ports with {option}.",
    )


def holder(port: int) -> str:
    """ "redis-server (process 4711)" for the listener on that port; "" when this user cannot see it."""
    inodes = set[str]()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return _owner(inodes) if inodes else ""


def _owner(inodes: set[str]) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {process.name})"
        except OSError:
            continue  # another user's process, or one that has just ended
    return ""


def is_this_machine(name: str) -> bool:
    """Whether a host name or address is this very machine: one of its own addresses, or its own name."""
    if name.lower() in {socket.gethostname().lower(), socket.getfqdn().lower()}:
        return True
    try:
        found = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return False
    for family, kind, _, _, place in found:
        with socket.socket(family, kind) as probe:
            try:
                probe.bind(place)
            except OSError:
                continue
            return True
    return False
