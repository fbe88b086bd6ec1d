"""What SQL says about the world outside a campaign: whom others work on, and who is away already."""

from __future__ import annotations

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.store.store import Reader
from tasks.model import Kind


def surroundings_of(reader: Reader, campaign: Campaign) -> Surroundings:
    """Give what the campaign must know to decide; nothing for one that disturbs nobody."""
    if campaign.kind is Kind.READ_ONLY or campaign.state in FINAL_CAMPAIGN:
        return CALM
    open_hosts = {run.host.name for run in campaign.runs if run.state not in FINAL_HOST}
    others = {lease.host for lease in reader.leases() if lease.campaign_id != campaign.id}
    return Surroundings(
        blocked=frozenset(open_hosts & others),
        away=reader.away() if campaign.policy.budgets is not None else (),
    )
