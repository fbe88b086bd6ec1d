"""What a finished campaign says of the hosts it lost sight of: which stay locked, and which others may take."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import HostState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.campaign.window_words import instant_words
from orchestrator.campaign.wording import names
from tasks.model import Kind


def lock_lines(campaign: Campaign, around: Surroundings) -> Iterator[str]:
    """Of the hosts a finished campaign lost sight of: which it keeps locked, until when, and which others may take."""
    if around.kept is None or campaign.kind is Kind.READ_ONLY:
        return
    free: list[str] = []
    locked: dict[str, list[str]] = {}
    for host in (run.host.name for run in campaign.runs if run.state is HostState.UNKNOWN):
        if host not in around.kept:
            free.append(host)
            continue
        until = around.kept[host]
        locked.setdefault(f" until {instant_words(until)}" if until is not None else "", []).append(host)
    for end, hosts in locked.items():
        yield f"locked for other campaigns{end}, unless its journal or a person tells before: {names(hosts)}"
    if free:
        yield f"free for other campaigns; uses its budgets until it is proven well: {names(free)}"
