"""Asks gates, and keeps what they said; a paused campaign asks nothing, and once resumed it asks afresh.

What gates of moment host said is dropped when their host has started; what stays is one sum for each wave.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.actions import AskGate, JudgeGate
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import GateKind, GateState, Said, Verdict
from orchestrator.campaign.gates.limits import silent
from orchestrator.campaign.gates.needed import BASELINE, NeededGate, asked_of_hosts, needed, state_of
from orchestrator.campaign.states import CampaignState, HostState


def ask_gates(
    campaign: Campaign, now: datetime
) -> tuple[tuple[AskGate | JudgeGate, ...], tuple[datetime, ...]]:
    """Questions that are due now, and the instants at which the next ones are."""
    if campaign.state is not CampaignState.RUNNING:
        return (), ()
    asks: list[AskGate | JudgeGate] = []
    instants: list[datetime] = []
    for item in needed(campaign):
        due = item.due(now)
        if item.gate.fail_on_timeout and item.expires_at is not None:
            instants.append(item.expires_at)
        if item.awaits_hosts and item.state is not None and (not item.state.waiting or (due and due <= now)):
            asks.append(JudgeGate(gate=item.gate.name, wave=item.wave))
        elif due is not None and due <= now:
            asks.append(AskGate(gate=item.gate.name, wave=item.wave))
        elif due is not None:
            instants.append(due)
    for item in asked_of_hosts(campaign):
        # before a host it is `decide` that asks, for hosts that have a slot
        due = item.due(now)
        if item.awaits_hosts and item.state is not None and (not item.state.waiting or (due and due <= now)):
            asks.append(JudgeGate(gate=item.gate.name, wave=item.wave, host=item.host))
        elif due is not None:
            instants.append(due)
    return tuple(asks), tuple(instants)


def answered(campaign: Campaign, event: GateAnswered, now: datetime) -> Campaign:
    """The campaign after this answer; late, repeated and unasked ones change nothing."""
    state = state_of(campaign, event.gate, event.wave, event.host)
    if state is None or state.answered_at is not None or state.asked_at != event.asked_at:
        return campaign
    return with_answer(campaign, settled(state, event.verdict, event.detail, now))


def with_answer(campaign: Campaign, state: GateState) -> Campaign:
    """The campaign in which the gate stands so, now that it was answered; an answer for a host counts for its wave."""
    after = with_state(campaign, state)
    if not state.host or state.verdict is None or state.answered_at is None:
        return after
    old = state_of(campaign, state.gate, state.wave)
    sums = old or GateState(gate=state.gate, wave=state.wave, asked_at=state.asked_at)
    return with_state(
        after,
        replace(
            sums,
            asked_at=state.asked_at,
            answered_at=state.answered_at,
            verdict=state.verdict,
            detail=f"{state.host}: {state.detail}",
            fails=sums.fails + (state.verdict is Verdict.FAIL),
            doubts=sums.doubts + (state.verdict is Verdict.INCONCLUSIVE),
            passes=sums.passes + (state.verdict is Verdict.PASS),
        ),
    )


def without_started(campaign: Campaign) -> Campaign:
    """The campaign that keeps nothing of what gates said of hosts that wait no more."""
    asked = {item.host for item in campaign.gates if item.host}
    if not asked:
        return campaign
    waiting = {run.host.name for run in campaign.runs if run.state is HostState.PENDING}
    if asked <= waiting:
        return campaign
    return replace(
        campaign, gates=tuple(item for item in campaign.gates if not item.host or item.host in waiting)
    )


def settled(state: GateState, verdict: Verdict, detail: str, now: datetime) -> GateState:
    """The gate once its question has this answer."""
    return replace(
        state,
        answered_at=now,
        verdict=verdict,
        detail=detail,
        fails=state.fails + (verdict is Verdict.FAIL),
        errors=state.errors + 1 if verdict is Verdict.ERROR else 0,
        doubts=state.doubts + (verdict is Verdict.INCONCLUSIVE),
        passes=state.passes + 1 if verdict is Verdict.PASS else 0,
        last=None,
    )


def asked(campaign: Campaign, action: AskGate, now: datetime) -> Campaign:
    """The campaign that awaits an answer to this question."""
    old = state_of(campaign, action.gate, action.wave, action.host)
    if old is None:
        new = GateState(gate=action.gate, wave=action.wave, asked_at=now, host=action.host)
        return with_state(campaign, new)
    last = old.last
    if old.answered_at is not None and old.verdict is not None:
        last = Said(asked_at=old.asked_at, at=old.answered_at, verdict=old.verdict)
    return with_state(campaign, replace(old, asked_at=now, answered_at=None, verdict=None, last=last))


def afresh(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign with every gate as if it had never been asked: a person looked, and let it go on.

    What people agreed to stays, and so does a question to them that is still open.
    """
    human = {gate.name: gate for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN}
    kept = tuple(
        item
        for item in campaign.gates
        if (item.wave == BASELINE and item.verdict is not None)
        or (
            item.gate in human
            and item.verdict is not Verdict.FAIL
            and not silent(NeededGate(gate=human[item.gate], wave=item.wave, state=item), now)
        )
    )
    return campaign if kept == campaign.gates else replace(campaign, gates=kept)


def with_state(campaign: Campaign, state: GateState) -> Campaign:
    """The campaign in which the gate stands so."""
    key = (state.gate, state.wave, state.host)
    rest = tuple(item for item in campaign.gates if (item.gate, item.wave, item.host) != key)
    return replace(campaign, gates=(*rest, state))
