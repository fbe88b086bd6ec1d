"""Only what was approved is done: the steps of an order against what the host needs now."""

from __future__ import annotations

from tasks.catalog import AnyProcedure
from tasks.errors import Refused
from tasks.procedure import Draft, Facts, Step
from tasks.result import StepResult, StepState
from tasks.wire import Order


def allowed(order: Order, draft: Draft, *, strict: bool) -> tuple[Step, ...]:
    """Only what was approved; nothing is ever added on the way."""
    if order.approved is None:
        return draft.steps
    approved = frozenset(order.approved)
    foreign = [step.key for step in draft.steps if step.key not in approved]
    if foreign and strict:
        raise Refused(
            f"The host now needs steps that were not approved: {', '.join(foreign[:5])}",
            code="E_PLAN_STALE",
            hint="Make a new plan.",
        )
    return tuple(step for step in draft.steps if step.key in approved)


def refuse_other_digest(order: Order, draft: Draft, *, strict: bool) -> None:
    """A strict procedure does exactly what was planned, or nothing."""
    if not strict or order.digest is None or not draft.steps:
        return
    if draft.digest != order.digest:
        raise Refused(
            f"The host changed since it was planned: {_moved(order, draft)}",
            code="E_PLAN_STALE",
            hint="Make a new plan.",
        )


def _moved(order: Order, draft: Draft) -> str:
    """What is no longer needed, and what is new, by name; a bounded many."""
    approved, now = order.approved or (), [step.key for step in draft.steps]
    gone = [key for key in approved if key not in now]
    new = [key for key in now if key not in approved]
    parts = [
        f"{len(keys)} of {count} {what} ({', '.join(keys[:5])}{', ...' if len(keys) > 5 else ''})"
        for keys, count, what in (
            (gone, len(approved), "planned steps no longer needed"),
            (new, len(now), "steps needed now are new"),
        )
        if keys
    ]
    return (
        "; ".join(parts)
        or f"its {len(now)} steps would do something else now ({draft.summary or 'no summary'})"
    )


def drifted(order: Order, procedure: AnyProcedure, facts: Facts, draft: Draft) -> tuple[StepResult, ...]:
    """Approved objects that are no longer eligible, each with its reason."""
    present = {step.key for step in draft.steps}
    explain = getattr(procedure, "why_gone", None)
    return tuple(
        StepResult(
            key=key,
            title=key,
            state=StepState.SKIPPED,
            detail=explain(facts, key) if explain else "no longer needed or eligible",
        )
        for key in order.approved or ()
        if key not in present
    )
