"""A campaign of slow engine restarts that waits between its waves: something to be in the middle of."""

from __future__ import annotations

from deploy.lab.archive import File
from deploy.lab.host import Host
from tests.lab import observed
from tests.lab.scene import Scene, by_state
from tests.lab.switchable import Probe


def starts_slowly(host: Host) -> None:
    """The engine takes some seconds to come up: time to die in."""
    unit = b"[Service]\nExecStartPre=/bin/sleep 8\n"
    host.put({"etc/systemd/system/docker.service.d/slow.conf": File(data=unit)})
    host.run("systemctl", "daemon-reload")


def in_mid_restart(host: Host) -> bool:
    """Whether its engine is on its way up."""
    return "activating" in host.attempt("systemctl", "is-active", "docker.service").out


def after_the_first_wave(fleet: Scene, gate: Probe, on: str) -> str:
    """A campaign of restarts whose first host is done and whose second wave waits for the gate."""
    gate.turns_red_after = 1
    asked = f"gates=[{{kind: http, url: '{gate.url}', at: wave, every: 2s, failures: 1000}}]"
    campaign = fleet.plane.campaign("engine.restart", on, "--waves", "1,rest", "-O", asked)
    fleet.plane.until(
        campaign, lambda shown: gate.asked > 1 and len(by_state(shown).get("SUCCEEDED", ())) == 1
    )
    return campaign


def restarts(fleet: Scene, before: dict[str, list[str]]) -> dict[str, int]:
    """How often each engine was started since."""
    return {
        name: len(observed.engine_starts(fleet.host(name))) - len(starts) for name, starts in before.items()
    }
