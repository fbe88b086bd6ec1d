"""The whole control plane with a real Redis and a scripted worker: trouble in mid-wave changes no final state."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import RolloutPolicy
from orchestrator.campaign.states import CampaignState
from orchestrator.loop.planning import NewPlan
from orchestrator.plane import ControlPlane
from orchestrator.settings.channels import Channel
from orchestrator.store.errors import Deposed, StoreUnusable
from tasks.model import Kind, Mode
from tasks.wire import Order
from tests.support.campaigns import plain_host
from tests.support.control import over
from tests.support.hosts import ScriptedHosts, failed
from tests.support.patience import eventually
from tests.support.postgres import running_postgres
from tests.support.redis import RedisServer
from tests.support.worker import working

pytestmark = pytest.mark.services

NAMES = tuple(f"web-{number}" for number in range(1, 7))
#: as in production, with shorter patience
POLICY = replace(
    make_policy(Kind.CHANGING, waves="1,2,rest", parallelism=2, max_failures="3"),
    heartbeat_timeout_s=3.0,
    order_ttl_s=8.0,
    resend_after_s=1.0,
    ask_every_s=2.0,
)


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Name a database both orchestrators of a test share."""
    return f"sqlite:///{tmp_path}/dockwave.db"


@pytest.fixture
def plane(database: str, redis_server: RedisServer) -> Iterator[ControlPlane]:
    """A running control plane."""
    running = ControlPlane(database_url=database, broker_url=redis_server.url)
    running.start()
    yield running
    running.stop()


def _apply(plane: ControlPlane, names: tuple[str, ...] = NAMES, policy: RolloutPolicy = POLICY) -> str:
    eventually(lambda: plane.lead.held)
    hosts = tuple(plain_host(name) for name in names)
    own = plane.service.plan(
        NewPlan(procedure="engine.restart", params={}, hosts=hosts, policy=policy, author="tester")
    )
    planned = plane.service.wait_for(own, lambda campaign: campaign.state != CampaignState.PLANNING, 30)
    assert planned.state is CampaignState.PLANNED
    return plane.service.apply(plane.service.document(own)[0], "tester")


def _end(plane: ControlPlane, own: str, seconds: float = 60) -> Campaign:
    return plane.service.wait_for(own, over, seconds)


class SlowHosts(ScriptedHosts):
    """Hosts that wait in the middle of one order until the test lets them go on."""

    def __init__(self, stop_at: str, *, script: object = None) -> None:
        """Wait at the apply of this host."""
        super().__init__(script=script or {})  # type: ignore[arg-type] # as given by the test
        self.stop_at = stop_at
        self.reached = threading.Event()
        self.go = threading.Event()

    def answer(self, order: Order) -> list[object]:  # type: ignore[override] # reports, passed through
        """Answer, later."""
        if order.mode is Mode.APPLY and order.host.name == self.stop_at:
            self.reached.set()
            self.go.wait(20)
        return list(super().answer(order))


EXPECTED = dict.fromkeys(NAMES, "SUCCEEDED") | {"web-4": "ROLLED_BACK"}


def _states(campaign: Campaign) -> dict[str, str]:
    return {run.host.name: str(run.state) for run in campaign.runs}


@pytest.mark.parametrize("trouble", ["none", "killed", "flushed", "hung", "orchestrator restarted"])
def test_trouble_in_mid_wave_changes_no_final_state_and_no_host_twice(
    redis_server: RedisServer, database: str, trouble: str
) -> None:
    hosts = SlowHosts("web-3", script={"web-4": failed(changed=True)})
    plane = ControlPlane(database_url=database, broker_url=redis_server.url)
    plane.start()
    try:
        with working(redis_server.url, hosts):
            own = _apply(plane)
            assert hosts.reached.wait(30)
            if trouble == "killed":
                redis_server.stop()
                time.sleep(1)
                redis_server.start()
            elif trouble == "flushed":
                redis_server.flush()
            elif trouble == "hung":
                redis_server.freeze()
                time.sleep(1.5)
                redis_server.thaw()
            elif trouble == "orchestrator restarted":
                plane.stop()
                plane = ControlPlane(database_url=database, broker_url=redis_server.url)
                plane.start()
            hosts.go.set()
            end = _end(plane, own)
            assert _states(end) == EXPECTED
            assert str(end.state) == "COMPLETE_WITH_EXCEPTIONS"
            assert set(hosts.effects.values()) == {1}
            forward = sorted(name for name in hosts.effects if name.count("/") == 2)
            assert len(forward) == len(NAMES) + 1
    finally:
        hosts.go.set()
        plane.stop()


def test_an_orchestrator_killed_in_mid_wave_is_followed_at_once_by_the_next(
    redis_server: RedisServer, database: str
) -> None:
    hosts = SlowHosts("web-3", script={"web-4": failed(changed=True)})
    first = ControlPlane(database_url=database, broker_url=redis_server.url)
    first.start()
    with working(redis_server.url, hosts):
        own = _apply(first)
        first.stop()
        argv = [sys.executable, "-m", "tests.support.run_plane", database, redis_server.url]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
            try:
                assert hosts.reached.wait(30)
            finally:
                process.kill()
        last = ControlPlane(database_url=database, broker_url=redis_server.url)
        last.start()
        try:
            eventually(lambda: last.lead.held, 5)
            hosts.go.set()
            assert _states(_end(last, own)) == EXPECTED
            assert set(hosts.effects.values()) == {1}
        finally:
            hosts.go.set()
            last.stop()


def test_a_database_killed_in_mid_wave_is_waited_for_and_loses_nothing(redis_server: RedisServer) -> None:
    hosts = SlowHosts("web-3", script={"web-4": failed(changed=True)})
    with running_postgres() as cluster, working(redis_server.url, hosts):
        plane = ControlPlane(database_url=cluster.new_database(), broker_url=redis_server.url)
        plane.start()
        try:
            own = _apply(plane)
            assert hosts.reached.wait(30)
            cluster.stop()
            hosts.go.set()
            time.sleep(2)
            with pytest.raises(StoreUnusable) as caught:
                plane.service.campaign(own)
            assert "INSERT" not in caught.value.message
            cluster.start_again()
            assert _states(_end(plane, own)) == EXPECTED
            assert set(hosts.effects.values()) == {1}
        finally:
            hosts.go.set()
            plane.stop()


def test_flower_reads_the_campaign_like_the_runbook(redis_server: RedisServer, plane: ControlPlane) -> None:
    with working(redis_server.url, ScriptedHosts()) as worker:
        own = _apply(plane, ("web-1", "web-2"))
        assert str(_end(plane, own).state) == "COMPLETE"
    shown = [(item["task"], item["kwargsrepr"]) for item in worker.headers]
    assert set(shown) == {
        ("engine.restart", f"campaign={own} wave=0/0 host=web-1 mode=plan"),
        ("engine.restart", f"campaign={own} wave=0/0 host=web-2 mode=plan"),
        ("engine.restart", f"campaign={own} wave=1/2 host=web-1"),
        ("engine.restart", f"campaign={own} wave=2/2 host=web-2"),
    }


def test_a_standby_takes_over_and_brings_the_campaign_to_its_end(
    redis_server: RedisServer, database: str
) -> None:
    hosts = SlowHosts("web-2")
    first = ControlPlane(database_url=database, broker_url=redis_server.url, owner="one")
    second = ControlPlane(database_url=database, broker_url=redis_server.url, owner="two")
    first.start()
    try:
        with working(redis_server.url, hosts):
            own = _apply(first)
            assert hosts.reached.wait(30)
            second.start()
            time.sleep(1.5)
            assert not second.lead.held
            assert _states(second.service.campaign(own)) == _states(first.service.campaign(own))
            with pytest.raises(Deposed):
                second.service.abort(own, "anna", "on the wrong one")
            first.stop()
            hosts.go.set()
            end = _end(second, own)
            assert set(_states(end).values()) == {"SUCCEEDED"}
            assert set(hosts.effects.values()) == {1}
    finally:
        hosts.go.set()
        second.stop()


def test_five_hundred_hosts_are_planned_and_changed_each_once(
    redis_server: RedisServer, plane: ControlPlane
) -> None:
    names = tuple(f"web-{number:03}" for number in range(500))
    policy = make_policy(Kind.CHANGING, waves="1,10%,rest", parallelism=100)
    hosts = ScriptedHosts()
    with working(redis_server.url, hosts):
        own = _apply(plane, names, policy)
        assert str(_end(plane, own, 90).state) == "COMPLETE"
    assert len(hosts.effects) == 500
    assert set(hosts.effects.values()) == {1}


def test_a_watcher_is_woken_by_each_line_of_the_log(redis_server: RedisServer, plane: ControlPlane) -> None:
    seen: list[str] = []

    def watch() -> None:
        after = 0
        while "finish" not in seen:
            if not plane.service.wait(own, after, 20):
                return
            lines = plane.service.events(own, after)
            seen.extend(line.kind for line in lines)
            after = lines[-1].seq

    with working(redis_server.url, ScriptedHosts()):
        own = _apply(plane, ("web-1",))
        watcher = threading.Thread(target=watch)
        watcher.start()
        watcher.join(30)
    order = [
        "plan-asked",
        "plan-answer",
        "planned",
        "started",
        "open-wave",
        "dispatch",
        "accepted",
        "ended",
        "finish",
    ]
    assert [kind for kind in seen if kind in order] == order


def test_the_status_tells_who_leads_and_whether_the_broker_answers(
    redis_server: RedisServer, plane: ControlPlane
) -> None:
    eventually(lambda: bool(plane.service.status()["reports"]))
    status = plane.service.status()
    assert status["leading"] is True
    assert status["broker"]["up"] is True
    redis_server.stop()
    eventually(lambda: not plane.service.status()["reports"])
    redis_server.start()


def test_people_are_told_of_a_campaign_after_a_restart_too(
    redis_server: RedisServer, database: str, tmp_path: Path
) -> None:
    got, wanted = tmp_path / "got", tmp_path / "wanted"
    code = (
        f"import os, sys; os.path.exists({str(wanted)!r}) or sys.exit(1);"
        f"open({str(got)!r}, 'a').write(sys.stdin.read() + chr(10))"
    )
    channel = Channel(name="ops", argv=(sys.executable, "-c", code))
    policy = replace(POLICY, notify=(Notify(to="ops", on=tuple(Occasion)),))
    plane = ControlPlane(database_url=database, broker_url=redis_server.url, channels=[channel])
    plane.start()
    try:
        with working(redis_server.url, ScriptedHosts()):
            own = _apply(plane, ("web-1",), policy)
            assert str(_end(plane, own).state) == "COMPLETE"
        plane.stop()
        wanted.touch()
        plane = ControlPlane(database_url=database, broker_url=redis_server.url, channels=[channel])
        plane.start()
        eventually(lambda: got.exists() and len(got.read_text().splitlines()) == 2, 40)
        said = [json.loads(line) for line in got.read_text().splitlines()]
        assert {(item["campaign"], item["event"]) for item in said} == {(own, "started"), (own, "finished")}
        eventually(
            lambda: [line.kind for line in plane.service.events(own, 0)].count("notified") == 2,
        )
    finally:
        plane.stop()
