"""Whatever dies in mid-campaign, the same final states are reached and every package transaction runs once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from deploy.lab import faults
from deploy.lab import fleet as lab
from tests.lab import observed
from tests.lab.scene import Scene, scene

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, ("n-1", "n-2", "n-3")) as made:
        yield made


def _in_mid_upgrade(fleet: Scene, name: str) -> Callable[[dict[str, object]], bool]:
    """Whether the package transaction runs on the host right now, as the host itself says."""

    def holds(shown: dict[str, object]) -> bool:
        units = (
            fleet.host(name)
            .attempt("systemctl", "list-units", "--plain", "--no-legend", "dockwave-*install*")
            .out
        )
        return "activating" in units

    return holds


def _all_upgraded(fleet: Scene, shown: dict[str, object]) -> None:
    assert shown["state"] == "COMPLETE", shown
    for name in fleet.hosts:
        fleet.upgraded(name)


@pytest.mark.xdist_group("kill-gateway")
def test_the_gateway_is_killed_in_mid_upgrade(fleet: Scene) -> None:
    campaign = fleet.start("n-*", "--waves", "1,rest", "--parallel", "2")
    fleet.plane.until(campaign, _in_mid_upgrade(fleet, "n-1"))
    fleet.plane.kill("gateway default")
    _all_upgraded(fleet, fleet.plane.wait(campaign))


@pytest.mark.xdist_group("kill-orchestrator")
def test_the_orchestrator_is_killed_in_mid_wave(fleet: Scene) -> None:
    campaign = fleet.start("n-*", "--waves", "1,rest", "--parallel", "2")
    for name in ("n-1", "n-2"):
        fleet.plane.until(campaign, _in_mid_upgrade(fleet, name))
        fleet.plane.kill("orchestrator")
    _all_upgraded(fleet, fleet.plane.wait(campaign))


@pytest.mark.xdist_group("lose-redis")
def test_redis_is_stopped_flushed_and_started_in_mid_wave(fleet: Scene) -> None:
    campaign = fleet.start("n-*", "--waves", "1,rest", "--parallel", "2")
    fleet.plane.until(campaign, _in_mid_upgrade(fleet, "n-1"))
    with redis.Redis.from_url(fleet.plane.broker_url()) as client:
        client.flushall()
    fleet.plane.kill("redis")
    fleet.plane.until(campaign, _in_mid_upgrade(fleet, "n-2"), timeout_s=300)
    with redis.Redis.from_url(fleet.plane.broker_url()) as client:
        client.flushall()
    _all_upgraded(fleet, fleet.plane.wait(campaign))


@pytest.mark.xdist_group("cut-ssh")
def test_ssh_is_cut_for_a_minute_in_mid_apply(fleet: Scene) -> None:
    campaign = fleet.start("n-1", "--waves", "1")
    fleet.plane.until(campaign, _in_mid_upgrade(fleet, "n-1"))
    faults.cut_ssh(fleet.host("n-1"), for_s=60)
    shown = fleet.plane.until(campaign, lambda s: fleet.plane.host_state(s, "n-1") == "UNKNOWN", timeout_s=70)
    assert shown["state"] == "RUNNING", "a silent host is unknown, not failed"
    shown = fleet.plane.wait(campaign)
    assert shown["state"] == "COMPLETE", shown
    fleet.upgraded("n-1")


@pytest.mark.xdist_group("reboot")
def test_the_host_reboots_in_mid_upgrade(fleet: Scene) -> None:
    host = fleet.host("n-1")
    campaign = fleet.start("n-*", "--waves", "1,rest", "--parallel", "2")
    fleet.plane.until(campaign, _in_mid_upgrade(fleet, "n-1"))
    time.sleep(1.5)
    faults.lose_power(host)
    lab.wait_ready(fleet.fleet, [host])
    shown = fleet.plane.wait(campaign)
    assert shown["state"] == "COMPLETE", shown
    assert observed.server_version(host).startswith("26.1")
    assert host.run("dpkg", "--audit") == "", "no package is left half-configured"
    assert set(observed.running(host)) == set(fleet.before["n-1"]["running"])  # type: ignore[call-overload]
    # what the power loss interrupted is finished, and nothing was done over again
    for package in ("containerd", "runc", "docker.io"):
        assert len(set(observed.package_transactions(host, package))) == 1
    for name in ("n-2", "n-3"):
        fleet.upgraded(name)


@pytest.mark.xdist_group("two-deaths")
def test_gateway_and_orchestrator_die_together_and_the_host_is_picked_up_where_it_is(fleet: Scene) -> None:
    campaign = fleet.start("n-1", "--waves", "1")
    fleet.plane.until(campaign, _in_mid_upgrade(fleet, "n-1"))
    fleet.plane.kill("gateway default")
    fleet.plane.kill("orchestrator")
    shown = fleet.plane.wait(campaign)
    assert shown["state"] == "COMPLETE", shown
    fleet.upgraded("n-1")
    fleet.untouched("n-2")


@pytest.mark.xdist_group("two-deaths")
def test_down_leaves_no_process_behind(fleet: Scene) -> None:
    pids = fleet.plane.processes().values()
    fleet.plane.down()
    alive = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-p", ",".join(map(str, pids))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not [line for line in alive.stdout.splitlines() if "Z" not in line]
