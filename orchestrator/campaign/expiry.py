"""When an order can start no more, whatever the clocks say.

A host refuses an order after its expiry, by its own clock or its worker's; whether that has come, the orchestrator can
only tell by another clock. So it waits for the difference the clocks may have as well, before it believes a host that
says it did not start: another copy of the order may be under way, and a copy that starts after its attempt was closed
changes a host nobody watches.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt
from tasks.model import Kind

#: seconds by which the clocks of orchestrator, workers and hosts may differ; three times what `health.check` warns of
ALLOWED_SKEW_S = 15.0


def dead_at(attempt: Attempt, kind: Kind) -> datetime:
    """The instant from which no copy of the attempt's order can start; a read that starts late changes nothing."""
    if kind is Kind.READ_ONLY:
        return attempt.expires_at
    return attempt.expires_at + timedelta(seconds=ALLOWED_SKEW_S)
