"""What came in from workers: a report, or a message that is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tasks.wire import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A message that is no report, and why; a short beginning of it is kept as evidence."""

    reason: str
    size: int
    head: str


Received: TypeAlias = Report | Malformed
