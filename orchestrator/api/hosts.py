"""Hosts as they come in over the API: no unknown field, no name that is an option, no port out of range."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from tasks.model import Host, Protect, SshHop, Transport

#: names become queue names, journal keys and arguments: they can never be an option or a path
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}")
_ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:%_-]{0,252}")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}\$?")


def _known(kind: type[Any], value: Any) -> None:
    if isinstance(value, dict):
        known = {item.name for item in fields(kind)}
        unknown = sorted(set(map(str, value)) - known)
        if unknown:
            raise ValueError(f"unknown field {unknown[0][:80]!r}; known: {', '.join(sorted(known))}")


def _known_host(value: Any) -> Any:
    _known(Host, value)
    if isinstance(value, dict):
        jumps = value.get("jumps") or ()
        for hop in (value.get("ssh"), *(jumps if isinstance(jumps, list) else ())):
            _known(SshHop, hop)
    return value


def _known_protect(value: Any) -> Any:
    _known(Protect, value)
    return value


def _sane(host: Host) -> Host:
    if not _NAME.fullmatch(host.name):
        raise ValueError(f"host name {host.name[:80]!r} is not made of letters, digits, dots and dashes")
    if not _NAME.fullmatch(host.pool):
        raise ValueError(
            f"{host.name}: gateway pool {host.pool[:80]!r} is not made of letters, digits, dots and dashes"
        )
    if (host.ssh is None) != (host.transport is Transport.LOCAL):
        raise ValueError(f"{host.name}: exactly the hosts with transport ssh have an `ssh`")
    if not host.socket.startswith("/") or "\0" in host.socket:
        raise ValueError(f"{host.name}: socket {host.socket[:80]!r} is not an absolute path")
    for hop in (*host.jumps, *([host.ssh] if host.ssh else [])):
        _sane_hop(host.name, hop)
    return host


def _sane_hop(name: str, hop: SshHop) -> None:
    if not _ADDRESS.fullmatch(hop.address):
        raise ValueError(f"{name}: {hop.address[:80]!r} is no address")
    if not 1 <= hop.port <= 65535:
        raise ValueError(f"{name}: port {hop.port} is not from 1 to 65535")
    if not _USER.fullmatch(hop.user):
        raise ValueError(f"{name}: {hop.user[:80]!r} is no user name")
    for path in (hop.identity, hop.known_hosts):
        if path is not None and (not path.startswith("/") or "\0" in path):
            raise ValueError(f"{name}: {path[:80]!r} is not an absolute path")


HostBody = Annotated[Host, BeforeValidator(_known_host), AfterValidator(_sane)]
ProtectBody = Annotated[Protect, BeforeValidator(_known_protect)]
