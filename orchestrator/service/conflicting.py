"""Who is in the way of a plan that is applied: told to both campaigns, or the reason why it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.limits.conflict import Rival, rivals
from orchestrator.store.reader import Reader
from orchestrator.store.records import LogEntry
from tasks.errors import Refused
from tasks.model import Kind


def rivals_of(reader: Reader, campaign: Campaign) -> tuple[Rival, ...]:
    """Give the campaigns in the way of this one: those at work, and those that are over and still keep its hosts."""
    if campaign.kind is Kind.READ_ONLY:
        return ()
    others = [other for head in reader.heads() if (other := reader.load(head.id)) is not None]
    found = {rival.campaign: rival for rival in rivals(campaign, others)}
    at_work = {other.id for other in others}
    mine = {run.host.name for run in campaign.runs if run.wave}
    for lease in reader.leases():
        own = lease.campaign_id
        if lease.host in mine and own != campaign.id and own not in at_work:
            known = found.get(own) or Rival(campaign=own, procedure=lease.reason, state="")
            found[own] = replace(known, hosts=(*known.hosts, lease.host))
    return tuple(found.values())


def refused(campaign: Campaign, found: Sequence[Rival]) -> Refused:
    """Say who is in the way, over what, and what to do."""
    first = found[0]
    watch = f"`dockwave watch {first.campaign}`" if first.state else f"`dockwave why {first.campaign}`"
    return Refused(
        f"The plan {campaign.id} would have to wait: {'; '.join(rival.text for rival in found[:3])}",
        code="E_CONFLICT",
        hint=f"See {watch}; the plan stays applicable, and --on-conflict queue lets them take turns",
    )


def noted(campaign: Campaign, found: Sequence[Rival], now: datetime) -> Iterator[LogEntry]:
    """The lines that name the campaigns to each other."""
    for rival in found:
        for own, other in ((campaign.id, rival.campaign), (rival.campaign, campaign.id)):
            data = {"campaign": other, "hosts": list(rival.hosts[:50]), "groups": list(rival.groups[:50])}
            yield LogEntry(kind="in-the-way", at=now, campaign_id=own, data=data)
