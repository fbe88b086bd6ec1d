"""Computes the view of one host from its record: the same record always gives the same view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.campaign.campaign import Attempt, HostRun
from orchestrator.campaign.states import HostState
from orchestrator.screens.views import AttemptView, ErrorView, HostView
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import HOST_RESULT

#: outcome of a host by its final state, where no result says more
_OUTCOMES: Mapping[HostState, Outcome] = {
    HostState.SUCCEEDED: Outcome.CHANGED,
    HostState.ALREADY_RIGHT: Outcome.OK,
    HostState.FAILED_CLEAN: Outcome.FAILED,
    HostState.ROLLED_BACK: Outcome.UNDONE,
    HostState.NEEDS_HUMAN: Outcome.FAILED,
    HostState.SKIPPED: Outcome.SKIPPED,
    HostState.CANCELLED: Outcome.SKIPPED,
    HostState.UNREACHABLE: Outcome.UNREACHABLE,
    HostState.UNKNOWN: Outcome.UNKNOWN,
}


def host_view(run: HostRun, *, full: bool = True) -> HostView:
    """One host as everybody sees it."""
    attempt = run.attempt
    answered = next((item.result for item in reversed(run.attempts) if item.result is not None), None)
    return HostView(
        host=run.host.name,
        state=run.state,
        outcome=_outcome(run, answered),
        attempt=attempt.number if attempt else 0,
        started_at=run.started_at,
        ended_at=run.ended_at,
        changed=run.changed,
        result=_result(answered, full=full),
        error=_error(run.error),
        reason=run.reason,
        worker=attempt.worker if attempt else "",
        step=attempt.step if attempt else "",
        done=attempt.done if attempt else 0,
        total=attempt.total if attempt else 0,
        heard_at=attempt.heard_at if attempt else None,
        soak_until=run.soak_until,
        undo_of=run.undo_of,
        undo=run.undo,
        plan=_plan(run.plan, full=full),
        attempts=[_attempt(item) for item in run.attempts] if full else [],
    )


def _outcome(run: HostRun, result: HostResult | None) -> Outcome | None:
    if run.state is HostState.SUCCEEDED and result is not None:
        return result.outcome
    return _OUTCOMES.get(run.state)


def _result(result: HostResult | None, *, full: bool) -> dict[str, Any] | None:
    if result is None:
        return None
    body: dict[str, Any] = HOST_RESULT.dump_python(result, mode="json")
    if not full:
        body = {key: body[key] for key in ("outcome", "changed", "summary", "server_version", "duration_s")}
    return body


def _plan(plan: Mapping[str, Any] | None, *, full: bool) -> dict[str, Any] | None:
    if plan is None or full:
        return None if plan is None else dict(plan)
    short = {key: value for key, value in plan.items() if key not in {"steps", "kept", "findings"}}
    return short | {key: len(plan.get(key) or ()) for key in ("steps", "kept", "findings")}


def _error(error: HostError | None) -> ErrorView | None:
    if error is None:
        return None
    return ErrorView(code=error.code, message=error.message, hint=error.hint, retryable=error.retryable)


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        id=attempt.id,
        number=attempt.number,
        epoch=attempt.epoch,
        undo=attempt.undo,
        worker=attempt.worker,
        sent=attempt.sent,
        ordered_at=attempt.ordered_at,
        accepted_at=attempt.accepted_at,
        ended_at=attempt.ended_at,
        outcome=attempt.result.outcome if attempt.result else None,
        result=_result(attempt.result, full=True),
    )
