"""Replicas of a Compose service on several hosts, and campaigns after the same host, on real engines.

The engines keep no container while they restart (no live-restore), so what is away is away for real: the containers
themselves tell from when to when they were down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from deploy.lab.archive import File
from deploy.lab.host import Host
from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("exclusion"),
    pytest.mark.timeout(600),
]

NAMES = ("shop-1", "shop-2", "lone-1", "lone-2")
RESTART = ("engine.restart", "--set", "allow_container_stop=true")
HOLD = ("engine.hold", "--set", "state=held")
REPLICA = ("--label=com.docker.compose.project=shop", "--label=com.docker.compose.service=web")
#: systemd allows three starts a minute, and Dockwave makes the third of them only
START_WINDOW_S = 60
#: entries of a host's journal that begin and end an attempt
ENDS = frozenset({"accepted", "result"})


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("exclusion"), NAMES) as made:
        for name, host in made.hosts.items():
            labels = REPLICA if name.startswith("shop") else ()
            host.docker("run", "--detach", "--name=web", "--restart=unless-stopped", *labels, "shop:1")
            _drop_live_restore(host)
        yield made


def _drop_live_restore(host: Host) -> None:
    """The running engine takes this setting without a restart, which would be one of the three of a minute."""
    settings = json.loads(observed.daemon_json(host)) | {"live-restore": False}
    host.put({"etc/docker/daemon.json": File(data=json.dumps(settings).encode())})
    host.run("systemctl", "reload", "docker.service")
    assert host.docker("info", "--format", "{{.LiveRestoreEnabled}}").strip() == "false"


def _down(host: Host) -> tuple[datetime, datetime]:
    """From when to when the host's replica was down last, by the host's clock, which all hosts of the lab share."""
    shown = host.docker("inspect", "--format", "{{.State.FinishedAt}} {{.State.StartedAt}}", "web").split()
    ended, began = map(datetime.fromisoformat, shown)
    assert ended < began, shown
    return ended, began


def _overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _room_for_a_start(host: Host) -> None:
    """Wait until the host's engine was started at most once in the last minute."""
    since = ("--unit=docker.service", f"--since=-{START_WINDOW_S}s", "--output=cat", "--grep=^Started ")
    end = time.monotonic() + 2 * START_WINDOW_S
    while host.attempt("journalctl", "--quiet", *since).out.count("Started ") > 1:
        assert time.monotonic() < end
        time.sleep(1)


def test_two_replicas_of_a_compose_service_are_never_down_together_and_other_hosts_do_not_wait(
    fleet: Scene,
) -> None:
    plane = fleet.plane
    for host in fleet.hosts.values():
        _room_for_a_start(host)
    campaign = plane.campaign(
        RESTART[0], "shop-*:lone-*", *RESTART[1:], "--waves", "rest", "--parallel", "4", "--quorum", "compose",
        "--monitor", "3s",
    )  # fmt: skip
    assert any("shop/web on 2 hosts" in line for line in plane.show(campaign)["words"])
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE", plane.ok("why", campaign).out
    runs = plane.hosts(campaign)
    worked = {
        name: (datetime.fromisoformat(run["started_at"]), datetime.fromisoformat(run["ended_at"]))
        for name, run in runs.items()
    }
    down = {name: _down(host) for name, host in fleet.hosts.items()}
    assert all(worked[name][0] < down[name][0] and down[name][1] < worked[name][1] for name in NAMES), (
        "each replica was down in its host's turn, not at another time"
    )
    assert not _overlap(down["shop-1"], down["shop-2"])
    assert not _overlap(worked["shop-1"], worked["shop-2"]), "the watch of the first is over before the other"
    assert _overlap(worked["lone-1"], worked["lone-2"]), "hosts without a replica go together"


def test_a_second_campaign_waits_for_the_replica_of_the_first_and_says_so(fleet: Scene) -> None:
    plane = fleet.plane
    for name in ("shop-1", "shop-2"):
        _room_for_a_start(fleet.host(name))
    first, second = (
        plane.campaign(RESTART[0], name, *RESTART[1:], "--quorum", "compose", "--monitor", watch)
        for name, watch in (("shop-1", "20s"), ("shop-2", "0"))
    )
    shown = plane.until(second, lambda shown: any("shop/web" in line for line in shown["brakes"]))
    assert plane.host_state(shown, "shop-2") == "PENDING"
    why = plane.ok("why", second).out
    assert "shop/web" in why
    assert "shop-1" in why
    for campaign in (first, second):
        assert plane.wait(campaign)["state"] == "COMPLETE"
    before, after = plane.hosts(first)["shop-1"], plane.hosts(second)["shop-2"]
    assert datetime.fromisoformat(before["ended_at"]) <= datetime.fromisoformat(after["started_at"])
    assert not _overlap(_down(fleet.host("shop-1")), _down(fleet.host("shop-2")))


def test_a_plan_in_anothers_way_is_refused_by_name_or_takes_its_turn(fleet: Scene) -> None:
    plane = fleet.plane
    # a minute of watching: long enough for the commands below, however slow the machine
    first = plane.campaign(HOLD[0], "lone-1", *HOLD[1:], "--monitor", "60s")
    plane.until(first, lambda shown: plane.host_state(shown, "lone-1") == "SOAKING")
    file = plane.data / "second.plan"
    plane.ok(
        "plan", "engine.hold", "--set", "state=released", "-i", str(plane.inventory), "--on", "lone-1",
        "--out", str(file),
    )  # fmt: skip
    for _ in range(2):
        refused = plane.run("apply", str(file), "--yes", "--on-conflict", "refuse")
        assert refused.code == 2
        assert first in refused.err
        assert "lone-1" in refused.err
    applied = plane.ok("apply", str(file), "--yes", "--on-conflict", "queue", "-o", "json")
    assert first in applied.err, "they take turns, and it says with whom"
    second = applied.json["id"]
    plane.until(second, lambda shown: any(first in line for line in shown["brakes"]))
    (lock,) = plane.ok("hosts", "locks", "-o", "json").json["locks"]
    assert (lock["host"], lock["campaign"]) == ("lone-1", first), lock
    assert f"campaign {first}" in plane.ok("why", second).out
    for campaign in (first, second):
        assert plane.wait(campaign)["state"] == "COMPLETE"
    assert by_state(plane.show(second)) == {"SUCCEEDED": {"lone-1"}}
    assert observed.holds(fleet.host("lone-1")) == set(), "the second had the last word"
    turns = [entry["kind"] for entry in observed.journal(fleet.host("lone-1")) if entry["kind"] in ENDS]
    assert turns[-4:] == ["accepted", "result", "accepted", "result"], "one after the other, on the host too"
