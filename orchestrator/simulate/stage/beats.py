"""What heartbeats said of steps, with the instant at which the orchestrator was handed each of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tasks.wire import Report, ReportKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heartbeat, as it was handed over last."""

    seq: int
    step: str
    at: datetime


@dataclass(slots=True)
class Beats:
    """All of them, by attempt."""

    _heard: dict[str, list[Beat]] = field(default_factory=dict)
    #: the earliest instant of each step
    _first: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def hear(self, reports: Iterable[Report], now: datetime) -> None:
        """Keep what is handed over now; what a process did not commit is handed over once more."""
        for report in reports:
            if report.kind is not ReportKind.HEARTBEAT or not report.step:
                continue
            heard = self._heard.setdefault(report.attempt_id, [])
            heard[:] = [item for item in heard if (item.seq, item.step) != (report.seq, report.step)]
            heard.append(Beat(seq=report.seq, step=report.step, at=now))
            key = report.attempt_id, report.step
            self._first[key] = min(now, self._first.get(key, now))

    def first(self, attempt_id: str, step: str) -> datetime | None:
        """When it was said for the first time that the attempt is on this step."""
        return self._first.get((attempt_id, step))

    def last(self, attempt_id: str) -> Beat | None:
        """The step the last heartbeats have in common, as the first of these said it."""
        found: Beat | None = None
        for item in reversed(self._heard.get(attempt_id, [])):
            if found is not None and item.step != found.step:
                break
            found = item
        return found
