"""In which state a campaign ends, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.ending import final_state
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState, HostState
from tests.orchestrator.campaign.worlds import START, planned

S = HostState


def campaign_of(*states: HostState, stops: tuple[StopAction | None, ...] = (), **policy: Any) -> Campaign:
    """A campaign whose hosts ended so, and that was stopped so (None is an abort)."""
    campaign = planned(len(states), waves="all", **policy)
    runs = tuple(
        replace(run, state=state, ended_at=START) for run, state in zip(campaign.runs, states, strict=True)
    )
    made = tuple(Stop(rule="r", limit="", observed="", hosts=(), at=START, action=action) for action in stops)
    return replace(
        campaign, state=CampaignState.RUNNING, runs=runs, stops=made, abort_requested=None in stops
    )


HALT, PAUSE, CONTINUE, BACK = (
    StopAction.HALT,
    StopAction.PAUSE,
    StopAction.CONTINUE,
    StopAction.ROLLBACK_CAMPAIGN,
)


@pytest.mark.parametrize(
    ("states", "stops", "end"),
    [
        # nothing stopped it
        ((), (), "COMPLETE"),
        ((S.SUCCEEDED, S.ALREADY_RIGHT), (), "COMPLETE"),
        ((S.SUCCEEDED, S.FAILED_CLEAN), (), "COMPLETE_WITH_EXCEPTIONS"),
        ((S.SUCCEEDED, S.ROLLED_BACK), (), "COMPLETE_WITH_EXCEPTIONS"),
        ((S.SUCCEEDED, S.NEEDS_HUMAN), (), "COMPLETE_WITH_EXCEPTIONS"),
        ((S.SUCCEEDED, S.SKIPPED), (), "COMPLETE_WITH_EXCEPTIONS"),
        ((S.SUCCEEDED, S.UNREACHABLE), (), "INCOMPLETE"),
        ((S.SUCCEEDED, S.UNKNOWN), (), "INCOMPLETE"),
        ((S.UNREACHABLE, S.FAILED_CLEAN), (), "INCOMPLETE"),
        ((S.UNKNOWN, S.PENDING), (), "INCOMPLETE"),
        # a pause or a note is no end
        ((S.SUCCEEDED, S.FAILED_CLEAN), (CONTINUE,), "COMPLETE_WITH_EXCEPTIONS"),
        ((S.SUCCEEDED, S.FAILED_CLEAN), (PAUSE,), "COMPLETE_WITH_EXCEPTIONS"),
        # a rule stopped it
        ((S.FAILED_CLEAN, S.CANCELLED), (HALT,), "HALTED"),
        ((S.UNREACHABLE, S.PENDING), (HALT,), "HALTED"),
        ((S.UNKNOWN, S.CANCELLED), (HALT,), "HALTED"),
        ((S.ROLLED_BACK, S.CANCELLED), (HALT,), "ROLLED_BACK"),
        ((S.ROLLED_BACK, S.SUCCEEDED, S.FAILED_CLEAN), (HALT,), "ROLLED_BACK"),
        ((S.NEEDS_HUMAN, S.CANCELLED), (HALT,), "ROLLBACK_INCOMPLETE"),
        ((S.ROLLED_BACK, S.NEEDS_HUMAN), (HALT,), "ROLLBACK_INCOMPLETE"),
        ((S.ROLLED_BACK, S.UNKNOWN), (HALT,), "ROLLBACK_INCOMPLETE"),
        ((S.ROLLED_BACK, S.ROLLED_BACK), (PAUSE, BACK), "ROLLED_BACK"),
        # a person stopped it
        ((S.SUCCEEDED, S.CANCELLED), (None,), "ABORTED"),
        ((S.UNKNOWN, S.CANCELLED), (None,), "ABORTED"),
        ((S.ROLLED_BACK, S.CANCELLED), (None, BACK), "ABORTED"),
        ((S.ROLLED_BACK, S.CANCELLED), (HALT, None), "ROLLED_BACK"),
        ((S.FAILED_CLEAN, S.CANCELLED), (PAUSE, None), "ABORTED"),
    ],
)
def test_the_final_state_says_what_is_proven_and_no_more(
    states: tuple[HostState, ...], stops: tuple[StopAction | None, ...], end: str
) -> None:
    assert final_state(campaign_of(*states, stops=stops)).value == end


def test_a_host_left_to_a_person_by_policy_had_not_to_be_rolled_back() -> None:
    campaign = campaign_of(S.NEEDS_HUMAN, S.CANCELLED, stops=(HALT,), rollback_failed=False)
    assert final_state(campaign) is CampaignState.HALTED
