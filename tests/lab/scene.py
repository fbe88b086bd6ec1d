"""A fleet with a control plane, for scenarios: hosts run two containers each, and what they were is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deploy.lab import apps
from deploy.lab import fleet as lab
from deploy.lab.host import Host
from deploy.lab.record import Fleet
from tests.lab import agent, observed
from tests.lab.plane import Plane, control_plane

#: what `dockwave run engine.upgrade` is told to reach trixie's engine
UPGRADE = (
    "engine.upgrade",
    "--set",
    "version=26.1",
    "--set",
    "allow_major=true",
    "--set",
    "allow_container_stop=true",
)
#: hosts prepared at a time
WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Hosts, control plane, and every host's state before anything was done."""

    fleet: Fleet
    hosts: dict[str, Host]
    plane: Plane
    before: dict[str, dict[str, object]]

    def host(self, name: str) -> Host:
        """A host by name."""
        return self.hosts[name]

    def start(self, on: str, *flags: str) -> str:
        """Plan and apply an engine upgrade; the campaign's id."""
        return self.plane.campaign(UPGRADE[0], on, *UPGRADE[1:], *flags)

    def upgraded(self, name: str) -> None:
        """The host runs the new engine, in one transaction, and its containers kept their processes."""
        host = self.hosts[name]
        assert observed.server_version(host).startswith("26.1"), name
        assert len(observed.package_transactions(host)) == 1, (name, observed.dpkg_changes(host))
        assert observed.running(host) == self.before[name]["running"], name
        assert observed.holds(host) == self.before[name]["holds"], name

    def untouched(self, name: str) -> None:
        """Nothing at all happened to the host."""
        host = self.hosts[name]
        assert observed.snapshot(host) == self.before[name], name
        assert observed.package_transactions(host) == [], name
        assert not any(entry["kind"] == "accepted" for entry in observed.journal(host)), name

    def back_to_snapshot(self, name: str) -> None:
        """The host is again exactly what it was."""
        assert observed.snapshot(self.hosts[name]) == self.before[name], name


@contextmanager
def scene(
    folder: Path,
    names: Sequence[str],
    *,
    options: Sequence[str] = (),
    labels: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Iterator[Scene]:
    """A fresh fleet with running containers and a control plane that is up."""
    fleet = lab.up(names, folder / "lab")
    try:
        hosts = {host.name: host for host in fleet.hosts}
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(populate, hosts.values()))
            before = dict(zip(hosts, pool.map(observed.snapshot, hosts.values()), strict=True))
        inventory = agent.inventory(fleet, folder / "inventory.yaml", labels=labels)
        with control_plane(folder, inventory, options=options) as plane:
            yield Scene(fleet=fleet, hosts=hosts, plane=plane, before=before)
    finally:
        lab.down(folder / "lab")


def populate(host: Host) -> None:
    """Two services and a volume with data; dpkg's log starts afresh."""
    apps.load(host, apps.App(reference="shop:1"))
    host.run_all(
        *(
            ("docker", "run", "--detach", f"--name=shop-{number}", "--restart=unless-stopped", "shop:1")
            for number in (1, 2)
        ),
        ("docker", "volume", "create", "shop-data"),
    )
    observed.forget_history(host)


def by_state(shown: dict[str, Any]) -> dict[str, set[str]]:
    """Names of the hosts in each state."""
    states: dict[str, set[str]] = {}
    for wave in shown["waves"]:
        for host in wave["hosts"]:
            states.setdefault(host["state"], set()).add(host["host"])
    return states
