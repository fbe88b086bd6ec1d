"""Gates that people open: who agreed that a wave begins, who is missing, and what a denial or silence does.

Each person counts once, for one gate and one wave of the very plan they saw. Where two or more are asked, none of
them is the author. A gate that people opened is not asked again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.campaign import Approved, Campaign, Stop
from orchestrator.campaign.events import ApproveAsked, DenyAsked
from orchestrator.campaign.gate import GateKind, Verdict
from orchestrator.campaign.gates.asking import with_state
from orchestrator.campaign.gates.limits import limit_words, returned_waves
from orchestrator.campaign.gates.needed import NeededGate, gate_approvers, needed, state_of
from orchestrator.campaign.limits.approval import Objection, person
from orchestrator.campaign.record import stop_now
from orchestrator.campaign.rollout import StopAction


def approve(campaign: Campaign, event: ApproveAsked, now: datetime) -> Campaign:
    """The campaign with one more approval of this gate; the last one that was missing opens it."""
    given = Approved(
        by=event.by, reason=event.reason, plan_hash=event.plan_hash, at=now, gate=event.gate, wave=event.wave
    )
    after = replace(campaign, approvals=(*campaign.approvals, given))
    item = _waiting(after, event)
    if item is None or item.state is None or item.missing:
        return after
    by = ", ".join(gate_approvers(after, item.gate, item.wave))
    opened = replace(
        item.state, answered_at=now, verdict=Verdict.PASS, passes=item.gate.passes, detail=f"approved by {by}"
    )
    return with_state(after, opened)


def deny(campaign: Campaign, event: DenyAsked, now: datetime) -> Campaign:
    """The campaign for which one person kept this gate closed: it does what the gate says, at once."""
    item = _waiting(campaign, event)
    if item is None or item.state is None:
        return campaign
    why = event.reason or "no reason given"
    closed = replace(
        item.state, answered_at=now, verdict=Verdict.FAIL, fails=1, detail=f"denied by {event.by}: {why}"
    )
    action = StopAction(item.gate.action.value)
    stop = Stop(
        rule=f"{item.text}: denied",
        limit=limit_words(item.gate, Verdict.FAIL),
        observed=why,
        hosts=(),
        waves=returned_waves(campaign, action),
        at=now,
        action=action,
        by=event.by,
    )
    return stop_now(with_state(campaign, closed), stop, now)


def done_before(campaign: Campaign, event: ApproveAsked | DenyAsked) -> bool:
    """Whether this person approved this gate for this wave before, or it was denied."""
    wave = _wave_meant(campaign, event)
    if isinstance(event, DenyAsked):
        state = state_of(campaign, event.gate, wave)
        return state is not None and state.verdict is Verdict.FAIL
    return any(
        (item.gate, item.wave, item.plan_hash) == (event.gate, wave, event.plan_hash)
        and person(item.by) == person(event.by)
        for item in campaign.approvals
    )


def _wave_meant(campaign: Campaign, event: ApproveAsked | DenyAsked) -> int:
    """The wave of the request; where it names none (the gate waits no more), the last one people were asked for."""
    asked = (state.wave for state in campaign.gates if state.gate == event.gate)
    return event.wave or max(asked, default=0)


def objection(campaign: Campaign, event: ApproveAsked | DenyAsked) -> Objection | None:
    """Why this person cannot open or close this gate of a campaign that goes forward; None when they can."""
    item = _waiting(campaign, event)
    if item is None or item.state is None:
        return Objection(
            reason=f"Gate {event.gate} of campaign {campaign.id} does not wait for a person now",
            hint=f"`dockwave why {campaign.id}` tells what it waits for",
        )
    if not person(event.by):
        return Objection(
            reason=f"Nobody is named who decides about gate {event.gate} of campaign {campaign.id}",
            hint="Say who, in `by`",
        )
    if isinstance(event, DenyAsked):
        return None
    if event.plan_hash != campaign.plan_hash:
        return Objection(
            reason=f"The plan of campaign {campaign.id} is not the one that was looked at",
            hint=f"Look at it with `dockwave show {campaign.id}`, and approve the gate then",
        )
    if item.gate.required > 1 and person(event.by) == person(campaign.author):
        return Objection(
            reason=f"{event.by} planned campaign {campaign.id}: where {item.gate.required} persons are asked, "
            "its author does not count",
            hint="Ask somebody else",
        )
    return None


def _waiting(campaign: Campaign, event: ApproveAsked | DenyAsked) -> NeededGate | None:
    """The gate that waits for people, if it is this one."""
    for item in needed(campaign):
        named = (item.gate.name, item.wave) == (event.gate, event.wave)
        if named and item.gate.kind is GateKind.HUMAN and item.override is None:
            open_question = item.state is not None and item.state.answered_at is None
            return item if open_question else None
    return None
