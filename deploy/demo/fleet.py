"""The demo on a real fleet: six hosts, garbage on all of them, a clean-up and an upgrade from 20.10 to 26.1."""

from __future__ import annotations

import time

from deploy.demo import places
from deploy.lab import fleet as lab
from deploy.lab import garbage
from deploy.lab.host import Host

NAMES = ("web-1", "web-2", "web-3", "web-4", "db-1", "db-2")
#: what the clean-up may remove; volumes are never part of it
TARGETS = "containers,networks,dangling_images,unused_images,build_cache"


def run() -> int:
    """Build, boot, seed, clean up, upgrade; 0 when both campaigns completed."""
    began = time.monotonic()
    places.follow(["-m", "deploy.setup", "demo"])
    places.say(
        f"Booting {len(NAMES)} Debian hosts with systemd, sshd and Docker Engine 20.10 (first run builds the image)"
    )
    fleet = lab.up(NAMES, places.LAB)
    print(f"{len(fleet.hosts)} hosts answer after {time.monotonic() - began:.0f} s")
    places.say("Leaving on every host what months of deployments leave behind")
    garbage.seed_all([host for host in fleet.hosts if not _seeded(host)])
    places.CONTROL.mkdir(mode=0o700, parents=True, exist_ok=True)
    if places.dockwave("status", check=False) != 0:
        places.say("Starting Dockwave")
        places.dockwave("up", "--detach")
    inventory = str(places.LAB / "inventory.yaml")
    places.dockwave("hosts", "list", "-i", inventory)
    places.say("A clean-up campaign: one host first, then the rest")
    places.dockwave(
        "run", "disk.cleanup", "-i", inventory, "--on", "all", "--set", f"targets={TARGETS}",
        "--set", "keep_last_tags=1", "--waves", "1,rest", "--parallel", "3", "--reason", "demo", "--yes",
        "--allow-data-loss", "--watch",
    )  # fmt: skip
    places.say(
        "A staged upgrade of the engine, 20.10 to 26.1, in waves of 1, 2 and the rest; containers keep running"
    )
    places.dockwave(
        "run", "engine.upgrade", "-i", inventory, "--on", "all", "--set", "version=26.1",
        "--set", "allow_major=true", "--set", "allow_container_stop=true", "--waves", "1,2,rest", "--parallel", "3",
        "--monitor", "2s", "--reason", "demo", "--yes", "--watch",
    )  # fmt: skip
    places.say("What was done")
    places.dockwave("ls")
    places.say("What runs here (Flower shows every task)")
    places.dockwave("status")
    places.say(f"Done in {time.monotonic() - began:.0f} s. `make demo-down` removes every trace.")
    return 0


def _seeded(host: Host) -> bool:
    return "shop-1" in host.docker("ps", "--format", "{{.Names}}").split()
