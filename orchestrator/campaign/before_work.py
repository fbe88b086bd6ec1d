"""What becomes of a plan that is not at work yet: it waits, is aborted, is not approved in time, or expires."""

from __future__ import annotations

from datetime import datetime

from orchestrator.campaign.actions import Action, Cancel, Finish, StopNow, WakeAt
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.census import open_undo
from orchestrator.campaign.limits.approval import timed_out
from orchestrator.campaign.states import CampaignState, HostState


def before_work(campaign: Campaign, now: datetime) -> tuple[Action, ...]:
    """What happens to this plan now."""
    if campaign.abort_requested:
        return (*cancel(campaign, "aborted before the start"), Finish(state=CampaignState.ABORTED))
    expires = campaign.plan_expires_at
    if campaign.state is CampaignState.PLANNING or expires is None:
        return ()
    waiting = campaign.state is CampaignState.AWAITING_APPROVAL
    unanswered = timed_out(campaign, now) if waiting else None
    if unanswered is not None:
        cancelled = cancel(campaign, "nobody approved it in time")
        return (StopNow(stop=unanswered), *cancelled, Finish(state=CampaignState.ABORTED))
    if expires > now:
        until = campaign.approval_until
        return (WakeAt(at=min(expires, until) if until is not None and until > now else expires),)
    done = "approved" if waiting else "applied"
    return (*cancel(campaign, f"the plan expired before it was {done}"), Finish(state=CampaignState.VOID))


def cancel(campaign: Campaign, reason: str) -> tuple[Action, ...]:
    """Cancel what was never started; a host that only waits for its undo is left to a person."""
    hosts = tuple(
        run.host.name
        for run in campaign.runs
        if run.state is HostState.PENDING or (run.state is HostState.ROLLING_BACK and open_undo(run) is None)
    )
    return (Cancel(hosts=hosts, reason=reason),) if hosts else ()
