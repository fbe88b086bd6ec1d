"""Chooses what is told to whom: a pure comparison of a campaign before and after one transaction.

It needs no memory of its own: a campaign is saved once over each version, so each occasion is seen once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.campaign.bringing_back import held_by
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import GateKind
from orchestrator.campaign.limits.shared_cause import SHARED_CAUSE_RULE
from orchestrator.campaign.limits.stop_rules import SEVERITY, stopped
from orchestrator.campaign.occasion import Occasion
from orchestrator.campaign.rollout import RolloutPolicy, StopAction
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState

#: a plan nobody applied concerns only whoever made it
_PLANS = frozenset({CampaignState.PLANNING, CampaignState.PLANNED})
_HALTS = SEVERITY[StopAction.HALT]


def told(before: Campaign, after: Campaign) -> tuple[tuple[str, Occasion], ...]:
    """Who is told of what now that `after` replaces `before`: channel and occasion, each pair once."""
    if not after.policy.notify:
        return ()
    happened = occasions(before, after)
    pairs = (
        (entry.to, occasion) for occasion in happened for entry in after.policy.notify if occasion in entry.on
    )
    return tuple(dict.fromkeys(pairs))


def occasions(before: Campaign, after: Campaign) -> tuple[Occasion, ...]:
    """What happened from `before` to `after` that people may want to know, in the order of Occasion."""
    if before.state in _PLANS and after.state in _PLANS | FINAL_CAMPAIGN:
        return ()
    return tuple(_occasions(before, after))


def _occasions(before: Campaign, after: Campaign) -> Iterator[Occasion]:
    new = after.stops[len(before.stops) :]
    if before.started_at is None and after.started_at is not None:
        yield Occasion.STARTED
    if _enters(before, after, CampaignState.AWAITING_APPROVAL) or _asked(after) - _asked(before):
        yield Occasion.APPROVAL
    noted = any(stop.action is StopAction.CONTINUE for stop in new)
    if noted or len(after.notices) > len(before.notices):
        yield Occasion.WARNING
    again = after.state is CampaignState.PAUSED and any(stop.action is StopAction.PAUSE for stop in new)
    held = set(held_by(after)) - set(held_by(before)) if after.state not in FINAL_CAMPAIGN else ()
    shared = any(stop.rule == SHARED_CAUSE_RULE for stop in new)
    if _enters(before, after, CampaignState.PAUSED) or again or held or shared:
        yield Occasion.PAUSED
    if stopped(after) and (not stopped(before) or any(SEVERITY[stop.action] >= _HALTS for stop in new)):
        yield Occasion.HALTED
    if before.state not in FINAL_CAMPAIGN and after.state in FINAL_CAMPAIGN:
        yield Occasion.FINISHED


def _asked(campaign: Campaign) -> set[tuple[str, int, datetime]]:
    """Human gates people were asked to open."""
    human = {gate.name for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN}
    return {(item.gate, item.wave, item.asked_at) for item in campaign.gates if item.gate in human}


def _enters(before: Campaign, after: Campaign, state: CampaignState) -> bool:
    return before.state is not state and after.state is state


def notify_words(policy: RolloutPolicy) -> Iterator[str]:
    """What the plan says about it, one line a channel."""
    for entry in policy.notify:
        yield f"tells {entry.to} when it is: {', '.join(occasion_words(item) for item in entry.on)}"


def occasion_words(occasion: Occasion) -> str:
    """The occasion as it ends the sentence "when it is …"."""
    words = {Occasion.APPROVAL: "waiting for an approval", Occasion.WARNING: "slow or in tolerated trouble"}
    return words.get(occasion, occasion.value)
