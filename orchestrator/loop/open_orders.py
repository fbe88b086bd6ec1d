"""Orders that were committed and perhaps never left: what is published again once after every start."""

from __future__ import annotations

from datetime import datetime

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.shared_cause import open_look
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.stop_rules import stopped
from orchestrator.loop.orders import Sending, control_order, order_of
from orchestrator.loop.turn import by_name


def open_orders(
    campaign: Campaign,
    now: datetime,
    *,
    killed: bool = False,
    quarantined: frozenset[str] = frozenset(),
) -> list[Sending]:
    """Give the orders that were committed, nobody accepted, and may still start: perhaps they never left."""
    found: list[Sending] = []
    if killed:
        return found
    held = stopped(campaign) or campaign.state is CampaignState.PAUSED
    for run in campaign.runs:
        attempt = run.attempt
        if attempt is None or attempt.ended_at or attempt.accepted_at or attempt.expires_at <= now:
            continue
        if run.host.name in quarantined:
            continue
        if run.state in {HostState.ORDERED, HostState.ROLLING_BACK} and (attempt.undo or not held):
            found.append(order_of(campaign, run, attempt))
    return [*found, *_open_questions(campaign, now)]


def _open_questions(campaign: Campaign, now: datetime) -> list[Sending]:
    """Give the orders to untouched hosts that have not answered, while they are waited for."""
    look = open_look(campaign)
    if look is None or look.until <= now:
        return []
    runs = by_name(campaign)
    return [control_order(campaign, look, runs[item.host]) for item in look.controls if not item.answered_at]
