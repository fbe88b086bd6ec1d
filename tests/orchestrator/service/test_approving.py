"""Approvals are in SQL: they hold over restarts, are in the log with who and why, and expire there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.events import ApproveAsked
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Approval
from orchestrator.loop.planning import NewPlan
from orchestrator.store.store import Store
from tasks.errors import BadInput, Refused
from tasks.model import Kind, Mode
from tests.support.campaigns import plain_host
from tests.support.control import Control, over


def _request(author: str = "ann@desk") -> NewPlan:
    asked = Approval(required=2, group="sre", expires_s=600.0, abort_on_timeout=True)
    policy = replace(make_policy(Kind.CHANGING), approval=asked)
    return NewPlan(
        procedure="engine.restart", params={}, hosts=(plain_host("web-1"),), policy=policy, author=author
    )


def _applied(control: Control) -> tuple[str, str]:
    own = control.service.plan(_request())
    control.run(own, lambda campaign: campaign.state != "PLANNING")
    document, digest = control.service.document(own)
    return control.service.apply(document, "ann@desk"), digest


def test_a_plan_waits_over_a_restart_for_two_others_and_the_log_says_who(store: Store) -> None:
    control = Control(store)
    own, digest = _applied(control)
    control.service.operate(own, ApproveAsked(by="bert@desk", plan_hash=digest, reason="read it"))
    control.tick(3)
    control.restart()
    control.tick(3)
    assert control.states(own)[""] == "AWAITING_APPROVAL"
    with pytest.raises(Refused, match="author"):
        control.service.operate(own, ApproveAsked(by="ann@laptop", plan_hash=digest))
    assert not [order for order in control.hosts.orders if order.mode is Mode.APPLY]
    control.service.operate(own, ApproveAsked(by="carl@desk", plan_hash=digest))
    control.run(own, over)
    assert control.states(own) == {"": "COMPLETE", "web-1": "SUCCEEDED"}
    lines = [line for line in control.service.events(own, 0) if "approve" in line.kind]
    assert [(line.kind, line.data["by"]) for line in lines] == [
        ("approve-asked", "bert@desk"),
        ("refused:approve-asked", "ann@laptop"),
        ("approve-asked", "carl@desk"),
    ]


def test_the_time_to_answer_goes_on_while_the_control_plane_is_away(store: Store) -> None:
    control = Control(store)
    own, _ = _applied(control)
    control.tick()
    control.clock.turn(700)
    control.restart()
    control.run(own, over)
    assert control.states(own) == {"": "ABORTED", "web-1": "CANCELLED"}
    assert control.service.why(own).rule == "approval not given"


def test_a_plan_that_needs_others_has_an_author(sqlite_store: Store) -> None:
    with pytest.raises(BadInput, match="has no author"):
        Control(sqlite_store).service.plan(_request(author=" "))


def test_who_tried_to_approve_without_leave_is_in_the_log_and_changes_nothing(store: Store) -> None:
    control = Control(store)
    own, digest = _applied(control)
    problem = Refused("dora is not of group sre: bert, carl", code="E_NOT_IN_GROUP", hint="Ask one of them")
    control.service.refuse(own, ApproveAsked(by="dora", plan_hash=digest), problem)
    control.tick(3)
    assert control.states(own)[""] == "AWAITING_APPROVAL"
    assert control.service.campaign(own).approvals == ()
    (line,) = [line for line in control.service.events(own, 0) if line.kind.startswith("refused")]
    assert (line.kind, line.data["by"], line.data["code"]) == (
        "refused:approve-asked",
        "dora",
        "E_NOT_IN_GROUP",
    )
