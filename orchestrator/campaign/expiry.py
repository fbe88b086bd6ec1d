"""When an order can start no more, whatever the clocks say.

A host refuses an order after its expiry, by its own clock or its worker's; whether that has come, the orchestrator can
only tell by another clock, and an answer may have been given long before it arrives. So a host that says it did not
start is believed when its answer says that it was given after the expiry; and it is asked, and given up when nobody
reaches it, once the difference the clocks may have is over too. Otherwise another copy of the order may be under way,
and one that starts after its attempt was closed changes a host nobody watches.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt
from tasks.model import Kind
from tasks.result import ALLOWED_SKEW_S, HostResult


def dead_at(attempt: Attempt, kind: Kind) -> datetime:
    """The instant from which no copy of the attempt's order can start; a read that starts late changes nothing."""
    if kind is Kind.READ_ONLY:
        return attempt.expires_at
    return attempt.expires_at + timedelta(seconds=ALLOWED_SKEW_S)


def was_dead(attempt: Attempt, kind: Kind, answer: HostResult, now: datetime) -> bool:
    """Whether no copy of the attempt's order could start any more when its host gave this answer.

    A worker of an earlier release does not say so much; then it is the orchestrator's clock that counts.
    """
    if answer.refuses_before > 0:
        return answer.refuses_before > attempt.expires_at.timestamp()
    return now >= dead_at(attempt, kind)
