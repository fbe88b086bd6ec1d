"""A plain campaign, and the same with hosts that were ordered something: what most laws and decisions are tried on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.campaign.campaign import Attempt, Campaign
from orchestrator.campaign.states import HostState
from tests.support.campaigns import NOON, plain_campaign

#: nothing has been started yet
BEFORE = plain_campaign()


def attempt(host: str, number: int = 1, **fields: Any) -> Attempt:
    """An attempt that was ordered at noon and has no end."""
    given = {"epoch": number, "undo": False, "undo_of": None, "ordered_at": NOON, "expires_at": NOON} | fields
    return Attempt(id=f"{BEFORE.id}/{host}/{number}", number=number, **given)


def with_run(campaign: Campaign, place: int, **fields: Any) -> Campaign:
    """The campaign with one host changed."""
    runs = list(campaign.runs)
    runs[place] = replace(runs[place], **fields)
    return replace(campaign, runs=tuple(runs))


def started(campaign: Campaign, place: int = 0) -> Campaign:
    """The campaign with its first attempt on a host."""
    name = campaign.runs[place].host.name
    return with_run(campaign, place, state=HostState.ORDERED, attempts=(attempt(name),))
