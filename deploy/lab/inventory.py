"""The fleet as a Dockwave inventory: the product's own format, version 1."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from deploy.lab.host import Host


def text(hosts: Sequence[Host], *, key: Path, known_hosts: Path) -> str:
    """An inventory file that reaches every host over SSH as root with strict host keys."""
    lines = [
        "# The lab's fleet. Every host is real: its own systemd, sshd, apt and Docker Engine.",
        "version: 1",
        "defaults:",
        "  connect: ssh",
        "  ssh:",
        "    user: root",
        "    port: 22",
        f"    identity: {json.dumps(str(key))}",
        f"    known_hosts: {json.dumps(str(known_hosts))}",
        "hosts:",
    ]
    lines += [f"  {host.name}: {{address: {json.dumps(host.address)}}}" for host in hosts]
    if groups := _groups(host.name for host in hosts):
        lines.append("groups:")
        lines += [f"  {group}: {{hosts: [{', '.join(names)}]}}" for group, names in groups.items()]
    return "\n".join([*lines, ""])


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    """Hosts by the part of their names before a final number: web-1 and web-2 are the group web."""
    groups: dict[str, list[str]] = {}
    for name in names:
        prefix, _, number = name.rpartition("-")
        if prefix and number.isdigit():
            groups.setdefault(prefix, []).append(name)
    return groups
