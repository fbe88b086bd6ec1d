"""A private network per fleet, beside every network this machine already knows."""

import ipaddress
import json
import secrets

from deploy.lab.command import LabError, attempt
from deploy.lab.outer import Engine
from deploy.lab.places import LABEL, locked

#: where fleets get their /24 from; unusual on purpose, so that it rarely meets a real network
POOL = ipaddress.IPv4Network("10.213.0.0/16")
#: hosts per fleet
CAPACITY = 200
TRIES = 20
#: IPv6 needs this much; a smaller figure is some tunnel of its own
SMALLEST_MTU = 1280


def create(engine: Engine, name: str, fleet_id: str) -> ipaddress.IPv4Network:
    """A network of that name exists with a subnet nobody else uses, and NAT to the outside."""
    subnets = list(POOL.subnets(new_prefix=24))
    said = "no free subnet"
    with locked("network"):
        taken = _routes()
        for _ in range(TRIES):
            subnet = secrets.choice(subnets)
            if any(subnet.overlaps(route) for route in taken):
                continue
            options = [f"--subnet={subnet}", f"--gateway={subnet[1]}", f"--label={LABEL}={fleet_id}"]
            options += [f"--opt=com.docker.network.driver.mtu={_mtu()}"]
            done = engine.try_docker("network", "create", "--driver=bridge", *options, name)
            if done.status == 0:
                return subnet
            said = done.err.strip()
    raise LabError(f"no network for the fleet in {POOL}: {said}")


def _routes() -> list[ipaddress.IPv4Network]:
    """Networks this machine has a route to, the default route aside."""
    done = attempt(["ip", "-json", "-4", "route", "show"])
    if done.status != 0:
        return []
    targets = [route.get("dst", "default") for route in json.loads(done.out or "[]")]
    return [ipaddress.IPv4Network(target, strict=False) for target in targets if target != "default"]


def _mtu() -> int:
    """The smallest MTU on the way out: a larger one on the bridge would lose big packets behind the NAT."""
    done = attempt(["ip", "-json", "link", "show"])
    links = json.loads(done.out or "[]") if done.status == 0 else []
    up = (link for link in links if "UP" in link.get("flags", []) and "LOOPBACK" not in link["flags"])
    return min([1500, *(int(link["mtu"]) for link in up if link["mtu"] >= SMALLEST_MTU)])
