"""Messages that are no report, or belong to no campaign: logged as evidence, a flood of them as a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from orchestrator.loop.received import Malformed, Received
from orchestrator.store.records import LogEntry
from tasks.wire import Report

log = structlog.get_logger()

#: logged one by one at once; the rest as a number
_SHOWN = 20


def strange_lines(received: Sequence[Received], now: datetime) -> list[LogEntry]:
    """Give the lines of the log for these messages."""
    log.warning("Strange messages among the reports", action="receive", count=len(received))
    lines = [_line(item, now) for item in received[:_SHOWN]]
    if len(received) > _SHOWN:
        lines.append(LogEntry(kind="malformed-more", at=now, data={"count": len(received) - _SHOWN}))
    return lines


def _line(received: Received, now: datetime) -> LogEntry:
    if isinstance(received, Malformed):
        data = {"reason": received.reason, "size": received.size, "head": received.head}
        return LogEntry(kind="malformed", at=now, data=data)
    said = received.model_copy(update={"result": None}).model_dump(mode="json")
    return LogEntry(kind="ignored", at=now, data={"reason": "no such campaign", "report": said})


def breaking_lines(reports: Sequence[Report], campaign_id: str, now: datetime) -> list[LogEntry]:
    """Give the lines of the log that keep reports which broke the turn they came in."""
    return [
        LogEntry(
            kind="ignored",
            at=now,
            campaign_id=campaign_id,
            data={"reason": "it broke the turn it came in", "report": report.model_dump(mode="json")},
        )
        for report in reports
    ]
