"""Commits to what was decided: the campaign as it must be saved before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.campaign import moves
from orchestrator.campaign.actions import (
    Action,
    AskControl,
    AskGate,
    AskJournal,
    Cancel,
    Dispatch,
    EndLook,
    Finish,
    JudgeGate,
    OpenWave,
    Recheck,
    Resend,
    StopAttempt,
    StopNow,
    Warn,
)
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun, Stop
from orchestrator.campaign.census import checked_before, open_attempt
from orchestrator.campaign.gates import asking as gates
from orchestrator.campaign.gates import hosts as host_gates
from orchestrator.campaign.gates.needed import passed_until
from orchestrator.campaign.limits import shared_cause
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import LEGAL_CAMPAIGN, CampaignState, HostState

_Asking = Resend | AskJournal | Recheck | StopAttempt
_HostAction = Dispatch | _Asking


def record(
    campaign: Campaign, actions: Sequence[Action], now: datetime, epochs: Mapping[str, int]
) -> Campaign:
    """The campaign after these actions of `decide`; `epochs` has the number drawn for each host dispatched.

    WakeAt changes nothing: when there is nothing else, the very same campaign comes back.
    """
    by_host: dict[str, list[_HostAction]] = {}
    for action in actions:
        if isinstance(action, _HostAction):
            by_host.setdefault(action.host, []).append(action)
    after = campaign
    if by_host:
        runs = tuple(
            _on_host(campaign, run, by_host[run.host.name], now, epochs) if run.host.name in by_host else run
            for run in campaign.runs
        )
        after = replace(campaign, runs=runs)
    for action in actions:
        if isinstance(action, AskGate | JudgeGate | EndLook | OpenWave | StopNow | Warn | Cancel | Finish):
            after = _on_campaign(after, action, now)
    after = shared_cause.asked(after, [item for item in actions if isinstance(item, AskControl)], now)
    return campaign if after is campaign else moves.tidy(gates.without_started(after), now)


def _on_host(
    campaign: Campaign,
    run: HostRun,
    actions: Sequence[_HostAction],
    now: datetime,
    epochs: Mapping[str, int],
) -> HostRun:
    for action in actions:
        if isinstance(action, Dispatch):
            run = _dispatched(campaign, run, action, now, epochs)
        else:
            attempt = run.attempt
            if attempt is not None and attempt.id == action.attempt_id:
                run = _asked(run, attempt, action, now)
    return run


def _dispatched(
    campaign: Campaign, run: HostRun, action: Dispatch, now: datetime, epochs: Mapping[str, int]
) -> HostRun:
    name = run.host.name
    last = run.attempts[-1].number if run.attempts else 0
    ready = run.state is (HostState.ROLLING_BACK if action.undo else HostState.PENDING)
    if not ready or action.number <= last or open_attempt(run) is not None:
        return run
    if name not in epochs:
        raise ValueError(f"No epoch was drawn for {name}; every host of a Dispatch needs one")
    if run.attempts and epochs[name] <= run.attempts[-1].epoch:
        raise ValueError(f"Epoch {epochs[name]} drawn for {name} is not above {run.attempts[-1].epoch}")
    attempt = Attempt(
        id=f"{campaign.id}/{name}/{action.number}",
        number=action.number,
        epoch=epochs[name],
        undo=action.undo,
        undo_of=action.undo_of,
        ordered_at=now,
        expires_at=now + timedelta(seconds=campaign.policy.order_ttl_s),
        passed_until=None if action.undo else passed_until(campaign, run.wave, name),
        sent_at=now,
    )
    moved = run if action.undo else moves.to(run, HostState.ORDERED, now)
    return replace(moved, attempts=(*run.attempts, attempt), started_at=run.started_at or now)


def _asked(run: HostRun, attempt: Attempt, action: _Asking, now: datetime) -> HostRun:
    if isinstance(action, Resend):
        return moves.with_attempt(run, replace(attempt, sent=attempt.sent + 1, sent_at=now))
    if isinstance(action, StopAttempt):
        return moves.with_attempt(run, replace(attempt, stop_asked_at=now))
    if isinstance(action, AskJournal):
        return moves.to(moves.with_attempt(run, replace(attempt, asked_at=now)), HostState.UNKNOWN, now)
    # a second check means that the first was not answered: the host went dark in its soak
    again = checked_before(run)
    asked = moves.with_attempt(run, replace(attempt, asked_at=now))
    return moves.to(asked, HostState.UNKNOWN, now) if again else asked


def _on_campaign(
    campaign: Campaign,
    action: AskGate | JudgeGate | EndLook | OpenWave | StopNow | Warn | Cancel | Finish,
    now: datetime,
) -> Campaign:
    if isinstance(action, OpenWave):
        return replace(campaign, wave=action.number, wave_started_at=now, wave_settled_at=None)
    if isinstance(action, AskGate):
        return host_gates.begun(gates.asked(campaign, action, now), action)
    if isinstance(action, JudgeGate):
        return host_gates.judged(campaign, action, now)
    if isinstance(action, EndLook):
        return shared_cause.ended(campaign, action, now)
    if isinstance(action, StopNow):
        return stop_now(campaign, action.stop, now)
    if isinstance(action, Warn):
        return replace(campaign, notices=(*campaign.notices, action.notice))
    if isinstance(action, Cancel):
        names = frozenset(action.hosts)
        runs = tuple(
            _cancelled(run, action.reason, now) if run.host.name in names else run for run in campaign.runs
        )
        return replace(campaign, runs=runs)
    return replace(_in_state(campaign, action.state), ended_at=now)


def _in_state(campaign: Campaign, state: CampaignState) -> Campaign:
    return replace(campaign, state=state) if state in LEGAL_CAMPAIGN[campaign.state] else campaign


def _cancelled(run: HostRun, reason: str, now: datetime) -> HostRun:
    if run.state is HostState.PENDING:
        return replace(moves.to(run, HostState.CANCELLED, now), reason=reason)
    if run.state is HostState.ROLLING_BACK:
        return replace(moves.fail(run, HostState.NEEDS_HUMAN, None, now), reason=f"its undo was {reason}")
    return run


def stop_now(campaign: Campaign, stop: Stop, now: datetime) -> Campaign:
    """The campaign after this stop: paused, or turned back as far as its action says."""
    after = replace(campaign, stops=(*campaign.stops, stop))
    if stop.action is StopAction.CONTINUE:
        return after
    if stop.action is StopAction.PAUSE:
        return _in_state(after, CampaignState.PAUSED)
    after = _in_state(after, CampaignState.ROLLING_BACK)
    return _turned_back(after, waves_to_return(campaign, stop), now)


def waves_to_return(campaign: Campaign, stop: Stop) -> tuple[int, ...]:
    """Waves of which every changed host goes back because of this stop."""
    if stop.action is StopAction.ROLLBACK_CAMPAIGN:
        return tuple(range(1, campaign.wave + 1))
    if stop.action is StopAction.ROLLBACK_WAVE:
        guilty = {run.wave for run in campaign.runs if run.host.name in frozenset(stop.hosts)}
        return tuple(sorted(guilty | set(stop.waves)))
    return ()


def _turned_back(campaign: Campaign, waves: tuple[int, ...], now: datetime) -> Campaign:
    """Changed and proven hosts of these waves wait for their undo; those in flight follow when they answer."""
    if not waves:
        return campaign
    every = tuple(sorted({*campaign.rollback_waves, *waves}))
    proven = {HostState.SUCCEEDED, HostState.SOAKING}
    runs = tuple(
        moves.turn_back(run, now) if run.wave in every and run.changed and run.state in proven else run
        for run in campaign.runs
    )
    return replace(campaign, rollback_waves=every, runs=runs)
