"""Orders that were committed and perhaps never left: what is published again once after every start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.campaign.actions import Resend
from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.kill_switch import applying, holding
from orchestrator.campaign.limits.shared_cause import open_look
from orchestrator.campaign.limits.stop_rules import stopped
from orchestrator.campaign.record import record
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.watch import still_passed
from orchestrator.loop import dry_runs
from orchestrator.loop.orders import Sending, control_order, order_of
from orchestrator.loop.outside import Outside
from orchestrator.loop.turn import Turn, by_name
from tasks.model import Kind
from tasks.queues import celery_task_id


def unsent(turn: Turn, outside: Outside) -> list[Sending]:
    """Give what was committed before this turn and may never have left, questions of planning included."""
    if turn.before.state is CampaignState.PLANNING:
        return dry_runs.questions(turn.after, turn.now, all_open=True)[1]
    killed = bool(holding(applying(outside.switches, turn.after)))
    held = frozenset(item.host for item in outside.quarantines)
    held = held if turn.after.kind is not Kind.READ_ONLY else frozenset()
    return open_orders(turn.after, turn.now, killed=killed, quarantined=held)


def send_again(turn: Turn, before: Sequence[Sending], outside: Outside) -> None:
    """Publish what was unsent before this turn's decisions and still is to be done; each is noted in the log.

    What this turn has stopped stays where it is, and what it sends by itself is not sent twice.
    """
    if turn.before.state is CampaignState.PLANNING:
        kind, why = "ask-plan", "every host that has not answered is asked"
        again = list(before)
    else:
        kind, why = "resend", "perhaps it never left"
        known = {celery_task_id(item.order) for item in before}
        known -= {celery_task_id(item.order) for item in turn.sendings}
        again = [item for item in unsent(turn, outside) if celery_task_id(item.order) in known]
        # a second copy may be under way from now on: no single answer may speak for both
        resent = [Resend(host=item.order.host.name, attempt_id=item.order.attempt_id) for item in again]
        turn.after = record(turn.after, resent, turn.now, {})
    for order in (sending.order for sending in again):
        turn.note(kind, {"why": why}, host=order.host.name, attempt=order.attempt_id)
    turn.sendings += again


def open_orders(
    campaign: Campaign,
    now: datetime,
    *,
    killed: bool = False,
    quarantined: frozenset[str] = frozenset(),
) -> list[Sending]:
    """Give the orders that were committed, nobody accepted, and may still start: perhaps they never left."""
    found: list[Sending] = []
    if killed:
        return found
    held = stopped(campaign) or campaign.state is CampaignState.PAUSED or brakes(campaign, now).start
    for run in campaign.runs:
        attempt = run.attempt
        if attempt is None or attempt.ended_at or attempt.accepted_at or attempt.expires_at <= now:
            continue
        if run.host.name in quarantined or not still_passed(attempt, now):
            continue
        if run.state in {HostState.ORDERED, HostState.ROLLING_BACK} and (attempt.undo or not held):
            found.append(order_of(campaign, run, attempt))
    return [*found, *_open_questions(campaign, now)]


def _open_questions(campaign: Campaign, now: datetime) -> list[Sending]:
    """Give the orders to untouched hosts that have not answered, while they are waited for."""
    look = open_look(campaign)
    if look is None or look.until <= now:
        return []
    runs = by_name(campaign)
    return [control_order(campaign, look, runs[item.host]) for item in look.controls if not item.answered_at]
