"""What people ask: done, done before, or refused, in every state and twice in a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import pytest

from orchestrator.campaign.events import (
    AbortAsked,
    ApproveAsked,
    DenyAsked,
    Dispatch,
    OperatorEvent,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    SkipAsked,
)
from orchestrator.campaign.gate import Gate, GateKind
from orchestrator.campaign.observe import observe
from orchestrator.campaign.operators import objection
from orchestrator.campaign.rollout import Approval, FailureKind, Scope, Share, StopAction, StopRule
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState
from orchestrator.campaign.why import explain
from tests.orchestrator.campaign.worlds import CHANGED, UNDONE, World, failed, planned

C: TypeAlias = CampaignState

ASKED: dict[str, OperatorEvent] = {
    "pause": PauseAsked(by="ann", reason="a look"),
    "resume": ResumeAsked(by="ann"),
    "skip": SkipAsked(host="h3", by="ann", reason="in repair"),
    "rollback": RollbackAsked(by="ann", reason="wrong release"),
    "abort": AbortAsked(by="ann", reason="wrong fleet"),
    "approve": ApproveAsked(by="ann", plan_hash=""),
    "deny": DenyAsked(by="ann", reason="not today"),
    "override": OverrideAsked(gate="http-1", wave=1, by="ann", reason="the probe is broken"),
}
PLANS = (C.PLANNING, C.PLANNED, C.AWAITING_APPROVAL)

#: (state, action) -> state afterwards; absent = refused
DONE: dict[tuple[CampaignState, str], CampaignState] = {
    **{(state, "abort"): state for state in CampaignState},
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
