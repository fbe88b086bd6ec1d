"""What crosses the broker: Order to a worker, Report back; versioned JSON, nothing else.

Secrets never travel: identities and known hosts are named by path on the worker.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, TypeAdapter

from tasks.model import Host, Mode, Protect
from tasks.record import Record
from tasks.result import HostResult

#: Version of both messages; a worker refuses an order of another version by name.
VERSION = 1

#: campaign/host/n: what the Celery task, the host's journal and the transient units are named after
ATTEMPT_PATTERN = r"^[a-z0-9]{1,24}/[a-z0-9][a-z0-9._-]{0,252}/[0-9]{1,6}$"


class Order(Record):
    """Do this attempt: one procedure on one host in one mode."""

    v: int = VERSION
    attempt_id: str = Field(pattern=ATTEMPT_PATTERN)
    #: fencing number of the host: only grows; the journal refuses a lower or equal one for a new attempt
    epoch: int = Field(ge=1)
    mode: Mode
    campaign_id: str
    #: 1-based; 0 for planning
    wave: int = Field(ge=0)
    host: Host
    procedure: str
    params: dict[str, Any]
    #: instant (Unix seconds, UTC) after which the host must not start it
    expires_at: float
    #: seconds the whole attempt may take once started
    timeout_s: float
    #: hash of the approved campaign plan; written to the host's journal
    plan_hash: str = ""
    #: keys of the steps approved for this host; None only in PLAN mode and for read-only procedures
    approved: tuple[str, ...] | None = None
    #: digest of the approved Draft of this host; checked for strict procedures
    digest: str | None = None
    #: machine-id seen at planning; another one is refused (E_HOST_IDENTITY); None on first contact
    machine_id: str | None = None
    #: the attempt whose snapshot an UNDO returns to, and that a reading for a gate compares with
    undo_of: str | None = None
    #: SHA-256 of the snapshot of `undo_of`, as its change told it: the host returns to no other one; "" when not told
    snapshot_sha256: str = ""
    #: in PLAN mode: the attempt that was proven right here before; while it still is, nothing is to be done
    proven_by: str | None = None
    protect: Protect = Protect()
    reason: str = ""
    #: who asked, for the host's journal
    author: str = ""


class ReportKind(StrEnum):
    """What a report says."""

    #: the host's journal has the order: it will be done exactly once
    ACCEPTED = "accepted"
    #: still working; carries step and progress
    HEARTBEAT = "heartbeat"
    #: the end of the attempt
    RESULT = "result"
    #: the host has no record of the attempt (answer to RESUME), or refused to start it
    REFUSED = "refused"
    #: another worker is running this very attempt now
    BUSY = "busy"


class Report(Record):
    """What a worker says about an attempt; may come twice, late, or out of order."""

    v: int = VERSION
    attempt_id: str = Field(pattern=ATTEMPT_PATTERN)
    epoch: int
    host: str
    mode: Mode
    kind: ReportKind
    #: grows with each report of one execution
    seq: int = 0
    #: worker that speaks: agent@web-1, gw-default-1@node
    worker: str = ""
    #: step being done, and how many are done of how many
    step: str = ""
    done: int = 0
    total: int = 0
    result: HostResult | None = None


HOST_RESULT: TypeAdapter[HostResult] = TypeAdapter(HostResult)
