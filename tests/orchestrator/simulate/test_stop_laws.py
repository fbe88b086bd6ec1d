"""Each law of stops is broken by hand once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.campaign import Stop
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState
from orchestrator.simulate.laws import Law
from tests.orchestrator.simulate.test_turn_laws import BEFORE, broken, started
from tests.support.campaigns import NOON


def stop(action: StopAction | None) -> Stop:
    """A stop of some kind."""
    return Stop(rule="r", limit="l", observed="o", hosts=(), at=NOON, action=action)


@pytest.mark.parametrize("action", [StopAction.HALT, StopAction.ROLLBACK_CAMPAIGN, None])
def test_a_start_past_a_stop_is_seen(action: StopAction | None) -> None:
    stopped = replace(BEFORE, stops=(stop(action),))
    assert Law.STOP in broken(stopped, started(stopped))


def test_a_start_while_paused_is_seen() -> None:
    paused = replace(BEFORE, state=CampaignState.PAUSED)
    assert Law.STOP in broken(paused, started(paused))
