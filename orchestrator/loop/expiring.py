"""Leases that have run out: renewed while their campaign is at work, else taken away and told in the log.

What the host uses of budgets stays: nobody has proven it well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.campaign import Campaign, runs_of
from orchestrator.campaign.lease import kept_until
from orchestrator.store.records import Lease, LogEntry
from orchestrator.store.writer import Writer

#: kind of the line in the log that tells of a lease that ran out
EXPIRED = "lease-expired"


def due(leases: Iterable[Lease], now: datetime) -> tuple[Lease, ...]:
    """Give those that must be looked at: their instant has come, or they were taken before there was one."""
    return tuple(lease for lease in leases if lease.expires_at is None or lease.expires_at <= now)


def sweep(
    writer: Writer,
    leases: Sequence[Lease],
    known: Callable[[str], Campaign | None],
    now: datetime,
    lease_for_s: float,
) -> None:
    """Renew or take away these leases; a line of the log for each that is taken away."""
    renewed: list[Lease] = []
    gone: list[Lease] = []
    for campaign_id in dict.fromkeys(lease.campaign_id for lease in leases):
        mine = [lease for lease in leases if lease.campaign_id == campaign_id]
        for lease in _with_ends(mine, known(campaign_id) or writer.load(campaign_id), now, lease_for_s):
            lasts = lease.expires_at is not None and lease.expires_at > now
            (renewed if lasts else gone).append(lease)
    writer.log([_line(lease, now) for lease in gone])
    writer.expire_leases(gone)
    writer.renew_leases(renewed)


def _with_ends(
    leases: Sequence[Lease], campaign: Campaign | None, now: datetime, lease_for_s: float
) -> list[Lease]:
    """Give them with the instant until which they last; of a campaign or host nobody knows any more they do not."""
    runs = runs_of(campaign, {lease.host for lease in leases}) if campaign is not None else {}
    return [
        replace(lease, expires_at=kept_until(campaign, runs[lease.host], now, lease_for_s))
        if campaign is not None and lease.host in runs
        else replace(lease, expires_at=lease.expires_at or now)
        for lease in leases
    ]


def _line(lease: Lease, now: datetime) -> LogEntry:
    return LogEntry(
        kind=EXPIRED,
        at=now,
        campaign_id=lease.campaign_id,
        host=lease.host,
        attempt_id=lease.attempt_id,
        data={
            "epoch": lease.epoch,
            "since": lease.since.isoformat(),
            "until": lease.expires_at.isoformat() if lease.expires_at is not None else "",
            "why": "nobody has heard of it since; other campaigns may take the host, its budgets stay used",
        },
    )
