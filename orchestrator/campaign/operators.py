"""What people may ask of a campaign at work: whether it can be done in its state, and what becomes of it.

Every request is either done, done before (then the very same campaign comes back), or refused with a reason and a
way out; asked of a finished campaign it changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign import human_gates, moves
from orchestrator.campaign.bringing_back import held_by
from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.census import take_census
from orchestrator.campaign.events import (
    AbortAsked,
    ApproveAsked,
    DenyAsked,
    OperatorEvent,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    SkipAsked,
)
from orchestrator.campaign.gates import overriding
from orchestrator.campaign.gates.asking import afresh, without_started
from orchestrator.campaign.limits import approval
from orchestrator.campaign.limits.approval import Objection
from orchestrator.campaign.limits.shared_cause import SHARED_CAUSE_RULE, standing_stop
from orchestrator.campaign.limits.stop_rules import OPERATOR_ROLLBACK, stopped
from orchestrator.campaign.record import stop_now
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState

OPERATOR_PAUSE = "operator pause"

_PLANS = frozenset({CampaignState.PLANNING, CampaignState.PLANNED, CampaignState.AWAITING_APPROVAL})
_GOING = frozenset({CampaignState.RUNNING, CampaignState.PAUSED})


def ask(campaign: Campaign, event: OperatorEvent, now: datetime) -> Campaign:
    """The campaign after this request; the very same object when it is refused or was done before."""
    if isinstance(event, AbortAsked):
        return _abort(campaign, event, now)
    if objection(campaign, event, now) is not None or done_before(campaign, event):
        return campaign
    if isinstance(event, ApproveAsked):
        return _approve(campaign, event, now)
    if isinstance(event, DenyAsked):
        return human_gates.deny(campaign, event, now) if event.gate else approval.deny(campaign, event, now)
    if isinstance(event, PauseAsked):
        return stop_now(campaign, _pause(event, now), now)
    if isinstance(event, ResumeAsked):
        return _resume(campaign, event, now)
    if isinstance(event, SkipAsked):
        return _skip(campaign, event, now)
    if isinstance(event, OverrideAsked):
        return overriding.override(campaign, event, now)
    return moves.tidy(stop_now(campaign, _rollback(campaign, event, now), now), now)


def objection(campaign: Campaign, event: OperatorEvent, now: datetime) -> Objection | None:
    """Why the request cannot be done in this state; None when it can, or was done before."""
    if isinstance(event, AbortAsked) or done_before(campaign, event):
        return None
    if isinstance(event, ApproveAsked | DenyAsked) and not event.gate:
        return approval.objection(campaign, event, now)
    word = _WORDS[type(event)]
    show = f"`dockwave show {campaign.id}` shows how it stands"
    if campaign.state in _PLANS:
        return Objection(
            reason=f"Campaign {campaign.id} is not at work yet ({campaign.state}): there is nothing to {word}",
            hint="Do not apply its plan, or plan without the hosts you do not want",
        )
    if isinstance(event, RollbackAsked):
        return _no_rollback(campaign, show)
    if campaign.state in FINAL_CAMPAIGN:
        return Objection(reason=f"Campaign {campaign.id} is over ({campaign.state})", hint=show)
    if isinstance(event, ResumeAsked) and (held_by(campaign) or standing_stop(campaign) is not None):
        return None
    if campaign.state not in _GOING or stopped(campaign):
        why = campaign.stops[-1].rule if campaign.stops else "it was stopped"
        return Objection(
            reason=f"Campaign {campaign.id} starts nothing new any more ({why}), so there is nothing to {word}",
            hint=show,
        )
    if isinstance(event, ApproveAsked | DenyAsked):
        return human_gates.objection(campaign, event)
    if isinstance(event, OverrideAsked):
        return overriding.objection(campaign, event, now)
    return _no_skip(campaign, event) if isinstance(event, SkipAsked) else None


_WORDS: dict[type[OperatorEvent], str] = {
    PauseAsked: "pause",
    ResumeAsked: "resume",
    SkipAsked: "skip",
    RollbackAsked: "roll back",
    OverrideAsked: "override",
    ApproveAsked: "approve",
    DenyAsked: "deny",
}


def done_before(campaign: Campaign, event: OperatorEvent) -> bool:
    """Whether the campaign is as the request wants it: repeating a request is no mistake."""
    if isinstance(event, AbortAsked):
        return campaign.abort_hard if event.hard else campaign.abort_requested
    if isinstance(event, PauseAsked):
        return campaign.state is CampaignState.PAUSED and not stopped(campaign)
    if isinstance(event, ResumeAsked):
        free = not held_by(campaign) and standing_stop(campaign) is None
        return campaign.state is CampaignState.RUNNING and not stopped(campaign) and free
    if isinstance(event, RollbackAsked):
        return any(stop.rule == OPERATOR_ROLLBACK for stop in campaign.stops)
    if isinstance(event, ApproveAsked | DenyAsked):
        if event.gate:
            return human_gates.done_before(campaign, event)
        return approval.done_before(campaign, event)
    if isinstance(event, OverrideAsked):
        return overriding.done_before(campaign, event)
    run = campaign.run_of(event.host)
    return campaign.state not in _PLANS and run is not None and run.state is HostState.SKIPPED


def _no_rollback(campaign: Campaign, show: str) -> Objection | None:
    """A way back is never taken back, and a finished campaign is taken back by another one."""
    if campaign.undoes:
        return Objection(
            reason=f"Campaign {campaign.id} is itself the undo of {campaign.undoes}: a way back is not taken back",
            hint=f"Stop it with `dockwave abort {campaign.id}`"
            if campaign.state not in FINAL_CAMPAIGN
            else f"To have the change again, plan it again: `dockwave show {campaign.undoes}` says what it was",
        )
    if campaign.state not in FINAL_CAMPAIGN:
        return None
    changed = any(run.changed for run in campaign.runs)
    return Objection(
        reason=f"Campaign {campaign.id} is over ({campaign.state}): a rollback turns campaigns at work",
        hint=f"`dockwave undo {campaign.id}` brings back the hosts it changed" if changed else show,
    )


def _no_skip(campaign: Campaign, event: SkipAsked) -> Objection | None:
    run = campaign.run_of(event.host)
    if run is None:
        return Objection(
            reason=f"Host {event.host} is not in campaign {campaign.id}",
            hint=f"`dockwave show {campaign.id}` lists its hosts",
        )
    if run.state is HostState.PENDING:
        return None
    return Objection(
        reason=f"Host {event.host} is {run.state}: only a host that was not started can be left out",
        hint=f"`dockwave logs {campaign.id} {event.host}` shows what was done on it",
    )


def _approve(campaign: Campaign, event: ApproveAsked, now: datetime) -> Campaign:
    step = human_gates.approve if event.gate else approval.approve
    return step(campaign, event, now)


def _abort(campaign: Campaign, event: AbortAsked, now: datetime) -> Campaign:
    """Nothing new starts; asked twice is asked once, as is a soft one after a hard one; the end is not changed."""
    if campaign.state in FINAL_CAMPAIGN or done_before(campaign, event):
        return campaign
    running = "stop between two steps" if event.hard else "finish"
    stop = Stop(
        rule="operator abort --hard" if event.hard else "operator abort",
        limit=f"no new host starts; running ones {running}",
        observed=event.reason or "no reason given",
        hosts=(),
        at=now,
        by=event.by,
    )
    return replace(campaign, abort_requested=True, abort_hard=event.hard, stops=(*campaign.stops, stop))


def _pause(event: PauseAsked, now: datetime) -> Stop:
    return Stop(
        rule=OPERATOR_PAUSE,
        limit="no new host starts until somebody resumes it; running ones finish",
        observed=event.reason or "no reason given",
        hosts=(),
        at=now,
        action=StopAction.PAUSE,
        by=event.by,
    )


def _resume(campaign: Campaign, event: ResumeAsked, now: datetime) -> Campaign:
    """What paused it is lifted: hosts in trouble now are forgiven, so its rules wait for the next one.

    A rollback that waits for a person (one failed, or untouched hosts fail too) goes on; nothing that was stopped
    starts again by that.
    """
    held = held_by(campaign)
    if held:
        campaign = replace(campaign, acknowledged=(*campaign.acknowledged, *held))
    goes_forward = campaign.state is CampaignState.PAUSED and not stopped(campaign)
    forgiven = tuple(item.host for item in take_census(campaign, now).troubles)
    stops = tuple(
        replace(stop, lifted_at=now, lifted_by=event.by, forgiven=forgiven, silenced=event.silence)
        if stop.action is StopAction.PAUSE
        and stop.lifted_at is None
        and (goes_forward or stop.rule == SHARED_CAUSE_RULE)
        else stop
        for stop in campaign.stops
    )
    if not goes_forward:
        return campaign if stops == campaign.stops else replace(campaign, stops=stops)
    return afresh(replace(campaign, state=CampaignState.RUNNING, stops=stops), now)


def _skip(campaign: Campaign, event: SkipAsked, now: datetime) -> Campaign:
    reason = f"skipped by {event.by}: {event.reason or 'no reason given'}"
    runs = tuple(
        replace(moves.to(run, HostState.SKIPPED, now), reason=reason) if run.host.name == event.host else run
        for run in campaign.runs
    )
    return moves.tidy(without_started(replace(campaign, runs=runs)), now)


def _rollback(campaign: Campaign, event: RollbackAsked, now: datetime) -> Stop:
    changed = tuple(run.host.name for run in campaign.runs if run.changed)
    return Stop(
        rule=OPERATOR_ROLLBACK,
        limit="no new host starts; every changed host is brought back, the last wave first",
        observed=event.reason or "no reason given",
        hosts=changed,
        at=now,
        action=StopAction.ROLLBACK_CAMPAIGN,
        by=event.by,
    )
