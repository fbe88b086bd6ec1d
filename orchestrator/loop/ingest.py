"""Reports to events: what a worker says, judged against what was ordered; the rest is ignored with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.campaign.campaign import Attempt, HostRun
from orchestrator.campaign.control import Look
from orchestrator.campaign.events import (
    Accepted,
    ControlAnswered,
    Ended,
    Event,
    Heartbeat,
    HostRead,
    NotStarted,
    Rechecked,
    StopHeard,
)
from orchestrator.campaign.running_set import running_of
from orchestrator.campaign.vitals import restarted_of, restarting_of, vitals_of
from orchestrator.loop.orders import PLANNING_ATTEMPT, look_epoch, reads_for_gate
from tasks.model import Mode
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Report, ReportKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A report that changes nothing, and why; it is logged all the same."""

    reason: str


def campaign_id_of(report: Report) -> str:
    """Give the campaign a report claims to be about."""
    return report.attempt_id.split("/", 1)[0]


def event_of(report: Report, run: HostRun | None) -> Event | Ignored:
    """Give the event a report stands for, or why it stands for none; `run` is its host in its campaign."""
    attempt = _attempt(report, run)
    if isinstance(attempt, Ignored):
        return attempt
    if report.mode is Mode.CHECK:
        return _checked(report)
    if report.mode is Mode.STOP:
        return _told_to_stop(report)
    match report.kind:
        case ReportKind.BUSY:
            # another worker has the order; whether the host accepted it is not said, hence no number
            return Heartbeat(
                host=report.host, attempt_id=report.attempt_id, epoch=report.epoch, worker=report.worker[:200]
            )
        case ReportKind.ACCEPTED:
            return Accepted(
                host=report.host, attempt_id=report.attempt_id, epoch=report.epoch, worker=report.worker[:200]
            )
        case ReportKind.HEARTBEAT:
            return Heartbeat(
                host=report.host,
                attempt_id=report.attempt_id,
                epoch=report.epoch,
                seq=report.seq,
                worker=report.worker[:200],
                step=report.step[:300],
                done=report.done,
                total=report.total,
            )
        case ReportKind.RESULT:
            return Ended(
                host=report.host,
                attempt_id=report.attempt_id,
                epoch=report.epoch,
                result=_result(report),
                worker=report.worker[:200],
            )
        case ReportKind.REFUSED:
            return NotStarted(
                host=report.host, attempt_id=report.attempt_id, epoch=report.epoch, result=_result(report)
            )


def answer_of(report: Report, looks: Sequence[Look]) -> Event | Ignored:
    """Give what an untouched host said in a look; an answer to the planning of the campaign comes too late."""
    number = next((look.number for look in looks if look_epoch(look.number) == report.epoch), None)
    if number is None or not report.attempt_id.endswith(f"/{PLANNING_ATTEMPT}"):
        return Ignored(reason="the host was not asked for this dry run")
    if report.kind not in {ReportKind.RESULT, ReportKind.REFUSED}:
        return Ignored(reason="not an answer yet")
    return ControlAnswered(host=report.host, look=number, result=_result(report))


def is_reading(report: Report) -> bool:
    """Whether it answers a gate that reads hosts."""
    return report.mode is Mode.APPLY and reads_for_gate(report.attempt_id)


def reading_of(report: Report) -> Event | Ignored:
    """Give what a host said of its health to the gate question of this number."""
    if report.attempt_id.split("/")[1] != report.host:
        return Ignored(reason="the attempt is another host's")
    if report.kind not in {ReportKind.RESULT, ReportKind.REFUSED}:
        return Ignored(reason="not an answer yet")
    result = _result(report)
    if "compared_with" in result.data:
        running, problem = running_of(result)
        return HostRead(host=report.host, number=report.epoch, running=running, problem=problem)
    vitals, problem = vitals_of(result)
    if problem:
        return HostRead(host=report.host, number=report.epoch, problem=problem)
    return HostRead(
        host=report.host,
        number=report.epoch,
        vitals=vitals,
        restarted=restarted_of(result),
        restarting=restarting_of(result),
    )


def _attempt(report: Report, run: HostRun | None) -> Attempt | Ignored:
    if run is None:
        return Ignored(reason="the host is not in this campaign")
    attempt = next((item for item in run.attempts if item.id == report.attempt_id), None)
    if attempt is None:
        return Ignored(reason="this attempt was never ordered")
    if attempt.epoch != report.epoch:
        return Ignored(reason=f"epoch {report.epoch} is not that of the attempt")
    return attempt


def _checked(report: Report) -> Event | Ignored:
    if report.kind is not ReportKind.RESULT:
        # a check that did not take place says nothing about the host; it is asked again
        return Ignored(reason=f"a check that was {report.kind.value}")
    return Rechecked(
        host=report.host, attempt_id=report.attempt_id, epoch=report.epoch, result=_result(report)
    )


def _told_to_stop(report: Report) -> Event | Ignored:
    if report.kind is ReportKind.RESULT and _result(report).outcome is Outcome.OK:
        return StopHeard(host=report.host, attempt_id=report.attempt_id, epoch=report.epoch)
    return Ignored(reason="the host could not be told to stop; it is told again")


def _result(report: Report) -> HostResult:
    if report.result is not None:
        return report.result
    error = HostError(code="E_REFUSED", message="The host refused the order and gave no reason")
    return HostResult(outcome=Outcome.SKIPPED, error=error)
