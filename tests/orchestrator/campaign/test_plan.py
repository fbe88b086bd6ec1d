"""The plan: every host placed once, or left out with its reason; one document, one hash."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.plan import PlanRefused, PlanRequest, make_plan
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.states import CampaignState, HostState
from tasks.model import Kind, UndoClass
from tasks.result import HostError, HostResult, Outcome
from tests.orchestrator.campaign.worlds import (
    LOST,
    START,
    UNREACHABLE,
    draft,
    failed,
    hosts,
    planned,
    refused,
)


def request(count: int, **changes: Any) -> PlanRequest:
    made = PlanRequest(
        campaign_id="c1",
        procedure="engine.upgrade",
        kind=Kind.CHANGING,
        params={"version": "26.1"},
        policy=make_policy(Kind.CHANGING),
        hosts=hosts(count),
        created_at=START,
        expires_at=START + timedelta(hours=24),
    )
    return replace(made, **changes)


def test_hosts_that_need_change_go_in_waves_in_their_order_with_what_was_approved() -> None:
    campaign = planned(5, waves="1,2,rest", answers={"h2": draft(), "h4": draft("a", "b", undo="one-way")})
    assert campaign.state is CampaignState.PLANNED
    assert [(run.host.name, run.wave) for run in campaign.runs] == [
        ("h1", 1),
        ("h2", 0),
        ("h3", 2),
        ("h4", 2),
        ("h5", 3),
    ]
    assert campaign.waves == 3
    assert campaign.runs[1].state is HostState.ALREADY_RIGHT
    run = campaign.runs[3]
    assert (run.approved, run.digest, run.machine_id) == (("a", "b"), "d" * 64, "m1")
    assert run.undo is UndoClass.ONE_WAY


def test_a_digest_given_beside_the_answer_wins() -> None:
    campaign = make_plan(request(1), {"h1": draft("a")}, digests={"h1": "e" * 64})
    assert campaign.runs[0].digest == "e" * 64


def test_a_refusing_host_is_left_out_with_code_and_message() -> None:
    campaign = planned(2, answers={"h1": refused("E_MAJOR_UPGRADE", retryable=False)})
    run = campaign.runs[0]
    assert run.state is HostState.SKIPPED
    assert run.wave == 0
    assert run.reason == "E_MAJOR_UPGRADE: refused: E_MAJOR_UPGRADE"
    assert campaign.runs[1].wave == 1


@pytest.mark.parametrize(
    "answer", [failed(changed=False), HostResult(outcome=Outcome.OK), HostResult(outcome=Outcome.SKIPPED)]
)
def test_an_answer_without_a_plan_leaves_the_host_out(answer: HostResult) -> None:
    assert planned(1, answers={"h1": answer}).runs[0].state is HostState.SKIPPED


def test_an_excluded_host_is_left_out_even_if_it_has_a_plan() -> None:
    error = HostError(code="E_HOST_IDENTITY", message="another machine answers")
    campaign = make_plan(request(2), {"h1": draft("a"), "h2": draft("a")}, excluded={"h1": error})
    assert campaign.runs[0].state is HostState.SKIPPED
    assert campaign.runs[0].error == error
    assert campaign.runs[1].wave == 1


@pytest.mark.parametrize("answer", [None, UNREACHABLE, LOST])
def test_a_silent_host_refuses_the_plan_as_a_whole_unless_that_is_allowed(answer: HostResult | None) -> None:
    with pytest.raises(PlanRefused, match="1 of 3 hosts did not answer: h2") as caught:
        planned(3, answers={"h2": answer})
    assert caught.value.code == "E_UNREACHABLE"
    assert "--allow-unreachable" in caught.value.hint
    campaign = planned(3, answers={"h2": answer}, allow_unreachable=True)
    assert campaign.runs[1].state is HostState.UNREACHABLE
    assert campaign.runs[1].wave == 0


def test_a_read_only_procedure_needs_no_dry_run() -> None:
    campaign = make_plan(request(3, kind=Kind.READ_ONLY, policy=make_policy(Kind.READ_ONLY)), {})
    assert {run.state for run in campaign.runs} == {HostState.PENDING}
    assert {run.approved for run in campaign.runs} == {None}
    assert campaign.waves == 1


def test_no_host_is_refused_unless_that_is_allowed() -> None:
    with pytest.raises(PlanRefused, match="No host was chosen"):
        make_plan(request(0), {})
    assert make_plan(request(0, allow_empty=True), {}).runs == ()


def test_a_host_named_twice_is_refused() -> None:
    with pytest.raises(PlanRefused, match="twice: h1"):
        make_plan(request(2, hosts=(*hosts(2), *hosts(1))), {})


def test_a_bad_policy_is_refused_before_anything_else() -> None:
    with pytest.raises(ValueError, match="parallelism"):
        make_plan(request(1, policy=replace(make_policy(Kind.CHANGING), parallelism=0)), {"h1": draft("a")})


# -- the document ------------------------------------------------------------------------------------------


_ANSWERS = st.sampled_from(
    [draft("a"), draft("a", "b"), draft(), None, UNREACHABLE, refused("E_X"), failed(changed=False)]
)


@given(
    answers=st.lists(_ANSWERS, max_size=30), waves=st.sampled_from(["1,10%,rest", "all", "2", "50%", "1,2,4"])
)
def test_every_host_is_in_one_wave_or_left_out_with_a_reason(
    answers: list[HostResult | None], waves: str
) -> None:
    said = {f"h{number}": answer for number, answer in enumerate(answers, start=1)}
    campaign = planned(len(answers), answers=said, waves=waves, allow_unreachable=True)
    assert [run.host.name for run in campaign.runs] == list(said)
    placed = [run.wave for run in campaign.runs if run.state is HostState.PENDING]
    assert placed == sorted(placed)
    assert set(placed) == set(range(1, campaign.waves + 1))
    for run in campaign.runs:
        assert (run.wave > 0) == (run.state is HostState.PENDING)
        assert run.wave > 0 or run.reason
    assert _same(campaign, planned(len(answers), answers=said, waves=waves, allow_unreachable=True))


def _same(one: Campaign, other: Campaign) -> bool:
    """Planning is deterministic."""
    return one == other and one.plan_hash == other.plan_hash
