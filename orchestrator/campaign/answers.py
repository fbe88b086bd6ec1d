"""What a report makes of a host; reports that are late, foreign, repeated or out of order make nothing of it.

The same run comes back when nothing changed, so callers can tell by identity.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.campaign import moves
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.events import Accepted, Ended, Heartbeat, NotStarted, Rechecked, StopHeard
from orchestrator.campaign.expiry import dead_at
from orchestrator.campaign.proof import another_snapshot, equal_to_snapshot, promised
from orchestrator.campaign.refusals import not_started, stopped_by_a_person
from orchestrator.campaign.states import HostState
from tasks.model import Kind
from tasks.result import HostError, HostResult, Outcome, StepState

HostEvent = Accepted | Heartbeat | Ended | NotStarted | Rechecked | StopHeard

#: step of a worker that reads its change back
VERIFY_STEP = "verify"


def react(campaign: Campaign, run: HostRun, event: HostEvent, now: datetime) -> HostRun:
    """The run after this report."""
    attempt = run.attempt
    if attempt is None or attempt.id != event.attempt_id or attempt.epoch != event.epoch:
        return run
    if isinstance(event, Rechecked):
        return _rechecked(campaign, run, attempt, event.result, now)
    if attempt.ended_at is not None:
        return run
    if isinstance(event, StopHeard):
        heard = replace(attempt, stop_heard_at=now)
        return run if attempt.stop_heard_at is not None else moves.with_attempt(run, heard)
    if isinstance(event, Accepted):
        return _accepted(run, attempt, event, now)
    if isinstance(event, Heartbeat):
        return _beat(run, attempt, event, now)
    if isinstance(event, NotStarted):
        return not_started(campaign, run, attempt, event.result, now)
    return _ended(campaign, run, attempt, event, now)


# -- signs of life -----------------------------------------------------------------------------------------


def _accepted(run: HostRun, attempt: Attempt, event: Accepted, now: datetime) -> HostRun:
    if attempt.accepted_at is not None and run.state is not HostState.UNKNOWN:
        return run
    # a new execution counts its reports from the start again
    seq = 0 if attempt.accepted_at is not None else attempt.seq
    heard = replace(
        attempt,
        accepted_at=attempt.accepted_at or now,
        heard_at=now,
        worker=event.worker or attempt.worker,
        seq=seq,
    )
    return _alive(moves.with_attempt(run, heard), heard, now)


def _beat(run: HostRun, attempt: Attempt, event: Heartbeat, now: datetime) -> HostRun:
    if event.seq == 0:
        return _on_its_way(run, attempt, event, now)
    if run.state is not HostState.UNKNOWN and event.seq <= attempt.seq:
        return run
    heard = replace(
        attempt,
        accepted_at=attempt.accepted_at or now,
        heard_at=now,
        seq=event.seq,
        worker=event.worker or attempt.worker,
        step=event.step or attempt.step,
        step_since=now if event.step not in {"", attempt.step} else attempt.step_since,
        done=event.done,
        total=event.total,
    )
    return _alive(moves.with_attempt(run, heard), heard, now)


def _on_its_way(run: HostRun, attempt: Attempt, event: Heartbeat, now: datetime) -> HostRun:
    """Unnumbered: a worker has the order; whether the host accepted it is not said."""
    if attempt.accepted_at is not None and run.state is not HostState.UNKNOWN:
        return run
    if attempt.heard_at == now:
        return run
    heard = moves.with_attempt(run, replace(attempt, heard_at=now, worker=event.worker or attempt.worker))
    return _alive(heard, attempt, now) if attempt.accepted_at is not None else heard


def _alive(run: HostRun, attempt: Attempt, now: datetime) -> HostRun:
    """The state of a host whose attempt is being worked on."""
    if attempt.undo:
        return moves.to(run, HostState.ROLLING_BACK, now)
    verifying = attempt.step == VERIFY_STEP or run.state is HostState.VERIFYING
    return moves.to(run, HostState.VERIFYING if verifying else HostState.RUNNING, now)


# -- the end of an attempt ---------------------------------------------------------------------------------


def _ended(campaign: Campaign, run: HostRun, attempt: Attempt, event: Ended, now: datetime) -> HostRun:
    result = event.result
    if result.outcome in {Outcome.UNREACHABLE, Outcome.UNKNOWN}:
        return _dark(campaign, run, attempt, result, now)
    closed = moves.with_attempt(
        run,
        replace(attempt, ended_at=now, heard_at=now, result=result, worker=event.worker or attempt.worker),
    )
    if attempt.undo:
        return _undone(campaign, closed, result, now)
    strange = another_snapshot(closed, result)
    if strange is not None:
        return moves.fail_changed(closed, campaign.policy, strange, now)
    if promised(attempt, result):
        return _proven(campaign, closed, result, now)
    # UNDONE as the answer to an apply is no proof of anything we asked for, nor is it one without its comparison
    error = result.error or _unexplained(result)
    if stopped_by_a_person(campaign, error):
        return moves.halt(closed, campaign.policy, error, now, clean=_untouched(closed, result))
    if _untouched(closed, result):
        return moves.fail(closed, HostState.FAILED_CLEAN, error, now)
    return moves.fail_changed(closed, campaign.policy, error, now)


def _dark(campaign: Campaign, run: HostRun, attempt: Attempt, result: HostResult, now: datetime) -> HostRun:
    """Nobody could tell what became of the attempt; only where nothing can have started that is the end of it."""
    harmless = campaign.kind is Kind.READ_ONLY
    unreached = result.outcome is Outcome.UNREACHABLE and not attempt.undo
    if unreached and run.state is HostState.ORDERED and attempt.unreached_at is None:
        attempt = replace(attempt, unreached_at=now)
        run = moves.with_attempt(run, attempt)
    if unreached and (harmless or _never(campaign, attempt, now)):
        closed = moves.with_attempt(run, replace(attempt, ended_at=now, result=result))
        # a read that lost its host on the way ends as one that never reached it
        start = closed if HostState.ORDERED is run.state else moves.to(closed, HostState.UNKNOWN, now)
        return moves.fail(start, HostState.UNREACHABLE, result.error or _unexplained(result), now)
    if run.state is HostState.UNKNOWN and (result.error is None or result.error == run.error):
        return run
    return replace(moves.to(run, HostState.UNKNOWN, now), error=result.error or run.error)


def _never(campaign: Campaign, attempt: Attempt, now: datetime) -> bool:
    """Whether an order did not reach its host and can start no more.

    Published once, it may still have arrived twice: a broker that fails in mid-batch gets the batch again. So one
    answer ends nothing before every copy has expired and the host was asked after that, nor when anybody ever said
    that the order is in hand.
    """
    unheard = attempt.accepted_at is None and attempt.heard_at is None
    dead = dead_at(attempt, campaign.kind)
    asked = attempt.asked_at is not None and attempt.asked_at >= dead
    return attempt.unreached_at is not None and attempt.sent == 1 and unheard and asked and now >= dead


def _undone(campaign: Campaign, run: HostRun, result: HostResult, now: datetime) -> HostRun:
    """Only a proven comparison with the snapshot is a rollback; anything else is a person's business."""
    strange = another_snapshot(run, result)
    if strange is not None:
        return moves.fail(run, HostState.NEEDS_HUMAN, strange, now)
    if equal_to_snapshot(result):
        back, soak = replace(run, changed=False), campaign.policy.rollback_monitor_s
        if soak <= 0:
            return moves.to(back, HostState.ROLLED_BACK, now)
        return replace(moves.to(back, HostState.SOAKING, now), soak_until=now + timedelta(seconds=soak))
    error = result.error or _unexplained(result)
    return moves.fail(run, HostState.NEEDS_HUMAN, error, now)


def _proven(campaign: Campaign, run: HostRun, result: HostResult, now: datetime) -> HostRun:
    clean = replace(run, error=None)
    if campaign.kind is Kind.READ_ONLY:
        return moves.to(clean, HostState.SUCCEEDED, now)
    if _untouched(run, result) and result.outcome is not Outcome.CHANGED:
        return moves.to(clean, HostState.ALREADY_RIGHT, now)
    changed = replace(clean, changed=True)
    if run.wave in campaign.rollback_waves:
        return moves.turn_back(changed, now)
    soak = soak_s(campaign, run.wave)
    if soak <= 0:
        return moves.to(changed, HostState.SUCCEEDED, now)
    return replace(moves.to(changed, HostState.SOAKING, now), soak_until=now + timedelta(seconds=soak))


def soak_s(campaign: Campaign, wave: int) -> float:
    """Seconds a changed host of this wave is watched; the last wave gets one monitor more."""
    monitor = campaign.policy.monitor_s
    return monitor * 2 if wave == campaign.waves else monitor


def _untouched(run: HostRun, result: HostResult) -> bool:
    """Whether the host is as it was; anything but a plain no counts as touched."""
    done = any(step.state is StepState.DONE for step in result.steps)
    return result.changed is False and not done and not run.changed


def _unexplained(result: HostResult) -> HostError:
    return HostError(
        code="E_INTERNAL", message=result.summary or f"The host answered {result.outcome} without a reason"
    )


# -- after the soak ----------------------------------------------------------------------------------------


def _rechecked(
    campaign: Campaign, run: HostRun, attempt: Attempt, result: HostResult, now: datetime
) -> HostRun:
    waiting = run.state in {HostState.SOAKING, HostState.UNKNOWN} and attempt.ended_at is not None
    over = run.soak_until is not None and now >= run.soak_until
    if not waiting or result.outcome in {Outcome.UNREACHABLE, Outcome.UNKNOWN}:
        return run
    strange = another_snapshot(run, result)
    if strange is None and promised(attempt, result):
        if not over:
            return run
        if attempt.undo:
            return replace(moves.to(run, HostState.ROLLED_BACK, now), soak_until=None)
        if run.wave in campaign.rollback_waves:
            return moves.turn_back(run, now)
        return replace(moves.to(run, HostState.SUCCEEDED, now), soak_until=None)
    error = strange or result.error or _unexplained(result)
    if attempt.undo:
        # it was equal to its snapshot and is no more: what it is now, a person has to see
        broken = replace(run, changed=True)
        return moves.fail(broken, HostState.NEEDS_HUMAN, error, now)
    return moves.fail_changed(run, campaign.policy, error, now)
