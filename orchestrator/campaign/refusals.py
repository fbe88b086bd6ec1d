"""What it makes of a host that it does not start an attempt: ordered anew, given up, or not to be believed yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign import moves
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.expiry import was_dead
from orchestrator.campaign.states import HostState
from tasks.result import HostError, HostResult

#: the host has no record of an attempt it was asked about
NOT_STARTED = "E_NOT_STARTED"
#: the host has the order and is at work on another one, or says that the order came too late
HOST_BUSY, ORDER_EXPIRED = "E_HOST_BUSY", "E_ORDER_EXPIRED"
#: the attempt's number was overtaken: it can never start again, a larger number can
STALE_EPOCH = "E_STALE_EPOCH"
#: the host has done more for this campaign than the database remembers: a larger number may be what it did
REUSED = "E_ATTEMPT_REUSED"
#: a person stopped the attempt between two steps, or before its first one
STOPPED = "E_STOPPED"


def not_started(
    campaign: Campaign, run: HostRun, attempt: Attempt, result: HostResult, now: datetime
) -> HostRun:
    """The run after its host (or the worker) said that it does not start this attempt, which is open."""
    error = result.error or HostError(code=NOT_STARTED, message="The host did not start it", retryable=True)
    dead = was_dead(attempt, campaign.kind, result, now)
    if attempt.accepted_at is not None:
        return _forgotten(run, attempt, error, now) if dead else run
    if not (dead or _is_final(error)):
        # another copy of the order may be on its way: it is sent again, and asked about once it has expired
        return run if run.error == error else replace(run, error=error)
    closed = moves.with_attempt(run, replace(attempt, ended_at=now, heard_at=now, result=result))
    error = _told(run, error)
    closed = replace(closed, error=error)
    tries = sum(item.undo == attempt.undo for item in run.attempts)
    again = error.retryable and tries < campaign.policy.max_attempts
    if attempt.undo:
        # its next undo is ordered by decide
        return moves.to(closed, HostState.ROLLING_BACK, now) if again else _lost(closed, error, now)
    if again:
        return moves.to(closed, HostState.PENDING, now)
    if stopped_by_a_person(campaign, error):
        return moves.halt(closed, campaign.policy, error, now, clean=True)
    if error.code == REUSED:
        # this campaign was at work there before the database was put back: nobody here knows what it did
        return _lost(closed, error, now)
    return moves.fail(closed, HostState.FAILED_CLEAN, error, now)


def _told(run: HostRun, error: HostError) -> HostError:
    """Why it was not started: what the host said when it had the order tells more than that it has no record of it."""
    before = run.error
    if error.code != NOT_STARTED or before is None or before.code not in {HOST_BUSY, ORDER_EXPIRED}:
        return error
    return before


def _is_final(error: HostError) -> bool:
    """Whether the host will not start the attempt whatever copies of its order come."""
    return not error.retryable or error.code in {STALE_EPOCH, REUSED}


def _lost(run: HostRun, error: HostError, now: datetime) -> HostRun:
    return moves.fail(run, HostState.NEEDS_HUMAN, error, now)


def _forgotten(run: HostRun, attempt: Attempt, error: HostError, now: datetime) -> HostRun:
    """The host accepted the attempt and now has no record of it: rebuilt, or its journal is gone."""
    if error.code != NOT_STARTED or run.state is not HostState.UNKNOWN:
        # the refusal of another copy of the order; the accepted one is at work
        return run
    lost = HostError(
        code="E_JOURNAL_LOST",
        message=f"{run.host.name} accepted {attempt.id} and has no record of it now",
        hint="Was the host rebuilt or /var/lib/dockwave removed? Look at it before anything changes it again.",
    )
    closed = moves.with_attempt(run, replace(attempt, ended_at=now, heard_at=now))
    return moves.fail(closed, HostState.NEEDS_HUMAN, lost, now)


def stopped_by_a_person(campaign: Campaign, error: HostError) -> bool:
    """Whether the attempt ended because the campaign was aborted hard: no failure of its host."""
    return campaign.abort_hard and error.code == STOPPED
