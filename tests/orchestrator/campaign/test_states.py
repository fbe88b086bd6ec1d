"""The tables: who may follow whom, what is final, what holds a slot, which exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign import moves
from orchestrator.campaign.states import (
    EXIT_CODES,
    FINAL_CAMPAIGN,
    FINAL_HOST,
    HOLDS_SLOT,
    LEGAL,
    LEGAL_CAMPAIGN,
    CampaignState,
    HostState,
)
from tests.orchestrator.campaign.worlds import START, World, planned

_EVERY_MOVE = [(old, new) for old in HostState for new in HostState]


@pytest.mark.parametrize(("old", "new"), _EVERY_MOVE, ids=[f"{old}-{new}" for old, new in _EVERY_MOVE])
def test_a_host_moves_only_along_the_table(old: HostState, new: HostState) -> None:
    run = moves.to(World(planned(1)).host("h1"), HostState.PENDING, START)
    run = replace(run, state=old)
    moved = moves.to(run, new, START)
    if new in LEGAL[old]:
        assert moved.state is new
        assert (moved.ended_at is not None) == (new in FINAL_HOST)
        assert (moved.unknown_since is not None) == (new is HostState.UNKNOWN)
    else:
        assert moved is run


def test_every_state_is_in_the_table_and_final_ones_lead_nowhere_but_back() -> None:
    assert set(LEGAL) == set(HostState)
    for state in FINAL_HOST:
        assert LEGAL[state] <= {HostState.ROLLING_BACK}
    assert [state for state in FINAL_HOST if LEGAL[state]] == [HostState.SUCCEEDED]


def test_unknown_and_rolling_back_hosts_hold_a_slot_and_soaking_ones_do_not() -> None:
    assert {HostState.UNKNOWN, HostState.ROLLING_BACK, HostState.ORDERED} <= HOLDS_SLOT
    assert HostState.SOAKING not in HOLDS_SLOT
    assert not HOLDS_SLOT & FINAL_HOST


def test_no_host_reaches_success_without_having_been_ordered() -> None:
    assert HostState.SUCCEEDED not in LEGAL[HostState.PENDING]
    assert HostState.ROLLED_BACK not in LEGAL[HostState.RUNNING]


def test_campaigns_move_only_forward() -> None:
    assert set(LEGAL_CAMPAIGN) == set(CampaignState)
    for state in FINAL_CAMPAIGN:
        assert LEGAL_CAMPAIGN[state] == frozenset()
    assert CampaignState.RUNNING not in LEGAL_CAMPAIGN[CampaignState.ROLLING_BACK]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (CampaignState.COMPLETE, 0),
        (CampaignState.COMPLETE_WITH_EXCEPTIONS, 3),
        (CampaignState.INCOMPLETE, 3),
        (CampaignState.HALTED, 4),
        (CampaignState.ABORTED, 4),
        (CampaignState.PAUSED, 4),
        (CampaignState.ROLLED_BACK, 5),
        (CampaignState.ROLLBACK_INCOMPLETE, 5),
        (CampaignState.AWAITING_APPROVAL, 6),
        (CampaignState.VOID, 7),
        (CampaignState.RUNNING, None),
        (CampaignState.ROLLING_BACK, None),
        (CampaignState.PLANNED, None),
        (CampaignState.PLANNING, None),
    ],
)
def test_each_state_has_its_exit_code(state: CampaignState, code: int | None) -> None:
    assert EXIT_CODES.get(state) == code
