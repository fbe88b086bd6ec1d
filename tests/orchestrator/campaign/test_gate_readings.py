"""Gates judge hosts over several readings: an engine is down after thirty seconds, containers may restart so often."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.campaign.actions import AskGate
from orchestrator.campaign.events import HostRead
from orchestrator.campaign.gate import GateKind, Moment
from orchestrator.campaign.gates.needed import BASELINE
from orchestrator.campaign.gates.words import gate_lines
from orchestrator.campaign.observe import observe, observe_readings
from orchestrator.campaign.pulse import Restarted, Restarting
from orchestrator.campaign.states import CampaignState
from tests.orchestrator.campaign.gates.test_hosts import asked, gated, say, vitals
from tests.orchestrator.campaign.worlds import World

DOWN: dict[str, Any] = {
    "daemon": ("CRITICAL", 0.0),
    "service": ("CRITICAL", 0.0),
    "unhealthy": ("UNKNOWN", 0.0),
    "dead": ("UNKNOWN", 0.0),
}


def tell(
    world: World,
    wave: int,
    count: int,
    started_at: str = "t0",
    container: str = "a" * 12,
    *,
    lately: bool = False,
) -> None:
    """All hosts that are asked are well, and say how often one container was restarted, and perhaps that it loops."""
    state = asked(world, wave)
    again = (Restarted(container=container, count=count, started_at=started_at),) if count else ()
    loop = (Restarting(container=container, name="web", count=count),) if lately else ()
    for name in state.waiting:
        world.see(HostRead(host=name, number=state.number, vitals=vitals(), restarted=again, restarting=loop))
    world.run()


def test_an_engine_that_is_away_for_a_moment_keeps_the_gate_closed_and_counts_for_no_limit() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1, errors=0, every_s=10.0)
    world.run()
    say(world, 1, **DOWN)
    assert world.state() is CampaignState.RUNNING
    assert asked(world, 1).detail == (
        "1 of 1 hosts: h1: service CRITICAL (0), daemon CRITICAL (0) for 0s so far, tolerated for 30s"
    )
    for _ in range(2):
        world.run(seconds=10)
        say(world, 1, **DOWN)
        assert world.state() is CampaignState.RUNNING
        assert world.ordered() == []
    world.run(seconds=10)
    say(world, 1, **DOWN)
    assert world.state() is CampaignState.HALTED
    assert "daemon CRITICAL" in world.campaign.stops[-1].observed


def test_it_is_asked_again_when_the_time_of_an_engine_that_is_away_is_over() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1, every_s=600.0)
    world.run()
    say(world, 1, **DOWN)
    assert world.run(seconds=29) == ()
    assert [type(action) for action in world.run(seconds=1)] == [AskGate]
    say(world, 1, **DOWN)
    assert world.state() is CampaignState.HALTED


def test_an_engine_that_came_back_in_time_passes() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1)
    world.run()
    say(world, 1, **DOWN)
    world.run(seconds=30)
    say(world, 1)
    assert world.ordered() == ["h1"]


def test_what_else_is_bad_does_not_wait_for_the_engine() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1)
    world.run()
    say(world, 1, **DOWN, disk=("CRITICAL", 99.0))
    assert world.state() is CampaignState.HALTED
    assert world.campaign.stops[-1].observed == "1 of 1 hosts: h1: disk CRITICAL (99)"


def test_delta_does_not_blame_the_campaign_for_an_engine_that_was_down_before() -> None:
    world = gated(GateKind.DELTA, Moment.WAVE, count=1)
    world.run()
    say(world, BASELINE, **DOWN)
    say(world, 1, **DOWN)
    assert world.ordered() == ["h1"]


@pytest.mark.parametrize(
    ("count", "warnings", "passes"),
    [(3, True, True), (4, False, True), (4, True, False), (11, False, False)],
)
def test_restarts_in_five_minutes_are_judged_by_the_runbook(count: int, warnings: bool, passes: bool) -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1, warnings=warnings, passes=2)
    world.run()
    tell(world, 1, 40)
    world.run(seconds=60)
    tell(world, 1, 40 + count, started_at="t1")
    assert world.ordered() == (["h1"] if passes else [])
    assert (world.state() is CampaignState.HALTED) is not passes
    level = "CRITICAL" if count > 10 else "WARNING"
    assert passes or f"restarts {level} ({count})" in world.campaign.stops[-1].observed


def test_a_container_made_anew_counts_from_zero() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1, passes=2)
    world.run()
    tell(world, 1, 40)
    world.run(seconds=60)
    tell(world, 1, 10, container="b" * 12)
    assert world.ordered() == ["h1"], "ten, and not thirty less"


def looping(count: int, *, lately: bool = True, **more: Any) -> World:
    """A campaign whose only host had a container restarted so often before, and was changed; it is being read."""
    world = gated(GateKind.DELTA, Moment.AFTER_WAVE, count=1, **more)
    world.run()
    tell(world, BASELINE, count, lately=lately)
    world.run(seconds=60)
    world.change("h1")
    assert asked(world, 1).waiting == ("h1",)
    return world


def test_delta_does_not_blame_the_campaign_for_a_container_that_was_restarting_before() -> None:
    world = looping(40)
    tell(world, 1, 20, started_at="t1", lately=True)
    assert world.state() is CampaignState.COMPLETE
    (line,) = [line for line in gate_lines(world.campaign, world.now) if "wave 1" in line]
    assert line.endswith("hosts that are well: 1; h1: web was restarting before")


def test_delta_counts_what_a_container_does_more_than_before() -> None:
    world = looping(4)
    tell(world, 1, 19, started_at="t1", lately=True)
    assert world.state() is CampaignState.HALTED
    assert world.campaign.stops[-1].observed == (
        "1 of 1 hosts: h1: restarts CRITICAL (11); web was restarting before"
    )


@pytest.mark.parametrize("container", ["a" * 12, "b" * 12])
def test_delta_counts_a_container_that_began_to_restart_after_the_first_reading_as_ever(
    container: str,
) -> None:
    world = looping(40, lately=container != "a" * 12)
    tell(world, 1, 51, started_at="t1", container=container, lately=True)
    assert world.state() is CampaignState.HALTED
    count = 11 if container == "a" * 12 else 51
    assert world.campaign.stops[-1].observed == f"1 of 1 hosts: h1: restarts CRITICAL ({count})"


def test_delta_judges_restarts_as_they_are_where_a_worker_does_not_tell_since_when() -> None:
    world = looping(40, lately=False)
    tell(world, 1, 51, started_at="t1")
    assert world.state() is CampaignState.HALTED


def test_health_judges_every_restart_whatever_was_before() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=1, passes=2)
    world.run()
    tell(world, 1, 40, lately=True)
    world.run(seconds=60)
    tell(world, 1, 60, started_at="t1", lately=True)
    assert world.state() is CampaignState.HALTED


def test_readings_of_one_turn_are_taken_in_together_as_one_by_one() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, count=4, waves="all")
    world.run()
    number = asked(world, 1).number
    events = [
        HostRead(host="h2", number=number, vitals=vitals(dead=("CRITICAL", 3.0))),
        HostRead(host="h2", number=number, vitals=vitals()),
        HostRead(host="h1", number=number, problem="E_UNREACHABLE: no route"),
        HostRead(host="h9", number=number, vitals=vitals()),
        HostRead(host="h3", number=number + 1, vitals=vitals()),
        HostRead(host="h4", number=number, vitals=vitals()),
    ]
    together, taken = observe_readings(world.campaign, events, world.now)
    one_by_one = world.campaign
    for event in events:
        one_by_one = observe(one_by_one, event, world.now)
    assert together == one_by_one
    assert taken == (True, False, True, False, False, True)
    assert next(item for item in together.gates if item.wave == 1).waiting == ("h3",)
