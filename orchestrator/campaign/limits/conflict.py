"""Campaigns in each other's way: those at work on the same hosts, or on hosts that share a budget or a service.

Nobody deadlocks over it: a campaign takes a host only at the moment it orders something on it, and never keeps one
while it waits for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.limits.disruption import SERVICE, Group, group_words, groups_of
from orchestrator.campaign.limits.quorum import services_of
from orchestrator.campaign.rollout import Budgets
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST, CampaignState
from orchestrator.campaign.wording import names
from tasks.model import Kind

_PLANS = frozenset({CampaignState.PLANNING, CampaignState.PLANNED})


class OnConflict(StrEnum):
    """What becomes of a plan that is applied while another campaign is in its way."""

    #: it is applied; the two take turns, host by host
    QUEUE = "queue"
    #: it is refused, and stays applicable
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One campaign in the way of another, and over what."""

    campaign: str
    procedure: str
    #: of the campaign; "" when it is over and only keeps hosts nobody knows the fate of
    state: str
    hosts: tuple[str, ...] = ()
    #: "rack=a", "service shop", "the fleet"
    groups: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Who it is, and what both want, in one sentence."""
        what = [f"hosts {names(self.hosts)}"] if self.hosts else []
        what += [f"the budget of {names(self.groups)}"] if self.groups else []
        state = self.state or "over, and keeps them"
        return f"campaign {self.campaign} ({self.procedure}, {state}) has to do with {' and '.join(what)} too"


def rivals(campaign: Campaign, others: Iterable[Campaign]) -> tuple[Rival, ...]:
    """The campaigns at work that are in the way of this one, whichever of the two keeps the budget they share."""
    if campaign.kind is Kind.READ_ONLY:
        return ()
    return tuple(_rivals(campaign, others))


def _rivals(campaign: Campaign, others: Iterable[Campaign]) -> Iterator[Rival]:
    mine = _open(campaign)
    names = {run.host.name for run in mine}
    for other in others:
        at_work = other.state not in _PLANS | FINAL_CAMPAIGN
        if other.id == campaign.id or other.kind is Kind.READ_ONLY or not at_work:
            continue
        theirs = _open(other)
        hosts = tuple(run.host.name for run in theirs if run.host.name in names)
        shared = {
            group for keeper in (campaign, other) for group in _groups(keeper, mine) & _groups(keeper, theirs)
        }
        if hosts or shared:
            yield Rival(
                campaign=other.id,
                procedure=other.procedure,
                state=other.state.value,
                hosts=hosts,
                groups=tuple(group_words(group) for group in sorted(shared)),
            )


def _open(campaign: Campaign) -> tuple[HostRun, ...]:
    """Hosts something is still to be done on."""
    return tuple(run for run in campaign.runs if run.wave and run.state not in FINAL_HOST)


def _groups(keeper: Campaign, runs: Iterable[HostRun]) -> frozenset[Group]:
    """The groups of these hosts in which this campaign lets only so many be away."""
    budgets, quorum = keeper.policy.budgets or Budgets(), keeper.policy.quorum
    found: set[Group] = set()
    for run in runs:
        found.update(groups_of(budgets, run.host))
        found.update((SERVICE, service) for service in services_of(run, quorum))
    return frozenset(found)
