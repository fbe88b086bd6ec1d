"""What goes wrong mends itself, but for a host that is gone."""

from __future__ import annotations

import pytest

from orchestrator.simulate.schedules.schedule import plain_schedule
from orchestrator.simulate.schedules.world import World
from orchestrator.simulate.stage.plane import Plane


def world() -> World:
    """A world in which nothing has happened yet."""
    return World(plain_schedule(0))


@pytest.mark.parametrize("what", ["partition", "sick", "busy", "gateways", "gone", "lapse"])
def test_a_mishap_is_over_after_two_minutes(what: str) -> None:
    at = world()
    at.processes.tick()
    assert at.mishaps.happen(what)
    odd = [host for host in at.hosts.values() if host.dark or host.sick or host.busy]
    assert odd or at.post.two_gateways or at.post.silent
    at.clock.go(120.0)
    assert {host.name for host in at.hosts.values() if host.dark} == at.mishaps.gone
    assert len(at.mishaps.gone) == (what == "gone")
    assert not any(host.sick or host.busy for host in at.hosts.values())
    assert not at.post.two_gateways
    assert not at.post.silent


def test_a_host_that_is_gone_is_gone_when_everything_is_well_again() -> None:
    at = world()
    at.mishaps.happen("gone")
    at.mishaps.happen("partition")
    at.mishaps.end()
    assert {host.name for host in at.hosts.values() if host.dark} == at.mishaps.gone


def test_nobody_serves_in_an_outage() -> None:
    at = world()
    old, during = at.plane, list[Plane]()
    at.clock.after(14.0, lambda: during.append(at.plane))
    at.mishaps.happen("outage")
    assert during == [old]
    assert not old.up
    assert at.plane is not old


def test_what_is_no_mishap_is_not_taken_for_one() -> None:
    assert not world().mishaps.happen("stop-all")
