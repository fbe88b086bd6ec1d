"""What only shows after an upgrade: a container that dies in the soak, and a way back that is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("soak"),
    pytest.mark.timeout(900),
]

NAMES = ("soak-1", "soak-2")
#: the host itself: this long after its journal has the result of the upgrade, the container's process dies
KILL = """
until grep -qs '"kind":"result"' /var/lib/dockwave/attempts/*/journal; do sleep 0.5; done
sleep 20
kill -KILL {process}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("soak"), NAMES) as made:
        yield made


def test_a_container_that_dies_twenty_seconds_after_the_upgrade_is_caught_and_the_host_brought_back(
    fleet: Scene,
) -> None:
    plane, host = fleet.plane, fleet.host("soak-1")
    host.docker("run", "--detach", "--name=fragile", "--restart=no", "shop:1")
    process = host.docker("inspect", "--format", "{{.State.Pid}}", "fragile").strip()
    fleet.before["soak-1"] = observed.snapshot(host)
    host.run("systemd-run", "--quiet", "--unit=lab-kill", "sh", "-c", KILL.format(process=process))
    campaign = fleet.start("soak-*", "--waves", "1,rest", "--monitor", "40s")
    shown = plane.wait(campaign, timeout_s=300)
    assert shown["state"] == "ROLLED_BACK", shown
    assert by_state(shown) == {"ROLLED_BACK": {"soak-1"}, "CANCELLED": {"soak-2"}}
    fleet.untouched("soak-2")
    after = observed.snapshot(host)
    assert after["packages"] == fleet.before["soak-1"]["packages"]
    assert after["server"] == fleet.before["soak-1"]["server"]
    why = plane.ok("why", campaign).out
    assert "fragile" in why, why
    assert "wave 1" in why
    assert "dockwave " in why, "the next command is named"


def test_a_rollback_without_its_packages_needs_a_person_and_the_other_hosts_go_back(fleet: Scene) -> None:
    plane = fleet.plane
    campaign = fleet.start("soak-*", "--waves", "rest", "--parallel", "2", "--monitor", "10m")
    plane.until(campaign, lambda shown: by_state(shown) == {"SOAKING": set(NAMES)}, timeout_s=300)
    for name in NAMES:
        # no archive has the old versions any more; the hosts kept them
        fleet.host(name).run("sh", "-c", "rm -rf /var/lib/apt/lists/* /etc/apt/sources.list*")
    fleet.host("soak-1").run("find", "/var/lib/dockwave/attempts", "-name", "*.deb", "-delete")
    plane.ok("rollback", campaign, "--reason", "slow queries", "--yes")
    shown = plane.wait(campaign, timeout_s=300)
    assert shown["state"] == "ROLLBACK_INCOMPLETE", shown
    assert by_state(shown) == {"NEEDS_HUMAN": {"soak-1"}, "ROLLED_BACK": {"soak-2"}}
    fleet.back_to_snapshot("soak-2")
    assert plane.run("watch", campaign).code == shown["exit_code"] != 0
    quarantined = plane.ok("hosts", "quarantined", "-o", "json").json["quarantines"]
    assert [(item["host"], item["campaign"]) for item in quarantined] == [("soak-1", campaign)]
    why = plane.ok("why", campaign).out
    assert "soak-1" in why
    assert "dockwave hosts quarantined" in why
