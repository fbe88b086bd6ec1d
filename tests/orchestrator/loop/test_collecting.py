"""Python searches a large campaign for garbage seldom, because there is none to be found in it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.campaign.actions import Dispatch
from orchestrator.campaign.record import record
from orchestrator.campaign.states import CampaignState
from orchestrator.loop.collecting import collect_seldom
from tests.support.campaigns import NOON, plain_campaign


@pytest.fixture
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("as_before")
def test_what_is_there_at_the_start_is_left_out_of_every_later_search() -> None:
    collect_seldom()
    assert gc.get_freeze_count() > 0
    youngest, older, oldest = gc.get_threshold()
    assert youngest * older * oldest == 10_000_000


def test_a_campaign_and_its_turns_leave_no_garbage_that_must_be_searched_for() -> None:
    names = [f"web-{number}" for number in range(200)]
    gc.collect()
    gc.disable()
    try:
        campaign = replace(plain_campaign(names=tuple(names)), state=CampaignState.RUNNING, wave=1)
        actions = [Dispatch(host=name, number=1) for name in names]
        ordered = record(campaign, actions, NOON, dict.fromkeys(names, 1))
        assert all(run.attempt is not None for run in ordered.runs)
        del campaign, ordered, actions
        assert gc.collect() < 10, "reference counts free 200 hosts with their attempts"
    finally:
        gc.enable()
