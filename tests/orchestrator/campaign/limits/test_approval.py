"""Nothing starts before enough persons agreed: none of them the author, each once, to the very plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.actions import Dispatch
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import AbortAsked, ApproveAsked, DenyAsked, Event, Started
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.limits.approval import objection, person
from orchestrator.campaign.observe import observe
from orchestrator.campaign.plan_document import plan_document, seal
from orchestrator.campaign.policy import check_policy
from orchestrator.campaign.rollout import Approval
from orchestrator.campaign.states import CampaignState, HostState
from tests.orchestrator.campaign.worlds import World, planned


def _asking(required: int = 1, **more: Any) -> Campaign:
    """A plan by ann@desk that others must approve."""
    asked = Approval(required=required, group="sre", **more)
    return seal(replace(planned(2, waves="all", tune={"approval": asked}), author="ann@desk"))


def _yes(world: World, by: str) -> ApproveAsked:
    return ApproveAsked(by=by, plan_hash=world.campaign.plan_hash)


def test_an_applied_plan_waits_and_starts_with_the_last_approval_that_was_missing() -> None:
    world = World(_asking(2))
    assert world.state() is CampaignState.AWAITING_APPROVAL
    world.run(seconds=3600)
    world.see(_yes(world, "bert@desk"))
    world.run(seconds=3600)
    assert world.ordered() == []
    world.see(_yes(world, "carl@desk"))
    world.run()
    assert world.state() is CampaignState.RUNNING
    assert world.ordered() == ["h1"]
    assert world.campaign.started_at == world.now, "waiting for a person counts for no clock"
    assert "approved by bert@desk, carl@desk" in explain(world.campaign, world.now).done


def test_the_author_does_not_count_from_another_machine_either_and_nobody_counts_twice() -> None:
    world = World(_asking(2))
    for by in ("ann@desk", "Ann@laptop", "bert@desk", "BERT@laptop", " bert "):
        world.see(_yes(world, by))
    assert world.state() is CampaignState.AWAITING_APPROVAL
    assert [item.by for item in world.campaign.approvals] == ["bert@desk"]
    against = objection(world.campaign, _yes(world, "ann@laptop"), world.now)
    assert against is not None
    assert "its author's approval does not count" in against.reason


def test_applying_it_again_is_no_approval() -> None:
    world = World(_asking(1))
    world.see(Started(by="mallory"))
    assert world.state() is CampaignState.AWAITING_APPROVAL


def test_nobody_is_asked_about_a_campaign_that_touches_no_host() -> None:
    world = World(planned(0, tune={"approval": Approval(required=1, group="sre")}))
    world.run()
    assert world.state() is CampaignState.COMPLETE


def test_an_approval_of_another_plan_is_refused_and_one_given_before_it_changed_counts_no_more() -> None:
    world = World(_asking(2))
    other = ApproveAsked(by="bert", plan_hash="0" * 64)
    against = objection(world.campaign, other, world.now)
    assert against is not None
    assert "is not the one that was looked at" in against.reason
    world.see(other)
    assert world.campaign.approvals == ()
    world.see(_yes(world, "bert"))
    world.campaign = seal(replace(world.campaign, timeout_s=7.0))
    world.see(_yes(world, "carl"))
    assert world.state() is CampaignState.AWAITING_APPROVAL


def test_one_denial_ends_it_before_a_host_was_touched_and_says_who_and_why() -> None:
    world = World(_asking(2))
    world.see(_yes(world, "bert"))
    world.see(DenyAsked(by="carl", reason="freeze"))
    world.see(_yes(world, "dora"))
    world.run()
    assert world.state() is CampaignState.ABORTED
    assert set(world.states().values()) == {HostState.CANCELLED}
    why = explain(world.campaign, world.now)
    assert (why.rule, why.by, why.observed) == ("approval denied", "carl", "freeze")


@pytest.mark.parametrize("abort", [True, False])
def test_an_unanswered_question_ends_the_campaign_or_is_waited_for_until_the_plan_expires(
    abort: bool,
) -> None:
    world = World(_asking(1, expires_s=600.0, abort_on_timeout=abort))
    world.run(seconds=599)
    assert world.state() is CampaignState.AWAITING_APPROVAL
    assert "until" in explain(world.campaign, world.now).brakes[0]
    world.now += timedelta(seconds=1)
    assert (objection(world.campaign, _yes(world, "bert"), world.now) is not None) is abort
    world.run()
    if abort:
        assert world.state() is CampaignState.ABORTED
        assert explain(world.campaign, world.now).rule == "approval not given"
        return
    assert "overdue" in explain(world.campaign, world.now).brakes[0]
    world.run(seconds=86_400)
    assert world.state() is CampaignState.VOID
    assert {run.reason for run in world.campaign.runs} == {"the plan expired before it was approved"}


def test_who_is_missing_is_told_with_the_next_command_and_the_plan_says_who_will_be_asked() -> None:
    world = World(_asking(2, among=3))
    world.see(_yes(world, "bert"))
    why = explain(world.campaign, world.now)
    assert "2 of 3 of group sre" in why.brakes[0]
    assert "bert so far, 1 missing" in why.brakes[0]
    assert f"dockwave approve {world.campaign.id}" in why.next
    assert any(
        "nothing starts before these agree: 2 of 3 of group sre" in line
        for line in words(_asking(2, among=3))
    )


def test_who_must_agree_is_part_of_the_plans_hash() -> None:
    assert plan_document(_asking(1))["policy"]["approval"]["required"] == 1
    assert _asking(1).plan_hash != _asking(2).plan_hash


@pytest.mark.parametrize(
    "asked", [{"required": 0}, {"required": 3, "among": 2}, {"required": 1, "expires_s": 1.0}]
)
def test_what_can_never_be_met_is_refused(asked: dict[str, Any]) -> None:
    policy = replace(planned(1).policy, approval=Approval(group="sre", **asked))
    with pytest.raises(ValueError, match=r"approval\."):
        check_policy(policy)


_WHO = st.sampled_from(["ann@desk", "ann@laptop", "bert@a", "Bert@b", "carl", "dora@x", ""])


@given(
    required=st.integers(1, 4),
    acts=st.lists(
        st.tuples(st.sampled_from(["yes", "other plan", "no", "tick", "apply", "abort"]), _WHO), max_size=12
    ),
)
def test_i14_no_order_leaves_before_so_many_persons_who_are_not_the_author_agreed(
    required: int, acts: list[tuple[str, str]]
) -> None:
    world = World(_asking(required))
    agreed: set[str] = set()
    for act, by in acts:
        before = world.campaign
        events: dict[str, Event] = {
            "yes": _yes(world, by),
            "other plan": ApproveAsked(by=by, plan_hash="1" * 64),
            "no": DenyAsked(by=by),
            "apply": Started(by=by),
            "abort": AbortAsked(by=by),
        }
        event = events.get(act)
        if event is not None:
            world.see(event)
            assert observe(world.campaign, event, world.now) is world.campaign
        else:
            world.run(seconds=1)
        if act == "yes" and world.campaign is not before:
            agreed.add(person(by))
        assert "ann" not in agreed
        assert "" not in agreed
        if any(isinstance(action, Dispatch) for action in world.log):
            assert len(agreed) >= required
        assert (world.state() is CampaignState.AWAITING_APPROVAL) <= (len(agreed) < required)
