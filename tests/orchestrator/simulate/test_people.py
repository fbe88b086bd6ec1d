"""People keep what they were told is done, and nothing that was refused."""

from __future__ import annotations

from orchestrator.campaign.kill_switch import Target, holding
from orchestrator.simulate.people import AUTHOR
from orchestrator.simulate.schedule import plain_schedule
from orchestrator.simulate.told import Told
from orchestrator.simulate.world import World


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
