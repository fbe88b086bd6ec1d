"""May this order start here, now? The host's record decides; a pure function of record, order and clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tasks.model import Mode
from tasks.result import ALLOWED_SKEW_S, HostError, HostResult, Outcome
from tasks.wire import VERSION, Order
from workers import outcome
from workers.host_record import HostRecord, slug


class Decision(StrEnum):
    """What to do with an order."""

    #: new: accept and run it
    START = "start"
    #: accepted before and not ended: go on where the host really is
    CONTINUE = "continue"
    #: ended before: answer with the stored result
    ANSWER = "answer"
    #: not here, not now, or not this one
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The decision, with what it rests on."""

    decision: Decision
    #: the stored result, for ANSWER
    result: HostResult | None = None
    #: why, for REFUSE
    error: HostError | None = None


def admit(order: Order, record: HostRecord, *, now: float) -> Admission:
    """Judge an order; `now` is the worker's clock: the later of it and the host's decides about expiry."""
    if order.machine_id and record.machine_id != order.machine_id:
        return _refuse(
            "E_HOST_IDENTITY",
            f"{order.host.name} is machine {record.machine_id or 'unknown'}, the plan was made for "
            f"{order.machine_id}",
            "If the host was rebuilt, make a new plan; if not, find out who answers at its address.",
        )
    another = is_another(order, record)
    if record.known and not another:
        return _admit_known(order, record)
    if order.mode is Mode.RESUME:
        return _refuse(
            "E_NOT_STARTED", f"{order.host.name} has no record of {order.attempt_id}", "", retryable=True
        )
    if another:
        return _used_before(order, order.attempt_id)
    return _admit_new(order, record, now=max(now, record.time))


def refuses_before(record: HostRecord, *, now: float) -> float:
    """The instant (Unix seconds) before which orders that expired are started here no more, by whatever worker.

    The host's clock judges all of them; a worker's does too, and those of others may be behind it by the allowed skew.
    """
    return max(record.time, now - ALLOWED_SKEW_S)


def is_another(order: Order, record: HostRecord) -> bool:
    """Whether what the host accepted under the order's id is not what is ordered: one goes forward, one back."""
    return record.known and record.undo_of is not None and record.undo_of != (order.undo_of or "")


def _used_before(order: Order, found: str) -> Admission:
    """The host remembers more of the campaign than the database does; the next number may fit."""
    return _refuse(
        "E_ATTEMPT_REUSED",
        f"{order.host.name} has accepted {found} already, which its campaign does not know of: "
        f"{order.attempt_id} is not begun",
        "The database was put back to an earlier moment; the next number is tried by itself. "
        f"`dockwave logs {order.campaign_id} {order.host.name}` shows what the host did.",
        retryable=True,
    )


def _admit_known(order: Order, record: HostRecord) -> Admission:
    if record.result is not None:
        return Admission(decision=Decision.ANSWER, result=record.result)
    if record.epoch > order.epoch:
        return Admission(decision=Decision.ANSWER, result=_overtaken(order, record))
    return Admission(decision=Decision.CONTINUE)


def _overtaken(order: Order, record: HostRecord) -> HostResult:
    """A newer order was accepted while this one was silent: it may not go on, and its own end is not known."""
    error = HostError(
        code="E_STALE_EPOCH",
        message=f"{order.host.name} has accepted epoch {record.epoch}; {order.attempt_id} has {order.epoch} and stops",
        hint="The newer attempt decides what becomes of the host.",
    )
    return HostResult(outcome=Outcome.UNKNOWN, error=error, epoch_seen=record.epoch)


def _admit_new(order: Order, record: HostRecord, *, now: float) -> Admission:
    if order.v != VERSION:
        return _refuse(
            "E_PROTOCOL",
            f"The order has version {order.v}, this worker speaks {VERSION}",
            "Bring worker and orchestrator to the same release.",
        )
    if record.stop is not None:
        return _refuse(
            "E_KILL_SWITCH",
            f"{order.host.name} has a kill switch: {record.stop or 'no reason given'}",
            "Remove /var/lib/dockwave/stop on the host when it may be changed again.",
        )
    if record.halt is not None:
        stopped = outcome.stopped(order, "before its first step")
        return _refuse(stopped.code, stopped.message, stopped.hint)
    twin = next((item for item in record.siblings if item.undo_of == (order.undo_of or "")), None)
    if twin is not None:
        # what a campaign does to a host it does once, whatever number it has
        return _used_before(order, f"{order.attempt_id.rpartition('/')[0]}/{twin.number}")
    if order.epoch <= record.epoch:
        return _refuse(
            "E_STALE_EPOCH",
            f"Order epoch {order.epoch} is not above {record.epoch}, the highest {order.host.name} has seen",
            "A newer order has overtaken this one, or the database was restored; it is ordered anew.",
            retryable=True,
        )
    if now > order.expires_at:
        return _refuse(
            "E_ORDER_EXPIRED",
            f"The order expired {now - order.expires_at:.0f} s ago by the clock of {order.host.name} or its worker",
            "Check the clocks of host, worker and orchestrator if this repeats.",
            retryable=True,
        )
    ours = f"dockwave-{slug(order.attempt_id)}-"
    foreign = [unit.name for unit in record.units if unit.running and not unit.name.startswith(ours)]
    if foreign:
        return _refuse(
            "E_HOST_BUSY",
            f"Another attempt is still at work on {order.host.name}: {', '.join(foreign)}",
            f"systemctl status {foreign[0]} on the host shows what it does.",
            retryable=True,
        )
    return Admission(decision=Decision.START)


def _refuse(code: str, message: str, hint: str, *, retryable: bool = False) -> Admission:
    error = HostError(code=code, message=message, hint=hint, retryable=retryable)
    return Admission(decision=Decision.REFUSE, error=error)
