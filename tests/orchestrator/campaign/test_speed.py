"""A tick is short also for ten thousand hosts; the bound is wide, so that only a change of order shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import Accepted, Heartbeat
from orchestrator.campaign.observe import observe_all
from tests.orchestrator.campaign.worlds import World, planned


def _best(work: Callable[[], object], rounds: int = 5) -> float:
    spent = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        spent.append(time.thread_time() - began)
    return min(spent)


@pytest.fixture(scope="module")
def busy() -> World:
    """Ten thousand hosts, five hundred of them at work."""
    world = World(planned(10_000, waves="all", parallelism=500, max_failures="10%"))
    world.run()
    batch = [
        Accepted(host=run.host.name, attempt_id=run.attempts[0].id, epoch=1)
        for run in world.campaign.runs
        if run.attempts
    ]
    world.campaign = observe_all(world.campaign, batch, world.now)
    return world


def test_a_tick_over_ten_thousand_hosts_with_five_hundred_in_flight_is_short(busy: World) -> None:
    later = busy.now + timedelta(seconds=40)
    assert _best(lambda: decide(busy.campaign, busy.now)) < 0.5
    assert _best(lambda: decide(busy.campaign, later)) < 0.5


def test_five_hundred_heartbeats_are_taken_in_with_one_pass(busy: World) -> None:
    batch = [
        Heartbeat(host=run.host.name, attempt_id=run.attempts[0].id, epoch=1, seq=1)
        for run in busy.campaign.runs
        if run.attempts
    ]
    assert _best(lambda: observe_all(busy.campaign, batch, busy.now)) < 0.5
