"""A kill switch starts nothing, brings nothing back and sends nothing again, until a person releases it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.actions import Action, AskJournal, Dispatch, Resend, StopNow
from orchestrator.campaign.brakes import Reach, brakes
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import decide
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.kill_switch import Switch, Target, applying
from orchestrator.campaign.record import record
from orchestrator.campaign.rollout import Clock, Clocks
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.screens.viewing import campaign_view
from tasks.model import Kind
from tasks.result import ALLOWED_SKEW_S
from tests.orchestrator.campaign.worlds import START, UNDONE, World, failed, planned

THROWN = Switch(target=Target.EVERYTHING, by="anna", reason="smoke", at=START)
KILLED = Surroundings(switches=(THROWN,))


def _tick(world: World, *, seconds: float = 0.0) -> list[Action]:
    """Let the engine look while the switch holds."""
    world.now += timedelta(seconds=seconds)
    actions = decide(world.campaign, world.now, KILLED)
    world.campaign = record(world.campaign, actions, world.now, {})
    return list(actions)


def _switch(target: Target, name: str = "") -> Switch:
    return replace(THROWN, target=target, name=name)


@pytest.mark.parametrize("kind", [Kind.CHANGING, Kind.READ_ONLY])
def test_nothing_starts_while_it_holds_and_everything_goes_on_after_it(kind: Kind) -> None:
    world = World(planned(2, kind=kind, waves="all", parallelism=2))
    assert not [action for action in _tick(world) if isinstance(action, Dispatch)]
    assert world.state() is CampaignState.RUNNING
    assert len([action for action in world.run() if isinstance(action, Dispatch)]) == 2


def test_accepted_work_ends_but_its_undo_waits_for_the_release() -> None:
    world = World(planned(1))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=True))
    for _ in range(5):
        assert not [action for action in _tick(world, seconds=3600) if isinstance(action, Dispatch)]
    assert world.host("h1").state is HostState.ROLLING_BACK
    world.run()
    assert world.undos() == ["h1"]
    world.accept("h1")
    world.end("h1", UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLED_BACK


@pytest.mark.parametrize("undo", [False, True])
def test_an_order_nobody_accepted_is_not_sent_again_and_its_journal_is_asked(undo: bool) -> None:
    world = World(planned(1))
    world.run()
    if undo:
        world.accept("h1")
        world.end("h1", failed(changed=True))
        world.run()
    before = world.campaign
    policy = before.policy
    assert any(isinstance(action, Resend) for action in world.run(seconds=policy.resend_after_s + 1))
    world.campaign = before
    assert not [action for action in _tick(world) if isinstance(action, Resend)]
    assert any(
        isinstance(action, AskJournal) for action in _tick(world, seconds=policy.order_ttl_s + ALLOWED_SKEW_S)
    )


def test_silent_hosts_do_not_end_a_campaign_that_a_person_holds() -> None:
    world = World(planned(2, waves="all", max_failures="100%"))
    world.run()
    for _ in range(5):
        _tick(world, seconds=world.campaign.policy.unknown_wait_s)
    assert world.state() is CampaignState.RUNNING
    assert world.host("h2").state is HostState.PENDING


def test_an_abort_is_not_held_up() -> None:
    world = World(planned(2))
    world.abort()
    _tick(world)
    _tick(world)
    assert world.state() is CampaignState.ABORTED


@pytest.mark.parametrize(
    ("switch", "applies"),
    [
        (_switch(Target.EVERYTHING), True),
        (_switch(Target.PROCEDURE, "engine.upgrade"), True),
        (_switch(Target.PROCEDURE, "disk.cleanup"), False),
        (_switch(Target.CAMPAIGN, "c1"), True),
        (_switch(Target.CAMPAIGN, "c2"), False),
        (replace(THROWN, released_at=START), False),
        (replace(THROWN, released_at=START + timedelta(seconds=1)), True),
    ],
)
def test_it_concerns_what_it_names_and_what_was_started_before_its_release(
    switch: Switch, applies: bool
) -> None:
    assert bool(applying((switch,), World(planned(1)).campaign)) == applies


def test_it_says_who_threw_it_when_and_why_and_how_to_release_it() -> None:
    world = World(planned(1))
    (brake,) = brakes(world.campaign, world.now, KILLED).items
    assert brake.reach is Reach.EVERYTHING
    text = "the kill switch for everything was thrown by anna at 2026-03-01 12:00:00 UTC: smoke"
    assert brake.text == text
    why = explain(world.campaign, world.now, KILLED)
    assert why.headline == f"nothing is started, undos included: {text}"
    assert "`dockwave stop-all --release --reason TEXT`" in why.brakes[0]
    assert campaign_view(world.campaign, world.now, around=KILLED).brakes == list(why.brakes)
    assert _switch(Target.PROCEDURE, "disk.usage").release.startswith(
        "dockwave stop-all --release --procedure disk.usage"
    )


def _on_the_clock(**clock: Any) -> Campaign:
    clocks = Clocks(progress=Clock(stop_s=600.0, **clock))
    return planned(2, waves="all", tune={"clocks": clocks})


def test_the_time_it_holds_is_on_no_clock_not_even_after_its_release() -> None:
    world = World(_on_the_clock())
    _tick(world, seconds=7200)
    assert not world.campaign.stops
    released = Surroundings(switches=(replace(THROWN, released_at=world.now),))
    for _ in range(2):
        actions = decide(world.campaign, world.now, released)
        world.campaign = record(world.campaign, actions, world.now, {"h1": 1})
    assert not world.campaign.stops
    assert world.host("h1").state is HostState.ORDERED
    world.now += timedelta(seconds=600)
    stopping, *_ = decide(world.campaign, world.now, released)
    assert isinstance(stopping, StopNow), "the time since its release is on the clock again"


def test_without_the_switch_that_clock_stops_the_campaign() -> None:
    world = World(_on_the_clock())
    world.run(seconds=7200)
    assert world.campaign.stops
