"""One campaign's turn: what came in is observed, what follows is decided, and all of it is one transaction.

Nothing here publishes: the orders of a turn leave after its commit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import structlog

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import (
    Action,
    AskControl,
    AskGate,
    AskJournal,
    ControlAnswered,
    Dispatch,
    Ended,
    Event,
    HostRead,
    Recheck,
    Resend,
    StopAttempt,
    WakeAt,
)
from orchestrator.campaign.observe import observe, observe_all, observe_readings
from orchestrator.campaign.quarantine import Quarantine, one_line
from orchestrator.campaign.record import record
from orchestrator.campaign.shared_cause import open_look
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST, CampaignState, HostState
from orchestrator.campaign.stop_rules import stopped
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.campaign.telling import told
from orchestrator.loop.gate_questions import GateQuestion, questions_of
from orchestrator.loop.ingest import Ignored, answer_of, event_of, is_reading, reading_of
from orchestrator.loop.notifying import announced, notifications
from orchestrator.loop.orders import Sending, control_order, order_of, question_of, reading_orders
from orchestrator.store.codec import said
from orchestrator.store.records import Lease, LogEntry
from orchestrator.store.store import Writer
from tasks.model import Kind, Mode
from tasks.result import HostResult, Outcome
from tasks.wire import Report

log = structlog.get_logger()

#: decisions that may follow each other in one transaction; more follow in the next turn
_ROUNDS = 8
_ASKS: Mapping[type[Action], Mode] = {
    AskJournal: Mode.RESUME,
    Recheck: Mode.CHECK,
    StopAttempt: Mode.STOP,
}
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass
class Turn:
    """What a turn has come to so far."""

    before: Campaign
    after: Campaign
    now: datetime
    #: hosts that may be away at a time, by the control plane's settings
    fleet_budget: int | None = None
    log: list[LogEntry] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    #: gates to be asked once the turn is committed
    questions: list[GateQuestion] = field(default_factory=list)
    #: highest epoch each host says it has seen
    epochs_seen: dict[str, int] = field(default_factory=dict)
    #: machine-id of each host that answered
    identities: dict[str, str | None] = field(default_factory=dict)
    #: hosts a finished campaign is done with after all
    freed: list[str] = field(default_factory=list)
    wake_at: datetime | None = None

    @cached_property
    def hosts(self) -> Mapping[str, HostRun]:
        """The campaign's hosts by name, as they were when the turn began."""
        return by_name(self.before)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to commit."""
        return self.after is self.before and not self.log

    def note(
        self, kind: str, data: Mapping[str, Any] | None = None, *, host: str = "", attempt: str = ""
    ) -> None:
        """Add a line to the log of this turn."""
        self.log.append(
            LogEntry(
                kind=kind,
                at=self.now,
                campaign_id=self.before.id,
                host=host,
                attempt_id=attempt,
                data=data or {},
            )
        )

    def note_host(self, host: str, result: HostResult | None) -> None:
        """Remember what a host says about itself."""
        if result is None:
            return
        if result.epoch_seen > 0:
            self.epochs_seen[host] = max(self.epochs_seen.get(host, 0), result.epoch_seen)
        identity = result.identity.get("machine_id", "")
        # anything else is no machine-id, and has no business in a column
        self.identities[host] = identity if _MACHINE_ID.fullmatch(identity) else self.identities.get(host)


def observe_reports(turn: Turn, reports: Sequence[Report]) -> None:
    """Take in what workers said; what changes nothing is logged with its reason.

    One pass over the hosts for the first report of each, one for the second, and so on: a wave of ten thousand
    hosts is not copied for every report.
    """
    events = [_event(turn, report) for report in reports]
    effective = _observe_all(turn, [event for event in events if not isinstance(event, Ignored)])
    for report, event in zip(reports, events, strict=True):
        if isinstance(event, Ignored):
            # a name nobody planned is hostile text: it stays inside the line's data
            known = report.host if report.host in turn.hosts else ""
            turn.note("ignored", _evidence(report, event.reason), host=known)
            continue
        turn.note_host(report.host, report.result)
        _note_event(turn, event, effective=id(event) in effective, report=report)


def _event(turn: Turn, report: Report) -> Event | Ignored:
    if is_reading(report):
        return reading_of(report)
    if report.mode is Mode.PLAN and turn.before.looks:
        return answer_of(report, turn.before.looks)
    return event_of(report, turn.hosts.get(report.host))


def _observe_all(turn: Turn, events: Sequence[Event]) -> set[int]:
    """Take in these events; gives the identities of those that changed something."""
    rounds: list[list[Event]] = []
    nth: Counter[str] = Counter()
    for event in events:
        if isinstance(event, ControlAnswered | HostRead):
            continue
        host = getattr(event, "host", "")
        if nth[host] == len(rounds):
            rounds.append([])
        rounds[nth[host]].append(event)
        nth[host] += 1
    effective = _observe_controls(turn, events)
    hosts = turn.hosts
    for batch in rounds:
        turn.after = observe_all(turn.after, batch, turn.now)
        now_known = by_name(turn.after)
        for event in batch:
            host = getattr(event, "host", "")
            if now_known[host] is not hosts[host]:
                effective.add(id(event))
        hosts = now_known
    return effective


def _observe_controls(turn: Turn, events: Sequence[Event]) -> set[int]:
    """Take in what hosts said that were only read; gives the identities of the answers that changed something."""
    reads = [event for event in events if isinstance(event, HostRead)]
    turn.after, taken = observe_readings(turn.after, reads, turn.now)
    effective = {id(event) for event, changed in zip(reads, taken, strict=True) if changed}
    for event in events:
        if isinstance(event, ControlAnswered):
            before, turn.after = turn.after, observe(turn.after, event, turn.now)
            if turn.after is not before:
                effective.add(id(event))
    return effective


def observe_event(turn: Turn, event: Event) -> bool:
    """Take in what a person did; False when it changed nothing."""
    before, turn.after = turn.after, observe(turn.after, event, turn.now)
    effective = turn.after is not before
    _note_event(turn, event, effective=effective)
    return effective


def _note_event(turn: Turn, event: Event, *, effective: bool, report: Report | None = None) -> None:
    host, attempt = getattr(event, "host", ""), getattr(event, "attempt_id", "")
    if effective:
        turn.note(kind_of(event), said(event), host=host, attempt=attempt)
        return
    evidence = _evidence(report, "it changes nothing: late, repeated or out of order") if report else {}
    turn.note("ignored", {"event": kind_of(event)} | evidence, host=host, attempt=attempt)
    if isinstance(event, Ended):
        _late_receipt(turn, event)


def _late_receipt(turn: Turn, event: Ended) -> None:
    """Free a host its campaign gave up on: its journal now says that the attempt has come to a good end."""
    run = turn.hosts.get(event.host)
    over = turn.before.state in FINAL_CAMPAIGN and run is not None and run.state is HostState.UNKNOWN
    current = run is not None and run.attempt is not None and run.attempt.id == event.attempt_id
    if over and current and event.result.outcome in {Outcome.OK, Outcome.CHANGED, Outcome.UNDONE}:
        turn.freed.append(event.host)
        said = {"outcome": event.result.outcome.value, "changed": event.result.changed}
        turn.note("late-receipt", said, host=event.host, attempt=event.attempt_id)


def _evidence(report: Report, reason: str) -> dict[str, Any]:
    return {"reason": reason, "report": report.model_dump(mode="json")}


def by_name(campaign: Campaign) -> dict[str, HostRun]:
    """Give the hosts of a campaign by name."""
    return {run.host.name: run for run in campaign.runs}


def kind_of(said_by: Event | Action) -> str:
    """Give the name of an event or action as the log has it: AskJournal is ask-journal."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(said_by).__name__).lower()


def act(turn: Turn, writer: Writer, actions: Sequence[Action], around: Surroundings) -> None:
    """Commit to these actions and to those that follow from them, inside the writer's transaction."""
    for _ in range(_ROUNDS):
        doing = tuple(action for action in actions if not isinstance(action, WakeAt))
        turn.wake_at = next((action.at for action in actions if isinstance(action, WakeAt)), None)
        if not doing:
            return
        epochs = writer.draw_epochs(action.host for action in doing if isinstance(action, Dispatch))
        turn.after = record(turn.after, doing, turn.now, epochs)
        hosts = by_name(turn.after)
        turn.questions += questions_of(turn.after, doing, hosts, turn.now)
        for action in doing:
            _note_action(turn, action, hosts)
            if isinstance(action, AskGate):
                turn.sendings += reading_orders(turn.after, action, hosts)
        actions = decide(turn.after, turn.now, around)
    turn.wake_at = turn.now


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
    )


def released(turn: Turn) -> list[str]:
    """Give the hosts this campaign is done with since this turn began, or did not start after all.

    UNKNOWN is not done. A host that waits again is free for others: its next order takes it anew.
    """
    was = turn.hosts
    free = FINAL_HOST | {HostState.PENDING}
    return [
        run.host.name
        for run in turn.after.runs
        if run is not was[run.host.name] and run.state in free and run.started_at
    ]


def _proven(turn: Turn, done: Sequence[str]) -> list[str]:
    """Give those of these hosts that were read and found well: changed, right as they were, or brought back."""
    hosts = by_name(turn.after)
    well = {HostState.SUCCEEDED, HostState.ALREADY_RIGHT, HostState.ROLLED_BACK}
    return [host for host in done if turn.after.kind is not Kind.READ_ONLY and hosts[host].state in well]


def left_to_people(turn: Turn) -> list[Quarantine]:
    """Give the hosts this campaign has left to a person since this turn began: no campaign changes them now."""
    was = turn.hosts
    return [
        Quarantine(
            host=run.host.name,
            campaign=turn.after.id,
            reason=one_line(_trouble(run)) or "it needs a person",
            at=turn.now,
            labels=run.host.labels,
        )
        for run in turn.after.runs
        if run is not (before := was[run.host.name])
        and run.state is HostState.NEEDS_HUMAN
        and before.state is not HostState.NEEDS_HUMAN
    ]


def _trouble(run: HostRun) -> str:
    return f"{run.error.code}: {run.error.message}" if run.error is not None else run.reason


def commit(turn: Turn, writer: Writer) -> Campaign:
    """Write the turn: campaign, log, what people are told, leases, quarantines and what hosts said of themselves."""
    for item in writer.quarantine(left_to_people(turn)):
        turn.note("quarantined", {"reason": item.reason}, host=item.host)
    telling = told(turn.before, turn.after)
    turn.log += announced(turn.after, telling, turn.now)
    saved = writer.save(turn.before, turn.after, turn.log)
    if telling:
        writer.put_notifications(notifications(writer, saved, telling, turn.now, turn.fleet_budget))
    writer.take_leases(turn.leases)
    writer.begin_uses(saved.id, [lease.host for lease in turn.leases], turn.now)
    done = released(turn)
    writer.release_leases(saved.id, [*done, *turn.freed])
    writer.end_uses(saved.id, done)
    writer.prove_well([*_proven(turn, done), *turn.freed])
    if turn.identities:
        writer.remember_hosts(turn.identities, turn.now)
    return saved


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
    held = stopped(campaign) or campaign.state is CampaignState.PAUSED
    for run in campaign.runs:
        attempt = run.attempt
        if attempt is None or attempt.ended_at or attempt.accepted_at or attempt.expires_at <= now:
            continue
        if run.host.name in quarantined:
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
