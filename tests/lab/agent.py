"""Puts agents on lab hosts, and asks Flower."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deploy.agent import wheelhouse
from deploy.lab.host import Host
from deploy.lab.record import Fleet
from tests.lab.plane import Plane

TREE = Path(__file__).resolve().parents[2]
#: Python of the lab's hosts (Debian trixie)
HOST_PYTHON = "3.13"


def inventory(
    fleet: Fleet,
    path: Path,
    *,
    agents: Sequence[str] = (),
    labels: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Path:
    """Write an inventory of the fleet in which some hosts have an agent of their own, or labels."""
    key, known = json.dumps(str(fleet.key)), json.dumps(str(fleet.known_hosts))
    lines = [
        "version: 1",
        "defaults:",
        "  connect: ssh",
        f"  ssh: {{user: root, identity: {key}, known_hosts: {known}}}",
        "hosts:",
    ]
    for host in fleet.hosts:
        how = "connect: local" if host.name in agents else f"address: {host.address}"
        labelled = json.dumps(dict(labels.get(host.name, {})))
        lines.append(f"  {host.name}: {{{how}, labels: {labelled}}}")
    path.write_text("\n".join(lines) + "\n")
    return path


def gateway_address(fleet: Fleet) -> str:
    """The machine's own address in the fleet's network."""
    network = fleet.hosts[0].address.rsplit(".", 1)[0]
    return f"{network}.1"


def install(host: Host, plane: Plane, wheels: Path) -> None:
    """Install the agent on the host from a wheelhouse and start its unit."""
    wheelhouse.build(wheels, python=HOST_PYTHON)
    host.run("mkdir", "-p", "/root/dockwave-install")
    host.run("tar", "-x", "-C", "/root/dockwave-install", stdin=_bundle(wheels))
    host.run(
        "python3",
        "/root/dockwave-install/install.py",
        f"--host={host.name}",
        "--wheels=/root/dockwave-install/wheels",
        "--unit=/root/dockwave-install/dockwave-worker@.service",
        stdin=(plane.data / "agent.env").read_bytes(),
        timeout_s=300,
    )


def flower_tasks(plane: Plane, *, at_least: int = 1) -> dict[str, dict[str, Any]]:
    """Every task Flower knows, by id."""
    end = time.monotonic() + 20
    while True:
        tasks = _flower(plane, "/api/tasks?limit=1000")
        if len(tasks) >= at_least or time.monotonic() > end:
            return tasks
        time.sleep(0.5)


def _flower(plane: Plane, path: str) -> dict[str, dict[str, Any]]:
    port = json.loads((plane.data / "endpoints.json").read_text())["flower_port"]
    password = next(plane.data.glob("*flower*password*")).read_text().strip()
    token = base64.b64encode(f"dockwave:{password}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Basic {token}"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        tasks: dict[str, dict[str, Any]] = json.load(response)
    return tasks


def _bundle(wheels: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for wheel in wheels.glob("*.whl"):
            tar.add(wheel, arcname=f"wheels/{wheel.name}")
        tar.add(TREE / "deploy" / "agent" / "install.py", arcname="install.py")
        tar.add(TREE / "deploy" / "systemd" / "dockwave-worker@.service", arcname="dockwave-worker@.service")
    return buffer.getvalue()
