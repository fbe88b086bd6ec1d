"""Commits to what was decided and to what follows from it, inside the transaction of a turn.

Nothing here publishes: the orders of a turn leave after its commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from orchestrator.campaign.actions import (
    Action,
    AskControl,
    AskGate,
    AskJournal,
    Dispatch,
    Recheck,
    Resend,
    StopAttempt,
    WakeAt,
)
from orchestrator.campaign.campaign import Campaign, HostRun, runs_of
from orchestrator.campaign.decide import decide
from orchestrator.campaign.lease import kept_until
from orchestrator.campaign.limits.shared_cause import open_look
from orchestrator.campaign.record import record
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.gate_questions import questions_of
from orchestrator.loop.orders import control_order, order_of, question_of, reading_orders
from orchestrator.loop.turn import Turn, by_name, kind_of
from orchestrator.store.codec import said
from orchestrator.store.records import Lease
from orchestrator.store.writer import Writer
from tasks.model import Kind, Mode

log = structlog.get_logger()

#: decisions that may follow each other in one transaction; more follow in the next turn
_ROUNDS = 8
_ASKS: Mapping[type[Action], Mode] = {
    AskJournal: Mode.RESUME,
    Recheck: Mode.CHECK,
    StopAttempt: Mode.STOP,
}


def act(turn: Turn, writer: Writer, actions: Sequence[Action], around: Surroundings) -> None:
    """Commit to these actions and to those that follow from them, inside the writer's transaction."""
    for _ in range(_ROUNDS):
        doing = tuple(action for action in actions if not isinstance(action, WakeAt))
        turn.wake_at = next((action.at for action in actions if isinstance(action, WakeAt)), None)
        if not doing:
            return
        epochs = writer.draw_epochs(action.host for action in doing if isinstance(action, Dispatch))
        turn.after = record(turn.after, doing, turn.now, epochs)
        hosts = _concerned(turn.after, doing)
        turn.questions += questions_of(turn.after, doing, hosts, turn.now)
        for action in doing:
            _note_action(turn, action, hosts)
            if isinstance(action, AskGate):
                turn.sendings += reading_orders(turn.after, action, hosts)
        actions = decide(turn.after, turn.now, around)
    turn.wake_at = turn.now


def _concerned(campaign: Campaign, actions: Sequence[Action]) -> Mapping[str, HostRun]:
    """Give the hosts these actions are about, by name; a gate may have any of them read."""
    if any(isinstance(action, AskGate) for action in actions):
        return by_name(campaign)
    return runs_of(campaign, {getattr(action, "host", "") for action in actions})


def _note_action(turn: Turn, action: Action, hosts: Mapping[str, HostRun]) -> None:
    host = getattr(action, "host", "")
    run = hosts.get(host)
    attempt = run.attempt if run else None
    data = said(action)
    if isinstance(action, Dispatch) and attempt is not None:
        data |= {"epoch": attempt.epoch, "expires_at": attempt.expires_at.isoformat()}
    turn.note(kind_of(action), data, host=host, attempt=attempt.id if attempt else "")
    log.info("Decided", action=kind_of(action), campaign=turn.after.id, host=host)
    look = open_look(turn.after)
    if isinstance(action, AskControl) and run is not None and look is not None:
        turn.sendings.append(control_order(turn.after, look, run))
    if run is None or attempt is None:
        return
    if isinstance(action, Dispatch):
        turn.sendings.append(order_of(turn.after, run, attempt))
        if turn.after.kind is not Kind.READ_ONLY:
            turn.leases.append(_lease(turn, run))
    elif isinstance(action, Resend):
        turn.sendings.append(order_of(turn.after, run, attempt))
    elif isinstance(action, AskJournal | Recheck | StopAttempt):
        mode = _ASKS[type(action)]
        until = turn.now + timedelta(seconds=turn.after.policy.ask_every_s)
        turn.sendings.append(question_of(turn.after, run, attempt, mode, until))


def _lease(turn: Turn, run: HostRun) -> Lease:
    attempt = run.attempts[-1]
    return Lease(
        host=run.host.name,
        campaign_id=turn.after.id,
        attempt_id=attempt.id,
        epoch=attempt.epoch,
        since=turn.now,
        reason=turn.after.procedure,
        expires_at=kept_until(turn.after, run, turn.now, turn.lease_for_s),
    )
