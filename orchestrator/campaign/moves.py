"""How one host moves from state to state; nothing moves but along LEGAL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.census import SETTLED
from orchestrator.campaign.rollout import FailureKind, RolloutPolicy
from orchestrator.campaign.states import FINAL_HOST, LEGAL, HostState
from tasks.result import HostError


def to(run: HostRun, state: HostState, now: datetime) -> HostRun:
    """The run in another state, with the instants that go with it; unchanged when the move is not legal."""
    if state is run.state or state not in LEGAL[run.state]:
        return run
    return replace(
        run,
        state=state,
        ended_at=now if state in FINAL_HOST else None,
        unknown_since=now if state is HostState.UNKNOWN else None,
    )


def with_attempt(run: HostRun, attempt: Attempt) -> HostRun:
    """The run with its current attempt replaced."""
    return replace(run, attempts=(*run.attempts[:-1], attempt))


def fail(run: HostRun, state: HostState, error: HostError | None, now: datetime) -> HostRun:
    """The run, counted as failed once and for all; ROLLING_BACK means it waits for its undo."""
    moved = to(run, state, now)
    if moved is run:
        return run
    kind = FailureKind.UNREACHABLE if state is HostState.UNREACHABLE else FailureKind.FAILED
    return replace(moved, failed_as=run.failed_as or kind, error=error or run.error, soak_until=None)


def fail_changed(run: HostRun, policy: RolloutPolicy, error: HostError | None, now: datetime) -> HostRun:
    """The run of a host that was touched and is not right: to be brought back, or left to a person."""
    state = HostState.ROLLING_BACK if policy.rollback_failed else HostState.NEEDS_HUMAN
    return fail(replace(run, changed=True), state, error, now)


def halt(run: HostRun, policy: RolloutPolicy, error: HostError, now: datetime, *, clean: bool) -> HostRun:
    """The run of a host a person stopped: no stop rule counts it, and what was changed goes back like any failure."""
    told = replace(run, error=error)
    if clean:
        never = to(told, HostState.CANCELLED, now)
        moved = never if never is not told else to(told, HostState.FAILED_CLEAN, now)
        return replace(moved, reason=error.message, soak_until=None)
    state = HostState.ROLLING_BACK if policy.rollback_failed else HostState.NEEDS_HUMAN
    return replace(to(told, state, now), changed=True, reason=error.message, soak_until=None)


def turn_back(run: HostRun, now: datetime) -> HostRun:
    """The run of a changed and proven host that goes back because others failed; no failure of its own."""
    return replace(to(run, HostState.ROLLING_BACK, now), soak_until=None)


def tidy(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign with `wave_settled_at` telling since when all changes of the wave at work are over."""
    if campaign.wave == 0:
        return campaign
    wave = campaign.wave
    # hosts go in the order of the plan: one that is still to go is found at once from its end
    settled = all(run.state in SETTLED for run in reversed(campaign.runs) if run.wave == wave)
    if settled == (campaign.wave_settled_at is not None):
        return campaign
    return replace(campaign, wave_settled_at=now if settled else None)
