"""Laws of gates that people open: who must have approved, and what a denial or silence does."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.gate import Gate, GateAction, GateKind, GateState, Moment
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState
from orchestrator.simulate.laws.law import Found, Law, Violation
from orchestrator.simulate.stage.told import Told


def passed(campaign: Campaign, told: Told, at: Moment, wave: int) -> Found:
    """Enough people have approved every gate of this moment and wave since they were asked."""
    for gate in _of_people(campaign):
        if gate.at is not at or (gate.waves and wave not in gate.waves):
            continue
        who = told.opened.get((campaign.id, gate.name, wave), set())
        counted = who - {campaign.author} if gate.required > 1 else who
        if len(counted) < gate.required:
            detail = f"{campaign.id} went past {gate.name} of wave {wave}: {sorted(who)} of {gate.required}"
            yield Violation(law=Law.PEOPLE, detail=detail)


def on_denied(campaign: Campaign, gate: Gate, by: Collection[str]) -> Found:
    """Judge a denial that was acknowledged just now: the campaign is stopped by it."""
    wanted = StopAction(gate.action.value)
    standing = [stop for stop in campaign.stops if stop.lifted_at is None and stop.by in by]
    if not any(stop.action is wanted for stop in standing):
        detail = f"{campaign.id} was denied at {gate.name} by {sorted(by)} and has {campaign.stops[-1:]}"
        yield Violation(law=Law.DENIED, detail=detail)


def on_save(before: Campaign, after: Campaign, told: Told) -> Found:
    """Judge new stops of gates of people: each has its reason, and does what its gate says."""
    for stop in after.stops[len(before.stops) :]:
        parts = stop.rule.split("; ")
        for part, gate in _named(after, parts):
            if part.endswith(": denied"):
                asked = [key for key in told.denied if key[:2] == (after.id, gate.name)]
                reason = any(stop.by in told.denied[key] for key in asked)
            else:
                reason = any(_silent(gate, state, stop.at) for state in _open(before, gate))
            if not reason:
                yield Violation(law=Law.DENIED, detail=f"{after.id} stopped by {part}, and nobody denied it")
            if len(parts) == 1:
                yield from _does(gate, stop, after)


def on_turn(after: Campaign, now: datetime) -> Found:
    """Judge what a turn of the loop left: where silence is a fail, nobody is waited for any longer."""
    if after.state is not CampaignState.RUNNING or after.abort_requested:
        return
    if any(stop.action not in {StopAction.PAUSE, StopAction.CONTINUE} for stop in after.stops):
        return
    for gate in _of_people(after):
        for state in _open(after, gate):
            if _silent(gate, state, now):
                detail = f"{after.id} waits for {gate.name} of wave {state.wave} since {state.asked_at}"
                yield Violation(law=Law.DENIED, detail=detail)


def _does(gate: Gate, stop: Stop, after: Campaign) -> Found:
    """The campaign stands still, and as much of it goes back as the gate says."""
    back = {
        GateAction.ROLLBACK_WAVE: {after.wave} if after.wave else set(),
        GateAction.ROLLBACK_CAMPAIGN: set(range(1, after.wave + 1)),
    }.get(gate.action, set())
    still = after.state is not CampaignState.RUNNING
    if stop.action is not StopAction(gate.action.value) or not still or not back <= set(after.rollback_waves):
        detail = f"{gate.name} {gate.action}: {after.id} is {after.state}, back go {after.rollback_waves}"
        yield Violation(law=Law.DENIED, detail=detail)


def _silent(gate: Gate, state: GateState, now: datetime) -> bool:
    """Whether nobody's answer is a fail by then."""
    if not gate.fail_on_timeout or gate.expires_s is None:
        return False
    return state.asked_at + timedelta(seconds=gate.expires_s) <= now


def _of_people(campaign: Campaign) -> Iterator[Gate]:
    return (gate for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN)


def _open(campaign: Campaign, gate: Gate) -> list[GateState]:
    return [state for state in campaign.gates if state.gate == gate.name and state.answered_at is None]


def _named(campaign: Campaign, parts: Collection[str]) -> Iterator[tuple[str, Gate]]:
    """Parts of a stop's rule that name a gate of people."""
    for part in parts:
        for gate in _of_people(campaign):
            if part.startswith(f"gate {gate.name} "):
                yield part, gate
