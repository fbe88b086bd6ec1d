"""Laws of orders on their way and of hosts that begin them: judged against what is committed and acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt, Campaign
from orchestrator.loop.orders import reads_for_gate
from orchestrator.simulate.laws.law import SKEW_S, Found, Law, Violation, is_open
from orchestrator.simulate.stage.hosts import PROTECT, READING, SimHost
from tasks.model import Kind, Mode
from tasks.wire import Order


def on_order(campaign: Campaign | None, order_id: str, host: str, epoch: int, mode: Mode) -> Found:
    """Judge an order that leaves, against what is committed."""
    if mode is Mode.PLAN or reads_for_gate(order_id):
        return
    run = campaign.run_of(host) if campaign is not None else None
    known = next((item for item in run.attempts if item.id == order_id), None) if run else None
    if known is None or known.epoch != epoch:
        yield Violation(law=Law.RECORD, detail=f"{order_id} left and is not committed")


#: so long a campaign that is over keeps a host it lost sight of, whatever its orders may take
_KEPT = timedelta(hours=1)


def on_start(host: SimHost, ordered: Attempt, campaign_id: str, others: Mapping[str, Campaign]) -> Found:
    """Judge the order of an attempt, against what other campaigns may still do on the host."""
    for other in others.values():
        run = other.run_of(host.name) if other.id != campaign_id else None
        attempt = run.attempt if run is not None else None
        if attempt is None or other.kind is Kind.READ_ONLY or not is_open(attempt):
            continue
        if other.ended_at is not None and ordered.ordered_at > other.ended_at + _KEPT:
            # its lock ran out; lapses.py of the tests has more of that
            continue
        entry = host.journal.get(attempt.id)
        if entry is not None and entry.result is None:
            yield Violation(law=Law.ALONE, detail=f"{ordered.id} was ordered while {attempt.id} is at work")


def on_content(host: SimHost, order: Order) -> Found:
    """Judge what a host is ordered to do, against what it told it would do, and what it must not touch."""
    if order.mode is not Mode.APPLY or order.procedure == READING or not host.drifts:
        return
    if order.approved is None or order.approved not in host.told.get(order.campaign_id, ()):
        yield Violation(law=Law.OBJECTS, detail=f"{order.attempt_id} is to do {order.approved}")
    if order.protect != PROTECT:
        yield Violation(law=Law.OBJECTS, detail=f"{order.attempt_id} protects {order.protect}")


def on_abort(host: SimHost, aborted: Mapping[str, datetime], ttl_s: float) -> Found:
    """Judge when hosts were started after aborts (in true time)."""
    for entry in host.journal.values():
        at = aborted.get(entry.order.campaign_id)
        limit = timedelta(seconds=ttl_s + 2 * SKEW_S)
        forward = entry.order.mode in {Mode.APPLY, Mode.UNDO} and not entry.back
        if at is not None and forward and entry.began > at + limit:
            yield Violation(
                law=Law.ABORT, detail=f"{entry.order.attempt_id} began {entry.began - at} after the abort"
            )
