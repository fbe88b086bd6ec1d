"""Which answers of gates stop a campaign: more fails than tolerated do what the gate says; errors and doubts pause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.durations import words
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment, Verdict
from orchestrator.campaign.gates.needed import NeededGate, asked_of_hosts, counted_at_hosts, needed
from orchestrator.campaign.limits.stop_rules import SEVERITY
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState

#: what one fail too many does, in words
ACTIONS = {
    GateAction.PAUSE: "pauses",
    GateAction.HALT: "halts",
    GateAction.ROLLBACK_WAVE: "brings the wave back and halts",
    GateAction.ROLLBACK_CAMPAIGN: "brings every changed host back and halts",
}


def gate_stop(campaign: Campaign, now: datetime) -> Stop | None:
    """The stop of gates that were answered badly more often than tolerated; the gravest decides what it does."""
    if campaign.state is not CampaignState.RUNNING:
        return None
    items = (*needed(campaign), *counted_at_hosts(campaign), *asked_of_hosts(campaign))
    over = [(item, verdict) for item in items if (verdict := _over(item, now)) is not None]
    if not over:
        return None
    actions = [
        StopAction(item.gate.action.value) if verdict is Verdict.FAIL else StopAction.PAUSE
        for item, verdict in over
    ]
    action = max(actions, key=lambda action: SEVERITY[action])
    return Stop(
        rule="; ".join(f"{item.text}: {verdict.value}" for item, verdict in over),
        limit="; ".join(limit_words(item.gate, verdict) for item, verdict in over),
        observed="; ".join(_observed(item) for item, _ in over),
        hosts=_hosts(campaign, over),
        waves=returned_waves(campaign, action),
        at=now,
        action=action,
    )


def returned_waves(campaign: Campaign, action: StopAction) -> tuple[int, ...]:
    """The wave that goes back when a gate says so: the one at work, or the last one."""
    return (campaign.wave,) if action is StopAction.ROLLBACK_WAVE and campaign.wave else ()


def people_words(gate: Gate) -> str:
    """Who must agree, in words."""
    among = f" of {gate.among}" if gate.among is not None else ""
    author = ", its author not among them" if gate.required > 1 else ""
    return f"{gate.required}{among} of group {gate.group}{author}"


def limit_words(gate: Gate, verdict: Verdict) -> str:
    """How many such answers are tolerated, and what one more does."""
    if gate.kind is GateKind.HUMAN:
        late = ""
        if gate.expires_s is not None:
            then = "likewise" if gate.fail_on_timeout else "goes on waiting"
            late = f"; no answer within {words(gate.expires_s)} {then}"
        return f"one denial {ACTIONS[gate.action]}{late}"
    if verdict is Verdict.FAIL:
        return f"{gate.failures} fails tolerated, one more {ACTIONS[gate.action]}"
    if verdict is Verdict.ERROR:
        return f"{gate.errors} errors in a row tolerated, one more pauses"
    if gate.inconclusive:
        return f"{gate.inconclusive} inconclusive answers tolerated, one more pauses for a person"
    return "an inconclusive answer pauses for a person"


def silent(item: NeededGate, now: datetime) -> bool:
    """Whether people did not answer in time, and that is a fail."""
    until = item.expires_at
    return item.gate.fail_on_timeout and until is not None and until <= now


def _hosts(campaign: Campaign, over: Sequence[tuple[NeededGate, Verdict]]) -> tuple[str, ...]:
    """Hosts before which these gates were answered so."""
    verdicts = {(item.gate.name, verdict) for item, verdict in over if item.gate.at is Moment.HOST}
    return tuple(
        dict.fromkeys(
            state.host
            for state in campaign.gates
            if state.host and state.verdict and (state.gate, state.verdict) in verdicts
        )
    )


def _observed(item: NeededGate) -> str:
    if item.gate.kind is GateKind.HUMAN:
        return f"{len(item.approvers)} agreed in time, {item.missing} missing"
    return item.state.detail if item.state else ""


def _over(item: NeededGate, now: datetime) -> Verdict | None:
    """What its answers come to when they are above its limits; of one host only errors in a row count by themselves."""
    state = item.state
    if item.gate.kind is GateKind.HUMAN:
        # a denial has stopped the campaign at once
        return Verdict.FAIL if silent(item, now) else None
    if state is None or state.answered_at is None or item.override is not None:
        return None
    if state.fails > item.gate.failures and not item.host:
        return Verdict.FAIL
    if state.errors > item.gate.errors:
        return Verdict.ERROR
    doubtful = state.doubts > item.gate.inconclusive and not item.host
    return Verdict.INCONCLUSIVE if doubtful else None
