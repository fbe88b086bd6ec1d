"""A host that falls silent or loses power in mid-upgrade is upgraded all the same, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.lab import faults
from deploy.lab import fleet as lab
from tests.lab import observed
from tests.lab.midway import SHORT_SILENCE, all_upgraded, in_mid_unpack, in_mid_upgrade
from tests.lab.scene import Scene, scene

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("outages"), pytest.mark.timeout(900)]

NAMES = ("cut-1", "cut-2", "boot-1", "boot-2", "mess-1")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("outages"), NAMES) as made:
        yield made


def _cut_in_mid_apply(fleet: Scene, name: str, for_s: int, *policy: str) -> None:
    campaign = fleet.start(name, "--waves", "1", *policy)
    fleet.plane.until(campaign, in_mid_upgrade(fleet, name))
    faults.cut_ssh(fleet.host(name), for_s=for_s)
    shown = fleet.plane.until(
        campaign, lambda s: fleet.plane.host_state(s, name) == "UNKNOWN", timeout_s=for_s + 10
    )
    assert shown["state"] == "RUNNING", "a silent host is unknown, not failed"
    all_upgraded(fleet, (name,), fleet.plane.wait(campaign))


def test_ssh_is_cut_in_mid_apply(fleet: Scene) -> None:
    _cut_in_mid_apply(fleet, "cut-1", 35, *SHORT_SILENCE)


@pytest.mark.full
def test_ssh_is_cut_for_a_minute_and_silence_is_judged_as_it_is_by_default(fleet: Scene) -> None:
    _cut_in_mid_apply(fleet, "cut-2", 60)


def test_the_host_reboots_in_mid_upgrade(fleet: Scene) -> None:
    host = fleet.host("boot-1")
    campaign = fleet.start("boot-*", "--waves", "1,rest")
    fleet.plane.until(campaign, in_mid_upgrade(fleet, "boot-1"))
    time.sleep(1.5)
    faults.lose_power(host)
    lab.wait_ready(fleet.fleet, [host])
    shown = fleet.plane.wait(campaign)
    assert shown["state"] == "COMPLETE", [
        (h["host"], h["state"], h["error"], h["result"]) for wave in shown["waves"] for h in wave["hosts"]
    ]
    assert observed.server_version(host).startswith("26.1")
    assert host.run("dpkg", "--audit") == "", "no package is left half-configured"
    assert set(observed.running(host)) == set(fleet.before["boot-1"]["running"])  # type: ignore[call-overload]
    # what the power loss interrupted is finished, and nothing was done over again
    for package in ("containerd", "runc", "docker.io"):
        assert len(set(observed.package_transactions(host, package))) == 1
    fleet.upgraded("boot-2")


@pytest.mark.full
def test_a_host_that_lost_power_in_mid_unpack_is_taken_back_to_packages_that_are_whole(fleet: Scene) -> None:
    host = fleet.host("mess-1")
    campaign = fleet.start("mess-1", "--waves", "rest")
    fleet.plane.until(campaign, in_mid_unpack(fleet, "mess-1"))
    faults.lose_power(host)
    fleet.plane.ok("rollback", campaign, "--reason", "its power was lost", "--yes")
    lab.wait_ready(fleet.fleet, [host])
    assert "in a mess" in host.run("dpkg", "--audit"), "dpkg was cut while it replaced files"
    shown = fleet.plane.wait(campaign)
    assert fleet.plane.host_state(shown, "mess-1") == "ROLLED_BACK", shown
    before, after = fleet.before["mess-1"], observed.snapshot(host)
    assert host.run("dpkg", "--audit") == ""
    # the power loss gave its containers new processes; all else is as it was
    assert set(after.pop("running")) == set(before["running"])  # type: ignore[call-overload]
    assert after == {key: value for key, value in before.items() if key != "running"}
