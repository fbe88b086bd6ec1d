"""Hosts as people set them apart and release them: once each, in the log with who and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.store.records import Lease, LogEntry
from orchestrator.store.writer import Writer
from tasks.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """What came of setting a host apart."""

    quarantine: Quarantine
    #: whether a campaign ever had a host of this name; False may be a slip of the keyboard
    known: bool
    #: the campaign that changes it now: what the host accepted goes on
    at_work: Lease | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a host was released from."""

    host: str
    #: the quarantine that was lifted, now or before
    quarantine: Quarantine | None
    #: the lease that was given back
    lease: Lease | None
    #: the lease that stays: its campaign is at work
    kept: Lease | None
    #: campaigns for which the host uses budgets still
    uses: tuple[str, ...] = ()


def quarantine(writer: Writer, host: str, *, by: str, reason: str, now: datetime) -> Quarantined:
    """Leave the host alone from this commit on; one that is left alone already stays so, for its first reason."""
    _check(host, reason)
    labels = writer.labels_of(host)
    wanted = Quarantine(host=host, by=by, reason=reason, at=now, labels=labels or {})
    if writer.quarantine([wanted]):
        data = {"by": by, "reason": reason}
        writer.log([LogEntry(kind="quarantined", at=now, host=host, data=data)])
    held = writer.quarantine_of(host) or wanted
    return Quarantined(quarantine=held, known=labels is not None, at_work=_lease(writer, host))


def release(
    writer: Writer, host: str, *, by: str, reason: str, now: datetime, budget: bool = False
) -> Released:
    """Lift the host's quarantine, with the lease of a campaign that is over; a lease alone is given back as it is.

    What the host uses of budgets is freed when a person says that it is well: by lifting its quarantine, or by
    `budget`. A campaign at work frees its own use when its work there has come to an end.
    """
    _check(host, reason)
    newest = writer.quarantine_of(host)
    lease = _lease(writer, host)
    uses = _uses(writer, host)
    if newest is None and lease is None and uses and not budget:
        raise BadInput(
            f"{host} is free; it only uses budgets still, as campaign {uses[0]} left it and nobody has proven it well",
            code="E_NOT_FOUND",
            hint="Look at it, then free them with `dockwave hosts release HOST --budget --reason TEXT`",
        )
    if newest is None and lease is None and not uses:
        raise BadInput(
            f"{host} is not quarantined, and no campaign keeps it",
            code="E_NOT_FOUND",
            hint="`dockwave hosts quarantined` and `dockwave hosts locks` list the hosts that are",
        )
    lifted = newest is not None and newest.holds
    given_back = lease if lease is not None and not (lifted and _at_work(writer, lease)) else None
    if newest is not None and newest.holds:
        newest = replace(newest, released_at=now, released_by=by, release_reason=reason)
        writer.release_quarantine(newest)
    if given_back is not None:
        writer.release_leases(given_back.campaign_id, [host])
    freed = [own for own in uses if (lifted or budget) and not _is_at_work(writer, own)]
    for own in freed:
        writer.end_uses(own, [host])
    if lifted or given_back is not None or freed:
        line = _released(host, newest if lifted else None, given_back, by=by, reason=reason, now=now)
        writer.log([replace(line, data={**line.data, "budget": freed})])
    return Released(
        host=host,
        quarantine=newest,
        lease=given_back,
        kept=lease if given_back is None else None,
        uses=tuple(own for own in uses if own not in freed),
    )


def _check(host: str, reason: str) -> None:
    if not host or not host.isprintable() or len(host) > 253:
        raise BadInput(f"{host[:80]!r} is no name of a host", code="E_PARAM", hint="Check its name")
    if not reason.strip():
        raise BadInput(
            "The reason is empty", code="E_PARAM", hint="Say why in a few words; it is kept in the record"
        )


def _lease(writer: Writer, host: str) -> Lease | None:
    return next((item for item in writer.leases() if item.host == host), None)


def _uses(writer: Writer, host: str) -> list[str]:
    return [item.campaign_id for item in writer.budget_uses() if item.host == host]


def _at_work(writer: Writer, lease: Lease) -> bool:
    return _is_at_work(writer, lease.campaign_id)


def _is_at_work(writer: Writer, campaign_id: str) -> bool:
    campaign = writer.load(campaign_id)
    return campaign is not None and campaign.state not in FINAL_CAMPAIGN


def _released(
    host: str, lifted: Quarantine | None, lease: Lease | None, *, by: str, reason: str, now: datetime
) -> LogEntry:
    campaign = lease.campaign_id if lease is not None else lifted.campaign if lifted is not None else ""
    data = {"by": by, "reason": reason, "quarantine": lifted is not None}
    return LogEntry(
        kind="released",
        at=now,
        campaign_id=campaign,
        host=host,
        attempt_id="",
        data=data | ({"attempt": lease.attempt_id} if lease is not None else {}),
    )
