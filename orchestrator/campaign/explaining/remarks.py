"""What people should know of a campaign that goes on: what keeps it from starting hosts, and what takes long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.campaign.brakes import Reach, brakes
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import WORKING
from orchestrator.campaign.limits.approval import waiting_lines
from orchestrator.campaign.limits.disruption import budget_lines
from orchestrator.campaign.limits.quarantine_waits import its_turn, waiting_hosts
from orchestrator.campaign.limits.stop_rules import stopped
from orchestrator.campaign.states import HostState
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.campaign.wording import SHOWN, names


def brake_lines(campaign: Campaign, now: datetime, around: Surroundings = CALM) -> tuple[str, ...]:
    """What keeps a campaign at work from starting hosts now, one line each; () when nothing does, or all is over."""
    if campaign.state not in WORKING:
        return tuple(waiting_lines(campaign, now))
    over = stopped(campaign)
    braking = tuple(
        f"{brake.text}. {brake.hint}" if brake.hint else brake.text
        for brake in brakes(campaign, now, around).items
        if not over or brake.reach is Reach.EVERYTHING
    )
    return (
        *braking,
        *_lease_lines(campaign, around),
        *_quarantine_lines(campaign, around),
        *budget_lines(campaign, around),
    )


def _lease_lines(campaign: Campaign, around: Surroundings) -> Iterator[str]:
    """The hosts whose turn has come, and which campaign keeps them."""
    if not around.blocked:
        return
    kept: dict[str, list[str]] = {}
    for run in campaign.runs:
        if run.host.name in around.blocked and its_turn(run, campaign):
            kept.setdefault(around.owners.get(run.host.name, ""), []).append(run.host.name)
    for owner, hosts in kept.items():
        who = f"campaign {owner}" if owner else "another campaign"
        yield f"{who} keeps {names(hosts)}: it goes on when they are given back (`dockwave hosts locks` lists them)"


def _quarantine_lines(campaign: Campaign, around: Surroundings) -> Iterator[str]:
    waiting = waiting_hosts(campaign, around)
    for item in waiting[:SHOWN]:
        run = campaign.run_of(item.host)
        skip = f", or leave it out with `dockwave skip {campaign.id} {item.host} --reason TEXT`"
        started = run is None or run.state is not HostState.PENDING
        yield f"{item.text}. Look at it, then release it with `{item.release}`{'' if started else skip}"
    if len(waiting) > SHOWN:
        yield f"{len(waiting) - SHOWN} more hosts are quarantined: `dockwave hosts quarantined` lists them"


def notice_lines(campaign: Campaign) -> tuple[str, ...]:
    """What people were told of and that stopped nothing, the latest last, so many as a screen takes."""
    return tuple(
        f"{item.at:%H:%M:%S} {item.rule} ({item.limit}): {item.observed}"
        for item in campaign.notices[-SHOWN:]
    )
