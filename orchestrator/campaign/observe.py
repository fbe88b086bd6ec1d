"""Takes in what the world told us; whatever does not fit the campaign as it is changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.campaign import moves
from orchestrator.campaign.answers import HostEvent, react
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import (
    AbortAsked,
    ApproveAsked,
    ControlAnswered,
    DenyAsked,
    Event,
    GateAnswered,
    HostRead,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    SkipAsked,
    Started,
)
from orchestrator.campaign.gate_readings import read_all
from orchestrator.campaign.gates.asking import answered
from orchestrator.campaign.limits import shared_cause
from orchestrator.campaign.limits.approval import applied
from orchestrator.campaign.operators import ask
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState

_ASKED = (
    AbortAsked,
    PauseAsked,
    ResumeAsked,
    SkipAsked,
    RollbackAsked,
    ApproveAsked,
    DenyAsked,
    OverrideAsked,
)


def observe(campaign: Campaign, event: Event, now: datetime) -> Campaign:
    """The campaign after this event; the very same object when the event changes nothing."""
    return observe_all(campaign, (event,), now)


def observe_all(campaign: Campaign, events: Iterable[Event], now: datetime) -> Campaign:
    """The campaign after these events, in their order; one pass over the hosts for all of them."""
    batch: list[HostEvent] = []
    after = campaign
    for event in events:
        if isinstance(event, Started):
            after, batch = _started(_on_hosts(after, batch, now), now), []
        elif isinstance(event, _ASKED):
            after, batch = ask(_on_hosts(after, batch, now), event, now), []
        elif isinstance(event, GateAnswered):
            if after.state not in FINAL_CAMPAIGN:
                after, batch = answered(_on_hosts(after, batch, now), event, now), []
        elif isinstance(event, HostRead):
            after, batch = observe_readings(_on_hosts(after, batch, now), (event,), now)[0], []
        elif isinstance(event, ControlAnswered):
            if after.state not in FINAL_CAMPAIGN:
                after = shared_cause.answered(after, event, now)
        else:
            batch.append(event)
    return _on_hosts(after, batch, now)


def observe_readings(
    campaign: Campaign, events: Sequence[HostRead], now: datetime
) -> tuple[Campaign, tuple[bool, ...]]:
    """The campaign after these readings, and which of them changed it; one pass over the hosts for all of them."""
    if campaign.state in FINAL_CAMPAIGN:
        return campaign, (False,) * len(events)
    return read_all(campaign, events, now)


def hear(
    campaign: Campaign, events: Sequence[HostEvent], now: datetime
) -> tuple[Campaign, tuple[HostEvent, ...]]:
    """The campaign after what hosts said, in its order, and what of it changed anything; one pass over the hosts."""
    if not events or campaign.state in FINAL_CAMPAIGN:
        return campaign, ()
    wanted = {event.host for event in events}
    places = {run.host.name: place for place, run in enumerate(campaign.runs) if run.host.name in wanted}
    runs = list(campaign.runs)
    changing: list[HostEvent] = []
    for event in events:
        place = places.get(event.host)
        if place is None:
            continue
        run = react(campaign, runs[place], event, now)
        if run is not runs[place]:
            changing.append(event)
            runs[place] = run
    if not changing:
        return campaign, ()
    return moves.tidy(replace(campaign, runs=tuple(runs)), now), tuple(changing)


def _on_hosts(campaign: Campaign, events: Sequence[HostEvent], now: datetime) -> Campaign:
    return hear(campaign, events, now)[0]


def _started(campaign: Campaign, now: datetime) -> Campaign:
    """A plan is applied once, while it is valid; where people must agree first, it waits for them."""
    ready = campaign.state is CampaignState.PLANNED
    expired = campaign.plan_expires_at is not None and now >= campaign.plan_expires_at
    if not ready or expired or campaign.abort_requested:
        return campaign
    return applied(campaign, now)
