"""Rows as records: what the log, the plans, the leases and the hosts table say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of the event log, before it has its number."""

    #: what happened: name of an Event or an Action in lower case, or refused:…, ignored:…
    kind: str
    at: datetime
    #: "" when it belongs to no campaign
    campaign_id: str = ""
    #: "" when it is about the campaign as a whole
    host: str = ""
    attempt_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent(LogEntry):
    """One line of the event log."""

    #: grows with every line; the order of numbers is the order of commits
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """What was asked for, and the frozen document when it is ready."""

    campaign_id: str
    #: options of the request that the campaign's record does not carry
    request: Mapping[str, Any]
    #: the exact bytes that were hashed; None while hosts are still being asked
    document: bytes | None = None
    hash: str = ""
    expires_at: datetime | None = None
    applied_at: datetime | None = None
    applied_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """One host that uses budgets: a campaign worked on it, and nobody has proven it well since."""

    host: str
    campaign_id: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who may change a host now."""

    host: str
    campaign_id: str
    attempt_id: str
    epoch: int
    since: datetime
    reason: str = ""
    #: it is looked at then, and renewed or taken away; None: it was taken before leases ran out
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something people are still to be told over one channel."""

    #: number of the line of the log that announces it
    seq: int
    campaign_id: str
    channel: str
    #: occasion of the campaign
    event: str
    #: the message, as JSON
    document: Mapping[str, Any]
    #: how often it was tried in vain
    tries: int = 0
    next_try: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHost:
    """What is remembered about a host over all campaigns."""

    name: str
    #: last epoch drawn for it; the next one is above
    epoch: int = 0
    #: machine-id it answered with first; another one is another machine
    machine_id: str | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A campaign in one line: enough to know whether it must be looked at."""

    id: str
    state: str
    version: int
