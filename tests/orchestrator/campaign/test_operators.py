"""What people ask: done, done before, or refused, in every state and twice in a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from orchestrator.campaign.actions import Dispatch, StopAttempt
from orchestrator.campaign.events import (
    AbortAsked,
    ApproveAsked,
    DenyAsked,
    OperatorEvent,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    SkipAsked,
    StopHeard,
)
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.gate import Gate, GateKind
from orchestrator.campaign.observe import observe
from orchestrator.campaign.operators import objection
from orchestrator.campaign.rollout import Approval, FailureKind, Scope, Share, StopAction, StopRule
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import CHANGED, UNDONE, World, failed, planned, refused

C: TypeAlias = CampaignState

ASKED: dict[str, OperatorEvent] = {
    "pause": PauseAsked(by="ann", reason="a look"),
    "resume": ResumeAsked(by="ann"),
    "skip": SkipAsked(host="h3", by="ann", reason="in repair"),
    "rollback": RollbackAsked(by="ann", reason="wrong release"),
    "abort": AbortAsked(by="ann", reason="wrong fleet"),
    "abort --hard": AbortAsked(by="ann", reason="smoke", hard=True),
    "approve": ApproveAsked(by="ann", plan_hash=""),
    "deny": DenyAsked(by="ann", reason="not today"),
    "override": OverrideAsked(gate="http-1", wave=1, by="ann", reason="the probe is broken"),
}
PLANS = (C.PLANNING, C.PLANNED, C.AWAITING_APPROVAL)

#: (state, action) -> state afterwards; absent = refused
DONE: dict[tuple[CampaignState, str], CampaignState] = {
    **{(state, verb): state for state in CampaignState for verb in ("abort", "abort --hard")},
    (C.AWAITING_APPROVAL, "approve"): C.RUNNING,
    (C.AWAITING_APPROVAL, "deny"): C.AWAITING_APPROVAL,
    (C.RUNNING, "pause"): C.PAUSED,
    (C.RUNNING, "resume"): C.RUNNING,
    (C.RUNNING, "skip"): C.RUNNING,
    (C.RUNNING, "rollback"): C.ROLLING_BACK,
    (C.RUNNING, "override"): C.RUNNING,
    (C.PAUSED, "override"): C.PAUSED,
    (C.PAUSED, "pause"): C.PAUSED,
    (C.PAUSED, "resume"): C.RUNNING,
    (C.PAUSED, "skip"): C.PAUSED,
    (C.PAUSED, "rollback"): C.ROLLING_BACK,
    (C.ROLLING_BACK, "rollback"): C.ROLLING_BACK,
}


@pytest.mark.parametrize("verb", ASKED)
@pytest.mark.parametrize("state", CampaignState)
def test_every_action_in_every_state_is_done_or_refused_and_repeating_it_changes_nothing(
    state: CampaignState, verb: str
) -> None:
    gate = Gate(name="http-1", kind=GateKind.HTTP, url="http://shop")
    tune = {"approval": Approval(required=1, group="sre"), "gates": (gate,)}
    world = World(planned(3, tune=tune), start=False)
    campaign = replace(world.campaign, state=state)
    event = ASKED[verb]
    if isinstance(event, ApproveAsked):
        event = replace(event, plan_hash=campaign.plan_hash)
    once = observe(campaign, event, world.now)
    against = objection(campaign, event, world.now)
    if (state, verb) in DONE:
        assert against is None
        assert once.state is DONE[state, verb]
    else:
        assert against is not None
        assert campaign.id in against.reason
        assert against.hint
        assert once is campaign, "what is refused changes nothing"
    if state in FINAL_CAMPAIGN:
        assert once is campaign, "nothing changes a finished campaign"
    assert observe(once, event, world.now + timedelta(seconds=1)) is once, "asked twice is asked once"
    if (state, verb) in DONE:
        assert objection(once, event, world.now) is None, "repeating a request is no mistake"


@pytest.mark.parametrize("first", ASKED)
@pytest.mark.parametrize("second", ASKED)
def test_any_two_actions_that_race_each_other_leave_a_campaign_that_ends_or_waits(
    first: str, second: str
) -> None:
    world = World(planned(3, waves="all", parallelism=1))
    world.tick()
    world.change("h1")
    assert world.states()["h2"] is HostState.ORDERED
    world.see(ASKED[first])
    world.see(ASKED[second])
    world.accept("h2")
    world.end("h2", CHANGED)
    for _ in range(30):
        for action in world.tick():
            if isinstance(action, Dispatch):
                world.accept(action.host)
                if action.undo:
                    world.end(action.host, UNDONE)
                else:
                    world.end(action.host, CHANGED)
        world.now += timedelta(seconds=30)
    assert world.campaign.state in FINAL_CAMPAIGN | {C.PAUSED}
    assert len(world.campaign.runs) == 3
    if "rollback" in {first, second}:
        assert world.campaign.state is C.ROLLED_BACK, "a person's rollback decides how it ends"


def _at_work(**policy: Any) -> World:
    """One host of three was changed, one is at work, one has its order."""
    world = World(planned(4, waves="all", parallelism=2, **policy))
    world.tick()
    world.change("h1")
    world.accept("h2")
    return world


def _stopped(world: World, name: str, *, changed: bool) -> None:
    """The host has heard of it and stops between two steps."""
    run = world.host(name)
    assert run.attempt is not None
    world.see(StopHeard(host=name, attempt_id=run.attempt.id, epoch=run.attempt.epoch))
    world.end(name, failed(changed=changed, code="E_STOPPED", message="stopped by an abort"))


def _told(world: World) -> list[str]:
    return [action.host for action in world.run() if isinstance(action, StopAttempt)]


def test_a_hard_abort_stops_hosts_at_work_which_goes_back_as_the_policy_says_and_is_no_failure() -> None:
    world = _at_work(max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN)
    world.see(ASKED["abort --hard"])
    assert sorted(_told(world)) == ["h2", "h3"]
    _stopped(world, "h2", changed=True)
    world.decline("h3", refused("E_STOPPED", retryable=False))
    world.run()
    assert world.undos() == ["h2"], "what succeeded stays: no rule counts a host a person stopped"
    world.accept("h2")
    world.end("h2", UNDONE)
    world.run()
    states = [HostState.SUCCEEDED, HostState.ROLLED_BACK, HostState.CANCELLED, HostState.CANCELLED]
    assert list(world.states().values()) == states
    assert world.host("h3").reason == "refused: E_STOPPED"
    assert world.campaign.state is C.ABORTED


def test_a_host_stopped_before_its_first_step_is_reported_as_not_changed() -> None:
    world = _at_work()
    world.see(ASKED["abort --hard"])
    world.run()
    _stopped(world, "h2", changed=False)
    run = world.host("h2")
    assert (run.state, run.changed, run.failed_as) == (HostState.FAILED_CLEAN, False, None)
    assert run.reason == "stopped by an abort"


def test_a_host_stopped_half_way_is_left_to_a_person_where_nothing_is_rolled_back() -> None:
    world = _at_work(rollback_failed=False)
    world.see(ASKED["abort --hard"])
    world.run()
    _stopped(world, "h2", changed=True)
    assert world.states()["h2"] is HostState.NEEDS_HUMAN
    assert world.host("h2").changed


def test_a_host_that_was_done_before_it_could_stop_counts_as_done() -> None:
    world = _at_work()
    world.see(ASKED["abort --hard"])
    world.run()
    world.end("h2", CHANGED)
    assert world.states()["h2"] is HostState.SUCCEEDED


def test_a_host_is_told_to_stop_until_it_has_heard_of_it() -> None:
    world = _at_work()
    world.see(ASKED["abort --hard"])
    assert _told(world) == ["h2", "h3"]
    assert _told(world) == []
    world.now += timedelta(seconds=30)
    world.beat("h2", 1)
    assert "h2" in _told(world)
    attempt = world.host("h2").attempt
    assert attempt is not None
    heard = StopHeard(host="h2", attempt_id=attempt.id, epoch=attempt.epoch)
    world.see(heard)
    assert observe(world.campaign, heard, world.now) is world.campaign
    world.now += timedelta(seconds=29)
    world.beat("h2", 2)
    assert "h2" not in _told(world)
    assert any(
        "told to stop between two steps: 1 host (h2)" in line
        for line in explain(world.campaign, world.now).done
    )


def test_a_soft_abort_may_become_a_hard_one_and_a_hard_one_stays() -> None:
    world = _at_work()
    world.see(ASKED["abort"])
    assert _told(world) == []
    assert f"dockwave abort {world.campaign.id} --hard" in " ".join(explain(world.campaign, world.now).next)
    world.see(ASKED["abort --hard"])
    assert _told(world) == ["h2", "h3"]
    assert [stop.rule for stop in world.campaign.stops] == ["operator abort", "operator abort --hard"]
    before = world.campaign
    world.see(ASKED["abort"])
    assert world.campaign is before
    assert "running hosts stop between two steps" in explain(world.campaign, world.now).headline


def test_no_undo_and_no_reader_is_stopped() -> None:
    world = _at_work()
    world.end("h2", failed(changed=True))
    world.run()
    assert world.undos() == ["h2"]
    world.see(ASKED["abort --hard"])
    assert _told(world) == ["h3"]
    reader = World(planned(2, kind=Kind.READ_ONLY))
    reader.run()
    reader.see(ASKED["abort --hard"])
    assert _told(reader) == []


def test_a_host_that_says_it_was_stopped_although_nobody_aborted_has_failed() -> None:
    world = _at_work()
    world.end("h2", failed(changed=False, code="E_STOPPED"))
    assert world.host("h2").failed_as is FailureKind.FAILED


def test_a_paused_campaign_starts_nothing_and_says_who_why_how_long_and_what_next() -> None:
    world = World(planned(3, waves="all", parallelism=1))
    world.tick()
    world.see(ASKED["pause"])
    world.change("h1")
    world.now += timedelta(minutes=7)
    assert not any(isinstance(action, Dispatch) for action in world.tick())
    why = explain(world.campaign, world.now)
    assert (why.rule, why.by, why.observed) == ("operator pause", "ann", "a look")
    assert "so far for 7 minutes" in why.headline
    assert f"dockwave resume {world.campaign.id}" in why.next
    world.see(ASKED["resume"])
    assert any(isinstance(action, Dispatch) for action in world.tick())
    why = explain(world.campaign, world.now)
    assert why.rule == "", "what was lifted stops nothing any more"
    assert any("resumed by ann after operator pause (a look)" in line for line in why.done)


def _rule_paused(count: int) -> World:
    """One host has failed and a rule that tolerates none has paused the campaign."""
    rule = StopRule(
        kind=FailureKind.ANY, tolerate=Share(value=0), scope=Scope.CAMPAIGN, action=StopAction.PAUSE
    )
    world = World(planned(count, waves="all", parallelism=1, tune={"stop_rules": (rule,)}))
    world.tick()
    _fail(world, "h1")
    assert world.campaign.state is C.PAUSED
    return world


def _fail(world: World, host: str) -> None:
    world.accept(host)
    world.end(host, failed(changed=False))
    world.tick()


def test_after_a_resume_a_rule_forgives_what_was_seen_and_speaks_at_the_next_failure() -> None:
    world = _rule_paused(4)
    world.see(ResumeAsked(by="ann"))
    world.tick()
    assert world.state() is C.RUNNING
    _fail(world, "h2")
    assert world.state() is C.PAUSED
    assert [stop.lifted_by for stop in world.campaign.stops] == ["ann", ""]


def test_a_silenced_rule_does_not_speak_again() -> None:
    world = _rule_paused(4)
    world.see(ResumeAsked(by="ann", silence=True))
    world.tick()
    _fail(world, "h2")
    assert world.campaign.state is C.RUNNING
    assert any("its rules stay silent" in line for line in explain(world.campaign, world.now).done)


def test_a_failure_during_a_pause_is_seen_when_it_is_resumed() -> None:
    rule = StopRule(
        kind=FailureKind.ANY, tolerate=Share(value=0), scope=Scope.CAMPAIGN, action=StopAction.PAUSE
    )
    world = World(planned(3, waves="all", parallelism=1, tune={"stop_rules": (rule,)}))
    world.tick()
    world.see(ASKED["pause"])
    _fail(world, "h1")
    assert len(world.campaign.stops) == 1
    world.see(ASKED["resume"])
    world.tick()
    assert world.campaign.state is C.PAUSED
    assert world.campaign.stops[-1].hosts == ("h1",)


def test_only_a_host_that_was_not_started_is_skipped_and_it_counts_as_an_exception() -> None:
    world = World(planned(2, waves="all", parallelism=1))
    world.tick()
    refused = objection(world.campaign, SkipAsked(host="h1", by="ann"), world.now)
    assert refused is not None
    assert "h1 is ORDERED" in refused.reason
    stranger = objection(world.campaign, SkipAsked(host="elsewhere", by="ann"), world.now)
    assert stranger is not None
    assert "not in campaign" in stranger.reason
    world.see(SkipAsked(host="h2", by="ann", reason="in repair"))
    world.change("h1")
    world.run()
    run = world.campaign.run_of("h2")
    assert run is not None
    assert (run.state, run.reason) == (HostState.SKIPPED, "skipped by ann: in repair")
    assert world.campaign.state is C.COMPLETE_WITH_EXCEPTIONS


def test_a_rollback_brings_back_the_last_wave_first_and_never_an_untouched_host() -> None:
    world = World(planned(4, waves="1", parallelism=1))
    world.run()
    world.change("h1")
    world.change("h2")
    world.see(ASKED["rollback"])
    world.accept("h3")
    world.end("h3", CHANGED)
    for _ in range(8):
        for action in world.tick():
            if isinstance(action, Dispatch):
                world.accept(action.host)
                world.end(action.host, UNDONE)
    assert world.ordered() == ["h1", "h2", "h3"]
    assert world.undos() == ["h3", "h2", "h1"]
    assert [state.value for state in world.states().values()] == ["ROLLED_BACK"] * 3 + ["CANCELLED"]
    assert world.campaign.state is C.ROLLED_BACK
