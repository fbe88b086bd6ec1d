"""Turns what an attempt found into a HostResult; pure."""

from __future__ import annotations

from dataclasses import replace

from tasks.errors import DockwaveError
from tasks.procedure import Draft, Verdict
from tasks.result import Finding, HostError, HostResult, Outcome, StepResult, StepState
from tasks.wire import Order
from workers.takeback import Target


def planned(draft: Draft, target: Target | None = None) -> HostResult:
    """What PLAN mode answers: the draft; digest and undo class follow from it. An undo tells its snapshot too."""
    return HostResult(
        outcome=Outcome.OK,
        summary=draft.summary,
        findings=draft.findings,
        plan=draft.model_dump(mode="json"),
        data={} if target is None else {"snapshot_sha256": target.fingerprint},
    )


def read(verdict: Verdict) -> HostResult:
    """What a read-only procedure answers; a bad verdict is news about the host, not a failure to read it."""
    summary = str(verdict.data.get("summary", "")) or "; ".join(verdict.evidence[:1])
    return HostResult(outcome=Outcome.OK, summary=summary, findings=verdict.findings, data=verdict.data)


def already_right(draft: Draft, skipped: tuple[StepResult, ...]) -> HostResult:
    """Nothing to do; objects that were approved and are no longer eligible are named."""
    kept = [item.model_dump(mode="json") for item in draft.kept]
    return HostResult(
        outcome=Outcome.OK,
        summary=draft.summary or "already right",
        steps=skipped,
        findings=(*draft.findings, *_drift(skipped)),
        data={"kept": kept},
    )


def verified(
    verdict: Verdict, steps: tuple[StepResult, ...], skipped: tuple[StepResult, ...], *, directory: str
) -> HostResult:
    """A change that was read back: proven, or failed with its evidence."""
    changed = any(step.state is StepState.DONE for step in steps)
    result = HostResult(
        outcome=Outcome.CHANGED if changed else Outcome.OK,
        changed=changed,
        summary=str(verdict.data.get("summary", "")),
        steps=(*steps, *skipped),
        findings=(*verdict.findings, *_drift(skipped)),
        data=verdict.data,
    )
    if verdict.ok:
        return result
    error = HostError(
        code=verdict.code,
        message="The change could not be proven: " + "; ".join(verdict.evidence[:5]),
        hint=f"Snapshot and journal are in {directory} on the host.",
    )
    return replace(result, outcome=Outcome.FAILED, error=error)


def undone(
    steps: tuple[StepResult, ...], target: Target, left: tuple[str, ...], beyond: tuple[str, ...] = ()
) -> HostResult:
    """An undo: proven by an empty list of differences, or failed with them; the list is in the result either way."""
    data = {
        "differences": list(left),
        "compared": list(target.compared),
        "snapshot": f"{target.attempt_id}, in {target.directory}",
        "snapshot_sha256": target.fingerprint,
        "changed_by_others": list(beyond),
    }
    if not left:
        summary = "equal to its snapshot again" if steps else "already equal to its snapshot"
        if target.snapshot is None:
            summary = "nothing was changed, nothing to undo"
        if beyond:
            summary += f"; {len(beyond)} changes others made since are left as they are"
        return HostResult(
            outcome=Outcome.UNDONE, changed=bool(steps), steps=steps, summary=summary, data=data
        )
    error = HostError(
        code="E_ROLLBACK_FAILED",
        message=f"{len(left)} differences from the snapshot remain: " + "; ".join(left[:5]),
        hint=f"The snapshot is in {target.directory} on the host; this host needs a person.",
    )
    return HostResult(outcome=Outcome.FAILED, changed=True, steps=steps, error=error, data=data)


def failed(
    error: DockwaveError,
    *,
    changed: bool = False,
    steps: tuple[StepResult, ...] = (),
    differences: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> HostResult:
    """It did not work; `changed` says whether the host was left different."""
    return HostResult(
        outcome=Outcome.FAILED,
        changed=changed,
        summary=error.message[:200],
        steps=steps,
        findings=findings,
        data={"differences": list(differences)} if differences else {},
        error=error_of(error),
    )


def stopped(order: Order, where: str) -> DockwaveError:
    """What ends an attempt a person wants to stop: no failure of its host."""
    return DockwaveError(
        f"{order.attempt_id} was stopped by an abort of its campaign, {where}",
        code="E_STOPPED",
        hint=f"`dockwave why {order.campaign_id}` says who stopped it and what became of its hosts.",
    )


def not_settled(outcome: Outcome, error: DockwaveError) -> HostResult:
    """No answer about the change itself: UNREACHABLE (nothing started) or UNKNOWN (started, end not read)."""
    return HostResult(outcome=outcome, summary=error.message[:200], error=error_of(error))


def error_of(error: DockwaveError) -> HostError:
    """The error as data."""
    return HostError(code=error.code, message=error.message, hint=error.hint, retryable=error.retryable)


def telling_code(output: str) -> str:
    """A more telling code than E_STEP_FAILED, from the words package tools use."""
    if (
        "Could not get lock" in output
        or "is held by process" in output
        or "Unable to acquire the dpkg" in output
    ):
        return "E_PKG_LOCKED"
    if "No space left on device" in output or "You don't have enough free space" in output:
        return "E_NO_SPACE"
    return "E_STEP_FAILED"


def _drift(skipped: tuple[StepResult, ...]) -> tuple[Finding, ...]:
    if not skipped:
        return ()
    return (Finding(code="W_PLAN_DRIFT", detail=f"{len(skipped)} planned objects were left alone"),)
