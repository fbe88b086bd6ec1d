"""Takes in what came for a campaign since its last turn; what changes nothing is logged with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.campaign.answers import HostEvent
from orchestrator.campaign.campaign import HostRun, runs_of
from orchestrator.campaign.events import ControlAnswered, Ended, Event, HostRead
from orchestrator.campaign.observe import hear, observe, observe_readings
from orchestrator.campaign.states import FINAL_CAMPAIGN, HostState
from orchestrator.loop.ingest import Ignored, answer_of, event_of, is_reading, reading_of
from orchestrator.loop.turn import Turn, kind_of
from orchestrator.store.codec import said
from tasks.model import Mode
from tasks.result import Outcome
from tasks.wire import Report


def observe_reports(turn: Turn, reports: Sequence[Report]) -> None:
    """Take in what workers said; what changes nothing is logged with its reason."""
    hosts = runs_of(turn.before, {report.host for report in reports})
    events = [_event(turn, report, hosts.get(report.host)) for report in reports]
    effective = _observe_all(turn, [event for event in events if not isinstance(event, Ignored)])
    for report, event in zip(reports, events, strict=True):
        if isinstance(event, Ignored):
            # a name nobody planned is hostile text: it stays inside the line's data
            known = report.host if report.host in hosts else ""
            turn.note("ignored", _evidence(report, event.reason), host=known)
            continue
        turn.note_host(report.host, report.result)
        _note_event(turn, event, effective=id(event) in effective, report=report)


def _event(turn: Turn, report: Report, run: HostRun | None) -> Event | Ignored:
    if is_reading(report):
        return reading_of(report)
    if report.mode is Mode.PLAN and turn.before.looks:
        return answer_of(report, turn.before.looks)
    return event_of(report, run)


def _observe_all(turn: Turn, events: Sequence[Event]) -> set[int]:
    """Take in these events; gives the identities of those that changed something."""
    effective = _observe_controls(turn, events)
    heard = [event for event in events if isinstance(event, HostEvent)]
    turn.after, changing = hear(turn.after, heard, turn.now)
    return effective | {id(event) for event in changing}


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
