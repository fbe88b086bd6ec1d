"""In which state a campaign ends; a table over its stops and the states of its hosts."""

from __future__ import annotations

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.limits.stop_rules import rule_stop
from orchestrator.campaign.states import CampaignState, HostState

_EXCEPTIONS = frozenset(
    {
        HostState.FAILED_CLEAN,
        HostState.ROLLED_BACK,
        HostState.NEEDS_HUMAN,
        HostState.SKIPPED,
        HostState.CANCELLED,
    }
)


def final_state(campaign: Campaign) -> CampaignState:
    """The state it ends in, given that nothing more will be done; hosts still PENDING will be cancelled."""
    if rule_stop(campaign) is not None:
        return _stopped(campaign)
    if campaign.abort_requested:
        return CampaignState.ABORTED
    states = {run.state for run in campaign.runs}
    if states & {HostState.UNKNOWN, HostState.UNREACHABLE}:
        return CampaignState.INCOMPLETE
    if states & _EXCEPTIONS or HostState.PENDING in states:
        return CampaignState.COMPLETE_WITH_EXCEPTIONS
    return CampaignState.COMPLETE


def _stopped(campaign: Campaign) -> CampaignState:
    """ROLLED_BACK is said only when every host that had to come back is proven back."""
    back = any(run.state is HostState.ROLLED_BACK for run in campaign.runs)
    if any(_not_back(campaign, run, back=back) for run in campaign.runs):
        return CampaignState.ROLLBACK_INCOMPLETE
    return CampaignState.ROLLED_BACK if back else CampaignState.HALTED


def _not_back(campaign: Campaign, run: HostRun, *, back: bool) -> bool:
    """Whether the host had to be brought back and is not, or may be one of those."""
    if run.state is HostState.UNKNOWN:
        return back or (run.attempt is not None and run.attempt.undo)
    if run.state is HostState.ROLLING_BACK:
        return True
    if run.state is not HostState.NEEDS_HUMAN:
        return False
    wanted = campaign.policy.rollback_failed or run.wave in campaign.rollback_waves
    return wanted or any(attempt.undo for attempt in run.attempts)
