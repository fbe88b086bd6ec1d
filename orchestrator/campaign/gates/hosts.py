"""Gates that are answered by hosts themselves: each host concerned is read, and all of them together are one answer.

One sick host is a fail, one that was not heard or could not tell is an error. A delta gate compares with what each
host said before the first wave, so one that was sick before is judged by its change.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.actions import AskGate, JudgeGate
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.gate import HOST_KINDS, Gate, GateKind, GateState, Moment, Verdict
from orchestrator.campaign.gates.asking import settled, with_answer, with_state
from orchestrator.campaign.gates.needed import BASELINE, state_of
from orchestrator.campaign.states import HostState

#: hosts named in one answer
_SHOWN = 5


def begun(campaign: Campaign, action: AskGate) -> Campaign:
    """The campaign in which this question waits for the hosts concerned; any other gate waits for nobody."""
    gate = gate_named(campaign, action.gate)
    state = state_of(campaign, action.gate, action.wave, action.host)
    if gate is None or gate.kind not in HOST_KINDS or state is None:
        return campaign
    number = campaign.questions + 1
    hosts = (action.host,) if action.host else concerned(campaign, gate, action.wave)
    asked = replace(
        state, number=number, hosts=len(hosts), waiting=hosts, sick=(), unsure=(), brief=(), notes=()
    )
    return with_state(replace(campaign, questions=number), asked)


def concerned(campaign: Campaign, gate: Gate, wave: int) -> tuple[str, ...]:
    """The hosts this gate reads: those that come before their change, those that were proven after it."""
    return tuple(run.host.name for run in campaign.runs if run.wave and _concerns(gate, wave, run))


def judged(campaign: Campaign, action: JudgeGate, now: datetime) -> Campaign:
    """The campaign in which what hosts said, and who said nothing in time, has become one answer."""
    state = state_of(campaign, action.gate, action.wave, action.host)
    if state is None or state.answered_at is not None:
        return campaign
    verdict, detail = _verdict(state)
    after = replace(settled(state, verdict, detail, now), waiting=())
    if verdict is Verdict.ERROR and _only_brief(state):
        after = replace(after, errors=state.errors)
    return with_answer(campaign, after)


def gate_named(campaign: Campaign, name: str) -> Gate | None:
    """The gate of this name."""
    return next((gate for gate in campaign.policy.gates if gate.name == name), None)


def _concerns(gate: Gate, wave: int, run: HostRun) -> bool:
    if wave == BASELINE or gate.at is Moment.CAMPAIGN:
        return run.state is HostState.PENDING
    if gate.at is Moment.WAVE:
        return run.wave == wave and run.state is HostState.PENDING
    # hosts that were right already run what they ran before
    same = gate.kind is GateKind.RUNNING_SET and run.state is HostState.ALREADY_RIGHT
    if gate.at is Moment.AFTER_WAVE:
        return run.wave == wave and (same or run.state is HostState.SUCCEEDED)
    return same or run.state in {HostState.SUCCEEDED, HostState.SOAKING}


def _verdict(state: GateState) -> tuple[Verdict, str]:
    silent = tuple(f"{name}: no answer in time" for name in state.waiting)
    if state.wave == BASELINE:
        return (
            Verdict.PASS,
            f"hosts read: {state.hosts - len(silent) - len(state.unsure)} of {state.hosts}",
        )
    if state.sick:
        return Verdict.FAIL, _of_hosts(state, state.sick)
    dark = (*state.unsure, *silent, *state.brief)
    if dark:
        return Verdict.ERROR, _of_hosts(state, dark)
    if not state.hosts:
        return Verdict.PASS, "there is no host to read yet"
    notes = f"; {_some(state.notes)}" if state.notes else ""
    return Verdict.PASS, f"{'it is well' if state.host else f'hosts that are well: {state.hosts}'}{notes}"


def _of_hosts(state: GateState, items: tuple[str, ...]) -> str:
    """How many hosts said what; of the one host of a gate before it, what it said."""
    if state.host:
        return items[0].removeprefix(f"{state.host}: ")
    return f"{len(items)} of {state.hosts} hosts: {_some(items)}"


def _only_brief(state: GateState) -> bool:
    """Whether engines that may be back in a moment are all that keeps it from passing: that is no error yet."""
    return bool(state.brief) and not (state.sick or state.unsure or state.waiting)


def _some(items: tuple[str, ...]) -> str:
    more = f"; and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(items[:_SHOWN]) + more
