"""Rollbacks have a pace of their own, and a say in what a failing one does to the others."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.campaign.actions import Dispatch, Recheck
from orchestrator.campaign.events import ResumeAsked, RollbackAsked
from orchestrator.campaign.exit_code import exit_code
from orchestrator.campaign.explaining.remarks import brake_lines
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.operators import objection
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState, HostState
from tasks.model import Kind
from tasks.result import HostResult
from tests.orchestrator.campaign.worlds import CHANGED, OK, UNDONE, World, failed, planned

BROKEN = failed(changed=True, code="E_ROLLBACK_FAILED")


def turned_back(rollback_parallelism: int = 4, **policy: Any) -> World:
    """Four hosts, three of them changed before the fourth failed; all go back, four at a time."""
    world = World(
        planned(
            4,
            waves="all",
            parallelism=4,
            max_failures="0",
            on_breach=StopAction.ROLLBACK_CAMPAIGN,
            rollback_parallelism=rollback_parallelism,
            **policy,
        )
    )
    world.run()
    for name in ("h1", "h2", "h3"):
        world.accept(name)
        world.end(name, CHANGED)
    world.accept("h4")
    world.end("h4", failed(changed=True))
    world.run()
    return world


def test_without_more_said_all_go_back_together_and_a_failing_one_stops_none() -> None:
    world = turned_back()
    assert sorted(world.undos()) == ["h1", "h2", "h3", "h4"]
    world.end("h4", BROKEN)
    for name in ("h1", "h2", "h3"):
        world.end(name, UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE
    assert world.states()["h4"] is HostState.NEEDS_HUMAN
    assert world.states()["h1"] is HostState.ROLLED_BACK


def test_a_pause_lies_between_two_rollbacks_counted_from_what_the_last_one_did() -> None:
    world = turned_back(rollback_delay_s=30.0)
    assert world.undos() == ["h4"]
    world.run(seconds=20)
    world.end("h4", UNDONE)
    assert not [action for action in world.run(seconds=29) if isinstance(action, Dispatch)]
    assert [action.host for action in world.run(seconds=1) if isinstance(action, Dispatch)] == ["h1"]


def test_a_host_that_falls_silent_on_its_way_back_keeps_its_place_until_nobody_waits_for_it_any_more() -> (
    None
):
    world = turned_back(rollback_parallelism=1)
    assert world.undos() == ["h4"]
    world.accept("h4")
    world.run(seconds=60)
    assert world.states()["h4"] is HostState.UNKNOWN
    assert world.undos() == ["h4"]
    world.run(seconds=5000)
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE
    assert {world.states()[name] for name in ("h1", "h2", "h3")} == {HostState.NEEDS_HUMAN}
    assert world.undos() == ["h4"]


def test_a_rollback_that_fails_makes_the_others_wait_for_a_person_who_resumes_them() -> None:
    world = turned_back(rollback_delay_s=1.0, rollback_on_failure=StopAction.PAUSE)
    world.end("h4", BROKEN)
    world.run(seconds=5000)
    assert world.state() is CampaignState.ROLLING_BACK
    assert world.undos() == ["h4"]
    (line,) = brake_lines(world.campaign, world.now)
    assert line.startswith("the rollback of h4 failed, and rollback.on_failure is pause")
    assert "dockwave resume c1" in line
    assert exit_code(world.campaign) == 4, "whoever follows it is told that a person has to look"
    resume = ResumeAsked(by="ann", reason="h4 is in repair")
    assert objection(world.campaign, resume, world.now) is None
    world.see(resume)
    assert world.state() is CampaignState.ROLLING_BACK
    assert exit_code(world.campaign) is None
    assert objection(world.campaign, resume, world.now) is not None
    for name in ("h1", "h2", "h3"):
        world.run(seconds=1)
        world.end(name, UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE
    assert {world.states()[name] for name in ("h1", "h2", "h3")} == {HostState.ROLLED_BACK}
    assert world.ordered() == ["h1", "h2", "h3", "h4"], "nothing that was stopped starts again"


def test_a_rollback_that_fails_may_leave_the_others_to_a_person_too() -> None:
    world = turned_back(rollback_delay_s=1.0, rollback_on_failure=StopAction.HALT)
    world.end("h4", BROKEN)
    world.run(seconds=10)
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE
    assert set(world.states().values()) == {HostState.NEEDS_HUMAN}
    assert world.host("h1").reason == "its undo was not started: that of h4 failed"
    assert world.undos() == ["h4"]


@pytest.mark.parametrize("action", [StopAction.ROLLBACK_WAVE, StopAction.ROLLBACK_CAMPAIGN])
def test_a_rollback_of_a_rollback_is_refused(action: StopAction) -> None:
    with pytest.raises(ValueError, match="a rollback is never rolled back"):
        make_policy(Kind.CHANGING, rollback_on_failure=action)


def test_the_plan_says_how_it_brings_hosts_back() -> None:
    said = words(planned(3, rollback_delay_s=30.0, rollback_on_failure=StopAction.PAUSE))
    assert "pause between two rollbacks: 30 s" in said
    assert any(line.endswith("and the other rollbacks wait for a person") for line in said)


def test_a_host_is_watched_after_it_was_brought_back_and_compared_once_more() -> None:
    world = turned_back(rollback_monitor_s=60.0)
    for name in ("h1", "h2", "h3", "h4"):
        world.end(name, UNDONE)
    assert not world.run(seconds=59)
    assert set(world.states().values()) == {HostState.SOAKING}
    assert world.state() is CampaignState.ROLLING_BACK, (
        "nothing is called rolled back before its watch is over"
    )
    assert [action.host for action in world.run(seconds=1) if isinstance(action, Recheck)] == [
        "h1",
        "h2",
        "h3",
        "h4",
    ]
    for name in ("h1", "h2", "h3", "h4"):
        world.recheck(name, UNDONE)
    world.run()
    assert set(world.states().values()) == {HostState.ROLLED_BACK}
    assert world.state() is CampaignState.ROLLED_BACK


@pytest.mark.parametrize("said", [BROKEN, OK, CHANGED], ids=["differs", "no comparison", "a change"])
def test_a_host_that_breaks_while_it_is_watched_is_a_rollback_that_failed(said: HostResult) -> None:
    world = turned_back(rollback_monitor_s=60.0, rollback_delay_s=1.0, rollback_on_failure=StopAction.PAUSE)
    world.end("h4", UNDONE)
    world.run(seconds=30)
    assert world.undos() == ["h4", "h1"], "its watch holds up no other rollback"
    world.end("h1", UNDONE)
    world.run(seconds=31)
    world.recheck("h4", said)
    assert world.states()["h4"] is HostState.NEEDS_HUMAN
    assert world.host("h4").changed
    assert [name for name in world.undos() if name == "h4"] == ["h4"], "a rollback is never rolled back"
    (line, *_) = brake_lines(world.campaign, world.now)
    assert line.startswith("the rollback of h4 failed")


def test_a_host_that_goes_dark_while_it_is_watched_leaves_the_rollback_incomplete() -> None:
    world = turned_back(rollback_monitor_s=60.0)
    for name in ("h1", "h2", "h3", "h4"):
        world.end(name, UNDONE)
    world.run(seconds=60)
    for name in ("h1", "h2", "h3"):
        world.recheck(name, UNDONE)
    world.run(seconds=31)
    assert world.states()["h4"] is HostState.UNKNOWN
    world.run(seconds=1000)
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE


def test_an_abort_while_it_is_watched_neither_ends_the_watch_nor_undoes_it_again() -> None:
    world = turned_back(rollback_monitor_s=60.0)
    world.end("h1", UNDONE)
    world.abort()
    world.see(RollbackAsked(by="ann"))
    world.run(seconds=61)
    assert world.states()["h1"] is HostState.SOAKING
    world.recheck("h1", UNDONE)
    assert world.states()["h1"] is HostState.ROLLED_BACK
    assert world.undos().count("h1") == 1


def test_the_plan_says_how_long_it_watches_what_it_brought_back() -> None:
    assert (
        "each host that was brought back is watched for 60 s, then compared with its snapshot again"
        in words(planned(3, rollback_monitor_s=60.0))
    )
