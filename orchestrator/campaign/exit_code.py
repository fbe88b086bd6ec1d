"""The code with which commands that follow a campaign end: for a script, what became of it."""

from __future__ import annotations

from orchestrator.campaign.bringing_back import held_by
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.limits.shared_cause import standing_stop
from orchestrator.campaign.states import EXIT_CODES, CampaignState


def exit_code(campaign: Campaign) -> int | None:
    """The code for a campaign that is over or waits for a person, also in the middle of its rollback; else None."""
    if campaign.state is CampaignState.ROLLING_BACK and (
        standing_stop(campaign) is not None or held_by(campaign)
    ):
        return EXIT_CODES[CampaignState.PAUSED]
    return EXIT_CODES.get(campaign.state)
