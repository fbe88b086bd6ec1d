"""People keep what they were told is done, and nothing that was refused."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.campaign.kill_switch import Target, holding
from orchestrator.simulate.schedules.people import AUTHOR
from orchestrator.simulate.schedules.schedule import plain_schedule
from orchestrator.simulate.schedules.world import World
from orchestrator.simulate.stage.told import Told
from tests.support.campaigns import plain_campaign
from tests.support.started import started


def led() -> World:
    """A world whose process leads."""
    world = World(plain_schedule(0))
    world.plane.reconciler.tick()
    return world


def test_nothing_is_acknowledged_by_a_process_that_does_not_lead() -> None:
    world = World(plain_schedule(0))
    world.people.happen("stop-all")
    world.people.happen("quarantine")
    assert not world.told.thrown
    assert not world.told.apart


def test_a_kill_switch_holds_from_its_answer_to_its_release() -> None:
    world = led()
    world.people.happen("stop-all")
    assert set(world.told.thrown) == {(Target.EVERYTHING, "")}
    world.people.happen("let-go")
    assert not world.told.thrown


def test_clearing_up_lets_go_of_switches_and_hosts() -> None:
    world = led()
    world.people.happen("stop-procedure")
    world.people.happen("quarantine")
    assert world.told.apart
    world.people.clear_up()
    with world.store.read() as reader:
        assert not holding(reader.switches())
        assert not reader.quarantines()
    assert not world.told.thrown
    assert not world.told.apart


def test_what_was_told_is_forgotten_with_the_database() -> None:
    world = led()
    world.people.happen("stop-all")
    world.told.aborted["c1"] = world.clock.true
    world.told.agreed["c1"] = {AUTHOR}
    world.told.forget()
    assert world.told == Told()


def test_only_a_host_that_is_to_be_ordered_next_or_at_work_is_set_apart_in_the_worst_moment() -> None:
    world = led()
    world.people.set_apart("next")
    assert not world.told.apart
    campaign = replace(plain_campaign(names=("h000", "h001")), version=1)
    world.campaigns[campaign.id] = started(campaign)
    world.people.set_apart("next")
    assert world.told.apart == {"h001"}
    world.people.set_apart("at work")
    assert world.told.apart == {"h000", "h001"}
