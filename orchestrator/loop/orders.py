"""Orders are rebuilt from SQL: the same attempt gives the same order, before and after a crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrator.campaign import running_set, vitals
from orchestrator.campaign.actions import AskGate
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.control import Look
from orchestrator.campaign.gate import GateKind
from orchestrator.campaign.gates.hosts import gate_named
from orchestrator.campaign.gates.needed import gate_deadline, state_of
from orchestrator.campaign.proof import expected
from orchestrator.campaign.states import HostState
from tasks.model import Mode
from tasks.wire import Order

#: number of the attempt a host is asked for its dry run under; real attempts begin at 1
PLANNING_ATTEMPT = 0

#: numbers of the attempts that read hosts for gates, far above those of real attempts
FIRST_READING = 900_000
READINGS = 90_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """An order on its way to the broker."""

    order: Order
    #: number of waves of its campaign, for what Flower shows
    waves: int


def attempt_id(campaign_id: str, host: str, number: int) -> str:
    """Give the name of an attempt: of its Celery task, its journal entry and its units on the host."""
    return f"{campaign_id}/{host}/{number}"


def order_of(campaign: Campaign, run: HostRun, attempt: Attempt) -> Sending:
    """Give the order that does this attempt, or takes back an earlier one, of this campaign or of another."""
    mode = Mode.APPLY if attempt.undo_of is None and not attempt.undo else Mode.UNDO
    return _sending(campaign, run, attempt, mode, attempt.expires_at)


def question_of(campaign: Campaign, run: HostRun, attempt: Attempt, mode: Mode, until: datetime) -> Sending:
    """Give an order about this attempt that begins nothing (RESUME, CHECK, STOP); not worth answering after `until`."""
    return _sending(campaign, run, attempt, mode, until)


def planning_order(campaign: Campaign, run: HostRun, attempt: Attempt) -> Sending:
    """Give the order that asks a host for its dry run."""
    return _sending(campaign, run, attempt, Mode.PLAN, attempt.expires_at)


def control_order(campaign: Campaign, look: Look, run: HostRun) -> Sending:
    """Give the order that reads an untouched host again; its number tells looks and planning apart."""
    question = Attempt(
        id=attempt_id(campaign.id, run.host.name, PLANNING_ATTEMPT),
        number=PLANNING_ATTEMPT,
        epoch=look_epoch(look.number),
        undo=False,
        undo_of=None,
        ordered_at=look.asked_at,
        expires_at=look.until,
    )
    short = replace(campaign, timeout_s=(look.until - look.asked_at).total_seconds())
    return _sending(short, run, question, Mode.PLAN, look.until)


def reading_orders(campaign: Campaign, action: AskGate, runs: Mapping[str, HostRun]) -> Iterator[Sending]:
    """Give the orders that read the hosts this question waits for; their number tells questions apart."""
    state = state_of(campaign, action.gate, action.wave, action.host)
    asked = gate_named(campaign, action.gate)
    if state is None or asked is None:
        return
    until = gate_deadline(asked, state)
    number = FIRST_READING + state.number % READINGS
    running = asked.kind is GateKind.RUNNING_SET
    reading = replace(
        campaign,
        procedure=running_set.PROCEDURE if running else vitals.PROCEDURE,
        params={} if running else {"include": list(vitals.CHECKS)},
        timeout_s=(until - state.asked_at).total_seconds(),
    )
    for name in state.waiting:
        question = Attempt(
            id=attempt_id(campaign.id, name, number),
            number=number,
            epoch=state.number,
            undo=False,
            undo_of=_snapshot_of(runs[name]) if running else None,
            ordered_at=state.asked_at,
            expires_at=until,
        )
        yield _sending(reading, runs[name], question, Mode.APPLY, until)


def _snapshot_of(run: HostRun) -> str | None:
    """The attempt whose snapshot says what ran before; None for a host that was not changed."""
    if run.state is HostState.PENDING:
        return None
    return next((attempt.id for attempt in reversed(run.attempts) if not attempt.undo), None)


def reads_for_gate(attempt: str) -> bool:
    """Whether this attempt only reads a host for a gate."""
    number = attempt.rsplit("/", 1)[-1]
    return number.isdecimal() and int(number) >= FIRST_READING


def look_epoch(number: int) -> int:
    """Give the number orders and answers of a look carry; reading is not fenced, and planning itself has 1."""
    return number + 1


def _sending(campaign: Campaign, run: HostRun, attempt: Attempt, mode: Mode, until: datetime) -> Sending:
    params: Mapping[str, Any] = campaign.params
    order = Order(
        attempt_id=attempt.id,
        epoch=attempt.epoch,
        mode=mode,
        campaign_id=campaign.id,
        wave=run.wave,
        host=run.host,
        procedure=campaign.procedure,
        params=dict(params),
        expires_at=until.timestamp(),
        timeout_s=campaign.timeout_s,
        plan_hash=campaign.plan_hash,
        approved=run.approved,
        digest=run.digest,
        machine_id=run.machine_id,
        undo_of=attempt.undo_of,
        snapshot_sha256=expected(run, attempt.undo_of),
        proven_by=run.proven_by if mode is Mode.PLAN else None,
        protect=campaign.protect,
        reason=campaign.reason,
        author=campaign.author,
    )
    return Sending(order=order, waves=campaign.waves)
