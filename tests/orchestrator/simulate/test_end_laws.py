"""Each law of the end is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.campaign.states import CampaignState
from orchestrator.simulate import end_laws
from orchestrator.simulate.laws import Law
from tasks.model import Kind
from tests.orchestrator.simulate.test_turn_laws import BEFORE
from tests.support.campaigns import NOON


def test_a_campaign_that_ends_better_than_its_hosts_is_seen() -> None:
    over = replace(BEFORE, state=CampaignState.COMPLETE, started_at=NOON - timedelta(seconds=1))
    found = list(end_laws.at_the_end(replace(over, kind=Kind.READ_ONLY), {}))
    assert {item.law for item in found} == {Law.END}
