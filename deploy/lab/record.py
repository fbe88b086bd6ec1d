"""What a fleet is: its record, kept as fleet.json in the state directory."""

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from deploy.lab import keys
from deploy.lab.command import LabError, run
from deploy.lab.host import Host
from deploy.lab.outer import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Hosts that were brought up together."""

    #: six hexadecimal digits, part of every object's name and label in the outer engine
    id: str
    #: directory with fleet.json, key, known_hosts and inventory.yaml
    state: Path
    #: the outer engine
    engine: Engine
    #: tag of the image the hosts were made from
    image: str
    #: network name in the outer engine
    network: str
    #: network in CIDR notation
    subnet: str
    #: address of this machine as the hosts see it: where a control plane listens for agents
    gateway: str
    #: container flags that give a host its powers on this machine
    powers: tuple[str, ...]
    #: the hosts, in the order of their names as given
    hosts: tuple[Host, ...]

    @property
    def key(self) -> Path:
        """The operator's private key."""
        return self.state / "key"

    @property
    def known_hosts(self) -> Path:
        """What the operator knows about host keys."""
        return self.state / "known_hosts"

    @property
    def inventory(self) -> Path:
        """The fleet as a Dockwave inventory."""
        return self.state / "inventory.yaml"

    def host(self, name: str) -> Host:
        """The host of that name."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"no host {name!r} in this fleet; it has {', '.join(h.name for h in self.hosts)}")

    def host_key(self, host: Host) -> Path:
        """The private host key the lab gave this host."""
        return self.state / "hostkeys" / host.name

    def ssh_argv(self, host: Host, *command: str, user: str = "root") -> list[str]:
        """An OpenSSH command line with this fleet's key and strict host keys."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "IdentitiesOnly": "yes",
            "IdentityFile": str(self.key),
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
        }
        flags = [f"-o{name}={value}" for name, value in options.items()]
        return ["ssh", "-F", "/dev/null", *flags, f"{user}@{host.address}", "--", *command]

    def ssh(self, host: Host, *command: str, user: str = "root", timeout_s: float = 60) -> str:
        """The command succeeded over real SSH; its words must be safe for the remote shell."""
        return run(self.ssh_argv(host, *command, user=user), timeout_s=timeout_s)

    def trust_all(self) -> None:
        """known_hosts holds exactly the host keys the lab gave out."""
        text = keys.known_hosts({host.address: self.host_key(host) for host in self.hosts})
        self.known_hosts.write_text(text)


def save(fleet: Fleet) -> None:
    """fleet.json says everything ``load`` and other programs need."""
    hosts = [{"name": h.name, "address": h.address, "container": h.container} for h in fleet.hosts]
    record = {
        "version": 1,
        "id": fleet.id,
        "engine": fleet.engine.address,
        "image": fleet.image,
        "network": fleet.network,
        "subnet": fleet.subnet,
        "gateway": fleet.gateway,
        "powers": list(fleet.powers),
        "key": str(fleet.key),
        "known_hosts": str(fleet.known_hosts),
        "inventory": str(fleet.inventory),
        "hosts": hosts,
    }
    (fleet.state / "fleet.json").write_text(json.dumps(record, indent=2) + "\n")


def load(state: Path) -> Fleet:
    """The fleet a state directory describes."""
    file = state.resolve() / "fleet.json"
    try:
        record = json.loads(file.read_text())
        engine = Engine(address=record["engine"])
        hosts = tuple(Host(engine=engine, **host) for host in record["hosts"])
        return Fleet(
            id=record["id"],
            state=state.resolve(),
            engine=engine,
            image=record["image"],
            network=record["network"],
            subnet=str(ipaddress.ip_network(record["subnet"])),
            gateway=record["gateway"],
            powers=tuple(record["powers"]),
            hosts=hosts,
        )
    except FileNotFoundError as missing:
        raise LabError(
            f"{file}: no fleet here; start one: python3 -m deploy.lab up --state {state}"
        ) from missing
    except (ValueError, KeyError, TypeError) as broken:
        raise LabError(
            f"{file}: not a fleet's description ({broken}); python3 -m deploy.lab down --all"
        ) from broken
