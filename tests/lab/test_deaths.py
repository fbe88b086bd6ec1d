"""Whatever process dies in mid-campaign, the same final states are reached and every package transaction runs once.

Every test has hosts of its own; the control plane is one, and has been through all the deaths before.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import redis

from tests.lab.midway import SHORT_SILENCE, all_upgraded, in_mid_upgrade
from tests.lab.scene import Scene, scene

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("deaths"), pytest.mark.timeout(900)]

GATEWAY = ("gw-1", "gw-2")
ORCHESTRATOR = ("orch-1", "orch-2", "orch-3")
REDIS = ("redis-1", "redis-2", "redis-3")
BOTH = ("both-1", "both-2")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("deaths"), (*GATEWAY, *ORCHESTRATOR, *REDIS, *BOTH)) as made:
        yield made


def test_the_gateway_is_killed_in_mid_upgrade(fleet: Scene) -> None:
    campaign = fleet.start("gw-*", "--waves", "1,rest", *SHORT_SILENCE)
    fleet.plane.until(campaign, in_mid_upgrade(fleet, "gw-1"))
    fleet.plane.kill("gateway default")
    all_upgraded(fleet, GATEWAY, fleet.plane.wait(campaign))


def test_the_orchestrator_is_killed_in_mid_wave(fleet: Scene) -> None:
    campaign = fleet.start("orch-*", "--waves", "1,rest", "--parallel", "2")
    for name in ORCHESTRATOR[:2]:
        fleet.plane.until(campaign, in_mid_upgrade(fleet, name))
        fleet.plane.kill("orchestrator")
    all_upgraded(fleet, ORCHESTRATOR, fleet.plane.wait(campaign))


def test_redis_is_stopped_flushed_and_started_in_mid_wave(fleet: Scene) -> None:
    campaign = fleet.start("redis-*", "--waves", "1,rest", "--parallel", "2", *SHORT_SILENCE)
    fleet.plane.until(campaign, in_mid_upgrade(fleet, "redis-1"))
    with redis.Redis.from_url(fleet.plane.broker_url()) as client:
        client.flushall()
    fleet.plane.kill("redis")
    fleet.plane.until(campaign, in_mid_upgrade(fleet, "redis-2"), timeout_s=300)
    with redis.Redis.from_url(fleet.plane.broker_url()) as client:
        client.flushall()
    all_upgraded(fleet, REDIS, fleet.plane.wait(campaign))


def test_gateway_and_orchestrator_die_together_and_the_host_is_picked_up_where_it_is(fleet: Scene) -> None:
    campaign = fleet.start("both-1", "--waves", "1", *SHORT_SILENCE)
    fleet.plane.until(campaign, in_mid_upgrade(fleet, "both-1"))
    fleet.plane.kill("gateway default")
    fleet.plane.kill("orchestrator")
    all_upgraded(fleet, BOTH[:1], fleet.plane.wait(campaign))
    fleet.untouched("both-2")


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
